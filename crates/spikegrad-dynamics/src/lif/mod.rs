//! The leaky integrate-and-fire neuron with an exponential current synapse (`lif`), and the leaky integrator (`li`).
//!
//! ```text
//! tau_mem dV/dt = (v_leak − V) + I + i_bias        tau_syn dI/dt = −I
//! arrival:   I ← I + w
//! spike:     V reaches v_th from below;  V ← v_reset, held for t_ref;  I goes on
//! ```
//!
//! The state keeps V **relative to a datum**: to the threshold for a neuron that spikes, to the resting value
//! `v_leak + i_bias` for a leaky integrator. What decides about a spike, the distance from the threshold, is then known
//! to its own last bits, however large the resting value and however near the start (docs/decisions/0025-datum.md). A
//! leaky integrator is the same neuron with its threshold at infinity.
//!
//! | file | primal | with |
//! | --- | --- | --- |
//! | `flow.rs` | motion between events | its pullbacks |
//! | `integral.rs` | ∫V along it, and in the clamp | its derivatives and pullbacks |
//! | `course.rs` | where the potential is at a time, and where it turns | – |
//! | `crossing.rs`, `root.rs` | next crossing, next maximum | – (implicit function theorem, in `jump.rs`) |
//! | `bounds.rs` | bounds of the next crossing, of one neuron and side by side | – |
//! | `certificate.rs` | for how long nobody has to look | – |
//! | `sums.rs` | the state as sums over arrivals | derivatives with respect to the time constants |
//! | `jump.rs` | spike, release, arrival | their pullbacks |
//! | `parameters.rs` | its numbers | `gradient.rs` |
//! | `table.rs` | names, units, defaults and ranges of its numbers | – |
//! | `delta.rs` | the neuron with delta synapses, `lif_delta` | – |
//! | `tangent.rs` | derivatives with respect to the time constants, carried forward | – |
//!
//! Not here: more than one neuron.

pub(crate) mod bounds;
mod certificate;
mod course;
mod crossing;
pub mod delta;
pub(crate) mod flow;
mod gradient;
mod integral;
mod jump;
mod parameters;
pub(crate) mod root;
pub mod sums;
mod table;
pub(crate) mod tangent;

pub use certificate::Certificate;
#[cfg(test)]
pub(crate) use crossing::by_bracket;
pub use gradient::LifGradient;
pub use integral::Averaging;
pub use parameters::{IntegratorParameters, LifParameters};
pub(crate) use table::{
    BELOW_THRESHOLD, BIAS, CURRENT, LEAK, MEMBRANE, REFRACTORY, RESET, START, SYNAPSE, THRESHOLD,
};
pub use table::{
    COUNT, I, I_BIAS, T_REF, TABLE, TAU_MEM, TAU_SYN, V, V_LEAK, V_RESET, V_TH, integrator,
};
pub use tangent::Tangent;

use crate::math::{exp, ln};
use crate::{
    Adjoint, Arrival, COMPONENTS, Neuron, NeuronAdjoint, Outlook, Scalar, TimeConstants, Vector,
};

/// Membrane potential relative to the datum, and synaptic current.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct State<T> {
    /// V − `v_th`; of a leaky integrator V − (`v_leak` + `i_bias`).
    pub v: T,
    /// Synaptic current I.
    pub i: T,
}

/// A neuron ready to be simulated: its parameters, and what follows from them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Lif<T> {
    tau_mem: T,
    tau_syn: T,
    t_ref: T,
    /// What potentials are measured from: `v_th`, or for a leaky integrator `v_leak + i_bias`.
    datum: T,
    /// `v_leak + i_bias` above the datum.
    rest: T,
    /// The threshold above the datum: zero, or for a leaky integrator infinite.
    threshold: f64,
    /// `v_reset` above the datum.
    reset: T,
    /// Largest response to a unit current from rest, rounded up: `(tau_syn/tau_mem)^(tau_mem/(tau_mem − tau_syn))`.
    response_peak: f64,
}

