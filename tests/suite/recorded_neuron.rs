//! A recorded neuron, interval by interval: its spikes, their derivatives, its numbers found back, and their error bars.
//!
//! Not here: the recording of an animal and the comparison with other searches (the example `recorded_neuron`).

use crate::support::Random;
use spikegrad::dynamics::alif;
use spikegrad::{InjectedCurrent, Model, Network, NeuronId, Settings, Stimulus, simulate};
use spikegrad_fit::least_squares::nalgebra::{DMatrix, DVector};
use spikegrad_fit::least_squares::{Residuals, error_bars, minimise};
use spikegrad_fit::{ALIF_NUMBERS, FitError, Intervals, NextSpikes, Sampled};

/// A spike time of up to a second has half a unit of 1e-16 s, as do potential and adaptation at the release, relative to a threshold of 1; slopes are above 10 a second, and some tens of such roundings meet.
const RESTARTED: f64 = 1e-13;

/// Central differences of spike times of 1 s with a step of 1e-5: roundings of 1e-16/1e-5 = 1e-11, truncation of 1e-10 times a third derivative of up to some thousands, relative to the largest.
const DIFFERENCE: f64 = 1e-6;

/// What the search leaves of the distance to the truth where there are no errors: its last step is as short as roundings of the residuals ask for, magnified by the condition of the problem, some thousands.
const FOUND_BACK: f64 = 1e-8;

/// Neurons for the error bars. Their numbers are correlated, at worst one number each: a share of 0.9 then has a standard deviation of √(0.09/60) = 0.039, and three of them are allowed.
const NEURONS: u32 = 60;
const ALLOWED: [f64; 2] = [0.9 - 3.0 * 0.039, 1.0];

/// 90 % of a normal distribution lie within so many standard deviations.
const NINETY: f64 = 1.645;

/// Which numbers of the neuron are fitted, with the units in which they move: four, after gain and offset of the current.
const FITTED: [(usize, f64); 4] = [
    (alif::TAU_MEM, 1e-3),
    (alif::T_REF, 1e-3),
    (alif::TAU_ADAPT, 1e-2),
    (alif::ADAPT_CURRENT, 0.1),
];

/// Numbers of the search: gain, offset and those of the neuron.
const COUNT: usize = 2 + FITTED.len();

struct Setting {
    /// A slow fluctuation of size one.
    sound: Vec<f64>,
    truth: [f64; COUNT],
}

impl Setting {
    fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let mut level = 0.0;
        let mut sample = || {
            level += 0.1 * (2.0 * random.unit() - 1.0 - level);
            6.0 * level
        };
        let sound = (0..2000).map(|_| sample()).collect();
        let truth = [0.5, 1.6, 0.008, 0.003, 0.04, 0.1];
        Self { sound, truth }
    }

    fn current(&self, numbers: &[f64; COUNT]) -> Sampled {
        let values = self.sound.iter().map(|x| numbers[1] + numbers[0] * x).collect();
        Sampled { start: 0.002, interval: 5e-4, values }
    }

    /// The spikes within a second of the neuron that runs by itself.
    fn spikes(&self) -> Vec<f64> {
        let model = Model::General(&alif::ALIF);
        let (network, mut parameters) =
            Network::builder().inputs(1).population("neuron", model, 1).build().unwrap();
        for (position, number) in neuron(&self.truth).into_iter().enumerate() {
            parameters.populations[0][position] = number.into();
        }
        let steps = self.current(&self.truth).steps();
        let current = InjectedCurrent { neurons: vec![NeuronId::new(0)], steps };
        let stimulus = Stimulus::new(1.0, vec![]).unwrap().with_currents(vec![current]).unwrap();
        let trace = simulate(&network, &parameters, &stimulus, &[], &Settings::default()).unwrap();
        trace.spike_times(NeuronId::new(0)).collect()
    }
}

fn neuron(numbers: &[f64; COUNT]) -> [f64; ALIF_NUMBERS] {
    let mut all = [0.0; ALIF_NUMBERS];
    all[alif::V_TH] = 1.0;
    all[alif::V_RESET] = -0.1;
    all[alif::ADAPT_THRESHOLD] = 0.05;
    for (&(position, _), number) in FITTED.iter().zip(&numbers[2..]) {
        all[position] = *number;
    }
    all
}

