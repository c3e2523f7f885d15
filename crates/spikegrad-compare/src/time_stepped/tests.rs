//! Backpropagation through time against differences of a network that spikes softly, and what a batch promises.
//!
//! With soft spikes the network is smooth and the backward pass its exact gradient; so every branch of it is held against a
//! difference of the forward pass. Not here: convergence to the event-driven engine (the suite).

use super::{
    Activity, GridError, GridLoss, GridMemory, GridSample, Height, Reset, Shape, Side, Soft,
    SteppedNetwork, SteppedSettings, SteppedSum, Surrogate,
};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use spikegrad_dynamics::lif;
use spikegrad_network::loss::{
    MaxVoltageCrossEntropy, MeanVoltageCrossEntropy, ShapedVoltageCrossEntropy, TtfsCrossEntropy,
    VanRossum, VoltageMse,
};
use spikegrad_network::{
    Connection, ConnectionParameters, InputSpike, Model, Network, NetworkError, Parameters,
    Population, PopulationParameters, SharedWeights, Source, Stimulus, Synapse, Synapses, Values,
};

/// Fourth-order differences at a relative step of 1e-4: truncation (1e-4)⁴/30 f⁽⁵⁾ = 3e-18 f⁽⁵⁾, where a fifth derivative of a
/// chain of soft spikes is up to (βw)⁵ ~ 1e5 times a first; rounding 1e-16/1e-4 of the value for a derivative. Relative to the
/// largest derivative of the same kind, with values a hundred times as large as those: 1e-8.
const DIFFERENCE: f64 = 1e-8;

/// Some hundred roundings of terms that do not cancel by more than two digits.
const REORDERED: f64 = 1e-12;

const HIDDEN: usize = 0;
const SPIKING: usize = 1;
const READ: usize = 2;

fn population(name: &str, size: usize, model: Model) -> Population {
    Population { name: name.into(), size, model }
}

/// Three inputs, four recurrent neurons, two spiking outputs, which are heard by the hidden ones, and three integrators.
fn network() -> Network {
    let populations = vec![
        population("hidden", 4, Model::Lif),
        population("spiking", 2, Model::Lif),
        population("read", 3, Model::Li),
    ];
    let dense = |from, to| Connection::new(from, to, Synapses::Dense);
    let pairs = [(0, 1), (3, 0), (2, 2), (3, 0)];
    let pairs = pairs.map(|(pre, post)| Synapse { pre, post }).to_vec();
    let connections = vec![
        dense(Source::Input, HIDDEN),
        dense(Source::Population(HIDDEN), SPIKING),
        dense(Source::Population(HIDDEN), READ),
        Connection::new(Source::Population(HIDDEN), HIDDEN, Synapses::Sparse(pairs)),
        dense(Source::Population(SPIKING), HIDDEN),
        dense(Source::Population(SPIKING), READ),
    ];
    Network::new(3, populations, connections).unwrap()
}

fn parameters(network: &Network, seed: u64) -> Parameters {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut draw = |low: f64, high: f64| low + (high - low) * rng.random::<f64>();
    let populations = network.populations().iter().map(|population| {
        let mut each =
            |low, high| Values::Each((0..population.size).map(|_| draw(low, high)).collect());
        let mut values = PopulationParameters::new(population.model);
        for (quantity, into) in values.values_mut() {
            *into = match quantity.path {
                "params.tau_mem" => each(0.008, 0.02),
                "params.tau_syn" => each(0.004, 0.008),
                "params.v_th" => each(0.8, 1.2),
                "params.v_reset" => each(-0.2, 0.2),
                "params.v_leak" => each(-0.1, 0.1),
                // Soft spikes of both signs, and none too small to matter.
                "params.i_bias" => 1.1.into(),
                "initial.v" => each(-0.3, 0.3),
                "initial.i" => each(0.0, 0.5),
                _ => continue,
            };
        }
        values
    });
    let populations = populations.collect();
    let connections = (0..network.connections().len()).map(|k| {
        let count = network.weight_count(k);
        let weights = (0..count).map(|_| draw(-0.5, 2.0)).collect();
        // One delay, none, or one a synapse.
        let delay = match k {
            0 => Values::Each((0..count).map(|_| draw(0.0, 0.004)).collect()),
            1 => Values::Shared(0.002),
            3 => Values::Each((0..count).map(|_| draw(0.0, 0.002)).collect()),
            _ => Values::Shared(0.0),
        };
        ConnectionParameters { weights, delay }
    });
    Parameters { populations, connections: connections.collect() }
}

