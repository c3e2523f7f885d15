//! Linear neurons: a leaky membrane under currents that decay, and nothing else. `lif` and `li` with receptors and `alif` are that ([`Linear`]), and differ in
//! where their numbers stand, and in what they have.
//!
//! The state is (u, I₁, I₂, …, a): the potential above its datum, the currents of the receptors, and the adaptation, if there is one. The datum is the threshold as
//! it is now, `v_th` + β a, so that what decides about a spike is known to its own last bits; without a threshold it is the resting value. The adaptation is one more
//! current, of the size κ a (docs/mathematics.md, eqs. 27e and 27f).
//!
//! Not here: the search of a crossing (`crossing.rs`), reverse rules (`pullback.rs`).

use super::{Course, Current};
use crate::general::vector;
use crate::lif::flow::of_lengths;
use crate::lif::sum;
use crate::table::excess;
use crate::{COMPONENTS, Equations, NeuronMap, Outlook, Scalar, Table, Vector, exp_divided};
use std::marker::PhantomData;

/// Position of the membrane time constant of any of them.
pub(crate) const TAU_MEM: usize = 0;

/// Where the numbers of a model stand in its table.
#[derive(Clone, Copy)]
pub(crate) struct Layout {
    pub(crate) v_leak: usize,
    pub(crate) i_bias: usize,
    /// The time constant of the first receptor, which the others follow.
    pub(crate) tau_syn: usize,
    /// The potential at time 0, which currents and adaptation follow.
    pub(crate) v: usize,
    pub(crate) spiking: Option<Spiking>,
    pub(crate) adaptation: Option<Adaptation>,
}

/// What a neuron has that spikes.
#[derive(Clone, Copy)]
pub(crate) struct Spiking {
    pub(crate) v_th: usize,
    pub(crate) v_reset: usize,
    pub(crate) t_ref: usize,
}

/// What a neuron has that adapts.
#[derive(Clone, Copy)]
pub(crate) struct Adaptation {
    pub(crate) tau: usize,
    /// By how much a spike raises the threshold, β.
    pub(crate) threshold: usize,
    /// By how much it lowers the current, γ.
    pub(crate) current: usize,
}

/// Room for the currents of a search.
type Room = [Current; COMPONENTS];

/// A linear neuron by its table.
pub(crate) trait Linear: 'static {
    const TABLE: Table;
    const RECEPTORS: usize;
    const LAYOUT: Layout;
}

/// The equations of a linear neuron.
pub(crate) struct Of<L>(PhantomData<L>);

/// By how much one spike of adaptation lifts u, κ: the threshold falls, and a current is taken away.
pub(super) fn lift<T: Scalar>(p: &[T], of: Adaptation) -> T {
    let ratio = (p[TAU_MEM] - p[of.tau]) / p[of.tau];
    p[of.threshold] * ratio - p[of.current]
}

impl<L: Linear> Of<L> {
    /// How many numbers of a state decay.
    pub(super) const DECAYING: usize = L::RECEPTORS + L::LAYOUT.adaptation.is_some() as usize;
    /// Where the adaptation stands in a state.
    pub(super) const A: usize = 1 + L::RECEPTORS;

    /// Position of the time constant of the k-th number that decays.
    pub(super) const fn tau(k: usize) -> usize {
        match L::LAYOUT.adaptation {
            Some(of) if k == L::RECEPTORS => of.tau,
            _ => L::LAYOUT.tau_syn + k,
        }
    }

    /// The current that the k-th number that decays is.
    pub(super) fn current<T: Scalar>(p: &[T], state: &Vector<T>, k: usize) -> T {
        match L::LAYOUT.adaptation {
            Some(of) if k == L::RECEPTORS => lift(p, of) * state[Self::A],
            _ => state[1 + k],
        }
    }

