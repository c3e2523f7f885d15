//! First threshold crossings of many neurons at once, for the common case: a current that lifts v from below the threshold,
//! and a resting value that lies below it, too.
//!
//! The derivatives of such a rise alternate in sign. So a step along the **tangent** stays short of the crossing, and a step
//! to where the **parabola** meets the threshold short of the peak; corrected towards the cubic, it converges with
//! the fourth order, and two evaluations are the rule (docs/mathematics.md, eq. 16a). Near grazing one more step is taken in
//! double-double arithmetic (eq. 16b). Whoever is not decided here is left to the one search that decides everything
//! (`lif/crossing.rs`), so that no spike is gained or lost for speed.
//!
//! Not here: which neurons are worth a search (`spikegrad_simulate`).

use super::columns::Block;
use super::double_doubles::DoubleDoubles;
use super::{BLOCK, Lanes, Mask, Numbers, UNDERFLOW};
use pulp::{NullaryFnOnce, Simd, WithSimd};

/// What was found of one neuron.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Search {
    /// A crossing after `dt` seconds, with this slope per second.
    Crossing {
        /// Time to it, in seconds.
        dt: f64,
        /// dV/dt there, per second.
        slope: f64,
    },
    /// The threshold is never reached.
    Silent,
    /// Too near to grazing even so, not converged, or not the common case.
    #[default]
    Undecided,
}

/// When one neuron will cross its threshold if it is left alone: the bits that it would get in company.
pub(crate) fn search_one(v: f64, i: f64, rest: f64, tau_mem: f64, tau_syn: f64) -> Search {
    let [v, i, rest, tau_mem, tau_syn] =
        [v, i, rest, tau_mem, tau_syn].map(|x| Lanes::splat(pulp::Scalar, x));
    Rise::new(v, i, rest, tau_mem, tau_syn).search()[0]
}

/// Writes into `found`, which has room for all of these blocks of free neurons, when each will cross its threshold if it is left alone.
pub(super) fn search(blocks: &[Block], numbers: &Numbers, found: &mut [Search]) {
    pulp::Arch::new().dispatch(SearchAll { blocks, numbers, found });
}

struct SearchAll<'a> {
    blocks: &'a [Block],
    numbers: &'a Numbers,
    found: &'a mut [Search],
}

impl WithSimd for SearchAll<'_> {
    type Output = ();
    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let [mem, syn] = self.numbers.time_constants();
        let numbers = self.numbers.rest().iter().zip(mem).zip(syn);
        let found = self.found.chunks_exact_mut(BLOCK);
        for ((block, ((rest, mem), syn)), found) in self.blocks.iter().zip(numbers).zip(found) {
            let (v, i) = (S::as_simd_f64s(&block.v).0, S::as_simd_f64s(&block.i).0);
            let (mem, syn) = (S::as_simd_f64s(mem).0, S::as_simd_f64s(syn).0);
            let rest = S::as_simd_f64s(rest).0;
            let lanes = |x| Lanes::new(simd, x);
            for (k, found) in found.chunks_exact_mut(S::F64_LANES).enumerate() {
                let [v, i, rest] = [lanes(v[k]), lanes(i[k]), lanes(rest[k])];
                let searches = Rise::new(v, i, rest, lanes(mem[k]), lanes(syn[k])).search();
                found.copy_from_slice(&searches[..S::F64_LANES]);
            }
        }
    }
}

/// Where the slope is less than this share of what was rounded, it is measured with more digits.
const NEAR_GRAZING: f64 = 1.0 / 8.0;

/// Where the peak rises less above the threshold than half this share of what was rounded, it is measured with more digits.
const LOW_PEAK: f64 = 1.0 / 16.0;

/// A potential that turns this share of its size below the threshold stays there, whatever the rounding.
const CERTAINLY_BELOW: f64 = 1e-10;

/// A step shorter than this share of the time, of both time constants and of the way to the peak leaves an error of its
/// fourth power: nothing.
const LAST_STEP: f64 = 1e-4;

/// Slopes below this share of the potentials, which are known to 21 digits, are left to 30 digits.
const RESOLVED: f64 = 1e-4;

/// What a step of the third order may leave, in units of the time: a small part of a rounding.
const LAST_SHARE: f64 = 1e-18;

/// Evaluations before a lane is given up; convergence is of fourth order.
const MAX_EVALUATIONS: usize = 12;

/// Sizes at which no product of two potentials, also with rates, leaves the range of a double.
const SAFE_SIZES: [f64; 2] = [1e-100, 1e100];

struct Rise<S: Simd> {
    v: Lanes<S>,
    i: Lanes<S>,
    rest: Lanes<S>,
    /// The current above the threshold, at the start.
    start: Lanes<S>,
    /// The potential above its resting value, at the start.
    above_rest: Lanes<S>,
    tau_mem: Lanes<S>,
    tau_syn: Lanes<S>,
    /// The inverses: a length is divided by a time constant, so that its rounding is not that of every length.
    rate_mem: Lanes<S>,
    rate_syn: Lanes<S>,
}

