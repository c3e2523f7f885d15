//! What is done with a loss: one way for all losses and all callers, so that two engines cannot ask one loss for two things.
//!
//! Not here: any loss.

use super::{Cotangents, Loss, LossMemory, Observation};
use crate::{Network, NetworkError, ReadoutRequest, Trace};
use spikegrad_dynamics::Scalar;
use thiserror::Error;

/// Where a loss stands in a problem file.
const PLACE: &str = "loss";

/// A loss without a value.
#[derive(Clone, Debug, Error, PartialEq)]
#[non_exhaustive]
pub enum LossError {
    /// The loss does not fit the network.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// The run recorded other read-outs than the loss reads, or in another order. Simulate with those of
    /// [`Evaluate::readouts`] in the options.
    #[error(
        "the loss reads {expected} read-outs, but those of the trace, {found}, are not the same; simulate with the read-outs of the loss"
    )]
    Readouts {
        /// Read-outs of the loss.
        expected: usize,
        /// Read-outs in the trace.
        found: usize,
    },
    /// The value of the loss, or its derivative along a direction, left the range of a double.
    #[error("the loss or its derivative is not finite")]
    NotFinite,
}

/// What every loss can do: say what a run shall record for it, and what the value of a run is.
///
/// It follows from the methods of [`Loss`] and cannot be implemented. On a `dyn Loss` its methods can be called as they are; on
/// a loss of a known type, `use` of this trait brings them into scope.
pub trait Evaluate<T: Scalar = f64> {
    /// What the run shall record of membrane potentials, in the order in which the trace will hold it.
    ///
    /// # Errors
    /// [`NetworkError`] if the loss does not fit `network`.
    fn readouts(&self, network: &Network) -> Result<Vec<ReadoutRequest>, NetworkError>;

    /// Like [`Self::readouts`], at the end of `requests`.
    ///
    /// # Errors
    /// As [`Self::readouts`]; `requests` are then as before.
    fn readouts_into(
        &self,
        network: &Network,
        requests: &mut Vec<ReadoutRequest>,
    ) -> Result<(), NetworkError>;

    /// The value, and its derivative with respect to everything it read.
    ///
    /// # Errors
    /// [`LossError::Network`] if the loss does not fit `network`, [`LossError::Readouts`] if `trace` does not hold what
    /// [`Self::readouts`] asks for, [`LossError::NotFinite`] if the value is not finite.
    fn evaluate(
        &self,
        network: &Network,
        trace: &Trace<T>,
    ) -> Result<(T, Cotangents<T>), LossError>;

    /// The value of a run that recorded what the loss asked for, and its derivative with respect to everything it read in
    /// `cotangents`; it may use `memory` on its way.
    ///
    /// # Errors
    /// [`LossError::NotFinite`] if the value is not finite.
    ///
    /// # Panics
    /// May panic if the loss does not fit `network`, or if the read-outs of `trace` are others.
    fn evaluate_in(
        &self,
        network: &Network,
        trace: &Trace<T>,
        cotangents: &mut Cotangents<T>,
        memory: &mut LossMemory<T>,
    ) -> Result<T, LossError>;
}

impl<T: Scalar, L: Loss<T> + ?Sized> Evaluate<T> for L {
    fn readouts(&self, network: &Network) -> Result<Vec<ReadoutRequest>, NetworkError> {
        let mut requests = Vec::new();
        self.readouts_into(network, &mut requests)?;
        Ok(requests)
    }

    fn readouts_into(
        &self,
        network: &Network,
        requests: &mut Vec<ReadoutRequest>,
    ) -> Result<(), NetworkError> {
        self.check(network).map_err(|error| error.below(PLACE))?;
        self.request(network, requests);
        Ok(())
    }

    fn evaluate(
        &self,
        network: &Network,
        trace: &Trace<T>,
    ) -> Result<(T, Cotangents<T>), LossError> {
        let requests = self.readouts(network)?;
        let held = trace.readouts.iter().map(|readout| readout.request);
        if !held.eq(requests.iter().copied()) {
            let (expected, found) = (requests.len(), trace.readouts.len());
            return Err(LossError::Readouts { expected, found });
        }
        let mut cotangents = Cotangents::zeros(trace);
        let value =
            self.evaluate_in(network, trace, &mut cotangents, &mut LossMemory::default())?;
        Ok((value, cotangents))
    }

    fn evaluate_in(
        &self,
        network: &Network,
        trace: &Trace<T>,
        cotangents: &mut Cotangents<T>,
        memory: &mut LossMemory<T>,
    ) -> Result<T, LossError> {
        cotangents.reset(trace);
        let Trace { spikes, readouts, stimulus, .. } = trace;
        let run = Observation { network, t_end: stimulus.t_end(), spikes, readouts };
        let value = self.evaluate_into(&run, &mut cotangents.derivatives(memory));
        if value.re().is_finite() { Ok(value) } else { Err(LossError::NotFinite) }
    }
}
