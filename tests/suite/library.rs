//! The library as its users call it: parameters that change their form, batches that fail, and everything that does not fit.
//!
//! Not here: losses (`losses.rs`), the numbers themselves.

use crate::random_networks::{MAX_EVENTS, any_plan, for_all, layered_plan, runaway};
use crate::support::{one_neuron, problem};
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;
use serde_json::json;
use spikegrad::problem::Problem;
use spikegrad::{
    AdjointError, BatchError, Connection, ConnectionParameters, Cotangents, Derivatives, Engine,
    Error, Evaluator, Gradient, Grazing, InputSpike, Loss, Measure, Model, Network, NetworkError,
    NeuronId, Observation, Parameters, Population, ReadoutRequest, Sample, Settings, SimulateError,
    Source, Stimulus, Synapses, Trace, Values, backward, lif, value_and_grad, value_and_grad_batch,
    value_and_hvp, value_and_jvp, value_batch,
};
use spikegrad_compare::strategies::Random;
use spikegrad_network::{Circuit, Layers};
use spikegrad_simulate::{
    Options, SweepError, SweepWorkspace, Workspace, simulate_into, sweep_forward_into, sweep_into,
};

/// The same values, each shared or each neuron's or synapse's own, as a coin says; some of them changed.
fn reformed(parameters: &Parameters, network: &Network, random: &mut Random) -> Parameters {
    let mut other = parameters.clone();
    let mut reform = |values: &mut Values<f64>, count: usize, range: (f64, f64)| {
        if count == 0 {
            return;
        }
        let first = values.get(0);
        match random.below(4) {
            0 => *values = Values::Shared(first),
            1 => *values = Values::Each(vec![first; count]),
            2 => {
                let (low, high) = range;
                let each = (0..count).map(|_| first * (low + (high - low) * random.unit()));
                *values = Values::Each(each.collect());
            }
            _ => {}
        }
    };
    for (k, population) in other.populations.iter_mut().enumerate() {
        let size = network.populations()[k].size;
        let table = population.model().table();
        for (quantity, values) in population.values_mut() {
            // A threshold stays above the reset and the start.
            let is_threshold = table
                .threshold_and_reset
                .is_some_and(|(at, _)| table.position(quantity.path) == Some(at));
            let range = if is_threshold { (1.0, 1.1) } else { (0.9, 1.0) };
            reform(values, size, range);
        }
    }
    for (k, connection) in other.connections.iter_mut().enumerate() {
        reform(&mut connection.delay, network.weight_count(k), (0.8, 1.3));
    }
    other
}

/// Bits of all numbers.
fn bits(gradient: &Gradient) -> Vec<u64> {
    let all = gradient.parameters.to_vec().into_iter().chain(gradient.input_times.clone());
    all.map(f64::to_bits).collect()
}

#[test]
fn an_evaluator_that_takes_other_parameters_is_a_new_one() {
    for_all(any_plan(), |plan, problem| {
        if plan.seed % 4 != 0 {
            return Ok(3);
        }
        let Problem { network, parameters, stimulus, .. } = problem;
        let loss = plan.loss(problem);
        let settings = Settings { max_events: MAX_EVENTS, ..Settings::default() };
        let mut evaluator = Evaluator::new(network, parameters, settings).unwrap();
        let mut gradient = evaluator.zero_gradient(parameters);
        let mut random = plan.random();
        let mut spikes = 0;
        for _ in 0..4 {
            let other = reformed(parameters, network, &mut random);
            // A draw may put a reset above a threshold: then nothing changes.
            if other.check(network).is_err() {
                prop_assert!(evaluator.set_parameters(&other).is_err());
                continue;
            }
            evaluator.set_parameters(&other).unwrap();
            let mut fresh = Evaluator::new(network, &other, settings).unwrap();
            let mut expected = fresh.zero_gradient(&other);
            let value = fresh.value_and_grad(stimulus, &loss, &mut expected).map_err(runaway)?;
            let found =
                evaluator.value_and_grad(stimulus, &loss, &mut gradient).map_err(runaway)?;
            prop_assert_eq!(found.to_bits(), value.to_bits());
            prop_assert_eq!(gradient.parameters.check_form("gradient", &other), Ok(()));
            prop_assert_eq!(bits(&gradient), bits(&expected));
            let (a, b) = (evaluator.explanation(), fresh.explanation());
            prop_assert_eq!(a.to_string(), b.to_string());
            spikes = evaluator.trace().spikes.len().max(spikes);

            let samples = [Sample { stimulus, loss: &loss }; 3];
            let (mut sum, mut again) = (gradient.parameters.clone(), other.zeros_like());
            evaluator.value_and_grad_batch(&samples, &mut sum, |_, _| ()).unwrap();
            fresh.value_and_grad_batch(&samples, &mut again, |_, _| ()).unwrap();
            prop_assert_eq!(&sum, &again);
        }
        Ok(spikes.max(3))
    });
}

