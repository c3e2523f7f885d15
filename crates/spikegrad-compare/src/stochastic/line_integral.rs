//! Line integrals along closed paths: whether a field is the gradient of anything.
//!
//! ```text
//! ∮ F·dθ = 0 along every closed path   ⇔   F = ∇L of a continuous L
//! ```
//!
//! A surrogate field fails (Gygax and Zenke 2025, whose experiment is [`running_integral`] on a [`Circle`]). The exact gradient
//! of a spiking network does not vanish around a loop either, for its loss jumps where spikes appear; with the jumps it does
//! (`jumps.rs`).
//!
//! The circle of the paper lies in a plane of two random orthonormal directions of numpy's generator with seed 124; ours is of
//! another generator. Not here: the fields.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;
use spikegrad_dynamics::math;

/// A circle in a plane of a space of any dimension.
#[derive(Clone, Debug, PartialEq)]
pub struct Circle {
    centre: Vec<f64>,
    radius: f64,
    axes: [Vec<f64>; 2],
}

impl Circle {
    /// A circle about `centre` in a random plane: two normal vectors from `seed`, made orthonormal.
    ///
    /// `None` in fewer than two dimensions, where there is no plane.
    #[must_use]
    pub fn random(centre: Vec<f64>, radius: f64, seed: u64) -> Option<Self> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut draw = || (0..centre.len()).map(|_| rng.sample(StandardNormal)).collect();
        let axes = [draw(), draw()];
        Self::new(centre, radius, axes)
    }

    /// A circle about `centre` in the plane of two directions, which are made orthonormal.
    ///
    /// `None` if the directions do not span a plane, or have not the centre's dimension.
    #[must_use]
    pub fn new(centre: Vec<f64>, radius: f64, axes: [Vec<f64>; 2]) -> Option<Self> {
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        let normalise = |mut a: Vec<f64>| {
            let length = dot(&a, &a).sqrt();
            a.iter_mut().for_each(|x| *x /= length);
            (length > 0.0 && length.is_finite()).then_some(a)
        };
        let [first, mut second] = axes;
        if first.len() != centre.len() || second.len() != centre.len() {
            return None;
        }
        let first = normalise(first)?;
        // Twice is enough (Kahan, Parlett), and shows a second direction that is the first.
        let before = dot(&second, &second).sqrt();
        for _ in 0..2 {
            let along = dot(&first, &second);
            second.iter_mut().zip(&first).for_each(|(s, f)| *s -= along * f);
        }
        let is_parallel = dot(&second, &second).sqrt() <= 1e-12 * before;
        let second = if is_parallel { None } else { normalise(second) }?;
        Some(Self { centre, radius, axes: [first, second] })
    }

    /// The point at `angle`, in radians.
    #[must_use]
    pub fn at(&self, angle: f64) -> Vec<f64> {
        let (sin, cos) = math::sin_cos(angle);
        let axes = self.axes[0].iter().zip(&self.axes[1]);
        let offset = axes.map(|(a, b)| self.radius * (cos * a + sin * b));
        self.centre.iter().zip(offset).map(|(centre, offset)| centre + offset).collect()
    }

    /// The derivative of the point with respect to the angle.
    #[must_use]
    pub fn tangent(&self, angle: f64) -> Vec<f64> {
        let (sin, cos) = math::sin_cos(angle);
        let axes = self.axes[0].iter().zip(&self.axes[1]);
        axes.map(|(a, b)| self.radius * (cos * b - sin * a)).collect()
    }

    /// The angles of `points` equidistant points and, once more, of the first.
    pub fn angles(points: u32) -> impl Iterator<Item = f64> {
        let step = std::f64::consts::TAU / f64::from(points.max(1));
        (0..=points).map(move |k| step * f64::from(k))
    }
}

