//! Batches: many samples in parallel, and sums that do not depend on how many threads there are.
//!
//! A batch is cut into chunks of a fixed size, whatever the number of threads; each chunk adds up its samples in order, and
//! the chunks are added in order. So the same batch gives the same bits on any machine load. A worker, which is the memory
//! of a chunk under way, is used again: there is one for each thread, not one for each chunk, so that their sums stay in the
//! caches.
//!
//! Not here: one sample (`evaluator.rs`).

use crate::evaluator::{Prepared, Scratch};
use crate::{BatchError, Evaluator, Sample};
use rayon::prelude::*;
use spikegrad_adjoint::GradientSum;
use spikegrad_network::{Parameters, Trace};

/// Samples that share a gradient buffer. Large enough to spare additions, small enough to keep all cores busy.
const CHUNK: usize = 8;

/// Memory of a chunk under way.
#[derive(Debug)]
pub(crate) struct Worker {
    scratch: Scratch,
    /// Zero between chunks.
    sum: GradientSum,
}

impl Worker {
    /// Works off one chunk; the first of its samples is at `first` in the batch.
    fn run<R>(
        &mut self,
        prepared: &Prepared<'_>,
        first: usize,
        chunk: &[Sample<'_>],
        look_up: &impl Fn(usize, &Trace) -> R,
    ) -> Result<Vec<(f64, R)>, BatchError> {
        let Self { scratch, sum } = self;
        let one = |(position, sample): (usize, &Sample<'_>)| {
            let failed = |source| BatchError { sample: position, source };
            let &Sample { stimulus, loss } = sample;
            let value = scratch.forward(prepared, stimulus, loss, true).map_err(failed)?;
            scratch.backward(prepared, sum).map_err(|e| failed(e.into()))?;
            Ok((value, look_up(position, &scratch.trace)))
        };
        (first..).zip(chunk).map(one).collect()
    }
}

impl Evaluator<'_> {
    /// Returns the values of a batch with what `look_up` reads from each trace, and writes the sum of the gradients with respect
    /// to the parameters into `gradient`.
    ///
    /// # Errors
    /// [`BatchError`] of the first sample that fails; `gradient` is then not usable.
    ///
    /// # Panics
    /// If `gradient` has not the shape of the parameters.
    pub fn value_and_grad_batch<R: Send>(
        &mut self,
        samples: &[Sample<'_>],
        gradient: &mut Parameters,
        look_up: impl Fn(usize, &Trace) -> R + Sync,
    ) -> Result<Vec<(f64, R)>, BatchError> {
        let Self { prepared, sum: total, workers, is_dirty, .. } = self;
        if std::mem::replace(is_dirty, true) {
            workers.clear();
        }
        let count = rayon::current_num_threads();
        workers.truncate(count);
        workers.resize_with(count.min(samples.len().div_ceil(CHUNK)), || Worker {
            scratch: Scratch::default(),
            sum: GradientSum::new(&prepared.circuit),
        });
        total.clear();
        let mut values = Vec::with_capacity(samples.len());
        let (mut first, mut is_first) = (0, true);
        for wave in samples.chunks(CHUNK * count) {
            let chunks = workers.par_iter_mut().zip(wave.par_chunks(CHUNK)).enumerate();
            let results: Vec<_> = chunks
                .map(|(k, (worker, chunk))| {
                    worker.run(prepared, first + k * CHUNK, chunk, &look_up)
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
        total.write(prepared.network, &prepared.circuit, gradient);
        *is_dirty = false;
        Ok(values)
    }

    /// Returns the values of a batch without gradients, and what `look_up` reads from each trace.
    ///
    /// # Errors
    /// [`BatchError`] of the first sample that fails.
    pub fn value_batch<R: Send>(
        &self,
        samples: &[Sample<'_>],
        look_up: impl Fn(usize, &Trace) -> R + Sync,
    ) -> Result<Vec<(f64, R)>, BatchError> {
        values(&self.prepared, samples, look_up)
    }
}

/// Values of a batch without gradients, and what `look_up` reads from each trace.
pub(crate) fn values<R: Send>(
    prepared: &Prepared<'_>,
    samples: &[Sample<'_>],
    look_up: impl Fn(usize, &Trace) -> R + Sync,
) -> Result<Vec<(f64, R)>, BatchError> {
    let chunk = |(k, chunk): (usize, &[Sample<'_>])| {
        let mut scratch = Scratch::default();
        let one = |(position, &sample): (usize, &Sample<'_>)| {
            let value = scratch.forward(prepared, sample.stimulus, sample.loss, false);
            let value = value.map_err(|source| BatchError { sample: position, source })?;
            Ok((value, look_up(position, &scratch.trace)))
        };
        (k * CHUNK..).zip(chunk).map(one).collect::<Vec<_>>()
    };
    samples.par_chunks(CHUNK).enumerate().flat_map_iter(chunk).collect()
}
