//! Divided differences of the exponential: the one special function behind every formula of the neuron.
//!
//! `exp[p₀, …, pₙ]` is the average of `eˣ` over the simplex spanned by the points, divided by n!: positive, smooth
//! where points coincide, and symmetric. Written with it, the response to a synapse and all its derivatives hold for
//! any ratio of the time constants, equality included (docs/mathematics.md, section 2).
//!
//! Not here: what the points mean (`lif/`).

use crate::Scalar;

/// Widest spread of the points for which the Taylor series is summed; beyond it, the recurrence loses at most a few bits.
const SERIES_SPREAD: f64 = 1.0;

/// `1/k!`: with a spread of 1 the first term left out is below `1/21! ≈ 2e-20` of the first.
const INVERSE_FACTORIALS: [f64; 24] = {
    let (mut inverses, mut k, mut factorial) = ([1.0; 24], 1, 1.0);
    let mut divisor = 1.0;
    while k < inverses.len() {
        factorial *= divisor;
        divisor += 1.0;
        inverses[k] = 1.0 / factorial;
        k += 1;
    }
    inverses
};

/// Terms of the series for points that spread no wider than this: the first left out is below 1e-19 of the first.
const TERMS: [(f64, usize); 4] = [(0.01, 7), (0.1, 11), (0.4, 15), (SERIES_SPREAD, 20)];

/// Returns the divided difference `exp[p₀, …, pₙ]` of the exponential at `points`, in any order.
///
/// One point gives `e^p`; coinciding points are fine. The relative error is a few units in the last place plus the
/// rounding of the points themselves.
///
/// # Examples
/// ```
/// use spikegrad_dynamics::exp_divided;
/// // Three equal points: half the second derivative.
/// assert_eq!(exp_divided([0.0, 0.0, 0.0]), 0.5);
/// ```
#[must_use]
pub fn exp_divided<T: Scalar, const N: usize>(mut points: [T; N]) -> T {
    points.sort_by(|x, y| y.re().total_cmp(&x.re()));
    of_descending(&points)
}

fn of_descending<T: Scalar>(points: &[T]) -> T {
    let (first, last) = (points[0], points[points.len() - 1]);
    match points.len() {
        1 => first.exp(),
        2 => first.exp() * (first - last).phi1(),
        n if first.re() - last.re() <= SERIES_SPREAD => {
            first.exp() * series(&points[1..], first, n)
        }
        n => (of_descending(&points[..n - 1]) - of_descending(&points[1..])) / (first - last),
    }
}

/// Sums `Σ_k h_k(z)/(k + n − 1)!` with `h_k` the complete homogeneous polynomial of the shifted points `z = p − first`.
fn series<T: Scalar>(rest: &[T], first: T, n: usize) -> T {
    // h[j] holds h_k of the first j + 1 shifted points; the shifted first point is zero and drops out.
    let mut h = [T::from(0.0); 3];
    let mut z = h;
    for (z, &point) in z.iter_mut().zip(rest) {
        *z = point - first;
    }
    h[..rest.len()].fill(T::from(1.0));
    let spread = z[rest.len() - 1].re().abs();
    let terms = TERMS.iter().find(|(widest, _)| spread <= *widest).map_or(20, |(_, terms)| *terms);
    let mut sum = T::from(INVERSE_FACTORIALS[n - 1]);
    for inverse in &INVERSE_FACTORIALS[n..n + terms] {
        h[0] *= z[0];
        for j in 1..rest.len() {
            h[j] = h[j - 1] + h[j] * z[j];
        }
        sum += h[rest.len() - 1] * T::from(*inverse);
    }
    sum
}

/// `1/(k + 2)!`.
const PHI2_COEFFICIENTS: [f64; 20] = {
    let (mut coefficients, mut k) = ([0.5; 20], 1);
    let mut divisor = 3.0;
    while k < coefficients.len() {
        coefficients[k] = coefficients[k - 1] / divisor;
        divisor += 1.0;
        k += 1;
    }
    coefficients
};

/// Up to here [`phi2_of_short`] holds.
pub(crate) const SHORT: f64 = 0.25;

/// Terms of the series up to [`SHORT`]: the first one left out is below `4⁻¹²/14! ≈ 7e-19`.
const SHORT_TERMS: usize = 12;

/// `φ₂(g) = (g − 1 + e⁻ᵍ)/g² = Σ (−g)ᵏ/(k + 2)!` for 0 ≤ g ≤ 1; the first term left out is below `1/22! ≈ 1e-21`.
pub(crate) fn phi2<T: Scalar>(gap: T) -> T {
    alternating(&PHI2_COEFFICIENTS, [gap])[0]
}

