//! Fits of problems: the answer is a problem whose neurons spike in time, and what is refused.

use crate::program::{example, repository, spikegrad};
use serde_json::Value;

#[test]
fn a_fitted_problem_spikes_at_its_targets() {
    let problem = repository("examples/problems/two_inputs.json");
    for also in [&[][..], &["--also", "tau_mem"]] {
        let mut arguments = vec!["fit", problem.to_str().unwrap()];
        arguments.extend(also);
        let fit = spikegrad(&arguments, "");
        assert!(fit.stderr.contains("reached: 1 spike"), "{}", fit.stderr);
        let fitted = fit.answer();
        let original: Value = serde_json::from_str(&example("two_inputs.json")).unwrap();
        assert_eq!(fitted["stimulus"], original["stimulus"]);
        assert_eq!(fitted["loss"], original["loss"]);
        assert_ne!(
            fitted["network"]["connections"][0]["weights"],
            original["network"]["connections"][0]["weights"]
        );
        let spikes = spikegrad(&["simulate", "-"], fitted.to_string()).answer();
        let time = spikes["spikes"]["out"][0][1].as_f64().unwrap();
        assert!((time - 0.0047).abs() < 1e-6, "{time}");
        // What is fitted needs no other numbers.
        let again = spikegrad(&["fit", "-", "--quiet"], fitted.to_string());
        assert_eq!((again.answer(), again.stderr.as_str()), (fitted, ""));
    }
}

/// No weight makes a neuron spike before its input: the best is written, and a warning says what is missing.
#[test]
fn targets_that_cannot_be_reached_are_a_warning() {
    let mut problem: Value = serde_json::from_str(&example("two_inputs.json")).unwrap();
    problem["stimulus"]["spikes"] = serde_json::json!([[0, 0.01], [1, 0.012]]);
    let fit = spikegrad(&["fit", "-", "--quiet", "--starts", "3"], problem.to_string());
    assert_eq!(fit.status, Some(0));
    assert!(fit.stderr.starts_with("warning: the targets are not reached: "), "{}", fit.stderr);
    assert_eq!(fit.answer()["format"], "spikegrad-problem");
}

#[test]
fn what_cannot_be_fitted_is_refused() {
    let problem = example("two_inputs.json");
    spikegrad(&["fit", "-", "--also", "tau_men"], &problem)
        .fails(2, &["--also tau_men", "tau_mem"]);
    spikegrad(&["fit", "-"], example("recurrent.json")).fails(2, &["spike_time_mse"]);
    let line: Value = serde_json::from_str(&problem).unwrap();
    spikegrad(&["fit", "-"], format!("{line}\n{line}\n")).fails(2, &["one by one"]);
}
