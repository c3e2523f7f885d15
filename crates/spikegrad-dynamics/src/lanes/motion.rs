//! The coefficients of the flow and of its tangent over a length of time, a lane for each length or each neuron.
//!
//! The formulas are those of `lif/flow.rs` and `lif/tangent.rs` (docs/mathematics.md, eqs. 3–8), with both branches of each
//! computed and the right one selected. Not here: where a coefficient is used.

use super::{BLOCK, Lanes, Mask};
use crate::Adjoint;
use crate::divided::SHORT;
use crate::receptors::CurrentsState;
use pulp::Simd;
use std::ops::{Add, Mul};

/// The flow over some length, of a potential u above rest under K currents: `u' = membrane u + Σ response i`, `i' = current i`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Propagator<const K: usize, X = f64> {
    /// e^p, p = −`dt/τ_mem`.
    pub membrane: X,
    /// e^q, q = −`dt/τ_syn`, of each current.
    pub current: [X; K],
    /// ψ = (`dt/τ_mem`) exp[p, q] of each current.
    pub response: [X; K],
}

/// The flow over some length of a neuron that rests at r, and what it adds to the derivatives with respect to the time
/// constants:
///
/// ```text
/// v'     = (v or r) + (factor (v − r) + Σ response i)      v over short lengths, as in `lif/flow.rs`
/// v_mem' = membrane v_mem + mem_of_v (v − r) + Σ mem_of_i i
/// v_syn' = membrane v_syn + response i_syn + syn_of_i i        of each current
/// i_syn' = current i_syn + current_of_i i
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Motion<const K: usize, X = f64> {
    /// The flow itself.
    pub flow: Propagator<K, X>,
    /// Over a length that is short for the membrane e^p − 1, over a long one e^p.
    pub factor: X,
    /// One over a short length, zero over a long one.
    pub is_short: X,
    /// `dt/τ_mem`.
    pub length: X,
    /// ∂`membrane/∂τ_mem`.
    pub mem_of_v: X,
    /// ∂`response/∂τ_mem`.
    pub mem_of_i: [X; K],
    /// ∂`response/∂τ_syn`.
    pub syn_of_i: [X; K],
    /// ∂`current/∂τ_syn`.
    pub current_of_i: [X; K],
}

impl<const K: usize> Default for Propagator<K> {
    fn default() -> Self {
        Self { membrane: 0.0, current: [0.0; K], response: [0.0; K] }
    }
}

impl<const K: usize> Default for Motion<K> {
    fn default() -> Self {
        Self {
            flow: Propagator::default(),
            factor: 0.0,
            is_short: 0.0,
            length: 0.0,
            mem_of_v: 0.0,
            mem_of_i: [0.0; K],
            syn_of_i: [0.0; K],
            current_of_i: [0.0; K],
        }
    }
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

/// What flow and tangent share, of one current.
#[derive(Clone, Copy)]
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
    current: Lanes<S>,
    response: Lanes<S>,
}

/// `x` is the length in membrane time constants, and `membrane` the exponential of it.
#[inline(always)]
fn parts<S: Simd>(
    dt: Lanes<S>,
    (x, membrane): (Lanes<S>, Lanes<S>),
    tau_syn: Lanes<S>,
) -> Parts<S> {
    let y = dt / tau_syn;
    let (zero, one) = (dt.constant(0.0), dt.constant(1.0));
    let current = (-y).exp();
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
        current,
        response,
    }
}

impl<const K: usize, X: Copy + Add<Output = X> + Mul<Output = X>> Propagator<K, X> {
    /// ∂L/∂u before the flow, from that after it.
    #[inline(always)]
    pub(super) fn membrane_pullback(&self, u: X) -> X {
        self.membrane * u
    }

    /// ∂L/∂i of a current before the flow, from ∂L/∂u and ∂L/∂i after it.
    #[inline(always)]
    pub(super) fn current_pullback(&self, k: usize, u: X, i: X) -> X {
        self.response[k] * u + self.current[k] * i
    }
}

impl<const K: usize> Propagator<K> {
    /// The state after the flow, its potential above rest; or its perturbation.
    #[must_use]
    #[inline]
    pub fn flow(&self, before: CurrentsState<K>) -> CurrentsState<K> {
        let mut after = CurrentsState { v: self.membrane * before.v, ..before };
        for k in 0..K {
            after.v += self.response[k] * before.i[k];
            after.i[k] = self.current[k] * before.i[k];
        }
        after
    }

