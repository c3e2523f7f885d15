//! Section D: refractoriness, loops and bursts.

use super::{usual, with};
use crate::support::{all_close, close, one_neuron, run, times};
use crate::tolerance::{ACCUMULATED_ULPS, SPIKE_TIME_ULPS};
use serde_json::{Value, json};
use spikegrad::SimulateError;

#[test]
fn d1_an_input_during_refractoriness_is_kept() {
    let got = times(&with(json!({"t_ref": 5.0}), 50.0, &[2.0, 4.5], 40.0));
    // 100 digits.
    let expected = [2.421_573_715_424_560_5, 7.895_339_267_491_769, 14.528_150_775_213_348];
    all_close(&got, &expected, ACCUMULATED_ULPS);
}

#[test]
fn d2_without_a_refractory_time_a_bias_spikes_for_ever() {
    let got = times(&with(json!({"t_ref": 0.0, "i_bias": 2.0}), 0.0, &[], 1e4));
    let period = 20.0 * std::f64::consts::LN_2;
    assert_eq!(got.len(), 721);
    for (k, &time) in (1..).zip(&got) {
        // Each spike adds one rounding of its time, and the period its own.
        close(time, f64::from(k) * period, 1.0 + f64::from(k));
    }
}

/// Neurons in a row, each driven by the one before.
fn row(t_ref: f64, delay: f64, weights: &[f64], t_end: f64) -> Value {
    let params = json!({"tau_mem": 20.0, "tau_syn": 5.0, "t_ref": t_ref});
    let names: Vec<String> = (0..weights.len()).map(|k| format!("n{k}")).collect();
    let populations: Vec<Value> = names
        .iter()
        .map(|name| json!({"name": name, "size": 1, "model": "lif", "params": params}))
        .collect();
    let connections: Vec<Value> = weights
        .iter()
        .enumerate()
        .map(|(k, w)| match k.checked_sub(1) {
            None => json!({"from": "input", "to": "n0", "weights": [[w]]}),
            Some(from) => {
                json!({"from": names[from], "to": names[k], "weights": [[w]], "delay": delay})
            }
        })
        .collect();
    json!({
        "format": "spikegrad-problem", "version": 1,
        "network": {"inputs": 1, "populations": populations, "connections": connections},
        "stimulus": {"t_end": t_end, "spikes": [[0, 2.0]]}
    })
}

#[test]
fn d3_delays_and_refractory_times_off_any_grid_are_exact() {
    let got = times(&row(1.03, 1.03, &[50.0, 20.0], 30.0));
    // 100 digits.
    let expected = [
        2.421_573_715_424_560_5,
        4.025_939_070_921_787,
        4.605_261_359_118_083,
        5.871_588_747_196_478,
        6.346_123_141_793_51,
        7.912_139_896_038_135,
        8.145_213_923_922_7,
        9.467_800_978_054_68,
        11.083_730_923_468_364,
        11.377_497_175_520_878,
        12.696_987_845_683_616,
        14.351_582_179_762_978,
        16.281_236_672_018_093,
        18.720_019_680_681_574,
        22.424_905_741_801_79,
    ];
    all_close(&got, &expected, ACCUMULATED_ULPS);
}

#[test]
fn d4_no_interval_is_shorter_than_the_refractory_time() {
    for t_ref in [0.1, 1.0, 3.7] {
        let spikes = times(&with(json!({"t_ref": t_ref}), 1e6, &[2.0], 100.0));
        assert!(spikes.len() > 10);
        for pair in spikes.windows(2) {
            assert!(pair[1] - pair[0] >= t_ref - 2.0 * f64::EPSILON * pair[1], "{t_ref} {pair:?}");
        }
    }
}

#[test]
fn d5_a_huge_current_at_release_gives_an_immediate_spike_and_no_burst() {
    let spikes = times(&usual(1e10, &[2.0], 40.0));
    assert_eq!(spikes.len(), 38);
    // From the reset at 0, V rises at w e^(−t/5)/20 per ms.
    close(spikes[0], 2.0 + 2e-9, 1.0);
    assert!(spikes.windows(2).all(|pair| pair[1] - pair[0] > 1.0));
}

#[test]
fn d6_too_many_spikes_are_an_error_and_not_a_hang() {
    let error = run(&with(json!({"t_ref": 0.0}), 1e10, &[2.0], 40.0)).unwrap_err();
    assert!(
        matches!(error, SimulateError::EventBudget { max_events, time, t_end }
            if max_events == spikegrad::DEFAULT_MAX_EVENTS && time > 2.0 && t_end > time),
        "{error}"
    );
}

#[test]
fn d7_spikes_closer_than_doubles_are_an_error_and_not_a_hang() {
    let error = run(&with(json!({"t_ref": 0.0}), 1e300, &[2.0], 40.0)).unwrap_err();
    assert!(
        matches!(&error, SimulateError::Zeno { neuron, .. } if neuron.id.index() == 0),
        "{error}"
    );
    // With a refractory time the same input is harmless.
    assert_eq!(times(&usual(1e300, &[2.0], 39.5)).len(), 38);
}

