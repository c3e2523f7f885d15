//! Motion between events, and its pullbacks.
//!
//! With p = −`dt/τ_mem`, q = −`dt/τ_syn`, divided differences of the exponential (docs/mathematics.md, eqs. 3–5) and u the
//! potential above rest,
//!
//! ```text
//! u(dt) = e^p u + ψ i            ψ = (dt/τ_mem) exp[p, q]
//! i(dt) = e^q i
//! ```
//!
//! Every factor is positive, so nothing cancels, at any ratio of the time constants and any `dt ≥ 0`.
//! Not here: derivatives with respect to the time constants (`tangent.rs`), the integral of V (`integral.rs`).

use super::{Lif, State};
use crate::divided::{SHORT, phi2_of_short};
use crate::{Adjoint, Scalar};

/// Below this exponent `eˣ` is zero as a double.
const UNDERFLOW: f64 = -750.0;

/// The coefficients of the flow over `dt`, and what they were made of.
#[derive(Clone, Copy)]
pub(crate) struct Propagator<T> {
    /// `dt/τ_mem`.
    pub(crate) x: T,
    /// `dt/τ_syn`.
    pub(crate) y: T,
    /// `e^p`.
    pub(crate) membrane: T,
    /// `e^q`.
    pub(crate) current: T,
    /// `exp[p, q]`.
    pub(crate) first: T,
    /// ψ: what a unit current leaves in the membrane.
    pub(crate) response: T,
    /// `1 − e^p`, where the interval is short for the membrane.
    pub(crate) loss: Option<T>,
    /// `φ₂(|p − q|)`, where it is short for both.
    pub(crate) phi2: Option<T>,
}

#[inline(always)]
pub(super) fn propagator<T: Scalar>(neuron: &Lif<T>, dt: T) -> Propagator<T> {
    of_lengths(dt / neuron.tau_mem, dt / neuron.tau_syn)
}

/// The propagator over `x` membrane and `y` synaptic time constants.
#[inline(always)]
pub(crate) fn of_lengths<T: Scalar>(x: T, y: T) -> Propagator<T> {
    if x.re() <= SHORT && y.re() <= SHORT { short(x, y) } else { long(x, y) }
}

/// Between the arrivals of a busy neuron: all from one series, with no call and no division.
#[inline(always)]
fn short<T: Scalar>(x: T, y: T) -> Propagator<T> {
    let (one, p_is_higher) = (T::from(1.0), x.re() <= y.re());
    let gap = if p_is_higher { y - x } else { x - y };
    let [at_x, at_y, at_gap] = phi2_of_short([x, y, gap]);
    // 1 − e⁻ᵍ = g φ₁(g) and φ₁(g) = 1 − g φ₂(g), at most an eighth below 1.
    let loss = x * (one - x * at_x);
    let (membrane, current) = (one - loss, one - y * (one - y * at_y));
    let first = if p_is_higher { membrane } else { current } * (one - gap * at_gap);
    let (loss, phi2) = (Some(loss), Some(at_gap));
    Propagator { x, y, membrane, current, first, response: x * first, loss, phi2 }
}

#[inline(never)]
fn long<T: Scalar>(x: T, y: T) -> Propagator<T> {
    let (p, q) = (-x, -y);
    let phi2 = None;
    if p.re() < UNDERFLOW && q.re() < UNDERFLOW {
        // Everything has decayed; a quotient of infinities must not say otherwise.
        let zero = T::from(0.0);
        let (membrane, current, first, response, loss) = (zero, zero, zero, zero, None);
        return Propagator { x, y, membrane, current, first, response, loss, phi2 };
    }
    let (membrane, current) = (p.exp(), q.exp());
    let first = if p.re() >= q.re() { membrane * (p - q).phi1() } else { current * (q - p).phi1() };
    let loss = (x.re() <= SHORT).then(|| -p.exp_m1());
    Propagator { x, y, membrane, current, first, response: x * first, loss, phi2 }
}

impl<T: Scalar> Propagator<T> {
    /// The state after the flow of a neuron that rests at `rest` above its datum.
    ///
    /// Over an interval that is short for the membrane the change is small: what rounds is the sum alone, and a potential that
    /// is moved often stays right. Over a long one little is left of where it started, and it is measured from rest.
    #[inline(always)]
    pub(super) fn apply(&self, State { v, i }: State<T>, rest: T) -> State<T> {
        State { v: self.potential(v, rest, self.response * i), i: self.current * i }
    }

