//! NIR graphs, files in which tools for spiking networks exchange what they trained, to networks of the engine and back.
//!
//! ```text
//! file.nir  ⇄  Graph: nodes, edges  ⇄  Network and Parameters
//! ```
//!
//! [`read`] and [`write()`] go all the way, [`Graph`] is the middle. What a file may hold that the engine cannot is refused by the name
//! of its node, with the reason. How each node is mapped, and what the two conventions of such files are, stands in docs/nir.md.
//! [`GraphData`] holds recorded spikes, in files of their own.
//!
//! Not here: any simulation.

mod data;
mod error;
mod export;
mod file;
mod form;
mod graph;
mod import;
mod linear;
mod neurons;
mod shapes;
mod windows;

pub use data::{GraphData, Observable};
pub use error::NirError;
pub use export::write;
pub use graph::{Array, Field, Graph, Kind, Node};
pub use import::{Import, ReadOptions, read, read_with};

/// What numbers of a NIR file mean.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Convention {
    /// Its equations as they stand; a spike is a Dirac pulse of area 1.
    Continuous,
    /// The equations in steps: a spike is a pulse of height 1 that lasts one step.
    Discrete {
        /// The step, in seconds.
        dt: f64,
    },
}
