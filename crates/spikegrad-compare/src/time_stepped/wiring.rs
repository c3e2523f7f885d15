//! Synapses, laid out for three uses: a spike adds a row of weights, an error goes back through the columns, a gradient gathers
//! rows.
//!
//! A [`Group`] holds the synapses of one connection that share a delay in steps. Rows by the presynaptic neuron are contiguous,
//! so that a spike, and its part in the gradient, is one pass; dense weights are kept a second time by the postsynaptic neuron
//! for the way back, which then is one pass a target with independent sums. Not here: time (`forward.rs`, `backward.rs`).

use spikegrad_network::{ConnectionParameters, Network, Source, Synapse, Synapses};
use std::collections::BTreeMap;
use std::ops::Range;

/// What emitted at a step: indices in ascending order, and what each sent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Emitted<'a> {
    pub(super) indices: &'a [u32],
    pub(super) values: &'a [f64],
}

impl Emitted<'_> {
    /// Those within `range`, counted from its start.
    fn within(&self, range: &Range<usize>) -> impl Iterator<Item = (usize, f64)> {
        let from = self.indices.partition_point(|&k| (k as usize) < range.start);
        let to = self.indices.partition_point(|&k| (k as usize) < range.end);
        let start = range.start;
        let pairs = self.indices[from..to].iter().zip(&self.values[from..to]);
        pairs.map(move |(&k, &value)| (k as usize - start, value))
    }
}

/// A synapse of a list: target within its population, strength, position of its weight in the connection.
#[derive(Clone, Copy, Debug)]
struct Listed {
    post: usize,
    weight: f64,
    index: usize,
}

#[derive(Clone, Debug)]
enum Rows {
    Dense {
        by_pre: Vec<f64>,
        by_post: Vec<f64>,
    },
    /// Row k is `list[start[k]..start[k + 1]]`.
    Listed {
        start: Vec<usize>,
        list: Vec<Listed>,
    },
}

/// Synapses of one connection that share a delay.
#[derive(Clone, Debug)]
pub(super) struct Group {
    /// Position of the connection.
    pub(super) connection: usize,
    /// Whether the sources are input channels.
    pub(super) is_input: bool,
    /// Whether the sources lie in the target's own or a later population.
    pub(super) is_recurrent: bool,
    /// Source channels, or neurons.
    pub(super) sources: Range<usize>,
    /// Target neurons.
    pub(super) targets: Range<usize>,
    /// Delay in steps.
    pub(super) delay: usize,
    rows: Rows,
}

impl Group {
    /// The groups of a connection.
    pub(super) fn of(
        network: &Network,
        connection: usize,
        values: &ConnectionParameters,
        steps: impl Fn(f64) -> usize,
    ) -> Vec<Self> {
        let wired = &network.connections()[connection];
        let (is_input, is_recurrent, sources) = match wired.from {
            Source::Input => (true, false, 0..network.inputs()),
            Source::Population(k) => (false, k >= wired.to, network.range(k)),
        };
        let targets = network.range(wired.to);
        let (n_pre, n_post) = (sources.len(), targets.len());
        let group = |delay, rows| Self {
            connection,
            is_input,
            is_recurrent,
            sources: sources.clone(),
            targets: targets.clone(),
            delay,
            rows,
        };
        let delays: Vec<usize> = values.delay.as_slice().iter().map(|&d| steps(d)).collect();
        let is_uniform = delays.windows(2).all(|pair| pair[0] == pair[1]);
        let weights = &values.weights;
        if let (Synapses::Dense, None, true, Some(&delay)) =
            (&wired.synapses, &wired.shared, is_uniform, delays.first())
        {
            let column = |pre: usize| (0..n_post).map(move |post| weights[post * n_pre + pre]);
            let by_pre = (0..n_pre).flat_map(column).collect();
            // Nothing goes back to an input.
            let by_post = if is_input { Vec::new() } else { weights.clone() };
            return vec![group(delay, Rows::Dense { by_pre, by_post })];
        }
        let mut by_delay: BTreeMap<usize, Vec<Vec<Listed>>> = BTreeMap::new();
        for (synapse, Synapse { pre, post }) in network.synapses(connection).enumerate() {
            let index = wired.weight_of(synapse);
            let delay = if delays.len() == 1 { delays[0] } else { delays[index] };
            let rows = by_delay.entry(delay).or_insert_with(|| vec![Vec::new(); n_pre]);
            rows[pre].push(Listed { post, weight: weights[index], index });
        }
        let listed = |(delay, rows): (usize, Vec<Vec<Listed>>)| {
            let mut start = vec![0];
            for row in &rows {
                start.push(start[start.len() - 1] + row.len());
            }
            group(delay, Rows::Listed { start, list: rows.concat() })
        };
        by_delay.into_iter().map(listed).collect()
    }

