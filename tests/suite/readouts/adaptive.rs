//! Averages and maxima of neurons whose threshold moves, or that have several receptors: their values; gradients are those of `adaptive.rs` and `receptors.rs` on random
//! networks.

use super::{EVENT_LOOP, Reads, evaluate};
use crate::support::{one_neuron, problem};
use crate::tolerance::DIFFERENCE;
use serde_json::{Value, json};
use spikegrad::problem::Problem;
use spikegrad::{Evaluator, Measure, NeuronId, Place, ReadoutRequest, TieKind, Trace};
use spikegrad_compare::{Question, check_gradient};

/// A third of the usual run.
const TAU: f64 = 0.02;

const T_END: f64 = 0.06;

/// Neurons that spike some times, with every parameter in use; each hears three spikes.
fn neurons() -> [Problem; 3] {
    let own = json!({
        "tau_mem": 0.013, "v_th": 0.9, "v_reset": -0.2, "v_leak": 0.1, "i_bias": 0.3, "t_ref": 0.0031
    });
    let mut adapting = own.clone();
    for (name, value) in [("tau_adapt", 0.021), ("adapt_threshold", 0.4), ("adapt_current", 0.2)] {
        adapting[name] = value.into();
    }
    [("lif", own, true), ("alif", adapting.clone(), true), ("alif", adapting, false)].map(
        |(model, params, has_receptors)| {
            let spikes = [(0, 0.01), (1, 0.02), (0, 0.035)];
            let mut document = one_neuron(params, &[16.0, 12.0], &spikes, T_END);
            let network = &mut document["network"];
            network["populations"][0]["model"] = model.into();
            let mut initial = json!({"v": 0.4, "i": -0.7});
            if has_receptors {
                network["populations"][0]["receptors"] =
                    json!([{"name": "fast", "tau_syn": 0.003}, {"name": "slow", "tau_syn": 0.009}]);
                initial["i"] = json!([-0.4, -0.3]);
                let connections = network["connections"].as_array_mut().unwrap();
                let mut other = connections[0].clone();
                connections[0]["receptor"] = "fast".into();
                other["receptor"] = "slow".into();
                other["weights"] = json!([[3.0, 2.0]]);
                connections.push(other);
            }
            if model == "alif" {
                initial["a"] = 0.3.into();
            }
            network["populations"][0]["initial"] = initial;
            problem(&document)
        },
    )
}

fn read(problem: &Problem, requests: &[ReadoutRequest]) -> Trace {
    let Problem { network, parameters, stimulus, .. } = problem;
    let mut evaluator = Evaluator::new(network, parameters, EVENT_LOOP).unwrap();
    evaluator.simulate(stimulus, requests).unwrap().clone()
}

fn request(measure: Measure) -> ReadoutRequest {
    ReadoutRequest { neuron: NeuronId(0), measure }
}

#[test]
fn averages_are_integrals_of_samples_and_maxima_above_all_of_them() {
    /// Panels between two places where a potential is not smooth, each with the Gauss and Legendre rule of three points.
    const PANELS: u32 = 40;
    /// The sixth derivative of a potential of some units, `τ_s⁻⁶`, times the sixth power of a panel of at most 0.4 ms over 2·10⁶, and the roundings of 1,500 samples.
    const QUADRATURE: f64 = 1e-10;
    let nodes = [(-0.6f64.sqrt(), 5.0 / 18.0), (0.0, 8.0 / 18.0), (0.6f64.sqrt(), 5.0 / 18.0)];
    for problem in neurons() {
        let spikes = read(&problem, &[]).spikes;
        assert!(spikes.len() > 3, "{}", spikes.len());
        let mut ends = vec![0.0, 0.01, 0.02, 0.035, T_END];
        ends.extend(spikes.iter().flat_map(|spike| [spike.time, spike.time + 0.0031]));
        ends.retain(|&end| end <= T_END);
        ends.sort_by(f64::total_cmp);
        let measures = [Measure::Mean, Measure::Weighted { tau: TAU }, Measure::Maximum];
        let mut requests = measures.map(request).to_vec();
        let mut weights = Vec::new();
        for pair in ends.windows(2) {
            let half = 0.5 * (pair[1] - pair[0]) / f64::from(PANELS);
            for k in 0..PANELS {
                for (node, weight) in nodes {
                    let time = pair[0] + half * (f64::from(2 * k + 1) + node);
                    requests.push(request(Measure::Sample { time }));
                    weights.push((2.0 * half * weight, (-time / TAU).exp()));
                }
            }
        }
        let trace = read(&problem, &requests);
        let samples = || trace.readouts[3..].iter().map(|readout| readout.value).zip(&weights);
        let mean: f64 = samples().map(|(value, (weight, _))| value * weight).sum();
        let faded: f64 = samples().map(|(value, (weight, fade))| value * weight * fade).sum();
        for (readout, expected) in trace.readouts.iter().zip([mean / T_END, faded / T_END]) {
            assert!((readout.value - expected).abs() < QUADRATURE, "{readout:?} {expected}");
        }
        let highest = samples().fold(f64::MIN, |highest, (value, _)| highest.max(value));
        let maximum = trace.readouts[2].value;
        // The last sample before a spike is a tenth of a panel before it.
        assert!(maximum > highest && maximum < highest + 0.05, "{maximum} {highest}");
        assert!(matches!(trace.readouts[2].place, Place::Threshold));
        for measure in measures {
            let loss = Reads::one(0, measure);
            let Problem { network, parameters, stimulus, .. } = &problem;
            let settings = EVENT_LOOP;
            let question = Question { network, parameters, stimulus, loss: &loss, settings };
            let check = check_gradient(&question, DIFFERENCE).unwrap();
            assert!(check.agreement.compared() >= 10, "{check}");
        }
    }
}

