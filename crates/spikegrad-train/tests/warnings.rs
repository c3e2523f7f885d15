//! What a user is told that is no error: each warning once, in the record of its epoch and in the result, and nothing where all is well.
#![expect(clippy::unwrap_used, reason = "a test that cannot set itself up should panic")]

use std::ops::ControlFlow;
use std::path::Path;

use spikegrad::Settings;
use spikegrad_train::{
    Config, DataSet, EpochRecord, Inputs, Observer, Progress, Run, RunFolder, RunResult,
    SpikeTrains, Splits, fit,
};

/// Hears what it is told.
#[derive(Default)]
struct Ear {
    warnings: Vec<String>,
    finishes: u32,
}

impl Observer for Ear {
    fn batch(&mut self, _: Progress) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }

    fn epoch(&mut self, _: &EpochRecord) {}

    fn warn(&mut self, warning: &str) {
        self.warnings.push(warning.to_owned());
    }

    fn finish(&mut self) {
        self.finishes += 1;
    }
}

fn small(changes: &[(&str, &str)]) -> Config {
    let size = [
        ("layers.0.size", "10"),
        ("layers.0.weights.mean", "3"),
        ("layers.1.weights.mean", "4"),
        ("batch_size", "500"),
        ("epochs", "2"),
    ];
    Config::default().with(&size).unwrap().0.with(changes).unwrap().0
}

