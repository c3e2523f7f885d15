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
use super::peaks::{Peaks, Sampled, Stretch, receive};
use super::wave::{Crossing, Member, Moving, Wave};
use super::{FiredTangent, in_order};
use spikegrad_dynamics::Neuron;
use spikegrad_dynamics::lanes::forward::{Job, Pass, Screen};
use spikegrad_dynamics::lanes::{Columns, Motion, Numbers};
use spikegrad_dynamics::receptors::{CurrentsTangent, Superposed};
use spikegrad_network::{Body, Layer, NeuronId, ReadoutRequest, Source, Spike, Time, Watch};

/// A neuron in its refractory time.
#[derive(Clone, Copy, Debug)]
struct Clamped {
    /// Index in the layer.
    neuron: usize,
    release: Time,
}

/// Memory of a layer under way.
#[derive(Clone, Debug)]
pub(super) struct Scratch<const K: usize> {
    pub(super) arrivals: Arrivals,
    pub(super) before: Columns<K>,
    after: Columns<K>,
    ceiling: Vec<f64>,
    named: Vec<usize>,
    lengths: Vec<f64>,
    motions: Vec<Motion<K>>,
    /// What arrives at the start of the stretch.
    arriving: Arriving<K>,
    wave: Wave<K>,
    next_wave: Wave<K>,
    /// Those that will not cross any more in this stretch, and have only to be moved to its end.
    silent: Wave<K>,
    clamped: Vec<Clamped>,
    is_clamped: Vec<bool>,
    /// Who is released in this stretch; empty between.
    released: Vec<usize>,
    /// For each neuron that is released its position in the wave; none between.
    member_of: Vec<usize>,
    pub(super) peaks: Peaks<K>,
}

impl<const K: usize> Default for Scratch<K> {
    fn default() -> Self {
        Self {
            arrivals: Arrivals::default(),
            before: Columns::default(),
            after: Columns::default(),
            ceiling: Vec::new(),
            named: Vec::new(),
            lengths: Vec::new(),
            motions: Vec::new(),
            arriving: Arriving::default(),
            wave: Wave::default(),
            next_wave: Wave::default(),
            silent: Wave::default(),
            clamped: Vec::new(),
            is_clamped: Vec::new(),
            released: Vec::new(),
            member_of: Vec::new(),
            peaks: Peaks::default(),
        }
    }
}

impl<const K: usize> Scratch<K> {
    /// The end of a stretch is the start of the next one.
    fn swap(&mut self) {
        std::mem::swap(&mut self.before, &mut self.after);
    }
}

/// One layer of one run, with the derivatives with respect to time constants or without.
#[derive(Debug)]
pub(super) struct LayerRun<'a, const K: usize, const TANGENTS: bool> {
    pub(super) fired: Fired<'a>,
    pub(super) layer: &'a Layer,
    pub(super) body: &'a Body<K>,
    pub(super) t_end: f64,
    pub(super) readouts: &'a [ReadoutRequest],
    pub(super) budget: &'a mut Budget,
    /// Its spikes, in order.
    pub(super) spikes: &'a mut Vec<Spike>,
    /// What the spikes of neurons with several receptors have no place for.
    pub(super) tangents: &'a mut Vec<FiredTangent>,
    /// Read-outs by request.
    pub(super) sampled: &'a mut [Sampled],
    pub(super) scratch: &'a mut Scratch<K>,
    pub(super) watch: &'a mut Watch,
}

