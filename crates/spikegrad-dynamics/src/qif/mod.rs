//! Quadratic integrate-and-fire neurons, with exponential synapses (`qif`) and with delta synapses (`qif_delta`; its phase is the theta
//! neuron's): smooth spike times that never graze.
//!
//! ```text
//! tau_mem dV/dt = V (V − 1) + I + i_bias        a spike where V → +∞; V starts again from −∞, I goes on
//! ```
//!
//! With V = −y′/y, where ′ is `tau_mem` d/dt, the equation is linear, `y″ + y′ + (I + i_bias) y = 0`, and its state is a point (y, y′) of the projective
//! line, known up to a factor: finite and smooth also at a spike, which is a zero of y. There y changes its sign, and so does the factor: the
//! reset is no jump (C. Klos and R.-M. Memmesheimer, PRL 2025, arXiv:2309.14523, and docs/mathematics.md, eq. 26a). The larger of y and y′ is
//! made ±1, so that a state is the same numbers by whichever way it is reached: an adjoint is one of these numbers.
//!
//! A constant drive has a closed form (`constant.rs`); a current that decays a series, piece by piece (`series.rs`).

mod constant;
pub mod delta;
pub mod exponential;
mod pullback;
mod series;
mod side_by_side;

pub use side_by_side::{Adjoints, Arrived, Motion, Points};

use crate::double_double::DoubleDouble;
use crate::{General, NUMBERS, Outlook, Scalar, Vector};

/// With exponential synapses: an arrival adds its weight to I.
pub static QIF: General = General::of::<exponential::Qif>();

/// With delta synapses: an arrival adds its weight to V.
pub static QIF_DELTA: General = General::of::<delta::QifDelta>();

/// A lower bound leaves ten times the room that a time may be off.
const ROUNDED_DOWN: f64 = 1.0 - 1e-12;

/// Most that a rounding may be magnified, as a share of the time of a spike: two of them come to 6e-14 of it.
const MAGNIFIED: f64 = 256.0;

/// Most that a rounding may be magnified where that there is no spike is certain: 1/64 of what makes one of it.
const FAR_OFF: f64 = 1.0 / (64.0 * f64::EPSILON);

/// (y, y′), up to a factor.
type Point<T> = [T; 2];

/// The point of a potential.
fn point<T: Scalar>(v: T) -> Point<T> {
    scaled([T::from(1.0), -v])
}

/// The length up to the next zero of y, if there is one, and whether some roundings on the way to it change neither: else it takes numbers with more digits.
#[derive(Clone, Copy, Debug)]
struct NextZero<T> {
    after: Option<T>,
    is_certain: bool,
}

impl<T: Scalar> NextZero<T> {
    /// A zero, the time of which roundings on the way move by `magnified` of one.
    fn after(after: T, magnified: f64) -> Self {
        Self { after: Some(after), is_certain: magnified <= MAGNIFIED * after.re() }
    }

    /// None, and that is certain unless roundings on the way are magnified to what it takes to get there.
    fn none(magnified: f64) -> Self {
        Self { after: None, is_certain: magnified <= FAR_OFF }
    }

    /// It cannot be found, which no more digits would change.
    fn endless() -> Self {
        Self { after: Some(T::from(f64::NAN)), is_certain: true }
    }

    /// The same in seconds.
    fn times(self, tau_mem: T) -> Self {
        Self { after: self.after.map(|after| after * tau_mem), ..self }
    }
}

impl NextZero<f64> {
    /// A lower bound of it, if it is certain that there is one.
    fn rounded_down(self) -> Option<f64> {
        if self.is_certain { self.after.map(|after| ROUNDED_DOWN * after) } else { Some(0.0) }
    }
}

/// A model that spikes where y is zero.
trait Quadratic {
    /// When that is next, in seconds.
    fn next_spike<T: Scalar>(p: &[T], state: Vector<T>) -> NextZero<T>;
}

