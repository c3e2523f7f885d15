//! Random valid problems for properties and identities: the runner that checks a statement on many of them.
//!
//! The problems are those of `spikegrad_compare::strategies`. The seed of the runner is
//! fixed, so that every run of the suite draws the same problems; `PROPTEST_RNG_SEED` and `PROPTEST_CASES` change that. A
//! failure is kept in `regressions/`, which is committed, and tried first from then on.
//!
//! Not here: what is stated (`properties.rs`, `identities.rs`).

use crate::second_simulator::{Followed, follow};
use crate::support::here;
use proptest::prelude::*;
use proptest::test_runner::{
    FileFailurePersistence, RngSeed, TestCaseError, TestCaseResult, TestError, TestRunner,
};
use spikegrad::problem::Problem;
use spikegrad::{Error, SimulateError, Trace};
pub(crate) use spikegrad_compare::strategies::{
    Delays, Plan, Reads, Regime, USUAL, Window, adapting_plan, any_plan, apart_plan, cells_plan,
    delayed_plan, driven_plan, layered_plan, mixed_plan, receiving_plan, spiking_plan,
};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

/// Cases of each statement in each regime.
const CASES: [(Regime, u32); 4] = [
    (Regime::Usual, 1000),
    (Regime::Coincident, 400),
    (Regime::NearThreshold, 400),
    (Regime::LongGaps, 200),
];

/// Attempts to make a failing case smaller.
const SHRINKS: u32 = 300;

/// Most events of a case: recurrent excitation may run away, and such a case says no more than a tame one.
pub(crate) const MAX_EVENTS: u64 = 10_000;

/// The share of problems that run away at most.
const RUN_AWAY: f64 = 0.075;

/// Standard deviations that a count may lie above what is expected.
const SIGMAS: f64 = 4.0;

/// A loss so small that its derivatives may be subnormal; a derivative so small that a factor of it may be, and have few digits.
pub(crate) const UNDERFLOWING: f64 = 1e-200;

/// A derivative so large that a term of it may be out of range, and what is left not a number.
pub(crate) const OVERFLOWING: f64 = 1.0 / UNDERFLOWING;

/// Seed of the runner, unless the environment names another.
const SEED: u64 = 2026;

/// A case says nothing if its run does not end, be it within [`MAX_EVENTS`] or because spikes come closer than doubles; every
/// other error is a failure.
pub(crate) fn runaway(error: Error) -> TestCaseError {
    match error {
        Error::Simulate(SimulateError::EventBudget { .. } | SimulateError::Zeno { .. }) => {
            TestCaseError::reject("runs away")
        }
        error => TestCaseError::fail(error.to_string()),
    }
}

/// Checks `statement` on many problems of every regime.
pub(crate) fn for_all<S: Strategy<Value = Plan>>(
    plans: S,
    statement: impl Fn(&Plan, &Problem) -> Result<usize, TestCaseError>,
) {
    for_all_of(&Regime::ALL, plans, statement);
}

/// Checks `statement` on many problems of some regimes. It returns the number of spikes it was about, and there must be some.
pub(crate) fn for_all_of<S: Strategy<Value = Plan>>(
    regimes: &[Regime],
    plans: S,
    statement: impl Fn(&Plan, &Problem) -> Result<usize, TestCaseError>,
) {
    for (regime, cases) in CASES.into_iter().filter(|(regime, _)| regimes.contains(regime)) {
        for_many(regime, cases, &plans, &statement);
    }
}

