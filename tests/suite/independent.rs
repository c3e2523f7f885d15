//! The engines against what shares no code with them: a second simulator to 100 digits, and potentials written down from the spikes.
//!
//! On random networks of every regime. Both engines have the spikes of the exact run, in its order, at its times; no potential exceeds its threshold,
//! and each spike has its potential there. Not here: derivatives, which have yardsticks of their own (`agreement.rs`).

use crate::random_networks::{Plan, Regime, any_plan, for_all, for_many, layered_plan};
use crate::second_simulator::{Document, Followed, Run, exact_spikes, follow, potentials};
use crate::support::{problem, run};
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;
use serde_json::{Value, json};
use spikegrad::problem::Problem;
use spikegrad::{Engine, Evaluator, Settings, SimulateError, Trace};
use std::cell::RefCell;

/// Most events of a run that is compared: one of more says no more.
const EVENTS: u64 = 3000;

/// Networks of each regime, a thousand in all.
const CASES: [(Regime, u32); 4] = [
    (Regime::Usual, 400),
    (Regime::Coincident, 250),
    (Regime::NearThreshold, 250),
    (Regime::LongGaps, 100),
];

/// Most of a hundred spikes whose order with an arrival doubles do not decide: of networks whose inputs are moved to spikes, and of others.
const REVERSED: [(Regime, usize); 4] = [
    (Regime::Usual, 0),
    (Regime::Coincident, 3),
    (Regime::NearThreshold, 1),
    (Regime::LongGaps, 1),
];

/// Of a hundred spikes, so many may come after errors of doubles have grown so large that they mean nothing.
const BLURRED: usize = 5;

/// Of a thousand spikes, so many may be there or not by rounding.
const GRAZING: usize = 1;

/// What was compared.
#[derive(Default)]
struct Seen {
    spikes: usize,
    reversed: usize,
    grazing: usize,
    blurred: usize,
    swept: usize,
    too_long: usize,
    cases: usize,
    /// The largest difference of a spike time, as a share of what doubles may be off.
    worst: f64,
    /// The last exact run.
    run: Run,
}

impl Seen {
    /// Follows a trace and counts what was compared; returns how much of the run doubles did not decide.
    fn follow(&mut self, document: &Value, trace: &Trace) -> Result<usize, TestCaseError> {
        let Followed { run, worst, not_compared } =
            follow(document, trace).map_err(TestCaseError::fail)?;
        self.spikes += run.spikes.len();
        self.grazing += run.grazing;
        self.reversed += run.reversed;
        self.blurred += not_compared;
        self.worst = self.worst.max(worst);
        self.run = run;
        let is_blurred = usize::from(self.run.blurred.is_some());
        Ok(self.run.grazing + self.run.reversed + is_blurred)
    }

    /// Whether a trace has the spikes of the last exact run.
    fn is_near(&mut self, trace: &Trace) -> Result<(), TestCaseError> {
        let share = self.run.difference(trace);
        prop_assert!(share <= 1.0, "the sweep has other spikes: {} of what it may be off", share);
        self.spikes += trace.spikes.len();
        self.worst = self.worst.max(share);
        Ok(())
    }
}

impl std::fmt::Display for Seen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { spikes, reversed, grazing, blurred, swept, too_long, cases, worst, .. } = self;
        write!(
            f,
            "{cases} networks, {swept} swept, {too_long} too long; {spikes} spikes, {worst:.3} of their tolerance off; \
             {reversed} orders and {grazing} spikes not decided by doubles, {blurred} spikes not compared"
        )
    }
}

/// The trace of an engine; `None` if the run has too many events, or two spikes of a neuron at one double.
fn trace(problem: &Problem, engine: Engine) -> Result<Option<(Trace, bool)>, TestCaseError> {
    let Problem { network, parameters, stimulus, .. } = problem;
    let settings = Settings { engine, max_events: EVENTS, ..Settings::default() };
    let mut evaluator = Evaluator::new(network, parameters, settings)
        .map_err(|error| TestCaseError::fail(error.to_string()))?;
    match evaluator.simulate(stimulus, &[]) {
        Err(SimulateError::EventBudget { .. } | SimulateError::Zeno { .. }) => Ok(None),
        Err(error) => Err(TestCaseError::fail(error.to_string())),
        Ok(_) => {
            let is_swept = evaluator.was_swept();
            Ok(Some((evaluator.take_trace(), is_swept)))
        }
    }
}

/// Networks for both engines, small enough for a run to 100 digits.
fn plans() -> impl Strategy<Value = Plan> {
    let small = |plan: Plan| {
        let layers = plan.layers.iter().map(|size| 1 + size % 5).collect();
        Plan { layers, spikes: 1 + plan.spikes % 16, ..plan }
    };
    prop_oneof![any_plan(), layered_plan().prop_map(small)]
}

fn order(trace: &Trace) -> Vec<u32> {
    trace.spikes.iter().map(|spike| spike.neuron.0).collect()
}

/// Compares both engines with the exact run of a problem.
fn compare(plan: &Plan, problem: &Problem, seen: &mut Seen) -> Result<usize, TestCaseError> {
    seen.cases += 1;
    let document = serde_json::to_value(plan.document()).unwrap();
    let Some((by_events, _)) = trace(problem, Engine::EventLoop)? else {
        seen.too_long += 1;
        return Ok(0);
    };
    let mut undecided = seen.follow(&document, &by_events)?;
    let (automatic, is_swept) = trace(problem, Engine::Automatic)?.unwrap();
    // Where doubles do not decide, each engine may do as it does.
    if is_swept && undecided > 0 {
        undecided += seen.follow(&document, &automatic)?;
    } else if is_swept {
        seen.is_near(&automatic)?;
    }
    seen.swept += usize::from(is_swept);
    prop_assert!(undecided > 0 || order(&by_events) == order(&automatic), "another order");
    Ok(by_events.spikes.len())
}

