//! Currents that an experimenter injects: piecewise constant, and exact.
//!
//! A current adds to `i_bias` of the neurons that it is injected into: nothing before its first step, and from each step on the value that stands there, up to the next; the
//! last one stays to the end of the run. A sampled current is one whose steps are equally far apart, and so is the noise of an experiment. What several currents inject into
//! one neuron adds up: they are merged once, when a stimulus is made, for each set of currents that some neuron has.
//!
//! Not here: how a neuron moves under a current (`spikegrad_simulate`), and back (`spikegrad_adjoint`).

use crate::{NetworkError, NeuronId, Time};
use spikegrad_dynamics::Scalar;
use std::collections::BTreeMap;

/// When the steps of a current are, in seconds.
#[derive(Clone, Debug, PartialEq)]
pub enum StepTimes<T = f64> {
    /// At these times, each later than the one before.
    Each(Vec<T>),
    /// At equal distances: step k is at `start + k · interval`, to the last digit of that number and not of its double.
    Every {
        /// The first.
        start: T,
        /// The distance, positive.
        interval: T,
    },
}

/// A piecewise constant function of time.
#[derive(Clone, Debug, PartialEq)]
pub struct Steps<T = f64> {
    /// When it steps.
    pub times: StepTimes<T>,
    /// Its value from each step on, in units of the potential.
    pub values: Vec<T>,
}

/// A current, and whom it is injected into.
#[derive(Clone, Debug, PartialEq)]
pub struct InjectedCurrent<T = f64> {
    /// The neurons, each once.
    pub neurons: Vec<NeuronId>,
    /// What is injected into each of them.
    pub steps: Steps<T>,
}

impl<T: Scalar> Steps<T> {
    /// The time of the step at position `k`.
    ///
    /// # Panics
    /// If there is no such step.
    #[must_use]
    pub fn time(&self, k: usize) -> Time<T> {
        match &self.times {
            StepTimes::Each(times) => times[k].into(),
            StepTimes::Every { start, interval } => Time::from(*start).after_many(k, *interval),
        }
    }
}

impl<T: Copy> Steps<T> {
    /// Every number: the times or `start` and `interval`, then the values.
    pub fn numbers(&self) -> impl Iterator<Item = T> + '_ {
        let (times, every) = match &self.times {
            StepTimes::Each(times) => (times.as_slice(), None),
            StepTimes::Every { start, interval } => (&[][..], Some([*start, *interval])),
        };
        let times = times.iter().copied().chain(every.into_iter().flatten());
        times.chain(self.values.iter().copied())
    }

    /// The same with every number changed by `f`, in the order of [`Self::numbers`].
    #[must_use]
    pub fn map<U>(&self, mut f: impl FnMut(T) -> U) -> Steps<U> {
        let times = match &self.times {
            StepTimes::Each(times) => StepTimes::Each(times.iter().map(|&x| f(x)).collect()),
            StepTimes::Every { start, interval } => {
                let start = f(*start);
                StepTimes::Every { start, interval: f(*interval) }
            }
        };
        Steps { times, values: self.values.iter().map(|&x| f(x)).collect() }
    }
}

