//! The numbers of a plan: a problem document from a seed.
//!
//! Weights are about what one or a few spikes at a time need to make a neuron spike, time constants are of any ratio, equal and nearly equal
//! ones among them. Not here: the shape (`mod.rs`).

use super::{Delays, Plan, Random, Reads, Window};
use spikegrad_dynamics::alif::{self, A, ADAPT_CURRENT, ADAPT_THRESHOLD, TAU_ADAPT};
use spikegrad_dynamics::lif::{I, I_BIAS, T_REF, TAU_MEM, TAU_SYN, V, V_LEAK, V_RESET, V_TH};
use spikegrad_dynamics::{lif, qif, receptors};
use spikegrad_network::Model;
use spikegrad_network::loss::{
    AnyLoss, MaxVoltageCrossEntropy, MeanVoltageCrossEntropy, SpikeTimeMse, TtfsCrossEntropy,
    VoltageMse,
};
use spikegrad_network::problem::{
    ConnectionDocument, CurrentDocument, Entries, Named, Numbers, OneOrMany, PopulationDocument,
    ReceptorDocument, SynapseDocument,
};

/// A count as a number.
fn count(of: usize) -> f64 {
    f64::from(u32::try_from(of).unwrap_or(u32::MAX))
}

/// Draws the numbers of a plan.
pub(super) struct Draw<'a> {
    plan: &'a Plan,
    random: Random,
}

impl<'a> Draw<'a> {
    pub(super) fn new(plan: &'a Plan) -> Self {
        Self { plan, random: Random::new(plan.seed) }
    }

    /// The input spikes: channel and time.
    pub(super) fn spikes(&mut self) -> Vec<(u64, f64)> {
        let Window { start, length, .. } = self.plan.window;
        let (inputs, count) = (self.plan.inputs, self.plan.spikes);
        (0..count)
            .map(|_| (self.random.below(inputs) as u64, start + length * self.random.unit()))
            .collect()
    }

    /// A current with some listed steps and one of samples, each into a population, or into one of its neurons.
    pub(super) fn currents(&mut self, populations: &[PopulationDocument]) -> Vec<CurrentDocument> {
        let t_end = self.plan.window.t_end;
        let mut draw = |steps: usize| {
            let of = &populations[self.random.below(populations.len())];
            let one = self.random.below(usize::try_from(of.size).unwrap_or(1)) as u64;
            let neurons = (self.random.below(3) == 0).then(|| vec![one]);
            let values = (0..steps).map(|_| self.within(-0.8, 1.6)).collect();
            CurrentDocument { to: of.name.clone(), neurons, values, ..CurrentDocument::default() }
        };
        let (listed, sampled) = (draw(4), draw(25));
        let mut times: Vec<f64> = (0..4).map(|_| t_end * self.random.unit()).collect();
        times.sort_by(f64::total_cmp);
        let (start, interval) = (0.1 * t_end * self.random.unit(), t_end / 28.0);
        vec![
            CurrentDocument { times: Some(times), ..listed },
            CurrentDocument { start: Some(start), interval: Some(interval), ..sampled },
        ]
    }

    fn within(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.random.unit()
    }

    /// One number, or one for each neuron.
    fn numbers(&mut self, size: usize, mut draw: impl FnMut(&mut Self) -> f64) -> Numbers {
        if self.plan.heterogeneous {
            OneOrMany::Many((0..size).map(|_| draw(self)).collect())
        } else {
            OneOrMany::One(draw(self))
        }
    }

    /// The model of a layer.
    pub(super) fn model(&mut self) -> Model {
        let adaptive = Model::General(&alif::ALIF);
        match self.plan {
            Plan { mixed: true, .. } => {
                let two = receptors::lif(2).map_or(Model::Lif, Model::General);
                let (with, without) = (Model::General(&qif::QIF), Model::General(&qif::QIF_DELTA));
                let (reset_current, hold_current) =
                    [(true, false), (false, true), (true, true)][self.random.below(3)];
                let options = receptors::Options { reset_current, hold_current };
                let reset = [Model::Lif, adaptive, two][self.random.below(3)].with_options(options);
                let jumps = Model::General(&lif::delta::LIF_DELTA);
                let all = [Model::Lif, adaptive, two, with, without, jumps];
                all.get(self.random.below(8)).copied().or(reset).unwrap_or(Model::Lif)
            }
            Plan { adapts: true, .. } => adaptive,
            _ => Model::Lif,
        }
    }

