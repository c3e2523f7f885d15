//! A layer of integrators of which averages are read, and nothing else, backwards: at each arrival its adjoints are known in closed form.
//!
//! Not here: what they are (`spikegrad_dynamics::lanes::averages`), the way of a layer from stretch to stretch (`layer.rs`), and what does not depend on an adjoint
//! (`integrals.rs`).

use super::layer::{LayerSweep, Scratch};
use super::schedule::{Schedule, Spikes};
use crate::AdjointError;
use spikegrad_dynamics::lanes::averages::{Shares, pull_back_row};
use spikegrad_dynamics::{Adjoint, NeuronAdjoint, State};
use spikegrad_network::{Readout, Time, Watch};

/// Memory of a layer of which averages are read.
#[derive(Clone, Debug, Default)]
pub(super) struct Averages {
    /// When each row arrives, last the start of the run, and how long before the end, in seconds.
    pub(super) times: Vec<f64>,
    pub(super) left: Vec<f64>,
    pub(super) shares: Shares,
    /// The rate at which each weight fades under which averages are read, and for each of them ∂L/∂(integral of each neuron).
    rates: Vec<f64>,
    cotangents: Vec<f64>,
}

impl Averages {
    /// Reads when each row of a schedule arrives.
    pub(super) fn read(&mut self, schedule: &Schedule, t_end: f64) {
        let Self { times, left, .. } = self;
        let end = Time::from(t_end);
        times.clear();
        left.clear();
        for arrival in &schedule.arrivals {
            times.push(arrival.time.rounded);
            left.push(end.since(arrival.time));
        }
        times.push(0.0);
        left.push(t_end);
    }
}

impl<const K: usize> LayerSweep<'_, K> {
    /// Whether the loss depends on averages of the layer, which does not spike, and on nothing else of it.
    pub(super) fn is_only_averaged(&self) -> bool {
        let Self { layer, members, body, trace, cotangents, scratch, .. } = self;
        let mut readouts = trace.readouts.iter().zip(&cotangents.readouts);
        let is_average = |(readout, cotangent): (&Readout, &f64)| {
            let request = readout.request;
            *cotangent == 0.0
                || members.index(request.neuron).is_none()
                || request.measure.decay_rate().is_some()
        };
        K == 1
            && !layer.spikes
            && body.numbers.share_motions()
            && !scratch.averaged.is_empty()
            && readouts.all(is_average)
    }

    /// Takes a layer back of which [`Self::is_only_averaged`] holds.
    pub(super) fn average_all(&mut self, spikes: &Spikes) -> Result<(), AdjointError> {
        if Watch::default().is_interrupted() {
            return Err(AdjointError::Interrupted);
        }
        let Self { wiring, rows, layer, body, trace, has_input_times, .. } = *self;
        let t_end = trace.stimulus.t_end();
        let Scratch { schedule, integrals, averages, .. } = &mut *self.scratch;
        schedule.read_rows(wiring, layer, (trace, spikes), t_end, has_input_times);
        averages.read(schedule, t_end);
        let Averages { times, left, shares, rates, cotangents } = averages;
        let count = layer.neurons.len();
        rates.clear();
        cotangents.clear();
        for n in 0..count {
            integrals.for_each(n, Time::from(0.0), |decay_rate, cotangent| {
                let is_same = |rate: &f64| rate.to_bits() == decay_rate.to_bits();
                let place = rates.iter().position(is_same).unwrap_or_else(|| {
                    rates.push(decay_rate);
                    cotangents.resize(rates.len() * count, 0.0);
                    rates.len() - 1
                });
                cotangents[place * count + n] = cotangent;
            });
        }
        for (decay_rate, cotangents) in rates.iter().zip(cotangents.chunks_exact(count)) {
            shares.set(&body.numbers, *decay_rate, (times, left));
            let arriving = schedule.arrivals.iter().zip(&schedule.stretches.rows).enumerate();
            for (k, (arrival, row)) in arriving {
                let synapses = row.weights..row.weights + count;
                let (weights, gradient) = (&rows[synapses.clone()], &mut self.weights[synapses]);
                let product = pull_back_row(weights, gradient, cotangents, shares.i[k]);
                if row.is_timed {
                    let time = -(product * shares.fall[k]);
                    self.delays[arrival.group] += time;
                    self.times[arrival.firing] += time;
                }
            }
            // The potential at the start has its share with all others of the neuron (eq. 25).
            let of_start = shares.i[schedule.arrivals.len()];
            for (n, cotangent) in cotangents.iter().enumerate() {
                let start = Adjoint(State { v: 0.0, i: of_start * cotangent });
                let model = body.models[n].membrane_alone();
                model.initial_pullback(start, &mut self.gradient.of_lif[n]);
            }
        }
        Ok(())
    }
}
