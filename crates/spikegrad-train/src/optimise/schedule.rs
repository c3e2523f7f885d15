//! How the learning rates change along a run: one factor for all of them.
//!
//! Not here: the learning rates themselves, which belong to groups of parameters.

use std::f64::consts::PI;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use spikegrad::dynamics::math;

use crate::out_of_range::{OutOfRange, check, not_negative};

/// The factor of all learning rates as a function of time, in epochs.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Schedule {
    /// How the factor goes down.
    pub shape: Shape,
    /// Length of the first part of the run, in epochs, in which the factor is raised from 0 to what `shape` says, in
    /// proportion to the time; 0 for none.
    #[serde(default)]
    pub warm_up: f64,
}

/// How the factor goes down.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "name", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Shape {
    /// It does not: 1 throughout.
    Constant {},
    /// By the same factor at the end of each epoch.
    Exponential {
        /// That factor, above 0 and at most 1.
        #[serde(default = "usual_decay")]
        decay: f64,
    },
    /// Along half a cosine, slowly at both ends.
    ///
    /// I. Loshchilov and F. Hutter, *SGDR: stochastic gradient descent with warm restarts*, ICLR 2017, Eq. 5, without a
    /// restart. What has been learned after some epochs depends on how many there will be.
    Cosine {
        /// What it ends at, from 0 to 1.
        #[serde(default)]
        final_share: f64,
    },
}

fn usual_decay() -> f64 {
    0.97
}

impl Default for Schedule {
    fn default() -> Self {
        Self { shape: Shape::Constant {}, warm_up: 0.0 }
    }
}

impl Schedule {
    /// Returns the factor at the time `epoch`, counted in epochs from 0, of a run of `epochs` epochs.
    ///
    /// For a step, take a time within it: at the very start of a warm-up the factor is 0.
    ///
    /// # Panics
    ///
    /// If `epoch` is not from 0 to `epochs`: a cosine would come up again.
    #[must_use]
    pub fn factor(&self, epoch: f64, epochs: u32) -> f64 {
        let epochs = f64::from(epochs);
        assert!((0.0..=epochs).contains(&epoch), "epoch {epoch} of {epochs}");
        let factor = match self.shape {
            Shape::Constant {} => 1.0,
            Shape::Exponential { decay } => math::pow(decay, epoch.floor()),
            // A run without epochs has ended.
            Shape::Cosine { final_share } if epochs == 0.0 => final_share,
            Shape::Cosine { final_share } => {
                final_share + (1.0 - final_share) * 0.5 * (1.0 + math::cos(PI * (epoch / epochs)))
            }
        };
        if epoch < self.warm_up { factor * (epoch / self.warm_up) } else { factor }
    }

    /// Checks that the factor is a number from 0 to 1.
    ///
    /// # Errors
    ///
    /// The first setting that is out of its range.
    pub fn validate(&self) -> Result<(), OutOfRange> {
        match self.shape {
            Shape::Constant {} => {}
            Shape::Exponential { decay } => {
                check("shape.decay", decay, decay > 0.0 && decay <= 1.0, "above 0 and at most 1")?;
            }
            Shape::Cosine { final_share } => {
                let holds = (0.0..=1.0).contains(&final_share);
                check("shape.final_share", final_share, holds, "from 0 to 1")?;
            }
        }
        not_negative("warm_up", self.warm_up)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A power or a cosine is good to a few units in the last place.
    const ROUNDING: f64 = 1e-15;

    fn schedule(shape: Shape, warm_up: f64) -> Schedule {
        Schedule { shape, warm_up }
    }

    #[test]
    fn exponential_decay_is_a_power_and_the_same_all_through_an_epoch() {
        let decaying = schedule(Shape::Exponential { decay: 0.95 }, 0.0);
        for epoch in (0..100).map(f64::from) {
            for within in [0.0, 0.5, 0.999] {
                let factor = decaying.factor(epoch + within, 100);
                assert_eq!(factor.to_bits(), math::pow(0.95, epoch).to_bits());
            }
        }
    }

    #[test]
    fn a_cosine_goes_from_one_to_its_final_share() {
        let cosine = schedule(Shape::Cosine { final_share: 0.1 }, 0.0);
        assert!((cosine.factor(0.0, 30) - 1.0).abs() < ROUNDING);
        // cos(π/3) = ½, cos(π/2) = 0.
        assert!((cosine.factor(10.0, 30) - 0.775).abs() < ROUNDING);
        assert!((cosine.factor(15.0, 30) - 0.55).abs() < ROUNDING);
        assert_eq!(cosine.factor(30.0, 30).to_bits(), 0.1_f64.to_bits());
        assert_eq!(cosine.factor(0.0, 0).to_bits(), 0.1_f64.to_bits());
    }

    #[test]
    fn a_warm_up_rises_to_the_shape_and_leaves_it_alone_then() {
        let constant = schedule(Shape::Constant {}, 2.0);
        let factors = [0.0, 0.5, 1.0, 2.0, 7.5].map(|epoch| constant.factor(epoch, 10).to_bits());
        assert_eq!(factors, [0.0, 0.25, 0.5, 1.0, 1.0].map(f64::to_bits));
        let decaying = schedule(Shape::Exponential { decay: 0.5 }, 4.0);
        let factors = [2.0, 4.0].map(|epoch| decaying.factor(epoch, 10).to_bits());
        assert_eq!(factors, [0.125, 0.0625].map(f64::to_bits));
    }

    #[test]
    #[should_panic(expected = "epoch 11 of 10")]
    fn there_is_no_factor_after_the_end() {
        let _ = schedule(Shape::Constant {}, 0.0).factor(11.0, 10);
    }

    #[test]
    fn settings_are_read_and_checked() {
        let text = r#"{"shape":{"name":"cosine","final_share":0.0},"warm_up":1.5}"#;
        let read: Schedule = serde_json::from_str(text).unwrap();
        assert_eq!(read, schedule(Shape::Cosine { final_share: 0.0 }, 1.5));
        assert_eq!(serde_json::to_string(&read).unwrap(), text);
        let constant = serde_json::from_str::<Shape>(r#"{"name":"constant"}"#).unwrap();
        assert_eq!(constant, Shape::Constant {});
        assert!(serde_json::from_str::<Shape>(r#"{"name":"constant","decay":1}"#).is_err());

        let key = |shape, warm_up| schedule(shape, warm_up).validate().map_err(|out| out.key);
        assert_eq!(key(Shape::Constant {}, 0.0), Ok(()));
        assert_eq!(key(Shape::Exponential { decay: 0.0 }, 0.0), Err("shape.decay".to_owned()));
        assert_eq!(key(Shape::Exponential { decay: f64::NAN }, 0.0), Err("shape.decay".to_owned()));
        assert_eq!(
            key(Shape::Cosine { final_share: 1.5 }, 0.0),
            Err("shape.final_share".to_owned())
        );
        assert_eq!(key(Shape::Constant {}, f64::INFINITY), Err("warm_up".to_owned()));
    }
}
