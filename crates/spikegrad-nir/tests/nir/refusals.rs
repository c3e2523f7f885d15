//! What cannot be read or written is refused by its name, with the reason.

use crate::support::{affine, chain, import, input, integrate_and_fire, linear, node, shared};
use spikegrad::Network;
use spikegrad::network::Model;
use spikegrad_nir::{Convention, Graph, Kind, Node, ReadOptions, read, write};

const LIF: [(&str, &[f64]); 4] =
    [("tau", &[0.01]), ("r", &[1.0]), ("v_leak", &[0.0]), ("v_threshold", &[1.0])];

fn lif(name: &str) -> Node {
    node(name, Kind::LIF, &LIF)
}

#[test]
fn graphs_are_refused_by_the_name_of_a_node() {
    let refused = |graph: Result<Graph, spikegrad_nir::NirError>, words: &[&str]| {
        let error = graph.and_then(|graph| import(&graph)).unwrap_err().to_string();
        assert!(words.iter().all(|word| error.contains(word)), "{error}");
    };
    let one = || input("in", &[1.0]);
    let threshold = node("edge", Kind::Threshold, &[("threshold", &[1.0])]);
    refused(Ok(chain(vec![one(), threshold])), &["node edge is a Threshold", "take a LIF"]);
    let li = node("li", Kind::LI, &LIF[..3]);
    refused(Ok(chain(vec![one(), li])), &["node li is a LI", "CubaLI"]);
    refused(
        Ok(chain(vec![one(), linear("w", &[&[1.0]]), Node::new("out", Kind::Output)])),
        &["node w", "leads to no neuron"],
    );
    refused(Graph::new(vec![one()], &[("in", "x")]), &["edge from in to x"]);
    refused(Graph::new(vec![one(), one()], &[("in", "in")]), &["two nodes are called in"]);
    refused(
        Ok(chain(vec![input("in", &[3.0]), linear("w", &[&[1.0, 2.0]]), lif("lif")])),
        &["output of node in has 3 entries where 2"],
    );
    refused(
        Ok(chain(vec![
            one(),
            linear("w", &[&[1.0], &[1.0]]),
            node("lif", Kind::LIF, &[("tau", &[0.01, 0.01, 0.02]), LIF[1], LIF[2], LIF[3]]),
        ])),
        &["node w has 2 entries where 3"],
    );
    refused(
        Ok(chain(vec![one(), node("lif", Kind::LIF, &LIF[..3])])),
        &["node lif is a LIF without v_threshold"],
    );
    refused(
        Ok(chain(vec![
            one(),
            node("lif", Kind::LIF, &[LIF[0], LIF[1], LIF[2], LIF[3], ("v_reset", &[2.0])]),
        ])),
        &["node lif", "v_reset", "below the threshold"],
    );
    refused(
        Ok(chain(vec![one(), node("lif", Kind::LIF, &[("tau", &[-1.0]), LIF[1], LIF[2], LIF[3]])])),
        &["node lif", "tau_mem", "-1.0"],
    );
    refused(
        Ok(chain(vec![one(), node("d", Kind::Delay, &[("delay", &[-0.1])]), lif("lif")])),
        &["delay of node d is -0.1"],
    );
    refused(Ok(chain(vec![input("in", &[1.5]), lif("lif")])), &["shape of node in is 1.5"]);
    refused(
        Ok(chain(vec![input("in", &[1e9]), integrate_and_fire("if")])),
        &["the Input nodes", "1000000000"],
    );
    let edges = [("in", "a"), ("a", "b"), ("b", "a"), ("a", "lif")];
    let scale = |name| node(name, Kind::Scale, &[("scale", &[1.0])]);
    refused(
        Graph::new(vec![one(), scale("a"), scale("b"), lif("lif")], &edges),
        &["node a feeds itself"],
    );
    let cuba =
        node("cuba", Kind::CubaLI, &[("tau_mem", &[0.01]), ("tau_syn", &[0.02]), LIF[1], LIF[2]]);
    refused(
        Ok(chain(vec![one(), cuba, affine("w", &[&[1.0]], &[0.0]), lif("lif")])),
        &["node cuba is a CubaLI", "drives w"],
    );
    let graph = chain(vec![one(), lif("lif")]);
    let error = spikegrad_nir::Import::of(&graph, ReadOptions { dt: Some(0.0) }).unwrap_err();
    assert!(error.to_string().contains("dt is 0.0"), "{error}");
}

