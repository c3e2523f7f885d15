//! Problems that are on the edge: potentials that start or restart within doubles of the threshold, rests on either side of it and far from it,
//! currents that just balance, and time constants of many sizes.
//!
//! What restarts near its threshold or is drawn far above it has a refractory time, so that the run ends. Not here: the other numbers (`draw.rs`).

use super::{Plan, Random};
use spikegrad_network::problem::{OneOrMany, PopulationDocument, ProblemDocument};

/// A rest far from every other potential.
const FAR: f64 = 1e6;

/// A time constant far shorter than every other, in seconds.
const SHORT: f64 = 1e-6;

/// The numbers of one neuron that are moved to the edge.
struct Neuron {
    v_th: f64,
    v_reset: f64,
    v_leak: f64,
    i_bias: f64,
    t_ref: f64,
    tau_mem: f64,
    tau_syn: f64,
    v: f64,
    i: f64,
}

/// Moves the neurons of a document to their thresholds.
pub(super) fn approach(document: &mut ProblemDocument, plan: &Plan) {
    let mut random = Random::new(plan.seed ^ 0x4ea4);
    for population in document.network.populations.iter_mut().filter(|p| p.model == "lif") {
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

fn number(values: &Option<OneOrMany<Vec<f64>>>, k: usize, default: f64) -> f64 {
    match values {
        Some(OneOrMany::One(value)) => *value,
        Some(OneOrMany::Many(values)) => values[k],
        None => default,
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
        let (params, initial) = (&population.params, &population.initial);
        Self {
            v_th: number(&params.v_th, k, 1.0),
            v_reset: number(&params.v_reset, k, 0.0),
            v_leak: number(&params.v_leak, k, 0.0),
            i_bias: number(&params.i_bias, k, 0.0),
            t_ref: number(&params.t_ref, k, 0.0),
            tau_mem: number(&params.tau_mem, k, 0.02),
            tau_syn: number(&params.tau_syn, k, 0.005),
            v: number(&initial.v, k, 0.0),
            i: number(&initial.i, k, 0.0),
        }
    }

    fn approach(&mut self, plan: &Plan, random: &mut Random) {
        match random.below(6) {
            0 => self.tau_mem = SHORT,
            1 => self.tau_syn = SHORT,
            2 => self.tau_mem = SHORT * (1.0 + random.unit()),
            _ => {}
        }
        if plan.bias {
            self.move_rest(random);
        }
        if plan.initial {
            if random.below(4) > 0 {
                self.v = near(self.v_th, random);
            }
            if random.below(2) == 0 {
                // All but in balance at the threshold.
                self.i = near(self.v_th, random) - (self.v_leak + self.i_bias);
            }
        }
        if random.below(3) == 0 {
            self.v_reset = near(self.v_th, random);
        }
        // On the other side of it by as much.
        let below = |v: f64| {
            if v < self.v_th { v } else { (2.0 * self.v_th - v).min(self.v_th.next_down()) }
        };
        (self.v, self.v_reset) = (below(self.v), below(self.v_reset));
        let is_drawn_far =
            (self.v_leak + self.i_bias - self.v_th) * 0.02 > self.v_th * self.tau_mem;
        if self.v_reset > 0.5 * self.v_th || is_drawn_far || self.tau_mem < 1e-3 {
            self.t_ref = 0.002 + 0.004 * random.unit();
        }
    }

    fn move_rest(&mut self, random: &mut Random) {
        let rest = match random.below(6) {
            0 => FAR * (1.0 + random.unit()),
            1 => return,
            2 => 1.2 * self.v_th,
            _ => near(self.v_th, random),
        };
        (self.v_leak, self.i_bias) = match random.below(3) {
            0 => (0.0, rest),
            1 => (rest, 0.0),
            // Two large numbers whose sum is known exactly.
            _ => (-FAR, FAR + rest),
        };
    }
}

fn write(population: &mut PopulationDocument, neurons: &[Neuron], plan: &Plan) {
    let values = |of: fn(&Neuron) -> f64| match neurons {
        [] => None,
        [one] if !plan.heterogeneous => Some(OneOrMany::One(of(one))),
        each => Some(OneOrMany::Many(each.iter().map(of).collect())),
    };
    let params = &mut population.params;
    params.v_reset = values(|n| n.v_reset);
    params.t_ref = values(|n| n.t_ref);
    params.tau_mem = values(|n| n.tau_mem);
    params.tau_syn = values(|n| n.tau_syn);
    if plan.bias {
        params.v_leak = values(|n| n.v_leak);
        params.i_bias = values(|n| n.i_bias);
    }
    if plan.initial {
        population.initial.v = values(|n| n.v);
        population.initial.i = values(|n| n.i);
    }
}
