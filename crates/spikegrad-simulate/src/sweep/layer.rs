//! One layer, from stretch to stretch between its arrivals.
//!
//! In a stretch nothing reaches the layer, so its neurons are independent: one pass moves them all, and those that it names
//! are run in waves. Where a layer hears itself, the first of its own spikes to arrive within the stretch cuts it off
//! there. A refractory neuron is held by hand until its release.
//!
//! Not here: in which order layers come (`mod.rs`), the mathematics of a pass (`spikegrad_dynamics::lanes`).

use super::Irregular;
use super::arrivals::{Arrivals, Arriving, Fired};
use super::budget::{Budget, Known};
use super::peaks::{Peaks, Stretch};
use super::wave::{Crossing, Member, Moving, Wave};
use spikegrad_dynamics::lanes::forward::{Job, Pass, Screen};
use spikegrad_dynamics::lanes::{Columns, Motion};
use spikegrad_dynamics::lif::Tangent;
use spikegrad_dynamics::{Lif, Neuron};
use spikegrad_network::{Layer, Layers, NeuronId, Readout, ReadoutRequest, Source, Spike, Time};
use std::cmp::Ordering;

/// A neuron in its refractory time.
#[derive(Clone, Copy, Debug)]
struct Clamped {
    /// Index in the layer.
    neuron: usize,
    release: Time,
}

/// Memory of a layer under way.
#[derive(Clone, Debug, Default)]
pub(super) struct Scratch {
    arrivals: Arrivals,
    before: Columns,
    after: Columns,
    ceiling: Vec<f64>,
    named: Vec<usize>,
    lengths: Vec<f64>,
    motions: Vec<Motion>,
    /// What arrives at the start of the stretch.
    arriving: Arriving,
    wave: Wave,
    next_wave: Wave,
    /// Those that will not cross any more in this stretch, and have only to be moved to its end.
    silent: Wave,
    clamped: Vec<Clamped>,
    is_clamped: Vec<bool>,
    /// Who is released in this stretch; empty between.
    released: Vec<usize>,
    /// For each neuron that is released its position in the wave; none between.
    member_of: Vec<usize>,
    peaks: Peaks,
}

impl Scratch {
    /// The end of a stretch is the start of the next one.
    fn swap(&mut self) {
        std::mem::swap(&mut self.before, &mut self.after);
    }
}

/// One layer of one run, with the derivatives with respect to time constants or without.
#[derive(Debug)]
pub(super) struct LayerRun<'a, const TANGENTS: bool> {
    pub(super) fired: Fired<'a>,
    pub(super) layers: &'a Layers,
    pub(super) layer: &'a Layer,
    pub(super) t_end: f64,
    pub(super) readouts: &'a [ReadoutRequest],
    pub(super) budget: &'a mut Budget,
    /// Its spikes, in order.
    pub(super) spikes: &'a mut Vec<Spike>,
    /// Read-outs by request.
    pub(super) sampled: &'a mut [Option<Readout>],
    pub(super) scratch: &'a mut Scratch,
}

