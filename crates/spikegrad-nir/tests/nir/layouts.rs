//! What files of several versions have and leave out: nested graphs, numbers of 32 bits, single numbers, missing ones.

use hdf5_pure::{FileBuilder, GroupBuilder};
use spikegrad::{Source, Values};
use spikegrad_nir::{NirError, read};

/// The parts of a graph with these edges, before its nodes.
fn graph(group: &mut GroupBuilder, edges: &[(&str, &str)]) {
    group.create_dataset("type").with_vlen_strings(&["NIRGraph"]).with_shape(&[]);
    let ends: Vec<&str> = edges.iter().flat_map(|&(from, to)| [from, to]).collect();
    group.create_dataset("edges").with_vlen_strings(&ends).with_shape(&[edges.len() as u64, 2]);
}

/// A node of a type, with numbers of 32 bits in a shape each.
fn node(parent: &mut GroupBuilder, name: &str, kind: &str, fields: &[(&str, &[u64], &[f32])]) {
    let mut group = parent.create_group(name);
    group.create_dataset("type").with_vlen_strings(&[kind]).with_shape(&[]);
    for (field, shape, values) in fields {
        group.create_dataset(field).with_f32_data(values).with_shape(shape);
    }
    parent.add_group(group.finish());
}

/// A nested graph of a neuron with a loop, `w_in` and `v_reset` missing, single numbers for all.
fn nested(inner_edge: (&str, &str)) -> Result<spikegrad_nir::Import, NirError> {
    let mut file = FileBuilder::new();
    let mut outer = file.create_group("node");
    graph(&mut outer, &[("input", "fc"), ("fc", "layer"), ("layer", "output")]);
    let mut nodes = outer.create_group("nodes");
    node(&mut nodes, "input", "Input", &[("shape", &[1], &[1.0])]);
    node(&mut nodes, "output", "Output", &[("shape", &[1], &[2.0])]);
    node(&mut nodes, "fc", "Linear", &[("weight", &[2, 1], &[0.1, 0.2])]);
    let mut layer = nodes.create_group("layer");
    graph(&mut layer, &[("in", "lif"), inner_edge, ("rec", "lif"), ("lif", "out")]);
    let mut inner = layer.create_group("nodes");
    node(&mut inner, "in", "Input", &[("shape", &[1], &[2.0])]);
    node(&mut inner, "out", "Output", &[("shape", &[1], &[2.0])]);
    node(&mut inner, "rec", "Linear", &[("weight", &[2, 2], &[0.0, 1.0, 2.0, 0.0])]);
    node(
        &mut inner,
        "lif",
        "CubaLIF",
        &[
            ("tau_mem", &[], &[0.02]),
            ("tau_syn", &[], &[0.5]),
            ("r", &[1], &[1.0]),
            ("v_leak", &[2], &[0.0, 0.25]),
            ("v_threshold", &[], &[1.0]),
        ],
    );
    layer.add_group(inner.finish());
    nodes.add_group(layer.finish());
    outer.add_group(nodes.finish());
    file.add_group(outer.finish());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("nested.nir");
    file.write(&path).unwrap();
    read(&path)
}

#[test]
fn nested_graphs_are_flattened_and_what_is_missing_has_its_default() {
    let import = nested(("lif", "rec")).unwrap();
    let population = &import.network.populations()[0];
    assert_eq!((population.name.as_str(), population.size), ("layer.lif", 2));
    let from: Vec<Source> = import.network.connections().iter().map(|c| c.from).collect();
    assert_eq!(from, [Source::Input, Source::Population(0)]);
    // w_in is 1 where it is missing, and numbers of 32 bits are widened as they are.
    let [first, loops] = &import.parameters.connections[..] else { panic!() };
    assert_eq!(first.weights, [f64::from(0.1f32) * 2.0, f64::from(0.2f32) * 2.0]);
    assert_eq!(loops.weights, [0.0, 2.0, 4.0, 0.0]);
    let named = |path| import.parameters.populations[0].named(path).unwrap();
    assert_eq!(*named("params.v_reset"), Values::Shared(0.0));
    assert_eq!(*named("params.v_leak"), Values::Each(vec![0.0, 0.25]));
    assert_eq!(*named("params.tau_mem"), Values::Shared(f64::from(0.02f32)));
    assert!(
        import.notes.contains(&"the Output node output shows layer.lif".to_owned()),
        "{:?}",
        import.notes
    );
}

#[test]
fn an_edge_of_a_nested_graph_without_its_node_names_the_graph() {
    let error = nested(("lif", "w_rec")).unwrap_err().to_string();
    for word in ["from lif to w_rec", "the graph layer", "in, lif, out, rec"] {
        assert!(error.contains(word), "{error}");
    }
}
