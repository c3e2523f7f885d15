//! The running average of the parameters, which is often better than where the last step happened to end.
//!
//! ```text
//! a ← a + (1 − decay) (θ − a)
//! ```
//!
//! Averaging the iterates is of B. T. Polyak and A. B. Juditsky, *Acceleration of stochastic approximation by averaging*, SIAM J.
//! Control Optim. 30, 838 (1992). Theirs weighs all steps equally; an exponential one forgets, and about the last
//! 1/(1 − decay) steps count. It starts at the first parameters, so that nothing has to be corrected.
//!
//! Not here: which parameters a run reports, and when the average is taken.

/// An exponential moving average of one flat vector of parameters.
#[derive(Clone, Debug, PartialEq)]
pub struct Average {
    decay: f64,
    values: Vec<f64>,
}

impl Average {
    /// Starts at `parameters`; `decay`, in [0, 1), is the share of the average that is kept in an update.
    ///
    /// The values are all that is remembered: an average started at those of an earlier one goes on with the same bits.
    #[must_use]
    pub fn new(decay: f64, parameters: &[f64]) -> Self {
        Self { decay, values: parameters.to_vec() }
    }

    /// Takes `parameters` into the average, after a step.
    ///
    /// # Panics
    ///
    /// If they are not as many as at the start.
    pub fn update(&mut self, parameters: &[f64]) {
        assert_eq!(parameters.len(), self.values.len(), "parameters of another average");
        for (value, parameter) in self.values.iter_mut().zip(parameters) {
            *value += (1.0 - self.decay) * (parameter - *value);
        }
    }

    /// Returns the average.
    #[must_use]
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// Returns the share of the average that is kept in an update.
    #[must_use]
    pub fn decay(&self) -> f64 {
        self.decay
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_parameters_fade_by_the_same_factor_each_step() {
        let mut average = Average::new(0.75, &[1.0, 8.0]);
        for _ in 0..3 {
            average.update(&[0.0, 8.0]);
        }
        // All of it is exact in binary.
        assert_eq!(average.values(), [0.75 * 0.75 * 0.75, 8.0]);
    }

    #[test]
    fn an_average_resumed_from_its_values_has_the_same_bits() {
        let path: Vec<[f64; 1]> = (0..20).map(|k| [f64::from(k).sin()]).collect();
        let mut through = Average::new(0.9, &path[0]);
        path.iter().for_each(|at| through.update(at));
        let mut first = Average::new(0.9, &path[0]);
        path[..7].iter().for_each(|at| first.update(at));
        let mut second = Average::new(first.decay(), first.values());
        path[7..].iter().for_each(|at| second.update(at));
        assert_eq!(through, second);
    }
}
