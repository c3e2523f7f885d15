//! The coefficients of the flow and of its tangent over a length of time, a lane for each length or each neuron.
//!
//! The formulas are those of `lif/flow.rs` and `lif/tangent.rs` (docs/mathematics.md, eqs. 3–8), with both branches of each
//! computed and the right one selected. Not here: where a coefficient is used.

use super::{BLOCK, Lanes, Mask};
use crate::divided::SHORT;
use crate::{Adjoint, State};
use pulp::Simd;
use std::ops::{Add, Mul};

/// The flow over some length, of a potential u above rest: `u' = membrane u + response i`, `i' = current i`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Propagator<X = f64> {
    /// e^p, p = −`dt/τ_mem`.
    pub membrane: X,
    /// e^q, q = −`dt/τ_syn`.
    pub current: X,
    /// ψ = (`dt/τ_mem`) exp[p, q].
    pub response: X,
}

/// The flow over some length of a neuron that rests at r, and what it adds to the derivatives with respect to the time
/// constants:
///
/// ```text
/// v'     = (v or r) + (factor (v − r) + response i)        v over short lengths, as in `lif/flow.rs`
/// v_mem' = membrane v_mem + mem_of_v (v − r) + mem_of_i i
/// v_syn' = membrane v_syn + response i_syn + syn_of_i i
/// i_syn' = current i_syn + current_of_i i
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Motion<X = f64> {
    /// The flow itself.
    pub flow: Propagator<X>,
    /// Over a length that is short for the membrane e^p − 1, over a long one e^p.
    pub factor: X,
    /// One over a short length, zero over a long one.
    pub is_short: X,
    /// `dt/τ_mem`.
    pub length: X,
    /// ∂`membrane/∂τ_mem`.
    pub mem_of_v: X,
    /// ∂`response/∂τ_mem`.
    pub mem_of_i: X,
    /// ∂`response/∂τ_syn`.
    pub syn_of_i: X,
    /// ∂`current/∂τ_syn`.
    pub current_of_i: X,
}

/// 1/19!, …, 1/2!: the series of φ₂, the highest power first.
const PHI2: [f64; 18] = {
    let (mut coefficients, mut k, mut divisor) = ([0.5; 18], 17, 3.0);
    while k > 0 {
        k -= 1;
        coefficients[k] = coefficients[k + 1] / divisor;
        divisor += 1.0;
    }
    coefficients
};

/// φ₂(g) = (g − 1 + e⁻ᵍ)/g² for 0 ≤ g ≤ 1.
#[inline(always)]
fn phi2<S: Simd>(gap: Lanes<S>) -> Lanes<S> {
    let square = gap * gap;
    // The highest power is odd. Even and odd powers are two independent chains.
    let (mut odd, mut even) = (gap.constant(0.0), gap.constant(0.0));
    for pair in PHI2.chunks_exact(2) {
        odd = odd * square + pair[0];
        even = even * square + pair[1];
    }
    even - gap * odd
}

/// What flow and tangent share.
struct Parts<S: Simd> {
    x: Lanes<S>,
    y: Lanes<S>,
    membrane_is_slower: Mask<S>,
    is_close: Mask<S>,
    /// 1/gap, where it is used.
    inverse: Lanes<S>,
    hi: Lanes<S>,
    lo: Lanes<S>,
    /// exp[p, q].
    first: Lanes<S>,
    /// exp[hi, hi, lo], where p and q are close.
    close_twice: Lanes<S>,
    membrane_m1: Lanes<S>,
    flow: Propagator<Lanes<S>>,
}

#[inline(always)]
fn parts<S: Simd>(dt: Lanes<S>, tau_mem: Lanes<S>, tau_syn: Lanes<S>) -> Parts<S> {
    let (x, y) = (dt / tau_mem, dt / tau_syn);
    let (zero, one) = (dt.constant(0.0), dt.constant(1.0));
    let ((membrane, membrane_m1), current) = ((-x).exp_and_exp_m1(), (-y).exp());
    let membrane_is_slower = x.le(y);
    let hi = membrane_is_slower.select(membrane, current);
    let lo = membrane_is_slower.select(current, membrane);
    let gap = (y - x).abs();
    let is_close = gap.le(one);
    let inverse = one / gap;
    let close_twice = hi * phi2(gap);
    let first = is_close.select(hi - gap * close_twice, (hi - lo) * inverse);
    // Where all has decayed, a product with infinity must not say otherwise.
    let response = zero.lt(hi).select(x * first, zero);
    let flow = Propagator { membrane, current, response };
    Parts {
        x,
        y,
        membrane_is_slower,
        is_close,
        inverse,
        hi,
        lo,
        first,
        close_twice,
        membrane_m1,
        flow,
    }
}

