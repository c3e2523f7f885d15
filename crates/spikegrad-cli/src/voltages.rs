//! Membrane potentials at chosen times, and those that `--record` adds to an answer.
//!
//! A run that is asked for samples reads the exact potential there: between events it has a closed form, so a sample needs
//! no step before it. Spikes come from a run that reads nothing, potentials from a run of their own.

use crate::error::Failure;
use serde::Serialize;
use spikegrad::problem::Problem;
use spikegrad::{Evaluator, Measure, NeuronId, Readout, ReadoutRequest, Settings, SimulateError};
use std::collections::BTreeMap;

/// Most potentials that `--record` reads.
const MOST_SAMPLES: u32 = 1_000_000;

/// What `--record` adds to an answer.
#[derive(Debug, Serialize)]
pub(crate) struct Voltages {
    /// In seconds, from 0 to the end.
    times: Vec<f64>,
    /// By population.
    voltages: BTreeMap<String, PopulationVoltages>,
}

#[derive(Debug, Serialize)]
struct PopulationVoltages {
    /// Time between two samples, in seconds.
    dt: f64,
    /// For each neuron, the potential at each time.
    v: Vec<Vec<f64>>,
}

/// Refuses what would be more than a million numbers.
pub(crate) fn check_count(problem: &Problem, dt: f64) -> Result<(), Failure> {
    let (neurons, t_end) = (problem.network.neurons(), problem.stimulus.t_end());
    #[expect(clippy::cast_precision_loss, reason = "networks have at most a million neurons")]
    let count = (last_sample(t_end, dt) + 1.0) * neurons.max(1) as f64;
    if count <= f64::from(MOST_SAMPLES) {
        return Ok(());
    }
    Err(Failure::TooManySamples { dt, neurons, t_end, limit: MOST_SAMPLES })
}

/// Reads the potential of every neuron every `dt` seconds. The count was checked.
pub(crate) fn record(problem: &Problem, dt: f64, max_events: u64) -> Result<Voltages, Failure> {
    let times = times(problem.stimulus.t_end(), dt);
    let mut voltages = BTreeMap::new();
    let read = sample(problem, 0..problem.network.neurons(), &times, max_events)?;
    for (k, population) in problem.network.populations().iter().enumerate() {
        let v = read[problem.network.range(k)].to_vec();
        voltages.insert(population.name.clone(), PopulationVoltages { dt, v });
    }
    Ok(Voltages { times, voltages })
}

/// The number of the last sample, counted from 0: how often `dt` fits into the run, forgiving the rounding of the two.
fn last_sample(t_end: f64, dt: f64) -> f64 {
    (t_end / dt * (1.0 + 4.0 * f64::EPSILON)).floor()
}

/// The multiples of `dt` from 0 to the end of the run; the count was checked.
fn times(t_end: f64, dt: f64) -> Vec<f64> {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to a million")]
    let last = last_sample(t_end, dt) as u32;
    (0..=last).map(|k| (f64::from(k) * dt).min(t_end)).collect()
}

/// Runs the problem once more, and returns for each of `neurons` the potential at each of `times`.
pub(crate) fn sample(
    problem: &Problem,
    neurons: impl Iterator<Item = usize>,
    times: &[f64],
    max_events: u64,
) -> Result<Vec<Vec<f64>>, Failure> {
    let request = |neuron: usize| {
        let neuron = NeuronId::new(neuron);
        times.iter().map(move |&time| ReadoutRequest { neuron, measure: Measure::Sample { time } })
    };
    let requests: Vec<ReadoutRequest> = neurons.flat_map(request).collect();
    let settings = Settings { max_events, ..Settings::default() };
    let failed = |error: SimulateError| Failure::of(error.into());
    let mut evaluator = Evaluator::new(&problem.network, &problem.parameters, settings)
        .map_err(|error| failed(error.into()))?;
    let trace = evaluator.simulate_forward(&problem.stimulus, &requests).map_err(failed)?;
    let finite = |readout: &Readout| match readout.value.is_finite() {
        true => Ok(readout.value),
        false => Err(failed(SimulateError::NonFinite {
            neuron: problem.network.named(readout.request.neuron),
            time: readout.time,
        })),
    };
    let of_a_neuron = |readouts: &[Readout]| readouts.iter().map(finite).collect();
    trace.readouts.chunks(times.len().max(1)).map(of_a_neuron).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_reach_the_end_of_the_run_in_spite_of_rounding() {
        // 0.3/0.1 is 2.9999999999999996, and 3 × 0.1 is beyond 0.3.
        assert_eq!(times(0.3, 0.1), [0.0, 0.1, 0.2, 0.3]);
        assert_eq!(times(0.3, 0.2), [0.0, 0.2]);
        assert_eq!(times(0.3, 1e300), [0.0]);
        assert_eq!(times(0.0, 0.1), [0.0]);
    }
}
