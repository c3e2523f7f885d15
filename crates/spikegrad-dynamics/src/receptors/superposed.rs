//! A linear neuron under any number of currents, as the sum of neurons under one each.
//!
//! Between its spikes a membrane is linear in its currents: V is what it would be under the first alone, plus what each of the others would leave in a
//! membrane that starts and rests at 0. So a neuron with K receptors needs no motion of its own ([`Lif`] has it, docs/mathematics.md, eqs. 3–9 and 27m), and
//! with one receptor it is that neuron, to the bit. Only the search for its next spike is another one (`exponentials/`).
//!
//! This is what the layered sweep runs; the event loop has the equations of `mod.rs`. Not here: many neurons side by side (`lanes/`), what their
//! numbers collect (`places.rs`).

use super::places::{Places, places};
use crate::exponentials::{Course, Current};
use crate::lif::{
    Averaging, I_BIAS, IntegratorParameters, LifParameters, TAU_MEM, Tangent, V_LEAK, V_TH, sum,
};
use crate::{
    Adjoint, AnyNeuron, COMPONENTS, GeneralNeuron, Lif, Neuron, NeuronAdjoint, OtherTimeConstants,
    Outlook, State, TimeConstants, Vector,
};

/// A neuron with K receptors: under its first current, and what each of the others leaves in it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Superposed<const K: usize>([Lif<f64>; K]);

/// Potential above its datum, as that of [`State`], and currents; or the adjoint of these.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CurrentsState<const K: usize> {
    /// Potential.
    pub v: f64,
    /// Current at each receptor.
    pub i: [f64; K],
}

/// Derivatives by the time constants, as [`Tangent`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CurrentsTangent<const K: usize> {
    /// ∂`v/∂τ_mem`, in potential per second.
    pub v_mem: f64,
    /// ∂`v/∂τ_syn` of each receptor, in potential per second.
    pub v_syn: [f64; K],
    /// ∂`i/∂τ_syn` at each receptor, in current per second.
    pub i_syn: [f64; K],
}

/// [`Averaging`] for each current.
#[derive(Clone, Copy, Debug)]
pub struct CurrentsAveraging<const K: usize>([Averaging<f64>; K]);

impl<const K: usize> Default for CurrentsState<K> {
    fn default() -> Self {
        Self { v: 0.0, i: [0.0; K] }
    }
}

impl<const K: usize> Default for CurrentsTangent<K> {
    fn default() -> Self {
        Self { v_mem: 0.0, v_syn: [0.0; K], i_syn: [0.0; K] }
    }
}

impl<const K: usize> Default for CurrentsAveraging<K> {
    fn default() -> Self {
        Self([Averaging::default(); K])
    }
}

impl<const K: usize> CurrentsTangent<K> {
    /// ∂`v/∂τ_syn` of the receptors but the first; what is beyond the last is zero.
    #[must_use]
    pub fn of_others(&self) -> OtherTimeConstants<f64> {
        let mut others = OtherTimeConstants::default();
        others[..K - 1].copy_from_slice(&self.v_syn[1..]);
        others
    }
}

impl From<Lif<f64>> for Superposed<1> {
    fn from(neuron: Lif<f64>) -> Self {
        Self([neuron])
    }
}

/// A neuron of a kind some or all of which are linear.
pub trait ByParts: Neuron<f64> {
    /// The neuron by its parts; `None` if it is not linear, or has not K receptors.
    fn superposed<const K: usize>(&self) -> Option<Superposed<K>>;
    /// [`Lif::crossing_condition`] of a linear neuron.
    fn crossing_condition(&self, slope: f64) -> f64;
}

impl ByParts for Lif<f64> {
    fn superposed<const K: usize>(&self) -> Option<Superposed<K>> {
        (K == 1).then_some(Superposed([*self; K]))
    }
    #[inline]
    fn crossing_condition(&self, slope: f64) -> f64 {
        Self::crossing_condition(self, slope)
    }
}

