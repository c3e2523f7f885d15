//! The data sets that runs are trained on.
//!
//! A [`DataSet`] is samples and labels in plain vectors, the same bits on every machine, wherever
//! they came from; [`DataConfig`] is the one name of a data set that a configuration holds.
//!
//! Not here: how a sample becomes spikes (`encode/`).

pub mod aer;
mod config;
mod content;
#[cfg(feature = "hdf5")]
mod heidelberg;
#[cfg(not(feature = "hdf5"))]
#[path = "without_hdf5.rs"]
mod heidelberg;
pub mod idx;
mod problem;
pub mod randman;
mod set;
pub mod spike_file;
pub mod yin_yang;

pub use config::DataConfig;
pub use problem::DataProblem;
pub use randman::Randman;
pub use set::{DataSet, InputRef, Inputs, SpikeTrains, Split, Splits};
pub use spike_file::{read_spike_trains, write_spike_trains};

/// Real data that lie beside a checkout and may be absent: then the test says so and passes.
#[cfg(test)]
fn shared(name: &str) -> Option<std::path::PathBuf> {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let path = root.join(name);
    if path.exists() {
        return Some(path);
    }
    #[expect(clippy::print_stderr, reason = "a skipped test says so")]
    {
        eprintln!("skipped: {} is not there", path.display());
    }
    None
}
