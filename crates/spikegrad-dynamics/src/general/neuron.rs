//! One neuron with given equations: its numbers, and when it spikes next.
//!
//! Not here: reverse rules (`pullback.rs`).

use super::{COMPONENTS, Drive, General, GoesOn, Maps, NUMBERS, Vector};
use crate::{Dual, Outlook, Scalar};

/// A map from a state to a number, on duals.
type MapOfState<T> = fn(&[Dual<T>], Vector<Dual<T>>) -> Dual<T>;

/// A neuron with its numbers.
#[derive(Clone, Copy, Debug)]
pub struct GeneralNeuron<T: Scalar> {
    pub(super) model: &'static General,
    pub(super) maps: &'static Maps<T>,
    /// The same on duals over the number, for derivatives.
    pub(super) duals: &'static Maps<Dual<T>>,
    pub(super) numbers: [T; NUMBERS],
}

impl<T: Scalar> GeneralNeuron<T> {
    /// A neuron of this model, by the values at the positions of its table; `None` if the engine does not differentiate such numbers.
    #[must_use]
    pub fn new(model: &'static General, value: impl Fn(usize) -> T) -> Option<Self> {
        let mut numbers = [T::from(0.0); NUMBERS];
        for (position, number) in numbers.iter_mut().take(model.table.quantities.len()).enumerate()
        {
            *number = value(position);
        }
        let mut neuron = Self { model, maps: model.maps()?, duals: model.maps()?, numbers };
        let constants = neuron.count()..;
        for (number, &x) in neuron.numbers[constants].iter_mut().zip(model.constants) {
            *number = x.into();
        }
        Some(neuron)
    }

    /// How many numbers it has, with that of an injected current, but for constants.
    pub(super) fn count(&self) -> usize {
        let listed = self.model.table.quantities.len();
        self.model.current.map_or(listed, |position| listed.max(position + 1))
    }

    /// Its numbers, in the order of the table, and its constants.
    pub(crate) fn p(&self) -> &[T] {
        &self.numbers[..self.count() + self.model.constants.len()]
    }

    /// Its number at a position of the table of its model.
    ///
    /// # Panics
    /// If there is none.
    #[must_use]
    pub fn number(&self, position: usize) -> T {
        self.p()[position]
    }

    /// Its numbers without their derivatives, for what decides about branches.
    fn real(&self) -> ([f64; NUMBERS], usize) {
        (self.numbers.map(Scalar::re), self.p().len())
    }

    /// Whether arrivals at one instant may change places.
    #[must_use]
    pub fn commutes(&self) -> bool {
        self.model.commutes
    }

    /// Whether a current can be injected into it.
    #[must_use]
    pub fn takes_current(&self) -> bool {
        self.model.takes_current()
    }

    /// The neuron while this current is injected.
    #[must_use]
    pub fn with_current(&self, current: T) -> Self {
        let mut driven = *self;
        if let Some(position) = self.model.current {
            driven.numbers[position] += current;
        }
        driven
    }

