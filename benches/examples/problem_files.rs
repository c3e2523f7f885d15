//! Time of a gradient of problem files, as `benches/python_overhead.py` compares it with the same from Python.
//!
//! ```sh
//! cargo run --release -p spikegrad-bench --example problem_files -- examples/problems/two_inputs.json
//! ```
//! One file: the loss as a function of its numbers (`Objective`), call after call. Several, which must have the same network: a batch of them, with its parameters set
//! before each, on one thread. Prints the median in microseconds of a call. Not here: what is compared with it.
#![expect(clippy::print_stdout, reason = "the answer of a program")]

use rayon::ThreadPoolBuilder;
use spikegrad::problem::Problem;
use spikegrad::{Evaluator, Objective, Sample, Settings};
use std::time::{Duration, Instant};

/// How long each figure is measured.
const LONG_ENOUGH: Duration = Duration::from_millis(500);

/// The median of the times of a call, in microseconds.
fn median(mut call: impl FnMut()) -> f64 {
    let (start, mut times) = (Instant::now(), Vec::new());
    while times.len() < 5 || start.elapsed() < LONG_ENOUGH {
        let before = Instant::now();
        call();
        times.push(before.elapsed().as_secs_f64() * 1e6);
    }
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut problems = Vec::new();
    for path in std::env::args().skip(1) {
        let text = std::fs::read(path)?;
        problems.push((Problem::from_json(&text)?, text));
    }
    let loss = |problem: &Problem| problem.document.loss.clone().ok_or("a file has no loss");
    let found = if let [(problem, text)] = &problems[..] {
        let numbers = problem.numbers(text)?;
        let mut objective = Objective::new(problem, loss(problem)?, &numbers, Settings::default())?;
        let x = objective.numbers().to_vec();
        let mut gradient = vec![0.0; x.len()];
        median(|| {
            objective.value_and_grad(&x, &mut gradient).expect("a gradient");
        })
    } else {
        let (first, _) = problems.first().ok_or("no problem file is named")?;
        let losses: Result<Vec<_>, _> = problems.iter().map(|(problem, _)| loss(problem)).collect();
        let losses = losses?;
        let pairs = problems.iter().zip(&losses);
        let samples: Vec<Sample<'_>> = pairs
            .map(|((problem, _), loss)| Sample { stimulus: &problem.stimulus, loss })
            .collect();
        let parameters = &first.parameters;
        let mut evaluator = Evaluator::new(&first.network, parameters, Settings::default())?;
        let mut gradient = parameters.zeros_like();
        ThreadPoolBuilder::new().num_threads(1).build()?.install(|| {
            median(|| {
                evaluator.set_parameters(parameters).expect("parameters that fit");
                evaluator
                    .value_and_grad_batch(&samples, &mut gradient, |_, _| ())
                    .expect("a gradient");
            })
        })
    };
    println!("{found:.2}");
    Ok(())
}
