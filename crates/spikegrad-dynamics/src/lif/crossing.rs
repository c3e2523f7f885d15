//! First upward threshold crossing, and the next maximum, of a neuron that is left alone.
//!
//! Between events V has **at most one stationary point**: a maximum if the current is positive, a minimum if it is
//! negative (docs/mathematics.md, section 4). So the search cannot miss: either there is no crossing, or there is
//! exactly one, on a stretch where V only rises. Near grazing the crossing is measured **back from the peak**, where
//! nothing cancels, and the height of the peak above the threshold is computed to 30 digits.
//!
//! The common case, a rise under a positive current from below, is tried first by the method that searches many neurons side by
//! side (`lanes/crossing.rs`), so that a neuron spikes at the same time alone and in company; what that leaves undecided,
//! and all else, is decided here. One method for all ratios of the time constants; the closed forms for `τ_mem` = `τ_syn` and 2 `τ_syn` are kept as tests
//! (docs/decisions/0004-one-crossing-search.md). Times are found in `f64` and then lifted to the scalar by the
//! implicit function theorem.
//!
//! Not here: the course itself (`course.rs`), the search within a bracket (`root.rs`), bounds that spare a search (`bounds.rs`), what happens at the crossing (`jump.rs`), when to look (`spikegrad_simulate`).

use super::course::{Course, NEAR_GRAZING};
use super::root::{MAX_SEARCH, Step, search};
use super::{Lif, State};
use crate::double_double::DoubleDouble;
use crate::lanes::{Search, search_one};
use crate::math::{exp, ln, ln_1p};
use crate::{Neuron, Outlook, Scalar, exp_divided};

/// The height of a peak is computed in `f64` with an error of a few hundred roundings at most: a peak lower than
/// this share of the state below the threshold is below it.
const CERTAINLY_BELOW: f64 = 1e-10;

/// Relative error of a peak's height in double-double arithmetic, with its time rounded to a double: the square of a
/// few `f64` roundings, times the condition of the exponentials. What is nearer than this share of the terms that make the
/// height touches.
const TOUCH: f64 = 1e-29;

pub(super) fn next_crossing<T: Scalar>(neuron: &Lif<T>, state: State<T>) -> Outlook<T> {
    if neuron.threshold.is_infinite() {
        return Outlook::Silent;
    }
    let (course, unit) = Course::of(neuron, state);
    match course.common().unwrap_or_else(|| course.crossing(neuron.response_peak)) {
        Outlook::Silent => Outlook::Silent,
        Outlook::Jump => Outlook::Jump,
        Outlook::Touch { dt } => Outlook::Touch { dt: dt.into() },
        Outlook::Nonsense { dt } => Outlook::Nonsense { dt },
        Outlook::Crossing { dt, slope } if !T::CARRIES_DERIVATIVE => {
            Outlook::Crossing { dt: dt.into(), slope: (slope * unit).into() }
        }
        Outlook::Crossing { dt, slope } => {
            let slope = slope * unit;
            // Implicit function theorem: v(dt) = 0 also in its infinitesimal part.
            let residual = neuron.flow(state, dt.into()).v;
            let dt = T::from(dt) - residual.with_re(0.0) / T::from(slope);
            let current = neuron.flow(state, dt).i;
            let lifted = (current + neuron.rest) / neuron.tau_mem;
            Outlook::Crossing { dt, slope: lifted.with_re(slope) }
        }
    }
}

/// [`next_crossing`] without the search side by side, to compare it with.
#[cfg(test)]
pub(crate) fn by_bracket(neuron: &Lif<f64>, state: State<f64>) -> Outlook<f64> {
    let (course, unit) = Course::of(neuron, state);
    match course.crossing(neuron.response_peak) {
        Outlook::Crossing { dt, slope } => Outlook::Crossing { dt, slope: slope * unit },
        outlook => outlook,
    }
}

pub(super) fn next_maximum<T: Scalar>(neuron: &Lif<T>, state: State<T>) -> Option<T> {
    let (course, _) = Course::of(neuron, state);
    if course.i <= 0.0 || course.lift() <= 0.0 {
        return None;
    }
    let peak = course.stationary()?;
    if !T::CARRIES_DERIVATIVE {
        return Some(peak.into());
    }
    // v̇(peak) = 0 also in its infinitesimal part; there v̈ = −i/(τ_mem τ_syn).
    let at_peak = neuron.flow(state, peak.into());
    let bend = -at_peak.i / (neuron.tau_mem * neuron.tau_syn);
    Some(T::from(peak) - neuron.membrane_rate(at_peak).with_re(0.0) / bend)
}

