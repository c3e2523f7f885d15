//! **spikegrad** computes exact gradients of event-based spiking networks.
//!
//! A problem is simulated from event to event into a trace; a loss reads the trace and says how it cares about each spike
//! time and each read-out; the adjoint walks the trace backwards, one jump at a time, and leaves a gradient in the shape of
//! the parameters.
//!
//! ```text
//!  Network ──┐
//!  Parameters┤ simulate ──▶ Trace ── loss.evaluate ──▶ Cotangents ── backward ──▶ Gradient
//!  Stimulus ─┘
//! ```
//!
//! [`value_and_grad`] is the three verbs in one call, [`value_and_grad_batch`] the same over many stimuli in parallel, with
//! the same bits on any number of threads. [`value_and_jvp`] is the derivative along one direction, carried forward;
//! [`value_and_hvp`] the product of the Hessian with one.
//!
//! # A first example
//!
//! Two inputs, one neuron: when does it spike, and how does that time change with the weights?
//!
//! ```
//! use spikegrad::problem::Problem;
//! use spikegrad::{Settings, value_and_grad};
//!
//! let problem = Problem::from_json(br#"{
//!   "format": "spikegrad-problem", "version": 1,
//!   "network": {
//!     "inputs": 2,
//!     "populations": [{"name": "out", "size": 1, "model": "lif"}],
//!     "connections": [{"from": "input", "to": "out", "weights": [[5, 4]]}]
//!   },
//!   "stimulus": {"t_end": 0.02, "spikes": [[0, 0.0], [1, 0.004]]},
//!   "loss": {"type": "spike_time_mse", "population": "out", "targets": [[0.0047]]}
//! }"#)?;
//! let loss = problem.document.loss.as_ref().unwrap();
//! let answer =
//!     value_and_grad(&problem.network, &problem.parameters, &problem.stimulus, loss, &Settings::default())?;
//!
//! let spike = answer.trace.spikes[0].time;
//! assert!((spike - 0.005723379243551286547).abs() < 1e-17);
//! // L = ½ (t − target)², so dL/dw = (t − target) dt/dw; dt/dw is known to 25 digits.
//! let expected = (spike - 0.0047) * -0.0008423427856719236080;
//! assert!((answer.gradient.parameters.connections[0].weights[0] / expected - 1.0).abs() < 1e-12);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Where to look
//!
//! | crate | holds |
//! | --- | --- |
//! | [`dynamics`] | the mathematics of one neuron |
//! | [`network`] | networks, parameters, stimuli, traces, the problem file |
//! | [`simulation`] | the event loop, and the layered sweep |
//! | [`adjoint`] | losses and the backward sweep |
//!
//! # Features
//!
//! Both are on unless `default-features = false`: `parallel`, batches on all cores, with the same bits; and `problem-file`, the JSON of problems and answers,
//! with serde and schemars.

/// The code of the guide, so that it runs.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/guide.md")]
mod guide {}

mod ahead;
mod batch;
mod curvature;
mod error;
mod evaluate;
mod evaluator;
mod forward;
#[cfg(feature = "problem-file")]
mod objective;
mod prepared;
pub mod pushes;
mod run;
mod scratch;
mod threads;

pub use batch::{CHUNK, Sample};
pub use curvature::{CurvatureEvaluation, value_and_hvp};
pub use error::{BatchError, Error};
pub use evaluate::{
    Batch, Evaluation, simulate, value_and_grad, value_and_grad_batch, value_batch,
};
pub use evaluator::Evaluator;
pub use forward::{DirectionalEvaluation, value_and_jvp};
#[cfg(feature = "problem-file")]
pub use objective::Objective;
pub use prepared::{DEFAULT_MAX_EVENTS, Engine, Explanation, Settings, WithRespectTo, explain};
pub use run::{Run, RunGradient};
pub use spikegrad_adjoint::{AdjointError, Certificate, Grazing, Tie, TieKind, backward};
pub use spikegrad_dynamics::lif::integrator as li;
pub use spikegrad_dynamics::{Dual64, Equations, General, Scalar, lif};
pub use spikegrad_network::loss::{
    AnyLoss, Cotangents, Derivatives, Evaluate, Loss, LossError, LossMemory,
    MaxVoltageCrossEntropy, MeanVoltageCrossEntropy, Observation, RateRegulariser,
    RelativeSpikeTime, ShapedVoltageCrossEntropy, SpikeTimeMse, Sum, TtfsCrossEntropy, VanRossum,
    VoltageMeasure, VoltageMse, VoltageRegulariser,
};
#[cfg(feature = "problem-file")]
pub use spikegrad_network::problem;
pub use spikegrad_network::{
    AvgPool2d, Connection, ConnectionParameters, Conv2d, Gradient, InjectedCurrent, InputSpike,
    Interrupt, Measure, Model, Network, NetworkBuilder, NetworkError, NeuronId, Parameters, Place,
    Population, PopulationParameters, Readout, ReadoutRequest, SharedWeights, Source, Spike,
    StepTimes, Steps, Stimulus, StimulusGradient, Synapse, Synapses, Trace, Values,
};
pub use spikegrad_simulate::SimulateError;

pub use spikegrad_adjoint as adjoint;
pub use spikegrad_dynamics as dynamics;
pub use spikegrad_network as network;
pub use spikegrad_simulate as simulation;
