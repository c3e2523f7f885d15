//! What counts as the maximum of a potential over a run, and its derivatives: suprema that are only approached, of integrators;
//! thresholds, of neurons that spike.

use super::{AUTOMATIC, EVENT_LOOP, Reads, evaluate};
use crate::support::{Random, close, gradient_of, problem, random};
use crate::tolerance::{AGREEMENT, DERIVATIVE_ULPS, DIFFERENCE};
use serde_json::{Value, json};
use spikegrad::problem::Problem;
use spikegrad::{Evaluator, MaxVoltageCrossEntropy, Measure, NeuronId, Place, ReadoutRequest, li};
use spikegrad_compare::{Agreement, Engine, Exact, ForwardPropagation, Question, check_gradient};

/// Two integrators that rise to 1 and stay at 0.
fn rising(tau_mem: f64, tau_syn: f64, t_end: f64) -> Problem {
    let params = json!({"tau_mem": tau_mem, "tau_syn": tau_syn, "v_leak": [1, 0]});
    problem(&json!({
        "format": "spikegrad-problem", "version": 1,
        "network": {
            "inputs": 1,
            "populations": [{"name": "out", "size": 2, "model": "li", "params": params}],
            "connections": []
        },
        "stimulus": {"t_end": t_end, "spikes": []},
        "loss": {"type": "max_voltage_cross_entropy", "population": "out", "label": 0}
    }))
}

#[test]
fn a_rise_that_has_relaxed_altogether_has_its_maximum_at_the_end() {
    // ln(1 + 1/e) and 1/(1 + e) − 1 … of a softmax of 1 and 0.
    let (value, by_leak) = (0.313_261_687_518_222_8, -0.268_941_421_369_995_1);
    let lengths = [1.0, 14.0, 14.2, 14.3, 14.4, 14.9, 15.0, 100.0, 1e4, 1e9];
    let usual = lengths.map(|t_end| (0.02, 0.005, t_end));
    // Short runs with fast membranes; membranes faster than their synapses by 17 and by 97 orders.
    let fast =
        [(3e-6, 0.005, 0.0025), (3e-6, 3e-6, 0.0025), (1e-20, 0.005, 0.05), (1e-100, 0.005, 0.05)];
    for (tau_mem, tau_syn, t_end) in usual.into_iter().chain(fast) {
        let problem = rising(tau_mem, tau_syn, t_end);
        let loss = problem.document.loss.as_ref().unwrap();
        for settings in [AUTOMATIC, EVENT_LOOP] {
            let found = evaluate(&problem, loss, &settings).unwrap();
            assert_eq!(found.was_swept, settings == AUTOMATIC);
            close(found.loss, value, 4.0);
            let out = &found.gradient.parameters.populations[0];
            close(out[li::V_LEAK].get(0), by_leak, 4.0);
            close(out[li::I_BIAS].get(0), by_leak, 4.0);
        }
    }
}

/// One integrator with these inputs: [weight, time].
fn integrator(params: Value, initial: Value, inputs: &[(f64, f64)], t_end: f64) -> Problem {
    let weights: Vec<f64> = inputs.iter().map(|&(weight, _)| weight).collect();
    let spikes: Vec<_> = inputs.iter().enumerate().map(|(k, &(_, time))| (k, time)).collect();
    problem(&json!({
        "format": "spikegrad-problem", "version": 1,
        "network": {
            "inputs": inputs.len(),
            "populations": [{
                "name": "out", "size": 1, "model": "li", "params": params, "initial": initial
            }],
            "connections": [{"from": "input", "to": "out", "weights": [weights]}]
        },
        "stimulus": {"t_end": t_end, "spikes": spikes}
    }))
}

#[test]
fn a_rise_that_has_relaxed_altogether_is_cut_off_by_an_inhibitory_arrival() {
    // V has come to its rest of 1 when the input lets it fall; it comes back only to within what the input has left.
    let params = json!({"tau_mem": 0.02, "tau_syn": 0.005, "v_leak": 1});
    for (arrival, t_end) in [(1.0, 1.02), (15.0, 15.02), (15.0, 15.2), (1e3, 1e3 + 0.02)] {
        let problem = integrator(params.clone(), json!({}), &[(-2.0, arrival)], t_end);
        for settings in [AUTOMATIC, EVENT_LOOP] {
            let found = evaluate(&problem, &Reads::one(0, Measure::Maximum), &settings).unwrap();
            let readout = &found.trace.readouts[0];
            assert!(readout.cusp().is_some() && readout.time.to_bits() == arrival.to_bits());
            close(found.loss, 1.0, 1.0);
            close(found.gradient.parameters.populations[0][li::V_LEAK].get(0), 1.0, 1.0);
            assert!(found.gradient.parameters.connections[0].weights[0] == 0.0);
            // Its slope is what is left of the rise.
            let (slope, got) = ((-arrival / 0.02).exp() / 0.02, found.gradient.input_times[0]);
            let rounding = 2.0 * f64::EPSILON * arrival / 0.02;
            assert!((got - slope).abs() <= rounding * slope, "{got} {slope}");
        }
    }
}

