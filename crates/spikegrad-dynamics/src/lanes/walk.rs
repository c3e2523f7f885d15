//! A layer whose arrivals are all known, in several runs at once, a few neurons at a time: these go from arrival to arrival, in registers, until one of them may
//! cross the threshold.
//!
//! They then wait, and whoever may cross waits in a pool that all runs share, so that searches fill whole registers. When all are back, they go on. In a
//! stretch between arrivals neurons are independent, so what comes of one does not depend on who else waits. The same neurons of all runs come after each other, so that
//! their weights stay in the caches.
//!
//! Not here: the pool (`pool.rs`), the pass of a whole layer over one stretch (`forward.rs`), in which order spikes come (`spikegrad_simulate`).

use super::columns::{Block, Registers};
use super::numbers::PADDING_REST;
use super::pool::{ENOUGH, Pool, Search};
use super::ways::{Instant, Way, Ways, Who};
use super::{BLOCK, Column, Columns, Lanes, Numbers, bits};
use crate::Neuron;
use crate::lif::bounds;
use crate::receptors::{CurrentsState, CurrentsTangent, Superposed};
use pulp::{Arch, Simd, WithSimd};

/// Blocks that go together: two of the widest registers, so that one is worked on while the other waits for its products.
pub(super) const TOGETHER: usize = 2;

/// Weights are sent for so many stretches before they arrive: they come in time from a cache that is far away.
const AHEAD: usize = 12;

/// Their neurons, and a bit for each.
pub(super) const NEURONS: usize = TOGETHER * BLOCK;
type Bits = u64;

/// The neurons of a layer, the same in all runs. They share their time constants.
#[derive(Clone, Copy, Debug)]
pub struct Walkers<'a, const K: usize> {
    /// The neurons.
    pub models: &'a [Superposed<K>],
    /// Their numbers.
    pub numbers: &'a Numbers<K>,
    /// The weights of all synapses.
    pub weights: &'a [f64],
}

impl<const K: usize> Walkers<'_, K> {
    /// The largest response to a unit current.
    #[inline(always)]
    pub(super) fn response_peak(&self) -> f64 {
        self.models.first().map_or(0.0, Superposed::response_peak)
    }
}

/// A spike.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fired<const K: usize> {
    /// When.
    pub time: Instant,
    /// Whose, by its index in the layer.
    pub neuron: usize,
    /// dV/dt just before, per second.
    pub slope: f64,
    /// dV/dt just after the refractory time, per second; zero if the run ended before.
    pub release_rate: f64,
    /// ∂`V/∂τ_mem` just before.
    pub v_mem: f64,
    /// ∂`V/∂τ_syn` of each receptor.
    pub v_syn: [f64; K],
}

/// What a run has come to.
#[derive(Clone, Debug, Default)]
pub struct Outcome<const K: usize> {
    /// The spikes so far, in the order in which they were found.
    pub fired: Vec<Fired<K>>,
    /// Whether something happened that is not decided here; the run does not go on then.
    pub is_irregular: bool,
    /// Whether there are more spikes than those with which it has to be looked at whether the events are spent.
    pub is_full: bool,
}

/// An integrator whose potential may have turned from up to down.
#[derive(Clone, Copy, Debug)]
pub struct Turned<const K: usize> {
    /// Which, by its index in the layer.
    pub neuron: usize,
    /// In which stretch, or at the arrival at its start.
    pub stretch: usize,
    /// Where it was before that arrival, after it, and at the end of the stretch.
    pub states: [(CurrentsState<K>, CurrentsTangent<K>); 3],
}

/// A neuron in its refractory time.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Clamp {
    pub(super) release: Instant,
    /// The spike that it began with: its position among all of the run.
    pub(super) fired: usize,
}

/// Some neurons under way in one run.
#[derive(Clone, Debug)]
pub(super) struct Walker<const K: usize> {
    pub(super) run: usize,
    /// The first of them, by its index in the layer.
    pub(super) first: usize,
    /// At the end of their stretch; before their first, at the beginning.
    end: [Block<K>; TOGETHER],
    /// The stretch that they are in, or that comes next.
    stretch: usize,
    /// How many of them wait.
    waiting: usize,
    /// Who is in its refractory time, a bit for each neuron, and when each is released.
    clamped: Bits,
    clamps: [Clamp; NEURONS],
    /// Of integrators: who may reach this is of interest, in potential above rest.
    ceiling: [Column; TOGETHER],
}

/// A layer under way.
#[derive(Clone, Debug)]
pub struct Walk<const K: usize> {
    pub(super) walkers: Vec<Walker<K>>,
    /// Which of them can go on, the next one last.
    ready: Vec<usize>,
    /// Where those are who have just come to wait, after what arrived; of integrators also before.
    start: [Block<K>; TOGETHER],
    before: [Block<K>; TOGETHER],
    /// Integrators that may have turned and are not looked at yet, and who goes on then.
    turned: Bits,
    turning: usize,
    pub(super) pool: Pool<K>,
    /// Those near grazing.
    pub(super) near: Pool<K>,
    /// Of each run.
    pub outcomes: Vec<Outcome<K>>,
}

