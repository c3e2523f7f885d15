//! Cross-entropy of a softmax, stable for any scores.

use spikegrad_dynamics::Scalar;

/// Replaces `scores` by the derivative of `−ln softmax(scores)[label]` with respect to each, `p − δ`, and returns its value.
///
/// At the label `p − 1` is the negative sum of the others, which keeps its digits when p is near 1.
pub(super) fn cross_entropy<T: Scalar>(scores: &mut [T], label: usize) -> T {
    let zero = T::from(0.0);
    let largest =
        scores.iter().copied().reduce(|a, b| if b.re() > a.re() { b } else { a }).unwrap_or(zero);
    let behind = largest - scores[label];
    for score in &mut *scores {
        *score = (*score - largest).exp();
    }
    let sum = scores.iter().fold(zero, |a, &b| a + b);
    let others =
        scores.iter().enumerate().filter(|&(k, _)| k != label).fold(zero, |a, (_, &b)| a + b);
    for weight in &mut *scores {
        *weight = *weight / sum;
    }
    scores[label] = -others / sum;
    // ln(sum) loses digits if the label is far ahead; then everything but the label's own 1 is small.
    if behind.re() <= 0.0 { others.ln_1p() } else { sum.ln() + behind }
}

#[cfg(test)]
mod tests {
    use super::cross_entropy;

    #[test]
    fn extreme_scores_stay_finite_and_exact() {
        let of = |mut scores: [f64; 2]| (cross_entropy(&mut scores, 0), scores);
        let (value, derivative) = of([0.0, -800.0]);
        assert_eq!((value, derivative[0]), (0.0, -0.0));
        let (value, derivative) = of([0.0, -40.0]);
        assert!(
            (value / (-40f64).exp() - 1.0).abs() < 1e-15
                && (derivative[0] / -(-40f64).exp() - 1.0).abs() < 1e-15
        );
        let (value, derivative) = of([-3000.0, 0.0]);
        assert_eq!((value, derivative[0], derivative[1]), (3000.0, -1.0, 1.0));
    }
}
