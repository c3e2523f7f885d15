//! Averages of a potential under a weight that decays: their value, their gradient in both engines, and their limits.
//!
//! Not here: the integral over one length of motion, which its crate tests.

use crate::random_networks::{
    Plan, Reads, Swept, UNDERFLOWING, USUAL, for_all, layered_plan, runaway,
};
use crate::support::{between_engines, corpus, problem, random};
use crate::tolerance::{DIFFERENCE, DUAL, OF_CHAINS, REORDERED};
use crate::untied::with_own_numbers;
use proptest::prelude::*;
use serde_json::json;
use spikegrad::problem::Problem;
use spikegrad::simulation::{Options, simulate};
use spikegrad::{
    Derivatives, Dual64, Engine, Error, Evaluate, Evaluation, Evaluator, Gradient, InputSpike,
    Loss, MeanVoltageCrossEntropy, Measure, Model, Network, NeuronId, Observation, ReadoutRequest,
    Settings, ShapedVoltageCrossEntropy, Stimulus, value_and_grad,
};
use spikegrad_compare::{Question, check_gradient};

/// A third of the usual run.
const TAU: f64 = 0.02;

const EVENT_LOOP: Settings =
    Settings { engine: Engine::EventLoop, max_events: 100_000, ..Settings::DEFAULT };

const AUTOMATIC: Settings = Settings { engine: Engine::Automatic, ..EVENT_LOOP };

/// The loss of the problem's last population, whose neurons are read.
fn shaped(problem: &Problem, tau: f64, scale: f64) -> ShapedVoltageCrossEntropy {
    let population = problem.network.populations().last().unwrap().name.clone();
    ShapedVoltageCrossEntropy { population, label: 0, tau, scale }
}

fn evaluate(problem: &Problem, loss: &dyn Loss, settings: &Settings) -> Result<Evaluation, Error> {
    let Problem { network, parameters, stimulus, .. } = problem;
    value_and_grad(network, parameters, stimulus, loss, settings)
}

/// Every number of a gradient, input times in the order in which they were given.
fn flat(gradient: &Gradient) -> Vec<f64> {
    [gradient.parameters.to_vec(), gradient.input_times.clone()].concat()
}

/// Problems of the corpus whose last population is read by its potential.
fn read_by_potential() -> Vec<(String, Problem)> {
    let mut all = corpus();
    all.retain(|(_, p)| p.network.populations().last().unwrap().model == Model::Li);
    assert!(all.len() >= 4);
    all
}

/// A sum of averages of neuron 0, each with its coefficient.
#[derive(Debug)]
struct Averages(Vec<(Measure, f64)>);

impl Loss for Averages {
    fn request(&self, _: &Network, requests: &mut Vec<ReadoutRequest>) {
        let request =
            |&(measure, _): &(Measure, f64)| ReadoutRequest { neuron: NeuronId(0), measure };
        requests.extend(self.0.iter().map(request));
    }
    fn evaluate_into(&self, run: &Observation<'_>, into: &mut Derivatives<'_>) -> f64 {
        let mut value = 0.0;
        for (k, &(_, coefficient)) in self.0.iter().enumerate() {
            value += coefficient * run.readouts[k].value;
            into.readouts[k] = coefficient;
        }
        value
    }
}

/// A leaky integrator with a bias and an initial state, and inputs at 10, 20 and 35 ms.
fn integrator() -> Problem {
    let params = json!({"tau_mem": 0.013, "tau_syn": 0.004, "v_leak": -0.1, "i_bias": 0.3});
    problem(&json!({
        "format": "spikegrad-problem", "version": 1,
        "network": {
            "inputs": 1,
            "populations": [{
                "name": "out", "size": 1, "model": "li", "params": params,
                "initial": {"v": 0.4, "i": -0.7}
            }],
            "connections": [{"from": "input", "to": "out", "weights": [[2.5]]}]
        },
        "stimulus": {"t_end": 0.06, "spikes": [[0, 0.01], [0, 0.02], [0, 0.035]]}
    }))
}

