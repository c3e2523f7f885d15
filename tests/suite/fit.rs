//! Networks that learn the spike trains of others: `spikegrad_fit`.
//!
//! What was found is run again, and leaky networks by the second simulator, which shares no code with the engines. Not here: the search itself (its crate tests it on functions that are known).

use crate::second_simulator::follow;
use rayon::ThreadPoolBuilder;
use spikegrad::problem::Problem;
use spikegrad::{
    Error, InputSpike, Interrupt, Model, Network, NeuronId, Parameters, Settings, SpikeTimeMse,
    Stimulus, Values, lif, simulate,
};
use spikegrad_compare::strategies::Random;
use spikegrad_fit::{Fit, FitError, FitSettings, Progress, fit, weights_and_delays};
use std::sync::Mutex;

const NEURONS: usize = 5;
const INPUTS: usize = 3;
const T_END: f64 = 0.06;

/// Five recurrent neurons, each synapse with a delay of its own.
fn draw(model: &str, random: &mut Random) -> (Network, Parameters) {
    let [strength, recurrent] = if model == "lif" { [4.0, 1.0] } else { [8.0, 1.0] };
    let mut numbers = |count: usize, low: f64, high: f64| -> Vec<f64> {
        (0..count).map(|_| low + (high - low) * random.unit()).collect()
    };
    let mut network = Network::builder()
        .inputs(INPUTS)
        .population("neurons", Model::named(model).unwrap(), NEURONS)
        .with("tau_mem", 0.01)
        .with("tau_syn", 0.005);
    if model == "lif" {
        network = network.with("t_ref", 0.002).with("v_leak", -0.1).with("v_reset", -0.2);
    }
    let network = network
        .dense("input", "neurons", numbers(NEURONS * INPUTS, 0.0, strength))
        .delay(numbers(NEURONS * INPUTS, 0.001, 0.01))
        .dense("neurons", "neurons", numbers(NEURONS * NEURONS, -recurrent, recurrent))
        .delay(numbers(NEURONS * NEURONS, 0.001, 0.01));
    network.build().unwrap()
}

fn stimulus(random: &mut Random) -> Stimulus {
    let spike = |k: usize| InputSpike { channel: k % INPUTS, time: T_END * random.unit() };
    Stimulus::new(T_END, (0..12).map(spike).collect()).unwrap()
}

fn trains(network: &Network, parameters: &Parameters, stimulus: &Stimulus) -> Vec<Vec<f64>> {
    let trace = simulate(network, parameters, stimulus, &[], &Settings::default()).unwrap();
    (0..network.neurons()).map(|n| trace.spike_times(NeuronId::new(n)).collect()).collect()
}

/// A network, its input, the trains of another with the same structure, and the parameters of both.
struct Pair {
    network: Network,
    stimulus: Stimulus,
    shall: SpikeTimeMse,
    teacher: Parameters,
    student: Parameters,
}

impl Pair {
    fn new(model: &str, seed: u64) -> Self {
        let mut random = Random::new(seed);
        let stimulus = stimulus(&mut random);
        let (network, teacher) = draw(model, &mut random);
        let (_, student) = draw(model, &mut random);
        let shall = SpikeTimeMse::new("neurons", trains(&network, &teacher, &stimulus));
        Self { network, stimulus, shall, teacher, student }
    }

    fn fit(&self, start: &Parameters, settings: &FitSettings) -> Result<Fit, FitError> {
        let trained = weights_and_delays(start);
        let shall = std::slice::from_ref(&self.shall);
        fit(&self.network, start, &trained, &self.stimulus, shall, settings, &|_| ())
    }

    /// Largest distance of a spike from its target; infinite if there is not one for each.
    fn error(&self, parameters: &Parameters) -> f64 {
        let is = trains(&self.network, parameters, &self.stimulus);
        let mut largest = 0.0_f64;
        for (is, shall) in is.iter().zip(&self.shall.targets) {
            if is.len() != shall.len() {
                return f64::INFINITY;
            }
            let errors = is.iter().zip(shall).map(|(is, shall)| (is - shall).abs());
            largest = errors.fold(largest, f64::max);
        }
        largest
    }
}

