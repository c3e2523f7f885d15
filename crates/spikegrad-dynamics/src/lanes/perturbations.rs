//! How the states of a layer move along a direction, side by side: what a small step in parameters and times does to them, per unit of the step.
//!
//! Along a stretch a perturbation flows as the state does above rest (eq. 3). An arrival that comes later by dt, over a weight that grows by dw, adds dw + (w/`τ_syn`) dt to
//! that of its current and takes (w/`τ_mem`) dt from that of the membrane: eq. 10, forwards.
//!
//! Not here: spikes and releases (`spikegrad_adjoint`), the way back (`backward.rs`).

use super::backward::Block;
use super::forward::Weights;
use super::motion::sum_of_products;
use super::{BLOCK, Lanes, Numbers, Propagator, columns};
use crate::receptors::CurrentsState;
use pulp::{Arch, Simd, WithSimd};

/// The perturbations of the neurons of a layer, in blocks.
#[derive(Clone, Debug)]
pub struct Perturbations<const K: usize>(Vec<Block<K>>);

impl<const K: usize> Default for Perturbations<K> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

/// A row of weights that arrives, one for each neuron of the layer.
#[derive(Clone, Copy, Debug)]
pub struct Arriving<'a> {
    /// The weights.
    pub weights: &'a [f64],
    /// By how much each grows.
    pub along: &'a [f64],
    /// By how much later they arrive, in seconds.
    pub time: f64,
    /// At which receptor.
    pub receptor: usize,
}

impl<const K: usize> Perturbations<K> {
    /// `count` neurons that stay where they are.
    pub fn reset(&mut self, count: usize) {
        self.0.clear();
        self.0.resize(count.div_ceil(BLOCK), Block::ZERO);
    }

    /// That of neuron `n`.
    #[must_use]
    #[inline]
    pub fn get(&self, n: usize) -> CurrentsState<K> {
        self.0[n / BLOCK].get(n % BLOCK)
    }

    /// Sets that of neuron `n`.
    #[inline]
    pub fn set(&mut self, n: usize, to: CurrentsState<K>) {
        self.0[n / BLOCK].set(n % BLOCK, to);
    }

    /// Moves all over a stretch of `dt` seconds; `flow` is known where the neurons share their motions.
    pub fn flow(&mut self, numbers: &Numbers<K>, dt: f64, flow: Option<&Propagator<K>>) {
        Arch::new().dispatch(Flow { blocks: &mut self.0, numbers, dt, flow });
    }

    /// A row arrives.
    pub fn receive(&mut self, numbers: &Numbers<K>, row: Arriving<'_>) {
        Arch::new().dispatch(Receive { blocks: &mut self.0, numbers, row });
    }
}

struct Flow<'a, const K: usize> {
    blocks: &'a mut [Block<K>],
    numbers: &'a Numbers<K>,
    dt: f64,
    flow: Option<&'a Propagator<K>>,
}

struct Receive<'a, const K: usize> {
    blocks: &'a mut [Block<K>],
    numbers: &'a Numbers<K>,
    row: Arriving<'a>,
}

// Everything below is inlined by force: what is not, is not compiled for the registers.

impl<const K: usize> WithSimd for Flow<'_, K> {
    type Output = ();
    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { blocks, numbers, dt, flow } = self;
        if let Some(flow) = flow {
            let flow = Propagator::splat(simd, flow);
            blocks.iter_mut().for_each(
                #[inline(always)]
                |block| {
                    block.advance(
                        simd,
                        #[inline(always)]
                        |_| flow,
                    );
                },
            );
            return;
        }
        let (mem, syn) = numbers.time_constants();
        let dt = Lanes::splat(simd, dt);
        for (k, block) in blocks.iter_mut().enumerate() {
            block.advance(
                simd,
                #[inline(always)]
                |lane| {
                    let mem = Lanes::new(simd, S::as_simd_f64s(&mem[k]).0[lane]);
                    Propagator::over(dt, mem, columns::load_at(simd, &syn, k, lane))
                },
            );
        }
    }
}

