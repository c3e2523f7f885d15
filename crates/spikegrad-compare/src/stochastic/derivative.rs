//! Stochastic automatic differentiation of a network with escape noise: an unbiased derivative of an expected loss, and its
//! smoothing.
//!
//! The probability p of each decision moves with the parameters. Where a decision is a spike if ω ≥ 1 − p, an infinitesimal step
//! turns a silence into a spike if p grows, a spike into silence if p shrinks, and nothing else:
//!
//! ```text
//! weight of the turn     dp/(1 − p)   for a silence, dp > 0          |dp|/p   for a spike, dp < 0          0 otherwise
//! stochastic derivative  dL/dθ|spikes  +  Σ_k weight_k (L(run with decision k turned, the same ω otherwise) − L(run))
//! ```
//!
//! Its expectation is the derivative of the expected loss (docs/mathematics.md, eq. 44): G. Arya, M. Schauer, F. Schäfer and C.
//! Rackauckas, Adv. Neural Inf. Process. Syst. 35 (2022; arXiv:2210.08572), there as *stochastic triples*. **Pruned**, one turn
//! alone is run, chosen with a probability in proportion to its weight, for the whole weight: one run more, the same expectation,
//! more variance. **Smoothed**, each decision passes on at once what its turns change, as the mixture of 1 − p of the right
//! and p of the left one-sided derivative: dp/(1 − p) times 1 − p for a silence, dp/p times p for a spike, dp = p'(x) dx for
//! either. That is the chain rule with p' for the derivative of a spike, a surrogate gradient (Gygax and Zenke 2025). Smoothing
//! keeps the expectation where the loss is linear in the decisions and loses it in deep networks and through resets.
//!
//! Not here: exact expectations (`enumeration.rs`), the backward form of the smoothed derivative
//! ([`SteppedNetwork::value_and_grad`] with the noise for derivative, and a reset that is not detached).

use super::drawing::{Coupled, Decision};
use super::{Noise, StochasticError};
use crate::time_stepped::{
    Cotangents, GridMemory, GridSample, Replay, Run, SpikeDerivative, SteppedNetwork,
    SteppedSettings,
};
use spikegrad_network::{Network, Parameters};

/// A network, its parameters, noise and loss, to be differentiated along a direction of its weights.
#[derive(Debug)]
pub struct StochasticProblem<'a> {
    pub(super) stepped: SteppedNetwork<'a>,
    pub(super) parameters: &'a Parameters,
    pub(super) direction: &'a [Vec<f64>],
    tangent: SteppedNetwork<'a>,
    pub(super) noise: &'a Noise,
    pub(super) sample: GridSample<'a>,
}

/// A decision and what its turn would weigh.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Turn {
    /// Position of the decision in its run.
    pub position: usize,
    /// Weight of the turn, positive.
    pub weight: f64,
}

/// A run with everything that stands still when no decision turns.
#[derive(Clone, Debug, PartialEq)]
pub struct StochasticRun {
    /// Value of the loss, bounds on activity included.
    pub value: f64,
    /// Derivative of the value at fixed spikes.
    pub smooth: f64,
    /// The decisions.
    pub decisions: Vec<Decision>,
    /// Derivative of the probability of each decision.
    pub probability_rates: Vec<f64>,
}

impl StochasticRun {
    /// The decisions that an infinitesimal step turns.
    pub fn turns(&self) -> impl Iterator<Item = Turn> + '_ {
        let both = self.decisions.iter().zip(&self.probability_rates).enumerate();
        both.filter_map(|(position, (decision, &rate))| {
            let weight = match decision.is_spike {
                false if rate > 0.0 => rate / (1.0 - decision.probability),
                true if rate < 0.0 => -rate / decision.probability,
                _ => return None,
            };
            Some(Turn { position, weight })
        })
    }
}

impl<'a> StochasticProblem<'a> {
    /// Lays out a network with `parameters`, to be differentiated along `direction`: weights for each connection.
    ///
    /// # Errors
    /// [`StochasticError::Grid`] as [`SteppedNetwork::new`], and [`StochasticError::Direction`] if the direction has not the
    /// shape of the weights.
    pub fn new(
        (network, parameters): (&'a Network, &'a Parameters),
        settings: SteppedSettings,
        direction: &'a [Vec<f64>],
        noise: &'a Noise,
        sample: GridSample<'a>,
    ) -> Result<Self, StochasticError> {
        let stepped = SteppedNetwork::new(network, parameters, settings)?;
        let lengths = parameters.connections.iter().map(|c| c.weights.len());
        if !lengths.eq(direction.iter().map(Vec::len)) {
            return Err(StochasticError::Direction);
        }
        let tangent = stepped.tangent(parameters, direction);
        Ok(Self { stepped, parameters, direction, tangent, noise, sample })
    }

