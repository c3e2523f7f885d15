//! The layered sweep and the event loop are one simulator: the same spikes in the same order, the same read-outs, the same
//! gradients, to rounding.

use crate::random_networks::{
    OVERFLOWING, Plan, Swept, UNDERFLOWING, apart_plan, cells_plan, for_all, layered_plan,
    receiving_plan, runaway,
};
use crate::support::{between_engines, error, of_slopes};
use crate::tolerance::OF_CHAINS;
use crate::untied::with_own_numbers;
use proptest::prelude::*;
use proptest::test_runner::{TestCaseError, TestCaseResult};
use spikegrad::adjoint::{
    BackwardSweepWorkspace, BackwardWorkspace, GradientSum, Grazing, SweptNeuron, backward_into,
    sweep_backward_into,
};
use spikegrad::dynamics::{AnyNeuron, Lif};
use spikegrad::problem::Problem;
use spikegrad::{
    Cotangents, Evaluate, Evaluator, Network, Settings, SpikeTimeMse, Trace, value_and_grad,
};
use spikegrad_compare::Question;
use spikegrad_network::{Circuit, InputSpike, Layers, Stimulus, Tangents};
use spikegrad_simulate::{
    Options, SimulateError, Sweep, SweepWorkspace, Workspace, simulate_into, sweep_all_into,
    sweep_forward_into, sweep_into,
};
use std::cell::RefCell;
use std::collections::BTreeMap;

/// These networks are larger than those of the other statements.
pub(super) const EVENTS: u64 = 100_000;

/// Half of the numbers differ by a handful of roundings.
pub(super) const MEDIAN: f64 = 4e-15;

/// The same of gradients of two runs: spike times that differ by roundings move the slopes by which adjoints divide.
pub(super) const MEDIAN_OF_TWO_RUNS: f64 = 1e-14;

/// One in a hundred stands behind spikes with small slopes, each of which multiplies the differences before it.
const P99: f64 = 1e-12;

/// A derivative of this share of the largest may be a small difference of large terms.
const SMALL: f64 = 1e-2;

fn gradient(problem: &Problem) -> Result<Vec<f64>, TestCaseError> {
    let Problem { network, parameters, stimulus, document } = problem;
    let loss = document.loss.as_ref().unwrap();
    let evaluation = value_and_grad(network, parameters, stimulus, loss, &Settings::default());
    Ok(evaluation.map_err(runaway)?.gradient.parameters.to_vec())
}

fn traces<N: SweptNeuron>(problem: &Problem) -> Result<Option<(Trace, Trace)>, TestCaseError> {
    let Problem { network, parameters, stimulus, document } = problem;
    let circuit = Circuit::<f64, N>::of(network, parameters).unwrap();
    let layers = Layers::new(network, &circuit)
        .map_err(|reason| TestCaseError::fail(reason.describe(network)))?;
    let loss = document.loss.as_ref().unwrap();
    let readouts = loss.readouts(network).unwrap();
    let options = Options { readouts: &readouts, max_events: EVENTS };
    let (mut by_events, mut by_sweep) = (Trace::default(), Trace::default());
    match simulate_into(&circuit, stimulus, options, &mut Workspace::default(), &mut by_events) {
        Err(SimulateError::EventBudget { .. }) => return Err(TestCaseError::reject("runs away")),
        Err(error) => return Err(TestCaseError::fail(error.to_string())),
        Ok(()) => {}
    }
    let mut workspace = SweepWorkspace::default();
    let swept = sweep_into(&circuit, &layers, stimulus, options, &mut workspace, &mut by_sweep);
    let mut forward = Trace::default();
    let again =
        sweep_forward_into(&circuit, &layers, stimulus, options, &mut workspace, &mut forward);
    prop_assert_eq!(&swept, &again);
    if swept.is_ok() {
        // Without tangents nothing else changes.
        let times = |trace: &Trace| -> Vec<_> {
            trace.spikes.iter().map(|s| (s.neuron, s.time.to_bits(), s.slope.to_bits())).collect()
        };
        prop_assert_eq!(times(&by_sweep), times(&forward));
        let values = |trace: &Trace| -> Vec<_> {
            trace.readouts.iter().map(|r| (r.time.to_bits(), r.value.to_bits())).collect()
        };
        prop_assert_eq!(values(&by_sweep), values(&forward));
    }
    // Nor does anything in company: beside a run that ends earlier, and one with no input.
    let others = [stimulus.t_end() / 2.0, stimulus.t_end()].map(|end| {
        let is_kept = |spike: &&InputSpike| spike.time <= end && end < stimulus.t_end();
        let spikes = stimulus.spikes().iter().filter(is_kept).copied().collect();
        Stimulus::new(end, spikes).unwrap()
    });
    let stimuli = [&others[0], stimulus, &others[1], stimulus];
    let mut together = vec![Trace::default(); stimuli.len()];
    let mut sweeps: Vec<_> = (stimuli.into_iter().zip(&mut together))
        .map(|(stimulus, trace)| Sweep { stimulus, options, trace, outcome: Ok(()) })
        .collect();
    sweep_all_into(&circuit, &layers, Tangents::Recorded, &mut sweeps, &mut workspace);
    for k in [1, 3] {
        prop_assert_eq!(&sweeps[k].outcome, &swept);
    }
    if swept.is_ok() {
        prop_assert_eq!(&together[1], &by_sweep);
        prop_assert_eq!(&together[3], &by_sweep);
    }
    Ok(swept.ok().map(|()| (by_events, by_sweep)))
}

