//! Convolutions and averages over windows: against what a direct convolution says of the drive, and against dense copies with a weight of zero where there is
//! no synapse.
//!
//! Not here: shared weights on random networks (`properties/tied.rs`), which synapses windows have (`spikegrad-network`).

use crate::support::Random;
use crate::tolerance::AGREEMENT;
use spikegrad::{
    AnyLoss, AvgPool2d, Conv2d, Engine, InputSpike, Measure, Network, NeuronId, Parameters,
    ReadoutRequest, Settings, Stimulus, Sum, Trace, TtfsCrossEntropy, VoltageMse, explain,
    simulate, value_and_grad,
};

fn draw(count: usize, low: f64, high: f64, random: &mut Random) -> Vec<f64> {
    (0..count).map(|_| low + (high - low) * random.unit()).collect()
}

/// Roundings of a few dozen products and of one exponential on either side.
const DRIVE: f64 = 1e-14;

/// The convolution of an image, by its definition.
fn convolved(conv: &Conv2d, image: &[f64], kernels: &[f64]) -> Vec<f64> {
    let Conv2d { input_shape: [channels, height, width], kernel_size, stride, padding, .. } = *conv;
    let [out_channels, out_height, out_width] = conv.output_shape().unwrap();
    let signed = |x: usize| i64::try_from(x).unwrap();
    let pixel = |channel: usize, y: i64, x: i64| {
        let is_inside = (0..signed(height)).contains(&y) && (0..signed(width)).contains(&x);
        let at = || (signed(channel * height) + y) * signed(width) + x;
        if is_inside { image[usize::try_from(at()).unwrap()] } else { 0.0 }
    };
    let mut result = Vec::new();
    for out in 0..out_channels {
        for (y, x) in (0..out_height).flat_map(|y| (0..out_width).map(move |x| (y, x))) {
            let mut sum = 0.0;
            for channel in 0..channels {
                for (row, column) in
                    (0..kernel_size).flat_map(|r| (0..kernel_size).map(move |c| (r, c)))
                {
                    let kernel = ((out * channels + channel) * kernel_size + row) * kernel_size;
                    let y = signed(y * stride + row) - signed(padding);
                    let x = signed(x * stride + column) - signed(padding);
                    sum += kernels[kernel + column] * pixel(channel, y, x);
                }
            }
            result.push(sum);
        }
    }
    result
}

#[test]
fn integrators_are_driven_by_the_convolution_of_the_image() {
    let mut random = Random::new(1);
    for (input_shape, out_channels, kernel_size, stride, padding) in
        [([2, 5, 4], 3, 3, 1, 0), ([1, 6, 6], 2, 3, 2, 1), ([3, 3, 5], 1, 2, 1, 2)]
    {
        let conv = Conv2d { input_shape, out_channels, kernel_size, stride, padding };
        let kernels = draw(conv.weight_count(), -1.0, 1.0, &mut random);
        let inputs = input_shape.into_iter().product();
        let neurons = conv.output_shape().unwrap().into_iter().product();
        let (network, parameters) = Network::builder()
            .inputs(inputs)
            .li("features", neurons)
            .shared("input", "features", conv.synapses().unwrap(), kernels.clone())
            .build()
            .unwrap();
        let image: Vec<f64> =
            (0..inputs).map(|_| if random.below(2) == 0 { 0.0 } else { 1.0 }).collect();
        let spikes = (0..inputs).filter(|&k| image[k] > 0.0);
        let spikes = spikes.map(|channel| InputSpike { channel, time: 0.0 }).collect();
        let time = 0.007;
        let measure = Measure::Sample { time };
        let request = |n| ReadoutRequest { neuron: NeuronId::new(n), measure };
        let readouts: Vec<_> = (0..neurons).map(request).collect();
        let stimulus = Stimulus::new(0.01, spikes).unwrap();
        let trace =
            simulate(&network, &parameters, &stimulus, &readouts, &Settings::default()).unwrap();
        // A current of 1 that decays within 5 ms, seen through a membrane of 20 ms.
        let response = ((-time / 0.02f64).exp() - (-time / 0.005f64).exp()) / 3.0;
        let expected = convolved(&conv, &image, &kernels);
        assert_eq!(trace.readouts.len(), expected.len());
        for (readout, expected) in trace.readouts.iter().zip(expected) {
            let error = (readout.value - response * expected).abs();
            assert!(error <= DRIVE, "{} {}", readout.value, response * expected);
        }
    }
}

