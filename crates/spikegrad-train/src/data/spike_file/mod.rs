//! Spike trains in a file of one's own: lists in a safetensors file.
//!
//! | tensor | holds | type |
//! |---|---|---|
//! | `times` | time of each spike in s, from the start of its sample | F16, F32 or F64 |
//! | `channels` | channel of each spike | any whole numbers |
//! | `offsets` | sample k has the spikes `offsets[k]` to `offsets[k + 1] − 1`; one more than samples | any whole numbers |
//! | `labels` | class of each sample | any whole numbers |
//! | `target_times`, `target_channels`, `target_offsets` | likewise the spikes that the outputs are to have | as above |
//!
//! A file has labels, or targets, or both. The metadata entry `channels` is the number of channels, in digits, and `outputs` that of
//! the outputs with targets. An entry `classes` may hold the names of the classes as a JSON list; without it they are numbers, up to
//! the largest label. Spikes of a sample may come in any order, and are sorted by time as they are read. A folder holds two
//! such files, `train.safetensors` and `test.safetensors`. From Python:
//!
//! ```python
//! safetensors.numpy.save_file(
//!     {"times": times, "channels": channels, "offsets": offsets, "labels": labels},
//!     "train.safetensors", metadata={"channels": "700"})
//! ```
//!
//! The same for users is `docs/spike_trains.md`. Not here: files of other programs, which a few lines of Python turn into this one.

use std::path::Path;

use half::f16;
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};

use super::{DataProblem, DataSet, Inputs, SpikeTrains};
use crate::TrainError;
use spikegrad_report::write_beside;

/// Channels and classes are below this: more would be a damaged file, not a network.
const MAX_INDEX: u64 = 1 << 24;

/// Classes without names are fewer than this.
const MAX_CLASSES: u64 = 1 << 16;

/// The tensors: times, channels and offsets of the samples and of their targets, and labels.
const TRAINS: [&str; 3] = ["times", "channels", "offsets"];
const TARGETS: [&str; 3] = ["target_times", "target_channels", "target_offsets"];
const LABELS: &str = "labels";

/// What a reader has to know besides the tensors.
const CHANNELS: &str = "channels";
const OUTPUTS: &str = "outputs";
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
    let refused = |path, problem| Err(TrainError::DataFile { path, problem });
    if let Some((_, path)) =
        [(&train, &train_path), (&test, &test_path)].into_iter().find(|(set, _)| set.is_empty())
    {
        return refused(path.clone(), DataProblem::NoSamples);
    }
    let (expected, found) = (train.inputs.width(), test.inputs.width());
    if expected != found {
        return refused(test_path, DataProblem::OtherWidth { found, expected });
    }
    let outputs = |set: &DataSet| set.targets.as_ref().map_or(0, |targets| targets.channels);
    let (expected, found) = (outputs(&train), outputs(&test));
    if expected != found {
        return refused(test_path, DataProblem::OtherTargets { found, expected });
    }
    if train.labels.is_empty() != test.labels.is_empty() {
        return refused(test_path, DataProblem::OtherClasses);
    }
    if !train.classes.starts_with(&test.classes) && !test.classes.starts_with(&train.classes) {
        return refused(test_path, DataProblem::OtherClasses);
    }
    // Without names, one of the files may lack the last classes.
    let longer = train.classes.len().max(test.classes.len());
    let classes = if train.classes.len() == longer { &train.classes } else { &test.classes };
    let classes = classes.clone();
    train.classes.clone_from(&classes);
    test.classes = classes;
    Ok((train, test))
}

/// A list of numbers as a file holds it.
struct List {
    name: &'static str,
    dtype: Dtype,
    length: usize,
    bytes: Vec<u8>,
}

impl List {
    fn words(name: &'static str, numbers: &[usize]) -> Self {
        let words = numbers.iter().map(|&n| u64::try_from(n).unwrap_or(u64::MAX));
        let bytes = words.flat_map(u64::to_le_bytes).collect();
        Self { name, dtype: Dtype::U64, length: numbers.len(), bytes }
    }