#[test]
fn students_learn_all_trains_of_their_teachers() {
    for model in ["lif", "qif"] {
        for seed in 0..6 {
            let pair = Pair::new(model, seed);
            let spikes = pair.shall.targets.iter().map(Vec::len).sum::<usize>();
            assert!(spikes > 5, "spikes to learn");
            let found = pair.fit(&pair.student, &FitSettings::default()).unwrap();
            assert!(found.is_reached, "{model}, {seed}: {found:?}");
            let error = pair.error(&found.parameters);
            assert!(error <= FitSettings::default().tolerance, "{model}, {seed}: {error}");
            assert_eq!((found.missing, found.surplus, found.neurons.len()), (0, 0, NEURONS));
            assert_eq!(found.certificate.spikes, spikes);
            if model == "lif" {
                let Pair { network, stimulus, .. } = &pair;
                let trace =
                    simulate(network, &found.parameters, stimulus, &[], &Settings::default());
                let problem =
                    Problem::from_parts(network, &found.parameters, stimulus, None).unwrap();
                let document = serde_json::to_value(&problem.document).unwrap();
                follow(&document, &trace.unwrap()).unwrap();
            }
        }
    }
}

/// Each neuron alone, hearing the trains of the others, does what it does in its network: nothing is left to search.
#[test]
fn teachers_stay_as_they_are() {
    for model in ["lif", "qif"] {
        let pair = Pair::new(model, 1);
        let found = pair.fit(&pair.teacher, &FitSettings::default()).unwrap();
        assert_eq!(found.parameters, pair.teacher, "{model}");
        assert_eq!((found.evaluations, found.steps), (1, 0));
        assert!(found.neurons.iter().all(|neuron| neuron.starts == 1 && neuron.is_reached));
    }
}

#[test]
fn a_fit_has_the_same_bits_on_any_number_of_threads() {
    let pair = Pair::new("lif", 3);
    let on = |threads: usize| {
        let pool = ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| pair.fit(&pair.student, &FitSettings::default()).unwrap().parameters)
    };
    assert_eq!(on(1), on(3));
}

/// Two neurons of which two others, that have no targets, know nothing yet.
#[test]
fn neurons_without_targets_are_heard() {
    let qif = Model::named("qif").unwrap();
    let (network, start) = Network::builder()
        .inputs(2)
        .population("read", qif, 2)
        .with("tau_mem", 0.01)
        .with("tau_syn", 0.005)
        .population("hidden", qif, 4)
        .with("tau_mem", 0.01)
        .with("tau_syn", 0.005)
        .dense("input", "hidden", vec![6.0, 4.0, 5.0, 7.0, 8.0, 3.0, 4.0, 9.0])
        .dense("hidden", "read", vec![0.0; 8])
        .dense("read", "hidden", vec![0.0; 8])
        .dense("input", "read", vec![3.0, 4.0, 4.0, 3.0])
        .build()
        .unwrap();
    let mut trained = weights_and_delays(&start);
    trained.connections[0].weights.fill(false);
    let spikes = [0.0, 0.004, 0.012, 0.02, 0.027, 0.035, 0.041, 0.05].iter().enumerate();
    let spikes = spikes.map(|(k, &time)| InputSpike { channel: k % 2, time }).collect();
    let stimulus = Stimulus::new(T_END, spikes).unwrap();
    let targets = vec![vec![0.02, 0.045], vec![0.03]];
    let shall = SpikeTimeMse::new("read", targets.clone());
    let settings = FitSettings::default();
    let found = fit(&network, &start, &trained, &stimulus, &[shall], &settings, &|_| ()).unwrap();
    assert!(found.is_reached, "{found:?}");
    assert_eq!(found.parameters.connections[0], start.connections[0]);
    let is = trains(&network, &found.parameters, &stimulus);
    for (is, shall) in is.iter().zip(&targets) {
        assert_eq!(is.len(), shall.len());
        assert!(is.iter().zip(shall).all(|(is, shall)| (is - shall).abs() <= settings.tolerance));
    }
}

