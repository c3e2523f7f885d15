//! A problem as a function of some of its numbers, in a list: what an optimiser, or a language with arrays, differentiates.
//!
//! Not here: which numbers there are (`problem::Number`).

use crate::curvature::value_and_hvp;
use crate::error::Error;
use crate::evaluator::Evaluator;
use crate::prepared::Settings;
use spikegrad_network::loss::{AnyLoss, LossError};
use spikegrad_network::problem::{Number, Problem};
use spikegrad_network::{Gradient, InputSpike, Network, NetworkError, Parameters, Stimulus};
use std::sync::Arc;

/// The loss of a problem as a function of some of its numbers; all others stay what they are in the problem.
///
/// # Examples
/// ```
/// use spikegrad::problem::Problem;
/// use spikegrad::{Objective, Settings};
/// let text = br#"{
///   "format": "spikegrad-problem", "version": 1,
///   "network": {
///     "inputs": 1,
///     "populations": [{"name": "out", "size": 1, "model": "lif", "params": {"v_th": 1}}],
///     "connections": [{"from": "input", "to": "out", "weights": [[20]]}]
///   },
///   "stimulus": {"t_end": 0.02, "spikes": [[0, 0.001]]},
///   "loss": {"type": "spike_time_mse", "population": "out", "targets": [[0.0]]}
/// }"#;
/// let problem = Problem::from_json(text)?;
/// let loss = problem.document.loss.clone().unwrap();
/// let mut objective = Objective::new(&problem, loss, &problem.numbers(text)?, Settings::default())?;
/// let x = objective.numbers().to_vec();
/// assert_eq!(x, [1.0, 20.0, 0.001]);
/// let mut gradient = vec![0.0; 3];
/// let value = objective.value_and_grad(&x, &mut gradient)?;
///
/// // Where a threshold and the weight grow by the same factor, nothing happens.
/// assert!((gradient[0] + 20.0 * gradient[1]).abs() < 1e-12 * gradient[0].abs());
/// assert!(objective.value(&[1.0, 21.0, 0.001])? < value, "the more, the earlier");
/// // The derivative along the weight; and that of the whole gradient.
/// let along = [0.0, 1.0, 0.0];
/// assert!((objective.jvp(&x, &along)? / gradient[1] - 1.0).abs() < 1e-12);
/// assert!(objective.hvp(&x, &along)?[1] > 0.0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Objective {
    network: Arc<Network>,
    loss: AnyLoss,
    settings: Settings,
    /// Places of its numbers among all of a gradient's.
    positions: Vec<usize>,
    numbers: Vec<f64>,
    /// All numbers of the problem, of which those at `positions` are set.
    all: Vec<f64>,
    /// How many of these are the network's.
    of_network: usize,
    /// Whether a number of the stimulus may change.
    moves_stimulus: bool,
    parameters: Parameters,
    stimulus: Stimulus,
    evaluator: Evaluator,
    gradient: Gradient,
}

impl Objective {
    /// The loss as a function of `numbers`, which are numbers of `problem`.
    ///
    /// # Errors
    /// [`NetworkError`] if the loss does not fit the network, or if a number is none of the problem's.
    pub fn new(
        problem: &Problem,
        loss: AnyLoss,
        numbers: &[Number],
        settings: Settings,
    ) -> Result<Self, NetworkError> {
        loss.readouts(&problem.network)?;
        let network = Arc::new(problem.network.clone());
        let (parameters, stimulus) = (problem.parameters.clone(), problem.stimulus.clone());
        let evaluator = Evaluator::new(Arc::clone(&network), &parameters, settings)?;
        let gradient = Gradient::zeros(&parameters, &stimulus);
        let all = problem.to_vec();
        let positions: Vec<usize> = numbers.iter().map(|number| number.position).collect();
        if let Some(k) = positions.iter().position(|&position| position >= all.len()) {
            let (place, index) = (format!("numbers[{k}].position"), positions[k]);
            return Err(NetworkError::Index { place, index, count: all.len(), of: "numbers" });
        }
        let of_network = parameters.to_vec().len();
        Ok(Self {
            numbers: positions.iter().map(|&position| all[position]).collect(),
            moves_stimulus: positions.iter().any(|&position| position >= of_network),
            network,
            loss,
            settings,
            positions,
            all,
            of_network,
            parameters,
            stimulus,
            evaluator,
            gradient,
        })
    }

    /// The numbers as they are in the problem.
    #[must_use]
    pub fn numbers(&self) -> &[f64] {
        &self.numbers
    }

    /// The loss at other values of the numbers.
    ///
    /// # Errors
    /// As [`Self::value_and_grad`].
    pub fn value(&mut self, x: &[f64]) -> Result<f64, Error> {
        self.set(x)?;
        self.evaluator.value(&self.stimulus, &self.loss)
    }