impl ByParts for AnyNeuron<f64> {
    fn superposed<const K: usize>(&self) -> Option<Superposed<K>> {
        match self {
            Self::Lif(neuron) => neuron.superposed(),
            Self::General(neuron) => Superposed::of(neuron),
        }
    }
    fn crossing_condition(&self, slope: f64) -> f64 {
        match self {
            Self::Lif(neuron) => neuron.crossing_condition(slope),
            Self::General(neuron) => crossing_condition(neuron, slope),
        }
    }
}

/// Of a neuron of a model of this folder, without its parts.
fn crossing_condition(neuron: &GeneralNeuron<f64>, slope: f64) -> f64 {
    let Some(Places { of_lif, .. }) = places(neuron.model()) else { return 0.0 };
    let number = |position: usize| neuron.p()[of_lif[position]];
    let rest = sum(number(V_LEAK), number(I_BIAS), -number(V_TH));
    number(TAU_MEM) + 2.0 * rest.abs() / slope
}

impl<const K: usize> Superposed<K> {
    /// The neuron of a model of this folder; `None` if it is of another model, or has another number of receptors.
    #[must_use]
    pub fn of(neuron: &GeneralNeuron<f64>) -> Option<Self> {
        let Places { of_lif, spikes } = places(neuron.model())?;
        if neuron.model().receptors() != K {
            return None;
        }
        let numbers = neuron.p();
        let number = |position: usize| numbers[of_lif[position]];
        let taus = &numbers[of_lif[crate::lif::TAU_SYN]..][..K];
        let under = |tau_syn: f64, v_leak: f64, i_bias: f64| {
            Lif::integrator(IntegratorParameters {
                tau_mem: number(TAU_MEM),
                tau_syn,
                v_leak,
                i_bias,
            })
        };
        let mut parts: [Lif<f64>; K] = std::array::from_fn(|k| under(taus[k], 0.0, 0.0));
        // What a unit current of either leaves in the membrane at most: a bound for all.
        let peak = parts.iter().fold(0.0, |peak: f64, part| peak.max(part.response_peak()));
        let first = if spikes {
            Lif::new(LifParameters::from_table(number))
        } else {
            under(taus[0], number(V_LEAK), number(I_BIAS))
        };
        parts[0] = first.with_response_peak(peak);
        Some(Self(parts))
    }

    /// What is not a matter of currents: threshold, reset, rest.
    #[must_use]
    pub fn membrane_alone(&self) -> &Lif<f64> {
        &self.0[0]
    }

    /// Time constants of the membrane and of each receptor, in seconds.
    pub(crate) fn taus(&self) -> (f64, [f64; K]) {
        let mut taus = [0.0; K];
        for (tau, part) in taus.iter_mut().zip(&self.0) {
            [_, *tau] = part.time_constants();
        }
        (self.0[0].time_constants()[0], taus)
    }

    /// The resting value above the datum.
    pub(crate) fn rest(&self) -> f64 {
        self.0[0].rest()
    }

    /// The largest response to a unit current.
    pub(crate) fn response_peak(&self) -> f64 {
        self.0[0].response_peak()
    }

    /// Whether the membrane is so much faster than a synapse that its rate cannot be read off its state ([`Lif::follows_its_current`]).
    #[must_use]
    pub fn follows_its_current(&self) -> bool {
        self.0.iter().any(Lif::follows_its_current)
    }

    /// The sum of `of` each part, the first with the potential and the others without.
    #[inline(always)]
    fn sum(
        &self,
        at: CurrentsState<K>,
        mut of: impl FnMut(usize, &Lif<f64>, State<f64>) -> f64,
    ) -> f64 {
        let mut sum = of(0, &self.0[0], State { v: at.v, i: at.i[0] });
        for k in 1..K {
            sum += of(k, &self.0[k], State { v: 0.0, i: at.i[k] });
        }
        sum
    }

    /// All currents together.
    #[inline(always)]
    fn total(i: [f64; K]) -> f64 {
        let mut total = i[0];
        for &current in &i[1..] {
            total += current;
        }
        total
    }

