//! What is simulated and what is recorded: [`Network`] (structure), [`Parameters`] (values, and the shape of a
//! gradient), [`Stimulus`] (input spikes), [`Trace`] (the record of a run), the [losses](loss) that read it, and the problem file that
//! states them all.
//!
//! Read [`Network`] and [`Parameters`] first, then [`Trace`]. [`Circuit`] is the same network laid out for an engine.
//!
//! Not here: any motion of a neuron (`spikegrad_dynamics`), the simulation, the adjoint.
#![cfg_attr(
    test,
    expect(
        clippy::disallowed_methods,
        reason = "expected values come from the other implementation"
    )
)]

mod apart;
mod builder;
mod cells;
mod circuit;
mod connection;
mod convolution;
mod currents;
mod direction;
mod error;
mod form;
mod groups;
mod ids;
mod interrupt;
#[cfg(feature = "problem-file")]
mod json_reason;
mod layers;
pub mod loss;
mod network;
mod parameters;
mod places;
#[cfg(feature = "problem-file")]
pub mod problem;
mod pseudospikes;
mod spike_trains;
mod stimulus;
mod time;
mod trace;
mod wiring;
pub mod wording;

pub use apart::Apart;
pub use builder::NetworkBuilder;
pub use cells::Cells;
pub use circuit::{Build, Circuit, Group};
pub use connection::{Connection, SharedWeights, Source, Synapse, Synapses};
pub use convolution::{AvgPool2d, Conv2d, ImageShape, SharedSynapse};
pub use currents::{
    Currents, InjectedCurrent, Injection, InjectionGradient, Step, StepTimes, Steps,
};
pub use direction::Direction;
pub use error::NetworkError;
pub use form::Form;
pub use ids::{NamedNeuron, NeuronId, SpikeId};
pub use interrupt::{Interrupt, Watch};
pub use layers::{Bodies, Body, Incoming, Layer, Layers, NotLayered, QuadraticBody};
pub use network::{MAX_NEURONS, MAX_SYNAPSES, Model, Network, Population};
pub use parameters::{
    ConnectionParameters, Gradient, Parameters, PopulationParameters, StimulusGradient, Values,
};
#[cfg(feature = "problem-file")]
pub use problem::Problem;
pub use pseudospikes::{
    NoPseudospikes, Part, PseudospikeError, Pseudospikes, on_their_way, widths,
};
pub use spike_trains::{SpikeTrains, SpikeTrainsError};
pub use stimulus::{InputSpike, Stimulus};
pub use time::Time;
pub use trace::{
    Cusp, Measure, Place, Readout, ReadoutRequest, Recorded, Spike, Tangents, Tape, Touch, Trace,
};
pub use wiring::Wiring;
