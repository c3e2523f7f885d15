//! Traces made by hand, for the tests of losses that read spike times.
//!
//! Not here: traces of a network that was run (the test suite).

use super::{Evaluate, Loss};
use crate::{Model, Network, NeuronId, Population, Spike, Stimulus, Trace};
use spikegrad_dynamics::{Dual64, Scalar, TimeConstants};

/// Neurons of the population before the one that is read.
const BEFORE: usize = 2;

/// A network in which population 1 has `size` neurons.
pub(super) fn network(size: usize) -> Network {
    let population = |name: &str, size| Population { name: name.into(), size, model: Model::Lif };
    Network::new(0, vec![population("hidden", BEFORE), population("out", size)], vec![]).unwrap()
}

/// A trace of the given spikes, (neuron of population 1, time), which come in order of time.
pub(super) fn trace<T: Scalar>(t_end: f64, spikes: &[(usize, T)]) -> Trace<T> {
    let zero = T::from(0.0);
    let spike = |&(neuron, time): &(usize, T)| Spike {
        time,
        time_remainder: 0.0,
        neuron: NeuronId::new(BEFORE + neuron),
        round: 0,
        slope: T::from(1.0),
        release_rate: zero,
        tangent: TimeConstants::default(),
    };
    Trace {
        stimulus: Stimulus::new(t_end, vec![]).unwrap(),
        spikes: spikes.iter().map(spike).collect(),
        ..Trace::default()
    }
}

/// Compares the cotangents of a loss that reads up to three neurons with the dual part of its value, and with central
/// differences of it.
#[track_caller]
pub(super) fn check_cotangents<L>(loss: &L, t_end: f64, spikes: &[(usize, f64)])
where
    L: Loss<f64> + Loss<Dual64>,
{
    /// Both are the same sums in another order.
    const ROUNDING: f64 = 1e-13;
    /// Values of size ten over twice the step, and the third derivative times the step squared.
    const DIFFERENCE: f64 = 1e-8;
    const STEP: f64 = 1e-5;
    let size = spikes.iter().map(|&(neuron, _)| neuron).max().unwrap_or(0).max(1) + 1;
    let network = network(size);
    let (_, cotangents) = Evaluate::<f64>::evaluate(loss, &network, &trace(t_end, spikes)).unwrap();
    for k in 0..spikes.len() {
        let mut lifted: Vec<(usize, Dual64)> =
            spikes.iter().map(|&(neuron, time)| (neuron, time.into())).collect();
        lifted[k].1 = lifted[k].1.derivative();
        let (value, _) =
            Evaluate::<Dual64>::evaluate(loss, &network, &trace(t_end, &lifted)).unwrap();
        let found = cotangents.spikes[k];
        assert!((found - value.eps).abs() < ROUNDING, "spike {k}: {found} {}", value.eps);
        let moved = |by: f64| {
            let mut spikes = spikes.to_vec();
            spikes[k].1 += by;
            Evaluate::<f64>::evaluate(loss, &network, &trace(t_end, &spikes)).unwrap().0
        };
        let difference = (moved(STEP) - moved(-STEP)) / (2.0 * STEP);
        assert!((found - difference).abs() < DIFFERENCE, "spike {k}: {found} {difference}");
    }
}
