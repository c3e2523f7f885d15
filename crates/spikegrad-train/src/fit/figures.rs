//! The figures of a finished run: what its pictures are filled with.
//!
//! Not here: how a figure looks (`spikegrad-report`).

use std::path::Path;

use spikegrad::{
    Measure, Model, NeuronId, Options, ReadoutRequest, Settings, Stimulus, Trace, simulate,
};
use spikegrad_report::plot::{
    self, Activity, ClassifiedPoint, Decision, DecisionMap, EpochPoint, HistoryPoint,
    LayerActivity, TrueShape, VoltageTrace,
};
use spikegrad_report::{Figure, Page, write_beside};

use super::classifier::{Classifier, Verdict};
use super::samples::Samples;
use super::{EpochRecord, Run, RunResult};
use crate::TrainError;
use crate::data::yin_yang::{R_BIG, R_SMALL, class_at};
use crate::data::{DataConfig, DataSet, InputRef, Inputs};

/// Cells to a side of the decision map: three points of the figure for each.
const MAP_SIZE: usize = 130;

/// Samples of a voltage in the raster.
const CURVE_SAMPLES: u32 = 1200;

/// Parts of the run in the histogram of spike times.
const TIME_BINS: usize = 60;

/// Test samples whose spike times are counted.
const TIMED_SAMPLES: usize = 500;

const YIN_YANG: TrueShape = TrueShape { class_at, radius: R_BIG, dot: R_SMALL };

const FORMATS: [&str; 2] = ["svg", "png"];

/// Draws every figure of `run` into `folder`, and a page with all of them; `result` is what came out.
pub(super) fn draw(
    folder: &Path,
    run: &Run,
    records: &[EpochRecord],
    result: &RunResult,
) -> Result<(), TrainError> {
    let classifier = run.evaluated();
    let curves: Vec<EpochPoint> = records.iter().map(EpochRecord::point).collect();
    let histories: Vec<HistoryPoint> = records.iter().map(EpochRecord::history).collect();
    let answers = run.answer_test()?;
    let confusion = classifier.confusion(&answers, &run.test().labels);
    let classes = &run.test().classes;
    let activity = activity(run, &classifier, &answers)?;
    let picture = Raster::of(run, &classifier)?;
    let Raster { populations, spikes, voltages, t_end } = &picture;
    let map = match classifier.config().data {
        DataConfig::YinYang {} => Some((decisions(run, &classifier)?, points(run, &answers))),
        _ => None,
    };
    for format in FORMATS {
        let file = |name: &str| folder.join(name).with_extension(format);
        plot::training_curves(&file("curves"), &curves)?;
        plot::histories(&file("histories"), &histories)?;
        plot::confusion_matrix(&file("confusion"), classes, &confusion)?;
        plot::activity(&file("activity"), &activity)?;
        plot::raster(&file("raster"), populations, spikes, voltages, *t_end)?;
        if let Some((decisions, points)) = &map {
            let map = DecisionMap { truth: YIN_YANG, size: MAP_SIZE, decisions };
            plot::yin_yang_map(&file("decision_map"), &map, points)?;
        }
    }
    let mut figures = vec![
        figure(
            "Learning",
            "Loss and error over the epochs; nothing is chosen by the test set.",
            plot::training_curves_svg(&curves)?,
        ),
        figure(
            "Answers",
            "Test samples by true class and answer; “none” is silent or tied.",
            plot::confusion_matrix_svg(classes, &confusion)?,
        ),
        figure(
            "Gradient and spikes",
            "How long the gradient was, how near a spike came to vanishing, and how busy the hidden layers were.",
            plot::histories_svg(&histories)?,
        ),
        figure(
            "Activity",
            "Spikes a sample of each hidden neuron, and when they come, on test samples.",
            plot::activity_svg(&activity)?,
        ),
        figure(
            "One sample",
            "The first test sample, spike by spike, with the potentials of the outputs.",
            plot::raster_svg(populations, spikes, voltages, *t_end)?,
        ),
    ];
    if let Some((decisions, points)) = &map {
        let map = DecisionMap { truth: YIN_YANG, size: MAP_SIZE, decisions };
        let svg = plot::yin_yang_map_svg(&map, points)?;
        figures.push(figure(
            "Decisions",
            "The test set beside what the network says of the whole disc.",
            svg,
        ));
    }
    let page = Page {
        title: format!("{}, seed {}", result.data, result.seed),
        facts: facts(result),
        figures,
        tables: vec![EpochRecord::table(records)],
        details: vec![("Configuration".to_owned(), classifier.config().to_json()?)],
        ..Page::default()
    };
    Ok(write_beside(&folder.join("report.html"), page.to_html().as_bytes())?)
}

