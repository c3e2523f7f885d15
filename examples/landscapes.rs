//! The loss over two directions in weight space, of leaky and of quadratic neurons, with the lines on which spikes come, go or change their order.
//!
//! The same network, input and targets for both; what it shows: docs/results/landscapes.md.
//!
//! ```sh
//! cargo run --release -p spikegrad-examples --example landscapes
//! cargo run --release -p spikegrad-examples --example landscapes -- docs/images 160
//! ```
//! The first has a look; the second draws the page's picture into that folder, with as many points along each direction.
#![expect(clippy::print_stdout, reason = "an example shows what it found")]

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use rayon::prelude::*;
use spikegrad::{
    Evaluator, InputSpike, Model, Network, Parameters, Settings, SpikeTimeMse, Stimulus,
};
use spikegrad_report::plot::palette::{Colour, INK, SERIES, mix};
use spikegrad_report::plot::{Align, Axis, HEADING, NORMAL, Panel, Picture, Position, approximate};
use std::error::Error;
use std::path::Path;

const T_END: f64 = 0.06;

/// Points along each direction if nobody says how many, and so many times more to see which steps shrink.
const POINTS: usize = 40;
const FINER: usize = 6;

/// How far the directions are followed, as a share of the length of all weights.
const REACH: f64 = 0.5;

/// Mean and standard deviation of weights from inputs and from hidden neurons.
const LIF: [[f64; 2]; 2] = [[1.6, 1.0], [1.2, 0.8]];
const QIF: [[f64; 2]; 2] = [[4.0, 3.0], [2.0, 3.0]];

/// Errors from here on, in seconds, have the darkest colour.
const DARKEST: f64 = 0.03;

/// Four inputs, six hidden neurons and two outputs that shall spike once.
struct Task {
    network: Network,
    parameters: Parameters,
    stimulus: Stimulus,
    loss: SpikeTimeMse,
    /// Two directions of all numbers, of which only weights move, at right angles and as long as all weights.
    directions: [Vec<f64>; 2],
}

