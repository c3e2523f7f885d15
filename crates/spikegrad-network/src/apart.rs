//! What arrives at a population whose neurons hear **apart** from each other: through synapses with delays of their own, or sparse ones, so that what arrives at one neuron does not
//! arrive at all of them, or not at that time.
//!
//! Not here: the order of layers (`layers.rs`), the sweep (`spikegrad_simulate`).

use crate::wiring::Wiring;
use crate::{Circuit, Network, Source, Time};
use spikegrad_dynamics::Neuron;
use std::ops::Range;

/// The connections into a population whose neurons hear apart.
#[derive(Clone, Debug)]
pub struct Apart(Vec<Connected>);

/// One of them.
#[derive(Clone, Copy, Debug)]
struct Connected {
    from: Source,
    connection: usize,
    /// Most synapses of a source.
    reach: usize,
    /// Whether its sources have synapses nowhere else but in this population.
    is_alone: bool,
}

impl Apart {
    /// Most arrivals of a run for which it is swept: they are listed then, forward and back with some hundred bytes for each, and an engine that goes through
    /// them in order lists none.
    pub const MOST_ARRIVALS: u64 = 1 << 19;

    /// Those into `population`, which does not hear itself.
    pub(crate) fn new<N: Neuron<f64>>(
        network: &Network,
        circuit: &Circuit<f64, N>,
        population: usize,
    ) -> Self {
        let wiring = circuit.wiring();
        let mut all = Vec::new();
        for (k, connection) in network.connections().iter().enumerate() {
            if connection.to != population {
                continue;
            }
            let from = connection.from;
            let sources = match from {
                Source::Input => 0..network.inputs(),
                Source::Population(p) => {
                    let Range { start, end } = network.range(p);
                    network.inputs() + start..network.inputs() + end
                }
            };
            let synapses = |source: usize| {
                let groups = wiring.groups_of(source).filter(|&g| wiring.connection(g) == k);
                groups.map(|group| wiring.synapses(group).len()).sum()
            };
            let reach = sources.map(synapses).max().unwrap_or(0);
            let is_alone =
                network.connections().iter().all(|c| c.from != from || c.to == population);
            all.push(Connected { from, connection: k, reach, is_alone });
        }
        Self(all)
    }

    /// How many synapses a firing of one of the sources of `from` reaches at most.
    #[must_use]
    pub fn reach(&self, from: Source) -> usize {
        self.0.iter().filter(|connected| connected.from == from).map(|c| c.reach).sum()
    }

    /// When a firing of one of the sources of `from` arrives, and as which group of the circuit, in the order of delays.
    pub fn arrivals(
        &self,
        wiring: Wiring<'_>,
        from: Source,
        (fired_at, source): (Time, usize),
    ) -> impl Iterator<Item = (Time, usize)> {
        let is_alone = self.is_alone(from);
        let is_own = move |&group: &usize| {
            let connection = wiring.connection(group);
            is_alone || self.0.iter().any(|own| own.from == from && own.connection == connection)
        };
        let arrival = move |group| (fired_at.after(wiring.groups.delay(group)), group);
        wiring.groups_of(source).filter(is_own).map(arrival)
    }

    /// Over how many synapses a firing of one of the sources of `from` arrives by a time in seconds.
    #[must_use]
    pub fn count(
        &self,
        wiring: Wiring<'_>,
        from: Source,
        (fired_at, source): (Time, usize),
        until: f64,
    ) -> usize {
        let groups = wiring.groups_of(source);
        if !self.is_alone(from) {
            let arrivals = self.arrivals(wiring, from, (fired_at, source));
            let early = arrivals.take_while(|(time, _)| time.rounded <= until);
            return early.map(|(_, group)| wiring.synapses(group).len()).sum();
        }
        let delays = wiring.groups.delays(groups.clone());
        let early = delays.partition_point(|&delay| fired_at.after(delay).rounded <= until);
        match early.checked_sub(1) {
            None => 0,
            Some(last) => {
                let first = wiring.synapses(groups.start).start;
                wiring.synapses(groups.start + last).end - first
            }
        }
    }

    fn is_alone(&self, from: Source) -> bool {
        self.0.iter().any(|own| own.from == from && own.is_alone)
    }

    /// Where they come from, each once.
    pub fn sources(&self) -> impl Iterator<Item = Source> {
        let is_first = |&(k, of): &(usize, &Connected)| {
            self.0[..k].iter().all(|earlier| earlier.from != of.from)
        };
        self.0.iter().enumerate().filter(is_first).map(|(_, of)| of.from)
    }
}
