//! The time-stepped network against the event-driven engine: its spike times converge, and its losses are the same functions.
//!
//! Not here: its gradients, which are proven on soft spikes in `spikegrad_compare`.

use crate::support::random;
use crate::tolerance::{FIRST_ORDER, GRID_LOSS};
use spikegrad::{
    Connection, ConnectionParameters, InputSpike, Loss, MaxVoltageCrossEntropy,
    MeanVoltageCrossEntropy, Measure, Model, Network, NeuronId, Parameters, Place, Population,
    Readout, ReadoutRequest, Settings, ShapedVoltageCrossEntropy, Source, Spike, Stimulus,
    Synapses, Trace, TtfsCrossEntropy, Values, VanRossum, simulate,
};
use spikegrad_compare::time_stepped::{
    self as stepped, GridLoss, Height, Run, Shape, SteppedNetwork, SteppedSettings, Surrogate,
    Threshold, View,
};

/// Inputs to eight neurons, those to four, and three integrators; random weights and delays.
fn network() -> (Network, Parameters, Stimulus) {
    let mut random = random(5);
    let population = |name: &str, size, model| Population { name: name.into(), size, model };
    let populations = vec![
        population("hidden", 8, Model::Lif),
        population("out", 4, Model::Lif),
        population("read", 3, Model::Li),
    ];
    let dense = |from, to| Connection::new(from, to, Synapses::Dense);
    let connections = vec![
        dense(Source::Input, 0),
        dense(Source::Population(0), 1),
        dense(Source::Population(1), 2),
    ];
    let network = Network::new(6, populations, connections).unwrap();
    let connections = [2.0, 0.9, 0.5].into_iter().enumerate().map(|(k, mean)| {
        let mut each = |low: f64, high: f64| -> Vec<f64> {
            (0..network.synapse_count(k)).map(|_| low + (high - low) * random.unit()).collect()
        };
        let weights = each(0.0, 2.0 * mean);
        ConnectionParameters { weights, delay: Values::Each(each(0.0, 0.003)) }
    });
    let connections = connections.collect();
    let parameters = Parameters { populations: Parameters::new(&network).populations, connections };
    let spikes = (0..24).map(|k| InputSpike { channel: k % 6, time: 0.03 * random.unit() });
    let stimulus = Stimulus::new(0.05, spikes.collect()).unwrap();
    (network, parameters, stimulus)
}

fn settings(dt: f64) -> SteppedSettings {
    let surrogate = Surrogate { shape: Shape::SuperSpike, beta: 10.0, height: Height::One };
    SteppedSettings::new(dt, surrogate)
}

fn on_grid(network: &Network, parameters: &Parameters, stimulus: &Stimulus, dt: f64) -> Run {
    let stepped = SteppedNetwork::new(network, parameters, settings(dt)).unwrap();
    let mut run = Run::default();
    stepped.run(stimulus, &mut Threshold, &mut run).unwrap();
    run
}

#[test]
fn spike_times_on_a_grid_converge_to_the_event_driven_ones_in_first_order() {
    let (network, parameters, stimulus) = network();
    let trace = simulate(&network, &parameters, &stimulus, &[], &Settings::default()).unwrap();
    assert!(trace.spikes.len() > 50, "{} spikes", trace.spikes.len());
    let mut points = Vec::new();
    for halvings in 0..7 {
        let dt = 1e-5 / f64::from(1 << halvings);
        let run = on_grid(&network, &parameters, &stimulus, dt);
        let mut sum = 0.0;
        for neuron in 0..12 {
            let times: Vec<f64> = trace.spike_times(NeuronId::new(neuron)).collect();
            let grid: Vec<f64> = run.spike_times(neuron).collect();
            assert_eq!(times.len(), grid.len(), "neuron {neuron} at a step of {dt}");
            sum += times.iter().zip(&grid).map(|(a, b)| (a - b).abs()).sum::<f64>();
        }
        points.push((dt.ln(), sum.ln()));
    }
    // The slope of a line through the logarithms, by least squares.
    let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / 7.0;
    let (x, y) = (mean(|p| p.0), mean(|p| p.1));
    let (mut over, mut under) = (0.0, 0.0);
    for point in &points {
        over += (point.0 - x) * (point.1 - y);
        under += (point.0 - x) * (point.0 - x);
    }
    let slope = over / under;
    println!("slope {slope:.3} over {} spikes", trace.spikes.len());
    assert!((slope - 1.0).abs() < FIRST_ORDER, "slope {slope}");
}