/// The motion at a time.
struct At<S: Simd> {
    /// Potential above the threshold.
    residual: Lanes<S>,
    slope: Lanes<S>,
    current: Lanes<S>,
    /// Current above the threshold.
    above: Lanes<S>,
    /// The size of what was rounded: of the way from the start, if that is short.
    size: Lanes<S>,
}

impl<S: Simd> Rise<S> {
    #[inline(always)]
    fn new(v: Lanes<S>, i: Lanes<S>, rest: Lanes<S>, tau_mem: Lanes<S>, tau_syn: Lanes<S>) -> Self {
        let one = v.constant(1.0);
        let (rate_mem, rate_syn) = (one / tau_mem, one / tau_syn);
        let (start, above_rest) = (i + rest, v - rest);
        Self { v, i, rest, start, above_rest, tau_mem, tau_syn, rate_mem, rate_syn }
    }

    /// What is found of each lane; the register may be narrower than a block.
    #[inline(always)]
    fn search(&self) -> [Search; BLOCK] {
        let (dt, slope, verdict) = self.crossing();
        let (dt, slope, verdict) = (dt.values(), slope.values(), verdict.values());
        std::array::from_fn(
            #[inline(always)]
            |k| {
                if verdict[k] > 0.0 {
                    Search::Crossing { dt: dt[k], slope: slope[k] }
                } else if verdict[k] < 0.0 {
                    Search::Silent
                } else {
                    Search::Undecided
                }
            },
        )
    }

    /// Time, slope, and a verdict: 1 for a crossing, −1 for none, 0 for undecided.
    #[inline(always)]
    fn crossing(&self) -> (Lanes<S>, Lanes<S>, Lanes<S>) {
        let &Self { v, i, rest, above_rest, rate_mem, rate_syn, .. } = self;
        let (zero, one) = (v.constant(0.0), v.constant(1.0));
        let (lift, size) = (self.start - v, i + above_rest.abs());
        let is_common = v.lt(zero)
            & zero.lt(i)
            & zero.lt(lift)
            & rest.lt(v.constant(-SAFE_SIZES[0]))
            & size.lt(v.constant(SAFE_SIZES[1]));
        // What rests below the threshold and is drawn to below it stays there.
        let never = rest.lt(zero) & self.start.le(zero) & v.lt(zero);
        let start =
            At { residual: v, slope: lift * rate_mem, current: i, above: self.start, size: zero };
        let mut t = self.towards(&start);
        let mut slope = zero;
        let mut verdict = never.select(-one, zero);
        let mut is_open = is_common & verdict.le(zero) & (-one).lt(verdict);
        let rate = rate_mem.max(rate_syn);
        let mut is_near = zero.lt(zero);
        for _ in 0..MAX_EVALUATIONS {
            if !is_open.any() {
                break;
            }
            let at = self.at(t);
            let is_past = at.residual.lt(zero) & at.slope.le(zero);
            // Past its peak it falls for ever, as it rests below.
            let is_far = at.residual.lt(-(size * CERTAINLY_BELOW));
            let step = self.towards(&at);
            let next = t + step;
            let length = step.abs();
            // The way to the peak is slope/bend at least.
            let bend = (at.current * rate_syn + at.slope) * rate_mem;
            let is_last = length.le(next * LAST_STEP)
                & (length * rate).le(one * LAST_STEP)
                & (length * bend).le(at.slope * LAST_STEP);
            // The current after the last step, to fourth order.
            let decay = step * rate_syn;
            let lost = decay * (one - decay * 0.5 * (one - decay * (1.0 / 3.0)));
            let above = at.above - at.current * lost;
            let is_steep = (at.size * NEAR_GRAZING).lt(above);
            // The parabola's height above the threshold is less than that of the peak.
            let is_high = (bend * at.size * LOW_PEAK).lt(at.slope * at.slope);
            let is_rising = zero.lt(next) & zero.lt(at.slope);
            let is_found = is_open & is_last & is_rising & is_steep & is_high;
            is_near = is_near | (is_open & is_last & is_rising & !is_found);
            slope = is_found.select(above * rate_mem, slope);
            verdict = is_found.select(one, (is_open & is_past & is_far).select(-one, verdict));
            t = is_open.select(next, t);
            is_open = is_open & !(is_past | is_last);
        }
        if is_near.any() {
            let (exact, exact_slope, is_exact) = t.simd.vectorize(NearGrazing { rise: self, t });
            let is_found = is_near & is_exact;
            t = is_found.select(exact, t);
            slope = is_found.select(exact_slope, slope);
            verdict = is_found.select(one, verdict);
        }
        (t, slope, verdict)
    }

