//! The adjoints of a layer side by side, and the one pass over them that a stretch takes, going backwards.
//!
//! At the end of a stretch a row of weights arrives: each of its weights gets λ_i of its target, and the time of the
//! arrival gets their sum as in eq. 10. Then all adjoints move to the start of the stretch (eq. 3, transposed). Sums run
//! over eight partial sums in a fixed order, whatever the width of a register.
//!
//! Not here: what happens within a stretch (`layer.rs`).

use pulp::{Arch, Simd, WithSimd};
use spikegrad_dynamics::lanes::{BLOCK, Lanes, Propagator, padded};

/// ∂L/∂(state) of the neurons of a layer, padded to whole blocks.
#[derive(Clone, Debug, Default)]
pub(super) struct Adjoints {
    pub(super) v: Vec<f64>,
    pub(super) i: Vec<f64>,
}

impl Adjoints {
    /// `count` neurons on which nothing depends.
    pub(super) fn reset(&mut self, count: usize) {
        for column in [&mut self.v, &mut self.i] {
            column.clear();
            column.resize(padded(count), 0.0);
        }
    }
}

/// The time constants of a layer, in seconds.
#[derive(Clone, Copy, Debug)]
pub(super) enum TimeConstants<'a> {
    Shared { tau_mem: f64, tau_syn: f64 },
    Own { tau_mem: &'a [f64], tau_syn: &'a [f64] },
}

/// A row of weights that arrives, and its gradient.
#[derive(Debug)]
pub(super) struct Row<'a> {
    pub(super) weights: &'a [f64],
    pub(super) gradient: &'a mut [f64],
}

/// A motion backwards.
#[derive(Clone, Copy, Debug)]
pub(super) struct Move<'a> {
    /// Its length, in seconds.
    pub(super) dt: f64,
    /// Its coefficients, where all neurons have the same.
    pub(super) flow: &'a Propagator,
}

/// An arrival, a motion before it, or both in one pass.
#[derive(Debug)]
pub(super) struct Pass<'a> {
    pub(super) adjoints: &'a mut Adjoints,
    pub(super) time_constants: TimeConstants<'a>,
    pub(super) row: Option<Row<'a>>,
    pub(super) motion: Option<Move<'a>>,
}

impl Pass<'_> {
    /// Runs the pass and returns ∂L/∂(time of the arrival), per second.
    pub(super) fn run(self) -> f64 {
        Arch::new().dispatch(self)
    }
}

impl WithSimd for Pass<'_> {
    type Output = f64;
    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> f64 {
        let Self { adjoints, time_constants, row, motion } = self;
        match (time_constants, motion) {
            (TimeConstants::Shared { tau_mem, tau_syn }, Some(motion)) => {
                let flow = Propagator::splat(simd, motion.flow);
                // One division for the whole row.
                let [by_v, by_i] = receive(
                    simd,
                    adjoints,
                    row,
                    #[inline(always)]
                    |_| flow,
                    true,
                );
                by_i / tau_syn - by_v / tau_mem
            }
            (TimeConstants::Shared { tau_mem, tau_syn }, None) => {
                let still = Propagator::splat(simd, &Propagator::default());
                let [by_v, by_i] = receive(
                    simd,
                    adjoints,
                    row,
                    #[inline(always)]
                    |_| still,
                    false,
                );
                by_i / tau_syn - by_v / tau_mem
            }
            (TimeConstants::Own { tau_mem, tau_syn }, motion) => {
                let time = row.as_ref().map_or(0.0, |row| {
                    let terms = row.weights.iter().zip(&adjoints.v).zip(&adjoints.i);
                    let taus = tau_mem.iter().zip(tau_syn);
                    terms.zip(taus).map(|(((w, v), i), (m, s))| w * (i / s - v / m)).sum()
                });
                let (tau_mem, tau_syn) = (S::as_simd_f64s(tau_mem).0, S::as_simd_f64s(tau_syn).0);
                let dt = Lanes::splat(simd, motion.map_or(0.0, |motion| motion.dt));
                receive(
                    simd,
                    adjoints,
                    row,
                    #[inline(always)]
                    |k| {
                        let tau_mem = Lanes::new(simd, tau_mem[k]);
                        Propagator::over(dt, tau_mem, Lanes::new(simd, tau_syn[k]))
                    },
                    motion.is_some(),
                );
                time
            }
        }
    }
}

