//! The case corpus: every public problem against its answer, computed in 45-digit arithmetic by central differences.

use crate::support::{
    at_path, condition, decimal, differentiate, document, error, here, read_json,
};
use crate::tolerance::{CASE, INHERITED_SPIKE_TIME_ULPS};
use spikegrad::problem::Problem;

fn check(folder: &str, name: &str) {
    let text = std::fs::read(here(folder).join(format!("{name}.json"))).unwrap();
    let expected = read_json(&here(folder).join(format!("{name}.expected.json")));
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
        let condition = condition(spike.time, spike.slope, 1.0);
        worst_time = worst_time.max(error(spike.time, decimal(&expected[2]), 1e-300) / condition);
    }
    // Where the published answer is known to be wrong, and by what it was replaced.
    let corrections = read_json(&here("corrections.json"));
    let mut gradient = expected["gradient"].as_object().unwrap().clone();
    for (path, right) in corrections[name].as_object().into_iter().flatten() {
        gradient.insert(path.clone(), right.clone());
    }
    assert!(!gradient.is_empty());
    let scale = gradient.values().map(|x| decimal(x).abs()).fold(0.0, f64::max);
    let mut worst: f64 = 0.0;
    for (path, expected) in &gradient {
        worst = worst.max(error(at_path(&answer, path), decimal(expected), 1e-9 * scale));
    }
    println!(
        "{name}: loss {loss:.1e}, times {worst_time:.1e}, gradient {worst:.1e} over {}",
        gradient.len()
    );
    assert!(worst < CASE, "{name}: gradient {worst:e}");
    let most = INHERITED_SPIKE_TIME_ULPS * f64::EPSILON;
    assert!(worst_time < most, "{name}: spike time {worst_time:e}");
}

macro_rules! cases {
    ($folder:literal: $($name:ident),* $(,)?) => {
        $(#[test]
        fn $name() {
            super::check($folder, stringify!($name));
        })*

        #[test]
        fn no_case_is_forgotten() {
            let listed = [$(concat!(stringify!($name), ".json")),*];
            for entry in std::fs::read_dir(crate::support::here($folder)).unwrap() {
                let name = entry.unwrap().file_name().into_string().unwrap();
                let is_problem = name.ends_with(".json") && !name.ends_with(".expected.json");
                assert!(!is_problem || listed.contains(&name.as_str()), "{name} is not run");
            }
        }
    };
}

mod leaky {
    cases!("cases":
        close_taus_100,
        equal_taus_100,
        feedforward_100,
        heterogeneous_100,
        initial_state_sparse_100,
        many_spikes_100,
        max_voltage_100,
        max_voltage_cusp_100,
        mean_voltage_100,
        nearly_equal_taus_100,
        recurrent_delays_100,
        refractory_bias_100,
        refractory_bursts,
        slow_synapse_100,
        spiking_max_voltage,
        spiking_mean_voltage,
        spiking_voltage_samples,
        voltage_samples_100,
    );
}

/// Neurons whose spikes are crossings of infinity, alone and beside leaky ones.
mod quadratic {
    cases!("cases/qif":
        pseudospikes_100,
        pseudospikes_qif_100,
        qif_delta_feedforward_100,
        qif_delta_recurrent_100,
        qif_feedforward_100,
        qif_general_100,
        qif_mixed_100,
        qif_mixed_voltage_100,
        qif_recurrent_delays_100,
    );
}

/// Neurons that adapt.
mod adaptive {
    cases!("cases/alif":
        alif_both_recurrent_100,
        alif_bursts,
        alif_current_100,
        alif_equal_taus,
        alif_falling_threshold,
        alif_grazing,
        alif_inhibited,
        alif_threshold_100,
    );
}

/// Neurons with several receptors.
mod receptors {
    cases!("cases/receptors":
        receptors_ei_100,
        receptors_equal,
        receptors_maximum,
        receptors_mean,
        receptors_samples,
        receptors_three_100,
    );
}
