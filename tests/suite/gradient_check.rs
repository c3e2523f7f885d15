//! The check that users run in their own tests: it passes what is right, names what is wrong, and counts what it cannot say.

use crate::random_networks::{MAX_EVENTS, any_plan, for_all, runaway};
use crate::support::{SpikeTime, one_neuron, problem};
use crate::tolerance::DIFFERENCE;
use proptest::test_runner::TestCaseError;
use serde_json::{Value, json};
use spikegrad::problem::Problem;
use spikegrad::{Derivatives, Loss, Observation, Settings};
use spikegrad_compare::{
    Answer, CompareError, Difference, Engine, Exact, FiniteDifferences, ForwardPropagation,
    Question, Saltation, check_engine, check_gradient,
};
use std::cell::Cell;
use std::collections::BTreeSet;

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
    fn evaluate_into(&self, run: &Observation<'_>, into: &mut Derivatives<'_>) -> f64 {
        into.spikes[0] = self.cotangent;
        run.spikes[0].time
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
        match check_gradient(&question(problem, &loss), DIFFERENCE) {
            Ok(report) => checked.set(checked.get() + report.agreement.compared()),
            Err(CompareError::Evaluation(error)) => return Err(runaway(error)),
            Err(error) => return Err(TestCaseError::fail(error.to_string())),
        }
        Ok(spikes)
    });
    println!("{} entries compared", checked.get());
    assert!(checked.get() > 1000);
}

/// Two layers that spike, with delays and parameters of every form, and integrators behind them. Neuron 2 of `out` is silent.
fn layers() -> Value {
    json!({
        "format": "spikegrad-problem", "version": 1,
        "network": {
            "inputs": 2,
            "populations": [
                {"name": "hidden", "size": 3, "model": "lif",
                 "params": {"tau_mem": [0.012, 0.02, 0.01], "v_th": [1, 0.9, 1.1], "t_ref": 0.002}},
                {"name": "out", "size": 3, "model": "lif", "params": {"tau_syn": [0.005, 0.004, 0.006], "i_bias": 0.1}},
                {"name": "readout", "size": 3, "model": "li", "initial": {"v": [0.1, -0.2, 0], "i": 0.3}}
            ],
            "connections": [
                {"from": "input", "to": "hidden", "weights": [[9, 11], [14, 8], [10, 13]], "delay": 0.001},
                {"from": "hidden", "to": "out", "weights": [[8, 9, 4], [9, 6, 7], [-1, -2, -1]],
                 "delay": [[0.001, 0.002, 0.0015], [0.0011, 0.0012, 0.0013], [0.001, 0.001, 0.001]]},
                {"from": "hidden", "to": "readout", "weights": [[1, -2, 0.5], [-1, 1, 2], [0.3, 0.7, -1]], "delay": 0.0005}
            ]
        },
        "stimulus": {"t_end": 0.06, "spikes": [[0, 0.002], [1, 0.0033], [0, 0.021], [1, 0.0247]]}
    })
}

/// Every loss of the problem file, each so that something about it is special: silent neurons, spikes that are missing or too many.
fn every_loss() -> Vec<Value> {
    let targets = json!([[0.007, 0.02], [0.01, 0.012, 0.013, 0.05], [0.03]]);
    let of = |kind: &str, population: &str, label: u32| json!({"type": kind, "population": population, "label": label});
    let with = |mut loss: Value, more: Value| {
        loss.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        loss
    };
    let rates = json!({"type": "rate_regulariser", "population": "out", "lower": 90, "upper": 110, "tau": 0.01});
    let maxima = json!({"type": "voltage_regulariser", "population": "readout", "measure": "maximum", "lower": 0.9});
    let means = json!({"type": "voltage_regulariser", "population": "out", "measure": "mean", "lower": 0.3, "upper": 0.3});
    let terms = [(1e-4, &rates), (2.0, &maxima), (-0.5, &means)]
        .map(|(weight, loss)| json!({"weight": weight, "loss": loss}));
    let mut all = vec![
        json!({"type": "sum", "terms": terms}),
        rates,
        maxima,
        means,
        json!({"type": "spike_time_mse", "population": "out", "targets": targets}),
        json!({"type": "van_rossum", "population": "out", "targets": targets, "tau": 0.004}),
        json!({"type": "voltage_mse", "population": "readout",
               "samples": [[0, 0.0101, 0.4], [2, 0.03, -0.2], [0, 0.0453, 0], [1, 0.06, 0.1]]}),
    ];
    for label in 0..3 {
        let ttfs = of("ttfs_cross_entropy", "out", label);
        all.push(with(ttfs.clone(), json!({"tau0": 0.004})));
        all.push(with(ttfs, json!({"tau0": 0.0007, "tau1": 0.02, "alpha": 0.3})));
        all.push(with(of("relative_spike_time", "out", label), json!({"margin": 0.003})));
        all.push(of("max_voltage_cross_entropy", "readout", label));
        all.push(of("mean_voltage_cross_entropy", "readout", label));
        let shaped = of("shaped_voltage_cross_entropy", "readout", label);
        all.push(with(shaped, json!({"tau": 0.02, "scale": 0.05})));
    }
    all
}

#[test]
fn every_loss_of_the_library_passes() {
    let mut checked = BTreeSet::new();
    for loss in every_loss() {
        let mut document = layers();
        document["loss"] = loss.clone();
        let problem = problem(&document);
        let own = problem.document.loss.as_ref().unwrap();
        let report = check_gradient(&question(&problem, own), DIFFERENCE)
            .unwrap_or_else(|error| panic!("{loss}: {error}"));
        // A `t_ref` of 0 has no neighbour; a maximum at an arrival may have none of the same order of events.
        let (compared, missing) = (report.agreement.compared(), report.agreement.missing);
        assert!(compared > 2 * missing, "{loss}: {report}");
        checked.insert(loss["type"].as_str().unwrap().to_owned());
    }
    // The schema of the problem file knows which there are.
    let schema = spikegrad::problem::schema();
    let kinds = schema.pointer("/$defs/AnyLoss/oneOf").and_then(Value::as_array).unwrap();
    let kinds = kinds.iter().map(|kind| kind.pointer("/properties/type/const").unwrap());
    let kinds: BTreeSet<String> = kinds.map(|kind| kind.as_str().unwrap().to_owned()).collect();
    assert_eq!(checked, kinds);
}

/// Hard case A2: a weight of 4 at a ratio of 2 touches the threshold and does not cross it.
fn touching() -> Problem {
    problem(&one_neuron(json!({"tau_mem": 0.02, "tau_syn": 0.01}), &[4.0], &[(0, 0.001)], 0.05))
}

/// The number of spikes, which no small change can change.
#[derive(Debug)]
struct Count;

impl Loss for Count {
    fn evaluate_into(&self, run: &Observation<'_>, _: &mut Derivatives<'_>) -> f64 {
        f64::from(u32::try_from(run.spikes.len()).unwrap())
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