#[test]
fn a_shared_delay_that_becomes_one_for_each_synapse_is_heard() {
    // One input, and two neurons that hear it.
    let mut document = one_neuron(json!({}), &[0.0], &[(0, 0.001)], 0.03);
    document["network"]["populations"][0]["size"] = json!(2);
    document["network"]["connections"][0] =
        json!({"from": "input", "to": "out", "weights": [[9], [8]], "delay": 0.001});
    document["loss"] =
        json!({"type": "spike_time_mse", "population": "out", "targets": [[0.02], [0.01]]});
    let Problem { network, mut parameters, stimulus, document } = problem(&document);
    let loss = document.loss.as_ref().unwrap();
    for engine in [Engine::Automatic, Engine::EventLoop] {
        let settings = Settings { engine, ..Settings::default() };
        let mut evaluator = Evaluator::new(&network, &parameters, settings).unwrap();
        // Any gradient is brought into shape.
        let nothing = Parameters { populations: vec![], connections: vec![] };
        let mut gradient = Gradient { parameters: nothing, input_times: vec![], currents: vec![] };
        let shared = evaluator.value_and_grad(&stimulus, loss, &mut gradient).unwrap();
        let sum = gradient.parameters.connections[0].delay.get(0);

        // The same delays, each with a derivative of its own.
        parameters.connections[0].delay = Values::Each(vec![0.001, 0.001]);
        evaluator.set_parameters(&parameters).unwrap();
        let own = evaluator.value_and_grad(&stimulus, loss, &mut gradient).unwrap();
        let each = gradient.parameters.connections[0].delay.as_slice().to_vec();
        assert!((own / shared - 1.0).abs() < 1e-14, "{own} {shared}");
        assert!(each.len() == 2 && each.iter().all(|d| *d != 0.0), "{each:?}");
        assert!(((each[0] + each[1]) / sum - 1.0).abs() < 1e-12, "{each:?} {sum}");
        let inputs = gradient.input_times[0];
        assert!(((each[0] + each[1]) / inputs - 1.0).abs() < 1e-12, "{each:?} {inputs}");

        // The second is later by 1 ms.
        parameters.connections[0].delay = Values::Each(vec![0.001, 0.002]);
        evaluator.set_parameters(&parameters).unwrap();
        let later = evaluator.value_and_grad(&stimulus, loss, &mut gradient).unwrap();
        assert!((later / own - 1.0).abs() > 1e-3, "{later} {own}");
        let slower = value_and_grad(&network, &parameters, &stimulus, loss, &settings).unwrap();
        assert_eq!((later, &gradient), (slower.loss, &slower.gradient));

        parameters.connections[0].delay = Values::Shared(0.001);
        evaluator.set_parameters(&parameters).unwrap();
        let back = evaluator.value_and_grad(&stimulus, loss, &mut gradient).unwrap();
        assert_eq!(back.to_bits(), shared.to_bits());
        assert_eq!(gradient.parameters.connections[0].delay, Values::Shared(sum));
    }
}

/// The time of the first spike, times a factor.
#[derive(Debug)]
struct Scaled(f64);

impl Loss for Scaled {
    fn evaluate_into(&self, run: &Observation<'_>, into: &mut Derivatives<'_>) -> f64 {
        into.spikes[0] = self.0;
        run.spikes[0].time
    }
}

fn in_pool<R: Send>(threads: usize, run: impl FnOnce() -> R + Send) -> R {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(run)
}

