//! Many `qif_delta` neurons that share their time constant and their bias, side by side.
//!
//! Between two arrivals all of them move over one length, so that its sine and cosine are computed once. A spike is a zero of y, and within less than half a
//! period y has one at most: where it is positive at the end by more than roundings, nothing has happened (docs/mathematics.md, eq. 26h). The others are
//! named, and somebody runs them one by one, as [`GeneralNeuron`] says.
//!
//! States have the bits that they have there. Not here: one neuron (`constant.rs`, `delta.rs`).

use super::delta::{I_BIAS, TAU_MEM};
use super::{constant, scale_of, scaled};
use crate::{GeneralNeuron, Vector, vector};
use pulp::Arch;

/// By how much of the size of its terms y must be positive at the end of a motion for a zero on the way to be excluded: four times what roundings of y and of the time of a
/// zero can make of it (docs/mathematics.md, eq. 26h). What is named for nothing costs a search.
const DOUBT: f64 = 1e-12;

/// A motion that all neurons of a layer share, from one event to the next.
#[derive(Clone, Copy, Debug)]
pub struct Motion {
    motion: constant::Motion<f64>,
    /// The length, in membrane time constants.
    length: f64,
}

impl Motion {
    /// Of `dt` seconds; `neuron` is one of the layer.
    #[must_use]
    pub fn new(neuron: &GeneralNeuron<f64>, dt: f64) -> Self {
        let length = dt / neuron.p()[TAU_MEM];
        Self { motion: constant::Motion::new(neuron.p()[I_BIAS], length), length }
    }
}

/// States of neurons: points (y, y′) of the projective line.
#[derive(Clone, Debug, Default)]
pub struct Points {
    y: Vec<f64>,
    dy: Vec<f64>,
    /// What y may have been off, less y: where this is negative, y is certainly positive.
    doubts: Vec<f64>,
}

impl Points {
    /// These states of neurons.
    pub fn set_all(&mut self, states: &[Vector<f64>]) {
        self.y.clear();
        self.y.extend(states.iter().map(|state| state[0]));
        self.dy.clear();
        self.dy.extend(states.iter().map(|state| state[1]));
    }

    /// The state of a neuron.
    #[must_use]
    pub fn get(&self, n: usize) -> Vector<f64> {
        vector([self.y[n], self.dy[n]])
    }

    /// Sets the state of a neuron.
    pub fn set(&mut self, n: usize, state: Vector<f64>) {
        [self.y[n], self.dy[n]] = [state[0], state[1]];
    }

    /// Moves all neurons, and writes their states to `into`.
    pub fn flow(&self, motion: &Motion, into: &mut Self) {
        for numbers in [&mut into.y, &mut into.dy, &mut into.doubts] {
            numbers.resize(self.y.len(), 0.0);
        }
        if motion.length == 0.0 {
            // Not even a rounding.
            into.y.copy_from_slice(&self.y);
            into.dy.copy_from_slice(&self.dy);
            into.doubts.iter_mut().zip(&self.y).for_each(|(doubt, y)| *doubt = -y);
            return;
        }
        let [of_x, of_dx] = motion.motion.sizes();
        Arch::new().dispatch(
            #[inline(always)]
            || {
                let after = into.y.iter_mut().zip(&mut into.dy).zip(&mut into.doubts);
                for ((&y, &dy), ((into_y, into_dy), into_doubt)) in
                    self.y.iter().zip(&self.dy).zip(after)
                {
                    let [end_y, end_dy] = motion.motion.end([y, dy]);
                    let scale = scale_of([end_y, end_dy]);
                    *into_y = end_y * scale;
                    *into_dy = end_dy * scale;
                    let [x, dx] = constant::without_first_derivative([y, dy]);
                    let doubt = DOUBT * (of_x * x.abs() + of_dx * dx.abs());
                    *into_doubt = doubt - end_y;
                }
            },
        );
    }

    /// Those of the neurons that have been moved by `motion` to here that may have spiked on the way, or hold what is out of the ordinary.
    pub fn name(&self, motion: &Motion, named: &mut Vec<usize>) {
        named.clear();
        if !motion.motion.has_one_zero() {
            named.extend(0..self.y.len());
            return;
        }
        // Not a number is not negative.
        for (block, doubts) in self.doubts.chunks(64).enumerate() {
            if !doubts.iter().fold(true, |none, &doubt| none & (doubt < 0.0)) {
                let within = doubts.iter().enumerate();
                let doubtful = within.filter(|(_, doubt)| **doubt >= 0.0 || doubt.is_nan());
                named.extend(doubtful.map(|(n, _)| 64 * block + n));
            }
        }
    }

