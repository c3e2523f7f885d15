//! The numbers that a fit may change, and the units in which a step of one is as large for each.
//!
//! Not here: what is derived with respect to them (`spike_times.rs`, `potentials.rs`).

use nalgebra::DVector;
use spikegrad::dynamics::{Kind, Quantity, Range, math};
use spikegrad::{Network, Parameters, Values};

/// A delay moves by this share of the membrane time constant as easily as a weight by the way from reset to threshold.
const OF_MEMBRANE: f64 = 0.1;

/// How a number moves.
#[derive(Clone, Copy, Debug)]
enum Motion {
    /// By so much for each unit, and not below a bound.
    By { unit: f64, lowest: f64 },
    /// By a factor of e for each unit: it is positive, and stays so.
    Times,
}

/// Numbers that may change, of a network with others.
#[derive(Clone, Debug)]
pub(crate) struct Numbers {
    /// Their positions in [`Parameters::to_vec`].
    list: Vec<(usize, Motion)>,
    /// All numbers of the network where it starts.
    start: Vec<f64>,
}

impl Numbers {
    /// Those that are `trained`, of a network that starts with `parameters`.
    pub(crate) fn new(
        network: &Network,
        parameters: &Parameters,
        trained: &Parameters<bool>,
        least_delay: f64,
    ) -> Self {
        let motions = motions(network, parameters, least_delay).to_vec();
        let all = motions.into_iter().enumerate().zip(trained.to_vec());
        let list = all.filter(|(_, is_trained)| *is_trained).map(|(number, _)| number);
        Self { list: list.collect(), start: parameters.to_vec() }
    }

    pub(crate) fn count(&self) -> usize {
        self.list.len()
    }

    /// Writes the numbers, moved by `x` from their start, into parameters of the same shape.
    pub(crate) fn write(&self, x: &DVector<f64>, parameters: &mut Parameters) {
        let mut all = self.start.clone();
        for (&(position, motion), &x) in self.list.iter().zip(x) {
            all[position] = match motion {
                Motion::By { unit, .. } => all[position] + unit * x,
                Motion::Times => all[position] * math::exp(x),
            };
        }
        let mut all = all.into_iter();
        parameters.for_each_mut(|number| *number = all.next().unwrap_or(*number));
    }

    /// Moves `x` so that no number is below its bound, or below its start if that is lower.
    pub(crate) fn project(&self, x: &mut DVector<f64>) {
        for (&(position, motion), x) in self.list.iter().zip(x.iter_mut()) {
            if let Motion::By { unit, lowest } = motion {
                *x = x.max((lowest - self.start[position]).min(0.0) / unit);
            }
        }
    }

    /// The derivatives with respect to `x`, out of those with respect to all numbers, where these are `parameters`.
    pub(crate) fn of_gradient(&self, gradient: &Parameters, parameters: &Parameters) -> Vec<f64> {
        let (all, values) = (gradient.to_vec(), parameters.to_vec());
        let one = |&(position, motion): &(usize, Motion)| match motion {
            Motion::By { unit, .. } => unit * all[position],
            Motion::Times => values[position] * all[position],
        };
        self.list.iter().map(one).collect()
    }
}

fn motions(network: &Network, parameters: &Parameters, least_delay: f64) -> Parameters<Motion> {
    let by = |unit, lowest| Motion::By { unit, lowest };
    let delay = |population| by(OF_MEMBRANE * membrane(parameters, population), least_delay);
    let mut motions = parameters.map(|_| Motion::Times);
    for (k, population) in motions.populations.iter_mut().enumerate() {
        for (quantity, values) in population.values_mut() {
            let motion = match quantity {
                Quantity { kind: Kind::TimeConstant, .. }
                | Quantity { range: Range::Positive, .. } => Motion::Times,
                Quantity { kind: Kind::Duration, .. } => {
                    by(OF_MEMBRANE * membrane(parameters, k), 0.0)
                }
                Quantity { range: Range::NotNegative, .. } => by(unit(parameters, k), 0.0),
                _ => by(unit(parameters, k), f64::NEG_INFINITY),
            };
            values.as_mut_slice().fill(motion);
        }
    }
    for (connection, of) in motions.connections.iter_mut().zip(network.connections()) {
        connection.weights.fill(by(unit(parameters, of.to), f64::NEG_INFINITY));
        connection.delay.as_mut_slice().fill(delay(of.to));
    }
    motions
}

/// The way from reset to threshold of the first neuron of a population; 1 where there is no threshold, as in the quadratic models, which are in units of it.
pub(crate) fn unit(parameters: &Parameters, population: usize) -> f64 {
    let values = &parameters.populations[population];
    let ends = values.model().table().threshold_and_reset;
    let distance = ends.map(|(threshold, reset)| values.of(0)(threshold) - values.of(0)(reset));
    distance.filter(|distance| *distance > 0.0).unwrap_or(1.0)
}

/// The membrane time constant of the first neuron of a population, in seconds.
fn membrane(parameters: &Parameters, population: usize) -> f64 {
    let named = parameters.populations[population].named("params.tau_mem");
    named.map_or(1.0, |values| values.get(0))
}

/// Which numbers a fit changes unless it is told otherwise: all weights, and the delays of connections in which each synapse has its own.
///
/// # Examples
/// ```
/// use spikegrad::{Network, Values};
/// let (_, parameters) = Network::builder()
///     .inputs(2)
///     .lif("out", 1)
///     .dense("input", "out", vec![5.0, 4.0])
///     .delay(vec![0.001, 0.002])
///     .build()?;
/// let mut trained = spikegrad_fit::weights_and_delays(&parameters);
/// assert_eq!(trained.to_vec().iter().filter(|&&is_trained| is_trained).count(), 4);
/// // The time constant as well, and the first weight not.
/// trained.populations[0][spikegrad::lif::TAU_MEM] = Values::Shared(true);
/// trained.connections[0].weights[0] = false;
/// # Ok::<(), spikegrad::NetworkError>(())
/// ```
#[must_use]
pub fn weights_and_delays(parameters: &Parameters) -> Parameters<bool> {
    let mut trained = parameters.map(|_| false);
    for connection in &mut trained.connections {
        connection.weights.fill(true);
        if let Values::Each(delays) = &mut connection.delay {
            delays.fill(true);
        }
    }
    trained
}

/// How many as a number to calculate with.
#[expect(
    clippy::cast_precision_loss,
    reason = "there are fewer synapses, residuals and spikes than 2^52"
)]
pub(crate) fn count(count: usize) -> f64 {
    count as f64
}