/// Relative differences, by kind of number.
#[derive(Default)]
pub(super) struct Differences(RefCell<BTreeMap<&'static str, Vec<f64>>>);

impl Differences {
    /// Notes a difference relative to the larger of `expected` and `floor`; one that is too large fails.
    pub(super) fn note(
        &self,
        kind: &'static str,
        got: f64,
        expected: f64,
        floor: f64,
    ) -> TestCaseResult {
        let is_same = (got - expected).abs() == 0.0;
        let difference = if is_same { 0.0 } else { error(got, expected, floor.max(UNDERFLOWING)) };
        prop_assert!(difference <= OF_CHAINS, "{}: {:?} {:?} of {:?}", kind, got, expected, floor);
        self.0.borrow_mut().entry(kind).or_default().push(difference);
        Ok(())
    }

    /// Checks the bulk of all differences.
    pub(super) fn check(self, most: f64) {
        for (kind, mut all) in self.0.into_inner() {
            all.sort_by(f64::total_cmp);
            let quantile = |per_mille: usize| all[(all.len() - 1) * per_mille / 1000];
            let (median, p99, worst) = (quantile(500), quantile(990), quantile(1000));
            println!(
                "{kind}: {} numbers, median {median:.1e}, p99 {p99:.1e}, worst {worst:.1e}",
                all.len()
            );
            assert!(median <= most && p99 <= P99, "{kind}");
        }
    }
}

/// The gradient by the sweep of a run with its cotangents, and by the event-by-event walk of a run that is the same but for roundings; nothing, if neither exists.
fn both_gradients<N: SweptNeuron>(
    network: &Network,
    circuit: &Circuit<f64, N>,
    layers: &Layers,
    (trace, cotangents): (&Trace, &Cotangents),
    (walked, of_walk): (&Trace, &Cotangents),
) -> Result<Option<[Vec<f64>; 2]>, TestCaseError> {
    let (mut by_walk, mut by_sweep) = (GradientSum::new(circuit), GradientSum::new(circuit));
    let expected_inputs = backward_into(
        circuit,
        walked,
        of_walk,
        Grazing::Fail,
        &mut BackwardWorkspace::default(),
        &mut by_walk,
    );
    let mut workspace = BackwardSweepWorkspace::default();
    let swept = sweep_backward_into(
        circuit,
        layers,
        trace,
        cotangents,
        Grazing::Fail,
        &mut workspace,
        &mut by_sweep,
    );
    let expected_inputs = match (expected_inputs, swept) {
        (Ok(expected), Ok(())) => expected,
        (Err(_), Err(_)) => return Ok(None),
        other => return Err(TestCaseError::fail(format!("{other:?}"))),
    };
    let got_inputs = workspace.input_times().to_vec();
    let all = |sum: GradientSum<f64, N>, inputs: Vec<f64>| {
        [sum.to_parameters(network, circuit).to_vec(), inputs].concat()
    };
    Ok(Some([all(by_sweep, got_inputs), all(by_walk, expected_inputs.input_times)]))
}

/// Both gradients of what a sweep found; where neurons have several receptors the walk needs what the event loop found, which differs by roundings.
fn gradients_agree<N: SweptNeuron>(
    plan: &Plan,
    problem: &Problem,
    differences: &Differences,
) -> Result<usize, TestCaseError> {
    let Some((by_events, trace)) = traces::<N>(problem)? else { return Ok(0) };
    let Problem { network, parameters, document, .. } = problem;
    let circuit = Circuit::<f64, N>::of(network, parameters).unwrap();
    let walked = if plan.receptors { &by_events } else { &trace };
    let layers = Layers::new(network, &circuit).unwrap();
    let loss = document.loss.as_ref().unwrap();
    // The growth of a label that is silent for 100 s is out of range, and there is nothing to differentiate.
    let Ok((_, cotangents)) = loss.evaluate(network, &trace) else { return Ok(0) };
    let Ok((_, of_walk)) = loss.evaluate(network, walked) else { return Ok(0) };
    let run = (&trace, &cotangents);
    let walk = (walked, &of_walk);
    let Some([got, expected]) = both_gradients(network, &circuit, &layers, run, walk)? else {
        return Ok(0);
    };
    // Each in units of what matters of its number: a delay of seconds is thousands of time constants.
    let scaled = |problem: &Problem, entries: &[f64]| -> Vec<f64> {
        let Problem { network, parameters, stimulus, .. } = problem;
        let settings = Settings::default();
        let numbers = Question { network, parameters, stimulus, loss, settings }.numbers();
        entries.iter().zip(numbers).map(|(x, number)| x * number.scale).collect()
    };
    let (got, expected) = (scaled(problem, &got), scaled(problem, &expected));
    let mut terms = expected.clone();
    if plan.tied {
        let copy = with_own_numbers(problem);
        terms.extend(scaled(&copy, &gradient(&copy)?));
    }
    let largest = terms.iter().fold(0.0f64, |a, x| a.max(x.abs()));
    if largest > OVERFLOWING {
        return Ok(trace.spikes.len());
    }
    let bound = if plan.receptors {
        between_engines(problem, &trace, walked)?
    } else {
        of_slopes(problem, &trace)
    };
    let floor = largest * SMALL.max(bound / OF_CHAINS);
    for (got, expected) in got.iter().zip(&expected) {
        differences.note("derivative", *got, *expected, floor)?;
    }
    if plan.receptors {
        return Ok(trace.spikes.len());
    }
    // Where the loss reads only what is early, the sweep does not look at what is late.
    let mut early = cotangents;
    let half = trace.stimulus.t_end() / 2.0;
    let is_late = |time: f64| time > half;
    let of_spikes = early.spikes.iter_mut().zip(&trace.spikes);
    of_spikes.filter(|(_, spike)| is_late(spike.time)).for_each(|(x, _)| *x = 0.0);
    let of_readouts = early.readouts.iter_mut().zip(&trace.readouts);
    of_readouts.filter(|(_, readout)| is_late(readout.time)).for_each(|(x, _)| *x = 0.0);
    let run = (&trace, &early);
    let Some([got, expected]) = both_gradients(network, &circuit, &layers, run, run)? else {
        return Ok(0);
    };
    let (got, expected) = (scaled(problem, &got), scaled(problem, &expected));
    for (got, expected) in got.iter().zip(&expected) {
        differences.note("derivative of what is early", *got, *expected, floor)?;
    }
    Ok(trace.spikes.len())
}

#[test]
fn a_sweep_gives_the_gradient_of_the_event_by_event_walk() {
    let differences = Differences::default();
    for_all(layered_plan(), |plan, problem| {
        gradients_agree::<Lif<f64>>(plan, problem, &differences)
    });
    differences.check(MEDIAN);
}

#[test]
fn a_sweep_of_cells_gives_the_gradient_of_the_event_by_event_walk() {
    let differences = Differences::default();
    for_all(cells_plan(), |plan, problem| gradients_agree::<Lif<f64>>(plan, problem, &differences));
    differences.check(MEDIAN);
}

#[test]
fn a_sweep_of_neurons_that_hear_apart_gives_the_gradient_of_the_event_by_event_walk() {
    let differences = Differences::default();
    for_all(apart_plan(), |plan, problem| gradients_agree::<Lif<f64>>(plan, problem, &differences));
    differences.check(MEDIAN);
}

#[test]
fn a_sweep_with_receptors_gives_the_gradient_of_the_event_by_event_walk() {
    let differences = Differences::default();
    for_all(receiving_plan(), |plan, problem| {
        gradients_agree::<AnyNeuron<f64>>(plan, problem, &differences)
    });
    differences.check(MEDIAN_OF_TWO_RUNS);
}

fn spikes_agree<N: SweptNeuron>(
    plan: &Plan,
    problem: &Problem,
    (swept, differences): (&Swept, &Differences),
) -> Result<usize, TestCaseError> {
    let traces = traces::<N>(problem)?;
    swept.note(plan, traces.is_some());
    let Some((expected, got)) = traces else { return Ok(0) };
    let tangents = if plan.receptors { OfTangents::None } else { OfTangents::Potentials };
    traces_agree((&expected, &got), tangents, differences)
}

/// What is compared of tangents.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum OfTangents {
    /// Nothing: of a neuron with several receptors the event loop carries none, and gradients are compared.
    None,
    /// Derivatives of potentials.
    Potentials,
    /// Derivatives of spike times, which are those of potentials divided by the slope: a neuron that rests far below its threshold rises steeply.
    Times,
}

