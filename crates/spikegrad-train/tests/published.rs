//! Published data that lie beside a checkout: Yin-Yang's points against the generator, bit for bit, and what digits and recordings
//! are known to be.
//!
//! The points are numpy arrays; the little of their format that is met here (version 1, little endian, row by row) is read by
//! hand. Not here: what is done where data are missing (`beside.rs`).
#![expect(clippy::unwrap_used, reason = "a test that cannot set itself up should panic")]
#![expect(clippy::panic, reason = "a test fails by panicking")]
#![expect(clippy::print_stdout, reason = "what was left out has to be said")]

#[path = "../../../tests/published/beside.rs"]
mod beside;

use std::path::Path;
use std::process::ExitCode;

use beside::Beside;

use spikegrad_train::{DataConfig, Inputs, Split, Splits, YinYang};

/// The eight-byte items of an `.npy` file of this type and shape.
fn read_npy(path: &Path, dtype: &str, shape: &str) -> Vec<[u8; 8]> {
    let bytes = std::fs::read(path).unwrap();
    assert_eq!(bytes[..8], *b"\x93NUMPY\x01\x00", "{}", path.display());
    let start = 10 + usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    let header = std::str::from_utf8(&bytes[10..start]).unwrap();
    for part in [format!("'descr': '{dtype}'"), format!("'shape': {shape}"), row_order()] {
        assert!(header.contains(&part), "{}: no {part} in {header}", path.display());
    }
    let (items, rest) = bytes[start..].as_chunks();
    assert!(rest.is_empty());
    items.to_vec()
}

fn row_order() -> String {
    "'fortran_order': False".to_owned()
}

fn check(folder: &Path, name: &str, split: Split) {
    let data = YinYang::split(split);
    let n = data.len();
    let points = read_npy(&folder.join(format!("{name}_samples.npy")), "<f8", &format!("({n}, 4)"));
    let labels = read_npy(&folder.join(format!("{name}_labels.npy")), "<i8", &format!("({n},)"));
    assert!(
        data.points.as_flattened().iter().map(|value| value.to_le_bytes()).eq(points),
        "{name}"
    );
    let published = labels.into_iter().map(|label| usize::try_from(i64::from_le_bytes(label)));
    assert!(data.labels.iter().copied().eq(published.map(Result::unwrap)), "{name}");
}

fn the_generator_repeats_the_published_data_bit_for_bit(folder: &Path) {
    check(folder, "train", Split::Train);
    check(folder, "validation", Split::Validation);
    check(folder, "test", Split::Test);
}

fn digits(path: &Path, validation: usize) -> Splits {
    DataConfig::Mnist { path: Some(path.to_owned()), validation, limit: None }.load().unwrap()
}

fn the_published_digits_are_what_they_are_known_to_be(folder: &Path) {
    let Splits { train, test, .. } = digits(folder, 0);
    assert_eq!((train.len(), test.len()), (60_000, 10_000));
    assert_eq!(train.inputs.width(), 28 * 28);
    let count = |class| test.labels.iter().filter(|&&label| label == class).count();
    let counts: Vec<usize> = (0..10).map(count).collect();
    assert_eq!(counts, [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]);
    assert_eq!(train.labels[..10], [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]);
    let Inputs::Images { pixels, .. } = &train.inputs else { panic!("images") };
    // The mean grey value that is subtracted everywhere: 0.1307 of 255.
    let sum: u64 = pixels.iter().map(|&pixel| u64::from(pixel)).sum();
    assert_eq!(sum * 10_000 / (255 * 47_040_000), 1306);
}

fn the_published_digits_are_split_as_for_eventprop(folder: &Path) {
    let Splits { train, validation, test } = digits(folder, 5000);
    assert_eq!((train.len(), validation.len(), test.len()), (55_000, 5000, 10_000));
    assert_eq!(validation.labels[..4], [5, 0, 4, 1]);
}

fn real_recordings_are_what_they_are_known_to_be(folder: &Path) {
    let recordings =
        DataConfig::NMnist { path: Some(folder.to_owned()), validation: 0, limit: None };
    let Splits { train, test, .. } = recordings.load().unwrap();
    assert_eq!((train.len(), test.len()), (1000, 100));
    // The numbers of the recordings are those of MNIST.
    assert_eq!(train.labels[..10], [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]);
    assert_eq!(test.labels[..4], [7, 2, 1, 0]);
    let (Inputs::Trains(a), Inputs::Trains(b)) = (&train.inputs, &test.inputs) else {
        panic!("spikes")
    };
    assert_eq!(a.times.len() + b.times.len(), 4_518_827);
    let last = a.times.iter().chain(&b.times).copied().fold(0.0, f64::max);
    assert_eq!(last.to_bits(), 0.336_040_f64.to_bits());
}

fn main() -> ExitCode {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let tests = vec![
        Beside {
            name: "the_generator_repeats_the_published_data_bit_for_bit",
            needs: "data/yin_yang",
            test: the_generator_repeats_the_published_data_bit_for_bit,
        },
        Beside {
            name: "the_published_digits_are_what_they_are_known_to_be",
            needs: "data/mnist",
            test: the_published_digits_are_what_they_are_known_to_be,
        },
        Beside {
            name: "the_published_digits_are_split_as_for_eventprop",
            needs: "data/mnist",
            test: the_published_digits_are_split_as_for_eventprop,
        },
        Beside {
            name: "real_recordings_are_what_they_are_known_to_be",
            needs: "data/nmnist",
            test: real_recordings_are_what_they_are_known_to_be,
        },
    ];
    beside::run(&root, tests)
}
