//! Section F, as far as the library decides it: extreme numbers, refusals, round trips, runs that must not see each other.
//! Malformed files are tested at the command line.

use super::{starting, usual, with};
use crate::support::{all_close, one_neuron, problem, random, run, times};
use serde_json::json;
use spikegrad::problem::Problem;
use spikegrad::{
    InputSpike, NetworkError, Parameters, Sample, Settings, SimulateError, SpikeTimeMse, Stimulus,
    simulate, value_and_grad, value_and_grad_batch,
};

#[test]
fn f2_subnormal_weights_and_minus_zero_are_numbers_like_others() {
    let expected = times(&usual(8.0, &[2.0], 20.0));
    for tiny in ["5e-324", "2e-324", "-0.0", "1e-310"] {
        let text = usual(8.0, &[2.0], 20.0).to_string();
        let text = text
            .replace(r#""inputs":1"#, r#""inputs":2"#)
            .replace("[[8.0]]", &format!("[[8.0,{tiny}]]"))
            .replace("[[0,2.0]]", "[[1,1.0],[0,2.0],[1,-0.0]]");
        let problem = Problem::from_json(text.as_bytes()).unwrap();
        assert_eq!(problem.stimulus.spikes()[0].channel, 1, "−0.0 is the time 0");
        let Problem { network, parameters, stimulus, .. } = &problem;
        let trace = simulate(network, parameters, stimulus, &[], &Settings::default()).unwrap();
        all_close(&trace.spikes.iter().map(|s| s.time).collect::<Vec<_>>(), &expected, 1.0);
    }
}

#[test]
fn f3_weights_at_the_edge_of_the_range_give_an_answer_or_name_the_neuron() {
    assert_eq!(times(&usual(1e300, &[2.0], 4.5)).len(), 3);
    assert!(times(&usual(-1e300, &[2.0], 4.5)).is_empty());
    let error = run(&usual(1e308, &[2.0, 2.0], 20.0)).unwrap_err();
    assert!(
        matches!(&error, SimulateError::NonFinite { neuron, time }
            if neuron.id.index() == 0 && (time - 2.0).abs() < 1e-9),
        "{error}"
    );
    assert!(error.to_string().contains("neuron out[0] is not finite"), "{error}");
}

#[test]
fn f9_every_double_survives_json() {
    let mut random = random(9);
    let mut count = 0;
    while count < 200_000 {
        let x = f64::from_bits(random.next_u64());
        if x.is_finite() {
            let text = serde_json::to_string(&x).unwrap();
            let back: f64 = serde_json::from_str(&text).unwrap();
            assert_eq!(back.to_bits(), x.to_bits(), "{text}");
            count += 1;
        }
    }
}

#[test]
fn f11_empty_networks_and_runs_of_no_length_have_an_empty_answer() {
    let bare = json!({
        "format": "spikegrad-problem", "version": 1,
        "network": {"inputs": 0, "populations": [], "connections": []},
        "stimulus": {"t_end": 0.0, "spikes": []}
    });
    assert!(run(&bare).unwrap().spikes.is_empty());
    let mut none = usual(8.0, &[], 0.0);
    none["network"]["populations"][0]["size"] = json!(0);
    none["network"]["connections"][0]["weights"] = json!([]);
    assert!(run(&none).unwrap().spikes.is_empty());
    // A run of no length still hears what comes at 0.
    let trace = run(&usual(1e9, &[0.0], 0.0)).unwrap();
    assert_eq!((trace.spikes.len(), trace.arrivals), (0, 1));
    let p = problem(&bare);
    let batch =
        value_and_grad_batch(&p.network, &p.parameters, &[], &Settings::default(), |_, _| ())
            .unwrap();
    assert!(batch.losses.is_empty());
}

#[test]
fn f13_input_times_are_sorted_and_what_is_no_time_is_refused() {
    let expected = times(&usual(4.0, &[0.0, 1.0, 1.0, 3.0], 20.0));
    assert!(!expected.is_empty());
    let got = times(&usual(4.0, &[3.0, 1.0, 1e300, 0.0, 1.0], 20.0));
    all_close(&got, &expected, 0.0);
    for (bad, value) in [(-1.0, "-1.0"), (f64::NAN, "NaN"), (f64::INFINITY, "inf")] {
        let spikes =
            vec![InputSpike { channel: 0, time: 1.0 }, InputSpike { channel: 0, time: bad }];
        let error = Stimulus::new(20.0, spikes).unwrap_err();
        let message = error.to_string();
        assert!(message.contains("stimulus.spikes[1][1]") && message.contains(value), "{message}");
        let end = Stimulus::<f64>::new(bad, Vec::new()).unwrap_err();
        assert!(matches!(end, NetworkError::Value { place, .. } if place == "stimulus.t_end"));
    }
}

#[test]
fn f14_nothing_that_is_not_finite_enters_a_run() {
    let good = problem(&starting(with(json!({"i_bias": 0.1}), 8.0, &[2.0], 20.0), 0.1, 0.2));
    let run = |parameters: &Parameters| {
        simulate(&good.network, parameters, &good.stimulus, &[], &Settings::default())
    };
    assert!(run(&good.parameters).is_ok());
    let count = good.parameters.to_vec().len();
    // Nine values of the population, a weight, a delay.
    assert_eq!(count, 11);
    for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        for position in 0..count {
            let mut parameters = good.parameters.clone();
            let mut k = 0;
            parameters.for_each_mut(|x| {
                if k == position {
                    *x = bad;
                }
                k += 1;
            });
            let error = run(&parameters).unwrap_err();
            assert!(
                matches!(&error, SimulateError::Network(NetworkError::Value { place, value, .. })
                    if place.starts_with("network.") && value.to_bits() == bad.to_bits()),
                "{position}: {error}"
            );
        }
    }
}

