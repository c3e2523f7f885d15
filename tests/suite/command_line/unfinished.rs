//! Valid problems without an answer: a simulation that cannot finish (status 3), a gradient that does not exist (status 4).
//! And problems at the edge that do have one.

use crate::program::{example, one_neuron, spikegrad};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

#[track_caller]
fn fails(problem: &Value, options: &[&str], status: i32, words: &[&str]) {
    let start = Instant::now();
    let arguments = [&["gradient", "-"], options].concat();
    spikegrad(&arguments, problem.to_string()).fails(status, words);
    assert!(start.elapsed() < Duration::from_secs(20), "a failure comes soon");
}

/// A neuron that hears itself.
fn runaway(delay: f64) -> Value {
    let mut problem = one_neuron(30.0, &[0.001], json!({}));
    let loop_ = json!({"from": "out", "to": "out", "weights": [[30]], "delay": delay});
    problem["network"]["connections"].as_array_mut().unwrap().push(loop_);
    problem
}

#[test]
fn a_network_that_runs_away_meets_its_budget() {
    for delay in [0.0, 1e-4] {
        fails(
            &runaway(delay),
            &["--max-events", "1000"],
            3,
            &["1000 events", "0.05 s", "--max-events"],
        );
    }
    fails(
        &one_neuron(1e10, &[0.002], json!({})),
        &["--max-events", "100000"],
        3,
        &["100000 events"],
    );
    let default = spikegrad(&["simulate", "-"], runaway(1e-4).to_string());
    default.fails(3, &["10000000 events"]);
    let file = example("recurrent.json");
    spikegrad(&["simulate", "-", "--max-events", "0"], &file).fails(3, &["0 events"]);
    spikegrad(&["simulate", "-", "--max-events", "18446744073709551615"], &file).answer();
}

#[test]
fn time_that_cannot_advance_is_an_error() {
    for weight in [1e20, 1e154, 1e300] {
        fails(&one_neuron(weight, &[0.002], json!({})), &[], 3, &["out[0]", "0.002"]);
    }
}

#[test]
fn a_state_that_overflows_is_an_error_that_names_the_neuron() {
    for weight in [1e308, -1e308] {
        let twice = one_neuron(weight, &[0.002, 0.002], json!({}));
        fails(&twice, &[], 3, &["out[0]", "0.002", "not finite"]);
    }
    let twice = one_neuron(1e308, &[0.002, 0.002], json!({}));
    spikegrad(&["simulate", "-"], twice.to_string()).fails(3, &["out[0]", "not finite"]);
}

#[test]
fn one_input_of_the_largest_weights_is_an_error() {
    fails(&one_neuron(1e308, &[0.002], json!({})), &[], 3, &["out[0]", "0.002"]);
}

#[test]
fn a_resting_potential_outside_the_range_is_not_written_as_a_number() {
    let mut problem = one_neuron(1.0, &[], json!({"v_leak": 1.7e308, "i_bias": 1.7e308}));
    problem["network"]["populations"][0]["model"] = json!("li");
    problem["loss"] = Value::Null;
    problem.as_object_mut().unwrap().remove("loss");
    let arguments = ["simulate", "-", "--record", "0.01"];
    spikegrad(&arguments, problem.to_string()).fails(3, &["out[0]", "not finite"]);
}

#[test]
fn a_potential_that_only_touches_its_threshold_has_no_gradient() {
    // With tau_mem = 2 tau_syn the peak of a response is a quarter of the weight, ln 2 · tau_mem after the arrival.
    let touch = one_neuron(4.0, &[0.0], json!({"tau_mem": 0.02, "tau_syn": 0.01}));
    fails(&touch, &[], 4, &["out[0]", "0.01386294361", "--grazing"]);
    fails(&touch, &["--grazing", "fail"], 4, &["out[0]", "0.01386294361"]);
    for policy in ["zero", "floor=0.001"] {
        let run = spikegrad(&["gradient", "-", "--quiet", "--grazing", policy], touch.to_string());
        assert_eq!(run.answer()["certificate"]["inexact"], 1);
        assert!(
            run.stderr.starts_with("warning: ") && run.stderr.contains("1 grazing"),
            "{}",
            run.stderr
        );
        assert_eq!(run.stderr.lines().count(), 1, "{}", run.stderr);
    }
    spikegrad(&["simulate", "-"], touch.to_string()).answer();
    let hair_below =
        one_neuron(3.999_999_999_999_999_6, &[0.0], json!({"tau_mem": 0.02, "tau_syn": 0.01}));
    let run = spikegrad(&["gradient", "-", "--quiet"], hair_below.to_string());
    assert_eq!(
        (run.answer()["certificate"]["touches"].clone(), run.stderr.as_str()),
        (json!(0), "")
    );
}