    /// Under all currents as if they were one: right for rates, which know no time constant.
    #[inline(always)]
    fn together(at: CurrentsState<K>) -> State<f64> {
        State { v: at.v, i: Self::total(at.i) }
    }

    /// ∂/∂`τ_mem` and ∂/∂`τ_syn` of the integral of the potential.
    fn integral_tangents(
        &self,
        (at, tangent): (CurrentsState<K>, CurrentsTangent<K>),
        over: (f64, f64),
        cache: &mut CurrentsAveraging<K>,
    ) -> (f64, [f64; K]) {
        let mut by_syn = [0.0; K];
        let by_mem = self.sum(at, |k, part, state| {
            let v_mem = if k == 0 { tangent.v_mem } else { 0.0 };
            let of_part = Tangent { v_mem, v_syn: tangent.v_syn[k], i_syn: tangent.i_syn[k] };
            let [mem, syn] = part.integral_tangent((state, of_part), over, &mut cache.0[k]);
            by_syn[k] = syn;
            mem
        });
        (by_mem, by_syn)
    }

    /// Its parts: under its first current, and what each of the others leaves in it.
    #[must_use]
    pub fn parts(&self) -> &[Lif<f64>; K] {
        &self.0
    }

    /// Calls `with` with the course from this state on.
    fn with_course<R>(&self, at: CurrentsState<K>, with: impl FnOnce(Course<'_>) -> R) -> R {
        let (tau_mem, taus) = self.taus();
        let mut currents = [Current::default(); COMPONENTS];
        for k in 0..K {
            currents[k] = Current { size: at.i[k], tau: taus[k] };
        }
        with(Course { height: at.v, rest: self.rest(), tau_mem, currents: &currents[..K] })
    }

    /// Pulls the adjoint of a read-out back, as [`NeuronAdjoint::read_pullback`].
    #[must_use]
    pub fn read_pullback(
        &self,
        membrane: f64,
        Adjoint(after): Adjoint<CurrentsState<K>>,
    ) -> Adjoint<CurrentsState<K>> {
        Adjoint(CurrentsState { v: after.v + membrane, ..after })
    }

    /// As [`NeuronAdjoint::release_pullback`]: currents go on.
    #[must_use]
    #[inline]
    pub fn release_pullback(
        &self,
        rate: f64,
        Adjoint(after): Adjoint<CurrentsState<K>>,
    ) -> (Adjoint<CurrentsState<K>>, f64) {
        let (Adjoint(before), time) =
            self.0[0].release_pullback(rate, Adjoint(State { v: after.v, i: after.i[0] }));
        (Adjoint(CurrentsState { v: before.v, ..after }), time)
    }

    /// As [`NeuronAdjoint::spike_pullback`]: currents go on.
    #[must_use]
    #[inline]
    pub fn spike_pullback(
        &self,
        slope: f64,
        time: f64,
        Adjoint(after): Adjoint<CurrentsState<K>>,
    ) -> (Adjoint<CurrentsState<K>>, f64) {
        let (Adjoint(before), membrane) =
            self.0[0].spike_pullback(slope, time, Adjoint(State { v: after.v, i: after.i[0] }));
        (Adjoint(CurrentsState { v: before.v, ..after }), membrane)
    }

    /// Whether nothing depends on the state.
    #[must_use]
    #[inline]
    pub fn is_zero_adjoint(&self, Adjoint(adjoint): Adjoint<CurrentsState<K>>) -> bool {
        adjoint.v == 0.0 && adjoint.i.iter().all(|&i| i == 0.0)
    }
}

impl<const K: usize> Neuron<f64> for Superposed<K> {
    type State = CurrentsState<K>;
    type Tangent = CurrentsTangent<K>;
    type Averaging = CurrentsAveraging<K>;

