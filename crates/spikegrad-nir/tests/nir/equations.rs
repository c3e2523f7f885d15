//! Nodes against their equations in NIR, which are integrated here in small steps.

use crate::support::{affine, chain, import, input, node, spikes};
use spikegrad::dynamics::math::exp;
use spikegrad_nir::{Import, Kind, ReadOptions};

/// The step of the integration, in seconds.
const STEP: f64 = 1e-6;

/// A crossing is interpolated linearly within a step: h² V̈/(8 V̇), with V̈/V̇ below 10/τ and τ above 5 ms.
const CLOSE: f64 = 1e-9;

/// Spikes of one neuron: `rate` of (I, v) at a constant input b, and what a pulse of area 1 moves both by.
fn integrate(
    rate: impl Fn([f64; 2]) -> [f64; 2],
    pulse: [f64; 2],
    (threshold, reset): (f64, f64),
    input: &[usize],
    steps: usize,
) -> Vec<f64> {
    let mut state = [0.0, 0.0];
    let mut spikes = Vec::new();
    let along = |s: [f64; 2], k: [f64; 2], h: f64| [s[0] + h * k[0], s[1] + h * k[1]];
    #[expect(clippy::cast_precision_loss, reason = "a number of steps")]
    let time = |k: usize| k as f64 * STEP;
    for k in 0..steps {
        if input.contains(&k) {
            state = along(state, pulse, 1.0);
            if state[1] >= threshold {
                spikes.push(time(k));
                state[1] = reset;
            }
        }
        // Runge and Kutta's step of the fourth order.
        let k1 = rate(state);
        let k2 = rate(along(state, k1, STEP / 2.0));
        let k3 = rate(along(state, k2, STEP / 2.0));
        let k4 = rate(along(state, k3, STEP));
        let mean = [0, 1].map(|i| (k1[i] + 2.0 * k2[i] + 2.0 * k3[i] + k4[i]) / 6.0);
        let next = along(state, mean, STEP);
        if next[1] >= threshold {
            let part = (threshold - state[1]) / (next[1] - state[1]);
            spikes.push(time(k) + part * STEP);
            // The rest of the step begins at the reset, with the current that is there.
            let current = state[0] + part * (next[0] - state[0]);
            let rest = (1.0 - part) * STEP;
            let mid = along([current, reset], rate([current, reset]), rest / 2.0);
            state = along([current, reset], rate(mid), rest);
        } else {
            state = next;
        }
    }
    spikes
}

const INPUT: [usize; 4] = [1_000, 4_000, 9_000, 15_000];
const STEPS: usize = 40_000;

fn check(import: &Import, expected: &[f64]) {
    let input: Vec<_> =
        INPUT.iter().map(|&k| (0, f64::from(u32::try_from(k).unwrap()) * STEP)).collect();
    let times = spikes(&import.network, &import.parameters, &input, 0.04);
    assert_eq!(times.len(), expected.len(), "{times:?}, {expected:?}");
    assert!(expected.len() > 2, "{expected:?}");
    for ((_, time), expected) in times.iter().zip(expected) {
        assert!((time - expected).abs() < CLOSE, "{time} {expected}");
    }
}

#[test]
fn a_cuba_lif_with_a_bias_follows_its_equations() {
    let (tau_syn, tau_mem, r, w_in, w, b) = (0.005, 0.012, 2.5, 0.4, 0.017, 0.9);
    let fields: &[(&str, &[f64])] = &[
        ("tau_syn", &[tau_syn]),
        ("tau_mem", &[tau_mem]),
        ("r", &[r]),
        ("w_in", &[w_in]),
        ("v_leak", &[0.2]),
        ("v_threshold", &[0.9]),
        ("v_reset", &[-0.1]),
    ];
    let graph = chain(vec![
        input("in", &[1.0]),
        affine("fc", &[&[w]], &[b]),
        node("lif", Kind::CubaLIF, fields),
    ]);
    let rate = |[i, v]: [f64; 2]| [(-i + w_in * b) / tau_syn, (0.2 - v + r * i) / tau_mem];
    let expected = integrate(rate, [w_in * w / tau_syn, 0.0], (0.9, -0.1), &INPUT, STEPS);
    check(&import(&graph).unwrap(), &expected);
}

