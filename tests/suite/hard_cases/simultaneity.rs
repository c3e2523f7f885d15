//! Section C: events at one time, and events next to each other.

use super::{by_weight, usual, with};
use crate::support::{
    all_close, at_path, close, gradient_of, one_neuron, problem, run, time_gradient, times,
};
use crate::tolerance::{ACCUMULATED_ULPS, DERIVATIVE_ULPS, SPIKE_TIME_ULPS};
use serde_json::{Value, json};
use spikegrad::{Sample, Settings, SpikeTimeMse, Trace, VoltageMse, value_and_grad_batch};

fn bits(trace: &Trace) -> Vec<(u32, u64)> {
    trace.spikes.iter().map(|s| (s.neuron.0, s.time.to_bits())).collect()
}

#[test]
fn c1_two_inputs_at_one_time_are_one_of_twice_the_weight() {
    let one = run(&usual(8.0, &[2.0], 20.0)).unwrap();
    let two = run(&usual(4.0, &[2.0, 2.0], 20.0)).unwrap();
    let channels = one_neuron(
        json!({"tau_mem": 20.0, "tau_syn": 5.0, "t_ref": 1.0}),
        &[5.0, 3.0],
        &[(1, 2.0), (0, 2.0)],
        20.0,
    );
    assert_eq!(one.spikes.len(), 1);
    assert_eq!(bits(&one), bits(&two));
    assert_eq!(bits(&one), bits(&run(&channels).unwrap()));
}

#[test]
fn c2_excitation_and_inhibition_that_cancel_at_one_time_have_no_effect_at_all() {
    let document = |pair: &[(usize, f64)]| {
        let mut spikes = vec![(0, 2.0)];
        spikes.extend_from_slice(pair);
        let params = json!({"tau_mem": 20.0, "tau_syn": 5.0, "t_ref": 1.0, "i_bias": 0.3});
        one_neuron(params, &[8.0, 1e6, -1e6], &spikes, 20.0)
    };
    let without = run(&document(&[])).unwrap();
    assert!(!without.spikes.is_empty());
    for at in [1.0, 2.0, 3.3] {
        assert_eq!(bits(&without), bits(&run(&document(&[(1, at), (2, at)])).unwrap()), "at {at}");
    }
}

#[test]
fn c3_the_order_of_a_thousand_inputs_at_one_time_does_not_show() {
    let count = 1000;
    let weights: Vec<f64> = (0..count).map(|k| 0.03 * f64::from(k % 37) - 0.4).collect();
    let mut spikes: Vec<(usize, f64)> = (0..weights.len()).map(|k| (k, 2.0)).collect();
    let params = json!({"tau_mem": 20.0, "tau_syn": 5.0, "t_ref": 1.0});
    let loss = SpikeTimeMse::new("out", vec![vec![3.0, 5.0]]);
    let evaluate = |spikes: &[(usize, f64)]| {
        let document = one_neuron(params.clone(), &weights, spikes, 60.0);
        let evaluation = gradient_of(&document, &loss).unwrap();
        let weights = &evaluation.gradient.parameters.connections[0].weights;
        let weights: Vec<u64> = weights.iter().map(|w| w.to_bits()).collect();
        (bits(&evaluation.trace), evaluation.loss.to_bits(), weights)
    };
    let expected = evaluate(&spikes);
    assert!(expected.0.len() > 5);
    let mut random = crate::support::random(3);
    for _ in 0..100 {
        crate::support::shuffle(&mut spikes, &mut random);
        assert!(evaluate(&spikes) == expected);
    }
}

/// `size` equal neurons, driven by one input, drive one more with weights that sum to 8.
fn convergent(size: usize) -> Value {
    let params = json!({"tau_mem": 20.0, "tau_syn": 5.0, "t_ref": 1.0});
    let each = vec![8.0 / f64::from(u32::try_from(size).unwrap()); size];
    json!({
        "format": "spikegrad-problem", "version": 1,
        "network": {
            "inputs": 1,
            "populations": [{"name": "many", "size": size, "model": "lif", "params": params},
                {"name": "one", "size": 1, "model": "lif", "params": params}],
            "connections": [{"from": "input", "to": "many", "weights": vec![[8.0]; size]},
                {"from": "many", "to": "one", "weights": [each], "delay": 1.0}]
        },
        "stimulus": {"t_end": 50.0, "spikes": [[0, 2.0]]}
    })
}

