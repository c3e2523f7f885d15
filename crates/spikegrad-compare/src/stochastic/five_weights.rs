//! The smallest network on which surrogate gradients go wrong: x → g → (h₁, h₂) → y, five weights.
//!
//! ```text
//! g = σ(β w x)     h₁ = σ(β v₁ g)     h₂ = σ(β v₂ g)     y = σ(β (u₁ h₁ + u₂ h₂))
//! ```
//!
//! of sigmoids of steepness β, which are smooth, so that there is a gradient to compare with; the surrogate gradient is the chain
//! rule with the sigmoid's derivative at another steepness (Gygax and Zenke 2025; their code has no threshold either).
//! Derivatives of the last layers have the right sign always. That of w is a sum over two paths, which a surrogate weighs
//! wrongly: its sign may be wrong, and the field of surrogate gradients is the gradient of nothing (`line_integral.rs`).
//!
//! Not here: spikes; a steep forward pass stands for them.

use super::EscapeNoise;
use spikegrad_dynamics::math;

/// The five weights in the order w, v₁, v₂, u₁, u₂.
pub type Weights = [f64; 5];

/// The output y for input `x` and steepness `beta`.
#[must_use]
pub fn output(weights: &Weights, x: f64, beta: f64) -> f64 {
    activity(weights, x, beta)[3]
}

/// g, h₁, h₂, y.
fn activity(&[w, v1, v2, u1, u2]: &Weights, x: f64, beta: f64) -> [f64; 4] {
    let sigmoid = |u: f64| EscapeNoise::Sigmoid { beta }.probability(u);
    let g = sigmoid(w * x);
    let (h1, h2) = (sigmoid(v1 * g), sigmoid(v2 * g));
    [g, h1, h2, sigmoid(u1 * h1 + u2 * h2)]
}

/// The derivatives of y by the chain rule, with steepness `beta` forward and `surrogate_beta` in the derivatives: exact if they
/// are equal.
#[must_use]
pub fn gradient(weights: &Weights, x: f64, beta: f64, surrogate_beta: f64) -> Weights {
    let &[w, v1, v2, u1, u2] = weights;
    let slope = |u: f64| EscapeNoise::Sigmoid { beta: surrogate_beta }.derivative(u);
    let [g, h1, h2, _] = activity(weights, x, beta);
    let by_sum = slope(u1 * h1 + u2 * h2);
    let (by_first, by_second) = (by_sum * u1 * slope(v1 * g), by_sum * u2 * slope(v2 * g));
    let by_w = (by_first * v1 + by_second * v2) * slope(w * x) * x;
    [by_w, by_first * g, by_second * g, by_sum * h1, by_sum * h2]
}

/// Which derivatives have the wrong sign with a surrogate of steepness `surrogate_beta`; one that is zero has none.
#[must_use]
pub fn wrong_signs(weights: &Weights, x: f64, beta: f64, surrogate_beta: f64) -> [bool; 5] {
    let exact = gradient(weights, x, beta, beta);
    let surrogate = gradient(weights, x, beta, surrogate_beta);
    // Signs and not a product, which underflows.
    std::array::from_fn(|k| {
        exact[k] < 0.0 && surrogate[k] > 0.0 || exact[k] > 0.0 && surrogate[k] < 0.0
    })
}

/// Angle between exact and surrogate gradient in the plane of the weights at positions `a` and `b`, in radians; `None` if one
/// vanishes.
#[must_use]
pub fn angle_in_plane(exact: &Weights, surrogate: &Weights, (a, b): (usize, usize)) -> Option<f64> {
    let vanishes = |g: &Weights| g[a] == 0.0 && g[b] == 0.0;
    if vanishes(exact) || vanishes(surrogate) {
        return None;
    }
    let difference = math::atan2(exact[b], exact[a]) - math::atan2(surrogate[b], surrogate[a]);
    let turns = std::f64::consts::TAU;
    Some((difference - turns * (difference / turns).round()).abs())
}

#[cfg(test)]
mod tests {
    use super::{Weights, angle_in_plane, gradient, output, wrong_signs};

    /// The setting of the paper's experiment on signs.
    const SETTING: Weights = [1.0, 0.05, 0.1, 1.0, -1.0];

    fn at(position: usize, value: f64) -> Weights {
        let mut weights = SETTING;
        weights[position] = value;
        weights
    }

    #[test]
    fn with_the_same_steepness_it_is_the_gradient() {
        // Where no sigmoid is saturated. Fourth order at h = 1e-4: (βh)⁴ = 1.6e-11 over 30, with fifth derivatives a hundred
        // times the first; rounding 1e-12 of derivatives above 1e-3.
        let weights = [0.03, 0.05, 0.1, 0.4, -0.3];
        let (h, beta) = (1e-4, 20.0);
        for (k, derivative) in gradient(&weights, 1.0, beta, beta).into_iter().enumerate() {
            let y = |steps: f64| {
                let mut moved = weights;
                moved[k] += steps * h;
                output(&moved, 1.0, beta)
            };
            let quotient = (8.0 * (y(1.0) - y(-1.0)) - (y(2.0) - y(-2.0))) / (12.0 * h);
            assert!((derivative / quotient - 1.0).abs() < 1e-8, "{k}: {derivative} {quotient}");
        }
    }

    #[test]
    fn along_w_a_flat_surrogate_has_the_wrong_sign_and_a_steeper_one_less_often() {
        let wrong = |surrogate: f64| {
            let values = (0..=10_000).map(|k| -0.2 + 4e-5 * f64::from(k));
            values.filter(|&w| wrong_signs(&at(0, w), 1.0, 100.0, surrogate)[0]).count()
        };
        let counts = [15.0, 30.0, 100.0].map(wrong);
        assert!(counts[0] > counts[1] && counts[1] > 0, "{counts:?}");
        assert_eq!(counts[2], 0);
    }

    #[test]
    fn in_the_plane_of_v_directions_are_wrong_and_signs_are_not() {
        let mut widest = [0.0; 3];
        for (widest, surrogate) in widest.iter_mut().zip([2.0, 4.0, 20.0]) {
            for j in -20..=20 {
                for k in -20..=20 {
                    let [w, _, _, u1, u2] = SETTING;
                    let weights = [w, f64::from(j) / 10.0, f64::from(k) / 10.0, u1, u2];
                    let wrong = wrong_signs(&weights, 1.0, 20.0, surrogate);
                    assert!(!wrong[1] && !wrong[2]);
                    let exact = gradient(&weights, 1.0, 20.0, 20.0);
                    let with = gradient(&weights, 1.0, 20.0, surrogate);
                    let angle: f64 = angle_in_plane(&exact, &with, (1, 2)).unwrap_or(0.0);
                    *widest = angle.max(*widest);
                }
            }
        }
        assert!(widest[0] > 0.5 && widest[1] > 0.5, "{widest:?}");
        assert!(widest[2] < 1e-12, "{widest:?}");
    }
}
