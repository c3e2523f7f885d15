//! A time with the rounding error of its representation.
//!
//! A spike at 20 ms is rounded to 3e-18 s; seen from an arrival 0.1 ms before it, that is an error of 3e-14. Keeping what was
//! rounded off beside each time makes the *lengths* between events, which is all that a neuron sees, right to their own
//! last bits. The order of events is decided by the rounded times alone, but for whether a crossing is after the end of the run.
//!
//! Not here: which event is when (`trace.rs`).

use crate::currents;
use spikegrad_dynamics::Scalar;

/// A time in seconds, and what its rounding left off.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Time<T = f64> {
    /// The time.
    pub rounded: T,
    /// What to add for the exact one, less than half a unit in its last place.
    pub remainder: f64,
}

impl<T: Scalar> From<T> for Time<T> {
    /// A time that is exact as it stands.
    fn from(exact: T) -> Self {
        Self { rounded: exact, remainder: 0.0 }
    }
}

impl<T: Scalar> Time<T> {
    /// The time `dt` seconds later.
    #[must_use]
    pub fn after(self, dt: T) -> Self {
        // Knuth's exact sum, then the carry into the rounded part.
        let (a, b) = (self.rounded.re(), dt.re());
        let sum = a + b;
        let b_part = sum - a;
        let error = (a - (sum - b_part)) + (b - b_part) + self.remainder;
        let rounded = sum + error;
        Self { rounded: (self.rounded + dt).with_re(rounded), remainder: error - (rounded - sum) }
    }

    /// The time `count` lengths of `interval` later, their product to its last digit.
    #[must_use]
    pub fn after_many(self, count: usize, interval: T) -> Self {
        let (whole, rest) = exact_product(count, interval.re());
        let product = (interval * currents::count(count)).with_re(whole);
        self.after(product).after(T::from(rest))
    }

    /// Whether it is earlier than `other`; what roundings left off counts.
    #[must_use]
    pub fn is_before(self, other: Self) -> bool {
        let (a, b) = (self.rounded.re(), other.rounded.re());
        a < b || (a - b).is_exactly_zero() && self.remainder < other.remainder
    }

    /// Whether both are the same instant: one representable time.
    #[must_use]
    pub fn coincides(self, other: Self) -> bool {
        (self.rounded.re() - other.rounded.re()).is_exactly_zero()
    }

    /// Whether it is not after `end`, a time that is exact as it stands: here what the rounding left off counts.
    #[must_use]
    pub fn is_by(self, end: f64) -> bool {
        let rounded = self.rounded.re();
        rounded < end || (rounded - end).is_exactly_zero() && self.remainder <= 0.0
    }

    /// Seconds since `earlier`.
    #[must_use]
    pub fn since(self, earlier: Self) -> T {
        (self.rounded - earlier.rounded) + T::from(self.remainder - earlier.remainder)
    }
}

/// `count · x` as a sum of two doubles, exact for counts below 2²⁶: `x` is split into halves of 27 bits (Dekker, Numer. Math. 18, 1971).
fn exact_product(count: usize, x: f64) -> (f64, f64) {
    let count: f64 = currents::count(count);
    let spread = x * 134_217_729.0;
    let upper = spread - (spread - x);
    let product = count * x;
    (product, (count * upper - product) + count * (x - upper))
}

#[cfg(test)]
mod tests {
    use super::Time;

    #[test]
    fn a_time_within_a_rounding_of_the_end_is_by_it_or_after_it() {
        let end = 0.05;
        for (dt, is_by) in
            [(-1e-3, true), (-1e-19, true), (0.0, true), (1e-19, false), (1e-3, false)]
        {
            assert_eq!(Time::from(end).after(dt).is_by(end), is_by, "{dt}");
        }
    }

    #[test]
    fn a_length_survives_being_added_to_a_large_time() {
        let start = Time::from(99_990.123_456_789);
        for dt in [1.0e-9, 0.1, 5.0 / 3.0] {
            let error = start.after(dt).since(start) - dt;
            assert!(error.abs() <= dt * f64::EPSILON, "{dt}: {error}");
        }
        let many = (0..1000).fold(start, |t, _| t.after(0.1));
        assert!((many.since(start) - 100.0).abs() < 1e-13);
    }
}
