//! The record of a run: spikes and read-outs with what the backward pass needs of the state there.
//!
//! A trace holds **spikes, not arrivals**: an arrival is a spike seen through a synapse and can be regenerated, so memory
//! is O(spikes + input spikes). Not here: how it is made (`spikegrad_simulate`) or read (`spikegrad_adjoint`).

use crate::{NeuronId, Stimulus, Time};
use spikegrad_dynamics::{OtherTimeConstants, Scalar, TimeConstants, Vector};

/// A spike of a neuron.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spike<T = f64> {
    /// Time, in seconds.
    pub time: T,
    /// What the rounding of the time left off.
    pub time_remainder: f64,
    /// Who spiked.
    pub neuron: NeuronId,
    /// Which of the rounds at this instant: 0, or more after arrivals at the very same time.
    pub round: u32,
    /// dV/dt just before, per second; infinite where an arrival made the potential jump to the threshold or above it.
    pub slope: T,
    /// dV/dt just after the refractory time, per second; zero if the run ended before.
    pub release_rate: T,
    /// ∂V/∂(time constants) just before, at fixed event times; zero if not recorded.
    pub tangent: TimeConstants<T>,
}

impl<T: Scalar> Spike<T> {
    /// Whether an arrival made the potential jump to the threshold or above it: the spike moves with that arrival, and with nothing else.
    #[must_use]
    pub fn is_jump(&self) -> bool {
        self.slope.re().is_infinite()
    }

    /// The time with what its rounding left off.
    #[must_use]
    pub fn at(&self) -> Time<T> {
        Time { rounded: self.time, remainder: self.time_remainder }
    }
}

/// A potential that touched its threshold with slope zero: no spike, and no gradient.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Touch {
    /// Whose potential.
    pub neuron: NeuronId,
    /// When, in seconds.
    pub time: f64,
}

/// What to read from the membrane potential of a neuron.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Measure {
    /// V at a time, in seconds, from 0 to the end of the run; after spikes of the neuron at that time (within the refractory time
    /// it is `v_reset`), before arrivals.
    Sample {
        /// When.
        time: f64,
    },
    /// The maximum of V over the whole run; of a neuron that spikes its threshold.
    Maximum,
    /// The time average of V over the whole run.
    Mean,
    /// The time average of `e^(−t/tau) V` over the whole run of length T, `(1/T) ∫ e^(−t/tau) V dt`: what happens early counts
    /// for more.
    Weighted {
        /// How fast the weight fades, in seconds, positive; with an infinite one it is the mean.
        tau: f64,
    },
    /// Not a potential: seconds from the end of the run to a spike of the neuron after it, as if it went on by itself
    /// (docs/mathematics.md, eqs. 27 to 27d). Of `qif` and `qif_delta` neurons.
    Pseudospike {
        /// Which, counted from 1.
        index: u32,
        /// Width of the softplus that makes the drive of neurons with a current positive, positive; it has the unit of a current.
        width: f64,
    },
}

impl Measure {
    /// The rate at which the weight of an integral over the whole run fades, per second: zero for a mean, `None` if this is no
    /// integral.
    #[must_use]
    pub fn decay_rate(self) -> Option<f64> {
        match self {
            Self::Sample { .. } | Self::Maximum | Self::Pseudospike { .. } => None,
            Self::Mean => Some(0.0),
            Self::Weighted { tau } => Some(tau.recip()),
        }
    }
}

/// A read-out that a run shall record.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ReadoutRequest {
    /// Whose potential.
    pub neuron: NeuronId,
    /// What of it.
    pub measure: Measure,
}

/// A maximum cut off by an arrival, with which its time moves.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cusp<T = f64> {
    /// The round of the arrival.
    pub round: u32,
    /// dV/dt before the arrival, per second: not negative but for rounding.
    pub rate_before: T,
    /// dV/dt after it, per second.
    pub rate_after: T,
}

