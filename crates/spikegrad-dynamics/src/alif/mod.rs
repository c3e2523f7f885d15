//! The leaky integrate-and-fire neuron that adapts (`alif`), with one or several receptors.
//!
//! ```text
//! tau_mem dV/dt = (v_leak − V) + Σ I_r + i_bias − γ a        tau_adapt da/dt = −a        tau_syn_r dI_r/dt = −I_r
//! spike:     V reaches v_th + β a from below;  V ← v_reset, held for t_ref;  a ← a + 1;  I goes on
//! ```
//!
//! The state keeps the potential above the threshold as it is now, u = V − `v_th` − β a, so that what decides about a spike is known to its own last bits.
//! That the threshold falls lifts u: the adaptation is a current of the size (β (`tau_mem`/`tau_adapt` − 1) − γ) a that decays with it,
//! and u moves as under any currents (`exponentials/`; docs/mathematics.md, eqs. 27e–27i).
//!
//! Not here: more than one neuron.

mod equations;
mod table;

pub use table::{
    A, ADAPT_CURRENT, ADAPT_THRESHOLD, I, I_BIAS, T_REF, TAU_ADAPT, TAU_MEM, TAU_SYN, V, V_LEAK,
    V_RESET, V_TH,
};

use crate::General;
use crate::receptors::MOST;
use equations::Alif;

/// With one receptor.
pub static ALIF: General = General::of::<Alif<1>>();

/// With k receptors, at position k − 2.
static WITH_RECEPTORS: [General; MOST - 1] = [
    General::of::<Alif<2>>(),
    General::of::<Alif<3>>(),
    General::of::<Alif<4>>(),
    General::of::<Alif<5>>(),
    General::of::<Alif<6>>(),
];

/// With as many receptors, from 2 to [`MOST`].
#[must_use]
pub fn with_receptors(receptors: usize) -> Option<&'static General> {
    WITH_RECEPTORS.get(receptors.checked_sub(2)?)
}
