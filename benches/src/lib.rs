//! What the benchmarks share: workloads, the engines behind one handle, timing, memory, the limits of the machine.
//!
//! The workloads are networks with random weights and synthetic input spikes, from fixed seeds; their weights were chosen so
//! that the numbers of spikes are those of published experiments ([`workload`]). All calls of the engines that are not of the
//! facade stand in [`engine`].
//!
//! Not here: what is measured and printed (`src/bin`, `benches`), other libraries (`peers`).

pub mod brain;
pub mod engine;
pub mod export;
pub mod machine;
pub mod memory;
mod poisson;
pub mod timing;
pub mod workload;

pub use poisson::poisson;
pub use workload::{Counts, NAMES, Workload};
