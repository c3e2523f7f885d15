//! The event loop.
//!
//! An instant is one representable time. It is run in rounds, so that any order of events that the model allows at
//! one instant is kept: in each round **crossings** come first (all neurons due spike, before any of them is heard), then
//! **read-outs**, then **arrivals**, which act as one: weights are summed for each target before the state jumps. An
//! arrival that makes a neuron cross at the same representable time opens the next round.
//!
//! The state of a neuron is moved only when something happens to it. Not here: arrivals (`arrivals.rs`), the queue
//! (`schedule.rs`), injected currents (`driven.rs`), read-outs along the way (`readouts.rs`, `observer.rs`).

use crate::workspace::Candidate;
use crate::{SimulateError, Workspace, driven, requests};
use spikegrad_dynamics::{AnyNeuron, Lif, Neuron, Outlook, Scalar, TimeConstants};
use spikegrad_network::{
    Build, Circuit, InputSpike, Network, NeuronId, Parameters, ReadoutRequest, Recorded, Spike,
    SpikeId, Stimulus, Tangents, Time, Touch, Trace, Watch,
};

/// Which part of the way to the bound of a crossing a candidate is put: a bound that later arrivals leave valid spares the
/// queue a change, one that comes late spares it an early look. Flat between 3/4 and 1.
const EARLY: f64 = 7.0 / 8.0;

/// The double of the instant `dt` seconds after `time`, rounded as the time of a crossing is: a bound of the way to a crossing is then no later
/// than the crossing, however short the way.
pub(crate) fn instant_after<T: Scalar>(time: Time<T>, dt: f64) -> f64 {
    Time { rounded: time.rounded.re(), remainder: time.remainder }.after(dt).rounded
}

/// What a run shall record, and how long it may go on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Options<'a> {
    /// What to read from membrane potentials.
    pub readouts: &'a [ReadoutRequest],
    /// Most events, spikes and synaptic arrivals, before the run gives up.
    pub max_events: u64,
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
/// let input = Connection::new(Source::Input, 0, Synapses::Dense);
/// let network = Network::new(1, vec![out], vec![input])?;
/// let parameters = Parameters {
///     populations: Parameters::new(&network).populations,
///     connections: vec![ConnectionParameters { weights: vec![20.0], delay: Values::Shared(0.0) }],
/// };
/// let stimulus = Stimulus::new(0.002, vec![InputSpike { channel: 0, time: 0.0 }])?;
/// let trace = simulate(&network, &parameters, &stimulus, Options { readouts: &[], max_events: 100 })?;
/// assert!((trace.spikes[0].time - 0.001153687643693522809952355).abs() < 1e-18);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn simulate<T: Scalar>(
    network: &Network,
    parameters: &Parameters<T>,
    stimulus: &Stimulus<T>,
    options: Options<'_>,
) -> Result<Trace<T>, SimulateError> {
    if network.is_linear() {
        simulate_by::<T, Lif<T>>(network, parameters, stimulus, options)
    } else {
        simulate_by::<T, AnyNeuron<T>>(network, parameters, stimulus, options)
    }
}

fn simulate_by<T: Scalar, N: Build<T>>(
    network: &Network,
    parameters: &Parameters<T>,
    stimulus: &Stimulus<T>,
    options: Options<'_>,
) -> Result<Trace<T>, SimulateError> {
    let circuit = Circuit::<T, N>::of(network, parameters)?;
    let mut trace = Trace::default();
    simulate_into(&circuit, stimulus, options, &mut Workspace::default(), &mut trace)?;
    Ok(trace)
}

/// Like [`simulate`], on a prepared circuit and in the caller's memory. `trace` is overwritten.
///
/// With a workspace and a trace that have been used for a run of this size before, nothing is allocated.
///
/// # Errors
/// [`SimulateError`]; the trace then holds what happened up to there.
pub fn simulate_into<T: Scalar, N: Neuron<T>>(
    circuit: &Circuit<T, N>,
    stimulus: &Stimulus<T>,
    options: Options<'_>,
    workspace: &mut Workspace<T, N>,
    trace: &mut Trace<T>,
) -> Result<(), SimulateError> {
    Run::<T, N, true>::start(circuit, stimulus, options, workspace, trace)?.run()
}

