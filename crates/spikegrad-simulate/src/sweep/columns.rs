//! The neurons of a layer side by side, and the one pass over them that a stretch between two arrivals takes.
//!
//! A pass adds a row of weights, moves every neuron to the end of the stretch, and **screens**: of each neuron it knows an
//! upper bound of the potential along the stretch, and who may have reached its ceiling is named. The bound errs to one side
//! only: a rise under a positive current is concave, so it stays below its tangent, and below the current.
//!
//! Not here: what becomes of those that are named (`wave.rs`, `peaks.rs`).

use pulp::{Arch, Simd, WithSimd};
use spikegrad_dynamics::lanes::{Lanes, Mask, Motion, padded};

/// State and tangents of the neurons of a layer, padded to whole blocks.
#[derive(Clone, Debug, Default)]
pub(super) struct Columns {
    /// v relative to rest.
    pub(super) v: Vec<f64>,
    pub(super) i: Vec<f64>,
    /// ∂v/∂τ_mem.
    pub(super) v_mem: Vec<f64>,
    /// ∂v/∂τ_syn.
    pub(super) v_syn: Vec<f64>,
    /// ∂i/∂τ_syn.
    pub(super) i_syn: Vec<f64>,
}

impl Columns {
    pub(super) fn each(&mut self) -> [&mut Vec<f64>; 5] {
        [&mut self.v, &mut self.i, &mut self.v_mem, &mut self.v_syn, &mut self.i_syn]
    }

    /// `count` neurons at rest.
    pub(super) fn reset(&mut self, count: usize) {
        for column in self.each() {
            column.clear();
            column.resize(padded(count), 0.0);
        }
    }

    /// Forgets all neurons.
    pub(super) fn clear(&mut self) {
        for column in self.each() {
            column.clear();
        }
    }
}

/// How the neurons of a layer move along a stretch.
#[derive(Clone, Copy, Debug)]
pub(super) enum Motions<'a> {
    /// All alike.
    Shared(&'a Motion),
    /// By their own time constants.
    Own { dt: f64, tau_mem: &'a [f64], tau_syn: &'a [f64] },
}

/// Room for the rounding of the tangent's bound, in units of its rise.
const TANGENT_MARGIN: f64 = 1e-12;

/// A stretch: `row` arrives at its start.
#[derive(Debug)]
pub(super) struct Pass<'a> {
    pub(super) motions: Motions<'a>,
    pub(super) row: &'a [f64],
    /// Before the arrival.
    pub(super) before: &'a Columns,
    /// At the end, before what arrives then.
    pub(super) after: &'a mut Columns,
    /// Who reaches this is named.
    pub(super) ceiling: &'a [f64],
    /// Whether only those are named whose potential turns from up to down, be it at the arrival.
    pub(super) only_turns: bool,
    /// Who may have reached the ceiling.
    pub(super) named: &'a mut Vec<usize>,
}

impl Pass<'_> {
    pub(super) fn run(self) {
        self.named.clear();
        Arch::new().dispatch(self);
    }
}

impl WithSimd for Pass<'_> {
    type Output = ();
    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        match self.motions {
            Motions::Shared(motion) => self.over(simd, Motion::splat(simd, motion)),
            Motions::Own { dt, tau_mem, tau_syn } => {
                let (tau_mem, tau_syn) = (S::as_simd_f64s(tau_mem).0, S::as_simd_f64s(tau_syn).0);
                self.over(simd, Own { dt: Lanes::splat(simd, dt), tau_mem, tau_syn });
            }
        }
    }
}

/// The motion of each register of neurons.
trait Moves<S: Simd>: Copy {
    fn motion(self, simd: S, k: usize) -> Motion<Lanes<S>>;
}

impl<S: Simd> Moves<S> for Motion<Lanes<S>> {
    #[inline(always)]
    fn motion(self, _: S, _: usize) -> Self {
        self
    }
}

/// Time constants of each register of neurons.
#[derive(Clone, Copy)]
struct Own<'a, S: Simd> {
    dt: Lanes<S>,
    tau_mem: &'a [S::f64s],
    tau_syn: &'a [S::f64s],
}

impl<S: Simd> Moves<S> for Own<'_, S> {
    #[inline(always)]
    fn motion(self, simd: S, k: usize) -> Motion<Lanes<S>> {
        Motion::over(self.dt, Lanes::new(simd, self.tau_mem[k]), Lanes::new(simd, self.tau_syn[k]))
    }
}

