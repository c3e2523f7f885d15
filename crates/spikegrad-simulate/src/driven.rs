//! Neurons with an injected current: they move from step to step of it, and what lies ahead is looked for as far as nothing else is due.
//!
//! Between two steps a neuron is the one that has the current in its bias ([`Neuron::with_current`]). A step is no event of the queue: it is passed when its neuron is moved, so
//! that a sampled current costs its samples and no more. At one instant a step comes last.
//!
//! Not here: how steps are merged (`spikegrad_network`), what becomes of crossings (`engine.rs`).

use crate::SimulateError;
use crate::engine::{Run, instant_after};
use crate::workspace::{Candidate, Workspace};
use spikegrad_dynamics::{Neuron, Outlook, Scalar};
use spikegrad_network::{Circuit, Currents, Injection, NeuronId, Time};
use std::sync::Arc;

/// So many stretches are looked through at once. What arrives meanwhile makes them worthless; what does not saves a turn of the queue for each.
const WINDOW: usize = 64;

/// A neuron with an injected current.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Driven<N> {
    /// Position of its injection.
    pub(crate) injection: usize,
    /// The neuron with the current that it has now.
    pub(crate) model: N,
    /// The next step.
    next: usize,
    /// A touch that has been noted, in seconds: a crossing may follow it.
    noted: f64,
}

/// Checks that the circuit has all neurons into which something is injected, and that they take it.
pub(crate) fn check<T: Scalar, N: Neuron<T>>(
    currents: &Currents<T>,
    circuit: &Circuit<T, N>,
) -> Result<(), SimulateError> {
    let neurons = circuit.neurons.len();
    for &(neuron, _) in currents.of_neurons() {
        match circuit.neurons.get(neuron.index()) {
            None => return Err(SimulateError::CurrentNeuron { neuron, neurons }),
            Some(model) if !model.takes_current() => {
                return Err(SimulateError::Current { neuron: circuit.named(neuron) });
            }
            Some(_) => {}
        }
    }
    Ok(())
}

impl<T: Scalar, N: Neuron<T>> Workspace<T, N> {
    /// Marks the neurons that have a current.
    pub(crate) fn prepare_driven(
        &mut self,
        circuit: &Circuit<T, N>,
        currents: Option<&Arc<Currents<T>>>,
    ) {
        self.driven.clear();
        self.driven_of.clear();
        let Some(currents) = currents else { return };
        self.driven_of.resize(circuit.neurons.len(), 0);
        for &(neuron, injection) in currents.of_neurons() {
            let n = neuron.index();
            self.cells[n].is_driven = true;
            self.driven_of[n] = self.driven.len();
            let (model, noted) = (circuit.neurons[n], f64::NEG_INFINITY);
            self.driven.push(Driven { injection, model, next: 0, noted });
        }
    }
}

