//! How near surrogate gradients are to the exact one: direction and length, by shape, scale, step and depth.
//!
//! Networks that differ in depth and recurrence answer the same samples of Yin-Yang, by the maximal potentials of integrators. The exact gradient of
//! the mean loss is set beside the surrogate gradients of the same network, samples and loss on a grid, connection by connection: the cosine of the
//! angle between them, and the ratio of their lengths; where one of them is zero, that is said instead. As dt → 0 the runs on the grid become the exact
//! ones, and what is left is the surrogate.
//!
//! Not here: the surrogates (`spikegrad_compare::time_stepped`), training with either (`robustness.rs`).

use crate::drawing::{axis, figure, line, logarithmic, table};
use crate::similarity::{Similarity, SimilarityOrReason};
use crate::{Findings, Plan, Study, StudyError};
use serde::Serialize;
use serde_json::json;
use spikegrad::{
    Loss, MaxVoltageCrossEntropy, Parameters, Sample, Settings, Stimulus, value_and_grad_batch,
};
use spikegrad_compare::time_stepped::{
    GridLoss, GridSample, Height, Shape, SteppedNetwork, SteppedSettings, Surrogate,
};
use spikegrad_report::plot::{Chart, ChartLine, Colours};
use spikegrad_report::{Page, Table};
use spikegrad_train::optimise::norm;
use spikegrad_train::{Config, Run};

/// Scales of the surrogates, per unit of the threshold.
const BETAS: [f64; 7] = [1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0];

/// Steps of the grid, in s; the last is the finest.
const STEPS: [f64; 4] = [1e-3, 5e-4, 2e-4, 1e-4];

/// The scale at which dependence on the step is shown: that of `SuperSpike` in Gygax and Zenke 2025.
const USUAL: f64 = 10.0;

/// Neurons of a hidden layer.
const HIDDEN: usize = 60;

#[derive(Serialize)]
struct Numbers {
    samples: usize,
    networks: Vec<OfNetwork>,
}

/// All comparisons on one network.
#[derive(Serialize)]
struct OfNetwork {
    network: &'static str,
    /// Names of the connections, the first first.
    connections: Vec<String>,
    /// Norms of the exact gradient of each.
    exact_norms: Vec<f64>,
    spikes_per_sample: f64,
    comparisons: Vec<Comparison>,
}

/// One surrogate on one grid beside the exact gradient.
#[derive(Serialize)]
struct Comparison {
    shape: &'static str,
    beta: f64,
    dt: f64,
    /// Of each connection, and of all weights together.
    connections: Vec<SimilarityOrReason>,
    all: SimilarityOrReason,
}

pub(crate) fn run(plan: &Plan<'_>) -> Result<Findings, StudyError> {
    let samples = plan.pick(100, 8);
    let kinds = &Kind::ALL[..plan.pick(Kind::ALL.len(), 2)];
    let (steps, betas) = (plan.pick(&STEPS[..], &STEPS[..1]), plan.pick(&BETAS[..], &BETAS[2..4]));
    let mut networks = Vec::new();
    for (k, kind) in kinds.iter().enumerate() {
        plan.tell(k, kinds.len(), kind.name())?;
        networks.push(of_network(plan, *kind, samples, steps, betas)?);
    }
    plan.tell(kinds.len(), kinds.len(), "done")?;
    let numbers = Numbers { samples, networks };
    let page = page(&numbers, steps)?;
    Findings::new(Study::Agreement, plan, &numbers, page)
}

/// What a network is like.
#[derive(Clone, Copy)]
enum Kind {
    Feedforward(usize),
    Recurrent,
}

impl Kind {
    const ALL: [Self; 4] =
        [Self::Feedforward(1), Self::Feedforward(2), Self::Feedforward(3), Self::Recurrent];

    fn name(self) -> &'static str {
        match self {
            Self::Feedforward(1) => "one hidden layer",
            Self::Feedforward(2) => "two hidden layers",
            Self::Feedforward(_) => "three hidden layers",
            Self::Recurrent => "one recurrent layer",
        }
    }

    fn config(self, seed: u64) -> Result<Config, StudyError> {
        let hidden = |k: usize| {
            // Drives that make most neurons spike once or twice a sample.
            let weights = if k == 0 { (1.5, 0.78) } else { (0.25, 0.35) };
            let recurrent = match self {
                Self::Feedforward(_) => None,
                Self::Recurrent => Some(json!({"mean": 0.0, "std": 0.3})),
            };
            json!({
                "name": format!("hidden{}", k + 1), "size": HIDDEN, "model": "lif", "tau_mem": 0.02, "tau_syn": 0.005,
                "weights": {"mean": weights.0, "std": weights.1}, "recurrent": recurrent,
            })
        };
        let depth = match self {
            Self::Feedforward(depth) => depth,
            Self::Recurrent => 1,
        };
        let mut layers: Vec<_> = (0..depth).map(hidden).collect();
        layers.push(json!({
            "name": "output", "model": "li", "tau_mem": 0.02, "tau_syn": 0.005,
            "weights": {"mean": 0.1, "std": 0.4},
        }));
        let mut config =
            Config::built_in("yin-yang").ok_or(StudyError::NoConfiguration { name: "yin-yang" })?;
        config.set("seed", &seed.to_string())?;
        config.set("layers", &json!(layers).to_string())?;
        config.set("loss", r#"{"name": "max-voltage-cross-entropy"}"#)?;
        config.set("regularisers", "{}")?;
        Ok(config)
    }
}

