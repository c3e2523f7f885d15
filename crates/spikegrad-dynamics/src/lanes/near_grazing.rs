//! Crossings that are near grazing, with more digits (docs/mathematics.md, eq. 16b).
//!
//! Not here: which crossings are (`crossing.rs`).

use super::crossing::{Found, Neurons, size};
use super::double_doubles::DoubleDoubles;
use super::{Lanes, UNDERFLOW};
use pulp::{NullaryFnOnce, Simd};

/// Slopes below this share of the potentials, which are known to 21 digits, are left to 30 digits.
const RESOLVED: f64 = 1e-4;

/// What a step of the third order may leave, in units of the time: a small part of a rounding.
const LAST_SHARE: f64 = 1e-18;

/// From `t`, which is near a crossing that is near grazing: the crossing, its slope, and whether they are right to a
/// rounding or two of themselves.
///
/// One more step, of the third order, with the potential computed as
/// `rest + u e⁻ˣ + Σ i a (e⁻ˣ − e⁻ʸ)`, u = v − rest, `a = τ_syn/(τ_mem − τ_syn)`, in double-double. A function of its own: most searches do without.
pub(super) struct NearGrazing<S: Simd, const K: usize> {
    pub(super) of: Neurons<S, K>,
    pub(super) t: Lanes<S>,
}

impl<S: Simd, const K: usize> NullaryFnOnce for NearGrazing<S, K> {
    type Output = Found<S>;
    #[inline(always)]
    fn call(self) -> Self::Output {
        let Self { of: Neurons { v, i, rest, tau_mem, tau_syn }, t } = self;
        let (wide, zero, one) = (DoubleDoubles::from, t.constant(0.0), t.constant(1.0));
        let rate_mem = one / tau_mem;
        let x = DoubleDoubles::quotient(t, tau_mem.into());
        let membrane = (-x).exp();
        let left = DoubleDoubles::sum(v, -rest) * membrane;
        let (mut residual, mut drive) = (left, wide(rest));
        let (mut of_currents, mut losses, mut longest) = (zero, zero, x.hi);
        for k in 0..K {
            let y = DoubleDoubles::quotient(t, tau_syn[k].into());
            let decay = (-y).exp();
            let are_equal = tau_mem.le(tau_syn[k]) & tau_syn[k].le(tau_mem);
            let gap = DoubleDoubles::sum(tau_mem, -tau_syn[k]);
            let ratio = DoubleDoubles::quotient(tau_syn[k], gap);
            let apart = ratio * (membrane - decay);
            let equal = x * membrane;
            let response = equal.select(are_equal, apart);
            let current = wide(i[k]) * decay;
            residual = residual + wide(i[k]) * response;
            drive = if k == 0 { current + drive } else { drive + current };
            let bends = current.hi / tau_syn[k];
            let loss = are_equal.select(zero, ratio.hi.abs()) + 1.0;
            let loss = size::<S, K>(i[k]) * loss;
            if k == 0 {
                (of_currents, losses) = (bends, loss);
            } else {
                (of_currents, losses) = (of_currents + bends, losses + loss);
            }
            longest = longest.max(y.hi);
        }
        let residual = residual + wide(rest);
        let above = (drive - residual).hi;
        let bend = (of_currents + above * rate_mem) * rate_mem;
        let slope = above * rate_mem;
        let step = -(residual.hi / slope);
        let share = step * bend / slope;
        let step = step * (share * 0.5 + 1.0);
        let is_resolved = ((losses + (v - rest).abs()) * RESOLVED).lt(above);
        let is_short = (step.abs() * share * share).le(t * LAST_SHARE);
        let is_in_range = longest.le(t.constant(-UNDERFLOW));
        let is_exact = is_resolved & is_short & is_in_range;
        Found {
            dt: t + step,
            slope: slope - bend * step,
            verdict: is_exact.select(one, zero),
            is_near: !is_exact,
        }
    }
}
