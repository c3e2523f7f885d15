//! The one pass over all neurons of a layer that a stretch between two arrivals takes.
//!
//! A pass adds a row of weights, moves every neuron to the end of the stretch, and **screens**: who may have reached its threshold, or
//! its highest potential so far, is named, by the bounds of `lif/bounds.rs`.
//!
//! Not here: what becomes of those that are named (`spikegrad_simulate`).

use super::columns::{self, Block, Registers};
use super::motion::splat;
use super::{BLOCK, Column, Columns, Lanes, Mask, Motion, Numbers, bits, blocks};
use crate::lif::bounds;
use pulp::{Arch, Simd, WithSimd};

/// What a pass does beside moving all neurons.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Job {
    /// Names who may cross its threshold.
    NameCrossings,
    /// Names integrators whose potential may reach the ceiling and turns from up to down, be it at the arrival.
    NameTurns,
    /// Only moves, neurons with a threshold.
    Move,
}

/// A stretch: `rows` arrive at its start.
#[derive(Debug)]
pub struct Pass<'a, const K: usize> {
    /// What to do.
    pub job: Job,
    /// Its length, in seconds.
    pub dt: f64,
    /// The motion over that length, where neurons share their motions and it is known.
    pub motion: Option<&'a Motion<K>>,
    /// The numbers of the neurons.
    pub numbers: &'a Numbers<K>,
    /// The weights that arrive at each receptor; none, if nothing does.
    pub rows: [&'a [f64]; K],
    /// Before the arrival.
    pub before: &'a Columns<K>,
    /// At the end, before what arrives then.
    pub after: &'a mut Columns<K>,
    /// Which integrators to name: whoever reaches this, in potential above rest. Not read else.
    pub ceiling: &'a [f64],
    /// Who may have reached its threshold or ceiling.
    pub named: &'a mut Vec<usize>,
}

impl<const K: usize> Pass<'_, K> {
    /// Runs the pass, for derivatives with respect to time constants as well or without.
    pub fn run<const TANGENTS: bool>(self) {
        if self.job != Job::Move {
            self.named.clear();
        }
        Arch::new().dispatch(Run::<K, TANGENTS>(self));
    }
}

/// Names who may reach its threshold within `dt` seconds after the arrival of `rows`, and moves nobody: where a stretch may be
/// cut off, its end has to be known first.
#[derive(Debug)]
pub struct Screen<'a, const K: usize> {
    /// The length of the stretch, in seconds.
    pub dt: f64,
    /// The numbers of the neurons.
    pub numbers: &'a Numbers<K>,
    /// The weights that arrive at each receptor; none, if nothing does.
    pub rows: [&'a [f64]; K],
    /// Before the arrival.
    pub before: &'a Columns<K>,
    /// Who may reach its threshold.
    pub named: &'a mut Vec<usize>,
}

impl<const K: usize> Screen<'_, K> {
    /// Names them.
    pub fn run(self) {
        self.named.clear();
        Arch::new().dispatch(self);
    }
}

/// A row of weights in blocks. Behind its whole ones there is at most one: a population fills all but its last block.
#[derive(Clone, Copy)]
pub(super) struct Weights<'a> {
    whole: &'a [Column],
    last: Column,
}

impl<'a> Weights<'a> {
    #[inline(always)]
    pub(super) fn of(row: &'a [f64]) -> Self {
        let (whole, part) = row.as_chunks::<BLOCK>();
        let mut last = [0.0; BLOCK];
        last[..part.len()].copy_from_slice(part);
        Self { whole, last }
    }

    #[inline(always)]
    pub(super) fn block(&self, k: usize) -> &Column {
        self.whole.get(k).unwrap_or(&self.last)
    }

    /// Those of each receptor.
    #[inline(always)]
    fn of_each<const K: usize>(rows: [&'a [f64]; K]) -> [Self; K] {
        let mut all = [Self::of(rows[0]); K];
        for k in 1..K {
            all[k] = Self::of(rows[k]);
        }
        all
    }
}

/// A block of each row.
#[inline(always)]
fn block_of_each<'a, const K: usize>(
    weights: &'a [Weights<'_>; K],
    block: usize,
) -> [&'a Column; K] {
    let mut all = [weights[0].block(block); K];
    for k in 1..K {
        all[k] = weights[k].block(block);
    }
    all
}

