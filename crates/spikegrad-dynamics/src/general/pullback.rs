//! The reverse of every map of a neuron with given equations, on dual numbers: a map of n numbers takes n runs of it, one along each.
//!
//! Not here: what is pulled back when (`spikegrad_adjoint`).

use super::{COMPONENTS, Drive, GeneralNeuron, Maps, NeuronMap, Vector, vector};
use crate::{Dual, Scalar};

/// ∂L/∂(weight) and ∂L/∂(time) of an arrival, the latter per second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ArrivalPullback<T> {
    /// ∂L/∂(weight).
    pub weight: T,
    /// ∂L/∂(time of the arrival).
    pub time: T,
}

fn constant<T: Scalar, const K: usize>(x: [T; K]) -> [Dual<T>; K] {
    x.map(|x| Dual::new(x, T::from(0.0)))
}

fn dot<T: Scalar>(a: &Vector<T>, b: &Vector<T>) -> T {
    a.iter().zip(b).fold(T::from(0.0), |sum, (&a, &b)| sum + a * b)
}

/// a·(b − c), in which components that are alike have no part.
fn dot_of_difference<T: Scalar>(a: &Vector<T>, b: &Vector<T>, c: &Vector<T>) -> T {
    dot(a, &std::array::from_fn(|k| b[k] - c[k]))
}

fn eps<T: Scalar>(x: Vector<Dual<T>>) -> Vector<T> {
    x.map(|x| x.eps)
}

impl<T: Scalar> NeuronMap<T> {
    /// The map on duals, along which the lengths and weights of it do not change.
    fn apply(self, of: &Maps<Dual<T>>, p: &[Dual<T>], x: Vector<Dual<T>>) -> Vector<Dual<T>> {
        let still = |number: T| Dual::new(number, T::from(0.0));
        match self {
            Self::Initial => (of.initial)(p),
            Self::Flow(dt) => (of.flow)(p, x, still(dt)),
            Self::Hold(dt) => (of.hold)(p, x, still(dt)),
            Self::Receive(receptor, weight) => (of.receive)(p, x, receptor, still(weight)),
            Self::Reset => (of.reset)(p, x),
            Self::Threshold => vector([(of.threshold)(p, x)]),
            Self::Membrane => vector([(of.membrane)(p, x)]),
            Self::ThresholdMembrane => vector([(of.threshold_membrane)(p, x)]),
            Self::Integral((dt, decay_rate)) => {
                vector([(of.integral)(p, x, (still(dt), still(decay_rate)))])
            }
            Self::HeldIntegral((dt, decay_rate)) => {
                vector([(of.held_integral)(p, x, (still(dt), still(decay_rate)))])
            }
        }
    }
}

impl<T: Scalar> GeneralNeuron<T> {
    /// Adjoint before `map`, which leads from `state`, with its numbers' part added to `gradient`.
    fn pull_back(
        &self,
        map: NeuronMap<T>,
        state: Vector<T>,
        after: Vector<T>,
        gradient: &mut [T],
    ) -> Vector<T> {
        let by_hand = self.maps.pullback;
        by_hand
            .and_then(|by_hand| by_hand(map, self.p(), state, after, gradient))
            .unwrap_or_else(|| self.derived_pullback(map, state, after, gradient))
    }

    /// The same on dual numbers, whatever the model has.
    fn derived_pullback(
        &self,
        map: NeuronMap<T>,
        state: Vector<T>,
        after: Vector<T>,
        gradient: &mut [T],
    ) -> Vector<T> {
        let along = |p: &[Dual<T>], x| dot(&eps(map.apply(self.duals, p, x)), &after);
        self.derive(state, along, matches!(map, NeuronMap::Initial), gradient)
    }

    /// The derivatives of a number by each component of the state, and by the model's numbers, those at time 0 if it is `initial`, added to `gradient`;
    /// `along` is that along one of them.
    fn derive(
        &self,
        state: Vector<T>,
        along: impl Fn(&[Dual<T>], Vector<Dual<T>>) -> T,
        initial: bool,
        gradient: &mut [T],
    ) -> Vector<T> {
        let count = self.p().len();
        let (mut p, mut x) = (constant(self.numbers), constant(state));
        let one = T::from(1.0);
        let listed = self.model.table.quantities;
        for k in 0..self.count() {
            if initial || listed.get(k).is_none_or(|quantity| !quantity.is_initial()) {
                p[k].eps = one;
                gradient[k] += along(&p[..count], x);
                p[k].eps = T::from(0.0);
            }
        }
        let mut before = [T::from(0.0); COMPONENTS];
        for k in 0..self.model.dimension {
            x[k].eps = one;
            before[k] = along(&p[..count], x);
            x[k].eps = T::from(0.0);
        }
        before
    }

