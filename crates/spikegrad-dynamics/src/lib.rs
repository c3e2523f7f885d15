//! The mathematics of **one** neuron: how it moves between events, when it next crosses its threshold, how it
//! jumps, and the pullback (reverse rule) of each of these maps.
//!
//! Start with [`Neuron`] (the maps), [`NeuronAdjoint`] (their pullbacks) and [`Lif`], the leaky integrate-and-fire
//! neuron with a current-based exponential synapse; without a threshold it is the leaky integrator of a read-out.
//! Everything is generic over a [`Scalar`]: `f64` for work, a dual number where a derivative is carried forward.
//!
//! Not here: more than one neuron, ids, absolute time (only lengths `dt`), input and output.
#![cfg_attr(
    test,
    expect(
        clippy::disallowed_methods,
        reason = "expected values come from the other implementation"
    )
)]

pub mod alif;
mod any;
mod circular;
mod divided;
mod double_double;
mod dual;
mod exponentials;
mod general;
pub mod lanes;
pub mod lif;
pub mod math;
mod neuron;
pub mod qif;
pub mod receptors;
mod scalar;
mod table;

pub use any::{AnyGradient, AnyNeuron};
pub use divided::exp_divided;
pub use dual::{Dual, Dual64};
pub use general::{
    ArrivalPullback, COMPONENTS, Drive, Equations, General, GeneralNeuron, GoesOn, NUMBERS,
    NeuronMap, Vector, vector,
};
pub use lif::{Certificate, Lif, LifGradient, LifParameters, State};
pub use neuron::{
    Adjoint, Arrival, Neuron, NeuronAdjoint, NeuronGradient, OtherTimeConstants, Outlook,
    TimeConstants,
};
pub use scalar::Scalar;
pub use table::{Below, Kind, Quantity, Range, Table};
