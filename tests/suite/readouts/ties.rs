//! Coincidences at which a loss has a kink: the certificate names them, and the derivative is that of the side that the documentation
//! names. Where it names none, differences agree with the gradient from both sides (`spiking.rs`).

use super::{AUTOMATIC, EVENT_LOOP, Reads, evaluate};
use crate::random_networks::{Plan, Regime, any_plan, for_all_of, runaway};
use crate::support::{Random, SpikeTime, close, one_neuron, problem, run};
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;
use serde_json::{Value, json};
use spikegrad::adjoint::LISTED_TIES;
use spikegrad::dynamics::Kind;
use spikegrad::problem::{OneOrMany, Problem};
use spikegrad::{
    Evaluation, Evaluator, Gradient, InputSpike, Loss, MaxVoltageCrossEntropy, Measure, NeuronId,
    ReadoutRequest, Settings, SpikeTimeMse, Stimulus, Tie, TieKind, VanRossum, li, lif,
};
use std::cell::RefCell;

/// What the certificate lists, which is the same in both engines.
#[track_caller]
fn ties(problem: &Problem, loss: &dyn Loss) -> Vec<Tie> {
    let [swept, by_events] = [AUTOMATIC, EVENT_LOOP].map(|settings| {
        let found = evaluate(problem, loss, &settings).unwrap();
        assert_eq!(found.certificate.ties, found.certificate.first_ties.len());
        found.certificate.first_ties
    });
    assert_eq!(swept, by_events);
    by_events
}

/// `size` equal neurons that hear each other, and not themselves, by `weight`.
fn equals(size: usize, weight: f64) -> Value {
    let mut document = one_neuron(json!({}), &[8.0], &[(0, 0.001), (0, 0.004)], 0.02);
    document["network"]["populations"][0]["size"] = json!(size);
    document["network"]["connections"][0]["weights"] = json!(vec![[8.0]; size]);
    let row = |post: usize| -> Vec<f64> {
        (0..size).map(|pre| if pre == post { 0.0 } else { weight }).collect()
    };
    let rows: Vec<_> = (0..size).map(row).collect();
    let own = json!({"from": "out", "to": "out", "weights": rows});
    document["network"]["connections"].as_array_mut().unwrap().push(own);
    document
}

#[test]
fn equal_spikes_of_neurons_that_hear_each_other_without_delay_are_ties_of_both() {
    let problem = problem(&equals(2, -8.0));
    let loss = SpikeTimeMse::new("out", vec![vec![0.005], vec![0.005]]);
    let found = ties(&problem, &loss);
    let spike = evaluate(&problem, &loss, &EVENT_LOOP).unwrap().trace.spikes[0].time;
    let named = |tie: &Tie| (tie.kind, tie.neuron.clone(), tie.source.clone().unwrap(), tie.time);
    let tie = |a: &str, b: &str| (TieKind::ArrivalAtSpike, a.to_owned(), b.to_owned(), spike);
    let found: Vec<_> = found.iter().map(named).collect();
    assert_eq!(found, [tie("out[0]", "out[1]"), tie("out[1]", "out[0]")]);
    // Only where the loss depends on the spike …
    let first = SpikeTimeMse::new("out", vec![vec![0.005], vec![]]);
    let alone = ties(&problem, &first);
    assert_eq!(alone.len(), 1);
    assert_eq!((alone[0].neuron.as_str(), alone[0].source.as_deref()), ("out[0]", Some("out[1]")));
    let none = SpikeTimeMse::new("out", vec![vec![], vec![]]);
    assert_eq!(ties(&problem, &none), []);
    // … and on what arrives, and not for what a neuron sends to itself.
    assert_eq!(ties(&crate::support::problem(&equals(2, 0.0)), &loss), []);
    let mut own = equals(1, 0.0);
    own["network"]["connections"][1]["weights"] = json!([[-3.0]]);
    assert_eq!(ties(&crate::support::problem(&own), &SpikeTime { neuron: 0, ordinal: 0 }), []);
}

