//! The problem file as a whole: what is written is what is read, and whatever is wrong with it is said in one short sentence.
//!
//! Every object, key, word and number of files that have all of them is spoilt in turn. Not here: which file is refused for what
//! (`command_line/refusals.rs`).

use crate::random_networks::{MAX_EVENTS, any_plan, for_all, runaway};
use crate::support::{self, here, read_json};
use proptest::prelude::*;
use serde_json::{Value, json};
use spikegrad::problem::{Answer, Problem};
use spikegrad::{Settings, simulate, value_and_grad};
use std::fmt::Write;

#[test]
fn a_problem_that_is_written_out_is_read_back_as_it_was() {
    for_all(any_plan(), |_, problem| {
        let Problem { network, parameters, stimulus, document } = problem;
        let written = Problem::from_parts(network, parameters, stimulus, document.loss.clone());
        let written = serde_json::to_vec(&written.unwrap().document).unwrap();
        let read = Problem::from_json(&written).unwrap();
        prop_assert_eq!(&read.network, network);
        prop_assert_eq!(&read.parameters, parameters);
        prop_assert_eq!(&read.stimulus, stimulus);
        prop_assert_eq!(&read.document.loss, &document.loss);
        let settings = Settings { max_events: MAX_EVENTS, ..Settings::default() };
        let trace = simulate(network, parameters, stimulus, &[], &settings);
        Ok(trace.map_err(|error| runaway(error.into()))?.spikes.len())
    });
}

/// Files that have every key of the format between them.
fn files() -> Vec<Value> {
    let network = |loss: Value, model: &str| {
        let mut params = json!({
            "tau_mem": 0.02, "tau_syn": [0.005, 0.006], "v_th": 1, "v_reset": 0, "v_leak": 0, "i_bias": [0, 0.1],
            "t_ref": 0.001
        });
        if model == "li" {
            for key in ["v_th", "v_reset", "t_ref"] {
                params.as_object_mut().unwrap().remove(key);
            }
        }
        json!({
            "format": "spikegrad-problem", "version": 1,
            "network": {
                "inputs": 1,
                "populations": [
                    {"name": "out", "size": 2, "model": model, "params": params, "initial": {"v": 0, "i": [0, 0.5]}},
                    {"name": "other", "size": 1, "model": "lif"}
                ],
                "connections": [
                    {"from": "input", "to": "out", "weights": [[5], [4]], "delay": [[0.001], [0.002]]},
                    {"from": "other", "to": "out", "weights": [[5], [4]], "delay": 0.001},
                    {"from": "input", "to": "other", "synapses": [{"pre": 0, "post": 0, "weight": 9, "delay": 0.001}]},
                    {"from": "other", "to": "out", "weights": [5, 4], "weight_of": [1, 0], "delay": [0.001, 0.002]},
                    {"from": "input", "to": "other", "synapses": [{"pre": 0, "post": 0}], "weights": [3], "weight_of": [0]}
                ]
            },
            "stimulus": {"t_end": 0.05, "spikes": [[0, 0.001], [0, 0.004]]},
            "loss": loss
        })
    };
    [
        (json!({"type": "ttfs_cross_entropy", "population": "out", "label": 0, "tau0": 0.01, "tau1": 1, "alpha": 0.1}), "lif"),
        (json!({"type": "relative_spike_time", "population": "out", "label": 0, "margin": 0.001}), "lif"),
        (json!({"type": "spike_time_mse", "population": "out", "targets": [[0.01], []]}), "lif"),
        (json!({"type": "van_rossum", "population": "out", "targets": [[0.01], []], "tau": 0.01}), "lif"),
        (json!({"type": "max_voltage_cross_entropy", "population": "out", "label": 0}), "li"),
        (json!({"type": "mean_voltage_cross_entropy", "population": "out", "label": 0}), "li"),
        (json!({"type": "shaped_voltage_cross_entropy", "population": "out", "label": 0, "tau": 0.01, "scale": 1}), "li"),
        (json!({"type": "voltage_mse", "population": "out", "samples": [[0, 0.01, 0.5]]}), "li"),
    ]
    .map(|(loss, model)| network(loss, model))
    .into()
}

/// The paths of all values below `value`, with it.
fn paths(value: &Value, path: &str, all: &mut Vec<String>) {
    all.push(path.to_owned());
    match value {
        Value::Array(list) => {
            list.iter()
                .enumerate()
                .for_each(|(k, inner)| paths(inner, &format!("{path}/{k}"), all));
        }
        Value::Object(object) => {
            object.iter().for_each(|(key, inner)| paths(inner, &format!("{path}/{key}"), all));
        }
        _ => {}
    }
}

