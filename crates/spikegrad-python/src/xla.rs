//! Problems as functions that XLA calls, for JAX.
//!
//! XLA knows a function by a number for as long as somebody holds on to it, and calls it from threads without the interpreter. What stands before the numbers in the
//! shape of an array is a batch. Not here: the interface (`spikegrad_xla`), rules for derivatives (`python/spikegrad/jax.py`).

use crate::compute::pool;
use crate::problem::Numbers;
use rayon::prelude::*;
use spikegrad_xla::{Call, Function, Input};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

/// Functions by their numbers, and the next number.
type Known = (BTreeMap<i64, Weak<Numbers>>, i64);

static KNOWN: Mutex<Known> = Mutex::new((BTreeMap::new(), 0));

fn known() -> MutexGuard<'static, Known> {
    KNOWN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The number by which XLA knows a function.
pub(crate) fn handle(numbers: &Arc<Numbers>) -> i64 {
    let (all, next) = &mut *known();
    all.retain(|_, function| function.strong_count() > 0);
    *next += 1;
    all.insert(*next, Arc::downgrade(numbers));
    *next
}

fn function(call: &Call<'_>) -> Result<Arc<Numbers>, String> {
    let handle = call.integer("handle")?;
    let found = known().0.get(&handle).and_then(Weak::upgrade);
    found.ok_or_else(|| "the problem of this function is no longer there: keep the function that loss_function returned".into())
}

/// The rows of an input.
fn rows(input: &Input, count: usize) -> Result<Vec<&[f64]>, String> {
    match input.shape.last() {
        Some(&width) if width == count => {
            let rows = input.shape[..input.shape.len() - 1].iter().product();
            // Without numbers a row is empty, which chunks cannot make.
            let row = |k: usize| &input.numbers[k * width..(k + 1) * width];
            Ok((0..rows).map(row).collect())
        }
        _ => Err(format!("x has the shape {:?}; it must end with {count}", input.shape)),
    }
}

/// Does `one` with each item, on all threads if there are several; the first that fails is named.
fn each<I: Sync, R: Send>(
    items: &[I],
    one: impl Fn(&I) -> Result<R, String> + Sync,
) -> Result<Vec<R>, String> {
    if let [item] = items {
        return Ok(vec![one(item)?]);
    }
    let named = |(k, item)| one(item).map_err(|message| format!("sample {k}: {message}"));
    let pool = pool().map_err(|error| error.to_string())?;
    let all: Vec<_> = pool.install(|| items.par_iter().enumerate().map(named).collect());
    all.into_iter().collect()
}

/// Loss and gradient of each row.
pub(crate) struct ValueAndGrad;

impl Function for ValueAndGrad {
    fn call(call: &mut Call<'_>) -> Result<(), String> {
        let function = function(call)?;
        let [x] = &call.inputs[..] else { return Err("one array must go in".into()) };
        let found = each(&rows(x, function.count())?, |x| {
            let mut gradient = vec![0.0; x.len()];
            let value = function.with(|of| of.value_and_grad(x, &mut gradient));
            Ok((value.map_err(|failure| failure.to_string())?, gradient))
        })?;
        let (values, gradients): (Vec<f64>, Vec<Vec<f64>>) = found.into_iter().unzip();
        let [value, gradient] = &mut call.outputs[..] else {
            return Err("two arrays must come out".into());
        };
        value.write(&values)?;
        gradient.write(&gradients.concat())
    }
}

/// The product of the Hessian at each row with the same row of a direction.
pub(crate) struct Hvp;

impl Function for Hvp {
    fn call(call: &mut Call<'_>) -> Result<(), String> {
        along(call, |function, x, v| function.with(|of| of.hvp(x, v)))
    }
}

/// The derivative at each row along the same row of a direction, carried forward.
pub(crate) struct Jvp;

impl Function for Jvp {
    fn call(call: &mut Call<'_>) -> Result<(), String> {
        along(call, |function, x, v| {
            function.with(|of| of.jvp(x, v).map(|derivative| vec![derivative]))
        })
    }
}

/// What `one` makes of each row and the same row of a direction.
fn along<E: ToString>(
    call: &mut Call<'_>,
    one: impl Fn(&Numbers, &[f64], &[f64]) -> Result<Vec<f64>, E> + Sync,
) -> Result<(), String> {
    let function = function(call)?;
    let [x, v] = &call.inputs[..] else { return Err("two arrays must go in".into()) };
    let (x, v) = (rows(x, function.count())?, rows(v, function.count())?);
    let pairs: Vec<_> = x.into_iter().zip(v).collect();
    let found = each(&pairs, |(x, v)| one(&function, x, v).map_err(|failure| failure.to_string()))?;
    let [product] = &mut call.outputs[..] else { return Err("one array must come out".into()) };
    product.write(&found.concat())
}
