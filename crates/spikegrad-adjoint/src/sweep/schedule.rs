//! What arrived at a layer, read from the trace, and the stretches in between.
//!
//! Not here: what happened to its own neurons (`moments.rs`), what is done about it (`layer.rs`).

use spikegrad_dynamics::lanes::backward::{Row, Stretches};
use spikegrad_network::{Incoming, Layer, Source, Time, Trace, Wiring};
use std::cmp::Ordering;
use std::ops::Range;

/// A spike that arrives over one row of weights.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arrival {
    pub(super) time: Time,
    /// Input spikes of the run, then spikes of its trace, as one sequence.
    pub(super) firing: usize,
    /// Group of the circuit.
    pub(super) group: usize,
}

impl Arrival {
    /// By time; at one instant by firing, then group.
    pub(super) fn in_order(&self, other: &Self) -> Ordering {
        let at_once = (self.firing, self.group).cmp(&(other.firing, other.group));
        self.time.rounded.total_cmp(&other.time.rounded).then(at_once)
    }
}

/// What arrives at a layer.
#[derive(Clone, Debug, Default)]
pub(super) struct Schedule {
    /// All that arrives; the rows of `stretches` in their order.
    pub(super) arrivals: Vec<Arrival>,
    /// Ends of the stretches: the beginning of the run, each instant at which something arrives, and its end.
    pub(super) instants: Vec<Time>,
    pub(super) stretches: Stretches,
    /// Arrivals being merged.
    merged: Vec<Arrival>,
}

/// Spikes of a trace by population: positions, in order.
pub(super) type Spikes = Vec<Vec<usize>>;

/// The firings of a source, in order: which it is among those of the run, when it was, and of which source of the circuit.
pub(super) fn firings<'a>(
    wiring: Wiring<'a>,
    from: Source,
    (trace, spikes): (&'a Trace, &'a Spikes),
) -> impl Iterator<Item = (usize, (Time, usize))> + 'a {
    let all = trace.stimulus.spikes();
    let (inputs, spikes) = match from {
        Source::Input => (all, &[][..]),
        Source::Population(p) => (&[][..], &*spikes[p]),
    };
    let of_inputs = inputs.iter().map(|input| (Time::from(input.time), input.channel));
    of_inputs.enumerate().chain(spikes.iter().map(move |&k| {
        let spike = &trace.spikes[k];
        (all.len() + k, (spike.at(), wiring.source_of(spike.neuron)))
    }))
}

impl Schedule {
    /// Reads what arrives at `layer` until `horizon`, a time in seconds, and the stretches in between.
    pub(super) fn read(
        &mut self,
        wiring: Wiring<'_>,
        layer: &Layer,
        (trace, spikes): (&Trace, &Spikes),
        horizon: f64,
        has_input_times: bool,
    ) {
        self.read_rows(wiring, layer, (trace, spikes), horizon, has_input_times);
        self.cut(trace.stimulus.t_end());
    }

    /// Reads what arrives alone.
    pub(super) fn read_rows(
        &mut self,
        wiring: Wiring<'_>,
        layer: &Layer,
        (trace, spikes): (&Trace, &Spikes),
        horizon: f64,
        has_input_times: bool,
    ) {
        self.read_arrivals(wiring, &layer.incoming, (trace, spikes), horizon);
        let inputs = trace.stimulus.spikes().len();
        let Self { arrivals, stretches: Stretches { rows, .. }, .. } = self;
        rows.clear();
        rows.extend(arrivals.iter().map(|arrival| Row {
            weights: wiring.synapses(arrival.group).start,
            receptor: wiring.receptor(arrival.group),
            is_timed: has_input_times || arrival.firing >= inputs,
        }));
    }

    /// Takes what arrives at a part of so many neurons, each over a row of weights, of `inputs`: (how many input spikes there are, whether their times are asked for).
    pub(super) fn read_part(
        &mut self,
        heard: &[(Arrival, usize)],
        size: usize,
        (inputs, has_input_times): (usize, bool),
        t_end: f64,
    ) {
        let Self { arrivals, stretches: Stretches { rows, .. }, .. } = self;
        arrivals.clear();
        rows.clear();
        for &(arrival, row) in heard {
            let is_timed = has_input_times || arrival.firing >= inputs;
            rows.push(Row { weights: row * size, receptor: 0, is_timed });
            arrivals.push(arrival);
        }
        self.cut(t_end);
    }

    /// How many stretches there are.
    pub(super) fn count(&self) -> usize {
        self.stretches.lengths.len()
    }

    /// Positions of what arrives at the ends of some stretches.
    pub(super) fn arriving(&self, stretches: Range<usize>) -> Range<usize> {
        self.stretches.ends[stretches.start]..self.stretches.ends[stretches.end]
    }

    /// Reads what arrives by `horizon`, in order.
    pub(super) fn read_arrivals(
        &mut self,
        wiring: Wiring<'_>,
        incoming: &[Incoming],
        (trace, spikes): (&Trace, &Spikes),
        horizon: f64,
    ) {
        self.arrivals.clear();
        for incoming in incoming {
            let arrival = |(firing, at)| {
                let (time, group) = incoming.arrival(wiring, at)?;
                Some(Arrival { time, firing, group })
            };
            // One delay for all: they arrive in the order in which they were fired.
            let all = firings(wiring, incoming.from, (trace, spikes)).filter_map(arrival);
            let first = self.arrivals.len();
            self.arrivals.extend(all.take_while(|arrival| arrival.time.rounded <= horizon));
            self.merge_arrivals(first);
        }
    }

    /// Merges the arrivals before `middle` with those from there on; both are in order.
    fn merge_arrivals(&mut self, middle: usize) {
        let (mut first, mut second) = self.arrivals.split_at(middle);
        if first.is_empty() {
            return;
        }
        self.merged.clear();
        while let ([a, after_a @ ..], [b, after_b @ ..]) = (first, second) {
            if a.in_order(b).is_lt() {
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

    /// Cuts the run into stretches.
    pub(super) fn cut(&mut self, t_end: f64) {
        let Self { arrivals, instants, stretches: Stretches { lengths, ends, .. }, .. } = self;
        lengths.clear();
        ends.clear();
        ends.push(0);
        instants.clear();
        let mut from = Time::from(0.0);
        instants.push(from);
        let mut stretch = |until: Time, arrived: usize| {
            lengths.push(until.since(from));
            ends.push(arrived);
            instants.push(until);
            from = until;
        };
        for (k, arrival) in arrivals.iter().enumerate() {
            let is_last = arrivals.get(k + 1).is_none_or(|next| !next.time.coincides(arrival.time));
            if is_last {
                stretch(arrival.time, k + 1);
            }
        }
        stretch(Time::from(t_end), arrivals.len());
    }
}