/// A membrane that follows its current has the rate `−i (τ_mem/τ_syn)/(1 − τ_mem/τ_syn)/τ_mem`, a difference of numbers of the size of i: below this
/// ratio of the time constants three bits of it are lost, which is no more than elsewhere.
const MUCH_FASTER: f64 = 8.0;

/// Relative room above the rounding error of `response_peak` and of the sum that is compared with it.
const PEAK_MARGIN: f64 = 1e-9;

impl<T: Scalar> Lif<T> {
    /// A leaky integrate-and-fire neuron. Time constants must be positive and `v_reset < v_th`.
    #[must_use]
    pub fn new(p: LifParameters<T>) -> Self {
        Self {
            datum: p.v_th,
            rest: sum(p.v_leak, p.i_bias, -p.v_th),
            threshold: 0.0,
            reset: p.v_reset - p.v_th,
            t_ref: p.t_ref,
            ..Self::integrator(p.into())
        }
    }

    /// A leaky integrator, which never spikes.
    #[must_use]
    pub fn integrator(p: IntegratorParameters<T>) -> Self {
        let zero = T::from(0.0);
        Self {
            tau_mem: p.tau_mem,
            tau_syn: p.tau_syn,
            t_ref: zero,
            datum: p.v_leak + p.i_bias,
            rest: zero,
            threshold: f64::INFINITY,
            reset: zero,
            response_peak: response_peak(p.tau_mem.re(), p.tau_syn.re()) * (1.0 + PEAK_MARGIN),
        }
    }

    /// Time constants of membrane and synapse, in seconds.
    #[must_use]
    pub fn time_constants(&self) -> TimeConstants<T> {
        [self.tau_mem, self.tau_syn]
    }

    /// Whether `other` has the same time constants, to the bit: then both share their motions.
    #[must_use]
    pub fn shares_time_constants(&self, other: &Self) -> bool {
        let bits = |neuron: &Self| neuron.time_constants().map(|tau| tau.re().to_bits());
        bits(self) == bits(other)
    }

    /// Largest response to a unit current from rest, rounded up.
    pub(crate) fn response_peak(&self) -> f64 {
        self.response_peak
    }

    /// The neuron with another bound of its response.
    pub(crate) fn with_response_peak(self, response_peak: f64) -> Self {
        Self { response_peak, ..self }
    }

    /// How far a crossing with this slope moves, in seconds, if all that it follows from changes by a rounding, in units of the rounding: at
    /// the threshold the current is `slope τ_mem − rest`; a rounding of it, or of the resting value, moves the crossing by as much divided by the slope.
    #[must_use]
    pub fn crossing_condition(&self, slope: f64) -> f64 {
        self.tau_mem.re() + 2.0 * self.rest.re().abs() / slope
    }

    /// Whether the membrane is so much faster than the synapse that it comes to follow the current, and its rate cannot be read off its state.
    #[must_use]
    pub fn follows_its_current(&self) -> bool {
        MUCH_FASTER * self.tau_mem.re() < self.tau_syn.re()
    }

    /// The resting value of the membrane, `v_leak + i_bias`, above the datum.
    pub(crate) fn rest(&self) -> T {
        self.rest
    }

    /// The state with membrane potential `v` and synaptic current `i`.
    #[must_use]
    pub fn state(&self, v: T, i: T) -> State<T> {
        State { v: v - self.datum, i }
    }

    /// V above the resting value.
    #[inline(always)]
    fn above_rest(&self, state: State<T>) -> T {
        state.v - self.rest
    }
}

/// `a + b + c`, its real part rounded once: exact where the sum almost vanishes.
pub(crate) fn sum<T: Scalar>(a: T, b: T, c: T) -> T {
    (a + b + c).with_re(sum_of_three(a.re(), b.re(), c.re()))
}

/// `a + b + c` to one rounding: what the first addition rounds off is added back to the second.
fn sum_of_three(a: f64, b: f64, c: f64) -> f64 {
    let partial = a + b;
    let b_part = partial - a;
    let error = (a - (partial - b_part)) + (b - b_part);
    (partial + c) + error
}