/// The same spikes in the same order, and the same read-outs.
pub(super) fn traces_agree(
    (expected, got): (&Trace, &Trace),
    tangents: OfTangents,
    differences: &Differences,
) -> Result<usize, TestCaseError> {
    let order = |t: &Trace| t.spikes.iter().map(|s| (s.neuron, s.round)).collect::<Vec<_>>();
    prop_assert_eq!(order(got), order(expected));
    prop_assert_eq!(got.arrivals, expected.arrivals);
    for (got, expected) in got.spikes.iter().zip(&expected.spikes) {
        differences.note("spike time", got.time, expected.time, 0.0)?;
        // Rates are differences of potentials of the size of the threshold.
        let floor = 1.0 / 0.02;
        differences.note("slope", got.slope, expected.slope, floor)?;
        // The event loop looks at a release only if something happens to the neuron later.
        if expected.release_rate != 0.0 {
            differences.note("release rate", got.release_rate, expected.release_rate, floor)?;
        }
        let floor = match tangents {
            OfTangents::None => continue,
            OfTangents::Potentials => floor,
            OfTangents::Times => floor.max(expected.slope),
        };
        for (got, expected) in got.tangent.into_iter().zip(expected.tangent) {
            differences.note("tangent", got, expected, floor)?;
        }
    }
    prop_assert_eq!(got.readouts.len(), expected.readouts.len());
    for (got, expected) in got.readouts.iter().zip(&expected.readouts) {
        prop_assert_eq!(got.request, expected.request);
        differences.note("read-out", got.value, expected.value, 1.0)?;
        prop_assert_eq!(got.cusp().is_some(), expected.cusp().is_some());
        for (got, expected) in got.tangent.into_iter().zip(expected.tangent) {
            if tangents != OfTangents::None {
                differences.note("tangent", got, expected, 1.0 / 0.02)?;
            }
        }
    }
    Ok(expected.spikes.len())
}

