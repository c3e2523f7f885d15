//! Numbers that others computed, through the real engine: analytic cases to 25 digits, a neuron with several spikes, and
//! the gradients of EventProp's own C++ on three of its published networks (`yardstick/`).
//!
//! The loss is the suite's own [`SpikeTime`]: the time of one spike, so that the gradient is its derivative.
//! Not here: published spike times (`published.rs`).

use crate::support::{
    SpikeTime, all_close, at_path, close, gradient_of, here, one_neuron, problem, read_json, run,
    time_gradient, times,
};
use crate::tolerance::{DERIVATIVE_ULPS, GRADIENT, OFFICIAL, PUBLISHED_TIME, SPIKE_TIME_ULPS};
use serde_json::{Value, json};
use spikegrad::problem::Problem;
use spikegrad::simulation::{Options, simulate};
use spikegrad::{
    Cotangents, Derivatives, Dual64, Grazing, InputSpike, Loss, Measure, Network, NeuronId,
    Observation, ReadoutRequest, Sample, Settings, Stimulus, Trace, TtfsCrossEntropy, Values,
    backward, value_and_grad_batch,
};

/// One of the analytic cases.
fn analytic(name: &str) -> Value {
    read_json(&here("yardstick/analytic.json"))[name].clone()
}

fn number(value: &Value) -> f64 {
    value.as_str().unwrap().parse().unwrap()
}

/// Checks entries of an answer against entries of a case.
#[track_caller]
fn check(answer: &Value, case: &Value, entries: &[(&str, &str)]) {
    for (path, entry) in entries {
        let (got, expected) = (at_path(answer, path), number(&case[entry]));
        let error = (got - expected).abs() / expected.abs().max(f64::MIN_POSITIVE);
        assert!(error < GRADIENT, "{path}: {got:?} is not {expected:?}");
    }
}

const TAU_MEM: &str = "network/populations/0/params/tau_mem";
const TAU_SYN: &str = "network/populations/0/params/tau_syn";
const V_TH: &str = "network/populations/0/params/v_th";
const V_RESET: &str = "network/populations/0/params/v_reset";
const BIAS: &str = "network/populations/0/params/i_bias";
const V0: &str = "network/populations/0/initial/v";
const I0: &str = "network/populations/0/initial/i";
const WEIGHTS: [&str; 2] =
    ["network/connections/0/weights/0/0", "network/connections/0/weights/0/1"];
const INPUTS: [&str; 2] = ["stimulus/spikes/0", "stimulus/spikes/1"];

fn constant_current() -> Value {
    one_neuron(json!({"tau_mem": 0.02, "v_th": 1.0, "i_bias": 1.5}), &[], &[], 0.03)
}

#[test]
fn a1_a_constant_current() {
    let case = analytic("A1_const_current_LIF");
    close(times(&constant_current())[0], number(&case["t"]), SPIKE_TIME_ULPS);
    let answer = time_gradient(&constant_current(), 0, 0);
    check(&answer, &case, &[(TAU_MEM, "dt_dtau"), (V_TH, "dt_dtheta"), (BIAS, "dt_dI")]);
}

#[test]
fn a1_its_second_derivative_is_the_adjoint_of_a_dual_number() {
    let Problem { network, parameters, .. } = problem(&constant_current());
    let mut dual = parameters.map(Dual64::from);
    dual.populations[0][spikegrad::lif::I_BIAS] = Values::Shared(Dual64::from(1.5).derivative());
    let stimulus = Stimulus::new(0.03, Vec::new()).unwrap();
    let options = Options { readouts: &[], max_events: 10 };
    let trace = simulate(&network, &dual, &stimulus, options).unwrap();
    assert_eq!(trace.spikes.len(), 1);
    let mut cotangents = Cotangents::zeros(&trace);
    cotangents.spikes[0] = Dual64::from(1.0);
    let gradient = backward(&network, &dual, &trace, &cotangents, Grazing::Fail).unwrap();
    let by_bias = gradient.parameters.populations[0][spikegrad::lif::I_BIAS].get(0);
    let case = analytic("A1_const_current_LIF");
    close(by_bias.re, number(&case["dt_dI"]), DERIVATIVE_ULPS);
    close(by_bias.eps, number(&case["d2t_dI2"]), DERIVATIVE_ULPS);
}

/// A neuron that starts at rest with a current.
fn starting_with_a_current(tau_mem: f64, tau_syn: f64) -> Value {
    let params = json!({"tau_mem": tau_mem, "tau_syn": tau_syn, "v_th": 0.6});
    let mut document = one_neuron(params, &[], &[], 0.02);
    document["network"]["populations"][0]["initial"] = json!({"v": 0.0, "i": 3.0});
    document
}

