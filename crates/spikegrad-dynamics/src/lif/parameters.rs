//! The numbers of the leaky integrate-and-fire neuron, and of the leaky integrator, with names.
//!
//! Not here: their order, units and ranges (`table.rs`).

use super::{I_BIAS, T_REF, TABLE, TAU_MEM, TAU_SYN, V_LEAK, V_RESET, V_TH, integrator};
use crate::Scalar;

/// Parameters of one neuron; times in seconds, potentials and currents in the unit of the threshold.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LifParameters<T> {
    /// Membrane time constant, in seconds.
    pub tau_mem: T,
    /// Synaptic time constant, in seconds.
    pub tau_syn: T,
    /// Threshold.
    pub v_th: T,
    /// Value that the membrane takes at a spike.
    pub v_reset: T,
    /// Leak potential.
    pub v_leak: T,
    /// Constant input current.
    pub i_bias: T,
    /// Refractory time, in seconds.
    pub t_ref: T,
}

impl<T: Scalar> LifParameters<T> {
    /// The parameters whose values stand at these positions of [`TABLE`].
    pub fn from_table(value: impl Fn(usize) -> T) -> Self {
        Self {
            tau_mem: value(TAU_MEM),
            tau_syn: value(TAU_SYN),
            v_th: value(V_TH),
            v_reset: value(V_RESET),
            v_leak: value(V_LEAK),
            i_bias: value(I_BIAS),
            t_ref: value(T_REF),
        }
    }
}

impl<T: Scalar> Default for LifParameters<T> {
    /// The defaults of [`TABLE`].
    fn default() -> Self {
        Self::from_table(|position| TABLE.quantities[position].default.into())
    }
}

/// Parameters of a leaky integrator.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct IntegratorParameters<T> {
    /// Membrane time constant, in seconds.
    pub tau_mem: T,
    /// Synaptic time constant, in seconds.
    pub tau_syn: T,
    /// Leak potential.
    pub v_leak: T,
    /// Constant input current.
    pub i_bias: T,
}

impl<T: Scalar> IntegratorParameters<T> {
    /// The parameters whose values stand at these positions of [`integrator::TABLE`].
    pub fn from_table(value: impl Fn(usize) -> T) -> Self {
        Self {
            tau_mem: value(integrator::TAU_MEM),
            tau_syn: value(integrator::TAU_SYN),
            v_leak: value(integrator::V_LEAK),
            i_bias: value(integrator::I_BIAS),
        }
    }
}

impl<T> From<LifParameters<T>> for IntegratorParameters<T> {
    /// What is left of a neuron whose threshold is never reached.
    fn from(p: LifParameters<T>) -> Self {
        let LifParameters { tau_mem, tau_syn, v_leak, i_bias, .. } = p;
        Self { tau_mem, tau_syn, v_leak, i_bias }
    }
}