    /// Pulls the adjoint of a state back through the flow.
    #[must_use]
    #[inline]
    pub fn flow_pullback(
        &self,
        Adjoint(after): Adjoint<CurrentsState<K>>,
    ) -> Adjoint<CurrentsState<K>> {
        let mut before = CurrentsState { v: self.membrane_pullback(after.v), ..after };
        for k in 0..K {
            before.i[k] = self.current_pullback(k, after.v, after.i[k]);
        }
        Adjoint(before)
    }
}

impl<const K: usize, S: Simd> Propagator<K, Lanes<S>> {
    /// The flow over `dt` seconds of neurons with these time constants.
    #[inline(always)]
    #[must_use]
    pub fn over(dt: Lanes<S>, tau_mem: Lanes<S>, tau_syn: [Lanes<S>; K]) -> Self {
        let x = dt / tau_mem;
        let membrane = (-x).exp();
        let (mut current, mut response) = ([x; K], [x; K]);
        for k in 0..K {
            let of = parts(dt, (x, membrane), tau_syn[k]);
            (current[k], response[k]) = (of.current, of.response);
        }
        Self { membrane, current, response }
    }

    /// Writes one flow for each lane into `flows`, as many as it has room for.
    #[inline(always)]
    pub fn store(self, flows: &mut [Propagator<K>]) {
        let membrane = self.membrane.values();
        for (lane, flow) in flows.iter_mut().enumerate().take(S::F64_LANES) {
            flow.membrane = membrane[lane];
        }
        for k in 0..K {
            let (current, response) = (self.current[k].values(), self.response[k].values());
            for (lane, flow) in flows.iter_mut().enumerate().take(S::F64_LANES) {
                (flow.current[k], flow.response[k]) = (current[lane], response[lane]);
            }
        }
    }

    /// `scalar` in every lane.
    #[inline(always)]
    #[must_use]
    pub fn splat(simd: S, scalar: &Propagator<K>) -> Self {
        Self {
            membrane: Lanes::splat(simd, scalar.membrane),
            current: splat(simd, &scalar.current),
            response: splat(simd, &scalar.response),
        }
    }
}

/// Each number in every lane.
#[inline(always)]
pub(super) fn splat<S: Simd, const K: usize>(simd: S, scalars: &[f64; K]) -> [Lanes<S>; K] {
    let mut all = [Lanes::splat(simd, scalars[0]); K];
    for k in 1..K {
        all[k] = Lanes::splat(simd, scalars[k]);
    }
    all
}

impl<const K: usize, S: Simd> Motion<K, Lanes<S>> {
    /// The motion over `dt` seconds of neurons with these time constants.
    #[inline(always)]
    #[must_use]
    pub fn over(dt: Lanes<S>, tau_mem: Lanes<S>, tau_syn: [Lanes<S>; K]) -> Self {
        let x = dt / tau_mem;
        let (membrane, membrane_m1) = (-x).exp_and_exp_m1();
        let (zero, one) = (dt.constant(0.0), dt.constant(1.0));
        let is_short = x.le(dt.constant(SHORT));
        let dp = x / tau_mem;
        let flow = Propagator { membrane, current: [zero; K], response: [zero; K] };
        let mut motion = Self {
            flow,
            factor: is_short.select(membrane_m1, membrane),
            is_short: is_short.select(one, zero),
            length: x,
            mem_of_v: zero.lt(membrane).select(membrane * dp, zero),
            mem_of_i: [zero; K],
            syn_of_i: [zero; K],
            current_of_i: [zero; K],
        };
        for k in 0..K {
            let of = parts(dt, (x, membrane), tau_syn[k]);
            let Parts { x, y, membrane_is_slower, is_close, inverse, hi, lo, .. } = of;
            let Parts { first, close_twice, current, .. } = of;
            // exp[hi, hi, lo] and exp[hi, lo, lo].
            let twice_hi = is_close.select(close_twice, (hi - first) * inverse);
            let twice_lo = is_close.select(first - close_twice, (first - lo) * inverse);
            let twice_p = membrane_is_slower.select(twice_hi, twice_lo);
            let twice_q = membrane_is_slower.select(twice_lo, twice_hi);
            let dq = y / tau_syn[k];
            // ∂(x exp[p, q])/∂x, as in `lif/tangent.rs`; where x and y are apart, 1/(x − y) is ∓1/gap.
            let apart = (y * first - x * membrane) * inverse;
            let apart = membrane_is_slower.select(apart, -apart);
            let scale = is_close.select(first - x * twice_p, apart);
            let is_alive = zero.lt(hi);
            (motion.flow.current[k], motion.flow.response[k]) = (current, of.response);
            motion.mem_of_i[k] = is_alive.select(-(dp * scale), zero);
            motion.syn_of_i[k] = is_alive.select(x * dq * twice_q, zero);
            motion.current_of_i[k] = is_alive.select(current * dq, zero);
        }
        motion
    }

