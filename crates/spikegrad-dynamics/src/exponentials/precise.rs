//! The course in double-double arithmetic: how high a peak is above the threshold where that almost vanishes, and where exactly it is crossed.
//!
//! Not here: which rise is searched (`crossing.rs`).

use super::crossing::Ahead;
use super::{Course, ROUNDING};
use crate::double_double::DoubleDouble;
use crate::lif::root::MAX_SEARCH;

/// What is less than this share of the time changes no bit of it.
const DONE: f64 = f64::EPSILON / 256.0;

/// A number, and the sizes of the terms that it is the sum of.
#[derive(Clone, Copy)]
pub(super) struct Sized {
    pub(super) value: DoubleDouble,
    pub(super) size: f64,
}

impl Course<'_> {
    /// u after `t`, in units of [`Self::decay`].
    pub(super) fn precise_height(&self, t: DoubleDouble) -> Sized {
        let [height, rest, tau_mem, decay] =
            [self.height, self.rest, self.tau_mem, self.decay(t.to_f64())].map(DoubleDouble::from);
        let x = t / tau_mem;
        let membrane = (decay - x).exp();
        let parts = [height * membrane, rest * (x * x.phi1())];
        let mut sum = Sized { value: parts[0] + parts[1], size: parts.map(size).iter().sum() };
        for current in self.currents {
            let y = t / DoubleDouble::from(current.tau);
            let gap = y - x;
            let (slow, gap) =
                if gap.to_f64() >= 0.0 { (membrane, gap) } else { ((decay - y).exp(), -gap) };
            let part = x * slow * gap.phi1() * DoubleDouble::from(current.size);
            sum = Sized { value: sum.value + part, size: sum.size + size(part) };
        }
        sum
    }

    /// The drive after `t`, and its derivative.
    pub(super) fn precise_drive(&self, t: DoubleDouble) -> (DoubleDouble, f64) {
        self.drive_in_units(t, 0.0)
    }

    /// The same in units of `e^(−decay)`.
    fn drive_in_units(&self, t: DoubleDouble, decay: f64) -> (DoubleDouble, f64) {
        let mut drive = (DoubleDouble::from(self.rest), 0.0);
        for current in self.currents {
            let exponent = DoubleDouble::from(decay) - t / DoubleDouble::from(current.tau);
            let part = DoubleDouble::from(current.size) * exponent.exp();
            drive = (drive.0 + part, drive.1 - part.to_f64() / current.tau);
        }
        drive
    }

    /// The zero of the drive near `t`, to more digits than a double has: an error of it enters the height there squared.
    pub(super) fn precise_peak(&self, t: f64) -> DoubleDouble {
        let mut time = DoubleDouble::from(t);
        for _ in 0..2 {
            let (drive, rate) = self.drive_in_units(time, self.decay(time.to_f64()));
            let step = drive.to_f64() / rate;
            // Where the drive hardly changes its sign a step leads anywhere, and the height does not depend on it.
            if step.abs() < t * f64::EPSILON.sqrt() {
                time -= DoubleDouble::from(step);
            }
        }
        time
    }

    /// One step of Newton's method for u from `t`, u there, and what the step leaves of the way at most. The rate is that of doubles: it only decides how fast the steps
    /// get shorter.
    fn step(&self, t: DoubleDouble) -> (f64, f64, f64) {
        let height = self.precise_height(t).value.to_f64();
        let Ahead { drive, drive_size, bend, .. } = self.after(t.to_f64());
        let lift = drive - height;
        let step = -height * self.tau_mem / lift;
        let of_rate = ROUNDING * (drive_size + height.abs()) / lift;
        let of_bend = step * (bend - lift / self.tau_mem) / lift;
        (step, height, step.abs() * (of_rate.abs() + of_bend.abs()))
    }

    /// How long before a peak of this height u is zero, as far as a parabola goes.
    pub(super) fn way_back(&self, peak: DoubleDouble, height: f64) -> f64 {
        let (_, bend) = self.drive_in_units(peak, self.decay(peak.to_f64()));
        (2.0 * height * self.tau_mem / -bend).sqrt()
    }

    /// The zero of u between `from`, where it is negative, and `until`, where it is not, by Newton's method from `guess`: to a rounding of
    /// the time, and of the way to `until`.
    pub(super) fn precise_zero(
        &self,
        from: f64,
        until: DoubleDouble,
        guess: DoubleDouble,
    ) -> DoubleDouble {
        let (mut low, mut high) = (DoubleDouble::from(from), until);
        let half = DoubleDouble::from(0.5);
        let is_within = |t: DoubleDouble, low: DoubleDouble, high: DoubleDouble| {
            (t - low).to_f64() > 0.0 && (high - t).to_f64() > 0.0
        };
        let mut t = if is_within(guess, low, high) { guess } else { (low + high) * half };
        for _ in 0..MAX_SEARCH {
            let (step, height, left) = self.step(t);
            if height == 0.0 {
                return t;
            }
            if height < 0.0 {
                low = t;
            } else {
                high = t;
            }
            let next = t + DoubleDouble::from(step);
            let scale = t.to_f64().min((until - t).to_f64());
            if left <= DONE * scale && (is_within(next, low, high) || step.abs() <= DONE * scale) {
                return next;
            }
            let next = if is_within(next, low, high) { next } else { (low + high) * half };
            if !is_within(next, low, high) {
                return high;
            }
            t = next;
        }
        t
    }
}

fn size(x: DoubleDouble) -> f64 {
    x.to_f64().abs()
}
