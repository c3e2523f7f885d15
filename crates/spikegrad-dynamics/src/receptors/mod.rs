//! Linear neurons with several receptors: a `lif` or an `li` whose synapses have time constants of their own.
//!
//! ```text
//! tau_mem dV/dt = (v_leak − V) + Σ I_r + i_bias        tau_syn_r dI_r/dt = −I_r        arrival at r: I_r ← I_r + w
//! ```
//!
//! With one receptor a neuron is [`crate::Lif`], which is faster.
//!
//! Not here: their equations, which are those of any linear neuron (`exponentials/`); the neuron that adapts (`alif/`), which may have several receptors as well.

mod places;
mod superposed;
pub(crate) mod table;

pub use places::{LinearGradient, OfReceptor, is_linear};
pub use superposed::{ByParts, CurrentsAveraging, CurrentsState, CurrentsTangent, Superposed};

use crate::exponentials::{Layout, Linear, Of, Spiking};
use crate::lif::{BELOW_THRESHOLD, BIAS, LEAK, MEMBRANE, REFRACTORY, RESET, THRESHOLD, integrator};
use crate::{Below, General, NUMBERS, Quantity, Table, lif};

/// Most receptors of a neuron.
pub const MOST: usize = 6;

/// A `lif` with k receptors, at position k − 2.
static LIFS: [General; MOST - 1] = [
    General::of::<Of<Lif<2>>>(),
    General::of::<Of<Lif<3>>>(),
    General::of::<Of<Lif<4>>>(),
    General::of::<Of<Lif<5>>>(),
    General::of::<Of<Lif<6>>>(),
];

/// For each number of receptors, from 1 on, a `lif` that resets its current, one that holds it, and one that does both.
static WITH_OPTIONS: [[General; 3]; MOST] = [
    variants::<Lif<1>>(),
    variants::<Lif<2>>(),
    variants::<Lif<3>>(),
    variants::<Lif<4>>(),
    variants::<Lif<5>>(),
    variants::<Lif<6>>(),
];

/// The variants of a linear neuron that resets its current, holds it, or does both.
pub(crate) const fn variants<L: Linear>() -> [General; 3] {
    [
        General::of::<Of<L>>().with_constants(&[1.0, 0.0]),
        General::of::<Of<L>>().with_constants(&[0.0, 1.0]),
        General::of::<Of<L>>().with_constants(&[1.0, 1.0]),
    ]
}

/// An `li` with k receptors, at position k − 2.
static INTEGRATORS: [General; MOST - 1] = [
    General::of::<Of<Li<2>>>(),
    General::of::<Of<Li<3>>>(),
    General::of::<Of<Li<4>>>(),
    General::of::<Of<Li<5>>>(),
    General::of::<Of<Li<6>>>(),
];

/// A leaky integrate-and-fire neuron with as many receptors, from 2 to [`MOST`].
#[must_use]
pub fn lif(receptors: usize) -> Option<&'static General> {
    LIFS.get(receptors.checked_sub(2)?)
}

/// What becomes of a neuron's synaptic currents at its spikes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// A spike sets them to zero.
    pub reset_current: bool,
    /// They do not decay within the refractory time.
    pub hold_current: bool,
}

impl Options {
    /// Those of a model with these constants.
    #[must_use]
    pub fn of(constants: &[f64]) -> Self {
        let is_set = |k: usize| constants.get(k).is_some_and(|&x| x != 0.0);
        Self { reset_current: is_set(0), hold_current: is_set(1) }
    }

    /// Which of three variants has them; `None` if neither is set.
    pub(crate) fn variant(self) -> Option<usize> {
        let Self { reset_current, hold_current } = self;
        (usize::from(reset_current) + 2 * usize::from(hold_current)).checked_sub(1)
    }
}

/// A leaky integrate-and-fire neuron with as many receptors, from 1 to [`MOST`], and with options: `None` with neither of them.
#[must_use]
pub fn lif_with_options(receptors: usize, options: Options) -> Option<&'static General> {
    WITH_OPTIONS.get(receptors.checked_sub(1)?)?.get(options.variant()?)
}

/// A leaky integrator with as many receptors, from 2 to [`MOST`].
#[must_use]
pub fn integrator(receptors: usize) -> Option<&'static General> {
    INTEGRATORS.get(receptors.checked_sub(2)?)
}

/// The parameters of a `lif` with receptors, but for their time constants.
const SPIKING: [Quantity; 6] = [MEMBRANE, THRESHOLD, RESET, LEAK, BIAS, REFRACTORY];
const V_TH: usize = 1;
const V_RESET: usize = 2;

/// A `lif` with K receptors.
struct Lif<const K: usize>;

impl<const K: usize> Lif<K> {
    const V: usize = SPIKING.len() + K;
    const LIST: [Quantity; NUMBERS] = table::quantities(&SPIKING, K, &[]);
}

impl<const K: usize> Linear for Lif<K> {
    const TABLE: Table = Table {
        model: lif::TABLE.model,
        title: lif::TABLE.title,
        quantities: Self::LIST.split_at(table::count(&SPIKING, K, &[])).0,
        order: &[
            Below::new(V_RESET, V_TH, BELOW_THRESHOLD),
            Below::new(Self::V, V_TH, BELOW_THRESHOLD),
        ],
        threshold_and_reset: Some((V_TH, V_RESET)),
    };
    const RECEPTORS: usize = K;
    const LAYOUT: Layout = Layout {
        v_leak: 3,
        i_bias: 4,
        tau_syn: SPIKING.len(),
        v: Self::V,
        spiking: Some(Spiking { v_th: V_TH, v_reset: V_RESET, t_ref: 5 }),
        adaptation: None,
    };
}

/// The parameters of an `li` with receptors, but for their time constants.
const INTEGRATING: [Quantity; 3] = [MEMBRANE, LEAK, BIAS];

/// An `li` with K receptors.
struct Li<const K: usize>;

impl<const K: usize> Li<K> {
    const LIST: [Quantity; NUMBERS] = table::quantities(&INTEGRATING, K, &[]);
}

impl<const K: usize> Linear for Li<K> {
    const TABLE: Table = Table::new(
        integrator::TABLE.model,
        integrator::TABLE.title,
        Self::LIST.split_at(table::count(&INTEGRATING, K, &[])).0,
    );
    const RECEPTORS: usize = K;
    const LAYOUT: Layout = Layout {
        v_leak: 1,
        i_bias: 2,
        tau_syn: INTEGRATING.len(),
        v: INTEGRATING.len() + K,
        spiking: None,
        adaptation: None,
    };
}
