//! Problem files: read, answered, and as functions of an array of their numbers.
//!
//! A call takes a function that nobody uses, or makes one, and puts it back: calls from several threads are independent, and repeated ones
//! allocate little. Not here: files, and the reading of answers (`python/spikegrad/_problem.py`).

use crate::arrays::{floats, out};
use crate::compute::alone;
use crate::engine::each;
use crate::errors::Failure;
use crate::settings;
use crate::xla;
use numpy::{PyArray1, PyArrayDyn};
use pyo3::prelude::*;
use spikegrad::problem::{Answer, Number};
use spikegrad::{AnyLoss, Evaluator, Objective, Settings, WithRespectTo, value_and_grad};
use std::sync::{Arc, Mutex, PoisonError};

/// A problem file, checked.
#[pyclass(frozen, module = "spikegrad._core")]
pub(crate) struct Problem {
    pub(crate) problem: Arc<spikegrad::problem::Problem>,
    text: Vec<u8>,
    settings: Settings,
}

impl Problem {
    fn loss(&self) -> Result<&AnyLoss, Failure> {
        self.problem.document.loss.as_ref().ok_or_else(without_loss)
    }
}

fn without_loss() -> Failure {
    Failure::problem("loss", "is missing: the problem states nothing to differentiate")
}

#[pymethods]
impl Problem {
    #[new]
    #[pyo3(signature = (text, *, grazing=None, max_events=None, engine="automatic"))]
    fn new(
        py: Python<'_>,
        text: Vec<u8>,
        grazing: Option<&Bound<'_, PyAny>>,
        max_events: Option<&Bound<'_, PyAny>>,
        engine: &str,
    ) -> PyResult<Self> {
        let settings = settings::read(grazing, max_events, engine, WithRespectTo::EVERYTHING)?;
        let problem = py.detach(|| spikegrad::problem::Problem::from_json(&text));
        Ok(Self { problem: Arc::new(problem.map_err(Failure::from)?), text, settings })
    }

    /// The problem as JSON.
    fn to_json(&self) -> PyResult<String> {
        let text = String::from_utf8_lossy(&self.text);
        Ok(text.into_owned())
    }

    /// The answer of `simulate`, as JSON.
    fn simulate(&self, py: Python<'_>) -> PyResult<String> {
        let Self { problem, settings, .. } = self;
        let answer = alone(py, || -> Result<_, Failure> {
            let mut evaluator = Evaluator::new(&problem.network, &problem.parameters, *settings)?;
            let trace = evaluator.simulate_forward(&problem.stimulus, &[])?;
            Ok(written(&Answer::of_trace(problem, trace)))
        })?;
        Ok(answer??)
    }

    /// The answer of `gradient`, as JSON.
    fn gradient(&self, py: Python<'_>) -> PyResult<String> {
        let Self { problem, settings, .. } = self;
        let loss = self.loss()?;
        let answer = alone(py, || -> Result<_, Failure> {
            let found = value_and_grad(
                &problem.network,
                &problem.parameters,
                &problem.stimulus,
                loss,
                settings,
            )?;
            let certificate = serde_json::to_value(&found.certificate).unwrap_or_default();
            let answer = Answer::of_trace(problem, &found.trace);
            Ok(written(&answer.with_gradient(problem, found.loss, &found.gradient, certificate)))
        })?;
        Ok(answer??)
    }

    /// The loss as a function of the numbers of these kinds; of all, if none is named.
    fn objective(&self, py: Python<'_>, with_respect_to: Vec<String>) -> PyResult<Function> {
        let numbers = py.detach(|| self.problem.numbers(&self.text)).map_err(Failure::from)?;
        let numbers = chosen(numbers, &with_respect_to)?;
        let all = self.problem.to_vec();
        Ok(Function(Arc::new(Numbers {
            problem: Arc::clone(&self.problem),
            loss: self.problem.document.loss.clone(),
            settings: self.settings,
            values: numbers.iter().map(|number| all[number.position]).collect(),
            numbers,
            free: Mutex::default(),
        })))
    }
}

fn written(answer: &Answer) -> Result<String, Failure> {
    serde_json::to_string(answer)
        .map_err(|error| Failure::problem("the answer", &error.to_string()))
}

