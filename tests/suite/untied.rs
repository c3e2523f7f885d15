//! A problem's copies in which less is shared: the same run, whose derivatives are the terms of the problem's own.

use spikegrad::problem::Problem;
use spikegrad::{Network, Parameters, Values};

/// Values of `network` with a weight, and where delays differ a delay, of its own for each synapse.
fn spread(network: &Network, values: &Parameters) -> Parameters {
    let mut spread = values.clone();
    for (k, connection) in network.connections().iter().enumerate() {
        let values = &mut spread.connections[k];
        let each = |of_weights: &[f64]| -> Vec<f64> {
            let synapses = 0..network.synapse_count(k);
            synapses.map(|s| of_weights[connection.weight_of(s)]).collect()
        };
        values.weights = each(&values.weights);
        if let Values::Each(delays) = &mut values.delay {
            *delays = each(delays);
        }
    }
    spread
}

/// The problem with a weight, and where delays differ a delay, of its own for each synapse.
pub(crate) fn untied(problem: &Problem) -> Problem {
    let network = &problem.network;
    let mut connections = network.connections().to_vec();
    connections.iter_mut().for_each(|connection| connection.shared = None);
    let parameters = spread(network, &problem.parameters);
    let populations = network.populations().to_vec();
    let network = Network::new(network.inputs(), populations, connections).unwrap();
    Problem { network, parameters, ..problem.clone() }
}

/// The problem with every number of its own for each neuron and each synapse. Equal neurons that share weights may have derivatives that
/// cancel to roundings of these.
pub(crate) fn with_own_numbers(problem: &Problem) -> Problem {
    let mut copy = untied(problem);
    for (population, values) in
        problem.network.populations().iter().zip(&mut copy.parameters.populations)
    {
        for (_, values) in values.values_mut() {
            if let Values::Shared(value) = values {
                *values = Values::Each(vec![*value; population.size]);
            }
        }
    }
    copy
}