fn figure(heading: &str, caption: &str, svg: String) -> Figure {
    Figure { heading: heading.to_owned(), caption: caption.to_owned(), svg }
}

/// What stands at the top of the page.
fn facts(result: &RunResult) -> Vec<(String, String)> {
    let percent = |share: f64| format!("{:.2} %", 100.0 * share);
    [
        ("Test accuracy", percent(result.test_accuracy)),
        ("Test loss", format!("{:.4}", result.test_loss)),
        ("Validation accuracy", percent(result.validation_accuracy)),
        ("Training accuracy", percent(result.train_accuracy)),
        ("Spikes a sample", format!("{:.1}", result.spikes_per_sample)),
        ("Trained parameters", result.parameters.to_string()),
        ("Epochs", result.epochs.to_string()),
        ("Time", format!("{:.1} s", result.train_seconds)),
    ]
    .map(|(label, value)| (label.to_owned(), value))
    .into()
}

/// How busy the hidden layers are, and when: rates on all test samples, times on the first of them.
fn activity(
    run: &Run,
    classifier: &Classifier,
    answers: &[(f64, Verdict)],
) -> Result<Activity, TrainError> {
    let network = classifier.network();
    let t_end = classifier.config().t_end;
    let mut times = vec![vec![0_u64; TIME_BINS]; classifier.output()];
    for k in 0..run.test().len().min(TIMED_SAMPLES) {
        let trace = simulate_with(classifier, &run.settings, &run.test_stimulus(k)?, Vec::new())?;
        for spike in &trace.spikes {
            let (population, _) = network.locate(spike.neuron);
            if let Some(histogram) = times.get_mut(population) {
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "below 60"
                )]
                #[expect(clippy::cast_precision_loss, reason = "60")]
                let bin = (spike.time / t_end * TIME_BINS as f64) as usize;
                histogram[bin.min(TIME_BINS - 1)] += 1;
            }
        }
    }
    #[expect(clippy::cast_precision_loss, reason = "far fewer samples than 2⁵³")]
    let samples = answers.len().max(1) as f64;
    let layer = |(k, time_histogram): (usize, Vec<u64>)| LayerActivity {
        name: network.populations()[k].name.clone(),
        mean_spikes: network
            .range(k)
            .map(|n| answers.iter().map(|(_, v)| f64::from(v.spikes[n])).sum::<f64>() / samples)
            .collect(),
        time_histogram,
    };
    Ok(Activity { layers: times.into_iter().enumerate().map(layer).collect(), t_end })
}

/// What the network says of each cell; outside the disc nothing is asked.
fn decisions(run: &Run, classifier: &Classifier) -> Result<Vec<Decision>, TrainError> {
    let places: Vec<Option<(f64, f64, usize)>> = DecisionMap::centres(MAP_SIZE)
        .map(|(x, y)| class_at(x, y).map(|class| (x, y, class)))
        .collect();
    let inside = || places.iter().flatten();
    let data = DataSet {
        inputs: Inputs::Points {
            width: 4,
            values: inside().flat_map(|&(x, y, _)| [x, y, 1.0 - x, 1.0 - y]).collect(),
        },
        labels: inside().map(|&(_, _, class)| class).collect(),
        classes: run.test().classes.clone(),
    };
    let samples = Samples { data: &data, config: classifier.config(), epoch: None };
    let mut answers = classifier.answer(samples, &run.settings)?.into_iter();
    let mut next = || match answers.next() {
        Some((_, Verdict { class, confidence, .. })) => Decision { class, confidence },
        None => Decision { class: None, confidence: 0.0 },
    };
    let outside = Decision { class: None, confidence: 0.0 };
    Ok(places.iter().map(|place| place.map_or(outside, |_| next())).collect())
}

