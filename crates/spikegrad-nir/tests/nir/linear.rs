//! What lies between neurons: products, delays, biases, windows, nested graphs.

use crate::support::{
    affine, chain, import, input, integrate_and_fire, linear, list, node, spikes,
};
use spikegrad::{Source, Synapses, Values};
use spikegrad_nir::{Array, Graph, Kind, Node, ReadOptions};

/// The matrix of a connection, with zeros where it joins nothing.
fn matrix(import: &spikegrad_nir::Import, k: usize) -> Vec<f64> {
    let (n_pre, n_post) = import.network.shape(k);
    let connection = &import.network.connections()[k];
    let weights = &import.parameters.connections[k].weights;
    let Synapses::Sparse(list) = &connection.synapses else { return weights.clone() };
    let mut matrix = vec![0.0; n_pre * n_post];
    for (s, synapse) in list.iter().enumerate() {
        matrix[synapse.post * n_pre + synapse.pre] += weights[connection.weight_of(s)];
    }
    matrix
}

#[test]
fn weights_scales_and_biases_are_multiplied_out() {
    let graph = chain(vec![
        input("in", &[2.0]),
        affine("a", &[&[1.0, 2.0], &[3.0, 4.0], &[5.0, 6.0]], &[1.0, 0.0, -1.0]),
        node("scale", Kind::Scale, &[("scale", &[1.0, 10.0, 100.0])]),
        affine("b", &[&[1.0, 1.0, 1.0], &[2.0, 0.0, 1.0]], &[0.5, 0.25]),
        node(
            "lif",
            Kind::LIF,
            &[("tau", &[0.01]), ("r", &[0.01]), ("v_leak", &[0.0]), ("v_threshold", &[1.0])],
        ),
    ]);
    let of = import(&graph).unwrap();
    // B S A and B S a + b by hand; the drive of a LIF is r times that.
    assert_eq!(matrix(&of, 0), [531.0, 642.0, 502.0, 604.0]);
    let bias = of.parameters.populations[0].named("params.i_bias").unwrap();
    assert_eq!(*bias, Values::Each(vec![0.01 * (1.0 - 100.0 + 0.5), 0.01 * (2.0 - 100.0 + 0.25)]));
}

#[test]
fn paths_of_one_pair_become_connections_and_a_bias_counts_once() {
    // in → a → lif, in → b → a: what enters a is added, and its bias is there once.
    let nodes = vec![
        input("in", &[1.0]),
        affine("a", &[&[2.0]], &[7.0]),
        linear("b", &[&[3.0]]),
        node(
            "lif",
            Kind::LIF,
            &[("tau", &[1.0]), ("r", &[1.0]), ("v_leak", &[0.0]), ("v_threshold", &[1.0])],
        ),
        Node::new("out", Kind::Output),
    ];
    let edges = [("in", "a"), ("in", "b"), ("b", "a"), ("a", "lif"), ("lif", "out")];
    let of = import(&Graph::new(nodes, &edges).unwrap()).unwrap();
    let weights: Vec<f64> = of.parameters.connections.iter().map(|c| c.weights[0]).collect();
    assert_eq!(weights, [6.0, 2.0]);
    assert_eq!(of.parameters.populations[0].named("params.i_bias"), Some(&Values::Shared(7.0)));
    assert!(of.notes.contains(&"the Output node out shows lif".to_owned()), "{:?}", of.notes);
}

#[test]
fn delays_before_and_behind_weights_add_up() {
    let delay = |name, values: &[f64]| node(name, Kind::Delay, &[("delay", values)]);
    let graph = chain(vec![
        input("in", &[2.0]),
        delay("d1", &[0.001, 0.002]),
        linear("w", &[&[1.0, 2.0], &[3.0, 4.0]]),
        delay("d2", &[0.01, 0.02]),
        delay("d3", &[0.1]),
        integrate_and_fire("if"),
    ]);
    let of = import(&graph).unwrap();
    let Values::Each(found) = &of.parameters.connections[0].delay else { panic!() };
    for (found, expected) in found.iter().zip([0.111, 0.112, 0.121, 0.122]) {
        assert!((found - expected).abs() < 1e-16, "{found} {expected}");
    }
}