impl Course {
    /// What the search side by side decides.
    fn common(&self) -> Option<Outlook<f64>> {
        match search_one(self.v, self.i, self.rest, self.tau_mem, self.tau_syn) {
            Search::Crossing { dt, slope } => Some(Outlook::Crossing { dt, slope }),
            Search::Silent => Some(Outlook::Silent),
            Search::Undecided => None,
        }
    }

    fn crossing(&self, response_peak: f64) -> Outlook<f64> {
        if self.v >= 0.0 {
            return self.at_threshold();
        }
        if self.stays_below(response_peak) {
            return Outlook::Silent;
        }
        let lift = self.lift();
        if self.i > 0.0
            && lift > 0.0
            && let Some(peak) = self.stationary()
        {
            return self.below_a_peak(peak);
        }
        if self.rest > 0.0 {
            // After a minimum, if it falls first, it passes the threshold once.
            let start = if lift < 0.0 { self.stationary() } else { None };
            return self.climb_to_rest(start.unwrap_or(0.0));
        }
        // Without a peak ahead v tends to rest from below, or falls towards it.
        Outlook::Silent
    }

    /// Only rounding brings v to the threshold without a spike: it is there, and comes from below.
    fn at_threshold(&self) -> Outlook<f64> {
        let course = Self { v: 0.0, ..*self };
        let lift = course.lift();
        // A negative current that just holds it there lets it rise.
        if lift > 0.0 || lift == 0.0 && course.i < 0.0 {
            Outlook::Crossing { dt: 0.0, slope: lift / self.tau_mem }
        } else if course.rest > 0.0 {
            // It falls, and comes back.
            course.climb_to_rest(course.stationary().unwrap_or(0.0))
        } else {
            Outlook::Silent
        }
    }

    /// A positive current lifts v, which rises, concave, up to its maximum at `peak`, where it equals the current.
    fn below_a_peak(&self, peak: f64) -> Outlook<f64> {
        let scale = self.i + self.above_rest().abs();
        let at_peak = self.i * exp(-peak / self.tau_syn);
        let height = at_peak + self.rest;
        if height < -CERTAINLY_BELOW * scale {
            return Outlook::Silent;
        }
        if height > NEAR_GRAZING * at_peak {
            let dt = self.rise(peak);
            return Outlook::Crossing { dt, slope: self.slope(dt, Some(peak)) };
        }
        let (height, terms) = self.height_to_30_digits(peak);
        if height.abs() <= TOUCH * terms {
            Outlook::Touch { dt: peak }
        } else if height < 0.0 {
            Outlook::Silent
        } else {
            let back = self.back_from_peak(peak, at_peak, height);
            let slope = at_peak * back / (self.tau_mem * self.tau_syn)
                * exp_divided([back / self.tau_mem, back / self.tau_syn]);
            // The difference loses digits if the crossing is near the start; the rise from there does not.
            let dt = if back < 0.75 * peak { peak - back } else { self.rise(peak) };
            Outlook::Crossing { dt, slope }
        }
    }

    /// v(peak) in double-double, and the sizes of the terms that it is the sum of; an error of `peak` enters only squared.
    fn height_to_30_digits(&self, peak: f64) -> (f64, f64) {
        let [v, i, rest, tau_mem, tau_syn, peak] =
            [self.v, self.i, self.rest, self.tau_mem, self.tau_syn, peak].map(DoubleDouble::from);
        let (x, y) = (peak / tau_mem, peak / tau_syn);
        let membrane = (-x).exp();
        let (slow, gap) =
            if self.tau_mem >= self.tau_syn { (membrane, y - x) } else { ((-y).exp(), x - y) };
        let left = membrane * (v - rest);
        let response = x * slow * gap.phi1() * i;
        let terms = left.to_f64().abs() + response.to_f64().abs() + self.rest.abs();
        ((left + response + rest).to_f64(), terms)
    }