#[test]
fn a_spike_that_nobody_hears_is_a_tie_where_the_weight_of_0_behind_it_has_a_derivative() {
    // What out[1] sends to out[0] comes first on one side of any direction in which the two part, and out[0] is silent there.
    let mut document = equals(2, 0.0);
    document["network"]["connections"][1]["weights"] = json!([[0.0, -30.0], [0.0, 0.0]]);
    let reader = json!({"name": "read", "size": 1, "model": "li"});
    document["network"]["populations"].as_array_mut().unwrap().push(reader);
    let heard = json!({"from": "out", "to": "read", "weights": [[0.0, 1.0]]});
    document["network"]["connections"].as_array_mut().unwrap().push(heard);
    let problem = problem(&document);
    let measure = Measure::Sample { time: 0.015 };
    let request = ReadoutRequest { neuron: NeuronId(2), measure };
    let loss = Reads { of_spikes: 0.0, of_readouts: vec![(request, 1.0)] };
    let found = ties(&problem, &loss);
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].kind, found[0].neuron.as_str()), (TieKind::ArrivalAtSpike, "out[0]"));
}

#[test]
fn a_certificate_is_of_the_last_run() {
    let problem = problem(&equals(2, -8.0));
    let Problem { network, parameters, stimulus, .. } = &problem;
    let loss = VanRossum { population: "out".into(), targets: vec![vec![0.005]; 2], tau: 0.01 };
    for settings in [AUTOMATIC, EVENT_LOOP] {
        let mut evaluator = Evaluator::new(network, parameters, settings).unwrap();
        let mut gradient = evaluator.zero_gradient(parameters);
        evaluator.value_and_grad(stimulus, &loss, &mut gradient).unwrap();
        let (spikes, ties) = (evaluator.certificate().spikes, evaluator.certificate().ties);
        assert!(spikes == 2 && ties == 2);
        let at_its_target =
            VanRossum { targets: vec![vec![evaluator.trace().spikes[0].time]; 2], ..loss.clone() };
        evaluator.value_and_grad(stimulus, &at_its_target, &mut gradient).unwrap();
        let kinds: Vec<_> = evaluator.certificate().first_ties.iter().map(|tie| tie.kind).collect();
        assert_eq!(kinds, [TieKind::KinkOfLoss; 2]);
        // A run without a spike, and no run at all.
        evaluator.simulate(&Stimulus::new(0.001, vec![]).unwrap(), &[]).unwrap();
        assert_eq!((evaluator.certificate().spikes, evaluator.certificate().ties), (0, 0));
        evaluator.value_and_grad(stimulus, &at_its_target, &mut gradient).unwrap();
        evaluator.take_trace();
        assert_eq!((evaluator.certificate().spikes, evaluator.certificate().ties), (0, 0));
    }
}

#[test]
fn ties_are_counted_in_full_and_the_first_are_listed() {
    let size = 3 * LISTED_TIES;
    let problem = problem(&equals(size, 0.01));
    let loss = SpikeTimeMse::new("out", vec![vec![0.005]; size]);
    for settings in [AUTOMATIC, EVENT_LOOP] {
        let certificate = evaluate(&problem, &loss, &settings).unwrap().certificate;
        assert_eq!((certificate.ties, certificate.first_ties.len()), (size, LISTED_TIES));
        for (k, tie) in certificate.first_ties.iter().enumerate() {
            assert_eq!(tie.neuron, format!("out[{k}]"));
        }
    }
}

#[test]
fn equal_maxima_are_a_tie_with_both_times() {
    let silent = problem(&json!({
        "format": "spikegrad-problem", "version": 1,
        "network": {
            "inputs": 1,
            "populations": [{"name": "out", "size": 2, "model": "li"}],
            "connections": []
        },
        "stimulus": {"t_end": 0.05, "spikes": []}
    }));
    let loss = MaxVoltageCrossEntropy { population: "out".into(), label: 0 };
    let found = ties(&silent, &loss);
    let named = |tie: &Tie| (tie.kind, tie.neuron.clone(), tie.time, tie.other_time);
    let tie = |name: &str| (TieKind::EqualMaxima, name.to_owned(), 0.0, Some(0.05));
    assert_eq!(found.iter().map(named).collect::<Vec<_>>(), [tie("out[0]"), tie("out[1]")]);
    // The first of equals: the start, which knows nothing of the rest.
    let gradient = evaluate(&silent, &loss, &AUTOMATIC).unwrap().gradient;
    assert!(gradient.parameters.populations[0][li::I_BIAS].get(0) == 0.0);
    // Two peaks of equal height.
    let mut twice = one_neuron(json!({}), &[2.0], &[(0, 0.01), (0, 4.0)], 8.0);
    twice["network"]["populations"][0]["model"] = json!("li");
    let found = ties(&problem(&twice), &Reads::one(0, Measure::Maximum));
    let [Tie { kind: TieKind::EqualMaxima, time, other_time: Some(other), .. }] = found[..] else {
        panic!("{found:?}")
    };
    assert!((other - time - 3.99).abs() < 1e-12 && time > 0.01);
}

