//! The event signature of a run: in what order things happened at each neuron.
//!
//! Where two runs have the same signature they lie on one smooth branch of the loss, and a difference quotient between them
//! makes sense. Equal spike counts are not enough: a spike that passes an arrival bends the loss, too. Arrivals with nothing of the
//! neuron's own between them are the exception: they commute, and which is first does not matter.
//!
//! Not here: the runs (`finite_differences.rs` asks its caller for them).

use fnv::FnvHasher;
use spikegrad_dynamics::Neuron;
use spikegrad_network::{Circuit, Group, Place, Trace};
use std::fmt;
use std::hash::Hasher;

/// What happened at a neuron, without its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Happening {
    /// The neuron's own spike.
    Spike,
    /// A firing of a source arrived through a connection, by one of its weights: the n-th spike of a neuron, or the n-th of the inputs as they were
    /// given. Two inputs of one channel may change places, and then each is still itself.
    Arrival { source: usize, connection: usize, weight: u32, ordinal: usize },
    /// A refractory time ended.
    Release,
    /// The n-th step of all that is injected into the neuron.
    Step { ordinal: usize },
    /// A read-out was taken: of the free membrane, on an arrival, of a clamped one, or at a spike.
    Readout { request: usize, place: u64 },
}

impl Happening {
    fn is_arrival(self) -> bool {
        matches!(self, Self::Arrival { .. })
    }

    /// Whether it changes a motion and nothing else, as others of its kind at any order do.
    fn commutes(self) -> bool {
        matches!(self, Self::Arrival { .. } | Self::Step { .. })
    }
}

/// The order of events at every neuron of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature(Vec<Vec<Happening>>);

impl Signature {
    /// The signature of `trace`, a run of `circuit`.
    #[must_use]
    pub fn new<N: Neuron<f64>>(circuit: &Circuit<f64, N>, trace: &Trace) -> Self {
        let t_end = trace.stimulus.t_end();
        let mut timed: Vec<Vec<(f64, u32, Happening)>> = vec![Vec::new(); circuit.neurons.len()];
        let given = trace.stimulus.given_positions();
        let inputs =
            trace.stimulus.spikes().iter().zip(given).map(|(s, &k)| (s.channel, s.time, 0, k));
        let mut fired = vec![0; circuit.neurons.len()];
        let spikes = trace.spikes.iter().map(|s| {
            let ordinal = fired[s.neuron.index()];
            fired[s.neuron.index()] += 1;
            (circuit.source_of(s.neuron), s.time, s.round, ordinal)
        });
        for (source, time, round, ordinal) in inputs.chain(spikes) {
            for group in circuit.groups_of(source) {
                let Group { delay, synapses, connection } = circuit.group(group);
                let arrival = time + delay;
                if arrival > t_end {
                    continue;
                }
                let round = if arrival > time { 0 } else { round };
                for place in synapses {
                    let weight = circuit.weight_of[place];
                    let happening = Happening::Arrival { source, connection, weight, ordinal };
                    timed[circuit.targets[place].index()].push((arrival, round, happening));
                }
            }
        }
        if let Some(currents) = trace.stimulus.currents() {
            for &(neuron, injection) in currents.of_neurons() {
                let steps = currents.injections()[injection].steps.iter().enumerate();
                let before_end = steps.filter(|(_, step)| step.time.rounded <= t_end);
                timed[neuron.index()].extend(before_end.map(|(ordinal, step)| {
                    (step.time.rounded, u32::MAX, Happening::Step { ordinal })
                }));
            }
        }
        for spike in &trace.spikes {
            let n = spike.neuron.index();
            timed[n].push((spike.time, spike.round, Happening::Spike));
            timed[n].push((
                spike.time + circuit.neurons[n].refractory(),
                spike.round,
                Happening::Release,
            ));
        }
        for (request, readout) in trace.readouts.iter().enumerate() {
            if readout.request.measure.decay_rate().is_none() {
                let (place, round) = match readout.place {
                    Place::Free => (0, 0),
                    Place::Cusp(_) => (1, 0),
                    Place::AfterArrivals => (0, u32::MAX),
                    Place::Clamped => (2, 0),
                    Place::Threshold => (3, 0),
                    Place::Pseudospike => (4, 0),
                };
                let happening = Happening::Readout { request, place };
                timed[readout.request.neuron.index()].push((readout.time, round, happening));
            }
        }
        let in_order = |mut list: Vec<(f64, u32, Happening)>| {
            list.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)).then(a.2.cmp(&b.2)));
            let mut happenings: Vec<_> = list.into_iter().map(|(_, _, it)| it).collect();
            let both = |a: &Happening, b: &Happening| a.commutes() && b.commutes();
            happenings.chunk_by_mut(both).for_each(<[_]>::sort_unstable);
            happenings
        };
        Self(timed.into_iter().map(in_order).collect())
    }
}

impl fmt::Display for Signature {
    /// How many events there are of each kind, and a number that differs where the order does.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = || self.0.iter().flatten();
        let spikes = all().filter(|&&it| it == Happening::Spike).count();
        let arrivals = all().filter(|it| it.is_arrival()).count();
        let events = all().count();
        write!(
            f,
            "{events} events, {spikes} of them spikes and {arrivals} arrivals, order {:016x}",
            self.digest()
        )
    }
}

impl Signature {
    /// A digest of the order (FNV-1a): the same for the same signature on any machine.
    #[must_use]
    pub fn digest(&self) -> u64 {
        let mut hasher = FnvHasher::default();
        let mut take = |x: u64| hasher.write(&x.to_le_bytes());
        for neuron in &self.0 {
            take(neuron.len() as u64);
            for &happening in neuron {
                let words = match happening {
                    Happening::Spike => [0, 0, 0, 0, 0],
                    Happening::Arrival { source, connection, weight, ordinal } => {
                        let (source, connection) = (source as u64, connection as u64);
                        [1, source, connection, u64::from(weight), ordinal as u64]
                    }
                    Happening::Release => [2, 0, 0, 0, 0],
                    Happening::Step { ordinal } => [4, ordinal as u64, 0, 0, 0],
                    Happening::Readout { request, place } => [3, request as u64, place, 0, 0],
                };
                words.into_iter().for_each(&mut take);
            }
        }
        hasher.finish()
    }
}
