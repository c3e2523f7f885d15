//! Batches: many samples in parallel, and sums that do not depend on how many threads there are.
//!
//! A batch is cut into chunks of a fixed size, whatever the number of threads; each chunk adds up its samples in order, and
//! the chunks are added in order. So the same batch gives the same bits on any machine load, and the same error. A worker, which
//! is the memory of a chunk under way, is used again: there is one for each thread, not one for each chunk, so that their sums
//! stay in the caches.
//!
//! Not here: one sample (`scratch.rs`).

use crate::error::BatchError;
use crate::prepared::{Prepared, Runs};
use crate::scratch::Scratch;
use rayon::prelude::*;
use spikegrad_adjoint::{AdjointError, GradientSum, Loss};
use spikegrad_dynamics::Lif;
use spikegrad_network::{Parameters, Stimulus, Trace};
use std::sync::atomic::{AtomicUsize, Ordering};

/// Samples that share a gradient buffer. Large enough to spare additions, small enough to keep all cores busy.
pub(crate) const CHUNK: usize = 8;

/// One stimulus and the loss of its answer.
#[derive(Clone, Copy, Debug)]
pub struct Sample<'a> {
    /// The input.
    pub stimulus: &'a Stimulus,
    /// The loss.
    pub loss: &'a dyn Loss,
}

/// Memory of a chunk under way.
#[derive(Debug)]
pub(crate) struct Worker<N: Runs = Lif<f64>> {
    scratch: Scratch<N>,
    /// Zero between chunks.
    sum: GradientSum<f64, N>,
}

impl<N: Runs> Worker<N> {
    fn new(prepared: &Prepared<N>) -> Self {
        Self { scratch: Scratch::default(), sum: prepared.sum() }
    }

    /// The value of one sample, whose gradient is added to the sum.
    fn add(
        &mut self,
        prepared: &Prepared<N>,
        position: usize,
        sample: Sample<'_>,
    ) -> Result<f64, BatchError> {
        let Self { scratch, sum } = self;
        let failed = |source| BatchError { sample: position, source };
        let Sample { stimulus, loss } = sample;
        let value = scratch.forward(prepared, stimulus, loss, true).map_err(failed)?;
        scratch.backward(prepared, sum).map_err(|e| failed(e.into()))?;
        Ok(value)
    }

