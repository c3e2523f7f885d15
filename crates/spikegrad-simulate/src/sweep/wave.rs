//! Neurons that are worked off one by one along a stretch, many of them at once: who may cross, and who comes out of its
//! refractory time.
//!
//! All of a wave are searched for their next crossing together, then moved to it together; who has spiked goes into the next
//! wave, until none is left. Not here: who belongs to the first wave (`layer.rs`).

use super::Irregular;
use super::columns::Columns;
use pulp::{Arch, Simd, WithSimd};
use spikegrad_dynamics::lanes::{Lanes, Motion, Rises, Search, padded, search};
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
    pub(super) columns: Columns,
    threshold: Vec<f64>,
    tau_mem: Vec<f64>,
    tau_syn: Vec<f64>,
    dt: Vec<f64>,
    found: Vec<Search>,
}

impl Wave {
    pub(super) fn clear(&mut self) {
        self.members.clear();
        self.columns.clear();
        self.threshold.clear();
        self.tau_mem.clear();
        self.tau_syn.clear();
    }

    /// Takes up a neuron with state and tangents `[v, i, v_mem, v_syn, i_syn]`.
    pub(super) fn push(&mut self, layer: &Layer, member: Member, state: [f64; 5]) {
        let n = member.neuron;
        let [v, i, v_mem, v_syn, i_syn] = state;
        self.members.push(member);
        self.columns.v.push(v);
        self.columns.i.push(i);
        self.columns.v_mem.push(v_mem);
        self.columns.v_syn.push(v_syn);
        self.columns.i_syn.push(i_syn);
        self.threshold.push(layer.threshold[n]);
        self.tau_mem.push(layer.tau_mem[n]);
        self.tau_syn.push(layer.tau_syn[n]);
    }

    /// State and tangents of a member.
    pub(super) fn state(&self, k: usize) -> [f64; 5] {
        let Columns { v, i, v_mem, v_syn, i_syn } = &self.columns;
        [v[k], i[k], v_mem[k], v_syn[k], i_syn[k]]
    }

    /// Finds the next crossing of each member, if it is not after `until`.
    pub(super) fn search(
        &mut self,
        circuit: &Circuit,
        layer: &Layer,
        until: Time,
    ) -> Result<(), Irregular> {
        self.pad();
        let Columns { v, i, .. } = &self.columns;
        let Self { threshold, tau_mem, tau_syn, found, .. } = self;
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
                Outlook::Silent => None,
                Outlook::Touch { dt } if due(dt).is_some() => return Err(Irregular),
                Outlook::Touch { .. } => None,
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
        self.columns.each().into_iter().for_each(|column| column.resize(count, 0.0));
        [&mut self.threshold, &mut self.tau_mem, &mut self.tau_syn]
            .into_iter()
            .for_each(|column| column.resize(count, 1.0));
    }
}

struct Advance<'a> {
    columns: &'a mut Columns,
    tau_mem: &'a [f64],
    tau_syn: &'a [f64],
    dt: &'a [f64],
}

impl WithSimd for Advance<'_> {
    type Output = ();
    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let [v, i, v_mem, v_syn, i_syn] =
            self.columns.each().map(|column| S::as_mut_simd_f64s(column).0);
        let [tau_mem, tau_syn, dt] =
            [self.tau_mem, self.tau_syn, self.dt].map(|column| S::as_simd_f64s(column).0);
        let lanes = |x| Lanes::new(simd, x);
        for k in 0..dt.len() {
            let by = Motion::over(lanes(dt[k]), lanes(tau_mem[k]), lanes(tau_syn[k]));
            let (v0, i0, i_syn0) = (lanes(v[k]), lanes(i[k]), lanes(i_syn[k]));
            v[k] = (by.flow.membrane * v0 + by.flow.response * i0).raw();
            i[k] = (by.flow.current * i0).raw();
            let v_mem0 = lanes(v_mem[k]);
            v_mem[k] = (by.flow.membrane * v_mem0 + (by.mem_of_v * v0 + by.mem_of_i * i0)).raw();
            let v_syn0 = lanes(v_syn[k]);
            v_syn[k] =
                (by.flow.membrane * v_syn0 + (by.flow.response * i_syn0 + by.syn_of_i * i0)).raw();
            i_syn[k] = (by.flow.current * i_syn0 + by.current_of_i * i0).raw();
        }
    }
}
