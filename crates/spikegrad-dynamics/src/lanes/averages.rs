//! Averages of leaky integrators, arrival by arrival.
//!
//! An integrator has no threshold, so what a current adds to an average of its potential depends on when it arrives and on nothing else: with D seconds left, at
//! the time t, a current of 1 adds `e^(−ρt) (D²/τ_mem) exp[0, p, q]` to the integral under a weight that fades with the rate ρ, with p = −D (1/`τ_mem` + ρ)
//! and q = −D (1/`τ_syn` + ρ) (docs/mathematics.md, eqs. 6a, 25c and 25d). That is the adjoint of an integral of 1 at that time, too. All integrators of a layer
//! with the same time constants share it: a layer is a product of weights with it, and no neuron is moved.
//!
//! Not here: integrals along the way of a neuron that spikes (`lif/integral.rs`), what arrives (`spikegrad_simulate`, `spikegrad_adjoint`).

use super::{BLOCK, Lanes, Numbers};
use crate::receptors::{CurrentsState, CurrentsTangent, Superposed};
use crate::{Neuron, Scalar, TimeConstants};
use pulp::{Arch, Simd, WithSimd};

/// What currents of 1 at some times add to an integral over the rest of a run.
#[derive(Clone, Debug, Default)]
pub struct Shares {
    /// Of each, in seconds.
    pub i: Vec<f64>,
    /// By how much less that is for each second by which the current comes later: `e^(−ρT) r + ρ i`, where r is the potential that it leaves at the end T (eq. 25d).
    pub fall: Vec<f64>,
    /// The derivatives of `i` with respect to `τ_mem` and `τ_syn`, where they are asked for.
    pub i_by_taus: Vec<TimeConstants<f64>>,
}

impl Shares {
    /// Takes those of these times, in seconds, with so much time left after each, under a weight of 1 at time 0 that fades with `decay_rate`, per second and not
    /// negative; of neurons with one receptor that share their time constants.
    ///
    /// # Panics
    /// If there are not as many times as times left.
    pub fn set<const K: usize>(
        &mut self,
        numbers: &Numbers<K>,
        decay_rate: f64,
        (times, left): (&[f64], &[f64]),
    ) {
        assert_eq!(times.len(), left.len());
        for column in [&mut self.i, &mut self.fall] {
            // Registers are stored whole.
            column.resize(super::padded(left.len()), 0.0);
        }
        let (mem, syn) = numbers.shared_time_constants();
        Arch::new().dispatch(Set { decay_rate, mem, syn: syn[0], times, left, into: self });
    }

    /// Takes their derivatives, too, of neurons of which `model` is one.
    pub fn set_tangents<const K: usize>(
        &mut self,
        model: &Superposed<K>,
        decay_rate: f64,
        (times, left): (&[f64], &[f64]),
    ) {
        let unit = CurrentsState { v: model.rest(), i: [1.0; K] };
        self.i_by_taus.clear();
        for (&time, &left) in times.iter().zip(left) {
            let at = (unit, CurrentsTangent::default());
            let of = model.integral_tangent(at, (left, decay_rate), &mut Default::default());
            let weight = Scalar::exp(-decay_rate * time);
            self.i_by_taus.push(of.map(|by_tau| weight * by_tau));
        }
    }
}

struct Set<'a> {
    decay_rate: f64,
    mem: f64,
    syn: f64,
    times: &'a [f64],
    left: &'a [f64],
    into: &'a mut Shares,
}

impl WithSimd for Set<'_> {
    type Output = ();
    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { decay_rate, mem, syn, times, left, into } = self;
        let all = |x| Lanes::splat(simd, x);
        let taus = [all(mem), all(syn)];
        let load = |column: &[f64]| Lanes::new(simd, simd.partial_load_f64s(column));
        for first in (0..left.len()).step_by(S::F64_LANES) {
            let end = left.len().min(first + S::F64_LANES);
            let at = [load(&times[first..end]), load(&left[first..end])];
            let [i, fall] = shares(at, all(decay_rate), taus);
            for (column, lanes) in [(&mut into.i, i), (&mut into.fall, fall)] {
                S::as_mut_simd_f64s(&mut column[first..]).0[0] = lanes.raw();
            }
        }
    }
}