#[test]
fn a_membrane_far_faster_than_its_synapse_has_the_maximum_of_its_current() {
    // V is the current but for 40 of its own time constants: it jumps with an excitatory arrival and follows it down, and it is cut
    // off where the current rises.
    for tau_mem in [1e-20, 1e-22, 1e-25, 1e-100] {
        let params = json!({"tau_mem": tau_mem, "tau_syn": 0.005});
        for settings in [AUTOMATIC, EVENT_LOOP] {
            let read = |initial: Value, inputs: &[(f64, f64)]| {
                let problem = integrator(params.clone(), initial, inputs, 0.007);
                evaluate(&problem, &Reads::one(0, Measure::Maximum), &settings).unwrap()
            };
            let up = read(json!({"v": -10.0}), &[(2.0, 0.001), (-1.0, 0.004)]);
            close(up.loss, 2.0, 4.0);
            let gradient = &up.gradient.parameters;
            close(gradient.connections[0].weights[0], 1.0, 4.0);
            assert!(gradient.connections[0].weights[1] == 0.0);
            assert!(up.gradient.input_times[0].abs() < 1e-10, "{:?}", up.gradient.input_times);

            let cut = read(json!({"v": -10.0, "i": -3.0}), &[(-1.0, 0.006)]);
            let current = -3.0 * (-1.2f64).exp();
            close(cut.loss, current, 4.0);
            close(cut.gradient.input_times[0], -current / 0.005, 8.0);
            close(cut.gradient.parameters.populations[0][li::I].get(0), (-1.2f64).exp(), 4.0);
        }
    }
}

#[test]
fn a_rise_of_a_fast_membrane_that_is_cut_off_has_one_slope_in_all_linear_models() {
    // V follows the current from below, to so many of its own digits that what is left to V̇ is the difference of two numbers that are alike.
    let receptors = json!([{"name": "ampa", "tau_syn": 0.005}, {"name": "gaba", "tau_syn": 0.02}]);
    let models = [
        json!({"model": "li"}),
        json!({"model": "lif"}),
        json!({"model": "alif"}),
        json!({"model": "alif", "initial": {"v": -10.0, "a": 2.0}}),
        json!({"model": "li", "receptors": receptors}),
        json!({"model": "lif", "receptors": receptors}),
    ];
    for (of, tau_mem) in models.iter().flat_map(|of| [5e-6, 1e-8, 1e-20].map(|tau| (of, tau))) {
        let mut out = json!({"name": "out", "size": 1, "params": {"tau_mem": tau_mem}});
        let mut connection = json!({"from": "input", "to": "out", "weights": [[-3.0, -1.0]]});
        out["initial"] = json!({"v": -10.0});
        out.as_object_mut().unwrap().extend(of.as_object().unwrap().clone());
        if of.get("receptors").is_some() {
            connection["receptor"] = json!("ampa");
        } else {
            out["params"]["tau_syn"] = json!(0.005);
        }
        let beside = json!({"name": "beside", "size": 1, "model": "qif"});
        for populations in [json!([out]), json!([out, beside])] {
            let problem = problem(&json!({
                "format": "spikegrad-problem", "version": 1,
                "network": {"inputs": 2, "populations": populations, "connections": [connection]},
                "stimulus": {"t_end": 0.007, "spikes": [[0, 0.0], [1, 0.006]]}
            }));
            let found = evaluate(&problem, &Reads::one(0, Measure::Maximum), &EVENT_LOOP).unwrap();
            assert!(found.trace.readouts[0].cusp().is_some());
            // With nothing left of the start, ψ = e^q τ_syn/(τ_syn − τ_mem) and V = −3 ψ.
            let response = (-1.2f64).exp() * 0.005 / (0.005 - tau_mem);
            close(found.loss, -3.0 * response, 8.0);
            close(found.gradient.input_times[1], 3.0 * response / 0.005, 8.0);
        }
    }
}

