//! The layered sweep along a direction: by how much each spike and read-out of a run moves if parameters and input times take a small step, per unit of the step.
//!
//! Layers are taken from the first to the last, each from the beginning of the run to its end, with the schedule, moments and flows of the way back: every rule is that
//! of docs/mathematics.md, section 4, read forwards. A spike moves by (dϑ − dV)/V̇, ϑ the threshold; a membrane that is released later by dt is lower by V̇ dt.
//!
//! Not here: the run itself, whose trace this reads; dual numbers, which need none of these rules (`spikegrad::value_and_jvp`).

use super::averages::Averages;
use super::members::Members;
use super::moments::{Kind, Moment, Moments};
use super::parts::Parts;
use super::read_spikes;
use super::schedule::{Schedule, Spikes};
use super::window::{STRETCHES, Window};
use crate::{AdjointError, origin};
use spikegrad_dynamics::lanes::backward::Row;
use spikegrad_dynamics::lanes::perturbations::{Arriving, Perturbations};
use spikegrad_dynamics::lif::{I, T_REF, V_RESET, V_TH};
use spikegrad_dynamics::{LifGradient, Neuron, NeuronAdjoint, NeuronGradient};
use spikegrad_network::{
    Bodies, Body, Circuit, Direction, Layer, Layers, Place, ReadoutRequest, Tangents, Trace, Watch,
    Wiring,
};

/// How a run moves along a direction, per unit of it.
#[derive(Clone, Debug, Default)]
pub struct Moved {
    /// The time of each spike, in seconds.
    pub spikes: Vec<f64>,
    /// The value of each read-out.
    pub readouts: Vec<f64>,
}

/// Whether [`sweep_along`] knows these layers, and these read-outs of them: neurons with one receptor that hear the same, and averages of integrators alone that share their
/// time constants.
#[must_use]
pub fn goes_along(layers: &Layers, requests: &[ReadoutRequest]) -> bool {
    layers.layers().iter().all(|layer| {
        let Bodies::One(body) = &layer.bodies else { return false };
        let of_layer = |request: &&ReadoutRequest| layer.neurons.contains(&request.neuron.index());
        let is_average = |request: &ReadoutRequest| request.measure.decay_rate().is_some();
        let requests = || requests.iter().filter(of_layer);
        let is_averaged = !layer.spikes && body.numbers.share_motions();
        Parts::of(layer).is_none()
            && (!requests().any(is_average) || is_averaged && requests().all(is_average))
    })
}

/// Carries a step along `direction` through a run that [`is_sweepable`](super::is_sweepable), of layers and read-outs of which [`goes_along`] holds.
///
/// A spike whose slope is zero moves infinitely far: whoever asks has looked for such spikes.
///
/// # Errors
/// [`AdjointError::ForeignNeuron`] and [`AdjointError::ForeignChannel`] for a trace of another network, [`AdjointError::NoTangents`] if it does not hold the derivatives
/// with respect to time constants, [`AdjointError::Interrupted`].
///
/// # Panics
/// If the direction is of another circuit, or has another number of input times.
pub fn sweep_along(
    circuit: &Circuit,
    layers: &Layers,
    trace: &Trace,
    direction: &Direction,
) -> Result<Moved, AdjointError> {
    origin::check(circuit, trace)?;
    assert_eq!(direction.input_times.len(), trace.stimulus.spikes().len(), "input times");
    if trace.tangents != Tangents::Recorded {
        return Err(AdjointError::NoTangents);
    }
    let mut spikes = Spikes::default();
    read_spikes(layers, trace, &mut spikes);
    let mut times = direction.input_times.clone();
    times.resize(times.len() + trace.spikes.len(), 0.0);
    let mut readouts = vec![0.0; trace.readouts.len()];
    let mut scratch = Scratch::default();
    for layer in layers.layers() {
        let Bodies::One(body) = &layer.bodies else { continue };
        let course = Course {
            wiring: circuit.wiring(),
            layer,
            body,
            trace,
            direction,
            numbers: &direction.neurons[layer.neurons.clone()],
            scratch: &mut scratch,
            times: &mut times,
            readouts: &mut readouts,
        };
        course.run(&spikes)?;
    }
    Ok(Moved { spikes: times.split_off(direction.input_times.len()), readouts })
}

/// Memory of a layer under way.
#[derive(Debug, Default)]
struct Scratch {
    schedule: Schedule,
    moments: Moments,
    window: Window<1>,
    all: Perturbations<1>,
    /// Those of the neurons that are moved by hand, where they are now.
    by_hand: Perturbations<1>,
    averages: Averages,
}

