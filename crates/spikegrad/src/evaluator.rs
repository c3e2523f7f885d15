//! One network, evaluated again and again: laid out once, in memory that is used again.
//!
//! Not here: what that memory is (`scratch.rs` of one sample, `batch.rs` of many), any of the verbs (`evaluate.rs`).

use crate::batch::{self, Sample, Workers};
use crate::error::{BatchError, Error};
use crate::prepared::{Explanation, Prepared, Settings};
use crate::run::Run;
use crate::scratch::Scratch;
use spikegrad_adjoint::{AdjointError, Certificate, GradientSum, SweptNeuron};
use spikegrad_dynamics::{AnyNeuron, Lif};
use spikegrad_network::loss::Loss;
use spikegrad_network::{
    Gradient, Network, NetworkError, Parameters, ReadoutRequest, Stimulus, StimulusGradient, Trace,
};
use spikegrad_simulate::SimulateError;
use std::sync::Arc;

/// A network ready to be run, with the memory that its runs need: after the first runs of a kind, nothing is allocated.
///
/// # Examples
/// ```
/// use spikegrad::problem::Problem;
/// use spikegrad::{Evaluator, Settings};
/// let problem = Problem::from_json(br#"{
///   "format": "spikegrad-problem", "version": 1,
///   "network": {
///     "inputs": 1,
///     "populations": [{"name": "out", "size": 1, "model": "lif"}],
///     "connections": [{"from": "input", "to": "out", "weights": [[20]]}]
///   },
///   "stimulus": {"t_end": 0.02, "spikes": [[0, 0.0]]},
///   "loss": {"type": "spike_time_mse", "population": "out", "targets": [[0.0]]}
/// }"#)?;
/// let loss = problem.document.loss.as_ref().unwrap();
/// let mut parameters = problem.parameters.clone();
/// let mut evaluator = Evaluator::new(&problem.network, &parameters, Settings::default())?;
/// let mut gradient = evaluator.zero_gradient(&parameters);
/// let before = evaluator.value_and_grad(&problem.stimulus, loss, &mut gradient)?;
/// // Downhill is towards an earlier spike: a larger weight.
/// parameters.connections[0].weights[0] -= 1e6 * gradient.parameters.connections[0].weights[0];
/// evaluator.set_parameters(&parameters)?;
/// assert!(evaluator.value(&problem.stimulus, loss)? < before);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Evaluator(Kind);

/// Networks of linear neurons alone have an engine of their own.
#[derive(Debug)]
enum Kind {
    Linear(Box<Inner<Lif<f64>>>),
    Any(Box<Inner<AnyNeuron<f64>>>),
}

/// An evaluator for neurons of one kind.
#[derive(Debug)]
struct Inner<N: SweptNeuron> {
    /// Shared with the runs that can still be differentiated.
    prepared: Arc<Prepared<N>>,
    scratch: Scratch<N>,
    sum: GradientSum<f64, N>,
    /// For batches.
    workers: Workers<N>,
}

/// Does the same with either kind.
macro_rules! either {
    ($evaluator:expr, $inner:ident => $what:expr) => {
        match $evaluator {
            Kind::Linear($inner) => $what,
            Kind::Any($inner) => $what,
        }
    };
}

impl Evaluator {
    /// Lays the network out: a reference to one, which is copied, or a shared one.
    ///
    /// # Errors
    /// [`NetworkError`] if the parameters do not fit.
    pub fn new(
        network: impl Into<Arc<Network>>,
        parameters: &Parameters,
        settings: Settings,
    ) -> Result<Self, NetworkError> {
        let network = network.into();
        Ok(Self(if network.is_linear() {
            Kind::Linear(Box::new(Inner::new(network, parameters, settings)?))
        } else {
            Kind::Any(Box::new(Inner::new(network, parameters, settings)?))
        }))
    }

    /// Takes other parameters, in whatever form: a value that was shared may be each neuron's or synapse's own, and the other way
    /// round. The evaluator is then what [`Self::new`] makes of them. Where the delays are the same as before, nothing is allocated.
    ///
    /// # Errors
    /// [`NetworkError`] if they do not fit; the old ones then stay.
    pub fn set_parameters(&mut self, parameters: &Parameters) -> Result<(), NetworkError> {
        either!(&mut self.0, inner => inner.set_parameters(parameters))
    }

    /// Says which engine runs the network, and why.
    #[must_use]
    pub fn explanation(&self) -> Explanation {
        either!(&self.0, inner => inner.prepared.explanation())
    }

    /// Zeros in the shape of a gradient with respect to `parameters`.
    #[must_use]
    pub fn zero_gradient(&self, parameters: &Parameters) -> Gradient {
        let (input_times, currents) = (Vec::new(), Vec::new());
        Gradient { parameters: parameters.zeros_like(), input_times, currents }
    }

