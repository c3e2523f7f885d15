//! Networks of the size of a brain: drawn from published statistics, not from the published wiring itself.
//!
//! | file | network |
//! | --- | --- |
//! | `fly.rs` | the brain of the fruit fly as Shiu et al. (2024) model it: 138,639 neurons, 15 million synapses |
//! | `microcircuit.rs` | the cortical microcircuit of Potjans & Diesmann (2014): 77,169 neurons, 0.3 billion synapses |
//!
//! Not here: what is run and measured (`src/bin/brain.rs`).

pub mod fly;
pub mod microcircuit;

use spikegrad::{Connection, ConnectionParameters, Network, Parameters, Stimulus};

/// A network with its values and what goes in.
#[derive(Debug)]
pub struct Brain {
    /// Its structure.
    pub network: Network,
    /// Its values: potentials in millivolts, times in seconds.
    pub parameters: Parameters,
    /// Input spikes, and the end of the run.
    pub stimulus: Stimulus,
}

/// Connections under way, with their values.
#[derive(Debug, Default)]
struct Connections {
    structure: Vec<Connection>,
    values: Vec<ConnectionParameters>,
}

impl Connections {
    fn add(&mut self, connection: Connection, weights: Vec<f64>, delay: f64) {
        self.structure.push(connection);
        self.values.push(ConnectionParameters { weights, delay: delay.into() });
    }
}
