//! What reaches a layer, and when: the firings of its sources, merged by the time at which they arrive.
//!
//! Each connection has one delay, so that its arrivals come in the order of its firings; a cursor for each is all that is
//! needed. Arrivals at one representable time act as one. Not here: what they do (`layer.rs`).

use super::Irregular;
use spikegrad_network::{Incoming, InputSpike, Layer, Layers, Source, Spike, Time, Wiring};
use std::ops::Range;

/// All that has fired.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fired<'a> {
    pub(super) wiring: Wiring<'a>,
    pub(super) layers: &'a Layers,
    pub(super) inputs: &'a [InputSpike],
    /// Spikes of each population that has been run, in order.
    pub(super) populations: &'a [Vec<Spike>],
}

impl<'a> Fired<'a> {
    /// The firings of a population that has been run, or of the inputs, in order: when each was, and of which source of the circuit.
    pub(super) fn firings(self, from: Source) -> impl Iterator<Item = (Time, usize)> + 'a {
        firings(self.wiring, from, self.inputs, |p| &self.populations[p])
    }
}

/// The same, by the spikes of each population.
pub(super) fn firings<'a>(
    wiring: Wiring<'a>,
    from: Source,
    inputs: &'a [InputSpike],
    spikes: impl FnOnce(usize) -> &'a [Spike],
) -> impl Iterator<Item = (Time, usize)> + 'a {
    let (inputs, spikes) = match from {
        Source::Input => (inputs, &[][..]),
        Source::Population(p) => (&[][..], spikes(p)),
    };
    let of_inputs = inputs.iter().map(|input| (Time::from(input.time), input.channel));
    of_inputs.chain(spikes.iter().map(move |s| (s.at(), wiring.source_of(s.neuron))))
}

/// The weights that arrive at one receptor at one time.
#[derive(Clone, Debug, Default)]
struct Received {
    /// Synapses of the circuit, if one row arrives.
    single: Option<Range<usize>>,
    /// The sum of several rows.
    sum: Vec<f64>,
}

/// The weights that arrive at one time, at each receptor.
#[derive(Clone, Debug)]
pub(super) struct Arriving<const K: usize>([Received; K]);

impl<const K: usize> Default for Arriving<K> {
    fn default() -> Self {
        Self(std::array::from_fn(|_| Received::default()))
    }
}

impl<const K: usize> Arriving<K> {
    pub(super) fn set(&mut self, wiring: Wiring<'_>, rows: &[usize]) {
        for received in &mut self.0 {
            received.single = None;
            received.sum.clear();
        }
        let receptor = |row: usize| if K == 1 { 0 } else { wiring.receptor(row) };
        if let [row] = *rows {
            self.0[receptor(row)].single = Some(wiring.synapses(row));
            return;
        }
        for &row in rows {
            let (weights, sum) =
                (&wiring.weights[wiring.synapses(row)], &mut self.0[receptor(row)].sum);
            sum.resize(weights.len(), 0.0);
            sum.iter_mut().zip(weights).for_each(|(sum, weight)| *sum += weight);
        }
    }

    /// For each receptor one for each neuron of the layer; nothing, if nothing arrives there.
    #[inline]
    pub(super) fn weights<'a>(&'a self, wiring: Wiring<'a>) -> [&'a [f64]; K] {
        let mut all = [&[][..]; K];
        for (weights, Received { single, sum }) in all.iter_mut().zip(&self.0) {
            *weights = single.as_ref().map_or(sum, |row| &wiring.weights[row.clone()]);
        }
        all
    }
}

/// What comes next over a connection.
#[derive(Clone, Copy, Debug)]
struct Head {
    time: Time,
    /// Its group.
    row: usize,
}

/// Nothing comes any more.
const NOTHING: Head =
    Head { time: Time { rounded: f64::INFINITY, remainder: 0.0 }, row: usize::MAX };