/// Whether a number is one of those that `wanted` names: its kind, the last part of it, a group of kinds, or the beginning of its path.
fn is_named(number: &Number, wanted: &str) -> bool {
    let Number { path, kind, .. } = number;
    let (section, name) = kind.split_once('.').unwrap_or(("", kind));
    let name = name.split('[').next().unwrap_or(name);
    let within =
        || path.strip_prefix(wanted).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    match wanted {
        "time_constants" => name.starts_with("tau_"),
        "params" => section == "params" || section.starts_with("receptors"),
        "initial" => section == "initial",
        _ if wanted.contains('/') => within(),
        _ => wanted == *kind || (wanted == name && section != "initial"),
    }
}

fn chosen(numbers: Vec<Number>, with_respect_to: &[String]) -> Result<Vec<Number>, Failure> {
    if with_respect_to.is_empty() {
        return Ok(numbers);
    }
    for wanted in with_respect_to {
        if !numbers.iter().any(|number| is_named(number, wanted)) {
            let mut kinds: Vec<&str> = numbers.iter().map(|number| number.kind).collect();
            kinds.sort_unstable();
            kinds.dedup();
            let there = if kinds.is_empty() { "none".into() } else { kinds.join(", ") };
            let what = format!(
                "names {wanted:?}, of which no number stands in the file; there are {there}"
            );
            return Err(Failure::input("with_respect_to", what));
        }
    }
    let is_wanted = |number: &Number| with_respect_to.iter().any(|wanted| is_named(number, wanted));
    Ok(numbers.into_iter().filter(is_wanted).collect())
}

/// The loss of a problem as a function of some of its numbers.
pub(crate) struct Numbers {
    problem: Arc<spikegrad::problem::Problem>,
    loss: Option<AnyLoss>,
    settings: Settings,
    numbers: Vec<Number>,
    values: Vec<f64>,
    /// Objectives that no call uses.
    free: Mutex<Vec<Objective>>,
}

impl Numbers {
    /// How many numbers it takes.
    pub(crate) fn count(&self) -> usize {
        self.values.len()
    }

    /// Does `work` with an objective that no other call uses.
    pub(crate) fn with<R>(
        &self,
        work: impl FnOnce(&mut Objective) -> Result<R, spikegrad::Error>,
    ) -> Result<R, Failure> {
        let free = || self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let loss = self.loss.as_ref().ok_or_else(without_loss)?;
        let taken = free().pop();
        let mut objective = match taken {
            Some(objective) => objective,
            None => Objective::new(&self.problem, loss.clone(), &self.numbers, self.settings)?,
        };
        let done = work(&mut objective);
        free().push(objective);
        Ok(done?)
    }

    /// Rows of as many numbers as there are.
    fn rows(&self, argument: &str, value: &Bound<'_, PyAny>) -> PyResult<Vec<Vec<f64>>> {
        let (array, count) = (floats(argument, value)?, self.values.len());
        let &[rows, width] = array.shape() else {
            let what = format!("has the shape {:?}; it must have (rows, {count})", array.shape());
            return Err(Failure::input(argument, what).into());
        };
        if width != count {
            let what = format!("has the shape ({rows}, {width}); it must have ({rows}, {count})");
            return Err(Failure::input(argument, what).into());
        }
        let row = |k: usize| array.as_slice()[k * width..(k + 1) * width].to_vec();
        Ok((0..rows).map(row).collect())
    }
}

/// The numbers of an argument, of which there are `count`.
fn numbers(argument: &str, value: &Bound<'_, PyAny>, count: usize) -> PyResult<Vec<f64>> {
    let array = floats(argument, value)?;
    if array.shape() != [count] {
        let what = format!("has the shape {:?}; it must have ({count},)", array.shape());
        return Err(Failure::input(argument, what).into());
    }
    let bad = array.as_slice().iter().position(|x| !x.is_finite());
    if let Some(k) = bad {
        let what = format!("is {}; it must be a finite number", array.as_slice()[k]);
        return Err(Failure::input(format!("{argument}[{k}]"), what).into());
    }
    Ok(array.to_vec())
}

