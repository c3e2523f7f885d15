//! Input spikes of samples: flat arrays, checked, as the inputs of runs.
//!
//! A spike stays in the place in which it was given, and so does the derivative by its time. Not here: other forms of spikes (`python/spikegrad/_spikes.py`),
//! injected currents (`currents.rs`).

use crate::arrays::{floats, indices};
use crate::currents::{CurrentsSpec, Layout, inject};
use crate::errors::Failure;
use pyo3::prelude::*;
use spikegrad::{InputSpike, Stimulus};

/// The inputs of runs, sample by sample.
#[pyclass(frozen, module = "spikegrad._core")]
pub(crate) struct Trains {
    pub(crate) stimuli: Vec<Stimulus>,
    /// Where the numbers of their currents stand.
    pub(crate) layout: Layout,
}

#[pymethods]
impl Trains {
    /// Sample k has the spikes `offsets[k]..offsets[k + 1]`.
    #[new]
    fn new(
        channels: usize,
        offsets: &Bound<'_, PyAny>,
        times: &Bound<'_, PyAny>,
        channel: &Bound<'_, PyAny>,
        t_end: f64,
    ) -> PyResult<Self> {
        let offsets: Vec<usize> = indices("offsets", offsets)?;
        let channel: Vec<usize> = indices("channels", channel)?;
        let times = floats("times", times)?.to_vec();
        if !(t_end.is_finite() && t_end >= 0.0) {
            let what = format!("is {t_end}; it must be a time in seconds, 0 or more");
            return Err(Failure::input("t_end", what).into());
        }
        if let Some(failure) = wrong(channels, &offsets, &times, &channel, t_end) {
            return Err(failure.into());
        }
        let spike = |k: usize| InputSpike { channel: channel[k], time: times[k] };
        let sample =
            |bounds: &[usize]| Stimulus::new(t_end, (bounds[0]..bounds[1]).map(spike).collect());
        let stimuli: Result<Vec<_>, _> = offsets.windows(2).map(sample).collect();
        Ok(Self { stimuli: stimuli.map_err(Failure::from)?, layout: Layout::default() })
    }

    /// The same spikes with these currents, in place of any others.
    fn with_currents(&self, currents: CurrentsSpec<'_>) -> PyResult<Self> {
        let (stimuli, layout) = inject(&self.stimuli, &currents)?;
        Ok(Self { stimuli, layout })
    }

    fn __len__(&self) -> usize {
        self.stimuli.len()
    }
}

/// The first thing that is wrong with spikes.
fn wrong(
    channels: usize,
    offsets: &[usize],
    times: &[f64],
    channel: &[usize],
    t_end: f64,
) -> Option<Failure> {
    if channel.len() != times.len() {
        let what = format!("has {} entries; there are {} times", channel.len(), times.len());
        return Some(Failure::input("channels", what));
    }
    let ends = (offsets.first(), offsets.last());
    if ends != (Some(&0), Some(&times.len())) || !offsets.is_sorted() {
        let what = format!(
            "must begin with 0, must not fall, and must end with {}, the number of spikes",
            times.len()
        );
        return Some(Failure::input("offsets", what));
    }
    for (k, (&time, &channel)) in times.iter().zip(channel).enumerate() {
        if !(time.is_finite() && time >= 0.0) {
            let what = format!("is {time}; it must be a time in seconds, 0 or more");
            return Some(Failure::input(format!("times[{k}]"), what));
        }
        if time > t_end {
            let what = format!("is {time}, after t_end, which is {t_end}");
            return Some(Failure::input(format!("times[{k}]"), what));
        }
        if channel >= channels {
            let what = format!(
                "is {channel}, but there are only {channels} channels; counting starts at 0"
            );
            return Some(Failure::input(format!("channels[{k}]"), what));
        }
    }
    None
}
