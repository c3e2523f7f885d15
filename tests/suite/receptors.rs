//! Neurons with several receptors: what a case with a published answer does not show.

use crate::derivatives;
use crate::random_networks::{
    MAX_EVENTS, Plan, Regime, UNDERFLOWING, any_plan, for_all_of, for_many, runaway, undecided,
};
use crate::second_simulator::{Document, follow, potentials};
use crate::support::{
    between_engines, differ_in_maxima, document, here, problem, problems_in, random,
    with_potentials,
};
use crate::tolerance::DUAL;
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;
use serde_json::{Value, json};
use spikegrad::problem::Problem;
use spikegrad::{
    AdjointError, Engine, Error, Evaluator, Measure, Network, NeuronId, ReadoutRequest, Settings,
    SimulateError, Trace, simulate, value_and_grad,
};
use std::cell::Cell;

#[test]
fn the_adjoint_agrees_with_differences_dual_numbers_and_a_symmetric_hessian() {
    for (name, problem) in problems_in(&here("cases/receptors")) {
        derivatives::check(&name, &problem);
    }
}

/// The same problem with two receptors of one time constant at each population, to which connections go by turns.
fn split(plan: &Plan) -> Problem {
    let mut document = serde_json::to_value(plan.document()).unwrap();
    let mut random = plan.random();
    for population in document["network"]["populations"].as_array_mut().unwrap() {
        let tau = population["params"].as_object_mut().unwrap().remove("tau_syn").unwrap();
        population["receptors"] =
            json!([{"name": "one", "tau_syn": tau}, {"name": "two", "tau_syn": tau}]);
        if let Some(i) = population["initial"].as_object_mut().unwrap().remove("i") {
            population["initial"]["i"] = json!([i, 0.0]);
        }
    }
    for connection in document["network"]["connections"].as_array_mut().unwrap() {
        connection["receptor"] = ["one", "two"][random.below(2)].into();
    }
    problem(&document)
}

/// The gradient of a problem that was split, in the places of the problem that it was.
fn joined(mut answer: Value) -> Value {
    for population in answer["gradient"]["network"]["populations"].as_array_mut().unwrap() {
        let receptors = population.as_object_mut().unwrap().remove("receptors").unwrap();
        let [one, two] = [0, 1].map(|k| receptors[k]["tau_syn"].clone());
        population["params"]["tau_syn"] = sum(&one, &two);
        if let Some(i) = population["initial"].as_object_mut().unwrap().remove("i") {
            // What two receptors of one time constant start with has one effect.
            population["initial"]["i"] = i[0].clone();
        }
    }
    answer["gradient"].take()
}

fn sum(a: &Value, b: &Value) -> Value {
    match (a.as_array(), b.as_array()) {
        (Some(a), Some(b)) => a.iter().zip(b).map(|(a, b)| sum(a, b)).collect(),
        _ => (a.as_f64().unwrap() + b.as_f64().unwrap()).into(),
    }
}

/// The numbers of a document by their places.
fn leaves(value: &Value, place: &str, into: &mut Vec<(String, f64)>) {
    match value {
        Value::Object(map) => {
            map.iter().for_each(|(key, value)| leaves(value, &format!("{place}/{key}"), into));
        }
        Value::Array(list) => {
            let all = list.iter().enumerate();
            all.for_each(|(k, value)| leaves(value, &format!("{place}/{k}"), into));
        }
        _ => into.extend(value.as_f64().map(|x| (place.to_owned(), x))),
    }
}

fn sorted(value: &Value) -> Vec<(String, f64)> {
    let mut all = Vec::new();
    leaves(value, "", &mut all);
    all.sort_by(|a, b| a.0.cmp(&b.0));
    all
}

fn order(trace: &Trace) -> Vec<u32> {
    trace.spikes.iter().map(|spike| spike.neuron.0).collect()
}

/// Regimes in which no input comes within doubles of a spike, as for neurons that adapt.
const APART: [Regime; 3] = [Regime::Usual, Regime::NearThreshold, Regime::LongGaps];

