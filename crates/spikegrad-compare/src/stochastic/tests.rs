//! Stochastic derivatives against exact expectations, their own randomness gone through to the end.
//!
//! A derivative estimated with uniform numbers is constant on boxes, whose edges are the values of 1 − p that any history can
//! bring about. So its expectation is a finite sum, taken over the code itself. Not here: tests of one function (in their files).

use super::{Coupled, Drawn, EscapeNoise, Noise, StochasticProblem, uniforms};
use crate::time_stepped::{
    Activity, Cotangents, GridError, GridLoss, GridMemory, GridSample, Height, Reset, Run, Shape,
    Side, SteppedNetwork, SteppedSettings, SteppedSum, Surrogate, Threshold, View,
};
use spikegrad_network::loss::{MeanVoltageCrossEntropy, VanRossum, VoltageMse};
use spikegrad_network::{
    Connection, ConnectionParameters, InputSpike, Model, Network, Parameters, Population,
    PopulationParameters, Source, Stimulus, Synapses, Values,
};

/// Sums of some thousand terms of order one, each with some hundred roundings.
const SUMMED: f64 = 1e-12;

/// Fourth-order differences at h = 1e-3 of sums of sigmoids of steepness 4: (βψh)⁴/30, with ψ below 0.3, and 1e-16/1e-3 for
/// rounding.
const DIFFERENCE: f64 = 1e-10;

/// Inputs to a chain of single spiking neurons, and an integrator.
fn chain(spiking: usize) -> (Network, Parameters) {
    let population = |k: usize| Population {
        name: format!("p{k}"),
        size: 1,
        model: if k < spiking { Model::Lif } else { Model::Li },
    };
    let connection = |k: usize| {
        Connection::new(
            if k == 0 { Source::Input } else { Source::Population(k - 1) },
            k,
            Synapses::Dense,
        )
    };
    let network = Network::new(
        2,
        (0..=spiking).map(population).collect(),
        (0..=spiking).map(connection).collect(),
    );
    let network = network.unwrap();
    let values = |k: usize| {
        let mut values = PopulationParameters::new(network.populations()[k].model);
        for (quantity, into) in values.values_mut() {
            *into = match quantity.path {
                "params.tau_mem" => 0.004.into(),
                "params.tau_syn" => 0.002.into(),
                "params.i_bias" => 0.3.into(),
                "params.v_reset" => (-0.15).into(),
                "initial.v" => if k == 0 { 0.4 } else { 0.2 }.into(),
                _ => continue,
            };
        }
        values
    };
    let weights = |k: usize| ConnectionParameters {
        weights: if k == 0 { vec![1.2, 0.9] } else { vec![2.1] },
        delay: Values::Shared(0.0),
    };
    let parameters = Parameters {
        populations: (0..=spiking).map(values).collect(),
        connections: (0..=spiking).map(weights).collect(),
    };
    (network, parameters)
}

fn settings() -> SteppedSettings {
    let surrogate = Surrogate { shape: Shape::Sigmoid, beta: 4.0, height: Height::Growing };
    SteppedSettings { detach_reset: false, ..SteppedSettings::new(0.001, surrogate) }
}

fn stimulus(steps: u32) -> Stimulus {
    let spikes = [(0, 0.0), (1, 0.001)].map(|(channel, time)| InputSpike { channel, time });
    Stimulus::new(0.001 * f64::from(steps), spikes.to_vec()).unwrap()
}

/// A direction in which every weight moves; one of them shrinks.
fn direction(parameters: &Parameters) -> Vec<Vec<f64>> {
    let along =
        |k: usize, count: usize| (0..count).map(|s| if k + s == 1 { -0.7 } else { 1.0 }).collect();
    parameters.connections.iter().enumerate().map(|(k, c)| along(k, c.weights.len())).collect()
}

/// The name of a population of the chain.
fn name(population: usize) -> String {
    format!("p{population}")
}

/// A square of the integrator's last potential.
fn squared(spiking: usize, steps: u32) -> VoltageMse {
    VoltageMse { population: name(spiking), samples: vec![(0, 0.001 * f64::from(steps), 0.4)] }
}

struct Case {
    spiking: usize,
    steps: u32,
    settings: SteppedSettings,
    noise: EscapeNoise,
    loss: Box<dyn GridLoss>,
}

impl Case {
    fn new(spiking: usize, steps: u32) -> Self {
        let loss = Box::new(squared(spiking, steps));
        let noise = EscapeNoise::Sigmoid { beta: 4.0 };
        Self { spiking, steps, settings: settings(), noise, loss }
    }

