//! The neuron with delta synapses, `qif_delta`: its numbers and its equations. Not here: many of them (`side_by_side.rs`).

use super::{
    NextZero, Quadratic, before_the_spike, beyond_the_spike, constant, cycle, next_spike, outlook,
    point, potential, pull_back_cycle, rate_of_point, scale_of, scaled,
};
use crate::general::vector;
use crate::lif::{BIAS, MEMBRANE, START};
use crate::{Drive, Equations, GoesOn, NeuronMap, Outlook, Quantity, Scalar, Table, Vector};

/// Membrane time constant, in seconds.
pub const TAU_MEM: usize = 0;
/// Constant input current.
pub const I_BIAS: usize = 1;
/// Potential at time 0.
pub const V: usize = 2;
/// How many these are.
pub const COUNT: usize = 3;

/// The numbers of such a neuron: with the bias of the table it oscillates, and begins in the middle of its cycle.
pub const TABLE: Table = Table::new(
    "qif_delta",
    "quadratic integrate-and-fire neuron with delta synapses",
    &[MEMBRANE, Quantity { default: 1.25, ..BIAS }, Quantity { default: 0.5, ..START }],
);

/// The equations of `qif_delta`: the state is (y, y′).
pub(super) struct QifDelta;

impl Quadratic for QifDelta {
    fn next_spike<T: Scalar>(p: &[T], [y, dy, ..]: Vector<T>) -> NextZero<T> {
        constant::next_zero([y, dy], p[I_BIAS]).times(p[TAU_MEM])
    }
}

impl Equations for QifDelta {
    const TABLE: Table = TABLE;
    const DIMENSION: usize = 2;
    const COMMUTES: bool = false;
    const CURRENT: Option<usize> = Some(I_BIAS);
    const GOES_ON: GoesOn = GoesOn::OffCycles;

    fn initial<T: Scalar>(p: &[T]) -> Vector<T> {
        vector(point(p[V]))
    }
    fn rate<T: Scalar>(p: &[T], [y, dy, ..]: Vector<T>) -> Vector<T> {
        vector(rate_of_point([y, dy], p[I_BIAS], p[TAU_MEM]))
    }
    fn flow<T: Scalar>(p: &[T], [y, dy, ..]: Vector<T>, dt: T) -> Vector<T> {
        vector(constant::flow([y, dy], p[I_BIAS], dt / p[TAU_MEM]))
    }
    fn pullback(
        map: NeuronMap<f64>,
        p: &[f64],
        [y, dy, ..]: Vector<f64>,
        after: Vector<f64>,
        gradient: &mut [f64],
    ) -> Option<Vector<f64>> {
        let [of_y, of_dy, ..] = after;
        match map {
            NeuronMap::Initial => {
                gradient[V] -= scale_of([1.0, -p[V]]) * of_dy;
                Some(vector([]))
            }
            NeuronMap::Flow(dt) => {
                let length = dt / p[TAU_MEM];
                let (point, of_bias, of_length) =
                    constant::pull_back([y, dy], p[I_BIAS], length, [of_y, of_dy]);
                gradient[TAU_MEM] -= of_length * length / p[TAU_MEM];
                gradient[I_BIAS] += of_bias;
                Some(vector(point))
            }
            NeuronMap::Receive(_, weight) => {
                let scale = scale_of([y, dy - weight * y]);
                Some(vector([scale * (of_y - weight * of_dy), scale * of_dy]))
            }
            NeuronMap::Reset => Some(vector([-of_y, -of_dy])),
            _ => None,
        }
    }
    fn kick<T: Scalar>(
        p: &[T],
        [y, dy, ..]: Vector<T>,
        (_, weight): (usize, T),
        _: bool,
    ) -> Option<Vector<T>> {
        // Of V it is w (2V − 1 − w) per tau_mem, with V after the arrival.
        let rate = weight / p[TAU_MEM];
        Some(vector([-rate * y, rate * (dy + (weight + T::from(1.0)) * y)]))
    }
    fn by_weight<T: Scalar>(_: &[T], [y, ..]: Vector<T>, _: usize) -> Vector<T> {
        vector([T::from(0.0), -y])
    }
    fn receive<T: Scalar>(_: &[T], [y, dy, ..]: Vector<T>, weight: T) -> Vector<T> {
        vector(scaled([y, dy - weight * y]))
    }
    fn threshold<T: Scalar>(_: &[T], [y, dy, ..]: Vector<T>) -> T {
        before_the_spike([y, dy])
    }
    fn reset<T: Scalar>(_: &[T], [y, dy, ..]: Vector<T>) -> Vector<T> {
        vector(beyond_the_spike([y, dy]))
    }
    fn next_spike(p: &[f64], state: Vector<f64>) -> Option<f64> {
        next_spike::<Self>(p, state)
    }
    fn outlook(p: &[f64], state: Vector<f64>) -> Option<Outlook<f64>> {
        Some(outlook::<Self>(p, state, p[TAU_MEM]))
    }
    fn earliest_spike(p: &[f64], state: Vector<f64>) -> Option<f64> {
        <Self as Quadratic>::next_spike(p, state).rounded_down()
    }
    fn cycle<T: Scalar>(p: &[T], [y, dy, ..]: Vector<T>, drive: Drive<T>) -> Option<[T; 2]> {
        let square = p[I_BIAS] - T::from(0.25);
        (square.re() > 0.0)
            .then(|| cycle([y, dy], drive.input.unwrap_or_default(), square, p[TAU_MEM]))
    }
    fn cycle_pullback(
        p: &[f64],
        [y, dy, ..]: Vector<f64>,
        drive: Drive<f64>,
        cotangents: [f64; 2],
        gradient: &mut [f64],
    ) -> Option<(Vector<f64>, f64)> {
        let (kick, square) = (drive.input.unwrap_or_default(), p[I_BIAS] - 0.25);
        let of = pull_back_cycle([y, dy], kick, square, p[TAU_MEM], cotangents);
        gradient[TAU_MEM] += of.tau_mem;
        gradient[I_BIAS] += of.square;
        Some((vector(of.point), of.kick))
    }
    fn membrane<T: Scalar>(_: &[T], [y, dy, ..]: Vector<T>) -> T {
        potential([y, dy])
    }
}
