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
    is_separate: Vec<bool>,
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

    pub(crate) fn delays(&self, groups: Range<usize>) -> &[T] {
        &self.delays[groups]
    }

    pub(crate) fn connection(&self, group: usize) -> usize {
        self.connections[group] as usize
    }

    #[inline]
    pub(crate) fn is_separate(&self, group: usize) -> bool {
        self.is_separate[group]
    }

    pub(crate) fn count(&self) -> usize {
        self.delays.len()
    }

    /// Visits every synapse, in blocks of one connection.
    ///
    /// Sources whose groups have the same form are gone through side by side. In a dense connection the synapses to one target are
    /// neighbours in the parameters, so that both orders are read by cache lines.
    pub(crate) fn for_each_block(&self, mut visit: impl FnMut(usize, &Block)) {
        let form =
            |source| self.of_source(source).map(|g| (self.connection(g), self.synapses(g).len()));
        let (mut first, count) = (0, self.first_group.len() - 1);
        while first < count {
            // Delays of their own put the synapses of a source in an order that no other source has.
            let is_alone = form(first).all(|(_, length)| length == 1);
            let limit = count.min(first + if is_alone { 1 } else { SIDE_BY_SIDE });
            let end = (first + 1..limit).find(|&source| !form(source).eq(form(first)));
            let end = end.unwrap_or(limit);
            for (k, (connection, length)) in form(first).enumerate() {
                let mut block = Block { starts: [0; SIDE_BY_SIDE], count: end - first, length };
                for (start, source) in block.starts.iter_mut().zip(first..end) {
                    *start = self.synapses(self.of_source(source).start + k).start;
                }
                visit(connection, &block);
            }
            first = end;
        }
    }
}

/// Sources that are gone through together: doubles of a cache line.
const SIDE_BY_SIDE: usize = 8;

/// Groups of one connection and of as many synapses each.
#[derive(Debug)]
pub(crate) struct Block {
    /// First synapse of each.
    starts: [usize; SIDE_BY_SIDE],
    count: usize,
    /// Synapses of each.
    length: usize,
}

impl Block {
    /// Visits the place of every synapse in the circuit.
    #[inline]
    pub(crate) fn for_each_synapse(&self, mut visit: impl FnMut(usize)) {
        for k in 0..self.length {
            self.starts[..self.count].iter().for_each(|start| visit(start + k));
        }
    }

    /// First synapse of the block.
    pub(crate) fn first(&self) -> usize {
        self.starts[0]
    }

    /// The places of the synapses of each source.
    pub(crate) fn rows(&self) -> impl Iterator<Item = Range<usize>> {
        self.starts[..self.count].iter().map(|&start| start..start + self.length)
    }

    /// Visits the place of every synapse in the circuit and in a matrix of as many columns, the first of whose synapses stands at `first` there.
    #[inline]
    pub(crate) fn for_each_in_matrix(
        &self,
        first: usize,
        columns: usize,
        mut visit: impl FnMut(usize, usize),
    ) {
        for k in 0..self.length {
            let starts = self.starts[..self.count].iter().enumerate();
            starts.for_each(|(source, start)| visit(start + k, first + k * columns + source));
        }
    }
}

/// An index as the circuit keeps it; ids have the same limit.
fn narrow(index: usize) -> u32 {
    NeuronId::new(index).0
}

