//! Spikes that go on after the end of a run: where each neuron stands in its cycle by then, and what is still on its way to it.
//!
//! A neuron that goes on has a rate, the share of its cycle that has passed: just below 1 before a spike, 0 after it. Its sources add up
//! to x = Σ w (rate + spikes on their way), and with that its own cycle gives the times of its next spikes (C. Klos and R.-M. Memmesheimer, PRL
//! 2025, arXiv:2309.14523; for any network docs/mathematics.md, eqs. 27 to 27d). Populations on a cycle have rates that depend on their own
//! potential alone, the others follow from their sources on: one pass is enough.
//!
//! Not here: the cycle of a neuron (`spikegrad_dynamics`), the way back (`spikegrad_adjoint`).

use crate::{Circuit, Measure, NamedNeuron, Network, NeuronId, Source, Time, Trace};
use spikegrad_dynamics::{Drive, GeneralNeuron, GoesOn, Neuron, Scalar, Vector};
use std::ops::Range;
use thiserror::Error;

/// Why a neuron has no pseudospikes.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum NoPseudospikes {
    /// Only neurons with a cycle go on.
    #[error("only models with a cycle, as qif and qif_delta are, go on after a run")]
    Model,
    /// No rule of one pass is continuous there.
    #[error("a population with delta synapses that leads back to itself has no rates")]
    Cycle,
    /// What is injected into it after the run is not said.
    #[error("a current is injected into it, and what follows after the run is not said")]
    Current,
    /// It would not spike again by itself.
    #[error("with a bias of 1/4 or less it has no period")]
    Period,
}

/// A neuron that is read after the run, or from which such a one can be reached, has no pseudospikes.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("spikes that go on after the run depend on neuron {neuron}: {reason}")]
pub struct PseudospikeError {
    /// Which neuron.
    pub neuron: NamedNeuron,
    /// Why.
    #[source]
    pub reason: NoPseudospikes,
}

/// For each connection the population that it comes from, if it is not the input, and the one that it leads to.
pub(crate) fn ends(network: &Network) -> impl Iterator<Item = (Option<usize>, usize)> {
    network.connections().iter().map(|connection| match connection.from {
        Source::Input => (None, connection.to),
        Source::Population(from) => (Some(from), connection.to),
    })
}

/// Which of so many populations lead to `target` through one connection or more.
fn leading_to(target: usize, count: usize, ends: &[(Option<usize>, usize)]) -> Vec<bool> {
    let (mut leads, mut next) = (vec![false; count], vec![target]);
    while let Some(reached) = next.pop() {
        for &(from, to) in ends {
            if let Some(from) = from
                && to == reached
                && !std::mem::replace(&mut leads[from], true)
            {
                next.push(from);
            }
        }
    }
    leads
}

/// Whether a population can be read after the run, as far as its network says: `None` if it can.
pub(crate) fn refusal(network: &Network, population: usize) -> Option<NoPseudospikes> {
    let ends: Vec<_> = ends(network).collect();
    let count = network.populations().len();
    let goes_on = |k: usize| network.populations()[k].model.goes_on();
    if goes_on(population) == GoesOn::Never {
        return Some(NoPseudospikes::Model);
    }
    let mut matters = leading_to(population, count, &ends);
    matters[population] = true;
    let refused =
        |k: usize| matters[k] && goes_on(k) == GoesOn::OffCycles && leading_to(k, count, &ends)[k];
    (0..count).any(refused).then_some(NoPseudospikes::Cycle)
}

/// A population whose neurons take part.
#[derive(Clone, Debug)]
pub struct Part {
    /// Its neurons.
    pub neurons: Range<usize>,
    /// Whether connections lead from it back to it, so that its rates leave all synaptic input out.
    pub is_on_cycle: bool,
}

/// The populations that take part where those of `read` are read, each after all that it needs.
fn parts<T: Scalar, N: Neuron<T>>(circuit: &Circuit<T, N>, read: &[usize]) -> Vec<Part> {
    let (ends, count) = (circuit.ends(), circuit.populations());
    let mut matters = vec![false; count];
    for &population in read {
        let leading = leading_to(population, count, ends);
        matters.iter_mut().zip(leading).for_each(|(matters, leads)| *matters |= leads);
        matters[population] = true;
    }
    let goes_on = |k: usize| {
        let first = circuit.neurons.get(circuit.range(k).start).and_then(|n| n.as_general());
        first.is_some_and(|neuron| neuron.goes_on() != GoesOn::Never)
    };
    let takes_part = |k: &usize| matters[*k] && goes_on(*k);
    let (mut order, mut left): (Vec<usize>, Vec<usize>) =
        (0..count).filter(takes_part).partition(|&k| leading_to(k, count, ends)[k]);
    let on_cycles = order.len();
    while !left.is_empty() {
        // One that hears none of those that are left: there is one, for none is on a cycle.
        let waits = |k: &usize| {
            ends.iter().any(|&(from, to)| to == *k && left.iter().any(|&l| from == Some(l)))
        };
        let (wait, ready): (Vec<usize>, Vec<usize>) = left.iter().partition(|&k| waits(k));
        order.extend(ready);
        left = wait;
    }
    let part = |(at, k)| Part { neurons: circuit.range(k), is_on_cycle: at < on_cycles };
    order.into_iter().enumerate().map(part).collect()
}

/// The widths with which spikes after the run are read, each once: losses that are summed may have widths of their own.
pub fn widths(measures: impl Iterator<Item = Measure>) -> Vec<f64> {
    let mut widths: Vec<f64> = Vec::new();
    for measure in measures {
        if let Measure::Pseudospike { width, .. } = measure
            && !widths.iter().any(|other| other.to_bits() == width.to_bits())
        {
            widths.push(width);
        }
    }
    widths
}

