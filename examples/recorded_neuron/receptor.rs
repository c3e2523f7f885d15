//! An auditory receptor: a sound, what becomes of it on the way to the membrane, and the neuron that spikes.
//!
//! ```text
//! f = (e^(p x) − 1)/p      x: logarithm of the sound's amplitude over its mean
//! d = offset + gain · L[f]           L: low pass of tau_low
//! current = d − fast · F[d] − slow · S[d], later by delay          F, S: low passes of tau_fast and tau_slow
//! ```
//!
//! A low pass is `y_j = α y_(j−1) + (1 − α) x_j` with `α = e^(−h/τ)`. Every sample of the current has its derivatives with respect to the numbers of the filter, carried along with it; the neuron is
//! an `alif` whose potential is measured from its reset and in units of its threshold.

use spikegrad::dynamics::{alif, math};
use spikegrad::{InjectedCurrent, Network, NetworkError, NeuronId, Parameters, Stimulus};
use spikegrad_fit::{ALIF_NUMBERS, Sampled};
use spikegrad_report::plot::approximate;

/// How many numbers a receptor has.
pub(crate) const NUMBERS: usize = 14;

/// How many of them are those of the filter; the others are those of the neuron.
const OF_FILTER: usize = 9;

/// How a number moves when it is fitted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Motion {
    /// By so much for each unit.
    By(f64),
    /// By a factor of e for each unit.
    Times,
}

/// A number of a receptor.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Number {
    pub(crate) name: &'static str,
    /// Where a search begins.
    pub(crate) start: f64,
    pub(crate) motion: Motion,
}

const fn number(name: &'static str, start: f64, motion: Motion) -> Number {
    Number { name, start, motion }
}

/// All of them; times in seconds. The neuron of these starts spikes rather too often, so that hardly an interval is without a spike: one that is missing has no derivative.
pub(crate) const TABLE: [Number; NUMBERS] = [
    number("gain", 2.0, Motion::Times),
    number("offset", 2.0, Motion::By(0.3)),
    number("exponent", 0.3, Motion::By(0.3)),
    number("tau_low", 0.0005, Motion::Times),
    number("delay", 0.006, Motion::Times),
    number("fast", 0.3, Motion::By(0.3)),
    number("tau_fast", 0.02, Motion::Times),
    number("slow", 0.1, Motion::By(0.3)),
    number("tau_slow", 5.0, Motion::Times),
    number("tau_mem", 0.003, Motion::Times),
    number("t_ref", 0.003, Motion::Times),
    number("tau_adapt", 0.05, Motion::Times),
    number("adapt_threshold", 0.1, Motion::Times),
    number("adapt_current", 0.1, Motion::By(0.1)),
];

/// Where the delay stands among them.
pub(crate) const DELAY: usize = 4;

/// Where a search begins.
pub(crate) fn start() -> [f64; NUMBERS] {
    TABLE.map(|number| number.start)
}

/// Where those of the neuron stand in the table of `alif`.
const OF_NEURON: [usize; NUMBERS - OF_FILTER] =
    [alif::TAU_MEM, alif::T_REF, alif::TAU_ADAPT, alif::ADAPT_THRESHOLD, alif::ADAPT_CURRENT];

/// The logarithm of the amplitude of a sound over its mean, in samples of `interval` seconds.
#[derive(Clone, Debug)]
pub(crate) struct Sound {
    pub(crate) interval: f64,
    pub(crate) levels: Vec<f64>,
}

impl Sound {
    /// What is heard before `end`, in seconds.
    pub(crate) fn until(&self, end: f64) -> Self {
        let count = self.levels.len();
        let at = |k: usize| approximate(k) * self.interval;
        let kept = (0..count).find(|&k| at(k) >= end).unwrap_or(count);
        Self { interval: self.interval, levels: self.levels[..kept].to_vec() }
    }
}

/// The current with the derivatives of its samples, one list for each number of the filter.
#[derive(Clone, Debug)]
pub(crate) struct Current {
    pub(crate) sampled: Sampled,
    by: Vec<Vec<f64>>,
}

/// A signal and its derivatives with respect to the numbers of the filter.
#[derive(Clone)]
struct Signal {
    values: Vec<f64>,
    by: Vec<Vec<f64>>,
}

impl Signal {
    /// The signal under a low pass whose time constant is the number at `position` of the filter.
    fn low_pass(&self, interval: f64, tau: f64, position: usize) -> Self {
        let alpha = math::exp(-interval / tau);
        let alpha_by_tau = alpha * interval / (tau * tau);
        let smooth = |signal: &[f64]| -> Vec<f64> {
            let mut y = 0.0;
            let one = |x: &f64| {
                y = alpha * y + (1.0 - alpha) * x;
                y
            };
            signal.iter().map(one).collect()
        };
        let values = smooth(&self.values);
        let mut by: Vec<Vec<f64>> = self.by.iter().map(|by| smooth(by)).collect();
        if let Some(by) = by.get_mut(position) {
            let (mut before, mut moved) = (0.0, 0.0);
            for ((x, y), by) in self.values.iter().zip(&values).zip(by) {
                moved = alpha * moved + alpha_by_tau * (before - x);
                *by += moved;
                before = *y;
            }
        }
        Self { values, by }
    }

