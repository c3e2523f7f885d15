//! A neuron that the library does not have, given by its equations alone, in networks beside those that it has.
//!
//! Its gradient is held against finite differences and against dual numbers, which share the equations and none of the reverse rules. Not here:
//! models of the library.

use crate::support::random;
use crate::tolerance::{AGREEMENT, DIFFERENCE};
use spikegrad::dynamics::{Kind, Quantity, Table, Vector, math, vector};
use spikegrad::{
    Cotangents, Equations, General, Gradient, InputSpike, Loss, Measure, Model, Network, NeuronId,
    Parameters, ReadoutRequest, Sample, Scalar, Settings, Stimulus, Trace, value_and_grad,
    value_and_jvp,
};
use spikegrad_compare::{Question, check_gradient};

/// x grows by `dx/dt = x (1 + y)/tau`, where the current y decays by itself and takes up arrivals, and spikes at 1.
struct Growing;

const TAU: usize = 0;
const TAU_SYN: usize = 1;
const RESET: usize = 2;
const T_REF: usize = 3;
const X: usize = 4;
const Y: usize = 5;

impl Growing {
    /// ln of the factor by which x grows in `dt` seconds.
    fn growth<T: Scalar>(p: &[T], y: T, dt: T) -> T {
        (dt - y * p[TAU_SYN] * (-dt / p[TAU_SYN]).exp_m1()) / p[TAU]
    }
}

impl Equations for Growing {
    const TABLE: Table = Table::new(
        "growing",
        "a neuron that grows",
        &[
            Quantity::new("params.tau", "time constant", Kind::TimeConstant, 0.01),
            Quantity::new("params.tau_syn", "synaptic time constant", Kind::TimeConstant, 0.005),
            Quantity::new("params.reset", "reset value", Kind::Potential, 0.2),
            Quantity::new("params.t_ref", "refractory time", Kind::Duration, 0.0),
            Quantity::new("initial.x", "size at time 0", Kind::Potential, 0.3),
            Quantity::new("initial.y", "current at time 0", Kind::Potential, 0.0),
        ],
    );
    const REFRACTORY: Option<usize> = Some(T_REF);

    fn initial<T: Scalar>(p: &[T]) -> Vector<T> {
        vector([p[X], p[Y]])
    }
    fn rate<T: Scalar>(p: &[T], [x, y, ..]: Vector<T>) -> Vector<T> {
        vector([x * (T::from(1.0) + y) / p[TAU], -y / p[TAU_SYN]])
    }
    fn flow<T: Scalar>(p: &[T], [x, y, ..]: Vector<T>, dt: T) -> Vector<T> {
        vector([x * Self::growth(p, y, dt).exp(), y * (-dt / p[TAU_SYN]).exp()])
    }
    fn receive<T: Scalar>(_: &[T], [x, y, ..]: Vector<T>, weight: T) -> Vector<T> {
        vector([x, y + weight])
    }
    fn reset<T: Scalar>(p: &[T], [_, y, ..]: Vector<T>) -> Vector<T> {
        vector([p[RESET], y])
    }
    fn next_spike(p: &[f64], [x, y, ..]: Vector<f64>) -> Option<f64> {
        // The growth falls at most once, and then rises for good: there is one crossing.
        let (mut low, mut high) = (0.0, p[TAU_SYN] * y.abs() - p[TAU] * math::ln(x));
        let above = |dt: f64| Self::growth(p, y, dt) + math::ln(x);
        while low < high {
            let middle = 0.5 * (low + high);
            if middle <= low || middle >= high {
                break;
            }
            *(if above(middle) < 0.0 { &mut low } else { &mut high }) = middle;
        }
        Some(high)
    }
    fn membrane<T: Scalar>(_: &[T], [x, ..]: Vector<T>) -> T {
        x * x
    }
    fn held_rate<T: Scalar>(p: &[T], [_, y, ..]: Vector<T>) -> Vector<T> {
        vector([T::from(0.0), -y / p[TAU_SYN]])
    }
    fn hold<T: Scalar>(p: &[T], [x, y, ..]: Vector<T>, dt: T) -> Vector<T> {
        vector([x, y * (-dt / p[TAU_SYN]).exp()])
    }
}

static GROWING: General = General::of::<Growing>();

