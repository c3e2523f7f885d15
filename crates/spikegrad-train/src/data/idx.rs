//! IDX, the file format of MNIST: bytes in an array of one or three dimensions.
//!
//! ```text
//! 00 00 | 08: unsigned bytes | number of dimensions | each extent, 4 bytes, big end first | bytes
//! ```
//!
//! A file may be gzipped. Images have three dimensions (image, row, column), labels one. A folder
//! holds four files:
//!
//! ```text
//! train-images-idx3-ubyte[.gz]   train-labels-idx1-ubyte[.gz]
//! t10k-images-idx3-ubyte[.gz]    t10k-labels-idx1-ubyte[.gz]
//! ```
//!
//! Not here: IDX files of other numbers than bytes, and how images become spikes (`encode/`).
//!
//! L. Deng, *The MNIST database of handwritten digit images for machine learning research*, IEEE
//! Signal Process. Mag. 29(6), 141 (2012).

use std::io::Read;
use std::path::{Path, PathBuf};

use super::content::{self, LIMIT, read_up_to};
use super::{DataProblem, DataSet, Inputs};
use crate::TrainError;

/// Type byte of unsigned bytes.
const UNSIGNED_BYTE: u8 = 0x08;

/// Reads the images of a file.
///
/// # Errors
///
/// [`TrainError::Read`] if the file cannot be opened, [`TrainError::DataFile`] if it is no IDX file
/// of images, truncated, or goes on after its end.
pub fn read_images(path: &Path) -> Result<Inputs, TrainError> {
    let ([_, rows, columns], pixels) = read(path)?;
    Ok(Inputs::Images { rows, columns, pixels })
}

/// Reads the labels of a file.
///
/// # Errors
///
/// As [`read_images`].
pub fn read_labels(path: &Path) -> Result<Vec<usize>, TrainError> {
    let ([_], labels) = read(path)?;
    Ok(labels.into_iter().map(usize::from).collect())
}

/// Reads the training and the test set out of a folder; `hint` completes the sentence about missing
/// files.
pub(super) fn load(
    folder: &Path,
    classes: &[&str],
    hint: &'static str,
) -> Result<(DataSet, DataSet), TrainError> {
    let find = |name: &str| -> Result<PathBuf, TrainError> {
        let candidates = [folder.join(name), folder.join(format!("{name}.gz"))];
        let found = candidates.into_iter().find(|path| path.exists());
        found.ok_or_else(|| TrainError::MissingData {
            folder: folder.to_path_buf(),
            files: format!("{name} or {name}.gz"),
            hint,
        })
    };
    let part = |name: &str| -> Result<(DataSet, PathBuf), TrainError> {
        let image_path = find(&format!("{name}-images-idx3-ubyte"))?;
        let label_path = find(&format!("{name}-labels-idx1-ubyte"))?;
        let (images, labels) = (read_images(&image_path)?, read_labels(&label_path)?);
        let classes = classes.iter().map(ToString::to_string).collect();
        let set = DataSet::new(images, labels, classes)
            .map_err(|problem| TrainError::DataFile { path: label_path, problem })?;
        Ok((set, image_path))
    };
    let ((train, _), (test, test_path)) = (part("train")?, part("t10k")?);
    let (expected, found) = (train.inputs.width(), test.inputs.width());
    if expected != found {
        let problem = DataProblem::OtherWidth { found, expected };
        return Err(TrainError::DataFile { path: test_path, problem });
    }
    Ok((train, test))
}

fn read<const N: usize>(path: &Path) -> Result<([usize; N], Vec<u8>), TrainError> {
    let content = content::open(path)?;
    parse(content.reader, content.at_most)
        .map_err(|problem| TrainError::DataFile { path: path.to_path_buf(), problem })
}

/// Reads an array of `N` dimensions from a reader that has no more than `at_most` bytes.
fn parse<const N: usize>(
    mut reader: impl Read,
    at_most: u64,
) -> Result<([usize; N], Vec<u8>), DataProblem> {
    let [a, b, kind, dimensions] = word(&mut reader, 4)?;
    if [a, b] != [0, 0] {
        return Err(DataProblem::NotIdx { found: [a, b] });
    }
    if kind != UNSIGNED_BYTE {
        return Err(DataProblem::IdxType { found: kind });
    }
    let expected = u8::try_from(N).unwrap_or(u8::MAX);
    if dimensions != expected {
        return Err(DataProblem::IdxDimensions { found: dimensions, expected });
    }

    let header = 4 + 4 * u64::from(expected);
    let mut shape = [0; N];
    let mut length = 1_u64;
    for extent in &mut shape {
        let value = u32::from_be_bytes(word(&mut reader, header)?);
        *extent = usize::try_from(value).map_err(|_| DataProblem::TooLarge { limit: LIMIT })?;
        length = length.saturating_mul(value.into());
    }
    if length == 0 {
        return Err(DataProblem::Empty);
    }
    let promised = length.saturating_add(header);
    if promised > at_most {
        return Err(DataProblem::Truncated { promised, found: at_most });
    }
    if length > LIMIT {
        return Err(DataProblem::TooLarge { limit: LIMIT });
    }

    // One byte more than promised shows whether the file goes on.
    let bytes = read_up_to(reader, length + 1)?;
    match u64::try_from(bytes.len()).unwrap_or(u64::MAX) {
        found if found < length => Err(DataProblem::Truncated { promised, found: found + header }),
        found if found > length => Err(DataProblem::Trailing { promised }),
        _ => Ok((shape, bytes)),
    }
}

