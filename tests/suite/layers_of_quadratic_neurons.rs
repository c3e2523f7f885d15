//! Layers of quadratic neurons with delta synapses: the sweep gives what the event loop gives, spikes to the bit.
//!
//! Not here: what the event loop is held against (`quadratic.rs`, `cases.rs`).

use proptest::prelude::*;
use serde_json::{Value, json};
use spikegrad::problem::Problem;
use spikegrad::{
    Engine, Evaluate, Evaluation, Grazing, Settings, backward, explain, simulate, value_and_grad,
};

/// What two ways of the same sums may differ by, of the largest entry that has the same place in a network: some thousand roundings, and potentials of up to a hundred in
/// the neighbourhood of a spike.
const ROUNDINGS: f64 = 1e-9;

const WITH_RESPECT_TO_ALL: Settings = Settings::DEFAULT;
const EVENTS: Settings = Settings { engine: Engine::EventLoop, ..Settings::DEFAULT };

/// Which neurons stand where.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Stack {
    Quadratic,
    /// A leaky layer drives quadratic ones.
    OnLeaky,
    /// Quadratic ones drive a leaky layer.
    UnderLeaky,
}

/// A network of three layers, the last of which hears the first as well.
fn document(
    stack: Stack,
    numbers: &[f64],
    (grid, bias, t_end): (f64, f64, f64),
    loss: &Value,
) -> Value {
    let mut numbers = numbers.iter().copied().cycle();
    let mut next = || numbers.next().unwrap();
    let start = next();
    let population = |name: &str, size: u32, is_leaky: bool, tau: f64| {
        let (model, params) = match is_leaky {
            true => ("lif", json!({"tau_mem": tau, "tau_syn": 0.5 * tau})),
            false => ("qif_delta", json!({"tau_mem": tau, "i_bias": bias})),
        };
        json!({"name": name, "size": size, "model": model, "params": params, "initial": {"v": start}})
    };
    let mut connection =
        |from: &str, to: &str, [rows, columns]: [u32; 2], scale: f64, delay: f64| {
            // A quarter of the weights vanishes.
            let mut weight = || Some(next()).filter(|x| x.abs() > 0.25).map_or(0.0, |x| scale * x);
            let row = |_| (0..columns).map(|_| weight()).collect::<Vec<_>>();
            let weights: Vec<_> = (0..rows).map(row).collect();
            json!({"from": from, "to": to, "weights": weights, "delay": delay})
        };
    let [on_leaky, under_leaky] = [Stack::OnLeaky, Stack::UnderLeaky].map(|s| s == stack);
    let strength = |is_leaky| if is_leaky { 6.0 } else { 2.0 };
    let connections = vec![
        connection("input", "first", [4, 3], strength(on_leaky), 0.0),
        connection("first", "second", [5, 4], 2.0, 0.001),
        connection("second", "third", [2, 5], strength(under_leaky), 0.0),
        connection("first", "third", [2, 4], strength(under_leaky), 0.002),
    ];
    // On a grid many meet, also those of one channel that come after a delay.
    let spikes: Vec<_> = (0..12)
        .map(|k| json!([k % 3, ((next().abs() * 0.8 * t_end / grid).floor() * grid).min(t_end)]))
        .collect();
    json!({
        "format": "spikegrad-problem", "version": 1,
        "network": {
            "inputs": 3,
            "populations": [
                population("first", 4, on_leaky, 0.02),
                population("second", 5, false, 0.015),
                population("third", 2, under_leaky, 0.01)
            ],
            "connections": connections
        },
        "stimulus": {"t_end": t_end, "spikes": spikes},
        "loss": loss
    })
}