    /// Runs the network and returns what happened, with the read-outs that were requested: a trace that can be differentiated.
    ///
    /// # Errors
    /// [`SimulateError`] if the run cannot finish.
    pub fn simulate(
        &mut self,
        stimulus: &Stimulus,
        requests: &[ReadoutRequest],
    ) -> Result<&Trace, SimulateError> {
        either!(&mut self.0, inner => inner.simulate(stimulus, requests, true))
    }

    /// Like [`Self::simulate`], for a run that nobody will differentiate: faster, and a backward pass refuses its trace
    /// ([`spikegrad_simulate::simulate_forward_into`]).
    ///
    /// # Errors
    /// As [`Self::simulate`].
    pub fn simulate_forward(
        &mut self,
        stimulus: &Stimulus,
        requests: &[ReadoutRequest],
    ) -> Result<&Trace, SimulateError> {
        either!(&mut self.0, inner => inner.simulate(stimulus, requests, false))
    }

    /// Runs every stimulus, in parallel, and returns what happened: a run that can be differentiated, whatever becomes of the evaluator.
    ///
    /// # Errors
    /// [`BatchError`] of the first stimulus whose run cannot finish.
    pub fn run(
        &self,
        stimuli: &[Stimulus],
        requests: &[ReadoutRequest],
    ) -> Result<Run, BatchError> {
        either!(&self.0, inner => Run::new(&inner.prepared, stimuli, requests))
    }

    /// Returns the value of `loss`.
    ///
    /// # Errors
    /// [`enum@Error`]: a run that cannot finish, a value that is not finite.
    pub fn value(&mut self, stimulus: &Stimulus, loss: &dyn Loss) -> Result<f64, Error> {
        either!(&mut self.0, inner => inner.scratch.forward(&inner.prepared, Sample { stimulus, loss }, false))
    }

    /// Returns the value of `loss` and writes its exact gradient into `gradient`, which gets the form of the parameters if it has
    /// another.
    ///
    /// # Errors
    /// [`enum@Error`]: a loss that does not fit the network, a run that cannot finish, a gradient that does not exist. `gradient`
    /// is then not usable.
    pub fn value_and_grad(
        &mut self,
        stimulus: &Stimulus,
        loss: &dyn Loss,
        gradient: &mut Gradient,
    ) -> Result<f64, Error> {
        either!(&mut self.0, inner => inner.value_and_grad(stimulus, loss, gradient))
    }

