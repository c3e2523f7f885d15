//! The reverse of every map of a neuron with given equations, on dual numbers: a map of n numbers takes n runs of it, one along each.
//!
//! Not here: what is pulled back when (`spikegrad_adjoint`).

use super::{COMPONENTS, Drive, GeneralNeuron, NUMBERS, Vector, vector};
use crate::{Dual, Scalar};

/// A map from a state to a state, with numbers of its own.
type Map<'a, T> = &'a dyn Fn(&[Dual<T>], Vector<Dual<T>>) -> Vector<Dual<T>>;

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

impl<T: Scalar> GeneralNeuron<T> {
    /// Adjoint before `map`, which leads from `state`, and its parameters' part of the gradient.
    fn pull_back(
        &self,
        state: Vector<T>,
        after: Vector<T>,
        map: Map<'_, T>,
        gradient: &mut [T],
    ) -> Vector<T> {
        let count = self.p().len();
        let (mut p, mut x) = (constant(self.numbers), constant(state));
        let one = T::from(1.0);
        let listed = self.model.table.quantities;
        for k in 0..count {
            if listed.get(k).is_none_or(|quantity| !quantity.is_initial()) {
                p[k].eps = one;
                gradient[k] += dot(&eps(map(&p[..count], x)), &after);
                p[k].eps = T::from(0.0);
            }
        }
        let mut before = [T::from(0.0); COMPONENTS];
        for k in 0..self.model.dimension {
            x[k].eps = one;
            before[k] = dot(&eps(map(&p[..count], x)), &after);
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
        if let (false, Some(by_hand)) = (is_held, self.maps.flow_pullback)
            && let Some(before) = by_hand(self.p(), state, dt, after, gradient)
        {
            return before;
        }
        self.derived_flow_pullback(state, dt, after, is_held, gradient)
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

    /// The same on dual numbers, whatever the model has.
    fn derived_flow_pullback(
        &self,
        state: Vector<T>,
        dt: T,
        after: Vector<T>,
        is_held: bool,
        gradient: &mut [T],
    ) -> Vector<T> {
        let maps = self.duals;
        let flow = if is_held { maps.hold } else { maps.flow };
        let dt = Dual::new(dt, T::from(0.0));
        self.pull_back(state, after, &|p, x| flow(p, x, dt), gradient)
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
        let maps = self.duals;
        let from = self.receive(to, receptor, -weight);
        let p = constant(self.numbers);
        let along = |state: Vector<Dual<T>>, weight: Dual<T>| {
            eps((maps.receive)(&p[..self.p().len()], state, receptor, weight))
        };
        let by_weight = along(constant(from), Dual::new(weight, T::from(1.0)));
        let time = match (self.maps.kick)(self.p(), receptor, weight, is_held) {
            Some(kick) => -dot(&after, &kick),
            None => {
                let rate = self.rate(from, is_held);
                let moving = std::array::from_fn(|k| Dual::new(from[k], rate[k]));
                let moved = along(moving, Dual::new(weight, T::from(0.0)));
                dot_of_difference(&after, &moved, &self.rate(to, is_held))
            }
        };
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
        let (maps, weight) = (self.duals, Dual::new(weight, T::from(0.0)));
        self.pull_back(state, after, &|p, x| (maps.receive)(p, x, receptor, weight), gradient)
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
        let maps = self.duals;
        let mut before = self.pull_back(state, after, &|p, x| (maps.reset)(p, x), gradient);
        let share = self.scalar_pullback(state, -time / slope, maps.threshold, gradient);
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
        self.scalar_pullback(state, cotangent, self.duals.membrane, gradient)
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
        let after = vector(cotangents);
        let along = |p: &[Dual<T>], x: Vector<Dual<T>>, by: T| {
            let input = drive.input.map(|input| Dual::new(input, by));
            let cycle = (self.duals.cycle)(p, x, Drive { input, width: drive.width });
            vector(cycle.unwrap_or_default())
        };
        let (zero, one) = (T::from(0.0), T::from(1.0));
        let before = self.pull_back(state, after, &|p, x| along(p, x, zero), gradient);
        let p = constant(self.numbers);
        let by_input = eps(along(&p[..self.p().len()], constant(state), one));
        (before, dot(&by_input, &after))
    }

    /// What ∂L/∂([`Self::integral`]) = `cotangent` gives to the state from which it starts.
    #[must_use]
    pub fn integral_pullback(
        &self,
        state: Vector<T>,
        (dt, decay_rate): (T, T),
        cotangent: T,
        gradient: &mut [T],
    ) -> Vector<T> {
        let over = (Dual::new(dt, T::from(0.0)), Dual::new(decay_rate, T::from(0.0)));
        let integral = |p: &[Dual<T>], x: Vector<Dual<T>>| (self.duals.integral)(p, x, over);
        self.scalar_pullback(state, cotangent, integral, gradient)
    }

    fn scalar_pullback(
        &self,
        state: Vector<T>,
        cotangent: T,
        map: impl Fn(&[Dual<T>], Vector<Dual<T>>) -> Dual<T>,
        gradient: &mut [T],
    ) -> Vector<T> {
        let mut after = [T::from(0.0); COMPONENTS];
        after[0] = cotangent;
        let first = |p: &[Dual<T>], x: Vector<Dual<T>>| {
            let mut all = [Dual::from(0.0); COMPONENTS];
            all[0] = map(p, x);
            all
        };
        self.pull_back(state, after, &first, gradient)
    }

    /// Adds what the numbers get from a derivative by the refractory time.
    pub fn refractory_pullback(&self, time: T, gradient: &mut [T]) {
        if let Some(position) = self.model.refractory {
            gradient[position] += time;
        }
    }

    /// Adds what the numbers get from the adjoint of the state at time 0.
    pub fn initial_pullback(&self, adjoint: Vector<T>, gradient: &mut [T]) {
        let (maps, count) = (self.duals, self.p().len());
        let mut p: [Dual<T>; NUMBERS] = constant(self.numbers);
        for k in 0..count {
            p[k].eps = T::from(1.0);
            gradient[k] += dot(&eps((maps.initial)(&p[..count])), &adjoint);
            p[k].eps = T::from(0.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::General;
    use super::*;
    use crate::qif::QIF;
    use proptest::prelude::*;
    use proptest::test_runner::TestCaseResult;

    /// Some hundred terms of each of two ways, over up to a hundred pieces whose roundings add.
    const ROUNDINGS: f64 = 1e-12;

    /// That the pullback by hand is that on dual numbers.
    fn is_derived(
        model: &'static General,
        numbers: &[f64],
        state: Vector<f64>,
        dt: f64,
    ) -> TestCaseResult {
        let neuron: GeneralNeuron<f64> = GeneralNeuron::new(model, |k| numbers[k]).unwrap();
        let after = vector([0.7, -0.4, 0.3]);
        let (mut by_hand, mut derived) = ([0.0; NUMBERS], [0.0; NUMBERS]);
        let one = neuron.flow_pullback(state, dt, after, false, &mut by_hand);
        let two = neuron.derived_flow_pullback(state, dt, after, false, &mut derived);
        // In units of the numbers: a time constant is small.
        let unit = |k: usize| numbers.get(k).map_or(0.0, |x| x.abs().max(1e-3));
        let numbers = (0..NUMBERS).map(|k| (by_hand[k] * unit(k), derived[k] * unit(k)));
        let pairs: Vec<(f64, f64)> = one.into_iter().zip(two).chain(numbers).collect();
        let largest = pairs.iter().fold(0.0f64, |m, pair| m.max(pair.1.abs()));
        for (k, (one, two)) in pairs.into_iter().enumerate() {
            prop_assert!((one - two).abs() <= ROUNDINGS * largest, "{}: {} {}", k, one, two);
        }
        Ok(())
    }

    proptest! {
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
            is_derived(&QIF, &numbers, state, tau_mem * 10f64.powf(length))?;
        }
    }
}
