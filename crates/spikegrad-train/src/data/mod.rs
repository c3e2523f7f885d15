//! The data sets that runs are trained on.
//!
//! A data set is points and labels in plain vectors, the same bits on every machine.
//!
//! Not here: how a point becomes spikes (`encoder.rs`).

pub mod yin_yang;
