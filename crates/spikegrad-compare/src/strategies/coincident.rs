//! Problems in which much happens at once, or all but at once.
//!
//! All times of the document stand on a binary grid, so that inputs, delays and ends of refractory times meet exactly; half of the populations are of
//! equal neurons, half of the loops have no delay. Then some inputs are moved to within three doubles of a spike of a neuron that hears them, on either
//! side or to the very double, where the order of the two decides what comes.
//!
//! Not here: the numbers that are put on the grid (`draw.rs`).

use super::{Plan, Random};
use spikegrad_dynamics::lif;
use spikegrad_network::loss::{AnyLoss, SpikeTimeMse, VoltageMse};
use spikegrad_network::problem::{
    ConnectionDocument, Entries, OneOrMany, Problem, ProblemDocument,
};
use spikegrad_network::{Circuit, Trace, Values};
use spikegrad_simulate::{Options, Workspace, simulate_forward_into};

/// All times are multiples of this, in seconds.
const GRID: f64 = 1.0 / 4096.0;

/// Inputs that are moved to a spike: each takes a run.
const SNAPPED: usize = 3;

/// Most doubles between an arrival and a spike that it is moved to.
const DOUBLES: usize = 3;

/// Where a run ends that has too many events to be of use.
const MAX_EVENTS: u64 = 2000;

/// Puts the times of a document on a grid, makes neurons equal, and moves inputs to spikes.
pub(super) fn coincide(document: &mut ProblemDocument, plan: &Plan) {
    let mut random = Random::new(plan.seed ^ 0xc01);
    on_the_grid(document);
    for k in 0..document.network.populations.len() {
        if random.below(2) == 0 {
            make_equal(document, k);
        }
    }
    for connection in &mut document.network.connections {
        if connection.from == connection.to && random.below(2) == 0 {
            without_delay(connection);
        }
    }
    let mut last = f64::NEG_INFINITY;
    for k in chosen(document, &mut random) {
        if let Some(time) = near_a_spike(document, k, last, &mut random) {
            document.stimulus.spikes[k].1 = time;
            last = time;
        }
    }
}

fn round(time: &mut f64) {
    *time = (*time / GRID).round() * GRID;
}

fn on_the_grid(document: &mut ProblemDocument) {
    for population in &mut document.network.populations {
        match population.get_mut(&lif::TABLE.quantities[lif::T_REF]) {
            Some(OneOrMany::One(time)) => round(time),
            Some(OneOrMany::Many(times)) => times.iter_mut().for_each(round),
            None => {}
        }
    }
    for connection in &mut document.network.connections {
        match &mut connection.delay {
            Some(OneOrMany::One(delay)) => round(delay),
            Some(OneOrMany::Many(delays)) => delays.for_each_mut(round),
            None => {}
        }
        for synapse in connection.synapses.iter_mut().flatten() {
            synapse.delay.iter_mut().for_each(round);
        }
    }
    document.stimulus.spikes.iter_mut().for_each(|(_, time)| round(time));
    for current in document.stimulus.currents.iter_mut().flatten() {
        for time in current.start.iter_mut().chain(&mut current.interval) {
            round(time);
        }
        if let Some(times) = &mut current.times {
            times.iter_mut().for_each(round);
            // Each step is later than the one before.
            for k in 1..times.len() {
                times[k] = times[k].max(times[k - 1] + GRID);
            }
        }
    }
    round(&mut document.stimulus.t_end);
    match &mut document.loss {
        Some(AnyLoss::SpikeTimeMse(SpikeTimeMse { targets, .. })) => {
            targets.iter_mut().flatten().for_each(round);
        }
        Some(AnyLoss::VoltageMse(VoltageMse { samples, .. })) => {
            samples.iter_mut().for_each(|(_, time, _)| round(time));
        }
        _ => {}
    }
}

