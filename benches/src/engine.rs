//! The engines behind one handle, with their workspaces: the calls below the facade that benchmarks need.
//!
//! The facade runs a loss between the two passes; here each pass is a call of its own, so that a figure holds one pass alone.
//! They keep their names in the program, where `benches/callgrind.sh` finds them, and each does what the facade does: the sweep
//! where the network is layered, windows where it is sparse, and the event loop for every run that these give up. How many these were is counted, so
//! that no figure of theirs is secretly one of the event loop. Not here: batches and threads, which are the facade's.

use crate::workload::SETTINGS;
use spikegrad::dynamics::{AnyNeuron, Lif};
use spikegrad::{Cotangents, Loss, LossMemory, Network, Parameters, Stimulus, Trace};
use spikegrad_adjoint::{
    BackwardSweepWorkspace, BackwardWorkspace, GradientSum, SweptNeuron, backward_all_into,
    is_sweepable, sweep_backward_into,
};
use spikegrad_network::{Circuit, Layers, ReadoutRequest, StimulusGradient};
use spikegrad_simulate::{
    Options, SparseWorkspace, SweepWorkspace, Workspace, is_sparse, simulate_forward_into,
    simulate_into, sparse_forward_into, sparse_into, sweep_forward_into, sweep_into,
};
use std::any::Any;

/// Which engine: the facade's choice.
pub use spikegrad::Engine as Choice;

/// A network made ready, and scratch memory.
#[derive(Debug)]
pub struct Engine<'a>(Kind<'a>);

/// By the kind of its neurons, as in the facade.
#[derive(Debug)]
enum Kind<'a> {
    Linear(Box<Ready<'a, Lif<f64>>>),
    Any(Box<Ready<'a, AnyNeuron<f64>>>),
}

/// Does the same with either kind.
macro_rules! either {
    ($engine:expr, $ready:ident => $what:expr) => {
        match $engine {
            Kind::Linear($ready) => $what,
            Kind::Any($ready) => $what,
        }
    };
}

impl<'a> Engine<'a> {
    /// Makes ready.
    ///
    /// # Panics
    /// If the parameters do not fit the network.
    #[must_use]
    pub fn new(network: &'a Network, parameters: &Parameters, choice: Choice) -> Self {
        Self(if network.is_linear() {
            Kind::Linear(Box::new(Ready::new(network, parameters, choice)))
        } else {
            Kind::Any(Box::new(Ready::new(network, parameters, choice)))
        })
    }

    /// With the derivatives with respect to weights, thresholds and the like alone, without those with respect to time constants and to the times of inputs.
    #[must_use]
    pub fn of_weights(mut self) -> Self {
        either!(&mut self.0, ready => ready.keep_weights());
        self
    }

    /// The layers, if the sweep does the work.
    #[must_use]
    pub fn layers(&self) -> Option<&Layers> {
        either!(&self.0, ready => ready.layers.as_ref())
    }

    /// Passes so far that the sweep left to the event loop.
    #[must_use]
    pub fn given_up(&self) -> u64 {
        either!(&self.0, ready => ready.given_up)
    }

    /// Simulates into `trace`, with the read-outs of `loss`.
    ///
    /// # Panics
    /// If the run cannot be finished.
    #[inline(never)]
    pub fn forward(&mut self, stimulus: &Stimulus, loss: &dyn Loss, trace: &mut Trace) {
        either!(&mut self.0, ready => ready.forward(stimulus, loss, trace));
    }

    /// What the loss says of a trace.
    ///
    /// # Panics
    /// If that is not finite.
    pub fn evaluate(&mut self, loss: &dyn Loss, trace: &Trace, cotangents: &mut Cotangents) {
        either!(&mut self.0, ready => ready.evaluate(loss, trace, cotangents));
    }

    /// Adds the gradient of one run to the sum.
    ///
    /// # Panics
    /// If there is no gradient.
    #[inline(never)]
    pub fn backward(&mut self, trace: &Trace, cotangents: &Cotangents) {
        either!(&mut self.0, ready => ready.backward(trace, cotangents));
    }
}

/// A network of one kind of neurons.
#[derive(Debug)]
struct Ready<'a, N: SweptNeuron> {
    network: &'a Network,
    circuit: Circuit<f64, N>,
    /// Set if the sweep does the work.
    layers: Option<Layers>,
    /// Whether windows do the way forward.
    is_sparse: bool,
    /// Whether runs carry the derivatives with respect to time constants along.
    has_time_constants: bool,
    requests: Vec<ReadoutRequest>,
    event_loop: (Workspace<f64, N>, BackwardWorkspace<f64, N>),
    sweep: (SweepWorkspace, BackwardSweepWorkspace),
    windows: SparseWorkspace,
    sum: GradientSum<f64, N>,
    of_stimulus: StimulusGradient,
    memory: LossMemory,
    given_up: u64,
}

