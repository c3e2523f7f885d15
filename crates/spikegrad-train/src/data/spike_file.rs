//! Spike trains in a file of one's own: four lists in a safetensors file.
//!
//! | tensor | holds | type |
//! |---|---|---|
//! | `times` | time of each spike in s, from the start of its sample | F64 or F32 |
//! | `channels` | channel of each spike | U16, U32 or I64 |
//! | `offsets` | sample k has the spikes `offsets[k]` to `offsets[k + 1] − 1`; one more than samples | I64 or U64 |
//! | `labels` | class of each sample | U8, U16, U32, I64 or U64 |
//!
//! The metadata entry `channels` is the number of channels, in digits. An entry `classes` may hold
//! the names of the classes as a JSON list; without it they are numbers, up to the largest label.
//! Spikes of a sample may come in any order, and are sorted by time as they are read. A folder holds
//! two such files, `train.safetensors` and `test.safetensors`. From Python:
//!
//! ```python
//! safetensors.numpy.save_file(
//!     {"times": times, "channels": channels, "offsets": offsets, "labels": labels},
//!     "train.safetensors", metadata={"channels": "700"})
//! ```
//!
//! Not here: files of other programs, which a few lines of Python turn into this one.

use std::path::Path;

use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};

use super::{DataProblem, DataSet, Inputs, SpikeTrains};
use crate::TrainError;
use spikegrad_report::write_beside;

/// Channels and classes are below this: more would be a damaged file, not a network.
const MAX_INDEX: u64 = 1 << 24;

/// Classes without names are fewer than this.
const MAX_CLASSES: u64 = 1 << 16;

/// What a reader has to know besides the tensors.
const CHANNELS: &str = "channels";
const CLASSES: &str = "classes";

/// Reads a data set of spike trains.
///
/// # Errors
///
/// [`TrainError::Read`] if there is no such file, [`TrainError::DataFile`] if it is not as the head
/// of this module says.
pub fn read_spike_trains(path: &Path) -> Result<DataSet, TrainError> {
    let read = || {
        if path.is_file() {
            std::fs::read(path)
        } else {
            Err(std::io::Error::other("there is no such file"))
        }
    };
    let bytes = read().map_err(|reason| TrainError::Read { path: path.to_path_buf(), reason })?;
    parse(&bytes).map_err(|problem| TrainError::DataFile { path: path.to_path_buf(), problem })
}

/// Writes a data set of spike trains; an older file stays until the new one is safe on the disk.
///
/// # Errors
///
/// [`TrainError::DataFile`] if the data do not pass [`DataSet::check`] or are no spike trains,
/// [`TrainError::Write`] if the file cannot be written.
pub fn write_spike_trains(path: &Path, set: &DataSet) -> Result<(), TrainError> {
    let bytes = to_bytes(set)
        .map_err(|problem| TrainError::DataFile { path: path.to_path_buf(), problem })?;
    Ok(write_beside(path, &bytes)?)
}

/// Reads the training and the test set out of a folder.
pub(super) fn load(folder: &Path) -> Result<(DataSet, DataSet), TrainError> {
    let [train_path, test_path] =
        ["train.safetensors", "test.safetensors"].map(|name| folder.join(name));
    if !(train_path.exists() && test_path.exists()) {
        return Err(TrainError::MissingData {
            folder: folder.to_path_buf(),
            files: "train.safetensors and test.safetensors".into(),
            hint: "",
        });
    }
    let (mut train, mut test) = (read_spike_trains(&train_path)?, read_spike_trains(&test_path)?);
    let (expected, found) = (train.inputs.width(), test.inputs.width());
    let problem = if expected != found {
        DataProblem::OtherWidth { found, expected }
    } else if train.classes.starts_with(&test.classes) || test.classes.starts_with(&train.classes) {
        // Without names, one of the files may lack the last classes.
        let longer = train.classes.len().max(test.classes.len());
        let classes = if train.classes.len() == longer { &train.classes } else { &test.classes };
        let classes = classes.clone();
        train.classes.clone_from(&classes);
        test.classes = classes;
        return Ok((train, test));
    } else {
        DataProblem::OtherClasses
    };
    Err(TrainError::DataFile { path: test_path, problem })
}

