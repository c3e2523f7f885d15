//! Cosine and sine without a branch between the circular and the hyperbolic ones, on every number that the engine computes with.
//!
//! Not here: doubles alone (`math.rs`).

use crate::Scalar;

/// Where exponentials take over from the series. Both are right on either side; hyperbolic functions of much more would overflow.
const RELAXED: f64 = -64.0;

/// [cos √u, sin √u/√u], which are entire in u; for a very negative u both without the factor e^√(−u).
#[inline]
pub(crate) fn circular<T: Scalar>(u: T) -> [T; 2] {
    if u.re() < RELAXED {
        let root = (T::from(0.5) * (-u).ln()).exp();
        let faded = (T::from(-2.0) * root).exp();
        let half = T::from(0.5);
        return [half * (T::from(1.0) + faded), half * (T::from(1.0) - faded) / root];
    }
    // By halving the angle the series becomes one of few terms; doubling it again magnifies roundings by less than the size of the results.
    let mut halvings = 0;
    let mut part = u;
    while part.re().abs() > 0.25 {
        part = T::from(0.25) * part;
        halvings += 1;
    }
    let [mut less_one, mut sine] = series(part);
    for _ in 0..halvings {
        // cos 2a − 1 = 2 (cos a − 1)(cos a + 1), which keeps the digits of a small angle.
        let cosine = T::from(1.0) + less_one;
        sine *= cosine;
        less_one = T::from(2.0) * less_one * (cosine + T::from(1.0));
    }
    [T::from(1.0) + less_one, sine]
}

/// Beyond this the quotient of [`slopes`] loses three roundings at most; up to it stands the series.
const SERIES: f64 = 1.0;

/// The derivatives by u of what [`circular`] returns there.
pub(crate) fn slopes(u: f64, [cosine, sine]: [f64; 2]) -> [f64; 2] {
    if u < RELAXED {
        // ½ (1 ± e^(−2r)) with r = √(−u).
        let root = (-u).sqrt();
        let faded = 2.0 * cosine - 1.0;
        return [0.5 * faded / root, 0.5 * (faded - sine) / u];
    }
    let by_sine = if u.abs() > SERIES { (cosine - sine) / (2.0 * u) } else { sine_slope(u) };
    [-0.5 * sine, by_sine]
}

/// d(sin √u/√u)/du = Σ (−1)ᵏ k uᵏ⁻¹/(2k + 1)! for |u| ≤ [`SERIES`]: the terms fall by 1/10 at least, and then faster.
fn sine_slope(u: f64) -> f64 {
    const TERMS: i32 = 12;
    let mut sum = 0.0;
    for k in (1..=TERMS).rev() {
        let (k, n) = (f64::from(k), f64::from(2 * k));
        sum = -(1.0 + (k + 1.0) / k * u * sum) / (n * (n + 1.0));
    }
    sum
}

/// [cos √u − 1, sin √u/√u] for |u| ≤ ¼: the terms fall by 1/(8k²) at least.
fn series<T: Scalar>(u: T) -> [T; 2] {
    const TERMS: i32 = 12;
    let (mut cosine, mut sine) = (T::from(0.0), T::from(0.0));
    for k in (1..=TERMS).rev() {
        let n = f64::from(2 * k);
        cosine = -u * (T::from(1.0) + cosine) / T::from(n * (n - 1.0));
        sine = -u * (T::from(1.0) + sine) / T::from(n * (n + 1.0));
    }
    [cosine, T::from(1.0) + sine]
}
