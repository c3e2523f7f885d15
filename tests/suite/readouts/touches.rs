//! Touches and slopes on which nothing depends: they are no obstacle to a gradient, and no certificate counts them as inexact.

use super::{AUTOMATIC, EVENT_LOOP, evaluate, flat};
use crate::support::problem;
use crate::tolerance::REORDERED;
use serde_json::{Value, json};
use spikegrad::adjoint::judge_touches;
use spikegrad::network::{Circuit, Touch};
use spikegrad::problem::Problem;
use spikegrad::{
    AdjointError, Derivatives, Error, Gradient, Grazing, Loss, MaxVoltageCrossEntropy,
    MeanVoltageCrossEntropy, NeuronId, Observation, RelativeSpikeTime, Sample, Settings,
    SpikeTimeMse, TtfsCrossEntropy, VanRossum, VoltageMse, simulate, value_and_grad, value_and_hvp,
    value_and_jvp,
};

/// When the potential of `touching` touches its threshold: `tau_mem` ln 2 after its input, with `tau_mem` = 2 `tau_syn`.
const TOUCH: f64 = 0.02 * std::f64::consts::LN_2;

/// A neuron that touches its threshold, unless its `input` is less than 4, and two that do not: the first spikes, the second would
/// hear the spike that is not there, over these synapses.
fn network(input: f64, synapses: Value) -> Problem {
    problem(&document(input, synapses))
}

fn document(input: f64, synapses: Value) -> Value {
    let touching = json!({"tau_mem": 0.02, "tau_syn": 0.01});
    let mut document = json!({
        "format": "spikegrad-problem", "version": 1,
        "network": {
            "inputs": 2,
            "populations": [
                {"name": "touching", "size": 1, "model": "lif", "params": touching},
                {"name": "out", "size": 2, "model": "lif"}
            ],
            "connections": [
                {"from": "input", "to": "touching", "weights": [[input, 0.0]]},
                {"from": "input", "to": "out", "weights": [[0.0, 20.0], [0.0, 2.0]]}
            ]
        },
        "stimulus": {"t_end": 0.05, "spikes": [[0, 0.0], [1, 0.001]]}
    });
    if !synapses.is_null() {
        let connection = json!({"from": "touching", "to": "out", "synapses": synapses});
        document["network"]["connections"].as_array_mut().unwrap().push(connection);
    }
    document
}

/// The target of the first neuron's spike, and these of the second.
fn targets(second: &[f64]) -> SpikeTimeMse {
    SpikeTimeMse::new("out", vec![vec![0.004], second.to_vec()])
}

fn is_grazing(error: &Error) -> bool {
    let expected = |time: f64| (time - TOUCH).abs() < 1e-15;
    matches!(error, Error::Adjoint(AdjointError::Grazing { neuron, time, slope })
        if neuron.id.index() == 0 && expected(*time) && *slope == 0.0)
}

/// Synapses to the second neuron.
fn to_second(weight: f64, delay: f64) -> Value {
    json!([{"pre": 0, "post": 1, "weight": weight, "delay": delay}])
}

