//! Sparse networks by windows and certificates, and by the event loop: the same spikes in the same order, the same samples, to rounding.

use super::sweep::{Differences, EVENTS, MEDIAN, MEDIAN_OF_TWO_RUNS, OfTangents, traces_agree};
use crate::random_networks::{
    Plan, Reads, Regime, Swept, delayed_plan, for_all, for_many, runaway,
};
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;
use spikegrad::dynamics::Lif;
use spikegrad::problem::Problem;
use spikegrad::{Engine, Settings, Spike, Trace, explain, value_and_grad};
use spikegrad_network::{
    Circuit, InputSpike, Interrupt, Measure, Network, NeuronId, Parameters, ReadoutRequest,
    Stimulus, Values,
};
use spikegrad_simulate::{
    Options, SimulateError, SparseWorkspace, SweepError, Workspace, is_sparse, simulate_into,
    sparse_forward_into, sparse_into,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The parameters of a problem, with delays that are positive and not too unequal, and one pair of time constants for each population, not too unequal either.
fn sparse_parameters(problem: &Problem) -> Parameters {
    let mut parameters = problem.parameters.clone();
    let mut shortest = f64::INFINITY;
    let each_tau = |parameters: &mut Parameters, share: &mut dyn FnMut(f64) -> f64| {
        for population in &mut parameters.populations {
            for (quantity, values) in population.values_mut() {
                if quantity.path.starts_with("params.tau_") {
                    *values = Values::Shared(share(values.as_slice()[0]));
                }
            }
        }
    };
    each_tau(&mut parameters, &mut |tau| {
        shortest = tau.min(shortest);
        tau
    });
    each_tau(&mut parameters, &mut |tau| tau.min(50.0 * shortest));
    let delays = |parameters: &mut Parameters, change: &mut dyn FnMut(&mut f64)| {
        let connections = parameters.connections.iter_mut();
        connections.flat_map(|c| c.delay.as_mut_slice()).for_each(change);
    };
    let mut window = shortest;
    delays(&mut parameters, &mut |delay| {
        if *delay <= 0.0 {
            *delay = 0.5e-3;
        }
        window = delay.min(window);
    });
    delays(&mut parameters, &mut |delay| *delay = delay.min(200.0 * window));
    parameters
}

/// What the event loop found, and what windows found if they did not give up.
fn traces(problem: &Problem, circuit: &Circuit) -> Result<Option<(Trace, Trace)>, TestCaseError> {
    let Problem { network, stimulus, document, .. } = problem;
    let readouts = document.loss.as_ref().unwrap().readouts(network).unwrap();
    let options = Options { readouts: &readouts, max_events: EVENTS };
    let (mut expected, mut got, mut forward) =
        (Trace::default(), Trace::default(), Trace::default());
    match simulate_into(circuit, stimulus, options, &mut Workspace::default(), &mut expected) {
        Err(SimulateError::EventBudget { .. }) => return Err(TestCaseError::reject("runs away")),
        Err(error) => return Err(TestCaseError::fail(error.to_string())),
        Ok(()) => {}
    }
    let mut workspace = SparseWorkspace::default();
    if sparse_into(circuit, stimulus, options, &mut workspace, &mut got).is_err() {
        return Ok(None);
    }
    // Without tangents nothing else changes.
    sparse_forward_into(circuit, stimulus, options, &mut workspace, &mut forward).unwrap();
    let times = |trace: &Trace| -> Vec<_> {
        trace.spikes.iter().map(|s| (s.neuron, s.time.to_bits(), s.slope.to_bits())).collect()
    };
    assert_eq!(times(&got), times(&forward));
    // Nor with any number of parts.
    let mut in_parts = Trace::default();
    let mut workspace = SparseWorkspace::with_parts(1 + circuit.neurons.len() % 4);
    sparse_into(circuit, stimulus, options, &mut workspace, &mut in_parts).unwrap();
    assert_eq!(in_parts, got);
    // The budget is that of the event loop, to the event.
    let events = got.arrivals + got.spikes.len() as u64;
    for (max_events, is_enough) in [(events, true), (events.saturating_sub(1), events == 0)] {
        let options = Options { max_events, ..options };
        let run = sparse_into(circuit, stimulus, options, &mut workspace, &mut in_parts);
        assert_eq!(run.is_ok(), is_enough);
    }
    Ok(Some((expected, got)))
}

/// How far two spikes are apart whose order a rounding may turn, as a share of time and time constants; nobody hears either before a delay has passed.
const BLUR: f64 = 4096.0 * f64::EPSILON;

/// Brings spikes that are nearer to each other than that into the order of their neurons.
fn settle_order(trace: &mut Trace) {
    let is_near = |a: &Spike, b: &Spike| b.time - a.time <= BLUR * (b.time + 0.1);
    trace.spikes.chunk_by_mut(is_near).for_each(|near| near.sort_by_key(|spike| spike.neuron));
}

#[test]
fn windows_find_the_spikes_of_the_event_loop() {
    let (swept, differences) = (Swept::default(), Differences::default());
    for_all(delayed_plan(), |plan, problem| {
        let parameters = sparse_parameters(problem);
        let circuit = Circuit::<f64, Lif<f64>>::of(&problem.network, &parameters).unwrap();
        assert!(is_sparse(&circuit));
        let traces = traces(problem, &circuit)?;
        swept.note(plan, traces.is_some());
        let Some((mut expected, mut got)) = traces else { return Ok(0) };
        settle_order(&mut expected);
        settle_order(&mut got);
        traces_agree((&expected, &got), OfTangents::Times, &differences)
    });
    differences.check(MEDIAN);
    swept.check();
}

#[test]
fn large_sparse_networks_run_by_windows() {
    let differences = Differences::default();
    let large = |plan: Plan| Plan { layers: vec![30, 40], reads: Reads::Spikes, ..plan };
    for_many(Regime::Usual, 40, delayed_plan().prop_map(large), |_, problem| {
        let Problem { network, stimulus, document, .. } = problem;
        let parameters = &sparse_parameters(problem);
        let loss = document.loss.as_ref().unwrap();
        let by = |engine: Engine| {
            let settings = Settings { engine, max_events: EVENTS, ..Settings::default() };
            let engine = explain(network, parameters, &settings).unwrap().to_string();
            let found = value_and_grad(network, parameters, stimulus, loss, &settings);
            match found {
                Ok(found) => Ok(Some((engine, found))),
                // One in five of such networks does.
                Err(error) => match runaway(error) {
                    TestCaseError::Reject(_) => Ok(None),
                    error => Err(error),
                },
            }
        };
        let (got, expected) = (by(Engine::Automatic)?, by(Engine::EventLoop)?);
        let (Some((engine, got)), Some((_, expected))) = (got, expected) else { return Ok(0) };
        prop_assert!(engine.starts_with("windows"), "{}", engine);
        let [got, of_loop] = [got, expected].map(|found| found.gradient.parameters.to_vec());
        let largest = of_loop.iter().fold(0.0f64, |most, x| most.max(x.abs()));
        for (got, expected) in got.into_iter().zip(of_loop) {
            differences.note("derivative", got, expected, largest)?;
        }
        Ok(200)
    });
    differences.check(MEDIAN_OF_TWO_RUNS);
}

/// One neuron drives the run on from reference to reference; the others rest for up to 400 of its time constants before something comes, and each refractory time, reset
/// and sample follows such a rest.
#[test]
fn who_rests_for_long_is_found_where_it_would_be() {
    let neurons = 12;
    let (network, parameters) = Network::builder()
        .inputs(2)
        .lif("busy", 1)
        .lif("resting", neurons)
        .with("t_ref", 2e-3)
        .with("v_leak", 0.2)
        .with("initial.v", (0..12).map(|n| 0.07 * f64::from(n)).collect::<Vec<_>>())
        .with("initial.i", (0..12).map(|n| 0.1 * f64::from(n) - 0.5).collect::<Vec<_>>())
        .sparse("input", "busy", [(0, 0, 20.0)])
        .sparse(
            "input",
            "resting",
            (0..neurons).zip(0..12).map(|(n, k)| (1, n, 9.0 + 0.3 * f64::from(k))),
        )
        .sparse("busy", "resting", (0..3).map(|n| (0, n, 0.01)))
        .delay(1.5e-3)
        .sparse("resting", "resting", (1..neurons).map(|n| (n - 1, n, -2.0)))
        .delay(2e-3)
        .build()
        .unwrap();
    let circuit = Circuit::<f64, Lif<f64>>::of(&network, &parameters).unwrap();
    assert!(is_sparse(&circuit));
    let busy = (0..1300).map(|k| InputSpike { channel: 0, time: 3e-3 * f64::from(k) });
    let rare = [0.05, 0.052, 0.4, 2.5, 3.8].map(|time| InputSpike { channel: 1, time });
    let stimulus = Stimulus::new(4.0, busy.chain(rare).collect()).unwrap();
    let sample =
        |n, time| ReadoutRequest { neuron: NeuronId::new(n), measure: Measure::Sample { time } };
    let readouts = [sample(1, 0.04), sample(4, 2.4999), sample(5, 2.501), sample(12, 3.99)];
    let options = Options { readouts: &readouts, max_events: EVENTS };
    let (mut expected, mut got) = (Trace::default(), Trace::default());
    simulate_into(&circuit, &stimulus, options, &mut Workspace::default(), &mut expected).unwrap();
    sparse_into(&circuit, &stimulus, options, &mut SparseWorkspace::default(), &mut got).unwrap();
    let of_resting = expected.spikes.iter().filter(|spike| spike.neuron.index() > 0).count();
    assert!(of_resting > 3 * neurons, "{of_resting}");
    let differences = Differences::default();
    traces_agree((&expected, &got), OfTangents::Times, &differences).unwrap();
}

#[test]
fn a_wish_ends_a_run_by_windows() {
    let (network, parameters) = Network::builder()
        .inputs(1)
        .lif("out", 1)
        .dense("input", "out", vec![20.0])
        .build()
        .unwrap();
    let circuit = Circuit::<f64, Lif<f64>>::of(&network, &parameters).unwrap();
    let stimulus = Stimulus::new(0.1, vec![InputSpike { channel: 0, time: 0.05 }]).unwrap();
    let options = Options { readouts: &[], max_events: EVENTS };
    let looks = Arc::new(AtomicUsize::new(0));
    let most = Arc::new(AtomicUsize::new(usize::MAX));
    let interrupt = Interrupt::polling({
        let (looks, most) = (Arc::clone(&looks), Arc::clone(&most));
        move || looks.fetch_add(1, Ordering::Relaxed) >= most.load(Ordering::Relaxed)
    });
    let run = || {
        let (mut workspace, mut trace) = (SparseWorkspace::default(), Trace::default());
        interrupt.scope(|| sparse_into(&circuit, &stimulus, options, &mut workspace, &mut trace))
    };
    assert_eq!(run(), Ok(()));
    let all = looks.swap(0, Ordering::Relaxed);
    assert!(all > 2);
    for k in 0..all {
        most.store(k, Ordering::Relaxed);
        assert_eq!(run(), Err(SweepError::Irregular));
        assert_eq!(looks.swap(0, Ordering::Relaxed), k + 1);
    }
}

/// A neuron that spikes ten million times in each window.
#[test]
fn a_window_ends_where_the_budget_does() {
    let (network, parameters) = Network::builder()
        .inputs(1)
        .lif("out", 1)
        .with("i_bias", 1e8)
        .dense("input", "out", vec![20.0])
        .build()
        .unwrap();
    let circuit = Circuit::<f64, Lif<f64>>::of(&network, &parameters).unwrap();
    let stimulus = Stimulus::new(0.1, vec![InputSpike { channel: 0, time: 0.05 }]).unwrap();
    let (mut workspace, mut trace) = (SparseWorkspace::default(), Trace::default());
    let mut run = |max_events| {
        let options = Options { readouts: &[], max_events };
        sparse_into(&circuit, &stimulus, options, &mut workspace, &mut trace)
    };
    assert_eq!(run(1000), Err(SweepError::Irregular));
    // With no budget to speak of, who wishes the end has it.
    let looks = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&looks);
    let interrupt = Interrupt::polling(move || count.fetch_add(1, Ordering::Relaxed) >= 3);
    assert_eq!(interrupt.scope(|| run(u64::MAX)), Err(SweepError::Irregular));
    assert_eq!(looks.load(Ordering::Relaxed), 4);
}