/// 100 digits: when the first neurons and the last one spike.
const CONVERGENT: [f64; 2] = [6.116_608_628_585_579, 11.233_217_257_171_159];

#[test]
fn c4_neurons_that_cross_at_one_time_both_spike_and_are_heard_as_one() {
    let [first, last] = CONVERGENT;
    let spikes = run(&convergent(2)).unwrap().spikes;
    let who: Vec<u32> = spikes.iter().map(|s| s.neuron.0).collect();
    assert_eq!(who, [0, 1, 2]);
    assert_eq!(spikes[0].time.to_bits(), spikes[1].time.to_bits());
    all_close(&[spikes[0].time, spikes[2].time], &[first, last], SPIKE_TIME_ULPS);
}

#[test]
fn c5_ten_thousand_neurons_that_cross_at_one_time_fire_once_each() {
    let trace = run(&convergent(10_000)).unwrap();
    assert_eq!((trace.spikes.len(), trace.arrivals), (10_001, 20_000));
    assert!(trace.spikes.windows(2).all(|pair| pair[0].neuron < pair[1].neuron));
    // 1e4 roundings of a sum.
    close(trace.spikes[10_000].time, CONVERGENT[1], 1e4);
}

/// The usual neuron, which spikes at `time` or so, and a second input at some time.
fn second_input(at: f64) -> Value {
    one_neuron(
        json!({"tau_mem": 20.0, "tau_syn": 5.0, "t_ref": 1.0}),
        &[8.0, 20.0],
        &[(0, 2.0), (1, at)],
        20.0,
    )
}

#[test]
fn c6_an_arrival_at_the_very_time_of_a_crossing_comes_after_it() {
    let crossing = times(&usual(8.0, &[2.0], 20.0))[0];
    let document = second_input(crossing);
    assert_eq!(times(&document)[0].to_bits(), crossing.to_bits());
    let answer = time_gradient(&document, 0, 0);
    for path in ["network/connections/0/weights/0/1", "stimulus/spikes/1"] {
        assert!(at_path(&answer, path) == 0.0, "{path}");
    }
    close(at_path(&answer, "stimulus/spikes/0"), 1.0, DERIVATIVE_ULPS);
    // The second spike feels it, as the limit of a later input, of which more is left after the refractory time.
    let second = times(&document)[1];
    assert!(second > times(&second_input(crossing + 1e-3))[1]);
    let later = time_gradient(&second_input(crossing + 1e-9), 0, 1);
    let answer = time_gradient(&document, 0, 1);
    for path in ["network/connections/0/weights/0/1", "stimulus/spikes/1"] {
        let (at, later) = (at_path(&answer, path), at_path(&later, path));
        assert!(at != 0.0 && (at / later - 1.0).abs() < 1e-7, "{path} {at} {later}");
    }
}

#[test]
fn c7_one_double_before_or_after_a_crossing_no_spike_is_lost_or_doubled() {
    let crossing = times(&usual(8.0, &[2.0], 20.0))[0];
    let at = times(&second_input(crossing));
    assert!(at.len() > 1);
    for near in [crossing.next_down(), crossing.next_up(), crossing - 1e-12, crossing + 1e-12] {
        let got = times(&second_input(near));
        // V is continuous: a stronger current for 1e-12 ms moves no spike by more than about that.
        assert_eq!(got.len(), at.len());
        for (got, at) in got.iter().zip(&at) {
            assert!((got - at).abs() < 1e-11, "{got} {at}");
        }
    }
}

#[test]
fn c8_events_next_to_each_other_keep_their_order() {
    let gaps = [1e-8, 2e-8, 2e-7];
    let mut document = one_neuron(
        json!({"tau_mem": 20.0, "tau_syn": 5.0, "t_ref": 1.0}),
        &[8.0, 8.0, 8.0, 8.0],
        &[(3, 2.0), (1, 2.0 + 1e-8), (0, 2.0 + 2e-8), (2, 2.0 + 2e-7)],
        20.0,
    );
    document["network"]["populations"][0]["size"] = json!(4);
    document["network"]["connections"][0]["weights"] = json!([
        [8.0, 0.0, 0.0, 0.0],
        [0.0, 8.0, 0.0, 0.0],
        [0.0, 0.0, 8.0, 0.0],
        [0.0, 0.0, 0.0, 8.0]
    ]);
    let spikes = run(&document).unwrap().spikes;
    let who: Vec<u32> = spikes.iter().map(|s| s.neuron.0).collect();
    assert_eq!(who, [3, 1, 0, 2]);
    for (spike, gap) in spikes[1..].iter().zip(gaps) {
        assert!((spike.time - spikes[0].time - gap).abs() < 4e-15, "{spike:?}");
    }
}

