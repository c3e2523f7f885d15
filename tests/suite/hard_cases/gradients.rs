//! Section E: gradients that others leave undefined, lose or blow up. E11–E13 are in `identities.rs`; E6 and E7 concern
//! difference quotients; E9 is the event budget of D6, beside which nothing limits a trace.

use super::{by, by_weight, starting, usual, with};
use crate::support::{
    SpikeTime, at_path, close, gradient_of, one_neuron, run, time_gradient, times,
};
use crate::tolerance::DERIVATIVE_ULPS;
use serde_json::{Value, json};
use spikegrad::{SpikeTimeMse, TtfsCrossEntropy};

/// Two outputs; a hidden neuron that spikes and one that cannot.
fn with_a_dead_neuron() -> Value {
    let params = json!({"tau_mem": 20.0, "tau_syn": 5.0, "t_ref": 1.0});
    json!({
        "format": "spikegrad-problem", "version": 1,
        "network": {
            "inputs": 1,
            "populations": [{"name": "hidden", "size": 2, "model": "lif", "params": {
                "tau_mem": [20.0, 20.0], "tau_syn": [5.0, 5.0], "v_th": [1.0, 1.0], "v_reset": [0.0, 0.0],
                "v_leak": [0.0, 0.0], "i_bias": [0.0, 0.0], "t_ref": [1.0, 1.0]}, "initial": {"v": [0.0, 0.0], "i": [0.0, 0.0]}},
                {"name": "out", "size": 2, "model": "lif", "params": params}],
            "connections": [{"from": "input", "to": "hidden", "weights": [[8.0], [3.0]]},
                {"from": "hidden", "to": "out", "weights": [[9.0, 2.0], [7.0, 4.0]], "delay": [[0.5, 0.5], [0.5, 0.5]]}]
        },
        "stimulus": {"t_end": 50.0, "spikes": [[0, 2.0]]}
    })
}

fn ttfs(label: usize) -> TtfsCrossEntropy {
    TtfsCrossEntropy { tau1: 6.4, alpha: 0.01, ..TtfsCrossEntropy::new("out", label, 2.0) }
}

#[test]
fn e1_a_dead_hidden_neuron_has_a_gradient_of_exactly_zero() {
    let evaluation = gradient_of(&with_a_dead_neuron(), &ttfs(0)).unwrap();
    assert_eq!(evaluation.trace.spikes.len(), 3);
    let gradient = &evaluation.gradient.parameters;
    for (name, values) in gradient.populations[0].values() {
        assert!(values.get(1) == 0.0, "{name}");
    }
    let [input, hidden] = [0, 1].map(|k| gradient.connections[k].weights.as_slice());
    assert!(input[0] != 0.0 && hidden[0] != 0.0 && hidden[2] != 0.0);
    assert_eq!((input[1], hidden[1], hidden[3]), (0.0, 0.0, 0.0));
}

#[test]
fn e2_silent_outputs_have_a_finite_loss_and_a_gradient_of_exactly_zero() {
    let mut document = with_a_dead_neuron();
    document["network"]["connections"][1]["weights"] = json!([[1.0, 1.0], [2.0, 1.0]]);
    let evaluation = gradient_of(&document, &ttfs(1)).unwrap();
    assert_eq!(evaluation.trace.spikes.len(), 1);
    let at_the_end = 0.01 * (50.0f64 / 6.4).exp_m1();
    close(evaluation.loss, 2f64.ln() + at_the_end, DERIVATIVE_ULPS);
    assert!(evaluation.gradient.parameters.to_vec().iter().all(|&g| g == 0.0));
}

