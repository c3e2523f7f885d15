//! What to do where a spike's time has no derivative, or a very large one. Never silently: acting is counted.

use crate::AdjointError;
use spikegrad_dynamics::Scalar;
use spikegrad_network::{NamedNeuron, NeuronId, Spike};

/// Policy for spikes that graze the threshold.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Grazing {
    /// A potential that touches the threshold with slope zero is an error. Every other gradient is exact.
    #[default]
    Fail,
    /// A touch, and a spike of slope zero, contribute nothing.
    Zero,
    /// Slopes are taken as at least this many per second: inexact where it acts, and bounded.
    Floor(f64),
}

impl Grazing {
    /// The slope by which the derivative of a spike's time is to be divided; `None` if the spike shall contribute nothing.
    ///
    /// # Errors
    /// [`AdjointError::Grazing`] where the slope is not positive and no policy is named.
    pub(crate) fn slope<T: Scalar>(
        self,
        named: impl FnOnce(NeuronId) -> NamedNeuron,
        spike: &Spike<T>,
    ) -> Result<Option<T>, AdjointError> {
        match self {
            Self::Floor(floor) if spike.slope.re() < floor => Ok(Some(T::from(floor))),
            Self::Zero if spike.slope.re() <= 0.0 => Ok(None),
            _ if spike.slope.re() > 0.0 => Ok(Some(spike.slope)),
            _ => Err(AdjointError::Grazing {
                neuron: named(spike.neuron),
                time: spike.time.re(),
                slope: spike.slope.re(),
            }),
        }
    }
}