/// Arrivals at one layer.
#[derive(Clone, Debug, Default)]
pub(super) struct Arrivals {
    /// Next firing of each incoming connection, and what arrives over it.
    cursors: Vec<usize>,
    heads: Vec<Head>,
    /// When something arrives.
    pub(super) instants: Vec<Time>,
    /// What arrives: groups of the circuit.
    pub(super) rows: Vec<usize>,
    /// Where in that list what arrives at each instant ends.
    pub(super) ends: Vec<usize>,
}

impl Arrivals {
    pub(super) fn reset(&mut self, layer: &Layer, fired: Fired<'_>) {
        self.cursors.clear();
        self.cursors.resize(layer.incoming.len(), 0);
        self.heads.clear();
        for k in 0..layer.incoming.len() {
            self.heads.push(self.head(k, layer, fired, &[]));
        }
        self.instants.clear();
        self.rows.clear();
        self.ends.clear();
    }

    /// Positions of what arrives at an instant.
    pub(super) fn at(&self, instant: usize) -> Range<usize> {
        let first = instant.checked_sub(1).map_or(0, |before| self.ends[before]);
        first..self.ends[instant]
    }

    /// What comes next over the incoming connection `k`; `own` are the layer's own spikes so far.
    fn head(&self, k: usize, layer: &Layer, fired: Fired<'_>, own: &[Spike]) -> Head {
        let (incoming, next) = (&layer.incoming[k], self.cursors[k]);
        let coming = |time, source| arrival(incoming, fired.wiring, (time, source));
        let head = match incoming.from {
            Source::Input => fired.inputs.get(next).map(|s| coming(s.time.into(), s.channel)),
            Source::Population(p) => {
                let list = if p == layer.population { own } else { &fired.populations[p] };
                list.get(next).map(|s| coming(s.at(), fired.wiring.source_of(s.neuron)))
            }
        };
        head.unwrap_or(NOTHING)
    }

    fn earliest(&self) -> Earliest {
        Earliest::of(self.heads.iter().map(|head| head.time.rounded))
    }

    /// Looks for what comes next of the layer's own spikes.
    fn look(&mut self, layer: &Layer, fired: Fired<'_>, own: &[Spike]) {
        for (k, incoming) in layer.incoming.iter().enumerate() {
            if incoming.from == Source::Population(layer.population) {
                self.heads[k] = self.head(k, layer, fired, own);
            }
        }
    }

    /// When the next arrival is, at a layer that hears itself.
    pub(super) fn next(&mut self, layer: &Layer, fired: Fired<'_>, own: &[Spike]) -> Option<Time> {
        self.look(layer, fired, own);
        let Earliest { position, time, .. } = self.earliest();
        (time < f64::INFINITY).then(|| self.heads[position].time)
    }

    /// Takes all that arrives by `t_end` at a layer that does not hear itself.
    pub(super) fn take_all(
        &mut self,
        layer: &Layer,
        fired: Fired<'_>,
        t_end: f64,
    ) -> Result<(), Irregular> {
        loop {
            let Earliest { position: connection, others, .. } = self.earliest();
            if let Some(incoming) = layer.incoming.get(connection) {
                let (of, next) = ((incoming, fired), self.cursors[connection]);
                let until = others.min(t_end.next_up());
                match incoming.from {
                    Source::Input => {
                        let coming = fired.inputs.iter().skip(next + 1);
                        let coming = coming.map(|s| (Time::from(s.time), s.channel));
                        self.take_alone(connection, of, coming, until);
                    }
                    Source::Population(p) => {
                        let coming = fired.populations[p].iter().skip(next + 1);
                        let source = |s: &Spike| (s.at(), fired.wiring.source_of(s.neuron));
                        self.take_alone(connection, of, coming.map(source), until);
                    }
                }
            }
            if !self.take(layer, fired, &[], t_end)? {
                return Ok(());
            }
        }
    }

