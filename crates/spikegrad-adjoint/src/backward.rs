//! The backward sweep: the events of a trace in reverse, one jump at a time.
//!
//! Arrivals are not in the trace; they are regenerated, latest first, from one cursor a spike, and wait to be pulled back many at a time where they can
//! (`waiting.rs`). At an instant the order is
//! that of the forward pass reversed: arrivals, read-outs, crossings, round by round. The adjoint of a neuron is moved
//! only when something of it is needed, and all that passes from one neuron to another is ∂L/∂t of a spike.
//!
//! Not here: in which order events come (`due.rs`), neurons that are not linear (`taped.rs`), which touches matter (`touches.rs`), a formula of a neuron model
//! (`spikegrad_dynamics`), the value of the loss (`loss/`).

use crate::due::{Later, Phase};
use crate::sweep::backward_of_sweep;
use crate::taped::{ByTime, Passing, Taped};
use crate::touches::check;
use crate::workspace::{BackwardWorkspace, Cell};
use crate::{AdjointError, GradientSum, Grazing, origin};
use ordered_float::OrderedFloat;
use spikegrad_dynamics::{AnyNeuron, Lif, NeuronAdjoint, Scalar};
use spikegrad_network::loss::Cotangents;
use spikegrad_network::{
    Build, Circuit, Gradient, Network, NeuronId, Parameters, Place, Readout, SpikeId,
    StimulusGradient, Time, Trace, Watch,
};

/// Returns the gradient of a loss with these `cotangents`.
///
/// # Errors
/// [`AdjointError::Grazing`] where `policy` is [`Grazing::Fail`] and a potential touched its threshold;
/// [`AdjointError::NonFinite`] and [`AdjointError::NonFiniteGradient`]; [`AdjointError::Cotangents`];
/// [`AdjointError::NoTangents`]; [`AdjointError::Pseudospike`], [`AdjointError::ForeignNeuron`] and [`AdjointError::ForeignChannel`] of a trace of another network.
pub fn backward<T: Scalar>(
    network: &Network,
    parameters: &Parameters<T>,
    trace: &Trace<T>,
    cotangents: &Cotangents<T>,
    policy: Grazing,
) -> Result<Gradient<T>, AdjointError> {
    if network.is_linear() {
        backward_of::<T, Lif<T>>(network, parameters, trace, cotangents, policy)
    } else {
        backward_of::<T, AnyNeuron<T>>(network, parameters, trace, cotangents, policy)
    }
}

fn backward_of<T: Scalar, N: NeuronAdjoint<T> + Build<T>>(
    network: &Network,
    parameters: &Parameters<T>,
    trace: &Trace<T>,
    cotangents: &Cotangents<T>,
    policy: Grazing,
) -> Result<Gradient<T>, AdjointError> {
    let walk = || {
        let circuit = Circuit::<T, N>::of(network, parameters)?;
        let mut sum = GradientSum::new(&circuit);
        let workspace = &mut BackwardWorkspace::default();
        let StimulusGradient { input_times, currents } =
            backward_into(&circuit, trace, cotangents, policy, workspace, &mut sum)?;
        let parameters = sum.to_parameters(network, &circuit);
        Ok(Gradient { parameters, input_times, currents })
    };
    let swept = backward_of_sweep(network, parameters, trace, cotangents, policy);
    let gradient = swept.unwrap_or_else(walk)?;
    match gradient.find(network, |x: T| !x.is_all_finite()) {
        None => Ok(gradient),
        Some((place, value)) => Err(AdjointError::NonFiniteGradient { place, value: value.re() }),
    }
}

/// Where a read-out that moves a neuron stands in the order of its instant.
fn order_of<T>(readout: &Readout<T>) -> (u32, Phase) {
    match &readout.place {
        Place::AfterArrivals => (u32::MAX, Phase::Peak),
        Place::Cusp(cusp) => (cusp.round, Phase::Readout),
        Place::Free | Place::Clamped | Place::Threshold | Place::Pseudospike => (0, Phase::Readout),
    }
}

/// Targets that are fetched side by side: as many as a mask of 32 bits names.
const BLOCK: usize = 32;

