//! Changes of the reference that the sums of neurons are relative to: what one takes serves all with the same time constants that come from as far.
//!
//! A neuron to which nothing happens stays where it is, so that those of a large network which are at rest cost nothing. Not here: which reference is the present one (`mod.rs`).

use spikegrad_dynamics::Lif;
use spikegrad_dynamics::lif::sums::{Sums, TangentView};

/// How many changes are remembered.
const COUNT: usize = 64;

/// A change of reference.
#[derive(Clone, Copy, Debug)]
struct Change {
    /// Bits of the old reference and of the new one.
    way: [u64; 2],
    /// A neuron that made it.
    model: Lif<f64>,
    view: TangentView,
}

/// The last changes, each in a place that follows from where it starts.
#[derive(Clone, Debug)]
pub(super) struct References([Option<Change>; COUNT]);

impl Default for References {
    fn default() -> Self {
        Self([None; COUNT])
    }
}

impl References {
    /// Makes `to` the reference of a neuron.
    #[inline]
    pub(super) fn change<const TANGENTS: bool>(
        &mut self,
        model: &Lif<f64>,
        sums: &mut Sums,
        to: f64,
    ) {
        let from = sums.reference();
        let way = [from, to].map(f64::to_bits);
        if way[0] == way[1] {
            return;
        }
        // References are spread over the places by the highest bits of a product.
        let place = way[0].wrapping_mul(0x9E37_79B9_7F4A_7C15) >> (64 - COUNT.ilog2());
        let known = &mut self.0[usize::try_from(place).expect("a place")];
        let view = match known {
            Some(change) if change.way == way && change.model.shares_time_constants(model) => {
                &change.view
            }
            _ => {
                let view = TangentView::new(model, to - from);
                &known.insert(Change { way, model: *model, view }).view
            }
        };
        if TANGENTS { view.rebase(sums, to) } else { view.view().rebase(sums, to) }
    }
}
