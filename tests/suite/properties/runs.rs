//! What holds of every run, of a batch of runs, and of a problem that was written and read again.

use super::{are_the_same_sums, bits, evaluate, settings, spikes};
use crate::random_networks::{Plan, any_plan, for_all, runaway, spiking_plan};
use crate::support::{Random, readouts_of};
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;
use spikegrad::dynamics::TimeConstants;
use spikegrad::network::{Circuit, Tangents};
use spikegrad::problem::{Answer, Problem};
use spikegrad::simulation::simulate;
use spikegrad::{
    AdjointError, Cotangents, Dual64, Engine, Evaluator, Grazing, InputSpike, Sample, Settings,
    Spike, Stimulus, Trace, backward, value_and_grad, value_and_grad_batch,
};
use spikegrad_simulate::{Options, Workspace, simulate_forward_into, simulate_into};

#[test]
fn no_interval_is_shorter_than_the_refractory_time() {
    let plans = any_plan().prop_map(|plan| Plan { refractory: true, ..plan });
    for_all(plans, |_, problem| {
        let trace = evaluate(problem)?.trace;
        let mut last: Vec<Option<f64>> = vec![None; problem.network.neurons()];
        let mut intervals = 0;
        for spike in &trace.spikes {
            let (population, index) = problem.network.locate(spike.neuron);
            let t_ref =
                problem.parameters.populations[population][spikegrad::lif::T_REF].get(index);
            if let Some(last) = last[spike.neuron.index()].replace(spike.time) {
                // Each of the two times is rounded.
                let least = t_ref - 2.0 * f64::EPSILON * spike.time;
                prop_assert!(spike.time - last >= least, "{} {} {}", last, spike.time, t_ref);
                intervals += 1;
            }
        }
        Ok(intervals)
    });
}

#[test]
fn spikes_are_in_order_and_every_number_is_finite_and_within_the_run() {
    for_all(any_plan(), |_, problem| {
        let answer = evaluate(problem)?;
        let t_end = problem.stimulus.t_end();
        let order = |s: &Spike| (s.time.to_bits(), s.round, s.neuron);
        prop_assert!(answer.trace.spikes.windows(2).all(|pair| order(&pair[0]) < order(&pair[1])));
        for spike in &answer.trace.spikes {
            prop_assert!((0.0..=t_end).contains(&spike.time), "{:?}", spike);
            prop_assert!(spike.slope > 0.0 && spike.slope.is_finite(), "{:?}", spike);
            prop_assert!(spike.time_remainder.abs() <= f64::EPSILON * spike.time, "{:?}", spike);
        }
        prop_assert!(answer.loss.is_finite() && answer.loss >= 0.0);
        let gradient = answer.gradient.parameters.to_vec();
        prop_assert!(gradient.iter().chain(&answer.gradient.input_times).all(|x| x.is_finite()));
        prop_assert_eq!(gradient.len(), problem.parameters.to_vec().len());
        prop_assert_eq!(answer.gradient.input_times.len(), problem.stimulus.spikes().len());
        Ok(answer.trace.spikes.len())
    });
}