/// Like [`simulate_into`], for a run that nobody will differentiate: about a quarter faster.
///
/// The derivatives with respect to time constants are not carried along, and the trace says so
/// ([`Tangents::Omitted`]): it is right in all else, and a backward pass refuses it.
///
/// # Errors
/// As [`simulate_into`].
pub fn simulate_forward_into<T: Scalar, N: Neuron<T>>(
    circuit: &Circuit<T, N>,
    stimulus: &Stimulus<T>,
    options: Options<'_>,
    workspace: &mut Workspace<T, N>,
    trace: &mut Trace<T>,
) -> Result<(), SimulateError> {
    Run::<T, N, false>::start(circuit, stimulus, options, workspace, trace)?.run()
}

/// One run under way, with the derivatives with respect to time constants or without.
pub(crate) struct Run<'a, T: Scalar, N: Neuron<T>, const TANGENTS: bool> {
    pub(crate) circuit: &'a Circuit<T, N>,
    pub(crate) options: Options<'a>,
    pub(crate) workspace: &'a mut Workspace<T, N>,
    pub(crate) trace: &'a mut Trace<T>,
    pub(crate) now: f64,
    /// The first time after the end: what is certainly not before it does not happen.
    pub(crate) horizon: f64,
    pub(crate) round: u32,
    pub(crate) next_input: usize,
    pub(crate) next_sample: usize,
    watch: Watch,
}

impl<'a, T: Scalar, N: Neuron<T>, const TANGENTS: bool> Run<'a, T, N, TANGENTS> {
    fn start(
        circuit: &'a Circuit<T, N>,
        stimulus: &Stimulus<T>,
        options: Options<'a>,
        workspace: &'a mut Workspace<T, N>,
        trace: &'a mut Trace<T>,
    ) -> Result<Self, SimulateError> {
        trace.start(stimulus, if TANGENTS { Tangents::Recorded } else { Tangents::Omitted });
        requests::check_inputs(stimulus.spikes(), circuit.inputs())?;
        requests::check(options.readouts, circuit.neurons.len(), stimulus.t_end())?;
        if let Some(currents) = stimulus.currents() {
            driven::check(currents, circuit)?;
        }
        workspace.prepare(circuit, options.readouts, TANGENTS)?;
        workspace.prepare_driven(circuit, stimulus.currents());
        let has_tape = TANGENTS && circuit.neurons.iter().any(|n| n.as_general().is_some());
        trace.tape.clear(if has_tape { circuit.neurons.len() } else { 0 });
        Ok(Self {
            circuit,
            options,
            workspace,
            trace,
            now: 0.0,
            horizon: stimulus.t_end().next_up(),
            round: 0,
            next_input: 0,
            next_sample: 0,
            watch: Watch::default(),
        })
    }

    fn run(mut self) -> Result<(), SimulateError> {
        self.go_on()?;
        for k in 0..self.circuit.neurons.len() {
            let neuron = NeuronId::new(k);
            if !self.circuit.neurons[k].is_finite(self.circuit.initial[k]) {
                let neuron = self.circuit.named(neuron);
                return Err(SimulateError::NonFinite { neuron, time: 0.0 });
            }
            self.bound_ahead(neuron);
        }
        // No instant has been run yet: the first one, which may be 0, is in round 0.
        let mut last = None;
        while let Some(time) = self.next_time().filter(|&t| t <= self.trace.stimulus.t_end()) {
            self.go_on()?;
            self.round = if last == Some(time) { self.round + 1 } else { 0 };
            self.now = time;
            last = Some(time);
            self.crossings()?;
            self.samples();
            self.collect_arrivals();
            self.arrivals()?;
            while let Some(neuron) = self.workspace.marked.pop() {
                self.workspace.cells[neuron.index()].is_marked = false;
                self.bound_ahead(neuron);
            }
        }
        self.read_pseudospikes()?;
        self.finish();
        Ok(())
    }

    /// [`SimulateError::Interrupted`] if somebody wants the run to end.
    fn go_on(&mut self) -> Result<(), SimulateError> {
        if self.watch.is_interrupted() { Err(SimulateError::Interrupted) } else { Ok(()) }
    }