/// `φ₂` of some lengths up to [`SHORT`], side by side.
#[inline(always)]
pub(crate) fn phi2_of_short<T: Scalar, const N: usize>(lengths: [T; N]) -> [T; N] {
    alternating(&PHI2_COEFFICIENTS[..SHORT_TERMS], lengths)
}

/// `Σ (−g)ᵏ c_k` for a multiple of four terms. Powers that differ by four are a chain: four short chains are sooner done
/// than a long one.
#[inline(always)]
fn alternating<T: Scalar, const N: usize>(coefficients: &[f64], lengths: [T; N]) -> [T; N] {
    let Some((highest, lower)) = coefficients.as_chunks::<4>().0.split_last() else {
        return [T::from(0.0); N];
    };
    let squares = lengths.map(|g| g * g);
    let mut chains = [highest.map(T::from); N];
    for four in lower.iter().rev() {
        for (chain, square) in chains.iter_mut().zip(squares) {
            let fourth = square * square;
            *chain = std::array::from_fn(|j| chain[j] * fourth + T::from(four[j]));
        }
    }
    std::array::from_fn(|k| {
        let ([a, b, c, d], square) = (chains[k], squares[k]);
        (a + c * square) - lengths[k] * (b + d * square)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Dual64;

    /// A few roundings of the function, and the recurrence's mild cancellation.
    const ROUNDING: f64 = 4e-15;

    #[track_caller]
    fn check<const N: usize>(points: [f64; N], expected: f64) {
        let got = exp_divided(points);
        assert!(
            (got / expected - 1.0).abs() < ROUNDING,
            "exp{points:?} = {got}, expected {expected}"
        );
    }

    /// Composite Gauss–Legendre quadrature of the Hermite–Genocchi integral, an independent definition.
    fn by_quadrature(points: [f64; 3]) -> f64 {
        const NODES: [(f64, f64); 5] = [
            (0.046_910_077_030_668, 0.118_463_442_528_094_54),
            (0.230_765_344_947_158_45, 0.239_314_335_249_683_23),
            (0.5, 0.284_444_444_444_444_44),
            (0.769_234_655_052_841_5, 0.239_314_335_249_683_23),
            (0.953_089_922_969_332, 0.118_463_442_528_094_54),
        ];
        let panels = 40;
        let rule = move |f: &dyn Fn(f64) -> f64, length: f64| -> f64 {
            let width = length / f64::from(panels);
            (0..panels)
                .flat_map(|k| NODES.map(|(x, w)| w * width * f((f64::from(k) + x) * width)))
                .sum()
        };
        let [p, q, r] = points;
        rule(&|s| rule(&|t| (p + s * (q - p) + t * (r - p)).exp(), 1.0 - s), 1.0)
    }

    #[test]
    fn second_differences_agree_with_quadrature_at_every_spread() {
        for k in -8..5 {
            let x = 2f64.powi(k);
            for points in [[0.0, -x, -x], [0.0, 0.0, -x], [0.0, -x / 3.0, -x], [-x, -1.5 * x, -x]] {
                let quadrature = by_quadrature(points);
                let got = exp_divided(points);
                assert!((got / quadrature - 1.0).abs() < 1e-12, "{points:?}: {got} {quadrature}");
            }
        }
    }

    #[test]
    fn closed_forms_hold() {
        let e = std::f64::consts::E;
        check([0.0, -1.0], 1.0 - 1.0 / e);
        check([0.0, -1.0, -1.0], 1.0 - 2.0 / e);
        check([-1.0, 0.0, 0.0], 1.0 / e);
        check([-3.0; 4], (-3f64).exp() / 6.0);
        check([0.0, -1e8], 1e-8);
        check([0.0, 0.0, 0.0, -1e4], (0.5 - (1.0 - 1e-4) * 1e-4) / 1e4);
    }

    #[test]
    fn order_of_the_points_does_not_matter() {
        assert_eq!(
            exp_divided([-0.3, -2.0, 0.0]).to_bits(),
            exp_divided([0.0, -0.3, -2.0]).to_bits()
        );
    }

    #[test]
    fn a_dual_argument_carries_the_next_divided_difference() {
        // ∂ exp[p, q]/∂p = exp[p, p, q], also where p and q (nearly) coincide.
        for gap in [0.0, 1e-12, 1e-3, 0.7, 5.0, 60.0] {
            let (p, q) = (-0.4, -0.4 - gap);
            let got = exp_divided([Dual64::from(p).derivative(), Dual64::from(q)]).eps;
            let expected = exp_divided([p, p, q]);
            assert!((got / expected - 1.0).abs() < 1e-14, "gap {gap}: {got} {expected}");
        }
    }
}
