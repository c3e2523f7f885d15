//! The event loop.
//!
//! An instant is one representable time. It is worked off in rounds, so that any order of events that the model allows at
//! one instant is kept: in each round **crossings** come first (all neurons due spike, before any of them is heard), then
//! **read-outs**, then **arrivals**, which act as one: weights are summed for each target before the state jumps. An
//! arrival that makes a neuron cross at the same representable time opens the next round.
//!
//! The state of a neuron is moved only when something happens to it. Not here: the queue (`schedule.rs`), read-outs
//! along the way (`observer.rs`).

use crate::schedule::Firing;
use crate::workspace::{Ahead, Before};
use crate::{SimulateError, Workspace};
use spikegrad_dynamics::{Neuron, Outlook, Scalar};
use spikegrad_network::{
    Circuit, InputSpike, Network, NeuronId, Parameters, Readout, ReadoutRequest, Spike, SpikeId,
    Stimulus, Time, Touch, Trace,
};
use std::ops::Range;

/// What a run shall record, and how long it may go on.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// Most events, spikes and synaptic arrivals, before the run gives up.
    pub max_events: u64,
    /// What to read from membrane potentials.
    pub readouts: Vec<ReadoutRequest>,
}

/// Runs a network from time 0 to the end of `stimulus`.
///
/// # Errors
/// [`SimulateError`]: parameters that do not fit, or a run that cannot finish.
///
/// # Examples
/// One neuron, one input of weight 20 at time 0: its first spike is after 1.1536… ms.
/// ```
/// use spikegrad_network::{Connection, ConnectionParameters, InputSpike, Model, Network, Parameters, Population};
/// use spikegrad_network::{PopulationParameters, Source, Stimulus, Synapses, Values};
/// use spikegrad_simulate::{Options, simulate};
///
/// let out = Population { name: "out".into(), size: 1, model: Model::Lif };
/// let input = Connection { from: Source::Input, to: 0, synapses: Synapses::Dense };
/// let network = Network::new(1, vec![out], vec![input])?;
/// let parameters = Parameters {
///     populations: vec![PopulationParameters::default()],
///     connections: vec![ConnectionParameters { weights: vec![20.0], delay: Values::Shared(0.0) }],
/// };
/// let stimulus = Stimulus::new(0.002, vec![InputSpike { channel: 0, time: 0.0 }])?;
/// let trace = simulate(&network, &parameters, &stimulus, &Options { max_events: 100, readouts: vec![] })?;
/// assert!((trace.spikes[0].time - 0.001153687643693522809952355).abs() < 1e-18);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn simulate<T: Scalar>(
    network: &Network,
    parameters: &Parameters<T>,
    stimulus: &Stimulus<T>,
    options: &Options,
) -> Result<Trace<T>, SimulateError> {
    let circuit = Circuit::new(network, parameters)?;
    let mut trace = Trace::default();
    simulate_into(&circuit, stimulus, options, &mut Workspace::default(), &mut trace)?;
    Ok(trace)
}

/// Like [`simulate`], on a prepared circuit and in the caller's memory. `trace` is overwritten.
///
/// # Errors
/// [`SimulateError`]; the trace then holds what happened up to there.
pub fn simulate_into<T: Scalar, N: Neuron<T>>(
    circuit: &Circuit<T, N>,
    stimulus: &Stimulus<T>,
    options: &Options,
    workspace: &mut Workspace<T, N>,
    trace: &mut Trace<T>,
) -> Result<(), SimulateError> {
    if let Some(spike) = stimulus.spikes().iter().find(|s| s.channel >= circuit.inputs()) {
        return Err(SimulateError::Channel { channel: spike.channel, inputs: circuit.inputs() });
    }
    trace.stimulus.clone_from(stimulus);
    trace.spikes.clear();
    trace.readouts.clear();
    trace.touches.clear();
    trace.arrivals = 0;
    workspace.prepare(circuit, options);
    Run { circuit, options, workspace, trace, now: 0.0, round: 0, next_input: 0, next_sample: 0 }
        .run()
}

/// One run under way.
struct Run<'a, T: Scalar, N: Neuron<T>> {
    circuit: &'a Circuit<T, N>,
    options: &'a Options,
    workspace: &'a mut Workspace<T, N>,
    trace: &'a mut Trace<T>,
    now: f64,
    round: u32,
    next_input: usize,
    next_sample: usize,
}