    /// Pulls `after` back through a motion of `dt` seconds from `state`, free or held.
    #[must_use]
    pub fn flow_pullback(
        &self,
        state: Vector<T>,
        dt: T,
        after: Vector<T>,
        is_held: bool,
        gradient: &mut [T],
    ) -> Vector<T> {
        let map = if is_held { NeuronMap::Hold(dt) } else { NeuronMap::Flow(dt) };
        self.pull_back(map, state, after, gradient)
    }

    /// What `pull_back` adds to the derivative by the injected current, which is that by the number to which it adds; to `gradient` all is added.
    pub fn current_pullback<R>(
        &self,
        gradient: &mut [T],
        pull_back: impl FnOnce(&mut [T]) -> R,
    ) -> (R, T) {
        let zero = T::from(0.0);
        let Some(position) = self.model.current else { return (pull_back(gradient), zero) };
        let before = std::mem::replace(&mut gradient[position], zero);
        let result = pull_back(gradient);
        let current = gradient[position];
        gradient[position] += before;
        (result, current)
    }

    /// ∂L/∂(time at which an injected current grows by `change`) in `state`, with the `adjoint` there: `λ·(f⁻ − f⁺)`.
    #[must_use]
    pub fn step_pullback(
        &self,
        state: Vector<T>,
        change: T,
        adjoint: Vector<T>,
        is_held: bool,
    ) -> T {
        let Some(position) = self.model.current else { return T::from(0.0) };
        let mut p = constant(self.numbers);
        p[position].eps = change;
        let rate = if is_held { self.duals.held_rate } else { self.duals.rate };
        -dot(&adjoint, &eps(rate(&p[..self.p().len()], constant(state))))
    }

    /// An arrival that led to the state `to`, the last of all at its instant, with the adjoint `after` there: `λ·∂h/∂w` and `λ·(Dh f⁻ − f⁺)`.
    #[must_use]
    pub fn arrival_pullback(
        &self,
        to: Vector<T>,
        (receptor, weight): (usize, T),
        after: Vector<T>,
        is_held: bool,
    ) -> ArrivalPullback<T> {
        if let Some(kick) = (self.maps.kick)(self.p(), to, (receptor, weight), is_held) {
            let by_weight = (self.maps.by_weight)(self.p(), to, receptor);
            return ArrivalPullback { weight: dot(&after, &by_weight), time: -dot(&after, &kick) };
        }
        self.derived_arrival_pullback(to, (receptor, weight), after, is_held)
    }

    /// The same on dual numbers, whatever the model has.
    fn derived_arrival_pullback(
        &self,
        to: Vector<T>,
        (receptor, weight): (usize, T),
        after: Vector<T>,
        is_held: bool,
    ) -> ArrivalPullback<T> {
        let from = self.receive(to, receptor, -weight);
        let p = constant(self.numbers);
        let along = |state: Vector<Dual<T>>, weight: Dual<T>| {
            eps((self.duals.receive)(&p[..self.p().len()], state, receptor, weight))
        };
        let by_weight = along(constant(from), Dual::new(weight, T::from(1.0)));
        let rate = self.rate(from, is_held);
        let moving = std::array::from_fn(|k| Dual::new(from[k], rate[k]));
        let moved = along(moving, Dual::new(weight, T::from(0.0)));
        let time = dot_of_difference(&after, &moved, &self.rate(to, is_held));
        ArrivalPullback { weight: dot(&after, &by_weight), time }
    }

    /// Pulls `after` back through an arrival at `state`.
    #[must_use]
    pub fn receive_pullback(
        &self,
        state: Vector<T>,
        (receptor, weight): (usize, T),
        after: Vector<T>,
        gradient: &mut [T],
    ) -> Vector<T> {
        self.pull_back(NeuronMap::Receive(receptor, weight), state, after, gradient)
    }

    /// The end of the refractory time, in `state`: ∂L/∂(its time) is `λ·(f_held − f_free)`.
    #[must_use]
    pub fn release_pullback(&self, state: Vector<T>, after: Vector<T>) -> T {
        dot_of_difference(&after, &self.rate(state, true), &self.rate(state, false))
    }