fn of_network(
    plan: &Plan<'_>,
    kind: Kind,
    samples: usize,
    steps: &[f64],
    betas: &[f64],
) -> Result<OfNetwork, StudyError> {
    let run = Run::new(&kind.config(plan.seed)?, Settings::default())?;
    let classifier = run.classifier();
    let (network, parameters) = (classifier.network(), classifier.parameters());
    let stimuli =
        (0..samples).map(|k| run.test_stimulus(k)).collect::<Result<Vec<Stimulus>, _>>()?;
    let population = &network.populations()[classifier.output()].name;
    let labels = || run.test().labels[..samples].iter().copied();

    let losses: Vec<_> = labels()
        .map(|label| MaxVoltageCrossEntropy { population: population.clone(), label })
        .collect();
    let exact: Vec<_> = stimuli
        .iter()
        .zip(&losses)
        .map(|(stimulus, loss)| Sample { stimulus, loss: loss as &dyn Loss })
        .collect();
    let settings = Settings::default();
    let exact =
        value_and_grad_batch(network, parameters, &exact, &settings, |_, trace| trace.spikes.len())
            .map_err(|failed| failed.source)?;

    let grid: Vec<_> = stimuli
        .iter()
        .zip(&losses)
        .map(|(stimulus, loss)| GridSample { stimulus, loss: loss as &dyn GridLoss })
        .collect();
    let mut comparisons = Vec::new();
    for &dt in steps {
        for shape in Shape::ALL {
            for &beta in betas {
                let surrogate = Surrogate { shape, beta, height: Height::One };
                let stepped =
                    SteppedNetwork::new(network, parameters, SteppedSettings::new(dt, surrogate))?;
                let found = stepped.value_and_grad_batch(parameters, &grid, |_, _| ())?.gradient;
                comparisons.push(Comparison::of(&exact.gradient, &found, shape, beta, dt));
            }
        }
    }
    let name = |connection: &spikegrad::Connection| {
        let name = |population: usize| network.populations()[population].name.clone();
        let from = match connection.from {
            spikegrad::Source::Input => "input".to_owned(),
            spikegrad::Source::Population(from) => name(from),
        };
        format!("{from} → {}", name(connection.to))
    };
    #[expect(clippy::cast_precision_loss, reason = "far fewer spikes than 2⁵³")]
    let spikes_per_sample = exact.extracted.iter().sum::<usize>() as f64 / samples as f64;
    Ok(OfNetwork {
        network: kind.name(),
        connections: network.connections().iter().map(name).collect(),
        exact_norms: exact.gradient.connections.iter().map(|c| norm(&c.weights)).collect(),
        spikes_per_sample,
        comparisons,
    })
}

impl Comparison {
    fn of(exact: &Parameters, found: &Parameters, shape: Shape, beta: f64, dt: f64) -> Self {
        let weights = |of: &Parameters| {
            of.connections.iter().map(|c| c.weights.clone()).collect::<Vec<Vec<f64>>>()
        };
        let (exact, found) = (weights(exact), weights(found));
        let connections =
            exact.iter().zip(&found).map(|(a, b)| SimilarityOrReason::of(a, b)).collect();
        let all = SimilarityOrReason::of(&exact.concat(), &found.concat());
        Self { shape: shape.name(), beta, dt, connections, all }
    }

    /// How similar the gradients of connection `k` are.
    fn similarity(&self, k: usize) -> Option<Similarity> {
        self.connections[k].similarity()
    }
}