fn stimulus() -> Stimulus {
    let spikes =
        [(0, 0.0), (1, 0.003), (2, 0.0042), (0, 0.0042), (1, 0.0101), (1, 0.0101), (0, 0.5)];
    let spikes = spikes.map(|(channel, time)| InputSpike { channel, time }).to_vec();
    Stimulus::new(0.02, spikes).unwrap()
}

fn settings(shape: Shape) -> SteppedSettings {
    let surrogate = Surrogate { shape, beta: 2.0, height: Height::Growing };
    SteppedSettings {
        detach_reset: false,
        time_constants: true,
        ..SteppedSettings::new(0.001, surrogate)
    }
}

/// Value with soft spikes, and the gradient as one list.
fn soft(
    network: &Network,
    parameters: &Parameters,
    settings: &SteppedSettings,
    loss: &dyn GridLoss,
) -> (f64, Vec<f64>) {
    let stepped = SteppedNetwork::new(network, parameters, settings.clone()).unwrap();
    let mut sum = SteppedSum::new(&stepped);
    let sample = GridSample { stimulus: &stimulus(), loss };
    let surrogate = settings.surrogate;
    let mut memory = GridMemory::default();
    let value = stepped
        .value_and_grad(&sample, &mut Soft(surrogate), &surrogate, &mut memory, &mut sum)
        .unwrap();
    (value.loss + value.activity, sum.gradient(&stepped, parameters).to_vec())
}

fn moved(parameters: &Parameters, k: usize, by: f64) -> Parameters {
    let mut changed = parameters.clone();
    let mut position = 0;
    changed.for_each_mut(|number| {
        if position == k {
            *number += by;
        }
        position += 1;
    });
    changed
}

/// Asserts that every entry of the gradient is a difference of the value.
#[track_caller]
fn check(settings: &SteppedSettings, loss: &dyn GridLoss) {
    let network = network();
    let parameters = parameters(&network, 1);
    let (_, gradient) = soft(&network, &parameters, settings, loss);
    // A derivative times its number: comparable among volts, seconds and weights.
    let numbers = parameters.to_vec();
    let size = |k: usize| numbers[k].abs().max(1e-3);
    let largest = (0..numbers.len()).map(|k| (gradient[k] * size(k)).abs()).fold(0.0, f64::max);
    let first_weight = numbers.len() - weights_and_delays(&parameters);
    let seen = gradient[first_weight..].iter().filter(|x| **x != 0.0).count();
    let weights: usize = parameters.connections.iter().map(|c| c.weights.len()).sum();
    // A loss on spikes does not see the eighteen weights onto the integrators.
    assert!(largest > 1e-3 && seen * 10 > weights * 6, "{seen} of {weights} weights matter");
    let is_delay = delays(&parameters);
    for k in (0..numbers.len()).filter(|&k| !is_delay[k]) {
        let h = 1e-4 * size(k);
        // Refractory times may not be negative, and do nothing.
        let value = |by: f64| match SteppedNetwork::new(
            &network,
            &moved(&parameters, k, by),
            settings.clone(),
        ) {
            Ok(_) => Some(soft(&network, &moved(&parameters, k, by), settings, loss).0),
            Err(_) => None,
        };
        let (Some(a), Some(b), Some(c), Some(d)) =
            (value(h), value(-h), value(2.0 * h), value(-2.0 * h))
        else {
            assert!(gradient[k].abs() < f64::MIN_POSITIVE, "{k}");
            continue;
        };
        let quotient = (8.0 * (a - b) - (c - d)) / (12.0 * h);
        let error = (gradient[k] - quotient).abs() * size(k) / largest;
        assert!(error < DIFFERENCE, "number {k}: {} against {quotient}: {error:e}", gradient[k]);
    }
}

