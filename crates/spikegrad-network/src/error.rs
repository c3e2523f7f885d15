//! What can be wrong with a network, its parameters or its stimulus. Places are named as in the problem file, which is
//! also how the library's own structures nest.

use crate::Model;
use crate::wording::shown;
use spikegrad_dynamics::{Table, receptors};
use thiserror::Error;

/// A network, parameters or a stimulus that cannot be used.
#[derive(Clone, Debug, Error, PartialEq)]
#[non_exhaustive]
pub enum NetworkError {
    /// A number is outside its range. Change it to what is expected.
    #[error("{place} is {value:?}; it must be {expected}")]
    Value {
        /// Where the number stands.
        place: String,
        /// What stands there.
        value: f64,
        /// What may stand there.
        expected: &'static str,
    },
    /// A list has the wrong length. Give one entry for each of what the message names.
    #[error("{place} has {found} entries; it must have {expected}, one for each {of}")]
    Length {
        /// Where the list stands.
        place: String,
        /// Its length.
        found: usize,
        /// The length that fits.
        expected: usize,
        /// What it has one entry for.
        of: &'static str,
    },
    /// Parameters of another model than the population's.
    #[error("the parameters of {place} are those of a {found}; the population is a {expected}")]
    Model {
        /// Which population.
        place: String,
        /// The model whose parameters they are.
        found: &'static str,
        /// The model of the population.
        expected: &'static str,
    },
    /// A model that an engine for neurons of one kind does not know.
    #[error(
        "{place} has the model {model}, which this engine does not run: use an evaluator, which finds the one that does"
    )]
    Kind {
        /// Which population.
        place: String,
        /// Its model.
        model: &'static str,
    },
    /// A number that the model of a population does not have.
    #[error("{place} has no {}: {}", shown(.name), has(.table))]
    Quantity {
        /// Which population.
        place: String,
        /// The name that was asked for.
        name: String,
        /// What the model says of its numbers.
        table: &'static Table,
    },
    /// A word that stands for something else, or for nothing.
    #[error("{place} is \"{}\"; it must be {expected}", shown(.found))]
    Word {
        /// Where the word stands.
        place: String,
        /// The word.
        found: String,
        /// What may stand there.
        expected: String,
    },
    /// Keys that exclude or need each other.
    #[error("{place} must have {expected}")]
    Keys {
        /// Where the keys stand.
        place: String,
        /// What must be there.
        expected: &'static str,
    },
    /// Something was said of what had not been named yet.
    #[error("{place} is not there: name {expected}")]
    Builder {
        /// What is not there.
        place: String,
        /// What has to be named.
        expected: &'static str,
    },
    /// A connection to neurons with several receptors that does not say at which it arrives.
    #[error("{place} must name the receptor at which it arrives: {names}")]
    Receptor {
        /// Which connection.
        place: String,
        /// The receptors that there are.
        names: String,
    },
    /// A number of receptors that neurons of a model cannot have.
    #[error("{place} has {found} receptors; a {model} has {expected}")]
    Receptors {
        /// Which population.
        place: String,
        /// How many were listed.
        found: usize,
        /// The model of the population.
        model: &'static str,
        /// How many there may be.
        expected: String,
    },
    /// A current into neurons that take none.
    #[error("{place} is injected into neurons of the model {model}, which takes no current")]
    Current {
        /// Which current.
        place: String,
        /// The model.
        model: &'static str,
    },
    /// An index points outside of what it counts.
    #[error("{place} is {index}, but there are only {count} {of}; counting starts at 0")]
    Index {
        /// Where the index stands.
        place: String,
        /// The index.
        index: usize,
        /// How many there are.
        count: usize,
        /// Of what.
        of: &'static str,
    },
    /// A name is taken twice, or is the reserved name of the inputs.
    #[error("{place} is \"{}\"; a name must be unique and not \"input\"", shown(.name))]
    Name {
        /// Where the name stands.
        place: String,
        /// The name.
        name: String,
    },
    /// A name that another of the same list has.
    #[error("{place} is \"{}\", which stands before it, too", shown(.name))]
    Twice {
        /// Where the name stands.
        place: String,
        /// The name.
        name: String,
    },
    /// A kernel, or a window of an average, that is larger than the image. Make it smaller, or the padding larger.
    #[error(
        "a window of {size} pixels does not fit into {padded}, the padding included; make `kernel_size` smaller or `padding` larger"
    )]
    Window {
        /// Height and width of the window.
        size: usize,
        /// Height or width of the image with its padding.
        padded: usize,
    },
    /// More synapses than an engine can number; nothing was allocated for them.
    #[error("{place} brings the number of synapses to {count}; at most {limit} are supported")]
    TooManySynapses {
        /// Which connection.
        place: String,
        /// Synapses up to there.
        count: u64,
        /// The limit.
        limit: u64,
    },
    /// More neurons and inputs than an engine holds; nothing was allocated for them.
    #[error(
        "{place} brings the number of neurons and inputs to {count}; at most {limit} are supported"
    )]
    TooLarge {
        /// Where the size stands.
        place: String,
        /// Neurons and inputs up to there.
        count: u64,
        /// The limit.
        limit: usize,
    },
}

impl NetworkError {
    /// So many receptors at a population of this model.
    pub(crate) fn receptors(place: String, model: Model, found: usize) -> Self {
        let expected = if model.takes_receptors() {
            format!("1 to {}", receptors::MOST)
        } else {
            "one synapse and lists no receptors".into()
        };
        Self::Receptors { place, found, model: model.table().model, expected }
    }

    /// The same of something that stands at `outer`: its place begins there.
    #[must_use]
    pub fn below(mut self, outer: &str) -> Self {
        if let Some(place) = self.place_mut() {
            *place = if place.is_empty() { outer.into() } else { format!("{outer}.{place}") };
        }
        self
    }

    /// Where it is wrong, as in the problem file; nothing, if the error has no place of its own.
    #[must_use]
    pub fn place(&self) -> Option<String> {
        self.clone().place_mut().cloned()
    }

    fn place_mut(&mut self) -> Option<&mut String> {
        match self {
            Self::Value { place, .. }
            | Self::Length { place, .. }
            | Self::Model { place, .. }
            | Self::Kind { place, .. }
            | Self::Quantity { place, .. }
            | Self::Word { place, .. }
            | Self::Keys { place, .. }
            | Self::Current { place, .. }
            | Self::Builder { place, .. }
            | Self::Index { place, .. }
            | Self::Name { place, .. }
            | Self::Twice { place, .. }
            | Self::Receptor { place, .. }
            | Self::Receptors { place, .. }
            | Self::TooManySynapses { place, .. }
            | Self::TooLarge { place, .. } => Some(place),
            Self::Window { .. } => None,
        }
    }
}

/// What a model has, in words.
fn has(table: &Table) -> String {
    let (model, parameters, initial) = (table.model, table.names(false), table.names(true));
    format!("a {model} has {parameters} in params, {initial} in initial")
}
