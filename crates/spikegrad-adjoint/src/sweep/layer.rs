//! One layer, backwards.
//!
//! All of its neurons go side by side, in one pass over all stretches up to the next one in which something happens to one of them. In that one the
//! neurons to which something happens are moved by hand from moment to moment, each exponential that they need having been computed before. What is
//! later than all that the loss depends on is not looked at.
//!
//! Not here: in which order layers come (`mod.rs`), what happened (`schedule.rs`, `moments.rs`), what is done at a moment (`by_hand.rs`).

use super::averages::Averages;
use super::by_hand::{add_others, average};
use super::members::Members;
use super::moments::Moments;
use super::schedule::{Schedule, Spikes};
use super::window::Window;
use crate::integrals::Integrals;
use crate::{AdjointError, Grazing};
use spikegrad_dynamics::lanes::backward::{Adjoints, Pass};
use spikegrad_dynamics::lif::{Averaging, LifGradient};
use spikegrad_dynamics::receptors::{CurrentsState, LinearGradient, OfReceptor};
use spikegrad_dynamics::{Adjoint, Neuron, NeuronAdjoint, State};
use spikegrad_network::loss::Cotangents;
use spikegrad_network::{Body, Cusp, Layer, Place, Time, Trace, Watch, Wiring};
use std::ops::Range;

/// Memory of a layer under way.
#[derive(Clone, Debug)]
pub(super) struct Scratch<const K: usize> {
    pub(super) schedule: Schedule,
    pub(super) adjoints: Adjoints<K>,
    /// Adjoints of the neurons that are moved by hand, where they are now.
    pub(super) by_hand: Adjoints<K>,
    pub(super) moments: Moments,
    pub(super) window: Window<K>,
    /// ∂L/∂(time of each arrival), where it is asked for.
    arrival_times: Vec<f64>,
    /// Averages that the loss reads.
    pub(super) integrals: Integrals<f64>,
    /// The neurons of which it reads any.
    pub(super) averaged: Vec<usize>,
    /// Which neurons are clamped at the time that has been reached.
    pub(super) is_clamped: Vec<bool>,
    /// Maxima that lie on arrivals.
    cusps: Vec<OnCusp>,
    pub(super) averages: Averages,
}

impl<const K: usize> Default for Scratch<K> {
    fn default() -> Self {
        Self {
            schedule: Schedule::default(),
            adjoints: Adjoints::default(),
            by_hand: Adjoints::default(),
            moments: Moments::default(),
            window: Window::default(),
            arrival_times: Vec::new(),
            integrals: Integrals::default(),
            averaged: Vec::new(),
            is_clamped: Vec::new(),
            cusps: Vec::new(),
            averages: Averages::default(),
        }
    }
}

/// A maximum of a neuron of the layer that lies on an arrival.
#[derive(Clone, Copy, Debug)]
struct OnCusp {
    cusp: Cusp,
    time: Time,
    neuron: usize,
    cotangent: f64,
}

/// What the neurons of a layer collect.
#[derive(Clone, Debug, Default)]
pub(super) struct LayerGradient {
    /// For each neuron, as a neuron with its first receptor alone.
    pub(super) of_lif: Vec<LifGradient<f64>>,
    /// For each neuron, for each of its other receptors.
    of_others: Vec<OfReceptor>,
}

impl LayerGradient {
    /// Zero, for neurons with so many receptors.
    fn reset(&mut self, neurons: usize, receptors: usize) {
        self.of_lif.clear();
        self.of_lif.resize(neurons, LifGradient::default());
        self.of_others.clear();
        self.of_others.resize(neurons * (receptors - 1), OfReceptor::default());
    }

    /// What the receptors of a neuron but the first collect.
    pub(super) fn of_others<const K: usize>(&mut self, n: usize) -> &mut [OfReceptor] {
        &mut self.of_others[n * (K - 1)..][..K - 1]
    }

    /// Adds it to the gradients of these neurons of `layer`, by their indices there.
    pub(super) fn add_to<G: LinearGradient>(
        &self,
        layer: &Layer,
        neurons: impl Iterator<Item = usize>,
        gradients: &mut [G],
    ) {
        let others = self.of_others.len() / self.of_lif.len().max(1);
        for ((n, neuron), of_lif) in neurons.enumerate().zip(&self.of_lif) {
            let of_others = &self.of_others[n * others..][..others];
            gradients[neuron].add_parts(layer.spikes, of_lif, of_others);
        }
    }
}