fn weights_and_delays(parameters: &Parameters) -> usize {
    parameters.connections.iter().map(|c| c.weights.len() + c.delay.as_slice().len()).sum()
}

/// Which numbers are delays: the loss is constant in them but for jumps.
fn delays(parameters: &Parameters) -> Vec<bool> {
    let mut marked = parameters.map(|_| 0.0);
    for connection in &mut marked.connections {
        connection.delay.as_mut_slice().fill(1.0);
    }
    marked.to_vec().into_iter().map(|x| x > 0.5).collect()
}

fn max_voltage() -> MaxVoltageCrossEntropy {
    MaxVoltageCrossEntropy { population: "read".into(), label: 1 }
}

fn first_spike() -> TtfsCrossEntropy {
    TtfsCrossEntropy { tau1: 0.01, alpha: 0.3, ..TtfsCrossEntropy::new("spiking", 1, 0.004) }
}

fn van_rossum() -> VanRossum {
    let targets = vec![vec![0.007, 0.0, 0.031, 0.025], Vec::new()];
    VanRossum { population: "spiking".into(), targets, tau: 0.005 }
}

#[test]
fn soft_networks_have_exact_gradients_for_every_surrogate() {
    for shape in Shape::ALL {
        for height in [Height::One, Height::Growing] {
            let mut settings = settings(shape);
            settings.surrogate.height = height;
            check(&settings, &max_voltage());
        }
    }
}

#[test]
fn soft_networks_have_exact_gradients_for_every_loss() {
    let settings = settings(Shape::Sigmoid);
    check(&settings, &MeanVoltageCrossEntropy { population: "read".into(), label: 0 });
    let shaped =
        ShapedVoltageCrossEntropy { population: "read".into(), label: 1, tau: 0.008, scale: 0.2 };
    check(&settings, &shaped);
    let samples = vec![(0, 0.004, 0.1), (2, 0.0, 0.3), (2, 0.02, 1.0), (2, 0.02, 0.5)];
    check(&settings, &VoltageMse { population: "read".into(), samples });
    check(&settings, &first_spike());
    check(&settings, &van_rossum());
}

#[test]
fn soft_networks_have_exact_gradients_for_either_reset() {
    let settings = SteppedSettings { reset: Reset::ByDifference, ..settings(Shape::Gaussian) };
    check(&settings, &max_voltage());
    check(&settings, &van_rossum());
}

#[test]
fn soft_networks_have_exact_gradients_with_bounds_on_activity() {
    let bound = |population, side, threshold, power| Activity {
        population,
        side,
        strength: 0.7,
        threshold,
        power,
    };
    let activity = vec![
        bound(HIDDEN, Side::Upper, 3.0, 2),
        bound(HIDDEN, Side::Lower, 12.0, 1),
        bound(SPIKING, Side::Lower, 15.0, 2),
        bound(SPIKING, Side::Upper, 0.5, 1),
    ];
    check(&SteppedSettings { activity, ..settings(Shape::ArcTan) }, &max_voltage());
}

