//! Why there is no gradient.

use spikegrad_network::{NamedNeuron, NetworkError, NeuronId, PseudospikeError};
use thiserror::Error;

/// A gradient that could not be given.
#[derive(Clone, Debug, Error, PartialEq)]
#[non_exhaustive]
pub enum AdjointError {
    /// The parameters do not fit the network.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// A potential touches its threshold with slope zero: the spike is about to appear or to vanish, and its time has no
    /// derivative. Change a parameter a little, or name a policy other than [`crate::Grazing::Fail`].
    #[error(
        "the gradient does not exist: neuron {neuron} grazes its threshold at {time} s (slope {slope} per second)"
    )]
    Grazing {
        /// Which neuron.
        neuron: NamedNeuron,
        /// When, in seconds.
        time: f64,
        /// dV/dt there, per second.
        slope: f64,
    },
    /// The loss read spikes after the run, which with these parameters do not exist: they are not those of the trace.
    #[error(transparent)]
    Pseudospike(#[from] PseudospikeError),
    /// The cotangents do not fit the trace: one is needed for each spike and each read-out.
    #[error(
        "there are {spikes} and {readouts} cotangents for {expected_spikes} spikes and {expected_readouts} read-outs"
    )]
    Cotangents {
        /// Cotangents of spikes.
        spikes: usize,
        /// Cotangents of read-outs.
        readouts: usize,
        /// Spikes in the trace.
        expected_spikes: usize,
        /// Read-outs in the trace.
        expected_readouts: usize,
    },
    /// The cotangents of a run do not fit it: each sample needs its own.
    #[error("there are cotangents of {found} samples; the run has {expected}")]
    Samples {
        /// Samples with cotangents.
        found: usize,
        /// Samples of the run.
        expected: usize,
    },
    /// The trace is one of another network: it has a neuron that this one has not.
    #[error("the trace is not one of this network: it names neuron {neuron} of {neurons}")]
    ForeignNeuron {
        /// Which neuron.
        neuron: NeuronId,
        /// How many there are, counted from 0.
        neurons: usize,
    },
    /// The trace is one of another network: it has an input spike on a channel that this one has not.
    #[error(
        "the trace is not one of this network: it has an input on channel {channel} of {inputs}"
    )]
    ForeignChannel {
        /// The channel.
        channel: usize,
        /// How many there are, counted from 0.
        inputs: usize,
    },
    /// The run did not carry the derivatives with respect to time constants along, or states of neurons that are not linear
    /// (`spikegrad_simulate::simulate_forward_into`): its trace has no gradient. Simulate with `simulate_into` instead.
    #[error("the trace was recorded without what its gradient needs")]
    NoTangents,
    /// Somebody asked for the end ([`spikegrad_network::Interrupt`]).
    #[error("the way back was interrupted")]
    Interrupted,
    /// A derivative left the range of a double on its way back. Look for a very small slope, or for large weights.
    #[error(
        "the derivative of the loss with respect to the spike of neuron {neuron} at {time} s is not finite"
    )]
    NonFinite {
        /// Whose spike.
        neuron: NamedNeuron,
        /// When, in seconds.
        time: f64,
    },
    /// The derivative with respect to a number left the range of a double. Look for a very small slope, or for large weights.
    #[error("the derivative of the loss with respect to {place} is {value}")]
    NonFiniteGradient {
        /// Where the number stands in the problem file.
        place: String,
        /// The derivative.
        value: f64,
    },
}