impl<'a, N: SweptNeuron> Ready<'a, N> {
    fn new(network: &'a Network, parameters: &Parameters, choice: Choice) -> Self {
        let circuit = Circuit::of(network, parameters).expect("valid parameters");
        let layers = match choice {
            Choice::Automatic => Layers::new(network, &circuit).ok(),
            Choice::EventLoop => None,
        };
        let leaky = (&circuit as &dyn Any).downcast_ref();
        let is_sparse = choice == Choice::Automatic && leaky.is_some_and(is_sparse);
        Self {
            network,
            is_sparse: is_sparse && layers.is_none(),
            layers,
            has_time_constants: true,
            requests: Vec::new(),
            event_loop: Default::default(),
            sweep: Default::default(),
            windows: Default::default(),
            sum: GradientSum::new(&circuit),
            of_stimulus: StimulusGradient::default(),
            memory: LossMemory::default(),
            given_up: 0,
            circuit,
        }
    }

    fn keep_weights(&mut self) {
        self.has_time_constants = false;
        self.sum = GradientSum::new(&self.circuit).without_time_constants().without_input_times();
    }

    fn forward(&mut self, stimulus: &Stimulus, loss: &dyn Loss, trace: &mut Trace) {
        let Self { network, circuit, requests, .. } = self;
        let has_tangents = self.has_time_constants;
        let by_sweep = if has_tangents { sweep_into } else { sweep_forward_into };
        requests.clear();
        loss.readouts_into(network, requests).expect("a loss of the network");
        let options = Options { readouts: requests, max_events: SETTINGS.max_events };
        if let Some(layers) = &self.layers {
            if by_sweep(circuit, layers, stimulus, options, &mut self.sweep.0, trace).is_ok() {
                return;
            }
            self.given_up += 1;
        }
        if self.is_sparse
            && let Some(circuit) = (circuit as &dyn Any).downcast_ref()
        {
            let by_windows = if has_tangents { sparse_into } else { sparse_forward_into };
            if by_windows(circuit, stimulus, options, &mut self.windows, trace).is_ok() {
                return;
            }
            self.given_up += 1;
        }
        let run = if has_tangents {
            simulate_into(circuit, stimulus, options, &mut self.event_loop.0, trace)
        } else {
            simulate_forward_into(circuit, stimulus, options, &mut self.event_loop.0, trace)
        };
        run.expect("a finite run");
    }

    fn evaluate(&mut self, loss: &dyn Loss, trace: &Trace, cotangents: &mut Cotangents) {
        let value = loss.evaluate_in(self.network, trace, cotangents, &mut self.memory);
        value.expect("a finite value");
    }

    fn backward(&mut self, trace: &Trace, cotangents: &Cotangents) {
        let Self { circuit, event_loop: (_, event_loop), sweep: (_, sweep), sum, .. } = self;
        let grazing = SETTINGS.grazing;
        if let Some(layers) = &self.layers {
            if is_sweepable(circuit, layers, trace) {
                sweep_backward_into(circuit, layers, trace, cotangents, grazing, sweep, sum)
                    .expect("a gradient");
                return;
            }
            self.given_up += 1;
        }
        let of_stimulus = &mut self.of_stimulus;
        backward_all_into(circuit, trace, cotangents, grazing, event_loop, sum, of_stimulus)
            .expect("a gradient");
    }
}
