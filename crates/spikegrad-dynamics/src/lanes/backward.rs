//! The adjoints of a layer side by side, and the one pass over them that a stretch takes, going backwards.
//!
//! At the end of a stretch a row of weights arrives: each of its weights gets `λ_i` of its target, and the time of the
//! arrival gets their sum as in eq. 10. Then all adjoints move to the start of the stretch (eq. 3, transposed). Sums run
//! over eight partial sums in a fixed order, whatever the width of a register.
//!
//! Not here: what happens within a stretch (`spikegrad_adjoint`).

use super::{BLOCK, Column, Lanes, Numbers, Propagator};
use crate::{Adjoint, State};
use pulp::{Arch, Simd, WithSimd};

/// ∂L/∂(state) of eight neurons; a column is a cache line.
#[derive(Clone, Copy, Debug, Default)]
#[repr(align(64))]
struct Block {
    v: Column,
    i: Column,
}

/// ∂L/∂(state) of the neurons of a layer, in blocks.
#[derive(Clone, Debug, Default)]
pub struct Adjoints(Vec<Block>);

impl Adjoints {
    /// `count` neurons on which nothing depends.
    pub fn reset(&mut self, count: usize) {
        self.0.clear();
        self.0.resize(count.div_ceil(BLOCK), Block::default());
    }

    /// The adjoint of neuron `n`.
    #[must_use]
    pub fn get(&self, n: usize) -> Adjoint<State<f64>> {
        let (block, k) = (&self.0[n / BLOCK], n % BLOCK);
        Adjoint(State { v: block.v[k], i: block.i[k] })
    }

    /// Sets the adjoint of neuron `n`.
    pub fn set(&mut self, n: usize, Adjoint(adjoint): Adjoint<State<f64>>) {
        let (block, k) = (&mut self.0[n / BLOCK], n % BLOCK);
        (block.v[k], block.i[k]) = (adjoint.v, adjoint.i);
    }
}

/// A row of weights that arrives, and its gradient.
#[derive(Debug)]
pub struct Row<'a> {
    /// The weights.
    pub weights: &'a [f64],
    /// ∂L/∂(each weight), to which is added.
    pub gradient: &'a mut [f64],
}

/// A motion backwards.
#[derive(Clone, Copy, Debug)]
pub struct Move<'a> {
    /// Its length, in seconds.
    pub dt: f64,
    /// Its coefficients, where all neurons have the same.
    pub flow: &'a Propagator,
}

/// An arrival, a motion before it, or both in one pass.
#[derive(Debug)]
pub struct Pass<'a> {
    /// The adjoints, to be moved.
    pub adjoints: &'a mut Adjoints,
    /// The numbers of the neurons.
    pub numbers: &'a Numbers,
    /// What arrives at the end.
    pub row: Option<Row<'a>>,
    /// The motion before.
    pub motion: Option<Move<'a>>,
}

impl Pass<'_> {
    /// Runs the pass and returns ∂L/∂(time of the arrival), per second; zero if nothing arrives.
    #[must_use]
    pub fn run(self) -> f64 {
        Arch::new().dispatch(self)
    }
}

// Everything below is inlined by force: what is not, is not compiled for the registers.

impl WithSimd for Pass<'_> {
    type Output = f64;
    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> f64 {
        match self.motion {
            Some(motion) => self.over::<S, true>(simd, motion),
            None => self.over::<S, false>(simd, Move { dt: 0.0, flow: &Propagator::default() }),
        }
    }
}

impl Pass<'_> {
    /// Takes back the arrival, and the `motion` before it if it `MOVES`.
    #[inline(always)]
    fn over<S: Simd, const MOVES: bool>(self, simd: S, motion: Move<'_>) -> f64 {
        let Self { adjoints, numbers, row, .. } = self;
        if numbers.share_motions() {
            let [mem, syn] = numbers.shared_time_constants();
            let flow = Propagator::splat(simd, motion.flow);
            let [by_v, by_i] = receive::<S, MOVES>(
                simd,
                adjoints,
                row,
                #[inline(always)]
                |_, _| flow,
            );
            // One division for the whole row.
            return by_i / syn - by_v / mem;
        }
        let [mem, syn] = numbers.time_constants();
        let time = row.as_ref().map_or(0.0, |row| {
            let weights = row.weights.chunks(BLOCK).zip(&adjoints.0);
            let of_block = |((weights, block), (mem, syn)): ((&[f64], &Block), _)| {
                let (mem, syn): (&Column, &Column) = (mem, syn);
                let of = |(k, w): (usize, &f64)| w * (block.i[k] / syn[k] - block.v[k] / mem[k]);
                weights.iter().enumerate().map(of).sum::<f64>()
            };
            weights.zip(mem.iter().zip(syn)).map(of_block).sum()
        });
        let dt = Lanes::splat(simd, motion.dt);
        receive::<S, MOVES>(
            simd,
            adjoints,
            row,
            #[inline(always)]
            |block, k| {
                let mem = Lanes::new(simd, S::as_simd_f64s(&mem[block]).0[k]);
                Propagator::over(dt, mem, Lanes::new(simd, S::as_simd_f64s(&syn[block]).0[k]))
            },
        );
        time
    }
}

