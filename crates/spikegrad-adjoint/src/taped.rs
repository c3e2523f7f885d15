//! The way back through neurons that are not linear, with the states that the run has recorded.
//!
//! Such a neuron moves from one record to the next: an arrival or a spike of its own, after which its state is known. What a later event would do is
//! `λ·(Dh f⁻ − f⁺)`, with the motions before and after it. The order of events is that of `backward.rs`. Not here: a formula of a model
//! (`spikegrad_dynamics`).

use crate::AdjointError;
use crate::backward::{Sweep, free_from};
use crate::due::Phase;
use spikegrad_dynamics::{
    Adjoint, COMPONENTS, GeneralNeuron, NeuronAdjoint, NeuronGradient, Scalar, Vector,
};
use spikegrad_network::{Recorded, Time};

/// One neuron that is not linear, going backwards.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Taped<T> {
    /// Position of the record from which the neuron moved to where it is; `None` at the start.
    record: Option<usize>,
    /// The arrivals at the instant of the record, as far as they have been passed.
    meeting: Option<Meeting<T>>,
    /// A spike by a jump, whose time is that of what made it: when, in the bits of that, and ∂L/∂(its time).
    jump: Option<(u64, T)>,
}

/// Arrivals that meet. Each is pulled back as if it were the last of them, with the adjoint after all.
#[derive(Clone, Copy, Debug)]
struct Meeting<T> {
    at: Key,
    /// The state after all of them, and the adjoint there.
    after: (Vector<T>, Vector<T>),
    is_held: bool,
    /// The state before those that have been passed.
    state: Vector<T>,
    /// What came together with the arrival that was passed last.
    together: Together<T>,
}

/// Weights that move together: with the time of one firing, and with the delay of one group of it.
#[derive(Clone, Copy, Debug)]
struct Together<T> {
    firing: usize,
    of_firing: T,
    group: usize,
    of_group: T,
}

/// An arrival on its way back.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Passing {
    pub(crate) firing: usize,
    pub(crate) group: usize,
    pub(crate) synapse: usize,
    pub(crate) receptor: usize,
    pub(crate) round: u32,
}

/// ∂L/∂(time) of an arrival, as its delay and as its firing moves it: the two differ where arrivals do not commute and some of one firing meet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ByTime<T> {
    pub(crate) delay: T,
    pub(crate) firing: T,
}

impl<T: Scalar> ByTime<T> {
    /// The same for both.
    pub(crate) fn both(time: T) -> Self {
        Self { delay: time, firing: time }
    }
}

/// The place of an event in the order of the run.
type Key = (u64, u32, Phase);

/// Times are not negative, and in the order of their bits.
fn key<T: Scalar>(time: Time<T>, round: u32, phase: Phase) -> Key {
    ((time.rounded.re() + 0.0).to_bits(), round, phase)
}

fn key_of<T: Scalar>(record: &Recorded<T>) -> Key {
    let phase = if record.is_spike { Phase::Crossing } else { Phase::Arrival };
    key(record.time, record.round, phase)
}

impl<T: Scalar> Taped<T> {
    pub(crate) fn new(last: Option<usize>) -> Self {
        Self { record: last, meeting: None, jump: None }
    }
}

