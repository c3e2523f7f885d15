//! A run to 100 digits that goes where a run in doubles went, as far as it may, and says whether the two are one.
//!
//! Where the order of two events or the existence of a spike is not decided by doubles, the trace decides; everywhere else it must have the spikes
//! of the exact run, at their times to within the errors of doubles. Not here: what these may be (`rounding.rs`).

use super::document::Document;
use super::number::Number;
use super::simulator::{Decider, Exactly, Lost, Run, Simulator, Spike};
use serde_json::Value;
use spikegrad::Trace;

/// The spikes of each neuron in a trace, and how many of them have been met.
struct Following {
    /// Times with what their rounding left off.
    spikes: Vec<Vec<(f64, f64)>>,
    met: Vec<usize>,
    /// Largest difference of a time, as a share of its tolerance.
    worst: f64,
}

impl Following {
    fn new(trace: &Trace) -> Self {
        let neurons = trace.spikes.iter().map(|spike| spike.neuron.index() + 1);
        let mut spikes = vec![Vec::new(); neurons.max().unwrap_or(0)];
        for spike in &trace.spikes {
            spikes[spike.neuron.index()].push((spike.time, spike.time_remainder));
        }
        Self { met: vec![0; spikes.len()], spikes, worst: 0.0 }
    }

    /// The next spike of a neuron that has not been met.
    fn next(&self, neuron: usize) -> Option<(f64, f64)> {
        self.spikes.get(neuron)?.get(self.met[neuron]).copied()
    }
}

impl Decider for Following {
    fn spikes(&mut self, neuron: usize, time: &Number, tolerance: f64, _: bool) -> bool {
        let Some((spike, rest)) = self.next(neuron) else { return false };
        let off = (Number::from(spike) + Number::from(rest) - time).abs().to_f64();
        if off > tolerance {
            return false;
        }
        self.met[neuron] += 1;
        self.worst = self.worst.max(off / tolerance);
        true
    }
}

/// What two runs have in common.
#[derive(Debug)]
pub(crate) struct Followed {
    pub(crate) run: Run,
    /// Largest difference of a time, as a share of its tolerance.
    pub(crate) worst: f64,
    /// Spikes of the trace after the exact run became blurred.
    pub(crate) not_compared: usize,
}

/// Runs a problem along a trace of it.
///
/// An error says which spike is missing, or one too many, or at a wrong time.
pub(crate) fn follow(document: &Value, trace: &Trace) -> Result<Followed, String> {
    let document = Document::read(document);
    let mut following = Following::new(trace);
    let run = Simulator::new(&document).run(&mut following).map_err(|lost| {
        let Lost { neuron, time, tolerance } = lost;
        let next = following.next(neuron);
        format!("neuron {neuron} spikes at {time:e} s, to {tolerance:e}; its next in the trace is {next:?}")
    })?;
    let (met, all): (usize, usize) = (following.met.iter().sum(), trace.spikes.len());
    if run.blurred.is_none() && met < all {
        let invented = following.spikes.iter().zip(&following.met).enumerate();
        let invented = invented.filter_map(|(k, (spikes, &met))| Some((k, spikes.get(met)?)));
        return Err(format!("the trace has spikes of its own: {:?}", invented.collect::<Vec<_>>()));
    }
    Ok(Followed { run, worst: following.worst, not_compared: all - met })
}

impl Run {
    /// The largest difference of a spike time of a trace from this run, as a share of what it may be; infinite if a spike is missing or one too many.
    pub(crate) fn difference(&self, trace: &Trace) -> f64 {
        let mut following = Following::new(trace);
        let is_there = |s: &Spike| following.spikes(s.neuron, &s.time, s.tolerance, true);
        let are_there = self.spikes.iter().all(is_there);
        if are_there && self.spikes.len() == trace.spikes.len() {
            following.worst
        } else {
            f64::INFINITY
        }
    }
}

/// The spikes of the exact run of a problem: neuron and time, in order.
pub(crate) fn exact_spikes(document: &Value) -> Vec<(usize, f64)> {
    let document = Document::read(document);
    let run = Simulator::new(&document).run(&mut Exactly).unwrap();
    run.spikes.iter().map(|spike| (spike.neuron, spike.time.to_f64())).collect()
}
