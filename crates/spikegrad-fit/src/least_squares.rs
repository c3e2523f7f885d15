//! Nonlinear least squares by the method of Levenberg and Marquardt: steps of Gauss and Newton, the shorter the worse they did.
//!
//! With the residuals r and their Jacobian J a step is −Jᵀ (J Jᵀ + λ)⁻¹ r, which is the same as −(Jᵀ J + λ)⁻¹ Jᵀ r (J. Nocedal and S. J. Wright, *Numerical
//! Optimization*, 2006, section 10.3); the smaller of the two matrices is decomposed. Where there are more numbers than residuals the step is then the shortest one that
//! does what it does. Not here: what the residuals are, and what the numbers may be off by (`error_bars.rs`).
//!
//! # Examples
//! A decay is fitted to three points of itself.
//! ```
//! use spikegrad::dynamics::math::exp;
//! use spikegrad_fit::FitError;
//! use spikegrad_fit::least_squares::nalgebra::{DMatrix, DVector, dvector};
//! use spikegrad_fit::least_squares::{Residuals, minimise};
//!
//! struct Decay {
//!     at: DVector<f64>,
//! }
//!
//! impl Residuals for Decay {
//!     fn project(&self, _: &mut DVector<f64>) {}
//!
//!     fn at(&mut self, x: &DVector<f64>) -> Result<DVector<f64>, FitError> {
//!         self.at = x.clone();
//!         Ok(DVector::from_fn(3, |k, _| exp(-x[0] * k as f64) - exp(-0.7 * k as f64)))
//!     }
//!
//!     fn is_solved(&self) -> bool {
//!         (self.at[0] - 0.7).abs() < 1e-12
//!     }
//!
//!     fn jacobian(&self) -> Result<DMatrix<f64>, FitError> {
//!         Ok(DMatrix::from_fn(3, 1, |k, _| -(k as f64) * exp(-self.at[0] * k as f64)))
//!     }
//! }
//!
//! let found = minimise(&mut Decay { at: dvector![] }, dvector![2.0], 50, |_| ())?;
//! assert!((found.x[0] - 0.7).abs() < 1e-12);
//! # Ok::<(), FitError>(())
//! ```

use crate::error::FitError;
use nalgebra::{Cholesky, DMatrix, DVector};

pub use crate::error_bars::{ErrorBars, error_bars};
pub use nalgebra;

/// What is to become zero, as a function of numbers in units in which a step of one is as large for each.
pub trait Residuals {
    /// Moves numbers that cannot be to the nearest ones that can.
    fn project(&self, x: &mut DVector<f64>);

    /// The residuals.
    ///
    /// # Errors
    /// [`FitError`] where there are none; an interrupt ends the search, others are points that are not gone to.
    fn at(&mut self, x: &DVector<f64>) -> Result<DVector<f64>, FitError>;

    /// Whether those of [`Self::at`] are small enough.
    fn is_solved(&self) -> bool;

    /// Their derivatives where [`Self::at`] was last asked for them, a row for each.
    ///
    /// # Errors
    /// As [`Self::at`].
    fn jacobian(&self) -> Result<DMatrix<f64>, FitError>;
}

/// How far the search has come.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    /// The numbers.
    pub x: DVector<f64>,
    /// What is to become zero, there.
    pub residuals: DVector<f64>,
    /// How often the residuals were computed.
    pub evaluations: u32,
    /// How often that was a step downhill.
    pub steps: u32,
}

impl Point {
    /// Half the sum of the squares.
    #[must_use]
    pub fn cost(&self) -> f64 {
        0.5 * self.residuals.norm_squared()
    }
}

/// The damping to begin with, as a share of the largest entry of the diagonal.
const DAMPING: f64 = 1e-3;

/// A step that gains more than this share of what its linear model promises asks for less damping,
const GOOD: f64 = 0.75;
/// one that gains less for more,
const POOR: f64 = 0.25;
/// and one that gains still less is not taken.
const REFUSED: f64 = 1e-3;

/// Steps in a row that are not taken, each shorter than the one before by the factor `MORE`, before the search gives up.
const FAILURES: u32 = 25;
const LESS: f64 = 0.2;
const MORE: f64 = 3.0;

/// Searches from `start` until the problem is solved, `most` evaluations are spent, or no step leads downhill. Tells `observe` of each step.
///
/// A point at which the residuals or their derivatives do not exist is not gone to.
///
/// # Errors
/// That of the residuals or derivatives at `start`, or an interrupt.
pub fn minimise(
    problem: &mut dyn Residuals,
    start: DVector<f64>,
    most: u32,
    mut observe: impl FnMut(&Point),
) -> Result<Point, FitError> {
    let residuals = problem.at(&start)?;
    let mut jacobian = problem.jacobian()?;
    let mut point = Point { x: start, residuals, evaluations: 1, steps: 0 };
    if point.x.is_empty() || point.residuals.is_empty() || problem.is_solved() {
        return Ok(point);
    }
    let mut damping = DAMPING * gram(&jacobian).diagonal().max();
    let mut failures = 0;
    let mut is_solved = false;
    while failures < FAILURES && point.evaluations < most && !is_solved {
        let Some(x) = trial(problem, &jacobian, &point, damping) else {
            damping *= MORE;
            failures += 1;
            continue;
        };
        let linear = &jacobian * (&x - &point.x) + &point.residuals;
        let promised = point.cost() - 0.5 * linear.norm_squared();
        point.evaluations += 1;
        let there = problem.at(&x).and_then(|residuals| {
            let gained = point.cost() - 0.5 * residuals.norm_squared();
            // What a bound cuts off may leave a step that leads uphill.
            let gain = if promised > 0.0 { gained / promised } else { f64::NEG_INFINITY };
            let jacobian = (gain > REFUSED).then(|| problem.jacobian()).transpose()?;
            Ok((gain, jacobian.map(|jacobian| (residuals, jacobian))))
        });
        let (gain, taken) = match there {
            Err(error) if error.is_interrupt() => return Err(error),
            there => there.unwrap_or((f64::NEG_INFINITY, None)),
        };
        if gain > GOOD {
            damping *= LESS;
        } else if gain < POOR || gain.is_nan() {
            damping *= MORE;
        }
        failures += 1;
        if let Some((residuals, there)) = taken {
            jacobian = there;
            point = Point { x, residuals, steps: point.steps + 1, ..point };
            failures = 0;
            is_solved = problem.is_solved();
            observe(&point);
        }
    }
    Ok(point)
}

