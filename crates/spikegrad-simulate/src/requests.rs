//! Whether a run can record what was asked of it, before anything is run.
//!
//! Not here: how it is recorded (`readouts.rs`, `observer.rs`, `sweep/peaks.rs`).

use crate::SimulateError;
use spikegrad_network::{Measure, ReadoutRequest};

/// Checks the read-outs of a run of `neurons` neurons that ends at `t_end`, in seconds.
pub(crate) fn check(
    requests: &[ReadoutRequest],
    neurons: usize,
    t_end: f64,
) -> Result<(), SimulateError> {
    for (request, &ReadoutRequest { neuron, measure }) in requests.iter().enumerate() {
        if neuron.index() >= neurons {
            return Err(SimulateError::ReadoutNeuron { request, neuron, neurons });
        }
        match measure {
            Measure::Sample { time } if !(0.0..=t_end).contains(&time) => {
                return Err(SimulateError::SampleTime { request, time, t_end });
            }
            Measure::Weighted { tau } if tau.is_nan() || tau <= 0.0 => {
                return Err(SimulateError::FadingWeight { request, tau });
            }
            Measure::Mean | Measure::Weighted { .. } if t_end <= 0.0 => {
                return Err(SimulateError::AverageOfNothing { request });
            }
            Measure::Sample { .. }
            | Measure::Maximum
            | Measure::Mean
            | Measure::Weighted { .. } => {}
        }
    }
    Ok(())
}
