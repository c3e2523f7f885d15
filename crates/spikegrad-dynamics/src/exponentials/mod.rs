//! A leaky membrane under any number of currents that decay, and its first crossing of the threshold.
//!
//! ```text
//! tau_mem du/dt = rest − u + Σ c_j e^(−t/τ_j)        u: the potential above its threshold
//! ```
//!
//! u is a sum of exponentials, written so that it is uniform where time constants meet: what one current leaves in the membrane is a divided
//! difference, as for one synapse. A variable that adapts, or a threshold that decays, is one more current (docs/mathematics.md, eqs. 27e–27i).
//!
//! The search cannot miss. `e^(t/tau_mem) u` has the sign of u, and its derivative that of the drive `g = rest + Σ c_j e^(−t/τ_j)`: between two
//! zeros of g at which it changes its sign u crosses zero once at most. g is one exponential shorter than u, and its own zeros are separated in the same way
//! (`sum.rs`). Where u almost vanishes at the end of a rise it is computed in double-double arithmetic, and so is each crossing that was found (`precise.rs`).
//!
//! Any neuron that is such a membrane is a table and a layout (`neuron.rs`, `pullback.rs`). Not here: which there are (`receptors/`, `alif/`).

mod crossing;
mod neuron;
mod precise;
mod pullback;
mod sum;
#[cfg(test)]
mod tests;

pub(crate) use neuron::{Adaptation, Layout, Linear, Of, Spiking};

use crate::math::ln_1p;

/// Most exponentials of a drive: a constant, and a current for each other component of a state.
const TERMS: usize = crate::COMPONENTS;

/// A current that decays, as it is now.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Current {
    /// Its size, in units of the potential.
    pub(crate) size: f64,
    /// Its time constant, in seconds.
    pub(crate) tau: f64,
}

/// A membrane that is left alone.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Course<'a> {
    /// The potential above its threshold, now.
    pub(crate) height: f64,
    /// Where it tends to, above the threshold.
    pub(crate) rest: f64,
    /// In seconds.
    pub(crate) tau_mem: f64,
    /// At most seven.
    pub(crate) currents: &'a [Current],
}

/// Relative room above the rounding of the sums that a bound is made of: at most nine terms.
const ROUNDING: f64 = 16.0 * f64::EPSILON;

impl Course<'_> {
    /// A lower bound of the time to the next crossing or touch; `None` if there is certainly none. It takes no search.
    ///
    /// A current leaves at most `c τ/(τ + tau_mem)` in the membrane: `V + (τ/tau_mem) I` only falls, and where V is largest it equals I. And as
    /// long as it lasts, the potential rises no faster than under all positive currents as they are now.
    pub(crate) fn earliest_crossing(&self) -> Option<f64> {
        let lifting = self.currents.iter().filter(|current| current.size > 0.0);
        let (mut left, mut drive) = (0.0, self.rest);
        for &Current { size, tau } in lifting {
            left += size * (tau / (tau + self.tau_mem));
            drive += size;
        }
        let (height, size) = (self.height, self.height.abs() + self.rest.abs() + drive.abs());
        if height.max(self.rest) + left < -ROUNDING * size || drive < -ROUNDING * size {
            return None;
        }
        if !(drive > 0.0 && height < 0.0) {
            return Some(0.0);
        }
        Some((1.0 - ROUNDING) * self.tau_mem * ln_1p(-height / (drive + ROUNDING * size)))
    }
}
