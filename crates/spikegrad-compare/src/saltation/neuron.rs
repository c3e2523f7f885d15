//! One neuron with its block of the sensitivity matrix: the fundamental matrix of its motion, and its saltations.
//!
//! The network's fundamental matrix is block diagonal, and an event changes the blocks of the neurons to which it happens; so
//! each neuron keeps its own two rows, ∂V/∂(every number) and ∂I/∂(every number), at the time of its own last event.
//!
//! Potentials are measured from the rest: it may be far larger than its distance from the threshold, which a rounding of it would hide. The
//! motion is `y′ = A y` with y = (V, I, rest), the last of which is 0 for the state and 1 for a derivative by the rest, and what is forced upon
//! the rows of the neuron's time constants, τ ∂V/∂τ and τ ∂I/∂τ, beside it: differentiating the model by τ adds linear equations of the same kind. One matrix exponential therefore holds
//! the flow, the fundamental matrix and the forced part (C. F. Van Loan, IEEE Trans. Autom. Control 23, 395, 1978).
//!
//! Not here: when anything happens (`events.rs`).

use super::events::Arrival;
use nalgebra::{DVector, Matrix2, SMatrix, Vector2};
use spikegrad_dynamics::{LifParameters, lif, math};
use spikegrad_network::Time;

/// Rows and columns of the system: V, I, rest, then `τ_m ∂V/∂τ_m`, `τ_s ∂V/∂τ_s`, `τ_s ∂I/∂τ_s`.
const V: usize = 0;
const I: usize = 1;
const REST: usize = 2;
const V_BY_MEM: usize = 3;
const V_BY_SYN: usize = 4;
const I_BY_SYN: usize = 5;

/// The system of one neuron.
type System = SMatrix<f64, 6, 6>;

/// The same with the integrals of its potential and of the two derivatives of it.
type Integrated = SMatrix<f64, 9, 9>;

/// A neuron and its rows of the sensitivity matrix.
pub(super) struct Sensitive {
    p: LifParameters<f64>,
    /// Threshold and reset value above rest.
    threshold: f64,
    reset: f64,
    /// Where each number stands among the entries of a gradient.
    column: [usize; lif::COUNT],
    /// V above rest.
    v: f64,
    i: f64,
    time: Time,
    /// ∂V/∂(every number), at `time`.
    pub(super) by_v: DVector<f64>,
    by_i: DVector<f64>,
    /// If the membrane is held: until when, and ∇ of that time.
    held: Option<(Time, DVector<f64>)>,
    /// When it last spiked.
    spiked: Option<Time>,
    averages: Vec<Average>,
    /// The longest stretch so far, in time constants.
    pub(super) stiffness: f64,
}

/// An integral of the potential under a weight that decays, and its row.
struct Average {
    readout: usize,
    decay: f64,
    by: DVector<f64>,
}

impl Sensitive {
    /// A neuron at time 0 with these numbers, in the order of [`lif::TABLE`], and where each stands among the entries.
    pub(super) fn new(
        numbers: [f64; lif::COUNT],
        column: [usize; lif::COUNT],
        zero: &DVector<f64>,
    ) -> Self {
        let (mut by_v, mut by_i) = (zero.clone(), zero.clone());
        by_v[column[lif::V]] = 1.0;
        by_i[column[lif::I]] = 1.0;
        let p = LifParameters::from_table(|k| numbers[k]);
        Self {
            threshold: above_rest(&p, p.v_th),
            reset: above_rest(&p, p.v_reset),
            v: above_rest(&p, numbers[lif::V]),
            p,
            column,
            i: numbers[lif::I],
            time: Time::from(0.0),
            by_v,
            by_i,
            held: None,
            spiked: None,
            averages: Vec::new(),
            stiffness: 0.0,
        }
    }

    /// Follows an average for a read-out.
    pub(super) fn average(&mut self, readout: usize, decay: f64, zero: &DVector<f64>) {
        self.averages.push(Average { readout, decay, by: zero.clone() });
    }

    /// The averages over a run of this length: read-out and row of each.
    pub(super) fn averages(&self, length: f64) -> impl Iterator<Item = (usize, DVector<f64>)> {
        self.averages.iter().map(move |average| (average.readout, &average.by / length))
    }

