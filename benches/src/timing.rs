//! Medians over interleaved repeats: what is compared takes turns, so that a drift of the machine meets all equally.
//!
//! Each candidate is warmed up once; then rounds, in each of which every candidate runs once, until time is up. Not here:
//! what is run.

use serde::Serialize;
use std::time::{Duration, Instant};

/// Middle and spread of the times of one candidate, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Quantiles {
    /// Median.
    pub median: f64,
    /// A tenth of the repeats were faster.
    pub q10: f64,
    /// A tenth of the repeats were slower.
    pub q90: f64,
    /// Repeats.
    pub repeats: usize,
}

impl Quantiles {
    /// Of `times`, in any order.
    ///
    /// # Panics
    /// If there are none.
    #[must_use]
    pub fn of(mut times: Vec<f64>) -> Self {
        times.sort_by(f64::total_cmp);
        let last = times.len() - 1;
        let (q10, q90) = (times[last / 10], times[last - last / 10]);
        let median = f64::midpoint(times[last / 2], times[last.div_ceil(2)]);
        Self { median, q10, q90, repeats: times.len() }
    }

    /// The same in another unit.
    #[must_use]
    pub fn times(self, factor: f64) -> Self {
        let Self { median, q10, q90, repeats } = self;
        Self { median: median * factor, q10: q10 * factor, q90: q90 * factor, repeats }
    }
}

/// Fewest repeats of a candidate, however slow.
const FEWEST: usize = 3;

/// Runs the candidates in turns for `seconds` each, and returns their times in seconds.
pub fn interleaved(candidates: &mut [&mut dyn FnMut()], seconds: f64) -> Vec<Quantiles> {
    for candidate in &mut *candidates {
        candidate();
    }
    let mut times = vec![Vec::new(); candidates.len()];
    #[expect(clippy::cast_precision_loss, reason = "a handful of candidates")]
    let budget = Duration::from_secs_f64(seconds * candidates.len() as f64);
    let begin = Instant::now();
    while begin.elapsed() < budget || times[0].len() < FEWEST {
        for (candidate, times) in candidates.iter_mut().zip(&mut times) {
            times.push(seconds_of(candidate));
        }
    }
    times.into_iter().map(Quantiles::of).collect()
}

/// How long one run takes, in seconds.
pub fn seconds_of(mut run: impl FnMut()) -> f64 {
    let begin = Instant::now();
    run();
    begin.elapsed().as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::Quantiles;

    #[test]
    fn quantiles_are_those_of_the_sorted_times() {
        let q = Quantiles::of((0..=20).rev().map(f64::from).collect());
        assert_eq!([q.q10, q.median, q.q90].map(|x| x.to_string()), ["2", "10", "18"]);
        let q = Quantiles::of(vec![3.0, 1.0]);
        assert_eq!([q.q10, q.median, q.q90].map(|x| x.to_string()), ["1", "2", "3"]);
    }
}