#[test]
fn c9_an_arrival_at_the_very_end_of_refractoriness_counts_in_full() {
    let (params, drive) = (json!({"tau_mem": 20.0, "tau_syn": 5.0, "t_ref": 5.0}), [50.0, 30.0]);
    let document = |at: f64| one_neuron(params.clone(), &drive, &[(0, 2.0), (1, at)], 10.0);
    let release = times(&document(9.0))[0] + 5.0;
    let at = times(&document(release));
    assert_eq!(at.len(), 2);
    for near in [release.next_down(), release.next_up(), release - 1e-12, release + 1e-12] {
        let got = times(&document(near));
        assert!(got.len() == 2 && (got[1] - at[1]).abs() < 1e-11, "{got:?} {at:?}");
    }
    // Later by 1e-3, the input is missed for 1e-3 of V's rise.
    assert!(times(&document(release + 1e-3))[1] > at[1] + 1e-4);
}

#[test]
fn c10_one_crossing_gives_one_spike() {
    // Without a refractory time, at a reset just below the threshold, and after a spike of slope 1e-8.
    let strong = with(json!({"t_ref": 0.0}), 20.0, &[2.0], 20.0);
    let spikes = times(&strong);
    assert!(spikes.len() > 2 && spikes.windows(2).all(|pair| pair[1] - pair[0] > 0.1));
    let high = with(json!({"t_ref": 0.0, "v_reset": 1.0 - 1e-3}), 20.0, &[2.0], 20.0);
    let spikes = times(&high);
    assert!(spikes.len() > 50 && spikes.windows(2).all(|pair| pair[1] > pair[0]));
    let grazing = with(json!({"t_ref": 0.0, "tau_syn": 10.0}), 4.0 + 1e-14, &[2.0], 200.0);
    assert_eq!(times(&grazing).len(), 1);
}

#[test]
fn c11_spikes_at_one_time_both_have_their_share_of_the_gradient() {
    let answer = time_gradient(&convergent(2), 2, 0);
    // 100 digits.
    for path in ["network/connections/0/weights/0/0", "network/connections/0/weights/1/0"] {
        close(at_path(&answer, path), -0.497_657_286_690_858_57, DERIVATIVE_ULPS);
    }
    for path in ["network/connections/1/weights/0/0", "network/connections/1/weights/0/1"] {
        close(at_path(&answer, path), -0.995_314_573_381_717_1, DERIVATIVE_ULPS);
    }
    close(at_path(&answer, "network/connections/1/delay"), 1.0, DERIVATIVE_ULPS);
    close(at_path(&answer, "stimulus/spikes/0"), 1.0, DERIVATIVE_ULPS);
}

#[test]
fn c12_a_sample_at_the_very_time_of_an_arrival_is_taken_before_it() {
    let document = |arrival: f64| {
        let mut document = one_neuron(
            json!({"tau_mem": 20.0, "tau_syn": 5.0}),
            &[2.0, 3.0],
            &[(0, 1.0), (1, arrival)],
            20.0,
        );
        document["network"]["populations"][0]["model"] = json!("li");
        document
    };
    let loss = VoltageMse { population: "out".into(), samples: vec![(0, 4.0, 0.0)] };
    let evaluate = |arrival: f64| gradient_of(&document(arrival), &loss).unwrap();
    let at = evaluate(4.0);
    let weights = &at.gradient.parameters.connections[0].weights;
    assert!(at.loss > 0.0 && weights[0] > 0.0);
    assert_eq!((weights[1], at.gradient.input_times[1]), (0.0, 0.0));
    // From the other side, one double earlier: the value is the same, the derivative by the time is not.
    let before = evaluate(4f64.next_down());
    close(before.loss, at.loss, 4.0);
    let value = (2.0 * at.loss).sqrt();
    close(before.gradient.input_times[1], -value * 3.0 / 20.0, DERIVATIVE_ULPS);
}

