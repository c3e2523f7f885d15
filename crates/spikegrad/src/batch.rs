//! Batches: many samples in parallel, and sums that do not depend on how many threads there are.
//!
//! A batch is cut into chunks of a fixed size, whatever the number of threads; each chunk adds up its samples in order, and
//! the chunks are added in order. So the same batch gives the same bits on any machine load, and the same error. A worker, which
//! is the memory of a chunk under way, is used again: there is one for each thread, not one for each chunk, so that their sums
//! stay in the caches.
//!
//! Not here: one sample (`scratch.rs`).

use crate::error::{BatchError, Error};
use crate::prepared::Prepared;
use crate::scratch::Scratch;
use crate::threads;
use spikegrad_adjoint::{AdjointError, GradientSum, SweptNeuron};
use spikegrad_dynamics::Lif;
use spikegrad_network::loss::Loss;
use spikegrad_network::{Parameters, Stimulus, Trace};
use std::sync::atomic::{AtomicUsize, Ordering};

/// Samples of a batch that share a gradient buffer. Large enough to spare additions, small enough to keep all cores busy.
pub const CHUNK: usize = 8;

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
pub(crate) struct Worker<N: SweptNeuron = Lif<f64>> {
    pub(crate) scratch: Scratch<N>,
    /// Zero between chunks.
    pub(crate) sum: GradientSum<f64, N>,
}

impl<N: SweptNeuron> Worker<N> {
    fn new(prepared: &Prepared<N>) -> Self {
        Self { scratch: Scratch::default(), sum: prepared.sum() }
    }

    /// The value of one sample, at a position of its chunk, whose gradient is added to the sum.
    fn add(
        &mut self,
        prepared: &Prepared<N>,
        position: usize,
        sample: Sample<'_>,
    ) -> Result<f64, Error> {
        let Self { scratch, sum } = self;
        let value = scratch.forward_at(Some(position), prepared, sample, true)?;
        scratch.backward(prepared, sum)?;
        Ok(value)
    }
}

/// The memory of batches.
#[derive(Debug)]
pub(crate) struct Workers<N: SweptNeuron = Lif<f64>> {
    workers: Vec<Worker<N>>,
    /// Whether the last batch failed, and left sums in its workers.
    is_dirty: bool,
}

impl<N: SweptNeuron> Default for Workers<N> {
    fn default() -> Self {
        Self { workers: Vec::new(), is_dirty: false }
    }
}

