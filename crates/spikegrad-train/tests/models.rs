//! Layers of any model that a problem file knows: their keys are the tables', and what is trained of them.
#![expect(clippy::unwrap_used, reason = "a test that cannot set itself up should panic")]

use spikegrad::{Model, Settings, Values};
use spikegrad_train::{Config, EpochRecord, Run};

/// A small network, and few batches.
fn config(changes: &[(&str, &str)]) -> Config {
    let small = [
        ("layers.0.size", "6"),
        ("layers.1.weights.mean", "4"),
        ("batch_size", "500"),
        ("epochs", "2"),
    ];
    Config::default().with(&small).unwrap().0.with(changes).unwrap().0
}

fn start(config: &Config) -> Run {
    Run::new(config, Settings::default()).unwrap()
}

fn epoch(run: &mut Run) -> EpochRecord {
    let record = run.epoch(&mut ()).unwrap().continue_value().unwrap();
    EpochRecord { seconds: 0.0, ..record }
}

/// A hidden layer of each quadratic model, whose weights are large enough for spikes.
const HIDDEN: [[(&str, &str); 2]; 2] = [
    [("layers.0.model", "qif"), ("layers.0.weights.mean", "4")],
    [("layers.0.model", "qif_delta"), ("layers.0.weights.mean", "0.5")],
];

#[test]
fn hidden_layers_of_quadratic_neurons_learn_and_go_on_with_the_same_bits() {
    for model in HIDDEN {
        let rates = [("learning_rates.biases", "0.002"), ("learning_rates.tau_mem", "0.01")];
        let config = config(&[&model[..], &rates].concat());
        let mut run = start(&config);
        let before = run.classifier().parameters().clone();
        let first = epoch(&mut run);
        let checkpoint = run.checkpoint().unwrap();
        let second = epoch(&mut run);
        assert!(second.train_loss < first.train_loss, "{first:?} {second:?}");
        assert_eq!(second.warnings, Vec::<String>::new());
        for name in ["hidden.tau_mem", "hidden.i_bias", "hidden.weight"] {
            let shape: &[usize] = if name == "hidden.weight" { &[6, 5] } else { &[6] };
            assert!(checkpoint.tensor(name, shape).is_ok(), "{name}");
        }
        let after = run.classifier().parameters();
        let moved = |k: usize| {
            let numbers = before.populations[0].values().zip(after.populations[0].values());
            let (before, after) = numbers.map(|(a, b)| (a.1, b.1)).nth(k).unwrap();
            before != after
        };
        let table = before.populations[0].model().table();
        for (k, quantity) in table.quantities.iter().enumerate() {
            let is_trained = matches!(quantity.learning_rate, Some("biases" | "tau_mem"));
            assert_eq!(moved(k), is_trained, "{quantity}");
        }
        let mut resumed = Run::resume(&config, &checkpoint, Settings::default()).unwrap();
        assert_eq!(epoch(&mut resumed), second);
    }
}

#[test]
fn losses_of_spike_times_read_quadratic_outputs() {
    for (model, mean) in [("qif", "6"), ("qif_delta", "0.5")] {
        let output = [("layers.1.model", model), ("layers.1.weights.mean", mean)];
        let mut run = start(&config(&output));
        let losses = [0, 1].map(|_| epoch(&mut run).train_loss);
        assert!(losses[1] < losses[0], "{model}: {losses:?}");
    }
    let changes = [("layers.1.model", "qif"), ("loss.name", "mean-voltage-cross-entropy")];
    let message = config(&changes).validate().unwrap_err().to_string();
    assert!(message.starts_with("setting `loss.name` is mean-voltage-cross-entropy"), "{message}");
}

#[test]
fn silent_outputs_learn_where_spikes_go_on_after_the_run() {
    // Weights of zero: nothing but the inputs spikes, and only what would come after the run has a gradient.
    let silent = [
        ("layers.0.model", "qif"),
        ("layers.0.weights.mean", "1"),
        ("layers.1.model", "qif"),
        ("layers.1.weights.mean", "0"),
        ("layers.1.weights.std", "0"),
    ];
    let losses = ["false", "true"].map(|goes_on| {
        let changes = [&silent[..], &[("loss.pseudospikes", goes_on)]].concat();
        let mut run = start(&config(&changes));
        [0, 1].map(|_| {
            let record = epoch(&mut run);
            let is_silent = |warning: &String| warning.contains("neurons of layer output spiked");
            let is_named = record.warnings.iter().any(is_silent);
            assert_eq!(is_named, goes_on == "false", "{:?}", record.warnings);
            record.train_loss
        })
    });
    let [[before, after], [first, second]] = losses;
    assert_eq!(before.to_bits(), after.to_bits());
    assert!(second < first, "{first} {second}");
}

