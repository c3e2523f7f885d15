//! What surrogate gradients are the gradient of: expectations of stochastic neurons, and where that ends.
//!
//! Three networks, after J. Gygax and F. Zenke (Neural Computation 37, 886, 2025; arXiv:2404.14964). *One neuron* with escape noise: its surrogate gradient is
//! the gradient of its expected output. *Five weights* of steep sigmoids, two hidden units that oppose each other: the surrogate gradient of the first weight has
//! the wrong sign in part of the plane. *A chain* of stochastic neurons in time, small enough to go through all outcomes: the derivative of the expected loss,
//! stochastic automatic differentiation, which estimates it without bias, and the surrogate gradient on the same runs (the reset carries errors), which is
//! that estimate, smoothed. It is biased unless the loss is linear in the spikes, and no spike depends on another: here the loss is quadratic, and a
//! neuron's reset makes its spikes depend on each other, so that a chain of one is biased, too.
//!
//! Not here: the estimators (`spikegrad_compare::stochastic`).

use crate::drawing::{axis, dashed, figure, line, logarithmic, table};
use crate::{Findings, Plan, Study, StudyError};
use rayon::prelude::*;
use serde::Serialize;
use spikegrad::{
    Connection, ConnectionParameters, InputSpike, Model, Network, NetworkError, Parameters,
    Population, PopulationParameters, Source, Stimulus, Synapses, VoltageMse,
};
use spikegrad::{li, lif};
use spikegrad_compare::stochastic::{
    EscapeNoise, Noise, StochasticNeuron, StochasticProblem, five_weights, uniforms,
};
use spikegrad_compare::time_stepped::{GridSample, Height, Shape, SteppedSettings, Surrogate};
use spikegrad_report::plot::{Chart, ChartLine, ChartPoint, Colours};
use spikegrad_report::{Page, Table};

/// Steepness of the single neuron's noise: that of the paper's hidden layers.
const NEURON: f64 = 10.0;

/// The paper's setting for signs: weights w, v₁, v₂, u₁, u₂, and (steepness, that of the surrogates) along w and in the plane of v₁ and v₂.
const SETTING: five_weights::Weights = [1.0, 0.05, 0.1, 1.0, -1.0];
const ALONG_W: (f64, [f64; 2]) = (100.0, [15.0, 30.0]);
const IN_PLANE: (f64, [f64; 3]) = (20.0, [2.0, 4.0, 20.0]);

/// Steepness of the noise in the chains; the larger, the nearer to a threshold.
const NOISES: [f64; 6] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0];

/// A step, and the number of steps: with three neurons, 18 decisions.
const DT: f64 = 1e-3;
const STEPS: u32 = 6;

#[derive(Serialize)]
struct Numbers {
    neuron: OneNeuron,
    signs: Signs,
    chains: Vec<Chain>,
}

#[derive(Serialize)]
struct OneNeuron {
    /// (weight, expected output, its derivative, surrogate gradient).
    points: Vec<[f64; 4]>,
    largest_difference: f64,
}

#[derive(Serialize)]
struct Signs {
    along_w: Vec<AlongW>,
    in_plane: Vec<InPlane>,
}

#[derive(Serialize)]
struct AlongW {
    beta: f64,
    surrogate_beta: f64,
    /// Share of the weights from −0.2 to 0.2 at which the derivative has the wrong sign.
    wrong: f64,
    /// (weight, exact derivative, surrogate's), each relative to its largest.
    points: Vec<[f64; 3]>,
}

#[derive(Serialize)]
struct InPlane {
    beta: f64,
    surrogate_beta: f64,
    /// Angles between exact and surrogate gradient of v₁ and v₂ from −2 to 2, in degrees.
    mean_angle: f64,
    largest_angle: f64,
}

/// A chain of stochastic neurons, with noise of one steepness.
#[derive(Serialize)]
struct Chain {
    neurons: usize,
    beta: f64,
    expected_loss: f64,
    /// Derivative of the expected loss along a direction in which all weights grow.
    exact: f64,
    /// Expectation of the surrogate gradient along it.
    surrogate: f64,
    /// Estimates from sampled runs: mean and its standard error.
    stochastic: Estimate,
    pruned: Estimate,
    smoothed: Estimate,
}

#[derive(Clone, Copy, Serialize)]
struct Estimate {
    mean: f64,
    standard_error: f64,
}

pub(crate) fn run(plan: &Plan<'_>) -> Result<Findings, StudyError> {
    let noises = plan.pick(&NOISES[..], &NOISES[1..3]);
    let lengths: &[usize] = plan.pick(&[1, 2, 3], &[1, 2]);
    let all = lengths.len() * noises.len();
    let mut chains = Vec::new();
    for &neurons in lengths {
        for &beta in noises {
            plan.tell(
                chains.len(),
                all,
                &format!("chain of {neurons}, noise of steepness {beta}"),
            )?;
            chains.push(chain(plan, neurons, beta)?);
        }
    }
    plan.tell(all, all, "done")?;
    let numbers = Numbers { neuron: one_neuron(), signs: signs(), chains };
    let page = page(&numbers)?;
    Findings::new(Study::Stochastic, plan, &numbers, page)
}

