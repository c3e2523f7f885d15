//! A neuron as seen from a reference time that it shares with others: as it would have been then to come, left alone, to where it is now. An arrival adds to that its weight
//! times numbers that are the same for all neurons with these time constants, and nothing has to be moved.
//!
//! The flow of `flow.rs` over x seconds since the reference, `u' = m u + r i`, `i' = c i`, is linear, so an arrival of w is what would have become (0, w)
//! (docs/mathematics.md, eqs. 29 to 29b):
//!
//! ```text
//! i ← i + a w      u ← u − a (r/m) w      a = 1/c = e^(x/τ_syn)
//! ```
//!
//! and in the same way for the derivatives with respect to the time constants. The factors grow with x: a reference serves for about a time constant. A neuron is taken to
//! a new one only when something happens to it. Not here: when a neuron has to be looked at (`certificate.rs`), who shares a reference (`spikegrad_simulate`).

use super::{Lif, State, Tangent};
use crate::lanes::{Lanes, Motion, Propagator};
use prefetch_index::prefetch_index;
use pulp::{Arch, Simd, WithSimd};

/// Numbers of a neuron: i and u at the reference, the weight that may still arrive before somebody has to look at it, when that is due in any case; at the reference
/// ∂`i/∂τ_syn`, ∂`u/∂τ_mem` and ∂`u/∂τ_syn`; and the reference.
const COUNT: usize = 8;

/// Those that change without derivatives.
const PRIMAL: usize = 4;

/// How many change.
const fn changing<const TANGENTS: bool>() -> usize {
    if TANGENTS { COUNT } else { PRIMAL }
}

const BUDGET: usize = 2;
const DUE: usize = 3;
const REFERENCE: usize = 7;

/// One neuron: a cache line.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[repr(align(64))]
pub struct Sums([f64; COUNT]);

/// What a unit weight that arrives at some time adds to the [`Sums`] of a neuron.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[repr(align(64))]
pub struct UnitArrival([f64; COUNT]);

/// From the reference of neurons with the same time constants to some time.
#[derive(Clone, Copy, Debug)]
pub struct View(Propagator<1>);

/// The same, with the derivatives with respect to the time constants.
#[derive(Clone, Copy, Debug)]
pub struct TangentView(Motion<1>);

impl View {
    /// To a time `x` seconds after the reference of neurons with the time constants of `neuron`.
    #[must_use]
    pub fn new(neuron: &Lif<f64>, x: f64) -> Self {
        let [x, mem, syn] = [x, neuron.tau_mem, neuron.tau_syn].map(scalar);
        let mut flow = [Propagator::default()];
        Propagator::over(x, mem, [syn]).store(&mut flow);
        Self(flow[0])
    }

    /// To the time of an arrival, without an exponential.
    #[must_use]
    #[inline]
    pub fn at_arrival(neuron: &Lif<f64>, UnitArrival([a, b, ..]): &UnitArrival) -> Self {
        let current = 1.0 / a;
        let quotient = -b * current;
        // r/m = (1 − e^(−g)) / (τ_mem/τ_syn − 1) with g = x/τ_syn − x/τ_mem.
        let excess = (neuron.tau_mem / neuron.tau_syn - 1.0) * quotient;
        let membrane = current / (1.0 - excess);
        Self(Propagator { membrane, current: [current], response: [quotient * membrane] })
    }

    #[inline]
    fn above_rest(&self, Sums([i, u, ..]): &Sums) -> f64 {
        self.0.membrane * u + self.0.response[0] * i
    }

    /// The state of a neuron.
    #[must_use]
    #[inline]
    pub fn state(&self, neuron: &Lif<f64>, sums: &Sums) -> State<f64> {
        State { v: neuron.rest + self.above_rest(sums), i: self.0.current[0] * sums.0[0] }
    }