#[test]
fn two_receptors_of_one_time_constant_are_one() {
    let settings =
        Settings { engine: Engine::EventLoop, max_events: MAX_EVENTS, ..Settings::default() };
    for_all_of(&APART, any_plan(), |plan, whole| {
        let other = split(plan);
        let loss = &with_potentials(whole);
        let grad = |of: &Problem| {
            let Problem { network, parameters, stimulus, .. } = of;
            value_and_grad(network, parameters, stimulus, loss, &settings)
        };
        let one = match grad(whole) {
            Err(Error::Adjoint(AdjointError::Grazing { .. })) => {
                return Ok(0);
            }
            answer => answer.map_err(runaway)?,
        };
        let two = match grad(&other) {
            Err(Error::Adjoint(AdjointError::Grazing { .. })) => {
                return Ok(0);
            }
            answer => answer.map_err(runaway)?,
        };
        if differ_in_maxima(&one.trace, &two.trace) {
            return Ok(0);
        }
        let bound = match between_engines(whole, &one.trace, &two.trace) {
            Ok(bound) if order(&one.trace) == order(&two.trace) => bound,
            // Where doubles do not decide the order of two events, each may do as it does.
            _ => return Err(undecided(plan, [&one.trace, &two.trace])),
        };
        let a = sorted(&document(whole, &one)["gradient"]);
        let b = sorted(&joined(document(&other, &two)));
        prop_assert_eq!(a.len(), b.len());
        let largest = a.iter().fold(0.0, |largest: f64, (_, a)| largest.max(a.abs()));
        if largest < UNDERFLOWING {
            return Ok(0);
        }
        for ((place, a), (_, b)) in a.iter().zip(&b) {
            let error = (a - b).abs() / largest;
            prop_assert!(error <= bound, "{}: {} {}, {:e}", place, a, b, error);
        }
        Ok(one.trace.spikes.len())
    });
}

/// Networks of each regime that are followed to 100 digits.
const FOLLOWED: [(Regime, u32); 4] = [
    (Regime::Usual, 60),
    (Regime::Coincident, 80),
    (Regime::NearThreshold, 80),
    (Regime::LongGaps, 40),
];

#[test]
fn they_spike_as_the_second_simulator_says() {
    for (regime, cases) in FOLLOWED {
        let spikes = Cell::new(0);
        for_many(regime, cases, any_plan(), |plan, _| {
            let Problem { network, parameters, stimulus, .. } = &split(plan);
            let settings = Settings { max_events: 3000, ..Settings::default() };
            let trace = match simulate(network, parameters, stimulus, &[], &settings) {
                Err(SimulateError::EventBudget { .. } | SimulateError::Zeno { .. }) => {
                    return Ok(0);
                }
                trace => trace.map_err(|error| runaway(error.into()))?,
            };
            let document = serde_json::to_value(plan.document()).unwrap();
            follow(&document, &trace).map_err(TestCaseError::fail)?;
            potentials::check(&Document::read(&document), &trace, &mut plan.random())
                .map_err(TestCaseError::fail)?;
            spikes.set(spikes.get() + trace.spikes.len());
            Ok(trace.spikes.len())
        });
        println!("{regime:?}: {} spikes", spikes.get());
    }
}

#[test]
fn the_maximum_is_the_highest_of_a_dense_scan_and_the_mean_its_average() {
    const SAMPLES: u32 = 4000;
    let mut random = random(7);
    let mut turns = 0;
    for _ in 0..90 {
        let tau = |random: &mut spikegrad_compare::strategies::Random| {
            0.02 * 10f64.powf(3.0 * random.unit() - 2.0)
        };
        let receptors: Vec<(String, f64)> =
            (0..2 + random.below(5)).map(|k| (k.to_string(), tau(&mut random))).collect();
        let count = receptors.len();
        let mut builder =
            Network::builder().inputs(1).li("out", 1).with("tau_mem", tau(&mut random));
        builder = builder.receptors(receptors);
        for k in 0..count {
            let weight = 12.0 * (random.unit() - 0.5);
            builder = builder.dense("input", "out", vec![weight]).receptor(&k.to_string());
        }
        let (network, parameters) = builder.build().unwrap();
        let t_end = 0.05;
        let inputs =
            (0..3).map(|_| spikegrad::InputSpike { channel: 0, time: t_end * random.unit() });
        let stimulus = spikegrad::Stimulus::new(t_end, inputs.collect()).unwrap();
        let read = |measure| ReadoutRequest { neuron: NeuronId::new(0), measure };
        let time = |k: u32| t_end * f64::from(k) / f64::from(SAMPLES);
        let samples = (0..=SAMPLES).map(|k| read(Measure::Sample { time: time(k) }));
        let fading = read(Measure::Weighted { tau: 0.015 });
        let readouts = [read(Measure::Maximum), read(Measure::Mean), fading];
        let readouts: Vec<_> = readouts.into_iter().chain(samples).collect();
        let settings = Settings::default();
        let trace = simulate(&network, &parameters, &stimulus, &readouts, &settings).unwrap();
        let values: Vec<f64> = trace.readouts.iter().map(|readout| readout.value).collect();
        let ([maximum, mean, fading], samples) = values.split_first_chunk().unwrap();
        let highest = samples.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let size = samples.iter().fold(0.0, |size: f64, v| size.max(v.abs()));
        // Samples miss a peak by half a step, and a rate of up to 50 per fastest time constant.
        assert!(
            *maximum >= highest - 1e-14 * size && maximum - highest < 0.02 * size,
            "{maximum} {highest}"
        );
        turns += usize::from(trace.readouts[0].time > 0.0 && trace.readouts[0].time < t_end);
        let average = |weight: &dyn Fn(f64) -> f64| {
            let inner = |k: u32| if k == 0 || k == SAMPLES { 0.5 } else { 1.0 };
            let terms = (0..).zip(samples).map(|(k, v)| inner(k) * v * weight(time(k)));
            terms.sum::<f64>() / f64::from(SAMPLES)
        };
        // The trapezoidal rule, over kinks at three arrivals.
        assert!((mean - average(&|_| 1.0)).abs() < 1e-3 * size, "{mean}");
        assert!((fading - average(&|t| (-t / 0.015).exp())).abs() < 1e-3 * size, "{fading}");
    }
    assert!(turns > 20, "{turns}");
}

