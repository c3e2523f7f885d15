//! The event budget of a run that goes layer by layer.
//!
//! The budget ends a run at the instant at which its events, spikes and arrivals of all layers, become too many. A sweep is not at
//! one instant: it is at the end of the run with one layer when it starts with the next. But events can be counted from spikes alone,
//! up to any time, by a search in each sorted list. What is known of a run is never more than all of it; so once that is too
//! much, the run will stop no later than at the time at which it becomes so. From there on this is the **horizon**: nothing
//! after it is run, in this layer and in later ones, and each spike found before it moves it forward. When all layers have come to
//! the horizon, all events before it are known, and the run stops there.
//!
//! Not here: how a layer goes on (`layer.rs`).

use super::arrivals::firings;
use crate::SimulateError;
use spikegrad_network::{Cells, InputSpike, Layer, Layers, Source, Spike, Time, Wiring};

/// Spikes that a layer may find beyond the horizon before it is moved again, if it has hardly any.
const SPARE: usize = 1024;

/// What the events of a run are counted from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known<'a> {
    pub(super) wiring: Wiring<'a>,
    pub(super) layers: &'a Layers,
    pub(super) inputs: &'a [InputSpike],
    /// Spikes of each population that has been run, in order.
    pub(super) populations: &'a [Vec<Spike>],
    /// The population that is being run, if any, and its spikes so far, in order.
    pub(super) own: Option<(usize, &'a [Spike])>,
}

impl Known<'_> {
    fn spikes(&self, population: usize) -> &[Spike] {
        match self.own {
            Some((own, spikes)) if own == population => spikes,
            _ => &self.populations[population],
        }
    }

    fn firings(&self, from: Source) -> impl Iterator<Item = (Time, usize)> {
        firings(self.wiring, from, self.inputs, |p| self.spikes(p))
    }

    /// Synaptic arrivals up to `until`, in seconds.
    pub(super) fn arrivals(&self, until: f64) -> u64 {
        let mut arrivals = 0;
        for layer in self.layers.layers() {
            arrivals += self.arrivals_at_cells(layer, until) + self.arrivals_apart(layer, until);
            for incoming in &layer.incoming {
                let is_there = |fired_at: Time| fired_at.after(incoming.delay).rounded <= until;
                let rows = match incoming.from {
                    Source::Input => self.inputs.partition_point(|s| is_there(s.time.into())),
                    Source::Population(p) => self.spikes(p).partition_point(|s| is_there(s.at())),
                };
                arrivals += rows as u64 * layer.neurons.len() as u64;
            }
        }
        arrivals
    }

    /// Those at a layer of cells, where each source has synapses of its own.
    fn arrivals_at_cells(&self, layer: &Layer, until: f64) -> u64 {
        let incoming = layer.cells.iter().flat_map(Cells::incoming);
        let arrivals = incoming.flat_map(|incoming| {
            let firings = self.firings(incoming.from);
            let all = firings.filter_map(|firing| incoming.arrival(self.wiring, firing));
            let early = all.take_while(|(time, _)| time.rounded <= until);
            early.map(|(_, group)| self.wiring.synapses(group).len() as u64)
        });
        arrivals.sum()
    }

    /// Those at a layer, if its neurons hear apart.
    pub(super) fn arrivals_apart(&self, layer: &Layer, until: f64) -> u64 {
        let Some(apart) = &layer.apart else { return 0 };
        let arrivals = apart.sources().flat_map(|from| {
            let firings = self.firings(from);
            firings.map(move |firing| apart.count(self.wiring, from, firing, until) as u64)
        });
        arrivals.sum()
    }

    /// Spikes and arrivals up to `until`, in seconds.
    fn events(&self, until: f64) -> u64 {
        let of = |layer: &Layer| {
            self.spikes(layer.population).partition_point(|s| s.time <= until) as u64
        };
        self.layers.layers().iter().map(of).sum::<u64>() + self.arrivals(until)
    }

    /// The first time with more than `max_events` up to it. There are more up to `horizon`.
    fn first_beyond(&self, max_events: u64, horizon: f64) -> f64 {
        // Times are not negative, and such numbers are in the order of their bits.
        let (mut low, mut high) = (0, (horizon + 0.0).to_bits());
        while low < high {
            let middle = low + (high - low) / 2;
            if self.events(f64::from_bits(middle)) > max_events {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        f64::from_bits(high)
    }

    /// Most events that a spike of the population under way brings with it: itself and its arrivals. Of those at cells it is a bound.
    fn events_of_spike(&self) -> u64 {
        let Some((own, _)) = self.own else { return 1 };
        let arrivals = |layer: &Layer| layer.hears(Source::Population(own)) as u64;
        1 + self.layers.layers().iter().map(arrivals).sum::<u64>()
    }
}

/// How many events a run may have, and up to when it goes on.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Budget {
    max_events: u64,
    /// Nothing after this time matters, in seconds: the end of the run, or earlier once the budget is spent.
    pub(super) horizon: f64,
    /// With more spikes than these the layer under way may have spent it.
    pub(super) most: usize,
    is_spent: bool,
}

impl Budget {
    pub(super) fn new(max_events: u64, t_end: f64) -> Self {
        Self { max_events, horizon: t_end, most: usize::MAX, is_spent: false }
    }

    /// Whether a layer with so many spikes has to look again.
    pub(super) fn may_be_spent(&self, spikes: usize) -> bool {
        spikes > self.most
    }

    /// Counts what is known, and moves the horizon if that is too much.
    pub(super) fn look(&mut self, known: Known<'_>) {
        let own = known.own.map_or(&[][..], |(_, spikes)| spikes);
        let events = known.events(self.horizon);
        if events <= self.max_events {
            let left = (self.max_events - events) / known.events_of_spike();
            self.most = own.len().saturating_add(usize::try_from(left).unwrap_or(usize::MAX));
            return;
        }
        self.is_spent = true;
        self.horizon = known.first_beyond(self.max_events, self.horizon);
        let kept = own.partition_point(|spike| spike.time <= self.horizon);
        self.most = kept + kept / 2 + SPARE;
    }

    /// Moves the end of a stretch to the horizon, if that is earlier.
    pub(super) fn within(&self, until: Time) -> Time {
        if self.horizon < until.rounded { self.horizon.into() } else { until }
    }

    /// After all layers: whether they stayed within the budget of a run to `t_end`.
    pub(super) fn check(&mut self, known: Known<'_>, t_end: f64) -> Result<(), SimulateError> {
        self.look(known);
        if self.is_spent {
            let Self { max_events, horizon: time, .. } = *self;
            return Err(SimulateError::EventBudget { max_events, time, t_end });
        }
        Ok(())
    }
}
