//! Stochastic spikes out of given uniform numbers, so that a run can be repeated with one decision turned round.
//!
//! Decision k, in the order in which a run asks, is a spike if its uniform number ω is at least 1 − p. Two runs with the same
//! numbers are coupled: they differ only where their probabilities do. Not here: derivatives (`derivative.rs`).

use super::Noise;
use crate::time_stepped::Firing;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Spikes drawn from escape noise.
#[derive(Clone, Debug)]
pub struct Drawn<'a> {
    noise: &'a Noise,
    rng: ChaCha8Rng,
}

impl<'a> Drawn<'a> {
    /// Draws from stream `stream` of `seed`: one stream for each trial, whatever the thread.
    #[must_use]
    pub fn new(noise: &'a Noise, seed: u64, stream: u64) -> Self {
        Self { noise, rng: rng(seed, stream) }
    }
}

impl Firing for Drawn<'_> {
    fn emit(&mut self, _: usize, neuron: usize, x: f64) -> f64 {
        let is_spike = self.rng.random::<f64>() >= 1.0 - self.noise.probability(neuron, x);
        f64::from(u8::from(is_spike))
    }
}

/// `count` uniform numbers in [0, 1) from stream `stream` of `seed`; with them [`Coupled`] draws what [`Drawn`] does.
#[must_use]
pub fn uniforms(count: usize, seed: u64, stream: u64) -> Vec<f64> {
    rng(seed, stream).random_iter().take(count).collect()
}

fn rng(seed: u64, stream: u64) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(stream);
    rng
}

/// A decision that was made.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Decision {
    /// When.
    pub step: usize,
    /// Whose.
    pub neuron: usize,
    /// The potential above the threshold.
    pub x: f64,
    /// The probability of a spike.
    pub probability: f64,
    /// Whether it spiked.
    pub is_spike: bool,
}

/// What decides.
#[derive(Clone, Copy, Debug)]
enum Source<'a> {
    Uniforms { uniforms: &'a [f64], turned: Option<usize> },
    Outcomes(&'a [bool]),
}

/// Spikes from given uniform numbers, or given outcomes, with a record of the decisions.
#[derive(Clone, Debug)]
pub struct Coupled<'a> {
    noise: &'a Noise,
    source: Source<'a>,
    decisions: Vec<Decision>,
}

impl<'a> Coupled<'a> {
    /// Draws with these numbers, one for each decision; decision `turned`, if any, comes out the other way.
    #[must_use]
    pub fn new(noise: &'a Noise, uniforms: &'a [f64], turned: Option<usize>) -> Self {
        Self { noise, source: Source::Uniforms { uniforms, turned }, decisions: Vec::new() }
    }

    /// Spikes where `outcomes`, one for each decision, say so.
    #[must_use]
    pub fn forced(noise: &'a Noise, outcomes: &'a [bool]) -> Self {
        Self { noise, source: Source::Outcomes(outcomes), decisions: Vec::new() }
    }

    /// What was decided, in order.
    #[must_use]
    pub fn into_decisions(self) -> Vec<Decision> {
        self.decisions
    }
}

impl Firing for Coupled<'_> {
    /// # Panics
    /// If there are fewer numbers, or outcomes, than decisions.
    fn emit(&mut self, step: usize, neuron: usize, x: f64) -> f64 {
        let at = self.decisions.len();
        let probability = self.noise.probability(neuron, x);
        let is_spike = match self.source {
            Source::Uniforms { uniforms, turned } => {
                (uniforms[at] >= 1.0 - probability) != (turned == Some(at))
            }
            Source::Outcomes(outcomes) => outcomes[at],
        };
        self.decisions.push(Decision { step, neuron, x, probability, is_spike });
        f64::from(u8::from(is_spike))
    }
}