/// Like [`backward`], on a prepared circuit, in the caller's memory, added to `sum`. Returns what the numbers of the stimulus get. The caller checks that the sum is finite.
///
/// # Errors
/// As [`backward`]; `sum` is then not usable.
pub fn backward_into<T: Scalar, N: NeuronAdjoint<T>>(
    circuit: &Circuit<T, N>,
    trace: &Trace<T>,
    cotangents: &Cotangents<T>,
    policy: Grazing,
    workspace: &mut BackwardWorkspace<T, N>,
    sum: &mut GradientSum<T, N>,
) -> Result<StimulusGradient<T>, AdjointError> {
    let mut of_stimulus = StimulusGradient::default();
    backward_all_into(circuit, trace, cotangents, policy, workspace, sum, &mut of_stimulus)?;
    Ok(of_stimulus)
}

/// Like [`backward_into`], with ∂L/∂(numbers of the stimulus) in the caller's memory, too, which is overwritten.
///
/// With a workspace that has been used for a trace of this size before, nothing is allocated but for injected currents.
///
/// # Errors
/// As [`backward`]; `sum` and `of_stimulus` are then not usable.
pub fn backward_all_into<T: Scalar, N: NeuronAdjoint<T>>(
    circuit: &Circuit<T, N>,
    trace: &Trace<T>,
    cotangents: &Cotangents<T>,
    policy: Grazing,
    workspace: &mut BackwardWorkspace<T, N>,
    sum: &mut GradientSum<T, N>,
    of_stimulus: &mut StimulusGradient<T>,
) -> Result<(), AdjointError> {
    origin::check(circuit, trace)?;
    if !sum.fits(circuit, trace) {
        return Err(AdjointError::NoTangents);
    }
    check(circuit, trace, cotangents, policy)?;
    let mut sweep = Sweep { circuit, trace, cotangents, policy, workspace, sum };
    sweep.prepare()?;
    sweep.run()?;
    let of_inputs = &workspace.times[..trace.stimulus.spikes().len()];
    let StimulusGradient { input_times, currents } = of_stimulus;
    trace.stimulus.in_given_order_into(of_inputs, input_times);
    *currents = match trace.stimulus.currents() {
        Some(all) => all.gradient(&workspace.injected),
        None => Vec::new(),
    };
    Ok(())
}

/// From when on a neuron with this refractory time is free after a spike at `at`, in seconds. However short, a refractory time
/// outlasts the instant of its spike.
pub(crate) fn free_from<T: Scalar>(at: Time<T>, refractory: T) -> f64 {
    let release = at.after(refractory).rounded.re();
    if is_lost(at, refractory) { release.next_up() } else { release }
}

/// Whether a refractory time is so short that the release falls on the instant of the spike at `at`.
pub(crate) fn is_lost<T: Scalar>(at: Time<T>, refractory: T) -> bool {
    !refractory.is_exactly_zero() && at.after(refractory).coincides(at)
}

pub(crate) struct Sweep<'a, T: Scalar, N: NeuronAdjoint<T>> {
    pub(crate) circuit: &'a Circuit<T, N>,
    pub(crate) trace: &'a Trace<T>,
    pub(crate) cotangents: &'a Cotangents<T>,
    pub(crate) policy: Grazing,
    pub(crate) workspace: &'a mut BackwardWorkspace<T, N>,
    pub(crate) sum: &'a mut GradientSum<T, N>,
}

