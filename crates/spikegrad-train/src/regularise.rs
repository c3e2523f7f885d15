//! Settings of the pushes that keep neurons active, or from being too active. **They are not gradients**: see [`spikegrad::pushes`],
//! which they come from. A run adds none unless it is asked to, and reports how long they were.
//!
//! Not here: the counts (the training loop), the step (`optimise/`).

use std::ops::Range;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use spikegrad::{Connection, pushes};

use crate::out_of_range::{OutOfRange, check, not_negative};

/// Which pushes a run adds; by default none.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Regularisers {
    /// Keeps the number of spikes of each neuron of a population within bounds.
    #[serde(default)]
    pub rate: Option<RateTarget>,
    /// Wakes neurons that have been silent for a while.
    #[serde(default)]
    pub wake_silent: Option<WakeSilent>,
    /// What a sample whose label is silent adds, negatively, to what looks like its derivatives with respect to the weights
    /// onto that output; 0 for nothing.
    #[serde(default)]
    pub silent_label_push: f64,
}

/// Bounds for the number of spikes of a neuron.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RateTarget {
    /// Name of the population.
    pub population: String,
    /// Push for each spike too many or too few, in the unit of a derivative with respect to a weight.
    pub strength: f64,
    /// Fewest spikes of a neuron in a sample, on average over a batch.
    pub lowest: f64,
    /// Most spikes of a neuron in a sample, on average over a batch.
    pub highest: f64,
}

/// A push for silent neurons, in the spirit of Fast & Deep's weight bumping.
///
/// J. Göltz et al., *Fast and energy-efficient neuromorphic deep learning with first-spike times*, Nat. Mach. Intell. 2021
/// (arXiv:1912.11443). There it is a step, which grows while too many neurons stay silent and takes the place of the gradient; here it
/// is constant and is added.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WakeSilent {
    /// The push, in the unit of a derivative with respect to a weight; positive to wake.
    pub push: f64,
    /// Number of batches in a row, counted anew in each epoch, in which a neuron must have been silent. A neuron that answers
    /// to few samples is silent in many a batch, and is not to be taught to answer to all.
    #[serde(default = "one")]
    pub after: u32,
}

fn one() -> u32 {
    1
}

impl Regularisers {
    /// Checks that the pushes are numbers that push the way they are meant to.
    ///
    /// # Errors
    ///
    /// The first setting that is out of its range.
    pub fn validate(&self) -> Result<(), OutOfRange> {
        if let Some(rate) = &self.rate {
            not_negative("rate.strength", rate.strength)?;
            not_negative("rate.lowest", rate.lowest)?;
            not_negative("rate.highest", rate.highest)?;
            check("rate.highest", rate.highest, rate.highest >= rate.lowest, "at least `lowest`")?;
        }
        if let Some(WakeSilent { push, after }) = self.wake_silent {
            not_negative("wake_silent.push", push)?;
            check("wake_silent.after", after, after > 0, "at least 1")?;
        }
        not_negative("silent_label_push", self.silent_label_push)
    }
}

impl RateTarget {
    /// Returns the push for a neuron that has spiked `mean_count` times a sample; zero within the bounds.
    #[must_use]
    pub fn push(&self, mean_count: f64) -> f64 {
        let Self { strength, lowest, highest, .. } = *self;
        pushes::RateBounds { strength, lowest, highest }.push(mean_count)
    }
}

impl WakeSilent {
    /// Returns the push for a neuron that was silent in the last `batches` batches.
    #[must_use]
    pub fn push(&self, batches: u32) -> f64 {
        let Self { push, after } = *self;
        pushes::WakeSilent { push, after }.push(batches)
    }
}

/// A connection onto a population, whose weights lie in a flat vector of parameters.
#[derive(Clone, Debug, PartialEq)]
pub struct IncomingWeights<'a> {
    /// The connection.
    pub connection: &'a Connection,
    /// Positions of its weights in the vector.
    pub weights: Range<usize>,
}

