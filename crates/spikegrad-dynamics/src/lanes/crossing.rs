//! First threshold crossings of many neurons at once, for the common case: a current that lifts v from below the threshold,
//! and a resting value that lies below it, too.
//!
//! The derivatives of such a rise alternate in sign. So a step along the **tangent** stays short of the crossing, and a step
//! to where the **parabola** meets the threshold short of the peak; corrected towards the cubic, it converges with
//! the fourth order, and two evaluations are the rule (docs/mathematics.md, eq. 16a). Where the start does not tell where the threshold is met, the peak is asked
//! first, which also says who stays below. Near grazing one more step is taken in
//! double-double arithmetic (eq. 16b). Whoever is not decided here is left to the one search that decides everything
//! (`lif/crossing.rs`), so that no spike is gained or lost for speed.
//!
//! Not here: how neurons are gathered for it (`search.rs`), and which are worth a search (`spikegrad_simulate`).

use super::search::Search;
use super::silence::SilentWithin;
use super::{BLOCK, Lanes, Mask};
use crate::lif::bounds::{positive, sum};
use pulp::Simd;

/// Neurons that are left alone, and all that their motion depends on.
#[derive(Clone, Copy)]
pub(super) struct Neurons<S: Simd, const K: usize> {
    /// Potential above the threshold.
    pub(super) v: Lanes<S>,
    pub(super) i: [Lanes<S>; K],
    /// Above the threshold.
    pub(super) rest: Lanes<S>,
    /// In seconds.
    pub(super) tau_mem: Lanes<S>,
    pub(super) tau_syn: [Lanes<S>; K],
}

/// What was found side by side.
#[derive(Clone, Copy)]
pub(super) struct Found<S: Simd> {
    /// Time to the crossing, in seconds; of who is near grazing, about.
    pub(super) dt: Lanes<S>,
    /// dV/dt there, per second.
    pub(super) slope: Lanes<S>,
    /// 1 for a crossing, −1 for none, 0 for undecided.
    pub(super) verdict: Lanes<S>,
    /// Who is undecided because more digits are needed.
    pub(super) is_near: Mask<S>,
}