/// Seconds to the next spike: as found on doubles where that is certain, else on double-doubles.
fn next_spike<Q: Quadratic>(p: &[f64], state: Vector<f64>) -> Option<f64> {
    let found = Q::next_spike(p, state);
    if found.is_certain {
        return found.after;
    }
    let mut numbers = [DoubleDouble::default(); NUMBERS];
    for (number, &x) in numbers.iter_mut().zip(p) {
        *number = x.into();
    }
    Q::next_spike(&numbers, state.map(DoubleDouble::from)).after.map(DoubleDouble::to_f64)
}

/// What lies ahead: a spike, if there is one, has the slope of (26b), which a state that is flowed to it may have lost.
fn outlook<Q: Quadratic>(p: &[f64], state: Vector<f64>, tau_mem: f64) -> Outlook<f64> {
    match next_spike::<Q>(p, state) {
        None => Outlook::Silent,
        Some(dt) if dt >= 0.0 => Outlook::Crossing { dt, slope: tau_mem.recip() },
        Some(dt) => Outlook::Nonsense { dt },
    }
}

/// The next zero of y as `search` finds it from a point that is none below zero. Within a rounding of a spike y may be: where it falls the
/// spike is due at once, and where it grows it has just been.
fn next_zero_from<T: Scalar>(
    [y, dy]: Point<T>,
    search: impl FnOnce(Point<T>) -> NextZero<T>,
) -> NextZero<T> {
    if y.re() > 0.0 {
        search([y, dy])
    } else if dy.re() < 0.0 {
        NextZero::after(T::from(0.0), 0.0)
    } else {
        search([T::from(0.0), dy])
    }
}

/// The potential of a point; infinite at a spike.
fn potential<T: Scalar>([y, dy]: Point<T>) -> T {
    -dy / y
}

/// The same point, its larger coordinate ±1.
fn scaled<T: Scalar>(point: Point<T>) -> Point<T> {
    let [y, dy] = point;
    let scale = scale_of([y.re(), dy.re()]);
    [y.times(scale), dy.times(scale)]
}

/// By what a point is scaled, if that can be.
#[inline(always)]
fn scale_of(point: Point<f64>) -> f64 {
    let scale = point[0].abs().max(point[1].abs()).recip();
    if scale.is_normal() { scale } else { 1.0 }
}

/// d(y, y′)/dt under this drive, per second.
fn rate_of_point<T: Scalar>([y, dy]: Point<T>, drive: T, tau_mem: T) -> Point<T> {
    [dy / tau_mem, -(dy + drive * y) / tau_mem]
}

/// −1/V: negative while V grows to infinity, zero at the spike, where it grows by 1 in a membrane time constant, whatever the drive.
fn before_the_spike<T: Scalar>([y, dy]: Point<T>) -> T {
    y / dy
}

/// From the zero of y that is a spike to the same point seen from −∞: both coordinates change their sign, and y is exactly zero.
fn beyond_the_spike<T: Scalar>([y, dy]: Point<T>) -> Point<T> {
    [(-y).with_re(0.0), -dy]
}

/// The share that is left of the cycle of `tau_mem dV/dt = (V − ½ + x)² + ω²`, and its length π `tau_mem`/ω in seconds. At V = ±∞ the `kick` x
/// has no effect.
fn cycle<T: Scalar>([y, dy]: Point<T>, kick: T, square: T, tau_mem: T) -> [T; 2] {
    const PI: f64 = std::f64::consts::PI;
    let omega = square.sqrt();
    let above = kick * y - (dy + T::from(0.5) * y);
    [(omega * y).atan2(above) / T::from(PI), T::from(PI) * tau_mem / omega]
}

/// ∂L/∂ what a cycle depends on.
#[derive(Clone, Copy, Debug)]
struct OfCycle {
    point: Point<f64>,
    kick: f64,
    square: f64,
    tau_mem: f64,
}

