//! What becomes of currents at spikes, and spikes by a jump, against closed forms.
//!
//! Not here: dual numbers and differences on drawn networks of these neurons (`currents.rs`).

use crate::support::problem;
use crate::tolerance::AGREEMENT;
use serde_json::{Value, json};
use spikegrad::adjoint::TieKind;
use spikegrad::problem::Problem;
use spikegrad::{Evaluation, Settings, value_and_grad};

fn evaluate(document: &Value) -> Evaluation {
    let Problem { network, parameters, stimulus, document } = &problem(document);
    let loss = document.loss.as_ref().unwrap();
    value_and_grad(network, parameters, stimulus, loss, &Settings::default()).unwrap()
}

fn times(evaluation: &Evaluation) -> Vec<f64> {
    evaluation.trace.spikes.iter().map(|spike| spike.time).collect()
}

/// One neuron with these parameters and inputs at these times, a channel each, whose spikes are all in the loss.
fn one(model: &str, params: Value, weights: &[f64], spikes: &[f64]) -> Value {
    let spikes: Vec<_> = spikes.iter().enumerate().map(|(k, time)| json!([k, time])).collect();
    json!({
        "format": "spikegrad-problem", "version": 1,
        "network": {
            "inputs": weights.len(),
            "populations": [{"name": "a", "size": 1, "model": model, "params": params}],
            "connections": [{"from": "input", "to": "a", "weights": [weights]}]
        },
        "stimulus": {"t_end": 0.1, "spikes": spikes},
        "loss": {"type": "spike_time_mse", "population": "a", "targets": [[0.0, 0.0, 0.0]]}
    })
}

fn assert_near(got: f64, expected: f64) {
    assert!((got - expected).abs() <= AGREEMENT * expected.abs().max(1e-3), "{got} {expected}");
}

#[test]
fn after_a_reset_of_its_current_a_neuron_knows_its_bias_alone() {
    for model in ["lif", "alif"] {
        let params = json!({"reset_current": true, "i_bias": 1.5, "t_ref": 0.003});
        let run = evaluate(&one(model, params, &[9.0], &[0.001]));
        let times = times(&run);
        // From 0 to 1 on the way to 1.5.
        let period = 0.003 + 0.02 * 3f64.ln();
        assert!(times.len() >= 3 && times[0] < 0.01, "{times:?}");
        times.windows(2).for_each(|pair| assert_near(pair[1] - pair[0], period));
    }
}

#[test]
fn a_held_current_waits_for_the_release() {
    // As long as it is held nothing is lost: a refractory time that is longer by δ puts the next spike off by δ.
    let both = |t_ref: f64, hold: bool| {
        let params = json!({"hold_current": hold, "t_ref": t_ref, "tau_syn": 0.02});
        times(&evaluate(&one("lif", params, &[8.0], &[0.001])))
    };
    let next = |t_ref: f64, hold: bool| {
        let times = both(t_ref, hold);
        times[1] - times[0] - t_ref
    };
    assert_near(next(0.01, true), next(0.002, true));
    assert!(next(0.01, false) > 1.1 * next(0.002, false));
    // What arrives meanwhile adds to it, whenever it does.
    let with = |time: f64| {
        let params = json!({"hold_current": true, "t_ref": 0.01, "tau_syn": 0.02});
        times(&evaluate(&one("lif", params, &[8.0, 2.0], &[0.001, time])))[1]
    };
    assert_near(with(0.008), with(0.012));
    assert!(with(0.008) < both(0.01, true)[1]);
}

#[test]
fn both_are_the_neuron_of_the_fly() {
    // Shiu et al. 2024: potential and conductance stand still for 2.2 ms after a spike, the conductance from zero on. What arrives then waits.
    let params =
        json!({"reset_current": true, "hold_current": true, "t_ref": 0.0022, "tau_syn": 0.005});
    let spikes = [0.001, 0.005];
    let run = evaluate(&one("lif", params.clone(), &[15.0, 15.0], &spikes));
    let (first, second) = (times(&run)[0], times(&run)[1]);
    let alone = evaluate(&one("lif", params, &[15.0], &[0.001]));
    let latency = times(&alone)[0] - 0.001;
    assert!(first < 0.005 && 0.005 > first + 0.0022, "{first}");
    assert_near(second - 0.005, latency);
    assert_eq!(times(&alone).len(), 1);
}

