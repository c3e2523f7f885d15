//! Both engines behind one handle, with their workspaces: the calls below the facade that benchmarks need.
//!
//! The facade builds its tables anew for each batch; here they are built once, so that a figure holds the passes alone. Both
//! passes keep their names in the program, where `benches/callgrind.sh` finds them. Not here: batches and threads, which are the facade's (`value_batch`, `value_and_grad_batch`).

use crate::workload::SETTINGS;
use spikegrad::{Cotangents, Loss, Network, Parameters, Stimulus, Trace};
use spikegrad_adjoint::{BackwardWorkspace, GradientSum, backward_into};
use spikegrad_network::Circuit;
use spikegrad_simulate::{Options, Workspace, simulate_into};

/// A network made ready, and scratch memory.
#[derive(Debug)]
pub struct Engine<'a> {
    network: &'a Network,
    circuit: Circuit,
    forward: Workspace,
    backward: BackwardWorkspace,
    sum: GradientSum,
}

impl<'a> Engine<'a> {
    /// Makes ready.
    ///
    /// # Panics
    /// If the parameters do not fit the network.
    #[must_use]
    pub fn new(network: &'a Network, parameters: &Parameters) -> Self {
        let circuit = Circuit::new(network, parameters).expect("valid parameters");
        let sum = GradientSum::new(&circuit);
        let (forward, backward) = (Workspace::default(), BackwardWorkspace::default());
        Self { network, circuit, forward, backward, sum }
    }

    /// Simulates into `trace`, with the read-outs of `loss`.
    ///
    /// # Panics
    /// If the run cannot be finished.
    #[inline(never)]
    pub fn forward(&mut self, stimulus: &Stimulus, loss: &dyn Loss, trace: &mut Trace) {
        let options =
            Options { max_events: SETTINGS.max_events, readouts: loss.readouts(self.network) };
        simulate_into(&self.circuit, stimulus, &options, &mut self.forward, trace)
            .expect("a finite run");
    }

    /// What the loss says of a trace.
    #[must_use]
    pub fn evaluate(&self, loss: &dyn Loss, trace: &Trace) -> Cotangents {
        loss.evaluate(self.network, trace).1
    }

    /// Adds the gradient of one run to the sum.
    ///
    /// # Panics
    /// If there is no gradient.
    #[inline(never)]
    pub fn backward(&mut self, trace: &Trace, cotangents: &Cotangents) {
        let (circuit, grazing) = (&self.circuit, SETTINGS.grazing);
        backward_into(circuit, trace, cotangents, grazing, &mut self.backward, &mut self.sum)
            .expect("a gradient");
    }
}
