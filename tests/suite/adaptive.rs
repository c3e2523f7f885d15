//! Neurons that adapt: what a case with a published answer does not show.

use crate::derivatives;
use crate::random_networks::{
    MAX_EVENTS, Plan, Regime, UNDERFLOWING, adapting_plan, any_plan, for_all_of, for_many, runaway,
    undecided,
};
use crate::second_simulator::{Document, follow, potentials};
use crate::support::{
    between_engines, close, differ_in_maxima, differentiate, gradient_of, here, of_fast_synapses,
    of_rates, of_slopes, problem, problems_in, run, time_gradient, times, with_potentials,
};
use crate::tolerance::DUAL;
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;
use serde_json::{Value, json};
use spikegrad::problem::{Problem, ProblemDocument};
use spikegrad::{
    AdjointError, Engine, Error, Sample, Settings, SimulateError, value_and_grad, value_and_jvp,
};
use spikegrad_compare::{Agreement, Exact, FiniteDifferences, Question, TOLERANCE};
use std::cell::Cell;

#[test]
fn the_adjoint_agrees_with_differences_dual_numbers_and_a_symmetric_hessian() {
    for (name, problem) in problems_in(&here("cases/alif")) {
        let grazes = name == "alif_grazing";
        // Where the time of a spike goes like a root no difference quotient is right to this share.
        derivatives::check_differences(&name, &problem, if grazes { 0 } else { 15 });
        derivatives::check_duals(&name, &problem);
    }
}

/// The same problem with neurons that could adapt, and do not.
fn adapting(document: &ProblemDocument) -> Problem {
    let mut document = document.clone();
    for population in document.network.populations.iter_mut().filter(|of| of.model == "lif") {
        population.model = "alif".into();
    }
    Problem::from_document(document).unwrap()
}

const SETTINGS: Settings =
    Settings { engine: Engine::EventLoop, max_events: MAX_EVENTS, ..Settings::DEFAULT };

/// Regimes in which no input comes within doubles of a spike: before or after it, the spike has another slope. Of the other regime spikes are compared with
/// exact ones.
const APART: [Regime; 3] = [Regime::Usual, Regime::NearThreshold, Regime::LongGaps];

#[test]
fn without_adaptation_it_is_the_leaky_neuron() {
    for_all_of(&APART, any_plan(), |plan, problem| {
        let other = adapting(&plan.document());
        let loss = &with_potentials(problem);
        let grad = |of: &Problem| {
            let Problem { network, parameters, stimulus, .. } = of;
            value_and_grad(network, parameters, stimulus, loss, &SETTINGS)
        };
        let one = match grad(problem) {
            // What grazes one grazes the other, or is a rounding away from it.
            Err(Error::Adjoint(AdjointError::Grazing { .. })) => {
                return Ok(0);
            }
            answer => answer.map_err(runaway)?,
        };
        let two = grad(&other).map_err(runaway)?;
        if differ_in_maxima(&one.trace, &two.trace) {
            return Ok(0);
        }
        let order = |trace: &spikegrad::Trace| -> Vec<u32> {
            trace.spikes.iter().map(|spike| spike.neuron.0).collect()
        };
        let bound = match between_engines(problem, &one.trace, &two.trace) {
            Ok(bound) if order(&one.trace) == order(&two.trace) => bound,
            // Where doubles do not decide the order of two events, each may do as it does.
            _ => return Err(undecided(plan, [&one.trace, &two.trace])),
        };
        // By the path of each number: the two tables have another order.
        let [a, b] =
            [(problem, &one), (&other, &two)].map(|(of, e)| crate::support::document(of, e));
        let mut pairs = Vec::new();
        leaves(&a["gradient"], &b["gradient"], &mut pairs);
        let largest = pairs.iter().fold(0.0, |largest: f64, (a, _)| largest.max(a.abs()));
        if largest < UNDERFLOWING {
            return Ok(0);
        }
        for (a, b) in pairs {
            prop_assert!((a - b).abs() <= bound * largest, "{} {} of {}: {}", a, b, largest, bound);
        }
        Ok(one.trace.spikes.len())
    });
}

