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

/// An integral of the potential under a weight that fades from 1 at the start of the run.
#[derive(Clone, Copy, Debug)]
struct Integral<T> {
    /// The rate at which it fades, per second; zero for a mean.
    fading: f64,
    value: T,
    tangent: TimeConstants<T>,
}

/// Weights under which the potential of one neuron can be integrated in one run: a mean and one that fades, or two of these.
const WEIGHTS: usize = 2;

/// What is known of the potential of one neuron up to now.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Observer<T> {
    pub(crate) highest: Highest<T>,
    integrals: [Option<Integral<T>>; WEIGHTS],
    follows_maximum: bool,
}

/// A neuron is to be read under more weights than an observer has room for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TooManyWeights;

impl<T: Scalar> Observer<T> {
    /// At time 0, with the potential `value`; follows nothing yet.
    pub(crate) fn new(value: T) -> Self {
        let zero = T::from(0.0);
        let highest =
            Highest { time: zero.into(), value, tangent: TimeConstants::default(), cusp: None };
        Self { highest, integrals: [None; WEIGHTS], follows_maximum: false }
    }

    /// Follows what `measure` needs, too.
    pub(crate) fn also(&mut self, measure: Measure) -> Result<(), TooManyWeights> {
        self.follows_maximum |= measure == Measure::Maximum;
        let Some(fading) = measure.fading() else { return Ok(()) };
        if self.integral(fading).is_none() {
            let free = self.integrals.iter_mut().find(|integral| integral.is_none());
            let (value, tangent) = (T::from(0.0), TimeConstants::default());
            *free.ok_or(TooManyWeights)? = Some(Integral { fading, value, tangent });
        }
        Ok(())
    }

    fn integral(&self, fading: f64) -> Option<&Integral<T>> {
        self.integrals
            .iter()
            .flatten()
            .find(|integral| integral.fading.to_bits() == fading.to_bits())
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
        let mut kept = N::Averaging::default();
        self.integrate::<N, TANGENTS>(neuron, time, (before, tangent), dt, &mut kept);
        self.peak::<N, TANGENTS>(neuron, time, (before, tangent), dt, after);
    }

    /// Adds a stretch from `time` on to the integrals that are asked for.
    pub(crate) fn integrate<N: Neuron<T>, const TANGENTS: bool>(
        &mut self,
        neuron: &N,
        time: Time<T>,
        (before, tangent): (N::State, N::Tangent),
        dt: T,
        kept: &mut N::Averaging,
    ) {
        for integral in self.integrals.iter_mut().flatten() {
            let fading = T::from(integral.fading);
            let weight = (-fading * time.rounded).exp();
            integral.value += weight * neuron.integral(before, (dt, fading), kept);
            if TANGENTS {
                let part = neuron.integral_tangent((before, tangent), (dt, fading), kept);
                integral.tangent.tau_mem += weight * part.tau_mem;
                integral.tangent.tau_syn += weight * part.tau_syn;
            }
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
            Measure::Mean | Measure::Weighted { .. } => {
                let integral = self.integral(request.measure.fading()?)?;
                let TimeConstants { tau_mem, tau_syn } = integral.tangent;
                let tangent = TimeConstants { tau_mem: tau_mem / end, tau_syn: tau_syn / end };
                let value = integral.value / end;
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
