//! For how long nobody has to look at a neuron: until some time, unless positive weights that sum to more than a budget arrive before.
//!
//! With v the potential above the threshold, I⁺ the positive part of the current, B the weight that arrives, and x the time in units of `τ_mem`,
//! three things bound the potential, whatever negative weights arrive in between (docs/mathematics.md, eqs. 29c to 29e):
//!
//! ```text
//! it is drawn to            v ≤ max(v₀, I⁺ + B + rest)
//! it responds               v ≤ v₀ + min(1, x) max(0, rest − v₀) + κ (I⁺ + B)        κ the largest response to a unit current
//! it rises no faster        v ≤ v₀ + x max(0, I⁺ + B + rest − v₀)
//! ```
//!
//! The first two may hold for ever, the last two trade time for weight. Not here: who looks, and what is then done (`spikegrad_simulate`).

use super::{Lif, State};

/// Room for the roundings of a bound, and for those of a budget from which 10⁹ weights are taken one by one.
const MARGIN: f64 = 1.0 - 1e-6;

/// Shorter than this, in units of `τ_mem`, a certificate is not worth its price: then the crossing itself is looked for.
const SHORTEST: f64 = 1e-4;

/// Below this share of the size of its parts a distance from the threshold is nothing but their rounding.
const ROUNDING: f64 = 64.0 * f64::EPSILON;

/// For how long nobody has to look at a neuron.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Certificate {
    /// Positive weights may sum to as much.
    pub budget: f64,
    /// In seconds.
    pub length: f64,
}

impl Lif<f64> {
    /// A certificate of a neuron in `state`, at which positive weights are expected to arrive at a `rate`, in weight for each `τ_mem`: then
    /// budget and time are spent together. `None` if its crossing has to be looked for now.
    #[must_use]
    #[inline]
    pub fn certificate(&self, State { v, i }: State<f64>, rate: f64) -> Option<Certificate> {
        if self.threshold.is_infinite() {
            return Some(Certificate { budget: f64::INFINITY, length: f64::INFINITY });
        }
        let (rest, current) = (self.rest, i.max(0.0));
        let room = -v - (current + rest.abs() + v.abs()) * ROUNDING;
        if room <= 0.0 {
            return None;
        }
        let lift = (current + rest - v).max(0.0);
        let rises = 2.0 * room / (lift + (lift * lift + 4.0 * rate * room).sqrt());
        let (for_ever, x) = if rest < 0.0 {
            let drawn = -rest;
            let responds = -v.max(rest) / self.response_peak;
            (drawn.max(responds) * MARGIN - current, rises)
        } else {
            let responds =
                (room - self.response_peak * current) / (rest - v + self.response_peak * rate);
            (0.0, rises.max(responds))
        };
        let budget = rate * x;
        if for_ever >= budget {
            return Some(Certificate { budget: for_ever, length: f64::INFINITY });
        }
        (x > SHORTEST)
            .then_some(Certificate { budget: budget * MARGIN, length: x * self.tau_mem * MARGIN })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lif::fixtures::RATIOS;
    use crate::{LifParameters, Neuron, Outlook};
    use proptest::prelude::*;

    /// Arrivals to one certificate: their distances in shares of its length, and their weights in shares of its budget, some of either sign and of what is left.
    fn arrivals() -> impl Strategy<Value = Vec<(f64, f64)>> {
        let share = prop_oneof![0.0..0.3, Just(0.0), Just(1.0)];
        let weight = prop_oneof![0.0..0.3, -3.0..0.0, Just(1.0)];
        prop::collection::vec((share, weight), 0..12)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1_000_000))]

        /// Nobody crosses before the end of a certificate, with arrivals that spend it to the last.
        #[test]
        fn a_certificate_holds(
            ratio in prop::sample::select(&RATIOS[..]),
            v in prop_oneof![-2.0..0.0, -1e-6..0.0],
            i in -3.0..9.0,
            i_bias in prop_oneof![Just(0.0), -1e3..1.0, 1.0..1.5],
            rate in prop_oneof![1e-3..1.0, 1.0..1e3],
            arrivals in arrivals(),
        ) {
            let tau_syn = 5e-3;
            let parameters = LifParameters { tau_mem: ratio * tau_syn, tau_syn, i_bias, ..LifParameters::default() };
            let neuron = Lif::new(parameters);
            let mut state = State { v, i };
            let Some(Certificate { mut budget, length }) = neuron.certificate(state, rate) else { return Ok(()) };
            prop_assert!(budget >= 0.0);
            let mut left = if length.is_finite() { length } else { 20.0 * parameters.tau_mem.max(tau_syn) };
            for (share, weight) in arrivals.into_iter().chain([(1.0, 0.0)]) {
                let dt = share * left;
                let is_early = match neuron.next_crossing(state) {
                    Outlook::Crossing { dt: first, .. } | Outlook::Touch { dt: first } => first < dt,
                    _ => false,
                };
                prop_assert!(!is_early, "{state:?}");
                state = neuron.flow(state, dt);
                left -= dt;
                let weight = if weight < 0.0 { weight } else { weight * budget };
                budget -= weight.max(0.0);
                state = neuron.receive(state, weight);
            }
        }
    }

    /// What nearly spends a certificate nearly makes a spike: within a hundred times the budget one comes.
    #[test]
    fn certificates_are_not_idle() {
        let neuron = Lif::new(LifParameters::default());
        for (v, i) in [(-1.0, 0.0), (-0.5, 1.0), (-0.1, 0.1), (-1.0, 3.0)] {
            let Some(Certificate { budget, length }) = neuron.certificate(State { v, i }, 10.0)
            else {
                panic!("{v} {i}")
            };
            assert!(budget > 0.01 && length > 1e-3, "{v} {i}: {budget} {length}");
            let state = neuron.receive(State { v, i }, 100.0 * budget);
            assert!(matches!(neuron.next_crossing(state), Outlook::Crossing { .. }));
        }
    }
}