fn one_neuron() -> OneNeuron {
    let surrogate = Surrogate { shape: Shape::Sigmoid, beta: NEURON, height: Height::Growing };
    let at = |k: u32| {
        let weight = 2.0 * f64::from(k) / 200.0;
        let noise = EscapeNoise::Sigmoid { beta: NEURON };
        let neuron = StochasticNeuron { weights: vec![weight], v_th: 1.0, noise };
        let (smoothed, found) =
            (neuron.smoothed_gradient(&[1.0]), neuron.surrogate_gradient(&[1.0], &surrogate));
        [weight, neuron.expected_output(&[1.0]), smoothed[0], found[0]]
    };
    let points: Vec<_> = (0..=200).map(at).collect();
    let difference = |p: &[f64; 4]| (p[2] - p[3]).abs();
    OneNeuron { largest_difference: points.iter().map(difference).fold(0.0, f64::max), points }
}

fn signs() -> Signs {
    let along_w = |surrogate_beta: f64| {
        let (beta, _) = ALONG_W;
        let weights = |k: u32| {
            let mut weights = SETTING;
            weights[0] = -0.2 + 4e-4 * f64::from(k);
            weights
        };
        let at = |k: u32| {
            let of = |surrogate| five_weights::gradient(&weights(k), 1.0, beta, surrogate)[0];
            [weights(k)[0], of(beta), of(surrogate_beta)]
        };
        let points: Vec<_> = (0..=1000).map(at).collect();
        let is_wrong =
            |k: &u32| five_weights::wrong_signs(&weights(*k), 1.0, beta, surrogate_beta)[0];
        let wrong = (0..=1000).filter(is_wrong).count();
        let largest =
            |of: usize| points.iter().map(|p| p[of].abs()).fold(f64::MIN_POSITIVE, f64::max);
        let (exact, surrogate) = (largest(1), largest(2));
        let relative = points.iter().map(|p| [p[0], p[1] / exact, p[2] / surrogate]);
        #[expect(clippy::cast_precision_loss, reason = "at most 1001")]
        let wrong = wrong as f64 / points.len() as f64;
        AlongW { beta, surrogate_beta, wrong, points: relative.collect() }
    };
    let in_plane = |surrogate_beta: f64| {
        let (beta, _) = IN_PLANE;
        let [w, _, _, u1, u2] = SETTING;
        let values = || (-20..=20).map(|k| f64::from(k) / 10.0);
        let angles: Vec<f64> = values()
            .flat_map(|v1| values().map(move |v2| [w, v1, v2, u1, u2]))
            .filter_map(|weights| {
                let of = |surrogate| five_weights::gradient(&weights, 1.0, beta, surrogate);
                five_weights::angle_in_plane(&of(beta), &of(surrogate_beta), (1, 2))
            })
            .map(f64::to_degrees)
            .collect();
        #[expect(clippy::cast_precision_loss, reason = "at most 1681")]
        let mean_angle = angles.iter().sum::<f64>() / angles.len() as f64;
        let largest_angle = angles.into_iter().fold(0.0, f64::max);
        InPlane { beta, surrogate_beta, mean_angle, largest_angle }
    };
    Signs { along_w: ALONG_W.1.map(along_w).into(), in_plane: IN_PLANE.1.map(in_plane).into() }
}