/// Compares a run on both engines; returns the times of its spikes, if it was swept.
fn agree(document: &Value) -> Result<Vec<f64>, TestCaseError> {
    let problem = &Problem::from_json(document.to_string().as_bytes()).unwrap();
    let Problem { network, parameters, stimulus, document } = problem;
    let loss = document.loss.as_ref().unwrap();
    let explanation = explain(network, parameters, &WITH_RESPECT_TO_ALL).unwrap();
    prop_assert!(explanation.is_swept(), "{}", explanation);
    let run = |settings| value_and_grad(network, parameters, stimulus, loss, settings).unwrap();
    let (swept, walked) = (run(&WITH_RESPECT_TO_ALL), run(&EVENTS));
    let spikes = |of: &Evaluation| {
        let spikes = of.trace.spikes.iter();
        spikes.map(|s| (s.neuron, s.time, s.time_remainder)).collect::<Vec<_>>()
    };
    let has_zeros = parameters.connections.iter().flat_map(|c| &c.weights).any(|w| *w == 0.0);
    let (a, b) = (spikes(&swept), spikes(&walked));
    prop_assert_eq!(a.len(), b.len());
    for (a, b) in a.iter().zip(&b) {
        prop_assert_eq!(a.0, b.0);
        // Where a weight vanishes the event loop does not stop on the way.
        let far = (a.1 - b.1).abs();
        prop_assert!(if has_zeros { far <= 1e-12 } else { a == b }, "{:?} {:?}", a, b);
    }
    prop_assert!((swept.loss - walked.loss).abs() <= ROUNDINGS * walked.loss.abs());
    let row = |of: &Evaluation| -> Vec<f64> {
        of.gradient.parameters.to_vec().into_iter().chain(of.gradient.input_times.clone()).collect()
    };
    close(&row(&swept), &row(&walked))?;
    // A trace is led back without what the run knew.
    if swept.was_swept {
        let readouts = loss.readouts(network).unwrap();
        let trace =
            simulate(network, parameters, stimulus, &readouts, &WITH_RESPECT_TO_ALL).unwrap();
        let (_, cotangents) = loss.evaluate(network, &trace).unwrap();
        let again = backward(network, parameters, &trace, &cotangents, Grazing::Fail).unwrap();
        prop_assert_eq!(again, swept.gradient);
    }
    Ok(if swept.was_swept { a.iter().map(|spike| spike.1).collect() } else { Vec::new() })
}

fn close(a: &[f64], b: &[f64]) -> Result<(), TestCaseError> {
    prop_assert_eq!(a.len(), b.len());
    let largest = b.iter().fold(0.0f64, |largest, b| largest.max(b.abs()));
    for (k, (a, b)) in a.iter().zip(b).enumerate() {
        prop_assert!((a - b).abs() <= ROUNDINGS * largest, "entry {}: {} {}", k, a, b);
    }
    Ok(())
}

fn losses(is_quadratic: bool) -> Vec<Value> {
    let targets = json!([[0.01, 0.03], [0.02]]);
    let label = |pseudospikes: bool| json!({"type": "ttfs_cross_entropy", "population": "third", "label": 1, "tau0": 0.01, "pseudospikes": pseudospikes});
    let plain = json!({"type": "spike_time_mse", "population": "third", "targets": targets});
    let mut all = vec![plain.clone(), label(false)];
    if is_quadratic {
        let mut later = plain;
        later["pseudospikes"] = true.into();
        all.extend([later, label(true)]);
    }
    all
}

#[test]
fn the_sweep_is_the_event_loop() {
    let (spikes, swept) = (std::cell::Cell::new(0), std::cell::Cell::new(0));
    let stacks = [Stack::Quadratic, Stack::Quadratic, Stack::OnLeaky, Stack::UnderLeaky];
    let strategy = (
        (0usize..4, 0usize..4),
        prop::collection::vec(-1.0f64..1.0, 60),
        (
            prop::sample::select(vec![1e-3, 1e-4, 1e-9]),
            -1.0f64..3.0,
            prop::sample::select(vec![0.03, 0.2]),
        ),
    );
    let config =
        ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() };
    let mut runner = prop::test_runner::TestRunner::new(config);
    runner
        .run(&strategy, |((stack, loss), numbers, (grid, bias, t_end))| {
            let stack = stacks[stack];
            // Pseudospikes have a period.
            let is_quadratic = stack != Stack::UnderLeaky && bias > 0.3;
            let losses = losses(is_quadratic);
            let loss = &losses[loss % losses.len()];
            let mut document = document(stack, &numbers, (grid, bias, t_end), loss);
            let found = agree(&document)?;
            spikes.set(spikes.get() + found.len());
            swept.set(swept.get() + usize::from(!found.is_empty()));
            // An input at the very time of a spike, or a double beside it.
            let Some(&at) = found.get(found.len() / 2) else { return Ok(()) };
            let inputs = document["stimulus"]["spikes"].clone();
            for time in [at.next_down(), at, at.next_up()] {
                document["stimulus"]["spikes"] = inputs.clone();
                document["stimulus"]["spikes"]
                    .as_array_mut()
                    .unwrap()
                    .push(json!([0, time.min(t_end)]));
                agree(&document)?;
            }
            Ok(())
        })
        .unwrap();
    println!("{} runs swept that have spikes, {} spikes", swept.get(), spikes.get());
    assert!(swept.get() > 200 && spikes.get() > 5000, "{} {}", swept.get(), spikes.get());
}
