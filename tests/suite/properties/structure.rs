//! What has no effect has none: halves that make a whole, inputs and neurons that nobody hears.

use super::{are_the_same_sums, evaluate, spikes};
use crate::random_networks::{Delays, Plan, Regime, any_plan, for_all, for_all_of};
use proptest::prelude::*;
use spikegrad::problem::Problem;
use spikegrad::{
    ConnectionParameters, Evaluation, InputSpike, Network, Population, SharedWeights, Source,
    Stimulus, Synapses, Trace, Values, lif,
};
use spikegrad_network::{Circuit, Time};
use std::collections::BTreeSet;

/// Whether two arrivals come to one neuron at one time: from equal neurons, from spikes so close that their arrivals are not, or through a synapse that
/// is listed twice.
fn arrivals_meet(problem: &Problem, trace: &Trace) -> bool {
    let circuit = Circuit::new(&problem.network, &problem.parameters).unwrap();
    let inputs = trace.stimulus.spikes().iter().map(|s| (s.channel, Time::from(s.time)));
    let spikes = trace.spikes.iter().map(|s| (circuit.source_of(s.neuron), s.at()));
    let mut seen = BTreeSet::new();
    inputs.chain(spikes).any(|(source, at)| {
        circuit.groups_of(source).any(|group| {
            let time = at.after(circuit.delay(group)).rounded.to_bits();
            circuit.synapses(group).any(|k| !seen.insert((circuit.targets[k], time)))
        })
    })
}

#[test]
fn a_synapse_split_in_two_halves_is_the_synapse() {
    // Where arrivals meet, a sum of halves of several weights rounds differently.
    let plans = any_plan().prop_map(|plan| Plan {
        heterogeneous: true,
        recurrent: plan.recurrent && plan.delays != Delays::Zero,
        ..plan
    });
    for_all_of(&[Regime::Usual, Regime::NearThreshold, Regime::LongGaps], plans, |_, problem| {
        let mut other = problem.clone();
        let mut connections = problem.network.connections().to_vec();
        connections.extend(problem.network.connections().to_vec());
        let halves: Vec<ConnectionParameters> = problem
            .parameters
            .connections
            .iter()
            .map(|c| ConnectionParameters {
                weights: c.weights.iter().map(|w| w / 2.0).collect(),
                delay: c.delay.clone(),
            })
            .collect();
        other.parameters.connections = [halves.clone(), halves].concat();
        let populations = problem.network.populations().to_vec();
        other.network = Network::new(problem.network.inputs(), populations, connections).unwrap();
        let one = evaluate(problem)?;
        if arrivals_meet(problem, &one.trace) {
            return Ok(0);
        }
        let two = evaluate(&other)?;
        prop_assert_eq!(spikes(&one.trace), spikes(&two.trace));
        prop_assert_eq!(one.loss.to_bits(), two.loss.to_bits());
        // Each half has the derivative of the whole; their delays share it.
        let count = problem.parameters.connections.len();
        let weights = |e: &Evaluation, range: std::ops::Range<usize>| -> Vec<f64> {
            let connections = &e.gradient.parameters.connections[range];
            connections.iter().flat_map(|c| c.weights.clone()).collect()
        };
        let whole = weights(&one, 0..count);
        for half in [weights(&two, 0..count), weights(&two, count..2 * count)] {
            are_the_same_sums(&half, &whole, [problem])?;
        }
        Ok(one.trace.spikes.len())
    });
}

