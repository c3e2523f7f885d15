//! Training with surrogates of any shape and scale, and with the exact gradient, on the same task.
//!
//! After F. Zenke and T. P. Vogels, Neural Computation 33, 899 (2021): classes are smooth random manifolds of spike times (randman), one hidden layer, recurrent or not, read by
//! the maximal potentials of integrators, or by averages that decay, which suit the exact gradient better. Their findings: the shape hardly matters; the scale does if the maximum of the derivative grows with it; large
//! derivatives that flow through the reset hurt; bounds on spike counts make a network sparse at little cost. Beside them stands the exact gradient, of the
//! same network with the same optimiser, simulated without a step, and that of quadratic neurons read by first spikes, which after the run are pseudospikes. Each network is tested in the
//! engine in which it was trained.
//!
//! Learning rates are chosen by a validation part, for the exact gradient and for `SuperSpike` with each read-out; other surrogates take that over. Those of quadratic neurons and of the exact recurrent network were chosen
//! in shorter runs (`docs/results/robustness_read_out.md`).
//!
//! Smaller than the paper's: fewer samples and epochs, Adam and not SMORMS3.
//! Not here: the task (`spikegrad_train::data`), gradients beside each other at one point (`agreement.rs`).

use crate::drawing::{axis, dashed, figure, line, logarithmic, table};
use crate::task::{Design, Fitted, Method, Readout, Task, largest};
use crate::{Findings, Plan, Study, StudyError};
use serde::Serialize;
use spikegrad_compare::time_stepped::{Activity, Height, Shape, Side, SteppedSettings, Surrogate};
use spikegrad_report::plot::{Chart, ChartLine, ChartPoint, Colours};
use spikegrad_report::{Page, Table};
use std::ops::Range;

/// Scales of the surrogates, per unit of the threshold.
const BETAS: [f64; 3] = [1.0, 10.0, 100.0];

/// Two of the paper's three shapes: the sigmoid takes several times as long.
const SHAPES: [Shape; 2] = [Shape::SuperSpike, Shape::PiecewiseLinear];

/// Step of the grid, in s.
const DT: f64 = 1e-3;

/// Strengths of the bounds on spikes.
const STRENGTHS: [f64; 2] = [1e-1, 1.0];

/// Learning rates of Adam, of which each row takes the one with the best validation accuracy.
const RATES: [f64; 5] = [2e-2, 4e-2, 8e-2, 1.6e-1, 3.2e-1];

/// The same of recurrent networks under surrogates.
const RECURRENT_RATES: [f64; 4] = [1e-2, 2e-2, 4e-2, 8e-2];

/// The learning rate of recurrent networks under exact gradients: at 0.08 excitation runs away, until a run has spent its budget of events.
const RECURRENT_RATE: f64 = 2e-2;

/// The learning rate of quadratic neurons, chosen in shorter runs.
const QUADRATIC_RATE: f64 = 5e-2;

/// Number of seeds of what is compared.
const SEEDS: u64 = 5;

/// Number of seeds with which the rates are tried, and shapes, scales and bounds compared.
const FEWER: u64 = 2;

/// The scale at which learning rates, recurrence and sparsity are studied.
const USUAL: f64 = 10.0;

#[derive(Serialize)]
struct Numbers {
    task: Task,
    conditions: Vec<Condition>,
}

/// One way to train, with every seed.
#[derive(Serialize)]
struct Condition {
    #[serde(flatten)]
    what: What,
    rate: f64,
    /// Whether it is the one with the best mean validation accuracy over the seeds that tried them all, or is taken over from there.
    chosen: bool,
    #[serde(flatten)]
    out: Outcome,
}

/// A way to train, at any rate.
#[derive(Clone, Copy, Serialize)]
struct What {
    group: Group,
    #[serde(flatten)]
    design: Design,
    #[serde(skip_serializing_if = "Option::is_none")]
    shape: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    beta: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    strength: Option<f64>,
}

/// A way to train, with the number of its seeds.
struct Way {
    what: What,
    method: Method,
    seeds: u64,
}

/// A way to train at the best of some learning rates.
struct Row {
    way: Way,
    rates: &'static [f64],
    /// Number of seeds with which each of them is tried.
    tried: u64,
    /// Ways to train that take the rate over.
    others: Vec<Way>,
}