/// The reverse of [`cycle`], for ∂L/∂(share that is left) and ∂L/∂(length).
fn pull_back_cycle(
    [y, dy]: Point<f64>,
    kick: f64,
    square: f64,
    tau_mem: f64,
    [of_left, of_length]: [f64; 2],
) -> OfCycle {
    const PI: f64 = std::f64::consts::PI;
    let omega = square.sqrt();
    let (a, above) = (omega * y, kick * y - (dy + 0.5 * y));
    let size = PI * (a * a + above * above);
    let (of_a, of_above) = (of_left * above / size, -of_left * a / size);
    let of_omega = of_a * y - of_length * PI * tau_mem / square;
    OfCycle {
        point: [of_a * omega + of_above * (kick - 0.5), -of_above],
        kick: of_above * y,
        square: 0.5 * of_omega / omega,
        tau_mem: of_length * PI / omega,
    }
}

/// `width ln(1 + e^(x/width))`, which is positive for any x.
fn softplus<T: Scalar>(x: T, width: f64) -> T {
    let width = T::from(width);
    let scaled = x / width;
    if scaled.re() > 0.0 {
        x + width * (-scaled).exp().ln_1p()
    } else {
        width * scaled.exp().ln_1p()
    }
}

#[cfg(test)]
mod tests {
    use super::series::Course;
    use super::*;
    use crate::Dual64;

    /// Some dozen roundings, each of a potential of size one.
    const ROUNDING: f64 = 2e-15;

    #[test]
    fn under_a_constant_drive_the_potential_is_a_tangent() {
        // J = 5/4: V = ½ + tan(s + atan(V₀ − ½)).
        for v in [-3.0, 0.5, 0.9, 40.0] {
            let phase = f64::atan(v - 0.5);
            let left = std::f64::consts::FRAC_PI_2 - phase;
            let found = constant::next_zero(point(v), 1.25).after.unwrap();
            assert!((found / left - 1.0).abs() < ROUNDING, "{v}: {found} {left}");
            for share in [0.1, 0.5, 0.9] {
                let got = potential(constant::flow(point(v), 1.25, share * left));
                let expected = 0.5 + (share * left + phase).tan();
                // The tangent magnifies a rounding of its argument.
                let size = 1.0 + expected * expected;
                assert!((got - expected).abs() < ROUNDING * size, "{v}: {got} {expected}");
            }
        }
        // J = −2: V = ½ − 1.5 tanh(1.5 s − artanh((V₀ − ½)/1.5)) below the unstable point 2, and never a spike.
        let got = potential(constant::flow(point(1.9), -2.0, 0.7));
        let expected = 0.5 - 1.5 * (1.5 * 0.7 - f64::atanh(1.4 / 1.5)).tanh();
        assert!((got - expected).abs() < 8.0 * ROUNDING, "{got} {expected}");
        assert_eq!(constant::next_zero(point(1.9), -2.0).after, None);
        // Above it, at artanh(1.5/(V₀ − ½))/1.5.
        let found = constant::next_zero(point(3.0), -2.0).after.unwrap();
        assert!((found / (f64::atanh(1.5 / 2.5) / 1.5) - 1.0).abs() < ROUNDING, "{found}");
        // At J = ¼ the tangent is a hyperbola.
        let found = constant::next_zero(point(3.0), 0.25).after.unwrap();
        assert!((found - 1.0 / 2.5).abs() < ROUNDING, "{found}");
        // Long after, all that was below the unstable point rests.
        assert!((potential(constant::flow(point(-7.0), -2.0, 1e4)) + 1.0).abs() < ROUNDING);
    }

    /// y and y′ of the solution for `tau_mem` = 2 `tau_syn`: A sin(a e⁻ˢ) + B cos(a e⁻ˢ) with a² = I.
    fn at_ratio_two(v: f64, current: f64, s: f64) -> Point<f64> {
        let a = current.sqrt();
        let (sin, cos) = a.sin_cos();
        // y(0) = 1, y′(0) = −V.
        let [of_sin, of_cos] = [sin + cos * v / a, cos - sin * v / a];
        let (sin, cos) = (a * (-s).exp()).sin_cos();
        [of_sin * sin + of_cos * cos, -a * (-s).exp() * (of_sin * cos - of_cos * sin)]
    }