impl<S: Simd> Found<S> {
    /// What is found of each lane; the register may be narrower than a block.
    #[inline(always)]
    pub(super) fn of_lanes(&self) -> [Search; BLOCK] {
        let (dt, slope, verdict) = (self.dt.values(), self.slope.values(), self.verdict.values());
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
}

/// Where the slope is less than this share of what was rounded, it is measured with more digits.
const NEAR_GRAZING: f64 = 1.0 / 8.0;

/// Where the peak rises less above the threshold than half this share of what was rounded, it is measured with more digits.
const LOW_PEAK: f64 = 1.0 / 16.0;

/// A potential that turns this share of its size below the threshold stays there, whatever the rounding.
pub(super) const CERTAINLY_BELOW: f64 = 1e-10;

/// A step is a series in its own length where it bends the slope by less than this share: what the series leaves out is of the error's order.
const SHORT_STEP: f64 = 0.25;

/// A step shorter than this share of the time, of both time constants and of the way to the peak leaves an error of its
/// fourth power: nothing.
const LAST_STEP: f64 = 1e-4;

/// Evaluations before a lane is given up; convergence is of fourth order.
const MAX_EVALUATIONS: usize = 12;

/// Sizes at which no product of two potentials, also with rates, leaves the range of a double.
const SAFE_SIZES: [f64; 2] = [1e-100, 1e100];

/// A rise of the potential, in units of each neuron's `τ_mem`: so that a length has to be divided by no time constant.
pub(super) struct Rise<S: Simd, const K: usize> {
    pub(super) of: Neurons<S, K>,
    /// The currents above the threshold, at the start.
    pub(super) start: Lanes<S>,
    /// The potential above its resting value, at the start.
    pub(super) above_rest: Lanes<S>,
    /// Of all currents and of the potential at the start.
    pub(super) size: Lanes<S>,
    /// `τ_mem/τ_syn`.
    pub(super) ratio: [Lanes<S>; K],
    /// `|τ_mem/τ_syn − 1|`, and the current divided by it.
    pub(super) gap: [Lanes<S>; K],
    lead: [Lanes<S>; K],
}

/// The motion at a time.
pub(super) struct At<S: Simd, const K: usize> {
    /// Potential above the threshold.
    pub(super) residual: Lanes<S>,
    /// In `τ_mem`.
    pub(super) slope: Lanes<S>,
    pub(super) current: [Lanes<S>; K],
    /// Currents above the threshold.
    pub(super) above: Lanes<S>,
    /// The size of what was rounded: of the way from the start, if that is short.
    pub(super) size: Lanes<S>,
}

impl<S: Simd, const K: usize> Rise<S, K> {
    #[inline(always)]
    pub(super) fn new(of: Neurons<S, K>) -> Self {
        let Neurons { v, i, rest, tau_mem, tau_syn } = of;
        let one = v.constant(1.0);
        let (mut ratio, mut gap, mut lead) = ([one; K], [one; K], i);
        for k in 0..K {
            ratio[k] = tau_mem / tau_syn[k];
            gap[k] = (ratio[k] - one).abs();
            lead[k] = i[k] / gap[k];
        }
        let (start, sizes) = (
            sum::<S, K>(
                #[inline(always)]
                |k| i[k],
            ) + rest,
            sum::<S, K>(
                #[inline(always)]
                |k| size::<S, K>(i[k]),
            ),
        );
        let above_rest = v - rest;
        Self { of, start, above_rest, size: sizes + above_rest.abs(), ratio, gap, lead }
    }

    /// Finds the next crossing; with several currents, if it is within a length in seconds.
    #[inline(always)]
    pub(super) fn search(self, horizon: Lanes<S>) -> Found<S> {
        let mut hunt = Hunt::new(self, horizon);
        for _ in 0..MAX_EVALUATIONS {
            if !hunt.is_open.any() {
                break;
            }
            hunt.go_on();
        }
        hunt.end()
    }

    /// The same for two registers side by side: one is worked on while the other waits for its quotients.
    #[inline(always)]
    pub(super) fn search_two(rises: [Self; 2], horizons: [Lanes<S>; 2]) -> [Found<S>; 2] {
        let [first, second] = rises;
        let mut first = Hunt::new(first, horizons[0]);
        let mut second = Hunt::new(second, horizons[1]);
        for _ in 0..MAX_EVALUATIONS {
            if !(first.is_open | second.is_open).any() {
                break;
            }
            first.go_on();
            second.go_on();
        }
        [first.end(), second.end()]
    }

    /// −v̈.
    #[inline(always)]
    fn bend(&self, at: &At<S, K>) -> Lanes<S> {
        sum::<S, K>(
            #[inline(always)]
            |k| at.current[k] * self.ratio[k],
        ) + at.slope
    }

    /// v⃛.
    #[inline(always)]
    fn third(&self, at: &At<S, K>, bend: Lanes<S>) -> Lanes<S> {
        sum::<S, K>(
            #[inline(always)]
            |k| at.current[k] * self.ratio[k] * self.ratio[k],
        ) + bend
    }

    /// Whether what draws the potential is surely positive up to a time: then it is the first crossing that is found there.
    #[inline(always)]
    fn rises_once(&self, at: &At<S, K>) -> Mask<S> {
        let Neurons { i, rest, .. } = self.of;
        let least = sum::<S, K>(
            #[inline(always)]
            |k| i[k].lower(at.current[k]),
        );
        let negative = sum::<S, K>(
            #[inline(always)]
            |k| i[k].lower(rest.constant(0.0)),
        );
        let zero = negative.constant(0.0);
        zero.le(negative) | zero.lt(least + rest)
    }