/// A problem that depends on a number, near the value at which something coincides.
struct Coincidence {
    kind: TieKind,
    /// The problem with this number.
    problem: Box<dyn Fn(f64) -> Value>,
    /// Where it coincides.
    at: f64,
    loss: Box<dyn Loss>,
    /// The derivative with respect to the number.
    derivative: fn(&Evaluation) -> f64,
    /// Whether the side that is taken is that of larger numbers.
    is_above: bool,
}

/// The second input's time: of a neuron with these inputs.
fn second_input(
    model: &'static str,
    params: Value,
    weights: [f64; 2],
    t_end: f64,
) -> Box<dyn Fn(f64) -> Value> {
    Box::new(move |time| {
        let spikes = [(0, 0.002), (1, time)];
        let mut document = one_neuron(params.clone(), &weights, &spikes, t_end);
        document["network"]["populations"][0]["model"] = json!(model);
        document
    })
}

fn by_second_input(found: &Evaluation) -> f64 {
    found.gradient.input_times[1]
}

fn coincidences() -> Vec<Coincidence> {
    let lif = |t_ref: f64| json!({"t_ref": t_ref});
    let alone = |document: Value| run(&document).unwrap().spikes[0];
    let first = alone(second_input("lif", lif(0.001), [12.0, 20.0], 0.02)(0.01));
    let sample = Measure::Sample { time: 0.01 };
    let self_synapse = |delay: f64| {
        let mut document = one_neuron(json!({"t_ref": 0.001}), &[30.0], &[(0, 0.002)], 0.02);
        let own = json!({"from": "out", "to": "out", "weights": [[5.0]], "delay": delay});
        document["network"]["connections"].as_array_mut().unwrap().push(own);
        document
    };
    // The spike itself is the end of the run, and the input moves it.
    let ends = (0..100).find_map(|k| {
        let weight = 9.0 + 0.01 * f64::from(k);
        let spike = alone(one_neuron(json!({}), &[weight], &[(0, 0.002)], 0.02));
        (spike.time_remainder == 0.0).then_some((weight, spike.time))
    });
    let (weight, end) = ends.unwrap();
    vec![
        Coincidence {
            kind: TieKind::ArrivalAtSpike,
            problem: second_input("lif", lif(0.001), [12.0, 20.0], 0.02),
            at: first.time,
            loss: Box::new(SpikeTime { neuron: 0, ordinal: 0 }),
            derivative: by_second_input,
            is_above: true,
        },
        Coincidence {
            kind: TieKind::ArrivalAtRelease,
            problem: second_input("lif", lif(0.001), [12.0, 20.0], 0.02),
            at: first.at().after(0.001).rounded,
            loss: Box::new(SpikeTime { neuron: 0, ordinal: 1 }),
            derivative: by_second_input,
            is_above: true,
        },
        Coincidence {
            kind: TieKind::ArrivalAtRelease,
            problem: Box::new(self_synapse),
            at: 0.001,
            loss: Box::new(SpikeTime { neuron: 0, ordinal: 1 }),
            derivative: |found| found.gradient.parameters.connections[1].delay.get(0),
            is_above: true,
        },
        Coincidence {
            kind: TieKind::ArrivalAtReadout,
            problem: second_input("li", json!({}), [3.0, 2.0], 0.02),
            at: 0.01,
            loss: Box::new(Reads::one(0, sample)),
            derivative: by_second_input,
            is_above: true,
        },
        Coincidence {
            kind: TieKind::ArrivalAtReadout,
            problem: second_input("li", json!({}), [3.0, 2.0], 0.004),
            at: 0.004,
            loss: Box::new(Reads::one(0, Measure::Maximum)),
            derivative: by_second_input,
            is_above: true,
        },
        Coincidence {
            kind: TieKind::ReleaseAtReadout,
            problem: Box::new(move |t_ref| {
                one_neuron(json!({"t_ref": t_ref}), &[12.0], &[(0, 0.002)], 0.02)
            }),
            at: 0.004,
            loss: Box::new(Reads::one(
                0,
                Measure::Sample { time: first.at().after(0.004).rounded },
            )),
            derivative: |found| found.gradient.parameters.populations[0][lif::T_REF].get(0),
            is_above: false,
        },
        Coincidence {
            kind: TieKind::SpikeAtEnd,
            problem: Box::new(move |time| one_neuron(json!({}), &[weight], &[(0, time)], end)),
            at: 0.002,
            loss: Box::new(SpikeTimeMse::new("out", vec![vec![0.0]])),
            derivative: |found| found.gradient.input_times[0],
            is_above: false,
        },
        Coincidence {
            kind: TieKind::EqualMaxima,
            problem: Box::new(|bias| {
                let mut document = one_neuron(json!({"i_bias": bias}), &[], &[], 0.02);
                document["network"]["populations"][0]["model"] = json!("li");
                document
            }),
            at: 0.0,
            loss: Box::new(Reads::one(0, Measure::Maximum)),
            derivative: |found| found.gradient.parameters.populations[0][li::I_BIAS].get(0),
            is_above: false,
        },
    ]
}

