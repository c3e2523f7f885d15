//! The search of crossings beside dense scans, planted zeros and closed forms.

use super::sum::Sum;
use super::{Course, Current};
use crate::{Outlook, exp_divided};

/// Roundings of a time, and of the inputs of a test.
const ROUNDING: f64 = 8.0 * f64::EPSILON;

/// A small generator with a fixed seed.
struct Random(u64);

impl Random {
    fn unit(&mut self) -> f64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        #[expect(clippy::cast_precision_loss, reason = "53 bits")]
        let x = (self.0 >> 11) as f64;
        x / 2f64.powi(53)
    }
    fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }
    fn chance(&mut self, share: f64) -> bool {
        self.unit() < share
    }
}

fn crossing(course: &Course<'_>) -> Option<(f64, f64)> {
    match course.first_crossing() {
        Outlook::Crossing { dt, slope } => Some((dt, slope)),
        _ => None,
    }
}

#[track_caller]
fn close(got: f64, expected: f64, tolerance: f64) {
    assert!((got / expected - 1.0).abs() <= tolerance, "{got:?} is not {expected:?}");
}

/// u after `t` by its definition, in no clever form.
fn plain(course: &Course<'_>, t: f64) -> f64 {
    let x = t / course.tau_mem;
    let part = |c: &Current| c.size * x * exp_divided([-x, -t / c.tau]);
    let response: f64 = course.currents.iter().map(part).sum();
    course.rest + (course.height - course.rest) * (-x).exp() + response
}

/// The first sample above zero, in steps that are short at first; with the time before it.
fn first_above(course: &Course<'_>, until: f64, margin: f64) -> Option<(f64, f64)> {
    const SAMPLES: i32 = 20_000;
    let time = |k: i32| until * (f64::from(k) / f64::from(SAMPLES)).powi(3);
    (1..=SAMPLES).find(|&k| plain(course, time(k)) > margin).map(|k| (time(k - 1), time(k)))
}

/// Random currents: of both signs, of equal, nearly equal and far apart time constants.
fn draw(random: &mut Random, tau_mem: f64, count: usize) -> Vec<Current> {
    let mut currents: Vec<Current> = Vec::new();
    for _ in 0..count {
        let other = currents.last().map_or(tau_mem, |current| current.tau);
        let near = if random.chance(0.5) { tau_mem } else { other };
        let tau = match random.unit() {
            x if x < 0.15 => near,
            x if x < 0.3 => near * (1.0 + 1e-9 * random.between(-1.0, 1.0)),
            x if x < 0.4 => near * (1.0 + 1e-4 * random.between(-1.0, 1.0)),
            x if x < 0.5 => near * 1e3f64.powf(random.between(-1.0, 1.0)),
            _ => near * 10f64.powf(random.between(-1.0, 1.0)),
        };
        currents.push(Current { size: random.between(-6.0, 6.0), tau });
    }
    currents
}

#[test]
fn no_crossing_is_missed_or_invented_beside_a_dense_scan() {
    let mut random = Random(3);
    let mut found = 0;
    for round in 0..400 {
        let currents = draw(&mut random, 0.02, 1 + round % 4);
        let rest = match random.unit() {
            x if x < 0.1 => 0.0,
            x if x < 0.4 => random.between(0.0, 1.0),
            _ => random.between(-2.0, 0.0),
        };
        let height = random.between(-3.0, 0.0);
        let course = Course { height, rest, tau_mem: 0.02, currents: &currents };
        let size = 1.0 + currents.iter().map(|c| c.size.abs()).sum::<f64>();
        let longest = currents.iter().fold(0.02, |longest: f64, c| longest.max(c.tau));
        let scanned = first_above(&course, 20.0 * longest, 1e-13 * size);
        match (crossing(&course), scanned) {
            (Some((dt, slope)), scanned) => {
                found += 1;
                // After so long all has underflown.
                let is_seen = slope > 0.0 || dt > 700.0 * longest;
                assert!(is_seen && plain(&course, dt).abs() < 1e-13 * size, "{course:?} {dt}");
                // Before it there is no sample above; if the scan saw it, it is where the scan says.
                let (low, high) = scanned.unwrap_or((dt, f64::INFINITY));
                assert!(dt <= high, "{course:?}: {dt} after {low}..{high}");
                assert!(first_above(&course, dt * (1.0 - 1e-9), 1e-12 * size).is_none());
                let bound = course.earliest_crossing().unwrap();
                assert!(bound <= dt, "{course:?}: {bound} {dt}");
            }
            (None, scanned) => assert_eq!(scanned, None, "{course:?}"),
        }
    }
    assert!(found > 100, "{found}");
}