#[test]
fn d8_a_self_connection_that_is_strong_enough_runs_away() {
    let document = |weight: f64| {
        let mut document = usual(8.0, &[2.0], 20.0);
        let own = json!({"from": "out", "to": "out", "weights": [[weight]], "delay": 0.0625});
        document["network"]["connections"].as_array_mut().unwrap().push(own);
        document
    };
    // 100 digits.
    let expected = [
        6.116_608_628_585_579,
        7.912_344_137_911_942,
        9.392_211_129_531_654,
        10.754_330_508_734_766,
        12.055_849_168_879_28,
        13.321_022_325_701_348,
        14.562_369_601_320_968,
        15.787_175_188_617_589,
        17.000_033_477_108_143,
        18.204_014_370_328_49,
        19.401_258_872_934_39,
    ];
    all_close(&times(&document(3.0)), &expected[..1], SPIKE_TIME_ULPS);
    all_close(&times(&document(30.0)), &expected, ACCUMULATED_ULPS);
}

#[test]
fn d9_a_delay_of_zero_along_a_row_is_legal() {
    let got = times(&row(1.0, 0.0, &[8.0, 8.0, 9.0], 35.0));
    // 100 digits, one later.
    let expected = [6.116_608_628_585_579, 10.233_217_257_171_159, 13.571_005_745_842_967];
    all_close(&got, &expected, ACCUMULATED_ULPS);
}

/// Two neurons that drive each other without delay.
fn pair(t_ref: f64, there: f64, back: f64, t_end: f64) -> Value {
    let mut document = row(t_ref, 0.0, &[8.0, there], t_end);
    let back = json!({"from": "n1", "to": "n0", "weights": [[back]]});
    document["network"]["connections"].as_array_mut().unwrap().push(back);
    document["stimulus"]["spikes"] = json!([[0, 1.0]]);
    document
}

#[test]
fn d10_a_loop_without_delay_has_finite_intervals_or_ends_in_an_error() {
    // 100 digits.
    let expected = [
        5.116_608_628_585_579,
        6.270_296_272_279_102_5,
        7.239_694_500_708_016_5,
        7.930_669_179_838_64,
        8.872_972_703_049_598,
        9.420_981_815_163_467,
        10.368_630_588_510_15,
        10.825_687_870_039_129,
        11.792_303_528_461_16,
        12.179_278_358_533_85,
        13.172_723_728_520_575,
        13.499_167_339_579_8,
        14.525_100_251_020_573,
        14.803_205_555_495_428,
    ];
    all_close(&times(&pair(1.0, 20.0, 20.0, 15.0)), &expected, ACCUMULATED_ULPS);
    for strong in [1e6, 1e12, 1e18] {
        let error = run(&pair(0.0, strong, strong, 15.0)).unwrap_err();
        assert!(
            matches!(error, SimulateError::EventBudget { .. } | SimulateError::Zeno { .. }),
            "{error}"
        );
    }
    // So strong that each answers within a rounding of the other: refractoriness breaks the loop.
    let spikes = times(&pair(1.0, 1e18, 1e18, 15.0));
    assert!(spikes.len() > 18 && spikes.windows(2).all(|pair| pair[1] >= pair[0]));
}

#[test]
fn d11_a_thousand_periods_are_equal() {
    let period = 20.0 * std::f64::consts::LN_2 + 0.1;
    let got = times(&with(json!({"t_ref": 0.1, "i_bias": 2.0}), 0.0, &[], 1.5e4));
    assert!(got.len() > 1000);
    for (k, pair) in got.windows(2).enumerate() {
        // Two roundings of a time, and those of the period.
        let roundings = 2.0 * pair[1] + 4.0 * period;
        assert!((pair[1] - pair[0] - period).abs() <= roundings * f64::EPSILON, "period {k}");
    }
}

#[test]
fn d12_nothing_happens_before_its_cause() {
    // Weights that make the crossing fall on, or within a rounding of, the arrival.
    for weight in [1e3, 1e9, 1e15, 1e18, 1e21] {
        for v in [0.0, 0.9, 1.0 - 1e-12, 1f64.next_down()] {
            let at = 1.0 / 3.0;
            let mut document = one_neuron(
                json!({"tau_mem": 20.0, "tau_syn": 5.0, "t_ref": 1.0, "v_leak": v}),
                &[weight],
                &[(0, at)],
                1.0,
            );
            document["network"]["populations"][0]["initial"] = json!({"v": v});
            let [spike] = times(&document)[..] else { panic!("one spike: {weight} {v}") };
            assert!(spike >= at, "{weight} {v}: {spike}");
        }
    }
}