impl<const K: usize> Block<K> {
    /// Moves it, each register by its flow.
    #[inline(always)]
    fn advance<S: Simd>(&mut self, simd: S, flow: impl Fn(usize) -> Propagator<K, Lanes<S>>) {
        let v = S::as_mut_simd_f64s(&mut self.v).0;
        for lane in 0..BLOCK / S::F64_LANES {
            let by = flow(lane);
            let i = columns::load(simd, &self.i, lane);
            let of_currents = sum_of_products(&by.response, &i);
            v[lane] = (by.membrane * Lanes::new(simd, v[lane]) + of_currents).raw();
            for r in 0..K {
                S::as_mut_simd_f64s(&mut self.i[r]).0[lane] = (by.current[r] * i[r]).raw();
            }
        }
    }
}

impl<const K: usize> WithSimd for Receive<'_, K> {
    type Output = ();
    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { blocks, numbers, row } = self;
        let Arriving { weights, along, time, receptor } = row;
        let (weights, along) = (Weights::of(weights), Weights::of(along));
        let shared = numbers.share_motions().then(|| numbers.shared_time_constants());
        let (mem, syn) = numbers.time_constants();
        let time = Lanes::splat(simd, time);
        for (k, block) in blocks.iter_mut().enumerate() {
            let load = |column| S::as_simd_f64s(column).0;
            let (weights, along) = (load(weights.block(k)), load(along.block(k)));
            let v = S::as_mut_simd_f64s(&mut block.v).0;
            let i = S::as_mut_simd_f64s(&mut block.i[receptor]).0;
            for lane in 0..BLOCK / S::F64_LANES {
                let lanes = |x| Lanes::new(simd, x);
                let [mem, syn] = match shared {
                    Some((mem, syn)) => [mem, syn[receptor]].map(|tau| Lanes::splat(simd, tau)),
                    None => [mem, syn[receptor]].map(|taus| lanes(load(&taus[k])[lane])),
                };
                let moved = time * lanes(weights[lane]);
                i[lane] = (lanes(i[lane]) + (lanes(along[lane]) + moved / syn)).raw();
                v[lane] = (lanes(v[lane]) - moved / mem).raw();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lanes::Flows;
    use crate::lif::fixtures::{COMPANY, neuron};
    use crate::{Adjoint, Lif, NeuronAdjoint, State};

    /// A few products of numbers below ten, each rounded.
    const ROUNDING: f64 = 1e-14;

    #[test]
    fn a_flow_and_an_arrival_are_the_transposes_of_their_pullbacks() {
        for ratios in [[2.0; COMPANY.len()], COMPANY] {
            let models: Vec<Lif<f64>> = ratios.into_iter().map(neuron).collect();
            let (mut numbers, dt) = (Numbers::<1>::default(), 0.7);
            numbers.set(&models.iter().map(|&model| model.into()).collect::<Vec<_>>());
            let mut all = Perturbations::<1>::default();
            all.reset(models.len());
            let before = |n: usize| {
                let x = f64::from(u8::try_from(n).unwrap());
                State { v: 0.3 - x, i: 1.0 + x / 7.0 }
            };
            for n in 0..models.len() {
                let State { v, i } = before(n);
                all.set(n, CurrentsState { v, i: [i] });
            }
            let mut flows = Flows::default();
            flows.set(&numbers, &[dt]);
            let shared = numbers.share_motions().then(|| flows.get(0));
            all.flow(&numbers, dt, shared.as_ref());
            let flowed: Vec<_> = (0..models.len()).map(|n| all.get(n)).collect();
            let (weights, along) = (ratios.map(|x| 0.3 - x / 9.0), ratios.map(|x| x / 5.0));
            let time = 0.25;
            all.receive(&numbers, Arriving { weights: &weights, along: &along, time, receptor: 0 });
            for (n, model) in models.iter().enumerate() {
                for (v, i) in [(1.0, 0.0), (0.0, 1.0)] {
                    let after = Adjoint(State { v, i });
                    let of = |at: CurrentsState<1>| v * at.v + i * at.i[0];
                    let Adjoint(back) = model.flow_pullback(dt, after);
                    let expected = back.v * before(n).v + back.i * before(n).i;
                    let size = expected.abs().max(1.0);
                    assert!((of(flowed[n]) - expected).abs() < ROUNDING * size, "{n}");
                    let arrival = model.receive_pullback(weights[n], after);
                    let expected = arrival.weight * along[n] + arrival.time * time;
                    let got = of(all.get(n)) - of(flowed[n]);
                    let size = expected.abs().max(of(flowed[n]).abs()).max(1.0);
                    assert!((got - expected).abs() < ROUNDING * size, "{n}: {got} {expected}");
                }
            }
        }
    }
}