#[test]
fn a_detached_reset_is_a_reset_that_does_not_move() {
    // One neuron onto one integrator; the scalar recursion below keeps the spikes of the reset from the unperturbed run.
    let populations = vec![population("a", 1, Model::Lif), population("b", 1, Model::Li)];
    let dense = |from, to| Connection::new(from, to, Synapses::Dense);
    let connections = vec![dense(Source::Input, 0), dense(Source::Population(0), 1)];
    let network = Network::new(3, populations, connections).unwrap();
    let weights = |weights: Vec<f64>| ConnectionParameters { weights, delay: Values::Shared(0.0) };
    let parameters = Parameters {
        populations: Parameters::new(&network).populations,
        connections: vec![weights(vec![3.0, 2.0, 1.5]), weights(vec![0.8])],
    };
    let surrogate = Surrogate { shape: Shape::Sigmoid, beta: 4.0, height: Height::Growing };
    let scalar = |w: f64, frozen: Option<&[f64]>| {
        let (a, b) = ((-0.001_f64 / 0.02).exp(), (-0.001_f64 / 0.005).exp());
        let psi = 0.005 / (0.02 - 0.005) * (a - b);
        let (mut v, mut i, mut u, mut j) = (0.0, w, 0.0, 0.0);
        let mut spikes = Vec::new();
        for step in 1..=20 {
            (v, u) = (a * v + psi * i, a * u + psi * j);
            (i, j) = (b * i, b * j);
            let s = surrogate.soft_spike(v - 1.0);
            v -= frozen.map_or(s, |frozen| frozen[step - 1]) * v;
            spikes.push(s);
            j += 0.8 * s;
            i += [(3, 2.0), (4, 1.5), (4, w), (10, 2.0), (10, 2.0)]
                .iter()
                .filter(|(at, _)| *at == step)
                .map(|(_, weight)| weight)
                .sum::<f64>();
        }
        (0.5 * u * u, spikes)
    };
    let detached = SteppedSettings { detach_reset: true, surrogate, ..settings(Shape::Sigmoid) };
    let loss = VoltageMse { population: "b".into(), samples: vec![(0, 0.02, 0.0)] };
    let (value, gradient) = soft(&network, &parameters, &detached, &loss);
    let (expected, spikes) = scalar(3.0, None);
    assert!((value / expected - 1.0).abs() < REORDERED);
    let at = |w: f64| scalar(w, Some(&spikes)).0;
    let h = 1e-3;
    let near = |k: f64| at(3.0 + k * h) - at(3.0 - k * h);
    let quotient = (8.0 * near(1.0) - near(2.0)) / (12.0 * h);
    // After the nine numbers of the neuron and the six of the integrator.
    const FIRST_WEIGHT: usize = 15;
    let derivative = gradient[FIRST_WEIGHT];
    assert!((derivative / quotient - 1.0).abs() < DIFFERENCE, "{derivative} {quotient}");
    let attached = SteppedSettings { detach_reset: false, ..detached };
    assert!(
        (soft(&network, &parameters, &attached, &loss).1[FIRST_WEIGHT] / quotient - 1.0).abs()
            > 1e-3
    );
}

#[test]
fn detached_recurrence_leaves_the_gradient_of_a_network_without_it() {
    let network = network();
    let mut parameters = parameters(&network, 1);
    let settings = settings(Shape::SuperSpike);
    let detached = SteppedSettings { detach_recurrence: true, ..settings.clone() };
    let with = soft(&network, &parameters, &settings, &max_voltage()).1;
    assert_ne!(with, soft(&network, &parameters, &detached, &max_voltage()).1);
    // With weights of zero nothing goes back through them anyway; their own gradient stays.
    for connection in [3, 4] {
        parameters.connections[connection].weights.fill(0.0);
    }
    let with = soft(&network, &parameters, &settings, &max_voltage()).1;
    assert_eq!(with, soft(&network, &parameters, &detached, &max_voltage()).1);
}