    #[inline(always)]
    fn at(&self, t: Lanes<S>) -> At<S> {
        let &Self { v, i, rest, start, above_rest, tau_mem, tau_syn, rate_mem, .. } = self;
        let (x, y) = (t / tau_mem, t / tau_syn);
        let (zero, one) = (t.constant(0.0), t.constant(1.0));
        let membrane_is_slower = x.le(y);
        let gap = (y - x).abs();
        let (down, down_m1) = (-gap).exp_and_exp_m1();
        let phi1 = zero.lt(gap).select(-(down_m1 / gap), one);
        let (hi, hi_m1) = (-x.min(y)).exp_and_exp_m1();
        let lo = hi * down;
        let (membrane, decay) =
            (membrane_is_slower.select(hi, lo), membrane_is_slower.select(lo, hi));
        let response = x * (hi * phi1) * i;
        // Early, the way from the start is small and known better than v; later, v itself is.
        let membrane_m1 = membrane_is_slower.select(hi_m1, hi_m1 * down + down_m1);
        let early = v + (above_rest * membrane_m1 + response);
        let late = rest + (above_rest * membrane + response);
        let current = decay * i;
        let decay_m1 = membrane_is_slower.select(hi_m1 * down + down_m1, hi_m1);
        let is_early = x.lt(x.constant(0.5));
        let residual = is_early.select(early, late);
        let above = is_early.select(start + i * decay_m1, current + rest);
        let way = x * (i + above_rest.abs()) + y * i;
        let size = is_early.select(way.min(i), current - rest);
        At { residual, slope: (above - residual) * rate_mem, current, above, size }
    }

    /// The step to where the parabola meets the threshold, corrected by the cubic; along the tangent, if the parabola does
    /// not meet it.
    #[inline(always)]
    fn towards(&self, at: &At<S>) -> Lanes<S> {
        let &At { residual, slope, current, .. } = at;
        let zero = slope.constant(0.0);
        // −v̈ and v⃛.
        let bend = (current * self.rate_syn + slope) * self.rate_mem;
        let third = (current * self.rate_syn * self.rate_syn + bend) * self.rate_mem;
        let discriminant = slope * slope + bend * residual * 2.0;
        // The parabola's slope where it meets the threshold.
        let there = discriminant.max(zero).sqrt();
        let step = -(residual * 2.0 / (slope + there));
        let rest = third * step * step;
        let corrected = step - step * rest / ((there + rest * 0.5) * 6.0);
        zero.lt(discriminant).select(corrected, -(residual / slope))
    }
}

/// From `t`, which is near a crossing that is near grazing: the crossing, its slope, and whether they are right to a
/// rounding or two of themselves.
///
/// One more step, of the third order, with the potential computed as
/// `rest + u e⁻ˣ + i a (e⁻ˣ − e⁻ʸ)`, u = v − rest, `a = τ_syn/(τ_mem − τ_syn)`, in double-double. A function of its own: most searches do without.
struct NearGrazing<'a, S: Simd> {
    rise: &'a Rise<S>,
    t: Lanes<S>,
}

