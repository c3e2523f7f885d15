//! How alike two gradients are: the angle between them, and their lengths.
//!
//! Not here: entry by entry (`spikegrad_compare::Agreement`).

use serde::Serialize;

/// How alike two gradients are.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Likeness {
    /// Cosine of the angle between them; not a number if one is zero.
    pub(crate) cosine: f64,
    /// Length of the other gradient, in units of that of the exact one.
    pub(crate) norm_ratio: f64,
}

impl Likeness {
    pub(crate) fn of(exact: &[f64], other: &[f64]) -> Self {
        let (own, length) = (norm(exact), norm(other));
        // Each divided by its own length: products do not overflow.
        let cosine = exact.iter().zip(other).map(|(a, b)| (a / own) * (b / length)).sum();
        Self { cosine, norm_ratio: length / own }
    }
}

/// The Euclidean norm.
pub(crate) fn norm(vector: &[f64]) -> f64 {
    vector.iter().map(|x| x * x).sum::<f64>().sqrt()
}