#[test]
fn a_spike_by_a_jump_moves_with_its_arrival_alone() {
    let run = evaluate(&one("lif_delta", json!({"v_leak": 0.2}), &[0.7, 0.6], &[0.004, 0.009]));
    // 0.7 e^(−5/20) and 0.2 (1 − e^(−9/20)), and 0.6: above 1.
    assert_eq!(times(&run), [0.009]);
    let gradient = &run.gradient;
    assert_eq!(gradient.parameters.to_vec().iter().filter(|x| **x != 0.0).count(), 1);
    // Half of the square of the time; of its number the delay has the same derivative.
    assert_eq!(gradient.input_times, [0.0, 0.009]);
    assert_eq!(gradient.parameters.connections[0].delay.as_slice(), [0.009]);
    assert_eq!((run.certificate.jumps, run.certificate.ties), (1, 0));
    assert_eq!(run.certificate.smallest_slope, None);
}

#[test]
fn arrivals_that_jump_together_are_a_tie_and_a_held_neuron_hears_nothing() {
    let run = evaluate(&one("lif_delta", json!({}), &[0.7, 0.6], &[0.004, 0.004]));
    assert_eq!(times(&run), [0.004]);
    let total: f64 = run.gradient.input_times.iter().sum();
    assert_near(total, 0.004);
    assert_eq!(run.certificate.first_ties[0].kind, TieKind::ArrivalsTogether);
    // Within the refractory time an arrival is lost; after it the potential starts from its reset.
    let spikes = [0.004, 0.005, 0.008];
    let params = json!({"t_ref": 0.002});
    let run = evaluate(&one("lif_delta", params, &[1.2, 0.9, 0.9], &spikes));
    assert_eq!(times(&run), [0.004]);
}

#[test]
fn by_its_motion_it_spikes_where_the_closed_form_says() {
    let run = evaluate(&one("lif_delta", json!({"i_bias": 1.5}), &[0.3], &[0.005]));
    // To 0.3 more than 1.5 (1 − e^(−1/4)), and from there to 1 on the way to 1.5.
    let after = 1.5 * (1.0 - (-0.25f64).exp()) + 0.3;
    let first = 0.005 + 0.02 * ((1.5 - after) / 0.5).ln();
    assert_near(times(&run)[0], first);
    assert_near(times(&run)[1], first + 0.02 * 3f64.ln());
    // dt/dw = −1/slope at the arrival, carried to the crossing.
    let by_weight = -0.02 / (1.5 - after);
    let all: f64 = times(&run).iter().take(3).sum();
    assert_near(run.gradient.parameters.connections[0].weights[0], all * by_weight);
}

#[test]
fn an_option_that_a_model_does_not_have_is_refused() {
    let mut elsewhere = one("lif", json!({}), &[1.0], &[0.0]);
    elsewhere["network"]["populations"][0]["initial"] = json!({"hold_current": true});
    for (document, place) in [
        (one("qif", json!({"hold_current": false}), &[1.0], &[0.0]), "params"),
        (one("lif_delta", json!({"reset_current": true}), &[1.0], &[0.0]), "params"),
        (one("lif", json!({"reset_current": 1}), &[1.0], &[0.0]), "reset_current"),
        (elsewhere, "initial"),
    ] {
        let said = Problem::from_json(document.to_string().as_bytes()).unwrap_err().to_string();
        assert!(
            said.contains(&format!("network.populations[0].{place}"))
                || said.contains("reset_current"),
            "{said}"
        );
    }
    // What is read is written again, and the same.
    let params = json!({"reset_current": true, "hold_current": true});
    let Problem { network, parameters, stimulus, document } =
        problem(&one("lif", params, &[1.0], &[0.0]));
    let again = Problem::from_parts(&network, &parameters, &stimulus, document.loss).unwrap();
    assert_eq!(again.network, network);
}