impl<T: Scalar> Steps<T> {
    fn check(&self, place: &str) -> Result<(), NetworkError> {
        let (steps, number) = (self.values.len(), "a finite number");
        let value = |place: String, value: T, expected| NetworkError::Value {
            place,
            value: value.re(),
            expected,
        };
        let time = "a time in seconds, 0 or more";
        match &self.times {
            StepTimes::Each(times) => {
                if times.len() != steps {
                    let (place, found) = (format!("{place}.values"), steps);
                    let expected = times.len();
                    return Err(NetworkError::Length { place, found, expected, of: "step" });
                }
                for (k, &at) in times.iter().enumerate() {
                    let place = || format!("{place}.times[{k}]");
                    if !(at.is_all_finite() && at.re() >= 0.0) {
                        return Err(value(place(), at, time));
                    }
                    if k > 0 && at.re() <= times[k - 1].re() {
                        return Err(value(
                            place(),
                            at,
                            "a later time than that of the step before",
                        ));
                    }
                }
            }
            &StepTimes::Every { start, interval } => {
                if !(start.is_all_finite() && start.re() >= 0.0) {
                    return Err(value(format!("{place}.start"), start, time));
                }
                let last = self.values.len().saturating_sub(1);
                let is_seen = || {
                    let (before, after) = (self.time(last.saturating_sub(1)), self.time(last));
                    last == 0 || before.rounded.re() < after.rounded.re()
                };
                let is_length = interval.is_all_finite() && interval.re() > 0.0;
                if !(is_length && self.time(last).rounded.is_all_finite() && is_seen()) {
                    let expected = "a length in seconds, positive, that the last time still shows";
                    return Err(value(format!("{place}.interval"), interval, expected));
                }
            }
        }
        match self.values.iter().position(|x| !x.is_all_finite()) {
            Some(k) => Err(value(format!("{place}.values[{k}]"), self.values[k], number)),
            None => Ok(()),
        }
    }
}

/// One step of all that is injected into a neuron.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step<T> {
    /// When.
    pub time: Time<T>,
    /// The whole current from then on.
    pub total: T,
    /// By how much that is more than before.
    pub change: T,
}

/// All that is injected into each of some neurons, merged.
#[derive(Clone, Debug, PartialEq)]
pub struct Injection<T> {
    /// In the order of time; of steps at one time in the order of the currents.
    pub steps: Vec<Step<T>>,
    /// The distance of the steps, if it is the same for all.
    pub interval: Option<T>,
    /// The currents that it is made of.
    currents: Vec<usize>,
    /// For each step, whose it is: a position in `currents`; and which of its steps. Empty if there is one current.
    origins: Vec<(usize, usize)>,
}

impl<T: Scalar> Injection<T> {
    fn of(currents: &[InjectedCurrent<T>], of: Vec<usize>) -> Self {
        let steps = |position: usize| &currents[of[position]].steps;
        let mut timed = Vec::new();
        for position in 0..of.len() {
            let times = (0..steps(position).values.len()).map(|k| (steps(position).time(k), k));
            timed.extend(times.map(|(time, k)| (time, position, k)));
        }
        // Stable: at one time in the order of the currents.
        timed.sort_by(|(a, ..), (b, ..)| b.is_before(*a).cmp(&a.is_before(*b)));
        let zero = T::from(0.0);
        let mut present = vec![zero; of.len()];
        let step = |&(time, position, k): &(Time<T>, usize, usize)| {
            let value = steps(position).values[k];
            let change = value - std::mem::replace(&mut present[position], value);
            let total = present.iter().fold(zero, |sum, &x| sum + x);
            Step { time, total, change }
        };
        let merged = timed.iter().map(step).collect();
        // A single current has its own steps in their order.
        let is_merged = of.len() > 1;
        let origins = timed.iter().filter(|_| is_merged).map(|&(_, position, k)| (position, k));
        let origins = origins.collect();
        let interval = match (&of[..], &currents[of[0]].steps.times) {
            ([_], StepTimes::Every { interval, .. }) => Some(*interval),
            _ => None,
        };
        Self { steps: merged, interval, currents: of, origins }
    }

    /// Seconds from `from` to the step at position `next`, which is not before it: of a whole stretch between samples their distance, the same for each.
    ///
    /// # Panics
    /// If there is no such step.
    #[must_use]
    pub fn length_to(&self, next: usize, from: Time<T>) -> T {
        let is_whole = || {
            let last = next.checked_sub(1).map(|last| self.steps[last].time);
            last.is_some_and(|last| !last.is_before(from) && !from.is_before(last))
        };
        match self.interval {
            Some(interval) if is_whole() => interval,
            _ => self.steps[next].time.since(from),
        }
    }