impl<S: Simd> NullaryFnOnce for NearGrazing<'_, S> {
    type Output = (Lanes<S>, Lanes<S>, Mask<S>);
    #[inline(always)]
    fn call(self) -> Self::Output {
        let t = self.t;
        let &Rise { v, i, rest, above_rest, tau_mem, tau_syn, rate_mem, rate_syn, .. } = self.rise;
        let wide = DoubleDoubles::from;
        let x = DoubleDoubles::quotient(t, tau_mem.into());
        let y = DoubleDoubles::quotient(t, tau_syn.into());
        let (membrane, decay) = ((-x).exp(), (-y).exp());
        let are_equal = tau_mem.le(tau_syn) & tau_syn.le(tau_mem);
        let ratio = DoubleDoubles::quotient(tau_syn, DoubleDoubles::sum(tau_mem, -tau_syn));
        let apart = ratio * (membrane - decay);
        let equal = x * membrane;
        let response = equal.select(are_equal, apart);
        let current = wide(i) * decay;
        let left = DoubleDoubles::sum(v, -rest) * membrane;
        let residual = left + wide(i) * response + wide(rest);
        let above = (current + wide(rest) - residual).hi;
        let bend = (current.hi * rate_syn + above * rate_mem) * rate_mem;
        let slope = above * rate_mem;
        let step = -(residual.hi / slope);
        let share = step * bend / slope;
        let step = step * (share * 0.5 + 1.0);
        let loss = are_equal.select(t.constant(0.0), ratio.hi.abs()) + 1.0;
        let is_resolved = ((i * loss + above_rest.abs()) * RESOLVED).lt(above);
        let is_short = (step.abs() * share * share).le(t * LAST_SHARE);
        let is_in_range = x.hi.max(y.hi).le(t.constant(-UNDERFLOW));
        (t + step, slope - bend * step, is_resolved & is_short & is_in_range)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lif::by_bracket;
    use crate::{Lif, LifParameters, Neuron, Outlook, State};

    /// A block of equal neurons.
    fn search_block(neuron: &Lif<f64>, state: State<f64>) -> [Search; BLOCK] {
        let (mut numbers, mut found) = (Numbers::default(), [Search::Undecided; BLOCK]);
        numbers.set(&[*neuron; BLOCK]);
        let block = Block { v: [state.v; BLOCK], i: [state.i; BLOCK], ..Block::default() };
        search(&[block], &numbers, &mut found);
        found
    }

    /// Both searches end within some roundings of the potential: divided by the slope, that is the error of a time.
    const ROUNDINGS: f64 = 16.0 * f64::EPSILON;

    #[test]
    fn lanes_find_what_the_one_search_finds() {
        let (mut crossings, mut silent, mut undecided) = (0, 0, 0);
        for ratio in [4.0, 2.0, 1.0, 1.0 + 1e-9, 0.5, 0.05, 100.0, 1e3] {
            let neuron = Lif::new(LifParameters {
                tau_mem: ratio * 5.0,
                tau_syn: 5.0,
                v_th: 1.0,
                ..LifParameters::default()
            });
            for k in 0..4000 {
                let v = -2.0 + 2.999 * f64::from(k % 50) / 49.0;
                let i = 0.5 * 1.12f64.powi(k / 50);
                let found = search_block(&neuron, neuron.state(v, i));
                assert!(found.iter().all(|f| *f == found[0]));
                match (found[0], by_bracket(&neuron, neuron.state(v, i))) {
                    (Search::Undecided, _) => undecided += 1,
                    (Search::Silent, Outlook::Silent) => silent += 1,
                    (Search::Crossing { dt, slope }, Outlook::Crossing { dt: t, slope: s }) => {
                        crossings += 1;
                        let size = 1.0 + v.abs() + i;
                        assert!(
                            (dt - t).abs() <= ROUNDINGS * (t + size / s),
                            "{ratio} {v} {i}: {dt} {t}"
                        );
                        assert!(
                            (slope / s - 1.0).abs() <= 16.0 * ROUNDINGS * size,
                            "{ratio} {v} {i}: {slope} {s}"
                        );
                    }
                    (got, expected) => panic!("{ratio} {v} {i}: {got:?} {expected:?}"),
                }
            }
        }
        let counts = (crossings, silent, undecided);
        assert!(crossings > 10_000 && silent > 1000 && undecided < 2000, "{counts:?}");
    }

    /// Against 50 digits the lanes' times and slopes are off by 3 and 7 roundings, those of the search that is compared with by 4
    /// and 49: the sums, rounded up to powers of two.
    const TIME_ROUNDINGS: f64 = 8.0;
    const SLOPE_ROUNDINGS: f64 = 64.0;

    #[test]
    fn near_grazing_no_digit_is_lost() {
        // Time and slope, in roundings.
        let (mut found_in_lanes, mut worst) = (0, [0.0f64; 2]);
        for ratio in [4.0, 2.0, 1.0, 0.5, 0.05, 100.0] {
            for k in 0..400 {
                let (v, i) = (-0.5 + 0.01 * f64::from(k % 100), 1.5 + 0.02 * f64::from(k));
                let parameters = LifParameters {
                    tau_mem: ratio * 5.0,
                    tau_syn: 5.0,
                    ..LifParameters::default()
                };
                let course = Lif::integrator(parameters.into());
                let Some(peak) = course.next_maximum(State { v, i }) else { continue };
                let height = 10f64.powf(-1.0 - 6.0 * f64::from(k % 37) / 37.0);
                let v_th = course.flow(State { v, i }, peak).v * (1.0 - height);
                if v >= v_th {
                    continue;
                }
                let neuron = Lif::new(LifParameters { v_th, ..parameters });
                let found = search_block(&neuron, neuron.state(v, i));
                if let (Search::Crossing { dt, slope }, Outlook::Crossing { dt: t, slope: s }) =
                    (found[0], by_bracket(&neuron, neuron.state(v, i)))
                {
                    found_in_lanes += 1;
                    worst[0] = worst[0].max((dt / t - 1.0).abs() / f64::EPSILON);
                    worst[1] = worst[1].max((slope / s - 1.0).abs() / f64::EPSILON);
                }
            }
        }
        assert!(found_in_lanes > 2000, "{found_in_lanes}");
        assert!(worst[0] < TIME_ROUNDINGS && worst[1] < SLOPE_ROUNDINGS, "{worst:?}");
    }
}
