//! The neurons of a layer side by side, and the one pass over them that a stretch between two arrivals takes.
//!
//! A pass adds a row of weights, moves every neuron to the end of the stretch, and **screens**: of each neuron it knows an
//! upper bound of the potential along the stretch, and who may have reached its threshold, or its highest potential so far,
//! is named. The bound errs to one side only; each says beside it what it needs.
//!
//! Not here: what becomes of those that are named (`wave.rs`, `peaks.rs`).

use pulp::{Arch, Simd, WithSimd};
use spikegrad_dynamics::lanes::{BLOCK, Lanes, Mask, Motion};

/// One number for each neuron of a block.
pub(super) type Column = [f64; BLOCK];

/// State and tangents of eight neurons; a column is a cache line.
#[derive(Clone, Copy, Debug, Default)]
#[repr(align(64))]
pub(super) struct Block {
    /// v above the threshold; of an integrator, above rest.
    pub(super) v: Column,
    pub(super) i: Column,
    /// ∂`v/∂τ_mem`.
    pub(super) v_mem: Column,
    /// ∂`v/∂τ_syn`.
    pub(super) v_syn: Column,
    /// ∂`i/∂τ_syn`.
    pub(super) i_syn: Column,
}

/// State and tangents of one neuron: `[v, i, v_mem, v_syn, i_syn]`.
pub(super) type Cell = [f64; 5];

/// The neurons of a layer, in blocks.
#[derive(Clone, Debug, Default)]
pub(super) struct Columns(pub(super) Vec<Block>);

impl Columns {
    /// Neurons at rest.
    pub(super) fn reset(&mut self, rest: &[f64]) {
        self.0.clear();
        self.0.extend(blocks(rest).iter().map(|&v| Block { v, ..Block::default() }));
    }

    pub(super) fn get(&self, n: usize) -> Cell {
        let (Block { v, i, v_mem, v_syn, i_syn }, k) = (&self.0[n / BLOCK], n % BLOCK);
        [v[k], i[k], v_mem[k], v_syn[k], i_syn[k]]
    }

    pub(super) fn set(&mut self, n: usize, cell: Cell) {
        let (Block { v, i, v_mem, v_syn, i_syn }, k) = (&mut self.0[n / BLOCK], n % BLOCK);
        [v[k], i[k], v_mem[k], v_syn[k], i_syn[k]] = cell;
    }
}

/// One number for each neuron of a layer, in blocks.
pub(super) fn blocks(column: &[f64]) -> &[Column] {
    column.as_chunks().0
}

/// How the neurons of a layer move along a stretch.
#[derive(Clone, Copy, Debug)]
pub(super) enum Motions<'a> {
    /// All alike, by coefficients that are known.
    Shared(&'a Motion),
    /// All alike, by coefficients that are still to be computed.
    Alike { dt: f64, tau_mem: f64, tau_syn: f64 },
    /// By their own time constants.
    Own { dt: f64, tau_mem: &'a [f64], tau_syn: &'a [f64] },
}

/// What a pass does beside moving all neurons.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Job {
    /// Names who may cross its threshold.
    NameCrossings,
    /// Names integrators whose potential may reach the ceiling and turns from up to down, be it at the arrival.
    NameTurns,
    /// Only moves, neurons with a threshold.
    Move,
}

/// Room for the rounding of a bound, in units of what lifts the potential, `i + rest − v`.
const MARGIN: f64 = 1e-12;

/// The threshold is compared from this far below, in units of the resting value. A potential near the threshold is the sum
/// of three terms, each of which is rounded up to four times. The largest is at most the sum of the others, so that twice what
/// lifts it and the resting value bound all of them.
const THRESHOLD_MARGIN: f64 = 16.0 * f64::EPSILON;

/// A potential below this share of a positive current rises; nearer to it, which is where a membrane much faster than its synapse
/// goes, rounding decides.
const CERTAINLY_RISING: f64 = 1.0 - 8.0 * f64::EPSILON;

/// A stretch: `row` arrives at its start.
#[derive(Debug)]
pub(super) struct Pass<'a> {
    pub(super) job: Job,
    pub(super) motions: Motions<'a>,
    pub(super) row: &'a [f64],
    /// Before the arrival.
    pub(super) before: &'a Columns,
    /// At the end, before what arrives then.
    pub(super) after: &'a mut Columns,
    /// Resting values above the threshold: of integrators zero, and not read.
    pub(super) rest: &'a [f64],
    /// Which integrators to name: whoever reaches this. Not read else.
    pub(super) ceiling: &'a [f64],
    /// Who may have reached its threshold or ceiling.
    pub(super) named: &'a mut Vec<usize>,
}