/// The products of the weights of a row with `λ_v` and with `λ_i`, as eight partial sums each.
type Sums<S> = [[Lanes<S>; BLOCK]; 2];

/// Adds `λ_i` to the gradient of the row, moves the adjoints by `flow` where it `MOVES` them, and returns the products of the
/// weights with `λ_v` and `λ_i`.
#[inline(always)]
fn receive<S: Simd, const MOVES: bool>(
    simd: S,
    adjoints: &mut Adjoints,
    row: Option<Row<'_>>,
    flow: impl Fn(usize, usize) -> Propagator<Lanes<S>>,
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
        if MOVES {
            block.transport(simd, k, &flow);
        }
    }
    if let Some(block) = rest.first_mut() {
        let (mut last, mut last_gradient) = ([0.0; BLOCK], [0.0; BLOCK]);
        last[..part.len()].copy_from_slice(part);
        last_gradient[..part.len()].copy_from_slice(part_gradient);
        block.receive(simd, &last, &mut last_gradient, &mut sums);
        part_gradient.copy_from_slice(&last_gradient[..part.len()]);
        if MOVES {
            block.transport(simd, whole.len(), &flow);
        }
    }
    let [of_v, of_i] = sums;
    [total(of_v), total(of_i)]
}

/// Eight partial sums, added in their order.
#[inline(always)]
fn total<S: Simd>(partial: [Lanes<S>; BLOCK]) -> f64 {
    // A sum of nothing, as of an iterator.
    let mut total = -0.0;
    for lanes in &partial[..BLOCK / S::F64_LANES] {
        for x in &lanes.values()[..S::F64_LANES] {
            total += x;
        }
    }
    total
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
        flow: &impl Fn(usize, usize) -> Propagator<Lanes<S>>,
    ) {
        let width = BLOCK / S::F64_LANES;
        let (v, i) = (S::as_mut_simd_f64s(&mut self.v).0, S::as_mut_simd_f64s(&mut self.i).0);
        for lane in 0..width {
            let by = flow(k, lane);
            let (after_v, after_i) = (Lanes::new(simd, v[lane]), Lanes::new(simd, i[lane]));
            v[lane] = by.membrane_pullback(after_v).raw();
            i[lane] = by.current_pullback(after_v, after_i).raw();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lif::fixtures::{COMPANY, neuron};
    use crate::{Lif, NeuronAdjoint};

    /// Eleven sums of a few products of numbers below two, each rounded.
    const ROUNDING: f64 = 1e-14;

    #[test]
    fn a_pass_is_the_pullbacks_of_its_neurons() {
        for ratios in [[2.0; COMPANY.len()], COMPANY] {
            let models: Vec<Lif<f64>> = ratios.into_iter().map(neuron).collect();
            let (mut numbers, mut flows, dt) = (Numbers::default(), Vec::new(), 0.7);
            numbers.set(&models);
            numbers.flows(&[dt], &mut flows);
            let mut adjoints = Adjoints::default();
            adjoints.reset(models.len());
            let after = |n: u8| Adjoint(State { v: f64::from(n).cos(), i: f64::from(n).sin() });
            let (weights, mut gradient) = (ratios.map(|ratio| 0.3 - ratio / 9.0), [0.25; 11]);
            let of_each =
                || (0u8..).zip(&models).map(|(n, model)| (usize::from(n), after(n), model));
            of_each().for_each(|(n, after, _)| adjoints.set(n, after));
            let row = Some(Row { weights: &weights, gradient: &mut gradient });
            let motion = Some(Move { dt, flow: &flows[0] });
            let got = Pass { adjoints: &mut adjoints, numbers: &numbers, row, motion }.run();
            let mut time = 0.0;
            for (n, after, model) in of_each() {
                let arrival = model.receive_pullback(weights[n], after);
                time += arrival.time;
                assert!((gradient[n] - 0.25 - arrival.weight).abs() < ROUNDING, "{n}");
                let (Adjoint(got), Adjoint(expected)) =
                    (adjoints.get(n), model.flow_pullback(dt, after));
                assert!((got.v - expected.v).abs() < ROUNDING, "{n}: {got:?} {expected:?}");
                assert!((got.i - expected.i).abs() < ROUNDING, "{n}: {got:?} {expected:?}");
            }
            assert!((got - time).abs() < ROUNDING, "{got} {time}");
        }
    }
}
