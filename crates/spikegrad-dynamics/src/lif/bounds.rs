//! Bounds of the next crossing, cheap enough to be asked at every arrival: they spare most searches.
//!
//! All of them say two things. A potential is **drawn** towards rest + i, with a current that is not negative and decays, and does not come above that:
//! nor above the sum of its two largest responses. And a rise under such a current is concave: it stays below its **tangent**,
//!
//! ```text
//! v(dt) ≤ v + dt/τ_mem (max(i, 0) + rest − v).
//! ```
//!
//! One neuron is asked for the earliest time at which this reaches the threshold, or whether it does within dt, with no division;
//! neurons side by side how high it is after dt, so that it can be compared with any level. Each bound errs to one side, towards a search, and says
//! what it needs. Not here: the search (`crossing.rs`).

use super::course::Course;
use super::{Lif, State, sum_of_three};
use crate::Scalar;
use crate::lanes::{Lanes, Mask};
use pulp::Simd;

/// Room for the rounding of the tangent's bound.
const TANGENT_MARGIN: f64 = 1.0 - 1e-9;

/// What is larger than this has its full number of digits, and so has all that it is compared with.
const SAFE_PRODUCT: f64 = 1e-290;

/// Room for the rounding of a highest potential, in units of what lifts it, `i + rest − v`.
const LIFT_MARGIN: f64 = 1e-12;

/// The threshold is compared from this far below, in units of the resting value. A potential near the threshold is the sum
/// of three terms, each of which is rounded up to four times. The largest is at most the sum of the others, so that twice what
/// lifts it and the resting value bound all of them.
const THRESHOLD_MARGIN: f64 = 16.0 * f64::EPSILON;

/// A potential below this share of a positive current rises; nearer to it, which is where a membrane much faster than its synapse
/// goes, rounding decides.
const CERTAINLY_RISING: f64 = 1.0 - 8.0 * f64::EPSILON;

/// Whether what draws the potential certainly stays below the threshold for ever.
///
/// Needs a resting value that is not above the threshold. A negative current only lowers what it draws.
#[inline(always)]
fn is_drawn_below(i: f64, rest: f64, threshold: f64) -> bool {
    (rest <= threshold) & (i <= threshold - rest)
}

/// Whether the two largest responses certainly stay below the threshold, with the same need.
///
/// An overflow makes a comparison false, and an underflow is ruled out on the larger side, so that `true` is certain.
#[inline(always)]
fn responds_below(v: f64, i: f64, rest: f64, threshold: f64, response_peak: f64) -> bool {
    let highest = if v > rest { v } else { rest };
    (rest <= threshold)
        & (highest + i * response_peak < threshold)
        & (threshold - highest > SAFE_PRODUCT)
}

impl Course {
    /// Whether the potential certainly stays below the threshold for ever.
    pub(super) fn stays_below(&self, response_peak: f64) -> bool {
        let &Self { v, i, rest, .. } = self;
        is_drawn_below(i, rest, 0.0) || responds_below(v, i, rest, 0.0, response_peak)
    }
}

/// When the tangent reaches the threshold.
pub(super) fn earliest_crossing<T: Scalar>(neuron: &Lif<T>, state: State<T>) -> Option<f64> {
    let (course, _) = Course::of(neuron, state);
    if neuron.threshold.is_infinite() || course.stays_below(neuron.response_peak) {
        return None;
    }
    let Course { v, i, rest, tau_mem, .. } = course;
    if v >= 0.0 {
        return Some(0.0);
    }
    let lift = sum_of_three(i.max(0.0), rest, -v);
    (lift > 0.0).then(|| TANGENT_MARGIN * tau_mem * (-v / lift))
}

