//! What is searched for: the numbers of a receptor whose spikes are those of a recording, interval by interval.
//!
//! The residual of an interval is the error δ of its spike, bounded: δ/√(1 + (δ/c)²). What is off by much more than c counts as c: a hump of the potential that stays below the threshold by little is
//! one spike off, whatever the length of the silence after it.

use crate::receptor::{Motion, NUMBERS, Sound, TABLE, current, neuron};
use spikegrad::dynamics::math;
use spikegrad_fit::least_squares::nalgebra::{DMatrix, DVector};
use spikegrad_fit::least_squares::{ErrorBars, Point, Residuals, error_bars, minimise};
use spikegrad_fit::{FitError, Intervals, NextSpikes};

/// Which numbers change, and where they start.
#[derive(Clone, Debug)]
pub(crate) struct Trained {
    pub(crate) start: [f64; NUMBERS],
    pub(crate) positions: Vec<usize>,
}

impl Trained {
    /// The numbers where those that are trained have moved by `x`.
    pub(crate) fn at(&self, x: &[f64]) -> [f64; NUMBERS] {
        let mut numbers = self.start;
        for (&position, x) in self.positions.iter().zip(x) {
            let number = &mut numbers[position];
            match TABLE[position].motion {
                Motion::By(unit) => *number += unit * x,
                Motion::Times => *number *= math::exp(*x),
            }
        }
        numbers
    }

    /// The `x` at which the numbers are these.
    pub(crate) fn x_of(&self, numbers: &[f64; NUMBERS]) -> Vec<f64> {
        let one = |&position: &usize| match TABLE[position].motion {
            Motion::By(unit) => (numbers[position] - self.start[position]) / unit,
            Motion::Times => math::ln(numbers[position] / self.start[position]),
        };
        self.positions.iter().map(one).collect()
    }

    /// Derivatives with respect to `x`, out of those with respect to the numbers.
    pub(crate) fn by_x(&self, numbers: &[f64; NUMBERS], gradient: &[f64; NUMBERS]) -> Vec<f64> {
        let one = |&position: &usize| match TABLE[position].motion {
            Motion::By(unit) => unit * gradient[position],
            Motion::Times => numbers[position] * gradient[position],
        };
        self.positions.iter().map(one).collect()
    }
}

/// What a large error counts as, in seconds: a validation part chose it from 1, 2, 3 and 4 ms.
pub(crate) const BOUND: f64 = 2e-3;

/// How far beyond its end an interval is followed.
const BEYOND: f64 = 4.0 * BOUND;

/// How far no number moves, in its units.
const FARTHEST: f64 = 8.0;

/// The intervals of a recording as a problem of least squares.
#[derive(Debug)]
pub(crate) struct Errors<'a> {
    trained: &'a Trained,
    sound: &'a Sound,
    intervals: Intervals,
    there: Option<([f64; NUMBERS], NextSpikes)>,
    /// A search whose step gains less than this share is at its end.
    enough: f64,
    /// The lowest cost so far, and by which share the last step lowered it.
    cost: f64,
    gained: f64,
}

/// What a search has found.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub(crate) point: Point,
    /// What the errors are off by, and the numbers for that: Gauss and Newton's.
    pub(crate) bars: Option<ErrorBars>,
    /// After how many simulations the search was where.
    pub(crate) path: Vec<(u32, DVector<f64>)>,
}

impl<'a> Errors<'a> {
    pub(crate) fn new(
        trained: &'a Trained,
        sound: &'a Sound,
        spikes: &[f64],
        enough: f64,
    ) -> Result<Self, FitError> {
        let intervals = Intervals::new(spikes.to_vec(), BEYOND)?;
        let cost = f64::INFINITY;
        Ok(Self { trained, sound, intervals, there: None, enough, cost, gained: 1.0 })
    }

    /// Searches from `x` with `most` simulations.
    pub(crate) fn search(&mut self, x: DVector<f64>, most: u32) -> Result<Found, FitError> {
        (self.cost, self.gained) = (f64::INFINITY, 1.0);
        let mut path = vec![(1, x.clone())];
        let point =
            minimise(self, x, most, |point| path.push((point.evaluations, point.x.clone())))?;
        // The run and its way back are those of the last step, which was one of the simulations.
        let residuals = self.at(&point.x)?;
        let bars = error_bars(&self.jacobian()?, &residuals);
        Ok(Found { point, bars, path })
    }

    /// The bounded error, and its derivative by the error.
    fn bounded(error: f64) -> (f64, f64) {
        let share = error / BOUND;
        let root = (1.0 + share * share).sqrt();
        (error / root, 1.0 / (root * root * root))
    }

    /// The errors, in seconds, at the point that was asked for last: spikes that are missing have the largest.
    pub(crate) fn errors(&self) -> Vec<f64> {
        let Some((_, next)) = &self.there else { return vec![] };
        let ends = self.intervals.ends();
        let error = |(time, end): (&Option<f64>, &f64)| time.map_or(BEYOND, |t| t - end);
        next.times.iter().zip(ends).map(error).collect()
    }
}

impl Residuals for Errors<'_> {
    fn project(&self, x: &mut DVector<f64>) {
        x.iter_mut().for_each(|x| *x = x.clamp(-FARTHEST, FARTHEST));
    }

    fn at(&mut self, x: &DVector<f64>) -> Result<DVector<f64>, FitError> {
        let numbers = self.trained.at(x.as_slice());
        let sampled = current(&numbers, self.sound, false).sampled;
        let next = self.intervals.next_spikes(&neuron(&numbers), &sampled)?;
        self.there = Some((numbers, next));
        let residuals = self.errors().into_iter().map(|error| Self::bounded(error).0);
        let residuals = DVector::from_iterator(self.intervals.ends().len(), residuals);
        let cost = 0.5 * residuals.norm_squared();
        if cost < self.cost {
            self.gained = if self.cost.is_finite() { 1.0 - cost / self.cost } else { 1.0 };
            self.cost = cost;
        }
        Ok(residuals)
    }

    fn is_solved(&self) -> bool {
        self.gained < self.enough
    }

    fn jacobian(&self) -> Result<DMatrix<f64>, FitError> {
        let columns = self.trained.positions.len();
        let Some((numbers, next)) = &self.there else { return Ok(DMatrix::zeros(0, columns)) };
        let current = current(numbers, self.sound, true);
        let slopes = self.errors().into_iter().map(|error| Self::bounded(error).1);
        let rows = next.gradients()?.into_iter().zip(slopes).flat_map(|(of, slope)| {
            let by = current.gradient(of.first, &of.values, of.start, |k| of.numbers[k]);
            self.trained.by_x(numbers, &by).into_iter().map(move |x| slope * x)
        });
        Ok(DMatrix::from_row_iterator(self.intervals.ends().len(), columns, rows))
    }
}
