//! The course of the potential of one neuron that is left alone, in real numbers: where it is, how fast it moves, where it turns.
//!
//! Not here: when it crosses the threshold (`crossing.rs`).

use super::flow::of_lengths;
use super::{Lif, State, sum_of_three};
use crate::math::{exp, exp_m1, ln, ln_1p, power_of_two_below};
use crate::{Scalar, exp_divided};

/// Below this share of the current at the peak, the height of the peak cancels: it is computed again in double-double, and
/// the crossing is measured from the peak.
pub(super) const NEAR_GRAZING: f64 = 1.0 / 16.0;

/// Potentials whose products, also with rates, stay far within the range of a double.
pub(super) const SAFE_SIZES: std::ops::Range<f64> = 1e-100..1e100;

/// A change whose two parts leave less than this share of themselves is computed in a form that does not cancel.
const CANCELS: f64 = 1.0 / 8.0;

/// The course of v from a state at time 0, in real numbers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Course {
    /// Above the threshold.
    pub(super) v: f64,
    pub(super) i: f64,
    /// The resting value above the threshold.
    pub(super) rest: f64,
    pub(super) tau_mem: f64,
    pub(super) tau_syn: f64,
}

impl Course {
    /// The course, and the unit of its potentials: a power of two where sizes are extreme, so that no product of two
    /// potentials over- or underflows. Times do not depend on the unit.
    pub(super) fn of<T: Scalar>(neuron: &Lif<T>, state: State<T>) -> (Self, f64) {
        let (v, i, rest) = (state.v.re(), state.i.re(), neuron.rest.re());
        let size = rest.abs().max(v.abs()).max(i.abs());
        let unit =
            if SAFE_SIZES.contains(&size) || size == 0.0 { 1.0 } else { power_of_two_below(size) };
        let (tau_mem, tau_syn) = (neuron.tau_mem.re(), neuron.tau_syn.re());
        (Self { v: v / unit, i: i / unit, rest: rest / unit, tau_mem, tau_syn }, unit)
    }

    /// `τ_mem dv/dt`, to one rounding.
    pub(super) fn lift(&self) -> f64 {
        sum_of_three(self.i, self.rest, -self.v)
    }

    /// The potential above its resting value.
    pub(super) fn above_rest(&self) -> f64 {
        self.v - self.rest
    }

    /// Time of the stationary point, if it lies ahead of a state that moves.
    ///
    /// With u = v − rest, v̇ = 0 where `e^(δt) = 1 + δ τ_mem (i − u)/(r u + i)` with `δ = r/τ_mem`, `r = τ_mem/τ_syn − 1`;
    /// written with ln(1 + y)/y it is uniform in the ratio of the time constants.
    pub(super) fn stationary(&self) -> Option<f64> {
        let r = (self.tau_mem - self.tau_syn) / self.tau_syn;
        let ratio = self.tau_mem / self.tau_syn;
        let lift = self.lift();
        // r u + i, where u and i may nearly be equal.
        let denominator = lift + ratio * self.above_rest();
        let time = self.tau_mem * (lift / denominator);
        // Signs are compared, not multiplied: a product may underflow.
        if !(time > 0.0 && (denominator > 0.0) == (self.i > 0.0)) {
            return None;
        }
        let y = r * lift / denominator;
        let factor = if y == 0.0 {
            1.0
        } else if y > -0.5 {
            ln_1p(y) / y
        } else {
            // 1 + y without cancellation.
            ln(self.i / denominator * ratio) / y
        };
        Some(time * factor).filter(|t| t.is_finite())
    }

    /// v(t) and dv/dt.
    pub(super) fn residual(&self, t: f64) -> (f64, f64) {
        let (x, y) = (t / self.tau_mem, t / self.tau_syn);
        let by = of_lengths(x, y);
        let (response, current) = (by.response * self.i, by.current * self.i);
        // Early, the way from the start is small and known better than v; later, v itself is.
        let residual = if x < 0.5 {
            let lost = by.loss.unwrap_or_else(|| -exp_m1(-x)) * self.above_rest();
            let mut change = response - lost;
            if change.abs() < CANCELS * lost.abs() {
                // What pulls at v is the current above it; the rest of what it loses is of second order (eq. 16c).
                let second = exp_divided([0.0, -x, -y]);
                change = by.response * self.lift() - x * (y * second) * self.above_rest();
            }
            self.v + change
        } else {
            self.rest + (by.membrane * self.above_rest() + response)
        };
        (residual, sum_of_three(current, self.rest, -residual) / self.tau_mem)
    }

    /// dv/dt at a crossing at `t`; where current and threshold cancel it is measured from the stationary point.
    pub(super) fn slope(&self, t: f64, stationary: Option<f64>) -> f64 {
        let current = self.i * exp(-t / self.tau_syn);
        let difference = current + self.rest;
        match stationary {
            Some(peak) if difference.abs() < NEAR_GRAZING * (current.abs() + self.rest.abs()) => {
                let back = peak - t;
                self.i * exp(-peak / self.tau_syn) * back / (self.tau_mem * self.tau_syn)
                    * exp_divided([back / self.tau_mem, back / self.tau_syn])
            }
            _ => difference / self.tau_mem,
        }
    }
}
