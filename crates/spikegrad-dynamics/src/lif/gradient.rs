//! What a neuron collects for its numbers.
//!
//! Not here: the pullbacks that collect it.

use super::{COUNT, I_BIAS, TAU_MEM, TAU_SYN, V, V_LEAK, V_RESET};
use crate::{NeuronGradient, Scalar, TimeConstants};
use std::ops::{Index, IndexMut};

/// ∂L/∂(each number of one neuron), in the order of [`TABLE`](super::TABLE), in the unit of L per unit of the number.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct LifGradient<T>([T; COUNT]);

impl<T> Index<usize> for LifGradient<T> {
    type Output = T;
    fn index(&self, position: usize) -> &T {
        &self.0[position]
    }
}

impl<T> IndexMut<usize> for LifGradient<T> {
    fn index_mut(&mut self, position: usize) -> &mut T {
        &mut self.0[position]
    }
}

impl<T: Scalar> LifGradient<T> {
    /// Adds what ∂L/∂V = `membrane` gives to rest, to the value from which the membrane last started, and to the time
    /// constants; `decay` is `e^p` and `e^p − 1` with p = −elapsed/`τ_mem`.
    ///
    /// V = rest + (start − rest) e^p + …: rest gets 1 − e^p, the starting value gets e^p.
    pub fn add_membrane(
        &mut self,
        membrane: T,
        decay: [T; 2],
        after_reset: bool,
        tangent: TimeConstants<T>,
    ) {
        let [exp, exp_m1] = decay;
        self.add_rest_and_start(membrane * -exp_m1, membrane * exp, after_reset);
        self.add_time_constants(membrane, tangent);
    }

    /// The other way round: how V at fixed event times moves along a direction in which the numbers of the neuron grow by these.
    #[must_use]
    pub fn membrane_along(
        &self,
        [exp, exp_m1]: [T; 2],
        after_reset: bool,
        tangent: TimeConstants<T>,
    ) -> T {
        let start = self[if after_reset { V_RESET } else { V }];
        exp * start - exp_m1 * (self[V_LEAK] + self[I_BIAS]) + self.time_constants_along(tangent)
    }

    /// How a number with this `tangent` moves along the time constants of the direction.
    #[must_use]
    pub fn time_constants_along(&self, [by_mem, by_syn]: TimeConstants<T>) -> T {
        self[TAU_MEM] * by_mem + self[TAU_SYN] * by_syn
    }

    /// Adds what ∂L/∂x = `cotangent` gives to the time constants, x being a number with this `tangent`.
    pub(super) fn add_time_constants(&mut self, cotangent: T, tangent: TimeConstants<T>) {
        let [by_mem, by_syn] = tangent;
        self[TAU_MEM] += cotangent * by_mem;
        self[TAU_SYN] += cotangent * by_syn;
    }

    /// Adds ∂L/∂rest and ∂L/∂(the value from which the membrane last started).
    pub(super) fn add_rest_and_start(&mut self, of_rest: T, of_start: T, after_reset: bool) {
        self[V_LEAK] += of_rest;
        self[I_BIAS] += of_rest;
        if after_reset {
            self[V_RESET] += of_start;
        } else {
            self[V] += of_start;
        }
    }
}

impl<T: Scalar> NeuronGradient<T> for LifGradient<T> {
    fn as_slice(&self) -> &[T] {
        &self.0
    }
    fn as_mut_slice(&mut self) -> &mut [T] {
        &mut self.0
    }
}