impl Pass<'_> {
    /// Runs the pass, for derivatives with respect to time constants as well or without.
    pub(super) fn run<const TANGENTS: bool>(self) {
        if self.job != Job::Move {
            self.named.clear();
        }
        Arch::new().dispatch(Run::<TANGENTS>(self));
    }
}

/// Names who may reach its threshold within `dt` seconds after the arrival of `row`, and moves nobody: where a stretch may be
/// cut off, its end has to be known first.
#[derive(Debug)]
pub(super) struct Screen<'a> {
    pub(super) dt: f64,
    pub(super) tau_mem: &'a [f64],
    pub(super) shares_tau_mem: bool,
    pub(super) row: &'a [f64],
    /// Before the arrival.
    pub(super) before: &'a Columns,
    /// Resting values above the threshold.
    pub(super) rest: &'a [f64],
    pub(super) named: &'a mut Vec<usize>,
}

impl Screen<'_> {
    pub(super) fn run(self) {
        self.named.clear();
        Arch::new().dispatch(self);
    }
}

/// A row of weights in blocks. Behind its whole ones there is at most one: a population fills all but its last block.
struct Weights<'a> {
    whole: &'a [Column],
    last: Column,
}

impl<'a> Weights<'a> {
    #[inline(always)]
    fn of(row: &'a [f64]) -> Self {
        let (whole, part) = row.as_chunks::<BLOCK>();
        let mut last = [0.0; BLOCK];
        last[..part.len()].copy_from_slice(part);
        Self { whole, last }
    }

    #[inline(always)]
    fn block(&self, k: usize) -> &Column {
        self.whole.get(k).unwrap_or(&self.last)
    }
}

// Everything below is inlined by force: what is not, is not compiled for the registers.

struct Run<'a, const TANGENTS: bool>(Pass<'a>);

impl<const TANGENTS: bool> WithSimd for Run<'_, TANGENTS> {
    type Output = ();
    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        match self.0.job {
            Job::NameCrossings => self.0.over::<S, TANGENTS, true, false>(simd),
            Job::NameTurns => self.0.over::<S, TANGENTS, false, true>(simd),
            Job::Move => self.0.over::<S, TANGENTS, false, false>(simd),
        }
    }
}

/// An upper bound of the potential over a length of `x` = `dt/τ_mem`: below its tangent, and below what draws it, the
/// current above the threshold `drawn`.
///
/// Needs a current that is not negative: only then is a rise concave. And a potential that is not above `drawn`: what falls
/// starts above the bound.
#[inline(always)]
fn bound<S: Simd>(v: Lanes<S>, drawn: Lanes<S>, x: Lanes<S>) -> Lanes<S> {
    (v + (x + MARGIN) * (drawn - v)).min(drawn)
}

impl WithSimd for Screen<'_> {
    type Output = ();
    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let (dt, tau_mem) = (Lanes::splat(simd, self.dt), blocks(self.tau_mem));
        if self.shares_tau_mem {
            let x = dt / Lanes::splat(simd, self.tau_mem[0]);
            self.over(
                simd,
                #[inline(always)]
                |_, _| x,
            );
        } else {
            self.over(
                simd,
                #[inline(always)]
                |block, k| dt / Lanes::new(simd, S::as_simd_f64s(&tau_mem[block]).0[k]),
            );
        }
    }
}

impl Screen<'_> {
    /// `length` is `dt/τ_mem` of a register of a block.
    #[inline(always)]
    fn over<S: Simd>(self, simd: S, length: impl Fn(usize, usize) -> Lanes<S>) {
        let Self { row, before, rest, named, .. } = self;
        let zero = Lanes::splat(simd, 0.0);
        let weights = Weights::of(row);
        for (block, (from, rest)) in before.0.iter().zip(blocks(rest)).enumerate() {
            let [v, i, rest, weights] = [&from.v, &from.i, rest, weights.block(block)]
                .map(|column| S::as_simd_f64s(column).0);
            for k in 0..BLOCK / S::F64_LANES {
                let [v, i, rest, weight] =
                    [v[k], i[k], rest[k], weights[k]].map(|x| Lanes::new(simd, x));
                // A negative current fades, and only lowers what it draws.
                let drawn = (i + weight).max(zero) + rest;
                let highest = bound(v, drawn, length(block, k)).max(v);
                (rest.abs() * -THRESHOLD_MARGIN).le(highest).for_each(
                    #[inline(always)]
                    |lane| named.push(block * BLOCK + k * S::F64_LANES + lane),
                );
            }
        }
    }
}

