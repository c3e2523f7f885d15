//! The root of a function of one variable within a bracket.
//!
//! Not here: which function (`crossing.rs`).

/// A bracketed search ends when its bracket cannot be halved any more: doubles have at most 2¹¹ binades of 52 bits.
pub(crate) const MAX_SEARCH: usize = 2200;

/// One evaluation of a search: the residual, negative before the root, and the step that Newton's method proposes.
pub(crate) struct Step {
    pub(crate) residual: f64,
    pub(crate) newton: f64,
}

/// The root between `low` (residual < 0) and `high` (residual ≥ 0): Newton's method, bisecting wherever it leaves the
/// bracket. Ends when the step is below the rounding of the root or the bracket is closed.
pub(crate) fn search(
    mut low: f64,
    mut high: f64,
    guess: f64,
    evaluate: impl Fn(f64) -> Step,
) -> f64 {
    let mut t = if guess > low && guess < high { guess } else { middle(low, high) };
    for _ in 0..MAX_SEARCH {
        let Step { residual, newton } = evaluate(t);
        if residual == 0.0 {
            return t;
        }
        if residual < 0.0 {
            low = t;
        } else {
            high = t;
        }
        let next = t + newton;
        if newton.abs() <= f64::EPSILON * t {
            return next.clamp(low, high);
        }
        let next = if next > low && next < high { next } else { middle(low, high) };
        if next <= low || next >= high {
            return high;
        }
        t = next;
    }
    t
}

fn middle(low: f64, high: f64) -> f64 {
    low + 0.5 * (high - low)
}
