//! Random valid problems for properties and identities: the runner that checks a statement on many of them.
//!
//! The problems are those of `spikegrad_compare::strategies`. The seed of the runner is
//! fixed, so that every run of the suite draws the same problems; `PROPTEST_RNG_SEED` and `PROPTEST_CASES` change that. A
//! failure is kept in `regressions/`, which is committed, and tried first from then on.
//!
//! Not here: what is stated (`properties.rs`, `identities.rs`).

use crate::support::here;
use proptest::prelude::*;
use proptest::test_runner::{
    FileFailurePersistence, RngSeed, TestCaseError, TestCaseResult, TestError, TestRunner,
};
use spikegrad::problem::Problem;
use spikegrad::{Error, SimulateError};
pub(crate) use spikegrad_compare::strategies::{
    Delays, Plan, Reads, USUAL, Window, any_plan, layered_plan, spiking_plan,
};
use std::cell::Cell;

/// Cases of each statement.
const CASES: u32 = 1000;

/// Most events of a case: recurrent excitation may run away, and such a case says no more than a tame one.
pub(crate) const MAX_EVENTS: u64 = 10_000;

/// Seed of the runner, unless the environment names another.
const SEED: u64 = 2026;

/// A case says nothing if its run does not end within [`MAX_EVENTS`]; every other error is a failure.
pub(crate) fn runaway(error: Error) -> TestCaseError {
    match error {
        Error::Simulate(SimulateError::EventBudget { .. }) => TestCaseError::reject("runs away"),
        error => TestCaseError::fail(error.to_string()),
    }
}

/// Checks `statement` on many problems. It returns the number of spikes it was about, and there must be some.
#[expect(clippy::print_stdout, reason = "figures of a test that passes, for --show-output")]
pub(crate) fn for_all(
    plans: impl Strategy<Value = Plan>,
    statement: impl Fn(&Plan, &Problem) -> Result<usize, TestCaseError>,
) {
    let environment = ProptestConfig::default();
    let named = std::env::var_os("PROPTEST_CASES").is_some();
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/regressions/random_networks.txt");
    let cases = if named { environment.cases } else { CASES };
    let config = ProptestConfig {
        cases,
        max_global_rejects: cases,
        rng_seed: match environment.rng_seed {
            RngSeed::Random => RngSeed::Fixed(SEED),
            named => named,
        },
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct(file))),
        ..environment
    };
    assert!(here("regressions").is_dir());
    let (cases, spikes, rejected) = (Cell::new(0u64), Cell::new(0u64), Cell::new(0u64));
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
    println!("{} cases, {} spikes, {} run away", cases.get(), spikes.get(), rejected.get());
    assert!(spikes.get() > 2 * cases.get(), "the problems hardly spike");
    assert!(20 * rejected.get() < cases.get(), "too many problems run away");
}
