//! What must hold for every network: invariances to the last bit where the operation is exact in binary, and orders that
//! must not show.
//!
//! Not here: sums of derivatives that are known in advance (`identities.rs`).

mod order;
mod runs;
mod sparse;
mod structure;
mod sweep;
mod tied;
mod units;

use crate::random_networks::{MAX_EVENTS, Reads, Regime, any_plan, for_all, runaway};
use crate::tolerance::REORDERED;
use crate::untied::with_own_numbers;
use proptest::prelude::*;
use proptest::test_runner::{TestCaseError, TestCaseResult};
use spikegrad::problem::Problem;
use spikegrad::{Evaluation, Settings, Source, Stimulus, Synapses, Trace, lif, value_and_grad};
use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;

fn settings() -> Settings {
    Settings { max_events: MAX_EVENTS, ..Settings::default() }
}

fn evaluate(problem: &Problem) -> Result<Evaluation, TestCaseError> {
    let loss = problem.document.loss.as_ref().unwrap();
    let Problem { network, parameters, stimulus, .. } = problem;
    value_and_grad(network, parameters, stimulus, loss, &settings()).map_err(runaway)
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

/// That two gradients are the same sums in another order, relative to the largest sum or, where those cancel, to the largest term of any:
/// a derivative of one of `runs` in which nothing is shared.
fn are_the_same_sums<'a>(
    got: &[f64],
    expected: &[f64],
    runs: impl IntoIterator<Item = &'a Problem>,
) -> TestCaseResult {
    let apart = distance(got, expected);
    if apart < REORDERED {
        return Ok(());
    }
    let mut largest = 0.0f64;
    for problem in runs {
        let terms = evaluate(&with_own_numbers(problem))?.gradient.parameters.to_vec();
        largest = terms.iter().fold(largest, |m, x| m.max(x.abs()));
    }
    let apart = got.iter().zip(expected).fold(0.0f64, |m, (x, y)| m.max((x - y).abs())) / largest;
    prop_assert!(apart < REORDERED, "{:e}", apart);
    Ok(())
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
            ("tied", problem.network.connections().iter().any(|c| c.shared.is_some())),
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
    assert_eq!(seen.borrow().len(), 4 + 3 + 8);
}

/// The doubles between two numbers of one sign.
fn doubles_between(a: f64, b: f64) -> u64 {
    a.to_bits().abs_diff(b.to_bits())
}

/// Input arrivals within three doubles of a spike of the neuron that hears them.
fn snapped(problem: &Problem, trace: &Trace) -> usize {
    let network = &problem.network;
    let mut count = 0;
    for (c, connection) in network.connections().iter().enumerate() {
        if connection.from != Source::Input {
            continue;
        }
        let (n_pre, _) = network.shape(c);
        let (first, delays) =
            (network.range(connection.to).start, &problem.parameters.connections[c].delay);
        for spike in &trace.spikes {
            let (population, post) = network.locate(spike.neuron);
            if population != connection.to || first > spike.neuron.index() {
                continue;
            }
            let near = problem.stimulus.spikes().iter().filter(|input| {
                let synapse = post * n_pre + input.channel;
                let arrival = input.time + delays.get(connection.weight_of(synapse));
                doubles_between(arrival, spike.time) <= 3
            });
            count += near.count();
        }
    }
    count
}

#[test]
fn each_regime_goes_where_it_is_meant_to_go() {
    let (near_spikes, at_threshold) = (Cell::new(0), Cell::new(0));
    let gaps = RefCell::new(Vec::new());
    for_all(any_plan(), |plan, problem| {
        let trace = evaluate(problem)?.trace;
        match plan.regime {
            Regime::Usual => {}
            Regime::Coincident => near_spikes.set(near_spikes.get() + snapped(problem, &trace)),
            Regime::NearThreshold => {
                let populations = problem.parameters.populations.iter();
                let spiking = populations.filter(|p| p.model().spikes());
                let starts = spiking.flat_map(|p| {
                    let (v, v_th) = (p[lif::V].as_slice(), p[lif::V_TH].as_slice());
                    v.iter().zip(v_th).map(|(&v, &v_th)| doubles_between(v, v_th))
                });
                at_threshold.set(at_threshold.get() + starts.filter(|&n| n <= 4).count());
            }
            Regime::LongGaps => {
                let times = problem.stimulus.spikes().iter().map(|spike| spike.time);
                let times: Vec<f64> = [0.0].into_iter().chain(times).collect();
                let longest = times.windows(2).map(|pair| pair[1] - pair[0]).fold(0.0, f64::max);
                gaps.borrow_mut().push(longest / 0.005);
            }
        }
        Ok(trace.spikes.len())
    });
    let beyond = |length: f64| gaps.borrow().iter().filter(|gap| **gap > length).count();
    println!(
        "{} arrivals near spikes, {} starts at thresholds, {} gaps beyond 100 time constants, {} beyond 100,000",
        near_spikes.get(),
        at_threshold.get(),
        beyond(1e2),
        beyond(1e5)
    );
    assert!(near_spikes.get() > 400 && at_threshold.get() > 100);
    assert!(beyond(1e2) > 100 && beyond(1e5) > 20);
}