    /// What a later spike does to what comes after it: `λ·(Dh f⁻ − f⁺)`; `state` is that just before, `after` the adjoint just after it.
    #[must_use]
    pub fn spike_time_pullback(&self, state: Vector<T>, after: Vector<T>) -> T {
        let (maps, rate, p) = (self.duals, self.rate(state, false), constant(self.numbers));
        let moving = std::array::from_fn(|k| Dual::new(state[k], rate[k]));
        let moved = eps((maps.reset)(&p[..self.p().len()], moving));
        dot_of_difference(&after, &moved, &self.rate(self.reset(state), true))
    }

    /// Pulls a spike back whose time has the derivative `time` in all: through its reset, and by `∂t/∂x = −∇g/(∇g·f)` through the threshold.
    #[must_use]
    pub fn spike_pullback(
        &self,
        state: Vector<T>,
        (time, slope): (T, T),
        after: Vector<T>,
        gradient: &mut [T],
    ) -> Vector<T> {
        let mut before = self.pull_back(NeuronMap::Reset, state, after, gradient);
        let of_threshold = vector([-time / slope]);
        let share = self.pull_back(NeuronMap::Threshold, state, of_threshold, gradient);
        before.iter_mut().zip(share).for_each(|(into, x)| *into += x);
        before
    }

    /// ∂L/∂(state) of a read-out with ∂L/∂(potential) = `cotangent`.
    #[must_use]
    pub fn membrane_pullback(
        &self,
        state: Vector<T>,
        cotangent: T,
        gradient: &mut [T],
    ) -> Vector<T> {
        self.pull_back(NeuronMap::Membrane, state, vector([cotangent]), gradient)
    }

    /// ∂L/∂(state) and ∂L/∂(`drive.input`) of a cycle ([`Self::cycle`]) with these `cotangents`.
    #[must_use]
    pub fn cycle_pullback(
        &self,
        state: Vector<T>,
        drive: Drive<T>,
        cotangents: [T; 2],
        gradient: &mut [T],
    ) -> (Vector<T>, T) {
        let by_hand = self.maps.cycle_pullback;
        by_hand
            .and_then(|by_hand| by_hand(self.p(), state, drive, cotangents, gradient))
            .unwrap_or_else(|| self.derived_cycle_pullback(state, drive, cotangents, gradient))
    }

    /// The same on dual numbers, whatever the model has.
    fn derived_cycle_pullback(
        &self,
        state: Vector<T>,
        drive: Drive<T>,
        cotangents: [T; 2],
        gradient: &mut [T],
    ) -> (Vector<T>, T) {
        let along = |p: &[Dual<T>], x: Vector<Dual<T>>, by: T| {
            let input = drive.input.map(|input| Dual::new(input, by));
            let cycle = (self.duals.cycle)(p, x, Drive { input, width: drive.width });
            let [left, length] = cycle.unwrap_or_default();
            left.eps * cotangents[0] + length.eps * cotangents[1]
        };
        let (zero, one) = (T::from(0.0), T::from(1.0));
        let before = self.derive(state, |p, x| along(p, x, zero), false, gradient);
        let p = constant(self.numbers);
        (before, along(&p[..self.p().len()], constant(state), one))
    }

    /// The potential at a spike from `state` that is read with ∂L/∂(it) = `cotangent`: returns ∂L/∂(state) and ∂L/∂(time of the spike).
    #[must_use]
    pub fn threshold_membrane_pullback(
        &self,
        state: Vector<T>,
        cotangent: T,
        gradient: &mut [T],
    ) -> (Vector<T>, T) {
        let map = NeuronMap::ThresholdMembrane;
        let before = self.pull_back(map, state, vector([cotangent]), gradient);
        (before, dot(&before, &self.rate(state, false)))
    }

    /// By how much the potential falls at a spike from `state`.
    #[must_use]
    pub fn drop_at_spike(&self, state: Vector<T>) -> T {
        self.threshold_membrane(state) - self.membrane(self.reset(state))
    }

    /// What ∂L/∂([`Self::integral`]) = `cotangent`, or that within the refractory time, gives to the state from which it starts.
    #[must_use]
    pub fn integral_pullback(
        &self,
        state: Vector<T>,
        over: (T, T),
        is_held: bool,
        cotangent: T,
        gradient: &mut [T],
    ) -> Vector<T> {
        let map = if is_held { NeuronMap::HeldIntegral(over) } else { NeuronMap::Integral(over) };
        self.pull_back(map, state, vector([cotangent]), gradient)
    }

    /// Adds what the numbers get from a derivative by the refractory time.
    pub fn refractory_pullback(&self, time: T, gradient: &mut [T]) {
        if let Some(position) = self.model.refractory {
            gradient[position] += time;
        }
    }

