//! Samples of a training run, asked as problems are.

use crate::program::{repository, spikegrad};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A run of one epoch with few neurons.
fn trained() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("a run");
    let small = ["layers.0.size=12", "layers.1.weights.mean=3", "batch_size=50", "average=0.9"];
    let mut arguments =
        vec!["train", "yin-yang", "--quiet", "--epochs", "1", "--out", out.to_str().unwrap()];
    arguments.extend(small.iter().flat_map(|setting| ["--set", setting]));
    spikegrad(&arguments, "").answer();
    (folder, out)
}

#[track_caller]
fn ask(command: &str, run: &Path, more: &[&str]) -> crate::program::Run {
    spikegrad(&[&[command, run.to_str().unwrap()], more].concat(), "")
}

#[test]
fn a_sample_is_asked_as_its_problem_is() {
    let (folder, out) = trained();
    let problem = folder.path().join("problem.json");
    let figure = folder.path().join("sample.svg");
    ask("export", &out, &["--sample", "17", "-o", problem.to_str().unwrap()]);
    let text = std::fs::read_to_string(&problem).unwrap();
    let document: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(document["network"]["populations"][0]["size"], 12);
    assert_eq!(document["loss"]["type"], "ttfs_cross_entropy");
    for command in ["simulate", "gradient"] {
        let of_the_file = spikegrad(&[command, problem.to_str().unwrap()], "").answer();
        assert_eq!(ask(command, &out, &["--sample", "17"]).answer(), of_the_file);
    }
    ask("simulate", &out, &["--sample", "17", "--plot", figure.to_str().unwrap()]).answer();
    assert!(std::fs::read_to_string(&figure).unwrap().contains("hidden"));

    let compared = folder.path().join("compared");
    let answer =
        ask("compare", &out, &["--sample", "17", "--out", compared.to_str().unwrap()]).answer();
    assert_eq!(answer[0]["page"], json!(compared.join("a run-test-17.html")));
    let numbers = std::fs::read_to_string(compared.join("a run-test-17.json")).unwrap();
    let numbers: Value = serde_json::from_str(&numbers).unwrap();
    for engine in numbers["engines"].as_array().unwrap() {
        // That of finite differences, which are the least exact.
        assert!(engine["error"].as_f64().unwrap() < 1e-8, "{engine}");
    }
}

#[test]
fn the_network_is_written_as_a_problem_and_for_other_tools() {
    let (folder, out) = trained();
    let nir = folder.path().join("network.nir").to_str().unwrap().to_owned();
    let network = ask("export", &out, &[]).answer();
    let sample = ask("export", &out, &["--sample", "17"]).answer();
    // The average of the parameters, as the samples have it.
    assert_eq!(network["network"], sample["network"]);
    assert_eq!(network["stimulus"], json!({"t_end": sample["stimulus"]["t_end"], "spikes": []}));
    assert_eq!(network.get("loss"), None);

    for (options, rounding) in
        [(&[][..], 0.0), (&["--convention", "discrete", "--dt", "1e-4"][..], 1e-14)]
    {
        let written = ask("export", &out, &[&["-o", &nir][..], options].concat());
        assert_eq!((written.status, written.stdout.as_str()), (Some(0), ""), "{written:?}");
        let mut read = spikegrad(&["convert", &nir], "").answer();
        read["stimulus"] = sample["stimulus"].clone();
        let spikes = |problem: &Value| {
            let spikes = spikegrad(&["simulate", "-"], problem.to_string()).answer();
            let flat = |name: &str| spikes["spikes"][name].as_array().unwrap().clone();
            [flat("hidden"), flat("output")].concat()
        };
        let (found, expected) = (spikes(&read), spikes(&sample));
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(&expected) {
            assert_eq!(found[0], expected[0]);
            let [found, expected] = [found, expected].map(|spike| spike[1].as_f64().unwrap());
            assert!((found - expected).abs() <= rounding, "{found} {expected}");
        }
    }
}

#[test]
fn the_samples_of_a_whole_set_are_written_on_lines_and_read_again() {
    let (folder, out) = trained();
    let file = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    ask("export", &out, &["--sample", "0..3,999", "--quiet", "-o", &file("samples.jsonl")]);
    let lines = |text: &str| -> Vec<Value> {
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let exported = std::fs::read_to_string(file("samples.jsonl")).unwrap();
    assert_eq!(lines(&exported).len(), 4);
    let read = lines(&spikegrad(&["gradient", &file("samples.jsonl")], "").stdout);
    let asked = lines(&ask("gradient", &out, &["--sample", "0..3,999"]).stdout);
    for ((read, asked), sample) in read.iter().zip(&asked).zip([0, 1, 2, 999]) {
        assert_eq!((&asked["split"], &asked["sample"]), (&json!("test"), &json!(sample)));
        for key in ["loss", "spikes", "gradient"] {
            assert_eq!(read[key], asked[key]);
        }
    }
    let all = ask(
        "simulate",
        &out,
        &["--sample", "all", "--split", "validation", "-o", &file("spikes.jsonl")],
    );
    assert_eq!(all.status, Some(0), "{all:?}");
    let all = lines(&std::fs::read_to_string(file("spikes.jsonl")).unwrap());
    assert_eq!(all.len(), 1000);
    assert_eq!((&all[999]["split"], &all[999]["sample"]), (&json!("validation"), &json!(999)));
    let one = ask("export", &out, &["--sample", "5", "--split", "train"]).answer();
    assert_ne!(one["stimulus"], ask("export", &out, &["--sample", "5"]).answer()["stimulus"]);
}

#[test]
fn what_is_no_sample_is_refused() {
    let (folder, out) = trained();
    let refuse = |command: &str, more: &[&str], status: i32, words: &[&str]| {
        ask(command, &out, more).fails(status, words);
    };
    let beyond = ["there is no test sample 1000", "the test set has 1000 samples, counted from 0"];
    for command in ["simulate", "gradient", "compare", "export"] {
        refuse(command, &["--sample", "1000"], 2, &beyond);
        refuse(command, &["--sample", "0..18446744073709551615"], 2, &beyond);
        let run = ask(command, &out, &["--sample", "-1"]);
        assert_eq!((run.status, run.stdout.as_str()), (Some(2), ""));
        let nowhere = folder.path().join("nowhere");
        ask(command, &nowhere, &["--sample", "1"]).fails(2, &["there is no run in"]);
    }
    for command in ["simulate", "gradient", "compare"] {
        refuse(command, &[], 1, &["it is a folder", "--sample"]);
    }
    let nir = folder.path().join("network.nir").to_str().unwrap().to_owned();
    refuse("export", &["--convention", "continuous"], 2, &["-o network.nir"]);
    refuse("export", &["--dt", "1e-4", "-o", "network.json"], 2, &["-o network.nir"]);
    refuse("export", &["-o", &nir, "--dt", "1e-4"], 2, &["--convention discrete"]);
    refuse("export", &["-o", &nir, "--sample", "1"], 2, &["leave out --sample"]);
    refuse("export", &["--best", "--sample", "1"], 2, &["leave one out"]);
    refuse("export", &["--best"], 2, &["no best epoch"]);
    assert!(!PathBuf::from(nir).exists());
    refuse("gradient", &["--sample", "1", "--data", "x"], 2, &["generated"]);
    let file = repository("examples/problems/recurrent.json");
    ask("gradient", &file, &["--sample", "1"]).fails(2, &["there is no run in"]);
    spikegrad(&["compare", "--study", "conservative", "--sample", "1"], "")
        .fails(2, &["--sample", "study"]);
}
