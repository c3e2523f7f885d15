//! Quadratic integrate-and-fire neurons: what a case with a published answer does not show.

use crate::derivatives;
use crate::support::{here, problems_in};
use proptest::prelude::*;
use serde_json::json;
use spikegrad::dynamics::{General, GeneralNeuron, Outlook, qif, vector};
use spikegrad::problem::Problem;
use spikegrad::{Settings, value_and_grad};

#[test]
fn the_adjoint_agrees_with_differences_dual_numbers_and_a_symmetric_hessian() {
    for (name, problem) in problems_in(&here("cases/qif")) {
        derivatives::check(&name, &problem);
    }
}

/// A neuron with one input of this weight at 1 ms.
fn one(model: &str, params: serde_json::Value, weight: f64) -> Problem {
    let document = json!({
        "format": "spikegrad-problem", "version": 1,
        "network": {
            "inputs": 1,
            "populations": [{"name": "out", "size": 1, "model": model, "params": params}],
            "connections": [{"from": "input", "to": "out", "weights": [[weight]]}]
        },
        "stimulus": {"t_end": 0.5, "spikes": [[0, 0.001]]},
        "loss": {"type": "spike_time_mse", "population": "out", "targets": [[0.01]]}
    });
    Problem::from_json(document.to_string().as_bytes()).unwrap()
}

fn spikes(problem: &Problem) -> Vec<f64> {
    let Problem { network, parameters, stimulus, document } = problem;
    let loss = document.loss.as_ref().unwrap();
    let run = value_and_grad(network, parameters, stimulus, loss, &Settings::default()).unwrap();
    run.trace.spikes.iter().map(|spike| spike.time).collect()
}

#[test]
fn a_spike_leaves_the_run_to_infinity_and_not_from_its_middle() {
    // tau_mem = 2 tau_syn: the least weight from rest is π²/4, and just above it the spike comes late.
    let weight = |excess: f64| std::f64::consts::PI.powi(2) / 4.0 * (1.0 + excess);
    let late =
        |excess| spikes(&one("qif", json!({"tau_mem": 0.02, "tau_syn": 0.01}), weight(excess)));
    assert_eq!(late(-1e-9), Vec::<f64>::new());
    let (near, nearer) = (late(1e-6)[0], late(1e-9)[0]);
    assert!(near > 0.2 && nearer > near + 0.1, "{near} {nearer}");
}

#[test]
fn what_arrives_through_no_weight_changes_no_derivative() {
    // On the way back a neuron stops there, which the run did not: the states on both ways must be the same numbers, also where a long motion leaves a factor out.
    for (model, params) in [
        ("qif_delta", json!({"tau_mem": 0.01, "i_bias": -0.9})),
        ("qif", json!({"tau_mem": 0.01, "tau_syn": 0.002, "i_bias": -0.9})),
    ] {
        let of = |silent: &[f64]| {
            let mut spikes = vec![json!([0, 0.002]), json!([0, 0.15])];
            spikes.extend(silent.iter().map(|time| json!([1, time])));
            let document = json!({
                "format": "spikegrad-problem", "version": 1,
                "network": {
                    "inputs": 2,
                    "populations": [{"name": "out", "size": 1, "model": model, "params": params}],
                    "connections": [
                        {"from": "input", "to": "out", "synapses": [{"pre": 0, "post": 0, "weight": if model == "qif" { 60.0 } else { 2.5 }}]},
                        {"from": "input", "to": "out", "synapses": [{"pre": 1, "post": 0, "weight": 0.0}]}
                    ]
                },
                "stimulus": {"t_end": 0.3, "spikes": spikes},
                "loss": {"type": "spike_time_mse", "population": "out", "targets": [[0.01, 0.2]]}
            });
            let problem = Problem::from_json(document.to_string().as_bytes()).unwrap();
            let Problem { network, parameters, stimulus, document } = &problem;
            let loss = document.loss.as_ref().unwrap();
            let run = value_and_grad(network, parameters, stimulus, loss, &Settings::default());
            run.unwrap().gradient.parameters.to_vec()
        };
        let (alone, beside) = (of(&[]), of(&[0.004, 0.03, 0.07, 0.1, 0.13, 0.149]));
        let largest = alone.iter().fold(0.0f64, |largest, x| largest.max(x.abs()));
        assert!(largest > 0.0);
        for (k, (a, b)) in alone.iter().zip(&beside).enumerate() {
            // The weight through which they come gets a derivative, and so does its delay.
            let is_silent = a.abs() == 0.0;
            assert!(is_silent || (a - b).abs() <= 1e-12 * largest, "{model}, {k}: {a} {b}");
        }
    }
}