    /// The model of what is read.
    pub(super) fn integrator(&mut self) -> Model {
        let has_two = self.plan.mixed && self.random.below(2) == 0;
        let two = if has_two { receptors::integrator(2) } else { None };
        two.map_or(Model::Li, Model::General)
    }

    /// Makes a connection fit its target: a receptor of it, and weights of the size that it takes.
    pub(super) fn fit(
        &mut self,
        connection: &mut ConnectionDocument,
        populations: &[PopulationDocument],
    ) {
        let Some(target) = populations.iter().find(|of| of.name == connection.to) else { return };
        let names = target.receptor_names();
        if !names.is_empty() {
            connection.receptor = Some(names[self.random.below(names.len())].clone());
        }
        // An arrival moves the potential itself, which has its unstable point at 1.
        if [&qif::QIF_DELTA, &lif::delta::LIF_DELTA]
            .iter()
            .any(|of| of.table().model == target.model)
        {
            let weights = connection.synapses.iter_mut().flatten();
            weights.for_each(|synapse| synapse.weight = synapse.weight.map(|w| 0.1 * w));
            if let Some(weights) = &mut connection.weights {
                weights.for_each_mut(|weight| *weight *= 0.1);
            }
        }
    }

    pub(super) fn population(
        &mut self,
        name: String,
        size: usize,
        model: Model,
    ) -> PopulationDocument {
        let mut document = PopulationDocument {
            name,
            size: size as u64,
            model: model.table().model.into(),
            params: Named::default(),
            receptors: None,
            initial: Named::default(),
        };
        let receptors::Options { reset_current, hold_current } = model.options();
        for (name, value) in [("reset_current", reset_current), ("hold_current", hold_current)] {
            if value {
                document.params.set_option(name, value);
            }
        }
        let Plan { bias, initial, refractory, .. } = *self.plan;
        // In this order they are drawn.
        for position in [V_LEAK, I_BIAS, TAU_MEM, TAU_SYN, V_TH, V_RESET, T_REF, V, I] {
            let is_wanted = match position {
                V_LEAK | I_BIAS => bias,
                T_REF => refractory,
                V | I => initial,
                _ => true,
            };
            let quantity = &lif::TABLE.quantities[position];
            // Of several receptors those are drawn below, and their currents start at zero.
            let is_one = model.receptors() == 1 || !matches!(position, TAU_SYN | I);
            if is_wanted && is_one && model.table().position(quantity.path).is_some() {
                let numbers = self.numbers(size, |draw| draw.number(position));
                document.set(quantity, numbers);
            }
        }
        for receptor in (0..model.receptors()).filter(|_| model.receptors() > 1) {
            let tau_syn = self.numbers(size, |draw| draw.number(TAU_SYN));
            let name = receptor.to_string();
            document.receptors.get_or_insert_default().push(ReceptorDocument { name, tau_syn });
        }
        if model.table().model == alif::ALIF.table().model {
            self.adapt(&mut document, size);
        }
        document
    }

    /// Lets neurons adapt: about what a spike or two move a threshold or a current by, of which one may be zero.
    fn adapt(&mut self, document: &mut PopulationDocument, size: usize) {
        let shares = [(1.0, 0.0), (0.0, 1.0), (1.0, 1.0)][self.random.below(3)];
        for position in [TAU_ADAPT, ADAPT_THRESHOLD, ADAPT_CURRENT, A] {
            if position == A && !self.plan.initial {
                continue;
            }
            let numbers = self.numbers(size, |draw| match position {
                // Equal to a synaptic time constant now and then, or next to one.
                TAU_ADAPT => {
                    [0.005, 0.005 * (1.0 + 2f64.powi(-31)), 0.03, 0.1][draw.random.below(4)]
                }
                ADAPT_THRESHOLD => shares.0 * draw.within(0.0, 0.5),
                ADAPT_CURRENT => shares.1 * draw.within(-0.2, 0.8),
                _ => draw.within(0.0, 2.0),
            });
            document.set(&alif::ALIF.table().quantities[position], numbers);
        }
    }