/// Reads four bytes of a header of `header` bytes.
fn word(reader: &mut impl Read, header: u64) -> Result<[u8; 4], DataProblem> {
    let bytes = read_up_to(reader, 4)?;
    let found = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    bytes.try_into().map_err(|_| DataProblem::Truncated { promised: header, found })
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    const IMAGES: [u8; 28] = [
        0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 3, // two images of 2 × 3 pixels
        1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 255,
    ];
    const LABELS: [u8; 10] = [0, 0, 8, 1, 0, 0, 0, 2, 1, 0];

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn folder(images: &[u8], labels: &[u8]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for part in ["train", "t10k"] {
            let write = |name, bytes| std::fs::write(folder.path().join(name), bytes).unwrap();
            write(format!("{part}-images-idx3-ubyte"), images);
            write(format!("{part}-labels-idx1-ubyte.gz"), labels);
        }
        folder
    }

    #[track_caller]
    fn message(images: &[u8], labels: &[u8]) -> String {
        let folder = folder(images, labels);
        let message = load(folder.path(), &["a", "b"], "").unwrap_err().to_string();
        message.replace(&format!("{}/", folder.path().display()), "")
    }

    #[test]
    fn images_and_labels_are_read_compressed_or_not() {
        let plain = folder(&IMAGES, &LABELS);
        let zipped = folder(&gzip(&IMAGES), &gzip(&LABELS));
        let (train, test) = load(plain.path(), &["a", "b"], "").unwrap();
        assert_eq!(
            train.input(1),
            crate::data::InputRef::Image { rows: 2, columns: 3, pixels: &[7, 8, 9, 10, 11, 255] }
        );
        assert_eq!(train.labels, [1, 0]);
        assert_eq!(train.classes, ["a", "b"]);
        assert_eq!(train, test);
        assert_eq!(load(zipped.path(), &["a", "b"], "").unwrap(), (train, test));
    }

    #[test]
    fn a_missing_file_is_named_with_the_way_to_give_another_folder() {
        let folder = folder(&IMAGES, &LABELS);
        std::fs::remove_file(folder.path().join("t10k-labels-idx1-ubyte.gz")).unwrap();
        let error = load(folder.path(), &["a", "b"], "; HINT").unwrap_err();
        let message = error.to_string().replace(&folder.path().display().to_string(), "FOLDER");
        assert_eq!(
            message,
            "no data in FOLDER: looked for t10k-labels-idx1-ubyte or t10k-labels-idx1-ubyte.gz; put the files there, or give their folder with `--data DIR`; HINT"
        );
    }

    #[test]
    fn damaged_images_are_refused_by_a_sentence() {
        let changed = |position: usize, byte: u8| {
            let mut images = IMAGES;
            images[position] = byte;
            message(&images, &LABELS)
        };
        const FILE: &str = "cannot use train-images-idx3-ubyte: ";
        let cases = [
            (
                changed(0, 0x50),
                "it is no IDX file: it begins with [50, 00] instead of two zero bytes",
            ),
            (
                changed(2, 0x0d),
                "it is an IDX file of type 0x0d; only 0x08, unsigned bytes, can be read",
            ),
            (
                changed(3, 1),
                "it is an IDX file of 1 dimensions, but must have 3: images have 3, labels 1",
            ),
            (changed(7, 3), "it ends after 28 of 34 bytes; copy it again"),
            (changed(4, 255), "it ends after 28 of 25669140508 bytes; copy it again"),
            (
                changed(7, 1),
                "it goes on after the 22 bytes that its header promises; copy it again",
            ),
            (changed(7, 0), "it has no samples, or samples without content"),
            (changed(15, 0), "it has no samples, or samples without content"),
            (message(&IMAGES[..2], &LABELS), "it ends after 2 of 4 bytes; copy it again"),
        ];
        for (message, problem) in cases {
            assert_eq!(message, format!("{FILE}{problem}"));
        }
    }

    #[test]
    fn a_truncated_file_is_refused_at_every_length() {
        for length in 0..IMAGES.len() {
            let message = message(&IMAGES[..length], &LABELS);
            assert!(message.contains("it ends after"), "{length}: {message}");
        }
        let zipped = gzip(&IMAGES);
        for length in 0..zipped.len() {
            message(&zipped[..length], &LABELS);
        }
    }

    #[test]
    fn an_extent_that_the_file_cannot_have_needs_no_memory() {
        let mut images = IMAGES;
        images[4..16].fill(255);
        assert!(message(&images, &LABELS).contains("it ends after 28 of"));
        // Compressed, a header of 2³¹ bytes and more is possible only in a large file.
        assert!(message(&gzip(&images), &LABELS).contains("it ends after"));
    }

    #[test]
    fn labels_that_do_not_belong_to_the_images_are_refused() {
        const FILE: &str = "cannot use train-labels-idx1-ubyte.gz: ";
        let three = [0, 0, 8, 1, 0, 0, 0, 3, 1, 0, 0];
        assert_eq!(
            message(&IMAGES, &three),
            format!("{FILE}there are 3 labels for 2 samples; each sample needs one")
        );
        let unknown = [0, 0, 8, 1, 0, 0, 0, 2, 1, 2];
        assert_eq!(
            message(&IMAGES, &unknown),
            format!("{FILE}the label of sample 1 is 2, but must be below 2, the number of classes")
        );
        assert!(message(&IMAGES, &IMAGES).contains("it is an IDX file of 3 dimensions"));
    }

    #[test]
    fn a_folder_in_place_of_a_file_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let message = read_labels(folder.path()).unwrap_err().to_string();
        assert!(message.ends_with("it is no ordinary file"), "{message}");
    }
}
