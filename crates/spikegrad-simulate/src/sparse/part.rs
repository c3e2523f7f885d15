//! Some of the neurons of a network through a window of time, whose arrivals are known.
//!
//! An arrival is one multiply-add of its target's sums. A neuron is looked at only when its certificate is spent: when more weight has arrived than was allowed
//! for, or when its time has come. Not here: what arrives (`window.rs`), the mathematics of a neuron (`spikegrad_dynamics::lif`).

use super::calendar::Calendar;
use super::references::References;
use super::window::{Arrival, Window};
use crate::engine::instant_after;
use crate::readouts::sample;
use crate::sweep::{Crossing, Irregular};
use prefetch_index::prefetch_index;
use spikegrad_dynamics::lif::Tangent;
use spikegrad_dynamics::lif::sums::{self, Arriving, Sums, TangentView, View};
use spikegrad_dynamics::{Certificate, Lif, Neuron, Outlook, State};
use spikegrad_network::{
    Circuit, Interrupt, Measure, NeuronId, Readout, ReadoutRequest, Spike, Time,
};
use std::ops::Range;

/// The least rate at which positive weights are expected, for each `τ_mem`, as a share of what a spike lets the potential drop by.
const LEAST_RATE: f64 = 1e-3;

/// Over how long that rate is averaged, in units of `τ_mem`.
const MEMORY: f64 = 0.25;

/// After how many spikes of a part a wish to end is looked for; else it is at each window.
const WATCHED: usize = 1024;

/// Sums of so many neurons, half a megabyte, stay in the cache of a core; of more, the targets of the next arrival are sent for.
const NEAR: usize = 8192;

/// How many arrivals before synapses are read the first of them are sent for.
const AHEAD: usize = 4;

/// What only a look, a spike or a release touches of a neuron.
#[derive(Clone, Copy, Debug)]
struct Prospect {
    /// Its next crossing, if that has been found.
    crossing: Option<Crossing>,
    /// When its refractory time ends, if it is in it, and the spike that it began with.
    release: Option<(Time, usize)>,
    /// What its last certificate allowed, and when it was issued.
    issued: (f64, Time),
    /// Positive weights that have come lately, for each `τ_mem`.
    rate: f64,
}

/// Some of the neurons.
#[derive(Clone, Debug, Default)]
pub(super) struct Part {
    neurons: Range<usize>,
    sums: Vec<Sums>,
    prospects: Vec<Prospect>,
    references: References,
    calendar: Calendar,
    /// Nothing is due before this time.
    ahead: f64,
    flagged: Vec<usize>,
    /// Who has spiked since the last arrival, and until when an arrival there would be as good as at the same time.
    blurred: Vec<(usize, f64)>,
    /// Samples by time: (time, request).
    samples: Vec<(f64, usize)>,
    next_sample: usize,
    pub(super) sampled: Vec<(usize, Readout)>,
    /// Spikes of the run, in order, and how many came before this window.
    pub(super) spikes: Vec<Spike>,
    old_spikes: usize,
}

/// What all parts of a run share.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shared<'a> {
    pub(super) circuit: &'a Circuit,
    pub(super) readouts: &'a [ReadoutRequest],
    pub(super) t_end: f64,
    /// A part that fires more gives up.
    pub(super) max_spikes: u64,
    pub(super) interrupt: &'a Interrupt,
    /// The reference of the sums to which something happens, in seconds.
    pub(super) reference: f64,
}

impl Part {
    /// Takes up these neurons at time 0, with lists of a calendar that are `width` seconds long.
    pub(super) fn start(
        &mut self,
        shared: &Shared<'_>,
        neurons: Range<usize>,
        width: f64,
    ) -> Result<(), Irregular> {
        let Circuit { neurons: models, initial, .. } = shared.circuit;
        self.sums.clear();
        self.prospects.clear();
        let states = models[neurons.clone()].iter().zip(&initial[neurons.clone()]);
        for (model, &state) in states.clone() {
            self.sums.push(Sums::new(model, state));
            let issued = (f64::INFINITY, Time::from(0.0));
            let rate = model.drop_at_spike();
            self.prospects.push(Prospect { crossing: None, release: None, issued, rate });
        }
        self.calendar.clear(width);
        self.ahead = 0.0;
        self.flagged.clear();
        self.blurred.clear();
        self.samples.clear();
        for (k, request) in shared.readouts.iter().enumerate() {
            if let Measure::Sample { time } = request.measure
                && neurons.contains(&request.neuron.index())
            {
                self.samples.push((time, k));
            }
        }
        self.samples.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        self.next_sample = 0;
        self.sampled.clear();
        self.spikes.clear();
        self.neurons = neurons;
        for (n, (_, &state)) in states.enumerate() {
            self.look(shared, n, Time::from(0.0), state)?;
        }
        Ok(())
    }

