//! What goes into one run: input spikes, checked and kept in the order of time, and injected currents (`currents.rs`). Not here: how data becomes spikes (`spikegrad_train`).

use crate::currents::Currents;
use crate::{InjectedCurrent, NetworkError};
use spikegrad_dynamics::Scalar;
use std::sync::Arc;

/// A spike on an input channel.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct InputSpike<T = f64> {
    /// Input channel.
    pub channel: usize,
    /// Time, in seconds.
    pub time: T,
}

/// Input spikes, injected currents, and the end of the run.
#[derive(Debug, PartialEq)]
pub struct Stimulus<T = f64> {
    t_end: f64,
    spikes: Vec<InputSpike<T>>,
    /// Position of each sorted spike in the order in which they were given.
    given: Vec<usize>,
    /// Not changed any more, and shared with the records of runs.
    currents: Option<Arc<Currents<T>>>,
}

impl<T: Clone> Clone for Stimulus<T> {
    fn clone(&self) -> Self {
        let Self { t_end, spikes, given, currents } = self;
        let (spikes, given) = (spikes.clone(), given.clone());
        Self { t_end: *t_end, spikes, given, currents: currents.clone() }
    }

    /// In the memory that `self` has.
    fn clone_from(&mut self, source: &Self) {
        self.t_end = source.t_end;
        self.spikes.clone_from(&source.spikes);
        self.given.clone_from(&source.given);
        self.currents.clone_from(&source.currents);
    }
}

impl<T> Default for Stimulus<T> {
    /// No spikes, no currents, no time.
    fn default() -> Self {
        Self { t_end: 0.0, spikes: Vec::new(), given: Vec::new(), currents: None }
    }
}

impl<T: Scalar> Stimulus<T> {
    /// Checks and sorts `spikes`, given in any order; what lies after `t_end` (seconds) has no effect.
    ///
    /// # Errors
    /// [`NetworkError::Value`] if a time or `t_end` is negative or not finite.
    ///
    /// # Examples
    /// ```
    /// use spikegrad_network::{InputSpike, Stimulus};
    /// let late_first = vec![InputSpike { channel: 0, time: 0.012 }, InputSpike { channel: 1, time: 0.004 }];
    /// let stimulus = Stimulus::new(0.05, late_first)?;
    /// assert_eq!(stimulus.spikes()[0].channel, 1);
    /// # Ok::<(), spikegrad_network::NetworkError>(())
    /// ```
    pub fn new(t_end: f64, spikes: Vec<InputSpike<T>>) -> Result<Self, NetworkError> {
        let expected = "a time in seconds, 0 or more";
        if !(t_end.is_finite() && t_end >= 0.0) {
            return Err(NetworkError::Value {
                place: "stimulus.t_end".into(),
                value: t_end,
                expected,
            });
        }
        for (k, spike) in spikes.iter().enumerate() {
            let value = spike.time.re();
            if !(spike.time.is_all_finite() && value >= 0.0) {
                return Err(NetworkError::Value {
                    place: format!("stimulus.spikes[{k}][1]"),
                    value,
                    expected,
                });
            }
        }
        let mut given: Vec<usize> = (0..spikes.len()).collect();
        // By time, then channel: the order of the file must not show in the bits of a sum.
        given.sort_by(|&a, &b| {
            let (a, b) = (&spikes[a], &spikes[b]);
            // −0.0 is the time 0.
            (a.time.re() + 0.0).total_cmp(&(b.time.re() + 0.0)).then(a.channel.cmp(&b.channel))
        });
        let spikes = given.iter().map(|&k| spikes[k]).collect();
        Ok(Self { t_end, spikes, given, currents: None })
    }

    /// With these currents in place of those that it has. A step after the end has no effect.
    ///
    /// # Errors
    /// [`NetworkError`] with the place among `stimulus.currents`: times that are not in order, numbers that are not finite, as many values as steps are not there, a neuron
    /// named twice by one current.
    ///
    /// # Examples
    /// A neuron that gets 1.5 thresholds of current from 10 ms to 30 ms fires while it lasts.
    /// ```
    /// use spikegrad_network::{InjectedCurrent, NeuronId, StepTimes, Steps, Stimulus};
    /// let steps = Steps { times: StepTimes::Each(vec![0.01, 0.03]), values: vec![1.5, 0.0] };
    /// let current = InjectedCurrent { neurons: vec![NeuronId::new(0)], steps };
    /// let stimulus = Stimulus::new(0.05, vec![])?.with_currents(vec![current])?;
    /// assert_eq!(stimulus.injected().len(), 1);
    /// # Ok::<(), spikegrad_network::NetworkError>(())
    /// ```
    pub fn with_currents(self, injected: Vec<InjectedCurrent<T>>) -> Result<Self, NetworkError> {
        let currents = match injected[..] {
            [] => None,
            _ => Some(Arc::new(Currents::new(injected)?)),
        };
        Ok(Self { currents, ..self })
    }

    /// With the currents of `other` in place of those that it has. They are shared, and need neither checks nor memory of their own.
    #[must_use]
    pub fn with_currents_of(self, other: &Self) -> Self {
        Self { currents: other.currents.clone(), ..self }
    }

    /// The currents as they were given.
    #[must_use]
    pub fn injected(&self) -> &[InjectedCurrent<T>] {
        self.currents.as_ref().map_or(&[], |currents| currents.injected())
    }

    /// The currents, if there are any, merged for each neuron.
    #[must_use]
    pub fn currents(&self) -> Option<&Arc<Currents<T>>> {
        self.currents.as_ref()
    }

    /// End of the run, in seconds.
    #[must_use]
    pub fn t_end(&self) -> f64 {
        self.t_end
    }

    /// The spikes in the order of time.
    #[must_use]
    pub fn spikes(&self) -> &[InputSpike<T>] {
        &self.spikes
    }

    /// For each sorted spike its position in the order in which the spikes were given.
    #[must_use]
    pub fn given_positions(&self) -> &[usize] {
        &self.given
    }

    /// The same stimulus in other numbers: `f`, which must keep real parts, gets the time of each spike in the order in which they were given, and then the numbers of
    /// each current, in the order of [`Steps::numbers`](crate::Steps::numbers).
    #[must_use]
    pub fn lift<U: Scalar>(&self, mut f: impl FnMut(T) -> U) -> Stimulus<U> {
        let sorted: Vec<T> = self.spikes.iter().map(|spike| spike.time).collect();
        let times: Vec<U> = self.in_given_order(&sorted).into_iter().map(&mut f).collect();
        let lifted = |(&k, spike): (&usize, &InputSpike<T>)| InputSpike {
            channel: spike.channel,
            time: times[k],
        };
        let spikes = self.given.iter().zip(&self.spikes).map(lifted).collect();
        let currents = self.currents.as_ref().map(|currents| Arc::new(currents.lift(f)));
        Stimulus { t_end: self.t_end, spikes, given: self.given.clone(), currents }
    }

    /// Brings one entry for each sorted spike into the order in which the spikes were given; one that is missing is zero.
    #[must_use]
    pub fn in_given_order(&self, sorted: &[T]) -> Vec<T> {
        let mut all = Vec::new();
        self.in_given_order_into(sorted, &mut all);
        all
    }

    /// Like [`Self::in_given_order`], in the caller's memory, which is overwritten.
    pub fn in_given_order_into(&self, sorted: &[T], into: &mut Vec<T>) {
        into.clear();
        into.resize(self.given.len(), T::from(0.0));
        for (&k, &x) in self.given.iter().zip(sorted) {
            into[k] = x;
        }
    }
}
