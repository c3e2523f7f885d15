//! The product of the Hessian with a direction: the engine forward and backward, on dual numbers.
//!
//! The gradient is a program like any other. Run on numbers whose infinitesimal parts are a direction, it returns the derivative
//! of each of its entries along that direction, exact as the gradient itself, for the price of a few gradients (B. A. Pearlmutter,
//! *Fast exact multiplication by the Hessian*, Neural Computation 6, 147, 1994).
//!
//! Not here: the derivative of the value alone (`forward.rs`).

use crate::error::Error;
use crate::forward::{differentiable, lift};
use crate::prepared::Settings;
use spikegrad_adjoint::{backward, judge_touches};
use spikegrad_dynamics::{AnyNeuron, Dual64, Lif, NeuronAdjoint};
use spikegrad_network::loss::Loss;
use spikegrad_network::{Build, Circuit, Gradient, Network, Parameters, Stimulus, Trace};
use spikegrad_simulate::{Options, Workspace, simulate_into};

/// Value, gradient, and the product of the Hessian with a direction.
#[derive(Clone, Debug)]
pub struct CurvatureEvaluation {
    /// Value of the loss.
    pub loss: f64,
    /// Its derivative with respect to every number.
    pub gradient: Gradient,
    /// Σ (∂²L/∂x∂y) · (direction of y), at the place of x.
    pub product: Gradient,
    /// The run. The infinitesimal part of each spike time and read-out is its own derivative along the direction.
    pub trace: Trace<Dual64>,
}

/// Returns the value of a loss, its gradient, and the product of its Hessian with `direction`, which has the shape of a gradient.
///
/// The loss is needed on dual numbers, which all losses of the library have: second derivatives go through its cotangents.
/// [`Settings::engine`] is not asked: only the event loop runs on dual numbers.
///
/// # Errors
/// [`enum@Error`]: parameters, a loss or a direction that do not fit, a run that cannot finish, a derivative that does not exist. As in
/// [`value_and_jvp`](crate::value_and_jvp), a spike on which a policy for grazing would have to act is an error under each of them.
///
/// # Examples
/// With `tau_mem` = 2 `tau_syn` the spike time has a closed form, and so has its second derivative.
/// ```
/// use spikegrad::problem::Problem;
/// use spikegrad::{Gradient, Settings, SpikeTimeMse, value_and_hvp};
/// let Problem { network, parameters, stimulus, .. } = Problem::from_json(br#"{
///   "format": "spikegrad-problem", "version": 1,
///   "network": {
///     "inputs": 1,
///     "populations": [{"name": "out", "size": 1, "model": "lif", "params": {"tau_mem": 0.02, "tau_syn": 0.01}}],
///     "connections": [{"from": "input", "to": "out", "weights": [[5]]}]
///   },
///   "stimulus": {"t_end": 0.05, "spikes": [[0, 0.0]]}
/// }"#)?;
/// let mut direction = Gradient::zeros(&parameters, &stimulus);
/// direction.parameters.connections[0].weights[0] = 1.0;
/// let loss = SpikeTimeMse::new("out", vec![vec![0.0]]);
/// let found = value_and_hvp(&network, &parameters, &stimulus, &loss, &direction, &Settings::default())?;
///
/// // t = −tau_mem ln((1 + s)/2) with s² = 1 − 4/w, so that t' = −2 tau_mem / (w² s (1 + s)) and t'' = −t' (2/w + (2/w²)(1 + 2s)/(s² + s³)).
/// let (w, tau_mem) = (5.0f64, 0.02);
/// let s = (1.0 - 4.0 / w).sqrt();
/// let time = -tau_mem * ((1.0 + s) / 2.0).ln();
/// let first = -2.0 * tau_mem / (w * w * s * (1.0 + s));
/// let second = -first * (2.0 / w + 2.0 / (w * w) * (1.0 + 2.0 * s) / (s * s + s * s * s));
/// let expected = first * first + time * second;
/// assert!((found.product.parameters.connections[0].weights[0] / expected - 1.0).abs() < 1e-13);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn value_and_hvp(
    network: &Network,
    parameters: &Parameters,
    stimulus: &Stimulus,
    loss: &dyn Loss<Dual64>,
    direction: &Gradient,
    settings: &Settings,
) -> Result<CurvatureEvaluation, Error> {
    if network.is_linear() {
        curve::<Lif<Dual64>>(network, parameters, stimulus, loss, direction, settings)
    } else {
        curve::<AnyNeuron<Dual64>>(network, parameters, stimulus, loss, direction, settings)
    }
}

fn curve<N: NeuronAdjoint<Dual64> + Build<Dual64>>(
    network: &Network,
    parameters: &Parameters,
    stimulus: &Stimulus,
    loss: &dyn Loss<Dual64>,
    direction: &Gradient,
    settings: &Settings,
) -> Result<CurvatureEvaluation, Error> {
    let (parameters, stimulus) = lift(parameters, stimulus, direction)?;
    let readouts = loss.readouts(network)?;
    let options = Options { readouts: &readouts, max_events: settings.max_events };
    let circuit = Circuit::<Dual64, N>::of(network, &parameters)?;
    let (mut workspace, mut trace) = (Workspace::default(), Trace::default());
    simulate_into(&circuit, &stimulus, options, &mut workspace, &mut trace)?;
    let (value, mut cotangents) = loss.evaluate(network, &trace)?;
    judge_touches(network, &circuit, &trace, loss, &mut cotangents);
    differentiable(network, &trace, &cotangents, settings.grazing)?;
    let both = backward(network, &parameters, &trace, &cotangents, settings.grazing)?;
    let part = |of: fn(Dual64) -> f64| Gradient {
        parameters: both.parameters.map(of),
        input_times: both.input_times.iter().copied().map(of).collect(),
        currents: both.currents.iter().map(|steps| steps.map(of)).collect(),
    };
    Ok(CurvatureEvaluation {
        loss: value.re,
        gradient: part(|x| x.re),
        product: part(|x| x.eps),
        trace,
    })
}