    /// How long before its peak v crosses the threshold: solves
    /// `at_peak/(τ_mem τ_syn) · x² exp[0, x/τ_mem, x/τ_syn] = height` for x in (0, peak].
    ///
    /// In z = ln x the logarithm of the left side is convex and rises with slope ≥ 2, so Newton's method from the right
    /// descends without overshooting; the step is taken as a factor, which keeps x right to its last bits.
    fn back_from_peak(&self, peak: f64, at_peak: f64, height: f64) -> f64 {
        let level = height / at_peak * self.tau_mem * self.tau_syn;
        let mut x = (2.0 * level).sqrt().min(peak);
        for _ in 0..MAX_SEARCH {
            let (p, q) = (x / self.tau_mem, x / self.tau_syn);
            let second = exp_divided([0.0, p, q]);
            let factor = exp(-ln(x * x * second / level) * second / exp_divided([p, q]));
            x = (x * factor).min(peak);
            if (factor - 1.0).abs() <= 4.0 * f64::EPSILON {
                break;
            }
        }
        x
    }

    /// The crossing on a concave rise that ends at `peak` above the threshold.
    fn rise(&self, peak: f64) -> f64 {
        // Where the parabola at the start reaches the threshold; its tangent, if the parabola does not.
        let slope = self.lift() / self.tau_mem;
        let bend = (self.i / self.tau_syn + slope) / self.tau_mem;
        let gap = -self.v;
        let discriminant = slope * slope - 2.0 * bend * gap;
        let guess = if discriminant > 0.0 {
            2.0 * gap / (slope + discriminant.sqrt())
        } else {
            gap / slope
        };
        search(0.0, peak, guess, |t| {
            let (residual, rate) = self.residual(t);
            Step { residual, newton: -residual / rate }
        })
    }