    /// When anything is due that is not an arrival.
    pub(super) fn next(&mut self) -> Option<f64> {
        let Self { calendar, sums, .. } = self;
        let due = calendar.first(|time, n| sums[n].is_due(time)).map(|(time, _)| time);
        let sample = self.samples.get(self.next_sample).map(|sample| sample.0);
        due.into_iter().chain(sample).reduce(f64::min)
    }

    /// Spikes of the last window.
    pub(super) fn new_spikes(&self) -> &[Spike] {
        &self.spikes[self.old_spikes..]
    }

    /// Takes the part to `until`, which is not part of the window.
    pub(super) fn run<const TANGENTS: bool>(
        &mut self,
        shared: &Shared<'_>,
        window: &Window,
        until: f64,
    ) -> Result<(), Irregular> {
        self.old_spikes = self.spikes.len();
        let Window { arrivals, by, .. } = window;
        let mut come = 0;
        while let Some(arrival) = arrivals.get(come) {
            self.due::<TANGENTS>(shared, arrival.time.rounded)?;
            self.blurs_none(shared.circuit, &arrivals[come..])?;
            let Self { neurons, sums, flagged, ahead, references, .. } = self;
            let circuit = shared.circuit;
            let is_far = sums.len() > NEAR;
            sums::arrive::<TANGENTS, _, _>(
                sums,
                shared.reference,
                #[inline(always)]
                || {
                    let is_before = |arrival: &&Arrival| arrival.time.rounded < *ahead;
                    let arrival = arrivals.get(come).filter(is_before)?;
                    come += 1;
                    if let Some(later) = arrivals.get(come + AHEAD) {
                        let first = circuit.synapses(later.group).start;
                        prefetch_index(&*circuit.targets, first);
                        prefetch_index(&*circuit.weights, first);
                    }
                    let later = arrivals.get(come).filter(|_| is_far);
                    let later = later.map_or(0..0, |later| circuit.synapses(later.group));
                    Some(Arriving {
                        synapses: synapses(circuit, neurons, circuit.synapses(arrival.group)),
                        later: synapses(circuit, neurons, later).map(
                            #[inline(always)]
                            |(target, _)| target,
                        ),
                        by: &by[come - 1],
                        model: circuit.target_model(arrival.group),
                    })
                },
                #[inline(always)]
                |model, sums| references.change::<TANGENTS>(model, sums, shared.reference),
                flagged,
            );
            while let Some(n) = self.flagged.pop() {
                let model = self.model(shared, n);
                let state = View::at_arrival(model, &by[come - 1]).state(model, &self.sums[n]);
                self.look_after(shared, n, arrivals[come - 1].time, state)?;
            }
        }
        self.due::<TANGENTS>(shared, until.next_down())
    }

    /// Checks that none of these arrivals, the next ones, comes so soon after a spike of its target that only the event loop may say which is first.
    #[inline]
    fn blurs_none(&mut self, circuit: &Circuit, next: &[Arrival]) -> Result<(), Irregular> {
        for &(neuron, until) in &self.blurred {
            let mut near = next.iter().take_while(|arrival| arrival.time.rounded <= until);
            let all = |arrival: &Arrival| circuit.synapses(arrival.group);
            if near.any(|at| synapses(circuit, &self.neurons, all(at)).any(|(n, _)| n == neuron)) {
                return Err(Irregular);
            }
        }
        // The next window has more.
        let last = next.last().map_or(0.0, |arrival| arrival.time.rounded);
        self.blurred.retain(|&(_, until)| until >= last);
        Ok(())
    }

    /// Takes a neuron to the present reference.
    fn rebase<const TANGENTS: bool>(&mut self, shared: &Shared<'_>, n: usize) {
        let model = self.model(shared, n);
        self.references.change::<TANGENTS>(model, &mut self.sums[n], shared.reference);
    }

