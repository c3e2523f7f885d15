//! All methods on one problem: engines that are exact, beside each other entry by entry (`entries.rs`), and surrogates beside them.
//!
//! An engine that has no answer says why, and so does a surrogate. Engines whose work grows with the numbers are left out where there are too many, surrogates
//! where a run has too many steps, and that is said as well.
//!
//! Not here: reading problems, studies on networks of their own.

use crate::drawing::{figure, line, logarithmic, table};
use crate::entries::{Entries, Method};
use crate::similarity::{Similarity, SimilarityOrReason};
use crate::{Findings, StudyError};
use serde::Serialize;
use serde_json::json;
use spikegrad::problem::Problem;
use spikegrad::{AnyLoss, Settings};
use spikegrad_compare::time_stepped::{
    GridError, GridSample, Height, Shape, SteppedNetwork, SteppedSettings, Surrogate, grid_loss_of,
};
use spikegrad_compare::{Agreement, Answer, Engine, Exact, Question};
use spikegrad_report::plot::{Chart, Colours};
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
    /// Every entry, unless there are so many that no engine is asked for each.
    #[serde(skip_serializing_if = "Option::is_none")]
    entries: Option<Entries>,
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
    outcome: SimilarityOrReason,
}

/// What came out.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// Numbers and page.
    pub findings: Findings,
    /// A line for each engine: its largest difference, or why there is none.
    pub summary: Vec<String>,
    /// What makes the comparison say less than it seems: methods with which not one entry was compared.
    pub warnings: Vec<String>,
    /// How often a policy for grazing spikes acted in the exact gradient.
    pub inexact: usize,
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
    let loss = document;
    let Problem { network, parameters, stimulus, .. } = problem;
    let question = Question { network, parameters, stimulus, loss, settings };
    let count = question.numbers().len();

    let all = Method::ALL.len() + 2;
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
    let mut entries = Entries::of(question.numbers(), &exact);
    for (k, method) in Method::ALL.into_iter().enumerate() {
        tell(k + 1, method.name())?;
        let start = Instant::now();
        let outcome = match is_too_large {
            true => Outcome::LeftOut {
                reason: format!(
                    "its work grows with the numbers, of which there are {count}, and with {firings} spikes; the most are {MOST_NUMBERS} numbers, and \
                     {MOST_ROWS} for the product"
                ),
            },
            false => match method.answer(&question) {
                Ok(said) => {
                    let outcome = Outcome::of(&question, &exact, &said.answer);
                    if matches!(outcome, Outcome::Answered { .. }) {
                        entries.add(method, &said);
                    }
                    outcome
                }
                Err(error) => Outcome::LeftOut { reason: error.to_string() },
            },
        };
        let seconds = start.elapsed().as_secs_f64();
        engines.push(OfEngine { engine: method.name(), seconds, outcome });
    }
    tell(all - 1, "surrogates")?;
    let surrogates = surrogates(problem, document, &exact);
    tell(all, "done")?;
    let entries = (count <= MOST_NUMBERS).then_some(entries);
    let numbers =
        Numbers { problem: name, numbers: count, loss: exact.loss, engines, surrogates, entries };
    let page = page(&numbers, &question, &exact)?;
    let summary = numbers.engines.iter().map(OfEngine::line).collect();
    let warnings = warnings(&numbers.engines[1..]);
    let inexact = exact.evidence.certificate.map_or(0, |certificate| certificate.inexact);
    let findings = Findings { numbers: json!(numbers), page };
    Ok(Comparison { findings, summary, warnings, inexact })
}

/// One sentence on the methods with which nothing was compared, if there are any.
fn warnings(others: &[OfEngine]) -> Vec<String> {
    let is_compared =
        |of: &&OfEngine| !matches!(of.outcome, Outcome::Answered { compared: 1.., .. });
    let without: Vec<&str> = others.iter().filter(is_compared).map(|of| of.engine).collect();
    match without.len() {
        0 => Vec::new(),
        all if all == others.len() => {
            vec!["nothing was compared: no other method has an entry of the gradient".to_owned()]
        }
        _ => vec![format!("no entry was compared with {}", without.join(" and "))],
    }
}

impl OfEngine {
    fn line(&self) -> String {
        let name = self.engine;
        match &self.outcome {
            Outcome::Answered { compared: 0, missing, .. } => {
                format!("{name}: no entry compared, {missing} missing")
            }
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
                .evidence
                .refusals
                .iter()
                .map(|r| (r.reason.to_owned(), r.count))
                .collect(),
            differences: agreement.errors,
        }
    }
}