/// A time constant that all neurons share does not come apart, and stays positive.
#[test]
fn the_network_is_fitted_as_a_whole_where_neurons_share_a_number() {
    let (network, teacher) = Network::builder()
        .inputs(1)
        .lif("pair", 2)
        .with("tau_mem", 0.01)
        .dense("input", "pair", vec![8.0, 9.0])
        .build()
        .unwrap();
    let spikes = [0.0, 0.01].map(|time| InputSpike { channel: 0, time }).to_vec();
    let stimulus = Stimulus::new(0.03, spikes).unwrap();
    let shall = SpikeTimeMse::new("pair", trains(&network, &teacher, &stimulus));
    let mut start = teacher.clone();
    start.populations[0][lif::TAU_MEM] = 0.014.into();
    let mut trained = start.map(|_| false);
    trained.populations[0][lif::TAU_MEM] = Values::Shared(true);
    let settings = FitSettings { tolerance: 1e-12, ..FitSettings::default() };
    let steps = Mutex::new(0);
    let count = |progress: &Progress| {
        if let Progress::Network { steps: taken, .. } = progress {
            *steps.lock().unwrap() = *taken;
        }
    };
    let found = fit(&network, &start, &trained, &stimulus, &[shall], &settings, &count).unwrap();
    assert!(found.is_reached && found.neurons.is_empty());
    assert_eq!(*steps.lock().unwrap(), found.steps);
    let tau = found.parameters.populations[0][lif::TAU_MEM].get(0);
    // Spike times move by at least a tenth of what the time constant does.
    assert!((tau - 0.01).abs() < 1e-11, "{tau}");
}

#[test]
fn what_does_not_fit_is_said_in_one_sentence() {
    let pair = Pair::new("lif", 0);
    let Pair { network, stimulus, student, shall, .. } = &pair;
    let trained = weights_and_delays(student);
    let refused = |trained: &Parameters<bool>, shall: &SpikeTimeMse, settings: &FitSettings| {
        let shall = std::slice::from_ref(shall);
        fit(network, student, trained, stimulus, shall, settings, &|_| ()).unwrap_err().to_string()
    };
    let settings = FitSettings::default();
    assert_eq!(
        refused(&student.map(|_| false), shall, &settings),
        "nothing can be fitted: `trained` names no number of the network"
    );
    assert_eq!(
        refused(&trained, shall, &FitSettings { tolerance: 0.0, ..settings }),
        "`tolerance` is 0; it must be a positive number of seconds"
    );
    let few = SpikeTimeMse::new("neurons", vec![vec![0.01]]);
    let error = refused(&trained, &few, &settings);
    assert!(error.starts_with("targets has 1 entries; it must have 5"), "{error}");
    let other = SpikeTimeMse::new("others", vec![]);
    let error = refused(&trained, &other, &settings);
    assert!(error.contains("others"), "{error}");
    let mut late = shall.clone();
    late.targets[2] = vec![T_END + 1.0];
    assert_eq!(
        refused(&trained, &late, &settings),
        "`targets` is 1.06; it must be a time from 0 to the end of the run, in seconds"
    );
    let twice = [shall.clone(), shall.clone()];
    let error = fit(network, student, &trained, stimulus, &twice, &settings, &|_| ()).unwrap_err();
    assert_eq!(error.to_string(), "the population \"neurons\" has targets twice");
    let mut other = trained.clone();
    other.connections.pop();
    let error = refused(&other, shall, &settings);
    assert!(error.starts_with("trained.connections has 1 entries"), "{error}");
}

#[test]
fn a_wish_ends_a_fit() {
    let pair = Pair::new("qif", 0);
    let interrupt = Interrupt::default();
    interrupt.request();
    let error = interrupt.scope(|| pair.fit(&pair.student, &FitSettings::default())).unwrap_err();
    assert_eq!(error, FitError::Evaluate(Error::Interrupted));
}

/// A grid as fine as these time constants would have 10¹⁴ points.
#[test]
fn time_constants_far_below_the_run_do_not_hold_a_fit_up() {
    let (network, start) = Network::builder()
        .inputs(1)
        .lif("out", 1)
        .with("tau_mem", 1e-12)
        .with("tau_syn", 1e-12)
        .dense("input", "out", vec![0.5])
        .build()
        .unwrap();
    let stimulus = Stimulus::new(10.0, vec![InputSpike { channel: 0, time: 1.0 }]).unwrap();
    let shall = SpikeTimeMse::new("out", vec![vec![2.0]]);
    let trained = weights_and_delays(&start);
    let settings = FitSettings { most_starts: 1, ..FitSettings::default() };
    let found = fit(&network, &start, &trained, &stimulus, &[shall], &settings, &|_| ()).unwrap();
    assert!(!found.is_reached && found.missing == 1);
}
