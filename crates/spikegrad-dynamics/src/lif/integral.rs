//! The integral of V along a free motion and in the clamp, its derivatives with respect to the time constants, and its pullbacks.
//!
//! With p = −`dt/τ_mem` and q = −`dt/τ_syn` (docs/mathematics.md, eq. 6),
//!
//! ```text
//! ∫u = dt exp[0, p] u + (dt²/τ_mem) exp[0, p, q] i
//! ```
//!
//! A weight e^(−ρs) within the integral shifts p and q by −ρ dt, and leaves the 0 where it is (eq. 6a). Every factor is positive,
//! so nothing cancels. The coefficients are long series and know nothing of the state: integrators that hear the same arrivals
//! share them, so they are cached from one to the next.
//!
//! Not here: the motion itself (`flow.rs`).

use super::tangent::{Tangent, of_scale};
use super::{Lif, LifGradient, State};
use crate::{Adjoint, Scalar, TimeConstants, exp_divided};

/// The coefficients of the last integral, for the next one over the same length.
#[derive(Clone, Copy, Debug)]
pub struct Averaging<T>(Option<Coefficients<T>>);

impl<T> Default for Averaging<T> {
    fn default() -> Self {
        Self(None)
    }
}

#[derive(Clone, Copy, Debug)]
struct Coefficients<T> {
    /// Length, decay rate, `τ_mem` and `τ_syn`: what all below follows from.
    of: [T; 4],
    rest: T,
    v: T,
    i: T,
    /// `exp[0, p, q]`, of which `i` is a multiple.
    second: T,
    tangent: Option<TangentCoefficients<T>>,
}

/// Coefficients of the state in the derivatives of the integral.
#[derive(Clone, Copy, Debug)]
struct TangentCoefficients<T> {
    v_by_tau_mem: T,
    i_by_tau_mem: T,
    i_by_tau_syn: T,
}

impl<T: Scalar> Averaging<T> {
    /// The coefficients over `dt` under a weight that decays at `decay_rate`.
    fn over(&mut self, neuron: &Lif<T>, dt: T, decay_rate: T) -> &mut Coefficients<T> {
        let of = [dt, decay_rate, neuron.tau_mem, neuron.tau_syn];
        // Equal in every part: duals compare by their values alone.
        let fits = |cache: &Coefficients<T>| {
            cache.of.iter().zip(of).all(|(&cache, new)| (cache - new).is_exactly_zero())
        };
        let cache = self.0.take().filter(fits);
        self.0.insert(cache.unwrap_or_else(|| Coefficients::new(of)))
    }
}

impl<T: Scalar> Coefficients<T> {
    fn new(of: [T; 4]) -> Self {
        let [dt, decay_rate, tau_mem, tau_syn] = of;
        let (zero, r) = (T::from(0.0), -dt * decay_rate);
        let (p, q) = (-dt / tau_mem + r, -dt / tau_syn + r);
        let second = exp_divided([zero, p, q]);
        Self {
            of,
            rest: of_weight((dt, decay_rate)),
            v: dt * exp_divided([zero, p]),
            i: dt * (dt / tau_mem) * second,
            second,
            tangent: None,
        }
    }

    fn tangent(&mut self) -> TangentCoefficients<T> {
        let ([dt, decay_rate, tau_mem, tau_syn], second) = (self.of, self.second);
        *self.tangent.get_or_insert_with(|| {
            let (zero, x, y) = (T::from(0.0), dt / tau_mem, dt / tau_syn);
            // A weight shifts both by the same, so that all below holds as it stands: it knows p − q, and how each depends on its own.
            let r = -dt * decay_rate;
            let (p, q) = (r - x, r - y);
            let (dp, dq) = (x / tau_mem, y / tau_syn);
            let twice_p = exp_divided([zero, p, p]);
            TangentCoefficients {
                v_by_tau_mem: dt * dp * twice_p,
                i_by_tau_mem: -dt
                    * dp
                    * of_scale(x, y, second, twice_p, || exp_divided([zero, p, p, q])),
                i_by_tau_syn: dt * x * dq * exp_divided([zero, p, q, q]),
            }
        })
    }
}

/// The integral of the weight alone: of a potential of 1.
pub(super) fn of_weight<T: Scalar>((dt, decay_rate): (T, T)) -> T {
    dt * (dt * decay_rate).phi1()
}

pub(super) fn integral<T: Scalar>(
    neuron: &Lif<T>,
    state: State<T>,
    (dt, decay_rate): (T, T),
    cache: &mut Averaging<T>,
) -> T {
    let of = cache.over(neuron, dt, decay_rate);
    let resting = neuron.datum + neuron.rest;
    resting * of.rest + of.v * neuron.above_rest(state) + of.i * state.i
}

