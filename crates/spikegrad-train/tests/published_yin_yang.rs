//! All 7000 published points of Yin-Yang against the generator, bit for bit.
//!
//! The published files are numpy arrays; the little of their format that is met here (version 1,
//! little endian, row by row) is read by hand. They are not part of the repository: where they are
//! missing, the test says so and passes.
#![expect(clippy::unwrap_used, reason = "a test that cannot set itself up should panic")]

use std::path::{Path, PathBuf};

use spikegrad_train::YinYang;
use spikegrad_train::data::yin_yang::Split;

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

#[test]
fn the_generator_repeats_the_published_data_bit_for_bit() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/yin_yang");
    if !folder.is_dir() {
        #[expect(clippy::print_stderr, reason = "a test that did not run should say so")]
        {
            eprintln!("skipped: the published data are not in {}", folder.display());
        }
        return;
    }
    check(&folder, "train", Split::Train);
    check(&folder, "validation", Split::Validation);
    check(&folder, "test", Split::Test);
}
