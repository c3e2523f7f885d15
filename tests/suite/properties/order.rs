//! Neither the order of a list in the file nor the numbering of neurons shows.

use super::{are_the_same_sums, evaluate, spikes};
use crate::random_networks::{Plan, Regime, any_plan, for_all};
use crate::support::{Random, shuffle};
use crate::tolerance::REORDERED;
use proptest::prelude::*;
use spikegrad::problem::Problem;
use spikegrad::{
    AnyLoss, Connection, InputSpike, MaxVoltageCrossEntropy, MeanVoltageCrossEntropy, Network,
    NeuronId, Parameters, RelativeSpikeTime, ShapedVoltageCrossEntropy, SharedWeights, Source,
    SpikeTimeMse, Stimulus, Synapse, Synapses, TtfsCrossEntropy, Values, VanRossum, VoltageMse,
};
use std::collections::BTreeMap;

/// The inputs with four at a time, so that an order could show: a sum of two commutes.
fn with_ties(problem: &Problem) -> Vec<InputSpike> {
    let inputs = problem.stimulus.spikes();
    (0..inputs.len()).map(|k| InputSpike { time: inputs[k - k % 4].time, ..inputs[k] }).collect()
}

#[test]
fn the_order_of_input_spikes_in_the_file_does_not_show_in_a_bit() {
    for_all(any_plan(), |plan, problem| {
        let (mut problem, mut other) = (problem.clone(), problem.clone());
        let inputs = with_ties(&problem);
        let mut order: Vec<usize> = (0..inputs.len()).collect();
        shuffle(&mut order, &mut plan.random());
        let t_end = problem.stimulus.t_end();
        other.stimulus = Stimulus::new(t_end, order.iter().map(|&k| inputs[k]).collect()).unwrap();
        problem.stimulus = Stimulus::new(t_end, inputs).unwrap();
        let (one, two) = (evaluate(&problem)?, evaluate(&other)?);
        prop_assert_eq!(&one.trace.spikes, &two.trace.spikes);
        prop_assert_eq!(one.loss.to_bits(), two.loss.to_bits());
        prop_assert_eq!(&one.gradient.parameters, &two.gradient.parameters);
        let expected: Vec<f64> = order.iter().map(|&k| one.gradient.input_times[k]).collect();
        prop_assert_eq!(two.gradient.input_times, expected);
        Ok(one.trace.spikes.len())
    });
}

/// The problem with its connections in another order.
fn reordered(problem: &Problem, order: &[usize]) -> Problem {
    let connections = order.iter().map(|&k| problem.network.connections()[k].clone()).collect();
    let network =
        Network::new(problem.network.inputs(), problem.network.populations().to_vec(), connections);
    let connections = order.iter().map(|&k| problem.parameters.connections[k].clone()).collect();
    Problem {
        network: network.unwrap(),
        parameters: Parameters { connections, ..problem.parameters.clone() },
        ..problem.clone()
    }
}

/// Most synapses that join one pair with one delay.
fn most_joined(problem: &Problem) -> usize {
    let mut joined = BTreeMap::new();
    for (k, connection) in problem.network.connections().iter().enumerate() {
        let delays = &problem.parameters.connections[k].delay;
        for (s, Synapse { pre, post }) in problem.network.synapses(k).enumerate() {
            let from = match connection.from {
                Source::Input => None,
                Source::Population(p) => Some(p),
            };
            let delay = delays.get(connection.weight_of(s));
            let key = (from, pre, connection.to, post, delay.to_bits());
            *joined.entry(key).or_insert(0) += 1;
        }
    }
    joined.into_values().max().unwrap_or(0)
}

/// Whether a sum of more than two weights could be taken in several orders: three synapses that join one pair with one
/// delay, or two, where two equal neurons may spike at one time.
fn has_sums_in_the_order_of_the_file(plan: &Plan, problem: &Problem) -> bool {
    let are_equal = !plan.heterogeneous || plan.regime == Regime::Coincident;
    most_joined(problem) > if are_equal { 1 } else { 2 }
}

#[test]
fn the_order_of_connections_in_the_file_does_not_show_in_a_bit_of_a_spike() {
    for_all(any_plan(), |plan, problem| {
        if has_sums_in_the_order_of_the_file(plan, problem) {
            return Ok(0);
        }
        let mut order: Vec<usize> = (0..problem.network.connections().len()).collect();
        shuffle(&mut order, &mut plan.random());
        let (one, two) = (evaluate(problem)?, evaluate(&reordered(problem, &order))?);
        prop_assert_eq!(&one.trace.spikes, &two.trace.spikes);
        prop_assert_eq!(one.loss.to_bits(), two.loss.to_bits());
        // Sums over the connections of one neuron are taken in the order of the file.
        let expected: Vec<f64> = order
            .iter()
            .flat_map(|&k| one.gradient.parameters.connections[k].weights.clone())
            .collect();
        let got: Vec<f64> =
            two.gradient.parameters.connections.iter().flat_map(|c| c.weights.clone()).collect();
        are_the_same_sums(&got, &expected, [problem])?;
        Ok(one.trace.spikes.len())
    });
}