#[test]
fn a_delay_between_weights_must_be_one() {
    let between = |values: &[f64]| {
        chain(vec![
            input("in", &[1.0]),
            linear("a", &[&[1.0], &[1.0]]),
            node("d", Kind::Delay, &[("delay", values)]),
            node("scale", Kind::Scale, &[("scale", &[1.0])]),
            linear("b", &[&[1.0, 1.0]]),
            integrate_and_fire("if"),
        ])
    };
    assert_eq!(
        import(&between(&[0.01, 0.01])).unwrap().parameters.connections[0].delay,
        Values::Shared(0.01)
    );
    let error = import(&between(&[0.01, 0.02])).unwrap_err().to_string();
    assert!(error.contains("delays of node d differ"), "{error}");
}

#[test]
fn several_inputs_stand_one_behind_the_other() {
    let nodes = vec![
        input("b", &[2.0]),
        input("a", &[1.0]),
        linear("wa", &[&[1.0]]),
        linear("wb", &[&[2.0, 3.0]]),
        integrate_and_fire("if"),
    ];
    let edges = [("a", "wa"), ("b", "wb"), ("wa", "if"), ("wb", "if")];
    let of = import(&Graph::new(nodes, &edges).unwrap()).unwrap();
    assert_eq!(of.network.inputs(), 3);
    assert_eq!(matrix(&of, 0), [1.0, 0.0, 0.0]);
    assert_eq!(matrix(&of, 1), [0.0, 2.0, 3.0]);
    assert!(of.notes.iter().any(|note| note.contains("a from 0, b from 1")), "{:?}", of.notes);
}

#[test]
fn an_edge_between_neurons_is_one_to_one_and_loops_are_allowed() {
    let nodes = vec![
        input("in", &[2.0]),
        integrate_and_fire("a"),
        node("b", Kind::IF, &[("r", &[2.0]), ("v_threshold", &[1.0, 1.0])]),
    ];
    let edges = [("in", "a"), ("a", "b"), ("b", "b")];
    let of = import(&Graph::new(nodes, &edges).unwrap()).unwrap();
    assert_eq!(of.network.populations()[0].size, 2);
    let from: Vec<Source> = of.network.connections().iter().map(|c| c.from).collect();
    assert_eq!(from, [Source::Input, Source::Population(0), Source::Population(1)]);
    assert_eq!(matrix(&of, 1), [2.0, 0.0, 0.0, 2.0]);
}

/// A convolution by its definition, and the same behind a pool.
#[test]
fn convolutions_and_pools_are_their_definitions() {
    let weight: Vec<f64> = (1..=12).map(f64::from).collect();
    let conv = |stride: &[f64], padding: &[f64], dilation: &[f64]| {
        node(
            "conv",
            Kind::Conv2d,
            &[
                ("stride", stride),
                ("padding", padding),
                ("dilation", dilation),
                ("groups", &[1.0]),
                ("bias", &[0.0, 0.0]),
            ],
        )
        .with("weight", Array { shape: vec![2, 1, 3, 2], values: weight.clone() })
    };
    let at = |y: usize, x: usize, ky: usize, kx: usize, [s, p, d]: [[usize; 2]; 3]| {
        let row = (y * s[0] + ky * d[0]).checked_sub(p[0])?;
        let column = (x * s[1] + kx * d[1]).checked_sub(p[1])?;
        (row < 6 && column < 5).then_some(row * 5 + column)
    };
    for (s, p, d, rows, columns) in [
        ([1, 1], [0, 0], [1, 1], 4, 4),
        ([2, 1], [1, 2], [1, 2], 3, 7),
        ([1, 2], [0, 1], [2, 1], 2, 3),
    ] {
        let floats = |list: [usize; 2]| list.map(|n| f64::from(u32::try_from(n).unwrap()));
        let graph = chain(vec![
            input("in", &[1.0, 6.0, 5.0]),
            conv(&floats(s), &floats(p), &floats(d)),
            integrate_and_fire("if"),
        ]);
        let of = import(&graph).unwrap();
        assert_eq!(of.network.populations()[0].size, 2 * rows * columns);
        let mut expected = vec![0.0; 2 * rows * columns * 30];
        for (k, w) in weight.iter().enumerate() {
            let (out, ky, kx) = (k / 6, k / 2 % 3, k % 2);
            for (y, x) in (0..rows).flat_map(|y| (0..columns).map(move |x| (y, x))) {
                if let Some(pre) = at(y, x, ky, kx, [s, p, d]) {
                    expected[((out * rows + y) * columns + x) * 30 + pre] += w;
                }
            }
        }
        assert_eq!(matrix(&of, 0), expected);
        assert_eq!(of.parameters.connections[0].weights.len(), 12);
    }
}

