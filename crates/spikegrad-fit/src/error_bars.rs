//! What fitted numbers may be off by: the covariance out of Gauss and Newton's Hessian.
//!
//! Where residuals are errors of one variance σ² that know nothing of each other, and are linear in the numbers over the width of the bars,
//!
//! ```text
//! covariance = σ² (Jᵀ J)⁻¹          σ² = Σ r² / (residuals − numbers)
//! ```
//!
//! (G. A. F. Seber and C. J. Wild, *Nonlinear Regression*, 1989, section 2.1). Not here: whether the residuals are such errors.

use crate::numbers::count;
use nalgebra::{Cholesky, DMatrix, DVector};

/// What fitted numbers may be off by.
#[derive(Clone, Debug, PartialEq)]
pub struct ErrorBars {
    /// Variance of a residual, in the square of its unit.
    pub variance: f64,
    /// Of the numbers, in the units in which the Jacobian was taken.
    pub covariance: DMatrix<f64>,
}

impl ErrorBars {
    /// The standard deviation of each number; about it they are normally distributed where there are many residuals.
    #[must_use]
    pub fn standard_errors(&self) -> DVector<f64> {
        self.covariance.diagonal().map(f64::sqrt)
    }
}

/// The bars of numbers with these residuals, at the end of a search, and their derivatives, a row for each residual; `None` if there are no more residuals than numbers, or some direction of the numbers moves no residual.
///
/// # Examples
/// The mean of four numbers, and its standard error.
/// ```
/// use spikegrad_fit::least_squares::{error_bars, nalgebra::{dmatrix, dvector}};
/// // Of 1, 2, 3 and 6 the mean is 3.
/// let bars = error_bars(&dmatrix![1.0; 1.0; 1.0; 1.0], &dvector![2.0, 1.0, 0.0, -3.0]).unwrap();
/// assert!((bars.variance - 14.0 / 3.0).abs() < 1e-15);
/// assert!((bars.standard_errors()[0] - (14.0_f64 / 12.0).sqrt()).abs() < 1e-15);
/// ```
///
/// # Panics
/// If the two differ in their number of rows.
#[must_use]
pub fn error_bars(jacobian: &DMatrix<f64>, residuals: &DVector<f64>) -> Option<ErrorBars> {
    let (rows, columns) = jacobian.shape();
    assert_eq!(rows, residuals.len(), "a row for each residual");
    let freedom = rows.checked_sub(columns).filter(|freedom| *freedom > 0)?;
    // In units in which every column has length one, so that numbers of any size are told apart.
    let scales = DVector::from_iterator(columns, jacobian.column_iter().map(|c| c.norm()));
    let scaled = DMatrix::from_fn(rows, columns, |i, k| jacobian[(i, k)] / scales[k]);
    let factors = Cholesky::new(scaled.tr_mul(&scaled))?;
    // Each pivot is 1 minus what the columns before it explain, up to a rounding for each of them and one more.
    let least = f64::EPSILON * count(columns + 1);
    if factors.l_dirty().diagonal().iter().any(|root| root * root <= least) {
        return None;
    }
    let inverse = factors.inverse();
    let variance = residuals.norm_squared() / count(freedom);
    let covariance = DMatrix::from_fn(columns, columns, |i, k| {
        variance * inverse[(i, k)] / (scales[i] * scales[k])
    });
    covariance.iter().all(|x| x.is_finite()).then_some(ErrorBars { variance, covariance })
}

#[cfg(test)]
mod tests {
    use super::*;
    use nalgebra::{dmatrix, dvector};

    /// A line through n points at x = 0, …, n − 1: the textbook's formulas for intercept and slope.
    #[test]
    fn a_line_has_the_bars_of_the_textbook() {
        let jacobian = dmatrix![1.0, 0.0; 1.0, 1.0; 1.0, 2.0; 1.0, 3.0];
        let residuals = dvector![0.5, -0.5, -0.5, 0.5];
        let bars = error_bars(&jacobian, &residuals).unwrap();
        // Σ (x − x̄)² = 5, x̄ = 3/2, σ² = 1/2.
        let expected = dvector![(0.5_f64 * (0.25 + 2.25 / 5.0)).sqrt(), (0.5_f64 / 5.0).sqrt()];
        assert!((bars.standard_errors() - expected).amax() < 1e-15);
        // Other units of a number are other units of its bar.
        let mut scaled = jacobian;
        scaled.column_mut(1).scale_mut(1e9);
        let other = error_bars(&scaled, &residuals).unwrap().standard_errors();
        assert!((1e9 * other[1] / bars.standard_errors()[1] - 1.0).abs() < 1e-14);
    }

    #[test]
    fn what_nothing_says_has_no_bars() {
        let residuals = dvector![0.1, 0.2, 0.3];
        assert!(error_bars(&dmatrix![1.0, 1.0; 2.0, 2.0; 3.0, 3.0], &residuals).is_none());
        assert!(error_bars(&dmatrix![1.0, 0.0; 2.0, 0.0; 3.0, 0.0], &residuals).is_none());
        assert!(error_bars(&DMatrix::identity(3, 3), &residuals).is_none());
    }
}
