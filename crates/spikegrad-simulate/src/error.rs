//! Why a run could not reach its end.

use spikegrad_network::{NamedNeuron, NetworkError, NeuronId, PseudospikeError};
use thiserror::Error;

/// A simulation that could not finish, or not start.
#[derive(Clone, Debug, Error, PartialEq)]
#[non_exhaustive]
pub enum SimulateError {
    /// The parameters do not fit the network.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// An input spike on a channel that the network does not have.
    #[error(
        "an input spike is on channel {channel}, but the network has {inputs} input channels, counted from 0"
    )]
    Channel {
        /// The channel.
        channel: usize,
        /// How many there are.
        inputs: usize,
    },
    /// A current into a neuron that the network does not have.
    #[error(
        "a current is injected into neuron {neuron}, but the network has {neurons} neurons, counted from 0"
    )]
    CurrentNeuron {
        /// Which neuron.
        neuron: NeuronId,
        /// How many there are.
        neurons: usize,
    },
    /// A current into a neuron whose model takes none.
    #[error("a current is injected into neuron {neuron}, whose model takes none")]
    Current {
        /// Which neuron.
        neuron: NamedNeuron,
    },
    /// A read-out of a neuron that the network does not have.
    #[error(
        "read-out {request} asks for neuron {neuron}, but the network has {neurons} neurons, counted from 0"
    )]
    ReadoutNeuron {
        /// Position of the request.
        request: usize,
        /// Which neuron.
        neuron: NeuronId,
        /// How many there are.
        neurons: usize,
    },
    /// A potential is to be sampled outside of the run. Sample it at a time from 0 to the end of the stimulus, or prolong that.
    #[error(
        "read-out {request} is a sample at {time} s, which is not between 0 and the end at {t_end} s"
    )]
    SampleTime {
        /// Position of the request.
        request: usize,
        /// The time of the sample, in seconds.
        time: f64,
        /// The end of the run, in seconds.
        t_end: f64,
    },
    /// The weight of an average cannot fade like this. Give a positive time constant, not so small that its inverse is infinite.
    #[error(
        "read-out {request} is an average whose weight fades with {tau} s, which is not a positive time"
    )]
    Fading {
        /// Position of the request.
        request: usize,
        /// The time constant, in seconds.
        tau: f64,
    },
    /// An average over a run that has no length. Let the run end after 0.
    #[error("read-out {request} is a time average, but the run ends at 0 s")]
    NoTime {
        /// Position of the request.
        request: usize,
    },
    /// A maximum or an average of a neuron whose model has none. Sample its potential.
    #[error("neuron {neuron} is read by a maximum or an average, which its model does not have")]
    Measure {
        /// Which neuron.
        neuron: NamedNeuron,
    },
    /// The width of a softplus after the run is no width. Give a positive one.
    #[error(
        "read-out {request} is a spike after the run with the width {width}, which is not a positive number"
    )]
    Width {
        /// Position of the request.
        request: usize,
        /// The width, in the unit of a current.
        width: f64,
    },
    /// Spikes after the run are read that do not exist.
    #[error(transparent)]
    Pseudospike(#[from] PseudospikeError),
    /// The network kept firing. Raise the budget, lower the recurrent weights or give neurons a refractory time.
    #[error("reached {max_events} events at {time} s, before the end at {t_end} s")]
    EventBudget {
        /// The budget, in events: spikes and synaptic arrivals.
        max_events: u64,
        /// How far the run came, in seconds.
        time: f64,
        /// Where it should have ended, in seconds.
        t_end: f64,
    },
    /// A neuron would spike twice at one representable time. Lower its input or give it a refractory time.
    #[error("neuron {neuron} would spike again at {time} s, the very time of its last spike")]
    Zeno {
        /// Which neuron.
        neuron: NamedNeuron,
        /// When, in seconds.
        time: f64,
    },
    /// A neuron given by its equations says that it spikes next after a time that is none. Mend its `next_spike`: it is asked for the seconds from
    /// the state that it is given, and answers `None` if there is no spike.
    #[error("at {time} s the model of neuron {neuron} says that it spikes next in {dt:?} s")]
    NextSpike {
        /// Which neuron.
        neuron: NamedNeuron,
        /// When it was asked, in seconds.
        time: f64,
        /// What it said, in seconds.
        dt: f64,
    },
    /// Somebody asked for the end ([`spikegrad_network::Interrupt`]).
    #[error("the simulation was interrupted")]
    Interrupted,
    /// The state of a neuron left the range of a double. Lower the weights.
    #[error("the state of neuron {neuron} is not finite at {time} s")]
    NonFinite {
        /// Which neuron.
        neuron: NamedNeuron,
        /// When, in seconds.
        time: f64,
    },
}
