//! Four engines, one gradient: the adjoint against forward propagation, saltation matrices and finite differences.
//!
//! On the case corpus and on random networks of every topology and under every loss. Not here: that each rule of a neuron is
//! noticed if it is broken (`planted.rs`).

use crate::random_networks::{MAX_EVENTS, Plan, Regime, any_plan, for_all, layered_plan, runaway};
use crate::support::{cut_off_together, of_fast_synapses, of_rates, of_slopes, problems, random};
use crate::tolerance::{AGREEMENT, AGREEMENT_ROUNDINGS, DUAL};
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;
use spikegrad::dynamics::Kind;
use spikegrad::problem::Problem;
use spikegrad::{
    Certificate, Derivatives, Gradient, Loss, Measure, Network, NeuronId, Observation,
    ReadoutRequest, Sample, Settings, Trace, value_and_grad, value_and_jvp,
};
use spikegrad_compare::{
    Agreement, Answer, CompareError, Condition, Engine, Exact, FiniteDifferences,
    ForwardPropagation, Number, Question, Refusal, Saltation, TOLERANCE,
};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

const SETTINGS: Settings = Settings { max_events: MAX_EVENTS, ..Settings::DEFAULT };

fn question<'a>(problem: &'a Problem, loss: &'a dyn Loss) -> Question<'a> {
    let Problem { network, parameters, stimulus, .. } = problem;
    Question { network, parameters, stimulus, loss, settings: SETTINGS }
}

/// Adds up what was refused, by reason.
fn count(refusals: &[Refusal], into: &mut BTreeMap<&'static str, usize>) {
    for Refusal { reason, count } in refusals {
        *into.entry(reason).or_default() += count;
    }
}

#[test]
fn the_corpus_has_one_gradient() {
    let cases = problems();
    let (mut worst, mut compared, mut refused) = ([0.0_f64; 3], [0; 3], BTreeMap::new());
    let differences = FiniteDifferences::default();
    let others: [(&dyn Engine, f64); 3] =
        [(&ForwardPropagation, AGREEMENT), (&Saltation, AGREEMENT), (&differences, TOLERANCE)];
    for (name, problem) in &cases {
        let loss = problem.document.loss.as_ref().unwrap();
        let question = question(problem, loss);
        let exact = Exact.answer(&question).unwrap();
        for (k, (engine, tolerance)) in others.into_iter().enumerate() {
            let other = engine.answer(&question).unwrap();
            let agreement = Agreement::between(&question, &exact, &other);
            assert!(
                agreement.error() <= tolerance,
                "{name}, {}: {}",
                engine.name(),
                agreement.worst.unwrap()
            );
            worst[k] = worst[k].max(agreement.error());
            compared[k] += agreement.compared();
            count(&other.evidence.refusals, &mut refused);
        }
    }
    println!("{} cases; entries compared, and worst, of the largest entry:", cases.len());
    for ((engine, _), (compared, worst)) in others.iter().zip(compared.iter().zip(worst)) {
        println!("  {}: {compared}, {worst:.1e}", engine.name());
    }
    println!("  refused by differences: {refused:?}");
    assert!(compared[2] > 9 * refused.values().sum::<usize>());
}

/// Largest difference of two answers, relative to the largest entry of the terms; entries in units of their scales.
fn difference(numbers: &[Number], condition: &Condition, a: &Answer, b: &Answer) -> f64 {
    let terms = condition.terms.iter().zip(numbers).map(|(term, n)| term * n.scale);
    let largest = terms.fold(0.0, f64::max);
    let pairs = a.entries().into_iter().zip(b.entries()).zip(numbers);
    let differences = pairs.map(|((a, b), n)| (a.unwrap() - b.unwrap()).abs() * n.scale);
    let difference = differences.fold(0.0, f64::max);
    if difference == 0.0 { 0.0 } else { difference / largest }
}

/// A case says nothing if its run does not end; every other error is a failure.
fn rejected(error: CompareError) -> TestCaseError {
    match error {
        CompareError::Evaluation(error) => runaway(error),
        error => TestCaseError::fail(error.to_string()),
    }
}

/// Whether a gradient is one-sided, as the certificate says: at a tie each engine may take a side of its own.
fn is_one_sided(certificate: &Certificate) -> bool {
    certificate.ties > 0
}

/// Plans of every kind, with dense loops in every second one.
fn plans() -> impl Strategy<Value = Plan> {
    (any_plan(), any::<bool>()).prop_map(|(plan, loops)| Plan { loops, ..plan })
}

/// What was seen on random networks.
#[derive(Default)]
struct Seen {
    /// Adjoint and forward propagation, adjoint and saltation, forward propagation and saltation.
    worst: [f64; 3],
    /// Networks that need their condition, of how many: of the usual regime, and of the others.
    conditioned: [[usize; 2]; 2],
    quotients: usize,
    refused: BTreeMap<&'static str, usize>,
}