/// Checks `statement` on so many problems of one regime.
#[expect(clippy::print_stdout, reason = "figures of a test that passes, for --show-output")]
pub(crate) fn for_many(
    regime: Regime,
    cases: u32,
    plans: impl Strategy<Value = Plan>,
    statement: impl Fn(&Plan, &Problem) -> Result<usize, TestCaseError>,
) {
    let plans = plans.prop_map(move |plan| Plan { regime, ..plan });
    let environment = ProptestConfig::default();
    let named = std::env::var_os("PROPTEST_CASES").is_some();
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/regressions/random_networks.txt");
    let cases = if named { environment.cases } else { cases };
    let config = ProptestConfig {
        cases,
        max_global_rejects: cases,
        max_shrink_iters: SHRINKS,
        rng_seed: match environment.rng_seed {
            RngSeed::Random => RngSeed::Fixed(SEED),
            named => named,
        },
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct(file))),
        ..environment
    };
    assert!(here("regressions").is_dir());
    let (cases, spikes, rejected) = (Cell::new(0u32), Cell::new(0u64), Cell::new(0u32));
    let check = |plan: Plan| -> TestCaseResult {
        let problem = plan
            .problem()
            .map_err(|error| TestCaseError::fail(format!("not a valid problem: {error}")))?;
        let outcome = statement(&plan, &problem);
        match &outcome {
            Ok(count) => spikes.set(spikes.get() + *count as u64),
            Err(TestCaseError::Reject(_)) => rejected.set(rejected.get() + 1),
            Err(TestCaseError::Fail(_)) => {}
        }
        cases.set(cases.get() + 1);
        outcome.map(|_| ())
    };
    if let Err(error) = TestRunner::new(config).run(&plans, check) {
        if let TestError::Fail(_, plan) = &error {
            let document = serde_json::to_string(&plan.document()).unwrap();
            panic!("{error}\nthe problem: {document}");
        }
        panic!("{error}");
    }
    println!(
        "{regime:?}: {} cases, {} spikes, {} run away",
        cases.get(),
        spikes.get(),
        rejected.get()
    );
    assert!(spikes.get() > 2 * u64::from(cases.get()), "the problems hardly spike");
    // One in twenty does, by the draw one and a half times as many; so many cases scatter by the root of that.
    let expected = RUN_AWAY * f64::from(cases.get());
    let most = expected + SIGMAS * expected.sqrt();
    assert!(f64::from(rejected.get()) <= most, "too many problems run away");
}

/// How many runs of layered networks the sweep did, by regime.
#[derive(Default)]
pub(crate) struct Swept(RefCell<BTreeMap<&'static str, [u32; 2]>>);

impl Swept {
    /// Most runs in a hundred that the sweep may leave to the event loop: few, but where events coincide, whose order only rounds
    /// decide. Near the threshold equal neurons do, which start together and are released together.
    const LEFT: [(Regime, &'static str, u32); 4] = [
        (Regime::Usual, "usual", 5),
        (Regime::Coincident, "coincident", 85),
        (Regime::NearThreshold, "near the threshold", 70),
        (Regime::LongGaps, "long gaps", 15),
    ];

    /// Notes whether a run was swept.
    pub(crate) fn note(&self, plan: &Plan, is_swept: bool) {
        let (_, name, _) = Self::LEFT.into_iter().find(|l| l.0 == plan.regime).unwrap();
        self.0.borrow_mut().entry(name).or_default()[usize::from(is_swept)] += 1;
    }

    #[expect(clippy::print_stdout, reason = "figures of a test that passes, for --show-output")]
    pub(crate) fn check(self) {
        for (_, name, most) in Self::LEFT {
            let [left, swept] = self.0.borrow().get(name).copied().unwrap_or_default();
            println!("{name}: {swept} swept, {left} left to the event loop");
            assert!(swept > 0, "{name}");
            assert!(100 * left <= most * (left + swept), "{name}: {left} and {swept}");
        }
    }
}

/// Why two runs of a drawn network, or of one that is as good as it, cannot be compared: doubles do not decide the order of two events of one of
/// them, as the second simulator says. It is a failure if they do.
pub(crate) fn undecided(plan: &Plan, runs: [&Trace; 2]) -> TestCaseError {
    let document = serde_json::to_value(plan.document()).unwrap();
    let mut is_decided = true;
    for trace in runs {
        match follow(&document, trace) {
            Err(reason) => return TestCaseError::fail(reason),
            Ok(Followed { run, .. }) => {
                is_decided &= run.reversed + run.grazing == 0 && run.blurred.is_none();
            }
        }
    }
    if is_decided {
        TestCaseError::fail("another run, though doubles decide")
    } else {
        TestCaseError::reject("not decided by doubles")
    }
}