    /// Number of decisions of a run.
    ///
    /// # Errors
    /// [`StochasticError::Grid`].
    pub fn decisions(&self) -> Result<usize, StochasticError> {
        Ok(self.stepped.decisions(self.sample.stimulus)?)
    }

    /// Runs with these uniform numbers, one a decision, and differentiates what can be at fixed spikes.
    ///
    /// # Errors
    /// [`StochasticError::Grid`] of the run; [`StochasticError::Uniforms`] if there are too few numbers.
    pub fn run(&self, uniforms: &[f64]) -> Result<StochasticRun, StochasticError> {
        self.check(uniforms)?;
        self.observe(Coupled::new(self.noise, uniforms, None))
    }

    /// The loss if decision `turned` had come out the other way.
    ///
    /// # Errors
    /// As [`Self::run`].
    pub fn alternative(&self, uniforms: &[f64], turned: usize) -> Result<f64, StochasticError> {
        self.check(uniforms)?;
        let mut firing = Coupled::new(self.noise, uniforms, Some(turned));
        let value = self.stepped.value(&self.sample, &mut firing, &mut GridMemory::default())?;
        Ok(value.loss + value.activity)
    }

    /// The stochastic derivative, with a run for every turn.
    ///
    /// # Errors
    /// As [`Self::run`].
    pub fn derivative(&self, uniforms: &[f64]) -> Result<f64, StochasticError> {
        let run = self.run(uniforms)?;
        let mut sum = run.smooth;
        for Turn { position, weight } in run.turns() {
            sum += weight * (self.alternative(uniforms, position)? - run.value);
        }
        Ok(sum)
    }

    /// The pruned stochastic derivative: one turn, the one that `choice`, a uniform number, falls on.
    ///
    /// # Errors
    /// As [`Self::run`].
    pub fn pruned(&self, uniforms: &[f64], choice: f64) -> Result<f64, StochasticError> {
        let run = self.run(uniforms)?;
        let total: f64 = run.turns().map(|turn| turn.weight).sum();
        let mut left = choice * total;
        let mut chosen = None;
        for turn in run.turns() {
            chosen = Some(turn.position);
            left -= turn.weight;
            if left < 0.0 {
                break;
            }
        }
        let Some(position) = chosen else { return Ok(run.smooth) };
        Ok(run.smooth + total * (self.alternative(uniforms, position)? - run.value))
    }

    pub(super) fn check(&self, uniforms: &[f64]) -> Result<(), StochasticError> {
        let (needed, found) = (self.decisions()?, uniforms.len());
        if found < needed {
            return Err(StochasticError::Uniforms { needed, found });
        }
        Ok(())
    }

    /// Runs with what `firing` decides, and differentiates what can be at fixed spikes.
    pub(super) fn observe(
        &self,
        mut firing: Coupled<'_>,
    ) -> Result<StochasticRun, StochasticError> {
        let mut memory = GridMemory::default();
        let value = self.stepped.value(&self.sample, &mut firing, &mut memory)?;
        let decisions = firing.into_decisions();
        let mut tangent = Run::default();
        self.tangent.run(self.sample.stimulus, &mut Replay(memory.run()), &mut tangent)?;
        let smooth = self.smooth(memory.cotangents(), &tangent);
        let rate = |d: &Decision| self.noise.at(d.neuron, d.x) * tangent.membrane(d.step, d.neuron);
        let probability_rates = decisions.iter().map(rate).collect();
        Ok(StochasticRun {
            value: value.loss + value.activity,
            smooth,
            decisions,
            probability_rates,
        })
    }

    /// ∂L/∂V of what was read, times its derivative.
    fn smooth(&self, cotangents: &Cotangents, tangent: &Run) -> f64 {
        let neurons = self.sample.loss.neurons(self.stepped.network());
        let voltages = cotangents.voltage.chunks(neurons.len().max(1)).enumerate();
        let at = |(step, row): (usize, &[f64])| -> f64 {
            let rates = neurons.clone().map(|k| tangent.membrane(step, k));
            row.iter().zip(rates).map(|(cotangent, rate)| cotangent * rate).sum()
        };
        voltages.map(at).sum()
    }
}
