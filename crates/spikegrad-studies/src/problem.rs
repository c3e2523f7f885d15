//! All methods on one problem: engines that are exact, beside each other entry by entry, and surrogates beside them.
//!
//! An engine that has no answer says why, and so does a surrogate. Engines whose work grows with the numbers are left out where there are too many, surrogates
//! where a run has too many steps, and that is said as well.
//!
//! Not here: reading problems, studies on networks of their own.

use crate::drawing::{figure, line, logarithmic, table};
use crate::likeness::{Alike, Likeness};
use crate::{Findings, StudyError};
use serde::Serialize;
use serde_json::json;
use spikegrad::problem::{LossDocument, Problem};
use spikegrad::{Settings, loss_of};
use spikegrad_compare::time_stepped::{
    GridError, GridSample, Height, Shape, SteppedNetwork, SteppedSettings, Surrogate, grid_loss_of,
};
use spikegrad_compare::{
    Agreement, Answer, Engine, Exact, FiniteDifferences, ForwardPropagation, Question, Saltation,
};
use spikegrad_report::plot::Chart;
use spikegrad_report::{Page, Table};
use std::time::Instant;

/// Most numbers for which an engine makes a run each.
const MOST_NUMBERS: usize = 2000;

/// Most firings, of inputs and neurons, times numbers: the rows that saltation matrices keep, 0.8 GB.
const MOST_ROWS: usize = 100_000_000;

/// Most potentials that a run on a grid keeps: 0.8 GB.
const MOST_POTENTIALS: f64 = 1e8;

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
        /// Each difference, relative to the largest entry; not written down.
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