#[test]
fn the_value_is_the_integral_of_the_weighted_potential() {
    /// The fourth derivative, some `1/τ_s⁴` times V, times the step to the fourth over 180.
    const SIMPSON: f64 = 1e-9;
    const PANELS: u32 = 200;
    let Problem { network, parameters, stimulus, .. } = integrator();
    let neuron = NeuronId(0);
    let mut requests = vec![ReadoutRequest { neuron, measure: Measure::Weighted { tau: TAU } }];
    let mut weights = Vec::new();
    for [from, until] in [[0.0, 0.01], [0.01, 0.02], [0.02, 0.035], [0.035, 0.06]] {
        let step = (until - from) / f64::from(PANELS);
        for k in 0..=PANELS {
            let time = if k == PANELS { until } else { from + step * f64::from(k) };
            requests.push(ReadoutRequest { neuron, measure: Measure::Sample { time } });
            let share = if k == 0 || k == PANELS { 1.0 } else { f64::from(2 + 2 * (k % 2)) };
            weights.push(share * step / 3.0 * (-time / TAU).exp());
        }
    }
    let options = Options { readouts: &requests, max_events: 100 };
    let trace = simulate(&network, &parameters, &stimulus, options).unwrap();
    let samples = trace.readouts[1..].iter().map(|readout| readout.value);
    let integral: f64 = samples.zip(&weights).map(|(value, weight)| value * weight).sum();
    let got = trace.readouts[0].value;
    assert!((got - integral / 0.06).abs() < SIMPSON, "{got} {}", integral / 0.06);
}

#[test]
fn differences_agree_with_the_gradient() {
    let mut compared = 0;
    for (name, problem) in read_by_potential() {
        let loss = shaped(&problem, TAU, 0.05);
        let Problem { network, parameters, stimulus, .. } = &problem;
        let question = Question { network, parameters, stimulus, loss: &loss, settings: AUTOMATIC };
        match check_gradient(&question, DIFFERENCE) {
            Ok(check) => compared += check.agreement.compared(),
            Err(error) => panic!("{name}: {error}"),
        }
    }
    println!("{compared} quotients compared");
    assert!(compared > 100);
}

#[test]
fn the_network_on_dual_numbers_gives_the_derivative_along_any_direction() {
    for (name, problem) in read_by_potential() {
        let loss = shaped(&problem, TAU, 0.05);
        let Problem { network, parameters, stimulus, .. } = &problem;
        let readouts = Evaluate::<f64>::readouts(&loss, network).unwrap();
        let options = Options { readouts: &readouts, max_events: 100_000 };
        for settings in [AUTOMATIC, EVENT_LOOP] {
            let exact = flat(&evaluate(&problem, &loss, &settings).unwrap().gradient);
            for seed in 1..=5 {
                let mut random = random(seed);
                let mut lift = |x: f64| Dual64::new(x, (random.unit() - 0.5) * x);
                let lifted = parameters.map(&mut lift);
                let spikes = stimulus.spikes().iter();
                let spikes: Vec<InputSpike<Dual64>> =
                    spikes.map(|s| InputSpike { channel: s.channel, time: lift(s.time) }).collect();
                let moved = Stimulus::new(stimulus.t_end(), spikes).unwrap();
                let trace = simulate(network, &lifted, &moved, options).unwrap();
                let (value, _) = loss.evaluate(network, &trace).unwrap();
                let sorted: Vec<f64> = moved.spikes().iter().map(|s| s.time.eps).collect();
                let times = stimulus.in_given_order(&sorted);
                let tangent = lifted.to_vec().into_iter().map(|x| x.eps).chain(times);
                let terms: Vec<f64> = exact.iter().zip(tangent).map(|(g, t)| g * t).collect();
                let (sum, size) =
                    (terms.iter().sum::<f64>(), terms.iter().map(|x| x.abs()).sum::<f64>());
                assert!((value.eps - sum).abs() < DUAL * size, "{name}: {} {sum}", value.eps);
            }
        }
    }
}