    /// Number of synapses.
    pub(super) fn len(&self) -> usize {
        match &self.rows {
            Rows::Dense { by_pre, .. } => by_pre.len(),
            Rows::Listed { list, .. } => list.len(),
        }
    }

    /// Adds what was `emitted` to the currents of the targets; `currents` has one entry for each neuron.
    pub(super) fn deliver(&self, emitted: Emitted<'_>, currents: &mut [f64]) {
        let currents = &mut currents[self.targets.clone()];
        for (pre, value) in emitted.within(&self.sources) {
            match &self.rows {
                Rows::Dense { by_pre, .. } => {
                    let row = &by_pre[pre * currents.len()..][..currents.len()];
                    for (current, weight) in currents.iter_mut().zip(row) {
                        *current += value * weight;
                    }
                }
                Rows::Listed { start, list } => {
                    for synapse in &list[start[pre]..start[pre + 1]] {
                        currents[synapse.post] += value * synapse.weight;
                    }
                }
            }
        }
    }

    /// Adds ∂L/∂(what each source emitted), given ∂L/∂(current) at the time of arrival; both have one entry for each neuron.
    pub(super) fn pull_back(&self, adjoint: &[f64], into: &mut [f64]) {
        let (adjoint, into) = (&adjoint[self.targets.clone()], &mut into[self.sources.clone()]);
        match &self.rows {
            Rows::Dense { by_post, .. } => {
                for (&adjoint, row) in adjoint.iter().zip(by_post.chunks_exact(into.len().max(1))) {
                    for (into, weight) in into.iter_mut().zip(row) {
                        *into += adjoint * weight;
                    }
                }
            }
            Rows::Listed { start, list } => {
                for (into, row) in into.iter_mut().zip(start.windows(2)) {
                    for synapse in &list[row[0]..row[1]] {
                        *into += adjoint[synapse.post] * synapse.weight;
                    }
                }
            }
        }
    }

    /// Adds ∂L/∂(weight) of what was `emitted` to `sums`, which are in the order of the rows.
    pub(super) fn collect(&self, emitted: Emitted<'_>, adjoint: &[f64], sums: &mut [f64]) {
        let adjoint = &adjoint[self.targets.clone()];
        for (pre, value) in emitted.within(&self.sources) {
            match &self.rows {
                Rows::Dense { .. } => {
                    let row = &mut sums[pre * adjoint.len()..][..adjoint.len()];
                    for (sum, adjoint) in row.iter_mut().zip(adjoint) {
                        *sum += value * adjoint;
                    }
                }
                Rows::Listed { start, list } => {
                    let row = start[pre]..start[pre + 1];
                    for (sum, synapse) in sums[row.clone()].iter_mut().zip(&list[row]) {
                        *sum += value * adjoint[synapse.post];
                    }
                }
            }
        }
    }

    /// Adds `sums` to the gradient of the weights of the connection.
    pub(super) fn write(&self, sums: &[f64], weights: &mut [f64]) {
        let (n_pre, n_post) = (self.sources.len(), self.targets.len());
        match &self.rows {
            Rows::Dense { .. } => {
                for (k, &sum) in sums.iter().enumerate() {
                    weights[(k % n_post) * n_pre + k / n_post] += sum;
                }
            }
            Rows::Listed { list, .. } => {
                for (synapse, &sum) in list.iter().zip(sums) {
                    weights[synapse.index] += sum;
                }
            }
        }
    }
}