impl<T: Scalar, N: NeuronAdjoint<T>> Sweep<'_, T, N> {
    pub(crate) fn adjoint(&self, n: usize) -> Vector<T> {
        N::to_vector(self.workspace.cells[n].adjoint.0)
    }

    pub(crate) fn set_adjoint(&mut self, n: usize, adjoint: Vector<T>) {
        self.workspace.cells[n].adjoint = Adjoint(N::from_vector(adjoint));
    }

    fn matters(&self, n: usize) -> bool {
        !self.circuit.neurons[n].is_zero_adjoint(self.workspace.cells[n].adjoint)
            || self.workspace.integrals.reads(n)
            || self.workspace.taped[n].jump.is_some()
    }

    /// Leaves what happened to neuron `n` after `to` behind. Where it mattered it has been pulled back.
    fn leave(&mut self, n: usize, to: Key) {
        let taped = &mut self.workspace.taped[n];
        if taped.meeting.is_some_and(|meeting| meeting.at != to) {
            taped.meeting = None;
        }
        while let Some(record) = taped.record.map(|k| &self.trace.tape.records[k])
            && key_of(record) > to
        {
            taped.record = record.previous;
        }
    }

    /// The last known state of neuron `n`, and its time.
    fn known(&self, n: usize) -> (Vector<T>, Time<T>) {
        match self.workspace.taped[n].record.map(|k| &self.trace.tape.records[k]) {
            Some(record) => (record.state, record.time),
            None => (N::to_vector(self.circuit.initial[n]), Time::from(T::from(0.0))),
        }
    }

    /// When the refractory time after the last spike of neuron `n` that has not been passed ends, and from when on it is free, in seconds.
    fn release_of(&self, n: usize) -> Option<(Time<T>, f64)> {
        let at = self.trace.spikes[self.workspace.cells[n].spike?.index()].at();
        let refractory = self.circuit.neurons[n].refractory();
        Some((at.after(refractory), free_from(at, refractory)))
    }

    /// State of neuron `n` at `time`, from what is known of it, and whether it is held there.
    pub(crate) fn state_at(
        &self,
        n: usize,
        general: &GeneralNeuron<T>,
        time: Time<T>,
    ) -> (Vector<T>, bool) {
        let (state, from) = self.known(n);
        match self.release_of(n) {
            Some((_, free)) if from.rounded.re() < free && time.rounded.re() < free => {
                (general.hold(state, time.since(from)), true)
            }
            _ => (self.free_state_at(n, general, time), false),
        }
    }

    /// The state at `time`, at which the neuron is free: it may be the release itself.
    fn free_state_at(&self, n: usize, general: &GeneralNeuron<T>, time: Time<T>) -> Vector<T> {
        let (state, from) = self.known(n);
        match self.release_of(n) {
            Some((release, free)) if from.rounded.re() < free => {
                let held = general.hold(state, release.since(from));
                self.flow_to(n, general, (held, release), time)
            }
            _ => self.flow_to(n, general, (state, from), time),
        }
    }

    /// Pulls the adjoint of neuron `n` back to `time`, on the way from what is known of it, through a release if one lies between.
    fn pull_back_taped(&mut self, n: usize, general: &GeneralNeuron<T>, time: Time<T>) {
        let end = self.workspace.cells[n].time;
        // A maximum that a step of an injected current cuts off has a part of its own.
        let may_be_cut = self.workspace.cells[n].is_driven && self.workspace.cusps[n].is_some();
        if self.matters(n) || may_be_cut {
            let release = self.release_of(n).filter(|&(_, free)| {
                time.rounded.re() < free
                    && free <= end.rounded.re()
                    && !self.workspace.cells[n].clamped
            });
            if let Some((release, _)) = release {
                self.pull_back_through(n, general, (release, end), false);
                self.release_taped(n, general, release);
                self.pull_back_through(n, general, (time, release), true);
            } else {
                let (_, is_held) = self.state_at(n, general, time);
                self.pull_back_through(n, general, (time, end), is_held);
            }
        }
        if time.rounded.re() < end.rounded.re() {
            self.grow_refractory(n, general, time);
        }
        let is_within = self.release_of(n).is_some_and(|(_, free)| time.rounded.re() < free);
        let cell = &mut self.workspace.cells[n];
        (cell.time, cell.clamped) = (time, cell.clamped | is_within);
    }

    /// A refractory time of 0 can only grow, beyond all that arrives at the instant of the spike: the neuron would be held with that.
    fn grow_refractory(&mut self, n: usize, general: &GeneralNeuron<T>, time: Time<T>) {
        let is_here = |(at, free): (Time<T>, f64)| at.coincides(time) && free <= time.rounded.re();
        if general.refractory().is_exactly_zero()
            && self.release_of(n).is_some_and(is_here)
            && self.matters(n)
        {
            let (state, _) = self.state_at(n, general, time);
            let present = self.present(n, general, time);
            let later = present.release_pullback(state, self.adjoint(n));
            general.refractory_pullback(later, self.sum.neurons[n].as_mut_slice());
        }
    }

    fn pull_back_through(
        &mut self,
        n: usize,
        general: &GeneralNeuron<T>,
        (from, to): (Time<T>, Time<T>),
        is_held: bool,
    ) {
        let dt = to.since(from);
        if dt.is_exactly_zero() {
            return;
        }
        let state = if is_held {
            self.state_at(n, general, from).0
        } else {
            self.free_state_at(n, general, from)
        };
        if self.workspace.cells[n].is_driven {
            return self.pull_back_driven(n, general, state, (from, to), is_held);
        }
        let after = self.adjoint(n);
        let gradient = self.sum.neurons[n].as_mut_slice();
        let before = general.flow_pullback(state, dt, after, is_held, gradient);
        let integrals = &self.workspace.integrals;
        let motion = (from, dt, is_held);
        let before = integrals.pull_back_taped(n, general, state, motion, (before, gradient));
        self.set_adjoint(n, before);
    }

    /// The end of the refractory time of the last spike of neuron `n`.
    fn release_taped(&mut self, n: usize, general: &GeneralNeuron<T>, release: Time<T>) {
        let state = self.free_state_at(n, general, release);
        let present = self.present(n, general, release);
        let time = present.release_pullback(state, self.adjoint(n));
        if let Some(spike) = self.workspace.cells[n].spike {
            let firing = self.inputs() + spike.index();
            self.workspace.times[firing] += time;
        }
        if !general.refractory().is_exactly_zero() {
            general.refractory_pullback(time, self.sum.neurons[n].as_mut_slice());
        }
        self.workspace.cells[n].clamped = true;
    }

    /// An arrival through a synapse: returns ∂L/∂(its time).
    pub(crate) fn arrive_back_taped(
        &mut self,
        n: usize,
        general: &GeneralNeuron<T>,
        Passing { firing, group, synapse, receptor, round }: Passing,
        time: Time<T>,
    ) -> ByTime<T> {
        let zero = T::from(0.0);
        let (weight, at) = (self.circuit.weights[synapse], key(time, round, Phase::Arrival));
        self.leave(n, at);
        if !self.matters(n) {
            return ByTime::both(zero);
        }
        self.pull_back_taped(n, general, time);
        let adjoint = self.adjoint(n);
        let nothing = Together { firing, of_firing: zero, group, of_group: zero };
        let meeting = self.workspace.taped[n].meeting.unwrap_or_else(|| {
            let (state, is_held) = self.state_at(n, general, time);
            Meeting { at, after: (state, adjoint), is_held, state, together: nothing }
        });
        let (to, after) = meeting.after;
        let present = self.present(n, general, time);
        let pullback = present.arrival_pullback(to, (receptor, weight), after, meeting.is_held);
        self.sum.weights[synapse] += pullback.weight;
        let before = general.receive(meeting.state, receptor, -weight);
        let gradient = self.sum.neurons[n].as_mut_slice();
        let adjoint = general.receive_pullback(before, (receptor, weight), adjoint, gradient);
        self.set_adjoint(n, adjoint);
        let mut together = match meeting.together {
            Together { firing: other, .. } if other != firing => nothing,
            Together { group: other, .. } if other != group => {
                Together { of_firing: meeting.together.of_firing, ..nothing }
            }
            same => same,
        };
        let by_time = if general.commutes() {
            ByTime::both(pullback.time)
        } else {
            // What the arrival adds to what the others do that move with it.
            let time_of = |weight: T| {
                let arrival = (receptor, weight);
                present.arrival_pullback(to, arrival, after, meeting.is_held).time
            };
            let added = |others: T| {
                if others.is_exactly_zero() {
                    pullback.time
                } else {
                    time_of(others + weight) - time_of(others)
                }
            };
            ByTime { delay: added(together.of_group), firing: added(together.of_firing) }
        };
        let jump = self.take_jump(n, at, weight);
        let by_time = ByTime { delay: by_time.delay + jump, firing: by_time.firing + jump };
        together.of_group += weight;
        together.of_firing += weight;
        self.workspace.taped[n].meeting = Some(Meeting { state: before, together, ..meeting });
        by_time
    }

    /// ∂L/∂(time) of a spike that an arrival at `at` made the neuron jump to, if it is that.
    fn take_jump(&mut self, n: usize, at: Key, weight: T) -> T {
        let jump = &mut self.workspace.taped[n].jump;
        match *jump {
            Some((time, cotangent)) if time == at.0 && !weight.is_exactly_zero() => {
                *jump = None;
                self.workspace.cells[n].has_jumped = false;
                cotangent
            }
            _ => T::from(0.0),
        }
    }

    /// A potential that is read, at its place in the order of the run.
    pub(crate) fn read_taped(
        &mut self,
        n: usize,
        general: &GeneralNeuron<T>,
        (time, round, phase): (Time<T>, u32, Phase),
        cotangent: T,
    ) {
        self.leave(n, key(time, round, phase));
        self.pull_back_taped(n, general, time);
        let (state, _) = self.state_at(n, general, time);
        let gradient = self.sum.neurons[n].as_mut_slice();
        let part = general.membrane_pullback(state, cotangent, gradient);
        let adjoint = self.adjoint(n);
        self.set_adjoint(n, std::array::from_fn(|k| adjoint[k] + part[k]));
    }

    /// A spike of the neuron itself.
    pub(crate) fn crossing_taped(
        &mut self,
        n: usize,
        general: &GeneralNeuron<T>,
        spike: usize,
    ) -> Result<(), AdjointError> {
        let at = &self.trace.spikes[spike];
        self.leave(n, key(at.at(), at.round, Phase::Crossing));
        self.pull_back_taped(n, general, at.at());
        if self.matters(n) && !self.workspace.cells[n].clamped {
            self.release_taped(n, general, at.at());
        }
        let taped = &mut self.workspace.taped[n];
        taped.record = taped.record.and_then(|k| self.trace.tape.records[k].previous);
        self.pass(spike);
        let ((before, _), after) = (self.state_at(n, general, at.at()), self.adjoint(n));
        let present = self.present(n, general, at.at());
        let (of_potential, at_threshold) = self.read_spike(n, &present, at.at(), before);
        let firing = self.inputs() + spike;
        let time = &mut self.workspace.times[firing];
        *time += self.cotangents.spikes[spike] + present.spike_time_pullback(before, after);
        *time += of_potential;
        let time = *time;
        if !time.is_all_finite() {
            let neuron = self.circuit.named(at.neuron);
            return Err(AdjointError::NonFinite { neuron, time: at.time.re() });
        }
        let nothing = (T::from(0.0), T::from(1.0));
        let moves = if time.is_exactly_zero() {
            nothing
        } else if at.is_jump() {
            // The neuron's own numbers have no part in it.
            self.workspace.taped[n].jump = Some((key(at.at(), 0, Phase::Crossing).0, time));
            self.workspace.cells[n].has_jumped = true;
            nothing
        } else {
            self.policy.slope(|n| self.circuit.named(n), at)?.map_or(nothing, |slope| (time, slope))
        };
        let mut adjoint = at_threshold;
        if self.matters(n) || !moves.0.is_exactly_zero() {
            let gradient = self.sum.neurons[n].as_mut_slice();
            let through = general.spike_pullback(before, moves, after, gradient);
            adjoint.iter_mut().zip(through).for_each(|(into, x)| *into += x);
        }
        self.set_adjoint(n, adjoint);
        Ok(())
    }

    /// What the potential that is read adds at a spike at `at` from the state `before`: to the derivative by its time, and to the adjoint before it. For a later spike an
    /// average has the potential just before it for longer in place of that after it; and a maximum may be at the spike.
    fn read_spike(
        &mut self,
        n: usize,
        general: &GeneralNeuron<T>,
        at: Time<T>,
        before: Vector<T>,
    ) -> (T, Vector<T>) {
        let mut of_time = T::from(0.0);
        self.workspace.integrals.for_each(n, at, |_, cotangent| {
            of_time += cotangent * general.drop_at_spike(before);
        });
        let highest = self.workspace.highest_spikes[n];
        let Some((_, cotangent)) = highest.filter(|&(time, _)| at.coincides(time.into())) else {
            return (of_time, [T::from(0.0); COMPONENTS]);
        };
        let gradient = self.sum.neurons[n].as_mut_slice();
        let (adjoint, time) = general.threshold_membrane_pullback(before, cotangent, gradient);
        (of_time + time, adjoint)
    }

    /// Pulls the adjoint back to the start of the run.
    pub(crate) fn start_taped(&mut self, n: usize, general: &GeneralNeuron<T>) {
        let start = Time::from(T::from(0.0));
        self.workspace.taped[n].record = None;
        self.workspace.cells[n].spike = None;
        self.pull_back_taped(n, general, start);
        let adjoint = self.adjoint(n);
        general.initial_pullback(adjoint, self.sum.neurons[n].as_mut_slice());
        self.set_adjoint(n, [T::from(0.0); COMPONENTS]);
    }
}
