//! Coincidences at which a loss has a kink, so that its derivative is one-sided.
//!
//! A step of an injected current counts as an arrival. What comes first at one instant is a rule (docs/mathematics.md, section 8), and where it matters to first order, the derivative is
//! that of one side. A run and its gradient tell where: the moments on which the loss depends are listed, the arrivals are regenerated once,
//! and those that meet such a moment, to the last digit of its time, are noted. A moment counts once, whatever number of arrivals
//! meets it.
//!
//! Not here: the rules themselves (`backward.rs`, and the rounds of the forward pass).

use crate::certificate::Differentiated;
use crate::touches::{note_readouts, reach_back};
use spikegrad_dynamics::Neuron;
use spikegrad_network::{Cusp, Measure, NeuronId, Place, Readout, Time};
use std::collections::BTreeSet;
use std::ops::Range;

/// What coincides, and what is taken to come first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum TieKind {
    /// Something arrives at a neuron at the very time of its spike. The spike comes first.
    ArrivalAtSpike,
    /// Something arrives at a neuron at the very end of its refractory time. The membrane is free first.
    ArrivalAtRelease,
    /// Something arrives at a neuron at the very time at which its potential is read. It is read first.
    ArrivalAtReadout,
    /// A neuron spikes at the very time at which its potential is sampled. The spike comes first.
    SpikeAtReadout,
    /// The refractory time of a neuron ends at the very time at which its potential is sampled. The membrane is free first.
    ReleaseAtReadout,
    /// A neuron spikes at the very end of the run. It counts; a little later it would not.
    SpikeAtEnd,
    /// The maximum of a potential is reached at two times. It is the first.
    EqualMaxima,
    /// Several arrivals cut a maximum off together. Each has a share in its motion.
    SharedCusp,
    /// Several spikes, or one after several delays that are equal, arrive together at a neuron whose arrivals do not commute, or which they make spike by a jump. Each is taken to be
    /// the last, and the spike is that of one of them.
    ArrivalsTogether,
    /// The loss itself has a kink at the time of a spike, such as where that meets its target in the van Rossum distance.
    KinkOfLoss,
}

/// A moment on which the loss depends, and what meets it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    pub(crate) time: f64,
    pub(crate) neuron: NeuronId,
    pub(crate) kind: TieKind,
    /// When the other of two equal maxima is.
    pub(crate) other: Option<f64>,
    /// The first firing that meets it: of the input spikes, then the spikes of the trace.
    pub(crate) first: Option<usize>,
    /// What arrives in an earlier round comes before it.
    round: u32,
    /// The firing that it is.
    own: Option<usize>,
    /// How often it is met, and how often it has to be.
    met: usize,
    needed: usize,
}

impl Moment {
    /// A tie as it stands.
    fn tied(kind: TieKind, neuron: NeuronId, time: f64) -> Self {
        // −0.0 is the time 0.
        let (time, round, met, needed) = (time + 0.0, 0, 0, 0);
        Self { time, neuron, kind, other: None, first: None, round, own: None, met, needed }
    }

    /// A tie if something arrives.
    fn if_met(kind: TieKind, neuron: NeuronId, time: f64) -> Self {
        Self { needed: 1, ..Self::tied(kind, neuron, time) }
    }

    /// Takes note of a firing that arrives in `round`, or of a step of an injected current, which comes last.
    fn meet(&mut self, firing: Option<usize>, round: u32) {
        let counts = match self.kind {
            TieKind::ArrivalAtSpike => {
                firing.is_none() || round >= self.round && self.own != firing
            }
            TieKind::SharedCusp => round == self.round,
            _ => true,
        };
        if counts {
            self.first = self.first.or(firing);
            self.met += 1;
        }
    }
}

/// All ties that matter to a gradient, in the order of time, then neuron, then kind.
pub(crate) fn ties<N: Neuron<f64>>(run: &Differentiated<'_, N>) -> Vec<Moment> {
    let mut all = Vec::new();
    of_readouts(run, &mut all);
    of_spikes(run, &mut all);
    of_arrivals(run, &mut all);
    let kinks = run.cotangents.kinks.iter().filter_map(|&k| run.trace.spikes.get(k));
    all.extend(kinks.map(|spike| Moment::tied(TieKind::KinkOfLoss, spike.neuron, spike.time)));
    let key = |m: &Moment| (m.time.to_bits(), m.neuron, m.kind);
    all.sort_by_key(key);
    all.dedup_by_key(|m| key(m));
    meet_arrivals(run, &mut all);
    all.retain(|moment| moment.met >= moment.needed);
    all
}

