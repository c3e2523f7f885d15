//! Neurons that are worked off one by one along a stretch, many of them at once: who may cross, and who comes out of its
//! refractory time.
//!
//! All of a wave are searched for their next crossing together, then moved to it together; who has spiked goes into the next
//! wave, until none is left. Not here: who belongs to the first wave (`layer.rs`).

use super::Irregular;
use super::columns::{Advance, Block, Cell, Columns};
use pulp::Arch;
use spikegrad_dynamics::lanes::{BLOCK, Rises, Search, padded, search};
use spikegrad_dynamics::{Lif, Neuron, Outlook, State};
use spikegrad_network::{Circuit, Layer, Time};

/// How far two computations of one crossing may differ, in units of the sizes that were rounded: some thousand roundings.
const BLUR: f64 = 4096.0 * f64::EPSILON;

/// A crossing, and its slope per second.
#[derive(Clone, Copy, Debug)]
pub(super) struct Crossing {
    pub(super) time: Time,
    pub(super) slope: f64,
}

impl Crossing {
    /// Whether it is so near to `other` that only the event loop may say which comes first.
    ///
    /// At the threshold the current is `slope τ_mem − rest`; a rounding of it, or of the resting value, moves the crossing by
    /// as much divided by the slope.
    pub(super) fn blurs(&self, model: &Lif<f64>, other: Time) -> bool {
        let size = model.time_constants().tau_mem + 2.0 * model.rest().abs() / self.slope;
        (self.time.rounded - other.rounded).abs() <= BLUR * (self.time.rounded + size)
    }
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
    rest: Vec<f64>,
    tau_mem: Vec<f64>,
    tau_syn: Vec<f64>,
    dt: Vec<f64>,
    found: Vec<Search>,
}

impl Wave {
    pub(super) fn clear(&mut self) {
        self.members.clear();
    }

    /// Takes up a neuron in the state `cell`.
    pub(super) fn push(&mut self, layer: &Layer, member: Member, cell: Cell) {
        let n = member.neuron;
        let k = self.members.len();
        self.members.push(member);
        if k == self.v.len() {
            self.grow();
        }
        self.columns.set(k, cell);
        [self.v[k], self.i[k], ..] = cell;
        self.rest[k] = layer.rest[n];
        self.tau_mem[k] = layer.tau_mem[n];
        self.tau_syn[k] = layer.tau_syn[n];
    }

    /// Room for another block.
    fn grow(&mut self) {
        self.columns.0.push(Block::default());
        let Self { v, i, rest, tau_mem, tau_syn, dt, found, .. } = self;
        let count = v.len() + BLOCK;
        [v, i, rest, tau_mem, tau_syn, dt].into_iter().for_each(|x| x.resize(count, 0.0));
        found.resize(count, Search::Undecided);
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
        let count = self.pad();
        let Self { v, i, rest, tau_mem, tau_syn, found, .. } = self;
        search(
            Rises {
                v: &v[..count],
                i: &i[..count],
                rest: &rest[..count],
                tau_mem: &tau_mem[..count],
                tau_syn: &tau_syn[..count],
            },
            &mut found[..count],
        );
        for (k, member) in self.members.iter_mut().enumerate() {
            let model = &circuit.neurons[layer.neurons.start + member.neuron];
            let outlook = match found[k] {
                Search::Crossing { dt, slope } => Outlook::Crossing { dt, slope },
                Search::Silent => Outlook::Silent,
                Search::Undecided => model.next_crossing(State { v: v[k], i: i[k] }),
            };
            let is_due = |time: Time| time.rounded <= until.rounded;
            member.crossing = match outlook {
                Outlook::Touch { dt } if is_due(member.from.after(dt)) => return Err(Irregular),
                Outlook::Silent | Outlook::Touch { .. } => None,
                Outlook::Crossing { dt, slope } => {
                    let crossing = Crossing { time: member.from.after(dt), slope };
                    if crossing.blurs(model, until) {
                        return Err(Irregular);
                    }
                    Some(crossing).filter(|crossing| is_due(crossing.time))
                }
            };
            // Whoever crosses at the very instant of its last event opens a round of its own.
            if member.crossing.is_some_and(|c| c.time.rounded <= member.from.rounded) {
                return Err(Irregular);
            }
        }
        Ok(())
    }

    /// Moves each member to its crossing, or to `until`.
    pub(super) fn advance<const TANGENTS: bool>(&mut self, until: Time) {
        if self.members.is_empty() {
            return;
        }
        let count = self.pad();
        let Self { members, columns, rest, tau_mem, tau_syn, dt, .. } = self;
        for (member, dt) in members.iter().zip(&mut *dt) {
            let to = member.crossing.map_or(until, |crossing| crossing.time);
            // Who is released only after the stretch stays where it is.
            *dt = to.since(member.from).max(0.0);
        }
        dt[members.len()..count].fill(0.0);
        let columns = &mut columns.0[..count / BLOCK];
        Arch::new().dispatch(Advance::<TANGENTS> { columns, rest, tau_mem, tau_syn, dt });
    }

    /// Fills the last block with neurons at rest below their thresholds, and says how many there are then.
    fn pad(&mut self) -> usize {
        let members = self.members.len();
        let count = padded(members);
        let Self { v, i, rest, tau_mem, tau_syn, .. } = self;
        for (column, filler) in [(v, -1.0), (i, 0.0), (rest, -1.0), (tau_mem, 1.0), (tau_syn, 1.0)]
        {
            column[members..count].fill(filler);
        }
        count
    }
}