    /// The model.
    #[must_use]
    pub fn model(&self) -> &'static General {
        self.model
    }

    /// The state at time 0.
    #[must_use]
    pub fn initial(&self) -> Vector<T> {
        (self.maps.initial)(self.p())
    }

    /// The state `dt` seconds later.
    #[must_use]
    pub fn flow(&self, state: Vector<T>, dt: T) -> Vector<T> {
        if dt.is_exactly_zero() { state } else { (self.maps.flow)(self.p(), state, dt) }
    }

    /// The same within the refractory time.
    #[must_use]
    pub fn hold(&self, state: Vector<T>, dt: T) -> Vector<T> {
        if dt.is_exactly_zero() { state } else { (self.maps.hold)(self.p(), state, dt) }
    }

    /// The state after an arrival at a receptor.
    #[must_use]
    pub fn receive(&self, state: Vector<T>, receptor: usize, weight: T) -> Vector<T> {
        (self.maps.receive)(self.p(), state, receptor, weight)
    }

    /// The state after a spike.
    #[must_use]
    pub fn reset(&self, state: Vector<T>) -> Vector<T> {
        (self.maps.reset)(self.p(), state)
    }

    /// d(state)/dt of a free neuron, or of one within its refractory time.
    #[must_use]
    pub fn rate(&self, state: Vector<T>, is_held: bool) -> Vector<T> {
        (if is_held { self.maps.held_rate } else { self.maps.rate })(self.p(), state)
    }

    /// The potential.
    #[must_use]
    pub fn membrane(&self, state: Vector<T>) -> T {
        (self.maps.membrane)(self.p(), state)
    }

    /// Whether it goes on once a run has ended.
    #[must_use]
    pub fn goes_on(&self) -> GoesOn {
        self.model.goes_on
    }

    /// The share of its cycle that is left to the next spike, and the length of the whole, in seconds; `None` if it has none.
    #[must_use]
    pub fn cycle(&self, state: Vector<T>, drive: Drive<T>) -> Option<[T; 2]> {
        (self.maps.cycle)(self.p(), state, drive)
    }

    /// Whether averages and maxima of its potential can be read.
    #[must_use]
    pub fn is_read(&self) -> bool {
        self.model.is_read
    }

    /// dV/dt of a free neuron, per second.
    #[must_use]
    pub fn membrane_rate(&self, state: Vector<T>) -> T {
        self.along_motion(self.duals.membrane, state)
    }

    /// dV/dt of a free neuron `dt` seconds later.
    #[must_use]
    pub fn rate_after(&self, state: Vector<T>, dt: T) -> T {
        let known = (self.maps.rate_after)(self.p(), state, dt);
        known.unwrap_or_else(|| self.membrane_rate(self.flow(state, dt)))
    }

    /// By how much an arrival changes dV/dt of a free neuron whose rate is linear in its state.
    #[must_use]
    pub fn rate_change(&self, receptor: usize, weight: T) -> T {
        let nothing = [T::from(0.0); COMPONENTS];
        let arrived = self.receive(nothing, receptor, weight);
        self.membrane_rate(arrived) - self.membrane_rate(nothing)
    }

    /// Whether the potential is the same number at each spike.
    #[must_use]
    pub fn has_fixed_threshold(&self) -> bool {
        self.model.has_fixed_threshold
    }

    /// The potential of a state at the threshold.
    #[must_use]
    pub fn threshold_membrane(&self, state: Vector<T>) -> T {
        (self.maps.threshold_membrane)(self.p(), state)
    }

    /// `∫ e^(−decay_rate · s) V ds` over the next `dt` seconds; `over` is (`dt`, `decay_rate`).
    #[must_use]
    pub fn integral(&self, state: Vector<T>, over: (T, T)) -> T {
        (self.maps.integral)(self.p(), state, over)
    }

    /// The same within the refractory time.
    #[must_use]
    pub fn held_integral(&self, state: Vector<T>, over: (T, T)) -> T {
        (self.maps.held_integral)(self.p(), state, over)
    }

    /// Calls `each` with the time to every maximum of the potential within the next `dt` seconds, in order.
    pub fn maxima(&self, state: Vector<T>, dt: f64, mut each: impl FnMut(T)) {
        let (numbers, count) = self.real();
        (self.model.maxima)(&numbers[..count], state.map(Scalar::re), &mut |real| {
            if real > dt {
                return;
            }
            if !T::CARRIES_DERIVATIVE {
                return each(real.into());
            }
            // V̇ = 0 also in its infinitesimal part.
            let at = self.flow(state, real.into());
            let bend = self.membrane_bend(at);
            each((T::from(real) - self.membrane_rate(at) / bend).with_re(real));
        });
    }

    /// The refractory time, in seconds.
    #[must_use]
    pub fn refractory(&self) -> T {
        self.model.refractory.map_or(T::from(0.0), |position| self.numbers[position])
    }

    /// A lower bound of the time to the next spike. What is no time bounds nothing, as zero does.
    #[must_use]
    pub fn earliest_spike(&self, state: Vector<T>) -> Option<f64> {
        let (numbers, count) = self.real();
        let bound = (self.model.earliest_spike)(&numbers[..count], state.map(Scalar::re))?;
        // Of zero and not a number this is zero.
        Some(bound.max(0.0))
    }

    /// Whether and when it spikes next if nothing arrives.
    #[must_use]
    pub fn next_spike(&self, state: Vector<T>) -> Outlook<T> {
        let (numbers, count) = self.real();
        let (numbers, real_state) = (&numbers[..count], state.map(Scalar::re));
        let outlook = (self.model.outlook)(numbers, real_state);
        let (real, known) = match outlook {
            Some(Outlook::Silent) => return Outlook::Silent,
            Some(Outlook::Jump) => return Outlook::Jump,
            Some(Outlook::Touch { dt }) => return Outlook::Touch { dt: dt.into() },
            Some(Outlook::Nonsense { dt }) => return Outlook::Nonsense { dt },
            Some(Outlook::Crossing { dt, slope }) => (dt, Some(slope)),
            None => match (self.model.next_spike)(numbers, real_state) {
                Some(real) => (real, None),
                None => return Outlook::Silent,
            },
        };
        if real.is_nan() || real < 0.0 {
            return Outlook::Nonsense { dt: real };
        }
        if let Some(slope) = known
            && !T::CARRIES_DERIVATIVE
        {
            return Outlook::Crossing { dt: real.into(), slope: slope.into() };
        }
        let slope_of = |state: Vector<T>| {
            let slope = self.slope(state);
            known.map_or(slope, |known| slope.with_re(known))
        };
        let at = self.flow(state, T::from(real));
        let slope = slope_of(at);
        if slope.re() <= 0.0 && known.is_none() {
            return Outlook::Touch { dt: T::from(real) };
        }
        if !T::CARRIES_DERIVATIVE {
            return Outlook::Crossing { dt: T::from(real), slope };
        }
        // The time solves g(x(t)) = 0: a step of Newton carries its derivative.
        let dt = (T::from(real) - (self.maps.threshold)(self.p(), at) / slope).with_re(real);
        Outlook::Crossing { dt, slope: slope_of(self.flow(state, dt)) }
    }

    /// d(threshold function)/dt of a free neuron.
    #[must_use]
    pub fn slope(&self, state: Vector<T>) -> T {
        self.along_motion(self.duals.threshold, state)
    }

    /// The derivative of a map along the free motion, per second.
    fn along_motion(&self, map: MapOfState<T>, state: Vector<T>) -> T {
        self.along(map, state, self.rate(state, false))
    }

    /// d²V/dt² of a free neuron whose potential is a sum of its components.
    fn membrane_bend(&self, state: Vector<T>) -> T {
        let rate = self.rate(state, false);
        let moving = std::array::from_fn(|k| Dual::new(state[k], rate[k]));
        let p = self.numbers.map(|x| Dual::new(x, T::from(0.0)));
        let bend = (self.duals.rate)(&p[..self.p().len()], moving).map(|x| x.eps);
        self.along(self.duals.membrane, state, bend)
    }

    fn along(&self, map: MapOfState<T>, state: Vector<T>, rate: Vector<T>) -> T {
        let moving = std::array::from_fn(|k| Dual::new(state[k], rate[k]));
        let p = self.numbers.map(|x| Dual::new(x, T::from(0.0)));
        map(&p[..self.p().len()], moving).eps
    }
}
