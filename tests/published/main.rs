//! Tests that need what is published elsewhere, or belongs to others, and lies beside a checkout: a program of its own, which says at its
//! end how many were left out.
#![expect(clippy::unwrap_used, reason = "a test that cannot set itself up should panic")]
#![expect(clippy::panic, reason = "a test fails by panicking")]
#![expect(clippy::print_stdout, reason = "a test says what it measured")]

mod beside;
mod contract;
mod first_spikes;
#[expect(dead_code, reason = "the suite needs more of it")]
#[path = "../suite/support.rs"]
mod support;
#[expect(dead_code, reason = "the suite needs more of it")]
#[path = "../suite/tolerance.rs"]
mod tolerance;

use std::process::ExitCode;

fn main() -> ExitCode {
    let tests = first_spikes::tests().into_iter().chain(contract::tests());
    beside::run(&support::here(".."), tests.collect())
}
