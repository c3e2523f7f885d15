//! A neuron of any model, for networks in which not all are linear.
//!
//! Linear ones keep the pullbacks of their own, which need no state; of the others only the maps are asked here ([`Neuron::as_general`]).
//! Not here: the models.

use crate::lif::{Averaging, COUNT, Tangent};
use crate::{
    Adjoint, Arrival, COMPONENTS, GeneralNeuron, Lif, LifGradient, NUMBERS, Neuron, NeuronAdjoint,
    NeuronGradient, Outlook, Scalar, TimeConstants, Vector,
};

/// A neuron of any model.
#[derive(Clone, Copy, Debug)]
pub enum AnyNeuron<T: Scalar> {
    /// A leaky integrate-and-fire neuron, or a leaky integrator.
    Lif(Lif<T>),
    /// A neuron with given equations.
    General(GeneralNeuron<T>),
}

/// ∂L/∂(each number of a neuron), in the order of its model's table.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct AnyGradient<T>([T; NUMBERS]);

impl<T: Scalar> NeuronGradient<T> for AnyGradient<T> {
    fn as_slice(&self) -> &[T] {
        &self.0
    }
    fn as_mut_slice(&mut self) -> &mut [T] {
        &mut self.0
    }
}

impl<T: Scalar> AnyGradient<T> {
    /// Adds what `collect` adds to the gradient of a leaky integrate-and-fire neuron.
    fn as_lif(&mut self, collect: impl FnOnce(&mut LifGradient<T>)) {
        let mut part = LifGradient::default();
        collect(&mut part);
        self.0[..COUNT].iter_mut().zip(part.as_slice()).for_each(|(into, &x)| *into += x);
    }
}

impl<T: Scalar> AnyNeuron<T> {
    /// What is asked of linear neurons alone.
    fn linear(&self) -> &Lif<T> {
        match self {
            Self::Lif(neuron) => neuron,
            Self::General(_) => unreachable!("asked of a neuron that is not linear"),
        }
    }
}

fn state<T: Scalar>(vector: Vector<T>) -> crate::State<T> {
    Lif::from_vector(vector)
}

fn adjoint<T: Scalar>(vector: Adjoint<Vector<T>>) -> Adjoint<crate::State<T>> {
    Adjoint(state(vector.0))
}

fn vector<T: Scalar>(adjoint: Adjoint<crate::State<T>>) -> Adjoint<Vector<T>> {
    Adjoint(Lif::to_vector(adjoint.0))
}

impl<T: Scalar> Neuron<T> for AnyNeuron<T> {
    type State = Vector<T>;
    type Tangent = Tangent<T>;
    type Averaging = Averaging<T>;

