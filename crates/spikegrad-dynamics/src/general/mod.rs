//! Neurons that are given by their equations alone: [`Equations`], generic over the number, from which everything else follows.
//!
//! A model writes down its table of numbers, how its state moves, and what arrivals and its own spikes do to it. On dual numbers the same
//! lines give every derivative, forward (`neuron.rs`) and backward (`pullback.rs`); no formula is written twice. What such a neuron does not have is the
//! linearity of [`Lif`](crate::Lif): the backward pass needs its states, which a run writes down arrival by arrival.
//!
//! Not here: a model.

mod neuron;
mod pullback;

pub use neuron::GeneralNeuron;
pub use pullback::ArrivalPullback;

use crate::{Dual, Dual64, Outlook, Scalar, Table};
use std::any::Any;

/// Most components of a state.
pub const COMPONENTS: usize = 8;

/// Room for the numbers of a model: parameters and initial values, one for an injected current, and constants.
pub const NUMBERS: usize = 26;

/// A state, or an adjoint of one. The model says how many components it has; the others stay zero.
pub type Vector<T> = [T; COMPONENTS];

/// A state with these components.
///
/// # Panics
/// If there are more than [`COMPONENTS`].
#[must_use]
pub fn vector<T: Scalar, const K: usize>(components: [T; K]) -> Vector<T> {
    let mut all = [T::from(0.0); COMPONENTS];
    all[..K].copy_from_slice(&components);
    all
}

/// Whether a neuron has a cycle in which it goes on once a run has ended, so that a loss can ask for spikes that have not happened
/// (docs/mathematics.md, eqs. 27 to 27d).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GoesOn {
    /// It has none.
    Never,
    /// It has one that depends on all that is on its way to it, and so only where its population does not lead back to itself.
    OffCycles,
    /// It has one, with or without what is on its way.
    Always,
}

/// Under what a neuron goes on once a run has ended.
#[derive(Clone, Copy, Debug)]
pub struct Drive<T> {
    /// What its sources would add by then; `None` leaves all synaptic input out, that of the run, too.
    pub input: Option<T>,
    /// Width of the softplus that makes the drive of a neuron with a current positive.
    pub width: f64,
}

/// A map of a neuron, from its state to another or to a number, as it is pulled back.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum NeuronMap<T> {
    /// [`Equations::initial`], whose own state is that to which it leads.
    Initial,
    /// [`Equations::flow`] over a length in seconds.
    Flow(T),
    /// [`Equations::hold`].
    Hold(T),
    /// [`Equations::receive_at`] a receptor, with a weight.
    Receive(usize, T),
    /// [`Equations::reset`].
    Reset,
    /// [`Equations::threshold`].
    Threshold,
    /// [`Equations::membrane`].
    Membrane,
    /// [`Equations::threshold_membrane`].
    ThresholdMembrane,
    /// [`Equations::integral`] over a length under a decay rate.
    Integral((T, T)),
    /// [`Equations::held_integral`].
    HeldIntegral((T, T)),
}

