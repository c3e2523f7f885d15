//! Training with surrogates of any shape and scale, and with the exact gradient, on the same task.
//!
//! After F. Zenke and T. P. Vogels, Neural Computation 33, 899 (2021): classes are smooth random manifolds of spike times (randman), one hidden layer, read by
//! the maximal potentials of integrators, or by averages that decay, which suit the exact gradient better. Their findings: the shape hardly matters; the scale does if the maximum of the derivative grows with it; large
//! derivatives that flow through the reset hurt; bounds on spike counts make a network sparse at little cost. Beside them stands the exact gradient, of the
//! same network with the same optimiser, simulated without a step. Each network is tested in the engine in which it was trained.
//!
//! Smaller than the paper's: fewer samples and epochs, Adam and not SMORMS3, one learning rate for all but the comparison of read-outs.
//! Not here: the task (`spikegrad_train::data`), gradients beside each other at one point (`agreement.rs`).

use crate::drawing::{axis, counted, dashed, figure, line, logarithmic, table};
use crate::task::{Fitted, Method, Readout, Task};
use crate::{Findings, Plan, Study, StudyError};
use serde::Serialize;
use spikegrad_compare::time_stepped::{Activity, Height, Shape, Side, SteppedSettings, Surrogate};
use spikegrad_report::plot::{Chart, ChartLine, ChartPoint, Colours};
use spikegrad_report::{Page, Table};

/// Scales of the surrogates, per unit of the threshold.
const BETAS: [f64; 3] = [1.0, 10.0, 100.0];

/// The paper's shapes.
const SHAPES: [Shape; 3] = [Shape::SuperSpike, Shape::Sigmoid, Shape::PiecewiseLinear];

/// Step of the grid, in s.
const DT: f64 = 1e-3;

/// Strengths of the bounds on spikes.
const STRENGTHS: [f64; 3] = [1e-2, 1e-1, 1.0];

/// Learning rates of Adam at which the exact gradient and the usual surrogate are compared.
const RATES: [f64; 4] = [5e-3, 1e-2, 2e-2, 4e-2];

/// The learning rate of everything else.
const RATE: f64 = 2e-2;

/// The scale at which learning rates and sparsity are studied.
const USUAL: f64 = 10.0;

#[derive(Serialize)]
struct Numbers {
    seeds: u64,
    task: Task,
    conditions: Vec<Condition>,
}

/// One way to train, with every seed.
#[derive(Serialize)]
struct Condition {
    #[serde(flatten)]
    what: What,
    #[serde(flatten)]
    out: Outcome,
}

/// A way to train.
#[derive(Clone, Copy, Serialize)]
struct What {
    group: Group,
    readout: Readout,
    rate: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    shape: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    beta: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    strength: Option<f64>,
}

/// What is varied.
#[derive(Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Group {
    Exact,
    /// Height one, no gradient through the reset.
    Shape,
    /// The maximum grows with the scale.
    Asymptotic,
    /// Height one, with the gradient through the reset.
    Reset,
    /// Both.
    AsymptoticReset,
    /// With a bound on spike counts: no spike is wanted.
    Sparse,
    /// With two: one spike of each neuron is wanted.
    One,
}

/// Over the seeds.
#[derive(Clone, Copy, Serialize)]
struct Outcome {
    /// Mean and standard deviation of the share of test samples classified rightly; of one seed there is no deviation.
    accuracy: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    deviation: Option<f64>,
    /// Mean number of hidden spikes in a test sample.
    hidden_spikes: f64,
}

impl Group {
    fn name(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Shape => "height one",
            Self::Asymptotic => "growing height",
            Self::Reset => "height one, through the reset",
            Self::AsymptoticReset => "growing height, through the reset",
            Self::Sparse => "height one, no spikes wanted",
            Self::One => "height one, one spike wanted",
        }
    }
}

pub(crate) fn run(plan: &Plan<'_>) -> Result<Findings, StudyError> {
    let task = Task::randman(plan);
    let seeds = plan.pick(2, 1);
    let all = conditions(plan);
    let mut conditions = Vec::new();
    for (what, method) in all.iter() {
        let What { group, readout, rate, shape, beta, .. } = what;
        let mut name = format!("{}, {} read-out, rate {rate}", group.name(), readout.name());
        if let (Some(shape), Some(beta)) = (shape, beta) {
            name += &format!(", {shape}, β = {beta}");
        }
        plan.tell(conditions.len(), all.len(), &name)?;
        let fitted = (0..seeds)
            .map(|k| task.fit(plan.seed.wrapping_add(k), what.rate, what.readout, method))
            .collect::<Result<Vec<Fitted>, _>>()?;
        conditions.push(Condition { what: *what, out: Outcome::of(&fitted) });
    }
    plan.tell(all.len(), all.len(), "done")?;
    let numbers = Numbers { seeds, task, conditions };
    let page = page(&numbers)?;
    Findings::new(Study::Robustness, plan, &numbers, page)
}

