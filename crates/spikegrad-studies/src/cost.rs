//! What a gradient costs, in time and in memory, by each method, as a function of what drives the cost.
//!
//! Three sweeps of a network with one hidden layer: its width, its spikes, and the steps that a grid cuts the run into. The exact gradient and backpropagation
//! through time give the derivatives of all weights at once; forward propagation gives one direction a run, and a difference quotient one number for
//! at least four runs, so that a whole gradient costs as many times more as there are weights. Memory is what is kept of a run for the way back.
//! One core; times are medians of repeated gradients, warmed up. A call of forward propagation lays its network out anew, as there is no other; the rest
//! is laid out once.
//!
//! Not here: benchmarks that stand for the library's speed (`benches`).

use crate::drawing::{figure, line, logarithmic, table};
use crate::{Findings, Plan, Study, StudyError};
use serde::Serialize;
use serde_json::json;
use spikegrad::{
    Engine, Evaluator, MaxVoltageCrossEntropy, Network, Parameters, Sample, Settings, Stimulus,
    Trace, value_and_jvp,
};
use spikegrad_compare::time_stepped::{
    GridMemory, GridSample, Height, Shape, SteppedNetwork, SteppedSettings, SteppedSum, Surrogate,
    Threshold,
};
use spikegrad_report::plot::{Chart, Colours};
use spikegrad_report::{Page, Table};
use spikegrad_train::{Config, Run};
use std::time::{Duration, Instant};

/// Hidden neurons, factors of the input weights, and steps of the grid in s.
const WIDTHS: [usize; 6] = [32, 64, 128, 256, 512, 1024];
const DRIVES: [f64; 6] = [0.3, 0.6, 1.0, 2.0, 4.0, 8.0];
const STEPS: [f64; 5] = [1e-3, 3e-4, 1e-4, 3e-5, 1e-5];

/// What the other sweeps hold fixed: the usual step.
const WIDTH: usize = 128;
const DT: f64 = 1e-3;

/// Runs of a central difference with one extrapolation.
const RUNS_OF_A_QUOTIENT: f64 = 4.0;

#[derive(Serialize)]
struct Numbers {
    cases: Vec<Case>,
}

#[derive(Serialize)]
struct Case {
    sweep: Sweep,
    width: usize,
    drive: f64,
    dt: f64,
    weights: usize,
    spikes: usize,
    methods: Vec<Cost>,
}

/// What is varied.
#[derive(Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Sweep {
    Width,
    Spikes,
    Steps,
}

/// What a method costs.
#[derive(Clone, Copy, Serialize)]
struct Cost {
    method: &'static str,
    /// Of one pass, in s.
    seconds: f64,
    /// Of the derivatives of all weights, in s.
    gradient_seconds: f64,
    /// What a pass keeps for its way back, in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<usize>,
}

const EXACT: &str = "exact";
const FORWARD: &str = "forward propagation";
const DIFFERENCES: &str = "finite differences";
const BPTT: &str = "backpropagation through time";

pub(crate) fn run(plan: &Plan<'_>) -> Result<Findings, StudyError> {
    let widths = WIDTHS.iter().map(|&width| (Sweep::Width, width, 1.0, DT));
    let drives = DRIVES.iter().map(|&drive| (Sweep::Spikes, WIDTH, drive, DT));
    let steps = STEPS.iter().map(|&dt| (Sweep::Steps, WIDTH, 1.0, dt));
    let mut all: Vec<_> = widths.chain(drives).chain(steps).collect();
    if plan.quick {
        // The first two of each sweep.
        let mut kept = Vec::new();
        for sweep in [Sweep::Width, Sweep::Spikes, Sweep::Steps] {
            kept.extend(all.iter().filter(|case| case.0 == sweep).take(2));
        }
        all = kept;
    }
    let mut cases = Vec::new();
    for &(sweep, width, drive, dt) in &all {
        let what = format!("{width} neurons, weights × {drive}, steps of {dt} s");
        plan.tell(cases.len(), all.len(), &what)?;
        cases.push(case(plan, sweep, width, drive, dt)?);
    }
    plan.tell(all.len(), all.len(), "done")?;
    let numbers = Numbers { cases };
    let page = page(&numbers)?;
    Findings::new(Study::Cost, plan, &numbers, page)
}