/// One register of weights is added to each current.
#[inline(always)]
fn arrive<S: Simd, const K: usize>(
    simd: S,
    i: &mut [Lanes<S>; K],
    weights: &[&Column; K],
    k: usize,
) {
    for r in 0..K {
        i[r] = i[r] + Lanes::new(simd, S::as_simd_f64s(weights[r]).0[k]);
    }
}

// Everything below is inlined by force: what is not, is not compiled for the registers.

impl<const K: usize> WithSimd for Screen<'_, K> {
    type Output = ();
    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let dt = Lanes::splat(simd, self.dt);
        if self.numbers.share_motions() {
            let x = dt / Lanes::splat(simd, self.numbers.shared_time_constants().0);
            self.over(
                simd,
                #[inline(always)]
                |_, _| x,
            );
        } else {
            let (tau_mem, _) = self.numbers.time_constants();
            self.over(
                simd,
                #[inline(always)]
                |block, k| dt / Lanes::new(simd, S::as_simd_f64s(&tau_mem[block]).0[k]),
            );
        }
    }
}

impl<const K: usize> Screen<'_, K> {
    /// `length` is `dt/τ_mem` of a register of a block.
    #[inline(always)]
    fn over<S: Simd>(self, simd: S, length: impl Fn(usize, usize) -> Lanes<S>) {
        let Self { rows, before, numbers, named, .. } = self;
        let weights = Weights::of_each(rows);
        for (block, (from, rest)) in before.0.iter().zip(numbers.rest()).enumerate() {
            let v = S::as_simd_f64s(&from.v).0;
            let rest = S::as_simd_f64s(rest).0;
            let lanes = |x| Lanes::new(simd, x);
            let weights = block_of_each(&weights, block);
            let mut reaching = 0;
            for k in 0..BLOCK / S::F64_LANES {
                let mut i = columns::load(simd, &from.i, k);
                arrive(simd, &mut i, &weights, k);
                reaching |=
                    bounds::may_cross(lanes(v[k]), &i, lanes(rest[k]), length(block, k)).bits_at(k);
            }
            name(block, reaching, named);
        }
    }
}

struct Run<'a, const K: usize, const TANGENTS: bool>(Pass<'a, K>);

impl<const K: usize, const TANGENTS: bool> WithSimd for Run<'_, K, TANGENTS> {
    type Output = ();
    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        match self.0.job {
            Job::NameCrossings => self.0.over::<S, TANGENTS, true, false>(simd),
            Job::NameTurns => self.0.over::<S, TANGENTS, false, true>(simd),
            Job::Move => self.0.over::<S, TANGENTS, false, false>(simd),
        }
    }
}

impl<const K: usize> Pass<'_, K> {
    #[inline(always)]
    fn over<S: Simd, const TANGENTS: bool, const CROSSINGS: bool, const TURNS: bool>(
        self,
        simd: S,
    ) {
        let dt = Lanes::splat(simd, self.dt);
        if !self.numbers.share_motions() {
            let (mem, syn) = self.numbers.time_constants();
            return self.each::<S, TANGENTS, CROSSINGS, TURNS>(
                simd,
                #[inline(always)]
                |block, k| {
                    let mem = Lanes::new(simd, S::as_simd_f64s(&mem[block]).0[k]);
                    Motion::over(dt, mem, columns::load_at(simd, &syn, block, k))
                },
            );
        }
        let motion = if let Some(motion) = self.motion {
            Motion::splat(simd, motion)
        } else {
            let (mem, syn) = self.numbers.shared_time_constants();
            Motion::over(dt, Lanes::splat(simd, mem), splat(simd, &syn))
        };
        self.each::<S, TANGENTS, CROSSINGS, TURNS>(
            simd,
            #[inline(always)]
            |_, _| motion,
        );
    }

    /// All neurons, each register of a block by its `motion`.
    #[inline(always)]
    fn each<S: Simd, const TANGENTS: bool, const CROSSINGS: bool, const TURNS: bool>(
        self,
        simd: S,
        motion: impl Fn(usize, usize) -> Motion<K, Lanes<S>>,
    ) {
        let Self { rows, before, after, numbers, ceiling, named, .. } = self;
        let (weights, level) =
            (Weights::of_each(rows), if TURNS { blocks(ceiling) } else { numbers.rest() });
        let states = before.0.iter().zip(&mut after.0).zip(level).enumerate();
        for (k, ((from, to), level)) in states {
            let stretch = Stretch { from, to, level, weights: block_of_each(&weights, k) };
            stretch.pass::<S, TANGENTS, CROSSINGS, TURNS>(simd, &motion, k, named);
        }
    }
}

