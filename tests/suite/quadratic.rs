//! Quadratic integrate-and-fire neurons: what a case with a published answer does not show.

use crate::derivatives;
use crate::support::{here, problems_in};
use serde_json::json;
use spikegrad::problem::Problem;
use spikegrad::{Settings, value_and_grad};

#[test]
fn the_adjoint_agrees_with_differences_dual_numbers_and_a_symmetric_hessian() {
    for (name, problem) in problems_in(&here("cases/qif")) {
        derivatives::check(&name, &problem);
    }
}

/// A neuron with one input of this weight at 1 ms.
fn one(model: &str, params: serde_json::Value, weight: f64) -> Problem {
    let document = json!({
        "format": "spikegrad-problem", "version": 1,
        "network": {
            "inputs": 1,
            "populations": [{"name": "out", "size": 1, "model": model, "params": params}],
            "connections": [{"from": "input", "to": "out", "weights": [[weight]]}]
        },
        "stimulus": {"t_end": 0.5, "spikes": [[0, 0.001]]},
        "loss": {"type": "spike_time_mse", "population": "out", "targets": [[0.01]]}
    });
    Problem::from_json(document.to_string().as_bytes()).unwrap()
}

fn spikes(problem: &Problem) -> Vec<f64> {
    let Problem { network, parameters, stimulus, document } = problem;
    let loss = document.loss.as_ref().unwrap();
    let run = value_and_grad(network, parameters, stimulus, loss, &Settings::default()).unwrap();
    run.trace.spikes.iter().map(|spike| spike.time).collect()
}

#[test]
fn a_spike_leaves_the_run_to_infinity_and_not_from_its_middle() {
    // tau_mem = 2 tau_syn: the least weight from rest is π²/4, and just above it the spike comes late.
    let weight = |excess: f64| std::f64::consts::PI.powi(2) / 4.0 * (1.0 + excess);
    let late =
        |excess| spikes(&one("qif", json!({"tau_mem": 0.02, "tau_syn": 0.01}), weight(excess)));
    assert_eq!(late(-1e-9), Vec::<f64>::new());
    let (near, nearer) = (late(1e-6)[0], late(1e-9)[0]);
    assert!(near > 0.2 && nearer > near + 0.1, "{near} {nearer}");
}

#[test]
fn an_oscillator_spikes_once_a_period_and_is_kicked_along_its_phase() {
    use std::f64::consts::PI;
    // ω = 1: a period of π time constants, of which half is left at the start.
    let free = spikes(&one("qif_delta", json!({"tau_mem": 0.02}), 0.0));
    assert_eq!(free.len(), 8);
    for (k, time) in (0..).map(f64::from).zip(&free) {
        let expected = 0.02 * PI * (0.5 + k);
        // Each period is rounded.
        assert!((time / expected - 1.0).abs() < (1.0 + k) * f64::EPSILON, "{time} {expected}");
    }
    // V(1 ms) = ½ + tan(1/20); two more is tan of a later phase.
    let kicked = spikes(&one("qif_delta", json!({"tau_mem": 0.02}), 2.0));
    let expected = 0.001 + 0.02 * (0.5 * PI - (2.0 + f64::tan(0.05)).atan());
    assert!((kicked[0] / expected - 1.0).abs() < 8.0 * f64::EPSILON, "{} {expected}", kicked[0]);
}

#[test]
fn an_arrival_within_doubles_of_a_spike_neither_loses_nor_doubles_it() {
    /// The kick moves a phase by 1e-14 of it at most, and each of some eight spikes passes that on.
    const KICKED: f64 = 1e-12;
    for (model, params) in [
        ("qif", json!({"tau_mem": 0.02, "tau_syn": 0.007, "i_bias": 0.7})),
        ("qif", json!({"tau_mem": 0.02, "tau_syn": 0.9, "i_bias": 0.0})),
        ("qif_delta", json!({"tau_mem": 0.02})),
    ] {
        let problem = one(model, params, 6.0);
        let alone = spikes(&problem);
        assert!(alone.len() > 2, "{model}: {}", alone.len());
        let at = alone[1];
        // Without a weight it changes nothing, and one that is tiny next to nothing.
        for weight in ["0", "1e-14", "-1e-14"] {
            for ulps in -40..=40_i64 {
                let time = f64::from_bits(at.to_bits().checked_add_signed(ulps).unwrap());
                let mut document = problem.document.clone();
                document.network.inputs = 2;
                let rows = document.network.connections[0].weights.as_mut().unwrap();
                *rows = serde_json::from_str(&format!("[[6.0, {weight}]]")).unwrap();
                document.stimulus.spikes.push((1, time));
                let found = spikes(&Problem::from_document(document).unwrap());
                assert_eq!(found.len(), alone.len(), "{model}, {weight}, {ulps}: {found:?}");
                for (found, alone) in found.iter().zip(&alone) {
                    assert!((found - alone).abs() < KICKED * alone, "{model}, {weight}, {ulps}");
                }
            }
        }
    }
}
