//! The van Rossum distance of spike trains from target trains, in closed form (docs/mathematics.md, eq. 20b).
//!
//! Each train is filtered by a decaying exponential, and the squared difference is integrated over all time:
//!
//! ```text
//! D = (1/τ) ∫₀^∞ (f − g)² dt      f(t) = Σ_{t_i ≤ t} e^(−(t − t_i)/τ)      g likewise, of the targets u_j
//!   = ½ Σ_{i,i′} e^(−|t_i − t_i′|/τ) + ½ Σ_{j,j′} e^(−|u_j − u_j′|/τ) − Σ_{i,j} e^(−|t_i − u_j|/τ)
//! ```
//!
//! M. C. W. van Rossum, *A novel spike distance*, Neural Computation 13, 751 (2001), where this is D². Surplus and missing
//! spikes count, a half each if they are alone. The double sums subtract nearly equal numbers when a train is near its
//! target; between two events, however, f − g decays, and the integral is a sum of squares:
//!
//! ```text
//! D = ½ Σ_n h_n² (1 − e^(−2Δ_n/τ))      h_n: f − g just after event n      Δ_n: from there to the next, ∞ after the last
//! ```
//!
//! One pass along the events gives the value, one more in each direction the derivatives:
//!
//! ```text
//! ∂D/∂t_i = (B_i − A_i)/τ      A_i = Σ_{s < t_i} ± e^(−(t_i − s)/τ)      B_i = Σ_{s > t_i} ± e^(−(s − t_i)/τ)
//! ```
//!
//! with + for a spike at s and − for a target. The sums leave out what lies at the spike itself: there its distance has a kink, and
//! the derivative of that is taken as 0. That is the mean of the two one-sided derivatives, and where a spike meets a target, which is
//! a minimum of its summand, a sub-gradient; a train that equals its target is at rest. At the spike itself is what has the same
//! representable time, as everywhere; all lengths are taken with what the rounding of times left off. The cotangents say where that
//! is.
//!
//! Not here: the pairing of spikes with targets one by one (`spike_time.rs`).

use super::{Derivatives, Loss, Observation, check, of_population};
use crate::{Network, NetworkError, NeuronId, Time};
use spikegrad_dynamics::Scalar;

/// Sum over the neurons of a population of the (squared) van Rossum distance from target trains; without a unit.
///
/// A silent neuron has the distance of its targets from nothing, a constant.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(
    feature = "problem-file",
    derive(serde::Serialize, serde::Deserialize, schemars::JsonSchema),
    serde(deny_unknown_fields)
)]
pub struct VanRossum {
    /// Name of the population that is read.
    pub population: String,
    /// Target times in seconds, in any order and not negative, a list for each neuron.
    pub targets: Vec<Vec<f64>>,
    /// Time constant τ of the filter, in seconds: far below it a distance in time is small, far above it two spikes differ.
    pub tau: f64,
}

/// A spike or a target.
#[derive(Clone, Copy, Debug)]
struct Event<T> {
    time: Time<T>,
    /// What it adds to f − g: 1 for a spike, −1 for a target.
    step: f64,
    /// Position in the trace.
    spike: Option<usize>,
}

impl<T: Scalar> Loss<T> for VanRossum {
    fn check(&self, network: &Network) -> Result<(), NetworkError> {
        let (of, expected) =
            (check::spiking(network, &self.population)?, "a time in seconds, 0 or more");
        check::targets(of, &self.targets, expected, |t| t.is_finite() && t >= 0.0)?;
        check::time_constant("tau", self.tau)
    }

    fn spikes_read(&self, network: &Network, neuron: NeuronId) -> usize {
        of_population(network, &self.population, neuron, usize::MAX)
    }

    fn evaluate_into(&self, run: &Observation<'_, T>, into: &mut Derivatives<'_, T>) -> T {
        let mut value = T::from(0.0);
        let mut events = Vec::new();
        for (neuron, targets) in run.neurons(&self.population).zip(&self.targets) {
            events.clear();
            let spikes = run.spikes.iter().enumerate();
            let own = spikes.filter(|(_, spike)| spike.neuron.index() == neuron);
            events.extend(own.map(|(k, s)| Event { time: s.at(), step: 1.0, spike: Some(k) }));
            let target =
                |&time: &f64| Event { time: T::from(time).into(), step: -1.0, spike: None };
            events.extend(targets.iter().map(target));
            events.sort_by(|a, b| {
                let (a, b) = (a.time, b.time);
                a.rounded.re().total_cmp(&b.rounded.re()).then(a.remainder.total_cmp(&b.remainder))
            });
            value += self.distance(&events);
            let together = |a: &Event<T>, b: &Event<T>| a.time.coincides(b.time);
            self.pull_back(1.0, events.chunk_by(together), into.spikes);
            events.reverse();
            self.pull_back(-1.0, events.chunk_by(together), into.spikes);
            for group in events.chunk_by(together).filter(|group| group.len() > 1) {
                into.kinks.extend(group.iter().filter_map(|event| event.spike));
            }
        }
        value
    }
}