/// Every file with every path into it.
fn places() -> Vec<(Value, String)> {
    let of = |file: Value| {
        let mut all = Vec::new();
        paths(&file, "", &mut all);
        all.into_iter().map(move |path| (file.clone(), path))
    };
    files().into_iter().flat_map(of).collect()
}

/// The text of `value`, in which the key at `twice` stands twice.
fn with_repeated_key(value: &Value, path: &str, twice: &str, text: &mut String) {
    match value {
        Value::Array(list) => {
            text.push('[');
            for (k, inner) in list.iter().enumerate() {
                text.push_str(if k > 0 { "," } else { "" });
                with_repeated_key(inner, &format!("{path}/{k}"), twice, text);
            }
            text.push(']');
        }
        Value::Object(object) => {
            text.push('{');
            for (k, (key, inner)) in object.iter().enumerate() {
                text.push_str(if k > 0 { "," } else { "" });
                let own = format!("{path}/{key}");
                if own == twice {
                    write!(text, "{key:?}:{inner},").unwrap();
                }
                write!(text, "{key:?}:").unwrap();
                with_repeated_key(inner, &own, twice, text);
            }
            text.push('}');
        }
        plain => write!(text, "{plain}").unwrap(),
    }
}

#[test]
fn a_key_that_stands_twice_is_refused_wherever_it_stands() {
    let mut count = 0;
    for (file, path) in places() {
        let (parent, key) = path.rsplit_once('/').unwrap_or_default();
        if path.is_empty() || !file.pointer(parent).unwrap().is_object() {
            continue;
        }
        let mut text = String::new();
        with_repeated_key(&file, "", &path, &mut text);
        let said = Problem::from_json(text.as_bytes()).unwrap_err().to_string();
        assert!(said.contains(&format!("duplicate field `{key}`")), "{path}: {said}");
        count += 1;
    }
    assert!(count > 300, "{count}");
}

/// One sentence, short enough to be read, in words of JSON.
#[track_caller]
fn check_sentence(said: &str, what: &str) {
    // A place, what stands there, what may stand there (which may list all keys of an object), line and column.
    assert!(said.chars().count() < 400, "{what}: {said}");
    assert!(
        !said.chars().any(|letter| letter.is_control() || letter == '\u{2028}'),
        "{what}: {said:?}"
    );
    let digits = said.split(|letter: char| !letter.is_ascii_digit()).map(str::len).max();
    assert!(digits <= Some(20), "{what}: {said}");
    let words = said.split(|letter: char| !(letter.is_alphanumeric() || letter == '_'));
    for word in words {
        let of_rust =
            ["usize", "u64", "u32", "i64", "f64", "struct", "enum", "sequence", "tuple", "map"];
        assert!(!of_rust.contains(&word), "{what}: {said}");
    }
}

#[test]
fn whatever_stands_in_a_wrong_place_is_said_in_one_short_sentence() {
    let long = "9".repeat(301);
    let big: Value = serde_json::from_str(&long).unwrap();
    let name = format!("a\nb\u{1b}[2J\u{2028}{}", "x".repeat(100_000));
    let wrong = [
        json!(null),
        json!(true),
        json!(-1),
        json!(1.5),
        json!(1e300),
        big,
        json!(name),
        json!({}),
        json!([]),
        json!([[]]),
        json!({ name.as_str(): 1 }),
    ];
    let mut refused = 0;
    for (file, path) in places() {
        for value in &wrong {
            let mut spoilt = file.clone();
            *spoilt.pointer_mut(&path).unwrap() = value.clone();
            if let Err(error) = Problem::from_json(spoilt.to_string().as_bytes()) {
                let shown = value.to_string().chars().take(40).collect::<String>();
                check_sentence(&error.to_string(), &format!("{path} = {shown}"));
                refused += 1;
            }
        }
        if let Some(object) = file.pointer(&path).unwrap().as_object() {
            let mut object = object.clone();
            object.insert(name.clone(), json!(1));
            let mut spoilt = file.clone();
            *spoilt.pointer_mut(&path).unwrap() = Value::Object(object);
            let error = Problem::from_json(spoilt.to_string().as_bytes()).unwrap_err().to_string();
            check_sentence(&error, &path);
            assert!(error.contains("a\\nb\\u{1b}[2J\\u{2028}xxx"), "{error}");
            refused += 1;
        }
    }
    assert!(refused > 2000, "{refused}");
}

#[test]
fn a_network_of_many_names_is_refused_in_a_short_sentence() {
    let mut file = read_json(&here("cases/feedforward_100.json"));
    let populations = (0..1000)
        .map(|k| json!({"name": format!("{k}{}", "y".repeat(1000)), "size": 1, "model": "lif"}));
    file["network"]["populations"] = populations.collect();
    let error = Problem::from_json(file.to_string().as_bytes()).unwrap_err().to_string();
    assert!(error.chars().count() < 800 && error.contains("and 992 more"), "{error}");
}