    /// How many steps are before `time`. One at the very time is not.
    #[must_use]
    pub fn count_before(&self, time: Time<T>) -> usize {
        self.steps.partition_point(|step| step.time.is_before(time))
    }
}

/// ∂L/∂(total of each stretch) and ∂L/∂(time of each step) of an [`Injection`].
#[derive(Clone, Debug, PartialEq)]
pub struct InjectionGradient<T> {
    /// In the order of the steps.
    pub totals: Vec<T>,
    /// In the order of the steps, per second.
    pub times: Vec<T>,
}

/// All currents of a stimulus.
#[derive(Clone, Debug, PartialEq)]
pub struct Currents<T = f64> {
    injected: Vec<InjectedCurrent<T>>,
    injections: Vec<Injection<T>>,
    /// Each neuron that has one, with its injection, in the order of the neurons.
    of_neurons: Vec<(NeuronId, usize)>,
}

impl<T: Scalar> Currents<T> {
    /// Checks the currents and merges them.
    ///
    /// # Errors
    /// [`NetworkError`], with the place among `stimulus.currents`.
    pub(crate) fn new(injected: Vec<InjectedCurrent<T>>) -> Result<Self, NetworkError> {
        let mut of_neurons: BTreeMap<NeuronId, Vec<usize>> = BTreeMap::new();
        for (k, current) in injected.iter().enumerate() {
            let place = format!("stimulus.currents[{k}]");
            current.steps.check(&place)?;
            for &neuron in &current.neurons {
                let of = of_neurons.entry(neuron).or_default();
                if of.last() == Some(&k) {
                    let (place, name) = (format!("{place}.neurons"), neuron.index().to_string());
                    return Err(NetworkError::Twice { place, name });
                }
                if !current.steps.values.is_empty() {
                    of.push(k);
                }
            }
        }
        of_neurons.retain(|_, of| !of.is_empty());
        let mut positions: BTreeMap<&[usize], usize> = BTreeMap::new();
        let (mut injections, mut list) = (Vec::new(), Vec::with_capacity(of_neurons.len()));
        for (&neuron, of) in &of_neurons {
            let position = *positions.entry(of).or_insert_with(|| {
                injections.push(Injection::of(&injected, of.clone()));
                injections.len() - 1
            });
            list.push((neuron, position));
        }
        Ok(Self { injected, injections, of_neurons: list })
    }

    /// As they were given.
    #[must_use]
    pub fn injected(&self) -> &[InjectedCurrent<T>] {
        &self.injected
    }

    /// What is injected into the neurons, merged.
    #[must_use]
    pub fn injections(&self) -> &[Injection<T>] {
        &self.injections
    }

    /// Each neuron with a current and the position of its injection, in the order of the neurons.
    #[must_use]
    pub fn of_neurons(&self) -> &[(NeuronId, usize)] {
        &self.of_neurons
    }

    /// What is injected into `neuron`, if anything is.
    #[must_use]
    pub fn injection_of(&self, neuron: NeuronId) -> Option<&Injection<T>> {
        let place = self.of_neurons.binary_search_by_key(&neuron, |&(neuron, _)| neuron).ok()?;
        Some(&self.injections[self.of_neurons[place].1])
    }

    /// The same with every number changed by `f`, which must keep real parts, in the order of the currents and [`Steps::numbers`].
    pub(crate) fn lift<U: Scalar>(&self, mut f: impl FnMut(T) -> U) -> Currents<U> {
        let lift = |current: &InjectedCurrent<T>| InjectedCurrent {
            neurons: current.neurons.clone(),
            steps: current.steps.map(&mut f),
        };
        let injected: Vec<_> = self.injected.iter().map(lift).collect();
        let merge = |injection: &Injection<T>| Injection::of(&injected, injection.currents.clone());
        let injections = self.injections.iter().map(merge).collect();
        Currents { injected, injections, of_neurons: self.of_neurons.clone() }
    }

