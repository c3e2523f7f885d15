//! Neurons that are moved side by side although each is at a time of its own: all are searched for their next crossing, or moved by
//! lengths of their own, together.
//!
//! Not here: who they are, and when they are where (`spikegrad_simulate`).

use super::columns::{Block, Registers};
use super::{BLOCK, Columns, Lanes, Motion, Numbers, Search, padded, search};
use crate::State;
use crate::lif::Tangent;
use pulp::{Arch, Simd, WithSimd};

/// Neurons with a state and numbers each.
#[derive(Clone, Debug, Default)]
pub struct Group {
    count: usize,
    columns: Columns,
    numbers: Numbers,
    lengths: Vec<f64>,
    found: Vec<Search>,
}

impl Group {
    /// Forgets all neurons.
    pub fn clear(&mut self) {
        self.count = 0;
    }

    /// Takes up a neuron: its state and tangent, and its position in `numbers`.
    pub fn push(&mut self, at: (State<f64>, Tangent<f64>), numbers: &Numbers, n: usize) {
        if self.count == self.numbers.len() {
            self.columns.0.push(Block::default());
            self.numbers.grow();
            self.lengths.resize(self.numbers.len(), 0.0);
            self.found.resize(self.numbers.len(), Search::Undecided);
        }
        self.columns.set(self.count, at);
        self.numbers.take(self.count, numbers, n);
        self.count += 1;
    }

    /// State and tangent of the `k`-th neuron.
    #[must_use]
    pub fn get(&self, k: usize) -> (State<f64>, Tangent<f64>) {
        self.columns.get(k)
    }

    /// Finds when each neuron will cross its threshold if it is left alone.
    pub fn search(&mut self) {
        let Self { count, columns, numbers, found, .. } = self;
        if *count == 0 {
            return;
        }
        let with_padding = padded(*count);
        for k in *count..with_padding {
            // Without a current there is nothing to search for.
            columns.0[k / BLOCK].i[k % BLOCK] = 0.0;
        }
        search(&columns.0[..with_padding / BLOCK], numbers, &mut found[..with_padding]);
    }

    /// What the search found of the `k`-th neuron.
    #[must_use]
    pub fn found(&self, k: usize) -> Search {
        self.found[k]
    }

    /// Moves each neuron by a length of its own, in seconds.
    pub fn advance<const TANGENTS: bool>(&mut self, lengths: impl Iterator<Item = f64>) {
        let Self { count, columns, numbers, lengths: dt, .. } = self;
        if *count == 0 {
            return;
        }
        let with_padding = padded(*count);
        dt[..*count].iter_mut().zip(lengths).for_each(|(dt, length)| *dt = length);
        dt[*count..with_padding].fill(0.0);
        let blocks = &mut columns.0[..with_padding / BLOCK];
        Arch::new().dispatch(Advance::<TANGENTS> { blocks, numbers, dt });
    }
}

struct Advance<'a, const TANGENTS: bool> {
    blocks: &'a mut [Block],
    numbers: &'a Numbers,
    dt: &'a [f64],
}

impl<const TANGENTS: bool> WithSimd for Advance<'_, TANGENTS> {
    type Output = ();
    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let [mem, syn] = self.numbers.time_constants();
        let lengths = super::blocks(self.dt).iter().zip(mem).zip(syn);
        let blocks = self.blocks.iter_mut().zip(self.numbers.rest());
        for ((block, rest), ((dt, mem), syn)) in blocks.zip(lengths) {
            let (rest, dt) = (S::as_simd_f64s(rest).0, S::as_simd_f64s(dt).0);
            let (mem, syn) = (S::as_simd_f64s(mem).0, S::as_simd_f64s(syn).0);
            let lanes = |x| Lanes::new(simd, x);
            for k in 0..BLOCK / S::F64_LANES {
                let by = Motion::over(lanes(dt[k]), lanes(mem[k]), lanes(syn[k]));
                let mut now = Registers::load(simd, block, k);
                now.advance::<TANGENTS>(&by, Some(lanes(rest[k])));
                now.store::<TANGENTS>(block, k);
            }
        }
    }
}