/// Whether the tangent stays below the threshold, or the potential for ever, with no division and no branch.
#[inline(always)]
pub(super) fn is_silent_for<T: Scalar>(neuron: &Lif<T>, state: State<T>, dt: f64) -> bool {
    let (v, i, rest, threshold) = (state.v.re(), state.i.re(), neuron.rest.re(), neuron.threshold);
    let stays_below = is_drawn_below(i, rest, threshold)
        | responds_below(v, i, rest, threshold, neuron.response_peak);
    // The tangent rises by less than what is left to the threshold.
    let positive = if i > 0.0 { i } else { 0.0 };
    let room = TANGENT_MARGIN * neuron.tau_mem.re() * (threshold - v);
    let is_below_tangent = (dt * ((positive + rest) - v) < room) & (room > SAFE_PRODUCT);
    stays_below | is_below_tangent
}

/// An upper bound of the potential over a length of `x` = `dt/τ_mem`: below its tangent, and below what draws it, the
/// current above the threshold `drawn`.
///
/// Needs a current that is not negative: only then is a rise concave. And a potential that is not above `drawn`: what falls
/// starts above the bound.
#[inline(always)]
fn highest<S: Simd>(v: Lanes<S>, drawn: Lanes<S>, x: Lanes<S>) -> Lanes<S> {
    (v + (x + LIFT_MARGIN) * (drawn - v)).lower(drawn)
}

/// Whether a potential of at most `highest` may be at the threshold, of neurons that rest at `rest`.
#[inline(always)]
fn reaches_threshold<S: Simd>(highest: Lanes<S>, rest: Lanes<S>) -> Mask<S> {
    (rest.abs() * -THRESHOLD_MARGIN).le(highest)
}

/// The sum of something of each current.
#[inline(always)]
pub(crate) fn sum<S: Simd, const K: usize>(of: impl Fn(usize) -> Lanes<S>) -> Lanes<S> {
    let mut sum = of(0);
    for k in 1..K {
        sum = sum + of(k);
    }
    sum
}

/// The positive currents together: a negative one decays, and only lowers what it draws.
#[inline(always)]
pub(crate) fn positive<S: Simd, const K: usize>(i: &[Lanes<S>; K]) -> Lanes<S> {
    let zero = i[0].constant(0.0);
    sum::<S, K>(
        #[inline(always)]
        |k| i[k].upper(zero),
    )
}

/// All currents together at most and at least, on the way from `i` to `end`: positive ones decay, and so do negative ones.
#[inline(always)]
fn extremes<S: Simd, const K: usize>(i: &[Lanes<S>; K], end: &[Lanes<S>; K]) -> [Lanes<S>; 2] {
    let most = sum::<S, K>(
        #[inline(always)]
        |k| i[k].upper(end[k]),
    );
    let least = sum::<S, K>(
        #[inline(always)]
        |k| i[k].lower(end[k]),
    );
    [most, least]
}

/// What is surely more than the rounding of a potential under these currents.
#[inline(always)]
fn margin<S: Simd, const K: usize>(i: &[Lanes<S>; K], above_rest: Lanes<S>) -> Lanes<S> {
    let sizes = sum::<S, K>(
        #[inline(always)]
        |k| i[k].abs(),
    );
    (sizes + above_rest.abs()) * LIFT_MARGIN
}

/// Who may reach its threshold within a length of `x` = `dt/τ_mem` from `v` and the currents `i` on.
#[inline(always)]
pub(crate) fn may_cross<S: Simd, const K: usize>(
    v: Lanes<S>,
    i: &[Lanes<S>; K],
    rest: Lanes<S>,
    x: Lanes<S>,
) -> Mask<S> {
    reaches_threshold(highest(v, positive(i) + rest, x).upper(v), rest)
}

/// [`is_silent_for`] turned round, of many: who may cross its threshold within a length of `x` = `dt/τ_mem`. `peak` is the largest response to a unit current.
#[inline(always)]
pub(crate) fn may_cross_within<S: Simd, const K: usize>(
    v: Lanes<S>,
    i: &[Lanes<S>; K],
    rest: Lanes<S>,
    peak: f64,
    x: Lanes<S>,
) -> Mask<S> {
    let (zero, positive) = (v.constant(0.0), positive(i));
    let highest = v.upper(rest);
    let responds_below = (highest + positive * peak).lt(zero) & highest.lt(zero - SAFE_PRODUCT);
    let stays_below = rest.le(zero) & (positive.le(-rest) | responds_below);
    let room = -(v * TANGENT_MARGIN);
    let is_below_tangent = (x * ((positive + rest) - v)).lt(room) & (zero + SAFE_PRODUCT).lt(room);
    !(stays_below | is_below_tangent)
}