    /// By how much a unit current is ahead of what it has left in the membrane, `e^q − ψ`, which is `τ_mem dψ/dt`. A membrane much faster than its synapse follows the
    /// current, so that its rate cannot be read off the two any more; from the start it can: `e^q − ψ = (x e^p − y e^q)/(x − y)`.
    pub(crate) fn ahead(&self) -> T {
        let Self { x, y, membrane, current, response, .. } = *self;
        if (x - y).re().abs() > 1.0 {
            // What has decayed altogether is gone, however long ago.
            let faded = if membrane.is_exactly_zero() { membrane } else { x * membrane };
            (faded - y * current) / (x - y)
        } else {
            current - response
        }
    }

    /// The potential after it, to which currents have added `response`.
    #[inline(always)]
    pub(crate) fn potential(&self, v: T, rest: T, response: T) -> T {
        let above_rest = v - rest;
        match self.loss {
            Some(loss) => v + (response - loss * above_rest),
            None => rest + (self.membrane * above_rest + response),
        }
    }

    /// The transpose of [`Self::apply`].
    #[inline(always)]
    fn pull_back(&self, State { v, i }: State<T>) -> State<T> {
        State { v: self.membrane * v, i: self.response * v + self.current * i }
    }
}

#[inline(always)]
pub(super) fn flow<T: Scalar>(neuron: &Lif<T>, state: State<T>, dt: T) -> State<T> {
    propagator(neuron, dt).apply(state, neuron.rest)
}

#[inline(always)]
pub(super) fn flow_pullback<T: Scalar>(
    neuron: &Lif<T>,
    dt: T,
    after: Adjoint<State<T>>,
) -> Adjoint<State<T>> {
    Adjoint(propagator(neuron, dt).pull_back(after.0))
}

/// A current that is injected during the flow leaves `1 − e^p` of it in the membrane.
pub(super) fn current_pullback<T: Scalar>(neuron: &Lif<T>, dt: T, after: Adjoint<State<T>>) -> T {
    -after.0.v * (-dt / neuron.tau_mem).exp_m1()
}

/// dV/dt after the flow (eq. 23a).
pub(super) fn rate_after<T: Scalar>(neuron: &Lif<T>, before: State<T>, dt: T) -> T {
    let by = propagator(neuron, dt);
    (by.ahead() * before.i - by.membrane * neuron.above_rest(before)) / neuron.tau_mem
}

/// The current goes on, the membrane stays.
pub(super) fn hold<T: Scalar>(neuron: &Lif<T>, state: State<T>, dt: T) -> State<T> {
    State { i: (-dt / neuron.tau_syn).exp() * state.i, ..state }
}

