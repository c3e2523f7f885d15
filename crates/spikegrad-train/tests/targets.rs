//! Regression: output spikes are trained towards times that the data hold.
#![expect(clippy::unwrap_used, reason = "a test that cannot set itself up should panic")]

use spikegrad::Settings;
use spikegrad_train::{Config, DataSet, EpochRecord, Inputs, Run, Score, SpikeTrains, Splits};

/// Two channels, of which one or the other is first; the output of the first is to spike early, the other late.
fn data(samples: u32) -> DataSet {
    let (mut trains, mut targets) = (SpikeTrains::new(2), SpikeTrains::new(2));
    for k in 0..samples {
        let (early, late) = (k % 2, 1 - k % 2);
        let spikes = (0..5).map(|n| 0.005 * f64::from(n));
        let mut spikes: Vec<_> =
            spikes.flat_map(|t| [(t + 0.001, early), (t + 0.003, late)]).collect();
        trains.push(&mut spikes);
        targets.push(&mut [(0.010, early), (0.018, late)]);
    }
    DataSet::with_targets(Inputs::Trains(trains), targets).unwrap()
}

fn config(loss: &str) -> Config {
    Config::from_json(&format!(
        r#"{{
        "data": {{"name": "spike-trains"}},
        "seed": 0, "epochs": 40, "batch_size": 10, "t_end": 0.04,
        "encoder": {{"code": "spikes"}},
        "layers": [
            {{"name": "hidden", "size": 20, "model": "lif", "tau_mem": 0.02, "tau_syn": 0.005,
             "weights": {{"mean": 4, "std": 4}}}},
            {{"name": "output", "model": "lif", "tau_mem": 0.02, "tau_syn": 0.005, "t_ref": 0.04,
             "weights": {{"mean": 0.5, "std": 0.3}}}}],
        "loss": {loss},
        "optimiser": {{"name": "adam"}},
        "learning_rates": {{"weights": 0.02}}
    }}"#
    ))
    .unwrap()
}

fn splits() -> Splits {
    Splits { train: data(100), validation: data(10), test: data(20) }
}

#[test]
fn trains_are_learned_by_either_loss() {
    for loss in [r#"{"name": "spike-time-mse"}"#, r#"{"name": "van-rossum", "tau": 0.01}"#] {
        let config = config(loss);
        let mut run = Run::with_data(&config, splits(), Settings::default()).unwrap();
        let epoch = |run: &mut Run| -> EpochRecord {
            run.epoch(&mut ()).unwrap().continue_value().unwrap()
        };
        let first = epoch(&mut run);
        let last = (1..40).map(|_| epoch(&mut run)).last().unwrap();
        assert!(last.test_loss < 0.2 * first.test_loss, "{loss}: {first:?} {last:?}");
        assert!(last.validation_loss.unwrap() < 0.2 * first.validation_loss.unwrap());

        // One spike each, as is wanted; refractory outputs have no second one.
        let score = Score::of(&run.answer_test().unwrap(), run.test(), run.classifier());
        assert_eq!(score.accuracy.to_bits(), last.test_accuracy.to_bits());
        assert!(score.accuracy > 0.9, "{score:?}");
        assert!(run.answer_test().unwrap().iter().all(|(_, verdict)| verdict.class.is_none()));
    }
}

#[test]
fn data_without_what_the_loss_needs_are_refused() {
    let start = |loss: &str, data: Splits| {
        Run::with_data(&config(loss), data, Settings::default()).unwrap_err().to_string()
    };
    let labelled = || {
        let labels = vec![0; 10];
        DataSet { targets: None, labels, classes: vec!["a".into(), "b".into()], ..data(10) }
    };
    let message = start(
        r#"{"name": "spike-time-mse"}"#,
        Splits { train: labelled(), validation: labelled(), test: labelled() },
    );
    assert_eq!(
        message,
        "the loss `spike-time-mse` needs target spike trains, which the data do not hold"
    );
    let message = start(r#"{"name": "ttfs-cross-entropy"}"#, splits());
    assert_eq!(message, "the loss `ttfs-cross-entropy` needs labels, which the data do not hold");
    // Each part is looked at before anything is trained.
    for late in
        [Splits { test: labelled(), ..splits() }, Splits { validation: labelled(), ..splits() }]
    {
        let message = start(r#"{"name": "spike-time-mse"}"#, late);
        assert_eq!(
            message,
            "the loss `spike-time-mse` needs target spike trains, which the data do not hold"
        );
    }
    let mut other = data(10);
    other.targets.as_mut().unwrap().channels = 3;
    let message = start(r#"{"name": "van-rossum"}"#, Splits { test: other, ..splits() });
    assert!(
        message.contains("its targets are for 3 outputs, but those of the training set for 2"),
        "{message}"
    );
}

#[test]
fn parts_that_do_not_fit_each_other_are_refused_before_anything_is_trained() {
    let labelled = |channels: usize, classes: usize, label: usize| {
        let Inputs::Trains(trains) = data(10).inputs else { unreachable!() };
        let inputs = Inputs::Trains(SpikeTrains { channels, ..trains });
        let names = (0..classes).map(|class| class.to_string()).collect();
        DataSet::new(inputs, vec![label; 10], names).unwrap()
    };
    let start = |validation: DataSet, test: DataSet| {
        let data = Splits { train: labelled(2, 2, 1), validation, test };
        let config = config(r#"{"name": "ttfs-cross-entropy"}"#);
        Run::with_data(&config, data, Settings::default())
            .map(|_| ())
            .map_err(|error| error.to_string())
    };
    let good = || labelled(2, 2, 0);
    start(good(), good()).unwrap();
    let wide = "cannot use the data: its samples have 3 values or channels, but those of the training set 2; use files that belong together";
    assert_eq!(start(labelled(3, 2, 0), good()).unwrap_err(), wide);
    assert_eq!(start(good(), labelled(3, 2, 0)).unwrap_err(), wide);
    let label = "cannot use the data: the label of sample 0 is 4, but must be below 2, the number of classes";
    assert_eq!(start(good(), labelled(2, 5, 4)).unwrap_err(), label);
    let mut broken = good();
    broken.labels.pop();
    assert!(start(good(), broken).unwrap_err().contains("there are 9 labels for 10 samples"));
}

#[test]
fn labels_beside_targets_change_nothing() {
    let with_labels = |mut set: DataSet| {
        // More classes than outputs.
        set.labels = vec![4; set.len()];
        set.classes = vec![String::new(); 5];
        set.check().unwrap();
        set
    };
    let config =
        config(r#"{"name": "van-rossum"}"#).with(&[("regularisers.silent_label_push", "0.1")]);
    let config = config.unwrap().0;
    let run = |data| {
        let mut run = Run::with_data(&config, data, Settings::default()).unwrap();
        let record = run.epoch(&mut ()).unwrap().continue_value().unwrap();
        EpochRecord { seconds: 0.0, ..record }
    };
    let Splits { train, validation, test } = splits();
    let labelled = Splits {
        train: with_labels(train),
        validation: with_labels(validation),
        test: with_labels(test),
    };
    let record = run(labelled);
    assert_eq!(record, run(splits()));
    assert!(
        record.warnings[0].starts_with("setting `regularisers.silent_label_push` has no effect")
    );
}
