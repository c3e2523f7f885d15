//! The way back through the maps of a linear neuron, by hand: each in a line, and the motion by the coefficients that it has anyway.
//!
//! With p = −`dt/tau_mem`, q = −`dt/τ_j` and u(t) as in docs/mathematics.md, eq. 27f, the derivatives of what a current leaves, ψ = x exp[p, q], are those of one synapse
//! (eqs. 7–9): one divided difference higher, uniform where time constants meet (`lif/tangent.rs`). The size κ a of the adaptation's current depends on four numbers
//! and on a itself (eq. 27k).
//!
//! Not here: the maps themselves (`neuron.rs`).

use super::neuron::{Layout, Linear, Of, TAU_MEM, lift};
use crate::lif::flow::of_lengths;
use crate::lif::tangent::{confluent, of_scale};
use crate::{COMPONENTS, Equations, NeuronMap, Scalar, Vector, math};

impl<L: Linear> Of<L> {
    /// [`crate::Equations::pullback`].
    pub(super) fn by_hand(
        map: NeuronMap<f64>,
        p: &[f64],
        state: &Vector<f64>,
        mut after: Vector<f64>,
        gradient: &mut [f64],
    ) -> Option<Vector<f64>> {
        match map {
            NeuronMap::Initial => {
                let (v, u) = (L::LAYOUT.v, after[0]);
                gradient[v] += u;
                Self::datum_back(-u, state, gradient);
                for k in 1..Self::DIMENSION {
                    gradient[v + k] += after[k];
                }
                if let Some(of) = L::LAYOUT.adaptation {
                    gradient[v + Self::A] -= u * p[of.threshold];
                }
                after = [0.0; COMPONENTS];
            }
            NeuronMap::Flow(dt) => after = Self::flow_back(p, state, dt, &after, gradient),
            NeuronMap::Hold(dt) => {
                let held = Self::hold(p, *state, dt);
                Self::at_reset_back(p, &held, &mut after, gradient);
                for k in (0..Self::DECAYING).filter(|&k| !Self::is_kept(p, k)) {
                    let of = Self::tau(k);
                    gradient[of] += after[1 + k] * held[1 + k] * dt / (p[of] * p[of]);
                    after[1 + k] *= math::exp(-dt / p[of]);
                }
            }
            NeuronMap::Reset => {
                let reset = Self::reset(p, *state);
                Self::at_reset_back(p, &reset, &mut after, gradient);
                if Self::resets_current(p) {
                    after[1..=L::RECEPTORS].fill(0.0);
                }
            }
            NeuronMap::Receive(..) | NeuronMap::Threshold => {}
            NeuronMap::Membrane => {
                let of_potential = after[0];
                Self::datum_back(of_potential, state, gradient);
                if let Some(of) = L::LAYOUT.adaptation {
                    after[Self::A] += of_potential * p[of.threshold];
                }
            }
            NeuronMap::ThresholdMembrane => {
                after = Self::by_hand(NeuronMap::Membrane, p, state, after, gradient)?;
                after[0] = 0.0;
            }
            NeuronMap::HeldIntegral((dt, decay_rate)) => {
                if let Some(of) = L::LAYOUT.spiking {
                    gradient[of.v_reset] += after[0] * dt * (dt * decay_rate).phi1();
                }
                after[0] = 0.0;
            }
            NeuronMap::Integral(..) => return None,
        }
        Some(after)
    }

    /// What the numbers get from ∂L/∂(the datum of `state`).
    fn datum_back(of_datum: f64, state: &Vector<f64>, gradient: &mut [f64]) {
        let Layout { v_leak, i_bias, spiking, adaptation, .. } = L::LAYOUT;
        match spiking {
            Some(of) => gradient[of.v_th] += of_datum,
            None => {
                gradient[v_leak] += of_datum;
                gradient[i_bias] += of_datum;
            }
        }
        if let Some(of) = adaptation {
            gradient[of.threshold] += of_datum * state[Self::A];
        }
    }

    /// u of a membrane that is at its reset value in `state` does not depend on what it was.
    fn at_reset_back(
        p: &[f64],
        state: &Vector<f64>,
        after: &mut Vector<f64>,
        gradient: &mut [f64],
    ) {
        let Some(of) = L::LAYOUT.spiking else { return };
        let u = std::mem::take(&mut after[0]);
        gradient[of.v_reset] += u;
        Self::datum_back(-u, state, gradient);
        if let Some(of) = L::LAYOUT.adaptation {
            after[Self::A] -= u * p[of.threshold];
        }
    }

    fn flow_back(
        p: &[f64],
        state: &Vector<f64>,
        dt: f64,
        after: &Vector<f64>,
        gradient: &mut [f64],
    ) -> Vector<f64> {
        let Layout { v_leak, spiking, adaptation, .. } = L::LAYOUT;
        let (tau_mem, u) = (p[TAU_MEM], after[0]);
        let (x, above_rest) = (dt / tau_mem, state[0] - Self::rest(p));
        let (mut before, mut of_x, mut loss) = (*after, 0.0, 0.0);
        for k in 0..Self::DECAYING {
            let (tau, current) = (p[Self::tau(k)], Self::current(p, state, k));
            let by = of_lengths(x, dt / tau);
            let (twice_p, twice_q) = confluent(&by);
            // Both exponents have a length over a time constant.
            let of_y = after[1 + k] * by.current * state[1 + k] + u * current * x * twice_q;
            gradient[Self::tau(k)] += of_y * (by.y / tau);
            of_x -= current * of_scale(x, by.y, by.first, by.membrane, || twice_p);
            let of_current = u * by.response;
            before[1 + k] = by.current * after[1 + k]
                + match adaptation {
                    Some(of) if k == L::RECEPTORS => {
                        let of_lift = of_current * state[1 + k];
                        let slow = of_lift * p[of.threshold] / tau;
                        gradient[of.threshold] += of_lift * ((tau_mem - tau) / tau);
                        gradient[of.current] -= of_lift;
                        gradient[TAU_MEM] += slow;
                        gradient[of.tau] -= slow * (tau_mem / tau);
                        of_current * lift(p, of)
                    }
                    _ => of_current,
                };
            // The membrane's own share is the same beside each current.
            before[0] = by.membrane * u;
            loss = by.loss.unwrap_or(1.0 - by.membrane);
        }
        gradient[TAU_MEM] += (before[0] * above_rest + u * of_x) * (x / tau_mem);
        gradient[Self::INJECTED] += u * loss;
        if let Some(of) = spiking {
            gradient[v_leak] += u * loss;
            gradient[of.v_th] -= u * loss;
        }
        before
    }
}
