//! Runs of a small network: what an epoch does, what a resumed run does, and who is named when one fails.

use super::*;
use spikegrad::{Error, SimulateError};

fn small() -> Config {
    let mut config = Config::default();
    for (key, value) in [
        ("layers.0.size", "30"),
        ("layers.1.weights.mean", "3"),
        ("batch_size", "150"),
        ("epochs", "2"),
    ] {
        config.set(key, value).unwrap();
    }
    config
}

/// Stops after this many batches.
struct Patience(usize);

impl Observer for Patience {
    fn batch(&mut self, _: Progress) -> ControlFlow<()> {
        self.0 -= 1;
        if self.0 == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    fn epoch(&mut self, _: &EpochRecord) {}
}

fn epoch(run: &mut Run) -> EpochRecord {
    match run.epoch(&mut ()).unwrap() {
        ControlFlow::Continue(record) => EpochRecord { seconds: 0.0, ..record },
        ControlFlow::Break(()) => panic!("nothing stops it"),
    }
}

#[test]
fn an_epoch_learns_and_a_resumed_run_learns_the_same() {
    let mut through = Run::new(&small(), Settings::default()).unwrap();
    let first = epoch(&mut through);
    let checkpoint = through.checkpoint().unwrap();
    let second = epoch(&mut through);
    assert!(second.train_loss < first.train_loss, "{first:?} {second:?}");
    assert!(second.test_accuracy > 0.4 && second.gradient_norm > 0.0, "{second:?}");

    let mut resumed = Run::resume(&small(), &checkpoint, Settings::default()).unwrap();
    assert_eq!(epoch(&mut resumed), second);
    assert_eq!(resumed.checkpoint().unwrap(), through.checkpoint().unwrap());
}

#[test]
fn silent_neurons_are_left_alone_for_the_batches_that_were_asked_for() {
    // No hidden neuron ever spikes. Of the five batches of an epoch, the last ones push.
    let push = |after: &str| {
        let mut config = small();
        for (key, value) in [
            ("layers.0.weights.mean", "-1"),
            ("layers.0.weights.std", "0"),
            ("batch_size", "1000"),
            ("regularisers.silent_label_push", "0"),
            ("regularisers.wake_silent", &format!(r#"{{"push": 0.5, "after": {after}}}"#)),
        ] {
            config.set(key, value).unwrap();
        }
        epoch(&mut Run::new(&config, Settings::default()).unwrap()).push_norm
    };
    let every = push("1");
    assert!(every > 0.0);
    for (after, batches) in [("2", 4.0), ("5", 1.0), ("6", 0.0)] {
        assert!((push(after) / every - batches / 5.0).abs() < 1e-12, "{after}");
    }
}

#[test]
fn a_resumed_run_has_the_same_bits_whatever_is_trained() {
    let mut config = small();
    for (key, value) in [
        ("layers.0.size", "10"),
        ("layers.0.recurrent", r#"{"mean": 0, "std": 0.3}"#),
        ("layers.0.delays", r#"{"mean": 0, "std": 0.003}"#),
        ("layers.1.weights.mean", "5"),
        ("learning_rates.delays", "0.0005"),
        ("learning_rates.tau_mem", "0.01"),
        ("learning_rates.tau_syn", "0.01"),
        ("learning_rates.thresholds", "0.01"),
        ("learning_rates.biases", "0.01"),
        ("learning_rates.initial_v", "0.01"),
        ("optimiser", r#"{"name": "ada-belief", "epsilon": 1e-12}"#),
        ("schedule.warm_up", "0.5"),
        ("augmentation", r#"{"jitter": 0.001}"#),
        ("average", "0.9"),
        ("clip", "5"),
    ] {
        config.set(key, value).unwrap();
    }
    let mut through = Run::new(&config, Settings::default()).unwrap();
    epoch(&mut through);
    let checkpoint = through.checkpoint().unwrap();
    let second = epoch(&mut through);
    let mut resumed = Run::resume(&config, &checkpoint, Settings::default()).unwrap();
    assert_eq!(resumed.checkpoint().unwrap(), checkpoint);
    assert_eq!(epoch(&mut resumed), second);
    assert_eq!(resumed.checkpoint().unwrap(), through.checkpoint().unwrap());
    // A checkpoint holds time constants, not the logarithms in which they move.
    let tau_mem = checkpoint.tensor("hidden.tau_mem", &[10]).unwrap();
    assert!(tau_mem.iter().all(|tau| (0.01..0.04).contains(tau)), "{tau_mem:?}");
    let initial_v = checkpoint.tensor("hidden.initial_v", &[10]).unwrap();
    assert!(initial_v.iter().any(|v| *v != 0.0), "{initial_v:?}");
}

#[test]
fn adaptation_is_trained_and_raises_thresholds_only() {
    let mut config = small();
    // Neurons spike several times and all of their spikes are read, for a first spike knows nothing of adaptation; the rates of the rise are so large that
    // steps lead below 0, where it ends.
    for (key, value) in [
        ("layers.0.size", "6"),
        ("layers.0.model", "alif"),
        ("layers.0.weights.mean", "4"),
        ("layers.1.model", "li"),
        ("loss", r#"{"name": "mean-voltage-cross-entropy"}"#),
        ("layers.0.adapt_threshold", "0.1"),
        ("layers.0.adapt_current", "0.1"),
        ("layers.0.tau_adapt", "0.02"),
        ("batch_size", "1000"),
        ("learning_rates.adapt_threshold", "0.2"),
        ("learning_rates.adapt_current", "0.2"),
        ("learning_rates.tau_adapt", "0.1"),
    ] {
        config.set(key, value).unwrap();
    }
    let mut run = Run::new(&config, Settings::default()).unwrap();
    epoch(&mut run);
    let checkpoint = run.checkpoint().unwrap();
    let values = |name: &str| checkpoint.tensor(name, &[6]).unwrap();
    for (name, before) in
        [("hidden.tau_adapt", 0.02), ("hidden.adapt_threshold", 0.1), ("hidden.adapt_current", 0.1)]
    {
        let own = values(name);
        assert!(own.iter().any(|value| (value - before).abs() > 1e-3), "{name}: {own:?}");
    }
    assert!(values("hidden.adapt_threshold").iter().all(|&rise| rise >= 0.0));
    assert!(values("hidden.tau_adapt").iter().all(|&tau| tau > 0.0));
}

#[test]
fn a_stopped_epoch_never_happened() {
    let mut run = Run::new(&small(), Settings::default()).unwrap();
    let before = run.checkpoint().unwrap();
    // 5000 samples are 34 batches of 150; the last one is shorter.
    let stopped = run.epoch(&mut Patience(34)).unwrap();
    assert!(stopped.is_break());
    assert_eq!(run.checkpoint().unwrap(), before);
    assert!(run.epoch(&mut Patience(35)).unwrap().is_continue());
    assert_eq!(run.completed(), 1);
}

#[test]
fn a_run_goes_on_with_its_own_settings_and_perhaps_more_epochs() {
    let run = Run::new(&small(), Settings::default()).unwrap();
    let mut checkpoint = run.checkpoint().unwrap();
    checkpoint.epoch = 2;
    let resume = |key: &str, value: &str| {
        let mut config = small();
        config.set(key, value).unwrap();
        Run::resume(&config, &checkpoint, Settings::default()).map(|run| run.completed())
    };
    assert_eq!(resume("epochs", "7").unwrap(), 2);
    // A cosine would have given the completed epochs other learning rates.
    let cosine = |epochs: u32| {
        let mut config = Config { epochs, ..small() };
        config.set("schedule.shape", r#"{"name": "cosine", "final_share": 0}"#).unwrap();
        config
    };
    assert!(cosine(3).check_continues(&cosine(2)).is_err());
    cosine(2).check_continues(&cosine(2)).unwrap();
    assert_eq!(
        resume("epochs", "1").unwrap_err().to_string(),
        "setting `epochs` is 1, but must be at least the number of epochs that the run has completed"
    );
    assert_eq!(
        resume("optimiser.beta1", "0.8").unwrap_err().to_string(),
        "setting `optimiser.beta1` is 0.8, but the run was started with 0.9; a run goes on with its own settings; only where the data are may change, `best.patience`, `grazing` from fail to zero, and `epochs` unless the learning rates depend on it"
    );
}

#[test]
fn a_sample_that_cannot_be_learned_is_named() {
    let mut config = small();
    config.set("seed", "5").unwrap();
    let mut run = Run::new(&config, Settings { max_events: 3, ..Settings::default() }).unwrap();
    let first = permutation(5000, &mut stream(5, Purpose::Shuffle, 0))[0];
    match run.epoch(&mut ()).unwrap_err() {
        TrainError::Training { epoch: 1, batch: 1, sample, neuron: None, reason } => {
            let is_budget = matches!(
                *reason,
                Error::Simulate(SimulateError::EventBudget { max_events: 3, .. })
            );
            assert!(is_budget, "{reason}");
            assert_eq!(sample, first);
        }
        other => panic!("{other}"),
    }
}

fn failure(settings: &[(&str, &str)]) -> TrainError {
    let mut config = small();
    for (key, value) in settings {
        config.set(key, value).unwrap();
    }
    let mut run = Run::new(&config, Settings::default()).unwrap();
    let before = run.checkpoint().unwrap();
    let error = run.epoch(&mut ()).unwrap_err();
    assert_eq!(run.checkpoint().unwrap(), before, "the run is as it was");
    error
}

/// Scores are averages in units of `scale`.
fn shaped(scale: &str) -> String {
    format!(r#"{{"name": "shaped-voltage-cross-entropy", "tau": 0.02, "scale": {scale}}}"#)
}

#[test]
fn a_loss_that_is_not_finite_is_traced_to_a_neuron() {
    // Averages of 10⁻¹ in units of 10⁻³¹⁰ are no doubles.
    let settings = [("layers.1.model", "li"), ("loss", &shaped("1e-310"))];
    let error = failure(&settings);
    let message = error.to_string();
    assert!(message.contains("the loss is outside the range of a double; look at neuron output["));
    assert!(message.contains("with respect to a potential is "), "{message}");
    let first = permutation(5000, &mut stream(0, Purpose::Shuffle, 0))[0];
    match error {
        TrainError::NotFinite { epoch: 1, batch: 1, sample, what: "loss", value, .. } => {
            assert_eq!(sample, first);
            assert!(!value.is_finite());
        }
        other => panic!("{other}"),
    }
}

#[test]
fn a_sum_of_gradients_that_overflows_is_traced_to_a_sample_and_a_neuron() {
    let layer = r#"[{"name": "output", "model": "li", "tau_mem": 0.02, "tau_syn": 0.005,
                     "weights": {"mean": 0.01, "std": 0.01}}]"#;
    // Of the first only the sum over the batch overflows; of the second, only its square.
    for (scale, outside) in [("1e-307", "gradient"), ("1e-200", "square of the gradient")] {
        let loss = shaped(scale);
        let settings = [("layers", layer), ("loss", loss.as_str()), ("batch_size", "5000")];
        match failure(&settings) {
            TrainError::NotFinite { epoch: 1, batch: 1, neuron, of, what, value, .. } => {
                assert_eq!((what, of.as_str()), (outside, "weight"));
                assert!(neuron.starts_with("output["), "{neuron}");
                let scale: f64 = scale.parse().unwrap();
                assert!((1e-3..10.0).contains(&(value.abs() * scale)), "{value}");
            }
            other => panic!("{other}"),
        }
    }
}

#[test]
fn a_spike_whose_derivative_overflows_is_named_with_its_layer() {
    // The derivative of a score is 10³⁰⁸, and that of a score with respect to a hidden spike time more than one a second.
    let settings = [("layers.1.model", "li"), ("loss", &shaped("1e-308"))];
    let message = failure(&settings).to_string();
    assert!(message.starts_with("epoch 1, batch 1, training sample "), "{message}");
    assert!(message.contains(", neuron hidden["), "{message}");
}

#[test]
fn a_step_that_leads_out_of_the_range_of_a_double_is_named_with_its_batch() {
    let message = failure(&[
        ("learning_rates.weights", "1e300"),
        ("optimiser", r#"{"name": "sgd"}"#),
        ("loss.tau0", "1e-20"),
    ]);
    let message = message.to_string();
    let start = "epoch 1, batch 1: the step was too far, because after it the weight of neuron ";
    assert!(message.starts_with(start), "{message}");
    // A logarithm of a time constant that far below zero is none at all.
    let message = failure(&[("learning_rates.tau_mem", "1e5")]).to_string();
    assert!(message.contains("the tau mem of neuron hidden["), "{message}");
    assert!(message.contains("must be a positive time in seconds"), "{message}");
}

#[test]
fn a_silent_label_is_pushed_if_the_configuration_says_so() {
    let mut config = small();
    // Outputs that never spike, not even after an epoch of pushes.
    config.set("layers.1.weights.mean", "-1").unwrap();
    config.set("regularisers.silent_label_push", "0").unwrap();
    let start = Run::new(&config, Settings::default()).unwrap();
    let mut left = start.clone();
    let record = epoch(&mut left);
    assert_eq!((record.undecided, record.gradient_norm), (1.0, 0.0));
    assert_eq!(left.classifier.row(), start.classifier.row());

    config.set("regularisers.silent_label_push", "0.1").unwrap();
    let mut pushed = Run::new(&config, Settings::default()).unwrap();
    assert_eq!(epoch(&mut pushed).gradient_norm.to_bits(), 0, "a push is no gradient");
    let (before, after) = (start.classifier.row(), pushed.classifier.row());
    let outputs = 30 * 5;
    assert_eq!(before[..outputs], after[..outputs]);
    assert!(before[outputs..].iter().zip(&after[outputs..]).all(|(before, after)| before < after));
}
