//! Layers whose arrivals are all known and whose neurons share their time constants, in several runs together: spiking neurons whose potentials nobody reads, and integrators
//! of which maxima are read.
//!
//! Spikes come in the order in which they are found, and are sorted at the end. Not here: how neurons go on and who spikes (`spikegrad_dynamics::lanes`), a
//! layer that hears itself or is read from (`layer.rs`).

use super::Irregular;
use super::budget::Budget;
use super::layer::{LayerRun, Scratch, begin};
use spikegrad_dynamics::lanes::{Arrived, Columns, Fired, Turned, Walk, Walkers, Way};
use spikegrad_network::{Body, Layer, Layers, NeuronId, Spike, Time, Watch};
use std::ops::Range;

/// Neurons of all runs that go together: so many that searches fill registers, and so few that what is known of the runs stays in the nearest cache.
const NEURONS: usize = 512;

/// Whether several runs of a network are faster if they are swept together.
#[must_use]
pub fn are_swept_together(layers: &Layers) -> bool {
    let is_small = |layer: &Layer| layer.spikes && 2 * layer.neurons.len() <= NEURONS;
    layers.layers().iter().any(is_small)
}

/// Memory of runs together.
#[derive(Clone, Debug, Default)]
pub(super) struct Together<const K: usize> {
    pub(super) walk: Box<Walk<K>>,
    /// Of each of them.
    ways: Vec<Way<K>>,
    pub(super) start: Columns<K>,
    pub(super) order: Order,
}

impl<const K: usize> Together<K> {
    /// The memory of what is known beforehand of a run.
    pub(super) fn way(&mut self, run: usize) -> &mut Way<K> {
        if self.ways.len() <= run {
            self.ways.resize_with(run + 1, Way::default);
        }
        &mut self.ways[run]
    }

    /// How many runs of a layer of so many neurons go side by side.
    pub(super) fn side_by_side(neurons: usize) -> usize {
        (NEURONS / neurons.max(1)).max(1)
    }

    /// Runs a layer so many times, with the weights of all synapses. `take` is given the spikes of a run when it is done, or why there are none, and before if there may be too many of them: it returns its
    /// budget.
    pub(super) fn run_all<const TANGENTS: bool>(
        &mut self,
        network: (&[f64], &Body<K>),
        runs: usize,
        watch: &mut Watch,
        mut take: impl FnMut(usize, Result<(&[Fired<K>], &mut Order), Irregular>) -> Budget,
    ) {
        let count = Self::side_by_side(network.1.models.len());
        let mut first = 0;
        while first < runs {
            let end = runs.min(first + count);
            self.run::<TANGENTS>(network, first..end, watch, &mut take);
            first = end;
        }
    }

    /// The same for a few runs, side by side.
    fn run<const TANGENTS: bool>(
        &mut self,
        (weights, body): (&[f64], &Body<K>),
        runs: Range<usize>,
        watch: &mut Watch,
        take: &mut impl FnMut(usize, Result<(&[Fired<K>], &mut Order), Irregular>) -> Budget,
    ) {
        let Self { walk, ways, start, order } = self;
        begin(body, start);
        walk.reset(start, runs.len());
        let of = Walkers { models: &body.models, numbers: &body.numbers, weights };
        let ways = &mut ways[runs.clone()];
        let mut is_interrupted = false;
        while !is_interrupted && walk.step::<TANGENTS>(&of, &*ways) {
            is_interrupted = watch.is_interrupted();
            let outcomes = walk.outcomes.iter_mut().zip(&mut *ways).zip(runs.clone());
            for ((outcome, way), run) in outcomes.filter(|((outcome, _), _)| outcome.is_full) {
                outcome.is_full = false;
                let Budget { horizon, most, .. } = take(run, Ok((&outcome.fired, order)));
                (way.horizon, way.most) = (horizon, most);
                outcome.fired.retain(|fired| fired.time[0] <= horizon);
            }
        }
        for (outcome, run) in walk.outcomes.iter().zip(runs) {
            let is_irregular = is_interrupted || outcome.is_irregular;
            take(run, if is_irregular { Err(Irregular) } else { Ok((&outcome.fired, order)) });
        }
    }
}