/// A network in which each population hears the other, with delays.
fn network(seed: u64, t_ref: f64) -> (Network, Parameters, Stimulus) {
    let mut random = random(seed);
    let mut weights = |count: usize, size: f64| -> Vec<f64> {
        (0..count).map(|_| size * (2.0 * random.unit() - 0.8)).collect()
    };
    let builder = Network::builder()
        .inputs(3)
        .population("growing", Model::General(&GROWING), 3)
        .with("tau", vec![0.01, 0.013, 0.02])
        .with("t_ref", t_ref)
        .with("initial.x", vec![0.2, 0.4, 0.1])
        .lif("leaky", 2)
        .with("t_ref", 0.001)
        .dense("input", "growing", weights(9, 1.0))
        .delay(0.0012)
        .dense("input", "leaky", weights(6, 8.0))
        .dense("growing", "leaky", weights(6, 5.0))
        .delay(vec![0.001, 0.0015, 0.002, 0.0007, 0.003, 0.0011])
        .dense("leaky", "growing", weights(6, 1.5))
        .delay(0.0023)
        .dense("growing", "growing", weights(9, 0.8))
        .delay(0.0017);
    let (network, parameters) = builder.build().unwrap();
    let times = [0.001, 0.0043, 0.0071, 0.0123, 0.0204, 0.0287];
    let spikes = times.iter().enumerate();
    let spikes = spikes.map(|(k, &time)| InputSpike { channel: k % 3, time }).collect();
    (network, parameters, Stimulus::new(0.04, spikes).unwrap())
}

/// Spike times and potentials, each under a coefficient of its own.
#[derive(Debug)]
struct Everything;

impl Loss for Everything {
    fn request(&self, network: &Network, requests: &mut Vec<ReadoutRequest>) {
        for neuron in (0..network.neurons()).map(NeuronId::new) {
            for time in [0.0052, 0.0177, 0.0396] {
                requests.push(ReadoutRequest { neuron, measure: Measure::Sample { time } });
            }
        }
    }
    fn evaluate_into(&self, _: &Network, trace: &Trace, cotangents: &mut Cotangents) -> f64 {
        let mut random = random(7);
        let mut term = |cotangent: &mut f64, value: f64| {
            *cotangent = random.unit() - 0.5;
            *cotangent * value
        };
        let of_spikes = trace.spikes.iter().zip(&mut cotangents.spikes);
        let mut sum: f64 = of_spikes.map(|(s, c)| term(c, 100.0 * s.time) / 100.0).sum();
        let of_readouts = trace.readouts.iter().zip(&mut cotangents.readouts);
        sum += of_readouts.map(|(r, c)| term(c, r.value)).sum::<f64>();
        sum
    }
}

#[test]
fn the_gradient_is_that_of_differences() {
    let mut compared = 0;
    for (seed, t_ref) in [(1, 0.0), (2, 0.0013), (3, 0.004), (4, 0.0013)] {
        let (network, parameters, stimulus) = network(seed, t_ref);
        let settings = Settings::default();
        let run = value_and_grad(&network, &parameters, &stimulus, &Everything, &settings).unwrap();
        for population in 0..2 {
            let neurons = network.range(population);
            assert!(run.trace.spikes.iter().any(|s| neurons.contains(&s.neuron.index())));
        }
        let question = Question {
            network: &network,
            parameters: &parameters,
            stimulus: &stimulus,
            loss: &Everything,
            settings,
        };
        let check = check_gradient(&question, DIFFERENCE).unwrap_or_else(|e| panic!("{seed}: {e}"));
        compared += check.agreement.compared();
    }
    println!("{compared} quotients compared");
    assert!(compared > 200);
}

#[test]
fn a_direction_carried_forward_gives_what_the_gradient_says_of_it() {
    for (seed, t_ref) in (1..=8).zip([0.0, 0.0007, 0.0014].into_iter().cycle()) {
        let (network, parameters, stimulus) = network(seed, t_ref);
        let settings = Settings::default();
        let loss = &Everything;
        let backward = value_and_grad(&network, &parameters, &stimulus, loss, &settings).unwrap();
        let mut random = random(seed + 100);
        let mut draw = |x: f64| (random.unit() - 0.5) * x.abs().max(1e-3);
        let direction = Gradient {
            parameters: parameters.map(&mut draw),
            input_times: stimulus.spikes().iter().map(|s| draw(s.time)).collect(),
        };
        let sample = Sample { stimulus: &stimulus, loss };
        let forward = value_and_jvp(&network, &parameters, sample, &direction, &settings).unwrap();
        assert_eq!(forward.trace.real().spikes.len(), backward.trace.spikes.len());
        let of = |g: &Gradient| [g.parameters.to_vec(), g.input_times.clone()].concat();
        let (gradient, along) = (of(&backward.gradient), of(&direction));
        let terms: Vec<f64> = gradient.iter().zip(&along).map(|(g, d)| g * d).collect();
        let (sum, size) = (terms.iter().sum::<f64>(), terms.iter().map(|x| x.abs()).sum::<f64>());
        assert!(
            (forward.derivative - sum).abs() <= AGREEMENT * size,
            "{seed}: {} {sum} of {size}",
            forward.derivative
        );
    }
}