/// A block along a stretch.
struct Stretch<'a, const K: usize> {
    from: &'a Block<K>,
    to: &'a mut Block<K>,
    /// Ceilings of integrators, resting values of neurons with a threshold.
    level: &'a Column,
    weights: [&'a Column; K],
}

impl<const K: usize> Stretch<'_, K> {
    #[inline(always)]
    fn pass<S: Simd, const TANGENTS: bool, const CROSSINGS: bool, const TURNS: bool>(
        self,
        simd: S,
        motion: &impl Fn(usize, usize) -> Motion<K, Lanes<S>>,
        block: usize,
        named: &mut Vec<usize>,
    ) {
        let Self { from, to, level, weights } = self;
        let level = S::as_simd_f64s(level).0;
        let mut reaching = 0;
        for k in 0..BLOCK / S::F64_LANES {
            let mut now = Registers::load(simd, from, k);
            let level = Lanes::new(simd, level[k]);
            let (v, before) = (now.v, now.i);
            arrive(simd, &mut now.i, &weights, k);
            let i = now.i;
            let by = motion(block, k);
            now.advance::<TANGENTS>(&by, if TURNS { None } else { Some(level) });
            now.store::<TANGENTS>(to, k);
            let reaches: Mask<S> = if TURNS {
                bounds::may_turn(&before, (v, &i), (now.v, &now.i), level, by.length)
            } else if CROSSINGS {
                bounds::may_have_crossed((v, &i), (now.v, &now.i), level, by.length)
            } else {
                continue;
            };
            reaching |= reaches.bits_at(k);
        }
        name(block, reaching, named);
    }
}

/// Names the neurons of a block that have a bit. One test a block: registers may be as narrow as a number.
#[inline(always)]
fn name(block: usize, reaching: u64, named: &mut Vec<usize>) {
    bits(reaching).for_each(
        #[inline(always)]
        |lane| named.push(block * BLOCK + lane),
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lif::Tangent;
    use crate::lif::fixtures::{COMPANY, neuron};
    use crate::receptors::{CurrentsState, CurrentsTangent};
    use crate::{Lif, Neuron, State};

    /// A few products of numbers below ten, each rounded.
    const ROUNDING: f64 = 1e-14;

    fn with_currents(
        (State { v, i }, Tangent { v_mem, v_syn, i_syn }): (State<f64>, Tangent<f64>),
    ) -> (CurrentsState<1>, CurrentsTangent<1>) {
        let tangent = CurrentsTangent { v_mem, v_syn: [v_syn], i_syn: [i_syn] };
        (CurrentsState { v, i: [i] }, tangent)
    }

    #[test]
    fn a_pass_moves_as_its_neurons_do() {
        for ratios in [[2.0; COMPANY.len()], COMPANY] {
            let models: Vec<Lif<f64>> = ratios.into_iter().map(neuron).collect();
            let mut numbers = Numbers::<1>::default();
            numbers.set(&models.iter().map(|&model| model.into()).collect::<Vec<_>>());
            let [mut before, mut after] = [Columns::default(), Columns::default()];
            before.reset(&numbers);
            after.reset(&numbers);
            let mut expected = Vec::new();
            let weights = ratios.map(|ratio| 2.0 - ratio / 3.0);
            for (n, (model, weight)) in models.iter().zip(weights).enumerate() {
                // What has moved before has tangents.
                let start = State { v: -0.4 - weight, i: 2.3 };
                let moved = model.flow_with_tangent(start, Tangent::default(), 0.3);
                before.set(n, with_currents(moved));
                let arrived = model.receive(moved.0, weight);
                expected.push(model.flow_with_tangent(arrived, moved.1, 0.7));
            }
            let named = &mut Vec::new();
            Pass {
                job: Job::Move,
                dt: 0.7,
                motion: None,
                numbers: &numbers,
                rows: [&weights],
                before: &before,
                after: &mut after,
                ceiling: &[],
                named,
            }
            .run::<true>();
            for (n, (state, tangent)) in expected.into_iter().enumerate() {
                let (got, carried) = after.get(n);
                for (got, expected) in [
                    (got.v, state.v),
                    (got.i[0], state.i),
                    (carried.v_mem, tangent.v_mem),
                    (carried.v_syn[0], tangent.v_syn),
                    (carried.i_syn[0], tangent.i_syn),
                ] {
                    assert!((got - expected).abs() < ROUNDING, "{n}: {got} {expected}");
                }
            }
        }
    }
}