impl<const K: usize, const TANGENTS: bool> LayerRun<'_, K, TANGENTS> {
    /// Whether all that is asked of the layer, which does not spike, is when its potentials turn.
    pub(super) fn can_only_turn(&mut self) -> bool {
        let (layer, body) = (self.layer, self.body);
        if layer.spikes || layer.is_recurrent || !body.numbers.share_motions() {
            return false;
        }
        let Scratch { before, peaks, .. } = &mut *self.scratch;
        begin(body, before);
        peaks.reset((body, layer), self.readouts, before);
        peaks.only_turn()
    }

    /// Runs a layer of which [`Self::can_only_turn`] has just been asked.
    pub(super) fn run_turning(&mut self, memory: &mut Together<K>) -> Result<(), Irregular> {
        self.prepare_way(memory.way(0))?;
        let Together { walk, ways, .. } = memory;
        let (body, ways) = (self.body, &ways[..1]);
        let Scratch { before, peaks, .. } = &mut *self.scratch;
        walk.reset(before, 1);
        for (n, model) in body.models.iter().enumerate() {
            walk.set_ceiling(n, peaks.ceiling(model, n));
        }
        let weights = self.fired.wiring.weights;
        let of = Walkers { models: &body.models, numbers: &body.numbers, weights };
        while walk.step_to_turn::<TANGENTS>(&of, ways) {
            if self.watch.is_interrupted() {
                return Err(Irregular);
            }
            while let Some(turned) = walk.next_turned() {
                let Turned { neuron: n, stretch, states } = turned;
                let ends = [stretch, stretch + 1].map(|k| {
                    let [rounded, remainder] = ways[0].instants[k];
                    Time { rounded, remainder }
                });
                peaks.turn::<TANGENTS>(n, &body.models[n], ends, states);
                walk.set_ceiling(n, peaks.ceiling(&body.models[n], n));
            }
        }
        if walk.outcomes[0].is_irregular {
            return Err(Irregular);
        }
        walk.write(before);
        peaks.end((body, self.layer), self.t_end, before, self.sampled, self.readouts);
        Ok(())
    }

    /// Whether the layer can be run together with other runs of it.
    pub(super) fn can_walk(&self) -> bool {
        let is_read = |k: usize| self.layer.neurons.contains(&self.readouts[k].neuron.index());
        self.layer.spikes
            && !self.layer.is_recurrent
            && self.body.numbers.share_motions()
            && !(0..self.readouts.len()).any(is_read)
    }

    /// Writes down all that is known beforehand.
    pub(super) fn prepare_way(&mut self, way: &mut Way<K>) -> Result<(), Irregular> {
        self.hear(&mut way.lengths, &mut way.motions)?;
        let (wiring, arrivals) = (self.fired.wiring, &self.scratch.arrivals);
        let arrived = arrivals.rows.iter().map(|&row| Arrived {
            receptor: if K == 1 { 0 } else { wiring.receptor(row) },
            weights: wiring.synapses(row).start,
        });
        write_way(way, (&arrivals.instants, &arrivals.ends), self.t_end, arrived);
        (way.horizon, way.most) = (self.budget.horizon, self.budget.most);
        Ok(())
    }

    /// Copies spikes, in order, of neurons with one receptor.
    pub(super) fn take_spikes(&mut self, fired: &[Fired<K>], order: &mut Order) {
        order.sort(fired, self.t_end);
        let first = self.layer.neurons.start;
        self.spikes.clear();
        let id = |n: usize| NeuronId::new(first + n);
        self.spikes.extend(order.of(fired).map(|fired| spike(fired, id(fired.neuron))));
    }
}

/// Writes down what arrives when at a layer, whose lengths of stretches and motions are written already; `ends` says where what arrives at each instant ends.
pub(super) fn write_way<const K: usize>(
    way: &mut Way<K>,
    (times, ends): (&[Time], &[usize]),
    t_end: f64,
    what: impl Iterator<Item = Arrived>,
) {
    let Way { instants, arrived, starts, .. } = &mut *way;
    let instant = |time: &Time| [time.rounded, time.remainder];
    instants.clear();
    instants.push([0.0; 2]);
    instants.extend(times.iter().map(instant));
    instants.push([t_end, 0.0]);
    // Nothing arrives at the first of them.
    starts.clear();
    starts.extend([0; 2]);
    starts.extend(ends);
    arrived.clear();
    arrived.extend(what);
    way.find_rows();
}

