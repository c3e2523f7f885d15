//! Linear neurons with several receptors: a `lif` or an `li` whose synapses have time constants of their own.
//!
//! ```text
//! tau_mem dV/dt = (v_leak − V) + Σ I_r + i_bias        tau_syn_r dI_r/dt = −I_r        arrival at r: I_r ← I_r + w
//! ```
//!
//! They are given by their equations ([`Equations`]); the first crossing is that of a sum of exponentials (`exponentials/`). The state is the potential above
//! its datum, as for one synapse, and the currents. With one receptor a neuron is [`crate::Lif`], which is faster.
//!
//! Not here: the neuron that adapts (`alif/`), which may have several receptors as well.

pub(crate) mod table;

use crate::divided::exp_divided;
use crate::exponentials::{Course, Current, membrane_after, response};
use crate::general::vector;
use crate::lif::{
    BELOW_THRESHOLD, BIAS, LEAK, MEMBRANE, REFRACTORY, RESET, THRESHOLD, integrator, sum,
};
use crate::{Below, COMPONENTS, Equations, General, Outlook, Quantity, Scalar, Table, Vector, lif};

/// Most receptors of a neuron.
pub const MOST: usize = 6;

/// A `lif` with k receptors, at position k − 2.
static LIFS: [General; MOST - 1] = [
    General::of::<Spiking<2>>(),
    General::of::<Spiking<3>>(),
    General::of::<Spiking<4>>(),
    General::of::<Spiking<5>>(),
    General::of::<Spiking<6>>(),
];

/// An `li` with k receptors, at position k − 2.
static INTEGRATORS: [General; MOST - 1] = [
    General::of::<Integrating<2>>(),
    General::of::<Integrating<3>>(),
    General::of::<Integrating<4>>(),
    General::of::<Integrating<5>>(),
    General::of::<Integrating<6>>(),
];

/// A leaky integrate-and-fire neuron with as many receptors, from 2 to [`MOST`].
#[must_use]
pub fn lif(receptors: usize) -> Option<&'static General> {
    LIFS.get(receptors.checked_sub(2)?)
}

/// A leaky integrator with as many receptors, from 2 to [`MOST`].
#[must_use]
pub fn integrator(receptors: usize) -> Option<&'static General> {
    INTEGRATORS.get(receptors.checked_sub(2)?)
}

/// Room for the currents of a search.
pub(crate) type Room = [Current; COMPONENTS];

/// Currents of a state from the component `first` on.
#[derive(Clone, Copy)]
pub(crate) struct Currents<'a, T> {
    pub(crate) first: usize,
    pub(crate) taus: &'a [T],
}

impl<T: Scalar> Currents<'_, T> {
    /// Their sum.
    pub(crate) fn sum(&self, state: &Vector<T>) -> T {
        let currents = &state[self.first..self.first + self.taus.len()];
        currents.iter().fold(T::from(0.0), |sum, &i| sum + i)
    }

    /// d(currents)/dt.
    pub(crate) fn rate(&self, state: &Vector<T>, into: &mut Vector<T>) {
        for (k, &tau) in self.taus.iter().enumerate() {
            into[self.first + k] = -state[self.first + k] / tau;
        }
    }

    /// The currents `dt` seconds later.
    pub(crate) fn flow(&self, state: &mut Vector<T>, dt: T) {
        for (k, &tau) in self.taus.iter().enumerate() {
            state[self.first + k] *= (-dt / tau).exp();
        }
    }

    /// By how much an arrival at a receptor changes the rates of membrane and current; the former only while it is free.
    pub(crate) fn kick(
        &self,
        tau_mem: T,
        (receptor, weight): (usize, T),
        is_held: bool,
    ) -> Vector<T> {
        let mut change = vector([if is_held { T::from(0.0) } else { weight / tau_mem }]);
        change[self.first + receptor] = -weight / self.taus[receptor];
        change
    }

    /// What they leave in the membrane within `dt` seconds, which are `x` of its time constants.
    pub(crate) fn response(&self, state: &Vector<T>, (dt, x): (T, T)) -> T {
        let parts = self.taus.iter().enumerate();
        parts.fold(T::from(0.0), |sum, (k, &tau)| {
            sum + state[self.first + k] * response(x, dt / tau)
        })
    }

    /// The integral of that response over `dt` seconds under a weight that decays at a rate per second (docs/mathematics.md, eq. 27j).
    fn integral(&self, state: &Vector<T>, tau_mem: T, (dt, decay_rate): (T, T)) -> T {
        let (x, fading) = (dt / tau_mem, decay_rate * dt);
        let parts = self.taus.iter().enumerate();
        parts.fold(T::from(0.0), |sum, (k, &tau)| {
            let points = [T::from(0.0), -x - fading, -dt / tau - fading];
            sum + state[self.first + k] * (x * dt) * exp_divided(points)
        })
    }

    /// The same in real numbers, for a search.
    pub(crate) fn write(&self, state: &Vector<T>, into: &mut Room) -> usize {
        for (k, tau) in self.taus.iter().enumerate() {
            into[k] = Current { size: state[self.first + k].re(), tau: tau.re() };
        }
        self.taus.len()
    }
}

