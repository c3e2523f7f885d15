//! Section B: ratios of the time constants, very short and very long stretches.

use super::{by, starting, usual, with};
use crate::support::{all_close, close, here, one_neuron, read_json, run, time_gradient, times};
use crate::tolerance::{ACCUMULATED_ULPS, DERIVATIVE_ULPS, SPIKE_TIME_ULPS};
use serde_json::{Value, json};
use spikegrad::SimulateError;

#[test]
fn b1_equal_time_constants() {
    let got = times(&with(json!({"tau_mem": 5.0}), 6.0, &[2.0], 50.0));
    // 100 digits.
    all_close(&got, &[3.022_407_246_699_577_5, 5.806_689_799_152_337], ACCUMULATED_ULPS);
}

/// Every row of the ladder of nearly equal time constants, with the problem it states.
fn ladder() -> Vec<(Vec<f64>, Value)> {
    let rows = read_json(&here("data/close_taus.json"));
    let of_row = |row: &Value| {
        let row: Vec<f64> = serde_json::from_value(row.clone()).unwrap();
        let params = json!({"tau_mem": row[0], "tau_syn": row[1]});
        let document = with(params, row[2], &[0.0], 50.0);
        (row, document)
    };
    let rows: Vec<_> = rows.as_array().unwrap().iter().map(of_row).collect();
    // 52 powers of two and 12 of ten, on both sides, and equality.
    assert_eq!(rows.len(), 129);
    rows
}

#[test]
fn b2_times_are_smooth_where_the_time_constants_meet() {
    for (row, document) in ladder() {
        close(times(&document)[0], row[3], SPIKE_TIME_ULPS);
    }
}

#[test]
fn b3_derivatives_by_both_time_constants_are_smooth_where_they_meet() {
    for (row, document) in ladder() {
        let answer = time_gradient(&document, 0, 0);
        close(by(&answer, "tau_mem"), row[5], DERIVATIVE_ULPS);
        close(by(&answer, "tau_syn"), row[6], DERIVATIVE_ULPS);
    }
}

#[test]
fn b4_a_very_fast_synapse_tends_to_a_jump() {
    // w tau_syn is constant. 100 digits.
    for (tau_syn, expected) in [
        (1e-3, 2.001_098_677_087_804_3),
        (1e-6, 2.000_001_098_612_353_5),
        (1e-9, 2.000_000_001_098_612_3),
    ] {
        let got = times(&with(json!({"tau_syn": tau_syn}), 30.0 / tau_syn, &[2.0], 50.0));
        all_close(&got, &[expected], SPIKE_TIME_ULPS);
    }
}

#[test]
fn b5_a_synapse_slower_than_the_membrane() {
    // 100 digits.
    let slow = [
        2.410_990_042_467_628_5,
        3.860_465_651_707_901_5,
        5.354_349_006_310_352,
        6.900_130_929_415_746,
        8.507_541_036_300_802,
        10.189_652_480_668_238,
        11.964_838_081_802_977,
        13.860_587_953_522_241,
        15.922_094_580_052_288,
        18.236_582_638_235_973,
        21.045_600_738_165_28,
    ];
    let got = times(&with(json!({"tau_mem": 1.0, "tau_syn": 20.0}), 3.0, &[2.0], 60.0));
    all_close(&got, &slow, ACCUMULATED_ULPS);
    let less_slow = [
        4.178_666_415_870_436,
        7.907_570_897_830_297,
        12.591_659_978_670_657,
        19.900_998_214_836_488,
    ];
    let got = times(&with(json!({"tau_mem": 5.0, "tau_syn": 20.0}), 3.0, &[2.0], 60.0));
    all_close(&got, &less_slow, ACCUMULATED_ULPS);
}

#[test]
fn b6_time_constants_eight_orders_apart_do_not_overflow() {
    // 100 digits.
    let got = times(&with(json!({"tau_mem": 5e8}), 1.5e8, &[2.0], 100.0));
    all_close(&got, &[7.493_061_508_132_393], SPIKE_TIME_ULPS);
    let got = times(&with(json!({"tau_mem": 5e-8}), 3.0, &[2.0], 20.0));
    let expected = [
        2.000_000_020_273_255_5,
        3.000_000_046_412_621,
        4.000_000_080_798_21,
        5.000_000_127_542_965,
        6.000_000_195_253_107,
        7.000_000_313_526_153_5,
    ];
    all_close(&got, &expected, ACCUMULATED_ULPS);
}

#[test]
fn b7_an_input_after_720_synaptic_time_constants_is_like_one_at_0() {
    let (early, late) = (times(&usual(8.0, &[0.0], 20.0)), times(&usual(8.0, &[3600.0], 3620.0)));
    assert_eq!((early.len(), late.len()), (1, 1));
    close(late[0], 3600.0 + early[0], 1.0);
}

