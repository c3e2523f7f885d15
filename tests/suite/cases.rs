//! The case corpus: every public problem against its answer, computed in 45-digit arithmetic by central differences.

use crate::support::{at_path, decimal, differentiate, document, error, here, json};
use crate::tolerance::{CASE, SPIKE_TIME_ULPS};
use spikegrad::problem::Problem;

fn check(name: &str) {
    let text = std::fs::read(here("cases").join(format!("{name}.json"))).unwrap();
    let expected = json(&here("cases").join(format!("{name}.expected.json")));
    let problem = Problem::from_json(&text).unwrap();
    let evaluation = differentiate(&problem);
    let answer = document(&problem, &evaluation);
    let loss = error(evaluation.loss, decimal(&expected["loss"]), 1e-300);
    assert!(loss < CASE, "{name}: loss {loss:e}");

    let mut worst_time: f64 = 0.0;
    let spikes = expected["spikes"].as_array().unwrap();
    assert_eq!(spikes.len(), evaluation.trace.spikes.len(), "{name}: number of spikes");
    for (spike, expected) in evaluation.trace.spikes.iter().zip(spikes) {
        let (population, index) = problem.network.locate(spike.neuron);
        assert_eq!(
            problem.network.populations()[population].name,
            expected[0].as_str().unwrap(),
            "{name}"
        );
        assert_eq!(Some(index as u64), expected[1].as_u64(), "{name}");
        worst_time = worst_time.max(error(spike.time, decimal(&expected[2]), 1e-300));
    }
    let gradient = expected["gradient"].as_object().unwrap();
    assert!(!gradient.is_empty());
    let scale = gradient.values().map(|x| decimal(x).abs()).fold(0.0, f64::max);
    let mut worst: f64 = 0.0;
    for (path, expected) in gradient {
        let e = error(at_path(&answer, path), decimal(expected), 1e-9 * scale);
        if e > 1e-9 {
            println!("{path} {e:e} {}", at_path(&answer, path));
        }
        worst = worst.max(error(at_path(&answer, path), decimal(expected), 1e-9 * scale));
    }
    println!(
        "{name}: loss {loss:.1e}, times {worst_time:.1e}, gradient {worst:.1e} over {}",
        gradient.len()
    );
    assert!(worst < CASE, "{name}: gradient {worst:e}");
    assert!(
        worst_time < SPIKE_TIME_ULPS * f64::EPSILON * 100.0,
        "{name}: spike time {worst_time:e}"
    );
}

macro_rules! cases {
    ($($name:ident),* $(,)?) => {
        $(#[test]
        fn $name() {
            check(concat!(stringify!($name), "_100"));
        })*

        #[test]
        fn no_case_is_forgotten() {
            let listed = [$(concat!(stringify!($name), "_100.json")),*];
            for entry in std::fs::read_dir(here("cases")).unwrap() {
                let name = entry.unwrap().file_name().into_string().unwrap();
                assert!(!name.ends_with("_100.json") || listed.contains(&name.as_str()), "{name} is not run");
            }
        }
    };
}

cases!(
    close_taus,
    equal_taus,
    feedforward,
    heterogeneous,
    initial_state_sparse,
    many_spikes,
    max_voltage,
    max_voltage_cusp,
    mean_voltage,
    nearly_equal_taus,
    recurrent_delays,
    refractory_bias,
    slow_synapse,
    voltage_samples,
);