/// A circuit's synapses in the making.
#[derive(Debug)]
pub(crate) struct Layout<'a, T> {
    network: &'a Network,
    parameters: &'a Parameters<T>,
    /// The connections that start at the inputs, and then those of each population.
    of_sources: ByKey,
    /// The synapses of each sparse connection by their source, each source's in the order of the list.
    by_pre: Vec<ByKey>,
    targets: Vec<NeuronId>,
    weights: Vec<T>,
    /// Index of each synapse within its connection; of its weight, once laid out.
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
            is_separate: Vec::new(),
        };
        let sources = network.connections().iter().map(|connection| key(connection.from));
        Self {
            network,
            parameters,
            of_sources: ByKey::new(network.populations().len() + 1, sources),
            by_pre: connections.map(|k| by_pre(network, k)).collect(),
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
        for at in 0..self.of_sources.of(key(source)).len() {
            self.add_parts(self.of_sources.of(key(source))[at] as usize, pre);
        }
        let order = |a: &Part, b: &Part| {
            a.delay.total_cmp(&b.delay).then((a.connection, a.only).cmp(&(b.connection, b.only)))
        };
        self.parts.sort_unstable_by(order);
        let first = self.groups.count();
        for k in 0..self.parts.len() {
            self.lay_out(self.parts[k], pre);
        }
        self.find_separate(first);
        self.groups.first_group.push(narrow(self.groups.count()));
    }

    /// A synapse with a delay of its own is a group of its own: its delay gets a gradient of its own.
    fn add_parts(&mut self, k: usize, pre: usize) {
        let (_, n_post) = self.network.shape(k);
        let by_pre = &self.by_pre[k];
        let parts = &mut self.parts;
        let connection = &self.network.connections()[k];
        match (&self.parameters.connections[k].delay, self.network.dense_order(k)) {
            (Values::Shared(delay), order) => {
                let is_empty = match order {
                    Some(_) => n_post == 0,
                    None => by_pre.of(pre).is_empty(),
                };
                if !is_empty {
                    parts.push(Part { delay: delay.re(), connection: k, only: None });
                }
            }
            (Values::Each(delays), Some(order)) => {
                parts.extend((0..n_post).map(|post| {
                    let s = order.synapse(pre, post);
                    let delay = delays[connection.weight_of(s)].re();
                    Part { delay, connection: k, only: Some(narrow(s)) }
                }));
            }
            (Values::Each(delays), None) => {
                parts.extend(by_pre.of(pre).iter().map(|&s| {
                    let delay = delays[connection.weight_of(s as usize)].re();
                    Part { delay, connection: k, only: Some(s) }
                }));
            }
        }
    }

    fn lay_out(&mut self, part: Part, pre: usize) {
        let k = part.connection;
        let (network, parameters) = (self.network, self.parameters);
        let Connection { to, synapses, shared, .. } = &network.connections()[k];
        let base = network.range(*to).start;
        let (_, n_post) = network.shape(k);
        let values = &parameters.connections[k];
        let first = self.synapse.len();
        match (part.only, synapses) {
            (None, Synapses::Dense | Synapses::DenseBySource) => {
                // In order as they stand; nothing is looked up.
                let order = network.dense_order(k).expect("a dense connection");
                self.synapse.extend((0..n_post).map(|post| narrow(order.synapse(pre, post))));
                self.targets.extend((base..base + n_post).map(NeuronId::new));
            }
            (Some(s), Synapses::Dense | Synapses::DenseBySource) => {
                self.synapse.push(s);
                let post = network.synapse(k, s as usize).post;
                self.targets.push(NeuronId::new(base + post));
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
            }
        }
        let own = &mut self.synapse[first..];
        if let Some(shared) = shared {
            own.iter_mut().for_each(|s| *s = shared.weight_of[*s as usize]);
        }
        self.weights.extend(own.iter().map(|&s| values.weights[s as usize]));
        self.groups.delays.push(values.delay.get(self.synapse[first] as usize));
        self.groups.connections.push(narrow(k));
        self.groups.first_synapse.push(narrow(self.synapse.len()));
    }

    /// Notes for the groups from `first` on, which are those of one source, whether each neuron is reached by only one of
    /// those that have the same delay.
    fn find_separate(&mut self, mut first: usize) {
        while first < self.groups.count() {
            // −0.0 is the delay 0.
            let delay = |group: usize| (self.groups.delays[group].re() + 0.0).to_bits();
            let same = (first..self.groups.count()).take_while(|&g| delay(g) == delay(first));
            let last = first + same.count();
            self.sets += 1;
            let mut is_separate = true;
            // A dense connection reaches each target once.
            let is_dense = |group: usize| {
                let connection = &self.network.connections()[self.groups.connection(group)];
                connection.synapses.is_dense()
            };
            let alone = last == first + 1 && is_dense(first);
            for group in (first..last).filter(|_| !alone) {
                for at_one in self.targets[self.groups.synapses(group)].chunk_by(|a, b| a == b) {
                    let reached_by = &mut self.reached_by[at_one[0].index()];
                    is_separate &= *reached_by != self.sets;
                    *reached_by = self.sets;
                }
            }
            self.groups.is_separate.resize(last, is_separate);
            first = last;
        }
    }

    /// Targets, weights, indices of weights within connections, and groups.
    pub(crate) fn finish(self) -> (Vec<NeuronId>, Vec<T>, Vec<u32>, Groups<T>) {
        (self.targets, self.weights, self.synapse, self.groups)
    }
}

/// The position of a source among the inputs, which are first, and the populations.
fn key(source: Source) -> usize {
    match source {
        Source::Input => 0,
        Source::Population(k) => k + 1,
    }
}

/// The synapses of a sparse connection by their source; of a dense one nothing.
fn by_pre(network: &Network, connection: usize) -> ByKey {
    match &network.connections()[connection].synapses {
        Synapses::Sparse(list) => {
            ByKey::new(network.shape(connection).0, list.iter().map(|synapse| synapse.pre))
        }
        Synapses::Dense | Synapses::DenseBySource => ByKey::default(),
    }
}

/// The positions of a list, sorted by a key of each: those of one key side by side, in the order of the list.
#[derive(Clone, Debug, Default)]
struct ByKey {
    /// First place of each key in `order`, and the number of all.
    first: Vec<u32>,
    order: Vec<u32>,
}

impl ByKey {
    /// Of a list with these keys, each below `count`.
    fn new(count: usize, keys: impl ExactSizeIterator<Item = usize> + Clone) -> Self {
        // Counted one place on, so that while they are filled in, the first places move to where they belong.
        let mut first = vec![0; count + 2];
        for key in keys.clone() {
            first[key + 2] += 1;
        }
        for k in 1..first.len() {
            first[k] += first[k - 1];
        }
        let mut order = vec![0; keys.len()];
        for (position, key) in keys.enumerate() {
            let place = &mut first[key + 1];
            order[*place as usize] = narrow(position);
            *place += 1;
        }
        Self { first, order }
    }

    fn of(&self, key: usize) -> &[u32] {
        &self.order[self.first[key] as usize..self.first[key + 1] as usize]
    }
}
