//! Training: the loop, and everything around the gradient that it needs: data, codes, steps, files
//! and figures.
//!
//! The parts are independent of each other and of how the gradient was made: each is plain numbers
//! in, plain numbers out, and all randomness comes from one seed through named streams, so that a
//! run can be repeated and resumed to the same bits. Start with [`Config`] (what a run is) and
//! [`fit()`] (the loop that brings the parts together); then [`YinYang`] (what is learned),
//! [`LatencyEncoder`] (how it becomes spikes), [`Adam`] (how weights move) and [`Checkpoint`] (how
//! a run survives).
//!
//! Not here: simulation, losses and gradients (`spikegrad-simulate`, `spikegrad-adjoint`), and
//! printing.

mod checkpoint;
pub mod config;
pub mod data;
mod encoder;
mod error;
mod file;
pub mod fit;
mod optimiser;
pub mod plot;
pub mod random;
mod schedule;

pub use checkpoint::{Checkpoint, Tensor};
pub use config::Config;
pub use data::yin_yang::YinYang;
pub use encoder::LatencyEncoder;
pub use error::TrainError;
pub use file::write_beside;
pub use fit::{EpochRecord, Observer, Progress, Run, RunFolder, RunResult, Score, fit};
pub use optimiser::{Adam, AdamConfig};
pub use schedule::learning_rate;
