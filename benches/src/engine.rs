//! Both engines behind one handle, with their workspaces: the calls below the facade that benchmarks need.
//!
//! The facade runs a loss between the two passes; here each pass is a call of its own, so that a figure holds one pass alone.
//! Both keep their names in the program, where `benches/callgrind.sh` finds them, and each does what the facade does: the sweep
//! where the network is layered, and the event loop for every run that a sweep gives up. How many these were is counted, so
//! that no figure of the sweep is secretly one of the event loop. Not here: batches and threads, which are the facade's.

use crate::workload::SETTINGS;
use spikegrad::{Cotangents, Loss, LossMemory, Network, Parameters, Stimulus, Trace};
use spikegrad_adjoint::{
    BackwardSweepWorkspace, BackwardWorkspace, GradientSum, backward_all_into, is_sweepable,
    sweep_backward_into,
};
use spikegrad_network::{Circuit, Layers, ReadoutRequest, StimulusGradient};
use spikegrad_simulate::{
    Options, SweepWorkspace, Workspace, simulate_forward_into, simulate_into, sweep_forward_into,
    sweep_into,
};

/// Which engine: the facade's choice.
pub use spikegrad::Engine as Choice;

/// A network made ready, and scratch memory.
#[derive(Debug)]
pub struct Engine<'a> {
    network: &'a Network,
    circuit: Circuit,
    /// Set if the sweep does the work.
    layers: Option<Layers>,
    /// Whether runs carry the derivatives with respect to time constants along.
    has_time_constants: bool,
    requests: Vec<ReadoutRequest>,
    forward: (Workspace, SweepWorkspace),
    backward: (BackwardWorkspace, BackwardSweepWorkspace),
    sum: GradientSum,
    of_stimulus: StimulusGradient,
    memory: LossMemory,
    given_up: u64,
}

impl<'a> Engine<'a> {
    /// Makes ready.
    ///
    /// # Panics
    /// If the parameters do not fit the network.
    #[must_use]
    pub fn new(network: &'a Network, parameters: &Parameters, choice: Choice) -> Self {
        let circuit = Circuit::new(network, parameters).expect("valid parameters");
        let layers = match choice {
            Choice::Automatic => Layers::new(network, &circuit).ok(),
            Choice::EventLoop => None,
        };
        Self {
            network,
            layers,
            has_time_constants: true,
            requests: Vec::new(),
            forward: Default::default(),
            backward: Default::default(),
            sum: GradientSum::new(&circuit),
            of_stimulus: StimulusGradient::default(),
            memory: LossMemory::default(),
            given_up: 0,
            circuit,
        }
    }

    /// Without the derivatives with respect to time constants.
    #[must_use]
    pub fn without_time_constants(self) -> Self {
        Self { has_time_constants: false, sum: self.sum.without_time_constants(), ..self }
    }

    /// The layers, if the sweep does the work.
    #[must_use]
    pub fn layers(&self) -> Option<&Layers> {
        self.layers.as_ref()
    }

    /// Passes so far that the sweep left to the event loop.
    #[must_use]
    pub fn given_up(&self) -> u64 {
        self.given_up
    }

    /// Simulates into `trace`, with the read-outs of `loss`.
    ///
    /// # Panics
    /// If the run cannot be finished.
    #[inline(never)]
    pub fn forward(&mut self, stimulus: &Stimulus, loss: &dyn Loss, trace: &mut Trace) {
        let Self { network, circuit, requests, forward: (event_loop, sweep), .. } = self;
        let has_tangents = self.has_time_constants;
        let by_sweep = if has_tangents { sweep_into } else { sweep_forward_into };
        requests.clear();
        loss.readouts_into(network, requests).expect("a loss of the network");
        let options = Options { readouts: requests, max_events: SETTINGS.max_events };
        if let Some(layers) = &self.layers {
            if by_sweep(circuit, layers, stimulus, options, sweep, trace).is_ok() {
                return;
            }
            self.given_up += 1;
        }
        let run = if has_tangents {
            simulate_into(circuit, stimulus, options, event_loop, trace)
        } else {
            simulate_forward_into(circuit, stimulus, options, event_loop, trace)
        };
        run.expect("a finite run");
    }

    /// What the loss says of a trace.
    ///
    /// # Panics
    /// If that is not finite.
    pub fn evaluate(&mut self, loss: &dyn Loss, trace: &Trace, cotangents: &mut Cotangents) {
        let value = loss.evaluate_in(self.network, trace, cotangents, &mut self.memory);
        value.expect("a finite value");
    }

    /// Adds the gradient of one run to the sum.
    ///
    /// # Panics
    /// If there is no gradient.
    #[inline(never)]
    pub fn backward(&mut self, trace: &Trace, cotangents: &Cotangents) {
        let Self { circuit, backward: (event_loop, sweep), sum, of_stimulus, .. } = self;
        let grazing = SETTINGS.grazing;
        if let Some(layers) = &self.layers {
            if is_sweepable(circuit, trace) {
                sweep_backward_into(circuit, layers, trace, cotangents, grazing, sweep, sum)
                    .expect("a gradient");
                return;
            }
            self.given_up += 1;
        }
        backward_all_into(circuit, trace, cotangents, grazing, event_loop, sum, of_stimulus)
            .expect("a gradient");
    }
}
