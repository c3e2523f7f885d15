//! What arrives in a window of time that is no longer than the smallest delay: all of it was sent before the window began, so it is known, in order.
//!
//! Not here: what it does (`part.rs`).

use spikegrad_dynamics::Lif;
use spikegrad_dynamics::lif::sums::{self, UnitArrival};
use spikegrad_network::{Circuit, InputSpike, Spike, Time};

/// A spike under way: the first of its groups of synapses that it has not come to, and where they end.
#[derive(Clone, Copy, Debug)]
struct UnderWay {
    fired: Time,
    /// When it comes to the next group.
    arrives: Time,
    next: usize,
    end: usize,
}

/// Something arrives over a group of synapses.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arrival {
    pub(super) time: Time,
    pub(super) group: usize,
}

/// The arrivals of a window.
#[derive(Clone, Debug, Default)]
pub(super) struct Window {
    under_way: Vec<UnderWay>,
    next_input: usize,
    /// The smallest delay of an input, in seconds.
    input_delay: f64,
    /// Those of spikes and of inputs, each in the order of their times.
    sorted: [Vec<Arrival>; 2],
    /// All, in that order.
    pub(super) arrivals: Vec<Arrival>,
    /// What a unit weight of each adds.
    pub(super) by: Vec<UnitArrival>,
    /// Seconds since the reference.
    since: Vec<f64>,
    /// Time constants of the targets of each, or of all if they share them.
    shares_time_constants: bool,
    tau_mem: Vec<f64>,
    tau_syn: Vec<f64>,
}

impl Window {
    /// Forgets everything, for a run of `circuit`.
    pub(super) fn clear(&mut self, circuit: &Circuit) {
        self.under_way.clear();
        self.next_input = 0;
        let groups = (0..circuit.inputs()).flat_map(|source| circuit.groups_of(source));
        let delays = groups.map(|group| circuit.delay(group));
        self.input_delay = delays.fold(f64::INFINITY, f64::min);
        let taus = circuit.neurons.first().map_or([1.0; 2], Lif::time_constants);
        for (of_all, tau) in [&mut self.tau_mem, &mut self.tau_syn].into_iter().zip(taus) {
            of_all.clear();
            of_all.push(tau);
        }
        self.shares_time_constants =
            circuit.neurons.windows(2).all(|two| two[0].shares_time_constants(&two[1]));
    }

    /// A time before which nothing arrives, if anything does at all.
    pub(super) fn next(&self, inputs: &[InputSpike]) -> Option<f64> {
        let under_way = self.under_way.iter().map(|spike| spike.arrives.rounded);
        let input = inputs.get(self.next_input).map(|spike| spike.time + self.input_delay);
        under_way.chain(input).reduce(f64::min)
    }

    /// A neuron has spiked.
    pub(super) fn send(&mut self, circuit: &Circuit, spike: &Spike) {
        let spike = UnderWay::new(circuit, circuit.source_of(spike.neuron), spike.at());
        self.under_way.extend(spike);
    }

    /// Gathers what arrives before `until`, and returns over how many synapses.
    pub(super) fn fill(&mut self, circuit: &Circuit, inputs: &[InputSpike], until: f64) -> u64 {
        let Self { under_way, arrivals, sorted, input_delay, next_input, .. } = self;
        let in_order = |arrivals: &mut Vec<Arrival>| {
            if !arrivals.is_sorted_by(|a, b| a.time.rounded <= b.time.rounded) {
                arrivals.sort_by(|a, b| a.time.rounded.total_cmp(&b.time.rounded));
            }
        };
        let [spikes, of_inputs] = sorted;
        spikes.clear();
        under_way.retain_mut(|spike| spike.is_left(circuit, until, spikes));
        in_order(spikes);
        of_inputs.clear();
        // No input arrives before the first that could arrive before it.
        let is_near = |spike: &&InputSpike| spike.time + *input_delay < until;
        while let Some(spike) = inputs.get(*next_input).filter(is_near) {
            *next_input += 1;
            let spike = UnderWay::new(circuit, spike.channel, spike.time.into());
            let spike = spike.map(|mut spike| (spike.is_left(circuit, until, of_inputs), spike));
            under_way.extend(spike.filter(|(is_left, _)| *is_left).map(|(_, spike)| spike));
        }
        in_order(of_inputs);
        arrivals.clear();
        let mut next = 0;
        for spike in &*spikes {
            let is_before = |input: &&Arrival| input.time.rounded <= spike.time.rounded;
            let before = of_inputs[next..].iter().take_while(is_before);
            let first = arrivals.len();
            arrivals.extend(before);
            next += arrivals.len() - first;
            arrivals.push(*spike);
        }
        arrivals.extend_from_slice(&of_inputs[next..]);
        let synapses = |arrival: &Arrival| circuit.synapses(arrival.group).len() as u64;
        arrivals.iter().map(synapses).sum()
    }

    /// Computes what the arrivals add; `reference` is that of all neurons.
    pub(super) fn measure<const TANGENTS: bool>(&mut self, circuit: &Circuit, reference: f64) {
        let Self { arrivals, by, since, tau_mem, tau_syn, .. } = self;
        since.clear();
        since.extend(arrivals.iter().map(|arrival| arrival.time.since(reference.into())));
        if !self.shares_time_constants {
            tau_mem.clear();
            tau_syn.clear();
            for arrival in &*arrivals {
                let [mem, syn] = circuit.target_model(arrival.group).time_constants();
                tau_mem.push(mem);
                tau_syn.push(syn);
            }
        }
        sums::unit_arrivals::<TANGENTS>(since, tau_mem, tau_syn, by);
    }
}

impl UnderWay {
    /// A spike of `source`, if anybody hears it.
    fn new(circuit: &Circuit, source: usize, fired: Time) -> Option<Self> {
        let groups = circuit.groups_of(source);
        let arrives = fired.after(circuit.delay(groups.clone().next()?));
        Some(Self { fired, arrives, next: groups.start, end: groups.end })
    }

    /// Appends what arrives before `until`, and says whether anything is left that arrives later.
    #[inline]
    fn is_left(&mut self, circuit: &Circuit, until: f64, arrivals: &mut Vec<Arrival>) -> bool {
        while self.arrives.rounded < until {
            arrivals.push(Arrival { time: self.arrives, group: self.next });
            self.next += 1;
            if self.next == self.end {
                return false;
            }
            self.arrives = self.fired.after(circuit.delay(self.next));
        }
        true
    }
}
