//! A recorded neuron under an injected current, from each of its spikes to the next.
//!
//! A model that runs freely beside a recording carries every error of a spike on into the next ones. Here it starts again at each recorded spike, with the potential and the adaptation that it has after
//! the spikes of the recording, and is asked for the next one: the errors of the intervals know nothing of each other. Each has exact derivatives with respect to all numbers of the neuron and
//! to the samples of the current. All intervals are neurons of one network, each with numbers of its own, so that one way back has the derivatives of all of them.
//!
//! ```text
//! interval k:   runs from t_k + t_ref,  V = v_reset,  a = a_k e^(−t_ref/τ_a)        a_k = 1 + a_{k−1} e^(−(t_k − t_{k−1})/τ_a)
//! ```
//!
//! Not here: what the current is made from, and the search for the numbers (`least_squares.rs`).

use crate::error::FitError;
use crate::numbers::count;
use spikegrad::dynamics::{alif, math};
use spikegrad::{
    Cotangents, Evaluator, InjectedCurrent, Model, Network, NeuronId, Parameters, Run, Settings,
    StepTimes, Steps, Stimulus, Values,
};

/// How many numbers of a neuron that adapts decide about its intervals: the first of its table, up to [`alif::ADAPT_CURRENT`].
pub const ALIF_NUMBERS: usize = alif::ADAPT_CURRENT + 1;

/// A current whose samples are equally far apart.
#[derive(Clone, Debug, PartialEq)]
pub struct Sampled {
    /// When the first sample begins, in seconds; it counts before that, too.
    pub start: f64,
    /// The distance of the samples, in seconds.
    pub interval: f64,
    /// The samples, in units of the potential; the last one stays.
    pub values: Vec<f64>,
}

impl Sampled {
    fn times(&self) -> StepTimes {
        StepTimes::Every { start: self.start, interval: self.interval }
    }

    /// The whole current.
    #[must_use]
    pub fn steps(&self) -> Steps {
        Steps { times: self.times(), values: self.values.clone() }
    }

    /// What is heard from `begin` to `end`, in seconds, by a run that starts at `begin`; and the position of the first sample of that, which stands for the current before it, too.
    #[must_use]
    pub fn heard(&self, [begin, end]: [f64; 2]) -> (usize, Steps) {
        let grid = Steps { times: self.times(), values: vec![] };
        let time = |k: usize| grid.time(k).rounded;
        let before = |is_before: &dyn Fn(f64) -> bool| {
            let (mut low, mut high) = (0, self.values.len());
            while low < high {
                let middle = low.midpoint(high);
                if is_before(time(middle)) { low = middle + 1 } else { high = middle }
            }
            low
        };
        let from = before(&|time| time <= begin).saturating_sub(1);
        let to = before(&|time| time < end).max(from + 1).min(self.values.len());
        let later = (from + 1..to).map(|k| time(k) - begin);
        let times = StepTimes::Each(std::iter::once(0.0).chain(later).collect());
        (from, Steps { times, values: self.values[from..to].to_vec() })
    }
}

/// When a neuron spikes next after each recorded spike but the last: times, and the way back from them.
#[derive(Clone, Debug)]
pub struct NextSpikes {
    /// In seconds; `None` where the neuron does not spike within the interval and what was added to it.
    pub times: Vec<Option<f64>>,
    run: Run,
    cotangents: Cotangents,
    /// Position of the first sample that each interval hears.
    first: Vec<usize>,
    /// The adaptation at each release, with its derivative by its time constant.
    adaptation: Vec<(f64, f64)>,
    tau_adapt: f64,
}

/// The derivatives of the time at which a neuron spikes next; all are zero where it does not.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NextSpikeGradient {
    /// With respect to the numbers of the neuron, by their positions in the table of `alif`.
    pub numbers: [f64; ALIF_NUMBERS],
    /// With respect to [`Sampled::start`], by which the whole current is later.
    pub start: f64,
    /// Position of the first sample that the interval hears.
    pub first: usize,
    /// With respect to that sample and those after it, in seconds per unit of the potential.
    pub values: Vec<f64>,
}

/// The intervals of a recorded spike train.
#[derive(Debug)]
pub struct Intervals {
    times: Vec<f64>,
    /// How far beyond its end an interval is followed, in seconds.
    beyond: f64,
    evaluator: Evaluator,
    parameters: Parameters,
}

impl Intervals {
    /// Those between the recorded `times`, in seconds, each of which is followed for `beyond` seconds after its end.
    ///
    /// # Errors
    /// [`FitError::Setting`] unless there are two times or more, each later than the one before, none negative, and `beyond` is positive.
    pub fn new(times: Vec<f64>, beyond: f64) -> Result<Self, FitError> {
        let setting = |name, value, rule| Err(FitError::Setting { name, value, rule });
        if !(beyond > 0.0 && beyond.is_finite()) {
            return setting("beyond", beyond, "positive");
        }
        if let Some(&first) = times.first().filter(|first| **first < 0.0 || first.is_nan()) {
            return setting("times[0]", first, "a time in seconds, 0 or more");
        }
        let is_later = |pair: &[f64]| pair[1] > pair[0] && pair[1].is_finite();
        if let Some(pair) = times.windows(2).find(|pair| !is_later(pair)) {
            return setting("times", pair[1], "later than the time before, and finite");
        }
        let Some(count) = times.len().checked_sub(1).filter(|count| *count > 0) else {
            return setting("times.len()", count(times.len()), "2 or more");
        };
        let model = Model::General(&alif::ALIF);
        let network = Network::builder().inputs(1).population("interval", model, count);
        let (network, mut parameters) = network.build()?;
        for (_, values) in parameters.populations[0].values_mut() {
            *values = Values::Each(vec![values.get(0); count]);
        }
        let evaluator = Evaluator::new(network, &parameters, Settings::default())?;
        Ok(Self { times, beyond, evaluator, parameters })
    }