#[test]
fn e3_a_label_neuron_that_is_silent_still_lets_the_other_learn() {
    let mut document = with_a_dead_neuron();
    document["network"]["connections"][1]["weights"] = json!([[1.0, 1.0], [8.0, 1.0]]);
    let evaluation = gradient_of(&document, &ttfs(0)).unwrap();
    let [hidden, other] = evaluation.trace.spikes[..] else { panic!("two spikes") };
    assert_eq!((hidden.neuron.0, other.neuron.0), (0, 3));
    let late = (50.0 - other.time) / 2.0;
    let regular = 0.01 * (50.0f64 / 6.4).exp_m1();
    close(evaluation.loss, late + (-late).exp().ln_1p() + regular, DERIVATIVE_ULPS);
    let weights = &evaluation.gradient.parameters.connections[1].weights;
    // The other neuron shall spike later: a larger weight is worse. The silent one feels nothing.
    assert!(weights[2] > 0.0 && weights[0] == 0.0);
}

#[test]
fn e4_a_tie_of_first_spikes_is_worth_the_same_for_every_label() {
    let mut document = with_a_dead_neuron();
    document["network"]["connections"][1]["weights"] = json!([[9.0, 2.0], [9.0, 2.0]]);
    let [zero, one] = [0, 1].map(|label| {
        gradient_of(&document, &TtfsCrossEntropy { alpha: 0.0, ..ttfs(label) }).unwrap()
    });
    assert_eq!(zero.trace.spikes.len(), 3);
    close(zero.loss, 2f64.ln(), 1.0);
    assert_eq!(zero.loss.to_bits(), one.loss.to_bits());
    let [zero, one] = [zero, one].map(|e| e.gradient.parameters.connections[1].weights.clone());
    // The label shall be earlier, the other later, by as much.
    assert!(zero[0] < 0.0);
    assert_eq!((zero[0], zero[2]), (-zero[2], one[0]));
    assert_eq!((zero[0], zero[2]), (one[2], -one[2]));
}

#[test]
fn e5_first_spikes_after_hundreds_of_softmax_scales_keep_loss_and_gradient_finite() {
    let mut document = with_a_dead_neuron();
    document["stimulus"] = json!({"t_end": 2000.0, "spikes": [[0, 1600.0]]});
    // t/tau0 is about 805: e^(−t/tau0) is zero as a double.
    let loss = |label| TtfsCrossEntropy { alpha: 0.0, ..ttfs(label) };
    let [first, second] = [0, 1].map(|label| gradient_of(&document, &loss(label)).unwrap());
    let time = |k: usize| first.trace.spikes[k].time;
    assert!(time(1) / 2.0 > 745.0);
    let apart = (time(2) - time(1)) / 2.0;
    // A difference of times at 1600.
    close(first.loss, (-apart).exp().ln_1p(), 1e4);
    close(second.loss, apart + (-apart).exp().ln_1p(), 1e4);
    let tiny = TtfsCrossEntropy { tau0: 1e-6, ..loss(1) };
    let sharp = gradient_of(&document, &tiny).unwrap();
    // Each score −t/tau0 is rounded; the loss is their difference.
    close(sharp.loss, (time(2) - time(1)) / 1e-6, 2.0 * time(2) / (time(2) - time(1)));
    assert!(sharp.gradient.parameters.connections[1].weights[2] < 0.0);
}

#[test]
fn e8_small_slopes_keep_their_digits_and_are_certified() {
    // tau_mem = 2 tau_syn: the slope is w s (1 + s)/40 with s² = (w − 4)/w.
    for wanted in [1e-3f64, 1e-6, 1.5e-9] {
        let w = 4.0 / (1.0 - (10.0 * wanted).powi(2));
        let s = ((w - 4.0) / w).sqrt();
        let document = with(json!({"tau_syn": 10.0}), w, &[0.0], 100.0);
        let evaluation = gradient_of(&document, &SpikeTime { neuron: 0, ordinal: 0 }).unwrap();
        let slope = w * s * (1.0 + s) / 40.0;
        assert!((slope / wanted - 1.0).abs() < 0.3);
        let by_w = evaluation.gradient.parameters.connections[0].weights[0];
        close(by_w, -40.0 / (w * w * s * (1.0 + s)), DERIVATIVE_ULPS);
        let smallest = evaluation.certificate.smallest_slope.unwrap();
        close(smallest.slope, slope, DERIVATIVE_ULPS);
        assert_eq!(smallest.neuron, "out[0]");
    }
}