#[test]
fn random_networks_have_one_gradient() {
    let seen = RefCell::new(Seen::default());
    for_all(plans(), |plan, problem| {
        let loss = plan.loss(problem);
        let question = question(problem, &loss);
        let numbers = question.numbers();
        let exact = Exact.answer(&question).map_err(rejected)?;
        let certificate = exact.evidence.certificate.as_ref().unwrap();
        if is_one_sided(certificate) {
            return Ok(certificate.spikes);
        }
        let forward = ForwardPropagation.answer(&question).map_err(rejected)?;
        let (saltation, condition) =
            Saltation.answer_with_condition(&question).map_err(rejected)?;
        let mut seen = seen.borrow_mut();
        let of_saltation = condition.rounding_of_saltation();
        let pairs = [
            (&exact, &forward, condition.rounding()),
            (&exact, &saltation, of_saltation),
            (&forward, &saltation, of_saltation),
        ];
        for (k, (a, b, tolerance)) in pairs.into_iter().enumerate() {
            let error = difference(&numbers, &condition, a, b);
            let found = Agreement::between(&question, a, b).worst;
            prop_assert!(error <= tolerance, "pair {}: {} {:?}", k, error, found);
            seen.worst[k] = seen.worst[k].max(error);
        }
        let is_beyond = difference(&numbers, &condition, &exact, &forward) > AGREEMENT;
        let [conditioned, all] = &mut seen.conditioned[usize::from(plan.regime != Regime::Usual)];
        (*conditioned, *all) = (*conditioned + usize::from(is_beyond), *all + 1);
        // Differences take a dozen runs for each number: on some of the networks.
        if plan.seed % 16 == 0 {
            let quotients = FiniteDifferences::default().answer(&question).map_err(rejected)?;
            let agreement = Agreement::between(&question, &exact, &quotients);
            prop_assert!(agreement.error() <= TOLERANCE, "{}", agreement.worst.unwrap());
            seen.quotients += agreement.compared();
            count(&quotients.evidence.refusals, &mut seen.refused);
        }
        Ok(exact.evidence.certificate.map_or(0, |certificate| certificate.spikes))
    });
    let Seen { worst, conditioned, quotients, refused } = seen.into_inner();
    println!(
        "worst: adjoint and forward {:.1e}, adjoint and saltation {:.1e}, forward and saltation {:.1e}",
        worst[0], worst[1], worst[2]
    );
    let [usual, others] = conditioned;
    println!("beyond {AGREEMENT:e}, within their condition: usual {usual:?}, others {others:?}");
    println!("{quotients} quotients compared, refused: {refused:?}");
    // Near the threshold spikes graze.
    assert!(100 * usual[0] <= usual[1] && 20 * others[0] <= others[1] && quotients > 1000);
}

/// Σ c t + Σ c m over all spikes and read-outs, with random coefficients: any cotangents will do.
#[derive(Debug)]
struct Random<'a> {
    reads: &'a dyn Loss,
    seed: u64,
    /// Every potential is read, too: its maximum, and somewhere within a run that ends then.
    everywhere: Option<f64>,
}

impl Loss for Random<'_> {
    fn request(&self, network: &Network, requests: &mut Vec<ReadoutRequest>) {
        self.reads.request(network, requests);
        let Some(t_end) = self.everywhere else { return };
        let mut random = random(self.seed);
        for neuron in (0..network.neurons()).map(NeuronId::new) {
            let time = t_end * random.unit();
            for measure in [Measure::Maximum, Measure::Sample { time }] {
                requests.push(ReadoutRequest { neuron, measure });
            }
        }
    }

    fn evaluate_into(&self, run: &Observation<'_>, into: &mut Derivatives<'_>) -> f64 {
        let mut random = random(self.seed);
        let mut draw = |c: &mut f64, value: f64| {
            *c = 2.0 * random.unit() - 1.0;
            *c * value
        };
        let of_spikes = run.spikes.iter().zip(&mut *into.spikes);
        let spikes: f64 = of_spikes.map(|(s, c)| draw(c, s.time)).sum();
        let of_readouts = run.readouts.iter().zip(&mut *into.readouts);
        spikes + of_readouts.map(|(r, c)| draw(c, r.value)).sum::<f64>()
    }
}