/// Thirty doublings are a billion paths: refused at once.
#[test]
fn too_many_paths_are_refused_before_they_are_followed() {
    let scale = |name: &str| node(name, Kind::Scale, &[("scale", &[1.0])]);
    let mut nodes = vec![input("in", &[1.0]), scale("s0")];
    let mut edges = vec![("in".to_owned(), "s0".to_owned())];
    for k in 0..30 {
        let (from, to) = (format!("s{k}"), format!("s{}", k + 1));
        for way in ["a", "b"] {
            let between = format!("{way}{k}");
            nodes.push(scale(&between));
            edges.push((from.clone(), between.clone()));
            edges.push((between, to.clone()));
        }
        nodes.push(scale(&to));
    }
    nodes.push(lif("lif"));
    edges.push(("s30".into(), "lif".into()));
    let error = import(&Graph::new(nodes, &edges).unwrap()).unwrap_err().to_string();
    assert!(error.contains("paths through linear nodes lead to node lif"), "{error}");
}

#[test]
fn networks_are_refused_by_the_name_of_a_population() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("network.nir");
    let refused = |builder: spikegrad::NetworkBuilder, words: &[&str]| {
        let (network, parameters) = builder.build().unwrap();
        let error =
            write(&network, &parameters, &path, Convention::Continuous).unwrap_err().to_string();
        assert!(words.iter().all(|word| error.contains(word)), "{error}");
        assert!(!path.exists());
    };
    let lif =
        || Network::builder().inputs(2).lif("a", 2).with("tau_mem", 0.01).with("tau_syn", 0.005);
    refused(lif().with("t_ref", 0.001), &["population a", "refractory"]);
    refused(lif().with("initial.v", 0.1), &["population a", "initial.v"]);
    refused(lif().with("initial.i", 0.1), &["population a", "initial.i"]);
    refused(Network::builder().lif("a/b", 1), &["population a/b", "slash"]);
    refused(
        Network::builder().lif("a", 1).receptors([("x", 0.1), ("y", 0.2)]),
        &["population a", "receptors"],
    );
    refused(
        Network::builder().population("q", Model::named("qif").unwrap(), 1),
        &["population q", "model"],
    );
    let delays = lif().dense("input", "a", vec![1.0; 4]).delay(vec![0.1, 0.2, 0.3, 0.4]);
    refused(delays, &["from input to a", "delays"]);
    let (network, parameters) = lif().build().unwrap();
    for dt in [0.0, 0.005, f64::NAN] {
        let error = write(&network, &parameters, &path, Convention::Discrete { dt }).unwrap_err();
        assert!(
            error.to_string().contains("shorter than the time constants of population a"),
            "{error}"
        );
    }
}

#[test]
fn files_that_are_none_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("no.nir");
    let refused = |word: &str| {
        let error = read(&path).unwrap_err().to_string();
        assert!(error.contains("no.nir") && error.contains(word), "{error}");
    };
    refused("cannot read");
    std::fs::write(&path, b"not HDF5").unwrap();
    refused("HDF5");
    let mut file = hdf5_pure::FileBuilder::new();
    file.create_dataset("x").with_f64_data(&[1.0]);
    file.write(&path).unwrap();
    let error = read(&path).unwrap_err().to_string();
    assert!(error.contains("/node must be the group of a NIR graph"), "{error}");
}

/// A file that is cut anywhere, or one byte of which is wrong, is read or refused, but nothing panics: of ours, and of the older layout that Python writes.
#[test]
fn damaged_files_are_refused_without_a_panic() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("damaged.nir");
    let graph = chain(vec![input("in", &[2.0]), linear("w", &[&[1.0, 2.0]]), lif("lif")]);
    graph.write(&path).unwrap();
    let ours = std::fs::read(&path).unwrap();
    let theirs = shared("data/nir/lif_norse.nir").map(|file| std::fs::read(file).unwrap());
    for (bytes, step) in std::iter::once((ours, 13)).chain(theirs.map(|bytes| (bytes, 29))) {
        for k in (0..bytes.len()).step_by(step) {
            let mut damaged = bytes.clone();
            damaged[k] ^= 0xff;
            for content in [&bytes[..k], &damaged] {
                std::fs::write(&path, content).unwrap();
                let _either = read(&path);
            }
        }
    }
}
