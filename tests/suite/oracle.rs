//! Gradients of 301 random networks of 43 families against an oracle in 120-digit arithmetic (see `oracle/README.md`).
//!
//! The statement is about the bulk and the tail of the relative error over every non-zero derivative, with no floor.

use crate::support::{at_path, decimal, differentiate, document, error, here};
use crate::tolerance::{ORACLE_MEDIAN, ORACLE_P99, ORACLE_SPIKE_TIME_MEDIAN, ORACLE_WORST};
use rayon::prelude::*;
use serde_json::Value;
use spikegrad::problem::Problem;

/// Errors of one case.
struct Errors {
    name: String,
    /// Relative errors of derivatives that are not zero, with their paths.
    gradient: Vec<(f64, String)>,
    /// Largest error of any derivative relative to the largest derivative of the case.
    worst_of_scale: f64,
    times: Vec<f64>,
}

fn compare(case: &Value) -> Errors {
    let name = format!("{} {}", case["family"], case["seed"]);
    let problem = Problem::from_json(case["problem"].to_string().as_bytes()).unwrap();
    let evaluation = differentiate(&problem);
    let answer = document(&problem, &evaluation);
    let spikes = case["spikes"].as_array().unwrap();
    assert_eq!(evaluation.trace.spikes.len(), spikes.len(), "{name}: number of spikes");
    let times = evaluation.trace.spikes.iter().zip(spikes).map(|(spike, expected)| {
        let (population, index) = problem.network.locate(spike.neuron);
        let name_of = &problem.network.populations()[population].name;
        assert_eq!(
            (Some(name_of.as_str()), Some(index as u64)),
            (expected[0].as_str(), expected[1].as_u64()),
            "{name}"
        );
        error(spike.time, decimal(&expected[2]), 0.0)
    });
    let times = times.collect();
    let expected: Vec<(&String, f64)> =
        case["gradient"].as_object().unwrap().iter().map(|(path, x)| (path, decimal(x))).collect();
    let scale = expected.iter().fold(0.0f64, |a, (_, x)| a.max(x.abs()));
    let (mut gradient, mut worst_of_scale) = (Vec::new(), 0.0f64);
    for (path, x) in expected {
        let got = at_path(&answer, path);
        worst_of_scale = worst_of_scale.max((got - x).abs() / scale);
        if x != 0.0 {
            gradient.push((error(got, x, 0.0), path.clone()));
        } else {
            assert!(got.abs() < ORACLE_WORST * scale, "{name} {path}: {got} should be 0");
        }
    }
    Errors { name, gradient, worst_of_scale, times }
}

#[test]
fn eleven_thousand_derivatives_are_right_to_rounding() {
    let cases: Vec<Value> =
        serde_json::from_slice(&std::fs::read(here("oracle/gradients.json")).unwrap()).unwrap();
    let errors: Vec<Errors> = cases.par_iter().map(compare).collect();
    let mut all: Vec<(f64, &str, &str)> = errors
        .iter()
        .flat_map(|e| e.gradient.iter().map(|(x, path)| (*x, e.name.as_str(), path.as_str())))
        .collect();
    let mut times: Vec<f64> = errors.iter().flat_map(|e| e.times.iter().copied()).collect();
    all.sort_by(|a, b| a.0.total_cmp(&b.0));
    times.sort_by(f64::total_cmp);
    let quantile = |per_mille: usize| all[(all.len() - 1) * per_mille / 1000].0;
    let worst_of_scale = errors.iter().fold(0.0f64, |a, e| a.max(e.worst_of_scale));
    println!(
        "{} derivatives: median {:.1e}, p90 {:.1e}, p99 {:.1e}, largest {:.1e}; relative to the case {worst_of_scale:.1e}",
        all.len(),
        quantile(500),
        quantile(900),
        quantile(990),
        quantile(1000)
    );
    for (error, name, path) in all.iter().rev().take(8) {
        println!("  {error:.1e} {name} {path}");
    }
    println!(
        "{} spike times: median {:.1e}, largest {:.1e}",
        times.len(),
        times[times.len() / 2],
        times[times.len() - 1]
    );
    assert!(all.len() >= 10_000 && times.len() >= 1_000);
    assert!(
        quantile(500) <= ORACLE_MEDIAN
            && quantile(990) <= ORACLE_P99
            && worst_of_scale <= ORACLE_WORST
    );
    assert!(times[times.len() / 2] <= ORACLE_SPIKE_TIME_MEDIAN);
}
