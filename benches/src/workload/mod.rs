//! Workloads: a network, its values, inputs and a loss for each sample, from a fixed seed.
//!
//! | name | network | loss | input spikes | spikes |
//! | --- | --- | --- | --- | --- |
//! | `w1` | 5-200-3 | time to first spike | 5 | about 180 hidden, 46 output |
//! | `w1_2to1` | the same with τ_syn 10 ms | time to first spike | 5 | about 180 hidden, 46 output |
//! | `w2_sparse` | 784-350-10 | maximum of V | 149 | about 200 hidden |
//! | `w2_dense` | 784-350-10 | maximum of V | 149 | about 1,400 hidden |
//! | `w2_2to1` | 784-350-10, τ_syn 10 ms | time to first spike | 149 | about 560 hidden, 20 output |
//! | `w2_inhibited` | 784-350-10, inhibition 1 ms after excitation | maximum of V | 149 | about 1,500 hidden |
//! | `w2_receptors` | the same, with a receptor for each | maximum of V | 149 | about 1,300 hidden |
//! | `w3` | 100-256-10, recurrent, dense | maximum of V | about 1,000 | about 970 recurrent |
//! | `balanced` | 2,000 excitatory, 500 inhibitory, sparse | none | about 499,000 | about 8,600 |
//!
//! Counts are per sample; `cargo test -p spikegrad-bench` checks them. Not here: how they are measured.

pub mod balanced;
mod feed_forward;
mod recurrent;

use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Normal};
use spikegrad::{
    ConnectionParameters, Loss, Model, Network, Parameters, Sample, Settings, Stimulus, Trace,
    Values, value_batch,
};

/// Names of all workloads.
pub const NAMES: [&str; 9] = [
    "w1",
    "w1_2to1",
    "w2_sparse",
    "w2_dense",
    "w2_2to1",
    "w2_inhibited",
    "w2_receptors",
    "w3",
    "balanced",
];

/// One input and the loss of its answer.
#[derive(Debug)]
pub struct Example {
    /// The input.
    pub stimulus: Stimulus,
    /// Which output is right.
    pub label: usize,
    /// The loss, with this label.
    pub loss: Box<dyn Loss>,
}

/// A network, its inputs and losses.
#[derive(Debug)]
pub struct Workload {
    /// One of [`NAMES`].
    pub name: &'static str,
    /// Structure.
    pub network: Network,
    /// Values.
    pub parameters: Parameters,
    /// Which loss the examples carry: `ttfs` or `max_voltage`.
    pub loss: &'static str,
    /// Inputs and losses.
    pub examples: Vec<Example>,
    /// Whether a gradient is part of the workload, or only the way forward.
    pub has_gradient: bool,
}

/// Spikes and synaptic events of a sample, or their averages over the samples.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize)]
pub struct Counts {
    /// Spikes that go in.
    pub input_spikes: f64,
    /// Spikes of all populations but the last; of all, if there is one only or if none is an output.
    pub hidden_spikes: f64,
    /// Spikes of the last population, which is the output.
    pub output_spikes: f64,
    /// Spikes seen through a synapse.
    pub synaptic_events: f64,
}

