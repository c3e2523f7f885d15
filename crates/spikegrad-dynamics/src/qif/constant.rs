//! Motion under a constant drive J, in units of the membrane time constant: y″ + y′ + J y = 0.
//!
//! With y = e^(−s/2) x the first derivative is gone, x″ + ω² x = 0 with ω² = J − ¼, and V = ½ − x′/x. The common factor does not matter to a
//! point of the projective line.

use super::{NextZero, Point, next_zero_from, scaled};
use crate::Scalar;
use crate::circular::circular;

/// The point after `length`, under the drive `drive`.
pub(super) fn flow<T: Scalar>(point: Point<T>, drive: T, length: T) -> Point<T> {
    let [x, dx] = without_first_derivative(point);
    let square = drive - T::from(0.25);
    let [cosine, sine] = circular(square * length * length);
    let sine = sine * length;
    let (x, dx) = (x * cosine + dx * sine, dx * cosine - square * x * sine);
    scaled([x, dx - T::from(0.5) * x])
}

/// The length up to the next zero of y. A y of zero is that of a spike that has just been.
pub(super) fn next_zero<T: Scalar>(point: Point<T>, drive: T) -> NextZero<T> {
    next_zero_from(point, |point| zero(point, drive))
}

#[inline]
fn zero<T: Scalar>(point: Point<T>, drive: T) -> NextZero<T> {
    // A rounding of either coordinate.
    let magnified = magnified((point[0] * point[1]).re().abs(), point, drive);
    if is_silent(point, drive) {
        return NextZero::none(magnified);
    }
    let [x, dx] = without_first_derivative(point);
    let square = drive - T::from(0.25);
    let after = if square.re() > 0.0 {
        let size = square.sqrt();
        (size * x).atan2(-dx) / size
    } else if square.re() < 0.0 {
        let size = (-square).sqrt();
        let needed = size * x;
        T::from(0.5) * (T::from(2.0) * needed / (-dx - needed)).ln_1p() / size
    } else {
        -x / dx
    };
    NextZero::after(after, magnified)
}

/// Whether it never spikes: x does not fall as fast as it must to come down to zero.
pub(super) fn is_silent<T: Scalar>(point: Point<T>, drive: T) -> bool {
    let ([x, dx], square) = (without_first_derivative(point), drive - T::from(0.25));
    square.re() <= 0.0 && (dx + (-square).sqrt() * x).re() >= 0.0
}

/// What an error of y δy′ − y′ δy, which is (y² + y′²) times that of the angle atan V, makes of the time of the next zero, at which the angle grows by 1: it is how much it grows now that
/// counts. Where there is no zero, of what the angle is away from those that have one, which are above the unstable point, or where x falls at all.
pub(super) fn magnified<T: Scalar>(error: f64, point: Point<T>, drive: T) -> f64 {
    let ([y, dy], drive) = (point.map(Scalar::re), drive.re());
    let is_below = drive <= 0.25 && dy + 0.5 * y >= 0.0;
    error / if is_below { y * y + dy * dy } else { (dy * (dy + y) + drive * y * y).abs() }
}

/// (x, x′), but for a factor.
fn without_first_derivative<T: Scalar>([y, dy]: Point<T>) -> Point<T> {
    [y, dy + T::from(0.5) * y]
}
