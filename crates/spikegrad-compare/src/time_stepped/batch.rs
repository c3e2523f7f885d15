//! Values and gradients of a batch, in parallel, with the same bits on any number of threads.
//!
//! The batch is cut into chunks of a fixed size; each adds its samples in order, and the chunks are added in order. Each thread
//! has one record of a run, used again: what a batch stores at once is one record a thread, not one a sample, as it would be
//! where a batch is one array. Not here: the pass itself (`forward.rs`, `backward.rs`).

use super::{
    BackwardMemory, Cotangents, Firing, GridError, GridLoss, Reading, Run, SpikeDerivative,
    SteppedNetwork, SteppedSum, Threshold, View,
};
use rayon::prelude::*;
use spikegrad_network::{Parameters, Stimulus};

/// Samples that share a sum.
const CHUNK: usize = 8;

/// One stimulus and the loss of its answer.
#[derive(Clone, Copy, Debug)]
pub struct GridSample<'a> {
    /// The input.
    pub stimulus: &'a Stimulus,
    /// The loss.
    pub loss: &'a dyn GridLoss,
}

/// The value of a sample; a surrogate gradient belongs to the sum of both.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GridValue {
    /// The loss.
    pub loss: f64,
    /// The bounds on spike counts.
    pub activity: f64,
}

impl GridValue {
    fn finite(self, sample: usize) -> Result<Self, GridError> {
        let is_finite = self.loss.is_finite() && self.activity.is_finite();
        if is_finite { Ok(self) } else { Err(GridError::NotFinite { sample }) }
    }
}

/// Values of a batch, and the sum of its gradients.
#[derive(Clone, Debug, PartialEq)]
pub struct GridBatch<R> {
    /// Of each sample.
    pub values: Vec<GridValue>,
    /// Sum over the samples, in the shape of the parameters; entries of delays, refractory times and (unless the settings ask for
    /// them) time constants are zero.
    pub gradient: Parameters,
    /// What was extracted from the run of each sample.
    pub extracted: Vec<R>,
    /// Most bytes that one sample stored for its way back ([`Run::stored_bytes`]).
    pub stored_bytes: usize,
}

/// Memory of one sample under way, used again.
#[derive(Clone, Debug, Default)]
pub struct GridMemory {
    run: Run,
    backward: BackwardMemory,
    cotangents: Cotangents,
    by_count: Vec<f64>,
}

impl GridMemory {
    /// The last run.
    #[must_use]
    pub fn run(&self) -> &Run {
        &self.run
    }

    /// What the last loss said of it.
    #[must_use]
    pub fn cotangents(&self) -> &Cotangents {
        &self.cotangents
    }
}

