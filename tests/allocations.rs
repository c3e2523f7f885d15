//! After the first evaluations nothing is allocated: neither by a gradient nor by new parameters, on either engine; and of batches only what holds their
//! values.
//!
//! Every allocation of the thread is counted. Not here: whether the numbers are right (`suite/`).
#![expect(clippy::unwrap_used, reason = "a test that cannot set itself up should panic")]

use allocation_counter::measure;
use spikegrad::problem::Problem;
use spikegrad::{
    Connection, ConnectionParameters, Conv2d, Engine, Evaluator, InputSpike, Loss, Model, Network,
    Parameters, Population, RateRegulariser, Sample, Settings, Source, Stimulus, Sum, Synapses,
    TtfsCrossEntropy, Values, VoltageMeasure, VoltageRegulariser,
};
use std::path::Path;

/// The cases of the suite, one for each kind of loss and network.
const CASES: [&str; 8] = [
    "feedforward_100",
    "heterogeneous_100",
    "recurrent_delays_100",
    "refractory_bursts",
    "max_voltage_100",
    "mean_voltage_100",
    "voltage_samples_100",
    "initial_state_sparse_100",
];

/// Evaluates twice with each of two sets of parameters, and counts from the second time on.
fn check(
    name: &str,
    network: &Network,
    parameters: &Parameters,
    stimulus: &Stimulus,
    loss: &dyn Loss,
) {
    check_with(
        &[Engine::Automatic, Engine::EventLoop],
        name,
        network,
        (parameters, stimulus, loss),
    );
}

/// The same with some of the engines.
fn check_with(
    engines: &[Engine],
    name: &str,
    network: &Network,
    (parameters, stimulus, loss): (&Parameters, &Stimulus, &dyn Loss),
) {
    for &engine in engines {
        let settings = Settings { engine, ..Settings::default() };
        let mut evaluator = Evaluator::new(network, parameters, settings).unwrap();
        let mut gradient = evaluator.zero_gradient(parameters);
        let mut other = parameters.clone();
        other.connections[0].weights[0] *= 1.0 + 1e-9;
        let mut evaluate = |parameters| {
            evaluator.set_parameters(parameters).unwrap();
            evaluator.value_and_grad(stimulus, loss, &mut gradient).unwrap();
            evaluator.value(stimulus, loss).unwrap();
        };
        evaluate(parameters);
        let counted = measure(|| {
            evaluate(&other);
            evaluate(parameters);
        });
        assert_eq!(counted.count_total, 0, "{name}, {engine:?}: {counted:?}");
    }
}

#[test]
fn nothing_is_allocated_after_the_first_gradients_of_each_kind() {
    for name in CASES {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("cases").join(format!("{name}.json"));
        let problem = Problem::from_json(&std::fs::read(path).unwrap()).unwrap();
        let Problem { network, parameters, stimulus, document } = &problem;
        let loss = document.loss.as_ref().unwrap();
        check(name, network, parameters, stimulus, loss);
    }
}

/// A network of 200 hidden and 3 output neurons that spike much, and its input.
fn many_spikes() -> (Network, Parameters, Stimulus) {
    let population = |name: &str, size| Population { name: name.into(), size, model: Model::Lif };
    let dense = |from, to| Connection::new(from, to, Synapses::Dense);
    let connections = vec![dense(Source::Input, 0), dense(Source::Population(0), 1)];
    let populations = vec![population("hidden", 200), population("output", 3)];
    let network = Network::new(5, populations, connections).unwrap();
    // Spread evenly without a generator: multiples of the golden section, modulo 1.
    let weights = |count: u32, least: f64, width: f64| ConnectionParameters {
        weights: (0..count).map(|k| least + width * (f64::from(k) * 0.618_034).fract()).collect(),
        delay: Values::Shared(0.0),
    };
    let parameters = Parameters {
        populations: Parameters::new(&network).populations,
        connections: vec![weights(1000, 0.5, 4.0), weights(600, 0.2, 0.5)],
    };
    let spike = |(channel, time)| InputSpike { channel, time };
    let times = [0.0, 0.007, 0.014, 0.021, 0.028];
    let stimulus = Stimulus::new(0.06, times.into_iter().enumerate().map(spike).collect()).unwrap();
    (network, parameters, stimulus)
}

fn loss() -> TtfsCrossEntropy {
    TtfsCrossEntropy { tau1: 6.4e-3, alpha: 3e-3, ..TtfsCrossEntropy::new("output", 0, 5e-4) }
}