#[test]
fn a2_a_membrane_twice_as_slow_as_its_synapse() {
    let case = analytic("A2_ratio2_TTFS");
    let document = starting_with_a_current(0.01, 0.005);
    close(times(&document)[0], number(&case["t"]), SPIKE_TIME_ULPS);
    let answer = time_gradient(&document, 0, 0);
    check(&answer, &case, &[(I0, "dt_dI0"), (V0, "dt_dV0"), (V_TH, "dt_dtheta")]);
}

#[test]
fn a3_equal_time_constants() {
    let case = analytic("A3_ratio1_TTFS_alpha");
    let document = starting_with_a_current(0.005, 0.005);
    close(times(&document)[0], number(&case["t"]), SPIKE_TIME_ULPS);
    let answer = time_gradient(&document, 0, 0);
    check(&answer, &case, &[(I0, "dt_dI0"), (V_TH, "dt_dtheta")]);
    // The case moves both time constants together.
    let both = at_path(&answer, TAU_MEM) + at_path(&answer, TAU_SYN);
    close(both, number(&case["dt_dtau"]), DERIVATIVE_ULPS);
}

#[test]
fn a4_two_inputs() {
    let case = analytic("A4_two_input_LIF");
    let params = json!({"tau_mem": 0.02, "tau_syn": 0.005, "v_th": 1.0});
    let document = one_neuron(params, &[5.0, 4.0], &[(0, 0.0), (1, 0.004)], 0.02);
    close(times(&document)[0], number(&case["t"]), SPIKE_TIME_ULPS);
    let answer = time_gradient(&document, 0, 0);
    let entries = [
        (TAU_MEM, "dt_dtau_m"),
        (TAU_SYN, "dt_dtau_s"),
        (V_TH, "dt_dtheta"),
        (WEIGHTS[0], "dt_dw1"),
        (WEIGHTS[1], "dt_dw2"),
        (INPUTS[0], "dt_dt1"),
        (INPUTS[1], "dt_dt2"),
    ];
    check(&answer, &case, &entries);
}

#[test]
fn a5_two_spikes_through_one_reset() {
    let case = analytic("A5_two_output_spikes_reset");
    let params = json!({"tau_mem": 0.02, "tau_syn": 0.005, "v_th": 1.0, "v_reset": 0.0});
    let document = one_neuron(params, &[20.0], &[(0, 0.0)], 0.02);
    let expected = [number(&case["t1"]), number(&case["t2"])];
    all_close(&times(&document)[..2], &expected, SPIKE_TIME_ULPS);
    for (ordinal, name) in [(0, "dt1"), (1, "dt2")] {
        let answer = time_gradient(&document, 0, ordinal);
        let entries = [
            (TAU_MEM, "dtau_m"),
            (TAU_SYN, "dtau_s"),
            (V_TH, "dtheta"),
            (WEIGHTS[0], "dw"),
            (V_RESET, "dv_reset"),
            (INPUTS[0], "dt_in"),
        ];
        for (path, of) in entries {
            check(&answer, &case, &[(path, &format!("{name}_{of}"))]);
        }
    }
}

#[test]
fn a6_a_chain_with_delays() {
    let case = analytic("A6_delay_chain");
    let params = json!({"tau_mem": 10.0, "tau_syn": 5.0, "v_th": 1.0});
    let mut document = one_neuron(params.clone(), &[8.0], &[(0, 0.5)], 6.0);
    let populations = document["network"]["populations"].as_array_mut().unwrap();
    populations.push(json!({"name": "last", "size": 1, "model": "lif", "params": params}));
    document["network"]["connections"] = json!([
        {"from": "input", "to": "out", "weights": [[8.0]], "delay": 0.7},
        {"from": "out", "to": "last", "weights": [[9.0]], "delay": 1.3}
    ]);
    let last = run(&document).unwrap().spikes.into_iter().find(|s| s.neuron.0 == 1).unwrap();
    close(last.time, number(&case["t_out"]), SPIKE_TIME_ULPS);
    let answer = time_gradient(&document, 1, 0);
    let entries = [
        ("network/connections/0/weights/0/0", "dt_dw1"),
        ("network/connections/1/weights/0/0", "dt_dw2"),
        ("network/connections/0/delay", "dt_dd1"),
        ("network/connections/1/delay", "dt_dd2"),
        (INPUTS[0], "dt_dt_in"),
    ];
    check(&answer, &case, &entries);
    // The case moves the parameters of both neurons together.
    for (name, entry) in [("tau_mem", "dt_dtau_m"), ("tau_syn", "dt_dtau_s"), ("v_th", "dt_dtheta")]
    {
        let of = |k: usize| at_path(&answer, &format!("network/populations/{k}/params/{name}"));
        close(of(0) + of(1), number(&case[entry]), DERIVATIVE_ULPS);
    }
}

