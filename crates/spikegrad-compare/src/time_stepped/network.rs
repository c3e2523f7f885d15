//! A network on a grid of time steps: its settings, and one step of each neuron as numbers.
//!
//! Between two grid points a neuron moves exactly (docs/mathematics.md, eq. 40), as if nothing happened between:
//!
//! ```text
//! Vₙ⁻ = a Vₙ₋₁ + ψ Iₙ₋₁ + (1 − a) rest       a = e^(−dt/τ_m)     ψ = (dt/τ_m) exp[−dt/τ_m, −dt/τ_s]     rest = v_leak + i_bias
//! Iₙ⁻ = b Iₙ₋₁                               b = e^(−dt/τ_s)
//! ```
//!
//! Times of inputs, delays and the end of the run are rounded to the nearest grid point; a threshold crossed between two is
//! noticed at the second. Hence spike times are right to first order in dt, which is what this baseline costs.
//!
//! Not here: a run (`forward.rs`), its way back (`backward.rs`).

use super::wiring::Group;
use super::{Activity, GridError, Surrogate};
use crate::as_lif;
use spikegrad_dynamics::{Kind, exp_divided, lif, math};
use spikegrad_network::{Network, Parameters, Stimulus};
use std::ops::Range;

/// Most time steps of a run.
pub const MAX_STEPS: usize = 10_000_000;

/// What a spike does to the potential of its neuron.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reset {
    /// V becomes `v_reset`, as in the event-driven model, norse and `SpikingJelly`'s hard reset.
    ToValue,
    /// V loses `v_th − v_reset`, `snnTorch`'s `subtract`: what it was above the threshold stays.
    ByDifference,
}

/// How to run a network on a grid, and how to go back.
#[derive(Clone, Debug, PartialEq)]
pub struct SteppedSettings {
    /// Length of a step, in seconds.
    pub dt: f64,
    /// What stands for the derivative of a spike.
    pub surrogate: Surrogate,
    /// What a spike does to its neuron.
    pub reset: Reset,
    /// Whether the backward pass leaves out that the reset depends on the potential, as is common.
    pub detach_reset: bool,
    /// Whether errors do not go back through connections from the same or a later population.
    pub detach_recurrence: bool,
    /// Whether to differentiate with respect to time constants; this stores the currents as well, and so twice as much.
    pub time_constants: bool,
    /// Bounds on spike counts, added to the loss.
    pub activity: Vec<Activity>,
}

impl SteppedSettings {
    /// What is usual: spikes reset to a value, errors go back through recurrence and not through the reset; no time constants, no
    /// bounds.
    #[must_use]
    pub fn new(dt: f64, surrogate: Surrogate) -> Self {
        Self {
            dt,
            surrogate,
            reset: Reset::ToValue,
            detach_reset: true,
            detach_recurrence: false,
            time_constants: false,
            activity: Vec::new(),
        }
    }
}

/// One step of one neuron.
#[derive(Clone, Copy, Debug)]
pub(super) struct Neuron {
    pub(super) a: f64,
    pub(super) b: f64,
    pub(super) psi: f64,
    /// 1 − a, without cancellation.
    pub(super) towards_rest: f64,
    pub(super) rest: f64,
    pub(super) v_th: f64,
    pub(super) v_reset: f64,
    pub(super) initial_v: f64,
    pub(super) initial_i: f64,
}

/// A network and its parameters, laid out for time steps.
#[derive(Clone, Debug)]
pub struct SteppedNetwork<'a> {
    pub(super) network: &'a Network,
    pub(super) settings: SteppedSettings,
    pub(super) neurons: Vec<Neuron>,
    pub(super) groups: Vec<Group>,
    /// Ranges of neurons that spike.
    pub(super) spiking: Vec<Range<usize>>,
    /// The longest delay, in steps.
    pub(super) longest: usize,
}

impl<'a> SteppedNetwork<'a> {
    /// Lays out `network` with `parameters` on a grid.
    ///
    /// # Errors
    /// [`GridError::Network`] if the parameters do not fit, [`GridError::Setting`] for a step or a scale that is not positive,
    /// and [`GridError::Refractory`], [`GridError::Model`], [`GridError::ReadsSilent`] or [`GridError::Absent`] for what a grid cannot do.
    pub fn new(
        network: &'a Network,
        parameters: &Parameters,
        settings: SteppedSettings,
    ) -> Result<Self, GridError> {
        parameters.check(network)?;
        let positive = [("dt", settings.dt), ("surrogate.beta", settings.surrogate.beta)];
        for (name, value) in positive {
            if !(value.is_finite() && value > 0.0) {
                return Err(GridError::Setting { name, value, expected: "positive" });
            }
        }
        for bound in &settings.activity {
            bound.check(network)?;
        }
        for (population, values) in network.populations().iter().zip(&parameters.populations) {
            if !population.model.is_linear() {
                let model = population.model.table().model;
                return Err(GridError::Model { population: population.name.clone(), model });
            }
            let mut durations = values.values().filter(|(of, _)| of.kind == Kind::Duration);
            if durations.any(|(_, values)| values.as_slice().iter().any(|&t| t > 0.0)) {
                return Err(GridError::Refractory { population: population.name.clone() });
            }
        }
        let longest = parameters.connections.iter().flat_map(|c| c.delay.as_slice()).copied();
        let longest = in_steps(longest.fold(0.0, f64::max), settings.dt)?;
        Ok(Self::lay_out(network, parameters, settings, longest))
    }

