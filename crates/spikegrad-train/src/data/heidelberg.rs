//! Spoken words as an artificial cochlea hears them: SHD and SSC, HDF5 files of spikes on 700 channels.
//!
//! | data set | holds | type in the published files |
//! |---|---|---|
//! | `spikes/times` | for each sample, the times of its spikes in s | lists of 16-bit floats |
//! | `spikes/units` | for each sample, the channel of each spike | lists of unsigned 16-bit numbers |
//! | `labels` | for each sample, its class | whole numbers |
//!
//! Numbers may be of any width; the library widens them. A folder holds `shd_train.h5` and `shd_test.h5`, or `ssc_train.h5`,
//! `ssc_valid.h5` and `ssc_test.h5`. Instead of the folder, the training file may be named: the others lie beside it, with `test` and
//! `valid` where its name has `train`. Only the samples that are wanted are read, some hundred at a time, because SSC does not
//! fit into the memory of a small machine: in memory a spike takes 12 bytes.
//!
//! Not here: other channels and classes than these two sets have (`spike_file.rs`); gzipped files, which HDF5 does not know.
//!
//! B. Cramer, Y. Stradmann, J. Schemmel and F. Zenke, *The Heidelberg spiking data sets for the systematic evaluation of spiking
//! neural networks*, IEEE Trans. Neural Netw. Learn. Syst. 33, 2744 (2022), arXiv:1910.07407.

use std::path::{Path, PathBuf};

use hdf5_metno::types::{TypeDescriptor, VarLenArray};
use hdf5_metno::{Dataset, File, H5Type};

use super::aer::MAX_EVENTS;
use super::{DataProblem, DataSet, Inputs, SpikeTrains, Splits};
use crate::TrainError;

/// Channels of the cochlea.
const CHANNELS: usize = 700;

/// The digits of SHD, in the order in which their authors list them; labels count through it.
const DIGITS: [&str; 20] = [
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "null", "eins",
    "zwei", "drei", "vier", "fünf", "sechs", "sieben", "acht", "neun",
];

/// Number of words of SSC.
const WORDS: usize = 35;

/// Samples that are read at a time: some tens of megabytes.
const READ_AT_ONCE: usize = 256;

const TIMES: &str = "spikes/times";
const UNITS: &str = "spikes/units";
const LABELS: &str = "labels";

/// Reads the training and the test set of SHD; of the training set at most the first `limit` samples.
pub(super) fn load_shd(path: &Path, limit: usize) -> Result<(DataSet, DataSet), TrainError> {
    let [train, test] = parts(path, "shd", ["train", "test"])?;
    let classes = DIGITS.map(str::to_owned);
    Ok((read(&train, &classes, limit)?, read(&test, &classes, usize::MAX)?))
}

/// Reads the three parts of SSC; of the training set at most the first `limit` samples.
pub(super) fn load_ssc(path: &Path, limit: usize) -> Result<Splits, TrainError> {
    let [train, validation, test] = parts(path, "ssc", ["train", "valid", "test"])?;
    let classes: [String; WORDS] = std::array::from_fn(|word| word.to_string());
    Ok(Splits {
        train: read(&train, &classes, limit)?,
        validation: read(&validation, &classes, usize::MAX)?,
        test: read(&test, &classes, usize::MAX)?,
    })
}

/// The files of the `parts`, all of which are there, in a folder or beside the training file.
fn parts<const N: usize>(
    path: &Path,
    set: &str,
    parts: [&str; N],
) -> Result<[PathBuf; N], TrainError> {
    let published = format!("{set}_train.h5");
    let (folder, training) = if path.is_file() {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        (path.parent().unwrap_or(Path::new("")), name)
    } else {
        (path, published)
    };
    let Some((before, after)) = training.rsplit_once("train") else {
        let problem = DataProblem::NotTraining;
        return Err(TrainError::DataFile { path: path.to_path_buf(), problem });
    };
    let names = parts.map(|part| format!("{before}{part}{after}"));
    let files = names.clone().map(|name| folder.join(name));
    if files.iter().all(|file| file.exists()) {
        return Ok(files);
    }
    Err(TrainError::MissingData {
        folder: folder.to_path_buf(),
        files: names.join(" and "),
        hint: "; the published files are gzipped, and have to be unpacked first",
    })
}

/// Reads the first `limit` samples of a file.
fn read(path: &Path, classes: &[String], limit: usize) -> Result<DataSet, TrainError> {
    // Whether there is an ordinary file is better said by the system than by the library.
    super::content::open(path)?;
    parse(path, classes, limit)
        .map_err(|problem| TrainError::DataFile { path: path.to_path_buf(), problem })
}