/// Who may have reached its threshold over a length of `x` = `dt/τ_mem`, from potential and currents at its start to those at its end.
///
/// `e^(t/τ_mem) (V − threshold)` has the derivative of the sign of what draws the potential, currents and rest (docs/mathematics.md, eqs. 27g and 27n). Where that
/// is surely positive all along, the potential was not above its threshold if it is not at the end.
#[inline(always)]
pub(crate) fn may_have_crossed<S: Simd, const K: usize>(
    (v, i): (Lanes<S>, &[Lanes<S>; K]),
    (end_v, end_i): (Lanes<S>, &[Lanes<S>; K]),
    rest: Lanes<S>,
    x: Lanes<S>,
) -> Mask<S> {
    if K == 1 {
        let (i, end_i) = (i[0], end_i[0]);
        let drawn = i + rest;
        // Under a positive current it may have turned. Else what it rises to is where it ends: a negative current
        // lets it fall only before it rises.
        let turns = v.constant(0.0).lt(i) & (end_i + rest).le(end_v);
        let end = end_v + (drawn - v).abs() * LIFT_MARGIN;
        return reaches_threshold(turns.select(highest(v, drawn, x), end), rest);
    }
    let [most, least] = extremes(i, end_i);
    let is_drawn_up = v.constant(0.0).lt(least + rest);
    // It is not higher than under the most that draws it.
    let top = highest(v, most + rest, x).upper(v);
    let top = is_drawn_up.select(end_v, top) + margin(i, rest - v);
    reaches_threshold(top, rest)
}

/// Whose potential, above rest, may have turned from up to down at or above `ceiling`: over a length of `x` = `dt/τ_mem`, from potential and
/// currents at its start to those at its end, or at the arrival at its start, which found the currents `before`. Of integrators.
#[inline(always)]
pub(crate) fn may_turn<S: Simd, const K: usize>(
    before: &[Lanes<S>; K],
    (v, i): (Lanes<S>, &[Lanes<S>; K]),
    (end_v, end_i): (Lanes<S>, &[Lanes<S>; K]),
    ceiling: Lanes<S>,
    x: Lanes<S>,
) -> Mask<S> {
    let total = |of: &[Lanes<S>; K]| {
        sum::<S, K>(
            #[inline(always)]
            |k| of[k],
        )
    };
    let (total, before) = (total(i), total(before));
    let within = if K == 1 {
        // At the end of a very long stretch both are zero.
        let has_turned = (end_i[0] * CERTAINLY_RISING).le(end_v);
        v.lt(total) & has_turned & ceiling.le(highest(v, total, x))
    } else {
        let [most, least] = extremes(i, end_i);
        let margin = margin(i, v);
        let top = highest(v, most, x).upper(v) + margin;
        // What draws it is above it all along.
        let rises = (top + margin).lt(least);
        v.lt(most + margin) & !rises & ceiling.le(top)
    };
    // The arrival ends a rise, be it one that has relaxed altogether.
    let at_arrival = total.lt(before) & total.le(v) & ceiling.le(v);
    within | at_arrival
}

#[cfg(test)]
mod tests {
    use super::super::course::SAFE_SIZES;
    use super::super::crossing::next_crossing;
    use super::super::{LifParameters, fixtures::RATIOS};
    use super::*;
    use crate::{Neuron, Outlook};

    fn neuron(tau_mem: f64, v_th: f64, i_bias: f64) -> Lif<f64> {
        let (v_reset, tau_syn) = (v_th - 1.0, 5.0);
        Lif::new(LifParameters { tau_mem, tau_syn, v_th, v_reset, i_bias, ..Default::default() })
    }

