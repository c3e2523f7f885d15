//! Nodes with a potential, as populations of the engine.
//!
//! ```text
//! CubaLIF, CubaLI   τ_syn İ = −I + w_in S      τ_mem v̇ = v_leak − v + R I     lif, li: I jumps by w R w_in/τ_syn
//! LIF               τ v̇ = v_leak − v + R I     I a train of pulses            lif_delta: V jumps by w R/τ
//! IF                v̇ = R I                                                   lif_delta whose membrane does not leak: V jumps by w R
//! ```
//!
//! In steps of dt a pulse has height 1 and lasts dt: its area is dt, and V of a LIF moves by w R (1 − e^(−dt/τ)) while it lasts.
//!
//! Not here: what enters them (`linear.rs`).

use crate::form::uniform;
use crate::{Convention, Graph, Kind, NirError, Node};
use spikegrad_dynamics::math::exp_m1;
use spikegrad_dynamics::{lif, lif::delta, lif::integrator};
use spikegrad_network::{
    MAX_NEURONS, Model, Network, NetworkError, Parameters, Population, PopulationParameters, Values,
};

/// The membrane time constant of an IF, in seconds: 2¹⁰⁰, so long that no potential leaks by half a bit in any run.
pub(crate) const NO_LEAK: f64 = f64::from_bits((1023 + 100) << 52);

/// How far the steps of neurons may differ, relatively, and be one: numbers of 32 bits, and a few operations with them.
const SAME_STEP: f64 = 1e-5;

/// A node as a population.
#[derive(Clone, Debug)]
pub(crate) struct Neurons {
    pub(crate) model: Model,
    pub(crate) size: usize,
    parameters: PopulationParameters,
    /// By how much a spike of weight 1 moves the current, or the potential, of each neuron.
    pub(crate) gain: Vec<f64>,
    /// The constant current to which a constant input of 1 leads in each neuron.
    drive: Vec<f64>,
}

impl Neurons {
    /// The neurons of a node of this size.
    pub(crate) fn of(node: &Node, size: usize, convention: Convention) -> Result<Self, NirError> {
        if size > MAX_NEURONS {
            let place = format!("the size of node {}", node.name);
            let reason = NetworkError::TooLarge { place, count: size as u64, limit: MAX_NEURONS };
            return Err(NirError::Neuron { node: node.name.clone(), reason });
        }
        let array = |field| node.spread(field, node.needs(field)?, size);
        let array_or = |field, value| match node.numbers(field) {
            Some(array) => node.spread(field, array, size),
            None => Ok(vec![value; size]),
        };
        let r = array("r")?;
        let each = |f: &dyn Fn(usize) -> f64| (0..size).map(f).collect::<Vec<f64>>();
        let neurons = match node.kind {
            Kind::CubaLIF | Kind::CubaLI => {
                let (tau_mem, tau_syn) = (array("tau_mem")?, array("tau_syn")?);
                let w_in = array_or("w_in", 1.0)?;
                let area = match convention {
                    Convention::Continuous => 1.0,
                    Convention::Discrete { dt } => dt,
                };
                let drive = each(&|k| r[k] * w_in[k]);
                let gain = each(&|k| drive[k] * area / tau_syn[k]);
                let v_leak = array("v_leak")?;
                let (model, parameters) = if node.kind == Kind::CubaLI {
                    let parameters = PopulationParameters::new(Model::Li)
                        .with(integrator::TAU_MEM, shared(tau_mem))
                        .with(integrator::TAU_SYN, shared(tau_syn))
                        .with(integrator::V_LEAK, shared(v_leak));
                    (Model::Li, parameters)
                } else {
                    let parameters = PopulationParameters::new(Model::Lif)
                        .with(lif::TAU_MEM, shared(tau_mem))
                        .with(lif::TAU_SYN, shared(tau_syn))
                        .with(lif::V_LEAK, shared(v_leak))
                        .with(lif::V_TH, shared(array("v_threshold")?))
                        .with(lif::V_RESET, shared(array_or("v_reset", 0.0)?));
                    (Model::Lif, parameters)
                };
                Self { model, size, parameters, gain, drive }
            }
            _ => {
                let model = Model::General(&delta::LIF_DELTA);
                let is_leaky = node.kind == Kind::LIF;
                let (tau, v_leak) = if is_leaky {
                    (array("tau")?, array("v_leak")?)
                } else {
                    (vec![NO_LEAK; size], vec![0.0; size])
                };
                let gain = match (convention, is_leaky) {
                    (Convention::Continuous, true) => each(&|k| r[k] / tau[k]),
                    (Convention::Continuous, false) => r.clone(),
                    (Convention::Discrete { dt }, true) => each(&|k| r[k] * -exp_m1(-dt / tau[k])),
                    (Convention::Discrete { dt }, false) => each(&|k| r[k] * dt),
                };
                let drive = if is_leaky { r } else { each(&|k| r[k] * NO_LEAK) };
                let parameters = PopulationParameters::new(model)
                    .with(delta::TAU_MEM, shared(tau))
                    .with(delta::V_LEAK, shared(v_leak))
                    .with(delta::V_TH, shared(array("v_threshold")?))
                    .with(delta::V_RESET, shared(array_or("v_reset", 0.0)?));
                Self { model, size, parameters, gain, drive }
            }
        };
        neurons.check(node)?;
        Ok(neurons)
    }

