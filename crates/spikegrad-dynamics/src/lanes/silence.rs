//! Who does not cross its threshold within a time, of neurons with several receptors: side by side, and certainly.
//!
//! Not here: when the others cross (`crossing.rs`).

use super::crossing::{CERTAINLY_BELOW, Neurons, Rise};
use super::{Lanes, Mask};
use crate::lif::bounds::{may_have_crossed, sum};
use pulp::{NullaryFnOnce, Simd};

/// Who certainly stays below its threshold up to the horizon, of neurons that start below it.
///
/// Where what draws the potential changes its sign once, from above, the potential comes nearest to the threshold there, in the sense of eq. 27g: that time
/// is enclosed, and the potential compared at both ends, and with its bound between them. Else only a bound over all the way is known.
pub(super) struct SilentWithin<'a, S: Simd, const K: usize> {
    pub(super) rise: &'a Rise<S, K>,
    /// In `τ_mem`.
    pub(super) horizon: Lanes<S>,
}

/// After so many of its time constants a current is gone.
const GONE: f64 = 40.0;

/// Halvings of that time: to a thousandth of a time constant.
const HALVINGS: usize = 16;

impl<S: Simd, const K: usize> NullaryFnOnce for SilentWithin<'_, S, K> {
    type Output = Mask<S>;
    #[inline(always)]
    fn call(self) -> Mask<S> {
        let horizon = self.horizon;
        let &Rise { of: Neurons { v, i, rest, .. }, start, size, ratio, .. } = self.rise;
        let zero = v.constant(0.0);
        let tiny = -(size * CERTAINLY_BELOW);
        let end = self.rise.at(horizon);
        let is_below = end.residual.lt(tiny);
        let stays = !may_have_crossed((v, &i), (end.residual, &end.current), rest, horizon);
        let mut changes_once = zero.lt(start) & rest.lt(zero);
        if K > 2 {
            let negative = sum::<S, K>(
                #[inline(always)]
                |k| i[k].lower(zero),
            );
            changes_once = changes_once & zero.le(negative);
        }
        let mut slowest = ratio[0];
        for k in 1..K {
            slowest = slowest.lower(ratio[k]);
        }
        let (mut low, mut high) = (zero, horizon.lower(zero.constant(GONE) / slowest));
        let draws_to_the_end = zero.lt(end.above);
        let mut is_enclosed = !draws_to_the_end & !self.rise.draws_up(high);
        if (changes_once & is_enclosed & is_below & !stays).any() {
            for _ in 0..HALVINGS {
                let middle = (low + high) * 0.5;
                let is_before = self.rise.draws_up(middle);
                low = is_before.select(middle, low);
                high = is_before.select(high, middle);
            }
            let (from, to) = (self.rise.at(low), self.rise.at(high));
            let between = may_have_crossed(
                (from.residual, &from.current),
                (to.residual, &to.current),
                rest,
                high - low,
            );
            is_enclosed = is_enclosed & !between & from.residual.lt(tiny) & to.residual.lt(tiny);
        }
        is_below & (stays | (changes_once & (draws_to_the_end | is_enclosed)))
    }
}
