//! A second simulator, slow and independent: it reads the problem document, computes to 100 digits, and shares no code with the engine.
//!
//! It knows the model by the words of the problem format alone. What it answers is exact, so that the only question is how far doubles may be
//! off, and of that it carries a bound along. Where doubles do not decide the order of two events it follows the engine's choice and counts
//! it; a spike that is lost or invented, or at a wrong time, is never a choice.
//!
//! Not here: networks (`independent.rs`), gradients (`agreement.rs`).

mod cell;
mod document;
mod following;
mod membrane;
mod number;
pub(crate) mod potentials;
mod rounding;
mod simulator;

pub(crate) use document::Document;
pub(crate) use following::{Followed, exact_spikes, follow};
pub(crate) use simulator::Run;