pub(super) fn tangent<T: Scalar>(
    neuron: &Lif<T>,
    (state, tangent): (State<T>, Tangent<T>),
    (dt, decay_rate): (T, T),
    cache: &mut Averaging<T>,
) -> TimeConstants<T> {
    let of = cache.over(neuron, dt, decay_rate);
    let own = of.tangent();
    [
        of.v * tangent.v_mem
            + own.v_by_tau_mem * neuron.above_rest(state)
            + own.i_by_tau_mem * state.i,
        of.v * tangent.v_syn + of.i * tangent.i_syn + own.i_by_tau_syn * state.i,
    ]
}

pub(super) fn pullback<T: Scalar>(
    neuron: &Lif<T>,
    integral: T,
    (dt, decay_rate): (T, T),
    cache: &mut Averaging<T>,
) -> Adjoint<State<T>> {
    let of = cache.over(neuron, dt, decay_rate);
    Adjoint(State { v: of.v * integral, i: of.i * integral })
}

/// The integral over the free motion from a start of the membrane on: with r = −`decay_rate` dt, rest gets
/// dt exp[0, r] − dt exp[0, p + r] = `(dt²/τ_mem) exp[0, r, p + r]`.
pub(super) fn free_pullback<T: Scalar>(
    neuron: &Lif<T>,
    integral: T,
    (duration, decay_rate): (T, T),
    after_reset: bool,
    gradient: &mut LifGradient<T>,
) {
    let (zero, x, r) = (T::from(0.0), duration / neuron.tau_mem, -duration * decay_rate);
    let of_rest = integral * duration * x * exp_divided([zero, r, r - x]);
    let of_start = integral * duration * exp_divided([zero, r - x]);
    gradient.add_rest_and_start(of_rest, of_start, after_reset);
}

#[cfg(test)]
mod tests {
    use super::super::LifParameters;
    use super::super::fixtures::{
        MATRIX_EXPONENTIAL, RATIOS, by_matrix_exponential, neuron, parameters,
    };
    use super::super::{I_BIAS, V, V_RESET};
    use super::*;
    use crate::{Dual64, Neuron, NeuronAdjoint};

    /// Rates at which a weight fades: not at all, slowly, and faster than the membrane.
    const DECAY_RATES: [f64; 3] = [0.0, 0.13, 3.0];

    #[test]
    fn the_integral_agrees_with_a_matrix_exponential() {
        let state = State { v: -0.4, i: 2.3 };
        for ratio in RATIOS.into_iter().filter(|r| (1e-3..=1e3).contains(r)) {
            for (dt, decay_rate) in
                [1e-6, 0.01, 1.0, 4.0, 12.0].map(|dt| DECAY_RATES.map(|f| (dt, f))).concat()
            {
                let (_, _, expected) = by_matrix_exponential(ratio, state, dt, decay_rate);
                let got =
                    neuron(ratio).integral(state, (dt, decay_rate), &mut Averaging::default());
                let scale = expected.abs().max(1e-3 * dt);
                assert!(
                    (got - expected).abs() < MATRIX_EXPONENTIAL * scale,
                    "{ratio} {dt} {decay_rate}: {got} {expected}"
                );
            }
        }
    }

    #[test]
    fn the_pullback_is_the_transpose() {
        // The integral is affine in the state: its coefficients are read off unit states, with no difference quotient.
        let (unit_v, unit_i) = (State { v: 1.0, i: 0.0 }, State { v: 0.0, i: 1.0 });
        for (ratio, decay_rate) in RATIOS.map(|ratio| DECAY_RATES.map(|f| (ratio, f))).concat() {
            let (n, over) = (neuron(ratio), (2.7, decay_rate));
            let cache = &mut Averaging::default();
            let rest = n.integral(State::default(), over, cache);
            let Adjoint(got) = pullback(&n, 1.0, over, cache);
            for (got, unit) in [(got.v, unit_v), (got.i, unit_i)] {
                let expected = n.integral(unit, over, cache) - rest;
                assert!((got - expected).abs() < 4e-16 * (1.0 + rest), "ratio {ratio}");
            }
        }
    }