#[test]
fn a_batch_reports_its_first_sample_that_fails_on_any_number_of_threads() {
    let document = one_neuron(json!({}), &[9.0], &[(0, 0.001)], 0.03);
    let Problem { network, parameters, stimulus: good, .. } = problem(&document);
    // On a channel that is not there, so that its error tells which it is.
    let bad: Vec<Stimulus> = (1..=40)
        .map(|channel| Stimulus::new(0.03, vec![InputSpike { channel, time: 0.001 }]).unwrap())
        .collect();
    let (loss, settings) = (Scaled(1.0), Settings::default());
    let mut random = Random::new(7);
    for round in 0..50 {
        let count = 1 + random.below(150);
        let mut failing: Vec<usize> =
            (0..1 + random.below(5)).map(|_| random.below(count)).collect();
        failing.sort_unstable();
        let stimulus = |k: usize| match failing.iter().position(|&at| at == k) {
            None => &good,
            Some(which) => &bad[which],
        };
        let samples: Vec<Sample<'_>> =
            (0..count).map(|k| Sample { stimulus: stimulus(k), loss: &loss }).collect();
        let source = Error::Simulate(SimulateError::Channel { channel: 1, inputs: 1 });
        let expected = BatchError { sample: failing[0], source };
        for threads in [1, 2, 5] {
            let (values, gradients) = in_pool(threads, || {
                let values = value_batch(&network, &parameters, &samples, &settings, |_, _| ());
                let both =
                    value_and_grad_batch(&network, &parameters, &samples, &settings, |_, _| ());
                (values.unwrap_err(), both.map(|_| ()).unwrap_err())
            });
            assert_eq!(values, expected, "round {round}, {threads} threads");
            assert_eq!(gradients, expected, "round {round}, {threads} threads");
        }
    }
}

#[test]
fn a_late_sample_that_fails_sooner_is_not_the_first() {
    let document = one_neuron(json!({"i_bias": 1.5}), &[9.0], &[(0, 0.001)], 0.03);
    let Problem { network, parameters, stimulus: good, .. } = problem(&document);
    // The first fires until its budget is spent; the last is refused at once.
    let endless = Stimulus::new(1e9, vec![]).unwrap();
    let refused = Stimulus::new(0.03, vec![InputSpike { channel: 1, time: 0.001 }]).unwrap();
    let (loss, settings) = (Scaled(1.0), Settings { max_events: 100_000, ..Settings::default() });
    let mut samples = vec![Sample { stimulus: &good, loss: &loss }; 64];
    samples[3].stimulus = &endless;
    samples[60].stimulus = &refused;
    for threads in [1, 2, 4, 4, 4] {
        let error = in_pool(threads, || {
            value_batch(&network, &parameters, &samples, &settings, |_, _| ()).unwrap_err()
        });
        let is_budget = matches!(error.source, Error::Simulate(SimulateError::EventBudget { .. }));
        assert!(error.sample == 3 && is_budget, "{threads} threads: {error}");
    }
}

#[test]
fn a_batch_whose_gradient_is_not_finite_says_so_and_with_which_sample() {
    let document = one_neuron(json!({}), &[9.0], &[(0, 0.001)], 0.03);
    let Problem { network, parameters, stimulus, .. } = &problem(&document);
    let settings = Settings::default();
    let (one, large, endless) = (Scaled(1.0), Scaled(4e307), Scaled(f64::MAX));
    let check = |losses: &[&dyn Loss], expected: Option<usize>| {
        let samples: Vec<Sample<'_>> =
            losses.iter().map(|&loss| Sample { stimulus, loss }).collect();
        for threads in [1, 3] {
            let found = in_pool(threads, || {
                value_and_grad_batch(network, parameters, &samples, &settings, |_, _| ())
                    .map(|_| ())
            });
            let Some(expected) = expected else {
                assert_eq!(found, Ok(()));
                continue;
            };
            let BatchError { sample, source } = found.unwrap_err();
            assert_eq!(sample, expected);
            let Error::Adjoint(AdjointError::NonFiniteGradient { place, value }) = &source else {
                panic!("{source}");
            };
            assert!(!value.is_finite() && place.starts_with("network."), "{source}");
        }
    };
    check(&[&one, &large, &one], None);
    // The derivative with respect to the delay is 4e307: the fifth is too much.
    let many: Vec<&dyn Loss> = std::iter::repeat_n::<&dyn Loss>(&large, 30).collect();
    let alone = value_and_grad(network, parameters, stimulus, &large, &settings).unwrap();
    let largest =
        alone.gradient.parameters.to_vec().into_iter().fold(0.0f64, |a, b| a.max(b.abs()));
    // The first with which (n + 1) times the largest derivative is out of range.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small count")]
    let first = (f64::MAX / largest) as usize;
    assert!((1..29).contains(&first), "{first}");
    check(&many, Some(first));
    let mut late: Vec<&dyn Loss> = vec![&one; 21];
    late.extend(&many);
    check(&late, Some(21 + first));
    // Not finite alone, which a single call says as well.
    let alone = value_and_grad(network, parameters, stimulus, &endless, &settings);
    if alone.is_err() {
        check(&[&one, &one, &endless, &endless], Some(2));
    }
}

