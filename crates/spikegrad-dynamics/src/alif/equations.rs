//! The equations of a neuron that adapts. The state is (u, a, I₁, I₂, …).
//!
//! Not here: its numbers (`table.rs`), the search of a crossing (`exponentials/`).

use super::table::{
    ADAPT_CURRENT, ADAPT_THRESHOLD, ADAPTATION, I_BIAS, OWN, T_REF, TAU_ADAPT, TAU_MEM, TAU_SYN,
    V_LEAK, V_RESET, V_TH,
};
use crate::exponentials::{Course, Current, membrane_after, response};
use crate::general::vector;
use crate::lif::{BELOW_THRESHOLD, sum};
use crate::receptors::{Currents, Room, table};
use crate::table::excess;
use crate::{Below, Equations, NUMBERS, Outlook, Quantity, Scalar, Table, Vector};

/// With K receptors.
pub(super) struct Alif<const K: usize>;

impl<const K: usize> Alif<K> {
    const V: usize = TAU_SYN + K;
    const A: usize = Self::V + K + 1;
    const LIST: [Quantity; NUMBERS] = table::quantities(&OWN, K, &ADAPTATION);

    /// Where u tends to.
    fn rest<T: Scalar>(p: &[T]) -> T {
        sum(p[V_LEAK], p[I_BIAS], -p[V_TH])
    }

    /// By how much one spike of adaptation lifts u: the threshold falls, and a current is taken away.
    fn lift<T: Scalar>(p: &[T]) -> T {
        let ratio = (p[TAU_MEM] - p[TAU_ADAPT]) / p[TAU_ADAPT];
        p[ADAPT_THRESHOLD] * ratio - p[ADAPT_CURRENT]
    }

    /// u of a membrane that is at its reset value.
    fn after_reset<T: Scalar>(p: &[T], a: T) -> T {
        (p[V_RESET] - p[V_TH]) - p[ADAPT_THRESHOLD] * a
    }

    fn currents<T: Scalar>(p: &[T]) -> Currents<'_, T> {
        Currents { first: 2, taus: &p[TAU_SYN..TAU_SYN + K] }
    }

    fn course<'a>(p: &[f64], state: &Vector<f64>, room: &'a mut Room) -> Course<'a> {
        let count = Self::currents(p).write(state, room);
        room[count] = Current { size: Self::lift(p) * state[1], tau: p[TAU_ADAPT] };
        let (height, rest, tau_mem) = (state[0], Self::rest(p), p[TAU_MEM]);
        Course { height, rest, tau_mem, currents: &room[..=count] }
    }
}

impl<const K: usize> Equations for Alif<K> {
    const TABLE: Table = Table {
        model: "alif",
        title: "adaptive leaky integrate-and-fire neuron",
        quantities: Self::LIST.split_at(table::count(&OWN, K, &ADAPTATION)).0,
        order: &[
            Below::new(V_RESET, V_TH, BELOW_THRESHOLD),
            Below::new(Self::V, V_TH, "below the threshold v_th + adapt_threshold · a")
                .with_product((ADAPT_THRESHOLD, Self::A)),
        ],
        threshold_and_reset: Some((V_TH, V_RESET)),
    };
    const DIMENSION: usize = 2 + K;
    const CURRENT: Option<usize> = Some(I_BIAS);
    const REFRACTORY: Option<usize> = Some(T_REF);
    const RECEPTORS: usize = K;

    fn initial<T: Scalar>(p: &[T]) -> Vector<T> {
        let (v, threshold, beta, a) = (p[Self::V], p[V_TH], p[ADAPT_THRESHOLD], p[Self::A]);
        let height = excess(v.re(), threshold.re(), (beta.re(), a.re()));
        let mut state = vector([(v - threshold - beta * a).with_re(height), a]);
        state[2..2 + K].copy_from_slice(&p[Self::V + 1..=Self::V + K]);
        state
    }
    fn rate<T: Scalar>(p: &[T], state: Vector<T>) -> Vector<T> {
        let (u, a, currents) = (state[0], state[1], Self::currents(p));
        let drive = currents.sum(&state) + Self::lift(p) * a;
        let mut rate = vector([sum(drive, Self::rest(p), -u) / p[TAU_MEM], -a / p[TAU_ADAPT]]);
        currents.rate(&state, &mut rate);
        rate
    }
    fn flow<T: Scalar>(p: &[T], mut state: Vector<T>, dt: T) -> Vector<T> {
        let (currents, x, y) = (Self::currents(p), dt / p[TAU_MEM], dt / p[TAU_ADAPT]);
        let adaptation = Self::lift(p) * state[1] * response(x, y);
        let response = currents.response(&state, (dt, x)) + adaptation;
        state[0] = membrane_after(state[0], Self::rest(p), x, response);
        state[1] *= (-y).exp();
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
        state[2 + receptor] += weight;
        state
    }
    fn kick<T: Scalar>(p: &[T], receptor: usize, weight: T, is_held: bool) -> Option<Vector<T>> {
        Some(Self::currents(p).kick(p[TAU_MEM], (receptor, weight), is_held))
    }
    fn threshold<T: Scalar>(_: &[T], state: Vector<T>) -> T {
        state[0]
    }
    fn reset<T: Scalar>(p: &[T], mut state: Vector<T>) -> Vector<T> {
        state[1] += T::from(1.0);
        state[0] = Self::after_reset(p, state[1]);
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
        p[V_TH] + (p[ADAPT_THRESHOLD] * state[1] + state[0])
    }
    fn held_rate<T: Scalar>(p: &[T], state: Vector<T>) -> Vector<T> {
        // The membrane is held, and the threshold falls.
        let fading = state[1] / p[TAU_ADAPT];
        let mut rate = vector([p[ADAPT_THRESHOLD] * fading, -fading]);
        Self::currents(p).rate(&state, &mut rate);
        rate
    }
    fn hold<T: Scalar>(p: &[T], mut state: Vector<T>, dt: T) -> Vector<T> {
        state[1] *= (-dt / p[TAU_ADAPT]).exp();
        state[0] = Self::after_reset(p, state[1]);
        Self::currents(p).flow(&mut state, dt);
        state
    }
}
