//! A network that is evaluated again and again, for batches of samples.
//!
//! As in `problem.rs`, a call takes an evaluator that nobody uses. Not here: what a run can be asked (`run.rs`).

use crate::arrays::{Floats, floats, indices, out};
use crate::compute::{alone, together};
use crate::currents::Layout;
use crate::errors::Failure;
use crate::network::{Loss, Network};
use crate::run::Run;
use crate::settings;
use crate::trains::Trains;
use numpy::{PyArray1, PyArrayDyn};
use pyo3::prelude::*;
use rayon::prelude::*;
use spikegrad::{
    BatchError, Evaluator, Gradient, Interrupt, Measure, NeuronId, Parameters, ReadoutRequest,
    Sample, Settings, Stimulus, StimulusGradient, WithRespectTo, value_and_hvp,
};
use std::mem::take;
use std::sync::{Mutex, PoisonError};

/// A network with settings, and evaluators of it.
#[pyclass(frozen, module = "spikegrad._core")]
pub(crate) struct Engine {
    pub(crate) network: Network,
    pub(crate) settings: Settings,
    free: Mutex<Vec<Seat>>,
}

/// What one call at a time uses.
struct Seat {
    evaluator: Evaluator,
    gradient: Gradient,
}

impl Engine {
    /// Numbers as the parameters of the network.
    pub(crate) fn parameters(&self, numbers: &Floats<'_>) -> Result<Parameters, Failure> {
        let expected = self.network.parameters.to_vec().len();
        let found = numbers.as_slice().len();
        if found != expected {
            return Err(Failure::input(
                "parameters",
                format!("has {found} numbers; the network has {expected}"),
            ));
        }
        self.network.with_numbers(numbers.as_slice())
    }

    /// Does `work` with an evaluator of these parameters that no other call uses.
    fn with<R>(
        &self,
        parameters: &Parameters,
        work: impl FnOnce(&mut Seat) -> PyResult<R>,
    ) -> PyResult<R> {
        let free = || self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = free().pop();
        let mut seat = match taken {
            Some(mut seat) => {
                seat.evaluator.set_parameters(parameters).map_err(Failure::from)?;
                seat
            }
            None => self.seat(parameters)?,
        };
        let done = work(&mut seat);
        free().push(seat);
        done
    }

    fn seat(&self, parameters: &Parameters) -> Result<Seat, Failure> {
        let network = std::sync::Arc::clone(&self.network.network);
        let evaluator = Evaluator::new(network, parameters, self.settings)?;
        let gradient = evaluator.zero_gradient(parameters);
        Ok(Seat { evaluator, gradient })
    }
}

/// The loss of each sample: the only one, or the one at the place that `loss_of` says.
pub(crate) fn samples<'a>(
    stimuli: &'a [Stimulus],
    losses: &'a [PyRef<'_, Loss>],
    loss_of: Option<&Bound<'_, PyAny>>,
) -> PyResult<Vec<Sample<'a>>> {
    let places: Vec<usize> = match loss_of {
        Some(places) => indices("loss_of", places)?,
        None => vec![0; stimuli.len()],
    };
    if places.len() != stimuli.len() {
        let what = format!("is given for {} samples; there are {}", places.len(), stimuli.len());
        return Err(Failure::input("loss", what).into());
    }
    let sample = |(stimulus, place): (&'a Stimulus, usize)| match losses.get(place) {
        Some(loss) => Ok(Sample { stimulus, loss: &loss.0 }),
        None => {
            Err(Failure::input("loss_of", format!("names loss {place} of {}", losses.len())).into())
        }
    };
    stimuli.iter().zip(places).map(sample).collect()
}

/// A direction as Python states it: of all numbers of a network, of all input times, and of all numbers of currents.
pub(crate) type DirectionSpec<'py> = (Bound<'py, PyAny>, Bound<'py, PyAny>, Bound<'py, PyAny>);

/// The same in arrays.
pub(crate) struct Direction<'py> {
    parameters: Floats<'py>,
    input_times: Floats<'py>,
    currents: Floats<'py>,
}

impl<'py> Direction<'py> {
    pub(crate) fn new((parameters, times, currents): &DirectionSpec<'py>) -> PyResult<Self> {
        Ok(Self {
            parameters: floats("direction", parameters)?,
            input_times: floats("direction of times", times)?,
            currents: floats("direction of currents", currents)?,
        })
    }