/// The trace that an event-driven run with these spikes would leave; what is read is read at grid points.
fn trace_of(run: &Run, stimulus: &Stimulus, readouts: &[(ReadoutRequest, f64)]) -> Trace {
    let spikes = (0..=run.steps()).flat_map(|step| {
        run.emitted(step).map(move |(neuron, _)| Spike {
            time: run.time(step),
            time_remainder: 0.0,
            neuron: NeuronId::new(neuron),
            round: 0,
            slope: 1.0,
            release_rate: 0.0,
            tangent: Default::default(),
        })
    });
    let readouts = readouts.iter().map(|&(request, value)| Readout {
        request,
        time: 0.0,
        time_remainder: 0.0,
        value,
        place: Place::Free,
        rival: None,
        tangent: Default::default(),
    });
    Trace {
        stimulus: stimulus.clone(),
        spikes: spikes.collect(),
        readouts: readouts.collect(),
        ..Trace::default()
    }
}

#[test]
fn losses_on_a_grid_are_the_event_driven_ones_of_the_same_events() {
    let (network, parameters, stimulus) = network();
    let run = &on_grid(&network, &parameters, &stimulus, 2e-4);
    let value = |loss: &dyn GridLoss| {
        loss.check(&network).unwrap();
        let view = View::new(run, loss.neurons(&network));
        loss.evaluate(&view, &mut stepped::Cotangents::default())
    };
    let neurons: Vec<usize> = network.range(2).collect();
    let potentials = |k: usize| (0..=run.steps()).map(move |step| run.membrane(step, k));
    let request = |k: usize, measure| ReadoutRequest { neuron: NeuronId::new(k), measure };
    let maxima: Vec<_> = neurons
        .iter()
        .map(|&k| (request(k, Measure::Maximum), potentials(k).fold(0.0, f64::max)))
        .collect();
    let means: Vec<_> = neurons
        .iter()
        .map(|&k| {
            let ends = 0.5 * (run.membrane(0, k) + run.membrane(run.steps(), k));
            let steps = f64::from(u32::try_from(run.steps()).unwrap());
            (request(k, Measure::Mean), (potentials(k).sum::<f64>() - ends) / steps)
        })
        .collect();
    let (tau, scale, end) = (0.008, 0.2, stimulus.t_end());
    let faded: Vec<_> = neurons
        .iter()
        .map(|&k| {
            // The trapezoidal rule, panel by panel.
            let weighted: Vec<f64> = potentials(k)
                .zip(0_u32..)
                .map(|(v, step)| (-f64::from(step) * run.dt() / tau).exp() * v)
                .collect();
            let panels = weighted.windows(2).map(|ends| 0.5 * (ends[0] + ends[1]) * run.dt());
            (request(k, Measure::Weighted { tau }), panels.sum::<f64>() / end)
        })
        .collect();
    let of_trace = |loss: &dyn Loss, readouts: &[(ReadoutRequest, f64)]| {
        loss.evaluate(&network, &trace_of(run, &stimulus, readouts)).unwrap().0
    };
    let spiking = || "out".to_owned();
    let (read, label) = (|| "read".to_owned(), 1);
    let targets = vec![vec![0.01, 0.002], vec![], vec![0.02], vec![0.06]];
    let first = TtfsCrossEntropy {
        tau1: 0.0064,
        alpha: 0.01,
        ..TtfsCrossEntropy::new(spiking(), 2, 0.002)
    };
    let train = VanRossum { population: spiking(), targets, tau: 0.005 };
    let of_maxima = MaxVoltageCrossEntropy { population: read(), label };
    let of_means = MeanVoltageCrossEntropy { population: read(), label };
    let of_decaying = ShapedVoltageCrossEntropy { population: read(), label, tau, scale };
    let pairs = [
        (value(&of_decaying), of_trace(&of_decaying, &faded)),
        (value(&first), of_trace(&first, &[])),
        (value(&train), of_trace(&train, &[])),
        (value(&of_maxima), of_trace(&of_maxima, &maxima)),
        (value(&of_means), of_trace(&of_means, &means)),
    ];
    for (k, (grid, event)) in pairs.into_iter().enumerate() {
        assert!(event.abs() > 1e-3, "loss {k} says nothing: {event}");
        assert!((grid / event - 1.0).abs() < GRID_LOSS, "loss {k}: {grid} {event}");
    }
}