/// The line integral of a field along a path, given as points with the field there, from the first point to each of them, by the
/// trapezoidal rule: an error of the second order in their distance where the field is smooth.
pub fn running_integral(path: impl IntoIterator<Item = (Vec<f64>, Vec<f64>)>) -> Vec<f64> {
    let mut sum = 0.0;
    let mut sums = Vec::new();
    let mut before: Option<(Vec<f64>, Vec<f64>)> = None;
    for (point, here) in path {
        if let Some((last, there)) = &before {
            let steps = point.iter().zip(last).map(|(a, b)| a - b);
            let fields = here.iter().zip(there).map(|(a, b)| 0.5 * (a + b));
            sum += steps.zip(fields).map(|(a, b)| a * b).sum::<f64>();
        }
        sums.push(sum);
        before = Some((point, here));
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::{Circle, running_integral};
    use crate::stochastic::five_weights;
    use std::f64::consts::TAU;

    const POINTS: u32 = 1500;

    fn around(circle: &Circle, field: impl Fn(&[f64]) -> Vec<f64>) -> Vec<f64> {
        let points = Circle::angles(POINTS).map(|angle| circle.at(angle));
        running_integral(points.map(|point| (point.clone(), field(&point))))
    }

    fn sigmoid_field(theta: &[f64], beta: f64, surrogate: f64) -> Vec<f64> {
        let weights = theta.try_into().unwrap();
        five_weights::gradient(&weights, 1.0, beta, surrogate).to_vec()
    }

    #[test]
    fn a_rotating_field_gives_twice_the_area_and_a_gradient_nothing() {
        let circle = Circle::random(vec![0.3, -0.2], 1.8, 7).unwrap();
        let turning = around(&circle, |p| vec![-p[1], p[0]]);
        let (last, area) = (turning[turning.len() - 1].abs(), 1.8 * 1.8 * TAU / 2.0);
        // The polygon's area: 1 − (2π/n)²/6.
        assert!((last / (2.0 * area) - 1.0).abs() < 3e-6, "{last}");
        let smooth = around(&circle, |p| vec![p[0].cos() * p[1].exp(), p[0].sin() * p[1].exp()]);
        assert!(smooth[smooth.len() - 1].abs() < 1e-12);
        // Half-way it is the change of sin(x) eʸ, to the order of the rule.
        let value = |p: Vec<f64>| p[0].sin() * p[1].exp();
        let change = value(circle.at(TAU / 2.0)) - value(circle.at(0.0));
        assert!((smooth[smooth.len() / 2] - change).abs() < 1e-4);
    }

    #[test]
    fn axes_are_orthonormal_and_parallel_ones_refused() {
        let circle = Circle::random(vec![0.0; 5], 1.8, 124).unwrap();
        for angle in [0.0, 1.0, 4.0] {
            let (point, tangent) = (circle.at(angle), circle.tangent(angle));
            let length = |a: &[f64]| a.iter().map(|x| x * x).sum::<f64>().sqrt();
            let dot: f64 = point.iter().zip(&tangent).map(|(a, b)| a * b).sum();
            assert!((length(&point) - 1.8).abs() < 1e-14 && (length(&tangent) - 1.8).abs() < 1e-14);
            assert!(dot.abs() < 1e-14);
        }
        assert!(Circle::new(vec![0.0; 2], 1.0, [vec![1.0, 2.0], vec![2.0, 4.0]]).is_none());
        assert!(Circle::random(vec![0.0], 1.0, 1).is_none());
    }

    #[test]
    fn surrogate_gradients_around_a_loop_do_not_sum_to_zero_and_gradients_do() {
        let circle = Circle::random(vec![0.0; 5], 1.8, 124).unwrap();
        for surrogate in [1.0, 5.0, 20.0] {
            let sums = around(&circle, |theta| sigmoid_field(theta, 1e4, surrogate));
            let largest = sums.iter().fold(0.0, |m: f64, x| m.max(x.abs()));
            let last = sums[sums.len() - 1].abs();
            assert!(last > 0.01 * largest && last > 1e-3, "{surrogate}: {last} of {largest}");
        }
        // What is a gradient: the same network, smooth enough for so many points.
        let sums = around(&circle, |theta| sigmoid_field(theta, 5.0, 5.0));
        assert!(sums[sums.len() - 1].abs() < 1e-4, "{}", sums[sums.len() - 1]);
        let change =
            |angle: f64| five_weights::output(&circle.at(angle).try_into().unwrap(), 1.0, 5.0);
        let half = change(TAU / 2.0) - change(0.0);
        assert!((sums[POINTS as usize / 2] - half).abs() < 1e-4);
    }
}
