//! Receptors for the populations of a problem: from two to six, of equal, nearly equal and other time constants.
//!
//! Connections go to receptors by turns, and half of those from the input to two of them, so that a spike arrives at both at one instant.
//!
//! Not here: all other numbers (`draw.rs`).

use super::{Plan, Random};
use spikegrad_network::Model;
use spikegrad_network::problem::{ConnectionDocument, Numbers, OneOrMany, ProblemDocument};

/// Numbers of receptors, of which two are the rule.
const COUNTS: [usize; 7] = [2, 2, 2, 3, 4, 5, 6];

/// A time constant for a receptor, in seconds: some are those of membranes and other synapses, or next to them.
fn tau(random: &mut Random) -> f64 {
    let near = 0.005 * (1.0 + 2f64.powi(-31));
    [0.005, 0.005, near, 0.02, 0.01, 0.003, 0.0005, 0.05][random.below(8)]
}

/// Gives most populations receptors. What their synapses had belongs to the first.
pub(super) fn receive(document: &mut ProblemDocument, plan: &Plan) {
    let mut random = Random::new(plan.seed ^ 0x4ece);
    let mut connections = Vec::new();
    for population in &mut document.network.populations {
        let size = usize::try_from(population.size).unwrap_or(usize::MAX);
        let count = COUNTS[random.below(COUNTS.len())];
        let plain =
            [Model::Lif, Model::Li].into_iter().find(|m| m.table().model == population.model);
        let model = plain.and_then(|model| model.with_receptors(count));
        let Some(model) = model.filter(|_| random.below(4) > 0) else { continue };
        let first = population.params.take("tau_syn");
        let current = population.initial.take("i");
        let numbers = |random: &mut Random, draw: &dyn Fn(&mut Random) -> f64| -> Numbers {
            if plan.heterogeneous {
                OneOrMany::Many((0..size).map(|_| draw(random)).collect())
            } else {
                OneOrMany::One(draw(random))
            }
        };
        for quantity in model.table().quantities {
            let is_of = |path: &str| quantity.path.starts_with(path);
            if is_of("receptors[") {
                let drawn = numbers(&mut random, &tau);
                let is_first = is_of("receptors[0]");
                population.set(quantity, first.clone().filter(|_| is_first).unwrap_or(drawn));
            } else if is_of("initial.i[") && current.is_some() {
                let drawn = numbers(&mut random, &|random| 3.0 * random.unit() - 1.0);
                let is_first = is_of("initial.i[0]");
                population.set(quantity, current.clone().filter(|_| is_first).unwrap_or(drawn));
            }
        }
        let to_it = document.network.connections.iter_mut().filter(|c| c.to == population.name);
        for connection in to_it {
            let receptor = random.below(count);
            connection.receptor = Some(receptor.to_string());
            if connection.from == "input" && random.below(2) == 0 {
                let other = (receptor + 1 + random.below(count - 1)) % count;
                connections.push(opposite(connection, other));
            }
        }
    }
    document.network.connections.extend(connections);
}

/// Half as strong a connection of the other sign, to another receptor.
fn opposite(connection: &ConnectionDocument, receptor: usize) -> ConnectionDocument {
    let mut other =
        ConnectionDocument { receptor: Some(receptor.to_string()), ..connection.clone() };
    if let Some(weights) = &mut other.weights {
        weights.for_each_mut(|weight| *weight *= -0.5);
    }
    other
}
