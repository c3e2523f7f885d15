//! Both recordings, fitted with derivatives and without.
//!
//! Seconds 0 to 6 are fitted; on seconds 6 to 8 the settings were chosen; seconds 8 to 10 are held out.

use crate::gradient_free::{self, Best, Objective};
use crate::receptor::{DELAY, NUMBERS, Sound, TABLE, start};
use crate::recording::{Recording, lag};
use crate::search::{Errors, Found, Trained};
use crate::trains::{self, Score};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use spikegrad_fit::FitError;
use spikegrad_fit::least_squares::nalgebra::DVector;
use spikegrad_report::plot::{
    Chart, ChartAxis, ChartLine, ChartPoint, Colours, approximate, chart,
};
use std::error::Error;
use std::path::Path;
use std::time::Instant;

const FITTED: [f64; 2] = [0.0, 6.0];
const VALIDATION: [f64; 2] = [6.0, 8.0];
const HELD_OUT: [f64; 2] = [8.0, 10.0];

/// Time constant of van Rossum's distance, in seconds.
const TAU: f64 = 2e-3;

/// Most simulations of a search with derivatives, and what CMA-ES gets for each that it took.
const MOST: u32 = 40;
const TIMES: u32 = 100;

/// A search whose step gains less than this share is at its end.
const ENOUGH: f64 = 1e-4;

/// Draws of CMA-ES for each objective.
const SEEDS: u64 = 2;

/// Starts beside the first, with this standard deviation of each number in its units.
const STARTS: u64 = 10;
const BESIDE: f64 = 0.3;

/// One recording, and what of it is fitted.
struct Task {
    recording: Recording,
    trained: Trained,
    /// What is fitted of it.
    sound: Sound,
    spikes: Vec<f64>,
}

/// Numbers that a search has found, and how it got there.
struct Fit {
    found: Found,
    numbers: [f64; NUMBERS],
    simulations: u32,
    seconds: f64,
    /// After so many simulations, which numbers.
    path: Vec<(f64, [f64; NUMBERS])>,
}

impl Task {
    /// On the three parts.
    fn scores(&self, numbers: &[f64; NUMBERS]) -> Result<[Score; 3], spikegrad::Error> {
        let Recording { sound, spikes } = &self.recording;
        let train = trains::run(numbers, sound, HELD_OUT[1])?;
        let score = |window| trains::score(&train, spikes, window, TAU);
        Ok([FITTED, VALIDATION, HELD_OUT].map(score))
    }

    fn report(
        &self,
        name: &str,
        (simulations, seconds): (u32, f64),
        numbers: &[f64; NUMBERS],
    ) -> Result<(), spikegrad::Error> {
        let [fitted, validation, held_out] = self.scores(numbers)?.map(|score| {
            let Score { distance, gamma, spikes, recorded } = score;
            format!("{distance:.3}, {gamma:.3} ({spikes} of {recorded})")
        });
        println!(
            "{name}: {simulations} simulations, {seconds:.1} s; distance, Γ (spikes) fitted {fitted}; validation {validation}; held out {held_out}"
        );
        Ok(())
    }

    /// Gauss and Newton's steps on the errors of the intervals, and then the drive at which the free train is nearest.
    fn fit(&self, errors: &mut Errors<'_>, x: DVector<f64>) -> Result<Fit, FitError> {
        let time = Instant::now();
        let found = errors.search(x, MOST)?;
        let steps = found.path.iter();
        let mut path: Vec<_> =
            steps.map(|(n, x)| (f64::from(*n), self.trained.at(x.as_slice()))).collect();
        let numbers = self.trained.at(found.point.x.as_slice());
        let (numbers, runs) = trains::settled(&numbers, &self.sound, &self.spikes, FITTED[1], TAU)
            .map_err(FitError::Evaluate)?;
        let simulations = found.point.evaluations + runs;
        path.push((f64::from(simulations), numbers));
        Ok(Fit { found, numbers, simulations, seconds: time.elapsed().as_secs_f64(), path })
    }

    /// The numbers of a fit with the bars that hold 90 %, if the model is right.
    fn say_numbers(&self, found: &Found) {
        let Some(bars) = &found.bars else {
            println!("  no bars: some direction of the numbers moves no spike");
            return;
        };
        let widths = bars.standard_errors() * crate::synthetic::NINETY;
        println!("  standard deviation of a bounded error: {:.2} ms", 1e3 * bars.variance.sqrt());
        for (k, &position) in self.trained.positions.iter().enumerate() {
            let [low, middle, high] = [-widths[k], 0.0, widths[k]].map(|by| {
                let mut x = found.point.x.clone();
                x[k] += by;
                self.trained.at(x.as_slice())[position]
            });
            println!("  {}: {middle:.5} ({low:.5} to {high:.5})", TABLE[position].name);
        }
    }

