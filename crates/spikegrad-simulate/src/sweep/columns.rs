//! The neurons of a layer side by side, and the one pass over them that a stretch between two arrivals takes.
//!
//! A pass adds a row of weights, moves every neuron to the end of the stretch, and **screens**: of each neuron it knows an
//! upper bound of the potential along the stretch, and who may have reached its ceiling is named. The bound errs to one side
//! only: a rise under a positive current is concave, so it stays below its tangent, and below the current.
//!
//! Not here: what becomes of those that are named (`wave.rs`, `peaks.rs`).

use pulp::{Arch, Simd, WithSimd};
use spikegrad_dynamics::lanes::{Lanes, Motion, padded};

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
        match (self.motions, self.only_turns) {
            (Motions::Shared(motion), only_turns) => {
                let motion = Motion::splat(simd, motion);
                if only_turns {
                    self.over::<S, true>(simd, |_| motion);
                } else {
                    self.over::<S, false>(simd, |_| motion);
                }
            }
            (Motions::Own { dt, tau_mem, tau_syn }, only_turns) => {
                let dt = Lanes::splat(simd, dt);
                let (tau_mem, tau_syn) = (S::as_simd_f64s(tau_mem).0, S::as_simd_f64s(tau_syn).0);
                let motion = |k: usize| {
                    Motion::over(dt, Lanes::new(simd, tau_mem[k]), Lanes::new(simd, tau_syn[k]))
                };
                if only_turns {
                    self.over::<S, true>(simd, motion);
                } else {
                    self.over::<S, false>(simd, motion);
                }
            }
        }
    }
}

impl Pass<'_> {
    #[inline(always)]
    fn over<S: Simd, const ONLY_TURNS: bool>(
        self,
        simd: S,
        motion: impl Fn(usize) -> Motion<Lanes<S>>,
    ) {
        let Self { row, before, after, ceiling, named, .. } = self;
        let count = ceiling.len() / S::F64_LANES;
        let read = |column| &S::as_simd_f64s(column).0[..count];
        let (v, i) = (read(&before.v), read(&before.i));
        let (v_mem, v_syn, i_syn) = (read(&before.v_mem), read(&before.v_syn), read(&before.i_syn));
        let ceiling = read(ceiling);
        let to_v = &mut S::as_mut_simd_f64s(&mut after.v).0[..count];
        let to_i = &mut S::as_mut_simd_f64s(&mut after.i).0[..count];
        let to_v_mem = &mut S::as_mut_simd_f64s(&mut after.v_mem).0[..count];
        let to_v_syn = &mut S::as_mut_simd_f64s(&mut after.v_syn).0[..count];
        let to_i_syn = &mut S::as_mut_simd_f64s(&mut after.i_syn).0[..count];
        let (whole, part) = S::as_simd_f64s(row);
        let lanes = |x| Lanes::new(simd, x);
        let mut body = |k: usize, weight: Lanes<S>| {
            let by = motion(k);
            let (v0, i_before, i_syn0) = (lanes(v[k]), lanes(i[k]), lanes(i_syn[k]));
            let i0 = i_before + weight;
            let v1 = by.flow.membrane * v0 + by.flow.response * i0;
            let i1 = by.flow.current * i0;
            to_v[k] = v1.raw();
            to_i[k] = i1.raw();
            let v_mem1 = by.flow.membrane * lanes(v_mem[k]) + (by.mem_of_v * v0 + by.mem_of_i * i0);
            to_v_mem[k] = v_mem1.raw();
            let v_syn1 =
                by.flow.membrane * lanes(v_syn[k]) + (by.flow.response * i_syn0 + by.syn_of_i * i0);
            to_v_syn[k] = v_syn1.raw();
            to_i_syn[k] = (by.flow.current * i_syn0 + by.current_of_i * i0).raw();
            let tangent = v0 + (by.length + TANGENT_MARGIN) * (i0 - v0);
            let peak = tangent.min(i0);
            let ceiling = lanes(ceiling[k]);
            let reaches = if ONLY_TURNS {
                let turns_within = v0.lt(i0) & i1.lt(v1) & ceiling.le(peak);
                let turns_at_arrival = v0.lt(i_before) & i0.le(v0) & ceiling.le(v0);
                turns_within | turns_at_arrival
            } else {
                ceiling.le(i1.lt(v1).select(peak, v1))
            };
            reaches.for_each(|lane| named.push(k * S::F64_LANES + lane));
        };
        for (k, &weight) in whole.iter().enumerate().take(count) {
            body(k, lanes(weight));
        }
        for k in whole.len()..count {
            let part = if k == whole.len() { part } else { &[] };
            body(k, lanes(simd.partial_load_f64s(part)));
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
