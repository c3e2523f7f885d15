//! The numbers that the motion of neurons depends on, side by side, and the coefficients that follow from them.
//!
//! Where all neurons share their time constants, coefficients are computed once for a length of time, else for each neuron.
//! Not here: the state of the neurons (`columns.rs`).

use super::{Column, Lanes, Motion, Propagator, blocks, padded};
use crate::Lif;
use pulp::{Arch, Simd, WithSimd};

/// Resting values and time constants of neurons, padded to whole blocks with neurons that never spike.
#[derive(Clone, Debug, Default)]
pub struct Numbers {
    /// Above the threshold; of integrators zero.
    rest: Vec<f64>,
    /// In seconds.
    tau_mem: Vec<f64>,
    /// In seconds.
    tau_syn: Vec<f64>,
    /// Whether all have the same time constants.
    shares_time_constants: bool,
}

/// Padding rests far below a threshold.
const PADDING_REST: f64 = -1.0;

/// Padding of neurons each of which has its own.
const PADDING_TIME_CONSTANT: f64 = 1.0;

impl Numbers {
    /// Takes the numbers of `models`.
    pub fn set(&mut self, models: &[Lif<f64>]) {
        // Padding shares the time constants of the first neuron, so that "all the same" stays true.
        let [mem, syn] = models.first().map_or([PADDING_TIME_CONSTANT; 2], Lif::time_constants);
        let fill = |column: &mut Vec<f64>, pad: f64, of: &dyn Fn(&Lif<f64>) -> f64| {
            column.clear();
            column.extend(models.iter().map(of));
            column.resize(padded(models.len()), pad);
        };
        fill(&mut self.tau_mem, mem, &|model| model.time_constants()[0]);
        fill(&mut self.tau_syn, syn, &|model| model.time_constants()[1]);
        fill(&mut self.rest, PADDING_REST, &Lif::rest);
        let same =
            |column: &[f64]| column.windows(2).all(|two| two[0].to_bits() == two[1].to_bits());
        self.shares_time_constants = same(&self.tau_mem) && same(&self.tau_syn);
    }

    /// Takes the numbers of the neurons at these positions of `others`, in that order.
    pub fn gather(&mut self, others: &Self, positions: impl Iterator<Item = usize> + Clone) {
        let columns = [
            (&mut self.rest, &others.rest, PADDING_REST),
            (&mut self.tau_mem, &others.tau_mem, PADDING_TIME_CONSTANT),
            (&mut self.tau_syn, &others.tau_syn, PADDING_TIME_CONSTANT),
        ];
        for (into, from, pad) in columns {
            into.clear();
            into.extend(positions.clone().map(|n| from[n]));
            into.resize(padded(into.len()), pad);
        }
        self.shares_time_constants = false;
    }

    /// Room for another block of neurons, each with its own numbers.
    pub(super) fn grow(&mut self) {
        let count = self.len() + super::BLOCK;
        self.rest.resize(count, PADDING_REST);
        self.tau_mem.resize(count, PADDING_TIME_CONSTANT);
        self.tau_syn.resize(count, PADDING_TIME_CONSTANT);
        self.shares_time_constants = false;
    }

