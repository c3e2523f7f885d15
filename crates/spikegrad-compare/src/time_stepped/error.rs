//! Why the clock-driven network gives no answer.
//!
//! Not here: what is wrong with a network for any engine ([`NetworkError`], which is passed on).

use spikegrad_network::NetworkError;
use thiserror::Error;

/// A network, a sample or a setting that a grid of time steps cannot do.
#[derive(Clone, Debug, Error, PartialEq)]
#[non_exhaustive]
pub enum GridError {
    /// The parameters do not fit the network.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// A setting is outside its range. Change it to what is expected.
    #[error("{name} is {value:?}; it must be {expected}")]
    Setting {
        /// The setting.
        name: &'static str,
        /// What it is.
        value: f64,
        /// What it may be.
        expected: &'static str,
    },
    /// A refractory time: the clamp has no surrogate derivative. Set it to zero, or use the event-driven engine.
    #[error(
        "unsupported: neurons of {population} have a refractory time, which a grid with surrogates does not do"
    )]
    Refractory {
        /// Name of the population.
        population: String,
    },
    /// A neuron that the grid does not know. Use the event-driven engine.
    #[error("unsupported: the neurons of {population} are of the model {model}")]
    Model {
        /// Name of the population.
        population: String,
        /// Its model.
        model: &'static str,
    },
    /// An injected current, which a grid does not know. Use the event-driven engine.
    #[error("unsupported: the stimulus injects currents")]
    Currents,
    /// The loss reads potentials of neurons that spike. Read a leaky integrator.
    #[error("unsupported: the loss reads potentials of {population}, which spikes")]
    ReadsSpiking {
        /// Name of the population.
        population: String,
    },
    /// The loss reads spikes of a leaky integrator. Read a population that spikes.
    #[error("unsupported: the loss or bound reads spikes of {population}, which never spikes")]
    ReadsSilent {
        /// Name of the population.
        population: String,
    },
    /// The loss pairs spikes with targets one by one, which has no surrogate. Use van Rossum's distance.
    #[error("unsupported: spike times paired with targets have no surrogate derivative")]
    PairedSpikeTimes,
    /// The loss is not written for a grid. Take another, or the exact engine.
    #[error("unsupported: the loss {loss} has no counterpart on a grid")]
    NoCounterpart {
        /// Its type in a problem file.
        loss: &'static str,
    },
    /// The loss names a population, neuron or list that is not there.
    #[error("{what} is {found}, but there are only {count}")]
    Absent {
        /// What it names.
        what: &'static str,
        /// What stands there.
        found: usize,
        /// How many there are.
        count: usize,
    },
    /// More time steps than memory could hold. Take a longer step.
    #[error("{steps:.0} time steps are more than the limit of {limit}")]
    TooManySteps {
        /// Length of the run in steps.
        steps: f64,
        /// The limit.
        limit: usize,
    },
    /// A potential overflowed. The weights are too large.
    #[error("sample {sample}: the loss is not finite")]
    NotFinite {
        /// Position in the batch.
        sample: usize,
    },
    /// The backward pass exploded. Detach reset or recurrence, or take a surrogate of height one.
    #[error("the surrogate gradient of the batch is not finite")]
    GradientNotFinite,
}