    /// (dV/dt, dI/dt) of a free or a held neuron with this current.
    fn motion(&self, i: f64) -> Vector2<f64> {
        let of_v = if self.held.is_some() { 0.0 } else { (i - self.v) / self.p.tau_mem };
        Vector2::new(of_v, -i / self.p.tau_syn)
    }

    /// dV/dt now.
    pub(super) fn rate(&self) -> f64 {
        self.motion(self.i)[0]
    }

    /// dV/dt at the threshold, with the current of now.
    pub(super) fn slope(&self) -> f64 {
        (self.i - self.threshold) / self.p.tau_mem
    }

    /// κ of a spike now ([`super::Condition`]).
    pub(super) fn condition(&self) -> f64 {
        ((self.threshold.abs() + self.i.abs()) / (self.p.tau_mem * self.slope())).max(1.0)
    }

    /// Whether its last spike was at this instant.
    fn has_just_spiked(&self, time: Time) -> bool {
        self.spiked.is_some_and(|spiked| spiked.coincides(time))
    }

    /// Moves the neuron to `time`, through the end of its refractory time if that lies before or there; a refractory time, however
    /// short, outlasts the instant of its spike.
    pub(super) fn advance(&mut self, time: Time) {
        if let Some((until, _)) = self.held
            && until.rounded <= time.rounded
            && !self.has_just_spiked(time)
        {
            self.flow(until);
            self.release();
        }
        self.flow(time);
    }

    fn flow(&mut self, to: Time) {
        let dt = to.since(self.time);
        let generator = self.generator() * dt;
        let unit = self.unit_of_current();
        self.stiffness = self.stiffness.max(dt / self.p.tau_mem + dt / self.p.tau_syn);
        let y = Vector2::new(self.v, self.i / unit);
        for average in &mut self.averages {
            let weight = math::exp(-average.decay * self.time.rounded);
            let integral = integrated(&generator, average.decay * dt, dt) * weight;
            average.by.axpy(integral[(6, V)], &self.by_v, 1.0);
            average.by.axpy(integral[(6, I)] / unit, &self.by_i, 1.0);
            let forced = |row: usize| integral.fixed_view::<1, 2>(row, 0).transpose().dot(&y);
            average.by[self.column[lif::V_LEAK]] += integral[(6, REST)];
            average.by[self.column[lif::I_BIAS]] += integral[(6, REST)];
            average.by[self.column[lif::TAU_MEM]] += forced(7) / self.p.tau_mem;
            average.by[self.column[lif::TAU_SYN]] += forced(8) / self.p.tau_syn;
        }
        let mut e = generator.exp();
        // The exponential is right to a rounding of its norm, which hides how far a fast mode has faded. The diagonal of a triangular system is known.
        for k in 0..e.nrows() {
            e[(k, k)] = math::exp(generator[(k, k)]);
        }
        let moved = |row: usize| e.fixed_view::<1, 2>(row, 0).transpose().dot(&y);
        // By the fundamental matrix …
        self.by_v.axpy(e[(V, I)] / unit, &self.by_i, e[(V, V)]);
        self.by_i *= e[(I, I)];
        // … and what the parameters of the motion force.
        self.by_v[self.column[lif::V_LEAK]] += e[(V, REST)];
        self.by_v[self.column[lif::I_BIAS]] += e[(V, REST)];
        self.by_v[self.column[lif::TAU_MEM]] += moved(V_BY_MEM) / self.p.tau_mem;
        self.by_v[self.column[lif::TAU_SYN]] += moved(V_BY_SYN) / self.p.tau_syn;
        self.by_i[self.column[lif::TAU_SYN]] += moved(I_BY_SYN) * unit / self.p.tau_syn;
        (self.v, self.i, self.time) = (moved(V), e[(I, I)] * self.i, to);
    }

    /// The unit of the current in which what it does to the potential is no small part of the exponential, however fast it fades.
    pub(super) fn unit_of_current(&self) -> f64 {
        1.0 + self.p.tau_mem / self.p.tau_syn
    }