impl VanRossum {
    /// `e^(−length/τ) − 1`.
    fn loss_over<T: Scalar>(&self, length: T) -> T {
        (-length / T::from(self.tau)).exp_m1()
    }

    /// D of the events of one neuron, in order.
    fn distance<T: Scalar>(&self, events: &[Event<T>]) -> T {
        let (half, two) = (T::from(0.5), T::from(2.0));
        let (mut value, mut height, mut loss) = (T::from(0.0), T::from(0.0), T::from(0.0));
        for (k, event) in events.iter().enumerate() {
            // A step that takes a height back leaves exactly what it has lost.
            height = (height + T::from(event.step)) + loss * height;
            let next = events.get(k + 1);
            loss = next.map_or(T::from(-1.0), |next| self.loss_over(next.time.since(event.time)));
            value += half * height * height * -loss * (two + loss);
        }
        value
    }

    /// Adds the part of the events on one side of each spike to ∂D/∂t of the spike: the earlier ones for a `direction` of 1,
    /// the later ones for −1. `groups` of events at one representable time come in that direction.
    fn pull_back<'a, T: Scalar>(
        &self,
        direction: f64,
        groups: impl Iterator<Item = &'a [Event<T>]>,
        into: &mut [T],
    ) {
        let zero = T::from(0.0);
        let length = |from: Time<T>, to: Time<T>| T::from(direction) * to.since(from);
        let mut height = zero;
        let mut last: Option<Time<T>> = None;
        for group in groups {
            let loss = |to| last.map_or(zero, |from| self.loss_over(length(from, to)));
            for event in group {
                if let Some(spike) = event.spike {
                    let height = height + loss(event.time) * height;
                    into[spike] -= T::from(direction / self.tau) * height;
                }
            }
            // The height at the last of the group, to which the steps of the others have lost a little.
            let end = group[group.len() - 1].time;
            let step: f64 = group.iter().map(|event| event.step).sum();
            let lost = group.iter().fold(loss(end) * height, |lost, event| {
                lost + T::from(event.step) * self.loss_over(length(event.time, end))
            });
            height = (height + T::from(step)) + lost;
            last = Some(end);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{check_cotangents, network, trace};
    use super::*;
    use crate::loss::Evaluate;

    /// Some exponentials and sums of numbers of size one.
    const ROUNDING: f64 = 1e-14;

    fn loss(tau: f64, targets: [&[f64]; 2]) -> VanRossum {
        VanRossum { population: "out".into(), targets: targets.map(<[f64]>::to_vec).to_vec(), tau }
    }

    fn evaluate(loss: &VanRossum, spikes: &[(usize, f64)]) -> (f64, Vec<f64>) {
        let (value, cotangents) = loss.evaluate(&network(2), &trace(10.0, spikes)).unwrap();
        (value, cotangents.spikes)
    }

    /// The double sums of the head of the file.
    fn by_double_sums(tau: f64, spikes: &[f64], targets: &[f64]) -> f64 {
        let overlap = |a: &[f64], b: &[f64]| -> f64 {
            a.iter().flat_map(|&x| b.iter().map(move |&y| (-(x - y).abs() / tau).exp())).sum()
        };
        0.5 * overlap(spikes, spikes) + 0.5 * overlap(targets, targets) - overlap(spikes, targets)
    }

    /// The integral that defines the distance, by the midpoint rule with 2·10⁶ panels up to 40 time constants.
    fn by_quadrature(tau: f64, spikes: &[f64], targets: &[f64]) -> f64 {
        let filtered = |train: &[f64], t: f64| -> f64 {
            train.iter().filter(|&&s| s <= t).map(|&s| (-(t - s) / tau).exp()).sum()
        };
        let width = 40.0 * tau / 2e6;
        let square = |k: i32| {
            let t = (f64::from(k) + 0.5) * width;
            (filtered(spikes, t) - filtered(targets, t)).powi(2)
        };
        (0..2_000_000).map(square).sum::<f64>() * width / tau
    }

    #[test]
    fn cases_by_hand() {
        // One train is empty: each spike alone counts a half, and two of them overlap.
        let e = (-1.0_f64).exp();
        let (value, derivative) = evaluate(&loss(2.0, [&[], &[]]), &[(0, 1.0), (0, 3.0)]);
        assert!((value - (1.0 + e)).abs() < ROUNDING);
        // The overlap shrinks as the two move apart.
        assert!((derivative[0] - e / 2.0).abs() < ROUNDING);
        assert!((derivative[1] + e / 2.0).abs() < ROUNDING);
        // A silent neuron: its target alone, no derivative.
        assert_eq!(evaluate(&loss(2.0, [&[1.0], &[]]), &[]), (0.5, vec![]));
        // A spike one time constant after its target.
        let (value, derivative) = evaluate(&loss(2.0, [&[], &[1.0]]), &[(1, 3.0)]);
        assert!((value - (1.0 - e)).abs() < ROUNDING);
        assert!((derivative[0] - e / 2.0).abs() < ROUNDING);
    }

    #[test]
    fn the_value_is_that_of_the_double_sums_and_of_the_integral() {
        let (spikes, targets) = ([0.3, 0.9, 1.0, 4.2], [4.0, 0.4, 1.7]);
        for tau in [0.05, 0.7, 5.0] {
            let trains: Vec<(usize, f64)> = spikes.iter().map(|&t| (0, t)).collect();
            let (value, _) = evaluate(&loss(tau, [&targets, &[]]), &trains);
            assert!((value - by_double_sums(tau, &spikes, &targets)).abs() < ROUNDING, "{tau}");
        }
        // A panel in which the integrand jumps is wrong by at most its width times the jump, at most 4 here; 7 jumps.
        let tau = 0.7;
        let panels = 7.0 * 4.0 * 40.0 / 2e6;
        let quadrature = by_quadrature(tau, &spikes, &targets);
        assert!((quadrature - by_double_sums(tau, &spikes, &targets)).abs() < panels);
    }

    #[test]
    fn a_train_near_its_target_keeps_its_digits() {
        // 1 − e^(−δ) with δ = 2⁻⁴⁰ is δ − δ²/2; the double sums would leave twelve bits of it.
        let delta = 2f64.powi(-40);
        let (value, derivative) = evaluate(&loss(1.0, [&[2.0], &[]]), &[(0, 2.0 + delta)]);
        assert!((value / (delta - 0.5 * delta * delta) - 1.0).abs() < 4.0 * f64::EPSILON);
        assert!((derivative[0] - (-delta).exp()).abs() < ROUNDING);
    }

    #[test]
    fn a_train_that_meets_its_targets_is_at_rest() {
        let (value, derivative) =
            evaluate(&loss(0.7, [&[2.0, 1.0], &[1.0]]), &[(0, 1.0), (1, 1.0), (0, 2.0)]);
        assert_eq!((value, derivative), (0.0, vec![0.0; 3]));
        // Of two coinciding ones only the others count, here a target one time constant later.
        let (_, derivative) = evaluate(&loss(1.0, [&[1.0, 2.0], &[]]), &[(0, 1.0)]);
        assert!((derivative[0] + (-1.0_f64).exp()).abs() < ROUNDING);
    }

    #[test]
    fn derivatives_are_those_of_dual_numbers_and_of_differences() {
        let spikes = [(0, 0.3), (1, 0.8), (0, 1.0), (1, 1.1), (0, 2.9)];
        for tau in [0.3, 2.0] {
            check_cotangents(&loss(tau, [&[2.2, 0.4], &[0.9, 3.0, 0.1]]), 10.0, &spikes);
            check_cotangents(&loss(tau, [&[], &[5.0]]), 10.0, &spikes);
        }
    }

    #[test]
    fn a_neuron_without_a_list_is_refused() {
        let loss = VanRossum { population: "out".into(), targets: vec![vec![1.0]], tau: 1.0 };
        let error = Evaluate::<f64>::readouts(&loss, &network(2)).unwrap_err();
        let text = "loss.targets has 1 entries; it must have 2, one for each neuron";
        assert_eq!(error.to_string(), text);
    }
}