/// The numbers that stand in the same places of two documents.
fn leaves(a: &Value, b: &Value, into: &mut Vec<(f64, f64)>) {
    match (a, b) {
        (Value::Object(a), Value::Object(b)) => {
            assert_eq!(a.len(), b.len());
            a.iter().for_each(|(key, a)| leaves(a, &b[key], into));
        }
        (Value::Array(a), Value::Array(b)) => {
            assert_eq!(a.len(), b.len());
            a.iter().zip(b).for_each(|(a, b)| leaves(a, b, into));
        }
        _ => into.extend(a.as_f64().zip(b.as_f64())),
    }
}

/// That on random networks of these plans the adjoint agrees with dual numbers, and on some of them with differences.
pub(crate) fn agrees(plans: impl Strategy<Value = Plan>) {
    let (spikes, quotients) = (Cell::new(0), Cell::new(0));
    // Over gaps of a million time constants the sums that dual numbers carry cancel by as much (the adjoint is right there).
    let regimes = [Regime::Usual, Regime::Coincident, Regime::NearThreshold];
    for_all_of(&regimes, plans, |plan, problem| {
        let Problem { network, parameters, stimulus, document } = problem;
        let loss = document.loss.as_ref().unwrap();
        let settings = Settings { max_events: MAX_EVENTS, ..Settings::default() };
        let exact = match value_and_grad(network, parameters, stimulus, loss, &settings) {
            // A current that a spike adds to runs away more often than others.
            Err(Error::Simulate(
                SimulateError::EventBudget { .. } | SimulateError::Zeno { .. },
            )) => {
                return Ok(0);
            }
            answer => answer.map_err(runaway)?,
        };
        if exact.certificate.ties > 0 {
            return Ok(exact.trace.spikes.len());
        }
        let direction = derivatives::direction(problem, 3);
        let sample = Sample { stimulus, loss };
        let forward =
            value_and_jvp(network, parameters, sample, &direction, &settings).map_err(runaway)?;
        let (sum, size) = derivatives::product(&exact.gradient, &direction);
        if size < UNDERFLOWING {
            return Ok(0);
        }
        let error = (forward.derivative - sum).abs() / size;
        let of_arrivals = of_rates(problem).max(of_fast_synapses(problem));
        let bound = DUAL.max(of_slopes(problem, &exact.trace)).max(of_arrivals);
        prop_assert!(error <= bound, "{} {}: {:e} of {:e}", forward.derivative, sum, error, bound);
        // Differences take a dozen runs for each number: on some of the networks.
        if plan.seed % 16 == 0 {
            let question = Question { network, parameters, stimulus, loss, settings };
            let answers: [&dyn spikegrad_compare::Engine; 2] =
                [&Exact, &FiniteDifferences::default()];
            let fail =
                |error: spikegrad_compare::CompareError| TestCaseError::fail(error.to_string());
            let [a, b] = answers.map(|engine| engine.answer(&question));
            let agreement = Agreement::between(&question, &a.map_err(fail)?, &b.map_err(fail)?);
            prop_assert!(agreement.error() <= TOLERANCE, "{}", agreement.worst.unwrap());
            quotients.set(quotients.get() + agreement.compared());
        }
        spikes.set(spikes.get() + exact.trace.spikes.len());
        Ok(exact.trace.spikes.len())
    });
    println!("{} spikes, {} quotients", spikes.get(), quotients.get());
    assert!(quotients.get() > 500);
}

#[test]
fn on_random_networks_the_adjoint_agrees_with_dual_numbers_and_differences() {
    agrees(adapting_plan());
}

