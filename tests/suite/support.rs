//! What several tests need: reading problems and expected answers, differentiating a problem, finding a number by its path.

use crate::tolerance::{AGREEMENT_ROUNDINGS, OF_CHAINS};
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;
use serde_json::Value;
use spikegrad::problem::{Answer, Problem};
use spikegrad::{
    AnyLoss, Derivatives, Error, Evaluation, Loss, NeuronId, Observation, ReadoutRequest, Settings,
    SimulateError, Spike, Sum, Trace, VoltageMeasure, VoltageRegulariser, simulate, value_and_grad,
};
pub(crate) use spikegrad_compare::strategies::Random;
use std::path::{Path, PathBuf};

/// A path below the package of tests.
pub(crate) fn here(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

pub(crate) fn read_json(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// The loss of a problem, and costs of the maximum and the mean of every potential that has them: at a spike of a quadratic neuron it is infinite.
pub(crate) fn with_potentials(problem: &Problem) -> AnyLoss {
    let own = (1.0, problem.document.loss.clone().unwrap());
    let populations = problem.network.populations().iter();
    let read = populations.filter(|of| !of.model.table().model.starts_with("qif"));
    let costs = read.map(|of| of.name.clone()).flat_map(|population| {
        [(0.3, VoltageMeasure::Maximum), (0.5, VoltageMeasure::Mean)].map(|(factor, measure)| {
            let (population, lower) = (population.clone(), Some(5.0));
            (factor, VoltageRegulariser { population, measure, lower, upper: None }.into())
        })
    });
    Sum::of(std::iter::once(own).chain(costs)).into()
}

pub(crate) fn differentiate(problem: &Problem) -> Evaluation {
    let loss = problem.document.loss.as_ref().unwrap();
    value_and_grad(
        &problem.network,
        &problem.parameters,
        &problem.stimulus,
        loss,
        &Settings::default(),
    )
    .unwrap()
}

/// The answer document of an evaluation, as a reader of the command line sees it.
pub(crate) fn document(problem: &Problem, evaluation: &Evaluation) -> Value {
    let answer = Answer::of_trace(problem, &evaluation.trace).with_gradient(
        problem,
        evaluation.loss,
        &evaluation.gradient,
        Value::Null,
    );
    serde_json::to_value(answer).unwrap()
}

/// Derivative at the path of a number of the problem file, as the oracle writes it: `network/connections/0/weights/1/2`.
pub(crate) fn at_path(answer: &Value, path: &str) -> f64 {
    // A spike is [channel, time] in the file, and its derivative a number in the answer.
    let path = match path.strip_prefix("stimulus/spikes/") {
        Some(rest) => format!("stimulus/spikes/{}", rest.trim_end_matches("/1")),
        None => path.to_owned(),
    };
    answer["gradient"]
        .pointer(&format!("/{path}"))
        .and_then(Value::as_f64)
        .unwrap_or_else(|| panic!("no {path}"))
}

/// A decimal string of the oracle.
pub(crate) fn decimal(value: &Value) -> f64 {
    value.as_str().unwrap().parse().unwrap()
}

/// |got − expected| relative to the larger of |expected| and `floor`.
pub(crate) fn error(got: f64, expected: f64, floor: f64) -> f64 {
    (got - expected).abs() / expected.abs().max(floor)
}

/// What the problem's loss reads.
pub(crate) fn readouts_of(problem: &Problem) -> Vec<ReadoutRequest> {
    problem.document.loss.as_ref().unwrap().readouts(&problem.network).unwrap()
}

/// The problems of the case corpus with their names.
pub(crate) fn corpus() -> Vec<(String, Problem)> {
    problems_in(&here("cases"))
}

/// The case corpus, and a problem for each loss that it does not have.
pub(crate) fn problems() -> Vec<(String, Problem)> {
    let others = ["relative_spike_time", "van_rossum", "shaped_voltage_cross_entropy"];
    let read = |name: &str| {
        let text = std::fs::read(here(&format!("data/{name}.json"))).unwrap();
        (name.to_owned(), Problem::from_json(&text).unwrap())
    };
    corpus().into_iter().chain(others.map(read)).collect()
}

/// The problems of a folder of cases with their names.
pub(crate) fn problems_in(folder: &Path) -> Vec<(String, Problem)> {
    let entries = std::fs::read_dir(folder).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let is_problem = |name: &String| name.ends_with(".json") && !name.ends_with(".expected.json");
    let mut names: Vec<String> = names.filter(is_problem).collect();
    names.sort();
    let read = |name: String| {
        let problem = Problem::from_json(&std::fs::read(folder.join(&name)).unwrap()).unwrap();
        (name.trim_end_matches(".json").to_owned(), problem)
    };
    names.into_iter().map(read).collect()
}

/// A problem document: a population `out` of one neuron with these parameters, its own input channel for each weight.
pub(crate) fn one_neuron(
    params: Value,
    weights: &[f64],
    spikes: &[(usize, f64)],
    t_end: f64,
) -> Value {
    serde_json::json!({
        "format": "spikegrad-problem", "version": 1,
        "network": {
            "inputs": weights.len(),
            "populations": [{"name": "out", "size": 1, "model": "lif", "params": params}],
            "connections": [{"from": "input", "to": "out", "weights": [weights]}]
        },
        "stimulus": {"t_end": t_end, "spikes": spikes}
    })
}

pub(crate) fn problem(document: &Value) -> Problem {
    Problem::from_json(document.to_string().as_bytes()).unwrap()
}

pub(crate) fn run(document: &Value) -> Result<Trace, SimulateError> {
    let Problem { network, parameters, stimulus, .. } = problem(document);
    simulate(&network, &parameters, &stimulus, &[], &Settings::default())
}

/// Times of all spikes, in order.
pub(crate) fn times(document: &Value) -> Vec<f64> {
    run(document).unwrap().spikes.iter().map(|s| s.time).collect()
}

/// A loss of the suite's own: the time of one spike, so that its gradient is that of the spike time.
#[derive(Debug)]
pub(crate) struct SpikeTime {
    pub(crate) neuron: usize,
    /// Which of its spikes, counted from 0.
    pub(crate) ordinal: usize,
}

impl Loss for SpikeTime {
    fn evaluate_into(&self, run: &Observation<'_>, into: &mut Derivatives<'_>) -> f64 {
        let neuron = NeuronId::new(self.neuron);
        let mut own = (0..run.spikes.len()).filter(|&k| run.spikes[k].neuron == neuron);
        let spike = own.nth(self.ordinal).unwrap();
        into.spikes[spike] = 1.0;
        run.spikes[spike].time
    }
}

pub(crate) fn gradient_of(document: &Value, loss: &dyn Loss) -> Result<Evaluation, Error> {
    let Problem { network, parameters, stimulus, .. } = problem(document);
    value_and_grad(&network, &parameters, &stimulus, loss, &Settings::default())
}

/// The answer document of the gradient of one spike time.
pub(crate) fn time_gradient(document: &Value, neuron: usize, ordinal: usize) -> Value {
    let evaluation = gradient_of(document, &SpikeTime { neuron, ordinal }).unwrap();
    self::document(&problem(document), &evaluation)
}

/// Condition of the time of a crossing: its relative change for a relative change of potentials of the size `scale`.
pub(crate) fn condition(time: f64, slope: f64, scale: f64) -> f64 {
    (scale / (slope * time)).max(1.0)
}

/// Asserts that `got` is within `ulps` roundings of `expected`.
#[track_caller]
pub(crate) fn close(got: f64, expected: f64, ulps: f64) {
    let error = error(got, expected, 0.0);
    assert!(
        error <= ulps * f64::EPSILON,
        "{got:?} is not {expected:?}: {:.1} roundings",
        error / f64::EPSILON
    );
}

#[track_caller]
pub(crate) fn all_close(got: &[f64], expected: &[f64], ulps: f64) {
    assert_eq!(got.len(), expected.len(), "{got:?} {expected:?}");
    for (&got, &expected) in got.iter().zip(expected) {
        close(got, expected, ulps);
    }
}

/// The sum of some numbers, with one rounding or little more, however much of them cancels (Neumaier 1974, twice).
pub(crate) fn exact_sum<const N: usize>(numbers: [f64; N]) -> f64 {
    let (mut sum, mut rest, mut rest_of_rest) = (0.0, 0.0, 0.0);
    let two_sum = |a: f64, b: f64| {
        let sum = a + b;
        let part = sum - a;
        (sum, (a - (sum - part)) + (b - part))
    };
    for x in numbers {
        let error;
        (sum, error) = two_sum(sum, x);
        let more;
        (rest, more) = two_sum(rest, error);
        rest_of_rest += more;
    }
    sum + (rest + rest_of_rest)
}

/// A small random generator with a fixed seed: no test may depend on the weather.
pub(crate) fn random(seed: u64) -> Random {
    Random::new(seed)
}

/// Fisher and Yates.
pub(crate) fn shuffle<T>(list: &mut [T], random: &mut Random) {
    for k in (1..list.len()).rev() {
        list.swap(k, random.below(k + 1));
    }
}

/// Two inhibitory inputs at one instant, which cut a maximum off together: a kink, whose side is a matter of convention
/// (mathematics.md, eq. 23).
pub(crate) fn cut_off_together() -> Problem {
    problem(&serde_json::json!({
        "format": "spikegrad-problem", "version": 1,
        "network": {
            "inputs": 3,
            "populations": [{"name": "readout", "size": 2, "model": "li"}],
            "connections": [{"from": "input", "to": "readout", "weights": [[3, -5, -2], [1, 0.5, 0.25]]}]
        },
        "stimulus": {"t_end": 0.02, "spikes": [[0, 0.001], [1, 0.006], [2, 0.006]]},
        "loss": {"type": "max_voltage_cross_entropy", "population": "readout", "label": 1}
    }))
}

/// What roundings of slopes may change in a gradient, relative to its largest entry: 16 ε Σ κ² over the spikes of a run
/// (`spikegrad_compare::Condition`).
pub(crate) fn of_slopes(problem: &Problem, trace: &Trace) -> f64 {
    let squared = |spike: &Spike| {
        let of = numbers_of(problem, spike.neuron);
        let rise = spike.slope * of("params.tau_mem");
        let height = of("params.v_th") - (of("params.v_leak") + of("params.i_bias"));
        let current = rise + height;
        ((height.abs() + current.abs()) / rise).max(1.0).powi(2)
    };
    AGREEMENT_ROUNDINGS * f64::EPSILON * trace.spikes.iter().map(squared).sum::<f64>()
}

/// What dual numbers lose at an arrival: its time moves the motions before and after it by their rates, and their integrals by their potentials, each a
/// difference of terms as large as the resting value, and only the difference that the weight makes stays.
pub(crate) fn of_rates(problem: &Problem) -> f64 {
    let rests = of_neurons(problem, |of| (of("params.v_leak") + of("params.i_bias")).abs());
    let weights = problem.parameters.connections.iter().flat_map(|c| &c.weights);
    let least = weights.map(|w| w.abs()).filter(|&w| w > 0.0).fold(1.0, f64::min);
    AGREEMENT_ROUNDINGS * f64::EPSILON * rests / least
}

/// What the adjoint loses at an arrival through a synapse that is faster than the membrane: long after it what an arrival's
/// time changes is smaller than its terms by the ratio of the time constants (docs/mathematics.md, eq. 10).
pub(crate) fn of_fast_synapses(problem: &Problem) -> f64 {
    let ratios = of_neurons(problem, |of| of("params.tau_mem") / of("params.tau_syn"));
    AGREEMENT_ROUNDINGS * f64::EPSILON * ratios
}

/// The largest of what `of` makes of the numbers of each neuron, but for what is not finite.
fn of_neurons(problem: &Problem, of: impl Fn(&dyn Fn(&str) -> f64) -> f64) -> f64 {
    let neurons = (0..problem.network.neurons()).map(NeuronId::new);
    let each = neurons.map(|neuron| of(&numbers_of(problem, neuron)));
    each.filter(|x| x.is_finite()).fold(0.0, f64::max)
}

/// The numbers of a neuron by their paths; 0 where it has none.
fn numbers_of(problem: &Problem, neuron: NeuronId) -> impl Fn(&str) -> f64 {
    let (population, k) = problem.network.locate(neuron);
    let values = &problem.parameters.populations[population];
    move |path| values.named(path).map_or(0.0, |values| values.get(k))
}

/// Whether two runs read a maximum at different ones of equal heights: near a threshold that does not move heights are told apart where sums are equal.
pub(crate) fn differ_in_maxima(one: &Trace, other: &Trace) -> bool {
    one.readouts.iter().zip(&other.readouts).any(|(a, b)| {
        let is_tied = a.rival.is_some() || b.rival.is_some();
        is_tied && std::mem::discriminant(&a.place) != std::mem::discriminant(&b.place)
    })
}

/// Largest relative difference between the slopes of two runs of the same spikes.
fn between_slopes(one: &Trace, other: &Trace) -> f64 {
    let slopes = one.spikes.iter().zip(&other.spikes);
    slopes.map(|(a, b)| (a.slope / b.slope - 1.0).abs()).fold(0.0, f64::max)
}

/// What a rounding of each weight moves the slopes of a run by: chains of spikes multiply it.
fn of_rounded_weights(problem: &Problem, trace: &Trace) -> f64 {
    let Problem { network, parameters, stimulus, .. } = problem;
    let run = |seed: u64| {
        let (mut random, mut moved) = (random(seed), parameters.clone());
        for weight in moved.connections.iter_mut().flat_map(|c| &mut c.weights) {
            *weight *= 1.0 + f64::EPSILON * [-1.0, 1.0][random.below(2)];
        }
        let moved = simulate(network, &moved, stimulus, &[], &Settings::default()).unwrap();
        between_slopes(trace, &moved)
    };
    (0..3).map(run).fold(0.0, f64::max)
}

/// What a gradient of one engine may differ by from that of another, relative to its largest entry, where both ran the same network.
///
/// Beside the roundings of each slope ([`of_slopes`]), a rounding of a spike's time grows along a chain of spikes, and moves the slopes by
/// which adjoints divide: the two runs are held to [`OF_CHAINS`] or, where a chain is longer, to what a rounding of the weights moves them
/// by, and their gradients to the roundings of the slopes that they found.
pub(crate) fn between_engines(
    problem: &Problem,
    one: &Trace,
    other: &Trace,
) -> Result<f64, TestCaseError> {
    let mut bound = OF_CHAINS.max(of_slopes(problem, one));
    let of_runs = between_slopes(one, other);
    if of_runs > bound {
        bound = AGREEMENT_ROUNDINGS * of_rounded_weights(problem, one);
    }
    prop_assert!(of_runs <= bound, "slopes differ by {}, beside {}", of_runs, bound);
    Ok(bound.max(AGREEMENT_ROUNDINGS * of_runs))
}