    /// Checks the numbers as the engine does.
    fn check(&self, node: &Node) -> Result<(), NirError> {
        let of = |reason| NirError::Neuron { node: node.name.clone(), reason };
        let population = Population { name: "node".into(), size: self.size, model: self.model };
        let network = Network::new(0, vec![population], vec![]).map_err(of)?;
        let populations = vec![self.parameters.clone()];
        Parameters { populations, connections: vec![] }.check(&network).map_err(of)
    }

    /// Their numbers when a constant enters each.
    ///
    /// The current of a synapse comes from 0 to the constant exponentially, as a constant current does that the synapse counters at time 0.
    pub(crate) fn driven(&self, constant: &[f64]) -> PopulationParameters {
        let bias: Vec<f64> = constant.iter().zip(&self.drive).map(|(b, drive)| drive * b).collect();
        let counter: Vec<f64> = bias.iter().map(|i| 0.0 - i).collect();
        let parameters = self.parameters.clone();
        match self.model {
            Model::Lif => parameters.with(lif::I_BIAS, shared(bias)).with(lif::I, shared(counter)),
            Model::Li => parameters
                .with(integrator::I_BIAS, shared(bias))
                .with(integrator::I, shared(counter)),
            _ => parameters.with(delta::I_BIAS, shared(bias)),
        }
    }
}

/// One number for all where all are the same.
fn shared(values: Vec<f64>) -> Values<f64> {
    uniform(&values).map_or(Values::Each(values), Values::Shared)
}

/// The step that a file carries: `r = τ_mem/dt` and `w_in = τ_syn/dt` with one dt for all neurons with synapses, shorter than their time constants.
pub(crate) fn recognised_step(graph: &Graph) -> Option<f64> {
    let mut step = None;
    for node in graph.nodes().iter().filter(|n| matches!(n.kind, Kind::CubaLIF | Kind::CubaLI)) {
        for [tau, gain] in [["tau_syn", "w_in"], ["tau_mem", "r"]] {
            let (tau, gain) = (&node.numbers(tau)?.values, &node.numbers(gain)?.values);
            for k in 0..tau.len().max(gain.len()) {
                let at =
                    |values: &[f64]| values.get(if values.len() == 1 { 0 } else { k }).copied();
                let (tau, gain) = (at(tau)?, at(gain)?);
                let dt = tau / gain;
                let expected = *step.get_or_insert(dt);
                if !(gain > 1.0 && dt > 0.0 && ((dt / expected) - 1.0).abs() < SAME_STEP) {
                    return None;
                }
            }
        }
    }
    step
}

/// Checks a step that the caller gave against the one that the file carries.
pub(crate) fn convention(graph: &Graph, given: Option<f64>) -> Result<Convention, NirError> {
    let recognised = recognised_step(graph);
    let step = |given, expected: String| Err(NirError::Step { given, expected });
    match (given, recognised) {
        (None, None) => Ok(Convention::Continuous),
        (Some(given), _) if !(given > 0.0 && given.is_finite()) => {
            step(given, "a positive time in seconds".into())
        }
        (Some(given), Some(dt)) if (given / dt - 1.0).abs() >= SAME_STEP => {
            step(given, format!("{dt:?}, which the file carries: leave it out"))
        }
        (Some(dt), _) | (None, Some(dt)) => Ok(Convention::Discrete { dt }),
    }
}
