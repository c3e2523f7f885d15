//! The catalogue of hard cases: one test a row, named after it; the letter is the file.
//!
//! Unless said, a neuron has `tau_mem` 20, `tau_syn` 5, `t_ref` 1, threshold 1 and reset 0, with times in milliseconds:
//! the engine has no unit of its own. Expected numbers come from closed forms, from the scripts in `tests/data`, or from an
//! independent event-driven solver in 100-digit arithmetic that shares no code with the engine (marked "100 digits").

mod crossing;
mod gradients;
mod numbers;
mod refractory;
mod simultaneity;
mod time_constants;
mod trials;

use crate::support::one_neuron;
use serde_json::{Value, json};

/// The usual neuron of the catalogue, with one input.
fn usual(weight: f64, spikes: &[f64], t_end: f64) -> Value {
    with(json!({}), weight, spikes, t_end)
}

/// The usual neuron with some parameters changed.
fn with(changes: Value, weight: f64, spikes: &[f64], t_end: f64) -> Value {
    let mut params = json!({"tau_mem": 20.0, "tau_syn": 5.0, "t_ref": 1.0});
    for (name, value) in changes.as_object().unwrap() {
        params[name] = value.clone();
    }
    let spikes: Vec<(usize, f64)> = spikes.iter().map(|&t| (0, t)).collect();
    one_neuron(params, &[weight], &spikes, t_end)
}

/// Sets the state at time 0.
fn starting(mut document: Value, v: f64, i: f64) -> Value {
    document["network"]["populations"][0]["initial"] = json!({"v": v, "i": i});
    document
}

/// A derivative of an answer document by a parameter of the first population.
fn by(answer: &Value, parameter: &str) -> f64 {
    crate::support::at_path(answer, &format!("network/populations/0/params/{parameter}"))
}

/// The derivative of an answer document by the first weight of a connection.
fn by_weight(answer: &Value, connection: usize) -> f64 {
    crate::support::at_path(answer, &format!("network/connections/{connection}/weights/0/0"))
}
