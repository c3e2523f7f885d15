//! A run that can be differentiated: what happened, and the way from any cotangents back to every number.
//!
//! Who computes a loss elsewhere, such as a tensor library, takes spikes and read-outs from a [`Run`] and returns ∂L/∂(each of them). Not here: losses
//! of our own (`evaluator.rs`).

use crate::batch::{CHUNK, Worker, Workers};
use crate::error::BatchError;
use crate::prepared::Prepared;
use crate::scratch::Scratch;
use crate::threads;
use spikegrad_adjoint::{AdjointError, Certificate, Differentiated, SweptNeuron};
use spikegrad_network::loss::Cotangents;
use spikegrad_network::{
    Network, Parameters, ReadoutRequest, SpikeTrains, Steps, Stimulus, StimulusGradient, Trace,
};
use std::fmt;
use std::sync::Arc;

/// What happened for each of some stimuli, with the parameters of that time.
///
/// # Examples
/// A loss of no library: half the square of the first spike time.
/// ```
/// use spikegrad::{Cotangents, Evaluator, InputSpike, Network, Settings, Stimulus};
/// let (network, mut parameters) =
///     Network::builder().inputs(1).lif("out", 1).dense("input", "out", vec![20.0]).build()?;
/// let stimulus = Stimulus::new(0.02, vec![InputSpike { channel: 0, time: 0.0 }])?;
/// let mut evaluator = Evaluator::new(&network, &parameters, Settings::default())?;
/// let run = evaluator.run(&[stimulus], &[])?;
///
/// let time = run.spikes().times[0];
/// let mut cotangents = Cotangents::zeros(&run.traces()[0]);
/// cotangents.spikes[0] = time;
/// // Other parameters for the next run are no matter to this one.
/// parameters.connections[0].weights[0] = 30.0;
/// evaluator.set_parameters(&parameters)?;
/// let gradient = run.backward(&[cotangents])?;
/// assert!(gradient.parameters.connections[0].weights[0] < 0.0);
/// assert!((gradient.input_times[0][0] - time).abs() < 1e-15);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Run {
    traces: Vec<Trace>,
    way_back: Arc<dyn Differentiate>,
}

impl fmt::Debug for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Run").field("traces", &self.traces).finish_non_exhaustive()
    }
}

/// The gradient of a run.
#[derive(Clone, Debug)]
pub struct RunGradient {
    /// With respect to the parameters, summed over the samples.
    pub parameters: Parameters,
    /// With respect to the input times of each sample, in the order in which they were given.
    pub input_times: Vec<Vec<f64>>,
    /// With respect to the numbers of the injected currents of each sample.
    pub currents: Vec<Vec<Steps>>,
    /// ∂L/∂t of each spike of each sample, through all that depends on it, per second.
    pub spike_times: Vec<Vec<f64>>,
}

