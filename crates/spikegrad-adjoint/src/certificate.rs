//! How far a gradient can be trusted: how near the spikes are to vanishing, where its derivatives are one-sided, and whether a
//! policy acted.
//!
//! Only what the loss depends on is looked at, but for the smallest slope, which is that of the whole run. Not here: what a tie
//! is, and how ties are found (`ties.rs`).

use crate::Grazing;
use crate::ties::{Moment, TieKind, ties};
use spikegrad_dynamics::{Lif, Neuron};
use spikegrad_network::loss::Cotangents;
use spikegrad_network::{Circuit, Network, NeuronId, Trace};

/// Ties that a certificate lists; it counts them all.
pub const LISTED_TIES: usize = 16;

/// The smallest slope at which the threshold was crossed.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Slope {
    /// dV/dt, per second. The derivative of that spike's time grows as its inverse.
    pub slope: f64,
    /// Population and index of the neuron.
    pub neuron: String,
    /// Time of the spike, in seconds.
    pub time: f64,
}

/// A coincidence at which the loss has a kink: its derivative there is that of one side.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Tie {
    /// What coincides, and what is taken to come first.
    pub kind: TieKind,
    /// Population and index of the neuron.
    pub neuron: String,
    /// Where the first of what arrives there comes from: population and index of a neuron, or `input` and its channel.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub source: Option<String>,
    /// When, in seconds.
    pub time: f64,
    /// When the other of two equal maxima is, in seconds.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub other_time: Option<f64>,
}

/// What stands beside a gradient.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Certificate {
    /// Number of spikes that the gradient goes through.
    pub spikes: usize,
    /// Number of synaptic arrivals.
    pub arrivals: u64,
    /// The spike that is nearest to grazing.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub smallest_slope: Option<Slope>,
    /// Potentials that touched the threshold without a spike.
    pub touches: usize,
    /// Spikes and touches on which the loss depends and at which a policy other than `fail` acted: where the gradient is not exact.
    pub inexact: usize,
    /// Spikes on whose times the loss depends and that an arrival made the potential jump to: they move with that arrival alone, and of what else decides about them, such as the
    /// weight of that arrival, the gradient knows nothing.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "is_zero"))]
    pub jumps: usize,
    /// Number of ties on which the loss depends: without one, no derivative is one-sided.
    pub ties: usize,
    /// The first of these in time, at most [`LISTED_TIES`].
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Vec::is_empty"))]
    pub first_ties: Vec<Tie>,
}

/// A run and what its gradient says of it.
#[derive(Clone, Copy, Debug)]
pub struct Differentiated<'a, N: Neuron<f64> = Lif<f64>> {
    /// The network.
    pub network: &'a Network,
    /// The network, laid out.
    pub circuit: &'a Circuit<f64, N>,
    /// The run.
    pub trace: &'a Trace,
    /// What the loss said of it.
    pub cotangents: &'a Cotangents,
    /// ∂L/∂t of each spike in all, per second ([`crate::BackwardWorkspace::spike_times`]); where it is missing, the spike is taken to
    /// matter.
    pub spike_times: &'a [f64],
}

impl<N: Neuron<f64>> Differentiated<'_, N> {
    /// Whether the loss depends on the time of the spike at position `spike`.
    pub(crate) fn spike_matters(&self, spike: usize) -> bool {
        self.spike_times.get(spike).is_none_or(|&time| time != 0.0)
    }
}

impl Certificate {
    /// The certificate of the gradient of a run under `policy`.
    ///
    /// # Panics
    /// If the trace is one of another network.
    #[must_use]
    pub fn new<N: Neuron<f64>>(run: &Differentiated<'_, N>, policy: Grazing) -> Self {
        let Differentiated { network, trace, cotangents, .. } = run;
        let crossings = trace.spikes.iter().filter(|spike| !spike.is_jump());
        let smallest = crossings.min_by(|a, b| a.slope.total_cmp(&b.slope));
        let jumps = trace.spikes.iter().enumerate().filter(|(_, spike)| spike.is_jump());
        let acts_on = |slope: f64| match policy {
            Grazing::Fail => false,
            Grazing::Zero => slope <= 0.0,
            Grazing::Floor(floor) => slope < floor,
        };
        let slowed = trace.spikes.iter().enumerate();
        let slowed = slowed.filter(|&(k, spike)| acts_on(spike.slope) && run.spike_matters(k));
        let touched = (0..trace.touches.len()).filter(|&k| cotangents.touch_matters(k));
        let ties = ties(run);
        Self {
            spikes: trace.spikes.len(),
            arrivals: trace.arrivals,
            smallest_slope: smallest.map(|s| Slope {
                slope: s.slope,
                neuron: network.describe(s.neuron),
                time: s.time,
            }),
            touches: trace.touches.len(),
            inexact: slowed.count() + touched.count(),
            jumps: jumps.filter(|&(k, _)| run.spike_matters(k)).count(),
            ties: ties.len(),
            first_ties: ties.iter().take(LISTED_TIES).map(|tie| named(run, tie)).collect(),
        }
    }
}

#[cfg(feature = "serde")]
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde wants it so")]
fn is_zero(count: &usize) -> bool {
    *count == 0
}

/// A tie with its names.
fn named<N: Neuron<f64>>(run: &Differentiated<'_, N>, tie: &Moment) -> Tie {
    let Differentiated { network, trace, .. } = run;
    let inputs = trace.stimulus.spikes();
    let describe = |neuron: NeuronId| network.describe(neuron);
    let source = |firing: usize| match firing.checked_sub(inputs.len()) {
        None => format!("input[{}]", inputs[firing].channel),
        Some(spike) => describe(trace.spikes[spike].neuron),
    };
    Tie {
        kind: tie.kind,
        neuron: describe(tie.neuron),
        source: tie.first.map(source),
        time: tie.time,
        other_time: tie.other,
    }
}