/// What came out.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// Numbers and page.
    pub findings: Findings,
    /// A line for each engine: its largest difference, or why there is none.
    pub summary: Vec<String>,
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
) -> Result<Comparison, StudyError> {
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
    let firings = stimulus.spikes().len() + question.run(parameters, stimulus)?.trace.spikes.len();
    let is_too_large = count > MOST_NUMBERS || count.saturating_mul(firings) > MOST_ROWS;
    for (k, engine) in others.into_iter().enumerate() {
        tell(k + 1, engine.name())?;
        let start = Instant::now();
        let outcome = match is_too_large {
            true => Outcome::LeftOut {
                reason: format!(
                    "its work grows with the numbers, of which there are {count}, and with {firings} spikes; the most are {MOST_NUMBERS} numbers, and \
                     {MOST_ROWS} for the product"
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
    let summary = numbers.engines.iter().map(OfEngine::line).collect();
    Ok(Comparison { findings: Findings { numbers: json!(numbers), page }, summary })
}

impl OfEngine {
    fn line(&self) -> String {
        let name = self.engine;
        match &self.outcome {
            Outcome::Answered { compared, missing, error, .. } => format!(
                "{name}: {compared} entries compared, {missing} missing; largest difference {error:.1e}"
            ),
            Outcome::LeftOut { reason } => format!("{name}: left out, {reason}"),
        }
    }
}

impl Outcome {
    fn of(question: &Question<'_>, exact: &Answer, answer: &Answer) -> Self {
        let agreement = Agreement::between(question, exact, answer);
        if !(answer.loss.is_finite() && agreement.error().is_finite()) {
            let reason = "its answer is outside the range of a double".to_owned();
            return Self::LeftOut { reason };
        }
        Self::Answered {
            loss: answer.loss,
            compared: agreement.compared(),
            missing: agreement.missing,
            error: agreement.error(),
            worst: agreement.worst.map_or_else(String::new, |worst| worst.place),
            refusals: answer
                .worth
                .refusals
                .iter()
                .map(|r| (r.reason.to_owned(), r.count))
                .collect(),
            differences: agreement.errors,
        }
    }
}

fn surrogates(problem: &Problem, document: &LossDocument, exact: &Answer) -> Vec<OfSurrogate> {
    let connections = exact.gradient.parameters.connections.iter();
    let exact: Option<Vec<f64>> = connections.flat_map(|c| c.weights.iter().copied()).collect();
    let alike = |shape: Shape, dt: f64| -> Result<Alike, GridError> {
        let Some(exact) = &exact else {
            return Ok(Alike::left_out("the exact gradient has not an entry for every weight"));
        };
        #[expect(clippy::cast_precision_loss, reason = "a network has at most a million neurons")]
        let potentials = problem.stimulus.t_end() / dt * problem.network.neurons() as f64;
        if potentials > MOST_POTENTIALS {
            return Ok(Alike::left_out(format!(
                "its run keeps {potentials:.1e} potentials; the most is {MOST_POTENTIALS:.0e}"
            )));
        }
        let surrogate = Surrogate { shape, beta: BETA, height: Height::One };
        let settings = SteppedSettings::new(dt, surrogate);
        let loss = grid_loss_of(document, &problem.network)?;
        let stepped = SteppedNetwork::new(&problem.network, &problem.parameters, settings)?;
        let sample = [GridSample { stimulus: &problem.stimulus, loss: &*loss }];
        let found = stepped.value_and_grad_batch(&problem.parameters, &sample, |_, _| ())?;
        let found = found.gradient.connections.iter().flat_map(|c| c.weights.iter().copied());
        Ok(Alike::of(exact, &found.collect::<Vec<f64>>()))
    };
    let cases = STEPS.into_iter().flat_map(|dt| Shape::ALL.map(|shape| (shape, dt)));
    let one = |(shape, dt): (Shape, f64)| OfSurrogate {
        shape: shape.name(),
        beta: BETA,
        dt,
        outcome: alike(shape, dt).unwrap_or_else(|reason| Alike::left_out(reason.to_string())),
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
            "Every number that can be differentiated, by engines that share the model and no formula of a derivative. Entries are in units of what matters: a \
             derivative times the natural scale of its number."
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
        let Comparison { findings: found, summary } =
            compare(&problem, "small", Settings::default(), &|_, _, _| true).unwrap();
        let engines = found.numbers["engines"].as_array().unwrap();
        assert_eq!(engines.len(), 4);
        for engine in engines {
            // That of finite differences, which are the least exact.
            assert!(engine["error"].as_f64().unwrap() < 1e-8, "{engine}");
        }
        for surrogate in found.numbers["surrogates"].as_array().unwrap() {
            assert!(surrogate["cosine"].as_f64().unwrap() > 0.0, "{surrogate}");
        }
        assert_eq!(summary.len(), 4);
    }

    #[test]
    fn a_gradient_that_is_zero_has_no_direction_and_all_numbers_can_be_written() {
        // Nothing arrives: the loss depends on no weight.
        let text = String::from_utf8(PROBLEM.to_vec()).unwrap();
        let silent = text.replace("[[0, 0.0], [1, 0.004]]", "[]");
        let problem = Problem::from_json(silent.as_bytes()).unwrap();
        let found =
            compare(&problem, "silent", Settings::default(), &|_, _, _| true).unwrap().findings;
        for surrogate in found.numbers["surrogates"].as_array().unwrap() {
            let reason = surrogate["reason"].as_str().unwrap();
            assert!(reason.contains("the exact gradient is zero"), "{reason}");
        }
        assert!(!found.numbers.to_string().contains("null"), "{}", found.numbers);
    }

    #[test]
    fn what_would_take_too_much_is_left_out_and_says_why() {
        let text = String::from_utf8(PROBLEM.to_vec()).unwrap();
        let long = text.replace("\"t_end\": 0.03", "\"t_end\": 30000");
        let problem = Problem::from_json(long.as_bytes()).unwrap();
        let found =
            compare(&problem, "long", Settings::default(), &|_, _, _| true).unwrap().findings;
        let surrogates = found.numbers["surrogates"].as_array().unwrap();
        let reason = surrogates[surrogates.len() - 1]["reason"].as_str().unwrap();
        assert!(reason.contains("potentials"), "{reason}");
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