/// One neuron with two receptors.
fn two(model: &str) -> Value {
    json!({
        "format": "spikegrad-problem", "version": 1,
        "network": {
            "inputs": 1,
            "populations": [{"name": "out", "size": 1, "model": model,
                "receptors": [{"name": "ampa", "tau_syn": 0.002}, {"name": "gaba", "tau_syn": 0.008}]}],
            "connections": [
                {"from": "input", "to": "out", "receptor": "ampa", "weights": [[20.0]]},
                {"from": "input", "to": "out", "receptor": "gaba", "weights": [[-1.0]]}]
        },
        "stimulus": {"t_end": 0.05, "spikes": [[0, 0.001]]}
    })
}

#[test]
fn what_receptors_cannot_be_is_refused_in_one_sentence() {
    let refused = |change: &dyn Fn(&mut Value), parts: &[&str]| {
        let mut document = two("lif");
        change(&mut document["network"]);
        let error = Problem::from_json(document.to_string().as_bytes()).unwrap_err().to_string();
        assert!(parts.iter().all(|part| error.contains(part)), "{error}");
        assert!(!error.contains('\n'), "{error}");
    };
    let population = |network: &mut Value, key: &str, value: Value| {
        network["populations"][0][key] = value;
    };
    let connection = |network: &mut Value, value: Value| {
        network["connections"][0]["receptor"] = value;
    };
    refused(
        &|n| population(n, "receptors", json!([])),
        &["populations[0]", "0 receptors", "1 to 6"],
    );
    refused(&|n| population(n, "model", json!("qif")), &["populations[0]", "qif", "no receptors"]);
    refused(&|n| population(n, "params", json!({"tau_syn": 0.1})), &["populations[0]", "tau_syn"]);
    refused(&|n| population(n, "initial", json!({"i": 0.5})), &["initial.i", "each receptor"]);
    refused(
        &|n| population(n, "initial", json!({"i": [0.5]})),
        &["initial.i has 1", "2", "receptor"],
    );
    refused(&|n| population(n, "initial", json!({"i": [0, [1, 2]]})), &["initial.i[1]", "2", "1"]);
    refused(&|n| population(n, "initial", json!({"i[0]": 0.5})), &["i[0]"]);
    refused(
        &|n| n["populations"][0]["receptors"][0]["tau_syn"] = json!(-1),
        &["populations[0].receptors[0].tau_syn", "-1.0", "positive"],
    );
    refused(
        &|n| population(n, "receptors", json!([{"name": "ampa"}])),
        &["receptors[0]", "tau_syn"],
    );
    refused(
        &|n| n["populations"][0]["receptors"][1]["name"] = "ampa".into(),
        &["receptors[1].name", "\"ampa\""],
    );
    refused(
        &|n| n["populations"][0]["receptors"][1]["tau_syn"] = json!([0.1, 0.2]),
        &["receptors[1].tau_syn", "2", "1"],
    );
    refused(&|n| connection(n, json!("nmda")), &["connections[0].receptor", "nmda", "gaba"]);
    refused(
        &|n| {
            n["connections"][0].as_object_mut().unwrap().remove("receptor");
        },
        &["connections[0]", "receptor", "\"ampa\", \"gaba\""],
    );
    refused(
        &|n| {
            n["populations"][0].as_object_mut().unwrap().remove("receptors");
        },
        &["connections[0].receptor", "\"ampa\"", "lists no receptors"],
    );
}

