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
//! of which the last dash may be a dot, as some copies have it. A few megabytes can unpack to gigabytes: the labels, which are
//! small, are read first, and then no more images than there are labels.
//!
//! Not here: IDX files of other numbers than bytes, and how images become spikes (`encode/`).
//!
//! L. Deng, *The MNIST database of handwritten digit images for machine learning research*, IEEE
//! Signal Process. Mag. 29(6), 141 (2012).

use std::io::Read;
use std::path::{Path, PathBuf};

use spikegrad::network::MAX_NEURONS;

use super::content::{self, LIMIT, read_up_to};
use super::{DataProblem, DataSet, Inputs};
use crate::TrainError;

/// Type byte of unsigned bytes.
const UNSIGNED_BYTE: u8 = 0x08;

/// No data set has more samples than this.
const MAX_SAMPLES: u64 = 1 << 24;

/// Reads the images of a file.
///
/// # Errors
///
/// [`TrainError::Read`] if the file cannot be opened, [`TrainError::DataFile`] if it is no IDX file
/// of images, truncated, or goes on after its end.
pub fn read_images(path: &Path) -> Result<Inputs, TrainError> {
    read_images_of(path, |_| Ok(()))
}

/// Reads the images of a file, if there are as many as `check` wants.
fn read_images_of(
    path: &Path,
    check: impl Fn(usize) -> Result<(), TrainError>,
) -> Result<Inputs, TrainError> {
    let refused = |problem| TrainError::DataFile { path: path.to_path_buf(), problem };
    let array: Array<3> = open(path)?;
    let [samples, rows, columns] = array.shape;
    let pixels = array.length / samples as u64;
    if pixels > MAX_NEURONS as u64 {
        return Err(refused(DataProblem::Wide { found: pixels, limit: MAX_NEURONS }));
    }
    check(samples)?;
    let pixels = array.read().map_err(refused)?;
    Ok(Inputs::Images { rows, columns, pixels })
}

/// Reads the labels of a file.
///
/// # Errors
///
/// As [`read_images`].
pub fn read_labels(path: &Path) -> Result<Vec<usize>, TrainError> {
    let refused = |problem| TrainError::DataFile { path: path.to_path_buf(), problem };
    let array: Array<1> = open(path)?;
    if array.length > MAX_SAMPLES {
        return Err(refused(DataProblem::TooLarge { limit: MAX_SAMPLES }));
    }
    Ok(array.read().map_err(refused)?.into_iter().map(usize::from).collect())
}

/// Reads the training and the test set out of a folder; `hint` completes the sentence about missing
/// files.
pub(super) fn load(
    folder: &Path,
    classes: &[&str],
    hint: &'static str,
) -> Result<(DataSet, DataSet), TrainError> {
    let find = |part: &str, what: &str| -> Result<PathBuf, TrainError> {
        let name = format!("{part}-{what}-ubyte");
        let dotted = format!("{part}-{}-ubyte", what.replace("-idx", ".idx"));
        let candidates = [&name, &dotted]
            .into_iter()
            .flat_map(|name| ["", ".gz"].map(|ending| folder.join(format!("{name}{ending}"))));
        let found = candidates.into_iter().find(|path| path.exists());
        found.ok_or_else(|| TrainError::MissingData {
            folder: folder.to_path_buf(),
            files: format!("{name} or {name}.gz"),
            hint,
        })
    };
    let part = |part: &str| -> Result<(DataSet, PathBuf), TrainError> {
        let image_path = find(part, "images-idx3")?;
        let label_path = find(part, "labels-idx1")?;
        let refused = |problem| TrainError::DataFile { path: label_path.clone(), problem };
        let labels = read_labels(&label_path)?;
        let images = read_images_of(&image_path, |samples| match labels.len() {
            labels if labels == samples => Ok(()),
            labels => Err(refused(DataProblem::LabelCount { samples, labels })),
        })?;
        let classes = classes.iter().map(ToString::to_string).collect();
        Ok((DataSet::new(images, labels, classes).map_err(refused)?, image_path))
    };
    let ((train, _), (test, test_path)) = (part("train")?, part("t10k")?);
    let (expected, found) = (train.inputs.width(), test.inputs.width());
    if expected != found {
        let problem = DataProblem::OtherWidth { found, expected };
        return Err(TrainError::DataFile { path: test_path, problem });
    }
    Ok((train, test))
}

