//! Whether the memory of the machine is enough for a network, asked before any of it is taken.
//!
//! What a synapse takes is counted, not measured: its weight stands in the parameters of the run and in those of the epoch under
//! way, in the engine, in the gradient, and, where weights are trained, in two rows, in the memory of the optimiser and in the
//! average, each twice. A network that is refused would not fit; one that is not may still be too large, with its delays, its data and what
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
    /// The layer that it reaches.
    pub(super) layer: usize,
}

/// Refuses a network that does not fit.
pub(super) fn check(connections: &[Planned], config: &Config) -> Result<(), TrainError> {
    let counts = connections.iter().map(|connection| connection.synapses);
    let synapses = counts.fold(0_u64, u64::saturating_add);
    let needed = Bytes(synapses.saturating_mul(bytes_a_synapse(config)));
    let available = available();
    if needed <= available && synapses <= MOST_SYNAPSES {
        return Ok(());
    }
    let largest = connections.iter().max_by_key(|connection| connection.synapses);
    let layer = largest.map_or(0, |connection| connection.layer);
    Err(TrainError::Memory { synapses, needed, available, layer })
}

/// What training takes for each synapse.
fn bytes_a_synapse(config: &Config) -> u64 {
    const NUMBER: u64 = 8;
    // Target, weight and index in the engine.
    const ENGINE: u64 = 8 + 8 + 4;
    let is_trained =
        config.layers.iter().any(|layer| layer.rates(&config.learning_rates).weights.is_some());
    let rows = config.optimiser.memory_names().len() as u64 + u64::from(config.average.is_some());
    // Parameters twice; the gradient, its sum, and that of a worker.
    let untrained = 2 * NUMBER + ENGINE + 3 * NUMBER;
    let trained = 2 * NUMBER + 2 * rows * NUMBER;
    untrained + if is_trained { trained } else { 0 }
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
}
