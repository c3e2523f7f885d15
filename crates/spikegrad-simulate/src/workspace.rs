//! The memory of a run: what is kept of each neuron between its events, and what belongs to one round.
//!
//! It is the caller's, so that many runs of one network allocate once. What every arrival touches stands together in a
//! [`Cell`]; what only a spike, a release or a read-out touches stands apart. Not here: what happens to it (`engine.rs`).

use crate::SimulateError;
use crate::driven::Driven;
use crate::observer::Observer;
use crate::schedule::{Firing, Schedule};
use spikegrad_dynamics::{Lif, Neuron, Scalar};
use spikegrad_network::{Circuit, Measure, NeuronId, Readout, ReadoutRequest, SpikeId, Time};

/// Scratch memory of a run, to be used again.
#[derive(Debug)]
pub struct Workspace<T: Scalar = f64, N: Neuron<T> = Lif<T>> {
    pub(crate) cells: Vec<Cell<T, N>>,
    /// Tangent of each neuron, if the run carries them.
    pub(crate) tangents: Vec<N::Tangent>,
    /// When the clamp of each neuron ends, if it is clamped.
    pub(crate) releases: Vec<Time<T>>,
    pub(crate) last_spikes: Vec<Option<SpikeId>>,
    /// Time and slope of the next crossing of each neuron, if it has been found.
    pub(crate) found: Vec<(Time<T>, T)>,
    pub(crate) schedule: Schedule,
    /// First group not yet delivered, for each firing under way.
    pub(crate) cursors: Vec<usize>,
    /// What arrives in this round: (firing, group).
    pub(crate) due: Vec<(Firing, usize)>,
    /// Spikes of this round.
    pub(crate) fired: Vec<Firing>,
    /// Summed weights of this round, for each neuron, and when they arrive.
    pub(crate) pending: Vec<(T, Time<T>)>,
    /// Neurons with an injected current, and for each neuron which of them it is, if there are any.
    pub(crate) driven: Vec<Driven<N>>,
    pub(crate) driven_of: Vec<usize>,
    /// Neurons whose outlook must be found again, each once.
    pub(crate) marked: Vec<NeuronId>,
    /// For each neuron, its place in `observers`.
    pub(crate) observer_of: Vec<Option<usize>>,
    pub(crate) observers: Vec<(NeuronId, Observer<T, N>)>,
    /// For their averages: neurons that hear the same have the same stretches.
    pub(crate) averaging: N::Averaging,
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

/// One neuron between its events: a cache line for numbers without a derivative.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
pub(crate) struct Cell<T: Scalar, N: Neuron<T>> {
    pub(crate) state: N::State,
    /// When it was in this state.
    pub(crate) time: Time<T>,
    /// When its candidate is due, in seconds; infinite if there is none before the end.
    pub(crate) due: f64,
    /// A neuron with the same parameters: one for all that share them, so that they stay at hand.
    pub(crate) model: u32,
    pub(crate) candidate: Candidate,
    /// Whether it is refractory.
    pub(crate) is_clamped: bool,
    pub(crate) is_observed: bool,
    /// Whether a current is injected into it.
    pub(crate) is_driven: bool,
    /// Whether it stands in `marked`.
    pub(crate) is_marked: bool,
}

impl<T: Scalar, N: Neuron<T>> Cell<T, N> {
    /// Whether an arrival meets nothing but free motion: no clamp, no observer, no injected current, no crossing that has been found.
    #[inline]
    pub(crate) fn is_plain(&self) -> bool {
        !(self.is_clamped | self.is_observed | self.is_driven)
            & (self.candidate == Candidate::NotBefore)
    }
}

/// What is known of the next crossing of a neuron.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Candidate {
    /// There is none before `due`; the time itself has not been looked for.
    NotBefore,
    /// A touch at `due`.
    Touch,
    /// A crossing at `due`.
    Crossing,
    /// A crossing at `due`, by a jump.
    Jump,
    /// The model names no time for its next spike that can be: the run ends at `due`.
    Nonsense,
}

impl<T: Scalar, N: Neuron<T>> Default for Workspace<T, N> {
    fn default() -> Self {
        Self {
            cells: Vec::new(),
            tangents: Vec::new(),
            releases: Vec::new(),
            last_spikes: Vec::new(),
            found: Vec::new(),
            schedule: Schedule::default(),
            cursors: Vec::new(),
            due: Vec::new(),
            fired: Vec::new(),
            pending: Vec::new(),
            driven: Vec::new(),
            driven_of: Vec::new(),
            marked: Vec::new(),
            observer_of: Vec::new(),
            observers: Vec::new(),
            averaging: N::Averaging::default(),
            before: Vec::new(),
            samples: Vec::new(),
            sampled: Vec::new(),
        }
    }
}

/// `count` copies of `value` in memory that may have been used before.
fn refill<X: Clone>(list: &mut Vec<X>, count: usize, value: X) {
    list.clear();
    list.resize(count, value);
}

impl<T: Scalar, N: Neuron<T>> Workspace<T, N> {
    pub(crate) fn prepare(
        &mut self,
        circuit: &Circuit<T, N>,
        readouts: &[ReadoutRequest],
        tangents: bool,
    ) -> Result<(), SimulateError> {
        let zero = T::from(0.0);
        let start = Time::from(zero);
        let count = circuit.neurons.len();
        self.cells.clear();
        self.cells.extend(circuit.initial.iter().zip(circuit.representatives()).map(
            |(&state, &model)| Cell {
                state,
                time: start,
                due: f64::INFINITY,
                model,
                candidate: Candidate::NotBefore,
                is_clamped: false,
                is_observed: false,
                is_driven: false,
                is_marked: false,
            },
        ));
        refill(&mut self.tangents, if tangents { count } else { 0 }, N::Tangent::default());
        refill(&mut self.releases, count, start);
        refill(&mut self.last_spikes, count, None);
        refill(&mut self.found, count, (start, zero));
        self.schedule.clear();
        self.cursors.clear();
        refill(&mut self.pending, count, (zero, start));
        self.marked.clear();
        refill(&mut self.observer_of, count, None);
        self.observers.clear();
        self.before.clear();
        self.samples.clear();
        refill(&mut self.sampled, readouts.len(), None);
        for (k, request) in readouts.iter().enumerate() {
            if let Measure::Sample { time } = request.measure {
                self.samples.push((time, k));
                continue;
            }
            if matches!(request.measure, Measure::Pseudospike { .. }) {
                continue;
            }
            let n = request.neuron.index();
            if circuit.neurons[n].as_general().is_some_and(|general| !general.is_read()) {
                return Err(SimulateError::Measure { neuron: circuit.named(request.neuron) });
            }
            let place = *self.observer_of[n].get_or_insert_with(|| {
                self.observers.push((request.neuron, Observer::new(self.cells[n].state)));
                self.observers.len() - 1
            });
            self.cells[n].is_observed = true;
            self.observers[place].1.also(request.measure);
        }
        self.samples.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        Ok(())
    }
}
