//! The adjoint against two other ways to a derivative: differences of the simulation, and the simulation on dual numbers.

use crate::support::{corpus, differentiate, here, options_of};
use crate::tolerance::{DIFFERENCE, DUAL, HESSIAN};
use spikegrad::problem::Problem;
use spikegrad::simulation::simulate;
use spikegrad::{
    Cotangents, Dual64, Gradient, Grazing, InputSpike, Loss, Options, Parameters,
    RelativeSpikeTime, ShapedVoltageCrossEntropy, Stimulus, VanRossum, backward, loss_of,
};
use spikegrad_compare::{Difference, finite_differences};

/// The case corpus, and a problem for each loss that it does not have.
fn problems() -> Vec<(String, Problem)> {
    let others = ["relative_spike_time", "van_rossum", "shaped_voltage_cross_entropy"];
    let read = |name: &str| {
        let text = std::fs::read(here(&format!("data/{name}.json"))).unwrap();
        (name.to_owned(), Problem::from_json(&text).unwrap())
    };
    corpus().into_iter().chain(others.map(read)).collect()
}

/// Every number of a gradient, parameters first, input times in the order of time.
fn flat(gradient: &Gradient, stimulus: &Stimulus) -> Vec<f64> {
    let mut all = gradient.parameters.to_vec();
    // The stimulus sorts; its own spikes tell how.
    let mut order: Vec<usize> = (0..gradient.input_times.len()).collect();
    let positions = stimulus.in_given_order(
        &(0..order.len()).map(|k| f64::from(u32::try_from(k).unwrap())).collect::<Vec<_>>(),
    );
    order.sort_by(|&a, &b| positions[a].total_cmp(&positions[b]));
    all.extend(order.into_iter().map(|k| gradient.input_times[k]));
    all
}

#[test]
fn a_problem_states_the_numbers_of_its_loss() {
    let (population, label) = (1, 0);
    let targets = vec![vec![0.014, 0.03], vec![0.009, 0.022, 0.041]];
    let expected: [Box<dyn Loss>; 3] = [
        Box::new(RelativeSpikeTime { population, label: 1, margin: 0.004 }),
        Box::new(VanRossum { population, targets, tau: 0.008 }),
        Box::new(ShapedVoltageCrossEntropy { population, label, tau: 0.025, scale: 0.2 }),
    ];
    let found = problems().into_iter().rev().take(3).rev();
    for ((name, problem), expected) in found.zip(expected) {
        let loss = loss_of::<f64>(problem.document.loss.as_ref().unwrap(), &problem.network);
        assert_eq!(format!("{loss:?}"), format!("{expected:?}"), "{name}");
    }
}

#[test]
fn differences_agree_wherever_the_order_of_events_is_the_same() {
    let (mut compared, mut changed, mut out_of_range) = (0, 0, 0);
    for (name, problem) in problems() {
        let evaluation = differentiate(&problem);
        let exact = flat(&evaluation.gradient, &problem.stimulus);
        let loss = loss_of(problem.document.loss.as_ref().unwrap(), &problem.network);
        let options = options_of(&problem);
        let run = |parameters: &Parameters, stimulus: &Stimulus| {
            let trace = simulate(&problem.network, parameters, stimulus, &options).ok()?;
            Some((loss.evaluate(&problem.network, &trace).0, trace))
        };
        // A millisecond for times, one for potentials: a number of zero still gets a step.
        let numbers = problem.parameters.to_vec();
        let scale =
            |k: usize| if numbers.get(k).is_none_or(|x| x.abs() < 0.1) { 1e-3 } else { 1.0 };
        let differences = finite_differences(
            &problem.network,
            &problem.parameters,
            &problem.stimulus,
            scale,
            run,
        )
        .unwrap();
        let all = differences.parameters.iter().chain(&differences.input_times);
        let size = exact.iter().fold(0.0f64, |a, b| a.max(b.abs()));
        let before = compared;
        for (k, (difference, exact)) in all.zip(&exact).enumerate() {
            match difference {
                Difference::Quotient(quotient) => {
                    compared += 1;
                    let error = (quotient - exact).abs() / exact.abs().max(1e-2 * size);
                    assert!(
                        error < DIFFERENCE,
                        "{name}, number {k}: {quotient} is not {exact} ({error:e})"
                    );
                }
                Difference::SignatureChanged => changed += 1,
                // A delay, a refractory time or a bound of zero has no lower neighbour.
                Difference::OutOfRange => out_of_range += 1,
            }
        }
        assert!(2 * (compared - before) > exact.len(), "{name}: {} compared", compared - before);
    }
    println!(
        "{compared} quotients compared; {changed} with another order of events, {out_of_range} out of range"
    );
    assert!(compared > 20 * changed && compared > 500);
}

/// A direction with entries of the size of the numbers, from a small generator of its own.
fn direction(seed: u64) -> impl FnMut(f64) -> Dual64 {
    let mut state = seed;
    move |x: f64| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let unit = f64::from(u32::try_from(state >> 32).unwrap()) / f64::from(u32::MAX) - 0.5;
        Dual64::new(x, unit * x)
    }
}