    /// A, of a free or a held membrane, its currents in their unit.
    fn generator(&self) -> System {
        let (x, y) = (self.p.tau_mem.recip(), self.p.tau_syn.recip());
        // That of the current over τ_m.
        let z = x + y;
        let mut a = System::zeros();
        a[(I, I)] = -y;
        // τ_s d/dτ_s of −I/τ_s.
        a[(I_BY_SYN, I_BY_SYN)] = -y;
        a[(I_BY_SYN, I)] = y;
        if self.held.is_none() {
            a[(V, V)] = -x;
            a[(V, I)] = z;
            a[(V, REST)] = x;
            // τ_m d/dτ_m of (rest − V + I)/τ_m.
            a[(V_BY_MEM, V_BY_MEM)] = -x;
            a[(V_BY_MEM, V)] = x;
            a[(V_BY_MEM, I)] = -z;
            a[(V_BY_MEM, REST)] = -x;
            a[(V_BY_SYN, V_BY_SYN)] = -x;
            a[(V_BY_SYN, I_BY_SYN)] = z;
        }
        a
    }

    /// The general rule, S⁺ = Dh S⁻ + (Dh f⁻ − f⁺) ∇t, for this neuron's two rows.
    fn saltate(
        &mut self,
        dh: Matrix2<f64>,
        before: Vector2<f64>,
        after: Vector2<f64>,
        time: &DVector<f64>,
    ) {
        let shift = dh * before - after;
        let by_v = &self.by_v * dh[(0, 0)] + &self.by_i * dh[(0, 1)] + time * shift[0];
        let by_i = &self.by_v * dh[(1, 0)] + &self.by_i * dh[(1, 1)] + time * shift[1];
        (self.by_v, self.by_i) = (by_v, by_i);
    }

    /// The neuron spikes at `time`; returns ∇t.
    ///
    /// An integral of V has the motion V: it is a state of its own, whose motion falls by the reset, (Dh f⁻ − f⁺) = w(t) (V⁻ − V⁺).
    ///
    /// V meets its threshold: g = `V − v_th`. The membrane becomes the reset value whatever it was, Dh = diag(0, 1), and is held.
    pub(super) fn spike(&mut self, time: Time) -> DVector<f64> {
        self.v = self.threshold;
        let before = self.motion(self.i);
        let mut by_time = -&self.by_v;
        by_time[self.column[lif::V_TH]] += 1.0;
        by_time /= before[0];
        let mut until = by_time.clone();
        until[self.column[lif::T_REF]] += 1.0;
        self.held = Some((time.after(self.p.t_ref), until));
        self.spiked = Some(time);
        let after = self.motion(self.i);
        self.saltate(Matrix2::new(0.0, 0.0, 0.0, 1.0), before, after, &by_time);
        for average in &mut self.averages {
            let weight = math::exp(-average.decay * time.rounded);
            average.by.axpy(weight * (self.p.v_th - self.p.v_reset), &by_time, 1.0);
        }
        self.v = self.reset;
        self.by_v[self.column[lif::V_RESET]] += 1.0;
        if self.p.t_ref == 0.0 {
            self.release();
        }
        by_time
    }

    /// The refractory time ends: the state stays, the membrane is free.
    fn release(&mut self) {
        let before = self.motion(self.i);
        if let Some((_, time)) = self.held.take() {
            let after = self.motion(self.i);
            self.saltate(Matrix2::identity(), before, after, &time);
        }
    }

    /// ∇V at a spike: its threshold's.
    pub(super) fn by_threshold(&self) -> DVector<f64> {
        let mut row = DVector::zeros(self.by_v.len());
        row[self.column[lif::V_TH]] = 1.0;
        row
    }

    /// A spike arrives, at a time whose ∇ is `time`: I grows by the weight.
    pub(super) fn receive(&mut self, arrival: &Arrival, time: &DVector<f64>) {
        let before = self.motion(self.i);
        self.i += arrival.strength;
        let after = self.motion(self.i);
        self.saltate(Matrix2::identity(), before, after, time);
        self.by_i[arrival.weight] += 1.0;
        if self.p.t_ref == 0.0 && self.has_just_spiked(self.time) {
            // A refractory time of 0 can only grow: the release then comes after this arrival, and loses its motion, too.
            self.by_v[self.column[lif::T_REF]] += before[0] - after[0];
        }
    }
}

/// A potential above rest, `v_leak + i_bias`, which may be two large numbers: what their sum loses is taken off, too (O. Møller, BIT 5, 37, 1965).
fn above_rest(p: &LifParameters<f64>, potential: f64) -> f64 {
    let rest = p.v_leak + p.i_bias;
    let of_bias = rest - p.v_leak;
    let lost = (p.v_leak - (rest - of_bias)) + (p.i_bias - of_bias);
    (potential - rest) - lost
}

