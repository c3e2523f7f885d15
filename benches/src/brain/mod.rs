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

use rand::Rng;
use rand_distr::Distribution;
use spikegrad::{
    Connection, ConnectionParameters, Model, Network, Parameters, PopulationParameters, Stimulus,
    Synapse, lif,
};

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

/// Neurons of which all numbers are shared but those that are added.
struct Membrane {
    /// Resting potential and reset value, in millivolts.
    rest: f64,
    /// In millivolts.
    threshold: f64,
    /// In seconds.
    tau_mem: f64,
    /// In seconds.
    tau_syn: f64,
    /// In seconds.
    refractory: f64,
}

impl Membrane {
    fn parameters(&self) -> PopulationParameters {
        PopulationParameters::new(Model::Lif)
            .with(lif::TAU_MEM, self.tau_mem)
            .with(lif::TAU_SYN, self.tau_syn)
            .with(lif::T_REF, self.refractory)
            .with(lif::V_LEAK, self.rest)
            .with(lif::V_RESET, self.rest)
            .with(lif::V_TH, self.threshold)
    }
}

/// So many pairs of a source, of `n_pre`, and a target, each drawn by itself; in the order of the sources, in which an engine reads them.
fn pairs(
    count: usize,
    (n_pre, sources): (usize, &impl Distribution<usize>),
    targets: &impl Distribution<usize>,
    rng: &mut impl Rng,
) -> Vec<Synapse> {
    let mut out_degrees = vec![0; n_pre];
    (0..count).for_each(|_| out_degrees[sources.sample(rng)] += 1);
    let mut pairs = Vec::with_capacity(count);
    for (pre, degree) in out_degrees.into_iter().enumerate() {
        pairs.extend((0..degree).map(|_| Synapse { pre, post: targets.sample(rng) }));
    }
    pairs
}