fn chain(plan: &Plan<'_>, neurons: usize, beta: f64) -> Result<Chain, StudyError> {
    let (network, parameters) = network(neurons).map_err(spikegrad::Error::from)?;
    let along = |c: &ConnectionParameters| vec![1.0; c.weights.len()];
    let direction: Vec<Vec<f64>> = parameters.connections.iter().map(along).collect();
    let noise = Noise::new(&network, |_| EscapeNoise::Sigmoid { beta });
    let t_end = DT * f64::from(STEPS);
    let spikes = [(0, 0.0), (1, DT)].map(|(channel, time)| InputSpike { channel, time });
    let stimulus = Stimulus::new(t_end, spikes.to_vec()).map_err(spikegrad::Error::from)?;
    let population = network.populations()[neurons].name.clone();
    let loss = VoltageMse { population, samples: vec![(0, t_end, 0.4)] };
    let sample = GridSample { stimulus: &stimulus, loss: &loss };
    // Through the reset as well: the difference from the exact derivative is then that of smoothing alone.
    let surrogate = Surrogate { shape: Shape::Sigmoid, beta, height: Height::Growing };
    let settings = SteppedSettings { detach_reset: false, ..SteppedSettings::new(DT, surrogate) };
    let problem =
        StochasticProblem::new((&network, &parameters), settings, &direction, &noise, sample)?;
    let expectation = problem.expectation()?;
    let decisions = problem.decisions()?;
    let trials = plan.pick(20_000_u64, 500);
    let seed = plan.seed;
    // One number more: the one that chooses the turn of a pruned estimate.
    let estimates = (0..trials).into_par_iter().map(|trial| {
        let numbers = uniforms(decisions + 1, seed, trial);
        let (choice, numbers) = (numbers[decisions], &numbers[..decisions]);
        Ok([
            problem.derivative(numbers)?,
            problem.pruned(numbers, choice)?,
            problem.smoothed(numbers)?,
        ])
    });
    let estimates = estimates.collect::<Vec<_>>().into_iter();
    let estimates = estimates.collect::<Result<Vec<[f64; 3]>, StudyError>>()?;
    let of = |k: usize| Estimate::of(estimates.iter().map(|e| e[k]));
    Ok(Chain {
        neurons,
        beta,
        expected_loss: expectation.value,
        exact: expectation.derivative,
        surrogate: expectation.surrogate,
        stochastic: of(0),
        pruned: of(1),
        smoothed: of(2),
    })
}

/// Two inputs to a chain of single neurons, read by an integrator.
fn network(neurons: usize) -> Result<(Network, Parameters), NetworkError> {
    let population = |k: usize| Population {
        name: format!("p{k}"),
        size: 1,
        model: if k < neurons { Model::Lif } else { Model::Li },
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
        (0..=neurons).map(population).collect(),
        (0..=neurons).map(connection).collect(),
    )?;
    let values = |k: usize| {
        let start = if k == 0 { 0.4 } else { 0.2 };
        let model = network.populations()[k].model;
        let values = PopulationParameters::new(model);
        match model {
            Model::Li => values
                .with(li::TAU_MEM, 0.004)
                .with(li::TAU_SYN, 0.002)
                .with(li::V, start)
                .with(li::I_BIAS, 0.3),
            _ => values
                .with(lif::TAU_MEM, 0.004)
                .with(lif::TAU_SYN, 0.002)
                .with(lif::V, start)
                .with(lif::I_BIAS, 0.3),
        }
    };
    let weights = |k: usize| ConnectionParameters {
        weights: if k == 0 { vec![1.2, 0.9] } else { vec![2.1] },
        delay: 0.0.into(),
    };
    let parameters = Parameters {
        populations: (0..=neurons).map(values).collect(),
        connections: (0..=neurons).map(weights).collect(),
    };
    Ok((network, parameters))
}

impl Estimate {
    fn of(values: impl Iterator<Item = f64> + Clone) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "far fewer trials than 2⁵³")]
        let n = values.clone().count() as f64;
        let mean = values.clone().sum::<f64>() / n;
        let squares: f64 = values.map(|x| (x - mean) * (x - mean)).sum();
        Self { mean, standard_error: (squares / (n * (n - 1.0))).sqrt() }
    }
}

fn page(numbers: &Numbers) -> Result<Page, StudyError> {
    let Numbers { neuron, signs, chains } = numbers;
    let one = [
        Chart {
            heading: "Expected output".to_owned(),
            x: axis("weight"),
            y: axis("probability of a spike"),
            lines: vec![line("one neuron", neuron.points.iter().map(|p| (p[0], p[1])))],
        },
        Chart {
            heading: "Its derivative".to_owned(),
            x: axis("weight"),
            y: axis("derivative"),
            lines: vec![
                line("of the expected output", neuron.points.iter().map(|p| (p[0], p[2]))),
                dashed(line("surrogate gradient", neuron.points.iter().map(|p| (p[0], p[3])))),
            ],
        },
    ];
    let along = |of: &AlongW| Chart {
        heading: format!("β = {}, β_SG = {}", of.beta, of.surrogate_beta),
        x: axis("w"),
        y: axis("∂y/∂w, relative to its largest"),
        lines: vec![
            line("exact", of.points.iter().map(|p| (p[0], p[1]))),
            line("surrogate", of.points.iter().map(|p| (p[0], p[2]))),
        ],
    };
    let along: Vec<Chart> = signs.along_w.iter().map(along).collect();
    let mut colours = Colours::default();
    Ok(Page {
        introduction: vec![
            "For one decision of a stochastic neuron the surrogate gradient, with the derivative of the neuron's noise for surrogate, is the gradient of the \
             expected output. In a run of such neurons it is not that of the expected loss: it is the stochastic derivative, smoothed, and smoothing costs a \
             bias. In a deterministic network even its sign may be wrong."
                .to_owned(),
        ],
        figures: vec![
            figure(&mut colours, "One neuron", "Escape noise and its derivative: the two curves are one.", &one)?,
            figure(
                &mut colours, "Signs",
                "Five weights of steep sigmoids, two paths that oppose each other. The flatter of the two surrogates points the wrong way in the wider region (table below).",
                &along,
            )?,
            figure(
                &mut colours, "Chains of stochastic neurons",
                "Exact: derivative of the expected loss by going through all outcomes. The others are means of sampled runs, with two standard errors; where the noise is so weak that the outcomes that matter are hardly ever drawn, neither mean nor error can be trusted.",
                &charts_of(chains),
            )?,
        ],
        tables: tables(numbers),
        ..Page::default()
    })
}