#[test]
fn an_oscillator_spikes_once_a_period_and_is_kicked_along_its_phase() {
    use std::f64::consts::PI;
    // ω = 1: a period of π time constants, of which half is left at the start.
    let free = spikes(&one("qif_delta", json!({"tau_mem": 0.02}), 0.0));
    assert_eq!(free.len(), 8);
    for (k, time) in (0..).map(f64::from).zip(&free) {
        let expected = 0.02 * PI * (0.5 + k);
        // Each period is rounded.
        assert!((time / expected - 1.0).abs() < (1.0 + k) * f64::EPSILON, "{time} {expected}");
    }
    // V(1 ms) = ½ + tan(1/20); two more is tan of a later phase.
    let kicked = spikes(&one("qif_delta", json!({"tau_mem": 0.02}), 2.0));
    let expected = 0.001 + 0.02 * (0.5 * PI - (2.0 + f64::tan(0.05)).atan());
    assert!((kicked[0] / expected - 1.0).abs() < 8.0 * f64::EPSILON, "{} {expected}", kicked[0]);
}

#[test]
fn an_arrival_within_doubles_of_a_spike_neither_loses_nor_doubles_it() {
    /// The kick moves a phase by 1e-14 of it at most, and each of some eight spikes passes that on.
    const KICKED: f64 = 1e-12;
    for (model, params) in [
        ("qif", json!({"tau_mem": 0.02, "tau_syn": 0.007, "i_bias": 0.7})),
        ("qif", json!({"tau_mem": 0.02, "tau_syn": 0.9, "i_bias": 0.0})),
        ("qif_delta", json!({"tau_mem": 0.02})),
    ] {
        let problem = one(model, params, 6.0);
        let alone = spikes(&problem);
        assert!(alone.len() > 2, "{model}: {}", alone.len());
        let at = alone[1];
        // Without a weight it changes nothing, and one that is tiny next to nothing.
        for weight in ["0", "1e-14", "-1e-14"] {
            for ulps in -40..=40_i64 {
                let time = f64::from_bits(at.to_bits().checked_add_signed(ulps).unwrap());
                let mut document = problem.document.clone();
                document.network.inputs = 2;
                let rows = document.network.connections[0].weights.as_mut().unwrap();
                *rows = serde_json::from_str(&format!("[[6.0, {weight}]]")).unwrap();
                document.stimulus.spikes.push((1, time));
                let found = spikes(&Problem::from_document(document).unwrap());
                assert_eq!(found.len(), alone.len(), "{model}, {weight}, {ulps}: {found:?}");
                for (found, alone) in found.iter().zip(&alone) {
                    assert!((found - alone).abs() < KICKED * alone, "{model}, {weight}, {ulps}");
                }
            }
        }
    }
}

/// A neuron of this model with the numbers of its table, from its potential on those of its state.
fn neuron(model: &'static General, numbers: &[f64]) -> GeneralNeuron<f64> {
    GeneralNeuron::new(model, |k| numbers[k]).unwrap()
}

/// Seconds to the next spike of a neuron in this state.
fn next_spike(neuron: &GeneralNeuron<f64>, state: [f64; 3]) -> Option<f64> {
    match neuron.next_spike(vector(state)) {
        Outlook::Crossing { dt, .. } => Some(dt),
        Outlook::Silent => None,
        other => panic!("{other:?}"),
    }
}