impl<X: Copy + Add<Output = X> + Mul<Output = X>> Propagator<X> {
    /// ∂L/∂u before the flow, from that after it.
    #[inline(always)]
    pub(super) fn membrane_pullback(&self, u: X) -> X {
        self.membrane * u
    }

    /// ∂L/∂i before the flow, from ∂L/∂u and ∂L/∂i after it.
    #[inline(always)]
    pub(super) fn current_pullback(&self, u: X, i: X) -> X {
        self.response * u + self.current * i
    }
}

impl Propagator {
    /// Pulls the adjoint of a state back through the flow.
    #[must_use]
    pub fn flow_pullback(&self, Adjoint(after): Adjoint<State<f64>>) -> Adjoint<State<f64>> {
        let State { v, i } = after;
        Adjoint(State { v: self.membrane_pullback(v), i: self.current_pullback(v, i) })
    }
}

impl<S: Simd> Propagator<Lanes<S>> {
    /// The flow over `dt` seconds of neurons with these time constants.
    #[inline(always)]
    #[must_use]
    pub fn over(dt: Lanes<S>, tau_mem: Lanes<S>, tau_syn: Lanes<S>) -> Self {
        parts(dt, tau_mem, tau_syn).flow
    }

    /// Writes one flow for each lane into `flows`, as many as it has room for.
    #[inline(always)]
    pub fn store(self, flows: &mut [Propagator]) {
        let (membrane, current) = (self.membrane.values(), self.current.values());
        let response = self.response.values();
        for (k, flow) in flows.iter_mut().enumerate().take(S::F64_LANES) {
            *flow =
                Propagator { membrane: membrane[k], current: current[k], response: response[k] };
        }
    }

    /// `scalar` in every lane.
    #[inline(always)]
    #[must_use]
    pub fn splat(simd: S, scalar: &Propagator) -> Self {
        Self {
            membrane: Lanes::splat(simd, scalar.membrane),
            current: Lanes::splat(simd, scalar.current),
            response: Lanes::splat(simd, scalar.response),
        }
    }
}

impl<S: Simd> Motion<Lanes<S>> {
    /// The motion over `dt` seconds of neurons with these time constants.
    #[inline(always)]
    #[must_use]
    pub fn over(dt: Lanes<S>, tau_mem: Lanes<S>, tau_syn: Lanes<S>) -> Self {
        let of = parts(dt, tau_mem, tau_syn);
        let Parts { x, y, membrane_is_slower, is_close, inverse, hi, lo, .. } = of;
        let Parts { first, close_twice, membrane_m1, flow, .. } = of;
        let (zero, one) = (dt.constant(0.0), dt.constant(1.0));
        let is_short = x.le(dt.constant(SHORT));
        // exp[hi, hi, lo] and exp[hi, lo, lo].
        let twice_hi = is_close.select(close_twice, (hi - first) * inverse);
        let twice_lo = is_close.select(first - close_twice, (first - lo) * inverse);
        let twice_p = membrane_is_slower.select(twice_hi, twice_lo);
        let twice_q = membrane_is_slower.select(twice_lo, twice_hi);
        let (dp, dq) = (x / tau_mem, y / tau_syn);
        // ∂(x exp[p, q])/∂x, as in `lif/tangent.rs`; where x and y are apart, 1/(x − y) is ∓1/gap.
        let apart = (y * first - x * flow.membrane) * inverse;
        let apart = membrane_is_slower.select(apart, -apart);
        let scale = is_close.select(first - x * twice_p, apart);
        let is_alive = zero.lt(hi);
        Self {
            flow,
            factor: is_short.select(membrane_m1, flow.membrane),
            is_short: is_short.select(one, zero),
            length: x,
            mem_of_v: is_alive.select(flow.membrane * dp, zero),
            mem_of_i: is_alive.select(-(dp * scale), zero),
            syn_of_i: is_alive.select(x * dq * twice_q, zero),
            current_of_i: is_alive.select(flow.current * dq, zero),
        }
    }

