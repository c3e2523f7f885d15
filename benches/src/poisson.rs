//! Poisson spikes, as the random networks are driven by.

use rand::Rng;
use rand_distr::{Distribution, Exp};
use spikegrad::InputSpike;

/// Spikes of `channels` input channels at `rate` each, per second, from time 0 to `t_end`, in seconds: channel by channel.
///
/// # Panics
/// If the rate is not positive.
pub fn poisson(channels: usize, rate: f64, t_end: f64, rng: &mut impl Rng) -> Vec<InputSpike> {
    let wait = Exp::new(rate).expect("a positive rate");
    let mut spikes = Vec::new();
    for channel in 0..channels {
        let mut time = wait.sample(rng);
        while time < t_end {
            spikes.push(InputSpike { channel, time });
            time += wait.sample(rng);
        }
    }
    spikes
}