    /// Lets one weight arrive at each neuron.
    pub fn receive(&mut self, weights: &[f64]) {
        for ((y, dy), weight) in self.y.iter_mut().zip(&mut self.dy).zip(weights) {
            [*y, *dy] = scaled([*y, *dy - weight * *y]);
        }
    }
}

/// Adjoints of the states of neurons, and what their numbers collect.
#[derive(Clone, Debug, Default)]
pub struct Adjoints {
    of_y: Vec<f64>,
    of_dy: Vec<f64>,
    of_bias: Vec<f64>,
    /// ∂L/∂(lengths of motions) · length, summed.
    of_length: Vec<f64>,
}

impl Adjoints {
    /// Zeros for so many neurons.
    pub fn reset(&mut self, neurons: usize) {
        for numbers in [&mut self.of_y, &mut self.of_dy, &mut self.of_bias, &mut self.of_length] {
            numbers.clear();
            numbers.resize(neurons, 0.0);
        }
    }

    /// The adjoint of a neuron.
    #[must_use]
    pub fn get(&self, n: usize) -> Vector<f64> {
        vector([self.of_y[n], self.of_dy[n]])
    }

    /// Sets the adjoint of a neuron.
    pub fn set(&mut self, n: usize, adjoint: Vector<f64>) {
        [self.of_y[n], self.of_dy[n]] = [adjoint[0], adjoint[1]];
    }

    /// Whether nothing depends on any neuron.
    #[must_use]
    pub fn are_zero(&self) -> bool {
        self.of_y.iter().chain(&self.of_dy).all(|&x| x == 0.0)
    }

    /// Pulls all back through a motion from the states `from`.
    pub fn pull_back(&mut self, from: &Points, motion: &Motion) {
        let differentiated = motion.motion.differentiated();
        let Self { of_y, of_dy, of_bias, of_length } = self;
        Arch::new().dispatch(
            #[inline(always)]
            || {
                let adjoints = of_y.iter_mut().zip(of_dy);
                let sums = of_bias.iter_mut().zip(of_length);
                let states = from.y.iter().zip(&from.dy);
                for (((of_y, of_dy), (of_bias, of_length)), (&y, &dy)) in
                    adjoints.zip(sums).zip(states)
                {
                    let scale = scale_of(motion.motion.end([y, dy]));
                    let (before, by_bias, by_length) =
                        differentiated.pull_back([y, dy], scale, [*of_y, *of_dy]);
                    [*of_y, *of_dy] = before;
                    *of_bias += by_bias;
                    *of_length += by_length * motion.length;
                }
            },
        );
    }

    /// What all arrivals at one instant share that led to the states `to`, and the adjoints before them; `weights` arrived in all.
    pub fn arrive(&mut self, to: &Points, weights: &[f64], arrived: &mut Arrived) {
        let Arrived { of_weights, of_times } = arrived;
        for numbers in [&mut *of_weights, &mut *of_times] {
            numbers.resize(weights.len(), 0.0);
        }
        let adjoints = self.of_y.iter_mut().zip(&mut self.of_dy);
        let states = to.y.iter().zip(&to.dy).zip(weights);
        let into = of_weights.iter_mut().zip(of_times);
        for (((of_y, of_dy), ((&y, &dy), &weight)), (of_weight, of_time)) in
            adjoints.zip(states).zip(into)
        {
            *of_weight = -*of_dy * y;
            *of_time = *of_dy * (dy + y) - *of_y * y;
            // Before the arrival the larger coordinate was ±1, too.
            let scale = y.abs().max((dy + weight * y).abs());
            [*of_y, *of_dy] = [scale * (*of_y - weight * *of_dy), scale * *of_dy];
        }
    }

    /// Adds what the time constant and the bias of a neuron have collected to the gradient of its numbers.
    pub fn add_to(&self, n: usize, neuron: &GeneralNeuron<f64>, gradient: &mut [f64]) {
        gradient[TAU_MEM] -= self.of_length[n] / neuron.p()[TAU_MEM];
        gradient[I_BIAS] += self.of_bias[n];
    }
}

/// What the derivatives of all arrivals at one instant are made from (docs/mathematics.md, eq. 26g).
#[derive(Clone, Debug, Default)]
pub struct Arrived {
    /// ∂L/∂(weight), the same for any of them.
    of_weights: Vec<f64>,
    /// ∂L/∂(time) of one of no weight is this times its weight.
    of_times: Vec<f64>,
}

impl Arrived {
    /// Adds ∂L/∂(each weight) of an arrival to `gradient`.
    pub fn add_to(&self, gradient: &mut [f64]) {
        gradient.iter_mut().zip(&self.of_weights).for_each(|(into, x)| *into += x);
    }

