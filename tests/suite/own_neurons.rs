//! A neuron that the library does not have, given by its equations alone, in networks beside those that it has.
//!
//! Leaky neurons, too, are given by their equations, and get the gradient that their own reverse rules give. The gradient is held against finite differences and against dual numbers, which share the equations and none of the reverse rules. Not here:
//! the models of the library themselves.

use crate::random_networks::{MAX_EVENTS, Plan, Reads, any_plan, for_all, runaway};
use crate::support::random;
use crate::tolerance::{AGREEMENT, DIFFERENCE, HESSIAN, REORDERED};
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;
use spikegrad::dynamics::{
    Kind, Lif, LifParameters, Neuron, Outlook, Quantity, State, Table, Vector, math, vector,
};
use spikegrad::problem::Problem;
use spikegrad::{
    AnyLoss, Cotangents, Derivatives, Engine, Equations, Error, Evaluator, General, Gradient,
    InputSpike, Loss, LossMemory, Measure, Model, Network, NeuronId, Observation, Parameters,
    PopulationParameters, ReadoutRequest, Sample, Scalar, Settings, SimulateError, Stimulus, Trace,
    lif, value_and_grad, value_and_hvp, value_and_jvp,
};
use spikegrad_compare::{Question, Saltation, check_gradient};

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
    const DIMENSION: usize = 2;
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

/// Squares of spike times and potentials, each under a coefficient of its own.
#[derive(Debug)]
struct Everything;

