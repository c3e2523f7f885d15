//! What happened in a batch of runs, and the way back from any cotangents.
//!
//! A run holds on to the parameters that it was made with. Its second derivatives come from runs on dual numbers under the one loss that is linear in what happened, with
//! the cotangents as its coefficients: the gradient of that loss is the way back, and so the derivative of its gradient is that of the way back. Not here: names of neurons and read-outs, which are Python's.

use crate::arrays::floats;
use crate::compute::together;
use crate::engine::{Direction, DirectionSpec, Engine, each, rows, samples, summed};
use crate::errors::Failure;
use crate::network::Loss;
use crate::trains::Trains;
use numpy::{PyArray1, PyArrayDyn};
use pyo3::prelude::*;
use spikegrad::{
    BatchError, Cotangents, Derivatives, Network, Observation, Parameters, ReadoutRequest, Sample,
    Scalar, Trace, value_and_hvp,
};

/// Runs that can be differentiated.
#[pyclass(frozen, module = "spikegrad._core")]
pub(crate) struct Run {
    pub(crate) run: spikegrad::Run,
    pub(crate) parameters: Parameters,
    pub(crate) requests: Vec<ReadoutRequest>,
    pub(crate) trains: Py<Trains>,
    pub(crate) engine: Py<Engine>,
}

type Array<'py> = Bound<'py, PyArray1<f64>>;
type Table<'py> = Bound<'py, PyArrayDyn<f64>>;

impl Run {
    fn traces(&self) -> &[Trace] {
        self.run.traces()
    }

    /// Cotangents of all spikes, and of the read-outs of all samples, sample by sample.
    fn cotangents(
        &self,
        spikes: &Bound<'_, PyAny>,
        readouts: &Bound<'_, PyAny>,
    ) -> PyResult<Vec<Cotangents>> {
        let spikes = floats("cotangents of spikes", spikes)?;
        let readouts = floats("cotangents of read-outs", readouts)?;
        let (mut spikes, mut readouts) = (spikes.as_slice(), readouts.as_slice());
        let count = |of: fn(&Trace) -> usize| self.traces().iter().map(of).sum::<usize>();
        for (argument, found, expected) in [
            ("cotangents of spikes", spikes, count(|trace| trace.spikes.len())),
            ("cotangents of read-outs", readouts, count(|trace| trace.readouts.len())),
        ] {
            if found.len() != expected {
                let what = format!("has {} numbers; the run has {expected}", found.len());
                return Err(Failure::input(argument, what).into());
            }
            if let Some(k) = found.iter().position(|x| !x.is_finite()) {
                let what = format!("is {}; it must be a finite number", found[k]);
                return Err(Failure::input(format!("{argument}[{k}]"), what).into());
            }
        }
        let of_trace = |trace: &Trace| {
            let mut cotangents = Cotangents::zeros(trace);
            cotangents.spikes.copy_from_slice(taken(&mut spikes, trace.spikes.len()));
            cotangents.readouts.copy_from_slice(taken(&mut readouts, trace.readouts.len()));
            cotangents
        };
        Ok(self.traces().iter().map(of_trace).collect())
    }
}

/// The first `count`, which are no longer among the rest.
fn taken<'a>(rest: &mut &'a [f64], count: usize) -> &'a [f64] {
    let (first, after) = rest.split_at(count);
    *rest = after;
    first
}