#[test]
fn the_network_on_dual_numbers_gives_the_derivative_along_any_direction() {
    for (name, problem) in problems() {
        let evaluation = differentiate(&problem);
        let loss: Box<dyn Loss<Dual64>> =
            loss_of(problem.document.loss.as_ref().unwrap(), &problem.network);
        for seed in 1..=5 {
            let mut lift = direction(seed);
            let parameters = problem.parameters.map(&mut lift);
            let spikes = problem.stimulus.spikes().iter();
            let spikes =
                spikes.map(|s| InputSpike { channel: s.channel, time: lift(s.time) }).collect();
            let stimulus = Stimulus::new(problem.stimulus.t_end(), spikes).unwrap();
            let trace =
                simulate(&problem.network, &parameters, &stimulus, &options_of(&problem)).unwrap();
            let (value, _) = loss.evaluate(&problem.network, &trace);
            let tangent: Vec<f64> = parameters
                .to_vec()
                .into_iter()
                .chain(stimulus.spikes().iter().map(|s| s.time))
                .map(|x| x.eps)
                .collect();
            let terms: Vec<f64> = flat(&evaluation.gradient, &problem.stimulus)
                .iter()
                .zip(&tangent)
                .map(|(g, t)| g * t)
                .collect();
            let (sum, size) =
                (terms.iter().sum::<f64>(), terms.iter().map(|x| x.abs()).sum::<f64>());
            assert!((value.re / evaluation.loss - 1.0).abs() < DUAL, "{name}: value");
            assert!(
                (value.eps - sum).abs() < DUAL * size,
                "{name}: {} is not {sum}, terms {size}",
                value.eps
            );
        }
    }
}

/// Cotangents of a loss, evaluated on dual numbers, are what the backward sweep on dual numbers needs.
fn dual_gradient(
    problem: &Problem,
    parameters: &Parameters<Dual64>,
    options: &Options,
) -> Vec<Dual64> {
    let spikes = problem.stimulus.spikes().iter();
    let spikes = spikes.map(|s| InputSpike { channel: s.channel, time: s.time.into() }).collect();
    let stimulus = Stimulus::new(problem.stimulus.t_end(), spikes).unwrap();
    let trace = simulate(&problem.network, parameters, &stimulus, options).unwrap();
    let loss: Box<dyn Loss<Dual64>> =
        loss_of(problem.document.loss.as_ref().unwrap(), &problem.network);
    let (_, cotangents): (_, Cotangents<Dual64>) = loss.evaluate(&problem.network, &trace);
    backward(&problem.network, parameters, &trace, &cotangents, Grazing::Fail)
        .unwrap()
        .parameters
        .to_vec()
}

#[test]
fn the_adjoint_on_dual_numbers_is_a_symmetric_hessian() {
    for (name, problem) in problems() {
        let (mut along_a, mut along_b) = (direction(11), direction(12));
        let (a, b) = (problem.parameters.map(&mut along_a), problem.parameters.map(&mut along_b));
        let options = options_of(&problem);
        let (of_a, of_b) =
            (dual_gradient(&problem, &a, &options), dual_gradient(&problem, &b, &options));
        let gradient = differentiate(&problem).gradient.parameters.to_vec();
        let size = gradient.iter().fold(0.0f64, |a, b| a.max(b.abs()));
        for (x, y) in of_a.iter().zip(&gradient) {
            assert!((x.re - y).abs() <= DUAL * size, "{name}: {} {y}", x.re);
        }
        // bᵀ(H a) = aᵀ(H b).
        let dot = |h: &[Dual64], along: &[Dual64]| {
            let terms: Vec<f64> = h.iter().zip(along).map(|(x, y)| x.eps * y.eps).collect();
            (terms.iter().sum::<f64>(), terms.iter().map(|x| x.abs()).sum::<f64>())
        };
        let ((one, size), (other, _)) = (dot(&of_a, &b.to_vec()), dot(&of_b, &a.to_vec()));
        assert!((one - other).abs() < HESSIAN * size, "{name}: {one} {other} {size}");
    }
}

#[test]
fn coincident_arrivals_at_a_cusp_share_its_motion_on_any_number() {
    let document = serde_json::json!({
        "format": "spikegrad-problem", "version": 1,
        "network": {
            "inputs": 3,
            "populations": [{"name": "readout", "size": 2, "model": "li"}],
            "connections": [{"from": "input", "to": "readout", "weights": [[3, -5, -2], [1, 0.5, 0.25]]}]
        },
        "stimulus": {"t_end": 0.02, "spikes": [[0, 0.001], [1, 0.006], [2, 0.006]]},
        "loss": {"type": "max_voltage_cross_entropy", "population": "readout", "label": 1}
    });
    let problem = Problem::from_json(document.to_string().as_bytes()).unwrap();
    let gradient = differentiate(&problem).gradient;
    // The whole input shifted does not change the maxima of leaky integrators at rest: the derivatives cancel.
    let [early, five, two] = gradient.input_times[..] else { panic!("three input spikes") };
    assert!((early + five + two).abs() < DUAL * early.abs(), "{early} {five} {two}");
    let parameters = problem.parameters.map(Dual64::from);
    let on_duals = dual_gradient(&problem, &parameters, &options_of(&problem));
    let exact = gradient.parameters.to_vec();
    let size = exact.iter().fold(0.0f64, |a, b| a.max(b.abs()));
    for (x, y) in on_duals.iter().zip(exact) {
        assert!((x.re - y).abs() <= DUAL * size, "{} {y}", x.re);
    }
}
