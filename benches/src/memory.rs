//! Memory: that of a trace in bytes, what grows with the spikes and what does not; and the most that this process has held.
//!
//! Of a trace, sizes of what is held, from the types and the lengths of lists; nothing is asked of the allocator. A trace holds its spikes,
//! the input spikes and the read-outs. Beside it stand a layer's own arrays, one row for each of its values, which do not
//! grow with the spikes. Not here: weights and gradients, which are the network's; the workspaces of the engines, of which
//! that of the sweep holds each spike a second time.

use spikegrad::{Spike, Trace};
use spikegrad_network::{Layer, Layers};
use std::mem::{size_of, size_of_val};

/// Bytes of one spike in a trace.
pub const SPIKE: usize = size_of::<Spike>();

/// Parts of a trace, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TraceBytes {
    /// Number of spikes.
    pub spikes: usize,
    /// Spikes.
    pub of_spikes: usize,
    /// What is reserved for spikes, in a trace that was not used before.
    pub reserved: usize,
    /// Input spikes, without the order in which they were given.
    pub of_inputs: usize,
    /// Read-outs.
    pub of_readouts: usize,
}

impl TraceBytes {
    /// Of `trace`.
    #[must_use]
    pub fn of(trace: &Trace) -> Self {
        Self {
            spikes: trace.spikes.len(),
            of_spikes: size_of_val(&*trace.spikes),
            reserved: trace.spikes.capacity() * SPIKE,
            of_inputs: size_of_val(trace.stimulus.spikes()),
            of_readouts: size_of_val(&*trace.readouts),
        }
    }

    /// All that is held, without what is only reserved.
    #[must_use]
    pub fn total(self) -> usize {
        self.of_spikes + self.of_inputs + self.of_readouts
    }
}

/// Bytes of the arrays of all layers: time constants and thresholds, padded to whole blocks.
#[must_use]
pub fn of_layers(layers: &Layers) -> usize {
    layers.layers().iter().map(Layer::bytes_of_numbers).sum()
}

/// The largest resident memory of this process so far, in bytes, where the system says it (Linux).
#[must_use]
pub fn peak() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix(" kB")?.parse::<f64>().ok()? * 1024.0)
}

/// The same for people to read.
#[must_use]
pub fn peak_in_words() -> String {
    let gibibytes = |bytes: f64| format!("peak memory {:.2} GiB", bytes / f64::from(1 << 30));
    peak().map_or("peak memory unknown".into(), gibibytes)
}

#[cfg(test)]
mod tests {
    use super::{SPIKE, TraceBytes};
    use crate::Workload;
    use crate::engine::{Choice, Engine};
    use spikegrad::Trace;

    #[test]
    fn only_spikes_grow_with_the_weights() {
        let [few, many] = [0.637, 1.88].map(|scale| {
            let workload = Workload::w2_scaled(scale);
            let mut engine =
                Engine::new(&workload.network, &workload.parameters, Choice::Automatic);
            let (mut trace, example) = (Trace::default(), &workload.examples[0]);
            engine.forward(&example.stimulus, &*example.loss, &mut trace);
            TraceBytes::of(&trace)
        });
        assert!(many.spikes > 2 * few.spikes, "{few:?} {many:?}");
        assert_eq!(many.total() - few.total(), (many.spikes - few.spikes) * SPIKE);
    }
}
