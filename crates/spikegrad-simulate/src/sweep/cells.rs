//! A layer of cells: neurons that hear the same sources, each cell like a small layer of its own.
//!
//! All cells have the same numbers, so that they go together as the runs of a small layer do. Not here: how they go on (`together.rs`), what a cell is
//! (`spikegrad_network`).

use super::arrivals::Fired;
use super::budget::Budget;
use super::layer::write_lengths;
use super::together::{Together, spike, write_way};
use super::{Irregular, in_order};
use spikegrad_dynamics::lanes::Arrived;
use spikegrad_network::{Body, Cells, Layer, NeuronId, ReadoutRequest, Spike, Time, Watch};

/// Memory of a layer of cells under way.
#[derive(Clone, Debug, Default)]
pub(super) struct CellScratch {
    /// When which group of the circuit arrives, in order.
    arriving: Vec<(Time, usize)>,
    heard: Vec<Heard>,
}

/// What arrives at a cell.
#[derive(Clone, Debug, Default)]
struct Heard {
    instants: Vec<Time>,
    rows: Vec<usize>,
    /// Where among the rows those of each instant end.
    ends: Vec<usize>,
}

impl Heard {
    fn clear(&mut self) {
        self.instants.clear();
        self.rows.clear();
        self.ends.clear();
    }

    /// A row arrives, together with the last ones if the time is the same.
    fn push(&mut self, time: Time, row: usize, cells: &Cells) {
        if self.instants.last().is_none_or(|last| !last.coincides(time)) {
            self.close(cells);
            self.instants.push(time);
        } else if let Some(last) = self.instants.last_mut() {
            *last = time;
        }
        self.rows.push(row);
    }

    /// No more arrives at the last instant, which is forgotten if nothing comes of it, not even a rounding.
    fn close(&mut self, cells: &Cells) {
        if self.ends.len() == self.instants.len() {
            return;
        }
        let first = self.ends.last().copied().unwrap_or(0);
        if cells.have_effect(&self.rows[first..]) {
            self.ends.push(self.rows.len());
        } else {
            self.rows.truncate(first);
            self.instants.pop();
        }
    }
}

/// One layer of cells in one run.
#[derive(Debug)]
pub(super) struct CellsRun<'a> {
    pub(super) fired: Fired<'a>,
    pub(super) layer: &'a Layer,
    pub(super) cells: &'a Cells,
    pub(super) body: &'a Body<1>,
    pub(super) t_end: f64,
    pub(super) readouts: &'a [ReadoutRequest],
    pub(super) budget: Budget,
    /// Its spikes, in order.
    pub(super) spikes: &'a mut Vec<Spike>,
    pub(super) scratch: &'a mut CellScratch,
}

impl CellsRun<'_> {
    /// Runs it. What is read of it on the way, and what becomes of too many events, is left to the event loop.
    pub(super) fn run<const TANGENTS: bool>(
        self,
        together: &mut Together<1>,
        watch: &mut Watch,
    ) -> Result<(), Irregular> {
        let Self { fired, layer, cells, body, t_end, budget, spikes, .. } = self;
        let is_read = |r: &ReadoutRequest| layer.neurons.contains(&r.neuron.index());
        let is_known = body.numbers.share_motions() && budget.horizon >= t_end;
        if !is_known || self.readouts.iter().any(is_read) {
            return Err(Irregular);
        }
        self.scratch.hear(fired, cells, t_end);
        spikes.clear();
        let (most, heard) = (budget.most, &self.scratch.heard);
        let mut first = 0;
        while first < cells.count() {
            let count = Together::<1>::side_by_side(cells.size()).min(cells.count() - first);
            for (k, Heard { instants, rows, ends }) in heard[first..][..count].iter().enumerate() {
                let way = together.way(k);
                write_lengths(&body.numbers, instants, t_end, (&mut way.lengths, &mut way.motions));
                let arrived = |&row: &usize| Arrived { receptor: 0, weights: row * cells.size() };
                write_way(way, (instants, ends), t_end, rows.iter().map(arrived));
                (way.horizon, way.most) = (t_end, most);
            }
            let mut is_irregular = false;
            together.run_all::<TANGENTS>((cells.weights(), body), count, watch, |cell, found| {
                let own = cells.neurons(first + cell);
                match found {
                    Ok((fired, _)) if spikes.len() + fired.len() <= most => {
                        let id = |n: usize| NeuronId::new(layer.neurons.start + own[n]);
                        spikes.extend(fired.iter().map(|fired| spike(fired, id(fired.neuron))));
                        budget
                    }
                    _ => {
                        is_irregular = true;
                        let mut ended = budget;
                        ended.horizon = f64::NEG_INFINITY;
                        ended
                    }
                }
            });
            if is_irregular {
                return Err(Irregular);
            }
            first += count;
        }
        spikes.sort_unstable_by(|a, b| in_order((a.time, a.neuron), (b.time, b.neuron)));
        Ok(())
    }
}

impl CellScratch {
    /// Hands what arrives by `t_end` to the cells that it reaches.
    fn hear(&mut self, fired: Fired<'_>, cells: &Cells, t_end: f64) {
        let Self { arriving, heard } = self;
        arriving.clear();
        for incoming in cells.incoming() {
            let firings = fired.firings(incoming.from);
            let all = firings.filter_map(|firing| incoming.arrival(fired.wiring, firing));
            arriving.extend(all.take_while(|(time, _)| time.rounded <= t_end));
        }
        // At one time in the order of their groups, which is that of their sources.
        arriving.sort_unstable_by(|a, b| a.0.rounded.total_cmp(&b.0.rounded).then(a.1.cmp(&b.1)));
        heard.resize_with(cells.count(), Heard::default);
        heard.iter_mut().for_each(Heard::clear);
        for &(time, group) in &*arriving {
            for (cell, row) in cells.reached_by(group) {
                heard[cell].push(time, row, cells);
            }
        }
        heard.iter_mut().for_each(|heard| heard.close(cells));
    }
}