fn charts_of(chains: &[Chain]) -> Vec<Chart> {
    let chart = |own: &[Chain]| {
        let estimate = |name: &str, of: fn(&Chain) -> Estimate| ChartLine {
            name: name.to_owned(),
            dashed: false,
            points: own
                .iter()
                .map(|c| {
                    let Estimate { mean, standard_error } = of(c);
                    ChartPoint { x: c.beta, y: mean, spread: 2.0 * standard_error }
                })
                .collect(),
        };
        Chart {
            heading: match own[0].neurons {
                1 => "one neuron".to_owned(),
                neurons => format!("{neurons} neurons in a chain"),
            },
            x: logarithmic("steepness β of the noise"),
            y: axis("derivative of the expected loss"),
            lines: vec![
                estimate("stochastic derivative", |c| c.stochastic),
                estimate("pruned", |c| c.pruned),
                estimate("surrogate (smoothed)", |c| c.smoothed),
                dashed(line("exact", own.iter().map(|c| (c.beta, c.exact)))),
            ],
        }
    };
    chains.chunk_by(|a, b| a.neurons == b.neurons).map(chart).collect()
}

fn tables(numbers: &Numbers) -> Vec<Table> {
    let Numbers { neuron, signs, chains } = numbers;
    let number = Table::number;
    let one = table(
        "One neuron",
        &["β", "largest difference of the two derivatives"],
        vec![vec![number(NEURON), number(neuron.largest_difference)]],
    );
    let along = signs
        .along_w
        .iter()
        .map(|of| vec![number(of.surrogate_beta), number(of.beta), Table::percent(of.wrong)]);
    let along = table(
        "Signs of ∂y/∂w for w from −0.2 to 0.2",
        &["β_SG", "β", "wrong (%)"],
        along.collect(),
    );
    let plane = signs.in_plane.iter().map(|of| {
        vec![
            number(of.surrogate_beta),
            number(of.beta),
            number(of.mean_angle),
            number(of.largest_angle),
        ]
    });
    let plane = table(
        "Angles between the gradients of v₁ and v₂, each from −2 to 2",
        &["β_SG", "β", "mean (°)", "largest (°)"],
        plane.collect(),
    );
    let pair = |of: Estimate| format!("{} ± {}", number(of.mean), number(of.standard_error));
    let of_chains = chains.iter().map(|of| {
        vec![
            of.neurons.to_string(),
            number(of.beta),
            number(of.exact),
            pair(of.stochastic),
            pair(of.pruned),
            number(of.surrogate),
            pair(of.smoothed),
        ]
    });
    let of_chains = table(
        "Chains: derivative of the expected loss",
        &[
            "Neurons",
            "β",
            "exact",
            "stochastic derivative",
            "pruned",
            "surrogate, expected",
            "surrogate, sampled",
        ],
        of_chains.collect(),
    );
    vec![one, along, plane, of_chains]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stochastic_derivative_has_no_bias_and_the_surrogate_has_one_in_a_chain() {
        let plan = Plan { seed: 0, quick: true, progress: &|_, _, _| true };
        let numbers = run(&plan).unwrap().numbers;
        let findings = &numbers["findings"];
        assert!(findings["neuron"]["largest_difference"].as_f64().unwrap() < 1e-14);
        for chain in findings["chains"].as_array().unwrap() {
            let of = |key: &str| chain[key].as_f64().unwrap();
            let estimate = |key: &str, what: &str| chain[key][what].as_f64().unwrap();
            for key in ["stochastic", "pruned"] {
                let off = (estimate(key, "mean") - of("exact")).abs();
                // Five standard errors: one run in two million is off by more.
                assert!(off < 5.0 * estimate(key, "standard_error"), "{chain}");
            }
            // Both are enumerated, and exact to roundings; a single neuron's bias is small at one of these two steepnesses.
            let least = if of("neurons") > 1.0 { 0.01 } else { 1e-4 };
            assert!((of("surrogate") / of("exact") - 1.0).abs() > least, "{chain}");
        }
    }
}