/// `tau_mem`, `tau_syn`, `i_bias`, y, y′, I of states in which a neuron hangs next to a bias of ¼ or to its unstable point, and the time of the spike that follows, with
/// 25 digits of the closed form in Bessel functions: `Course` of `tests/oracle/qif_spikes.py`, its zero by bisection and five steps of Newton's method with mpfr at
/// 60 digits beyond those that cancel. A change of a bias in its last place moves these times by some 1e-12 of them, and that of the last but one by 3e-3.
#[expect(clippy::excessive_precision, reason = "as the oracle gives them")]
const HANGING: [([f64; 6], f64); 8] = [
    (
        [
            0.299244205022588,
            1.8633346513267839,
            0.2500121338117212,
            0.0,
            1.4254878076786717,
            0.03702033453460895,
        ],
        149.30113506536130137245285,
    ),
    (
        [
            0.008642569060632672,
            0.06752851102454974,
            0.25003105021300304,
            1.0,
            1.7506029792128501,
            0.002069269503416224,
        ],
        4.8492048439169762684692671,
    ),
    (
        [
            0.004246424566318717,
            0.04080843656321256,
            0.2500077772124821,
            0.5,
            1.483504655815179,
            0.0014158413793608246,
        ],
        4.7704684278392930997839739,
    ),
    (
        [
            0.10468478888335389,
            0.026725662069923814,
            0.24999843247788342,
            1.0,
            -0.5043058560227642,
            0.005496597394569681,
        ],
        18.652089938168033856246400,
    ),
    (
        [
            0.013381980379952267,
            0.10176255768197662,
            0.2500505135272575,
            0.0,
            1.8251664980592077,
            0.00189296550722829,
        ],
        5.8915391754078241316737982,
    ),
    (
        [
            0.0015398788524101496,
            0.010506785885235827,
            0.2500269229405304,
            1.0,
            -1.089053084762086,
            -1.0036753624967398,
        ],
        0.98482039071371760234197657,
    ),
    ([0.01, 0.005, 0.25000000000001, 0.0, 1.0, 1.5], 314284.88600844335050855971),
    ([0.02, 0.007, -2.0, 1.0, -2.0000000001, 0.001], 0.06516123759376721274371577),
];

/// What a next spike time may be off, relatively.
const DIGITS: f64 = 1e-13;

#[test]
fn a_neuron_that_hangs_spikes_at_the_time_of_its_closed_form() {
    for ([tau_mem, tau_syn, bias, y, dy, current], expected) in HANGING {
        let neuron = neuron(&qif::QIF, &[tau_mem, tau_syn, bias, 0.0, 0.0]);
        let got = next_spike(&neuron, [y, dy, current]).unwrap();
        assert!((got / expected - 1.0).abs() < DIGITS, "{got} {expected}");
    }
}

#[test]
fn a_current_brings_a_spike_from_the_next_number_on() {
    // From rest with tau_mem = 2 tau_syn it takes π²/4 = 2.467401100272339654708…, between this number and the next; the spike is that of the oracle above.
    let least = 2.467_401_100_272_339_5_f64;
    let neuron = neuron(&qif::QIF, &[1.0, 0.5, 0.0, 0.0, 0.0]);
    assert_eq!(next_spike(&neuron, [1.0, 0.0, least]), None);
    let late = next_spike(&neuron, [1.0, 0.0, least.next_up()]).unwrap();
    assert!((late / 37.381_771_599_963_194 - 1.0).abs() < DIGITS, "{late}");
}

proptest! {
    #[test]
    fn without_a_current_the_series_finds_the_spike_of_the_closed_form(
        (distance, is_above) in (-14f64..0.0, any::<bool>()), v in -4f64..4.0, ratio in 0.1f64..4.0,
    ) {
        let bias = 0.25 + if is_above { 1.0 } else { -1.0 } * 10f64.powf(distance);
        let series = neuron(&qif::QIF, &[0.01, 0.01 / ratio, bias, v, 0.0]);
        let closed = neuron(&qif::QIF_DELTA, &[0.01, bias, v]);
        let [y, dy, ..] = closed.initial();
        let state = [y, dy, 0.0];
        match (next_spike(&series, state), next_spike(&closed, state)) {
            (Some(a), Some(b)) => {
                prop_assert!((a / b - 1.0).abs() < DIGITS, "{} {}", a, b);
                for neuron in [series, closed] {
                    let bound = neuron.earliest_spike(vector(state)).unwrap();
                    prop_assert!(bound <= a.min(b), "{} {} {}", bound, a, b);
                }
            }
            (a, b) => prop_assert_eq!(a, b),
        }
    }
}
