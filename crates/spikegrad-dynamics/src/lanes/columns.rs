//! State and tangents of neurons side by side, and their motion.
//!
//! Not here: what arrives and who is searched (`forward.rs`), the numbers that the motion depends on (`numbers.rs`).

use super::double_doubles::DoubleDoubles;
use super::motion::sum_of_products;
use super::{BLOCK, Column, Lanes, Mask, Motion, Numbers};
use crate::lif::bounds;
use crate::receptors::{CurrentsState, CurrentsTangent};
use pulp::Simd;

/// State and tangents of eight neurons with K receptors; a column is a cache line.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
pub(super) struct Block<const K: usize> {
    /// v above the threshold; of an integrator, above rest.
    pub(super) v: Column,
    pub(super) i: [Column; K],
    /// ∂`v/∂τ_mem`.
    pub(super) v_mem: Column,
    /// ∂`v/∂τ_syn`.
    pub(super) v_syn: [Column; K],
    /// ∂`i/∂τ_syn`.
    pub(super) i_syn: [Column; K],
}

impl<const K: usize> Default for Block<K> {
    fn default() -> Self {
        let (one, each) = ([0.0; BLOCK], [[0.0; BLOCK]; K]);
        Self { v: one, i: each, v_mem: one, v_syn: each, i_syn: each }
    }
}

/// State and tangents of neurons, in blocks.
#[derive(Clone, Debug)]
pub struct Columns<const K: usize>(pub(super) Vec<Block<K>>);

impl<const K: usize> Default for Columns<K> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<const K: usize> Columns<K> {
    /// Neurons at rest.
    pub fn reset(&mut self, numbers: &Numbers<K>) {
        self.0.clear();
        self.0.extend(numbers.rest().iter().map(|&v| Block { v, ..Block::default() }));
    }

    /// State and tangent of neuron `n`.
    #[must_use]
    #[inline]
    pub fn get(&self, n: usize) -> (CurrentsState<K>, CurrentsTangent<K>) {
        self.0[n / BLOCK].get(n % BLOCK)
    }

    /// Sets state and tangent of neuron `n`.
    #[inline]
    pub fn set(&mut self, n: usize, at: (CurrentsState<K>, CurrentsTangent<K>)) {
        self.0[n / BLOCK].set(n % BLOCK, at);
    }

    /// Whether every state is finite.
    #[must_use]
    pub fn is_finite(&self) -> bool {
        self.0.iter().all(Block::is_finite)
    }
}

impl<const K: usize> Block<K> {
    /// State and tangent of the neuron of a lane.
    #[inline(always)]
    pub(super) fn get(&self, lane: usize) -> (CurrentsState<K>, CurrentsTangent<K>) {
        let mut state = CurrentsState { v: self.v[lane], ..CurrentsState::default() };
        let mut tangent = CurrentsTangent { v_mem: self.v_mem[lane], ..CurrentsTangent::default() };
        for k in 0..K {
            state.i[k] = self.i[k][lane];
            (tangent.v_syn[k], tangent.i_syn[k]) = (self.v_syn[k][lane], self.i_syn[k][lane]);
        }
        (state, tangent)
    }

    /// Sets state and tangent of the neuron of a lane.
    #[inline(always)]
    pub(super) fn set(
        &mut self,
        lane: usize,
        (state, tangent): (CurrentsState<K>, CurrentsTangent<K>),
    ) {
        (self.v[lane], self.v_mem[lane]) = (state.v, tangent.v_mem);
        for k in 0..K {
            self.i[k][lane] = state.i[k];
            (self.v_syn[k][lane], self.i_syn[k][lane]) = (tangent.v_syn[k], tangent.i_syn[k]);
        }
    }

    pub(super) fn is_finite(&self) -> bool {
        let is_finite = |column: &Column| column.iter().all(|x| x.is_finite());
        is_finite(&self.v) && self.i.iter().all(is_finite)
    }
}

/// One register of neurons.
#[derive(Clone, Copy)]
pub(super) struct Registers<S: Simd, const K: usize> {
    pub(super) v: Lanes<S>,
    pub(super) i: [Lanes<S>; K],
    pub(super) v_mem: Lanes<S>,
    pub(super) v_syn: [Lanes<S>; K],
    pub(super) i_syn: [Lanes<S>; K],
}

/// One register of each column.
#[inline(always)]
pub(super) fn load<S: Simd, const K: usize>(
    simd: S,
    columns: &[Column; K],
    k: usize,
) -> [Lanes<S>; K] {
    let mut all = [Lanes::new(simd, S::as_simd_f64s(&columns[0]).0[k]); K];
    for r in 1..K {
        all[r] = Lanes::new(simd, S::as_simd_f64s(&columns[r]).0[k]);
    }
    all
}

