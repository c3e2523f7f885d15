//! What the answer of a network to a sample means.
//!
//! Spiking outputs name the class by who spikes first, integrators by whose potential is highest; where the data hold target spike
//! trains, no class is named, and an answer is right if each output has as many spikes as its target. A trace is read once, into a
//! [`Verdict`].
//!
//! Not here: averages over samples (`score.rs`).

use serde::{Deserialize, Serialize};
use spikegrad::dynamics::math;
use spikegrad::network::Time;
use spikegrad::{Grazing, Trace};

use super::classifier::Classifier;
use crate::data::DataSet;

/// What a network said about a sample.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// The class of the answer; `None` if all outputs are silent or the first are tied, or if there are targets and no classes.
    pub class: Option<usize>,
    /// Share of that class in the loss's softmax; one over the number of classes is a guess. Without classes it is not a number.
    pub confidence: f64,
    /// Spikes of each neuron.
    pub spikes: Vec<u32>,
    /// For each class, whether its output is a spiking neuron without a spike.
    pub silent: Vec<bool>,
    /// The smallest dV/dt at a spike, per second; infinite without spikes.
    pub smallest_slope: f64,
    /// Spikes and touches at which the policy for grazing acts, and the gradient is not exact.
    pub inexact: usize,
}

impl Classifier {
    /// Reads the answer of the network from a run, with the read-outs of the loss, whose gradient is taken with this policy.
    ///
    /// # Panics
    ///
    /// If the run is that of a larger network.
    #[must_use]
    pub fn verdict(&self, trace: &Trace, grazing: Grazing) -> Verdict {
        let outputs = self.network().range(self.output());
        let mut spikes = vec![0; self.network().neurons()];
        let mut first = vec![None; outputs.len()];
        let mut smallest_slope = f64::INFINITY;
        let mut inexact = if grazing == Grazing::Fail { 0 } else { trace.touches.len() };
        for spike in &trace.spikes {
            smallest_slope = smallest_slope.min(spike.slope);
            inexact += usize::from(match grazing {
                Grazing::Fail => false,
                Grazing::Zero => spike.slope <= 0.0,
                Grazing::Floor(floor) => spike.slope < floor,
            });
            spikes[spike.neuron.index()] += 1;
            if let Some(class) = spike.neuron.index().checked_sub(outputs.start) {
                first[class].get_or_insert(spike.at());
            }
        }
        // The larger the better.
        let (unit, goes_on) = (self.config().loss.unit(), self.config().loss.reads_pseudospikes());
        let (scores, silent): (Vec<f64>, Vec<bool>) = if self.config().loss.reads_spikes() {
            let silent = first.iter().map(Option::is_none).collect();
            if goes_on {
                // One that is silent answers when it would have spiked.
                let end = Time::from(self.config().t_end);
                for (first, next) in first.iter_mut().zip(&trace.readouts) {
                    first.get_or_insert(end.after(next.value));
                }
            }
            (lead(&first, self.config().t_end, unit), silent)
        } else {
            // Those of the task come first.
            let read = trace.readouts.iter().take(outputs.len());
            let read = read.map(|readout| readout.value / unit);
            (read.collect(), vec![false; outputs.len()])
        };
        if self.config().loss.reads_targets() {
            let (class, confidence) = (None, f64::NAN);
            return Verdict { class, confidence, spikes, silent, smallest_slope, inexact };
        }
        let best = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let wins =
            |(k, score): (usize, &f64)| (*score >= best && (goes_on || !silent[k])).then_some(k);
        let mut winners = scores.iter().enumerate().filter_map(wins);
        let class = winners.next().filter(|_| winners.next().is_none());
        let confidence = 1.0 / scores.iter().map(|score| math::exp(score - best)).sum::<f64>();
        Verdict { class, confidence, spikes, silent, smallest_slope, inexact }
    }

    /// Whether this is the right answer to sample `k` of these data.
    #[must_use]
    pub fn is_right(&self, verdict: &Verdict, data: &DataSet, k: usize) -> bool {
        if !self.config().loss.reads_targets() {
            return verdict.class.is_some() && verdict.class == data.labels.get(k).copied();
        }
        let spikes = &verdict.spikes[self.network().range(self.output())];
        data.target(k).is_some_and(|targets| {
            let count =
                |(spikes, target): (&u32, &Vec<f64>)| usize::try_from(*spikes) == Ok(target.len());
            spikes.len() == targets.len() && spikes.iter().zip(&targets).all(count)
        })
    }

    /// Whether there is no answer: all outputs are silent, or the first are tied.
    #[must_use]
    pub fn is_undecided(&self, verdict: &Verdict) -> bool {
        match self.config().loss.reads_targets() {
            true => verdict.silent.iter().all(|silent| *silent),
            false => verdict.class.is_none(),
        }
    }
}

