//! The numbers of neurons with several receptors: a time constant and an initial current for each, between those that the model has anyway.
//!
//! Not here: which numbers a model has anyway (`mod.rs`, `alif/table.rs`).

use super::MOST;
use crate::NUMBERS;
use crate::lif::{CURRENT, START, SYNAPSE};
use crate::table::{Kind, Quantity};

const fn time_constant(path: &'static str) -> Quantity {
    Quantity::new(path, "synaptic time constant", Kind::TimeConstant, 0.005).trained("tau_syn")
}

const fn current(path: &'static str) -> Quantity {
    Quantity::new(path, "synaptic current at time 0", Kind::Potential, 0.0)
}

const TIME_CONSTANTS: [Quantity; MOST] = [
    time_constant("receptors[0].tau_syn"),
    time_constant("receptors[1].tau_syn"),
    time_constant("receptors[2].tau_syn"),
    time_constant("receptors[3].tau_syn"),
    time_constant("receptors[4].tau_syn"),
    time_constant("receptors[5].tau_syn"),
];

const CURRENTS: [Quantity; MOST] = [
    current("initial.i[0]"),
    current("initial.i[1]"),
    current("initial.i[2]"),
    current("initial.i[3]"),
    current("initial.i[4]"),
    current("initial.i[5]"),
];

/// Numbers of a model with `receptors` of them, in order: its own parameters, the time constants, potential and currents at time 0, and what else the
/// state has. Only the first [`count`] are meant.
pub(crate) const fn quantities(
    own: &[Quantity],
    receptors: usize,
    last: &[Quantity],
) -> [Quantity; NUMBERS] {
    let mut all = [START; NUMBERS];
    let start = own.len() + receptors;
    let mut k = 0;
    while k < own.len() {
        all[k] = own[k];
        k += 1;
    }
    k = 0;
    while k < receptors {
        // A single receptor is the synapse that a neuron has without a list.
        all[own.len() + k] = if receptors == 1 { SYNAPSE } else { TIME_CONSTANTS[k] };
        all[start + 1 + k] = if receptors == 1 { CURRENT } else { CURRENTS[k] };
        k += 1;
    }
    k = 0;
    while k < last.len() {
        all[start + 1 + receptors + k] = last[k];
        k += 1;
    }
    all
}

/// How many numbers there are.
pub(crate) const fn count(own: &[Quantity], receptors: usize, last: &[Quantity]) -> usize {
    own.len() + 2 * receptors + 1 + last.len()
}
