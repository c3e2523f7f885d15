//! Arrays as they come from Python: converted where that loses nothing, refused by name where it would.
//!
//! A C-contiguous float64 array is read where it is; numbers of other types are converted, and what is no real number is refused. What the engine holds on to it
//! copies while the interpreter is held, so that nobody can change it under a run. Results are handed out without a copy.

use crate::errors::Failure;
use numpy::{
    IxDyn, PyArrayDescrMethods, PyArrayDyn, PyArrayMethods, PyReadonlyArrayDyn, PyUntypedArray,
    PyUntypedArrayMethods,
};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyDict;

/// A float64 array, C-contiguous.
pub(crate) struct Floats<'py>(PyReadonlyArrayDyn<'py, f64>);

impl Floats<'_> {
    /// All numbers, row by row.
    pub(crate) fn as_slice(&self) -> &[f64] {
        self.0.as_slice().unwrap_or_default()
    }

    pub(crate) fn shape(&self) -> &[usize] {
        self.0.shape()
    }

    pub(crate) fn to_vec(&self) -> Vec<f64> {
        self.as_slice().to_vec()
    }
}

/// Any array of numbers as float64.
///
/// # Errors
/// `DtypeError` that names `argument`, if its entries are no real numbers.
pub(crate) fn floats<'py>(argument: &str, value: &Bound<'py, PyAny>) -> PyResult<Floats<'py>> {
    if let Ok(array) = value.cast::<PyArrayDyn<f64>>()
        && array.is_c_contiguous()
        && let Ok(array) = array.try_readonly()
    {
        return Ok(Floats(array));
    }
    let array = any(argument, value)?;
    let dtype = array.dtype();
    if !matches!(dtype.kind(), b'f' | b'i' | b'u' | b'b') {
        let what = format!("has the dtype {dtype}; it must have real numbers, best float64");
        return Err(Failure::dtype(argument, what).into());
    }
    let array = as_contiguous(&array, "float64")?;
    Ok(Floats(array.cast_into::<PyArrayDyn<f64>>()?.try_readonly()?))
}

/// Whole numbers from 0 on, and the shape in which they came.
///
/// # Errors
/// `DtypeError` or `InputError` that names `argument`.
pub(crate) fn whole(argument: &str, value: &Bound<'_, PyAny>) -> PyResult<(Vec<i64>, Vec<usize>)> {
    let array = any(argument, value)?;
    let dtype = array.dtype();
    // An empty list is an array of floats.
    if !matches!(dtype.kind(), b'i' | b'u') && !array.is_empty() {
        let what = format!("has the dtype {dtype}; it must have whole numbers, such as int64");
        return Err(Failure::dtype(argument, what).into());
    }
    let array = as_contiguous(&array, "int64")?.cast_into::<PyArrayDyn<i64>>()?;
    let array = array.try_readonly()?;
    let numbers = array.as_slice().unwrap_or_default();
    if let Some(k) = numbers.iter().position(|&x| x < 0) {
        let what = format!("is {}; it must be a whole number from 0 on", numbers[k]);
        return Err(Failure::input(format!("{argument}[{k}]"), what).into());
    }
    Ok((numbers.to_vec(), array.shape().to_vec()))
}

/// The same as `T`.
///
/// # Errors
/// As [`whole`].
pub(crate) fn indices<T: TryFrom<i64>>(
    argument: &str,
    value: &Bound<'_, PyAny>,
) -> PyResult<Vec<T>> {
    let (numbers, _) = whole(argument, value)?;
    let fitting = |(k, x): (usize, i64)| {
        let too_large =
            || Failure::input(format!("{argument}[{k}]"), format!("is {x}, which is too large"));
        T::try_from(x).map_err(|_| too_large().into())
    };
    numbers.into_iter().enumerate().map(fitting).collect()
}

fn any<'py>(argument: &str, value: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyUntypedArray>> {
    let numpy = value.py().import(intern!(value.py(), "numpy"))?;
    let array = numpy.call_method1(intern!(value.py(), "asarray"), (value,));
    let refused = |_| PyErr::from(Failure::dtype(argument, "cannot be made an array of numbers"));
    Ok(array.map_err(refused)?.cast_into::<PyUntypedArray>()?)
}

fn as_contiguous<'py>(
    array: &Bound<'py, PyUntypedArray>,
    dtype: &str,
) -> PyResult<Bound<'py, PyAny>> {
    let py = array.py();
    let order = PyDict::new(py);
    order.set_item("dtype", dtype)?;
    order.set_item("order", "C")?;
    py.import(intern!(py, "numpy"))?.call_method("require", (array,), None).and_then(|array| {
        py.import(intern!(py, "numpy"))?.call_method("asarray", (array,), Some(&order))
    })
}

/// A result of this shape, without a copy.
pub(crate) fn out<'py>(
    py: Python<'py>,
    numbers: Vec<f64>,
    shape: &[usize],
) -> PyResult<Bound<'py, PyArrayDyn<f64>>> {
    numpy::PyArray1::from_vec(py, numbers).reshape(IxDyn(shape))
}
