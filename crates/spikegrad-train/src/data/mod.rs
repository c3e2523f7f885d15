//! The data sets that runs are trained on.
//!
//! A [`DataSet`] is samples and labels in plain vectors, the same bits on every machine, wherever
//! they came from; [`DataConfig`] is the one name of a data set that a configuration holds.
//!
//! Not here: how a sample becomes spikes (`encode/`).

pub mod aer;
mod archive;
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
pub use set::{DataSet, InputRef, Inputs, Split, Splits};
pub use spike_file::{read_spike_trains, write_spike_trains};
pub use spikegrad::network::SpikeTrains;
