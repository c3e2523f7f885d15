//! Strategies that generate valid problems of every topology, for property tests with proptest.
//!
//! [`problems`] is for most tests. A [`Plan`] says what shape a problem has, and shrinks; the numbers in it follow from a seed. Take
//! a strategy of plans instead and change what a statement needs (`any_plan().prop_map(|plan| Plan { recurrent: true, ..plan })`);
//! [`Plan::problem`] and [`Plan::loss`] do the rest. Recurrent excitation may run away: give such runs a budget of events, and
//! reject what exceeds it.
//!
//! A [`Regime`] moves the numbers to where engines go wrong: events at one time or next to each other, potentials within doubles of the
//! threshold, gaps in which everything decays. State what you state over all of them.
//!
//! Not here: the numbers (`draw.rs`), what is stated about a problem.

mod coincident;
mod draw;
mod long_gaps;
mod near_threshold;
mod random;
mod receptors;

pub use random::Random;

use draw::Draw;
use proptest::prelude::*;
use spikegrad_network::loss::{
    AnyLoss, RateRegulariser, RelativeSpikeTime, ShapedVoltageCrossEntropy, SpikeTimeMse, Sum,
    VanRossum, VoltageMeasure, VoltageRegulariser,
};
use spikegrad_network::problem::{
    NetworkDocument, Problem, ProblemDocument, ProblemError, StimulusDocument,
};

/// How the delays of a problem stand in its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delays {
    /// None.
    Zero,
    /// One for each connection.
    Shared,
    /// One for each synapse.
    Matrix,
}

/// What the loss of a problem reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reads {
    /// Spike times of its last population.
    Spikes,
    /// Maxima of leaky integrators.
    Maximum,
    /// Averages of leaky integrators.
    Mean,
    /// Potentials of leaky integrators at given times.
    Samples,
}

/// Where the numbers of a problem lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Regime {
    /// Anywhere.
    Usual,
    /// Times on a binary grid, equal neurons, loops without delay, inputs within three doubles of spikes.
    Coincident,
    /// Starts, resets and rests within doubles of the threshold or far from it, time constants of many sizes.
    NearThreshold,
    /// A hundred to a million time constants between inputs.
    LongGaps,
}

impl Regime {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Usual, Self::Coincident, Self::NearThreshold, Self::LongGaps];
}

/// When inputs come, in seconds.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    /// Not before.
    pub start: f64,
    /// Not later than this after the start.
    pub length: f64,
    /// End of the run.
    pub t_end: f64,
}

/// Inputs of the usual length from time 0 on.
pub const USUAL: Window = Window { start: 0.0, length: 0.03, t_end: 0.06 };

/// The shape of a problem; the rest follows from the seed.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Input channels.
    pub inputs: usize,
    /// Sizes of populations of spiking neurons, each fed by the one before.
    pub layers: Vec<usize>,
    /// What the loss reads.
    pub reads: Reads,
    /// How delays are given.
    pub delays: Delays,
    /// Sparse connections within each layer, of a neuron to itself too, and from the last to the first.
    pub recurrent: bool,
    /// Dense connections within each layer.
    pub loops: bool,
    /// A refractory time.
    pub refractory: bool,
    /// Parameters of its own for each neuron.
    pub heterogeneous: bool,
    /// Bias currents, some above the threshold.
    pub bias: bool,
    /// A state of its own at time 0.
    pub initial: bool,
    /// Into how many cells each layer falls, whose neurons hear the same sources; 0, if all hear all.
    pub cells: usize,
    /// Weights that synapses share, in some of the connections.
    pub tied: bool,
    /// Spiking neurons adapt, with thresholds that rise, currents that are taken away, or both.
    pub adapts: bool,
    /// Neurons are of any model, another one in each layer, some with two receptors.
    pub mixed: bool,
    /// Currents are injected, one with listed steps and one with samples.
    pub driven: bool,
    /// Most populations of leaky neurons have several receptors.
    pub receptors: bool,
    /// Input spikes.
    pub spikes: usize,
    /// When they come.
    pub window: Window,
    /// Where the numbers lie.
    pub regime: Regime,
    /// From which all numbers follow.
    pub seed: u64,
}

/// One plan in so many has tied weights.
const TIED: u64 = 5;

/// Plans of every kind.
pub fn any_plan() -> impl Strategy<Value = Plan> {
    let delays = prop_oneof![Just(Delays::Zero), Just(Delays::Shared), Just(Delays::Matrix)];
    let reads = prop_oneof![
        3 => Just(Reads::Spikes),
        1 => Just(Reads::Maximum),
        1 => Just(Reads::Mean),
        1 => Just(Reads::Samples),
    ];
    let sizes = (1usize..5, prop::collection::vec(1usize..5, 1..4), 1usize..16);
    let flags = (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>());
    (sizes, delays, reads, flags, any::<u64>().no_shrink()).prop_map(
        |((inputs, layers, spikes), delays, reads, flags, seed)| {
            let (recurrent, refractory, heterogeneous, bias, initial) = flags;
            Plan {
                inputs,
                layers,
                reads,
                delays,
                recurrent,
                loops: false,
                refractory,
                heterogeneous,
                bias,
                initial,
                cells: 0,
                tied: seed % TIED == TIED - 1,
                adapts: false,
                mixed: false,
                driven: false,
                receptors: false,
                spikes,
                window: USUAL,
                regime: Regime::Usual,
                seed,
            }
        },
    )
}

