//! What becomes of a spike, and of its derivative, where it leaves the run: of a leaky neuron it vanishes from the middle, at a pole of the
//! derivative; of a quadratic neuron it goes to the end, and with pseudospikes on beyond it.
//!
//! One neuron from rest, as in C. Klos and R.-M. Memmesheimer (PRL 2025, arXiv:2309.14523): `tau_mem` is 1, `tau_syn` ½, an input comes at 0.5. Along the
//! first line its weight grows from 0 to twice the least that makes the neuron spike; along the second an inhibitory input of that least weight comes
//! at any time beside an excitatory one half as strong again.

use crate::drawing::{axis, figure, line, table};
use crate::{Findings, Plan, Study, StudyError};
use serde::Serialize;
use spikegrad::dynamics::qif;
use spikegrad::{InputSpike, Model, Network, Settings, SpikeTimeMse, Stimulus, value_and_grad};
use spikegrad_report::plot::{Chart, Colours};
use spikegrad_report::{Page, Table};
use std::f64::consts::PI;

/// When the excitatory input comes.
const INPUT: f64 = 0.5;

/// A neuron, and how long its run is.
struct Neuron {
    name: &'static str,
    model: Model,
    /// The least weight from rest that makes it spike.
    least: f64,
    t_end: f64,
    pseudospikes: bool,
}

impl Neuron {
    fn all() -> [Self; 3] {
        let quadratic = |name, pseudospikes| Self {
            name,
            model: Model::General(&qif::QIF),
            least: PI * PI / 4.0,
            t_end: 4.0,
            pseudospikes,
        };
        [
            Self { name: "lif", model: Model::Lif, least: 4.0, t_end: 3.0, pseudospikes: false },
            quadratic("qif", false),
            quadratic("qif, pseudospikes", true),
        ]
    }

    /// The first spike with these inputs, each of a weight and a time, and its derivatives by them; without a spike it is at the end.
    fn first_spike(&self, inputs: &[[f64; 2]]) -> Result<FirstSpike, StudyError> {
        let (mut network, tau) = (Network::builder().inputs(inputs.len()), [1.0, 0.5]);
        network = network.population("out", self.model, 1);
        network = network.with("tau_mem", tau[0]).with("tau_syn", tau[1]);
        let weights = inputs.iter().map(|input| input[0]).collect();
        let (network, parameters) =
            network.dense("input", "out", weights).build().map_err(spikegrad::Error::from)?;
        let spikes = inputs.iter().enumerate();
        let spikes = spikes.map(|(channel, &[_, time])| InputSpike { channel, time }).collect();
        let stimulus = Stimulus::new(self.t_end, spikes).map_err(spikegrad::Error::from)?;
        // ½ t², whose derivative is t dt.
        let pseudospikes = self.pseudospikes;
        let loss = SpikeTimeMse { pseudospikes, ..SpikeTimeMse::new("out", vec![vec![0.0]]) };
        let run = value_and_grad(&network, &parameters, &stimulus, &loss, &Settings::default())?;
        let time = (2.0 * run.loss).sqrt();
        let by = |derivatives: &[f64]| derivatives.iter().map(|x| x / time).collect();
        Ok(FirstSpike {
            time,
            by_weights: by(&run.gradient.parameters.connections[0].weights),
            by_times: by(&run.gradient.input_times),
        })
    }
}

struct FirstSpike {
    time: f64,
    by_weights: Vec<f64>,
    by_times: Vec<f64>,
}

/// The first spike along a line.
#[derive(Serialize)]
struct Along {
    neuron: &'static str,
    /// The weight in units of the least one, or the time of the inhibitory input.
    x: Vec<f64>,
    time: Vec<f64>,
    derivative: Vec<f64>,
    /// The largest change from one point to the next.
    largest_step: f64,
    largest_derivative: f64,
}

impl Along {
    fn new(neuron: &'static str, points: Vec<[f64; 3]>) -> Self {
        let column = |k: usize| points.iter().map(|point| point[k]).collect::<Vec<f64>>();
        let [x, time, derivative] = [0, 1, 2].map(column);
        let steps = time.windows(2).map(|pair| (pair[1] - pair[0]).abs());
        let largest_step = steps.fold(0.0, f64::max);
        let largest_derivative = derivative.iter().fold(0.0f64, |m, x| m.max(x.abs()));
        Self { neuron, x, time, derivative, largest_step, largest_derivative }
    }
}

#[derive(Serialize)]
struct Numbers {
    weight: Vec<Along>,
    inhibition: Vec<Along>,
}

/// The middles of so many parts of the way from 0 to 1: none of them is a place where a potential touches the threshold.
fn shares(count: u32) -> impl Iterator<Item = f64> {
    (0..count).map(move |k| (f64::from(k) + 0.5) / f64::from(count))
}

