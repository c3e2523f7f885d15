//! All measures on all neurons: samples within and outside refractory times, maxima, means and averages under a weight that
//! fades, of neurons that spike and of leaky integrators.

use super::{AUTOMATIC, EVENT_LOOP, Reads, evaluate, flat};
use crate::random_networks::{
    Plan, Regime, Swept, USUAL, any_plan, for_all, layered_plan, runaway,
};
use crate::support::{between_engines, one_neuron, problem};
use crate::tolerance::{DIFFERENCE, OF_CHAINS};
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;
use serde_json::json;
use spikegrad::dynamics::Lif;
use spikegrad::problem::Problem;
use spikegrad::simulation::{Options, simulate};
use spikegrad::{
    Evaluator, Measure, NeuronId, Place, ReadoutRequest, Settings, SimulateError, Spike, TieKind,
    Trace,
};
use spikegrad_compare::{
    Answer, CompareError, Engine, Exact, ForwardPropagation, Question, Saltation, check_gradient,
};
use spikegrad_network::{Circuit, Layers};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

/// A third of the usual run.
const TAU: f64 = 0.02;

/// The run of a problem.
fn run(problem: &Problem, max_events: u64) -> Result<Trace, TestCaseError> {
    let Problem { network, parameters, stimulus, .. } = problem;
    let options = Options { readouts: &[], max_events };
    match simulate(network, parameters, stimulus, options) {
        Err(SimulateError::EventBudget { .. }) => Err(TestCaseError::reject("runs away")),
        Err(error) => Err(TestCaseError::fail(error.to_string())),
        Ok(trace) => Ok(trace),
    }
}

/// Reads of every neuron a maximum, two averages, and samples: at random times, in the middle of each refractory time, and at the
/// end. A maximum that the certificate says to be reached twice, such as that of a neuron that stays at rest, or to be cut off by two
/// arrivals, has no derivative, and counts nothing.
/// `None` where something else coincides.
fn everything(
    plan: &Plan,
    problem: &Problem,
    settings: &Settings,
) -> Result<Option<Reads>, TestCaseError> {
    let Problem { network, parameters, stimulus, .. } = problem;
    let (mut random, t_end) = (plan.random(), stimulus.t_end());
    let mut requests = Vec::new();
    let mut read = |neuron, measure| requests.push(ReadoutRequest { neuron, measure });
    for neuron in (0..network.neurons()).map(NeuronId::new) {
        read(neuron, Measure::Maximum);
        read(neuron, Measure::Mean);
        read(neuron, Measure::Weighted { tau: TAU });
        read(neuron, Measure::Sample { time: t_end * random.unit() });
        read(neuron, Measure::Sample { time: t_end });
    }
    for spike in &run(problem, settings.max_events)?.spikes {
        let (population, index) = network.locate(spike.neuron);
        let time =
            spike.time + 0.5 * parameters.populations[population][spikegrad::lif::T_REF].get(index);
        if time > spike.time && time <= t_end {
            read(spike.neuron, Measure::Sample { time });
        }
    }
    let mut draw = |request| (request, 2.0 * random.unit() - 1.0);
    let of_readouts = requests.into_iter().map(&mut draw).collect();
    let mut reads = Reads { of_spikes: 0.1, of_readouts };
    let certificate = evaluate(problem, &reads, settings).map_err(runaway)?.certificate;
    for tie in &certificate.first_ties {
        if !matches!(tie.kind, TieKind::EqualMaxima | TieKind::SharedCusp) {
            return Ok(None);
        }
        for (request, coefficient) in &mut reads.of_readouts {
            if request.measure == Measure::Maximum && network.describe(request.neuron) == tie.neuron
            {
                *coefficient = 0.0;
            }
        }
    }
    Ok(Some(reads))
}

