//! Whether the memory of the machine is enough for a network, asked before any of it is taken.
//!
//! What a synapse and a weight take is counted, not measured: a synapse stands in the engine, and in two sums of its gradients, and in a list where
//! synapses share their weights; a weight in the parameters of the run and in those of the epoch under way, in the gradient, and, where it is
//! trained, in two rows, in the memory of the optimiser and in the average, each twice. A network that is refused would not fit; one that is not may still be too large, with its delays, its data and what
//! else is running.
//!
//! Not here: the limits of the engine on neurons (`spikegrad`).

use sysinfo::{MemoryRefreshKind, RefreshKind, System};

use crate::error::Bytes;
use crate::{Config, TrainError};

/// Synapses that the engine can count.
const MOST_SYNAPSES: u64 = u32::MAX as u64;

/// A connection that is to be made.
#[derive(Clone, Copy, Debug)]
pub(super) struct Planned {
    pub(super) synapses: u64,
    /// Number of kernels' weights, if synapses share them.
    pub(super) kernels: Option<u64>,
    /// The layer that it reaches.
    pub(super) layer: usize,
}

/// Refuses a network that does not fit.
pub(super) fn check(connections: &[Planned], config: &Config) -> Result<(), TrainError> {
    let counts = connections.iter().map(|connection| connection.synapses);
    let synapses = counts.fold(0_u64, u64::saturating_add);
    let bytes = connections.iter().map(|connection| connection.bytes(config));
    let needed = Bytes(bytes.fold(0, u64::saturating_add));
    let available = available();
    if needed <= available && synapses <= MOST_SYNAPSES {
        return Ok(());
    }
    let largest = connections.iter().max_by_key(|connection| connection.synapses);
    let layer = largest.map_or(0, |connection| connection.layer);
    Err(TrainError::Memory { synapses, needed, available, layer })
}

impl Planned {
    /// What training takes for it.
    fn bytes(&self, config: &Config) -> u64 {
        const NUMBER: u64 = 8;
        // Target, weight and index in the engine; the sum of the gradients, and that of a worker.
        const SYNAPSE: u64 = 8 + 8 + 4 + 2 * NUMBER;
        // Source, target and index in the network.
        const LISTED: u64 = 8 + 8 + 4;
        let rates = config.layers[self.layer].rates(&config.learning_rates);
        let names = config.optimiser.memory_names().len() as u64;
        let rows = names + u64::from(config.average.is_some());
        // Parameters twice, and the gradient.
        let untrained = 3 * NUMBER;
        let trained = if rates.weights.is_some() { 2 * NUMBER + 2 * rows * NUMBER } else { 0 };
        let of_synapse = SYNAPSE + if self.kernels.is_some() { LISTED } else { 0 };
        let weights = self.kernels.unwrap_or(self.synapses);
        let of_weights = weights.saturating_mul(untrained + trained);
        self.synapses.saturating_mul(of_synapse).saturating_add(of_weights)
    }
}

/// The memory of the machine, or as much of it as this process may have.
fn available() -> Bytes {
    let kinds = RefreshKind::nothing().with_memory(MemoryRefreshKind::everything());
    let system = System::new_with_specifics(kinds);
    let all = system.total_memory().saturating_add(system.total_swap());
    let limit = system.cgroup_limits().map(|limits| limits.total_memory);
    match limit.map_or(all, |limit| limit.min(all)) {
        // A system that does not say how much it has.
        0 => Bytes(u64::MAX),
        bytes => Bytes(bytes),
    }
}

#[cfg(test)]
mod tests {
    use super::Planned;
    use crate::TrainError;
    use crate::fit::Classifier;
    use crate::{Bytes, Config};

    #[test]
    fn a_network_that_fits_nowhere_is_refused_with_what_it_would_take() {
        let refused = |changes: &[(&str, &str)], channels: usize| {
            let config = Config::default().with(changes).unwrap().0;
            match Classifier::new(&config, channels, 3).unwrap_err() {
                TrainError::Memory { synapses, needed, available, layer } => {
                    assert!(available > Bytes(0));
                    (synapses, needed, layer)
                }
                other => panic!("{other}"),
            }
        };
        let recurrent = ("layers.0.recurrent", r#"{"mean": 0, "std": 0.1}"#);
        let (synapses, needed, layer) = refused(&[("layers.0.size", "900000"), recurrent], 5);
        assert_eq!((synapses, layer), (900_000 * (900_000 + 5 + 3), 0));
        // Adam without an average: 20 bytes in the engine and eleven numbers elsewhere.
        assert_eq!(needed, Bytes(synapses * (20 + 11 * 8)));
        // Of neurons there would be too many, too.
        let (_, needed, _) = refused(&[("layers.0.size", "1000000"), recurrent], 5);
        assert!(needed.to_string().ends_with(" TB"), "{needed}");
        let (_, _, layer) = refused(&[("layers.0.size", "400000")], 500_000);
        assert_eq!(layer, 0);
        let layers = r#"[{"name": "a", "size": 9, "model": "lif", "tau_mem": 0.02, "tau_syn": 0.005, "weights": {"mean": 1, "std": 1}},
            {"name": "b", "size": 490000, "model": "lif", "tau_mem": 0.02, "tau_syn": 0.005, "weights": {"mean": 1, "std": 1}},
            {"name": "c", "size": 490000, "model": "lif", "tau_mem": 0.02, "tau_syn": 0.005, "weights": {"mean": 1, "std": 1}},
            {"name": "d", "model": "lif", "tau_mem": 0.02, "tau_syn": 0.005, "weights": {"mean": 1, "std": 1}}]"#;
        assert_eq!(refused(&[("layers", layers)], 5).2, 2);
    }

    #[test]
    fn a_kernel_takes_the_memory_of_its_weights_once() {
        let planned = |synapses: u64, kernels| Planned { synapses, kernels, layer: 0 };
        let config = Config::default();
        // Adam without an average: nine numbers for each weight.
        let own = planned(1_000_000, None).bytes(&config);
        assert_eq!(own, 1_000_000 * (36 + 9 * 8));
        let shared = planned(1_000_000, Some(25)).bytes(&config);
        assert_eq!(shared, 1_000_000 * (36 + 20) + 25 * 9 * 8);
        // A layer whose weights are not trained has none of them in the optimiser.
        let frozen = [("layers.0.learning_rates", r#"{"weights": 0}"#)];
        let frozen = config.with(&frozen).unwrap().0;
        assert_eq!(planned(10, None).bytes(&frozen), 10 * (36 + 3 * 8));
    }
}