/// The equations of a neuron.
///
/// `p` holds its numbers in the order of [`Self::TABLE`]; of a state the first [`Self::DIMENSION`] components are its own. A state must be smooth in
/// time between events, a spike included: where a potential goes to infinity, another coordinate must not. Arrivals must add up: one of w
/// and then one of u do what one of w + u does.
///
/// # Examples
/// A perfect integrator of its current, `dV/dt = I/tau`, that spikes at 1 and starts again at 0:
/// ```
/// use spikegrad_dynamics::{Equations, General, Kind, Quantity, Scalar, Table, Vector, vector};
///
/// struct Perfect;
///
/// impl Equations for Perfect {
///     const TABLE: Table = Table::new(
///         "perfect",
///         "perfect integrator",
///         &[Quantity::new("params.tau", "time constant", Kind::TimeConstant, 0.02)],
///     );
///     const DIMENSION: usize = 2;
///     fn initial<T: Scalar>(_: &[T]) -> Vector<T> {
///         vector([])
///     }
///     fn rate<T: Scalar>(p: &[T], [_, i, ..]: Vector<T>) -> Vector<T> {
///         vector([i / p[0]])
///     }
///     fn flow<T: Scalar>(p: &[T], [v, i, ..]: Vector<T>, dt: T) -> Vector<T> {
///         vector([v + i * dt / p[0], i])
///     }
///     fn receive<T: Scalar>(_: &[T], [v, i, ..]: Vector<T>, weight: T) -> Vector<T> {
///         vector([v, i + weight])
///     }
///     fn reset<T: Scalar>(_: &[T], [_, i, ..]: Vector<T>) -> Vector<T> {
///         vector([T::from(0.0), i])
///     }
///     fn next_spike(p: &[f64], [v, i, ..]: Vector<f64>) -> Option<f64> {
///         (i > 0.0).then(|| (1.0 - v) * p[0] / i)
///     }
/// }
///
/// static PERFECT: General = General::of::<Perfect>();
/// assert_eq!(PERFECT.table().model, "perfect");
/// ```
pub trait Equations: 'static {
    /// Its numbers.
    const TABLE: Table;
    /// How many components its state has.
    const DIMENSION: usize;
    /// Position of its refractory time in the table, if it has one.
    const REFRACTORY: Option<usize> = None;
    /// Whether two arrivals may change places at one instant without a trace to first order, as those of synapses with a current do. Where they do not, a loss has a kink in the times
    /// of spikes that arrive together.
    const COMMUTES: bool = true;
    /// Position of the number to which an injected current adds, if one can be injected: its rate is linear in that, and its state does not change with it. It may be one
    /// beyond the table, for a number of its own that is zero unless a current is injected.
    const CURRENT: Option<usize> = None;
    /// Numbers of its own that stand in `p` behind all others, and are not differentiated: what sets variants of one model apart.
    const CONSTANTS: &'static [f64] = &[];
    /// Whether there is [`Self::cycle`].
    const GOES_ON: GoesOn = GoesOn::Never;
    /// At how many receptors arrivals may come.
    const RECEPTORS: usize = 1;
    /// Whether averages and maxima of its potential can be read: arrivals and the end of a refractory time do not move its potential, and [`Self::integral`],
    /// [`Self::held_integral`] and [`Self::maxima`] say what they must.
    const IS_READ: bool = false;
    /// Whether the potential is the same number at each spike, so that there is no higher one.
    const HAS_FIXED_THRESHOLD: bool = false;

    /// The state at time 0.
    fn initial<T: Scalar>(p: &[T]) -> Vector<T>;
    /// d(state)/dt, per second.
    fn rate<T: Scalar>(p: &[T], state: Vector<T>) -> Vector<T>;
    /// The state `dt` seconds later, if nothing happens.
    fn flow<T: Scalar>(p: &[T], state: Vector<T>, dt: T) -> Vector<T>;
    /// The adjoint of `state`, which `map` leads from, with what the numbers get added to `gradient`: by hand, for who wants it faster than on dual numbers, by which it
    /// is done where this is `None`. Of a map to a number `after` has its adjoint first.
    #[must_use]
    fn pullback(
        map: NeuronMap<f64>,
        p: &[f64],
        state: Vector<f64>,
        after: Vector<f64>,
        gradient: &mut [f64],
    ) -> Option<Vector<f64>> {
        let _ = (map, p, state, after, gradient);
        None
    }
    /// The state after an arrival of this weight.
    fn receive<T: Scalar>(p: &[T], state: Vector<T>, weight: T) -> Vector<T>;
    /// The state after an arrival at one of several receptors, counted from 0.
    fn receive_at<T: Scalar>(p: &[T], state: Vector<T>, receptor: usize, weight: T) -> Vector<T> {
        let _ = receptor;
        Self::receive(p, state, weight)
    }
    /// By how much an arrival that led to the state `to` changes d(state)/dt of a free neuron or of one within its refractory time, beyond what it makes of the rate before it,
    /// `f⁺ − Dh f⁻`: a difference of two large rates would lose it. `None` where that difference is to be taken.
    fn kick<T: Scalar>(
        p: &[T],
        to: Vector<T>,
        (receptor, weight): (usize, T),
        is_held: bool,
    ) -> Option<Vector<T>> {
        let _ = (p, to, receptor, weight, is_held);
        None
    }
    /// ∂(state)/∂(weight) of an arrival that led to the state `to`, where there is [`Self::kick`]: what a weight of 1 adds to no state, unless said otherwise.
    fn by_weight<T: Scalar>(p: &[T], to: Vector<T>, receptor: usize) -> Vector<T> {
        let _ = to;
        Self::receive_at(p, [T::from(0.0); COMPONENTS], receptor, T::from(1.0))
    }
    /// Negative below the threshold, zero at it: a spike is where it grows through zero. The first component less 1, unless said otherwise.
    fn threshold<T: Scalar>(p: &[T], state: Vector<T>) -> T {
        let _ = p;
        state[0] - T::from(1.0)
    }
    /// The state after a spike from a state at the threshold.
    fn reset<T: Scalar>(p: &[T], state: Vector<T>) -> Vector<T>;
    /// Seconds to the next spike if nothing arrives, to a rounding; `None` if there is none. A run in which it is negative or not a number ends with
    /// an error.
    fn next_spike(p: &[f64], state: Vector<f64>) -> Option<f64>;
    /// What lies ahead, where more is known of it than [`Self::next_spike`] says: the slope of the threshold function at the spike, which near grazing its
    /// state there has lost, or a touch. `None` if [`Self::next_spike`] says all.
    #[must_use]
    fn outlook(p: &[f64], state: Vector<f64>) -> Option<Outlook<f64>> {
        let _ = (p, state);
        None
    }
    /// A cheap lower bound of it; `None` if there is certainly none. Zero is always right.
    #[must_use]
    fn earliest_spike(p: &[f64], state: Vector<f64>) -> Option<f64> {
        let _ = (p, state);
        Some(0.0)
    }
    /// The potential that is read; the first component, unless said otherwise.
    fn membrane<T: Scalar>(p: &[T], state: Vector<T>) -> T {
        let _ = p;
        state[0]
    }
    /// The share of its cycle that is left to the next spike, from 1 just after one to 0, and the length of the whole cycle in seconds; `None` if
    /// with these numbers it has none.
    #[must_use]
    fn cycle<T: Scalar>(p: &[T], state: Vector<T>, drive: Drive<T>) -> Option<[T; 2]> {
        let _ = (p, state, drive);
        None
    }
    /// The adjoint of `state` before [`Self::cycle`], of which ∂L/∂(each of its numbers) is known, and ∂L/∂(`drive.input`), with what the numbers get added to `gradient`: by hand, as
    /// [`Self::pullback`]. Asked only where there is a cycle.
    #[must_use]
    fn cycle_pullback(
        p: &[f64],
        state: Vector<f64>,
        drive: Drive<f64>,
        cotangents: [f64; 2],
        gradient: &mut [f64],
    ) -> Option<(Vector<f64>, f64)> {
        let _ = (p, state, drive, cotangents, gradient);
        None
    }
    /// d(potential)/dt `dt` seconds later, if nothing happens, where more of it is known than the state there says. `None` if that says all.
    fn rate_after<T: Scalar>(p: &[T], state: Vector<T>, dt: T) -> Option<T> {
        let _ = (p, state, dt);
        None
    }
    /// `∫ e^(−decay_rate · s) V ds` over the next `dt` seconds; `over` is (`dt`, `decay_rate`). Asked only where [`Self::IS_READ`].
    fn integral<T: Scalar>(p: &[T], state: Vector<T>, over: (T, T)) -> T {
        let _ = (p, state, over);
        T::from(0.0)
    }
    /// [`Self::integral`] within the refractory time.
    fn held_integral<T: Scalar>(p: &[T], state: Vector<T>, over: (T, T)) -> T {
        let _ = (p, state, over);
        T::from(0.0)
    }
    /// The potential of a state at the threshold, where more of it is known than [`Self::membrane`] says.
    fn threshold_membrane<T: Scalar>(p: &[T], state: Vector<T>) -> T {
        Self::membrane(p, state)
    }
    /// Calls `each` with the time to every maximum of the potential ahead, if nothing arrives, in order. Asked only where [`Self::IS_READ`].
    fn maxima(p: &[f64], state: Vector<f64>, each: &mut dyn FnMut(f64)) {
        let _ = (p, state, each);
    }
    /// [`Self::rate`] within the refractory time.
    fn held_rate<T: Scalar>(p: &[T], state: Vector<T>) -> Vector<T> {
        Self::rate(p, state)
    }
    /// [`Self::flow`] within the refractory time.
    fn hold<T: Scalar>(p: &[T], state: Vector<T>, dt: T) -> Vector<T> {
        Self::flow(p, state, dt)
    }
}