    /// v climbs to a resting value above the threshold, from time `start` on: in logarithms it is nearly a line.
    fn climb_to_rest(&self, start: f64) -> Outlook<f64> {
        let decay = |t: f64| {
            let (residual, rate) = self.residual(t);
            // ln(1 − v/rest), of what is left to rest: positive before the crossing, zero at it.
            let newton = -ln_1p(-residual / self.rest) * (residual - self.rest) / rate;
            Step { residual, newton }
        };
        let mut length = self.tau_mem + self.tau_syn;
        let mut end = start + length;
        while self.residual(end).0 < 0.0 && end.is_finite() {
            length *= 2.0;
            end = start + length;
        }
        let first = decay(start).newton;
        let dt = search(start, end, start + if first > 0.0 { first } else { length / 2.0 }, decay);
        Outlook::Crossing { dt, slope: self.slope(dt, self.stationary()) }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{LifParameters, response_peak};
    use super::*;

    fn neuron(tau_mem: f64, tau_syn: f64, v_th: f64, i_bias: f64) -> Lif<f64> {
        Lif::new(LifParameters {
            tau_mem,
            tau_syn,
            v_th,
            i_bias,
            v_leak: 0.0,
            v_reset: v_th - 1.0,
            t_ref: 0.0,
        })
    }

    fn crossing(n: &Lif<f64>, v: f64, i: f64) -> Option<(f64, f64)> {
        match next_crossing(n, n.state(v, i)) {
            Outlook::Crossing { dt, slope } => Some((dt, slope)),
            _ => None,
        }
    }

    #[track_caller]
    fn close(got: f64, expected: f64, ulps: f64) {
        let error = (got / expected - 1.0).abs();
        assert!(
            error <= ulps * f64::EPSILON,
            "{got:?} is not {expected:?}: {:.1} ulp",
            error / f64::EPSILON
        );
    }

    /// `τ_mem` = 2 `τ_syn`: a quadratic in `e^(−t/τ_mem)`; (w − 4)/w is exact near the touch.
    fn by_quadratic(w: f64) -> (f64, f64) {
        let s = ((w - 4.0) / w).sqrt();
        (-20.0 * (-(1.0 - s) / 2.0).ln_1p(), w * s * (1.0 + s) / 2.0 / 20.0)
    }

    #[test]
    fn a_ladder_of_excesses_down_to_one_ulp_above_the_touch_is_right_to_a_few_ulp() {
        let n = neuron(20.0, 10.0, 1.0, 0.0);
        let ladder = (1..=14).map(|k| 10f64.powi(-k)).chain([f64::EPSILON, 1.0, 30.0]);
        for excess in ladder {
            let w = 4.0 * (1.0 + excess);
            let (dt, slope) = crossing(&n, 0.0, w).unwrap_or_else(|| panic!("no spike at {w:?}"));
            let (expected, expected_slope) = by_quadratic(w);
            close(dt, expected, 4.0);
            close(slope, expected_slope, 8.0);
        }
    }

    #[test]
    fn the_exact_touch_is_no_spike_and_is_said_to_touch() {
        let n = neuron(20.0, 10.0, 1.0, 0.0);
        let Outlook::Touch { dt } = next_crossing(&n, n.state(0.0, 4.0)) else {
            panic!("no touch")
        };
        close(dt, 20.0 * 2f64.ln(), 2.0);
        assert_eq!(
            next_crossing(&n, n.state(0.0, 4.0 * (1.0 - f64::EPSILON / 2.0))),
            Outlook::Silent
        );
    }

    #[test]
    fn equal_time_constants_touch_at_e() {
        let n = neuron(7.0, 7.0, 1.0, 0.0);
        let e = std::f64::consts::E;
        // The double nearest to e lies below it by 1.4e-16: just no spike; the next one lies above.
        assert_eq!(next_crossing(&n, n.state(0.0, e)), Outlook::Silent);
        assert!(crossing(&n, 0.0, e.next_up()).is_some());
    }

    #[test]
    fn a_bias_alone_follows_the_logarithm() {
        for tau in [7.3, 10.0, 20.0] {
            assert_eq!(
                next_crossing(&neuron(tau, 5.0, 1.0, 1.0), State { v: -1.0, i: 0.0 }),
                Outlook::Silent
            );
        }
        for (bias, expected) in [
            (1.0 + 1e-12, 552.618_644_385_973),
            (1.0 + 1e-14, 644.739_817_986_937),
            (1.0 + 2.3e-16, 720.873_067_782_343),
        ] {
            let (dt, slope) = crossing(&neuron(20.0, 5.0, 1.0, bias), 0.0, 0.0).unwrap();
            close(dt, 20.0 * (bias / (bias - 1.0)).ln(), 4.0);
            assert!((dt - expected).abs() < 1e-12 * expected);
            close(slope, (bias - 1.0) / 20.0, 2.0);
        }
    }

    #[test]
    fn a_crossing_solves_its_equation_for_every_ratio_and_state() {
        // The residual of the answer is the rounding of v; an answer is missing only if a dense scan stays below.
        for ratio in super::super::fixtures::RATIOS {
            for (v, i, bias) in [
                (0.0, 30.0, 0.0),
                (0.9, 3.0, 0.0),
                (-2.0, 9.0, 0.5),
                (0.0, 0.0, 1.5),
                (-1.0, -5.0, 1.2),
                (0.5, -3.0, 2.0),
                (0.999_999, 1.5, 0.0),
                (0.0, 1.0, 1.0 - 1e-9),
                (-5.0, 1e-9, 1.1),
                (0.3, 6.9, 0.1),
                (0.2, 1e12, 0.0),
            ] {
                let n = neuron(ratio * 5.0, 5.0, 1.0, bias);
                let state = n.state(v, i);
                let scale = 1.0 + bias + v.abs() + i.abs();
                match next_crossing(&n, state) {
                    Outlook::Crossing { dt, slope } => {
                        let at = n.flow(state, dt);
                        assert!(
                            (n.membrane(at) - 1.0).abs()
                                < 4.0 * f64::EPSILON * scale + slope * dt * f64::EPSILON
                        );
                        assert!(slope > 0.0);
                        let before = (1..1000)
                            .map(|k| n.membrane(n.flow(state, dt * f64::from(k) / 1000.0)));
                        assert!(
                            before.fold(f64::MIN, f64::max) <= 1.0,
                            "an earlier crossing: {ratio} {v} {i} {bias}"
                        );
                    }
                    _ => {
                        for k in -60..40 {
                            let t = 5.0 * 1.5f64.powi(k);
                            assert!(
                                n.membrane(n.flow(state, t)) <= 1.0,
                                "a missed crossing: {ratio} {v} {i} {bias} {t}"
                            );
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn which_side_of_the_threshold_rounding_puts_a_state_on_does_not_show() {
        // A state a few roundings below the threshold, and its mirror image above: the same spike, or none.
        let mut climbs = 0;
        for ratio in super::super::fixtures::RATIOS {
            for rest in [-1.0, -1e-12, 0.0, 1e-12, 0.5, 2.0, 1e6] {
                for i in [-1e6, -6.0, -0.3, -1e-9, 0.0, 1e-9, 0.3, 6.0, 1e6] {
                    let course = |v| Course { v, i, rest, tau_mem: ratio * 5.0, tau_syn: 5.0 };
                    if i + rest == 0.0 {
                        continue;
                    }
                    let peak = response_peak(ratio * 5.0, 5.0) * (1.0 + 1e-9);
                    let roundings = 4.0 * f64::EPSILON * (f64::abs(i) + f64::abs(rest));
                    let place = |v| match course(v).crossing(peak) {
                        Outlook::Crossing { dt, .. } => Some(dt),
                        _ => None,
                    };
                    let [below, at, above] = [-roundings, 0.0, roundings].map(place);
                    assert!(at == above, "{ratio} {rest} {i}: {at:?} {above:?}");
                    if i + rest > 0.0 {
                        assert_eq!(at, Some(0.0));
                        continue;
                    }
                    assert_eq!(at.is_some(), rest > 0.0, "{ratio} {rest} {i}");
                    let (Some(below), Some(at)) = (below, at) else { continue };
                    climbs += 1;
                    // Both climb through the threshold at a slope that the lift from there gives.
                    let slope = course(0.0).slope(at, course(0.0).stationary());
                    let bound = roundings / slope + 64.0 * f64::EPSILON * at;
                    assert!((below - at).abs() <= bound, "{ratio} {rest} {i}: {below} {at}");
                }
            }
        }
        assert_eq!(climbs, 8 * super::super::fixtures::RATIOS.len());
    }

    #[test]
    fn the_time_does_not_depend_on_the_unit_of_the_potential() {
        let (expected, _) = crossing(&neuron(20.0, 5.0, 1.0, 0.0), 0.0, 9.0).unwrap();
        for scale in [1e-12, 1e-6, 1e2, 1e4, 1e6] {
            close(
                crossing(&neuron(20.0, 5.0, scale, 0.0), 0.0, 9.0 * scale).unwrap().0,
                expected,
                4.0,
            );
        }
        let far = neuron(20.0, 5.0, 1.0, 0.0);
        for start in [-1e300, -1e5, -90.0] {
            assert_eq!(crossing(&far, start, 9.0), None);
            assert!(crossing(&far, start, -start * 9.0).is_some(), "from {start}");
        }
    }

    #[test]
    fn a_second_opinion_finds_the_same_root() {
        // Brent's method of the crate `roots`, with a convergence rule of our own: its own stops on an absolute error.
        struct ToTheLastBits;
        impl roots::Convergency<f64> for ToTheLastBits {
            fn is_root_found(&mut self, y: f64) -> bool {
                y == 0.0
            }
            fn is_converged(&mut self, a: f64, b: f64) -> bool {
                (a - b).abs() <= 4.0 * f64::EPSILON * a.abs().max(b.abs())
            }
            fn is_iteration_limit_reached(&mut self, iteration: usize) -> bool {
                iteration > 200
            }
        }
        for ratio in [4.0, 2.0, 1.0, 0.5, 20.0] {
            let n = neuron(ratio * 5.0, 5.0, 1.0, 0.0);
            for i in [8.0, 12.0, 40.0] {
                let Some((dt, _)) = crossing(&n, 0.1, i) else { continue };
                let peak = next_maximum(&n, n.state(0.1, i)).unwrap();
                let f = |t: f64| n.membrane(n.flow(n.state(0.1, i), t)) - 1.0;
                let second = roots::find_root_brent(0.0, peak, f, &mut ToTheLastBits).unwrap();
                assert!((dt / second - 1.0).abs() < 1e-13, "{dt} {second}");
            }
        }
    }

    #[test]
    fn a_maximum_is_where_the_slope_vanishes() {
        for ratio in super::super::fixtures::RATIOS {
            let n = neuron(ratio * 5.0, 5.0, 1.0, 0.3);
            for (v, i) in [(0.0, 2.0), (-3.0, 7.0), (1.0, 1.1)] {
                let Some(peak) = next_maximum(&n, n.state(v, i)) else { continue };
                let at = n.flow(n.state(v, i), peak);
                // The state knows the potential to a rounding of its distance from the threshold.
                let u = n.above_rest(at);
                let bound = 1e-13 * (at.i.abs() + u.abs()) + 4.0 * f64::EPSILON * n.rest.abs();
                assert!((at.i - u).abs() < bound, "ratio {ratio}: {at:?}");
            }
        }
        let n = neuron(20.0, 5.0, 1.0, 0.0);
        assert_eq!(next_maximum(&n, n.state(0.5, 0.2)), None);
    }
}
