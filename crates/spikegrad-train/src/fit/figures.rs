//! The figures of a finished run: what the shapes of `plot/` are filled with.
//!
//! Not here: how a figure looks (`plot/`).

use std::path::Path;

use spikegrad::{Measure, NeuronId, Options, ReadoutRequest, Settings, Stimulus, Trace, simulate};

use super::classifier::{Classifier, Coded, Verdict};
use super::{EpochRecord, Run};
use crate::TrainError;
use crate::YinYang;
use crate::data::yin_yang::{Split, class_at};
use crate::plot::{
    self, ClassifiedPoint, Decision, DecisionMap, EpochPoint, VoltageTrace, training_curves,
    yin_yang_map,
};

/// Cells to a side of the decision map: three points of the figure for each.
const MAP_SIZE: usize = 130;

/// Samples of a voltage in the raster.
const CURVE_SAMPLES: u32 = 1200;

const FORMATS: [&str; 2] = ["svg", "png"];

/// Draws every figure of `run` into `folder`.
pub(super) fn draw(folder: &Path, run: &Run, records: &[EpochRecord]) -> Result<(), TrainError> {
    let curves: Vec<EpochPoint> = records.iter().map(EpochRecord::point).collect();
    let decisions = decisions(run)?;
    let map = DecisionMap { size: MAP_SIZE, decisions: &decisions };
    let points = points(&run.answer_test()?);
    let picture = Raster::of(run)?;
    for format in FORMATS {
        let file = |name: &str| folder.join(name).with_extension(format);
        training_curves(&file("curves"), &curves)?;
        yin_yang_map(&file("decision_map"), &map, &points)?;
        let Raster { populations, spikes, voltages, t_end } = &picture;
        plot::raster(&file("raster"), populations, spikes, voltages, *t_end)?;
    }
    Ok(())
}

/// What the network says of each cell; outside the disc nothing is asked.
fn decisions(run: &Run) -> Result<Vec<Decision>, TrainError> {
    let classifier = run.classifier();
    let places: Vec<Option<(f64, f64)>> =
        DecisionMap::centres(MAP_SIZE).map(|(x, y)| class_at(x, y).map(|_| (x, y))).collect();
    let inside = || places.iter().flatten();
    let stimuli = inside().map(|&(x, y)| classifier.stimulus(&[x, y, 1.0 - x, 1.0 - y]));
    let labels = inside().filter_map(|&(x, y)| class_at(x, y)).collect();
    let data = Coded { stimuli: stimuli.collect::<Result<_, _>>()?, labels };
    let mut answers = classifier.answer(&data, &run.settings)?.into_iter();
    let mut next = || match answers.next() {
        Some((_, Verdict { class, confidence, .. })) => Decision { class, confidence },
        None => Decision { class: None, confidence: 0.0 },
    };
    let outside = Decision { class: None, confidence: 0.0 };
    Ok(places.iter().map(|place| place.map_or(outside, |_| next())).collect())
}

fn points(answers: &[(f64, Verdict)]) -> Vec<ClassifiedPoint> {
    let data = YinYang::split(Split::Test);
    let labelled = data.points.iter().zip(data.labels);
    labelled
        .zip(answers)
        .map(|((&[x, y, ..], label), (_, verdict))| ClassifiedPoint {
            x,
            y,
            label,
            predicted: verdict.class,
        })
        .collect()
}

/// The first test sample, spike by spike, with the membrane potentials of the outputs.
struct Raster {
    populations: Vec<plot::Population>,
    spikes: Vec<plot::Spike>,
    voltages: Vec<VoltageTrace>,
    t_end: f64,
}

impl Raster {
    fn of(run: &Run) -> Result<Self, TrainError> {
        let classifier = run.classifier();
        let network = classifier.network();
        let stimulus = &run.test.stimuli[0];
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
        let threshold = classifier.config().v_th;
        let voltage = |&neuron: &NeuronId| {
            let own = read.readouts.iter().filter(|readout| readout.request.neuron == neuron);
            let jumps = trace.spike_times(neuron).flat_map(|time| [(time, threshold), (time, 0.0)]);
            let mut points: Vec<(f64, f64)> =
                jumps.chain(own.map(|readout| (readout.time, readout.value))).collect();
            points.sort_by(|a, b| a.0.total_cmp(&b.0));
            VoltageTrace { label: network.describe(neuron), threshold: Some(threshold), points }
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