impl<T: Scalar, N: Neuron<T>, const TANGENTS: bool> Run<'_, T, N, TANGENTS> {
    /// The neuron as it is now, with the current that is injected.
    pub(crate) fn model(&self, neuron: NeuronId) -> &N {
        let n = neuron.index();
        if self.workspace.cells[n].is_driven {
            &self.workspace.driven[self.workspace.driven_of[n]].model
        } else {
            &self.circuit.neurons[n]
        }
    }

    /// What is injected into a driven neuron.
    fn injection(&self, driven: usize) -> Option<(Arc<Currents<T>>, usize)> {
        let currents = self.trace.stimulus.currents()?;
        Some((Arc::clone(currents), self.workspace.driven[driven].injection))
    }

    /// Moves a driven neuron through all steps before `time`.
    pub(crate) fn pass_steps(&mut self, neuron: NeuronId, time: Time<T>) {
        let driven = self.workspace.driven_of[neuron.index()];
        let Some((currents, injection)) = self.injection(driven) else { return };
        let injection = &currents.injections()[injection];
        while let Some(step) = injection.steps.get(self.workspace.driven[driven].next)
            && step.time.is_before(time)
        {
            self.pass_step(neuron, driven, injection);
        }
    }

    /// Moves a driven neuron to its next step, and through it.
    fn pass_step(&mut self, neuron: NeuronId, driven: usize, injection: &Injection<T>) {
        let n = neuron.index();
        let Driven { model: before, next, .. } = self.workspace.driven[driven];
        let step = injection.steps[next];
        let length = injection.length_to(next, self.workspace.cells[n].time);
        self.move_to(neuron, &before, step.time, Some(length));
        let after = self.circuit.neurons[n].with_current(step.total);
        let driven = &mut self.workspace.driven[driven];
        (driven.model, driven.next) = (after, next + 1);
        let cell = &self.workspace.cells[n];
        if cell.is_observed
            && !cell.is_clamped
            && let Some(k) = self.workspace.observer_of[n]
        {
            let (at, tangent) = (cell.time, self.tangent(neuron));
            let state = self.workspace.cells[n].state;
            let (_, observer) = &mut self.workspace.observers[k];
            observer.arrival((&before, &after), at, 0, (state, tangent), state);
        }
    }

    /// Notes before which time a driven neuron will not cross: as long as it has the current that it has now, and no longer.
    pub(crate) fn bound_driven(&mut self, neuron: NeuronId) {
        let n = neuron.index();
        let driven = self.workspace.driven_of[n];
        let Some((currents, injection)) = self.injection(driven) else { return };
        let Driven { next, model, .. } = self.workspace.driven[driven];
        let step = currents.injections()[injection].steps.get(next).map(|step| step.time);
        let until = step.map_or(f64::INFINITY, |time| time.rounded.re());
        let (state, time) = self.free_state(neuron);
        let bound = model.earliest_crossing(state);
        let bound = bound.map_or(f64::INFINITY, |dt| instant_after(time, dt));
        self.set_candidate(neuron, Candidate::NotBefore, bound.min(until).max(self.now));
    }

    /// Looks for the next crossing of a driven neuron, stretch by stretch.
    pub(crate) fn look_through_steps(&mut self, neuron: NeuronId) {
        let n = neuron.index();
        let driven = self.workspace.driven_of[n];
        let Some((currents, injection)) = self.injection(driven) else { return };
        let injection = &currents.injections()[injection];
        // Nothing that is yet to come happens before the candidate was due: the steps before it are passed for good.
        let due = self.workspace.cells[n].due;
        self.pass_steps(neuron, Time::from(T::from(due)));
        self.set_candidate(neuron, Candidate::NotBefore, f64::INFINITY);
        self.pass_in_silence(neuron, injection);
        let (mut state, mut time) = self.free_state(neuron);
        let Driven { mut next, noted, .. } = self.workspace.driven[driven];
        while injection.steps.get(next).is_some_and(|step| step.time.is_before(time)) {
            next += 1;
        }
        let base = &self.circuit.neurons[n];
        let present = |next: usize| match next.checked_sub(1) {
            None => *base,
            Some(last) => base.with_current(injection.steps[last].total),
        };
        for _ in 0..WINDOW {
            if time.rounded.re() >= self.horizon {
                return self.set_candidate(neuron, Candidate::NotBefore, f64::INFINITY);
            }
            let (model, step) = (present(next), injection.steps.get(next));
            let until = step.map(|step| step.time);
            let dt = until.map(|_| injection.length_to(next, time));
            let is_silent = dt.is_some_and(|dt| model.is_silent_for(state, dt.re()));
            if !is_silent {
                let ahead = model.next_crossing(state);
                let (candidate, at, slope) = match ahead {
                    Outlook::Silent => (Candidate::NotBefore, None, T::from(0.0)),
                    Outlook::Touch { dt } => (Candidate::Touch, Some(dt), T::from(0.0)),
                    Outlook::Crossing { dt, slope } => (Candidate::Crossing, Some(dt), slope),
                    Outlook::Jump => {
                        let slope = T::from(f64::INFINITY);
                        (Candidate::Jump, Some(T::from(0.0)), slope)
                    }
                    Outlook::Nonsense { dt } => {
                        self.workspace.found[n] = (time, T::from(dt));
                        let now = self.now.max(time.rounded.re());
                        return self.set_candidate(neuron, Candidate::Nonsense, now);
                    }
                };
                let at = at.map(|dt| time.after(dt));
                let is_here = |at: &Time<T>| until.is_none_or(|until| !until.is_before(*at));
                let is_new =
                    |at: &Time<T>| candidate != Candidate::Touch || at.rounded.re() > noted;
                if let Some(at) = at.filter(|at| is_here(at) && is_new(at)) {
                    self.workspace.found[n] = (at, slope);
                    return self.set_candidate(neuron, candidate, self.due(at));
                }
            }
            let (Some(until), Some(dt)) = (until, dt) else {
                return self.set_candidate(neuron, Candidate::NotBefore, f64::INFINITY);
            };
            (state, time, next) = (model.flow(state, dt), until, next + 1);
        }
        self.set_candidate(neuron, Candidate::NotBefore, time.rounded.re());
    }

    /// Moves a driven neuron through all steps before anything else may happen in the run, as long as it certainly stays below its threshold: what is moved
    /// for good need not be looked through first.
    fn pass_in_silence(&mut self, neuron: NeuronId, injection: &Injection<T>) {
        let n = neuron.index();
        let driven = self.workspace.driven_of[n];
        let Some(others) = self.next_of_others() else { return };
        loop {
            let (cell, Driven { next, model, .. }) =
                (&self.workspace.cells[n], &self.workspace.driven[driven]);
            let Some(step) = injection.steps.get(*next) else { return };
            if cell.is_clamped || step.time.rounded.re() >= others {
                return;
            }
            let dt = injection.length_to(*next, cell.time);
            if !model.is_silent_for(cell.state, dt.re()) {
                return;
            }
            self.pass_step(neuron, driven, injection);
        }
    }

    /// After a touch of a driven neuron a crossing may follow, under the same current or another.
    pub(crate) fn note_touch(&mut self, neuron: NeuronId) {
        let n = neuron.index();
        if self.workspace.cells[n].is_driven {
            let driven = self.workspace.driven_of[n];
            self.workspace.driven[driven].noted = self.now;
            self.mark(neuron);
        }
    }
}
