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
use spikegrad_dynamics::receptors::{CurrentsAveraging, Superposed};
use spikegrad_dynamics::{Neuron, OtherTimeConstants};
use spikegrad_network::{Body, Layer, Measure, NeuronId, Readout, ReadoutRequest, Spike, Time};

/// A read-out, and the derivatives that it has no place for.
pub(super) type Sampled = Option<(Readout, OtherTimeConstants<f64>)>;

/// A stretch of a layer: from the arrival of `rows` at `from` until `until`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stretch<'a, const K: usize> {
    pub(super) body: &'a Body<K>,
    pub(super) layer: &'a Layer,
    pub(super) from: Time,
    pub(super) until: Time,
    pub(super) rows: [&'a [f64]; K],
    /// The layer before the arrival.
    pub(super) before: &'a Columns<K>,
    /// Spikes of the layer within the stretch, in order.
    pub(super) spikes: &'a [Spike],
}

/// What a layer's read-outs know so far.
#[derive(Clone, Debug)]
pub(super) struct Peaks<const K: usize> {
    /// For each neuron of the layer.
    observers: Vec<Option<Observer<f64, Superposed<K>>>>,
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

impl<const K: usize> Default for Peaks<K> {
    fn default() -> Self {
        Self {
            observers: Vec::new(),
            observed: Vec::new(),
            releases: Vec::new(),
            followers: Vec::new(),
            wants_average: false,
            samples: Vec::new(),
            next_sample: 0,
        }
    }
}

/// A neuron after arrivals: nothing arrives where there is no weight.
pub(super) fn receive<const K: usize>(
    model: &Superposed<K>,
    (mut state, tangent): Moving<K>,
    rows: &[&[f64]; K],
    n: usize,
) -> Moving<K> {
    for (receptor, row) in rows.iter().enumerate() {
        state = model.receive_at(state, receptor, row.get(n).copied().unwrap_or(0.0));
    }
    (state, tangent)
}

impl<'a, const K: usize> Stretch<'a, K> {
    fn model(&self, n: usize) -> &'a Superposed<K> {
        &self.body.models[n]
    }

    /// Neuron `n` after the arrival.
    pub(super) fn start(&self, n: usize) -> Moving<K> {
        receive(self.model(n), self.before.get(n), &self.rows, n)
    }

    /// The spikes of neuron `n` within the stretch.
    fn spikes_of(&self, n: usize) -> impl Iterator<Item = Time> + use<'a, K> {
        let id = NeuronId::new(self.layer.neurons.start + n);
        self.spikes.iter().filter(move |spike| spike.neuron == id).map(Spike::at)
    }
}

/// A neuron on its way along a stretch, and who is shown what lies between its events.
struct Course<'a, const K: usize, const TANGENTS: bool> {
    model: &'a Superposed<K>,
    observer: Option<&'a mut Observer<f64, Superposed<K>>>,
    time: Time,
    at: Moving<K>,
    /// When its last refractory time ends, if it has spiked.
    release: Option<Time>,
    is_clamped: bool,
}

