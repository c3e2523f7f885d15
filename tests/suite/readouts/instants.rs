//! Read-outs, releases and the end of the run at the very time of an event: which side is taken, and that it is taken.

use super::{AUTOMATIC, EVENT_LOOP, Reads, evaluate, flat};
use crate::support::{SpikeTime, at_path, close, document, one_neuron, problem, run};
use crate::tolerance::DERIVATIVE_ULPS;
use serde_json::{Value, json};
use spikegrad::{Evaluation, Measure, Place, Settings, SpikeTimeMse, TieKind};

/// One neuron that hears itself, without delay.
fn hears_itself(t_ref: f64) -> Value {
    let mut document = one_neuron(json!({"t_ref": t_ref}), &[12.0], &[(0, 0.001)], 0.05);
    let own = json!({"from": "out", "to": "out", "weights": [[0.5]], "delay": 0.0});
    document["network"]["connections"].as_array_mut().unwrap().push(own);
    document
}

#[test]
fn a_refractory_time_of_0_grows_beyond_what_arrives_at_the_spike_itself() {
    // 50 digits, and 90 where t_ref is no difference that a double of the time could show.
    let weights = [-8.784_970_436_582_543e-6, -6.083_897_085_780_279e-6];
    let (by_t_ref, by_input) = (0.017_105_496_935_128_83, 0.010_231_761_425_104_34);
    let delays = [(0.0, 4.268_661_807_271_445_6e-4), (1e-25, -6.083_897_085_780_279e-4)];
    for (t_ref, by_delay) in delays.into_iter().chain([(1e-20, -6.083_897_085_780_279e-4)]) {
        let problem = problem(&hears_itself(t_ref));
        let loss = SpikeTimeMse::new("out", vec![vec![0.0, 0.0]]);
        for settings in [AUTOMATIC, EVENT_LOOP] {
            let found = evaluate(&problem, &loss, &settings).unwrap();
            assert_eq!(found.was_swept, settings == AUTOMATIC && t_ref == 0.0);
            let answer = document(&problem, &found);
            for (path, expected) in [
                ("network/connections/0/weights/0/0", weights[0]),
                ("network/connections/1/weights/0/0", weights[1]),
                ("network/connections/1/delay", by_delay),
                ("network/populations/0/params/t_ref", by_t_ref),
                ("stimulus/spikes/0", by_input),
            ] {
                close(at_path(&answer, path), expected, DERIVATIVE_ULPS);
            }
        }
    }
}

#[test]
fn a_refractory_time_of_0_grows_beyond_what_others_send_to_the_instant_of_a_spike() {
    /// Error of a one-sided difference of second order: the square of a microsecond beside that of time constants of milliseconds.
    const ONE_SIDED: f64 = 1e-5;
    let with = |t_ref: f64, at: f64| {
        let params = json!({"t_ref": t_ref});
        problem(&one_neuron(params, &[8.0, 20.0], &[(0, 0.002), (1, at)], 0.02))
    };
    for settings in [AUTOMATIC, EVENT_LOOP] {
        let evaluate = |t_ref: f64, at: f64| {
            let loss = SpikeTime { neuron: 0, ordinal: 1 };
            evaluate(&with(t_ref, at), &loss, &settings).unwrap()
        };
        let at = evaluate(0.0, 0.01).trace.spikes[0].time;
        let step = 1e-6;
        let [zero, one, two] = [0.0, step, 2.0 * step].map(|t_ref| evaluate(t_ref, at).loss);
        let quotient = (4.0 * one - 3.0 * zero - two) / (2.0 * step);
        let by_t_ref =
            evaluate(0.0, at).gradient.parameters.populations[0][spikegrad::lif::T_REF].get(0);
        assert!((by_t_ref / quotient - 1.0).abs() < ONE_SIDED, "{by_t_ref} {quotient}");
        // Without what arrives it would be less.
        let alone = evaluate(0.0, at + 1e-12).gradient.parameters.populations[0]
            [spikegrad::lif::T_REF]
            .get(0);
        assert!((by_t_ref / alone - 1.0).abs() > 0.1, "{by_t_ref} {alone}");
    }
}

