//! Section T: spikes that trials by others found lost, invented or at wrong times, each with its numbers, and its neighbours.
//!
//! Times are in seconds. "100 digits" is the second simulator of the suite. Not here: random problems of these kinds (`independent.rs`).

use crate::second_simulator::{exact_spikes, follow};
use crate::support::{all_close, at_path, close, gradient_of, one_neuron, problem, run, times};
use crate::tolerance::{ACCUMULATED_ULPS, DERIVATIVE_ULPS, SPIKE_TIME_ULPS};
use serde_json::{Value, json};
use spikegrad::problem::Problem;
use spikegrad::{Engine, Evaluator, Settings, SpikeTimeMse, Trace};

/// The trace of the engine that is chosen for a document.
fn automatic(document: &Value) -> Trace {
    let Problem { network, parameters, stimulus, .. } = problem(document);
    let settings = Settings { engine: Engine::Automatic, ..Settings::default() };
    let mut evaluator = Evaluator::new(&network, &parameters, settings).unwrap();
    evaluator.simulate(&stimulus, &[]).unwrap();
    assert!(evaluator.explanation().is_swept());
    evaluator.take_trace()
}

/// Both engines have the spikes of the exact run, to the roundings of doubles; returns their number.
#[track_caller]
fn both_are_exact(document: &Value) -> usize {
    let traces = [run(document).unwrap(), automatic(document)];
    for trace in &traces {
        if let Err(what) = follow(document, trace) {
            panic!("{what}");
        }
    }
    traces[0].spikes.len()
}

fn with_initial(mut document: Value, v: f64, i: f64) -> Value {
    document["network"]["populations"][0]["initial"] = json!({"v": v, "i": i});
    document
}

/// A neuron that spikes at 8.1093… ms, and an inhibition around then.
fn inhibited(at: f64) -> Value {
    one_neuron(json!({"tau_mem": 0.02, "tau_syn": 0.005, "i_bias": 3.0}), &[-6.0], &[(0, at)], 0.2)
}

#[test]
fn t1_an_inhibition_within_doubles_of_a_crossing_loses_no_spike() {
    let at = 0.008_109_302_162_163_285;
    assert_eq!(run(&inhibited(at)).unwrap().spikes.len(), 23);
    let mut time = at - 20.0 * 2f64.powi(-59);
    for _ in 0..40 {
        assert_eq!(both_are_exact(&inhibited(time)), 23, "at {time:e}");
        time = time.next_up();
    }
    for far in [1e-15, 1e-14, 1e-13, 1e-12] {
        assert_eq!(both_are_exact(&inhibited(at - far)), 23);
        assert_eq!(both_are_exact(&inhibited(at + far)), 23);
    }
}

#[test]
fn t1_a_weak_arrival_while_it_climbs_back_invents_none() {
    for later in [0.0082, 0.009, 0.011, 0.02] {
        let spikes = [(0, 0.008_109_302_162_163_285), (1, later)];
        let params = json!({"tau_mem": 0.02, "tau_syn": 0.005, "i_bias": 3.0});
        let count = both_are_exact(&one_neuron(params, &[-6.0, 0.001], &spikes, 0.2));
        assert!(count >= 22, "{count}");
    }
}

#[test]
fn t2_a_start_near_the_threshold_keeps_its_digits_whatever_the_rest() {
    let document = with_initial(
        one_neuron(json!({"tau_mem": 0.02, "i_bias": 2.0}), &[], &[], 0.001),
        0.999_999,
        0.0,
    );
    close(times(&document)[0], 1.999_999_000_058_18e-8, 10.0);
    let loss = SpikeTimeMse::new("out", vec![vec![0.0]]);
    let answer = {
        let evaluation = gradient_of(&document, &loss).unwrap();
        crate::support::document(&problem(&document), &evaluation)
    };
    // Given to 15 digits.
    for (path, expected) in [
        ("network/populations/0/params/tau_mem", 1.999_998_000_116_86e-14),
        ("network/populations/0/params/i_bias", -3.999_994_000_237_38e-16),
        ("network/populations/0/initial/v", -3.999_994_000_122_36e-10),
    ] {
        close(at_path(&answer, path), expected, DERIVATIVE_ULPS);
    }
}

#[test]
fn t2_down_to_the_last_double_below_the_threshold() {
    for rest in [1.2, 2.0, 3.7, 1e3, 1e6] {
        let mut v = 1f64;
        for _ in 0..5 {
            v = v.next_down();
            let params = json!({"tau_mem": 0.02, "i_bias": rest, "t_ref": 0.01});
            let document = with_initial(one_neuron(params, &[], &[], 1e-4), v, 0.0);
            let expected = 0.02 * ((1.0 - v) / (rest - 1.0)).ln_1p();
            all_close(&times(&document), &[expected], SPIKE_TIME_ULPS);
            both_are_exact(&document);
        }
    }
}

#[test]
fn t2_fifty_thousand_resets_near_the_threshold_do_not_drift() {
    let params = json!({"tau_mem": 0.02, "i_bias": 2.0, "v_reset": 0.999_99});
    let spikes = times(&one_neuron(params, &[], &[], 0.025));
    assert!(spikes.len() > 50_000);
    let (first, interval) = (0.02 * 2f64.ln(), 0.02 * (1.0 - 0.999_99f64).ln_1p());
    let intervals = f64::from(u32::try_from(spikes.len() - 1).unwrap());
    close(spikes[spikes.len() - 1], first + intervals * interval, ACCUMULATED_ULPS);
}