    /// Whether what draws the potential is positive at a time.
    #[inline(always)]
    pub(super) fn draws_up(&self, x: Lanes<S>) -> Mask<S> {
        let currents = sum::<S, K>(
            #[inline(always)]
            |k| self.of.i[k] * (-(x * self.ratio[k])).exp(),
        );
        x.constant(0.0).lt(currents + self.of.rest)
    }

    #[inline(always)]
    pub(super) fn at(&self, x: Lanes<S>) -> At<S, K> {
        let &Self { of: Neurons { v, i, rest, .. }, start, above_rest, .. } = self;
        let (zero, one) = (x.constant(0.0), x.constant(1.0));
        let is_early = x.lt(x.constant(0.5));
        let (mut current, mut membrane, mut membrane_m1) = (i, zero, zero);
        let (mut response, mut lost, mut left, mut faded, mut sizes) =
            (zero, zero, zero, zero, zero);
        for k in 0..K {
            let y = x * self.ratio[k];
            let membrane_is_slower = one.le(self.ratio[k]);
            let (down, down_m1) = (-(x * self.gap[k])).exp_and_exp_m1();
            let (hi, hi_m1) = (-x.min(y)).exp_and_exp_m1();
            let lo = hi * down;
            let lo_m1 = hi_m1 * down + down_m1;
            if k == 0 {
                membrane = membrane_is_slower.select(hi, lo);
                membrane_m1 = membrane_is_slower.select(hi_m1, lo_m1);
            }
            let decay = membrane_is_slower.select(lo, hi);
            let decay_m1 = membrane_is_slower.select(lo_m1, hi_m1);
            current[k] = decay * i[k];
            // With equal time constants the quotient is the length.
            let excited = zero.lt(self.gap[k]).select(-(down_m1 * self.lead[k]), x * i[k]);
            let size = size::<S, K>(i[k]);
            let parts = [hi * excited, i[k] * decay_m1, current[k], y * size, size];
            if k == 0 {
                [response, lost, left, faded, sizes] = parts;
            } else {
                response = response + parts[0];
                lost = lost + parts[1];
                left = left + parts[2];
                faded = faded + parts[3];
                sizes = sizes + parts[4];
            }
        }
        // Early, the way from the start is small and known better than v; later, v itself is.
        let early = v + (above_rest * membrane_m1 + response);
        let late = rest + (above_rest * membrane + response);
        let residual = is_early.select(early, late);
        let above = is_early.select(start + lost, left + rest);
        let way = x * self.size + faded;
        let left = if K == 1 {
            left
        } else {
            sum::<S, K>(
                #[inline(always)]
                |k| current[k].abs(),
            )
        };
        let size = is_early.select(way.min(sizes), left - rest);
        At { residual, slope: above - residual, current, above, size }
    }

    /// The step to where the cubic meets the threshold; `is_open` says of whom it matters.
    #[inline(always)]
    fn step(&self, at: &At<S, K>, is_open: Mask<S>) -> Lanes<S> {
        let &At { residual, slope, .. } = at;
        let one = slope.constant(1.0);
        let bend = self.bend(at);
        let inverse = one / slope;
        // Along the tangent, and what parabola and cubic change of it.
        let along = -(residual * inverse);
        let by_parabola = bend * inverse * along;
        let by_cubic = self.third(at, bend) * inverse * along * along;
        let correction = by_parabola * (one + by_parabola) * 0.5 - by_cubic * (1.0 / 6.0);
        let step = along + along * correction;
        let most = slope.constant(SHORT_STEP);
        let is_short = by_parabola.abs().lt(most) & by_cubic.abs().lt(most);
        if (is_open & !is_short).any() { is_short.select(step, self.far_step(at)) } else { step }
    }

