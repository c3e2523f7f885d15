//! The way back through injected currents: ∂L/∂(current) of each stretch, and ∂L/∂(time) of each step.
//!
//! A current adds to the bias while it lasts, so its derivative is that of the bias over its stretch alone; a step that comes later by δ leaves the motion before it
//! for δ longer: `λ·(f⁻ − f⁺)` (docs/mathematics.md, eqs. 28 and 28a). At one instant a step comes last, as in the forward pass.
//!
//! Not here: which currents a step is one of (`spikegrad_network`).

use crate::backward::Sweep;
use crate::workspace::BackwardWorkspace;
use ordered_float::OrderedFloat;
use spikegrad_dynamics::{GeneralNeuron, Neuron, NeuronAdjoint, NeuronGradient, Scalar, Vector};
use spikegrad_network::{Currents, Injection, InjectionGradient, Time};
use std::borrow::Cow;

/// A neuron with an injected current, going backwards.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Driven {
    /// Position of its injection.
    injection: usize,
    /// How many steps have not been passed: the current is that of the last of them.
    left: usize,
}

impl<T: Scalar, N: Neuron<T>> BackwardWorkspace<T, N> {
    /// Zeros for `currents`, at the `end` of the run.
    pub(crate) fn prepare_driven(&mut self, currents: Option<&Currents<T>>, end: Time<T>) {
        self.driven.clear();
        self.injected.clear();
        let Some(currents) = currents else { return };
        self.driven.resize(self.cells.len(), None);
        for &(neuron, injection) in currents.of_neurons() {
            self.cells[neuron.index()].is_driven = true;
            let left = currents.injections()[injection].count_before(end);
            self.driven[neuron.index()] = Some(Driven { injection, left });
        }
        self.injected.extend(currents.injections().iter().map(|injection| {
            let zeros = vec![T::from(0.0); injection.steps.len()];
            InjectionGradient { totals: zeros.clone(), times: zeros }
        }));
    }
}

impl<'a, T: Scalar, N: NeuronAdjoint<T>> Sweep<'a, T, N> {
    /// What is injected into neuron `n`.
    fn injection_of(&self, n: usize) -> Option<(Driven, &'a Injection<T>)> {
        let (driven, trace) = (self.workspace.driven.get(n).copied().flatten()?, self.trace);
        Some((driven, &trace.stimulus.currents()?.injections()[driven.injection]))
    }

    /// Moves the adjoint of a driven neuron back through all steps that are not before `time`.
    pub(crate) fn pass_steps(&mut self, n: usize, time: Time<T>) {
        let Some((driven, injection)) = self.injection_of(n) else { return };
        let Driven { injection: place, mut left } = driven;
        // What lies after the adjoint has been passed, or never mattered.
        let at = self.workspace.cells[n].time;
        while left > 0 && !injection.steps[left - 1].time.is_before(at) {
            left -= 1;
        }
        self.workspace.driven[n] = Some(Driven { injection: place, left });
        while left > 0 && !injection.steps[left - 1].time.is_before(time) {
            let step = injection.steps[left - 1];
            self.move_through(n, step.time);
            left -= 1;
            self.workspace.driven[n] = Some(Driven { injection: place, left });
            let cell = &self.workspace.cells[n];
            if cell.clamped {
                continue;
            }
            let model = &self.circuit.neurons[cell.model as usize];
            let mut by_time = model.step_pullback(step.change, cell.adjoint);
            if cell.is_read {
                let at = OrderedFloat(step.time.rounded.re());
                by_time += self.share_of_cusp(n, (at, 0), || model.rate_change(step.change));
            }
            self.workspace.injected[place].times[left] += by_time;
        }
    }

    /// Takes what the current of a driven neuron gets over a free motion of `dt` seconds from `from`, with the adjoint after it.
    pub(crate) fn take_current(&mut self, n: usize, from: Time<T>, dt: T) {
        let Some((Driven { injection, left }, _)) = self.injection_of(n) else { return };
        let Some(last) = left.checked_sub(1) else { return };
        let (model, adjoint) = (&self.circuit.neurons[n], self.workspace.cells[n].adjoint);
        let mut part = model.current_pullback(dt, adjoint);
        self.workspace.integrals.for_each(n, from, |decay_rate, cotangent| {
            part += model.current_of_integral_pullback(cotangent, (dt, decay_rate));
        });
        self.workspace.injected[injection].totals[last] += part;
    }

