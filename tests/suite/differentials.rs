//! The adjoint against the simulation on dual numbers, and on dual numbers itself.
//!
//! Not here: whole gradients by other engines (`agreement.rs`).

use crate::support::{cut_off_together, differentiate, options_of, problems};
use crate::tolerance::{DUAL, HESSIAN};
use spikegrad::problem::Problem;
use spikegrad::simulation::simulate;
use spikegrad::{
    Cotangents, Dual64, Gradient, Grazing, InputSpike, Loss, Options, Parameters,
    RelativeSpikeTime, ShapedVoltageCrossEntropy, Stimulus, VanRossum, backward, loss_of,
};

/// Every number of a gradient, parameters first, input times in the order of time.
fn flat(gradient: &Gradient, stimulus: &Stimulus) -> Vec<f64> {
    let mut all = gradient.parameters.to_vec();
    all.extend(stimulus.given_positions().iter().map(|&k| gradient.input_times[k]));
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
    let problem = cut_off_together();
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
