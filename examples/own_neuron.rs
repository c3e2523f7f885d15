//! A neuron of one's own: its equations are all that it takes to be differentiated, checked and trained beside leaky neurons.
#![expect(clippy::print_stdout, reason = "an example shows what it found")]

use spikegrad::dynamics::{Kind, Quantity, Table, Vector, math, vector};
use spikegrad::{Equations, Evaluator, General, InputSpike, Model, Network, Sample, Scalar};
use spikegrad::{Settings, Stimulus, TtfsCrossEntropy};
use spikegrad_compare::{Question, check_gradient};
use spikegrad_train::YinYang;

/// `dx/dt = x (1 + y)/tau`: x grows, the faster the larger the current y, and starts again at 0.1 when it has reached 1.
struct Growing;

impl Equations for Growing {
    const TABLE: Table = Table::new(
        "growing",
        "neuron that grows",
        &[
            Quantity::new("params.tau", "time constant", Kind::TimeConstant, 0.02),
            Quantity::new("params.tau_syn", "synaptic time constant", Kind::TimeConstant, 0.005),
        ],
    );
    fn initial<T: Scalar>(_: &[T]) -> Vector<T> {
        vector([T::from(0.1)])
    }
    fn rate<T: Scalar>(p: &[T], [x, y, ..]: Vector<T>) -> Vector<T> {
        vector([x * (T::from(1.0) + y) / p[0], -y / p[1]])
    }
    fn flow<T: Scalar>(p: &[T], [x, y, ..]: Vector<T>, dt: T) -> Vector<T> {
        let growth = (dt - y * p[1] * (-dt / p[1]).exp_m1()) / p[0];
        vector([x * growth.exp(), y * (-dt / p[1]).exp()])
    }
    fn receive<T: Scalar>(_: &[T], [x, y, ..]: Vector<T>, weight: T) -> Vector<T> {
        vector([x, y + weight])
    }
    fn reset<T: Scalar>(_: &[T], [_, y, ..]: Vector<T>) -> Vector<T> {
        vector([T::from(0.1), y])
    }
    fn next_spike(p: &[f64], state: Vector<f64>) -> Option<f64> {
        // x falls at most once, and then grows for good: one crossing, bisected to the last double.
        let (mut low, mut high) = (0.0, p[1] * state[1].abs() - p[0] * math::ln(state[0]));
        while let middle = 0.5 * (low + high)
            && low < middle
            && middle < high
        {
            let is_below = Self::flow(p, state, middle)[0] < 1.0;
            *(if is_below { &mut low } else { &mut high }) = middle;
        }
        Some(high)
    }
}

static GROWING: General = General::of::<Growing>();

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let spread = |k: u32| (f64::from(k) * 0.618_033_988_75).fract() - 0.5;
    let (network, mut parameters) = Network::builder()
        .inputs(4)
        .population("hidden", Model::General(&GROWING), 40)
        .lif("output", 3)
        .dense("input", "hidden", (0..160).map(|k| 2.0 + 8.0 * spread(k)).collect())
        .dense("hidden", "output", (0..120).map(|k| 1.0 + 4.0 * spread(k)).collect())
        .build()?;
    let loss =
        |label| TtfsCrossEntropy { population: 1, label, tau0: 0.003, tau1: 0.03, alpha: 0.01 };
    let (losses, points) = ([0, 1, 2].map(loss), YinYang::generate(1, 1000));
    let encode = |point: &[f64; 4]| {
        let spikes = point.iter().enumerate();
        let spike = |(channel, x)| InputSpike { channel, time: 0.01 + 0.02 * x };
        Stimulus::new(0.06, spikes.map(spike).collect())
    };
    let stimuli = points.points.iter().map(encode).collect::<Result<Vec<_>, _>>()?;
    let samples = stimuli.iter().zip(&points.labels);
    let samples: Vec<_> =
        samples.map(|(stimulus, &k)| Sample { stimulus, loss: &losses[k] }).collect();

    let (settings, Sample { stimulus, loss }) = (Settings::default(), samples[0]);
    let question =
        Question { network: &network, parameters: &parameters, stimulus, loss, settings };
    println!(
        "{} derivatives agree with differences",
        check_gradient(&question, 1e-6)?.agreement.compared()
    );

    let mut evaluator = Evaluator::new(&network, &parameters, settings)?;
    let mut gradient = parameters.zeros_like();
    for epoch in 1..=5 {
        let mut sum = 0.0;
        for batch in samples.chunks(20) {
            let values = evaluator.value_and_grad_batch(batch, &mut gradient, |_, _| ())?;
            sum += values.iter().map(|(value, ())| value).sum::<f64>();
            for (values, by) in parameters.connections.iter_mut().zip(&gradient.connections) {
                values.weights.iter_mut().zip(&by.weights).for_each(|(w, d)| *w -= 0.1 * d);
            }
            evaluator.set_parameters(&parameters)?;
        }
        println!("epoch {epoch}: loss {:.4}", sum / 1000.0);
    }
    Ok(())
}
