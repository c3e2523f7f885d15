//! What a neuron model must provide: three motions, three jumps, two searches, and the pullback of each.
//!
//! The engine knows a neuron only through these traits. *Motions* take a length `dt ≥ 0` in seconds; *jumps* are
//! instantaneous. A pullback takes the adjoint after a map and returns the adjoint before it, where an adjoint is
//! plain ∂L/∂x (docs/notation.md).
//!
//! Not here: a formula (`lif/`), and when anything happens (`spikegrad_simulate`).

use crate::{GeneralNeuron, Scalar, Vector, receptors};
use std::fmt::Debug;

/// What lies ahead of a neuron that is left alone.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Outlook<T> {
    /// The threshold is never reached.
    Silent,
    /// The potential touches the threshold after `dt` seconds with slope zero, to rounding: no spike, and no gradient.
    Touch {
        /// Time to the touch, in seconds.
        dt: T,
    },
    /// The potential crosses the threshold from below after `dt` seconds.
    Crossing {
        /// Time to the crossing, in seconds.
        dt: T,
        /// dV/dt at the crossing, positive, per second.
        slope: T,
    },
    /// An arrival has brought the potential to the threshold or above it: a spike at once, whose time is that of the arrival, whatever its size.
    Jump,
    /// A neuron given by its equations names a time that is none: negative, or not a number.
    Nonsense {
        /// What it says, in seconds.
        dt: f64,
    },
}

/// One number for each time constant of a linear neuron, in the order of its model's [`Table`](crate::Table): mostly a derivative with respect
/// to it, which a run carries forward.
pub type TimeConstants<T> = [T; 2];

/// The same for the synaptic time constants that have no place there, those of all receptors but the first; what is beyond the last is zero.
pub type OtherTimeConstants<T> = [T; receptors::MOST - 1];

/// ∂L/∂(state), the plain adjoint of a state.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Adjoint<S>(pub S);

/// The pullback of an arrival; the adjoint of the state passes through unchanged.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Arrival<T> {
    /// ∂L/∂(weight).
    pub weight: T,
    /// ∂L/∂(time of the arrival), per second.
    pub time: T,
}

/// A neuron model whose motion between events has a closed form.
pub trait Neuron<T: Scalar>: Copy + Debug + Send + Sync {
    /// Everything about one neuron that changes in time.
    type State: Copy + Debug + Send + Sync;
    /// The derivative of the state with respect to the neuron's own time constants, at fixed event times.
    type Tangent: Copy + Debug + Default + Send + Sync;
    /// What the last integral was made of, cached for the next neuron that moves as long; starts empty, and any content is right.
    type Averaging: Copy + Debug + Default + Send + Sync;

    /// The equations of a neuron that is not linear between its spikes: a run writes its states down, for a gradient goes back through them
    /// ([`GeneralNeuron`]), and the pullbacks of [`NeuronAdjoint`], which take no state, are not asked.
    #[must_use]
    fn as_general(&self) -> Option<&GeneralNeuron<T>> {
        None
    }
    /// The components of a state.
    #[must_use]
    fn to_vector(state: Self::State) -> Vector<T>;
    /// The state with these components.
    #[must_use]
    fn from_vector(vector: Vector<T>) -> Self::State;

    /// Whether a current can be injected into it.
    #[must_use]
    fn takes_current(&self) -> bool;
    /// The neuron while this current, in units of the potential, is injected: it adds to the constant one. States stay what they are. Without effect where none
    /// can be injected.
    #[must_use]
    fn with_current(&self, current: T) -> Self;

    /// Moves `state` forward by `dt` along the free dynamics.
    #[must_use]
    fn flow(&self, state: Self::State, dt: T) -> Self::State;
    /// Moves `state` forward by `dt` while the membrane is clamped (refractory).
    #[must_use]
    fn hold(&self, state: Self::State, dt: T) -> Self::State;
    /// Applies the jump of a spike of this neuron.
    #[must_use]
    fn reset(&self, before: Self::State) -> Self::State;
    /// Applies the jump of arrivals whose weights sum to `weight`.
    #[must_use]
    fn receive(&self, before: Self::State, weight: T) -> Self::State;
    /// The same of arrivals at one of several receptors, counted from 0.
    #[must_use]
    #[inline(always)]
    fn receive_at(&self, before: Self::State, receptor: usize, weight: T) -> Self::State {
        let _ = receptor;
        self.receive(before, weight)
    }
    /// Length of the clamp after a spike, in seconds.
    #[must_use]
    fn refractory(&self) -> T;

