//! Cross-entropy of a softmax, stable for any scores.

use spikegrad_dynamics::Scalar;

/// Returns `−ln softmax(scores)[label]` and its derivative with respect to each score, `p − δ`.
///
/// At the label `p − 1` is the negative sum of the others, which keeps its digits when p is near 1.
pub(super) fn cross_entropy<T: Scalar>(scores: &[T], label: usize) -> (T, Vec<T>) {
    let zero = T::from(0.0);
    let largest =
        scores.iter().copied().reduce(|a, b| if b.re() > a.re() { b } else { a }).unwrap_or(zero);
    let mut weights: Vec<T> = scores.iter().map(|&s| (s - largest).exp()).collect();
    let sum = weights.iter().fold(zero, |a, &b| a + b);
    let others =
        weights.iter().enumerate().filter(|&(k, _)| k != label).fold(zero, |a, (_, &b)| a + b);
    for weight in &mut weights {
        *weight = *weight / sum;
    }
    weights[label] = -others / sum;
    // ln(sum) loses digits if the label is far ahead; then everything but the label's own 1 is small.
    let value = if scores[label].re() >= largest.re() {
        others.ln_1p()
    } else {
        sum.ln() + (largest - scores[label])
    };
    (value, weights)
}

#[cfg(test)]
mod tests {
    use super::cross_entropy;

    #[test]
    fn extreme_scores_stay_finite_and_exact() {
        let (value, derivative) = cross_entropy(&[0.0, -800.0], 0);
        assert_eq!((value, derivative[0]), (0.0, -0.0));
        let (value, derivative) = cross_entropy(&[0.0, -40.0], 0);
        assert!(
            (value / (-40f64).exp() - 1.0).abs() < 1e-15
                && (derivative[0] / -(-40f64).exp() - 1.0).abs() < 1e-15
        );
        let (value, derivative) = cross_entropy(&[-3000.0, 0.0], 0);
        assert_eq!((value, derivative[0], derivative[1]), (3000.0, -1.0, 1.0));
    }
}
