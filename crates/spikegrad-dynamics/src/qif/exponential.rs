//! The neuron with exponential synapses, `qif`: its numbers and its equations.

use super::series::Course;
use super::{
    NextZero, Quadratic, before_the_spike, beyond_the_spike, constant, cycle, next_spike, outlook,
    point, potential, pullback, rate_of_point, softplus,
};
use crate::general::vector;
use crate::lif::{BIAS, CURRENT, MEMBRANE, START, SYNAPSE};
use crate::{Drive, Equations, GoesOn, NeuronMap, Outlook, Scalar, Table, Vector, math};

/// Membrane time constant, in seconds.
pub const TAU_MEM: usize = 0;
/// Synaptic time constant, in seconds.
pub const TAU_SYN: usize = 1;
/// Constant input current.
pub const I_BIAS: usize = 2;
/// Potential at time 0.
pub const V: usize = 3;
/// Synaptic current at time 0.
pub const I: usize = 4;

/// The numbers of such a neuron.
pub const TABLE: Table = Table::new(
    "qif",
    "quadratic integrate-and-fire neuron",
    &[MEMBRANE, SYNAPSE, BIAS, START, CURRENT],
);

/// The equations of `qif`: the state is (y, y′, I).
pub(super) struct Qif;

impl Qif {
    fn course<T: Scalar>(p: &[T], [y, dy, i, ..]: Vector<T>) -> Course<T> {
        let ratio = p[TAU_MEM] / p[TAU_SYN];
        Course { point: [y, dy], current: i, bias: p[I_BIAS], ratio }
    }
}

impl Quadratic for Qif {
    fn next_spike<T: Scalar>(p: &[T], state: Vector<T>) -> NextZero<T> {
        Self::course(p, state).next_zero().times(p[TAU_MEM])
    }
}

impl Equations for Qif {
    const TABLE: Table = TABLE;
    const DIMENSION: usize = 3;
    const CURRENT: Option<usize> = Some(I_BIAS);
    const GOES_ON: GoesOn = GoesOn::Always;

    fn initial<T: Scalar>(p: &[T]) -> Vector<T> {
        let [y, dy] = point(p[V]);
        vector([y, dy, p[I]])
    }
    fn rate<T: Scalar>(p: &[T], [y, dy, i, ..]: Vector<T>) -> Vector<T> {
        let drive = i + p[I_BIAS];
        let [y, dy] = rate_of_point([y, dy], drive, p[TAU_MEM]);
        vector([y, dy, -i / p[TAU_SYN]])
    }
    fn flow<T: Scalar>(p: &[T], state: Vector<T>, dt: T) -> Vector<T> {
        let i = state[2] * (-dt / p[TAU_SYN]).exp();
        let [y, dy] = Self::course(p, state).after(dt / p[TAU_MEM]);
        vector([y, dy, i])
    }
    fn pullback(
        map: NeuronMap<f64>,
        p: &[f64],
        state: Vector<f64>,
        after: Vector<f64>,
        gradient: &mut [f64],
    ) -> Option<Vector<f64>> {
        let dt = match map {
            NeuronMap::Flow(dt) => dt,
            NeuronMap::Receive(..) => return Some(after),
            _ => return None,
        };
        let (tau_mem, tau_syn, length) = (p[TAU_MEM], p[TAU_SYN], dt / p[TAU_MEM]);
        let pulled = pullback::pull_back(Self::course(p, state), length, [after[0], after[1]]);
        let left = math::exp(-dt / tau_syn);
        let of_current = after[2] * left;
        gradient[TAU_MEM] += (pulled.ratio / tau_syn) - pulled.length * length / tau_mem;
        gradient[TAU_SYN] +=
            (of_current * state[2] * dt - pulled.ratio * tau_mem) / (tau_syn * tau_syn);
        gradient[I_BIAS] += pulled.bias;
        let [y, dy] = pulled.point;
        Some(vector([y, dy, of_current + pulled.current]))
    }
    fn receive<T: Scalar>(_: &[T], [y, dy, i, ..]: Vector<T>, weight: T) -> Vector<T> {
        vector([y, dy, i + weight])
    }
    fn threshold<T: Scalar>(_: &[T], [y, dy, ..]: Vector<T>) -> T {
        before_the_spike([y, dy])
    }
    fn reset<T: Scalar>(_: &[T], [y, dy, i, ..]: Vector<T>) -> Vector<T> {
        let [y, dy] = beyond_the_spike([y, dy]);
        vector([y, dy, i])
    }
    fn next_spike(p: &[f64], state: Vector<f64>) -> Option<f64> {
        next_spike::<Self>(p, state)
    }
    fn outlook(p: &[f64], state: Vector<f64>) -> Option<Outlook<f64>> {
        Some(outlook::<Self>(p, state, p[TAU_MEM]))
    }
    fn earliest_spike(p: &[f64], [y, dy, i, ..]: Vector<f64>) -> Option<f64> {
        // More current is always an earlier spike, and the current never exceeds this.
        let drive = (p[I_BIAS] + i.max(0.0)).next_up();
        constant::next_zero([y, dy], drive).times(p[TAU_MEM]).rounded_down()
    }
    fn cycle<T: Scalar>(p: &[T], [y, dy, i, ..]: Vector<T>, drive: Drive<T>) -> Option<[T; 2]> {
        let input = drive.input.map_or(T::from(0.0), |input| i + input);
        let square = softplus(p[I_BIAS] + input, drive.width);
        Some(cycle([y, dy], T::from(0.0), square, p[TAU_MEM]))
    }
    fn membrane<T: Scalar>(_: &[T], [y, dy, ..]: Vector<T>) -> T {
        potential([y, dy])
    }
}