impl<const K: usize> Default for Walk<K> {
    fn default() -> Self {
        Self {
            walkers: Vec::new(),
            ready: Vec::new(),
            start: [Block::default(); TOGETHER],
            before: [Block::default(); TOGETHER],
            turned: 0,
            turning: 0,
            pool: Pool::default(),
            near: Pool::default(),
            outcomes: Vec::new(),
        }
    }
}

impl<const K: usize> Walk<K> {
    /// Takes up a layer at the beginning of so many runs, all from the same state.
    pub fn reset(&mut self, layer: &Columns<K>, runs: usize) {
        let groups = layer.0.chunks(TOGETHER).enumerate();
        let all = groups.flat_map(|(k, blocks)| (0..runs).map(move |run| (run, k, blocks)));
        let count = layer.0.len().div_ceil(TOGETHER) * runs;
        self.walkers.resize_with(count, || Walker {
            run: 0,
            first: 0,
            end: [Block::default(); TOGETHER],
            stretch: 0,
            waiting: 0,
            clamped: 0,
            clamps: [Clamp::default(); NEURONS],
            ceiling: [[f64::INFINITY; BLOCK]; TOGETHER],
        });
        for (walker, (run, k, blocks)) in self.walkers.iter_mut().zip(all) {
            // Behind the last block of a layer there may be room for one of nobody.
            walker.end = [Block { v: [PADDING_REST; BLOCK], ..Block::default() }; TOGETHER];
            walker.end[..blocks.len()].copy_from_slice(blocks);
            (walker.run, walker.first) = (run, k * NEURONS);
            (walker.stretch, walker.waiting, walker.clamped) = (0, 0, 0);
            walker.ceiling = [[f64::INFINITY; BLOCK]; TOGETHER];
        }
        self.turned = 0;
        self.ready.clear();
        self.ready.extend((0..count).rev());
        self.pool.clear();
        self.near.clear();
        self.outcomes.resize_with(runs.max(self.outcomes.len()), Outcome::default);
        for outcome in &mut self.outcomes {
            outcome.fired.clear();
            (outcome.is_irregular, outcome.is_full) = (false, false);
        }
    }

    /// Takes some neurons on, or searches a register of those that wait; `false` if there is nothing left to do. `ways` are those of the runs.
    pub fn step<const TANGENTS: bool>(&mut self, of: &Walkers<'_, K>, ways: impl Ways<K>) -> bool {
        let arch = Arch::new();
        while self.pool.count() < ENOUGH {
            let Some(walker) = self.ready.pop() else {
                if self.pool.count() == 0 && self.near.count() == 0 {
                    return false;
                }
                break;
            };
            arch.dispatch(Run::<K, _, TANGENTS, true> { of, ways, walk: self, walker });
        }
        arch.dispatch(Search::<K, _, TANGENTS> { of, ways, walk: self });
        true
    }

    /// Takes integrators on, of one run, until the potentials of some may have turned at or above their ceilings; `false` if there is nothing left to do.
    pub fn step_to_turn<const TANGENTS: bool>(
        &mut self,
        of: &Walkers<'_, K>,
        ways: &[Way<K>],
    ) -> bool {
        while self.turned == 0 {
            let Some(walker) = self.ready.pop() else { return false };
            Arch::new().dispatch(Run::<K, _, TANGENTS, false> { of, ways, walk: self, walker });
        }
        true
    }

    /// The next of those that may have turned.
    pub fn next_turned(&mut self) -> Option<Turned<K>> {
        let k = bits(self.turned).next()?;
        self.turned &= self.turned - 1;
        let walker = &mut self.walkers[self.turning];
        let of = |blocks: &[Block<K>; TOGETHER]| blocks[k / BLOCK].get(k % BLOCK);
        let states = [of(&self.before), of(&self.start), of(&walker.end)];
        let turned = Turned { neuron: walker.first + k, stretch: walker.stretch, states };
        if self.turned == 0 {
            walker.stretch += 1;
            self.ready.push(self.turning);
        }
        Some(turned)
    }

    /// From which height on an integrator is of interest, in potential above rest; there is one run.
    pub fn set_ceiling(&mut self, neuron: usize, ceiling: f64) {
        let k = neuron % NEURONS;
        self.walkers[neuron / NEURONS].ceiling[k / BLOCK][k % BLOCK] = ceiling;
    }

