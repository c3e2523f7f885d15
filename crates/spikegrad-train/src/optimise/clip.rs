//! Gradients that are too long are shortened, with their direction kept.
//!
//! Near a grazing crossing a gradient is as long as its slope is small: exact, and no use as a step. R. Pascanu, T. Mikolov and
//! Y. Bengio, *On the difficulty of training recurrent neural networks*, ICML 2013, Algorithm 1.
//!
//! Not here: whether a gradient is clipped, which a run says; without being asked to, nothing is.

/// Shortens `gradient` to the Euclidean norm `limit` if it is longer, and returns the norm that it had.
///
/// A gradient that is short enough keeps its bits. Squares neither overflow nor vanish; the norm returned is infinite only if it is
/// larger than any number, and the direction is kept even then. A gradient that is not finite has a norm that is not, and is left
/// as it is: there is nothing in it to step along.
pub fn clip_to_norm(gradient: &mut [f64], limit: f64) -> f64 {
    let (largest, relative) = scaled_norm(gradient);
    let norm = largest * relative;
    if norm > limit && largest.is_finite() {
        let factor = limit / relative;
        gradient.iter_mut().for_each(|g| *g = *g / largest * factor);
    }
    norm
}

/// Returns the Euclidean norm; squares neither overflow nor vanish on the way.
#[must_use]
pub fn norm(vector: &[f64]) -> f64 {
    let (largest, relative) = scaled_norm(vector);
    largest * relative
}

/// A sum of squares between these has neither overflowed nor lost anything below the range of a double.
const SAFE_SQUARES: std::ops::Range<f64> = 1e-250..1e250;

/// A magnitude, and the norm in units of it: the largest magnitude of an entry where squares could leave the range of a double, 1
/// where they do not, and (0, 1) for zero.
fn scaled_norm(vector: &[f64]) -> (f64, f64) {
    // Partial sums, so that additions need not wait for each other.
    let (whole, rest) = vector.as_chunks::<8>();
    let mut sums = [0.0; 8];
    for chunk in whole {
        sums.iter_mut().zip(chunk).for_each(|(sum, x)| *sum += x * x);
    }
    let squares = sums.iter().chain(&[rest.iter().map(|x| x * x).sum::<f64>()]).sum::<f64>();
    if SAFE_SQUARES.contains(&squares) {
        return (1.0, squares.sqrt());
    }
    // Unlike `f64::max` this does not step over NaN.
    let larger = |a: f64, b: f64| if b > a || b.is_nan() { b } else { a };
    let largest = vector.iter().map(|x| x.abs()).fold(0.0, larger);
    if largest == 0.0 {
        return (0.0, 1.0);
    }
    let sum: f64 = vector.iter().map(|x| (x / largest) * (x / largest)).sum();
    (largest, sum.sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_gradient_is_shortened_and_a_short_one_left_alone() {
        let mut gradient = [3.0, 0.0, -4.0];
        assert!((clip_to_norm(&mut gradient, 2.5) - 5.0).abs() < 1e-15);
        for (found, expected) in gradient.iter().zip([1.5, 0.0, -2.0]) {
            assert!((found - expected).abs() < 1e-15);
        }
        let mut gradient = [0.1, -0.7];
        let norm = clip_to_norm(&mut gradient, 1.0);
        assert!((norm - 0.5_f64.sqrt()).abs() < 1e-15);
        assert_eq!(gradient.map(f64::to_bits), [0.1, -0.7].map(f64::to_bits));
        assert_eq!(clip_to_norm(&mut [0.0; 3], 1.0).to_bits(), 0);
        assert_eq!(clip_to_norm(&mut [], 1.0).to_bits(), 0);
    }

    #[test]
    fn huge_and_tiny_gradients_keep_their_direction() {
        for size in [1e300, f64::MAX, 1e-160, 1e-200] {
            let mut gradient = [size, -size];
            let norm = clip_to_norm(&mut gradient, 1e-250);
            assert!(norm / size > 1.414 || norm.is_infinite(), "{size} {norm}");
            assert!((gradient[0] / (1e-250 * 0.5_f64.sqrt()) - 1.0).abs() < 1e-15);
            assert!((gradient[1] / gradient[0] + 1.0).abs() < 1e-15);
        }
    }

    #[test]
    fn a_gradient_that_is_not_finite_is_not_made_so() {
        for bad in [f64::NAN, f64::INFINITY] {
            for mut gradient in [[bad, 1.0], [1.0, bad]] {
                let before = gradient.map(f64::to_bits);
                assert!(!clip_to_norm(&mut gradient, 1.0).is_finite());
                assert_eq!(gradient.map(f64::to_bits), before);
            }
        }
    }
}