/// The parameters of a `lif` with receptors, but for their time constants.
const SPIKING: [Quantity; 6] = [MEMBRANE, THRESHOLD, RESET, LEAK, BIAS, REFRACTORY];
const TAU_MEM: usize = 0;
const V_TH: usize = 1;
const V_RESET: usize = 2;
const V_LEAK: usize = 3;
const I_BIAS: usize = 4;
const T_REF: usize = 5;

/// A `lif` with K receptors: the state is V − `v_th` and its currents.
struct Spiking<const K: usize>;

impl<const K: usize> Spiking<K> {
    const TAUS: usize = SPIKING.len();
    const V: usize = Self::TAUS + K;
    const LIST: [Quantity; crate::NUMBERS] = table::quantities(&SPIKING, K, &[]);

    fn rest<T: Scalar>(p: &[T]) -> T {
        sum(p[V_LEAK], p[I_BIAS], -p[V_TH])
    }

    fn currents<T: Scalar>(p: &[T]) -> Currents<'_, T> {
        Currents { first: 1, taus: &p[Self::TAUS..Self::TAUS + K] }
    }

    fn course<'a>(p: &[f64], state: &Vector<f64>, room: &'a mut Room) -> Course<'a> {
        let count = Self::currents(p).write(state, room);
        let (height, rest, tau_mem) = (state[0], Self::rest(p), p[TAU_MEM]);
        Course { height, rest, tau_mem, currents: &room[..count] }
    }
}

impl<const K: usize> Equations for Spiking<K> {
    const TABLE: Table = Table {
        model: lif::TABLE.model,
        title: lif::TABLE.title,
        quantities: Self::LIST.split_at(table::count(&SPIKING, K, &[])).0,
        order: &[
            Below::new(V_RESET, V_TH, BELOW_THRESHOLD),
            Below::new(Self::V, V_TH, BELOW_THRESHOLD),
        ],
        threshold_and_reset: Some((V_TH, V_RESET)),
    };
    const DIMENSION: usize = 1 + K;
    const CURRENT: Option<usize> = Some(I_BIAS);
    const REFRACTORY: Option<usize> = Some(T_REF);
    const RECEPTORS: usize = K;

    fn initial<T: Scalar>(p: &[T]) -> Vector<T> {
        let mut state = vector([p[Self::V] - p[V_TH]]);
        state[1..=K].copy_from_slice(&p[Self::V + 1..=Self::V + K]);
        state
    }
    fn rate<T: Scalar>(p: &[T], state: Vector<T>) -> Vector<T> {
        let currents = Self::currents(p);
        let lift = sum(currents.sum(&state), Self::rest(p), -state[0]);
        let mut rate = vector([lift / p[TAU_MEM]]);
        currents.rate(&state, &mut rate);
        rate
    }
    fn flow<T: Scalar>(p: &[T], mut state: Vector<T>, dt: T) -> Vector<T> {
        let (currents, x) = (Self::currents(p), dt / p[TAU_MEM]);
        let response = currents.response(&state, (dt, x));
        state[0] = membrane_after(state[0], Self::rest(p), x, response);
        currents.flow(&mut state, dt);
        state
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
    fn kick<T: Scalar>(p: &[T], receptor: usize, weight: T, is_held: bool) -> Option<Vector<T>> {
        Some(Self::currents(p).kick(p[TAU_MEM], (receptor, weight), is_held))
    }
    fn threshold<T: Scalar>(_: &[T], state: Vector<T>) -> T {
        state[0]
    }
    fn reset<T: Scalar>(p: &[T], mut state: Vector<T>) -> Vector<T> {
        state[0] = p[V_RESET] - p[V_TH];
        state
    }
    fn next_spike(p: &[f64], state: Vector<f64>) -> Option<f64> {
        Self::course(p, &state, &mut Room::default()).next_spike()
    }
    fn outlook(p: &[f64], state: Vector<f64>) -> Option<Outlook<f64>> {
        Some(Self::course(p, &state, &mut Room::default()).first_crossing())
    }
    fn earliest_spike(p: &[f64], state: Vector<f64>) -> Option<f64> {
        Self::course(p, &state, &mut Room::default()).earliest_crossing()
    }
    fn membrane<T: Scalar>(p: &[T], state: Vector<T>) -> T {
        p[V_TH] + state[0]
    }
    fn held_rate<T: Scalar>(p: &[T], state: Vector<T>) -> Vector<T> {
        let mut rate = vector([]);
        Self::currents(p).rate(&state, &mut rate);
        rate
    }
    fn hold<T: Scalar>(p: &[T], mut state: Vector<T>, dt: T) -> Vector<T> {
        Self::currents(p).flow(&mut state, dt);
        state
    }
}

/// The parameters of an `li` with receptors, but for their time constants.
const INTEGRATING: [Quantity; 3] = [MEMBRANE, LEAK, BIAS];

/// An `li` with K receptors: the state is V − (`v_leak` + `i_bias`) and its currents.
struct Integrating<const K: usize>;

impl<const K: usize> Integrating<K> {
    const V_LEAK: usize = 1;
    const I_BIAS: usize = 2;
    const TAUS: usize = INTEGRATING.len();
    const V: usize = Self::TAUS + K;
    /// An injected current, beyond the table: what potentials are measured from stays where it is.
    const INJECTED: usize = table::count(&INTEGRATING, K, &[]);
    const LIST: [Quantity; crate::NUMBERS] = table::quantities(&INTEGRATING, K, &[]);