/// Where the damped step leads, unless its matrix is singular to rounding. Numbers at a bound that it would pass stay there, and the others step without them.
fn trial(
    problem: &dyn Residuals,
    jacobian: &DMatrix<f64>,
    point: &Point,
    damping: f64,
) -> Option<DVector<f64>> {
    let mut free = jacobian.clone();
    loop {
        let step = step(&free, &point.residuals, damping)?;
        let mut x = &point.x + &step;
        problem.project(&mut x);
        let moved = &x - &point.x;
        let held = (0..x.len()).filter(|&k| moved[k] == 0.0 && step[k] != 0.0);
        let held: Vec<usize> = held.collect();
        if held.is_empty() {
            return Some(x);
        }
        held.into_iter().for_each(|k| free.column_mut(k).fill(0.0));
    }
}

/// J Jᵀ or Jᵀ J, whichever is smaller.
fn gram(jacobian: &DMatrix<f64>) -> DMatrix<f64> {
    if jacobian.nrows() <= jacobian.ncols() {
        jacobian * jacobian.transpose()
    } else {
        jacobian.tr_mul(jacobian)
    }
}

/// The damped step, unless the matrix is singular to rounding.
fn step(jacobian: &DMatrix<f64>, residuals: &DVector<f64>, damping: f64) -> Option<DVector<f64>> {
    let mut gram = gram(jacobian);
    for k in 0..gram.nrows() {
        gram[(k, k)] += damping;
    }
    let factors = Cholesky::new(gram)?;
    let step = if jacobian.nrows() <= jacobian.ncols() {
        jacobian.tr_mul(&factors.solve(residuals))
    } else {
        factors.solve(&jacobian.tr_mul(residuals))
    };
    Some(-step)
}

#[cfg(test)]
mod tests {
    use super::*;
    use nalgebra::{dmatrix, dvector};

    /// Rosenbrock's valley, 10 (y − x²) and 1 − x, where x does not exceed a bound.
    struct Valley {
        at: DVector<f64>,
        highest: f64,
    }

    impl Residuals for Valley {
        fn project(&self, x: &mut DVector<f64>) {
            x[0] = x[0].min(self.highest);
        }

        fn at(&mut self, x: &DVector<f64>) -> Result<DVector<f64>, FitError> {
            self.at.clone_from(x);
            Ok(dvector![10.0 * (x[1] - x[0] * x[0]), 1.0 - x[0]])
        }

        fn is_solved(&self) -> bool {
            (self.at[0] - 1.0).abs() < 1e-14
        }

        fn jacobian(&self) -> Result<DMatrix<f64>, FitError> {
            Ok(dmatrix![-20.0 * self.at[0], 10.0; -1.0, 0.0])
        }
    }

    fn search(highest: f64) -> Point {
        let mut valley = Valley { at: dvector![], highest };
        minimise(&mut valley, dvector![-1.2, 1.0], 100, |_| ()).unwrap()
    }

    #[test]
    fn a_curved_valley_is_followed_to_its_end() {
        let found = search(f64::INFINITY);
        assert!((found.x - dvector![1.0, 1.0]).amax() < 1e-13);
        assert!(found.evaluations < 100, "{}", found.evaluations);
    }

    #[test]
    fn a_bound_is_kept() {
        let found = search(0.5);
        assert!((&found.x - dvector![0.5, 0.25]).amax() < 1e-7, "{found:?}");
    }

    /// With λ both forms of the step are the same, and solve the linear problem of least squares with one more row λ^½ for each number.
    #[test]
    fn wide_and_tall_jacobians_give_the_step_of_the_stacked_problem() {
        let wide = dmatrix![1.0, 2.0, -1.0; 0.5, -1.0, 3.0];
        for jacobian in [wide.clone(), wide.transpose()] {
            let residuals = DVector::from_fn(jacobian.nrows(), |k, _| [1.0, 0.0, -1.0][k]);
            let found = step(&jacobian, &residuals, 0.01).unwrap();
            let (rows, columns) = jacobian.shape();
            let mut stacked = jacobian.clone().insert_rows(rows, columns, 0.0);
            for k in 0..columns {
                stacked[(rows + k, k)] = 0.1;
            }
            let right = residuals.clone().insert_rows(rows, columns, 0.0);
            let solved = stacked.svd(true, true).solve(&-right, 0.0).unwrap();
            assert!((found - solved).amax() < 1e-13);
        }
    }
}
