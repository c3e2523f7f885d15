//! Recordings as they are published, listed and packed, and what can be wrong with them.

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
    assert_eq!(trains.times.iter().map(|t| (t * 1e6).round()).collect::<Vec<_>>(), [3.0, 65_538.0]);
    assert_eq!(trains.offsets, [0, 2]);
    trains.check().unwrap();
}

#[test]
fn what_follows_an_overflow_of_the_clock_is_later() {
    let events =
        [[1, 1, 0, 0, 7], [0, 240, 0, 0, 0], [1, 1, 0, 0, 1], [9, 240, 0, 0, 0], [1, 1, 0, 0, 2]];
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
    for name in ["Train/5/00001.bin", "Train/0/00002.bin", "Train/4/00003.bin", "Test/7/00001.bin"]
    {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, EVENTS).unwrap();
    }
    let (train, test) = load(folder.path(), 2).unwrap();
    assert_eq!((&train.labels[..], &test.labels[..]), (&[5, 0][..], &[7][..]));
}

#[test]
fn recordings_are_in_the_order_of_their_numbers_whatever_their_digits() {
    let folder = tempfile::tempdir().unwrap();
    // The time of the only event tells a recording; in the order of text 10 is before 9, and 0100 before 11.
    let numbers = ["9", "10", "11", "0100", "101", "1000"];
    for (k, number) in numbers.iter().enumerate() {
        let name = format!("Train/{}/{number}.bin", (7 * k) % 10);
        for path in [folder.path().join(name), folder.path().join("Test/0/1.bin")] {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, [0, 0, 0, 0, u8::try_from(k).unwrap()]).unwrap();
        }
    }
    // Each class counts from 1: then the classes alternate.
    for class in [3, 2] {
        let path = folder.path().join(format!("Train/{class}/2000.bin"));
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, EVENTS).unwrap();
    }
    let (train, _) = load(folder.path(), usize::MAX).unwrap();
    let times = (0..numbers.len()).map(|k| match train.input(k) {
        InputRef::Train { times: &[time], .. } => (time * 1e6).round(),
        other => panic!("{other:?}"),
    });
    assert_eq!(times.collect::<Vec<_>>(), [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
    assert_eq!(train.labels, [0, 7, 4, 1, 8, 5, 2, 3]);
}

#[test]
fn lists_of_comments_alone_are_refused_by_their_name() {
    let expected = "it has no samples; at least one is needed";
    for list in ["", "\n\n", "#sample #class\n# 1 5\n"] {
        let folder = folder(list);
        let path = archive(folder.path(), usize::MAX);
        let message = load(&path, usize::MAX).unwrap_err().to_string();
        assert!(
            message.ends_with(&format!("recordings.tar.gz/train1.txt: {expected}")),
            "{message}"
        );
        let message = load(folder.path(), usize::MAX).unwrap_err().to_string();
        assert!(message.ends_with(&format!("/train1.txt: {expected}")), "{message}");
        std::fs::write(folder.path().join("train1.txt"), "1 5\n").unwrap();
        std::fs::write(folder.path().join("test1.txt"), list).unwrap();
        let message = load(folder.path(), usize::MAX).unwrap_err().to_string();
        assert!(message.ends_with(&format!("/test1.txt: {expected}")), "{message}");
    }
}

#[test]
fn what_no_list_names_is_not_read_and_what_one_names_not_without_end() {
    let too_long = || vec![0; usize::try_from(MAX_RECORDING).unwrap() + 5];
    let folder = folder("1 5\n");
    std::fs::write(folder.path().join("2.bs2"), too_long()).unwrap();
    let (train, _) = load(&archive(folder.path(), usize::MAX), usize::MAX).unwrap();
    assert_eq!(train.len(), 1);
    std::fs::remove_file(folder.path().join("recordings.tar.gz")).unwrap();
    for name in ["1.bs2", "train1.txt"] {
        let whole = std::fs::read(folder.path().join(name)).unwrap();
        std::fs::write(folder.path().join(name), too_long()).unwrap();
        let path = archive(folder.path(), usize::MAX);
        let message = load(&path, usize::MAX).unwrap_err().to_string();
        let expected = format!("{name}: it holds more than {MAX_RECORDING} bytes");
        assert!(message.contains(&expected), "{message}");
        std::fs::remove_file(path).unwrap();
        std::fs::write(folder.path().join(name), whole).unwrap();
    }
}

#[test]
fn names_that_are_too_long_for_a_header_are_read_and_endless_ones_are_not() {
    let long = "recordings ".repeat(20);
    let name = |file: &str| format!("{long}/{file}");
    let encoder = GzEncoder::new(Vec::new(), Compression::default());
    let mut builder = tar::Builder::new(encoder);
    for (file, bytes) in [("1.bin", &EVENTS[..]), ("train.txt", b"1 5\n"), ("test.txt", b"1 7\n")] {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, name(file), bytes).unwrap();
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("long.tar.gz");
    std::fs::write(&path, builder.into_inner().unwrap().finish().unwrap()).unwrap();
    let (train, test) = load(&path, usize::MAX).unwrap();
    assert_eq!((train.labels, test.labels), (vec![5], vec![7]));

    // A name of 256 MB, which is no file, stands before the only file: of it as much is kept as a name may have.
    let mut builder = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::best()));
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::GNULongName);
    header.set_size(1 << 28);
    header.set_cksum();
    builder.append(&header, std::io::Read::take(std::io::repeat(b'x'), 1 << 28)).unwrap();
    let mut header = tar::Header::new_gnu();
    header.set_size(4);
    header.set_cksum();
    builder.append(&header, &b"1 5\n"[..]).unwrap();
    std::fs::write(&path, builder.into_inner().unwrap().finish().unwrap()).unwrap();
    let message = load(&path, usize::MAX).unwrap_err().to_string();
    assert!(message.contains("looked for train….txt"), "{message}");
}

#[test]
fn what_is_no_archive_is_said_without_its_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("some.tar.gz");
    let noise: Vec<u8> =
        (0..2048_u32).map(|k| (k.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(&noise).unwrap();
    for bytes in [noise, encoder.finish().unwrap()] {
        std::fs::write(&path, bytes).unwrap();
        let message = load(&path, usize::MAX).unwrap_err().to_string();
        assert!(
            message.ends_with("it is no tar archive, or a damaged one; copy it again"),
            "{message}"
        );
    }
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
