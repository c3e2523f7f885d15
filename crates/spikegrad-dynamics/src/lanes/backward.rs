//! The adjoints of a layer side by side, and their way back over stretches between arrivals.
//!
//! At the end of a stretch rows of weights arrive: each weight gets `λ_i` of its target, and the time of the
//! arrival gets their products as in eq. 10. Then all adjoints move to the start of the stretch (eq. 3, transposed). Sums run
//! over eight partial sums in a fixed order, whatever the width of a register.
//!
//! Not here: what happens within a stretch (`spikegrad_adjoint`).

use super::{BLOCK, Column, Flows, Lanes, Numbers, Propagator, columns, padded};
use crate::Adjoint;
use crate::receptors::CurrentsState;
use pulp::{Arch, Simd, WithSimd};
use std::ops::Range;

/// ∂L/∂(state) of eight neurons with K receptors, or another derivative of their states; a column is a cache line.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
pub(super) struct Block<const K: usize> {
    pub(super) v: Column,
    pub(super) i: [Column; K],
}

/// ∂L/∂(state) of the neurons of a layer, in blocks.
#[derive(Clone, Debug)]
pub struct Adjoints<const K: usize>(Vec<Block<K>>);

impl<const K: usize> Default for Adjoints<K> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<const K: usize> Adjoints<K> {
    /// `count` neurons on which nothing depends.
    pub fn reset(&mut self, count: usize) {
        self.0.clear();
        self.0.resize(count.div_ceil(BLOCK), Block::ZERO);
    }

    /// The adjoint of neuron `n`.
    #[must_use]
    #[inline]
    pub fn get(&self, n: usize) -> Adjoint<CurrentsState<K>> {
        Adjoint(self.0[n / BLOCK].get(n % BLOCK))
    }

    /// Sets the adjoint of neuron `n`.
    #[inline]
    pub fn set(&mut self, n: usize, Adjoint(adjoint): Adjoint<CurrentsState<K>>) {
        self.0[n / BLOCK].set(n % BLOCK, adjoint);
    }
}

/// A row of weights that arrives, one for each neuron of the layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// Where its weights begin among all.
    pub weights: usize,
    /// At which receptor.
    pub receptor: usize,
    /// Whether ∂L/∂(its time) is asked for: without it no weight is read.
    pub is_timed: bool,
}

/// What is known beforehand of the stretches of a run.
#[derive(Clone, Debug, Default)]
pub struct Stretches {
    /// The length of each, in seconds.
    pub lengths: Vec<f64>,
    /// All that arrives.
    pub rows: Vec<Row>,
    /// Where in that list begins what arrives at the end of each stretch, and where that of the last one ends.
    pub ends: Vec<usize>,
}

/// The way of all neurons of a layer back over some stretches, from the last to the first.
#[derive(Debug)]
pub struct Pass<'a, const K: usize> {
    /// The adjoints, to be moved.
    pub adjoints: &'a mut Adjoints<K>,
    /// The numbers of the neurons.
    pub numbers: &'a Numbers<K>,
    /// How many neurons there are.
    pub count: usize,
    /// All stretches of the run.
    pub stretches: &'a Stretches,
    /// Which of them.
    pub over: Range<usize>,
    /// The flows over some of them, the first of which is at this position: over those that are asked for, where neurons share their motions.
    pub flows: (usize, &'a Flows<K>),
    /// The weights of all synapses.
    pub weights: &'a [f64],
    /// ∂L/∂(each weight), to which is added.
    pub gradient: &'a mut [f64],
    /// ∂L/∂(time of each row), per second, where that is asked for: overwritten.
    pub times: &'a mut [f64],
}

impl<const K: usize> Pass<'_, K> {
    /// Runs the pass.
    pub fn run(self) {
        Arch::new().dispatch(self);
    }
}

// Everything below is inlined by force: what is not, is not compiled for the registers.

impl<const K: usize> WithSimd for Pass<'_, K> {
    type Output = ();
    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let stretches = self.stretches;
        for stretch in self.over.clone().rev() {
            let rows = stretches.ends[stretch]..stretches.ends[stretch + 1];
            if rows.is_empty() {
                self.over::<S, true, false>(simd, None, stretch);
            }
            for row in rows.clone().rev() {
                // What arrived first goes together with the motion before it.
                let moves = row == rows.start;
                match (moves, stretches.rows[row].is_timed) {
                    (true, true) => self.over::<S, true, true>(simd, Some(row), stretch),
                    (true, false) => self.over::<S, true, false>(simd, Some(row), stretch),
                    (false, true) => self.over::<S, false, true>(simd, Some(row), stretch),
                    (false, false) => self.over::<S, false, false>(simd, Some(row), stretch),
                }
            }
        }
    }
}