#[test]
fn t10_a_gap_of_seven_hundred_time_constants_loses_no_spike_train() {
    let document = one_neuron(json!({"i_bias": 1.2}), &[-1.0], &[(0, 0.0)], 15.2);
    for trace in [run(&document).unwrap(), automatic(&document)] {
        assert_eq!(trace.spikes.len(), 424);
        close(trace.spikes[0].time, 0.040_727_973_877_093_9, 10.0);
    }
    both_are_exact(&document);
}

#[test]
fn t10_nor_does_one_of_a_hundred_to_a_million() {
    for taus in [1e2, 7e2, 7.1e2, 1e3, 7e3, 1e4, 1e5, 1e6] {
        for (bias, weight) in [(1.2, -1.0), (1.2, 1.0), (1.0 + 1e-9, -3.0), (0.9, 12.0)] {
            let t_end = 0.005 * taus;
            let params = json!({"i_bias": bias, "t_ref": t_end / 50.0});
            let spikes = [(0, 0.0), (0, 0.99 * t_end)];
            let count = both_are_exact(&one_neuron(params, &[weight], &spikes, t_end));
            assert!(count > 0 || bias < 1.1, "{taus} {bias} {weight}");
        }
    }
}

#[test]
fn t12_a_large_rest_does_not_cancel() {
    let t_ref = 1e-4;
    for bias in [1e6_f64, 1e9] {
        let params = json!({"i_bias": bias, "v_reset": 0.1, "t_ref": t_ref});
        let document = one_neuron(params, &[], &[], 1e-3);
        let spikes = run(&document).unwrap().spikes;
        assert!(spikes.len() > 8);
        let expected = 0.02 * (0.9 / (bias - 1.0)).ln_1p();
        for pair in spikes.windows(2) {
            let length = pair[1].at().since(pair[0].at());
            // The length that is left of a refractory time: t_ref itself is not rounded.
            let interval = length - t_ref;
            assert!((interval - expected).abs() <= 1e-15 * t_ref, "{interval:e} {expected:e}");
        }
        both_are_exact(&document);
    }
}

#[test]
fn t12_the_change_of_a_potential_is_not_a_difference() {
    let params =
        json!({"tau_mem": 1.310_716_635_424_791_8e-6, "tau_syn": 0.005_447_494_215_751_206});
    let start = (0.999_999_999_999_999_9, 1.000_000_001_862_645_1);
    let document = with_initial(one_neuron(params, &[], &[], 1e-9), start.0, start.1);
    let [first, ..] = times(&document)[..] else { panic!("no spike") };
    // Given to ten digits.
    assert!((first / 7.842_789_593e-14 - 1.0).abs() < 1e-9, "{first:e}");
    both_are_exact(&document);
}

#[test]
fn t13_a_crossing_far_above_is_no_touch() {
    let params = json!({"tau_mem": 0.01, "tau_syn": 0.01, "v_th": 1.3e-43, "v_reset": -1000.0,
        "t_ref": 1.0});
    let document = with_initial(one_neuron(params, &[], &[], 1.5), -1000.0, 10.0);
    let expected: Vec<f64> = exact_spikes(&document).into_iter().map(|(_, time)| time).collect();
    close(expected[0], 1.007_127_369_089_412_5, 1.0);
    all_close(&times(&document), &expected, ACCUMULATED_ULPS);
    assert!(run(&document).unwrap().touches.is_empty());
}

#[test]
fn t13_what_crosses_after_the_end_is_no_spike() {
    for t_end in [0.001, 0.01, 0.05] {
        let document = one_neuron(json!({}), &[1e17], &[(0, t_end)], t_end);
        assert!(exact_spikes(&document).is_empty());
        assert!(run(&document).unwrap().spikes.is_empty(), "event loop, {t_end}");
        assert!(automatic(&document).spikes.is_empty(), "sweep, {t_end}");
    }
}

#[test]
fn t6_a_loss_reads_times_with_what_their_rounding_left_off() {
    let mut document = one_neuron(json!({"tau_mem": 0.02}), &[0.0], &[(0, 1000.1)], 1000.2);
    document["network"]["populations"][0]["size"] = json!(2);
    document["network"]["connections"][0]["weights"] = json!([[9.0], [9.05]]);
    document["loss"] = json!({"type": "ttfs_cross_entropy", "population": "out", "label": 0,
        "tau0": 0.000_25});
    let p = problem(&document);
    let loss = p.document.loss.as_ref().unwrap();
    let evaluation = gradient_of(&document, loss).unwrap();
    // Given to 15 digits. Each of two spikes is 3.34 ms after the input, and counts for half of itself over tau0.
    let condition = 0.53 * 3.34 / (0.25 * 0.756);
    close(evaluation.loss, 0.755_817_660_430_381, 10.0 + 2.0 * SPIKE_TIME_ULPS * condition);
    let answer = crate::support::document(&p, &evaluation);
    // The two neurons share their time constant: 533.58 of one and −526.24 of the other are left with 7.33.
    let condition = (533.58 + 526.24) / 7.33;
    for (path, expected, condition) in [
        ("network/connections/0/weights/0/0", -1.303_539_521_953_65, 1.0),
        ("network/populations/0/params/tau_mem", 7.333_426_750_564_04, condition),
    ] {
        close(at_path(&answer, path), expected, DERIVATIVE_ULPS * condition);
    }
}