    /// A neuron that is not linear as it is at `time`, with the current that is injected.
    pub(crate) fn present<'g>(
        &self,
        n: usize,
        general: &'g GeneralNeuron<T>,
        time: Time<T>,
    ) -> Cow<'g, GeneralNeuron<T>> {
        match self.injection_of(n) {
            None => Cow::Borrowed(general),
            Some((_, injection)) => {
                Cow::Owned(under(general, injection, injection.count_before(time)))
            }
        }
    }

    /// The state of a neuron that is not linear and free, after `state` at `from`.
    pub(crate) fn flow_to(
        &self,
        n: usize,
        general: &GeneralNeuron<T>,
        (mut state, mut from): (Vector<T>, Time<T>),
        time: Time<T>,
    ) -> Vector<T> {
        let Some((_, injection)) = self.injection_of(n) else {
            return general.flow(state, time.since(from));
        };
        let (first, last) = (injection.count_before(from), injection.count_before(time));
        for next in first..last {
            let dt = injection.length_to(next, from);
            state = under(general, injection, next).flow(state, dt);
            from = injection.steps[next].time;
        }
        under(general, injection, last).flow(state, time.since(from))
    }

    /// Pulls the adjoint of a driven neuron that is not linear back through a motion from `state` at `from` to `to`, step by step.
    pub(crate) fn pull_back_driven(
        &mut self,
        n: usize,
        general: &GeneralNeuron<T>,
        state: Vector<T>,
        (from, to): (Time<T>, Time<T>),
        is_held: bool,
    ) {
        let Some((Driven { injection: place, .. }, injection)) = self.injection_of(n) else {
            return;
        };
        let (first, last) = (injection.count_before(from), injection.count_before(to));
        let mut starts = vec![(from, state)];
        for next in first..last {
            let (from, state) = starts[next - first];
            let (model, dt) = (under(general, injection, next), injection.length_to(next, from));
            let state = if is_held { model.hold(state, dt) } else { model.flow(state, dt) };
            starts.push((injection.steps[next].time, state));
        }
        let mut until = to;
        for (next, &(from, state)) in (first..last + 1).zip(&starts).rev() {
            let model = under(general, injection, next);
            let after = self.adjoint(n);
            let gradient = self.sum.neurons[n].as_mut_slice();
            let integrals = &self.workspace.integrals;
            let dt = until.since(from);
            let (before, current) = model.current_pullback(gradient, |gradient| {
                let before = model.flow_pullback(state, dt, after, is_held, gradient);
                let motion = (from, dt, is_held);
                integrals.pull_back_taped(n, &model, state, motion, (before, gradient))
            });
            self.set_adjoint(n, before);
            let injected = &mut self.workspace.injected[place];
            if let Some(last) = next.checked_sub(1) {
                injected.totals[last] += current;
            }
            if next > first {
                let change = injection.steps[next - 1].change;
                let mut by_time = model.step_pullback(state, change, before, is_held);
                if self.workspace.cells[n].is_read {
                    let (at, zero) = (OrderedFloat(from.rounded.re()), T::from(0.0));
                    let change = || {
                        under(general, injection, next).membrane_rate(state)
                            - under(general, injection, next - 1).membrane_rate(state)
                    };
                    by_time += if is_held { zero } else { self.share_of_cusp(n, (at, 0), change) };
                }
                self.workspace.injected[place].times[next - 1] += by_time;
            }
            until = from;
        }
    }
}

/// A neuron after so many steps.
fn under<T: Scalar>(
    general: &GeneralNeuron<T>,
    injection: &Injection<T>,
    steps: usize,
) -> GeneralNeuron<T> {
    match steps.checked_sub(1) {
        None => *general,
        Some(last) => general.with_current(injection.steps[last].total),
    }
}
