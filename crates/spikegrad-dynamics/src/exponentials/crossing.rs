//! The first crossing of a course, rise by rise.
//!
//! Not here: where the drive changes its sign, between which a rise lies (`sum.rs`).

use super::precise::Sized;
use super::sum::Sum;
use super::{Course, Current};
use crate::double_double::DoubleDouble;
use crate::lif::flow::of_lengths;
use crate::lif::root::{Step, search};
use crate::math::{exp, exp_m1};
use crate::{COMPONENTS, Outlook, exp_divided};

/// A height is computed in `f64` with an error of a few hundred roundings at most: where it is smaller than this share of its terms, it is
/// computed again, in double-double.
const UNCERTAIN: f64 = 1e-10;

/// Relative error of a height in double-double arithmetic: a few roundings of it times the condition of the exponentials. What is nearer than this
/// share of its terms touches.
const TOUCH: f64 = 1e-29;

/// Up to so many membrane time constants u is measured from its start.
const EARLY: f64 = 0.5;

/// A drive that is a larger share of its terms has lost three bits at most, which is no more than elsewhere.
const CANCELS: f64 = 8.0;

/// Where a course is after some time, in units of [`Course::decay`].
pub(super) struct Ahead {
    /// u, and the sizes of the terms that it is the sum of.
    pub(super) height: f64,
    size: f64,
    /// The drive, and the sizes of its terms.
    pub(super) drive: f64,
    pub(super) drive_size: f64,
    /// d(drive)/dt, per second.
    pub(super) bend: f64,
}

/// `e⁻⁷⁵⁰` is zero as a double.
const GONE: f64 = 750.0;