/// What is varied.
#[derive(Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Group {
    Exact,
    /// Height one, no gradient through the reset.
    Shape,
    /// Height one, with the gradient through the reset.
    Reset,
    /// The same, and the maximum grows with the scale.
    AsymptoticReset,
    /// With a bound on spike counts: no spike is wanted.
    Sparse,
}

/// Over the seeds.
#[derive(Clone, Copy, Serialize)]
struct Outcome {
    /// Their number.
    seeds: usize,
    /// Mean and standard deviation of the share of test samples classified rightly; of one seed there is no deviation.
    accuracy: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    deviation: Option<f64>,
    /// The mean of the validation part.
    validation: f64,
    /// Mean number of hidden spikes in a test sample.
    hidden_spikes: f64,
}

impl Group {
    fn name(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Shape => "height one",
            Self::Reset => "height one, through the reset",
            Self::AsymptoticReset => "growing height, through the reset",
            Self::Sparse => "height one, no spikes wanted",
        }
    }
}

pub(crate) fn run(plan: &Plan<'_>) -> Result<Findings, StudyError> {
    let task = Task::randman(plan);
    let rows = rows(plan);
    // The best rate has more seeds to go.
    let all = rows.iter().map(|row| row.rates.len() + 1 + row.others.len()).sum();
    let mut done = 0;
    let mut fit = |Way { what, method, .. }: &Way, rate: f64, seeds: Range<u64>| {
        plan.tell(done, all, &format!("{}, rate {rate}", what.name()))?;
        done += 1;
        let one = |k: u64| task.fit(plan.seed.wrapping_add(k), rate, what.design, method);
        seeds.map(one).collect::<Result<Vec<Fitted>, StudyError>>()
    };
    let mut conditions = Vec::new();
    for Row { way, rates, tried, others } in &rows {
        let mut fitted = Vec::new();
        for &rate in *rates {
            fitted.push((rate, fit(way, rate, 0..*tried)?));
        }
        let validation = |(_, fitted): &(f64, Vec<Fitted>)| Outcome::of(fitted).validation;
        let best = largest(fitted.iter().map(validation)).unwrap_or(0);
        let rate = rates[best];
        fitted[best].1.extend(fit(way, rate, *tried..way.seeds)?);
        conditions.extend(fitted.iter().enumerate().map(|(k, (rate, fitted))| Condition {
            what: way.what,
            rate: *rate,
            chosen: k == best,
            out: Outcome::of(fitted),
        }));
        for other in others {
            let out = Outcome::of(&fit(other, rate, 0..other.seeds)?);
            conditions.push(Condition { what: other.what, rate, chosen: true, out });
        }
    }
    plan.tell(all, all, "done")?;
    let numbers = Numbers { task, conditions };
    let page = page(&numbers)?;
    Findings::new(Study::Robustness, plan, &numbers, page)
}

impl What {
    fn name(&self) -> String {
        let Self { group, design, shape, beta, .. } = self;
        let mut name = format!("{}, {} read-out", group.name(), design.readout.name());
        if let (Some(shape), Some(beta)) = (shape, beta) {
            name += &format!(", {shape}, β = {beta}");
        }
        name + if design.recurrent { ", recurrent" } else { "" }
    }
}