impl<T: Scalar> Cusp<T> {
    /// d(maximum)/d(time of an arrival) that is one of those that cut the maximum off, and changes the rate by `change`: together they
    /// move it at the rate before them, and each gets the share that it has in the change of the rate.
    #[must_use]
    pub fn share(&self, change: T) -> T {
        self.rate_before * change / (self.rate_after - self.rate_before)
    }
}

/// What a potential that was read follows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Place<T = f64> {
    /// The free motion of the membrane, before what arrives at that time; that of an average stands for the whole run.
    Free,
    /// The free motion of the membrane, after what arrives at that time: a maximum within a rounding of an arrival.
    AfterArrivals,
    /// The reset value, within the refractory time.
    Clamped,
    /// The threshold, at a spike.
    Threshold,
    /// The free motion of the membrane up to an arrival that cuts it off.
    Cusp(Cusp<T>),
    /// All that takes part in what comes after the run.
    Pseudospike,
}

/// A read-out, recorded.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Readout<T = f64> {
    /// What was asked for.
    pub request: ReadoutRequest,
    /// When V had this value, in seconds; for an average the end of the run.
    pub time: T,
    /// What the rounding of the time left off.
    pub time_remainder: f64,
    /// The value.
    pub value: T,
    /// What the value follows.
    pub place: Place<T>,
    /// Another time at which a maximum was reached, in seconds, if there is one: its derivative is one-sided then.
    pub rival: Option<f64>,
    /// ∂(value)/∂(time constants) at fixed event times; zero if not recorded.
    pub tangent: TimeConstants<T>,
}

impl<T: Scalar> Readout<T> {
    /// The time with what its rounding left off.
    #[must_use]
    pub fn at(&self) -> Time<T> {
        Time { rounded: self.time, remainder: self.time_remainder }
    }

    /// The arrival that cuts a maximum off, if one does.
    #[must_use]
    pub fn cusp(&self) -> Option<Cusp<T>> {
        if let Place::Cusp(cusp) = self.place { Some(cusp) } else { None }
    }
}

/// Whether a trace holds the derivatives with respect to time constants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tangents {
    /// In each spike and read-out.
    #[default]
    Recorded,
    /// The run did not carry them: there is no gradient of this trace. What stands in their place is zero and means
    /// nothing.
    Omitted,
}

/// The state of a neuron that is not linear, just after an arrival or a spike of its own.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Recorded<T = f64> {
    /// When.
    pub time: Time<T>,
    /// Which of the rounds at this instant.
    pub round: u32,
    /// Whether it is the neuron's own spike.
    pub is_spike: bool,
    /// The state.
    pub state: Vector<T>,
    /// Position of what was recorded of this neuron before.
    pub previous: Option<usize>,
}

/// The states of the neurons that are not linear, in the order in which they were recorded. It grows with what arrives at them; of linear
/// neurons nothing is recorded.
#[derive(Clone, Debug, PartialEq)]
pub struct Tape<T = f64> {
    /// What was recorded.
    pub records: Vec<Recorded<T>>,
    /// For each neuron the position of what was recorded last; empty if all neurons are linear.
    pub last: Vec<Option<usize>>,
}

impl<T> Default for Tape<T> {
    fn default() -> Self {
        Self { records: Vec::new(), last: Vec::new() }
    }
}

impl<T> Tape<T> {
    /// Forgets everything; there are `neurons` neurons, or none that is not linear.
    pub fn clear(&mut self, neurons: usize) {
        self.records.clear();
        self.last.clear();
        self.last.resize(neurons, None);
    }

    /// Takes down a state of `neuron`.
    pub fn record(&mut self, neuron: NeuronId, record: Recorded<T>) {
        let previous = self.last[neuron.index()].replace(self.records.len());
        self.records.push(Recorded { previous, ..record });
    }
}

