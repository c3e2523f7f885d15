//! The figure of a run: spikes of the inputs and of each population, and the membrane potentials of the first neurons, or of those that
//! were asked for.
//!
//! Not here: its shapes and axes (`spikegrad_report::plot`), the potentials themselves (`voltages.rs`).

use crate::arguments::{Chosen, Common};
use crate::error::Failure;
use crate::people;
use crate::voltages::sample;
use spikegrad::network::wording::shown;
use spikegrad::problem::Problem;
use spikegrad::{Network, NeuronId, Trace};
use spikegrad_report::plot::{Population, Raster, Role, Size, Spike, VoltageTrace, raster};
use std::ops::Range;
use std::path::Path;

/// Samples of a curve: about two for each of its pixels.
const SAMPLES: u32 = 1500;

/// Curves of a population of which no neurons are named, and in all.
const CURVES_OF_A_POPULATION: usize = 8;
const MOST_CURVES: usize = 64;

/// Names that a sentence lists.
const MOST_NAMES: usize = 8;

/// What of a run is drawn.
#[derive(Debug)]
pub(crate) struct View<'a> {
    /// These; everything if there are none.
    pub(crate) neurons: &'a [Chosen],
    /// Start and end of the axis of time, in s; the whole run unless it is given.
    pub(crate) window: Option<(f64, f64)>,
    pub(crate) size: Size,
}

/// What was chosen, in the network: a population, or the inputs, and which of its neurons.
struct Band {
    population: Option<usize>,
    neurons: Range<usize>,
    /// How many of their potentials are drawn.
    curves: usize,
}

/// Draws the spikes of `trace`, and potentials below them, into the file `path`.
pub(crate) fn draw(
    path: &Path,
    problem: &Problem,
    trace: &Trace,
    view: &View<'_>,
    common: &Common,
) -> Result<(), Failure> {
    let network = &problem.network;
    let t_end = trace.stimulus.t_end();
    let window = view.window.unwrap_or((0.0, t_end));
    if let Some((from, to)) = view.window.filter(|&(_, to)| to > t_end) {
        return Err(Failure::Window { from, to, t_end });
    }
    let bands = match view.neurons {
        [] => all(network),
        chosen => chosen.iter().map(|one| Band::of(one, network)).collect::<Result<_, _>>()?,
    };
    let curves: Vec<usize> = bands.iter().flat_map(|band| band.curves(network)).collect();
    let drawn = &curves[..curves.len().min(MOST_CURVES)];
    let (mut populations, mut spikes) = (Vec::new(), Vec::new());
    for band in bands.iter().filter(|band| band.spikes(network)) {
        let index = populations.len();
        populations.push(band.population(network));
        spikes.extend(band.marks(network, trace).map(|(neuron, time)| Spike {
            population: index,
            neuron,
            time,
        }));
    }
    let voltages = voltages(problem, trace, drawn, window, common)?;
    raster(&Raster { populations, spikes, voltages, window, size: view.size })?.save(path)?;
    if curves.len() > MOST_CURVES && !common.quiet {
        let all = curves.len();
        people::say(&format!("potentials are drawn for the first {MOST_CURVES} of {all} neurons"));
    }
    Ok(())
}

/// The inputs and all populations.
fn all(network: &Network) -> Vec<Band> {
    let input = Band { population: None, neurons: 0..network.inputs(), curves: 0 };
    let inputs = (network.inputs() > 0).then_some(input);
    let populations = network.populations().iter().enumerate();
    let of_all = populations.map(|(k, population)| Band {
        population: Some(k),
        neurons: 0..population.size,
        curves: CURVES_OF_A_POPULATION,
    });
    inputs.into_iter().chain(of_all).collect()
}

