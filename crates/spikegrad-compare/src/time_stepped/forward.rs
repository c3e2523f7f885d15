//! A run on the grid, and the record that backpropagation through time needs of it.
//!
//! At a grid point, in this order: every neuron moves, those at their threshold spike and are reset, and what was emitted a delay
//! ago (now, if the delay is zero) is added to the currents. A current acts on the potential from the next step on, so the order
//! of the populations does not matter, and zero delays may form circles. Nothing spikes at time 0.
//!
//! The record grows with the number of steps: the potential of every neuron at every step, and its current if time constants are
//! differentiated. [`Run::stored_bytes`] says how much. Not here: the way back (`backward.rs`).

use super::network::in_steps;
use super::wiring::Emitted;
use super::{Firing, GridError, SteppedNetwork};
use spikegrad_network::Stimulus;
use std::ops::Range;

/// What was emitted at each step.
#[derive(Clone, Debug, Default, PartialEq)]
struct Emissions {
    /// Step n is `start[n]..start[n + 1]`.
    start: Vec<usize>,
    indices: Vec<u32>,
    values: Vec<f64>,
}

impl Emissions {
    fn clear(&mut self) {
        self.start.clear();
        self.start.push(0);
        self.indices.clear();
        self.values.clear();
    }

    #[expect(
        clippy::cast_possible_truncation,
        reason = "a network has at most a million neurons and inputs"
    )]
    fn push(&mut self, index: usize, value: f64) {
        self.indices.push(index as u32);
        self.values.push(value);
    }

    fn end_step(&mut self) {
        self.start.push(self.indices.len());
    }

    fn at(&self, step: usize) -> Emitted<'_> {
        let range = self.start[step]..self.start[step + 1];
        Emitted { indices: &self.indices[range.clone()], values: &self.values[range] }
    }

    fn bytes(&self) -> usize {
        8 * self.start.len() + 4 * self.indices.len() + 8 * self.values.len()
    }
}

/// The record of a run; used again, it allocates nothing new.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Run {
    pub(super) dt: f64,
    pub(super) steps: usize,
    pub(super) neurons: usize,
    /// V before the reset, step by step from time 0.
    pub(super) membrane: Vec<f64>,
    /// I after the arrivals, step by step; empty unless asked for.
    pub(super) current: Vec<f64>,
    spikes: Emissions,
    inputs: Emissions,
}

impl Run {
    /// Number of steps; the grid points are 0 to this.
    #[must_use]
    pub fn steps(&self) -> usize {
        self.steps
    }

    /// Length of a step, in seconds.
    #[must_use]
    pub fn dt(&self) -> f64 {
        self.dt
    }

    /// V of `neuron` at a grid point, before a reset there.
    ///
    /// # Panics
    /// If there is no such neuron or grid point.
    #[must_use]
    pub fn membrane(&self, step: usize, neuron: usize) -> f64 {
        assert!(neuron < self.neurons, "a neuron of the network that was run");
        self.membrane[step * self.neurons + neuron]
    }

