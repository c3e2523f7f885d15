//! `spikegrad fit`: numbers of a problem with which its neurons spike when its loss says.

use crate::arguments::{self, Common};
use crate::error::Failure;
use crate::input::{self, Texts};
use crate::people::counted;
use crate::{output, people};
use clap::Args;
use spikegrad::dynamics::Quantity;
use spikegrad::problem::Problem;
use spikegrad::{AnyLoss, Grazing, Parameters, PopulationParameters, SpikeTimeMse};
use spikegrad_fit::{Fit, FitSettings, Progress, fit, weights_and_delays};
use std::path::PathBuf;

/// Fit a network to spike trains
///
/// The loss of the problem, `spike_time_mse` or a sum of several for several populations, says when neurons shall spike: at their targets, and never
/// else. The answer is the problem with other weights, and other delays where each synapse has its own, with which they do.
///
/// Neurons with targets are fitted one by one, while they hear the targets of the others as they shall be; then the network runs as a whole. What neurons without
/// targets do is part of the search. Where the targets are not reached the answer is the best that was found, and a warning says what is missing.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples, from the root of the repository:
  Two inputs, one neuron: the weights with which its spike comes in time.
    cargo run --release -- fit examples/problems/two_inputs.json \\
      -o fitted.json
  The same with the time constant of the membrane as well.
    cargo run --release -- fit examples/problems/two_inputs.json \\
      --also tau_mem -o fitted.json")]
pub(crate) struct Arguments {
    /// Problem file; - for standard input
    file: PathBuf,

    /// Write the problem to FILE instead of standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// Fit this parameter of the neurons, too, such as `tau_mem` or `i_bias`; may be given more than once
    #[arg(long, value_name = "NAME")]
    also: Vec<String>,

    /// How far from its target a spike may be, in seconds
    #[arg(long, value_name = "TIME", value_parser = arguments::seconds, allow_negative_numbers = true, default_value_t = FitSettings::default().tolerance)]
    tolerance: f64,

    /// Most starts of a neuron that is fitted alone
    #[arg(long, value_name = "N", default_value_t = FitSettings::default().most_starts, value_parser = clap::value_parser!(u32).range(1..))]
    starts: u32,

    /// Seed of the starts that are drawn
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,

    /// Most runs of the network as a whole
    #[arg(long, value_name = "N", default_value_t = FitSettings::default().most_evaluations, value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,
}

pub(crate) fn run(arguments: &Arguments, common: &Common) -> Result<(), Failure> {
    let Arguments { file, output, also, tolerance, starts, seed, runs } = arguments;
    let Texts::One(text) = input::open(file, false)? else { return Err(Failure::FitOfMany) };
    let problem = text.problem()?;
    let targets =
        targets(&problem).ok_or_else(|| Failure::NoTargets { place: input::name(file) })?;
    let trained = trained(&problem, also)?;
    let settings = FitSettings {
        tolerance: *tolerance,
        most_starts: *starts,
        seed: *seed,
        most_evaluations: *runs,
        run: common.settings(Grazing::Fail),
        ..FitSettings::default()
    };
    let say = |progress: &Progress| {
        if let (false, Some(sentence)) = (common.quiet, progress.sentence()) {
            people::say(&sentence);
        }
    };
    let Problem { network, parameters, stimulus, .. } = &problem;
    let found = fit(network, parameters, &trained, stimulus, &targets, &settings, &say);
    let found = found.map_err(Failure::of_fit)?;
    let loss = problem.document.loss.clone();
    let fitted = Problem::from_parts(network, &found.parameters, stimulus, loss);
    let fitted = fitted.map_err(|reason| Failure::Problem { place: input::name(file), reason })?;
    output::write(&fitted.document, output.as_deref())?;
    conclude(&found, &settings, common);
    Ok(())
}

/// The targets of a problem, if its loss is of spike times alone.
fn targets(problem: &Problem) -> Option<Vec<SpikeTimeMse>> {
    let of = |loss: &AnyLoss| match loss {
        AnyLoss::SpikeTimeMse(targets) => Some(targets.clone()),
        _ => None,
    };
    match problem.document.loss.as_ref()? {
        AnyLoss::Sum(sum) => sum.terms.iter().map(|term| of(&term.loss)).collect(),
        one => Some(vec![of(one)?]),
    }
}

/// Weights and delays, and the parameters that are named.
fn trained(problem: &Problem, also: &[String]) -> Result<Parameters<bool>, Failure> {
    let mut trained = weights_and_delays(&problem.parameters);
    for name in also {
        let mut is_known = false;
        for population in &mut trained.populations {
            for (quantity, values) in population.values_mut() {
                if quantity.name() == name {
                    values.as_mut_slice().fill(true);
                    is_known = true;
                }
            }
        }
        if !is_known {
            let populations = problem.parameters.populations.iter();
            let quantities = populations.flat_map(PopulationParameters::values);
            let mut names: Vec<&str> = quantities.map(|(of, _)| Quantity::name(of)).collect();
            names.sort_unstable();
            names.dedup();
            return Err(Failure::NoQuantity { name: name.clone(), names: names.join(", ") });
        }
    }
    Ok(trained)
}

/// Says what was found; that something is missing is a warning, which is said in any case.
fn conclude(found: &Fit, settings: &FitSettings, common: &Common) {
    let &Fit { is_reached, largest, missing, surplus, ref certificate, .. } = found;
    if !is_reached {
        people::warn(&[format!(
            "the targets are not reached: {}, {} beyond the targets, and spikes up to {largest:.2e} s off; other starts (--seed, --starts), more runs (--runs) or more that may change (--also) may help",
            counted(missing, "spike is missing", "spikes are missing"),
            counted(surplus, "spike comes", "spikes come"),
        )]);
    } else if !common.quiet {
        people::say(&format!(
            "reached: {} within {:.2e} s of its target, at most {largest:.2e} s off",
            counted(certificate.spikes, "spike, which is", "spikes, each"),
            settings.tolerance
        ));
    }
    if let (false, Some(slope)) = (common.quiet, &certificate.smallest_slope) {
        let name = &slope.neuron;
        people::say(&format!("the smallest slope is {:.3e}/s, of {name}", slope.slope));
    }
}