/// Everything a loss and the backward pass need of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Trace<T = f64> {
    /// What went in, and the end of the run.
    pub stimulus: Stimulus<T>,
    /// Spikes in the order of time, then round, then neuron.
    pub spikes: Vec<Spike<T>>,
    /// Read-outs in the order of the requests.
    pub readouts: Vec<Readout<T>>,
    /// Touches in the order in which they were met.
    pub touches: Vec<Touch>,
    /// Synaptic arrivals that took effect.
    pub arrivals: u64,
    /// Whether spikes and read-outs hold the derivatives with respect to time constants.
    pub tangents: Tangents,
    /// States of the neurons that are not linear.
    pub tape: Tape<T>,
    /// ∂V/∂(synaptic time constants but the first) where a layered sweep has run neurons with several receptors: for each spike, then for each read-out.
    /// Such a trace has no tape: the sweep alone leads back. Else empty.
    pub receptor_tangents: Vec<OtherTimeConstants<T>>,
}

impl<T> Default for Trace<T> {
    fn default() -> Self {
        Self {
            stimulus: Stimulus::default(),
            spikes: Vec::new(),
            readouts: Vec::new(),
            touches: Vec::new(),
            arrivals: 0,
            tangents: Tangents::Recorded,
            tape: Tape::default(),
            receptor_tangents: Vec::new(),
        }
    }
}

impl<T: Scalar> Trace<T> {
    /// What happened, without the derivatives that its numbers carry.
    #[must_use]
    pub fn real(&self) -> Trace {
        self.map(self.stimulus.lift(Scalar::re), Scalar::re)
    }

    /// The same run in other numbers, of a stimulus in these: `f` must keep real parts.
    #[must_use]
    pub fn map<U: Scalar>(&self, stimulus: Stimulus<U>, f: impl Fn(T) -> U) -> Trace<U> {
        let spike = |s: &Spike<T>| Spike {
            time: f(s.time),
            time_remainder: s.time_remainder,
            neuron: s.neuron,
            round: s.round,
            slope: f(s.slope),
            release_rate: f(s.release_rate),
            tangent: s.tangent.map(&f),
        };
        let cusp = |c: Cusp<T>| Cusp {
            round: c.round,
            rate_before: f(c.rate_before),
            rate_after: f(c.rate_after),
        };
        let place = |p: Place<T>| match p {
            Place::Free => Place::Free,
            Place::AfterArrivals => Place::AfterArrivals,
            Place::Clamped => Place::Clamped,
            Place::Threshold => Place::Threshold,
            Place::Cusp(c) => Place::Cusp(cusp(c)),
            Place::Pseudospike => Place::Pseudospike,
        };
        let readout = |r: &Readout<T>| Readout {
            request: r.request,
            time: f(r.time),
            time_remainder: r.time_remainder,
            value: f(r.value),
            place: place(r.place),
            rival: r.rival,
            tangent: r.tangent.map(&f),
        };
        let record = |r: &Recorded<T>| Recorded {
            time: Time { rounded: f(r.time.rounded), remainder: r.time.remainder },
            round: r.round,
            is_spike: r.is_spike,
            state: r.state.map(&f),
            previous: r.previous,
        };
        let receptors = self.receptor_tangents.iter().map(|tangent| tangent.map(&f));
        Trace {
            stimulus,
            spikes: self.spikes.iter().map(spike).collect(),
            readouts: self.readouts.iter().map(readout).collect(),
            touches: self.touches.clone(),
            arrivals: self.arrivals,
            tangents: self.tangents,
            tape: Tape {
                records: self.tape.records.iter().map(record).collect(),
                last: self.tape.last.clone(),
            },
            receptor_tangents: receptors.collect(),
        }
    }

    /// Forgets everything but its memory, for a run with `stimulus` that carries `tangents` or not. There are no neurons that are not linear, unless its tape is
    /// cleared again.
    pub fn start(&mut self, stimulus: &Stimulus<T>, tangents: Tangents) {
        self.stimulus.clone_from(stimulus);
        self.spikes.clear();
        self.readouts.clear();
        self.touches.clear();
        self.arrivals = 0;
        self.tangents = tangents;
        self.tape.clear(0);
        self.receptor_tangents.clear();
    }

    /// Spike times of `neuron`, in order, in seconds.
    pub fn spike_times(&self, neuron: NeuronId) -> impl Iterator<Item = T> + '_ {
        self.spikes.iter().filter(move |s| s.neuron == neuron).map(|s| s.time)
    }
}