/// Minus how much later than the first of all is each of these times, in `unit` s; one that is missing is at the end.
///
/// Counted from the first and not from 0, they differ wherever the times do, be it by what their rounding left off.
fn lead(times: &[Option<Time>], t_end: f64, unit: f64) -> Vec<f64> {
    let end = Time::from(t_end);
    let times: Vec<Time> = times.iter().map(|time| time.unwrap_or(end)).collect();
    let earlier = |a: Time, b: Time| if b.since(a) < 0.0 { b } else { a };
    let first = times.iter().copied().fold(end, earlier);
    times.iter().map(|time| -time.since(first) / unit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Config;
    use crate::config::Wanted;
    use spikegrad::dynamics::TimeConstants;
    use spikegrad::{Loss, NeuronId, Settings, Spike, Stimulus, simulate};

    fn classifier() -> Classifier {
        let mut config = Config::default();
        config.set("layers.0.size", "4").unwrap();
        Classifier::new(&config, 5, 3).unwrap()
    }

    fn spike(neuron: usize, time: f64, slope: f64) -> Spike {
        Spike {
            time,
            time_remainder: 0.0,
            neuron: NeuronId::new(neuron),
            round: 0,
            slope,
            release_rate: 0.0,
            tangent: TimeConstants::default(),
        }
    }

    #[test]
    fn the_first_spike_decides_and_a_tie_or_silence_decides_nothing() {
        let classifier = classifier();
        let class = |times: [Option<f64>; 3]| {
            let spikes =
                times.iter().zip(4..).filter_map(|(time, n)| Some(spike(n, (*time)?, 1.0)));
            let trace = Trace { spikes: spikes.collect(), ..Trace::default() };
            classifier.verdict(&trace, Grazing::Fail).class
        };
        assert_eq!(class([Some(0.02), Some(0.01), None]), Some(1));
        assert_eq!(class([None, None, Some(0.05)]), Some(2));
        assert_eq!(class([None, None, Some(0.06)]), Some(2), "the very end is early enough");
        assert_eq!(class([Some(0.01), Some(0.02), Some(0.01)]), None);
        assert_eq!(class([None, None, None]), None);
    }

    #[test]
    fn outputs_that_go_on_after_the_run_answer_with_whoever_is_next() {
        let mut config = Config::default();
        for (key, value) in [
            ("loss.pseudospikes", "true"),
            ("layers.1.model", "qif_delta"),
            ("layers.1.tau_mem", "1"),
            ("layers.1.bias", "1.25"),
            ("layers.1.initial_v", r#"{"mean": 0.5, "std": 0.1}"#),
            ("layers.1.weights", r#"{"mean": 0, "std": 0}"#),
        ] {
            config.set(key, value).unwrap();
        }
        let next = |config: &Config| {
            let classifier = Classifier::new(config, 5, 3).unwrap();
            let (network, parameters) = (classifier.network(), classifier.parameters());
            let (mut requests, stimulus) = (vec![], Stimulus::new(config.t_end, vec![]).unwrap());
            let loss = config.loss.of_sample("output", Wanted::Label(0)).unwrap();
            Loss::<f64>::request(&loss, network, &mut requests);
            let settings = Settings::default();
            let trace = simulate(network, parameters, &stimulus, &requests, &settings).unwrap();
            let verdict = classifier.verdict(&trace, Grazing::Fail);
            assert_eq!(verdict.silent, [true; 3]);
            let start = parameters.populations[1][spikegrad::dynamics::qif::delta::V].clone();
            (verdict.class, start)
        };
        for seed in 0..5 {
            config.seed = seed;
            let (class, start) = next(&config);
            // Nothing arrives, so that the highest potential is the first at its spike.
            let start = start.as_slice();
            assert!(start.iter().all(|v| *v <= start[class.unwrap()]), "{class:?} {start:?}");
        }
        config.set("loss.pseudospikes", "false").unwrap();
        assert_eq!(next(&config).0, None);
    }

    #[test]
    fn spikes_next_to_each_other_are_no_tie() {
        let classifier = classifier();
        let class = |spikes: [Spike; 2]| {
            let trace = Trace { spikes: spikes.to_vec(), ..Trace::default() };
            classifier.verdict(&trace, Grazing::Fail).class
        };
        let mut time: f64 = 0.03;
        for _ in 0..1000 {
            let next = time.next_up();
            // Divided by the unit of the loss, some of these are equal.
            assert_eq!(class([spike(4, time, 1.0), spike(6, next, 1.0)]), Some(0), "{time}");
            time = next;
        }
        let late = |rest: f64| Spike { time_remainder: rest, ..spike(6, time, 1.0) };
        assert_eq!(class([spike(4, time, 1.0), late(1e-19)]), Some(0));
        assert_eq!(class([spike(4, time, 1.0), late(-1e-19)]), Some(2));
        assert_eq!(class([spike(4, time, 1.0), late(0.0)]), None);
    }

    #[test]
    fn a_trace_is_read_into_a_verdict() {
        let classifier = classifier();
        let tau0 = 0.00025;
        let spikes = vec![
            spike(2, 0.01, 30.0),
            spike(5, 0.02, 7.0),
            spike(4, 0.02 + tau0, 50.0),
            spike(5, 0.03, 50.0),
        ];
        let verdict =
            classifier.verdict(&Trace { spikes, ..Trace::default() }, Grazing::Floor(30.0));
        assert_eq!(verdict.class, Some(1));
        assert_eq!(verdict.spikes, [0, 0, 1, 0, 1, 2, 0]);
        assert_eq!(verdict.silent, [false, false, true]);
        assert_eq!(verdict.smallest_slope.to_bits(), 7f64.to_bits());
        assert_eq!(verdict.inexact, 1, "one of the slopes is below the floor");
        // The runner-up is one τ₀ later, the silent output at the end of time.
        let expected = 1.0 / (1.0 + (-1f64).exp());
        assert!((verdict.confidence - expected).abs() < 1e-12, "{}", verdict.confidence);

        let silent = classifier.verdict(&Trace::default(), Grazing::Fail);
        assert_eq!((silent.class, silent.silent), (None, vec![true; 3]));
        assert!((silent.confidence - 1.0 / 3.0).abs() < 1e-15);
    }
}