fn of_readouts<N: Neuron<f64>>(run: &Differentiated<'_, N>, into: &mut Vec<Moment>) {
    let t_end = run.trace.stimulus.t_end();
    for readout in read(run) {
        let Readout { request, time, .. } = *readout;
        let neuron = request.neuron;
        // A time that nothing moves, at which the free membrane is read.
        let is_fixed = matches!(request.measure, Measure::Sample { .. }) || time >= t_end;
        match readout.place {
            Place::Threshold if is_fixed => {
                into.push(Moment::tied(TieKind::SpikeAtEnd, neuron, time));
            }
            // What arrives at time 0 can only come later.
            Place::Free | Place::Cusp(_) if is_fixed && time > 0.0 => {
                into.push(Moment::if_met(TieKind::ArrivalAtReadout, neuron, time));
            }
            _ => {}
        }
        if let Some(Cusp { round, .. }) = readout.cusp() {
            let shared = Moment::tied(TieKind::SharedCusp, neuron, time);
            into.push(Moment { round, needed: 2, ..shared });
        }
        if readout.rival.is_some() {
            let equal = Moment::tied(TieKind::EqualMaxima, neuron, time);
            into.push(Moment { other: readout.rival, ..equal });
        }
    }
}

/// Samples and maxima on which the loss depends.
fn read<'a, N: Neuron<f64>>(
    run: &Differentiated<'a, N>,
) -> impl Iterator<Item = &'a Readout> + use<'a, N> {
    let all = run.trace.readouts.iter().zip(&run.cotangents.readouts);
    let is_read = |(readout, cotangent): &(&Readout, &f64)| {
        **cotangent != 0.0 && readout.request.measure.decay_rate().is_none()
    };
    all.filter(is_read).map(|(readout, _)| readout)
}

/// Spikes on whose times the loss depends, releases of membranes on which it does, and samples at either.
fn of_spikes<N: Neuron<f64>>(run: &Differentiated<'_, N>, into: &mut Vec<Moment>) {
    let (inputs, t_end) = (run.trace.stimulus.spikes().len(), run.trace.stimulus.t_end());
    let samples = read(run).filter(|r| matches!(r.request.measure, Measure::Sample { .. }));
    let mut samples: Vec<_> =
        samples.map(|r| (r.request.neuron, (r.time + 0.0).to_bits())).collect();
    samples.sort_unstable();
    let is_sampled = |neuron: NeuronId, time: f64| {
        samples.binary_search(&(neuron, (time + 0.0).to_bits())).is_ok()
    };
    let is_read_after = membranes_that_matter(run);
    let idle = Idle::new(run);
    for (k, spike) in run.trace.spikes.iter().enumerate() {
        let (neuron, time) = (spike.neuron, spike.time);
        if run.spike_matters(k) || idle.matters(run, k) {
            let spike_itself = Moment::if_met(TieKind::ArrivalAtSpike, neuron, time);
            into.push(Moment { round: spike.round, own: Some(inputs + k), ..spike_itself });
            if time >= t_end {
                into.push(Moment::tied(TieKind::SpikeAtEnd, neuron, time));
            }
        }
        if is_sampled(neuron, time) {
            into.push(Moment::tied(TieKind::SpikeAtReadout, neuron, time));
        }
        // A refractory time of 0 belongs to the spike, and can only grow.
        let refractory = run.circuit.neurons[neuron.index()].refractory();
        let release = spike.at().after(refractory).rounded;
        if refractory > 0.0 && release <= t_end {
            if is_read_after[k] {
                into.push(Moment::if_met(TieKind::ArrivalAtRelease, neuron, release));
            }
            if is_sampled(neuron, release) && release > time {
                into.push(Moment::tied(TieKind::ReleaseAtReadout, neuron, release));
            }
        }
    }
}