#[test]
fn shared_weights_that_do_not_fit_are_refused_with_their_place() {
    let file = |connection: Value| {
        json!({
            "format": "spikegrad-problem", "version": 1,
            "network": {
                "inputs": 2,
                "populations": [{"name": "out", "size": 2, "model": "lif"}],
                "connections": [connection]
            },
            "stimulus": {"t_end": 0.05, "spikes": []}
        })
    };
    let dense =
        json!({"from": "input", "to": "out", "weights": [5, 4, 3], "weight_of": [1, 0, 0, 1]});
    let sparse = json!({
        "from": "input", "to": "out", "synapses": [{"pre": 0, "post": 1}], "weights": [5], "weight_of": [0]
    });
    // The third weight is used by none.
    for connection in [&dense, &sparse] {
        Problem::from_json(file(connection.clone()).to_string().as_bytes()).unwrap();
    }
    for (connection, key, value, expected) in [
        (
            &dense,
            "weight_of",
            json!([0, 1, 0]),
            "network.connections[0].weight_of has 3 entries; it must have 4, one for each synapse",
        ),
        (
            &dense,
            "weight_of",
            json!([0, 1, 0, 3]),
            "network.connections[0].weight_of[3] is 3, but there are only 3 weights; counting starts at 0",
        ),
        (
            &dense,
            "weights",
            json!([[5, 4], [4, 5]]),
            "network.connections[0].weights must have numbers and no rows, beside weight_of",
        ),
        (
            &dense,
            "weights",
            json!([5, [4, 3]]),
            "network.connections[0].weights: rows and single numbers in one list at line",
        ),
        (
            &dense,
            "weights",
            Value::Null,
            "network.connections[0] must have weights, of which weight_of names one for each synapse",
        ),
        (
            &dense,
            "weight_of",
            Value::Null,
            "network.connections[0].weights must have a row of numbers for each target, or its connection a weight_of",
        ),
        (
            &dense,
            "delay",
            json!([0.001, 0.002]),
            "network.connections[0].delay has 2 entries; it must have 3, one for each weight",
        ),
        (
            &dense,
            "delay",
            json!([0.001, -0.002, 0]),
            "network.connections[0].delay[1] is -0.002; it must be a time in seconds, 0 or more",
        ),
        (
            &sparse,
            "synapses",
            json!([{"pre": 0, "post": 1, "weight": 5}]),
            "network.connections[0].synapses[0] must have neither weight nor delay, which are those of its connection",
        ),
        (
            &sparse,
            "weight_of",
            Value::Null,
            "network.connections[0] must have either weights or synapses",
        ),
    ] {
        let mut connection = connection.clone();
        match value {
            Value::Null => drop(connection.as_object_mut().unwrap().remove(key)),
            value => connection[key] = value,
        }
        let error = Problem::from_json(file(connection).to_string().as_bytes()).unwrap_err();
        assert!(error.to_string().starts_with(expected), "{error}");
    }
}

#[test]
fn an_answer_has_one_derivative_for_each_weight_that_is_shared() {
    let problem = support::problem(&json!({
        "format": "spikegrad-problem", "version": 1,
        "network": {
            "inputs": 2,
            "populations": [{"name": "out", "size": 1, "model": "lif"}],
            "connections": [
                {"from": "input", "to": "out", "weights": [5, 3], "weight_of": [0, 0], "delay": [0.001, 0.002]},
                {
                    "from": "input", "to": "out", "synapses": [{"pre": 0, "post": 0}, {"pre": 1, "post": 0}],
                    "weights": [1], "weight_of": [0, 0], "delay": 0.003
                }
            ]
        },
        "stimulus": {"t_end": 0.02, "spikes": [[0, 0.0], [1, 0.001]]},
        "loss": {"type": "spike_time_mse", "population": "out", "targets": [[0.0047]]}
    }));
    let Problem { network, parameters, stimulus, document } = &problem;
    let loss = document.loss.as_ref().unwrap();
    let found = value_and_grad(network, parameters, stimulus, loss, &Settings::default()).unwrap();
    let answer = Answer::of_trace(&problem, &found.trace);
    let answer = answer.with_gradient(&problem, found.loss, &found.gradient, json!({}));
    let answer = serde_json::to_value(&answer).unwrap();
    let of = &found.gradient.parameters.connections;
    let expected = json!([
        {"weights": of[0].weights, "delay": of[0].delay.as_slice()},
        {"weights": of[1].weights, "delay": of[1].delay.get(0)}
    ]);
    assert_eq!(answer["gradient"]["network"]["connections"], expected);
    assert!(of[0].weights[0] != 0.0 && of[0].weights[1] == 0.0, "{:?}", of[0].weights);
}