impl Pass<'_> {
    #[inline(always)]
    fn over<S: Simd, const TANGENTS: bool, const CROSSINGS: bool, const TURNS: bool>(
        self,
        simd: S,
    ) {
        match self.motions {
            Motions::Shared(motion) => {
                self.alike::<S, TANGENTS, CROSSINGS, TURNS>(simd, Motion::splat(simd, motion));
            }
            Motions::Alike { dt, tau_mem, tau_syn } => {
                let [dt, mem, syn] = [dt, tau_mem, tau_syn].map(|x| Lanes::splat(simd, x));
                self.alike::<S, TANGENTS, CROSSINGS, TURNS>(simd, Motion::over(dt, mem, syn));
            }
            Motions::Own { dt, tau_mem, tau_syn } => {
                let Self { row, before, after, rest, ceiling, named, .. } = self;
                let (weights, level) = (Weights::of(row), if TURNS { ceiling } else { rest });
                let blocks = before.0.iter().zip(&mut after.0).zip(blocks(level)).enumerate();
                let dt = Lanes::splat(simd, dt);
                let taus = self::blocks(tau_mem).iter().zip(self::blocks(tau_syn));
                for ((k, ((from, to), level)), (mem, syn)) in blocks.zip(taus) {
                    let (mem, syn) = (S::as_simd_f64s(mem).0, S::as_simd_f64s(syn).0);
                    let stretch = Stretch { from, to, level, weights: weights.block(k) };
                    stretch.pass::<S, TANGENTS, CROSSINGS, TURNS>(
                        simd,
                        #[inline(always)]
                        |k| Motion::over(dt, Lanes::new(simd, mem[k]), Lanes::new(simd, syn[k])),
                        k,
                        named,
                    );
                }
            }
        }
    }

    /// All neurons by one motion.
    #[inline(always)]
    fn alike<S: Simd, const TANGENTS: bool, const CROSSINGS: bool, const TURNS: bool>(
        self,
        simd: S,
        motion: Motion<Lanes<S>>,
    ) {
        let Self { row, before, after, rest, ceiling, named, .. } = self;
        let (weights, level) = (Weights::of(row), if TURNS { ceiling } else { rest });
        let blocks = before.0.iter().zip(&mut after.0).zip(blocks(level)).enumerate();
        for (k, ((from, to), level)) in blocks {
            let stretch = Stretch { from, to, level, weights: weights.block(k) };
            stretch.pass::<S, TANGENTS, CROSSINGS, TURNS>(
                simd,
                #[inline(always)]
                |_| motion,
                k,
                named,
            );
        }
    }
}

/// A block along a stretch.
struct Stretch<'a> {
    from: &'a Block,
    to: &'a mut Block,
    /// Ceilings of integrators, resting values of neurons with a threshold.
    level: &'a Column,
    weights: &'a Column,
}

impl Stretch<'_> {
    #[inline(always)]
    fn pass<S: Simd, const TANGENTS: bool, const CROSSINGS: bool, const TURNS: bool>(
        self,
        simd: S,
        motion: impl Fn(usize) -> Motion<Lanes<S>>,
        block: usize,
        named: &mut Vec<usize>,
    ) {
        let Self { from, to, level, weights } = self;
        let (level, weights) = (S::as_simd_f64s(level).0, S::as_simd_f64s(weights).0);
        let zero = Lanes::splat(simd, 0.0);
        for k in 0..BLOCK / S::F64_LANES {
            let (mut now, weight) = (Registers::load(simd, from, k), Lanes::new(simd, weights[k]));
            let level = Lanes::new(simd, level[k]);
            let (v0, before) = (now.v, now.i);
            let i0 = before + weight;
            now.i = i0;
            let by = motion(k);
            let rest = if TURNS { None } else { Some(level) };
            now.advance::<TANGENTS>(&by, rest);
            now.store::<TANGENTS>(to, k);
            let reaches: Mask<S> = if TURNS {
                // At the end of a very long stretch both are zero.
                let has_turned = (now.i * CERTAINLY_RISING).le(now.v);
                let within = v0.lt(i0) & has_turned & level.le(bound(v0, i0, by.length));
                // The arrival ends a rise, be it one that has relaxed altogether.
                let at_arrival = i0.lt(before) & i0.le(v0) & level.le(v0);
                within | at_arrival
            } else if CROSSINGS {
                // Under a positive current it may have turned. Else what it rises to is where it ends: a negative current
                // lets it fall only before it rises.
                let (rest, drawn) = (level, i0 + level);
                let turns = zero.lt(i0) & (now.i + rest).le(now.v);
                let end = now.v + (drawn - v0).abs() * MARGIN;
                let highest = turns.select(bound(v0, drawn, by.length), end);
                (rest.abs() * -THRESHOLD_MARGIN).le(highest)
            } else {
                continue;
            };
            reaches.for_each(
                #[inline(always)]
                |lane| named.push(block * BLOCK + k * S::F64_LANES + lane),
            );
        }
    }
}

/// One register of neurons.
struct Registers<S: Simd> {
    v: Lanes<S>,
    i: Lanes<S>,
    v_mem: Lanes<S>,
    v_syn: Lanes<S>,
    i_syn: Lanes<S>,
}