fn page(numbers: &Numbers, steps: &[f64]) -> Result<Page, StudyError> {
    let finest = steps.iter().copied().fold(f64::INFINITY, f64::min);
    let by_scale = |of: &OfNetwork| Chart {
        heading: format!("{}: input weights", of.network),
        x: logarithmic("β (per unit of threshold)"),
        y: axis("cosine with the exact gradient"),
        lines: Shape::ALL
            .map(|shape| {
                let own = at(of, shape, finest);
                let points = own.iter().filter_map(|c| Some((c.beta, c.similarity(0)?.cosine)));
                line(shape.name(), points)
            })
            .into(),
    };
    let by_scale: Vec<Chart> = numbers.networks.iter().map(by_scale).collect();
    let of_connections =
        |of: &OfNetwork, of_similarity: fn(&Similarity) -> f64| -> Vec<ChartLine> {
            let own = at(of, Shape::SuperSpike, finest);
            let one = |(k, name): (usize, &String)| {
                let points =
                    own.iter().filter_map(|c| Some((c.beta, of_similarity(&c.similarity(k)?))));
                line(name.clone(), points)
            };
            of.connections.iter().enumerate().map(one).collect()
        };
    let by_depth = numbers.networks.iter().flat_map(|of| {
        [
            Chart {
                heading: format!("{}: direction", of.network),
                x: logarithmic("β (per unit of threshold)"),
                y: axis("cosine with the exact gradient"),
                lines: of_connections(of, |similarity| similarity.cosine),
            },
            Chart {
                heading: format!("{}: length", of.network),
                x: logarithmic("β (per unit of threshold)"),
                y: logarithmic("norm / norm of the exact gradient"),
                lines: of_connections(of, |similarity| similarity.norm_ratio),
            },
        ]
    });
    let by_depth: Vec<Chart> = by_depth.collect();
    let by_step = |of_similarity: fn(&Similarity) -> f64| -> Vec<ChartLine> {
        let one = |of: &OfNetwork| {
            let points = steps.iter().filter_map(|&dt| {
                let mut own = at(of, Shape::SuperSpike, dt).into_iter();
                let usual = own.find(|c| c.beta.to_bits() == USUAL.to_bits());
                Some((dt, of_similarity(&usual?.similarity(0)?)))
            });
            line(of.network, points)
        };
        numbers.networks.iter().map(one).collect()
    };
    let by_step = [
        Chart {
            heading: "Direction, input weights".to_owned(),
            x: logarithmic("dt (s)"),
            y: axis("cosine with the exact gradient"),
            lines: by_step(|similarity| similarity.cosine),
        },
        Chart {
            heading: "Length, input weights".to_owned(),
            x: logarithmic("dt (s)"),
            y: logarithmic("norm / norm of the exact gradient"),
            lines: by_step(|similarity| similarity.norm_ratio),
        },
    ];
    let milliseconds = 1e3 * finest;
    let mut colours = Colours::default();
    Ok(Page {
        introduction: vec![format!(
            "Weights as initialised, the mean gradient over {} samples of Yin-Yang, read by the maximal potentials of integrators. A cosine of 1 is the \
             direction of steepest descent; at 0 a small step along the surrogate gradient changes the loss not at all, to first order, and below 0 it raises it.",
            numbers.samples
        )],
        figures: vec![
            figure(
                &mut colours,
                "Shape and scale",
                &format!(
                    "The weights from the input, steps of {milliseconds} ms. Every surrogate has height one."
                ),
                &by_scale,
            )?,
            figure(
                &mut colours,
                "Layer by layer",
                &format!(
                    "SuperSpike, steps of {milliseconds} ms. A layer nearer to the input is reached through more surrogates."
                ),
                &by_depth,
            )?,
            figure(
                &mut colours,
                "The step",
                &format!(
                    "SuperSpike, β = {USUAL}. A surrogate is passed at every step, so that its gradient grows like 1/dt with every spiking layer that it passes, and has no limit; in feed-forward networks its direction has one."
                ),
                &by_step,
            )?,
        ],
        tables: vec![best(numbers, finest)],
        ..Page::default()
    })
}

/// The comparisons with one shape on one grid, in the order of the scales.
fn at(of: &OfNetwork, shape: Shape, dt: f64) -> Vec<&Comparison> {
    let all = of.comparisons.iter();
    all.filter(|c| c.shape == shape.name() && c.dt.to_bits() == dt.to_bits()).collect()
}

/// For each network and shape, the scale at which the direction is best; none where the surrogate gradient is zero at all scales.
fn best(numbers: &Numbers, finest: f64) -> Table {
    let mut rows = Vec::new();
    for of in &numbers.networks {
        for shape in Shape::ALL {
            let own = at(of, shape, finest).into_iter();
            let own = own.filter_map(|c| Some((c, c.similarity(0)?)));
            let best = own.max_by(|(_, a), (_, b)| a.cosine.total_cmp(&b.cosine));
            let Some((best, first)) = best else { continue };
            let of_all = |of: fn(Similarity) -> f64| {
                best.all.similarity().map_or_else(|| "–".to_owned(), |all| Table::number(of(all)))
            };
            rows.push(vec![
                of.network.to_owned(),
                shape.name().to_owned(),
                best.beta.to_string(),
                Table::number(first.cosine),
                Table::number(first.norm_ratio),
                of_all(|all| all.cosine),
                of_all(|all| all.norm_ratio),
            ]);
        }
    }
    table(
        "The scale at which the input weights are moved best",
        &[
            "Network",
            "surrogate",
            "β",
            "cosine, input weights",
            "norm ratio, input weights",
            "cosine, all weights",
            "norm ratio, all weights",
        ],
        rows,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn read_out_weights_agree_and_hidden_ones_less() {
        let plan = Plan { seed: 0, quick: true, progress: &|_, _, _| true };
        let numbers = run(&plan).unwrap().numbers;
        let networks = numbers["findings"]["networks"].as_array().unwrap();
        for of in networks {
            for comparison in of["comparisons"].as_array().unwrap() {
                let layers = comparison["connections"].as_array().unwrap();
                let cosine = |k: usize| layers[k]["cosine"].as_f64().unwrap();
                // No surrogate stands between the read-out and its weights: only the grid.
                assert!(cosine(layers.len() - 1) > 0.9, "{comparison}");
                assert!(cosine(0) < cosine(layers.len() - 1), "{comparison}");
            }
        }
    }
}
