//! Fits of networks to spike trains.
//!
//! What happens on the way is told to a function of Python's, one call at a time, from the threads that search; if it raises an exception, that ends the fit. Not here: names of values, and what is
//! made of an answer (`python/spikegrad/_fit.py`).

use crate::arrays::floats;
use crate::compute::together;
use crate::errors::Failure;
use crate::network::{Loss, Network};
use crate::settings;
use crate::trains::Trains;
use numpy::PyArray1;
use pyo3::prelude::*;
use serde_json::{Value, json};
use spikegrad::{AnyLoss, Interrupt, SpikeTimeMse, WithRespectTo};
use spikegrad_fit::{Fit, FitSettings, FittedNeuron, Progress, weights_and_delays};
use std::sync::{Mutex, PoisonError};

/// How a fit goes on and when it ends, as Python states it.
#[derive(FromPyObject)]
pub(crate) struct FitSpec<'py> {
    tolerance: f64,
    one_by_one: bool,
    most_starts: u32,
    seed: u64,
    most_evaluations: u32,
    least_delay: f64,
    max_events: Option<Bound<'py, PyAny>>,
    progress: Option<Py<PyAny>>,
}

fn targets(losses: &[PyRef<'_, Loss>]) -> Result<Vec<SpikeTimeMse>, Failure> {
    let of = |loss: &PyRef<'_, Loss>| match &loss.0 {
        AnyLoss::SpikeTimeMse(targets) => Ok(targets.clone()),
        _ => Err(Failure::input("targets", "must be spike_time_mse losses")),
    };
    losses.iter().map(of).collect()
}

fn neuron(fitted: &FittedNeuron) -> Value {
    let FittedNeuron { neuron, starts, evaluations, largest, is_reached } = fitted;
    json!({
        "neuron": neuron, "starts": starts, "evaluations": evaluations, "largest": largest, "is_reached": is_reached,
    })
}

fn found(fit: &Fit) -> String {
    let Fit { is_reached, largest, missing, surplus, evaluations, steps, .. } = fit;
    let neurons: Vec<Value> = fit.neurons.iter().map(neuron).collect();
    json!({
        "is_reached": is_reached, "largest": largest, "missing": missing, "surplus": surplus,
        "neurons": neurons, "evaluations": evaluations, "steps": steps, "certificate": fit.certificate,
    })
    .to_string()
}

/// Fits the numbers of a network of which `trained` is not 0, or its weights and delays: all numbers as they are found, and what is to be said of them, as JSON.
#[pyfunction]
pub(crate) fn fit<'py>(
    py: Python<'py>,
    network: &Network,
    trained: Option<Bound<'py, PyAny>>,
    trains: &Trains,
    losses: Vec<PyRef<'py, Loss>>,
    spec: FitSpec<'py>,
) -> PyResult<(Bound<'py, PyArray1<f64>>, String)> {
    let [stimulus] = &trains.stimuli[..] else {
        let what = format!("has {} samples; a network is fitted to one", trains.stimuli.len());
        return Err(Failure::input("trains", what).into());
    };
    let trained = match trained {
        None => weights_and_delays(&network.parameters),
        Some(mask) => {
            let mask = network.with_numbers(floats("trained", &mask)?.as_slice())?;
            mask.map(|number| number != 0.0)
        }
    };
    let targets = targets(&losses)?;
    let max_events = spec.max_events.as_ref();
    let run = settings::read(None, max_events, "automatic", WithRespectTo::EVERYTHING)?;
    let FitSpec { tolerance, one_by_one, most_starts, seed, most_evaluations, least_delay, .. } =
        spec;
    #[rustfmt::skip]
    let settings = FitSettings {
        tolerance, one_by_one, most_starts, seed, most_evaluations, least_delay, run,
    };
    let (progress, raised) = (spec.progress, Mutex::new(None));
    let done = together(py, || {
        let interrupt = Interrupt::current();
        let observe = |happened: &Progress| {
            let (Some(progress), Some(sentence)) = (&progress, happened.sentence()) else { return };
            let mut raised = raised.lock().unwrap_or_else(PoisonError::into_inner);
            if raised.is_none()
                && let Err(error) = Python::attach(|py| progress.call1(py, (sentence,)))
            {
                *raised = Some(error);
                interrupt.request();
            }
        };
        let Network { network, parameters } = network;
        spikegrad_fit::fit(network, parameters, &trained, stimulus, &targets, &settings, &observe)
    })?;
    if let Some(error) = raised.into_inner().unwrap_or_else(PoisonError::into_inner) {
        return Err(error);
    }
    let fit = done.map_err(Failure::from)?;
    Ok((PyArray1::from_vec(py, fit.parameters.to_vec()), found(&fit)))
}
