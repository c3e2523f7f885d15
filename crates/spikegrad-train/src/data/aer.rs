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
use std::io::Read;
use std::path::{Path, PathBuf};

use super::content::{self, LIMIT, read_all, read_up_to};
use super::{DataProblem, DataSet, Inputs, SpikeTrains};
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

/// No list, and no recording, is longer than this: 13 million events.
const MAX_RECORDING: u64 = 1 << 26;

/// No more events than this are held: all of N-MNIST, and no list that names a recording for ever.
pub(super) const MAX_EVENTS: usize = 1 << 28;

/// A recording that is to be read.
struct Recording {
    path: PathBuf,
    label: usize,
}

/// Reads the training and the test set; of the training set at most the first `limit` recordings.
pub(super) fn load(path: &Path, limit: usize) -> Result<(DataSet, DataSet), TrainError> {
    let names = if path.is_file() { Vec::new() } else { entries(path)? };
    let has = |name: &str| names.iter().any(|entry| entry == name);
    if has("Train") && has("Test") {
        let set = |part, limit| from_files(published(&path.join(part))?, limit);
        return Ok((set("Train", limit)?, set("Test", usize::MAX)?));
    }
    if let (Some(train), Some(test)) = (list(path, &names, "train")?, list(path, &names, "test")?) {
        let set = |list: PathBuf, limit| from_files(listed(&list, path)?, limit);
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

/// The names in a folder, in order.
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
    names.sort_unstable();
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
        let recording = |name: &String| Recording { path: class.join(name), label };
        recordings.extend(names.iter().filter(|name| name.ends_with(".bin")).map(recording));
    }
    recordings.sort_by(|a, b| a.path.file_name().cmp(&b.path.file_name()));
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
        let paths = file_names(number).map(|name| folder.join(name));
        let found = paths.into_iter().find(|path| path.exists());
        let path = found.ok_or_else(|| refused(DataProblem::NoRecording { number }))?;
        recordings.push(Recording { path, label });
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

fn from_files(recordings: Vec<Recording>, limit: usize) -> Result<DataSet, TrainError> {
    let mut trains = SpikeTrains::new(CHANNELS);
    let mut labels = Vec::new();
    for Recording { path, label } in recordings.into_iter().take(limit) {
        let decoded = decode(&read_all(&path, MAX_RECORDING)?, &mut trains);
        decoded.map_err(|problem| TrainError::DataFile { path, problem })?;
        labels.push(label);
    }
    Ok(data_set(trains, labels)?)
}

fn from_archive(path: &Path, limit: usize) -> Result<(DataSet, DataSet), TrainError> {
    let refused = |path: &Path, problem| TrainError::DataFile { path: path.to_path_buf(), problem };
    let files = unpack(path)?;
    let names: Vec<String> = files.keys().cloned().collect();
    let part = |prefix: &str, limit: usize| {
        let Some(list) = list(Path::new(""), &names, prefix)? else {
            return Err(TrainError::MissingData {
                folder: path.to_path_buf(),
                files: format!("{prefix}….txt"),
                hint: "",
            });
        };
        // Named as if the archive were a folder.
        let inside = |name: &str| path.join(name);
        let list_name = list.to_string_lossy();
        let lines = parse_list(&files[&*list_name])
            .map_err(|problem| refused(&inside(&list_name), problem))?;
        let mut trains = SpikeTrains::new(CHANNELS);
        let mut labels = Vec::new();
        for (number, label) in lines.into_iter().take(limit) {
            let found = file_names(number).into_iter().find_map(|name| files.get_key_value(&name));
            let (name, bytes) = found
                .ok_or_else(|| refused(&inside(&list_name), DataProblem::NoRecording { number }))?;
            decode(bytes, &mut trains).map_err(|problem| refused(&inside(name), problem))?;
            labels.push(label);
        }
        data_set(trains, labels).map_err(|problem| refused(&inside(&list_name), problem))
    };
    Ok((part("train", limit)?, part("test", usize::MAX)?))
}

/// The lists and recordings of a `.tar.gz`, by their names without folders.
fn unpack(path: &Path) -> Result<BTreeMap<String, Vec<u8>>, TrainError> {
    let content = content::open(path)?;
    let read = || -> Result<_, DataProblem> {
        let unreadable = |reason| DataProblem::Unreadable { reason };
        let mut archive = tar::Archive::new(content.reader.take(LIMIT));
        let mut files = BTreeMap::new();
        for entry in archive.entries().map_err(unreadable)? {
            let entry = entry.map_err(unreadable)?;
            let path = entry.path().map_err(unreadable)?.into_owned();
            let wanted =
                |ending: &std::ffi::OsStr| ending == "txt" || ending == "bs2" || ending == "bin";
            let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
            if !entry.header().entry_type().is_file() || !path.extension().is_some_and(wanted) {
                continue;
            }
            let size = entry.size();
            let bytes = read_up_to(entry, size)?;
            let found = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
            if found < size {
                return Err(DataProblem::Truncated { promised: size, found });
            }
            files.insert(name.to_owned(), bytes);
        }
        Ok(files)
    };
    read().map_err(|problem| TrainError::DataFile { path: path.to_path_buf(), problem })
}

fn data_set(trains: SpikeTrains, labels: Vec<usize>) -> Result<DataSet, DataProblem> {
    let classes = (0..CLASSES).map(|class| class.to_string()).collect();
    DataSet::new(Inputs::Trains(trains), labels, classes)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;
    use crate::data::InputRef;

    /// (1, 2) brighter at 3 µs, then (33, 0) darker at 65536 + 2 µs.
    const EVENTS: [u8; 10] = [1, 2, 0x80, 0, 3, 33, 0, 1, 0, 2];

    #[test]
    fn an_event_is_a_pixel_a_polarity_and_a_time() {
        let mut trains = SpikeTrains::new(CHANNELS);
        decode(&EVENTS, &mut trains).unwrap();
        assert_eq!(trains.channel, [(34 + 2) * 34 + 1, 33]);
        assert_eq!(
            trains.times.iter().map(|t| (t * 1e6).round()).collect::<Vec<_>>(),
            [3.0, 65_538.0]
        );
        assert_eq!(trains.offsets, [0, 2]);
        trains.check().unwrap();
    }

    #[test]
    fn what_follows_an_overflow_of_the_clock_is_later() {
        let events = [
            [1, 1, 0, 0, 7],
            [0, 240, 0, 0, 0],
            [1, 1, 0, 0, 1],
            [9, 240, 0, 0, 0],
            [1, 1, 0, 0, 2],
        ];
        let mut trains = SpikeTrains::new(CHANNELS);
        decode(events.as_flattened(), &mut trains).unwrap();
        let microseconds: Vec<f64> = trains.times.iter().map(|t| (t * 1e6).round()).collect();
        assert_eq!(microseconds, [7.0, 8193.0, 16386.0]);
    }

    #[test]
    fn events_out_of_order_are_sorted() {
        let mut trains = SpikeTrains::new(CHANNELS);
        decode(&[5, 0, 0, 0, 9, 4, 0, 0, 0, 8], &mut trains).unwrap();
        assert_eq!(trains.channel, [4, 5]);
        trains.check().unwrap();
    }

    #[test]
    fn damaged_recordings_are_refused() {
        let refused = |bytes: &[u8]| {
            let mut trains = SpikeTrains::new(CHANNELS);
            let message = decode(bytes, &mut trains).unwrap_err().to_string();
            assert!(trains.is_empty());
            message
        };
        for length in (0..10).filter(|length| length % 5 != 0) {
            let message = refused(&EVENTS[..length]);
            assert!(message.contains("no whole number of events of 5 bytes"), "{message}");
        }
        assert_eq!(
            refused(&[0, 0, 0, 0, 0, 34, 1, 0, 0, 0]),
            "event 1 is at x = 34, y = 1, outside the sensor of 34 × 34 pixels"
        );
        assert!(refused(&[0, 239, 0, 0, 0]).starts_with("event 0 is at x = 0, y = 239"));
    }

    /// A folder with lists and two recordings; the second is that of the test set.
    fn folder(list: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let write = |name, bytes: &[u8]| std::fs::write(folder.path().join(name), bytes).unwrap();
        write("train1.txt", list.as_bytes());
        write("test1.txt", b"#sample #class\r\n60001\t7\r\n");
        write("1.bs2", &EVENTS);
        write("60001.bin", &EVENTS[..5]);
        folder
    }

    fn archive(folder: &Path, length: usize) -> PathBuf {
        let encoder = GzEncoder::new(Vec::new(), Compression::default());
        let mut builder = tar::Builder::new(encoder);
        builder.append_dir_all("recordings", folder).unwrap();
        let bytes = builder.into_inner().unwrap().finish().unwrap();
        let path = folder.join("recordings.tar.gz");
        let mut file = std::fs::File::create(&path).unwrap();
        file.write_all(&bytes[..length.min(bytes.len())]).unwrap();
        path
    }

    #[test]
    fn a_folder_with_lists_and_its_archive_are_the_same_data() {
        let folder = folder("#sample #class\r\n1\t5\r\n\r\n1 3\n");
        let (train, test) = load(folder.path(), usize::MAX).unwrap();
        assert_eq!((&train.labels[..], &test.labels[..]), (&[5, 3][..], &[7][..]));
        let InputRef::Train { channel, .. } = test.input(0) else { panic!("spikes") };
        assert_eq!(channel, [(34 + 2) * 34 + 1]);
        assert_eq!(load(folder.path(), 1).unwrap().0.labels, [5]);

        let path = archive(folder.path(), usize::MAX);
        assert_eq!(load(&path, usize::MAX).unwrap(), (train.clone(), test.clone()));
        std::fs::remove_file(folder.path().join("train1.txt")).unwrap();
        assert_eq!(load(folder.path(), usize::MAX).unwrap(), (train, test), "found in the folder");
    }

    #[test]
    fn the_published_layout_is_read_in_the_order_of_the_numbers() {
        let folder = tempfile::tempdir().unwrap();
        for name in
            ["Train/5/00001.bin", "Train/0/00002.bin", "Train/4/00003.bin", "Test/7/00001.bin"]
        {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, EVENTS).unwrap();
        }
        let (train, test) = load(folder.path(), 2).unwrap();
        assert_eq!((&train.labels[..], &test.labels[..]), (&[5, 0][..], &[7][..]));
    }

    #[test]
    fn a_truncated_archive_is_refused_at_every_length() {
        let folder = folder("1 5\n");
        let path = archive(folder.path(), usize::MAX);
        let length = std::fs::read(&path).unwrap().len();
        std::fs::remove_file(&path).unwrap();
        // The last eight bytes are a checksum, and before it lie the zeros that end an archive.
        for length in 0..length - 30 {
            let path = archive(folder.path(), length);
            assert!(load(&path, usize::MAX).is_err(), "{length}");
            std::fs::remove_file(path).unwrap();
        }
    }

    #[test]
    fn lists_that_make_no_sense_are_refused_by_line() {
        let message = |list: &str| {
            let folder = folder(list);
            let message = load(folder.path(), usize::MAX).unwrap_err().to_string();
            message.replace(&format!("{}/", folder.path().display()), "")
        };
        const RULE: &str = "but must be the number of a recording and its class, such as `60001 7`";
        for line in ["1", "1 5 6", "one 5", "-1 5", "../1 5", "1 -5"] {
            let expected = format!("cannot use train1.txt: line 2 is `{line}`, {RULE}");
            assert_eq!(message(&format!("#\n{line}\n")), expected);
        }
        assert_eq!(
            message("2 5\n"),
            "cannot use train1.txt: it lists recording 2, but there is no 2.bs2 or 2.bin beside it"
        );
        assert!(message("1 10\n").contains("the label of sample 0 is 10, but must be below 10"));
        let endless = "x".repeat(1 << 20);
        assert!(message(&endless).len() < 300);
    }

    #[test]
    fn an_empty_folder_is_told_what_to_hold() {
        let folder = tempfile::tempdir().unwrap();
        for path in [folder.path().to_path_buf(), folder.path().join("missing")] {
            let message = load(&path, usize::MAX).unwrap_err().to_string();
            assert!(message.contains("looked for the folders Train and Test, or"), "{message}");
        }
    }
}
