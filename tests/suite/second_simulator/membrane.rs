//! The potential of one neuron between its events, in closed form, and its next crossing.
//!
//! With `G(t) = e^(t/τ)`, and two numbers a and c that nothing but an event changes,
//!
//! ```text
//! I(t) = c/G_s(t)      V(t) = rest + a/G_m(t) + c k/G_s(t),  k = τ_s/(τ_s − τ_m)
//!                      V(t) = rest + (a + c t/τ)/G(t)        where τ_m = τ_s = τ
//! ```
//!
//! V − rest is a sum of two exponentials, so that V has at most one stationary point, of which the time is a logarithm. On either side of it V
//! is monotone, and the signs of `V − v_th` at the ends of a stretch say whether it crosses there: no crossing can be missed.
//!
//! Not here: when something happens (`simulator.rs`), how far doubles may be off (`rounding.rs`).

use super::document::Neuron;
use super::number::Number;
use super::rounding::{Drive, State};

/// A root is found if it moves by less than this share: half of the digits of a number are right then, and a last step rights all.
const RESOLVED: f64 = 1e-70;

/// A peak that is lower than this share of the potentials below the threshold is not of interest.
const FAR: f64 = 1e-6;

/// A time, and what the exponentials of a neuron have grown to by then.
#[derive(Clone, Debug)]
pub(crate) struct Point {
    pub(crate) time: Number,
    pub(crate) mem: Number,
    pub(crate) syn: Number,
}

/// The constants of a neuron.
#[derive(Clone, Debug)]
pub(crate) struct Membrane {
    tau_mem: Number,
    tau_syn: Number,
    rest: Number,
    /// Rest above threshold.
    above: Number,
    /// k, unless the time constants are equal.
    share: Option<Number>,
    /// The same in doubles.
    pub(crate) drive: Drive,
}

/// a and c.
#[derive(Clone, Debug)]
pub(crate) struct Motion {
    membrane: Number,
    current: Number,
}

/// What a neuron that is left alone will do.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outlook {
    /// Where it crosses its threshold from below.
    pub(crate) crossing: Option<Point>,
    /// Its maximum, if it has one ahead, and how far that lies above the threshold.
    pub(crate) peak: Option<(Point, f64)>,
}

impl Membrane {
    pub(crate) fn new(neuron: &Neuron, v_th: f64) -> Self {
        let [tau_mem, tau_syn] = [neuron.tau_mem, neuron.tau_syn].map(Number::from);
        let rest = Number::from(neuron.v_leak) + Number::from(neuron.i_bias);
        let above = &rest - &Number::from(v_th);
        let gap = &tau_syn - &tau_mem;
        let share = (gap != Number::zero()).then(|| &tau_syn / &gap);
        let drive =
            Drive { tau_mem: neuron.tau_mem, tau_syn: neuron.tau_syn, above: above.to_f64() };
        Self { tau_mem, tau_syn, rest, above, share, drive }
    }

    pub(crate) fn point(&self, time: Number) -> Point {
        let mem = (&time / &self.tau_mem).exp();
        let syn = if self.share.is_none() { mem.clone() } else { (&time / &self.tau_syn).exp() };
        Point { time, mem, syn }
    }

    /// A state in which nothing flows yet, with this current at time 0.
    pub(crate) fn motion(current: f64) -> Motion {
        Motion { membrane: Number::zero(), current: Number::from(current) }
    }

    /// What c contributes to `(V − rest) G_m`.
    fn carried(&self, c: &Number, at: &Point) -> Number {
        match &self.share {
            Some(share) => c * &(share * &(&at.mem / &at.syn)),
            None => c * &(&at.time / &self.tau_mem),
        }
    }

    /// Sets the potential.
    pub(crate) fn start(&self, motion: &mut Motion, v: &Number, at: &Point) {
        motion.membrane = &(v - &self.rest) * &at.mem - self.carried(&motion.current, at);
    }

    /// Adds a weight to the current; the potential goes on from what it is.
    pub(crate) fn receive(&self, motion: &mut Motion, weight: &Number, at: &Point) {
        let more = weight * &at.syn;
        motion.membrane = &motion.membrane - &self.carried(&more, at);
        motion.current = &motion.current + &more;
    }

    pub(crate) fn current(&self, motion: &Motion, at: &Point) -> Number {
        &motion.current / &at.syn
    }