#[test]
fn planted_changes_of_sign_are_all_found() {
    // Products of (z − z_k) in z = e^(−t): the sizes of rates 0, 1, …, n.
    for planted in [vec![0.9, 0.5, 0.2], vec![0.7, 0.69, 0.3, 0.01], vec![0.999, 0.5], vec![0.3]] {
        let mut sizes = vec![1.0];
        for &z in &planted {
            let mut next = vec![0.0; sizes.len() + 1];
            for (k, &c) in sizes.iter().enumerate() {
                next[k + 1] += c;
                next[k] -= z * c;
            }
            sizes = next;
        }
        let rates = (1..).map(f64::from);
        let currents: Vec<Current> =
            rates.zip(&sizes[1..]).map(|(k, &size)| Current { size, tau: 1.0 / k }).collect();
        let signs = Sum::of(sizes[0], &currents).signs();
        assert!(signs.starts_positive);
        assert_eq!(signs.changes().len(), planted.len(), "{signs:?}");
        for (got, z) in signs.changes().iter().zip(&planted) {
            // The nearest two zeros are a hundredth apart: a condition of 1e3 or so.
            close(*got, -z.ln(), 1e4 * f64::EPSILON);
        }
    }
}

#[test]
fn two_crossings_of_a_drive_are_seen_also_where_they_almost_meet() {
    // (z − ½)² − ε², exact in doubles.
    for k in 2..24 {
        let epsilon = 2f64.powi(-k);
        let currents = [Current { size: -1.0, tau: 1.0 }, Current { size: 1.0, tau: 0.5 }];
        let signs = Sum::of(0.25 - epsilon * epsilon, &currents).signs();
        let expected = [0.5 + epsilon, 0.5 - epsilon].map(|z| -f64::ln(z));
        assert_eq!(signs.changes().len(), 2, "{k}: {signs:?}");
        for (got, expected) in signs.changes().iter().zip(expected) {
            // The slope there is ε.
            close(*got, expected, ROUNDING / epsilon);
        }
        assert!(Sum::of(0.25 + epsilon * epsilon, &currents).signs().changes().is_empty());
    }
    // A touch is no change of sign.
    let currents = [Current { size: -1.0, tau: 1.0 }, Current { size: 1.0, tau: 0.5 }];
    assert!(Sum::of(0.25, &currents).signs().changes().is_empty());
}

/// u = −(z − z₁)(z − z₂)(z + 1) in z = e^(−t/6), with time constants 6, 3 and 2; exact in doubles.
fn cubic(sum: f64, product: f64) -> (f64, f64, [Current; 2]) {
    // −(z² − s z + p)(z + 1) = −z³ + (s − 1) z² + (s − p) z − p.
    let (rest, by_z, by_square, by_cube) = (-product, sum - product, sum - 1.0, -1.0);
    let currents =
        [Current { size: -by_square, tau: 3.0 }, Current { size: -2.0 * by_cube, tau: 2.0 }];
    (rest + by_z + by_square + by_cube, rest, currents)
}

#[test]
fn near_grazing_a_crossing_and_its_slope_are_right_to_a_few_roundings() {
    for k in 2..=25 {
        let epsilon = 2f64.powi(-k);
        let (height, rest, currents) = cubic(1.0, 0.25 - epsilon * epsilon);
        let course = Course { height, rest, tau_mem: 6.0, currents: &currents };
        let (dt, slope) = crossing(&course).unwrap_or_else(|| panic!("no spike at {k}"));
        let z = 0.5 + epsilon;
        close(dt, -6.0 * z.ln(), ROUNDING);
        close(slope, z * 2.0 * epsilon * (z + 1.0) / 6.0, ROUNDING);
        let (height, rest, currents) = cubic(1.0, 0.25 + epsilon * epsilon);
        let course = Course { height, rest, tau_mem: 6.0, currents: &currents };
        assert_eq!(course.first_crossing(), Outlook::Silent, "{k}");
    }
}

