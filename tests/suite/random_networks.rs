//! Random valid problems, for properties and identities, and the runner that checks a statement on many of them.
//!
//! A [`Plan`] says what shape a problem has, and shrinks; the numbers in it follow from a seed. The seed of the runner is
//! fixed, so that every run of the suite draws the same problems; `PROPTEST_RNG_SEED` and `PROPTEST_CASES` change that. A
//! failure is kept in `regressions/`, which is committed, and tried first from then on.
//!
//! Not here: what is stated (`properties.rs`, `identities.rs`).

use crate::support::{Random, here, random};
use proptest::prelude::*;
use proptest::test_runner::{
    FileFailurePersistence, RngSeed, TestCaseError, TestCaseResult, TestError, TestRunner,
};
use spikegrad::problem::{
    ConnectionDocument, InitialDocument, LossDocument, NetworkDocument, OneOrMany, ParamsDocument,
    PopulationDocument, Problem, ProblemDocument, StimulusDocument, SynapseDocument,
};
use spikegrad::{Error, SimulateError};
use std::cell::Cell;

/// Cases of each statement.
const CASES: u32 = 1000;

/// Most events of a case: recurrent excitation may run away, and such a case says no more than a tame one.
pub(crate) const MAX_EVENTS: u64 = 10_000;

/// Seed of the runner, unless the environment names another.
const SEED: u64 = 2026;

/// How the delays of a problem stand in its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Delays {
    Zero,
    Shared,
    Matrix,
}

/// What a population reads out at the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reads {
    Spikes,
    Maximum,
    Mean,
    Samples,
}

/// When inputs come, in seconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window {
    pub(crate) start: f64,
    pub(crate) length: f64,
    pub(crate) t_end: f64,
}

/// Inputs of the usual length from time 0 on.
pub(crate) const USUAL: Window = Window { start: 0.0, length: 0.03, t_end: 0.06 };

/// The shape of a problem; the rest follows from the seed.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) inputs: usize,
    /// Sizes of populations of spiking neurons, each fed by the one before.
    pub(crate) layers: Vec<usize>,
    pub(crate) reads: Reads,
    pub(crate) delays: Delays,
    /// Sparse connections within each layer, of a neuron to itself too, and from the last to the first.
    pub(crate) recurrent: bool,
    /// Dense connections within each layer.
    pub(crate) loops: bool,
    pub(crate) refractory: bool,
    /// Parameters of its own for each neuron.
    pub(crate) heterogeneous: bool,
    /// Bias currents, some above the threshold.
    pub(crate) bias: bool,
    pub(crate) initial: bool,
    pub(crate) spikes: usize,
    pub(crate) window: Window,
    pub(crate) seed: u64,
}

/// Plans of every kind.
pub(crate) fn any_plan() -> impl Strategy<Value = Plan> {
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
                spikes,
                window: USUAL,
                seed,
            }
        },
    )
}

/// Plans of networks that can be swept layer by layer.
pub(crate) fn layered_plan() -> impl Strategy<Value = Plan> {
    let delays = prop_oneof![Just(Delays::Zero), Just(Delays::Shared)];
    (any_plan(), prop::collection::vec(1usize..20, 1..4), 1usize..40, delays, any::<bool>())
        .prop_map(|(plan, layers, spikes, delays, loops)| {
            // Now and then all has long decayed at the end: with a bias it would spike on and on.
            let is_long = !plan.bias && plan.seed % 4 == 0;
            let window = if is_long { Window { t_end: 100.0, ..USUAL } } else { USUAL };
            Plan { recurrent: false, layers, spikes, delays, loops, window, ..plan }
        })
}

/// Plans whose loss reads spike times.
pub(crate) fn spiking_plan() -> impl Strategy<Value = Plan> {
    any_plan().prop_map(|plan| Plan { reads: Reads::Spikes, ..plan })
}

/// Draws the numbers of a plan.
struct Draw<'a> {
    plan: &'a Plan,
    random: Random,
}

