//! The fit: neurons with targets one by one, while they hear the targets of the others, then the network.
//!
//! Not here: the search for one neuron (`starts.rs`), how it goes (`least_squares.rs`).

use crate::alone;
use crate::error::FitError;
use crate::least_squares::{Point, minimise};
use crate::numbers::Numbers;
use crate::restart::{redrawn, stream};
use crate::runs::Runs;
use crate::spike_times::{Outcome, SpikeTimes, Target, requests};
use crate::starts::Alone;
use nalgebra::DVector;
use rayon::prelude::*;
use spikegrad::{
    Certificate, Interrupt, Loss, Network, NeuronId, Parameters, Settings, SpikeTimeMse, Stimulus,
};
use std::cmp::Reverse;
use std::sync::atomic::{AtomicUsize, Ordering};

/// How a fit goes on, and when it ends.
#[derive(Clone, Copy, Debug)]
pub struct FitSettings {
    /// How far from its target a spike may be, in seconds, for the fit to be reached.
    pub tolerance: f64,
    /// Whether neurons are fitted alone first, where that can be done.
    pub one_by_one: bool,
    /// Most starts of a neuron that is fitted alone: the one given, and others that are drawn. Where there are neurons without targets, these are drawn anew after each ten.
    pub most_starts: u32,
    /// Seed of these.
    pub seed: u64,
    /// Most runs of the whole network.
    pub most_evaluations: u32,
    /// No delay that is fitted becomes shorter, in seconds, unless it is already.
    pub least_delay: f64,
    /// Limits of each run.
    pub run: Settings,
}

impl Default for FitSettings {
    /// A microsecond, one by one, 50 starts, seed 0, 1,000 runs, a tenth of a millisecond.
    fn default() -> Self {
        Self {
            tolerance: 1e-6,
            one_by_one: true,
            most_starts: 50,
            seed: 0,
            most_evaluations: 1000,
            least_delay: 1e-4,
            run: Settings::DEFAULT,
        }
    }
}

/// What happens on the way.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Progress {
    /// A neuron has been fitted alone, in the order in which they become ready.
    Neuron {
        /// What became of it.
        fitted: FittedNeuron,
        /// How many are ready.
        ready: usize,
        /// How many there are.
        count: usize,
    },
    /// A step of the whole network downhill.
    Network {
        /// How often the network has been run.
        evaluations: u32,
        /// How many steps downhill.
        steps: u32,
        /// Half the sum of the squares of all residuals: distances of spikes from their targets, in units of the membrane time constants.
        cost: f64,
    },
}

/// Steps of the whole network between two of which people are told.
const TOLD: u32 = 10;

impl Progress {
    /// What people are told of it, without an end of line: each neuron, and each tenth step of the network.
    #[must_use]
    pub fn sentence(&self) -> Option<String> {
        match self {
            Self::Neuron { fitted, ready, count } => {
                let FittedNeuron { neuron, starts, is_reached, .. } = fitted;
                let became = if *is_reached { "reached" } else { "not reached" };
                let starts = if *starts == 1 { "1 start" } else { &format!("{starts} starts") };
                Some(format!("{ready}/{count} {neuron}: {became} after {starts}"))
            }
            Self::Network { steps, cost, .. } => steps
                .is_multiple_of(TOLD)
                .then(|| format!("network: step {steps}, half the sum of squares {cost:.3e}")),
        }
    }
}

/// A neuron that was fitted alone.
#[derive(Clone, Debug, PartialEq)]
pub struct FittedNeuron {
    /// Its population and index, such as `hidden[3]`.
    pub neuron: String,
    /// How many starts it took.
    pub starts: u32,
    /// How often it was run.
    pub evaluations: u32,
    /// Largest distance of a spike from its target, in seconds, while it heard what it shall hear.
    pub largest: f64,
    /// Whether all spikes came within the tolerance, and no others.
    pub is_reached: bool,
}