    /// Evaluates one chunk; the first of its samples is at `first` in the batch.
    fn run<R>(
        &mut self,
        prepared: &Prepared<N>,
        first: usize,
        chunk: &[Sample<'_>],
        extract: &impl Fn(usize, &Trace) -> R,
    ) -> Result<Vec<(f64, R)>, BatchError> {
        let one = |(position, &sample): (usize, &Sample<'_>)| {
            let value = self.add(prepared, position, sample)?;
            Ok((value, extract(position, &self.scratch.trace)))
        };
        (first..).zip(chunk).map(one).collect()
    }
}

/// The memory of batches.
#[derive(Debug)]
pub(crate) struct Workers<N: Runs = Lif<f64>> {
    workers: Vec<Worker<N>>,
    /// Whether the last batch failed, and left sums in its workers.
    is_dirty: bool,
}

impl<N: Runs> Default for Workers<N> {
    fn default() -> Self {
        Self { workers: Vec::new(), is_dirty: false }
    }
}

impl<N: Runs> Workers<N> {
    /// Values of a batch with what `extract` reads from each trace; the sum of the gradients becomes `total`.
    pub(crate) fn value_and_grad<R: Send>(
        &mut self,
        prepared: &Prepared<N>,
        samples: &[Sample<'_>],
        total: &mut GradientSum<f64, N>,
        extract: impl Fn(usize, &Trace) -> R + Sync,
    ) -> Result<Vec<(f64, R)>, BatchError> {
        let Self { workers, is_dirty } = self;
        if std::mem::replace(is_dirty, true) {
            workers.clear();
        }
        let count = rayon::current_num_threads();
        workers.truncate(count);
        // Those that a short batch does not need are left for the next.
        let needed = count.min(samples.len().div_ceil(CHUNK));
        workers.resize_with(needed.max(workers.len()), || Worker::new(prepared));
        total.clear();
        let mut values = Vec::with_capacity(samples.len());
        let (mut first, mut is_first) = (0, true);
        for wave in samples.chunks(CHUNK * count) {
            let chunks = workers.par_iter_mut().zip(wave.par_chunks(CHUNK)).enumerate();
            let results: Vec<_> = chunks
                .map(|(k, (worker, chunk))| {
                    worker.run(prepared, first + k * CHUNK, chunk, &extract)
                })
                .collect();
            for (worker, result) in workers.iter_mut().zip(results) {
                values.extend(result?);
                if is_first {
                    // What is added to zero.
                    std::mem::swap(total, &mut worker.sum);
                } else {
                    total.take(&mut worker.sum);
                }
                is_first = false;
            }
            first += wave.len();
        }
        *is_dirty = false;
        Ok(values)
    }
}

/// The first number of a gradient that is not finite, and its place.
pub(crate) fn not_finite<N: Runs>(
    prepared: &Prepared<N>,
    gradient: &Parameters,
) -> Option<(String, f64)> {
    gradient.find(&prepared.network, |x| !x.is_finite())
}

/// The error of a batch whose gradient is not finite, at `found`: of the first sample with which it is not. In the order of
/// chunks the sum may have left the range of a double where that of the samples one by one does not; the last sample is then
/// named.
pub(crate) fn too_much<N: Runs>(
    prepared: &Prepared<N>,
    samples: &[Sample<'_>],
    found: (String, f64),
) -> BatchError {
    let mut worker = Worker::new(prepared);
    let mut so_far = worker.sum.to_parameters(&prepared.network, &prepared.circuit);
    let mut position = samples.len().saturating_sub(1);
    for (k, &sample) in samples.iter().enumerate() {
        if let Err(error) = worker.add(prepared, k, sample) {
            return error;
        }
        worker.sum.write(&prepared.network, &prepared.circuit, &mut so_far);
        if not_finite(prepared, &so_far).is_some() {
            position = k;
            break;
        }
    }
    let (place, value) = found;
    let source = AdjointError::NonFiniteGradient { place, value }.into();
    BatchError { sample: position, source }
}

/// Values of a batch without gradients, and what `extract` reads from each trace.
pub(crate) fn values<N: Runs, R: Send>(
    prepared: &Prepared<N>,
    samples: &[Sample<'_>],
    extract: impl Fn(usize, &Trace) -> R + Sync,
) -> Result<Vec<(f64, R)>, BatchError> {
    // The first chunk known to hold a sample that fails: later ones need not be run, earlier ones are.
    let failed = AtomicUsize::new(usize::MAX);
    let chunk = |(k, chunk): (usize, &[Sample<'_>])| {
        if failed.load(Ordering::Relaxed) < k {
            return Ok(Vec::new());
        }
        let mut scratch = Scratch::<N>::default();
        let one = |(position, &sample): (usize, &Sample<'_>)| {
            let value = scratch.forward(prepared, sample.stimulus, sample.loss, false);
            let value = value.map_err(|source| BatchError { sample: position, source })?;
            Ok((value, extract(position, &scratch.trace)))
        };
        let values: Result<Vec<_>, BatchError> = (k * CHUNK..).zip(chunk).map(one).collect();
        if values.is_err() {
            failed.fetch_min(k, Ordering::Relaxed);
        }
        values
    };
    let chunks: Vec<_> = samples.par_chunks(CHUNK).enumerate().map(chunk).collect();
    let mut values = Vec::with_capacity(samples.len());
    for chunk in chunks {
        values.extend(chunk?);
    }
    Ok(values)
}
