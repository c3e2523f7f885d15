//! Writing networks as NIR files, with the options that say what their numbers mean.
//!
//! Not here: the format (`spikegrad-nir`).

use crate::arguments;
use crate::error::Failure;
use clap::{Args, ValueEnum};
use spikegrad::{Network, Parameters};
use spikegrad_nir::Convention;
use std::path::Path;

/// What the numbers of a NIR file mean.
#[derive(Debug, Args)]
pub(crate) struct Meaning {
    /// What the numbers of a NIR file that is written mean
    #[arg(long, value_enum, value_name = "NAME")]
    pub(crate) convention: Option<Name>,

    /// Step of the other tool, in seconds: its spikes are pulses of height 1 that last so long
    ///
    /// Of a file that is read it need be given only where the file does not carry it.
    #[arg(long, value_name = "DT", value_parser = arguments::seconds, allow_negative_numbers = true)]
    pub(crate) dt: Option<f64>,
}

/// The two conventions of NIR files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Name {
    /// The equations of NIR as they stand
    Continuous,
    /// Those of a tool that takes steps (--dt)
    Discrete,
}

impl Meaning {
    /// Whether any of it was said.
    pub(crate) fn is_said(&self) -> bool {
        self.convention.is_some() || self.dt.is_some()
    }

    /// Writes the network of `source`, which a failure names, to the file `to`.
    pub(crate) fn write(
        &self,
        (network, parameters): (&Network, &Parameters),
        source: &Path,
        to: &Path,
    ) -> Result<(), Failure> {
        let convention = match (self.convention, self.dt) {
            (Some(Name::Discrete), Some(dt)) => Convention::Discrete { dt },
            (Some(Name::Discrete), None) => return Err(Failure::NoStep),
            (_, Some(_)) => return Err(Failure::StepOfContinuous),
            (_, None) => Convention::Continuous,
        };
        spikegrad_nir::write(network, parameters, to, convention)
            .map_err(|reason| Failure::of_nir(source, reason))
    }
}

/// Whether a file is one of NIR by its name.
pub(crate) fn is_nir(file: &Path) -> bool {
    file.extension().is_some_and(|extension| extension == "nir")
}
