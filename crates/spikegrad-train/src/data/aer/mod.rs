//! Recordings of an event camera: N-MNIST, digits that a moving ATIS sensor looked at.
//!
//! A recording is a list of events of five bytes, big end first:
//!
//! ```text
//! x: 8 bits | y: 8 bits | polarity: 1 bit | time: 23 bits, in µs
//! ```
//!
//! An event at y = 240 is none: it says that the sensor's clock has run over, and that it and all
//! that follow are 2¹³ µs later. Events out of order are sorted by time. Pixel (x, y) with polarity
//! p is channel (34 p + y) 34 + x of 2312.
//!
//! Three layouts can be read:
//!
//! ```text
//! DIR/Train/5/00001.bin, …, DIR/Test/7/00001.bin, …   the published one: a folder for each class
//! DIR/train….txt, DIR/test….txt, DIR/1.bs2, …         lists of lines `number class`, `#` a comment
//! DIR/….tar.gz, or that file itself                   the second layout in an archive
//! ```
//!
//! Recordings of the published layout are taken in the order of their numbers, which is that of
//! MNIST, so that the first thousand have all classes. In memory a recording takes about 50 kB:
//! those of all 60,000 digits 3 GB, which a limit makes less.
//!
//! Not here: other sensors, whose files have longer events; frames.
//!
//! G. Orchard, A. Jayawant, G. K. Cohen and N. Thakor, *Converting static image datasets to spiking
//! neuromorphic datasets using saccades*, Front. Neurosci. 9:437 (2015); the clock's overflow as in
//! the authors' reader, `eventvision.py`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::content::read_all;
use super::{DataProblem, DataSet, Inputs, SpikeTrains, archive};
use crate::TrainError;

/// Rows, and columns, of the part of the sensor that was recorded.
const SIDE: u8 = 34;

/// Number of channels: each pixel has one for darker and one for brighter.
pub const CHANNELS: usize = 2 * 34 * 34;

/// Number of digits.
const CLASSES: usize = 10;

/// A row that the sensor does not have: the clock has run over.
const OVERFLOW_ROW: u8 = 240;

/// How much later it is after the clock has run over, in µs.
const OVERFLOW: u64 = 1 << 13;

/// No list, and no recording, is longer than this: three million events, of which the published ones have some thousand.
const MAX_RECORDING: u64 = 1 << 24;

/// No more events than this are held: all of N-MNIST, and no list that names a recording for ever.
pub(super) const MAX_EVENTS: usize = 1 << 28;

/// A recording that is to be read.
struct Recording {
    path: PathBuf,
    /// The last part of the path.
    name: String,
    label: usize,
}

/// Reads the training and the test set; of the training set at most the first `limit` recordings.
pub(super) fn load(path: &Path, limit: usize) -> Result<(DataSet, DataSet), TrainError> {
    let names = if path.is_file() { Vec::new() } else { entries(path)? };
    let has = |name: &str| names.iter().any(|entry| entry == name);
    if has("Train") && has("Test") {
        let set = |part, limit| {
            let folder = path.join(part);
            from_files(published(&folder)?, &folder, limit)
        };
        return Ok((set("Train", limit)?, set("Test", usize::MAX)?));
    }
    if let (Some(train), Some(test)) = (list(path, &names, "train")?, list(path, &names, "test")?) {
        let set = |list: PathBuf, limit| from_files(listed(&list, path)?, &list, limit);
        return Ok((set(train, limit)?, set(test, usize::MAX)?));
    }
    let archives: Vec<&String> = names.iter().filter(|name| name.ends_with(".tar.gz")).collect();
    match archives[..] {
        [] if path.is_file() => from_archive(path, limit),
        [name] => from_archive(&path.join(name), limit),
        [] => Err(TrainError::MissingData {
            folder: path.to_path_buf(),
            files: "the folders Train and Test, or train….txt and test….txt, or a .tar.gz".into(),
            hint: "",
        }),
        _ => {
            let problem = DataProblem::Ambiguous { found: archives.len(), what: "archives" };
            Err(TrainError::DataFile { path: path.to_path_buf(), problem })
        }
    }
}