    #[test]
    fn under_a_current_that_decays_the_potential_is_that_of_the_closed_form() {
        for (v, current) in [(0.0, 3.0), (-2.0, 9.0), (0.3, 200.0), (0.7, 1.1)] {
            let course = Course { point: point(v), current, bias: 0.0, ratio: 2.0 };
            for s in [0.01, 0.2, 0.5, 1.3, 8.0, 60.0] {
                let [y, dy] = at_ratio_two(v, current, s);
                let [found_y, found_dy] = course.after(s);
                // As directions, over all spikes on the way; each radian of turning is rounded.
                let sine = (y * found_dy - dy * found_y) / y.hypot(dy) / found_y.hypot(found_dy);
                let turned = 1.0 + current.sqrt() + s;
                assert!(sine.abs() < ROUNDING * turned, "{v} {current} {s}: {sine}");
            }
            if let Some(at) = course.next_zero().after {
                let [y, dy] = at_ratio_two(v, current, at);
                assert!((y / dy).abs() < 4.0 * ROUNDING * (1.0 + at), "{v} {current}: {y}");
            }
        }
        // From rest the least current is π²/4.
        let from_rest = |current| Course { point: point(0.0), current, bias: 0.0, ratio: 2.0 };
        let least = std::f64::consts::PI.powi(2) / 4.0;
        assert!(from_rest(least * (1.0 + 1e-12)).next_zero().after.is_some());
        assert!(from_rest(least * (1.0 - 1e-12)).next_zero().after.is_none());
    }

    #[test]
    fn a_motion_that_cannot_be_followed_has_no_end_that_is_a_number() {
        for (bias, current) in
            [(-1e20, 1.0), (1e308, 0.0), (1e308, 1.0), (0.0, -1e30), (1.0, 1e300), (-1e200, 1e200)]
        {
            let course = Course { point: point(0.3), current, bias, ratio: 2.0 };
            let [y, dy] = course.after(1.0);
            let next = course.next_zero().after;
            assert!((y + dy).is_nan() || next.is_some_and(|next| next < 1e-9), "{bias} {current}");
            // Nor has it a way back.
            let pulled = pullback::pull_back(course, 1.0, [1.0, 1.0]);
            assert!(!(y + dy).is_nan() || pulled.point[0].is_nan(), "{bias} {current}");
        }
    }

    #[test]
    fn a_long_inhibition_is_followed_to_its_end() {
        // It holds for ln(10/0.75) synaptic time constants, which are 2600 of the membrane and 9000 radians; then the bias makes it spike.
        let course = Course { point: point(0.3), current: -10.0, bias: 1.0, ratio: 1e-3 };
        let next = course.next_zero().after.unwrap();
        assert!((2590.0..2700.0).contains(&next), "{next}");
        let [y, _] = course.after(next);
        assert!(y.abs() < 1e-9, "{y}");
    }

    #[test]
    fn pieces_add_up_under_a_bias_at_any_ratio() {
        for (bias, current, ratio) in
            [(0.6, 4.0, 1.0), (-2.0, 30.0, 0.3), (3.0, -20.0, 20.0), (0.25, 1.0, 1.02)]
        {
            let course = Course { point: point(0.4), current, bias, ratio };
            let whole = course.after(1.7);
            let faded = |s: f64| current * f64::exp(-ratio * s);
            let first = Course { point: course.after(0.6), current: faded(0.6), ..course };
            let [a, b] = [potential(whole), potential(first.after(1.1))];
            assert!((a - b).abs() < 40.0 * ROUNDING * (1.0 + a * a), "{bias} {ratio}: {a} {b}");
            // The rate of the flow is that of the equation: the derivative by its length.
            let lifted = Course {
                point: course.point.map(Dual64::from),
                current: current.into(),
                bias: bias.into(),
                ratio: ratio.into(),
            };
            let v = potential(lifted.after(Dual64::from(1.7).derivative()));
            let expected = v.re * (v.re - 1.0) + faded(1.7) + bias;
            let size = 1.0 + v.re * v.re;
            assert!((v.eps - expected).abs() < 40.0 * ROUNDING * size * size, "{v:?} {expected}");
        }
    }
}
