//! Why a run could not reach its end.

use spikegrad_network::{NetworkError, NeuronId};
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
    /// A read-out of a neuron that the network does not have. Count neurons through all populations, from 0.
    #[error(
        "read-out {request} is of neuron {neuron}, but there are only {neurons} neurons; counting starts at 0"
    )]
    ReadoutNeuron {
        /// Position of the request.
        request: usize,
        /// Which neuron.
        neuron: NeuronId,
        /// How many there are.
        neurons: usize,
    },
    /// A potential is to be read outside of the run. Ask for a time within it, or let it run for longer.
    #[error("read-out {request} is at {time} s; the run goes from 0 to {t_end} s")]
    SampleTime {
        /// Position of the request.
        request: usize,
        /// When, in seconds.
        time: f64,
        /// Where the run ends, in seconds.
        t_end: f64,
    },
    /// The weight of an average does not fade. Give it a positive time constant.
    #[error("the weight of read-out {request} fades over {tau} s; it must be a positive time")]
    FadingWeight {
        /// Position of the request.
        request: usize,
        /// Over which time, in seconds.
        tau: f64,
    },
    /// An average over a run of no length. Let it run for longer than that.
    #[error("read-out {request} is an average over a run that ends where it starts, at 0 s")]
    AverageOfNothing {
        /// Position of the request.
        request: usize,
    },
    /// A neuron is to be read by integrals under more than two different weights. Read it in a second run, too.
    #[error("neuron {neuron} is read under more than two weights in one run")]
    Weights {
        /// Which neuron.
        neuron: NeuronId,
    },
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
        neuron: NeuronId,
        /// When, in seconds.
        time: f64,
    },
    /// The state of a neuron left the range of a double. Lower the weights.
    #[error("the state of neuron {neuron} is not finite at {time} s")]
    NonFinite {
        /// Which neuron.
        neuron: NeuronId,
        /// When, in seconds.
        time: f64,
    },
}