#[test]
fn a_run_that_nobody_differentiates_is_the_same_run_and_has_no_gradient() {
    for_all(any_plan(), |_, problem| {
        let circuit = Circuit::new(&problem.network, &problem.parameters).unwrap();
        let readouts = readouts_of(problem);
        let options = Options { readouts: &readouts, max_events: settings().max_events };
        let (mut workspace, mut whole, mut bare) =
            (Workspace::default(), Trace::default(), Trace::default());
        // Twice each: what an earlier run left in a workspace or in a trace must not show.
        for _ in 0..2 {
            let stimulus = &problem.stimulus;
            let one = simulate_into(&circuit, stimulus, options, &mut workspace, &mut whole);
            let other =
                simulate_forward_into(&circuit, stimulus, options, &mut workspace, &mut bare);
            prop_assert_eq!(one, other);
        }
        prop_assert_eq!(bare.tangents, Tangents::Omitted);
        let cotangents = Cotangents::zeros(&bare);
        let (network, parameters) = (&problem.network, &problem.parameters);
        let refused = backward(network, parameters, &bare, &cotangents, Grazing::Zero);
        prop_assert_eq!(refused, Err(AdjointError::NoTangents));
        for spike in &mut whole.spikes {
            spike.tangent = TimeConstants::default();
        }
        for readout in &mut whole.readouts {
            readout.tangent = TimeConstants::default();
        }
        whole.tangents = Tangents::Omitted;
        prop_assert_eq!(&whole, &bare);
        let settings = Settings { engine: Engine::EventLoop, ..settings() };
        let mut evaluator = Evaluator::new(network, parameters, settings).unwrap();
        // A run that spends its budget leaves the same piece of a trace.
        let _ = evaluator.simulate_forward(&problem.stimulus, &readouts);
        prop_assert_eq!(evaluator.take_trace(), bare);
        Ok(whole.spikes.len())
    });
}

#[test]
fn a_run_on_dual_numbers_is_the_run_to_the_bit() {
    for_all(any_plan(), |plan, problem| {
        let Problem { network, parameters, stimulus, .. } = problem;
        let readouts = readouts_of(problem);
        let options = Options { readouts: &readouts, max_events: settings().max_events };
        let mut random = plan.random();
        // What is zero stays: an arrival without effect does not so much as split the motion in two.
        let mut lift = |x: f64| Dual64::new(x, x * (random.unit() - 0.5));
        let lifted = (parameters.map(&mut lift), stimulus.lift(&mut lift));
        let real = simulate(network, parameters, stimulus, options);
        let dual = simulate(network, &lifted.0, &lifted.1, options).map(|trace| trace.real());
        prop_assert_eq!(&real, &dual);
        Ok(real.map_or(0, |trace| trace.spikes.len()))
    });
}

/// The spikes of a run, and whether the sweep found them.
fn run(problem: &Problem, engine: Engine) -> Result<(Vec<(u32, u64)>, bool), TestCaseError> {
    let Problem { network, parameters, stimulus, .. } = problem;
    let settings = Settings { engine, ..settings() };
    let mut evaluator = Evaluator::new(network, parameters, settings).unwrap();
    let found = evaluator.simulate(stimulus, &[]).map(spikes);
    found.map(|spikes| (spikes, evaluator.was_swept())).map_err(|error| runaway(error.into()))
}

#[test]
fn what_comes_later_does_not_change_what_was() {
    for_all(spiking_plan(), |plan, problem| {
        let cut = problem.stimulus.t_end() * plan.random().unit();
        let inputs = problem.stimulus.spikes().iter().filter(|s| s.time <= cut).copied();
        let mut shorter = problem.clone();
        shorter.stimulus = Stimulus::new(cut, inputs.collect()).unwrap();
        let mut count = 0;
        for engine in [Engine::EventLoop, Engine::Automatic] {
            let (whole, swept) = run(problem, engine)?;
            let (shorter, shorter_swept) = run(&shorter, engine)?;
            count = whole.len();
            // What comes later may leave the whole run to the other engine, whose answer is the same to rounding alone.
            if swept == shorter_swept {
                let before: Vec<_> =
                    whole.into_iter().filter(|&(_, t)| t <= cut.to_bits()).collect();
                prop_assert_eq!(shorter, before);
            }
        }
        Ok(count)
    });
}

/// Variants of the stimulus of a problem.
fn stimuli(problem: &Problem, random: &mut Random, count: usize) -> Vec<Stimulus> {
    let t_end = problem.stimulus.t_end();
    let variant = |_| {
        let jitter = |s: &InputSpike| InputSpike { time: s.time * random.unit(), ..*s };
        Stimulus::new(t_end, problem.stimulus.spikes().iter().map(jitter).collect()).unwrap()
    };
    (0..count).map(variant).collect()
}

