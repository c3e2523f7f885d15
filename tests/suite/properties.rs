//! What must hold for every network: invariances to the last bit where the operation is exact in binary, and orders that
//! must not show.
//!
//! Not here: sums of derivatives that are known in advance (`identities.rs`).

mod order;
mod runs;
mod structure;
mod sweep;
mod units;

use crate::random_networks::{MAX_EVENTS, Reads, any_plan, for_all, runaway};
use proptest::test_runner::TestCaseError;
use spikegrad::problem::Problem;
use spikegrad::{Evaluation, Settings, Source, Stimulus, Synapses, Trace, loss_of, value_and_grad};
use std::cell::RefCell;
use std::collections::BTreeSet;

fn settings() -> Settings {
    Settings { max_events: MAX_EVENTS, ..Settings::default() }
}

fn evaluate(problem: &Problem) -> Result<Evaluation, TestCaseError> {
    let loss = loss_of(problem.document.loss.as_ref().unwrap(), &problem.network);
    let Problem { network, parameters, stimulus, .. } = problem;
    value_and_grad(network, parameters, stimulus, &*loss, &settings()).map_err(runaway)
}

/// Who spiked when, to the last bit.
fn spikes(trace: &Trace) -> Vec<(u32, u64)> {
    trace.spikes.iter().map(|s| (s.neuron.0, s.time.to_bits())).collect()
}

/// The bits of numbers; −0 counts as 0.
fn bits<'a>(numbers: impl IntoIterator<Item = &'a f64>) -> Vec<u64> {
    numbers.into_iter().map(|x| (x + 0.0).to_bits()).collect()
}

/// Largest difference of two gradients, relative to the largest entry.
fn distance(a: &[f64], b: &[f64]) -> f64 {
    let scale = a.iter().chain(b).fold(f64::MIN_POSITIVE, |m, x| m.max(x.abs()));
    a.iter().zip(b).fold(0.0f64, |m, (x, y)| m.max((x - y).abs())) / scale
}

/// The problem with its input spikes in the order of time, so that input gradients can be compared by position.
fn in_order(problem: &Problem) -> Problem {
    let stimulus = Stimulus::new(problem.stimulus.t_end(), problem.stimulus.spikes().to_vec());
    Problem { stimulus: stimulus.unwrap(), ..problem.clone() }
}

#[test]
fn the_problems_use_what_they_are_meant_to_use() {
    let seen = RefCell::new(BTreeSet::new());
    for_all(any_plan(), |plan, problem| {
        let mut seen = seen.borrow_mut();
        seen.insert(format!("{:?}", plan.reads));
        seen.insert(format!("{:?}", plan.delays));
        for (name, flag) in [
            ("recurrent", plan.recurrent),
            ("refractory", plan.refractory),
            ("heterogeneous", plan.heterogeneous),
            ("bias", plan.bias),
            ("initial", plan.initial),
            ("layers", plan.layers.len() > 2),
            (
                "self",
                problem.network.connections().iter().any(|c| {
                    matches!(&c.synapses, Synapses::Sparse(list)
                    if c.from == Source::Population(c.to) && list.iter().any(|s| s.pre == s.post))
                }),
            ),
        ] {
            if flag {
                seen.insert(name.to_owned());
            }
        }
        Ok(evaluate(problem)?.trace.spikes.len())
    });
    let kinds = [Reads::Spikes, Reads::Maximum, Reads::Mean, Reads::Samples];
    assert!(kinds.iter().all(|kind| seen.borrow().contains(&format!("{kind:?}"))));
    assert_eq!(seen.borrow().len(), 4 + 3 + 7);
}