    fn as_general(&self) -> Option<&GeneralNeuron<T>> {
        match self {
            Self::Lif(_) => None,
            Self::General(neuron) => Some(neuron),
        }
    }
    fn to_vector(state: Vector<T>) -> Vector<T> {
        state
    }
    fn from_vector(vector: Vector<T>) -> Vector<T> {
        vector
    }
    fn takes_current(&self) -> bool {
        match self {
            Self::Lif(neuron) => neuron.takes_current(),
            Self::General(neuron) => neuron.takes_current(),
        }
    }
    fn with_current(&self, current: T) -> Self {
        match self {
            Self::Lif(neuron) => Self::Lif(neuron.with_current(current)),
            Self::General(neuron) => Self::General(neuron.with_current(current)),
        }
    }
    fn flow(&self, before: Vector<T>, dt: T) -> Vector<T> {
        match self {
            Self::Lif(neuron) => Lif::to_vector(neuron.flow(state(before), dt)),
            Self::General(neuron) => neuron.flow(before, dt),
        }
    }
    fn hold(&self, before: Vector<T>, dt: T) -> Vector<T> {
        match self {
            Self::Lif(neuron) => Lif::to_vector(neuron.hold(state(before), dt)),
            Self::General(neuron) => neuron.hold(before, dt),
        }
    }
    fn reset(&self, before: Vector<T>) -> Vector<T> {
        match self {
            Self::Lif(neuron) => Lif::to_vector(neuron.reset(state(before))),
            Self::General(neuron) => neuron.reset(before),
        }
    }
    fn receive(&self, before: Vector<T>, weight: T) -> Vector<T> {
        match self {
            Self::Lif(neuron) => Lif::to_vector(neuron.receive(state(before), weight)),
            Self::General(neuron) => neuron.receive(before, 0, weight),
        }
    }
    fn receive_at(&self, before: Vector<T>, receptor: usize, weight: T) -> Vector<T> {
        match self {
            Self::Lif(neuron) => Lif::to_vector(neuron.receive(state(before), weight)),
            Self::General(neuron) => neuron.receive(before, receptor, weight),
        }
    }
    fn refractory(&self) -> T {
        match self {
            Self::Lif(neuron) => neuron.refractory(),
            Self::General(neuron) => neuron.refractory(),
        }
    }
    fn membrane(&self, at: Vector<T>) -> T {
        match self {
            Self::Lif(neuron) => neuron.membrane(state(at)),
            Self::General(neuron) => neuron.membrane(at),
        }
    }
    fn membrane_rate(&self, at: Vector<T>) -> T {
        match self {
            Self::Lif(neuron) => neuron.membrane_rate(state(at)),
            // Where its potential is not read nobody asks: the whole rate of its state is known.
            Self::General(neuron) if neuron.is_read() => neuron.membrane_rate(at),
            Self::General(_) => T::from(0.0),
        }
    }
    fn rate_after(&self, before: Vector<T>, dt: T) -> T {
        match self {
            Self::Lif(neuron) => neuron.rate_after(state(before), dt),
            Self::General(neuron) => neuron.rate_after(before, dt),
        }
    }
    fn height(&self, at: Vector<T>) -> f64 {
        match self {
            Self::Lif(neuron) => neuron.height(state(at)),
            Self::General(neuron) => neuron.membrane(at).re(),
        }
    }
    fn clamped_membrane(&self) -> T {
        self.linear().clamped_membrane()
    }
    fn threshold_membrane(&self, at: Vector<T>) -> T {
        match self {
            Self::Lif(neuron) => neuron.threshold_membrane(state(at)),
            Self::General(neuron) => neuron.threshold_membrane(at),
        }
    }
    fn has_fixed_threshold(&self) -> bool {
        match self {
            Self::Lif(neuron) => neuron.has_fixed_threshold(),
            Self::General(neuron) => neuron.has_fixed_threshold(),
        }
    }
    fn drop_at_spike(&self) -> T {
        self.linear().drop_at_spike()
    }
    fn rate_change(&self, weight: T) -> T {
        self.linear().rate_change(weight)
    }
    fn integral(&self, before: Vector<T>, over: (T, T), cache: &mut Averaging<T>) -> T {
        match self {
            Self::Lif(neuron) => neuron.integral(state(before), over, cache),
            Self::General(neuron) => neuron.integral(before, over),
        }
    }
    fn clamped_integral(&self, held: Vector<T>, over: (T, T)) -> T {
        match self {
            Self::Lif(neuron) => neuron.clamped_integral(state(held), over),
            Self::General(neuron) => neuron.held_integral(held, over),
        }
    }
    fn with_real_part(&self, one: Vector<T>, other: Vector<T>) -> Vector<T> {
        std::array::from_fn(|k| one[k].with_re(other[k].re()))
    }
    fn is_finite(&self, state: Vector<T>) -> bool {
        state.iter().all(|x| x.is_all_finite())
    }
    fn earliest_crossing(&self, at: Vector<T>) -> Option<f64> {
        match self {
            Self::Lif(neuron) => neuron.earliest_crossing(state(at)),
            Self::General(neuron) => neuron.earliest_spike(at),
        }
    }
    fn next_crossing(&self, at: Vector<T>) -> Outlook<T> {
        match self {
            Self::Lif(neuron) => neuron.next_crossing(state(at)),
            Self::General(neuron) => neuron.next_spike(at),
        }
    }
    fn next_maximum(&self, at: Vector<T>) -> Option<T> {
        self.linear().next_maximum(state(at))
    }
    fn several_maxima(&self, at: Vector<T>, dt: f64, each: &mut dyn FnMut(T)) -> bool {
        let Self::General(neuron) = self else { return false };
        neuron.maxima(at, dt, each);
        true
    }
    fn flow_with_tangent(
        &self,
        before: Vector<T>,
        tangent: Tangent<T>,
        dt: T,
    ) -> (Vector<T>, Tangent<T>) {
        match self {
            Self::Lif(neuron) => {
                let (after, tangent) = neuron.flow_with_tangent(state(before), tangent, dt);
                (Lif::to_vector(after), tangent)
            }
            Self::General(neuron) => (neuron.flow(before, dt), tangent),
        }
    }
    fn hold_tangent(&self, tangent: Tangent<T>, before: Vector<T>, dt: T) -> Tangent<T> {
        match self {
            Self::Lif(neuron) => neuron.hold_tangent(tangent, state(before), dt),
            Self::General(_) => tangent,
        }
    }
    fn reset_tangent(&self, tangent: Tangent<T>) -> Tangent<T> {
        match self {
            Self::Lif(neuron) => neuron.reset_tangent(tangent),
            Self::General(_) => tangent,
        }
    }
    fn membrane_tangent(&self, tangent: Tangent<T>) -> TimeConstants<T> {
        match self {
            Self::Lif(neuron) => neuron.membrane_tangent(tangent),
            Self::General(_) => TimeConstants::default(),
        }
    }
    fn integral_tangent(
        &self,
        (before, tangent): (Vector<T>, Tangent<T>),
        over: (T, T),
        cache: &mut Averaging<T>,
    ) -> TimeConstants<T> {
        match self {
            Self::Lif(neuron) => neuron.integral_tangent((state(before), tangent), over, cache),
            Self::General(_) => TimeConstants::default(),
        }
    }
}