    /// Neuron `k` takes the numbers of neuron `n` of `others`.
    pub(super) fn take(&mut self, k: usize, others: &Self, n: usize) {
        self.rest[k] = others.rest[n];
        self.tau_mem[k] = others.tau_mem[n];
        self.tau_syn[k] = others.tau_syn[n];
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
        [&self.rest, &self.tau_mem, &self.tau_syn].map(|column| size_of_val(&**column)).iter().sum()
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

    /// Time constants of membranes and synapses, in seconds.
    #[inline(always)]
    pub(super) fn time_constants(&self) -> [&[Column]; 2] {
        [blocks(&self.tau_mem), blocks(&self.tau_syn)]
    }

    /// Those that all have, in seconds.
    #[inline(always)]
    pub(super) fn shared_time_constants(&self) -> [f64; 2] {
        [self.tau_mem[0], self.tau_syn[0]]
    }

    /// The motions over these lengths, in seconds, of neurons that share them.
    pub fn motions(&self, dt: &[f64], into: &mut Vec<Motion>) {
        self.over::<Motions>(dt, into);
    }

    /// The flows over these lengths, in seconds: of neurons that share their motions, or each of one neuron.
    pub fn flows(&self, dt: &[f64], into: &mut Vec<Propagator>) {
        self.over::<Flows>(dt, into);
    }

    /// `e^p` and `e^p − 1` with p = −`dt/τ_mem` for these lengths, as for [`Self::flows`].
    pub fn decays(&self, dt: &[f64], into: &mut Vec<[f64; 2]>) {
        self.over::<Decays>(dt, into);
    }

    fn over<C: Coefficients>(&self, dt: &[f64], into: &mut Vec<C::Each>) {
        into.clear();
        into.resize(dt.len(), C::Each::default());
        Arch::new().dispatch(Over::<C> { numbers: self, dt, into });
    }
}

/// What is computed of a register of lengths with their time constants, and put into a list, lane by lane.
trait Coefficients {
    type Each: Clone + Default;
    /// `dt`, `tau_mem` and `tau_syn`, in seconds.
    fn store<S: Simd>(dt: Lanes<S>, mem: Lanes<S>, syn: Lanes<S>, into: &mut [Self::Each]);
}

/// The motions over these lengths.
struct Motions;

impl Coefficients for Motions {
    type Each = Motion;
    #[inline(always)]
    fn store<S: Simd>(dt: Lanes<S>, mem: Lanes<S>, syn: Lanes<S>, into: &mut [Motion]) {
        Motion::over(dt, mem, syn).store(into);
    }
}

/// The flows.
struct Flows;

impl Coefficients for Flows {
    type Each = Propagator;
    #[inline(always)]
    fn store<S: Simd>(dt: Lanes<S>, mem: Lanes<S>, syn: Lanes<S>, into: &mut [Propagator]) {
        Propagator::over(dt, mem, syn).store(into);
    }
}

/// Exponentials with the membrane time constant.
struct Decays;

impl Coefficients for Decays {
    type Each = [f64; 2];
    #[inline(always)]
    fn store<S: Simd>(dt: Lanes<S>, mem: Lanes<S>, _: Lanes<S>, into: &mut [[f64; 2]]) {
        let (exp, exp_m1) = (-(dt / mem)).exp_and_exp_m1();
        let (exp, exp_m1) = (exp.values(), exp_m1.values());
        for (k, into) in into.iter_mut().enumerate() {
            *into = [exp[k], exp_m1[k]];
        }
    }
}

/// Coefficients over many lengths.
struct Over<'a, C: Coefficients> {
    numbers: &'a Numbers,
    dt: &'a [f64],
    into: &'a mut [C::Each],
}

impl<C: Coefficients> WithSimd for Over<'_, C> {
    type Output = ();
    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { numbers, dt, into } = self;
        let width = S::F64_LANES;
        let lengths = dt.chunks(width).zip(into.chunks_mut(width));
        let load = |dt: &[f64]| Lanes::new(simd, simd.partial_load_f64s(dt));
        if numbers.share_motions() {
            let [mem, syn] = numbers.shared_time_constants();
            let (mem, syn) = (Lanes::splat(simd, mem), Lanes::splat(simd, syn));
            for (dt, into) in lengths {
                C::store(load(dt), mem, syn, into);
            }
        } else {
            let [mem, syn] = [&numbers.tau_mem, &numbers.tau_syn].map(|all| S::as_simd_f64s(all).0);
            for ((dt, into), (&mem, &syn)) in lengths.zip(mem.iter().zip(syn)) {
                C::store(load(dt), Lanes::new(simd, mem), Lanes::new(simd, syn), into);
            }
        }
    }
}