#[test]
fn a_single_receptor_is_the_synapse_of_a_plain_neuron() {
    for model in ["lif", "li", "alif"] {
        let mut listed = two(model);
        listed["network"]["populations"][0]["receptors"] = json!([{"name": "a", "tau_syn": 0.004}]);
        listed["network"]["populations"][0]["initial"] = json!({"i": 0.5});
        listed["network"]["connections"] =
            json!([{"from": "input", "to": "out", "weights": [[9.0]]}]);
        let samples =
            json!({"type": "voltage_mse", "population": "out", "samples": [[0, 0.002, 0.1]]});
        let spikes = json!({"type": "spike_time_mse", "population": "out", "targets": [[0.01]]});
        listed["loss"] = if model == "li" { samples } else { spikes };
        let mut plain = listed.clone();
        plain["network"]["populations"][0].as_object_mut().unwrap().remove("receptors");
        plain["network"]["populations"][0]["params"] = json!({"tau_syn": 0.004});
        let [a, b] = [&listed, &plain].map(|of| {
            let problem = problem(of);
            document(&problem, &crate::support::differentiate(&problem))
        });
        assert_eq!(a["spikes"], b["spikes"]);
        let of = |answer: &Value| answer["gradient"]["network"]["populations"][0].clone();
        assert_eq!(of(&a)["receptors"][0]["tau_syn"], of(&b)["params"]["tau_syn"]);
        assert_eq!(of(&a)["initial"], of(&b)["initial"]);
        assert!(of(&a)["params"].as_object().unwrap().is_empty());
    }
}

#[test]
fn a_network_with_receptors_is_swept_and_its_potentials_are_read() {
    let Problem { network, parameters, stimulus, .. } = problem(&two("lif"));
    let evaluator = Evaluator::new(&network, &parameters, Settings::default()).unwrap();
    assert!(evaluator.explanation().is_swept());
    let read = |measure| {
        let readouts = vec![ReadoutRequest { neuron: NeuronId::new(0), measure }];
        simulate(&network, &parameters, &stimulus, &readouts, &Settings::default())
    };
    assert!(read(Measure::Sample { time: 0.01 }).is_ok());
    for measure in [Measure::Maximum, Measure::Mean] {
        assert!(read(measure).is_ok());
    }
}

#[test]
fn a_network_with_receptors_is_stated_as_a_file_and_read_back() {
    for (name, problem) in problems_in(&here("cases/receptors")) {
        let Problem { network, parameters, stimulus, document } = &problem;
        let stated =
            Problem::from_parts(network, parameters, stimulus, document.loss.clone()).unwrap();
        let text = serde_json::to_string(&stated.document).unwrap();
        let again = Problem::from_json(text.as_bytes()).unwrap();
        assert_eq!((&again.network, &again.parameters), (network, parameters), "{name}");
        let text = serde_json::to_string(document).unwrap();
        assert_eq!(Problem::from_json(text.as_bytes()).unwrap().document, *document, "{name}");
    }
}

#[test]
fn arrivals_at_two_receptors_at_one_instant_act_as_one() {
    // Their spikes come at the same bits in whatever order the connections stand, and with a derivative carried along.
    let with = |flipped: bool| {
        let mut document = two("alif");
        if flipped {
            document["network"]["connections"].as_array_mut().unwrap().reverse();
        }
        document["loss"] =
            json!({"type": "spike_time_mse", "population": "out", "targets": [[0.01]]});
        problem(&document)
    };
    let [one, other] = [with(false), with(true)];
    let [a, b] = [&one, &other].map(crate::support::differentiate);
    assert_eq!(a.trace.spikes.len(), 1);
    assert_eq!(a.trace.spikes[0].time.to_bits(), b.trace.spikes[0].time.to_bits());
    let weights = |e: &spikegrad::Evaluation| {
        let all = &e.gradient.parameters.connections;
        [all[0].weights[0], all[1].weights[0]]
    };
    let ([x, y], [z, w]) = (weights(&a), weights(&b));
    assert!((x - w).abs() < DUAL * x.abs() && (y - z).abs() < DUAL * y.abs());
    assert!((x - y).abs() > 0.1 * x.abs(), "the receptors differ");
    derivatives::check_differences("one instant", &one, 3);
}
