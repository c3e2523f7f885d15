//! Injected currents of a batch: flat arrays, and derivatives in the same places.
//!
//! All numbers of all waveforms stand in one array: of each the times of its steps (or `start` and `interval`), then its values. A waveform may go into many neurons, in many
//! samples; the derivative by one of its numbers is the sum over all of them. Samples with the same currents share one set, so that the memory of a long recording
//! does not grow with the batch. Not here: populations and the shapes of arrays (`python/spikegrad/_currents.py`).

use crate::arrays::{floats, indices};
use crate::errors::Failure;
use pyo3::prelude::*;
use spikegrad::{InjectedCurrent, NeuronId, StepTimes, Steps, Stimulus};
use std::ops::Range;

/// Currents as Python states them.
#[derive(FromPyObject)]
pub(crate) struct CurrentsSpec<'py> {
    numbers: Bound<'py, PyAny>,
    /// Waveform k has the numbers `offsets[k]..offsets[k + 1]`.
    offsets: Bound<'py, PyAny>,
    /// Whether each waveform has samples at equal distances: 1, or 0.
    sampled: Bound<'py, PyAny>,
    /// Which set of currents each sample has.
    set_of: Bound<'py, PyAny>,
    /// Set k has the currents `set_offsets[k]..set_offsets[k + 1]`.
    set_offsets: Bound<'py, PyAny>,
    /// The waveform of each current.
    waveforms: Bound<'py, PyAny>,
    /// Current k goes into `neurons[neuron_offsets[k]..neuron_offsets[k + 1]]`.
    neuron_offsets: Bound<'py, PyAny>,
    neurons: Bound<'py, PyAny>,
}

/// Where the numbers of the currents of each sample stand.
#[derive(Debug, Default)]
pub(crate) struct Layout {
    waveforms: Vec<Range<usize>>,
    /// The waveforms of each set, in the order of its currents.
    sets: Vec<Vec<usize>>,
    set_of: Vec<usize>,
}

impl Layout {
    /// How many numbers there are.
    pub(crate) fn count(&self) -> usize {
        self.waveforms.last().map_or(0, |last| last.end)
    }

    /// The places of the numbers of each current of a sample.
    fn of_sample(&self, sample: usize) -> impl Iterator<Item = Range<usize>> + '_ {
        let set = self.set_of.get(sample).map_or(&[][..], |&set| &self.sets[set]);
        set.iter().map(|&waveform| self.waveforms[waveform].clone())
    }

    /// The sum of what is stated for the currents of each sample, in the place of each number.
    pub(crate) fn summed<'a>(&self, all: impl IntoIterator<Item = &'a [Steps]>) -> Vec<f64> {
        let mut sum = vec![0.0; self.count()];
        for (sample, of_sample) in all.into_iter().enumerate() {
            for (place, steps) in self.of_sample(sample).zip(of_sample) {
                for (sum, x) in sum[place].iter_mut().zip(steps.numbers()) {
                    *sum += x;
                }
            }
        }
        sum
    }

    /// The numbers of `along` in the shape of the currents of a sample.
    pub(crate) fn along(&self, sample: usize, stimulus: &Stimulus, along: &[f64]) -> Vec<Steps> {
        let currents = self.of_sample(sample).zip(stimulus.injected());
        let of = |(place, current): (Range<usize>, &InjectedCurrent)| {
            let mut numbers = along[place].iter();
            current.steps.map(|_| numbers.next().copied().unwrap_or_default())
        };
        currents.map(of).collect()
    }
}