impl SteppedNetwork<'_> {
    /// Runs one sample, with what `firing` emits, and returns its value.
    ///
    /// # Errors
    /// [`GridError`] of the run, or of a loss that does not fit.
    pub fn value(
        &self,
        sample: &GridSample<'_>,
        firing: &mut impl Firing,
        memory: &mut GridMemory,
    ) -> Result<GridValue, GridError> {
        let GridMemory { run, cotangents, by_count, .. } = memory;
        sample.loss.check(self.network)?;
        self.run(sample.stimulus, firing, run)?;
        cotangents.clear();
        let neurons = sample.loss.neurons(self.network);
        let loss = sample.loss.evaluate(&View::new(run, neurons), cotangents);
        by_count.clear();
        by_count.resize(self.neurons.len(), 0.0);
        let bounds = self.settings.activity.iter();
        let activity = bounds.map(|b| b.evaluate(self.network, run, by_count)).sum();
        Ok(GridValue { loss, activity })
    }

    /// Like [`Self::value`], and adds the gradient with `derivative` for that of a spike to `sum`.
    ///
    /// # Errors
    /// As [`Self::value`].
    pub fn value_and_grad(
        &self,
        sample: &GridSample<'_>,
        firing: &mut impl Firing,
        derivative: &impl SpikeDerivative,
        memory: &mut GridMemory,
        sum: &mut SteppedSum,
    ) -> Result<GridValue, GridError> {
        let value = self.value(sample, firing, memory)?;
        let of = sample.loss.neurons(self.network);
        let GridMemory { run, backward, cotangents, by_count } = memory;
        let reading = Reading { run, cotangents, of, by_count };
        self.backward(&reading, derivative, backward, sum);
        Ok(value)
    }

    /// Values and the sum of the surrogate gradients of a batch of deterministic runs; `extract` may keep what it needs of each
    /// run.
    ///
    /// `parameters` are those with which the network was laid out; the gradient takes their shape.
    ///
    /// # Errors
    /// [`GridError`] of the first sample that fails; [`GridError::NotFinite`] and
    /// [`GridError::GradientNotFinite`] if a value or the gradient overflows.
    pub fn value_and_grad_batch<R: Send>(
        &self,
        parameters: &Parameters,
        samples: &[GridSample<'_>],
        extract: impl Fn(usize, &Run) -> R + Sync,
    ) -> Result<GridBatch<R>, GridError> {
        let count = rayon::current_num_threads();
        let worker = || (GridMemory::default(), SteppedSum::new(self));
        let mut workers: Vec<_> = Vec::new();
        workers.resize_with(count.min(samples.len().div_ceil(CHUNK)), worker);
        let mut total = SteppedSum::new(self);
        let mut all = Vec::with_capacity(samples.len());
        for wave in samples.chunks(CHUNK * count) {
            let first = all.len();
            let chunks = workers.par_iter_mut().zip(wave.par_chunks(CHUNK)).enumerate();
            let chunk = |(k, ((memory, sum), chunk)): (
                usize,
                (&mut (GridMemory, SteppedSum), &[GridSample<'_>]),
            )| {
                let one = |(position, sample): (usize, &GridSample<'_>)| {
                    let surrogate = &self.settings.surrogate;
                    let value =
                        self.value_and_grad(sample, &mut Threshold, surrogate, memory, sum)?;
                    let value = value.finite(position)?;
                    let run = &memory.run;
                    Ok::<_, GridError>((value, extract(position, run), run.stored_bytes()))
                };
                (first + k * CHUNK..).zip(chunk).map(one).collect::<Result<Vec<_>, _>>()
            };
            let results: Vec<_> = chunks.map(chunk).collect();
            for ((_, sum), result) in workers.iter_mut().zip(results) {
                all.extend(result?);
                total.take(sum);
            }
        }
        let gradient = total.gradient(self, parameters);
        if !gradient.to_vec().iter().all(|x| x.is_finite()) {
            return Err(GridError::GradientNotFinite);
        }
        let stored_bytes = all.iter().map(|one| one.2).max().unwrap_or(0);
        let (values, extracted) = all.into_iter().map(|(value, r, _)| (value, r)).unzip();
        Ok(GridBatch { values, gradient, extracted, stored_bytes })
    }

    /// Values of a batch without gradients, in parallel.
    ///
    /// # Errors
    /// [`GridError`] of the first sample that fails; [`GridError::NotFinite`] if a value overflows.
    pub fn value_batch<R: Send>(
        &self,
        samples: &[GridSample<'_>],
        extract: impl Fn(usize, &Run) -> R + Sync,
    ) -> Result<Vec<(GridValue, R)>, GridError> {
        let one = |memory: &mut GridMemory, (position, sample): (usize, &GridSample<'_>)| {
            let value = self.value(sample, &mut Threshold, memory)?.finite(position)?;
            Ok::<_, GridError>((value, extract(position, &memory.run)))
        };
        let all = samples.par_iter().enumerate().map_init(GridMemory::default, one);
        // All of them, and then the first that failed: which one fails first in time is up to the threads.
        all.collect::<Vec<_>>().into_iter().collect()
    }
}