/// One-sided difference quotients: from below, and from above.
fn quotients(case: &Coincidence, settings: &Settings) -> [f64; 2] {
    let step = 1e-6 * if case.kind == TieKind::EqualMaxima { 1.0 } else { 0.1 };
    let value =
        |x: f64| evaluate(&problem(&(case.problem)(x)), &*case.loss, settings).unwrap().loss;
    let at = value(case.at);
    [-step, step]
        .map(|h| (4.0 * value(case.at + h) - 3.0 * at - value(case.at + 2.0 * h)) / (2.0 * h))
}

#[test]
fn each_tie_is_named_and_the_derivative_is_that_of_the_documented_side() {
    /// Errors of second order of steps of a tenth of a microsecond, and roundings over them.
    const ONE_SIDED: f64 = 1e-6;
    for (k, case) in coincidences().iter().enumerate() {
        for settings in [AUTOMATIC, EVENT_LOOP] {
            let found =
                evaluate(&problem(&(case.problem)(case.at)), &*case.loss, &settings).unwrap();
            let kinds: Vec<_> = found.certificate.first_ties.iter().map(|tie| tie.kind).collect();
            assert_eq!(kinds, [case.kind], "case {k}");
            let [below, above] = quotients(case, &settings);
            let (taken, other) = if case.is_above { (above, below) } else { (below, above) };
            let (got, size) = ((case.derivative)(&found), taken.abs().max(other.abs()));
            assert!((taken - other).abs() > 0.01 * size, "case {k}: no kink, {below} {above}");
            assert!((got - taken).abs() <= ONE_SIDED * size, "case {k}: {got} of {below} {above}");
            // Next to it there is no tie.
            for x in [case.at * (1.0 - 1e-9) - 1e-12, case.at * (1.0 + 1e-9) + 1e-12] {
                let near = evaluate(&problem(&(case.problem)(x)), &*case.loss, &settings).unwrap();
                assert_eq!(near.certificate.ties, 0, "case {k}");
            }
        }
    }
}

#[test]
fn arrivals_that_cut_a_maximum_off_together_are_a_tie() {
    let problem = crate::support::cut_off_together();
    let loss = MaxVoltageCrossEntropy { population: "readout".into(), label: 1 };
    let found = ties(&problem, &loss);
    let [Tie { kind: TieKind::SharedCusp, time: 0.006, .. }] = found[..] else {
        panic!("{found:?}")
    };
    assert_eq!(
        (found[0].neuron.as_str(), found[0].source.as_deref()),
        ("readout[0]", Some("input[1]"))
    );
}

