//! Backpropagation through time, with a surrogate where a spike would have to be differentiated (docs/mathematics.md, eq. 41).
//!
//! With λ for plain derivatives of the loss, s for what is emitted, s' for its (surrogate) derivative, and the reset written as
//! V⁺ = V⁻ + s · jump(V⁻):
//!
//! ```text
//! motion     λV⁺ₙ = a λV⁻ₙ₊₁                λIₙ = ψ λV⁻ₙ₊₁ + b λIₙ₊₁
//! emission   λsₙ = ∂L/∂sₙ + Σ w λIₙ₊ₔ                      (over the synapses of the neuron, d the delay)
//! reset      λV⁻ₙ = ∂L/∂Vₙ + (1 + s jump') λV⁺ₙ + s'(Vₙ⁻ − v_th) (λsₙ + [attached] jump λV⁺ₙ)
//! weights    ∂L/∂w = Σₙ sₙ λIₙ₊ₔ
//! ```
//!
//! A run with soft spikes makes this the exact gradient; a run with spikes, the surrogate gradient of Neftci, Mostafa and Zenke
//! (IEEE Signal Processing Magazine 36, 51, 2019). Delays are whole steps and refractory times zero: the loss is constant in
//! them, and so are their entries of the gradient zero. Not here: sums over a batch (`batch.rs`).

use super::network::ByTimeConstants;
use super::{Cotangents, Reset, Run, SpikeDerivative, SteppedNetwork};
use crate::as_lif;
use spikegrad_dynamics::lif;
use spikegrad_network::Parameters;
use std::ops::Range;

/// What a neuron collects for its own numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct NeuronSum {
    a: f64,
    b: f64,
    psi: f64,
    rest: f64,
    v_th: f64,
    v_reset: f64,
    initial_v: f64,
    initial_i: f64,
}

/// A gradient under way, in the layout of the groups.
#[derive(Clone, Debug, PartialEq)]
pub struct SteppedSum {
    weights: Vec<Vec<f64>>,
    neurons: Vec<NeuronSum>,
}

impl SteppedSum {
    /// Zeros.
    #[must_use]
    pub fn new(network: &SteppedNetwork<'_>) -> Self {
        let weights = network.groups.iter().map(|group| vec![0.0; group.len()]).collect();
        Self { weights, neurons: vec![NeuronSum::default(); network.neurons.len()] }
    }

    /// Adds another, and leaves zeros there.
    pub(super) fn take(&mut self, other: &mut Self) {
        for (sums, others) in self.weights.iter_mut().zip(&mut other.weights) {
            for (sum, other) in sums.iter_mut().zip(others) {
                *sum += std::mem::take(other);
            }
        }
        for (sum, other) in self.neurons.iter_mut().zip(&mut other.neurons) {
            let other = std::mem::take(other);
            sum.a += other.a;
            sum.b += other.b;
            sum.psi += other.psi;
            sum.rest += other.rest;
            sum.v_th += other.v_th;
            sum.v_reset += other.v_reset;
            sum.initial_v += other.initial_v;
            sum.initial_i += other.initial_i;
        }
    }

    /// Brings the sum into the shape of `parameters`, at whose values it was taken.
    #[must_use]
    pub fn gradient(&self, network: &SteppedNetwork<'_>, parameters: &Parameters) -> Parameters {
        let mut gradient = parameters.zeros_like();
        for (group, sums) in network.groups.iter().zip(&self.weights) {
            group.write(sums, &mut gradient.connections[group.connection].weights);
        }
        for (k, into) in gradient.populations.iter_mut().enumerate() {
            let values = &parameters.populations[k];
            let entries = values.model().entries();
            for (index, neuron) in network.network.range(k).enumerate() {
                let sum = &self.neurons[neuron];
                let mut all = [0.0; lif::COUNT];
                all[lif::V_LEAK] = sum.rest;
                all[lif::I_BIAS] = sum.rest;
                all[lif::V_TH] = sum.v_th;
                all[lif::V_RESET] = sum.v_reset;
                all[lif::V] = sum.initial_v;
                all[lif::I] = sum.initial_i;
                if network.settings.time_constants {
                    let of = as_lif::numbers(values, index, as_lif::default);
                    let (tau_mem, tau_syn) = (of[lif::TAU_MEM], of[lif::TAU_SYN]);
                    let by = ByTimeConstants::new(tau_mem, tau_syn, network.settings.dt);
                    all[lif::TAU_MEM] = sum.a * by.a_by_mem + sum.psi * by.psi_by_mem;
                    all[lif::TAU_SYN] = sum.b * by.b_by_syn + sum.psi * by.psi_by_syn;
                }
                for ((_, into), &entry) in into.values_mut().zip(entries) {
                    into.add_at(index, all[entry]);
                }
            }
        }
        gradient
    }
}

/// Memory of a backward pass, used again.
#[derive(Clone, Debug, Default)]
pub struct BackwardMemory {
    /// λV⁻ of the step after.
    membrane: Vec<f64>,
    /// λI at this step and as many later ones as the longest delay has: step n is row n modulo their number.
    current: Vec<f64>,
    /// λs.
    emitted: Vec<f64>,
    /// s, one entry for each neuron.
    values: Vec<f64>,
}

/// What a backward pass reads.
#[derive(Clone, Debug)]
pub struct Reading<'a> {
    /// The run.
    pub run: &'a Run,
    /// ∂L/∂(what the loss read), of the neurons `of`.
    pub cotangents: &'a Cotangents,
    /// The neurons that the loss read.
    pub of: Range<usize>,
    /// ∂L/∂(spike count) of each neuron, or nothing.
    pub by_count: &'a [f64],
}

