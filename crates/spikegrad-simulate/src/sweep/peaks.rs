//! Read-outs of a layer: samples, maxima and averages of the membrane potential.
//!
//! The rules are those of the general engine, whose observer keeps maxima and averages. A leaky integrator moves freely along a
//! stretch, and its maximum is looked at where the pass says that the potential turns from up to down at or above the highest so
//! far. A neuron that may spike is followed along the stretch once its spikes are known: from spike to release to spike.
//!
//! Not here: the pass (`spikegrad_dynamics::lanes`), who spikes (`layer.rs`).

use super::wave::Moving;
use crate::observer::Observer;
use crate::readouts::sample;
use spikegrad_dynamics::lanes::Columns;
use spikegrad_dynamics::lif::Averaging;
use spikegrad_dynamics::{Lif, Neuron};
use spikegrad_network::{Circuit, Layer, Measure, NeuronId, Readout, ReadoutRequest, Spike, Time};

/// A stretch of a layer: from the arrival of `row` at `from` until `until`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stretch<'a> {
    pub(super) circuit: &'a Circuit,
    pub(super) layer: &'a Layer,
    pub(super) from: Time,
    pub(super) until: Time,
    pub(super) row: &'a [f64],
    /// The layer before the arrival.
    pub(super) before: &'a Columns,
    /// Spikes of the layer within the stretch, in order.
    pub(super) spikes: &'a [Spike],
}

/// What a layer's read-outs know so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Peaks {
    /// For each neuron of the layer.
    observers: Vec<Option<Observer<f64, Lif<f64>>>>,
    /// The neurons that have one: mostly none.
    observed: Vec<usize>,
    /// For each neuron that may spike, when its last refractory time ends.
    releases: Vec<Option<Time>>,
    /// Those whose maximum is asked for and whose potential follows the current.
    followers: Vec<usize>,
    /// Whether an average is asked for, under whatever weight.
    wants_average: bool,
    /// Samples by time: (time, request).
    samples: Vec<(f64, usize)>,
    next_sample: usize,
}

impl<'a> Stretch<'a> {
    fn model(&self, n: usize) -> &'a Lif<f64> {
        &self.circuit.neurons[self.layer.neurons.start + n]
    }

    fn weight(&self, n: usize) -> f64 {
        self.row.get(n).copied().unwrap_or(0.0)
    }

    /// Neuron `n` after the arrival.
    fn start(&self, n: usize) -> Moving {
        let (state, tangent) = self.before.get(n);
        (self.model(n).receive(state, self.weight(n)), tangent)
    }

    /// The spikes of neuron `n` within the stretch.
    fn spikes_of(&self, n: usize) -> impl Iterator<Item = Time> + use<'a> {
        let id = NeuronId::new(self.layer.neurons.start + n);
        self.spikes.iter().filter(move |spike| spike.neuron == id).map(Spike::at)
    }
}

/// A neuron on its way along a stretch, and who is shown what lies between its events.
struct Course<'a, const TANGENTS: bool> {
    model: &'a Lif<f64>,
    observer: Option<&'a mut Observer<f64, Lif<f64>>>,
    time: Time,
    at: Moving,
    /// When its last refractory time ends, if it has spiked.
    release: Option<Time>,
    is_clamped: bool,
}

impl<'a, const TANGENTS: bool> Course<'a, TANGENTS> {
    /// Neuron `n` at the start of a stretch, after the arrival; `release` is when its last refractory time ends.
    fn new(
        stretch: &Stretch<'a>,
        n: usize,
        release: Option<Time>,
        observer: Option<&'a mut Observer<f64, Lif<f64>>>,
    ) -> Self {
        let is_clamped = release.is_some_and(|r| r.rounded > stretch.from.rounded);
        let (model, at) = (stretch.model(n), stretch.start(n));
        Self { model, observer, time: stretch.from, at, release, is_clamped }
    }