    /// Like [`Self::new`] for what has been checked, or is right by construction.
    pub(super) fn lay_out(
        network: &'a Network,
        parameters: &Parameters,
        settings: SteppedSettings,
        longest: usize,
    ) -> Self {
        let dt = settings.dt;
        let neurons = network.populations().iter().zip(&parameters.populations);
        let neurons = neurons.flat_map(|(population, values)| {
            (0..population.size).map(move |k| {
                let of = as_lif::numbers(values, k, as_lif::default);
                let (p, q) = (-dt / of[lif::TAU_MEM], -dt / of[lif::TAU_SYN]);
                Neuron {
                    a: math::exp(p),
                    b: math::exp(q),
                    psi: -p * exp_divided([p, q]),
                    towards_rest: -math::exp_m1(p),
                    rest: of[lif::V_LEAK] + of[lif::I_BIAS],
                    v_th: of[lif::V_TH],
                    v_reset: of[lif::V_RESET],
                    initial_v: of[lif::V],
                    initial_i: of[lif::I],
                }
            })
        });
        let neurons = neurons.collect();
        // Delays are no longer than the longest, which fits.
        let steps = |delay: f64| in_steps(delay, dt).unwrap_or(longest);
        let groups = parameters.connections.iter().enumerate();
        let groups = groups.flat_map(|(k, values)| Group::of(network, k, values, steps)).collect();
        let is_spiking = |&k: &usize| network.populations()[k].model.spikes();
        let spiking = (0..network.populations().len()).filter(is_spiking);
        let spiking = spiking.map(|k| network.range(k)).collect();
        Self { network, settings, neurons, groups, spiking, longest }
    }

    /// The derivative of this network along `direction`, weights for each connection, at fixed spikes: what is linear in the
    /// state is linear in its derivative, so it is a network itself, at rest at zero, whose potentials are those derivatives in a
    /// run that replays the spikes.
    ///
    /// `parameters` are those with which this network was laid out.
    #[must_use]
    pub fn tangent(&self, parameters: &Parameters, direction: &[Vec<f64>]) -> Self {
        let mut at_rest = parameters.clone();
        for population in &mut at_rest.populations {
            let potentials = population.values_mut().filter(|(of, _)| of.kind == Kind::Potential);
            potentials.for_each(|(_, values)| values.as_mut_slice().fill(0.0));
        }
        for (connection, weights) in at_rest.connections.iter_mut().zip(direction) {
            connection.weights.clone_from(weights);
        }
        Self::lay_out(self.network, &at_rest, self.settings.clone(), self.longest)
    }

    /// Number of times that a run on `stimulus` asks what a neuron emits: once for each spiking neuron and step.
    ///
    /// # Errors
    /// [`GridError::TooManySteps`].
    pub fn decisions(&self, stimulus: &Stimulus) -> Result<usize, GridError> {
        let neurons: usize = self.spiking.iter().map(Range::len).sum();
        Ok(neurons * in_steps(stimulus.t_end(), self.settings.dt)?)
    }

    /// The network.
    #[must_use]
    pub fn network(&self) -> &'a Network {
        self.network
    }

    /// The settings.
    #[must_use]
    pub fn settings(&self) -> &SteppedSettings {
        &self.settings
    }
}

/// The grid point nearest to `time`.
pub(super) fn in_steps(time: f64, dt: f64) -> Result<usize, GridError> {
    #[expect(clippy::cast_precision_loss, reason = "the limit is far below 2⁵³")]
    const LIMIT: f64 = MAX_STEPS as f64;
    let steps = (time / dt).round();
    if steps.is_nan() || steps > LIMIT {
        return Err(GridError::TooManySteps { steps, limit: MAX_STEPS });
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "checked above; times are not negative"
    )]
    let steps = steps as usize;
    Ok(steps)
}

/// Derivatives of a, b and ψ of a neuron with respect to its time constants.
#[derive(Clone, Copy, Debug)]
pub(super) struct ByTimeConstants {
    pub(super) a_by_mem: f64,
    pub(super) b_by_syn: f64,
    pub(super) psi_by_mem: f64,
    pub(super) psi_by_syn: f64,
}

impl ByTimeConstants {
    pub(super) fn new(tau_mem: f64, tau_syn: f64, dt: f64) -> Self {
        let (p, q) = (-dt / tau_mem, -dt / tau_syn);
        // ∂/∂p exp[p, q] = exp[p, p, q], and ∂p/∂τ_m = −p/τ_m.
        let (p_by_mem, q_by_syn) = (-p / tau_mem, -q / tau_syn);
        Self {
            a_by_mem: math::exp(p) * p_by_mem,
            b_by_syn: math::exp(q) * q_by_syn,
            psi_by_mem: -p_by_mem * (exp_divided([p, q]) + p * exp_divided([p, p, q])),
            psi_by_syn: -p * exp_divided([p, q, q]) * q_by_syn,
        }
    }
}
