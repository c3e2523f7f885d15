//! The exact gradient of a function of a run.
//!
//! A [`Loss`](spikegrad_network::loss::Loss) reads a trace and returns a value with [`Cotangents`](spikegrad_network::loss::Cotangents): ∂L/∂t of each spike and ∂L/∂V of each read-out.
//! [`backward`] walks the trace backwards, one jump at a time (EventProp; Wunderlich and Pehle, Sci. Rep. 11, 12829,
//! 2021), and leaves a gradient in the shape of the parameters. Signs are those of docs/notation.md.
//!
//! Not here: how a trace is made (`spikegrad_simulate`); any trace and any cotangents will do.

mod backward;
mod certificate;
mod driven;
mod due;
mod error;
mod grazing;
mod integrals;
mod origin;
mod pseudospikes;
mod sum;
mod sweep;
mod taped;
mod ties;
mod touches;
mod waiting;
mod workspace;

pub use backward::{backward, backward_all_into, backward_into};
pub use certificate::{Certificate, Differentiated, LISTED_TIES, Slope, Tie};
pub use error::AdjointError;
pub use grazing::Grazing;
pub use sum::GradientSum;
pub use sweep::{
    BackwardSweepWorkspace, Moved, SweptNeuron, goes_along, is_sweepable, sweep_along,
    sweep_backward_into,
};
pub use ties::TieKind;
pub use touches::judge_touches;
pub use workspace::BackwardWorkspace;
