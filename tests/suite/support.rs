//! What several tests need: reading problems and expected answers, differentiating a problem, finding a number by its path.

use serde_json::Value;
use spikegrad::problem::{Answer, Problem};
use spikegrad::{Evaluation, Settings, loss_of, value_and_grad};
use std::path::{Path, PathBuf};

/// A path below the package of tests.
pub(crate) fn here(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Material that lies beside a checkout and may be absent: then the test says so and passes.
pub(crate) fn shared(path: &str) -> Option<PathBuf> {
    let path = here("../../shared").join(path);
    if path.exists() {
        return Some(path);
    }
    eprintln!("skipped: {} is not there", path.display());
    None
}

pub(crate) fn json(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

pub(crate) fn differentiate(problem: &Problem) -> Evaluation {
    let loss = loss_of(problem.document.loss.as_ref().unwrap(), &problem.network);
    value_and_grad(
        &problem.network,
        &problem.parameters,
        &problem.stimulus,
        &*loss,
        &Settings::default(),
    )
    .unwrap()
}

/// The answer document of an evaluation, as a reader of the command line sees it.
pub(crate) fn document(problem: &Problem, evaluation: &Evaluation) -> Value {
    let answer = Answer::of_trace(problem, &evaluation.trace).with_gradient(
        problem,
        evaluation.loss,
        &evaluation.gradient,
        Value::Null,
    );
    serde_json::to_value(answer).unwrap()
}

/// Derivative at the path of a number of the problem file, as the oracle writes it: `network/connections/0/weights/1/2`.
pub(crate) fn at_path(answer: &Value, path: &str) -> f64 {
    // A spike is [channel, time] in the file, and its derivative a number in the answer.
    let path = match path.strip_prefix("stimulus/spikes/") {
        Some(rest) => format!("stimulus/spikes/{}", rest.trim_end_matches("/1")),
        None => path.to_owned(),
    };
    answer["gradient"]
        .pointer(&format!("/{path}"))
        .and_then(Value::as_f64)
        .unwrap_or_else(|| panic!("no {path}"))
}

/// A decimal string of the oracle.
pub(crate) fn decimal(value: &Value) -> f64 {
    value.as_str().unwrap().parse().unwrap()
}

/// |got − expected| relative to the larger of |expected| and `floor`.
pub(crate) fn error(got: f64, expected: f64, floor: f64) -> f64 {
    (got - expected).abs() / expected.abs().max(floor)
}
