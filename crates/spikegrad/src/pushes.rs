//! Pushes across births and deaths of spikes. **They are not gradients.**
//!
//! The number of spikes is constant wherever it can be differentiated: the exact derivative of any function of it is zero, and says
//! nothing of where a spike appears or disappears. What does is a push, chosen and not derived: one number for a neuron, that is
//! added to what looks like the derivative of the loss with respect to each of its incoming weights. A positive one makes these
//! smaller in the next step of an optimiser and so takes spikes away, a negative one larger. Nothing of it is checked by a finite difference. Hence it has a name, it
//! is added to the gradient last, by the one who asks for it, and its length is returned, to be told beside that of the gradient.
//!
//! | push | for whom | from |
//! | --- | --- | --- |
//! | [`RateBounds`] | neurons with too few or too many spikes | T. Nowotny, J. P. Turner and J. C. Knight, *Loss shaping enhances exact gradient learning with EventProp in spiking neural networks*, Neuromorph. Comput. Eng. 2025 (arXiv:2212.01232), which calls another direction of it a gradient |
//! | [`WakeSilent`] | neurons that have been silent for a while | J. Göltz et al., *Fast and energy-efficient neuromorphic deep learning with first-spike times*, Nat. Mach. Intell. 2021 (arXiv:1912.11443), where weights are bumped in steps that grow |
//!
//! A push of your own is as good: any list with one number for each neuron of a population can be given to [`add`].
//!
//! Not here: gradients (`evaluate.rs`), what a step makes of a push (the optimiser; Adam gives a weight that sees nothing else
//! steps of its whole learning rate, however small the push).
//!
//! # Examples
//! A neuron that never spikes has no derivative to learn from, and a push gives it one:
//! ```
//! use spikegrad::problem::Problem;
//! use spikegrad::pushes::{self, RateBounds};
//! use spikegrad::{Settings, value_and_grad};
//! let Problem { network, parameters, stimulus, document } = Problem::from_json(br#"{
//!   "format": "spikegrad-problem", "version": 1,
//!   "network": {
//!     "inputs": 1,
//!     "populations": [{"name": "out", "size": 2, "model": "lif"}],
//!     "connections": [{"from": "input", "to": "out", "weights": [[1], [9]]}]
//!   },
//!   "stimulus": {"t_end": 0.02, "spikes": [[0, 0.0]]},
//!   "loss": {"type": "spike_time_mse", "population": "out", "targets": [[0.004], [0.004]]}
//! }"#)?;
//! let loss = document.loss.as_ref().unwrap();
//! let answer = value_and_grad(&network, &parameters, &stimulus, loss, &Settings::default())?;
//! let mut gradient = answer.gradient.parameters;
//! assert_eq!(gradient.connections[0].weights[0], 0.0);
//!
//! let bounds = RateBounds { strength: 1e-3, lowest: 1.0, highest: 3.0 };
//! let counts = pushes::spike_counts(&network, &answer.trace);
//! let of_population: Vec<f64> =
//!     network.range(0).map(|neuron| bounds.push(f64::from(counts[neuron]))).collect();
//! let before = gradient.connections[0].weights[1];
//! let length = pushes::add(&network, 0, &of_population, &mut gradient)?;
//! // The weight of the silent neuron will grow; the other one keeps its gradient to the bit.
//! assert_eq!(gradient.connections[0].weights, [-1e-3, before]);
//! assert_eq!(length, 1e-3);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use spikegrad_dynamics::Scalar;
use spikegrad_network::{
    Connection, Network, NetworkError, Parameters, SharedWeights, Source, Synapses, Trace,
};

/// Bounds for the number of spikes of a neuron.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RateBounds {
    /// Push for each spike too many or too few, in the unit of a derivative with respect to a weight.
    pub strength: f64,
    /// Fewest spikes in a run, on average.
    pub lowest: f64,
    /// Most spikes in a run, on average.
    pub highest: f64,
}

impl RateBounds {
    /// The push for a neuron that spiked `mean_count` times in a run, on average; zero within the bounds.
    #[must_use]
    pub fn push(&self, mean_count: f64) -> f64 {
        if mean_count > self.highest {
            self.strength * (mean_count - self.highest)
        } else if mean_count < self.lowest {
            -self.strength * (self.lowest - mean_count)
        } else {
            0.0
        }
    }
}

/// A constant push for neurons that have been silent for a while.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WakeSilent {
    /// The push, in the unit of a derivative with respect to a weight; positive to wake.
    pub push: f64,
    /// Number of batches in a row in which a neuron must have been silent. A neuron that answers to few samples is silent in many a
    /// batch, and is not to be taught to answer to all.
    pub after: u32,
}

impl WakeSilent {
    /// The push for a neuron that was silent in the last `batches` batches.
    #[must_use]
    pub fn push(&self, batches: u32) -> f64 {
        if batches >= self.after { -self.push } else { 0.0 }
    }
}