    /// The recorded times that the intervals end at, in seconds.
    #[must_use]
    pub fn ends(&self) -> &[f64] {
        &self.times[1..]
    }

    /// When a neuron with these numbers, in the order of the table of `alif`, spikes next in each interval.
    ///
    /// # Errors
    /// [`FitError`] if the numbers are out of their ranges, or there is no run.
    pub fn next_spikes(
        &mut self,
        numbers: &[f64; ALIF_NUMBERS],
        current: &Sampled,
    ) -> Result<NextSpikes, FitError> {
        let is_sampled = current.interval > 0.0 && !current.values.is_empty();
        if !is_sampled {
            let (name, value, rule) = ("interval", current.interval, "positive, with samples");
            return Err(FitError::Setting { name, value, rule });
        }
        let (t_ref, tau_adapt) = (numbers[alif::T_REF], numbers[alif::TAU_ADAPT]);
        let adaptation = self.adaptation(t_ref, tau_adapt);
        let longest = self.times.windows(2).map(|pair| pair[1] - pair[0]).fold(0.0, f64::max);
        let t_end = longest + self.beyond;
        let of = &mut self.parameters.populations[0];
        for (position, number) in numbers.iter().enumerate() {
            of[position].as_mut_slice().fill(*number);
        }
        // One spike is all that an interval is asked for.
        of[alif::T_REF].as_mut_slice().fill(2.0 * t_end);
        of[alif::V].as_mut_slice().fill(numbers[alif::V_RESET]);
        of[alif::A] = Values::Each(adaptation.iter().map(|&(a, _)| a).collect());
        self.evaluator.set_parameters(&self.parameters)?;

        let (mut first, mut currents) = (Vec::new(), Vec::new());
        for (k, pair) in self.times.windows(2).enumerate() {
            let (from, steps) = current.heard([pair[0] + t_ref, pair[1] + self.beyond]);
            first.push(from);
            currents.push(InjectedCurrent { neurons: vec![NeuronId::new(k)], steps });
        }
        let stimulus = Stimulus::new(t_end, vec![])?.with_currents(currents)?;
        let run = self.evaluator.run(&[stimulus], &[])?;
        let mut cotangents = Cotangents::zeros(&run.traces()[0]);
        let mut times = vec![None; first.len()];
        for (spike, cotangent) in run.traces()[0].spikes.iter().zip(&mut cotangents.spikes) {
            let k = spike.neuron.index();
            let time = self.times[k] + t_ref + spike.time;
            if time <= self.times[k + 1] + self.beyond {
                times[k] = Some(time);
                *cotangent = 1.0;
            }
        }
        Ok(NextSpikes { times, run, cotangents, first, adaptation, tau_adapt })
    }

    /// The adaptation at the release after each recorded spike but the last, with its derivative by its time constant.
    fn adaptation(&self, t_ref: f64, tau: f64) -> Vec<(f64, f64)> {
        let (mut a, mut by_tau) = (0.0, 0.0);
        let mut decay = |length: f64, step: f64| {
            let factor = math::exp(-length / tau);
            (a, by_tau) = (step + factor * a, factor * (by_tau + a * length / (tau * tau)));
            (a, by_tau)
        };
        let mut released = Vec::new();
        for (k, pair) in self.times.windows(2).enumerate() {
            let before = if k == 0 { 0.0 } else { pair[0] - self.times[k - 1] };
            let (a, by_tau) = decay(before, 1.0);
            let factor = math::exp(-t_ref / tau);
            released.push((factor * a, factor * (by_tau + a * t_ref / (tau * tau))));
        }
        released
    }
}

impl NextSpikes {
    /// The derivatives of all times, each with respect to the numbers of one and the same neuron.
    ///
    /// # Errors
    /// [`FitError`] if a spike grazes its threshold and has none.
    pub fn gradients(&self) -> Result<Vec<NextSpikeGradient>, FitError> {
        let gradient = self.run.backward(std::slice::from_ref(&self.cotangents))?;
        let of = &gradient.parameters.populations[0];
        let one = |(k, time): (usize, &Option<f64>)| {
            let mut one = NextSpikeGradient { first: self.first[k], ..Default::default() };
            let steps = &gradient.currents[0][k];
            one.values.clone_from(&steps.values);
            if time.is_none() {
                return one;
            }
            one.numbers = std::array::from_fn(|position| of[position].get(k));
            if let StepTimes::Each(times) = &steps.times {
                // The step at 0 stands for the current before it, and does not move.
                one.start = times.iter().skip(1).sum();
            }
            let (by_a, (a, a_by_tau)) = (of[alif::A].get(k), self.adaptation[k]);
            // A later release is a later run, under an earlier current, with less adaptation.
            one.numbers[alif::T_REF] = 1.0 - one.start - by_a * a / self.tau_adapt;
            one.numbers[alif::TAU_ADAPT] += by_a * a_by_tau;
            one.numbers[alif::V_RESET] += of[alif::V].get(k);
            one
        };
        Ok(self.times.iter().enumerate().map(one).collect())
    }
}
