//! Layers that see images through windows: what they are made of, what is trained of them, and what is refused.
#![expect(clippy::unwrap_used, reason = "a test that cannot set itself up should panic")]

use spikegrad::{AvgPool2d, Conv2d, Settings, Source, Synapses};
use spikegrad_train::fit::Classifier;
use spikegrad_train::{Config, Run};

/// Four points as an image of 2 × 2, convolved to 4 × 3 × 3, averaged to 4 × 2 × 2, and read by three classes.
const LAYERS: &str = r#"[
    {"name": "features", "kind": {"name": "conv2d", "input_shape": [1, 2, 2], "out_channels": 4, "kernel_size": 2, "padding": 1},
     "model": "lif", "tau_mem": 0.02, "tau_syn": 0.005, "weights": {"mean": 3, "std": 1}, "delays": {"mean": 0.001, "std": 0.001}},
    {"name": "pooled", "kind": {"name": "avg_pool2d", "kernel_size": 2, "stride": 1}, "model": "lif", "tau_mem": 0.02, "tau_syn": 0.005,
     "v_th": 0.5, "weights": {"mean": 16, "std": 0}},
    {"name": "output", "model": "lif", "tau_mem": 0.02, "tau_syn": 0.005, "weights": {"mean": 2, "std": 0.5}}]"#;

fn config(changes: &[(&str, &str)]) -> Config {
    let small = [("layers", LAYERS), ("batch_size", "100"), ("epochs", "2")];
    Config::default().with(&small).unwrap().0.with(changes).unwrap().0
}

fn start(changes: &[(&str, &str)]) -> Run {
    Run::new(&config(changes), Settings::default()).unwrap()
}

#[test]
fn windows_are_the_connections_that_they_say() {
    let run = start(&[]);
    let (network, parameters) = (run.classifier().network(), run.classifier().parameters());
    let conv =
        Conv2d { input_shape: [1, 2, 2], out_channels: 4, kernel_size: 2, stride: 1, padding: 1 };
    let pool = AvgPool2d { input_shape: [4, 3, 3], kernel_size: 2, stride: 1, padding: 0 };
    let sizes: Vec<usize> = network.populations().iter().map(|p| p.size).collect();
    assert_eq!(sizes, [4 * 3 * 3, 4 * 2 * 2, 3]);
    for (k, synapses) in [conv.synapses().unwrap(), pool.synapses().unwrap()].iter().enumerate() {
        let connection = &network.connections()[k];
        let Synapses::Sparse(list) = &connection.synapses else { panic!("dense") };
        let found: Vec<_> =
            (0..list.len()).map(|s| (list[s].pre, list[s].post, connection.weight_of(s))).collect();
        let expected = synapses.iter().map(|&(pre, post, weight)| (pre, post, weight as usize));
        assert_eq!(found, expected.collect::<Vec<_>>());
    }
    assert_eq!(network.connections()[0].from, Source::Input);
    assert_eq!(parameters.connections[0].weights.len(), 4 * 4);
    assert_eq!(parameters.connections[0].delay.as_slice().len(), 4 * 4);
    // 16 thresholds of a half over a window of four.
    assert_eq!(parameters.connections[1].weights, [2.0]);
    let checkpoint = run.checkpoint().unwrap();
    assert!(checkpoint.tensor("features.weight", &[4, 1, 2, 2]).is_ok());
    assert!(checkpoint.tensor("features.delay", &[4, 1, 2, 2]).is_ok());
    assert!(checkpoint.tensor("pooled.weight", &[1]).is_ok());
    // Its sizes can be told from it, without the data.
    let alone = Classifier::of_checkpoint(&checkpoint).unwrap();
    assert_eq!((alone.network(), alone.parameters()), (network, parameters));
}

#[test]
fn kernels_are_trained_and_averages_only_where_their_layer_says_so() {
    let trained = |changes: &[(&str, &str)]| {
        let mut run = start(changes);
        let weights = |run: &Run| {
            let connections = &run.classifier().parameters().connections;
            [0, 1].map(|k| connections[k].weights.clone())
        };
        let before = weights(&run);
        let losses =
            [0, 1].map(|_| run.epoch(&mut ()).unwrap().continue_value().unwrap().train_loss);
        assert!(losses[1] < losses[0], "{losses:?}");
        let after = weights(&run);
        assert_ne!(before[0], after[0]);
        before[1] != after[1]
    };
    assert!(!trained(&[]));
    assert!(trained(&[("layers.1.learning_rates", r#"{"weights": 0.01}"#)]));
    // A push of silent neurons reaches kernels through all of their synapses.
    let pushes = [
        ("regularisers.wake_silent", r#"{"push": 0.01, "after": 1}"#),
        (
            "regularisers.rate",
            r#"{"population": "features", "strength": 0.1, "lowest": 1, "highest": 2}"#,
        ),
    ];
    let record = start(&pushes).epoch(&mut ()).unwrap().continue_value().unwrap();
    assert!(record.push_norm > 0.0);
}

#[test]
fn what_does_not_fit_is_refused_by_its_key() {
    for (changes, expected) in [
        (
            ("layers.0.kind.input_shape", "null"),
            "setting `layers.0.kind.input_shape` is null, but must be [channels, height, width], where the layer before is not one of images",
        ),
        (
            ("layers.0.kind.input_shape", "[1, 3, 2]"),
            "setting `layers.0.kind.input_shape` is [1, 3, 2] for 4 input channels, but must be as many pixels as the samples have",
        ),
        (
            ("layers.1.kind.input_shape", "[4, 9, 1]"),
            "setting `layers.1.kind.input_shape` is [4, 9, 1] after [4, 3, 3], but must be that of the layer before, or null",
        ),
        (
            ("layers.1.kind.kernel_size", "4"),
            "setting `layers.1.kind.kernel_size` is 4 over 3 pixels, but must be no more than the height and the width that it sees, with the padding",
        ),
        (
            ("layers.0.kind.stride", "0"),
            "setting `layers.0.kind.stride` is 0, but must be from 1 to 1000000",
        ),
        (
            ("layers.0.size", "30"),
            "setting `layers.0.size` is 30 beside 36 windows, but must be the number of its windows, or null",
        ),
        (
            ("layers.0.kind.padding", "1000000"),
            "setting `layers.0.kind` is a larger one over [1, 2, 2], but must be one with at most 1000000 neurons and 4294967295 synapses",
        ),
        (
            ("layers.2.kind", r#"{"name": "conv2d", "out_channels": 3, "kernel_size": 1}"#),
            "setting `layers.2.size` is 12, but must be the number of classes, or null",
        ),
    ] {
        let mut config = config(&[]);
        let refused = config.set(changes.0, changes.1).map(|_| ());
        let refused = refused.and_then(|()| Run::new(&config, Settings::default()).map(|_| ()));
        assert_eq!(refused.unwrap_err().to_string(), expected);
    }
}