/// Where the read-outs of a run stood.
#[derive(Default)]
struct Seen(RefCell<BTreeMap<&'static str, usize>>);

impl Seen {
    fn note(&self, trace: &Trace) {
        for readout in &trace.readouts {
            let name = match readout.place {
                Place::Free => "free",
                Place::AfterArrivals => "after arrivals",
                Place::Clamped => "clamped",
                Place::Threshold => "threshold",
                Place::Cusp(_) => "cusp",
                Place::Pseudospike => "pseudospike",
            };
            *self.0.borrow_mut().entry(name).or_default() += 1;
        }
    }

    /// All that a random run can have.
    fn check(&self) {
        println!("{:?}", self.0.borrow());
        for name in ["free", "clamped", "threshold", "cusp"] {
            assert!(self.0.borrow().get(name).is_some_and(|&count| count > 100), "{name}");
        }
    }
}

/// A case says nothing if its run does not end.
fn rejected(error: CompareError) -> TestCaseError {
    match error {
        CompareError::Evaluation(error) => runaway(error),
        CompareError::Simulate(SimulateError::EventBudget { .. }) => {
            TestCaseError::reject("runs away")
        }
        error => TestCaseError::fail(error.to_string()),
    }
}

/// Plans of every kind, with dense loops in every second one.
fn plans() -> impl Strategy<Value = Plan> {
    (any_plan(), any::<bool>()).prop_map(|(plan, loops)| Plan { loops, ..plan })
}

#[test]
fn random_networks_that_are_read_everywhere_have_one_gradient() {
    let (seen, quotients, tied) = (Seen::default(), Cell::new(0), Cell::new(0));
    for_all(plans(), |plan, problem| {
        let Some(loss) = everything(plan, problem, &EVENT_LOOP)? else {
            tied.set(tied.get() + usize::from(plan.regime != Regime::Coincident));
            return Ok(2);
        };
        // Three other ways to each of these gradients take their time: on some of the networks.
        if plan.seed % 4 != 0 {
            return Ok(run(problem, EVENT_LOOP.max_events)?.spikes.len());
        }
        let Problem { network, parameters, stimulus, .. } = problem;
        let question = Question { network, parameters, stimulus, loss: &loss, settings: AUTOMATIC };
        let exact = Exact.answer(&question).map_err(rejected)?;
        let (saltation, condition) =
            Saltation.answer_with_condition(&question).map_err(rejected)?;
        let forward = ForwardPropagation.answer(&question).map_err(rejected)?;
        let numbers = question.numbers();
        let terms = condition.terms.iter().zip(&numbers).map(|(term, n)| term * n.scale);
        let largest = terms.fold(f64::MIN_POSITIVE, f64::max);
        let others = [
            ("saltation", &saltation, condition.rounding_of_saltation()),
            ("forward", &forward, condition.rounding()),
        ];
        for (name, other, tolerance) in others {
            let pairs = exact.entries().into_iter().zip(Answer::entries(other)).zip(&numbers);
            for ((a, b), n) in pairs {
                let error = (a.unwrap() - b.unwrap()).abs() * n.scale;
                prop_assert!(
                    error <= tolerance * largest,
                    "{} {}: {:?} {:?} of {}",
                    name,
                    n.place,
                    a,
                    b,
                    largest / n.scale
                );
            }
        }
        // Differences a dozen runs for each number: on some of these.
        if plan.seed % 16 == 0 {
            match check_gradient(&question, DIFFERENCE) {
                Ok(check) => quotients.set(quotients.get() + check.agreement.compared()),
                Err(error) => return Err(rejected(error)),
            }
        }
        let run = evaluate(problem, &loss, &AUTOMATIC).map_err(runaway)?;
        // Nothing coincides, and the certificate says so.
        prop_assert_eq!(run.certificate.ties, 0, "{:?}", run.certificate.first_ties);
        seen.note(&run.trace);
        Ok(run.trace.spikes.len())
    });
    seen.check();
    println!(
        "{} quotients compared, {} networks with ties of themselves",
        quotients.get(),
        tied.get()
    );
    // Equal neurons that a bias drives spike together, and hear each other without delay in one network of three.
    assert!(quotients.get() > 1000 && tied.get() < 100);
}

/// Layered plans. Loops may keep each other going: not for the whole of a long run, and not without a pause.
fn read_layers() -> impl Strategy<Value = Plan> {
    layered_plan().prop_map(|plan| {
        let loops = plan.loops && plan.window.t_end <= USUAL.t_end;
        Plan { loops, refractory: plan.refractory || loops, ..plan }
    })
}

#[test]
fn a_sweep_reads_what_the_event_loop_reads_and_has_its_gradient() {
    // These networks are larger than those of the other statements.
    let event_loop = Settings { max_events: 100_000, ..EVENT_LOOP };
    let automatic = Settings { engine: AUTOMATIC.engine, ..event_loop };
    let (seen, swept) = (Seen::default(), Swept::default());
    for_all(read_layers(), |plan, problem| {
        let Some(loss) = everything(plan, problem, &event_loop)? else { return Ok(2) };
        let Problem { network, parameters, stimulus, .. } = problem;
        let mut evaluator = Evaluator::new(network, parameters, automatic).unwrap();
        let mut gradient = evaluator.zero_gradient(parameters);
        evaluator.value_and_grad(stimulus, &loss, &mut gradient).map_err(runaway)?;
        swept.note(plan, evaluator.was_swept());
        // A burst that comes again after a long gap may have the same maximum to a rounding: a tie in one engine.
        if !evaluator.was_swept() || evaluator.certificate().ties > 0 {
            return Ok(evaluator.trace().spikes.len());
        }
        let by_events = evaluate(problem, &loss, &event_loop).map_err(runaway)?;
        for (got, expected) in evaluator.trace().readouts.iter().zip(&by_events.trace.readouts) {
            prop_assert!(
                (got.value - expected.value).abs() <= OF_CHAINS * expected.value.abs().max(1.0),
                "{:?} {:?}",
                got,
                expected
            );
            let same =
                |a: &Place, b: &Place| std::mem::discriminant(a) == std::mem::discriminant(b);
            prop_assert!(same(&got.place, &expected.place), "{:?} {:?}", got, expected);
        }
        let (got, expected) = (flat(&gradient), flat(&by_events.gradient));
        let largest = expected.iter().fold(0.0f64, |a, x| a.max(x.abs()));
        let worst = between_engines(problem, evaluator.trace(), &by_events.trace)?;
        for (got, expected) in got.iter().zip(&expected) {
            prop_assert!((got - expected).abs() <= worst * largest, "{} {}", got, expected);
        }
        seen.note(evaluator.trace());
        Ok(by_events.trace.spikes.len())
    });
    seen.check();
    swept.check();
}

fn hear_apart(Problem { network, parameters, .. }: &Problem) -> bool {
    let Ok(circuit) = Circuit::<f64, Lif<f64>>::of(network, parameters) else { return false };
    let layers = Layers::new(network, &circuit);
    layers.is_ok_and(|layers| layers.layers().iter().any(|layer| layer.apart.is_some()))
}

#[test]
fn whether_anybody_reads_changes_no_bit_of_a_run() {
    for_all(plans(), |plan, problem| {
        let Some(loss) = everything(plan, problem, &EVENT_LOOP)? else { return Ok(2) };
        let requests: Vec<_> = loss.of_readouts.iter().map(|&(request, _)| request).collect();
        let Problem { network, parameters, stimulus, .. } = problem;
        let mut count = 0;
        for settings in [AUTOMATIC, EVENT_LOOP] {
            let mut evaluator = Evaluator::new(network, parameters, settings).unwrap();
            let mut spikes = |requests: &[ReadoutRequest]| {
                let trace = evaluator.simulate(stimulus, requests).unwrap();
                let bits = |s: &Spike| (s.neuron, s.time.to_bits(), s.slope.to_bits());
                trace.spikes.iter().map(bits).collect::<Vec<_>>()
            };
            let (unread, read) = (spikes(&[]), spikes(&requests));
            // Where neurons hear apart, a run in which one of them is read is the event loop's.
            if settings == AUTOMATIC && hear_apart(problem) {
                let order =
                    |all: &[(NeuronId, u64, u64)]| all.iter().map(|s| s.0).collect::<Vec<_>>();
                prop_assert_eq!(order(&unread), order(&read));
            } else {
                prop_assert_eq!(&unread, &read);
            }
            count = read.len();
        }
        Ok(count)
    });
}

/// A neuron that spikes some times, with every parameter in use.
fn neuron(weight: f64) -> Problem {
    let params = json!({
        "tau_mem": 0.013, "tau_syn": 0.004, "v_th": 0.9, "v_reset": -0.2, "v_leak": 0.1, "i_bias": 0.3, "t_ref": 0.0031
    });
    let mut document = one_neuron(params, &[weight], &[(0, 0.01), (0, 0.02), (0, 0.035)], 0.06);
    document["network"]["populations"][0]["initial"] = json!({"v": 0.4, "i": -0.7});
    problem(&document)
}

#[test]
fn an_average_is_the_integral_of_the_samples_clamped_ones_included() {
    /// Nodes and weights of the Gauss and Legendre rule of five points on [−1, 1].
    const GAUSS: [(f64, f64); 5] = [
        (-0.906_179_845_938_664, 0.236_926_885_056_189_08),
        (-0.538_469_310_105_683, 0.478_628_670_499_366_47),
        (0.0, 0.568_888_888_888_888_9),
        (0.538_469_310_105_683, 0.478_628_670_499_366_47),
        (0.906_179_845_938_664, 0.236_926_885_056_189_08),
    ];
    /// The tenth derivative of a potential, `τ_s⁻¹⁰`, times the tenth power of a panel of at most a millisecond over 10¹²: far below
    /// the roundings of some hundred samples.
    const QUADRATURE: f64 = 1e-14;
    const PANEL: f64 = 0.001;
    let problem = neuron(14.0);
    let Problem { network, parameters, stimulus, .. } = &problem;
    let spikes = run(&problem, 1000).unwrap().spikes;
    assert!(spikes.len() > 4);
    // Where the potential is not smooth.
    let mut ends = vec![0.0, 0.01, 0.02, 0.035, 0.06];
    ends.extend(spikes.iter().flat_map(|spike| [spike.time, spike.time + 0.0031]));
    ends.retain(|&end| end <= 0.06);
    ends.sort_by(f64::total_cmp);
    let neuron = NeuronId(0);
    let averages = [Measure::Mean, Measure::Weighted { tau: TAU }];
    let mut requests = averages.map(|measure| ReadoutRequest { neuron, measure }).to_vec();
    let mut weights = Vec::new();
    for pair in ends.windows(2) {
        let length = pair[1] - pair[0];
        let panels = (length / PANEL).ceil();
        let mut from = pair[0];
        while from < pair[1] - 1e-9 * length {
            let half = 0.5 * length / panels;
            for (node, weight) in GAUSS {
                let time = from + half * (1.0 + node);
                requests.push(ReadoutRequest { neuron, measure: Measure::Sample { time } });
                weights.push((weight * half, (-time / TAU).exp()));
            }
            from += 2.0 * half;
        }
    }
    for settings in [AUTOMATIC, EVENT_LOOP] {
        let mut evaluator = Evaluator::new(network, parameters, settings).unwrap();
        let trace = evaluator.simulate(stimulus, &requests).unwrap().clone();
        assert_eq!(evaluator.was_swept(), settings == AUTOMATIC);
        let samples = || trace.readouts[2..].iter().map(|readout| readout.value).zip(&weights);
        let clamped = trace.readouts.iter().filter(|r| matches!(r.place, Place::Clamped)).count();
        assert!(clamped > 40);
        let mean: f64 = samples().map(|(value, (weight, _))| value * weight).sum();
        let faded: f64 = samples().map(|(value, (weight, fade))| value * weight * fade).sum();
        for (readout, expected) in trace.readouts.iter().zip([mean / 0.06, faded / 0.06]) {
            assert!((readout.value - expected).abs() < QUADRATURE, "{readout:?} {expected}");
        }
    }
}

#[test]
fn the_mean_of_a_neuron_that_spikes_has_the_gradient_of_its_differences() {
    // The rise that a spike cuts off, and the clamp, are in the mean: without them the derivative would be three times as large.
    let usual = problem(&one_neuron(json!({}), &[15.0], &[(0, 0.001)], 0.05));
    for problem in [usual, neuron(14.0), neuron(2.0), neuron(-3.0)] {
        for measure in [Measure::Mean, Measure::Weighted { tau: TAU }] {
            let loss = Reads::one(0, measure);
            let Problem { network, parameters, stimulus, .. } = &problem;
            for settings in [AUTOMATIC, EVENT_LOOP] {
                let question = Question { network, parameters, stimulus, loss: &loss, settings };
                let check = check_gradient(&question, DIFFERENCE).unwrap();
                assert!(check.agreement.compared() >= 10, "{check}");
            }
        }
    }
    let usual = problem(&one_neuron(json!({}), &[15.0], &[(0, 0.001)], 0.05));
    let found = evaluate(&usual, &Reads::one(0, Measure::Mean), &AUTOMATIC).unwrap();
    let by_weight = found.gradient.parameters.connections[0].weights[0];
    assert!((by_weight - 0.0698).abs() < 5e-5, "{by_weight}");
    assert_eq!(found.certificate.inexact, 0);
}