    /// The membrane potential of `state`.
    #[must_use]
    fn membrane(&self, state: Self::State) -> T;
    /// dV/dt of a free neuron in `state`, per second.
    #[must_use]
    fn membrane_rate(&self, state: Self::State) -> T;
    /// dV/dt after free motion of length `dt` from `before`, per second: the rate of the state there, where that has lost its digits.
    #[must_use]
    fn rate_after(&self, before: Self::State, dt: T) -> T;
    /// A number that grows with the membrane potential of `state` and with nothing else: how high it is, known better than the
    /// potential itself where that is large beside its changes.
    #[must_use]
    fn height(&self, state: Self::State) -> f64;
    /// The membrane potential of a clamped neuron.
    #[must_use]
    fn clamped_membrane(&self) -> T;
    /// The membrane potential just before a spike from `state`.
    #[must_use]
    fn threshold_membrane(&self, state: Self::State) -> T;
    /// Whether that is the same at each spike, so that the potential never exceeds it.
    #[must_use]
    fn has_fixed_threshold(&self) -> bool {
        true
    }
    /// How far the membrane potential falls at a spike.
    #[must_use]
    fn drop_at_spike(&self) -> T;
    /// By how much arrivals whose weights sum to `weight` change dV/dt of a free neuron, per second.
    #[must_use]
    fn rate_change(&self, weight: T) -> T;
    /// `∫ e^(−decay_rate · s) V ds` over the next `dt` seconds of free motion, s being the time from now on, in potential × seconds;
    /// `over` is (`dt`, `decay_rate`). The weight decays at a rate per second, not negative; with zero it is plain ∫V.
    #[must_use]
    fn integral(&self, state: Self::State, over: (T, T), cache: &mut Self::Averaging) -> T;
    /// The same of a clamped neuron.
    #[must_use]
    fn clamped_integral(&self, state: Self::State, over: (T, T)) -> T;
    /// `state` with the real parts of `other`, from which it differs by roundings.
    #[must_use]
    fn with_real_part(&self, state: Self::State, other: Self::State) -> Self::State;
    /// Whether every number of `state` is finite.
    #[must_use]
    fn is_finite(&self, state: Self::State) -> bool;

    /// A cheap lower bound of the time to the next crossing or touch of a free neuron in `state`, in seconds; `None` if
    /// there is certainly none. Zero is always right.
    #[must_use]
    fn earliest_crossing(&self, state: Self::State) -> Option<f64>;
    /// Whether a free neuron in `state` certainly neither crosses nor touches its threshold within the next `dt` seconds.
    /// `false` is always right. This is asked at every arrival, and most often the answer is yes.
    #[must_use]
    fn is_silent_for(&self, state: Self::State, dt: f64) -> bool {
        self.earliest_crossing(state).is_none_or(|earliest| earliest > dt)
    }
    /// Says whether and when a free neuron in `state` will spike if nothing arrives.
    #[must_use]
    fn next_crossing(&self, state: Self::State) -> Outlook<T>;
    /// Time to the interior maximum of the potential of a free neuron, if there is one ahead.
    #[must_use]
    fn next_maximum(&self, state: Self::State) -> Option<T>;
    /// Calls `each` with the time to every such maximum within the next `dt` seconds, in order, if there may be more than one ahead; else it does nothing
    /// and says `false`.
    fn several_maxima(&self, state: Self::State, dt: f64, each: &mut dyn FnMut(T)) -> bool {
        let _ = (state, dt, each);
        false
    }

