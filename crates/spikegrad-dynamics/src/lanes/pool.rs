//! Neurons that wait for a search for their next crossing, each at a time of its own, and what becomes of them: a register is searched, and what was found is
//! finished in the same registers. Who crosses spikes, is held for its refractory time, and goes on to the end of its stretch, or waits again.
//!
//! Those that are near grazing wait in a pool of their own, so that they fill registers, too. Not here: who waits (`walk.rs`), the search itself (`crossing.rs`).

use super::columns::Registers;
use super::crossing::{Found, Neurons, Rise};
use super::double_doubles::DoubleDoubles;
use super::motion::splat;
use super::near_grazing::NearGrazing;
use super::walk::{Clamp, Fired, NEURONS, Walk, Walkers};
use super::ways::{Instant, Ways};
use super::{BLOCK, Column, Lanes, Motion, bits};
use crate::lif::bounds;
use crate::receptors::{CurrentsState, CurrentsTangent, Superposed};
use crate::{Neuron, Outlook};
use pulp::{Simd, WithSimd};

/// As many are searched side by side as two of the widest registers hold, if so many wait.
pub(super) const ENOUGH: usize = 2 * BLOCK;

/// Neurons that a pool has room for: fewer than are enough, those of a walker, and fewer than a register of those that are near grazing and wait again.
const ROOM: usize = ENOUGH + NEURONS + BLOCK;

/// How far two computations of one crossing may differ, in units of the sizes that were rounded: some thousand roundings.
pub const BLUR: f64 = 4096.0 * f64::EPSILON;

/// How far beyond the end of a stretch a crossing is looked for, as a share of the time: so much more than it can be blurred that only one with a slope of a
/// millionth of its potentials a second could be.
pub const JUST_BEYOND: f64 = 1e-6;

/// One number for each neuron that waits.
type Places = [f64; ROOM];

/// Neurons that wait, in plain columns.
#[derive(Clone, Debug)]
pub(super) struct Pool<const K: usize> {
    count: usize,
    /// Who, by its place among all walkers.
    place: [usize; ROOM],
    /// Whether where it is at the end of its stretch is known, if it does not cross.
    is_known: [bool; ROOM],
    /// When it is in the state below, and when its stretch ends; each with what its rounding left off.
    times: [[Places; 2]; 2],
    v: Places,
    i: [Places; K],
    v_mem: Places,
    v_syn: [Places; K],
    i_syn: [Places; K],
    numbers: [Places; NUMBERS],
    /// About when it crosses, in seconds; of who is near grazing.
    about: Places,
}

/// Positions of the numbers of a neuron that are one each.
const REST: usize = 0;
const RESET: usize = 1;
const REFRACTORY: usize = 2;
const NUMBERS: usize = 3;

impl<const K: usize> Default for Pool<K> {
    fn default() -> Self {
        let (one, each) = ([0.0; ROOM], [[0.0; ROOM]; K]);
        Self {
            count: 0,
            place: [0; ROOM],
            is_known: [false; ROOM],
            times: [[one; 2]; 2],
            v: one,
            i: each,
            v_mem: one,
            v_syn: each,
            i_syn: each,
            // Of places that nobody has had.
            numbers: [[1.0; ROOM]; NUMBERS],
            about: one,
        }
    }
}

impl<const K: usize> Pool<K> {
    pub(super) fn clear(&mut self) {
        self.count = 0;
    }

    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// Takes up a neuron, `at` a state with its tangent, in a stretch: from when it is there, and until when that goes.
    #[inline(always)]
    pub(super) fn push<const TANGENTS: bool>(
        &mut self,
        place: usize,
        model: &Superposed<K>,
        (state, tangent): (CurrentsState<K>, CurrentsTangent<K>),
        stretch: [Instant; 2],
        is_known: bool,
    ) {
        let k = self.count % ROOM;
        self.count += 1;
        (self.place[k], self.is_known[k]) = (place, is_known);
        for end in 0..2 {
            for part in 0..2 {
                self.times[end][part][k] = stretch[end][part];
            }
        }
        let numbers = [model.rest(), model.reset(state).v, model.refractory()];
        for (column, number) in self.numbers.iter_mut().zip(numbers) {
            column[k] = number;
        }
        self.v[k] = state.v;
        for r in 0..K {
            self.i[r][k] = state.i[r];
        }
        if TANGENTS {
            self.v_mem[k] = tangent.v_mem;
            for r in 0..K {
                (self.v_syn[r][k], self.i_syn[r][k]) = (tangent.v_syn[r], tangent.i_syn[r]);
            }
        }
    }