    /// Adds to the panels Γ and the distance on the held-out seconds along the path of a search.
    fn draw(
        &self,
        name: &str,
        path: &[(f64, [f64; NUMBERS])],
        panels: &mut [Chart; 2],
    ) -> Result<(), spikegrad::Error> {
        let mut lines = [(); 2].map(|()| ChartLine { name: name.into(), ..ChartLine::default() });
        for (simulations, numbers) in path {
            let [_, _, held_out] = self.scores(numbers)?;
            for (line, y) in lines.iter_mut().zip([held_out.gamma, held_out.distance]) {
                line.points.push(ChartPoint::from((*simulations, y)));
            }
        }
        for (panel, line) in panels.iter_mut().zip(lines) {
            panel.lines.push(line);
        }
        Ok(())
    }

    fn compare(&self, panels: &mut [Chart; 2]) -> Result<(), Box<dyn Error>> {
        self.report("start", (0, 0.0), &self.trained.start)?;
        let mut errors = Errors::new(&self.trained, &self.sound, &self.spikes, ENOUGH)?;
        let first = self.fit(&mut errors, DVector::zeros(NUMBERS))?;
        self.report("with derivatives", (first.simulations, first.seconds), &first.numbers)?;
        println!("  cost of the intervals: {:.1} ms²", 2e6 * first.found.point.cost());
        self.say_numbers(&first.found);
        self.draw("with derivatives", &first.path, panels)?;
        for seed in 0..STARTS {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            let mut normal = || -> f64 { StandardNormal.sample(&mut rng) };
            let x = DVector::from_fn(NUMBERS, |_, _| BESIDE * normal());
            let fit = self.fit(&mut errors, x)?;
            let name = format!("with derivatives, start {seed}");
            self.report(&name, (fit.simulations, fit.seconds), &fit.numbers)?;
        }

        let most = usize::try_from(TIMES * first.simulations)?;
        let distance = Objective::Distance { tau: TAU, t_end: FITTED[1] };
        for (of, objective) in [("distance", distance), ("intervals", Objective::Intervals)] {
            for seed in 0..SEEDS {
                let time = Instant::now();
                let path = gradient_free::search(
                    objective,
                    &self.trained,
                    &self.sound,
                    &self.spikes,
                    seed,
                    most,
                )?;
                let seconds = time.elapsed().as_secs_f64();
                let numbers = |x: &[f64]| self.trained.at(x);
                if let Some(Best { simulations, x, value }) = path.last() {
                    let name = format!("CMA-ES on the {of}, seed {seed}");
                    self.report(&name, (u32::try_from(*simulations)?, seconds), &numbers(x))?;
                    if objective == Objective::Intervals {
                        println!("  cost of the intervals: {:.1} ms²", 1e6 * value);
                    }
                }
                let path: Vec<_> =
                    path.iter().map(|of| (approximate(of.simulations), numbers(&of.x))).collect();
                if seed == 0 {
                    self.draw(&format!("CMA-ES on the {of}"), &path, panels)?;
                }
            }
        }
        Ok(())
    }
}

/// Fits both recordings of a folder, and draws how the searches went into another.
pub(crate) fn compare(folder: &Path, images: Option<&Path>) -> Result<(), Box<dyn Error>> {
    let mut charts = Vec::new();
    for k in 1..=2 {
        let recording = Recording::read(folder, k)?;
        println!("recording {k}: {} spikes", recording.spikes.len());
        let spikes = trains::part(&recording.spikes, FITTED).to_vec();
        let mut start = start();
        start[DELAY] = lag(&recording.sound, &spikes);
        let trained = Trained { start, positions: (0..NUMBERS).collect() };
        let sound = recording.sound.until(FITTED[1]);
        let mut panels = ["Γ", "van Rossum's distance for each spike"].map(|label| Chart {
            heading: format!("Recording {k}, held-out seconds"),
            x: ChartAxis { label: "simulations".into(), logarithmic: true },
            y: ChartAxis { label: label.into(), ..ChartAxis::default() },
            lines: vec![],
        });
        Task { recording, trained, sound, spikes }.compare(&mut panels)?;
        charts.extend(panels);
    }
    if let Some(images) = images {
        let path = images.join("recorded_neuron.svg");
        chart(&charts, &mut Colours::default())?.save(&path)?;
        println!("{}", path.display());
    }
    Ok(())
}
