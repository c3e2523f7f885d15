//! The first crossing of a course, rise by rise.
//!
//! Not here: where the drive changes its sign, between which a rise lies (`sum.rs`).

use super::precise::Sized;
use super::sum::Sum;
use super::{Course, Current};
use crate::double_double::DoubleDouble;
use crate::lif::root::{Step, search};
use crate::math::{exp, exp_m1};
use crate::{Outlook, exp_divided};

/// A height is computed in `f64` with an error of a few hundred roundings at most: where it is smaller than this share of its terms, it is
/// computed again, in double-double.
const UNCERTAIN: f64 = 1e-10;

/// Relative error of a height in double-double arithmetic: a few roundings of it times the condition of the exponentials. What is nearer than this
/// share of its terms touches.
const TOUCH: f64 = 1e-29;

impl Course<'_> {
    /// Whether and when u crosses zero next, from below.
    ///
    /// A height above zero is one that rounding has brought there: it counts as zero. A touch is reported where no crossing follows.
    pub(crate) fn first_crossing(&self) -> Outlook<f64> {
        let course = Self { height: self.height.min(0.0), ..*self };
        let drive = Sum::of(self.rest, self.currents);
        let signs = drive.signs();
        if course.height == 0.0 && signs.starts_positive {
            let slope = self.precise_drive(DoubleDouble::from(0.0)).0.to_f64() / self.tau_mem;
            return Outlook::Crossing { dt: 0.0, slope };
        }
        let (mut from, mut rises, mut touch) = (0.0, signs.starts_positive, None);
        for &until in signs.changes().iter().chain(&[f64::INFINITY]) {
            let ahead = if rises { course.on_rise(from, until) } else { Outlook::Silent };
            match ahead {
                Outlook::Crossing { .. } => return ahead,
                Outlook::Touch { dt } => touch = touch.or(Some(dt)),
                Outlook::Silent => {}
            }
            (from, rises) = (until, !rises);
        }
        touch.map_or(Outlook::Silent, |dt| Outlook::Touch { dt })
    }

    /// Seconds to the next crossing.
    pub(crate) fn next_spike(&self) -> Option<f64> {
        match self.first_crossing() {
            Outlook::Crossing { dt, .. } => Some(dt),
            Outlook::Silent | Outlook::Touch { .. } => None,
        }
    }

    /// The drive is positive from `from` to `until`; u is negative at first.
    fn on_rise(&self, from: f64, until: f64) -> Outlook<f64> {
        if until.is_infinite() {
            return match self.above_after(from) {
                Some(until) => self.between(from, until),
                None => Outlook::Silent,
            };
        }
        let (height, size) = self.height_after(until);
        if height > UNCERTAIN * size {
            return self.between(from, until);
        }
        if height < -UNCERTAIN * size {
            return Outlook::Silent;
        }
        let peak = self.precise_peak(until);
        let Sized { value, size } = self.precise_height(peak);
        let height = value.to_f64();
        if height.abs() <= TOUCH * size {
            return Outlook::Touch { dt: until };
        }
        if height < 0.0 {
            return Outlook::Silent;
        }
        let guess = peak - DoubleDouble::from(self.way_back(peak, height));
        self.crossing(self.precise_zero(from, peak, guess))
    }

    /// A time after `from` at which u is certainly positive, for a drive that stays so; `None` if all has decayed before.
    fn above_after(&self, from: f64) -> Option<f64> {
        let mut length = self.tau_mem;
        loop {
            let until = from + length;
            let (height, size) = self.height_after(until);
            if height > UNCERTAIN * size {
                return Some(until);
            }
            if size == 0.0 || !until.is_finite() {
                return None;
            }
            length *= 2.0;
        }
    }

    /// The crossing on a rise from below zero to well above it.
    fn between(&self, from: f64, until: f64) -> Outlook<f64> {
        let evaluate = |t: f64| {
            let (height, _) = self.height_after(t);
            Step { residual: height, newton: -height / self.rate_after(t, height) }
        };
        let found = search(from, until, from + evaluate(from).newton, evaluate);
        self.crossing(self.precise_zero(from, until.into(), found.into()))
    }

    fn crossing(&self, t: DoubleDouble) -> Outlook<f64> {
        let slope = self.precise_drive(t).0.to_f64() / self.tau_mem;
        Outlook::Crossing { dt: t.to_f64(), slope }
    }

    /// u after `t`, and the sizes of the terms that it is the sum of.
    pub(super) fn height_after(&self, t: f64) -> (f64, f64) {
        let x = t / self.tau_mem;
        let above_rest = self.height - self.rest;
        let (mut response, mut size) = (0.0, 0.0);
        for &Current { size: current, tau } in self.currents {
            let part = current * x * exp_divided([-x, -t / tau]);
            response += part;
            size += part.abs();
        }
        // Early, the way from the start is small and known better than u; later, u itself is.
        if x < 0.5 {
            let lost = -exp_m1(-x) * above_rest;
            (self.height + (response - lost), size + lost.abs() + self.height.abs())
        } else {
            let left = exp(-x) * above_rest;
            (self.rest + (left + response), size + left.abs() + self.rest.abs())
        }
    }

    /// du/dt after `t`, where u is `height`.
    fn rate_after(&self, t: f64, height: f64) -> f64 {
        let currents = self.currents.iter();
        let drive: f64 = currents.map(|current| current.size * exp(-t / current.tau)).sum();
        (drive + self.rest - height) / self.tau_mem
    }
}
