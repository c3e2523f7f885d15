//! How a sample becomes input spikes.
//!
//! An [`Encoder`] is what a configuration says; [`Encoder::encode`] makes the spikes of one sample,
//! changed at random by an [`Augmentation`] if it is one to train on.
//!
//! ```text
//! image ─ deformed ─┐
//! point ────────────┴─ latency code ─┐
//! spike train ──────── scaled ───────┴─ dropout, jitter ─ bias spike ─ end of the run
//! ```
//!
//! Not here: the data (`data/`), and rates: nothing here draws a spike that the sample does not
//! have.

mod augmentation;
mod deformation;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use spikegrad::InputSpike;
use spikegrad::dynamics::math;

pub use augmentation::{Augmentation, Elastic};

use crate::TrainError;
use crate::data::{InputRef, Inputs};
use crate::out_of_range::{OutOfRange, check, positive};
use crate::random::Stream;
use augmentation::Noise;

/// The value of a white pixel.
const WHITE: f64 = 255.0;

/// What turns a sample into input spikes.
///
/// Each value, pixel or channel of the sample is the input channel of the same number. The bias, a
/// spike at a fixed time that is a clock for the others, has the channel after the last.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "code", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Encoder {
    /// One spike a value v in [0, 1], for points and for images, whose pixels are v = byte / 255.
    Latency {
        /// The earliest spike time, in s.
        #[serde(default)]
        t_min: f64,
        /// The latest spike time, in s; at `t_min` all spikes are simultaneous.
        #[serde(default = "twenty_milliseconds")]
        t_max: f64,
        /// Whether a larger value spikes earlier.
        #[serde(default)]
        larger_first: bool,
        /// Values below this do not spike.
        #[serde(default)]
        silent_below: f64,
        /// Time of the bias spike, in s; `null` for no bias channel.
        #[serde(default)]
        t_bias: Option<f64>,
        /// How time depends on the value.
        #[serde(default)]
        shape: Shape,
    },
    /// Spike trains as they are.
    Spikes {
        /// Factor of all times.
        #[serde(default = "one")]
        scale: f64,
        /// Time of the bias spike, in s; `null` for no bias channel.
        #[serde(default)]
        t_bias: Option<f64>,
    },
}

/// How the time of a spike depends on the value.
#[derive(Default, Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Shape {
    #[default]
    /// t = `t_min` + v (`t_max` − `t_min`); with the larger first, 1 − v stands for v.
    Linear,
    /// t = `t_min` + (`t_max` − `t_min`) ln v / ln `silent_below`, the larger first: the value 1
    /// spikes at `t_min`, the least value at `t_max`. A factor of all values, the contrast, moves
    /// all spikes by the same time (J. J. Hopfield, *Pattern recognition computation using action
    /// potential timing for stimulus representation*, Nature 376:33, 1995).
    Logarithmic,
}

fn one() -> f64 {
    1.0
}

fn twenty_milliseconds() -> f64 {
    0.02
}

impl Encoder {
    /// Returns the number of input channels for samples of this kind, the bias included.
    #[must_use]
    pub fn channels(&self, inputs: &Inputs) -> usize {
        inputs.width() + usize::from(self.t_bias().is_some())
    }

    /// Returns the time of the bias spike in s, if there is one.
    #[must_use]
    pub fn t_bias(&self) -> Option<f64> {
        match self {
            Self::Latency { t_bias, .. } | Self::Spikes { t_bias, .. } => *t_bias,
        }
    }

    /// Checks that the numbers can be used in runs that end at `t_end`, in s.
    ///
    /// # Errors
    ///
    /// The first number that is out of its range.
    pub fn validate(&self, t_end: f64) -> Result<(), OutOfRange> {
        // Only what is drawn at random, or recorded, may lie behind the end: the rest would be lost without a word.
        let is_time = |time: f64| (0.0..=t_end).contains(&time);
        if let Some(time) = self.t_bias() {
            check("t_bias", time, is_time(time), "a time from 0 to t_end, in s")?;
        }
        match *self {
            Self::Latency { t_min, t_max, larger_first, silent_below, shape, .. } => {
                check("t_min", t_min, is_time(t_min), "a time from 0 to t_end, in s")?;
                let rule = "a time not before `t_min`, and not after t_end, in s";
                check("t_max", t_max, is_time(t_max) && t_max >= t_min, rule)?;
                let within = (0.0..=1.0).contains(&silent_below);
                check("silent_below", silent_below, within, "between 0 and 1")?;
                if shape == Shape::Linear {
                    return Ok(());
                }
                let rule = "between 0 and 1, without them: a logarithmic code needs a least value";
                check(
                    "silent_below",
                    silent_below,
                    silent_below > 0.0 && silent_below < 1.0,
                    rule,
                )?;
                check("larger_first", larger_first, larger_first, "true for a logarithmic `shape`")
            }
            Self::Spikes { scale, .. } => positive("scale", scale),
        }
    }

