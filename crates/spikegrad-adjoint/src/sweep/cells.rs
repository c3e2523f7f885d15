//! A layer of cells, backwards: each cell goes back like a small layer of its own.
//!
//! Not here: how that goes (`layer.rs`), what a cell is (`spikegrad_network`).

use super::layer::{LayerGradient, LayerSweep, Scratch};
use super::members::Members;
use super::schedule::{Arrival, Schedule, Spikes};
use crate::{AdjointError, Grazing};
use spikegrad_network::loss::Cotangents;
use spikegrad_network::{Body, Cells, Layer, Trace, Wiring};

/// Memory of a layer of cells.
#[derive(Clone, Debug, Default)]
pub(super) struct CellScratch {
    /// What arrives at any of them.
    schedule: Schedule,
    of_cells: Vec<OfCell>,
    /// ∂L/∂(each weight of all rows) by the cell under way; zero between.
    rows: Vec<f64>,
}

/// What is known of a cell.
#[derive(Clone, Debug, Default)]
struct OfCell {
    /// What arrives, and over which row.
    heard: Vec<(Arrival, usize)>,
    /// Positions of its spikes in the trace.
    spikes: Vec<usize>,
}

/// One layer of cells of one trace.
#[derive(Debug)]
pub(super) struct CellsSweep<'a> {
    pub(super) wiring: Wiring<'a>,
    pub(super) layer: &'a Layer,
    pub(super) cells: &'a Cells,
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

impl CellsSweep<'_> {
    /// Takes it back, and hands over what the neurons of each cell collect.
    pub(super) fn run(
        self,
        memory: &mut CellScratch,
        (scratch, gradient): (&mut Scratch<1>, &mut LayerGradient),
        mut collect: impl FnMut(usize, &LayerGradient),
    ) -> Result<(), AdjointError> {
        self.read(memory);
        let Self { wiring, layer, cells, body, trace, .. } = self;
        let CellScratch { schedule: _, of_cells, rows } = memory;
        for (cell, OfCell { heard, spikes }) in of_cells.iter().enumerate() {
            let mut sweep = LayerSweep {
                wiring,
                rows: cells.weights(),
                layer,
                members: Members::of_cell(layer, cells, cell),
                body,
                trace,
                own: spikes,
                cotangents: self.cotangents,
                policy: self.policy,
                times: self.times,
                scratch,
                weights: rows,
                delays: self.delays,
                has_input_times: self.has_input_times,
                gradient,
            };
            sweep.begin();
            let Some(horizon) = sweep.horizon() else { continue };
            let is_early = |(arrival, _): &&(Arrival, usize)| arrival.time.rounded <= horizon;
            let heard = &heard[..heard.iter().take_while(is_early).count()];
            let inputs = (trace.stimulus.spikes().len(), self.has_input_times);
            sweep.scratch.schedule.read_cell(heard, cells.size(), inputs, trace.stimulus.t_end());
            if let Err(error) = sweep.run_until(horizon) {
                rows.clear();
                return Err(error);
            }
            collect(cell, gradient);
            for &(_, row) in heard {
                let of_row = &mut rows[row * cells.size()..][..cells.size()];
                for (synapse, derivative) in cells.synapses(row).iter().zip(of_row) {
                    self.weights[*synapse] += std::mem::take(derivative);
                }
            }
        }
        Ok(())
    }

    /// Reads what each cell hears, and what it fired.
    fn read(&self, memory: &mut CellScratch) {
        let Self { wiring, layer, cells, trace, spikes, .. } = *self;
        let CellScratch { schedule, of_cells, rows } = memory;
        rows.resize(cells.weights().len(), 0.0);
        of_cells.resize_with(cells.count(), OfCell::default);
        for of_cell in &mut *of_cells {
            of_cell.heard.clear();
            of_cell.spikes.clear();
        }
        for &k in &spikes[layer.population] {
            let index = trace.spikes[k].neuron.index() - layer.neurons.start;
            of_cells[cells.place_of(index).0].spikes.push(k);
        }
        let t_end = trace.stimulus.t_end();
        schedule.read_arrivals(wiring, cells.incoming(), (trace, spikes), t_end);
        for arrival in &schedule.arrivals {
            for (cell, row) in cells.reached_by(arrival.group) {
                of_cells[cell].heard.push((*arrival, row));
            }
        }
    }
}
