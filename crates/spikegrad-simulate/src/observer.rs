//! What is read from membrane potentials along a run: maxima and averages.
//!
//! The maximum over a run is the highest of: the start, the interior maximum of a stretch between arrivals, an arrival after which
//! the potential does not rise (a cusp, whose time moves with the arrival), and the end, where a rise that has relaxed altogether
//! counts, too. They are compared by their heights alone, the first of equals is taken, and that there is another is noted. A neuron that spikes has
//! been at its threshold and never above; where the threshold moves, each spike is compared with all else. An average has the clamped potential in it.
//!
//! Only what was asked for is followed. Not here: when a stretch ends (`engine.rs`), samples (`readouts.rs`).

use smallvec::SmallVec;
use spikegrad_dynamics::{Neuron, OtherTimeConstants, Scalar, TimeConstants};
use spikegrad_network::{Cusp, Measure, Place, Readout, ReadoutRequest, Time};
use std::cmp::Ordering;

/// The place of a maximum `peak` seconds after arrivals at `time`.
fn at_once<T: Scalar>(time: Time<T>, peak: T) -> Place<T> {
    if time.after(peak).coincides(time) { Place::AfterArrivals } else { Place::Free }
}

/// The highest potential so far.
#[derive(Clone, Copy, Debug)]
struct Highest<T: Scalar, N: Neuron<T>> {
    time: Time<T>,
    state: N::State,
    tangent: N::Tangent,
    place: Place<T>,
    /// Another time at which it was as high.
    rival: Option<f64>,
}

impl<T: Scalar, N: Neuron<T>> Highest<T, N> {
    /// How high it is. A spike is compared with other potentials only where thresholds move: there a height is the potential.
    fn height(&self, neuron: &N) -> f64 {
        match self.place {
            Place::Threshold => neuron.threshold_membrane(self.state).re(),
            _ => neuron.height(self.state),
        }
    }
}

/// An integral of the potential under a weight that fades from 1 at the start of the run.
#[derive(Clone, Copy, Debug)]
struct Integral<T> {
    /// The rate at which it fades, per second; zero for a mean.
    decay_rate: f64,
    value: T,
    tangent: TimeConstants<T>,
    others: OtherTimeConstants<T>,
}

/// What is known of the potential of one neuron up to now.
#[derive(Clone, Debug)]
pub(crate) struct Observer<T: Scalar, N: Neuron<T>> {
    highest: Highest<T, N>,
    /// One for each weight; losses ask for a mean, one that fades, or both.
    integrals: SmallVec<[Integral<T>; 2]>,
    follows_maximum: bool,
    /// Whether it has been at a threshold above which it never comes.
    is_final: bool,
    /// The free motion that led here: from which state, and how long.
    motion: Option<(N::State, T)>,
}

impl<T: Scalar, N: Neuron<T>> Observer<T, N> {
    /// At time 0, in `state`; follows nothing yet.
    pub(crate) fn new(state: N::State) -> Self {
        let (time, tangent) = (T::from(0.0).into(), N::Tangent::default());
        let highest = Highest { time, state, tangent, place: Place::Free, rival: None };
        Self {
            highest,
            integrals: SmallVec::new(),
            follows_maximum: false,
            is_final: false,
            motion: None,
        }
    }

    /// Follows what `measure` needs, too.
    pub(crate) fn also(&mut self, measure: Measure) {
        self.follows_maximum |= measure == Measure::Maximum;
        if let Some(decay_rate) = measure.decay_rate()
            && self.integral(decay_rate).is_none()
        {
            let (value, tangent) = (T::from(0.0), TimeConstants::default());
            let others = OtherTimeConstants::default();
            self.integrals.push(Integral { decay_rate, value, tangent, others });
        }
    }

    fn integral(&self, decay_rate: f64) -> Option<&Integral<T>> {
        let mut all = self.integrals.iter();
        all.find(|integral| integral.decay_rate.to_bits() == decay_rate.to_bits())
    }

    /// Whether a higher potential would matter.
    fn looks_higher(&self) -> bool {
        self.follows_maximum && !self.is_final
    }