impl Reading<'_> {
    fn row<'b>(&self, all: &'b [f64], step: usize) -> &'b [f64] {
        let size = self.of.len();
        if all.is_empty() { all } else { &all[step * size..][..size] }
    }
}

impl SteppedNetwork<'_> {
    /// What a spike of size one adds to the potential `v` of neuron `k`.
    pub(super) fn jump(&self, k: usize, v: f64) -> f64 {
        let n = &self.neurons[k];
        match self.settings.reset {
            Reset::ToValue => n.v_reset - v,
            Reset::ByDifference => n.v_reset - n.v_th,
        }
    }

    /// Walks a run backwards and adds its gradient to `sum`.
    pub fn backward(
        &self,
        reading: &Reading<'_>,
        derivative: &impl SpikeDerivative,
        memory: &mut BackwardMemory,
        sum: &mut SteppedSum,
    ) {
        let count = self.neurons.len();
        let run = reading.run;
        let rows = self.longest + 1;
        memory.membrane.clear();
        memory.membrane.resize(count, 0.0);
        memory.current.clear();
        memory.current.resize(rows * count, 0.0);
        memory.values.clear();
        memory.values.resize(count, 0.0);
        for step in (0..=run.steps).rev() {
            for (k, value) in run.emitted(step) {
                memory.values[k] = value;
            }
            self.move_back(run, step, memory, sum);
            self.collect(run, step, &memory.current, sum);
            memory.emitted.clear();
            memory.emitted.extend_from_slice(reading.by_count);
            memory.emitted.resize(count, 0.0);
            let of_loss = reading.row(&reading.cotangents.spikes, step);
            for (into, from) in memory.emitted[reading.of.clone()].iter_mut().zip(of_loss) {
                *into += from;
            }
            for group in self.groups.iter().filter(|group| self.goes_back(group)) {
                if step + group.delay <= run.steps {
                    let row = (step + group.delay) % rows * count;
                    let adjoint = &memory.current[row..row + count];
                    group.pull_back(adjoint, &mut memory.emitted);
                }
            }
            if step > 0 {
                self.reset_back(run, step, derivative, memory, sum);
            }
            let of_loss = reading.row(&reading.cotangents.voltage, step);
            for (into, from) in memory.membrane[reading.of.clone()].iter_mut().zip(of_loss) {
                *into += from;
            }
            for (k, _) in run.emitted(step) {
                memory.values[k] = 0.0;
            }
        }
        let currents = &memory.current[..count];
        for ((sum, v), i) in sum.neurons.iter_mut().zip(&memory.membrane).zip(currents) {
            sum.initial_v += v;
            sum.initial_i += i;
        }
    }

    fn goes_back(&self, group: &super::wiring::Group) -> bool {
        let is_cut = group.is_recurrent && self.settings.detach_recurrence;
        !group.is_input && !is_cut
    }

    /// From the potentials before the spikes of the next step to the state after the arrivals of this one.
    fn move_back(&self, run: &Run, step: usize, memory: &mut BackwardMemory, sum: &mut SteppedSum) {
        let count = self.neurons.len();
        let rows = self.longest + 1;
        if step == run.steps {
            // Nothing comes after: all is zero, as it stands.
            return;
        }
        let (here, next) = (step % rows * count, (step + 1) % rows * count);
        for k in 0..count {
            let (n, into) = (&self.neurons[k], &mut sum.neurons[k]);
            let (by_v, by_i) = (memory.membrane[k], memory.current[next + k]);
            into.rest += n.towards_rest * by_v;
            if self.settings.time_constants {
                let before = run.membrane[step * count + k];
                let value = memory.values[k];
                let v = if value == 0.0 { before } else { before + value * self.jump(k, before) };
                let i = run.current[step * count + k];
                into.a += by_v * (v - n.rest);
                into.psi += by_v * i;
                into.b += by_i * i;
            }
            memory.membrane[k] = n.a * by_v;
            memory.current[here + k] = n.psi * by_v + n.b * by_i;
        }
    }

    /// The weights' share of what was emitted at `step`.
    fn collect(&self, run: &Run, step: usize, current: &[f64], sum: &mut SteppedSum) {
        let count = self.neurons.len();
        for (group, sums) in self.groups.iter().zip(&mut sum.weights) {
            if step + group.delay <= run.steps {
                let row = (step + group.delay) % (self.longest + 1) * count;
                let emitted =
                    if group.is_input { run.inputs_at(step) } else { run.spikes_at(step) };
                group.collect(emitted, &current[row..row + count], sums);
            }
        }
    }

    /// From the potentials after the spikes of `step` to those before.
    fn reset_back(
        &self,
        run: &Run,
        step: usize,
        derivative: &impl SpikeDerivative,
        memory: &mut BackwardMemory,
        sum: &mut SteppedSum,
    ) {
        let membrane = &run.membrane[step * self.neurons.len()..][..self.neurons.len()];
        for k in self.spiking.iter().cloned().flatten() {
            let (n, into) = (&self.neurons[k], &mut sum.neurons[k]);
            let (value, after) = (memory.values[k], memory.membrane[k]);
            let attached =
                if self.settings.detach_reset { 0.0 } else { after * self.jump(k, membrane[k]) };
            let through = derivative.at(k, membrane[k] - n.v_th) * (memory.emitted[k] + attached);
            into.v_th -= through;
            into.v_reset += value * after;
            memory.membrane[k] = through
                + match self.settings.reset {
                    Reset::ToValue => (1.0 - value) * after,
                    Reset::ByDifference => {
                        into.v_th -= value * after;
                        after
                    }
                };
        }
    }
}
