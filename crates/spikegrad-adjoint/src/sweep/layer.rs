//! One layer, backwards, from stretch to stretch.
//!
//! At the end of a stretch its arrivals are taken back, all neurons side by side; within it, the neurons to which something
//! happens are moved by hand from moment to moment, and all others to its start in one pass. Every exponential that a
//! moment needs is computed before, for the whole layer at once.
//!
//! Not here: in which order layers come (`mod.rs`), what happened (`schedule.rs`).

use super::schedule::{Kind, Moment, Schedule, Spikes, Stretch};
use crate::integrals::Integrals;
use crate::{AdjointError, Grazing};
use spikegrad_dynamics::lanes::backward::{Adjoints, Move, Pass, Row};
use spikegrad_dynamics::lanes::{Numbers, Propagator};
use spikegrad_dynamics::lif::{Averaging, LifGradient};
use spikegrad_dynamics::receptors::{CurrentsState, LinearGradient, OfReceptor, Superposed};
use spikegrad_dynamics::{Adjoint, Lif, Neuron, NeuronAdjoint, State, TimeConstants};
use spikegrad_network::loss::Cotangents;
use spikegrad_network::{Body, Cusp, Layer, Place, Time, Trace, Watch, Wiring};

/// Memory of a layer under way.
#[derive(Clone, Debug)]
pub(super) struct Scratch<const K: usize> {
    schedule: Schedule,
    adjoints: Adjoints<K>,
    /// Adjoints of the neurons that are moved by hand, where they are now.
    by_hand: Adjoints<K>,
    lengths: Vec<f64>,
    /// The numbers of the neuron of each moment, where neurons have their own.
    of_moments: Numbers<K>,
    /// What the flows below are of.
    window: Window,
    /// Flow over each stretch, where neurons share their motions.
    stretches: Vec<Propagator<K>>,
    /// Flow from each moment to the next one, or to the end of its stretch.
    after: Vec<Propagator<K>>,
    /// Flow from the start of its stretch to each moment.
    before: Vec<Propagator<K>>,
    /// e^p and e^p − 1 over the time since the membrane last started, for each moment.
    decays: Vec<[f64; 2]>,
    /// Averages that the loss reads.
    integrals: Integrals<f64>,
    /// The neurons of which it reads any.
    averaged: Vec<usize>,
    /// Which neurons are clamped at the time that has been reached.
    is_clamped: Vec<bool>,
    /// Maxima that lie on arrivals.
    cusps: Vec<OnCusp>,
}

impl<const K: usize> Default for Scratch<K> {
    fn default() -> Self {
        Self {
            schedule: Schedule::default(),
            adjoints: Adjoints::default(),
            by_hand: Adjoints::default(),
            lengths: Vec::new(),
            of_moments: Numbers::default(),
            window: Window::default(),
            stretches: Vec::new(),
            after: Vec::new(),
            before: Vec::new(),
            decays: Vec::new(),
            integrals: Integrals::default(),
            averaged: Vec::new(),
            is_clamped: Vec::new(),
            cusps: Vec::new(),
        }
    }
}

/// Stretches and moments whose flows are at hand.
#[derive(Clone, Copy, Debug, Default)]
struct Window {
    first_stretch: usize,
    first_moment: usize,
}

/// Stretches of a window: few, so that their flows stay in the caches, and enough to fill registers.
const WINDOW: usize = 256;

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
    of_lif: Vec<LifGradient<f64>>,
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
    fn of_others<const K: usize>(&mut self, n: usize) -> &mut [OfReceptor] {
        &mut self.of_others[n * (K - 1)..][..K - 1]
    }

    /// Adds it to the gradients of the neurons of `layer`.
    pub(super) fn add_to<G: LinearGradient>(&self, layer: &Layer, gradients: &mut [G]) {
        let others = self.of_others.len() / self.of_lif.len().max(1);
        for ((n, gradient), of_lif) in gradients.iter_mut().enumerate().zip(&self.of_lif) {
            gradient.add_parts(layer.spikes, of_lif, &self.of_others[n * others..][..others]);
        }
    }
}