/// The weights of a row, and their gradient.
struct Synapses<'a> {
    weights: &'a [f64],
    gradient: &'a mut [f64],
}

impl<const K: usize> Pass<'_, K> {
    /// Takes back the arrival of a row, whose time may be asked for, and the motion over the stretch before it if it `MOVES`.
    #[inline(always)]
    fn over<S: Simd, const MOVES: bool, const TIMED: bool>(
        &mut self,
        simd: S,
        row: Option<usize>,
        stretch: usize,
    ) {
        let Self { adjoints, numbers, stretches, flows, count, weights, gradient, times, .. } =
            self;
        let (start, receptor) = row.map_or((0, 0), |row| {
            let Row { weights, receptor, .. } = stretches.rows[row];
            // Where there is one receptor it need not be looked up.
            (weights, if K == 1 { 0 } else { receptor })
        });
        // On those who would be behind the last neuron nothing depends: the weights behind a row fill its last block.
        let end = start + padded(*count);
        let end = if end <= weights.len() { end } else { start + *count };
        let synapses = row.map(|_| Synapses {
            weights: &weights[start..end],
            gradient: &mut gradient[start..end],
        });
        let time;
        if numbers.share_motions() {
            let (mem, syn) = numbers.shared_time_constants();
            let flow = Propagator::splat(simd, &flows.1.get(stretch - flows.0));
            let [by_v, by_i] = receive::<S, K, MOVES, TIMED>(
                simd,
                adjoints,
                (synapses, receptor),
                #[inline(always)]
                |_, _| flow,
            );
            // One division for the whole row.
            time = by_i / syn[receptor] - by_v / mem;
        } else {
            let (mem, syn) = numbers.time_constants();
            time = synapses.as_ref().filter(|_| TIMED).map_or(0.0, |synapses| {
                let weights = synapses.weights.chunks(BLOCK).zip(&adjoints.0);
                let of_block = |((weights, block), (mem, syn)): ((&[f64], &Block<K>), _)| {
                    let (mem, syn): (&Column, &Column) = (mem, syn);
                    let i = &block.i[receptor];
                    let of = |(k, w): (usize, &f64)| w * (i[k] / syn[k] - block.v[k] / mem[k]);
                    weights.iter().enumerate().map(of).sum::<f64>()
                };
                weights.zip(mem.iter().zip(syn[receptor])).map(of_block).sum()
            });
            let dt = Lanes::splat(simd, stretches.lengths[stretch]);
            receive::<S, K, MOVES, TIMED>(
                simd,
                adjoints,
                (synapses, receptor),
                #[inline(always)]
                |block, k| {
                    let mem = Lanes::new(simd, S::as_simd_f64s(&mem[block]).0[k]);
                    Propagator::over(dt, mem, columns::load_at(simd, &syn, block, k))
                },
            );
        }
        if TIMED && let Some(row) = row {
            times[row] = time;
        }
    }
}

/// The products of the weights of a row with `λ_v` and with `λ_i`, as eight partial sums each.
type Sums<S> = [[Lanes<S>; BLOCK]; 2];