/// [`Equations::cycle`].
type CycleMap<T> = fn(&[T], Vector<T>, Drive<T>) -> Option<[T; 2]>;

/// [`Equations::pullback`].
type Pullback<T> = fn(NeuronMap<T>, &[T], Vector<T>, Vector<T>, &mut [T]) -> Option<Vector<T>>;

/// [`Equations::cycle_pullback`].
type CyclePullback<T> = fn(&[T], Vector<T>, Drive<T>, [T; 2], &mut [T]) -> Option<(Vector<T>, T)>;

/// [`Equations::integral`].
type Integral<T> = fn(&[T], Vector<T>, (T, T)) -> T;

/// [`Equations::rate_after`].
type RateAfter<T> = fn(&[T], Vector<T>, T) -> Option<T>;

/// [`Equations::kick`].
type Kick<T> = fn(&[T], Vector<T>, (usize, T), bool) -> Option<Vector<T>>;

/// The maps of a model, on one kind of number.
#[derive(Debug)]
pub(crate) struct Maps<T> {
    initial: fn(&[T]) -> Vector<T>,
    rate: fn(&[T], Vector<T>) -> Vector<T>,
    flow: fn(&[T], Vector<T>, T) -> Vector<T>,
    receive: fn(&[T], Vector<T>, usize, T) -> Vector<T>,
    kick: Kick<T>,
    by_weight: fn(&[T], Vector<T>, usize) -> Vector<T>,
    threshold: fn(&[T], Vector<T>) -> T,
    reset: fn(&[T], Vector<T>) -> Vector<T>,
    membrane: fn(&[T], Vector<T>) -> T,
    threshold_membrane: fn(&[T], Vector<T>) -> T,
    rate_after: RateAfter<T>,
    integral: Integral<T>,
    held_integral: Integral<T>,
    held_rate: fn(&[T], Vector<T>) -> Vector<T>,
    hold: fn(&[T], Vector<T>, T) -> Vector<T>,
    cycle: CycleMap<T>,
    /// By hand, for numbers without a derivative.
    pullback: Option<Pullback<T>>,
    cycle_pullback: Option<CyclePullback<T>>,
}