#[test]
fn e9_every_spike_of_a_long_run_is_on_the_trace() {
    let trace = run(&with(json!({"t_ref": 0.0, "i_bias": 1e3}), 0.0, &[], 2100.0)).unwrap();
    // The period is 20 ln(1000/999).
    let period = 20.0 * (1e-3f64 / (1.0 - 1e-3)).ln_1p();
    let expected = (2100.0 / period).floor();
    assert!(expected > 1e5);
    assert_eq!(trace.spikes.len().to_string(), expected.to_string());
}

/// A row of neurons, each driven by the one before without delay, all through one population.
fn chain(length: usize) -> Value {
    let synapses: Vec<Value> =
        (1..length).map(|k| json!({"pre": k - 1, "post": k, "weight": 8.0})).collect();
    let mut document = usual(8.0, &[0.0], 1e6);
    document["network"]["populations"][0]["size"] = json!(length);
    document["network"]["connections"] = json!([
        {"from": "input", "to": "out", "synapses": [{"pre": 0, "post": 0, "weight": 8.0}]},
        {"from": "out", "to": "out", "synapses": synapses}
    ]);
    document
}

#[test]
fn e10_a_chain_of_1e5_spikes_neither_overflows_nor_loses_its_adjoint() {
    let length = 100_000;
    let links = 1e5;
    let last = SpikeTime { neuron: length - 1, ordinal: 0 };
    let evaluation = gradient_of(&chain(length), &last).unwrap();
    assert_eq!(evaluation.trace.spikes.len(), length);
    // One neuron, 100 digits: its latency, and the derivatives of that.
    let (latency, by_weight, by_tau_mem) =
        (4.116_608_628_585_579, -0.995_314_573_381_717_1, 0.352_962_413_702_085_4);
    // A rounding a link, of the sum of the latencies and of the product of the derivatives.
    let tolerance = links;
    close(evaluation.loss, links * latency, tolerance);
    let gradient = &evaluation.gradient;
    close(gradient.input_times[0], 1.0, tolerance);
    for &weight in &gradient.parameters.connections[1].weights {
        close(weight, by_weight, tolerance);
    }
    close(
        gradient.parameters.populations[0][spikegrad::lif::TAU_MEM].get(0),
        links * by_tau_mem,
        tolerance,
    );
}

#[test]
fn e10_the_derivative_grows_with_the_number_of_spikes_and_no_faster() {
    // A bias alone: the k-th spike is at k 20 ln(b/(b − 1)) + (k − 1) t_ref.
    let document = with(json!({"i_bias": 2.0, "v_th": 1.0}), 0.0, &[], 1.5e6);
    let ordinal = 100_000 - 1;
    let answer = time_gradient(&document, 0, ordinal);
    let count = 1e5;
    // A rounding a period.
    let tolerance = count;
    close(answer["loss"].as_f64().unwrap(), count * 20.0 * 2f64.ln() + count - 1.0, tolerance);
    close(by(&answer, "i_bias"), -10.0 * count, tolerance);
    close(by(&answer, "tau_mem"), 2f64.ln() * count, tolerance);
    close(by(&answer, "v_th"), 20.0 * count, tolerance);
    close(by(&answer, "t_ref"), count - 1.0, tolerance);
}

