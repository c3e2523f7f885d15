//! Ids: which neuron, which spike. Newtypes, so that one cannot be taken for the other.

use std::fmt;

macro_rules! id {
    ($name:ident, $doc:literal) => {
        #[doc = $doc]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u32);

        impl $name {
            /// The id of position `index`.
            ///
            /// # Panics
            /// If `index` does not fit in 32 bits; networks and event budgets are limited far below.
            #[must_use]
            pub fn new(index: usize) -> Self {
                Self(u32::try_from(index).expect("limits keep ids within 32 bits"))
            }

            /// Position in an array with one entry for each.
            #[must_use]
            pub fn index(self) -> usize {
                self.0 as usize
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}", self.0)
            }
        }
    };
}

id!(NeuronId, "A neuron, counted through the populations of a network in their order.");
id!(SpikeId, "A spike, counted through a trace in its order.");

/// A neuron with its name, for messages: `hidden[3]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedNeuron {
    /// Which it is.
    pub id: NeuronId,
    /// Population and index within it.
    pub name: String,
}

impl fmt::Display for NamedNeuron {
    /// Its name.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}