/// The spike of a neuron with one receptor.
pub(super) fn spike<const K: usize>(fired: &Fired<K>, neuron: NeuronId) -> Spike {
    Spike {
        time: fired.time[0],
        time_remainder: fired.time[1],
        neuron,
        round: 0,
        slope: fired.slope,
        release_rate: fired.release_rate,
        tangent: [fired.v_mem, fired.v_syn[0]],
    }
}

/// A spike, in the order of times and then of neurons.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    /// Times are not negative, and such numbers are in the order of their bits.
    time: u64,
    neuron: usize,
    /// Its position.
    place: usize,
}

/// Buckets for each spike, and moves of a spike that is not at its place then: with more than these on average many spike together.
const BUCKETS: usize = 2;
const MOVES: usize = 8;

/// The order of spikes by time, then neuron: most are at their places once they are in buckets of time.
#[derive(Clone, Debug, Default)]
pub(super) struct Order {
    keys: Vec<Key>,
    /// Where the next of each bucket goes.
    next: Vec<usize>,
}

impl Order {
    pub(super) fn sort<const K: usize>(&mut self, fired: &[Fired<K>], t_end: f64) {
        let Self { keys, next } = self;
        let count = BUCKETS * fired.len().max(1);
        #[expect(clippy::cast_precision_loss, reason = "any number of buckets will do")]
        let scale = count as f64 / t_end;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "times are not negative, and not after the end"
        )]
        let bucket = |fired: &Fired<K>| ((fired.time[0] * scale) as usize).min(count - 1);
        next.clear();
        next.resize(count + 1, 0);
        for fired in fired {
            next[bucket(fired) + 1] += 1;
        }
        let mut sum = 0;
        for next in &mut *next {
            sum += *next;
            *next = sum;
        }
        keys.clear();
        keys.resize(fired.len(), Key::default());
        for (place, fired) in fired.iter().enumerate() {
            let next = &mut next[bucket(fired)];
            keys[*next] =
                Key { time: (fired.time[0] + 0.0).to_bits(), neuron: fired.neuron, place };
            *next += 1;
        }
        let mut left = MOVES * keys.len();
        for k in 1..keys.len() {
            let (key, mut to) = (keys[k], k);
            while to > 0 && key < keys[to - 1] {
                keys[to] = keys[to - 1];
                to -= 1;
            }
            keys[to] = key;
            let Some(still_left) = left.checked_sub(k - to) else {
                keys.sort_unstable();
                return;
            };
            left = still_left;
        }
    }

    /// The spikes in order.
    pub(super) fn of<'a, const K: usize>(
        &'a self,
        fired: &'a [Fired<K>],
    ) -> impl Iterator<Item = &'a Fired<K>> {
        self.keys.iter().map(|key| &fired[key.place])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spikes_come_in_the_order_of_times_and_neurons() {
        let mut order = Order::default();
        // Spread over the run, and all but one at a few times near its beginning: then buckets are of no use.
        for spread in [1.0, 1e-9] {
            for count in [0, 1, 2, 7, 3000] {
                let fired = |k: usize| {
                    #[expect(clippy::cast_precision_loss, reason = "small numbers")]
                    let share = (k * 7919 % 50) as f64 / 50.0;
                    let time = if k == 0 { 1.0 } else { share * spread };
                    let (neuron, slope, v_syn) = (k * 31 % 97, 1.0, [0.0]);
                    let (release_rate, v_mem) = (0.0, 0.0);
                    Fired { time: [time, 0.0], neuron, slope, release_rate, v_mem, v_syn }
                };
                let fired: Vec<Fired<1>> = (0..count).map(fired).collect();
                order.sort(&fired, 1.0);
                let key = |fired: &Fired<1>| (fired.time[0].to_bits(), fired.neuron);
                let got: Vec<_> = order.of(&fired).map(key).collect();
                let mut expected: Vec<_> = fired.iter().map(key).collect();
                expected.sort_unstable();
                assert_eq!(got, expected, "{spread} {count}");
            }
        }
    }
}