#[test]
fn b8_gaps_of_nothing_or_next_to_nothing_are_harmless() {
    let expected = times(&usual(8.0, &[2.0], 20.0));
    for second in [2.0, 2f64.next_up(), 2.0 + 1e-14] {
        let got = times(&usual(4.0, &[2.0, second], 20.0));
        // The later of two inputs moves the spike by at most its own delay.
        assert_eq!(got.len(), expected.len());
        assert!(got[0] >= expected[0].next_down() && got[0] - expected[0] < 2e-14, "{got:?}");
    }
    let at_0 = times(&usual(8.0, &[0.0], 20.0));
    for tiny in [5e-324, 1e-300, 1e-17] {
        all_close(&times(&usual(4.0, &[0.0, tiny], 20.0)), &at_0, 1.0);
    }
}

#[test]
fn b9_very_long_gaps_leave_nothing_and_no_nan() {
    let expected = times(&usual(8.0, &[0.0], 20.0))[0];
    let got = times(&usual(8.0, &[0.0, 1e6], f64::MAX));
    all_close(&got, &[expected, 1e6 + expected], 1.0);
    let got = times(&usual(8.0, &[0.0, 1e6, 1e6 + 1e5], 1e9));
    all_close(&got[1..], &[1e6 + expected, 1.1e6 + expected], 1.0);
    let charged =
        |weight| starting(with(json!({"i_bias": 0.5}), weight, &[1e300], 1e301), 0.9, -3.0);
    let trace = run(&charged(1.0)).unwrap();
    assert_eq!((trace.spikes.len(), trace.arrivals), (0, 1));
    // At 1e300 doubles are 1e284 apart: what happens there happens at one time, or is said to.
    match run(&charged(8.0)) {
        Ok(trace) => {
            assert!(!trace.spikes.is_empty() && trace.spikes.iter().all(|s| s.time >= 1e300));
        }
        Err(error) => assert!(matches!(error, SimulateError::Zeno { .. }), "{error}"),
    }
}

#[test]
fn b10_relative_precision_is_kept_late_in_a_run() {
    let mut document = usual(8.0, &[99_990.123_456_789], 1e5);
    document["network"]["connections"][0]["delay"] = json!(1.0);
    // 100 digits.
    all_close(&times(&document), &[99_995.240_065_417_59], 1.0);
}

#[test]
fn b11_every_neuron_may_have_its_own_time_constants() {
    let mut document = one_neuron(
        json!({"tau_mem": [20.0, 10.0, 5.0, 5.0, 7.3], "tau_syn": [5.0, 5.0, 5.0, 10.0, 7.1], "t_ref": 50.0}),
        &[8.0, 5.0],
        &[(0, 1.0), (1, 3.0)],
        40.0,
    );
    document["network"]["populations"][0]["size"] = json!(5);
    document["network"]["connections"][0]["weights"] =
        json!([[8.0, 5.0], [6.0, 5.0], [4.0, 2.0], [2.5, 2.0], [4.5, -0.5]]);
    // (time, its derivative by the neuron's own tau_mem and tau_syn), 100 digits.
    let expected = [
        (3.861_269_179_734_326, 0.120_931_870_091_200_24, -0.119_446_321_573_685_37),
        (3.137_726_104_321_863_4, 0.115_254_273_899_896_76, -0.049_681_634_447_837_38),
        (2.787_014_780_906_944_5, 0.456_794_070_967_821_6, -0.099_391_114_786_432_7),
        (3.417_449_818_436_528_7, 0.276_908_622_830_905_6, -0.018_968_725_517_176_82),
        (3.257_549_798_832_257_3, 0.470_283_214_500_503_4, -0.092_450_474_222_622_12),
    ];
    let spikes = run(&document).unwrap().spikes;
    assert_eq!(spikes.len(), expected.len());
    for spike in spikes {
        let neuron = spike.neuron.index();
        let (time, by_tau_mem, by_tau_syn) = expected[neuron];
        close(spike.time, time, SPIKE_TIME_ULPS);
        let answer = time_gradient(&document, neuron, 0);
        for (name, own) in [("tau_mem", by_tau_mem), ("tau_syn", by_tau_syn)] {
            for other in 0..expected.len() {
                let got = by(&answer, &format!("{name}/{other}"));
                if other == neuron {
                    close(got, own, DERIVATIVE_ULPS);
                } else {
                    assert_eq!(got.to_bits(), 0, "{name} of another neuron");
                }
            }
        }
    }
}
