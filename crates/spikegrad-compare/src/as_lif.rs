//! The numbers of one neuron, as those of a leaky integrate-and-fire neuron: an integrator is one that never spikes.
//!
//! Not here: how a method moves it (`saltation/neuron.rs`, `time_stepped/`).

use spikegrad_dynamics::lif;
use spikegrad_network::PopulationParameters;

/// What stands at each position of [`lif::TABLE`] for neuron `index`; what the model does not have is `missing`, by its position.
pub(crate) fn numbers<T: Copy>(
    values: &PopulationParameters<T>,
    index: usize,
    missing: impl Fn(usize) -> T,
) -> [T; lif::COUNT] {
    let mut all = std::array::from_fn(missing);
    let of = values.of(index);
    for (position, &entry) in values.model().entries().iter().enumerate() {
        all[entry] = of(position);
    }
    all
}

/// The default of the number at a position of [`lif::TABLE`].
pub(crate) fn default(position: usize) -> f64 {
    lif::TABLE.quantities[position].default
}
