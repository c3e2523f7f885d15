//! A loss over the weights of a network: points are all weights in a row, connection by connection.
//!
//! Not here: the paths that lead through it (`spikegrad_compare::stochastic`).

use spikegrad::network::Circuit;
use spikegrad::{
    Connection, Error, Evaluation, InputSpike, Loss, Model, Network, Parameters, Population,
    Settings, Source, Stimulus, Synapses, value_and_grad,
};
use spikegrad_compare::Signature;
use spikegrad_compare::stochastic::Landscape;

/// A network with a stimulus and a loss, whose weights are the point.
#[derive(Debug)]
pub struct Weights<'a> {
    /// Structure.
    pub network: Network,
    /// All numbers; the weights are those of [`Self::here`].
    pub parameters: Parameters,
    /// The input.
    pub stimulus: Stimulus,
    /// The height of the landscape.
    pub loss: &'a dyn Loss,
}

impl<'a> Weights<'a> {
    /// Two inputs, two spiking neurons that hear each other, and two integrators: twelve weights.
    ///
    /// # Errors
    /// None that was seen: whether the network is valid does not depend on the loss.
    pub fn small(loss: &'a dyn Loss) -> Result<Self, Error> {
        let population = |name: &str, model| Population { name: name.into(), size: 2, model };
        let populations = vec![population("hidden", Model::Lif), population("read", Model::Li)];
        let dense = |from, to| Connection::new(from, to, Synapses::Dense);
        let connections = vec![
            dense(Source::Input, 0),
            dense(Source::Population(0), 0),
            dense(Source::Population(0), 1),
        ];
        let network = Network::new(2, populations, connections)?;
        let weights = [[4.6, 3.1, 2.9, 5.2], [0.4, 0.8, 1.1, -0.3], [1.5, -0.5, -1.0, 2.0]];
        let delays = [0.0, 1e-3, 0.0];
        let mut parameters = Parameters::new(&network);
        for (k, values) in parameters.connections.iter_mut().enumerate() {
            values.weights = weights[k].to_vec();
            values.delay = delays[k].into();
        }
        let spikes = [(0, 0.0), (1, 0.004), (0, 0.011), (1, 0.017)];
        let spikes = spikes.map(|(channel, time)| InputSpike { channel, time }).to_vec();
        let stimulus = Stimulus::new(0.04, spikes)?;
        Ok(Self { network, parameters, stimulus, loss })
    }

    /// The point at which the network was made.
    #[must_use]
    pub fn here(&self) -> Vec<f64> {
        Self::row(&self.parameters)
    }

    /// The parameters at a point.
    #[must_use]
    pub fn at(&self, theta: &[f64]) -> Parameters {
        let mut parameters = self.parameters.clone();
        let weights = parameters.connections.iter_mut().flat_map(|c| &mut c.weights);
        weights.zip(theta).for_each(|(weight, theta)| *weight = *theta);
        parameters
    }

    /// The weights of `parameters` in a row.
    #[must_use]
    pub fn row(parameters: &Parameters) -> Vec<f64> {
        parameters.connections.iter().flat_map(|c| c.weights.clone()).collect()
    }

    /// What there is at a point: loss, gradient and trace, and the order of events.
    ///
    /// # Errors
    /// [`enum@Error`]: the run cannot finish, or there is no gradient.
    pub fn run(&self, theta: &[f64]) -> Result<(Evaluation, Signature), Error> {
        let (parameters, settings) = (self.at(theta), Settings::default());
        let answer =
            value_and_grad(&self.network, &parameters, &self.stimulus, self.loss, &settings)?;
        let circuit = Circuit::new(&self.network, &parameters)?;
        let signature = Signature::new(&circuit, &answer.trace);
        Ok((answer, signature))
    }
}

impl Landscape for Weights<'_> {
    type Signature = Signature;
    type Error = Error;

    fn value(&self, theta: &[f64]) -> Result<(f64, Signature), Error> {
        self.run(theta).map(|(answer, signature)| (answer.loss, signature))
    }

    fn gradient(&self, theta: &[f64]) -> Result<Vec<f64>, Error> {
        self.run(theta).map(|(answer, _)| Self::row(&answer.gradient.parameters))
    }
}