#[test]
fn what_a_layer_does_not_say_is_as_in_the_table_of_its_model() {
    for model in Model::ALL {
        let name = model.table().model;
        let layers = format!(
            r#"[{{"name": "output", "model": "{name}", "weights": {{"mean": 1, "std": 0.1}}}}]"#
        );
        let loss = if model.spikes() { "ttfs-cross-entropy" } else { "max-voltage-cross-entropy" };
        let config = config(&[("layers", &layers), ("loss.name", loss)]);
        let run = start(&config);
        for (quantity, values) in run.classifier().parameters().populations[0].values() {
            assert_eq!(*values, Values::Shared(quantity.default), "{name}: {quantity}");
        }
        // All of it is written down, and read again.
        let text = config.to_json().unwrap();
        for quantity in model.table().quantities.iter().filter(|q| !q.is_initial()) {
            assert!(text.contains(&format!("\"{}\": ", quantity.key())), "{name}: {quantity}");
        }
        assert_eq!(Config::from_json(&text).unwrap(), config);
    }
}

#[test]
fn another_model_takes_its_own_defaults_and_keeps_what_was_said() {
    let bias = |config: &Config| {
        let run = start(config);
        let hidden = &run.classifier().parameters().populations[0];
        hidden.named("params.i_bias").unwrap().get(0).to_bits()
    };
    let oscillating = config(&HIDDEN[1]);
    assert_eq!(bias(&oscillating), 1.25f64.to_bits());
    // Also where that is the default of the other.
    for said in ["1.25", "0.0"] {
        let expected = said.parse::<f64>().unwrap().to_bits();
        for model in ["lif", "qif_delta"] {
            let changes = [("layers.0.bias", said), ("layers.0.model", model)];
            assert_eq!(bias(&config(&changes)), expected, "{model}: {said}");
        }
    }
    assert_eq!(bias(&oscillating.with(&[("layers.0.model", "lif")]).unwrap().0), 0);
}

#[test]
fn every_parameter_of_a_model_may_be_said_and_drawn() {
    let drawn = r#"{"mean": 0.2, "std": 0.05, "distribution": "uniform"}"#;
    let keys = ["layers.0.v_reset", "layers.0.v_leak", "layers.0.t_ref", "layers.0.bias"];
    let changes: Vec<(&str, &str)> = keys.iter().map(|key| (*key, drawn)).collect();
    let run = start(&config(&[&changes[..], &[("layers.0.v_th", "2")]].concat()));
    let hidden = &run.classifier().parameters().populations[0];
    let mut seen: Vec<&[f64]> = Vec::new();
    for (path, unit) in [
        ("params.v_reset", 2.0),
        ("params.v_leak", 2.0),
        ("params.t_ref", 1.0),
        ("params.i_bias", 2.0),
    ] {
        let values = hidden.named(path).unwrap().as_slice();
        assert_eq!(values.len(), 6);
        // Uniform, within √3 standard deviations.
        assert!(values.iter().all(|x| (x / unit - 0.2).abs() < 0.0867), "{path}: {values:?}");
        assert!(seen.iter().all(|other| *other != values), "a stream of its own");
        seen.push(values);
    }
}

#[test]
fn a_number_of_another_model_is_said_to_have_no_effect() {
    let changes = [HIDDEN[1][0], HIDDEN[1][1], ("layers.0.tau_syn", "0.01")];
    let warnings = epoch(&mut start(&config(&changes))).warnings;
    let expected =
        "setting `layers.0.tau_syn` has no effect: the model has no such number".to_owned();
    assert_eq!(warnings, [expected]);
    let refused = |key, value| config(&[]).with(&[(key, value)]).unwrap_err().to_string();
    assert_eq!(
        refused("layers.0.tau_sin", "1"),
        "there is no setting `layers.0.tau_sin`; the nearest is `layers.0.tau_syn`"
    );
    let message = refused("layers.0.tau_mem", r#"{"mean": 1, "std": 1, "distribution": "even"}"#);
    assert!(message.starts_with("setting `layers.0.tau_mem` cannot be {"), "{message}");
    let reset = config(&[("layers.0.v_reset", "1")]).validate().unwrap_err().to_string();
    assert_eq!(reset, "setting `layers.0.v_reset` is 1, but must be below the threshold v_th");
}

#[test]
fn the_configuration_of_an_earlier_version_is_the_same_run() {
    // As it was written when each layer had five numbers, an integrator too.
    let five = r#""tau_mem": 0.02, "tau_syn": 0.005, "v_th": 1.0, "t_ref": 0.0, "bias": 0.0"#;
    let layers = format!(
        r#"[{{"name": "hidden", "size": 6, "model": "lif", {five}, "weights": {{"mean": 1.5, "std": 0.78}}}},
            {{"name": "output", "model": "li", {five}, "weights": {{"mean": 0.93, "std": 0.1}}}}]"#
    );
    let old = config(&[("loss.name", "max-voltage-cross-entropy"), ("layers", &layers)]);
    let new = config(&[
        ("loss.name", "max-voltage-cross-entropy"),
        ("layers.1.weights.mean", "0.93"),
        ("layers.1.model", "li"),
    ]);
    assert_eq!(old, new);
    old.check_continues(&new).unwrap();
}
