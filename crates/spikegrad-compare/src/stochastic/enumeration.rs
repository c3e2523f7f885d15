//! Exact expectations of tiny stochastic networks, by going through all outcomes of all decisions.
//!
//! ```text
//! E[L]      = Σ P(outcome) L(outcome)            P = Π (p of a spike, 1 − p of a silence)
//! dE[L]/dθ  = Σ P (dL/dθ|spikes + L Σ_k d ln P_k/dθ)
//! ```
//!
//! The derivative (docs/mathematics.md, eq. 43) is that of the smoothed probabilistic model: the network of expectations, whose
//! loss is E[L]. It cannot be had by automatic differentiation of one run, which is why it is enumerated here; beside it stands
//! the expectation of the surrogate gradient on stochastic runs, which is the smoothed stochastic derivative if the settings detach
//! nothing: their difference is then the bias of smoothing and nothing else.
//!
//! Not here: estimates from single runs (`derivative.rs`).

use super::drawing::Coupled;
use super::{StochasticError, StochasticProblem};
use crate::time_stepped::{GridMemory, SteppedSum};

/// Most decisions that are enumerated.
pub const MAX_DECISIONS: usize = 20;

/// Exact expectations.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Expectation {
    /// Of the loss.
    pub value: f64,
    /// Derivative of that along the direction.
    pub derivative: f64,
    /// Of the surrogate gradient along the direction, with the noise's own derivative for that of a spike.
    pub surrogate: f64,
}

impl StochasticProblem<'_> {
    /// Goes through all outcomes.
    ///
    /// # Errors
    /// [`StochasticError::TooManyDecisions`] above [`MAX_DECISIONS`], or [`StochasticError::Grid`].
    pub fn expectation(&self) -> Result<Expectation, StochasticError> {
        let mut sum = Expectation { value: 0.0, derivative: 0.0, surrogate: 0.0 };
        for outcome in self.outcomes()? {
            let run = self.observe(Coupled::forced(self.noise, &outcome))?;
            let (mut probability, mut score) = (1.0, 0.0);
            for (decision, rate) in run.decisions.iter().zip(&run.probability_rates) {
                let p = decision.probability;
                let (of_this, rate) = if decision.is_spike { (p, *rate) } else { (1.0 - p, -rate) };
                probability *= of_this;
                score += rate / of_this;
            }
            if probability > 0.0 {
                sum.value += probability * run.value;
                sum.derivative += probability * (run.smooth + run.value * score);
                sum.surrogate +=
                    probability * self.surrogate(Coupled::forced(self.noise, &outcome))?;
            }
        }
        Ok(sum)
    }

    /// The surrogate gradient of a run along the direction, with the noise's own derivative for that of a spike: the smoothed
    /// stochastic derivative, less what goes through the reset or recurrence if the settings detach them.
    ///
    /// # Errors
    /// As [`Self::run`].
    pub fn smoothed(&self, uniforms: &[f64]) -> Result<f64, StochasticError> {
        self.check(uniforms)?;
        self.surrogate(Coupled::new(self.noise, uniforms, None))
    }

    fn surrogate(&self, mut firing: Coupled<'_>) -> Result<f64, StochasticError> {
        let mut sum = SteppedSum::new(&self.stepped);
        let mut memory = GridMemory::default();
        self.stepped.value_and_grad(
            &self.sample,
            &mut firing,
            self.noise,
            &mut memory,
            &mut sum,
        )?;
        let gradient = sum.gradient(&self.stepped, self.parameters);
        let along = gradient.connections.iter().zip(self.direction).flat_map(|(connection, by)| {
            connection.weights.iter().zip(by).map(|(derivative, by)| derivative * by)
        });
        Ok(along.sum())
    }

    /// Every outcome of the decisions of a run.
    fn outcomes(&self) -> Result<impl Iterator<Item = Vec<bool>> + use<>, StochasticError> {
        let decisions = self.decisions()?;
        if decisions > MAX_DECISIONS {
            return Err(StochasticError::TooManyDecisions { decisions, limit: MAX_DECISIONS });
        }
        let bits = move |outcome: u32| (0..decisions).map(|k| outcome >> k & 1 == 1).collect();
        Ok((0..1_u32 << decisions).map(bits))
    }
}
