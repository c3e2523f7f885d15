//! Read-outs of a run: whether they can be taken, samples when they are due, the rest at the end.
//!
//! Not here: what is followed between events (`observer.rs`).

use crate::engine::Run;
use spikegrad_dynamics::{Neuron, Scalar, TimeConstants};
use spikegrad_network::{NeuronId, Place, Readout, ReadoutRequest, Time};

/// The read-out of a sample of a neuron whose membrane is free, in `state`, or clamped.
pub(crate) fn sample<T: Scalar, N: Neuron<T>>(
    neuron: &N,
    request: ReadoutRequest,
    time: f64,
    free: Option<(N::State, N::Tangent)>,
) -> Readout<T> {
    let (value, tangent, place) = match free {
        Some((state, tangent)) => {
            (neuron.membrane(state), neuron.membrane_tangent(tangent), Place::Free)
        }
        None => (neuron.clamped_membrane(), TimeConstants::default(), Place::Clamped),
    };
    Readout { request, time: time.into(), time_remainder: 0.0, value, place, rival: None, tangent }
}

impl<T: Scalar, N: Neuron<T>, const TANGENTS: bool> Run<'_, T, N, TANGENTS> {
    /// Samples due at this instant, which come before its arrivals. Who is sampled is not moved: whether anybody looks changes no
    /// bit of a run.
    pub(crate) fn samples(&mut self) {
        while let Some(&(time, k)) = self.workspace.samples.get(self.next_sample) {
            if time > self.now {
                return;
            }
            self.next_sample += 1;
            let request = self.options.readouts[k];
            let free = self.look(request.neuron, Time::from(T::from(time)));
            let model = &self.circuit.neurons[request.neuron.index()];
            self.workspace.sampled[k] = Some(sample(model, request, time, free));
        }
    }

    /// State and tangent of a neuron at `time`, to which nothing happens until then; `None` if it is clamped.
    pub(crate) fn look(
        &mut self,
        neuron: NeuronId,
        time: Time<T>,
    ) -> Option<(N::State, N::Tangent)> {
        let n = neuron.index();
        if self.workspace.cells[n].is_driven {
            // A step parts the motion in any case.
            self.pass_steps(neuron, time);
        }
        let (model, cell) = (*self.model(neuron), self.workspace.cells[n]);
        let (mut from, mut state, mut tangent) = (cell.time, cell.state, self.tangent(neuron));
        if cell.is_clamped {
            let release = self.workspace.releases[n];
            if self.is_held(neuron, time) {
                // What a linear neuron is clamped to is known without its state.
                let held = model.as_general()?.hold(N::to_vector(state), time.since(from));
                return Some((N::from_vector(held), tangent));
            }
            let dt = release.since(from);
            if TANGENTS {
                tangent = model.hold_tangent(tangent, state, dt);
            }
            state = model.hold(state, dt);
            from = release;
            // The sample may be all that ever comes after it.
            if let Some(spike) = self.workspace.last_spikes[n] {
                self.trace.spikes[spike.index()].release_rate = model.membrane_rate(state);
            }
        }
        let dt = time.since(from);
        Some(if TANGENTS {
            model.flow_with_tangent(state, tangent, dt)
        } else {
            (model.flow(state, dt), tangent)
        })
    }

    /// Brings observed neurons to the end and writes the read-outs in the order of their requests.
    pub(crate) fn finish(&mut self) {
        let end = T::from(self.trace.stimulus.t_end());
        for k in 0..self.workspace.observers.len() {
            let neuron = self.workspace.observers[k].0;
            self.advance(neuron, end.into());
            let (state, tangent) =
                (self.workspace.cells[neuron.index()].state, self.tangent(neuron));
            let model = &self.circuit.neurons[neuron.index()];
            self.workspace.observers[k].1.end(model, end.into(), (state, tangent));
        }
        for (k, &request) in self.options.readouts.iter().enumerate() {
            let model = &self.circuit.neurons[request.neuron.index()];
            let observer = self.workspace.observer_of[request.neuron.index()]
                .map(|k| &self.workspace.observers[k].1);
            let kept = observer.and_then(|observer| observer.readout(model, request, end));
            self.trace.readouts.extend(kept.or(self.workspace.sampled[k]));
        }
    }
}