fn task(model: &str) -> Result<Task, Box<dyn Error>> {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let mut normal = move |count: usize, [mean, deviation]: [f64; 2]| -> Vec<f64> {
        let mut one = || -> f64 { StandardNormal.sample(&mut rng) };
        (0..count).map(|_| mean + deviation * one()).collect()
    };
    let [of_inputs, of_hidden] = if model == "lif" { LIF } else { QIF };
    let neurons = Model::named(model).ok_or("there is no such model")?;
    let (network, parameters) = Network::builder()
        .inputs(4)
        .population("hidden", neurons, 6)
        .with("tau_mem", 0.01)
        .with("tau_syn", 0.005)
        .population("out", neurons, 2)
        .with("tau_mem", 0.01)
        .with("tau_syn", 0.005)
        .dense("input", "hidden", normal(24, of_inputs))
        .dense("hidden", "out", normal(12, of_hidden))
        .build()?;
    let spikes = [(0, 0.0), (1, 0.006), (2, 0.013), (3, 0.02), (0, 0.03)];
    let spikes = spikes.map(|(channel, time)| InputSpike { channel, time }).to_vec();
    let stimulus = Stimulus::new(T_END, spikes)?;
    let loss = SpikeTimeMse {
        pseudospikes: model == "qif",
        ..SpikeTimeMse::new("out", vec![vec![0.025], vec![0.035]])
    };
    let weights = |parameters: &Parameters| -> Vec<f64> {
        parameters.connections.iter().flat_map(|of| of.weights.clone()).collect()
    };
    let length = norm(&weights(&parameters));
    let mut drawn = [normal(36, [0.0, 1.0]), normal(36, [0.0, 1.0])];
    let along = dot(&drawn[0], &drawn[1]) / dot(&drawn[0], &drawn[0]);
    let first = drawn[0].clone();
    drawn[1].iter_mut().zip(&first).for_each(|(y, x)| *y -= along * x);
    let directions = drawn.map(|drawn| {
        let scale = length / norm(&drawn);
        let mut of_weights = drawn.into_iter().map(|x| scale * x);
        let mut direction = parameters.map(|_| 0.0);
        for connection in &mut direction.connections {
            connection.weights.iter_mut().for_each(|w| *w = of_weights.next().unwrap_or_default());
        }
        direction.to_vec()
    });
    Ok(Task { network, parameters, stimulus, loss, directions })
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn norm(a: &[f64]) -> f64 {
    dot(a, a).sqrt()
}

/// The loss at a point, and who spiked in which order.
#[derive(Clone, Debug)]
struct Point {
    loss: f64,
    order: Vec<usize>,
}

impl Point {
    /// Root of the mean square of the distances of the two outputs' spikes from their targets, as a share of the error that is darkest.
    fn shade(&self) -> f64 {
        (self.loss.sqrt() / DARKEST).min(1.0)
    }

    /// How often each neuron spiked.
    fn counts(&self) -> Vec<usize> {
        (0..8).map(|n| self.order.iter().filter(|&&other| other == n).count()).collect()
    }
}

/// Rows of points, the second direction upwards.
fn landscape(task: &Task, points: usize) -> Result<Vec<Vec<Point>>, spikegrad::Error> {
    let place = |k: usize| REACH * (2.0 * (approximate(k) + 0.5) / approximate(points) - 1.0);
    let row = |y: usize| -> Result<Vec<Point>, spikegrad::Error> {
        let Task { network, stimulus, loss, directions: [first, second], .. } = task;
        let start = task.parameters.to_vec();
        let mut parameters = task.parameters.clone();
        let mut evaluator = Evaluator::new(network, &parameters, Settings::default())?;
        let mut row = Vec::new();
        for x in 0..points {
            let mut k = 0;
            parameters.for_each_mut(|number| {
                *number = start[k] + place(x) * first[k] + place(y) * second[k];
                k += 1;
            });
            evaluator.set_parameters(&parameters)?;
            let value = evaluator.value(stimulus, loss)?;
            let order = evaluator.trace().spikes.iter().map(|spike| spike.neuron.index());
            row.push(Point { loss: value, order: order.collect() });
        }
        Ok(row)
    };
    (0..points).into_par_iter().rev().map(row).collect()
}

/// Neighbouring points, and in which direction the second lies.
fn neighbours(rows: &[Vec<Point>]) -> impl Iterator<Item = (usize, usize, bool, [&Point; 2])> {
    let last = rows.len() - 1;
    let all = (0..rows.len()).flat_map(move |y| (0..rows.len()).map(move |x| (x, y)));
    all.flat_map(move |(x, y)| {
        let right = (x < last).then(|| (x, y, true, [&rows[y][x], &rows[y][x + 1]]));
        let below = (y < last).then(|| (x, y, false, [&rows[y][x], &rows[y + 1][x]]));
        right.into_iter().chain(below)
    })
}

/// The largest difference of neighbours, as a share of the error that is darkest.
fn largest_step(rows: &[Vec<Point>]) -> f64 {
    let steps = neighbours(rows).map(|(_, _, _, [a, b])| (a.shade() - b.shade()).abs());
    steps.fold(0.0, f64::max)
}

/// Draws a landscape into a square: errors from light to dark, births and deaths in black, changes of order in orange.
fn draw(picture: &mut Picture, rows: &[Vec<Point>], heading: &str, corner: Position, side: f64) {
    let cell = side / approximate(rows.len());
    let at =
        |x: usize, y: usize| (corner.0 + cell * approximate(x), corner.1 + cell * approximate(y));
    for (y, row) in rows.iter().enumerate() {
        for (x, point) in row.iter().enumerate() {
            let colour = mix(SERIES[0], Colour(255, 255, 255), point.shade());
            picture.rectangle(at(x, y), at(x + 1, y + 1), colour);
        }
    }
    for (x, y, is_right, [a, b]) in neighbours(rows) {
        if a.order == b.order {
            continue;
        }
        let ends = if is_right {
            [at(x + 1, y), at(x + 1, y + 1)]
        } else {
            [at(x, y + 1), at(x + 1, y + 1)]
        };
        let colour = if a.counts() == b.counts() { SERIES[1] } else { INK };
        picture.line(ends.to_vec(), 1.2, colour);
    }
    let axis = |label| Axis::linear((-REACH, REACH), label);
    let panel = Panel {
        upper_left: corner,
        lower_right: (corner.0 + side, corner.1 + side),
        x: axis("first direction, in lengths of all weights"),
        y: axis("second direction"),
    };
    panel.draw_frame(picture);
    panel.draw_x_numbers(picture);
    panel.draw_x_label(picture);
    panel.draw_y_label(picture, 14.0);
    picture.text(heading, (corner.0 + side / 2.0, corner.1 - 12.0), HEADING.align(Align::Middle));
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next();
    let points = arguments.next().map_or(Ok(POINTS), |points| points.parse());
    let Some(points) = points.ok().filter(|&points| points >= 2) else {
        return Err("the points along each direction are a whole number, 2 or more".into());
    };
    let mut picture = Picture::new(960.0, 540.0);
    for (k, model) in ["lif", "qif"].into_iter().enumerate() {
        let task = task(model)?;
        let [rows, fine] = [points, FINER * points].map(|points| landscape(&task, points));
        let (rows, fine) = (rows?, fine?);
        let lines = |is_birth: bool| {
            let differ = neighbours(&rows).filter(|(_, _, _, [a, b])| a.order != b.order);
            differ.filter(|(_, _, _, [a, b])| (a.counts() != b.counts()) == is_birth).count()
        };
        println!(
            "{model}: largest step between neighbours {:.4} of the darkest error with {points} x {points} points, {:.4} with {FINER} times as many each way; {} borders of cells where spikes come or go, {} where they change their order",
            largest_step(&rows),
            largest_step(&fine),
            lines(true),
            lines(false),
        );
        draw(&mut picture, &rows, model, (50.0 + 470.0 * approximate(k), 40.0), 420.0);
    }
    let note = "white to blue: errors of the output spikes from 0 to 30 ms and more; black: spikes come or go; orange: they change their order";
    picture.text(note, (480.0, 525.0), NORMAL.align(Align::Middle));
    if let Some(folder) = folder {
        let path = Path::new(&folder).join("landscapes.png");
        picture.save(&path)?;
        println!("{}", path.display());
    }
    Ok(())
}