fn parse(path: &Path, classes: &[String], limit: usize) -> Result<DataSet, DataProblem> {
    let file = File::open(path).map_err(unreadable)?;
    let times = List::open(&file, TIMES, "lists of floats", |kind| is_list(kind, is_float))?;
    let units = List::open(&file, UNITS, "lists of whole numbers", |kind| is_list(kind, is_whole))?;
    let labels = List::open(&file, LABELS, "whole numbers", is_whole)?;
    for (dataset, list) in [(UNITS, &units), (LABELS, &labels)] {
        let (found, expected) = (list.length, times.length);
        if found != expected {
            return Err(DataProblem::DatasetLength { dataset, found, expected });
        }
    }
    if times.length == 0 {
        return Err(DataProblem::NoSamples);
    }
    let n = times.length.min(limit);
    let mut trains = SpikeTrains::new(CHANNELS);
    for start in (0..n).step_by(READ_AT_ONCE) {
        let end = n.min(start + READ_AT_ONCE);
        // Wider than in the file, so that nothing is cut off on the way.
        let times: Vec<VarLenArray<f64>> = times.read(start, end)?;
        let units: Vec<VarLenArray<i64>> = units.read(start, end)?;
        for (sample, (times, units)) in (start..).zip(times.iter().zip(&units)) {
            push(sample, times, units, &mut trains)?;
        }
    }
    let label = |(sample, label): (usize, i64)| below(classes.len(), LABELS, sample, label);
    let labels = labels.read(0, n)?.into_iter().enumerate().map(label).collect::<Result<_, _>>()?;
    DataSet::new(Inputs::Trains(trains), labels, classes.to_vec())
}

/// Adds a sample, its spikes sorted by time.
fn push(
    sample: usize,
    times: &[f64],
    units: &[i64],
    trains: &mut SpikeTrains,
) -> Result<(), DataProblem> {
    if times.len() != units.len() {
        let (times, units) = (times.len(), units.len());
        return Err(DataProblem::SampleSpikes { sample, times, units });
    }
    if trains.times.len() + times.len() > MAX_EVENTS {
        return Err(DataProblem::TooManyEvents { limit: MAX_EVENTS });
    }
    let spike = |(&time, &unit): (&f64, &i64)| {
        if !(0.0..f64::INFINITY).contains(&time) {
            return Err(DataProblem::SampleTime { sample, found: time });
        }
        Ok((time, below(CHANNELS, UNITS, sample, unit)?))
    };
    let spikes: Result<Vec<(f64, u32)>, _> = times.iter().zip(units).map(spike).collect();
    trains.push(&mut spikes?);
    Ok(())
}

/// A number of a sample, which must be at least 0 and below `limit`.
fn below<T: TryFrom<i64>>(
    limit: usize,
    dataset: &'static str,
    sample: usize,
    found: i64,
) -> Result<T, DataProblem> {
    let is_below = usize::try_from(found).is_ok_and(|number| number < limit);
    let number = T::try_from(found).ok().filter(|_| is_below);
    number.ok_or(DataProblem::SampleNumber { dataset, sample, found, limit })
}

/// A dataset of the file with one entry for each sample.
struct List {
    dataset: Dataset,
    length: usize,
}

impl List {
    /// Looks for the dataset `name`, whose entries have to be what `expected` says in words and `fits` decides.
    fn open(
        file: &File,
        name: &'static str,
        expected: &'static str,
        fits: impl Fn(&TypeDescriptor) -> bool,
    ) -> Result<Self, DataProblem> {
        let missing = || DataProblem::NoDataset { dataset: name };
        // The library asks for a link within a group that is not there with an error, which is a no.
        let dataset = file.link_exists(name).then(|| file.dataset(name)).ok_or_else(missing)?;
        let dataset = dataset.map_err(unreadable)?;
        let kind = dataset.dtype().and_then(|kind| kind.to_descriptor()).map_err(unreadable)?;
        if !fits(&kind) {
            let found = kind.to_string();
            return Err(DataProblem::DatasetKind { dataset: name, found, expected });
        }
        match dataset.shape()[..] {
            [length] => Ok(Self { dataset, length }),
            _ => Err(DataProblem::DatasetRank { dataset: name, found: dataset.shape() }),
        }
    }

    /// Reads the entries from `start` up to, but without, `end`.
    fn read<T: H5Type>(&self, start: usize, end: usize) -> Result<Vec<T>, DataProblem> {
        let entries = self.dataset.read_slice_1d(start..end).map_err(unreadable)?;
        Ok(entries.into_iter().collect())
    }
}

fn is_float(kind: &TypeDescriptor) -> bool {
    matches!(kind, TypeDescriptor::Float(_))
}

fn is_whole(kind: &TypeDescriptor) -> bool {
    matches!(kind, TypeDescriptor::Integer(_) | TypeDescriptor::Unsigned(_))
}

