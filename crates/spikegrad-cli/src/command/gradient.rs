//! `spikegrad gradient`: the loss, and its derivative with respect to every number of the problem file.

use crate::arguments::{self, Common};
use crate::asked::{Problems, Question};
use crate::error::Failure;
use crate::many::{Answered, answer_each};
use crate::{advice, output, people};
use clap::Args;
use spikegrad::problem::{Answer, Problem};
use spikegrad::{Evaluation, Grazing, Settings, explain, value_and_grad};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Print the loss of problems and its exact gradient
///
/// The answer has the shape of the problem: for every number that can be differentiated and stands in the file, its
/// derivative stands in the same place. Beside it stand the spikes, and a certificate that says how far the gradient can be
/// trusted: the smaller the slope at which the threshold was crossed, the nearer is a spike to vanishing.
///
/// Where a membrane potential only touches its threshold, a spike is about to appear or to vanish. Its time has no
/// derivative there, and the command ends with status 4 unless --grazing says what to do.
///
/// Several problems are answered on all cores, in their order, each on a line of its own (JSON lines): the answer, with the name of its
/// "file", and "line" or "sample"; or an "error" with the "status" that the problem alone would end with. The status of the command is
/// then that of the first problem without an answer, or 0.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples, from the root of the repository:
  One neuron, two inputs. Its spike comes too late, larger weights bring it
  forward: the derivatives of both are negative.
    cargo run --release -- gradient examples/problems/two_inputs.json
  A recurrent network with delays, read by its potentials.
    cargo run --release -- gradient examples/problems/recurrent.json \\
      -o answer.json
  A potential that only touches its threshold, taken as without effect.
    cargo run --release -- gradient examples/problems/grazing.json \\
      --grazing zero
  Both at once, an answer on each line.
    cargo run --release -- gradient examples/problems/two_inputs.json \\
      examples/problems/recurrent.json -o answers.jsonl")]
pub(crate) struct Arguments {
    #[command(flatten)]
    problems: Problems,

    /// Write the answer to FILE instead of standard output
    ///
    /// The answer is written beside FILE and renamed when all of it is on the disk: whatever happens, FILE is the old one
    /// or the new one.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// What to do where a spike grazes its threshold: fail, zero or floor=SLOPE
    ///
    /// fail: the gradient does not exist, status 4. zero: such a spike contributes nothing. floor=SLOPE: slopes are taken
    /// as at least SLOPE per second. Whenever zero or floor acted, a warning counts it, and so does the certificate.
    #[arg(long, value_name = "POLICY", default_value = "fail", value_parser = arguments::grazing)]
    grazing: Grazing,
}

/// A gradient, and what belongs to it.
struct Solved {
    answer: Answer,
    evaluation: Evaluation,
    took: Duration,
}

pub(crate) fn run(arguments: &Arguments, common: &Common) -> Result<(), Failure> {
    let settings = common.settings(arguments.grazing);
    let output = arguments.output.as_deref();
    let asked = match arguments.problems.open(settings)? {
        Question::One(asked) => asked,
        Question::Many(problems) => {
            return answer_each(problems, output, common, |asked| {
                let problem = asked.problem()?;
                let solved = solve(&problem, &|| asked.place(), &settings)?;
                let warnings = [solved.inexact(), solved.advice(&problem)].concat();
                Ok(Answered { answer: solved.answer, warnings })
            });
        }
    };
    let problem = asked.problem()?;
    let solved = solve(&problem, &|| asked.place(), &settings)?;
    output::write(&solved.answer, output)?;
    people::warn(&solved.inexact());
    if !common.quiet {
        people::warn(&solved.advice(&problem));
        people::say_spikes(&problem.network, &solved.evaluation.trace);
        people::say_loss(solved.evaluation.loss, &solved.evaluation.certificate);
        people::say_time(&solved.evaluation.trace, solved.took);
    }
    if common.verbose {
        let explanation = explain(&problem.network, &problem.parameters, &settings)
            .map_err(|error| Failure::of(error.into()))?;
        people::say_engine(&explanation, solved.evaluation.was_swept);
    }
    Ok(())
}

/// Differentiates the loss of a problem, which comes from `place`.
fn solve(
    problem: &Problem,
    place: &dyn Fn() -> String,
    settings: &Settings,
) -> Result<Solved, Failure> {
    let Some(loss) = &problem.document.loss else {
        return Err(Failure::NoLoss { place: place() });
    };
    let start = Instant::now();
    let evaluation =
        value_and_grad(&problem.network, &problem.parameters, &problem.stimulus, loss, settings)
            .map_err(Failure::of)?;
    let took = start.elapsed();
    let certificate =
        serde_json::to_value(&evaluation.certificate).map_err(|reason| Failure::Json { reason })?;
    let answer = Answer::of_trace(problem, &evaluation.trace).with_gradient(
        problem,
        evaluation.loss,
        &evaluation.gradient,
        certificate,
    );
    Ok(Solved { answer, evaluation, took })
}

impl Solved {
    /// That a policy acted, if one did.
    fn inexact(&self) -> Vec<String> {
        let count = self.evaluation.certificate.inexact;
        (count > 0).then(|| people::inexact(count)).into_iter().collect()
    }

    fn advice(&self, problem: &Problem) -> Vec<String> {
        let mut all = advice::before(problem);
        all.extend(advice::after(problem, &self.evaluation.trace));
        all
    }
}
