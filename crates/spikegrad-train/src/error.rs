//! What can go wrong in and around a training run, each as one sentence in the user's terms.
//!
//! A message is complete: where another library gave the reason, the reason is part of the sentence
//! and not repeated as `source()`.
//!
//! Not here: failures of one simulation or of one gradient, which the engine's crates name; they are
//! reasons here.

use std::fmt;
use std::path::PathBuf;

use serde_json::Value;
use spikegrad::network::wording::json_reason;
use spikegrad::problem::ProblemError;
use spikegrad_report::ReportError;
use thiserror::Error;

use crate::data::DataProblem;
use crate::words::{plain, short};

/// A setting, a file or a figure that could not be used, or a sample that could not be learned.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TrainError {
    /// The configuration is no JSON object at all. The reason gives line and column.
    #[error("the configuration cannot be read: {}", json_reason(reason))]
    MalformedConfig {
        /// What the parser met, and where.
        reason: serde_json::Error,
    },

    /// There is no such setting. The nearest one is probably meant.
    #[error("there is no setting `{}`; the nearest is `{nearest}`", short(key))]
    UnknownSetting {
        /// The key as given, levels separated by dots.
        key: String,
        /// The valid key that is most like it.
        nearest: String,
    },

    /// The setting is one of another kind. Choose that kind, and then the setting.
    #[error("setting `{}` belongs to {kinds}, but `{tag}` is {}", short(key), short(found))]
    OtherKind {
        /// The key as given, levels separated by dots.
        key: Box<str>,
        /// The names of the kinds that have it.
        kinds: Box<str>,
        /// The key that names the kind.
        tag: Box<str>,
        /// The name that stands there.
        found: Box<str>,
    },

    /// The list has no member at this position, such as a layer. A list is replaced as a whole.
    #[error("there is no setting `{}`: `{list}` has {count} members, counted from 0", short(key))]
    NoMember {
        /// The key as given, levels separated by dots.
        key: String,
        /// The key of the list.
        list: String,
        /// Number of its members.
        count: usize,
    },

    /// A key stands twice in one object, and one of the two would not count. Remove it.
    #[error("setting `{}` stands twice; remove one of them", short(key))]
    RepeatedSetting {
        /// The key, levels separated by dots.
        key: String,
    },

    /// A configuration is complete, so that it says all that a result depends on.
    #[error("setting `{key}` is missing")]
    MissingSetting {
        /// The key, levels separated by dots.
        key: String,
    },

    /// The value is of another kind than the setting. The reason says what is expected.
    #[error("setting `{}` cannot be {}: {}", short(key), short(found), json_reason(reason))]
    MistypedSetting {
        /// The key, levels separated by dots.
        key: String,
        /// What stands there, as JSON.
        found: String,
        /// What was expected.
        reason: serde_json::Error,
    },

    /// The value is of the right kind, but no run can be made with it. The rule says which values
    /// can be used.
    #[error("setting `{}` is {}, but must be {rule}", short(key), short(found))]
    InvalidSetting {
        /// The key, levels separated by dots.
        key: String,
        /// The value that stands there.
        found: String,
        /// What it must be.
        rule: &'static str,
    },

    /// A setting that is right by itself does not go with the data.
    #[error("setting `{key}` {rule}")]
    ConflictingSetting {
        /// The key of the one to change, levels separated by dots.
        key: &'static str,
        /// What it does not go with, and what it would have to be.
        rule: &'static str,
    },

    /// The code makes spikes of another kind of data. Choose another code.
    #[error("the code `{code}` is for {expected}, but the data are {found}")]
    OtherCode {
        /// Its name in a configuration.
        code: &'static str,
        /// What it is for.
        expected: &'static str,
        /// What the data are.
        found: &'static str,
    },

    /// The files of a data set are not there.
    #[error(
        "no data in {}: looked for {files}; put the files there, or give their folder with `--data DIR`{hint}", plain(folder.display())
    )]
    MissingData {
        /// The folder.
        folder: PathBuf,
        /// What was looked for.
        files: String,
        /// Where such files come from; may be empty.
        hint: &'static str,
    },

    /// The data are in HDF5 files, and this build knows nothing of HDF5. Build with the feature `hdf5`.
    #[error(
        "the data `{data}` are HDF5 files, which this program was built without; install the HDF5 library (on Debian `apt-get install libhdf5-dev`) and build it with `cargo build --release --features hdf5`"
    )]
    WithoutHdf5 {
        /// Name of the data set.
        data: &'static str,
    },

    /// A file does not hold what it should. The problem says what it holds instead.
    #[error("cannot use {}: {problem}", plain(path.display()))]
    DataFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: DataProblem,
    },

    /// Data that did not come from a file do not fit together.
    #[error("cannot use the data: {problem}")]
    Data {
        /// What is wrong with them.
        problem: DataProblem,
    },

    /// A run goes on with the configuration that it was started with; [`Config::check_continues`](crate::Config::check_continues) says
    /// what may change. Start a new run in another folder to try another value.
    #[error(
        "setting `{key}` is {}, but the run was started with {}; a run goes on with its own settings; only where the data are may change, `best.patience`, `grazing` from fail to zero, and `epochs` unless the learning rates depend on it",
        short(asked),
        short(kept)
    )]
    OtherRun {
        /// The key, levels separated by dots.
        key: String,
        /// The value asked for, as JSON.
        asked: Value,
        /// The value of the run, as JSON.
        kept: Value,
    },

    /// Data that are generated are not read from a folder. Leave it out.
    #[error("the data are generated, and not read from a folder")]
    NoFiles,

    /// There is a run in the folder already. Go on with it, or take another folder.
    #[error("{} holds a run already", plain(path.display()))]
    Occupied {
        /// The folder.
        path: PathBuf,
    },

    /// There are files in the folder, but no run. Take another folder.
    #[error("{} is not empty, and holds no run", plain(path.display()))]
    NotEmpty {
        /// The folder.
        path: PathBuf,
    },

    /// There is no run in the folder. Start one, or look at the path.
    #[error("there is no run in {}", plain(path.display()))]
    NoRun {
        /// The folder.
        path: PathBuf,
    },

    /// Data without a sample that a run needs.
    #[error("the {part} set has no samples; at least one is needed")]
    NoSamples {
        /// `training` or `test`.
        part: &'static str,
    },

    /// The loss compares spike trains with targets, and the data hold none; or the other way round.
    #[error("the loss `{loss}` needs {needs}, which the data do not hold")]
    Untargeted {
        /// Its name in a configuration.
        loss: &'static str,
        /// What it needs.
        needs: &'static str,
    },

    /// The network is larger than the memory of the machine; nothing was allocated for it. Make its layers smaller.
    #[error(
        "the network has {synapses} synapses, and training it takes {needed} of memory, more than the {available} of this machine; make its layers smaller, such as `layers.{layer}.size`"
    )]
    Memory {
        /// Number of synapses.
        synapses: u64,
        /// How much it takes, with its unit.
        needed: Bytes,
        /// How much there is, with its unit.
        available: Bytes,
        /// Position of the layer that is reached by most synapses.
        layer: usize,
    },

    /// The parameters of the run that this one starts with are those of another network.
    #[error("cannot start as {} does: {reason}", plain(path.display()))]
    Start {
        /// The folder of that run, or its checkpoint.
        path: PathBuf,
        /// What is wrong with it.
        reason: Box<TrainError>,
    },

    /// One of several processes cannot train with the others.
    #[error("process {rank}, counted from 0: {reason}")]
    Member {
        /// Which.
        rank: usize,
        /// What it says.
        reason: String,
    },

    /// The configuration of the run chooses no best epoch, or none has been completed.
    #[error("{} holds no best epoch: the setting `best` chooses one", plain(path.display()))]
    NoBest {
        /// The folder.
        path: PathBuf,
    },

    /// Another process works on the run. Wait for it, or end it.
    #[error("another process is working on {}", plain(path.display()))]
    Busy {
        /// The folder.
        path: PathBuf,
    },

    /// The metrics of a run lack an epoch that its checkpoint has completed: they were changed.
    #[error(
        "{} has no line for epoch {epoch}, though the checkpoint has completed {completed} epochs", plain(path.display())
    )]
    MissingEpoch {
        /// The file.
        path: PathBuf,
        /// The first epoch that is missing or cannot be read.
        epoch: u32,
        /// Number of epochs of the checkpoint.
        completed: u32,
    },

    /// A part of the data has not so many samples. They are counted from 0.
    #[error(
        "there is no {split} sample {position}: the {split} set has {count} samples, counted from 0"
    )]
    NoSample {
        /// The part: training, validation or test.
        split: &'static str,
        /// What was asked for.
        position: usize,
        /// Number of samples.
        count: usize,
    },

    /// A sample cannot be stated as a problem, because the network or the sample is not what an engine takes.
    #[error("the sample is no problem: {reason}")]
    SampleProblem {
        /// What is wrong with it.
        reason: ProblemError,
    },

    /// The network of the configuration, or a sample's spikes, are not what the engine takes.
    #[error(transparent)]
    Network(#[from] spikegrad::NetworkError),

    /// A training sample has no loss or no gradient, and nothing can be learned from it. The
    /// checkpoint of the epoch before is unharmed; another seed or a smaller learning rate may go
    /// around it.
    #[error("epoch {epoch}, batch {batch}, training sample {sample}{}: {reason}", after_comma(neuron.as_deref()))]
    Training {
        /// The epoch under way, counted from 1.
        epoch: u32,
        /// The batch, counted from 1.
        batch: usize,
        /// Position of the sample in the training data, counted from 0.
        sample: usize,
        /// Layer and index of the neuron that the engine's reason is about, if it is about one.
        neuron: Option<String>,
        /// What the engine says.
        reason: Box<spikegrad::Error>,
    },

    /// The loss of a sample or the gradient of a batch left the range of a double, or would when it is squared, although no spike is
    /// to blame. The checkpoint of the epoch before is unharmed. Look at that neuron's weights, and at the scales in the loss.
    #[error(
        "epoch {epoch}, batch {batch}, training sample {sample}: the {what} is outside the range of a double; look at neuron {}, where the derivative with respect to a {of} is {value:?}",
        short(neuron)
    )]
    NotFinite {
        /// The epoch under way, counted from 1.
        epoch: u32,
        /// The batch, counted from 1.
        batch: usize,
        /// Position of the sample whose derivative is farthest out in the training data, counted from 0.
        sample: usize,
        /// `loss`, `gradient` or `square of the gradient`.
        what: &'static str,
        /// Layer and index of the neuron whose derivative is farthest out.
        neuron: String,
        /// What that derivative is with respect to.
        of: String,
        /// That derivative, of the sample alone.
        value: f64,
    },

    /// A step of the optimiser led to parameters that no network can have: infinite weights, a time constant of zero, or a threshold
    /// that is not above the reset. The checkpoint of the epoch before is unharmed; take smaller learning rates, the setting
    /// `clip`, or for thresholds `bounds.thresholds`.
    #[error(
        "epoch {epoch}, batch {batch}: the step was too far, because after it the {of} of neuron {} is {value:?}, and must be {rule}; {}",
        short(neuron),
        remedy(of)
    )]
    Step {
        /// The epoch under way, counted from 1.
        epoch: u32,
        /// The batch, counted from 1.
        batch: usize,
        /// Layer and index of the neuron.
        neuron: String,
        /// What is wrong, such as `weight`.
        of: String,
        /// Its value.
        value: f64,
        /// What it must be.
        rule: String,
    },

    /// A sample that is not trained on could not be simulated.
    #[error("sample {sample}: {reason}")]
    Evaluation {
        /// Position of the sample in its data, counted from 0.
        sample: usize,
        /// What the engine says.
        reason: spikegrad::Error,
    },

    /// The file could not be read. Look at the path and its permissions.
    #[error("cannot read {}: {reason}", plain(path.display()))]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        reason: std::io::Error,
    },

    /// The file could not be written; an older file of that name is unharmed. Look at the folder
    /// and the disk.
    #[error("cannot write {}: {reason}", plain(path.display()))]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        reason: std::io::Error,
    },

    /// The file does not have the form of a safetensors file: truncated, damaged, or something else
    /// altogether.
    #[error("{} is not a readable safetensors file: {}", plain(path.display()), plain(reason))]
    UnreadableCheckpoint {
        /// The file.
        path: PathBuf,
        /// What the format's reader met.
        reason: safetensors::SafeTensorError,
    },

    /// A safetensors file of another program, or of another version of this one.
    #[error("{} is a safetensors file, but not a version 1 checkpoint of spikegrad", plain(path.display()))]
    ForeignCheckpoint {
        /// The file.
        path: PathBuf,
    },

    /// The checkpoint was changed after it was written. Take an older one.
    #[error("the checkpoint {} is damaged: its content does not match its checksum", plain(path.display()))]
    DamagedCheckpoint {
        /// The file.
        path: PathBuf,
    },

    /// Checkpoints hold 64-bit floats, so that a resumed run goes on with the same bits.
    #[error("tensor `{}` of {} holds {found:?} values, but must hold F64", short(tensor), plain(path.display()))]
    TensorType {
        /// The file.
        path: PathBuf,
        /// The tensor's name.
        tensor: String,
        /// What it holds.
        found: safetensors::Dtype,
    },

    /// The checkpoint belongs to a network with other connections.
    #[error("the checkpoint has no tensor `{}`", short(tensor))]
    MissingTensor {
        /// The name that was asked for.
        tensor: String,
    },

    /// The checkpoint belongs to a network of another size.
    #[error(
        "tensor `{}` of the checkpoint has the shape {found:?}, but {expected:?} is needed",
        short(tensor)
    )]
    TensorShape {
        /// The tensor's name.
        tensor: String,
        /// The shape that was asked for.
        expected: Vec<usize>,
        /// The shape it has.
        found: Vec<usize>,
    },

    /// A tensor that was to be saved does not have as many values as its shape says.
    #[error(
        "tensor `{}` has {values} values, which do not fill the shape {shape:?}",
        short(tensor)
    )]
    UnfilledTensor {
        /// The tensor's name.
        tensor: String,
        /// Its shape.
        shape: Vec<usize>,
        /// How many values it has.
        values: usize,
    },

    /// A figure that cannot be drawn, or a file that cannot be written.
    #[error(transparent)]
    Report(#[from] ReportError),
}

