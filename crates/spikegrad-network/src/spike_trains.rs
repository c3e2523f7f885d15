//! Spikes of many samples in flat arrays: inputs and targets of data, and what neurons did.
//!
//! Not here: files of them (`spikegrad_train`), one run's input (`stimulus.rs`).

use crate::{InputSpike, Network, NetworkError, Spike, Stimulus, Trace};
use thiserror::Error;

/// The spikes of all samples in one list.
#[derive(Clone, Debug, PartialEq)]
pub struct SpikeTrains {
    /// Number of channels of a sample.
    pub channels: usize,
    /// Sample k has the spikes `offsets[k]..offsets[k + 1]`; one more entry than samples.
    pub offsets: Vec<usize>,
    /// Time of each spike in s, from the start of its sample, not falling within a sample.
    pub times: Vec<f64>,
    /// Channel of each spike.
    pub channel: Vec<u32>,
}

/// Spike trains that disagree with themselves.
#[derive(Clone, Debug, Error, PartialEq)]
#[non_exhaustive]
pub enum SpikeTrainsError {
    /// Not as many channels as times.
    #[error("there are {times} times, but {channels} channels; each spike needs both")]
    SpikeCount {
        /// Number of times.
        times: usize,
        /// Number of channels.
        channels: usize,
    },

    /// Offsets that do not cut a list into pieces.
    #[error("offset {position} is {found}; offsets begin with 0 and do not fall")]
    Offset {
        /// Position of the offset, counted from 0.
        position: usize,
        /// The offset.
        found: usize,
    },

    /// Spikes that belong to no sample, or samples without their spikes.
    #[error("the last offset is {last}, but must be {spikes}, the number of spikes")]
    LastOffset {
        /// The last offset.
        last: usize,
        /// Number of spikes.
        spikes: usize,
    },

    /// A time at which nothing can happen.
    #[error("the time of spike {spike} is {found:?}, but must be 0 s or more")]
    Time {
        /// Position of the spike in the whole list, counted from 0.
        spike: usize,
        /// The time, in s.
        found: f64,
    },

    /// Spikes in another order than that of time.
    #[error("the spikes of sample {sample} are not sorted by time")]
    Unsorted {
        /// Position of the sample, counted from 0.
        sample: usize,
    },

    /// A channel that does not exist.
    #[error(
        "the channel of spike {spike} is {found}, but must be below {channels}, the number of channels"
    )]
    Channel {
        /// Position of the spike in the whole list, counted from 0.
        spike: usize,
        /// The channel.
        found: u32,
        /// Number of channels.
        channels: usize,
    },
}

impl SpikeTrains {
    /// No samples on `channels` channels.
    #[must_use]
    pub fn new(channels: usize) -> Self {
        Self { channels, offsets: vec![0], times: Vec::new(), channel: Vec::new() }
    }

    /// Returns the number of samples.
    #[must_use]
    pub fn len(&self) -> usize {
        self.offsets.len().saturating_sub(1)
    }

    /// Returns whether there is no sample.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds a sample with these spikes, (time in s, channel), and sorts them by time. Spikes of the
    /// same time keep their order.
    pub fn push(&mut self, spikes: &mut [(f64, u32)]) {
        spikes.sort_by(|a, b| a.0.total_cmp(&b.0));
        self.times.extend(spikes.iter().map(|spike| spike.0));
        self.channel.extend(spikes.iter().map(|spike| spike.1));
        self.offsets.push(self.times.len());
    }

    /// Checks that the list is in order, but for the times within a sample, and sorts these. Spikes of the same time keep their
    /// order.
    ///
    /// # Errors
    ///
    /// As [`check`](Self::check).
    pub fn sorted(mut self) -> Result<Self, SpikeTrainsError> {
        self.check_offsets()?;
        self.check_spikes()?;
        let mut spikes = Vec::new();
        for bounds in self.offsets.windows(2) {
            let range = bounds[0]..bounds[1];
            let (times, channel) = (&mut self.times[range.clone()], &mut self.channel[range]);
            if times.is_sorted_by(|a, b| a <= b) {
                continue;
            }
            spikes.clear();
            spikes.extend(times.iter().copied().zip(channel.iter().copied()));
            spikes.sort_by(|a, b| a.0.total_cmp(&b.0));
            for (k, &spike) in spikes.iter().enumerate() {
                (times[k], channel[k]) = spike;
            }
        }
        Ok(self)
    }

    /// Checks that the list is in order: one channel for each time, offsets that cut it up from its
    /// beginning to its end, times that do not fall within a sample, and channels that exist.
    ///
    /// # Errors
    ///
    /// [`SpikeTrainsError::SpikeCount`], [`SpikeTrainsError::Offset`], [`SpikeTrainsError::LastOffset`],
    /// [`SpikeTrainsError::Time`], [`SpikeTrainsError::Unsorted`] or [`SpikeTrainsError::Channel`].
    pub fn check(&self) -> Result<(), SpikeTrainsError> {
        self.check_offsets()?;
        self.check_spikes()?;
        let unsorted = |bounds: &[usize]| {
            let times = &self.times[bounds[0]..bounds[1]];
            !times.is_sorted_by(|a, b| a <= b)
        };
        match self.offsets.windows(2).position(unsorted) {
            Some(sample) => Err(SpikeTrainsError::Unsorted { sample }),
            None => Ok(()),
        }
    }

