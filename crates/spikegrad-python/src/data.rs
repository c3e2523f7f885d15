//! Data sets and the codes that make them spikes, as the trainer has them.
//!
//! Not here: names and arrays of their parts (`python/spikegrad/datasets.py`).

use crate::arrays::{floats, indices};
use crate::errors::Failure;
use numpy::{PyArray1, PyArrayMethods};
use pyo3::prelude::*;
use spikegrad::network::SpikeTrains;
use spikegrad_train::{DataConfig, Encoder, Inputs, TrainError};

/// Samples with labels or targets.
#[pyclass(frozen, module = "spikegrad._core")]
pub(crate) struct DataSet(pub(crate) spikegrad_train::DataSet);

type Flat<'py> =
    (usize, Bound<'py, PyArray1<usize>>, Bound<'py, PyArray1<f64>>, Bound<'py, PyArray1<u32>>);

fn flat<'py>(py: Python<'py>, trains: &SpikeTrains) -> Flat<'py> {
    (
        trains.channels,
        PyArray1::from_slice(py, &trains.offsets),
        PyArray1::from_slice(py, &trains.times),
        PyArray1::from_slice(py, &trains.channel),
    )
}

/// Spike trains as Python has them.
#[derive(FromPyObject)]
struct Trains<'py> {
    n_channels: usize,
    offsets: Bound<'py, PyAny>,
    times: Bound<'py, PyAny>,
    channels: Bound<'py, PyAny>,
}

impl Trains<'_> {
    fn read(&self, argument: &str) -> PyResult<SpikeTrains> {
        let at = |part: &str| format!("{argument}.{part}");
        let trains = SpikeTrains {
            channels: self.n_channels,
            offsets: indices(&at("offsets"), &self.offsets)?,
            times: floats(&at("times"), &self.times)?.to_vec(),
            channel: indices(&at("channels"), &self.channels)?,
        };
        let refused = |error| Failure::input(argument, format!("cannot be used: {error}"));
        Ok(trains.sorted().map_err(refused)?)
    }
}

#[pymethods]
impl DataSet {
    /// Of inputs (points of shape (samples, width), grey images of bytes (samples, rows, columns), or spike trains) and labels, or target spike trains.
    #[new]
    #[pyo3(signature = (inputs, labels, classes, targets=None))]
    fn new(
        inputs: &Bound<'_, PyAny>,
        labels: &Bound<'_, PyAny>,
        classes: Vec<String>,
        targets: Option<Trains<'_>>,
    ) -> PyResult<Self> {
        let inputs = if inputs.hasattr("offsets")? {
            Inputs::Trains(inputs.extract::<Trains<'_>>()?.read("inputs")?)
        } else if let Ok(pixels) = inputs.cast::<numpy::PyArray3<u8>>() {
            let pixels = pixels.readonly();
            let pixels = pixels.as_array();
            let (_, rows, columns) = pixels.dim();
            Inputs::Images { rows, columns, pixels: pixels.iter().copied().collect() }
        } else {
            let points = floats("inputs", inputs)?;
            let [_, width] = *points.shape() else {
                let what = format!(
                    "has the shape {:?}; points have (samples, values), and images of uint8 (samples, rows, columns)",
                    points.shape()
                );
                return Err(Failure::input("inputs", what).into());
            };
            if let Some(k) = points.as_slice().iter().position(|x| !(0.0..=1.0).contains(x)) {
                let what = format!("is {}; values are between 0 and 1", points.as_slice()[k]);
                return Err(
                    Failure::input(format!("inputs[{}][{}]", k / width, k % width), what).into()
                );
            }
            Inputs::Points { width, values: points.to_vec() }
        };
        let targets = targets.map(|targets| targets.read("targets")).transpose()?;
        let labels = indices("labels", labels)?;
        let set = spikegrad_train::DataSet { inputs, labels, classes, targets };
        let refused = |error| Failure::input("data", format!("cannot be used: {error}"));
        set.check().map_err(refused)?;
        Ok(Self(set))
    }

    fn __len__(&self) -> usize {
        self.0.len()
    }

    #[getter]
    fn labels<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray1<usize>> {
        PyArray1::from_slice(py, &self.0.labels)
    }

    #[getter]
    fn classes(&self) -> Vec<String> {
        self.0.classes.clone()
    }

    /// Points or images as an array, or spike trains in parts.
    fn inputs<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let samples = self.0.len();
        Ok(match &self.0.inputs {
            Inputs::Points { width, values } => {
                PyArray1::from_slice(py, values).reshape([samples, *width])?.into_any()
            }
            Inputs::Images { rows, columns, pixels } => {
                PyArray1::from_slice(py, pixels).reshape([samples, *rows, *columns])?.into_any()
            }
            Inputs::Trains(trains) => flat(py, trains).into_pyobject(py)?.into_any(),
        })
    }

    /// Target spike trains in parts, if there are any.
    fn targets<'py>(&self, py: Python<'py>) -> Option<Flat<'py>> {
        self.0.targets.as_ref().map(|targets| flat(py, targets))
    }

    /// Every sample as input spikes: number of channels, offsets, times, channels.
    fn encode<'py>(&self, py: Python<'py>, code: &str, t_end: f64) -> PyResult<Flat<'py>> {
        let encoder: Encoder = read("encoder", code)?;
        let broken = |error| Failure::from(TrainError::from(error));
        encoder.validate(t_end).map_err(broken)?;
        let data = &self.0;
        let coded = py.detach(|| {
            encoder.check(&data.inputs)?;
            let mut trains = SpikeTrains::new(encoder.channels(&data.inputs));
            let mut spikes = Vec::new();
            for k in 0..data.len() {
                encoder.encode(data.input(k), None, t_end, &mut spikes)?;
                trains.times.extend(spikes.iter().map(|spike| spike.time));
                let channel = |spike: &spikegrad::InputSpike| u32::try_from(spike.channel);
                trains.channel.extend(spikes.iter().map(channel).map(Result::unwrap_or_default));
                trains.offsets.push(trains.times.len());
            }
            Ok(trains)
        });
        let coded = coded.map_err(|error: TrainError| Failure::from(error))?;
        Ok(flat(py, &coded))
    }
}

/// A part of a configuration, stated in JSON.
fn read<T: serde::de::DeserializeOwned>(argument: &str, text: &str) -> PyResult<T> {
    let refused = |error: serde_json::Error| {
        let reason = spikegrad::network::wording::json_reason(&error);
        Failure::input(argument, format!("cannot be read: {reason}"))
    };
    Ok(serde_json::from_str(text).map_err(refused)?)
}

/// The three parts of a data set, stated in JSON as in a configuration.
#[pyfunction]
pub(crate) fn load_data(py: Python<'_>, data: &str) -> PyResult<(DataSet, DataSet, DataSet)> {
    let config: DataConfig = read("data", data)?;
    let broken = |error| Failure::from(TrainError::from(error));
    config.validate().map_err(broken)?;
    let splits = py.detach(|| config.load()).map_err(Failure::from)?;
    Ok((DataSet(splits.train), DataSet(splits.validation), DataSet(splits.test)))
}