impl<T: Scalar, N: NeuronAdjoint<T>> Sweep<'_, T, N> {
    pub(crate) fn inputs(&self) -> usize {
        self.trace.stimulus.spikes().len()
    }

    fn prepare(&mut self) -> Result<(), AdjointError> {
        let (zero, end) = (T::from(0.0), T::from(self.trace.stimulus.t_end()));
        let firings = self.inputs() + self.trace.spikes.len();
        let w = &mut *self.workspace;
        w.cells.clear();
        let neurons = self.circuit.neurons.iter().zip(self.circuit.representatives());
        w.cells.extend(neurons.map(|(neuron, &model)| Cell {
            adjoint: neuron.no_adjoint(),
            time: end.into(),
            released: f64::NEG_INFINITY,
            spike: None,
            model,
            clamped: false,
            is_read: false,
            is_driven: false,
            has_jumped: false,
        }));
        let currents = self.trace.stimulus.currents().map(AsRef::as_ref);
        w.prepare_driven(currents, end.into());
        w.integrals.reset(self.circuit.neurons.len());
        w.cusps.clear();
        w.cusps.resize(self.circuit.neurons.len(), None);
        w.highest_spikes.clear();
        w.highest_spikes.resize(self.circuit.neurons.len(), None);
        w.times.clear();
        w.times.resize(firings, zero);
        w.arrived.clear();
        w.arrived.resize(self.trace.spikes.len(), zero);
        w.taped.clear();
        w.taped.extend(self.trace.tape.last.iter().map(|&last| Taped::new(last)));
        w.previous.clear();
        for (k, spike) in self.trace.spikes.iter().enumerate() {
            w.previous.push(w.cells[spike.neuron.index()].spike.replace(SpikeId::new(k)));
        }
        for (n, cell) in w.cells.iter_mut().enumerate() {
            if let Some(spike) = cell.spike {
                let refractory = self.circuit.neurons[n].refractory();
                let released = free_from(self.trace.spikes[spike.index()].at(), refractory);
                // A release after the end never happened.
                cell.clamped = released > end.re();
                if !cell.clamped {
                    cell.released = released;
                }
            }
        }
        w.due.clear();
        w.waiting.clear();
        w.cursors.clear();
        let left = [self.trace.stimulus.spikes().len(), self.trace.spikes.len()];
        w.later = Later { left, longest_delays: [zero; 2] };
        for firing in 0..firings {
            self.prepare_firing(firing, end.re());
        }
        for k in 0..self.trace.readouts.len() {
            self.prepare_readout(k, end);
        }
        self.pull_back_pseudospikes()?;
        let Self { circuit, trace, workspace: w, sum, .. } = self;
        let spikes = trace.spikes.iter().enumerate().map(|(k, spike)| (spike.neuron.index(), k));
        let inputs = trace.stimulus.spikes().len();
        let linear = |n: usize| {
            let model = &circuit.neurons[n];
            model.as_general().is_none().then_some(model)
        };
        let times = &mut w.times[inputs..];
        w.integrals.share(linear, (trace, spikes), times, &mut sum.neurons);
        Ok(())
    }

    fn prepare_readout(&mut self, k: usize, end: T) {
        let readout = &self.trace.readouts[k];
        let cotangent = self.cotangents.readouts[k];
        let neuron = readout.request.neuron.index();
        let (model, gradient) = (&self.circuit.neurons[neuron], &mut self.sum.neurons[neuron]);
        if let Some(decay_rate) = readout.request.measure.decay_rate() {
            self.workspace.integrals.add(neuron, decay_rate, cotangent / end);
            self.workspace.cells[neuron].is_read = true;
            if model.as_general().is_none() {
                model.time_constants_pullback(cotangent, readout.tangent, gradient);
            }
            return;
        }
        match readout.place {
            Place::Clamped => return model.clamped_pullback(cotangent, gradient),
            Place::Threshold if model.as_general().is_some() => {
                let highest = &mut self.workspace.highest_spikes[neuron];
                let earlier = highest.map_or(T::from(0.0), |(_, cotangent)| cotangent);
                *highest = Some((readout.time, earlier + cotangent));
                return;
            }
            Place::Threshold => return model.threshold_membrane_pullback(cotangent, gradient),
            // With all others of its kind, once every neuron is at the end.
            Place::Pseudospike => return,
            Place::Free | Place::AfterArrivals => {}
            Place::Cusp(cusp) => {
                let earlier = self.workspace.cusps[neuron].map_or(T::from(0.0), |(_, _, c)| c);
                self.workspace.cusps[neuron] = Some((cusp, readout.time, earlier + cotangent));
                self.workspace.cells[neuron].is_read = true;
            }
        }
        let (round, phase) = order_of(readout);
        self.workspace.due.push((OrderedFloat(readout.time.re()), round, phase, k));
    }

    fn run(&mut self) -> Result<(), AdjointError> {
        let mut watch = Watch::default();
        while let Some((time, round, phase, k)) = self.next() {
            if watch.is_interrupted() {
                return Err(AdjointError::Interrupted);
            }
            match phase {
                Phase::Arrival => {
                    self.arrival(time, round, k);
                    let next = self.due(k);
                    self.workspace.due.extend(next);
                }
                Phase::Readout | Phase::Peak => self.readout(k),
                Phase::Crossing => {
                    if self.workspace.waiting.are_of(k) {
                        self.pull_back_waiting();
                    }
                    self.crossing(k - self.inputs())?;
                }
            }
        }
        self.pull_back_waiting();
        for n in 0..self.circuit.neurons.len() {
            if let Some(general) = self.circuit.neurons[n].as_general() {
                self.start_taped(n, general);
            } else if self.has_adjoint(n) {
                self.move_back(n, Time::from(T::from(0.0)));
                let adjoint = self.workspace.cells[n].adjoint;
                self.circuit.neurons[n].initial_pullback(adjoint, &mut self.sum.neurons[n]);
            }
        }
        Ok(())
    }

    fn has_adjoint(&self, n: usize) -> bool {
        let cell = &self.workspace.cells[n];
        !self.circuit.neurons[cell.model as usize].is_zero_adjoint(cell.adjoint)
            || cell.is_read && self.workspace.integrals.reads(n)
    }

    /// The last group of `firing` that is left, which arrived at `at`.
    fn arrival(&mut self, at: OrderedFloat<f64>, round: u32, firing: usize) {
        let cursor = &mut self.workspace.cursors[firing];
        cursor.end -= 1;
        let position = cursor.end;
        let time = self.fired_at(firing).0.after(self.circuit.delay(position));
        let (mut of_delay, mut of_firing) = (T::from(0.0), T::from(0.0));
        let receptor = self.circuit.receptor(position);
        let mut synapses = self.circuit.synapses(position);
        while !synapses.is_empty() {
            let block = synapses.start..synapses.end.min(synapses.start + BLOCK);
            synapses.start = block.end;
            let mut is_needed = self.fetch(&self.circuit.targets[block.clone()]);
            while is_needed != 0 {
                let synapse = block.start + is_needed.trailing_zeros() as usize;
                is_needed &= is_needed - 1;
                if self.wait(synapse, time, at) {
                    continue;
                }
                let passing = Passing { firing, group: position, synapse, receptor, round };
                let by_time = self.arrive_back(passing, time, at);
                of_delay += by_time.delay;
                of_firing += by_time.firing;
            }
            self.workspace.waiting.close_run(firing, position);
            if !self.workspace.waiting.has_room(BLOCK) {
                self.pull_back_waiting();
            }
        }
        if self.sum.has_input_times || firing >= self.trace.stimulus.spikes().len() {
            self.sum.delays[position] += of_delay;
            self.workspace.times[firing] += of_firing;
        }
    }

    /// Which of `targets` have anything to do with the loss, a bit for each. Asking all of them before the first is moved
    /// has the memory fetch them side by side.
    #[inline]
    fn fetch(&self, targets: &[NeuronId]) -> u32 {
        let is_needed = |target: &NeuronId| {
            let cell = &self.workspace.cells[target.index()];
            cell.is_read
                | cell.has_jumped
                | !self.circuit.neurons[cell.model as usize].is_zero_adjoint(cell.adjoint)
        };
        let bits = targets.iter().enumerate().map(|(k, target)| u32::from(is_needed(target)) << k);
        bits.fold(0, |all, bit| all | bit)
    }

    /// An arrival at `time` through a synapse: returns the adjoint of its time.
    #[inline]
    fn arrive_back(&mut self, passing: Passing, time: Time<T>, at: OrderedFloat<f64>) -> ByTime<T> {
        let Passing { synapse, receptor, round, .. } = passing;
        let n = self.circuit.targets[synapse].index();
        let weight = self.circuit.weights[synapse];
        if let Some(general) = self.circuit.neurons[n].as_general() {
            // Its rate is linear in what arrives.
            let change = || general.rate_change(receptor, weight);
            let of_cusp = self.share_of_cusp(n, (at, round), change);
            let ByTime { delay, firing } = self.arrive_back_taped(n, general, passing, time);
            return ByTime { delay: of_cusp + delay, firing: of_cusp + firing };
        }
        let mut total = T::from(0.0);
        if self.workspace.cells[n].is_read {
            let change = || self.circuit.neurons[n].rate_change(weight);
            total += self.share_of_cusp(n, (at, round), change);
            if !self.has_adjoint(n) {
                return ByTime::both(total);
            }
        }
        self.move_back(n, time);
        let cell = &self.workspace.cells[n];
        let model = &self.circuit.neurons[cell.model as usize];
        let pullback = model.receive_pullback(weight, cell.adjoint);
        self.sum.weights[synapse] += pullback.weight;
        if at.0 <= cell.released
            && let Some(spike) = cell.spike
        {
            self.workspace.arrived[spike.index()] += weight;
        }
        ByTime::both(total + pullback.time)
    }

    /// ∂L/∂(time) of an arrival through the maximum that it cuts off, if it does; `change` is that of the rate, from the state before.
    #[inline]
    pub(crate) fn share_of_cusp(
        &self,
        n: usize,
        (at, round): (OrderedFloat<f64>, u32),
        change: impl FnOnce() -> T,
    ) -> T {
        match self.workspace.cusps[n] {
            Some((cusp, time, cotangent))
                if OrderedFloat(time.re()) == at && cusp.round == round =>
            {
                cusp.share(change()) * cotangent
            }
            _ => T::from(0.0),
        }
    }

    fn readout(&mut self, k: usize) {
        let readout = &self.trace.readouts[k];
        let cotangent = self.cotangents.readouts[k];
        if cotangent.is_exactly_zero() {
            return;
        }
        let n = readout.request.neuron.index();
        if let Some(general) = self.circuit.neurons[n].as_general() {
            let (round, phase) = order_of(readout);
            return self.read_taped(n, general, (readout.at(), round, phase), cotangent);
        }
        self.move_back(n, readout.at());
        let model = &self.circuit.neurons[n];
        let cell = &mut self.workspace.cells[n];
        cell.adjoint = model.read_pullback(cotangent, cell.adjoint);
        let (elapsed, after_reset) = self.elapsed(n, readout.at());
        let gradient = &mut self.sum.neurons[n];
        model.membrane_pullback(cotangent, elapsed, after_reset, readout.tangent, gradient);
    }

    fn crossing(&mut self, spike: usize) -> Result<(), AdjointError> {
        let at = &self.trace.spikes[spike];
        let n = at.neuron.index();
        if let Some(general) = self.circuit.neurons[n].as_general() {
            return self.crossing_taped(n, general, spike);
        }
        if self.has_adjoint(n) {
            self.move_back(n, at.at());
            if !self.workspace.cells[n].clamped {
                self.release(n, spike);
                self.move_back(n, at.at());
            }
        }
        let firing = self.inputs() + spike;
        let time = self.cotangents.spikes[spike] + self.workspace.times[firing];
        self.workspace.times[firing] = time;
        self.pass(spike);
        if time.is_exactly_zero() {
            // Nothing depends on this spike: whatever its slope, the adjoint of its membrane is zero.
            return Ok(());
        }
        let Some(slope) = self.policy.slope(|n| self.circuit.named(n), at)? else { return Ok(()) };
        let cell = &mut self.workspace.cells[n];
        let model = &self.circuit.neurons[n];
        let (before, membrane) = model.spike_pullback(slope, time, cell.adjoint);
        cell.adjoint = before;
        if !(time.is_all_finite() && membrane.is_all_finite()) {
            let neuron = self.circuit.named(at.neuron);
            return Err(AdjointError::NonFinite { neuron, time: at.time.re() });
        }
        let (elapsed, after_reset) = self.elapsed(n, at.at());
        let gradient = &mut self.sum.neurons[n];
        model.threshold_pullback(slope, time, gradient);
        model.membrane_pullback(membrane, elapsed, after_reset, at.tangent, gradient);
        Ok(())
    }

    /// Leaves a spike behind: what is known of its neuron is from before it.
    pub(crate) fn pass(&mut self, spike: usize) {
        let (at, previous) = (&self.trace.spikes[spike], self.workspace.previous[spike]);
        let n = at.neuron.index();
        let released = previous.map(|previous| {
            let refractory = self.circuit.neurons[n].refractory();
            free_from(self.trace.spikes[previous.index()].at(), refractory)
        });
        let cell = &mut self.workspace.cells[n];
        (cell.spike, cell.clamped, cell.time) = (previous, false, at.at());
        cell.released = released.unwrap_or(f64::NEG_INFINITY);
    }

    /// How long before `time` the membrane last started, and whether from a reset.
    fn elapsed(&self, n: usize, time: Time<T>) -> (T, bool) {
        match self.workspace.cells[n].spike {
            None => (time.rounded, false),
            Some(spike) => (time.since(self.released_at(n, spike.index())), true),
        }
    }

    fn released_at(&self, n: usize, spike: usize) -> Time<T> {
        self.trace.spikes[spike].at().after(self.circuit.neurons[n].refractory())
    }

    /// Moves the adjoint of neuron `n` back to `time`, through the release of its spike if that lies between.
    #[inline]
    fn move_back(&mut self, n: usize, time: Time<T>) {
        if self.workspace.cells[n].is_driven {
            self.pass_steps(n, time);
        }
        self.move_through(n, time);
    }

    /// The same where no step of an injected current lies between.
    #[inline]
    pub(crate) fn move_through(&mut self, n: usize, time: Time<T>) {
        let cell = &self.workspace.cells[n];
        if time.rounded.re() < cell.released
            && let Some(spike) = cell.spike
        {
            self.release(n, spike.index());
        }
        let cell = &mut self.workspace.cells[n];
        let model = &self.circuit.neurons[cell.model as usize];
        let dt = cell.time.since(time);
        cell.time = time;
        if cell.clamped {
            cell.adjoint = model.hold_pullback(dt, cell.adjoint);
        } else {
            self.flow_back(n, time, dt);
        }
    }

    /// Pulls the adjoint of neuron `n` back through a free motion of `dt` seconds from `from`.
    #[inline]
    fn flow_back(&mut self, n: usize, from: Time<T>, dt: T) {
        if self.workspace.cells[n].is_driven {
            self.take_current(n, from, dt);
        }
        let cell = &mut self.workspace.cells[n];
        let model = &self.circuit.neurons[cell.model as usize];
        cell.adjoint = model.flow_pullback(dt, cell.adjoint);
        if cell.is_read && !dt.is_exactly_zero() {
            let BackwardWorkspace { cells, integrals, averaging, .. } = &mut *self.workspace;
            let after = cells[n].adjoint;
            cells[n].adjoint = integrals.pull_back(n, model, (from, dt), after, averaging);
        }
    }

    /// Passes the end of the refractory time of `spike`, which is where the membrane of neuron `n` starts.
    pub(crate) fn release(&mut self, n: usize, spike: usize) {
        let release = self.released_at(n, spike);
        let dt = self.workspace.cells[n].time.since(release);
        self.flow_back(n, release, dt);
        let model = &self.circuit.neurons[n];
        let cell = &mut self.workspace.cells[n];
        let after = cell.adjoint;
        let rate = self.trace.spikes[spike].release_rate;
        let (before, time) = model.release_pullback(rate, after);
        (cell.adjoint, cell.time, cell.clamped) = (before, release, true);
        cell.released = f64::NEG_INFINITY;
        // A refractory time of 0 can only grow, beyond all that arrives at its instant: the membrane would start with that
        // (eq. 14a).
        let later = if model.refractory().is_exactly_zero() {
            let arrived = self.workspace.arrived[spike];
            model.release_pullback(rate + model.rate_change(arrived), after).1
        } else {
            time
        };
        let inputs = self.inputs();
        self.workspace.times[inputs + spike] += time;
        model.refractory_pullback(later, &mut self.sum.neurons[n]);
    }
}