#[test]
fn an_input_without_weight_has_no_effect_on_any_bit_of_a_spike() {
    for_all(any_plan(), |plan, problem| {
        let mut other = problem.clone();
        let inputs = problem.network.inputs();
        let mut connections = problem.network.connections().to_vec();
        for (k, connection) in connections.iter_mut().enumerate() {
            if connection.from == Source::Input && connection.synapses == Synapses::Dense {
                let values = &mut other.parameters.connections[k];
                if let Some(SharedWeights { count, weight_of }) = &mut connection.shared {
                    // One more weight, of which a row without delays of its own needs no other delay.
                    let dead = u32::try_from(*count).unwrap();
                    *weight_of = widened(weight_of, inputs, |_| dead);
                    *count += 1;
                    values.weights.push(0.0);
                    if let Values::Each(delays) = &mut values.delay {
                        delays.push(delays[0]);
                    }
                    continue;
                }
                values.weights = widened(&values.weights, inputs, |_| 0.0);
                if let Values::Each(delays) = &mut values.delay {
                    // Another delay would make of one row a synapse each, and another engine's last bits.
                    *delays = widened(delays, inputs, |row| row[0]);
                }
            }
        }
        let populations = problem.network.populations().to_vec();
        other.network = Network::new(inputs + 1, populations, connections).unwrap();
        let mut random = plan.random();
        let mut spikes_in = problem.stimulus.spikes().to_vec();
        let t_end = problem.stimulus.t_end();
        // Also at the very times of other inputs.
        let at_once = spikes_in.iter().map(|s| InputSpike { channel: inputs, ..*s });
        let between = (0..5).map(|_| InputSpike { channel: inputs, time: t_end * random.unit() });
        let dead: Vec<InputSpike> = at_once.chain(between).collect();
        spikes_in.extend(dead);
        other.stimulus = Stimulus::new(t_end, spikes_in).unwrap();
        let (one, two) = (evaluate(problem)?, evaluate(&other)?);
        prop_assert_eq!(spikes(&one.trace), spikes(&two.trace));
        prop_assert_eq!(one.loss.to_bits(), two.loss.to_bits());
        // Exactly no derivative by its times.
        let of_dead = &two.gradient.input_times[problem.stimulus.spikes().len()..];
        prop_assert!(of_dead.iter().all(|&x| x == 0.0), "{:?}", of_dead);
        Ok(one.trace.spikes.len())
    });
}

/// Rows of `width` with one more entry each.
fn widened<T: Copy>(flat: &[T], width: usize, entry: impl Fn(&[T]) -> T) -> Vec<T> {
    flat.chunks(width).flat_map(|row| row.iter().copied().chain([entry(row)])).collect()
}

#[test]
fn a_neuron_without_connections_changes_no_bit_of_the_others() {
    for_all(any_plan(), |_, problem| {
        let mut populations = problem.network.populations().to_vec();
        let model = spikegrad::Model::Lif;
        populations.push(Population { name: "dead".into(), size: 1, model });
        let connections = problem.network.connections().to_vec();
        let mut other = problem.clone();
        other.network = Network::new(problem.network.inputs(), populations, connections).unwrap();
        // Not dead to itself: it spikes all along, some hundred times in the longest run.
        let own = spikegrad::PopulationParameters::new(model)
            .with(lif::I_BIAS, 3.0)
            .with(lif::T_REF, problem.stimulus.t_end() / 100.0);
        other.parameters.populations.push(own);
        let (one, two) = (evaluate(problem)?, evaluate(&other)?);
        let dead = u32::try_from(problem.network.neurons()).unwrap();
        let (of_dead, others): (Vec<_>, Vec<_>) =
            spikes(&two.trace).into_iter().partition(|&(neuron, _)| neuron == dead);
        prop_assert!(!of_dead.is_empty());
        prop_assert_eq!(spikes(&one.trace), others);
        prop_assert_eq!(one.loss.to_bits(), two.loss.to_bits());
        let gradient = two.gradient.parameters;
        let of_dead = gradient.populations.last().unwrap();
        prop_assert!(of_dead.values().all(|(_, v)| v.as_slice().iter().all(|&x| x == 0.0)));
        prop_assert_eq!(&one.gradient.parameters.connections, &gradient.connections);
        let count = problem.network.populations().len();
        prop_assert_eq!(&one.gradient.parameters.populations, &gradient.populations[..count]);
        Ok(one.trace.spikes.len())
    });
}
