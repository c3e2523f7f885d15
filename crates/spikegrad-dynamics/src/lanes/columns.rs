//! State and tangents of neurons side by side, and their motion.
//!
//! Not here: what arrives and who is searched (`forward.rs`), the numbers that the motion depends on (`numbers.rs`).

use super::{BLOCK, Column, Lanes, Motion, Numbers};
use crate::State;
use crate::lif::Tangent;
use pulp::Simd;

/// State and tangents of eight neurons; a column is a cache line.
#[derive(Clone, Copy, Debug, Default)]
#[repr(align(64))]
pub(super) struct Block {
    /// v above the threshold; of an integrator, above rest.
    pub(super) v: Column,
    pub(super) i: Column,
    /// ∂`v/∂τ_mem`.
    pub(super) v_mem: Column,
    /// ∂`v/∂τ_syn`.
    pub(super) v_syn: Column,
    /// ∂`i/∂τ_syn`.
    pub(super) i_syn: Column,
}

/// State and tangents of neurons, in blocks.
#[derive(Clone, Debug, Default)]
pub struct Columns(pub(super) Vec<Block>);

impl Columns {
    /// Neurons at rest.
    pub fn reset(&mut self, numbers: &Numbers) {
        self.0.clear();
        self.0.extend(numbers.rest().iter().map(|&v| Block { v, ..Block::default() }));
    }

    /// State and tangent of neuron `n`.
    #[must_use]
    pub fn get(&self, n: usize) -> (State<f64>, Tangent<f64>) {
        let (Block { v, i, v_mem, v_syn, i_syn }, k) = (&self.0[n / BLOCK], n % BLOCK);
        let tangent = Tangent { v_mem: v_mem[k], v_syn: v_syn[k], i_syn: i_syn[k] };
        (State { v: v[k], i: i[k] }, tangent)
    }

    /// Sets state and tangent of neuron `n`.
    pub fn set(&mut self, n: usize, (state, tangent): (State<f64>, Tangent<f64>)) {
        let (Block { v, i, v_mem, v_syn, i_syn }, k) = (&mut self.0[n / BLOCK], n % BLOCK);
        (v[k], i[k]) = (state.v, state.i);
        (v_mem[k], v_syn[k], i_syn[k]) = (tangent.v_mem, tangent.v_syn, tangent.i_syn);
    }

    /// Whether every state is finite.
    #[must_use]
    pub fn is_finite(&self) -> bool {
        let is_finite = |column: &Column| column.iter().all(|x| x.is_finite());
        self.0.iter().all(|block| is_finite(&block.v) && is_finite(&block.i))
    }
}

/// One register of neurons.
pub(super) struct Registers<S: Simd> {
    pub(super) v: Lanes<S>,
    pub(super) i: Lanes<S>,
    v_mem: Lanes<S>,
    v_syn: Lanes<S>,
    i_syn: Lanes<S>,
}

impl<S: Simd> Registers<S> {
    #[inline(always)]
    pub(super) fn load(simd: S, block: &Block, k: usize) -> Self {
        Self {
            v: Lanes::new(simd, S::as_simd_f64s(&block.v).0[k]),
            i: Lanes::new(simd, S::as_simd_f64s(&block.i).0[k]),
            v_mem: Lanes::new(simd, S::as_simd_f64s(&block.v_mem).0[k]),
            v_syn: Lanes::new(simd, S::as_simd_f64s(&block.v_syn).0[k]),
            i_syn: Lanes::new(simd, S::as_simd_f64s(&block.i_syn).0[k]),
        }
    }

    #[inline(always)]
    pub(super) fn store<const TANGENTS: bool>(&self, block: &mut Block, k: usize) {
        S::as_mut_simd_f64s(&mut block.v).0[k] = self.v.raw();
        S::as_mut_simd_f64s(&mut block.i).0[k] = self.i.raw();
        if !TANGENTS {
            return;
        }
        S::as_mut_simd_f64s(&mut block.v_mem).0[k] = self.v_mem.raw();
        S::as_mut_simd_f64s(&mut block.v_syn).0[k] = self.v_syn.raw();
        S::as_mut_simd_f64s(&mut block.i_syn).0[k] = self.i_syn.raw();
    }

    /// Eqs. 3–8, of neurons that rest at `rest` or, without it, at zero.
    #[inline(always)]
    pub(super) fn advance<const TANGENTS: bool>(
        &mut self,
        by: &Motion<Lanes<S>>,
        rest: Option<Lanes<S>>,
    ) {
        let Self { v, i, v_mem, v_syn, i_syn } = *self;
        let flow = &by.flow;
        let above_rest = rest.map_or(v, |rest| v - rest);
        self.v = match rest {
            Some(rest) => by.membrane(v, rest, above_rest, i),
            None => flow.membrane * v + flow.response * i,
        };
        self.i = flow.current * i;
        if !TANGENTS {
            return;
        }
        self.v_mem = flow.membrane * v_mem + (by.mem_of_v * above_rest + by.mem_of_i * i);
        self.v_syn = flow.membrane * v_syn + (flow.response * i_syn + by.syn_of_i * i);
        self.i_syn = flow.current * i_syn + by.current_of_i * i;
    }
}
