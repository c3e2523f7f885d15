//! How far a run in doubles may be off: a bound of its errors, to first order, carried along beside the exact run.
//!
//! The errors of V and I at a time obey the linear equations of V and I, whose solution has no negative coefficient, so that bounds of their sizes
//! move like the state itself. Each event adds what doubles round there:
//!
//! * **Motion.** The distance to the threshold, `g = v_th − V`, is after dt the sum of `g e^(−dt/τ_m)`, `(v_th − rest)(1 − e^(−dt/τ_m))` and
//!   `−I K(dt)`. Each term has a few roundings relative to itself, and `dt/τ` of them in the exponent: what is asked is that none is relative to
//!   anything larger, such as a rest far from the threshold.
//! * **Arrival.** If its time is off by δ, then I by `|w| δ/τ_s` and V by `|w| δ/τ_m`.
//! * **Spike.** An error e of V is one of e/V̇ of the time; where V̇ itself changes over that, of the solution of `V̇ δ − V̈ δ²/2 = e`.
//! * **Release.** If its time is off by δ, then V by `V̇ δ`.
//! * **Instants.** What happens at one double happens at once: an arrival within a double of another event may be off by that.
//!
//! Errors of one cause are added as if they were of different ones, so that the bound is safe. Not here: the exact run (`simulator.rs`).

/// Roundings of each term of a motion, in units of the last place: of dt, two ratios, two exponentials, three products and two sums, each at most half a
/// unit, and as much again for a motion that is taken in two parts.
pub(super) const ROUNDINGS: f64 = 10.0 * f64::EPSILON;

/// A time is kept to twice the digits of a double, the length of a stretch to those of a double.
const TIME: f64 = f64::EPSILON * f64::EPSILON;

/// The constants of a neuron, in doubles.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Drive {
    pub(crate) tau_mem: f64,
    pub(crate) tau_syn: f64,
    /// Rest above threshold.
    pub(crate) above: f64,
}

/// Distance of the potential to the threshold, and current; or bounds of their errors.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct State {
    pub(crate) gap: f64,
    pub(crate) current: f64,
}

impl Drive {
    /// What a unit current leaves in the membrane after a time: `τ_s/(τ_m − τ_s) (e^(−t/τ_m) − e^(−t/τ_s))`.
    fn kernel(&self, dt: f64) -> f64 {
        let Self { tau_mem, tau_syn, .. } = *self;
        let (x, y) = (dt / tau_mem, dt / tau_syn);
        let difference = dt * (tau_mem - tau_syn) / tau_mem / tau_syn;
        if difference.abs() < f64::MIN_POSITIVE {
            return x * (-x).exp();
        }
        // The slower exponential in front, so that nothing overflows.
        if difference > 0.0 {
            -(-x).exp() * (-difference).exp_m1() * (tau_syn / (tau_mem - tau_syn))
        } else {
            -(-y).exp() * difference.exp_m1() * (tau_syn / (tau_syn - tau_mem))
        }
    }

    fn gap(&self, state: State, dt: f64) -> f64 {
        let x = dt / self.tau_mem;
        state.gap * (-x).exp() + self.above * (-x).exp_m1() - state.current * self.kernel(dt)
    }

    /// The state after a time.
    pub(super) fn after(&self, state: State, dt: f64) -> State {
        let current = state.current * (-dt / self.tau_syn).exp();
        State { gap: self.gap(state, dt), current }
    }

    /// About when the threshold is crossed, on a stretch of this length that crosses it on the way up.
    pub(crate) fn crossing(&self, state: State, length: f64) -> f64 {
        let (mut low, mut high) = (0.0, length);
        for _ in 0..60 {
            let middle = 0.5 * (low + high);
            if self.gap(state, middle) > 0.0 {
                low = middle;
            } else {
                high = middle;
            }
        }
        0.5 * (low + high)
    }

    /// Bounds of the errors after a stretch from `state` with errors `before`.
    pub(crate) fn errors_after(&self, state: State, before: State, dt: f64) -> State {
        let (x, y) = (dt / self.tau_mem, dt / self.tau_syn);
        let (mem, syn, kernel) = ((-x).exp(), (-y).exp(), self.kernel(dt));
        let own = state.gap.abs() * (1.0 + x) * mem
            + self.above.abs() * (-(-x).exp_m1() + x * mem)
            + state.current.abs() * kernel * (2.0 + x.min(y));
        State {
            gap: before.gap * mem + before.current * kernel + ROUNDINGS * own,
            current: before.current * syn + ROUNDINGS * state.current.abs() * (1.0 + y) * syn,
        }
    }

    /// What an arrival adds if its time is off by `error`.
    pub(crate) fn errors_of_arrival(&self, weight: f64, error: f64) -> State {
        let (weight, of_sum) = (weight.abs(), f64::EPSILON * weight.abs());
        State {
            gap: weight * error / self.tau_mem,
            current: weight * error / self.tau_syn + of_sum,
        }
    }

    /// What an arrival adds that is `apart` seconds from an event at `time`: at one double they are at once, wherever between two doubles they are.
    pub(super) fn errors_of_instant(&self, weight: f64, apart: f64, time: f64) -> State {
        let unit = time.next_up() - time;
        if apart.abs() <= 2.0 * unit {
            self.errors_of_arrival(weight, unit)
        } else {
            State::default()
        }
    }

    /// The error of a reset potential `gap` below the threshold.
    pub(crate) fn error_of_reset(gap: f64) -> f64 {
        f64::EPSILON * gap.abs()
    }
}

/// How far the time of a crossing may be off that lies `dt` after the last event and has errors `gap` of the potential, with its first and second
/// derivatives there.
pub(crate) fn error_of_time(gap: f64, slope: f64, bend: f64, dt: f64, time: f64) -> f64 {
    let discriminant = slope * slope - 2.0 * bend.abs() * gap;
    let root = if discriminant > 0.0 {
        2.0 * gap / (slope + discriminant.sqrt())
    } else {
        // The crossing itself may come or go: the potential is as near to the threshold all the way to its peak and as far behind it.
        2.0 * (2.0 * gap / bend.abs()).sqrt() + slope / bend.abs()
    };
    root + ROUNDINGS * dt + TIME * time
}