impl<T: Scalar> Maps<T> {
    const fn of<E: Equations>() -> Self {
        Self {
            initial: E::initial,
            rate: E::rate,
            flow: E::flow,
            receive: E::receive_at,
            kick: E::kick,
            by_weight: E::by_weight,
            threshold: E::threshold,
            reset: E::reset,
            membrane: E::membrane,
            threshold_membrane: E::threshold_membrane,
            rate_after: E::rate_after,
            integral: E::integral,
            held_integral: E::held_integral,
            held_rate: E::held_rate,
            hold: E::hold,
            cycle: E::cycle,
            pullback: None,
            cycle_pullback: None,
        }
    }
}

/// [`Equations::maxima`].
type Maxima = fn(&[f64], Vector<f64>, &mut dyn FnMut(f64));

/// A model by its equations, on every number that the engine computes with.
#[derive(Debug)]
pub struct General {
    table: &'static Table,
    dimension: usize,
    refractory: Option<usize>,
    current: Option<usize>,
    commutes: bool,
    constants: &'static [f64],
    goes_on: GoesOn,
    receptors: usize,
    is_read: bool,
    has_fixed_threshold: bool,
    maxima: Maxima,
    next_spike: fn(&[f64], Vector<f64>) -> Option<f64>,
    outlook: fn(&[f64], Vector<f64>) -> Option<Outlook<f64>>,
    earliest_spike: fn(&[f64], Vector<f64>) -> Option<f64>,
    plain: Maps<f64>,
    first: Maps<Dual64>,
    second: Maps<Dual<Dual64>>,
}