    /// A number of a neuron, by its position in [`lif::TABLE`].
    fn number(&mut self, position: usize) -> f64 {
        match position {
            TAU_MEM => {
                let near = 0.005 * (1.0 + 2f64.powi(-30));
                [0.02, 0.01, 0.005, 0.0025, near, 0.0137][self.random.below(6)]
            }
            TAU_SYN => [0.005, 0.005, 0.003, 0.011][self.random.below(4)],
            V_TH => self.within(0.8, 1.2),
            V_RESET => self.within(-0.3, 0.3),
            V_LEAK => self.within(-0.2, 0.2),
            I_BIAS => self.within(-0.2, 1.3),
            T_REF => self.within(0.0005, 0.003),
            V => self.within(-0.5, 0.7),
            _ => self.within(-1.0, 2.0),
        }
    }

    fn delay(&mut self) -> f64 {
        self.within(0.0002, 0.003)
    }

    pub(super) fn dense(
        &mut self,
        from: String,
        to: String,
        shape: (usize, usize),
    ) -> ConnectionDocument {
        let (n_pre, n_post) = shape;
        let matrix = |d: &mut Self, draw: &dyn Fn(&mut Self) -> f64| {
            (0..n_post).map(|_| (0..n_pre).map(|_| draw(d)).collect()).collect::<Vec<Vec<f64>>>()
        };
        let delay = match self.plan.delays {
            Delays::Zero => None,
            Delays::Shared => Some(OneOrMany::One(self.delay())),
            Delays::Matrix => Some(OneOrMany::Many(Entries::Rows(matrix(self, &Self::delay)))),
        };
        // About what one or a few spikes at a time need: the touch is at 6.3 for the usual time constants.
        let largest = if from == "input" { 12.0 } else { 2.0 + 7.0 / count(n_pre).sqrt() };
        let weights = matrix(self, &|d| d.within(-3.0, largest));
        ConnectionDocument {
            from,
            to,
            receptor: None,
            weights: Some(Entries::Rows(weights)),
            delay,
            weight_of: None,
            synapses: None,
        }
    }

    /// From one layer to the next: all pairs, or those of cells. Neighbours are in different cells, and no two cells hear the same sources.
    pub(super) fn feed(
        &mut self,
        from: String,
        to: String,
        shape: (usize, usize),
    ) -> ConnectionDocument {
        let dense = self.dense(from, to, shape);
        let (n_pre, n_post) = shape;
        let (cells, Some(Entries::Rows(rows))) = (self.plan.cells, &dense.weights) else {
            return dense;
        };
        if cells == 0 {
            return dense;
        }
        // The first sources tell cells apart, by the bits of their numbers.
        let first = self.random.below(3) + 1;
        let bits = 4.min(n_pre);
        let mut is_heard = vec![vec![false; n_pre]; cells];
        for (cell, sources) in is_heard.iter_mut().enumerate() {
            for (pre, is_heard) in sources.iter_mut().enumerate() {
                let bit = (first + cell) >> pre.min(bits) & 1 == 1;
                *is_heard = if pre < bits { bit } else { self.random.below(2) == 0 };
            }
        }
        // Channels may be equal, and weights vanish.
        let are_equal = self.random.below(4) == 0;
        let (mut synapses, mut weights) = (Vec::new(), Vec::new());
        for (pre, post) in (0..n_pre).flat_map(|pre| (0..n_post).map(move |post| (pre, post))) {
            if is_heard[post % cells][pre] {
                let alike = if are_equal { post % cells } else { post };
                weights.push(if self.random.below(12) == 0 { 0.0 } else { rows[alike][pre] });
                let (pre, post) = (pre as u64, post as u64);
                synapses.push(SynapseDocument { pre, post, weight: None, delay: None });
            }
        }
        // What is shared has one delay for all; here each synapse has a weight of its own.
        let weight_of = Some((0..weights.len() as u64).collect());
        let weights = Some(Entries::List(weights));
        ConnectionDocument { weights, weight_of, synapses: Some(synapses), ..dense }
    }

