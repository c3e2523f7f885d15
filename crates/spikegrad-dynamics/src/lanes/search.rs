//! Searches for the crossings of many neurons: of one alone, of whole blocks, and, side by side, of those that are near grazing.
//!
//! Bits do not depend on who is searched beside whom. Not here: how a crossing is found (`crossing.rs`).

use super::columns::{self, Block};
use super::crossing::{Neurons, Rise};
use super::near_grazing::NearGrazing;
use super::{BLOCK, Column, Lanes, Numbers};
use pulp::{NullaryFnOnce, Simd, WithSimd};

/// What was found of one neuron.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Search {
    /// A crossing after `dt` seconds, with this slope per second.
    Crossing {
        /// Time to it, in seconds.
        dt: f64,
        /// dV/dt there, per second.
        slope: f64,
    },
    /// The threshold is never reached.
    Silent,
    /// Too near to grazing even so, not converged, or not the common case.
    #[default]
    Undecided,
}

/// When one neuron will cross its threshold if it is left alone: the bits that it would get in company.
pub(crate) fn search_one(v: f64, i: f64, rest: f64, tau_mem: f64, tau_syn: f64) -> Search {
    let [v, i, rest, tau_mem, tau_syn] =
        [v, i, rest, tau_mem, tau_syn].map(|x| Lanes::splat(pulp::Scalar, x));
    let of = Neurons { v, i: [i], rest, tau_mem, tau_syn: [tau_syn] };
    let mut found = Rise::new(of).search(v.constant(f64::INFINITY));
    if found.is_near.any() {
        found = NearGrazing { of, t: found.dt }.call();
    }
    found.of_lanes()[0]
}

/// Writes into `found`, which has room for all of these blocks of free neurons, when each will cross its threshold if it is left alone; with several
/// receptors, whether that is within a length of its own, in seconds.
pub(super) fn search<const K: usize>(
    blocks: &[Block<K>],
    numbers: &Numbers<K>,
    lengths: &[f64],
    found: &mut [Search],
) {
    pulp::Arch::new().dispatch(SearchAll { blocks, numbers, lengths, found });
}

struct SearchAll<'a, const K: usize> {
    blocks: &'a [Block<K>],
    numbers: &'a Numbers<K>,
    lengths: &'a [f64],
    found: &'a mut [Search],
}

/// Positions of neurons that are near grazing, and about when each crosses, in seconds: they wait until they fill registers of their own.
#[derive(Default)]
struct Waiting {
    count: usize,
    position: [usize; BLOCK],
    t: Column,
}

impl<const K: usize> WithSimd for SearchAll<'_, K> {
    type Output = ();
    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let mut waiting = Waiting::default();
        for position in 0..self.blocks.len() {
            for k in 0..BLOCK / S::F64_LANES {
                let of = self.neurons(simd, position, k);
                let lengths = S::as_simd_f64s(&super::blocks(self.lengths)[position]).0;
                let found = Rise::new(of).search(Lanes::new(simd, lengths[k]));
                let first = position * BLOCK + k * S::F64_LANES;
                self.found[first..first + S::F64_LANES]
                    .copy_from_slice(&found.of_lanes()[..S::F64_LANES]);
                if found.is_near.any() {
                    let t = found.dt.values();
                    found.is_near.for_each(|lane| {
                        (waiting.position[waiting.count], waiting.t[waiting.count]) =
                            (first + lane, t[lane]);
                        waiting.count += 1;
                        if waiting.count == BLOCK {
                            self.search_near(simd, &mut waiting);
                        }
                    });
                }
            }
        }
        self.search_near(simd, &mut waiting);
    }
}

impl<const K: usize> SearchAll<'_, K> {
    /// One register of a block.
    #[inline(always)]
    fn neurons<S: Simd>(&self, simd: S, position: usize, k: usize) -> Neurons<S, K> {
        let (mem, syn) = self.numbers.time_constants();
        let lanes = |column: &Column| Lanes::new(simd, S::as_simd_f64s(column).0[k]);
        let block = &self.blocks[position];
        Neurons {
            v: lanes(&block.v),
            i: columns::load(simd, &block.i, k),
            rest: lanes(&self.numbers.rest()[position]),
            tau_mem: lanes(&mem[position]),
            tau_syn: columns::load_at(simd, &syn, position, k),
        }
    }

    /// Searches those that are near grazing, side by side, and forgets them.
    #[inline(always)]
    fn search_near<S: Simd>(&mut self, simd: S, waiting: &mut Waiting) {
        let Waiting { count, position, t } = std::mem::take(waiting);
        if count == 0 {
            return;
        }
        let (mem, syn) = self.numbers.time_constants();
        // Lanes that nobody waits in do what the first does.
        let place = |lane: usize| {
            let n = position[if lane < count { lane } else { 0 }];
            (n / BLOCK, n % BLOCK)
        };
        let column = |of: &dyn Fn(usize, usize) -> f64| -> Column {
            std::array::from_fn(|lane| {
                let (block, lane) = place(lane);
                of(block, lane)
            })
        };
        let v = column(&|block, lane| self.blocks[block].v[lane]);
        let rest = column(&|block, lane| self.numbers.rest()[block][lane]);
        let tau_mem = column(&|block, lane| mem[block][lane]);
        let i: [Column; K] =
            std::array::from_fn(|r| column(&|block, lane| self.blocks[block].i[r][lane]));
        let tau_syn: [Column; K] =
            std::array::from_fn(|r| column(&|block, lane| syn[r][block][lane]));
        for k in 0..BLOCK / S::F64_LANES {
            let lanes = |column: &Column| Lanes::new(simd, S::as_simd_f64s(column).0[k]);
            let of = Neurons {
                v: lanes(&v),
                i: columns::load(simd, &i, k),
                rest: lanes(&rest),
                tau_mem: lanes(&tau_mem),
                tau_syn: columns::load(simd, &tau_syn, k),
            };
            let found = simd.vectorize(NearGrazing { of, t: lanes(&t) }).of_lanes();
            let into = position.iter().take(count).skip(k * S::F64_LANES);
            into.zip(found).take(S::F64_LANES).for_each(|(&n, found)| self.found[n] = found);
        }
    }
}