/// The samples with their currents.
///
/// # Errors
/// Arrays that do not fit each other, or numbers that make no current.
pub(crate) fn inject(
    stimuli: &[Stimulus],
    spec: &CurrentsSpec<'_>,
) -> PyResult<(Vec<Stimulus>, Layout)> {
    let numbers = floats("currents.numbers", &spec.numbers)?;
    let numbers = numbers.as_slice();
    let waveforms = ranges("currents.offsets", &spec.offsets, numbers.len())?;
    let sampled: Vec<u8> = indices("currents.sampled", &spec.sampled)?;
    let neurons: Vec<usize> = indices("currents.neurons", &spec.neurons)?;
    let of_currents = ranges("currents.neuron_offsets", &spec.neuron_offsets, neurons.len())?;
    let of_waveform: Vec<usize> = indices("currents.waveforms", &spec.waveforms)?;
    let sets = ranges("currents.set_offsets", &spec.set_offsets, of_waveform.len())?;
    let set_of: Vec<usize> = indices("currents.set_of", &spec.set_of)?;
    count("currents.sampled", sampled.len(), waveforms.len())?;
    count("currents.waveforms", of_waveform.len(), of_currents.len())?;
    count("currents.set_of", set_of.len(), stimuli.len())?;
    below("currents.waveforms", &of_waveform, waveforms.len())?;
    below("currents.set_of", &set_of, sets.len())?;

    let current = |k: usize| -> Result<InjectedCurrent, Failure> {
        let waveform = of_waveform[k];
        let steps = steps(&numbers[waveforms[waveform].clone()], sampled[waveform] != 0)?;
        let neurons = neurons[of_currents[k].clone()].iter().map(|&n| NeuronId::new(n)).collect();
        Ok(InjectedCurrent { neurons, steps })
    };
    // The first sample of each set, which the others take its currents from.
    let mut first: Vec<Option<usize>> = vec![None; sets.len()];
    let mut injected: Vec<Stimulus> = Vec::with_capacity(stimuli.len());
    for (sample, (stimulus, &set)) in stimuli.iter().zip(&set_of).enumerate() {
        injected.push(match first[set] {
            Some(other) => stimulus.clone().with_currents_of(&injected[other]),
            None => {
                let all = sets[set].clone().map(current).collect::<Result<Vec<_>, _>>()?;
                first[set] = Some(sample);
                stimulus.clone().with_currents(all).map_err(Failure::from)?
            }
        });
    }
    let sets = sets.into_iter().map(|set| of_waveform[set].to_vec()).collect();
    Ok((injected, Layout { waveforms, sets, set_of }))
}

/// The waveform of these numbers.
fn steps(numbers: &[f64], is_sampled: bool) -> Result<Steps, Failure> {
    let (times, values) = match numbers {
        &[start, interval, ref values @ ..] if is_sampled => {
            (StepTimes::Every { start, interval }, values)
        }
        _ if !is_sampled && numbers.len().is_multiple_of(2) => {
            let (times, values) = numbers.split_at(numbers.len() / 2);
            (StepTimes::Each(times.to_vec()), values)
        }
        _ => {
            let what = format!("cannot have {} numbers for one waveform", numbers.len());
            return Err(Failure::input("currents.numbers", what));
        }
    };
    Ok(Steps { times, values: values.to_vec() })
}

/// Offsets as the ranges between them, which cover `count` entries.
fn ranges(argument: &str, value: &Bound<'_, PyAny>, count: usize) -> PyResult<Vec<Range<usize>>> {
    let offsets: Vec<usize> = indices(argument, value)?;
    let ends = (offsets.first(), offsets.last());
    if ends != (Some(&0), Some(&count)) || !offsets.is_sorted() {
        let what = format!("must begin with 0, must not fall, and must end with {count}");
        return Err(Failure::input(argument, what).into());
    }
    Ok(offsets.windows(2).map(|bounds| bounds[0]..bounds[1]).collect())
}

fn count(argument: &str, found: usize, expected: usize) -> Result<(), Failure> {
    if found == expected {
        return Ok(());
    }
    Err(Failure::input(argument, format!("has {found} entries; it must have {expected}")))
}

fn below(argument: &str, all: &[usize], end: usize) -> Result<(), Failure> {
    match all.iter().position(|&x| x >= end) {
        None => Ok(()),
        Some(k) => {
            let what = format!("is {}, but there are only {end}", all[k]);
            Err(Failure::input(format!("{argument}[{k}]"), what))
        }
    }
}