fn points(run: &Run, answers: &[(f64, Verdict)]) -> Vec<ClassifiedPoint> {
    let test = run.test();
    let point = |(k, (_, verdict)): (usize, &(f64, Verdict))| match test.input(k) {
        InputRef::Point(&[x, y, ..]) => {
            Some(ClassifiedPoint { x, y, label: test.labels[k], predicted: verdict.class })
        }
        _ => None,
    };
    answers.iter().enumerate().filter_map(point).collect()
}

/// The first test sample, spike by spike, with the membrane potentials of the outputs.
struct Raster {
    populations: Vec<plot::Population>,
    spikes: Vec<plot::Spike>,
    voltages: Vec<VoltageTrace>,
    t_end: f64,
}

impl Raster {
    fn of(run: &Run, classifier: &Classifier) -> Result<Self, TrainError> {
        let network = classifier.network();
        let stimulus = &run.test_stimulus(0)?;
        let t_end = stimulus.t_end();
        let trace = simulate_with(classifier, &run.settings, stimulus, Vec::new())?;

        let population = |name: &str, size| plot::Population { name: name.to_owned(), size };
        let mut populations = vec![population("input", network.inputs())];
        let own = network.populations();
        populations.extend(own.iter().map(|own| population(&own.name, own.size)));
        let inputs = stimulus.spikes().iter();
        let inputs = inputs.map(|input| plot::Spike {
            population: 0,
            neuron: input.channel,
            time: input.time,
        });
        let spikes = trace.spikes.iter().map(|spike| {
            let (population, neuron) = network.locate(spike.neuron);
            plot::Spike { population: population + 1, neuron, time: spike.time }
        });
        let spikes = inputs.chain(spikes).collect();

        let outputs: Vec<NeuronId> = network.range(own.len() - 1).map(NeuronId::new).collect();
        // Reading a potential may change the last bit of a later spike: a run of its own.
        let last = f64::from(CURVE_SAMPLES);
        let time = |k: u32| t_end * (f64::from(k) / last);
        let request = |neuron: NeuronId| {
            (0..=CURVE_SAMPLES)
                .map(move |k| ReadoutRequest { neuron, measure: Measure::Sample { time: time(k) } })
        };
        let requests: Vec<_> = outputs.iter().flat_map(|&neuron| request(neuron)).collect();
        let read = simulate_with(classifier, &run.settings, stimulus, requests)?;
        let voltage = |&neuron: &NeuronId| {
            let (_, k) = network.locate(neuron);
            let values = &classifier.parameters().populations[classifier.output()];
            let (threshold, reset) = (values.v_th.get(k), values.v_reset.get(k));
            let spikes = network.populations()[classifier.output()].model == Model::Lif;
            let own = read.readouts.iter().filter(|readout| readout.request.neuron == neuron);
            let jumps =
                trace.spike_times(neuron).flat_map(|time| [(time, threshold), (time, reset)]);
            let mut points: Vec<(f64, f64)> =
                jumps.chain(own.map(|readout| (readout.time, readout.value))).collect();
            points.sort_by(|a, b| a.0.total_cmp(&b.0));
            VoltageTrace {
                label: network.describe(neuron),
                threshold: spikes.then_some(threshold),
                points,
            }
        };
        let voltages = outputs.iter().map(voltage).collect();
        Ok(Self { populations, spikes, voltages, t_end })
    }
}

fn simulate_with(
    classifier: &Classifier,
    settings: &Settings,
    stimulus: &Stimulus,
    readouts: Vec<ReadoutRequest>,
) -> Result<Trace, TrainError> {
    let options = Options { max_events: settings.max_events, readouts };
    simulate(classifier.network(), classifier.parameters(), stimulus, &options)
        .map_err(|error| TrainError::Evaluation { sample: 0, reason: error.into() })
}
