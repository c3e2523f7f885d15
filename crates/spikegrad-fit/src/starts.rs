//! The search for the numbers of a neuron alone, from one start after another.
//!
//! Not here: what it hears (`alone.rs`), its network (`fit.rs`).

use crate::error::FitError;
use crate::fit::{FitSettings, FittedNeuron};
use crate::least_squares::{Point, Residuals, minimise};
use crate::numbers::{Numbers, weights_and_delays};
use crate::potentials::{Potentials, without_threshold};
use crate::restart::redrawn;
use crate::runs::Runs;
use crate::spike_times::{Outcome, SpikeTimes, Target, requests};
use nalgebra::DVector;
use rand_chacha::ChaCha8Rng;
use spikegrad::{ConnectionParameters, Model, Network, Parameters, Stimulus};

/// How much closer than the tolerance the spikes of a neuron alone shall be: what it is off grows where neurons hear each other.
const CLOSER: f64 = 1e-9;

/// Most runs of a neuron alone from one start, of each kind of residuals.
const RUNS_OF_A_START: u32 = 200;

/// A neuron alone, and what it is to do.
pub(crate) struct Alone<'a> {
    pub(crate) network: Network,
    pub(crate) trained: Parameters<bool>,
    pub(crate) stimulus: &'a Stimulus,
    pub(crate) target: Target,
    pub(crate) settings: &'a FitSettings,
}

impl Alone<'_> {
    /// Searches from `start`, unless that `is_redrawn`, and from others drawn from a `stream`, until one search comes within the tolerance. Returns the best that was found.
    pub(crate) fn fit(
        &self,
        start: &Parameters,
        is_redrawn: bool,
        most: u32,
        stream: impl Fn(u32) -> ChaCha8Rng,
    ) -> Result<(Parameters, FittedNeuron), FitError> {
        let settings = self.settings;
        let mut best: Option<(f64, Parameters, Outcome)> = None;
        let mut failure = None;
        let (mut starts, mut evaluations) = (0, 0);
        for attempt in 0..most {
            starts += 1;
            let drawn = match attempt {
                0 if !is_redrawn => start.clone(),
                _ => {
                    let mut rng = stream(attempt);
                    redrawn(&self.network, start, &self.trained, settings.least_delay, &mut rng)
                }
            };
            match self.search(drawn, &mut evaluations) {
                Ok(found) => {
                    let is_reached = found.2.is_within(settings.tolerance);
                    if best.as_ref().is_none_or(|best| found.0 < best.0) || is_reached {
                        best = Some(found);
                    }
                    if is_reached {
                        break;
                    }
                }
                Err(error) if error.is_interrupt() => return Err(error),
                Err(error) => failure = failure.or(Some(error)),
            }
        }
        let Some((_, parameters, outcome)) = best else {
            return Err(failure.unwrap_or(FitError::NothingTrained));
        };
        let fitted = FittedNeuron {
            neuron: String::new(),
            starts,
            evaluations,
            largest: outcome.largest,
            is_reached: outcome.is_within(settings.tolerance),
        };
        Ok((parameters, fitted))
    }

    /// Cost, parameters and outcome of the search from one start.
    fn search(
        &self,
        mut start: Parameters,
        evaluations: &mut u32,
    ) -> Result<(f64, Parameters, Outcome), FitError> {
        let Self { network, trained, settings, .. } = self;
        let is_leaky = network.populations()[0].model == Model::Lif;
        if is_leaky && !self.is_reached(&start)? {
            start.connections = self.by_potentials(&start, evaluations)?;
        }
        let numbers = Numbers::new(network, &start, trained, settings.least_delay);
        let mut times = self.spike_times(start, &numbers)?;
        let point = search(&mut times, &numbers, evaluations)?;
        let outcome = times.outcome(&point.x)?;
        Ok((point.cost(), times.runs.parameters, outcome))
    }

    fn spike_times<'a>(
        &'a self,
        start: Parameters,
        numbers: &'a Numbers,
    ) -> Result<SpikeTimes<'a>, FitError> {
        let Self { network, stimulus, target, settings, .. } = self;
        let (targets, close) = (std::slice::from_ref(target), CLOSER * settings.tolerance);
        let requests = requests(targets);
        let runs = Runs::new(network, start, numbers, stimulus, requests, settings.run)?;
        Ok(SpikeTimes::new(runs, targets, close))
    }

    /// Whether a neuron with these parameters needs no search.
    fn is_reached(&self, start: &Parameters) -> Result<bool, FitError> {
        let none = Numbers::new(&self.network, start, &start.map(|_| false), 0.0);
        let mut times = self.spike_times(start.clone(), &none)?;
        times.outcome(&DVector::zeros(0))?;
        Ok(times.is_solved())
    }

    /// Weights and delays with which the potential of a leaky neuron is where it shall be.
    fn by_potentials(
        &self,
        start: &Parameters,
        evaluations: &mut u32,
    ) -> Result<Vec<ConnectionParameters>, FitError> {
        let Self { network, trained, stimulus, target, settings } = self;
        let free = without_threshold(start);
        let connections = trained.connections.clone();
        let trained = Parameters { connections, ..weights_and_delays(&free) };
        let numbers = Numbers::new(network, &free, &trained, settings.least_delay);
        let mut potentials =
            Potentials::new(network, start, &numbers, stimulus, &target.times, settings.run)?;
        let point = search(&mut potentials, &numbers, evaluations)?;
        numbers.write(&point.x, &mut potentials.runs.parameters);
        Ok(potentials.runs.parameters.connections)
    }
}

/// Searches from one start, and counts the runs.
fn search(
    problem: &mut dyn Residuals,
    numbers: &Numbers,
    evaluations: &mut u32,
) -> Result<Point, FitError> {
    let start = DVector::zeros(numbers.count());
    let point = minimise(problem, start, RUNS_OF_A_START, |_| ())?;
    *evaluations += point.evaluations;
    Ok(point)
}
