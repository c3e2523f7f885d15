//! A layer in parts, backwards: each of its cells, or each neuron of those that hear apart, goes back like a small layer of its own.
//!
//! Not here: how that goes (`layer.rs`), what a cell is (`spikegrad_network`).

use super::layer::{LayerGradient, LayerSweep, Scratch};
use super::members::Members;
use super::schedule::{Arrival, Schedule, Spikes, firings};
use crate::{AdjointError, Grazing};
use spikegrad_network::loss::Cotangents;
use spikegrad_network::{Apart, Body, Cells, Layer, NeuronId, Trace, Wiring};

/// Memory of a layer in parts.
#[derive(Clone, Debug, Default)]
pub(super) struct PartScratch {
    /// What arrives at any cell.
    schedule: Schedule,
    of_parts: Vec<OfPart>,
    /// ∂L/∂(each weight of all rows) by the cell under way; zero between.
    rows: Vec<f64>,
    /// The neuron under way, where each is a part.
    one: Body<1>,
}

/// The parts of a layer.
#[derive(Clone, Copy, Debug)]
pub(super) enum Parts<'a> {
    /// Cells, each with rows of weights.
    Cells(&'a Cells),
    /// Neurons that hear apart: the weight of a synapse is a row.
    Neurons(&'a Apart),
}

impl<'a> Parts<'a> {
    pub(super) fn of(layer: &'a Layer) -> Option<Self> {
        let cells = layer.cells.as_ref().map(Self::Cells);
        cells.or_else(|| layer.apart.as_ref().map(Self::Neurons))
    }

    /// The neurons of a part, by their indices in the population.
    pub(super) fn neurons(self, part: &'a usize) -> &'a [usize] {
        match self {
            Self::Cells(cells) => cells.neurons(*part),
            Self::Neurons(_) => std::slice::from_ref(part),
        }
    }
}

/// What is known of a part.
#[derive(Clone, Debug, Default)]
struct OfPart {
    /// What arrives, and over which row.
    heard: Vec<(Arrival, usize)>,
    /// Positions of its spikes in the trace.
    spikes: Vec<usize>,
}

/// One layer of one trace.
#[derive(Debug)]
pub(super) struct PartsSweep<'a> {
    pub(super) wiring: Wiring<'a>,
    pub(super) layer: &'a Layer,
    pub(super) parts: Parts<'a>,
    /// That of a cell, or of all neurons.
    pub(super) body: &'a Body<1>,
    pub(super) trace: &'a Trace,
    pub(super) spikes: &'a Spikes,
    pub(super) cotangents: &'a Cotangents,
    pub(super) policy: Grazing,
    pub(super) has_input_times: bool,
    pub(super) times: &'a mut [f64],
    pub(super) weights: &'a mut [f64],
    pub(super) delays: &'a mut [f64],
}

impl PartsSweep<'_> {
    /// Takes it back, and hands over what the neurons of each part collect.
    pub(super) fn run(
        self,
        memory: &mut PartScratch,
        (scratch, gradient): (&mut Scratch<1>, &mut LayerGradient),
        mut collect: impl FnMut(usize, &LayerGradient),
    ) -> Result<(), AdjointError> {
        self.read(memory);
        let count = self.count();
        let Self { wiring, layer, parts, trace, weights: all_weights, .. } = self;
        let PartScratch { of_parts, rows, one, .. } = memory;
        for (part, OfPart { heard, spikes }) in of_parts[..count].iter().enumerate() {
            let (size, members, body, of_rows, weights) = match parts {
                Parts::Cells(cells) => {
                    let members = Members::of_cell(layer, cells, part);
                    (cells.size(), members, self.body, cells.weights(), &mut **rows)
                }
                Parts::Neurons(_) => {
                    one.models.clear();
                    one.models.push(self.body.models[part]);
                    one.numbers.set(&one.models);
                    (1, Members::one(layer, part), &*one, wiring.weights, &mut *all_weights)
                }
            };
            let mut sweep = LayerSweep {
                wiring,
                rows: of_rows,
                layer,
                members,
                body,
                trace,
                own: spikes,
                cotangents: self.cotangents,
                policy: self.policy,
                times: self.times,
                scratch,
                weights,
                delays: self.delays,
                has_input_times: self.has_input_times,
                gradient,
            };
            sweep.begin();
            let Some(horizon) = sweep.horizon() else { continue };
            let is_early = |(arrival, _): &&(Arrival, usize)| arrival.time.rounded <= horizon;
            let heard = &heard[..heard.iter().take_while(is_early).count()];
            let inputs = (trace.stimulus.spikes().len(), self.has_input_times);
            sweep.scratch.schedule.read_part(heard, size, inputs, trace.stimulus.t_end());
            if let Err(error) = sweep.run_until(horizon) {
                rows.clear();
                return Err(error);
            }
            collect(part, gradient);
            let Parts::Cells(cells) = parts else { continue };
            for &(_, row) in heard {
                let of_row = &mut rows[row * size..][..size];
                for (synapse, derivative) in cells.synapses(row).iter().zip(of_row) {
                    all_weights[*synapse] += std::mem::take(derivative);
                }
            }
        }
        Ok(())
    }

    /// How many parts there are.
    fn count(&self) -> usize {
        match self.parts {
            Parts::Cells(cells) => cells.count(),
            Parts::Neurons(_) => self.layer.neurons.len(),
        }
    }

    /// Reads what each part hears, and what it fired.
    fn read(&self, memory: &mut PartScratch) {
        let Self { wiring, layer, parts, trace, spikes, .. } = *self;
        let PartScratch { schedule, of_parts, rows, .. } = memory;
        let count = self.count();
        // Layers use it after one another: a smaller one leaves the rest as it is.
        if of_parts.len() < count {
            of_parts.resize_with(count, OfPart::default);
        }
        let of_parts = &mut of_parts[..count];
        for of_part in &mut *of_parts {
            of_part.heard.clear();
            of_part.spikes.clear();
        }
        let index = |neuron: NeuronId| neuron.index() - layer.neurons.start;
        for &k in &spikes[layer.population] {
            let index = index(trace.spikes[k].neuron);
            let part = match parts {
                Parts::Cells(cells) => cells.place_of(index).0,
                Parts::Neurons(_) => index,
            };
            of_parts[part].spikes.push(k);
        }
        match parts {
            Parts::Cells(cells) => {
                rows.resize(cells.weights().len(), 0.0);
                let t_end = trace.stimulus.t_end();
                schedule.read_arrivals(wiring, cells.incoming(), (trace, spikes), t_end);
                for arrival in &schedule.arrivals {
                    for (cell, row) in cells.reached_by(arrival.group) {
                        of_parts[cell].heard.push((*arrival, row));
                    }
                }
            }
            Parts::Neurons(apart) => {
                self.read_apart(apart, |arrival, synapse| {
                    let neuron = index(wiring.targets[synapse]);
                    of_parts[neuron].heard.push((arrival, synapse));
                });
                for of_part in of_parts {
                    of_part.heard.sort_unstable_by(|(a, _), (b, _)| a.in_order(b));
                }
            }
        }
    }

    /// Takes all that arrives at neurons that hear apart, by the order of firings: each arrival, and the synapse over which it comes.
    fn read_apart(&self, apart: &Apart, mut take: impl FnMut(Arrival, usize)) {
        let Self { wiring, trace, spikes, .. } = *self;
        let t_end = trace.stimulus.t_end();
        for from in apart.sources() {
            for (firing, at) in firings(wiring, from, (trace, spikes)) {
                let arrivals = apart.arrivals(wiring, from, at);
                for (time, group) in arrivals.take_while(|(time, _)| time.rounded <= t_end) {
                    let arrival = Arrival { time, firing, group };
                    wiring.synapses(group).for_each(|synapse| take(arrival, synapse));
                }
            }
        }
    }
}