    fn to_vector(state: CurrentsState<K>) -> Vector<f64> {
        let mut vector = [0.0; COMPONENTS];
        vector[0] = state.v;
        vector[1..=K].copy_from_slice(&state.i);
        vector
    }
    fn from_vector(vector: Vector<f64>) -> CurrentsState<K> {
        CurrentsState { v: vector[0], i: std::array::from_fn(|k| vector[1 + k]) }
    }
    fn takes_current(&self) -> bool {
        self.0[0].takes_current()
    }
    fn with_current(&self, current: f64) -> Self {
        let mut driven = *self;
        driven.0[0] = driven.0[0].with_current(current);
        driven
    }
    #[inline(always)]
    fn flow(&self, mut at: CurrentsState<K>, dt: f64) -> CurrentsState<K> {
        let before = at;
        at.v = self.sum(
            before,
            #[inline(always)]
            |k, part, state| {
                let after = part.flow(state, dt);
                at.i[k] = after.i;
                after.v
            },
        );
        at
    }
    fn hold(&self, at: CurrentsState<K>, dt: f64) -> CurrentsState<K> {
        let mut held = at;
        for k in 0..K {
            held.i[k] = self.0[k].hold(State { v: 0.0, i: at.i[k] }, dt).i;
        }
        held
    }
    fn reset(&self, before: CurrentsState<K>) -> CurrentsState<K> {
        let v = self.0[0].reset(State { v: before.v, i: before.i[0] }).v;
        CurrentsState { v, ..before }
    }
    fn receive(&self, before: CurrentsState<K>, weight: f64) -> CurrentsState<K> {
        self.receive_at(before, 0, weight)
    }
    #[inline(always)]
    fn receive_at(
        &self,
        mut at: CurrentsState<K>,
        receptor: usize,
        weight: f64,
    ) -> CurrentsState<K> {
        at.i[receptor] += weight;
        at
    }
    fn refractory(&self) -> f64 {
        self.0[0].refractory()
    }
    fn membrane(&self, at: CurrentsState<K>) -> f64 {
        self.0[0].membrane(Self::together(at))
    }
    fn membrane_rate(&self, at: CurrentsState<K>) -> f64 {
        self.0[0].membrane_rate(Self::together(at))
    }
    fn rate_after(&self, before: CurrentsState<K>, dt: f64) -> f64 {
        self.sum(before, |_, part, state| part.rate_after(state, dt))
    }
    fn height(&self, at: CurrentsState<K>) -> f64 {
        at.v
    }
    fn clamped_membrane(&self) -> f64 {
        self.0[0].clamped_membrane()
    }
    fn threshold_membrane(&self, at: CurrentsState<K>) -> f64 {
        self.0[0].threshold_membrane(Self::together(at))
    }
    fn drop_at_spike(&self) -> f64 {
        self.0[0].drop_at_spike()
    }
    fn rate_change(&self, weight: f64) -> f64 {
        self.0[0].rate_change(weight)
    }
    fn integral(
        &self,
        at: CurrentsState<K>,
        over: (f64, f64),
        cache: &mut CurrentsAveraging<K>,
    ) -> f64 {
        self.sum(at, |k, part, state| part.integral(state, over, &mut cache.0[k]))
    }
    fn clamped_integral(&self, at: CurrentsState<K>, over: (f64, f64)) -> f64 {
        self.0[0].clamped_integral(Self::together(at), over)
    }
    fn with_real_part(&self, _: CurrentsState<K>, other: CurrentsState<K>) -> CurrentsState<K> {
        other
    }
    fn is_finite(&self, at: CurrentsState<K>) -> bool {
        at.v.is_finite() && at.i.iter().all(|i| i.is_finite())
    }
    fn earliest_crossing(&self, at: CurrentsState<K>) -> Option<f64> {
        if K == 1 {
            return self.0[0].earliest_crossing(Self::together(at));
        }
        self.with_course(at, |course| course.earliest_crossing())
    }
    #[inline(always)]
    fn is_silent_for(&self, at: CurrentsState<K>, dt: f64) -> bool {
        if K == 1 {
            return self.0[0].is_silent_for(Self::together(at), dt);
        }
        // Without those that only lower it the potential is higher.
        let i = at.i.iter().fold(0.0, |sum, i| sum + i.max(0.0));
        self.0[0].is_silent_for(State { v: at.v, i }, dt)
    }
    fn next_crossing(&self, at: CurrentsState<K>) -> Outlook<f64> {
        if K == 1 {
            return self.0[0].next_crossing(Self::together(at));
        }
        self.with_course(at, |course| course.first_crossing())
    }
    fn next_maximum(&self, at: CurrentsState<K>) -> Option<f64> {
        if K == 1 {
            return self.0[0].next_maximum(Self::together(at));
        }
        let mut first = None;
        self.with_course(at, |course| {
            course.maxima(&mut |dt| {
                first.get_or_insert(dt);
            });
        });
        first
    }
    fn several_maxima(&self, at: CurrentsState<K>, dt: f64, each: &mut dyn FnMut(f64)) -> bool {
        if K > 1 {
            self.with_course(at, |course| {
                course.maxima(&mut |peak| {
                    if peak <= dt {
                        each(peak);
                    }
                });
            });
        }
        K > 1
    }
    #[inline]
    fn flow_with_tangent(
        &self,
        mut at: CurrentsState<K>,
        mut tangent: CurrentsTangent<K>,
        dt: f64,
    ) -> (CurrentsState<K>, CurrentsTangent<K>) {
        let (before, CurrentsTangent { v_mem, v_syn, i_syn }) = (at, tangent);
        tangent.v_mem = 0.0;
        at.v = self.sum(
            before,
            #[inline(always)]
            |k, part, state| {
                let v_mem = if k == 0 { v_mem } else { 0.0 };
                let of_part = Tangent { v_mem, v_syn: v_syn[k], i_syn: i_syn[k] };
                let (after, moved) = part.flow_with_tangent(state, of_part, dt);
                tangent.v_mem += moved.v_mem;
                (at.i[k], tangent.v_syn[k], tangent.i_syn[k]) = (after.i, moved.v_syn, moved.i_syn);
                after.v
            },
        );
        (at, tangent)
    }
    fn hold_tangent(
        &self,
        tangent: CurrentsTangent<K>,
        before: CurrentsState<K>,
        dt: f64,
    ) -> CurrentsTangent<K> {
        let mut held = tangent;
        for k in 0..K {
            let of_part = Tangent { i_syn: tangent.i_syn[k], ..Tangent::default() };
            let state = State { v: 0.0, i: before.i[k] };
            held.i_syn[k] = self.0[k].hold_tangent(of_part, state, dt).i_syn;
        }
        held
    }
    fn reset_tangent(&self, tangent: CurrentsTangent<K>) -> CurrentsTangent<K> {
        CurrentsTangent { v_mem: 0.0, v_syn: [0.0; K], ..tangent }
    }
    /// Of the receptors only the first: those by the others are [`CurrentsTangent::of_others`].
    fn membrane_tangent(&self, tangent: CurrentsTangent<K>) -> TimeConstants<f64> {
        [tangent.v_mem, tangent.v_syn[0]]
    }
    /// Of the receptors only the first.
    fn integral_tangent(
        &self,
        before: (CurrentsState<K>, CurrentsTangent<K>),
        over: (f64, f64),
        cache: &mut CurrentsAveraging<K>,
    ) -> TimeConstants<f64> {
        let (by_mem, by_syn) = self.integral_tangents(before, over, cache);
        [by_mem, by_syn[0]]
    }
    const HAS_OTHERS: bool = K > 1;
    fn other_integral_tangents(
        &self,
        before: (CurrentsState<K>, CurrentsTangent<K>),
        over: (f64, f64),
        cache: &mut CurrentsAveraging<K>,
    ) -> OtherTimeConstants<f64> {
        let (v_mem, v_syn) = self.integral_tangents(before, over, cache);
        CurrentsTangent { v_mem, v_syn, i_syn: v_syn }.of_others()
    }
}
