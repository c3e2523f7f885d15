//! A layer whose neurons hear apart from each other: each goes from one of its own arrivals to the next, side by side with others.
//!
//! Not here: how they go on (`spikegrad_dynamics::lanes`), over which synapses they hear (`spikegrad_network`).

use super::arrivals::Fired;
use super::budget::Known;
use super::layer::begin;
use super::together::{Together, spike};
use super::{Place, RunMemory, Sweep};
use spikegrad_dynamics::lanes::{Instant, Walkers, WaysApart};
use spikegrad_network::{Apart, Body, Layer, NeuronId, ReadoutRequest, Watch};

/// Memory of a layer under way.
#[derive(Clone, Debug, Default)]
pub(super) struct ApartScratch {
    /// Which runs go side by side.
    members: Vec<usize>,
    ways: WaysApart,
    /// Of one run, what arrives at each neuron.
    heard: Vec<Heard>,
}

/// When something arrives at a neuron, and with which weight.
type Heard = Vec<(Instant, f64)>;

/// Runs it in all runs that are not given up. What is read of it on the way, and what becomes of too many events, is left to other engines.
pub(super) fn run_apart<const TANGENTS: bool>(
    (of, apart, body): (Place<'_>, &Apart, &Body<1>),
    sweeps: &[Sweep<'_>],
    runs: &mut [RunMemory],
    (scratch, together): (&mut ApartScratch, &mut Together<1>),
    watch: &mut Watch,
) {
    let Place { wiring, layers, layer } = of;
    let is_read = |r: &ReadoutRequest| layer.neurons.contains(&r.neuron.index());
    for (run, sweep) in runs.iter_mut().zip(sweeps).filter(|(run, _)| !run.is_irregular) {
        run.look(of, sweep);
        let (inputs, t_end) = (sweep.stimulus.spikes(), sweep.stimulus.t_end());
        let known = Known { wiring, layers, inputs, populations: &run.fired, own: None };
        run.is_irregular = run.budget.horizon < t_end
            || sweep.options.readouts.iter().any(is_read)
            || known.arrivals_apart(layer, t_end) > Apart::MOST_ARRIVALS;
    }
    let ApartScratch { members, ways, heard } = scratch;
    let count = Together::<1>::side_by_side(layer.neurons.len());
    let mut first = 0;
    while first < runs.len() {
        let last = runs.len().min(first + count);
        members.clear();
        members.extend((first..last).filter(|&k| !runs[k].is_irregular));
        first = last;
        ways.reset(layer.neurons.len(), members.iter().map(|&k| runs[k].budget.most));
        for (position, &k) in members.iter().enumerate() {
            let (populations, stimulus) = (&runs[k].fired, sweeps[k].stimulus);
            let fired = Fired { wiring, layers, inputs: stimulus.spikes(), populations };
            let heard = hear((fired, layer, apart), stimulus.t_end(), heard);
            ways.set(position, heard, stimulus.t_end());
        }
        let Together { walk, start, order, .. } = &mut *together;
        begin(body, start);
        walk.reset(start, members.len());
        let of = Walkers { models: &body.models, numbers: &body.numbers, weights: wiring.weights };
        let mut is_interrupted = false;
        while !is_interrupted && walk.step::<TANGENTS>(&of, &*ways) {
            is_interrupted = watch.is_interrupted();
            for outcome in &mut walk.outcomes {
                outcome.is_irregular |= outcome.is_full;
            }
        }
        for (outcome, &k) in walk.outcomes.iter().zip(&*members) {
            runs[k].is_irregular = is_interrupted || outcome.is_irregular;
            order.sort(&outcome.fired, sweeps[k].stimulus.t_end());
            let spikes = &mut runs[k].fired[layer.population];
            let id = |n: usize| NeuronId::new(layer.neurons.start + n);
            spikes.extend(order.of(&outcome.fired).map(|fired| spike(fired, id(fired.neuron))));
        }
    }
}

/// Writes down what arrives at each neuron by `t_end`, in order. What arrives at one instant is one, and nothing where its weights cancel.
fn hear<'a>(
    (fired, layer, apart): (Fired<'_>, &Layer, &Apart),
    t_end: f64,
    memory: &'a mut Vec<Heard>,
) -> &'a [Heard] {
    let wiring = fired.wiring;
    // Layers use it after one another: a smaller one leaves the rest as it is.
    if memory.len() < layer.neurons.len() {
        memory.resize_with(layer.neurons.len(), Vec::new);
    }
    let heard = &mut memory[..layer.neurons.len()];
    heard.iter_mut().for_each(Vec::clear);
    for from in apart.sources() {
        for firing in fired.firings(from) {
            let arrivals = apart.arrivals(wiring, from, firing);
            for (time, group) in arrivals.take_while(|(time, _)| time.rounded <= t_end) {
                for synapse in wiring.synapses(group) {
                    let neuron = wiring.targets[synapse].index() - layer.neurons.start;
                    let instant = [time.rounded, time.remainder];
                    heard[neuron].push((instant, wiring.weights[synapse]));
                }
            }
        }
    }
    for heard in &mut *heard {
        // Times are not negative, and such numbers are in the order of their bits.
        heard.sort_unstable_by_key(|([time, _], _)| (time + 0.0).to_bits());
        let is_same = |a: &(Instant, f64), b: &(Instant, f64)| (a.0[0] - b.0[0]) == 0.0;
        for at_once in heard.chunk_by_mut(is_same).filter(|at_once| at_once.len() > 1) {
            at_once
                .sort_unstable_by(|([_, a], v), ([_, b], w)| a.total_cmp(b).then(v.total_cmp(w)));
        }
        heard.dedup_by(|later, first| {
            let is_one = is_same(later, first);
            if is_one {
                *first = (later.0, first.1 + later.1);
            }
            is_one
        });
        heard.retain(|&(_, weight)| weight != 0.0);
    }
    heard
}
