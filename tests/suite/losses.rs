//! Losses as a user of the library meets them: what they read late in a run, what they ask of it, and whether they fit.
//!
//! Not here: what each of them computes (the crate of the losses), gradients of them on random networks (`gradient_check.rs`).

use crate::support::{one_neuron, problem};
use crate::tolerance::{DIFFERENCE, REORDERED};
use serde_json::json;
use spikegrad::dynamics::Quantity;
use spikegrad::problem::Problem;
use spikegrad::{
    AnyLoss, Derivatives, Dual64, Engine, Evaluate, Evaluator, Gradient, Grazing, Loss, LossError,
    MaxVoltageCrossEntropy, MeanVoltageCrossEntropy, Measure, Network, NeuronId, Observation,
    RateRegulariser, ReadoutRequest, RelativeSpikeTime, Sample, Scalar, Settings,
    ShapedVoltageCrossEntropy, SpikeTimeMse, Sum, Trace, TtfsCrossEntropy, VanRossum,
    VoltageMeasure, VoltageMse, VoltageRegulariser, backward, value_and_grad, value_and_grad_batch,
    value_and_hvp, value_and_jvp, value_batch,
};
use spikegrad_compare::{
    Exact, FiniteDifferences, ForwardPropagation, Question, Saltation, check_gradient,
};

/// Answers at two places of the time axis, relative to the largest entry of their kind: some hundred roundings, each of a length
/// between two events. A time of 1000 s that is rounded is off by 1e-13 s, and a loss of a scale of 1 ms that reads it by 1e-10.
const LATE: f64 = 1e-13;

/// A shift that changes no bit of a time that is a multiple of 2⁻⁴⁰ s.
const SHIFT: f64 = 1024.0;

#[test]
fn a_softmax_of_spike_times_at_a_thousand_seconds_keeps_its_digits() {
    let mut document = one_neuron(json!({}), &[0.0], &[(0, 1000.1)], 1000.2);
    document["network"]["populations"][0]["size"] = json!(2);
    document["network"]["populations"][0]["params"] = json!({"tau_mem": 0.02});
    document["network"]["connections"][0]["weights"] = json!([[9], [9.05]]);
    document["loss"] =
        json!({"type": "ttfs_cross_entropy", "population": "out", "label": 0, "tau0": 0.00025});
    let problem = problem(&document);
    let answer = crate::support::differentiate(&problem);
    let gradient = &answer.gradient.parameters;
    let found = [
        answer.loss,
        gradient.connections[0].weights[0],
        gradient.populations[0][spikegrad::lif::TAU_MEM].get(0),
    ];
    // By the reference program, in 60 digits.
    let expected = [0.755_817_660_430_381, -1.303_539_521_953_65, 7.333_426_750_564_04];
    for (found, expected) in found.into_iter().zip(expected) {
        assert!((found / expected - 1.0).abs() < LATE, "{found:e} {expected:e}");
    }
}

/// Two layers, the second of which reads the first with delays, and one of whose neurons is silent; all starts `at` a time.
fn network(at: f64) -> Problem {
    let step = 2f64.powi(-40);
    // Times that are exact at either place.
    let time = |t: f64| at + (t / step).round() * step;
    problem(&json!({
        "format": "spikegrad-problem", "version": 1,
        "network": {
            "inputs": 2,
            "populations": [
                {"name": "hidden", "size": 3, "model": "lif", "params": {"tau_mem": 0.012}},
                {"name": "out", "size": 3, "model": "lif", "params": {"t_ref": 0.001}}
            ],
            "connections": [
                {"from": "input", "to": "hidden", "weights": [[9, 11], [14, 8], [10, 13]]},
                {"from": "hidden", "to": "out", "delay": 0.0015,
                 "weights": [[8, 9, 4], [9, 6, 7], [-1, -2, -1]]}
            ]
        },
        "stimulus": {"t_end": time(0.06), "spikes": [[0, time(0.001)], [1, time(0.0023)], [0, time(0.019)]]}
    }))
}

