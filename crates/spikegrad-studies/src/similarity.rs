//! How similar two gradients are: the angle between them, and their lengths; or why that cannot be said.
//!
//! Not here: entry by entry (`spikegrad_compare::Agreement`).

use serde::Serialize;
use spikegrad_train::optimise::norm;

/// How similar two gradients are, if that can be said.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub(crate) enum SimilarityOrReason {
    Compared(Similarity),
    LeftOut {
        /// Why they cannot be compared, or why there are not two.
        reason: String,
    },
}

/// How similar two gradients are; both numbers are finite.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Similarity {
    /// Cosine of the angle between them.
    pub(crate) cosine: f64,
    /// Length of the other gradient, in units of that of the exact one.
    pub(crate) norm_ratio: f64,
}

impl SimilarityOrReason {
    pub(crate) fn of(exact: &[f64], other: &[f64]) -> Self {
        let (own, length) = (norm(exact), norm(other));
        if own == 0.0 {
            return Self::left_out("the exact gradient is zero and has no direction");
        }
        if length == 0.0 {
            return Self::left_out("the surrogate gradient is zero and has no direction");
        }
        // Each divided by its own length: products do not overflow.
        let cosine = exact.iter().zip(other).map(|(a, b)| (a / own) * (b / length)).sum::<f64>();
        let norm_ratio = length / own;
        if !(cosine.is_finite() && norm_ratio.is_finite()) {
            return Self::left_out("their lengths are outside the range of a double");
        }
        Self::Compared(Similarity { cosine, norm_ratio })
    }

    pub(crate) fn left_out(reason: impl Into<String>) -> Self {
        Self::LeftOut { reason: reason.into() }
    }

    pub(crate) fn similarity(&self) -> Option<Similarity> {
        match self {
            Self::Compared(similarity) => Some(*similarity),
            Self::LeftOut { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::SimilarityOrReason;

    #[test]
    fn directions_and_lengths_are_told_apart_at_any_size() {
        for size in [1.0, 1e-200, 1e200] {
            let exact = [3.0 * size, 4.0 * size];
            let similarity =
                SimilarityOrReason::of(&exact, &[-8.0 * size, 6.0 * size]).similarity().unwrap();
            // Some roundings each.
            assert!(similarity.cosine.abs() < 1e-15, "{similarity:?}");
            assert!((similarity.norm_ratio - 2.0).abs() < 1e-15, "{similarity:?}");
        }
    }

    #[test]
    fn what_has_no_direction_has_a_reason_and_no_number() {
        for (exact, other) in
            [([0.0, 0.0], [1.0, 0.0]), ([1.0, 0.0], [0.0, 0.0]), ([1e-300, 0.0], [1e300, 0.0])]
        {
            let compared = SimilarityOrReason::of(&exact, &other);
            let written = serde_json::to_value(&compared).unwrap();
            assert!(written["reason"].is_string() && compared.similarity().is_none(), "{written}");
        }
    }
}