/// 1/2!, …, 1/23!: what is left out of the series is below 1e-20 of its first term.
const SERIES: [f64; 22] = {
    let (mut coefficients, mut k, mut divisor) = ([0.5; 22], 1, 3.0);
    while k < coefficients.len() {
        coefficients[k] = coefficients[k - 1] / divisor;
        divisor += 1.0;
        k += 1;
    }
    coefficients
};

/// exp[0, −y] for y ≥ 0.
#[inline(always)]
fn first<S: Simd>(y: Lanes<S>) -> Lanes<S> {
    let (zero, one) = (y.constant(0.0), y.constant(1.0));
    zero.lt(y).select(-(-y).exp_and_exp_m1().1 / y, one)
}

/// Of a current of 1 at a time, with so much time left: its share, and by how much that falls.
#[inline(always)]
fn shares<S: Simd>(
    [time, left]: [Lanes<S>; 2],
    decay_rate: Lanes<S>,
    [mem, syn]: [Lanes<S>; 2],
) -> [Lanes<S>; 2] {
    let one = time.constant(1.0);
    let (faded, x, y) = (left * decay_rate, left / mem, left / syn);
    let (p, q) = (x + faded, y + faded);
    let (near, far) = (p.min(q), p.max(q));
    let of_near = first(near);
    let between = (-near).exp() * first(far - near);
    let apart = (of_near - between) / far;
    // h_k of both points, alternating.
    let (mut near_power, mut complete, mut close) = (one, one, one * SERIES[0]);
    for coefficient in &SERIES[1..] {
        near_power = -(near_power * near);
        complete = near_power - complete * far;
        close = close + complete * *coefficient;
    }
    let second = far.le(one).select(close, apart);
    let weight = (-(time * decay_rate)).exp();
    let i = weight * left * (x * second);
    // exp[p, q] has what the weight fades in it.
    let at_end = weight * x * between;
    [i, at_end + i * decay_rate]
}

/// Adds to `sums`, one for each neuron, what arrives at each instant times the share of that. `rows` says where the weights begin that arrive, and `ends` which of them is
/// the last of each instant: those of one instant are added before, as if they were one.
///
/// # Panics
/// If there are fewer shares than instants, or weights.
pub fn add_rows(
    weights: &[f64],
    (rows, ends): (&[usize], &[usize]),
    shares: &[f64],
    sums: &mut [f64],
) {
    let shares = &shares[..ends.len()];
    Arch::new().dispatch(
        #[inline(always)]
        || {
            let mut first = 0;
            for (&end, share) in ends.iter().zip(shares) {
                let rows = &rows[first..end];
                first = end;
                if let [row] = *rows {
                    let weights = &weights[row..row + sums.len()];
                    sums.iter_mut().zip(weights).for_each(|(sum, weight)| *sum += share * weight);
                    continue;
                }
                for (n, sum) in sums.iter_mut().enumerate() {
                    let weight: f64 = rows.iter().map(|&row| weights[row + n]).sum();
                    *sum += share * weight;
                }
            }
        },
    );
}