fn metrics(folder: &Path) -> Vec<EpochRecord> {
    let text = std::fs::read_to_string(folder.join("metrics.jsonl")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Trains in a folder, and checks that all tell the same.
fn train(mut run: Run, config: &Config) -> (Vec<String>, Vec<EpochRecord>, RunResult) {
    let parent = tempfile::tempdir().unwrap();
    let path = parent.path().join("run");
    let mut folder = RunFolder::create(&path, config).unwrap();
    let mut ear = Ear::default();
    let result = fit(&mut run, &mut folder, &mut ear).unwrap().continue_value().unwrap();
    assert_eq!((&ear.warnings, ear.finishes), (&result.warnings, 1));
    let read = std::fs::read_to_string(path.join("result.json")).unwrap();
    assert_eq!(serde_json::from_str::<RunResult>(&read).unwrap(), result);
    (ear.warnings, metrics(&path), result)
}

/// Checks how the sentences begin that the first epoch comes with, those of the run among them.
#[track_caller]
fn check(changes: &[(&str, &str)], expected: &[&str]) {
    let mut run = Run::new(&small(changes), Settings::default()).unwrap();
    let found = run.epoch(&mut ()).unwrap().continue_value().unwrap().warnings;
    let of_run = run.warnings().iter().map(ToString::to_string);
    assert!(found.starts_with(&of_run.collect::<Vec<_>>()));
    let next = run.epoch(&mut ()).unwrap().continue_value().unwrap().warnings;
    assert_eq!(next, found[run.warnings().len()..], "those of the run are not said again");
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    for (found, expected) in found.iter().zip(expected) {
        assert!(found.starts_with(expected), "{found}");
    }
}

#[test]
fn a_run_in_which_all_is_well_says_nothing() {
    check(&[], &[]);
}

#[test]
fn time_constants_that_look_like_milliseconds_are_named() {
    check(
        &[("layers.0.tau_mem", "20"), ("layers.0.weights.mean", "3000")],
        &[
            "setting `layers.0.tau_mem` is 20.0 s, far longer than the run of 0.06 s; times are in s: is it in ms?",
        ],
    );
    check(
        &[("layers.1.tau_syn", r#"{"mean": 5, "std": 1}"#), ("layers.1.weights.mean", "9")],
        &["setting `layers.1.tau_syn` is 5.0 s, far longer"],
    );
    check(
        &[("layers.0.delays", r#"{"mean": 2, "std": 0.1}"#)],
        &[
            "setting `layers.0.delays` is 2.0 s, far longer",
            "none of the 10 neurons of layer hidden spiked",
            "none of the 3 neurons of layer output spiked",
        ],
    );
}

#[test]
fn layers_without_a_spike_are_named_in_each_epoch_and_said_once() {
    let config = small(&[("layers.0.weights.mean", "-1"), ("layers.0.weights.std", "0")]);
    let run = Run::new(&config, Settings::default()).unwrap();
    let (warnings, records, _) = train(run, &config);
    assert_eq!((warnings.len(), records.len()), (2, 2), "{warnings:?}");
    assert!(
        warnings[0]
            .starts_with("none of the 10 neurons of layer hidden spiked in any training sample")
    );
    assert!(
        warnings[1]
            .starts_with("none of the 3 neurons of layer output spiked in any training sample")
    );
    for record in records {
        assert_eq!(record.warnings, warnings);
    }
    check(
        &[
            ("layers.1.weights.mean", "-1"),
            ("layers.1.weights.std", "0"),
            ("regularisers.silent_label_push", "0"),
        ],
        &["none of the 3 neurons of layer output spiked"],
    );
}

#[test]
fn settings_without_effect_are_named() {
    let idle = |changes: &[(&str, &str)], start: &str| {
        let expected = format!("setting `{start}` has no effect: ");
        check(changes, &[&expected]);
    };
    idle(&[("learning_rates.delays", "0.1")], "learning_rates.delays");
    idle(&[("layers.1.learning_rates.delays", "0.1")], "layers.1.learning_rates.delays");
    // Ten batches make an epoch.
    idle(
        &[("regularisers.wake_silent", r#"{"push": 0.1, "after": 11}"#)],
        "regularisers.wake_silent.after",
    );
    check(&[("regularisers.wake_silent", r#"{"push": 0.1, "after": 10}"#)], &[]);
    idle(
        &[("layers.0.recurrent_delays", r#"{"mean": 0, "std": 0.001}"#)],
        "layers.0.recurrent_delays",
    );
    let integrators = [
        ("layers.1.model", "li"),
        ("loss.name", "max-voltage-cross-entropy"),
        ("regularisers.silent_label_push", "0"),
    ];
    let with = |changes: &[(&'static str, &'static str)]| [&integrators[..], changes].concat();
    check(&with(&[]), &[]);
    check(&with(&[("learning_rates.thresholds", "0.01")]), &[]);
    idle(
        &with(&[("layers.1.learning_rates.thresholds", "0.01")]),
        "layers.1.learning_rates.thresholds",
    );
    idle(&with(&[("layers.1.t_ref", "0.001")]), "layers.1.t_ref");
    idle(&with(&[("regularisers.silent_label_push", "0.1")]), "regularisers.silent_label_push");
    idle(
        &[
            ("learning_rates.weights", "null"),
            ("learning_rates.biases", "0.001"),
            ("regularisers.silent_label_push", "0"),
            ("optimiser.weight_decay", "0.1"),
        ],
        "optimiser.weight_decay",
    );
    let frozen = [("layers.0.learning_rates.weights", "0")];
    let push = ("regularisers.wake_silent", r#"{"push": 0.1, "after": 1}"#);
    idle(&[frozen[0], push], "regularisers.wake_silent");
    let target = r#"{"population": "hidden", "strength": 0.1, "lowest": 0, "highest": 9}"#;
    idle(&[frozen[0], ("regularisers.rate", target)], "regularisers.rate");
    check(&[("regularisers.rate", target)], &[]);
}

#[test]
fn a_run_that_trains_nothing_says_so() {
    check(
        &[
            ("learning_rates.weights", "null"),
            ("learning_rates.delays", "0.1"),
            ("regularisers.silent_label_push", "0"),
        ],
        &["setting `learning_rates.delays` has no effect", "no parameter is trained"],
    );
}

/// As many samples, with one spike each on a channel, times a factor.
fn trains(samples: u32, factor: f64) -> DataSet {
    let mut trains = SpikeTrains::new(2);
    let labels = (0..samples).map(|k| {
        trains.push(&mut [(0.001 * factor * f64::from(1 + k), k % 2)]);
        usize::try_from(k % 2).unwrap()
    });
    let labels = labels.collect();
    DataSet::new(Inputs::Trains(trains), labels, vec!["a".into(), "b".into()]).unwrap()
}

#[test]
fn spikes_after_the_end_are_counted_and_all_of_them_named_as_what_they_look_like() {
    let config =
        small(&[("encoder.code", "spikes"), ("t_end", "0.02"), ("layers.0.weights.mean", "20")]);
    let start = |factor: f64, scale: &str| {
        let config = config.with(&[("encoder.scale", scale)]).unwrap().0;
        let data = Splits {
            train: trains(9, factor),
            validation: trains(0, factor),
            test: trains(30, factor),
        };
        let run = Run::with_data(&config, data, Settings::default()).unwrap();
        run.warnings().iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(
        start(1.0, "1"),
        [
            "10 of the 30 input spikes of the test set lie after the end of the run at 0.02 s, and are not heard; times are in s: `encoder.scale` is a factor of them"
        ]
    );
    let all = start(1000.0, "1");
    assert_eq!(all.len(), 2, "{all:?}");
    assert_eq!(
        all[0],
        "all 9 input spikes of the training set lie after the end of the run at 0.02 s, and none is heard; times are in s: `encoder.scale` is a factor of them"
    );
    assert_eq!(start(1000.0, "0.001"), start(1.0, "1"));
    assert!(start(1.0, "0.5").is_empty());
}

#[test]
fn without_validation_samples_nothing_is_said_of_them() {
    let config = small(&[("encoder.code", "spikes")]);
    let data = Splits { train: trains(9, 1.0), validation: trains(0, 1.0), test: trains(3, 1.0) };
    let run = Run::with_data(&config, data, Settings::default()).unwrap();
    let (_, records, result) = train(run, &config);
    assert_eq!((result.validation_accuracy, result.validation_loss), (None, None));
    assert!(records.iter().all(|record| record.validation_accuracy.is_none()));
}

#[test]
fn a_set_without_samples_is_refused_before_anything_is_trained() {
    let config = small(&[("encoder.code", "spikes")]);
    for (train, test, part) in [(0, 3, "training"), (3, 0, "test"), (0, 0, "training")] {
        let data = Splits {
            train: trains(train, 1.0),
            validation: trains(3, 1.0),
            test: trains(test, 1.0),
        };
        let message = Run::with_data(&config, data, Settings::default()).unwrap_err().to_string();
        assert_eq!(message, format!("the {part} set has no samples; at least one is needed"));
    }
    let error =
        Config::built_in("randman").unwrap().with(&[("data.test", "0")]).unwrap().0.validate();
    assert_eq!(error.unwrap_err().to_string(), "setting `data.test` is 0, but must be at least 1");
}

#[test]
fn a_test_sample_that_is_not_there_is_an_error() {
    let run = Run::new(&small(&[]), Settings::default()).unwrap();
    assert!(run.test_stimulus(999).is_ok());
    for position in [1000, usize::MAX] {
        let message = run.test_stimulus(position).unwrap_err().to_string();
        let expected = format!(
            "there is no test sample {position}: the test set has 1000 samples, counted from 0"
        );
        assert_eq!(message, expected);
    }
}