/// What a fit has found.
#[derive(Clone, Debug)]
pub struct Fit {
    /// The parameters.
    pub parameters: Parameters,
    /// Whether every spike comes within the tolerance of its target, and no other within the run.
    pub is_reached: bool,
    /// Largest distance of a spike from its target, in seconds; of those that happen.
    pub largest: f64,
    /// Spikes that do not happen.
    pub missing: usize,
    /// Spikes that happen beyond the targets.
    pub surplus: usize,
    /// The neurons that were fitted alone, in their order; none if they share numbers that are trained, or if currents are injected.
    pub neurons: Vec<FittedNeuron>,
    /// How often the whole network was run.
    pub evaluations: u32,
    /// How many of these were steps downhill.
    pub steps: u32,
    /// How far the derivatives of the targeted spike times can be trusted at the end.
    pub certificate: Certificate,
}

/// How often a network without others is fitted anew, from other starts.
const ROUNDS: u32 = 5;

/// Starts of each neuron before those that have no targets are drawn anew.
const STARTS_OF_A_ROUND: u32 = 10;

/// Looks for numbers of a network with which its neurons spike at given times, from `parameters` on. Those of which `trained` says so are changed ([`weights_and_delays`](crate::weights_and_delays)).
///
/// `targets` give for each neuron of some populations when it shall spike, in order, and never else; whether they are pseudospikes and their width
/// is not asked: quadratic neurons have them, others do not. Time constants and other positive numbers stay positive. The answer does not depend on the number of threads.
///
/// `observe` is told what happens, from several threads.
///
/// # Errors
/// [`FitError`]: what does not fit the network, a start that has no run or no derivatives, or a wish to end ([`Interrupt`]). That the targets are not reached is no error.
pub fn fit(
    network: &Network,
    parameters: &Parameters,
    trained: &Parameters<bool>,
    stimulus: &Stimulus,
    targets: &[SpikeTimeMse],
    settings: &FitSettings,
    observe: &(dyn Fn(&Progress) + Sync),
) -> Result<Fit, FitError> {
    check(network, parameters, trained, settings)?;
    let targets = targeted(network, parameters, stimulus, targets)?;
    let search = Search { network, trained, stimulus, targets: &targets, settings, observe };
    let comes_apart = || alone::comes_apart(network, trained, stimulus, &targets);
    let (parameters, neurons) = if settings.one_by_one && comes_apart() {
        search.one_by_one(parameters)?
    } else {
        (parameters.clone(), Vec::new())
    };
    search.whole(&parameters, neurons)
}

fn check(
    network: &Network,
    parameters: &Parameters,
    trained: &Parameters<bool>,
    settings: &FitSettings,
) -> Result<(), FitError> {
    parameters.check(network)?;
    trained.map(|is_trained| f64::from(u8::from(is_trained))).check_form("trained", parameters)?;
    if !trained.to_vec().contains(&true) {
        return Err(FitError::NothingTrained);
    }
    let (name, value) = ("tolerance", settings.tolerance);
    if !(value > 0.0 && value.is_finite()) {
        return Err(FitError::Setting { name, value, rule: "a positive number of seconds" });
    }
    let (name, value) = ("least_delay", settings.least_delay);
    if !(value >= 0.0 && value.is_finite()) {
        return Err(FitError::Setting { name, value, rule: "a number of seconds, 0 or more" });
    }
    Ok(())
}

/// The neurons that have a target.
fn targeted(
    network: &Network,
    parameters: &Parameters,
    stimulus: &Stimulus,
    targets: &[SpikeTimeMse],
) -> Result<Vec<Target>, FitError> {
    let mut all = Vec::new();
    for (k, of_population) in targets.iter().enumerate() {
        Loss::<f64>::check(of_population, network)?;
        if targets[..k].iter().any(|other| other.population == of_population.population) {
            return Err(FitError::Twice { population: of_population.population.clone() });
        }
        let within = 0.0..=stimulus.t_end();
        let mut times = of_population.targets.iter().flatten();
        if let Some(&value) = times.find(|time| !within.contains(time)) {
            let (name, rule) = ("targets", "a time from 0 to the end of the run, in seconds");
            return Err(FitError::Setting { name, value, rule });
        }
        let Some(position) = network.population(&of_population.population) else { continue };
        let goes_on = SpikeTimeMse { pseudospikes: true, ..of_population.clone() };
        let goes_on = Loss::<f64>::check(&goes_on, network).is_ok();
        let membrane = parameters.populations[position].named("params.tau_mem");
        for (index, (neuron, times)) in
            network.range(position).zip(&of_population.targets).enumerate()
        {
            let mut times = times.clone();
            times.sort_by(f64::total_cmp);
            let unit = membrane.map_or(1.0, |values| values.get(index));
            all.push(Target { neuron: NeuronId::new(neuron), times, unit, goes_on });
        }
    }
    Ok(all)
}