fn case(
    plan: &Plan<'_>,
    sweep: Sweep,
    width: usize,
    drive: f64,
    dt: f64,
) -> Result<Case, StudyError> {
    let mut config =
        Config::built_in("yin-yang").ok_or(StudyError::NoConfiguration { name: "yin-yang" })?;
    let layers = json!([
        {"name": "hidden", "size": width, "model": "lif", "tau_mem": 0.02, "tau_syn": 0.005,
         "weights": {"mean": 1.5 * drive, "std": 0.78 * drive}},
        {"name": "output", "model": "li", "tau_mem": 0.02, "tau_syn": 0.005,
         "weights": {"mean": 0.1, "std": 0.4}},
    ]);
    config.set("seed", &plan.seed.to_string())?;
    config.set("layers", &layers.to_string())?;
    config.set("loss", r#"{"name": "max-voltage-cross-entropy"}"#)?;
    config.set("regularisers", "{}")?;
    let run = Run::new(&config, Settings::default())?;
    let classifier = run.classifier();
    let (network, parameters) = (classifier.network(), classifier.parameters());
    let stimulus = run.test_stimulus(0)?;
    let label = run.test().labels[0];
    let budget = Duration::from_millis(plan.pick(300, 5));

    let (exact, trace) = exact(network, parameters, &stimulus, label, budget)?;
    let weights = parameters.connections.iter().map(|c| c.weights.len()).sum();
    let [forward, differences] =
        one_at_a_time(network, parameters, &stimulus, label, (budget, weights))?;
    let bptt = bptt(network, parameters, &stimulus, label, (budget, dt))?;
    let methods = vec![exact, forward, differences, bptt];
    Ok(Case { sweep, width, drive, dt, weights, spikes: trace.spikes.len(), methods })
}

/// The name of the population that is read.
fn output(network: &Network) -> String {
    network.populations()[1].name.clone()
}

fn exact(
    network: &Network,
    parameters: &Parameters,
    stimulus: &Stimulus,
    label: usize,
    budget: Duration,
) -> Result<(Cost, Trace), StudyError> {
    let loss = MaxVoltageCrossEntropy { population: output(network), label };
    let mut evaluator =
        Evaluator::new(network, parameters, Settings::default()).map_err(spikegrad::Error::from)?;
    let mut gradient = evaluator.zero_gradient(parameters);
    let seconds = median(budget, || {
        Ok(evaluator.value_and_grad(stimulus, &loss, &mut gradient).map(drop)?)
    })?;
    let trace = evaluator.take_trace();
    let bytes = size_of_val(trace.stimulus.spikes())
        + size_of_val(&trace.spikes[..])
        + size_of_val(&trace.readouts[..]);
    let cost = Cost { method: EXACT, seconds, gradient_seconds: seconds, bytes: Some(bytes) };
    Ok((cost, trace))
}

/// Forward propagation and finite differences.
fn one_at_a_time(
    network: &Network,
    parameters: &Parameters,
    stimulus: &Stimulus,
    label: usize,
    (budget, weights): (Duration, usize),
) -> Result<[Cost; 2], StudyError> {
    #[expect(clippy::cast_precision_loss, reason = "far fewer weights than 2⁵³")]
    let weights = weights as f64;
    let loss = MaxVoltageCrossEntropy { population: output(network), label };
    let mut evaluator =
        Evaluator::new(network, parameters, Settings::default()).map_err(spikegrad::Error::from)?;
    let value = median(budget, || Ok(evaluator.value(stimulus, &loss).map(drop)?))?;
    let mut direction = evaluator.zero_gradient(parameters);
    direction.parameters.connections.iter_mut().flat_map(|c| &mut c.weights).for_each(|w| *w = 1.0);
    direction.input_times = vec![0.0; stimulus.spikes().len()];
    let sample = Sample { stimulus, loss: &loss };
    let settings = Settings { engine: Engine::EventLoop, ..Settings::default() };
    let forward = median(budget, || {
        Ok(value_and_jvp(network, parameters, sample, &direction, &settings).map(drop)?)
    })?;
    let seconds = RUNS_OF_A_QUOTIENT * value;
    let cost = |method, seconds: f64| Cost {
        method,
        seconds,
        gradient_seconds: seconds * weights,
        bytes: None,
    };
    Ok([cost(FORWARD, forward), cost(DIFFERENCES, seconds)])
}

fn bptt(
    network: &Network,
    parameters: &Parameters,
    stimulus: &Stimulus,
    label: usize,
    (budget, dt): (Duration, f64),
) -> Result<Cost, StudyError> {
    let surrogate = Surrogate { shape: Shape::SuperSpike, beta: 10.0, height: Height::One };
    let stepped = SteppedNetwork::new(network, parameters, SteppedSettings::new(dt, surrogate))?;
    let loss = MaxVoltageCrossEntropy { population: output(network), label };
    let sample = GridSample { stimulus, loss: &loss };
    let (mut memory, mut sum) = (GridMemory::default(), SteppedSum::new(&stepped));
    let seconds = median(budget, || {
        stepped.value_and_grad(&sample, &mut Threshold, &surrogate, &mut memory, &mut sum)?;
        Ok(())
    })?;
    let bytes = Some(memory.run().stored_bytes());
    Ok(Cost { method: BPTT, seconds, gradient_seconds: seconds, bytes })
}

/// Median of the times that `once` takes, called until the budget is used up.
fn median(
    budget: Duration,
    mut once: impl FnMut() -> Result<(), StudyError>,
) -> Result<f64, StudyError> {
    const FEWEST: usize = 5;
    once()?;
    let start = Instant::now();
    let mut times = Vec::new();
    while times.len() < FEWEST || start.elapsed() < budget {
        let before = Instant::now();
        once()?;
        times.push(before.elapsed().as_secs_f64());
    }
    times.sort_by(f64::total_cmp);
    Ok(times[times.len() / 2])
}

fn page(numbers: &Numbers) -> Result<Page, StudyError> {
    let of = |sweep: Sweep| numbers.cases.iter().filter(move |case| case.sweep == sweep);
    #[expect(clippy::cast_precision_loss, reason = "far below 2⁵³")]
    let along = |case: &Case| match case.sweep {
        Sweep::Width => case.width as f64,
        Sweep::Spikes => case.spikes as f64,
        Sweep::Steps => case.dt,
    };
    let label = |sweep: Sweep| match sweep {
        Sweep::Width => "hidden neurons",
        Sweep::Spikes => "spikes",
        Sweep::Steps => "step of the grid (s)",
    };
    let chart = |sweep: Sweep, y: &str, value: fn(&Cost) -> Option<f64>| {
        let points = |method: &'static str| {
            of(sweep).filter_map(move |case| {
                let cost = case.methods.iter().find(|cost| cost.method == method)?;
                Some((along(case), value(cost)?))
            })
        };
        let lines = [EXACT, FORWARD, DIFFERENCES, BPTT].map(|method| line(method, points(method)));
        Chart {
            heading: label(sweep).to_owned(),
            x: logarithmic(label(sweep)),
            y: logarithmic(y),
            lines: lines.into_iter().filter(|line| !line.points.is_empty()).collect(),
        }
    };
    let charts = |y: &str, value: fn(&Cost) -> Option<f64>| {
        [Sweep::Width, Sweep::Spikes, Sweep::Steps].map(|sweep| chart(sweep, y, value))
    };
    let mut colours = Colours::default();
    #[expect(clippy::cast_precision_loss, reason = "far below 2⁵³")]
    let kilobytes = |cost: &Cost| cost.bytes.map(|bytes| bytes as f64 / 1e3);
    Ok(Page {
        introduction: vec![format!(
            "5-N-3 on a sample of Yin-Yang, N = {WIDTH} and a step of {} ms where they are not varied; one core. Times depend on the machine.",
            1e3 * DT
        )],
        figures: vec![
            figure(
                &mut colours,
                "Time of the derivatives of all weights",
                "Forward propagation and differences take a run, or four, for each weight: these are products, not measured as a whole. Forward propagation runs on the event loop and lays its network out in each run; the exact gradient and differences are those of the engine that the library chooses.",
                &charts("s", |cost| Some(cost.gradient_seconds)),
            )?,
            figure(
                &mut colours,
                "What is kept for the way back",
                "The exact gradient keeps spikes, backpropagation through time a number for each neuron and step.",
                &charts("kB", kilobytes),
            )?,
        ],
        tables: vec![rows(numbers)],
        ..Page::default()
    })
}

