//! The way back from spikes after the end of a run to the states there, and to weights and parameters directly.
//!
//! Where neuron i is read, its next spikes depend on its state and on x = Σ w (rate + spikes on their way); each rate depends on the state of its
//! neuron and, off cycles, on what that one hears in turn. So populations are passed in the reverse of the order in which their rates were found
//! (docs/mathematics.md, eqs. 27 to 27d). Not here: cycles and their pullbacks (`spikegrad_dynamics`).

use crate::backward::Sweep;
use crate::{AdjointError, GradientSum};
use spikegrad_dynamics::{Drive, NeuronAdjoint, NeuronGradient, Scalar, Vector};
use spikegrad_network::loss::Cotangents;
use spikegrad_network::{
    Circuit, Measure, NeuronId, Part, Pseudospikes, Time, Trace, on_their_way, widths,
};

/// ∂L/∂(first spike of a neuron after the run) and ∂L/∂(its period), where the loss reads it.
#[derive(Clone, Copy)]
struct Read<T> {
    neuron: usize,
    cotangents: [T; 2],
}

/// The widths with which the loss reads spikes after the run, as far as it depends on them.
pub(crate) fn widths_that_matter<T: Scalar>(
    trace: &Trace<T>,
    cotangents: &Cotangents<T>,
) -> Vec<f64> {
    let all = trace.readouts.iter().zip(&cotangents.readouts);
    let read = all.filter(|(_, cotangent)| !cotangent.is_exactly_zero());
    widths(read.map(|(readout, _)| readout.request.measure))
}

/// What a loss reads of spikes after a run.
pub(crate) struct AfterTheRun<'a, T: Scalar, N: NeuronAdjoint<T>> {
    pub(crate) circuit: &'a Circuit<T, N>,
    pub(crate) trace: &'a Trace<T>,
    pub(crate) cotangents: &'a Cotangents<T>,
    /// To which direct parts of the gradient are added.
    pub(crate) sum: &'a mut GradientSum<T, N>,
    /// ∂L/∂(state of each neuron at the end), to which all is added that is not direct.
    pub(crate) adjoints: Vec<Vector<T>>,
}

impl<T: Scalar, N: NeuronAdjoint<T>> AfterTheRun<'_, T, N> {
    /// Takes back what is read with the width `of_loss` of neurons that have these `states` at the end.
    pub(crate) fn pull_back(
        &mut self,
        of_loss: f64,
        states: Vec<Vector<T>>,
    ) -> Result<(), AdjointError> {
        let mut read: Vec<Read<T>> = Vec::new();
        for (readout, &cotangent) in self.trace.readouts.iter().zip(&self.cotangents.readouts) {
            let Measure::Pseudospike { index, width } = readout.request.measure else { continue };
            if width.to_bits() != of_loss.to_bits() || cotangent.is_exactly_zero() {
                continue;
            }
            let later = cotangent * T::from(f64::from(index) - 1.0);
            let neuron = readout.request.neuron.index();
            read.push(Read { neuron, cotangents: [cotangent, later] });
        }
        let neurons = read.iter().map(|read| NeuronId::new(read.neuron));
        let all = Pseudospikes::of(self.circuit, self.trace, neurons, of_loss, states)?;
        let mut inputs = vec![T::from(0.0); self.circuit.neurons.len()];
        for Read { neuron, cotangents: [first, later] } in read {
            // first = left · period.
            let [left, period] = all.cycle(self.circuit, neuron);
            let cotangents = [first * period, first * left + later];
            inputs[neuron] += self.cycle_back(&all, neuron, all.drive(neuron), cotangents);
        }
        for Part { neurons, is_on_cycle } in all.parts.iter().rev() {
            for n in neurons.clone() {
                let rate = self.rate_back(n, all.rates[n], &inputs);
                if rate.is_exactly_zero() {
                    continue;
                }
                let drive = all.drive_of_rate(n, *is_on_cycle);
                // The rate is what is not left.
                inputs[n] += self.cycle_back(&all, n, drive, [-rate, T::from(0.0)]);
            }
        }
        for group in on_their_way(self.circuit, self.trace) {
            for synapse in self.circuit.synapses(group) {
                self.sum.weights[synapse] += inputs[self.circuit.targets[synapse].index()];
            }
        }
        Ok(())
    }

    /// ∂L/∂(rate of neuron `n`) from ∂L/∂x of all that hear it; weights get theirs.
    fn rate_back(&mut self, n: usize, rate: T, inputs: &[T]) -> T {
        let mut sum = T::from(0.0);
        for group in self.circuit.groups_of(self.circuit.source_of(NeuronId::new(n))) {
            for synapse in self.circuit.synapses(group) {
                let input = inputs[self.circuit.targets[synapse].index()];
                self.sum.weights[synapse] += input * rate;
                sum += input * self.circuit.weights[synapse];
            }
        }
        sum
    }

    /// Adds to the adjoint at the end and to the gradient of neuron `n`, and returns ∂L/∂x where it hears x.
    fn cycle_back(
        &mut self,
        all: &Pseudospikes<T>,
        n: usize,
        drive: Drive<T>,
        cotangents: [T; 2],
    ) -> T {
        let Some(general) = self.circuit.neurons[n].as_general() else { return T::from(0.0) };
        let gradient = self.sum.neurons[n].as_mut_slice();
        let (part, input) = general.cycle_pullback(all.states[n], drive, cotangents, gradient);
        self.adjoints[n].iter_mut().zip(part).for_each(|(into, x)| *into += x);
        input
    }
}

impl<T: Scalar, N: NeuronAdjoint<T>> Sweep<'_, T, N> {
    /// Takes back what the loss reads of spikes after the run, before anything else is: adjoints at its end, and direct parts of the gradient.
    pub(crate) fn pull_back_pseudospikes(&mut self) -> Result<(), AdjointError> {
        let widths = widths_that_matter(self.trace, self.cotangents);
        if widths.is_empty() {
            return Ok(());
        }
        let states = self.states_at_the_end();
        let Self { circuit, trace, cotangents, sum, .. } = self;
        let adjoints = vec![Vector::default(); states.len()];
        let mut all = AfterTheRun { circuit, trace, cotangents, sum, adjoints };
        for width in widths {
            all.pull_back(width, states.clone())?;
        }
        for (n, adjoint) in all.adjoints.into_iter().enumerate() {
            if self.circuit.neurons[n].as_general().is_some() {
                self.set_adjoint(n, adjoint);
            }
        }
        Ok(())
    }

    /// States of the neurons that are not linear, after all that happens at the end.
    fn states_at_the_end(&self) -> Vec<Vector<T>> {
        let end = Time::from(T::from(self.trace.stimulus.t_end()));
        let state = |n: usize| {
            let general = self.circuit.neurons[n].as_general();
            general.map_or_else(Vector::default, |general| self.state_at(n, general, end).0)
        };
        (0..self.circuit.neurons.len()).map(state).collect()
    }
}
