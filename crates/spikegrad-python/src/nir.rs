//! NIR files: networks as they stand in problem files, from them and to them.
//!
//! Not here: how a node is read (`spikegrad_nir`).

use crate::errors::Failure;
use pyo3::prelude::*;
use spikegrad::Stimulus;
use spikegrad::problem::Problem;
use spikegrad_nir::{Convention, ReadOptions};
use std::path::{Path, PathBuf};

/// The network of a file, as a problem that states it, and what was assumed, a sentence each.
#[pyfunction]
pub(crate) fn read_nir(
    py: Python<'_>,
    path: PathBuf,
    dt: Option<f64>,
) -> PyResult<(String, Vec<String>)> {
    Ok(py.detach(|| read(&path, dt))?)
}

/// Writes the network of a problem; its numbers are those of a tool with steps of `dt` seconds, if there is one.
#[pyfunction]
pub(crate) fn write_nir(
    py: Python<'_>,
    problem: &[u8],
    path: PathBuf,
    dt: Option<f64>,
) -> PyResult<()> {
    Ok(py.detach(|| write(problem, &path, dt))?)
}

fn read(path: &Path, dt: Option<f64>) -> Result<(String, Vec<String>), Failure> {
    let import = spikegrad_nir::read_with(path, ReadOptions { dt })?;
    let stimulus = Stimulus::new(1.0, vec![])
        .map_err(|reason| Failure::problem("stimulus", &reason.to_string()))?;
    let problem = Problem::from_parts(&import.network, &import.parameters, &stimulus, None)?;
    let text = serde_json::to_string(&problem.document);
    Ok((text.map_err(|reason| Failure::problem("network", &reason.to_string()))?, import.notes))
}

fn write(problem: &[u8], path: &Path, dt: Option<f64>) -> Result<(), Failure> {
    let Problem { network, parameters, .. } = Problem::from_json(problem)?;
    let convention = dt.map_or(Convention::Continuous, |dt| Convention::Discrete { dt });
    Ok(spikegrad_nir::write(&network, &parameters, path, convention)?)
}
