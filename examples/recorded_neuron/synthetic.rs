//! Neurons whose numbers are known: a sound that is drawn, spikes with errors of a known size, and how often error bars hold the truth.
//!
//! A spike is off by a normal error from when the neuron would spike, and the neuron goes on from the spike as it is: the errors of the intervals are then independent.

use crate::receptor::{NUMBERS, Sound, TABLE, current, network, neuron, start};
use crate::recording::Recording;
use crate::search::{Errors, Found, Trained};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use spikegrad::dynamics::{alif, math};
use spikegrad::{Evaluator, InjectedCurrent, NeuronId, Settings, Stimulus, Values};
use spikegrad_fit::least_squares::nalgebra::DVector;
use spikegrad_report::plot::approximate;
use std::error::Error;

/// The numbers that are fitted: all but those of the slow filters, which a few seconds say little of.
pub(crate) const FITTED: [&str; 10] = [
    "gain",
    "offset",
    "exponent",
    "tau_low",
    "delay",
    "tau_mem",
    "t_ref",
    "tau_adapt",
    "adapt_threshold",
    "adapt_current",
];

/// 90 % of a normal distribution are within so many standard deviations.
pub(crate) const NINETY: f64 = 1.644_853_626_951_472_2;

/// Standard deviation of the error of a spike, in seconds.
pub(crate) const JITTER: f64 = 2e-4;

/// How long a search for the next spike looks ahead, in seconds.
const AHEAD: f64 = 0.1;

/// Standard deviations by which numbers are drawn, in their units, and by which a search starts beside them.
const SPREAD: f64 = 0.2;
const BESIDE: f64 = 0.3;

/// Some hundred squares are added up: a step that gains less than this share of them moves the numbers by a few hundredths of their bars.
const ENOUGH: f64 = 1e-6;

fn normal(rng: &mut ChaCha8Rng) -> f64 {
    StandardNormal.sample(rng)
}

/// Which numbers are fitted, of a neuron with other numbers as they are.
pub(crate) fn fitted(start: [f64; NUMBERS]) -> Trained {
    let positions = (0..NUMBERS).filter(|&k| FITTED.contains(&TABLE[k].name)).collect();
    Trained { start, positions }
}

/// Numbers of a neuron: drawn about those of a receptor without slow filters.
fn draw_numbers(rng: &mut ChaCha8Rng) -> [f64; NUMBERS] {
    let mut middle = start();
    for (number, of) in middle.iter_mut().zip(TABLE) {
        *number = match of.name {
            "fast" | "slow" => 0.0,
            "gain" => 1.0,
            "offset" => 1.8,
            "exponent" => 0.4,
            "tau_low" => 0.001,
            "delay" => 0.0065,
            "tau_mem" | "t_ref" => 0.004,
            "tau_adapt" => 0.05,
            "adapt_threshold" => 0.2,
            "adapt_current" => 0.1,
            _ => *number,
        };
    }
    let trained = fitted(middle);
    let x: Vec<f64> = trained.positions.iter().map(|_| SPREAD * normal(rng)).collect();
    trained.at(&x)
}

/// A sound of `duration` seconds whose level fluctuates by 6 dB, below about 200 Hz.
fn draw_sound(duration: f64, rng: &mut ChaCha8Rng) -> Sound {
    let interval = 2.5e-4;
    let share = math::exp(-interval / 8e-4);
    let (mut first, mut second) = (0.0, 0.0);
    let mut levels = Vec::new();
    while approximate(levels.len()) * interval < duration {
        first = share * first + (1.0 - share) * normal(rng);
        second = share * second + (1.0 - share) * first;
        levels.push(second);
    }
    let squares: f64 = levels.iter().map(|x| x * x).sum();
    let deviation = (squares / approximate(levels.len())).sqrt();
    // 6 dB as a natural logarithm.
    let level = math::ln(10.0) * 6.0 / 20.0;
    levels.iter_mut().for_each(|x| *x *= level / deviation);
    Sound { interval, levels }
}