    fn of_trains(names: [&'static str; 3], trains: &SpikeTrains) -> [Self; 3] {
        let SpikeTrains { offsets, times, channel, .. } = trains;
        let bytes = times.iter().flat_map(|t| t.to_le_bytes()).collect();
        let times = Self { name: names[0], dtype: Dtype::F64, length: times.len(), bytes };
        let bytes = channel.iter().flat_map(|c| c.to_le_bytes()).collect();
        let channels = Self { name: names[1], dtype: Dtype::U32, length: channel.len(), bytes };
        [times, channels, Self::words(names[2], offsets)]
    }
}

fn to_bytes(set: &DataSet) -> Result<Vec<u8>, DataProblem> {
    set.check()?;
    let Inputs::Trains(trains) = &set.inputs else { return Err(DataProblem::NoTrains) };
    let mut lists: Vec<List> = List::of_trains(TRAINS, trains).into();
    let mut metadata = vec![(CHANNELS.to_owned(), trains.channels.to_string())];
    if !set.labels.is_empty() || set.targets.is_none() {
        lists.push(List::words(LABELS, &set.labels));
        let classes = serde_json::Value::from(set.classes.clone()).to_string();
        metadata.push((CLASSES.to_owned(), classes));
    }
    if let Some(targets) = &set.targets {
        lists.extend(List::of_trains(TARGETS, targets));
        metadata.push((OUTPUTS.to_owned(), targets.channels.to_string()));
    }
    let views = lists.iter().map(|List { name, dtype, length, bytes }| {
        TensorView::new(*dtype, vec![*length], bytes).map(|view| (*name, view))
    });
    views
        .collect::<Result<Vec<_>, _>>()
        .and_then(|views| safetensors::serialize(views, Some(metadata.into_iter().collect())))
        .map_err(|reason| DataProblem::Safetensors { reason })
}

fn parse(bytes: &[u8]) -> Result<DataSet, DataProblem> {
    let unreadable = |reason| DataProblem::Safetensors { reason };
    let file = SafeTensors::deserialize(bytes).map_err(unreadable)?;
    let (_, header) = SafeTensors::read_metadata(bytes).map_err(unreadable)?;
    let entry = |key: &str| header.metadata().as_ref().and_then(|entries| entries.get(key));
    let count = |key, rule| {
        let count = entry(key).and_then(|text| text.parse::<u64>().ok());
        let count = count.filter(|count| (1..=MAX_INDEX).contains(count));
        let count = count.and_then(|count| usize::try_from(count).ok());
        count.ok_or(DataProblem::Metadata { key, rule })
    };
    let channels = count(CHANNELS, "the number of channels in digits, from 1 to 16777216")?;
    let inputs = Inputs::Trains(trains(&file, TRAINS, channels)?);
    let has = |name: &str| file.tensor(name).is_ok();
    let has_targets = TARGETS.iter().any(|name| has(name));
    let targets = match has_targets {
        true => {
            let outputs = count(OUTPUTS, "the number of outputs in digits, from 1 to 16777216")?;
            let targets = trains(&file, TARGETS, outputs);
            Some(targets.map_err(|problem| match problem {
                DataProblem::NoTensor { .. } | DataProblem::TensorKind { .. } => problem,
                DataProblem::Trains(problem) => DataProblem::Targets { problem },
                problem => problem,
            })?)
        }
        false => None,
    };
    let labels: Vec<usize> = match has_targets && !has(LABELS) {
        true => Vec::new(),
        false => indices(&file, LABELS, MAX_CLASSES - 1)?,
    };
    let classes: Option<Vec<String>> = match entry(CLASSES).map(|text| serde_json::from_str(text)) {
        None => None,
        Some(Ok(names)) => Some(names),
        Some(Err(_)) => {
            let rule = "a JSON list of the names of the classes";
            return Err(DataProblem::Metadata { key: CLASSES, rule });
        }
    };
    let classes = classes.unwrap_or_else(|| {
        let count = labels.iter().max().map_or(0, |largest| largest + 1);
        (0..count).map(|class| class.to_string()).collect()
    });
    let set = DataSet { inputs, labels, classes, targets };
    set.check()?;
    Ok(set)
}

/// The spike trains of the tensors with these names, on so many channels.
fn trains(
    file: &SafeTensors<'_>,
    [times_name, channels_name, offsets_name]: [&'static str; 3],
    channels: usize,
) -> Result<SpikeTrains, DataProblem> {
    let times = times(file, times_name)?;
    let spikes = u64::try_from(times.len()).unwrap_or(u64::MAX);
    let channel = indices(file, channels_name, MAX_INDEX)?;
    let offsets = indices(file, offsets_name, spikes)?;
    Ok(SpikeTrains { channels, offsets, times, channel }.sorted()?)
}

/// Returns the list `name`.
fn list<'a>(file: &SafeTensors<'a>, name: &'static str) -> Result<TensorView<'a>, DataProblem> {
    let view = file.tensor(name).map_err(|_| DataProblem::NoTensor { tensor: name })?;
    match view.shape() {
        [_] => Ok(view),
        shape => Err(DataProblem::TensorRank { tensor: name, found: shape.to_vec() }),
    }
}

fn times(file: &SafeTensors<'_>, tensor: &'static str) -> Result<Vec<f64>, DataProblem> {
    let view = list(file, tensor)?;
    let data = view.data();
    match view.dtype() {
        Dtype::F64 => Ok(words(data).map(f64::from_le_bytes).collect()),
        Dtype::F32 => Ok(words(data).map(f32::from_le_bytes).map(f64::from).collect()),
        Dtype::F16 => Ok(words(data).map(f16::from_le_bytes).map(f64::from).collect()),
        found => Err(DataProblem::TensorKind { tensor, found, expected: "F16, F32 or F64" }),
    }
}

/// Returns a list of whole numbers from 0 to `limit`, which fits into a `T`.
fn indices<T: TryFrom<i128>>(
    file: &SafeTensors<'_>,
    tensor: &'static str,
    limit: u64,
) -> Result<Vec<T>, DataProblem> {
    let view = list(file, tensor)?;
    let data = view.data();
    // There can be a hundred million: one at a time, not a second list.
    let numbers: Box<dyn Iterator<Item = i128>> = match view.dtype() {
        Dtype::U8 => Box::new(words(data).map(u8::from_le_bytes).map(i128::from)),
        Dtype::I8 => Box::new(words(data).map(i8::from_le_bytes).map(i128::from)),
        Dtype::U16 => Box::new(words(data).map(u16::from_le_bytes).map(i128::from)),
        Dtype::I16 => Box::new(words(data).map(i16::from_le_bytes).map(i128::from)),
        Dtype::U32 => Box::new(words(data).map(u32::from_le_bytes).map(i128::from)),
        Dtype::I32 => Box::new(words(data).map(i32::from_le_bytes).map(i128::from)),
        Dtype::U64 => Box::new(words(data).map(u64::from_le_bytes).map(i128::from)),
        Dtype::I64 => Box::new(words(data).map(i64::from_le_bytes).map(i128::from)),
        found => {
            let expected = "whole numbers: I8, U8, I16, U16, I32, U32, I64 or U64";
            return Err(DataProblem::TensorKind { tensor, found, expected });
        }
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
mod tests;
