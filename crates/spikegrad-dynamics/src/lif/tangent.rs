//! Derivatives of the state with respect to the neuron's own time constants, carried forward at fixed event times.
//!
//! The one place where the backward pass would need the state at every arrival. Carrying three numbers forward beside
//! the state, and recording two of them at each spike and read-out, keeps the trace at O(spikes)
//! (docs/decisions/0002-time-constants-forward.md). With p = −`dt/τ_mem`, q = −`dt/τ_syn` and `∂p/∂τ_mem` = `dt/τ_mem²`,
//! every derivative is one divided difference higher than its primal (docs/mathematics.md, eqs. 7–9).
//!
//! Not here: the primal maps (`flow.rs`).

use super::flow::{Propagator, propagator};
use super::{Lif, State};
use crate::Scalar;
use crate::divided::phi2;

/// ∂v/∂(time constants) and `∂i/∂τ_syn`; i does not depend on `τ_mem`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Tangent<T> {
    /// ∂`v/∂τ_mem`, in potential per second.
    pub v_mem: T,
    /// ∂`v/∂τ_syn`, in potential per second.
    pub v_syn: T,
    /// ∂`i/∂τ_syn`, in current per second.
    pub i_syn: T,
}

pub(super) fn flow_with_tangent<T: Scalar>(
    neuron: &Lif<T>,
    before: State<T>,
    tangent: Tangent<T>,
    dt: T,
) -> (State<T>, Tangent<T>) {
    let by = propagator(neuron, dt);
    let Propagator { x, y, membrane, current, first, response, .. } = by;
    if membrane.is_exactly_zero() && current.is_exactly_zero() {
        // Everything has decayed: it is at rest.
        return (State { v: neuron.rest, i: T::from(0.0) }, Tangent::default());
    }
    let (twice_p, twice_q) = confluent(&by);
    let (dp, dq) = (x / neuron.tau_mem, y / neuron.tau_syn);
    let Tangent { v_mem, v_syn, i_syn } = tangent;
    let after = Tangent {
        v_mem: membrane * (v_mem + dp * neuron.above_rest(before))
            - before.i * dp * of_scale(x, y, first, membrane, || twice_p),
        v_syn: membrane * v_syn + response * i_syn + before.i * x * dq * twice_q,
        i_syn: current * (i_syn + dq * before.i),
    };
    (by.apply(before, neuron.rest), after)
}

/// `exp[p, p, q]` and `exp[p, q, q]`.
///
/// With g the distance of p and q, and `hi` and `lo` their exponentials, the recurrence of the divided differences gives
/// them from `exp[p, q]`, except where g is small.
#[inline]
pub(crate) fn confluent<T: Scalar>(by: &Propagator<T>) -> (T, T) {
    let Propagator { x, y, membrane, current, first, .. } = *by;
    let p_is_higher = x.re() <= y.re();
    let (gap, hi, lo) =
        if p_is_higher { (y - x, membrane, current) } else { (x - y, current, membrane) };
    let (twice_hi, twice_lo) = if gap.re() > 1.0 {
        ((hi - first) / gap, (first - lo) / gap)
    } else {
        let twice_hi = hi * by.phi2.unwrap_or_else(|| phi2(gap));
        (twice_hi, first - twice_hi)
    };
    if p_is_higher { (twice_hi, twice_lo) } else { (twice_lo, twice_hi) }
}

/// ∂(x D)/∂x for `x D = x exp[…, p, q]` with p = −x, q = −y: `D − x exp[…, p, p, q]`.
///
/// `confluent` is `exp[…, p, p]` and `higher` `exp[…, p, p, q]`. Where p and q are apart, the recurrence of the divided
/// differences removes the cancellation that a membrane much faster than its synapse would bring.
pub(crate) fn of_scale<T: Scalar>(
    x: T,
    y: T,
    divided: T,
    confluent: T,
    higher: impl FnOnce() -> T,
) -> T {
    if (x - y).re().abs() > 1.0 {
        (x * confluent - y * divided) / (x - y)
    } else {
        divided - x * higher()
    }
}