impl<N: SweptNeuron> Workers<N> {
    /// Values of a batch with what `extract` reads from the memory of each sample, which has been differentiated; the sum of the gradients becomes `total`,
    /// and is written to `gradient`.
    pub(crate) fn value_and_grad<R: Send>(
        &mut self,
        prepared: &Prepared<N>,
        samples: &[Sample<'_>],
        total: &mut GradientSum<f64, N>,
        gradient: &mut Parameters,
        extract: impl Fn(usize, &Scratch<N>) -> R + Sync,
    ) -> Result<Vec<(f64, R)>, BatchError> {
        let one = differentiated(prepared, extract);
        self.accumulate(prepared, samples, total, gradient, begin(prepared), one)
    }

    /// Does `begin` with each chunk and `one` with each of its samples, which adds its gradient to the sum of a worker; their sum becomes `total`, and is written to
    /// `gradient`.
    pub(crate) fn accumulate<S: Sync, R: Send>(
        &mut self,
        prepared: &Prepared<N>,
        samples: &[S],
        total: &mut GradientSum<f64, N>,
        gradient: &mut Parameters,
        begin: impl Fn(&mut Worker<N>, &[S]) + Sync,
        one: impl Fn(&mut Worker<N>, usize, &S) -> Result<R, Error> + Sync,
    ) -> Result<Vec<R>, BatchError> {
        total.clear();
        let mut is_first = true;
        let results = self.each_chunk(prepared, samples, begin, &one, |sum| {
            if std::mem::take(&mut is_first) {
                // What is added to zero.
                std::mem::swap(total, sum);
            } else {
                total.take(sum);
            }
        })?;
        total.write(&prepared.network, &prepared.circuit, gradient);
        let Some((place, value)) = not_finite(prepared, gradient) else { return Ok(results) };
        // The first sample with which it is not. In the order of chunks the sum may have left the range of a double where that of the
        // samples one by one does not; the last sample is then named.
        let mut worker = Worker::new(prepared);
        let mut first = samples.len().saturating_sub(1);
        for (position, sample) in samples.iter().enumerate() {
            let done = one(&mut worker, position, sample);
            done.map_err(|source| BatchError { sample: position, source })?;
            worker.sum.write(&prepared.network, &prepared.circuit, gradient);
            if not_finite(prepared, gradient).is_some() {
                first = position;
                break;
            }
        }
        let source = AdjointError::NonFiniteGradient { place, value }.into();
        Err(BatchError { sample: first, source })
    }

    /// The same with the sum of each chunk in a row, and not their sum.
    #[expect(clippy::type_complexity, reason = "as the method of `Evaluator` says it")]
    pub(crate) fn chunk_sums<R: Send>(
        &mut self,
        prepared: &Prepared<N>,
        samples: &[Sample<'_>],
        extract: impl Fn(usize, &Scratch<N>) -> R + Sync,
    ) -> Result<(Vec<(f64, R)>, Vec<Vec<f64>>), BatchError> {
        let mut rows = Vec::with_capacity(samples.len().div_ceil(CHUNK));
        let one = differentiated(prepared, extract);
        let results = self.each_chunk(prepared, samples, begin(prepared), one, |sum| {
            rows.push(sum.to_row());
            sum.clear();
        })?;
        Ok((results, rows))
    }

    /// Does `begin` with each chunk, `one` with each of its samples, which adds its gradient to the sum of a worker, and `collect` with the sum of each chunk, in order,
    /// which must leave it zero.
    fn each_chunk<S: Sync, R: Send>(
        &mut self,
        prepared: &Prepared<N>,
        samples: &[S],
        begin: impl Fn(&mut Worker<N>, &[S]) + Sync,
        one: impl Fn(&mut Worker<N>, usize, &S) -> Result<R, Error> + Sync,
        mut collect: impl FnMut(&mut GradientSum<f64, N>),
    ) -> Result<Vec<R>, BatchError> {
        let Self { workers, is_dirty } = self;
        if std::mem::replace(is_dirty, true) {
            workers.clear();
        }
        let count = threads::count();
        workers.truncate(count);
        // Those that a short batch does not need are left for the next.
        let needed = count.min(samples.len().div_ceil(CHUNK));
        workers.resize_with(needed.max(workers.len()), || Worker::new(prepared));
        let one = |worker: &mut Worker<N>, (position, sample): (usize, &S)| {
            let done = one(worker, position, sample);
            done.map_err(|source| BatchError { sample: position, source })
        };
        let mut results = Vec::with_capacity(samples.len());
        let mut first = 0;
        for wave in samples.chunks(CHUNK * count) {
            let chunks = workers.iter_mut().zip(wave.chunks(CHUNK)).enumerate().collect();
            let chunks: Vec<Result<Vec<_>, _>> = threads::map(chunks, |(k, (worker, chunk))| {
                begin(worker, chunk);
                (first + k * CHUNK..).zip(chunk).map(|sample| one(worker, sample)).collect()
            });
            for (worker, of_chunk) in workers.iter_mut().zip(chunks) {
                results.extend(of_chunk?);
                collect(&mut worker.sum);
            }
            first += wave.len();
        }
        *is_dirty = false;
        Ok(results)
    }
}

/// Sweeps a chunk ahead, where that is faster.
fn begin<N: SweptNeuron>(prepared: &Prepared<N>) -> impl Fn(&mut Worker<N>, &[Sample<'_>]) + Sync {
    |worker, chunk| worker.scratch.run_ahead(prepared, chunk, true)
}

/// Adds the gradient of a sample to the sum of a worker; returns its value and what `extract` reads.
fn differentiated<N: SweptNeuron, R>(
    prepared: &Prepared<N>,
    extract: impl Fn(usize, &Scratch<N>) -> R + Sync,
) -> impl Fn(&mut Worker<N>, usize, &Sample<'_>) -> Result<(f64, R), Error> + Sync {
    move |worker, position, &sample| {
        let value = worker.add(prepared, position % CHUNK, sample)?;
        Ok((value, extract(position, &worker.scratch)))
    }
}

/// The first number of a gradient that is not finite, and its place.
fn not_finite<N: SweptNeuron>(
    prepared: &Prepared<N>,
    gradient: &Parameters,
) -> Option<(String, f64)> {
    gradient.find(&prepared.network, |x| !x.is_finite())
}

/// Values of a batch without gradients, and what `extract` reads from each trace.
pub(crate) fn values<N: SweptNeuron, R: Send>(
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
        scratch.run_ahead(prepared, chunk, false);
        let one = |(position, &sample): (usize, &Sample<'_>)| {
            let value = scratch.forward_at(Some(position % CHUNK), prepared, sample, false);
            let value = value.map_err(|source| BatchError { sample: position, source })?;
            Ok((value, extract(position, &scratch.trace)))
        };
        let values: Result<Vec<_>, BatchError> = (k * CHUNK..).zip(chunk).map(one).collect();
        if values.is_err() {
            failed.fetch_min(k, Ordering::Relaxed);
        }
        values
    };
    let mut values = Vec::with_capacity(samples.len());
    for chunk in threads::map(samples.chunks(CHUNK).enumerate().collect(), chunk) {
        values.extend(chunk?);
    }
    Ok(values)
}