/// The spikes of a neuron under a sound, each off by `jitter` seconds.
fn draw_spikes(
    numbers: &[f64; NUMBERS],
    sound: &Sound,
    jitter: f64,
    rng: &mut ChaCha8Rng,
) -> Result<Vec<f64>, Box<dyn Error>> {
    let (network, mut parameters) = network(numbers)?;
    let all = neuron(numbers);
    let (t_ref, tau_adapt) = (all[alif::T_REF], all[alif::TAU_ADAPT]);
    let sampled = current(numbers, sound, false).sampled;
    let end = sampled.steps().time(sampled.values.len() - 1).rounded;
    parameters.populations[0][alif::T_REF] = Values::Shared(2.0 * AHEAD);
    let mut evaluator = Evaluator::new(network, &parameters, Settings::default())?;
    let (mut begin, mut adaptation) = (0.0, 0.0);
    let mut spikes: Vec<f64> = Vec::new();
    loop {
        let (_, steps) = sampled.heard([begin, begin + AHEAD]);
        let injected = InjectedCurrent { neurons: vec![NeuronId::new(0)], steps };
        let stimulus = Stimulus::new(AHEAD, vec![])?.with_currents(vec![injected])?;
        parameters.populations[0][alif::A] = Values::Shared(adaptation);
        evaluator.set_parameters(&parameters)?;
        let trace = evaluator.simulate_forward(&stimulus, &[])?;
        let Some(spike) = trace.spikes.first() else { break };
        let last = spikes.last().copied().unwrap_or(0.0);
        let time = begin + spike.time + jitter * normal(rng);
        if time >= end {
            break;
        }
        // What the spike before left, and one more.
        let left = if spikes.is_empty() {
            0.0
        } else {
            adaptation * math::exp((t_ref + last - time) / tau_adapt)
        };
        spikes.push(time);
        begin = time + t_ref;
        adaptation = (left + 1.0) * math::exp(-t_ref / tau_adapt);
    }
    Ok(spikes)
}

/// A neuron, what was recorded of it, and what was found.
#[derive(Clone, Debug)]
pub(crate) struct Experiment {
    pub(crate) truth: [f64; NUMBERS],
    pub(crate) recording: Recording,
    pub(crate) trained: Trained,
    pub(crate) found: Found,
}

/// Draws a neuron and a recording of some seconds, and fits it from numbers beside the true ones.
pub(crate) fn experiment(seed: u64, duration: f64) -> Result<Experiment, Box<dyn Error>> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let truth = draw_numbers(&mut rng);
    let sound = draw_sound(duration, &mut rng);
    let spikes = draw_spikes(&truth, &sound, JITTER, &mut rng)?;
    let recording = Recording { sound, spikes };
    let mut trained = fitted(truth);
    let x: Vec<f64> = trained.positions.iter().map(|_| BESIDE * normal(&mut rng)).collect();
    trained.start = trained.at(&x);
    let mut errors = Errors::new(&trained, &recording.sound, &recording.spikes, ENOUGH)?;
    let found = errors.search(DVector::zeros(trained.positions.len()), 100)?;
    Ok(Experiment { truth, recording, trained, found })
}

/// For each fitted number: its name, the true one in units of the search, and half the width of the bar that holds 90 % about the found one.
pub(crate) fn bars(experiment: &Experiment) -> Vec<(&'static str, f64, f64)> {
    let Experiment { truth, trained, found, .. } = experiment;
    let Some(bars) = &found.bars else { return vec![] };
    let widths = bars.standard_errors() * NINETY;
    let truth = trained.x_of(truth);
    let rows = trained.positions.iter().enumerate();
    rows.map(|(k, &position)| (TABLE[position].name, truth[k] - found.point.x[k], widths[k]))
        .collect()
}

/// How often the bars of `count` neurons hold the truth, each recorded for `duration` seconds.
pub(crate) fn coverage(count: u64, duration: f64) -> Result<(), Box<dyn Error>> {
    let mut held = [0; FITTED.len()];
    let (mut with_bars, mut spikes, mut runs) = (0, 0, 0);
    for seed in 0..count {
        let experiment = experiment(seed, duration)?;
        let bars = bars(&experiment);
        if bars.is_empty() {
            println!("neuron {seed} has no bars");
            continue;
        }
        with_bars += 1;
        spikes += experiment.recording.spikes.len();
        runs += experiment.found.point.evaluations;
        for (held, (_, error, width)) in held.iter_mut().zip(bars) {
            *held += usize::from(error.abs() <= width);
        }
    }
    let all = approximate(with_bars).max(1.0);
    println!(
        "{with_bars} of {count} neurons have bars; on average {:.0} spikes, {:.1} simulations",
        approximate(spikes) / all,
        f64::from(runs) / all,
    );
    for (name, &held) in FITTED.iter().zip(&held) {
        println!("{name}: 90 % intervals hold {:.1} %", 100.0 * approximate(held) / all);
    }
    let total = approximate(held.iter().sum()) / approximate(FITTED.len());
    println!("all: {:.1} %", 100.0 * total / all);
    Ok(())
}
