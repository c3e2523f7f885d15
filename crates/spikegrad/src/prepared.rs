//! A network ready to be run, by the engine that suits it.
//!
//! The layered sweep does the work where the network is layered, and windows where it is large, sparse and has delays; a run in which something out of the ordinary
//! happens, and every other network, is the event loop's. Not here: a run (`scratch.rs`).

use crate::evaluator::Evaluator;
use crate::threads;
use spikegrad_adjoint::{GradientSum, Grazing, SweptNeuron};
use spikegrad_dynamics::Lif;
use spikegrad_network::{Circuit, Layers, Network, NetworkError, NotLayered, Parameters};
use spikegrad_simulate::{SparseWorkspace, is_sparse};
use std::any::Any;
use std::fmt;
use std::sync::Arc;

/// Most events a sample unless said otherwise.
pub const DEFAULT_MAX_EVENTS: u64 = 10_000_000;

/// Which engine does the work. Both give the same answer to rounding.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Engine {
    /// The layered sweep where the network is layered, windows where it is large, sparse and has delays, the event loop elsewhere.
    #[default]
    Automatic,
    /// The event loop, whatever the network.
    EventLoop,
}

/// With respect to what a gradient is taken. What is not asked for is not computed, and stands as zero in a gradient.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WithRespectTo {
    /// Time constants, too: their derivatives go along with the run. Without them a run takes between 4 and 34 % fewer instructions, by the network and the
    /// engine (`benches/callgrind.sh w3 4 automatic --weights`).
    pub time_constants: bool,
    /// Times of input spikes, and delays of the connections from inputs, too. Without them the way back reads no weight of these connections.
    pub input_times: bool,
}

impl WithRespectTo {
    /// Everything.
    pub const EVERYTHING: Self = Self { time_constants: true, input_times: true };
}

impl Default for WithRespectTo {
    /// [`Self::EVERYTHING`].
    fn default() -> Self {
        Self::EVERYTHING
    }
}

/// How to evaluate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// Which engine does the work.
    pub engine: Engine,
    /// Most events, spikes and synaptic arrivals, of one sample.
    ///
    /// It bounds the memory of a run, too, which grows with its spikes and not with its length; with its arrivals only at neurons that are not
    /// linear, whose states are recorded by the event loop and found again by the way back of the sweep. At its peak a spike takes 72
    /// bytes in the event loop and up to 180 in the layered sweep, with its gradient 128 and up to 340
    /// (`cargo run --release -p spikegrad-bench --example spike_memory`); a run that spends [`DEFAULT_MAX_EVENTS`] on nothing but
    /// spikes takes up to 1.8 GB, and 3.4 GB with its gradient, for each thread of a batch.
    pub max_events: u64,
    /// What to do where a spike grazes its threshold.
    pub grazing: Grazing,
    /// With respect to what gradients are taken.
    pub with_respect_to: WithRespectTo,
}

impl Settings {
    /// [`DEFAULT_MAX_EVENTS`], an error where the gradient does not exist, and with respect to everything.
    pub const DEFAULT: Self = Self {
        engine: Engine::Automatic,
        max_events: DEFAULT_MAX_EVENTS,
        grazing: Grazing::Fail,
        with_respect_to: WithRespectTo::EVERYTHING,
    };
}

impl Default for Settings {
    /// [`Self::DEFAULT`].
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// Why a network is run by one engine and not the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reason {
    Layered,
    Asked,
    /// Not layered, but large and sparse.
    Sparse(NotLayered),
    NotLayered(NotLayered),
}

/// Which engine runs a network, and why: in one sentence, if displayed.
#[derive(Clone, Debug)]
pub struct Explanation {
    network: Arc<Network>,
    reason: Reason,
}

impl Explanation {
    /// Whether it is the layered sweep.
    #[must_use]
    pub fn is_swept(&self) -> bool {
        self.reason == Reason::Layered
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.reason {
            Reason::Layered => f.write_str(
                "layered sweep: populations hear only earlier ones, or themselves over dense connections with one delay (with injected currents: event loop)",
            ),
            Reason::Sparse(_) => f.write_str(
                "windows: what arrives within the smallest delay is known before, and neurons that share their time constants share its effect (with injected currents, maxima or averages: event loop)",
            ),
            Reason::Asked => f.write_str("event loop: it was asked for"),
            Reason::NotLayered(why) => write!(f, "event loop: {}", why.describe(&self.network)),
        }
    }
}

/// Says which engine runs a network, and why.
///
/// # Errors
/// [`NetworkError`] if the parameters do not fit.
///
/// # Examples
/// ```
/// use spikegrad::problem::Problem;
/// use spikegrad::{Settings, explain};
/// let problem = Problem::from_json(br#"{
///   "format": "spikegrad-problem", "version": 1,
///   "network": {
///     "inputs": 1,
///     "populations": [{"name": "out", "size": 2, "model": "lif"}],
///     "connections": [
///       {"from": "input", "to": "out", "weights": [[5], [5]]},
///       {"from": "out", "to": "out", "synapses": [{"pre": 0, "post": 1, "weight": 5}]}
///     ]
///   },
///   "stimulus": {"t_end": 0.02, "spikes": []}
/// }"#)?;
/// let explanation = explain(&problem.network, &problem.parameters, &Settings::default())?;
/// assert_eq!(explanation.to_string(), "event loop: the connection from out to out is sparse");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn explain(
    network: &Network,
    parameters: &Parameters,
    settings: &Settings,
) -> Result<Explanation, NetworkError> {
    Ok(Evaluator::new(network, parameters, *settings)?.explanation())
}