impl<const TANGENTS: bool> LayerRun<'_, TANGENTS> {
    pub(super) fn run(mut self) -> Result<(), Irregular> {
        if self.layer.neurons.is_empty() {
            return Ok(());
        }
        self.prepare()?;
        let (mut from, mut rows) = (Time::from(0.0), 0..0);
        let mut k = 0;
        loop {
            let next = if self.layer.is_recurrent {
                self.scratch.arrivals.next(self.layer, self.fired, self.spikes)
            } else {
                self.scratch.arrivals.instants.get(k).map(|instant| instant.time)
            };
            let next = next.filter(|t| t.rounded <= self.t_end);
            let Scratch { arrivals, arriving, .. } = &mut *self.scratch;
            arriving.set(self.fired.circuit, &arrivals.rows[rows]);
            let end = next.unwrap_or(Time::from(self.t_end));
            let until = self.stretch(k, from, end)?;
            if self.budget.horizon < until.rounded {
                return self.check_finite();
            }
            if next.is_none() && until == end {
                break;
            }
            if self.layer.is_recurrent {
                self.scratch.arrivals.take(self.layer, self.fired, self.spikes, self.t_end)?;
            }
            (from, rows) = match self.scratch.arrivals.instants.get(k) {
                Some(instant) => (instant.time, instant.rows.clone()),
                None => return Err(Irregular),
            };
            k += 1;
        }
        self.finish()
    }

    fn prepare(&mut self) -> Result<(), Irregular> {
        let (layer, circuit) = (self.layer, self.fired.circuit);
        let Scratch { arrivals, before, after, ceiling, clamped, is_clamped, peaks, .. } =
            &mut *self.scratch;
        let count = layer.neurons.len();
        before.reset(&layer.numbers);
        after.reset(&layer.numbers);
        for (n, &state) in circuit.initial[layer.neurons.clone()].iter().enumerate() {
            before.set(n, (state, Tangent::default()));
        }
        peaks.reset((circuit, layer), self.readouts, before);
        ceiling.clear();
        ceiling.resize(layer.numbers.len(), f64::INFINITY);
        if !layer.spikes {
            for (n, model) in circuit.neurons[layer.neurons.clone()].iter().enumerate() {
                ceiling[n] = peaks.ceiling(model, n);
            }
        }
        clamped.clear();
        is_clamped.clear();
        is_clamped.resize(count, false);
        arrivals.reset(layer);
        if !layer.is_recurrent {
            while arrivals.take(layer, self.fired, self.spikes, self.t_end)? {}
        }
        self.prepare_motions();
        Ok(())
    }

    /// Where all stretches are known before, their motions are computed together.
    fn prepare_motions(&mut self) {
        let Scratch { arrivals, lengths, motions: into, .. } = &mut *self.scratch;
        into.clear();
        if self.layer.is_recurrent || !self.layer.numbers.share_motions() {
            return;
        }
        lengths.clear();
        let mut from = Time::from(0.0);
        let ends = arrivals.instants.iter().map(|i| i.time).chain([self.t_end.into()]);
        for until in ends {
            lengths.push(until.since(from));
            from = until;
        }
        self.layer.numbers.motions(lengths, into);
    }

    /// Counts events anew where there may be too many, and forgets the spikes after the horizon that follows.
    fn look_at_budget(&mut self) {
        if !self.budget.may_be_spent(self.spikes.len()) {
            return;
        }
        self.spikes.sort_unstable_by(in_order);
        let Fired { inputs, populations, .. } = self.fired;
        let own = Some((self.layer.population, self.spikes.as_slice()));
        self.budget.look(Known { layers: self.layers, inputs, populations, own });
        let kept = self.spikes.partition_point(|spike| spike.time <= self.budget.horizon);
        self.spikes.truncate(kept);
    }

    /// Moves the layer from `from` to `end`, or to where it is cut off; stretch `k` of the layer.
    fn stretch(&mut self, k: usize, from: Time, end: Time) -> Result<Time, Irregular> {
        if self.layer.is_recurrent && self.layer.spikes {
            return self.stretch_that_hears_itself(from, end);
        }
        let job = if self.layer.spikes { Job::NameCrossings } else { Job::NameTurns };
        let first_spike = self.spikes.len();
        self.pass(job, k, from, end);
        if self.layer.spikes && !(self.scratch.named.is_empty() && self.scratch.clamped.is_empty())
        {
            self.gather(from, end);
            self.scratch.wave.search(self.fired.circuit, self.layer, end)?;
            self.work_off(end)?;
        }
        self.read(from, end, first_spike);
        self.scratch.swap();
        Ok(end)
    }

    /// Moves the layer from `from` to `end`, or to where the first of its own spikes arrives.
    fn stretch_that_hears_itself(&mut self, from: Time, end: Time) -> Result<Time, Irregular> {
        let Scratch { before, named, arriving, .. } = &mut *self.scratch;
        Screen {
            dt: end.since(from),
            numbers: &self.layer.numbers,
            row: arriving.weights(self.fired.circuit),
            before,
            named,
        }
        .run();
        let first_spike = self.spikes.len();
        if self.scratch.named.is_empty() && self.scratch.clamped.is_empty() {
            self.pass(Job::Move, 0, from, end);
            self.read(from, end, first_spike);
            self.scratch.swap();
            return Ok(end);
        }
        self.gather(from, end);
        self.scratch.wave.search(self.fired.circuit, self.layer, end)?;
        let until = self.cut_off(end)?;
        self.pass(Job::Move, 0, from, until);
        self.work_off(until)?;
        self.read(from, until, first_spike);
        self.scratch.swap();
        Ok(until)
    }

    fn pass(&mut self, job: Job, k: usize, from: Time, until: Time) {
        let Scratch { before, after, ceiling, named, motions: known, arriving, .. } =
            &mut *self.scratch;
        let (numbers, row) = (&self.layer.numbers, arriving.weights(self.fired.circuit));
        let (dt, motion) = (until.since(from), known.get(k));
        Pass { job, dt, motion, numbers, row, before, after, ceiling, named }.run::<TANGENTS>();
    }

    /// The read-outs of a stretch, of whose spikes the first is at `first_spike`.
    fn read(&mut self, from: Time, until: Time, first_spike: usize) {
        let Scratch { before, after, ceiling, named, arriving, peaks, .. } = &mut *self.scratch;
        let (circuit, layer) = (self.fired.circuit, self.layer);
        // Spikes beyond a horizon that has moved forward are gone, and whatever is read there is not used.
        let spikes = self.spikes.get(first_spike..).unwrap_or_default();
        let row = arriving.weights(circuit);
        let at = Stretch { circuit, layer, from, until, row, before, spikes };
        peaks.along::<TANGENTS>(at, self.sampled, self.readouts);
        if layer.spikes {
            return;
        }
        for &n in named.iter().filter(|&&n| n < layer.neurons.len()) {
            peaks.turn::<TANGENTS>(at, after, n);
            ceiling[n] = peaks.ceiling(&circuit.neurons[layer.neurons.start + n], n);
        }
        peaks.keep(at);
    }

    /// The first wave: whoever was named, and whose refractory time ends.
    fn gather(&mut self, from: Time, until: Time) {
        let Scratch { before, named, arriving, wave, clamped, is_clamped, .. } = &mut *self.scratch;
        let (layer, circuit) = (self.layer, self.fired.circuit);
        let row = arriving.weights(circuit);
        let model = |n: usize| &circuit.neurons[layer.neurons.start + n];
        let start = |n: usize| {
            let (state, tangent) = before.get(n);
            (model(n).receive(state, row.get(n).copied().unwrap_or(0.0)), tangent)
        };
        wave.clear();
        for &n in named.iter().filter(|&&n| n < is_clamped.len() && !is_clamped[n]) {
            let member = Member { neuron: n, from, is_known: true, crossing: None };
            let at = start(n);
            if !model(n).is_silent_for(at.0, until.since(from)) {
                wave.push(layer, member, at);
            }
        }
        for &Clamped { neuron: n, release } in
            clamped.iter().filter(|c| c.release.rounded <= until.rounded)
        {
            let held = hold::<TANGENTS>(model(n), reset(model(n), start(n)), release.since(from));
            let member = Member { neuron: n, from: release, is_known: false, crossing: None };
            wave.push(layer, member, held);
        }
    }

    /// The stretch of a layer that hears itself ends where the first of its own spikes arrives.
    fn cut_off(&mut self, until: Time) -> Result<Time, Irregular> {
        let own = Source::Population(self.layer.population);
        let delays = self.layer.incoming.iter().filter(|i| i.from == own).map(|i| i.delay);
        let Some(delay) = delays.reduce(f64::min) else { return Ok(until) };
        let wave = &mut self.scratch.wave;
        let crossings = wave.members.iter().filter_map(|member| member.crossing);
        let first = crossings
            .map(|crossing| crossing.time.after(delay))
            .fold(until, |a, b| if b.rounded < a.rounded { b } else { a });
        let neurons = &self.fired.circuit.neurons[self.layer.neurons.clone()];
        for member in &mut wave.members {
            let Some(crossing) = member.crossing else { continue };
            // Without a delay the spike that arrives first is one of these, and so are its equals.
            let is_first = delay == 0.0 && crossing.time == first;
            if first != until && !is_first && crossing.blurs(&neurons[member.neuron], first) {
                return Err(Irregular);
            }
            if crossing.time.rounded > first.rounded {
                member.crossing = None;
            }
        }
        Ok(first)
    }

    /// Works off the first wave, whose crossings are found, and those that follow from it.
    fn work_off(&mut self, until: Time) -> Result<(), Irregular> {
        let first_spike = self.spikes.len();
        self.hold_clamped(until);
        self.scratch.silent.clear();
        while !self.scratch.wave.members.is_empty() {
            let until = self.budget.within(until);
            self.scratch.wave.advance::<TANGENTS>(until);
            self.scratch.next_wave.clear();
            for k in 0..self.scratch.wave.members.len() {
                let member = self.scratch.wave.members[k];
                let state = self.scratch.wave.get(k);
                match member.crossing {
                    Some(crossing) if crossing.time.rounded > until.rounded => {}
                    Some(crossing) => self.spike(member.neuron, crossing, state, until)?,
                    None if member.is_known || member.from.rounded > until.rounded => {}
                    None => self.scratch.after.set(member.neuron, state),
                }
            }
            let Scratch { wave, next_wave, .. } = &mut *self.scratch;
            std::mem::swap(wave, next_wave);
            wave.search(self.fired.circuit, self.layer, until)?;
        }
        let Scratch { silent, after, .. } = &mut *self.scratch;
        silent.advance::<TANGENTS>(until);
        for (k, member) in silent.members.iter().enumerate() {
            after.set(member.neuron, silent.get(k));
        }
        if let Some(new) = self.spikes.get_mut(first_spike..) {
            new.sort_unstable_by(in_order);
        }
        Ok(())
    }

    /// Holds who is still refractory at `until`, and lets go who is not.
    fn hold_clamped(&mut self, until: Time) {
        let Scratch { after, clamped, is_clamped, released, .. } = &mut *self.scratch;
        let (layer, circuit) = (self.layer, self.fired.circuit);
        let model = |n: usize| &circuit.neurons[layer.neurons.start + n];
        clamped.retain(|&Clamped { neuron: n, release }| {
            let is_held = release.rounded > until.rounded;
            if is_held {
                after.set(n, reset(model(n), after.get(n)));
            } else {
                is_clamped[n] = false;
                released.push(n);
            }
            is_held
        });
        if !self.scratch.released.is_empty() {
            self.note_release_rates();
        }
    }

    /// Notes with the last spike of each released neuron at which rate its potential leaves the reset value: one pass over the wave, and
    /// one back over the spikes, however many are released together.
    fn note_release_rates(&mut self) {
        const NONE: usize = usize::MAX;
        const RELEASED: usize = NONE - 1;
        let Scratch { wave, released, member_of, .. } = &mut *self.scratch;
        let first = self.layer.neurons.start;
        member_of.resize(self.layer.neurons.len(), NONE);
        released.iter().for_each(|&n| member_of[n] = RELEASED);
        let mut count = 0;
        for (k, member) in wave.members.iter().enumerate() {
            if !member.is_known && member_of[member.neuron] == RELEASED {
                member_of[member.neuron] = k;
                count += 1;
            }
        }
        for spike in self.spikes.iter_mut().rev() {
            if count == 0 {
                break;
            }
            let n = spike.neuron.index();
            let member = std::mem::replace(&mut member_of[n - first], NONE);
            if member < RELEASED {
                let model = &self.fired.circuit.neurons[n];
                spike.release_rate = model.membrane_rate(reset(model, wave.get(member)).0);
                count -= 1;
            }
        }
        released.drain(..).for_each(|n| member_of[n] = NONE);
    }

    /// `neuron` crosses its threshold, where it is `at`.
    fn spike(
        &mut self,
        neuron: usize,
        crossing: Crossing,
        at: Moving,
        until: Time,
    ) -> Result<(), Irregular> {
        let n = self.layer.neurons.start + neuron;
        let model = &self.fired.circuit.neurons[n];
        let Crossing { time, slope } = crossing;
        let start = reset(model, at);
        if !(slope > 0.0 && slope.is_finite() && model.is_finite(start.0)) {
            return Err(Irregular);
        }
        let mut spike = Spike {
            time: time.rounded,
            time_remainder: time.remainder,
            neuron: NeuronId::new(n),
            round: 0,
            slope,
            release_rate: 0.0,
            tangent: model.membrane_tangent(at.1),
        };
        let release = time.after(model.refractory());
        let is_released = release.rounded <= until.rounded;
        if model.refractory() > 0.0 && release.coincides(time) && time.coincides(until) {
            // However short, a refractory time outlasts the instant of its spike: what arrives then meets a clamp.
            return Err(Irregular);
        }
        let dt = if is_released { release } else { until }.since(time);
        let held = if dt == 0.0 { start } else { hold::<TANGENTS>(model, start, dt) };
        if is_released {
            spike.release_rate = model.membrane_rate(held.0);
        } else {
            self.scratch.is_clamped[neuron] = true;
            self.scratch.clamped.push(Clamped { neuron, release });
        }
        if release.rounded < until.rounded {
            let member = Member { neuron, from: release, is_known: false, crossing: None };
            let Scratch { next_wave, silent, .. } = &mut *self.scratch;
            let is_silent = model.is_silent_for(held.0, until.since(release));
            let wave = if is_silent { silent } else { next_wave };
            wave.push(self.layer, member, held);
        } else {
            self.scratch.after.set(neuron, held);
        }
        self.spikes.push(spike);
        self.look_at_budget();
        Ok(())
    }

    fn check_finite(&self) -> Result<(), Irregular> {
        if self.scratch.before.is_finite() { Ok(()) } else { Err(Irregular) }
    }

    fn finish(&mut self) -> Result<(), Irregular> {
        self.check_finite()?;
        let Scratch { before, peaks, .. } = &mut *self.scratch;
        peaks.end(self.fired.circuit, self.layer, self.t_end, before, self.sampled, self.readouts);
        Ok(())
    }
}

/// By time, then neuron.
fn in_order(a: &Spike, b: &Spike) -> Ordering {
    a.time.total_cmp(&b.time).then(a.neuron.cmp(&b.neuron))
}

/// The jump of a spike of a neuron.
fn reset(model: &Lif<f64>, (state, tangent): Moving) -> Moving {
    (model.reset(state), model.reset_tangent(tangent))
}

/// `dt` seconds of a neuron in its refractory time.
fn hold<const TANGENTS: bool>(model: &Lif<f64>, (state, tangent): Moving, dt: f64) -> Moving {
    let carried = if TANGENTS { model.hold_tangent(tangent, state, dt) } else { tangent };
    (model.hold(state, dt), carried)
}