/// The exponential of the system whose rows 6 to 8 integrate V and its two derivatives over `dt` under a weight that decays by the
/// exponent `decay` on the way, given `generator` = A dt.
fn integrated(generator: &System, decay: f64, dt: f64) -> Integrated {
    let mut a = Integrated::zeros();
    let damped = generator - System::identity() * decay;
    a.fixed_view_mut::<6, 6>(0, 0).copy_from(&damped);
    for (row, of) in [(6, V), (7, V_BY_MEM), (8, V_BY_SYN)] {
        a[(row, of)] = dt;
    }
    a.exp()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A few dozen roundings of numbers of order one, in nalgebra's exponential.
    const ROUNDING: f64 = 1e-14;

    fn neuron(tau_mem: f64, t_ref: f64) -> Sensitive {
        let numbers = [tau_mem, 0.005, 1.0, -0.2, 0.1, 0.2, t_ref, 0.4, 3.0];
        Sensitive::new(numbers, std::array::from_fn(|k| k), &DVector::zeros(lif::COUNT))
    }

    #[test]
    fn the_fundamental_matrix_is_the_textbook_response() {
        let dt: f64 = 0.004;
        let fast = (-dt / 0.005).exp();
        let apart = |tau: f64| 0.005 / (tau - 0.005) * ((-dt / tau).exp() - fast);
        let responses = [(0.02, apart(0.02)), (0.0025, apart(0.0025)), (0.005, dt / 0.005 * fast)];
        for (tau_mem, response) in responses {
            let mut neuron = neuron(tau_mem, 0.0);
            neuron.advance(Time::from(dt));
            let slow = (-dt / tau_mem).exp();
            let expected = [(lif::V, slow), (lif::I, response), (lif::V_LEAK, 1.0 - slow)];
            for (column, expected) in expected {
                let error = neuron.by_v[column] - expected;
                assert!(error.abs() < ROUNDING, "{tau_mem}, {column}: {error:e}");
            }
            assert!((neuron.by_i[lif::I] - fast).abs() < ROUNDING);
            let v = slow * (0.4 - 0.3) + response * 3.0;
            assert!((neuron.v - v).abs() < ROUNDING);
        }
    }

    #[test]
    fn a_reset_without_refractory_time_has_the_saltation_matrix_of_the_textbooks() {
        // Ξ = diag(0, 1) + (f⁺ − Dh f⁻) (1, 0)/V̇⁻ = [[V̇⁺/V̇⁻, 0], [0, 1]].
        let mut neuron = neuron(0.02, 0.0);
        neuron.advance(Time::from(0.003));
        let (before_v, before_i) = (neuron.by_v.clone(), neuron.by_i.clone());
        let slope = neuron.slope();
        let by_time = neuron.spike(Time::from(0.003));
        let ratio = neuron.rate() / slope;
        for column in [lif::V, lif::I, lif::TAU_MEM, lif::TAU_SYN, lif::V_LEAK] {
            assert!((neuron.by_v[column] - ratio * before_v[column]).abs() < ROUNDING * 100.0);
            assert_eq!(neuron.by_i[column].to_bits(), before_i[column].to_bits());
            assert!((by_time[column] + before_v[column] / slope).abs() < ROUNDING);
        }
        // A later reset leaves less time for the way up, from a higher value.
        assert!((neuron.by_v[lif::V_TH] + ratio).abs() < ROUNDING);
        assert!((neuron.by_v[lif::V_RESET] - 1.0).abs() < ROUNDING);
    }

    #[test]
    fn a_held_membrane_forgets_all_but_its_reset_value_until_it_is_released() {
        let mut neuron = neuron(0.02, 0.002);
        neuron.advance(Time::from(0.003));
        let by_time = neuron.spike(Time::from(0.003));
        neuron.advance(Time::from(0.004));
        assert_eq!(neuron.v.to_bits(), neuron.reset.to_bits());
        assert_eq!(neuron.by_v.iter().filter(|x| **x != 0.0).count(), 1);
        // Just after its release it lags behind by its rate for each second that the release is late.
        neuron.advance(Time::from(0.003).after(0.002));
        let rate = neuron.rate();
        assert!(rate > 0.0);
        assert!((neuron.by_v[lif::T_REF] + rate).abs() < ROUNDING * rate);
        assert!((neuron.by_v[lif::V] + rate * by_time[lif::V]).abs() < ROUNDING * rate);
    }
}