impl<T: Scalar> Loss<T> for Everything {
    fn request(&self, network: &Network, requests: &mut Vec<ReadoutRequest>) {
        for neuron in (0..network.neurons()).map(NeuronId::new) {
            for time in [0.0052, 0.0177, 0.0396] {
                requests.push(ReadoutRequest { neuron, measure: Measure::Sample { time } });
            }
        }
    }
    fn evaluate_into(&self, run: &Observation<'_, T>, into: &mut Derivatives<'_, T>) -> T {
        let (mut random, mut sum) = (random(7), T::from(0.0));
        let mut term = |cotangent: &mut T, value: T| {
            // Half the square, so that there is a second derivative of its own.
            let coefficient = T::from(random.unit() - 0.5);
            *cotangent = coefficient * value;
            sum += T::from(0.5) * coefficient * value * value;
        };
        for (spike, cotangent) in run.spikes.iter().zip(&mut *into.spikes) {
            term(cotangent, spike.time);
        }
        for (readout, cotangent) in run.readouts.iter().zip(&mut *into.readouts) {
            term(cotangent, readout.value);
        }
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
            currents: vec![],
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

#[test]
fn the_hessian_is_symmetric_and_that_of_the_gradient() {
    /// Step of a central difference of gradients, which is right to its square and to the rounding over it.
    const STEP: f64 = 1e-6;
    const QUOTIENT: f64 = 1e-7;
    for (seed, t_ref) in [(1, 0.0), (2, 0.0013), (3, 0.0007)] {
        let (network, parameters, stimulus) = network(seed, t_ref);
        let (loss, settings) = (&Everything, Settings::default());
        let mut random = random(seed + 200);
        let mut draw = |x: f64| (random.unit() - 0.5) * x.abs();
        let [u, v] = [0; 2].map(|_| Gradient {
            parameters: parameters.map(&mut draw),
            input_times: stimulus.spikes().iter().map(|s| draw(s.time)).collect(),
            currents: vec![],
        });
        let of = |g: &Gradient| [g.parameters.to_vec(), g.input_times.clone()].concat();
        let [hu, hv] = [&u, &v].map(|direction| {
            value_and_hvp(&network, &parameters, &stimulus, loss, direction, &settings).unwrap()
        });
        let dot = |a: &Gradient, b: &Gradient| {
            let terms: Vec<f64> = of(a).iter().zip(of(b)).map(|(x, y)| x * y).collect();
            (terms.iter().sum::<f64>(), terms.iter().map(|x| x.abs()).sum::<f64>())
        };
        let ((one, size), (other, _)) = (dot(&v, &hu.product), dot(&u, &hv.product));
        assert!((one - other).abs() <= HESSIAN * size, "{seed}: {one} {other} of {size}");
        let at = |step: f64| {
            let mut along = u.parameters.to_vec().into_iter();
            let moved = parameters.map(|x| x + step * along.next().unwrap());
            let spikes = stimulus.spikes().iter().zip(&u.input_times);
            let spikes =
                spikes.map(|(s, by)| InputSpike { time: s.time + step * by, ..*s }).collect();
            let stimulus = Stimulus::new(stimulus.t_end(), spikes).unwrap();
            of(&value_and_grad(&network, &moved, &stimulus, loss, &settings).unwrap().gradient)
        };
        let along_v = of(&v);
        let quotient: f64 = (at(STEP).iter().zip(at(-STEP)).zip(along_v))
            .map(|((plus, minus), v)| v * (plus - minus) / (2.0 * STEP))
            .sum();
        assert!((one - quotient).abs() <= QUOTIENT * size, "{seed}: {one} {quotient} of {size}");
    }
}

/// The leaky integrate-and-fire neuron by its equations: the maps of the library's, without its reverse rules.
struct LeakyByEquations;

impl LeakyByEquations {
    fn neuron<T: Scalar>(p: &[T]) -> Lif<T> {
        Lif::new(LifParameters::from_table(|k| p[k]))
    }
    fn map<T: Scalar>(
        p: &[T],
        state: Vector<T>,
        map: impl FnOnce(Lif<T>, State<T>) -> State<T>,
    ) -> Vector<T> {
        Lif::to_vector(map(Self::neuron(p), Lif::from_vector(state)))
    }
}

impl Equations for LeakyByEquations {
    const TABLE: Table = Table { model: "leaky", ..lif::TABLE };
    const DIMENSION: usize = 2;
    const REFRACTORY: Option<usize> = Some(lif::T_REF);

    fn initial<T: Scalar>(p: &[T]) -> Vector<T> {
        Lif::to_vector(Self::neuron(p).state(p[lif::V], p[lif::I]))
    }
    fn rate<T: Scalar>(p: &[T], state: Vector<T>) -> Vector<T> {
        Self::map(p, state, |neuron, state| State {
            v: neuron.membrane_rate(state),
            i: -state.i / p[lif::TAU_SYN],
        })
    }
    fn flow<T: Scalar>(p: &[T], state: Vector<T>, dt: T) -> Vector<T> {
        Self::map(p, state, |neuron, state| neuron.flow(state, dt))
    }
    fn receive<T: Scalar>(p: &[T], state: Vector<T>, weight: T) -> Vector<T> {
        Self::map(p, state, |neuron, state| neuron.receive(state, weight))
    }
    fn threshold<T: Scalar>(_: &[T], [above, ..]: Vector<T>) -> T {
        above
    }
    fn reset<T: Scalar>(p: &[T], state: Vector<T>) -> Vector<T> {
        Self::map(p, state, |neuron, state| neuron.reset(state))
    }
    fn next_spike(p: &[f64], state: Vector<f64>) -> Option<f64> {
        match Self::neuron(p).next_crossing(Lif::from_vector(state)) {
            Outlook::Crossing { dt, .. } => Some(dt),
            _ => None,
        }
    }
    fn earliest_spike(p: &[f64], state: Vector<f64>) -> Option<f64> {
        Self::neuron(p).earliest_crossing(Lif::from_vector(state))
    }
    fn membrane<T: Scalar>(p: &[T], state: Vector<T>) -> T {
        Self::neuron(p).membrane(Lif::from_vector(state))
    }
    fn held_rate<T: Scalar>(p: &[T], [_, i, ..]: Vector<T>) -> Vector<T> {
        vector([T::from(0.0), -i / p[lif::TAU_SYN]])
    }
    fn hold<T: Scalar>(p: &[T], state: Vector<T>, dt: T) -> Vector<T> {
        Self::map(p, state, |neuron, state| neuron.hold(state, dt))
    }
}

static LEAKY: General = General::of::<LeakyByEquations>();

/// The problem with some of its leaky neurons given by their equations.
fn by_equations(plan: &Plan, problem: &Problem) -> (Network, Parameters) {
    let (mut random, network) = (plan.random(), &problem.network);
    let (mut populations, mut parameters) =
        (network.populations().to_vec(), problem.parameters.clone());
    for (k, population) in populations.iter_mut().enumerate() {
        if population.model == Model::Lif && (k == 0 || random.below(2) == 0) {
            population.model = Model::General(&LEAKY);
            let mut values = PopulationParameters::new(population.model);
            for (position, (_, old)) in parameters.populations[k].values().enumerate() {
                values = values.with(position, old.clone());
            }
            parameters.populations[k] = values;
        }
    }
    let connections = network.connections().to_vec();
    (Network::new(network.inputs(), populations, connections).unwrap(), parameters)
}

/// What the rates of a neuron are large beside the current that an arrival adds: `λ·(Dh f⁻ − f⁺)` subtracts two of them, which a
/// resting potential of a million thresholds makes as many times larger than their difference.
fn of_rates(problem: &Problem) -> f64 {
    let sizes = problem.parameters.populations.iter().flat_map(|population| {
        let of = |quantity| population[quantity].as_slice().iter().map(|x: &f64| x.abs());
        of(lif::V_LEAK).chain(of(lif::I_BIAS)).collect::<Vec<_>>()
    });
    sizes.fold(1.0, f64::max)
}

#[test]
fn leaky_neurons_by_their_equations_have_the_gradient_of_the_library() {
    let plans = any_plan().prop_map(|plan| {
        let is_read = matches!(plan.reads, Reads::Spikes | Reads::Samples);
        Plan { reads: if is_read { plan.reads } else { Reads::Spikes }, ..plan }
    });
    let settings =
        Settings { engine: Engine::EventLoop, max_events: MAX_EVENTS, ..Settings::default() };
    for_all(plans, |plan, problem| {
        let Problem { network, parameters, stimulus, .. } = problem;
        // Averages of such a neuron's potential are refused.
        let loss = match plan.loss(problem) {
            AnyLoss::Sum(mut sum) => {
                sum.terms.retain(|term| !matches!(term.loss, AnyLoss::VoltageRegulariser(_)));
                sum.into()
            }
            loss => loss,
        };
        let question = Question { network, parameters, stimulus, loss: &loss, settings };
        let run = value_and_grad(network, parameters, stimulus, &loss, &settings);
        let expected = run.map_err(runaway)?;
        if expected.certificate.ties > 0 || expected.certificate.touches > 0 {
            return Ok(expected.trace.spikes.len());
        }
        let condition = Saltation.answer_with_condition(&question);
        let (_, condition) = condition.map_err(|e| TestCaseError::fail(e.to_string()))?;
        let (network, parameters) = by_equations(plan, problem);
        let got = value_and_grad(&network, &parameters, stimulus, &loss, &settings);
        let got = got.map_err(runaway)?;
        let times = |trace: &Trace| -> Vec<_> {
            trace.spikes.iter().map(|s| (s.neuron, s.time.to_bits())).collect()
        };
        prop_assert_eq!(times(&got.trace), times(&expected.trace));
        let numbers = question.numbers();
        let of = |g: &Gradient| [g.parameters.to_vec(), g.input_times.clone()].concat();
        let terms = condition.terms.iter().zip(&numbers).map(|(term, n)| term * n.scale);
        let largest = terms.fold(f64::MIN_POSITIVE, f64::max);
        let pairs = of(&got.gradient).into_iter().zip(of(&expected.gradient)).zip(&numbers);
        for ((got, expected), n) in pairs {
            let error = (got - expected).abs() * n.scale;
            prop_assert!(
                error <= condition.rounding() * of_rates(problem) * largest,
                "{}: {} {} of {}",
                n.place,
                got,
                expected,
                largest / n.scale
            );
        }
        Ok(expected.trace.spikes.len())
    });
}

#[test]
fn a_run_gives_the_gradient_of_any_cotangents_after_its_evaluator_has_moved_on() {
    let loss: &dyn Loss = &Everything;
    for (growing, seed) in [(true, 1), (false, 2)] {
        let (mut network, mut parameters, stimulus) = network(seed, 0.0007);
        if !growing {
            (network, parameters) = Network::builder()
                .inputs(3)
                .lif("hidden", 4)
                .lif("out", 2)
                .dense("input", "hidden", (1..=12).map(f64::from).collect())
                .dense("hidden", "out", (1..=8).map(f64::from).collect())
                .build()
                .unwrap();
        }
        let mut stimuli = vec![stimulus.clone(); 20];
        for (k, stimulus) in stimuli.iter_mut().enumerate() {
            let spikes = stimulus.spikes().iter().skip(k % 3).copied().collect();
            *stimulus = Stimulus::new(stimulus.t_end(), spikes).unwrap();
        }
        let settings = Settings::default();
        let mut evaluator = Evaluator::new(&network, &parameters, settings).unwrap();
        let requests = loss.readouts(&network).unwrap();
        let run = evaluator.run(&stimuli, &requests).unwrap();
        let mut cotangents = Vec::new();
        for trace in run.traces() {
            let mut of_sample = Cotangents::zeros(trace);
            loss.evaluate_in(&network, trace, &mut of_sample, &mut LossMemory::default()).unwrap();
            cotangents.push(of_sample);
        }
        let mut moved = parameters.clone();
        moved.connections[0].weights.iter_mut().for_each(|w| *w *= 1.5);
        evaluator.set_parameters(&moved).unwrap();
        let on = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| run.backward(&cotangents)).unwrap()
        };
        let (got, alone) = (on(3), on(1));
        assert_eq!(got.parameters, alone.parameters);
        let mut sum = vec![0.0; got.parameters.to_vec().len()];
        for (k, stimulus) in stimuli.iter().enumerate() {
            let expected =
                value_and_grad(&network, &parameters, stimulus, loss, &settings).unwrap();
            assert_eq!(got.input_times[k], expected.gradient.input_times);
            assert_eq!(run.traces()[k].spikes, expected.trace.spikes);
            assert_eq!(run.certificate(k, &cotangents[k], &got), expected.certificate);
            let of_sample = expected.gradient.parameters.to_vec();
            sum.iter_mut().zip(of_sample).for_each(|(into, x)| *into += x);
        }
        let got = got.parameters.to_vec();
        let largest = sum.iter().fold(0.0f64, |a, x| a.max(x.abs()));
        for (got, sum) in got.iter().zip(&sum) {
            assert!((got - sum).abs() <= REORDERED * largest, "{got} {sum} of {largest}");
        }
    }
}

