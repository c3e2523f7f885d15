//! Parameters of a spiking network out of the spike trains that it shall have.
//!
//! [`fit()`] looks for weights, delays and other numbers of a network with which its neurons spike when they shall. It takes the network apart: each neuron with targets hears the targets of the
//! others, and what neurons without targets answer to them, and is fitted alone, from a few starts if need be; put together again, they hear each other. Networks whose neurons share numbers that are fitted, or
//! into which currents are injected, are fitted as a whole. The search is that of Levenberg and Marquardt, with exact derivatives of every spike time.
//!
//! A recorded neuron under a known current is another matter: no numbers have exactly its spikes. [`Intervals`] lets it start again at each recorded spike, and has the errors of the next ones with their derivatives;
//! [`least_squares`] is the search for problems stated by the caller, with the error bars of what it finds.
//!
//! ```
//! use spikegrad::{Evaluator, InputSpike, Network, NeuronId, Settings, SpikeTimeMse, Stimulus};
//! use spikegrad_fit::{FitSettings, fit, weights_and_delays};
//! // Two neurons that hear two inputs and each other, and are silent.
//! let (network, parameters) = Network::builder()
//!     .inputs(2)
//!     .lif("pair", 2)
//!     .dense("input", "pair", vec![0.1; 4])
//!     .dense("pair", "pair", vec![0.1; 4])
//!     .delay(0.002)
//!     .build()?;
//! let spikes = [(0, 0.0), (1, 0.004), (0, 0.010), (1, 0.015)];
//! let spikes = spikes.map(|(channel, time)| InputSpike { channel, time }).to_vec();
//! let stimulus = Stimulus::new(0.03, spikes)?;
//! let trains = SpikeTimeMse::new("pair", vec![vec![0.007, 0.020], vec![0.012]]);
//!
//! let trained = weights_and_delays(&parameters);
//! let found = fit(&network, &parameters, &trained, &stimulus, &[trains], &FitSettings::default(), &|_| ())?;
//! assert!(found.is_reached);
//!
//! let mut evaluator = Evaluator::new(&network, &found.parameters, Settings::default())?;
//! let trace = evaluator.simulate(&stimulus, &[])?;
//! let first: Vec<f64> = trace.spike_times(NeuronId::new(0)).collect();
//! assert!((first[0] - 0.007).abs() < 1e-6 && (first[1] - 0.020).abs() < 1e-6 && first.len() == 2);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod alone;
mod error;
mod error_bars;
mod fit;
mod intervals;
pub mod least_squares;
mod numbers;
mod potentials;
mod restart;
mod runs;
mod spike_times;
mod starts;

pub use error::FitError;
pub use fit::{Fit, FitSettings, FittedNeuron, Progress, fit};
pub use intervals::{ALIF_NUMBERS, Intervals, NextSpikeGradient, NextSpikes, Sampled};
pub use numbers::weights_and_delays;