fn response_peak(tau_mem: f64, tau_syn: f64) -> f64 {
    // ln(ratio)/(ratio − 1) → 1 as the time constants meet.
    let ratio = tau_mem / tau_syn;
    let excess = ratio - 1.0;
    let exponent = if excess == 0.0 { 1.0 } else { ratio * (ln(ratio) / excess) };
    exp(-exponent)
}

impl<T: Scalar> Neuron<T> for Lif<T> {
    type State = State<T>;
    type Tangent = Tangent<T>;
    type Averaging = Averaging<T>;

    fn to_vector(state: State<T>) -> Vector<T> {
        let mut vector = [T::from(0.0); COMPONENTS];
        [vector[0], vector[1]] = [state.v, state.i];
        vector
    }
    fn from_vector([v, i, ..]: Vector<T>) -> State<T> {
        State { v, i }
    }
    fn takes_current(&self) -> bool {
        true
    }
    #[inline(always)]
    fn with_current(&self, current: T) -> Self {
        Self { rest: self.rest + current, ..*self }
    }
    #[inline(always)]
    fn flow(&self, state: State<T>, dt: T) -> State<T> {
        flow::flow(self, state, dt)
    }
    fn hold(&self, state: State<T>, dt: T) -> State<T> {
        flow::hold(self, state, dt)
    }
    fn reset(&self, before: State<T>) -> State<T> {
        State { v: self.reset, ..before }
    }
    fn receive(&self, before: State<T>, weight: T) -> State<T> {
        State { i: before.i + weight, ..before }
    }
    fn refractory(&self) -> T {
        self.t_ref
    }
    fn membrane(&self, state: State<T>) -> T {
        self.datum + state.v
    }
    fn membrane_rate(&self, state: State<T>) -> T {
        sum(state.i, self.rest, -state.v) / self.tau_mem
    }
    fn rate_after(&self, before: State<T>, dt: T) -> T {
        flow::rate_after(self, before, dt)
    }
    fn height(&self, state: State<T>) -> f64 {
        state.v.re()
    }
    fn clamped_membrane(&self) -> T {
        self.datum + self.reset
    }
    fn threshold_membrane(&self, _: State<T>) -> T {
        self.datum
    }
    fn drop_at_spike(&self) -> T {
        -self.reset
    }
    fn rate_change(&self, weight: T) -> T {
        weight / self.tau_mem
    }
    fn integral(&self, state: State<T>, over: (T, T), cache: &mut Averaging<T>) -> T {
        integral::integral(self, state, over, cache)
    }
    fn clamped_integral(&self, _: State<T>, over: (T, T)) -> T {
        self.clamped_membrane() * integral::of_weight(over)
    }
    fn with_real_part(&self, state: State<T>, other: State<T>) -> State<T> {
        State { v: state.v.with_re(other.v.re()), i: state.i.with_re(other.i.re()) }
    }
    fn is_finite(&self, state: State<T>) -> bool {
        state.v.is_all_finite() && state.i.is_all_finite()
    }
    fn earliest_crossing(&self, state: State<T>) -> Option<f64> {
        bounds::earliest_crossing(self, state)
    }
    #[inline(always)]
    fn is_silent_for(&self, state: State<T>, dt: f64) -> bool {
        bounds::is_silent_for(self, state, dt)
    }
    fn next_crossing(&self, state: State<T>) -> Outlook<T> {
        crossing::next_crossing(self, state)
    }
    fn next_maximum(&self, state: State<T>) -> Option<T> {
        crossing::next_maximum(self, state)
    }
    #[inline]
    fn flow_with_tangent(
        &self,
        before: State<T>,
        tangent: Tangent<T>,
        dt: T,
    ) -> (State<T>, Tangent<T>) {
        tangent::flow_with_tangent(self, before, tangent, dt)
    }
    fn hold_tangent(&self, tangent: Tangent<T>, before: State<T>, dt: T) -> Tangent<T> {
        tangent::hold(self, tangent, before, dt)
    }
    fn reset_tangent(&self, tangent: Tangent<T>) -> Tangent<T> {
        let zero = T::from(0.0);
        Tangent { v_mem: zero, v_syn: zero, ..tangent }
    }
    fn membrane_tangent(&self, tangent: Tangent<T>) -> TimeConstants<T> {
        [tangent.v_mem, tangent.v_syn]
    }
    fn integral_tangent(
        &self,
        before: (State<T>, Tangent<T>),
        over: (T, T),
        cache: &mut Averaging<T>,
    ) -> TimeConstants<T> {
        integral::tangent(self, before, over, cache)
    }
}

