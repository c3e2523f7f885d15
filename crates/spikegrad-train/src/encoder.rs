//! Latency code: a value becomes the time of one spike.
//!
//! Every value has its own input channel, and a larger value spikes later. Because a network of
//! spikes only knows differences of time, one more channel can carry a spike at a fixed time, the
//! bias, as a clock for the others.
//!
//! Not here: data sets (`data/`), and inputs with more than one spike a channel.

use serde::{Deserialize, Serialize};

/// How values in [0, 1] become spike times.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LatencyEncoder {
    /// Spike time of the value 0, in s.
    pub t_min: f64,
    /// Spike time of the value 1, in s.
    pub t_max: f64,
    /// Time of the bias spike, in s, on the channel after the last value; `null` for no bias
    /// channel.
    pub t_bias: Option<f64>,
}

impl LatencyEncoder {
    /// Returns the number of input channels that `n_values` values need.
    #[must_use]
    pub fn n_channels(&self, n_values: usize) -> usize {
        n_values + usize::from(self.t_bias.is_some())
    }

    /// Returns the spikes of `values` as (channel, time in s), in the order of the channels.
    ///
    /// A value v spikes at `t_min + v (t_max − t_min)`; values outside [0, 1] follow the same line.
    #[must_use]
    pub fn encode(&self, values: &[f64]) -> Vec<(usize, f64)> {
        let span = self.t_max - self.t_min;
        let times = values.iter().map(|value| self.t_min + value * span);
        times.chain(self.t_bias).enumerate().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sums of powers of two, so that times can be compared exactly.
    const ENCODER: LatencyEncoder =
        LatencyEncoder { t_min: 0.125, t_max: 0.375, t_bias: Some(0.3125) };

    #[test]
    fn values_spike_between_the_two_times_and_the_bias_comes_last() {
        assert_eq!(
            ENCODER.encode(&[0.0, 0.5, 1.0]),
            [(0, 0.125), (1, 0.25), (2, 0.375), (3, 0.3125)]
        );
        assert_eq!(ENCODER.n_channels(3), 4);
    }

    #[test]
    fn without_a_bias_there_is_no_bias_channel() {
        let encoder = LatencyEncoder { t_bias: None, ..ENCODER };
        assert_eq!(encoder.encode(&[0.0]), [(0, 0.125)]);
        assert_eq!(encoder.n_channels(1), 1);
    }

    #[test]
    fn an_unknown_key_is_refused() {
        let text = r#"{"t_min": 0, "t_max": 0.03, "t_bias": null, "t_mid": 0}"#;
        assert!(serde_json::from_str::<LatencyEncoder>(text).is_err());
    }
}