fn population(name: &str, size: usize) -> Population {
    Population { name: name.into(), size, model: Model::Lif }
}

fn dense(from: Source, to: usize) -> Connection {
    Connection::new(from, to, Synapses::Dense)
}

#[test]
fn a_network_of_absurd_size_is_refused_and_not_built() {
    let populations = |size| vec![population("a", size), population("b", 3)];
    for size in [1_000_000_000_000, usize::MAX, 1_000_001] {
        let error = Network::new(2, populations(size), vec![]).unwrap_err();
        assert!(matches!(error, NetworkError::TooLarge { .. }), "{error}");
        let error = Network::new(size, populations(1), vec![]).unwrap_err();
        assert!(matches!(error, NetworkError::TooLarge { .. }), "{error}");
    }
    // As many neurons as there may be, and all of them joined: 8 TB of weights.
    let all =
        Network::new(0, vec![population("a", 1_000_000)], vec![dense(Source::Population(0), 0)]);
    let error = all.unwrap_err();
    let expected = "network.connections[0] brings the number of synapses to 1000000000000; at most 4294967295 are supported";
    assert_eq!(error.to_string(), expected);
    // Each of them fits.
    let loops = vec![dense(Source::Population(0), 0); 2];
    let error = Network::new(0, vec![population("a", 60_000)], loops).unwrap_err();
    assert!(error.to_string().starts_with("network.connections[1] brings"), "{error}");
    let size = |size: u64| {
        let text = json!({
            "format": "spikegrad-problem", "version": 1,
            "network": {"inputs": 1, "populations": [{"name": "a", "size": size, "model": "lif"}], "connections": []},
            "stimulus": {"t_end": 0.01, "spikes": []}
        });
        Problem::from_json(text.to_string().as_bytes()).unwrap_err().to_string()
    };
    for absurd in [1_000_000_000_000, u64::MAX] {
        assert!(size(absurd).starts_with("network.populations[0].size brings"), "{}", size(absurd));
    }
}

