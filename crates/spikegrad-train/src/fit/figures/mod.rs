//! The figures of a finished run, and the page that holds them: what they are filled with.
//!
//! * `training_curves`: loss and error over the epochs,
//! * `histories`: gradients, slopes and hidden activity over the epochs,
//! * `confusion_matrix`: which class is taken for which,
//! * `activity`: how often, and when, hidden neurons spike,
//! * `yin_yang_map`: the data set beside a network's decisions.
//!
//! Not here: axes, rasters and files (`spikegrad-report`).

mod activity;
mod confusion_matrix;
mod histories;
mod series;
mod training_curves;
mod yin_yang_map;

use std::path::Path;

use rayon::prelude::*;
use spikegrad::dynamics::math;
use spikegrad::{Measure, NeuronId, ReadoutRequest, Settings, Stimulus, Trace, simulate};
use spikegrad_report::plot::{self, Picture, Role, VoltageTrace};
use spikegrad_report::{Figure, Page, write_beside};

use activity::{Activity, LayerActivity, activity};
use confusion_matrix::confusion_matrix;
use histories::histories;
use training_curves::training_curves;
use yin_yang_map::{ClassifiedPoint, Decision, DecisionMap, yin_yang_map};

use super::classifier::Classifier;
use super::samples::Samples;
use super::{EpochRecord, Run, RunResult, Verdict};
use crate::TrainError;
use crate::data::yin_yang::R_BIG;
use crate::data::{DataConfig, DataSet, InputRef, Inputs};

/// Cells to a side of the decision map: three points of the figure for each.
const MAP_SIZE: usize = 130;

/// Samples of a voltage in the raster.
const CURVE_SAMPLES: u32 = 1200;

/// Parts of the run in the histogram of spike times.
const TIME_BINS: usize = 60;

/// Test samples whose spike times are counted.
const TIMED_SAMPLES: usize = 500;

const FORMATS: [&str; 2] = ["svg", "png"];

/// A picture: its file, and its words on the page.
struct Drawn {
    file: &'static str,
    heading: &'static str,
    caption: &'static str,
    picture: Picture,
}

/// Draws every figure of `run` into `folder`, and a page with all of them; `result` is what came out.
pub(super) fn draw(
    folder: &Path,
    run: &Run,
    records: &[EpochRecord],
    result: &RunResult,
) -> Result<(), TrainError> {
    let classifier = run.evaluated();
    let drawn = pictures(run, &classifier, records)?;
    for Drawn { file, picture, .. } in &drawn {
        for format in FORMATS {
            picture.save(&folder.join(file).with_extension(format))?;
        }
    }
    let figure = |Drawn { heading, caption, picture, .. }: &Drawn| Figure {
        heading: (*heading).to_owned(),
        caption: (*caption).to_owned(),
        svg: picture.to_svg(),
    };
    let page = Page {
        title: format!("{}, seed {}", result.data, result.seed),
        facts: facts(result),
        figures: drawn.iter().map(figure).collect(),
        tables: vec![EpochRecord::table(records)],
        details: vec![("Configuration".to_owned(), classifier.config().to_json()?)],
        ..Page::default()
    };
    Ok(write_beside(&folder.join("report.html"), page.to_html().as_bytes())?)
}

/// The pictures of a run, in the order of the page.
fn pictures(
    run: &Run,
    classifier: &Classifier,
    records: &[EpochRecord],
) -> Result<Vec<Drawn>, TrainError> {
    let (answers, test) = (run.answer_test()?, run.test());
    // Targets name no class.
    let has_classes = !classifier.config().loss.reads_targets();
    let mut drawn = vec![Drawn {
        file: "curves",
        heading: "Learning",
        caption: "Loss and error over the epochs; nothing is chosen by the test set.",
        picture: training_curves(records)?,
    }];
    if has_classes {
        let counts = classifier.confusion(&answers, &test.labels);
        drawn.push(Drawn {
            file: "confusion",
            heading: "Answers",
            caption: "Test samples by true class and answer; “none” is silent or tied.",
            picture: confusion_matrix(&test.classes, &counts)?,
        });
    }
    drawn.extend([
        Drawn {
            file: "histories",
            heading: "Gradient and spikes",
            caption: "How long the gradient was, how near a spike came to vanishing, and how busy the hidden layers were.",
            picture: histories(records)?,
        },
        Drawn {
            file: "activity",
            heading: "Activity",
            caption: "Spikes a sample of each hidden neuron, and when they come, on test samples.",
            picture: activity(&hidden_spikes(run, classifier, &answers)?)?,
        },
        Drawn {
            file: "raster",
            heading: "One sample",
            caption: "The first test sample, spike by spike, with the potentials of the outputs.",
            picture: plot::raster(&first_sample(run, classifier)?)?,
        },
    ]);
    // Whatever the configuration names, the data may be others.
    if let (DataConfig::YinYang { .. }, Inputs::Points { width: 4, .. }, true) =
        (&classifier.config().data, &test.inputs, has_classes)
    {
        let map = DecisionMap { size: MAP_SIZE, decisions: &decisions(run, classifier)? };
        drawn.push(Drawn {
            file: "decision_map",
            heading: "Decisions",
            caption: "The test set beside what the network says of the whole disc.",
            picture: yin_yang_map(&map, &points(run, &answers))?,
        });
    }
    Ok(drawn)
}