/// Adds the events of one recording to `trains` as a sample.
///
/// # Errors
///
/// [`DataProblem::PartialEvent`] if the recording ends within an event,
/// [`DataProblem::OutsideSensor`] if an event has no pixel, [`DataProblem::TooManyEvents`] if those
/// of all recordings would not fit into memory. `trains` is unchanged then.
pub fn decode(bytes: &[u8], trains: &mut SpikeTrains) -> Result<(), DataProblem> {
    let (events, []) = bytes.as_chunks() else {
        return Err(DataProblem::PartialEvent { length: bytes.len() });
    };
    if trains.times.len() + events.len() > MAX_EVENTS {
        return Err(DataProblem::TooManyEvents { limit: MAX_EVENTS });
    }
    let mut spikes = Vec::with_capacity(events.len());
    let mut overflow = 0;
    for (event, &[x, y, high, middle, low]) in events.iter().enumerate() {
        if y == OVERFLOW_ROW {
            overflow += OVERFLOW;
            continue;
        }
        if x >= SIDE || y >= SIDE {
            return Err(DataProblem::OutsideSensor { event, x, y, side: SIDE });
        }
        let polarity = u32::from(high >> 7);
        let clock = u32::from_be_bytes([0, high & 0x7f, middle, low]);
        #[expect(clippy::cast_precision_loss, reason = "2⁵³ µs are 285 years")]
        let time = (u64::from(clock) + overflow) as f64 / 1e6;
        let side = u32::from(SIDE);
        spikes.push((time, (polarity * side + u32::from(y)) * side + u32::from(x)));
    }
    trains.push(&mut spikes);
    Ok(())
}

/// The names in a folder, in their natural order: 9.bin before 10.bin.
fn entries(folder: &Path) -> Result<Vec<String>, TrainError> {
    let unreadable = |reason| TrainError::Read { path: folder.to_path_buf(), reason };
    if !folder.is_dir() {
        // Treated as an empty folder: the sentence about what is looked for says more.
        return Ok(Vec::new());
    }
    let mut names = Vec::new();
    for entry in folder.read_dir().map_err(unreadable)? {
        let name = entry.map_err(unreadable)?.file_name();
        names.extend(name.into_string());
    }
    alphanumeric_sort::sort_str_slice(&mut names);
    Ok(names)
}

/// The one list among `names` that begins with `prefix`.
fn list(folder: &Path, names: &[String], prefix: &str) -> Result<Option<PathBuf>, TrainError> {
    let is_list = |name: &&String| name.starts_with(prefix) && name.ends_with(".txt");
    let lists: Vec<&String> = names.iter().filter(is_list).collect();
    match lists[..] {
        [] => Ok(None),
        [name] => Ok(Some(folder.join(name))),
        _ => {
            let problem = DataProblem::Ambiguous { found: lists.len(), what: "lists of one kind" };
            Err(TrainError::DataFile { path: folder.to_path_buf(), problem })
        }
    }
}

/// The recordings below a folder that has a folder for each class, in the order of their numbers.
fn published(folder: &Path) -> Result<Vec<Recording>, TrainError> {
    let mut recordings = Vec::new();
    for label in 0..CLASSES {
        let class = folder.join(label.to_string());
        let names = entries(&class)?;
        let recording = |name: String| Recording { path: class.join(&name), name, label };
        recordings.extend(names.into_iter().filter(|name| name.ends_with(".bin")).map(recording));
    }
    // Stable: of a number that two classes have, that of the lower class is first.
    alphanumeric_sort::sort_slice_by_str_key(&mut recordings, |recording| &recording.name);
    if recordings.is_empty() {
        return Err(TrainError::MissingData {
            folder: folder.to_path_buf(),
            files: "the folders 0 to 9 with recordings that end in .bin".into(),
            hint: "",
        });
    }
    Ok(recordings)
}

/// The recordings of a list, which are in `folder`.
fn listed(list: &Path, folder: &Path) -> Result<Vec<Recording>, TrainError> {
    let refused = |problem| TrainError::DataFile { path: list.to_path_buf(), problem };
    let text = read_all(list, MAX_RECORDING)?;
    let mut recordings = Vec::new();
    for (number, label) in parse_list(&text).map_err(refused)? {
        let files = file_names(number).map(|name| (folder.join(&name), name));
        let found = files.into_iter().find(|(path, _)| path.exists());
        let (path, name) = found.ok_or_else(|| refused(DataProblem::NoRecording { number }))?;
        recordings.push(Recording { path, name, label });
    }
    Ok(recordings)
}

