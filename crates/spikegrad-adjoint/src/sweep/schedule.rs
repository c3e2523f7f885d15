//! What happened to a layer, read from the trace: arrivals, by the instant at which they come, and the moments of its own
//! neurons in between.
//!
//! Not here: what is done about it (`layer.rs`).

use spikegrad_dynamics::Neuron;
use spikegrad_network::{Body, Layer, Place, Source, Time, Trace, Wiring};
use std::ops::Range;

/// A spike that arrives over one row of weights.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arrival {
    pub(super) time: Time,
    /// Input spikes of the run, then spikes of its trace, as one sequence.
    pub(super) firing: usize,
    /// Group of the circuit.
    pub(super) row: usize,
}

/// From the instant before, or the start, to an instant at which something arrives, or the end.
#[derive(Clone, Debug)]
pub(super) struct Stretch {
    pub(super) from: Time,
    pub(super) until: Time,
    /// Positions of the arrivals at its end.
    pub(super) arrivals: Range<usize>,
    /// Positions of the moments within it, its end included.
    pub(super) moments: Range<usize>,
}

/// What a moment is, in the order of the forward pass at one time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// The end of the refractory time of a spike, at this position of the trace.
    Release(usize),
    /// A spike, at this position of the trace.
    Crossing(usize),
    /// A read-out, at this position of the trace.
    Readout(usize),
    /// A read-out after what arrives at its time.
    LateReadout(usize),
}

/// Something of one neuron.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    pub(super) time: Time,
    pub(super) kind: Kind,
    /// Index in the layer.
    pub(super) neuron: usize,
    /// Whether nothing of its neuron is later in the stretch.
    pub(super) is_last: bool,
    /// Whether nothing of its neuron is earlier in the stretch.
    pub(super) is_first: bool,
    /// Seconds since the start of the stretch.
    pub(super) before: f64,
    /// Seconds until the next moment of its neuron, or until the end of the stretch.
    pub(super) after: f64,
    /// Seconds since its neuron's membrane last started.
    pub(super) elapsed: f64,
    /// Whether that was a reset.
    pub(super) after_reset: bool,
}

/// No stretch, no moment.
const NONE: (usize, usize) = (usize::MAX, usize::MAX);

/// A layer's part of a trace.
#[derive(Clone, Debug, Default)]
pub(super) struct Schedule {
    pub(super) arrivals: Vec<Arrival>,
    pub(super) moments: Vec<Moment>,
    pub(super) stretches: Vec<Stretch>,
    /// Arrivals being merged.
    merged: Vec<Arrival>,
    /// For each neuron, when its membrane last started, if from a reset.
    started: Vec<Option<Time>>,
    /// For each neuron, the earliest moment so far of the stretch under way: (stretch, moment).
    earliest: Vec<(usize, usize)>,
}

/// Spikes of a trace by population: positions, in order.
pub(super) type Spikes = Vec<Vec<usize>>;

impl Schedule {
    pub(super) fn read<const K: usize>(
        &mut self,
        wiring: Wiring<'_>,
        (layer, body): (&Layer, &Body<K>),
        trace: &Trace,
        spikes: &Spikes,
    ) {
        self.read_arrivals(wiring, layer, trace, spikes);
        self.read_moments((layer, body), trace, spikes);
        self.cut(trace.stimulus.t_end());
        self.earliest.clear();
        self.earliest.resize(layer.neurons.len(), NONE);
    }

    fn read_arrivals(&mut self, wiring: Wiring<'_>, layer: &Layer, trace: &Trace, spikes: &Spikes) {
        self.arrivals.clear();
        let t_end = trace.stimulus.t_end();
        for incoming in &layer.incoming {
            let row = |source| wiring.groups_of(source).start + incoming.offset;
            let first = self.arrivals.len();
            match incoming.from {
                Source::Input => {
                    let inputs = trace.stimulus.spikes().iter().enumerate();
                    self.arrivals.extend(inputs.map(|(firing, spike)| Arrival {
                        time: Time::from(spike.time).after(incoming.delay),
                        firing,
                        row: row(spike.channel),
                    }));
                }
                Source::Population(p) => {
                    self.arrivals.extend(spikes[p].iter().map(|&k| Arrival {
                        time: trace.spikes[k].at().after(incoming.delay),
                        firing: trace.stimulus.spikes().len() + k,
                        row: row(wiring.source_of(trace.spikes[k].neuron)),
                    }));
                }
            }
            // One delay for all: they arrive in the order in which they were fired.
            let before_end = |arrival: &Arrival| arrival.time.rounded <= t_end;
            let count = self.arrivals[first..].partition_point(before_end);
            self.arrivals.truncate(first + count);
            self.merge_arrivals(first);
        }
    }

