//! What is read from membrane potentials along a run: samples, maxima and averages of leaky integrators.
//!
//! A maximum over the run is the largest of: the start, the interior maximum of a stretch between arrivals, an arrival at
//! which the slope turns from up to down (a cusp, whose time moves with the arrival), and the end.
//!
//! Only what was asked for is followed. Not here: when a stretch ends (`engine.rs`).

use spikegrad_dynamics::{Neuron, Scalar, TimeConstants};
use spikegrad_network::{Cusp, Measure, Time};

/// The highest potential so far.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Highest<T> {
    pub(crate) time: Time<T>,
    pub(crate) value: T,
    pub(crate) tangent: TimeConstants<T>,
    pub(crate) cusp: Option<Cusp<T>>,
}

/// What is known of the potential of one neuron up to now.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Observer<T> {
    pub(crate) highest: Highest<T>,
    pub(crate) integral: T,
    pub(crate) integral_tangent: TimeConstants<T>,
    follows_maximum: bool,
    follows_mean: bool,
}

impl<T: Scalar> Observer<T> {
    /// At time 0, with the potential `value`; follows nothing yet.
    pub(crate) fn new(value: T) -> Self {
        let zero = T::from(0.0);
        let highest =
            Highest { time: zero.into(), value, tangent: TimeConstants::default(), cusp: None };
        Self {
            highest,
            integral: zero,
            integral_tangent: TimeConstants::default(),
            follows_maximum: false,
            follows_mean: false,
        }
    }

    /// Follows what `measure` needs, too.
    pub(crate) fn also(&mut self, measure: Measure) {
        self.follows_maximum |= measure == Measure::Maximum;
        self.follows_mean |= measure == Measure::Mean;
    }

    /// A stretch of free motion of length `dt`, from `before` at `time` to `after`; `TANGENTS` are carried or zero.
    pub(crate) fn stretch<N: Neuron<T>, const TANGENTS: bool>(
        &mut self,
        neuron: &N,
        time: Time<T>,
        (before, tangent): (N::State, N::Tangent),
        dt: T,
        after: N::State,
    ) {
        if self.follows_mean {
            self.integral += neuron.integral(before, dt);
            if TANGENTS {
                let part = neuron.integral_tangent(tangent, before, dt);
                self.integral_tangent.tau_mem += part.tau_mem;
                self.integral_tangent.tau_syn += part.tau_syn;
            }
        }
        if !self.follows_maximum {
            return;
        }
        let turns =
            neuron.membrane_rate(before).re() > 0.0 && neuron.membrane_rate(after).re() < 0.0;
        if turns && let Some(peak) = neuron.next_maximum(before) {
            // The slope turns within the stretch; rounding may put the peak just beyond.
            let peak = if peak.re() <= dt.re() { peak } else { dt };
            let (state, tangent) = if TANGENTS {
                neuron.flow_with_tangent(before, tangent, peak)
            } else {
                (neuron.flow(before, peak), tangent)
            };
            let value = neuron.membrane(state);
            if value.re() > self.highest.value.re() {
                let tangent = neuron.membrane_tangent(tangent);
                self.highest = Highest { time: time.after(peak), value, tangent, cusp: None };
            }
        }
    }

    /// An arrival in `round` turned `before` into `after` at `time`.
    pub(crate) fn arrival<N: Neuron<T>>(
        &mut self,
        neuron: &N,
        time: Time<T>,
        round: u32,
        (before, tangent): (N::State, N::Tangent),
        after: N::State,
    ) {
        if !self.follows_maximum {
            return;
        }
        let (rate_before, rate_after) = (neuron.membrane_rate(before), neuron.membrane_rate(after));
        if rate_before.re() > 0.0 && rate_after.re() <= 0.0 {
            let cusp = Some(Cusp { round, rate_before, rate_after });
            self.rising_up_to(neuron, time, (before, tangent), cusp);
        }
    }

    /// The end of the run.
    pub(crate) fn end<N: Neuron<T>>(
        &mut self,
        neuron: &N,
        time: Time<T>,
        (state, tangent): (N::State, N::Tangent),
    ) {
        if self.follows_maximum && neuron.membrane_rate(state).re() > 0.0 {
            self.rising_up_to(neuron, time, (state, tangent), None);
        }
    }

    fn rising_up_to<N: Neuron<T>>(
        &mut self,
        neuron: &N,
        time: Time<T>,
        (state, tangent): (N::State, N::Tangent),
        cusp: Option<Cusp<T>>,
    ) {
        let value = neuron.membrane(state);
        if value.re() >= self.highest.value.re() {
            self.highest = Highest { time, value, tangent: neuron.membrane_tangent(tangent), cusp };
        }
    }
}
