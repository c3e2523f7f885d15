//! One warning for what is valid and probably not meant, and none for what is.

use crate::program::{example, one_neuron, repository, spikegrad};
use serde_json::{Value, json};

/// The warnings about a problem; with `--quiet` there are none, and the answer is the same.
#[track_caller]
fn warnings(command: &str, problem: &Value) -> Vec<String> {
    let run = spikegrad(&[command, "-"], problem.to_string());
    let quiet = spikegrad(&[command, "-", "--quiet"], problem.to_string());
    assert_eq!((run.status, quiet.status), (Some(0), Some(0)), "{run:?}");
    assert_eq!((&run.stdout, quiet.stderr.as_str()), (&quiet.stdout, ""));
    let said = run.stderr.lines().filter_map(|line| line.strip_prefix("warning: "));
    said.map(str::to_owned).collect()
}

/// Both commands say this one thing.
#[track_caller]
fn warned(problem: &Value, words: &[&str]) {
    for command in ["simulate", "gradient"] {
        let said = warnings(command, problem);
        assert_eq!(said.len(), 1, "{said:?}");
        for word in words {
            assert!(said[0].contains(word), "no {word} in: {}", said[0]);
        }
    }
}

#[track_caller]
fn not_warned(problem: &Value) {
    for command in ["simulate", "gradient"] {
        assert_eq!(warnings(command, problem), [] as [String; 0]);
    }
}

#[test]
fn inputs_after_the_end_are_counted() {
    let with = |spikes: &[f64]| one_neuron(20.0, spikes, json!({"i_bias": 1.5}));
    not_warned(&with(&[0.0, 0.05]));
    // Milliseconds.
    warned(
        &with(&[1.0, 4.0, 12.0]),
        &["all 3 input spikes are after the end of the run, 0.05 s", "seconds"],
    );
    warned(&with(&[2.0]), &["the only input spike is after"]);
    warned(&with(&[0.002, 0.051]), &["1 of 2 input spikes is after"]);
    warned(&with(&[0.002, 0.051, 1.0]), &["2 of 3 input spikes are after"]);
}

#[test]
fn targets_after_the_end_are_counted() {
    let with = |loss: Value| {
        let mut problem = one_neuron(20.0, &[0.001], json!({}));
        problem["loss"] = loss;
        problem
    };
    warned(
        &with(json!({"type": "spike_time_mse", "population": "out", "targets": [[4.7]]})),
        &["the only target time is after the end of the run, 0.05 s", "seconds"],
    );
    warned(
        &with(
            json!({"type": "van_rossum", "population": "out", "targets": [[0.01, 20]], "tau": 0.01}),
        ),
        &["1 of 2 target times is after"],
    );
}

#[test]
fn times_that_look_like_milliseconds_are_named() {
    let mut problem = one_neuron(20.0, &[0.001], json!({"i_bias": 25.0, "tau_mem": 1.0}));
    not_warned(&problem);
    problem["network"]["populations"][0]["params"] =
        json!({"i_bias": 2000.0, "tau_mem": 20, "tau_syn": 5});
    warned(
        &problem,
        &["network.populations[0].params.tau_mem", "20.0 s (1 more place alike)", "0.02"],
    );
    problem["network"]["populations"][0]["params"] = json!({"i_bias": 1.5, "tau_syn": [5]});
    warned(&problem, &["params.tau_syn", "5.0 s;"]);
    let mut delayed = one_neuron(20.0, &[0.001], json!({"i_bias": 1.5}));
    delayed["network"]["connections"][0]["delay"] = json!(2);
    warned(&delayed, &["network.connections[0].delay", "2.0 s"]);
}

#[test]
fn silence_is_said_once_and_what_it_means_for_the_loss() {
    // Nothing spikes, and the loss reads it.
    warned(
        &one_neuron(1.0, &[0.001], json!({})),
        &["no neuron spikes", "reads the spikes of out", "its gradient is zero"],
    );
    // A population that feeds an integrator: its loss goes on.
    let mut problem: Value = serde_json::from_str(&example("recurrent.json")).unwrap();
    not_warned(&problem);
    let mut silent = problem.clone();
    silent["network"]["populations"][0]["params"]["v_th"] = json!(1000);
    warned(&silent, &["no neuron spikes; larger weights"]);
    // One of several populations.
    let extra = json!({"name": "left\nout", "size": 3, "model": "lif"});
    problem["network"]["populations"].as_array_mut().unwrap().push(extra);
    warned(&problem, &["no neuron of left\\nout spikes; larger weights"]);
    let empty = json!({"name": "empty", "size": 0, "model": "lif"});
    problem["network"]["populations"][2] = empty;
    not_warned(&problem);
}

#[test]
fn a_policy_that_acted_is_said_in_any_case() {
    let path = repository("examples/problems/grazing.json");
    for command in ["gradient", "compare"] {
        let folder = tempfile::tempdir().unwrap();
        let mut arguments = vec![command, path.to_str().unwrap(), "--grazing", "zero", "--quiet"];
        if command == "compare" {
            arguments.extend(["--out", folder.path().to_str().unwrap()]);
        }
        let run = spikegrad(&arguments, "");
        run.answer();
        assert_eq!(run.stderr.lines().count(), 1, "{}", run.stderr);
        assert!(
            run.stderr.contains("warning: the gradient is not exact: --grazing acted"),
            "{}",
            run.stderr
        );
    }
}

#[test]
fn a_comparison_with_nothing_says_so() {
    // The gradient is zero, and no quotient is accurate enough beside that.
    let folder = tempfile::tempdir().unwrap();
    let mut problem = one_neuron(0.1, &[0.001], json!({}));
    problem["loss"] = json!({
        "type": "ttfs_cross_entropy", "population": "out", "label": 0, "tau0": 0.01, "alpha": 0.1
    });
    let compare = ["compare", "-", "--out", folder.path().to_str().unwrap()];
    let run = spikegrad(&compare, problem.to_string());
    run.answer();
    let warned = |text: &str| run.stderr.lines().filter(|line| line.contains(text)).count();
    assert_eq!(
        warned("warning: no entry was compared with finite differences"),
        1,
        "{}",
        run.stderr
    );
    assert_eq!(warned("finite differences: no entry compared, 12 missing"), 1, "{}", run.stderr);
    assert_eq!(warned("warning: no neuron spikes"), 1, "{}", run.stderr);
    let quiet = spikegrad(&[&compare[..], &["--quiet"]].concat(), problem.to_string());
    assert_eq!((quiet.status, quiet.stderr.as_str()), (Some(0), ""));
}
