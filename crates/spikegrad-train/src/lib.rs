//! Training: the loop, and everything around the gradient that it needs: data, codes, steps and files.
//!
//! The parts are independent of each other and of how the gradient was made: each is plain numbers
//! in, plain numbers out, and all randomness comes from one seed through named streams, so that a
//! run can be repeated and resumed to the same bits. Start with [`Config`] (what a run is) and
//! [`fit()`] (the loop that brings the parts together); then [`DataConfig`] (what is learned),
//! [`Encoder`] (how it becomes spikes), [`Optimiser`] (how parameters move) and [`Checkpoint`] (how a
//! run survives).
//!
//! Not here: simulation, losses and gradients (`spikegrad-simulate`, `spikegrad-adjoint`), how a figure or
//! a page looks (`spikegrad-report`), and printing.
#![cfg_attr(
    test,
    expect(
        clippy::disallowed_methods,
        reason = "expected values come from the other implementation"
    )
)]

mod checkpoint;
pub mod config;
pub mod data;
pub mod encode;
mod error;
pub mod fit;
pub mod optimise;
mod out_of_range;
pub mod random;
pub mod regularise;
mod words;

pub use checkpoint::{Checkpoint, Tensor};
pub use config::Config;
pub use data::yin_yang::YinYang;
pub use data::{DataConfig, DataProblem, DataSet, InputRef, Inputs, SpikeTrains, Split, Splits};
pub use encode::{Augmentation, Elastic, Encoder, Shape};
pub use error::{Bytes, TrainError};
pub use fit::{
    EpochRecord, Observer, Progress, Run, RunFolder, RunResult, Score, Stored, Team, Warning, fit,
    follow,
};
pub use optimise::{Optimiser, OptimiserConfig};
pub use out_of_range::OutOfRange;
pub use regularise::Regularisers;