impl Band {
    /// What was asked for, if it is there.
    fn of(chosen: &Chosen, network: &Network) -> Result<Self, Failure> {
        let asked = || match &chosen.range {
            Some(Range { start, end }) => format!("{}[{start}..{end}]", shown(&chosen.name)),
            None => shown(&chosen.name),
        };
        let population = match network.population(&chosen.name) {
            Some(k) => Some(k),
            None if chosen.name == "input" => None,
            None => {
                let names = network.populations().iter().map(|of| shown(&of.name));
                let names = std::iter::once("input".to_owned()).chain(names).take(MOST_NAMES);
                let names = names.collect::<Vec<_>>().join(", ");
                return Err(Failure::NoPopulation { asked: asked(), names });
            }
        };
        let size = population.map_or(network.inputs(), |k| network.populations()[k].size);
        let curves = match (population, &chosen.range) {
            (None, _) => 0,
            (_, Some(range)) => range.len(),
            (_, None) => CURVES_OF_A_POPULATION,
        };
        let neurons = chosen.range.clone().unwrap_or(0..size);
        if neurons.end > size {
            return Err(Failure::NoNeurons { asked: asked(), name: shown(&chosen.name), size });
        }
        Ok(Self { population, neurons, curves })
    }

    /// Whether there can be spikes.
    fn spikes(&self, network: &Network) -> bool {
        self.population.is_none_or(|k| network.populations()[k].model.spikes())
    }

    fn population(&self, network: &Network) -> Population {
        let (name, role) = match self.population {
            None => ("input", Role::Input),
            Some(k) => (network.populations()[k].name.as_str(), Role::Layer(k)),
        };
        let Range { start: first, .. } = self.neurons;
        Population { name: name.to_owned(), role, first, size: self.neurons.len() }
    }

    /// (index in the population, time) of each spike.
    fn marks<'a>(
        &'a self,
        network: &'a Network,
        trace: &'a Trace,
    ) -> Box<dyn Iterator<Item = (usize, f64)> + 'a> {
        let own = |&(neuron, _): &(usize, f64)| self.neurons.contains(&neuron);
        match self.population {
            None => {
                let inputs = trace.stimulus.spikes().iter();
                Box::new(inputs.map(|spike| (spike.channel, spike.time)).filter(own))
            }
            Some(k) => {
                let spikes = trace.spikes.iter().filter_map(move |spike| {
                    let (population, neuron) = network.locate(spike.neuron);
                    (population == k).then_some((neuron, spike.time))
                });
                Box::new(spikes.filter(own))
            }
        }
    }

    /// The neurons whose potentials are drawn, counted through the network.
    fn curves(&self, network: &Network) -> impl Iterator<Item = usize> {
        let first = self.population.map_or(0, |k| network.range(k).start);
        self.neurons.clone().take(self.curves).map(move |neuron| first + neuron)
    }
}

/// Curves of potentials: samples within the window, and at each spike the jump from threshold to reset.
fn voltages(
    problem: &Problem,
    trace: &Trace,
    neurons: &[usize],
    (from, to): (f64, f64),
    common: &Common,
) -> Result<Vec<VoltageTrace>, Failure> {
    let network = &problem.network;
    let part = |k| f64::from(k) / f64::from(SAMPLES);
    let times: Vec<f64> =
        (0..=SAMPLES).map(|k| from + (to - from) * part(k)).map(|time| time.min(to)).collect();
    let read = sample(problem, neurons.iter().copied(), &times, common.max_events)?;
    let curve = |(&neuron, values): (&usize, Vec<f64>)| {
        let neuron = NeuronId::new(neuron);
        let (population, index) = network.locate(neuron);
        let parameters = &problem.parameters.populations[population];
        let levels = parameters.model().table().threshold_and_reset;
        let levels = levels.map(|(at, to)| (parameters[at].get(index), parameters[to].get(index)));
        let samples = times.iter().copied().zip(values);
        let (label, spikes) = (network.describe(neuron), trace.spike_times(neuron));
        VoltageTrace::through(label, Role::Layer(population), levels, spikes, samples)
    };
    Ok(neurons.iter().zip(read).map(curve).collect())
}