    /// [`Neuron::flow`] of `before`, and of the `tangent` beside it.
    #[must_use]
    fn flow_with_tangent(
        &self,
        before: Self::State,
        tangent: Self::Tangent,
        dt: T,
    ) -> (Self::State, Self::Tangent);
    /// Carries `tangent` through [`Neuron::hold`] of `before`.
    #[must_use]
    fn hold_tangent(&self, tangent: Self::Tangent, before: Self::State, dt: T) -> Self::Tangent;
    /// Carries `tangent` through [`Neuron::reset`].
    #[must_use]
    fn reset_tangent(&self, tangent: Self::Tangent) -> Self::Tangent;
    /// ∂V/∂(time constants) of a state with this `tangent`.
    #[must_use]
    fn membrane_tangent(&self, tangent: Self::Tangent) -> TimeConstants<T>;
    /// ∂/∂(time constants) of [`Neuron::integral`] of a state and its tangent.
    #[must_use]
    fn integral_tangent(
        &self,
        before: (Self::State, Self::Tangent),
        over: (T, T),
        cache: &mut Self::Averaging,
    ) -> TimeConstants<T>;
    /// Whether there are derivatives by [`OtherTimeConstants`].
    const HAS_OTHERS: bool = false;
    /// Those of [`Neuron::integral`] of a state and its tangent; asked only where there are any.
    #[must_use]
    fn other_integral_tangents(
        &self,
        before: (Self::State, Self::Tangent),
        over: (T, T),
        cache: &mut Self::Averaging,
    ) -> OtherTimeConstants<T> {
        let _ = (before, over, cache);
        OtherTimeConstants::default()
    }
}

/// What a neuron collects for its numbers: one derivative for each, in the order of its model's [`Table`](crate::Table).
pub trait NeuronGradient<T: Scalar>: Copy + Debug + Default + Send + Sync {
    /// The derivatives.
    fn as_slice(&self) -> &[T];
    /// The derivatives, to change them.
    fn as_mut_slice(&mut self) -> &mut [T];
    /// Adds another gradient of the same neuron.
    fn add(&mut self, other: &Self) {
        let pairs = self.as_mut_slice().iter_mut().zip(other.as_slice());
        pairs.for_each(|(into, &from)| *into += from);
    }
    /// Whether every entry is finite.
    #[must_use]
    fn is_finite(&self) -> bool {
        self.as_slice().iter().all(|x| x.is_all_finite())
    }
}

/// The reverse rule of every map of a [`Neuron`].
///
/// Between two of its own spikes a neuron is linear, so the derivatives with respect to its parameters are taken once
/// for each spike and read-out ([`NeuronAdjoint::membrane_pullback`]), not at each arrival.
pub trait NeuronAdjoint<T: Scalar>: Neuron<T> {
    /// One number for each parameter and initial value of a neuron.
    type Gradient: NeuronGradient<T>;

