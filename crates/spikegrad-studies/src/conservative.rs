//! Line integrals around closed loops: zero for a gradient, and not for surrogate gradients.
//!
//! Two networks. The first is that of J. Gygax and F. Zenke (Neural Computation 37, 886, 2025; arXiv:2404.14964): five weights, sigmoids so steep that they are
//! steps, surrogates of three scales, a circle of radius 1.8 in a random plane. It has no spike times, and its exact gradient is next to zero almost
//! everywhere. The second spikes in continuous time: there the exact gradient has something to say, and its integral around a loop is, up to the error of the rule, minus
//! the sum of what the loss jumps where the order of events changes.
//!
//! Not here: the integrals (`spikegrad_compare::stochastic`).

use crate::drawing::{axis, dashed, figure, line, table};
use crate::landscape::Weights;
use crate::{Findings, Plan, Study, StudyError};
use serde::Serialize;
use spikegrad::MeanVoltageCrossEntropy;
use spikegrad_compare::stochastic::{Circle, Landscape, five_weights, integrate, running_integral};
use spikegrad_compare::time_stepped::{
    GridError, GridSample, Height, Shape, SteppedNetwork, SteppedSettings, Surrogate,
};
use spikegrad_report::plot::{Chart, Colours};
use spikegrad_report::{Page, Table};

/// Of the paper: radius, points on the circle, steepness of the forward pass and of the surrogates.
const RADIUS: f64 = 1.8;
const POINTS: u32 = 1500;
const FORWARD: f64 = 1e4;
const SURROGATES: [f64; 3] = [1.0, 5.0, 20.0];

/// A forward pass that is smooth enough to have a gradient: the control.
const SMOOTH: f64 = 5.0;

/// Around the spiking network: a radius at which spikes come and go, and the step that is usual.
const SPIKING_RADIUS: f64 = 1.2;
const DT: f64 = 1e-3;

#[derive(Serialize)]
struct Numbers {
    five_weights: Vec<FiveWeights>,
    spiking: Vec<Spiking>,
}

/// What is left after a loop through the network of five weights.
#[derive(Serialize)]
struct FiveWeights {
    forward_beta: f64,
    surrogate_beta: f64,
    /// The line integral around the loop; a gradient's is zero.
    closed_loop: f64,
    /// The line integral up to each point, and what the output has changed by there.
    integral: Vec<f64>,
    change: Vec<f64>,
}

impl FiveWeights {
    fn is_exact(&self) -> bool {
        self.forward_beta.to_bits() == self.surrogate_beta.to_bits()
    }
}

/// What is left after a loop through the spiking network.
#[derive(Serialize)]
struct Spiking {
    circle: u64,
    /// Places where the order of events changes.
    crossings: usize,
    /// The line integral of the exact gradient, what the loss jumps by, and their sum.
    integral: f64,
    jumps: f64,
    residual: f64,
    /// The line integrals of surrogate gradients.
    surrogates: Vec<OfSurrogate>,
    /// The loss around the loop.
    loss: Vec<f64>,
}

#[derive(Serialize)]
struct OfSurrogate {
    beta: f64,
    closed_loop: f64,
    integral: Vec<f64>,
}

pub(crate) fn run(plan: &Plan<'_>) -> Result<Findings, StudyError> {
    let circles = plan.pick(3, 1);
    let cases = circles + 1;
    plan.tell(0, cases, "five weights")?;
    let five_weights = five_weights_loops(plan.seed)?;
    let mut spiking = Vec::new();
    for circle in (0..).take(circles) {
        plan.tell(spiking.len() + 1, cases, "spiking network")?;
        spiking.push(spiking_loop(plan, plan.seed.wrapping_add(circle))?);
    }
    plan.tell(cases, cases, "done")?;
    let numbers = Numbers { five_weights, spiking };
    let page = page(&numbers)?;
    Findings::new(Study::Conservative, plan, &numbers, page)
}