    /// Does something with the problem, its weights moved by `by` along the direction.
    fn at<R>(&self, by: f64, then: impl FnOnce(&StochasticProblem<'_>) -> R) -> R {
        let (network, mut parameters) = chain(self.spiking);
        let direction = direction(&parameters);
        for (connection, along) in parameters.connections.iter_mut().zip(&direction) {
            connection.weights.iter_mut().zip(along).for_each(|(w, d)| *w += by * d);
        }
        let noise = Noise::new(&network, |_| self.noise);
        let stimulus = stimulus(self.steps);
        let sample = GridSample { stimulus: &stimulus, loss: &*self.loss };
        let of = (&network, &parameters);
        let problem = StochasticProblem::new(of, self.settings.clone(), &direction, &noise, sample);
        then(&problem.unwrap())
    }

    /// The expectation of `estimate` over its uniform numbers.
    fn expected(&self, estimate: impl Fn(&StochasticProblem<'_>, &[f64]) -> f64) -> f64 {
        self.at(0.0, |problem| {
            let cells = cells(problem);
            let mut sum = 0.0;
            let mut at = vec![0; cells.len()];
            loop {
                let (mut volume, mut centre) = (1.0, Vec::new());
                for (edges, &k) in cells.iter().zip(&at) {
                    volume *= edges[k + 1] - edges[k];
                    centre.push(0.5 * (edges[k] + edges[k + 1]));
                }
                sum += volume * estimate(problem, &centre);
                let Some(next) = (0..at.len()).find(|&k| at[k] + 2 < cells[k].len()) else {
                    return sum;
                };
                at[..next].fill(0);
                at[next] += 1;
            }
        })
    }
}

/// For each decision, the edges of the intervals of its uniform number within which nothing changes.
fn cells(problem: &StochasticProblem<'_>) -> Vec<Vec<f64>> {
    let decisions = problem.decisions().unwrap();
    let mut edges = vec![vec![0.0, 1.0]; decisions];
    for outcome in 0..1_u32 << decisions {
        let outcome: Vec<bool> = (0..decisions).map(|k| outcome >> k & 1 == 1).collect();
        let run = problem.observe(Coupled::forced(problem.noise, &outcome)).unwrap();
        for (edges, decision) in edges.iter_mut().zip(&run.decisions) {
            edges.push(1.0 - decision.probability);
        }
    }
    for edges in &mut edges {
        edges.sort_by(f64::total_cmp);
        edges.dedup();
    }
    edges
}

#[test]
fn the_derivative_of_an_expectation_is_its_derivative() {
    for noise in
        [EscapeNoise::Sigmoid { beta: 4.0 }, EscapeNoise::Exponential { p0: 0.7, width: 0.4 }]
    {
        for reset in [Reset::ToValue, Reset::ByDifference] {
            let case = Case {
                noise,
                settings: SteppedSettings { reset, ..settings() },
                ..Case::new(2, 4)
            };
            let value = |by: f64| case.at(by, |problem| problem.expectation().unwrap().value);
            let h = 1e-3;
            let quotient =
                (8.0 * (value(h) - value(-h)) - (value(2.0 * h) - value(-2.0 * h))) / (12.0 * h);
            let derivative = case.at(0.0, |problem| problem.expectation().unwrap().derivative);
            assert!(derivative.abs() > 1e-3);
            assert!((derivative - quotient).abs() < DIFFERENCE, "{derivative} {quotient}");
        }
    }
}

#[test]
fn stochastic_derivatives_are_unbiased_with_all_their_randomness_gone_through() {
    let van_rossum = VanRossum { population: name(1), targets: vec![vec![0.002]], tau: 0.003 };
    let bound =
        Activity { population: 0, side: Side::Upper, strength: 0.4, threshold: 0.0, power: 2 };
    let bounded = SteppedSettings { activity: vec![bound], ..settings() };
    let cases = [
        Case::new(1, 4),
        Case::new(2, 3),
        Case { settings: bounded, ..Case::new(2, 3) },
        Case { loss: Box::new(van_rossum), ..Case::new(2, 3) },
        Case { noise: EscapeNoise::Exponential { p0: 0.7, width: 0.4 }, ..Case::new(2, 3) },
    ];
    for case in &cases {
        let exact = case.at(0.0, |problem| problem.expectation().unwrap());
        let value = case.expected(|problem, uniforms| problem.run(uniforms).unwrap().value);
        assert!((value - exact.value).abs() < SUMMED, "{value} {exact:?}");
        let all = case.expected(|problem, uniforms| problem.derivative(uniforms).unwrap());
        assert!((all - exact.derivative).abs() < SUMMED, "{all} {exact:?}");
        // The choice of the pruned turn: each with the part of the unit interval that falls on it.
        let pruned = case.expected(|problem, uniforms| {
            let run = problem.run(uniforms).unwrap();
            let total: f64 = run.turns().map(|turn| turn.weight).sum();
            let (mut before, mut sum) = (0.0, 0.0);
            for turn in run.turns() {
                let choice = (before + 0.5 * turn.weight) / total;
                sum += turn.weight / total * problem.pruned(uniforms, choice).unwrap();
                before += turn.weight;
            }
            if total > 0.0 { sum } else { problem.pruned(uniforms, 0.5).unwrap() }
        });
        assert!((pruned - exact.derivative).abs() < SUMMED, "{pruned} {exact:?}");
    }
}

#[test]
fn samples_of_stochastic_derivatives_have_the_exact_mean() {
    const SAMPLES: u32 = 40_000;
    let case = Case::new(2, 5);
    case.at(0.0, |problem| {
        let exact = problem.expectation().unwrap().derivative;
        let decisions = problem.decisions().unwrap();
        for pruned in [false, true] {
            let (mut sum, mut squares) = (0.0, 0.0);
            for sample in 0..SAMPLES {
                let numbers = uniforms(decisions + 1, 11, u64::from(sample));
                let estimate = if pruned {
                    problem.pruned(&numbers[1..], numbers[0]).unwrap()
                } else {
                    problem.derivative(&numbers[1..]).unwrap()
                };
                sum += estimate;
                squares += estimate * estimate;
            }
            let n = f64::from(SAMPLES);
            let (mean, variance) = (sum / n, (squares - sum * sum / n) / (n - 1.0));
            // Five standard errors: one seed in 1.7 million lies beyond if the estimate is unbiased.
            let allowed = 5.0 * (variance / n).sqrt();
            assert!((mean - exact).abs() < allowed, "{mean} {exact} ± {allowed}");
            assert!(
                allowed < 0.1 * exact.abs(),
                "too few samples to see anything: {exact} ± {allowed}"
            );
        }
    });
}

/// The last potential of the first neuron of a population.
#[derive(Debug)]
struct Linear {
    population: String,
}

impl GridLoss for Linear {
    fn population(&self) -> &str {
        &self.population
    }
    fn check(&self, _: &Network) -> Result<(), GridError> {
        Ok(())
    }
    fn evaluate(&self, view: &View<'_>, into: &mut Cotangents) -> f64 {
        into.voltage.resize(view.points() * view.size(), 0.0);
        let last = view.points() - 1;
        into.voltage[last * view.size()] = 1.0;
        view.voltages(last)[0]
    }
}

#[test]
fn surrogates_are_unbiased_for_one_layer_and_a_linear_loss_and_biased_beyond() {
    let bias = |case: &Case| {
        let exact = case.at(0.0, |problem| problem.expectation().unwrap());
        ((exact.surrogate - exact.derivative) / exact.derivative).abs()
    };
    let linear = |spiking, steps| Case {
        loss: Box::new(Linear { population: name(spiking) }),
        ..Case::new(spiking, steps)
    };
    // One decision that is heard (the second comes too late), linearly: the smoothed probabilistic model of one neuron.
    assert!(bias(&linear(1, 2)) < SUMMED);
    // Its own reset is heard by its next decision; then the second layer; then a loss that is not linear.
    assert!(bias(&linear(1, 4)) > 1e-3);
    assert!(bias(&linear(2, 4)) > 1e-3);
    assert!(bias(&Case::new(1, 2)) > 1e-3);
}

#[test]
fn noise_that_vanishes_leaves_the_deterministic_network_with_its_surrogate() {
    let (network, parameters) = chain(2);
    let stimulus = {
        let spikes = (0..12_u8)
            .map(|k| InputSpike { channel: usize::from(k % 2), time: 0.0007 * f64::from(k) });
        Stimulus::new(0.02, spikes.collect()).unwrap()
    };
    let loss = MeanVoltageCrossEntropy { population: name(2), label: 0 };
    let linear = Linear { population: name(2) };
    for loss in [&loss as &dyn GridLoss, &linear] {
        let sample = GridSample { stimulus: &stimulus, loss };
        let settings = settings();
        let stepped = SteppedNetwork::new(&network, &parameters, settings.clone()).unwrap();
        let sharp = Noise::new(&network, |_| EscapeNoise::Sigmoid { beta: 1e9 });
        let mut memory = GridMemory::default();
        let (mut hard, mut drawn) = (SteppedSum::new(&stepped), SteppedSum::new(&stepped));
        let surrogate = &settings.surrogate;
        stepped.value_and_grad(&sample, &mut Threshold, surrogate, &mut memory, &mut hard).unwrap();
        let run = memory.run().clone();
        assert!(run.counts(&(0..2)).iter().all(|&count| count > 1.0));
        let mut firing = Drawn::new(&sharp, 3, 0);
        stepped.value_and_grad(&sample, &mut firing, surrogate, &mut memory, &mut drawn).unwrap();
        assert_eq!(&run, memory.run());
        assert_eq!(hard, drawn);
    }
}

#[test]
fn coupled_runs_with_the_numbers_of_a_stream_are_drawn_runs() {
    let case = Case::new(2, 5);
    let (network, parameters) = chain(2);
    let noise = Noise::new(&network, |_| case.noise);
    let stepped = SteppedNetwork::new(&network, &parameters, settings()).unwrap();
    let stimulus = stimulus(5);
    let mut runs = [Run::default(), Run::default()];
    let numbers = uniforms(10, 8, 2);
    stepped.run(&stimulus, &mut Drawn::new(&noise, 8, 2), &mut runs[0]).unwrap();
    stepped.run(&stimulus, &mut Coupled::new(&noise, &numbers, None), &mut runs[1]).unwrap();
    assert_eq!(runs[0], runs[1]);
    assert_eq!(stepped.decisions(&stimulus), Ok(10));
}
