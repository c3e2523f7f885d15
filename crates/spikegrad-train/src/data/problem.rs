//! What can be wrong with data, each as a clause that completes "cannot use FILE: …".
//!
//! Readers say what they met; who knows the file puts its name before it
//! ([`TrainError::DataFile`](crate::TrainError::DataFile)).
//!
//! Not here: files that are absent or cannot be opened, which are [`TrainError`](crate::TrainError)s
//! of their own.

use spikegrad::network::SpikeTrainsError;
use thiserror::Error;

use crate::words::{plain, short};

/// Data that cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DataProblem {
    /// The system, or the decompressor, gave up in the middle of the file.
    #[error("it cannot be read to its end ({}); copy it again", plain(reason))]
    Unreadable {
        /// What was said.
        reason: std::io::Error,
    },

    /// What should be an archive has no headers of one.
    #[error("it is no tar archive, or a damaged one; copy it again")]
    NotArchive,

    /// The file is shorter than its header says.
    #[error("it ends after {found} of {promised} bytes; copy it again")]
    Truncated {
        /// How many bytes the header promises.
        promised: u64,
        /// How many there are, or at most can be.
        found: u64,
    },

    /// There is something after the end that the header says.
    #[error("it goes on after the {promised} bytes that its header promises; copy it again")]
    Trailing {
        /// How many bytes the header promises.
        promised: u64,
    },

    /// More than this program is willing to hold.
    #[error(
        "it holds more than {limit} bytes, which is too much to hold in memory; make it smaller"
    )]
    TooLarge {
        /// The limit, in bytes.
        limit: u64,
    },

    /// The file is something else altogether.
    #[error("it is no IDX file: it begins with {found:02x?} instead of two zero bytes")]
    NotIdx {
        /// The first two bytes.
        found: [u8; 2],
    },

    /// An IDX file of numbers that are not bytes.
    #[error("it is an IDX file of type 0x{found:02x}; only 0x08, unsigned bytes, can be read")]
    IdxType {
        /// The type byte.
        found: u8,
    },

    /// Images where labels should be, or the other way round.
    #[error(
        "it is an IDX file of {found} dimensions, but must have {expected}: images have 3, labels 1"
    )]
    IdxDimensions {
        /// Number of dimensions it has.
        found: u8,
        /// Number of dimensions it should have.
        expected: u8,
    },

    /// The images, or the file, have no content.
    #[error("it has no samples, or samples without content")]
    Empty,

    /// There is nothing to train on, or nothing to test with.
    #[error("it has no samples; at least one is needed")]
    NoSamples,

    /// Images with more pixels than a network has inputs.
    #[error("its images have {found} pixels, but a network has at most {limit} inputs")]
    Wide {
        /// Number of pixels of an image.
        found: u64,
        /// Most inputs of a network.
        limit: usize,
    },

    /// Training and test samples differ in their size.
    #[error(
        "its samples have {found} values or channels, but those of the training set {expected}; use files that belong together"
    )]
    OtherWidth {
        /// Size of a sample.
        found: usize,
        /// Size of a training sample.
        expected: usize,
    },

    /// Labels and samples were not made for each other.
    #[error("there are {labels} labels for {samples} samples; each sample needs one")]
    LabelCount {
        /// Number of samples.
        samples: usize,
        /// Number of labels.
        labels: usize,
    },

    /// Targets and samples were not made for each other.
    #[error("there are targets for {targets} samples, but {samples} samples; each needs some")]
    TargetCount {
        /// Number of samples.
        samples: usize,
        /// Number of samples that have targets.
        targets: usize,
    },

    /// The target spike trains are no spike trains.
    #[error("of the targets, {problem}")]
    Targets {
        /// What is wrong with them.
        problem: SpikeTrainsError,
    },

    /// A label without a class.
    #[error(
        "the label of sample {sample} is {label}, but must be below {classes}, the number of classes"
    )]
    Label {
        /// Position of the sample, counted from 0.
        sample: usize,
        /// Its label.
        label: usize,
        /// Number of classes.
        classes: usize,
    },

    /// A sample is missing a part.
    #[error("{found} numbers cannot be cut into samples of {width}")]
    SampleWidth {
        /// How many numbers there are.
        found: usize,
        /// How many a sample has.
        width: usize,
    },

    /// Spike trains that disagree with themselves.
    #[error(transparent)]
    Trains(#[from] SpikeTrainsError),

    /// An event was cut off.
    #[error("its {length} bytes are no whole number of events of 5 bytes; copy it again")]
    PartialEvent {
        /// Length of the recording, in bytes.
        length: usize,
    },

    /// More events than this program is willing to hold.
    #[error(
        "with it there are more than {limit} events, which are too many to hold in memory; take fewer recordings, by the setting `limit`"
    )]
    TooManyEvents {
        /// The limit.
        limit: usize,
    },

    /// An event at a place that the sensor does not have.
    #[error("event {event} is at x = {x}, y = {y}, outside the sensor of {side} × {side} pixels")]
    OutsideSensor {
        /// Position of the event, counted from 0.
        event: usize,
        /// Column.
        x: u8,
        /// Row.
        y: u8,
        /// Number of rows, and of columns, of the sensor.
        side: u8,
    },

    /// A list of recordings has a line that is not two numbers.
    #[error(
        "line {line} is `{}`, but must be the number of a recording and its class, such as `60001 7`",
        short(text)
    )]
    ListLine {
        /// The line, counted from 1.
        line: usize,
        /// What stands there.
        text: String,
    },

    /// A recording is in the list, but not with it.
    #[error("it lists recording {number}, but there is no {number}.bs2 or {number}.bin beside it")]
    NoRecording {
        /// The number of the recording.
        number: u32,
    },

    /// There is more than one candidate.
    #[error("it has {found} {what}, but one is needed; remove the others")]
    Ambiguous {
        /// How many there are.
        found: usize,
        /// What there is too much of.
        what: &'static str,
    },

    /// One of several files of a data set is named, and not the one by whose name the others are found.
    #[error(
        "it is not the training file, in whose name `train` stands for `test` in that of the test file; give that or its folder"
    )]
    NotTraining,

    /// The HDF5 library cannot read it: truncated, damaged, or something else altogether.
    #[error("it cannot be read as HDF5 ({})", plain(reason))]
    Hdf5 {
        /// What the library said.
        reason: String,
    },

    /// A dataset of an HDF5 file is missing.
    #[error(
        "it has no dataset `{dataset}`; spoken words need `spikes/times`, `spikes/units` and `labels`"
    )]
    NoDataset {
        /// Its name.
        dataset: &'static str,
    },

    /// A dataset holds another kind of number, or no lists.
    #[error("dataset `{dataset}` holds {}, but must hold {expected}", short(found))]
    DatasetKind {
        /// Its name.
        dataset: &'static str,
        /// What it holds, in the words of HDF5.
        found: String,
        /// What it may hold.
        expected: &'static str,
    },

    /// A dataset is no list.
    #[error("dataset `{dataset}` has the shape {found:?}, but must have one dimension")]
    DatasetRank {
        /// Its name.
        dataset: &'static str,
        /// Its shape.
        found: Vec<usize>,
    },

    /// Datasets of different numbers of samples.
    #[error("dataset `{dataset}` has {found} samples, but `spikes/times` has {expected}")]
    DatasetLength {
        /// Its name.
        dataset: &'static str,
        /// Its number of samples.
        found: usize,
        /// The number of samples of the other.
        expected: usize,
    },

    /// Not as many units as times.
    #[error("sample {sample} has {times} times, but {units} units; each spike needs both")]
    SampleSpikes {
        /// Position of the sample, counted from 0.
        sample: usize,
        /// Number of times.
        times: usize,
        /// Number of units.
        units: usize,
    },

    /// A time of a sample at which nothing can happen.
    #[error("a spike time of sample {sample} is {found:?}, but must be 0 s or more")]
    SampleTime {
        /// Position of the sample, counted from 0.
        sample: usize,
        /// The time, in s.
        found: f64,
    },

    /// A channel or a class that does not exist.
    #[error(
        "sample {sample} has the number {found} in `{dataset}`, but must have numbers from 0, and below {limit}"
    )]
    SampleNumber {
        /// Name of the dataset.
        dataset: &'static str,
        /// Position of the sample, counted from 0.
        sample: usize,
        /// The number.
        found: i64,
        /// Number of channels or classes.
        limit: usize,
    },

    /// Points or images where spikes are to be written.
    #[error("it is to hold spike trains, but the data have none")]
    NoTrains,

    /// The file is no safetensors file.
    #[error("it is no readable safetensors file ({})", plain(reason))]
    Safetensors {
        /// What the format's reader met.
        reason: safetensors::SafeTensorError,
    },

    /// A tensor is missing.
    #[error(
        "it has no tensor `{tensor}`; spike trains need `times`, `channels`, `offsets` and {}",
        wanted(tensor)
    )]
    NoTensor {
        /// Its name.
        tensor: &'static str,
    },

    /// A tensor holds another kind of number.
    #[error("tensor `{tensor}` holds {found:?} values, but must hold {expected}")]
    TensorKind {
        /// Its name.
        tensor: &'static str,
        /// What it holds.
        found: safetensors::Dtype,
        /// What it may hold.
        expected: &'static str,
    },

    /// A tensor is not a list.
    #[error("tensor `{tensor}` has the shape {found:?}, but must have one dimension")]
    TensorRank {
        /// Its name.
        tensor: &'static str,
        /// Its shape.
        found: Vec<usize>,
    },

    /// A number is negative or beyond all reason.
    #[error("entry {position} of tensor `{tensor}` is {found}, but must be between 0 and {limit}")]
    TensorEntry {
        /// Name of the tensor.
        tensor: &'static str,
        /// Position of the entry, counted from 0.
        position: usize,
        /// The entry.
        found: i128,
        /// The largest value that can be used.
        limit: u64,
    },

    /// The description of the file lacks something, or says something impossible.
    #[error("its metadata entry `{key}` must be {rule}")]
    Metadata {
        /// The entry.
        key: &'static str,
        /// What must stand there.
        rule: &'static str,
    },

    /// Training and test file have other classes.
    #[error("its classes are not those of the training set; use files that belong together")]
    OtherClasses,

    /// Training and test file do not want the same of the outputs.
    #[error(
        "its targets are for {found} outputs, but those of the training set for {expected}; use files that belong together"
    )]
    OtherTargets {
        /// Number of outputs; 0 for no targets.
        found: usize,
        /// That of the training set.
        expected: usize,
    },
}

/// What spike trains need beside themselves, if they lack `tensor`.
fn wanted(tensor: &str) -> &'static str {
    if tensor.starts_with("target") {
        "`labels`, or `target_times`, `target_channels` and `target_offsets`"
    } else {
        "`labels`"
    }
}
