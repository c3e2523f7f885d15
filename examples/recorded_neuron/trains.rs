//! The spike trains of a receptor that runs by itself, and how near they are to recorded ones.

use crate::receptor::{NUMBERS, Sound, current, driven, network};
use spikegrad::dynamics::math;
use spikegrad::{Error, Evaluator, Settings};
use spikegrad_report::plot::approximate;

/// Two spikes are one within this, in seconds.
pub(crate) const COINCIDENCE: f64 = 1e-3;

/// How near a train is to a recorded one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Score {
    /// Van Rossum's distance, for each recorded spike: 1/2 is that of no spikes, if they are far apart.
    pub(crate) distance: f64,
    /// Coincidences beyond those by chance, as a share of all: Γ.
    pub(crate) gamma: f64,
    pub(crate) spikes: usize,
    pub(crate) recorded: usize,
}

/// The part of a train from `from` to `to`, in seconds.
pub(crate) fn part(train: &[f64], [from, to]: [f64; 2]) -> &[f64] {
    let position = |time: f64| train.partition_point(|spike| *spike < time);
    &train[position(from)..position(to)]
}

/// The spikes of a receptor up to `t_end`.
pub(crate) fn run(numbers: &[f64; NUMBERS], sound: &Sound, t_end: f64) -> Result<Vec<f64>, Error> {
    let stimulus = current(numbers, sound, false).stimulus(t_end)?;
    let (network, parameters) = network(numbers)?;
    let mut evaluator = Evaluator::new(network, &parameters, Settings::default())?;
    let trace = evaluator.simulate_forward(&stimulus, &[])?;
    Ok(trace.spikes.iter().map(|spike| spike.time).collect())
}

/// Van Rossum's distance of two trains, with the sums of the definition (docs/mathematics.md, eq. 20b), as a walk along both.
pub(crate) fn distance(train: &[f64], recorded: &[f64], tau: f64) -> f64 {
    let ups = train.iter().map(|&time| (time, 1.0));
    let mut events: Vec<(f64, f64)> =
        ups.chain(recorded.iter().map(|&time| (time, -1.0))).collect();
    events.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (mut height, mut sum) = (0.0, 0.0);
    for (k, (time, step)) in events.iter().enumerate() {
        height += step;
        let left = events.get(k + 1).map_or(0.0, |next| math::exp(-(next.0 - time) / tau));
        sum += 0.5 * height * height * (1.0 - left * left);
        height *= left;
    }
    sum
}

/// Γ of Jolivet et al. 2008: coincidences within [`COINCIDENCE`], each spike at most once, beyond those of a Poisson train of the same rate.
pub(crate) fn gamma(train: &[f64], recorded: &[f64], duration: f64) -> f64 {
    let (mut i, mut j, mut coincidences) = (0, 0, 0usize);
    while let (Some(a), Some(b)) = (train.get(i), recorded.get(j)) {
        if (a - b).abs() <= COINCIDENCE {
            (i, j, coincidences) = (i + 1, j + 1, coincidences + 1);
        } else if a < b {
            i += 1;
        } else {
            j += 1;
        }
    }
    let [found, model, shall] = [coincidences, train.len(), recorded.len()].map(approximate);
    if model + shall == 0.0 {
        return 1.0;
    }
    let rate = model / duration;
    let by_chance = 2.0 * rate * COINCIDENCE * shall;
    (found - by_chance) / (0.5 * (model + shall)) / (1.0 - 2.0 * rate * COINCIDENCE)
}

/// Both, of the part of the trains within a window.
pub(crate) fn score(train: &[f64], recorded: &[f64], window: [f64; 2], tau: f64) -> Score {
    let (train, recorded) = (part(train, window), part(recorded, window));
    Score {
        distance: distance(train, recorded, tau) / approximate(recorded.len()).max(1.0),
        gamma: gamma(train, recorded, window[1] - window[0]),
        spikes: train.len(),
        recorded: recorded.len(),
    }
}

/// Factors of the drive that are tried: 0.9 to 1.06.
const FACTORS: [f64; 9] = [0.9, 0.92, 0.94, 0.96, 0.98, 1.0, 1.02, 1.04, 1.06];

/// The numbers with all that drives the membrane times the one of [`FACTORS`] at which the neuron that runs by itself is nearest to the recorded spikes, which last up to `t_end`; and how many runs that took.
///
/// Errors of intervals do not say whether a spike that is now and then missing should rather be there or not; the distance does.
pub(crate) fn settled(
    numbers: &[f64; NUMBERS],
    sound: &Sound,
    recorded: &[f64],
    t_end: f64,
    tau: f64,
) -> Result<([f64; NUMBERS], u32), Error> {
    let mut best = (f64::INFINITY, *numbers);
    let mut runs = 0;
    for factor in FACTORS {
        let numbers = driven(numbers, factor);
        let distance = distance(&run(&numbers, sound, t_end)?, recorded, tau);
        runs += 1;
        if distance < best.0 {
            best = (distance, numbers);
        }
    }
    Ok((best.1, runs))
}