    /// Merges the arrivals before `middle` with those from there on; both are in order.
    fn merge_arrivals(&mut self, middle: usize) {
        let order = |a: &Arrival, b: &Arrival| {
            let at_once = (a.firing, a.row).cmp(&(b.firing, b.row));
            a.time.rounded.total_cmp(&b.time.rounded).then(at_once)
        };
        let (mut first, mut second) = self.arrivals.split_at(middle);
        if first.is_empty() {
            return;
        }
        self.merged.clear();
        while let ([a, after_a @ ..], [b, after_b @ ..]) = (first, second) {
            if order(a, b).is_lt() {
                self.merged.push(*a);
                first = after_a;
            } else {
                self.merged.push(*b);
                second = after_b;
            }
        }
        self.merged.extend_from_slice(first);
        self.merged.extend_from_slice(second);
        std::mem::swap(&mut self.arrivals, &mut self.merged);
    }

    fn read_moments<const K: usize>(
        &mut self,
        (layer, body): (&Layer, &Body<K>),
        trace: &Trace,
        spikes: &Spikes,
    ) {
        self.moments.clear();
        let t_end = trace.stimulus.t_end();
        let moment = |time, kind, n: usize| Moment {
            time,
            kind,
            neuron: n - layer.neurons.start,
            is_last: true,
            is_first: true,
            before: 0.0,
            after: 0.0,
            elapsed: time.rounded,
            after_reset: false,
        };
        let release = |k: usize| {
            let spike = &trace.spikes[k];
            spike.at().after(body.models[spike.neuron.index() - layer.neurons.start].refractory())
        };
        for &k in &spikes[layer.population] {
            let (spike, release) = (&trace.spikes[k], release(k));
            self.moments.push(moment(spike.at(), Kind::Crossing(k), spike.neuron.index()));
            // With no refractory time the release is part of the crossing; one after the end never happened.
            if release.rounded > spike.time && release.rounded <= t_end {
                self.moments.push(moment(release, Kind::Release(k), spike.neuron.index()));
            }
        }
        for (k, readout) in trace.readouts.iter().enumerate() {
            let n = readout.request.neuron.index();
            if !layer.neurons.contains(&n) || readout.request.measure.decay_rate().is_some() {
                continue;
            }
            // What does not follow the free membrane is no matter of its adjoint.
            match readout.place {
                Place::Clamped | Place::Threshold | Place::Pseudospike => {}
                Place::Free | Place::Cusp(_) => {
                    self.moments.push(moment(readout.at(), Kind::Readout(k), n));
                }
                Place::AfterArrivals => {
                    self.moments.push(moment(readout.at(), Kind::LateReadout(k), n));
                }
            }
        }
        self.moments.sort_unstable_by(|a, b| {
            a.time.rounded.total_cmp(&b.time.rounded).then(a.kind.cmp(&b.kind))
        });
        self.started.clear();
        self.started.resize(layer.neurons.len(), None);
        for moment in &mut self.moments {
            let started = &mut self.started[moment.neuron];
            if let Some(started) = *started {
                (moment.elapsed, moment.after_reset) = (moment.time.since(started), true);
            }
            if let Kind::Crossing(k) = moment.kind {
                *started = Some(release(k));
            }
        }
    }

    /// Cuts the run into stretches.
    fn cut(&mut self, t_end: f64) {
        self.stretches.clear();
        let (mut from, mut arrival, mut moment) = (Time::from(0.0), 0, 0);
        loop {
            let first = arrival;
            let now = self.arrivals.get(first).map(|arrival| arrival.time);
            let mut until = now.unwrap_or(Time::from(t_end));
            while let Some(next) = self.arrivals.get(arrival)
                && next.time.coincides(until)
            {
                until = next.time;
                arrival += 1;
            }
            let earliest = moment;
            // A late read-out comes after what arrives at the end of the stretch.
            let is_within = |m: &Moment| match m.kind {
                Kind::LateReadout(_) if now.is_some() => m.time.rounded < until.rounded,
                _ => m.time.rounded <= until.rounded,
            };
            while self.moments.get(moment).is_some_and(is_within) {
                moment += 1;
            }
            let (arrivals, moments) = (first..arrival, earliest..moment);
            self.stretches.push(Stretch { from, until, arrivals, moments });
            if now.is_none() {
                return;
            }
            from = until;
        }
    }

    /// Links the moments of each neuron within each of these stretches. Each stretch must be linked once, before its moments
    /// are read.
    pub(super) fn link(&mut self, stretches: Range<usize>) {
        for s in stretches {
            let stretch = &self.stretches[s];
            for k in stretch.moments.clone().rev() {
                let Moment { time, neuron, .. } = self.moments[k];
                self.moments[k].before = time.since(stretch.from);
                let (of_stretch, later) = std::mem::replace(&mut self.earliest[neuron], (s, k));
                if of_stretch == s {
                    self.moments[later].is_first = false;
                    self.moments[k].is_last = false;
                    self.moments[k].after = self.moments[later].time.since(time);
                } else {
                    self.moments[k].after = stretch.until.since(time);
                }
            }
        }
    }
}