/// The maximum of the potential of neuron 0.
#[derive(Debug)]
struct Maximum;

impl Loss for Maximum {
    fn request(&self, _: &Network, requests: &mut Vec<ReadoutRequest>) {
        requests.push(ReadoutRequest { neuron: NeuronId(0), measure: Measure::Maximum });
    }
    fn evaluate_into(&self, run: &Observation<'_>, into: &mut Derivatives<'_>) -> f64 {
        into.readouts[0] = 1.0;
        run.readouts[0].value
    }
}

#[test]
fn a11_the_maximum_of_a_leaky_integrator() {
    let case = analytic("A11_LI_vmax");
    let params = json!({"tau_mem": 0.02, "tau_syn": 0.01});
    let mut document = one_neuron(params, &[1.0, 1.0], &[(0, 0.05), (1, 0.1)], 0.3);
    document["network"]["populations"][0]["model"] = json!("li");
    let evaluation = gradient_of(&document, &Maximum).unwrap();
    close(evaluation.trace.readouts[0].time, number(&case["t_max"]), SPIKE_TIME_ULPS);
    close(evaluation.loss, number(&case["v_max"]), SPIKE_TIME_ULPS);
    let gradient = &evaluation.gradient;
    let by_weights: f64 = gradient.parameters.connections[0].weights.iter().sum();
    close(by_weights, number(&case["dvmax_dw"]), DERIVATIVE_ULPS);
    let expected = [number(&case["dvmax_dt1"]), number(&case["dvmax_dt2"])];
    all_close(&gradient.input_times, &expected, DERIVATIVE_ULPS);
}

#[test]
fn a12_an_excursion_that_ends_before_the_next_millisecond() {
    // As hard case A7, in the numbers of the file: it starts at 4 ms, where a bias current ends and the input comes.
    let case = analytic("A12_NEST_lossless");
    for (name, picoampere) in [("w=55", 55.0), ("w=70", 70.0), ("w=90", 90.0)] {
        let case = &case[name];
        let params = json!({"tau_mem": 100.0, "tau_syn": 1.0, "v_th": -49.0, "v_reset": -70.0, "v_leak": -70.0, "t_ref": 2.0});
        let mut document = one_neuron(params, &[0.4 * picoampere], &[(0, 0.0)], 20.0);
        document["network"]["populations"][0]["initial"] = json!({"v": number(&case["V_at_4"])});
        let spikes = run(&document).unwrap().spikes;
        if case["spike_time"].is_null() {
            assert!(spikes.is_empty());
        } else {
            assert_eq!(spikes.len(), 1);
            let expected = number(&case["spike_time"]) - 4.0;
            let condition = crate::support::condition(expected, spikes[0].slope, 49.0);
            // The difference to 4 is rounded at 4.
            close(spikes[0].time, expected, SPIKE_TIME_ULPS * condition + 4.0 / expected);
        }
    }
}

#[test]
fn a_neuron_with_four_spikes_has_the_derivatives_that_three_others_computed() {
    let case = read_json(&here("yardstick/multispike_vector.json"));
    let numbers = |value: &Value| -> Vec<f64> { serde_json::from_value(value.clone()).unwrap() };
    let params = json!({"tau_mem": case["tau_m"], "tau_syn": case["tau_s"], "v_th": case["theta"],
        "v_reset": case["v_reset"]});
    let inputs: Vec<_> = numbers(&case["t_in"]).into_iter().enumerate().collect();
    let document = one_neuron(params, &numbers(&case["w"]), &inputs, 0.06);
    let expected = numbers(&case["t_out"]);
    assert_eq!(expected.len(), 4);
    // They agree among themselves to 1e-15 s, which is what is left of their digits.
    for (got, expected) in times(&document).into_iter().zip(&expected) {
        assert!((got - expected).abs() < 1e-15, "{got} {expected}");
    }
    for ordinal in 0..4 {
        let evaluation = gradient_of(&document, &SpikeTime { neuron: 0, ordinal }).unwrap();
        let gradient = &evaluation.gradient;
        assert_eq!(evaluation.trace.spikes.len(), 4);
        let by_weight = &gradient.parameters.connections[0].weights;
        for (got, rows, scale) in
            [(by_weight, "dt_dw", 1e-3), (&gradient.input_times, "dt_dtin", 1.0)]
        {
            for (got, expected) in got.iter().zip(numbers(&case[rows][ordinal])) {
                assert!((got - expected).abs() < GRADIENT * scale, "{rows}: {got} {expected}");
            }
        }
        let sum: f64 = gradient.input_times.iter().sum();
        close(sum, 1.0, DERIVATIVE_ULPS);
    }
}