impl General {
    /// The model with these equations.
    ///
    /// # Panics
    /// If its table and its constants have [`NUMBERS`] entries or more, or its state more than [`COMPONENTS`] components: at compile time, where it is the value
    /// of a static.
    #[must_use]
    pub const fn of<E: Equations>() -> Self {
        let room = E::TABLE.quantities.len() + 1 + E::CONSTANTS.len();
        assert!(room <= NUMBERS, "a model has at most 25 numbers and constants");
        assert!(E::DIMENSION <= COMPONENTS, "a state has at most 8 components");
        Self {
            table: &E::TABLE,
            dimension: E::DIMENSION,
            refractory: E::REFRACTORY,
            current: E::CURRENT,
            commutes: E::COMMUTES,
            constants: E::CONSTANTS,
            goes_on: E::GOES_ON,
            receptors: E::RECEPTORS,
            is_read: E::IS_READ,
            has_fixed_threshold: E::HAS_FIXED_THRESHOLD,
            maxima: E::maxima,
            next_spike: E::next_spike,
            outlook: E::outlook,
            earliest_spike: E::earliest_spike,
            plain: Maps {
                pullback: Some(E::pullback),
                cycle_pullback: Some(E::cycle_pullback),
                ..Maps::of::<E>()
            },
            first: Maps::of::<E>(),
            second: Maps::of::<E>(),
        }
    }

    /// A variant of it, with other constants.
    ///
    /// # Panics
    /// If they are not as many.
    #[must_use]
    pub const fn with_constants(self, constants: &'static [f64]) -> Self {
        assert!(constants.len() == self.constants.len(), "each constant has a value");
        Self { constants, ..self }
    }

    /// Its constants.
    #[must_use]
    pub fn constants(&self) -> &'static [f64] {
        self.constants
    }

    /// What the model says of its numbers.
    #[must_use]
    pub fn table(&self) -> &'static Table {
        self.table
    }

    /// Whether its neurons go on once a run has ended.
    #[must_use]
    pub fn goes_on(&self) -> GoesOn {
        self.goes_on
    }

    /// Whether a current can be injected into its neurons.
    #[must_use]
    pub fn takes_current(&self) -> bool {
        self.current.is_some()
    }

    /// At how many receptors arrivals may come.
    #[must_use]
    pub fn receptors(&self) -> usize {
        self.receptors
    }

    /// Its maps on numbers of this kind, if the engine computes with them.
    fn maps<T: Scalar>(&'static self) -> Option<&'static Maps<T>> {
        let all: [&'static dyn Any; 3] = [&self.plain, &self.first, &self.second];
        all.into_iter().find_map(|maps| maps.downcast_ref())
    }
}

impl PartialEq for General {
    /// Whether they are one model: a name stands for one, with as many receptors and the same constants.
    fn eq(&self, other: &Self) -> bool {
        let key = |of: &Self| (of.table.model, of.receptors);
        let bits = |of: &Self| of.constants.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
        key(self) == key(other) && bits(self) == bits(other)
    }
}

impl Eq for General {}
