//! One layer of quadratic neurons with delta synapses, backwards.
//!
//! Such a neuron is pulled back given its states. A trace holds none: the layer is run once more, now without a search, for its spikes are known; then all neurons go back
//! side by side, and those that spike in a stretch one by one.
//!
//! Not here: the pass over all neurons and the maps of one (`spikegrad_dynamics`), what follows the run (`pseudospikes.rs`).

use super::schedule::{Schedule, Spikes};
use crate::{AdjointError, Grazing};
use spikegrad_dynamics::lanes::backward::Row;
use spikegrad_dynamics::qif::delta::COUNT;
use spikegrad_dynamics::qif::{Adjoints, Arrived, Motion, Points};
use spikegrad_dynamics::{GeneralNeuron, Vector};
use spikegrad_network::loss::Cotangents;
use spikegrad_network::{Layer, QuadraticBody, Spike, Time, Trace, Watch, Wiring};

/// Memory of a layer.
#[derive(Clone, Debug, Default)]
pub(super) struct QuadraticScratch {
    schedule: Schedule,
    /// Over each stretch.
    motions: Vec<Motion>,
    /// The states at the start of each stretch, after what arrived there, and at the end of the run.
    states: Vec<Points>,
    /// How many of the layer's spikes there are up to the end of each stretch.
    counts: Vec<usize>,
    /// The state before each of its spikes.
    before: Vec<Vector<f64>>,
    moved: Moved,
    /// What arrives at each neuron at an instant.
    weights: Vec<f64>,
    adjoints: Adjoints,
    arrived: Arrived,
    /// What the numbers of each neuron collect.
    pub(super) gradient: Vec<[f64; COUNT]>,
}

/// Neurons that are moved one by one in a stretch: where each is, and its state or its adjoint there.
#[derive(Clone, Debug, Default)]
struct Moved {
    list: Vec<(usize, Time, Vector<f64>)>,
    /// For each neuron its position in the list, if it has one.
    places: Vec<Option<usize>>,
}

impl Moved {
    fn reset(&mut self, neurons: usize) {
        self.list.clear();
        self.places.clear();
        self.places.resize(neurons, None);
    }

    /// The entry of a neuron, made by `start` if it has none.
    fn entry(
        &mut self,
        n: usize,
        start: impl FnOnce() -> (Time, Vector<f64>),
    ) -> &mut (usize, Time, Vector<f64>) {
        let place = *self.places[n].get_or_insert_with(|| {
            let (time, vector) = start();
            self.list.push((n, time, vector));
            self.list.len() - 1
        });
        &mut self.list[place]
    }

    /// Calls `each` with all entries, and forgets them.
    fn drain(&mut self, mut each: impl FnMut(usize, Time, Vector<f64>)) {
        for (n, time, vector) in self.list.drain(..) {
            self.places[n] = None;
            each(n, time, vector);
        }
    }
}

/// One layer of one trace.
#[derive(Debug)]
pub(super) struct QuadraticSweep<'a> {
    pub(super) wiring: Wiring<'a>,
    pub(super) layer: &'a Layer,
    pub(super) body: &'a QuadraticBody,
    pub(super) trace: &'a Trace,
    pub(super) spikes: &'a Spikes,
    pub(super) has_input_times: bool,
    pub(super) scratch: &'a mut QuadraticScratch,
}

/// What a layer adds to.
#[derive(Debug)]
pub(super) struct Sums<'a> {
    /// ∂L/∂t of each firing, through its arrivals.
    pub(super) times: &'a mut [f64],
    /// ∂L/∂ each weight and each group's delay of the circuit.
    pub(super) weights: &'a mut [f64],
    pub(super) delays: &'a mut [f64],
}