#[test]
fn read_outs_that_a_run_cannot_give_are_errors() {
    let document = one_neuron(json!({}), &[9.0], &[(0, 0.001)], 0.03);
    let Problem { network, parameters, stimulus, .. } = problem(&document);
    let request = |neuron, measure| ReadoutRequest { neuron: NeuronId(neuron), measure };
    let sample = |time| request(0, Measure::Sample { time });
    let good = [
        request(0, Measure::Mean),
        sample(0.0),
        sample(0.03),
        request(0, Measure::Weighted { tau: f64::INFINITY }),
    ];
    let decay_rate = |tau| request(0, Measure::Weighted { tau });
    let bad = [
        (request(1, Measure::Mean), "read-out 4 asks for neuron 1, but the network has 1 neurons"),
        (request(u32::MAX, Measure::Maximum), "read-out 4 asks for neuron 4294967295"),
        (request(7, Measure::Sample { time: 0.01 }), "read-out 4 asks for neuron 7"),
        (sample(0.03f64.next_up()), "read-out 4 is a sample at 0.030000000000000002 s"),
        (sample(-1e-9), "read-out 4 is a sample at -0.000000001 s"),
        (sample(f64::NAN), "read-out 4 is a sample at NaN s"),
        (sample(f64::INFINITY), "read-out 4 is a sample at inf s"),
        (decay_rate(0.0), "read-out 4 is an average whose weight fades with 0 s"),
        (decay_rate(-1.0), "read-out 4 is an average whose weight fades with -1 s"),
        (decay_rate(f64::NAN), "read-out 4 is an average whose weight fades with NaN s"),
        (decay_rate(f64::from_bits(1)), "read-out 4 is an average whose weight fades with 0.0000"),
    ];
    let circuit = Circuit::new(&network, &parameters).unwrap();
    let layers = Layers::new(&network, &circuit).unwrap();
    let run = |stimulus: &Stimulus, readouts: &[ReadoutRequest]| {
        let options = Options { readouts, max_events: 1000 };
        let settings = Settings::default();
        let by_facade = spikegrad::simulate(&network, &parameters, stimulus, readouts, &settings);
        let (mut trace, mut workspace) = (Trace::default(), SweepWorkspace::default());
        let swept = sweep_into(&circuit, &layers, stimulus, options, &mut workspace, &mut trace);
        let by_events =
            simulate_into(&circuit, stimulus, options, &mut Workspace::default(), &mut trace);
        // As text, in which not a number is itself.
        let text = |error: Option<&SimulateError>| error.map(ToString::to_string);
        assert_eq!(text(by_facade.as_ref().err()), text(by_events.as_ref().err()));
        if let Err(error) = &by_events {
            assert_eq!(swept.unwrap_err().to_string(), error.to_string());
        }
        by_facade
    };
    assert_eq!(run(&stimulus, &good).unwrap().readouts.len(), good.len());
    for (request, text) in bad {
        let error = run(&stimulus, &[&good[..], &[request]].concat()).unwrap_err().to_string();
        assert!(error.starts_with(text), "{error}");
    }
    // An average over no time at all.
    let instant = Stimulus::new(0.0, vec![]).unwrap();
    let error = run(&instant, &good[..1]).unwrap_err();
    assert_eq!(error, SimulateError::NoTime { request: 0 });
    assert_eq!(run(&instant, &[sample(0.0)]).unwrap().readouts.len(), 1);
}

/// Zero.
#[derive(Debug)]
struct Nothing;

impl Loss for Nothing {
    fn evaluate_into(&self, _: &Observation<'_>, _: &mut Derivatives<'_>) -> f64 {
        0.0
    }
}

#[test]
fn what_is_empty_has_an_answer() {
    let bare = |sizes: &[usize], inputs: usize, connections: Vec<Connection>| {
        let populations = sizes.iter().enumerate();
        let populations = populations.map(|(k, &size)| population(&format!("p{k}"), size));
        Network::new(inputs, populations.collect(), connections).unwrap()
    };
    let networks = [
        bare(&[], 0, vec![]),
        bare(&[], 3, vec![]),
        bare(&[0], 0, vec![dense(Source::Input, 0), dense(Source::Population(0), 0)]),
        bare(&[2, 0, 3], 0, vec![dense(Source::Population(0), 1), dense(Source::Population(1), 2)]),
        bare(&[2], 0, vec![dense(Source::Input, 0)]),
    ];
    for network in &networks {
        let mut parameters = Parameters::new(network);
        for connection in &mut parameters.connections {
            connection.weights.fill(1.0);
        }
        for engine in [Engine::Automatic, Engine::EventLoop] {
            let settings = Settings { engine, max_events: 0, ..Settings::default() };
            let stimulus = Stimulus::new(0.0, vec![]).unwrap();
            let answer = value_and_grad(network, &parameters, &stimulus, &Nothing, &settings);
            assert!(answer.unwrap().gradient.parameters.to_vec().iter().all(|x| *x == 0.0));
            let batch = value_and_grad_batch(network, &parameters, &[], &settings, |_, _| ());
            assert_eq!(batch.unwrap().losses.len(), 0);
            assert_eq!(value_batch(network, &parameters, &[], &settings, |_, _| ()), Ok(vec![]));
        }
    }
}

