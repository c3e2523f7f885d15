//! What the peak of a rise says of its crossing, under one current: there is a closed form for it (docs/mathematics.md, eq. 16c).
//!
//! It is asked where the start of the rise does not tell where the threshold is met, or whether. Not here: the search that starts from there (`crossing.rs`).

use super::crossing::{CERTAINLY_BELOW, Neurons, Rise};
use super::{Lanes, Mask};
use pulp::Simd;

/// The start tells nothing where the parabola there meets the threshold with less than the root of this share of its slope, or not at all.
const DOUBTFUL: f64 = 0.25;

/// The closed form is right to a thousandth of [`CERTAINLY_BELOW`] where the ratio of the time constants differs from one by this.
const LEAST_GAP: f64 = 1.0 / 16.0;

/// No search starts earlier than this share of the way to the peak, if from there.
const LEAST_SHARE: f64 = 0.25;

/// What a peak says.
pub(super) struct Peak<S: Simd> {
    /// Who certainly stays below its threshold.
    pub(super) is_below: Mask<S>,
    /// Who certainly has a peak above it. (Nearer to the threshold a start so near the peak could be carried beyond it by a rounding.)
    pub(super) is_above: Mask<S>,
    /// About when these cross, in `τ_mem`.
    pub(super) about: Lanes<S>,
}

impl<S: Simd, const K: usize> Rise<S, K> {
    /// Who should ask its peak.
    #[inline(always)]
    pub(super) fn is_doubtful(&self) -> Mask<S> {
        let Neurons { v, i, .. } = self.of;
        let slope = self.start - v;
        let bend = i[0] * self.ratio[0] + slope;
        let square = slope * slope;
        (square + bend * v * 2.0).lt(square * DOUBTFUL) & v.constant(LEAST_GAP).le(self.gap[0])
    }

    /// Asks it: of a positive current that lifts the potential.
    #[inline(always)]
    pub(super) fn peak(&self) -> Peak<S> {
        let (i, rest, ratio) = (self.of.i[0], self.of.rest, self.ratio[0]);
        let (zero, one) = (i.constant(0.0), i.constant(1.0));
        let (gap, at_start) = (ratio - one, i * ratio);
        let at_peak = gap * self.above_rest + i;
        // Without a peak the potential rises for ever, towards rest.
        let has_peak = zero.lt(at_peak);
        let time = (at_start / has_peak.select(at_peak, at_start)).ln() / gap;
        let current = has_peak.select(i * (-(time.max(zero) * ratio)).exp(), zero);
        let height = current + rest;
        let certainly = self.size * CERTAINLY_BELOW;
        // Back along the parabola that the peak is, and what the cubic changes of that.
        let back = (height.max(zero) * 2.0 / (current * ratio)).sqrt();
        let skew = back * (ratio + one) * (1.0 / 6.0);
        Peak {
            is_below: height.lt(-certainly),
            is_above: has_peak & certainly.lt(height),
            about: (time - back / (skew + one)).max(time * LEAST_SHARE),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::search::{Search, search_one};
    use crate::lif::by_bracket;
    use crate::{Lif, LifParameters, Neuron, Outlook, State};
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(100_000))]

        /// However little a peak is above the threshold, nobody is called silent for it; however little below, nobody crosses.
        #[test]
        fn a_peak_is_on_the_side_that_it_is_on(
            ratio in prop_oneof![1.0 / 64.0..64.0, Just(1.0 - super::LEAST_GAP), Just(1.0 + super::LEAST_GAP)],
            v in -20.0..1.0f64,
            i in 0.0..40.0f64,
            share in -17.0..-1.0f64,
            is_above: bool,
        ) {
            let parameters = LifParameters { tau_mem: ratio * 5.0, tau_syn: 5.0, ..LifParameters::default() };
            let course = Lif::integrator(parameters.into());
            if let Some(peak) = course.next_maximum(State { v, i }) {
                let height = course.flow(State { v, i }, peak).v;
                let moved = 10f64.powf(share) * if is_above { -1.0 } else { 1.0 };
                let v_th = height * (1.0 + moved);
                prop_assume!(v_th > 0.0 && v < v_th);
                let neuron = Lif::new(LifParameters { v_th, ..parameters });
                let State { v, i } = neuron.state(v, i);
                let found = search_one(v, i, neuron.rest(), parameters.tau_mem, parameters.tau_syn);
                match (found, by_bracket(&neuron, State { v, i })) {
                    (Search::Undecided, _) => {}
                    (Search::Silent, outlook) => prop_assert_eq!(outlook, Outlook::Silent),
                    (Search::Crossing { .. }, outlook) => {
                        prop_assert!(matches!(outlook, Outlook::Crossing { .. }), "{:?}", outlook);
                    }
                }
            }
        }
    }
}
