//! Other ways to the gradient of a spiking network, to hold the exact one against.
//!
//! Each way is an [`Engine`] and is asked the same [`Question`]:
//!
//! | engine | idea |
//! | --- | --- |
//! | [`Exact`] | the adjoint with jumps, through the facade |
//! | [`FiniteDifferences`] | moves one number at a time; counts a quotient only where the order of events stays |
//! | [`ForwardPropagation`] | the simulator on dual numbers, one run a number |
//! | [`Saltation`] | fundamental matrices between events and saltation matrices at them |
//!
//! [`Agreement`] sets two answers side by side, and [`check_gradient`] checks a gradient of one's own network and loss. With the
//! feature `proptest`, `strategies` generates problems of every topology.
//!
//! [`time_stepped`] is the way most networks are trained: a clock, and surrogate derivatives. [`stochastic`] is the theory of
//! these: escape noise, derivatives of expectations, and line integrals that tell a gradient from what is none.
//!
//! Not here: the exact gradient (`spikegrad_adjoint`); a yardstick shares no formula with what it checks, and only
//! `exact.rs` may name it.
#![cfg_attr(
    test,
    expect(
        clippy::disallowed_methods,
        reason = "expected values come from the other implementation"
    )
)]

mod agreement;
mod as_lif;
mod engine;
mod error;
mod exact;
mod finite_differences;
mod forward;
mod gradient_check;
mod number;
mod saltation;
mod signature;
pub mod stochastic;
#[cfg(feature = "proptest")]
pub mod strategies;
pub mod time_stepped;

pub use agreement::{Agreement, Entry};
pub use engine::{Answer, Engine, Evidence, Question, Refusal, Run};
pub use error::CompareError;
pub use exact::{Certificate, EvaluationError, Exact, Grazing, Loss, Settings};
pub use finite_differences::{Difference, Differences, FiniteDifferences, TOLERANCE};
pub use forward::ForwardPropagation;
pub use gradient_check::{GradientCheck, check_engine, check_gradient};
pub use number::Number;
pub use saltation::{Condition, Saltation};
pub use signature::Signature;