/// The groups that the spikes of a run are still to arrive through when it ends.
pub fn on_their_way<T: Scalar, N: Neuron<T>>(
    circuit: &Circuit<T, N>,
    trace: &Trace<T>,
) -> impl Iterator<Item = usize> {
    let inputs = trace.stimulus.spikes().iter().map(|s| (s.channel, Time::from(s.time)));
    let spikes = trace.spikes.iter().map(|s| (circuit.source_of(s.neuron), s.at()));
    let end = trace.stimulus.t_end();
    inputs.chain(spikes).filter(move |(_, at)| at.rounded.re() <= end).flat_map(
        move |(source, at)| {
            let groups = circuit.groups_of(source).rev();
            groups.take_while(move |&g| at.after(circuit.delay(g)).rounded.re() > end)
        },
    )
}

/// Where all neurons that take part stand at the end of a run.
#[derive(Clone, Debug)]
pub struct Pseudospikes<T> {
    /// The populations that take part, each after all that it needs.
    pub parts: Vec<Part>,
    /// For each neuron its state.
    pub states: Vec<Vector<T>>,
    /// For each neuron what its sources would add.
    pub inputs: Vec<T>,
    /// For each neuron its rate, the share of its cycle that has passed.
    pub rates: Vec<T>,
    /// Width of the softplus of neurons with a current.
    pub width: f64,
}

impl<T: Scalar> Pseudospikes<T> {
    /// Of a run at whose end the neurons have these `states`, where the neurons `read` are read. Of neurons that do not go on the state is not looked
    /// at.
    ///
    /// # Errors
    /// [`PseudospikeError`], if a neuron that matters does not go on.
    pub fn of<N: Neuron<T>>(
        circuit: &Circuit<T, N>,
        trace: &Trace<T>,
        read: impl IntoIterator<Item = NeuronId>,
        width: f64,
        states: Vec<Vector<T>>,
    ) -> Result<Self, PseudospikeError> {
        let count = circuit.neurons.len();
        let mut populations = Vec::new();
        for neuron in read {
            let goes_on = circuit.neurons[neuron.index()].as_general().map(GeneralNeuron::goes_on);
            if matches!(goes_on, None | Some(GoesOn::Never)) {
                let (neuron, reason) = (circuit.named(neuron), NoPseudospikes::Model);
                return Err(PseudospikeError { neuron, reason });
            }
            let population = circuit.population_of(neuron);
            if !populations.contains(&population) {
                populations.push(population);
            }
        }
        let mut all = Self {
            parts: parts(circuit, &populations),
            states,
            inputs: vec![T::from(0.0); count],
            rates: vec![T::from(0.0); count],
            width,
        };
        for group in on_their_way(circuit, trace) {
            all.add(circuit, circuit.synapses(group), T::from(1.0));
        }
        for k in 0..all.parts.len() {
            let Part { neurons, is_on_cycle } = all.parts[k].clone();
            for n in neurons {
                let neuron = NeuronId::new(n);
                let refused = |reason| PseudospikeError { neuron: circuit.named(neuron), reason };
                let currents = trace.stimulus.currents();
                if currents.is_some_and(|currents| currents.injection_of(neuron).is_some()) {
                    return Err(refused(NoPseudospikes::Current));
                }
                let goes_on = circuit.neurons[n].as_general().map(GeneralNeuron::goes_on);
                if is_on_cycle && goes_on == Some(GoesOn::OffCycles) {
                    return Err(refused(NoPseudospikes::Cycle));
                }
                let [left, _] = all
                    .cycle_under(circuit, n, all.drive_of_rate(n, is_on_cycle))
                    .ok_or_else(|| refused(NoPseudospikes::Period))?;
                all.rates[n] = T::from(1.0) - left;
                for group in circuit.groups_of(circuit.source_of(neuron)) {
                    all.add(circuit, circuit.synapses(group), all.rates[n]);
                }
            }
        }
        Ok(all)
    }

    fn add<N: Neuron<T>>(&mut self, circuit: &Circuit<T, N>, synapses: Range<usize>, rate: T) {
        for synapse in synapses {
            self.inputs[circuit.targets[synapse].index()] += circuit.weights[synapse] * rate;
        }
    }

    /// Under what the rate of neuron `n` is taken, which is of a population on a cycle or not.
    #[must_use]
    pub fn drive_of_rate(&self, n: usize, is_on_cycle: bool) -> Drive<T> {
        Drive { input: (!is_on_cycle).then_some(self.inputs[n]), width: self.width }
    }

    /// Under what neuron `n` goes on where it is read.
    #[must_use]
    pub fn drive(&self, n: usize) -> Drive<T> {
        Drive { input: Some(self.inputs[n]), width: self.width }
    }

    fn cycle_under<N: Neuron<T>>(
        &self,
        circuit: &Circuit<T, N>,
        n: usize,
        drive: Drive<T>,
    ) -> Option<[T; 2]> {
        circuit.neurons[n].as_general()?.cycle(self.states[n], drive)
    }

    /// The share that is left of the cycle of neuron `n`, where it is read, and its period in seconds.
    #[must_use]
    pub fn cycle<N: Neuron<T>>(&self, circuit: &Circuit<T, N>, n: usize) -> [T; 2] {
        self.cycle_under(circuit, n, self.drive(n)).unwrap_or_default()
    }
}