    /// Adds another, times the number at `position`.
    fn add(&mut self, factor: f64, other: &Self, position: usize, sign: f64) {
        for (x, y) in self.values.iter_mut().zip(&other.values) {
            *x += sign * factor * y;
        }
        for (by, of) in self.by.iter_mut().zip(&other.by) {
            by.iter_mut().zip(of).for_each(|(x, y)| *x += sign * factor * y);
        }
        if let Some(by) = self.by.get_mut(position) {
            by.iter_mut().zip(&other.values).for_each(|(x, y)| *x += sign * y);
        }
    }
}

/// Beyond this the difference in a derivative of [`transformed`] loses some twenty roundings at most; up to it stands a series, whose terms after these are below a rounding.
const SERIES: f64 = 0.1;
const TERMS: u32 = 12;

/// (eᵖˣ − 1)/p and its derivative by p.
fn transformed(x: f64, p: f64) -> (f64, f64) {
    let z = p * x;
    let less = math::exp_m1(z);
    let value = if z == 0.0 { x } else { x * (less / z) };
    if z.abs() > SERIES {
        return (value, (z * (less + 1.0) - less) / (p * p));
    }
    // x² Σ (k + 1) zᵏ/(k + 2)!
    let mut sum = 0.0;
    for k in (0..TERMS).rev() {
        let k = f64::from(k);
        sum = (k + 1.0 + z * sum) / (k + 2.0);
    }
    (value, x * x * sum)
}

/// The current of a sound through the filter of `numbers`; without derivatives if nobody asks for them.
pub(crate) fn current(numbers: &[f64; NUMBERS], sound: &Sound, has_derivatives: bool) -> Current {
    let [gain, offset, exponent, tau_low, delay, fast, tau_fast, slow, tau_slow, ..] = *numbers;
    let h = sound.interval;
    let (values, by_exponent): (Vec<f64>, Vec<f64>) =
        sound.levels.iter().map(|&x| transformed(x, exponent)).unzip();
    let zeros = vec![0.0; values.len()];
    let none = vec![zeros.clone(); if has_derivatives { OF_FILTER } else { 0 }];
    let mut heard = Signal { values, by: none.clone() };
    let mut drive = Signal { values: vec![offset; zeros.len()], by: none };
    if has_derivatives {
        heard.by[2] = by_exponent;
        drive.by[1].fill(1.0);
    }
    drive.add(gain, &heard.low_pass(h, tau_low, 3), 0, 1.0);
    let mut sum = drive.clone();
    sum.add(fast, &drive.low_pass(h, tau_fast, 6), 5, -1.0);
    sum.add(slow, &drive.low_pass(h, tau_slow, 8), 7, -1.0);
    Current { sampled: Sampled { start: delay, interval: h, values: sum.values }, by: sum.by }
}

impl Current {
    /// The derivatives with respect to the numbers of a receptor, of something that has these with respect to the samples from `first` on, to the start of the
    /// current and to the numbers of the neuron.
    pub(crate) fn gradient(
        &self,
        first: usize,
        by_values: &[f64],
        by_start: f64,
        by_neuron: impl Fn(usize) -> f64,
    ) -> [f64; NUMBERS] {
        let mut gradient = [0.0; NUMBERS];
        for (of, by) in gradient.iter_mut().zip(&self.by) {
            *of = by[first..].iter().zip(by_values).map(|(x, y)| x * y).sum();
        }
        gradient[DELAY] += by_start;
        for (of, position) in gradient[OF_FILTER..].iter_mut().zip(OF_NEURON) {
            *of = by_neuron(position);
        }
        gradient
    }

    /// The same as a stimulus of one neuron.
    pub(crate) fn stimulus(&self, t_end: f64) -> Result<Stimulus, NetworkError> {
        let steps = self.sampled.steps();
        let current = InjectedCurrent { neurons: vec![NeuronId::new(0)], steps };
        Stimulus::new(t_end, vec![])?.with_currents(vec![current])
    }
}

/// The numbers of the neuron, in the order of the table of `alif`.
pub(crate) fn neuron(numbers: &[f64; NUMBERS]) -> [f64; ALIF_NUMBERS] {
    let mut all = [0.0; ALIF_NUMBERS];
    all[alif::V_TH] = 1.0;
    for (position, number) in OF_NEURON.into_iter().zip(&numbers[OF_FILTER..]) {
        all[position] = *number;
    }
    all
}

/// The receptor with all that drives its membrane times a factor.
pub(crate) fn driven(numbers: &[f64; NUMBERS], factor: f64) -> [f64; NUMBERS] {
    let mut driven = *numbers;
    for (number, of) in driven.iter_mut().zip(TABLE) {
        if matches!(of.name, "gain" | "offset" | "adapt_current") {
            *number *= factor;
        }
    }
    driven
}

/// The neuron alone, as a network.
pub(crate) fn network(numbers: &[f64; NUMBERS]) -> Result<(Network, Parameters), NetworkError> {
    let model = spikegrad::Model::General(&alif::ALIF);
    let (network, mut parameters) =
        Network::builder().inputs(1).population("receptor", model, 1).build()?;
    for (position, number) in neuron(numbers).into_iter().enumerate() {
        parameters.populations[0][position] = number.into();
    }
    Ok((network, parameters))
}