    /// Where the neurons are that have come to their end; there is one run.
    pub fn write(&self, into: &mut Columns<K>) {
        for (walker, blocks) in self.walkers.iter().zip(into.0.chunks_mut(TOGETHER)) {
            blocks.copy_from_slice(&walker.end[..blocks.len()]);
        }
    }

    /// Whose neuron stands at a place among all walkers, and which it is in the layer.
    #[inline(always)]
    pub(super) fn at(&self, place: usize) -> (usize, usize) {
        let Walker { run, first, .. } = self.walkers[place / NEURONS];
        (run, first + place % NEURONS)
    }

    /// A neuron waits.
    #[inline(always)]
    pub(super) fn wait<const TANGENTS: bool>(
        &mut self,
        place: usize,
        model: &Superposed<K>,
        at: (CurrentsState<K>, CurrentsTangent<K>),
        stretch: [Instant; 2],
        is_known: bool,
    ) {
        self.pool.push::<TANGENTS>(place, model, at, stretch, is_known);
        self.walkers[place / NEURONS].waiting += 1;
    }

    /// A neuron waits no more; its walker goes on if it was the last.
    #[inline(always)]
    pub(super) fn is_back(&mut self, place: usize) {
        let walker = &mut self.walkers[place / NEURONS];
        walker.waiting -= 1;
        if walker.waiting == 0 {
            walker.stretch += 1;
            self.ready.push(place / NEURONS);
        }
    }

    /// The block of a neuron at the end of its stretch.
    #[inline(always)]
    pub(super) fn end(&mut self, place: usize) -> &mut Block<K> {
        &mut self.walkers[place / NEURONS].end[place % NEURONS / BLOCK]
    }

    /// A neuron stays in its refractory time beyond the end of its stretch.
    #[inline(always)]
    pub(super) fn clamp(&mut self, place: usize, clamp: Clamp) {
        let walker = &mut self.walkers[place / NEURONS];
        walker.clamped |= 1 << (place % NEURONS);
        walker.clamps[place % NEURONS] = clamp;
    }
}

/// Neurons that spike, or integrators.
struct Run<'a, const K: usize, W: Ways<K>, const TANGENTS: bool, const SPIKES: bool> {
    of: &'a Walkers<'a, K>,
    ways: W,
    walk: &'a mut Walk<K>,
    /// Which of them.
    walker: usize,
}

impl<const K: usize, W: Ways<K>, const TANGENTS: bool, const SPIKES: bool> WithSimd
    for Run<'_, K, W, TANGENTS, SPIKES>
{
    type Output = ();
    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        self.over(simd);
    }
}

/// The block of a register, and which of the block's registers it is.
#[inline(always)]
fn place<S: Simd>(register: usize) -> (usize, usize) {
    (register * S::F64_LANES / BLOCK, register % (BLOCK / S::F64_LANES))
}