fn engines_spike_as_the_second_simulator_says(regime: Regime) {
    let (_, cases) = CASES.into_iter().find(|&(of, _)| of == regime).unwrap();
    let seen = RefCell::new(Seen::default());
    for_many(regime, cases, plans(), |plan, problem| {
        compare(plan, problem, &mut seen.borrow_mut())
    });
    let seen = seen.into_inner();
    println!("{regime:?}: {seen}");
    let (_, reversed) = REVERSED.into_iter().find(|&(of, _)| of == regime).unwrap();
    assert!(100 * seen.reversed <= reversed * seen.spikes, "doubles decide too little");
    assert!(1000 * seen.grazing <= GRAZING * seen.spikes, "too much is decided by rounding");
    assert!(100 * seen.blurred <= BLURRED * seen.spikes, "errors grow too large");
    assert!(10 * seen.too_long < seen.cases && 10 * seen.swept > seen.cases);
}

#[test]
fn both_engines_spike_as_the_second_simulator_says() {
    engines_spike_as_the_second_simulator_says(Regime::Usual);
}

#[test]
fn so_they_do_where_events_coincide() {
    engines_spike_as_the_second_simulator_says(Regime::Coincident);
}

#[test]
fn so_they_do_near_the_threshold() {
    engines_spike_as_the_second_simulator_says(Regime::NearThreshold);
}

#[test]
fn so_they_do_over_gaps_of_a_million_time_constants() {
    engines_spike_as_the_second_simulator_says(Regime::LongGaps);
}

#[test]
fn no_potential_exceeds_its_threshold_and_each_spike_has_its_potential_there() {
    for_all(plans(), |plan, problem| {
        let document = Document::read(&serde_json::to_value(plan.document()).unwrap());
        let Some((by_events, _)) = trace(problem, Engine::EventLoop)? else { return Ok(0) };
        let spikes = by_events.spikes.len();
        let (automatic, is_swept) = trace(problem, Engine::Automatic)?.unwrap();
        for trace in [by_events, automatic].iter().take(1 + usize::from(is_swept)) {
            potentials::check(&document, trace, &mut plan.random()).map_err(TestCaseError::fail)?;
        }
        Ok(spikes)
    });
}

/// The spikes of the exact run of a document, against those of the event loop moved by `by`, which must be refused.
#[track_caller]
fn is_refused(document: &Value, change: impl Fn(&mut Trace)) {
    let mut trace = run(document).unwrap();
    follow(document, &trace).unwrap();
    change(&mut trace);
    assert!(follow(document, &trace).is_err());
    let document = Document::read(document);
    let checked = potentials::check(&document, &trace, &mut crate::support::random(1));
    assert!(checked.is_err());
}

/// Two layers that spike some ten times.
fn chain() -> Value {
    let params = json!({"tau_mem": 0.02, "tau_syn": 0.005});
    json!({
        "format": "spikegrad-problem", "version": 1,
        "network": {
            "inputs": 1,
            "populations": [{"name": "hidden", "size": 1, "model": "lif", "params": params},
                {"name": "out", "size": 1, "model": "lif", "params": params}],
            "connections": [{"from": "input", "to": "hidden", "weights": [[14.0]]},
                {"from": "hidden", "to": "out", "weights": [[9.0]], "delay": 0.001}]
        },
        "stimulus": {"t_end": 0.05, "spikes": [[0, 0.002], [0, 0.009], [0, 0.03]]}
    })
}

#[test]
fn a_spike_that_is_lost_or_invented_or_at_a_wrong_time_is_noticed() {
    let document = chain();
    let count = run(&document).unwrap().spikes.len();
    assert!(count > 6);
    for k in 0..count {
        is_refused(&document, |trace| {
            trace.spikes.remove(k);
        });
        is_refused(&document, |trace| {
            let mut invented = trace.spikes[k];
            invented.time += 1e-4;
            trace.spikes.insert(k + 1, invented);
        });
        is_refused(&document, |trace| trace.spikes[k].time *= 1.0 + 1e-12);
    }
}

#[test]
fn the_second_simulator_gives_published_times() {
    // The hard cases b1, b5, b10 and c14, by another program in 100 digits.
    let usual = |tau_mem: f64, tau_syn: f64, weight: f64, spikes: &[f64], t_end: f64| {
        let spikes: Vec<(usize, f64)> = spikes.iter().map(|&t| (0, t)).collect();
        let params = json!({"tau_mem": tau_mem, "tau_syn": tau_syn, "t_ref": 1.0});
        crate::support::one_neuron(params, &[weight], &spikes, t_end)
    };
    let cases = [
        (usual(5.0, 5.0, 6.0, &[2.0], 50.0), vec![3.022_407_246_699_577_5, 5.806_689_799_152_337]),
        (
            usual(5.0, 20.0, 3.0, &[2.0], 60.0),
            vec![
                4.178_666_415_870_436,
                7.907_570_897_830_297,
                12.591_659_978_670_657,
                19.900_998_214_836_488,
            ],
        ),
        (
            usual(20.0, 5.0, 4.0, &[2.0, 2.37, 2.0, 2.37], 30.0),
            vec![3.695_244_081_118_896, 7.660_371_539_206_426],
        ),
    ];
    for (document, expected) in cases {
        let got: Vec<f64> = exact_spikes(&document).into_iter().map(|(_, time)| time).collect();
        crate::support::all_close(&got, &expected, 1.0);
        let _ = problem(&document);
    }
}
