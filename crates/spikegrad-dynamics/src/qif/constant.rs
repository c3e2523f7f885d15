//! Motion under a constant drive J, in units of the membrane time constant: y″ + y′ + J y = 0.
//!
//! With y = e^(−s/2) x the first derivative is gone, x″ + ω² x = 0 with ω² = J − ¼, and V = ½ − x′/x. The common factor does not matter to a
//! point of the projective line.

use super::{Point, next_zero_from, scaled};
use crate::{Scalar, math};

/// Where exponentials take over from the series. Both are right on either side; hyperbolic functions of much more would overflow.
const RELAXED: f64 = -64.0;

/// The point after `length`, under the drive `drive`.
pub(super) fn flow<T: Scalar>([y, dy]: Point<T>, drive: T, length: T) -> Point<T> {
    let (x, dx) = (y, dy + T::from(0.5) * y);
    let square = drive - T::from(0.25);
    let [cosine, sine] = circular(square * length * length);
    let sine = sine * length;
    let (x, dx) = (x * cosine + dx * sine, dx * cosine - square * x * sine);
    scaled([x, dx - T::from(0.5) * x])
}

/// [cos √u, sin √u/√u], which are entire in u; for a very negative u both without the factor e^√(−u).
fn circular<T: Scalar>(u: T) -> [T; 2] {
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

/// The length up to the next zero of y; `None` if there is none. A y of zero is that of a spike that has just been.
pub(super) fn next_zero(point: Point<f64>, drive: f64) -> Option<f64> {
    next_zero_from(point, |point| zero(point, drive))
}

fn zero([y, dy]: Point<f64>, drive: f64) -> Option<f64> {
    let (x, dx, square) = (y, dy + 0.5 * y, drive - 0.25);
    let size = square.abs().sqrt();
    if square > 0.0 {
        return Some(math::atan2(size * x, -dx) / size);
    }
    // Above the unstable point: x falls faster than it can be caught.
    let (fall, needed) = (-dx, size * x);
    if fall <= needed || x == 0.0 {
        return None;
    }
    if square == 0.0 {
        return Some(x / fall);
    }
    Some(0.5 * math::ln_1p(2.0 * needed / (fall - needed)) / size)
}
