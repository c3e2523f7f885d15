//! A wish to end is heard in the midst of whatever is under way, at the first look after it is there, and leaves no trace in what is computed next.
//!
//! Not here: signals of an operating system, which are the caller's.

use crate::derivatives::direction;
use crate::support::problem;
use serde_json::json;
use spikegrad::problem::Problem;
use spikegrad::{
    Engine, Error, Evaluator, Interrupt, Sample, Settings, value_and_hvp, value_and_jvp,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Neurons that drive each other, long enough for many looks; layered, so that both engines run it.
fn busy() -> Problem {
    problem(&json!({
        "format": "spikegrad-problem", "version": 1,
        "network": {
            "inputs": 1,
            "populations": [{"name": "out", "size": 3, "model": "lif", "params": {"i_bias": [2.0, 3.0, 4.0], "t_ref": 0.001}}],
            "connections": [
                {"from": "input", "to": "out", "weights": [[5.0], [6.0], [7.0]]},
                {"from": "out", "to": "out", "weights": [[1.0, 1.0, 1.0], [1.0, 1.0, 1.0], [1.0, 1.0, 1.0]], "delay": 0.001},
            ]
        },
        "stimulus": {"t_end": 0.3, "spikes": [[0, 0.0], [0, 0.1]]},
        "loss": {"type": "max_voltage_cross_entropy", "population": "out", "label": 0}
    }))
}

/// Whatever can be computed, as numbers.
type Verb = fn(&Problem, Engine) -> Result<Vec<f64>, Error>;

fn settings(engine: Engine) -> Settings {
    Settings { engine, ..Settings::default() }
}

fn evaluator(of: &Problem, engine: Engine) -> Evaluator {
    Evaluator::new(&of.network, &of.parameters, settings(engine)).unwrap()
}

fn simulated(of: &Problem, engine: Engine) -> Result<Vec<f64>, Error> {
    let mut evaluator = evaluator(of, engine);
    let trace = evaluator.simulate_forward(&of.stimulus, &[])?;
    Ok(trace.spikes.iter().map(|spike| spike.time).collect())
}

fn differentiated(of: &Problem, engine: Engine) -> Result<Vec<f64>, Error> {
    let mut evaluator = evaluator(of, engine);
    let mut gradient = evaluator.zero_gradient(&of.parameters);
    let loss = of.document.loss.as_ref().unwrap();
    evaluator.value_and_grad(&of.stimulus, loss, &mut gradient)?;
    Ok(gradient.to_vec())
}

fn along(of: &Problem, engine: Engine) -> Result<Vec<f64>, Error> {
    let sample = Sample { stimulus: &of.stimulus, loss: of.document.loss.as_ref().unwrap() };
    let (along, settings) = (direction(of, 1), settings(engine));
    let found = value_and_jvp(&of.network, &of.parameters, sample, &along, &settings)?;
    Ok(vec![found.derivative])
}

fn curved(of: &Problem, engine: Engine) -> Result<Vec<f64>, Error> {
    let loss = of.document.loss.as_ref().unwrap();
    let (along, settings) = (direction(of, 1), settings(engine));
    let Problem { network, parameters, stimulus, .. } = of;
    let found = value_and_hvp(network, parameters, stimulus, loss, &along, &settings)?;
    Ok(found.product.to_vec())
}

/// The answer with a wish that comes at look `at`, counted from 0, and how many looks there were.
fn wished_at(
    at: usize,
    work: impl FnOnce() -> Result<Vec<f64>, Error>,
) -> (Result<Vec<f64>, Error>, usize) {
    let looks = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&looks);
    let interrupt = Interrupt::polling(move || counted.fetch_add(1, Ordering::Relaxed) >= at);
    let done = interrupt.scope(work);
    (done, looks.load(Ordering::Relaxed))
}

#[test]
fn everything_ends_at_the_first_look_after_a_wish() {
    // One look in 16 instants, and the neurons fire some hundred times: each verb looks often, and must end at each of its looks.
    const LEAST_LOOKS: usize = 10;
    let busy = busy();
    let verbs: [(&str, Verb); 4] =
        [("simulation", simulated), ("gradient", differentiated), ("jvp", along), ("hvp", curved)];
    for engine in [Engine::EventLoop, Engine::Automatic] {
        for (name, verb) in verbs {
            let expected = verb(&busy, engine).unwrap();
            let (undisturbed, all) = wished_at(usize::MAX, || verb(&busy, engine));
            assert_eq!(undisturbed, Ok(expected.clone()), "{name}, {engine:?}");
            assert!(all >= LEAST_LOOKS, "{name}, {engine:?}: {all} looks");
            for at in 0..all {
                let (done, looks) = wished_at(at, || verb(&busy, engine));
                assert_eq!(done, Err(Error::Interrupted), "{name}, {engine:?}, look {at} of {all}");
                // The sweep leaves it to the event loop to say so, which looks once more.
                assert!(looks <= at + 2, "{name}, {engine:?}: {looks} looks for a wish at {at}");
            }
            assert_eq!(verb(&busy, engine), Ok(expected), "{name}, {engine:?}");
        }
    }
}

#[test]
fn a_wish_reaches_all_threads_of_a_batch() {
    let busy = busy();
    let evaluator = evaluator(&busy, Engine::Automatic);
    let stimuli = vec![busy.stimulus.clone(); 40];
    let interrupt = Interrupt::default();
    interrupt.request();
    let failed = interrupt.scope(|| evaluator.run(&stimuli, &[])).unwrap_err();
    assert_eq!(failed.source, Error::Interrupted);
    interrupt.withdraw();
    let run = interrupt.scope(|| evaluator.run(&stimuli, &[])).unwrap();
    assert_eq!(run.traces().len(), stimuli.len());
}