/// Plans of networks that can be swept layer by layer.
pub fn layered_plan() -> impl Strategy<Value = Plan> {
    let delays = prop_oneof![Just(Delays::Zero), Just(Delays::Shared)];
    (any_plan(), prop::collection::vec(1usize..20, 1..4), 1usize..40, delays, any::<bool>())
        .prop_map(|(plan, layers, spikes, delays, loops)| {
            // Now and then all has long decayed at the end: with a bias it would spike on and on.
            let is_long = !plan.bias && plan.seed % 4 == 0;
            let window = if is_long { Window { t_end: 100.0, ..USUAL } } else { USUAL };
            Plan { recurrent: false, layers, spikes, delays, loops, window, ..plan }
        })
}

/// Plans of networks whose layers fall into cells, each of which can be swept as a small layer.
pub fn cells_plan() -> impl Strategy<Value = Plan> {
    let layers = prop::collection::vec(4usize..10, 1..4);
    (layered_plan(), 3usize..8, 1usize..6, layers).prop_map(|(plan, inputs, cells, channels)| {
        let layers = channels.into_iter().map(|channels| channels * cells).collect();
        Plan { inputs, cells, layers, loops: false, heterogeneous: false, tied: false, ..plan }
    })
}

/// Plans of networks that can be swept although their neurons hear apart from each other: each synapse has a delay of its own, or each neuron other sources.
pub fn apart_plan() -> impl Strategy<Value = Plan> {
    (layered_plan(), 3usize..8, 4usize..12, any::<bool>()).prop_map(
        |(plan, inputs, size, have_delays)| {
            let plan = Plan { loops: false, heterogeneous: false, ..plan };
            if have_delays {
                return Plan { delays: Delays::Matrix, reads: Reads::Spikes, ..plan };
            }
            let layers = vec![size; plan.layers.len()];
            Plan { inputs, cells: size, layers, tied: false, ..plan }
        },
    )
}

/// Plans of sparse networks with delays, of which nothing is read but spikes and samples.
pub fn delayed_plan() -> impl Strategy<Value = Plan> {
    let delays = prop_oneof![Just(Delays::Shared), Just(Delays::Matrix)];
    let reads = prop_oneof![Just(Reads::Spikes), Just(Reads::Samples)];
    (any_plan(), prop::collection::vec(1usize..12, 1..4), 1usize..40, delays, reads).prop_map(
        |(plan, layers, spikes, delays, reads)| Plan {
            recurrent: true,
            layers,
            spikes,
            delays,
            reads,
            ..plan
        },
    )
}

/// Plans whose loss reads spike times.
pub fn spiking_plan() -> impl Strategy<Value = Plan> {
    any_plan().prop_map(|plan| Plan { reads: Reads::Spikes, ..plan })
}

/// Plans whose spiking neurons adapt. Engines for leaky neurons alone do not run them.
pub fn adapting_plan() -> impl Strategy<Value = Plan> {
    any_plan().prop_map(|plan| Plan { adapts: true, ..plan })
}

/// Plans of neurons of all models, half of them with injected currents. Engines for leaky neurons alone do not run them.
pub fn mixed_plan() -> impl Strategy<Value = Plan> {
    let mixed = |(plan, driven): (Plan, bool)| Plan { mixed: true, driven, ..plan };
    (any_plan(), any::<bool>()).prop_map(mixed)
}

/// Plans in which currents are injected, half of them into neurons that adapt. Engines without currents do not run them.
pub fn driven_plan() -> impl Strategy<Value = Plan> {
    let driven = |(plan, adapts): (Plan, bool)| Plan { driven: true, adapts, ..plan };
    (any_plan(), any::<bool>()).prop_map(driven)
}

/// Plans of networks with several receptors that can be swept layer by layer.
pub fn receiving_plan() -> impl Strategy<Value = Plan> {
    layered_plan().prop_map(|plan| Plan { receptors: true, ..plan })
}

/// Valid problems of every kind: network, stimulus and loss.
pub fn problems() -> impl Strategy<Value = Problem> {
    any_plan().prop_filter_map("a valid problem", |plan| plan.problem().ok())
}