/// Adds to `gradient` the push of each neuron of a population, once for each of its incoming synapses.
///
/// `pushes` has one number for each neuron of the population, the sum of all that push it; `connections` are all those onto the
/// population. Returns the Euclidean norm of what was added.
///
/// # Panics
///
/// If a weight lies outside of `gradient`.
pub fn add_pushes(
    pushes: &[f64],
    connections: &[IncomingWeights<'_>],
    gradient: &mut [f64],
) -> f64 {
    let squares = connections.iter().map(|IncomingWeights { connection, weights }| {
        pushes::add_to(connection, pushes, &mut gradient[weights.clone()])
    });
    squares.sum::<f64>().sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use spikegrad::{Source, Synapses};

    fn target() -> RateTarget {
        RateTarget { population: "hidden".into(), strength: 0.5, lowest: 1.0, highest: 3.0 }
    }

    #[test]
    fn counts_are_pushed_back_between_their_bounds() {
        let pushes = [0.0, 0.5, 1.0, 2.0, 3.0, 5.0].map(|count| target().push(count));
        assert_eq!(pushes.map(f64::to_bits), [-0.5, -0.25, 0.0, 0.0, 0.0, 1.0].map(f64::to_bits));
    }

    #[test]
    fn only_those_that_have_been_silent_long_enough_are_woken() {
        let wake = WakeSilent { push: 0.2, after: 3 };
        let pushes = [0, 2, 3, 4].map(|batches| wake.push(batches));
        assert_eq!(pushes.map(f64::to_bits), [0.0, 0.0, -0.2, -0.2].map(f64::to_bits));
    }

    #[test]
    fn a_push_reaches_the_incoming_weights_of_its_neuron_and_no_others() {
        // Two neurons with two inputs at 1 and one recurrent connection of two more at 6.
        let connection = &Connection::new(Source::Input, 0, Synapses::Dense);
        let connections = [1..5, 6..10].map(|weights| IncomingWeights { connection, weights });
        let mut gradient = [1.0; 11];
        let norm = add_pushes(&[0.0, -3.0], &connections, &mut gradient);
        let expected = [1.0, 1.0, 1.0, -2.0, -2.0, 1.0, 1.0, 1.0, -2.0, -2.0, 1.0];
        assert_eq!(gradient.map(f64::to_bits), expected.map(f64::to_bits));
        let added = gradient.iter().map(|g| (g - 1.0) * (g - 1.0)).sum::<f64>().sqrt();
        assert!((norm - added).abs() < 1e-14);
        assert_eq!(add_pushes(&[0.0, 0.0], &connections, &mut gradient).to_bits(), 0);
    }

    #[test]
    fn nothing_is_pushed_by_default() {
        let Regularisers { rate, wake_silent, silent_label_push } = Regularisers::default();
        assert_eq!((rate, wake_silent, silent_label_push), (None, None, 0.0));
    }

    #[test]
    fn settings_are_read_and_checked() {
        let text = r#"{"rate":{"population":"hidden","strength":0.5,"lowest":1.0,"highest":3.0},"wake_silent":{"push":0.2,"after":5},"silent_label_push":0.1}"#;
        let read: Regularisers = serde_json::from_str(text).unwrap();
        let wake_silent = Some(WakeSilent { push: 0.2, after: 5 });
        let expected = Regularisers { rate: Some(target()), wake_silent, silent_label_push: 0.1 };
        assert_eq!(read, expected);
        assert_eq!(serde_json::to_string(&read).unwrap(), text);
        assert_eq!(read.validate(), Ok(()));

        let key = |change: &dyn Fn(&mut Regularisers)| {
            let mut settings = expected.clone();
            change(&mut settings);
            settings.validate().map_err(|out| out.key)
        };
        assert_eq!(key(&|s| s.silent_label_push = -1.0), Err("silent_label_push".to_owned()));
        assert_eq!(
            key(&|s| s.wake_silent = Some(WakeSilent { push: f64::NAN, after: 1 })),
            Err("wake_silent.push".to_owned())
        );
        assert_eq!(
            key(&|s| s.wake_silent = Some(WakeSilent { push: 0.1, after: 0 })),
            Err("wake_silent.after".to_owned())
        );
        let with = |rate: RateTarget| key(&move |s| s.rate = Some(rate.clone()));
        assert_eq!(with(RateTarget { highest: 0.5, ..target() }), Err("rate.highest".to_owned()));
        assert_eq!(with(RateTarget { lowest: -0.5, ..target() }), Err("rate.lowest".to_owned()));
        assert_eq!(
            with(RateTarget { strength: -0.5, ..target() }),
            Err("rate.strength".to_owned())
        );
    }
}