impl Run {
    pub(crate) fn new<N: SweptNeuron + 'static>(
        prepared: &Arc<Prepared<N>>,
        stimuli: &[Stimulus],
        requests: &[ReadoutRequest],
    ) -> Result<Self, BatchError> {
        let one = |scratch: &mut Scratch<N>, sample: usize, stimulus: &Stimulus| {
            scratch.requests().extend_from_slice(requests);
            let run = scratch.run(prepared, stimulus, true);
            run.map_err(|error| BatchError { sample, source: error.into() })?;
            Ok(std::mem::take(&mut scratch.trace))
        };
        let chunk = |(k, chunk): (usize, &[Stimulus])| -> Result<Vec<Trace>, BatchError> {
            let mut scratch = Scratch::default();
            (k * CHUNK..).zip(chunk).map(|(k, stimulus)| one(&mut scratch, k, stimulus)).collect()
        };
        let chunks = threads::map(stimuli.chunks(CHUNK).enumerate().collect(), chunk);
        let chunks = chunks.into_iter().collect::<Result<Vec<_>, _>>()?;
        let traces = chunks.into_iter().flatten().collect();
        Ok(Self { traces, way_back: Arc::<Prepared<N>>::clone(prepared) })
    }

    /// What happened in each sample: spikes, and read-outs in the order of the requests.
    #[must_use]
    pub fn traces(&self) -> &[Trace] {
        &self.traces
    }

    /// The spikes of all samples in flat arrays: a channel for each neuron of the network.
    #[must_use]
    pub fn spikes(&self) -> SpikeTrains {
        SpikeTrains::of_runs(self.way_back.network(), &self.traces)
    }

    /// The gradient of a loss with these derivatives with respect to the spikes and read-outs of each sample.
    ///
    /// The sum over samples has the same bits on any number of threads.
    ///
    /// # Errors
    /// [`BatchError`] of the first sample whose cotangents do not fit or are missing, or whose gradient does not exist; of a sum that is not finite
    /// although no sample fails, the first sample with which it is not.
    pub fn backward(&self, cotangents: &[Cotangents]) -> Result<RunGradient, BatchError> {
        let (found, expected) = (cotangents.len(), self.traces.len());
        if found != expected {
            let source = AdjointError::Samples { found, expected }.into();
            return Err(BatchError { sample: found.min(expected), source });
        }
        self.way_back.backward(&self.traces, cotangents)
    }

    /// How far the gradient of a sample can be trusted; ties are looked for at every arrival.
    ///
    /// # Panics
    /// If there is no such sample.
    #[must_use]
    pub fn certificate(
        &self,
        sample: usize,
        cotangents: &Cotangents,
        gradient: &RunGradient,
    ) -> Certificate {
        let spike_times = &gradient.spike_times[sample];
        self.way_back.certificate(&self.traces[sample], cotangents, spike_times)
    }
}

/// The way back, whatever the kind of neuron.
trait Differentiate: Send + Sync {
    fn network(&self) -> &Network;
    fn backward(
        &self,
        traces: &[Trace],
        cotangents: &[Cotangents],
    ) -> Result<RunGradient, BatchError>;
    fn certificate(
        &self,
        trace: &Trace,
        cotangents: &Cotangents,
        spike_times: &[f64],
    ) -> Certificate;
}

impl<N: SweptNeuron> Differentiate for Prepared<N> {
    fn network(&self) -> &Network {
        &self.network
    }

    fn backward(
        &self,
        traces: &[Trace],
        cotangents: &[Cotangents],
    ) -> Result<RunGradient, BatchError> {
        let samples: Vec<_> = traces.iter().zip(cotangents).collect();
        let mut sum = self.sum();
        let mut parameters = sum.to_parameters(&self.network, &self.circuit);
        let one = |worker: &mut Worker<N>, _, &(trace, cotangents): &(&Trace, &Cotangents)| {
            let Worker { scratch: Scratch { way_back, .. }, sum } = worker;
            let mut of_stimulus = StimulusGradient::default();
            let way = way_back.go(self, trace, cotangents, sum, &mut of_stimulus)?;
            Ok((of_stimulus, way_back.spike_times(way).to_vec()))
        };
        let mut workers = Workers::default();
        let all = workers.accumulate(self, &samples, &mut sum, &mut parameters, |_, _| (), one)?;
        let (of_stimuli, spike_times): (Vec<_>, _) = all.into_iter().unzip();
        let both = |of: StimulusGradient| (of.input_times, of.currents);
        let (input_times, currents) = of_stimuli.into_iter().map(both).unzip();
        Ok(RunGradient { parameters, input_times, currents, spike_times })
    }

    fn certificate(
        &self,
        trace: &Trace,
        cotangents: &Cotangents,
        spike_times: &[f64],
    ) -> Certificate {
        let Self { network, circuit, settings, .. } = self;
        Certificate::new(
            &Differentiated { network, circuit, trace, cotangents, spike_times },
            settings.grazing,
        )
    }
}
