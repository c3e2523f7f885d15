//! Files as this program and as others write them, and what can be wrong with them.

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
        file.put("times", Dtype::F32, [0.5_f32, 0.25, 1.0].iter().flat_map(|t| t.to_le_bytes()));
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
        let metadata = self.metadata.iter().map(|(&key, &text)| (key.to_owned(), text.to_owned()));
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
fn every_kind_of_number_is_read_as_what_it_is() {
    // The numbers of the file, in each type that can hold them.
    let numbers: [(&'static str, &[u8]); 3] =
        [("channels", &[3, 1, 0]), ("offsets", &[0, 2, 3]), ("labels", &[1, 0])];
    let expected = parse(&File::new().bytes()).unwrap();
    let whole = [
        (Dtype::U8, 1),
        (Dtype::I8, 1),
        (Dtype::U16, 2),
        (Dtype::I16, 2),
        (Dtype::U32, 4),
        (Dtype::I32, 4),
        (Dtype::U64, 8),
        (Dtype::I64, 8),
    ];
    for (name, numbers) in numbers {
        for (dtype, width) in whole {
            let mut file = File::new();
            let word = |&number: &u8| {
                let mut word = vec![0; width];
                word[0] = number;
                word
            };
            file.put(name, dtype, numbers.iter().flat_map(word));
            assert_eq!(parse(&file.bytes()).unwrap(), expected, "{name} as {dtype:?}");
        }
    }
    let halves = [0.5, 0.25, 1.0].map(f16::from_f64);
    let mut file = File::new();
    file.put("times", Dtype::F16, halves.iter().flat_map(|t| t.to_le_bytes()));
    assert_eq!(parse(&file.bytes()).unwrap(), expected);
    for dtype in [Dtype::I8, Dtype::I16, Dtype::I32] {
        let mut file = File::new();
        let width = dtype.bitsize() / 8;
        file.put("channels", dtype, std::iter::repeat_n(255, 3 * width));
        let message = parse(&file.bytes()).unwrap_err().to_string();
        assert!(message.contains("entry 0 of tensor `channels` is -1"), "{message}");
    }
}

#[test]
fn targets_stand_in_place_of_labels_or_beside_them() {
    let targets = |f: &mut File| {
        f.put("target_times", Dtype::F32, [0.75_f32].iter().flat_map(|t| t.to_le_bytes()));
        f.put("target_channels", Dtype::U8, [1]);
        f.put("target_offsets", Dtype::U8, [0, 0, 1]);
        f.tell("outputs", "2");
    };
    let mut file = File::new();
    targets(&mut file);
    let both = parse(&file.bytes()).unwrap();
    assert_eq!((both.labels.len(), both.target(1)), (2, Some(vec![vec![], vec![0.75]])));
    file.tensors.remove("labels");
    let alone = parse(&file.bytes()).unwrap();
    assert_eq!((alone.labels.len(), &alone.targets), (0, &both.targets));

    let folder = tempfile::tempdir().unwrap();
    for set in [both, alone] {
        let path = folder.path().join("set.safetensors");
        write_spike_trains(&path, &set).unwrap();
        assert_eq!(read_spike_trains(&path).unwrap(), set);
    }
    let refused = |change: &dyn Fn(&mut File), message: &str| {
        let mut file = File::new();
        targets(&mut file);
        change(&mut file);
        assert_eq!(parse(&file.bytes()).unwrap_err().to_string(), message);
    };
    refused(
        &|f| drop(f.tensors.remove("target_times")),
        "it has no tensor `target_times`; spike trains need `times`, `channels`, `offsets` and `labels`, or `target_times`, `target_channels` and `target_offsets`",
    );
    refused(
        &|f| assert!(f.metadata.remove("outputs").is_some()),
        "its metadata entry `outputs` must be the number of outputs in digits, from 1 to 16777216",
    );
    refused(
        &|f| f.put("target_channels", Dtype::U8, [2]),
        "of the targets, the channel of spike 0 is 2, but must be below 2, the number of channels",
    );
    refused(
        &|f| f.put("target_offsets", Dtype::U8, [0, 1]),
        "there are targets for 1 samples, but 2 samples; each needs some",
    );
}

#[test]
fn a_set_without_samples_is_refused_by_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let empty = || {
        let mut set = example();
        set.truncate(0);
        set
    };
    for (train, test, named) in
        [(empty(), example(), "train"), (example(), empty(), "test"), (empty(), empty(), "train")]
    {
        for (name, set) in [("train", train), ("test", test)] {
            let path = folder.path().join(format!("{name}.safetensors"));
            write_spike_trains(&path, &set).unwrap();
        }
        let message = load(folder.path()).unwrap_err().to_string();
        let expected = format!("{named}.safetensors: it has no samples; at least one is needed");
        assert!(message.ends_with(&expected), "{message}");
    }
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
            &|f| f.put(name, Dtype::BOOL, [0, 0, 0]),
            &format!(
                "tensor `{name}` holds BOOL values, but must hold {}",
                match name {
                    "times" => "F16, F32 or F64",
                    _ => "whole numbers: I8, U8, I16, U16, I32, U32, I64 or U64",
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
    let [train, test] = ["train", "test"].map(|n| folder.path().join(format!("{n}.safetensors")));
    write_spike_trains(&train, &example()).unwrap();
    let message = load(folder.path()).unwrap_err().to_string();
    assert!(message.contains("looked for train.safetensors and test.safetensors"), "{message}");

    std::fs::write(&test, File::new().bytes()).unwrap();
    let message = load(folder.path()).unwrap_err().to_string();
    assert!(
        message.contains("samples have 4 values or channels, but those of the training set 700")
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
    assert!(message.ends_with("it is to hold spike trains, but the data have none"), "{message}");
    assert!(!path.exists());
}
