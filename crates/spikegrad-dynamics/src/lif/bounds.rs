//! Bounds of the next crossing, cheap enough to be asked at every arrival: they spare most searches.
//!
//! Each errs to one side, towards a search, and says what it needs. Not here: the search (`crossing.rs`), and the bounds of whole
//! layers, which are these side by side (`spikegrad_simulate`).

use super::crossing::Course;
use super::{Lif, State, sum_of_three};
use crate::Scalar;

/// Room for the rounding of the tangent's bound.
const TANGENT_MARGIN: f64 = 1.0 - 1e-9;

/// What is larger than this has its full number of digits, and so has all that it is compared with.
const SAFE_PRODUCT: f64 = 1e-290;

/// Whether the potential certainly stays below the threshold for ever: it is drawn towards the current, never exceeds it, and
/// never exceeds the sum of its two largest responses.
///
/// Needs a resting value that is not above the threshold. A negative current only lowers what it draws.
pub(super) fn stays_below(course: &Course, response_peak: f64) -> bool {
    let &Course { v, i, rest, .. } = course;
    rest <= 0.0 && (i <= -rest || v.max(rest) + i * response_peak < 0.0)
}

/// A potential stays below its tangent under the current that it has now, if that is positive, and without it if not.
pub(super) fn earliest_crossing<T: Scalar>(neuron: &Lif<T>, state: State<T>) -> Option<f64> {
    let (course, _) = Course::of(neuron, state);
    if neuron.threshold.is_infinite() || stays_below(&course, neuron.response_peak) {
        return None;
    }
    let Course { v, i, rest, tau_mem, .. } = course;
    if v >= 0.0 {
        return Some(0.0);
    }
    let lift = sum_of_three(i.max(0.0), rest, -v);
    (lift > 0.0).then(|| TANGENT_MARGIN * tau_mem * (-v / lift))
}

/// The bounds of [`earliest_crossing`] and [`stays_below`], with no division and no branch.
///
/// An overflow makes a comparison false, and an underflow is ruled out on the larger side, so that `true` is certain.
#[inline(always)]
pub(super) fn is_silent_for<T: Scalar>(neuron: &Lif<T>, state: State<T>, dt: f64) -> bool {
    let (v, i, rest, threshold) = (state.v.re(), state.i.re(), neuron.rest.re(), neuron.threshold);
    let highest = if v > rest { v } else { rest };
    // Needs rest ≤ threshold: above it, whatever the current, the potential ends above the threshold.
    let is_drawn_below = (rest <= threshold)
        & ((i <= threshold - rest)
            | (highest + i * neuron.response_peak < threshold)
                & (threshold - highest > SAFE_PRODUCT));
    // The tangent rises by less than what is left to the threshold.
    let positive = if i > 0.0 { i } else { 0.0 };
    let room = TANGENT_MARGIN * neuron.tau_mem.re() * (threshold - v);
    let is_below_tangent = (dt * ((positive + rest) - v) < room) & (room > SAFE_PRODUCT);
    is_drawn_below | is_below_tangent
}

#[cfg(test)]
mod tests {
    use super::super::crossing::{SAFE_SIZES, next_crossing};
    use super::super::{LifParameters, fixtures::RATIOS};
    use super::*;
    use crate::Outlook;

    fn neuron(tau_mem: f64, v_th: f64, i_bias: f64) -> Lif<f64> {
        let (v_reset, tau_syn) = (v_th - 1.0, 5.0);
        Lif::new(LifParameters { tau_mem, tau_syn, v_th, v_reset, i_bias, ..Default::default() })
    }

    fn first(neuron: &Lif<f64>, state: State<f64>) -> f64 {
        match next_crossing(neuron, state) {
            Outlook::Silent => f64::INFINITY,
            Outlook::Touch { dt } | Outlook::Crossing { dt, .. } => dt,
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
                    // Where nothing overflows the answer is worth having: at once nothing crosses.
                    assert!(!SAFE_SIZES.contains(&unit) || is_silent_for(&n, state, 0.0));
                }
            }
        }
    }

    #[test]
    fn bounds_hold_on_either_side_of_the_threshold_and_over_long_gaps() {
        let (mut crossings, mut silences) = (0, 0);
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
                        }
                    }
                }
            }
        }
        assert!(crossings > 1000 && silences > 5000, "{crossings} {silences}");
    }
}