#[test]
fn a_batch_is_its_samples_on_any_number_of_threads() {
    let pools = [1, 2, 4].map(|n| rayon::ThreadPoolBuilder::new().num_threads(n).build().unwrap());
    // Of few spikes each: 44 runs a case.
    for_all(any_plan().prop_map(|plan| Plan { refractory: true, ..plan }), |plan, problem| {
        let loss = problem.document.loss.as_ref().unwrap();
        let Problem { network, parameters, .. } = problem;
        // More than one chunk, the last of them short.
        let stimuli = stimuli(problem, &mut plan.random(), 11);
        let samples: Vec<_> = stimuli.iter().map(|stimulus| Sample { stimulus, loss }).collect();
        let batch = |pool: &rayon::ThreadPool| {
            let extract = |_: usize, trace: &Trace| trace.spikes.clone();
            let run = || value_and_grad_batch(network, parameters, &samples, &settings(), extract);
            pool.install(run).map_err(|error| runaway(error.source))
        };
        let [one, two, four] = &pools;
        let one = batch(one)?;
        for other in [batch(two)?, batch(four)?] {
            prop_assert_eq!(bits(&one.losses), bits(&other.losses));
            prop_assert_eq!(&one.extracted, &other.extracted);
            prop_assert_eq!(bits(&one.gradient.to_vec()), bits(&other.gradient.to_vec()));
        }
        let mut sum = vec![0.0; parameters.to_vec().len()];
        for (k, sample) in samples.iter().enumerate() {
            let alone = value_and_grad(network, parameters, sample.stimulus, loss, &settings())
                .map_err(runaway)?;
            prop_assert_eq!(alone.loss.to_bits(), one.losses[k].to_bits());
            prop_assert_eq!(&alone.trace.spikes, &one.extracted[k]);
            for (sum, x) in sum.iter_mut().zip(alone.gradient.parameters.to_vec()) {
                *sum += x;
            }
        }
        let gradient = one.gradient.to_vec();
        let runs: Vec<Problem> =
            stimuli.into_iter().map(|stimulus| Problem { stimulus, ..problem.clone() }).collect();
        are_the_same_sums(&gradient, &sum, &runs)?;
        Ok(one.extracted.iter().map(Vec::len).sum())
    });
}

#[test]
fn a_problem_and_its_answer_survive_json_to_the_bit() {
    for_all(any_plan(), |_, problem| {
        let text = serde_json::to_string(&problem.document).unwrap();
        let back = Problem::from_json(text.as_bytes()).unwrap();
        prop_assert_eq!(&back.document, &problem.document);
        prop_assert_eq!(&back.parameters, &problem.parameters);
        prop_assert_eq!(&back.stimulus, &problem.stimulus);
        let (one, two) = (evaluate(problem)?, evaluate(&back)?);
        prop_assert_eq!(&one.trace, &two.trace);
        prop_assert_eq!(&one.gradient, &two.gradient);
        let answer = Answer::of_trace(problem, &one.trace).with_gradient(
            problem,
            one.loss,
            &one.gradient,
            serde_json::Value::Null,
        );
        let text = serde_json::to_string(&answer).unwrap();
        let answer: serde_json::Value = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(answer["loss"].as_f64().map(f64::to_bits), Some(one.loss.to_bits()));
        let mut written = Vec::new();
        for (k, population) in problem.network.populations().iter().enumerate() {
            let first = problem.network.range(k).start;
            for spike in answer["spikes"][&population.name].as_array().unwrap() {
                let neuron = first + usize::try_from(spike[0].as_u64().unwrap()).unwrap();
                written
                    .push((u32::try_from(neuron).unwrap(), spike[1].as_f64().unwrap().to_bits()));
            }
        }
        written.sort_by_key(|&(neuron, time)| (time, neuron));
        let mut spikes = spikes(&one.trace);
        spikes.sort_by_key(|&(neuron, time)| (time, neuron));
        prop_assert_eq!(written, spikes);
        Ok(one.trace.spikes.len())
    });
}