impl<S: Simd> Registers<S> {
    #[inline(always)]
    fn load(simd: S, block: &Block, k: usize) -> Self {
        Self {
            v: Lanes::new(simd, S::as_simd_f64s(&block.v).0[k]),
            i: Lanes::new(simd, S::as_simd_f64s(&block.i).0[k]),
            v_mem: Lanes::new(simd, S::as_simd_f64s(&block.v_mem).0[k]),
            v_syn: Lanes::new(simd, S::as_simd_f64s(&block.v_syn).0[k]),
            i_syn: Lanes::new(simd, S::as_simd_f64s(&block.i_syn).0[k]),
        }
    }

    #[inline(always)]
    fn store<const TANGENTS: bool>(&self, block: &mut Block, k: usize) {
        S::as_mut_simd_f64s(&mut block.v).0[k] = self.v.raw();
        S::as_mut_simd_f64s(&mut block.i).0[k] = self.i.raw();
        if !TANGENTS {
            return;
        }
        S::as_mut_simd_f64s(&mut block.v_mem).0[k] = self.v_mem.raw();
        S::as_mut_simd_f64s(&mut block.v_syn).0[k] = self.v_syn.raw();
        S::as_mut_simd_f64s(&mut block.i_syn).0[k] = self.i_syn.raw();
    }

    /// Eqs. 3–8, of neurons that rest at `rest` or, without it, at zero.
    #[inline(always)]
    fn advance<const TANGENTS: bool>(&mut self, by: &Motion<Lanes<S>>, rest: Option<Lanes<S>>) {
        let Self { v, i, v_mem, v_syn, i_syn } = *self;
        let flow = &by.flow;
        let above_rest = rest.map_or(v, |rest| v - rest);
        self.v = match rest {
            Some(rest) => by.membrane(v, rest, above_rest, i),
            None => flow.membrane * v + flow.response * i,
        };
        self.i = flow.current * i;
        if !TANGENTS {
            return;
        }
        self.v_mem = flow.membrane * v_mem + (by.mem_of_v * above_rest + by.mem_of_i * i);
        self.v_syn = flow.membrane * v_syn + (flow.response * i_syn + by.syn_of_i * i);
        self.i_syn = flow.current * i_syn + by.current_of_i * i;
    }
}

/// Moves each neuron by a length of its own.
#[derive(Debug)]
pub(super) struct Advance<'a, const TANGENTS: bool> {
    pub(super) columns: &'a mut [Block],
    /// Resting values above the threshold.
    pub(super) rest: &'a [f64],
    pub(super) tau_mem: &'a [f64],
    pub(super) tau_syn: &'a [f64],
    pub(super) dt: &'a [f64],
}

impl<const TANGENTS: bool> WithSimd for Advance<'_, TANGENTS> {
    type Output = ();
    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let lengths = blocks(self.dt).iter().zip(blocks(self.tau_mem)).zip(blocks(self.tau_syn));
        let columns = self.columns.iter_mut().zip(blocks(self.rest));
        for ((block, rest), ((dt, mem), syn)) in columns.zip(lengths) {
            let [rest, dt, mem, syn] = [rest, dt, mem, syn].map(|column| S::as_simd_f64s(column).0);
            for k in 0..BLOCK / S::F64_LANES {
                let by = Motion::over(
                    Lanes::new(simd, dt[k]),
                    Lanes::new(simd, mem[k]),
                    Lanes::new(simd, syn[k]),
                );
                let mut now = Registers::load(simd, block, k);
                now.advance::<TANGENTS>(&by, Some(Lanes::new(simd, rest[k])));
                now.store::<TANGENTS>(block, k);
            }
        }
    }
}

/// The motions over lengths of time, for neurons that share their time constants.
pub(super) fn motions(dt: &[f64], tau_mem: f64, tau_syn: f64, into: &mut Vec<Motion>) {
    into.clear();
    into.resize(dt.len(), Motion::default());
    Arch::new().dispatch(Over { dt, tau_mem, tau_syn, into });
}

struct Over<'a> {
    dt: &'a [f64],
    tau_mem: f64,
    tau_syn: f64,
    into: &'a mut [Motion],
}

impl WithSimd for Over<'_> {
    type Output = ();
    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let tau_mem = Lanes::splat(simd, self.tau_mem);
        let tau_syn = Lanes::splat(simd, self.tau_syn);
        for (dt, into) in self.dt.chunks(S::F64_LANES).zip(self.into.chunks_mut(S::F64_LANES)) {
            let dt = Lanes::new(simd, simd.partial_load_f64s(dt));
            Motion::over(dt, tau_mem, tau_syn).store(into);
        }
    }
}