impl Draw<'_> {
    fn within(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.random.unit()
    }

    /// One number, or one for each neuron.
    fn numbers(
        &mut self,
        size: usize,
        mut draw: impl FnMut(&mut Self) -> f64,
    ) -> Option<OneOrMany<Vec<f64>>> {
        Some(if self.plan.heterogeneous {
            OneOrMany::Many((0..size).map(|_| draw(self)).collect())
        } else {
            OneOrMany::One(draw(self))
        })
    }

    fn tau_mem(&mut self) -> f64 {
        [0.02, 0.01, 0.005, 0.0025, 0.005 * (1.0 + 2f64.powi(-30)), 0.0137][self.random.below(6)]
    }

    fn population(&mut self, name: String, size: usize, model: &str) -> PopulationDocument {
        let (bias, initial) = (self.plan.bias, self.plan.initial);
        let spikes = model == "lif";
        let refractory = spikes && self.plan.refractory;
        let v_leak = if bias { self.numbers(size, |d| d.within(-0.2, 0.2)) } else { None };
        let i_bias = if bias { self.numbers(size, |d| d.within(-0.2, 1.3)) } else { None };
        PopulationDocument {
            name,
            size: size as u64,
            model: model.into(),
            params: ParamsDocument {
                tau_mem: self.numbers(size, Self::tau_mem),
                tau_syn: self.numbers(size, |d| [0.005, 0.005, 0.003, 0.011][d.random.below(4)]),
                v_th: if spikes { self.numbers(size, |d| d.within(0.8, 1.2)) } else { None },
                v_reset: if spikes { self.numbers(size, |d| d.within(-0.3, 0.3)) } else { None },
                v_leak,
                i_bias,
                t_ref: if refractory {
                    self.numbers(size, |d| d.within(0.0005, 0.003))
                } else {
                    None
                },
            },
            initial: InitialDocument {
                v: if initial { self.numbers(size, |d| d.within(-0.5, 0.7)) } else { None },
                i: if initial { self.numbers(size, |d| d.within(-1.0, 2.0)) } else { None },
            },
        }
    }

    fn delay(&mut self) -> f64 {
        self.within(0.0002, 0.003)
    }

    fn dense(&mut self, from: String, to: String, shape: (usize, usize)) -> ConnectionDocument {
        let (n_pre, n_post) = shape;
        let matrix = |d: &mut Self, draw: &dyn Fn(&mut Self) -> f64| {
            (0..n_post).map(|_| (0..n_pre).map(|_| draw(d)).collect()).collect::<Vec<Vec<f64>>>()
        };
        let delay = match self.plan.delays {
            Delays::Zero => None,
            Delays::Shared => Some(OneOrMany::One(self.delay())),
            Delays::Matrix => Some(OneOrMany::Many(matrix(self, &Self::delay))),
        };
        // About what one or a few spikes at a time need: the touch is at 6.3 for the usual time constants.
        let sources = u32::try_from(n_pre).unwrap();
        let largest = if from == "input" { 12.0 } else { 2.0 + 7.0 / f64::from(sources).sqrt() };
        let weights = matrix(self, &|d| d.within(-3.0, largest));
        ConnectionDocument { from, to, weights: Some(weights), delay, synapses: None }
    }

    /// All pairs of a population, mostly inhibitory.
    fn loops(&mut self, name: String, size: usize) -> ConnectionDocument {
        let mut loops = self.dense(name.clone(), name, (size, size));
        let scale = f64::from(u32::try_from(size).unwrap()).sqrt();
        for weight in loops.weights.iter_mut().flatten().flatten() {
            *weight = self.within(-4.0, 1.0) / scale;
        }
        loops
    }

    fn sparse(&mut self, from: String, to: String, shape: (usize, usize)) -> ConnectionDocument {
        let (n_pre, n_post) = shape;
        let synapse = |d: &mut Self| {
            let delay = (d.plan.delays != Delays::Zero).then(|| d.delay());
            SynapseDocument {
                pre: d.random.below(n_pre) as u64,
                post: d.random.below(n_post) as u64,
                weight: d.within(-4.0, 1.0),
                delay,
            }
        };
        let synapses = (0..n_pre.max(n_post)).map(|_| synapse(self)).collect();
        ConnectionDocument { from, to, weights: None, delay: None, synapses: Some(synapses) }
    }

    fn loss(&mut self, population: &str, size: usize) -> LossDocument {
        let (population, label) = (population.to_owned(), self.random.below(size) as u64);
        let Window { start, t_end, .. } = self.plan.window;
        match self.plan.reads {
            Reads::Spikes if self.random.below(2) == 0 => LossDocument::TtfsCrossEntropy {
                population,
                label,
                tau0: 0.004,
                tau1: 0.04,
                alpha: 0.1,
            },
            Reads::Spikes => LossDocument::SpikeTimeMse {
                population,
                targets: (0..size)
                    .map(|_| (0..3).map(|_| self.within(start, t_end)).collect())
                    .collect(),
            },
            Reads::Maximum => LossDocument::MaxVoltageCrossEntropy { population, label },
            Reads::Mean => LossDocument::MeanVoltageCrossEntropy { population, label },
            Reads::Samples => LossDocument::VoltageMse {
                population,
                samples: (0..4)
                    .map(|_| {
                        let neuron = self.random.below(size) as u64;
                        (neuron, self.within(start, t_end), self.within(-1.0, 1.0))
                    })
                    .collect(),
            },
        }
    }
}