/// A loss, and the same on dual numbers.
type Named = (&'static str, Box<dyn Loss>, Box<dyn Loss<Dual64>>);

/// Every loss on spike times, with what it aims at counted from `at`.
fn losses(at: f64) -> Vec<Named> {
    let targets: Vec<Vec<f64>> =
        vec![vec![at + 0.0078125, at + 0.015625], vec![at + 0.00390625], vec![at + 0.03125]];
    let ttfs = TtfsCrossEntropy { tau1: 200.0, ..TtfsCrossEntropy::new("out", 1, 0.002) };
    let relative = RelativeSpikeTime { population: "out".into(), label: 0, margin: 0.004 };
    let squared = SpikeTimeMse::new("out", targets.clone());
    let distance = VanRossum { population: "out".into(), targets, tau: 0.003 };
    vec![
        ("softmax", Box::new(ttfs.clone()), Box::new(ttfs)),
        ("relative", Box::new(relative.clone()), Box::new(relative)),
        ("squared", Box::new(squared.clone()), Box::new(squared)),
        ("van Rossum", Box::new(distance.clone()), Box::new(distance)),
    ]
}

/// Values in groups of one unit, but for derivatives by what a neuron does before its first input, where time does show.
fn groups(gradient: &Gradient) -> Vec<Vec<f64>> {
    let mut all = vec![gradient.input_times.clone()];
    for population in &gradient.parameters.populations {
        let of = |(quantity, values): (&Quantity, &spikegrad::Values<f64>)| {
            let shows_time = ["params.v_leak", "params.i_bias", "initial.v", "initial.i"];
            let is_timeless = !shows_time.contains(&quantity.path);
            is_timeless.then(|| values.as_slice().to_vec())
        };
        all.extend(population.values().filter_map(of));
    }
    for connection in &gradient.parameters.connections {
        all.push(connection.weights.clone());
        all.push(connection.delay.as_slice().to_vec());
    }
    all
}

/// What differs, in words.
fn differing(what: &str, early: &[f64], late: &[f64]) -> Option<String> {
    let scale = early.iter().fold(0.0, |scale: f64, x| scale.max(x.abs()));
    let differs = |(a, b): &(&f64, &f64)| (*a - *b).abs() > LATE * scale;
    let (a, b) = early.iter().zip(late).find(differs)?;
    Some(format!("{what}: {a:e} early, {b:e} late"))
}

/// Value and gradient on one engine, in groups.
fn by_adjoint(problem: &Problem, loss: &dyn Loss, engine: Engine) -> Vec<Vec<f64>> {
    let Problem { network, parameters, stimulus, .. } = problem;
    let settings = Settings { engine, ..Settings::default() };
    let answer = value_and_grad(network, parameters, stimulus, loss, &settings).unwrap();
    assert!(answer.trace.spikes.len() > 8);
    [vec![vec![answer.loss]], groups(&answer.gradient)].concat()
}

/// Derivative along a direction, and the product of the Hessian with it, in groups.
fn by_duals(problem: &Problem, loss: &dyn Loss, dual: &dyn Loss<Dual64>) -> Vec<Vec<f64>> {
    let Problem { network, parameters, stimulus, .. } = problem;
    let mut direction = Gradient::zeros(parameters, stimulus);
    direction.parameters.connections[0].weights = vec![1.0, -0.5, 0.3, 0.7, -1.0, 0.2];
    let (sample, settings) = (Sample { stimulus, loss }, Settings::default());
    let forward = value_and_jvp(network, parameters, sample, &direction, &settings).unwrap();
    let second = value_and_hvp(network, parameters, stimulus, dual, &direction, &settings).unwrap();
    [vec![vec![forward.derivative]], groups(&second.product)].concat()
}

#[test]
fn no_loss_on_spike_times_loses_a_digit_a_thousand_seconds_later() {
    let (early, late) = (network(0.0), network(SHIFT));
    let mut differences = Vec::new();
    for ((name, a, a_dual), (_, b, b_dual)) in losses(0.0).into_iter().zip(losses(SHIFT)) {
        for engine in [Engine::Automatic, Engine::EventLoop] {
            let both = by_adjoint(&early, &*a, engine).into_iter();
            let both = both.zip(by_adjoint(&late, &*b, engine));
            differences.extend(both.filter_map(|(one, two)| differing(name, &one, &two)));
        }
        let both = by_duals(&early, &*a, &*a_dual).into_iter();
        let both = both.zip(by_duals(&late, &*b, &*b_dual));
        differences.extend(both.filter_map(|(one, two)| differing(name, &one, &two)));
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

#[test]
fn the_growth_of_a_late_label_keeps_its_digits() {
    // e^(t/τ₁) with t/τ₁ = 500: a rounding of the quotient would be 5e-14 of the value, and one of the time as much again.
    let trace = |time: f64, time_remainder: f64| {
        let mut trace = network(0.0);
        trace.stimulus = spikegrad::Stimulus::new(1001.0, vec![]).unwrap();
        let spike = spikegrad::Spike {
            time,
            time_remainder,
            neuron: NeuronId(3),
            round: 0,
            slope: 1.0,
            release_rate: 0.0,
            tangent: spikegrad::dynamics::TimeConstants::default(),
        };
        Trace { stimulus: trace.stimulus, spikes: vec![spike], ..Trace::default() }
    };
    let loss = TtfsCrossEntropy { tau1: 2.0, alpha: 1.0, ..TtfsCrossEntropy::new("out", 0, 1.0) };
    let network = network(0.0).network;
    let rest = 5e-14;
    let value = |trace: &Trace| loss.evaluate(&network, trace).unwrap();
    let ((exact, _), (off, cotangents)) = (value(&trace(1000.0, 0.0)), value(&trace(1000.0, rest)));
    // The softmax of the others is nothing beside 1e217.
    let moved = off / exact - 1.0;
    assert!((moved - rest / 2.0).abs() < 2.0 * f64::EPSILON, "{moved:e}");
    assert!((cotangents.spikes[0] / (off / 2.0) - 1.0).abs() < 4.0 * f64::EPSILON);
}

/// ½ Σ V² of samples and the maximum of neuron 0, which asks for them in the one way that there is.
#[derive(Debug)]
struct Potentials;

impl<T: Scalar> Loss<T> for Potentials {
    fn request(&self, _: &Network, requests: &mut Vec<ReadoutRequest>) {
        let of = |measure| ReadoutRequest { neuron: NeuronId(0), measure };
        requests.push(of(Measure::Sample { time: 0.01 }));
        requests.push(of(Measure::Maximum));
    }

    fn evaluate_into(&self, run: &Observation<'_, T>, into: &mut Derivatives<'_, T>) -> T {
        let mut value = T::from(0.0);
        for (cotangent, readout) in into.readouts.iter_mut().zip(run.readouts) {
            value += T::from(0.5) * readout.value * readout.value;
            *cotangent = readout.value;
        }
        value
    }
}

/// One integrator, with a weight of its own.
fn integrator() -> Problem {
    problem(&json!({
        "format": "spikegrad-problem", "version": 1,
        "network": {
            "inputs": 1,
            "populations": [{"name": "out", "size": 1, "model": "li"}],
            "connections": [{"from": "input", "to": "out", "weights": [[3]], "delay": 0.001}]
        },
        "stimulus": {"t_end": 0.05, "spikes": [[0, 0.002]]}
    }))
}

#[test]
fn whoever_asks_a_loss_hears_the_same() {
    let Problem { network, parameters, stimulus, .. } = &integrator();
    let (loss, settings): (&dyn Loss, _) = (&Potentials, Settings::default());
    let sample = Sample { stimulus, loss };
    let exact = value_and_grad(network, parameters, stimulus, loss, &settings).unwrap();
    assert!(exact.loss > 0.01, "{}", exact.loss);

    let mut direction = Gradient::zeros(parameters, stimulus);
    direction.parameters.connections[0].weights[0] = 1.0;
    let along = value_and_jvp(network, parameters, sample, &direction, &settings).unwrap();
    let dual: &dyn Loss<Dual64> = &Potentials;
    let curved = value_and_hvp(network, parameters, stimulus, dual, &direction, &settings).unwrap();
    let batch = value_and_grad_batch(network, parameters, &[sample], &settings, |_, _| ()).unwrap();
    let alone = value_batch(network, parameters, &[sample], &settings, |_, _| ()).unwrap();
    let evaluator = Evaluator::new(network, parameters, settings).unwrap().value(stimulus, loss);
    let question = Question { network, parameters, stimulus, loss, settings };
    let engines: [&dyn spikegrad_compare::Engine; 4] =
        [&Exact, &ForwardPropagation, &Saltation, &FiniteDifferences::default()];
    let answers = engines.map(|engine| engine.answer(&question).unwrap());
    let values = [along.loss, curved.loss, batch.losses[0], alone[0].0, evaluator.unwrap()];
    for value in values.into_iter().chain(answers.iter().map(|answer| answer.loss)) {
        assert!((value / exact.loss - 1.0).abs() < LATE, "{value} {}", exact.loss);
    }
    let of_weight = |gradient: &Gradient| gradient.parameters.connections[0].weights[0];
    let expected = of_weight(&exact.gradient);
    let mut derivatives = vec![
        along.derivative,
        of_weight(&curved.gradient),
        batch.gradient.connections[0].weights[0],
    ];
    derivatives.extend(
        answers.iter().filter_map(|answer| answer.gradient.parameters.connections[0].weights[0]),
    );
    assert_eq!(derivatives.len(), 7);
    for derivative in derivatives {
        assert!((derivative / expected - 1.0).abs() < DIFFERENCE, "{derivative} {expected}");
    }
}

#[test]
fn the_three_verbs_one_by_one_give_the_gradient_of_the_one_call() {
    for (name, problem) in crate::support::problems() {
        let Problem { network, parameters, stimulus, document } = &problem;
        let loss = document.loss.as_ref().unwrap();
        let expected = crate::support::differentiate(&problem);
        let (readouts, settings) = (loss.readouts(network).unwrap(), Settings::default());
        let mut evaluator = Evaluator::new(network, parameters, settings).unwrap();
        let of_evaluator = evaluator.simulate(stimulus, &readouts).unwrap().clone();
        let alone =
            spikegrad::simulate(network, parameters, stimulus, &readouts, &settings).unwrap();
        for trace in [alone, of_evaluator] {
            let (value, cotangents) = loss.evaluate(network, &trace).unwrap();
            assert_eq!(value.to_bits(), expected.loss.to_bits(), "{name}");
            let gradient =
                backward(network, parameters, &trace, &cotangents, Grazing::Fail).unwrap();
            let all = |g: &Gradient| [g.parameters.to_vec(), g.input_times.clone()].concat();
            let (found, expected) = (all(&gradient), all(&expected.gradient));
            let scale = expected.iter().fold(0.0, |scale: f64, x| scale.max(x.abs()));
            for (found, expected) in found.iter().zip(&expected) {
                assert!(
                    (found - expected).abs() <= REORDERED * scale,
                    "{name}: {found} {expected}"
                );
            }
        }
    }
}

/// Every loss of the library, with a population, a label, or a list that the network does not have; and where that stands.
fn misfits() -> Vec<(Box<dyn Loss>, &'static str)> {
    let targets = |count| vec![vec![0.01]; count];
    let ttfs = |population: &str, label, tau0, tau1| -> Box<dyn Loss> {
        Box::new(TtfsCrossEntropy {
            tau1,
            alpha: 0.1,
            ..TtfsCrossEntropy::new(population, label, tau0)
        })
    };
    let shaped = |population: &str, label, tau, scale| -> Box<dyn Loss> {
        Box::new(ShapedVoltageCrossEntropy { population: population.into(), label, tau, scale })
    };
    let relative = |population: &str, label| -> Box<dyn Loss> {
        Box::new(RelativeSpikeTime { population: population.into(), label, margin: 0.001 })
    };
    let voltage = |population: &str, neuron| -> Box<dyn Loss> {
        Box::new(VoltageMse {
            population: population.into(),
            samples: vec![(0, 0.01, 1.0), (neuron, 0.01, 1.0)],
        })
    };
    let squared = |population: &str, count| -> Box<dyn Loss> {
        Box::new(SpikeTimeMse::new(population, targets(count)))
    };
    let distance = |population: &str, count, tau| -> Box<dyn Loss> {
        Box::new(VanRossum { population: population.into(), targets: targets(count), tau })
    };
    vec![
        (ttfs("2", 0, 0.001, 1.0), "loss.population is \"2\""),
        (ttfs("out", 3, 0.001, 1.0), "loss.label is 3, but there are only 3 neurons"),
        (ttfs("out", usize::MAX, 0.001, 1.0), "loss.label is 18446744073709551615"),
        (ttfs("out", 0, 0.0, 1.0), "loss.tau0 is 0.0; it must be a positive time in seconds"),
        (
            ttfs("out", 0, 0.001, f64::NAN),
            "loss.tau1 is NaN; it must be a positive time in seconds",
        ),
        (
            relative("nobody", 0),
            "loss.population is \"nobody\"; it must be the name of a population that spikes: \"hidden\", \"out\"",
        ),
        (relative("out", 3), "loss.label is 3"),
        (squared("9", 3), "loss.population is \"9\""),
        (squared("out", 2), "loss.targets has 2 entries; it must have 3, one for each neuron"),
        (squared("out", 4), "loss.targets has 4 entries"),
        (distance("2", 3, 0.01), "loss.population is \"2\""),
        (distance("out", 0, 0.01), "loss.targets has 0 entries"),
        (distance("out", 3, -1.0), "loss.tau is -1.0; it must be a positive time in seconds"),
        (
            Box::new(MaxVoltageCrossEntropy { population: "5".into(), label: 0 }),
            "loss.population is \"5\"",
        ),
        (
            Box::new(MaxVoltageCrossEntropy { population: "out".into(), label: 4 }),
            "loss.label is 4",
        ),
        (
            Box::new(MeanVoltageCrossEntropy { population: "5".into(), label: 0 }),
            "loss.population is \"5\"",
        ),
        (
            Box::new(MeanVoltageCrossEntropy { population: "out".into(), label: 4 }),
            "loss.label is 4",
        ),
        (shaped("7", 0, 0.01, 1.0), "loss.population is \"7\""),
        (shaped("out", 3, 0.01, 1.0), "loss.label is 3"),
        (shaped("out", 0, 0.0, 1.0), "loss.tau is 0.0"),
        (shaped("out", 0, 0.01, 0.0), "loss.scale is 0.0"),
        (voltage("2", 0), "loss.population is \"2\""),
        (voltage("out", 3), "loss.samples[1][0] is 3, but there are only 3 neurons"),
    ]
}

#[test]
fn a_loss_that_does_not_fit_its_network_is_an_error_in_every_call() {
    let Problem { network, parameters, stimulus, .. } = &network(0.0);
    let settings = Settings::default();
    let direction = Gradient::zeros(parameters, stimulus);
    let trace = value_and_grad(network, parameters, stimulus, &Nothing, &settings).unwrap().trace;
    for (loss, text) in misfits() {
        let (loss, sample) = (&*loss, Sample { stimulus, loss: &*loss });
        let mut evaluator = Evaluator::new(network, parameters, settings).unwrap();
        let errors = [
            loss.readouts(network).unwrap_err().to_string(),
            loss.evaluate(network, &trace).unwrap_err().to_string(),
            evaluator.value(stimulus, loss).unwrap_err().to_string(),
            value_and_grad(network, parameters, stimulus, loss, &settings).unwrap_err().to_string(),
            value_and_jvp(network, parameters, sample, &direction, &settings)
                .unwrap_err()
                .to_string(),
            value_batch(network, parameters, &[sample], &settings, |_, _| ())
                .unwrap_err()
                .source
                .to_string(),
            value_and_grad_batch(network, parameters, &[sample], &settings, |_, _| ())
                .unwrap_err()
                .source
                .to_string(),
        ];
        for error in errors {
            assert!(error.starts_with(text), "{loss:?}: {error}");
        }
    }
    let dual: [&dyn Loss<Dual64>; 1] =
        [&RelativeSpikeTime { population: "out".into(), label: 9, margin: 0.0 }];
    let hvp = value_and_hvp(network, parameters, stimulus, dual[0], &direction, &settings);
    assert!(hvp.unwrap_err().to_string().starts_with("loss.label is 9"));
}

/// Zero.
#[derive(Debug)]
struct Nothing;

impl Loss for Nothing {
    fn evaluate_into(&self, _: &Observation<'_>, _: &mut Derivatives<'_>) -> f64 {
        0.0
    }
}

#[test]
fn the_loss_of_another_problem_file_is_an_error_and_no_panic() {
    let other = problem(&json!({
        "format": "spikegrad-problem", "version": 1,
        "network": {
            "inputs": 0,
            "populations": [{"name": "a", "size": 1, "model": "lif"}, {"name": "hidden", "size": 40, "model": "lif"},
                            {"name": "elsewhere", "size": 40, "model": "lif"}],
            "connections": []
        },
        "stimulus": {"t_end": 0.06, "spikes": []},
        "loss": {"type": "relative_spike_time", "population": "elsewhere", "label": 30, "margin": 0.001}
    }));
    let document = other.document.loss.unwrap();
    let Problem { network, parameters, stimulus, .. } = &network(0.0);
    let evaluate = |document: &AnyLoss| {
        let answer = value_and_grad(network, parameters, stimulus, document, &Settings::default());
        answer.unwrap_err().to_string()
    };
    assert!(evaluate(&document).starts_with("loss.population is \"elsewhere\""));
    let AnyLoss::RelativeSpikeTime(RelativeSpikeTime { label, margin, .. }) = document else {
        panic!()
    };
    let population = "out".into();
    let error =
        evaluate(&AnyLoss::RelativeSpikeTime(RelativeSpikeTime { population, label, margin }));
    assert!(error.starts_with("loss.label is 30, but there are only 3 neurons"), "{error}");
}

#[test]
fn a_trace_without_the_read_outs_of_the_loss_is_not_evaluated() {
    let Problem { network, parameters, stimulus, .. } = &integrator();
    let loss: &dyn Loss = &Potentials;
    let run = |readouts: Vec<ReadoutRequest>| {
        let settings = Settings::default();
        spikegrad::simulate(network, parameters, stimulus, &readouts, &settings).unwrap()
    };
    let mut wanted = loss.readouts(network).unwrap();
    assert!(loss.evaluate(network, &run(wanted.clone())).is_ok());
    let refused = |wanted: &[ReadoutRequest]| {
        let found = loss.evaluate(network, &run(wanted.to_vec())).unwrap_err();
        assert_eq!(found, LossError::Readouts { expected: 2, found: wanted.len() });
    };
    refused(&[]);
    refused(&wanted[..1]);
    wanted.reverse();
    refused(&wanted);
    wanted[0].measure = Measure::Mean;
    refused(&wanted);
}

/// A loss of each kind on one network, alone.
fn parts() -> Vec<AnyLoss> {
    let (population, label) = (|| "out".to_owned(), 1);
    let (measure, lower) = (VoltageMeasure::Maximum, Some(1.5));
    vec![
        TtfsCrossEntropy {
            tau1: 0.01,
            alpha: 0.2,
            ..TtfsCrossEntropy::new(population(), label, 0.002)
        }
        .into(),
        MeanVoltageCrossEntropy { population: population(), label }.into(),
        ShapedVoltageCrossEntropy { population: "hidden".into(), label, tau: 0.02, scale: 0.1 }
            .into(),
        VoltageMse { population: population(), samples: vec![(2, 0.0123, 0.4)] }.into(),
        VoltageRegulariser { population: "hidden".into(), measure, lower, upper: None }.into(),
        RateRegulariser { population: population(), lower: None, upper: Some(20.0), tau: 0.007 }
            .into(),
    ]
}

#[test]
fn a_sum_is_the_sum_of_its_terms_each_with_its_own_read_outs() {
    let Problem { network, parameters, stimulus, .. } = &network(0.0);
    let settings = Settings::default();
    let weights = [1.0, -0.5, 2.0, 0.3, 0.7, 1e-4];
    let evaluate = |loss: &dyn Loss| {
        let answer = value_and_grad(network, parameters, stimulus, loss, &settings).unwrap();
        let gradient = [answer.gradient.parameters.to_vec(), answer.gradient.input_times].concat();
        (answer.loss, gradient)
    };
    let weighted = || weights.into_iter().zip(parts());
    let nested: AnyLoss = Sum::of(weighted().skip(3).map(|(w, part)| (0.5 * w, part))).into();
    let all = Sum::of(weighted().take(3).chain([(2.0, nested)]));
    let (value, gradient) = evaluate(&all);
    let mut expected = (0.0, vec![0.0; gradient.len()]);
    let mut sizes = expected.1.clone();
    for (weight, part) in weighted() {
        let (value, gradient) = evaluate(&part);
        assert!(value != 0.0 && gradient.iter().any(|x| *x != 0.0), "{part:?} says nothing");
        expected.0 += weight * value;
        for (k, x) in gradient.into_iter().enumerate() {
            expected.1[k] += weight * x;
            sizes[k] += (weight * x).abs();
        }
    }
    assert!((value - expected.0).abs() <= REORDERED * expected.0.abs());
    let largest = sizes.iter().fold(0.0, |a: f64, x| a.max(*x));
    for (found, expected) in gradient.iter().zip(&expected.1) {
        assert!((found - expected).abs() <= REORDERED * largest, "{found} {expected}");
    }
    // Boxed, they are the same.
    let boxes = weighted().map(|(weight, part)| (weight, Box::new(part) as Box<dyn Loss>));
    let (boxed, _) = evaluate(&Sum::of(boxes));
    assert!((boxed - value).abs() <= REORDERED * value.abs());
}

#[test]
fn a_rate_counts_the_spikes_near_the_end_in_part() {
    let Problem { network, parameters, stimulus, .. } = &network(0.0);
    let (t_end, tau) = (stimulus.t_end(), 0.007);
    let answer = |upper, tau| {
        let loss =
            RateRegulariser { population: "out".into(), lower: None, upper: Some(upper), tau };
        value_and_grad(network, parameters, stimulus, &loss, &Settings::default()).unwrap()
    };
    let of = answer(0.0, tau);
    let rate = |n: usize, tau: f64| {
        let neuron = network.neurons_of("out").unwrap().start + n;
        let own = of.trace.spikes.iter().filter(|spike| spike.neuron.index() == neuron);
        own.map(|s| if tau > 0.0 { 1.0 - (-(t_end - s.time) / tau).exp() } else { 1.0 })
            .sum::<f64>()
            / t_end
    };
    let expected: f64 = (0..3).map(|n| 0.5 * rate(n, tau).powi(2)).sum();
    assert!(expected > 0.0 && (of.loss / expected - 1.0).abs() < REORDERED, "{}", of.loss);
    // Every spike in full: a number that no parameter moves.
    let counted = answer(0.0, 0.0);
    let expected: f64 = (0..3).map(|n| 0.5 * rate(n, 0.0).powi(2)).sum();
    assert!((counted.loss / expected - 1.0).abs() < REORDERED);
    assert!(counted.gradient.parameters.to_vec().iter().all(|x| *x == 0.0));
    assert_eq!(answer(1e9, tau).loss.to_bits(), 0);
}

#[test]
fn regularisers_have_the_derivatives_of_their_differences() {
    let Problem { network, parameters, stimulus, .. } = &network(0.0);
    let own = parts().into_iter().skip(4);
    for loss in own {
        let settings = Settings::default();
        let question = Question { network, parameters, stimulus, loss: &loss, settings };
        let check = check_gradient(&question, DIFFERENCE).unwrap();
        assert!(check.agreement.compared() > 10, "{loss:?}: {check}");
    }
}

#[test]
fn a_sum_in_a_problem_file_is_refused_at_the_place_of_its_fault() {
    let with = |loss: serde_json::Value| {
        let mut document = one_neuron(json!({}), &[9.0], &[(0, 0.001)], 0.03);
        document["loss"] = loss;
        Problem::from_json(document.to_string().as_bytes()).map(drop)
    };
    let rate = |more: serde_json::Value| {
        let mut loss = json!({"type": "rate_regulariser", "population": "out", "tau": 0.01});
        loss.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        loss
    };
    let sum = |loss| json!({"type": "sum", "terms": [{"weight": 1, "loss": rate(json!({"upper": 5}))}, {"weight": 2, "loss": loss}]});
    with(sum(rate(json!({"lower": 1})))).unwrap();
    let refused = [
        (sum(rate(json!({}))), "loss.terms[1].loss must have a lower or an upper bound"),
        (
            sum(rate(json!({"lower": 2, "upper": 1}))),
            "loss.terms[1].loss.upper is 1.0; it must be not below the lower bound",
        ),
        (sum(rate(json!({"lower": 2, "tau": -1}))), "loss.terms[1].loss.tau is -1.0"),
        (
            sum(rate(json!({"lower": 2, "population": "nobody"}))),
            "loss.terms[1].loss.population is \"nobody\"",
        ),
        (sum(rate(json!({"lower": "x"}))), "loss.terms[1].loss.lower"),
        (sum(rate(json!({"lower": 1, "label": 0}))), "loss.terms[1].loss: unknown field `label`"),
        (
            sum(json!({"type": "voltage_mse", "population": "out", "samples": [[0, 1, 0]]})),
            "loss.terms[1].loss.samples[0][1] is 1.0; it must be a time from 0 to t_end",
        ),
        (json!({"type": "sum"}), "loss: missing field `terms`"),
    ];
    for (loss, text) in refused {
        let error = with(loss).unwrap_err().to_string();
        assert!(error.starts_with(text), "{error}");
    }
}
