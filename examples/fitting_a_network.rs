//! A network of twenty recurrent neurons learns the spike trains of another: `spikegrad_fit::fit`.
//!
//! Teacher and student have weights and delays of their own; only the teacher's spikes are known. Figures for 20 pairs: docs/results/fitting.md.
//!
//! ```sh
//! cargo run --release -p spikegrad-examples --example fitting_a_network -- lif 20
//! ```
#![expect(clippy::print_stdout, reason = "an example shows what it found")]

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Exp1, StandardNormal};
use spikegrad::{
    InputSpike, Model, Network, NeuronId, Parameters, Settings, SpikeTimeMse, Stimulus, simulate,
};
use spikegrad_fit::{FitSettings, Progress, fit, weights_and_delays};
use spikegrad_report::plot::{Population, Raster, Role, Size, Spike, raster};
use std::error::Error;
use std::path::Path;
use std::time::Instant;

const NEURONS: usize = 20;
const INPUTS: usize = 5;
const T_END: f64 = 0.1;

/// Of each input, in spikes a second.
const RATE: f64 = 50.0;

/// Mean and standard deviation of the weights from inputs, standard deviation of those between neurons, whose mean is 0.
const QIF: [f64; 3] = [5.0, 5.0, 1.0];
const LIF: [f64; 3] = [1.5, 1.5, 0.3];

/// Twenty neurons that hear the inputs and each other, with delays of 1 to 10 ms.
fn draw(model: &str, rng: &mut ChaCha8Rng) -> Result<(Network, Parameters), Box<dyn Error>> {
    let [mean, deviation, recurrent] = if model == "lif" { LIF } else { QIF };
    let mut weights = |count: usize, mean: f64, deviation: f64| -> Vec<f64> {
        let mut normal = || -> f64 { StandardNormal.sample(rng) };
        (0..count).map(|_| mean + deviation * normal()).collect()
    };
    let of_inputs = weights(NEURONS * INPUTS, mean, deviation);
    let of_neurons = weights(NEURONS * NEURONS, 0.0, recurrent);
    let mut delays = |count: usize| -> Vec<f64> {
        (0..count).map(|_| 1e-3 * (1.0 + 9.0 * rng.random::<f64>())).collect()
    };
    let model = Model::named(model).ok_or("there is no such model")?;
    let mut network = Network::builder()
        .inputs(INPUTS)
        .population("neurons", model, NEURONS)
        .with("tau_mem", 0.01)
        .with("tau_syn", 0.005);
    if model == Model::Lif {
        network = network.with("t_ref", 0.002);
    }
    let network = network
        .dense("input", "neurons", of_inputs)
        .delay(delays(NEURONS * INPUTS))
        .dense("neurons", "neurons", of_neurons)
        .delay(delays(NEURONS * NEURONS));
    Ok(network.build()?)
}

fn poisson(rng: &mut ChaCha8Rng) -> Result<Stimulus, spikegrad::NetworkError> {
    let mut interval = || -> f64 {
        let one: f64 = Exp1.sample(rng);
        one / RATE
    };
    let mut spikes = Vec::new();
    for channel in 0..INPUTS {
        let mut time = interval();
        while time < T_END {
            spikes.push(InputSpike { channel, time });
            time += interval();
        }
    }
    Stimulus::new(T_END, spikes)
}

fn trains(
    network: &Network,
    parameters: &Parameters,
    stimulus: &Stimulus,
) -> Result<Vec<Vec<f64>>, spikegrad::Error> {
    let trace = simulate(network, parameters, stimulus, &[], &Settings::default())?;
    Ok((0..NEURONS).map(|n| trace.spike_times(NeuronId::new(n)).collect()).collect())
}

/// The trains of teacher, and of student before and after.
fn picture(of: [&[Vec<f64>]; 3], path: &Path) -> Result<(), Box<dyn Error>> {
    let band = |name: &str, role| Population { name: name.into(), role, first: 0, size: NEURONS };
    let names = ["teacher", "student, at first", "student, fitted"];
    let roles = [Role::Input, Role::Layer(1), Role::Layer(0)];
    let mut spikes = Vec::new();
    for (population, trains) in of.into_iter().enumerate() {
        for (neuron, times) in trains.iter().enumerate() {
            spikes.extend(times.iter().map(|&time| Spike { population, neuron, time }));
        }
    }
    let populations = names.iter().zip(roles).map(|(name, role)| band(name, role)).collect();
    let voltages = Vec::new();
    let figure =
        Raster { populations, spikes, voltages, window: (0.0, T_END), size: Size::default() };
    raster(&figure)?.save(path)?;
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1).peekable();
    let model = arguments.next().unwrap_or_else(|| "qif".into());
    let pairs: u64 = arguments.next().map_or(Ok(1), |pairs| pairs.parse())?;
    let whole = arguments.next_if(|word| word == "whole");
    let folder = arguments.next();
    for seed in 0..pairs {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let stimulus = poisson(&mut rng)?;
        let (network, teacher) = draw(&model, &mut rng)?;
        let targets = trains(&network, &teacher, &stimulus)?;
        let (_, student) = draw(&model, &mut rng)?;

        let start = Instant::now();
        let trained = weights_and_delays(&student);
        let settings = FitSettings { seed, one_by_one: whole.is_none(), ..FitSettings::default() };
        let observe = |progress: &Progress| {
            if let (1, Progress::Neuron { fitted, ready, count }) = (pairs, progress) {
                println!("{ready}/{count} {}: {} starts", fitted.neuron, fitted.starts);
            }
        };
        let shall = [SpikeTimeMse::new("neurons", targets.clone())];
        let found = fit(&network, &student, &trained, &stimulus, &shall, &settings, &observe)?;
        let after = trains(&network, &found.parameters, &stimulus)?;
        let is_exact = |(shall, is): &(&Vec<f64>, &Vec<f64>)| {
            let close = |(a, b): (&f64, &f64)| (a - b).abs() <= settings.tolerance;
            shall.len() == is.len() && shall.iter().zip(*is).all(close)
        };
        let exact = targets.iter().zip(&after).filter(is_exact).count();
        let starts: u32 = found.neurons.iter().map(|neuron| neuron.starts).sum();
        let runs: u32 = found.neurons.iter().map(|neuron| neuron.evaluations).sum();
        println!(
            "pair {seed}: {} spikes; {exact} of {NEURONS} trains, largest error {:.1e} s, {} missing, {} too many; {starts} starts, {runs} runs of a neuron and {} of the network, {:.1?}",
            targets.iter().map(Vec::len).sum::<usize>(),
            found.largest,
            found.missing,
            found.surplus,
            found.evaluations,
            start.elapsed(),
        );
        if let (0, Some(folder)) = (seed, &folder) {
            let before = trains(&network, &student, &stimulus)?;
            let path = Path::new(folder).join(format!("fitting_{model}.svg"));
            picture([&targets, &before, &after], &path)?;
            println!("{}", path.display());
        }
        if pairs == 1 && whole.is_none() {
            assert_eq!(exact, NEURONS);
        }
    }
    Ok(())
}
