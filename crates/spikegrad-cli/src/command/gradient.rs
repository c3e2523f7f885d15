//! `spikegrad gradient`: the loss, and its derivative with respect to every number of the problem file.

use crate::arguments::{self, Common};
use crate::error::Failure;
use crate::{input, output, people};
use clap::Args;
use spikegrad::problem::Answer;
use spikegrad::{Grazing, explain, loss_of, value_and_grad};
use std::path::PathBuf;
use std::time::Instant;

/// Print the loss of a problem and its exact gradient
///
/// The answer has the shape of the problem: for every number that can be differentiated and stands in the file, its
/// derivative stands in the same place. Beside it stand the spikes, and a certificate that says how far the gradient can be
/// trusted: the smaller the slope at which the threshold was crossed, the nearer is a spike to vanishing.
///
/// Where a membrane potential only touches its threshold, a spike is about to appear or to vanish. Its time has no
/// derivative there, and the command ends with status 4 unless --grazing says what to do.
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
      --grazing zero")]
pub(crate) struct Arguments {
    /// The problem file, with a loss; `-` reads standard input
    problem: PathBuf,

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

pub(crate) fn run(arguments: &Arguments, common: &Common) -> Result<(), Failure> {
    let problem = input::problem(&arguments.problem)?;
    let Some(loss) = &problem.document.loss else {
        return Err(Failure::NoLoss { place: input::name(&arguments.problem) });
    };
    let loss = loss_of(loss, &problem.network);
    let settings = common.settings(arguments.grazing);
    let start = Instant::now();
    let evaluation =
        value_and_grad(&problem.network, &problem.parameters, &problem.stimulus, &*loss, &settings)
            .map_err(|error| Failure::of(error, &problem.network))?;
    let took = start.elapsed();

    let certificate =
        serde_json::to_value(&evaluation.certificate).map_err(|reason| Failure::Json { reason })?;
    let answer = Answer::of_trace(&problem, &evaluation.trace).with_gradient(
        &problem,
        evaluation.loss,
        &evaluation.gradient,
        certificate,
    );
    output::write(&answer, arguments.output.as_deref())?;
    if evaluation.certificate.inexact > 0 {
        people::say(&people::inexact(evaluation.certificate.inexact));
    }
    if !common.quiet {
        people::say_spikes(&problem.network, &evaluation.trace);
        people::say_loss(evaluation.loss, &evaluation.certificate);
        people::say_time(&evaluation.trace, took);
    }
    if common.verbose {
        let explanation = explain(&problem.network, &problem.parameters, &settings)
            .map_err(|error| Failure::of(error.into(), &problem.network))?;
        people::say_engine(&explanation, evaluation.was_swept);
    }
    Ok(())
}
