//! Injected currents against what they must equal: a bias, and a synapse that hardly decays.
//!
//! Not here: neurons of all kinds without currents (`adaptive.rs`, `quadratic.rs`).

use crate::adaptive::agrees;
use crate::random_networks::{driven_plan, mixed_plan};
use crate::support::{Random, random};
use crate::tolerance::{AGREEMENT, DIFFERENCE};
use serde_json::{Value, json};
use spikegrad::problem::Problem;
use spikegrad::{Evaluation, Settings, StepTimes, value_and_grad};
use spikegrad_compare::{Question, check_gradient};

fn evaluate(document: &Value) -> Evaluation {
    let problem = Problem::from_json(document.to_string().as_bytes()).unwrap();
    let Problem { network, parameters, stimulus, document } = &problem;
    let loss = document.loss.as_ref().unwrap();
    value_and_grad(network, parameters, stimulus, loss, &Settings::default()).unwrap()
}

fn assert_near(got: &[f64], expected: &[f64], bound: f64, what: &str) {
    let largest = expected.iter().fold(0.0f64, |largest, x| largest.max(x.abs()));
    assert_eq!(got.len(), expected.len(), "{what}");
    for (k, (got, expected)) in got.iter().zip(expected).enumerate() {
        assert!((got - expected).abs() <= bound * largest, "{what} {k}: {got} {expected}");
    }
}

/// A population of a model that spikes, itself recurrent with delays, and integrators that are read.
fn document(model: &str, mut params: Value, random: &mut Random) -> Value {
    let mut weights = |rows: usize, columns: usize, size: f64| {
        let mut row =
            || (0..columns).map(|_| size * (2.0 * random.unit() - 0.6)).collect::<Vec<_>>();
        json!((0..rows).map(|_| row()).collect::<Vec<_>>())
    };
    let connections = json!([
        {"from": "input", "to": "a", "weights": weights(3, 2, 1.5), "delay": 0.001},
        {"from": "a", "to": "a", "weights": weights(3, 3, 0.5), "delay": 0.0023},
        {"from": "a", "to": "o", "weights": weights(2, 3, 0.8)}
    ]);
    params["tau_mem"] = json!([0.02, 0.015, 0.022]);
    let spikes: Vec<_> = (0..5).map(|k| json!([k % 2, 0.08 * random.unit()])).collect();
    json!({
        "format": "spikegrad-problem", "version": 1,
        "network": {
            "inputs": 2,
            "populations": [
                {"name": "a", "size": 3, "model": model, "params": params},
                {"name": "o", "size": 2, "model": "li", "params": {"tau_mem": 0.02}}
            ],
            "connections": connections
        },
        "stimulus": {"t_end": 0.1, "spikes": spikes},
        "loss": {"type": "mean_voltage_cross_entropy", "population": "o", "label": 0}
    })
}

fn models() -> Vec<(&'static str, Value)> {
    vec![
        ("lif", json!({"t_ref": 0.002, "i_bias": 0.3})),
        ("lif", json!({"i_bias": 0.3})),
        (
            "alif",
            json!({"t_ref": 0.001, "tau_adapt": 0.05, "adapt_threshold": 0.3, "adapt_current": 0.1, "i_bias": 0.2}),
        ),
        ("qif", json!({"i_bias": 0.1})),
        ("qif_delta", json!({"i_bias": 0.5})),
    ]
}

/// The first entry of the parameters' gradient that is called `i_bias`.
fn of_bias(evaluation: &Evaluation) -> Vec<f64> {
    let values = evaluation.gradient.parameters.populations[0].values();
    let mut bias = values.filter(|(quantity, _)| quantity.path == "params.i_bias");
    bias.next().unwrap().1.as_slice().to_vec()
}

