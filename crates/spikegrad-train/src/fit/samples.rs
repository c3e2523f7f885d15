//! Samples as the engine takes them: each is coded when its turn comes, so that it can be varied, and so that a large data
//! set is held once, as it was read.
//!
//! Not here: the code (`encode/`), the data (`data/`).

use rayon::prelude::*;
use spikegrad::Stimulus;

use crate::data::DataSet;
use crate::random::{Purpose, sample_stream};
use crate::{Config, TrainError};

/// Codes the samples of a data set.
#[derive(Clone, Copy, Debug)]
pub(super) struct Samples<'a> {
    pub(super) data: &'a DataSet,
    pub(super) config: &'a Config,
    /// The epoch, if the samples are varied as in training.
    pub(super) epoch: Option<u32>,
}

impl Samples<'_> {
    /// The inputs at these positions.
    ///
    /// # Errors
    ///
    /// [`TrainError::Network`] if a spike is out of range.
    pub(super) fn stimuli(self, positions: &[usize]) -> Result<Vec<Stimulus>, TrainError> {
        positions.par_iter().map(|&k| self.stimulus(k)).collect()
    }

    /// The input at position `k`.
    pub(super) fn stimulus(self, k: usize) -> Result<Stimulus, TrainError> {
        let Self { data, config, epoch } = self;
        let mut spikes = Vec::new();
        let mut rng;
        let augmentation = match (epoch, &config.augmentation) {
            (Some(epoch), Some(augmentation)) => {
                let sample = u32::try_from(k).unwrap_or(u32::MAX);
                rng = sample_stream(config.seed, Purpose::Augmentation, epoch, sample);
                Some((augmentation, &mut rng))
            }
            _ => None,
        };
        config.encoder.encode(data.input(k), augmentation, config.t_end, &mut spikes)?;
        Ok(Stimulus::new(config.t_end, spikes)?)
    }
}