    #[test]
    fn rest_and_start_get_the_derivative_of_the_integral() {
        // The integral is affine in rest and in the start: a difference of two values is exact but for rounding.
        let (dt, state_i) = (2.7, 1.3);
        for (ratio, decay_rate) in
            [4.0, 1.0, 0.05].map(|ratio| DECAY_RATES.map(|f| (ratio, f))).concat()
        {
            let value = |leak: f64, start: f64| {
                let n = Lif::new(LifParameters { v_leak: leak, ..parameters(ratio) });
                n.integral(n.state(start, state_i), (dt, decay_rate), &mut Averaging::default())
            };
            let base = value(0.0, 0.0);
            let mut got = LifGradient::default();
            free_pullback(&neuron(ratio), 1.0, (dt, decay_rate), false, &mut got);
            let mut after_reset = LifGradient::default();
            free_pullback(&neuron(ratio), 1.0, (dt, decay_rate), true, &mut after_reset);
            assert_eq!(after_reset[V_RESET].to_bits(), got[V].to_bits());
            assert_eq!(after_reset[V].to_bits(), 0.0f64.to_bits());
            for (got, expected) in
                [(got[I_BIAS], value(1.0, 0.0) - base), (got[V], value(0.0, 1.0) - base)]
            {
                assert!((got - expected).abs() < 1e-14, "{got} {expected}");
            }
        }
    }

    #[test]
    fn the_integral_of_a_clamped_neuron_is_that_of_one_whose_rest_is_the_reset_value() {
        // Which stays where it is: the same integral by another way, at every decay rate.
        for (ratio, decay_rate) in RATIOS.map(|ratio| DECAY_RATES.map(|f| (ratio, f))).concat() {
            let over = (2.7, decay_rate);
            let p = parameters(ratio);
            let resting = Lif::new(LifParameters { v_leak: p.v_reset, i_bias: 0.0, ..p });
            let expected =
                resting.integral(resting.state(p.v_reset, 0.0), over, &mut Averaging::default());
            let got = neuron(ratio).clamped_integral(State { v: 0.0, i: 0.0 }, over);
            assert!((got - expected).abs() < 4e-16, "{ratio} {decay_rate}: {got} {expected}");
            let mut gradient = LifGradient::default();
            neuron(ratio).clamped_integral_pullback(1.0, over, &mut gradient);
            let by_reset = gradient[V_RESET];
            assert!((by_reset - expected / p.v_reset).abs() < 2e-15, "{by_reset}");
        }
    }

    #[test]
    fn what_is_kept_changes_no_bit() {
        // Any one of length, decay rate and time constants differs from the one before, and then nothing does.
        let state = State { v: -0.4, i: 2.3 };
        let tangent = Tangent { v_mem: 0.3, v_syn: -0.2, i_syn: 0.7 };
        let cache = &mut Averaging::default();
        for (ratio, dt, decay_rate) in [
            (4.0, 0.3, 0.0),
            (4.0, 0.3, 0.13),
            (4.0, 0.8, 0.13),
            (0.5, 0.8, 0.13),
            (0.5, 0.8, 0.13),
        ] {
            let (n, over, fresh) = (neuron(ratio), (dt, decay_rate), &mut Averaging::default());
            let [kept_value, value] =
                [&mut *cache, &mut *fresh].map(|at| n.integral(state, over, at));
            assert_eq!(kept_value.to_bits(), value.to_bits());
            let tangents = n.integral_tangent((state, tangent), over, cache);
            let expected = n.integral_tangent((state, tangent), over, fresh);
            assert_eq!(tangents.map(f64::to_bits), expected.map(f64::to_bits));
        }
    }

    #[test]
    fn what_is_kept_of_a_dual_is_not_taken_for_another_direction() {
        let (lifted, state) = (parameters(4.0), State { v: (-0.4).into(), i: 2.3.into() });
        let along = |is_mem: bool| {
            let of = |x: f64, moves: bool| {
                if moves { Dual64::from(x).derivative() } else { Dual64::from(x) }
            };
            Lif::new(LifParameters {
                tau_mem: of(lifted.tau_mem, is_mem),
                tau_syn: of(lifted.tau_syn, !is_mem),
                v_th: lifted.v_th.into(),
                v_reset: lifted.v_reset.into(),
                v_leak: lifted.v_leak.into(),
                i_bias: lifted.i_bias.into(),
                t_ref: lifted.t_ref.into(),
            })
        };
        let (cache, over) = (&mut Averaging::default(), (0.3.into(), 0.0.into()));
        let [mem, syn] = [true, false].map(|is_mem| along(is_mem).integral(state, over, cache).eps);
        let fresh = along(false).integral(state, over, &mut Averaging::default());
        assert_eq!(syn.to_bits(), fresh.eps.to_bits());
        assert_ne!(mem.to_bits(), syn.to_bits());
    }
}