impl Plan {
    /// The problem in the words of the file.
    pub(crate) fn document(&self) -> ProblemDocument {
        let mut draw = Draw { plan: self, random: random(self.seed) };
        let name = |k: usize| format!("layer{k}");
        let (mut populations, mut connections) = (Vec::new(), Vec::new());
        let mut from = ("input".to_owned(), self.inputs);
        for (k, &size) in self.layers.iter().enumerate() {
            populations.push(draw.population(name(k), size, "lif"));
            connections.push(draw.dense(from.0, name(k), (from.1, size)));
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
            populations.push(draw.population(last.clone(), size, "li"));
            connections.push(draw.dense(from.0, last.clone(), (from.1, size)));
            connections.push(draw.dense("input".into(), last.clone(), (self.inputs, size)));
        }
        let loss = draw.loss(&last, size);
        let Window { start, length, t_end } = self.window;
        let spike =
            |_| (draw.random.below(self.inputs) as u64, start + length * draw.random.unit());
        let spikes = (0..self.spikes).map(spike).collect();
        ProblemDocument {
            format: "spikegrad-problem".into(),
            version: 1,
            network: NetworkDocument { inputs: self.inputs as u64, populations, connections },
            stimulus: StimulusDocument { t_end, spikes },
            loss: Some(loss),
        }
    }

    /// A generator for what a test does to the problem.
    pub(crate) fn random(&self) -> Random {
        random(self.seed ^ 0x5eed)
    }
}

/// A case says nothing if its run does not end within [`MAX_EVENTS`]; every other error is a failure.
pub(crate) fn runaway(error: Error) -> TestCaseError {
    match error {
        Error::Simulate(SimulateError::EventBudget { .. }) => TestCaseError::reject("runs away"),
        error => TestCaseError::fail(error.to_string()),
    }
}

/// Checks `statement` on many problems. It returns the number of spikes it was about, and there must be some.
#[expect(clippy::print_stdout, reason = "figures of a test that passes, for --show-output")]
pub(crate) fn for_all(
    plans: impl Strategy<Value = Plan>,
    statement: impl Fn(&Plan, &Problem) -> Result<usize, TestCaseError>,
) {
    let environment = ProptestConfig::default();
    let named = std::env::var_os("PROPTEST_CASES").is_some();
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/regressions/random_networks.txt");
    let cases = if named { environment.cases } else { CASES };
    let config = ProptestConfig {
        cases,
        max_global_rejects: cases,
        rng_seed: match environment.rng_seed {
            RngSeed::Random => RngSeed::Fixed(SEED),
            named => named,
        },
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct(file))),
        ..environment
    };
    assert!(here("regressions").is_dir());
    let (cases, spikes, rejected) = (Cell::new(0u64), Cell::new(0u64), Cell::new(0u64));
    let check = |plan: Plan| -> TestCaseResult {
        let problem = Problem::from_document(plan.document())
            .map_err(|error| TestCaseError::fail(format!("not a valid problem: {error}")))?;
        let outcome = statement(&plan, &problem);
        match &outcome {
            Ok(count) => spikes.set(spikes.get() + *count as u64),
            Err(TestCaseError::Reject(_)) => rejected.set(rejected.get() + 1),
            Err(TestCaseError::Fail(_)) => {}
        }
        cases.set(cases.get() + 1);
        outcome.map(|_| ())
    };
    if let Err(error) = TestRunner::new(config).run(&plans, check) {
        if let TestError::Fail(_, plan) = &error {
            let document = serde_json::to_string(&plan.document()).unwrap();
            panic!("{error}\nthe problem: {document}");
        }
        panic!("{error}");
    }
    println!("{} cases, {} spikes, {} run away", cases.get(), spikes.get(), rejected.get());
    assert!(spikes.get() > 2 * cases.get(), "the problems hardly spike");
    assert!(20 * rejected.get() < cases.get(), "too many problems run away");
}