#[test]
fn a_spike_at_its_target_is_a_kink_of_the_van_rossum_distance() {
    let document = one_neuron(json!({}), &[9.0], &[(0, 0.002)], 0.02);
    let spikes = run(&document).unwrap().spikes;
    let train = |time: f64| VanRossum {
        population: "out".into(),
        targets: vec![vec![0.001, time]],
        tau: 0.01,
    };
    let found = ties(&problem(&document), &train(spikes[0].time));
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].kind, found[0].time), (TieKind::KinkOfLoss, spikes[0].time));
    assert_eq!(ties(&problem(&document), &train(spikes[0].time + 1e-9)), []);
    let mse = SpikeTimeMse::new("out", vec![vec![spikes[0].time]]);
    assert_eq!(ties(&problem(&document), &mse), []);
}

#[test]
fn a_certificate_says_how_many_ties_there_are_in_the_answer() {
    let problem = problem(&equals(2, -8.0));
    let loss = SpikeTimeMse::new("out", vec![vec![0.005], vec![0.005]]);
    let certificate = evaluate(&problem, &loss, &AUTOMATIC).unwrap().certificate;
    let answer = serde_json::to_value(&certificate).unwrap();
    assert_eq!(answer["ties"], json!(2));
    let first = &answer["first_ties"][0];
    assert_eq!(first["kind"], json!("arrival_at_spike"));
    assert_eq!((&first["neuron"], &first["source"]), (&json!("out[0]"), &json!("out[1]")));
    close(first["time"].as_f64().unwrap(), certificate.first_ties[0].time, 0.0);
    assert!(first.get("other_time").is_none());
    let none = SpikeTimeMse::new("out", vec![vec![], vec![]]);
    let certificate = evaluate(&problem, &none, &AUTOMATIC).unwrap().certificate;
    let answer = serde_json::to_value(&certificate).unwrap();
    assert!(answer["ties"] == json!(0) && answer.get("first_ties").is_none());
}

/// A problem in which much coincides: inputs, delays and refractory times on a grid, equal neurons, weights of few sizes.
fn on_a_grid(plan: &Plan) -> Problem {
    const GRID: f64 = 1.0 / 1024.0;
    let snap = |x: f64, unit: f64| (x / unit).round() * unit;
    let mut document = plan.document();
    for (_, time) in &mut document.stimulus.spikes {
        *time = snap(*time, 4.0 * GRID);
    }
    for population in &mut document.network.populations {
        // Of time constants that differ by a billionth there are ties that differ by as much.
        let [tau_mem, t_ref] = [lif::TAU_MEM, lif::T_REF].map(|k| &lif::TABLE.quantities[k]);
        if let Some(OneOrMany::One(tau_mem)) = population.get_mut(tau_mem) {
            *tau_mem = snap(*tau_mem, 1e-4);
        }
        if let Some(t_ref) = population.get_mut(t_ref) {
            *t_ref = OneOrMany::One(2.0 * GRID);
        }
    }
    for connection in &mut document.network.connections {
        connection.delay = connection.delay.take().map(|_| OneOrMany::One(2.0 * GRID));
        if let Some(weights) = &mut connection.weights {
            weights.for_each_mut(|weight| *weight = snap(*weight, 6.0));
        }
        for synapse in connection.synapses.iter_mut().flatten() {
            synapse.delay = synapse.delay.map(|_| 2.0 * GRID);
        }
    }
    Problem::from_document(document).unwrap()
}

/// Reads spikes in every second problem, and potentials of every second neuron, samples on the grid of the inputs.
fn some(plan: &Plan, problem: &Problem) -> Reads {
    let mut random = plan.random();
    let mut of_readouts = Vec::new();
    for neuron in (0..problem.network.neurons()).map(NeuronId::new) {
        if random.below(2) == 0 {
            let time = (4.0 / 1024.0) * f64::from(u32::try_from(random.below(15)).unwrap());
            for measure in [Measure::Mean, Measure::Maximum, Measure::Sample { time }] {
                of_readouts.push((ReadoutRequest { neuron, measure }, random.unit() - 0.5));
            }
        }
    }
    Reads { of_spikes: if random.below(2) == 0 { 0.0 } else { 0.1 }, of_readouts }
}