fn to_bytes(set: &DataSet) -> Result<Vec<u8>, DataProblem> {
    set.check()?;
    let Inputs::Trains(SpikeTrains { channels, offsets, times, channel }) = &set.inputs else {
        return Err(DataProblem::NoTrains);
    };
    let bytes_of = |numbers: &[usize]| -> Vec<u8> {
        let words = numbers.iter().map(|&n| u64::try_from(n).unwrap_or(u64::MAX));
        words.flat_map(u64::to_le_bytes).collect()
    };
    let lists: [(&str, Dtype, usize, Vec<u8>); 4] = [
        ("times", Dtype::F64, times.len(), times.iter().flat_map(|t| t.to_le_bytes()).collect()),
        (
            "channels",
            Dtype::U32,
            channel.len(),
            channel.iter().flat_map(|c| c.to_le_bytes()).collect(),
        ),
        ("offsets", Dtype::U64, offsets.len(), bytes_of(offsets)),
        ("labels", Dtype::U64, set.labels.len(), bytes_of(&set.labels)),
    ];
    let views = lists.iter().map(|(name, dtype, length, bytes)| {
        TensorView::new(*dtype, vec![*length], bytes).map(|view| (*name, view))
    });
    let classes = serde_json::Value::from(set.classes.clone()).to_string();
    let metadata = [(CHANNELS.to_owned(), channels.to_string()), (CLASSES.to_owned(), classes)];
    views
        .collect::<Result<Vec<_>, _>>()
        .and_then(|views| safetensors::serialize(views, Some(metadata.into())))
        .map_err(|reason| DataProblem::Safetensors { reason })
}

fn parse(bytes: &[u8]) -> Result<DataSet, DataProblem> {
    let unreadable = |reason| DataProblem::Safetensors { reason };
    let file = SafeTensors::deserialize(bytes).map_err(unreadable)?;
    let (_, header) = SafeTensors::read_metadata(bytes).map_err(unreadable)?;
    let entry = |key: &str| header.metadata().as_ref().and_then(|entries| entries.get(key));

    let channels = entry(CHANNELS).and_then(|text| text.parse::<u64>().ok());
    let channels = channels.filter(|count| (1..=MAX_INDEX).contains(count));
    let rule = "the number of channels in digits, from 1 to 16777216";
    let channels = channels.ok_or(DataProblem::Metadata { key: CHANNELS, rule })?;
    let classes: Option<Vec<String>> = match entry(CLASSES).map(|text| serde_json::from_str(text)) {
        None => None,
        Some(Ok(names)) => Some(names),
        Some(Err(_)) => {
            let rule = "a JSON list of the names of the classes";
            return Err(DataProblem::Metadata { key: CLASSES, rule });
        }
    };

    let times = times(&file)?;
    let spikes = u64::try_from(times.len()).unwrap_or(u64::MAX);
    let kinds = [Dtype::U16, Dtype::U32, Dtype::I64];
    let channel = indices(&file, "channels", &kinds, "U16, U32 or I64", MAX_INDEX)?;
    let offsets = indices(&file, "offsets", &[Dtype::I64, Dtype::U64], "I64 or U64", spikes)?;
    let kinds = [Dtype::U8, Dtype::U16, Dtype::U32, Dtype::I64, Dtype::U64];
    let labels: Vec<usize> =
        indices(&file, "labels", &kinds, "U8, U16, U32, I64 or U64", MAX_CLASSES - 1)?;

    let channels = usize::try_from(channels).unwrap_or(usize::MAX);
    let mut trains = SpikeTrains { channels, offsets, times, channel };
    trains.check_offsets()?;
    trains.check_spikes()?;
    trains.sort();
    let classes = classes.unwrap_or_else(|| {
        let count = labels.iter().max().map_or(0, |largest| largest + 1);
        (0..count).map(|class| class.to_string()).collect()
    });
    DataSet::new(Inputs::Trains(trains), labels, classes)
}