#[test]
fn f16_a_sample_alone_is_the_sample_in_any_batch() {
    let params = json!({"tau_mem": 20.0, "tau_syn": 5.0, "t_ref": 1.0});
    let p = problem(&one_neuron(params, &[8.0, -3.0], &[], 30.0));
    let stimuli: Vec<Stimulus> = (0..20)
        .map(|k| {
            let spike = |channel, time| InputSpike { channel, time };
            let late = 0.5 * f64::from(k);
            // Some end in the middle of a refractory time or of a spike under way.
            let spikes = vec![spike(0, 0.1), spike(1, late), spike(0, late + 0.3)];
            Stimulus::new(3.0 + late, spikes).unwrap()
        })
        .collect();
    let loss = SpikeTimeMse::new("out", vec![vec![4.0, 6.0, 8.0]]);
    let samples: Vec<_> =
        stimuli.iter().rev().map(|stimulus| Sample { stimulus, loss: &loss }).collect();
    let settings = Settings::default();
    let batch = value_and_grad_batch(&p.network, &p.parameters, &samples, &settings, |_, trace| {
        trace.spikes.clone()
    })
    .unwrap();
    assert!(batch.extracted.iter().map(Vec::len).sum::<usize>() > 10);
    let mut sum = vec![(0.0, 0.0); p.parameters.to_vec().len()];
    for (k, sample) in samples.iter().enumerate() {
        let alone =
            value_and_grad(&p.network, &p.parameters, sample.stimulus, &loss, &settings).unwrap();
        assert_eq!(alone.loss.to_bits(), batch.losses[k].to_bits());
        assert_eq!(alone.trace.spikes, batch.extracted[k]);
        for ((sum, size), x) in sum.iter_mut().zip(alone.gradient.parameters.to_vec()) {
            *sum += x;
            *size += x.abs();
        }
    }
    for (got, (expected, size)) in batch.gradient.to_vec().into_iter().zip(sum) {
        // The batch adds in chunks of eight: other roundings of the sum of twenty terms.
        assert!((got - expected).abs() <= 20.0 * f64::EPSILON * size, "{got} {expected}");
    }
}