/// A network ready to be run.
#[derive(Clone, Debug)]
pub(crate) struct Prepared<N: SweptNeuron = Lif<f64>> {
    pub(crate) network: Arc<Network>,
    pub(crate) circuit: Circuit<f64, N>,
    /// Set if the layered sweep does the work.
    pub(crate) layers: Option<Layers>,
    reason: Reason,
    pub(crate) settings: Settings,
}

/// From so many synapses on a run by windows is faster than one by the event loop; in small networks most windows hold an event or none.
/// `benches/examples/windows.rs` measures this limit and the next.
const LARGE: usize = 500;

/// A part of a run has at least so many synapses: two such parts gain half of what two cores could give. Threads wait for each other at the end of each window,
/// and inputs are gathered by one of them; where a batch keeps all threads busy, parts cost a tenth of the run.
const SYNAPSES_OF_A_PART: usize = 250_000;

/// The circuit, if all of its neurons are leaky.
fn leaky<N: SweptNeuron>(circuit: &Circuit<f64, N>) -> Option<&Circuit> {
    (circuit as &dyn Any).downcast_ref()
}

/// Whether runs by windows are faster than by the event loop.
fn suits_windows<N: SweptNeuron>(circuit: &Circuit<f64, N>) -> bool {
    circuit.targets.len() >= LARGE && leaky(circuit).is_some_and(is_sparse)
}

/// Who runs a network that is not layered. Time constants and delays have a say.
fn unlayered<N: SweptNeuron>(circuit: &Circuit<f64, N>, why: NotLayered) -> Reason {
    if suits_windows(circuit) { Reason::Sparse(why) } else { Reason::NotLayered(why) }
}

/// The layers of a network that is to be swept, and why it is or is not.
fn choose<N: SweptNeuron>(
    network: &Network,
    circuit: &Circuit<f64, N>,
    settings: Settings,
) -> (Option<Layers>, Reason) {
    match settings.engine {
        Engine::EventLoop => (None, Reason::Asked),
        Engine::Automatic => match Layers::new(network, circuit) {
            Ok(layers) => (Some(layers), Reason::Layered),
            Err(why) => (None, unlayered(circuit, why)),
        },
    }
}

impl<N: SweptNeuron> Prepared<N> {
    pub(crate) fn new(
        network: Arc<Network>,
        parameters: &Parameters,
        settings: Settings,
    ) -> Result<Self, NetworkError> {
        let circuit = Circuit::<f64, N>::of(&network, parameters)?;
        let (layers, reason) = choose(&network, &circuit, settings);
        Ok(Self { network, circuit, layers, reason, settings })
    }

    /// Takes other parameters, and says whether synapses and groups are in the same places as before ([`Circuit::set`]).
    ///
    /// # Errors
    /// [`NetworkError`] if they do not fit; the old ones then stay.
    pub(crate) fn set(&mut self, parameters: &Parameters) -> Result<bool, NetworkError> {
        let Self { network, circuit, layers, reason, settings, .. } = self;
        let is_same_layout = circuit.set(network, parameters)?;
        let are_others = match (&mut *layers, *reason) {
            (Some(layers), _) => layers.set(circuit).is_none(),
            (None, Reason::Sparse(why) | Reason::NotLayered(why)) => {
                matches!(why, NotLayered::OwnTimeConstants { .. })
            }
            (None, _) => false,
        };
        if !is_same_layout || are_others {
            (*layers, *reason) = choose(network, circuit, *settings);
        } else if let Reason::Sparse(why) | Reason::NotLayered(why) = *reason {
            *reason = unlayered(circuit, why);
        }
        Ok(is_same_layout)
    }

    /// The circuit, if it is to be run by windows where no sweep does it.
    pub(crate) fn sparse(&self) -> Option<&Circuit> {
        let hear_apart =
            |layers: &Layers| layers.layers().iter().any(|layer| layer.apart.is_some());
        let is_sparse = match self.reason {
            Reason::Sparse(_) => true,
            Reason::Layered => {
                self.layers.as_ref().is_some_and(hear_apart) && suits_windows(&self.circuit)
            }
            Reason::Asked | Reason::NotLayered(_) => false,
        };
        if is_sparse { leaky(&self.circuit) } else { None }
    }

    /// Memory for runs by windows, in as many parts as pay.
    pub(crate) fn windows(&self) -> SparseWorkspace {
        let parts = self.circuit.targets.len() / SYNAPSES_OF_A_PART;
        SparseWorkspace::with_parts(parts.clamp(1, threads::count()))
    }

    /// An empty sum of gradients, of what is asked for.
    pub(crate) fn sum(&self) -> GradientSum<f64, N> {
        let WithRespectTo { time_constants, input_times } = self.settings.with_respect_to;
        let mut sum = GradientSum::new(&self.circuit);
        if !time_constants {
            sum = sum.without_time_constants();
        }
        if !input_times {
            sum = sum.without_input_times();
        }
        sum
    }

    pub(crate) fn explanation(&self) -> Explanation {
        Explanation { network: Arc::clone(&self.network), reason: self.reason }
    }
}
