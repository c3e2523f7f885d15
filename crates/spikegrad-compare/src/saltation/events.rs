//! The events of a run in their order: spikes and read-outs from the trace, arrivals spelt out synapse by synapse.
//!
//! The order within an instant is that of the model (docs/mathematics.md, section 8): spikes, then read-outs, then arrivals, round by
//! round. Arrivals of one round at one neuron are one event, for they act as one.
//!
//! Not here: releases, which a neuron knows of itself (`neuron.rs`).

use super::columns;
use crate::Question;
use spikegrad_network::{NeuronId, Place, Source, Synapse, Time, Trace};
use std::cmp::Ordering;

/// Something that happens to a neuron.
pub(super) struct Event {
    pub(super) time: Time,
    pub(super) neuron: NeuronId,
    pub(super) what: What,
    round: u32,
}

pub(super) enum What {
    /// It spikes, which is this firing.
    Spike { firing: usize },
    /// It is read; the arrivals that cut its rise off, if any did.
    Read { readout: usize, cut_off: Vec<Arrival> },
    /// Spikes arrive, at one time.
    Arrivals(Vec<Arrival>),
    /// The run ends.
    End,
}

impl What {
    fn phase(&self) -> u8 {
        match self {
            Self::Spike { .. } => 0,
            Self::Read { .. } => 1,
            Self::Arrivals(_) => 2,
            Self::End => 3,
        }
    }
}

/// A firing that reaches a neuron.
#[derive(Clone, Copy)]
pub(super) struct Arrival {
    /// Which firing.
    pub(super) firing: usize,
    /// The weight of its synapse.
    pub(super) strength: f64,
    /// Where that weight stands among the entries of a gradient.
    pub(super) weight: usize,
    /// Where its delay stands there.
    pub(super) delay: usize,
}

impl Event {
    fn order(&self, other: &Self) -> Ordering {
        let key = |e: &Self| (e.round, e.what.phase(), e.neuron);
        self.time.rounded.total_cmp(&other.time.rounded).then(key(self).cmp(&key(other)))
    }
}

/// All events of a run, in order.
pub(super) fn events(question: &Question<'_>, trace: &Trace) -> Vec<Event> {
    let mut all = arrivals(question, trace);
    // Arrivals of one round at one neuron become one event.
    all.sort_by(Event::order);
    all.dedup_by(|later, first| {
        let is_same = later.order(first).is_eq();
        if let (true, What::Arrivals(more), What::Arrivals(list)) =
            (is_same, &mut later.what, &mut first.what)
        {
            list.append(more);
        }
        is_same
    });
    let mut others = Vec::new();
    let inputs = trace.stimulus.spikes().len();
    for (k, spike) in trace.spikes.iter().enumerate() {
        let what = What::Spike { firing: inputs + k };
        others.push(Event { time: spike.at(), neuron: spike.neuron, what, round: spike.round });
    }
    for (readout, read) in trace.readouts.iter().enumerate() {
        let (time, neuron) = (read.at(), read.request.neuron);
        if read.request.measure.decay_rate().is_some() {
            others.push(Event { time, neuron, what: What::End, round: u32::MAX });
            continue;
        }
        // A maximum within a rounding of an arrival comes after all that arrives there.
        let is_late = matches!(read.place, Place::AfterArrivals);
        let round = if is_late { u32::MAX } else { read.cusp().map_or(0, |cusp| cusp.round) };
        let mut cut_off = Vec::new();
        if read.cusp().is_some() {
            let here =
                |e: &&Event| e.neuron == neuron && e.round == round && e.time.coincides(time);
            if let Some(What::Arrivals(list)) = all.iter().find(here).map(|e| &e.what) {
                cut_off.clone_from(list);
            }
        }
        let what = What::Read { readout, cut_off };
        others.push(Event { time, neuron, what, round });
    }
    all.extend(others);
    all.sort_by(Event::order);
    all
}

/// Every arrival before the end, one event each.
fn arrivals(question: &Question<'_>, trace: &Trace) -> Vec<Event> {
    let (network, columns) = (question.network, columns(question.parameters));
    let inputs =
        trace.stimulus.spikes().iter().map(|s| (Source::Input, s.channel, Time::from(s.time), 0));
    let spikes = trace.spikes.iter().map(|s| {
        let (population, index) = network.locate(s.neuron);
        (Source::Population(population), index, s.at(), s.round)
    });
    let mut all = Vec::new();
    for (firing, (source, pre, fired_at, fired_in)) in inputs.chain(spikes).enumerate() {
        for (k, connection) in network.connections().iter().enumerate() {
            if connection.from != source {
                continue;
            }
            let (values, columns) = (&question.parameters.connections[k], &columns.connections[k]);
            let synapses = network.synapses(k).enumerate();
            let own = synapses.filter(|(_, synapse)| synapse.pre == pre);
            for (synapse, Synapse { post, .. }) in own {
                let index = connection.weight_of(synapse);
                let time = fired_at.after(values.delay.get(index));
                if time.rounded > trace.stimulus.t_end() {
                    continue;
                }
                let arrival = Arrival {
                    firing,
                    strength: values.weights[index],
                    weight: columns.weights[index],
                    delay: columns.delay.get(index),
                };
                let round = if time.coincides(fired_at) { fired_in } else { 0 };
                let neuron = NeuronId::new(network.range(connection.to).start + post);
                all.push(Event { time, neuron, what: What::Arrivals(vec![arrival]), round });
            }
        }
    }
    all
}
