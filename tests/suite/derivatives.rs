//! What every derivative of a problem must agree with: differences, dual numbers, and the symmetry of second derivatives.

use crate::tolerance::{DIFFERENCE, DUAL, HESSIAN};
use spikegrad::dynamics::Kind;
use spikegrad::problem::Problem;
use spikegrad::{Gradient, Sample, Settings, value_and_grad, value_and_hvp, value_and_jvp};
use spikegrad_compare::{Question, check_gradient};

/// A direction with entries between −½ and ½ of the size of the numbers.
pub(crate) fn direction(problem: &Problem, seed: u32) -> Gradient {
    let mut k = f64::from(seed);
    let mut part = |x: f64| {
        k += 1.0;
        ((k * 0.618_033_988_75).fract() - 0.5) * if x == 0.0 { 1e-3 } else { x }
    };
    let mut parameters = problem.parameters.map(&mut part);
    // A refractory time of 0 can only grow: its derivative is one-sided, and holds while delays stay.
    for (along, at) in parameters.populations.iter_mut().zip(&problem.parameters.populations) {
        for ((quantity, along), (_, at)) in along.values_mut().zip(at.values()) {
            let pairs = along.as_mut_slice().iter_mut().zip(at.as_slice());
            let fixed = pairs.filter(|(_, at)| quantity.kind == Kind::Duration && **at == 0.0);
            fixed.for_each(|(along, _)| *along = 0.0);
        }
    }
    let spikes = problem.stimulus.spikes().iter();
    let input_times = spikes.map(|spike| part(spike.time)).collect();
    let currents =
        problem.stimulus.injected().iter().map(|current| current.steps.map(&mut part)).collect();
    Gradient { parameters, input_times, currents }
}

pub(crate) fn product(a: &Gradient, b: &Gradient) -> (f64, f64) {
    let terms: Vec<f64> = a.to_vec().into_iter().zip(b.to_vec()).map(|(x, y)| x * y).collect();
    (terms.iter().sum(), terms.iter().map(|x| x.abs()).sum())
}

/// Differences of the loss, of every number whose order of events stays.
pub(crate) fn check_differences(name: &str, problem: &Problem, least: usize) {
    let Problem { network, parameters, stimulus, document } = problem;
    let loss = document.loss.as_ref().unwrap();
    let question = Question { network, parameters, stimulus, loss, settings: Settings::default() };
    let check = check_gradient(&question, DIFFERENCE).unwrap();
    assert!(check.agreement.compared() >= least, "{name}: {check}");
}

/// All of it.
pub(crate) fn check(name: &str, problem: &Problem) {
    check_differences(name, problem, 15);
    check_duals(name, problem);
}

/// Dual numbers along a direction, and the Hessian's symmetry.
pub(crate) fn check_duals(name: &str, problem: &Problem) {
    let Problem { network, parameters, stimulus, document } = problem;
    let loss = document.loss.as_ref().unwrap();
    let settings = Settings::default();
    let exact = value_and_grad(network, parameters, stimulus, loss, &settings).unwrap();
    let [a, b] = [1, 50].map(|seed| direction(problem, seed));
    let sample = Sample { stimulus, loss };
    let forward = value_and_jvp(network, parameters, sample, &a, &settings).unwrap();
    let (sum, size) = product(&exact.gradient, &a);
    assert!((forward.derivative - sum).abs() < DUAL * size, "{name}: {sum}");
    let times =
        |d| value_and_hvp(network, parameters, stimulus, loss, d, &settings).unwrap().product;
    let ((ab, size), (ba, _)) = (product(&times(&a), &b), product(&times(&b), &a));
    assert!((ab - ba).abs() < HESSIAN * size, "{name}: {ab} {ba}");
}