    /// Takes up a neuron that is at position `from` of another pool.
    #[inline(always)]
    fn take(&mut self, other: &Self, from: usize, about: f64) {
        let k = self.count % ROOM;
        self.count += 1;
        (self.place[k], self.is_known[k]) = (other.place[from], other.is_known[from]);
        for end in 0..2 {
            for part in 0..2 {
                self.times[end][part][k] = other.times[end][part][from];
            }
        }
        for (column, other) in self.numbers.iter_mut().zip(&other.numbers) {
            column[k] = other[from];
        }
        (self.v[k], self.v_mem[k], self.about[k]) = (other.v[from], other.v_mem[from], about);
        for r in 0..K {
            self.i[r][k] = other.i[r][from];
            (self.v_syn[r][k], self.i_syn[r][k]) = (other.v_syn[r][from], other.i_syn[r][from]);
        }
    }

    /// Takes out the last neurons, as many as there are and a register has lanes.
    #[inline(always)]
    fn take_last<S: Simd>(&mut self, simd: S, of: &Walkers<'_, K>) -> Last<S, K> {
        let count = self.count.min(S::F64_LANES);
        self.count -= count;
        let first = self.count;
        // A register has eight lanes at most.
        #[expect(clippy::cast_possible_truncation, reason = "as many bits as lanes")]
        let lanes = ((1u16 << count) - 1) as u8;
        let mut of = self.load(simd, of, first);
        if count < S::F64_LANES {
            // Without a current there is nothing to search for.
            for current in &mut of.at.i {
                let mut one_by_one = current.values();
                one_by_one[count..].fill(0.0);
                *current = Lanes::new(simd, S::as_simd_f64s(&one_by_one).0[0]);
            }
        }
        let mut last = Last { first, lanes, unknown: 0, place: [0; BLOCK], of };
        last.place.copy_from_slice(&self.place[first..first + BLOCK]);
        for lane in 0..count {
            last.unknown |= u8::from(!self.is_known[first + lane]) << lane;
        }
        last
    }

    /// A register of neurons, from a position on.
    #[inline(always)]
    fn load<S: Simd>(&self, simd: S, of: &Walkers<'_, K>, first: usize) -> Waiting<S, K> {
        let (mem, syn) = of.numbers.shared_time_constants();
        let (tau_mem, tau_syn) = (Lanes::splat(simd, mem), splat(simd, &syn));
        let one = |column: &Places| register(simd, column, first);
        let time = |end: usize| {
            let [time, rest] = &self.times[end];
            DoubleDoubles { hi: one(time), lo: one(rest) }
        };
        Waiting {
            from: time(0),
            until: time(1),
            at: Registers {
                v: one(&self.v),
                i: registers(simd, &self.i, first),
                v_mem: one(&self.v_mem),
                v_syn: registers(simd, &self.v_syn, first),
                i_syn: registers(simd, &self.i_syn, first),
            },
            rest: one(&self.numbers[REST]),
            reset: one(&self.numbers[RESET]),
            refractory: one(&self.numbers[REFRACTORY]),
            tau_mem,
            tau_syn,
        }
    }
}

/// A register of a column.
#[inline(always)]
fn register<S: Simd>(simd: S, column: &Places, first: usize) -> Lanes<S> {
    Lanes::new(simd, S::as_simd_f64s(&column[first..first + S::F64_LANES]).0[0])
}

/// A register of each column.
#[inline(always)]
fn registers<S: Simd, const K: usize>(
    simd: S,
    columns: &[Places; K],
    first: usize,
) -> [Lanes<S>; K] {
    let mut all = [register(simd, &columns[0], first); K];
    for r in 1..K {
        all[r] = register(simd, &columns[r], first);
    }
    all
}

/// A register that has been taken out of a pool.
#[derive(Clone, Copy)]
struct Last<S: Simd, const K: usize> {
    /// Where its first lane stood.
    first: usize,
    /// Whom it is about, and who of these is where nobody knows at the end of its stretch: a bit for each lane.
    lanes: u8,
    unknown: u8,
    place: [usize; BLOCK],
    of: Waiting<S, K>,
}

