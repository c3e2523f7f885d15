//! The order of synapses in a circuit: by source, then by delay, in groups of one delay, there by target.
//!
//! Sorting is by counting, so that a circuit of ten million synapses takes a second and little more memory than it keeps.
//! Not here: what a group is for (`circuit.rs`).

use crate::{Connection, Network, NeuronId, Parameters, Source, Synapses, Values};
use spikegrad_dynamics::Scalar;
use std::ops::Range;

/// Groups of all sources, in the order of sources, then delays.
#[derive(Clone, Debug)]
pub(crate) struct Groups<T> {
    /// First group of each source, and the number of all.
    first_group: Vec<u32>,
    /// First synapse of each group, and the number of all.
    first_synapse: Vec<u32>,
    delays: Vec<T>,
    connections: Vec<u32>,
    is_apart: Vec<bool>,
}

impl<T: Scalar> Groups<T> {
    #[inline]
    pub(crate) fn of_source(&self, source: usize) -> Range<usize> {
        self.first_group[source] as usize..self.first_group[source + 1] as usize
    }

    #[inline]
    pub(crate) fn synapses(&self, group: usize) -> Range<usize> {
        self.first_synapse[group] as usize..self.first_synapse[group + 1] as usize
    }

    #[inline]
    pub(crate) fn delay(&self, group: usize) -> T {
        self.delays[group]
    }

    pub(crate) fn connection(&self, group: usize) -> usize {
        self.connections[group] as usize
    }

    #[inline]
    pub(crate) fn is_apart(&self, group: usize) -> bool {
        self.is_apart[group]
    }

    pub(crate) fn count(&self) -> usize {
        self.delays.len()
    }

    /// Visits every synapse of a connection: its place in the circuit.
    ///
    /// Groups are gone through side by side. In a dense connection the synapses to one target are neighbours in the
    /// parameters, so that both orders are read by cache lines.
    pub(crate) fn for_each_synapse(&self, connection: usize, mut visit: impl FnMut(usize)) {
        let mut all = (0..self.count()).filter(|&g| self.connection(g) == connection).peekable();
        while let Some(first) = all.next() {
            let mut side_by_side = [0; SIDE_BY_SIDE];
            side_by_side[0] = self.synapses(first).start;
            let (length, mut count) = (self.synapses(first).len(), 1);
            while count < SIDE_BY_SIDE
                && let Some(group) = all.next_if(|&g| self.synapses(g).len() == length)
            {
                side_by_side[count] = self.synapses(group).start;
                count += 1;
            }
            for k in 0..length {
                side_by_side[..count].iter().for_each(|start| visit(start + k));
            }
        }
    }
}

/// Groups that are gone through together: doubles of a cache line.
const SIDE_BY_SIDE: usize = 8;

/// An index as the circuit keeps it; ids have the same limit.
fn narrow(index: usize) -> u32 {
    NeuronId::new(index).0
}

/// A circuit's synapses in the making.
#[derive(Debug)]
pub(crate) struct Layout<'a, T> {
    network: &'a Network,
    parameters: &'a Parameters<T>,
    /// The synapses of each sparse connection by their source.
    by_pre: Vec<ByPre>,
    targets: Vec<NeuronId>,
    weights: Vec<T>,
    synapse: Vec<u32>,
    groups: Groups<T>,
    /// Groups of the source under way.
    parts: Vec<Part>,
    /// For each neuron, the last set of synapses of one source and delay that reaches it, counted from 1.
    reached_by: Vec<u32>,
    sets: u32,
}

/// A group before its synapses are laid out.
#[derive(Clone, Copy, Debug)]
struct Part {
    delay: f64,
    connection: usize,
    /// The only synapse of the group, within its connection; `None` for all that the source has in the connection.
    only: Option<u32>,
}

impl<'a, T: Scalar> Layout<'a, T> {
    /// Of parameters that fit the network.
    pub(crate) fn new(network: &'a Network, parameters: &'a Parameters<T>) -> Self {
        let connections = 0..network.connections().len();
        let count = connections.clone().map(|k| network.synapse_count(k)).sum();
        let groups = Groups {
            first_group: vec![0],
            first_synapse: vec![0],
            delays: Vec::new(),
            connections: Vec::new(),
            is_apart: Vec::new(),
        };
        Self {
            network,
            parameters,
            by_pre: connections.map(|k| ByPre::new(network, k)).collect(),
            targets: Vec::with_capacity(count),
            weights: Vec::with_capacity(count),
            synapse: Vec::with_capacity(count),
            groups,
            parts: Vec::new(),
            reached_by: vec![0; network.neurons()],
            sets: 0,
        }
    }

    /// The next source: member `pre` of `source`.
    pub(crate) fn add_source(&mut self, source: Source, pre: usize) {
        self.parts.clear();
        for (k, connection) in self.network.connections().iter().enumerate() {
            if connection.from == source {
                self.add_parts(k, connection, pre);
            }
        }
        let order = |a: &Part, b: &Part| {
            a.delay.total_cmp(&b.delay).then((a.connection, a.only).cmp(&(b.connection, b.only)))
        };
        self.parts.sort_unstable_by(order);
        let first = self.groups.count();
        for k in 0..self.parts.len() {
            self.lay_out(self.parts[k], pre);
        }
        self.find_apart(first);
        self.groups.first_group.push(narrow(self.groups.count()));
    }