/// Images of 6 × 6, convolved to 3 × 4 × 4, averaged to 3 × 2 × 2, and read by two outputs; and the same with dense connections.
fn with_dense_copy() -> [(Network, Parameters); 2] {
    let mut random = Random::new(7);
    let conv =
        Conv2d { input_shape: [1, 6, 6], out_channels: 3, kernel_size: 3, stride: 1, padding: 0 };
    let pool = AvgPool2d { input_shape: [3, 4, 4], kernel_size: 2, stride: 2, padding: 0 };
    let kernels = draw(conv.weight_count(), -0.5, 4.0, &mut random);
    let average = vec![pool.weight(9.0)];
    let readout = draw(2 * 12, 0.5, 4.0, &mut random);
    let base = || Network::builder().inputs(36).lif("features", 48).lif("pooled", 12).lif("out", 2);
    let shared = base()
        .shared("input", "features", conv.synapses().unwrap(), kernels.clone())
        .delay(0.001)
        .shared("features", "pooled", pool.synapses().unwrap(), average.clone())
        .dense("pooled", "out", readout.clone());
    let dense = |synapses: Vec<(usize, usize, u32)>, weights: &[f64], n_pre: usize, n_post| {
        let mut matrix = vec![0.0; n_pre * n_post];
        for (pre, post, weight) in synapses {
            matrix[post * n_pre + pre] = weights[weight as usize];
        }
        matrix
    };
    let copy = base()
        .dense("input", "features", dense(conv.synapses().unwrap(), &kernels, 36, 48))
        .delay(0.001)
        .dense("features", "pooled", dense(pool.synapses().unwrap(), &average, 48, 12))
        .dense("pooled", "out", readout);
    [shared.build().unwrap(), copy.build().unwrap()]
}

fn times(trace: &Trace) -> Vec<(u32, f64)> {
    trace.spikes.iter().map(|spike| (spike.neuron.0, spike.time)).collect()
}

#[test]
fn a_convolution_is_its_dense_copy_in_both_engines() {
    let [(shared, own), (dense, copied)] = with_dense_copy();
    let mut random = Random::new(3);
    let spikes = (0..36).map(|channel| InputSpike { channel, time: 0.02 * random.unit() });
    let stimulus = Stimulus::new(0.06, spikes.collect()).unwrap();
    let first_spikes = AnyLoss::from(TtfsCrossEntropy::new("out", 1, 0.002));
    // A potential behind the convolution is read on the event loop.
    let samples = vec![(20, 0.03, 0.2)];
    let potentials = VoltageMse { population: "features".into(), samples }.into();
    let both = Sum::of([(1.0, first_spikes.clone()), (1.0, potentials)]).into();
    let why = explain(&shared, &own, &Settings::default()).unwrap();
    assert!(why.is_swept(), "{why}");
    let [conv, pool] = [0, 1].map(|k| shared.connections()[k].clone());
    let losses: [AnyLoss; 2] = [first_spikes, both];
    let engines = [Engine::EventLoop, Engine::Automatic];
    for (engine, loss) in engines.into_iter().flat_map(|e| losses.iter().map(move |l| (e, l))) {
        let settings = Settings { engine, ..Settings::default() };
        let found = value_and_grad(&shared, &own, &stimulus, loss, &settings).unwrap();
        assert!(found.trace.spikes.len() > 100, "{}", found.trace.spikes.len());
        let copy = value_and_grad(&dense, &copied, &stimulus, loss, &settings).unwrap();
        let (ours, theirs) = (times(&found.trace), times(&copy.trace));
        assert_eq!(ours.len(), theirs.len());
        for ((n, t), (m, s)) in ours.into_iter().zip(theirs) {
            assert!(n == m && (t / s - 1.0).abs() < AGREEMENT, "{n} {t} {m} {s}");
        }
        assert!((found.loss / copy.loss - 1.0).abs() < AGREEMENT);
        let (ours, theirs) = (&found.gradient.parameters, &copy.gradient.parameters);
        for (k, connection) in [(0, &conv), (1, &pool)] {
            let spikegrad::Synapses::Sparse(list) = &connection.synapses else { unreachable!() };
            let (n_pre, _) = shared.shape(k);
            let mut sums = vec![0.0; shared.weight_count(k)];
            for (s, synapse) in list.iter().enumerate() {
                let derivative = theirs.connections[k].weights[synapse.post * n_pre + synapse.pre];
                sums[connection.weight_of(s)] += derivative;
            }
            let largest = sums.iter().fold(0.0f64, |m, x| m.max(x.abs()));
            assert!(largest > 0.0);
            for (ours, sum) in ours.connections[k].weights.iter().zip(sums) {
                assert!((ours - sum).abs() <= AGREEMENT * largest, "{k}: {ours} {sum}");
            }
        }
    }
}

#[test]
fn a_run_with_too_many_events_ends_where_that_of_the_event_loop_does() {
    let [(network, parameters), _] = with_dense_copy();
    let mut random = Random::new(5);
    let spikes = (0..36).map(|channel| InputSpike { channel, time: 0.02 * random.unit() });
    let stimulus = Stimulus::new(0.06, spikes.collect()).unwrap();
    let run = |max_events, engine| {
        let settings = Settings { engine, max_events, ..Settings::default() };
        simulate(&network, &parameters, &stimulus, &[], &settings).map_err(|e| e.to_string())
    };
    let all = run(u64::MAX, Engine::EventLoop).unwrap();
    let count = all.arrivals + all.spikes.len() as u64;
    for share in 0..=8 {
        let max_events = count * share / 8;
        let [by_events, by_sweep] =
            [Engine::EventLoop, Engine::Automatic].map(|engine| run(max_events, engine).err());
        assert_eq!(by_events, by_sweep, "{max_events}");
        assert_eq!(by_sweep.is_some(), share < 8);
    }
}