/// Adds λ_i to the gradient of the row, moves the adjoints by `flow` if they `move`, and returns the products of the
/// weights with λ_v and λ_i.
#[inline(always)]
fn receive<S: Simd>(
    simd: S,
    adjoints: &mut Adjoints,
    row: Option<Row<'_>>,
    flow: impl Fn(usize) -> Propagator<Lanes<S>>,
    moves: bool,
) -> [f64; 2] {
    let v = S::as_mut_simd_f64s(&mut adjoints.v).0;
    let i = &mut S::as_mut_simd_f64s(&mut adjoints.i).0[..v.len()];
    let lanes = |x| Lanes::new(simd, x);
    let zero = Lanes::splat(simd, 0.0);
    let mut sums = [[zero; BLOCK]; 2];
    let width = BLOCK / S::F64_LANES;
    let Some(Row { weights, gradient }) = row else {
        if moves {
            for (k, (v, i)) in v.iter_mut().zip(i).enumerate() {
                transport(simd, v, i, &flow(k));
            }
        }
        return [0.0; 2];
    };
    let (whole, part) = S::as_simd_f64s(weights);
    let (whole_gradient, part_gradient) = S::as_mut_simd_f64s(gradient);
    let blocks = whole.len() / width;
    for block in 0..blocks {
        for lane in 0..width {
            let k = block * width + lane;
            let (v1, i1, weight) = (lanes(v[k]), lanes(i[k]), lanes(whole[k]));
            sums[0][lane] = sums[0][lane] + weight * v1;
            sums[1][lane] = sums[1][lane] + weight * i1;
            whole_gradient[k] = (lanes(whole_gradient[k]) + i1).raw();
            if moves {
                transport(simd, &mut v[k], &mut i[k], &flow(k));
            }
        }
    }
    for (lane, k) in (blocks * width..v.len()).enumerate() {
        let weight = match whole.get(k) {
            Some(&weight) => weight,
            None if k == whole.len() => simd.partial_load_f64s(part),
            None => zero.raw(),
        };
        let (v1, i1, weight) = (lanes(v[k]), lanes(i[k]), lanes(weight));
        sums[0][lane] = sums[0][lane] + weight * v1;
        sums[1][lane] = sums[1][lane] + weight * i1;
        match whole_gradient.get_mut(k) {
            Some(gradient) => *gradient = (lanes(*gradient) + i1).raw(),
            None if k == whole.len() => {
                let sum = lanes(simd.partial_load_f64s(part_gradient)) + i1;
                simd.partial_store_f64s(part_gradient, sum.raw());
            }
            None => {}
        }
        if moves {
            transport(simd, &mut v[k], &mut i[k], &flow(k));
        }
    }
    sums.map(|sums| {
        sums[..width].iter().flat_map(|s| s.values().into_iter().take(S::F64_LANES)).sum()
    })
}

/// Eqs. 3–5, transposed.
#[inline(always)]
fn transport<S: Simd>(simd: S, v: &mut S::f64s, i: &mut S::f64s, by: &Propagator<Lanes<S>>) {
    let (after_v, after_i) = (Lanes::new(simd, *v), Lanes::new(simd, *i));
    *v = (by.membrane * after_v).raw();
    *i = (by.response * after_v + by.current * after_i).raw();
}

/// The flows over lengths of time, for neurons that share their time constants or have their own.
pub(super) fn flows(dt: &[f64], time_constants: TimeConstants<'_>, into: &mut Vec<Propagator>) {
    into.clear();
    into.resize(dt.len(), Propagator::default());
    Arch::new().dispatch(Flows { dt, time_constants, into });
}

struct Flows<'a> {
    dt: &'a [f64],
    time_constants: TimeConstants<'a>,
    into: &'a mut [Propagator],
}

impl WithSimd for Flows<'_> {
    type Output = ();
    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let load = |x: &[f64]| Lanes::new(simd, simd.partial_load_f64s(x));
        let width = S::F64_LANES;
        for (k, (dt, into)) in self.dt.chunks(width).zip(self.into.chunks_mut(width)).enumerate() {
            let (tau_mem, tau_syn) = match self.time_constants {
                TimeConstants::Shared { tau_mem, tau_syn } => {
                    (Lanes::splat(simd, tau_mem), Lanes::splat(simd, tau_syn))
                }
                TimeConstants::Own { tau_mem, tau_syn } => {
                    let range = k * width..k * width + dt.len();
                    (load(&tau_mem[range.clone()]), load(&tau_syn[range]))
                }
            };
            Propagator::over(load(dt), tau_mem, tau_syn).store(into);
        }
    }
}

/// `e^(−t/τ)` and `e^(−t/τ) − 1` for each pair.
pub(super) fn decays(t: &[f64], tau: &[f64], into: &mut Vec<[f64; 2]>) {
    into.clear();
    into.resize(t.len(), [0.0; 2]);
    Arch::new().dispatch(Decays { t, tau, into });
}

struct Decays<'a> {
    t: &'a [f64],
    tau: &'a [f64],
    into: &'a mut [[f64; 2]],
}

impl WithSimd for Decays<'_> {
    type Output = ();
    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let width = S::F64_LANES;
        let load = |x: &[f64]| Lanes::new(simd, simd.partial_load_f64s(x));
        let pairs = self.t.chunks(width).zip(self.tau.chunks(width));
        for ((t, tau), into) in pairs.zip(self.into.chunks_mut(width)) {
            let (exp, exp_m1) = (-(load(t) / load(tau))).exp_and_exp_m1();
            let (exp, exp_m1) = (exp.values(), exp_m1.values());
            for (k, into) in into.iter_mut().enumerate() {
                *into = [exp[k], exp_m1[k]];
            }
        }
    }
}