#[test]
fn with_one_current_it_is_the_neuron_with_one_synapse() {
    // τ_m = 2 τ_s: a quadratic in e^(−t/τ_m), down to one rounding above the touch at w = 4.
    let ladder = (1..=14).map(|k| 10f64.powi(-k)).chain([f64::EPSILON, 1.0, 30.0]);
    let course = |w: f64, currents: &mut [Current; 1]| {
        *currents = [Current { size: w, tau: 10.0 }];
    };
    for excess in ladder {
        let w = 4.0 * (1.0 + excess);
        let mut currents = [Current::default()];
        course(w, &mut currents);
        let course = Course { height: -1.0, rest: -1.0, tau_mem: 20.0, currents: &currents };
        let (dt, slope) = crossing(&course).unwrap();
        let s = ((w - 4.0) / w).sqrt();
        close(dt, -20.0 * (-(1.0 - s) / 2.0).ln_1p(), ROUNDING);
        close(slope, w * s * (1.0 + s) / 2.0 / 20.0, ROUNDING);
    }
    let at = |w: f64| {
        let currents = [Current { size: w, tau: 10.0 }];
        Course { height: -1.0, rest: -1.0, tau_mem: 20.0, currents: &currents }.first_crossing()
    };
    let Outlook::Touch { dt } = at(4.0) else { panic!("no touch") };
    close(dt, 20.0 * 2f64.ln(), ROUNDING);
    assert_eq!(at(4.0f64.next_down()), Outlook::Silent);
    // Split over two currents of one time constant, or of nearly one, it is the same neuron.
    for near in [1.0, 1.0 + 1e-13] {
        let currents = [Current { size: 7.0, tau: 10.0 }, Current { size: -2.5, tau: 10.0 * near }];
        let course = Course { height: -1.0, rest: -1.0, tau_mem: 20.0, currents: &currents };
        let s = (0.5f64 / 4.5).sqrt();
        close(crossing(&course).unwrap().0, -20.0 * (-(1.0 - s) / 2.0).ln_1p(), 1e-12);
    }
}

#[test]
fn a_crossing_next_to_the_start_keeps_all_its_digits() {
    for k in 2..=16 {
        let height = -10f64.powi(-k);
        let currents = [Current { size: 3.0, tau: 0.005 }, Current { size: -1.0, tau: 0.1 }];
        for rest in [-1.0, 0.0, 1e6] {
            let course = Course { height, rest, tau_mem: 0.02, currents: &currents };
            let (dt, slope) = crossing(&course).unwrap();
            // u ≈ height + lift x − (…) x²/2: three orders of the inverse.
            let lift = rest + 2.0 - height;
            let bend = (3.0 / 0.005 - 1.0 / 0.1) * 0.02 + lift;
            let first = -height / lift;
            let x = first * (1.0 + bend / lift * first / 2.0);
            let beyond = 4.0 * (bend / lift * first).powi(2);
            close(dt, 0.02 * x, ROUNDING + beyond);
            close(slope, lift / 0.02, ROUNDING + 2.0 * bend / lift * first);
        }
    }
}

#[test]
fn at_the_threshold_the_sign_of_the_drive_decides() {
    let at = |currents: &[Current], rest: f64| {
        Course { height: 0.0, rest, tau_mem: 0.02, currents }.first_crossing()
    };
    let current = |size: f64, tau: f64| Current { size, tau };
    assert_eq!(at(&[current(1.0, 0.005)], -0.5), Outlook::Crossing { dt: 0.0, slope: 0.5 / 0.02 });
    assert_eq!(at(&[current(1.0, 0.005)], -1.5), Outlook::Silent);
    // Balanced, and then the inhibition goes first.
    assert_eq!(
        at(&[current(1.0, 0.01), current(-1.0, 0.005)], 0.0),
        Outlook::Crossing { dt: 0.0, slope: 0.0 }
    );
    assert_eq!(at(&[current(1.0, 0.005), current(-1.0, 0.01)], 0.0), Outlook::Silent);
    assert_eq!(at(&[], 0.0), Outlook::Silent);
    // It falls, and comes back.
    let Outlook::Crossing { dt, .. } = at(&[current(-3.0, 0.005)], 1.0) else { panic!() };
    assert!(dt > 0.005, "{dt}");
}