fn rows(numbers: &Numbers) -> Table {
    let rows = numbers.cases.iter().map(|case| {
        let times = case.methods.iter().map(|cost| Table::number(1e6 * cost.seconds));
        let bytes =
            case.methods.iter().filter_map(|cost| cost.bytes).map(|bytes| bytes.to_string());
        [case.width.to_string(), case.spikes.to_string(), case.weights.to_string()]
            .into_iter()
            .chain([Table::number(1e3 * case.dt)])
            .chain(times)
            .chain(bytes)
            .collect()
    });
    table(
        "One pass",
        &[
            "Hidden neurons",
            "spikes",
            "weights",
            "step (ms)",
            "exact (µs)",
            "forward, one direction (µs)",
            "difference, one number (µs)",
            "BPTT (µs)",
            "exact (bytes)",
            "BPTT (bytes)",
        ],
        rows.collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_grows_with_steps_on_a_grid_and_with_spikes_without() {
        let plan = Plan { seed: 0, quick: true, progress: &|_, _, _| true };
        let numbers = run(&plan).unwrap().numbers;
        let cases = numbers["findings"]["cases"].as_array().unwrap();
        let bytes =
            |case: usize, method: usize| cases[case]["methods"][method]["bytes"].as_u64().unwrap();
        // Cases 2 and 3 differ in their spikes, 4 and 5 in their steps.
        assert!(bytes(3, 0) > bytes(2, 0));
        assert_eq!(bytes(5, 0), bytes(4, 0));
        assert!(bytes(5, 3) > 3 * bytes(4, 3));
    }
}
