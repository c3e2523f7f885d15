//! One sample: the run, the loss and the way back, in memory that is used again.
//!
//! Not here: which engine suits a network (`prepared.rs`), many samples (`batch.rs`).

use crate::ahead::Ahead;
use crate::batch::Sample;
use crate::error::Error;
use crate::prepared::Prepared;
use spikegrad_adjoint::{
    AdjointError, BackwardSweepWorkspace, BackwardWorkspace, Certificate, Differentiated,
    GradientSum, SweptNeuron, backward_all_into, is_sweepable, judge_touches, sweep_backward_into,
};
use spikegrad_dynamics::Lif;
use spikegrad_network::loss::{Cotangents, LossMemory};
use spikegrad_network::{ReadoutRequest, Stimulus, StimulusGradient, Tangents, Trace};
use spikegrad_simulate::{
    Options, SimulateError, SparseWorkspace, SweepError, SweepWorkspace, Workspace,
    simulate_forward_into, simulate_into, sparse_forward_into, sparse_into, sweep_forward_into,
    sweep_into,
};

/// One of two ways back.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Backward {
    Sweep,
    EventByEvent,
}

/// Memory of a sample, to be used again.
#[derive(Debug)]
pub(crate) struct Scratch<N: SweptNeuron = Lif<f64>> {
    forward: Workspace<f64, N>,
    forward_sweep: SweepWorkspace,
    ahead: Ahead,
    windows: Option<SparseWorkspace>,
    pub(crate) way_back: WayBack<N>,
    requests: Vec<ReadoutRequest>,
    cotangents: Cotangents,
    /// For the loss.
    memory: LossMemory,
    /// Whether the layered sweep did the last run.
    pub(crate) was_swept: bool,
    /// What went the way back of the last run, if anything did.
    last_backward: Option<Backward>,
    pub(crate) trace: Trace,
    pub(crate) of_stimulus: StimulusGradient,
}

impl<N: SweptNeuron> Default for Scratch<N> {
    fn default() -> Self {
        Self {
            forward: Workspace::default(),
            forward_sweep: SweepWorkspace::default(),
            ahead: Ahead::default(),
            windows: None,
            way_back: WayBack::default(),
            requests: Vec::new(),
            cotangents: Cotangents::default(),
            memory: LossMemory::default(),
            was_swept: false,
            last_backward: None,
            trace: Trace::default(),
            of_stimulus: StimulusGradient::default(),
        }
    }
}

impl<N: SweptNeuron> Scratch<N> {
    /// Takes what the next run shall record; none are there yet.
    pub(crate) fn requests(&mut self) -> &mut Vec<ReadoutRequest> {
        self.requests.clear();
        &mut self.requests
    }

