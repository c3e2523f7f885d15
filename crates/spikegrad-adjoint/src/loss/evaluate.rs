//! What is done with a loss: one way for all losses and all callers, so that two engines cannot ask one loss for two things.
//!
//! Not here: any loss.

use super::{Cotangents, Loss};
use crate::AdjointError;
use spikegrad_dynamics::Scalar;
use spikegrad_network::{Network, NetworkError, ReadoutRequest, Trace};

/// What every loss can do: say what a run shall record for it, and what a run is worth.
///
/// It follows from the three methods of [`Loss`] and cannot be implemented. On a `dyn Loss` its methods can be called as they are; on
/// a loss of a known type, `use` of this trait brings them into scope.
pub trait Evaluate<T: Scalar = f64> {
    /// What the run shall record of membrane potentials, in the order in which the trace will hold it.
    ///
    /// # Errors
    /// [`NetworkError`] if the loss does not fit `network`.
    fn readouts(&self, network: &Network) -> Result<Vec<ReadoutRequest>, NetworkError>;

    /// The value, and its derivative with respect to everything it read.
    ///
    /// # Errors
    /// [`AdjointError::Network`] if the loss does not fit `network`, [`AdjointError::Readouts`] if `trace` does not hold what
    /// [`Self::readouts`] asks for, [`AdjointError::Cotangents`] if the loss changed the number of its cotangents,
    /// [`AdjointError::NonFiniteLoss`] if the value is not finite.
    fn evaluate(
        &self,
        network: &Network,
        trace: &Trace<T>,
    ) -> Result<(T, Cotangents<T>), AdjointError>;
}

impl<T: Scalar, L: Loss<T> + ?Sized> Evaluate<T> for L {
    fn readouts(&self, network: &Network) -> Result<Vec<ReadoutRequest>, NetworkError> {
        self.check(network)?;
        let mut requests = Vec::new();
        self.request(network, &mut requests);
        Ok(requests)
    }

    fn evaluate(
        &self,
        network: &Network,
        trace: &Trace<T>,
    ) -> Result<(T, Cotangents<T>), AdjointError> {
        let requests = self.readouts(network)?;
        let held = trace.readouts.iter().map(|readout| readout.request);
        if !held.eq(requests.iter().copied()) {
            let (expected, found) = (requests.len(), trace.readouts.len());
            return Err(AdjointError::Readouts { expected, found });
        }
        let mut cotangents = Cotangents::zeros(trace);
        let value = self.evaluate_into(network, trace, &mut cotangents);
        cotangents.check(trace)?;
        if value.re().is_finite() {
            Ok((value, cotangents))
        } else {
            Err(AdjointError::NonFiniteLoss)
        }
    }
}