/// Adds `share` times `cotangents`, one for each neuron, to the gradient of a row of weights, and returns the product of these with `cotangents`.
#[must_use]
pub fn pull_back_row(weights: &[f64], gradient: &mut [f64], cotangents: &[f64], share: f64) -> f64 {
    Arch::new().dispatch(
        #[inline(always)]
        || {
            for (gradient, cotangent) in gradient.iter_mut().zip(cotangents) {
                *gradient += share * cotangent;
            }
            // Partial sums in a fixed order, whatever the width of a register.
            let mut partial = [0.0; BLOCK];
            let ((weights, last), (cotangents, last_cotangents)) =
                (weights.as_chunks::<BLOCK>(), cotangents.as_chunks::<BLOCK>());
            for (weights, cotangents) in weights.iter().zip(cotangents) {
                for (k, partial) in partial.iter_mut().enumerate() {
                    *partial += weights[k] * cotangents[k];
                }
            }
            for (partial, (weight, c)) in partial.iter_mut().zip(last.iter().zip(last_cotangents)) {
                *partial += weight * c;
            }
            partial.iter().sum()
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lif::Averaging;
    use crate::lif::fixtures::{RATIOS, parameters};
    use crate::{Adjoint, Lif, NeuronAdjoint, State};

    /// Two exponentials, a quotient and a sum of terms of both signs on each side, but for the rounding of the exponents.
    const ROUNDING: f64 = 4e-15;

    #[test]
    fn a_share_is_the_integral_of_a_unit_and_falls_as_that_comes_later() {
        let times = [0.0, 0.3, 1.0, 2.0, 7.0, 20.0, 1e3];
        let left = [1e-9, 1e-3, 0.4, 2.0, 5.0, 30.0, 1e4];
        for (ratio, decay_rate) in
            RATIOS.into_iter().flat_map(|ratio| [0.0, 1e-3, 0.13, 3.0].map(|rate| (ratio, rate)))
        {
            let neuron = Lif::integrator(parameters(ratio).into());
            let (mut numbers, mut shares) = (Numbers::<1>::default(), Shares::default());
            numbers.set(&[neuron.into()]);
            shares.set(&numbers, decay_rate, (&times, &left));
            for (k, (&time, &left)) in times.iter().zip(&left).enumerate() {
                let rounding = ROUNDING
                    + f64::EPSILON
                        * (decay_rate * (time + left) + left / (ratio * 5.0) + left / 5.0);
                let over = (left, decay_rate);
                let Adjoint(of) = neuron.integral_pullback(1.0, over, &mut Averaging::default());
                let at_end = Adjoint(State { v: 1.0, i: 0.0 });
                let Adjoint(response) = neuron.flow_pullback(left, at_end);
                let (weight, faded) = ((-decay_rate * time).exp(), (-decay_rate * left).exp());
                // As a difference of adjoints (eq. 10), which may cancel, and by parts.
                let terms = [of.v / (ratio * 5.0), of.i / 5.0];
                let falls = faded * response.i + decay_rate * of.i;
                for (name, got, expected, size) in [
                    ("share", shares.i[k], of.i, of.i),
                    ("difference", shares.fall[k], terms[0] - terms[1], terms[0] + terms[1]),
                    ("fall", shares.fall[k], falls, falls),
                ] {
                    let (expected, size) = (weight * expected, weight * size);
                    assert!(
                        (got - expected).abs() <= rounding * size + f64::MIN_POSITIVE,
                        "{name}, ratio {ratio}, rate {decay_rate}, left {left}: {got} {expected}"
                    );
                }
            }
        }
    }

    #[test]
    fn rows_are_multiplied_with_shares() {
        let weights: Vec<f64> = (0..40).map(f64::from).collect();
        let mut sums = [1.0; 11];
        add_rows(&weights, (&[3, 29, 7], &[1, 3]), &[0.5, 2.0], &mut sums);
        let sum = |n: usize| 1.0 + 0.5 * weights[3 + n] + 2.0 * (weights[29 + n] + weights[7 + n]);
        let expected: Vec<f64> = (0..11).map(sum).collect();
        assert_eq!(sums.as_slice(), expected);
        let (mut gradient, cotangents) = ([0.25; 11], [2.0; 11]);
        let product = pull_back_row(&weights[..11], &mut gradient, &cotangents, 0.5);
        assert_eq!((gradient, product.to_bits()), ([1.25; 11], 110.0f64.to_bits()));
    }
}
