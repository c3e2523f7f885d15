//! What neurons that walk come through: stretches between arrivals, the same for all neurons of a run, or for each its own.
//!
//! Not here: how they go on (`walk.rs`).

use super::motion::splat;
use super::walk::{NEURONS, TOGETHER, Walkers};
use super::{BLOCK, Column, Lanes, Motion};
use prefetch_index::prefetch_index;
use pulp::Simd;

/// A time in seconds, and what its rounding left off.
pub type Instant = [f64; 2];

/// Where some neurons are under way.
#[derive(Clone, Copy, Debug)]
pub struct Who {
    /// Their run.
    pub(super) run: usize,
    /// Their position among all that walk.
    pub(super) walker: usize,
    /// The first of them, by its index in the layer.
    pub(super) first: usize,
}

/// The ways of all runs of a layer.
pub trait Ways<const K: usize>: Copy {
    /// When a run that has spent its events ends, in seconds, and with how many spikes that has to be looked at.
    fn limits(self, run: usize) -> (f64, usize);

    /// How many stretches begin by then.
    fn count(self, who: Who) -> usize;

    /// Sends for the weights that arrive at the start of a stretch, if there are any.
    fn prefetch(self, of: &Walkers<'_, K>, who: Who, stretch: usize);

    /// These weights, at each receptor. Where they have to be added up, that is their `sum`.
    fn weights<'a>(
        self,
        of: &Walkers<'a, K>,
        who: Who,
        stretch: usize,
        sum: &'a mut [[Column; TOGETHER]; K],
    ) -> [&'a [Column; TOGETHER]; K]
    where
        Self: 'a;

    /// The motion over a stretch of the neurons of a register: its block, and its position there.
    fn motion<S: Simd>(
        self,
        simd: S,
        of: &Walkers<'_, K>,
        who: Who,
        stretch: usize,
        register: (usize, usize),
    ) -> Motion<K, Lanes<S>>;

    /// When a stretch of one of the neurons begins and ends.
    fn ends(self, who: Who, stretch: usize, neuron: usize) -> [Instant; 2];
}

/// What arrives at a layer over one group of synapses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrived {
    /// At which receptor.
    pub receptor: usize,
    /// Where its weights begin, one for each neuron of the layer.
    pub weights: usize,
}

/// Not one row of weights arrives alone, but none or several: a place behind all weights.
const SEVERAL: usize = usize::MAX / 2;

/// All that is known beforehand of one run of a layer whose neurons all hear at the same times.
#[derive(Clone, Debug, Default)]
pub struct Way<const K: usize> {
    /// Ends of the stretches between arrivals: the beginning of the run, each instant at which something arrives, and its end.
    pub instants: Vec<Instant>,
    /// Length of each stretch, in seconds.
    pub lengths: Vec<f64>,
    /// The motion over each.
    pub motions: Vec<Motion<K>>,
    /// All that arrives.
    pub arrived: Vec<Arrived>,
    /// Where in that list begins what arrives at the start of each stretch, and where that of the last one ends.
    pub starts: Vec<usize>,
    /// Where the weights begin that arrive at the start of each stretch, or a place behind all weights where none or several rows arrive.
    pub rows: Vec<usize>,
    /// When a run that has spent its events ends, in seconds; nothing after it is of interest.
    pub horizon: f64,
    /// With more spikes than these it has to be looked at whether the events are spent.
    pub most: usize,
}

impl<const K: usize> Way<K> {
    /// Writes down where the weights begin that arrive alone.
    pub fn find_rows(&mut self) {
        let Self { arrived, starts, rows, .. } = self;
        rows.clear();
        rows.extend(starts.windows(2).map(|ends| match arrived[ends[0]..ends[1]] {
            [Arrived { weights, .. }] => weights,
            _ => SEVERAL,
        }));
    }
}

impl<const K: usize> Ways<K> for &[Way<K>] {
    #[inline(always)]
    fn limits(self, run: usize) -> (f64, usize) {
        (self[run].horizon, self[run].most)
    }