#[pymethods]
impl Run {
    /// All spikes: where those of each sample begin, their times, and their neurons.
    fn spikes<'py>(
        &self,
        py: Python<'py>,
    ) -> (Bound<'py, PyArray1<usize>>, Array<'py>, Bound<'py, PyArray1<u32>>) {
        let trains = self.run.spikes();
        let offsets = PyArray1::from_vec(py, trains.offsets);
        (offsets, PyArray1::from_vec(py, trains.times), PyArray1::from_vec(py, trains.channel))
    }

    /// The read-outs, a row for each sample.
    fn readouts<'py>(&self, py: Python<'py>) -> PyResult<Table<'py>> {
        let all = self.traces().iter().flat_map(|trace| &trace.readouts);
        rows(py, all.map(|readout| readout.value).collect(), self.traces().len())
    }

    /// Potentials that touched their threshold with slope zero: sample, neuron and time of each.
    fn touches(&self) -> Vec<(usize, usize, f64)> {
        let of = |(k, trace): (usize, &Trace)| {
            trace.touches.iter().map(|t| (k, t.neuron.index(), t.time)).collect::<Vec<_>>()
        };
        self.traces().iter().enumerate().flat_map(of).collect()
    }

    /// Derivatives, by all numbers, by the input times and by the numbers of currents, of a loss with these derivatives by spikes and read-outs.
    fn backward<'py>(
        &self,
        py: Python<'py>,
        spikes: &Bound<'py, PyAny>,
        readouts: &Bound<'py, PyAny>,
    ) -> PyResult<(Array<'py>, Array<'py>, Array<'py>)> {
        let cotangents = self.cotangents(spikes, readouts)?;
        let done = together(py, || self.run.backward(&cotangents));
        let gradient = crate::engine::settled(done)?;
        let currents = self.trains.get().layout.summed(gradient.currents.iter().map(Vec::as_slice));
        let array = |numbers| PyArray1::from_vec(py, numbers);
        let (numbers, times) = (gradient.parameters.to_vec(), gradient.input_times.concat());
        Ok((array(numbers), array(times), array(currents)))
    }

    /// The derivative of [`Self::backward`] along a direction, by the same three; and those of the spikes and read-outs.
    fn curvature<'py>(
        &self,
        py: Python<'py>,
        spikes: &Bound<'py, PyAny>,
        readouts: &Bound<'py, PyAny>,
        direction: DirectionSpec<'py>,
    ) -> PyResult<(Array<'py>, Array<'py>, Array<'py>, Array<'py>, Table<'py>)> {
        let cotangents = self.cotangents(spikes, readouts)?;
        let Self { parameters, requests, .. } = self;
        let Trains { stimuli, layout } = self.trains.get();
        let directions = Direction::new(&direction)?.of_samples(parameters, self.trains.get())?;
        let engine = self.engine.get();
        let all = each(py, stimuli, |k, stimulus| {
            let loss = Linear { cotangents: &cotangents[k], requests };
            let network = &engine.network.network;
            let found = value_and_hvp(
                network,
                parameters,
                stimulus,
                &loss,
                &directions[k],
                &engine.settings,
            )?;
            let spikes: Vec<f64> = found.trace.spikes.iter().map(|spike| spike.time.eps).collect();
            let readouts = found.trace.readouts.iter();
            let readouts: Vec<f64> = readouts.map(|readout| readout.value.eps).collect();
            Ok((found.product, spikes, readouts))
        })?;
        let (mut products, mut of_spikes, mut of_readouts) = (Vec::new(), Vec::new(), Vec::new());
        for (product, spikes, readouts) in all {
            products.push(product);
            of_spikes.extend(spikes);
            of_readouts.extend(readouts);
        }
        let [sum, times, currents] = summed(parameters, layout, &products);
        let of_readouts = rows(py, of_readouts, stimuli.len())?;
        let array = |numbers| PyArray1::from_vec(py, numbers);
        Ok((array(sum), array(times), array(currents), array(of_spikes), of_readouts))
    }

    /// The loss of each sample, and its derivatives by spikes and read-outs, which must be those that the losses ask for.
    #[pyo3(signature = (losses, loss_of=None))]
    fn evaluate<'py>(
        &self,
        py: Python<'py>,
        losses: Vec<PyRef<'py, Loss>>,
        loss_of: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<(Array<'py>, Array<'py>, Table<'py>)> {
        let stimuli = &self.trains.get().stimuli;
        let samples = samples(stimuli, &losses, loss_of)?;
        let network: &Network = &self.engine.get().network.network;
        let (mut values, mut spikes, mut readouts) = (Vec::new(), Vec::new(), Vec::new());
        for (sample, (Sample { loss, .. }, trace)) in samples.iter().zip(self.traces()).enumerate()
        {
            let asked = loss.readouts(network).map_err(Failure::from)?;
            if asked != self.requests {
                return Err(Failure::input(
                    "loss",
                    "reads what the run did not record; run it for this loss",
                )
                .into());
            }
            let found = loss.evaluate(network, trace);
            let failed = |error: spikegrad::LossError| BatchError { sample, source: error.into() };
            let (value, cotangents) = found.map_err(failed).map_err(Failure::from)?;
            values.push(value);
            spikes.extend(cotangents.spikes);
            readouts.extend(cotangents.readouts);
        }
        let readouts = rows(py, readouts, samples.len())?;
        Ok((PyArray1::from_vec(py, values), PyArray1::from_vec(py, spikes), readouts))
    }

    /// How far the gradient of each sample can be trusted, as JSON.
    fn certificates(
        &self,
        py: Python<'_>,
        spikes: &Bound<'_, PyAny>,
        readouts: &Bound<'_, PyAny>,
    ) -> PyResult<String> {
        let cotangents = self.cotangents(spikes, readouts)?;
        let all = together(py, || {
            let gradient = self.run.backward(&cotangents)?;
            let of = |(k, cotangents)| self.run.certificate(k, cotangents, &gradient);
            Ok(cotangents.iter().enumerate().map(of).collect::<Vec<_>>())
        })?;
        let all = all.map_err(|error: BatchError| Failure::from(error))?;
        Ok(serde_json::to_string(&all).unwrap_or_default())
    }
}

/// Σ c · (time of a spike) + Σ c · (read-out): the loss of which given numbers are the cotangents.
#[derive(Debug)]
struct Linear<'a> {
    cotangents: &'a Cotangents,
    requests: &'a [ReadoutRequest],
}

impl<T: Scalar> spikegrad::Loss<T> for Linear<'_> {
    fn request(&self, _: &Network, requests: &mut Vec<ReadoutRequest>) {
        requests.extend_from_slice(self.requests);
    }

    fn evaluate_into(&self, run: &Observation<'_, T>, into: &mut Derivatives<'_, T>) -> T {
        let mut value = T::from(0.0);
        for (k, (spike, &c)) in run.spikes.iter().zip(&self.cotangents.spikes).enumerate() {
            value += spike.time * T::from(c);
            into.spikes[k] += T::from(c);
        }
        for (k, (readout, &c)) in run.readouts.iter().zip(&self.cotangents.readouts).enumerate() {
            value += readout.value * T::from(c);
            into.readouts[k] += T::from(c);
        }
        value
    }
}