/// The errors of the intervals, in units of 0.1 ms, where the ends of the recording are off by `noise`.
struct Errors<'a> {
    setting: &'a Setting,
    intervals: Intervals,
    noise: Vec<f64>,
    there: Option<NextSpikes>,
}

const UNIT: f64 = 1e-4;

impl Errors<'_> {
    fn numbers(&self, x: &DVector<f64>) -> [f64; COUNT] {
        let mut numbers = self.setting.truth;
        numbers[0] += 0.1 * x[0];
        numbers[1] += 0.1 * x[1];
        for (k, (_, unit)) in FITTED.iter().enumerate() {
            numbers[2 + k] += unit * x[2 + k];
        }
        numbers
    }
}

impl Residuals for Errors<'_> {
    fn project(&self, _: &mut DVector<f64>) {}

    fn at(&mut self, x: &DVector<f64>) -> Result<DVector<f64>, FitError> {
        let numbers = self.numbers(x);
        let next =
            self.intervals.next_spikes(&neuron(&numbers), &self.setting.current(&numbers))?;
        let ends = self.intervals.ends().iter().zip(&self.noise);
        let errors = next.times.iter().zip(ends);
        let errors =
            errors.map(|(time, (end, noise))| (time.unwrap_or(end + 0.01) - end - noise) / UNIT);
        let errors = DVector::from_iterator(self.noise.len(), errors);
        self.there = Some(next);
        Ok(errors)
    }

    fn is_solved(&self) -> bool {
        false
    }

    fn jacobian(&self) -> Result<DMatrix<f64>, FitError> {
        let gradients = self.there.as_ref().unwrap().gradients()?;
        let rows = gradients.iter().flat_map(|of| {
            let heard = &self.setting.sound[of.first..];
            let by_gain: f64 = of.values.iter().zip(heard).map(|(by, x)| by * x).sum();
            let by_offset: f64 = of.values.iter().sum();
            let of_neuron = FITTED.iter().map(|(position, unit)| unit * of.numbers[*position]);
            [0.1 * by_gain, 0.1 * by_offset].into_iter().chain(of_neuron).map(|by| by / UNIT)
        });
        Ok(DMatrix::from_row_iterator(gradients.len(), COUNT, rows))
    }
}

#[test]
fn the_intervals_of_a_train_end_at_its_spikes() {
    let setting = Setting::new(1);
    let spikes = setting.spikes();
    assert!(spikes.len() > 30, "{}", spikes.len());
    let mut intervals = Intervals::new(spikes.clone(), 0.01).unwrap();
    let next = intervals.next_spikes(&neuron(&setting.truth), &setting.current(&setting.truth));
    for (time, spike) in next.unwrap().times.iter().zip(&spikes[1..]) {
        assert!((time.unwrap() - spike).abs() < RESTARTED, "{spike}: {time:?}");
    }
}