#[test]
fn a_direction_that_does_not_fit_is_an_error() {
    let document = one_neuron(json!({}), &[9.0, 2.0], &[(0, 0.001)], 0.03);
    let Problem { network, parameters, stimulus, .. } = &problem(&document);
    let settings = Settings::default();
    let fits =
        Gradient { parameters: parameters.zeros_like(), input_times: vec![1.0], currents: vec![] };
    let (mut late, mut short, mut other, mut none) =
        (fits.clone(), fits.clone(), fits.clone(), fits.clone());
    late.input_times.push(0.0);
    short.parameters.connections[0].weights.pop();
    other.parameters.connections[0].delay = Values::Each(vec![0.0; 2]);
    none.parameters.populations.clear();
    let dual = spikegrad::SpikeTimeMse::new("out", vec![vec![0.01]]);
    let text = |direction: &Gradient| {
        let sample = Sample { stimulus, loss: &dual };
        let one = value_and_jvp(network, parameters, sample, direction, &settings).map(|_| ());
        let two = value_and_hvp(network, parameters, stimulus, &dual, direction, &settings);
        assert_eq!(one, two.map(|_| ()));
        one.err().map(|error| error.to_string()).unwrap_or_default()
    };
    assert_eq!(text(&fits), "");
    for (direction, expected) in [
        (late, "direction.input_times has 2 entries; it must have 1, one for each input spike"),
        (short, "direction.parameters.connections[0].weights has 1 entries; it must have 2"),
        (other, "direction.parameters.connections[0].delay has 2 entries; it must have 1"),
        (none, "direction.parameters.populations has 0 entries; it must have 1"),
    ] {
        assert!(text(&direction).starts_with(expected), "{}", text(&direction));
    }
}

#[test]
fn a_trace_of_another_network_has_no_gradient() {
    let run = |size: usize, inputs: usize| {
        let network =
            Network::new(inputs, vec![population("a", size)], vec![dense(Source::Input, 0)])
                .unwrap();
        let parameters = Parameters {
            populations: Parameters::new(&network).populations,
            connections: vec![ConnectionParameters {
                weights: vec![9.0; size * inputs],
                delay: Values::Shared(0.0),
            }],
        };
        let inputs = (0..inputs).map(|channel| InputSpike { channel, time: 0.001 }).collect();
        let stimulus = Stimulus::new(0.03, inputs).unwrap();
        let settings = Settings::default();
        let trace = spikegrad::simulate(&network, &parameters, &stimulus, &[], &settings).unwrap();
        (network, parameters, trace)
    };
    let (network, parameters, own) = run(2, 2);
    let differentiate = |trace: &Trace, cotangents: &Cotangents| {
        backward(&network, &parameters, trace, cotangents, Grazing::Fail).map(|_| ())
    };
    assert_eq!(differentiate(&own, &Cotangents::zeros(&own)), Ok(()));
    let (.., larger) = run(3, 2);
    let error = differentiate(&larger, &Cotangents::zeros(&larger)).unwrap_err();
    assert_eq!(error, AdjointError::ForeignNeuron { neuron: NeuronId(2), neurons: 2 });
    let (.., wider) = run(2, 3);
    let error = differentiate(&wider, &Cotangents::zeros(&wider)).unwrap_err();
    assert_eq!(error, AdjointError::ForeignChannel { channel: 2, inputs: 2 });
    let mut short = Cotangents::zeros(&own);
    short.spikes.pop();
    assert!(matches!(differentiate(&own, &short), Err(AdjointError::Cotangents { .. })));
}