    /// From which height on a potential matters; infinite if none does.
    pub(crate) fn ceiling(&self, neuron: &N) -> f64 {
        if self.looks_higher() { self.highest.height(neuron) } else { f64::INFINITY }
    }

    /// A stretch of free motion of length `dt`, from `before` at `time` to `after`; `TANGENTS` are carried or zero.
    pub(crate) fn stretch<const TANGENTS: bool>(
        &mut self,
        neuron: &N,
        time: Time<T>,
        (before, tangent): (N::State, N::Tangent),
        (dt, after): (T, N::State),
        cache: &mut N::Averaging,
    ) {
        self.integrate::<TANGENTS>(neuron, time, (before, tangent), dt, cache);
        self.peak::<TANGENTS>(neuron, time, (before, tangent), dt, after);
        self.moved(before, dt);
    }

    /// The neuron has moved freely from `before` for `dt` seconds. Between arrivals of one instant only derivatives move.
    pub(crate) fn moved(&mut self, before: N::State, dt: T) {
        if dt.re() > 0.0 {
            self.motion = Some((before, dt));
        }
    }

    /// Adds a stretch from `time` on to the integrals that are asked for.
    pub(crate) fn integrate<const TANGENTS: bool>(
        &mut self,
        neuron: &N,
        time: Time<T>,
        (before, tangent): (N::State, N::Tangent),
        dt: T,
        cache: &mut N::Averaging,
    ) {
        for integral in &mut self.integrals {
            let decay_rate = T::from(integral.decay_rate);
            let weight = (-decay_rate * time.rounded).exp();
            integral.value += weight * neuron.integral(before, (dt, decay_rate), cache);
            if TANGENTS {
                let part = neuron.integral_tangent((before, tangent), (dt, decay_rate), cache);
                let parts = integral.tangent.iter_mut().zip(part);
                parts.for_each(|(sum, part)| *sum += weight * part);
            }
            if TANGENTS && N::HAS_OTHERS {
                let over = (dt, decay_rate);
                let part = neuron.other_integral_tangents((before, tangent), over, cache);
                let parts = integral.others.iter_mut().zip(part);
                parts.for_each(|(sum, part)| *sum += weight * part);
            }
        }
    }

    /// The neuron is clamped in `state` for `dt` seconds from `time` on.
    pub(crate) fn clamp(&mut self, neuron: &N, time: Time<T>, state: N::State, dt: T) {
        for integral in &mut self.integrals {
            let decay_rate = T::from(integral.decay_rate);
            let weight = (-decay_rate * time.rounded).exp();
            integral.value += weight * neuron.clamped_integral(state, (dt, decay_rate));
        }
    }

    /// The neuron spikes at `time`, in `state` just before.
    pub(crate) fn spike(&mut self, neuron: &N, time: Time<T>, state: N::State) {
        if !self.looks_higher() {
            return;
        }
        self.is_final = neuron.has_fixed_threshold();
        if self.is_final {
            let tangent = N::Tangent::default();
            self.highest = Highest { time, state, tangent, place: Place::Threshold, rival: None };
        } else {
            let at = (state, N::Tangent::default());
            self.consider(neuron, time, at, Place::Threshold);
        }
    }

    /// The maximum within a stretch, if it is asked for.
    pub(crate) fn peak<const TANGENTS: bool>(
        &mut self,
        neuron: &N,
        time: Time<T>,
        (before, tangent): (N::State, N::Tangent),
        dt: T,
        after: N::State,
    ) {
        if !self.looks_higher() {
            return;
        }
        let flow = |peak: T| {
            if TANGENTS {
                neuron.flow_with_tangent(before, tangent, peak)
            } else {
                (neuron.flow(before, peak), tangent)
            }
        };
        // Under several currents a potential may rise and fall more than once.
        let has_several = neuron.several_maxima(before, dt.re(), &mut |peak| {
            self.consider(neuron, time.after(peak), flow(peak), at_once(time, peak));
        });
        if has_several {
            return;
        }
        if neuron.membrane_rate(before).re() <= 0.0 {
            return;
        }
        let Some(peak) = neuron.next_maximum(before) else { return };
        // Whether it lies within the stretch is asked of its time. A membrane much faster than its synapse follows the current to
        // the last digit, so that its rate at the end may have any sign; where the rate says that it turned, rounding may have put the
        // peak just beyond.
        let has_turned = neuron.membrane_rate(after).re() <= 0.0;
        let peak = match peak {
            within if within.re() <= dt.re() => within,
            _ if has_turned => dt,
            _ => return,
        };
        self.consider(neuron, time.after(peak), flow(peak), at_once(time, peak));
    }

