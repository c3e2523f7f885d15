//! States of `qif` drawn by seed, each with the next spike time that the engine finds: for `tests/oracle/qif_spikes.py`, which checks them.
//!
//! ```sh
//! cargo run --release -p spikegrad-bench --example qif_states -- 100000 1 | tests/oracle/qif_spikes.py
//! ```
//!
//! A line holds `tau_mem tau_syn i_bias y y′ I` and the time in seconds or `none`, each with all its digits. Ratios of the time constants are from 0.1 to 50, currents and
//! biases of either sign and up to 100 in size; potentials are a few units, up to 10¹⁵ of either sign, or just after a spike.

#![expect(clippy::print_stdout, reason = "an example says what it finds")]
#![expect(clippy::disallowed_methods, reason = "states are drawn, and need no certain bits")]

use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use spikegrad_dynamics::{GeneralNeuron, Outlook, Vector, qif, vector};
use std::error::Error;

/// `10ˣ`, x being drawn between the two.
fn power(rng: &mut impl Rng, [from, to]: [f64; 2]) -> f64 {
    10f64.powf(rng.random_range(from..to))
}

fn signed(rng: &mut impl Rng, size: f64) -> f64 {
    if rng.random() { size } else { -size }
}

/// A neuron, and a state of it.
fn draw(rng: &mut impl Rng) -> (GeneralNeuron<f64>, [f64; 3], Vector<f64>) {
    let tau_mem = power(rng, [-3.0, 0.0]);
    let tau_syn = tau_mem / power(rng, [-1.0, f64::log10(50.0)]);
    let bias = match rng.random_range(0..4) {
        0 => rng.random_range(-1.0..1.0),
        1 => 0.25 + signed(rng, 1.0) * power(rng, [-6.0, 0.0]),
        _ => signed(rng, 1.0) * power(rng, [-3.0, 2.0]),
    };
    let current = signed(rng, 1.0) * power(rng, [-3.0, 2.0]);
    let numbers = |v: f64| {
        let of = [(qif::exponential::TAU_MEM, tau_mem), (qif::exponential::TAU_SYN, tau_syn)];
        let and = [(qif::exponential::I_BIAS, bias), (qif::exponential::V, v)];
        let all = [of, and].concat();
        move |k| all.iter().find(|pair| pair.0 == k).map_or(current, |pair| pair.1)
    };
    let v = match rng.random_range(0..4) {
        0 => signed(rng, 1.0) * power(rng, [0.0, 15.0]),
        1 => 1.0 + signed(rng, 1.0) * power(rng, [-6.0, 0.0]),
        _ => rng.random_range(-4.0..4.0),
    };
    let neuron = GeneralNeuron::new(&qif::QIF, numbers(v)).expect("a number of the engine");
    let state = match rng.random_range(0..5) {
        // Just after a spike.
        0 => vector([0.0, rng.random_range(1.0..2.0), current]),
        _ => neuron.initial(),
    };
    (neuron, [tau_mem, tau_syn, bias], state)
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let count: usize = arguments.next().ok_or("the number of states")?.parse()?;
    let mut rng = ChaCha8Rng::seed_from_u64(arguments.next().ok_or("a seed")?.parse()?);
    for _ in 0..count {
        let (neuron, [tau_mem, tau_syn, bias], state) = draw(&mut rng);
        let next = match neuron.next_spike(state) {
            Outlook::Crossing { dt, .. } => format!("{dt:e}"),
            Outlook::Silent => "none".into(),
            other => return Err(format!("{other:?}").into()),
        };
        let [y, dy, i, ..] = state;
        println!("{tau_mem:e} {tau_syn:e} {bias:e} {y:e} {dy:e} {i:e} {next}");
    }
    Ok(())
}