#[test]
fn e14_a_jump_uses_the_state_before_and_the_state_after_where_each_belongs() {
    let mut document = one_neuron(
        json!({"tau_mem": [20.0, 9.0], "tau_syn": [5.0, 6.0], "v_th": [1.0, 1.2], "v_reset": [-0.5, 0.25],
            "v_leak": [0.1, -0.2], "i_bias": [0.3, 0.4], "t_ref": [0.7, 1.9]}),
        &[6.0],
        &[(0, 1.0), (0, 4.0), (0, 9.0)],
        30.0,
    );
    document["network"]["populations"][0]["size"] = json!(2);
    document["network"]["populations"][0]["initial"] = json!({"v": [0.2, -0.1], "i": [0.5, 0.0]});
    document["network"]["connections"] = json!([
        {"from": "input", "to": "out", "weights": [[6.0], [4.0]], "delay": 0.5},
        {"from": "out", "to": "out", "weights": [[1.5, -2.0], [3.0, 0.75]], "delay": [[0.8, 1.1], [0.6, 2.3]]}
    ]);
    let answer = time_gradient(&document, 1, 3);
    // 100 digits.
    let expected = [
        ("network/connections/0/weights/0/0", -0.406_460_872_383_658_1),
        ("network/connections/0/weights/1/0", -1.229_157_909_187_667_9),
        ("network/connections/0/delay", 0.956_622_865_890_325_9),
        ("network/connections/1/weights/0/0", -0.187_306_109_828_040_88),
        ("network/connections/1/weights/0/1", -0.249_171_081_119_535_45),
        ("network/connections/1/weights/1/0", -0.448_733_586_093_235_66),
        ("network/connections/1/weights/1/1", -0.713_758_459_679_223_5),
        ("network/connections/1/delay/0/0", 0.020_745_001_929_690_976),
        ("network/connections/1/delay/0/1", -0.131_791_849_967_784_04),
        ("network/connections/1/delay/1/0", 0.188_371_052_371_399_95),
        ("network/connections/1/delay/1/1", 0.257_629_981_047_722_56),
        ("network/populations/0/params/tau_mem/0", 0.114_799_413_956_766_99),
        ("network/populations/0/params/tau_mem/1", 0.6926584671657),
        ("network/populations/0/params/tau_syn/0", -0.298338072047354),
        ("network/populations/0/params/tau_syn/1", -0.607_305_694_154_588_1),
        ("network/populations/0/params/v_th/0", 2.106_891_575_028_132),
        ("network/populations/0/params/v_th/1", 6.648_855_400_413_067),
        ("network/populations/0/params/v_reset/0", -1.020_708_144_177_327_1),
        ("network/populations/0/params/v_reset/1", -3.981_261_490_312_216_5),
        ("network/populations/0/params/v_leak/0", -0.475_902_574_039_479_9),
        ("network/populations/0/params/v_leak/1", -1.506_397_530_459_720_6),
        ("network/populations/0/params/i_bias/0", -0.475_902_574_039_479_9),
        ("network/populations/0/params/i_bias/1", -1.506_397_530_459_720_6),
        ("network/populations/0/params/t_ref/0", 0.453_924_616_688_275_83),
        ("network/populations/0/params/t_ref/1", 3.129_934_633_593_981_3),
        ("network/populations/0/initial/v/0", -0.610_280_856_811_324_8),
        ("network/populations/0/initial/v/1", -1.161_196_379_641_130_6),
        ("network/populations/0/initial/i/0", -0.166892418667599),
        ("network/populations/0/initial/i/1", -0.683_910_616_614_647_4),
        ("stimulus/spikes/0/1", 0.176_596_861_384_821_47),
        ("stimulus/spikes/1/1", 0.642_082_015_535_872_6),
        ("stimulus/spikes/2/1", 0.137_943_988_969_631_73),
    ];
    for (path, expected) in expected {
        close(at_path(&answer, path), expected, DERIVATIVE_ULPS);
    }
    assert_eq!(times(&document).len(), 8);
}

#[test]
fn a_spike_that_no_loss_reads_has_no_gradient_through_its_slope() {
    // Not a row: nearly grazing, with zero adjoint.
    let document = starting(with(json!({"tau_syn": 10.0}), 4.0 + 1e-14, &[0.0], 100.0), 0.0, 0.0);
    let loss = SpikeTimeMse::new("out", vec![vec![]]);
    let evaluation = gradient_of(&document, &loss).unwrap();
    assert_eq!(evaluation.trace.spikes.len(), 1);
    assert!(evaluation.gradient.parameters.to_vec().iter().all(|&g| g == 0.0));
    assert!(by_weight(&time_gradient(&document, 0, 0), 0) < -1e6);
}
