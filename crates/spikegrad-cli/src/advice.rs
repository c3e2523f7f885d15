//! What a problem makes one suspect: that its times are not in seconds, or that nothing in it spikes.
//!
//! Each is one sentence, and no more than advice: the problem is valid, and its answer right. Not here: that a gradient is not exact
//! (`people.rs`), what is refused (the library).

use crate::people::counted;
use spikegrad::dynamics::Kind;
use spikegrad::network::wording::shown;
use spikegrad::problem::Problem;
use spikegrad::{
    AnyLoss, Network, RelativeSpikeTime, SpikeTimeMse, Trace, TtfsCrossEntropy, VanRossum,
};

/// A time constant or a delay above this, in s, is a hundred times that of a neuron, and rather one in milliseconds.
const LONGEST_USUAL: f64 = 1.0;

/// Populations that one sentence names.
const MOST_NAMES: usize = 5;

/// What can be said of a problem before it is run.
pub(crate) fn before(problem: &Problem) -> Vec<String> {
    [late_inputs(problem), late_targets(problem), slow(problem)].into_iter().flatten().collect()
}

/// What can be said of its run.
pub(crate) fn after(problem: &Problem, trace: &Trace) -> Option<String> {
    let network = &problem.network;
    let silent = silent(network, trace);
    if silent.is_empty() {
        return None;
    }
    let spiking = network.populations().iter().filter(|of| of.model.spikes() && of.size > 0);
    let who = match spiking.count() == silent.len() {
        true => "no neuron spikes".to_owned(),
        false => format!("no neuron of {} spikes", names(network, &silent)),
    };
    let loss = problem.document.loss.as_ref().and_then(reads_spikes_of);
    let read = loss.and_then(|name| network.population(name)).filter(|k| silent.contains(k));
    let consequence = match read {
        Some(k) => format!(
            ", but the loss reads the spikes of {}: it is a constant, and its gradient is zero",
            shown(&network.populations()[k].name)
        ),
        None => String::new(),
    };
    Some(format!("{who}{consequence}; larger weights or a longer run would help"))
}

/// Inputs that come too late to be heard.
fn late_inputs(problem: &Problem) -> Option<String> {
    let (t_end, spikes) = (problem.stimulus.t_end(), problem.stimulus.spikes());
    let late = spikes.iter().filter(|spike| spike.time > t_end).count();
    let what = beyond(late, spikes.len(), "input spike", "input spikes", t_end)?;
    Some(format!("{what} and without effect; times are in seconds"))
}

/// Targets that no spike can meet.
fn late_targets(problem: &Problem) -> Option<String> {
    let Some(
        AnyLoss::SpikeTimeMse(SpikeTimeMse { targets, pseudospikes: false, .. })
        | AnyLoss::VanRossum(VanRossum { targets, .. }),
    ) = &problem.document.loss
    else {
        return None;
    };
    let t_end = problem.stimulus.t_end();
    let all = targets.iter().flatten();
    let late = all.clone().filter(|&&time| time > t_end).count();
    let what = beyond(late, all.count(), "target time", "target times", t_end)?;
    Some(format!("{what}, where there is no spike; times are in seconds"))
}

/// That `late` of `all` come after the end, if any do.
fn beyond(late: usize, all: usize, one: &str, many: &str, t_end: f64) -> Option<String> {
    let who = match (late, all) {
        (0, _) => return None,
        (1, 1) => format!("the only {one} is"),
        (late, all) if late == all => format!("all {all} {many} are"),
        (1, all) => format!("1 of {all} {many} is"),
        (late, all) => format!("{late} of {all} {many} are"),
    };
    Some(format!("{who} after the end of the run, {t_end:?} s,"))
}

/// Time constants and delays that would rather be milliseconds.
fn slow(problem: &Problem) -> Option<String> {
    let network = &problem.network;
    let mut found = Vec::new();
    let mut look = |place: &dyn Fn() -> String, values: &[f64]| {
        if let Some(value) = values.iter().copied().find(|&value| value > LONGEST_USUAL) {
            found.push((place(), value));
        }
    };
    for (k, values) in problem.parameters.populations.iter().enumerate() {
        for (quantity, values) in values.values() {
            if quantity.kind == Kind::TimeConstant {
                look(&|| format!("network.populations[{k}].{}", quantity.path), values.as_slice());
            }
        }
    }
    for (k, values) in problem.parameters.connections.iter().enumerate() {
        let connection = &network.connections()[k];
        let is_listed = !connection.synapses.is_dense();
        let key = if is_listed && connection.shared.is_none() { "synapses" } else { "delay" };
        look(&|| format!("network.connections[{k}].{key}"), values.delay.as_slice());
    }
    let (place, value) = found.first()?;
    let more = match found.len() - 1 {
        0 => String::new(),
        more => format!(" ({} alike)", counted(more, "more place", "more places")),
    };
    Some(format!(
        "{place} has a time of {value:?} s{more}; times are in seconds, so that 20 ms are 0.02"
    ))
}

/// The populations of spiking neurons that are silent in a run.
fn silent(network: &Network, trace: &Trace) -> Vec<usize> {
    let mut spikes = vec![false; network.populations().len()];
    for spike in &trace.spikes {
        spikes[network.locate(spike.neuron).0] = true;
    }
    let is_silent = |&k: &usize| {
        let population = &network.populations()[k];
        population.model.spikes() && population.size > 0 && !spikes[k]
    };
    (0..spikes.len()).filter(is_silent).collect()
}

fn names(network: &Network, populations: &[usize]) -> String {
    let shown = populations.iter().take(MOST_NAMES);
    let mut list: Vec<String> = shown.map(|&k| shown_name(network, k)).collect();
    if let Some(more @ 1..) = populations.len().checked_sub(MOST_NAMES) {
        list.push(format!("{more} more"));
    }
    match list.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, first)) => format!("{} and of {last}", first.join(", of ")),
        None => String::new(),
    }
}

fn shown_name(network: &Network, population: usize) -> String {
    shown(&network.populations()[population].name)
}

/// The population whose spikes a loss reads; nothing if it reads potentials.
fn reads_spikes_of(loss: &AnyLoss) -> Option<&str> {
    match loss {
        AnyLoss::TtfsCrossEntropy(TtfsCrossEntropy { pseudospikes: true, .. })
        | AnyLoss::SpikeTimeMse(SpikeTimeMse { pseudospikes: true, .. }) => None,
        AnyLoss::TtfsCrossEntropy(TtfsCrossEntropy { population, .. })
        | AnyLoss::RelativeSpikeTime(RelativeSpikeTime { population, .. })
        | AnyLoss::SpikeTimeMse(SpikeTimeMse { population, .. })
        | AnyLoss::VanRossum(VanRossum { population, .. }) => Some(population),
        _ => None,
    }
}
