//! Central differences with one Richardson step, number by number, refused where the order of events changes.
//!
//! With D(h) the central quotient, `(4 D(h/2) − D(h))/3` has truncation error O(h⁴) and rounding error about 3 ε|L|/h: at
//! h = 1e-4 of the number, 1e-16 L⁽⁵⁾/480 and 7e-12 |L|/|x|. Hence the tolerance 1e-8 for losses and numbers of order one.
//!
//! Not here: what a run is worth; the caller's closure says.

use crate::Signature;
use spikegrad_network::{Circuit, InputSpike, Network, Parameters, Stimulus, Trace};

/// Step relative to a number's size.
pub const RELATIVE_STEP: f64 = 1e-4;

/// The derivative with respect to one number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Difference {
    /// The quotient.
    Quotient(f64),
    /// The order of events differs between the points: there is no quotient to take.
    SignatureChanged,
    /// A point lies outside of what can be run (a negative time, a threshold below the reset).
    OutOfRange,
}

impl Difference {
    /// The quotient, if there is one.
    #[must_use]
    pub fn quotient(self) -> Option<f64> {
        match self {
            Self::Quotient(value) => Some(value),
            Self::SignatureChanged | Self::OutOfRange => None,
        }
    }
}

/// The derivative with respect to every number of a problem.
#[derive(Clone, Debug, PartialEq)]
pub struct Differences {
    /// In the order of [`Parameters::to_vec`].
    pub parameters: Vec<Difference>,
    /// For each input spike time, in the order of time.
    pub input_times: Vec<Difference>,
}

/// Returns difference quotients with respect to every parameter and input spike time.
///
/// `run` simulates and returns the value of the loss and the trace, or `None` if that cannot be done. `scale` is the size
/// taken for numbers that are smaller, so that a number of zero gets a step: one entry a number, parameters first.
pub fn finite_differences(
    network: &Network,
    parameters: &Parameters,
    stimulus: &Stimulus,
    scale: impl Fn(usize) -> f64,
    run: impl Fn(&Parameters, &Stimulus) -> Option<(f64, Trace)>,
) -> Option<Differences> {
    let at = |parameters: &Parameters, stimulus: &Stimulus| {
        let (value, trace) = run(parameters, stimulus)?;
        let circuit = Circuit::new(network, parameters).ok()?;
        Some((value, Signature::new(&circuit, &trace)))
    };
    let (_, signature) = at(parameters, stimulus)?;
    let quotient = |x: f64, scale: f64, at: &dyn Fn(f64) -> Option<(f64, Signature)>| {
        let step = RELATIVE_STEP * x.abs().max(scale);
        let mut central = [0.0; 2];
        for (step, central) in [step, step / 2.0].into_iter().zip(&mut central) {
            let (Some((up, above)), Some((down, below))) = (at(x + step), at(x - step)) else {
                return Difference::OutOfRange;
            };
            if above != signature || below != signature {
                return Difference::SignatureChanged;
            }
            // The steps as they were taken, after rounding.
            *central = (up - down) / ((x + step) - (x - step));
        }
        Difference::Quotient((4.0 * central[1] - central[0]) / 3.0)
    };
    let numbers = parameters.to_vec();
    let with = |k: usize, x: f64| {
        let mut changed = parameters.clone();
        let mut position = 0;
        changed.for_each_mut(|number| {
            if position == k {
                *number = x;
            }
            position += 1;
        });
        at(&changed, stimulus)
    };
    let of_parameters =
        (0..numbers.len()).map(|k| quotient(numbers[k], scale(k), &|x| with(k, x))).collect();
    let spikes = stimulus.spikes();
    let with_time = |k: usize, time: f64| {
        let mut changed: Vec<InputSpike> = spikes.to_vec();
        changed[k].time = time;
        at(parameters, &Stimulus::new(stimulus.t_end(), changed).ok()?)
    };
    let of_times = (0..spikes.len())
        .map(|k| quotient(spikes[k].time, scale(numbers.len() + k), &|t| with_time(k, t)))
        .collect();
    Some(Differences { parameters: of_parameters, input_times: of_times })
}