#[test]
fn nothing_is_allocated_after_the_first_gradients_of_many_spikes() {
    let (network, parameters, stimulus) = many_spikes();
    check("5-200-3", &network, &parameters, &stimulus, &loss());
    let mut evaluator = Evaluator::new(&network, &parameters, Settings::default()).unwrap();
    let spikes = evaluator.simulate(&stimulus, &[]).unwrap().spikes.len();
    assert!(spikes > 300, "{spikes} spikes");
}

#[test]
fn nothing_is_allocated_after_the_first_gradients_of_neurons_that_hear_apart() {
    let (network, mut parameters, stimulus) = many_spikes();
    for (connection, count) in parameters.connections.iter_mut().zip([1000, 600]) {
        let delays = (0..count).map(|k| 0.01 * (f64::from(k) * 0.618_034).fract());
        connection.delay = Values::Each(delays.collect());
    }
    // The event loop's queue of these neurons grows once more later on.
    let evaluated = (&parameters, &stimulus, &loss() as &dyn Loss);
    check_with(&[Engine::Automatic], "delays of their own", &network, evaluated);
    let mut evaluator = Evaluator::new(&network, &parameters, Settings::default()).unwrap();
    let spikes = evaluator.simulate(&stimulus, &[]).unwrap().spikes.len();
    assert!(spikes > 300, "{spikes} spikes");
    assert!(evaluator.was_swept());
}

#[test]
fn nothing_is_allocated_after_the_first_gradients_of_a_convolution() {
    let conv =
        Conv2d { input_shape: [1, 15, 15], out_channels: 4, kernel_size: 3, stride: 1, padding: 0 };
    let kernels = (0..36).map(|k| 0.5 + 2.0 * (f64::from(k) * 0.618_034).fract()).collect();
    let builder = Network::builder().inputs(225).lif("features", 676).lif("output", 3);
    let builder = builder.shared("input", "features", conv.synapses().unwrap(), kernels);
    let (network, parameters) =
        builder.dense("features", "output", vec![0.1; 3 * 676]).build().unwrap();
    let spike = |k: u32| InputSpike {
        channel: (k % 225) as usize,
        time: 0.04 * (f64::from(k) * 0.618_034).fract(),
    };
    let stimulus = Stimulus::new(0.06, (0..450).map(spike).collect()).unwrap();
    check("convolution", &network, &parameters, &stimulus, &loss());
    let mut evaluator = Evaluator::new(&network, &parameters, Settings::default()).unwrap();
    let spikes = evaluator.simulate(&stimulus, &[]).unwrap().spikes.len();
    assert!(spikes > 100, "{spikes} spikes");
}

#[test]
fn nothing_is_allocated_by_a_sum_of_sums_after_its_first_gradients() {
    let (network, parameters, stimulus) = many_spikes();
    let rates = |population: &str| RateRegulariser {
        population: population.into(),
        lower: None,
        upper: Some(1.0),
        tau: 0.01,
    };
    let inner: Sum = Sum::of([(0.5, loss().into()), (1e-6, rates("hidden").into())]);
    let potentials = VoltageRegulariser {
        population: "output".into(),
        lower: None,
        upper: Some(0.1),
        measure: VoltageMeasure::Mean,
    };
    let terms = [(2.0, inner.into()), (1e-6, rates("output").into()), (0.1, potentials.into())];
    let sum: Sum = Sum::of(terms);
    check("sum", &network, &parameters, &stimulus, &sum);
}

#[test]
fn a_short_batch_leaves_the_memory_of_a_long_one() {
    let (network, parameters, stimulus) = many_spikes();
    let sample = Sample { stimulus: &stimulus, loss: &loss() };
    let mut evaluator = Evaluator::new(&network, &parameters, Settings::default()).unwrap();
    let mut gradient = parameters.zeros_like();
    let pool = rayon::ThreadPoolBuilder::new().num_threads(4).build().unwrap();
    let mut batch = |size| {
        let samples = vec![sample; size];
        pool.install(|| {
            measure(|| drop(evaluator.value_and_grad_batch(&samples, &mut gradient, |_, _| ())))
        })
    };
    batch(32);
    batch(1);
    let counted = batch(32);
    // The list of values, and what the threads tell each other; not a single gradient.
    assert!(counted.bytes_total < 8 * 1600, "{counted:?}");
}
