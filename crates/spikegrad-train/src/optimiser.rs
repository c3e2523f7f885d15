//! Adam: gradient descent whose step in each parameter is scaled by how large its gradients have
//! been.
//!
//! ```text
//! m ← β₁ m + (1 − β₁) g,   v ← β₂ v + (1 − β₂) g²
//! θ ← θ − η · m / (1 − β₁ᵗ) / ( √(v / (1 − β₂ᵗ)) + ε ),   t = 1, 2, …
//! ```
//!
//! The state is two flat vectors and a count, all of it readable, so that a checkpoint can hold it
//! and a resumed run goes on with the same bits.
//!
//! Not here: the learning rate of an epoch (`schedule.rs`), the shapes of the parameters.
//!
//! D. P. Kingma and J. L. Ba, *Adam: a method for stochastic optimization*, ICLR 2015, Algorithm 1.

use serde::{Deserialize, Serialize};

/// The constants of [`Adam`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdamConfig {
    /// Step size η of the first epoch, in units of the parameters.
    pub learning_rate: f64,
    /// Decay β₁ of the mean gradient in one step, in [0, 1).
    pub beta1: f64,
    /// Decay β₂ of the mean squared gradient in one step, in [0, 1).
    pub beta2: f64,
    /// The ε that keeps steps finite where gradients vanish, in units of the gradient.
    pub epsilon: f64,
}

/// The optimiser's memory of one flat vector of parameters.
#[derive(Clone, Debug, PartialEq)]
pub struct Adam {
    config: AdamConfig,
    first_moment: Vec<f64>,
    second_moment: Vec<f64>,
    steps: u64,
}

impl Adam {
    /// Starts without memory, for `n_parameters` parameters.
    #[must_use]
    pub fn new(config: AdamConfig, n_parameters: usize) -> Self {
        Self::resume(config, vec![0.0; n_parameters], vec![0.0; n_parameters], 0)
    }

    /// Goes on where an earlier optimiser stopped, after `steps` steps.
    ///
    /// # Panics
    ///
    /// If the two moments differ in length.
    #[must_use]
    pub fn resume(
        config: AdamConfig,
        first_moment: Vec<f64>,
        second_moment: Vec<f64>,
        steps: u64,
    ) -> Self {
        assert_eq!(first_moment.len(), second_moment.len(), "one moment of each kind a parameter");
        Self { config, first_moment, second_moment, steps }
    }

    /// Moves `parameters` one step against `gradient`, with the learning rate of the current epoch.
    ///
    /// # Panics
    ///
    /// If `parameters` or `gradient` are not as long as the optimiser was made for.
    pub fn step(&mut self, learning_rate: f64, parameters: &mut [f64], gradient: &[f64]) {
        assert_eq!(parameters.len(), self.first_moment.len(), "parameters of another optimiser");
        assert_eq!(gradient.len(), parameters.len(), "one derivative a parameter");
        let AdamConfig { beta1, beta2, epsilon, .. } = self.config;
        self.steps += 1;
        // Both moments start at zero and are too small at first; after this many steps the
        // correction is 1.
        let t = i32::try_from(self.steps).unwrap_or(i32::MAX);
        let (correction1, correction2) = (1.0 - beta1.powi(t), 1.0 - beta2.powi(t));
        let moments = self.first_moment.iter_mut().zip(&mut self.second_moment);
        for ((parameter, g), (m, v)) in parameters.iter_mut().zip(gradient).zip(moments) {
            *m = beta1 * *m + (1.0 - beta1) * g;
            *v = beta2 * *v + (1.0 - beta2) * g * g;
            *parameter -=
                learning_rate * (*m / correction1) / ((*v / correction2).sqrt() + epsilon);
        }
    }

    /// Returns the running mean of the gradient, m.
    #[must_use]
    pub fn first_moment(&self) -> &[f64] {
        &self.first_moment
    }

    /// Returns the running mean of the squared gradient, v.
    #[must_use]
    pub fn second_moment(&self) -> &[f64] {
        &self.second_moment
    }

    /// Returns the number of steps taken.
    #[must_use]
    pub fn steps(&self) -> u64 {
        self.steps
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: AdamConfig =
        AdamConfig { learning_rate: 0.1, beta1: 0.9, beta2: 0.999, epsilon: 1e-8 };

    /// A few operations on numbers of size one, each rounded once; 1 − β₂ᵗ loses three digits.
    const ROUNDING: f64 = 1e-12;

    /// Descends ½ (x² + 10 y²) from (1, −2), whose gradient is (x, 10 y).
    fn descend(adam: &mut Adam, parameters: &mut [f64; 2], steps: usize) {
        for _ in 0..steps {
            let gradient = [parameters[0], 10.0 * parameters[1]];
            adam.step(CONFIG.learning_rate, parameters, &gradient);
        }
    }

    #[test]
    fn five_steps_agree_with_the_published_formula_in_forty_digits() {
        // Computed with Python's `decimal` at 40 digits from Algorithm 1, step by step.
        let expected = [
            [0.900_000_001, -1.900_000_000_05],
            [0.800_412_229_712_337_4, -1.800_166_485_711_387],
            [0.701_586_274_504_414_2, -1.700_623_391_433_945_5],
            [0.603_939_062_682_106_6, -1.601_504_894_465_33],
            [0.507_963_661_927_219_4, -1.502_955_780_256_631_5],
        ];
        let mut parameters = [1.0, -2.0];
        let mut adam = Adam::new(CONFIG, 2);
        for row in expected {
            descend(&mut adam, &mut parameters, 1);
            for (found, expected) in parameters.iter().zip(row) {
                assert!((found - expected).abs() < ROUNDING, "{found} {expected}");
            }
        }
        assert_eq!(adam.steps(), 5);
    }

    #[test]
    fn a_resumed_optimiser_takes_the_same_steps_to_the_bit() {
        let (mut through, mut halved) = ([1.0, -2.0], [1.0, -2.0]);
        descend(&mut Adam::new(CONFIG, 2), &mut through, 20);

        let mut first = Adam::new(CONFIG, 2);
        descend(&mut first, &mut halved, 11);
        let (m, v) = (first.first_moment().to_vec(), first.second_moment().to_vec());
        descend(&mut Adam::resume(CONFIG, m, v, first.steps()), &mut halved, 9);
        assert_eq!(through.map(f64::to_bits), halved.map(f64::to_bits));
    }

    #[test]
    fn the_first_step_has_the_length_of_the_learning_rate_whatever_the_gradient() {
        for gradient in [1e-3, 1.0, 1e6] {
            let mut parameters = [0.0];
            Adam::new(CONFIG, 1).step(0.25, &mut parameters, &[gradient]);
            assert!((parameters[0] + 0.25).abs() < 1e-5, "{parameters:?}");
        }
    }
}