/// One register of block `block` of each list of columns.
#[inline(always)]
pub(super) fn load_at<S: Simd, const K: usize>(
    simd: S,
    lists: &[&[Column]; K],
    block: usize,
    k: usize,
) -> [Lanes<S>; K] {
    let mut all = [Lanes::new(simd, S::as_simd_f64s(&lists[0][block]).0[k]); K];
    for r in 1..K {
        all[r] = Lanes::new(simd, S::as_simd_f64s(&lists[r][block]).0[k]);
    }
    all
}

#[inline(always)]
fn store<S: Simd, const K: usize>(lanes: &[Lanes<S>; K], columns: &mut [Column; K], k: usize) {
    for r in 0..K {
        S::as_mut_simd_f64s(&mut columns[r]).0[k] = lanes[r].raw();
    }
}

impl<S: Simd, const K: usize> Registers<S, K> {
    #[inline(always)]
    pub(super) fn load(simd: S, block: &Block<K>, k: usize) -> Self {
        Self {
            v: Lanes::new(simd, S::as_simd_f64s(&block.v).0[k]),
            i: load(simd, &block.i, k),
            v_mem: Lanes::new(simd, S::as_simd_f64s(&block.v_mem).0[k]),
            v_syn: load(simd, &block.v_syn, k),
            i_syn: load(simd, &block.i_syn, k),
        }
    }

    #[inline(always)]
    pub(super) fn store<const TANGENTS: bool>(&self, block: &mut Block<K>, k: usize) {
        S::as_mut_simd_f64s(&mut block.v).0[k] = self.v.raw();
        store(&self.i, &mut block.i, k);
        if !TANGENTS {
            return;
        }
        S::as_mut_simd_f64s(&mut block.v_mem).0[k] = self.v_mem.raw();
        store(&self.v_syn, &mut block.v_syn, k);
        store(&self.i_syn, &mut block.i_syn, k);
    }

    /// Eqs. 3–8, of neurons that rest at `rest` or, without it, at zero.
    #[inline(always)]
    pub(super) fn advance<const TANGENTS: bool>(
        &mut self,
        by: &Motion<K, Lanes<S>>,
        rest: Option<Lanes<S>>,
    ) {
        let Self { v, i, v_mem, v_syn, i_syn } = *self;
        let flow = &by.flow;
        let above_rest = rest.map_or(v, |rest| v - rest);
        self.v = match rest {
            Some(rest) => by.membrane(v, rest, above_rest, &i),
            None => flow.membrane * v + by.response(&i),
        };
        for k in 0..K {
            self.i[k] = flow.current[k] * i[k];
        }
        if !TANGENTS {
            return;
        }
        let of_currents = sum_of_products(&by.mem_of_i, &i);
        self.v_mem = flow.membrane * v_mem + (by.mem_of_v * above_rest + of_currents);
        for k in 0..K {
            self.v_syn[k] =
                flow.membrane * v_syn[k] + (flow.response[k] * i_syn[k] + by.syn_of_i[k] * i[k]);
            self.i_syn[k] = flow.current[k] * i_syn[k] + by.current_of_i[k] * i[k];
        }
    }

    /// Whether every state is finite.
    #[inline(always)]
    pub(super) fn is_finite(&self) -> bool {
        let sizes = bounds::sum::<S, K>(
            #[inline(always)]
            |k| self.i[k].abs(),
        );
        let all = self.v.abs() + sizes;
        !(!all.lt(all.constant(f64::INFINITY))).any()
    }

    /// The jump of a spike, of those `who` spike.
    #[inline(always)]
    pub(super) fn reset<const TANGENTS: bool>(&mut self, who: Mask<S>, to: Lanes<S>) {
        self.v = who.select(to, self.v);
        if TANGENTS {
            let zero = to.constant(0.0);
            self.v_mem = who.select(zero, self.v_mem);
            for k in 0..K {
                self.v_syn[k] = who.select(zero, self.v_syn[k]);
            }
        }
    }

    /// dV/dt at the potential `v`, times the membrane time constant: the sum of what draws it is rounded once.
    #[inline(always)]
    pub(super) fn rate_from(&self, v: Lanes<S>, rest: Lanes<S>) -> Lanes<S> {
        let currents = bounds::sum::<S, K>(
            #[inline(always)]
            |k| self.i[k],
        );
        let DoubleDoubles { hi, lo } = DoubleDoubles::sum(currents, rest);
        (hi - v) + lo
    }

    /// The register in the first lanes of a block.
    #[inline(always)]
    pub(super) fn to_block<const TANGENTS: bool>(self) -> Block<K> {
        let mut block = Block::default();
        self.store::<TANGENTS>(&mut block, 0);
        block
    }
}