/// Returns the list `name`.
fn list<'a>(file: &SafeTensors<'a>, name: &'static str) -> Result<TensorView<'a>, DataProblem> {
    let view = file.tensor(name).map_err(|_| DataProblem::NoTensor { tensor: name })?;
    match view.shape() {
        [_] => Ok(view),
        shape => Err(DataProblem::TensorRank { tensor: name, found: shape.to_vec() }),
    }
}

fn times(file: &SafeTensors<'_>) -> Result<Vec<f64>, DataProblem> {
    let view = list(file, "times")?;
    match view.dtype() {
        Dtype::F64 => Ok(words(view.data()).map(f64::from_le_bytes).collect()),
        Dtype::F32 => Ok(words(view.data()).map(f32::from_le_bytes).map(f64::from).collect()),
        found => Err(DataProblem::TensorKind { tensor: "times", found, expected: "F64 or F32" }),
    }
}

/// Returns a list of whole numbers from 0 to `limit`, which fits into a `T`.
fn indices<T: TryFrom<i128>>(
    file: &SafeTensors<'_>,
    tensor: &'static str,
    kinds: &[Dtype],
    expected: &'static str,
    limit: u64,
) -> Result<Vec<T>, DataProblem> {
    let view = list(file, tensor)?;
    let (data, found) = (view.data(), view.dtype());
    if !kinds.contains(&found) {
        return Err(DataProblem::TensorKind { tensor, found, expected });
    }
    // There can be a hundred million: one at a time, not a second list.
    let numbers: Box<dyn Iterator<Item = i128>> = match found {
        Dtype::U8 => Box::new(data.iter().copied().map(i128::from)),
        Dtype::U16 => Box::new(words(data).map(u16::from_le_bytes).map(i128::from)),
        Dtype::U32 => Box::new(words(data).map(u32::from_le_bytes).map(i128::from)),
        Dtype::I64 => Box::new(words(data).map(i64::from_le_bytes).map(i128::from)),
        _ => Box::new(words(data).map(u64::from_le_bytes).map(i128::from)),
    };
    let check = |(position, found): (usize, i128)| {
        let number = T::try_from(found).ok().filter(|_| (0..=i128::from(limit)).contains(&found));
        number.ok_or(DataProblem::TensorEntry { tensor, position, found, limit })
    };
    numbers.enumerate().map(check).collect()
}