impl<const K: usize, const TANGENTS: bool> LayerRun<'_, K, TANGENTS> {
    pub(super) fn run(mut self) -> Result<(), Irregular> {
        if self.layer.neurons.is_empty() {
            return Ok(());
        }
        self.prepare()?;
        let (mut from, mut rows) = (Time::from(0.0), 0..0);
        let mut k = 0;
        loop {
            self.go_on()?;
            let next = if self.layer.is_recurrent {
                self.scratch.arrivals.next(self.layer, self.fired, self.spikes)
            } else {
                self.scratch.arrivals.instants.get(k).copied()
            };
            let next = next.filter(|t| t.rounded <= self.t_end);
            let Scratch { arrivals, arriving, .. } = &mut *self.scratch;
            arriving.set(self.fired.wiring, &arrivals.rows[rows]);
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
                Some(&time) => (time, self.scratch.arrivals.at(k)),
                None => return Err(Irregular),
            };
            k += 1;
        }
        self.finish()
    }

    /// To be interrupted is out of the ordinary, too: the event loop says so at its start.
    fn go_on(&mut self) -> Result<(), Irregular> {
        if self.watch.is_interrupted() { Err(Irregular) } else { Ok(()) }
    }

    fn prepare(&mut self) -> Result<(), Irregular> {
        let (layer, body) = (self.layer, self.body);
        let Scratch { before, after, ceiling, clamped, is_clamped, peaks, .. } = &mut *self.scratch;
        let count = layer.neurons.len();
        begin(body, before);
        after.reset(&body.numbers);
        peaks.reset((body, layer), self.readouts, before);
        ceiling.clear();
        ceiling.resize(body.numbers.len(), f64::INFINITY);
        if !layer.spikes {
            for (n, model) in body.models.iter().enumerate() {
                ceiling[n] = peaks.ceiling(model, n);
            }
        }
        clamped.clear();
        is_clamped.clear();
        is_clamped.resize(count, false);
        let (mut lengths, mut motions) = Default::default();
        std::mem::swap(&mut self.scratch.lengths, &mut lengths);
        std::mem::swap(&mut self.scratch.motions, &mut motions);
        self.hear(&mut lengths, &mut motions)?;
        (self.scratch.lengths, self.scratch.motions) = (lengths, motions);
        Ok(())
    }

    /// Gathers what arrives, as far as it is known before the run: then also how long all stretches are, and their motions.
    pub(super) fn hear(
        &mut self,
        lengths: &mut Vec<f64>,
        motions: &mut Vec<Motion<K>>,
    ) -> Result<(), Irregular> {
        let arrivals = &mut self.scratch.arrivals;
        arrivals.reset(self.layer, self.fired);
        if self.layer.is_recurrent {
            lengths.clear();
            motions.clear();
            return Ok(());
        }
        arrivals.take_all(self.layer, self.fired, self.t_end)?;
        let arrivals = &self.scratch.arrivals;
        write_lengths(&self.body.numbers, &arrivals.instants, self.t_end, (lengths, motions));
        Ok(())
    }

    /// Counts events anew where there may be too many, and forgets the spikes after the horizon that follows.
    pub(super) fn look_at_budget(&mut self) {
        if !self.budget.may_be_spent(self.spikes.len()) {
            return;
        }
        self.spikes.sort_unstable_by(|a, b| in_order((a.time, a.neuron), (b.time, b.neuron)));
        let Fired { wiring, layers, inputs, populations } = self.fired;
        let own = Some((self.layer.population, self.spikes.as_slice()));
        self.budget.look(Known { wiring, layers, inputs, populations, own });
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
            self.scratch.wave.search(self.body, end)?;
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
            numbers: &self.body.numbers,
            rows: arriving.weights(self.fired.wiring),
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
        self.scratch.wave.search(self.body, end)?;
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
        let (numbers, rows) = (&self.body.numbers, arriving.weights(self.fired.wiring));
        let (dt, motion) = (until.since(from), known.get(k));
        Pass { job, dt, motion, numbers, rows, before, after, ceiling, named }.run::<TANGENTS>();
    }

    /// The read-outs of a stretch, of whose spikes the first is at `first_spike`.
    fn read(&mut self, from: Time, until: Time, first_spike: usize) {
        let Scratch { before, after, ceiling, named, arriving, peaks, .. } = &mut *self.scratch;
        let (body, layer) = (self.body, self.layer);
        // Spikes beyond a horizon that has moved forward are gone, and whatever is read there is not used.
        let spikes = self.spikes.get(first_spike..).unwrap_or_default();
        let rows = arriving.weights(self.fired.wiring);
        let at = Stretch { body, layer, from, until, rows, before, spikes };
        peaks.along::<TANGENTS>(at, self.sampled, self.readouts);
        if layer.spikes {
            return;
        }
        for &n in named.iter().filter(|&&n| n < layer.neurons.len()) {
            let courses = [before.get(n), at.start(n), after.get(n)];
            peaks.turn::<TANGENTS>(n, &body.models[n], [from, until], courses);
            ceiling[n] = peaks.ceiling(&body.models[n], n);
        }
        peaks.keep(at);
    }

    /// The first wave: whoever was named, and whose refractory time ends.
    fn gather(&mut self, from: Time, until: Time) {
        let Scratch { before, named, arriving, wave, clamped, is_clamped, .. } = &mut *self.scratch;
        let body = self.body;
        let rows = arriving.weights(self.fired.wiring);
        let model = |n: usize| &body.models[n];
        let start = |n: usize| receive(model(n), before.get(n), &rows, n);
        wave.clear();
        for &n in named.iter().filter(|&&n| n < is_clamped.len() && !is_clamped[n]) {
            let member = Member { neuron: n, from, is_known: true, crossing: None };
            let at = start(n);
            if !model(n).is_silent_for(at.0, until.since(from)) {
                wave.push(body, member, at);
            }
        }
        for &Clamped { neuron: n, release } in
            clamped.iter().filter(|c| c.release.rounded <= until.rounded)
        {
            let held =
                hold::<K, TANGENTS>(model(n), reset(model(n), start(n)), release.since(from));
            let member = Member { neuron: n, from: release, is_known: false, crossing: None };
            wave.push(body, member, held);
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
        let models = &self.body.models;
        // Without a delay the spike that arrives first is one of these, and so are its equals. Others cross at its very time by chance, or by a symmetry that
        // the roundings of the event loop may break.
        let at_first = |member: &Member| member.crossing.is_some_and(|c| c.time == first);
        let earliest = wave.members.iter().find(|member| delay == 0.0 && at_first(member));
        let earliest = earliest.map(|member| models[member.neuron]);
        for member in &mut wave.members {
            let Some(crossing) = member.crossing else { continue };
            let is_first = crossing.time == first && earliest == Some(models[member.neuron]);
            let membrane = models[member.neuron].membrane_alone();
            let condition = membrane.crossing_condition(crossing.slope);
            if first != until && !is_first && crossing.blurs(condition, first) {
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
        let (first_spike, first_tangent) = (self.spikes.len(), self.tangents.len());
        self.hold_clamped(until);
        self.scratch.silent.clear();
        while !self.scratch.wave.members.is_empty() {
            self.go_on()?;
            let end = until;
            let until = self.budget.within(end);
            let Scratch { wave, next_wave, .. } = &mut *self.scratch;
            if !wave.members.iter().all(|member| member.is_passed(end)) {
                wave.advance::<TANGENTS>(until);
            }
            next_wave.clear();
            for k in 0..self.scratch.wave.members.len() {
                let Scratch { wave, after, .. } = &*self.scratch;
                let member = wave.members[k];
                let neuron = member.neuron;
                let state = if member.is_passed(end) { after.get(neuron) } else { wave.get(k) };
                match member.crossing {
                    Some(crossing) if crossing.time.rounded > until.rounded => {}
                    Some(crossing) => self.spike(neuron, crossing, state, until)?,
                    None if member.is_known || member.from.rounded > until.rounded => {}
                    None => self.scratch.after.set(neuron, state),
                }
            }
            let Scratch { wave, next_wave, .. } = &mut *self.scratch;
            std::mem::swap(wave, next_wave);
            wave.search(self.body, until)?;
        }
        let Scratch { silent, after, .. } = &mut *self.scratch;
        silent.advance::<TANGENTS>(until);
        for (k, member) in silent.members.iter().enumerate() {
            after.set(member.neuron, silent.get(k));
        }
        if let Some(new) = self.spikes.get_mut(first_spike..) {
            new.sort_unstable_by(|a, b| in_order((a.time, a.neuron), (b.time, b.neuron)));
        }
        if let Some(new) = self.tangents.get_mut(first_tangent..) {
            new.sort_unstable_by(|a, b| in_order((a.time, a.neuron), (b.time, b.neuron)));
        }
        Ok(())
    }

    /// Holds who is still refractory at `until`, and lets go who is not.
    fn hold_clamped(&mut self, until: Time) {
        let Scratch { after, clamped, is_clamped, released, .. } = &mut *self.scratch;
        let model = |n: usize| &self.body.models[n];
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
                let model = &self.body.models[n - first];
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
        at: Moving<K>,
        until: Time,
    ) -> Result<(), Irregular> {
        let n = self.layer.neurons.start + neuron;
        let model = &self.body.models[neuron];
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
        let held = if dt == 0.0 { start } else { hold::<K, TANGENTS>(model, start, dt) };
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
            wave.push(self.body, member, held);
        } else {
            self.scratch.after.set(neuron, held);
        }
        if K > 1 && TANGENTS {
            let (time, neuron) = (spike.time, spike.neuron);
            self.tangents.push(FiredTangent { time, neuron, tangent: at.1.of_others() });
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
        peaks.end((self.body, self.layer), self.t_end, before, self.sampled, self.readouts);
        Ok(())
    }
}

/// Writes how long the stretches between arrivals are, and the motions over them where neurons share these.
pub(super) fn write_lengths<const K: usize>(
    numbers: &Numbers<K>,
    instants: &[Time],
    t_end: f64,
    (lengths, motions): (&mut Vec<f64>, &mut Vec<Motion<K>>),
) {
    let end = Time::from(t_end);
    lengths.clear();
    motions.clear();
    lengths.extend(instants.first().map(|first| first.since(0.0.into())));
    lengths.extend(instants.windows(2).map(|two| two[1].since(two[0])));
    lengths.push(end.since(instants.last().copied().unwrap_or(0.0.into())));
    if numbers.share_motions() {
        numbers.motions(lengths, motions);
    }
}

/// Puts the neurons of a layer to the beginning of a run.
pub(super) fn begin<const K: usize>(body: &Body<K>, into: &mut Columns<K>) {
    into.reset(&body.numbers);
    for (n, &state) in body.initial.iter().enumerate() {
        into.set(n, (state, CurrentsTangent::default()));
    }
}

/// The jump of a spike of a neuron.
fn reset<const K: usize>(model: &Superposed<K>, (state, tangent): Moving<K>) -> Moving<K> {
    (model.reset(state), model.reset_tangent(tangent))
}

/// `dt` seconds of a neuron in its refractory time.
fn hold<const K: usize, const TANGENTS: bool>(
    model: &Superposed<K>,
    (state, tangent): Moving<K>,
    dt: f64,
) -> Moving<K> {
    let carried = if TANGENTS { model.hold_tangent(tangent, state, dt) } else { tangent };
    (model.hold(state, dt), carried)
}
