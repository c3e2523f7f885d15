//! What the search is compared with: CMA-ES (N. Hansen and A. Ostermeier, 2001; the crate `cmaes`), which sees values alone.
//!
//! It minimises either van Rossum's distance of the neuron that runs by itself, or the same bounded errors of intervals, from the same start in the same units.

use crate::receptor::Sound;
use crate::search::{Errors, Trained};
use crate::trains;
use cmaes::{CMAESOptions, DVector};
use spikegrad_fit::least_squares::Residuals;
use spikegrad_fit::least_squares::nalgebra;
use std::error::Error;

/// Standard deviation of the first generation, in units of the numbers.
const SIZE: f64 = 0.5;

/// What a neuron without a run has.
const WORST: f64 = 1e9;

/// What is minimised.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Objective {
    /// Van Rossum's distance under this time constant, up to this time, in seconds.
    Distance { tau: f64, t_end: f64 },
    /// The sum of the squares of the bounded errors of the intervals.
    Intervals,
}

/// How far a search has come.
#[derive(Clone, Debug)]
pub(crate) struct Best {
    /// After so many simulations
    pub(crate) simulations: usize,
    /// the best numbers so far, in their units, were these,
    pub(crate) x: Vec<f64>,
    /// with this value.
    pub(crate) value: f64,
}

/// Searches with `most` simulations, and tells how it went.
pub(crate) fn search(
    objective: Objective,
    trained: &Trained,
    sound: &Sound,
    spikes: &[f64],
    seed: u64,
    most: usize,
) -> Result<Vec<Best>, Box<dyn Error>> {
    let columns = trained.positions.len();
    let mut errors = Errors::new(trained, sound, spikes, 0.0)?;
    let value = |x: &DVector<f64>| match objective {
        Objective::Distance { tau, t_end } => {
            let train = trains::run(&trained.at(x.as_slice()), sound, t_end);
            train.map_or(WORST, |train| trains::distance(&train, spikes, tau))
        }
        Objective::Intervals => {
            let x = nalgebra::DVector::from_column_slice(x.as_slice());
            errors.at(&x).map_or(WORST, |residuals| residuals.norm_squared())
        }
    };
    let options = CMAESOptions::new(vec![0.0; columns], SIZE).seed(seed).max_function_evals(most);
    let mut state = options.build(value).map_err(|error| format!("CMA-ES: {error:?}"))?;
    let mut path = Vec::new();
    let mut next = state.parameters().lambda();
    loop {
        let end = state.next();
        let evaluations = state.function_evals();
        if evaluations >= next || end.is_some() {
            next = evaluations + evaluations / 2;
            if let Some(best) = state.overall_best_individual() {
                let (x, value) = (best.point.as_slice().to_vec(), best.value);
                path.push(Best { simulations: evaluations, x, value });
            }
        }
        if end.is_some() {
            return Ok(path);
        }
    }
}