/// What stands at the top of the page.
fn facts(result: &RunResult) -> Vec<(String, String)> {
    let percent = |share: f64| format!("{:.2} %", 100.0 * share);
    [
        ("Test accuracy", percent(result.test_accuracy)),
        ("Test loss", format!("{:.4}", result.test_loss)),
        ("Validation accuracy", result.validation_accuracy.map_or("–".to_owned(), percent)),
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
fn hidden_spikes(
    run: &Run,
    classifier: &Classifier,
    answers: &[(f64, Verdict)],
) -> Result<Activity, TrainError> {
    let network = classifier.network();
    let t_end = classifier.config().t_end;
    let spikes_of = |k: usize| -> Result<Vec<(usize, usize)>, TrainError> {
        let trace = simulate_with(classifier, &run.settings, &run.test_stimulus(k)?, &[])?;
        let bin = |time: f64| {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                clippy::cast_precision_loss,
                reason = "below 60"
            )]
            let bin = (time / t_end * TIME_BINS as f64) as usize;
            bin.min(TIME_BINS - 1)
        };
        let spikes = trace.spikes.iter();
        Ok(spikes.map(|spike| (network.locate(spike.neuron).0, bin(spike.time))).collect())
    };
    let timed = 0..run.test().len().min(TIMED_SAMPLES);
    let timed: Vec<_> = timed.into_par_iter().map(spikes_of).collect();
    let mut times = vec![vec![0_u64; TIME_BINS]; classifier.output()];
    for spikes in timed {
        for (population, bin) in spikes? {
            if let Some(histogram) = times.get_mut(population) {
                histogram[bin] += 1;
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

/// The centres of the cells that have a part of the disc.
fn places() -> Vec<Option<(f64, f64)>> {
    // At the rim lie cells whose centre is outside, but not all of the cell.
    #[expect(clippy::cast_precision_loss, reason = "130 cells to a side")]
    let reach = R_BIG + std::f64::consts::FRAC_1_SQRT_2 / MAP_SIZE as f64;
    let of_the_disc =
        |(x, y): (f64, f64)| (math::hypot(x - R_BIG, y - R_BIG) <= reach).then_some((x, y));
    DecisionMap::centres(MAP_SIZE).map(of_the_disc).collect()
}

/// What the network says of each cell that has a part of the disc; of the others nothing is asked.
fn decisions(run: &Run, classifier: &Classifier) -> Result<Vec<Decision>, TrainError> {
    let places = places();
    let inside = || places.iter().flatten();
    let data = DataSet {
        inputs: Inputs::Points {
            width: 4,
            values: inside().flat_map(|&(x, y)| [x, y, 1.0 - x, 1.0 - y]).collect(),
        },
        // Of the answers only the class is used, and not the loss.
        labels: inside().map(|_| 0).collect(),
        classes: run.test().classes.clone(),
        targets: None,
    };
    let samples = Samples { data: &data, config: classifier.config(), epoch: None };
    let mut answers = classifier.answer(samples, 0..samples.data.len(), &run.settings)?.into_iter();
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
fn first_sample(run: &Run, classifier: &Classifier) -> Result<plot::Raster, TrainError> {
    let network = classifier.network();
    let stimulus = &run.test_stimulus(0)?;
    let trace = simulate_with(classifier, &run.settings, stimulus, &[])?;

    let band =
        |name: &str, role, size| plot::Population { name: name.to_owned(), role, first: 0, size };
    let mut populations = vec![band("input", Role::Input, network.inputs())];
    let inputs = stimulus.spikes().iter();
    let mut spikes: Vec<plot::Spike> = inputs
        .map(|input| plot::Spike { population: 0, neuron: input.channel, time: input.time })
        .collect();
    for (k, own) in network.populations().iter().enumerate() {
        // Integrators never spike, and have no band.
        if !own.model.spikes() {
            continue;
        }
        let population = populations.len();
        populations.push(band(&own.name, Role::Layer(k), own.size));
        spikes.extend(trace.spikes.iter().filter_map(|spike| {
            let (of, neuron) = network.locate(spike.neuron);
            (of == k).then_some(plot::Spike { population, neuron, time: spike.time })
        }));
    }
    let voltages = voltages(run, classifier, &trace)?;
    let window = (0.0, stimulus.t_end());
    Ok(plot::Raster { populations, spikes, voltages, window, size: plot::Size::default() })
}

/// The membrane potentials of the outputs in the run that left `trace`.
fn voltages(
    run: &Run,
    classifier: &Classifier,
    trace: &Trace,
) -> Result<Vec<VoltageTrace>, TrainError> {
    let (network, output, stimulus) = (classifier.network(), classifier.output(), &trace.stimulus);
    // Reading a potential may change the last bit of a later spike: a run of its own.
    let time = |k: u32| stimulus.t_end() * (f64::from(k) / f64::from(CURVE_SAMPLES));
    let request = |neuron: NeuronId| {
        (0..=CURVE_SAMPLES)
            .map(move |k| ReadoutRequest { neuron, measure: Measure::Sample { time: time(k) } })
    };
    let outputs = || network.range(output).map(NeuronId::new);
    let readouts: Vec<ReadoutRequest> = outputs().flat_map(request).collect();
    let read = simulate_with(classifier, &run.settings, stimulus, &readouts)?;
    let values = &classifier.parameters().populations[output];
    let of_spikes = network.populations()[output].model.table().threshold_and_reset;
    let voltage = |neuron: NeuronId| {
        let (_, k) = network.locate(neuron);
        let levels = of_spikes.map(|(at, to)| (values[at].get(k), values[to].get(k)));
        let own = read.readouts.iter().filter(|readout| readout.request.neuron == neuron);
        let samples = own.map(|readout| (readout.time, readout.value));
        let (label, spikes) = (network.describe(neuron), trace.spike_times(neuron));
        VoltageTrace::through(label, Role::Layer(output), levels, spikes, samples)
    };
    Ok(outputs().map(voltage).collect())
}

fn simulate_with(
    classifier: &Classifier,
    settings: &Settings,
    stimulus: &Stimulus,
    readouts: &[ReadoutRequest],
) -> Result<Trace, TrainError> {
    simulate(classifier.network(), classifier.parameters(), stimulus, readouts, settings)
        .map_err(|error| TrainError::Evaluation { sample: 0, reason: error.into() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Config;
    use crate::data::yin_yang::class_at;

    #[test]
    fn integrators_have_no_band_and_populations_the_colours_of_their_positions() {
        let mut config = Config::default();
        for (key, value) in [
            ("layers.0.size", "4"),
            ("layers.1.model", "li"),
            ("loss", r#"{"name": "max-voltage-cross-entropy"}"#),
        ] {
            config.set(key, value).unwrap();
        }
        let run = Run::new(&config, Settings::default()).unwrap();
        let drawn = first_sample(&run, &run.evaluated()).unwrap();
        let bands: Vec<_> =
            drawn.populations.iter().map(|band| (band.name.as_str(), band.role)).collect();
        assert_eq!(bands, [("input", Role::Input), ("hidden", Role::Layer(0))]);
        let roles: Vec<Role> = drawn.voltages.iter().map(|curve| curve.role).collect();
        assert_eq!(roles, [Role::Layer(1); 3]);
        plot::raster(&drawn).unwrap();
    }

    #[test]
    fn every_part_of_the_disc_lies_in_a_cell_that_is_asked() {
        let places = places();
        for (x, y) in DecisionMap::centres(777).filter(|&(x, y)| class_at(x, y).is_some()) {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                clippy::cast_precision_loss,
                reason = "a cell"
            )]
            let cell = |x: f64| (x * MAP_SIZE as f64) as usize;
            assert!(places[cell(y) * MAP_SIZE + cell(x)].is_some(), "{x} {y}");
        }
    }
}