#[test]
fn both_engines_spend_a_budget_at_the_same_instant() {
    for_all(layered_plan(), |plan, problem| {
        let Problem { network, parameters, stimulus, .. } = problem;
        let circuit = Circuit::new(network, parameters).unwrap();
        let layers = Layers::new(network, &circuit).unwrap();
        let mut workspace = SweepWorkspace::default();
        let mut run = |max_events: u64| {
            let options = Options { readouts: &[], max_events };
            let (mut by_events, mut swept) = (Trace::default(), Trace::default());
            let expected = simulate_into(
                &circuit,
                stimulus,
                options,
                &mut Workspace::default(),
                &mut by_events,
            );
            let found = sweep_forward_into(
                &circuit,
                &layers,
                stimulus,
                options,
                &mut workspace,
                &mut swept,
            );
            (expected, by_events, found, swept)
        };
        let (whole, trace, swept, _) = run(MAX_EVENTS);
        // What only the event loop decides is another statement's, but a budget that is spent is none of it.
        if swept == Err(SweepError::Irregular) {
            return Ok(3);
        }
        let all =
            if whole.is_ok() { trace.spikes.len() as u64 + trace.arrivals } else { MAX_EVENTS };
        let mut random = plan.random();
        let part = |random: &mut Random| random.below(usize::try_from(all).unwrap() + 1) as u64;
        let budgets = [0, 1, part(&mut random), part(&mut random), all.saturating_sub(1), all];
        for max_events in budgets {
            let (expected, by_events, found, swept) = run(max_events);
            match (expected, found) {
                (Ok(()), Ok(())) => prop_assert_eq!(by_events.arrivals, swept.arrivals),
                (
                    Err(SimulateError::EventBudget { time: a, t_end: end, .. }),
                    Err(SweepError::Simulate(SimulateError::EventBudget {
                        max_events: m,
                        time: b,
                        t_end,
                    })),
                ) => {
                    prop_assert_eq!((m, t_end.to_bits()), (max_events, end.to_bits()));
                    prop_assert!((a - b).abs() <= BUDGET_TIME * a, "{} {}", a, b);
                }
                (expected, found) => {
                    return Err(TestCaseError::fail(format!(
                        "{max_events}: {expected:?} {found:?}"
                    )));
                }
            }
        }
        Ok(trace.spikes.len())
    });
}

/// Times of the two engines, relative: those behind spikes with small slopes differ by more than a rounding.
const BUDGET_TIME: f64 = 1e-9;

#[test]
fn a_run_that_fires_on_and_on_is_done_once() {
    // The input of 302 bytes: a neuron that fires every 22 ms, for thirty years.
    let network = Network::new(0, vec![population("out", 1)], vec![]).unwrap();
    let mut parameters =
        Parameters { populations: Parameters::new(&network).populations, connections: vec![] };
    parameters.populations[0][lif::I_BIAS] = Values::Shared(1.5);
    let stimulus = Stimulus::new(1e9, vec![]).unwrap();
    let (circuit, max_events) = (Circuit::new(&network, &parameters).unwrap(), 10_000);
    let layers = Layers::new(&network, &circuit).unwrap();
    let options = Options { readouts: &[], max_events };
    let (mut trace, mut workspace) = (Trace::default(), SweepWorkspace::default());
    let swept = sweep_into(&circuit, &layers, &stimulus, options, &mut workspace, &mut trace);
    let settings = Settings { max_events, ..Settings::default() };
    let mut evaluator = Evaluator::new(&network, &parameters, settings).unwrap();
    let error = evaluator.simulate(&stimulus, &[]).unwrap_err();
    assert_eq!(swept, Err(SweepError::Simulate(error.clone())));
    // 10,001 intervals of tau_mem ln 3.
    let expected = 10_001.0 * 0.02 * 3f64.ln();
    let SimulateError::EventBudget { time, t_end: 1e9, max_events: 10_000 } = error else {
        panic!("{error}");
    };
    assert!((time / expected - 1.0).abs() < 1e-13, "{time} {expected}");
    // A layer behind it, and one beside it: nobody runs beyond the time at which all of them together have spent it.
    let populations = vec![population("out", 1), population("next", 2), population("beside", 1)];
    let network = Network::new(0, populations, vec![dense(Source::Population(0), 1)]).unwrap();
    let mut all = vec![parameters.populations[0].clone(); 3];
    all[2][lif::I_BIAS] = Values::Shared(30.0);
    let weights = vec![0.1, 0.2];
    let connections = vec![ConnectionParameters { weights, delay: Values::Shared(0.003) }];
    let parameters = Parameters { populations: all, connections };
    let errors = [Engine::Automatic, Engine::EventLoop].map(|engine| {
        let settings = Settings { engine, ..settings };
        let mut evaluator = Evaluator::new(&network, &parameters, settings).unwrap();
        let error = evaluator.simulate(&stimulus, &[]).unwrap_err();
        let SimulateError::EventBudget { time, .. } = error else { panic!("{error}") };
        time
    });
    assert!((errors[0] / errors[1] - 1.0).abs() < 1e-13 && errors[0] < 8.0, "{errors:?}");
}