impl<'a, const K: usize, const TANGENTS: bool> Course<'a, K, TANGENTS> {
    /// Neuron `n` at the start of a stretch, after the arrival; `release` is when its last refractory time ends.
    fn new(
        stretch: &Stretch<'a, K>,
        n: usize,
        release: Option<Time>,
        observer: Option<&'a mut Observer<f64, Superposed<K>>>,
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
            let (stretch, cache) = ((dt, self.at.0), &mut Default::default());
            observer.stretch::<TANGENTS>(self.model, from, (before, tangent), stretch, cache);
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

impl<const K: usize> Peaks<K> {
    pub(super) fn reset(
        &mut self,
        (body, layer): (&Body<K>, &Layer),
        readouts: &[ReadoutRequest],
        start: &Columns<K>,
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
                    let local = n - layer.neurons.start;
                    if !layer.spikes && body.models[local].follows_its_current() {
                        self.followers.push(local);
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
    pub(super) fn ceiling(&self, model: &Superposed<K>, n: usize) -> f64 {
        match self.observers.get(n) {
            Some(Some(observer)) => observer.ceiling(model),
            _ => f64::INFINITY,
        }
    }

    /// A leaky integrator whose potential turns from up to down within a stretch, or at the arrival at its start: `n` was before that arrival, after it, and at the end as `states` say.
    pub(super) fn turn<const TANGENTS: bool>(
        &mut self,
        n: usize,
        model: &Superposed<K>,
        [from, until]: [Time; 2],
        [before, start, end]: [Moving<K>; 3],
    ) {
        let Some(Some(observer)) = self.observers.get_mut(n) else { return };
        observer.arrival((model, model), from, 0, before, start.0);
        observer.peak::<TANGENTS>(model, from, start, until.since(from), end.0);
    }

    /// Whether all that is read from the layer are maxima of potentials whose rates can be read off their states.
    pub(super) fn only_turn(&self) -> bool {
        self.samples.is_empty() && self.followers.is_empty() && !self.wants_average
    }

    /// Keeps how leaky integrators moved along a stretch, for the arrival at its end, where their rate cannot be read off their state.
    pub(super) fn keep(&mut self, at: Stretch<'_, K>) {
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
        at: Stretch<'_, K>,
        sampled: &mut [Sampled],
        readouts: &[ReadoutRequest],
    ) {
        // Samples first: the last release before the stretch is then still known.
        self.samples::<TANGENTS>(at, sampled, readouts);
        if at.layer.spikes {
            self.follow::<TANGENTS>(at);
        } else if self.wants_average {
            let (dt, cache) = (at.until.since(at.from), &mut CurrentsAveraging::default());
            for &n in &self.observed {
                let Some(observer) = &mut self.observers[n] else { continue };
                observer.integrate::<TANGENTS>(at.model(n), at.from, at.start(n), dt, cache);
            }
        }
    }

    fn samples<const TANGENTS: bool>(
        &mut self,
        at: Stretch<'_, K>,
        sampled: &mut [Sampled],
        readouts: &[ReadoutRequest],
    ) {
        while let Some(&(time, k)) = self.samples.get(self.next_sample)
            && time <= at.until.rounded
        {
            self.next_sample += 1;
            let request = readouts[k];
            let n = request.neuron.index() - at.layer.neurons.start;
            let mut course = Course::<K, TANGENTS>::new(&at, n, self.releases[n], None);
            let before = |spike: &Time| spike.rounded <= time;
            course.follow(at.spikes_of(n).take_while(before), Time::from(time));
            let free = (!course.is_clamped).then_some(course.at);
            let others = free.map(|(_, tangent)| tangent.of_others()).unwrap_or_default();
            sampled[k] = Some((sample(at.model(n), request, time, free), others));
        }
    }

    /// Shows the observers of neurons that may spike the whole stretch.
    fn follow<const TANGENTS: bool>(&mut self, at: Stretch<'_, K>) {
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
            let mut course = Course::<K, TANGENTS>::new(&at, n, *release, Some(observer));
            course.follow(at.spikes_of(n), at.until);
            *release = course.release;
        }
    }

    /// The end of the run, at which the layer is as in `last`.
    pub(super) fn end(
        &mut self,
        (body, layer): (&Body<K>, &Layer),
        t_end: f64,
        last: &Columns<K>,
        sampled: &mut [Sampled],
        readouts: &[ReadoutRequest],
    ) {
        for (k, &request) in readouts.iter().enumerate() {
            let n = request.neuron.index();
            if !layer.neurons.contains(&n) || matches!(request.measure, Measure::Sample { .. }) {
                continue;
            }
            let local = n - layer.neurons.start;
            if let Some(Some(observer)) = self.observers.get_mut(local) {
                let model = &body.models[local];
                observer.end(model, t_end.into(), last.get(local));
                let readout = observer.readout(model, request, t_end);
                let of_integral = observer.other_tangents(request.measure, t_end);
                let others = of_integral.unwrap_or_else(|| observer.highest_tangent().of_others());
                sampled[k] = readout.map(|readout| (readout, others));
            }
        }
    }
}