pub(super) fn hold_pullback<T: Scalar>(
    neuron: &Lif<T>,
    dt: T,
    after: Adjoint<State<T>>,
) -> Adjoint<State<T>> {
    Adjoint(hold(neuron, after.0, dt))
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{
        MATRIX_EXPONENTIAL, RATIOS, by_matrix_exponential, neuron, parameters,
    };
    use super::super::{LifGradient, V, V_LEAK};
    use super::*;
    use crate::{Neuron, NeuronAdjoint, TimeConstants};

    #[test]
    fn the_flow_agrees_with_a_matrix_exponential() {
        let state = State { v: -0.4, i: 2.3 };
        for ratio in RATIOS.into_iter().filter(|r| (1e-3..=1e3).contains(r)) {
            for dt in [1e-6, 0.01, 1.0, 4.0, 12.0] {
                let n = neuron(ratio);
                let (v, i, _) = by_matrix_exponential(ratio, state, dt, 0.0);
                let got = n.flow(state, dt);
                for (name, got, expected) in [("v", got.v, v), ("i", got.i, i)] {
                    let scale = expected.abs().max(1e-3 * dt);
                    assert!(
                        (got - expected).abs() < MATRIX_EXPONENTIAL * scale,
                        "{name} {ratio} {dt}: {got} {expected}"
                    );
                }
            }
        }
    }

    #[test]
    fn the_rate_after_a_flow_is_that_of_the_state_where_that_has_digits() {
        let state = State { v: -0.4, i: 2.3 };
        for ratio in RATIOS {
            let n = neuron(ratio);
            for dt in [0.0, 1e-6, 0.01, 1.0, 4.0, 12.0] {
                let got = rate_after(&n, state, dt);
                let expected = n.membrane_rate(n.flow(state, dt));
                // The difference of two numbers of size one, each rounded a few times.
                let rounding = 1e-15 * 4.0 / n.tau_mem;
                assert!((got - expected).abs() <= rounding, "{ratio} {dt}: {got} {expected}");
            }
        }
        // Faster than its synapse by 17 orders: V follows the current, which decays.
        let (fast, dt) = (neuron(1e-17), 3.0);
        let expected = -2.3 * (-dt / 5.0f64).exp() / 5.0;
        let got = rate_after(&fast, state, dt);
        assert!((got / expected - 1.0).abs() < 1e-15, "{got} {expected}");
        assert!((fast.membrane_rate(fast.flow(state, dt)) / expected - 1.0).abs() > 0.5);
    }

    #[test]
    fn short_and_long_intervals_agree_where_they_meet() {
        // Either side is right to a few roundings; lengths that differ by one rounding must not show more.
        let ulps = |a: f64, b: f64| (a / b - 1.0).abs() / f64::EPSILON;
        for share in [1.0, 0.999_999, 0.7, 0.25, 1e-3, 1e-9, 0.0] {
            for (x, y) in [(SHORT, share * SHORT), (share * SHORT, SHORT)] {
                let (short, long) = (short(x, y), long(x, y));
                assert!(short.phi2.is_some() && long.phi2.is_none());
                assert!(ulps(short.membrane, long.membrane) <= 1.0, "{x} {y}");
                assert!(ulps(short.current, long.current) <= 1.0, "{x} {y}");
                assert!(ulps(short.first, long.first) <= 4.0, "{x} {y}");
                let state = State { v: -0.4, i: 2.3 };
                let (a, b) = (short.apply(state, -0.7), long.apply(state, -0.7));
                assert!((a.v - b.v).abs() <= 4.0 * f64::EPSILON && ulps(a.i, b.i) <= 2.0);
            }
        }
    }

    #[test]
    fn two_flows_are_one() {
        for ratio in RATIOS {
            let n = neuron(ratio);
            let state = State { v: -0.4, i: 2.3 };
            let (a, b) = (0.7, 3.1);
            let (two, one) = (n.flow(n.flow(state, a), b), n.flow(state, a + b));
            assert!(
                (two.v - one.v).abs() < 1e-15 * 3.0 && (two.i - one.i).abs() < 1e-15 * 3.0,
                "ratio {ratio}"
            );
        }
    }

    #[test]
    fn pullbacks_are_the_transposes_of_the_linear_maps() {
        // Measured from rest both maps are linear: columns are read off unit states, with no difference quotient.
        for ratio in RATIOS {
            let n = Lif::integrator(parameters(ratio).into());
            let dt = 2.7;
            let after = Adjoint(State { v: 0.8, i: -1.7 });
            let (unit_v, unit_i) = (State { v: 1.0, i: 0.0 }, State { v: 0.0, i: 1.0 });
            let dot = |s: State<f64>| s.v * after.0.v + s.i * after.0.i;
            let flow = flow_pullback(&n, dt, after).0;
            assert_eq!((flow.v, flow.i), (dot(n.flow(unit_v, dt)), dot(n.flow(unit_i, dt))));
            let hold = hold_pullback(&n, dt, after).0;
            assert_eq!((hold.v, hold.i), (dot(n.hold(unit_v, dt)), dot(n.hold(unit_i, dt))));
        }
    }

    #[test]
    fn long_and_short_times_neither_overflow_nor_lose_the_state() {
        for ratio in RATIOS {
            let n = neuron(ratio);
            let state = State { v: -0.4, i: 2.3 };
            for dt in [0.0, 5e-324, 1e-300] {
                assert_eq!(n.flow(state, dt), state);
            }
            for dt in [1e12, 1e300, f64::MAX] {
                let end = n.flow(state, dt);
                assert_eq!((end.v, end.i), (n.rest(), 0.0), "ratio {ratio}, dt {dt}");
            }
        }
    }

    #[test]
    fn rest_and_start_get_the_derivative_of_the_membrane() {
        // V is affine in rest and in the start: a difference of two values is exact but for rounding.
        let (dt, state_i) = (2.7, 1.3);
        for ratio in [4.0, 1.0, 0.05] {
            let value = |leak: f64, start: f64| {
                let n = Lif::new(super::super::LifParameters { v_leak: leak, ..parameters(ratio) });
                n.membrane(n.flow(n.state(start, state_i), dt))
            };
            let base = value(0.0, 0.0);
            let mut of_v = LifGradient::default();
            let still = TimeConstants::default();
            neuron(ratio).membrane_pullback(1.0, dt, false, still, &mut of_v);
            for (got, expected) in
                [(of_v[V_LEAK], value(1.0, 0.0) - base), (of_v[V], value(0.0, 1.0) - base)]
            {
                assert!((got - expected).abs() < 1e-14, "{got} {expected}");
            }
        }
    }
}