    fn rest<T: Scalar>(p: &[T]) -> T {
        p[Self::V_LEAK] + p[Self::I_BIAS]
    }

    fn currents<T: Scalar>(p: &[T]) -> Currents<'_, T> {
        Currents { first: 1, taus: &p[Self::TAUS..Self::TAUS + K] }
    }
}

impl<const K: usize> Equations for Integrating<K> {
    const TABLE: Table = Table::new(
        integrator::TABLE.model,
        integrator::TABLE.title,
        Self::LIST.split_at(table::count(&INTEGRATING, K, &[])).0,
    );
    const DIMENSION: usize = 1 + K;
    const CURRENT: Option<usize> = Some(Self::INJECTED);
    const RECEPTORS: usize = K;
    const IS_READ: bool = true;

    fn initial<T: Scalar>(p: &[T]) -> Vector<T> {
        let mut state = vector([p[Self::V] - Self::rest(p)]);
        state[1..=K].copy_from_slice(&p[Self::V + 1..=Self::V + K]);
        state
    }
    fn rate<T: Scalar>(p: &[T], state: Vector<T>) -> Vector<T> {
        let currents = Self::currents(p);
        let lift = sum(currents.sum(&state), p[Self::INJECTED], -state[0]);
        let mut rate = vector([lift / p[TAU_MEM]]);
        currents.rate(&state, &mut rate);
        rate
    }
    fn flow<T: Scalar>(p: &[T], mut state: Vector<T>, dt: T) -> Vector<T> {
        let (currents, x) = (Self::currents(p), dt / p[TAU_MEM]);
        let response = currents.response(&state, (dt, x));
        state[0] = membrane_after(state[0], p[Self::INJECTED], x, response);
        currents.flow(&mut state, dt);
        state
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
    fn kick<T: Scalar>(p: &[T], receptor: usize, weight: T, is_held: bool) -> Option<Vector<T>> {
        Some(Self::currents(p).kick(p[TAU_MEM], (receptor, weight), is_held))
    }
    fn reset<T: Scalar>(_: &[T], state: Vector<T>) -> Vector<T> {
        state
    }
    fn next_spike(_: &[f64], _: Vector<f64>) -> Option<f64> {
        None
    }
    fn earliest_spike(_: &[f64], _: Vector<f64>) -> Option<f64> {
        None
    }
    fn membrane<T: Scalar>(p: &[T], state: Vector<T>) -> T {
        Self::rest(p) + state[0]
    }
    fn integral<T: Scalar>(p: &[T], state: Vector<T>, (dt, decay_rate): (T, T)) -> T {
        let (x, fading) = (dt / p[TAU_MEM], decay_rate * dt);
        let of_weight = |length: T| dt * exp_divided([T::from(0.0), -length]);
        Self::rest(p) * of_weight(fading)
            + state[0] * of_weight(x + fading)
            + p[Self::INJECTED] * (x * dt) * exp_divided([T::from(0.0), -x - fading, -fading])
            + Self::currents(p).integral(&state, p[TAU_MEM], (dt, decay_rate))
    }
    fn maxima(p: &[f64], state: Vector<f64>, each: &mut dyn FnMut(f64)) {
        let mut currents = Room::default();
        let count = Self::currents(p).write(&state, &mut currents);
        let (height, rest, tau_mem) = (state[0], p[Self::INJECTED], p[TAU_MEM]);
        Course { height, rest, tau_mem, currents: &currents[..count] }.maxima(each);
    }
}