pub(super) fn hold<T: Scalar>(
    neuron: &Lif<T>,
    tangent: Tangent<T>,
    before: State<T>,
    dt: T,
) -> Tangent<T> {
    let y = dt / neuron.tau_syn;
    let i_syn = (-y).exp() * (tangent.i_syn + y / neuron.tau_syn * before.i);
    Tangent { i_syn, ..tangent }
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{RATIOS, parameters};
    use super::super::{Averaging, LifParameters};
    use super::*;
    use crate::{Dual64, Neuron};

    /// Forward-mode and formula differ by the rounding of some operations; the dual part of the plain flow also loses
    /// what cancels between a slow and a fast time constant, a factor of their ratio.
    const ROUNDING: f64 = 1e-14;

    fn lifted(p: LifParameters<f64>) -> LifParameters<Dual64> {
        LifParameters {
            tau_mem: p.tau_mem.into(),
            tau_syn: p.tau_syn.into(),
            v_th: p.v_th.into(),
            v_reset: p.v_reset.into(),
            v_leak: p.v_leak.into(),
            i_bias: p.i_bias.into(),
            t_ref: p.t_ref.into(),
        }
    }

    #[test]
    fn the_carried_tangent_is_the_dual_part_of_the_flow() {
        let dual = |x: f64| Dual64::from(x);
        for (ratio, decay_rate) in RATIOS.map(|ratio| [0.0, 0.13, 3.0].map(|f| (ratio, f))).concat()
        {
            let p = lifted(parameters(ratio));
            let along_mem = Lif::new(LifParameters { tau_mem: p.tau_mem.derivative(), ..p });
            let along_syn = Lif::new(LifParameters { tau_syn: p.tau_syn.derivative(), ..p });
            let n = Lif::new(parameters(ratio));
            let (mut state, mut tangent, mut integral) =
                (State { v: -0.4, i: 2.3 }, Tangent::default(), [0.0; 2]);
            let mut mem = State { v: dual(state.v), i: dual(state.i) };
            let (mut syn, mut mem_integral, mut syn_integral) = (mem, dual(0.0), dual(0.0));
            let cache = &mut Averaging::default();
            let (of_mem, of_syn) = (&mut Averaging::default(), &mut Averaging::default());
            for (dt, weight, held) in
                [(0.3, 1.0, false), (2.0, -0.5, true), (0.9, 4.0, false), (6.0, 0.0, false)]
            {
                let moved = if held {
                    mem = along_mem.hold(mem, dual(dt));
                    syn = along_syn.hold(syn, dual(dt));
                    (n.hold(state, dt), n.hold_tangent(tangent, state, dt))
                } else {
                    let part = n.integral_tangent((state, tangent), (dt, decay_rate), cache);
                    integral = [integral[0] + part[0], integral[1] + part[1]];
                    mem_integral += along_mem.integral(mem, (dual(dt), dual(decay_rate)), of_mem);
                    syn_integral += along_syn.integral(syn, (dual(dt), dual(decay_rate)), of_syn);
                    mem = along_mem.flow(mem, dual(dt));
                    syn = along_syn.flow(syn, dual(dt));
                    let moved = n.flow_with_tangent(state, tangent, dt);
                    // The flow beside the tangent is the flow, to the bit.
                    assert_eq!(moved.0, n.flow(state, dt));
                    moved
                };
                (state, tangent) = moved;
                state = n.receive(state, weight);
                mem = along_mem.receive(mem, dual(weight));
                syn = along_syn.receive(syn, dual(weight));
                for (name, got, expected) in [
                    ("v/mem", tangent.v_mem, mem.v.eps),
                    ("v/syn", tangent.v_syn, syn.v.eps),
                    ("i/syn", tangent.i_syn, syn.i.eps),
                    ("∫/mem", integral[0], mem_integral.eps),
                    ("∫/syn", integral[1], syn_integral.eps),
                ] {
                    let scale =
                        expected.abs().max(1e-3 / n.tau_mem.max(1.0)) * ratio.max(1.0 / ratio);
                    assert!(
                        (got - expected).abs() < ROUNDING * scale,
                        "{name} {ratio} {dt}: {got} {expected}"
                    );
                }
            }
        }
    }
}
