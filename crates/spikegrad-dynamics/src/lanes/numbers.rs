//! The numbers that the motion of neurons depends on, side by side, and the coefficients that follow from them.
//!
//! Where all neurons share their time constants, coefficients are computed once for a length of time, else for each neuron.
//! Not here: the state of the neurons (`columns.rs`).

use super::{Column, Lanes, Motion, blocks, columns, padded};
use crate::receptors::Superposed;
use pulp::{Arch, Simd, WithSimd};

/// Resting values and time constants of neurons with K receptors, padded to whole blocks with neurons that never spike.
#[derive(Clone, Debug)]
pub struct Numbers<const K: usize> {
    /// Above the threshold; of integrators zero.
    rest: Vec<f64>,
    /// In seconds.
    tau_mem: Vec<f64>,
    /// Of each receptor, in seconds.
    tau_syn: [Vec<f64>; K],
    /// Whether all have the same time constants.
    shares_time_constants: bool,
}

impl<const K: usize> Default for Numbers<K> {
    fn default() -> Self {
        let tau_syn = std::array::from_fn(|_| Vec::new());
        Self { rest: Vec::new(), tau_mem: Vec::new(), tau_syn, shares_time_constants: false }
    }
}

/// Padding rests far below a threshold.
pub(super) const PADDING_REST: f64 = -1.0;

/// Padding of neurons each of which has its own.
const PADDING_TIME_CONSTANT: f64 = 1.0;

impl<const K: usize> Numbers<K> {
    /// Takes the numbers of `models`.
    pub fn set(&mut self, models: &[Superposed<K>]) {
        // Padding shares the time constants of the first neuron, so that "all the same" stays true.
        let none = (PADDING_TIME_CONSTANT, [PADDING_TIME_CONSTANT; K]);
        let (mem, syn) = models.first().map_or(none, Superposed::taus);
        let fill = |column: &mut Vec<f64>, pad: f64, of: &dyn Fn(&Superposed<K>) -> f64| {
            column.clear();
            column.extend(models.iter().map(of));
            column.resize(padded(models.len()), pad);
        };
        fill(&mut self.tau_mem, mem, &|model| model.taus().0);
        for (k, column) in self.tau_syn.iter_mut().enumerate() {
            fill(column, syn[k], &|model| model.taus().1[k]);
        }
        fill(&mut self.rest, PADDING_REST, &Superposed::rest);
        let same =
            |column: &[f64]| column.windows(2).all(|two| two[0].to_bits() == two[1].to_bits());
        self.shares_time_constants =
            same(&self.tau_mem) && self.tau_syn.iter().all(|column| same(column));
    }

    /// Takes the numbers of the neurons at these positions of `others`, in that order.
    pub fn gather(&mut self, others: &Self, positions: impl Iterator<Item = usize> + Clone) {
        let gather = |into: &mut Vec<f64>, from: &[f64], pad: f64| {
            into.clear();
            into.extend(positions.clone().map(|n| from[n]));
            into.resize(padded(into.len()), pad);
        };
        gather(&mut self.rest, &others.rest, PADDING_REST);
        gather(&mut self.tau_mem, &others.tau_mem, PADDING_TIME_CONSTANT);
        for (into, from) in self.tau_syn.iter_mut().zip(&others.tau_syn) {
            gather(into, from, PADDING_TIME_CONSTANT);
        }
        self.shares_time_constants = false;
    }

    /// Room for another block of neurons, each with its own numbers.
    pub(super) fn grow(&mut self) {
        let count = self.len() + super::BLOCK;
        self.rest.resize(count, PADDING_REST);
        self.tau_mem.resize(count, PADDING_TIME_CONSTANT);
        self.tau_syn.iter_mut().for_each(|column| column.resize(count, PADDING_TIME_CONSTANT));
        self.shares_time_constants = false;
    }

    /// Neuron `k` takes the numbers of neuron `n` of `others`.
    #[inline]
    pub(super) fn take(&mut self, k: usize, others: &Self, n: usize) {
        self.rest[k] = others.rest[n];
        self.tau_mem[k] = others.tau_mem[n];
        for r in 0..K {
            self.tau_syn[r][k] = others.tau_syn[r][n];
        }
    }

    /// How many neurons there are with the padding.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rest.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// How many bytes they take.
    #[must_use]
    pub fn bytes(&self) -> usize {
        size_of_val(&*self.rest) * (2 + K)
    }

    /// Whether one motion moves all of them: they have the same time constants.
    #[must_use]
    pub fn share_motions(&self) -> bool {
        self.shares_time_constants && !self.is_empty()
    }

    /// Resting values above the threshold.
    #[inline(always)]
    pub(super) fn rest(&self) -> &[Column] {
        blocks(&self.rest)
    }

