//! Parameters that must not become negative, and what the optimiser sees of them.
//!
//! A parameter has a *free* value, on which the optimiser steps, and which may be any number. For a time constant that is
//! its logarithm: the optimiser sees ln τ and, by the chain rule, ∂L/∂(ln τ) = τ ∂L/∂τ, steps change τ by a factor, a learning rate
//! is a share of τ, and no step leads to zero. A delay or a threshold is its own free value, and a step below its bound ends at
//! the bound: the optimiser sees the plain derivative, its learning rate has the unit of the parameter, and at the bound a derivative
//! that points outwards is seen, remembered and without effect. Weight decay, where it is wanted of all, acts on the free value: it
//! draws ln τ to 0, that is τ to 1 s.
//!
//! Not here: which parameter has which constraint.

use spikegrad::dynamics::math;

/// What values a parameter may have.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Constraint {
    /// Any number.
    #[default]
    None,
    /// This number and above, by projection (J. B. Rosen, J. SIAM 8, 181 (1960), for one bound): delays from 0, and thresholds.
    AtLeast(f64),
    /// Above zero, by its logarithm: time constants.
    Positive,
}

impl Constraint {
    /// Returns the free value of a parameter that satisfies the constraint.
    #[must_use]
    pub fn to_free(self, value: f64) -> f64 {
        match self {
            Self::None | Self::AtLeast(_) => value,
            Self::Positive => math::ln(value),
        }
    }

    /// Returns the parameter of a free value, wherever a step has led that.
    ///
    /// A logarithm and back changes a time constant by some units in the last place, in proportion to |ln τ|. Beyond ±700 or so
    /// the result is infinite or zero, which the network refuses.
    #[must_use]
    pub fn from_free(self, free: f64) -> f64 {
        match self {
            Self::None => free,
            // Unlike `f64::max` this does not turn NaN into a bound.
            Self::AtLeast(bound) => {
                if free < bound {
                    bound
                } else {
                    free
                }
            }
            Self::Positive => math::exp(free),
        }
    }

    /// Returns the derivative with respect to the free value, from the `derivative` with respect to the parameter at `value`.
    #[must_use]
    pub fn gradient(self, value: f64, derivative: f64) -> f64 {
        match self {
            Self::None | Self::AtLeast(_) => derivative,
            Self::Positive => value * derivative,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_satisfy_the_constraint_come_back() {
        for value in [-3.0, 0.0, 0.02] {
            let back = Constraint::None.from_free(Constraint::None.to_free(value));
            assert_eq!(back.to_bits(), f64::to_bits(value));
        }
        for value in [0.0, 0.02] {
            let bounded = Constraint::AtLeast(0.0);
            let back = bounded.from_free(bounded.to_free(value));
            assert_eq!(back.to_bits(), f64::to_bits(value));
        }
        for value in [1e-6_f64, 0.02, 1.0, 300.0] {
            let positive = Constraint::Positive;
            // Half a unit in the last place of the logarithm, and the two functions' own.
            let roundings = f64::EPSILON * (2.0 + value.ln().abs());
            assert!((positive.from_free(positive.to_free(value)) / value - 1.0).abs() < roundings);
        }
    }

    #[test]
    fn steps_that_would_leave_the_range_end_within() {
        assert_eq!(Constraint::AtLeast(0.0).from_free(-0.3).to_bits(), 0.0_f64.to_bits());
        assert_eq!(Constraint::AtLeast(0.01).from_free(-0.3).to_bits(), 0.01_f64.to_bits());
        assert!(Constraint::Positive.from_free(Constraint::Positive.to_free(0.02) - 50.0) > 0.0);
        assert!(Constraint::AtLeast(0.0).from_free(f64::NAN).is_nan());
    }

    #[test]
    fn the_derivative_is_that_of_the_function_of_the_free_value() {
        // L = 1/τ² and so on at a point within the range, by a central difference in the free value.
        let (value, step): (f64, f64) = (0.4, 1e-5);
        let loss = |value: f64| value.powi(-2);
        let derivative = -2.0 * value.powi(-3);
        for constraint in [Constraint::None, Constraint::AtLeast(0.1), Constraint::Positive] {
            let at = |by: f64| loss(constraint.from_free(constraint.to_free(value) + by));
            let difference = (at(step) - at(-step)) / (2.0 * step);
            let found = constraint.gradient(value, derivative);
            // The third derivative, below 5000, times the step squared over six; roundings of 6/step.
            assert!((found - difference).abs() < 1e-7, "{constraint:?}: {found} {difference}");
        }
    }
}