impl<T: Scalar> NeuronAdjoint<T> for AnyNeuron<T> {
    type Gradient = AnyGradient<T>;

    fn flow_pullback(&self, dt: T, after: Adjoint<Vector<T>>) -> Adjoint<Vector<T>> {
        vector(self.linear().flow_pullback(dt, adjoint(after)))
    }
    fn hold_pullback(&self, dt: T, after: Adjoint<Vector<T>>) -> Adjoint<Vector<T>> {
        vector(self.linear().hold_pullback(dt, adjoint(after)))
    }
    fn current_pullback(&self, dt: T, after: Adjoint<Vector<T>>) -> T {
        self.linear().current_pullback(dt, adjoint(after))
    }
    fn current_of_integral_pullback(&self, integral: T, over: (T, T)) -> T {
        self.linear().current_of_integral_pullback(integral, over)
    }
    fn step_pullback(&self, change: T, after: Adjoint<Vector<T>>) -> T {
        self.linear().step_pullback(change, adjoint(after))
    }
    fn integral_pullback(
        &self,
        integral: T,
        over: (T, T),
        cache: &mut Averaging<T>,
    ) -> Adjoint<Vector<T>> {
        vector(self.linear().integral_pullback(integral, over, cache))
    }
    fn receive_pullback(&self, weight: T, after: Adjoint<Vector<T>>) -> Arrival<T> {
        self.linear().receive_pullback(weight, adjoint(after))
    }
    fn leaks(&self) -> Option<TimeConstants<T>> {
        match self {
            Self::Lif(neuron) => neuron.leaks(),
            Self::General(_) => None,
        }
    }
    fn release_pullback(&self, rate: T, after: Adjoint<Vector<T>>) -> (Adjoint<Vector<T>>, T) {
        let (before, time) = self.linear().release_pullback(rate, adjoint(after));
        (vector(before), time)
    }
    fn spike_pullback(
        &self,
        slope: T,
        time: T,
        after: Adjoint<Vector<T>>,
    ) -> (Adjoint<Vector<T>>, T) {
        let (before, membrane) = self.linear().spike_pullback(slope, time, adjoint(after));
        (vector(before), membrane)
    }
    fn read_pullback(&self, membrane: T, after: Adjoint<Vector<T>>) -> Adjoint<Vector<T>> {
        vector(self.linear().read_pullback(membrane, adjoint(after)))
    }
    fn no_adjoint(&self) -> Adjoint<Vector<T>> {
        Adjoint([T::from(0.0); COMPONENTS])
    }
    fn is_zero_adjoint(&self, adjoint: Adjoint<Vector<T>>) -> bool {
        adjoint.0.iter().all(|x| x.is_exactly_zero())
    }
    fn add_adjoints(&self, a: Adjoint<Vector<T>>, b: Adjoint<Vector<T>>) -> Adjoint<Vector<T>> {
        Adjoint(std::array::from_fn(|k| a.0[k] + b.0[k]))
    }
    fn membrane_pullback(
        &self,
        membrane: T,
        elapsed: T,
        after_reset: bool,
        tangent: TimeConstants<T>,
        gradient: &mut AnyGradient<T>,
    ) {
        let neuron = self.linear();
        gradient.as_lif(|g| neuron.membrane_pullback(membrane, elapsed, after_reset, tangent, g));
    }
    fn threshold_pullback(&self, slope: T, time: T, gradient: &mut AnyGradient<T>) {
        gradient.as_lif(|g| self.linear().threshold_pullback(slope, time, g));
    }
    fn refractory_pullback(&self, time: T, gradient: &mut AnyGradient<T>) {
        gradient.as_lif(|g| self.linear().refractory_pullback(time, g));
    }
    fn clamped_pullback(&self, membrane: T, gradient: &mut AnyGradient<T>) {
        gradient.as_lif(|g| self.linear().clamped_pullback(membrane, g));
    }
    fn threshold_membrane_pullback(&self, membrane: T, gradient: &mut AnyGradient<T>) {
        gradient.as_lif(|g| self.linear().threshold_membrane_pullback(membrane, g));
    }
    fn free_integral_pullback(
        &self,
        integral: T,
        over: (T, T),
        after_reset: bool,
        gradient: &mut AnyGradient<T>,
    ) {
        let neuron = self.linear();
        gradient.as_lif(|g| neuron.free_integral_pullback(integral, over, after_reset, g));
    }
    fn clamped_integral_pullback(&self, integral: T, over: (T, T), gradient: &mut AnyGradient<T>) {
        gradient.as_lif(|g| self.linear().clamped_integral_pullback(integral, over, g));
    }
    fn time_constants_pullback(
        &self,
        cotangent: T,
        tangent: TimeConstants<T>,
        gradient: &mut AnyGradient<T>,
    ) {
        gradient.as_lif(|g| self.linear().time_constants_pullback(cotangent, tangent, g));
    }
    fn initial_pullback(&self, after: Adjoint<Vector<T>>, gradient: &mut AnyGradient<T>) {
        gradient.as_lif(|g| self.linear().initial_pullback(adjoint(after), g));
    }
}