impl<T: Scalar> NeuronAdjoint<T> for Lif<T> {
    type Gradient = LifGradient<T>;

    #[inline]
    fn flow_pullback(&self, dt: T, after: Adjoint<State<T>>) -> Adjoint<State<T>> {
        flow::flow_pullback(self, dt, after)
    }
    fn hold_pullback(&self, dt: T, after: Adjoint<State<T>>) -> Adjoint<State<T>> {
        flow::hold_pullback(self, dt, after)
    }
    fn current_pullback(&self, dt: T, after: Adjoint<State<T>>) -> T {
        flow::current_pullback(self, dt, after)
    }
    fn current_of_integral_pullback(&self, integral: T, over: (T, T)) -> T {
        let mut gradient = LifGradient::default();
        integral::free_pullback(self, integral, over, true, &mut gradient);
        gradient[I_BIAS]
    }
    fn step_pullback(&self, change: T, adjoint: Adjoint<State<T>>) -> T {
        -adjoint.0.v * self.rate_change(change)
    }
    fn integral_pullback(
        &self,
        integral: T,
        over: (T, T),
        cache: &mut Averaging<T>,
    ) -> Adjoint<State<T>> {
        integral::pullback(self, integral, over, cache)
    }
    fn receive_pullback(&self, weight: T, after: Adjoint<State<T>>) -> Arrival<T> {
        jump::receive_pullback(self, weight, after)
    }
    fn leaks(&self) -> Option<TimeConstants<T>> {
        Some([self.tau_mem, self.tau_syn])
    }
    fn release_pullback(&self, rate: T, after: Adjoint<State<T>>) -> (Adjoint<State<T>>, T) {
        jump::release_pullback(rate, after)
    }
    fn spike_pullback(
        &self,
        slope: T,
        time: T,
        after: Adjoint<State<T>>,
    ) -> (Adjoint<State<T>>, T) {
        jump::spike_pullback(slope, time, after)
    }
    fn read_pullback(&self, membrane: T, after: Adjoint<State<T>>) -> Adjoint<State<T>> {
        Adjoint(State { v: after.0.v + membrane, ..after.0 })
    }
    fn no_adjoint(&self) -> Adjoint<State<T>> {
        Adjoint::default()
    }
    fn is_zero_adjoint(&self, adjoint: Adjoint<State<T>>) -> bool {
        adjoint.0.v.is_exactly_zero() && adjoint.0.i.is_exactly_zero()
    }
    fn add_adjoints(&self, a: Adjoint<State<T>>, b: Adjoint<State<T>>) -> Adjoint<State<T>> {
        Adjoint(State { v: a.0.v + b.0.v, i: a.0.i + b.0.i })
    }
    fn membrane_pullback(
        &self,
        membrane: T,
        elapsed: T,
        after_reset: bool,
        tangent: TimeConstants<T>,
        gradient: &mut LifGradient<T>,
    ) {
        let p = -elapsed / self.tau_mem;
        gradient.add_membrane(membrane, [p.exp(), p.exp_m1()], after_reset, tangent);
    }
    fn threshold_pullback(&self, slope: T, time: T, gradient: &mut LifGradient<T>) {
        // The crossing time solves V(t) = v_th: dt/dv_th = 1/slope.
        gradient[V_TH] += time / slope;
    }
    fn refractory_pullback(&self, time: T, gradient: &mut LifGradient<T>) {
        gradient[T_REF] += time;
    }
    fn clamped_pullback(&self, membrane: T, gradient: &mut LifGradient<T>) {
        gradient[V_RESET] += membrane;
    }
    fn threshold_membrane_pullback(&self, membrane: T, gradient: &mut LifGradient<T>) {
        gradient[V_TH] += membrane;
    }
    fn free_integral_pullback(
        &self,
        integral: T,
        over: (T, T),
        after_reset: bool,
        gradient: &mut LifGradient<T>,
    ) {
        integral::free_pullback(self, integral, over, after_reset, gradient);
    }
    fn clamped_integral_pullback(&self, integral: T, over: (T, T), gradient: &mut LifGradient<T>) {
        self.clamped_pullback(integral * integral::of_weight(over), gradient);
    }
    fn time_constants_pullback(
        &self,
        cotangent: T,
        tangent: TimeConstants<T>,
        gradient: &mut LifGradient<T>,
    ) {
        gradient.add_time_constants(cotangent, tangent);
    }
    fn initial_pullback(&self, adjoint: Adjoint<State<T>>, gradient: &mut LifGradient<T>) {
        gradient[I] += adjoint.0.i;
    }
}