    /// What was emitted at a grid point: neurons in ascending order, and what each sent (1 for a spike).
    ///
    /// # Panics
    /// If there is no such grid point.
    pub fn emitted(&self, step: usize) -> impl Iterator<Item = (usize, f64)> + '_ {
        let Emitted { indices, values } = self.spikes.at(step);
        indices.iter().map(|&k| k as usize).zip(values.iter().copied())
    }

    /// Spike times of `neuron`, in seconds.
    pub fn spike_times(&self, neuron: usize) -> impl Iterator<Item = f64> + '_ {
        let spikes = move |step: usize| self.emitted(step).any(|(k, _)| k == neuron);
        (0..=self.steps).filter(move |&step| spikes(step)).map(|step| self.time(step))
    }

    /// Sum of what each of these neurons emitted: their spike counts.
    #[must_use]
    pub fn counts(&self, neurons: &Range<usize>) -> Vec<f64> {
        let mut counts = vec![0.0; neurons.len()];
        for (&k, &value) in self.spikes.indices.iter().zip(&self.spikes.values) {
            if neurons.contains(&(k as usize)) {
                counts[k as usize - neurons.start] += value;
            }
        }
        counts
    }

    /// The time of a grid point, in seconds.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "steps are limited far below 2⁵³")]
    pub fn time(&self, step: usize) -> f64 {
        step as f64 * self.dt
    }

    /// Bytes that this record keeps for the way back: what backpropagation through time costs in memory.
    #[must_use]
    pub fn stored_bytes(&self) -> usize {
        8 * (self.membrane.len() + self.current.len()) + self.spikes.bytes() + self.inputs.bytes()
    }

    /// What `neuron` emitted at a grid point.
    ///
    /// # Panics
    /// If there is no such grid point.
    #[must_use]
    pub fn value_of(&self, step: usize, neuron: usize) -> f64 {
        let Emitted { indices, values } = self.spikes.at(step);
        let found = indices.binary_search_by(|&k| (k as usize).cmp(&neuron));
        found.map_or(0.0, |at| values[at])
    }

    pub(super) fn spikes_at(&self, step: usize) -> Emitted<'_> {
        self.spikes.at(step)
    }

    pub(super) fn inputs_at(&self, step: usize) -> Emitted<'_> {
        self.inputs.at(step)
    }

    /// Sorts the input spikes into steps.
    fn take_inputs(&mut self, stimulus: &Stimulus) -> Result<(), GridError> {
        self.inputs.clear();
        let mut step = 0;
        if stimulus.currents().is_some() {
            return Err(GridError::Currents);
        }
        for spike in stimulus.spikes() {
            if spike.time > stimulus.t_end() {
                continue;
            }
            // Times are in order, and so are their steps; the last may round beyond the end.
            let at = in_steps(spike.time, self.dt)?.min(self.steps);
            while step < at {
                self.inputs.end_step();
                step += 1;
            }
            self.inputs.push(spike.channel, 1.0);
        }
        while step <= self.steps {
            self.inputs.end_step();
            step += 1;
        }
        // Channels of one step in order, as spikes are; equal ones stay apart.
        for pair in self.inputs.start.windows(2) {
            self.inputs.indices[pair[0]..pair[1]].sort_unstable();
        }
        Ok(())
    }
}

impl SteppedNetwork<'_> {
    /// Runs the network on `stimulus`, asking `firing` what each spiking neuron emits, and records it in `run`.
    ///
    /// # Errors
    /// [`GridError::TooManySteps`], or [`GridError::Absent`] for an input channel that is not there.
    pub fn run(
        &self,
        stimulus: &Stimulus,
        firing: &mut impl Firing,
        run: &mut Run,
    ) -> Result<(), GridError> {
        let (dt, count) = (self.settings.dt, self.neurons.len());
        for spike in stimulus.spikes() {
            if spike.channel >= self.network.inputs() {
                let (found, count) = (spike.channel, self.network.inputs());
                return Err(GridError::Absent { what: "an input channel", found, count });
            }
        }
        run.dt = dt;
        run.steps = in_steps(stimulus.t_end(), dt)?;
        run.neurons = count;
        run.take_inputs(stimulus)?;
        run.spikes.clear();
        run.membrane.clear();
        run.current.clear();
        let mut v: Vec<f64> = self.neurons.iter().map(|n| n.initial_v).collect();
        let mut i: Vec<f64> = self.neurons.iter().map(|n| n.initial_i).collect();
        for step in 0..=run.steps {
            if step > 0 {
                for ((v, i), n) in v.iter_mut().zip(&mut i).zip(&self.neurons) {
                    *v = n.a * *v + n.psi * *i + n.towards_rest * n.rest;
                    *i *= n.b;
                }
            }
            run.membrane.extend_from_slice(&v);
            if step > 0 {
                self.fire(step, firing, &mut v, &mut run.spikes);
            }
            run.spikes.end_step();
            for group in &self.groups {
                if let Some(sent) = step.checked_sub(group.delay) {
                    let emissions = if group.is_input { &run.inputs } else { &run.spikes };
                    group.deliver(emissions.at(sent), &mut i);
                }
            }
            if self.settings.time_constants {
                run.current.extend_from_slice(&i);
            }
        }
        Ok(())
    }

    /// Lets neurons spike, and resets them.
    fn fire(&self, step: usize, firing: &mut impl Firing, v: &mut [f64], spikes: &mut Emissions) {
        for range in &self.spiking {
            for k in range.clone() {
                let n = &self.neurons[k];
                let value = firing.emit(step, k, v[k] - n.v_th);
                if value != 0.0 {
                    v[k] += value * self.jump(k, v[k]);
                    spikes.push(k, value);
                }
            }
        }
    }
}
