//! What the program writes: the numbers of the library to the last bit, and what options add to them.

use crate::program::{Run, example, one_neuron, repository, spikegrad};
use serde_json::{Value, json};
use spikegrad::problem::{self, Answer, Problem};
use spikegrad::{Settings, value_and_grad};

/// Every number of both has the same bits, and everything else is equal.
fn same_bits(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => {
            a.is_f64() == b.is_f64() && a.as_f64().map(f64::to_bits) == b.as_f64().map(f64::to_bits)
        }
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same_bits(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len()
                && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| same_bits(a, b)))
        }
        _ => a == b,
    }
}

/// What the library says of a problem.
fn of_the_library(text: &str) -> Value {
    let problem = Problem::from_json(text.as_bytes()).unwrap();
    let loss = problem.document.loss.as_ref().unwrap();
    let evaluation = value_and_grad(
        &problem.network,
        &problem.parameters,
        &problem.stimulus,
        loss,
        &Settings::default(),
    )
    .unwrap();
    let certificate = serde_json::to_value(&evaluation.certificate).unwrap();
    let answer = Answer::of_trace(&problem, &evaluation.trace);
    let (loss, gradient) = (evaluation.loss, &evaluation.gradient);
    serde_json::to_value(answer.with_gradient(&problem, loss, gradient, certificate)).unwrap()
}

#[test]
fn every_number_is_read_back_with_the_bits_that_the_library_gave() {
    let cases = std::fs::read_dir(repository("tests/cases")).unwrap();
    let cases = cases.map(|entry| entry.unwrap().path()).filter(|path| {
        let name = path.file_name().unwrap().to_str().unwrap();
        name.ends_with(".json") && !name.ends_with(".expected.json")
    });
    let mut texts: Vec<String> = cases.map(|path| std::fs::read_to_string(path).unwrap()).collect();
    texts.extend([example("two_inputs.json"), example("recurrent.json")]);
    assert!(texts.len() > 10);
    for text in texts {
        let expected = of_the_library(&text);
        let answer = spikegrad(&["gradient", "-"], &text).answer();
        assert!(same_bits(&answer, &expected), "{answer}\n{expected}");
        let spikes = spikegrad(&["simulate", "-"], &text).answer();
        assert!(same_bits(&spikes["spikes"], &expected["spikes"]));
        for key in ["loss", "gradient", "certificate", "times", "voltages"] {
            assert!(spikes.get(key).is_none(), "{key} without being asked for");
        }
    }
}

#[test]
fn the_answer_does_not_depend_on_the_number_of_threads() {
    let with = |threads: &str| {
        spikegrad(&["gradient", "-", "--threads", threads], example("recurrent.json")).stdout
    };
    assert_eq!(with("1"), with("2"));
}

#[test]
fn people_are_told_in_a_few_lines_unless_they_want_quiet() {
    let run = |arguments: &[&str]| -> Run { spikegrad(arguments, example("recurrent.json")) };
    let told = run(&["gradient", "-"]);
    for word in ["hidden: 4 neurons, 23 spikes", "readout: 2 integrators", "loss: 0.486", "slope"] {
        assert!(told.stderr.contains(word), "{}", told.stderr);
    }
    let quiet = run(&["gradient", "-", "--quiet"]);
    assert_eq!((quiet.stdout, quiet.stderr), (told.stdout, String::new()));
    assert!(run(&["simulate", "-"]).stderr.contains("23 spikes"));
    assert_eq!(run(&["--quiet", "simulate", "-"]).stderr, "", "before the command as well");
}

#[test]
fn voltages_are_recorded_beside_the_spikes_and_do_not_move_them() {
    let text = example("two_inputs.json");
    let plain = spikegrad(&["simulate", "-"], &text).answer();
    let mut recorded = spikegrad(&["simulate", "-", "--record", "0.005"], &text).answer();
    assert_eq!(recorded["times"], json!([0.0, 0.005, 0.01, 0.015, 0.02]));
    assert_eq!(recorded["voltages"]["out"]["dt"], 0.005);
    let voltages = recorded["voltages"]["out"]["v"][0].as_array().unwrap().clone();
    assert_eq!(
        (recorded["voltages"]["out"]["v"].as_array().unwrap().len(), voltages.len()),
        (1, 5)
    );
    // V(t) = w tau_syn/(tau_mem − tau_syn) (e^(−t/tau_mem) − e^(−t/tau_syn)), here 1 ms after the second input.
    let response = |t: f64| ((-t / 0.02).exp() - (-t / 0.005).exp()) / 3.0;
    let expected = 5.0 * response(0.005) + 4.0 * response(0.001);
    let error = (voltages[1].as_f64().unwrap() - expected).abs();
    assert!(error < 4.0 * f64::EPSILON, "{error:e}: some roundings of numbers near 1");
    let more = recorded.as_object_mut().unwrap();
    assert!(more.remove("times").is_some() && more.remove("voltages").is_some());
    assert!(same_bits(&recorded, &plain));
}

#[test]
fn a_recording_has_every_neuron_and_both_ends_of_the_run() {
    let answer =
        spikegrad(&["simulate", "-", "--record", "0.025"], example("recurrent.json")).answer();
    assert_eq!(answer["times"], json!([0.0, 0.025, 0.05]));
    for (name, neurons) in [("hidden", 4), ("readout", 2)] {
        let voltages = answer["voltages"][name]["v"].as_array().unwrap();
        assert_eq!(voltages.len(), neurons);
        assert!(voltages.iter().all(|v| v.as_array().unwrap().len() == 3));
    }
    let mut no_time = one_neuron(20.0, &[0.0], json!({}));
    no_time["stimulus"]["t_end"] = json!(0.0);
    let answer = spikegrad(&["simulate", "-", "--record", "1"], no_time.to_string()).answer();
    assert_eq!(answer["voltages"]["out"]["v"], json!([[0.0]]));
}

#[test]
fn the_schema_is_that_of_the_library() {
    let schema = spikegrad(&["schema"], "").answer();
    assert_eq!(schema, problem::schema());
    assert!(schema["properties"]["network"].is_object());
}
