//! What can go wrong with a figure or a file, each as one sentence in the user's terms.

use std::path::PathBuf;

use thiserror::Error;

/// A figure that cannot be drawn, or a file that cannot be written.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ReportError {
    /// The file could not be written; an older file of that name is unharmed. Look at the folder and the disk.
    #[error("cannot write {}: {reason}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        reason: std::io::Error,
    },

    /// Figures are written as `.svg` or `.png`, chosen by the ending of the file's name.
    #[error("cannot tell the format of figure {}: its name must end in .svg or .png", path.display())]
    FigureFormat {
        /// The file.
        path: PathBuf,
    },

    /// There is nothing that could be drawn.
    #[error("nothing to draw: {missing}")]
    EmptyFigure {
        /// What would be needed.
        missing: &'static str,
    },

    /// A spike of a neuron that the figure does not have.
    #[error(
        "cannot draw a spike of neuron {neuron} of population {population}: there is no such neuron"
    )]
    UnknownNeuron {
        /// Index of the population.
        population: usize,
        /// Index of the neuron in its population.
        neuron: usize,
    },

    /// A picture that would be too small to be read, or too large to be held.
    #[error("a figure is {least} to {most} points wide and high, not {length:?}")]
    Size {
        /// What was asked for, in points.
        length: f64,
        /// The least, in points.
        least: f64,
        /// The most, in points.
        most: f64,
    },

    /// What is to be drawn does not fit into a picture of this height. Make it higher, or draw less.
    #[error(
        "what is to be drawn does not fit into a height of {height:?} points; allow more, or draw fewer neurons"
    )]
    TooLow {
        /// What was asked for, in points.
        height: f64,
    },

    /// The drawing library failed, which it has no reason to.
    #[error("drawing failed: {reason}")]
    Drawing {
        /// What it said.
        reason: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl ReportError {
    /// For what the drawing library reports.
    pub(crate) fn drawing(reason: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self::Drawing { reason: Box::new(reason) }
    }
}
