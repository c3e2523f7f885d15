//! Spikes that go on after the run: the loss is continuous where spikes leave the run, has a gradient, and says where there is none.
//!
//! Not here: published answers (`cases.rs`), differences, dual numbers and Hessians on those (`quadratic.rs`).

use crate::support::{Random, random};
use crate::tolerance::DIFFERENCE;
use serde_json::{Value, json};
use spikegrad::dynamics::qif;
use spikegrad::problem::Problem;
use spikegrad::{
    AdjointError, Evaluate, Evaluation, Grazing, Settings, backward, simulate, value_and_grad,
};
use spikegrad_compare::{Question, check_gradient};

/// Steps along a line on which several spikes leave the run, or come to it.
const STEPS: u32 = 400;

/// A step changes the loss by its length times a slope between those at its ends, or half as much again where both are on one side of the largest.
const BETWEEN: f64 = 1.5;

/// Who hears whom.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Shape {
    /// Layers of neurons with currents, with delays.
    Layers,
    /// Layers of neurons with delta synapses, with delays.
    Kicks,
    /// Neurons with currents, all to all, and read by more of them.
    Cycle,
    /// Layers in which neurons with delta synapses drive ones with currents, and these each other.
    Mixed,
}

fn weights(random: &mut Random, rows: usize, columns: usize, (mean, spread): (f64, f64)) -> Value {
    let mut row =
        || (0..columns).map(|_| mean + spread * (2.0 * random.unit() - 1.0)).collect::<Vec<_>>();
    json!((0..rows).map(|_| row()).collect::<Vec<_>>())
}

/// Three neurons that two inputs drive, and two that are read.
fn document(shape: Shape, seed: u64, loss: &Value) -> Value {
    let mut random = random(seed);
    let with_current = |tau: f64, bias: f64| json!({"tau_mem": [tau, 1.2 * tau, 0.9 * tau], "tau_syn": 0.8 * tau, "i_bias": bias});
    let kicked = json!({"tau_mem": [0.01, 0.012, 0.009]});
    let first = if matches!(shape, Shape::Kicks | Shape::Mixed) { "qif_delta" } else { "qif" };
    let second = if shape == Shape::Kicks { "qif_delta" } else { "qif" };
    let of = |model: &str| match model {
        "qif" => ("qif", with_current(0.01, 0.1), (6.0, 3.0)),
        _ => ("qif_delta", kicked.clone(), (0.8, 0.6)),
    };
    let (model, params, strength) = of(first);
    let (read, mut read_params, read_strength) = of(second);
    read_params["tau_mem"] = json!([0.01, 0.013]);
    let mut connections = vec![
        json!({"from": "input", "to": "hidden", "weights": weights(&mut random, 3, 2, strength), "delay": 0.001}),
        json!({"from": "hidden", "to": "read", "weights": weights(&mut random, 2, 3, read_strength), "delay": 0.002}),
    ];
    if shape == Shape::Cycle {
        connections.push(json!({"from": "hidden", "to": "hidden", "weights": weights(&mut random, 3, 3, (0.0, 1.5)), "delay": 0.0015}));
    }
    if matches!(shape, Shape::Cycle | Shape::Mixed) {
        connections.push(json!({"from": "read", "to": "read", "weights": weights(&mut random, 2, 2, (0.0, 1.0))}));
    }
    let spikes: Vec<_> = (0..4).map(|k| json!([k % 2, 0.025 * random.unit()])).collect();
    json!({
        "format": "spikegrad-problem", "version": 1,
        "network": {
            "inputs": 2,
            "populations": [
                {"name": "hidden", "size": 3, "model": model, "params": params},
                {"name": "read", "size": 2, "model": read, "params": read_params}
            ],
            "connections": connections
        },
        "stimulus": {"t_end": 0.03, "spikes": spikes},
        "loss": loss
    })
}

/// Two targets and three: more than most neurons spike.
fn targets() -> Value {
    json!({"type": "spike_time_mse", "population": "read", "targets": [[0.01, 0.04], [0.01, 0.02, 0.05]], "pseudospikes": true})
}

fn first_spikes() -> Value {
    json!({"type": "ttfs_cross_entropy", "population": "read", "label": 1, "tau0": 0.004, "tau1": 0.05, "alpha": 0.2,
           "pseudospikes": true, "pseudo_alpha": 2.0})
}

fn problem(document: &Value) -> Problem {
    Problem::from_json(document.to_string().as_bytes()).unwrap()
}