/// Networks of each regime that are followed to 100 digits.
const FOLLOWED: [(Regime, u32); 4] = [
    (Regime::Usual, 100),
    (Regime::Coincident, 100),
    (Regime::NearThreshold, 150),
    (Regime::LongGaps, 50),
];

#[test]
fn without_adaptation_it_spikes_as_the_second_simulator_says() {
    for (regime, cases) in FOLLOWED {
        let spikes = Cell::new(0);
        for_many(regime, cases, any_plan(), |plan, _| {
            let other = adapting(&plan.document());
            let Problem { network, parameters, stimulus, .. } = &other;
            let settings = Settings { max_events: 3000, ..Settings::default() };
            let trace = spikegrad::simulate(network, parameters, stimulus, &[], &settings)
                .map_err(|error| runaway(error.into()))?;
            let document = serde_json::to_value(plan.document()).unwrap();
            follow(&document, &trace).map_err(TestCaseError::fail)?;
            potentials::check(&Document::read(&document), &trace, &mut plan.random())
                .map_err(TestCaseError::fail)?;
            spikes.set(spikes.get() + trace.spikes.len());
            Ok(trace.spikes.len())
        });
        println!("{regime:?}: {} spikes", spikes.get());
    }
}

/// A neuron that adapts, with an input channel for each weight.
fn one(params: Value, weights: &[f64], spikes: &[(usize, f64)], t_end: f64) -> Value {
    let mut document = crate::support::one_neuron(params, weights, spikes, t_end);
    document["network"]["populations"][0]["model"] = "alif".into();
    document
}

#[test]
fn a_spike_raises_the_threshold_at_once_and_it_falls_with_its_time_constant() {
    // No current, a bias of 3: from V₀ the potential meets 1 + β a e^(−t/τ_a) where τ_a = τ_m makes it linear in e^(−t/τ_m).
    let (tau, bias, beta) = (0.02, 3.0, 0.7);
    let params = json!({"tau_mem": tau, "tau_adapt": tau, "i_bias": bias, "adapt_threshold": beta});
    let found = times(&one(params, &[0.0], &[], 0.1));
    let (mut now, mut a) = (0.0, 0.0);
    for (k, &time) in found.iter().enumerate() {
        // b − b x = 1 + β a x.
        let x: f64 = (bias - 1.0) / (bias + beta * a);
        now -= tau * x.ln();
        a = a * x + 1.0;
        assert!((time - now).abs() < 8.0 * f64::EPSILON * now, "{k}: {time} {now}");
    }
    assert!(found.len() > 4, "{found:?}");
    // By then it has adapted: the intervals grow.
    let intervals: Vec<f64> = found.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(intervals.is_sorted(), "{intervals:?}");
}

#[test]
fn a_threshold_that_falls_onto_a_potential_is_a_crossing() {
    // V rests at 1.5 from the start; 1 + 2 e^(−t/τ_a) meets it at t = τ_a ln 4.
    let params = json!({"i_bias": 1.5, "tau_adapt": 0.03, "adapt_threshold": 1.0});
    let mut document = one(params, &[0.0], &[], 0.05);
    document["network"]["populations"][0]["initial"] = json!({"v": 1.5, "a": 2.0});
    let found = times(&document);
    close(found[0], 0.03 * 4f64.ln(), 4.0);
    // ∂t/∂a = β e^(−t/τ_a)/(β a e^(−t/τ_a)/τ_a) = τ_a/a.
    let answer = time_gradient(&document, 0, 0);
    let initial = &answer["gradient"]["network"]["populations"][0]["initial"];
    close(initial["a"].as_f64().unwrap(), 0.03 / 2.0, 16.0);
}