    /// In the shape of a gradient for each sample.
    pub(crate) fn of_samples(
        &self,
        parameters: &Parameters,
        trains: &Trains,
    ) -> Result<Vec<Gradient>, Failure> {
        let Trains { stimuli, layout } = trains;
        let [numbers, times, currents] =
            [&self.parameters, &self.input_times, &self.currents].map(Floats::as_slice);
        let spikes = stimuli.iter().map(|stimulus| stimulus.spikes().len()).sum::<usize>();
        for (argument, found, expected) in [
            ("direction", numbers, parameters.to_vec().len()),
            ("direction of times", times, spikes),
            ("direction of currents", currents, layout.count()),
        ] {
            if found.len() != expected {
                let what = format!("has {} numbers; it must have {expected}", found.len());
                return Err(Failure::input(argument, what));
            }
        }
        let mut shape = parameters.zeros_like();
        let mut all = numbers.iter();
        shape.for_each_mut(|number| *number = *all.next().unwrap_or(number));
        let mut rest = times;
        let of = stimuli.iter().enumerate().map(|(sample, stimulus)| {
            let (times, after) = rest.split_at(stimulus.spikes().len());
            rest = after;
            Gradient {
                parameters: shape.clone(),
                input_times: times.to_vec(),
                currents: layout.along(sample, stimulus, currents),
            }
        });
        Ok(of.collect())
    }
}

/// A call that failed inside of a batch, or was interrupted.
pub(crate) fn settled<T>(done: PyResult<Result<T, BatchError>>) -> PyResult<T> {
    Ok(done?.map_err(Failure::from)?)
}

type Array<'py> = Bound<'py, PyArray1<f64>>;

#[pymethods]
impl Engine {
    #[new]
    #[pyo3(signature = (network, *, grazing=None, max_events=None, engine="automatic", time_constants=true, input_times=true))]
    fn new(
        network: &Network,
        grazing: Option<&Bound<'_, PyAny>>,
        max_events: Option<&Bound<'_, PyAny>>,
        engine: &str,
        time_constants: bool,
        input_times: bool,
    ) -> PyResult<Self> {
        let with_respect_to = WithRespectTo { time_constants, input_times };
        let settings = settings::read(grazing, max_events, engine, with_respect_to)?;
        Ok(Self { network: network.clone(), settings, free: Mutex::default() })
    }

    /// Which engine runs the network, and why.
    fn explanation(&self) -> PyResult<String> {
        self.with(&self.network.parameters, |seat| Ok(seat.evaluator.explanation().to_string()))
    }

    /// The loss of each sample.
    #[pyo3(signature = (parameters, trains, losses, loss_of=None))]
    fn value<'py>(
        &self,
        py: Python<'py>,
        parameters: &Bound<'py, PyAny>,
        trains: &Trains,
        losses: Vec<PyRef<'py, Loss>>,
        loss_of: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Array<'py>> {
        let parameters = self.parameters(&floats("parameters", parameters)?)?;
        let samples = samples(&trains.stimuli, &losses, loss_of)?;
        let found = self.with(&parameters, |Seat { evaluator, .. }| {
            settled(together(py, || evaluator.value_batch(&samples, |_, _| ())))
        })?;
        Ok(PyArray1::from_vec(py, found.into_iter().map(|(value, ())| value).collect()))
    }

    /// The loss of each sample, and the derivatives of their sum: by all numbers, by the input times, and by the numbers of currents.
    #[pyo3(signature = (parameters, trains, losses, loss_of=None))]
    fn value_and_grad<'py>(
        &self,
        py: Python<'py>,
        parameters: &Bound<'py, PyAny>,
        trains: &Trains,
        losses: Vec<PyRef<'py, Loss>>,
        loss_of: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<(Array<'py>, Array<'py>, Array<'py>, Array<'py>)> {
        let parameters = self.parameters(&floats("parameters", parameters)?)?;
        let samples = samples(&trains.stimuli, &losses, loss_of)?;
        let (found, sum) = self.with(&parameters, |seat| {
            let Seat { evaluator, gradient } = seat;
            let found = if let [Sample { stimulus, loss }] = samples[..] {
                let value = alone(py, || evaluator.value_and_grad(stimulus, loss, gradient))?;
                let Gradient { input_times, currents, .. } = gradient;
                let (input_times, currents) = (take(input_times), take(currents));
                vec![(value.map_err(Failure::from)?, StimulusGradient { input_times, currents })]
            } else {
                let sum = &mut gradient.parameters;
                let all = || evaluator.value_and_grad_batch_with_stimuli(&samples, sum);
                settled(together(py, all))?
            };
            Ok((found, gradient.parameters.to_vec()))
        })?;
        let currents = trains.layout.summed(found.iter().map(|(_, of)| &of.currents[..]));
        let times = found.iter().flat_map(|(_, of)| &of.input_times).copied().collect();
        let values = found.iter().map(|(value, _)| *value).collect();
        let array = |numbers| PyArray1::from_vec(py, numbers);
        Ok((array(values), array(sum), array(times), array(currents)))
    }

    /// The product of the Hessian of the sum of all losses with a direction, of all numbers, of the input times, and of the numbers of currents: by all numbers, by the input times, and by the numbers of currents.
    #[pyo3(signature = (parameters, direction, trains, losses, loss_of=None))]
    fn hvp<'py>(
        &self,
        py: Python<'py>,
        parameters: &Bound<'py, PyAny>,
        direction: DirectionSpec<'py>,
        trains: &Trains,
        losses: Vec<PyRef<'py, Loss>>,
        loss_of: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<(Array<'py>, Array<'py>, Array<'py>)> {
        let parameters = self.parameters(&floats("parameters", parameters)?)?;
        // The loss is needed on dual numbers, which only its own type knows.
        samples(&trains.stimuli, &losses, loss_of)?;
        let places: Option<Vec<usize>> = loss_of.map(|of| indices("loss_of", of)).transpose()?;
        let losses: Vec<_> = losses.iter().map(|loss| &loss.0).collect();
        let stimuli = &trains.stimuli;
        let directions = Direction::new(&direction)?.of_samples(&parameters, trains)?;
        let network = &self.network.network;
        let all = each(py, stimuli, |k, stimulus| {
            let loss = losses[places.as_ref().map_or(0, |places| places[k])];
            let direction = &directions[k];
            let found =
                value_and_hvp(network, &parameters, stimulus, loss, direction, &self.settings)?;
            Ok(found.product)
        })?;
        Ok(summed(&parameters, &trains.layout, &all)
            .map(|part| PyArray1::from_vec(py, part))
            .into())
    }

    /// Runs every sample, and records read-outs: of which neuron, what of it (0 a sample at a time, 1 the maximum, 2 the mean, 3 the mean of e^(−t/tau) V), and that time or tau.
    fn run<'py>(
        slf: Bound<'py, Self>,
        py: Python<'py>,
        parameters: &Bound<'py, PyAny>,
        trains: Py<Trains>,
        neurons: &Bound<'py, PyAny>,
        measures: &Bound<'py, PyAny>,
        numbers: &Bound<'py, PyAny>,
    ) -> PyResult<Run> {
        let neurons: Vec<usize> = indices("neurons", neurons)?;
        let measures: Vec<u8> = indices("measures", measures)?;
        let numbers = floats("record", numbers)?.to_vec();
        let request = |((neuron, measure), number): ((usize, u8), f64)| ReadoutRequest {
            neuron: NeuronId::new(neuron),
            measure: match measure {
                0 => Measure::Sample { time: number },
                1 => Measure::Maximum,
                2 => Measure::Mean,
                _ => Measure::Weighted { tau: number },
            },
        };
        let requests = neurons.into_iter().zip(measures).zip(numbers).map(request).collect();
        Self::record(&slf, py, parameters, trains, requests)
    }

    /// Runs every sample, and records what a loss reads.
    fn run_for<'py>(
        slf: Bound<'py, Self>,
        py: Python<'py>,
        parameters: &Bound<'py, PyAny>,
        trains: Py<Trains>,
        loss: &Loss,
    ) -> PyResult<Run> {
        let requests = loss.0.readouts(&slf.get().network.network).map_err(Failure::from)?;
        Self::record(&slf, py, parameters, trains, requests)
    }
}