#[cfg(test)]
pub(crate) mod fixtures {
    use super::{Lif, LifParameters, State};

    /// Ratios of the time constants that every rule is tested at.
    pub(crate) const RATIOS: [f64; 11] =
        [4.0, 2.0, 1.0, 1.0 + 1e-9, 1.0 - 1e-5, 0.5, 0.05, 100.0, 1e-3, 1e8, 1e-8];

    /// Ratios of the time constants of neurons side by side, which do not fill their last block.
    pub(crate) const COMPANY: [f64; 11] =
        [2.0, 0.5, 1.0, 4.0, 0.3, 1.0 + 1e-9, 3.0, 0.7, 5.0, 2.0, 1.5];

    /// A neuron with every parameter in use, `tau_syn` = 5 and `tau_mem` = `ratio` × 5.
    pub(crate) fn parameters(ratio: f64) -> LifParameters<f64> {
        LifParameters {
            tau_mem: ratio * 5.0,
            tau_syn: 5.0,
            v_th: 1.0,
            v_reset: -0.3,
            v_leak: 0.1,
            i_bias: 0.2,
            t_ref: 1.5,
        }
    }

    /// See [`parameters`].
    pub(crate) fn neuron(ratio: f64) -> Lif<f64> {
        Lif::new(parameters(ratio))
    }

    /// The matrix exponential's own error dominates: about 1e-13 after its squarings.
    pub(crate) const MATRIX_EXPONENTIAL: f64 = 1e-12;

    /// The same linear system, integrated by nalgebra's scaling-and-squaring matrix exponential. What it moves is `e^(−decay_rate t)`
    /// times V − rest, i and 1, and the integral of the weighted potential, which is linear again.
    pub(crate) fn by_matrix_exponential(
        ratio: f64,
        state: State<f64>,
        dt: f64,
        decay_rate: f64,
    ) -> (f64, f64, f64) {
        let (p, rest) = (parameters(ratio), neuron(ratio).rest());
        let generator = nalgebra::Matrix4::new(
            -1.0 / p.tau_mem - decay_rate,
            1.0 / p.tau_mem,
            0.0,
            0.0, //
            0.0,
            -1.0 / p.tau_syn - decay_rate,
            0.0,
            0.0, //
            1.0,
            0.0,
            0.0,
            p.v_leak + p.i_bias, //
            0.0,
            0.0,
            0.0,
            -decay_rate,
        );
        let propagator = (generator * dt).exp();
        let end = propagator * nalgebra::Vector4::new(state.v - rest, state.i, 0.0, 1.0);
        (end[0] + rest, end[1], end[2])
    }
}