/// cᵀ (J u) = (Jᵀ c)ᵀ u, for random c and u, to what roundings of slopes may change: by dual numbers, and by the sweep where it knows the network; `swept` counts the
/// spikes that it moved.
fn have_one_product(
    (plan, problem): (&Plan, &Problem),
    settings: Settings,
    (everywhere, swept): (Option<f64>, &Cell<usize>),
    of_slopes: impl FnOnce(&Trace, &dyn Loss) -> Result<f64, TestCaseError>,
) -> Result<usize, TestCaseError> {
    let reads = plan.loss(problem);
    let loss = Random { reads: &reads, seed: plan.seed, everywhere };
    let Problem { network, parameters, stimulus, .. } = problem;
    let back = value_and_grad(network, parameters, stimulus, &loss, &settings).map_err(runaway)?;
    if is_one_sided(&back.certificate) {
        return Ok(back.trace.spikes.len());
    }
    let mut random = plan.random();
    let mut draw = |x: f64| (2.0 * random.unit() - 1.0) * x.abs().max(1e-3);
    let times = stimulus
        .in_given_order(&stimulus.spikes().iter().map(|spike| spike.time).collect::<Vec<_>>());
    let mut direction = Gradient {
        parameters: parameters.map(&mut draw),
        input_times: times.into_iter().map(&mut draw).collect(),
        currents: vec![],
    };
    // A refractory time of 0 can only grow, and then beyond what arrives at a spike: its derivative is one-sided, and holds
    // while delays stay.
    for (along, at) in direction.parameters.populations.iter_mut().zip(&parameters.populations) {
        let pairs = along.values_mut().zip(at.values());
        let durations = pairs.filter(|((quantity, _), _)| quantity.kind == Kind::Duration);
        let pairs = durations
            .flat_map(|((_, along), (_, at))| along.as_mut_slice().iter_mut().zip(at.as_slice()));
        pairs.filter(|(_, at)| **at == 0.0).for_each(|(along, _)| *along = 0.0);
    }
    let sample = Sample { stimulus, loss: &loss };
    let along = |settings: &Settings| {
        value_and_jvp(network, parameters, sample, &direction, settings).map_err(runaway)
    };
    let forward = along(&settings)?;
    let mut derivatives = vec![forward.derivative];
    if forward.was_swept {
        let event_loop = Settings { engine: spikegrad::Engine::EventLoop, ..settings };
        derivatives.push(along(&event_loop)?.derivative);
    }
    let flat = |g: &Gradient| [g.parameters.to_vec(), g.input_times.clone()].concat();
    let pairs = flat(&back.gradient).into_iter().zip(flat(&direction));
    let terms: Vec<f64> = pairs.map(|(g, u)| g * u).collect();
    let (product, size) = (terms.iter().sum::<f64>(), terms.iter().map(|x| x.abs()).sum::<f64>());
    let of_slopes = of_slopes(&back.trace, &loss)?;
    let tolerance = DUAL.max(of_slopes).max(of_rates(problem)).max(of_fast_synapses(problem));
    for derivative in derivatives {
        let error = (derivative - product).abs();
        prop_assert!(error <= tolerance * size, "{} {} {}", derivative, product, size);
    }
    let spikes = forward.trace.spikes.len();
    swept.set(swept.get() + if forward.was_swept { spikes } else { 0 });
    Ok(spikes)
}

#[test]
fn a_direction_carried_forward_and_a_cotangent_carried_back_have_one_product() {
    let swept = Cell::new(0);
    for_all(plans(), |plan, problem| {
        // Near grazing as above: the condition is that of the run.
        let of_slopes = |_: &Trace, loss: &dyn Loss| {
            let question = question(problem, loss);
            let (_, condition) = Saltation.answer_with_condition(&question).map_err(rejected)?;
            Ok(AGREEMENT_ROUNDINGS * f64::EPSILON * condition.of_slopes)
        };
        have_one_product((plan, problem), SETTINGS, (None, &swept), of_slopes)
    });
    println!("{} spikes by the sweep", swept.get());
    assert!(swept.get() > 1_000);
}

#[test]
fn in_layers_of_many_neurons_they_have_one_product_too() {
    let swept = Cell::new(0);
    let settings = Settings { max_events: 10 * MAX_EVENTS, ..SETTINGS };
    for_all(layered_plan(), |plan, problem| {
        let of_slopes = |trace: &Trace, _: &dyn Loss| Ok(of_slopes(problem, trace));
        let end = problem.stimulus.t_end();
        have_one_product((plan, problem), settings, (Some(end), &swept), of_slopes)
    });
    println!("{} spikes by the sweep", swept.get());
    assert!(swept.get() > 10_000);
}

#[test]
fn arrivals_that_cut_a_maximum_off_together_share_its_motion_but_not_on_dual_numbers() {
    let problem = cut_off_together();
    let loss = problem.document.loss.as_ref().unwrap();
    let question = question(&problem, loss);
    let exact = Exact.answer(&question).unwrap();
    let saltation = Saltation.answer(&question).unwrap();
    let agreement = Agreement::between(&question, &exact, &saltation);
    assert!(agreement.error() <= AGREEMENT, "{}", agreement.worst.unwrap());
    let forward = ForwardPropagation.answer(&question).unwrap();
    // Dual numbers give all of the motion to the first arrival: another side of the kink, the same if both move together.
    let times = |answer: &Answer| -> Vec<f64> {
        answer.gradient.input_times.iter().map(|time| time.unwrap()).collect()
    };
    let (exact, forward) = (times(&exact), times(&forward));
    assert!((exact[0] - forward[0]).abs() <= AGREEMENT * exact[0].abs());
    assert!((exact[1] + exact[2] - forward[1] - forward[2]).abs() <= AGREEMENT * exact[0].abs());
    assert!((exact[1] - forward[1]).abs() > 1.0);
}