fn rows(plan: &Plan<'_>) -> Vec<Row> {
    let [seeds, fewer] = plan.pick([SEEDS, FEWER], [1, 1]);
    let exact = |readout, recurrent, seeds| {
        let design = Design { readout, recurrent };
        let what = What { group: Group::Exact, design, shape: None, beta: None, strength: None };
        Way { what, method: Method::Exact, seeds }
    };
    let usual = |readout, recurrent| {
        let design = Design { readout, recurrent };
        Way { seeds, ..surrogate(Group::Shape, design, Shape::SuperSpike, USUAL, None) }
    };
    let by_maxima = Design { readout: Readout::Maximum, recurrent: false };
    let mut others = Vec::new();
    for &beta in plan.pick(&BETAS[..], &BETAS[1..2]) {
        // One of them is the row itself.
        for shape in SHAPES.into_iter().filter(|&s| s != Shape::SuperSpike || beta != USUAL) {
            others.push(surrogate(Group::Shape, by_maxima, shape, beta, None));
        }
        for group in [Group::Reset, Group::AsymptoticReset] {
            others.push(surrogate(group, by_maxima, Shape::SuperSpike, beta, None));
        }
    }
    for &strength in plan.pick(&STRENGTHS[..], &STRENGTHS[..1]) {
        others.push(surrogate(Group::Sparse, by_maxima, Shape::SuperSpike, USUAL, Some(strength)));
    }
    others.iter_mut().for_each(|other| other.seeds = fewer);
    let row = |way, rates, others| {
        let rates = plan.pick(rates, &RATES[..1]);
        Row { way, rates, tried: fewer, others }
    };
    vec![
        row(exact(Readout::Maximum, false, seeds), &RATES, vec![]),
        row(usual(Readout::Maximum, false), &RATES, others),
        row(exact(Readout::Shaped, false, seeds), &RATES, vec![]),
        row(usual(Readout::Shaped, false), &RATES, vec![]),
        row(exact(Readout::Shaped, true, seeds), &[RECURRENT_RATE], vec![]),
        row(usual(Readout::Shaped, true), &RECURRENT_RATES, vec![]),
        row(
            exact(Readout::FirstSpike, false, seeds),
            &[QUADRATIC_RATE],
            vec![exact(Readout::FirstSpike, true, seeds)],
        ),
    ]
}

/// A way to train with one seed.
fn surrogate(group: Group, design: Design, shape: Shape, beta: f64, strength: Option<f64>) -> Way {
    let height = match group {
        Group::AsymptoticReset => Height::Growing,
        _ => Height::One,
    };
    let bound = |strength: f64| {
        vec![Activity { population: 0, side: Side::Upper, strength, threshold: 0.0, power: 1 }]
    };
    let settings = SteppedSettings {
        detach_reset: !matches!(group, Group::Reset | Group::AsymptoticReset),
        activity: strength.map(bound).unwrap_or_default(),
        ..SteppedSettings::new(DT, Surrogate { shape, beta, height })
    };
    let (shape, beta) = (Some(shape.name()), Some(beta));
    let what = What { group, design, shape, beta, strength };
    Way { what, method: Method::Surrogate(settings), seeds: 1 }
}

impl Outcome {
    fn of(fitted: &[Fitted]) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "a few seeds")]
        let n = fitted.len() as f64;
        let mean = |of: fn(&Fitted) -> f64| fitted.iter().map(of).sum::<f64>() / n;
        let accuracy = mean(|f| f.accuracy);
        let squares: f64 = fitted.iter().map(|f| (f.accuracy - accuracy).powi(2)).sum();
        let deviation = (fitted.len() > 1).then(|| (squares / (n - 1.0)).sqrt());
        let (seeds, validation) = (fitted.len(), mean(|f| f.validation));
        Self { seeds, accuracy, deviation, validation, hidden_spikes: mean(|f| f.hidden_spikes) }
    }
}