/// One layer of one trace.
struct Course<'a> {
    wiring: Wiring<'a>,
    layer: &'a Layer,
    body: &'a Body<1>,
    trace: &'a Trace,
    direction: &'a Direction,
    /// By how much the numbers of its neurons grow.
    numbers: &'a [LifGradient<f64>],
    scratch: &'a mut Scratch,
    /// By how much later each firing comes.
    times: &'a mut [f64],
    readouts: &'a mut [f64],
}

impl Course<'_> {
    fn run(mut self, spikes: &Spikes) -> Result<(), AdjointError> {
        let Self { wiring, layer, body, trace, .. } = self;
        let of_layer =
            |k: &usize| layer.neurons.contains(&trace.readouts[*k].request.neuron.index());
        let readouts: Vec<usize> = (0..trace.readouts.len()).filter(of_layer).collect();
        let is_average = |&k: &usize| trace.readouts[k].request.measure.decay_rate().is_some();
        if !readouts.is_empty() && readouts.iter().all(is_average) {
            self.average(&readouts, spikes);
            return Ok(());
        }
        for k in readouts {
            let readout = &trace.readouts[k];
            let numbers = &self.numbers[index_in(layer, readout.request)];
            match readout.place {
                Place::Clamped => self.readouts[k] = numbers[V_RESET],
                Place::Threshold => self.readouts[k] = numbers[V_TH],
                Place::Free | Place::AfterArrivals | Place::Cusp(_) | Place::Pseudospike => {}
            }
        }
        let t_end = trace.stimulus.t_end();
        let Scratch { schedule, moments, all, by_hand, .. } = &mut *self.scratch;
        schedule.read(wiring, layer, (trace, spikes), t_end, true);
        let (members, own) = (Members::all(layer), &*spikes[layer.population]);
        moments.read(schedule, (members, body), (trace, own), t_end);
        all.reset(layer.neurons.len());
        by_hand.reset(layer.neurons.len());
        for (n, numbers) in self.numbers.iter().enumerate() {
            let mut start = all.get(n);
            start.i[0] = numbers[I];
            all.set(n, start);
        }
        self.go()
    }

    /// Takes all neurons from the beginning of the run to its end.
    fn go(&mut self) -> Result<(), AdjointError> {
        let mut watch = Watch::default();
        let mut next = 0;
        for stretch in 0..self.scratch.schedule.count() {
            if watch.is_interrupted() {
                return Err(AdjointError::Interrupted);
            }
            let Scratch { schedule, moments, window, all, by_hand, .. } = &mut *self.scratch;
            if stretch % STRETCHES == 0 {
                let end = schedule.count().min(stretch + STRETCHES);
                let rest = moments.list.partition_point(|moment| moment.stretch < end);
                window.close(schedule.count());
                window.open(&self.body.numbers, (schedule, moments), end, rest);
            }
            let first = next;
            while let Some(moment) = moments.list.get(next).filter(|of| of.stretch == stretch) {
                if moment.is_first {
                    by_hand.set(moment.neuron, all.get(moment.neuron));
                }
                next += 1;
            }
            let numbers = &self.body.numbers;
            let shared = numbers.share_motions().then(|| window.stretch(stretch));
            all.flow(numbers, schedule.stretches.lengths[stretch], shared.as_ref());
            (first..next).for_each(|k| self.moment(k));
            self.arrive(stretch);
        }
        Ok(())
    }

    /// Moves the neuron of a moment to it, through it, and on to the next one or to the end of the stretch.
    fn moment(&mut self, k: usize) {
        let Scratch { moments, window, by_hand, .. } = &*self.scratch;
        let (moment, decay) = (moments.list[k], window.decay(k));
        let (n, inputs) = (moment.neuron, self.direction.input_times.len());
        let numbers = &self.numbers[n];
        let mut state = by_hand.get(n);
        if moment.is_first {
            state = window.before(k).flow(state);
        }
        match moment.kind {
            Kind::Crossing(spike) => {
                let at = &self.trace.spikes[spike];
                let v = state.v + numbers.membrane_along(decay, moment.after_reset, at.tangent);
                let time = (numbers[V_TH] - v) / at.slope;
                self.times[inputs + spike] = time;
                let model = &self.body.models[n];
                // Until it is released the membrane stays where it is.
                state.v = 0.0;
                if model.refractory() == 0.0 {
                    // That time can only grow (eq. 14a).
                    let later = at.release_rate + model.rate_change(self.arriving_with(&moment).0);
                    state.v = -at.release_rate * time - later * numbers[T_REF];
                }
            }
            Kind::Release(spike) => {
                let later = self.times[inputs + spike] + numbers[T_REF];
                state.v = -self.trace.spikes[spike].release_rate * later;
            }
            Kind::Readout(k) | Kind::LateReadout(k) => {
                let readout = &self.trace.readouts[k];
                let along = numbers.membrane_along(decay, moment.after_reset, readout.tangent);
                self.readouts[k] = state.v + along;
                if let Place::Cusp(cusp) = readout.place {
                    let change = self.body.models[n].rate_change(1.0);
                    self.readouts[k] += cusp.share(change) * self.arriving_with(&moment).1;
                }
            }
        }
        let Scratch { window, all, by_hand, .. } = &mut *self.scratch;
        let after = window.after(k).flow(state);
        by_hand.set(n, after);
        all.set(n, after);
    }

    /// The weights that arrive at the neuron of a moment at its time: their sum, and that of each times by how much later it arrives.
    fn arriving_with(&self, moment: &Moment) -> (f64, f64) {
        let schedule = &self.scratch.schedule;
        let Moment { time, neuron, stretch, .. } = *moment;
        if !time.coincides(schedule.instants[stretch + 1]) {
            return (0.0, 0.0);
        }
        let of_layer = (self.wiring, self.layer);
        let rows = schedule.arriving(stretch..stretch + 1);
        rows.fold((0.0, 0.0), |(sum, moving), row| {
            let row = arriving(schedule, row, of_layer, (self.direction, self.times));
            (sum + row.weights[neuron], moving + row.weights[neuron] * row.time)
        })
    }

    /// What arrives at the end of a stretch.
    fn arrive(&mut self, stretch: usize) {
        let Self { wiring, layer, body, direction, times, scratch, .. } = self;
        for row in scratch.schedule.arriving(stretch..stretch + 1) {
            let row = arriving(&scratch.schedule, row, (*wiring, layer), (direction, times));
            scratch.all.receive(&body.numbers, row);
        }
    }

    /// Moves averages of integrators, of which nothing else is read.
    fn average(&mut self, readouts: &[usize], spikes: &Spikes) {
        let Self { wiring, layer, body, trace, direction, .. } = *self;
        let t_end = trace.stimulus.t_end();
        let Scratch { schedule, averages, .. } = &mut *self.scratch;
        schedule.read_rows(wiring, layer, (trace, spikes), t_end, true);
        averages.read(schedule, t_end);
        let Averages { times: arrived, left, shares, .. } = averages;
        let rate = |k: usize| trace.readouts[k].request.measure.decay_rate().unwrap_or_default();
        let mut rates: Vec<f64> = readouts.iter().map(|&k| rate(k)).collect();
        rates.sort_unstable_by(f64::total_cmp);
        rates.dedup();
        for decay_rate in rates {
            shares.set(&body.numbers, decay_rate, (arrived, left));
            let of_start = shares.i[schedule.arrivals.len()];
            // Of the integral of each neuron, by its current at the start and all that arrives.
            let mut integrals: Vec<f64> = self.numbers.iter().map(|of| of_start * of[I]).collect();
            for k in 0..schedule.arrivals.len() {
                let row = arriving(schedule, k, (wiring, layer), (direction, self.times));
                let (share, fall) = (shares.i[k], row.time * shares.fall[k]);
                let pairs = integrals.iter_mut().zip(row.along.iter().zip(row.weights));
                pairs.for_each(|(sum, (along, weight))| *sum += along * share - weight * fall);
            }
            for &k in readouts.iter().filter(|&&k| rate(k).to_bits() == decay_rate.to_bits()) {
                let readout = &trace.readouts[k];
                let n = index_in(layer, readout.request);
                let mut by_numbers = LifGradient::default();
                let (numbers, model) = (&self.numbers[n], body.models[n].membrane_alone());
                model.free_integral_pullback(1.0, (t_end, decay_rate), false, &mut by_numbers);
                let terms = by_numbers.as_slice().iter().zip(numbers.as_slice());
                let along = terms.fold(integrals[n], |sum, (by, along)| sum + by * along);
                self.readouts[k] = along / t_end + numbers.time_constants_along(readout.tangent);
            }
        }
    }
}

/// Which neuron of the layer a request is of.
fn index_in(layer: &Layer, request: ReadoutRequest) -> usize {
    request.neuron.index() - layer.neurons.start
}

/// The row at a position of the schedule.
fn arriving<'a>(
    schedule: &Schedule,
    row: usize,
    (wiring, layer): (Wiring<'a>, &Layer),
    (direction, times): (&'a Direction, &[f64]),
) -> Arriving<'a> {
    let (arrival, Row { weights, receptor, .. }) =
        (schedule.arrivals[row], schedule.stretches.rows[row]);
    let synapses = weights..weights + layer.neurons.len();
    Arriving {
        weights: &wiring.weights[synapses.clone()],
        along: &direction.weights[synapses],
        time: times[arrival.firing] + direction.delays[arrival.group],
        receptor,
    }
}