/// The numbers and classes of a list.
fn parse_list(text: &[u8]) -> Result<Vec<(u32, usize)>, DataProblem> {
    let text = String::from_utf8_lossy(text);
    let mut recordings = Vec::new();
    for (k, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let mut fields = line.split_whitespace();
        let number = fields.next().and_then(|field| field.parse().ok());
        let label = fields.next().and_then(|field| field.parse().ok());
        let (Some(number), Some(label), None) = (number, label, fields.next()) else {
            // A damaged file can be one endless line.
            let text = line.chars().take(40).collect();
            return Err(DataProblem::ListLine { line: k + 1, text });
        };
        recordings.push((number, label));
    }
    Ok(recordings)
}

/// How a listed recording may be called.
fn file_names(number: u32) -> [String; 2] {
    [format!("{number}.bs2"), format!("{number}.bin")]
}

fn from_files(
    recordings: Vec<Recording>,
    source: &Path,
    limit: usize,
) -> Result<DataSet, TrainError> {
    let mut trains = SpikeTrains::new(CHANNELS);
    let mut labels = Vec::new();
    for Recording { path, label, .. } in recordings.into_iter().take(limit) {
        let decoded = decode(&read_all(&path, MAX_RECORDING)?, &mut trains);
        decoded.map_err(|problem| TrainError::DataFile { path, problem })?;
        labels.push(label);
    }
    data_set(trains, labels)
        .map_err(|problem| TrainError::DataFile { path: source.to_path_buf(), problem })
}

/// The recordings that the lists of an archive name. It is gone through twice, because the lists may come last, and without
/// them nobody knows what is worth the memory.
fn from_archive(path: &Path, limit: usize) -> Result<(DataSet, DataSet), TrainError> {
    let parts = [("train", limit), ("test", usize::MAX)];
    let mut lists = BTreeMap::new();
    archive::visit(path, |mut member| {
        let is_list = |(prefix, _): &(&str, usize)| member.name.starts_with(prefix);
        if member.name.ends_with(".txt") && parts.iter().any(is_list) {
            let name = member.name.to_owned();
            let text = member.read(MAX_RECORDING).map_err(refused(path.join(&name)))?;
            lists.insert(name, text);
        }
        Ok(())
    })?;
    let names: Vec<String> = lists.keys().cloned().collect();
    let mut listed = Vec::new();
    let mut recordings: BTreeMap<String, Option<Vec<u8>>> = BTreeMap::new();
    for (prefix, limit) in parts {
        let Some(list) = list(Path::new(""), &names, prefix)? else {
            return Err(TrainError::MissingData {
                folder: path.to_path_buf(),
                files: format!("{prefix}….txt"),
                hint: "",
            });
        };
        // Named as if the archive were a folder.
        let text = &lists[&*list.to_string_lossy()];
        let list = path.join(&list);
        let mut lines = parse_list(text).map_err(refused(list.clone()))?;
        lines.truncate(limit);
        recordings
            .extend(lines.iter().flat_map(|line| file_names(line.0)).map(|name| (name, None)));
        listed.push((list, lines));
    }
    archive::visit(path, |mut member| {
        let Some(wanted) = recordings.get_mut(member.name) else { return Ok(()) };
        *wanted = Some(member.read(MAX_RECORDING).map_err(refused(path.join(member.name)))?);
        Ok(())
    })?;
    let mut sets = listed.into_iter().map(|(list, lines)| {
        let mut trains = SpikeTrains::new(CHANNELS);
        let mut labels = Vec::new();
        for (number, label) in lines {
            let found = file_names(number).into_iter().find_map(|name| {
                let bytes = recordings.get(&name)?.as_ref()?;
                Some((name, bytes))
            });
            let (name, bytes) =
                found.ok_or_else(|| refused(list.clone())(DataProblem::NoRecording { number }))?;
            decode(bytes, &mut trains).map_err(refused(path.join(name)))?;
            labels.push(label);
        }
        data_set(trains, labels).map_err(refused(list))
    });
    let mut next = || sets.next().expect("a set for each part");
    Ok((next()?, next()?))
}

fn refused(path: PathBuf) -> impl FnOnce(DataProblem) -> TrainError {
    |problem| TrainError::DataFile { path, problem }
}

fn data_set(trains: SpikeTrains, labels: Vec<usize>) -> Result<DataSet, DataProblem> {
    if labels.is_empty() {
        return Err(DataProblem::NoSamples);
    }
    let classes = (0..CLASSES).map(|class| class.to_string()).collect();
    DataSet::new(Inputs::Trains(trains), labels, classes)
}

#[cfg(test)]
mod tests;
