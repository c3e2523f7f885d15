//! A network that is written and read again is the same: the same numbers, and the same spikes.

use crate::support::{Numbers, spikes};
use spikegrad::network::Model;
use spikegrad::{Network, Parameters, Values};
use spikegrad_nir::{Convention, Import, ReadOptions, read_with, write};

/// A factor, its inverse and a product, each rounded.
const ROUNDED: f64 = 4.0 * f64::EPSILON;

/// Two layers of neurons with their own numbers, a loop, delays of all kinds that NIR has, and a read-out.
pub(crate) fn network() -> (Network, Parameters) {
    let mut numbers = Numbers(7);
    let mut weights = |count: usize, mean: f64, size: f64| -> Vec<f64> {
        numbers.by_ref().take(count).map(|x| mean + size * x).collect()
    };
    let (first, second, loops, last) =
        (weights(20, 1.0, 1.0), weights(12, 1.0, 2.0), weights(9, 0.0, 0.3), weights(6, 0.0, 1.0));
    Network::builder()
        .inputs(5)
        .lif("hidden", 4)
        .with("tau_mem", vec![0.011, 0.013, 0.017, 0.019])
        .with("tau_syn", 0.006)
        .with("v_leak", 0.1)
        .with("v_reset", -0.2)
        .lif("middle", 3)
        .with("tau_mem", 0.02)
        .with("tau_syn", vec![0.004, 0.005, 0.007])
        .with("v_th", vec![0.8, 1.0, 1.1])
        .li("out", 2)
        .with("tau_mem", 0.015)
        .with("tau_syn", 0.005)
        .dense("input", "hidden", first)
        .delay(0.001)
        .dense("hidden", "middle", second)
        .delay([0.001, 0.002, 0.003, 0.004].repeat(3))
        .dense("middle", "middle", loops)
        .delay(vec![0.005, 0.005, 0.005, 0.006, 0.006, 0.006, 0.007, 0.007, 0.007])
        .dense("middle", "out", last)
        .build()
        .unwrap()
}

pub(crate) fn input() -> Vec<(usize, f64)> {
    (0..40).map(|k| (k % 5, 0.0013 * f64::from(u32::try_from(k).unwrap()))).collect()
}

fn there_and_back(network: &Network, parameters: &Parameters, convention: Convention) -> Import {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("network.nir");
    write(network, parameters, &path, convention).unwrap();
    let dt = match convention {
        Convention::Continuous => None,
        Convention::Discrete { dt } => Some(dt),
    };
    read_with(&path, ReadOptions { dt }).unwrap()
}

#[test]
fn the_continuous_convention_keeps_every_bit() {
    let (network, parameters) = network();
    let import = there_and_back(&network, &parameters, Convention::Continuous);
    assert_eq!(import.network, network);
    assert_eq!(import.parameters, parameters);
    let times = |parameters| spikes(&network, parameters, &input(), 0.1);
    assert!(times(&parameters).len() > 20);
    assert_eq!(times(&import.parameters), times(&parameters));
}

#[test]
fn the_discrete_convention_keeps_the_network_to_rounding() {
    let (network, parameters) = network();
    let dt = 3e-4;
    let import = there_and_back(&network, &parameters, Convention::Discrete { dt });
    assert_eq!(import.network, network);
    assert_eq!(import.convention, Convention::Discrete { dt });
    for (found, expected) in import.parameters.to_vec().iter().zip(parameters.to_vec()) {
        assert!((found - expected).abs() <= ROUNDED * expected.abs(), "{found} {expected}");
    }
    // Without being told the step it is found in the file.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("network.nir");
    write(&network, &parameters, &path, Convention::Discrete { dt }).unwrap();
    let Convention::Discrete { dt: found } = spikegrad_nir::read(&path).unwrap().convention else {
        panic!("the step is not recognised");
    };
    assert!((found / dt - 1.0).abs() < ROUNDED, "{found}");
}

#[test]
fn neurons_with_delta_synapses_come_back() {
    let (network, parameters) = Network::builder()
        .inputs(2)
        .population("a", Model::named("lif_delta").unwrap(), 2)
        .with("tau_mem", vec![0.01, 0.02])
        .with("v_leak", 0.4)
        .sparse("input", "a", [(0, 0, 0.5), (1, 1, 0.25)])
        .delay(0.002)
        .build()
        .unwrap();
    let import = there_and_back(&network, &parameters, Convention::Continuous);
    assert_eq!(import.parameters.populations, parameters.populations);
    assert_eq!(import.parameters.connections[0].weights, [0.5, 0.0, 0.0, 0.25]);
    assert_eq!(import.parameters.connections[0].delay, Values::Shared(0.002));
    let import = there_and_back(&network, &parameters, Convention::Discrete { dt: 1e-3 });
    for (found, expected) in
        import.parameters.connections[0].weights.iter().zip([0.5, 0.0, 0.0, 0.25])
    {
        assert!((found - expected).abs() <= ROUNDED * expected, "{found} {expected}");
    }
}

/// A constant current becomes the leak potential; one that the synapse counters at first, the bias of an Affine.
#[test]
fn constant_currents_come_back_as_what_is_equal() {
    let (network, parameters) = Network::builder()
        .inputs(1)
        .lif("a", 2)
        .with("tau_mem", 0.01)
        .with("tau_syn", 0.005)
        .with("v_leak", 0.25)
        .with("i_bias", vec![1.5, 0.75])
        .with("initial.i", vec![-1.5, 0.0])
        .dense("input", "a", vec![3.0, 4.0])
        .lif("alone", 1)
        .with("tau_mem", 0.01)
        .with("tau_syn", 0.005)
        .with("i_bias", 2.0)
        .with("initial.i", -2.0)
        .build()
        .unwrap();
    let import = there_and_back(&network, &parameters, Convention::Continuous);
    let a = &import.parameters.populations[0];
    assert_eq!(a.named("params.v_leak"), Some(&Values::Each(vec![0.25, 1.0])));
    let bias = a.named("params.i_bias").unwrap();
    assert!((bias.get(0) / 1.5 - 1.0).abs() <= ROUNDED && bias.get(1) == 0.0, "{bias:?}");
    assert_eq!(import.network.connections().len(), 2);
    let (found, expected) = (
        spikes(&import.network, &import.parameters, &[(0, 0.01)], 0.1),
        spikes(&network, &parameters, &[(0, 0.01)], 0.1),
    );
    assert!(expected.len() > 4 && found.len() == expected.len());
    for ((who, time), (expected_who, expected)) in found.iter().zip(&expected) {
        assert!(who == expected_who && (time - expected).abs() < 1e-15, "{time} {expected}");
    }
}

#[test]
fn a_membrane_that_does_not_leak_is_written_as_an_if() {
    use crate::support::{chain, import, input, integrate_and_fire, linear};
    let graph =
        chain(vec![input("input", &[1.0]), linear("w", &[&[0.5]]), integrate_and_fire("a")]);
    let first = import(&graph).unwrap();
    let written = spikegrad_nir::Graph::from_network(
        &first.network,
        &first.parameters,
        Convention::Continuous,
    )
    .unwrap();
    assert!(written.nodes().iter().any(|node| node.kind == spikegrad_nir::Kind::IF));
    let second = import(&written).unwrap();
    assert_eq!((second.network, second.parameters), (first.network, first.parameters));
}
