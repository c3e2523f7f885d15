//! `spikegrad compare`: the files that it leaves, and what it refuses before it has done anything.
//!
//! Not here: whether the methods agree (the suite), what a page looks like (`spikegrad-report`).

use crate::program::{Run, example, one_neuron, repository, spikegrad};
use serde_json::{Value, json};
use std::path::Path;

fn compare(out: &Path, more: &[&str]) -> Run {
    compare_from(out, more, "")
}

fn compare_from(out: &Path, more: &[&str], input: &str) -> Run {
    spikegrad(&[&["compare", "--out", out.to_str().unwrap()], more].concat(), input)
}

/// The numbers that a comparison wrote, after a look at its page.
#[track_caller]
fn written(out: &Path, name: &str) -> Value {
    let page = std::fs::read_to_string(out.join(format!("{name}.html"))).unwrap();
    assert!(page.starts_with("<!DOCTYPE html>") && page.contains("<svg"), "{name}");
    let numbers = std::fs::read_to_string(out.join(format!("{name}.json"))).unwrap();
    serde_json::from_str(&numbers).unwrap()
}

#[test]
fn a_problem_leaves_numbers_and_a_page() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("new/compared");
    let problem = repository("examples/problems/recurrent.json");
    let run = compare(&out, &[problem.to_str().unwrap()]);
    let answer = run.answer();
    assert_eq!(answer[0]["numbers"], json!(out.join("recurrent.json")));
    assert_eq!(answer[0]["page"], json!(out.join("recurrent.html")));
    let numbers = written(&out, "recurrent");
    let engines = numbers["engines"].as_array().unwrap();
    let names: Vec<&str> = engines.iter().map(|of| of["engine"].as_str().unwrap()).collect();
    let expected = ["adjoint", "forward propagation", "saltation matrices", "finite differences"];
    assert_eq!(names, expected);
    for engine in engines {
        // That of finite differences, which are the least exact; and each has a line for people.
        assert!(engine["error"].as_f64().unwrap() < 1e-8, "{engine}");
        let line = format!("{}: ", engine["engine"].as_str().unwrap());
        assert!(run.stderr.lines().any(|said| said.starts_with(&line)), "{}", run.stderr);
    }
    assert_eq!(std::fs::read_dir(&out).unwrap().count(), 2, "nothing else is left");
    assert_eq!(compare(&out, &["--quiet", problem.to_str().unwrap()]).stderr, "");
}

#[test]
fn a_gradient_of_zero_is_compared_and_written() {
    // The neuron hears too little to spike, and a spike that is missing is a constant.
    let folder = tempfile::tempdir().unwrap();
    let mut problem = one_neuron(0.1, &[0.001], json!({}));
    let loss = json!({"type": "ttfs_cross_entropy", "population": "out", "label": 0, "tau0": 0.01, "alpha": 0.1});
    problem["loss"] = loss;
    compare_from(folder.path(), &["-"], &problem.to_string()).answer();
    let numbers = written(folder.path(), "problem");
    for engine in numbers["engines"].as_array().unwrap() {
        assert_eq!(engine["error"].as_f64(), Some(0.0), "{engine}");
    }
    for surrogate in numbers["surrogates"].as_array().unwrap() {
        let reason = surrogate["reason"].as_str().unwrap();
        assert!(reason.contains("the exact gradient is zero"), "{surrogate}");
    }
}

#[test]
fn what_cannot_be_compared_is_refused_and_nothing_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("compared");
    let two_inputs = repository("examples/problems/two_inputs.json");
    let two_inputs = two_inputs.to_str().unwrap();
    let mut without: Value = serde_json::from_str(&example("two_inputs.json")).unwrap();
    assert!(without.as_object_mut().unwrap().remove("loss").is_some());
    let without_loss = folder.path().join("without.json");
    std::fs::write(&without_loss, without.to_string()).unwrap();
    // The one that can be compared stands first, and waits for the other to be read.
    let refuse = |file: &str, status: i32, words: &[&str]| {
        compare(&out, &[two_inputs, file]).fails(status, words);
    };
    refuse(without_loss.to_str().unwrap(), 2, &["without.json", "no loss", "\"loss\""]);
    refuse("missing.json", 1, &["cannot read missing.json"]);
    refuse(two_inputs, 2, &["two_inputs.json", "--out"]);
    let grazing = repository("examples/problems/grazing.json");
    let quiet = ["--quiet", grazing.to_str().unwrap()];
    compare(&out, &quiet).fails(4, &["the gradient does not exist", "grazes"]);
    assert!(!out.exists(), "nothing is written");
}

#[test]
fn a_problem_is_not_written_over_by_its_numbers() {
    let folder = tempfile::tempdir().unwrap();
    let problem = folder.path().join("two_inputs.json");
    std::fs::write(&problem, example("two_inputs.json")).unwrap();
    compare(folder.path(), &[problem.to_str().unwrap()]).fails(2, &["two_inputs.json", "--out"]);
    assert_eq!(std::fs::read_to_string(&problem).unwrap(), example("two_inputs.json"));
}

#[test]
fn options_that_do_not_go_together_are_usage_errors() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("compared");
    let problem = repository("examples/problems/two_inputs.json");
    let problem = problem.to_str().unwrap();
    let usage_errors: [(&[&str], &[&str]); 5] = [
        (&[], &["<PROBLEMS>", "required"]),
        (&[problem, "--study", "conservative"], &["cannot be used with"]),
        (&[problem, "--quick"], &["--quick", "cannot be used with"]),
        (&[problem, "--seed", "1"], &["--seed", "cannot be used with"]),
        (
            &["--study", "kindness"],
            &["kindness", "agreement", "conservative", "cost", "robustness", "stochastic"],
        ),
    ];
    for (arguments, words) in usage_errors {
        let run = compare(&out, arguments);
        assert_eq!((run.status, run.stdout.as_str()), (Some(2), ""), "{run:?}");
        for word in words {
            assert!(run.stderr.contains(word), "no {word} in: {}", run.stderr);
        }
    }
    assert!(!out.exists(), "nothing is written");
}

#[test]
fn a_study_leaves_numbers_and_a_page_and_the_same_for_the_same_seed() {
    let folder = tempfile::tempdir().unwrap();
    let [one, two] = ["one", "two"].map(|name| folder.path().join(name));
    let study = ["--study", "conservative", "--quick", "--seed", "3"];
    compare(&one, &study).answer();
    compare(&two, &[&study[..], &["--threads", "1"]].concat()).answer();
    let numbers = written(&one, "conservative");
    assert_eq!(
        (&numbers["study"], &numbers["seed"], &numbers["quick"]),
        (&json!("conservative"), &json!(3), &json!(true))
    );
    assert!(!numbers["findings"]["spiking"].as_array().unwrap().is_empty());
    assert_eq!(numbers, written(&two, "conservative"));
}
