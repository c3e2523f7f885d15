//! Stands in for `heidelberg.rs` in a build without the HDF5 library: says what is missing.
//!
//! Not here: anything else.

use std::path::Path;

use super::{DataSet, Splits};
use crate::TrainError;

pub(super) fn load_shd(_: &Path, _: usize) -> Result<(DataSet, DataSet), TrainError> {
    Err(TrainError::WithoutHdf5 { data: "shd" })
}

pub(super) fn load_ssc(_: &Path, _: usize) -> Result<Splits, TrainError> {
    Err(TrainError::WithoutHdf5 { data: "ssc" })
}