fn is_list(kind: &TypeDescriptor, of: fn(&TypeDescriptor) -> bool) -> bool {
    matches!(kind, TypeDescriptor::VarLenArray(entry) if of(entry))
}

fn unreadable(reason: hdf5_metno::Error) -> DataProblem {
    DataProblem::Hdf5 { reason: reason.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Written by Python with the types of the published files; see `tests/data/make_shd.py`.
    fn published() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/shd_train.h5")
    }

    /// What the published file holds, as any program might write it, whose parts can be replaced.
    struct Words {
        times: Vec<Vec<f32>>,
        units: Vec<Vec<i32>>,
        labels: Vec<i16>,
    }

    impl Words {
        fn new() -> Self {
            let times = vec![vec![0.5, 0.25, 1.0], vec![], vec![0.125, 0.125]];
            let units = vec![vec![3, 699, 0], vec![], vec![12, 7]];
            Self { times, units, labels: vec![19, 0, 7] }
        }

        fn write(&self, path: &Path) -> File {
            let file = File::create(path).unwrap();
            let spikes = file.create_group("spikes").unwrap();
            let times: Vec<_> =
                self.times.iter().map(|list| VarLenArray::from_slice(list)).collect();
            let units: Vec<_> =
                self.units.iter().map(|list| VarLenArray::from_slice(list)).collect();
            spikes.new_dataset_builder().with_data(&times).create("times").unwrap();
            spikes.new_dataset_builder().with_data(&units).create("units").unwrap();
            file.new_dataset_builder().with_data(&self.labels).create("labels").unwrap();
            file
        }
    }

    fn digits() -> [String; 20] {
        DIGITS.map(str::to_owned)
    }

    #[test]
    fn a_published_file_is_read_and_its_spikes_sorted() {
        let set = read(&published(), &digits(), usize::MAX).unwrap();
        let Inputs::Trains(trains) = &set.inputs else { panic!("spikes") };
        assert_eq!(trains.channels, 700);
        assert_eq!(trains.offsets, [0, 3, 3, 5]);
        assert_eq!(trains.times, [0.25, 0.5, 1.0, 0.125, 0.125]);
        assert_eq!(trains.channel, [699, 3, 0, 12, 7], "of the same time in the order of the file");
        assert_eq!(set.labels, [19, 0, 7]);
        assert_eq!(set.classes[19], "neun");
    }

    #[test]
    fn numbers_of_other_widths_mean_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("words.h5");
        Words::new().write(&path).close().unwrap();
        let [ours, published] = [&path, &published()].map(|path| read(path, &digits(), usize::MAX));
        assert_eq!(ours.unwrap(), published.unwrap());
    }

    #[test]
    fn many_samples_are_read_piece_by_piece_and_no_more_than_are_wanted() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("words.h5");
        let n = 2 * READ_AT_ONCE + 3;
        let unit = |k: usize| i32::try_from(k % CHANNELS).unwrap();
        let words = Words {
            times: vec![vec![0.5]; n],
            units: (0..n).map(|k| vec![unit(k)]).collect(),
            labels: vec![1; n],
        };
        words.write(&path).close().unwrap();
        for limit in [0, 1, READ_AT_ONCE, READ_AT_ONCE + 1, n, usize::MAX] {
            let set = read(&path, &digits(), limit).unwrap();
            let Inputs::Trains(trains) = &set.inputs else { panic!("spikes") };
            assert_eq!(set.len(), n.min(limit));
            assert!((0..).zip(&trains.channel).all(|(k, &channel)| channel == k));
        }
    }

    #[test]
    fn a_file_without_samples_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("words.h5");
        let nothing = Words { times: vec![], units: vec![], labels: vec![] };
        nothing.write(&path).close().unwrap();
        let message = read(&path, &digits(), usize::MAX).unwrap_err().to_string();
        assert!(message.ends_with("it has no samples; at least one is needed"), "{message}");
    }

    #[test]
    fn files_that_disagree_with_themselves_are_refused_by_a_sentence() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("words.h5");
        let refused = |change: fn(&mut Words), message: &str| {
            let mut words = Words::new();
            change(&mut words);
            words.write(&path).close().unwrap();
            let found = parse(&path, &digits(), usize::MAX).unwrap_err().to_string();
            assert_eq!(found, message);
        };
        refused(
            |w| w.units[2].truncate(1),
            "sample 2 has 2 times, but 1 units; each spike needs both",
        );
        refused(
            |w| w.units.truncate(2),
            "dataset `spikes/units` has 2 samples, but `spikes/times` has 3",
        );
        refused(|w| w.labels.push(0), "dataset `labels` has 4 samples, but `spikes/times` has 3");
        refused(
            |w| w.times[0][1] = f32::NAN,
            "a spike time of sample 0 is NaN, but must be 0 s or more",
        );
        refused(
            |w| w.times[2][1] = -0.25,
            "a spike time of sample 2 is -0.25, but must be 0 s or more",
        );
        refused(
            |w| w.times[2][1] = f32::INFINITY,
            "a spike time of sample 2 is inf, but must be 0 s or more",
        );
        for (unit, change) in [
            (700, (|w| w.units[2][0] = 700) as fn(&mut Words)),
            (-1, |w| {
                w.units[2][0] = -1;
            }),
        ] {
            refused(
                change,
                &format!(
                    "sample 2 has the number {unit} in `spikes/units`, but must have numbers from 0, and below 700"
                ),
            );
        }
        for (label, change) in
            [(20, (|w| w.labels[1] = 20) as fn(&mut Words)), (-1, |w| w.labels[1] = -1)]
        {
            refused(
                change,
                &format!(
                    "sample 1 has the number {label} in `labels`, but must have numbers from 0, and below 20"
                ),
            );
        }
    }

    #[test]
    fn datasets_that_are_missing_or_something_else_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("words.h5");
        let refused = |change: &dyn Fn(&File), message: &str| {
            let file = Words::new().write(&path);
            change(&file);
            file.close().unwrap();
            let found = parse(&path, &digits(), usize::MAX).unwrap_err().to_string();
            assert_eq!(found, message);
        };
        let replace = |name: &'static str| {
            move |file: &File| {
                file.unlink(name).unwrap();
                file.new_dataset_builder().with_data(&[1_i32, 2, 3]).create(name).unwrap();
            }
        };
        for name in [TIMES, UNITS, LABELS] {
            refused(
                &|file| file.unlink(name).unwrap(),
                &format!(
                    "it has no dataset `{name}`; spoken words need `spikes/times`, `spikes/units` and `labels`"
                ),
            );
        }
        refused(
            &|file| file.unlink("spikes").unwrap(),
            "it has no dataset `spikes/times`; spoken words need `spikes/times`, `spikes/units` and `labels`",
        );
        refused(
            &replace(TIMES),
            "dataset `spikes/times` holds int32, but must hold lists of floats",
        );
        refused(
            &replace(UNITS),
            "dataset `spikes/units` holds int32, but must hold lists of whole numbers",
        );
        refused(
            &|file| {
                file.unlink(LABELS).unwrap();
                file.new_dataset_builder().with_data(&[0.5, 1.5, 2.5]).create(LABELS).unwrap();
            },
            "dataset `labels` holds float64, but must hold whole numbers",
        );
        refused(
            &|file| {
                file.unlink(LABELS).unwrap();
                let builder = file.new_dataset::<u8>().shape((3, 1));
                builder.create(LABELS).unwrap();
            },
            "dataset `labels` has the shape [3, 1], but must have one dimension",
        );
    }

    #[test]
    fn a_truncated_file_is_refused_by_a_sentence() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("words.h5");
        let bytes = std::fs::read(published()).unwrap();
        for length in (0..bytes.len()).step_by(97) {
            std::fs::write(&path, &bytes[..length]).unwrap();
            let message = read(&path, &digits(), usize::MAX).unwrap_err().to_string();
            assert!(message.contains("words.h5: it cannot be read as HDF5 ("), "{message}");
            assert!(!message.contains('\n'), "{message}");
        }
    }

    #[test]
    fn the_files_are_found_in_their_folder_or_beside_the_training_file() {
        let folder = tempfile::tempdir().unwrap();
        let message = load_shd(folder.path(), usize::MAX).unwrap_err().to_string();
        assert!(message.contains("looked for shd_train.h5 and shd_test.h5; "), "{message}");
        assert!(message.ends_with("have to be unpacked first"), "{message}");
        let message = load_ssc(folder.path(), usize::MAX).unwrap_err().to_string();
        assert!(message.contains("looked for ssc_train.h5 and ssc_valid.h5 and ssc_test.h5; "));

        let copy = |name: &str| {
            let path = folder.path().join(name);
            std::fs::copy(published(), &path).unwrap();
            path
        };
        for set in ["shd", "ssc", "my_training"] {
            for part in ["train", "valid", "test"] {
                copy(&format!("{set}_{part}.h5"));
            }
        }
        let (train, test) = load_shd(folder.path(), 2).unwrap();
        assert_eq!((train.len(), test.len()), (2, 3));
        let (train, _) = load_shd(&folder.path().join("my_training_train.h5"), 1).unwrap();
        assert_eq!((train.len(), train.labels), (1, vec![19]));
        let Splits { train, validation, test } = load_ssc(folder.path(), 1).unwrap();
        assert_eq!((train.len(), validation.len(), test.len()), (1, 3, 3));
        assert_eq!(train.classes.len(), 35);
        let message = load_shd(&copy("other.h5"), 1).unwrap_err().to_string();
        assert!(message.contains("it is not the training file"), "{message}");
    }
}