/// The columns in registers. Everything below is inlined by force: what is not, is not compiled for the registers.
struct Registers<'a, S: Simd> {
    simd: S,
    from: [&'a [S::f64s]; 5],
    to: [&'a mut [S::f64s]; 5],
    ceiling: &'a [S::f64s],
}

impl Pass<'_> {
    #[inline(always)]
    fn over<S: Simd>(self, simd: S, moves: impl Moves<S>) {
        let Self { row, before, after, ceiling, named, only_turns, .. } = self;
        let Columns { v, i, v_mem, v_syn, i_syn } = before;
        let mut registers = Registers {
            simd,
            from: [v, i, v_mem, v_syn, i_syn].map(|column| S::as_simd_f64s(column).0),
            to: after.each().map(|column| S::as_mut_simd_f64s(column).0),
            ceiling: S::as_simd_f64s(ceiling).0,
        };
        let (whole, part) = S::as_simd_f64s(row);
        let count = registers.ceiling.len();
        for k in 0..count {
            let weight = match whole.get(k) {
                Some(&weight) => weight,
                None if k == whole.len() => simd.partial_load_f64s(part),
                None => simd.splat_f64s(0.0),
            };
            let reaches =
                registers.pass(k, moves.motion(simd, k), Lanes::new(simd, weight), only_turns);
            if reaches.any() {
                reaches.for_each(|lane| named.push(k * S::F64_LANES + lane));
            }
        }
    }
}

impl<S: Simd> Registers<'_, S> {
    /// Moves one register of neurons, and says who may have reached its ceiling.
    #[inline(always)]
    fn pass(
        &mut self,
        k: usize,
        by: Motion<Lanes<S>>,
        weight: Lanes<S>,
        only_turns: bool,
    ) -> Mask<S> {
        let [v, i, v_mem, v_syn, i_syn] = self.from;
        let (v0, i_before) = (Lanes::new(self.simd, v[k]), Lanes::new(self.simd, i[k]));
        let (v_mem0, v_syn0) = (Lanes::new(self.simd, v_mem[k]), Lanes::new(self.simd, v_syn[k]));
        let i_syn0 = Lanes::new(self.simd, i_syn[k]);
        let i0 = i_before + weight;
        let v1 = by.flow.membrane * v0 + by.flow.response * i0;
        let i1 = by.flow.current * i0;
        let [to_v, to_i, to_v_mem, to_v_syn, to_i_syn] = &mut self.to;
        to_v[k] = v1.raw();
        to_i[k] = i1.raw();
        to_v_mem[k] = (by.flow.membrane * v_mem0 + (by.mem_of_v * v0 + by.mem_of_i * i0)).raw();
        to_v_syn[k] =
            (by.flow.membrane * v_syn0 + (by.flow.response * i_syn0 + by.syn_of_i * i0)).raw();
        to_i_syn[k] = (by.flow.current * i_syn0 + by.current_of_i * i0).raw();
        let peak = (v0 + (by.length + TANGENT_MARGIN) * (i0 - v0)).min(i0);
        let ceiling = Lanes::new(self.simd, self.ceiling[k]);
        if only_turns {
            let within = v0.lt(i0) & i1.lt(v1) & ceiling.le(peak);
            let at_arrival = v0.lt(i_before) & i0.le(v0) & ceiling.le(v0);
            within | at_arrival
        } else {
            ceiling.le(i1.lt(v1).select(peak, v1))
        }
    }
}

/// The motions over lengths of time, for neurons that share their time constants.
pub(super) fn motions(dt: &[f64], tau_mem: f64, tau_syn: f64, into: &mut Vec<Motion>) {
    into.clear();
    into.resize(dt.len(), Motion::default());
    Arch::new().dispatch(Over { dt, tau_mem, tau_syn, into });
}

struct Over<'a> {
    dt: &'a [f64],
    tau_mem: f64,
    tau_syn: f64,
    into: &'a mut [Motion],
}

impl WithSimd for Over<'_> {
    type Output = ();
    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let tau_mem = Lanes::splat(simd, self.tau_mem);
        let tau_syn = Lanes::splat(simd, self.tau_syn);
        for (dt, into) in self.dt.chunks(S::F64_LANES).zip(self.into.chunks_mut(S::F64_LANES)) {
            let dt = Lanes::new(simd, simd.partial_load_f64s(dt));
            Motion::over(dt, tau_mem, tau_syn).store(into);
        }
    }
}