    fn model<'a>(&self, shared: &Shared<'a>, n: usize) -> &'a Lif<f64> {
        &shared.circuit.neurons[self.neurons.start + n]
    }

    /// All that is due up to `until`: spikes, releases and ends of certificates, and samples after them.
    fn due<const TANGENTS: bool>(
        &mut self,
        shared: &Shared<'_>,
        until: f64,
    ) -> Result<(), Irregular> {
        while self.ahead <= until {
            let Self { calendar, sums, .. } = self;
            let due = calendar.first(|time, n| sums[n].is_due(time));
            self.ahead = due.map_or(f64::INFINITY, |(time, _)| time);
            let due = due.filter(|&(time, _)| time <= until);
            let sample = self.samples.get(self.next_sample);
            self.ahead = sample.map_or(self.ahead, |&(time, _)| self.ahead.min(time));
            let sample = sample.filter(|sample| sample.0 <= until);
            match (due, sample) {
                (Some((time, n)), sample) if sample.is_none_or(|&(at, _)| time <= at) => {
                    self.calendar.pop();
                    self.come::<TANGENTS>(shared, n, time)?;
                }
                (_, Some(&(time, request))) => {
                    self.next_sample += 1;
                    self.sample::<TANGENTS>(shared, time, request);
                }
                (_, None) => {}
            }
        }
        Ok(())
    }

    /// The time of a neuron has come.
    fn come<const TANGENTS: bool>(
        &mut self,
        shared: &Shared<'_>,
        n: usize,
        time: f64,
    ) -> Result<(), Irregular> {
        self.rebase::<TANGENTS>(shared, n);
        let Prospect { crossing, release, .. } = self.prospects[n];
        let model = self.model(shared, n);
        if let Some((time, spike)) = release {
            let state = self.reset::<TANGENTS>(shared, n, time);
            self.prospects[n].release = None;
            self.spikes[spike].release_rate = model.membrane_rate(state);
            return self.look(shared, n, time, state);
        }
        if let Some(crossing) = crossing {
            return self.spike::<TANGENTS>(shared, n, crossing);
        }
        let state = View::new(model, time - shared.reference).state(model, &self.sums[n]);
        self.look(shared, n, time.into(), state)
    }

    /// Puts a neuron to its reset value, and returns its state.
    fn reset<const TANGENTS: bool>(
        &mut self,
        shared: &Shared<'_>,
        n: usize,
        time: Time,
    ) -> State<f64> {
        let (model, x) = (self.model(shared, n), time.since(shared.reference.into()));
        let sums = &mut self.sums[n];
        let view = if TANGENTS {
            let view = TangentView::new(model, x);
            view.reset(model, sums);
            view.view()
        } else {
            let view = View::new(model, x);
            view.reset(model, sums);
            view
        };
        model.reset(view.state(model, sums))
    }

    fn spike<const TANGENTS: bool>(
        &mut self,
        shared: &Shared<'_>,
        n: usize,
        crossing: Crossing,
    ) -> Result<(), Irregular> {
        let model = self.model(shared, n);
        let Crossing { time, slope } = crossing;
        let blurred_until = time.rounded + crossing.blur(model.crossing_condition(slope));
        self.blurred.push((n, blurred_until));
        let (_, tangent) = self.free::<TANGENTS>(shared, n, time);
        self.prospects[n].crossing = None;
        self.spikes.push(Spike {
            time: time.rounded,
            time_remainder: time.remainder,
            neuron: NeuronId::new(self.neurons.start + n),
            round: 0,
            slope,
            release_rate: 0.0,
            tangent: model.membrane_tangent(tangent),
        });
        let count = self.spikes.len();
        // A window has no end for who spikes without one.
        let is_unwanted = || count.is_multiple_of(WATCHED) && shared.interrupt.is_requested();
        if count as u64 > shared.max_spikes || is_unwanted() {
            return Err(Irregular);
        }
        let spike = count - 1;
        let refractory = model.refractory();
        if refractory == 0.0 {
            let state = self.reset::<TANGENTS>(shared, n, time);
            self.spikes[spike].release_rate = model.membrane_rate(state);
            return self.look_after(shared, n, time, state);
        }
        let release = time.after(refractory);
        if release.coincides(time) {
            // However short, a refractory time outlasts the instant of its spike: what arrives then meets a clamp.
            return Err(Irregular);
        }
        self.prospects[n].release = Some((release, spike));
        self.certify(shared, n, (f64::INFINITY, release.rounded));
        Ok(())
    }

    /// A neuron that is not clamped, with its derivatives if the run carries them.
    fn free<const TANGENTS: bool>(
        &self,
        shared: &Shared<'_>,
        n: usize,
        time: Time,
    ) -> (State<f64>, Tangent<f64>) {
        let (model, x) = (self.model(shared, n), time.since(shared.reference.into()));
        let sums = &self.sums[n];
        if TANGENTS {
            let view = TangentView::new(model, x);
            (view.view().state(model, sums), view.tangent(sums))
        } else {
            (View::new(model, x).state(model, sums), Tangent::default())
        }
    }

    fn sample<const TANGENTS: bool>(&mut self, shared: &Shared<'_>, time: f64, request: usize) {
        let asked = shared.readouts[request];
        let n = asked.neuron.index() - self.neurons.start;
        self.rebase::<TANGENTS>(shared, n);
        let is_free = self.prospects[n].release.is_none();
        let free = is_free.then(|| self.free::<TANGENTS>(shared, n, time.into()));
        self.sampled.push((request, sample(self.model(shared, n), asked, time, free)));
    }

    /// Looks at a neuron at which something has arrived, or that has spiked: only the event loop may say whether that was before a crossing within a rounding.
    fn look_after(
        &mut self,
        shared: &Shared<'_>,
        n: usize,
        now: Time,
        state: State<f64>,
    ) -> Result<(), Irregular> {
        let model = self.model(shared, n);
        let blurs = |at: Crossing| at.blurs(model.crossing_condition(at.slope), now);
        if self.prospects[n].crossing.is_some_and(blurs) {
            return Err(Irregular);
        }
        self.look(shared, n, now, state)?;
        if self.prospects[n].crossing.is_some_and(blurs) { Err(Irregular) } else { Ok(()) }
    }

    /// Looks at a neuron, which is in `state` and free at `now`, and says when the next look is due.
    fn look(
        &mut self,
        shared: &Shared<'_>,
        n: usize,
        now: Time,
        state: State<f64>,
    ) -> Result<(), Irregular> {
        let model = self.model(shared, n);
        let prospect = &mut self.prospects[n];
        prospect.crossing = None;
        let (budget, since) = prospect.issued;
        let passed = now.since(since);
        if budget.is_finite() && passed > 0.0 {
            let [tau_mem, _] = model.time_constants();
            let (arrived, x) = (budget - self.sums[n].budget(), passed / tau_mem);
            prospect.rate = (MEMORY * prospect.rate + arrived) / (MEMORY + x);
            prospect.rate = prospect.rate.max(LEAST_RATE * model.drop_at_spike());
        }
        if !model.is_finite(state) {
            return Err(Irregular);
        }
        if let Some(Certificate { budget, length }) = model.certificate(state, prospect.rate) {
            let due = if length.is_finite() { instant_after(now, length) } else { length };
            if due > now.rounded {
                prospect.issued = (budget, now);
                self.certify(shared, n, (budget, due));
                return Ok(());
            }
        }
        self.search(shared, n, now, state)
    }

    /// Looks for the next crossing of a neuron itself.
    fn search(
        &mut self,
        shared: &Shared<'_>,
        n: usize,
        now: Time,
        state: State<f64>,
    ) -> Result<(), Irregular> {
        self.prospects[n].issued = (f64::INFINITY, now);
        // Whatever arrives changes a crossing that has been found, and may let rise again who is above its threshold.
        let at_any_arrival = -1.0;
        let certificate = match self.model(shared, n).next_crossing(state) {
            Outlook::Silent if state.v < 0.0 => (0.0, f64::INFINITY),
            Outlook::Silent => (at_any_arrival, f64::INFINITY),
            Outlook::Crossing { dt, slope } => {
                let time = now.after(dt);
                if !(slope > 0.0 && slope.is_finite()) {
                    return Err(Irregular);
                }
                if time.is_by(shared.t_end) {
                    self.prospects[n].crossing = Some(Crossing { time, slope });
                    (at_any_arrival, time.rounded)
                } else {
                    (at_any_arrival, f64::INFINITY)
                }
            }
            Outlook::Touch { .. } | Outlook::Jump | Outlook::Nonsense { .. } => {
                return Err(Irregular);
            }
        };
        self.certify(shared, n, certificate);
        Ok(())
    }

    fn certify(&mut self, shared: &Shared<'_>, n: usize, (budget, due): (f64, f64)) {
        self.sums[n].set_certificate(budget, due);
        if due <= shared.t_end {
            self.ahead = self.ahead.min(due);
            self.calendar.add(due, n);
        }
    }
}

/// Those of synapses of one group that end at these neurons: positions of their targets, and weights.
#[inline(always)]
fn synapses(
    circuit: &Circuit,
    neurons: &Range<usize>,
    all: Range<usize>,
) -> impl Iterator<Item = (usize, f64)> {
    let (mut targets, mut weights) = (&circuit.targets[all.clone()], &circuit.weights[all]);
    if neurons.len() < circuit.neurons.len() {
        let place = |n: usize| targets.partition_point(|target| target.index() < n);
        let here = place(neurons.start)..place(neurons.end);
        (targets, weights) = (&targets[here.clone()], &weights[here]);
    }
    let first = neurons.start;
    let targets = targets.iter().map(
        #[inline(always)]
        move |target| target.index() - first,
    );
    targets.zip(weights.iter().copied())
}