    /// Adds what the numbers get from the adjoint of the state at time 0.
    pub fn initial_pullback(&self, adjoint: Vector<T>, gradient: &mut [T]) {
        let _ = self.pull_back(NeuronMap::Initial, self.initial(), adjoint, gradient);
    }
}

#[cfg(test)]
mod tests {
    use super::super::{General, NUMBERS};
    use super::*;
    use crate::qif::{QIF, QIF_DELTA};
    use crate::{alif, receptors};
    use proptest::prelude::*;
    use proptest::test_runner::TestCaseResult;

    /// A dozen terms of each of two ways.
    const LINEAR: f64 = 1e-14;

    /// Some hundred terms of each of two ways, over up to a hundred pieces whose roundings add.
    const ROUNDINGS: f64 = 1e-12;

    /// That the pullback of a map by hand is that on dual numbers, in units of the largest of what gets a part.
    fn is_derived(
        (model, numbers): (&'static General, &[f64]),
        map: NeuronMap<f64>,
        state: Vector<f64>,
        bound: f64,
    ) -> TestCaseResult {
        let neuron: GeneralNeuron<f64> = GeneralNeuron::new(model, |k| numbers[k]).unwrap();
        let state = if map == NeuronMap::Initial { neuron.initial() } else { state };
        let is_number = !matches!(
            map,
            NeuronMap::Initial
                | NeuronMap::Flow(_)
                | NeuronMap::Hold(_)
                | NeuronMap::Receive(..)
                | NeuronMap::Reset
        );
        let after: Vector<f64> = std::array::from_fn(|k| match k {
            0 => 0.7,
            _ if is_number || k >= model.dimension => 0.0,
            k => [-0.4, 0.3, 0.9][k % 3],
        });
        let (mut by_hand, mut derived) = ([0.0; NUMBERS], [0.0; NUMBERS]);
        let one = neuron.pull_back(map, state, after, &mut by_hand);
        let two = neuron.derived_pullback(map, state, after, &mut derived);
        // In units of the numbers: a time constant is small.
        let unit = |k: usize| numbers.get(k).map_or(0.0, |x| x.abs().max(1e-3));
        let numbers = (0..NUMBERS).map(|k| (by_hand[k] * unit(k), derived[k] * unit(k)));
        let pairs: Vec<(f64, f64)> = one.into_iter().zip(two).chain(numbers).collect();
        let largest = pairs.iter().fold(0.0f64, |m, pair| m.max(pair.1.abs()));
        for (k, (one, two)) in pairs.into_iter().enumerate() {
            let error = (one - two).abs();
            prop_assert!(error <= bound * largest, "{:?}, {}: {} {}", map, k, one, two);
        }
        Ok(())
    }

    proptest! {
        #[test]
        fn an_arrival_by_hand_is_the_derived_one(
            (v, bias, weight) in (-1.5f64..1.5, -2.0f64..3.0, -9.0f64..9.0),
            after in prop::array::uniform2(-1.0f64..1.0),
        ) {
            let numbers = [0.02, bias, 0.5];
            let neuron: GeneralNeuron<f64> = GeneralNeuron::new(&QIF_DELTA, |k| numbers[k]).unwrap();
            // As any arrival leaves it, its larger coordinate ±1.
            let to = neuron.receive(vector([f64::cos(v), -f64::sin(v)]), 0, 0.0);
            let after = vector(after);
            // Both in units of what an arrival at a potential of size one makes.
            let size = 1.0 + weight * weight;
            let by_hand = neuron.arrival_pullback(to, (0, weight), after, false);
            let derived = neuron.derived_arrival_pullback(to, (0, weight), after, false);
            prop_assert!((by_hand.weight - derived.weight).abs() <= LINEAR * size);
            prop_assert!((by_hand.time - derived.time).abs() * numbers[0] <= LINEAR * size * (1.0 + bias.abs()));
        }

        #[test]
        fn a_cycle_by_hand_is_the_derived_one(
            (v, bias, kick) in (-1.5f64..1.5, 0.3f64..3.0, -9.0f64..9.0),
            cotangents in prop::array::uniform2(-1.0f64..1.0),
            has_input: bool,
        ) {
            let numbers = [0.02, bias, 0.5];
            let neuron: GeneralNeuron<f64> = GeneralNeuron::new(&QIF_DELTA, |k| numbers[k]).unwrap();
            let (state, drive) = (vector([f64::cos(v), -f64::sin(v)]), Drive { input: has_input.then_some(kick), width: 1.0 });
            let (mut by_hand, mut derived) = ([0.0; NUMBERS], [0.0; NUMBERS]);
            let one = neuron.cycle_pullback(state, drive, cotangents, &mut by_hand);
            let mut two = neuron.derived_cycle_pullback(state, drive, cotangents, &mut derived);
            // What does not depend on an input is not asked.
            two.1 = if has_input { two.1 } else { one.1 };
            let numbers = (0..NUMBERS).map(|k| (by_hand[k], derived[k]));
            for (one, two) in one.0.into_iter().zip(two.0).chain([(one.1, two.1)]).chain(numbers) {
                // A potential of up to 14 and a kick of 9 are squared.
                prop_assert!((one - two).abs() <= ROUNDINGS * (1.0 + two.abs()), "{} {}", one, two);
            }
        }

        #[test]
        fn a_pullback_by_hand_is_the_derived_one(
            v in -1.5f64..1.5,
            current in -1.0f64..1.0,
            strength in -2.0f64..2.0,
            bias in -2.0f64..3.0,
            ratio in -1.3f64..1.7,
            length in -4.0f64..1.5,
        ) {
            // A potential from −∞ to +∞, currents up to 100, time constants apart by 50, and from a ten-thousandth of one to where currents have faded.
            let (tau_mem, state) = (0.02, vector([f64::cos(v), -f64::sin(v), current * 10f64.powf(strength)]));
            let numbers = [tau_mem, tau_mem / 10f64.powf(ratio), bias, 0.0, 0.0];
            for map in [NeuronMap::Flow(tau_mem * 10f64.powf(length)), NeuronMap::Receive(0, bias)] {
                is_derived((&QIF, &numbers), map, state, ROUNDINGS)?;
            }
            let (numbers, maps) = ([tau_mem, bias, 10.0 * current], |dt| [NeuronMap::Initial, NeuronMap::Flow(dt), NeuronMap::Receive(0, 10.0 * current), NeuronMap::Reset]);
            for map in maps(tau_mem * 10f64.powf(length)) {
                is_derived((&QIF_DELTA, &numbers), map, vector([state[0], state[1]]), ROUNDINGS)?;
            }
        }

        #[test]
        fn a_pullback_of_a_linear_neuron_by_hand_is_the_derived_one(
            (which, near) in (0usize..5, prop::array::uniform3(0usize..4)),
            ratios in prop::array::uniform3(-2f64..2.0),
            length in -6.0f64..3.0,
            state in prop::array::uniform5(-2f64..2.0),
            numbers in prop::array::uniform8(-1f64..1.0),
        ) {
            let (model, receptors, taus) = [
                (&alif::ALIF, 1, &[9, 6][..]),
                (alif::with_receptors(2).unwrap(), 2, &[9, 10, 6]),
                (receptors::lif(2).unwrap(), 2, &[6, 7]),
                (receptors::lif(3).unwrap(), 3, &[6, 7, 8]),
                (receptors::integrator(2).unwrap(), 2, &[3, 4]),
            ][which];
            let mut all = [0.0; NUMBERS];
            all.iter_mut().zip(numbers.iter().cycle()).for_each(|(into, &x)| *into = x);
            // Time constants that are equal to that of the membrane, almost equal, or apart by up to a hundred.
            all[0] = 0.02;
            let mut apart = 1.0f64;
            for ((&k, ratio), near) in taus.iter().zip(ratios).zip(near) {
                let ratio = [1.0, 1.0 + 1e-9 * ratio, 1.0 + 1e-3 * ratio, 10f64.powf(ratio)][near];
                all[k] = 0.02 * ratio;
                apart = apart.max(ratio).max(1.0 / ratio);
            }
            let mut at = [0.0; COMPONENTS];
            at[..state.len().min(model.dimension)]
                .copy_from_slice(&state[..state.len().min(model.dimension)]);
            let dt = 0.02 * 10f64.powf(length);
            let of_time = (dt, 0.0);
            for map in [
                NeuronMap::Initial,
                NeuronMap::Flow(dt),
                NeuronMap::Hold(dt),
                NeuronMap::Receive(receptors - 1, numbers[0]),
                NeuronMap::Reset,
                NeuronMap::Threshold,
                NeuronMap::Membrane,
                NeuronMap::ThresholdMembrane,
                NeuronMap::Integral(of_time),
                NeuronMap::HeldIntegral(of_time),
            ] {
                // On dual numbers what cancels between a slow and a fast time constant is lost, a factor of their ratio.
                is_derived((model, &all), map, at, LINEAR * apart)?;
            }
        }
    }
}