    /// ∂L/∂(time) of an arrival with these weights, per second.
    #[must_use]
    pub fn of_time(&self, weights: &[f64], neuron: &GeneralNeuron<f64>) -> f64 {
        // In eight sums, as they stand in any register.
        let mut sums = [0.0; 8];
        let numbers = weights.chunks(8).zip(self.of_weights.chunks(8)).zip(self.of_times.chunks(8));
        for ((weights, of_weights), of_times) in numbers {
            let all = weights.iter().zip(of_weights).zip(of_times);
            for (sum, ((&weight, &of_weight), &of_time)) in sums.iter_mut().zip(all) {
                *sum += weight * (of_time - weight * of_weight);
            }
        }
        -sums.iter().sum::<f64>() / neuron.p()[TAU_MEM]
    }
}

#[cfg(test)]
mod tests {
    use super::super::QIF_DELTA;
    use super::*;
    use crate::{Outlook, Vector};
    use proptest::prelude::*;

    const TAU: f64 = 0.02;

    fn neuron(bias: f64) -> GeneralNeuron<f64> {
        GeneralNeuron::new(&QIF_DELTA, |k| [TAU, bias, 0.5][k]).unwrap()
    }

    fn bits(state: Vector<f64>) -> Vector<u64> {
        state.map(f64::to_bits)
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 100_000, failure_persistence: None, ..ProptestConfig::default() })]

        /// The spike is put to where the motion ends, or some doubles before, from where it is followed back.
        #[test]
        fn whoever_spikes_on_the_way_is_named(
            bias in prop_oneof![-3.0f64..3.0, Just(0.25), (-12.0f64..0.0).prop_map(|x| 0.25 + 10f64.powf(x)), -1e4f64..1e4],
            length in (-6.0f64..1.5).prop_map(|x| 10f64.powf(x)),
            short in prop_oneof![Just(0.0), (-17.0f64..0.0).prop_map(|x| 10f64.powf(x))],
            fall in -1.0f64..1.0,
        ) {
            let model = neuron(bias);
            let back = constant::flow([0.0, -1.0], bias, -length * (1.0 - short));
            // Off by a rounding or two in either direction.
            let start = scaled([back[0], back[1] * (1.0 + 2.0 * f64::EPSILON * fall)]);
            if start[0] <= 0.0 {
                return Ok(());
            }
            let dt = length * TAU;
            let mut points = Points::default();
            points.set_all(&[vector(start), vector([1.0, 0.0])]);
            let (motion, mut end, mut named) = (Motion::new(&model, dt), Points::default(), Vec::new());
            points.flow(&motion, &mut end);
            end.name(&motion, &mut named);
            if let Outlook::Crossing { dt: at, .. } = model.next_spike(vector(start)) && at <= dt {
                prop_assert!(named.contains(&0), "{} {}", at, dt);
            }
        }

        #[test]
        fn they_move_as_one_alone_does(
            (bias, length) in (-3.0f64..3.0, (-6.0f64..1.0).prop_map(|x| 10f64.powf(x))),
            angles in prop::collection::vec(-1.5f64..1.5, 1..20),
            adjoint in prop::array::uniform2(-1.0f64..1.0),
        ) {
            let (model, dt) = (neuron(bias), length * TAU);
            let states: Vec<_> = angles.iter().map(|v| vector(scaled([f64::cos(*v), f64::sin(*v)]))).collect();
            let (mut points, mut end) = (Points::default(), Points::default());
            points.set_all(&states);
            let motion = Motion::new(&model, dt);
            points.flow(&motion, &mut end);
            let mut adjoints = Adjoints::default();
            adjoints.reset(states.len());
            for (n, &state) in states.iter().enumerate() {
                prop_assert_eq!(bits(end.get(n)), bits(model.flow(state, dt)));
                adjoints.set(n, vector(adjoint));
            }
            adjoints.pull_back(&points, &motion);
            for (n, &state) in states.iter().enumerate() {
                let mut gradients = [[0.0; 3]; 2];
                let before = model.flow_pullback(state, dt, vector(adjoint), false, &mut gradients[0]);
                adjoints.add_to(n, &model, &mut gradients[1]);
                prop_assert_eq!(bits(adjoints.get(n)), bits(before));
                for (a, b) in gradients[0].iter().zip(gradients[1]) {
                    // The time constant is divided by in another place.
                    prop_assert!((a - b).abs() <= 4.0 * f64::EPSILON * a.abs(), "{} {}", a, b);
                }
            }
        }
    }
}