    /// Writes one motion for each lane into `motions`, as many as it has room for.
    #[inline(always)]
    pub fn store(self, motions: &mut [Motion]) {
        let mut flows = [Propagator::default(); BLOCK];
        self.flow.store(&mut flows);
        let (factor, is_short) = (self.factor.values(), self.is_short.values());
        let (length, current_of_i) = (self.length.values(), self.current_of_i.values());
        let (mem_of_v, mem_of_i) = (self.mem_of_v.values(), self.mem_of_i.values());
        let syn_of_i = self.syn_of_i.values();
        for (k, motion) in motions.iter_mut().enumerate().take(S::F64_LANES) {
            *motion = Motion {
                flow: flows[k],
                factor: factor[k],
                is_short: is_short[k],
                length: length[k],
                mem_of_v: mem_of_v[k],
                mem_of_i: mem_of_i[k],
                syn_of_i: syn_of_i[k],
                current_of_i: current_of_i[k],
            };
        }
    }

    /// `scalar` in every lane.
    #[inline(always)]
    #[must_use]
    pub fn splat(simd: S, scalar: &Motion) -> Self {
        let splat = |x| Lanes::splat(simd, x);
        Self {
            flow: Propagator::splat(simd, &scalar.flow),
            factor: splat(scalar.factor),
            is_short: splat(scalar.is_short),
            length: splat(scalar.length),
            mem_of_v: splat(scalar.mem_of_v),
            mem_of_i: splat(scalar.mem_of_i),
            syn_of_i: splat(scalar.syn_of_i),
            current_of_i: splat(scalar.current_of_i),
        }
    }

    /// The potential at the end of the motion of a neuron that starts at `v`, `above_rest` of its resting value `rest`.
    #[inline(always)]
    #[must_use]
    pub fn membrane(
        &self,
        v: Lanes<S>,
        rest: Lanes<S>,
        above_rest: Lanes<S>,
        i: Lanes<S>,
    ) -> Lanes<S> {
        let start = v.constant(0.0).lt(self.is_short).select(v, rest);
        start + (self.factor * above_rest + self.flow.response * i)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lif::fixtures::{RATIOS, parameters};
    use crate::{Lif, Neuron, lif::Tangent};
    use pulp::{Arch, WithSimd};

    struct Over(f64, f64, f64);

    impl WithSimd for Over {
        type Output = Motion;
        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) -> Motion {
            let [dt, mem, syn] = [self.0, self.1, self.2].map(|x| Lanes::splat(simd, x));
            let mut motion = [Motion::default()];
            Motion::over(dt, mem, syn).store(&mut motion);
            motion[0]
        }
    }

    /// Two exponentials and a few products on each side, but for the rounding of the exponents.
    const ROUNDING: f64 = 2e-15;

    #[test]
    fn a_lane_moves_as_a_neuron_does() {
        for ratio in RATIOS {
            // Measured from rest a flow is linear.
            let n = Lif::integrator(parameters(ratio).into());
            for dt in [0.0, 1e-9, 1e-3, 0.4, 1.5, 5.0, 30.0, 1e4, 1e9] {
                let motion = Arch::new().dispatch(Over(dt, ratio * 5.0, 5.0));
                // An exponent that is known to a rounding or two makes an error of its size.
                let rounding = ROUNDING + f64::EPSILON * (dt / (ratio * 5.0) + dt / 5.0);
                let of = |v, i| n.flow_with_tangent(State { v, i }, Tangent::default(), dt);
                let ((by_v, of_v), (by_i, of_i)) = (of(1.0, 0.0), of(0.0, 1.0));
                for (name, got, expected) in [
                    ("membrane", motion.flow.membrane, by_v.v),
                    ("current", motion.flow.current, by_i.i),
                    ("response", motion.flow.response, by_i.v),
                    ("mem_of_v", motion.mem_of_v, of_v.v_mem),
                    ("mem_of_i", motion.mem_of_i, of_i.v_mem),
                    ("syn_of_i", motion.syn_of_i, of_i.v_syn),
                    ("current_of_i", motion.current_of_i, of_i.i_syn),
                ] {
                    // ∂response/∂τ_mem changes its sign; there it is known to the size of its terms.
                    let scale = expected.abs().max(if name == "mem_of_i" {
                        by_i.v / (ratio * 5.0)
                    } else {
                        0.0
                    });
                    assert!(
                        (got - expected).abs() <= rounding * scale + f64::MIN_POSITIVE,
                        "{name}, ratio {ratio}, dt {dt}: {got} {expected}"
                    );
                }
            }
        }
    }
}