    /// Checks that the code is for samples of this kind.
    ///
    /// # Errors
    ///
    /// [`TrainError::OtherCode`].
    pub fn check(&self, inputs: &Inputs) -> Result<(), TrainError> {
        match (self, inputs) {
            (Self::Latency { .. }, Inputs::Trains(_)) => Err(self.other("spike trains")),
            (Self::Spikes { .. }, Inputs::Points { .. }) => Err(self.other("points")),
            (Self::Spikes { .. }, Inputs::Images { .. }) => Err(self.other("images")),
            _ => Ok(()),
        }
    }

    /// Makes the spikes of one sample, in place of those that are in `out`.
    ///
    /// They come in the order of the sample's values or times, the bias last; spikes after `t_end`,
    /// in s, are left out. With an augmentation the sample is changed at random first; the bias is
    /// not. The same generator in the same state gives the same bits.
    ///
    /// # Errors
    ///
    /// [`TrainError::OtherCode`] if the code is not for such samples.
    pub fn encode(
        &self,
        input: InputRef<'_>,
        augmentation: Option<(&Augmentation, &mut Stream)>,
        t_end: f64,
        out: &mut Vec<InputSpike>,
    ) -> Result<(), TrainError> {
        out.clear();
        let (augmentation, mut rng) = augmentation.unzip();
        let deformed = match (input, augmentation, &mut rng) {
            (InputRef::Image { rows, columns, pixels }, Some(augmentation), Some(rng)) => {
                augmentation.deformed(rows, columns, pixels, rng)
            }
            _ => None,
        };
        let noise = augmentation.zip(rng).and_then(|(augmentation, rng)| augmentation.noise(rng));
        let mut spikes = Spikes { noise, t_end, out };

        let n = match (self, input) {
            (Self::Latency { .. }, InputRef::Point(values)) => {
                self.latencies(values.iter().copied(), &mut spikes);
                values.len()
            }
            (Self::Latency { .. }, InputRef::Image { pixels, .. }) => {
                match deformed {
                    Some(greys) => {
                        self.latencies(greys.iter().map(|grey| grey / WHITE), &mut spikes);
                    }
                    None => {
                        let values = pixels.iter().map(|&pixel| f64::from(pixel) / WHITE);
                        self.latencies(values, &mut spikes);
                    }
                }
                pixels.len()
            }
            (Self::Spikes { scale, .. }, InputRef::Train { times, channel, channels }) => {
                for (time, &channel) in times.iter().zip(channel) {
                    if let Ok(channel) = usize::try_from(channel) {
                        spikes.push(channel, time * scale);
                    }
                }
                channels
            }
            (_, InputRef::Point(_)) => return Err(self.other("points")),
            (_, InputRef::Image { .. }) => return Err(self.other("images")),
            (_, InputRef::Train { .. }) => return Err(self.other("spike trains")),
        };
        spikes.noise = None;
        if let Some(time) = self.t_bias() {
            spikes.push(n, time);
        }
        Ok(())
    }

    /// Gives each value of a latency code its spike.
    fn latencies(&self, values: impl Iterator<Item = f64>, spikes: &mut Spikes<'_>) {
        let Self::Latency { t_min, t_max, larger_first, silent_below, shape, .. } = *self else {
            return;
        };
        let span = t_max - t_min;
        match (shape, larger_first) {
            (Shape::Linear, false) => {
                spikes.latencies(values, silent_below, |v| t_min + v * span);
            }
            (Shape::Linear, true) => {
                spikes.latencies(values, silent_below, |v| t_min + (1.0 - v) * span);
            }
            (Shape::Logarithmic, _) => {
                let least = math::ln(silent_below);
                spikes.latencies(values, silent_below, |v| t_min + span * (math::ln(v) / least));
            }
        }
    }

    fn other(&self, found: &'static str) -> TrainError {
        let (code, expected) = match self {
            Self::Latency { .. } => ("latency", "points and images"),
            Self::Spikes { .. } => ("spikes", "spike trains"),
        };
        TrainError::OtherCode { code, expected, found }
    }
}

/// Where the spikes of a sample go.
struct Spikes<'a> {
    noise: Option<Noise<'a>>,
    t_end: f64,
    out: &'a mut Vec<InputSpike>,
}

impl Spikes<'_> {
    fn push(&mut self, channel: usize, time: f64) {
        let time = match &mut self.noise {
            Some(noise) => noise.apply(time),
            None => Some(time),
        };
        if let Some(time) = time.filter(|time| *time <= self.t_end) {
            self.out.push(InputSpike { channel, time });
        }
    }

    fn latencies(
        &mut self,
        values: impl Iterator<Item = f64>,
        silent_below: f64,
        time: impl Fn(f64) -> f64,
    ) {
        for (channel, value) in values.enumerate() {
            if value >= silent_below {
                self.push(channel, time(value));
            }
        }
    }
}

#[cfg(test)]
mod tests;