/// Adds `λ_i` to the gradient of the row, moves the adjoints by `flow` where it `MOVES` them, and returns the products of the
/// weights with `λ_v` and `λ_i` if it is `TIMED`.
#[inline(always)]
fn receive<S: Simd, const K: usize, const MOVES: bool, const TIMED: bool>(
    simd: S,
    adjoints: &mut Adjoints<K>,
    (synapses, receptor): (Option<Synapses<'_>>, usize),
    flow: impl Fn(usize, usize) -> Propagator<K, Lanes<S>>,
) -> [f64; 2] {
    let Some(Synapses { weights, gradient }) = synapses else {
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
        block.receive::<S, TIMED>(simd, (weights, receptor), gradient, &mut sums);
        if MOVES {
            block.transport(simd, k, &flow);
        }
    }
    if let Some(block) = rest.first_mut() {
        let (mut last, mut last_gradient) = ([0.0; BLOCK], [0.0; BLOCK]);
        last[..part.len()].copy_from_slice(part);
        last_gradient[..part.len()].copy_from_slice(part_gradient);
        block.receive::<S, TIMED>(simd, (&last, receptor), &mut last_gradient, &mut sums);
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

impl<const K: usize> Block<K> {
    pub(super) const ZERO: Self = Self { v: [0.0; BLOCK], i: [[0.0; BLOCK]; K] };

    /// What the neuron of a lane has.
    #[inline(always)]
    pub(super) fn get(&self, lane: usize) -> CurrentsState<K> {
        let mut state = CurrentsState { v: self.v[lane], i: [0.0; K] };
        for k in 0..K {
            state.i[k] = self.i[k][lane];
        }
        state
    }

    #[inline(always)]
    pub(super) fn set(&mut self, lane: usize, to: CurrentsState<K>) {
        self.v[lane] = to.v;
        for k in 0..K {
            self.i[k][lane] = to.i[k];
        }
    }

    /// Takes back an arrival at a receptor.
    #[inline(always)]
    fn receive<S: Simd, const TIMED: bool>(
        &self,
        simd: S,
        (weights, receptor): (&Column, usize),
        gradient: &mut Column,
        sums: &mut Sums<S>,
    ) {
        let (v, i) = (S::as_simd_f64s(&self.v).0, S::as_simd_f64s(&self.i[receptor]).0);
        let weights = S::as_simd_f64s(weights).0;
        let gradient = S::as_mut_simd_f64s(gradient).0;
        let [of_v, of_i] = sums;
        let lanes = |x| Lanes::new(simd, x);
        for lane in 0..BLOCK / S::F64_LANES {
            let i = lanes(i[lane]);
            if TIMED {
                let (v, weight) = (lanes(v[lane]), lanes(weights[lane]));
                of_v[lane] = of_v[lane] + weight * v;
                of_i[lane] = of_i[lane] + weight * i;
            }
            gradient[lane] = (lanes(gradient[lane]) + i).raw();
        }
    }

    /// Moves block `k` back: eqs. 3–5, transposed.
    #[inline(always)]
    fn transport<S: Simd>(
        &mut self,
        simd: S,
        k: usize,
        flow: &impl Fn(usize, usize) -> Propagator<K, Lanes<S>>,
    ) {
        let width = BLOCK / S::F64_LANES;
        let v = S::as_mut_simd_f64s(&mut self.v).0;
        for lane in 0..width {
            let by = flow(k, lane);
            let after_v = Lanes::new(simd, v[lane]);
            v[lane] = by.membrane_pullback(after_v).raw();
            for r in 0..K {
                let i = &mut S::as_mut_simd_f64s(&mut self.i[r]).0[lane];
                *i = by.current_pullback(r, after_v, Lanes::new(simd, *i)).raw();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lif::fixtures::{COMPANY, neuron};
    use crate::{Lif, NeuronAdjoint, State};

    /// Eleven sums of a few products of numbers below two, each rounded.
    const ROUNDING: f64 = 1e-14;

    #[test]
    fn a_pass_is_the_pullbacks_of_its_neurons() {
        for ratios in [[2.0; COMPANY.len()], COMPANY] {
            let models: Vec<Lif<f64>> = ratios.into_iter().map(neuron).collect();
            let (mut numbers, mut flows, dt) = (Numbers::<1>::default(), Flows::default(), 0.7);
            numbers.set(&models.iter().map(|&model| model.into()).collect::<Vec<_>>());
            flows.set(&numbers, &[dt]);
            let mut adjoints = Adjoints::default();
            adjoints.reset(models.len());
            let after = |n: u8| Adjoint(State { v: f64::from(n).cos(), i: f64::from(n).sin() });
            let (weights, mut gradient) = (ratios.map(|ratio| 0.3 - ratio / 9.0), [0.25; 11]);
            let of_each =
                || (0u8..).zip(&models).map(|(n, model)| (usize::from(n), after(n), model));
            let currents = |Adjoint(State { v, i })| Adjoint(CurrentsState { v, i: [i] });
            of_each().for_each(|(n, after, _)| adjoints.set(n, currents(after)));
            let stretches = Stretches {
                lengths: vec![dt],
                rows: vec![Row { weights: 0, receptor: 0, is_timed: true }],
                ends: vec![0, 1],
            };
            let mut got = [0.0];
            Pass {
                adjoints: &mut adjoints,
                numbers: &numbers,
                count: models.len(),
                stretches: &stretches,
                over: 0..1,
                flows: (0, &flows),
                weights: &weights,
                gradient: &mut gradient,
                times: &mut got,
            }
            .run();
            let mut time = 0.0;
            for (n, after, model) in of_each() {
                let arrival = model.receive_pullback(weights[n], after);
                time += arrival.time;
                assert!((gradient[n] - 0.25 - arrival.weight).abs() < ROUNDING, "{n}");
                let (Adjoint(got), Adjoint(expected)) =
                    (adjoints.get(n), model.flow_pullback(dt, after));
                assert!((got.v - expected.v).abs() < ROUNDING, "{n}: {got:?} {expected:?}");
                assert!((got.i[0] - expected.i).abs() < ROUNDING, "{n}: {got:?} {expected:?}");
            }
            assert!((got[0] - time).abs() < ROUNDING, "{got:?} {time}");
        }
    }
}
