//! Arrivals: which spikes are heard in a round, and what each of their targets makes of it.
//!
//! All arrivals of a round act as one. If no two of them share a target, which is so nearly always where spikes come at
//! any time, each acts at once; else weights are summed for each target first. Most arrivals change nothing in the queue: the
//! neuron had nothing due soon, and has nothing due soon after it.
//!
//! Not here: crossings, and the order of instants (`engine.rs`).

use crate::SimulateError;
use crate::engine::Run;
use crate::schedule::Firing;
use crate::workspace::Before;
use spikegrad_dynamics::{Neuron, Scalar};
use spikegrad_network::{NeuronId, Time};
use std::ops::Range;

/// Targets that are fetched side by side: as many as a mask of 32 bits names.
const BLOCK: usize = 32;

/// One of several arrivals that meet at a target.
struct Met<T> {
    target: NeuronId,
    receptor: usize,
    time: Time<T>,
    weight: T,
}

/// The state after arrivals that act as one: at each receptor their weights are summed.
fn as_one<T: Scalar, N: Neuron<T>>(model: &N, state: N::State, arrivals: &[Met<T>]) -> N::State {
    let most = arrivals.iter().map(|met| met.receptor).max().unwrap_or_default();
    (0..=most).fold(state, |state, receptor| {
        let mut here = arrivals.iter().filter(|met| met.receptor == receptor).peekable();
        if here.peek().is_none() {
            return state;
        }
        let sum = here.fold(T::from(0.0), |sum, met| sum + met.weight);
        model.receive_at(state, receptor, sum)
    })
}