fn five_weights_loops(seed: u64) -> Result<Vec<FiveWeights>, StudyError> {
    let circle = Circle::random(vec![0.0; 5], RADIUS, seed).ok_or(StudyError::NoPlane)?;
    let points = || Circle::angles(POINTS).map(|angle| circle.at(angle));
    let weights = |theta: &[f64]| std::array::from_fn(|k| theta[k]);
    let around = |forward_beta: f64, surrogate_beta: f64| {
        let field = |theta: &[f64]| {
            five_weights::gradient(&weights(theta), 1.0, forward_beta, surrogate_beta).to_vec()
        };
        let integral = running_integral(points().map(|point| (point.clone(), field(&point))));
        let output: Vec<f64> =
            points().map(|at| five_weights::output(&weights(&at), 1.0, forward_beta)).collect();
        FiveWeights {
            forward_beta,
            surrogate_beta,
            closed_loop: integral[integral.len() - 1],
            integral,
            change: output.iter().map(|y| y - output[0]).collect(),
        }
    };
    let mut all: Vec<_> = SURROGATES.iter().map(|&beta| around(FORWARD, beta)).collect();
    all.push(around(SMOOTH, SMOOTH));
    Ok(all)
}

/// What is integrated around circles of weights.
fn loss() -> MeanVoltageCrossEntropy {
    MeanVoltageCrossEntropy { population: "read".into(), label: 0 }
}

fn spiking_loop(plan: &Plan<'_>, circle: u64) -> Result<Spiking, StudyError> {
    let loss = loss();
    let weights = Weights::small(&loss)?;
    let path = Circle::random(weights.here(), SPIKING_RADIUS, circle).ok_or(StudyError::NoPlane)?;
    let around = integrate(&weights, &path, plan.pick(POINTS, 400))?;
    let points = || Circle::angles(plan.pick(POINTS, 100)).map(|angle| path.at(angle));
    let surrogate = |beta: f64| -> Result<OfSurrogate, StudyError> {
        let field = points().map(|at| Ok((at.clone(), surrogate_field(&weights, beta, &at)?)));
        let integral = running_integral(field.collect::<Result<Vec<_>, GridError>>()?);
        Ok(OfSurrogate { beta, closed_loop: integral[integral.len() - 1], integral })
    };
    Ok(Spiking {
        circle,
        crossings: around.crossings.len(),
        integral: around.integral,
        jumps: around.jumps(),
        residual: around.residual(),
        surrogates: SURROGATES.into_iter().map(surrogate).collect::<Result<_, _>>()?,
        loss: points().map(|at| Ok(weights.value(&at)?.0)).collect::<Result<_, StudyError>>()?,
    })
}

fn surrogate_field(weights: &Weights<'_>, beta: f64, theta: &[f64]) -> Result<Vec<f64>, GridError> {
    let surrogate = Surrogate { shape: Shape::SuperSpike, beta, height: Height::One };
    let (parameters, settings) = (weights.at(theta), SteppedSettings::new(DT, surrogate));
    let stepped = SteppedNetwork::new(&weights.network, &parameters, settings)?;
    let loss = loss();
    let sample = [GridSample { stimulus: &weights.stimulus, loss: &loss }];
    let batch = stepped.value_and_grad_batch(&parameters, &sample, |_, _| ())?;
    Ok(Weights::row(&batch.gradient))
}

/// The values with the share of the loop at which each was taken; the last is at the first point again.
#[expect(clippy::cast_precision_loss, reason = "some thousand points")]
fn along(values: &[f64]) -> impl Iterator<Item = (f64, f64)> + '_ {
    let last = (values.len() - 1) as f64;
    values.iter().enumerate().map(move |(k, &value)| (k as f64 / last, value))
}