    /// V − rest.
    fn deviation(&self, motion: &Motion, at: &Point) -> Number {
        (&motion.membrane + &self.carried(&motion.current, at)) / &at.mem
    }

    /// `V − v_th`.
    pub(crate) fn above(&self, motion: &Motion, at: &Point) -> Number {
        &self.above + &self.deviation(motion, at)
    }

    /// dV/dt.
    pub(crate) fn rate(&self, motion: &Motion, at: &Point) -> Number {
        (self.current(motion, at) - self.deviation(motion, at)) / &self.tau_mem
    }

    /// The state in doubles.
    pub(crate) fn state(&self, motion: &Motion, at: &Point) -> State {
        let gap = -self.above(motion, at);
        State { gap: gap.to_f64(), current: self.current(motion, at).to_f64() }
    }

    /// Time of the stationary point, wherever it lies.
    fn stationary(&self, motion: &Motion) -> Option<Number> {
        let Motion { membrane: a, current: c } = motion;
        if *c == Number::zero() {
            return None;
        }
        let Some(share) = &self.share else {
            return Some(&self.tau_mem * &(Number::one() - a / c));
        };
        // V̇ = 0 where G_s/G_m = −c k τ_m/(a τ_s).
        let numerator = -(&(c * share) * &self.tau_mem);
        let denominator = a * &self.tau_syn;
        if denominator == Number::zero() {
            return None;
        }
        let ratio = numerator / &denominator;
        let rate = Number::one() / &self.tau_syn - Number::one() / &self.tau_mem;
        (ratio > Number::zero()).then(|| ratio.ln() / &rate)
    }

    /// What happens between `from` and `end` if nothing arrives.
    pub(crate) fn outlook(&self, motion: &Motion, from: &Point, end: &Point) -> Outlook {
        let state = self.state(motion, from);
        let scale = state.gap.abs() + state.current.abs() + self.drive.above.abs();
        // V never exceeds both its start and what it is drawn to.
        let highest = (-state.gap).max(self.drive.above + state.current.max(0.0));
        if highest < -FAR * scale || from.time >= end.time {
            return Outlook::default();
        }
        let inside = |time: &Number| *time > from.time && *time < end.time;
        let turn = self.stationary(motion).filter(inside).map(|time| self.point(time));
        let mut outlook = Outlook::default();
        if let Some(turn) = &turn
            && motion.current > Number::zero()
        {
            outlook.peak = Some((turn.clone(), self.above(motion, turn).to_f64()));
        }
        let ends: Vec<&Point> = [from].into_iter().chain(&turn).chain([end]).collect();
        outlook.crossing =
            ends.windows(2).find_map(|pair| self.crossing(motion, pair[0], pair[1], scale));
        outlook
    }

    /// The crossing of a stretch on which V is monotone.
    fn crossing(&self, motion: &Motion, low: &Point, high: &Point, scale: f64) -> Option<Point> {
        let [before, after] = [low, high].map(|end| self.above(motion, end));
        if after <= before {
            return None;
        }
        match (before.sign(scale), after.sign(scale)) {
            (-1, 1) => Some(self.root(motion, low, high)),
            // It has been there since a moment ago, and goes on.
            (0 | 1, 1) => Some(low.clone()),
            _ => None,
        }
    }

    /// Newton's method between a time below the threshold and one above it, bisecting where it leaves them.
    fn root(&self, motion: &Motion, low: &Point, high: &Point) -> Point {
        let length = (&high.time - &low.time).to_f64();
        let guess = self.drive.crossing(self.state(motion, low), length);
        let (start, end) = (low, high);
        let (mut low, mut high) = (start.time.clone(), end.time.clone());
        let half = Number::from(0.5);
        let mut time = &low + &Number::from(guess);
        for _ in 0..2000 {
            if time <= low || time >= high {
                time = &(&low + &high) * &half;
            }
            let at = self.point(time.clone());
            let above = self.above(motion, &at);
            let step = &above / &self.rate(motion, &at);
            let next = &time - &step;
            if step.abs() <= &(&time - &start.time) * &Number::from(RESOLVED) {
                return self.point(next);
            }
            if above > Number::zero() {
                high = time;
            } else {
                low = time;
            }
            time = next;
        }
        panic!("no root between {:e} and {:e}", start.time.to_f64(), end.time.to_f64());
    }
}