    /// Moves it through `spikes`, which are its own in this stretch, to `until`, as the event loop would.
    fn follow(&mut self, spikes: impl Iterator<Item = Time>, until: Time) {
        for spike in spikes {
            self.advance(spike);
            self.spike();
        }
        self.advance(until);
    }

    fn advance(&mut self, until: Time) {
        if self.is_clamped
            && let Some(release) = self.release
        {
            let is_held = until.rounded < release.rounded || until.coincides(self.time);
            self.hold(if is_held { until } else { release });
            if is_held {
                return;
            }
            self.is_clamped = false;
        }
        self.flow(until);
    }

    fn flow(&mut self, until: Time) {
        let (from, (before, tangent)) = (std::mem::replace(&mut self.time, until), self.at);
        let dt = until.since(from);
        if dt == 0.0 {
            return;
        }
        self.at = if TANGENTS {
            self.model.flow_with_tangent(before, tangent, dt)
        } else {
            (self.model.flow(before, dt), tangent)
        };
        if let Some(observer) = &mut self.observer {
            observer.stretch::<TANGENTS>(self.model, from, (before, tangent), dt, self.at.0);
        }
    }

    fn hold(&mut self, until: Time) {
        let (from, (before, tangent)) = (std::mem::replace(&mut self.time, until), self.at);
        let dt = until.since(from);
        let after = if TANGENTS { self.model.hold_tangent(tangent, before, dt) } else { tangent };
        self.at = (self.model.hold(before, dt), after);
        if let Some(observer) = &mut self.observer {
            observer.clamp(self.model, from, before, dt);
        }
    }

    fn spike(&mut self) {
        let (before, tangent) = self.at;
        if let Some(observer) = &mut self.observer {
            observer.spike(self.model, self.time, before);
        }
        self.at = (self.model.reset(before), self.model.reset_tangent(tangent));
        let refractory = self.model.refractory();
        self.release = Some(self.time.after(refractory));
        self.is_clamped = refractory != 0.0;
    }
}

impl Peaks {
    pub(super) fn reset(
        &mut self,
        (circuit, layer): (&Circuit, &Layer),
        readouts: &[ReadoutRequest],
        start: &Columns,
    ) {
        self.observers.clear();
        self.observers.resize(layer.neurons.len(), None);
        self.observed.clear();
        self.releases.clear();
        self.releases.resize(layer.neurons.len(), None);
        self.samples.clear();
        self.followers.clear();
        (self.wants_average, self.next_sample) = (false, 0);
        for (k, request) in readouts.iter().enumerate() {
            let n = request.neuron.index();
            if !layer.neurons.contains(&n) {
                continue;
            }
            match request.measure {
                Measure::Sample { time } => self.samples.push((time, k)),
                // Refused before: no linear neuron goes on.
                Measure::Pseudospike { .. } => continue,
                Measure::Maximum => {
                    if !layer.spikes && circuit.neurons[n].follows_its_current() {
                        self.followers.push(n - layer.neurons.start);
                    }
                }
                Measure::Mean | Measure::Weighted { .. } => self.wants_average = true,
            }
            let local = n - layer.neurons.start;
            let (state, _) = start.get(local);
            if self.observers[local].is_none() {
                self.observed.push(local);
            }
            let observer = self.observers[local].get_or_insert_with(|| Observer::new(state));
            observer.also(request.measure);
        }
        self.samples.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    }

    /// From which height on a leaky integrator is to be named: its highest so far.
    pub(super) fn ceiling(&self, model: &Lif<f64>, n: usize) -> f64 {
        match self.observers.get(n) {
            Some(Some(observer)) => observer.ceiling(model),
            _ => f64::INFINITY,
        }
    }

