//! What is read from potentials, of neurons that spike and of those that do not; where its derivative is one-sided, and what
//! certificates say of that.
//!
//! | file | statements about |
//! | --- | --- |
//! | `spiking.rs` | all measures on all neurons: values, gradients, both engines |
//! | `adaptive.rs` | averages and maxima of neurons that adapt, or have receptors |
//! | `maxima.rs` | what counts as the maximum of a run |
//! | `instants.rs` | read-outs, releases and ends at the very time of an event |
//! | `requests.rs` | read-outs that cannot be taken |
//! | `ties.rs` | coincidences at which a loss has a kink |
//! | `touches.rs` | touches and slopes on which nothing depends |

mod adaptive;
mod instants;
mod maxima;
mod requests;
mod spiking;
mod ties;
mod touches;

use crate::random_networks::MAX_EVENTS;
use spikegrad::problem::Problem;
use spikegrad::{
    Derivatives, Engine, Error, Evaluation, Gradient, Loss, Network, Observation, ReadoutRequest,
    Settings, value_and_grad,
};

const EVENT_LOOP: Settings =
    Settings { engine: Engine::EventLoop, max_events: MAX_EVENTS, ..Settings::DEFAULT };

const AUTOMATIC: Settings = Settings { engine: Engine::Automatic, ..EVENT_LOOP };

/// Σ c t over all spikes and Σ c m over read-outs, with coefficients of its own for each.
#[derive(Debug)]
struct Reads {
    /// One for every spike.
    of_spikes: f64,
    /// What is read, each with its coefficient.
    of_readouts: Vec<(ReadoutRequest, f64)>,
}

impl Reads {
    /// One read-out, as it is.
    fn one(neuron: u32, measure: spikegrad::Measure) -> Self {
        let neuron = spikegrad::NeuronId(neuron);
        Self { of_spikes: 0.0, of_readouts: vec![(ReadoutRequest { neuron, measure }, 1.0)] }
    }
}

impl Loss for Reads {
    fn request(&self, _: &Network, requests: &mut Vec<ReadoutRequest>) {
        requests.extend(self.of_readouts.iter().map(|&(request, _)| request));
    }
    fn spikes_read(&self, _: &Network, _: spikegrad::NeuronId) -> usize {
        if self.of_spikes == 0.0 { 0 } else { usize::MAX }
    }
    fn evaluate_into(&self, run: &Observation<'_>, into: &mut Derivatives<'_>) -> f64 {
        let mut value = 0.0;
        for (spike, cotangent) in run.spikes.iter().zip(&mut *into.spikes) {
            value += self.of_spikes * spike.time;
            *cotangent = self.of_spikes;
        }
        for (k, &(_, coefficient)) in self.of_readouts.iter().enumerate() {
            value += coefficient * run.readouts[k].value;
            into.readouts[k] = coefficient;
        }
        value
    }
}

fn evaluate(problem: &Problem, loss: &dyn Loss, settings: &Settings) -> Result<Evaluation, Error> {
    let Problem { network, parameters, stimulus, .. } = problem;
    value_and_grad(network, parameters, stimulus, loss, settings)
}

/// Every number of a gradient, input times in the order in which they were given.
fn flat(gradient: &Gradient) -> Vec<f64> {
    [gradient.parameters.to_vec(), gradient.input_times.clone()].concat()
}