/// Neurons at which spikes arrive together that do not commute, and may matter.
fn of_arrivals<N: Neuron<f64>>(run: &Differentiated<'_, N>, into: &mut Vec<Moment>) {
    let circuit = run.circuit;
    let is_kicked = |n: usize| circuit.neurons[n].as_general().is_some_and(|n| !n.commutes());
    let kicked: Vec<bool> = (0..circuit.neurons.len()).map(is_kicked).collect();
    let bits = |time: f64| (time + 0.0).to_bits();
    // Where several arrivals made a potential jump, one of them has the time of the spike.
    let jumps = run.trace.spikes.iter().filter(|spike| spike.is_jump());
    let jumps: BTreeSet<_> = jumps.map(|spike| (spike.neuron, bits(spike.time))).collect();
    if !kicked.contains(&true) && jumps.is_empty() {
        return;
    }
    let last = last_effects(run);
    let mut arrivals = Vec::new();
    for (firing, (source, fired_at, _)) in firings(run).enumerate() {
        for group in circuit.groups_of(source) {
            let at = fired_at.after(circuit.delay(group)).rounded;
            let targets = circuit.synapses(group).filter(|&k| circuit.weights[k] != 0.0);
            let matters = |n: &NeuronId| {
                let is_before = |last: f64| kicked[n.index()] && at < last;
                let jumps = |last: f64| at <= last && jumps.contains(&(*n, bits(at)));
                last[n.index()].is_some_and(|last| is_before(last) || jumps(last))
            };
            let targets = targets.map(|k| circuit.targets[k]).filter(matters);
            arrivals.extend(targets.map(|n| (bits(at), n, (firing, group))));
        }
    }
    arrivals.sort_unstable();
    for together in arrivals.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1)) {
        let (time, neuron, first) = together[0];
        if together.iter().any(|&(_, _, other)| other != first) {
            let time = f64::from_bits(time);
            let tied = Moment::tied(TieKind::ArrivalsTogether, neuron, time);
            into.push(Moment { first: Some(first.0), ..tied });
        }
    }
}

/// For each neuron, the last time at which it may have an effect on what is read.
fn last_effects<N: Neuron<f64>>(run: &Differentiated<'_, N>) -> Vec<Option<f64>> {
    let Differentiated { circuit, trace, cotangents, .. } = run;
    let mut last = vec![None; circuit.neurons.len()];
    for (spike, &cotangent) in trace.spikes.iter().zip(&cotangents.spikes) {
        if cotangent != 0.0 {
            last[spike.neuron.index()] = Some(spike.time);
        }
    }
    note_readouts(trace, cotangents, &mut last);
    reach_back(circuit, &mut last);
    last
}

/// Source, time and round of each firing: of the input spikes, then of the spikes of the trace.
fn firings<N: Neuron<f64>>(
    run: &Differentiated<'_, N>,
) -> impl Iterator<Item = (usize, Time, u32)> {
    let Differentiated { circuit, trace, .. } = *run;
    let inputs = trace.stimulus.spikes().iter().map(|s| (s.channel, Time::from(s.time), 0));
    inputs.chain(trace.spikes.iter().map(|s| (circuit.source_of(s.neuron), s.at(), s.round)))
}

/// Synapses with a weight of 0: whatever the time of a spike, the derivative by such a weight hangs on whether there is one.
struct Idle {
    /// For each neuron, the last time at which it may have an effect on what is read; empty if there is no such synapse.
    last: Vec<Option<f64>>,
}

impl Idle {
    fn new<N: Neuron<f64>>(run: &Differentiated<'_, N>) -> Self {
        if !run.circuit.weights.contains(&0.0) {
            return Self { last: Vec::new() };
        }
        Self { last: last_effects(run) }
    }

    /// Whether the spike at position `spike` arrives through one of them where it may have an effect.
    fn matters<N: Neuron<f64>>(&self, run: &Differentiated<'_, N>, spike: usize) -> bool {
        let (circuit, spike) = (run.circuit, &run.trace.spikes[spike]);
        let arrives = |group: usize| {
            let at = spike.at().after(circuit.delay(group)).rounded;
            circuit.synapses(group).any(|synapse| {
                let last = self.last[circuit.targets[synapse].index()];
                circuit.weights[synapse] == 0.0 && last.is_some_and(|last| at < last)
            })
        };
        !self.last.is_empty() && circuit.groups_of(circuit.source_of(spike.neuron)).any(arrives)
    }
}

/// For each spike, whether the loss depends on the membrane after it: on the next spike, or on what is read before that.
fn membranes_that_matter<N: Neuron<f64>>(run: &Differentiated<'_, N>) -> Vec<bool> {
    let spikes = &run.trace.spikes;
    let mut matters = vec![false; spikes.len()];
    let mut last = vec![None; run.circuit.neurons.len()];
    let mut readouts: Vec<_> = read(run).filter(|r| matches!(r.place, Place::Free)).collect();
    readouts.sort_by(|a, b| a.time.total_cmp(&b.time));
    let mut readouts = readouts.into_iter().peekable();
    for (k, spike) in spikes.iter().enumerate() {
        while let Some(before) = readouts.next_if(|r| r.time < spike.time) {
            if let Some(previous) = last[before.request.neuron.index()] {
                matters[previous] = true;
            }
        }
        if let Some(previous) = last[spike.neuron.index()].replace(k) {
            matters[previous] |= run.spike_matters(k);
        }
    }
    for after in readouts {
        if let Some(previous) = last[after.request.neuron.index()] {
            matters[previous] = true;
        }
    }
    let mut is_averaged = vec![false; run.circuit.neurons.len()];
    for (readout, &cotangent) in run.trace.readouts.iter().zip(&run.cotangents.readouts) {
        if readout.request.measure.decay_rate().is_some() && cotangent != 0.0 {
            is_averaged[readout.request.neuron.index()] = true;
        }
    }
    for (matters, spike) in matters.iter_mut().zip(spikes) {
        *matters |= is_averaged[spike.neuron.index()];
    }
    matters
}

