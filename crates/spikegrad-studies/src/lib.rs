//! Studies: questions about gradients of spiking networks, answered with numbers and put on a page.
//!
//! Each [`Study`] is a function of a [`Plan`] that gives [`Findings`]: numbers, as JSON, and a [`Page`](spikegrad_report::Page) that shows
//! them in pictures and tables. The same seed gives the same numbers, but for times, which are measured.
//!
//! Not here: the methods that are compared (`spikegrad-compare`), how a page looks (`spikegrad-report`), and files.

mod agreement;
mod conservative;
mod cost;
mod drawing;
mod entries;
mod error;
mod findings;
pub mod landscape;
pub mod problem;
mod robustness;
mod similarity;
mod smoothness;
mod stochastic;
mod study;
mod task;

pub use error::StudyError;
pub use findings::Findings;
pub use study::{Plan, Study};