#[test]
fn derivatives_are_those_of_differences() {
    let setting = Setting::new(2);
    let mut intervals = Intervals::new(setting.spikes(), 0.01).unwrap();
    let numbers = neuron(&setting.truth);
    let current = setting.current(&setting.truth);
    let gradients = intervals.next_spikes(&numbers, &current).unwrap().gradients().unwrap();
    let mut check =
        |what: &str, by: Vec<f64>, moved: &dyn Fn(f64) -> ([f64; ALIF_NUMBERS], Sampled)| {
            let step = 1e-5;
            let mut ends = |sign: f64| {
                let (numbers, current) = moved(sign * step);
                intervals.next_spikes(&numbers, &current).unwrap().times
            };
            let (up, down) = (ends(1.0), ends(-1.0));
            let largest = by.iter().fold(0.0f64, |largest, x| largest.max(x.abs()));
            assert!(largest > 0.0, "{what}");
            for ((up, down), by) in up.iter().zip(&down).zip(&by) {
                let quotient = (up.unwrap() - down.unwrap()) / (2.0 * step);
                assert!((quotient - by).abs() < DIFFERENCE * largest, "{what}: {quotient} {by}");
            }
        };
    for (position, number) in numbers.iter().enumerate() {
        let unit = if *number == 0.0 { 1.0 } else { number.abs() };
        let by = gradients.iter().map(|of| unit * of.numbers[position]).collect();
        check(&format!("number {position}"), by, &|step| {
            let mut numbers = numbers;
            numbers[position] += step * unit;
            (numbers, current.clone())
        });
    }
    let unit = current.start;
    let by = gradients.iter().map(|of| unit * of.start).collect();
    check("start", by, &|step| {
        (numbers, Sampled { start: current.start + step * unit, ..current.clone() })
    });
    // All samples, by as many weights.
    let weight = |k: usize| f64::from(u32::try_from(k).unwrap()).cos();
    let by =
        gradients.iter().map(|of| (of.first..).zip(&of.values).map(|(k, by)| by * weight(k)).sum());
    check("values", by.collect(), &|step| {
        let values = current.values.iter().enumerate().map(|(k, x)| x + step * weight(k)).collect();
        (numbers, Sampled { values, ..current.clone() })
    });
}

#[test]
fn the_numbers_of_a_neuron_are_found_back() {
    let setting = Setting::new(3);
    let spikes = setting.spikes();
    let noise = vec![0.0; spikes.len() - 1];
    let intervals = Intervals::new(spikes, 0.01).unwrap();
    let mut errors = Errors { setting: &setting, intervals, noise, there: None };
    let start = DVector::from_vec(vec![1.0, -1.0, 1.0, -1.0, 1.0, 1.0]);
    let found = minimise(&mut errors, start, 100, |_| ()).unwrap();
    assert!(found.x.amax() < FOUND_BACK, "{}", found.x);
}

#[test]
fn error_bars_hold_the_truth_as_often_as_they_say() {
    let (mut held, mut all) = (0, 0);
    for seed in 0..u64::from(NEURONS) {
        let setting = Setting::new(100 + seed);
        let spikes = setting.spikes();
        let mut random = Random::new(1000 + seed);
        // Twelve even numbers add up to a normal one, nearly: variance 1, and tails up to six.
        let mut normal = || (0..12).map(|_| random.unit()).sum::<f64>() - 6.0;
        let noise = (1..spikes.len()).map(|_| UNIT * normal()).collect();
        let intervals = Intervals::new(spikes, 0.01).unwrap();
        let mut errors = Errors { setting: &setting, intervals, noise, there: None };
        let found = minimise(&mut errors, DVector::zeros(COUNT), 12, |_| ()).unwrap();
        let residuals = errors.at(&found.x).unwrap();
        let bars = error_bars(&errors.jacobian().unwrap(), &residuals).unwrap();
        let widths = NINETY * bars.standard_errors();
        for (x, width) in found.x.iter().zip(&widths) {
            held += u32::from(x.abs() <= *width);
            all += 1;
        }
    }
    let share = f64::from(held) / f64::from(all);
    println!("90 % intervals hold {share:.3}");
    assert!((ALLOWED[0]..ALLOWED[1]).contains(&share), "{share}");
}

#[test]
fn recordings_that_are_none_are_refused() {
    for (times, beyond, text) in [
        (vec![0.1], 0.01, "`times.len()` is 1; it must be 2 or more"),
        (vec![-0.1, 0.2], 0.01, "`times[0]` is -0.1; it must be a time in seconds, 0 or more"),
        (vec![0.2, 0.2], 0.01, "`times` is 0.2; it must be later than the time before, and finite"),
        (vec![0.1, 0.2], 0.0, "`beyond` is 0; it must be positive"),
    ] {
        assert_eq!(Intervals::new(times, beyond).unwrap_err().to_string(), text);
    }
    let mut intervals = Intervals::new(vec![0.1, 0.2], 0.01).unwrap();
    let setting = Setting::new(1);
    let current = Sampled { values: vec![], ..setting.current(&setting.truth) };
    assert!(intervals.next_spikes(&neuron(&setting.truth), &current).is_err());
}