fn evaluate(problem: &Problem) -> Evaluation {
    let Problem { network, parameters, stimulus, document } = problem;
    let loss = document.loss.as_ref().unwrap();
    value_and_grad(network, parameters, stimulus, loss, &Settings::default()).unwrap()
}

const SHAPES: [Shape; 4] = [Shape::Layers, Shape::Kicks, Shape::Cycle, Shape::Mixed];

#[test]
fn the_loss_is_continuous_where_spikes_leave_the_run() {
    let mut left = 0;
    for shape in SHAPES {
        for seed in 0..6 {
            for loss in [targets(), first_spikes()] {
                let mut problem = problem(&document(shape, seed, &loss));
                // All weights of the inputs together, from 0.3 to 1.3 of themselves.
                let whole = problem.parameters.connections[0].weights.clone();
                let mut last: Option<(f64, f64, usize)> = None;
                for step in 0..=STEPS {
                    let share = 0.3 + f64::from(step) / f64::from(STEPS);
                    let scaled = whole.iter().map(|weight| share * weight).collect();
                    problem.parameters.connections[0].weights = scaled;
                    let run = evaluate(&problem);
                    let of_weights = &run.gradient.parameters.connections[0].weights;
                    let slope: f64 = of_weights.iter().zip(&whole).map(|(g, w)| g * w).sum();
                    let spikes = run.trace.spikes.len();
                    if let Some((value, before, count)) = last {
                        let most = BETWEEN * slope.abs().max(before.abs()) / f64::from(STEPS);
                        // Where the slope changes its sign within a step both ends may be small.
                        let turn = (slope - before).abs() / f64::from(STEPS);
                        assert!(
                            (run.loss - value).abs() <= most.max(turn) + f64::EPSILON,
                            "{shape:?}, {seed}, {share}: {value} {} {before} {slope}, spikes {count} {spikes}",
                            run.loss
                        );
                        left += usize::from(count != spikes);
                    }
                    last = Some((run.loss, slope, spikes));
                }
            }
        }
    }
    println!("{left} times a spike left the run, or came to it");
    assert!(left > 100);
}

#[test]
fn the_gradient_is_that_of_differences() {
    for shape in SHAPES {
        for seed in 10..16 {
            for loss in [targets(), first_spikes()] {
                let problem = problem(&document(shape, seed, &loss));
                let Problem { network, parameters, stimulus, document } = &problem;
                let (loss, settings) = (document.loss.as_ref().unwrap(), Settings::default());
                let question = Question { network, parameters, stimulus, loss, settings };
                let check = check_gradient(&question, DIFFERENCE).unwrap();
                assert!(check.agreement.compared() > 20, "{shape:?}, {seed}: {check}");
            }
        }
    }
}

#[test]
fn the_next_spike_of_an_oscillator_is_a_period_after_its_last() {
    use std::f64::consts::PI;
    // ω = 1 and half a cycle at the start: spikes at τ π (½ + k), before the end and after it.
    let document = json!({
        "format": "spikegrad-problem", "version": 1,
        "network": {"inputs": 0, "populations": [{"name": "out", "size": 1, "model": "qif_delta"}], "connections": []},
        "stimulus": {"t_end": 0.1, "spikes": []},
        "loss": {"type": "spike_time_mse", "population": "out", "targets": [[0.0, 0.0, 0.0, 0.0]], "pseudospikes": true}
    });
    let run = evaluate(&problem(&document));
    assert_eq!(run.trace.spikes.len(), 2);
    let times = [0.5, 1.5, 2.5, 3.5].map(|periods| 0.02 * PI * periods);
    let expected: f64 = times.iter().map(|time| 0.5 * time * time).sum();
    assert!((run.loss / expected - 1.0).abs() < 8.0 * f64::EPSILON, "{} {expected}", run.loss);
    // All times are in proportion to tau_mem.
    let by_tau = run.gradient.parameters.populations[0].of(0)(0);
    assert!((by_tau / (2.0 * expected / 0.02) - 1.0).abs() < 64.0 * f64::EPSILON, "{by_tau}");
}