/// Layered plans with leaky integrators at the end. Loops may keep each other going: not for the whole of a long run, and not without
/// a pause.
fn read_layers() -> impl Strategy<Value = Plan> {
    layered_plan().prop_map(|plan| {
        let loops = plan.loops && plan.window.t_end <= USUAL.t_end;
        let refractory = plan.refractory || loops;
        Plan { reads: Reads::Mean, loops, refractory, ..plan }
    })
}

#[test]
fn a_sweep_gives_the_gradient_of_the_event_loop() {
    let swept = Swept::default();
    for_all(read_layers(), |plan, problem| {
        let Problem { network, parameters, stimulus, .. } = problem;
        let loss = shaped(problem, TAU, 0.1);
        let mut evaluator = Evaluator::new(network, parameters, AUTOMATIC).unwrap();
        let mut gradient = evaluator.zero_gradient(parameters);
        let value = evaluator.value_and_grad(stimulus, &loss, &mut gradient).map_err(runaway)?;
        swept.note(plan, evaluator.was_swept());
        let by_events = evaluate(problem, &loss, &EVENT_LOOP).map_err(runaway)?;
        let worst = between_engines(problem, evaluator.trace(), &by_events.trace)?;
        prop_assert!((value - by_events.loss).abs() <= OF_CHAINS * by_events.loss);
        let (got, expected) = (flat(&gradient), flat(&by_events.gradient));
        // What neurons share gets a sum of terms that may cancel: those of a softmax do.
        let copy = with_own_numbers(problem);
        let of_copy = evaluate(&copy, &loss, &EVENT_LOOP).map_err(runaway)?;
        let terms: Vec<f64> = expected.iter().copied().chain(flat(&of_copy.gradient)).collect();
        let largest = terms.iter().fold(0.0f64, |a, x| a.max(x.abs()));
        for (got, expected) in got.iter().zip(&expected) {
            // Over a long gap all of them decay.
            let tolerance = worst * largest.max(UNDERFLOWING);
            prop_assert!((got - expected).abs() <= tolerance, "{:e} {:e}", got, expected);
        }
        Ok(by_events.trace.spikes.len())
    });
    swept.check();
}

#[test]
fn a_weight_that_never_fades_is_the_mean_to_the_bit() {
    for_all(read_layers(), |_, problem| {
        let ShapedVoltageCrossEntropy { population, label, .. } = shaped(problem, TAU, 1.0);
        let mean = MeanVoltageCrossEntropy { population, label };
        for settings in [AUTOMATIC, EVENT_LOOP] {
            let endless = shaped(problem, f64::INFINITY, 1.0);
            let got = evaluate(problem, &endless, &settings).map_err(runaway)?;
            let expected = evaluate(problem, &mean, &settings).map_err(runaway)?;
            prop_assert_eq!(got.loss.to_bits(), expected.loss.to_bits());
            prop_assert_eq!(got.gradient, expected.gradient);
        }
        Ok(2 * problem.stimulus.spikes().len() + 3)
    });
}

#[test]
fn a_neuron_may_be_read_under_any_number_of_weights_at_once() {
    let problem = integrator();
    let measures = [
        (Measure::Mean, 2.0),
        (Measure::Weighted { tau: TAU }, -3.0),
        (Measure::Weighted { tau: 0.5 * TAU }, 1.0),
        (Measure::Mean, 0.5),
        (Measure::Weighted { tau: 2.0 * TAU }, 0.25),
    ];
    for settings in [AUTOMATIC, EVENT_LOOP] {
        let of = |all: &[(Measure, f64)]| {
            let evaluation = evaluate(&problem, &Averages(all.to_vec()), &settings).unwrap();
            flat(&evaluation.gradient)
        };
        let parts = measures.map(|measure| of(&[measure]));
        for (k, got) in of(&measures).into_iter().enumerate() {
            let sum = parts.iter().map(|part| part[k]).sum::<f64>();
            let terms = parts.iter().map(|part| part[k].abs()).sum::<f64>();
            assert!((got - sum).abs() <= REORDERED * terms, "{k}: {got} {sum}");
        }
    }
}