/// A register of neurons that wait.
#[derive(Clone, Copy)]
struct Waiting<S: Simd, const K: usize> {
    from: DoubleDoubles<S>,
    until: DoubleDoubles<S>,
    at: Registers<S, K>,
    rest: Lanes<S>,
    reset: Lanes<S>,
    refractory: Lanes<S>,
    tau_mem: Lanes<S>,
    tau_syn: [Lanes<S>; K],
}

impl<S: Simd, const K: usize> Waiting<S, K> {
    #[inline(always)]
    fn neurons(&self) -> Neurons<S, K> {
        let &Self { rest, tau_mem, tau_syn, .. } = self;
        Neurons { v: self.at.v, i: self.at.i, rest, tau_mem, tau_syn }
    }
}

/// Searches a register of those that wait, and finishes what it finds.
pub(super) struct Search<'a, const K: usize, W: Ways<K>, const TANGENTS: bool> {
    pub(super) of: &'a Walkers<'a, K>,
    pub(super) ways: W,
    pub(super) walk: &'a mut Walk<K>,
}

impl<const K: usize, W: Ways<K>, const TANGENTS: bool> WithSimd for Search<'_, K, W, TANGENTS> {
    type Output = ();
    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let Walk { pool, near, .. } = &mut *self.walk;
        if near.count >= BLOCK || pool.count == 0 {
            self.search_near(simd);
        } else {
            self.search(simd);
        }
    }
}