    fn first(neuron: &Lif<f64>, state: State<f64>) -> f64 {
        match next_crossing(neuron, state) {
            Outlook::Silent => f64::INFINITY,
            Outlook::Jump => 0.0,
            Outlook::Touch { dt } | Outlook::Crossing { dt, .. } | Outlook::Nonsense { dt } => dt,
        }
    }

    #[test]
    fn silence_is_certain_at_every_ratio_and_in_every_unit() {
        for ratio in RATIOS {
            for (v, i) in [(0.0, 2.0), (0.9, 3.0), (-2.0, 9.0), (0.0, 30.0), (0.5, 1.1), (0.3, 6.9)]
            {
                for unit in [1.0, 1e-300, 1e-160, 1e200, 1e300] {
                    let n = neuron(ratio * 5.0, unit, 0.0);
                    let state = n.state(v * unit, i * unit);
                    let first = first(&n, state);
                    for share in [1e-3, 0.5, 0.999, 1.0, 1.001, 10.0] {
                        let dt = if first.is_finite() { share * first } else { share };
                        let is_wrong = is_silent_for(&n, state, dt) && dt >= first;
                        assert!(!is_wrong, "{ratio} {v} {i} {unit}: {dt} but {first}");
                    }
                    // Where nothing overflows the answer is good: at once nothing crosses.
                    assert!(!SAFE_SIZES.contains(&unit) || is_silent_for(&n, state, 0.0));
                }
            }
        }
    }

    #[test]
    fn bounds_hold_on_either_side_of_the_threshold_and_over_long_gaps() {
        let (mut crossings, mut silences, mut unnamed) = (0, 0, 0);
        for ratio in RATIOS {
            let tau_mem = ratio * 5.0;
            for rest in [-1.0, -1e-9, 0.0, 1e-9, 0.2, 1e6] {
                let n = neuron(tau_mem, 1.0, 1.0 + rest);
                for v in [-1e5, -1.0, -0.1, -1e-12, -f64::EPSILON, 0.0, f64::EPSILON] {
                    for i in [-1e5, -1.0, -0.3, -1e-12, 0.0, 1e-12, 0.7, 3.0, 1e5] {
                        let state = State { v, i };
                        let first = first(&n, state);
                        crossings += usize::from(first.is_finite());
                        let earliest = earliest_crossing(&n, state);
                        assert!(earliest.map_or(first.is_infinite(), |dt| dt <= first));
                        for gap in [1e-6, 1e-2, 1.0, 30.0, 1e2, 708.0, 1e4, 1e6] {
                            let dt = gap * tau_mem.max(5.0);
                            let is_silent = is_silent_for(&n, state, dt);
                            silences += usize::from(is_silent);
                            assert!(
                                !is_silent || dt < first,
                                "{ratio} {rest} {v} {i}: {dt} {first}"
                            );
                            // Side by side they name all who cross, and not everybody else.
                            let lanes = |x| Lanes::splat(pulp::Scalar, x);
                            let (end, x) = (n.flow(state, dt), lanes(dt / tau_mem));
                            let (start, of) = (lanes(v), [lanes(i)]);
                            let before = may_cross(start, &of, lanes(n.rest), x).any();
                            let (start, end) = ((start, &of), (lanes(end.v), &[lanes(end.i)]));
                            let after = may_have_crossed(start, end, lanes(n.rest), x).any();
                            assert!(before || dt < first, "{ratio} {rest} {v} {i}: {dt} {first}");
                            assert!(after || dt < first, "{ratio} {rest} {v} {i}: {dt} {first}");
                            unnamed += usize::from(!before) + usize::from(!after);
                        }
                    }
                }
            }
        }
        let counts = (crossings, silences, unnamed);
        assert!(crossings > 1000 && silences > 5000 && unnamed > 10_000, "{counts:?}");
    }
}