/// How often each neuron of `network` spiked.
#[must_use]
pub fn spike_counts<T: Scalar>(network: &Network, trace: &Trace<T>) -> Vec<u32> {
    let mut counts = vec![0; network.neurons()];
    for spike in &trace.spikes {
        if let Some(count) = counts.get_mut(spike.neuron.index()) {
            *count += 1;
        }
    }
    counts
}

/// Adds to `gradient` the push of each neuron of a population, once for each of its incoming weights.
///
/// `pushes` has one number for each neuron of the population at position `population`, the sum of all that push it. The weights are those of all
/// connections onto the population but those from itself: a neuron is not woken by its neighbours, which are as silent.
/// Whoever is not pushed keeps its bits. Returns the Euclidean norm of what was added.
///
/// # Errors
/// [`NetworkError::Index`] if there is no such population, [`NetworkError::Length`] if there is not one push for each neuron, or if
/// `gradient` has not the shape of a gradient of `network`. Nothing is added then.
pub fn add(
    network: &Network,
    population: usize,
    pushes: &[f64],
    gradient: &mut Parameters,
) -> Result<f64, NetworkError> {
    check(network, population, pushes, gradient)?;
    let mut squares = 0.0;
    for (k, connection) in network.connections().iter().enumerate() {
        if connection.to != population || connection.from == Source::Population(population) {
            continue;
        }
        squares += add_to(connection, pushes, &mut gradient.connections[k].weights);
    }
    Ok(squares.sqrt())
}

/// Adds the push of each neuron to the derivatives with respect to the weights of one connection onto it, once for each of its synapses.
/// Returns the sum of the squares of what was added.
///
/// This is for gradients that are kept in a row of one's own; a gradient in the shape of the parameters goes through [`add`].
///
/// # Panics
/// If there is not a push for each target, or not a derivative for each weight.
pub fn add_to(connection: &Connection, pushes: &[f64], derivatives: &mut [f64]) -> f64 {
    if pushes.iter().all(|&push| push == 0.0) {
        return 0.0;
    }
    // Several neurons may push one weight.
    let mut sums = vec![0.0; derivatives.len()];
    match (&connection.synapses, &connection.shared) {
        (Synapses::Dense, None) => {
            let n_pre = sums.len() / pushes.len();
            for (&push, sums) in pushes.iter().zip(sums.chunks_exact_mut(n_pre.max(1))) {
                sums.fill(push);
            }
        }
        (Synapses::DenseBySource, None) => {
            sums.chunks_exact_mut(pushes.len()).for_each(|sums| sums.copy_from_slice(pushes));
        }
        (Synapses::Dense, Some(SharedWeights { weight_of, .. })) => {
            let n_pre = weight_of.len() / pushes.len();
            for (&push, weights) in pushes.iter().zip(weight_of.chunks_exact(n_pre.max(1))) {
                weights.iter().for_each(|&weight| sums[weight as usize] += push);
            }
        }
        (Synapses::DenseBySource, Some(SharedWeights { weight_of, .. })) => {
            for (&push, &weight) in pushes.iter().cycle().zip(weight_of) {
                sums[weight as usize] += push;
            }
        }
        (Synapses::Sparse(list), _) => {
            for (s, synapse) in list.iter().enumerate() {
                sums[connection.weight_of(s)] += pushes[synapse.post];
            }
        }
    }
    let mut squares = 0.0;
    for (derivative, sum) in derivatives.iter_mut().zip(sums) {
        if sum != 0.0 {
            *derivative += sum;
            squares += sum * sum;
        }
    }
    squares
}