fn page(numbers: &Numbers) -> Result<Page, StudyError> {
    let read_by = |group: Group, readout: Readout| {
        let design = Design { readout, recurrent: false };
        let wanted = move |c: &&Condition| c.what.group == group && c.what.design == design;
        numbers.conditions.iter().filter(wanted)
    };
    let of = |group: Group| read_by(group, Readout::Maximum).filter(|c| c.chosen);
    let is_super = |c: &&Condition| {
        c.what.shape == Some(Shape::SuperSpike.name()) && c.what.beta == Some(USUAL)
    };
    // Without a deviation, a point without a bar.
    let point = |x: f64, c: &Condition| {
        let (y, spread) = (100.0 * c.out.accuracy, 100.0 * c.out.deviation.unwrap_or(0.0));
        ChartPoint { x, y, spread }
    };
    let over_scale = |name: &str, group: Group, shape: Shape| {
        let of_shape = of(group).filter(|c| c.what.shape == Some(shape.name()));
        let mut points: Vec<ChartPoint> =
            of_shape.filter_map(|c| c.what.beta.map(|x| point(x, c))).collect();
        // The scale at which rates are tried comes first.
        points.sort_by(|a, b| a.x.total_cmp(&b.x));
        ChartLine { name: name.to_owned(), dashed: false, points }
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
    let groups = [Group::Shape, Group::Reset, Group::AsymptoticReset];
    let by_group = groups.map(|group| over_scale(group.name(), group, Shape::SuperSpike));
    let sparse = |c: &Condition| (c.out.hidden_spikes, 100.0 * c.out.accuracy);
    let unbounded = of(Group::Shape).filter(is_super);
    let sparsity = [Chart {
        heading: format!("SuperSpike, β = {USUAL}"),
        x: logarithmic("hidden spikes a sample"),
        y: axis("test accuracy (%)"),
        lines: vec![
            line("no spikes wanted", of(Group::Sparse).map(sparse)),
            line("without a bound", unbounded.map(sparse)),
            line("exact gradient, without a bound", of(Group::Exact).map(sparse)),
        ],
    }];
    let rates = |by: Readout| {
        let line = |name: &str, conditions: Vec<&Condition>| ChartLine {
            name: name.to_owned(),
            dashed: false,
            points: conditions.into_iter().map(|c| point(c.rate, c)).collect(),
        };
        let surrogate = read_by(Group::Shape, by).filter(is_super).collect();
        let exact = read_by(Group::Exact, by).collect();
        let lines = [line("SuperSpike", surrogate), line("exact gradient", exact)];
        Chart {
            heading: by.title().to_owned(),
            x: logarithmic("learning rate"),
            y: axis("test accuracy (%)"),
            // There is no surrogate of quadratic neurons.
            lines: lines.into_iter().filter(|line| !line.points.is_empty()).collect(),
        }
    };
    let mut colours = Colours::default();
    let Task { classes, units, hidden, train, validation, test, epochs, fewer_epochs, .. } =
        &numbers.task;
    Ok(Page {
        introduction: vec![format!(
            "{classes} random manifolds of spike times on {units} units, {hidden} hidden neurons, {train} samples to learn from, {validation} to choose the learning rate by \
             and {test} to be tested on, {epochs} epochs, {fewer_epochs} of quadratic and of recurrent networks; Adam. Surrogates learn and are tested on a grid of {} ms; the exact gradient without one.",
            1e3 * DT
        )],
        figures: vec![
            figure(
                &mut colours,
                "Read-out and learning rate",
                &format!(
                    "The exact gradient and SuperSpike with β = {USUAL}. Below, all is read by maxima, at the rate that is best for the exact gradient or for this surrogate."
                ),
                &[Readout::Maximum, Readout::Shaped, Readout::FirstSpike].map(rates),
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
        tables: vec![all_conditions(numbers)],
        ..Page::default()
    })
}

fn all_conditions(numbers: &Numbers) -> Table {
    let row = |c: &Condition| {
        let optional = |x: Option<f64>| x.map_or_else(|| "–".to_owned(), |x| x.to_string());
        vec![
            c.what.group.name().to_owned(),
            c.what.design.readout.name().to_owned(),
            if c.what.design.recurrent { "yes" } else { "no" }.to_owned(),
            c.rate.to_string(),
            if c.chosen { "yes" } else { "no" }.to_owned(),
            c.what.shape.unwrap_or("–").to_owned(),
            optional(c.what.beta),
            optional(c.what.strength),
            Table::percent(c.out.validation),
            Table::percent(c.out.accuracy),
            c.out.seeds.to_string(),
            c.out.deviation.map_or_else(|| "–".to_owned(), Table::percent),
            Table::number(c.out.hidden_spikes),
        ]
    };
    table(
        "All conditions",
        &[
            "Gradient",
            "read-out",
            "recurrent",
            "rate",
            "chosen",
            "shape",
            "β",
            "bound",
            "validation (%)",
            "accuracy (%)",
            "seeds",
            "std (%)",
            "hidden spikes",
        ],
        numbers.conditions.iter().map(row).collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_way_to_train_learns_something() {
        let plan = Plan { seed: 0, quick: true, progress: &|_, _, _| true };
        let Findings { numbers, .. } = run(&plan).unwrap();
        let conditions = numbers["findings"]["conditions"].as_array().unwrap();
        assert_eq!(conditions.len(), 12);
        for condition in conditions {
            // A guess is right in a third of the cases.
            for part in ["accuracy", "validation"] {
                assert!(condition[part].as_f64().unwrap() > 0.5, "{condition}");
            }
            assert_eq!((&condition["seeds"], &condition["chosen"]), (&json!(1), &json!(true)));
        }
    }
}
