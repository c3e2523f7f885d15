//! The compiled part of the Python package `spikegrad`: the library, as Python calls it.
//!
//! It takes and gives plain numbers and arrays; names, pictures and everything that reads nicely is Python's (`python/spikegrad`). Each file is one thing
//! that Python holds. Not here: anything that computes; that is the library.

mod arrays;
mod compute;
mod currents;
mod data;
mod engine;
mod errors;
mod fit;
mod network;
mod nir;
mod problem;
mod run;
mod settings;
mod training;
mod trains;
mod xla;

use pyo3::prelude::*;

#[pymodule]
mod _core {
    #[pymodule_export]
    use super::data::{DataSet, load_data};
    #[pymodule_export]
    use super::engine::Engine;
    #[pymodule_export]
    use super::fit::fit;
    #[pymodule_export]
    use super::network::{Loss, Network};
    #[pymodule_export]
    use super::nir::{read_nir, write_nir};
    #[pymodule_export]
    use super::problem::{Function, Problem};
    #[pymodule_export]
    use super::run::Run;
    #[pymodule_export]
    use super::training::Training;
    #[pymodule_export]
    use super::trains::Trains;

    use super::{arrays, compute, xla};
    use numpy::{PyArrayDyn, PyArrayMethods};
    use pyo3::prelude::*;
    use std::ffi::OsString;

    /// The program, with these arguments, of which the first is what it was called by; its exit status.
    #[pyfunction]
    fn run(py: Python<'_>, arguments: Vec<OsString>) -> u8 {
        py.detach(|| spikegrad_cli::run(arguments))
    }

    /// Lets batches use this many threads; with 0 as many as there are cores.
    #[pyfunction]
    fn set_threads(threads: usize) -> PyResult<()> {
        compute::set_threads(threads)
    }

    /// How many threads batches use.
    #[pyfunction]
    fn threads() -> PyResult<usize> {
        Ok(compute::pool()?.current_num_threads())
    }

    /// Any array of real numbers as float64 and C-contiguous; `argument` is its name in an error.
    #[pyfunction]
    fn floats<'py>(
        py: Python<'py>,
        argument: &str,
        value: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyArrayDyn<f64>>> {
        let array = arrays::floats(argument, value)?;
        arrays::out(py, array.to_vec(), array.shape())
    }

    /// Any array of whole numbers from 0 on as int64 and C-contiguous; `argument` is its name in an error.
    #[pyfunction]
    fn whole<'py>(
        py: Python<'py>,
        argument: &str,
        value: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyArrayDyn<i64>>> {
        let (numbers, shape) = arrays::whole(argument, value)?;
        numpy::PyArray1::from_vec(py, numbers).reshape(numpy::IxDyn(&shape))
    }

    /// What XLA may call, by name: addresses of functions.
    #[pyfunction]
    fn xla_functions() -> [(&'static str, usize); 3] {
        [
            ("spikegrad_value_and_grad", spikegrad_xla::address::<xla::ValueAndGrad>()),
            ("spikegrad_hvp", spikegrad_xla::address::<xla::Hvp>()),
            ("spikegrad_jvp", spikegrad_xla::address::<xla::Jvp>()),
        ]
    }

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