    #[inline(always)]
    fn count(self, who: Who) -> usize {
        let Way { instants, lengths, horizon, .. } = &self[who.run];
        let begins = &instants[..lengths.len()];
        if begins.last().is_none_or(|last| last[0] <= *horizon) {
            return begins.len();
        }
        begins.partition_point(|begin| begin[0] <= *horizon)
    }

    #[inline(always)]
    fn prefetch(self, of: &Walkers<'_, K>, who: Who, stretch: usize) {
        if let Some(&row) = self[who.run].rows.get(stretch) {
            // A row need not begin where a cache line does.
            for n in [0, BLOCK, NEURONS - 1] {
                prefetch_index(of.weights, row + who.first + n);
            }
        }
    }

    #[inline(always)]
    fn weights<'a>(
        self,
        of: &Walkers<'a, K>,
        who: Who,
        stretch: usize,
        sum: &'a mut [[Column; TOGETHER]; K],
    ) -> [&'a [Column; TOGETHER]; K]
    where
        Self: 'a,
    {
        let way = &self[who.run];
        match row_at(of.weights, way.rows[stretch] + who.first) {
            Some(row) if K == 1 => [row; K],
            _ => sum_of_rows(of, way, (stretch, who.first), sum),
        }
    }

    #[inline(always)]
    fn motion<S: Simd>(
        self,
        simd: S,
        _of: &Walkers<'_, K>,
        who: Who,
        stretch: usize,
        _register: (usize, usize),
    ) -> Motion<K, Lanes<S>> {
        Motion::splat(simd, &self[who.run].motions[stretch])
    }

    #[inline(always)]
    fn ends(self, who: Who, stretch: usize, _neuron: usize) -> [Instant; 2] {
        let instants = &self[who.run].instants;
        [instants[stretch], instants[stretch + 1]]
    }
}

/// The weights from a place on, if there are so many.
#[inline(always)]
fn row_at(weights: &[f64], place: usize) -> Option<&[Column; TOGETHER]> {
    weights.get(place..place + NEURONS)?.as_chunks().0.first_chunk()
}

/// What arrives at the start of a stretch at each receptor, of the neurons from `first` on.
#[inline(always)]
fn sum_of_rows<'a, const K: usize>(
    of: &Walkers<'_, K>,
    way: &Way<K>,
    (stretch, first): (usize, usize),
    sum: &'a mut [[Column; TOGETHER]; K],
) -> [&'a [Column; TOGETHER]; K] {
    for sum in &mut *sum {
        *sum = [[0.0; BLOCK]; TOGETHER];
    }
    for arrived in &way.arrived[way.starts[stretch]..way.starts[stretch + 1]] {
        let sum = sum[if K == 1 { 0 } else { arrived.receptor }].as_flattened_mut();
        let place = arrived.weights + first;
        match row_at(of.weights, place) {
            Some(row) => sum.iter_mut().zip(row.as_flattened()).for_each(|(sum, w)| *sum += w),
            None => {
                sum.iter_mut().zip(&of.weights[place..]).for_each(|(sum, weight)| *sum += weight);
            }
        }
    }
    let mut all = [&sum[0]; K];
    for r in 1..K {
        all[r] = &sum[r];
    }
    all
}

/// The ways of neurons with one receptor that hear apart from each other: each goes through as many stretches as it hears at instants, side by side with the others
/// of its registers. Whoever hears less often comes to its end earlier, and waits there.
#[derive(Clone, Debug, Default)]
pub struct WaysApart {
    /// Of those that go together, in the order in which [`super::Walk::reset`] takes them up.
    walkers: Vec<WayApart>,
    /// How many runs there are.
    runs: usize,
    /// For each, with more spikes than these the events may be spent.
    most: Vec<usize>,
}

/// One number for each of the neurons that go together.
type Each = [Column; TOGETHER];

#[derive(Clone, Debug, Default)]
struct WayApart {
    /// Of each end of a stretch, for each neuron: when it is, and what rounding left off.
    instants: Vec<[Each; 2]>,
    /// Of each stretch.
    lengths: Vec<Each>,
    weights: Vec<Each>,
}