impl Course<'_> {
    /// Whether and when u crosses zero next, from below.
    ///
    /// A height above zero is one that rounding has brought there: it counts as zero. A touch is reported where no crossing follows.
    pub(crate) fn first_crossing(&self) -> Outlook<f64> {
        let course = Self { height: self.height.min(0.0), ..*self };
        if course.height == 0.0 && Sum::of(self.rest, self.currents).signs().starts_positive {
            let slope = self.precise_drive(DoubleDouble::from(0.0)).0.to_f64() / self.tau_mem;
            return Outlook::Crossing { dt: 0.0, slope };
        }
        let mut found = Outlook::Silent;
        course.for_each_rise(|ahead| {
            let crosses = matches!(ahead, Outlook::Crossing { .. });
            if crosses || found == Outlook::Silent {
                found = ahead;
            }
            !crosses
        });
        found
    }

    /// Calls `each` with the time to every maximum of u ahead, in order.
    ///
    /// −`tau_mem` u̇ is the height of a membrane at rest at zero whose currents are `(tau_mem/τ_j) c_j`: where it grows through zero, u is highest.
    pub(crate) fn maxima(&self, each: &mut dyn FnMut(f64)) {
        let mut currents = [Current::default(); COMPONENTS];
        let pairs = currents.iter_mut().zip(self.currents);
        pairs.for_each(|(into, &Current { size, tau })| {
            *into = Current { size: size * (self.tau_mem / tau), tau };
        });
        let fall = -self.precise_lift();
        let currents = &currents[..self.currents.len()];
        let fall = Course { height: fall, rest: 0.0, tau_mem: self.tau_mem, currents };
        fall.for_each_rise(|ahead| {
            if let Outlook::Crossing { dt, .. } = ahead {
                each(dt);
            }
            true
        });
    }

    /// `tau_mem` u̇, its sum rounded once or little more.
    fn precise_lift(&self) -> f64 {
        let (drive, _) = self.precise_drive(DoubleDouble::from(0.0));
        (drive - DoubleDouble::from(self.height)).to_f64()
    }

    /// Calls `with` with what lies on each rise that starts below zero, in order, until it says no.
    fn for_each_rise(&self, mut with: impl FnMut(Outlook<f64>) -> bool) {
        let signs = Sum::of(self.rest, self.currents).signs();
        let (mut from, mut rises) = (0.0, signs.starts_positive);
        let mut is_below = self.height <= 0.0;
        for &until in signs.changes().iter().chain(&[f64::INFINITY]) {
            if rises && is_below {
                let ahead = self.on_rise(from, until);
                is_below = !matches!(ahead, Outlook::Crossing { .. });
                if !with(ahead) {
                    return;
                }
            } else if !rises && !is_below {
                // What has not been above stays below while it falls, whatever rounding says.
                is_below = self.height_after(until).0 < 0.0;
            }
            (from, rises) = (until, !rises);
        }
    }

    /// Seconds to the next crossing.
    pub(crate) fn next_spike(&self) -> Option<f64> {
        match self.first_crossing() {
            Outlook::Crossing { dt, .. } => Some(dt),
            Outlook::Silent | Outlook::Touch { .. } | Outlook::Jump | Outlook::Nonsense { .. } => {
                None
            }
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
            let is_above = height > UNCERTAIN * size
                || height >= -UNCERTAIN * size && {
                    let Sized { value, size } = self.precise_height(until.into());
                    value.to_f64() > TOUCH * size
                };
            if is_above {
                return Some(until);
            }
            if self.has_settled(until) || !until.is_finite() {
                return None;
            }
            length *= 2.0;
        }
    }

    /// The crossing on a rise from below zero to well above it.
    fn between(&self, from: f64, until: f64) -> Outlook<f64> {
        let evaluate = |t: f64| {
            let Ahead { height, drive, .. } = self.after(t);
            Step { residual: height, newton: -height * self.tau_mem / (drive - height) }
        };
        let found = search(from, until, from + evaluate(from).newton, evaluate);
        self.crossing(self.precise_zero(from, until.into(), found.into()))
    }

    fn crossing(&self, t: DoubleDouble) -> Outlook<f64> {
        let (dt, decay) = (t.to_f64(), self.decay(t.to_f64()));
        let Ahead { drive, drive_size, .. } = self.after(dt);
        let drive = if decay == 0.0 && drive_size <= CANCELS * drive {
            drive
        } else {
            self.precise_drive(t).0.to_f64()
        };
        Outlook::Crossing { dt, slope: drive / self.tau_mem }
    }

    /// u after `t`, and the sizes of the terms that it is the sum of, in units of [`Self::decay`].
    fn height_after(&self, t: f64) -> (f64, f64) {
        let Ahead { height, size, .. } = self.after(t);
        (height, size)
    }

    /// Where u is after `t`.
    pub(super) fn after(&self, t: f64) -> Ahead {
        let (x, decay) = (t / self.tau_mem, self.decay(t));
        let above_rest = self.height - self.rest;
        let (mut response, mut size) = (0.0, 0.0);
        let (mut drive, mut drive_size, mut bend) = (self.rest, self.rest.abs(), 0.0);
        for &Current { size: current, tau } in self.currents {
            let y = t / tau;
            let [part, left] = if decay == 0.0 {
                let by = of_lengths(x, y);
                [current * by.response, current * by.current]
            } else {
                [current * x * exp_divided([decay - x, decay - y]), current * exp(decay - y)]
            };
            (response, size) = (response + part, size + part.abs());
            (drive, drive_size) = (drive + left, drive_size + left.abs());
            bend -= left / tau;
        }
        // Early, the way from the start is small and known better than u; later, u itself is.
        let (start, way) = if x < EARLY {
            (self.height, exp_m1(-x) * above_rest)
        } else {
            (self.rest, exp(decay - x) * above_rest)
        };
        let (height, size) = (start + (way + response), size + way.abs() + start.abs());
        Ahead { height, size, drive, drive_size, bend }
    }

    /// The exponent of the unit in which u is measured after `t`, with a minus: where the rest is the threshold itself u fades altogether, and is measured
    /// in units of its slowest exponential, so that its sign does not underflow. Elsewhere the unit is 1.
    pub(super) fn decay(&self, t: f64) -> f64 {
        let x = t / self.tau_mem;
        if self.rest != 0.0 || x < EARLY {
            return 0.0;
        }
        let currents = self.currents.iter().filter(|current| current.size != 0.0);
        currents.fold(x, |slowest, current| slowest.min(t / current.tau))
    }

    /// Whether all that drives the membrane is gone, so that the sign of u stays. A positive current that decays no faster than the membrane lifts it at last.
    fn has_settled(&self, t: f64) -> bool {
        let x = t / self.tau_mem;
        let mut currents = self.currents.iter().filter(|current| current.size != 0.0);
        self.rest == 0.0 && currents.all(|current| t / current.tau - x > GONE)
    }
}