fn check(
    network: &Network,
    population: usize,
    pushes: &[f64],
    gradient: &Parameters,
) -> Result<(), NetworkError> {
    let populations = network.populations();
    let Some(size) = populations.get(population).map(|population| population.size) else {
        let (index, count, of) = (population, populations.len(), "populations");
        return Err(NetworkError::Index { place: "population".into(), index, count, of });
    };
    let same = |place: String, found: usize, expected: usize, of: &'static str| {
        if found == expected {
            return Ok(());
        }
        Err(NetworkError::Length { place, found, expected, of })
    };
    same("pushes".into(), pushes.len(), size, "neuron")?;
    let connections = network.connections().len();
    same("gradient.connections".into(), gradient.connections.len(), connections, "connection")?;
    for (k, connection) in gradient.connections.iter().enumerate() {
        let place = format!("gradient.connections[{k}].weights");
        let of = if network.connections()[k].shared.is_some() { "weight" } else { "synapse" };
        same(place, connection.weights.len(), network.weight_count(k), of)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use spikegrad_network::{Connection, ConnectionParameters, Model, Population, Synapse};

    #[test]
    fn counts_are_pushed_back_between_their_bounds() {
        let bounds = RateBounds { strength: 0.5, lowest: 1.0, highest: 3.0 };
        let pushes = [0.0, 0.5, 1.0, 2.0, 3.0, 5.0].map(|count| bounds.push(count));
        assert_eq!(pushes.map(f64::to_bits), [-0.5, -0.25, 0.0, 0.0, 0.0, 1.0].map(f64::to_bits));
    }

    #[test]
    fn only_those_that_have_been_silent_long_enough_are_woken() {
        let wake = WakeSilent { push: 0.2, after: 3 };
        let pushes = [0, 2, 3, 4].map(|batches| wake.push(batches));
        assert_eq!(pushes.map(f64::to_bits), [0.0, 0.0, -0.2, -0.2].map(f64::to_bits));
    }

    /// Three inputs, two neurons that hear them, each other, and one neuron through two listed synapses.
    fn network() -> (Network, Parameters) {
        let population =
            |name: &str, size| Population { name: name.into(), size, model: Model::Lif };
        let to = |from, synapses| Connection::new(from, 1, synapses);
        let listed = [1, 1].map(|post| Synapse { pre: 0, post }).to_vec();
        let connections = vec![
            to(Source::Input, Synapses::Dense),
            to(Source::Population(1), Synapses::Dense),
            to(Source::Population(0), Synapses::Sparse(listed)),
        ];
        let populations = vec![population("one", 1), population("two", 2)];
        let network = Network::new(3, populations, connections).unwrap();
        let connection =
            |count| ConnectionParameters { weights: vec![1.0; count], ..Default::default() };
        let parameters = Parameters {
            populations: Parameters::new(&network).populations,
            connections: vec![connection(6), connection(4), connection(2)],
        };
        (network, parameters)
    }

    #[test]
    fn a_push_reaches_the_incoming_weights_of_its_neuron_and_no_others() {
        let (network, before) = network();
        let mut gradient = before.clone();
        let length = add(&network, 1, &[0.0, -3.0], &mut gradient).unwrap();
        let expected = [&[1.0, 1.0, 1.0, -2.0, -2.0, -2.0][..], &[1.0; 4], &[-2.0, -2.0]];
        for (connection, expected) in gradient.connections.iter().zip(expected) {
            assert_eq!(connection.weights, expected);
        }
        assert!((length - 3.0 * 5f64.sqrt()).abs() < 1e-14, "five weights: {length}");
        assert_eq!(gradient.populations, before.populations);
        let length = add(&network, 1, &[0.0, 0.0], &mut gradient).unwrap();
        assert_eq!(length.to_bits(), 0);
    }

    #[test]
    fn a_push_reaches_the_same_weights_in_either_order_of_a_dense_connection() {
        let (network, before) = network();
        let by_source = network.by_source();
        let [mut one, mut two] = [before.clone(), before.reordered(&network, &by_source)];
        let pushes = [0.5, -3.0];
        let lengths = [
            add(&network, 1, &pushes, &mut one).unwrap(),
            add(&by_source, 1, &pushes, &mut two).unwrap(),
        ];
        assert_eq!(two.connections[0].weights, [1.5, -2.0, 1.5, -2.0, 1.5, -2.0]);
        assert_eq!(two.reordered(&by_source, &network), one);
        assert!((lengths[0] - lengths[1]).abs() < 1e-14, "seven weights: {lengths:?}");
        // Where synapses share weights, each has its own push.
        let shared = SharedWeights { count: 2, weight_of: vec![0, 0, 0, 1, 1, 1] };
        let of = |synapses| {
            let connection = Connection::new(Source::Input, 1, synapses);
            let connection = Connection { shared: Some(shared.clone()), ..connection };
            let mut derivatives = [0.0; 2];
            add_to(&connection, &pushes, &mut derivatives);
            derivatives.to_vec()
        };
        assert_eq!(of(Synapses::Dense), [1.5, -9.0]);
        assert_eq!(of(Synapses::DenseBySource), [-2.0, -5.5]);
    }

    #[test]
    fn what_does_not_fit_is_named_and_nothing_is_added() {
        let (network, before) = network();
        let refused = |population, pushes: &[f64], gradient: &mut Parameters| {
            let kept = gradient.clone();
            let error = add(&network, population, pushes, gradient).unwrap_err().to_string();
            assert_eq!(*gradient, kept);
            error
        };
        let mut gradient = before;
        let error = refused(2, &[1.0], &mut gradient);
        assert!(error.starts_with("population is 2, but there are only 2 populations"), "{error}");
        let error = refused(1, &[1.0; 3], &mut gradient);
        assert!(error.starts_with("pushes has 3 entries; it must have 2"), "{error}");
        gradient.connections[2].weights.pop();
        let error = refused(1, &[1.0; 2], &mut gradient);
        assert!(error.starts_with("gradient.connections[2].weights has 1 entries"), "{error}");
        gradient.connections.pop();
        let error = refused(1, &[1.0; 2], &mut gradient);
        assert!(error.starts_with("gradient.connections has 2 entries"), "{error}");
    }
}
