//! How to evaluate, as it is said in Python. Not here: what it means (`spikegrad::Settings`).

use crate::errors::Failure;
use pyo3::prelude::*;
use spikegrad::{Engine, Grazing, Settings, WithRespectTo};

/// The settings of keyword arguments.
///
/// # Errors
/// `InputError` that names what cannot be.
pub(crate) fn read(
    grazing: Option<&Bound<'_, PyAny>>,
    max_events: Option<&Bound<'_, PyAny>>,
    engine: &str,
    with_respect_to: WithRespectTo,
) -> PyResult<Settings> {
    let engine = match engine {
        "automatic" => Engine::Automatic,
        "event-loop" => Engine::EventLoop,
        _ => {
            let what = format!("is {engine:?}; it must be \"automatic\" or \"event-loop\"");
            return Err(Failure::input("engine", what).into());
        }
    };
    Ok(Settings {
        engine,
        max_events: max_events.map(count).transpose()?.unwrap_or(spikegrad::DEFAULT_MAX_EVENTS),
        grazing: grazing.map(policy).transpose()?.unwrap_or_default(),
        with_respect_to,
    })
}

fn count(max_events: &Bound<'_, PyAny>) -> PyResult<u64> {
    if let Ok(count) = max_events.extract::<u64>() {
        return Ok(count);
    }
    let what = format!("is {}; it must be a whole number from 0 on", max_events.repr()?);
    Err(Failure::input("max_events", what).into())
}

fn policy(grazing: &Bound<'_, PyAny>) -> PyResult<Grazing> {
    match (grazing.extract::<String>().as_deref(), grazing.extract::<f64>()) {
        (Ok("fail"), _) => Ok(Grazing::Fail),
        (Ok("zero"), _) => Ok(Grazing::Zero),
        (_, Ok(slope)) if slope.is_finite() && slope > 0.0 => Ok(Grazing::Floor(slope)),
        _ => {
            let what = format!(
                "is {}; it must be \"fail\", \"zero\" or a positive slope per second",
                grazing.repr()?
            );
            Err(Failure::input("grazing", what).into())
        }
    }
}