/// One layer of one trace.
#[derive(Debug)]
pub(super) struct LayerSweep<'a, const K: usize> {
    pub(super) wiring: Wiring<'a>,
    pub(super) layer: &'a Layer,
    pub(super) body: &'a Body<K>,
    pub(super) trace: &'a Trace,
    pub(super) spikes: &'a Spikes,
    pub(super) cotangents: &'a Cotangents,
    pub(super) policy: Grazing,
    /// ∂L/∂t of each firing through its arrivals and its release.
    pub(super) times: &'a mut [f64],
    pub(super) scratch: &'a mut Scratch<K>,
    /// ∂L/∂ each weight and each group's delay of the circuit, to which those of the layer are added.
    pub(super) weights: &'a mut [f64],
    pub(super) delays: &'a mut [f64],
    /// Whether the times of input spikes, and their delays, are asked for.
    pub(super) has_input_times: bool,
    /// Overwritten.
    pub(super) gradient: &'a mut LayerGradient,
}

impl<const K: usize> LayerSweep<'_, K> {
    pub(super) fn run(mut self) -> Result<(), AdjointError> {
        let Self { wiring, layer, body, trace, spikes, .. } = self;
        self.gradient.reset(layer.neurons.len(), K);
        if layer.neurons.is_empty() {
            return Ok(());
        }
        self.scratch.schedule.read(wiring, (layer, body), trace, spikes);
        self.prepare();
        // Nothing depends on what comes after the last moment that matters.
        let mut is_live = !self.scratch.averaged.is_empty();
        let mut watch = Watch::default();
        for k in (0..self.scratch.schedule.stretches.len()).rev() {
            if watch.is_interrupted() {
                return Err(AdjointError::Interrupted);
            }
            if k < self.scratch.window.first_stretch {
                self.open_window(k);
            }
            let stretch = self.scratch.schedule.stretches[k].clone();
            for moment in stretch.moments.clone() {
                let Moment { neuron, is_last, .. } = self.scratch.schedule.moments[moment];
                if is_last {
                    let Scratch { adjoints, by_hand, .. } = &mut *self.scratch;
                    by_hand.set(neuron, adjoints.get(neuron));
                }
            }
            if is_live || !self.scratch.cusps.is_empty() {
                self.stretch(k, &stretch);
            }
            for moment in stretch.moments.clone().rev() {
                is_live |= self.moment(moment, &stretch)?;
            }
        }
        self.finish();
        Ok(())
    }

    fn prepare(&mut self) {
        let Self { layer, trace, spikes, .. } = *self;
        let Scratch { schedule, adjoints, by_hand, window, is_clamped, .. } = &mut *self.scratch;
        adjoints.reset(layer.neurons.len());
        by_hand.reset(layer.neurons.len());
        window.first_stretch = schedule.stretches.len();
        is_clamped.clear();
        is_clamped.resize(layer.neurons.len(), false);
        for spike in spikes[layer.population].iter().map(|&k| &trace.spikes[k]) {
            let n = spike.neuron.index() - layer.neurons.start;
            let release = spike.at().after(self.body.models[n].refractory());
            is_clamped[n] = release.rounded > trace.stimulus.t_end();
        }
        self.prepare_readouts();
    }

    /// Links the moments of the stretches up to the position `last`, and computes all of their flows, as many as a window holds.
    fn open_window(&mut self, last: usize) {
        let numbers = &self.body.numbers;
        let Scratch {
            schedule,
            lengths,
            of_moments,
            window,
            stretches,
            after,
            before,
            decays: over_elapsed,
            ..
        } = &mut *self.scratch;
        window.first_stretch = (last + 1).saturating_sub(WINDOW);
        schedule.link(window.first_stretch..last + 1);
        let of_window = &schedule.stretches[window.first_stretch..=last];
        window.first_moment = of_window[0].moments.start;
        let moments = &schedule.moments[window.first_moment..schedule.stretches[last].moments.end];
        let of_moments = if numbers.share_motions() {
            lengths.clear();
            lengths.extend(of_window.iter().map(|s| s.until.since(s.from)));
            numbers.flows(lengths, stretches);
            numbers
        } else {
            of_moments.gather(numbers, moments.iter().map(|m| m.neuron));
            of_moments
        };
        lengths.clear();
        lengths.extend(moments.iter().map(|m| m.after));
        of_moments.flows(lengths, after);
        lengths.clear();
        lengths.extend(moments.iter().map(|m| m.before));
        of_moments.flows(lengths, before);
        lengths.clear();
        lengths.extend(moments.iter().map(|m| m.elapsed));
        of_moments.decays(lengths, over_elapsed);
    }

    fn prepare_readouts(&mut self) {
        let Self { layer, body, trace, spikes, cotangents, times, scratch, gradient, .. } = self;
        let end = trace.stimulus.t_end();
        let Scratch { integrals, averaged, cusps, .. } = &mut **scratch;
        integrals.reset(layer.neurons.len());
        cusps.clear();
        for (k, (readout, &cotangent)) in
            trace.readouts.iter().zip(&cotangents.readouts).enumerate()
        {
            let n = readout.request.neuron.index();
            if !layer.neurons.contains(&n) {
                continue;
            }
            let neuron = n - layer.neurons.start;
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
        let (own, inputs) = (spikes[layer.population].iter().copied(), trace.stimulus.spikes());
        let (trace, times) = ((*trace, own), &mut times[inputs.len()..]);
        let first = layer.neurons.start;
        let model = |n: usize| Some(body.models[n - first].membrane_alone());
        integrals.share((layer.neurons.clone(), model), trace, times, &mut gradient.of_lif);
        averaged.clear();
        averaged.extend((0..layer.neurons.len()).filter(|&n| integrals.reads(n)));
    }

    /// Takes back what arrived at the end of stretch `k`, and moves all adjoints to its start.
    fn stretch(&mut self, k: usize, stretch: &Stretch) {
        let Self { wiring, body, trace, times, has_input_times, .. } = self;
        let inputs = trace.stimulus.spikes().len();
        let Scratch {
            schedule,
            adjoints,
            cusps,
            window,
            stretches,
            integrals,
            averaged,
            is_clamped,
            ..
        } = &mut *self.scratch;
        let numbers = &body.numbers;
        let dt = stretch.until.since(stretch.from);
        let still = Propagator::default();
        let motion =
            Some(Move { dt, flow: stretches.get(k - window.first_stretch).unwrap_or(&still) });
        for k in stretch.arrivals.clone().rev() {
            let arrival = schedule.arrivals[k];
            let synapses = wiring.synapses(arrival.row);
            let weights = &wiring.weights[synapses.clone()];
            let receptor = if K == 1 { 0 } else { wiring.receptor(arrival.row) };
            let is_timed = *has_input_times || arrival.firing >= inputs;
            let gradient = &mut self.weights[synapses];
            let row = Some(Row { weights, receptor, gradient, is_timed });
            // What arrived first goes together with the motion before it.
            let motion = motion.filter(|_| k == stretch.arrivals.start);
            let mut total = Pass { adjoints, numbers, row, motion }.run();
            if !is_timed {
                continue;
            }
            for at in cusps.iter().filter(|at| at.time.coincides(arrival.time)) {
                // Arrivals that cut a maximum off share its motion in proportion to what they do to the rate.
                let change = body.models[at.neuron].rate_change(weights[at.neuron]);
                total += at.cusp.share(change) * at.cotangent;
            }
            self.delays[arrival.row] += total;
            times[arrival.firing] += total;
        }
        if stretch.arrivals.is_empty() {
            let _ = Pass { adjoints, numbers, row: None, motion }.run();
        }
        let mut cache = [Averaging::default(); K];
        for &n in averaged.iter().filter(|&&n| !is_clamped[n]) {
            let start = adjoints.get(n);
            let motion = (stretch.from, dt);
            adjoints.set(n, average(integrals, n, &body.models[n], motion, start, &mut cache));
        }
    }

    /// Moves the neuron of a moment back to it, through it, and on to the start of its stretch if nothing comes before.
    /// Returns whether anything depends on the neuron then.
    fn moment(&mut self, k: usize, stretch: &Stretch) -> Result<bool, AdjointError> {
        let moment = self.scratch.schedule.moments[k];
        // Its position in the window.
        let k = k - self.scratch.window.first_moment;
        let n = moment.neuron;
        let hand = self.scratch.by_hand.get(n);
        let model = &self.body.models[n];
        let mut adjoint =
            self.transport(n, &self.scratch.after[k], (moment.time, moment.after), hand);
        match moment.kind {
            Kind::Release(spike) => {
                let time = self.release(spike, &mut adjoint);
                self.collect(n, |model, gradient| model.refractory_pullback(time, gradient));
            }
            Kind::Crossing(spike) => {
                if adjoint.0.v != 0.0 {
                    self.release_at_once(spike, &moment, stretch, &mut adjoint);
                }
                self.crossing(spike, self.scratch.decays[k], &moment, &mut adjoint)?;
            }
            Kind::Readout(readout) | Kind::LateReadout(readout) => {
                let cotangent = self.cotangents.readouts[readout];
                adjoint = model.read_pullback(cotangent, adjoint);
                let tangent = self.trace.readouts[readout].tangent;
                let others = self.trace.spikes.len() + readout;
                let decay = self.scratch.decays[k];
                self.add_membrane(&moment, cotangent, decay, (tangent, others));
            }
        }
        match moment.kind {
            Kind::Release(_) => self.scratch.is_clamped[n] = true,
            Kind::Crossing(_) => self.scratch.is_clamped[n] = false,
            Kind::Readout(_) | Kind::LateReadout(_) => {}
        }
        self.scratch.by_hand.set(n, adjoint);
        if moment.is_first {
            let motion = (stretch.from, moment.before);
            let start = self.transport(n, &self.scratch.before[k], motion, adjoint);
            self.scratch.adjoints.set(n, start);
        }
        Ok(!model.is_zero_adjoint(adjoint))
    }

    /// Adds to the gradient of a neuron of the layer what belongs to its membrane.
    #[inline(always)]
    fn collect(&mut self, n: usize, add: impl FnOnce(&Lif<f64>, &mut LifGradient<f64>)) {
        add(self.body.models[n].membrane_alone(), &mut self.gradient.of_lif[n]);
    }

    /// Adds what ∂L/∂V = `membrane` at a moment gives; the tangents are those that it has itself, and where in the trace the others stand.
    #[inline(always)]
    fn add_membrane(
        &mut self,
        moment: &Moment,
        membrane: f64,
        decay: [f64; 2],
        (tangent, others): (TimeConstants<f64>, usize),
    ) {
        let of_lif = &mut self.gradient.of_lif[moment.neuron];
        of_lif.add_membrane(membrane, decay, moment.after_reset, tangent);
        add_others(self.trace, others, membrane, self.gradient.of_others::<K>(moment.neuron));
    }

    /// The adjoint of a neuron of the layer at the start of a `motion`: (when it starts, its length).
    #[inline]
    fn transport(
        &self,
        n: usize,
        by: &Propagator<K>,
        motion: (Time, f64),
        after: Adjoint<CurrentsState<K>>,
    ) -> Adjoint<CurrentsState<K>> {
        let before = by.flow_pullback(after);
        if self.scratch.is_clamped[n] || self.scratch.averaged.is_empty() {
            return before;
        }
        let (integrals, model) = (&self.scratch.integrals, &self.body.models[n]);
        average(integrals, n, model, motion, before, &mut [Averaging::default(); K])
    }

    /// A later release leaves the membrane at its reset value for longer (eq. 12): returns ∂L/∂(time of the release).
    fn release(&mut self, spike: usize, adjoint: &mut Adjoint<CurrentsState<K>>) -> f64 {
        let n = self.trace.spikes[spike].neuron.index() - self.layer.neurons.start;
        let model = &self.body.models[n];
        let rate = self.trace.spikes[spike].release_rate;
        let (before, time) = model.release_pullback(rate, *adjoint);
        *adjoint = before;
        self.times[self.trace.stimulus.spikes().len() + spike] += time;
        time
    }

    /// Without a refractory time release and crossing are one. That time can only grow, beyond all that arrives at the instant: the
    /// membrane would start with that (eq. 14a).
    fn release_at_once(
        &mut self,
        spike: usize,
        moment: &Moment,
        stretch: &Stretch,
        adjoint: &mut Adjoint<CurrentsState<K>>,
    ) {
        let Self { wiring, body, .. } = *self;
        let mut arrived = 0.0;
        if moment.time.coincides(stretch.until) {
            for arrival in &self.scratch.schedule.arrivals[stretch.arrivals.clone()] {
                arrived += wiring.weights[wiring.synapses(arrival.row)][moment.neuron];
            }
        }
        let (model, rate) = (&body.models[moment.neuron], self.trace.spikes[spike].release_rate);
        let later = rate + model.rate_change(arrived);
        let (_, time) = model.release_pullback(later, *adjoint);
        self.collect(moment.neuron, |model, gradient| model.refractory_pullback(time, gradient));
        self.release(spike, adjoint);
    }

    fn crossing(
        &mut self,
        spike: usize,
        decay: [f64; 2],
        moment: &Moment,
        adjoint: &mut Adjoint<CurrentsState<K>>,
    ) -> Result<(), AdjointError> {
        let at = &self.trace.spikes[spike];
        let model = &self.body.models[moment.neuron];
        let firing = self.trace.stimulus.spikes().len() + spike;
        let time = self.cotangents.spikes[spike] + self.times[firing];
        self.times[firing] = time;
        if time == 0.0 {
            return Ok(());
        }
        let Some(slope) = self.policy.slope(|n| self.wiring.named(n), at)? else { return Ok(()) };
        let (before, membrane) = model.spike_pullback(slope, time, *adjoint);
        *adjoint = before;
        if !(time.is_finite() && membrane.is_finite()) {
            let neuron = self.wiring.named(at.neuron);
            return Err(AdjointError::NonFinite { neuron, time: at.time });
        }
        self.collect(moment.neuron, |model, gradient| {
            model.threshold_pullback(slope, time, gradient);
        });
        self.add_membrane(moment, membrane, decay, (at.tangent, spike));
        Ok(())
    }

    /// What is left at time 0 belongs to the initial state.
    fn finish(&mut self) {
        for n in 0..self.layer.neurons.len() {
            let Adjoint(CurrentsState { v, i }) = self.scratch.adjoints.get(n);
            let start = Adjoint(State { v, i: i[0] });
            self.collect(n, |model, of_lif| model.initial_pullback(start, of_lif));
            for (other, i) in self.gradient.of_others::<K>(n).iter_mut().zip(&i[1..]) {
                other.i += i;
            }
        }
    }
}