impl<T: Scalar, N: Neuron<T>> Run<'_, T, N> {
    fn run(mut self) -> Result<(), SimulateError> {
        for k in 0..self.circuit.neurons.len() {
            let neuron = NeuronId::new(k);
            if !self.circuit.neurons[k].is_finite(self.circuit.initial[k]) {
                return Err(SimulateError::NonFinite { neuron, time: 0.0 });
            }
            self.bound_ahead(neuron);
        }
        // No instant has been worked off yet: the first one, which may be 0, is in round 0.
        let mut last = None;
        while let Some(time) = self.next_time().filter(|&t| t <= self.trace.stimulus.t_end()) {
            self.round = if last == Some(time) { self.round + 1 } else { 0 };
            self.now = time;
            last = Some(time);
            self.crossings()?;
            self.samples();
            self.collect_arrivals();
            self.arrivals()?;
            while let Some(neuron) = self.workspace.touched.pop() {
                self.workspace.is_touched[neuron.index()] = false;
                self.bound_ahead(neuron);
            }
        }
        self.finish();
        Ok(())
    }

    /// The next instant. Crossings are looked for only now, and only those that may come first.
    fn next_time(&mut self) -> Option<f64> {
        let input = self.inputs().get(self.next_input).map(|s| s.time.re());
        let sample = self.workspace.samples.get(self.next_sample).map(|s| s.0);
        loop {
            let scheduled = self.workspace.schedule.next_time();
            let next = [input, sample, scheduled].into_iter().flatten().reduce(f64::min);
            match self.workspace.schedule.next_candidate() {
                Some((time, neuron))
                    if Some(time) == next
                        && matches!(self.workspace.ahead[neuron.index()], Ahead::NotBefore(_)) =>
                {
                    self.look_ahead(neuron);
                }
                _ => return next,
            }
        }
    }

    /// All crossings of this instant, before any of them is heard.
    fn crossings(&mut self) -> Result<(), SimulateError> {
        self.workspace.fired.clear();
        while let Some(neuron) = self.workspace.schedule.take_crossing(self.now) {
            match std::mem::replace(&mut self.workspace.ahead[neuron.index()], Ahead::Nothing) {
                Ahead::Nothing | Ahead::NotBefore(_) => {}
                Ahead::Touch => self.trace.touches.push(Touch { neuron, time: self.now }),
                Ahead::Crossing { time, slope } => self.spike(neuron, time, slope)?,
            }
        }
        Ok(())
    }

    fn spike(&mut self, neuron: NeuronId, time: Time<T>, slope: T) -> Result<(), SimulateError> {
        let n = neuron.index();
        let last =
            self.workspace.cells[n].last_spike.map(|s| self.trace.spikes[s.index()].time.re());
        if last == Some(self.now) {
            return Err(SimulateError::Zeno { neuron, time: self.now });
        }
        self.advance(neuron, time);
        let model = &self.circuit.neurons[n];
        let cell = &mut self.workspace.cells[n];
        let tangent = model.membrane_tangent(cell.tangent);
        cell.state = model.reset(cell.state);
        cell.tangent = model.reset_tangent(cell.tangent);
        cell.last_spike = Some(SpikeId::new(self.trace.spikes.len()));
        let refractory = model.refractory();
        let mut release_rate = T::from(0.0);
        if refractory.is_exactly_zero() {
            release_rate = model.membrane_rate(cell.state);
        } else {
            cell.release = Some(time.after(refractory));
        }
        if !(model.is_finite(cell.state) && slope.is_all_finite()) {
            return Err(SimulateError::NonFinite { neuron, time: self.now });
        }
        let round = self.round;
        self.workspace.fired.push(self.inputs().len() + self.trace.spikes.len());
        let Time { rounded, rest } = time;
        self.trace.spikes.push(Spike {
            time: rounded,
            time_rest: rest,
            neuron,
            round,
            slope,
            release_rate,
            tangent,
        });
        self.touch(neuron);
        self.check_budget()
    }

    fn check_budget(&self) -> Result<(), SimulateError> {
        let max_events = self.options.max_events;
        if self.trace.spikes.len() as u64 + self.trace.arrivals > max_events {
            return Err(SimulateError::EventBudget {
                max_events,
                time: self.now,
                t_end: self.trace.stimulus.t_end(),
            });
        }
        Ok(())
    }

    fn touch(&mut self, neuron: NeuronId) {
        if !std::mem::replace(&mut self.workspace.is_touched[neuron.index()], true) {
            self.workspace.touched.push(neuron);
        }
    }

    /// Moves a neuron to `time`, through the end of its refractory time if that lies before.
    fn advance(&mut self, neuron: NeuronId, time: Time<T>) {
        let n = neuron.index();
        let model = &self.circuit.neurons[n];
        let cell = &mut self.workspace.cells[n];
        if let Some(release) = cell.release {
            let is_clamped = time.rounded.re() < release.rounded.re();
            let until = if is_clamped { time } else { release };
            let dt = until.since(cell.time);
            cell.tangent = model.hold_tangent(cell.tangent, cell.state, dt);
            cell.state = model.hold(cell.state, dt);
            cell.time = until;
            if is_clamped {
                return;
            }
            cell.release = None;
            if let Some(spike) = cell.last_spike {
                self.trace.spikes[spike.index()].release_rate = model.membrane_rate(cell.state);
            }
        }
        let dt = time.since(cell.time);
        if dt.is_exactly_zero() {
            return;
        }
        let (state, tangent) = model.flow_with_tangent(cell.state, cell.tangent, dt);
        if let Some(k) = self.workspace.observer_of[n] {
            let (_, observer) = &mut self.workspace.observers[k];
            observer.integrate(model, (cell.state, cell.tangent), dt);
            observer.peak(model, cell.time, (cell.state, cell.tangent), dt, state);
        }
        (cell.state, cell.tangent, cell.time) = (state, tangent, time);
    }

    /// Where the free motion of `neuron` starts: now, or at the end of its refractory time.
    fn free_state(&self, neuron: NeuronId) -> (N::State, Time<T>) {
        let cell = &self.workspace.cells[neuron.index()];
        match cell.release {
            Some(release) => (
                self.circuit.neurons[neuron.index()].hold(cell.state, release.since(cell.time)),
                release,
            ),
            None => (cell.state, cell.time),
        }
    }

    /// After a jump of `neuron`: notes before which time it will not cross. Often something arrives before, and the
    /// crossing never has to be looked for.
    fn bound_ahead(&mut self, neuron: NeuronId) {
        let (state, time) = self.free_state(neuron);
        match self.circuit.neurons[neuron.index()].earliest_crossing(state) {
            None => self.set_ahead(neuron, Ahead::Nothing, f64::INFINITY),
            Some(dt) => {
                let bound = time.rounded.re() + dt;
                let is_kept = matches!(self.workspace.ahead[neuron.index()], Ahead::NotBefore(t) if t <= bound && t >= self.now);
                if !is_kept {
                    // Half the way: a bound that later arrivals leave valid spares the queue a change.
                    let early = time.rounded.re() + 0.5 * dt;
                    self.set_ahead(neuron, Ahead::NotBefore(early), early);
                }
            }
        }
    }

    /// Finds what `neuron` will do if nothing arrives.
    fn look_ahead(&mut self, neuron: NeuronId) {
        let (state, time) = self.free_state(neuron);
        let model = &self.circuit.neurons[neuron.index()];
        let (ahead, due) = match model.next_crossing(state) {
            Outlook::Silent => (Ahead::Nothing, f64::INFINITY),
            Outlook::Touch { dt } => (Ahead::Touch, time.after(dt).rounded.re()),
            Outlook::Crossing { dt, slope } => {
                let time = time.after(dt);
                (Ahead::Crossing { time, slope }, time.rounded.re())
            }
        };
        self.set_ahead(neuron, ahead, due);
    }

    fn set_ahead(&mut self, neuron: NeuronId, ahead: Ahead<T>, due: f64) {
        let n = neuron.index();
        let due = (due <= self.trace.stimulus.t_end()).then_some(due);
        let was_nothing = matches!(self.workspace.ahead[n], Ahead::Nothing);
        self.workspace.ahead[n] = if due.is_some() { ahead } else { Ahead::Nothing };
        if due.is_some() || !was_nothing {
            self.workspace.schedule.set_crossing(neuron, due);
        }
    }

    /// Samples due at this instant, which come before its arrivals.
    fn samples(&mut self) {
        while let Some(&(time, k)) = self.workspace.samples.get(self.next_sample) {
            if time > self.now {
                return;
            }
            self.next_sample += 1;
            let request = self.options.readouts[k];
            self.advance(request.neuron, Time::from(T::from(time)));
            let model = &self.circuit.neurons[request.neuron.index()];
            let cell = &self.workspace.cells[request.neuron.index()];
            let value = model.membrane(cell.state);
            let tangent = model.membrane_tangent(cell.tangent);
            self.workspace.sampled[k] = Some(Readout {
                request,
                time: time.into(),
                time_rest: 0.0,
                value,
                cusp: None,
                tangent,
            });
        }
    }

    /// Everything that arrives in this round, in an order that does not depend on the queue.
    fn collect_arrivals(&mut self) {
        self.workspace.due.clear();
        while let Some(firing) = self.workspace.schedule.take_delivery(self.now) {
            self.deliver(firing);
        }
        while self.inputs().get(self.next_input).is_some_and(|s| s.time.re() <= self.now) {
            self.launch(self.next_input);
            self.next_input += 1;
        }
        for k in 0..self.workspace.fired.len() {
            self.launch(self.workspace.fired[k]);
        }
        self.workspace.due.sort_unstable();
    }

    fn launch(&mut self, firing: Firing) {
        let first = self.groups(firing).start;
        if self.workspace.cursors.len() <= firing {
            self.workspace.cursors.resize(firing + 1, 0);
        }
        self.workspace.cursors[firing] = first;
        self.deliver(firing);
    }

    /// Notes the groups of `firing` that are due, and schedules the next one that is not.
    fn deliver(&mut self, firing: Firing) {
        let fired_at = self.fired_at(firing);
        let end = self.groups(firing).end;
        while self.workspace.cursors[firing] < end {
            let group = self.workspace.cursors[firing];
            let time = fired_at.after(self.circuit.group(group).delay).rounded.re();
            if time > self.now {
                if time <= self.trace.stimulus.t_end() {
                    self.workspace.schedule.add_delivery(time, firing);
                }
                return;
            }
            self.workspace.due.push((firing, group));
            self.workspace.cursors[firing] += 1;
        }
    }

    fn inputs(&self) -> &[InputSpike<T>] {
        self.trace.stimulus.spikes()
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

    /// All arrivals of this round: as one, except that numbers with a derivative have a time each.
    fn arrivals(&mut self) -> Result<(), SimulateError> {
        for k in 0..self.workspace.due.len() {
            let (firing, group) = self.workspace.due[k];
            let group = self.circuit.group(group);
            let time = self.fired_at(firing).after(group.delay);
            self.trace.arrivals += group.synapses.len() as u64;
            self.check_budget()?;
            for synapse in group.synapses.clone() {
                let target = self.circuit.targets[synapse];
                let weight = self.circuit.weights[synapse];
                self.touch(target);
                if T::CARRIES_DERIVATIVE {
                    self.receive(target, time, weight)?;
                } else {
                    let (sum, when) = &mut self.workspace.pending[target.index()];
                    *sum += weight;
                    *when = time;
                }
            }
        }
        if !T::CARRIES_DERIVATIVE {
            for k in 0..self.workspace.touched.len() {
                let target = self.workspace.touched[k];
                let (pending, time) = &mut self.workspace.pending[target.index()];
                let (weight, time) = (std::mem::replace(pending, T::from(0.0)), *time);
                // A sum of exactly zero has no effect, not even a rounding.
                if !weight.is_exactly_zero() {
                    self.receive(target, time, weight)?;
                }
            }
        }
        // Observers see the arrivals of a round as one, however they were added.
        while let Some(Before { observer, time, state, tangent }) = self.workspace.before.pop() {
            let (neuron, observer) = &mut self.workspace.observers[observer];
            let after = self.workspace.cells[neuron.index()].state;
            observer.arrival(
                &self.circuit.neurons[neuron.index()],
                time,
                self.round,
                (state, tangent),
                after,
            );
        }
        Ok(())
    }

    fn receive(&mut self, neuron: NeuronId, time: Time<T>, weight: T) -> Result<(), SimulateError> {
        self.advance(neuron, time);
        let n = neuron.index();
        let model = &self.circuit.neurons[n];
        let cell = &mut self.workspace.cells[n];
        if let Some(k) = self.workspace.observer_of[n]
            && self.workspace.before.iter().all(|before| before.observer != k)
        {
            self.workspace.before.push(Before {
                observer: k,
                time,
                state: cell.state,
                tangent: cell.tangent,
            });
        }
        cell.state = model.receive(cell.state, weight);
        if !model.is_finite(cell.state) {
            return Err(SimulateError::NonFinite { neuron, time: self.now });
        }
        Ok(())
    }

    /// Brings observed neurons to the end and writes the read-outs in the order of their requests.
    fn finish(&mut self) {
        let end = T::from(self.trace.stimulus.t_end());
        for k in 0..self.workspace.observers.len() {
            let neuron = self.workspace.observers[k].0;
            self.advance(neuron, end.into());
            let cell = &self.workspace.cells[neuron.index()];
            let model = &self.circuit.neurons[neuron.index()];
            self.workspace.observers[k].1.end(model, end.into(), (cell.state, cell.tangent));
        }
        for (k, &request) in self.options.readouts.iter().enumerate() {
            let observer = self.workspace.observer_of[request.neuron.index()]
                .map(|k| &self.workspace.observers[k].1);
            let kept = observer.and_then(|observer| observer.readout(request, end));
            let readout = kept.or(self.workspace.sampled[k]);
            self.trace.readouts.extend(readout);
        }
    }
}