#[test]
fn a_current_over_the_whole_run_is_a_bias() {
    for (seed, (model, params)) in (0..).zip(models()) {
        let mut injected = document(model, params, &mut random(seed));
        let mut biased = injected.clone();
        let bias = injected["network"]["populations"][0]["params"]["i_bias"].as_f64().unwrap();
        biased["network"]["populations"][0]["params"]["i_bias"] = json!(bias + 1.1);
        injected["stimulus"]["currents"] = json!([{"to": "a", "times": [0.0], "values": [1.1]}]);
        let (injected, biased) = (evaluate(&injected), evaluate(&biased));
        assert!(biased.trace.spikes.len() > 3, "{model}: {}", biased.trace.spikes.len());
        let times = |e: &Evaluation| e.trace.spikes.iter().map(|s| s.time).collect::<Vec<_>>();
        assert_near(&times(&injected), &times(&biased), AGREEMENT, "times");
        let numbers = |e: &Evaluation| e.gradient.parameters.to_vec();
        assert_near(&numbers(&injected), &numbers(&biased), AGREEMENT, model);
        assert_near(&injected.gradient.currents[0].values, &of_bias(&biased), AGREEMENT, model);
    }
}

/// Loses 1e-13 of itself within the run.
const SLOW: f64 = 1e12;

/// What a slow synapse loses, over some ten spikes that magnify it.
const FADED: f64 = 1e-11;

/// A synapse that hardly decays hears each step as a spike: weights are changes, input times the times of steps. None of the code of currents is there.
#[test]
fn steps_are_arrivals_at_a_synapse_that_hardly_decays() {
    for (seed, (model, params)) in (10..).zip(models().into_iter().take(3)) {
        let mut random = random(seed);
        let bare = document(model, params, &mut random);
        let times: Vec<f64> = (0..9).map(|k| 0.01 * f64::from(k) + 0.008 * random.unit()).collect();
        let values: Vec<f64> = (0..9).map(|_| 2.2 * random.unit()).collect();
        let mut injected = bare.clone();
        injected["stimulus"]["currents"] = json!([{"to": "a", "times": times, "values": values}]);
        let mut heard = bare.clone();
        let population = &mut heard["network"]["populations"][0];
        population["receptors"] =
            json!([{"name": "fast", "tau_syn": 0.005}, {"name": "slow", "tau_syn": SLOW}]);
        heard["network"]["inputs"] = json!(2 + times.len());
        for k in 0..2 {
            heard["network"]["connections"][k]["receptor"] = json!("fast");
        }
        // Channels of their own, so that each change is a weight of its own.
        let mut last = 0.0;
        let changes: Vec<f64> =
            values.iter().map(|&value| value - std::mem::replace(&mut last, value)).collect();
        let synapses: Vec<_> = (0..times.len())
            .flat_map(|k| (0..3).map(move |post| (k, post)))
            .map(|(k, post)| json!({"pre": k + 2, "post": post, "weight": changes[k]}))
            .collect();
        // The dense connection must not hear them.
        let dense = heard["network"]["connections"][0]["weights"].as_array_mut().unwrap();
        for row in dense {
            row.as_array_mut().unwrap().extend(vec![json!(0.0); times.len()]);
        }
        let list = heard["network"]["connections"].as_array_mut().unwrap();
        list.push(json!({"from": "input", "to": "a", "receptor": "slow", "synapses": synapses}));
        let spikes = heard["stimulus"]["spikes"].as_array_mut().unwrap();
        spikes.extend(times.iter().enumerate().map(|(k, time)| json!([k + 2, time])));

        let (injected, heard) = (evaluate(&injected), evaluate(&heard));
        assert!(injected.trace.spikes.len() > 3, "{model}: {}", injected.trace.spikes.len());
        let of = |e: &Evaluation| e.trace.spikes.iter().map(|s| s.time).collect::<Vec<_>>();
        assert_near(&of(&injected), &of(&heard), FADED, "times");
        let current = &injected.gradient.currents[0];
        let StepTimes::Each(by_times) = &current.times else { panic!("listed") };
        assert_near(by_times, &heard.gradient.input_times[5..], FADED, "times of steps");
        // A value is a change at its step, and the opposite one at the next.
        let by_changes: Vec<f64> = heard.gradient.parameters.connections[3]
            .weights
            .chunks(3)
            .map(|of_step| of_step.iter().sum())
            .collect();
        let by_values: Vec<f64> = (0..values.len())
            .map(|k| by_changes[k] - by_changes.get(k + 1).copied().unwrap_or(0.0))
            .collect();
        assert_near(&current.values, &by_values, FADED, "values");
    }
}