#[test]
fn near_grazing_time_and_derivative_are_those_of_the_closed_form() {
    // τ_m = 2 τ_s, as for a neuron that does not adapt: a quadratic in e^(−t/τ_m).
    for k in 1..=13 {
        let w = 4.0 * (1.0 + 10f64.powi(-k));
        let params = json!({"tau_mem": 0.02, "tau_syn": 0.01});
        let document = one(params, &[w], &[(0, 0.0)], 0.1);
        let s = ((w - 4.0) / w).sqrt();
        close(times(&document)[0], -0.02 * (-(1.0 - s) / 2.0).ln_1p(), 8.0);
        let answer = time_gradient(&document, 0, 0);
        let got =
            answer["gradient"]["network"]["connections"][0]["weights"][0][0].as_f64().unwrap();
        // x² − x + 1/w = 0 in x = e^(−t/τ_m) = (1 + s)/2: dt/dw = −τ_m (dx/dw)/x, dx/dw = 1/(w² s).
        close(got, -0.02 / (w * w * s) / ((1.0 + s) / 2.0), 64.0);
    }
    let params = json!({"tau_mem": 0.02, "tau_syn": 0.01});
    let mut touching = one(params, &[4.0], &[(0, 0.0)], 0.1);
    assert!(times(&touching).is_empty());
    touching["loss"] = json!({"type": "spike_time_mse", "population": "out", "targets": [[0.01]]});
    let loss = problem(&touching).document.loss.unwrap();
    let refused = gradient_of(&touching, &loss).unwrap_err();
    assert!(matches!(refused, Error::Adjoint(AdjointError::Grazing { .. })), "{refused}");
}

#[test]
fn an_arrival_within_doubles_of_a_spike_neither_loses_nor_doubles_it() {
    /// What a weight of 1e-14 moves: each of some ten spikes passes it on, and doubles it at most.
    const MOVED: f64 = 1e-11;
    for params in [
        json!({"i_bias": 3.0, "adapt_threshold": 0.4, "adapt_current": 0.3}),
        json!({"i_bias": 1.4, "adapt_threshold": 0.01, "tau_adapt": 0.005, "t_ref": 0.001}),
        json!({"i_bias": 1e6, "adapt_threshold": 1e5, "v_reset": 0.9}),
    ] {
        let t_end = if params["i_bias"] == 1e6 { 0.02 } else { 0.2 };
        let with = |weight: f64, time: f64| {
            times(&one(params.clone(), &[6.0, weight], &[(0, t_end / 200.0), (1, time)], t_end))
        };
        let alone = with(0.0, 0.0);
        assert!(alone.len() > 2, "{params}: {}", alone.len());
        for weight in [0.0, 1e-14, -1e-14] {
            for ulps in -40..=40_i64 {
                let time = f64::from_bits(alone[1].to_bits().checked_add_signed(ulps).unwrap());
                let found = with(weight, time);
                assert_eq!(found.len(), alone.len(), "{params}, {weight}, {ulps}: {found:?}");
                for (found, alone) in found.iter().zip(&alone) {
                    assert!((found - alone).abs() < MOVED * alone, "{params}, {weight}, {ulps}");
                }
            }
        }
    }
}

#[test]
fn an_inhibition_within_doubles_of_a_spike_puts_it_off_or_comes_after_it() {
    // A rest above the threshold: what is put off comes back.
    for params in [
        json!({"i_bias": 3.0}),
        json!({"i_bias": 3.0, "adapt_threshold": 0.5, "tau_adapt": 0.01}),
        json!({"i_bias": 3.0, "adapt_current": 0.5, "adapt_threshold": 0.01}),
        json!({"i_bias": 1.2, "adapt_current": -0.5, "tau_adapt": 0.004}),
    ] {
        let with = |time: f64| times(&one(params.clone(), &[-6.0], &[(0, time)], 0.2));
        let alone = times(&one(params.clone(), &[0.0], &[], 0.2));
        let at = alone[2];
        // A femtosecond and a hundred before, and after, it is clear what happens.
        let [before, after] = [with(at - 1e-13), with(at + 1e-13)];
        assert!(
            before[2] > at + 1e-4 && (after[2] - at).abs() < 1e-15 * at,
            "{before:?} {after:?}"
        );
        for ulps in -8..=8_i64 {
            let found = with(f64::from_bits(at.to_bits().checked_add_signed(ulps).unwrap()));
            let expected = if (found[2] - at).abs() < 1e-12 { &after } else { &before };
            assert_eq!(found.len(), expected.len(), "{params}, {ulps}");
            for (found, expected) in found.iter().zip(expected) {
                assert!((found - expected).abs() < 1e-11, "{params}, {ulps}: {found} {expected}");
            }
        }
    }
}