    /// Sweeps the samples of a chunk together where that is faster: each of them has then to be asked for by its position.
    pub(crate) fn run_ahead(
        &mut self,
        prepared: &Prepared<N>,
        samples: &[Sample<'_>],
        for_gradient: bool,
    ) {
        let tangents = tangents(prepared, for_gradient);
        let Self { ahead, forward_sweep, trace, .. } = self;
        ahead.run(prepared, samples, tangents, forward_sweep, trace);
    }

    /// Runs a sample, whose trace can be differentiated if `for_gradient`.
    pub(crate) fn run(
        &mut self,
        prepared: &Prepared<N>,
        stimulus: &Stimulus,
        for_gradient: bool,
    ) -> Result<(), SimulateError> {
        self.run_at(None, prepared, stimulus, for_gradient)
    }

    /// The same of one that may have been run ahead, at a position of its chunk.
    fn run_at(
        &mut self,
        position: Option<usize>,
        prepared: &Prepared<N>,
        stimulus: &Stimulus,
        for_gradient: bool,
    ) -> Result<(), SimulateError> {
        let Prepared { circuit, layers, settings, .. } = prepared;
        // What was said of the last run does not hold any more.
        self.last_backward = None;
        self.cotangents.reset(&Trace::default());
        let Self { forward, forward_sweep, ahead, windows, trace, requests, was_swept, .. } = self;
        let options = Options { readouts: requests, max_events: settings.max_events };
        let has_tangents = tangents(prepared, for_gradient) == Tangents::Recorded;
        let sweep = if has_tangents { sweep_into } else { sweep_forward_into };
        // The sweep knows no injected currents.
        let layers = layers.as_ref().filter(|_| stimulus.currents().is_none());
        let swept = position
            .and_then(|position| ahead.take(position, trace))
            .or_else(|| Some(sweep(circuit, layers?, stimulus, options, forward_sweep, trace)));
        *was_swept = swept == Some(Ok(()));
        match swept {
            Some(Ok(())) => return Ok(()),
            Some(Err(SweepError::Simulate(error))) => return Err(error),
            // Whatever else it may be: the event loop knows every run.
            _ => {}
        }
        if let Some(circuit) = prepared.sparse() {
            let windows = windows.get_or_insert_with(|| prepared.windows());
            let run = if has_tangents { sparse_into } else { sparse_forward_into };
            match run(circuit, stimulus, options, windows, trace) {
                Ok(()) => return Ok(()),
                Err(SweepError::Simulate(error)) => return Err(error),
                Err(_) => {}
            }
        }
        if has_tangents {
            simulate_into(circuit, stimulus, options, forward, trace)
        } else {
            simulate_forward_into(circuit, stimulus, options, forward, trace)
        }
    }

    /// Value of the loss of a sample, and the derivatives with respect to what it reads.
    pub(crate) fn forward(
        &mut self,
        prepared: &Prepared<N>,
        sample: Sample<'_>,
        for_gradient: bool,
    ) -> Result<f64, Error> {
        self.forward_at(None, prepared, sample, for_gradient)
    }

    /// The same of one that may have been run ahead, at a position of its chunk.
    pub(crate) fn forward_at(
        &mut self,
        position: Option<usize>,
        prepared: &Prepared<N>,
        Sample { stimulus, loss }: Sample<'_>,
        for_gradient: bool,
    ) -> Result<f64, Error> {
        let network = &*prepared.network;
        loss.readouts_into(network, self.requests())?;
        self.run_at(position, prepared, stimulus, for_gradient)?;
        let Self { trace, cotangents, memory, .. } = self;
        let value = loss.evaluate_in(network, trace, cotangents, memory)?;
        judge_touches(network, &prepared.circuit, trace, loss, cotangents);
        Ok(value)
    }

    /// Adds the gradient of the sample that was run last to `sum`; that of the stimulus stands in `of_stimulus`.
    pub(crate) fn backward(
        &mut self,
        prepared: &Prepared<N>,
        sum: &mut GradientSum<f64, N>,
    ) -> Result<(), AdjointError> {
        let Self { way_back, trace, cotangents, of_stimulus, .. } = self;
        self.last_backward = Some(way_back.go(prepared, trace, cotangents, sum, of_stimulus)?);
        Ok(())
    }

    /// How far the gradient of the last run can be trusted.
    pub(crate) fn certificate(&self, prepared: &Prepared<N>) -> Certificate {
        let Prepared { network, circuit, settings, .. } = prepared;
        let Self { trace, cotangents, .. } = self;
        let spike_times = self.spike_times();
        let run = Differentiated { network, circuit, trace, cotangents, spike_times };
        Certificate::new(&run, settings.grazing)
    }

    /// What the loss says of the last run.
    pub(crate) fn cotangents(&self) -> &Cotangents {
        &self.cotangents
    }

    /// ∂L/∂t of each spike of the last run; nothing, if it was not differentiated.
    fn spike_times(&self) -> &[f64] {
        self.last_backward.map_or(&[], |way| self.way_back.spike_times(way))
    }
}

/// Whether a run carries the derivatives with respect to time constants along. Of a neuron that is not linear the event loop records its states in any case; the sweep
/// does as that does.
fn tangents<N: SweptNeuron>(prepared: &Prepared<N>, for_gradient: bool) -> Tangents {
    let can_omit =
        !prepared.settings.with_respect_to.time_constants && prepared.network.is_linear();
    if for_gradient && !can_omit { Tangents::Recorded } else { Tangents::Omitted }
}

/// The memory of the way back.
#[derive(Debug)]
pub(crate) struct WayBack<N: SweptNeuron = Lif<f64>> {
    by_events: BackwardWorkspace<f64, N>,
    by_sweep: BackwardSweepWorkspace,
}

impl<N: SweptNeuron> Default for WayBack<N> {
    fn default() -> Self {
        Self {
            by_events: BackwardWorkspace::default(),
            by_sweep: BackwardSweepWorkspace::default(),
        }
    }
}

impl<N: SweptNeuron> WayBack<N> {
    /// Adds the gradient of a run to `sum`, writes that of the stimulus, and says which way it went.
    pub(crate) fn go(
        &mut self,
        prepared: &Prepared<N>,
        trace: &Trace,
        cotangents: &Cotangents,
        sum: &mut GradientSum<f64, N>,
        of_stimulus: &mut StimulusGradient,
    ) -> Result<Backward, AdjointError> {
        let Prepared { circuit, layers, settings, .. } = prepared;
        let Self { by_events, by_sweep } = self;
        let policy = settings.grazing;
        if let Some(layers) = layers
            && trace.stimulus.currents().is_none()
            && is_sweepable(circuit, layers, trace)
        {
            sweep_backward_into(circuit, layers, trace, cotangents, policy, by_sweep, sum)?;
            of_stimulus.currents.clear();
            of_stimulus.input_times.clear();
            of_stimulus.input_times.extend_from_slice(by_sweep.input_times());
            return Ok(Backward::Sweep);
        }
        backward_all_into(circuit, trace, cotangents, policy, by_events, sum, of_stimulus)?;
        Ok(Backward::EventByEvent)
    }

    /// ∂L/∂t of each spike of the last run that went this way.
    pub(crate) fn spike_times(&self, way: Backward) -> &[f64] {
        match way {
            Backward::Sweep => self.by_sweep.spike_times(),
            Backward::EventByEvent => self.by_events.spike_times(),
        }
    }
}