    /// The step to where the parabola meets the threshold, corrected by the cubic; along the tangent, if the parabola does
    /// not meet it. It never passes the crossing.
    #[inline(always)]
    fn far_step(&self, at: &At<S, K>) -> Lanes<S> {
        let &At { residual, slope, .. } = at;
        let zero = slope.constant(0.0);
        let bend = self.bend(at);
        let discriminant = slope * slope + bend * residual * 2.0;
        // The parabola's slope where it meets the threshold.
        let there = discriminant.max(zero).sqrt();
        let step = -(residual * 2.0 / (slope + there));
        let rest = self.third(at, bend) * step * step;
        let corrected = step - step * rest / ((there + rest * 0.5) * 6.0);
        // Under currents of both signs the cubic may be anything: what it corrects by more than a third would pass for a last step.
        let step = if K == 1 { corrected } else { rest.abs().le(there).select(corrected, step) };
        zero.lt(discriminant).select(step, -(residual / slope))
    }
}

/// A search under way.
struct Hunt<S: Simd, const K: usize> {
    rise: Rise<S, K>,
    /// Nothing after it is of interest, under several currents; in `τ_mem`.
    horizon: Lanes<S>,
    /// The largest of the rates at which something decays.
    rate: Lanes<S>,
    x: Lanes<S>,
    /// Where the last step started, and its length.
    from: Lanes<S>,
    last: Lanes<S>,
    /// The currents above the threshold at the crossing.
    above: Lanes<S>,
    verdict: Lanes<S>,
    is_open: Mask<S>,
    is_near: Mask<S>,
}

impl<S: Simd, const K: usize> Hunt<S, K> {
    #[inline(always)]
    fn new(rise: Rise<S, K>, horizon: Lanes<S>) -> Self {
        let Rise { of: Neurons { v, i, rest, tau_mem, .. }, start, size, ratio, .. } = rise;
        let (zero, one) = (v.constant(0.0), v.constant(1.0));
        let lift = start - v;
        // What draws the potential is positive now and, as it rests below, not for ever: under one current or two it changes its sign once.
        let draws = if K == 1 { zero.lt(i[0]) } else { zero.lt(start) };
        let is_common = v.lt(zero)
            & draws
            & zero.lt(lift)
            & rest.lt(v.constant(-SAFE_SIZES[0]))
            & size.lt(v.constant(SAFE_SIZES[1]));
        // What rests below the threshold and is drawn to below it stays there. A negative current only lowers what it draws.
        let drawn = if K == 1 { start } else { positive(&i) + rest };
        let never = rest.lt(zero) & drawn.le(zero) & v.lt(zero);
        let horizon = if K == 1 { horizon } else { horizon / tau_mem };
        let mut x =
            rise.far_step(&At { residual: v, slope: lift, current: i, above: start, size: zero });
        let mut verdict = never.select(-one, zero);
        let mut is_open = is_common & !never;
        if K == 1 {
            let is_doubtful = is_open & rise.is_doubtful();
            if is_doubtful.any() {
                let peak = rise.peak();
                let is_below = is_doubtful & peak.is_below;
                verdict = is_below.select(-one, verdict);
                is_open = is_open & !is_below;
                x = (is_doubtful & peak.is_above).select(peak.about, x);
            }
        }
        if K > 1 {
            is_open = is_open & x.le(horizon);
        }
        let mut rate = one;
        for k in 0..K {
            rate = rate.max(ratio[k]);
        }
        let is_near = zero.lt(zero);
        Self { rise, horizon, rate, x, from: x, last: zero, above: zero, verdict, is_open, is_near }
    }