    /// The derivatives by the numbers of each current as it was given, from those by the merged ones.
    ///
    /// # Panics
    /// If `gradients` are not those of [`Self::injections`].
    #[must_use]
    pub fn gradient(&self, gradients: &[InjectionGradient<T>]) -> Vec<Steps<T>> {
        let zero = T::from(0.0);
        let mut all: Vec<_> = self.injected.iter().map(|c| c.steps.map(|_| zero)).collect();
        for (injection, gradient) in self.injections.iter().zip(gradients) {
            let mut present = vec![None; injection.currents.len()];
            for k in 0..injection.steps.len() {
                let (position, step) = injection.origins.get(k).copied().unwrap_or((0, k));
                present[position] = Some(step);
                for (&current, step) in injection.currents.iter().zip(&present) {
                    if let &Some(step) = step {
                        all[current].values[step] += gradient.totals[k];
                    }
                }
                let by_time = gradient.times[k];
                match &mut all[injection.currents[position]].times {
                    StepTimes::Each(times) => times[step] += by_time,
                    StepTimes::Every { start, interval } => {
                        *start += by_time;
                        *interval += by_time * count(step);
                    }
                }
            }
        }
        all
    }
}

/// A number of steps as a number.
#[expect(clippy::cast_precision_loss, reason = "no list has 2^53 entries")]
pub(crate) fn count<T: Scalar>(steps: usize) -> T {
    T::from(steps as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn current(neurons: &[usize], times: StepTimes, values: &[f64]) -> InjectedCurrent {
        let neurons = neurons.iter().map(|&n| NeuronId::new(n)).collect();
        InjectedCurrent { neurons, steps: Steps { times, values: values.to_vec() } }
    }

    #[test]
    fn currents_into_one_neuron_add_up_and_share_a_gradient() {
        let every = StepTimes::Every { start: 0.0, interval: 0.01 };
        let currents = Currents::new(vec![
            current(&[0, 1], StepTimes::Each(vec![0.005, 0.02]), &[1.0, 3.0]),
            current(&[1], every, &[10.0, 20.0, 0.0]),
        ])
        .unwrap();
        let positions: Vec<_> = currents.of_neurons().iter().map(|&(_, k)| k).collect();
        assert_eq!(positions, [0, 1]);
        let merged = &currents.injections()[1];
        let steps: Vec<_> =
            merged.steps.iter().map(|s| (s.time.rounded, s.total, s.change)).collect();
        let expected = [
            (0.0, 10.0, 10.0),
            (0.005, 11.0, 1.0),
            (0.01, 21.0, 10.0),
            (0.02, 23.0, 2.0),
            (0.02, 3.0, -20.0),
        ];
        assert_eq!(steps, expected);
        let gradients = [
            InjectionGradient { totals: vec![100.0, 200.0], times: vec![0.25, 0.5] },
            InjectionGradient {
                totals: vec![1.0, 2.0, 4.0, 8.0, 16.0],
                times: vec![0.0, 1.0, 2.0, 3.0, 4.0],
            },
        ];
        let [first, second] = &currents.gradient(&gradients)[..] else { panic!() };
        // A value counts as long as it stays, whatever the other current does.
        assert_eq!(first.values, [106.0, 224.0]);
        assert_eq!(first.times, StepTimes::Each(vec![1.25, 3.5]));
        assert_eq!(second.values, [3.0, 12.0, 16.0]);
        assert_eq!(second.times, StepTimes::Every { start: 6.0, interval: 2.0 + 2.0 * 4.0 });
    }

    #[test]
    fn steps_at_equal_distances_are_as_far_apart_as_they_say() {
        let every = StepTimes::Every { start: 0.3, interval: 5e-5 };
        let steps = Steps { times: every, values: vec![0.0; 200_001] };
        for k in [0, 1, 77_777, 199_999] {
            let apart = steps.time(k + 1).since(steps.time(k));
            assert!((apart - 5e-5).abs() <= f64::EPSILON * 5e-5, "{k}: {apart}");
        }
    }
}