fn words<const N: usize>(data: &[u8]) -> impl Iterator<Item = [u8; N]> {
    data.as_chunks().0.iter().copied()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn example() -> DataSet {
        let mut trains = SpikeTrains::new(700);
        trains.push(&mut [(0.1, 699), (1.0 / 3.0, 0), (0.5, 12)]);
        trains.push(&mut []);
        trains.push(&mut [(0.0, 5)]);
        let classes = ["zero", "one", "\"two\""].map(str::to_owned).to_vec();
        DataSet::new(Inputs::Trains(trains), vec![2, 0, 0], classes).unwrap()
    }

    /// A file as another program might write it, whose parts can be replaced.
    #[derive(Clone)]
    struct File {
        tensors: BTreeMap<&'static str, (Dtype, Vec<usize>, Vec<u8>)>,
        metadata: BTreeMap<&'static str, &'static str>,
    }

    impl File {
        fn new() -> Self {
            let mut file = Self { tensors: BTreeMap::new(), metadata: [("channels", "4")].into() };
            file.put(
                "times",
                Dtype::F32,
                [0.5_f32, 0.25, 1.0].iter().flat_map(|t| t.to_le_bytes()),
            );
            file.put("channels", Dtype::U16, [3_u16, 1, 0].iter().flat_map(|c| c.to_le_bytes()));
            file.put("offsets", Dtype::I64, [0_i64, 2, 3].iter().flat_map(|o| o.to_le_bytes()));
            file.put("labels", Dtype::U8, [1, 0]);
            file
        }

        fn put(&mut self, name: &'static str, dtype: Dtype, bytes: impl IntoIterator<Item = u8>) {
            let bytes: Vec<u8> = bytes.into_iter().collect();
            let length = bytes.len() * 8 / dtype.bitsize();
            self.tensors.insert(name, (dtype, vec![length], bytes));
        }

        fn tell(&mut self, key: &'static str, text: &'static str) {
            self.metadata.insert(key, text);
        }

        fn bytes(&self) -> Vec<u8> {
            let views = self.tensors.iter().map(|(name, (dtype, shape, bytes))| {
                (*name, TensorView::new(*dtype, shape.clone(), bytes).unwrap())
            });
            let metadata =
                self.metadata.iter().map(|(&key, &text)| (key.to_owned(), text.to_owned()));
            safetensors::serialize(views, Some(metadata.collect())).unwrap()
        }
    }

    #[test]
    fn a_set_comes_back_bit_for_bit() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("train.safetensors");
        write_spike_trains(&path, &example()).unwrap();
        assert_eq!(read_spike_trains(&path).unwrap(), example());
    }

    #[test]
    fn the_types_of_other_programs_are_read_and_spikes_sorted() {
        let set = parse(&File::new().bytes()).unwrap();
        let Inputs::Trains(trains) = &set.inputs else { panic!("spikes") };
        assert_eq!(trains.channel, [1, 3, 0]);
        assert_eq!(trains.times.iter().map(|t| t * 4.0).collect::<Vec<_>>(), [1.0, 2.0, 4.0]);
        assert_eq!((set.labels, set.classes), (vec![1, 0], vec!["0".into(), "1".into()]));
    }

    #[test]
    fn inconsistent_files_are_refused_by_a_sentence() {
        let refused = |change: &dyn Fn(&mut File), message: &str| {
            let mut file = File::new();
            change(&mut file);
            assert_eq!(parse(&file.bytes()).unwrap_err().to_string(), message);
        };
        let i64s = |numbers: &[i64]| -> Vec<u8> {
            numbers.iter().flat_map(|number| number.to_le_bytes()).collect()
        };
        let f64s = |numbers: &[f64]| -> Vec<u8> {
            numbers.iter().flat_map(|number| number.to_le_bytes()).collect()
        };
        for name in ["times", "channels", "offsets", "labels"] {
            refused(
                &|f| drop(f.tensors.remove(name)),
                &format!(
                    "it has no tensor `{name}`; spike trains need `times`, `channels`, `offsets` and `labels`"
                ),
            );
            refused(
                &|f| f.put(name, Dtype::I8, [0, 0, 0]),
                &format!(
                    "tensor `{name}` holds I8 values, but must hold {}",
                    match name {
                        "times" => "F64 or F32",
                        "channels" => "U16, U32 or I64",
                        "offsets" => "I64 or U64",
                        _ => "U8, U16, U32, I64 or U64",
                    }
                ),
            );
            refused(
                &|f| f.tensors.get_mut(name).unwrap().1.insert(0, 1),
                &format!(
                    "tensor `{name}` has the shape [1, {}], but must have one dimension",
                    if name == "labels" { 2 } else { 3 }
                ),
            );
        }
        let channels = "its metadata entry `channels` must be the number of channels in digits, from 1 to 16777216";
        refused(&|f| f.metadata.clear(), channels);
        for text in ["", "0", "-4", "4.0", "99999999999999999999999"] {
            refused(&|f| f.tell("channels", text), channels);
        }
        for text in ["zero", "3", "[1]"] {
            refused(
                &|f| f.tell("classes", text),
                "its metadata entry `classes` must be a JSON list of the names of the classes",
            );
        }
        refused(
            &|f| f.tell("classes", "[\"a\"]"),
            "the label of sample 0 is 1, but must be below 1, the number of classes",
        );
        refused(
            &|f| f.put("labels", Dtype::I64, i64s(&[1 << 40, 0])),
            "entry 0 of tensor `labels` is 1099511627776, but must be between 0 and 65535",
        );
        refused(
            &|f| f.put("labels", Dtype::U8, [1]),
            "there are 1 labels for 2 samples; each sample needs one",
        );
        refused(
            &|f| f.put("offsets", Dtype::I64, i64s(&[0, -2, 3])),
            "entry 1 of tensor `offsets` is -2, but must be between 0 and 3",
        );
        refused(
            &|f| f.put("offsets", Dtype::I64, i64s(&[0, 2, 4])),
            "entry 2 of tensor `offsets` is 4, but must be between 0 and 3",
        );
        refused(
            &|f| f.put("offsets", Dtype::I64, i64s(&[0, 2, 1])),
            "offset 2 is 1; offsets begin with 0 and do not fall",
        );
        refused(
            &|f| f.put("offsets", Dtype::I64, i64s(&[1, 2, 3])),
            "offset 0 is 1; offsets begin with 0 and do not fall",
        );
        refused(
            &|f| f.put("offsets", Dtype::I64, i64s(&[0, 1, 2])),
            "the last offset is 2, but must be 3, the number of spikes",
        );
        refused(
            &|f| f.put("offsets", Dtype::I64, []),
            "offset 0 is 0; offsets begin with 0 and do not fall",
        );
        refused(
            &|f| f.put("channels", Dtype::U16, [0, 0]),
            "there are 3 times, but 1 channels; each spike needs both",
        );
        refused(
            &|f| f.put("channels", Dtype::U16, [0, 0, 4, 0, 0, 0]),
            "the channel of spike 1 is 4, but must be below 4, the number of channels",
        );
        refused(
            &|f| f.put("channels", Dtype::I64, i64s(&[0, -1, 0])),
            "entry 1 of tensor `channels` is -1, but must be between 0 and 16777216",
        );
        for (time, shown) in [(-0.5, "-0.5"), (f64::NAN, "NaN"), (f64::INFINITY, "inf")] {
            refused(
                &|f| f.put("times", Dtype::F64, f64s(&[0.0, 0.0, time])),
                &format!("the time of spike 2 is {shown}, but must be 0 s or more"),
            );
        }
    }

    #[test]
    fn a_truncated_file_is_refused_at_every_length() {
        let bytes = File::new().bytes();
        for length in 0..bytes.len() {
            let message = parse(&bytes[..length]).unwrap_err().to_string();
            assert!(message.starts_with("it is no readable safetensors file ("), "{message}");
        }
    }

    #[test]
    fn a_flipped_bit_is_no_panic() {
        let bytes = File::new().bytes();
        for position in 0..bytes.len() * 8 {
            let mut damaged = bytes.clone();
            damaged[position / 8] ^= 1 << (position % 8);
            if let Ok(set) = parse(&damaged) {
                set.check().unwrap();
            }
        }
    }

    #[test]
    fn a_folder_needs_both_files_and_they_must_belong_together() {
        let folder = tempfile::tempdir().unwrap();
        let [train, test] =
            ["train", "test"].map(|n| folder.path().join(format!("{n}.safetensors")));
        write_spike_trains(&train, &example()).unwrap();
        let message = load(folder.path()).unwrap_err().to_string();
        assert!(message.contains("looked for train.safetensors and test.safetensors"), "{message}");

        std::fs::write(&test, File::new().bytes()).unwrap();
        let message = load(folder.path()).unwrap_err().to_string();
        assert!(
            message
                .contains("samples have 4 values or channels, but those of the training set 700")
        );

        let mut fewer = example();
        fewer.classes = vec!["zero".into(), "one".into(), "three".into()];
        write_spike_trains(&test, &fewer).unwrap();
        assert!(load(folder.path()).unwrap_err().to_string().contains("its classes are not those"));
        fewer.classes = vec!["zero".into()];
        fewer.labels = vec![0; 3];
        write_spike_trains(&test, &fewer).unwrap();
        let (train, test) = load(folder.path()).unwrap();
        assert_eq!((train.classes.len(), test.classes), (3, train.classes));
    }

    #[test]
    fn only_spike_trains_are_written() {
        let folder = tempfile::tempdir().unwrap();
        let inputs = Inputs::Points { width: 1, values: vec![0.0] };
        let set = DataSet::new(inputs, vec![0], vec!["a".into()]).unwrap();
        let path = folder.path().join("points.safetensors");
        let message = write_spike_trains(&path, &set).unwrap_err().to_string();
        assert!(
            message.ends_with("it is to hold spike trains, but the data have none"),
            "{message}"
        );
        assert!(!path.exists());
    }
}
