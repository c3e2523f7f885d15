//! A recording: a sound, and when the neuron spiked; read from files, or drawn.

use crate::receptor::Sound;
use flate2::read::GzDecoder;
use spikegrad::dynamics::math;
use spikegrad_report::plot::approximate;
use std::error::Error;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Samples of the sound that become one of the current.
const TOGETHER: usize = 5;

/// A sound and the spikes that it led to, in seconds.
#[derive(Clone, Debug)]
pub(crate) struct Recording {
    pub(crate) sound: Sound,
    pub(crate) spikes: Vec<f64>,
}

/// The numbers in column `column` of the lines of a text that are no comments.
fn column(text: &str, column: usize, name: &Path) -> Result<Vec<f64>, Box<dyn Error>> {
    let lines = text.lines().enumerate().filter(|(_, line)| {
        let line = line.trim();
        !line.is_empty() && !line.starts_with('#')
    });
    let number = |(k, line): (usize, &str)| {
        let number = line.split_whitespace().nth(column).and_then(|word| word.parse().ok());
        number.ok_or_else(|| format!("{}, line {}: no number", name.display(), k + 1).into())
    };
    lines.map(number).collect()
}

fn open(path: &Path) -> Result<File, String> {
    File::open(path).map_err(|error| format!("{}: {error}", path.display()))
}

impl Recording {
    /// Reads `stimulusK.txt.gz` (time in µs, amplitude) and `spike_timesK.txt` (µs) of a folder.
    pub(crate) fn read(folder: &Path, k: u32) -> Result<Self, Box<dyn Error>> {
        let path = folder.join(format!("spike_times{k}.txt"));
        let mut text = String::new();
        open(&path)?.read_to_string(&mut text)?;
        let spikes = column(&text, 0, &path)?.into_iter().map(|time| 1e-6 * time).collect();
        let path = folder.join(format!("stimulus{k}.txt.gz"));
        text.clear();
        GzDecoder::new(open(&path)?).read_to_string(&mut text)?;
        let (times, amplitudes) = (column(&text, 0, &path)?, column(&text, 1, &path)?);
        let [first, second, ..] = times[..] else {
            return Err(format!("{}: fewer than two samples", path.display()).into());
        };
        if amplitudes.iter().any(|amplitude| *amplitude <= 0.0 || amplitude.is_nan()) {
            return Err(format!("{}: an amplitude that is not positive", path.display()).into());
        }
        Ok(Self { sound: sound(&amplitudes, 1e-6 * (second - first)), spikes })
    }
}

/// By how much spikes are later than what they answer to, in seconds: the lag, up to 20 ms, at which the sound before them is loudest on average.
pub(crate) fn lag(sound: &Sound, spikes: &[f64]) -> f64 {
    let at: Vec<f64> = (0..sound.levels.len()).map(|k| approximate(k) * sound.interval).collect();
    // The sample that each spike falls into, from those on that have all lags before them.
    let samples: Vec<usize> =
        spikes.iter().map(|spike| at.partition_point(|time| time <= spike)).collect();
    let lags = at.partition_point(|time| *time <= 0.02);
    let loudness = |lag: usize| -> f64 {
        samples.iter().filter(|k| **k > lags).map(|k| sound.levels[k - 1 - lag]).sum()
    };
    let loudest = (0..lags).max_by(|&a, &b| loudness(a).total_cmp(&loudness(b)));
    loudest.map_or(0.0, |lag| at[lag])
}

/// Levels of amplitudes that are `interval` seconds apart.
fn sound(amplitudes: &[f64], interval: f64) -> Sound {
    let mean = |levels: &[f64]| levels.iter().sum::<f64>() / approximate(levels.len());
    let levels: Vec<f64> = amplitudes.iter().map(|&amplitude| math::ln(amplitude)).collect();
    let middle = mean(&levels);
    let levels = levels.chunks(TOGETHER).map(|chunk| mean(chunk) - middle).collect();
    Sound { interval: approximate(TOGETHER) * interval, levels }
}