#[test]
fn what_a_neuron_that_adapts_cannot_be_is_refused_in_one_sentence() {
    let refused = |params: Value, initial: Value, parts: &[&str]| {
        let mut document = one(params, &[1.0], &[], 0.1);
        document["network"]["populations"][0]["initial"] = initial;
        let error = Problem::from_json(document.to_string().as_bytes()).unwrap_err().to_string();
        assert!(parts.iter().all(|part| error.contains(part)), "{error}");
    };
    let beta = |beta: f64| json!({"adapt_threshold": beta});
    refused(beta(0.5), json!({"v": 2.0, "a": 2.0}), &["initial.v", "adapt_threshold · a"]);
    refused(beta(0.0), json!({"v": 1.0}), &["initial.v is 1.0", "below the threshold"]);
    refused(beta(-0.1), json!({}), &["params.adapt_threshold is -0.1", "0 or more"]);
    refused(beta(0.1), json!({"a": -1e-300}), &["initial.a", "0 or more"]);
    refused(json!({"tau_adapt": 0.0}), json!({}), &["params.tau_adapt", "positive"]);
    refused(json!({"v_reset": 1.0}), json!({}), &["params.v_reset", "below the threshold"]);
    refused(json!({"tau": 1.0}), json!({}), &["tau", "alif", "tau_adapt", "adapt_current"]);
    // 0.1 · 3 is a little less than the double 0.30000000000000004.
    refused(beta(0.1), json!({"v": 1.3000000000000003, "a": 3.0}), &["initial.v"]);
    let mut document = one(beta(0.5), &[1.0], &[], 0.1);
    document["network"]["populations"][0]["initial"] = json!({"v": 1.9999999999999998, "a": 2.0});
    assert!(run(&document).is_ok());
}

#[test]
fn at_a_share_of_zero_the_derivative_is_that_of_the_formula() {
    let at = |beta: f64, a: f64| {
        let mut document = one(
            json!({"i_bias": 1.5, "adapt_threshold": beta, "adapt_current": 0.1}),
            &[3.0],
            &[(0, 0.002)],
            0.06,
        );
        document["network"]["populations"][0]["initial"] = json!({"a": a});
        document["loss"] =
            json!({"type": "spike_time_mse", "population": "out", "targets": [[0.03, 0.04]]});
        let problem = problem(&document);
        let evaluation = differentiate(&problem);
        let answer = crate::support::document(&problem, &evaluation);
        let of = &answer["gradient"]["network"]["populations"][0];
        let number = |x: &Value| x.as_f64().unwrap();
        (evaluation.loss, number(&of["params"]["adapt_threshold"]), number(&of["initial"]["a"]))
    };
    // One-sided differences of second order, the other side being refused: 1e-5 squared of the third derivative.
    let step = 1e-5;
    let derivative =
        |f: &dyn Fn(f64) -> f64| (-1.5 * f(0.0) + 2.0 * f(step) - 0.5 * f(2.0 * step)) / step;
    let (_, by_beta, by_a) = at(0.0, 0.0);
    let expected = [derivative(&|x| at(x, 0.0).0), derivative(&|x| at(0.0, x).0)];
    for (got, expected) in [by_beta, by_a].into_iter().zip(expected) {
        assert!((got / expected - 1.0).abs() < 1e-6 && got != 0.0, "{got} {expected}");
    }
}