    /// A synapse with a delay of its own is a group of its own: its delay gets a gradient of its own.
    fn add_parts(&mut self, k: usize, connection: &Connection, pre: usize) {
        let (n_pre, n_post) = self.network.shape(k);
        let by_pre = &self.by_pre[k];
        let parts = &mut self.parts;
        match (&self.parameters.connections[k].delay, &connection.synapses) {
            (Values::Shared(delay), synapses) => {
                let is_empty = match synapses {
                    Synapses::Dense => n_post == 0,
                    Synapses::Sparse(_) => by_pre.of(pre).is_empty(),
                };
                if !is_empty {
                    parts.push(Part { delay: delay.re(), connection: k, only: None });
                }
            }
            (Values::Each(delays), Synapses::Dense) => {
                parts.extend((0..n_post).map(|post| {
                    let s = post * n_pre + pre;
                    Part { delay: delays[s].re(), connection: k, only: Some(narrow(s)) }
                }));
            }
            (Values::Each(delays), Synapses::Sparse(_)) => {
                parts.extend(by_pre.of(pre).iter().map(|&s| {
                    let delay = delays[s as usize].re();
                    Part { delay, connection: k, only: Some(s) }
                }));
            }
        }
    }

    fn lay_out(&mut self, part: Part, pre: usize) {
        let k = part.connection;
        let (network, parameters) = (self.network, self.parameters);
        let Connection { to, synapses, .. } = &network.connections()[k];
        let base = network.range(*to).start;
        let (n_pre, n_post) = network.shape(k);
        let values = &parameters.connections[k];
        let first = self.synapse.len();
        match (part.only, synapses) {
            (None, Synapses::Dense) => {
                // In order as they stand; nothing is looked up.
                let (start, step) = (narrow(pre), narrow(n_pre));
                self.synapse.extend((0..narrow(n_post)).map(|post| start + post * step));
                self.targets.extend((base..base + n_post).map(NeuronId::new));
                self.weights.extend(values.weights[pre..].iter().step_by(n_pre));
            }
            (Some(s), Synapses::Dense) => {
                self.synapse.push(s);
                self.targets.push(NeuronId::new(base + s as usize / n_pre));
                self.weights.push(values.weights[s as usize]);
            }
            (only, Synapses::Sparse(list)) => {
                match only {
                    Some(s) => self.synapse.push(s),
                    None => self.synapse.extend_from_slice(self.by_pre[k].of(pre)),
                }
                let post = |s: u32| list[s as usize].post;
                let synapses = &mut self.synapse[first..];
                if !synapses.is_sorted_by_key(|&s| post(s)) {
                    synapses.sort_unstable_by_key(|&s| (post(s), s));
                }
                self.targets.extend(synapses.iter().map(|&s| NeuronId::new(base + post(s))));
                self.weights.extend(synapses.iter().map(|&s| values.weights[s as usize]));
            }
        }
        self.groups.delays.push(values.delay.get(self.synapse[first] as usize));
        self.groups.connections.push(narrow(k));
        self.groups.first_synapse.push(narrow(self.synapse.len()));
    }

    /// Notes for the groups from `first` on, which are those of one source, whether each neuron is reached by only one of
    /// those that have the same delay.
    fn find_apart(&mut self, mut first: usize) {
        while first < self.groups.count() {
            // −0.0 is the delay 0.
            let delay = |group: usize| (self.groups.delays[group].re() + 0.0).to_bits();
            let same = (first..self.groups.count()).take_while(|&g| delay(g) == delay(first));
            let last = first + same.count();
            self.sets += 1;
            let mut is_apart = true;
            // A dense connection reaches each target once.
            let is_dense = |group: usize| {
                let connection = &self.network.connections()[self.groups.connection(group)];
                connection.synapses == Synapses::Dense
            };
            let alone = last == first + 1 && is_dense(first);
            for group in (first..last).filter(|_| !alone) {
                for at_one in self.targets[self.groups.synapses(group)].chunk_by(|a, b| a == b) {
                    let reached_by = &mut self.reached_by[at_one[0].index()];
                    is_apart &= *reached_by != self.sets;
                    *reached_by = self.sets;
                }
            }
            self.groups.is_apart.resize(last, is_apart);
            first = last;
        }
    }

    /// Targets, weights, indices within connections, and groups.
    pub(crate) fn finish(self) -> (Vec<NeuronId>, Vec<T>, Vec<u32>, Groups<T>) {
        (self.targets, self.weights, self.synapse, self.groups)
    }
}

/// The synapses of a sparse connection by their source, each source's in the order of the list.
#[derive(Debug)]
struct ByPre {
    /// First place of each source in `order`, and the number of all.
    first: Vec<u32>,
    order: Vec<u32>,
}

impl ByPre {
    fn new(network: &Network, connection: usize) -> Self {
        let Synapses::Sparse(list) = &network.connections()[connection].synapses else {
            return Self { first: Vec::new(), order: Vec::new() };
        };
        let (n_pre, _) = network.shape(connection);
        // Counted one place on, so that while they are filled in, the first places move to where they belong.
        let mut first = vec![0; n_pre + 2];
        for synapse in list {
            first[synapse.pre + 2] += 1;
        }
        for k in 1..first.len() {
            first[k] += first[k - 1];
        }
        let mut order = vec![0; list.len()];
        for (s, synapse) in list.iter().enumerate() {
            let place = &mut first[synapse.pre + 1];
            order[*place as usize] = narrow(s);
            *place += 1;
        }
        Self { first, order }
    }

    fn of(&self, pre: usize) -> &[u32] {
        &self.order[self.first[pre] as usize..self.first[pre + 1] as usize]
    }
}
