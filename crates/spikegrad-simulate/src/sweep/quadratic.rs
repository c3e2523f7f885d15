//! One layer of quadratic neurons with delta synapses, from stretch to stretch between its arrivals.
//!
//! One pass moves all neurons, and names those that may spike on the way; these are run one by one, as the event loop runs them. Such a layer does not hear itself, so that all of its
//! arrivals are known. Not here: the pass (`spikegrad_dynamics::qif`), what follows the run (`pseudospikes.rs`).

use super::arrivals::{Arrivals, Arriving, Fired};
use super::budget::Budget;
use super::{Irregular, in_order};
use spikegrad_dynamics::qif::{Motion, Points};
use spikegrad_dynamics::{Outlook, TimeConstants, Vector};
use spikegrad_network::{Layer, NeuronId, QuadraticBody, Spike, Time, Watch};

/// Memory of a layer under way.
#[derive(Clone, Debug, Default)]
pub(super) struct QuadraticScratch {
    arrivals: Arrivals,
    arriving: Arriving<1>,
    before: Points,
    after: Points,
    named: Vec<usize>,
}

/// One layer of one run.
#[derive(Debug)]
pub(super) struct QuadraticRun<'a> {
    pub(super) fired: Fired<'a>,
    pub(super) layer: &'a Layer,
    pub(super) body: &'a QuadraticBody,
    pub(super) t_end: f64,
    pub(super) budget: &'a Budget,
    /// Its spikes, in order.
    pub(super) spikes: &'a mut Vec<Spike>,
    /// The states of its neurons at the end of the run.
    pub(super) ends: &'a mut [Vector<f64>],
    pub(super) scratch: &'a mut QuadraticScratch,
}

/// A stretch between two arrivals, or after the last one.
#[derive(Clone, Copy, Debug)]
struct Stretch {
    from: Time,
    until: Time,
    is_last: bool,
}

impl Stretch {
    /// Whether a crossing is still in it: at an instant crossings come before arrivals.
    fn holds(&self, time: Time) -> bool {
        if self.is_last {
            time.is_by(self.until.rounded)
        } else {
            time.rounded <= self.until.rounded
        }
    }
}

impl QuadraticRun<'_> {
    pub(super) fn run(mut self) -> Result<(), Irregular> {
        let QuadraticScratch { arrivals, before, .. } = &mut *self.scratch;
        arrivals.reset(self.layer, self.fired);
        arrivals.take_all(self.layer, self.fired, self.t_end)?;
        before.set_all(&self.body.initial);
        let (mut from, mut watch) = (Time::from(0.0), Watch::default());
        for k in 0..=self.scratch.arrivals.instants.len() {
            // The event loop says so at its start, and what became too much.
            if watch.is_interrupted() || self.budget.may_be_spent(self.spikes.len()) {
                return Err(Irregular);
            }
            let next = self.scratch.arrivals.instants.get(k).copied();
            let until = next.unwrap_or(Time::from(self.t_end));
            self.stretch(Stretch { from, until, is_last: next.is_none() })?;
            let QuadraticScratch { arrivals, arriving, before, .. } = &mut *self.scratch;
            if next.is_some() {
                arriving.set(self.fired.wiring, &arrivals.rows[arrivals.at(k)]);
                let [weights] = arriving.weights(self.fired.wiring);
                before.receive(weights);
            }
            from = until;
        }
        self.spikes.sort_unstable_by(|a, b| in_order((a.time, a.neuron), (b.time, b.neuron)));
        for (n, end) in self.ends.iter_mut().enumerate() {
            *end = self.scratch.before.get(n);
            if !is_finite(*end) {
                return Err(Irregular);
            }
        }
        Ok(())
    }

    fn stretch(&mut self, at: Stretch) -> Result<(), Irregular> {
        let Some(model) = self.body.models.first() else { return Ok(()) };
        let motion = Motion::new(model, at.until.since(at.from));
        let QuadraticScratch { before, after, named, .. } = &mut *self.scratch;
        before.flow(&motion, after);
        after.name(&motion, named);
        for place in 0..self.scratch.named.len() {
            let n = self.scratch.named[place];
            let end = self.follow(n, at)?;
            self.scratch.after.set(n, end);
        }
        let QuadraticScratch { before, after, .. } = &mut *self.scratch;
        std::mem::swap(before, after);
        Ok(())
    }

    /// Runs one neuron along a stretch, from spike to spike; returns its state at the end.
    fn follow(&mut self, n: usize, at: Stretch) -> Result<Vector<f64>, Irregular> {
        let (model, mut state) = (&self.body.models[n], self.scratch.before.get(n));
        let (mut from, neuron) = (at.from, NeuronId::new(self.layer.neurons.start + n));
        loop {
            let (time, slope) = match model.next_spike(state) {
                Outlook::Silent => break,
                Outlook::Crossing { dt, slope } => (from.after(dt), slope),
                Outlook::Touch { .. } | Outlook::Jump | Outlook::Nonsense { .. } => {
                    return Err(Irregular);
                }
            };
            if !at.holds(time) {
                break;
            }
            state = model.reset(model.flow(state, time.since(from)));
            // Nor does a sweep know a second round at an instant.
            if time.coincides(from) || !is_finite(state) || !slope.is_finite() {
                return Err(Irregular);
            }
            from = time;
            self.spikes.push(Spike {
                time: time.rounded,
                time_remainder: time.remainder,
                neuron,
                round: 0,
                slope,
                release_rate: 0.0,
                tangent: TimeConstants::default(),
            });
            if self.budget.may_be_spent(self.spikes.len()) {
                return Err(Irregular);
            }
        }
        let end = model.flow(state, at.until.since(from));
        if is_finite(end) { Ok(end) } else { Err(Irregular) }
    }
}

fn is_finite(state: Vector<f64>) -> bool {
    state.iter().all(|x| x.is_finite())
}
