//! A network with shared weights is its copy in which each synapse has a weight of its own: to the bit, and with gradients that add up.

use super::spikes;
use crate::random_networks::{MAX_EVENTS, Plan, USUAL, any_plan, for_all, layered_plan, runaway};
use crate::untied::untied;
use proptest::prelude::*;
use proptest::test_runner::{TestCaseError, TestCaseResult};
use spikegrad::problem::Problem;
use spikegrad::{Connection, Parameters, Settings, Values, value_and_grad};

/// A sum of n terms in two orders: n roundings each, relative to the sum of the sizes of the terms.
fn of_order(terms: usize) -> f64 {
    f64::from(u32::try_from(terms).unwrap()) * f64::EPSILON
}

/// That each entry of `tied` is the sum of those of `copy` that belong to it.
fn adds_up(connection: &Connection, tied: &[f64], copy: &[f64]) -> TestCaseResult {
    let (mut sums, mut sizes) = (vec![0.0; tied.len()], vec![0.0; tied.len()]);
    for (synapse, derivative) in copy.iter().enumerate() {
        sums[connection.weight_of(synapse)] += derivative;
        sizes[connection.weight_of(synapse)] += derivative.abs();
    }
    for ((tied, sum), size) in tied.iter().zip(sums).zip(sizes) {
        prop_assert!((tied - sum).abs() <= of_order(copy.len()) * size, "{} {}", tied, sum);
    }
    Ok(())
}

fn add_up(problem: &Problem, tied: &Parameters, copy: &Parameters) -> TestCaseResult {
    prop_assert_eq!(&tied.populations, &copy.populations);
    for (k, connection) in problem.network.connections().iter().enumerate() {
        let (tied, copy) = (&tied.connections[k], &copy.connections[k]);
        adds_up(connection, &tied.weights, &copy.weights)?;
        match (&tied.delay, &copy.delay) {
            (Values::Each(tied), Values::Each(copy)) => adds_up(connection, tied, copy)?,
            (tied, copy) => prop_assert_eq!(tied, copy),
        }
    }
    Ok(())
}

fn is_its_copy(problem: &Problem, max_events: u64) -> Result<usize, TestCaseError> {
    let evaluate = |problem: &Problem| {
        let loss = problem.document.loss.as_ref().unwrap();
        let Problem { network, parameters, stimulus, .. } = problem;
        let settings = Settings { max_events, ..Settings::default() };
        value_and_grad(network, parameters, stimulus, loss, &settings).map_err(runaway)
    };
    let (tied, copy) = (evaluate(problem)?, evaluate(&untied(problem))?);
    prop_assert_eq!(spikes(&tied.trace), spikes(&copy.trace));
    prop_assert_eq!(tied.loss.to_bits(), copy.loss.to_bits());
    prop_assert_eq!(&tied.gradient.input_times, &copy.gradient.input_times);
    add_up(problem, &tied.gradient.parameters, &copy.gradient.parameters)?;
    Ok(tied.trace.spikes.len())
}

#[test]
fn shared_weights_are_copies_whose_gradients_add_up() {
    let plans = any_plan().prop_map(|plan| Plan { tied: true, ..plan });
    for_all(plans, |_, problem| is_its_copy(problem, MAX_EVENTS));
}

/// Layers are larger than other networks.
const EVENTS_OF_LAYERS: u64 = 100_000;

#[test]
fn shared_weights_of_layers_are_copies_whose_gradients_add_up() {
    // In a run of a hundred seconds the loss of a late label is not finite.
    let plans = layered_plan().prop_map(|plan| Plan { tied: true, window: USUAL, ..plan });
    for_all(plans, |_, problem| is_its_copy(problem, EVENTS_OF_LAYERS));
}