#[test]
fn what_does_not_go_on_is_refused_by_name() {
    let refused =
        |document: &Value| Problem::from_json(document.to_string().as_bytes()).unwrap_err();
    let mut leaky = document(Shape::Layers, 0, &targets());
    leaky["network"]["populations"][1] = json!({"name": "read", "size": 2, "model": "lif"});
    let sentence = refused(&leaky).to_string();
    assert!(
        sentence.contains("pseudospikes") && sentence.contains("only models with a cycle"),
        "{sentence}"
    );
    let mut cycle = document(Shape::Kicks, 0, &targets());
    let back = json!({"from": "read", "to": "hidden", "weights": [[1, 1], [1, 1], [1, 1]]});
    cycle["network"]["connections"].as_array_mut().unwrap().push(back);
    let sentence = refused(&cycle).to_string();
    assert!(sentence.contains("leads back to itself"), "{sentence}");
    // Where it does not lead to what is read it is no matter.
    let mut beside = document(Shape::Layers, 0, &targets());
    beside["network"]["populations"].as_array_mut().unwrap().push(
        json!({"name": "beside", "size": 1, "model": "qif_delta", "params": {"i_bias": 0.1}}),
    );
    beside["network"]["connections"].as_array_mut().unwrap().extend([
        json!({"from": "hidden", "to": "beside", "weights": [[1, 1, 1]]}),
        json!({"from": "beside", "to": "beside", "weights": [[1]]}),
    ]);
    evaluate(&problem(&beside));
    let mut width = document(Shape::Layers, 0, &targets());
    width["loss"]["pseudo_alpha"] = json!(0.0);
    assert!(refused(&width).to_string().contains("pseudo_alpha"), "{}", refused(&width));
    let mut still = document(Shape::Kicks, 0, &targets());
    still["network"]["populations"][0]["params"]["i_bias"] = json!([1.25, 0.25, 1.25]);
    let Problem { network, parameters, stimulus, document } = &problem(&still);
    let loss = document.loss.as_ref().unwrap();
    let error = value_and_grad(network, parameters, stimulus, loss, &Settings::default());
    let error = error.unwrap_err().to_string();
    assert!(error.contains("hidden[1]") && error.contains("no period"), "{error}");
}

#[test]
fn there_is_no_way_back_with_parameters_that_have_no_such_spikes() {
    let Problem { network, parameters, stimulus, document } =
        problem(&document(Shape::Kicks, 0, &targets()));
    let loss = document.loss.as_ref().unwrap();
    let requests = loss.readouts(&network).unwrap();
    let settings = Settings::default();
    let trace = simulate(&network, &parameters, &stimulus, &requests, &settings).unwrap();
    let (_, cotangents) = loss.evaluate(&network, &trace).unwrap();
    let back = |parameters| backward(&network, parameters, &trace, &cotangents, Grazing::Fail);
    assert!(back(&parameters).is_ok());
    // The trace is that of neurons that oscillate.
    let mut still = parameters.clone();
    still.populations[0][qif::delta::I_BIAS] = 0.2.into();
    assert!(matches!(back(&still), Err(AdjointError::Pseudospike(_))));
}

#[test]
fn a_source_of_another_model_has_no_rate_but_what_it_sent_is_on_its_way() {
    // The leaky neuron spikes within the run, and its spike arrives after it.
    let document = json!({
        "format": "spikegrad-problem", "version": 1,
        "network": {
            "inputs": 1,
            "populations": [{"name": "leaky", "size": 1, "model": "lif"}, {"name": "out", "size": 1, "model": "qif"}],
            "connections": [
                {"from": "input", "to": "leaky", "weights": [[12.0]]},
                {"from": "leaky", "to": "out", "weights": [[5.0]], "delay": 0.1}
            ]
        },
        "stimulus": {"t_end": 0.02, "spikes": [[0, 0.0]]},
        "loss": {"type": "spike_time_mse", "population": "out", "targets": [[0.02]], "pseudospikes": true}
    });
    let run = evaluate(&problem(&document));
    let sent = f64::from(u32::try_from(run.trace.spikes.len()).unwrap());
    assert!(sent > 0.0);
    // From rest, V = 0, with ω² = 10 ln(1 + e^(5 sent/10)): phase π/2 − atan(1/(2ω)).
    let omega = (10.0 * (0.5 * sent).exp().ln_1p()).sqrt();
    let left = 0.02 / omega * (std::f64::consts::FRAC_PI_2 + (0.5 / omega).atan());
    assert!((run.loss / (0.5 * left * left) - 1.0).abs() < 16.0 * f64::EPSILON, "{}", run.loss);
    assert!(run.gradient.parameters.connections[1].weights[0] < 0.0);
    assert_eq!(run.gradient.parameters.connections[0].weights[0].to_bits(), 0.0f64.to_bits());
}
