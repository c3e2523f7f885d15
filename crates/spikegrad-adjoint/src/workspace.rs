//! The memory of a backward sweep, which is the caller's, so that many sweeps of one network allocate once.
//!
//! Not here: what happens to it (`backward.rs`).

use crate::driven::Driven;
use crate::due::{Due, Later};
use crate::integrals::Integrals;
use crate::taped::Taped;
use crate::waiting::Waiting;
use spikegrad_dynamics::{Adjoint, Lif, Neuron, Scalar};
use spikegrad_network::{Cusp, InjectionGradient, SpikeId, Time};
use std::collections::BinaryHeap;
use std::ops::Range;

/// Scratch memory of a backward sweep, to be used again.
#[derive(Debug)]
pub struct BackwardWorkspace<T: Scalar = f64, N: Neuron<T> = Lif<T>> {
    pub(crate) cells: Vec<Cell<T, N>>,
    /// Averages that the loss reads.
    pub(crate) integrals: Integrals<T>,
    /// For these: neurons that hear the same have the same stretches.
    pub(crate) averaging: N::Averaging,
    /// For each neuron the maximum of a read-out that lies on an arrival, and ∂L/∂(its value).
    pub(crate) cusps: Vec<Option<(Cusp<T>, T, T)>>,
    /// For each neuron whose threshold moves the spike at which its potential is highest, by its time, and ∂L/∂(its value).
    pub(crate) highest_spikes: Vec<Option<(T, T)>>,
    /// What is due next, going backwards.
    pub(crate) due: BinaryHeap<Due>,
    /// Firings that are not due yet, and those whose arrivals wait.
    pub(crate) later: Later<T>,
    pub(crate) waiting: Waiting,
    /// For each firing, the groups not yet taken back.
    pub(crate) cursors: Vec<Range<usize>>,
    /// ∂L/∂t of each firing: of one that has been passed in all, else of what came after it so far.
    pub(crate) times: Vec<T>,
    /// What is known of the neurons that are not linear; empty if there are none.
    pub(crate) taped: Vec<Taped<T>>,
    /// For each neuron its injected current, if it has one; empty if none has.
    pub(crate) driven: Vec<Option<Driven>>,
    /// For each injection its derivatives.
    pub(crate) injected: Vec<InjectionGradient<T>>,
    /// Weights that arrived at the neuron of each spike at the instant of its release, as far as they matter.
    pub(crate) arrived: Vec<T>,
    /// For each spike, the spike of the same neuron before it.
    pub(crate) previous: Vec<Option<SpikeId>>,
}

impl<T: Scalar, N: Neuron<T>> Default for BackwardWorkspace<T, N> {
    fn default() -> Self {
        Self {
            cells: Vec::new(),
            integrals: Integrals::default(),
            averaging: N::Averaging::default(),
            cusps: Vec::new(),
            highest_spikes: Vec::new(),
            due: BinaryHeap::new(),
            later: Later::default(),
            waiting: Waiting::default(),
            cursors: Vec::new(),
            times: Vec::new(),
            taped: Vec::new(),
            driven: Vec::new(),
            injected: Vec::new(),
            arrived: Vec::new(),
            previous: Vec::new(),
        }
    }
}

impl<T: Scalar, N: Neuron<T>> BackwardWorkspace<T, N> {
    /// ∂L/∂t of each spike of the last trace, through all that depends on it, per second.
    #[must_use]
    pub fn spike_times(&self) -> &[T] {
        &self.times[self.times.len() - self.previous.len()..]
    }
}

/// One neuron, going backwards: a cache line for numbers without a derivative.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
pub(crate) struct Cell<T: Scalar, N: Neuron<T>> {
    pub(crate) adjoint: Adjoint<N::State>,
    /// When it was that.
    pub(crate) time: Time<T>,
    /// From when on the neuron was free after `spike`, in seconds; minus infinity if `time` lies before that, or there is no spike.
    pub(crate) released: f64,
    /// The neuron's last spike that has not been passed.
    pub(crate) spike: Option<SpikeId>,
    /// A neuron with the same parameters: one for all that share them, so that they stay at hand.
    pub(crate) model: u32,
    /// Whether `time` lies within the refractory time of that spike.
    pub(crate) clamped: bool,
    /// Whether it has an entry in `integrals` or `cusps`.
    pub(crate) is_read: bool,
    /// Whether a current is injected into it.
    pub(crate) is_driven: bool,
    /// Whether the arrival is to come that made it spike by a jump.
    pub(crate) has_jumped: bool,
}