    /// Writes one motion for each lane into `motions`, as many as it has room for.
    #[inline(always)]
    pub fn store(self, motions: &mut [Motion<K>]) {
        let mut flows = [Propagator::default(); BLOCK];
        self.flow.store(&mut flows);
        let (factor, is_short) = (self.factor.values(), self.is_short.values());
        let (length, mem_of_v) = (self.length.values(), self.mem_of_v.values());
        for (lane, motion) in motions.iter_mut().enumerate().take(S::F64_LANES) {
            motion.flow = flows[lane];
            (motion.factor, motion.is_short) = (factor[lane], is_short[lane]);
            (motion.length, motion.mem_of_v) = (length[lane], mem_of_v[lane]);
        }
        for k in 0..K {
            let (mem_of_i, syn_of_i) = (self.mem_of_i[k].values(), self.syn_of_i[k].values());
            let current_of_i = self.current_of_i[k].values();
            for (lane, motion) in motions.iter_mut().enumerate().take(S::F64_LANES) {
                (motion.mem_of_i[k], motion.syn_of_i[k]) = (mem_of_i[lane], syn_of_i[lane]);
                motion.current_of_i[k] = current_of_i[lane];
            }
        }
    }

    /// `scalar` in every lane.
    #[inline(always)]
    #[must_use]
    pub fn splat(simd: S, scalar: &Motion<K>) -> Self {
        let one = |x| Lanes::splat(simd, x);
        Self {
            flow: Propagator::splat(simd, &scalar.flow),
            factor: one(scalar.factor),
            is_short: one(scalar.is_short),
            length: one(scalar.length),
            mem_of_v: one(scalar.mem_of_v),
            mem_of_i: splat(simd, &scalar.mem_of_i),
            syn_of_i: splat(simd, &scalar.syn_of_i),
            current_of_i: splat(simd, &scalar.current_of_i),
        }
    }

    /// What the currents leave in the membrane.
    #[inline(always)]
    pub(super) fn response(&self, i: &[Lanes<S>; K]) -> Lanes<S> {
        sum_of_products(&self.flow.response, i)
    }

    /// The potential at the end of the motion of a neuron that starts at `v`, `above_rest` of its resting value `rest`.
    #[inline(always)]
    #[must_use]
    pub fn membrane(
        &self,
        v: Lanes<S>,
        rest: Lanes<S>,
        above_rest: Lanes<S>,
        i: &[Lanes<S>; K],
    ) -> Lanes<S> {
        let start = v.constant(0.0).lt(self.is_short).select(v, rest);
        start + (self.factor * above_rest + self.response(i))
    }
}

/// `a₀ b₀ + a₁ b₁ + …`.
#[inline(always)]
pub(super) fn sum_of_products<S: Simd, const K: usize>(
    a: &[Lanes<S>; K],
    b: &[Lanes<S>; K],
) -> Lanes<S> {
    let mut sum = a[0] * b[0];
    for k in 1..K {
        sum = sum + a[k] * b[k];
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lif::fixtures::{RATIOS, parameters};
    use crate::{Lif, Neuron, State, lif::Tangent};
    use pulp::{Arch, WithSimd};

    struct Over(f64, f64, f64);

    impl WithSimd for Over {
        type Output = Motion<1>;
        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) -> Motion<1> {
            let [dt, mem, syn] = [self.0, self.1, self.2].map(|x| Lanes::splat(simd, x));
            let mut motion = [Motion::default()];
            Motion::over(dt, mem, [syn]).store(&mut motion);
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
                    ("current", motion.flow.current[0], by_i.i),
                    ("response", motion.flow.response[0], by_i.v),
                    ("mem_of_v", motion.mem_of_v, of_v.v_mem),
                    ("mem_of_i", motion.mem_of_i[0], of_i.v_mem),
                    ("syn_of_i", motion.syn_of_i[0], of_i.v_syn),
                    ("current_of_i", motion.current_of_i[0], of_i.i_syn),
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