pub(crate) fn run(plan: &Plan<'_>) -> Result<Findings, StudyError> {
    let count = plan.pick(1000, 200);
    let mut numbers = Numbers { weight: Vec::new(), inhibition: Vec::new() };
    let neurons = Neuron::all();
    for (done, neuron) in neurons.iter().enumerate() {
        plan.tell(done, neurons.len(), neuron.name)?;
        let weight = |share: f64| -> Result<[f64; 3], StudyError> {
            let spike = neuron.first_spike(&[[2.0 * share * neuron.least, INPUT]])?;
            Ok([2.0 * share, spike.time, spike.by_weights[0] * neuron.least])
        };
        let along = shares(count).map(weight).collect::<Result<_, _>>()?;
        numbers.weight.push(Along::new(neuron.name, along));
        let inhibition = |share: f64| -> Result<[f64; 3], StudyError> {
            let time = share * neuron.t_end;
            let inputs = [[1.5 * neuron.least, INPUT], [-neuron.least, time]];
            let spike = neuron.first_spike(&inputs)?;
            Ok([time, spike.time, spike.by_times[1]])
        };
        let along = shares(count).map(inhibition).collect::<Result<_, _>>()?;
        numbers.inhibition.push(Along::new(neuron.name, along));
    }
    plan.tell(neurons.len(), neurons.len(), "done")?;
    let page = page(&numbers)?;
    Findings::new(Study::Smoothness, plan, &numbers, page)
}

fn page(numbers: &Numbers) -> Result<Page, StudyError> {
    let mut colours = Colours::default();
    let mut panels = |heading: &str, caption: &str, label: &str, all: &[Along]| {
        let chart = |heading: &str, y: &str, column: fn(&Along) -> &[f64]| Chart {
            heading: heading.to_owned(),
            x: axis(label),
            y: axis(y),
            lines: all
                .iter()
                .map(|of| {
                    let points = of.x.iter().copied().zip(column(of).iter().copied());
                    line(of.neuron, points)
                })
                .collect(),
        };
        let charts = [
            chart("The first spike", "t, in time constants", |of| &of.time),
            chart("Its derivative", "dt/dx", |of| &of.derivative),
        ];
        figure(&mut colours, heading, caption, &charts)
    };
    let weight = panels(
        "A weight grows",
        "Below its least weight the leaky neuron is silent, and its spike counts as one at the end; where it appears the time jumps, and the derivative has a pole. The quadratic neuron's comes in \
         from the end.",
        "weight, in units of the least",
        &numbers.weight,
    )?;
    let inhibition = panels(
        "An inhibitory input comes earlier or later",
        "Before the spike it may take it away: at once from the leaky neuron, through the end of the run from the quadratic one.",
        "time of the inhibitory input",
        &numbers.inhibition,
    )?;
    let rows = [("weight", &numbers.weight), ("inhibition", &numbers.inhibition)];
    let rows = rows.into_iter().flat_map(|(name, all)| {
        all.iter().map(move |of| {
            let figures = [of.largest_step, of.largest_derivative].map(Table::number);
            [name.to_owned(), of.neuron.to_owned()].into_iter().chain(figures).collect()
        })
    });
    let columns = ["Line", "neuron", "largest step of t", "largest derivative"];
    Ok(Page {
        introduction: vec![
            "A loss on spike times is only as smooth as the times. Each line is cut into equal steps; of a smooth time every step is small, and shrinks with more of them."
                .to_owned(),
        ],
        figures: vec![weight, inhibition],
        tables: vec![table("How smooth", &columns, rows.collect())],
        ..Page::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spike_of_a_leaky_neuron_jumps_and_of_a_quadratic_one_goes_to_the_end_and_on() {
        for (line, points) in [("weight", 200.0), ("inhibition", 200.0)] {
            let plan = Plan { seed: 1, quick: true, progress: &|_, _, _| true };
            let numbers = run(&plan).unwrap().numbers;
            let all = numbers["findings"][line].as_array().unwrap();
            let of = |k: usize, key: &str| all[k][key].as_f64().unwrap();
            // From the end to the middle in one step.
            assert!(of(0, "largest_step") > 1.0, "{line}");
            // Lipschitz: each step is at most as long as the largest slope says, or twice that between two points.
            for quadratic in [1, 2] {
                let length = if line == "weight" { 2.0 } else { 4.0 } / points;
                let most = 2.0 * length * of(quadratic, "largest_derivative");
                assert!(of(quadratic, "largest_step") < most, "{line}, {quadratic}");
                assert!(of(quadratic, "largest_step") < 0.4 * of(0, "largest_step"), "{line}");
            }
        }
    }

    #[test]
    fn the_derivative_of_a_leaky_spike_has_a_pole_where_it_appears() {
        let [leaky, quadratic, _] = Neuron::all();
        let above = |neuron: &Neuron, excess: f64| {
            let spike = neuron.first_spike(&[[neuron.least * (1.0 + excess), INPUT]]).unwrap();
            spike.by_weights[0].abs()
        };
        // Like the inverse of a root: a hundred times nearer, ten times steeper.
        let ratio = above(&leaky, 1e-8) / above(&leaky, 1e-6);
        assert!((ratio - 10.0).abs() < 0.1, "{ratio}");
        // The quadratic neuron's spike has left its run before.
        assert_eq!(above(&quadratic, 1e-6).to_bits(), 0.0f64.to_bits());
    }
}