    /// Takes what comes over one connection before `until` and each alone, as most does; `coming` is what comes after its head.
    fn take_alone(
        &mut self,
        connection: usize,
        (incoming, fired): (&Incoming, Fired<'_>),
        coming: impl Iterator<Item = (Time, usize)>,
        until: f64,
    ) {
        let mut head = self.heads[connection];
        let last = self.instants.last().map_or(f64::NEG_INFINITY, |last| last.rounded);
        if last >= head.time.rounded {
            return;
        }
        let mut coming = coming.map(|firing| arrival(incoming, fired.wiring, firing));
        while head.time.rounded < until {
            let next = coming.next().unwrap_or(NOTHING);
            if head.time.rounded >= next.time.rounded {
                break;
            }
            if !fired.layers.is_silent(head.row) {
                self.instants.push(head.time);
                self.rows.push(head.row);
                self.ends.push(self.rows.len());
            }
            head = next;
            self.cursors[connection] += 1;
        }
        self.heads[connection] = head;
    }

    /// Takes all that arrives at the next instant, if that is not after `t_end`. Where the layer does not hear itself, rows
    /// whose weights vanish, or cancel, have no effect, not even a rounding.
    pub(super) fn take(
        &mut self,
        layer: &Layer,
        fired: Fired<'_>,
        own: &[Spike],
        t_end: f64,
    ) -> Result<bool, Irregular> {
        if layer.is_recurrent {
            self.look(layer, fired, own);
        }
        loop {
            let Earliest { position, time, .. } = self.earliest();
            if time > t_end {
                return Ok(false);
            }
            let mut now = self.heads[position].time;
            if self.instants.last().is_some_and(|last| last.rounded >= now.rounded) {
                return Err(Irregular);
            }
            let first = self.rows.len();
            for k in 0..layer.incoming.len() {
                while self.heads[k].time.coincides(now) {
                    now = self.heads[k].time;
                    self.rows.push(self.heads[k].row);
                    self.cursors[k] += 1;
                    self.heads[k] = self.head(k, layer, fired, own);
                }
            }
            if layer.is_recurrent || has_effect(fired.layers, fired.wiring, &self.rows[first..]) {
                self.instants.push(now);
                self.ends.push(self.rows.len());
                return Ok(true);
            }
            self.rows.truncate(first);
        }
    }
}

/// What arrives over a connection when one of its sources has fired.
#[inline(always)]
fn arrival(incoming: &Incoming, wiring: Wiring<'_>, (time, source): (Time, usize)) -> Head {
    Head { time: time.after(incoming.delay), row: incoming.row(wiring, source) }
}

/// Whether rows that arrive at one time change anything.
fn has_effect(layers: &Layers, wiring: Wiring<'_>, rows: &[usize]) -> bool {
    let [first, others @ ..] = rows else { return false };
    if others.is_empty() {
        return !layers.is_silent(*first);
    }
    let weights = |row: usize| &wiring.weights[wiring.synapses(row)];
    let sum = |n: usize| rows.iter().map(|&row| weights(row)[n]).sum::<f64>();
    // Weights at several receptors do not cancel.
    let meets = |&row: &usize| wiring.receptor(row) != wiring.receptor(*first);
    (0..weights(*first).len()).any(|n| sum(n) != 0.0) || others.iter().any(meets)
}

/// What comes first of several, each of which has a time, or an infinite one.
pub(super) struct Earliest {
    /// The first of those that come first.
    pub(super) position: usize,
    pub(super) time: f64,
    /// When the first of all others comes.
    pub(super) others: f64,
}

impl Earliest {
    #[inline(always)]
    pub(super) fn of(times: impl Iterator<Item = f64>) -> Self {
        let mut earliest = Self { position: 0, time: f64::INFINITY, others: f64::INFINITY };
        for (position, time) in times.enumerate() {
            if time < earliest.time {
                earliest = Self { position, time, others: earliest.time };
            } else {
                earliest.others = earliest.others.min(time);
            }
        }
        earliest
    }
}