#[test]
fn a_list_of_all_pairs_is_a_dense_connection() {
    let network = network();
    let parameters = parameters(&network, 1);
    let mut connections = network.connections().to_vec();
    for (k, connection) in connections.iter_mut().enumerate() {
        if connection.synapses == Synapses::Dense {
            let (n_pre, n_post) = network.shape(k);
            let pairs =
                (0..n_post).flat_map(|post| (0..n_pre).map(move |pre| Synapse { pre, post }));
            connection.synapses = Synapses::Sparse(pairs.collect());
        }
    }
    let listed = Network::new(3, network.populations().to_vec(), connections).unwrap();
    let settings = settings(Shape::ArcTan);
    let (a, of_dense) = soft(&network, &parameters, &settings, &van_rossum());
    let (b, of_listed) = soft(&listed, &parameters, &settings, &van_rossum());
    assert!((a / b - 1.0).abs() < REORDERED);
    let largest = of_dense.iter().fold(0.0, |m: f64, x| m.max(x.abs()));
    for (a, b) in of_dense.iter().zip(&of_listed) {
        assert!((a - b).abs() < REORDERED * largest);
    }
}

#[test]
fn shared_weights_are_copies_whose_gradients_add_up() {
    let apart = network();
    let mut connections = apart.connections().to_vec();
    for (k, connection) in connections.iter_mut().enumerate() {
        let weight_of = [0, 1, 2, 1].into_iter().cycle().take(apart.synapse_count(k)).collect();
        connection.shared = Some(SharedWeights { count: 3, weight_of });
    }
    let tied = Network::new(3, apart.populations().to_vec(), connections).unwrap();
    let of_tied = parameters(&tied, 1);
    let mut of_apart = of_tied.clone();
    let copy = |k: usize, list: &mut Vec<f64>| {
        let synapses = 0..tied.synapse_count(k);
        *list = synapses.map(|s| list[tied.connections()[k].weight_of(s)]).collect();
    };
    for (k, values) in of_apart.connections.iter_mut().enumerate() {
        copy(k, &mut values.weights);
        if let Values::Each(delays) = &mut values.delay {
            copy(k, delays);
        }
    }
    let gradient = |network: &Network, parameters: &Parameters, loss: &dyn GridLoss| {
        let (value, list) = soft(network, parameters, &settings(Shape::ArcTan), loss);
        let (mut gradient, mut list) = (parameters.clone(), list.into_iter());
        gradient.for_each_mut(|entry| *entry = list.next().unwrap());
        (value, gradient)
    };
    // Integrators are seen by one loss, and what goes back through spikes by the other.
    for loss in [&max_voltage() as &dyn GridLoss, &van_rossum()] {
        let (a, of_tied) = gradient(&tied, &of_tied, loss);
        let (b, of_apart) = gradient(&apart, &of_apart, loss);
        assert!((a / b - 1.0).abs() < REORDERED);
        let close =
            |a: f64, b: f64, size: f64| assert!((a - b).abs() <= REORDERED * size, "{a} {b}");
        let all: Vec<f64> =
            of_apart.connections.iter().flat_map(|c| &c.weights).map(|x| x.abs()).collect();
        let largest = all.iter().fold(0.0, |m: f64, x| m.max(*x));
        assert!(largest > 1e-3);
        for (k, connection) in tied.connections().iter().enumerate() {
            let mut sums = [0.0; 3];
            for (synapse, derivative) in of_apart.connections[k].weights.iter().enumerate() {
                sums[connection.weight_of(synapse)] += derivative;
            }
            let tied = &of_tied.connections[k].weights;
            tied.iter().zip(sums).for_each(|(a, b)| close(*a, b, largest));
        }
        for (a, b) in of_tied.populations.iter().zip(&of_apart.populations) {
            for ((_, a), (_, b)) in a.values().zip(b.values()) {
                let size = b.as_slice().iter().fold(largest, |m: f64, x| m.max(x.abs()));
                a.as_slice().iter().zip(b.as_slice()).for_each(|(a, b)| close(*a, *b, size));
            }
        }
    }
}