#[test]
fn a_lif_with_a_bias_follows_its_equations() {
    let (tau, r, w, b) = (0.01, 2.0, 0.003, 0.5);
    let fields: &[(&str, &[f64])] =
        &[("tau", &[tau]), ("r", &[r]), ("v_leak", &[0.3]), ("v_threshold", &[1.0])];
    let graph = chain(vec![
        input("in", &[1.0]),
        affine("fc", &[&[w]], &[b]),
        node("lif", Kind::LIF, fields),
    ]);
    let rate = |[_, v]: [f64; 2]| [0.0, (0.3 - v + r * b) / tau];
    let expected = integrate(rate, [0.0, w * r / tau], (1.0, 0.0), &INPUT, STEPS);
    check(&import(&graph).unwrap(), &expected);
}

#[test]
fn an_if_with_a_bias_follows_its_equations() {
    let (r, w, b) = (2.0, 0.21, 60.0);
    let graph = chain(vec![
        input("in", &[1.0]),
        affine("fc", &[&[w]], &[b]),
        node("if", Kind::IF, &[("r", &[r]), ("v_threshold", &[1.0]), ("v_reset", &[0.1])]),
    ]);
    let expected = integrate(|_| [0.0, r * b], [0.0, w * r], (1.0, 0.1), &INPUT, STEPS);
    check(&import(&graph).unwrap(), &expected);
}

/// In steps of dt a spike is a pulse of height 1 that lasts dt: its area is dt, and a LIF charges while it lasts.
#[test]
fn a_step_makes_a_spike_a_pulse_of_its_width() {
    let dt = 1e-3;
    let (tau, r, w) = (0.01, 2.0, 0.7);
    let fields: &[(&str, &[f64])] =
        &[("tau", &[tau]), ("r", &[r]), ("v_leak", &[0.0]), ("v_threshold", &[1.0])];
    let graph = chain(vec![
        input("in", &[1.0]),
        affine("fc", &[&[w]], &[0.0]),
        node("lif", Kind::LIF, fields),
    ]);
    let import = Import::of(&graph, ReadOptions { dt: Some(dt) }).unwrap();
    // tau dv/dt = −v + r w for dt, from 0.
    let expected = r * w * (1.0 - exp(-dt / tau));
    let weight = import.parameters.connections[0].weights[0];
    assert!((weight / expected - 1.0).abs() < 1e-14, "{weight} {expected}");
}

/// An exporter in steps, as snnTorch has it: v and I move by 1 where a spike of weight 1 arrives, up to what happens within the step.
#[test]
fn a_file_that_carries_its_step_is_recognised() {
    let dt = 1e-4;
    let fields: &[(&str, &[f64])] = &[
        ("tau_syn", &[0.004, 0.006]),
        ("tau_mem", &[0.012, 0.02]),
        ("r", &[120.000_02, 200.0]),
        ("w_in", &[40.0, 60.000_01]),
        ("v_leak", &[0.0]),
        ("v_threshold", &[1.0]),
    ];
    let graph = chain(vec![
        input("in", &[1.0]),
        affine("fc", &[&[0.5], &[0.25]], &[0.0]),
        node("lif", Kind::CubaLIF, fields),
    ]);
    let of = import(&graph).unwrap();
    assert!(of.notes[0].contains("carries a step of 0.0001 s"), "{:?}", of.notes);
    // The jump of I is w r: what moves V by w in the step that follows.
    for (weight, (w, tau_mem)) in
        of.parameters.connections[0].weights.iter().zip([(0.5, 0.012), (0.25, 0.02)])
    {
        assert!((weight / (w * tau_mem / dt) - 1.0).abs() < 1e-6, "{weight}");
    }
    let other = Import::of(&graph, ReadOptions { dt: Some(2e-4) }).unwrap_err().to_string();
    assert!(other.contains("which the file carries"), "{other}");
}
