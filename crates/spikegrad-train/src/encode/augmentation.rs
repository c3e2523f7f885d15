//! How training samples are changed at random, so that none is seen twice.
//!
//! An image is first deformed as a whole (`deformation.rs`); then each of its spikes, or those of
//! any other sample, is left out or moved in time.
//!
//! Not here: which random numbers. The caller gives a stream for each sample and epoch
//! ([`sample_stream`](crate::random::sample_stream)).

use rand::RngExt;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::WHITE;
use super::deformation::Deformation;
use crate::TrainError;
use crate::data::Inputs;
use crate::out_of_range::{OutOfRange, below_one, check, not_negative};
use crate::random::{Stream, standard_normal};

/// An image is not moved by more than this many pixels.
const MAX_SHIFT: u32 = 1000;

/// Displacements are not smoothed over more than this many pixels.
const MAX_SIGMA: f64 = 100.0;

/// The largest displacement, in pixels.
const MAX_ALPHA: f64 = 10_000.0;

/// Random changes of a sample. All zero and `null` changes nothing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Augmentation {
    /// Standard deviation of the normal number that is added to each spike time, in s. A time that
    /// would be below 0 is mirrored at 0: set to 0, such spikes would all be simultaneous.
    pub jitter: f64,
    /// Probability with which a spike is left out. The others are as strong as before.
    pub dropout: f64,
    /// Probability with which a pixel of an image has its negative, black for white, after all other changes of the image.
    pub flip: f64,
    /// An image is moved by whole pixels, uniform from −`shift` to `shift` in each direction; black
    /// moves in.
    pub shift: u32,
    /// An image is warped.
    pub elastic: Option<Elastic>,
    /// An image is turned about its centre by an angle uniform from −`rotation` to `rotation`, in
    /// degrees.
    pub rotation: Option<f64>,
    /// An image is enlarged about its centre by a factor uniform from 1 − `scale` to 1 + `scale`.
    pub scale: Option<f64>,
}

/// Elastic deformation: each pixel is moved by a smooth random field.
///
/// Every pixel draws a displacement, in each direction uniform from −1 to 1; the field is smoothed
/// with a Gaussian and multiplied by `alpha`. It is not normalised after smoothing, so that a
/// larger `sigma` needs a larger `alpha`.
///
/// P. Y. Simard, D. Steinkraus and J. C. Platt, *Best practices for convolutional neural networks
/// applied to visual document analysis*, ICDAR 2003, who take α = 34 and σ = 4 for digits.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Elastic {
    /// Factor of the smoothed displacements, in pixels.
    pub alpha: f64,
    /// Standard deviation of the Gaussian, in pixels.
    pub sigma: f64,
}

impl Augmentation {
    /// Checks that samples can be changed by these numbers.
    ///
    /// # Errors
    ///
    /// The first number that is out of its range.
    pub fn validate(&self) -> Result<(), OutOfRange> {
        let Self { jitter, dropout, flip, shift, elastic, rotation, scale } = *self;
        not_negative("jitter", jitter)?;
        below_one("dropout", dropout)?;
        below_one("flip", flip)?;
        check("shift", shift, shift <= MAX_SHIFT, "at most 1000 pixels")?;
        if let Some(Elastic { alpha, sigma }) = elastic {
            let within = (0.0..=MAX_ALPHA).contains(&alpha);
            check("elastic.alpha", alpha, within, "from 0 to 10000 pixels")?;
            let within = sigma > 0.0 && sigma <= MAX_SIGMA;
            check("elastic.sigma", sigma, within, "more than 0 and at most 100 pixels")?;
        }
        if let Some(angle) = rotation {
            let within = (0.0..=180.0).contains(&angle);
            check("rotation", angle, within, "from 0 to 180 degrees")?;
        }
        scale.map_or(Ok(()), |scale| below_one("scale", scale))
    }

    /// Checks that nothing is to be done to samples of this kind that only images have done to them.
    ///
    /// # Errors
    ///
    /// [`TrainError::ConflictingSetting`].
    pub fn check(&self, inputs: &Inputs) -> Result<(), TrainError> {
        let of_images = [
            ("augmentation.flip", self.flip > 0.0),
            ("augmentation.shift", self.shift > 0),
            ("augmentation.elastic", self.elastic.is_some()),
            ("augmentation.rotation", self.rotation.is_some()),
            ("augmentation.scale", self.scale.is_some()),
        ];
        match of_images.into_iter().find(|(_, asked)| *asked) {
            Some((key, _)) if !matches!(inputs, Inputs::Images { .. }) => {
                let rule = "is for images, and the data are none; leave it out (0 or null)";
                Err(TrainError::ConflictingSetting { key, rule })
            }
            _ => Ok(()),
        }
    }

    /// Returns the grey values of an image after it was deformed, from 0 to 255, or `None` if it is
    /// to stay as it is.
    pub(super) fn deformed(
        &self,
        rows: usize,
        columns: usize,
        pixels: &[u8],
        rng: &mut Stream,
    ) -> Option<Vec<f64>> {
        let Self { flip, shift, elastic, rotation, scale, .. } = *self;
        let is_moved = shift > 0 || elastic.is_some() || rotation.is_some() || scale.is_some();
        if !is_moved && flip == 0.0 {
            return None;
        }
        let mut greys = if is_moved {
            self.moved(rows, columns, pixels, rng)
        } else {
            pixels.iter().map(|&pixel| f64::from(pixel)).collect()
        };
        if flip > 0.0 {
            for grey in &mut greys {
                if rng.random::<f64>() < flip {
                    *grey = WHITE - *grey;
                }
            }
        }
        Some(greys)
    }

    fn moved(&self, rows: usize, columns: usize, pixels: &[u8], rng: &mut Stream) -> Vec<f64> {
        let Self { shift, elastic, rotation, scale, .. } = *self;
        let mut deformation = Deformation::identity(rows, columns);
        if shift > 0 {
            let mut draw = || f64::from(rng.random_range(0..=2 * shift)) - f64::from(shift);
            deformation.shift = [draw(), draw()];
        }
        if let Some(angle) = rotation {
            deformation.angle = (angle * (2.0 * rng.random::<f64>() - 1.0)).to_radians();
        }
        if let Some(scale) = scale {
            deformation.factor = 1.0 + scale * (2.0 * rng.random::<f64>() - 1.0);
        }
        if let Some(Elastic { alpha, sigma }) = elastic {
            deformation.warp(alpha, sigma, rng);
        }
        deformation.apply(pixels)
    }

    /// Returns what is done to each spike, or `None` if that is nothing.
    pub(super) fn noise<'a>(&self, rng: &'a mut Stream) -> Option<Noise<'a>> {
        let Self { jitter, dropout, .. } = *self;
        (jitter > 0.0 || dropout > 0.0).then_some(Noise { jitter, dropout, rng })
    }
}

/// What is done to each spike.
pub(super) struct Noise<'a> {
    jitter: f64,
    dropout: f64,
    rng: &'a mut Stream,
}

impl Noise<'_> {
    /// Returns the time of the spike, if it is not left out.
    pub(super) fn apply(&mut self, time: f64) -> Option<f64> {
        if self.dropout > 0.0 && self.rng.random::<f64>() < self.dropout {
            return None;
        }
        if self.jitter > 0.0 {
            let normal = standard_normal(self.rng);
            return Some((time + self.jitter * normal).abs());
        }
        Some(time)
    }
}