#[test]
fn a_sweep_finds_the_spikes_of_the_event_loop() {
    let (swept, differences) = (Swept::default(), Differences::default());
    for_all(layered_plan(), |plan, problem| {
        spikes_agree::<Lif<f64>>(plan, problem, (&swept, &differences))
    });
    differences.check(MEDIAN);
    swept.check();
}

#[test]
fn a_sweep_with_receptors_finds_the_spikes_of_the_event_loop() {
    let (swept, differences) = (Swept::default(), Differences::default());
    for_all(receiving_plan(), |plan, problem| {
        spikes_agree::<AnyNeuron<f64>>(plan, problem, (&swept, &differences))
    });
    differences.check(MEDIAN);
    swept.check();
}

#[test]
fn a_sweep_of_cells_finds_the_spikes_of_the_event_loop() {
    let (swept, differences) = (Swept::default(), Differences::default());
    for_all(cells_plan(), |plan, problem| {
        spikes_agree::<Lif<f64>>(plan, problem, (&swept, &differences))
    });
    differences.check(MEDIAN);
    swept.check();
}

#[test]
fn a_sweep_of_neurons_that_hear_apart_finds_the_spikes_of_the_event_loop() {
    let (swept, differences) = (Swept::default(), Differences::default());
    for_all(apart_plan(), |plan, problem| {
        spikes_agree::<Lif<f64>>(plan, problem, (&swept, &differences))
    });
    differences.check(MEDIAN);
    swept.check();
}

#[test]
fn arrivals_at_neurons_that_hear_apart_are_listed_up_to_a_limit() {
    // All spikes arrive everywhere: half a million arrivals are one channel's 1024, and one more is too many.
    let delays: Vec<f64> = (0..512).map(|k| 1e-5 * f64::from(k + 1)).collect();
    let builder = Network::builder().inputs(1).lif("out", 512);
    let (network, parameters) =
        builder.dense("input", "out", vec![0.01; 512]).delay(delays).build().unwrap();
    let loss = SpikeTimeMse::new("out", vec![Vec::new(); 512]);
    for (count, is_swept) in [(1024u32, true), (1025, false)] {
        let spike = |k| InputSpike { channel: 0, time: 1e-4 * f64::from(k) };
        let stimulus = Stimulus::new(0.2, (0..count).map(spike).collect()).unwrap();
        let mut evaluator = Evaluator::new(&network, &parameters, Settings::default()).unwrap();
        let mut gradient = evaluator.zero_gradient(&parameters);
        evaluator.value_and_grad(&stimulus, &loss, &mut gradient).unwrap();
        assert_eq!(evaluator.trace().arrivals, 512 * u64::from(count));
        assert_eq!(evaluator.was_swept(), is_swept);
    }
}