#[test]
fn c13_threads_and_the_order_of_a_batch_do_not_show() {
    let problem = problem(&convergent(3));
    let stimuli: Vec<_> = (0..50)
        .map(|k| {
            let spikes = vec![0.5, 1.0 + 0.1 * f64::from(k), 9.0];
            let spikes = spikes.into_iter().map(|time| spikegrad::InputSpike { channel: 0, time });
            spikegrad::Stimulus::new(50.0, spikes.collect()).unwrap()
        })
        .collect();
    let loss = SpikeTimeMse::new("one", vec![vec![10.0, 20.0]]);
    let evaluate = |order: &[usize], threads: usize| {
        let samples: Vec<_> =
            order.iter().map(|&k| Sample { stimulus: &stimuli[k], loss: &loss }).collect();
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let settings = Settings::default();
            let (network, parameters) = (&problem.network, &problem.parameters);
            value_and_grad_batch(network, parameters, &samples, &settings, |_, trace| bits(trace))
                .unwrap()
        })
    };
    let order: Vec<usize> = (0..stimuli.len()).collect();
    let one = evaluate(&order, 1);
    assert!(one.extracted.iter().all(|spikes| spikes.len() > 3));
    for threads in [2, 4, 8] {
        let many = evaluate(&order, threads);
        assert_eq!((&many.losses, &many.extracted), (&one.losses, &one.extracted));
        assert_eq!(many.gradient, one.gradient);
    }
    let mut shuffled = order.clone();
    crate::support::shuffle(&mut shuffled, &mut crate::support::random(13));
    let other = evaluate(&shuffled, 2);
    for (position, &k) in shuffled.iter().enumerate() {
        assert_eq!(other.losses[position].to_bits(), one.losses[k].to_bits());
        assert_eq!(other.extracted[position], one.extracted[k]);
    }
}

#[test]
fn c14_multiple_spikes_on_and_off_any_grid_are_all_delivered() {
    let document = usual(4.0, &[2.0, 2.37, 2.0, 2.37], 30.0);
    // 100 digits.
    let expected = [3.695_244_081_118_896, 7.660_371_539_206_426];
    all_close(&times(&document), &expected, ACCUMULATED_ULPS);
    assert_eq!(run(&document).unwrap().arrivals, 4);
    let answer = time_gradient(&document, 0, 0);
    assert!(by_weight(&answer, 0) < 0.0);
}

#[test]
fn c8_crossings_a_double_apart_come_in_their_order_however_short_the_way_to_them() {
    // Released next to the threshold by a fast membrane, each needs picoseconds, of which a time of milliseconds shows no digit: a bound of the
    // way must not be rounded beyond its end.
    let document = json!({
        "format": "spikegrad-problem", "version": 1,
        "network": {
            "inputs": 2,
            "populations": [{"name": "out", "size": 4, "model": "lif", "params": {
                "v_leak": -1e6, "i_bias": 1_000_000.965_378_692_4, "tau_mem": 1.196_363_274_124_797e-6, "tau_syn": 0.003,
                "v_th": 0.804_482_243_691_218_3, "v_reset": 0.804_482_243_690_413_8, "t_ref": 0.003_188_684_798_054_644
            }}],
            "connections": [{
                "from": "input", "to": "out",
                "weights": [
                    [-2.208_767_148_617_471_6, 8.920_037_902_311_766],
                    [6.175_157_006_465_28, 0.429_181_965_425_116_55],
                    [5.687_654_841_597_476, 11.941_370_213_792_077],
                    [6.412_104_088_675_361_5, 11.241_148_916_308_305]
                ],
                "delay": [
                    [0.002_141_689_677_309_057, 0.001_582_912_024_017_919_5],
                    [0.000_620_655_304_006_401_4, 0.002_421_673_215_164_071],
                    [0.002_610_882_832_886_958_3, 0.000_410_862_329_660_279_2],
                    [0.000_662_853_063_453_676_4, 0.002_421_927_733_797_743]
                ]
            }]
        },
        "stimulus": {"t_end": 0.06, "spikes": [
            [0, 0.027_974_563_026_023_77], [0, 0.010_284_133_405_837_457], [1, 0.005_392_160_296_294_91],
            [0, 0.007_134_444_411_472_243]
        ]}
    });
    let spikes = run(&document).unwrap().spikes;
    assert_eq!(spikes.len(), 72);
    for pair in spikes.windows(2) {
        assert!(pair[0].time <= pair[1].time, "{pair:?}");
    }
}
