//! All methods on one problem: engines that are exact, beside each other entry by entry, and surrogates beside them.
//!
//! An engine that has no answer says why, and so does a surrogate. Engines that take a run for each number are left out where there are more numbers than
//! [`MOST_NUMBERS`], and that is said as well.
//!
//! Not here: reading problems, studies on networks of their own.

use crate::drawing::{figure, line, logarithmic, table};
use crate::likeness::Likeness;
use crate::{Findings, StudyError};
use serde::Serialize;
use serde_json::json;
use spikegrad::problem::{LossDocument, Problem};
use spikegrad::{Settings, loss_of};
use spikegrad_compare::time_stepped::{
    GridError, GridSample, Height, Reset, Shape, SteppedNetwork, SteppedSettings, Surrogate,
    grid_loss_of,
};
use spikegrad_compare::{
    Agreement, Answer, Engine, Exact, FiniteDifferences, ForwardPropagation, Question, Saltation,
};
use spikegrad_report::plot::Chart;
use spikegrad_report::{Page, Table};
use std::time::Instant;

/// Most numbers for which an engine makes a run each.
pub const MOST_NUMBERS: usize = 2000;

/// Steps of the grid, in s, and the scale of the surrogates.
const STEPS: [f64; 2] = [1e-3, 1e-4];
const BETA: f64 = 10.0;

#[derive(Serialize)]
struct Numbers<'a> {
    problem: &'a str,
    numbers: usize,
    loss: f64,
    engines: Vec<OfEngine>,
    surrogates: Vec<OfSurrogate>,
}