/// A perfect integrator of its current, whose answers about its next spike may be no times.
struct Odd;

/// What it answers for the next spike, and for the bound of it: the truth for 0, not a number for 1, and something negative for 2.
const NEXT: usize = 1;
const BOUND: usize = 2;

fn odd(kind: f64, truth: f64) -> f64 {
    match kind {
        kind if kind < 0.5 => truth,
        kind if kind < 1.5 => f64::NAN,
        _ => -1.0 - truth,
    }
}

impl Equations for Odd {
    const TABLE: Table = Table::new(
        "odd",
        "a neuron that answers oddly",
        &[
            Quantity::new("params.tau", "time constant", Kind::TimeConstant, 0.02),
            Quantity::new("params.next", "kind of answer", Kind::Potential, 0.0),
            Quantity::new("params.bound", "kind of bound", Kind::Potential, 0.0),
        ],
    );
    const DIMENSION: usize = 2;

    fn initial<T: Scalar>(_: &[T]) -> Vector<T> {
        vector([])
    }
    fn rate<T: Scalar>(p: &[T], [_, i, ..]: Vector<T>) -> Vector<T> {
        vector([i / p[TAU]])
    }
    fn flow<T: Scalar>(p: &[T], [v, i, ..]: Vector<T>, dt: T) -> Vector<T> {
        vector([v + i * dt / p[TAU], i])
    }
    fn receive<T: Scalar>(_: &[T], [v, i, ..]: Vector<T>, weight: T) -> Vector<T> {
        vector([v, i + weight])
    }
    fn reset<T: Scalar>(_: &[T], [_, i, ..]: Vector<T>) -> Vector<T> {
        vector([T::from(0.0), i])
    }
    fn next_spike(p: &[f64], [v, i, ..]: Vector<f64>) -> Option<f64> {
        (i > 0.0).then(|| odd(p[NEXT], (1.0 - v) * p[TAU] / i))
    }
    fn earliest_spike(p: &[f64], _: Vector<f64>) -> Option<f64> {
        Some(odd(p[BOUND], 0.0))
    }
}