    /// When anything happens next but for neurons without a candidate, at the latest at the end, in seconds; `None` where the neurons of this instant are still to be looked at.
    pub(crate) fn next_of_others(&self) -> Option<f64> {
        let input = self.inputs().get(self.next_input).map(|s| s.time.re());
        let sample = self.workspace.samples.get(self.next_sample).map(|s| s.0);
        let scheduled = self.workspace.schedule.next_time();
        let end = self.trace.stimulus.t_end();
        let next = [input, sample, scheduled].into_iter().flatten().fold(end, f64::min);
        (self.workspace.marked.is_empty() && self.workspace.fired.is_empty()).then_some(next)
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
                        && self.workspace.cells[neuron.index()].candidate
                            == Candidate::NotBefore =>
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
            let cell = &mut self.workspace.cells[neuron.index()];
            let candidate = std::mem::replace(&mut cell.candidate, Candidate::NotBefore);
            if candidate == Candidate::NotBefore {
                // It was hidden behind a crossing at the same time.
                self.look_ahead(neuron);
                continue;
            }
            cell.due = f64::INFINITY;
            match candidate {
                Candidate::Touch => {
                    self.trace.touches.push(Touch { neuron, time: self.now });
                    self.note_touch(neuron);
                }
                Candidate::Nonsense => return Err(self.nonsense(neuron)),
                Candidate::Crossing | Candidate::Jump | Candidate::NotBefore => {
                    self.spike(neuron, candidate == Candidate::Jump)?;
                }
            }
        }
        Ok(())
    }

    /// A spike, whose slope is infinite where the potential jumped.
    fn spike(&mut self, neuron: NeuronId, is_jump: bool) -> Result<(), SimulateError> {
        let n = neuron.index();
        let (time, slope) = self.workspace.found[n];
        let last = self.workspace.last_spikes[n].map(|s| self.trace.spikes[s.index()].time.re());
        if last == Some(self.now) {
            let neuron = self.circuit.named(neuron);
            return Err(SimulateError::Zeno { neuron, time: self.now });
        }
        self.advance(neuron, time);
        let tangent = self.membrane_tangent(neuron);
        let model = *self.model(neuron);
        let cell = &mut self.workspace.cells[n];
        if cell.is_observed
            && let Some(k) = self.workspace.observer_of[n]
        {
            self.workspace.observers[k].1.spike(&model, time, cell.state);
        }
        cell.state = model.reset(cell.state);
        if TANGENTS {
            let tangent = &mut self.workspace.tangents[n];
            *tangent = model.reset_tangent(*tangent);
        }
        self.workspace.last_spikes[n] = Some(SpikeId::new(self.trace.spikes.len()));
        let refractory = model.refractory();
        let mut release_rate = T::from(0.0);
        if refractory.is_exactly_zero() {
            release_rate = model.membrane_rate(cell.state);
        } else {
            cell.is_clamped = true;
            self.workspace.releases[n] = time.after(refractory);
        }
        if !(model.is_finite(cell.state) && (is_jump || slope.is_all_finite())) {
            let neuron = self.circuit.named(neuron);
            return Err(SimulateError::NonFinite { neuron, time: self.now });
        }
        let round = self.round;
        self.workspace.fired.push(self.inputs().len() + self.trace.spikes.len());
        let Time { rounded, remainder } = time;
        self.trace.spikes.push(Spike {
            time: rounded,
            time_remainder: remainder,
            neuron,
            round,
            slope,
            release_rate,
            tangent,
        });
        self.record(neuron, true);
        self.mark(neuron);
        self.check_budget()
    }

    /// Takes the state of a neuron that is not linear down, for a gradient.
    pub(crate) fn record(&mut self, neuron: NeuronId, is_spike: bool) {
        let n = neuron.index();
        if TANGENTS && self.circuit.neurons[n].as_general().is_some() {
            let (cell, round) = (&self.workspace.cells[n], self.round);
            let (time, state) = (cell.time, N::to_vector(cell.state));
            let record = Recorded { time, round, is_spike, state, previous: None };
            self.trace.tape.record(neuron, record);
        }
    }

    pub(crate) fn check_budget(&self) -> Result<(), SimulateError> {
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

    /// Notes that the outlook of `neuron` must be found again.
    pub(crate) fn mark(&mut self, neuron: NeuronId) {
        let is_marked = &mut self.workspace.cells[neuron.index()].is_marked;
        if !std::mem::replace(is_marked, true) {
            self.workspace.marked.push(neuron);
        }
    }

    pub(crate) fn inputs(&self) -> &[InputSpike<T>] {
        self.trace.stimulus.spikes()
    }

    /// The tangent of `neuron`, zero if the run carries none.
    pub(crate) fn tangent(&self, neuron: NeuronId) -> N::Tangent {
        if TANGENTS { self.workspace.tangents[neuron.index()] } else { N::Tangent::default() }
    }

    /// ∂V/∂(time constants) of `neuron`, zero if the run carries none.
    pub(crate) fn membrane_tangent(&self, neuron: NeuronId) -> TimeConstants<T> {
        if TANGENTS {
            self.circuit.neurons[neuron.index()].membrane_tangent(self.tangent(neuron))
        } else {
            TimeConstants::default()
        }
    }

    /// Whether a clamped neuron is still so at `time`. However short, a refractory time outlasts the instant of its spike.
    pub(crate) fn is_held(&self, neuron: NeuronId, time: Time<T>) -> bool {
        let n = neuron.index();
        let release = self.workspace.releases[n];
        time.rounded.re() < release.rounded.re() || time.coincides(self.workspace.cells[n].time)
    }

    /// Moves a neuron to `time`, through the end of its refractory time if that lies before or there.
    pub(crate) fn advance(&mut self, neuron: NeuronId, time: Time<T>) {
        let n = neuron.index();
        if self.workspace.cells[n].is_driven {
            self.pass_steps(neuron, time);
            let model = *self.model(neuron);
            return self.move_to(neuron, &model, time, None);
        }
        let circuit = self.circuit;
        self.move_to(neuron, &circuit.neurons[n], time, None);
    }

    /// The same of a neuron with this model, which stays until then; `length` is that of the way, in seconds, if it is known and free.
    #[inline(always)]
    pub(crate) fn move_to(
        &mut self,
        neuron: NeuronId,
        model: &N,
        time: Time<T>,
        length: Option<T>,
    ) {
        let n = neuron.index();
        let is_held = self.workspace.cells[n].is_clamped && self.is_held(neuron, time);
        let length = if self.workspace.cells[n].is_clamped { None } else { length };
        let cell = &mut self.workspace.cells[n];
        let (is_observed, start) = (cell.is_observed, cell.time);
        if cell.is_clamped {
            let release = self.workspace.releases[n];
            let until = if is_held { time } else { release };
            let dt = until.since(cell.time);
            if is_observed && let Some(k) = self.workspace.observer_of[n] {
                self.workspace.observers[k].1.clamp(model, start, cell.state, dt);
            }
            if TANGENTS {
                let tangent = &mut self.workspace.tangents[n];
                *tangent = model.hold_tangent(*tangent, cell.state, dt);
            }
            cell.state = model.hold(cell.state, dt);
            cell.time = until;
            if is_held {
                return;
            }
            cell.is_clamped = false;
            if let Some(spike) = self.workspace.last_spikes[n] {
                self.trace.spikes[spike.index()].release_rate = model.membrane_rate(cell.state);
            }
        }
        let dt = length.unwrap_or_else(|| time.since(cell.time));
        if dt.is_exactly_zero() {
            return;
        }
        let (before, start) = (cell.state, cell.time);
        cell.time = time;
        let mut carried = N::Tangent::default();
        if TANGENTS {
            let tangent = &mut self.workspace.tangents[n];
            carried = *tangent;
            (cell.state, *tangent) = model.flow_with_tangent(before, carried, dt);
        } else {
            cell.state = model.flow(before, dt);
        }
        if is_observed && let Some(k) = self.workspace.observer_of[n] {
            let after = cell.state;
            let Workspace { observers, averaging, .. } = &mut *self.workspace;
            let stretch = (dt, after);
            observers[k].1.stretch::<TANGENTS>(model, start, (before, carried), stretch, averaging);
        }
    }

    /// Where the free motion of `neuron` starts: now, or at the end of its refractory time.
    pub(crate) fn free_state(&self, neuron: NeuronId) -> (N::State, Time<T>) {
        let n = neuron.index();
        let cell = &self.workspace.cells[n];
        if !cell.is_clamped {
            return (cell.state, cell.time);
        }
        let release = self.workspace.releases[n];
        (self.circuit.neurons[n].hold(cell.state, release.since(cell.time)), release)
    }

    /// After a jump of `neuron`: notes before which time it will not cross. Often something arrives before, and the
    /// crossing never has to be looked for.
    fn bound_ahead(&mut self, neuron: NeuronId) {
        if self.workspace.cells[neuron.index()].is_driven {
            return self.bound_driven(neuron);
        }
        let (state, time) = self.free_state(neuron);
        let Some(dt) = self.circuit.neurons[neuron.index()].earliest_crossing(state) else {
            return self.set_candidate(neuron, Candidate::NotBefore, f64::INFINITY);
        };
        let bound = instant_after(time, dt);
        let cell = &self.workspace.cells[neuron.index()];
        let is_kept =
            cell.candidate == Candidate::NotBefore && cell.due <= bound && cell.due >= self.now;
        if !is_kept {
            let early = instant_after(time, EARLY * dt);
            self.set_candidate(neuron, Candidate::NotBefore, early);
        }
    }

    /// The candidate of `neuron` is the first of all, but no more than a bound. If arrivals have put the crossing off, it is
    /// bounded again, which is cheap; once less is left than has passed since the last arrival, it is found.
    fn look_ahead(&mut self, neuron: NeuronId) {
        if self.workspace.cells[neuron.index()].is_driven {
            return self.look_through_steps(neuron);
        }
        let (state, time) = self.free_state(neuron);
        let model = &self.circuit.neurons[neuron.index()];
        let due = self.workspace.cells[neuron.index()].due;
        let Some(dt) = model.earliest_crossing(state) else {
            return self.set_candidate(neuron, Candidate::NotBefore, f64::INFINITY);
        };
        let passed = (due - time.rounded.re()) - time.remainder;
        let left = dt - passed;
        let early = instant_after(time, passed + EARLY * left);
        if left > passed && early > due {
            return self.set_candidate(neuron, Candidate::NotBefore, early);
        }
        let (candidate, due) = match model.next_crossing(state) {
            Outlook::Silent => (Candidate::NotBefore, f64::INFINITY),
            Outlook::Touch { dt } => (Candidate::Touch, self.due(time.after(dt))),
            Outlook::Jump => {
                self.workspace.found[neuron.index()] = (time, T::from(f64::INFINITY));
                (Candidate::Jump, self.due(time))
            }
            Outlook::Crossing { dt, slope } => {
                let time = time.after(dt);
                self.workspace.found[neuron.index()] = (time, slope);
                (Candidate::Crossing, self.due(time))
            }
            // Right here, so that the run ends where the model was asked.
            Outlook::Nonsense { dt } => {
                self.workspace.found[neuron.index()] = (time, T::from(dt));
                (Candidate::Nonsense, self.due(time).max(self.now))
            }
        };
        self.set_candidate(neuron, candidate, due);
    }

    /// What is wrong with a model that names a time for its next spike which is none.
    fn nonsense(&self, neuron: NeuronId) -> SimulateError {
        let (_, dt) = self.workspace.found[neuron.index()];
        let neuron = self.circuit.named(neuron);
        SimulateError::NextSpike { neuron, time: self.now, dt: dt.re() }
    }

    /// When something at `time` is due: never, if that is after the end, be it by less than a rounding.
    pub(crate) fn due(&self, time: Time<T>) -> f64 {
        if time.is_by(self.trace.stimulus.t_end()) { time.rounded.re() } else { f64::INFINITY }
    }

    /// What is due after the end is as good as nothing.
    pub(crate) fn set_candidate(&mut self, neuron: NeuronId, candidate: Candidate, due: f64) {
        let cell = &mut self.workspace.cells[neuron.index()];
        let was_queued = cell.due.is_finite();
        if due <= self.trace.stimulus.t_end() {
            (cell.candidate, cell.due) = (candidate, due);
            self.workspace.schedule.set_crossing(neuron, Some(due));
        } else {
            (cell.candidate, cell.due) = (Candidate::NotBefore, f64::INFINITY);
            if was_queued {
                self.workspace.schedule.set_crossing(neuron, None);
            }
        }
    }
}