#[test]
fn the_order_of_synapses_in_a_list_does_not_show_in_a_bit_of_a_spike() {
    let plans = any_plan().prop_map(|plan| Plan { recurrent: true, ..plan });
    for_all(plans, |plan, problem| {
        if has_sums_in_the_order_of_the_file(plan, problem) {
            return Ok(0);
        }
        let mut other = problem.clone();
        let mut connections = problem.network.connections().to_vec();
        let mut random = plan.random();
        for (k, connection) in connections.iter_mut().enumerate() {
            let values = &mut other.parameters.connections[k];
            if let (Synapses::Sparse(list), Some(shared)) =
                (&mut connection.synapses, &mut connection.shared)
            {
                let mut together: Vec<(Synapse, u32)> =
                    list.iter().copied().zip(shared.weight_of.iter().copied()).collect();
                shuffle(&mut together, &mut random);
                (*list, shared.weight_of) = together.into_iter().unzip();
                continue;
            }
            let Synapses::Sparse(list) = &mut connection.synapses else { continue };
            let mut together: Vec<(Synapse, f64, f64)> = (0..list.len())
                .map(|s| (list[s], values.weights[s], values.delay.get(s)))
                .collect();
            shuffle(&mut together, &mut random);
            for (s, (pair, weight, delay)) in together.into_iter().enumerate() {
                (list[s], values.weights[s]) = (pair, weight);
                if let Values::Each(delays) = &mut values.delay {
                    delays[s] = delay;
                }
            }
        }
        let populations = problem.network.populations().to_vec();
        other.network = Network::new(problem.network.inputs(), populations, connections).unwrap();
        let (one, two) = (evaluate(problem)?, evaluate(&other)?);
        prop_assert_eq!(spikes(&one.trace), spikes(&two.trace));
        prop_assert_eq!(one.loss.to_bits(), two.loss.to_bits());
        Ok(one.trace.spikes.len())
    });
}

#[test]
fn the_order_of_dense_weights_does_not_show_in_a_bit() {
    for_all(any_plan(), |_, problem| {
        let network = problem.network.by_source();
        let parameters = problem.parameters.reordered(&problem.network, &network);
        let other = Problem { network, parameters, ..problem.clone() };
        let (one, two) = (evaluate(problem)?, evaluate(&other)?);
        prop_assert_eq!(&one.trace.spikes, &two.trace.spikes);
        prop_assert_eq!(one.loss.to_bits(), two.loss.to_bits());
        let back = |problem_of: &Parameters| problem_of.reordered(&other.network, &problem.network);
        prop_assert_eq!(&one.gradient.parameters, &back(&two.gradient.parameters));
        let Problem { network, parameters, stimulus, document } = &other;
        let written = Problem::from_parts(network, parameters, stimulus, document.loss.clone());
        prop_assert_eq!(&written.unwrap().parameters, &back(parameters));
        Ok(one.trace.spikes.len())
    });
}

/// Puts entry k at position `to[k]`.
fn moved<T: Clone>(list: &[T], to: &[usize]) -> Vec<T> {
    let mut moved = list.to_vec();
    for (k, x) in list.iter().enumerate() {
        moved[to[k]] = x.clone();
    }
    moved
}

/// Where each weight of a connection goes when sources and targets go to new positions, and the new structure.
fn moved_connection(
    connection: &Connection,
    shape: (usize, usize),
    pre_to: &[usize],
    post_to: &[usize],
) -> (Connection, Vec<usize>) {
    let (n_pre, n_post) = shape;
    let mut new = connection.clone();
    let to: Vec<usize> = match &mut new.synapses {
        Synapses::DenseBySource => unreachable!("in no problem file"),
        Synapses::Dense => {
            let pairs = (0..n_post).flat_map(|post| (0..n_pre).map(move |pre| (post, pre)));
            pairs.map(|(post, pre)| post_to[post] * n_pre + pre_to[pre]).collect()
        }
        Synapses::Sparse(list) => {
            for s in list.iter_mut() {
                *s = Synapse { pre: pre_to[s.pre], post: post_to[s.post] };
            }
            (0..list.len()).collect()
        }
    };
    match &mut new.shared {
        // Weights stay where they are; which synapse uses which moves.
        Some(SharedWeights { count, weight_of }) => {
            *weight_of = moved(weight_of, &to);
            let stay = (0..*count).collect();
            (new, stay)
        }
        None => (new, to),
    }
}

/// A problem with the neurons of every population in another order, and where everything went.
struct Permuted {
    problem: Problem,
    /// For each population, the new index of each neuron.
    neurons_to: Vec<Vec<usize>>,
    /// For each connection, the new position of each weight.
    weights_to: Vec<Vec<usize>>,
}

