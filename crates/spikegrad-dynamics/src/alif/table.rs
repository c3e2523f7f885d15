//! The numbers of a neuron that adapts.

use crate::lif::{BIAS, LEAK, MEMBRANE, REFRACTORY, RESET, THRESHOLD};
use crate::table::{Kind, Quantity, Range};

/// Membrane time constant, in seconds.
pub const TAU_MEM: usize = 0;
/// Threshold of a neuron that has not adapted.
pub const V_TH: usize = 1;
/// Value that the membrane takes at a spike.
pub const V_RESET: usize = 2;
/// Leak potential.
pub const V_LEAK: usize = 3;
/// Constant input current.
pub const I_BIAS: usize = 4;
/// Refractory time, in seconds.
pub const T_REF: usize = 5;
/// Time constant of the adaptation, in seconds.
pub const TAU_ADAPT: usize = 6;
/// By how much a spike raises the threshold.
pub const ADAPT_THRESHOLD: usize = 7;
/// By how much a spike lowers the current.
pub const ADAPT_CURRENT: usize = 8;
/// Synaptic time constant, in seconds; with several receptors that of the first, which the others follow.
pub const TAU_SYN: usize = 9;
/// Membrane potential at time 0, with one receptor.
pub const V: usize = 10;
/// Synaptic current at time 0, with one receptor.
pub const I: usize = 11;
/// Adaptation at time 0, in spikes, with one receptor.
pub const A: usize = 12;

/// Its parameters, but for those of its receptors.
pub(super) const OWN: [Quantity; 9] = [
    MEMBRANE,
    THRESHOLD,
    RESET,
    LEAK,
    BIAS,
    REFRACTORY,
    Quantity::new("params.tau_adapt", "time constant of the adaptation", Kind::TimeConstant, 0.1)
        .trained("tau_adapt"),
    Quantity {
        range: Range::NotNegative,
        ..Quantity::new(
            "params.adapt_threshold",
            "rise of the threshold at a spike",
            Kind::Potential,
            0.0,
        )
        .trained("adapt_threshold")
    },
    Quantity::new(
        "params.adapt_current",
        "current that a spike takes away while the adaptation lasts",
        Kind::Potential,
        0.0,
    )
    .trained("adapt_current"),
];

/// What its state has beside potential and currents.
pub(super) const ADAPTATION: [Quantity; 1] = [Quantity {
    range: Range::NotNegative,
    ..Quantity::new("initial.a", "adaptation at time 0, in spikes", Kind::Potential, 0.0)
}];