    /// Time constants of membranes and of the synapses at each receptor, in seconds.
    #[inline(always)]
    pub(super) fn time_constants(&self) -> (&[Column], [&[Column]; K]) {
        let mut syn = [blocks(&self.tau_syn[0]); K];
        for k in 1..K {
            syn[k] = blocks(&self.tau_syn[k]);
        }
        (blocks(&self.tau_mem), syn)
    }

    /// Those that all have, in seconds.
    #[inline(always)]
    pub(super) fn shared_time_constants(&self) -> (f64, [f64; K]) {
        let mut syn = [self.tau_syn[0][0]; K];
        for k in 1..K {
            syn[k] = self.tau_syn[k][0];
        }
        (self.tau_mem[0], syn)
    }

    /// The motions over these lengths, in seconds, of neurons that share them.
    pub fn motions(&self, dt: &[f64], into: &mut Vec<Motion<K>>) {
        self.over::<Motion<K>>(dt, into);
    }

    /// `e^p` and `e^p − 1` with p = −`dt/τ_mem` for these lengths, in seconds: of neurons that share their motions, or each of one neuron.
    pub fn decays(&self, dt: &[f64], into: &mut Vec<[f64; 2]>) {
        self.over::<[f64; 2]>(dt, into);
    }

    /// Calls `each` with the position of each register of lengths, them, and the time constants that belong to them: those that all have, or those of the
    /// neurons at these positions.
    #[inline(always)]
    pub(super) fn each_length<S: Simd>(
        &self,
        simd: S,
        dt: &[f64],
        mut each: impl FnMut(usize, Lanes<S>, Lanes<S>, [Lanes<S>; K]),
    ) {
        let width = S::F64_LANES;
        let (whole, rest) = S::as_simd_f64s(dt);
        let last = (!rest.is_empty()).then(
            #[inline(always)]
            || simd.partial_load_f64s(rest),
        );
        let lengths = whole.iter().copied().chain(last).enumerate();
        if self.share_motions() {
            let (mem, syn) = self.shared_time_constants();
            let (mem, syn) = (Lanes::splat(simd, mem), super::motion::splat(simd, &syn));
            for (k, dt) in lengths {
                each(k * width, Lanes::new(simd, dt), mem, syn);
            }
        } else {
            let (mem, syn) = self.time_constants();
            for (k, dt) in lengths {
                let (block, k_of_block) = (k * width / super::BLOCK, k % (super::BLOCK / width));
                let mem = Lanes::new(simd, S::as_simd_f64s(&mem[block]).0[k_of_block]);
                let syn = columns::load_at(simd, &syn, block, k_of_block);
                each(k * width, Lanes::new(simd, dt), mem, syn);
            }
        }
    }

    fn over<C: Coefficients<K>>(&self, dt: &[f64], into: &mut Vec<C>) {
        into.clear();
        into.resize(dt.len(), C::default());
        Arch::new().dispatch(Over::<C, K> { numbers: self, dt, into });
    }
}

/// What is computed of a register of lengths with their time constants, and put into a list, lane by lane.
trait Coefficients<const K: usize>: Clone + Default {
    /// `dt`, `tau_mem` and `tau_syn`, in seconds.
    fn store<S: Simd>(dt: Lanes<S>, mem: Lanes<S>, syn: [Lanes<S>; K], into: &mut [Self]);
}

impl<const K: usize> Coefficients<K> for Motion<K> {
    #[inline(always)]
    fn store<S: Simd>(dt: Lanes<S>, mem: Lanes<S>, syn: [Lanes<S>; K], into: &mut [Self]) {
        Motion::over(dt, mem, syn).store(into);
    }
}

/// Exponentials with the membrane time constant.
impl<const K: usize> Coefficients<K> for [f64; 2] {
    #[inline(always)]
    fn store<S: Simd>(dt: Lanes<S>, mem: Lanes<S>, _: [Lanes<S>; K], into: &mut [Self]) {
        let (exp, exp_m1) = (-(dt / mem)).exp_and_exp_m1();
        let (exp, exp_m1) = (exp.values(), exp_m1.values());
        for (k, into) in into.iter_mut().enumerate() {
            *into = [exp[k], exp_m1[k]];
        }
    }
}

/// Coefficients over many lengths.
struct Over<'a, C, const K: usize> {
    numbers: &'a Numbers<K>,
    dt: &'a [f64],
    into: &'a mut [C],
}

impl<C: Coefficients<K>, const K: usize> WithSimd for Over<'_, C, K> {
    type Output = ();
    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { numbers, dt, into } = self;
        numbers.each_length(
            simd,
            dt,
            #[inline(always)]
            |position, dt, mem, syn| {
                let end = into.len().min(position + S::F64_LANES);
                C::store(dt, mem, syn, &mut into[position..end]);
            },
        );
    }
}