/// Says of most times that nothing is listed there, without a look at the list: arrivals are many, and coincidences few.
struct Filter(Vec<u64>);

impl Filter {
    /// A word for each listed time: of those that are not listed one in 64 is mistaken for one that is.
    fn new(times: &[(u64, Range<usize>)]) -> Self {
        let mut filter = Self(vec![0; times.len().next_power_of_two()]);
        for &(time, _) in times {
            let (word, bit) = filter.place(time);
            filter.0[word] |= bit;
        }
        filter
    }

    /// Word and bit of a time, from the upper half of a product in which all of its bits have a part.
    fn place(&self, time: u64) -> (usize, u64) {
        let mixed = time.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
        let word = usize::try_from(mixed / 64).unwrap_or_default() & (self.0.len() - 1);
        (word, 1 << (mixed % 64))
    }

    fn may_have(&self, time: u64) -> bool {
        let (word, bit) = self.place(time);
        self.0[word] & bit != 0
    }
}

/// Shows each moment what arrives at its time.
fn meet_arrivals<N: Neuron<f64>>(run: &Differentiated<'_, N>, moments: &mut [Moment]) {
    let circuit = run.circuit;
    // Times that are not negative are in the order of their bits.
    let bits = |time: f64| (time + 0.0).to_bits();
    let mut instants: Vec<(u64, Range<usize>)> = Vec::new();
    let mut first = 0;
    for same_time in moments.chunk_by(|a, b| bits(a.time) == bits(b.time)) {
        let range = first..first + same_time.len();
        first = range.end;
        instants.push((bits(same_time[0].time), range));
    }
    if instants.is_empty() {
        return;
    }
    let filter = Filter::new(&instants);
    for (firing, (source, fired_at, fired_in)) in firings(run).enumerate() {
        for group in circuit.groups_of(source) {
            let time = fired_at.after(circuit.delay(group));
            let at = bits(time.rounded);
            if !filter.may_have(at) {
                continue;
            }
            let Ok(instant) = instants.binary_search_by_key(&at, |&(bits, _)| bits) else {
                continue;
            };
            let round = if time.coincides(fired_at) { fired_in } else { 0 };
            let mut last = None;
            for synapse in circuit.synapses(group) {
                let target = circuit.targets[synapse];
                // Synapses of a group with one target are neighbours and move together; a weight of 0 has no effect.
                if circuit.weights[synapse] == 0.0 || last.replace(target) == Some(target) {
                    continue;
                }
                let here = &mut moments[instants[instant].1.clone()];
                let start = here.partition_point(|moment| moment.neuron < target);
                let own = here[start..].iter_mut().take_while(|moment| moment.neuron == target);
                own.for_each(|moment| moment.meet(Some(firing), round));
            }
        }
    }
    for (neuron, time) in steps(run) {
        let at = bits(time);
        if let Ok(instant) = instants.binary_search_by_key(&at, |&(bits, _)| bits) {
            let here = &mut moments[instants[instant].1.clone()];
            let own = here.iter_mut().filter(|moment| moment.neuron == neuron);
            own.for_each(|moment| moment.meet(None, 0));
        }
    }
}

/// The neuron and the time of each step of an injected current, in seconds.
fn steps<'a, N: Neuron<f64>>(
    run: &Differentiated<'a, N>,
) -> impl Iterator<Item = (NeuronId, f64)> + use<'a, N> {
    let currents = run.trace.stimulus.currents();
    let of_neurons = currents.into_iter().flat_map(|all| {
        all.of_neurons().iter().map(move |&(neuron, k)| (neuron, &all.injections()[k].steps))
    });
    of_neurons.flat_map(|(neuron, steps)| {
        let changes = steps.iter().filter(|step| step.change != 0.0);
        changes.map(move |step| (neuron, step.time.rounded))
    })
}