/// The network of EventProp's Yin-Yang experiment with these weights, `[pre][post]` as in its code.
fn yin_yang(hidden: &[Vec<f64>], out: &[Vec<f64>]) -> Problem {
    let transposed = |rows: &[Vec<f64>]| -> Vec<Vec<f64>> {
        (0..rows[0].len()).map(|post| rows.iter().map(|row| row[post]).collect()).collect()
    };
    let params = json!({"tau_mem": 0.02, "tau_syn": 0.005});
    problem(&json!({
        "format": "spikegrad-problem", "version": 1,
        "network": {
            "inputs": 5,
            "populations": [{"name": "hidden", "size": 200, "model": "lif", "params": params},
                {"name": "out", "size": 3, "model": "lif", "params": params}],
            "connections": [{"from": "input", "to": "hidden", "weights": transposed(hidden)},
                {"from": "hidden", "to": "out", "weights": transposed(out)}]
        },
        "stimulus": {"t_end": 0.1, "spikes": []}
    }))
}

/// Largest difference to a flat list of numbers, relative to its norm.
fn distance(got: &[f64], expected: &[f64]) -> f64 {
    let norm = |x: &mut dyn Iterator<Item = f64>| x.map(|x| x * x).sum::<f64>().sqrt();
    let mut difference = got.iter().zip(expected).map(|(a, b)| a - b);
    norm(&mut difference) / norm(&mut expected.iter().copied())
}

#[test]
fn the_gradients_of_the_published_networks_are_those_of_eventprop_itself() {
    for seed in 0..3 {
        let case = read_json(&here(&format!("yardstick/official_grad_seed{seed}_epoch0.json")));
        let matrix =
            |key: &str| -> Vec<Vec<f64>> { serde_json::from_value(case[key].clone()).unwrap() };
        let problem = yin_yang(&matrix("w1"), &matrix("w2"));
        let labels: Vec<usize> = serde_json::from_value(case["L"].clone()).unwrap();
        let loss = |label| TtfsCrossEntropy {
            tau1: 0.0064,
            alpha: 0.003,
            ..TtfsCrossEntropy::new("out", label, 0.0005)
        };
        let losses: Vec<_> = labels.into_iter().map(loss).collect();
        let stimulus = |x: &Vec<f64>| {
            let features = x.iter().map(|x| x * 0.03).chain([0.0]).enumerate();
            let spikes = features.map(|(channel, time)| InputSpike { channel, time }).collect();
            Stimulus::new(0.1, spikes).unwrap()
        };
        let stimuli: Vec<_> = matrix("X").iter().map(stimulus).collect();
        let samples: Vec<_> = stimuli
            .iter()
            .zip(&losses)
            .map(|(stimulus, loss)| Sample { stimulus, loss: loss as &dyn Loss })
            .collect();
        let Problem { network, parameters, .. } = &problem;
        let first = |_: usize, trace: &Trace| {
            [200, 201, 202].map(|k| trace.spike_times(NeuronId(k)).next())
        };
        let batch =
            value_and_grad_batch(network, parameters, &samples, &Settings::default(), first)
                .unwrap();
        assert_eq!(batch.losses.len(), 32);
        let expected: Vec<f64> = serde_json::from_value(case["losses"].clone()).unwrap();
        for (got, expected) in batch.losses.iter().zip(expected) {
            close(*got, expected, GRADIENT / f64::EPSILON);
        }
        // A silent neuron, at seed 1, counts here as one at the end: in a softmax of scale 0.5 ms that is never, as there.
        let first: Vec<[Option<f64>; 3]> = serde_json::from_value(case["first"].clone()).unwrap();
        assert_eq!(first.iter().flatten().filter(|t| t.is_none()).count(), usize::from(seed == 1));
        for (got, expected) in batch.extracted.iter().zip(first) {
            for (got, expected) in got.iter().zip(expected) {
                assert_eq!(got.is_some(), expected.is_some());
                let error = got.unwrap_or(0.0) - expected.unwrap_or(0.0);
                assert!(error.abs() < PUBLISHED_TIME, "{got:?} {expected:?}");
            }
        }
        for (connection, key, n_pre) in [(0, "g1", 5), (1, "g2", 200)] {
            let rows = matrix(key);
            let n_post = rows[0].len();
            let got: Vec<f64> =
                batch.gradient.connections[connection].weights.iter().map(|g| g / 32.0).collect();
            let expected: Vec<f64> = (0..n_post)
                .flat_map(|post| (0..n_pre).map(move |pre| (post, pre)))
                .map(|(post, pre)| rows[pre][post])
                .collect();
            assert_eq!(got.len(), expected.len());
            let distance = distance(&got, &expected);
            assert!(distance < OFFICIAL, "seed {seed} {key}: {distance:e}");
        }
    }
}
