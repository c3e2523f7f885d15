//! A neuron of one's own: its equations are all that it takes to be differentiated, checked and trained beside leaky neurons.
#![expect(clippy::print_stdout, reason = "an example shows what it found")]

use spikegrad::dynamics::{Kind, Quantity, Table, Vector, math, vector};
use spikegrad::{Equations, Evaluator, General, InputSpike, Model, Network, Sample, Scalar};
use spikegrad::{Settings, Stimulus, TtfsCrossEntropy};
use spikegrad_compare::{Question, check_gradient};
use spikegrad_train::YinYang;

/// `dx/dt = x y/tau`: x grows at a rate to which arrivals add, and starts again at 0.1 when it has reached 1.
struct Growing;

impl Equations for Growing {
    const TABLE: Table = Table::new(
        "growing",
        "neuron that grows",
        &[Quantity::new("params.tau", "time constant", Kind::TimeConstant, 0.02)],
    );
    const DIMENSION: usize = 2;
    fn initial<T: Scalar>(_: &[T]) -> Vector<T> {
        vector([T::from(0.1), T::from(1.0)])
    }
    fn rate<T: Scalar>(p: &[T], [x, y, ..]: Vector<T>) -> Vector<T> {
        vector([x * y / p[0]])
    }
    fn flow<T: Scalar>(p: &[T], [x, y, ..]: Vector<T>, dt: T) -> Vector<T> {
        vector([x * (y * dt / p[0]).exp(), y])
    }
    fn receive<T: Scalar>(_: &[T], [x, y, ..]: Vector<T>, weight: T) -> Vector<T> {
        vector([x, y + weight])
    }
    fn reset<T: Scalar>(_: &[T], [_, y, ..]: Vector<T>) -> Vector<T> {
        vector([T::from(0.1), y])
    }
    fn next_spike(p: &[f64], [x, y, ..]: Vector<f64>) -> Option<f64> {
        (y > 0.0).then(|| -math::ln(x) * p[0] / y)
    }
}

static GROWING: General = General::of::<Growing>();

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let spread = |k: u32| (f64::from(k) * 0.618_033_988_75).fract() - 0.5;
    let (network, mut parameters) = Network::builder()
        .inputs(4)
        .population("hidden", Model::General(&GROWING), 40)
        .lif("output", 3)
        .dense("input", "hidden", (0..160).map(|k| 0.5 + 3.0 * spread(k)).collect())
        .dense("hidden", "output", (0..120).map(|k| 0.5 + 3.0 * spread(k)).collect())
        .build()?;
    let loss = |label| TtfsCrossEntropy {
        tau1: 0.03,
        alpha: 0.,
        ..TtfsCrossEntropy::new("output", label, 3e-3)
    };
    let (losses, data) = ([0, 1, 2].map(loss), YinYang::generate(1, 300));
    let spike = |(channel, x): (usize, &f64)| InputSpike { channel, time: 0.01 + 0.02 * x };
    let encode = |p: &[f64; 4]| Stimulus::new(0.06, p.iter().enumerate().map(spike).collect());
    let stimuli = data.points.iter().map(encode).collect::<Result<Vec<_>, _>>()?;
    let sample = |(stimulus, &k): (_, &usize)| Sample { stimulus, loss: &losses[k] };
    let samples: Vec<_> = stimuli.iter().zip(&data.labels).map(sample).collect();

    let (settings, Sample { stimulus, loss }) = (Settings::default(), samples[0]);
    let (network, at) = (&network, &parameters);
    let question = Question { network, parameters: at, stimulus, loss, settings };
    println!("{} derivatives checked", check_gradient(&question, 1e-6)?.agreement.compared());

    let mut evaluator = Evaluator::new(network, &parameters, settings)?;
    let mut gradient = parameters.zeros_like();
    for epoch in 1..=5 {
        let mut sum = 0.0;
        for batch in samples.chunks(20) {
            let values = evaluator.value_and_grad_batch(batch, &mut gradient, |_, _| ())?;
            sum += values.iter().map(|value| value.0).sum::<f64>();
            for (values, by) in parameters.connections.iter_mut().zip(&gradient.connections) {
                values.weights.iter_mut().zip(&by.weights).for_each(|(w, d)| *w -= 0.02 * d);
            }
            evaluator.set_parameters(&parameters)?;
        }
        println!("epoch {epoch}: loss {:.4}", sum / 300.0);
    }
    Ok(())
}
