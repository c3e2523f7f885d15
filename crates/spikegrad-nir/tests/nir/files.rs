//! The files of other tools: what is said of each in docs/nir.md, and the exact LIF of the NIR paper.

use crate::support::{shared, spikes};
use spikegrad_nir::{Convention, ReadOptions, read, read_with};

/// What becomes of a file: its populations with model and size and its step, or words of the refusal.
enum Fate {
    Read(&'static [(&'static str, &'static str, usize)], Option<f64>),
    Refused(&'static str),
}

const FILES: [(&str, Fate); 7] = [
    (
        "braille_noDelay_bias_zero",
        Fate::Read(&[("lif1.lif", "lif", 38), ("lif2", "lif", 7)], Some(1e-4)),
    ),
    (
        "braille_noDelay_noBias_subtract",
        Fate::Read(&[("lif1.lif", "lif", 40), ("lif2", "lif", 7)], Some(1e-4)),
    ),
    (
        "braille_noDelay_noBias_subtract_subgraph",
        Fate::Refused("the edge from input to lif names a node that the graph lif1 does not have"),
    ),
    (
        "cnn_sinabs",
        Fate::Read(
            &[
                ("1", "lif_delta", 4096),
                ("3", "lif_delta", 4096),
                ("6", "lif_delta", 512),
                ("10", "lif_delta", 256),
                ("12", "lif_delta", 10),
            ],
            None,
        ),
    ),
    ("lif_norse", Fate::Read(&[("1", "lif_delta", 1)], None)),
    ("lif_rockpool", Fate::Read(&[("1_LIFNeuronTorch", "lif_delta", 1)], None)),
    ("two_lif_neurons", Fate::Read(&[("lif1", "lif_delta", 1), ("lif2", "lif_delta", 1)], None)),
];

/// Steps were written with 32 bits.
const STEP: f64 = 1e-6;

#[test]
fn every_file_is_read_or_refused_as_the_page_says() {
    let page = include_str!("../../../../docs/nir.md");
    let Some(folder) = shared("data/nir") else { return };
    for (name, fate) in FILES {
        let row = page.lines().find(|line| line.starts_with(&format!("| `{name}.nir`"))).unwrap();
        let result = read(folder.join(format!("{name}.nir")));
        match fate {
            Fate::Refused(words) => {
                assert!(row.contains("refused"), "{row}");
                let error = result.unwrap_err().to_string();
                assert!(error.contains(words), "{error}");
            }
            Fate::Read(expected, step) => {
                assert!(row.contains("| read"), "{row}");
                let import = result.unwrap();
                let populations = import.network.populations().iter();
                let found: Vec<_> =
                    populations.map(|p| (p.name.as_str(), p.model.table().model, p.size)).collect();
                assert_eq!(found, expected, "{name}");
                match (import.convention, step) {
                    (Convention::Continuous, None) => assert!(row.contains("continuous"), "{row}"),
                    (Convention::Discrete { dt }, Some(step)) => {
                        assert!((dt / step - 1.0).abs() < STEP, "{name}: {dt}");
                        assert!(row.contains("discrete"), "{row}");
                        assert!(import.notes[0].contains("carries a step"), "{:?}", import.notes);
                    }
                    other => panic!("{name}: {other:?}"),
                }
            }
        }
    }
    let rows = page.lines().filter(|line| line.starts_with("| `") && line.contains(".nir`"));
    assert_eq!(rows.count(), FILES.len());
}

/// The shared kernels of a convolution stay shared, also behind a pool.
#[test]
fn the_convolutional_file_keeps_the_number_of_its_weights() {
    let Some(path) = shared("data/nir/cnn_sinabs.nir") else { return };
    let import = read(path).unwrap();
    let weights: Vec<usize> =
        import.parameters.connections.iter().map(|c| c.weights.len()).collect();
    assert_eq!(weights, [16 * 2 * 25, 16 * 16 * 9, 8 * 16 * 9, 256 * 128, 10 * 256]);
}

/// The LIF of the NIR paper: on its grid of 0.1 ms an input is a pulse of height 1 that lasts one step, and the spikes fall into the same steps.
#[test]
fn the_lif_of_the_paper_spikes_at_the_same_grid_points() {
    let (Some(file), Some(table)) =
        (shared("data/nir/lif_norse.nir"), shared("data/nir/lif_exact.csv"))
    else {
        return;
    };
    let table = std::fs::read_to_string(table).unwrap();
    let rows: Vec<Vec<f64>> =
        table.lines().map(|line| line.split(',').map(|x| x.parse().unwrap()).collect()).collect();
    let points =
        |column: usize| (0..rows.len()).filter(|&k| rows[k][column] > 0.0).collect::<Vec<_>>();
    let dt = 1e-4;
    #[expect(clippy::cast_precision_loss, reason = "a row of a table")]
    let at = |row: usize| row as f64 * dt;
    let import = read_with(file, ReadOptions { dt: Some(dt) }).unwrap();
    let input: Vec<_> = points(0).into_iter().map(|row| (0, at(row))).collect();
    let times = spikes(&import.network, &import.parameters, &input, at(rows.len()));
    let expected: Vec<_> = points(2).into_iter().map(|row| (0, at(row))).collect();
    assert_eq!(expected.len(), 4);
    assert_eq!(times, expected);
}