/// Gives all neurons of a population the parameters and the incoming synapses of its first one.
fn make_equal(document: &mut ProblemDocument, population: usize) {
    let population = &mut document.network.populations[population];
    let size = usize::try_from(population.size).unwrap_or(usize::MAX);
    for numbers in population.params.values_mut().chain(population.initial.values_mut()) {
        if let OneOrMany::Many(each) = numbers {
            let first = each[0];
            each.fill(first);
        }
    }
    for connection in document.network.connections.iter_mut().filter(|c| c.to == population.name) {
        if let Some(OneOrMany::Many(Entries::Rows(rows))) = &mut connection.delay {
            let first = rows[0].clone();
            rows.fill(first);
        }
        // Within the population all of one weight: a loop is then the same for each.
        let is_loop = connection.from == connection.to;
        if let Some(Entries::Rows(rows)) = &mut connection.weights {
            let first = rows[0].clone();
            let one = first[0];
            rows.fill(if is_loop { vec![one; first.len()] } else { first });
        }
        if let (Some(weight_of), None) = (&mut connection.weight_of, &connection.synapses) {
            let n_pre = weight_of.len() / size;
            let first = weight_of[..n_pre].to_vec();
            let row = if is_loop { vec![first[0]; n_pre] } else { first };
            weight_of.chunks_mut(n_pre).for_each(|of_one| of_one.copy_from_slice(&row));
        }
    }
}

fn without_delay(connection: &mut ConnectionDocument) {
    connection.delay = None;
    connection.synapses.iter_mut().flatten().for_each(|synapse| synapse.delay = None);
}

/// Inputs to be moved, in the order of time.
fn chosen(document: &ProblemDocument, random: &mut Random) -> Vec<usize> {
    let spikes = &document.stimulus.spikes;
    let mut chosen: Vec<usize> =
        (0..spikes.len().min(SNAPPED)).map(|_| random.below(spikes.len())).collect();
    chosen.sort_by(|&a, &b| spikes[a].1.total_cmp(&spikes[b].1));
    chosen.dedup();
    chosen
}

/// A time after `last` at which input `k` arrives within three doubles of a spike of a neuron that hears it: of one before the input, which therefore
/// does not depend on it; of any, if there is none.
fn near_a_spike(
    document: &ProblemDocument,
    k: usize,
    last: f64,
    random: &mut Random,
) -> Option<f64> {
    let problem = Problem::from_document(document.clone()).ok()?;
    let circuit = Circuit::new(&problem.network, &problem.parameters).ok()?;
    let options = Options { readouts: &[], max_events: MAX_EVENTS };
    let (mut workspace, mut trace) = (Workspace::default(), Trace::default());
    // A run that is cut short has spikes, too.
    let _ = simulate_forward_into(&circuit, &problem.stimulus, options, &mut workspace, &mut trace);
    let (channel, given) = document.stimulus.spikes[k];
    let mut places = Vec::new();
    for (c, connection) in problem.network.connections().iter().enumerate() {
        if connection.from != spikegrad_network::Source::Input {
            continue;
        }
        let (n_pre, n_post) = problem.network.shape(c);
        let first = problem.network.range(connection.to).start;
        let delays = &problem.parameters.connections[c].delay;
        for spike in &trace.spikes {
            let index = spike.neuron.index().wrapping_sub(first);
            let pre = usize::try_from(channel).ok()?;
            if index < n_post {
                let delay = match delays {
                    Values::Shared(delay) => *delay,
                    Values::Each(delays) => delays[connection.weight_of(index * n_pre + pre)],
                };
                places.push((spike.time - delay, spike.time, delay));
            }
        }
    }
    places.retain(|&(start, ..)| start > last.max(0.0));
    if places.iter().any(|&(start, ..)| start < given) {
        places.retain(|&(start, ..)| start < given);
    }
    let &(mut start, spike, delay) = places.get(random.below(places.len().max(1)))?;
    // So many doubles of the arrival, which may be coarser than those of the input.
    let mut wanted = spike;
    let steps = random.below(2 * DOUBLES + 1);
    for _ in 0..steps.abs_diff(DOUBLES) {
        wanted = if steps < DOUBLES { wanted.next_down() } else { wanted.next_up() };
    }
    start += wanted - (start + delay);
    (start >= 0.0 && start <= document.stimulus.t_end).then_some(start)
}
