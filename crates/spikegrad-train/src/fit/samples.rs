//! Samples as the engine takes them: each is coded when its turn comes, so that it can be varied, and so that a large data
//! set is held once, as it was read.
//!
//! Not here: the code (`encode/`), the data (`data/`).

use std::sync::Arc;

use rayon::prelude::*;
use spikegrad::{Loss, Sample, Stimulus};

use super::classifier::Classifier;
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

/// Samples that are coded, with their losses.
#[derive(Debug)]
pub(super) struct Coded {
    pub(super) stimuli: Vec<Stimulus>,
    pub(super) losses: Vec<Arc<dyn Loss>>,
}

impl Coded {
    /// As the engine takes them.
    pub(super) fn samples(&self) -> Vec<Sample<'_>> {
        let pairs = self.stimuli.iter().zip(&self.losses);
        pairs.map(|(stimulus, loss)| Sample { stimulus, loss: &**loss }).collect()
    }
}

impl Samples<'_> {
    /// The samples at these positions, with the losses that `classifier` gives them.
    ///
    /// # Errors
    ///
    /// [`TrainError::Untargeted`] if the data have not what the loss needs, [`TrainError::Network`] if a spike is out of range.
    pub(super) fn coded(
        self,
        positions: &[usize],
        classifier: &Classifier,
    ) -> Result<Coded, TrainError> {
        let losses = positions.iter().map(|&k| classifier.loss_of(self.data, k));
        let losses = losses.collect::<Result<Vec<_>, _>>()?;
        Ok(Coded { stimuli: self.stimuli(positions)?, losses })
    }

    /// The inputs at these positions.
    ///
    /// # Errors
    ///
    /// [`TrainError::Network`] if a spike is out of range.
    fn stimuli(self, positions: &[usize]) -> Result<Vec<Stimulus>, TrainError> {
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