    /// The same for the potential itself, which does not know that the threshold falls.
    fn current_of_potential<T: Scalar>(p: &[T], state: &Vector<T>, k: usize) -> T {
        match L::LAYOUT.adaptation {
            Some(of) if k == L::RECEPTORS => -p[of.current] * state[Self::A],
            _ => state[1 + k],
        }
    }

    /// All currents.
    fn drive<T: Scalar>(p: &[T], state: &Vector<T>) -> T {
        (0..Self::DECAYING).fold(T::from(0.0), |sum, k| sum + Self::current(p, state, k))
    }

    /// Position of the number to which an injected current adds. Without a threshold it is one of its own, beyond the table, so that the datum stays where it is.
    pub(super) const INJECTED: usize = match L::LAYOUT.spiking {
        Some(_) => L::LAYOUT.i_bias,
        None => L::TABLE.quantities.len(),
    };

    /// Whether a spike sets the currents of its receptors to zero.
    pub(super) fn resets_current<T: Scalar>(p: &[T]) -> bool {
        !p[Self::OPTIONS].is_exactly_zero()
    }

    /// Whether the currents of the receptors do not decay within the refractory time.
    pub(super) fn holds_current<T: Scalar>(p: &[T]) -> bool {
        !p[Self::OPTIONS + 1].is_exactly_zero()
    }

    /// Whether the k-th number that decays does so within the refractory time.
    pub(super) fn is_kept<T: Scalar>(p: &[T], k: usize) -> bool {
        k < L::RECEPTORS && Self::holds_current(p)
    }

    /// Position of the constants.
    const OPTIONS: usize = if Self::INJECTED < L::TABLE.quantities.len() {
        L::TABLE.quantities.len()
    } else {
        Self::INJECTED + 1
    };

    /// Where the potential tends to above the fixed part of the datum.
    pub(super) fn rest<T: Scalar>(p: &[T]) -> T {
        let Layout { v_leak, i_bias, spiking, .. } = L::LAYOUT;
        spiking.map_or(p[Self::INJECTED], |of| sum(p[v_leak], p[i_bias], -p[of.v_th]))
    }

    /// The fixed part of the datum: the threshold of a neuron that has not adapted, or the resting value.
    fn datum<T: Scalar>(p: &[T]) -> T {
        let Layout { v_leak, i_bias, spiking, .. } = L::LAYOUT;
        spiking.map_or(p[v_leak] + p[i_bias], |of| p[of.v_th])
    }

    /// The potential above the fixed part of the datum.
    fn above_datum<T: Scalar>(p: &[T], state: &Vector<T>) -> T {
        match L::LAYOUT.adaptation {
            Some(of) => p[of.threshold] * state[Self::A] + state[0],
            None => state[0],
        }
    }

    /// u of a membrane that is at its reset value.
    fn at_reset<T: Scalar>(p: &[T], of: Spiking, state: &Vector<T>) -> T {
        let above_datum = p[of.v_reset] - p[of.v_th];
        L::LAYOUT
            .adaptation
            .map_or(above_datum, |of| above_datum - p[of.threshold] * state[Self::A])
    }

    /// A membrane that starts at `height` above the fixed part of the datum, or u itself, under these currents.
    fn course<'a>(
        p: &[f64],
        height: f64,
        current: impl Fn(usize) -> f64,
        room: &'a mut Room,
    ) -> Course<'a> {
        for (k, into) in room.iter_mut().enumerate().take(Self::DECAYING) {
            *into = Current { size: current(k), tau: p[Self::tau(k)] };
        }
        let currents = &room[..Self::DECAYING];
        Course { height, rest: Self::rest(p), tau_mem: p[TAU_MEM], currents }
    }

    /// The way of u, by which it spikes.
    fn ahead<'a>(p: &[f64], state: &Vector<f64>, room: &'a mut Room) -> Option<Course<'a>> {
        L::LAYOUT.spiking?;
        Some(Self::course(p, state[0], |k| Self::current(p, state, k), room))
    }
}