type Array<'py> = Bound<'py, PyArray1<f64>>;
type Table<'py> = Bound<'py, PyArrayDyn<f64>>;

/// The same, as Python calls it.
#[pyclass(frozen, module = "spikegrad._core")]
pub(crate) struct Function(Arc<Numbers>);

#[pymethods]
impl Function {
    /// The number by which XLA knows it.
    fn handle(&self) -> i64 {
        xla::handle(&self.0)
    }

    /// Where each number stands.
    #[getter]
    fn paths(&self) -> Vec<&str> {
        self.0.numbers.iter().map(|number| number.path.as_str()).collect()
    }

    /// What each number is one of.
    #[getter]
    fn kinds(&self) -> Vec<&str> {
        self.0.numbers.iter().map(|number| number.kind).collect()
    }

    /// The numbers as they stand in the file.
    fn numbers<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray1<f64>> {
        PyArray1::from_slice(py, &self.0.values)
    }

    fn value(&self, py: Python<'_>, x: &Bound<'_, PyAny>) -> PyResult<f64> {
        let x = numbers("x", x, self.0.count())?;
        Ok(alone(py, || self.0.with(|objective| objective.value(&x)))??)
    }

    fn value_and_grad<'py>(
        &self,
        py: Python<'py>,
        x: &Bound<'py, PyAny>,
    ) -> PyResult<(f64, Bound<'py, PyArray1<f64>>)> {
        let x = numbers("x", x, self.0.count())?;
        let mut gradient = vec![0.0; x.len()];
        let found = alone(py, || self.0.with(|of| of.value_and_grad(&x, &mut gradient)))?;
        Ok((found?, PyArray1::from_vec(py, gradient)))
    }

    /// The same for each row of `x`, on all threads: values of shape (rows,), derivatives of shape (rows, n).
    fn value_and_grad_of_rows<'py>(
        &self,
        py: Python<'py>,
        x: &Bound<'py, PyAny>,
    ) -> PyResult<(Array<'py>, Table<'py>)> {
        let x = self.0.rows("x", x)?;
        let found = each(py, &x, |_, x| {
            let mut gradient = vec![0.0; x.len()];
            let value = self.0.with(|of| of.value_and_grad(x, &mut gradient))?;
            Ok((value, gradient))
        })?;
        let (values, gradients): (Vec<f64>, Vec<Vec<f64>>) = found.into_iter().unzip();
        let shape = [x.len(), self.0.count()];
        Ok((PyArray1::from_vec(py, values), out(py, gradients.concat(), &shape)?))
    }

    /// The product of the Hessian at each row of `x` with the same row of `v`: shape (rows, n).
    fn hvp_of_rows<'py>(
        &self,
        py: Python<'py>,
        x: &Bound<'py, PyAny>,
        v: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyArrayDyn<f64>>> {
        let (x, v) = (self.0.rows("x", x)?, self.0.rows("v", v)?);
        if x.len() != v.len() {
            let what = format!("has {} rows; x has {}", v.len(), x.len());
            return Err(Failure::input("v", what).into());
        }
        let pairs: Vec<_> = x.iter().zip(v).collect();
        let found = each(py, &pairs, |_, (x, v)| self.0.with(|objective| objective.hvp(x, v)))?;
        out(py, found.concat(), &[x.len(), self.0.count()])
    }

    fn jvp(&self, py: Python<'_>, x: &Bound<'_, PyAny>, v: &Bound<'_, PyAny>) -> PyResult<f64> {
        let count = self.0.count();
        let (x, v) = (numbers("x", x, count)?, numbers("v", v, count)?);
        Ok(alone(py, || self.0.with(|objective| objective.jvp(&x, &v)))??)
    }

    fn hvp<'py>(
        &self,
        py: Python<'py>,
        x: &Bound<'py, PyAny>,
        v: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyArray1<f64>>> {
        let count = self.0.count();
        let (x, v) = (numbers("x", x, count)?, numbers("v", v, count)?);
        let product = alone(py, || self.0.with(|objective| objective.hvp(&x, &v)))??;
        Ok(PyArray1::from_vec(py, product))
    }
}
