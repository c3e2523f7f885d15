//! The numbers of the leaky integrate-and-fire neuron, and of the leaky integrator, which has no threshold.

use crate::table::{Below, Kind, Quantity, Table};

/// Membrane time constant, of any neuron with a membrane.
pub(crate) const MEMBRANE: Quantity =
    Quantity::new("params.tau_mem", "membrane time constant", Kind::TimeConstant, 0.02)
        .trained("tau_mem");
/// Synaptic time constant, of any neuron with a current that decays.
pub(crate) const SYNAPSE: Quantity =
    Quantity::new("params.tau_syn", "synaptic time constant", Kind::TimeConstant, 0.005)
        .trained("tau_syn");
/// Bias.
pub(crate) const BIAS: Quantity =
    Quantity::new("params.i_bias", "constant input current", Kind::Potential, 0.0)
        .trained("biases")
        .keyed("bias");
/// Potential at time 0.
pub(crate) const START: Quantity =
    Quantity::new("initial.v", "membrane potential at time 0", Kind::Potential, 0.0)
        .trained("initial_v")
        .keyed("initial_v");
/// Current at time 0.
pub(crate) const CURRENT: Quantity =
    Quantity::new("initial.i", "synaptic current at time 0", Kind::Potential, 0.0);
/// Leak potential.
pub(crate) const LEAK: Quantity =
    Quantity::new("params.v_leak", "leak potential", Kind::Potential, 0.0);
/// Threshold, of a neuron that spikes.
pub(crate) const THRESHOLD: Quantity =
    Quantity::new("params.v_th", "threshold", Kind::Potential, 1.0).trained("thresholds");
/// Value that the membrane takes at a spike.
pub(crate) const RESET: Quantity =
    Quantity::new("params.v_reset", "reset value", Kind::Potential, 0.0);
/// How long it is held there.
pub(crate) const REFRACTORY: Quantity =
    Quantity::new("params.t_ref", "refractory time", Kind::Duration, 0.0);

/// Membrane time constant, in seconds.
pub const TAU_MEM: usize = 0;
/// Synaptic time constant, in seconds.
pub const TAU_SYN: usize = 1;
/// Threshold.
pub const V_TH: usize = 2;
/// Value that the membrane takes at a spike.
pub const V_RESET: usize = 3;
/// Leak potential.
pub const V_LEAK: usize = 4;
/// Constant input current.
pub const I_BIAS: usize = 5;
/// Refractory time, in seconds.
pub const T_REF: usize = 6;
/// Membrane potential at time 0.
pub const V: usize = 7;
/// Synaptic current at time 0.
pub const I: usize = 8;

/// What reset and start must be.
pub(crate) const BELOW_THRESHOLD: &str = "below the threshold v_th";

/// How many there are.
pub const COUNT: usize = 9;

/// The numbers of a leaky integrate-and-fire neuron.
pub const TABLE: Table = Table {
    model: "lif",
    title: "leaky integrate-and-fire neuron",
    quantities: &[MEMBRANE, SYNAPSE, THRESHOLD, RESET, LEAK, BIAS, REFRACTORY, START, CURRENT],
    order: &[Below::new(V_RESET, V_TH, BELOW_THRESHOLD), Below::new(V, V_TH, BELOW_THRESHOLD)],
    threshold_and_reset: Some((V_TH, V_RESET)),
};

/// The numbers of a leaky integrator.
pub mod integrator {
    use super::{BIAS, CURRENT, LEAK, MEMBRANE, START, SYNAPSE, Table};

    /// Membrane time constant, in seconds.
    pub const TAU_MEM: usize = 0;
    /// Synaptic time constant, in seconds.
    pub const TAU_SYN: usize = 1;
    /// Leak potential.
    pub const V_LEAK: usize = 2;
    /// Constant input current.
    pub const I_BIAS: usize = 3;
    /// Membrane potential at time 0.
    pub const V: usize = 4;
    /// Synaptic current at time 0.
    pub const I: usize = 5;

    /// Where each of these stands among the numbers of the neuron with a threshold.
    pub const OF_LIF: [usize; 6] =
        [super::TAU_MEM, super::TAU_SYN, super::V_LEAK, super::I_BIAS, super::V, super::I];

    /// The table.
    pub const TABLE: Table = Table {
        model: "li",
        title: "leaky integrator",
        quantities: &[MEMBRANE, SYNAPSE, LEAK, BIAS, START, CURRENT],
        order: &[],
        threshold_and_reset: None,
    };
}
