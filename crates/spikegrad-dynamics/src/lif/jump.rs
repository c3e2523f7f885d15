//! Jumps: a spike, the release after its refractory time, an arrival; and the pullback of each.
//!
//! A jump at a time that moves contributes λ·(f⁻ − f⁺), the adjoint times the difference of the motions before and
//! after it (docs/mathematics.md, eqs. 10–14; Wunderlich and Pehle 2021, Table 2, in plain adjoints).
//!
//! Not here: where the spike's time cotangent comes from (`spikegrad_adjoint`).

use super::{Lif, State};
use crate::{Adjoint, Arrival, Scalar};

/// An arrival adds w to I. Before it the motion has no w: `f⁻ − f⁺ = (−w/τ_mem, +w/τ_syn)`.
pub(super) fn receive_pullback<T: Scalar>(
    neuron: &Lif<T>,
    weight: T,
    after: Adjoint<State<T>>,
) -> Arrival<T> {
    Arrival {
        weight: after.0.i,
        time: weight * (after.0.i / neuron.tau_syn - after.0.v / neuron.tau_mem),
    }
}

/// A later release leaves V at its reset value for longer: f⁻ − f⁺ = (−rate, 0). Before it the adjoint of V is zero.
pub(super) fn release_pullback<T: Scalar>(
    rate: T,
    after: Adjoint<State<T>>,
) -> (Adjoint<State<T>>, T) {
    (Adjoint(State { v: T::from(0.0), i: after.0.i }), -after.0.v * rate)
}

/// The crossing solves `V(t) = v_th`: a higher V⁻ comes earlier by dt/dV⁻ = −1/slope. I does not jump.
pub(super) fn spike_pullback<T: Scalar>(
    slope: T,
    time: T,
    after: Adjoint<State<T>>,
) -> (Adjoint<State<T>>, T) {
    let membrane = -time / slope;
    (Adjoint(State { v: membrane, i: after.0.i }), membrane)
}