    /// A spike or a release: puts a neuron to its reset value.
    #[inline]
    pub fn reset(&self, neuron: &Lif<f64>, Sums([i, u, ..]): &mut Sums) {
        *u = ((neuron.reset - neuron.rest) - self.0.response[0] * *i) / self.0.membrane;
    }

    /// Makes this time the reference, which is `reference`.
    #[inline]
    pub fn rebase(&self, sums: &mut Sums, reference: f64) {
        sums.0[1] = self.above_rest(sums);
        sums.0[0] *= self.0.current[0];
        sums.0[REFERENCE] = reference;
    }
}

impl TangentView {
    /// To a time `x` seconds after the reference of neurons with the time constants of `neuron`.
    #[must_use]
    pub fn new(neuron: &Lif<f64>, x: f64) -> Self {
        let [x, mem, syn] = [x, neuron.tau_mem, neuron.tau_syn].map(scalar);
        let mut motion = [Motion::default()];
        Motion::over(x, mem, [syn]).store(&mut motion);
        Self(motion[0])
    }

    /// Without the derivatives.
    #[must_use]
    #[inline]
    pub fn view(&self) -> View {
        View(self.0.flow)
    }

    /// The derivatives of the state of a neuron.
    #[must_use]
    #[inline]
    pub fn tangent(&self, sums: &Sums) -> Tangent<f64> {
        let Motion { flow, mem_of_v, mem_of_i, syn_of_i, current_of_i, .. } = self.0;
        let [i, u, _, _, i_syn, v_mem, v_syn, _] = sums.0;
        Tangent {
            v_mem: flow.membrane * v_mem + (mem_of_v * u + mem_of_i[0] * i),
            v_syn: flow.membrane * v_syn + (flow.response[0] * i_syn + syn_of_i[0] * i),
            i_syn: flow.current[0] * i_syn + current_of_i[0] * i,
        }
    }

    /// [`View::reset`]: the potential does not depend on the time constants any more.
    pub fn reset(&self, neuron: &Lif<f64>, sums: &mut Sums) {
        self.view().reset(neuron, sums);
        let Motion { flow, mem_of_v, mem_of_i, syn_of_i, .. } = self.0;
        let [i, u, _, _, i_syn, v_mem, v_syn, _] = &mut sums.0;
        *v_mem = -(mem_of_v * *u + mem_of_i[0] * *i) / flow.membrane;
        *v_syn = -(flow.response[0] * *i_syn + syn_of_i[0] * *i) / flow.membrane;
    }

    /// [`View::rebase`].
    #[inline]
    pub fn rebase(&self, sums: &mut Sums, reference: f64) {
        let Tangent { v_mem, v_syn, i_syn } = self.tangent(sums);
        self.view().rebase(sums, reference);
        sums.0[PRIMAL..REFERENCE].copy_from_slice(&[i_syn, v_mem, v_syn]);
    }
}

impl Sums {
    /// A neuron at its reference, time 0.
    #[must_use]
    pub fn new(neuron: &Lif<f64>, State { v, i }: State<f64>) -> Self {
        Self([i, v - neuron.rest, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0])
    }

    /// The time that the numbers are relative to, in seconds.
    #[must_use]
    #[inline]
    pub fn reference(&self) -> f64 {
        self.0[REFERENCE]
    }

    /// Whether it is at this time that somebody has to look at the neuron, whatever arrives.
    #[must_use]
    #[inline]
    pub fn is_due(&self, time: f64) -> bool {
        self.0[DUE].to_bits() == time.to_bits()
    }

    /// What is left of the weight that may arrive before.
    #[must_use]
    #[inline]
    pub fn budget(&self) -> f64 {
        self.0[BUDGET]
    }

    /// Nobody has to look at it before `due` or before positive weights that sum to more than `budget` have arrived; with a negative one before
    /// anything arrives.
    #[inline]
    pub fn set_certificate(&mut self, budget: f64, due: f64) {
        (self.0[BUDGET], self.0[DUE]) = (budget, due);
    }
}