fn conditions(plan: &Plan<'_>) -> Vec<(What, Method)> {
    let mut all = Vec::new();
    let mut surrogate = |group, (readout, rate), shape: Shape, beta: f64, strength: Option<f64>| {
        let height = match group {
            Group::Asymptotic | Group::AsymptoticReset => Height::Growing,
            _ => Height::One,
        };
        let (sides, threshold): (&[Side], f64) = match group {
            Group::One => (&[Side::Upper, Side::Lower], 1.0),
            _ => (&[Side::Upper], 0.0),
        };
        let bounds = |strength: f64| {
            let bound = |&side| Activity { population: 0, side, strength, threshold, power: 1 };
            sides.iter().map(bound).collect()
        };
        let settings = SteppedSettings {
            detach_reset: !matches!(group, Group::Reset | Group::AsymptoticReset),
            activity: strength.map(bounds).unwrap_or_default(),
            ..SteppedSettings::new(DT, Surrogate { shape, beta, height })
        };
        let (shape, beta) = (Some(shape.name()), Some(beta));
        let what = What { group, readout, rate, shape, beta, strength };
        all.push((what, Method::Surrogate(settings)));
    };
    let usual = (Readout::Maximum, RATE);
    for &beta in plan.pick(&BETAS[..], &BETAS[1..2]) {
        for shape in SHAPES {
            surrogate(Group::Shape, usual, shape, beta, None);
        }
        for group in [Group::Asymptotic, Group::Reset, Group::AsymptoticReset] {
            surrogate(group, usual, Shape::SuperSpike, beta, None);
        }
    }
    for &strength in plan.pick(&STRENGTHS[..], &STRENGTHS[..1]) {
        for group in [Group::Sparse, Group::One] {
            surrogate(group, usual, Shape::SuperSpike, USUAL, Some(strength));
        }
    }
    let rates = plan.pick(&RATES[..], &RATES[2..3]).iter();
    let tried = rates.flat_map(|&rate| [Readout::Maximum, Readout::Shaped].map(|by| (by, rate)));
    let tried: Vec<(Readout, f64)> = tried.collect();
    for &by in tried.iter().filter(|&&by| by != usual) {
        surrogate(Group::Shape, by, Shape::SuperSpike, USUAL, None);
    }
    all.extend(tried.into_iter().map(|(readout, rate)| {
        let group = Group::Exact;
        (What { group, readout, rate, shape: None, beta: None, strength: None }, Method::Exact)
    }));
    all
}

impl Outcome {
    fn of(fitted: &[Fitted]) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "a few seeds")]
        let n = fitted.len() as f64;
        let mean = |of: fn(&Fitted) -> f64| fitted.iter().map(of).sum::<f64>() / n;
        let accuracy = mean(|f| f.accuracy);
        let squares: f64 = fitted.iter().map(|f| (f.accuracy - accuracy).powi(2)).sum();
        let deviation = (fitted.len() > 1).then(|| (squares / (n - 1.0)).sqrt());
        Self { accuracy, deviation, hidden_spikes: mean(|f| f.hidden_spikes) }
    }
}