#[test]
fn currents_add_up_and_every_number_is_differentiated() {
    for (seed, (model, params)) in (20..).zip(models()) {
        let mut random = random(seed);
        let mut document = document(model, params, &mut random);
        let noise: Vec<f64> = (0..40).map(|_| 2.5 * random.unit()).collect();
        document["stimulus"]["currents"] = json!([
            {"to": "a", "start": 0.0013, "interval": 0.0021, "values": noise},
            {"to": "a", "neurons": [0, 2], "times": [0.01, 0.07], "values": [0.7, -0.2]},
            {"to": "o", "neurons": [1], "times": [0.02, 0.05], "values": [0.4, -0.3]}
        ]);
        for read in ["mean", "max"] {
            document["loss"]["type"] = json!(format!("{read}_voltage_cross_entropy"));
            let problem = Problem::from_json(document.to_string().as_bytes()).unwrap();
            let Problem { network, parameters, stimulus, document } = &problem;
            let loss = document.loss.as_ref().unwrap();
            let settings = Settings::default();
            let question = Question { network, parameters, stimulus, loss, settings };
            let check = check_gradient(&question, DIFFERENCE).unwrap();
            let (compared, missing) = (check.agreement.compared(), check.agreement.missing);
            assert!(compared > 4 * missing, "{model} {read}: {compared} {missing}");
        }
    }
}

#[test]
fn on_random_networks_with_currents_the_adjoint_agrees_with_dual_numbers_and_differences() {
    agrees(driven_plan());
}

#[test]
fn on_random_networks_of_all_models_the_adjoint_agrees_with_dual_numbers_and_differences() {
    agrees(mixed_plan());
}

/// What is said of a problem with this current.
fn refusal(model: &str, current: &Value) -> String {
    let mut document = document(model, json!({}), &mut random(0));
    document["stimulus"]["currents"] = json!([current]);
    Problem::from_json(document.to_string().as_bytes()).unwrap_err().to_string()
}

#[test]
fn a_current_that_is_none_is_refused_with_its_place() {
    for (current, place) in [
        (json!({"to": "b", "times": [0.0], "values": [1.0]}), "stimulus.currents[0].to"),
        (json!({"to": "a", "values": [1.0]}), "stimulus.currents[0]"),
        (
            json!({"to": "a", "times": [0.0], "interval": 0.1, "values": [1.0]}),
            "stimulus.currents[0]",
        ),
        (json!({"to": "a", "times": [0.0, 0.1], "values": [1.0]}), "stimulus.currents[0].values"),
        (
            json!({"to": "a", "times": [0.1, 0.1], "values": [1.0, 2.0]}),
            "stimulus.currents[0].times[1]",
        ),
        (json!({"to": "a", "times": [-0.1], "values": [1.0]}), "stimulus.currents[0].times[0]"),
        (
            json!({"to": "a", "interval": 0.0, "values": [1.0, 2.0]}),
            "stimulus.currents[0].interval",
        ),
        // Too short to be seen beside the start.
        (
            json!({"to": "a", "start": 1.0, "interval": 1e-20, "values": [1.0, 2.0]}),
            "stimulus.currents[0].interval",
        ),
        (
            json!({"to": "a", "neurons": [3], "times": [0.0], "values": [1.0]}),
            "stimulus.currents[0].neurons[0]",
        ),
        (
            json!({"to": "a", "neurons": [1, 1], "times": [0.0], "values": [1.0]}),
            "stimulus.currents[0].neurons",
        ),
    ] {
        let said = refusal("lif", &current);
        assert!(said.contains(place), "{current}: {said}");
    }
}

#[test]
fn spikes_after_the_run_are_refused_where_a_current_is_injected() {
    let mut document = document("qif", json!({"i_bias": 1.0}), &mut random(0));
    document["stimulus"]["currents"] = json!([{"to": "a", "times": [0.0], "values": [0.1]}]);
    document["loss"] = json!({
        "type": "spike_time_mse", "population": "a", "targets": [[0.2], [], []], "pseudospikes": true
    });
    let Problem { network, parameters, stimulus, document } =
        Problem::from_json(document.to_string().as_bytes()).unwrap();
    let loss = document.loss.as_ref().unwrap();
    let settings = Settings::default();
    let said = value_and_grad(&network, &parameters, &stimulus, loss, &settings).unwrap_err();
    assert!(said.to_string().contains("a[0]"), "{said}");
}