    /// Pulls `after` back through [`Neuron::flow`].
    #[must_use]
    fn flow_pullback(&self, dt: T, after: Adjoint<Self::State>) -> Adjoint<Self::State>;
    /// Pulls `after` back through [`Neuron::hold`].
    #[must_use]
    fn hold_pullback(&self, dt: T, after: Adjoint<Self::State>) -> Adjoint<Self::State>;
    /// ∂L/∂(current that is injected during [`Neuron::flow`]).
    #[must_use]
    fn current_pullback(&self, dt: T, after: Adjoint<Self::State>) -> T;
    /// ∂L/∂(current that is injected during [`Neuron::integral`]) of `integral` = ∂L/∂(that).
    #[must_use]
    fn current_of_integral_pullback(&self, integral: T, over: (T, T)) -> T;
    /// ∂L/∂(time at which an injected current grows by `change`) of a free neuron.
    #[must_use]
    fn step_pullback(&self, change: T, adjoint: Adjoint<Self::State>) -> T;
    /// Pulls `integral` = ∂L/∂([`Neuron::integral`]) back through it.
    #[must_use]
    fn integral_pullback(
        &self,
        integral: T,
        over: (T, T),
        cache: &mut Self::Averaging,
    ) -> Adjoint<Self::State>;
    /// Pulls `after` back through arrivals, for one synapse of strength `weight`.
    #[must_use]
    fn receive_pullback(&self, weight: T, after: Adjoint<Self::State>) -> Arrival<T>;
    /// `τ_mem` and `τ_syn`, in seconds, of a leaky neuron with one current: they alone move its adjoint, so that its arrivals may be pulled back beside those of
    /// others. Those of a neuron that does not tell are pulled back one by one.
    #[must_use]
    fn leaks(&self) -> Option<TimeConstants<T>> {
        None
    }
    /// The moment of release, when the clamp ends and the membrane starts from its reset value at the rate `rate`:
    /// returns the adjoint before it and ∂L/∂(time of release).
    #[must_use]
    fn release_pullback(&self, rate: T, after: Adjoint<Self::State>) -> (Adjoint<Self::State>, T);
    /// A spike with `time` = ∂L/∂t, through all that depends on it: returns the adjoint before it, and ∂L/∂V there.
    #[must_use]
    fn spike_pullback(
        &self,
        slope: T,
        time: T,
        after: Adjoint<Self::State>,
    ) -> (Adjoint<Self::State>, T);
    /// Adds ∂L/∂V at a read-out to `adjoint`.
    #[must_use]
    fn read_pullback(&self, membrane: T, after: Adjoint<Self::State>) -> Adjoint<Self::State>;
    /// The adjoint of a state on which nothing depends.
    #[must_use]
    fn no_adjoint(&self) -> Adjoint<Self::State>;
    /// Whether nothing depends on the state.
    #[must_use]
    fn is_zero_adjoint(&self, adjoint: Adjoint<Self::State>) -> bool;
    /// Sum of two adjoints of one state.
    #[must_use]
    fn add_adjoints(
        &self,
        a: Adjoint<Self::State>,
        b: Adjoint<Self::State>,
    ) -> Adjoint<Self::State>;

    /// Adds what the neuron's parameters get from ∂L/∂V = `membrane` at a moment `elapsed` seconds after the membrane
    /// last started: from its reset value if `after_reset`, else from its initial value.
    fn membrane_pullback(
        &self,
        membrane: T,
        elapsed: T,
        after_reset: bool,
        tangent: TimeConstants<T>,
        gradient: &mut Self::Gradient,
    );
    /// Adds to the derivative by the threshold what comes from a spike with ∂L/∂t = `time`.
    fn threshold_pullback(&self, slope: T, time: T, gradient: &mut Self::Gradient);
    /// Adds to the derivative by the refractory time what comes from a release with ∂L/∂t = `time`.
    fn refractory_pullback(&self, time: T, gradient: &mut Self::Gradient);
    /// Adds what the parameters get from ∂L/∂V = `membrane` at a moment within the refractory time.
    fn clamped_pullback(&self, membrane: T, gradient: &mut Self::Gradient);
    /// Adds what the threshold gets from ∂L/∂V = `membrane` where V is [`Neuron::threshold_membrane`].
    fn threshold_membrane_pullback(&self, membrane: T, gradient: &mut Self::Gradient);
    /// Adds what the parameters but for the time constants get from `integral` = ∂L/∂([`Neuron::integral`] `over` the free motion
    /// from a start of the membrane on): from its reset value if `after_reset`, else from its initial value.
    fn free_integral_pullback(
        &self,
        integral: T,
        over: (T, T),
        after_reset: bool,
        gradient: &mut Self::Gradient,
    );
    /// Adds what the parameters get from `integral` = ∂L/∂([`Neuron::clamped_integral`] `over` a refractory time).
    fn clamped_integral_pullback(&self, integral: T, over: (T, T), gradient: &mut Self::Gradient);
    /// Adds what the time constants get from ∂L/∂x = `cotangent`, x being a number with this `tangent`.
    fn time_constants_pullback(
        &self,
        cotangent: T,
        tangent: TimeConstants<T>,
        gradient: &mut Self::Gradient,
    );
    /// Adds the adjoint of the initial state, for what is not already taken by the membrane's pullbacks.
    fn initial_pullback(&self, adjoint: Adjoint<Self::State>, gradient: &mut Self::Gradient);
}