/// A direction with entries of the size of the numbers, in which nothing moves that can only grow.
fn direction(problem: &Problem, random: &mut Random) -> Gradient {
    let draw = |x: f64, size: f64, random: &mut Random| {
        (2.0 * random.unit() - 1.0) * if x == 0.0 { size } else { x.abs() }
    };
    let mut parameters = problem.parameters.clone();
    for population in &mut parameters.populations {
        for (quantity, values) in population.values_mut() {
            let size = if quantity.kind == Kind::Duration { 0.0 } else { 1.0 };
            values.as_mut_slice().iter_mut().for_each(|x| *x = draw(*x, size, random));
        }
    }
    for connection in &mut parameters.connections {
        connection.weights.iter_mut().for_each(|x| *x = draw(*x, 1.0, random));
        connection.delay.as_mut_slice().iter_mut().for_each(|x| *x = draw(*x, 0.0, random));
    }
    let times = problem.stimulus.spikes().iter().map(|spike| draw(spike.time, 0.0, random));
    Gradient { input_times: times.collect(), parameters, currents: vec![] }
}

/// The problem, a step along a direction. Inputs are moved by their places in the order of time.
fn along(problem: &Problem, direction: &Gradient, step: f64) -> Problem {
    let mut entries = direction.parameters.to_vec().into_iter();
    let parameters = problem.parameters.map(|x| x + step * entries.next().unwrap());
    let spikes = problem.stimulus.spikes().iter().zip(&direction.input_times);
    let moved = spikes.map(|(s, by)| InputSpike { channel: s.channel, time: s.time + step * by });
    let stimulus = Stimulus::new(problem.stimulus.t_end(), moved.collect()).unwrap();
    Problem { parameters, stimulus, ..problem.clone() }
}

/// Whether a loss has another derivative towards one side of a random direction than towards the other.
fn is_bent(problem: &Problem, loss: &Reads, random: &mut Random) -> Result<bool, TestCaseError> {
    const STEP: f64 = 1e-11;
    /// A bend is the same over any short step. Potentials that have relaxed for long come as near to each other as one likes, and no tie:
    /// over a shorter step they part, and their bend is gone. Roundings, which long chains of spikes magnify, count less over a longer one.
    const OTHERS: [f64; 2] = [0.1 * STEP, 10.0 * STEP];
    /// A share of the terms. Values of size one are rounded, which over the step is 1e-5.
    const KINK: f64 = 1e-3;
    let direction = direction(problem, random);
    let at =
        |step: f64| evaluate(&along(problem, &direction, step), loss, &EVENT_LOOP).map_err(runaway);
    let middle = at(0.0)?;
    let quotient =
        |step: f64| -> Result<f64, TestCaseError> { Ok((at(step)?.loss - middle.loss) / step) };
    let (left, right) = (quotient(-STEP)?, quotient(STEP)?);
    let mut is_kink = true;
    for step in OTHERS {
        is_kink &= (quotient(step)? - quotient(-step)?).abs() > 0.5 * (right - left).abs();
    }
    let entries =
        middle.gradient.parameters.to_vec().into_iter().zip(direction.parameters.to_vec());
    let terms: f64 = entries.map(|(derivative, by)| (derivative * by).abs()).sum();
    Ok(is_kink && (right - left).abs() > KINK * (terms + left.abs() + right.abs() + 1.0))
}

#[test]
fn a_certificate_without_ties_means_one_derivative_in_every_direction() {
    const DIRECTIONS: usize = 3;
    let counts = RefCell::new([[0; 2]; 2]);
    let plans = any_plan().prop_map(|plan| Plan { heterogeneous: false, ..plan });
    // Its numbers are put on a grid of its own.
    for_all_of(&[Regime::Usual], plans, |plan, _| {
        let problem = on_a_grid(plan);
        let loss = some(plan, &problem);
        let found = evaluate(&problem, &loss, &EVENT_LOOP).map_err(runaway)?;
        let (mut random, has_ties) = (plan.random(), found.certificate.ties > 0);
        let mut has_kink = false;
        for _ in 0..DIRECTIONS {
            has_kink |= is_bent(&problem, &loss, &mut random)?;
        }
        prop_assert!(has_ties || !has_kink, "a kink without a tie");
        counts.borrow_mut()[usize::from(has_ties)][usize::from(has_kink)] += 1;
        Ok(found.trace.spikes.len())
    });
    let [[smooth, _], [without_kink, with_kink]] = counts.into_inner();
    println!(
        "{smooth} without ties; of those with ties {with_kink} have a kink, {without_kink} do not"
    );
    assert!(smooth > 100 && with_kink > 100 && 2 * without_kink < with_kink);
}