#[test]
fn an_arrival_at_time_0_ends_a_rise_that_begins_there() {
    // The input can only come later, which lets V rise from its initial value for longer.
    let params = json!({"tau_mem": 0.02, "tau_syn": 0.005});
    let problem = integrator(params, json!({"v": 0.5, "i": 1.0}), &[(-4.0, 0.0)], 0.02);
    for settings in [AUTOMATIC, EVENT_LOOP] {
        let found = evaluate(&problem, &Reads::one(0, Measure::Maximum), &settings).unwrap();
        close(found.loss, 0.5, 1.0);
        close(found.gradient.input_times[0], (1.0 - 0.5) / 0.02, 4.0);
        assert_eq!(found.certificate.ties, 0);
    }
}

/// A neuron that spikes with a weight of 9 and not with one of 6.
fn neuron(weight: f64) -> Value {
    json!({
        "format": "spikegrad-problem", "version": 1,
        "network": {
            "inputs": 1,
            "populations": [
                {"name": "out", "size": 1, "model": "lif", "params": {"v_th": 1.1, "t_ref": 0.002}}
            ],
            "connections": [{"from": "input", "to": "out", "weights": [[weight]]}]
        },
        "stimulus": {"t_end": 0.05, "spikes": [[0, 0.001], [0, 0.002]]}
    })
}

#[test]
fn the_maximum_of_a_neuron_that_spikes_is_its_threshold() {
    for settings in [AUTOMATIC, EVENT_LOOP] {
        let found =
            evaluate(&problem(&neuron(9.0)), &Reads::one(0, Measure::Maximum), &settings).unwrap();
        assert!(found.trace.spikes.len() > 1);
        let readout = &found.trace.readouts[0];
        assert_eq!((readout.place, readout.value), (Place::Threshold, 1.1));
        assert_eq!(readout.time.to_bits(), found.trace.spikes[0].time.to_bits());
        let mut all = found.gradient.parameters.clone();
        assert_eq!(all.populations[0][spikegrad::lif::V_TH].get(0).to_bits(), 1f64.to_bits());
        all.populations[0][spikegrad::lif::V_TH] = spikegrad::Values::Shared(0.0);
        assert!(all.to_vec().iter().chain(&found.gradient.input_times).all(|&x| x == 0.0));
        assert_eq!(found.certificate.ties, 0);
    }
}

#[test]
fn the_maximum_of_a_neuron_that_stays_silent_is_that_of_an_integrator() {
    let silent = neuron(3.0);
    let mut integrator = silent.clone();
    integrator["network"]["populations"][0]["model"] = json!("li");
    integrator["network"]["populations"][0]["params"] = json!({});
    let loss = Reads::one(0, Measure::Maximum);
    let [silent, integrator] = [silent, integrator].map(|document| {
        let found = evaluate(&problem(&document), &loss, &AUTOMATIC).unwrap();
        assert!(found.trace.spikes.is_empty());
        found
    });
    close(silent.loss, integrator.loss, 4.0);
    let weights =
        |found: &spikegrad::Evaluation| found.gradient.parameters.connections[0].weights[0];
    close(weights(&silent), weights(&integrator), DERIVATIVE_ULPS);
}

#[test]
fn a_problem_file_may_read_the_potential_of_neurons_that_spike() {
    for (kind, keys) in [
        ("max_voltage_cross_entropy", json!({"label": 0})),
        ("mean_voltage_cross_entropy", json!({"label": 1})),
        ("shaped_voltage_cross_entropy", json!({"label": 1, "tau": 0.02, "scale": 0.3})),
        ("voltage_mse", json!({"samples": [[0, 0.004, 0.3], [0, 0.03, 0.1], [1, 0.05, -0.2]]})),
    ] {
        let mut document = neuron(9.0);
        document["network"]["populations"][0]["size"] = json!(2);
        document["network"]["populations"][0]["params"]["v_th"] = json!([1.1, 1.3]);
        document["network"]["connections"][0]["weights"] = json!([[9.0], [6.5]]);
        document["loss"] = keys;
        document["loss"]["type"] = json!(kind);
        document["loss"]["population"] = json!("out");
        let problem = problem(&document);
        let loss = problem.document.loss.as_ref().unwrap();
        let Problem { network, parameters, stimulus, .. } = &problem;
        for settings in [AUTOMATIC, EVENT_LOOP] {
            let question = Question { network, parameters, stimulus, loss, settings };
            let check = check_gradient(&question, DIFFERENCE).unwrap();
            assert!(check.agreement.compared() > 10, "{kind}: {check}");
        }
    }
    let label = MaxVoltageCrossEntropy { population: "out".into(), label: 0 };
    assert!(gradient_of(&neuron(9.0), &label).unwrap().loss.abs() < 1e-15);
}