/// A file of which the header has been read, and nothing else.
struct Array<const N: usize> {
    shape: [usize; N],
    /// Number of bytes after the header, which is not 0.
    length: u64,
    /// Of which there are, or can be, as many.
    reader: Box<dyn Read>,
}

fn open<const N: usize>(path: &Path) -> Result<Array<N>, TrainError> {
    let content = content::open(path)?;
    Array::parse(content.reader, content.at_most)
        .map_err(|problem| TrainError::DataFile { path: path.to_path_buf(), problem })
}

impl<const N: usize> Array<N> {
    /// Reads the header of an array of `N` dimensions from a reader that has no more than `at_most` bytes.
    fn parse(mut reader: Box<dyn Read>, at_most: u64) -> Result<Self, DataProblem> {
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
        let mut shape = [0; N];
        let mut length = 1_u64;
        for extent in &mut shape {
            let value = u32::from_be_bytes(word(&mut reader, Self::HEADER)?);
            *extent = usize::try_from(value).map_err(|_| DataProblem::TooLarge { limit: LIMIT })?;
            length = length.saturating_mul(value.into());
        }
        if length == 0 {
            return Err(DataProblem::Empty);
        }
        let promised = length.saturating_add(Self::HEADER);
        if promised > at_most {
            return Err(DataProblem::Truncated { promised, found: at_most });
        }
        if length > LIMIT {
            return Err(DataProblem::TooLarge { limit: LIMIT });
        }
        Ok(Self { shape, length, reader })
    }

    /// Length of the header, in bytes.
    const HEADER: u64 = 4 + 4 * N as u64;

    /// Reads the bytes after the header.
    fn read(self) -> Result<Vec<u8>, DataProblem> {
        let Self { length, reader, .. } = self;
        let promised = length + Self::HEADER;
        // One byte more than promised shows whether the file goes on.
        let bytes = read_up_to(reader, length + 1)?;
        match u64::try_from(bytes.len()).unwrap_or(u64::MAX) {
            found if found < length => {
                Err(DataProblem::Truncated { promised, found: found + Self::HEADER })
            }
            found if found > length => Err(DataProblem::Trailing { promised }),
            _ => Ok(bytes),
        }
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
        let mut one_image = IMAGES;
        one_image[7] = 1;
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
                message(&one_image, &[0, 0, 8, 1, 0, 0, 0, 1, 1]),
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

    /// A file of `length` zeros after its header, in a few bytes.
    fn bomb(header: &[u8], length: u64) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(header).unwrap();
        std::io::copy(&mut std::io::repeat(0).take(length), &mut encoder).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn no_more_is_unpacked_than_the_labels_promise() {
        const LENGTH: u64 = 1 << 28;
        let word = |number: u64| u32::try_from(number).unwrap().to_be_bytes();
        let header = |shape: [u64; 3]| {
            let words = shape.into_iter().flat_map(word);
            [0, 0, 8, 3].into_iter().chain(words).collect::<Vec<u8>>()
        };
        let many = bomb(&header([LENGTH, 1, 1]), LENGTH);
        let wide = bomb(&header([1, 1 << 14, 1 << 14]), LENGTH);
        let labels = bomb(&[[0, 0, 8, 1], word(LENGTH)].concat(), LENGTH);
        assert!(many.len() < 1 << 19);
        for (images, labels, problem) in [
            (
                &many[..],
                &LABELS[..],
                "there are 2 labels for 268435456 samples; each sample needs one",
            ),
            (
                &wide[..],
                &LABELS[..],
                "its images have 268435456 pixels, but a network has at most 1000000 inputs",
            ),
            (
                &many[..],
                &labels[..],
                "it holds more than 16777216 bytes, which is too much to hold in memory; make it smaller",
            ),
        ] {
            let message = message(images, labels);
            assert!(message.ends_with(problem), "{message}");
        }
    }

    #[test]
    fn names_may_have_a_dot_for_the_last_dash() {
        let folder = tempfile::tempdir().unwrap();
        for part in ["train", "t10k"] {
            let write =
                |name, bytes: &[u8]| std::fs::write(folder.path().join(name), bytes).unwrap();
            write(format!("{part}-images.idx3-ubyte.gz"), &gzip(&IMAGES));
            write(format!("{part}-labels.idx1-ubyte"), &LABELS);
        }
        let (train, test) = load(folder.path(), &["a", "b"], "").unwrap();
        assert_eq!((train.len(), &train), (2, &test));
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
