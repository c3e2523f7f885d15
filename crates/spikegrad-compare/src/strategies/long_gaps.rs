//! Problems with gaps of a hundred to a million time constants between inputs, in which all decays that can: currents, memories of resets, and
//! the numbers by which an engine bounds them.
//!
//! A neuron that a bias keeps going has a refractory time of a share of the run, so that the run ends. Not here: the other numbers (`draw.rs`).

use super::{Plan, Random};
use spikegrad_dynamics::{lif, math};
use spikegrad_network::loss::{AnyLoss, SpikeTimeMse, TtfsCrossEntropy, VoltageMse};
use spikegrad_network::problem::{OneOrMany, ProblemDocument};

/// The time constant that gaps are measured by, in seconds.
const TAU: f64 = 0.005;

/// Most spikes of a neuron that a bias keeps going.
const SPIKES: f64 = 20.0;

/// Stretches the times of a document.
pub(super) fn stretch(document: &mut ProblemDocument, plan: &Plan) {
    let mut random = Random::new(plan.seed ^ 0x6a9);
    let gap = TAU * math::pow(10.0, 2.0 + 4.0 * random.unit());
    let spikes = &mut document.stimulus.spikes;
    let mut order: Vec<usize> = (0..spikes.len()).collect();
    order.sort_by(|&a, &b| spikes[a].1.total_cmp(&spikes[b].1));
    let mut time = 0.0;
    for k in order {
        // Some come together, so that they may make a neuron spike.
        if random.below(2) == 0 {
            time += gap * (0.1 + random.unit());
        } else {
            time += TAU * random.unit();
        }
        spikes[k].1 = time;
    }
    let t_end = time + gap;
    let by = t_end / document.stimulus.t_end;
    document.stimulus.t_end = t_end;
    for population in document.network.populations.iter_mut().filter(|p| p.model == "lif") {
        if plan.bias {
            population.set(&lif::TABLE.quantities[lif::T_REF], OneOrMany::One(t_end / SPIKES));
        }
    }
    match &mut document.loss {
        // The exponential of a late spike's time in units of tau1 would overflow.
        Some(AnyLoss::TtfsCrossEntropy(TtfsCrossEntropy { tau0, tau1, .. })) => {
            (*tau0, *tau1) = (*tau0 * by, *tau1 * by);
        }
        Some(AnyLoss::SpikeTimeMse(SpikeTimeMse { targets, .. })) => {
            targets.iter_mut().flatten().for_each(|time| *time *= by);
        }
        Some(AnyLoss::VoltageMse(VoltageMse { samples, .. })) => {
            samples.iter_mut().for_each(|(_, time, _)| *time *= by);
        }
        _ => {}
    }
}
