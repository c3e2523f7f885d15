//! Arrivals that wait to be pulled back many at a time: nobody asks what they give before the spike is passed that they are of.
//!
//! Not here: in which order events are gone through (`backward.rs`), the arithmetic (`spikegrad_dynamics::lanes`).

use crate::backward::Sweep;
use ordered_float::OrderedFloat;
use spikegrad_dynamics::lanes::{ROOM, Reception, Receptions};
use spikegrad_dynamics::{NeuronAdjoint, Scalar};
use spikegrad_network::Time;

/// Arrivals that wait.
#[derive(Debug, Default)]
pub(crate) struct Waiting {
    receptions: Receptions,
    /// Through which synapse each comes.
    synapses: Vec<usize>,
    runs: Vec<Run>,
}

/// Arrivals after each other that are of one firing, in one group.
#[derive(Clone, Copy, Debug)]
struct Run {
    firing: usize,
    group: usize,
    /// How many wait up to its last.
    end: usize,
}

impl Waiting {
    /// Forgets all.
    pub(crate) fn clear(&mut self) {
        self.receptions.clear();
        self.synapses.clear();
        self.runs.clear();
    }

    /// Notes whose arrivals those are that came last.
    pub(crate) fn close_run(&mut self, firing: usize, group: usize) {
        let (end, begin) = (self.synapses.len(), self.runs.last().map_or(0, |run| run.end));
        if end > begin {
            self.runs.push(Run { firing, group, end });
        }
    }

    /// Whether so many more have room.
    pub(crate) fn has_room(&self, count: usize) -> bool {
        self.synapses.len() + count <= ROOM
    }

    /// Whether any are of this firing.
    pub(crate) fn are_of(&self, firing: usize) -> bool {
        self.runs.iter().any(|run| run.firing == firing)
    }
}

impl<T: Scalar, N: NeuronAdjoint<T>> Sweep<'_, T, N> {
    /// Lets an arrival at `time` wait, if all that it needs is the adjoint of its neuron from where that is known, in doubles.
    #[inline]
    pub(crate) fn wait(&mut self, synapse: usize, time: Time<T>, at: OrderedFloat<f64>) -> bool {
        let n = self.circuit.targets[synapse].index();
        let cell = &self.workspace.cells[n];
        let model = &self.circuit.neurons[cell.model as usize];
        let are_doubles = !(T::CARRIES_DERIVATIVE || T::IS_PRECISE);
        let Some([tau_mem, tau_syn]) = model.leaks().filter(|_| are_doubles) else { return false };
        if cell.is_read || cell.is_driven {
            return false;
        }
        if time.rounded.re() < cell.released
            && let Some(spike) = cell.spike
        {
            self.release(n, spike.index());
        }
        let weight = self.circuit.weights[synapse];
        let cell = &self.workspace.cells[n];
        let [v, i, ..] = N::to_vector(cell.adjoint.0);
        let reception = Reception {
            dt: cell.time.since(time).re(),
            adjoint: [v.re(), i.re()],
            time_constants: [tau_mem.re(), tau_syn.re()],
            weight: weight.re(),
        };
        let spike = cell.spike.filter(|_| at.0 <= cell.released);
        let waiting = &mut self.workspace.waiting;
        waiting.receptions.push(&reception);
        waiting.synapses.push(synapse);
        if let Some(spike) = spike {
            self.workspace.arrived[spike.index()] += weight;
        }
        true
    }

    /// Pulls back all that wait.
    pub(crate) fn pull_back_waiting(&mut self) {
        let inputs = self.inputs();
        let Waiting { receptions, synapses, runs } = &mut self.workspace.waiting;
        let (weights, times) = receptions.pull_back();
        let mut first = 0;
        for &Run { firing, group, end } in &*runs {
            let mut total = 0.0;
            for k in first..end {
                self.sum.weights[synapses[k]] += weights[k].into();
                total += times[k];
            }
            if self.sum.has_input_times || firing >= inputs {
                self.sum.delays[group] += total.into();
                self.workspace.times[firing] += total.into();
            }
            first = end;
        }
        synapses.clear();
        runs.clear();
    }
}