    /// The part of [`check`](Self::check) that makes it safe to cut the list.
    fn check_offsets(&self) -> Result<(), SpikeTrainsError> {
        let spikes = self.times.len();
        if self.channel.len() != spikes {
            return Err(SpikeTrainsError::SpikeCount {
                times: spikes,
                channels: self.channel.len(),
            });
        }
        if self.offsets.first() != Some(&0) {
            let found = self.offsets.first().copied().unwrap_or(0);
            return Err(SpikeTrainsError::Offset { position: 0, found });
        }
        if let Some(k) = self.offsets.windows(2).position(|pair| pair[1] < pair[0]) {
            return Err(SpikeTrainsError::Offset { position: k + 1, found: self.offsets[k + 1] });
        }
        match self.offsets.last() {
            Some(&last) if last != spikes => Err(SpikeTrainsError::LastOffset { last, spikes }),
            _ => Ok(()),
        }
    }

    /// The part of [`check`](Self::check) that looks at each spike.
    fn check_spikes(&self) -> Result<(), SpikeTrainsError> {
        if let Some(spike) = self.times.iter().position(|time| !(0.0..f64::INFINITY).contains(time))
        {
            return Err(SpikeTrainsError::Time { spike, found: self.times[spike] });
        }
        let channels = self.channels;
        let beyond = |&channel: &u32| usize::try_from(channel).is_ok_and(|k| k >= channels);
        match self.channel.iter().position(beyond) {
            Some(spike) => {
                Err(SpikeTrainsError::Channel { spike, found: self.channel[spike], channels })
            }
            None => Ok(()),
        }
    }

    /// Keeps the first `n` samples and returns the others.
    ///
    /// # Panics
    /// If there are not so many.
    #[must_use]
    pub fn split_off(&mut self, n: usize) -> Self {
        let cut = self.offsets[n];
        let offsets = self.offsets[n..].iter().map(|offset| offset - cut).collect();
        self.offsets.truncate(n + 1);
        let (times, channel) = (self.times.split_off(cut), self.channel.split_off(cut));
        Self { channels: self.channels, offsets, times, channel }
    }

    /// The spikes of the neurons of some runs: a channel for each neuron of the network, in order.
    ///
    /// # Panics
    ///
    /// If a neuron has no number of 32 bits.
    #[must_use]
    pub fn of_runs(network: &Network, traces: &[Trace]) -> Self {
        let mut trains = Self::new(network.neurons());
        for trace in traces {
            let channel = |spike: &Spike| u32::try_from(spike.neuron.index());
            trains.times.extend(trace.spikes.iter().map(|spike| spike.time));
            trains.channel.extend(trace.spikes.iter().map(|s| channel(s).expect("a small index")));
            trains.offsets.push(trains.times.len());
        }
        trains
    }

    /// Each sample as the input of a run that ends at `t_end`, in seconds.
    ///
    /// # Errors
    ///
    /// [`NetworkError`], with the place, if a time cannot be that of an input.
    ///
    /// # Panics
    ///
    /// If the trains do not pass [`check`](Self::check).
    ///
    /// # Examples
    /// ```
    /// use spikegrad_network::SpikeTrains;
    /// let mut trains = SpikeTrains::new(2);
    /// trains.push(&mut [(0.004, 1), (0.001, 0)]);
    /// trains.push(&mut []);
    /// let stimuli = trains.stimuli(0.05)?;
    /// assert_eq!((stimuli.len(), stimuli[0].spikes()[1].channel), (2, 1));
    /// # Ok::<(), spikegrad_network::NetworkError>(())
    /// ```
    pub fn stimuli(&self, t_end: f64) -> Result<Vec<Stimulus>, NetworkError> {
        let input = |k: usize| InputSpike {
            channel: usize::try_from(self.channel[k]).expect("a checked channel"),
            time: self.times[k],
        };
        let sample = |(k, bounds): (usize, &[usize])| {
            let spikes = (bounds[0]..bounds[1]).map(input).collect();
            Stimulus::new(t_end, spikes).map_err(|error| error.below(&format!("samples[{k}]")))
        };
        self.offsets.windows(2).enumerate().map(sample).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trains() -> SpikeTrains {
        let mut trains = SpikeTrains::new(4);
        trains.push(&mut [(0.5, 3), (0.25, 1)]);
        trains.push(&mut []);
        trains.push(&mut [(0.0, 0)]);
        trains
    }

    #[test]
    fn spike_trains_that_disagree_with_themselves_are_refused() {
        let refused = |change: fn(&mut SpikeTrains), message: &str| {
            let mut trains = trains();
            change(&mut trains);
            assert_eq!(trains.check().unwrap_err().to_string(), message);
        };
        refused(|t| t.times.push(1.0), "there are 4 times, but 3 channels; each spike needs both");
        refused(|t| t.offsets[0] = 1, "offset 0 is 1; offsets begin with 0 and do not fall");
        refused(|t| t.offsets.clear(), "offset 0 is 0; offsets begin with 0 and do not fall");
        refused(|t| t.offsets[2] = 1, "offset 2 is 1; offsets begin with 0 and do not fall");
        refused(|t| t.offsets[3] = 9, "the last offset is 9, but must be 3, the number of spikes");
        refused(|t| t.times[1] = -0.5, "the time of spike 1 is -0.5, but must be 0 s or more");
        refused(|t| t.times[2] = f64::NAN, "the time of spike 2 is NaN, but must be 0 s or more");
        refused(
            |t| t.channel[0] = 4,
            "the channel of spike 0 is 4, but must be below 4, the number of channels",
        );
        refused(|t| t.times[0] = 0.75, "the spikes of sample 0 are not sorted by time");
    }
}
