//! Samples of a chunk that are swept together, before they are asked for one by one.
//!
//! In small networks a sample alone does not fill the registers of a search; several do. Each gets the run that it would get alone, to the bit. Not here: one sample
//! (`scratch.rs`), the chunks (`batch.rs`).

use crate::batch::{CHUNK, Sample};
use crate::prepared::Prepared;
use smallvec::SmallVec;
use spikegrad_adjoint::SweptNeuron;
use spikegrad_network::{ReadoutRequest, Tangents, Trace};
use spikegrad_simulate::{
    Options, Sweep, SweepError, SweepWorkspace, are_swept_together, sweep_all_into,
};

/// Memory of runs, and what became of those that nobody has asked for yet, by their position in the chunk.
#[derive(Debug, Default)]
pub(crate) struct Ahead {
    traces: Vec<Trace>,
    requests: Vec<Vec<ReadoutRequest>>,
    outcomes: Vec<Option<Result<(), SweepError>>>,
    /// Whose trace has been given away.
    taken: Option<usize>,
}

impl Ahead {
    /// Sweeps the samples of a chunk, if their network gains by it, and forgets those of the last one, whose last trace is `trace`.
    pub(crate) fn run<N: SweptNeuron>(
        &mut self,
        prepared: &Prepared<N>,
        samples: &[Sample<'_>],
        tangents: Tangents,
        workspace: &mut SweepWorkspace,
        trace: &mut Trace,
    ) {
        self.take_back(trace);
        let Self { traces, requests, outcomes, .. } = self;
        outcomes.clear();
        let Prepared { network, circuit, layers, settings, .. } = prepared;
        let Some(layers) = layers else { return };
        let is_known = |sample: &Sample<'_>| sample.stimulus.currents().is_none();
        if samples.len() < 2 || !are_swept_together(layers) || !samples.iter().all(is_known) {
            return;
        }
        traces.resize_with(samples.len().max(traces.len()), Trace::default);
        requests.resize_with(samples.len().max(requests.len()), Vec::new);
        for (sample, requests) in samples.iter().zip(&mut *requests) {
            requests.clear();
            // Whoever asks for the sample is told what is wrong with it.
            if sample.loss.readouts_into(network, requests).is_err() {
                return;
            }
        }
        let mut sweeps: SmallVec<[Sweep<'_>; CHUNK]> = (samples.iter().zip(requests).zip(traces))
            .map(|((sample, requests), trace)| Sweep {
                stimulus: sample.stimulus,
                options: Options { readouts: requests, max_events: settings.max_events },
                trace,
                outcome: Ok(()),
            })
            .collect();
        sweep_all_into(circuit, layers, tangents, &mut sweeps, workspace);
        outcomes.extend(sweeps.into_iter().map(|sweep| Some(sweep.outcome)));
    }

    /// What became of a sample, whose trace becomes `trace`; nothing, if it has not been swept. The trace that was taken before goes back, so that each place keeps
    /// the memory that it needs.
    pub(crate) fn take(
        &mut self,
        position: usize,
        trace: &mut Trace,
    ) -> Option<Result<(), SweepError>> {
        let outcome = self.outcomes.get_mut(position)?.take()?;
        self.take_back(trace);
        self.taken = Some(position);
        std::mem::swap(trace, &mut self.traces[position]);
        Some(outcome)
    }

    fn take_back(&mut self, trace: &mut Trace) {
        if let Some(position) = self.taken.take() {
            std::mem::swap(trace, &mut self.traces[position]);
        }
    }
}