/// Adds what ∂L/∂x = `cotangent` gives to the time constants of the receptors but the first, for a number x whose derivatives by them stand at `place` of the
/// trace.
#[inline(always)]
fn add_others(trace: &Trace, place: usize, cotangent: f64, of_others: &mut [OfReceptor]) {
    if !of_others.is_empty() {
        let tangents = &trace.receptor_tangents[place];
        for (other, by_tau) in of_others.iter_mut().zip(tangents) {
            other.tau_syn += cotangent * by_tau;
        }
    }
}

/// Adds what the averages of a neuron give over a free motion to the adjoint at its start: to the membrane, and to each current, of which each part of the
/// neuron has one.
fn average<const K: usize>(
    integrals: &Integrals<f64>,
    n: usize,
    model: &Superposed<K>,
    motion: (Time, f64),
    Adjoint(start): Adjoint<CurrentsState<K>>,
    caches: &mut [Averaging<f64>; K],
) -> Adjoint<CurrentsState<K>> {
    let mut adjoint = start;
    for (k, (part, cache)) in model.parts().iter().zip(caches).enumerate() {
        let before = Adjoint(State { v: start.v, i: start.i[k] });
        let Adjoint(of_part) = integrals.pull_back(n, part, motion, before, cache);
        adjoint.i[k] = of_part.i;
        if k == 0 {
            adjoint.v = of_part.v;
        }
    }
    Adjoint(adjoint)
}
