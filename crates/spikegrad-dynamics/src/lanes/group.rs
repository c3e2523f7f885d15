//! Neurons that are moved side by side although each is at a time of its own: all are searched for their next crossing, or moved by
//! lengths of their own, together.
//!
//! Not here: who they are, and when they are where (`spikegrad_simulate`).

use super::columns::{Block, Registers};
use super::{BLOCK, Columns, Lanes, Motion, Numbers, Search, columns, padded, search};
use crate::receptors::{CurrentsState, CurrentsTangent};
use pulp::{Arch, Simd, WithSimd};

/// Neurons with a state and numbers each.
#[derive(Clone, Debug)]
pub struct Group<const K: usize> {
    count: usize,
    columns: Columns<K>,
    numbers: Numbers<K>,
    lengths: Vec<f64>,
    found: Vec<Search>,
}

impl<const K: usize> Default for Group<K> {
    fn default() -> Self {
        Self {
            count: 0,
            columns: Columns::default(),
            numbers: Numbers::default(),
            lengths: Vec::new(),
            found: Vec::new(),
        }
    }
}

impl<const K: usize> Group<K> {
    /// Forgets all neurons.
    pub fn clear(&mut self) {
        self.count = 0;
    }

    /// Takes up a neuron: its state and tangent, and its position in `numbers`.
    pub fn push(
        &mut self,
        at: (CurrentsState<K>, CurrentsTangent<K>),
        numbers: &Numbers<K>,
        n: usize,
    ) {
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
    pub fn get(&self, k: usize) -> (CurrentsState<K>, CurrentsTangent<K>) {
        self.columns.get(k)
    }

    /// Finds when each neuron will cross its threshold if it is left alone; `horizons` are the lengths, in seconds, beyond which that is of no
    /// interest, and are asked for only where there are several receptors.
    pub fn search(&mut self, horizons: impl Iterator<Item = f64>) {
        let Self { count, columns, numbers, found, lengths } = self;
        if *count == 0 {
            return;
        }
        let with_padding = padded(*count);
        for k in *count..with_padding {
            // Without a current there is nothing to search for.
            for of_receptor in &mut columns.0[k / BLOCK].i {
                of_receptor[k % BLOCK] = 0.0;
            }
        }
        if K > 1 {
            lengths[..*count].iter_mut().zip(horizons).for_each(|(into, length)| *into = length);
            lengths[*count..with_padding].fill(0.0);
        }
        let (lengths, found) = (&lengths[..with_padding], &mut found[..with_padding]);
        search(&columns.0[..with_padding / BLOCK], numbers, lengths, found);
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
        Arch::new().dispatch(Advance::<K, TANGENTS> { blocks, numbers, dt });
    }
}

struct Advance<'a, const K: usize, const TANGENTS: bool> {
    blocks: &'a mut [Block<K>],
    numbers: &'a Numbers<K>,
    dt: &'a [f64],
}

impl<const K: usize, const TANGENTS: bool> WithSimd for Advance<'_, K, TANGENTS> {
    type Output = ();
    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let (mem, syn) = self.numbers.time_constants();
        let lengths = super::blocks(self.dt).iter().zip(mem).enumerate();
        let blocks = self.blocks.iter_mut().zip(self.numbers.rest());
        for ((block, rest), (position, (dt, mem))) in blocks.zip(lengths) {
            let (rest, dt) = (S::as_simd_f64s(rest).0, S::as_simd_f64s(dt).0);
            let mem = S::as_simd_f64s(mem).0;
            let lanes = |x| Lanes::new(simd, x);
            for k in 0..BLOCK / S::F64_LANES {
                let syn = columns::load_at(simd, &syn, position, k);
                let by = Motion::over(lanes(dt[k]), lanes(mem[k]), syn);
                let mut now = Registers::load(simd, block, k);
                now.advance::<TANGENTS>(&by, Some(lanes(rest[k])));
                now.store::<TANGENTS>(block, k);
            }
        }
    }
}