/// A number alone in a register.
fn scalar(x: f64) -> Lanes<pulp::Scalar> {
    Lanes::splat(pulp::Scalar, x)
}

/// Writes what unit weights add that arrive `x` seconds after the reference of their targets, whose time constants are given for each, or once for all.
pub fn unit_arrivals<const TANGENTS: bool>(
    x: &[f64],
    tau_mem: &[f64],
    tau_syn: &[f64],
    into: &mut Vec<UnitArrival>,
) {
    into.resize(x.len(), UnitArrival::default());
    Arch::new().dispatch(UnitArrivals::<TANGENTS> { x, tau_mem, tau_syn, into });
}

struct UnitArrivals<'a, const TANGENTS: bool> {
    x: &'a [f64],
    tau_mem: &'a [f64],
    tau_syn: &'a [f64],
    into: &'a mut [UnitArrival],
}

impl<const TANGENTS: bool> WithSimd for UnitArrivals<'_, TANGENTS> {
    type Output = ();
    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { x, tau_mem, tau_syn, into } = self;
        let width = S::F64_LANES;
        let load = |of: &[f64]| Lanes::new(simd, simd.partial_load_f64s(of));
        let tau = |of: &[f64], k: usize| match of {
            &[of_all] => Lanes::splat(simd, of_all),
            _ => load(&of[k * width..]),
        };
        for (k, (x, into)) in x.chunks(width).zip(into.chunks_mut(width)).enumerate() {
            let (x, mem, syn) = (load(x), tau(tau_mem, k), tau(tau_syn, k));
            let zero = x.constant(0.0);
            let mut columns = [zero; COUNT];
            columns[BUDGET] = x.constant(-1.0);
            // What becomes a unit current, and nothing else, over the way from the reference.
            if TANGENTS {
                let Motion { flow, mem_of_v, mem_of_i, syn_of_i, current_of_i, .. } =
                    Motion::over(x, mem, [syn]);
                let (i, u) = origin(&flow);
                let i_syn = -(current_of_i[0] * i / flow.current[0]);
                (columns[0], columns[1]) = (i, u);
                columns[PRIMAL] = i_syn;
                columns[PRIMAL + 1] = -((mem_of_v * u + mem_of_i[0] * i) / flow.membrane);
                columns[PRIMAL + 2] =
                    -((flow.response[0] * i_syn + syn_of_i[0] * i) / flow.membrane);
            } else {
                (columns[0], columns[1]) = origin(&Propagator::over(x, mem, [syn]));
            }
            for (q, column) in columns.iter().enumerate().take(changing::<TANGENTS>()) {
                let values = column.values();
                for (lane, into) in into.iter_mut().enumerate() {
                    into.0[q] = values[lane];
                }
            }
        }
    }
}

/// Current and potential above rest that become a unit current, and nothing else.
#[inline(always)]
fn origin<S: Simd>(flow: &Propagator<1, Lanes<S>>) -> (Lanes<S>, Lanes<S>) {
    let i = flow.membrane.constant(1.0) / flow.current[0];
    (i, -(flow.response[0] / flow.membrane * i))
}

/// Something that arrives at neurons with the same time constants.
#[derive(Clone, Copy, Debug)]
pub struct Arriving<'a, I, J> {
    /// Positions of the targets, with their weights.
    pub synapses: I,
    /// Positions of those that come next, to be sent for.
    pub later: J,
    /// What a unit weight adds.
    pub by: &'a UnitArrival,
    /// One of the targets.
    pub model: &'a Lif<f64>,
}

/// Something arrives at neurons, until somebody has to be looked at: who that is stands in `flagged` then, which must be empty.
///
/// `next` is asked for each arrival. A target that has another reference than `reference`, the time that what is added is relative to, is handed to `rebase` before.
pub fn arrive<'a, const TANGENTS: bool, I, J>(
    neurons: &mut [Sums],
    reference: f64,
    next: impl FnMut() -> Option<Arriving<'a, I, J>>,
    rebase: impl FnMut(&Lif<f64>, &mut Sums),
    flagged: &mut Vec<usize>,
) where
    I: Iterator<Item = (usize, f64)>,
    J: Iterator<Item = usize>,
{
    Arch::new().dispatch(Arrive::<_, _, TANGENTS> { neurons, reference, next, rebase, flagged });
}