/// What an engine says beside the exact one.
#[derive(Serialize)]
struct OfEngine {
    engine: &'static str,
    seconds: f64,
    #[serde(flatten)]
    outcome: Outcome,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Outcome {
    Answered {
        loss: f64,
        /// Entries that both have, and that one of the two has not.
        compared: usize,
        missing: usize,
        /// The largest difference, relative to the largest entry, and where it is.
        error: f64,
        worst: String,
        /// Entries without a derivative, by reason.
        refusals: Vec<(String, usize)>,
        /// Size of each difference, in units of the largest entry; not written down.
        #[serde(skip)]
        differences: Vec<f64>,
    },
    /// Why not.
    LeftOut { reason: String },
}

/// A surrogate gradient of all weights beside the exact one.
#[derive(Serialize)]
struct OfSurrogate {
    shape: &'static str,
    beta: f64,
    dt: f64,
    #[serde(flatten)]
    outcome: Alike,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Alike {
    Compared(Likeness),
    LeftOut { reason: String },
}

/// Compares all methods on a problem with a loss; `name` is what it is called on the page.
///
/// `progress` is told how many of how many methods are done and which one is next; false to stop.
///
/// # Errors
/// [`StudyError::NoLoss`] without a loss, [`StudyError::Compare`] if there is no exact gradient.
pub fn compare(
    problem: &Problem,
    name: &str,
    settings: Settings,
    progress: &dyn Fn(usize, usize, &str) -> bool,
) -> Result<Findings, StudyError> {
    let document = problem.document.loss.as_ref().ok_or(StudyError::NoLoss)?;
    let loss = loss_of(document, &problem.network);
    let Problem { network, parameters, stimulus, .. } = problem;
    let question = Question { network, parameters, stimulus, loss: &*loss, settings };
    let count = question.numbers().len();

    let others: [&dyn Engine; 3] = [&ForwardPropagation, &Saltation, &FiniteDifferences::default()];
    let all = others.len() + 2;
    let tell = |done: usize, what: &str| {
        if progress(done, all, what) { Ok(()) } else { Err(StudyError::Interrupted) }
    };
    tell(0, Exact.name())?;
    let start = Instant::now();
    let exact = Exact.answer(&question)?;
    let seconds = start.elapsed().as_secs_f64();
    let outcome = Outcome::of(&question, &exact, &exact);
    let mut engines = vec![OfEngine { engine: Exact.name(), seconds, outcome }];
    for (k, engine) in others.into_iter().enumerate() {
        tell(k + 1, engine.name())?;
        let start = Instant::now();
        let outcome = match count > MOST_NUMBERS {
            true => Outcome::LeftOut {
                reason: format!(
                    "it takes a run for each of {count} numbers; the most is {MOST_NUMBERS}"
                ),
            },
            false => match engine.answer(&question) {
                Ok(answer) => Outcome::of(&question, &exact, &answer),
                Err(error) => Outcome::LeftOut { reason: error.to_string() },
            },
        };
        let seconds = start.elapsed().as_secs_f64();
        engines.push(OfEngine { engine: engine.name(), seconds, outcome });
    }
    tell(all - 1, "surrogates")?;
    let surrogates = surrogates(problem, document, &exact);
    tell(all, "done")?;
    let numbers = Numbers { problem: name, numbers: count, loss: exact.loss, engines, surrogates };
    let page = page(&numbers, &question, &exact)?;
    Ok(Findings { numbers: json!(numbers), page })
}

impl Outcome {
    fn of(question: &Question<'_>, exact: &Answer, answer: &Answer) -> Self {
        let agreement = Agreement::between(question, exact, answer);
        let numbers = question.numbers();
        let scaled = |answer: &Answer| {
            let entries = answer.entries().into_iter().zip(&numbers);
            entries.map(|(x, n)| x.map(|x| x * n.scale)).collect::<Vec<_>>()
        };
        let (first, second) = (scaled(exact), scaled(answer));
        let largest = first.iter().flatten().fold(0.0_f64, |largest, x| largest.max(x.abs()));
        let both = first.iter().zip(&second).filter_map(|(a, b)| Some(((*a)?, (*b)?)));
        Self::Answered {
            loss: answer.loss,
            compared: agreement.compared,
            missing: agreement.missing,
            error: agreement.error(),
            worst: agreement.worst.map_or_else(String::new, |worst| worst.place),
            refusals: answer
                .worth
                .refusals
                .iter()
                .map(|r| (r.reason.to_owned(), r.count))
                .collect(),
            differences: both.map(|(a, b)| (a - b).abs() / largest).collect(),
        }
    }
}

fn surrogates(problem: &Problem, document: &LossDocument, exact: &Answer) -> Vec<OfSurrogate> {
    let connections = exact.gradient.parameters.connections.iter();
    let weights = connections.flat_map(|c| c.weights.iter().map(|w| w.unwrap_or(0.0)));
    let exact: Vec<f64> = weights.collect();
    let alike = |shape: Shape, dt: f64| -> Result<Likeness, GridError> {
        let settings = SteppedSettings {
            dt,
            surrogate: Surrogate { shape, beta: BETA, height: Height::One },
            reset: Reset::ToValue,
            detach_reset: true,
            detach_recurrence: false,
            time_constants: false,
            activity: Vec::new(),
        };
        let loss = grid_loss_of(document, &problem.network)?;
        let stepped = SteppedNetwork::new(&problem.network, &problem.parameters, settings)?;
        let sample = [GridSample { stimulus: &problem.stimulus, loss: &*loss }];
        let found = stepped.value_and_grad_batch(&problem.parameters, &sample, |_, _| ())?;
        let found = found.gradient.connections.iter().flat_map(|c| c.weights.iter().copied());
        Ok(Likeness::of(&exact, &found.collect::<Vec<f64>>()))
    };
    let cases = STEPS.into_iter().flat_map(|dt| Shape::ALL.map(|shape| (shape, dt)));
    let one = |(shape, dt): (Shape, f64)| OfSurrogate {
        shape: shape.name(),
        beta: BETA,
        dt,
        outcome: match alike(shape, dt) {
            Ok(likeness) => Alike::Compared(likeness),
            Err(reason) => Alike::LeftOut { reason: reason.to_string() },
        },
    };
    cases.map(one).collect()
}

fn page(
    numbers: &Numbers<'_>,
    question: &Question<'_>,
    exact: &Answer,
) -> Result<Page, StudyError> {
    let sizes = exact.entries().into_iter().zip(question.numbers());
    let mut sizes: Vec<f64> = sizes.filter_map(|(x, n)| x.map(|x| (x * n.scale).abs())).collect();
    sizes.sort_by(|a, b| b.total_cmp(a));
    let largest = sizes.first().copied().unwrap_or(1.0);
    let ranked = |mut values: Vec<f64>| {
        values.sort_by(|a, b| b.total_cmp(a));
        (1_u32..).map(f64::from).zip(values)
    };
    let mut lines = vec![line("entries", ranked(sizes.iter().map(|x| x / largest).collect()))];
    for of in &numbers.engines[1..] {
        if let Outcome::Answered { differences, .. } = &of.outcome {
            lines.push(line(format!("differences: {}", of.engine), ranked(differences.clone())));
        }
    }
    let chart = Chart {
        heading: numbers.problem.to_owned(),
        x: logarithmic("rank"),
        y: logarithmic("size, in units of the largest entry"),
        lines,
    };
    Ok(Page {
        title: format!("Gradients of {}", numbers.problem),
        introduction: vec![
            "Every number that can be differentiated, by engines that share no formula. Entries are in units of what matters: a derivative times the natural scale of its number."
                .to_owned(),
        ],
        facts: vec![
            ("Loss".to_owned(), Table::number(numbers.loss)),
            ("Numbers".to_owned(), numbers.numbers.to_string()),
        ],
        figures: vec![figure(
            "Entries and differences",
            "Sizes in falling order: of the entries of the exact gradient, and of what the other engines differ from it by. Zeros have no place.",
            &[chart],
        )?],
        tables: tables(numbers),
        ..Page::default()
    })
}

fn tables(numbers: &Numbers<'_>) -> Vec<Table> {
    let engines = numbers.engines.iter().map(|of| {
        let time = Table::number(1e3 * of.seconds);
        let dash = || "–".to_owned();
        let [name, loss, compared, missing, error, notes] = match &of.outcome {
            Outcome::Answered { loss, compared, missing, error, worst, refusals, .. } => [
                of.engine.to_owned(),
                format!("{loss:?}"),
                compared.to_string(),
                missing.to_string(),
                Table::number(*error),
                refusals.iter().fold(worst.clone(), |all, (reason, count)| {
                    format!("{all}; {count} refused: {reason}")
                }),
            ],
            Outcome::LeftOut { reason } => {
                [of.engine.to_owned(), dash(), dash(), dash(), dash(), reason.clone()]
            }
        };
        vec![name, time, loss, compared, missing, error, notes]
    });
    let surrogates = numbers.surrogates.iter().map(|of| {
        let head = [of.shape.to_owned(), of.beta.to_string(), Table::number(1e3 * of.dt)];
        let tail = match &of.outcome {
            Alike::Compared(Likeness { cosine, norm_ratio }) => {
                [Table::number(*cosine), Table::number(*norm_ratio), String::new()]
            }
            Alike::LeftOut { reason } => ["–".to_owned(), "–".to_owned(), reason.clone()],
        };
        head.into_iter().chain(tail).collect()
    });
    vec![
        table(
            "Engines",
            &[
                "Engine",
                "time (ms)",
                "loss",
                "compared",
                "missing",
                "largest difference",
                "where, and what was refused",
            ],
            engines.collect(),
        ),
        table(
            "Surrogate gradients of all weights",
            &["Surrogate", "β", "step (ms)", "cosine", "norm ratio", ""],
            surrogates.collect(),
        ),
    ]
}

/// What is said of a comparison in a few lines: engine, largest difference, or why there is none.
#[must_use]
pub fn summary(findings: &Findings) -> Vec<String> {
    let engines = findings.numbers["engines"].as_array().map_or(&[][..], Vec::as_slice);
    let line = |of: &serde_json::Value| {
        let name = of["engine"].as_str().unwrap_or_default();
        match (of["error"].as_f64(), of["reason"].as_str()) {
            (Some(error), _) => {
                let (compared, missing) = (&of["compared"], &of["missing"]);
                format!(
                    "{name}: {compared} entries compared, {missing} missing; largest difference {error:.1e}"
                )
            }
            (None, reason) => format!("{name}: left out, {}", reason.unwrap_or_default()),
        }
    };
    engines.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROBLEM: &[u8] = br#"{
      "format": "spikegrad-problem", "version": 1,
      "network": {
        "inputs": 2,
        "populations": [
          {"name": "hidden", "size": 2, "model": "lif"},
          {"name": "out", "size": 2, "model": "li"}
        ],
        "connections": [
          {"from": "input", "to": "hidden", "weights": [[5, 4], [3, 6]]},
          {"from": "hidden", "to": "out", "weights": [[1, -1], [-0.5, 2]]}
        ]
      },
      "stimulus": {"t_end": 0.03, "spikes": [[0, 0.0], [1, 0.004]]},
      "loss": {"type": "max_voltage_cross_entropy", "population": "out", "label": 0}
    }"#;

    #[test]
    fn engines_agree_and_surrogates_point_somewhere() {
        let problem = Problem::from_json(PROBLEM).unwrap();
        let found = compare(&problem, "small", Settings::default(), &|_, _, _| true).unwrap();
        let engines = found.numbers["engines"].as_array().unwrap();
        assert_eq!(engines.len(), 4);
        for engine in engines {
            // That of finite differences, which are the least exact.
            assert!(engine["error"].as_f64().unwrap() < 1e-8, "{engine}");
        }
        for surrogate in found.numbers["surrogates"].as_array().unwrap() {
            assert!(surrogate["cosine"].as_f64().unwrap() > 0.0, "{surrogate}");
        }
        assert_eq!(summary(&found).len(), 4);
    }

    #[test]
    fn a_problem_without_a_loss_has_no_gradient() {
        let text = String::from_utf8(PROBLEM.to_vec()).unwrap();
        let without = text.split(",\n      \"loss\"").next().unwrap().to_owned() + "}";
        let problem = Problem::from_json(without.as_bytes()).unwrap();
        let found = compare(&problem, "none", Settings::default(), &|_, _, _| true);
        assert!(matches!(found, Err(StudyError::NoLoss)));
    }
}
