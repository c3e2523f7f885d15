//! Read-outs that cannot be taken are errors that name them, in every engine.

use super::{AUTOMATIC, EVENT_LOOP, Reads, evaluate};
use crate::support::{one_neuron, problem};
use serde_json::json;
use spikegrad::problem::Problem;
use spikegrad::{
    Error, Evaluator, Gradient, Loss, Measure, NeuronId, ReadoutRequest, Sample, SimulateError,
    Stimulus, VoltageMse, simulate, value_and_jvp,
};

fn usual() -> Problem {
    problem(&one_neuron(json!({}), &[9.0], &[(0, 0.001)], 0.05))
}

/// What every way to a run says of these read-outs.
fn refused(problem: &Problem, requests: &[(u32, Measure)]) -> SimulateError {
    let Problem { network, parameters, stimulus, .. } = problem;
    let request = |&(neuron, measure): &(u32, Measure)| {
        (ReadoutRequest { neuron: NeuronId(neuron), measure }, 1.0)
    };
    let of_readouts: Vec<_> = requests.iter().map(request).collect();
    let readouts: Vec<_> = of_readouts.iter().map(|&(request, _)| request).collect();
    let loss = Reads { of_spikes: 0.0, of_readouts };
    let expected = simulate(network, parameters, stimulus, &readouts, &AUTOMATIC).unwrap_err();
    for settings in [AUTOMATIC, EVENT_LOOP] {
        let mut evaluator = Evaluator::new(network, parameters, settings).unwrap();
        assert!(is_same(&evaluator.simulate(stimulus, &readouts).unwrap_err(), &expected));
        let error = evaluate(problem, &loss, &settings).unwrap_err();
        assert!(matches!(&error, Error::Simulate(error) if is_same(error, &expected)), "{error}");
    }
    let direction = Gradient::zeros(parameters, stimulus);
    let sample = Sample { stimulus, loss: &loss };
    let error = value_and_jvp(network, parameters, sample, &direction, &AUTOMATIC).unwrap_err();
    assert!(matches!(&error, Error::Simulate(error) if is_same(error, &expected)), "{error}");
    expected
}

/// Whether two errors are one, with a number in them that may be none.
fn is_same(a: &SimulateError, b: &SimulateError) -> bool {
    format!("{a:?}") == format!("{b:?}")
}

#[test]
fn a_sample_outside_of_the_run_is_an_error() {
    for time in [0.05f64.next_up(), 1.0, -1e-3, f64::INFINITY, f64::NAN] {
        let first = (0, Measure::Sample { time: 0.01 });
        let error = refused(&usual(), &[first, (0, Measure::Sample { time })]);
        let SimulateError::SampleTime { request: 1, time: found, t_end: 0.05 } = error else {
            panic!("{error}");
        };
        assert_eq!(found.to_bits(), time.to_bits());
        assert!(error.to_string().contains("read-out 1") && error.to_string().contains("0.05 s"));
    }
    // The ends belong to the run.
    for time in [0.0, -0.0, 0.05] {
        let loss = Reads::one(0, Measure::Sample { time });
        evaluate(&usual(), &loss, &AUTOMATIC).unwrap();
    }
}

#[test]
fn a_loss_whose_sample_is_late_does_not_read_another_in_its_place() {
    let samples = vec![(0, 0.06, 0.0), (0, 0.01, 5.0)];
    let loss = VoltageMse { population: "out".into(), samples };
    let error = evaluate(&usual(), &loss, &AUTOMATIC).unwrap_err();
    assert!(matches!(error, Error::Simulate(SimulateError::SampleTime { request: 0, .. })));
}

#[test]
fn a_neuron_that_the_network_does_not_have_is_an_error() {
    for measure in [
        Measure::Sample { time: 0.01 },
        Measure::Maximum,
        Measure::Mean,
        Measure::Weighted { tau: 0.01 },
    ] {
        for neuron in [1, 1000, u32::MAX] {
            let error = refused(&usual(), &[(0, Measure::Maximum), (neuron, measure)]);
            let expected =
                SimulateError::ReadoutNeuron { request: 1, neuron: NeuronId(neuron), neurons: 1 };
            assert_eq!(error, expected);
        }
    }
}

#[test]
fn a_weight_that_cannot_fade_is_an_error() {
    // The inverse of the last is infinite.
    for tau in [0.0, -0.01, f64::NAN, 1e-320] {
        let error = refused(&usual(), &[(0, Measure::Weighted { tau })]);
        assert!(matches!(error, SimulateError::Fading { request: 0, .. }), "{error}");
    }
    for tau in [1e-300, 1e300, f64::INFINITY] {
        let loss = Reads::one(0, Measure::Weighted { tau });
        evaluate(&usual(), &loss, &AUTOMATIC).unwrap();
    }
}

#[test]
fn an_average_over_no_time_is_an_error() {
    let mut problem = usual();
    problem.stimulus = Stimulus::new(0.0, problem.stimulus.spikes().to_vec()).unwrap();
    for measure in [Measure::Mean, Measure::Weighted { tau: 0.01 }] {
        let error = refused(&problem, &[(0, measure)]);
        assert_eq!(error, SimulateError::NoTime { request: 0 });
    }
    let loss: &dyn Loss = &Reads::one(0, Measure::Maximum);
    evaluate(&problem, loss, &AUTOMATIC).unwrap();
}