/// What can be done about a step that was too far.
fn remedy(of: &str) -> &'static str {
    match of {
        "v th" => "take smaller learning rates, or set `bounds.thresholds`",
        _ => "take smaller learning rates, or set `clip`",
    }
}

fn after_comma(neuron: Option<&str>) -> String {
    neuron.map_or_else(String::new, |neuron| format!(", neuron {}", short(neuron)))
}

/// A number of bytes, shown in the unit that suits it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bytes(pub u64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (mut unit, mut units) = (1_u64, ["kB", "MB", "GB", "TB", "PB", "EB"].into_iter());
        let mut name = "bytes";
        while self.0 / unit >= 1000 {
            let Some(next) = units.next() else { break };
            (unit, name) = (unit * 1000, next);
        }
        // One digit after the point, of whole numbers alone.
        let tenths = self.0 / (unit / 10).max(1);
        match unit {
            1 => write!(f, "{} {name}", self.0),
            _ => write!(f, "{}.{} {name}", tenths / 10, tenths % 10),
        }
    }
}

impl From<DataProblem> for TrainError {
    fn from(problem: DataProblem) -> Self {
        Self::Data { problem }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_have_the_unit_that_suits_them() {
        let shown = |bytes| Bytes(bytes).to_string();
        assert_eq!(shown(0), "0 bytes");
        assert_eq!(shown(999), "999 bytes");
        assert_eq!(shown(25_248_000_000), "25.2 GB");
        assert_eq!(shown(152_000_000_000_000), "152.0 TB");
        assert_eq!(shown(u64::MAX), "18.4 EB");
    }
}
