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
//! Not here: its equations, which are those of any linear neuron (`exponentials/`).

mod table;

pub use table::{
    A, ADAPT_CURRENT, ADAPT_THRESHOLD, I, I_BIAS, T_REF, TAU_ADAPT, TAU_MEM, TAU_SYN, V, V_LEAK,
    V_RESET, V_TH,
};

use crate::exponentials::{Adaptation, Layout, Linear, Of, Spiking};
use crate::lif::BELOW_THRESHOLD;
use crate::receptors::{MOST, Options, table as with, variants};
use crate::{Below, General, NUMBERS, Quantity, Table};
use table::{ADAPTATION, OWN};

/// With K receptors.
struct Alif<const K: usize>;

impl<const K: usize> Alif<K> {
    const V: usize = TAU_SYN + K;
    const LIST: [Quantity; NUMBERS] = with::quantities(&OWN, K, &ADAPTATION);
}

impl<const K: usize> Linear for Alif<K> {
    const TABLE: Table = Table {
        model: "alif",
        title: "adaptive leaky integrate-and-fire neuron",
        quantities: Self::LIST.split_at(with::count(&OWN, K, &ADAPTATION)).0,
        order: &[
            Below::new(V_RESET, V_TH, BELOW_THRESHOLD),
            Below::new(Self::V, V_TH, "below the threshold v_th + adapt_threshold · a")
                .with_product((ADAPT_THRESHOLD, Self::V + K + 1)),
        ],
        threshold_and_reset: Some((V_TH, V_RESET)),
    };
    const RECEPTORS: usize = K;
    const LAYOUT: Layout = Layout {
        v_leak: V_LEAK,
        i_bias: I_BIAS,
        tau_syn: TAU_SYN,
        v: Self::V,
        spiking: Some(Spiking { v_th: V_TH, v_reset: V_RESET, t_ref: T_REF }),
        adaptation: Some(Adaptation {
            tau: TAU_ADAPT,
            threshold: ADAPT_THRESHOLD,
            current: ADAPT_CURRENT,
        }),
    };
}

/// With one receptor.
pub static ALIF: General = General::of::<Of<Alif<1>>>();

/// With k receptors, at position k − 2.
static WITH_RECEPTORS: [General; MOST - 1] = [
    General::of::<Of<Alif<2>>>(),
    General::of::<Of<Alif<3>>>(),
    General::of::<Of<Alif<4>>>(),
    General::of::<Of<Alif<5>>>(),
    General::of::<Of<Alif<6>>>(),
];

/// For each number of receptors, from 1 on, one that resets its current, one that holds it, and one that does both.
static WITH_OPTIONS: [[General; 3]; MOST] = [
    variants::<Alif<1>>(),
    variants::<Alif<2>>(),
    variants::<Alif<3>>(),
    variants::<Alif<4>>(),
    variants::<Alif<5>>(),
    variants::<Alif<6>>(),
];

/// With as many receptors, from 1 to [`MOST`], and with options: `None` with neither of them.
#[must_use]
pub fn with_options(receptors: usize, options: Options) -> Option<&'static General> {
    WITH_OPTIONS.get(receptors.checked_sub(1)?)?.get(options.variant()?)
}

/// With as many receptors, from 2 to [`MOST`].
#[must_use]
pub fn with_receptors(receptors: usize) -> Option<&'static General> {
    WITH_RECEPTORS.get(receptors.checked_sub(2)?)
}