struct Arrive<'n, F, R, const TANGENTS: bool> {
    neurons: &'n mut [Sums],
    reference: f64,
    next: F,
    rebase: R,
    flagged: &'n mut Vec<usize>,
}

/// The least weight that counts: any, but of the budget only positive ones.
const LEAST: [f64; COUNT] = {
    let mut least = [f64::NEG_INFINITY; COUNT];
    least[BUDGET] = 0.0;
    least
};

impl<'a, I, J, F, R, const TANGENTS: bool> WithSimd for Arrive<'_, F, R, TANGENTS>
where
    I: Iterator<Item = (usize, f64)>,
    J: Iterator<Item = usize>,
    F: FnMut() -> Option<Arriving<'a, I, J>>,
    R: FnMut(&Lif<f64>, &mut Sums),
{
    type Output = ();
    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { neurons, reference, mut next, mut rebase, flagged } = self;
        let count = changing::<TANGENTS>().div_ceil(S::F64_LANES);
        let least = S::as_simd_f64s(&LEAST).0;
        while flagged.is_empty()
            && let Some(arriving) = next()
        {
            let Arriving { synapses, later, by, model } = arriving;
            for target in later {
                prefetch_index(&*neurons, target);
            }
            let by = S::as_simd_f64s(&by.0).0;
            for (target, weight) in synapses {
                let weight = simd.splat_f64s(weight);
                let sums = &mut neurons[target];
                if sums.reference().to_bits() != reference.to_bits() {
                    rebase(model, sums);
                }
                let registers = S::as_mut_simd_f64s(&mut sums.0).0.iter_mut();
                for (k, sums) in registers.enumerate().take(count) {
                    let weight = simd.max_f64s(weight, least[k]);
                    *sums = simd.add_f64s(*sums, simd.mul_f64s(weight, by[k]));
                }
                if sums.budget() < 0.0 {
                    flagged.push(target);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lif::fixtures::RATIOS;
    use crate::{LifParameters, Neuron};

    /// Numbers of the size of one, after a dozen arrivals: sums of products that are each rounded to three bits, with factors of up to e².
    const TOLERANCE: f64 = 1e-13;

    /// One arrival at one neuron.
    fn hear<const TANGENTS: bool>(
        model: &Lif<f64>,
        sums: &mut Sums,
        weight: f64,
        by: &UnitArrival,
    ) {
        let (synapses, later) = ([(0, weight)].into_iter(), std::iter::empty());
        let mut once = Some(Arriving { synapses, later, by, model });
        let (one, mut flagged) = (std::slice::from_mut(sums), Vec::new());
        let reference = one[0].reference();
        let never = |_: &Lif<f64>, _: &mut Sums| unreachable!("all share their reference");
        arrive::<TANGENTS, _, _>(one, reference, || once.take(), never, &mut flagged);
    }

    /// A neuron that hears arrivals at times of which each is before the next, in both forms; its derivatives with respect to the time constants are per unit of them.
    fn follow(ratio: f64, i_bias: f64, rebase_every: usize) {
        let tau_syn = 5e-3;
        let tau_mem = ratio * tau_syn;
        let neuron =
            Lif::new(LifParameters { tau_mem, tau_syn, i_bias, ..LifParameters::default() });
        let shorter = tau_mem.min(tau_syn);
        let mut state = neuron.state(0.3, 0.8);
        let (mut sums, mut tangent) = (Sums::new(&neuron, state), Tangent::default());
        let (mut reference, mut now) = (0.0, 0.0);
        for k in 0..12 {
            let dt = shorter * [0.01, 0.3, 0.0, 1e-6][k % 4];
            let weight = [0.5, -0.2, 0.9][k % 3];
            (state, tangent) = neuron.flow_with_tangent(state, tangent, dt);
            now += dt;
            state = neuron.receive(state, weight);
            let mut by = Vec::new();
            unit_arrivals::<true>(&[now - reference; 9], &[tau_mem; 9], &[tau_syn; 9], &mut by);
            assert!(by.iter().all(|one| *one == by[0]));
            let before = sums;
            hear::<true>(&neuron, &mut sums, weight, &by[0]);
            assert_eq!(sums.budget().to_bits(), (before.budget() - weight.max(0.0)).to_bits());
            let mut primal = before;
            unit_arrivals::<false>(&[now - reference], &[tau_mem], &[tau_syn], &mut by);
            hear::<false>(&neuron, &mut primal, weight, &by[0]);
            let view = TangentView::new(&neuron, now - reference);
            for (got, view) in [
                (view.view().state(&neuron, &sums), "with derivatives"),
                (View::new(&neuron, now - reference).state(&neuron, &primal), "without"),
                (View::at_arrival(&neuron, &by[0]).state(&neuron, &primal), "at an arrival"),
            ] {
                let error = (got.v - state.v).abs().max((got.i - state.i).abs());
                assert!(
                    error < TOLERANCE * (1.0 + neuron.rest.abs()),
                    "{ratio} {k} {view}: {error}"
                );
            }
            let got = view.tangent(&sums);
            for (got, expected, unit) in [
                (got.v_mem, tangent.v_mem, tau_mem),
                (got.v_syn, tangent.v_syn, tau_syn),
                (got.i_syn, tangent.i_syn, tau_syn),
            ] {
                let error = (got - expected).abs() * unit;
                assert!(error < TOLERANCE * (1.0 + neuron.rest.abs()), "{ratio} {k}: {error}");
            }
            if k % 5 == 4 {
                (state, tangent) = (neuron.reset(state), neuron.reset_tangent(tangent));
                view.reset(&neuron, &mut sums);
            }
            if k % rebase_every == 1 {
                view.rebase(&mut sums, now);
                reference = now;
                assert_eq!(sums.reference().to_bits(), now.to_bits());
            }
        }
    }

    #[test]
    fn sums_mean_what_the_flow_says() {
        for ratio in RATIOS {
            for i_bias in [0.0, -3.0, 0.5] {
                for rebase_every in [2, 3, 4] {
                    follow(ratio, i_bias, rebase_every);
                }
            }
        }
    }

    #[test]
    fn who_is_flagged_has_spent_its_budget() {
        let neuron = Lif::new(LifParameters::default());
        let mut sums = [Sums::new(&neuron, neuron.state(0.0, 0.0)); 3];
        sums[0].set_certificate(1.0, f64::INFINITY);
        sums[1].set_certificate(f64::INFINITY, 1.0);
        sums[2].set_certificate(-1.0, 1.0);
        let (mut by, mut flagged) = (Vec::new(), Vec::new());
        unit_arrivals::<false>(&[1e-3], &[2e-2], &[5e-3], &mut by);
        let mut arrive = |weight: f64| {
            flagged.clear();
            let synapses = (0..3).map(|n| (n, weight));
            let later = std::iter::empty();
            let mut once = Some(Arriving { synapses, later, by: &by[0], model: &neuron });
            let never = |_: &Lif<f64>, _: &mut Sums| unreachable!("all share their reference");
            arrive::<false, _, _>(&mut sums, 0.0, || once.take(), never, &mut flagged);
            flagged.clone()
        };
        assert_eq!(arrive(-5.0), [2]);
        assert_eq!(arrive(0.6), [2]);
        assert_eq!(arrive(0.6), [0, 2]);
        assert!(sums[0].is_due(f64::INFINITY) && sums[1].is_due(1.0) && sums[2].is_due(1.0));
    }
}
