//! Where the numbers of a `lif` stand among those of the same neuron with several receptors, and how its gradient gets there.
//!
//! Not here: what is added to a gradient (`lif/gradient.rs`).

use super::{Li, Lif, integrator, lif};
use crate::exponentials::{Layout, Linear, Spiking};
use crate::lif::{COUNT, I, TAU_MEM, TAU_SYN};
use crate::{AnyGradient, General, LifGradient, NeuronGradient};

/// No such number.
const NONE: usize = usize::MAX;

/// Positions in the table of a model with receptors.
#[derive(Clone, Copy)]
pub(super) struct Places {
    /// Of the numbers of [`crate::lif::TABLE`]; of time constants and currents of synapses it is that of the first receptor, which the others follow.
    pub(super) of_lif: [usize; COUNT],
    /// Whether it has a threshold.
    pub(super) spikes: bool,
}

const fn of(receptors: usize, spikes: bool) -> Places {
    let Layout { v_leak, i_bias, tau_syn, .. } =
        if spikes { Lif::<2>::LAYOUT } else { Li::<2>::LAYOUT };
    let v = tau_syn + receptors;
    let [v_th, v_reset, t_ref] = match Lif::<2>::LAYOUT.spiking {
        Some(Spiking { v_th, v_reset, t_ref }) if spikes => [v_th, v_reset, t_ref],
        _ => [NONE; 3],
    };
    let of_lif = [TAU_MEM, tau_syn, v_th, v_reset, v_leak, i_bias, t_ref, v, v + 1];
    Places { of_lif, spikes }
}

/// The places of a model of this folder.
pub(super) fn places(model: &'static General) -> Option<Places> {
    let receptors = model.receptors();
    let is =
        |other: Option<&'static General>| other.is_some_and(|other| std::ptr::eq(other, model));
    let spikes = is(lif(receptors));
    (spikes || is(integrator(receptors))).then(|| of(receptors, spikes))
}

/// Whether the neurons of a model are linear between their spikes as [`super::Superposed`] is.
#[must_use]
pub fn is_linear(model: &'static General) -> bool {
    places(model).is_some()
}

/// What a receptor but the first collects: ∂L/∂(its time constant) and ∂L/∂(its current at time 0).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct OfReceptor {
    /// By its time constant, per second.
    pub tau_syn: f64,
    /// By its current at time 0.
    pub i: f64,
}

/// The gradient of a linear neuron, whatever its number of receptors.
pub trait LinearGradient: NeuronGradient<f64> {
    /// Adds what a `lif`, or an `li` if it does not spike, has collected, and what each receptor has but the first, which is the former's.
    fn add_parts(&mut self, spikes: bool, of_lif: &LifGradient<f64>, of_others: &[OfReceptor]);
}

impl LinearGradient for LifGradient<f64> {
    fn add_parts(&mut self, _: bool, of_lif: &Self, _: &[OfReceptor]) {
        self.add(of_lif);
    }
}

impl LinearGradient for AnyGradient<f64> {
    fn add_parts(&mut self, spikes: bool, of_lif: &LifGradient<f64>, of_others: &[OfReceptor]) {
        let into = self.as_mut_slice();
        if of_others.is_empty() {
            into.iter_mut().zip(of_lif.as_slice()).for_each(|(into, x)| *into += x);
            return;
        }
        let Places { of_lif: places, .. } = of(1 + of_others.len(), spikes);
        for (place, x) in places.into_iter().zip(of_lif.as_slice()) {
            if place != NONE {
                into[place] += x;
            }
        }
        for (k, other) in (1..).zip(of_others) {
            into[places[TAU_SYN] + k] += other.tau_syn;
            into[places[I] + k] += other.i;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::MOST;
    use super::*;
    use crate::lif::TABLE;

    #[test]
    fn numbers_are_found_by_their_paths() {
        for receptors in 2..=MOST {
            for model in [lif(receptors), integrator(receptors)] {
                let model = model.unwrap();
                let Places { of_lif, .. } = places(model).unwrap();
                for (quantity, place) in TABLE.quantities.iter().zip(of_lif) {
                    let path = match quantity.path {
                        "params.tau_syn" => "receptors[0].tau_syn",
                        "initial.i" => "initial.i[0]",
                        path => path,
                    };
                    let position = model.table().position(path);
                    assert_eq!(position.unwrap_or(NONE), place, "{path} of {receptors}");
                }
            }
        }
        assert!(places(&crate::alif::ALIF).is_none());
    }
}
