//! How far a gradient can be trusted: how near the spikes are to vanishing, and whether a policy acted.

use crate::Grazing;
use serde::Serialize;
use spikegrad_dynamics::Scalar;
use spikegrad_network::{Network, NeuronId, Trace};

/// The smallest slope at which the threshold was crossed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Slope {
    /// dV/dt, per second. The derivative of that spike's time grows as its inverse.
    pub slope: f64,
    /// Population and index of the neuron.
    pub neuron: String,
    /// Time of the spike, in seconds.
    pub time: f64,
}

/// What stands beside a gradient.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Certificate {
    /// Number of spikes that the gradient goes through.
    pub spikes: usize,
    /// Number of synaptic arrivals.
    pub arrivals: u64,
    /// The spike that is nearest to grazing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub smallest_slope: Option<Slope>,
    /// Potentials that touched the threshold without a spike.
    pub touches: usize,
    /// Spikes and touches at which a policy other than `fail` acted: where the gradient is not exact.
    pub inexact: usize,
}

impl Certificate {
    /// The certificate of a gradient through `trace` under `policy`.
    ///
    /// # Panics
    /// If `trace` is one of another network.
    #[must_use]
    pub fn new<T: Scalar>(network: &Network, trace: &Trace<T>, policy: Grazing) -> Self {
        let smallest = trace.spikes.iter().min_by(|a, b| a.slope.re().total_cmp(&b.slope.re()));
        let describe = |neuron: NeuronId| network.describe(neuron);
        let slowed = |slope: f64| match policy {
            Grazing::Fail => false,
            Grazing::Zero => slope <= 0.0,
            Grazing::Floor(floor) => slope < floor,
        };
        Self {
            spikes: trace.spikes.len(),
            arrivals: trace.arrivals,
            smallest_slope: smallest.map(|s| Slope {
                slope: s.slope.re(),
                neuron: describe(s.neuron),
                time: s.time.re(),
            }),
            touches: trace.touches.len(),
            inexact: trace.spikes.iter().filter(|s| slowed(s.slope.re())).count()
                + trace.touches.len(),
        }
    }
}