impl<L: Linear> Equations for Of<L> {
    const TABLE: Table = L::TABLE;
    const DIMENSION: usize = 1 + Self::DECAYING;
    const CURRENT: Option<usize> = Some(Self::INJECTED);
    /// `reset_current` and `hold_current`.
    const CONSTANTS: &'static [f64] = &[0.0, 0.0];
    const REFRACTORY: Option<usize> = match L::LAYOUT.spiking {
        Some(of) => Some(of.t_ref),
        None => None,
    };
    const RECEPTORS: usize = L::RECEPTORS;
    const IS_READ: bool = true;
    const HAS_FIXED_THRESHOLD: bool = L::LAYOUT.adaptation.is_none();

    fn initial<T: Scalar>(p: &[T]) -> Vector<T> {
        let v = L::LAYOUT.v;
        let mut state = vector([p[v] - Self::datum(p)]);
        state[1..Self::DIMENSION].copy_from_slice(&p[v + 1..v + Self::DIMENSION]);
        if let Some(of) = L::LAYOUT.adaptation {
            let (threshold, beta, a) = (Self::datum(p), p[of.threshold], state[Self::A]);
            let height = excess(p[v].re(), threshold.re(), (beta.re(), a.re()));
            state[0] = (state[0] - beta * a).with_re(height);
        }
        state
    }
    fn rate<T: Scalar>(p: &[T], state: Vector<T>) -> Vector<T> {
        let lift = sum(Self::drive(p, &state), Self::rest(p), -state[0]);
        let mut rate = vector([lift / p[TAU_MEM]]);
        for k in 0..Self::DECAYING {
            rate[1 + k] = -state[1 + k] / p[Self::tau(k)];
        }
        rate
    }
    fn flow<T: Scalar>(p: &[T], state: Vector<T>, dt: T) -> Vector<T> {
        let (mut after, mut response, x) = (state, T::from(0.0), dt / p[TAU_MEM]);
        for k in 0..Self::DECAYING {
            let by = of_lengths(x, dt / p[Self::tau(k)]);
            response += by.response * Self::current(p, &state, k);
            after[1 + k] = by.current * state[1 + k];
            // The last one has all of the response.
            after[0] = by.potential(state[0], Self::rest(p), response);
        }
        after
    }
    fn pullback(
        map: NeuronMap<f64>,
        p: &[f64],
        state: Vector<f64>,
        after: Vector<f64>,
        gradient: &mut [f64],
    ) -> Option<Vector<f64>> {
        Self::by_hand(map, p, &state, after, gradient)
    }
    fn receive<T: Scalar>(p: &[T], state: Vector<T>, weight: T) -> Vector<T> {
        Self::receive_at(p, state, 0, weight)
    }
    fn receive_at<T: Scalar>(
        _: &[T],
        mut state: Vector<T>,
        receptor: usize,
        weight: T,
    ) -> Vector<T> {
        state[1 + receptor] += weight;
        state
    }
    fn kick<T: Scalar>(
        p: &[T],
        _: Vector<T>,
        (receptor, weight): (usize, T),
        is_held: bool,
    ) -> Option<Vector<T>> {
        let mut change = vector([if is_held { T::from(0.0) } else { weight / p[TAU_MEM] }]);
        if !(is_held && Self::holds_current(p)) {
            change[1 + receptor] = -weight / p[Self::tau(receptor)];
        }
        Some(change)
    }
    fn threshold<T: Scalar>(_: &[T], state: Vector<T>) -> T {
        state[0]
    }
    fn reset<T: Scalar>(p: &[T], mut state: Vector<T>) -> Vector<T> {
        if let Some(of) = L::LAYOUT.spiking {
            if L::LAYOUT.adaptation.is_some() {
                state[Self::A] += T::from(1.0);
            }
            if Self::resets_current(p) {
                state[1..=L::RECEPTORS].fill(T::from(0.0));
            }
            state[0] = Self::at_reset(p, of, &state);
        }
        state
    }
    fn next_spike(p: &[f64], state: Vector<f64>) -> Option<f64> {
        Self::ahead(p, &state, &mut Room::default())?.next_spike()
    }
    fn outlook(p: &[f64], state: Vector<f64>) -> Option<Outlook<f64>> {
        let room = &mut Room::default();
        let course = Self::ahead(p, &state, room);
        Some(course.map_or(Outlook::Silent, |course| course.first_crossing()))
    }
    fn earliest_spike(p: &[f64], state: Vector<f64>) -> Option<f64> {
        Self::ahead(p, &state, &mut Room::default())?.earliest_crossing()
    }
    fn membrane<T: Scalar>(p: &[T], state: Vector<T>) -> T {
        Self::datum(p) + Self::above_datum(p, &state)
    }
    fn rate_after<T: Scalar>(p: &[T], state: Vector<T>, dt: T) -> Option<T> {
        let (x, mut lift, mut left) = (dt / p[TAU_MEM], T::from(0.0), T::from(0.0));
        for k in 0..Self::DECAYING {
            let by = of_lengths(x, dt / p[Self::tau(k)]);
            lift += by.ahead() * Self::current_of_potential(p, &state, k);
            // The membrane's own share is the same beside each current.
            left = by.membrane;
        }
        Some((lift - left * (Self::above_datum(p, &state) - Self::rest(p))) / p[TAU_MEM])
    }
    fn integral<T: Scalar>(p: &[T], state: Vector<T>, (dt, decay_rate): (T, T)) -> T {
        let (x, fading, zero) = (dt / p[TAU_MEM], decay_rate * dt, T::from(0.0));
        let of_weight = |length: T| dt * exp_divided([zero, -length]);
        let start = Self::datum(p) * of_weight(fading)
            + Self::above_datum(p, &state) * of_weight(x + fading)
            + Self::rest(p) * (x * dt) * exp_divided([zero, -x - fading, -fading]);
        (0..Self::DECAYING).fold(start, |sum, k| {
            let points = [zero, -x - fading, -dt / p[Self::tau(k)] - fading];
            sum + Self::current_of_potential(p, &state, k) * (x * dt) * exp_divided(points)
        })
    }
    fn held_integral<T: Scalar>(p: &[T], _: Vector<T>, (dt, decay_rate): (T, T)) -> T {
        let of_weight = || dt * (dt * decay_rate).phi1();
        L::LAYOUT.spiking.map_or(T::from(0.0), |of| p[of.v_reset] * of_weight())
    }
    fn threshold_membrane<T: Scalar>(p: &[T], mut state: Vector<T>) -> T {
        // At the threshold u is zero, and no rounding of it counts.
        state[0] = T::from(0.0);
        Self::membrane(p, state)
    }
    fn maxima(p: &[f64], state: Vector<f64>, each: &mut dyn FnMut(f64)) {
        let (height, room) = (Self::above_datum(p, &state), &mut Room::default());
        Self::course(p, height, |k| Self::current_of_potential(p, &state, k), room).maxima(each);
    }
    fn held_rate<T: Scalar>(p: &[T], state: Vector<T>) -> Vector<T> {
        let mut rate = vector([]);
        for k in (0..Self::DECAYING).filter(|&k| !Self::is_kept(p, k)) {
            rate[1 + k] = -state[1 + k] / p[Self::tau(k)];
        }
        // The membrane is held, and the threshold falls.
        if let Some(of) = L::LAYOUT.adaptation {
            rate[0] = -p[of.threshold] * rate[Self::A];
        }
        rate
    }
    fn hold<T: Scalar>(p: &[T], mut state: Vector<T>, dt: T) -> Vector<T> {
        for k in (0..Self::DECAYING).filter(|&k| !Self::is_kept(p, k)) {
            state[1 + k] *= (-dt / p[Self::tau(k)]).exp();
        }
        if let Some(of) = L::LAYOUT.spiking {
            state[0] = Self::at_reset(p, of, &state);
        }
        state
    }
}