#[test]
fn after_a_long_inhibition_the_rest_is_reached() {
    for tau in [0.005, 0.02, 20.0] {
        for size in [-1.0, -1e6, -1e300] {
            let currents = [Current { size, tau }, Current { size: 0.5, tau: 0.001 }];
            let course = Course { height: -1.0, rest: 0.2, tau_mem: 0.02, currents: &currents };
            let (dt, slope) = crossing(&course).unwrap();
            let at = plain(&course, dt);
            assert!(
                slope > 0.0 && at.abs() < 1e-13 * (dt / tau).max(1.0),
                "{tau} {size}: {dt} {at}"
            );
        }
    }
}

#[test]
fn rates_apart_by_a_million_do_not_hide_a_crossing() {
    // A slow drive below the threshold, and a fast one that lifts the membrane over it for a moment.
    let currents = [Current { size: 0.9, tau: 20.0 }, Current { size: 2e4, tau: 2e-5 }];
    let course = Course { height: -1.0, rest: -1.0, tau_mem: 0.02, currents: &currents };
    let (dt, _) = crossing(&course).unwrap();
    assert!(dt < 2e-5, "{dt}");
    // Four currents that lift and pull in turns: two excursions, of which only the second is high enough.
    let currents = [
        Current { size: 40.0, tau: 0.001 },
        Current { size: -30.0, tau: 0.01 },
        Current { size: 14.0, tau: 0.1 },
    ];
    let course = Course { height: -2.0, rest: -2.0, tau_mem: 0.02, currents: &currents };
    let (low, high) = first_above(&course, 1.0, 0.0).unwrap();
    let (dt, _) = crossing(&course).unwrap();
    assert!(low <= dt && dt <= high, "{low} {dt} {high}");
}

#[test]
fn where_all_tends_to_the_threshold_itself_the_last_sign_decides() {
    // τ_m = 2, τ_s = 1: e^(t/2) u = u₀ + c (1 − e^(−t/2)), which ends at u₀ + c.
    for k in 1..=52 {
        let excess = 2f64.powi(-k);
        let currents = [Current { size: 1.0 + excess, tau: 1.0 }];
        let course = Course { height: -1.0, rest: 0.0, tau_mem: 2.0, currents: &currents };
        let (dt, _) = crossing(&course).unwrap_or_else(|| panic!("no spike at {k}"));
        close(dt, 2.0 * ((1.0 + excess) / excess).ln(), ROUNDING);
        let currents = [Current { size: 1.0 - excess, tau: 1.0 }];
        let course = Course { height: -1.0, rest: 0.0, tau_mem: 2.0, currents: &currents };
        assert_eq!(course.first_crossing(), Outlook::Silent, "{k}");
    }
}

#[test]
fn maxima_are_those_of_a_dense_scan() {
    const SAMPLES: i32 = 40_000;
    let mut random = Random(11);
    let mut count = 0;
    for round in 0..200 {
        let currents = draw(&mut random, 0.02, 1 + round % 5);
        let height = random.between(-2.0, 2.0);
        let course = Course { height, rest: 0.0, tau_mem: 0.02, currents: &currents };
        let mut found = Vec::new();
        course.maxima(&mut |dt| found.push(dt));
        assert!(found.is_sorted(), "{found:?}");
        let size = height.abs() + currents.iter().map(|c| c.size.abs()).sum::<f64>();
        for &dt in &found {
            let rate = |t: f64| {
                let drive: f64 = currents.iter().map(|c| c.size * (-t / c.tau).exp()).sum();
                drive - plain(&course, t)
            };
            let step = 1e-3 * dt.max(1e-6);
            // Rises before, falls after, up to the rounding of the sizes.
            assert!(rate(dt).abs() < 1e-13 * size * (1.0 + dt / 0.02), "{course:?} {dt}");
            assert!(rate(dt - step) > -1e-13 * size && rate(dt + step) < 1e-13 * size);
        }
        // No sample is higher than the start, the end and all of them.
        let end = 0.3;
        let ends = [0.0, end].into_iter().chain(found.iter().copied().filter(|&t| t < end));
        let highest = ends.map(|t| plain(&course, t)).fold(f64::NEG_INFINITY, f64::max);
        for k in 0..SAMPLES {
            let t = end * (f64::from(k) / f64::from(SAMPLES)).powi(3);
            assert!(plain(&course, t) <= highest + 1e-13 * size, "{course:?} at {t}: {found:?}");
        }
        count += found.len();
    }
    assert!(count > 100, "{count}");
}
