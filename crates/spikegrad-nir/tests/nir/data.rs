//! Recorded spikes in files of their own.

use spikegrad::network::SpikeTrains;
use spikegrad_nir::{Array, GraphData, Observable};
use std::collections::BTreeMap;

/// Events of two samples, one of them empty, valued events, and both kinds of grids.
pub(crate) fn recorded() -> GraphData {
    let mut spikes = SpikeTrains::new(3);
    spikes.push(&mut [(0.002, 2), (0.001, 0), (0.0015, 1)]);
    spikes.push(&mut []);
    let grid = |is_binary, values: &[f64]| Observable::Grid {
        data: Array { shape: vec![1, 2, 2], values: values.to_vec() },
        is_binary,
        dt: 1e-3,
    };
    let values = Some(vec![0.5, -1.0, 2.0]);
    let observables = BTreeMap::from([
        (
            "spikes".to_owned(),
            Observable::Events { spikes: spikes.clone(), values: None, t_max: 0.1 },
        ),
        ("valued".to_owned(), Observable::Events { spikes, values, t_max: 0.1 }),
        ("raster".to_owned(), grid(true, &[0.0, 1.0, 1.0, 0.0])),
        ("voltages".to_owned(), grid(false, &[0.25, 1.5, -3.0, 0.0])),
    ]);
    GraphData { nodes: BTreeMap::from([("lif".to_owned(), observables)]) }
}

#[test]
fn recorded_data_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data.h5");
    recorded().write(&path).unwrap();
    assert_eq!(GraphData::read(&path).unwrap(), recorded());
}

#[test]
fn data_that_are_none_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data.h5");
    hdf5_pure::FileBuilder::new().write(&path).unwrap();
    let error = GraphData::read(&path).unwrap_err().to_string();
    assert!(error.contains("__type__ of / is missing"), "{error}");
    let mut data = recorded();
    let lif = data.nodes.get_mut("lif").unwrap();
    let Some(Observable::Events { spikes, .. }) = lif.get_mut("spikes") else { panic!() };
    spikes.channel[0] = 3;
    let error = data.write(&path).unwrap_err().to_string();
    assert!(error.contains("lif/spikes") && error.contains("below 3"), "{error}");
}
