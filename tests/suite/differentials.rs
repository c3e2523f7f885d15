//! The adjoint against the simulation on dual numbers, and on dual numbers itself.
//!
//! Not here: whole gradients by other engines (`agreement.rs`).

use crate::support::{cut_off_together, differentiate, problems, random, readouts_of};
use crate::tolerance::{DUAL, HESSIAN};
use spikegrad::problem::Problem;
use spikegrad::simulation::{Options, simulate};
use spikegrad::{
    AnyLoss, Dual64, Evaluate, Gradient, InputSpike, RelativeSpikeTime, Settings,
    ShapedVoltageCrossEntropy, Stimulus, VanRossum, value_and_hvp,
};

/// Every number of a gradient, parameters first, input times in the order of time.
fn flat(gradient: &Gradient, stimulus: &Stimulus) -> Vec<f64> {
    let mut all = gradient.parameters.to_vec();
    all.extend(stimulus.given_positions().iter().map(|&k| gradient.input_times[k]));
    all
}

#[test]
fn a_problem_states_the_numbers_of_its_loss() {
    let (population, label) = (|| "out".to_owned(), 0);
    let targets = vec![vec![0.014, 0.03], vec![0.009, 0.022, 0.041]];
    let expected: [AnyLoss; 3] = [
        RelativeSpikeTime { population: population(), label: 1, margin: 0.004 }.into(),
        VanRossum { population: population(), targets, tau: 0.008 }.into(),
        ShapedVoltageCrossEntropy { population: population(), label, tau: 0.025, scale: 0.2 }
            .into(),
    ];
    let found = problems().into_iter().rev().take(3).rev();
    for ((name, problem), expected) in found.zip(expected) {
        let loss = problem.document.loss.as_ref().unwrap();
        assert_eq!(*loss, expected, "{name}");
    }
}

/// A direction with entries of the size of the numbers.
fn direction(seed: u64) -> impl FnMut(f64) -> Dual64 {
    let mut random = random(seed);
    move |x: f64| Dual64::new(x, (random.unit() - 0.5) * x)
}

#[test]
fn the_network_on_dual_numbers_gives_the_derivative_along_any_direction() {
    for (name, problem) in problems() {
        let evaluation = differentiate(&problem);
        let loss = problem.document.loss.as_ref().unwrap();
        for seed in 1..=5 {
            let mut lift = direction(seed);
            let parameters = problem.parameters.map(&mut lift);
            let spikes = problem.stimulus.spikes().iter();
            let spikes =
                spikes.map(|s| InputSpike { channel: s.channel, time: lift(s.time) }).collect();
            let stimulus = Stimulus::new(problem.stimulus.t_end(), spikes).unwrap();
            let options = Options {
                readouts: &readouts_of(&problem),
                max_events: spikegrad::DEFAULT_MAX_EVENTS,
            };
            let trace = simulate(&problem.network, &parameters, &stimulus, options).unwrap();
            let (value, _) = loss.evaluate(&problem.network, &trace).unwrap();
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

/// A direction with entries of the size of the numbers, in the shape of a gradient.
fn drawn(problem: &Problem, seed: u64) -> Gradient {
    let mut lift = direction(seed);
    let parameters = problem.parameters.map(|x| lift(x).eps);
    let mut input_times = vec![0.0; problem.stimulus.spikes().len()];
    for (spike, &k) in problem.stimulus.spikes().iter().zip(problem.stimulus.given_positions()) {
        input_times[k] = lift(spike.time).eps;
    }
    Gradient { parameters, input_times, currents: vec![] }
}

/// Gradient and product of the Hessian with a direction, each flat.
fn second(problem: &Problem, along: &Gradient) -> (Vec<f64>, Vec<f64>) {
    let Problem { network, parameters, stimulus, .. } = problem;
    let loss = problem.document.loss.as_ref().unwrap();
    let found =
        value_and_hvp(network, parameters, stimulus, loss, along, &Settings::default()).unwrap();
    (flat(&found.gradient, stimulus), flat(&found.product, stimulus))
}

#[test]
fn the_adjoint_on_dual_numbers_is_a_symmetric_hessian() {
    for (name, problem) in problems() {
        let (a, b) = (drawn(&problem, 11), drawn(&problem, 12));
        let ((gradient, of_a), (_, of_b)) = (second(&problem, &a), second(&problem, &b));
        let expected = flat(&differentiate(&problem).gradient, &problem.stimulus);
        let size = expected.iter().fold(0.0f64, |a, b| a.max(b.abs()));
        for (x, y) in gradient.iter().zip(&expected) {
            assert!((x - y).abs() <= DUAL * size, "{name}: {x} {y}");
        }
        // bᵀ(H a) = aᵀ(H b).
        let dot = |h: &[f64], along: &Gradient| {
            let along = flat(along, &problem.stimulus);
            let terms: Vec<f64> = h.iter().zip(&along).map(|(x, y)| x * y).collect();
            (terms.iter().sum::<f64>(), terms.iter().map(|x| x.abs()).sum::<f64>())
        };
        let ((one, size), (other, _)) = (dot(&of_a, &b), dot(&of_b, &a));
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
    let still = Gradient::zeros(&problem.parameters, &problem.stimulus);
    let (on_duals, _) = second(&problem, &still);
    let exact = flat(&gradient, &problem.stimulus);
    let size = exact.iter().fold(0.0f64, |a, b| a.max(b.abs()));
    for (x, y) in on_duals.iter().zip(exact) {
        assert!((x - y).abs() <= DUAL * size, "{x} {y}");
    }
}