impl<const K: usize, W: Ways<K>, const TANGENTS: bool, const SPIKES: bool>
    Run<'_, K, W, TANGENTS, SPIKES>
{
    #[inline(always)]
    fn over<S: Simd>(mut self, simd: S) {
        let Walker { run, first, clamped, stretch: from, ref end, ref ceiling, .. } =
            self.walk.walkers[self.walker];
        if self.walk.outcomes[run].is_irregular {
            return;
        }
        let (of, ways) = (self.of, self.ways);
        let who = Who { run, walker: self.walker, first };
        let rests = of.numbers.rest();
        let width = NEURONS / S::F64_LANES;
        // Behind the last neuron of a layer arrives whatever stands behind its weights.
        let real: Bits = (1 << (of.models.len() - first).min(NEURONS)) - 1;
        // Resting values, or ceilings.
        let mut level = [Lanes::splat(simd, 0.0); NEURONS];
        let mut now = [Registers::load(simd, &end[0], 0); NEURONS];
        for k in 0..width {
            let (block, lanes) = place::<S>(k);
            let rest = rests.get(first / BLOCK + block).unwrap_or(&[PADDING_REST; BLOCK]);
            let of = if SPIKES { rest } else { &ceiling[block] };
            level[k] = Lanes::new(simd, S::as_simd_f64s(of).0[lanes]);
            now[k] = Registers::load(simd, &end[block], lanes);
        }
        // Written one by one: where registers are narrow these arrays stand in memory, and are not to be copied as wholes.
        let (mut before, mut start) = (now, now);
        let mut length = level;
        let mut sum = [[[0.0; BLOCK]; TOGETHER]; K];
        let stretches = ways.count(who);
        if from == 0 {
            (0..AHEAD).for_each(|stretch| ways.prefetch(of, who, stretch));
        }
        let mut stretch = from;
        loop {
            let mut named = 0;
            while stretch < stretches {
                ways.prefetch(of, who, stretch + AHEAD);
                let rows = ways.weights(of, who, stretch, &mut sum);
                for k in 0..width {
                    let (block, lanes) = place::<S>(k);
                    let by = ways.motion(simd, of, who, stretch, (block, lanes));
                    let last = now[k];
                    let mut from = last;
                    for r in 0..K {
                        let weights = S::as_simd_f64s(&rows[r][block]).0[lanes];
                        from.i[r] = last.i[r] + Lanes::new(simd, weights);
                    }
                    let mut to = from;
                    to.advance::<TANGENTS>(&by, SPIKES.then_some(level[k]));
                    let ends = [(from.v, &from.i), (to.v, &to.i)];
                    let may_have = if SPIKES {
                        bounds::may_have_crossed(ends[0], ends[1], level[k], by.length)
                    } else {
                        before[k] = last;
                        bounds::may_turn(&last.i, ends[0], ends[1], level[k], by.length)
                    };
                    (start[k], now[k], length[k]) = (from, to, by.length);
                    named |= may_have.bits_at(k);
                }
                named &= real;
                if SPIKES && named != 0 {
                    let (peak, mut may_cross) = (of.response_peak(), 0);
                    for k in 0..width {
                        let may = bounds::may_cross_within(
                            start[k].v,
                            &start[k].i,
                            level[k],
                            peak,
                            length[k],
                        );
                        may_cross |= may.bits_at(k);
                    }
                    named &= may_cross;
                }
                if named | clamped != 0 {
                    break;
                }
                stretch += 1;
            }
            if stretch >= stretches {
                break;
            }
            let Walk { walkers, start: into, before: into_before, .. } = &mut *self.walk;
            let walker = &mut walkers[self.walker];
            walker.stretch = stretch;
            for k in 0..width {
                let (block, lanes) = place::<S>(k);
                start[k].store::<TANGENTS>(&mut into[block], lanes);
                now[k].store::<TANGENTS>(&mut walker.end[block], lanes);
                if !SPIKES {
                    before[k].store::<TANGENTS>(&mut into_before[block], lanes);
                }
            }
            if !SPIKES {
                (self.walk.turned, self.walk.turning) = (named, self.walker);
                return;
            }
            if self.wait(stretch, named) {
                return;
            }
            // Who is in its refractory time was reset, or let go.
            let Walker { end, .. } = &self.walk.walkers[self.walker];
            for k in 0..width {
                let (block, lanes) = place::<S>(k);
                now[k] = Registers::load(simd, &end[block], lanes);
            }
            stretch += 1;
        }
        let mut is_finite = true;
        let end = &mut self.walk.walkers[self.walker].end;
        for k in 0..width {
            is_finite &= now[k].is_finite();
            if !SPIKES {
                let (block, lanes) = place::<S>(k);
                now[k].store::<TANGENTS>(&mut end[block], lanes);
            }
        }
        self.walk.outcomes[run].is_irregular |= !is_finite;
    }

    /// Lets those wait who are named, and those whose refractory time ends in the stretch; whether there are any.
    #[inline(never)]
    fn wait(&mut self, stretch: usize, named: Bits) -> bool {
        let (models, walk) = (self.of.models, &mut *self.walk);
        let Walker { run, first, clamped, .. } = walk.walkers[self.walker];
        let (ways, place) = (self.ways, self.walker * NEURONS);
        let who = Who { run, walker: self.walker, first };
        for k in bits(named & !clamped) {
            let Some(model) = models.get(first + k) else { break };
            let at = walk.start[k / BLOCK].get(k % BLOCK);
            walk.wait::<TANGENTS>(place + k, model, at, ways.ends(who, stretch, k), true);
        }
        for k in bits(clamped) {
            let walker = &mut walk.walkers[self.walker];
            let [from, until] = ways.ends(who, stretch, k);
            let (model, Clamp { release, fired }) = (&models[first + k], walker.clamps[k]);
            if until[0] < release[0] {
                let end = &mut walker.end[k / BLOCK];
                let (state, tangent) = end.get(k % BLOCK);
                end.set(k % BLOCK, (model.reset(state), model.reset_tangent(tangent)));
                continue;
            }
            walker.clamped &= !(1 << k);
            let (state, tangent) = walk.start[k / BLOCK].get(k % BLOCK);
            let dt = (release[0] - from[0]) + (release[1] - from[1]);
            let held = model.reset(model.hold(state, dt));
            // Where the budget is spent spikes are dropped, and the run ends with an error.
            if let Some(spike) = walk.outcomes[run].fired.get_mut(fired) {
                spike.release_rate = model.membrane_rate(held);
            }
            let tangent = model.reset_tangent(model.hold_tangent(tangent, state, dt));
            walk.wait::<TANGENTS>(place + k, model, (held, tangent), [release, until], false);
        }
        walk.walkers[self.walker].waiting > 0
    }
}

#[cfg(test)]
mod tests;