impl Engine {
    fn record<'py>(
        slf: &Bound<'py, Self>,
        py: Python<'py>,
        parameters: &Bound<'py, PyAny>,
        trains: Py<Trains>,
        requests: Vec<ReadoutRequest>,
    ) -> PyResult<Run> {
        let engine = slf.get();
        let parameters = engine.parameters(&floats("parameters", parameters)?)?;
        let stimuli = &trains.get().stimuli;
        let run = engine.with(&parameters, |Seat { evaluator, .. }| {
            settled(together(py, || evaluator.run(stimuli, &requests)))
        })?;
        Ok(Run { run, parameters, requests, trains, engine: slf.clone().unbind() })
    }
}

/// Does `one` with each item, on all threads.
pub(crate) fn each<I: Sync, R: Send>(
    py: Python<'_>,
    items: &[I],
    one: impl Fn(usize, &I) -> Result<R, Failure> + Sync,
) -> PyResult<Vec<R>> {
    let work = || {
        let interrupt = Interrupt::current();
        let named = |(sample, item): (usize, &I)| {
            let done = interrupt.scope(|| one(sample, item));
            done.map_err(|failure| failure.of_sample(sample))
        };
        // All are done before any is looked at: the first that failed is named, whichever was first to fail.
        items.par_iter().enumerate().map(named).collect::<Vec<_>>()
    };
    let all = together(py, work)?;
    Ok(all.into_iter().collect::<Result<_, Failure>>()?)
}

/// The sum of gradients by all numbers, those by input times one after another, and the sum of those by the numbers of currents.
pub(crate) fn summed(parameters: &Parameters, layout: &Layout, all: &[Gradient]) -> [Vec<f64>; 3] {
    let mut sum = vec![0.0; parameters.to_vec().len()];
    for gradient in all {
        for (sum, x) in sum.iter_mut().zip(gradient.parameters.to_vec()) {
            *sum += x;
        }
    }
    let times = all.iter().flat_map(|gradient| &gradient.input_times).copied().collect();
    [sum, times, layout.summed(all.iter().map(|gradient| &gradient.currents[..]))]
}

/// A table with a row for each sample.
pub(crate) fn rows<'py>(
    py: Python<'py>,
    numbers: Vec<f64>,
    samples: usize,
) -> PyResult<Bound<'py, PyArrayDyn<f64>>> {
    let width = numbers.len().checked_div(samples).unwrap_or(0);
    out(py, numbers, &[samples, width])
}