#[test]
fn an_average_in_front_of_weights_divides_them() {
    let pool = node(
        "pool",
        Kind::AvgPool2d,
        &[("kernel_size", &[2.0, 2.0]), ("stride", &[2.0, 2.0]), ("padding", &[0.0, 0.0])],
    );
    let graph = chain(vec![
        input("in", &[1.0, 2.0, 4.0]),
        pool,
        Node::new("flat", Kind::Flatten),
        linear("w", &[&[4.0, 8.0]]),
        integrate_and_fire("if"),
    ]);
    let of = import(&graph).unwrap();
    assert_eq!(matrix(&of, 0), [1.0, 1.0, 2.0, 2.0, 1.0, 1.0, 2.0, 2.0]);
    assert_eq!(of.parameters.connections[0].weights, [1.0, 2.0]);
}

/// Grouped, along one dimension, and with the padding that leaves the length as it is.
#[test]
fn a_convolution_of_one_dimension_sees_its_group_alone() {
    let conv = node(
        "conv",
        Kind::Conv1d,
        &[("stride", &[1.0]), ("dilation", &[1.0]), ("groups", &[2.0]), ("bias", &[1.0, 2.0])],
    )
    .with("weight", Array { shape: vec![2, 1, 3], values: vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0] });
    let mut conv = conv;
    conv.fields.insert("padding".into(), spikegrad_nir::Field::Text("same".into()));
    let lif = node(
        "lif",
        Kind::LIF,
        &[("tau", &[1.0]), ("r", &[1.0]), ("v_leak", &[0.0]), ("v_threshold", &[9.0])],
    );
    let of = import(&chain(vec![input("in", &[2.0, 2.0]), conv, lif])).unwrap();
    assert_eq!(
        matrix(&of, 0),
        [2.0, 3.0, 0.0, 0.0, 1.0, 2.0, 0.0, 0.0, 0.0, 0.0, 5.0, 6.0, 0.0, 0.0, 4.0, 5.0]
    );
    let bias = of.parameters.populations[0].named("params.i_bias").unwrap();
    assert_eq!(*bias, Values::Each(vec![1.0, 1.0, 2.0, 2.0]));
}

/// A membrane that does not leak holds what it has, whatever the time: two halves of the threshold make a spike.
#[test]
fn an_if_does_not_leak() {
    let graph = chain(vec![input("in", &[1.0]), linear("w", &[&[0.5]]), integrate_and_fire("if")]);
    let of = spikegrad_nir::Import::of(&graph, ReadOptions::default()).unwrap();
    let times = spikes(&of.network, &of.parameters, &[(0, 0.1), (0, 1e6)], 2e6);
    assert_eq!(times, [(0, 1e6)]);
    assert_eq!(list(&[1.0]).shape, [1]);
}
