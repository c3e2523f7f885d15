//! The check that users run in their own tests: it passes what is right, names what is wrong, and counts what it cannot say.

use crate::random_networks::{MAX_EVENTS, any_plan, for_all, runaway};
use crate::support::{SpikeTime, one_neuron, problem};
use crate::tolerance::DIFFERENCE;
use proptest::test_runner::TestCaseError;
use serde_json::json;
use spikegrad::problem::Problem;
use spikegrad::{Cotangents, Loss, Network, Settings, Trace};
use spikegrad_compare::{
    Answer, CompareError, Difference, Engine, Exact, FiniteDifferences, ForwardPropagation,
    Question, Saltation, check_engine, check_gradient,
};
use std::cell::Cell;

fn question<'a>(problem: &'a Problem, loss: &'a dyn Loss) -> Question<'a> {
    let Problem { network, parameters, stimulus, .. } = problem;
    let settings = Settings { max_events: MAX_EVENTS, ..Settings::default() };
    Question { network, parameters, stimulus, loss, settings }
}

/// Two inputs, a delay, and a refractory time of zero.
fn two_inputs() -> Problem {
    let inputs = [(0, 0.001), (1, 0.004)];
    let mut document = one_neuron(json!({}), &[5.0, 4.0], &inputs, 0.03);
    document["network"]["connections"][0]["delay"] = json!(0.001);
    problem(&document)
}

/// The time of the first spike, with a cotangent of its own.
#[derive(Debug)]
struct FirstSpike {
    cotangent: f64,
}

impl Loss for FirstSpike {
    fn evaluate_into(&self, _: &Network, trace: &Trace, cotangents: &mut Cotangents) -> f64 {
        cotangents.spikes[0] = self.cotangent;
        trace.spikes[0].time
    }
}

#[test]
fn a_right_gradient_passes_and_what_has_no_neighbour_is_counted() {
    let problem = two_inputs();
    let loss = FirstSpike { cotangent: 1.0 };
    let report = check_gradient(&question(&problem, &loss), DIFFERENCE).unwrap();
    // Nine values of the population, two weights, a delay, two input times; t_ref = 0 has none below it.
    assert_eq!((report.agreement.compared(), report.agreement.missing), (13, 1));
    let place = "network.populations[0].params.t_ref (out)".to_owned();
    assert_eq!(report.refused, [(place, "a neighbour cannot be run")]);
    let text = report.to_string();
    assert!(text.starts_with("adjoint agrees with differences to 1e-7: 13 entries"), "{text}");
    assert!(text.contains("refused: 1 because a neighbour cannot be run"), "{text}");
}

#[test]
fn a_wrong_cotangent_is_named_with_its_entry() {
    let problem = two_inputs();
    let loss = FirstSpike { cotangent: 1.0 + 1e-6 };
    let error = check_gradient(&question(&problem, &loss), DIFFERENCE).unwrap_err();
    let CompareError::Disagrees(report) = &error else { panic!("{error}") };
    let worst = report.agreement.worst.as_ref().unwrap();
    assert!((worst.error - 1e-6).abs() < DIFFERENCE, "{worst}");
    assert!(error.to_string().contains(&worst.place), "{error}");
    assert!(error.to_string().contains("disagrees"), "{error}");
}

#[test]
fn an_answer_that_is_not_a_number_does_not_pass() {
    #[derive(Debug)]
    struct Broken;
    impl Engine for Broken {
        fn name(&self) -> &'static str {
            "broken"
        }
        fn answer(&self, question: &Question<'_>) -> Result<Answer, CompareError> {
            let mut answer = Exact.answer(question)?;
            answer.gradient.parameters.connections[0].weights[1] = Some(f64::NAN);
            Ok(answer)
        }
    }
    let problem = two_inputs();
    let loss = FirstSpike { cotangent: 1.0 };
    let error = check_engine(&Broken, &question(&problem, &loss), DIFFERENCE).unwrap_err();
    let CompareError::Disagrees(report) = &error else { panic!("{error}") };
    assert!(report.agreement.worst.as_ref().unwrap().place.contains("weights[0][1]"), "{report}");
}

#[test]
fn the_losses_of_the_library_pass_on_random_networks() {
    // Each takes a dozen runs for each of its numbers: one plan in ten.
    let checked = Cell::new(0);
    for_all(any_plan(), |plan, problem| {
        let spikes = 3;
        if plan.seed % 10 != 0 {
            return Ok(spikes);
        }
        let loss = plan.loss(problem);
        match check_gradient(&question(problem, &*loss), DIFFERENCE) {
            Ok(report) => checked.set(checked.get() + report.agreement.compared()),
            Err(CompareError::Evaluation(error)) => return Err(runaway(error)),
            Err(error) => return Err(TestCaseError::fail(error.to_string())),
        }
        Ok(spikes)
    });
    println!("{} entries compared", checked.get());
    assert!(checked.get() > 1000);
}

/// Hard case A2: a weight of 4 at a ratio of 2 touches the threshold and does not cross it.
fn touching() -> Problem {
    problem(&one_neuron(json!({"tau_mem": 0.02, "tau_syn": 0.01}), &[4.0], &[(0, 0.001)], 0.05))
}

/// The number of spikes, which no small change can change.
#[derive(Debug)]
struct Count;

impl Loss for Count {
    fn evaluate_into(&self, _: &Network, trace: &Trace, _: &mut Cotangents) -> f64 {
        f64::from(u32::try_from(trace.spikes.len()).unwrap())
    }
}

#[test]
fn at_a_touch_no_engine_makes_up_a_derivative() {
    let problem = touching();
    let question = question(&problem, &Count);
    for engine in [&Exact as &dyn Engine, &ForwardPropagation, &Saltation] {
        let error = engine.answer(&question).unwrap_err();
        assert!(error.to_string().contains("threshold"), "{}: {error}", engine.name());
    }
    let differences = FiniteDifferences::default().differences(&question).unwrap();
    let weight = question.numbers().iter().position(|n| n.place.contains("weights")).unwrap();
    assert_eq!(differences.entries[weight], Difference::SignatureChanged);
}

#[test]
fn a_step_belongs_to_the_scale_of_a_number_and_not_to_its_size() {
    // An input at a nanosecond, and a weight of zero.
    let inputs = [(0, 1e-9), (1, 0.001)];
    let mut document = one_neuron(json!({}), &[9.0, 0.0], &inputs, 0.03);
    document["network"]["connections"][0]["delay"] = json!(0.001);
    let problem = problem(&document);
    let loss = SpikeTime { neuron: 0, ordinal: 0 };
    let question = question(&problem, &loss);
    let report = check_gradient(&question, DIFFERENCE).unwrap();
    assert!(report.agreement.worst.as_ref().unwrap().error < 1e-8, "{report}");
    let numbers = question.numbers();
    let refused = |place: &str| report.refused.iter().any(|(refused, _)| refused.contains(place));
    assert!(!refused("weights[0][1]"), "{report}");
    // Steps of a time constant times 2⁻¹⁵ and more do not fit below a nanosecond: refused, not made up.
    assert!(refused("stimulus.spikes[0]") && !refused("stimulus.spikes[1]"), "{report}");
    assert_eq!(numbers.last().map(|n| n.scale), Some(0.005));
}