/// A case: what it is, synapses from the neuron that touches, and what is read.
type Case = (&'static str, Value, Box<dyn Loss>);

/// Where a spike in place of the touch would change nothing.
fn cases_without_effect() -> Vec<Case> {
    let samples = vec![(0, 0.02, 1.0), (1, 0.01, 0.5)];
    let mean = MeanVoltageCrossEntropy { population: "out".into(), label: 0 };
    let sampled = VoltageMse { population: "out".into(), samples };
    vec![
        ("it is connected to nothing", Value::Null, Box::new(targets(&[0.01]))),
        ("nor to a potential that is read", Value::Null, Box::new(mean)),
        ("it would be heard by who is not read", to_second(3.0, 0.001), Box::new(targets(&[]))),
        ("it would be heard after the end", to_second(3.0, 0.04), Box::new(targets(&[0.01]))),
        ("it would be heard after the samples", to_second(3.0, 0.0), Box::new(sampled)),
    ]
}

/// Where a spike in place of the touch would, or might, change what is read.
fn cases_with_effect() -> Vec<Case> {
    let samples = vec![(1, 0.02, 0.5)];
    let ttfs = TtfsCrossEntropy { alpha: 0.1, ..TtfsCrossEntropy::new("touching", 0, 0.01) };
    let van_rossum =
        VanRossum { population: "touching".into(), targets: vec![vec![0.01]], tau: 0.01 };
    let maximum = || MaxVoltageCrossEntropy { population: "out".into(), label: 0 };
    vec![
        ("the second may spike", to_second(3.0, 0.001), Box::new(targets(&[0.01]))),
        ("a weight of 0 has a derivative", to_second(0.0, 0.001), Box::new(targets(&[0.01]))),
        (
            "a sample comes later",
            to_second(3.0, 0.001),
            Box::new(VoltageMse { population: "out".into(), samples }),
        ),
        ("a maximum may come later", to_second(3.0, 0.001), Box::new(maximum())),
        ("its first spike is read", Value::Null, Box::new(ttfs)),
        ("all its spikes are read", Value::Null, Box::new(van_rossum)),
        ("a loss of one's own reads we know not what", Value::Null, Box::new(FirstOfAll)),
    ]
}

/// The time of the first spike of all, by a loss that does not say what it reads.
#[derive(Debug)]
struct FirstOfAll;

impl Loss for FirstOfAll {
    fn evaluate_into(&self, run: &Observation<'_>, into: &mut Derivatives<'_>) -> f64 {
        into.spikes[0] = 1.0;
        run.spikes[0].time
    }
}

#[test]
fn a_touch_on_which_nothing_depends_is_no_obstacle_to_a_gradient() {
    for (name, synapses, loss) in cases_without_effect() {
        // A little less input, and there is no touch; all that is read stays.
        let [at, below] = [4.0, 3.999].map(|input| network(input, synapses.clone()));
        for grazing in [Grazing::Fail, Grazing::Zero, Grazing::Floor(1.0)] {
            for settings in [AUTOMATIC, EVENT_LOOP] {
                let settings = Settings { grazing, ..settings };
                let found = evaluate(&at, &*loss, &settings);
                let found = found.unwrap_or_else(|error| panic!("{name}: {error}"));
                let certificate = &found.certificate;
                assert_eq!((certificate.touches, certificate.inexact), (1, 0), "{name}");
                let expected = evaluate(&below, &*loss, &settings).unwrap();
                assert_eq!(expected.certificate.touches, 0, "{name}");
                let (got, expected) = (flat(&found.gradient), flat(&expected.gradient));
                let largest = expected.iter().fold(0.0f64, |a, x| a.max(x.abs()));
                for (got, expected) in got.iter().zip(&expected) {
                    assert!((got - expected).abs() <= REORDERED * largest, "{name}");
                }
            }
        }
    }
}

#[test]
fn a_touch_on_which_something_may_depend_has_no_gradient() {
    for (name, synapses, loss) in cases_with_effect() {
        let at = network(4.0, synapses);
        for settings in [AUTOMATIC, EVENT_LOOP] {
            assert!(is_grazing(&evaluate(&at, &*loss, &settings).unwrap_err()), "{name}");
            for grazing in [Grazing::Zero, Grazing::Floor(1.0)] {
                let found = evaluate(&at, &*loss, &Settings { grazing, ..settings }).unwrap();
                assert_eq!(found.certificate.inexact, 1, "{name}");
            }
        }
    }
}

#[test]
fn what_is_carried_forward_or_twice_asks_the_same_of_a_touch() {
    let ask = |synapses: &Value, second: &[f64]| {
        let mut document = document(4.0, synapses.clone());
        // Numbers with a derivative feel an arrival of weight 0, be it a rounding, by which the potential would miss its threshold.
        let touching = json!([{"pre": 0, "post": 0, "weight": 4.0}]);
        document["network"]["connections"][0] =
            json!({"from": "input", "to": "touching", "synapses": touching});
        let Problem { network, parameters, stimulus, .. } = problem(&document);
        let direction = Gradient {
            parameters: parameters.zeros_like(),
            input_times: vec![0.0, 1.0],
            currents: vec![],
        };
        let loss = targets(second);
        let sample = Sample { stimulus: &stimulus, loss: &loss };
        let settings = Settings::default();
        let forward = value_and_jvp(&network, &parameters, sample, &direction, &settings);
        let twice = value_and_hvp(&network, &parameters, &stimulus, &loss, &direction, &settings);
        (forward.map(drop), twice.map(drop))
    };
    let (forward, twice) = ask(&to_second(3.0, 0.001), &[]);
    assert!(forward.is_ok() && twice.is_ok());
    let (forward, twice) = ask(&to_second(3.0, 0.001), &[0.01]);
    assert!(is_grazing(&forward.unwrap_err()) && is_grazing(&twice.unwrap_err()));
}

#[test]
fn a_loss_reads_so_many_spikes_of_a_neuron_and_a_touch_after_them_has_no_effect() {
    // A touch is put where there is none: what matters is when, and whose it is.
    let Problem { network, parameters, stimulus, .. } = network(3.0, json!([]));
    let circuit = Circuit::new(&network, &parameters).unwrap();
    let run = simulate(&network, &parameters, &stimulus, &[], &Settings::default()).unwrap();
    let spikes: Vec<f64> = run.spike_times(NeuronId(1)).collect();
    let [first, second, ..] = spikes[..] else { panic!("two spikes") };
    let matters = |loss: &dyn Loss, neuron: u32, time: f64| {
        let mut trace = run.clone();
        trace.touches.push(Touch { neuron: NeuronId(neuron), time });
        let (_, mut cotangents) = loss.evaluate(&network, &trace).unwrap();
        judge_touches(&network, &circuit, &trace, loss, &mut cotangents);
        cotangents.touch_matters(0)
    };
    let ttfs = TtfsCrossEntropy::new("out", 0, 0.01);
    let relative = RelativeSpikeTime { population: "out".into(), label: 0, margin: 0.001 };
    for loss in [&ttfs as &dyn Loss, &relative] {
        assert!(matters(loss, 1, 0.5 * first) && !matters(loss, 1, 0.5 * (first + second)));
        // Neuron 2 is silent, and its first spike is still to come.
        assert!(matters(loss, 2, 0.04) && !matters(loss, 0, 0.0));
    }
    let two = SpikeTimeMse::new("out", vec![vec![0.0, 0.0], vec![]]);
    assert!(matters(&two, 1, 0.5 * (first + second)) && !matters(&two, 1, second + 1e-6));
    assert!(!matters(&two, 2, 0.0));
    let van_rossum =
        VanRossum { population: "out".into(), targets: vec![vec![], vec![]], tau: 0.01 };
    assert!(matters(&van_rossum, 1, 0.049) && matters(&van_rossum, 2, 0.049));
}

#[test]
fn only_slopes_that_are_divided_by_count_as_inexact() {
    // Every slope is below the floor.
    let Problem { network, parameters, stimulus, .. } = network(8.0, Value::Null);
    for settings in [AUTOMATIC, EVENT_LOOP] {
        let settings = Settings { grazing: Grazing::Floor(1e9), ..settings };
        let count = |loss: &dyn Loss| {
            let found = value_and_grad(&network, &parameters, &stimulus, loss, &settings).unwrap();
            let own = found.trace.spike_times(NeuronId(1)).count();
            assert!(own > 1 && found.trace.spikes.len() > own);
            (found.certificate.inexact, own)
        };
        let (inexact, _) = count(&targets(&[]));
        assert_eq!(inexact, 1, "the first spike, and what it depends on");
        let many = SpikeTimeMse::new("out", vec![vec![0.0; 100], vec![]]);
        let (inexact, own) = count(&many);
        assert_eq!(inexact, own);
        let none = SpikeTimeMse::new("out", vec![vec![], vec![]]);
        assert_eq!(count(&none).0, 0);
    }
}
