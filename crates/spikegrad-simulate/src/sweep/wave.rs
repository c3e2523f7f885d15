//! Neurons that are worked off one by one along a stretch, many of them at once: who may cross, and who comes out of its
//! refractory time.
//!
//! All of a wave are searched for their next crossing together, then moved to it together; who has spiked goes into the next
//! wave, until none is left. Not here: who belongs to the first wave (`layer.rs`).

use super::Irregular;
use super::columns::{Advance, Block, Cell, Columns};
use pulp::Arch;
use spikegrad_dynamics::lanes::{BLOCK, Rises, Search, padded, search};
use spikegrad_dynamics::{Neuron, Outlook, State};
use spikegrad_network::{Circuit, Layer, Time};

/// A crossing, and its slope per second.
#[derive(Clone, Copy, Debug)]
pub(super) struct Crossing {
    pub(super) time: Time,
    pub(super) slope: f64,
}

/// One neuron of a wave.
#[derive(Clone, Copy, Debug)]
pub(super) struct Member {
    /// Index in the layer.
    pub(super) neuron: usize,
    /// When it is in the state that the wave holds.
    pub(super) from: Time,
    /// Whether it is in the wave only because it may cross: at the end of the stretch its state is known.
    pub(super) is_known: bool,
    pub(super) crossing: Option<Crossing>,
}

/// Neurons side by side, each at a time of its own.
#[derive(Clone, Debug, Default)]
pub(super) struct Wave {
    pub(super) members: Vec<Member>,
    columns: Columns,
    v: Vec<f64>,
    i: Vec<f64>,
    threshold: Vec<f64>,
    tau_mem: Vec<f64>,
    tau_syn: Vec<f64>,
    dt: Vec<f64>,
    found: Vec<Search>,
}

impl Wave {
    pub(super) fn clear(&mut self) {
        self.members.clear();
        let Self { v, i, threshold, tau_mem, tau_syn, .. } = self;
        [v, i, threshold, tau_mem, tau_syn].into_iter().for_each(Vec::clear);
    }

    /// Takes up a neuron in the state `cell`.
    pub(super) fn push(&mut self, layer: &Layer, member: Member, cell: Cell) {
        let n = member.neuron;
        let k = self.members.len();
        if self.columns.0.len() * BLOCK <= k {
            self.columns.0.push(Block::default());
        }
        self.columns.set(k, cell);
        self.members.push(member);
        self.v.push(cell[0]);
        self.i.push(cell[1]);
        self.threshold.push(layer.threshold[n]);
        self.tau_mem.push(layer.tau_mem[n]);
        self.tau_syn.push(layer.tau_syn[n]);
    }

    /// The state of a member.
    pub(super) fn cell(&self, k: usize) -> Cell {
        self.columns.get(k)
    }

    /// Finds the next crossing of each member, if it is not after `until`.
    pub(super) fn search(
        &mut self,
        circuit: &Circuit,
        layer: &Layer,
        until: Time,
    ) -> Result<(), Irregular> {
        if self.members.is_empty() {
            return Ok(());
        }
        self.pad();
        let Self { v, i, threshold, tau_mem, tau_syn, found, .. } = self;
        found.clear();
        found.resize(v.len(), Search::Undecided);
        search(Rises { v, i, threshold, tau_mem, tau_syn }, found);
        for (k, member) in self.members.iter_mut().enumerate() {
            let outlook = match found[k] {
                Search::Crossing { dt, slope } => Outlook::Crossing { dt, slope },
                Search::Silent => Outlook::Silent,
                Search::Undecided => circuit.neurons[layer.neurons.start + member.neuron]
                    .next_crossing(State { v: v[k], i: i[k] }),
            };
            let due = |dt: f64| Some(member.from.after(dt)).filter(|t| t.rounded <= until.rounded);
            member.crossing = match outlook {
                Outlook::Touch { dt } if due(dt).is_some() => return Err(Irregular),
                Outlook::Silent | Outlook::Touch { .. } => None,
                Outlook::Crossing { dt, slope } => due(dt).map(|time| Crossing { time, slope }),
            };
            // Whoever crosses at the very instant of its last event opens a round of its own.
            if member.crossing.is_some_and(|c| c.time.rounded <= member.from.rounded) {
                return Err(Irregular);
            }
        }
        Ok(())
    }

    /// Moves each member to its crossing, or to `until`.
    pub(super) fn advance(&mut self, until: Time) {
        if self.members.is_empty() {
            return;
        }
        self.pad();
        self.dt.clear();
        let length = |member: &Member| {
            // Who is released only after the stretch stays where it is.
            member.crossing.map_or(until, |crossing| crossing.time).since(member.from).max(0.0)
        };
        self.dt.extend(self.members.iter().map(length));
        self.dt.resize(padded(self.members.len()), 0.0);
        let Self { columns, tau_mem, tau_syn, dt, .. } = self;
        Arch::new().dispatch(Advance { columns, tau_mem, tau_syn, dt });
    }

    /// Fills the last block with neurons at rest.
    fn pad(&mut self) {
        let count = padded(self.members.len());
        let Self { v, i, threshold, tau_mem, tau_syn, .. } = self;
        [v, i].into_iter().for_each(|column| column.resize(count, 0.0));
        [threshold, tau_mem, tau_syn].into_iter().for_each(|column| column.resize(count, 1.0));
    }
}