impl QuadraticSweep<'_> {
    /// Positions of the layer's spikes in the trace, in order.
    fn own(&self) -> &[usize] {
        &self.spikes[self.layer.population]
    }

    /// Runs the layer up to `horizon` once more, a time in seconds.
    pub(super) fn replay(&mut self, horizon: f64) {
        let Self { wiring, layer, body, trace, spikes, has_input_times, .. } = *self;
        let count = layer.neurons.len();
        let own = &spikes[layer.population];
        let QuadraticScratch { schedule, motions, states, counts, before, moved, weights, .. } =
            &mut *self.scratch;
        schedule.read(wiring, layer, (trace, spikes), horizon, has_input_times);
        moved.reset(count);
        motions.clear();
        counts.clear();
        before.clear();
        states.resize_with(states.len().max(schedule.count() + 1), Points::default);
        states[0].set_all(&body.initial);
        let Some(shared) = body.models.first() else { return };
        for k in 0..schedule.count() {
            let (from, until) = (schedule.instants[k], schedule.instants[k + 1]);
            let motion = Motion::new(shared, schedule.stretches.lengths[k]);
            let [start, end] = &mut states[k..k + 2] else { return };
            start.flow(&motion, end);
            motions.push(motion);
            // At an instant crossings come before arrivals.
            while let Some(spike) = own.get(before.len()).map(|&k| &trace.spikes[k])
                && spike.time <= until.rounded
            {
                let n = spike.neuron.index() - layer.neurons.start;
                let model = &body.models[n];
                let (_, at, state) = moved.entry(n, || (from, start.get(n)));
                let state_before = model.flow(*state, spike.at().since(*at));
                before.push(state_before);
                (*at, *state) = (spike.at(), model.reset(state_before));
            }
            counts.push(before.len());
            moved.drain(|n, at, state| end.set(n, body.models[n].flow(state, until.since(at))));
            let rows = &schedule.stretches.rows[schedule.arriving(k..k + 1)];
            if !rows.is_empty() {
                add_up(wiring, rows, count, weights);
                end.receive(weights);
            }
        }
    }

    /// The state of each neuron at the end of a run that was run again up to there.
    pub(super) fn ends(&self) -> impl Iterator<Item = Vector<f64>> {
        let last = &self.scratch.states[self.scratch.schedule.count()];
        (0..self.layer.neurons.len()).map(|n| last.get(n))
    }

    /// Leaves that nothing depends on the layer.
    pub(super) fn skip(&mut self) {
        self.scratch.gradient.clear();
    }

    /// The last time at which a spike of the layer matters, in seconds.
    pub(super) fn horizon(&self, times: &[f64], cotangents: &Cotangents) -> Option<f64> {
        let times = &times[self.trace.stimulus.spikes().len()..];
        let matters = |&&k: &&usize| cotangents.spikes[k] != 0.0 || times[k] != 0.0;
        self.own().iter().rev().find(matters).map(|&k| self.trace.spikes[k].time)
    }

    /// Takes all neurons back to the beginning, from their adjoints at the end. The layer has been run again.
    pub(super) fn go_back(
        &mut self,
        ends: &[Vector<f64>],
        (cotangents, policy): (&Cotangents, Grazing),
        mut sums: Sums<'_>,
    ) -> Result<(), AdjointError> {
        let count = self.layer.neurons.len();
        let QuadraticScratch { adjoints, gradient, .. } = &mut *self.scratch;
        gradient.clear();
        gradient.resize(count, [0.0; COUNT]);
        adjoints.reset(count);
        ends.iter().enumerate().for_each(|(n, &end)| adjoints.set(n, end));
        let mut watch = Watch::default();
        for k in (0..self.scratch.motions.len()).rev() {
            if watch.is_interrupted() {
                return Err(AdjointError::Interrupted);
            }
            let spikes =
                k.checked_sub(1).map_or(0, |k| self.scratch.counts[k])..self.scratch.counts[k];
            if spikes.is_empty() && self.scratch.adjoints.are_zero() {
                continue;
            }
            self.arrive(k, &mut sums);
            for spike in spikes.clone().rev() {
                self.crossing(spike, k, (cotangents, policy), sums.times)?;
            }
            self.flow(k);
        }
        let QuadraticScratch { adjoints, gradient, .. } = &mut *self.scratch;
        for (n, (model, gradient)) in self.body.models.iter().zip(gradient).enumerate() {
            model.initial_pullback(adjoints.get(n), gradient);
            adjoints.add_to(n, model, gradient);
        }
        Ok(())
    }

    /// What arrives at the end of stretch `k`.
    fn arrive(&mut self, k: usize, sums: &mut Sums<'_>) {
        let QuadraticScratch { schedule, states, weights, adjoints, arrived, .. } =
            &mut *self.scratch;
        let (count, rows) = (self.layer.neurons.len(), schedule.arriving(k..k + 1));
        if rows.is_empty() {
            return;
        }
        add_up(self.wiring, &schedule.stretches.rows[rows.clone()], count, weights);
        let of_row = |start: usize| start..start + count;
        adjoints.arrive(&states[k + 1], weights, arrived);
        for k in rows.rev() {
            let (arrival, row) = (schedule.arrivals[k], schedule.stretches.rows[k]);
            arrived.add_to(&mut sums.weights[of_row(row.weights)]);
            if row.is_timed {
                let row = &self.wiring.weights[of_row(row.weights)];
                let time = arrived.of_time(row, &self.body.models[0]);
                sums.delays[arrival.group] += time;
                sums.times[arrival.firing] += time;
            }
        }
    }

    /// A spike in stretch `k`, by its position among those of the layer: its neuron is moved back to it and through it.
    fn crossing(
        &mut self,
        spike: usize,
        k: usize,
        (cotangents, policy): (&Cotangents, Grazing),
        times: &mut [f64],
    ) -> Result<(), AdjointError> {
        let position = self.own()[spike];
        let at: &Spike = &self.trace.spikes[position];
        let n = at.neuron.index() - self.layer.neurons.start;
        let model = &self.body.models[n];
        let QuadraticScratch { schedule, before, moved, adjoints, gradient, .. } =
            &mut *self.scratch;
        let (before, gradient) = (before[spike], &mut gradient[n]);
        let end = schedule.instants[k + 1];
        let (_, from, adjoint) = moved.entry(n, || (end, adjoints.get(n)));
        let after = flow_back(model, model.reset(before), from.since(at.at()), *adjoint, gradient);
        let time = &mut times[self.trace.stimulus.spikes().len() + position];
        *time += cotangents.spikes[position] + model.spike_time_pullback(before, after);
        if !time.is_finite() {
            let neuron = self.wiring.named(at.neuron);
            return Err(AdjointError::NonFinite { neuron, time: at.time });
        }
        let slope = if *time == 0.0 { None } else { policy.slope(|n| self.wiring.named(n), at)? };
        let moves = slope.map_or((0.0, 1.0), |slope| (*time, slope));
        (*from, *adjoint) = (at.at(), model.spike_pullback(before, moves, after, gradient));
        Ok(())
    }

    /// All neurons to the start of stretch `k`: those that have spiked in it from where they are, the others from its end.
    fn flow(&mut self, k: usize) {
        let QuadraticScratch { schedule, motions, states, moved, adjoints, gradient, .. } =
            &mut *self.scratch;
        moved.list.iter().for_each(|&(n, ..)| adjoints.set(n, Vector::default()));
        adjoints.pull_back(&states[k], &motions[k]);
        let start = schedule.instants[k];
        moved.drain(|n, at, adjoint| {
            let (model, state) = (&self.body.models[n], states[k].get(n));
            let before = flow_back(model, state, at.since(start), adjoint, &mut gradient[n]);
            adjoints.set(n, before);
        });
    }
}

/// What arrives at each of `count` neurons over some rows.
fn add_up(wiring: Wiring<'_>, rows: &[Row], count: usize, weights: &mut Vec<f64>) {
    weights.clear();
    weights.resize(count, 0.0);
    for row in rows {
        let of_row = &wiring.weights[row.weights..][..count];
        weights.iter_mut().zip(of_row).for_each(|(sum, weight)| *sum += weight);
    }
}

/// The adjoint before a motion from `state`; over no length a state does not even change its scale.
fn flow_back(
    model: &GeneralNeuron<f64>,
    state: Vector<f64>,
    dt: f64,
    after: Vector<f64>,
    gradient: &mut [f64],
) -> Vector<f64> {
    if dt == 0.0 { after } else { model.flow_pullback(state, dt, after, false, gradient) }
}