impl<const K: usize, W: Ways<K>, const TANGENTS: bool> Search<'_, K, W, TANGENTS> {
    /// Searches two registers.
    #[inline(always)]
    fn search<S: Simd>(&mut self, simd: S) {
        let Walk { pool, near, .. } = &mut *self.walk;
        let mut last = [pool.take_last(simd, self.of), pool.take_last(simd, self.of)];
        let horizon =
            |Last { of, .. }: &Last<S, K>| since(of.until, of.from) + of.until.hi * JUST_BEYOND;
        let [first, second] = &last;
        let rises = [Rise::new(first.of.neurons()), Rise::new(second.of.neurons())];
        let found = Rise::search_two(rises, [horizon(first), horizon(second)]);
        for (last, found) in last.iter_mut().zip(&found) {
            let are_near = last.lanes & found.is_near.bits();
            if are_near != 0 {
                let about = found.dt.values();
                let first = last.first;
                bits(are_near.into()).for_each(|lane| near.take(pool, first + lane, about[lane]));
                last.lanes &= !are_near;
            }
        }
        for k in 0..2 {
            if last[k].lanes != 0 {
                self.finish(&last[k], found[k]);
            }
        }
    }

    /// Searches a register of those near grazing.
    #[inline(always)]
    fn search_near<S: Simd>(&mut self, simd: S) {
        let near = &mut self.walk.near;
        let last = near.take_last(simd, self.of);
        let about = register(simd, &near.about, last.first);
        let found = simd.vectorize(NearGrazing { of: last.of.neurons(), t: about });
        self.finish(&last, found);
    }

    /// Those who cross spike, and all go on to the ends of their stretches, or wait again.
    #[inline(always)]
    fn finish<S: Simd>(&mut self, last: &Last<S, K>, found: Found<S>) {
        let of = &last.of;
        let &Waiting { from, until, rest, reset, refractory, tau_mem, tau_syn, .. } = of;
        let zero = rest.constant(0.0);
        let Found { dt, slope, verdict, .. } = self.decide(last, found);
        let crosses = zero.lt(verdict);
        let time = from + dt.into();
        let condition = tau_mem + rest.abs() * 2.0 / slope;
        let blurs = (time.hi - until.hi).abs().le((time.hi + condition) * BLUR);
        let is_due = crosses & time.hi.le(until.hi);
        let is_steep = zero.lt(slope) & slope.lt(zero.constant(f64::INFINITY));
        // Whoever crosses at the very instant of its last event opens a round of its own.
        let mut is_irregular = (crosses & blurs) | (is_due & (time.hi.le(from.hi) | !is_steep));
        let due = is_due.bits() & last.lanes;
        if due | last.unknown != 0 {
            let mut at = of.at;
            let length = is_due.select(since(time, from), zero);
            if TANGENTS {
                at.advance::<TANGENTS>(&Motion::over(length, tau_mem, tau_syn), Some(rest));
            } else {
                // Those who spike are where they are reset to, all others where they were.
                for k in 0..K {
                    at.i[k] = (-(length / tau_syn[k])).exp() * at.i[k];
                }
            }
            let crossing = at;
            let (mut release, mut is_released) = (time, is_due);
            if (is_due & zero.lt(refractory)).any() {
                release = time + refractory.into();
                is_released = is_due & release.hi.le(until.hi);
                self.hold(due, last, since(release.select(is_released, until), time), &mut at);
                // However short, a refractory time outlasts the instant of its spike: what arrives then meets a clamp.
                let is_lost = release.hi.le(time.hi) & until.hi.le(time.hi);
                is_irregular = is_irregular | (is_due & zero.lt(refractory) & is_lost);
            }
            let rate = is_released.select(at.rate_from(reset, rest) / tau_mem, zero);
            at.reset::<TANGENTS>(is_due, reset);
            let start = at;
            let left = since(until, release.select(is_due, from));
            let by = Motion::over(left.max(zero), tau_mem, tau_syn);
            at.advance::<TANGENTS>(&by, Some(rest));
            let ends = [(start.v, &start.i), (at.v, &at.i)];
            let may_cross = bounds::may_have_crossed(ends[0], ends[1], rest, by.length)
                & bounds::may_cross_within(
                    start.v,
                    &start.i,
                    rest,
                    self.of.response_peak(),
                    by.length,
                );
            let again = is_due & release.hi.lt(until.hi) & may_cross;
            self.fire(due, last, &crossing, [time.hi, time.lo, slope, rate]);
            self.come_to_end(due | last.unknown, last, &at);
            self.clamp(due & !is_released.bits(), due, last, release);
            self.wait_again(due & again.bits(), last, [release, until], &start);
        }
        for lane in bits((is_irregular.bits() & last.lanes).into()) {
            self.is_irregular(last.place[lane]);
        }
        for lane in bits(last.lanes.into()) {
            self.walk.is_back(last.place[lane]);
        }
    }

    /// What happened to a neuron is not decided here.
    fn is_irregular(&mut self, place: usize) {
        let (run, _) = self.walk.at(place);
        self.walk.outcomes[run].is_irregular = true;
    }

    /// Holds these lanes for lengths of their own, in seconds: one by one, so that they get the bits that they get where potentials are read.
    #[inline(always)]
    fn hold<S: Simd>(
        &mut self,
        whom: u8,
        last: &Last<S, K>,
        lengths: Lanes<S>,
        at: &mut Registers<S, K>,
    ) {
        let (mut block, lengths) = (at.to_block::<TANGENTS>(), lengths.values());
        for lane in bits(whom.into()) {
            let (_, neuron) = self.walk.at(last.place[lane]);
            let (model, dt) = (&self.of.models[neuron], lengths[lane]);
            let (state, tangent) = block.get(lane);
            let held = (model.hold(state, dt), model.hold_tangent(tangent, state, dt));
            block.set(lane, held);
        }
        *at = Registers::load(at.v.simd, &block, 0);
    }

    /// What the search in lanes left open is decided one by one.
    #[inline(always)]
    fn decide<S: Simd>(&mut self, last: &Last<S, K>, found: Found<S>) -> Found<S> {
        let of = &last.of;
        let zero = found.dt.constant(0.0);
        let is_decided = found.verdict.lt(zero) | zero.lt(found.verdict);
        let undecided = last.lanes & !is_decided.bits();
        if undecided == 0 {
            return found;
        }
        let (mut dt, mut slope, mut verdict) =
            (found.dt.values(), found.slope.values(), found.verdict.values());
        let length = since(of.until, of.from).values();
        let at = of.at.to_block::<false>();
        for lane in bits(undecided.into()) {
            let (state, _) = at.get(lane);
            verdict[lane] = -1.0;
            let (_, neuron) = self.walk.at(last.place[lane]);
            match self.of.models[neuron].next_crossing(state) {
                Outlook::Crossing { dt: time, slope: at } => {
                    (dt[lane], slope[lane], verdict[lane]) = (time, at, 1.0);
                }
                Outlook::Touch { dt } if dt > length[lane] => {}
                Outlook::Silent => {}
                Outlook::Touch { .. } | Outlook::Nonsense { .. } | Outlook::Jump => {
                    self.is_irregular(last.place[lane]);
                }
            }
        }
        let load = |column: &Column| Lanes::new(zero.simd, S::as_simd_f64s(column).0[0]);
        Found { dt: load(&dt), slope: load(&slope), verdict: load(&verdict), ..found }
    }

    /// Writes down the spikes of these lanes: their times with what rounding left off, their slopes and the rates at their releases.
    #[inline(always)]
    fn fire<S: Simd>(
        &mut self,
        due: u8,
        last: &Last<S, K>,
        crossing: &Registers<S, K>,
        [time, rest, slope, rate]: [Lanes<S>; 4],
    ) {
        let (time, rest) = (time.values(), rest.values());
        let (slope, rate) = (slope.values(), rate.values());
        let crossing = crossing.to_block::<TANGENTS>();
        for lane in bits(due.into()) {
            let (_, CurrentsTangent { v_mem, v_syn, .. }) = crossing.get(lane);
            let (run, neuron) = self.walk.at(last.place[lane]);
            let outcome = &mut self.walk.outcomes[run];
            outcome.fired.push(Fired {
                time: [time[lane], rest[lane]],
                neuron,
                slope: slope[lane],
                release_rate: rate[lane],
                v_mem,
                v_syn,
            });
            outcome.is_full |= outcome.fired.len() > self.ways.limits(run).1;
        }
    }

    /// Says where these lanes are at the ends of their stretches.
    #[inline(always)]
    fn come_to_end<S: Simd>(&mut self, whom: u8, last: &Last<S, K>, at: &Registers<S, K>) {
        let at = at.to_block::<TANGENTS>();
        for lane in bits(whom.into()) {
            let place = last.place[lane];
            self.walk.end(place).set(place % BLOCK, at.get(lane));
        }
    }

    /// Keeps those who are not released in their stretch, of those who are `due` and have just spiked.
    #[inline(always)]
    fn clamp<S: Simd>(&mut self, whom: u8, due: u8, last: &Last<S, K>, release: DoubleDoubles<S>) {
        if whom == 0 {
            return;
        }
        let release = [release.hi.values(), release.lo.values()];
        for lane in bits(whom.into()) {
            let (run, _) = self.walk.at(last.place[lane]);
            // Of its run, who spiked after it.
            let of_run = |&other: &usize| self.walk.at(last.place[other]).0 == run;
            let later = bits((due & !1 << lane).into()).filter(of_run).count();
            let fired = self.walk.outcomes[run].fired.len() - later - 1;
            let release = [release[0][lane], release[1][lane]];
            self.walk.clamp(last.place[lane], Clamp { release, fired });
        }
    }

    /// Lets those wait again who may cross once more, in the rest of their stretch, where they are after their release.
    #[inline(always)]
    fn wait_again<S: Simd>(
        &mut self,
        whom: u8,
        last: &Last<S, K>,
        [release, until]: [DoubleDoubles<S>; 2],
        start: &Registers<S, K>,
    ) {
        if whom == 0 {
            return;
        }
        let release = [release.hi.values(), release.lo.values()];
        let until = [until.hi.values(), until.lo.values()];
        let start = start.to_block::<TANGENTS>();
        for lane in bits(whom.into()) {
            let (place, at) = (last.place[lane], start.get(lane));
            let (run, neuron) = self.walk.at(place);
            let model = &self.of.models[neuron];
            let [from, to] = [&release, &until].map(|of| [of[0][lane], of[1][lane]]);
            let goes_on = !self.walk.outcomes[run].is_irregular;
            if goes_on && from[0] <= self.ways.limits(run).0 {
                self.walk.wait::<TANGENTS>(place, model, at, [from, to], true);
            }
        }
    }
}

/// Seconds from one time to a later one.
#[inline(always)]
fn since<S: Simd>(time: DoubleDoubles<S>, earlier: DoubleDoubles<S>) -> Lanes<S> {
    (time.hi - earlier.hi) + (time.lo - earlier.lo)
}