    /// A leaky integrator whose potential turns from up to down within the stretch, or at the arrival at its start.
    pub(super) fn turn<const TANGENTS: bool>(
        &mut self,
        at: Stretch<'_>,
        after: &Columns,
        n: usize,
    ) {
        let Some(Some(observer)) = self.observers.get_mut(n) else { return };
        let (model, before, start) = (at.model(n), at.before.get(n), at.start(n));
        observer.arrival((model, model), at.from, 0, before, start.0);
        let (dt, end) = (at.until.since(at.from), after.get(n).0);
        observer.peak::<TANGENTS>(model, at.from, start, dt, end);
    }

    /// Keeps how leaky integrators moved along a stretch, for the arrival at its end, where their rate cannot be read off their state.
    pub(super) fn keep(&mut self, at: Stretch<'_>) {
        let dt = at.until.since(at.from);
        for &n in &self.followers {
            if let Some(observer) = &mut self.observers[n] {
                observer.moved(at.start(n).0, dt);
            }
        }
    }

    /// What is read along a stretch: samples, the integrals of averages, and the maxima of neurons that may spike.
    pub(super) fn along<const TANGENTS: bool>(
        &mut self,
        at: Stretch<'_>,
        sampled: &mut [Option<Readout>],
        readouts: &[ReadoutRequest],
    ) {
        // Samples first: the last release before the stretch is then still known.
        self.samples::<TANGENTS>(at, sampled, readouts);
        if at.layer.spikes {
            self.follow::<TANGENTS>(at);
        } else if self.wants_average {
            let (dt, cache) = (at.until.since(at.from), &mut Averaging::default());
            for &n in &self.observed {
                let Some(observer) = &mut self.observers[n] else { continue };
                observer.integrate::<TANGENTS>(at.model(n), at.from, at.start(n), dt, cache);
            }
        }
    }

    fn samples<const TANGENTS: bool>(
        &mut self,
        at: Stretch<'_>,
        sampled: &mut [Option<Readout>],
        readouts: &[ReadoutRequest],
    ) {
        while let Some(&(time, k)) = self.samples.get(self.next_sample)
            && time <= at.until.rounded
        {
            self.next_sample += 1;
            let request = readouts[k];
            let n = request.neuron.index() - at.layer.neurons.start;
            let mut course = Course::<TANGENTS>::new(&at, n, self.releases[n], None);
            let before = |spike: &Time| spike.rounded <= time;
            course.follow(at.spikes_of(n).take_while(before), Time::from(time));
            let free = (!course.is_clamped).then_some(course.at);
            sampled[k] = Some(sample(at.model(n), request, time, free));
        }
    }

    /// Shows the observers of neurons that may spike the whole stretch.
    fn follow<const TANGENTS: bool>(&mut self, at: Stretch<'_>) {
        for &n in &self.observed {
            let (Some(observer), release) = (&mut self.observers[n], &mut self.releases[n]) else {
                continue;
            };
            observer.arrival(
                (at.model(n), at.model(n)),
                at.from,
                0,
                at.before.get(n),
                at.start(n).0,
            );
            let mut course = Course::<TANGENTS>::new(&at, n, *release, Some(observer));
            course.follow(at.spikes_of(n), at.until);
            *release = course.release;
        }
    }

    /// The end of the run, at which the layer is as in `last`.
    pub(super) fn end(
        &mut self,
        circuit: &Circuit,
        layer: &Layer,
        t_end: f64,
        last: &Columns,
        sampled: &mut [Option<Readout>],
        readouts: &[ReadoutRequest],
    ) {
        for (k, &request) in readouts.iter().enumerate() {
            let n = request.neuron.index();
            if !layer.neurons.contains(&n) || matches!(request.measure, Measure::Sample { .. }) {
                continue;
            }
            let local = n - layer.neurons.start;
            if let Some(Some(observer)) = self.observers.get_mut(local) {
                observer.end(&circuit.neurons[n], t_end.into(), last.get(local));
                sampled[k] = observer.readout(&circuit.neurons[n], request, t_end);
            }
        }
    }
}