fn page(numbers: &Numbers) -> Result<Page, StudyError> {
    let Numbers { five_weights, spiking } = numbers;
    let panel = |of: &FiveWeights| Chart {
        heading: match of.is_exact() {
            true => format!("β = β_SG = {}: a gradient", of.forward_beta),
            false => format!("β = {:e}, β_SG = {}", of.forward_beta, of.surrogate_beta),
        },
        x: axis("share of the loop"),
        y: axis("change along the loop"),
        lines: vec![
            line("integral of the (surrogate) gradient", along(&of.integral)),
            dashed(line("change of the output", along(&of.change))),
        ],
    };
    let panels: Vec<Chart> = five_weights.iter().map(panel).collect();
    let mut colours = Colours::default();
    let first = figure(
        &mut colours,
        "Five weights",
        "The integral of a gradient is the change of the function, and comes back to zero. That of a surrogate gradient does neither.",
        &panels,
    )?;
    let spiking_panel = |of: &Spiking| Chart {
        heading: format!("Spiking network, circle {}", of.circle),
        x: axis("share of the loop"),
        y: axis("change along the loop"),
        lines: of
            .surrogates
            .iter()
            .map(|of| line(format!("surrogate, β_SG = {}", of.beta), along(&of.integral)))
            .chain([dashed(line("loss", along(&of.loss).map(|(x, loss)| (x, loss - of.loss[0]))))])
            .collect(),
    };
    let panels: Vec<Chart> = spiking.iter().map(spiking_panel).collect();
    let second = figure(
        &mut colours,
        "Spikes in continuous time",
        "The loss is smooth but where the order of events changes; there it may bend or jump. The integrals of surrogate gradients, on a grid of 1 ms, do not follow it.",
        &panels,
    )?;
    let of_five = five_weights.iter().map(|of| {
        let number = Table::number;
        let largest = of.integral.iter().fold(0.0_f64, |largest, x| largest.max(x.abs()));
        vec![
            number(of.surrogate_beta),
            number(of.forward_beta),
            number(of.closed_loop),
            number(largest),
        ]
    });
    let of_five = table(
        "Five weights",
        &["β_SG", "β forward", "left after the loop", "largest on the way"],
        of_five.collect(),
    );
    let of_spiking = spiking.iter().map(|of| {
        let exact = [of.integral, of.jumps, of.residual].map(Table::number);
        let others = of.surrogates.iter().map(|of| Table::number(of.closed_loop));
        let head = [of.circle.to_string(), of.crossings.to_string()];
        head.into_iter().chain(exact).chain(others).collect()
    });
    let of_spiking = table(
        "Spiking network",
        &[
            "Circle",
            "crossings",
            "exact: integral",
            "exact: jumps",
            "exact: sum",
            "β_SG = 1: integral",
            "β_SG = 5: integral",
            "β_SG = 20: integral",
        ],
        of_spiking.collect(),
    );
    Ok(Page {
        introduction: vec![
            "A field is the gradient of a continuous function if and only if its integral around every closed loop is zero. That of surrogate gradients is \
             not: no continuous surrogate loss has them for its gradient."
                .to_owned(),
            "The exact gradient of a spiking network is the gradient of a loss that jumps where spikes come and go. Its integral around a loop is not \
             zero either, but together with the jumps of the loss it is, to the error of the quadrature; surrogate gradients have no loss whose jumps \
             could be added."
                .to_owned(),
        ],
        figures: vec![first, second],
        tables: vec![of_five, of_spiking],
        ..Page::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn surrogates_leave_something_after_a_loop_and_gradients_nothing() {
        let plan = Plan { seed: 124, quick: true, progress: &|_, _, _| true };
        let numbers = run(&plan).unwrap().numbers;
        let five = numbers["findings"]["five_weights"].as_array().unwrap();
        let left = |k: usize| five[k]["closed_loop"].as_f64().unwrap().abs();
        assert!((0..3).all(|k| left(k) > 1e-3) && left(3) < 1e-4);
        let spiking = &numbers["findings"]["spiking"][0];
        let of = |key: &str| spiking[key].as_f64().unwrap().abs();
        assert!(of("jumps") > 1e-3 && of("residual") < 1e-6 * of("jumps"), "{}", of("residual"));
    }
}
