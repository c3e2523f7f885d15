//! Arrivals on the way back, many side by side: each reads the adjoint of its neuron from where that is known, and moves nobody.
//!
//! An arrival does not change an adjoint. So what one gives to its weight and to its time depends on no other, and all of them can wait until somebody asks. Not here: which
//! arrivals there are, and when their neurons' adjoints are known (`spikegrad_adjoint`).

use super::motion::Propagator;
use super::{BLOCK, Lanes};
use pulp::{Arch, Simd, WithSimd};

/// Arrivals that there is room for: their columns stay in the nearest cache.
pub const ROOM: usize = 32 * BLOCK;

/// One number for each arrival.
type Places = [f64; ROOM];

/// An arrival of a weight at a leaky neuron with one current.
#[derive(Clone, Copy, Debug)]
pub struct Reception {
    /// Seconds from the arrival to where the adjoint of its neuron is known; nothing happens to that in between.
    pub dt: f64,
    /// ∂L/∂V and ∂L/∂I there.
    pub adjoint: [f64; 2],
    /// `τ_mem` and `τ_syn` of the neuron, in seconds.
    pub time_constants: [f64; 2],
    /// What arrives.
    pub weight: f64,
}

/// Arrivals that wait, in plain columns.
#[derive(Clone, Debug)]
pub struct Receptions {
    count: usize,
    dt: Places,
    v: Places,
    i: Places,
    tau_mem: Places,
    tau_syn: Places,
    weight: Places,
    /// What they give.
    weights: Places,
    times: Places,
}

impl Default for Receptions {
    fn default() -> Self {
        let one = [0.0; ROOM];
        // Of places that nobody has had time constants are not zero.
        let tau = [1.0; ROOM];
        Self {
            count: 0,
            dt: one,
            v: one,
            i: one,
            tau_mem: tau,
            tau_syn: tau,
            weight: one,
            weights: one,
            times: one,
        }
    }
}

impl Receptions {
    /// Forgets all.
    pub fn clear(&mut self) {
        self.count = 0;
    }

    /// Takes one up.
    ///
    /// # Panics
    /// If [`ROOM`] of them wait.
    #[inline]
    pub fn push(&mut self, reception: &Reception) {
        let k = self.count;
        let &Reception { dt, adjoint: [v, i], time_constants: [tau_mem, tau_syn], weight } =
            reception;
        self.dt[k] = dt;
        (self.v[k], self.i[k]) = (v, i);
        (self.tau_mem[k], self.tau_syn[k]) = (tau_mem, tau_syn);
        self.weight[k] = weight;
        self.count += 1;
    }

    /// Pulls all of them back, and returns ∂L/∂(weight) and ∂L/∂(time), per second, of each, in the order in which they came. None wait then.
    pub fn pull_back(&mut self) -> (&[f64], &[f64]) {
        let count = std::mem::take(&mut self.count);
        Arch::new().dispatch(PullBack { of: self, count });
        (&self.weights[..count], &self.times[..count])
    }
}

struct PullBack<'a> {
    of: &'a mut Receptions,
    count: usize,
}

impl WithSimd for PullBack<'_> {
    type Output = ();
    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { of, count } = self;
        for first in (0..count).step_by(S::F64_LANES) {
            let load = |column: &Places| {
                Lanes::new(simd, S::as_simd_f64s(&column[first..first + S::F64_LANES]).0[0])
            };
            let (tau_mem, tau_syn) = (load(&of.tau_mem), load(&of.tau_syn));
            let by = Propagator::over(load(&of.dt), tau_mem, [tau_syn]);
            let (v, i) = (load(&of.v), load(&of.i));
            let at_arrival = [by.membrane_pullback(v), by.current_pullback(0, v, i)];
            let time = load(&of.weight) * (at_arrival[1] / tau_syn - at_arrival[0] / tau_mem);
            for (column, lanes) in [(&mut of.weights, at_arrival[1]), (&mut of.times, time)] {
                let column = &mut column[first..first + S::F64_LANES];
                S::as_mut_simd_f64s(column).0[0] = lanes.raw();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lif::fixtures::COMPANY;
    use crate::{Adjoint, Lif, LifParameters, NeuronAdjoint, State};

    /// Two exponentials and a few products on each side.
    const ROUNDING: f64 = 1e-14;

    #[test]
    fn an_arrival_gives_what_it_gives_alone() {
        let (mut receptions, mut expected) = (Receptions::default(), Vec::new());
        for (k, ratio) in COMPANY.iter().cycle().take(3 * COMPANY.len()).enumerate() {
            let parameters =
                LifParameters { tau_mem: 5.0 * ratio, tau_syn: 5.0, ..LifParameters::default() };
            let (neuron, share) = (Lif::new(parameters), f64::from(u32::try_from(k).unwrap()));
            let (dt, weight) = (0.37 * share, 2.0 - 0.3 * share);
            let after = Adjoint(State { v: 1.5 - 0.2 * share, i: 0.1 * share - 0.7 });
            expected.push(neuron.receive_pullback(weight, neuron.flow_pullback(dt, after)));
            receptions.push(&Reception {
                dt,
                adjoint: [after.0.v, after.0.i],
                time_constants: [parameters.tau_mem, parameters.tau_syn],
                weight,
            });
        }
        let (weights, times) = receptions.pull_back();
        assert_eq!((weights.len(), times.len()), (expected.len(), expected.len()));
        for ((weight, time), expected) in weights.iter().zip(times).zip(&expected) {
            assert!((weight - expected.weight).abs() < ROUNDING, "{weight} {}", expected.weight);
            assert!((time - expected.time).abs() < ROUNDING, "{time} {}", expected.time);
        }
        assert!(receptions.pull_back().0.is_empty());
    }
}
