//! Problems that are on the edge: potentials that start or restart within doubles of the threshold, rests on either side of it and far from it,
//! currents that just balance, and time constants of many sizes.
//!
//! What restarts near its threshold or is drawn far above it has a refractory time, so that the run ends. Not here: the other numbers (`draw.rs`).

use super::{Plan, Random};
use spikegrad_dynamics::lif::{I, I_BIAS, T_REF, TAU_MEM, TAU_SYN, V, V_LEAK, V_RESET, V_TH};
use spikegrad_dynamics::{Quantity, alif, lif};
use spikegrad_network::problem::{OneOrMany, PopulationDocument, ProblemDocument};

/// A rest far from every other potential.
const FAR: f64 = 1e6;

/// A time constant far shorter than every other, in seconds.
const SHORT: f64 = 1e-6;

/// The numbers of one neuron that are moved to the edge, in the order of [`lif::TABLE`].
struct Neuron([f64; lif::COUNT]);

/// Moves the neurons of a document to their thresholds.
pub(super) fn approach(document: &mut ProblemDocument, plan: &Plan) {
    let mut random = Random::new(plan.seed ^ 0x4ea4);
    let models = [lif::TABLE.model, alif::ALIF.table().model];
    for population in
        document.network.populations.iter_mut().filter(|p| models.contains(&p.model.as_str()))
    {
        let size = usize::try_from(population.size).unwrap_or_default();
        let count = if plan.heterogeneous { size } else { size.min(1) };
        let neurons: Vec<Neuron> = (0..count)
            .map(|k| {
                let mut neuron = Neuron::of(population, k);
                neuron.approach(plan, &mut random);
                neuron
            })
            .collect();
        write(population, &neurons, plan);
    }
}

/// A height near `x`, by a few doubles or by a share of many sizes.
fn near(x: f64, random: &mut Random) -> f64 {
    let side = if random.below(2) == 0 { -1.0 } else { 1.0 };
    match random.below(4) {
        0 => (0..=random.below(3))
            .fold(x, |x, _| if side < 0.0 { x.next_down() } else { x.next_up() }),
        1 => x * (1.0 + side * 1e-12),
        2 => x * (1.0 + side * 1e-7),
        _ => x * (1.0 + side * 1e-3),
    }
}

impl Neuron {
    fn of(population: &PopulationDocument, k: usize) -> Self {
        let number = |quantity: &Quantity| match population.get(quantity) {
            Some(OneOrMany::One(value)) => *value,
            Some(OneOrMany::Many(values)) => values[k],
            None => quantity.default,
        };
        Self(std::array::from_fn(|position| number(&lif::TABLE.quantities[position])))
    }

    fn approach(&mut self, plan: &Plan, random: &mut Random) {
        match random.below(6) {
            0 => self.0[TAU_MEM] = SHORT,
            1 => self.0[TAU_SYN] = SHORT,
            2 => self.0[TAU_MEM] = SHORT * (1.0 + random.unit()),
            _ => {}
        }
        if plan.bias {
            self.move_rest(random);
        }
        if plan.initial {
            if random.below(4) > 0 {
                self.0[V] = near(self.0[V_TH], random);
            }
            if random.below(2) == 0 {
                // All but in balance at the threshold.
                self.0[I] = near(self.0[V_TH], random) - (self.0[V_LEAK] + self.0[I_BIAS]);
            }
        }
        if random.below(3) == 0 {
            self.0[V_RESET] = near(self.0[V_TH], random);
        }
        // On the other side of it by as much.
        let below = |v: f64| {
            if v < self.0[V_TH] {
                v
            } else {
                (2.0 * self.0[V_TH] - v).min(self.0[V_TH].next_down())
            }
        };
        (self.0[V], self.0[V_RESET]) = (below(self.0[V]), below(self.0[V_RESET]));
        let is_drawn_far = (self.0[V_LEAK] + self.0[I_BIAS] - self.0[V_TH]) * 0.02
            > self.0[V_TH] * self.0[TAU_MEM];
        if self.0[V_RESET] > 0.5 * self.0[V_TH] || is_drawn_far || self.0[TAU_MEM] < 1e-3 {
            self.0[T_REF] = 0.002 + 0.004 * random.unit();
        }
    }

    fn move_rest(&mut self, random: &mut Random) {
        let rest = match random.below(6) {
            0 => FAR * (1.0 + random.unit()),
            1 => return,
            2 => 1.2 * self.0[V_TH],
            _ => near(self.0[V_TH], random),
        };
        (self.0[V_LEAK], self.0[I_BIAS]) = match random.below(3) {
            0 => (0.0, rest),
            1 => (rest, 0.0),
            // Two large numbers whose sum is known exactly.
            _ => (-FAR, FAR + rest),
        };
    }
}

fn write(population: &mut PopulationDocument, neurons: &[Neuron], plan: &Plan) {
    let mut positions = vec![V_RESET, T_REF, TAU_MEM, TAU_SYN];
    positions.extend(if plan.bias { [V_LEAK, I_BIAS].as_slice() } else { &[] });
    positions.extend(if plan.initial { [V, I].as_slice() } else { &[] });
    // With several receptors there is no single current.
    let is_one = population.receptor_names().is_empty();
    for position in positions.into_iter().filter(|&position| is_one || position != I) {
        let numbers = match neurons {
            [] => return,
            [one] if !plan.heterogeneous => OneOrMany::One(one.0[position]),
            each => OneOrMany::Many(each.iter().map(|neuron| neuron.0[position]).collect()),
        };
        population.set(&lif::TABLE.quantities[position], numbers);
    }
}
