//! The leaky integrate-and-fire neuron with delta synapses, `lif_delta`: its numbers and its equations.
//!
//! ```text
//! tau_mem dV/dt = (v_leak − V) + i_bias          arrival:   V ← V + w, while the membrane is free
//! spike:     V reaches v_th from below, or jumps to it or above;  V ← v_reset, held for t_ref
//! ```
//!
//! The state is V − `v_th`. By its motion it spikes where `(V − rest) e^(−t/tau_mem)` has come to `v_th − rest`, which has a closed form; what is at the threshold or above it is
//! there by a jump, and spikes at once ([`Outlook::Jump`]). What arrives within the refractory time has no effect, as in the `iaf_psc_delta` of NEST.
//!
//! Not here: what follows for derivatives (`spikegrad_adjoint`).

use super::{BELOW_THRESHOLD, BIAS, LEAK, MEMBRANE, REFRACTORY, RESET, START, THRESHOLD, sum};
use crate::general::vector;
use crate::math::ln_1p;
use crate::{Below, Equations, General, Outlook, Scalar, Table, Vector};

/// Membrane time constant, in seconds.
pub const TAU_MEM: usize = 0;
/// Threshold.
pub const V_TH: usize = 1;
/// Value that the membrane takes at a spike.
pub const V_RESET: usize = 2;
/// Leak potential.
pub const V_LEAK: usize = 3;
/// Constant input current.
pub const I_BIAS: usize = 4;
/// Refractory time, in seconds.
pub const T_REF: usize = 5;
/// Membrane potential at time 0.
pub const V: usize = 6;

/// The numbers of such a neuron.
pub const TABLE: Table = Table {
    model: "lif_delta",
    title: "leaky integrate-and-fire neuron with delta synapses",
    quantities: &[MEMBRANE, THRESHOLD, RESET, LEAK, BIAS, REFRACTORY, START],
    order: &[Below::new(V_RESET, V_TH, BELOW_THRESHOLD), Below::new(V, V_TH, BELOW_THRESHOLD)],
    threshold_and_reset: Some((V_TH, V_RESET)),
};

/// The neuron with delta synapses.
pub static LIF_DELTA: General = General::of::<LifDelta>();

/// Relative room of a bound above the rounding of a crossing time: a quotient, a logarithm and a product.
const ROUNDED_DOWN: f64 = 1.0 - 8.0 * f64::EPSILON;

/// The equations: the state is V − `v_th`.
struct LifDelta;

/// Where the potential tends to, above the threshold.
fn rest<T: Scalar>(p: &[T]) -> T {
    sum(p[V_LEAK], p[I_BIAS], -p[V_TH])
}

impl Equations for LifDelta {
    const TABLE: Table = TABLE;
    const DIMENSION: usize = 1;
    const REFRACTORY: Option<usize> = Some(T_REF);
    const CURRENT: Option<usize> = Some(I_BIAS);

    fn initial<T: Scalar>(p: &[T]) -> Vector<T> {
        vector([p[V] - p[V_TH]])
    }
    fn rate<T: Scalar>(p: &[T], [u, ..]: Vector<T>) -> Vector<T> {
        vector([(rest(p) - u) / p[TAU_MEM]])
    }
    fn flow<T: Scalar>(p: &[T], [u, ..]: Vector<T>, dt: T) -> Vector<T> {
        vector([u + (u - rest(p)) * (-dt / p[TAU_MEM]).exp_m1()])
    }
    fn receive<T: Scalar>(_: &[T], [u, ..]: Vector<T>, weight: T) -> Vector<T> {
        vector([u + weight])
    }
    fn kick<T: Scalar>(
        p: &[T],
        _: Vector<T>,
        (_, weight): (usize, T),
        is_held: bool,
    ) -> Option<Vector<T>> {
        Some(vector([if is_held { T::from(0.0) } else { -weight / p[TAU_MEM] }]))
    }
    fn threshold<T: Scalar>(_: &[T], [u, ..]: Vector<T>) -> T {
        u
    }
    fn reset<T: Scalar>(p: &[T], _: Vector<T>) -> Vector<T> {
        vector([p[V_RESET] - p[V_TH]])
    }
    fn next_spike(p: &[f64], [u, ..]: Vector<f64>) -> Option<f64> {
        match rest(p) {
            _ if u >= 0.0 => Some(0.0),
            rest => (rest > 0.0).then(|| p[TAU_MEM] * ln_1p(-u / rest)),
        }
    }
    fn outlook(p: &[f64], state: Vector<f64>) -> Option<Outlook<f64>> {
        Some(match Self::next_spike(p, state) {
            None => Outlook::Silent,
            Some(_) if state[0] >= 0.0 => Outlook::Jump,
            Some(dt) => Outlook::Crossing { dt, slope: rest(p) / p[TAU_MEM] },
        })
    }
    fn earliest_spike(p: &[f64], state: Vector<f64>) -> Option<f64> {
        Self::next_spike(p, state).map(|at| ROUNDED_DOWN * at)
    }
    fn membrane<T: Scalar>(p: &[T], [u, ..]: Vector<T>) -> T {
        p[V_TH] + u
    }
    fn held_rate<T: Scalar>(_: &[T], _: Vector<T>) -> Vector<T> {
        vector([])
    }
    fn hold<T: Scalar>(p: &[T], state: Vector<T>, _: T) -> Vector<T> {
        Self::reset(p, state)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::GeneralNeuron;

    #[test]
    fn it_crosses_where_its_closed_form_says_and_jumps_where_it_is_above() {
        let numbers = [0.02, 1.0, 0.0, 0.1, 1.4, 0.0, 0.0];
        let neuron: GeneralNeuron<f64> = GeneralNeuron::new(&LIF_DELTA, |k| numbers[k]).unwrap();
        // From 0 to 1 on the way to 1.5.
        let Outlook::Crossing { dt, slope } = neuron.next_spike(vector([-1.0])) else { panic!() };
        assert!((dt / (0.02 * 3f64.ln()) - 1.0).abs() < 4.0 * f64::EPSILON);
        assert!((slope / (0.5 / 0.02) - 1.0).abs() < 4.0 * f64::EPSILON);
        assert!(neuron.flow(vector([-1.0]), dt)[0].abs() < 4.0 * f64::EPSILON);
        assert_eq!(neuron.next_spike(vector([0.0])), Outlook::Jump);
        let below = |k: usize| if k == I_BIAS { 0.8 } else { numbers[k] };
        let below: GeneralNeuron<f64> = GeneralNeuron::new(&LIF_DELTA, below).unwrap();
        assert_eq!(below.next_spike(vector([-1e-3])), Outlook::Silent);
    }
}
