//! What is read from membrane potentials along a run: samples, maxima and averages of leaky integrators.
//!
//! A maximum over the run is the largest of: the start, the interior maximum of a stretch between arrivals, an arrival at
//! which the slope turns from up to down (a cusp, whose time moves with the arrival), and the end.
//!
//! Only what was asked for is followed. Not here: when a stretch ends (`engine.rs`).

use spikegrad_dynamics::{Neuron, Scalar, TimeConstants};
use spikegrad_network::{Cusp, Measure, Readout, ReadoutRequest, Time};

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
        self.integrate::<N, TANGENTS>(neuron, (before, tangent), dt);
        self.peak::<N, TANGENTS>(neuron, time, (before, tangent), dt, after);
    }

    /// Adds ∫V over a stretch, if a mean is asked for.
    pub(crate) fn integrate<N: Neuron<T>, const TANGENTS: bool>(
        &mut self,
        neuron: &N,
        (before, tangent): (N::State, N::Tangent),
        dt: T,
    ) {
        if !self.follows_mean {
            return;
        }
        self.integral += neuron.integral(before, dt);
        if TANGENTS {
            let part = neuron.integral_tangent(tangent, before, dt);
            self.integral_tangent.tau_mem += part.tau_mem;
            self.integral_tangent.tau_syn += part.tau_syn;
        }
    }

    /// The maximum within a stretch, if it is asked for.
    pub(crate) fn peak<N: Neuron<T>, const TANGENTS: bool>(
        &mut self,
        neuron: &N,
        time: Time<T>,
        (before, tangent): (N::State, N::Tangent),
        dt: T,
        after: N::State,
    ) {
        if !self.follows_maximum {
            return;
        }
        // At the end of a very long stretch nothing is left that could fall.
        let turns =
            neuron.membrane_rate(before).re() > 0.0 && neuron.membrane_rate(after).re() <= 0.0;
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

    /// What `request` asked for; `None` for a sample, which is not kept here. `end` is the end of the run.
    pub(crate) fn readout(&self, request: ReadoutRequest, end: T) -> Option<Readout<T>> {
        let Highest { time, value, tangent, cusp } = self.highest;
        match request.measure {
            Measure::Sample { .. } => None,
            Measure::Maximum => {
                let Time { rounded: time, rest: time_rest } = time;
                Some(Readout { request, time, time_rest, value, cusp, tangent })
            }
            Measure::Mean => {
                let TimeConstants { tau_mem, tau_syn } = self.integral_tangent;
                let tangent = TimeConstants { tau_mem: tau_mem / end, tau_syn: tau_syn / end };
                let value = self.integral / end;
                Some(Readout { request, time: end, time_rest: 0.0, value, cusp: None, tangent })
            }
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