    /// All pairs of a population, mostly inhibitory.
    pub(super) fn loops(&mut self, name: String, size: usize) -> ConnectionDocument {
        let mut loops = self.dense(name.clone(), name, (size, size));
        let scale = count(size).sqrt();
        if let Some(weights) = &mut loops.weights {
            weights.for_each_mut(|weight| *weight = self.within(-4.0, 1.0) / scale);
        }
        loops
    }

    pub(super) fn sparse(
        &mut self,
        from: String,
        to: String,
        shape: (usize, usize),
    ) -> ConnectionDocument {
        let (n_pre, n_post) = shape;
        let synapse = |d: &mut Self| {
            let delay = (d.plan.delays != Delays::Zero).then(|| d.delay());
            SynapseDocument {
                pre: d.random.below(n_pre) as u64,
                post: d.random.below(n_post) as u64,
                weight: Some(d.within(-4.0, 1.0)),
                delay,
            }
        };
        let synapses = (0..n_pre.max(n_post)).map(|_| synapse(self)).collect();
        ConnectionDocument {
            from,
            to,
            receptor: None,
            weights: None,
            delay: None,
            weight_of: None,
            synapses: Some(synapses),
        }
    }

    /// Lets the synapses of a connection share the first half of its weights, and of its delays.
    pub(super) fn tie(connection: &mut ConnectionDocument, random: &mut Random) {
        let listed = connection.synapses.as_mut().filter(|_| connection.weights.is_none());
        let (weights, delays) = match (listed, &connection.weights) {
            (Some(list), _) => {
                let weights: Vec<f64> = list.iter_mut().filter_map(|s| s.weight.take()).collect();
                let delays: Vec<f64> = list.iter_mut().filter_map(|s| s.delay.take()).collect();
                (weights, (!delays.is_empty()).then_some(OneOrMany::Many(delays)))
            }
            (None, Some(weights)) => {
                let delays = connection.delay.take().map(|delay| match delay {
                    OneOrMany::One(delay) => OneOrMany::One(delay),
                    OneOrMany::Many(delays) => OneOrMany::Many(delays.to_vec()),
                });
                (weights.to_vec(), delays)
            }
            (None, None) => return,
        };
        let (synapses, used) = (weights.len(), weights.len().div_ceil(2));
        let first = |numbers: &[f64]| Entries::List(numbers[..used].to_vec());
        connection.weights = Some(first(&weights));
        connection.delay = delays.map(|delay| match delay {
            OneOrMany::One(delay) => OneOrMany::One(delay),
            OneOrMany::Many(delays) => OneOrMany::Many(first(&delays)),
        });
        let weight_of = (0..synapses).map(|_| random.below(used) as u64);
        connection.weight_of = Some(weight_of.collect());
    }

    pub(super) fn loss(&mut self, population: &str, size: usize) -> AnyLoss {
        let (population, label) = (population.to_owned(), self.random.below(size));
        let Window { start, t_end, .. } = self.plan.window;
        match self.plan.reads {
            Reads::Spikes if self.random.below(2) == 0 => TtfsCrossEntropy {
                tau1: 0.04,
                alpha: 0.1,
                ..TtfsCrossEntropy::new(population, label, 0.004)
            }
            .into(),
            Reads::Spikes => SpikeTimeMse::new(
                population,
                (0..size).map(|_| (0..3).map(|_| self.within(start, t_end)).collect()).collect(),
            )
            .into(),
            Reads::Maximum => MaxVoltageCrossEntropy { population, label }.into(),
            Reads::Mean => MeanVoltageCrossEntropy { population, label }.into(),
            Reads::Samples => VoltageMse {
                population,
                samples: (0..4)
                    .map(|_| {
                        let neuron = self.random.below(size);
                        (neuron, self.within(start, t_end), self.within(-1.0, 1.0))
                    })
                    .collect(),
            }
            .into(),
        }
    }
}