    /// Takes a step.
    #[inline(always)]
    fn go_on(&mut self) {
        let &mut Self { ref rise, horizon, rate, x, is_open, .. } = self;
        let (zero, one) = (x.constant(0.0), x.constant(1.0));
        let at = rise.at(x);
        let is_past = at.residual.lt(zero) & at.slope.le(zero);
        // Past its peak it falls for ever, as it rests below.
        let is_far = at.residual.lt(-(rise.size * CERTAINLY_BELOW));
        let step = rise.step(&at, is_open & !is_past);
        let next = x + step;
        let length = step.abs();
        // The way to the peak is slope/bend at least.
        let bend = rise.bend(&at);
        let turns = if K == 1 { bend } else { bend.abs() };
        let is_last = length.le(next * LAST_STEP)
            & (length * rate).le(one * LAST_STEP)
            & (length * turns).le(at.slope * LAST_STEP);
        // The current after the last step, to fourth order.
        let lost = sum::<S, K>(
            #[inline(always)]
            |k| {
                let decay = step * rise.ratio[k];
                let share = decay * (one - decay * 0.5 * (one - decay * (1.0 / 3.0)));
                at.current[k] * share
            },
        );
        let after = at.above - lost;
        let is_steep = (at.size * NEAR_GRAZING).lt(after);
        // The parabola's height above the threshold is less than that of the peak.
        let is_high = (bend * at.size * LOW_PEAK).lt(at.slope * at.slope);
        let mut is_rising = zero.lt(next) & zero.lt(at.slope);
        if K > 2 {
            is_rising = is_rising & rise.rises_once(&at);
        }
        let is_found = is_open & is_last & is_rising & is_steep & is_high;
        self.is_near = self.is_near | (is_open & is_last & is_rising & !is_found);
        self.above = is_found.select(after, self.above);
        // Under several currents a step may have passed the whole peak.
        let is_below = if K == 1 { is_open & is_past & is_far } else { zero.lt(zero) };
        self.verdict = is_found.select(one, is_below.select(-one, self.verdict));
        self.last = is_open.select(step, self.last);
        self.from = is_open.select(x, self.from);
        self.x = is_open.select(next, x);
        self.is_open = is_open & !(is_past | is_last);
        if K > 1 {
            self.is_open = self.is_open & zero.lt(next) & next.le(horizon);
        }
    }

    /// What has been found.
    #[inline(always)]
    fn end(self) -> Found<S> {
        let Self { rise, horizon, from, last, above, mut verdict, is_near, .. } = self;
        let Neurons { v, tau_mem, .. } = rise.of;
        if K > 1 {
            let (zero, one) = (v.constant(0.0), v.constant(1.0));
            let is_left = v.lt(zero) & !is_near & verdict.le(zero) & (-one).lt(verdict);
            if is_left.any() {
                let is_silent = v.simd.vectorize(SilentWithin { rise: &rise, horizon });
                verdict = (is_left & is_silent).select(-one, verdict);
            }
        }
        // In seconds, rounded as one number: what the product loses is added to the step.
        let start = from * tau_mem;
        let lost = from.mul_add(tau_mem, -start);
        Found { dt: start + (last * tau_mem + lost), slope: above / tau_mem, verdict, is_near }
    }
}

/// The size of a current: one alone is searched only if it is positive.
#[inline(always)]
pub(super) fn size<S: Simd, const K: usize>(current: Lanes<S>) -> Lanes<S> {
    if K == 1 { current } else { current.abs() }
}

#[cfg(test)]
mod tests {
    use super::super::columns::Block;
    use super::super::search::search;
    use super::super::{BLOCK, Numbers};
    use super::*;
    use crate::lif::by_bracket;
    use crate::{Lif, LifParameters, Neuron, Outlook, State};

    /// A block of equal neurons.
    fn search_block(neuron: &Lif<f64>, state: State<f64>) -> [Search; BLOCK] {
        let (mut numbers, mut found) = (Numbers::<1>::default(), [Search::Undecided; BLOCK]);
        numbers.set(&[(*neuron).into(); BLOCK]);
        let block = Block { v: [state.v; BLOCK], i: [[state.i; BLOCK]], ..Block::default() };
        search(&[block], &numbers, &[0.0; BLOCK], &mut found);
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