/// A batch of random samples that spike.
fn batch(threads: usize) -> super::GridBatch<Vec<f64>> {
    let network = network();
    let mut parameters = parameters(&network, 3);
    parameters.connections[0].weights.iter_mut().for_each(|w| *w += 2.0);
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let mut spike = || {
        let (channel, time) = (rng.random_range(0..3), 0.02 * rng.random::<f64>());
        InputSpike { channel, time }
    };
    let stimuli: Vec<_> =
        (0..37).map(|_| Stimulus::new(0.02, (0..6).map(|_| spike()).collect()).unwrap()).collect();
    let loss = first_spike();
    let samples: Vec<_> =
        stimuli.iter().map(|stimulus| GridSample { stimulus, loss: &loss }).collect();
    let stepped = SteppedNetwork::new(&network, &parameters, settings(Shape::SuperSpike)).unwrap();
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    let run = || stepped.value_and_grad_batch(&parameters, &samples, |_, run| run.counts(&(0..6)));
    pool.install(run).unwrap()
}

#[test]
fn a_batch_has_the_same_bits_on_any_number_of_threads() {
    let one = batch(1);
    assert!(one.extracted.iter().flatten().sum::<f64>() > 50.0, "too few spikes to be a test");
    assert_eq!(one, batch(2));
    assert_eq!(one, batch(7));
}

#[test]
fn what_is_stored_grows_with_the_number_of_steps() {
    let network = network();
    let parameters = parameters(&network, 1);
    let stored = |dt: f64, time_constants: bool| {
        let settings = SteppedSettings { dt, time_constants, ..settings(Shape::Sigmoid) };
        let stepped = SteppedNetwork::new(&network, &parameters, settings).unwrap();
        let sample = [GridSample { stimulus: &stimulus(), loss: &max_voltage() }];
        stepped.value_and_grad_batch(&parameters, &sample, |_, _| ()).unwrap().stored_bytes
    };
    // Nine neurons, and two lists of where each step begins.
    let grid = |steps: usize| 8 * 9 * (steps + 1) + 2 * 8 * (steps + 2);
    let (coarse, fine) = (stored(0.001, false), stored(0.0001, false));
    assert!((grid(20)..grid(20) + 40 * 12).contains(&coarse), "{coarse}");
    assert!((grid(200)..grid(200) + 40 * 12).contains(&fine), "{fine}");
    assert_eq!(stored(0.001, true) - coarse, 8 * 9 * 21);
}

#[test]
fn what_a_grid_cannot_do_is_said() {
    let network = network();
    let good = parameters(&network, 1);
    let mut refractory = good.clone();
    refractory.populations[SPIKING][lif::T_REF] = 0.001.into();
    let answer = SteppedNetwork::new(&network, &refractory, settings(Shape::Sigmoid));
    let said = answer.unwrap_err().to_string();
    assert!(said.contains("neurons of spiking have a refractory time"), "{said}");
    let no_step = SteppedSettings { dt: 0.0, ..settings(Shape::Sigmoid) };
    assert!(matches!(
        SteppedNetwork::new(&network, &good, no_step),
        Err(GridError::Setting { name: "dt", .. })
    ));
    let tiny = SteppedSettings { dt: 1e-12, ..settings(Shape::Sigmoid) };
    assert!(matches!(
        SteppedNetwork::new(&network, &good, tiny),
        Err(GridError::TooManySteps { .. })
    ));
    let reads = |population: &str| {
        let loss = MaxVoltageCrossEntropy { population: population.into(), label: 0 };
        GridLoss::check(&loss, &network)
    };
    assert!(matches!(reads("spiking"), Err(GridError::ReadsSpiking { .. })));
    assert!(matches!(reads("nobody"), Err(GridError::Network(NetworkError::Word { .. }))));
    let silent = TtfsCrossEntropy { population: "read".into(), ..first_spike() };
    let refused = GridLoss::check(&silent, &network);
    assert!(matches!(refused, Err(GridError::Network(NetworkError::Word { .. }))));
}