#[test]
fn a_crossing_within_a_rounding_after_the_end_is_no_spike_in_either_engine() {
    let at_the_end = |weight: f64, t_end: f64| {
        one_neuron(json!({"t_ref": 0.001}), &[weight], &[(0, 0.01)], t_end)
    };
    let count = |document: &Value| {
        let loss = Reads { of_spikes: 1.0, of_readouts: vec![] };
        let both = [AUTOMATIC, EVENT_LOOP].map(|settings| {
            evaluate(&problem(document), &loss, &settings).unwrap().trace.spikes.len()
        });
        assert_eq!(both[0], both[1]);
        both[0]
    };
    // τ_mem/weight after the arrival.
    for weight in [1e17, 1e18, 1e25] {
        assert_eq!(count(&at_the_end(weight, 0.01)), 0, "{weight}");
        assert_eq!(count(&at_the_end(weight, 0.01f64.next_up())), 1, "{weight}");
    }
    let mut rounded = [0, 0];
    for k in 0..40 {
        let weight = 7.0 + 0.37 * f64::from(k);
        let spike = run(&at_the_end(weight, 0.05)).unwrap().spikes[0];
        let is_by_end = spike.time_remainder <= 0.0;
        rounded[usize::from(is_by_end)] += 1;
        assert_eq!(count(&at_the_end(weight, spike.time)), usize::from(is_by_end), "{weight}");
    }
    assert!(rounded[0] > 10 && rounded[1] > 10);
}

/// A neuron that spikes some times, and a sample of its potential.
fn sampled(settings: &Settings, t_ref: f64, time: f64) -> Evaluation {
    let params = json!({"t_ref": t_ref, "v_reset": -0.25, "v_leak": 0.1, "i_bias": 0.2});
    let document = one_neuron(params, &[20.0], &[(0, 0.001), (0, 0.003)], 0.03);
    let loss = Reads::one(0, Measure::Sample { time });
    let found = evaluate(&problem(&document), &loss, settings).unwrap();
    assert!(found.trace.spikes.len() > 2);
    found
}

/// Asserts that the derivatives are those of a sample a nanosecond later, but for what changes in a nanosecond.
fn is_the_side_of_later(at: &Evaluation, later: &Evaluation) {
    /// A nanosecond beside time constants of milliseconds, and a spike's derivatives by their slopes.
    const NANOSECOND: f64 = 1e-5;
    let (at, later) = (flat(&at.gradient), flat(&later.gradient));
    let largest = later.iter().fold(0.0f64, |a, x| a.max(x.abs()));
    for (at, later) in at.iter().zip(&later) {
        assert!((at - later).abs() <= NANOSECOND * largest, "{at} {later} of {largest}");
    }
}

#[test]
fn a_sample_within_the_refractory_time_reads_the_reset_value_and_nothing_else() {
    for settings in [AUTOMATIC, EVENT_LOOP] {
        let spike = sampled(&settings, 0.002, 0.0).trace.spikes[1];
        for share in [0.0, 1e-9, 0.3, 0.999_999] {
            let found = sampled(&settings, 0.002, spike.time + 0.002 * share);
            assert_eq!(found.trace.readouts[0].place, Place::Clamped);
            assert_eq!(found.loss.to_bits(), (-0.25f64).to_bits());
            let mut gradient = found.gradient.clone();
            let by_reset = gradient.parameters.populations[0][spikegrad::lif::V_RESET].get(0);
            assert_eq!(by_reset.to_bits(), 1f64.to_bits());
            gradient.parameters.populations[0][spikegrad::lif::V_RESET] =
                spikegrad::Values::Shared(0.0);
            assert!(flat(&gradient).iter().all(|&x| x == 0.0));
        }
    }
}

#[test]
fn a_sample_at_the_very_time_of_a_spike_or_a_release_is_taken_after_it() {
    for settings in [AUTOMATIC, EVENT_LOOP] {
        for (t_ref, kind) in [(0.0, TieKind::SpikeAtReadout), (0.002, TieKind::ReleaseAtReadout)] {
            let spike = sampled(&settings, t_ref, 0.0).trace.spikes[1];
            let time = spike.at().after(t_ref).rounded;
            let (found, later) =
                (sampled(&settings, t_ref, time), sampled(&settings, t_ref, time + 1e-9));
            assert_eq!(found.trace.readouts[0].place, Place::Free);
            assert!((found.loss + 0.25).abs() < 1e-12, "{}", found.loss);
            is_the_side_of_later(&found, &later);
            assert_eq!(found.certificate.ties, 1);
            assert_eq!(found.certificate.first_ties[0].kind, kind);
            assert_eq!(later.certificate.ties, 0);
        }
        // At a spike that is followed by a clamp the sample is in it.
        let spike = sampled(&settings, 0.002, 0.0).trace.spikes[1];
        let found = sampled(&settings, 0.002, spike.time);
        assert_eq!(found.trace.readouts[0].place, Place::Clamped);
        assert_eq!(found.certificate.first_ties[0].kind, TieKind::SpikeAtReadout);
    }
}
