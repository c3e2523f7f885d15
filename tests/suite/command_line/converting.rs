//! NIR files: there and back with the same spikes, and what is refused.

use crate::program::{example, repository, spikegrad};
use serde_json::{Value, json};

/// Without the input of the problem nothing spikes: it is put back.
fn spikes(problem: &Value, stimulus: &Value) -> Value {
    let mut problem = problem.clone();
    problem["stimulus"] = stimulus.clone();
    spikegrad(&["simulate", "-"], problem.to_string()).answer()["spikes"].take()
}

#[test]
fn a_network_comes_back_with_its_spikes_by_either_convention() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("network.nir");
    let nir = file.to_str().unwrap();
    let problem = repository("examples/problems/two_inputs.json");
    let original: Value = serde_json::from_str(&example("two_inputs.json")).unwrap();
    let stimulus = &original["stimulus"];
    let expected = spikes(&original, stimulus);
    for (options, said, close) in [
        (&[][..], "Dirac pulses", 0.0),
        (&["--convention", "discrete", "--dt", "1e-4"][..], "carries a step of 0.0001 s", 1e-15),
    ] {
        let mut arguments = vec!["convert", problem.to_str().unwrap(), "-o", nir];
        arguments.extend(options);
        let written = spikegrad(&arguments, "");
        assert_eq!((written.status, written.stdout.as_str()), (Some(0), ""), "{written:?}");
        let read = spikegrad(&["convert", nir, "--t-end", "0.02"], "");
        assert!(read.stderr.contains(said), "{}", read.stderr);
        let read = read.answer();
        assert_eq!(read["stimulus"], json!({"t_end": 0.02, "spikes": []}));
        let found = spikes(&read, stimulus);
        let time = |spikes: &Value| spikes["out"][0][1].as_f64().unwrap();
        assert!((time(&found) - time(&expected)).abs() <= close, "{found} {expected}");
    }
}

#[test]
fn options_and_files_that_do_not_fit_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let problem = repository("examples/problems/two_inputs.json");
    let (problem, nir) = (problem.to_str().unwrap(), at("network.nir"));
    let refuse = |arguments: &[&str], status, words: &[&str]| {
        spikegrad(&[&["convert"], arguments].concat(), "").fails(status, words);
    };
    refuse(&[problem], 2, &["--output"]);
    refuse(&[problem, "-o", &nir, "--convention", "discrete"], 2, &["--dt"]);
    refuse(&[problem, "-o", &nir, "--dt", "1e-4"], 2, &["--convention discrete"]);
    refuse(&[&nir], 1, &["cannot read", "network.nir"]);
    std::fs::write(&nir, "not HDF5").unwrap();
    refuse(&[&nir], 2, &["network.nir", "HDF5"]);
    refuse(&[&nir, "--convention", "continuous"], 2, &["--convention"]);
    let text = example("two_inputs.json").replace("\"lif\"", "\"qif\"");
    std::fs::write(at("qif.json"), text).unwrap();
    refuse(&[&at("qif.json"), "-o", &nir], 2, &["qif.json", "population out"]);
}