/// What a fit is about.
struct Search<'a> {
    network: &'a Network,
    trained: &'a Parameters<bool>,
    stimulus: &'a Stimulus,
    targets: &'a [Target],
    settings: &'a FitSettings,
    observe: &'a (dyn Fn(&Progress) + Sync),
}

/// How near a network is whose neurons were fitted one by one, from worst to best.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Score {
    /// So many neurons do alone what they shall.
    Neurons(usize),
    /// All do, but together so many spikes are missing or too many.
    Network(Reverse<usize>),
    /// All do in their network.
    Reached,
}

impl Search<'_> {
    /// Fits the targeted neurons one by one. Where their network then does not do what it shall, they are fitted again from other starts, and those without targets are drawn anew: a
    /// network may be so unstable that roundings grow to errors.
    fn one_by_one(
        &self,
        parameters: &Parameters,
    ) -> Result<(Parameters, Vec<FittedNeuron>), FitError> {
        let free = self.free();
        let has_free = free.to_vec().contains(&true);
        let most = self.settings.most_starts.max(1);
        let (rounds, starts) = if has_free {
            (most.div_ceil(STARTS_OF_A_ROUND), most.min(STARTS_OF_A_ROUND))
        } else {
            (ROUNDS, most)
        };
        let (mut best, mut neurons) = self.round(parameters, 0, starts)?;
        let mut score = self.score(&best, &neurons)?;
        for round in 1..rounds {
            // Who has not been found from all starts, hearing what others hear for certain, will not be.
            let is_hopeless = !has_free && neurons.iter().any(|neuron| !neuron.is_reached);
            if score == Score::Reached || is_hopeless {
                break;
            }
            let mut rng = stream(self.settings.seed, None, round, 0);
            let drawn =
                redrawn(self.network, parameters, &free, self.settings.least_delay, &mut rng);
            let (found, mut others) = match self.round(&drawn, round, starts) {
                Ok(next) => next,
                Err(error) if error.is_interrupt() => return Err(error),
                // Neurons that were drawn may have no run.
                Err(_) => continue,
            };
            for (other, neuron) in others.iter_mut().zip(&mut neurons) {
                other.starts += neuron.starts;
                other.evaluations += neuron.evaluations;
                (neuron.starts, neuron.evaluations) = (other.starts, other.evaluations);
            }
            let next = self.score(&found, &others)?;
            if next > score {
                (best, neurons, score) = (found, others, next);
            }
        }
        Ok((best, neurons))
    }

    /// What a network is worth of which neurons were fitted one by one.
    fn score(&self, found: &Parameters, neurons: &[FittedNeuron]) -> Result<Score, FitError> {
        let count = neurons.iter().filter(|neuron| neuron.is_reached).count();
        if count < neurons.len() {
            return Ok(Score::Neurons(count));
        }
        let Self { network, settings, .. } = *self;
        let none = Numbers::new(network, found, &found.map(|_| false), 0.0);
        let mut times = self.spike_times(found, &none)?;
        match times.outcome(&DVector::zeros(0)) {
            Err(error) if error.is_interrupt() => Err(error),
            Ok(outcome) if outcome.is_within(settings.tolerance) => Ok(Score::Reached),
            Ok(Outcome { missing, surplus, .. }) => Ok(Score::Network(Reverse(missing + surplus))),
            // It may run away.
            Err(_) => Ok(Score::Neurons(count)),
        }
    }

    /// Which numbers of neurons without targets are trained.
    fn free(&self) -> Parameters<bool> {
        let is_targeted = alone::targeted(self.network, self.targets);
        let mut free = self.trained.clone();
        for (connection, of) in free.connections.iter_mut().zip(self.network.connections()) {
            if is_targeted[of.to] {
                connection.weights.fill(false);
                connection.delay.as_mut_slice().fill(false);
            }
        }
        free
    }

    /// Fits each targeted neuron alone, and puts what was found into the parameters of the network.
    fn round(
        &self,
        parameters: &Parameters,
        round: u32,
        starts: u32,
    ) -> Result<(Parameters, Vec<FittedNeuron>), FitError> {
        let Self { network, stimulus, targets, settings, .. } = *self;
        let mut trains = alone::answers(network, parameters, stimulus, targets, &settings.run)?;
        trains.extend_from_slice(targets);
        let stimulus = alone::stimulus_of(network, stimulus, &trains)?;
        let ready = AtomicUsize::new(0);
        let interrupt = Interrupt::current();
        let one = |target: &Target| -> Result<(Vec<f64>, FittedNeuron), FitError> {
            let alone = Alone {
                network: alone::network_of(self.network, target)?,
                trained: alone::part_of(self.network, self.trained, target),
                stimulus: &stimulus,
                target: Target { neuron: NeuronId::new(0), ..target.clone() },
                settings,
            };
            let start = alone::part_of(network, parameters, target);
            let neuron = Some(target.neuron.index());
            let stream = |attempt| stream(settings.seed, neuron, round, attempt);
            let (found, mut fitted) =
                interrupt.scope(|| alone.fit(&start, round > 0, starts, stream))?;
            fitted.neuron = self.network.describe(target.neuron);
            let ready = 1 + ready.fetch_add(1, Ordering::Relaxed);
            let count = self.targets.len();
            (self.observe)(&Progress::Neuron { fitted: fitted.clone(), ready, count });
            Ok((found.to_vec(), fitted))
        };
        let all = self.targets.par_iter().map(one).collect::<Result<Vec<_>, _>>()?;
        let mut numbers: Vec<f64> = parameters.to_vec();
        let mut positions = 0..;
        let positions = parameters.map(|_| positions.next().unwrap_or_default());
        for (target, (found, _)) in self.targets.iter().zip(&all) {
            let own = alone::part_of(self.network, &positions, target).to_vec();
            let trained = alone::part_of(self.network, self.trained, target).to_vec();
            for ((position, is_trained), &number) in own.into_iter().zip(trained).zip(found) {
                if is_trained {
                    numbers[position] = number;
                }
            }
        }
        let mut together = parameters.clone();
        let mut numbers = numbers.into_iter();
        together.for_each_mut(|number| *number = numbers.next().unwrap_or(*number));
        Ok((together, all.into_iter().map(|(_, fitted)| fitted).collect()))
    }

    fn spike_times<'b>(
        &'b self,
        start: &Parameters,
        numbers: &'b Numbers,
    ) -> Result<SpikeTimes<'b>, FitError> {
        let Self { network, stimulus, targets, settings, .. } = *self;
        let (start, requests) = (start.clone(), requests(targets));
        let runs = Runs::new(network, start, numbers, stimulus, requests, settings.run)?;
        Ok(SpikeTimes::new(runs, targets, settings.tolerance))
    }

    /// Fits the network as a whole.
    fn whole(&self, start: &Parameters, neurons: Vec<FittedNeuron>) -> Result<Fit, FitError> {
        let Self { network, trained, settings, observe, .. } = *self;
        let numbers = Numbers::new(network, start, trained, settings.least_delay);
        let mut times = self.spike_times(start, &numbers)?;
        let tell = |point: &Point| {
            let &Point { evaluations, steps, .. } = point;
            observe(&Progress::Network { evaluations, steps, cost: point.cost() });
        };
        let start = DVector::zeros(numbers.count());
        let point = minimise(&mut times, start, settings.most_evaluations, tell)?;
        let (outcome, certificate) = times.conclude(&point.x)?;
        Ok(Fit {
            is_reached: outcome.is_within(settings.tolerance),
            largest: outcome.largest,
            missing: outcome.missing,
            surplus: outcome.surplus,
            neurons,
            evaluations: point.evaluations,
            steps: point.steps,
            certificate,
            parameters: times.runs.parameters,
        })
    }
}