impl<T: Scalar, N: Neuron<T>, const TANGENTS: bool> Run<'_, T, N, TANGENTS> {
    /// Everything that arrives in this round, in an order that does not depend on the queue.
    pub(crate) fn collect_arrivals(&mut self) {
        self.workspace.due.clear();
        while let Some(firing) = self.workspace.schedule.due_delivery(self.now) {
            let next = self.deliver(firing);
            self.workspace.schedule.put_off_delivery(next);
        }
        while self.inputs().get(self.next_input).is_some_and(|s| s.time.re() <= self.now) {
            self.launch(self.next_input);
            self.next_input += 1;
        }
        for k in 0..self.workspace.fired.len() {
            self.launch(self.workspace.fired[k]);
        }
        self.workspace.fired.clear();
        self.workspace.due.sort_unstable();
    }

    fn launch(&mut self, firing: Firing) {
        let first = self.groups(firing).start;
        if self.workspace.cursors.len() <= firing {
            self.workspace.cursors.resize(firing + 1, 0);
        }
        self.workspace.cursors[firing] = first;
        if let Some(time) = self.deliver(firing) {
            self.workspace.schedule.add_delivery(time, firing);
        }
    }

    /// Notes the groups of `firing` that are due, and returns the time of the next one, if it is due before the end.
    fn deliver(&mut self, firing: Firing) -> Option<f64> {
        let fired_at = self.fired_at(firing);
        let end = self.groups(firing).end;
        while self.workspace.cursors[firing] < end {
            let group = self.workspace.cursors[firing];
            let time = fired_at.after(self.circuit.delay(group)).rounded.re();
            if time > self.now {
                return (time <= self.trace.stimulus.t_end()).then_some(time);
            }
            self.workspace.due.push((firing, group));
            self.workspace.cursors[firing] += 1;
        }
        None
    }

    fn fired_at(&self, firing: Firing) -> Time<T> {
        match firing.checked_sub(self.inputs().len()) {
            None => self.inputs()[firing].time.into(),
            Some(spike) => self.trace.spikes[spike].at(),
        }
    }

    fn groups(&self, firing: Firing) -> Range<usize> {
        let source = match firing.checked_sub(self.inputs().len()) {
            None => self.inputs()[firing].channel,
            Some(spike) => self.circuit.source_of(self.trace.spikes[spike].neuron),
        };
        self.circuit.groups_of(source)
    }

    /// All arrivals of this round, at each target as one.
    pub(crate) fn arrivals(&mut self) -> Result<(), SimulateError> {
        let is_separate = self.targets_are_separate();
        let one_by_one = T::CARRIES_DERIVATIVE || self.circuit.has_receptors();
        for k in 0..self.workspace.due.len() {
            let (firing, group) = self.workspace.due[k];
            let synapses = self.circuit.synapses(group);
            let time = self.fired_at(firing).after(self.circuit.delay(group));
            self.trace.arrivals += synapses.len() as u64;
            self.check_budget()?;
            if is_separate {
                self.arrive_separately(synapses, self.circuit.receptor(group), time)?;
            } else if !one_by_one {
                for synapse in synapses {
                    let target = self.circuit.targets[synapse];
                    self.mark(target);
                    let (sum, when) = &mut self.workspace.pending[target.index()];
                    *sum += self.circuit.weights[synapse];
                    *when = time;
                }
            }
        }
        if !is_separate && one_by_one {
            self.arrive_one_by_one()?;
        } else if !is_separate {
            for k in 0..self.workspace.marked.len() {
                let target = self.workspace.marked[k];
                let (pending, time) = &mut self.workspace.pending[target.index()];
                let (weight, time) = (std::mem::replace(pending, T::from(0.0)), *time);
                self.receive(target, time, (0, weight))?;
            }
        }
        // Observers see the arrivals of a round as one, however they were added.
        while let Some(Before { observer, time, state, tangent }) = self.workspace.before.pop() {
            let neuron = self.workspace.observers[observer].0;
            let after = self.workspace.cells[neuron.index()].state;
            let model = *self.model(neuron);
            let (_, observer) = &mut self.workspace.observers[observer];
            observer.arrival((&model, &model), time, self.round, (state, tangent), after);
        }
        Ok(())
    }

    /// Arrivals that meet, with a derivative of its own for the time of each, or at several receptors: a target takes them one by one. Its real part is
    /// that of their sums, as without derivatives, for the order of later events may hang on a rounding.
    fn arrive_one_by_one(&mut self) -> Result<(), SimulateError> {
        let mut arrivals = Vec::new();
        for &(firing, group) in &self.workspace.due {
            let time = self.fired_at(firing).after(self.circuit.delay(group));
            let (synapses, receptor) = (self.circuit.synapses(group), self.circuit.receptor(group));
            arrivals.extend(synapses.map(|k| Met {
                target: self.circuit.targets[k],
                receptor,
                time,
                weight: self.circuit.weights[k],
            }));
        }
        arrivals.sort_by_key(|met| met.target);
        for at_one in arrivals.chunk_by(|a, b| a.target == b.target) {
            let &[.., Met { target, time: Time { remainder, .. }, .. }] = at_one else { continue };
            let n = target.index();
            self.mark(target);
            self.advance(target, Time { remainder, ..at_one[0].time });
            let model = &self.circuit.neurons[n];
            let as_one = as_one::<T, N>(model, self.workspace.cells[n].state, at_one);
            for met in at_one {
                self.take(target, Time { remainder, ..met.time }, (met.receptor, met.weight))?;
            }
            let state = &mut self.workspace.cells[n].state;
            *state = model.with_real_part(*state, as_one);
            self.record(target, false);
        }
        Ok(())
    }

    /// Arrivals at targets that nothing else reaches in this round.
    fn arrive_separately(
        &mut self,
        synapses: Range<usize>,
        receptor: usize,
        time: Time<T>,
    ) -> Result<(), SimulateError> {
        let targets = &self.circuit.targets[synapses.clone()];
        let weights = &self.circuit.weights[synapses];
        let mut k = 0;
        while k < targets.len() {
            let end = targets.len().min(k + BLOCK);
            let is_plain = self.fetch(&targets[k..end]);
            let first = k;
            while k < end {
                let (target, mut weight) = (targets[k], weights[k]);
                let place = k - first;
                k += 1;
                // Synapses that join one pair stand side by side, and act as one.
                while targets.get(k) == Some(&target) {
                    weight += weights[k];
                    k += 1;
                }
                let arrival = (receptor, weight);
                let is_common =
                    is_plain >> place & 1 == 1 && self.receive_in_silence(target, time, arrival);
                if !is_common {
                    self.mark(target);
                    self.receive(target, time, arrival)?;
                }
            }
        }
        Ok(())
    }

    /// Which of `targets` are plain, a bit for each. Asking all of them before the first is moved has the memory fetch them
    /// side by side, which is most of the time of an arrival in a network that no cache holds.
    #[inline]
    fn fetch(&self, targets: &[NeuronId]) -> u32 {
        let mut is_plain = 0;
        for (place, target) in targets.iter().enumerate() {
            let n = target.index();
            is_plain |= u32::from(self.workspace.cells[n].is_plain()) << place;
            if TANGENTS {
                std::hint::black_box(self.workspace.tangents[n]);
            }
        }
        is_plain
    }

    /// The common arrival, at a plain target: its outlook does not change. Says whether it was one; if not, the target is as
    /// it was.
    #[inline(always)]
    fn receive_in_silence(
        &mut self,
        target: NeuronId,
        time: Time<T>,
        (receptor, weight): (usize, T),
    ) -> bool {
        if weight.is_exactly_zero() {
            return true;
        }
        let n = target.index();
        let cell = &mut self.workspace.cells[n];
        let model = &self.circuit.neurons[cell.model as usize];
        let dt = time.since(cell.time);
        let mut tangent = N::Tangent::default();
        let moved = if TANGENTS {
            let (state, moved) =
                model.flow_with_tangent(cell.state, self.workspace.tangents[n], dt);
            tangent = moved;
            state
        } else {
            model.flow(cell.state, dt)
        };
        let state = model.receive_at(moved, receptor, weight);
        let until = if cell.due < self.horizon { cell.due } else { self.horizon };
        let ahead = (until - time.rounded.re()) - time.remainder;
        if !(model.is_silent_for(state, ahead) & model.is_finite(state)) {
            return false;
        }
        (cell.state, cell.time) = (state, time);
        if TANGENTS {
            self.workspace.tangents[n] = tangent;
        }
        self.record(target, false);
        true
    }

    /// Whether no two groups of this round share a target: they come from one spike, after one delay, to different
    /// neurons.
    fn targets_are_separate(&self) -> bool {
        let (Some(&first), Some(&last)) = (self.workspace.due.first(), self.workspace.due.last())
        else {
            return true;
        };
        // −0.0 is the delay 0.
        let delay = |(_, group): (Firing, usize)| (self.circuit.delay(group).re() + 0.0).to_bits();
        first.0 == last.0
            && delay(first) == delay(last)
            && self.workspace.due.iter().all(|&(_, group)| self.circuit.is_separate(group))
    }

    fn receive(
        &mut self,
        neuron: NeuronId,
        time: Time<T>,
        (receptor, weight): (usize, T),
    ) -> Result<(), SimulateError> {
        self.take(neuron, time, (receptor, weight))?;
        if !weight.is_exactly_zero() {
            self.record(neuron, false);
        }
        Ok(())
    }

    fn take(
        &mut self,
        neuron: NeuronId,
        time: Time<T>,
        (receptor, weight): (usize, T),
    ) -> Result<(), SimulateError> {
        // A sum of exactly zero has no effect, not even a rounding.
        if weight.is_exactly_zero() {
            return Ok(());
        }
        self.advance(neuron, time);
        let n = neuron.index();
        let tangent = self.tangent(neuron);
        let model = &self.circuit.neurons[n];
        let cell = &mut self.workspace.cells[n];
        if cell.is_observed
            && !cell.is_clamped
            && let Some(k) = self.workspace.observer_of[n]
            && self.workspace.before.iter().all(|before| before.observer != k)
        {
            let state = cell.state;
            self.workspace.before.push(Before { observer: k, time, state, tangent });
        }
        cell.state = model.receive_at(cell.state, receptor, weight);
        if !model.is_finite(cell.state) {
            let neuron = self.circuit.named(neuron);
            return Err(SimulateError::NonFinite { neuron, time: self.now });
        }
        Ok(())
    }
}
