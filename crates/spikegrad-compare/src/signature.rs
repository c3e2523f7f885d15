//! The event signature of a run: in what order things happened at each neuron.
//!
//! Where two runs have the same signature they lie on one smooth branch of the loss, and a difference quotient between them
//! makes sense. Equal spike counts are not enough: a spike that passes an arrival bends the loss, too.
//!
//! Not here: the runs (`finite_differences.rs` asks its caller for them).

use spikegrad_dynamics::Neuron;
use spikegrad_network::{Circuit, Trace};

/// What happened at a neuron, without its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Happening {
    /// The neuron's own spike.
    Spike,
    /// The n-th firing of a source arrived through a group of synapses.
    Arrival { group: usize, ordinal: usize },
    /// A refractory time ended.
    Release,
    /// A read-out was taken, on an arrival or between.
    Readout { request: usize, on_arrival: bool },
}

/// The order of events at every neuron of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature(Vec<Vec<Happening>>);

impl Signature {
    /// The signature of `trace`, a run of `circuit`.
    #[must_use]
    pub fn new(circuit: &Circuit, trace: &Trace) -> Self {
        let t_end = trace.stimulus.t_end();
        let mut timed: Vec<Vec<(f64, u32, Happening)>> = vec![Vec::new(); circuit.neurons.len()];
        let inputs = trace.stimulus.spikes().iter().map(|s| (s.channel, s.time, 0));
        let spikes = trace.spikes.iter().map(|s| (circuit.source_of(s.neuron), s.time, s.round));
        let mut fired = vec![0; circuit.inputs() + circuit.neurons.len()];
        for (source, time, round) in inputs.chain(spikes) {
            let ordinal = fired[source];
            fired[source] += 1;
            for group in circuit.groups_of(source) {
                let arrival = time + circuit.group(group).delay;
                if arrival > t_end {
                    continue;
                }
                let round = if arrival > time { 0 } else { round };
                for target in &circuit.targets[circuit.group(group).synapses.clone()] {
                    timed[target.index()].push((
                        arrival,
                        round,
                        Happening::Arrival { group, ordinal },
                    ));
                }
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
            if readout.request.measure.fading().is_none() {
                let on_arrival = readout.cusp.is_some();
                let happening = Happening::Readout { request, on_arrival };
                timed[readout.request.neuron.index()].push((readout.time, 0, happening));
            }
        }
        let in_order = |mut list: Vec<(f64, u32, Happening)>| {
            list.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)).then(a.2.cmp(&b.2)));
            list.into_iter().map(|(_, _, happening)| happening).collect()
        };
        Self(timed.into_iter().map(in_order).collect())
    }
}