#[test]
fn a_loss_that_overflows_has_no_gradient() {
    let mut problem = one_neuron(20.0, &[0.002], json!({}));
    problem["loss"]["targets"] = json!([[1e200]]);
    fails(&problem, &[], 4, &["not finite"]);
}

#[test]
fn a_gradient_that_overflows_only_in_a_sum_is_not_written() {
    // Neurons at the scale of 1e-160 share their threshold: each derivative is finite, their sum is not.
    let scale = 1e-160;
    let gradient = |neurons: usize| {
        let mut problem = one_neuron(0.0, &[0.0], json!({"v_th": scale}));
        problem["network"]["populations"][0]["size"] = json!(neurons);
        problem["network"]["connections"][0]["weights"] = json!(vec![[20.0 * scale]; neurons]);
        problem["loss"]["targets"] = json!(vec![[7e148]; neurons]);
        spikegrad(&["gradient", "-"], problem.to_string())
    };
    let params = &gradient(1).answer()["gradient"]["network"]["populations"][0]["params"];
    let derivative = params["v_th"].as_f64().unwrap();
    assert!(derivative.abs() > 1e305, "{derivative:e}");
    gradient(2000).fails(4, &[]);
}

#[test]
fn what_is_extreme_but_valid_has_an_answer() {
    for weight in [5e-324, 2e-324, -0.0, -1e300] {
        let answer =
            spikegrad(&["gradient", "-"], one_neuron(weight, &[0.002], json!({})).to_string())
                .answer();
        assert_eq!(answer["spikes"]["out"], json!([]));
    }
    let refractory = one_neuron(1e10, &[0.002], json!({"t_ref": 0.001}));
    let answer = spikegrad(&["gradient", "-"], refractory.to_string()).answer();
    assert_eq!(answer["spikes"]["out"].as_array().unwrap().len(), 48, "one each millisecond");
    let late = one_neuron(20.0, &[1e300], json!({}));
    assert_eq!(
        spikegrad(&["gradient", "-"], late.to_string()).answer()["spikes"]["out"],
        json!([])
    );
}

#[test]
fn what_is_empty_has_an_empty_answer() {
    let problem = |inputs: u64, populations: Value, connections: Value, t_end: f64| {
        json!({
            "format": "spikegrad-problem", "version": 1,
            "network": {"inputs": inputs, "populations": populations, "connections": connections},
            "stimulus": {"t_end": t_end, "spikes": []},
        })
    };
    let lif = |size: u64| json!([{"name": "out", "size": size, "model": "lif"}]);
    let none = json!([]);
    let without_targets = json!([{"from": "input", "to": "out", "weights": []}]);
    let without_sources = json!([{"from": "input", "to": "out", "weights": [[]]}]);
    for (problem, spikes) in [
        (problem(0, none.clone(), none.clone(), 0.0), json!({})),
        (problem(0, lif(1), none.clone(), 0.05), json!({"out": []})),
        (problem(1, lif(0), without_targets, 0.05), json!({"out": []})),
        (problem(0, lif(1), without_sources, 0.0), json!({"out": []})),
        (problem(0, lif(1_000_000), none, 0.05), json!({"out": []})),
    ] {
        assert_eq!(spikegrad(&["simulate", "-"], problem.to_string()).answer()["spikes"], spikes);
    }
}
