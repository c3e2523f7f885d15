//! The adjoints of a layer side by side, and the one pass over them that a stretch takes, going backwards.
//!
//! At the end of a stretch a row of weights arrives: each of its weights gets `λ_i` of its target, and the time of the
//! arrival gets their sum as in eq. 10. Then all adjoints move to the start of the stretch (eq. 3, transposed). Sums run
//! over eight partial sums in a fixed order, whatever the width of a register.
//!
//! Not here: what happens within a stretch (`layer.rs`).

use pulp::{Arch, Simd, WithSimd};
use spikegrad_dynamics::State;
use spikegrad_dynamics::lanes::{BLOCK, Lanes, Propagator};

/// One number for each neuron of a block.
type Column = [f64; BLOCK];

/// ∂L/∂(state) of eight neurons; a column is a cache line.
#[derive(Clone, Copy, Debug, Default)]
#[repr(align(64))]
struct Block {
    v: Column,
    i: Column,
}

/// ∂L/∂(state) of the neurons of a layer, in blocks.
#[derive(Clone, Debug, Default)]
pub(super) struct Adjoints(Vec<Block>);

impl Adjoints {
    /// `count` neurons on which nothing depends.
    pub(super) fn reset(&mut self, count: usize) {
        self.0.clear();
        self.0.resize(count.div_ceil(BLOCK), Block::default());
    }

    pub(super) fn get(&self, n: usize) -> State<f64> {
        let (block, k) = (&self.0[n / BLOCK], n % BLOCK);
        State { v: block.v[k], i: block.i[k] }
    }

    pub(super) fn set(&mut self, n: usize, adjoint: State<f64>) {
        let (block, k) = (&mut self.0[n / BLOCK], n % BLOCK);
        (block.v[k], block.i[k]) = (adjoint.v, adjoint.i);
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

// Everything below is inlined by force: what is not, is not compiled for the registers.

impl WithSimd for Pass<'_> {
    type Output = f64;
    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> f64 {
        let Self { adjoints, time_constants, row, motion } = self;
        let moves = motion.is_some();
        match time_constants {
            TimeConstants::Shared { tau_mem, tau_syn } => {
                let still = Propagator::default();
                let flow = Propagator::splat(simd, motion.map_or(&still, |motion| motion.flow));
                let [by_v, by_i] = receive(
                    simd,
                    adjoints,
                    row,
                    #[inline(always)]
                    |_| flow,
                    moves,
                );
                // One division for the whole row.
                by_i / tau_syn - by_v / tau_mem
            }
            TimeConstants::Own { tau_mem, tau_syn } => {
                let time = row.as_ref().map_or(0.0, |row| {
                    let weights = row.weights.chunks(BLOCK).zip(&adjoints.0);
                    let taus = tau_mem.chunks(BLOCK).zip(tau_syn.chunks(BLOCK));
                    let of_block = |((weights, block), (mem, syn)): ((&[f64], &Block), _)| {
                        let (mem, syn): (&[f64], &[f64]) = (mem, syn);
                        let of =
                            |(k, w): (usize, &f64)| w * (block.i[k] / syn[k] - block.v[k] / mem[k]);
                        weights.iter().enumerate().map(of).sum::<f64>()
                    };
                    weights.zip(taus).map(of_block).sum()
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
                    moves,
                );
                time
            }
        }
    }
}

/// The products of the weights of a row with `λ_v` and with `λ_i`, as eight partial sums each.
type Sums<S> = [[Lanes<S>; BLOCK]; 2];

/// Adds `λ_i` to the gradient of the row, moves the adjoints by `flow` if they `move`, and returns the products of the
/// weights with `λ_v` and `λ_i`.
#[inline(always)]
fn receive<S: Simd>(
    simd: S,
    adjoints: &mut Adjoints,
    row: Option<Row<'_>>,
    flow: impl Fn(usize) -> Propagator<Lanes<S>>,
    moves: bool,
) -> [f64; 2] {
    let Some(Row { weights, gradient }) = row else {
        for (k, block) in adjoints.0.iter_mut().enumerate() {
            block.transport(simd, k, &flow);
        }
        return [0.0; 2];
    };
    let mut sums: Sums<S> = [[Lanes::splat(simd, 0.0); BLOCK]; 2];
    let (whole, part) = weights.as_chunks::<BLOCK>();
    let (gradients, part_gradient) = gradient.as_chunks_mut::<BLOCK>();
    let (full, rest) = adjoints.0.split_at_mut(whole.len());
    for (k, ((block, weights), gradient)) in full.iter_mut().zip(whole).zip(gradients).enumerate() {
        block.receive(simd, weights, gradient, &mut sums);
        if moves {
            block.transport(simd, k, &flow);
        }
    }
    if let Some(block) = rest.first_mut() {
        let (mut last, mut last_gradient) = ([0.0; BLOCK], [0.0; BLOCK]);
        last[..part.len()].copy_from_slice(part);
        last_gradient[..part.len()].copy_from_slice(part_gradient);
        block.receive(simd, &last, &mut last_gradient, &mut sums);
        part_gradient.copy_from_slice(&last_gradient[..part.len()]);
        if moves {
            block.transport(simd, whole.len(), &flow);
        }
    }
    sums.map(|sums| {
        let lanes = sums[..BLOCK / S::F64_LANES].iter();
        lanes.flat_map(|sum| sum.values().into_iter().take(S::F64_LANES)).sum()
    })
}

impl Block {
    /// Takes back an arrival.
    #[inline(always)]
    fn receive<S: Simd>(
        &self,
        simd: S,
        weights: &Column,
        gradient: &mut Column,
        sums: &mut Sums<S>,
    ) {
        // An array's `map` is not always inlined, and then not compiled for the registers.
        let (v, i) = (S::as_simd_f64s(&self.v).0, S::as_simd_f64s(&self.i).0);
        let weights = S::as_simd_f64s(weights).0;
        let gradient = S::as_mut_simd_f64s(gradient).0;
        let [of_v, of_i] = sums;
        let lanes = |x| Lanes::new(simd, x);
        for lane in 0..BLOCK / S::F64_LANES {
            let (v, i, weight) = (lanes(v[lane]), lanes(i[lane]), lanes(weights[lane]));
            of_v[lane] = of_v[lane] + weight * v;
            of_i[lane] = of_i[lane] + weight * i;
            gradient[lane] = (lanes(gradient[lane]) + i).raw();
        }
    }

    /// Moves block `k` back: eqs. 3–5, transposed.
    #[inline(always)]
    fn transport<S: Simd>(
        &mut self,
        simd: S,
        k: usize,
        flow: &impl Fn(usize) -> Propagator<Lanes<S>>,
    ) {
        let width = BLOCK / S::F64_LANES;
        let (v, i) = (S::as_mut_simd_f64s(&mut self.v).0, S::as_mut_simd_f64s(&mut self.i).0);
        for lane in 0..width {
            let by = flow(k * width + lane);
            let (after_v, after_i) = (Lanes::new(simd, v[lane]), Lanes::new(simd, i[lane]));
            v[lane] = (by.membrane * after_v).raw();
            i[lane] = (by.response * after_v + by.current * after_i).raw();
        }
    }
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