static ODD: General = General::of::<Odd>();

#[test]
fn a_next_spike_that_is_no_time_ends_a_run_and_names_the_neuron() {
    let run = |next: f64, bound: f64| {
        let (network, parameters) = Network::builder()
            .inputs(1)
            .population("odd", Model::General(&ODD), 2)
            .with("next", vec![0.0, next])
            .with("bound", bound)
            .dense("input", "odd", vec![2.0, 2.5])
            .build()
            .unwrap();
        let stimulus = Stimulus::new(0.05, vec![InputSpike { channel: 0, time: 0.004 }]).unwrap();
        let loss: &dyn Loss = &Everything;
        value_and_grad(&network, &parameters, &stimulus, loss, &Settings::default())
    };
    let truth = run(0.0, 0.0).unwrap().trace.spikes;
    assert_eq!(truth.len(), 4 + 5);
    // A bound that is no time bounds nothing.
    for bound in [1.0, 2.0] {
        assert_eq!(run(0.0, bound).unwrap().trace.spikes, truth);
    }
    for (next, text) in [(1.0, "spikes next in NaN s"), (2.0, "spikes next in -1.008 s")] {
        let error = run(next, 0.0).unwrap_err();
        let Error::Simulate(SimulateError::NextSpike { neuron, time, .. }) = &error else {
            panic!("{error}")
        };
        assert_eq!((neuron.to_string().as_str(), *time), ("odd[1]", 0.004), "{error}");
        assert!(error.to_string().ends_with(text), "{error}");
    }
}
