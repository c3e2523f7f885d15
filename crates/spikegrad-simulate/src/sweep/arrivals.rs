//! What reaches a layer, and when: the firings of its sources, merged by the time at which they arrive.
//!
//! Each connection has one delay, so that its arrivals come in the order of its firings; a cursor for each is all that is
//! needed. Arrivals at one representable time act as one. Not here: what they do (`layer.rs`).

use super::Irregular;
use spikegrad_network::{InputSpike, Layer, Layers, Source, Spike, Time, Wiring};
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

/// An instant at which something arrives.
#[derive(Clone, Debug)]
pub(super) struct Instant {
    pub(super) time: Time,
    /// Positions in [`Arrivals::rows`].
    pub(super) rows: Range<usize>,
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

/// Arrivals at one layer.
#[derive(Clone, Debug, Default)]
pub(super) struct Arrivals {
    /// Next firing of each incoming connection, and what arrives over it: when, and its group.
    cursors: Vec<usize>,
    heads: Vec<Option<(Time, usize)>>,
    pub(super) instants: Vec<Instant>,
    /// Groups of the circuit.
    pub(super) rows: Vec<usize>,
}

impl Arrivals {
    pub(super) fn reset(&mut self, layer: &Layer, fired: Fired<'_>) {
        self.cursors.clear();
        self.cursors.resize(layer.incoming.len(), 0);
        self.look(layer, fired, &[]);
        self.instants.clear();
        self.rows.clear();
    }

    /// The next arrival over the incoming connection `k`, and its group; `own` are the layer's own spikes so far.
    fn head(
        &self,
        k: usize,
        layer: &Layer,
        fired: Fired<'_>,
        own: &[Spike],
    ) -> Option<(Time, usize)> {
        let incoming = &layer.incoming[k];
        let (time, source) = match incoming.from {
            Source::Input => {
                let spike = fired.inputs.get(self.cursors[k])?;
                (Time::from(spike.time), spike.channel)
            }
            Source::Population(p) => {
                let list = if p == layer.population { own } else { &fired.populations[p] };
                let spike = list.get(self.cursors[k])?;
                (spike.at(), fired.wiring.source_of(spike.neuron))
            }
        };
        Some((time.after(incoming.delay), fired.wiring.groups_of(source).start + incoming.offset))
    }

    /// Looks for the next arrival over each incoming connection.
    fn look(&mut self, layer: &Layer, fired: Fired<'_>, own: &[Spike]) {
        let mut heads = std::mem::take(&mut self.heads);
        heads.clear();
        heads.extend((0..layer.incoming.len()).map(|k| self.head(k, layer, fired, own)));
        self.heads = heads;
    }

    /// When the next arrival is.
    pub(super) fn next(&mut self, layer: &Layer, fired: Fired<'_>, own: &[Spike]) -> Option<Time> {
        self.look(layer, fired, own);
        earliest(&self.heads)
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
        while let Some(mut now) = earliest(&self.heads).filter(|t| t.rounded <= t_end) {
            if self.instants.last().is_some_and(|last| last.time.rounded >= now.rounded) {
                return Err(Irregular);
            }
            let first = self.rows.len();
            for k in 0..layer.incoming.len() {
                while let Some((time, row)) = self.heads[k]
                    && time.coincides(now)
                {
                    self.rows.push(row);
                    self.cursors[k] += 1;
                    self.heads[k] = self.head(k, layer, fired, own);
                    now = time;
                }
            }
            if layer.is_recurrent || has_effect(fired.layers, fired.wiring, &self.rows[first..]) {
                self.instants.push(Instant { time: now, rows: first..self.rows.len() });
                return Ok(true);
            }
            self.rows.truncate(first);
        }
        Ok(false)
    }
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

/// The earliest of these arrivals.
fn earliest(heads: &[Option<(Time, usize)>]) -> Option<Time> {
    let times = heads.iter().flatten().map(|&(time, _)| time);
    times.reduce(|a, b| if b.rounded < a.rounded { b } else { a })
}