impl WaysApart {
    /// Forgets all, for some runs of a layer; with more spikes of a run than its `most` its events may be spent.
    pub fn reset(&mut self, neurons: usize, most: impl Iterator<Item = usize>) {
        self.most.clear();
        self.most.extend(most);
        self.runs = self.most.len();
        let count = neurons.div_ceil(NEURONS) * self.runs;
        self.walkers.resize_with(count.max(self.walkers.len()), WayApart::default);
    }

    /// Takes what each neuron of a run hears: instants, in order, each with a weight. All go on `until` the end of the run, in seconds.
    ///
    /// # Panics
    /// If there are more runs or neurons than [`Self::reset`] was told.
    pub fn set(&mut self, run: usize, heard: &[Vec<(Instant, f64)>], until: f64) {
        for (k, heard) in heard.chunks(NEURONS).enumerate() {
            self.walkers[k * self.runs + run].set(heard, until);
        }
    }
}

impl WayApart {
    /// Takes what each of its neurons hears.
    fn set(&mut self, heard: &[Vec<(Instant, f64)>], until: f64) {
        let Self { instants, lengths, weights } = self;
        let count = 1 + heard.iter().map(Vec::len).max().unwrap_or(0);
        instants.clear();
        instants.resize(count + 1, [[[until; BLOCK]; TOGETHER], [[0.0; BLOCK]; TOGETHER]]);
        instants[0][0] = [[0.0; BLOCK]; TOGETHER];
        weights.clear();
        weights.resize(count, [[0.0; BLOCK]; TOGETHER]);
        for (k, heard) in heard.iter().enumerate() {
            let (block, lane) = (k / BLOCK, k % BLOCK);
            for (&([time, rest], weight), stretch) in heard.iter().zip(1..) {
                instants[stretch][0][block][lane] = time;
                instants[stretch][1][block][lane] = rest;
                weights[stretch][block][lane] = weight;
            }
        }
        lengths.clear();
        lengths.extend(instants.windows(2).map(|ends| {
            let [from, until] = [&ends[0], &ends[1]];
            let mut length = [[0.0; BLOCK]; TOGETHER];
            for (k, length) in length.as_flattened_mut().iter_mut().enumerate() {
                let part = |p: usize| until[p].as_flattened()[k] - from[p].as_flattened()[k];
                *length = part(0) + part(1);
            }
            length
        }));
    }
}

impl Ways<1> for &WaysApart {
    #[inline(always)]
    fn limits(self, run: usize) -> (f64, usize) {
        (f64::INFINITY, self.most[run])
    }

    #[inline(always)]
    fn count(self, who: Who) -> usize {
        self.walkers[who.walker].lengths.len()
    }

    #[inline(always)]
    fn prefetch(self, _of: &Walkers<'_, 1>, _who: Who, _stretch: usize) {}

    #[inline(always)]
    fn weights<'a>(
        self,
        _of: &Walkers<'a, 1>,
        who: Who,
        stretch: usize,
        _sum: &'a mut [Each; 1],
    ) -> [&'a Each; 1]
    where
        Self: 'a,
    {
        [&self.walkers[who.walker].weights[stretch]]
    }

    #[inline(always)]
    fn motion<S: Simd>(
        self,
        simd: S,
        of: &Walkers<'_, 1>,
        who: Who,
        stretch: usize,
        (block, register): (usize, usize),
    ) -> Motion<1, Lanes<S>> {
        let (mem, syn) = of.numbers.shared_time_constants();
        let length = &self.walkers[who.walker].lengths[stretch][block];
        let length = Lanes::new(simd, S::as_simd_f64s(length).0[register]);
        Motion::over(length, Lanes::splat(simd, mem), splat(simd, &syn))
    }

    #[inline(always)]
    fn ends(self, who: Who, stretch: usize, neuron: usize) -> [Instant; 2] {
        let instants = &self.walkers[who.walker].instants;
        let at = |stretch: usize| {
            [0, 1].map(|part| instants[stretch][part][neuron / BLOCK][neuron % BLOCK])
        };
        [at(stretch), at(stretch + 1)]
    }
}