fn page(numbers: &Numbers) -> Result<Page, StudyError> {
    let read_by = |group: Group, readout: Readout| {
        let wanted = move |c: &&Condition| c.what.group == group && c.what.readout == readout;
        numbers.conditions.iter().filter(wanted)
    };
    let is_usual = |c: &&Condition| c.what.rate.total_cmp(&RATE).is_eq();
    let of = |group: Group| read_by(group, Readout::Maximum).filter(is_usual);
    let is_super = |c: &&Condition| {
        c.what.shape == Some(Shape::SuperSpike.name()) && c.what.beta == Some(USUAL)
    };
    // Without a deviation, a point without a bar.
    let point = |x: f64, c: &Condition| {
        let (y, spread) = (100.0 * c.out.accuracy, 100.0 * c.out.deviation.unwrap_or(0.0));
        ChartPoint { x, y, spread }
    };
    let over_scale = |name: &str, group: Group, shape: Shape| ChartLine {
        name: name.to_owned(),
        dashed: false,
        points: of(group)
            .filter(|c| c.what.shape == Some(shape.name()))
            .filter_map(|c| c.what.beta.map(|x| point(x, c)))
            .collect(),
    };
    let reference = || {
        let level = |c: &Condition| [BETAS[0], BETAS[2]].map(|beta| (beta, 100.0 * c.out.accuracy));
        dashed(line("exact gradient", of(Group::Exact).flat_map(level)))
    };
    let chart = |heading: &str, mut lines: Vec<ChartLine>| {
        lines.push(reference());
        Chart {
            heading: heading.to_owned(),
            x: logarithmic("β (per unit of threshold)"),
            y: axis("test accuracy (%)"),
            lines,
        }
    };
    let by_shape = SHAPES.map(|shape| over_scale(shape.name(), Group::Shape, shape));
    let groups = [Group::Shape, Group::Asymptotic, Group::Reset, Group::AsymptoticReset];
    let by_group = groups.map(|group| over_scale(group.name(), group, Shape::SuperSpike));
    let sparse = |c: &Condition| (c.out.hidden_spikes, 100.0 * c.out.accuracy);
    let unbounded = of(Group::Shape).filter(is_super);
    let sparsity = [Chart {
        heading: format!("SuperSpike, β = {USUAL}"),
        x: logarithmic("hidden spikes a sample"),
        y: axis("test accuracy (%)"),
        lines: vec![
            line("no spikes wanted", of(Group::Sparse).map(sparse)),
            line("one spike of each neuron wanted", of(Group::One).map(sparse)),
            line("without a bound", unbounded.map(sparse)),
            line("exact gradient, without a bound", of(Group::Exact).map(sparse)),
        ],
    }];
    let over_rate = |name: &str, conditions: Vec<&Condition>| {
        let mut points: Vec<ChartPoint> =
            conditions.iter().map(|c| point(c.what.rate, c)).collect();
        points.sort_by(|a, b| a.x.total_cmp(&b.x));
        ChartLine { name: name.to_owned(), dashed: false, points }
    };
    let rates = |by: Readout| {
        let surrogate = read_by(Group::Shape, by).filter(is_super).collect();
        let exact = read_by(Group::Exact, by).collect();
        Chart {
            heading: format!("{} of potentials", by.title()),
            x: logarithmic("learning rate"),
            y: axis("test accuracy (%)"),
            lines: vec![over_rate("SuperSpike", surrogate), over_rate("exact gradient", exact)],
        }
    };
    let mut colours = Colours::default();
    let Task { classes, units, hidden, train, test, epochs, .. } = &numbers.task;
    Ok(Page {
        introduction: vec![format!(
            "{classes} random manifolds of spike times on {units} units, {hidden} hidden neurons, {train} samples to learn from and {test} to be tested on, {epochs} epochs, \
             {}; Adam. Surrogates learn and are tested on a grid of {} ms; the exact gradient without one.",
            counted(numbers.seeds, "seed", "seeds"),
            1e3 * DT
        )],
        figures: vec![
            figure(
                &mut colours,
                "Read-out and learning rate",
                &format!(
                    "The exact gradient and SuperSpike with β = {USUAL}; below, all is at the rate {RATE} and read by maxima."
                ),
                &[rates(Readout::Maximum), rates(Readout::Shaped)],
            )?,
            figure(
                &mut colours,
                "Shape and scale",
                "Each with height one and no gradient through the reset. Bars are one standard deviation over the seeds, where there is more than one.",
                &[chart("Shape", by_shape.into())],
            )?,
            figure(
                &mut colours,
                "Height and reset",
                "SuperSpike; the maximum of the derivative one, or growing with the scale, and the gradient through the reset left out or not.",
                &[chart("SuperSpike", by_group.into())],
            )?,
            figure(&mut colours, "Sparsity", "What fewer spikes cost.", &sparsity)?,
        ],
        tables: vec![rows(numbers)],
        ..Page::default()
    })
}

fn rows(numbers: &Numbers) -> Table {
    let row = |c: &Condition| {
        let optional = |x: Option<f64>| x.map_or_else(|| "–".to_owned(), |x| x.to_string());
        vec![
            c.what.group.name().to_owned(),
            c.what.readout.name().to_owned(),
            c.what.rate.to_string(),
            c.what.shape.unwrap_or("–").to_owned(),
            optional(c.what.beta),
            optional(c.what.strength),
            Table::percent(c.out.accuracy),
            c.out.deviation.map_or_else(|| "–".to_owned(), Table::percent),
            Table::number(c.out.hidden_spikes),
        ]
    };
    table(
        "All conditions",
        &[
            "Gradient",
            "read-out",
            "rate",
            "shape",
            "β",
            "bound",
            "accuracy (%)",
            "std (%)",
            "hidden spikes",
        ],
        numbers.conditions.iter().map(row).collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_to_train_learns_something() {
        let plan = Plan { seed: 0, quick: true, progress: &|_, _, _| true };
        let Findings { numbers, page } = run(&plan).unwrap();
        assert!(page.introduction[0].contains(" 1 seed;"), "{}", page.introduction[0]);
        let conditions = numbers["findings"]["conditions"].as_array().unwrap();
        assert_eq!(conditions.len(), 11);
        for condition in conditions {
            // A guess is right in a third of the cases.
            assert!(condition["accuracy"].as_f64().unwrap() > 0.5, "{condition}");
        }
    }
}