fn permuted(problem: &Problem, random: &mut Random) -> Permuted {
    let network = &problem.network;
    let neurons_to: Vec<Vec<usize>> = network
        .populations()
        .iter()
        .map(|population| {
            let mut to: Vec<usize> = (0..population.size).collect();
            shuffle(&mut to, random);
            to
        })
        .collect();
    let same: Vec<usize> = (0..network.inputs()).collect();
    let mut permuted = problem.clone();
    for (population, to) in permuted.parameters.populations.iter_mut().zip(&neurons_to) {
        for (_, values) in population.values_mut() {
            if let Values::Each(list) = values {
                *list = moved(list, to);
            }
        }
    }
    let (mut connections, mut weights_to) = (Vec::new(), Vec::new());
    for (k, connection) in network.connections().iter().enumerate() {
        let pre_to = match connection.from {
            Source::Input => &same,
            Source::Population(p) => &neurons_to[p],
        };
        let (connection, weight_to) =
            moved_connection(connection, network.shape(k), pre_to, &neurons_to[connection.to]);
        let values = &mut permuted.parameters.connections[k];
        values.weights = moved(&values.weights, &weight_to);
        if let Values::Each(delays) = &mut values.delay {
            *delays = moved(delays, &weight_to);
        }
        connections.push(connection);
        weights_to.push(weight_to);
    }
    permuted.network =
        Network::new(network.inputs(), network.populations().to_vec(), connections).unwrap();
    let last = neurons_to.last().unwrap();
    match permuted.document.loss.as_mut().unwrap() {
        AnyLoss::SpikeTimeMse(SpikeTimeMse { targets, .. })
        | AnyLoss::VanRossum(VanRossum { targets, .. }) => {
            *targets = moved(targets, last);
        }
        AnyLoss::TtfsCrossEntropy(TtfsCrossEntropy { label, .. })
        | AnyLoss::RelativeSpikeTime(RelativeSpikeTime { label, .. })
        | AnyLoss::MaxVoltageCrossEntropy(MaxVoltageCrossEntropy { label, .. })
        | AnyLoss::ShapedVoltageCrossEntropy(ShapedVoltageCrossEntropy { label, .. })
        | AnyLoss::MeanVoltageCrossEntropy(MeanVoltageCrossEntropy { label, .. }) => {
            *label = last[*label];
        }
        AnyLoss::VoltageMse(VoltageMse { samples, .. }) => {
            samples.iter_mut().for_each(|(neuron, ..)| *neuron = last[*neuron]);
        }
        // Those that no plan puts into its file.
        _ => {}
    }
    Permuted { problem: permuted, neurons_to, weights_to }
}

#[test]
fn the_numbering_of_neurons_does_not_show() {
    for_all(any_plan(), |plan, problem| {
        let Permuted { problem: other, neurons_to, weights_to } =
            permuted(problem, &mut plan.random());
        let (one, two) = (evaluate(problem)?, evaluate(&other)?);
        let new_id = |neuron: NeuronId| {
            let (population, index) = problem.network.locate(neuron);
            u32::try_from(problem.network.range(population).start + neurons_to[population][index])
                .unwrap()
        };
        let by_time = |mut spikes: Vec<(u32, u64)>| {
            spikes.sort_by_key(|&(neuron, time)| (time, neuron));
            spikes
        };
        let expected =
            one.trace.spikes.iter().map(|s| (new_id(s.neuron), s.time.to_bits())).collect();
        let (got, expected) = (by_time(spikes(&two.trace)), by_time(expected));
        if expected.windows(2).all(|pair| pair[0].1 < pair[1].1) {
            prop_assert_eq!(got, expected);
        } else {
            // What arrives at one time from several neurons is summed in the order of their numbers.
            prop_assert_eq!(got.len(), expected.len());
            for ((a, time), (b, expected)) in got.into_iter().zip(expected) {
                let (time, expected) = (f64::from_bits(time), f64::from_bits(expected));
                prop_assert!(
                    a == b && (time / expected - 1.0).abs() < REORDERED,
                    "{} {}",
                    time,
                    expected
                );
            }
        }
        let loss = (one.loss - two.loss).abs();
        prop_assert!(loss <= REORDERED * (1.0 + one.loss.abs()), "{} {}", one.loss, two.loss);
        let (mut expected, mut got) = (Vec::new(), Vec::new());
        let (a, b) = (&one.gradient.parameters, &two.gradient.parameters);
        for (k, to) in neurons_to.iter().enumerate() {
            for ((_, a), (_, b)) in a.populations[k].values().zip(b.populations[k].values()) {
                expected.extend(if a.as_slice().len() == to.len() {
                    moved(a.as_slice(), to)
                } else {
                    a.as_slice().to_vec()
                });
                got.extend_from_slice(b.as_slice());
            }
        }
        for (k, to) in weights_to.iter().enumerate() {
            expected.extend(moved(&a.connections[k].weights, to));
            got.extend_from_slice(&b.connections[k].weights);
        }
        are_the_same_sums(&got, &expected, [problem])?;
        Ok(one.trace.spikes.len())
    });
}