    /// The loss at other values of the numbers, and its derivative with respect to each of them.
    ///
    /// # Errors
    /// [`enum@Error`]: values that a network cannot have, as many as there are not numbers, a run that cannot finish, a gradient that does not exist.
    pub fn value_and_grad(&mut self, x: &[f64], gradient: &mut [f64]) -> Result<f64, Error> {
        self.check("gradient", gradient.len())?;
        self.set(x)?;
        let value =
            self.evaluator.value_and_grad(&self.stimulus, &self.loss, &mut self.gradient)?;
        self.gather(&self.gradient, gradient);
        Ok(value)
    }

    /// The derivative of the loss at `x` along `direction`: the product of its gradient with that, which takes no longer than the gradient.
    /// [`value_and_jvp`](crate::value_and_jvp) is the same carried forward, with the motion of every spike.
    ///
    /// # Errors
    /// As [`Self::value_and_grad`].
    pub fn jvp(&mut self, x: &[f64], direction: &[f64]) -> Result<f64, Error> {
        self.check("direction", direction.len())?;
        let mut gradient = vec![0.0; direction.len()];
        self.value_and_grad(x, &mut gradient)?;
        let derivative: f64 = gradient.iter().zip(direction).map(|(g, d)| g * d).sum();
        if derivative.is_finite() { Ok(derivative) } else { Err(LossError::NotFinite.into()) }
    }

    /// The product of the Hessian of the loss at `x` with `direction`.
    ///
    /// # Errors
    /// As [`value_and_hvp`], and as [`Self::value_and_grad`].
    pub fn hvp(&mut self, x: &[f64], direction: &[f64]) -> Result<Vec<f64>, Error> {
        let direction = self.along(direction)?;
        self.set(x)?;
        let Self { network, parameters, stimulus, loss, settings, .. } = self;
        let found = value_and_hvp(network, parameters, stimulus, loss, &direction, settings)?;
        let mut product = vec![0.0; self.positions.len()];
        self.gather(&found.product, &mut product);
        Ok(product)
    }

    /// What happened in the last [`Self::value_and_grad`] or [`Self::value`].
    #[must_use]
    pub fn evaluator(&self) -> &Evaluator {
        &self.evaluator
    }

    fn check(&self, place: &str, found: usize) -> Result<(), NetworkError> {
        let expected = self.positions.len();
        if found == expected {
            return Ok(());
        }
        Err(NetworkError::Length { place: place.into(), found, expected, of: "number" })
    }

    /// Sets the numbers.
    fn set(&mut self, x: &[f64]) -> Result<(), NetworkError> {
        self.check("x", x.len())?;
        for (&position, &x) in self.positions.iter().zip(x) {
            self.all[position] = x;
        }
        let mut all = self.all.iter();
        let mut next = |number: &mut f64| *number = *all.next().unwrap_or(number);
        self.parameters.for_each_mut(&mut next);
        if self.moves_stimulus {
            self.stimulus = moved(&self.stimulus, &self.all[self.of_network..])?;
        }
        self.evaluator.set_parameters(&self.parameters)
    }

    /// A direction in the shape of a gradient.
    fn along(&self, direction: &[f64]) -> Result<Gradient, NetworkError> {
        self.check("direction", direction.len())?;
        let mut all = vec![0.0; self.all.len()];
        for (&position, &x) in self.positions.iter().zip(direction) {
            all[position] = x;
        }
        let mut along = Gradient::zeros(&self.parameters, &self.stimulus);
        let mut all = all.into_iter();
        let mut next = || all.next().unwrap_or_default();
        along.parameters.for_each_mut(|number| *number = next());
        along.input_times.iter_mut().for_each(|number| *number = next());
        along.currents.iter_mut().for_each(|steps| *steps = steps.map(|_| next()));
        Ok(along)
    }

    fn gather(&self, gradient: &Gradient, into: &mut [f64]) {
        let all = gradient.to_vec();
        for (&position, into) in self.positions.iter().zip(into) {
            *into = all[position];
        }
    }
}

/// A stimulus with other numbers: the time of each spike in the order in which they were given, then those of the currents.
fn moved(stimulus: &Stimulus, numbers: &[f64]) -> Result<Stimulus, NetworkError> {
    let mut spikes = vec![InputSpike { channel: 0, time: 0.0 }; stimulus.spikes().len()];
    for (spike, &k) in stimulus.spikes().iter().zip(stimulus.given_positions()) {
        spikes[k] = InputSpike { channel: spike.channel, time: numbers[k] };
    }
    let mut numbers = numbers[spikes.len()..].iter().copied();
    let mut currents = stimulus.injected().to_vec();
    for current in &mut currents {
        current.steps = current.steps.map(|x| numbers.next().unwrap_or(x));
    }
    Stimulus::new(stimulus.t_end(), spikes)?.with_currents(currents)
}