impl Plan {
    /// The problem in the words of the file.
    #[must_use]
    pub fn document(&self) -> ProblemDocument {
        let mut draw = Draw::new(self);
        let name = |k: usize| format!("layer{k}");
        let (mut populations, mut connections) = (Vec::new(), Vec::new());
        let mut from = ("input".to_owned(), self.inputs);
        for (k, &size) in self.layers.iter().enumerate() {
            let model = draw.model();
            populations.push(draw.population(name(k), size, model));
            connections.push(draw.feed(from.0, name(k), (from.1, size)));
            if self.recurrent {
                connections.push(draw.sparse(name(k), name(k), (size, size)));
            }
            if self.loops {
                connections.push(draw.loops(name(k), size));
            }
            from = (name(k), size);
        }
        if self.recurrent {
            connections.push(draw.sparse(from.0.clone(), name(0), (from.1, self.layers[0])));
        }
        let (mut last, mut size) = (from.0.clone(), from.1);
        if self.reads != Reads::Spikes {
            (last, size) = ("readout".to_owned(), 2);
            let model = draw.integrator();
            populations.push(draw.population(last.clone(), size, model));
            connections.push(draw.dense(from.0, last.clone(), (from.1, size)));
            connections.push(draw.dense("input".into(), last.clone(), (self.inputs, size)));
        }
        if self.mixed {
            connections.iter_mut().for_each(|connection| draw.fit(connection, &populations));
        }
        if self.tied {
            let mut random = Random::new(self.seed ^ 0x71ed);
            // What two equal neurons that are read add to a weight may cancel, and so for all weights, to roundings.
            let is_equal = self.regime == Regime::Coincident;
            for connection in connections.iter_mut().filter(|c| !is_equal || c.to != last) {
                if random.below(3) > 0 {
                    Draw::tie(connection, &mut random);
                }
            }
        }
        let loss = draw.loss(&last, size);
        let (t_end, spikes) = (self.window.t_end, draw.spikes());
        let currents = self.driven.then(|| draw.currents(&populations));
        let mut document = ProblemDocument {
            format: "spikegrad-problem".into(),
            version: 1,
            network: NetworkDocument { inputs: self.inputs as u64, populations, connections },
            stimulus: StimulusDocument { t_end, spikes, currents },
            loss: Some(loss),
        };
        match self.regime {
            Regime::Usual => {}
            Regime::Coincident => coincident::coincide(&mut document, self),
            Regime::NearThreshold => near_threshold::approach(&mut document, self),
            Regime::LongGaps => long_gaps::stretch(&mut document, self),
        }
        if self.receptors {
            receptors::receive(&mut document, self);
        }
        document
    }

    /// The problem.
    ///
    /// # Errors
    /// None for the plans of this module; a plan of your own may have no neurons to read.
    pub fn problem(&self) -> Result<Problem, ProblemError> {
        Problem::from_document(self.document())
    }

    /// A loss for the problem: that of its document or another one, alone or with regularisers.
    #[must_use]
    pub fn loss(&self, problem: &Problem) -> AnyLoss {
        let Some(read) = problem.network.populations().last() else { return Sum::of([]).into() };
        let (population, size) = (read.name.clone(), read.size);
        let mut random = Random::new(self.seed ^ 0x1055);
        let label = random.below(size.max(1));
        let mut train =
            |_| (0..2).map(|_| self.window.start + self.window.t_end * random.unit()).collect();
        let loss = match (self.reads, self.seed % 3) {
            (Reads::Spikes, 1) => {
                RelativeSpikeTime { population: population.clone(), label, margin: 0.002 }.into()
            }
            (Reads::Spikes, 2) => {
                let targets = (0..size).map(&mut train).collect();
                VanRossum { population: population.clone(), targets, tau: 0.01 }.into()
            }
            (Reads::Mean, 1 | 2) => {
                let population = population.clone();
                ShapedVoltageCrossEntropy { population, label, tau: 0.02, scale: 0.1 }.into()
            }
            _ => match &problem.document.loss {
                Some(loss) => loss.clone(),
                None => {
                    let targets = vec![Vec::new(); size];
                    SpikeTimeMse::new(population.clone(), targets).into()
                }
            },
        };
        if !self.seed.is_multiple_of(5) {
            return loss;
        }
        let (measure, lower, upper) = (VoltageMeasure::Mean, Some(0.1), Some(0.2));
        let of_voltages = VoltageRegulariser { population, measure, lower, upper };
        let spiking = problem.network.populations().iter().find(|of| of.model.spikes());
        let of_rates = spiking.map(|of| RateRegulariser {
            population: of.name.clone(),
            lower: Some(40.0),
            upper: Some(60.0),
            tau: 0.01,
        });
        let terms = [(0.8, loss), (0.3, of_voltages.into())];
        Sum::of(terms.into_iter().chain(of_rates.map(|rates| (1e-4, rates.into())))).into()
    }

    /// A generator for what a test does to the problem.
    #[must_use]
    pub fn random(&self) -> Random {
        Random::new(self.seed ^ 0x5eed)
    }
}