impl Workload {
    /// The workload called `name`.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        match name {
            "w1" => Some(feed_forward::yin_yang("w1", 5e-3, (1.98, 0.78), (0.375, 0.1))),
            "w1_2to1" => {
                Some(feed_forward::yin_yang("w1_2to1", 1e-2, (1.125, 0.45), (0.195, 0.06)))
            }
            "w2_sparse" => Some(mnist("w2_sparse", Model::Li, 5e-3, 0.637, READOUT)),
            "w2_dense" => Some(mnist("w2_dense", Model::Li, 5e-3, 1.88, READOUT)),
            "w2_2to1" => Some(mnist("w2_2to1", Model::Lif, 1e-2, 0.58, (0.014, 0.04))),
            "w2_inhibited" => Some(feed_forward::mnist_with_inhibition("w2_inhibited", false)),
            "w2_receptors" => Some(feed_forward::mnist_with_inhibition("w2_receptors", true)),
            "w3" => Some(recurrent::recurrent()),
            "balanced" => Some(balanced::balanced()),
            _ => None,
        }
    }

    /// The shape of `w2_sparse` and `w2_dense` with the hidden weights of the paper times `scale`: as many spikes as wished.
    #[must_use]
    pub fn w2_scaled(scale: f64) -> Self {
        mnist("w2", Model::Li, 5e-3, scale, READOUT)
    }

    /// The samples as the facade wants them.
    #[must_use]
    pub fn samples(&self) -> Vec<Sample<'_>> {
        self.examples.iter().map(|e| Sample { stimulus: &e.stimulus, loss: &*e.loss }).collect()
    }

    /// Counts of each sample.
    ///
    /// # Panics
    /// If a sample cannot be simulated, which for the workloads of this file does not happen.
    #[must_use]
    pub fn counts_of_samples(&self) -> Vec<Counts> {
        let extract = |_: usize, trace: &Trace| self.counts_of(trace);
        value_batch(&self.network, &self.parameters, &self.samples(), &SETTINGS, extract)
            .expect("a finite run")
            .into_iter()
            .map(|(_, counts)| counts)
            .collect()
    }

    /// Averages over the samples.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let all = self.counts_of_samples();
        #[expect(clippy::cast_precision_loss, reason = "a few samples")]
        let n = all.len() as f64;
        let mean = |field: fn(&Counts) -> f64| all.iter().map(field).sum::<f64>() / n;
        Counts {
            input_spikes: mean(|c| c.input_spikes),
            hidden_spikes: mean(|c| c.hidden_spikes),
            output_spikes: mean(|c| c.output_spikes),
            synaptic_events: mean(|c| c.synaptic_events),
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "counts far below 2^53")]
    fn counts_of(&self, trace: &Trace) -> Counts {
        let last = self.network.populations().len() - 1;
        let outputs = if self.has_gradient { self.network.range(last) } else { 0..0 };
        let output = trace.spikes.iter().filter(|s| outputs.contains(&s.neuron.index())).count();
        Counts {
            input_spikes: trace.stimulus.spikes().len() as f64,
            hidden_spikes: (trace.spikes.len() - output) as f64,
            output_spikes: output as f64,
            synaptic_events: trace.arrivals as f64,
        }
    }
}

/// Settings of all runs: no limit on events, and an error where there is no gradient.
pub const SETTINGS: Settings = Settings { max_events: u64::MAX, ..Settings::DEFAULT };

/// Mean and deviation of the weights to a read-out.
const READOUT: (f64, f64) = (0.2, 0.37);

/// MNIST's shape with the weights of the paper times `scale`.
fn mnist(
    name: &'static str,
    readout: Model,
    tau_syn: f64,
    scale: f64,
    output: (f64, f64),
) -> Workload {
    feed_forward::mnist(name, readout, tau_syn, (0.078 * scale, 0.045 * scale), output)
}

/// Weights drawn from a normal distribution, and no delay.
fn normal_weights(
    count: usize,
    mean: f64,
    deviation: f64,
    rng: &mut ChaCha8Rng,
) -> ConnectionParameters {
    let normal = Normal::new(mean, deviation).expect("a positive deviation");
    let weights = (0..count).map(|_| normal.sample(rng)).collect();
    ConnectionParameters { weights, delay: Values::Shared(0.0) }
}

#[cfg(test)]
mod tests {
    use super::{NAMES, Workload};

    #[test]
    fn spike_counts_are_those_that_are_stated() {
        // Hidden, output, input spikes and synaptic events of a sample, rounded: a change of the engine must not move them.
        let stated = [
            ("w1", [180.0, 46.0, 5.0, 1540.0]),
            ("w1_2to1", [180.0, 46.0, 5.0, 1540.0]),
            ("w2_2to1", [560.0, 20.0, 149.0, 57_800.0]),
            ("w2_sparse", [200.0, 0.0, 149.0, 54_000.0]),
            ("w2_dense", [1400.0, 0.0, 149.0, 66_000.0]),
            ("w2_inhibited", [1500.0, 0.0, 149.0, 119_000.0]),
            ("w2_receptors", [1270.0, 0.0, 149.0, 117_000.0]),
            ("w3", [970.0, 0.0, 1000.0, 514_000.0]),
            ("balanced", [8600.0, 0.0, 499_000.0, 2_604_000.0]),
        ];
        for (name, expected) in stated {
            let c = Workload::by_name(name).unwrap().counts();
            let found = [c.hidden_spikes, c.output_spikes, c.input_spikes, c.synaptic_events];
            for (found, expected) in found.into_iter().zip(expected) {
                assert!((found - expected).abs() <= 0.03 * expected, "{name}: {c:?}");
            }
        }
        assert!(NAMES.iter().all(|name| stated.iter().any(|s| s.0 == *name)));
    }
}
