//! Runs that go on: with their own settings, with those of an earlier version, from another run, and to the best epoch.
#![expect(clippy::unwrap_used, reason = "a test that cannot set itself up should panic")]

use std::path::Path;

use spikegrad::{Settings, Values};
use spikegrad_train::{Checkpoint, Config, EpochRecord, Run, RunFolder, Stored, TrainError, fit};

fn small(changes: &[(&str, &str)]) -> Config {
    let size = [
        ("layers.0.size", "8"),
        ("layers.1.weights.mean", "4"),
        ("batch_size", "500"),
        ("epochs", "2"),
    ];
    Config::default().with(&size).unwrap().0.with(changes).unwrap().0
}

fn start(config: &Config) -> Run {
    Run::new(config, Settings::default()).unwrap()
}

fn epoch(run: &mut Run) -> EpochRecord {
    let record = run.epoch(&mut ()).unwrap().continue_value().unwrap();
    EpochRecord { seconds: 0.0, ..record }
}

/// Trains `config` to its end in the folder `path`.
fn train(config: &Config, path: &Path) -> spikegrad_train::RunResult {
    let mut folder = RunFolder::create(path, config).unwrap();
    fit(&mut start(config), &mut folder, &mut ()).unwrap().continue_value().unwrap()
}

/// Everything that a network can have, and only weights trained.
const RICH: [(&str, &str); 8] = [
    ("layers.0.tau_mem", r#"{"mean": 0.02, "std": 0.005, "distribution": "gamma"}"#),
    ("layers.0.tau_syn", r#"{"mean": 0.005, "std": 0.001}"#),
    ("layers.0.v_th", r#"{"mean": 1, "std": 0.1, "distribution": "uniform"}"#),
    ("layers.0.bias", r#"{"mean": 0, "std": 0.1}"#),
    ("layers.0.delays", r#"{"mean": 0, "std": 0.002}"#),
    ("layers.0.recurrent", r#"{"mean": 0, "std": 0.2}"#),
    ("layers.0.recurrent_delays", r#"{"mean": 0.001, "std": 0.001}"#),
    (
        "layers.1.skip",
        r#"[{"from": "input", "weights": {"mean": 0.2, "std": 0.3}, "delays": {"mean": 0.003, "std": 0.001}}]"#,
    ),
];

#[test]
fn a_checkpoint_holds_every_number_of_the_network_trained_or_not() {
    let run = start(&small(&RICH));
    let checkpoint = run.checkpoint().unwrap();
    let parameters = run.classifier().parameters();
    let tensor = |name: &str, shape: &[usize]| checkpoint.tensor(name, shape).unwrap();
    assert_eq!(tensor("hidden.weight", &[8, 5]), parameters.connections[0].weights);
    assert_eq!(tensor("hidden.delay", &[8, 5]), parameters.connections[0].delay.as_slice());
    assert_eq!(tensor("hidden.recurrent_weight", &[8, 8]), parameters.connections[1].weights);
    assert_eq!(
        tensor("hidden.recurrent_delay", &[8, 8]),
        parameters.connections[1].delay.as_slice()
    );
    assert_eq!(tensor("output.weight_from_input", &[3, 5]), parameters.connections[3].weights);
    assert_eq!(
        tensor("output.delay_from_input", &[3, 5]),
        parameters.connections[3].delay.as_slice()
    );
    assert_eq!(tensor("output.delay", &[]), [0.0]);
    let hidden = &parameters.populations[0];
    for (name, values) in [
        ("tau_mem", &hidden[spikegrad::lif::TAU_MEM]),
        ("tau_syn", &hidden[spikegrad::lif::TAU_SYN]),
        ("v_th", &hidden[spikegrad::lif::V_TH]),
        ("i_bias", &hidden[spikegrad::lif::I_BIAS]),
    ] {
        let Values::Each(values) = values else { panic!("{name} is drawn for each neuron") };
        assert_eq!(tensor(&format!("hidden.{name}"), &[8]), values);
        assert_eq!(tensor(&format!("output.{name}"), &[]).len(), 1);
    }
    for name in ["v_reset", "v_leak", "t_ref", "initial_v"] {
        assert_eq!(tensor(&format!("hidden.{name}"), &[]), [0.0]);
    }
    // Not one number of the network is left out.
    let of_network =
        parameters.connections.iter().map(|c| c.weights.len() + c.delay.as_slice().len());
    let of_neurons = parameters.populations.iter().map(|values| {
        let used = values.values().filter(|(quantity, _)| quantity.is_of_layer());
        used.map(|(_, values)| values.as_slice().len()).sum::<usize>()
    });
    let memory = |name: &&String| name.ends_with("_moment");
    let held = checkpoint.tensors.iter().filter(|(name, _)| !memory(name));
    let held: usize = held.map(|(_, tensor)| tensor.values.len()).sum();
    assert_eq!(held, of_network.sum::<usize>() + of_neurons.sum::<usize>());
}

#[test]
fn a_run_with_everything_a_network_can_have_goes_on_with_the_same_bits() {
    let trained = [
        ("learning_rates.delays", "0.0005"),
        ("learning_rates.tau_mem", "0.01"),
        ("learning_rates.thresholds", "0.02"),
        ("layers.0.learning_rates", r#"{"weights": 0.001, "tau_mem": 0, "biases": 0.003}"#),
        ("optimiser.weight_decay", "0.01"),
        ("optimiser.decays", "all"),
        ("average", "0.9"),
    ];
    for changes in [&RICH[..], &[&RICH[..], &trained[..]].concat()] {
        let config = small(changes);
        let mut through = start(&config);
        let first = epoch(&mut through);
        let checkpoint = through.checkpoint().unwrap();
        let second = epoch(&mut through);
        assert_ne!(first.train_loss.to_bits(), second.train_loss.to_bits());
        let mut resumed = Run::resume(&config, &checkpoint, Settings::default()).unwrap();
        assert_eq!(resumed.checkpoint().unwrap(), checkpoint);
        assert_eq!(epoch(&mut resumed), second);
        assert_eq!(resumed.checkpoint().unwrap(), through.checkpoint().unwrap());
    }
}

#[test]
fn rates_of_a_layer_move_what_they_name_and_zero_leaves_it() {
    let config = small(&[
        ("layers.0.learning_rates", r#"{"weights": 0}"#),
        ("layers.1.learning_rates", r#"{"biases": 0.01}"#),
    ]);
    let mut run = start(&config);
    let before = run.classifier().parameters().clone();
    epoch(&mut run);
    let after = run.classifier().parameters();
    assert_eq!(before.connections[0], after.connections[0]);
    assert_ne!(before.connections[1], after.connections[1]);
    assert_eq!(before.populations[0], after.populations[0]);
    assert_ne!(
        before.populations[1][spikegrad::lif::I_BIAS],
        after.populations[1][spikegrad::lif::I_BIAS]
    );
    assert_eq!(run.classifier().n_trained(), 3 * 8 + 3);
}

#[test]
fn the_delay_of_a_single_synapse_is_trained() {
    // One hidden neuron, one output: both connections onto the output have one synapse, one of them leaves out a layer.
    let layers = r#"[
        {"name": "first", "size": 1, "model": "lif", "tau_mem": 0.02, "tau_syn": 0.005, "weights": {"mean": 8, "std": 0},
         "recurrent": {"mean": 0.1, "std": 0}, "recurrent_delays": {"mean": 0.002, "std": 0}},
        {"name": "second", "size": 1, "model": "lif", "tau_mem": 0.02, "tau_syn": 0.005, "weights": {"mean": 8, "std": 0},
         "delays": {"mean": 0.002, "std": 0}},
        {"name": "output", "model": "lif", "tau_mem": 0.02, "tau_syn": 0.005, "weights": {"mean": 8, "std": 1},
         "skip": [{"from": "first", "weights": {"mean": 4, "std": 1}, "delays": {"mean": 0.002, "std": 0}}]}]"#;
    let config = small(&[
        ("layers", layers),
        ("learning_rates.weights", "null"),
        ("learning_rates.delays", "0.0001"),
        ("regularisers.silent_label_push", "0"),
    ]);
    let mut run = start(&config);
    assert_eq!(run.classifier().n_trained(), 1 + 1 + 3);
    let before = run.classifier().parameters().clone();
    epoch(&mut run);
    let checkpoint = run.checkpoint().unwrap();
    for (k, name) in
        [(1, "first.recurrent_delay"), (2, "second.delay"), (4, "output.delay_from_first")]
    {
        let after = &run.classifier().parameters().connections[k].delay;
        assert_ne!(after, &before.connections[k].delay, "{name}");
        let shape = &checkpoint.tensors[name].shape;
        assert_eq!(checkpoint.tensor(name, shape).unwrap(), after.as_slice());
    }
}

#[test]
fn new_connections_leave_what_is_drawn_for_others() {
    let without = start(&small(&[]));
    let with = start(&small(&[RICH[7]]));
    assert_eq!(
        without.classifier().parameters().connections[..2],
        with.classifier().parameters().connections[..2]
    );
    let network = with.classifier().network();
    assert_eq!((network.connections().len(), network.shape(2)), (3, (5, 3)));
}

#[test]
fn a_checkpoint_of_an_earlier_version_goes_on_with_what_was_drawn() {
    let config = small(&RICH);
    let mut through = start(&config);
    epoch(&mut through);
    let mut old = through.checkpoint().unwrap();
    let second = epoch(&mut through);
    // It held what was trained, and knew nothing of what came later.
    old.tensors.retain(|name, _| name.contains("weight"));
    let mut tree: serde_json::Value = serde_json::from_str(&old.config).unwrap();
    for key in ["bounds", "grazing", "init", "best"] {
        assert!(tree.as_object_mut().unwrap().remove(key).is_some());
    }
    old.config = tree.to_string();
    let mut resumed = Run::resume(&config, &old, Settings::default()).unwrap();
    assert_eq!(epoch(&mut resumed), second);
}

#[test]
fn what_came_later_means_in_an_old_run_what_was_done_before() {
    let config = small(&[("optimiser.weight_decay", "0.1")]);
    let mut tree: serde_json::Value = serde_json::from_str(&config.to_json().unwrap()).unwrap();
    tree.as_object_mut().unwrap().remove("bounds");
    tree["optimiser"].as_object_mut().unwrap().remove("decays");
    let text = tree.to_string();
    let (new, old) = (Config::from_json(&text).unwrap(), Config::of_run(&text).unwrap());
    assert_eq!(new, config);
    let expected = [("bounds.thresholds", "null"), ("optimiser.decays", "all")];
    assert_eq!(old, config.with(&expected).unwrap().0);
    // Where neither has an effect, it is no other run.
    config.check_continues(&old).unwrap();
    let moving = |config: &Config, decay: &str| {
        let changes = [("learning_rates.tau_mem", "0.1"), ("optimiser.weight_decay", decay)];
        config.with(&changes).unwrap().0
    };
    moving(&config, "0").check_continues(&moving(&old, "0")).unwrap();
    let message = moving(&config, "0.1").check_continues(&moving(&old, "0.1")).unwrap_err();
    assert!(
        message.to_string().starts_with("setting `optimiser.decays` is \"weights\""),
        "{message}"
    );
    let trained = |config: &Config| config.with(&[("learning_rates.thresholds", "0.1")]).unwrap().0;
    let message = trained(&config).check_continues(&trained(&old)).unwrap_err().to_string();
    assert!(
        message
            .starts_with("setting `bounds.thresholds` is 0.01, but the run was started with null")
    );
}

#[test]
fn decay_draws_weights_alone_unless_it_is_to_draw_all() {
    let changes = [
        ("learning_rates.weights", "1e-9"),
        ("learning_rates.tau_mem", "1e-9"),
        ("learning_rates.thresholds", "1e-9"),
        ("optimiser.weight_decay", "1e8"),
    ];
    let change = |decays: &str| {
        let config = small(&[&changes[..], &[("optimiser.decays", decays)]].concat());
        let mut run = start(&config);
        let before = run.classifier().parameters().clone();
        epoch(&mut run);
        let after = run.classifier().parameters();
        let ratio = |before: &[f64], after: &[f64]| after[0] / before[0];
        let (a, b) = (&before.populations[0], &after.populations[0]);
        [
            ratio(&before.connections[0].weights, &after.connections[0].weights),
            ratio(a[spikegrad::lif::TAU_MEM].as_slice(), b[spikegrad::lif::TAU_MEM].as_slice()),
            ratio(a[spikegrad::lif::V_TH].as_slice(), b[spikegrad::lif::V_TH].as_slice()),
        ]
    };
    let [weight, tau_mem, threshold] = change("weights");
    // Ten steps of 0.1.
    assert!((weight - 0.9_f64.powi(10)).abs() < 1e-6, "{weight}");
    assert!(
        (tau_mem - 1.0).abs() < 1e-6 && (threshold - 1.0).abs() < 1e-6,
        "{tau_mem} {threshold}"
    );
    let [_, tau_mem, threshold] = change("all");
    assert!(tau_mem > 2.0 && threshold < 0.5, "{tau_mem} {threshold}");
}

#[test]
fn thresholds_end_at_their_bound_and_without_one_the_neuron_is_named() {
    let rate = ("learning_rates.thresholds", "10");
    let mut run = start(&small(&[rate, ("bounds.thresholds", "0.5"), ("layers.0.v_th", "2")]));
    epoch(&mut run);
    let hidden =
        run.classifier().parameters().populations[0][spikegrad::lif::V_TH].as_slice().to_vec();
    assert!(hidden.iter().all(|&threshold| threshold >= 1.0), "{hidden:?}");
    assert!(hidden.iter().any(|&threshold| threshold.to_bits() == 1.0_f64.to_bits()), "{hidden:?}");

    let mut run = start(&small(&[rate, ("bounds.thresholds", "null")]));
    let error = run.epoch(&mut ()).unwrap_err();
    assert!(error.to_string().ends_with("or set `bounds.thresholds`"), "{error}");
    match error {
        TrainError::Step { epoch: 1, batch: 1, neuron, of, value, rule } => {
            assert!(neuron.starts_with("hidden[") || neuron.starts_with("output["), "{neuron}");
            assert_eq!((of.as_str(), rule), ("v th", "above the reset value".into()));
            assert!(value <= 0.0, "{value}");
        }
        other => panic!("{other}"),
    }
}

#[test]
fn the_best_epoch_is_kept_and_patience_ends_a_run_for_good() {
    let parent = tempfile::tempdir().unwrap();
    let path = parent.path().join("run");
    // A learning rate with which the accuracy goes up and down.
    let config = small(&[
        ("epochs", "9"),
        ("learning_rates.weights", "1"),
        ("best", r#"{"by": "validation-accuracy", "patience": 1}"#),
    ]);
    let result = train(&config, &path);
    let best = result.best.clone().unwrap();
    assert!(result.stopped_early && result.epochs == best.epoch + 1, "{result:?}");

    let stored = |which| RunFolder::stored(&path, which, None, Settings::default()).unwrap();
    assert_eq!(stored(Stored::Best).completed(), best.epoch);
    let run = stored(Stored::Best);
    let score =
        spikegrad_train::Score::of(&run.answer_test().unwrap(), run.test(), run.classifier());
    assert_eq!(score.loss.to_bits(), best.test_loss.to_bits());
    assert_eq!(stored(Stored::Last).completed(), result.epochs);
    for which in [Stored::Best, Stored::Last] {
        let network = RunFolder::classifier(&path, which).unwrap();
        assert_eq!(network.parameters(), stored(which).evaluated().parameters());
    }

    // It stays ended, unless there is more patience; and then it is the run that had it from the start.
    let go_on = |config: &Config| {
        let mut folder = RunFolder::open(&path).unwrap();
        let mut run = folder.resume(config, Settings::default()).unwrap();
        fit(&mut run, &mut folder, &mut ()).unwrap().continue_value().unwrap()
    };
    assert_eq!(go_on(&config).epochs, result.epochs);
    assert_eq!(RunFolder::result(&path, &config).unwrap(), Some(go_on(&config)));
    let patient = config.with(&[("best.patience", "2")]).unwrap().0;
    assert_eq!(RunFolder::result(&path, &patient).unwrap(), None);
    go_on(&patient);
    let other = parent.path().join("patient");
    train(&patient, &other);
    let load = |path: &Path, name: &str| Checkpoint::load(&path.join(name)).unwrap();
    let last = "checkpoint.safetensors";
    assert_eq!(load(&path, last), load(&other, last));
    // What was the best before has the patience of its time.
    let (one, two) = (load(&path, "best.safetensors"), load(&other, "best.safetensors"));
    assert_eq!((one.epoch, one.tensors), (two.epoch, two.tensors));
    let without = parent.path().join("without");
    train(&small(&[("epochs", "1")]), &without);
    let error = RunFolder::stored(&without, Stored::Best, None, Settings::default()).unwrap_err();
    assert!(
        error.to_string().ends_with("holds no best epoch: the setting `best` chooses one"),
        "{error}"
    );
}

#[test]
fn a_run_starts_where_another_ended_and_needs_it_no_more() {
    let parent = tempfile::tempdir().unwrap();
    let (first, second) = (parent.path().join("first"), parent.path().join("second"));
    let rich =
        [&RICH[..], &[("learning_rates.tau_mem", "0.01"), ("average", "0.9"), ("epochs", "1")]]
            .concat();
    train(&small(&rich), &first);
    let ended = RunFolder::trained(&first, None, Settings::default()).unwrap();
    let ended = ended.evaluated();

    // The new run trains neither time constants nor delays, and has them all the same.
    let from = serde_json::Value::from(first.display().to_string()).to_string();
    let plain = [RICH[5], RICH[7], ("init.from", &from)];
    let config = small(&plain);
    let mut run = start(&config);
    let began = run.classifier().parameters();
    for (a, b) in began.connections.iter().zip(&ended.parameters().connections) {
        assert_eq!(a, b);
    }
    let tau = |parameters: &spikegrad::Parameters| {
        parameters.populations[0][spikegrad::lif::TAU_MEM].as_slice().to_vec()
    };
    assert_eq!(tau(began), tau(ended.parameters()));

    let mut folder = RunFolder::create(&second, &config).unwrap();
    assert!(fit(&mut run, &mut folder, &mut ()).unwrap().is_continue());
    drop(folder);
    // A run that was killed in its first epoch begins again without the other.
    std::fs::remove_dir_all(&first).unwrap();
    let third = parent.path().join("third");
    let mut folder = RunFolder::create(&third, &config).unwrap();
    assert!(matches!(Run::new(&config, Settings::default()), Err(TrainError::Start { .. })));
    let mut zeroth = Checkpoint::load(&second.join("checkpoint.safetensors")).unwrap();
    zeroth.epoch = 0;
    assert!(folder.resume(&config, Settings::default()).is_err());
    zeroth.save(&third.join("checkpoint.safetensors")).unwrap();
    assert_eq!(folder.resume(&config, Settings::default()).unwrap().completed(), 0);
}

#[test]
fn layers_that_do_not_fit_are_refused_with_both_shapes_and_some_can_be_left_out() {
    let parent = tempfile::tempdir().unwrap();
    let first = parent.path().join("first");
    train(&small(&[("epochs", "1")]), &first);
    let from = serde_json::Value::from(first.display().to_string()).to_string();
    let start_with = |changes: &[(&str, &str)]| {
        let config = small(&[&[("init.from", from.as_str())], changes].concat());
        Run::new(&config, Settings::default())
    };
    let message = start_with(&[("layers.0.size", "9")]).unwrap_err().to_string();
    assert!(
        message.ends_with(
            "tensor `hidden.weight` of the checkpoint has the shape [8, 5], but [9, 5] is needed"
        ),
        "{message}"
    );
    let message = start_with(&[("layers.0.name", "other")]).unwrap_err().to_string();
    assert!(message.ends_with("the checkpoint has no tensor `other.weight`"), "{message}");
    let partly =
        start_with(&[("layers.1.name", "other"), ("init.layers", r#"["hidden"]"#)]).unwrap();
    let ended = RunFolder::trained(&first, None, Settings::default()).unwrap();
    let connections = |run: &Run| run.classifier().parameters().connections.clone();
    assert_eq!(connections(&partly)[0], connections(&ended)[0]);
    assert_eq!(connections(&partly)[1], connections(&start(&small(&[])))[1]);
    let message = start_with(&[("init.layers", r#"["none"]"#)]).unwrap_err().to_string();
    assert_eq!(message, "setting `init.layers.0` is none, but must be the name of a layer");
}

#[test]
fn grazing_may_be_allowed_when_a_run_goes_on_because_nothing_grazed_before() {
    let config = |grazing: &str| small(&[("grazing", grazing)]);
    config("zero").check_continues(&config("fail")).unwrap();
    for (asked, kept) in
        [("fail", "zero"), (r#"{"floor": 1}"#, "fail"), ("zero", r#"{"floor": 1}"#)]
    {
        let message = config(asked).check_continues(&config(kept)).unwrap_err().to_string();
        assert!(message.starts_with("setting `grazing` is "), "{message}");
    }
    // A run that goes on with zero is the run that had it from the start.
    let mut first = start(&config("fail"));
    epoch(&mut first);
    let mut second =
        Run::resume(&config("zero"), &first.checkpoint().unwrap(), Settings::default()).unwrap();
    let mut through = start(&config("zero"));
    epoch(&mut through);
    assert_eq!(epoch(&mut second), epoch(&mut through));
    assert_eq!(second.checkpoint().unwrap(), through.checkpoint().unwrap());
}

#[test]
fn a_policy_for_grazing_is_counted_where_it_acts() {
    let mut run = start(&small(&[("grazing.floor", "1000")]));
    let record = epoch(&mut run);
    assert!(record.inexact > 0);
    let warning = format!(
        "gradients of this epoch were not exact: the setting `grazing` acted at {}",
        record.inexact
    );
    assert!(record.warnings[0].starts_with(&warning), "{:?}", record.warnings);
    assert_eq!(epoch(&mut start(&small(&[]))).inexact, 0);
}