    /// An arrival in `round` turned `before` into `after` at `time`, or a step of an injected current a neuron into another.
    pub(crate) fn arrival(
        &mut self,
        (neuron, neuron_after): (&N, &N),
        time: Time<T>,
        round: u32,
        (before, tangent): (N::State, N::Tangent),
        after: N::State,
    ) {
        let motion = self.motion.take();
        if !self.looks_higher() {
            return;
        }
        let (rate_before, rate_after) =
            (neuron.membrane_rate(before), neuron_after.membrane_rate(after));
        // Of the rate before it no more is asked: a rise that has relaxed has none.
        if rate_after.re() <= 0.0 && rate_after.re() < rate_before.re() {
            let rate_before =
                motion.map_or(rate_before, |(start, dt)| neuron.rate_after(start, dt));
            let cusp = Place::Cusp(Cusp { round, rate_before, rate_after });
            self.consider(neuron, time, (before, tangent), cusp);
        }
    }

    /// The end of the run.
    pub(crate) fn end(&mut self, neuron: &N, time: Time<T>, at: (N::State, N::Tangent)) {
        if self.looks_higher() {
            self.consider(neuron, time, at, Place::Free);
        }
    }

    /// Whether the potential is highest here. At one time a cusp is the later of two.
    fn consider(
        &mut self,
        neuron: &N,
        time: Time<T>,
        (state, tangent): (N::State, N::Tangent),
        place: Place<T>,
    ) {
        let candidate = Highest { time, state, tangent, place, rival: None };
        match candidate.height(neuron).partial_cmp(&self.highest.height(neuron)) {
            Some(Ordering::Greater) => self.highest = candidate,
            Some(Ordering::Equal) if !time.coincides(self.highest.time) => {
                self.highest.rival.get_or_insert(time.rounded.re());
            }
            Some(Ordering::Equal) if matches!(place, Place::Cusp(_)) => {
                self.highest = Highest { rival: self.highest.rival, ..candidate };
            }
            _ => {}
        }
    }

    /// The derivatives of the state at the maximum so far.
    pub(crate) fn highest_tangent(&self) -> N::Tangent {
        self.highest.tangent
    }

    /// The derivatives of an average that ends at `end` by the time constants that its read-out has no place for; `None` of what is no average.
    pub(crate) fn other_tangents(&self, measure: Measure, end: T) -> Option<OtherTimeConstants<T>> {
        let integral = self.integral(measure.decay_rate()?)?;
        Some(integral.others.map(|sum| sum / end))
    }

    /// What `request` asked for; `None` for a sample or a pseudospike, which are not held here. `end` is the end of the run.
    pub(crate) fn readout(
        &self,
        neuron: &N,
        request: ReadoutRequest,
        end: T,
    ) -> Option<Readout<T>> {
        match request.measure {
            Measure::Sample { .. } | Measure::Pseudospike { .. } => None,
            Measure::Maximum => {
                let Highest { time, state, tangent, place, rival } = self.highest;
                let value = match place {
                    Place::Threshold => neuron.threshold_membrane(state),
                    _ => neuron.membrane(state),
                };
                let tangent = neuron.membrane_tangent(tangent);
                let Time { rounded: time, remainder: time_remainder } = time;
                Some(Readout { request, time, time_remainder, value, place, rival, tangent })
            }
            Measure::Mean | Measure::Weighted { .. } => {
                let integral = self.integral(request.measure.decay_rate()?)?;
                let tangent = integral.tangent.map(|sum| sum / end);
                let (value, place) = (integral.value / end, Place::Free);
                let (time, time_remainder, rival) = (end, 0.0, None);
                Some(Readout { request, time, time_remainder, value, place, rival, tangent })
            }
        }
    }
}