/// An integrator with time constants of any size, an initial state, and up to five inputs.
fn any_integrator(random: &mut Random) -> Problem {
    let mut within = |low: f64, high: f64| low + (high - low) * random.unit();
    let taus = [within(-20.0, 2.0), within(-20.0, 2.0)].map(|exponent| 10f64.powf(exponent));
    let params = json!({"tau_mem": taus[0], "tau_syn": taus[1], "v_leak": within(-1.0, 1.0)});
    let initial = json!({"v": within(-2.0, 2.0), "i": within(-2.0, 2.0)});
    let inputs: Vec<_> = (0..5).map(|_| (within(-3.0, 3.0), within(0.0, 0.05))).collect();
    let count = random.below(6);
    integrator(params, initial, &inputs[..count.max(1)], 0.05)
}

#[test]
fn no_sample_of_an_integrator_exceeds_its_maximum_which_is_one_of_them() {
    /// A potential is moved at most seven times, each of which rounds numbers of size three some times.
    const ROUNDING: f64 = 1e-14;
    /// At a peak the potential is off by the square of a rounding of its time over this.
    const FAST: f64 = 1e-8;
    let mut random = random(11);
    let mut at = [0; 4];
    for _ in 0..3000 {
        let problem = any_integrator(&mut random);
        let Problem { network, parameters, stimulus, .. } = &problem;
        let mut times: Vec<f64> = (0..=50).map(|k| 0.001 * f64::from(k)).collect();
        for spike in stimulus.spikes() {
            // Just before, and ever later.
            times.push(spike.time);
            times.extend((0..60).map(|k| spike.time + 10f64.powf(-18.0 + 0.3 * f64::from(k))));
        }
        times.retain(|&time| time <= 0.05);
        let request = |measure| ReadoutRequest { neuron: NeuronId(0), measure };
        let mut requests = vec![request(Measure::Maximum)];
        requests.extend(times.iter().map(|&time| request(Measure::Sample { time })));
        let [swept, by_events] = [AUTOMATIC, EVENT_LOOP].map(|settings| {
            let mut evaluator = Evaluator::new(network, parameters, settings).unwrap();
            let trace = evaluator.simulate(stimulus, &requests).unwrap();
            let (maximum, samples) = (trace.readouts[0], &trace.readouts[1..]);
            let highest = samples.iter().map(|sample| sample.value).fold(f64::MIN, f64::max);
            assert!(highest <= maximum.value + ROUNDING, "{maximum:?} {highest}");
            // It is a potential of the run, at its own time, if no time constant is so small that the rounding of that shows.
            let own = request(Measure::Sample { time: maximum.time });
            let sample = evaluator.simulate(stimulus, &[own]).unwrap().readouts[0].value;
            let population = &parameters.populations[0];
            if population[li::TAU_MEM].get(0).min(population[li::TAU_SYN].get(0)) > FAST {
                assert!((sample - maximum.value).abs() <= ROUNDING, "{maximum:?} {sample}");
            }
            maximum
        });
        assert!((swept.value - by_events.value).abs() <= ROUNDING);
        at[match by_events.place {
            Place::Cusp(_) => 0,
            Place::AfterArrivals => 1,
            _ if by_events.time == 0.0 || by_events.time >= 0.05 => 2,
            _ => 3,
        }] += 1;
    }
    println!("cusps, after arrivals, ends, within: {at:?}");
    assert!(at.iter().all(|&count| count > 100), "{at:?}");
}

#[test]
fn the_maximum_of_an_integrator_has_one_gradient_whatever_its_time_constants() {
    let (mut random, mut worst) = (random(12), 0.0f64);
    for _ in 0..1000 {
        let problem = any_integrator(&mut random);
        let Problem { network, parameters, stimulus, .. } = &problem;
        let loss = Reads::one(0, Measure::Maximum);
        for settings in [AUTOMATIC, EVENT_LOOP] {
            let question = Question { network, parameters, stimulus, loss: &loss, settings };
            let exact = Exact.answer(&question).unwrap();
            let forward = ForwardPropagation.answer(&question).unwrap();
            let agreement = Agreement::between(&question, &exact, &forward);
            worst = worst.max(agreement.error());
            assert!(agreement.error() <= AGREEMENT, "{}", agreement.worst.unwrap());
        }
    }
    println!("worst {worst:.1e} of the largest entry");
}
