//! The memory of a run: what is kept of each neuron between its events, and what belongs to one round.
//!
//! It is the caller's, so that many runs of one network allocate once. Not here: what happens to it (`engine.rs`).

use crate::Options;
use crate::observer::Observer;
use crate::schedule::{Firing, Schedule};
use spikegrad_dynamics::{Lif, Neuron, Scalar};
use spikegrad_network::{Circuit, Measure, NeuronId, Readout, SpikeId, Time};

/// Scratch memory of a run, to be used again.
#[derive(Debug)]
pub struct Workspace<T: Scalar = f64, N: Neuron<T> = Lif<T>> {
    pub(crate) cells: Vec<Cell<T, N>>,
    pub(crate) schedule: Schedule,
    /// What each neuron will do if left alone, if that is before the end.
    pub(crate) ahead: Vec<Ahead<T>>,
    /// First group not yet delivered, for each firing under way.
    pub(crate) cursors: Vec<usize>,
    /// What arrives in this round: (firing, group).
    pub(crate) due: Vec<(Firing, usize)>,
    /// Spikes of this round.
    pub(crate) fired: Vec<Firing>,
    /// Summed weights of this round, for each neuron, and when they arrive.
    pub(crate) pending: Vec<(T, Time<T>)>,
    /// Neurons whose outlook must be found again, each once.
    pub(crate) touched: Vec<NeuronId>,
    pub(crate) is_touched: Vec<bool>,
    /// For each neuron, its place in `observers`.
    pub(crate) observer_of: Vec<Option<usize>>,
    pub(crate) observers: Vec<(NeuronId, Observer<T>)>,
    /// Observed neurons to which something arrived in this round.
    pub(crate) before: Vec<Before<T, N>>,
    /// Samples by time: (time, request).
    pub(crate) samples: Vec<(f64, usize)>,
    /// Recorded samples, for each request.
    pub(crate) sampled: Vec<Option<Readout<T>>>,
}

/// An observed neuron before the arrivals of a round.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Before<T: Scalar, N: Neuron<T>> {
    pub(crate) observer: usize,
    pub(crate) time: Time<T>,
    pub(crate) state: N::State,
    pub(crate) tangent: N::Tangent,
}

/// One neuron between its events.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cell<T: Scalar, N: Neuron<T>> {
    pub(crate) state: N::State,
    pub(crate) tangent: N::Tangent,
    /// When it was in this state.
    pub(crate) time: Time<T>,
    /// When its clamp ends, if it is refractory.
    pub(crate) release: Option<Time<T>>,
    pub(crate) last_spike: Option<SpikeId>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Ahead<T> {
    Nothing,
    /// No crossing before this time, in seconds; the time itself has not been looked for.
    NotBefore(f64),
    Touch,
    Crossing {
        time: Time<T>,
        slope: T,
    },
}

impl<T: Scalar, N: Neuron<T>> Default for Workspace<T, N> {
    fn default() -> Self {
        Self {
            cells: Vec::new(),
            schedule: Schedule::default(),
            ahead: Vec::new(),
            cursors: Vec::new(),
            due: Vec::new(),
            fired: Vec::new(),
            pending: Vec::new(),
            touched: Vec::new(),
            is_touched: Vec::new(),
            observer_of: Vec::new(),
            observers: Vec::new(),
            before: Vec::new(),
            samples: Vec::new(),
            sampled: Vec::new(),
        }
    }
}

impl<T: Scalar, N: Neuron<T>> Workspace<T, N> {
    pub(crate) fn prepare(&mut self, circuit: &Circuit<T, N>, options: &Options) {
        let zero = T::from(0.0);
        let count = circuit.neurons.len();
        let start = |&state| Cell {
            state,
            tangent: Default::default(),
            time: zero.into(),
            release: None,
            last_spike: None,
        };
        self.cells.clear();
        self.cells.extend(circuit.initial.iter().map(start));
        self.schedule.clear();
        self.ahead.clear();
        self.ahead.resize(count, Ahead::Nothing);
        self.cursors.clear();
        self.pending.clear();
        self.pending.resize(count, (zero, zero.into()));
        self.touched.clear();
        self.is_touched.clear();
        self.is_touched.resize(count, false);
        self.observer_of.clear();
        self.observer_of.resize(count, None);
        self.observers.clear();
        self.samples.clear();
        self.sampled.clear();
        self.sampled.resize(options.readouts.len(), None);
        for (k, request) in options.readouts.iter().enumerate() {
            if let Measure::Sample { time } = request.measure {
                self.samples.push((time, k));
                continue;
            }
            let n = request.neuron.index();
            if self.observer_of[n].is_none() {
                self.observer_of[n] = Some(self.observers.len());
                let value = circuit.neurons[n].membrane(self.cells[n].state);
                self.observers.push((request.neuron, Observer::new(value)));
            }
        }
        self.samples.sort_by(|a, b| a.0.total_cmp(&b.0));
    }
}