/// A neuron without currents that rises to a rest of 3: a spike is where 3 − 2 x = 1 + β a, x being `e^(−t/τ)` of both time constants since the last.
fn rising(params: &Value) -> Value {
    let mut document = one_neuron(params.clone(), &[0.0], &[], 0.05);
    document["network"]["populations"][0]["model"] = "alif".into();
    document
}

#[test]
fn the_maximum_of_a_neuron_that_adapts_is_its_highest_threshold_at_a_spike() {
    let (tau, beta) = (0.02, 0.3);
    let mut params = json!({
        "tau_mem": tau, "tau_adapt": tau, "i_bias": 3.0, "adapt_threshold": beta
    });
    let found = evaluate(&problem(&rising(&params)), &Reads::one(0, Measure::Maximum), &EVENT_LOOP);
    let found = found.unwrap();
    // From 0 with a: 3 − 3 x = 1 + β a x.
    let (mut a, mut now, mut highest) = (0.0, 0.0, (f64::MIN, 0.0));
    for spike in &found.trace.spikes {
        let x = 2.0 / (3.0 + beta * a);
        now -= tau * f64::ln(x);
        assert!((spike.time / now - 1.0).abs() < 8.0 * f64::EPSILON);
        a *= x;
        if 1.0 + beta * a > highest.0 {
            highest = (1.0 + beta * a, now);
        }
        a += 1.0;
    }
    let readout = &found.trace.readouts[0];
    assert!(found.trace.spikes.len() > 2);
    assert!((readout.value - highest.0).abs() < 8.0 * f64::EPSILON, "{readout:?} {highest:?}");
    assert!((readout.time - highest.1).abs() < 8.0 * f64::EPSILON * highest.1);
    assert_eq!(found.certificate.ties, 0);
    // Without a share of the adaptation all spikes are as high, and the first is taken.
    params["adapt_threshold"] = 0.0.into();
    let found = evaluate(&problem(&rising(&params)), &Reads::one(0, Measure::Maximum), &EVENT_LOOP);
    let found = found.unwrap();
    assert_eq!(found.trace.readouts[0].value.to_bits(), 1f64.to_bits());
    assert_eq!(found.certificate.first_ties[0].kind, TieKind::EqualMaxima);
    let all = &found.gradient.parameters.populations[0];
    assert_eq!(all[spikegrad::dynamics::alif::V_TH].get(0).to_bits(), 1f64.to_bits());
}

#[test]
fn a_potential_may_be_higher_than_at_any_spike() {
    // After the first spike, at 1, the threshold stays above 3 for long: the current that is left lifts the potential to almost 2 without another.
    let params = json!({"tau_adapt": 0.1, "adapt_threshold": 2.5});
    let mut document = one_neuron(params, &[16.0, 2.0], &[(0, 0.001), (1, 0.009)], 0.05);
    document["network"]["populations"][0]["model"] = "alif".into();
    let problem = problem(&document);
    let loss = Reads::one(0, Measure::Maximum);
    let found = evaluate(&problem, &loss, &EVENT_LOOP).unwrap();
    let readout = &found.trace.readouts[0];
    assert!(!found.trace.spikes.is_empty());
    let samples: Vec<_> =
        (0..5000).map(|k| request(Measure::Sample { time: f64::from(k) * 1e-5 })).collect();
    let values = read(&problem, &samples).readouts;
    let highest = values.iter().map(|readout| readout.value).fold(f64::MIN, f64::max);
    // Next to a maximum within half a sample: V̈ of some units over (2 ms)².
    assert!(readout.value >= highest && readout.value < highest + 1e-4, "{readout:?} {highest}");
    assert!(matches!(readout.place, Place::Free), "{readout:?}, {:?}", found.trace.spikes);
    let Problem { network, parameters, stimulus, .. } = &problem;
    let question = Question { network, parameters, stimulus, loss: &loss, settings: EVENT_LOOP };
    assert!(check_gradient(&question, DIFFERENCE).unwrap().agreement.compared() >= 8);
}