    /// Returns the values of a batch with what `extract` reads from each trace, and writes the sum of the gradients with respect
    /// to the parameters into `gradient`, which gets the form of the parameters if it has another.
    ///
    /// # Errors
    /// [`BatchError`] of the first sample that fails; of a sum that is not finite although no sample fails, the first sample with
    /// which it is not. `gradient` is then not usable.
    pub fn value_and_grad_batch<R: Send>(
        &mut self,
        samples: &[Sample<'_>],
        gradient: &mut Parameters,
        extract: impl Fn(usize, &Trace) -> R + Sync,
    ) -> Result<Vec<(f64, R)>, BatchError> {
        either!(&mut self.0, inner => {
            inner.value_and_grad_batch(samples, gradient, |position, of| extract(position, &of.trace))
        })
    }

    /// The same, where other processes have other samples of the batch: in place of the sum there is a row of numbers for each
    /// [`CHUNK`](crate::CHUNK) samples. These rows, added in the order of the samples of all processes, are what
    /// [`gradient_of_sum`](Self::gradient_of_sum) takes, and then the gradient has the bits of
    /// [`value_and_grad_batch`](Self::value_and_grad_batch).
    ///
    /// # Errors
    /// [`BatchError`] of the first sample that fails.
    #[expect(clippy::type_complexity, reason = "two lists")]
    pub fn chunk_sums<R: Send>(
        &mut self,
        samples: &[Sample<'_>],
        extract: impl Fn(usize, &Trace) -> R + Sync,
    ) -> Result<(Vec<(f64, R)>, Vec<Vec<f64>>), BatchError> {
        either!(&mut self.0, inner => {
            inner.workers.chunk_sums(&inner.prepared, samples, |position, of| extract(position, &of.trace))
        })
    }

    /// Writes the sum of all rows of [`chunk_sums`](Self::chunk_sums) into `gradient`, and returns the place of the first number that is
    /// not finite, if there is one.
    ///
    /// # Panics
    /// If the row is shorter than those are.
    pub fn gradient_of_sum(&mut self, row: &[f64], gradient: &mut Parameters) -> Option<String> {
        either!(&mut self.0, inner => inner.gradient_of_sum(row, gradient))
    }

    /// Like [`value_and_grad_batch`](Self::value_and_grad_batch), with the gradient of each sample by its stimulus, input times and injected currents, in place of
    /// what is read from its trace. The sum has the same bits.
    ///
    /// # Errors
    /// As there.
    pub fn value_and_grad_batch_with_stimuli(
        &mut self,
        samples: &[Sample<'_>],
        gradient: &mut Parameters,
    ) -> Result<Vec<(f64, StimulusGradient)>, BatchError> {
        either!(&mut self.0, inner => {
            inner.value_and_grad_batch(samples, gradient, |_, of| of.of_stimulus.clone())
        })
    }

    /// Returns the values of a batch without gradients, and what `extract` reads from each trace.
    ///
    /// # Errors
    /// [`BatchError`] of the first sample that fails.
    pub fn value_batch<R: Send>(
        &self,
        samples: &[Sample<'_>],
        extract: impl Fn(usize, &Trace) -> R + Sync,
    ) -> Result<Vec<(f64, R)>, BatchError> {
        either!(&self.0, inner => batch::values(&inner.prepared, samples, extract))
    }

    /// Whether the layered sweep did the last run. Of a layered network that is not so only if something happened that the
    /// event loop alone decides: several rounds at one instant, a potential that touched its threshold, an error; or if currents were injected.
    #[must_use]
    pub fn was_swept(&self) -> bool {
        either!(&self.0, inner => inner.scratch.was_swept)
    }

    /// What happened in the last run.
    #[must_use]
    pub fn trace(&self) -> &Trace {
        either!(&self.0, inner => &inner.scratch.trace)
    }

    /// How far the gradient of the last run can be trusted; of a run that was not differentiated it knows no more than its slopes
    /// and touches. Finding ties takes a look at every arrival, as long as a part of the run itself.
    #[must_use]
    pub fn certificate(&self) -> Certificate {
        either!(&self.0, inner => inner.scratch.certificate(&inner.prepared))
    }

    /// The trace of the last run, in place of which an empty one is left.
    pub fn take_trace(&mut self) -> Trace {
        either!(&mut self.0, inner => std::mem::take(&mut inner.scratch.trace))
    }
}

impl<N: SweptNeuron> Inner<N> {
    fn new(
        network: Arc<Network>,
        parameters: &Parameters,
        settings: Settings,
    ) -> Result<Self, NetworkError> {
        let prepared = Arc::new(Prepared::new(network, parameters, settings)?);
        let sum = prepared.sum();
        Ok(Self { prepared, scratch: Scratch::default(), sum, workers: Workers::default() })
    }

    fn set_parameters(&mut self, parameters: &Parameters) -> Result<(), NetworkError> {
        if !Arc::make_mut(&mut self.prepared).set(parameters)? {
            self.sum = self.prepared.sum();
            self.workers = Workers::default();
        }
        Ok(())
    }

    fn simulate(
        &mut self,
        stimulus: &Stimulus,
        requests: &[ReadoutRequest],
        for_gradient: bool,
    ) -> Result<&Trace, SimulateError> {
        self.scratch.requests().extend_from_slice(requests);
        self.scratch.run(&self.prepared, stimulus, for_gradient)?;
        Ok(&self.scratch.trace)
    }

    fn value_and_grad(
        &mut self,
        stimulus: &Stimulus,
        loss: &dyn Loss,
        gradient: &mut Gradient,
    ) -> Result<f64, Error> {
        let Self { prepared, scratch, sum, .. } = self;
        sum.clear();
        let value = scratch.forward(prepared, Sample { stimulus, loss }, true)?;
        scratch.backward(prepared, sum)?;
        sum.write(&prepared.network, &prepared.circuit, &mut gradient.parameters);
        gradient.input_times.clone_from(&scratch.of_stimulus.input_times);
        gradient.currents.clone_from(&scratch.of_stimulus.currents);
        match gradient.find(&prepared.network, |x: f64| !x.is_finite()) {
            None => Ok(value),
            Some((place, value)) => Err(AdjointError::NonFiniteGradient { place, value }.into()),
        }
    }

    fn gradient_of_sum(&mut self, row: &[f64], gradient: &mut Parameters) -> Option<String> {
        let Self { prepared, sum, .. } = self;
        sum.set_row(row);
        sum.write(&prepared.network, &prepared.circuit, gradient);
        gradient.find(&prepared.network, |x| !x.is_finite()).map(|(place, _)| place)
    }

    fn value_and_grad_batch<R: Send>(
        &mut self,
        samples: &[Sample<'_>],
        gradient: &mut Parameters,
        extract: impl Fn(usize, &Scratch<N>) -> R + Sync,
    ) -> Result<Vec<(f64, R)>, BatchError> {
        let Self { prepared, sum, workers, .. } = self;
        workers.value_and_grad(prepared, samples, sum, gradient, extract)
    }
}