/// One layer of one trace.
#[derive(Debug)]
pub(super) struct LayerSweep<'a, const K: usize> {
    pub(super) wiring: Wiring<'a>,
    /// The weights that its rows are part of.
    pub(super) rows: &'a [f64],
    pub(super) layer: &'a Layer,
    pub(super) members: Members<'a>,
    pub(super) body: &'a Body<K>,
    pub(super) trace: &'a Trace,
    /// Positions of its own spikes.
    pub(super) own: &'a [usize],
    pub(super) cotangents: &'a Cotangents,
    pub(super) policy: Grazing,
    /// ∂L/∂t of each firing through its arrivals and its release.
    pub(super) times: &'a mut [f64],
    pub(super) scratch: &'a mut Scratch<K>,
    /// ∂L/∂ each of these weights, and each group's delay of the circuit, to which those of the layer are added.
    pub(super) weights: &'a mut [f64],
    pub(super) delays: &'a mut [f64],
    /// Whether the times of input spikes, and their delays, are asked for.
    pub(super) has_input_times: bool,
    /// Overwritten.
    pub(super) gradient: &'a mut LayerGradient,
}

impl<const K: usize> LayerSweep<'_, K> {
    /// Takes it back. `spikes` are those of the trace by population.
    pub(super) fn run(mut self, spikes: &Spikes) -> Result<(), AdjointError> {
        self.begin();
        if self.is_only_averaged() {
            return self.average_all(spikes);
        }
        let Some(horizon) = self.horizon() else { return Ok(()) };
        let Self { wiring, layer, trace, has_input_times, .. } = self;
        let schedule = &mut self.scratch.schedule;
        schedule.read(wiring, layer, (trace, spikes), horizon, has_input_times);
        self.run_until(horizon)
    }

    /// Takes up what its numbers get of read-outs themselves.
    pub(super) fn begin(&mut self) {
        self.gradient.reset(self.members.len(), K);
        self.prepare_readouts();
    }

    /// Takes it back from `horizon`, the schedule having been read.
    pub(super) fn run_until(mut self, horizon: f64) -> Result<(), AdjointError> {
        self.prepare(horizon);
        self.go_back()?;
        self.finish();
        Ok(())
    }

    /// The last time at which something happens to the layer that the loss depends on, in seconds: adjoints after it are zero.
    pub(super) fn horizon(&self) -> Option<f64> {
        let Self { members, trace, own, cotangents, times, scratch, .. } = self;
        if !scratch.averaged.is_empty() {
            return Some(trace.stimulus.t_end());
        }
        let times = &times[trace.stimulus.spikes().len()..];
        let matters = |&&k: &&usize| cotangents.spikes[k] != 0.0 || times[k] != 0.0;
        let of_spikes = own.iter().rev().find(matters);
        let of_spikes = of_spikes.map(|&k| trace.spikes[k].time);
        let readouts = trace.readouts.iter().zip(&cotangents.readouts);
        let of_readouts = readouts.filter_map(|(readout, &cotangent)| {
            let is_own = members.index(readout.request.neuron).is_some();
            (is_own && cotangent != 0.0).then_some(readout.time)
        });
        of_spikes.into_iter().chain(of_readouts).max_by(f64::total_cmp)
    }

    fn prepare(&mut self, horizon: f64) {
        let Self { members, body, trace, own, .. } = *self;
        let Scratch { schedule, moments, window, adjoints, by_hand, arrival_times, .. } =
            &mut *self.scratch;
        moments.read(schedule, (members, body), (trace, own), horizon);
        window.close(schedule.count());
        adjoints.reset(members.len());
        by_hand.reset(members.len());
        arrival_times.clear();
        arrival_times.resize(schedule.arrivals.len(), 0.0);
        self.scratch.is_clamped.clear();
        self.scratch.is_clamped.resize(members.len(), false);
        if self.scratch.averaged.is_empty() {
            return;
        }
        for spike in own.iter().map(|&k| &trace.spikes[k]) {
            let Some(n) = members.index(spike.neuron) else { continue };
            let release = spike.at().after(body.models[n].refractory());
            self.scratch.is_clamped[n] = release.rounded > trace.stimulus.t_end();
        }
    }

    fn prepare_readouts(&mut self) {
        let Self { members, body, trace, own, cotangents, times, scratch, gradient, .. } = self;
        let end = trace.stimulus.t_end();
        let Scratch { integrals, averaged, cusps, .. } = &mut **scratch;
        integrals.reset(members.len());
        cusps.clear();
        for (k, (readout, &cotangent)) in
            trace.readouts.iter().zip(&cotangents.readouts).enumerate()
        {
            let Some(neuron) = members.index(readout.request.neuron) else { continue };
            let model = body.models[neuron].membrane_alone();
            let of_lif = &mut gradient.of_lif[neuron];
            if let Some(decay_rate) = readout.request.measure.decay_rate() {
                integrals.add(neuron, decay_rate, cotangent / end);
                let others = trace.spikes.len() + k;
                model.time_constants_pullback(cotangent, readout.tangent, of_lif);
                add_others(trace, others, cotangent, gradient.of_others::<K>(neuron));
                continue;
            }
            match readout.place {
                Place::Clamped => model.clamped_pullback(cotangent, of_lif),
                Place::Threshold => model.threshold_membrane_pullback(cotangent, of_lif),
                Place::Cusp(cusp) => {
                    cusps.push(OnCusp { cusp, time: readout.at(), neuron, cotangent });
                }
                Place::Free | Place::AfterArrivals | Place::Pseudospike => {}
            }
        }
        let times = &mut times[trace.stimulus.spikes().len()..];
        let model = |n: usize| Some(body.models[n].membrane_alone());
        let own = own.iter().filter_map(|&k| Some((members.index(trace.spikes[k].neuron)?, k)));
        integrals.share(model, (trace, own), times, &mut gradient.of_lif);
        averaged.clear();
        averaged.extend((0..members.len()).filter(|&n| integrals.reads(n)));
    }

    /// Takes all neurons from the end of the run to its beginning.
    fn go_back(&mut self) -> Result<(), AdjointError> {
        let mut watch = Watch::default();
        let mut end = self.scratch.schedule.count();
        // Of the moments those so many that come first are still to come.
        let mut rest = self.scratch.moments.list.len();
        // Nothing depends on what comes after the last moment that matters.
        let is_averaged = !self.scratch.averaged.is_empty();
        let mut is_live = is_averaged;
        while end > 0 {
            if watch.is_interrupted() {
                return Err(AdjointError::Interrupted);
            }
            let Scratch { schedule, moments, window, .. } = &mut *self.scratch;
            let first = window.open(&self.body.numbers, (schedule, moments), end, rest);
            let start = if is_averaged { end - 1 } else { self.stretch_of_last(rest).max(first) };
            let within = self.within(start, rest);
            if is_live || !self.scratch.cusps.is_empty() {
                self.pass(start + 1..end);
                self.take_by_hand(within.clone());
                self.pass(start..start + 1);
            }
            if is_averaged {
                self.average(start);
            }
            for k in within.clone().rev() {
                is_live |= self.moment(k)?;
            }
            (end, rest) = (start, within.start);
        }
        Ok(())
    }

    /// In which stretch the last of the first `rest` moments is; the first one, if there is none.
    fn stretch_of_last(&self, rest: usize) -> usize {
        self.scratch.moments.list[..rest].last().map_or(0, |moment| moment.stretch)
    }

    /// Which of the first `rest` moments are within a stretch; those later are not among them.
    fn within(&self, stretch: usize, rest: usize) -> Range<usize> {
        let list = &self.scratch.moments.list[..rest];
        let count = list.iter().rev().take_while(|moment| moment.stretch == stretch).count();
        rest - count..rest
    }

    /// From here on these moments' neurons are moved by hand.
    fn take_by_hand(&mut self, moments: Range<usize>) {
        let Scratch { adjoints, by_hand, moments: Moments { list, .. }, .. } = &mut *self.scratch;
        for moment in &list[moments] {
            by_hand.set(moment.neuron, adjoints.get(moment.neuron));
        }
    }

    /// Takes all neurons back over some stretches, and gives the times of what arrived at their ends, and their delays, what they get of it.
    fn pass(&mut self, over: Range<usize>) {
        if over.is_empty() {
            return;
        }
        let Scratch { schedule, window, adjoints, arrival_times, cusps, .. } = &mut *self.scratch;
        Pass {
            adjoints,
            numbers: &self.body.numbers,
            count: self.members.len(),
            stretches: &schedule.stretches,
            over: over.clone(),
            flows: window.stretches(),
            weights: self.rows,
            gradient: self.weights,
            times: arrival_times,
        }
        .run();
        for k in schedule.arriving(over).rev() {
            let (arrival, row) = (schedule.arrivals[k], schedule.stretches.rows[k]);
            if !row.is_timed {
                continue;
            }
            let mut total = arrival_times[k];
            for at in cusps.iter().filter(|at| at.time.coincides(arrival.time)) {
                // Arrivals that cut a maximum off share its motion in proportion to what they do to the rate.
                let weight = self.rows[row.weights + at.neuron];
                let change = self.body.models[at.neuron].rate_change(weight);
                total += at.cusp.share(change) * at.cotangent;
            }
            self.delays[arrival.group] += total;
            self.times[arrival.firing] += total;
        }
    }

    /// Adds what the averages of those neurons give that are free all over a stretch.
    fn average(&mut self, stretch: usize) {
        let Scratch { schedule, adjoints, integrals, averaged, is_clamped, .. } =
            &mut *self.scratch;
        let motion = (schedule.instants[stretch], schedule.stretches.lengths[stretch]);
        let mut cache = [Averaging::default(); K];
        for &n in averaged.iter().filter(|&&n| !is_clamped[n]) {
            let start = adjoints.get(n);
            let model = &self.body.models[n];
            adjoints.set(n, average(integrals, n, model, motion, start, &mut cache));
        }
    }

    /// What is left at time 0 belongs to the initial state.
    fn finish(&mut self) {
        for n in 0..self.members.len() {
            let Adjoint(CurrentsState { v, i }) = self.scratch.adjoints.get(n);
            let start = Adjoint(State { v, i: i[0] });
            let model = self.body.models[n].membrane_alone();
            model.initial_pullback(start, &mut self.gradient.of_lif[n]);
            for (other, i) in self.gradient.of_others::<K>(n).iter_mut().zip(&i[1..]) {
                other.i += i;
            }
        }
    }
}