fn surrogates(problem: &Problem, document: &AnyLoss, exact: &Answer) -> Vec<OfSurrogate> {
    let connections = exact.gradient.parameters.connections.iter();
    let exact: Option<Vec<f64>> = connections.flat_map(|c| c.weights.iter().copied()).collect();
    let compared = |shape: Shape, dt: f64| -> Result<SimilarityOrReason, GridError> {
        let Some(exact) = &exact else {
            return Ok(SimilarityOrReason::left_out(
                "the exact gradient has not an entry for every weight",
            ));
        };
        #[expect(clippy::cast_precision_loss, reason = "a network has at most a million neurons")]
        let potentials = problem.stimulus.t_end() / dt * problem.network.neurons() as f64;
        if potentials > MOST_POTENTIALS {
            return Ok(SimilarityOrReason::left_out(format!(
                "its run keeps {potentials:.1e} potentials; the most is {MOST_POTENTIALS:.0e}"
            )));
        }
        let surrogate = Surrogate { shape, beta: BETA, height: Height::One };
        let settings = SteppedSettings::new(dt, surrogate);
        let loss = grid_loss_of(document)?;
        let stepped = SteppedNetwork::new(&problem.network, &problem.parameters, settings)?;
        let sample = [GridSample { stimulus: &problem.stimulus, loss }];
        let found = stepped.value_and_grad_batch(&problem.parameters, &sample, |_, _| ())?;
        let found = found.gradient.connections.iter().flat_map(|c| c.weights.iter().copied());
        Ok(SimilarityOrReason::of(exact, &found.collect::<Vec<f64>>()))
    };
    let cases = STEPS.into_iter().flat_map(|dt| Shape::ALL.map(|shape| (shape, dt)));
    let one = |(shape, dt): (Shape, f64)| OfSurrogate {
        shape: shape.name(),
        beta: BETA,
        dt,
        outcome: compared(shape, dt)
            .unwrap_or_else(|reason| SimilarityOrReason::left_out(reason.to_string())),
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
    // A method has its colour whether or not the others have an answer.
    let names = Method::ALL.map(|method| differences_of(method.name()));
    let mut colours = Colours::of(["entries"].into_iter().chain(names.iter().map(String::as_str)));
    let mut lines = vec![line("entries", ranked(sizes.iter().map(|x| x / largest).collect()))];
    for of in &numbers.engines[1..] {
        if let Outcome::Answered { differences, .. } = &of.outcome {
            lines.push(line(differences_of(of.engine), ranked(differences.clone())));
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
            &mut colours,
            "Entries and differences",
            "Sizes in falling order: of the entries of the exact gradient, and of what the other engines differ from it by. Zeros have no place.",
            &[chart],
        )?],
        tables: tables(numbers),
        ..Page::default()
    })
}

fn differences_of(engine: &str) -> String {
    format!("differences: {engine}")
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
                if *compared > 0 { Table::number(*error) } else { dash() },
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
            SimilarityOrReason::Compared(Similarity { cosine, norm_ratio }) => {
                [Table::number(*cosine), Table::number(*norm_ratio), String::new()]
            }
            SimilarityOrReason::LeftOut { reason } => {
                ["–".to_owned(), "–".to_owned(), reason.clone()]
            }
        };
        head.into_iter().chain(tail).collect()
    });
    let mut tables = vec![
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
    ];
    tables.extend(numbers.entries.as_ref().map(Entries::table));
    tables
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
        let Comparison { findings: found, summary, warnings, inexact } =
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
        assert_eq!((summary.len(), warnings, inexact), (4, Vec::new(), 0));
    }

    #[test]
    fn every_entry_stands_beside_what_the_others_differ_by() {
        let problem = Problem::from_json(PROBLEM).unwrap();
        let found =
            compare(&problem, "small", Settings::default(), &|_, _, _| true).unwrap().findings;
        let entries = found.numbers["entries"].as_array().unwrap();
        assert_eq!(entries.len() as u64, found.numbers["numbers"].as_u64().unwrap());
        let loss = problem.document.loss.as_ref().unwrap();
        let Problem { network, parameters, stimulus, .. } = &problem;
        let settings = Settings::default();
        let answer =
            spikegrad::value_and_grad(network, parameters, stimulus, loss, &settings).unwrap();
        let expected = answer.gradient.to_vec();
        for (entry, expected) in entries.iter().zip(expected) {
            assert_eq!(entry["exact"].as_f64().unwrap().to_bits(), expected.to_bits(), "{entry}");
            for method in Method::ALL {
                let other = &entry["others"][method.name()];
                match other["difference"].as_f64() {
                    // The estimate is an upper bound, and a threshold that is not met has both zero.
                    Some(difference) => {
                        let error = other["error"].as_f64().unwrap();
                        assert!(difference.abs() <= error, "{entry}");
                    }
                    None => assert!(other["refused"].is_string(), "{entry}"),
                }
            }
        }
        let page = found.page.to_html();
        assert!(page.contains("stimulus.spikes[1][1]") && page.contains(" ± "));
    }

    #[test]
    fn numbers_at_the_end_of_the_range_are_written_all_the_same() {
        let text = String::from_utf8(PROBLEM.to_vec()).unwrap();
        let wide = r#""model": "lif", "params": {"v_th": 1.7e308, "v_reset": -1.7e308}"#;
        let wide = text.replace(r#""model": "lif""#, wide);
        let problem = Problem::from_json(wide.as_bytes()).unwrap();
        let found =
            compare(&problem, "wide", Settings::default(), &|_, _, _| true).unwrap().findings;
        assert!(!found.numbers.to_string().contains("null"), "{}", found.numbers);
    }

    #[test]
    fn methods_without_an_entry_are_named_once() {
        let of = |engine, compared: Option<usize>| OfEngine {
            engine,
            seconds: 0.0,
            outcome: match compared {
                Some(compared) => Outcome::Answered {
                    loss: 0.0,
                    compared,
                    missing: 0,
                    error: 0.0,
                    worst: String::new(),
                    refusals: Vec::new(),
                    differences: Vec::new(),
                },
                None => Outcome::LeftOut { reason: String::new() },
            },
        };
        let said = |compared: [Option<usize>; 3]| {
            let engines = ["a", "b", "c"].into_iter().zip(compared);
            warnings(&engines.map(|(engine, compared)| of(engine, compared)).collect::<Vec<_>>())
        };
        assert!(said([Some(1); 3]).is_empty());
        assert_eq!(said([Some(9), None, Some(0)]), ["no entry was compared with b and c"]);
        for nothing in [[None; 3], [Some(0); 3], [None, Some(0), None]] {
            assert_eq!(said(nothing).len(), 1);
            assert!(said(nothing)[0].starts_with("nothing was compared"));
        }
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
