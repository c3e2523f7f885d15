//! Saltation matrices: forward sensitivities of the whole network, by the rules of hybrid systems.
//!
//! Between events a network is linear, and its sensitivities S = ∂x/∂(every number) move by the fundamental matrix of that
//! linear system. At an event of time t, at which the state jumps from x⁻ to h(x⁻) and the motion changes from f⁻ to f⁺,
//!
//! ```text
//! S⁺ = Dh S⁻ + ∂h/∂p + (Dh f⁻ − f⁺) ∇t .
//! ```
//!
//! If the state itself sets the time, where g(x) = 0 is met with ∇g · f⁻ > 0, then ∇t = −(∇gᵀ S⁻ + ∂g/∂p)/(∇g · f⁻); put in, the factor of
//! S⁻ is the *saltation matrix* Dh + (f⁺ − Dh f⁻) ∇gᵀ/(∇g · f⁻) (M. A. Aizerman and F. R. Gantmacher 1958; P. C. Müller, Chaos Solitons
//! Fractals 5, 1671, 1995; I. A. Hiskens and M. A. Pai, IEEE Trans. Circuits Syst. I 47, 204, 2000; R. I. Leine and H. Nijmeijer,
//! *Dynamics and Bifurcations of Non-Smooth Mechanical Systems*, 2004). A delay carries ∇t of a spike to its arrival, the
//! refractory time to the release: there ∇t is that of the spike, plus 1 at the delay or the refractory time.
//!
//! This is the oracle of the adjoint. It takes from a run which events happened and when, and nothing else: states, slopes
//! and sensitivities are its own (`neuron.rs`), from nalgebra's matrix exponential, with no divided difference, no dual number and
//! no adjoint. The work is that of a dense sensitivity matrix, events × targets × numbers.
//!
//! Not here: the motion and the jumps of one neuron (`neuron.rs`), the list of events (`events.rs`).

mod events;
mod neuron;

use crate::as_lif;
use crate::exact::{Cotangents, Grazing, judge_touches};
use crate::{Answer, CompareError, Engine, Evidence, Question};
use events::{Arrival, Event, What, events};
use nalgebra::DVector;
use neuron::Sensitive;
use spikegrad_network::{Parameters, Place, Trace};

/// Fundamental and saltation matrices, on the event loop's order of events.
#[derive(Clone, Copy, Debug, Default)]
pub struct Saltation;

/// What roundings are relative to, in an answer of [`Saltation`].
///
/// An entry is a sum, `Σ_k (∂L/∂t_k) (∂t_k/∂x)` over spikes and the same over read-outs, whose terms may cancel: its rounding is relative to
/// `Σ_k |∂L/∂t_k| |∂t_k/∂x|`, its entry of [`Self::terms`]. Each `∂t_k/∂x` has been divided by the slope of spike k and of those that
/// caused it. A rounding ε of a potential moves a spike by ε τ κ with `κ = (|θ| + |I|)/(τ V̇)`, θ and I relative to rest, and while it
/// moves, the slope changes by a share of ε κ²: the slope of a spike is the worse known the nearer it is to grazing. Along a
/// chain of spikes these shares add, to ε Σ κ² at most ([`Self::of_slopes`]).
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    /// Sum of the sizes of the terms of each entry, in the order of [`Question::numbers`].
    pub terms: Vec<f64>,
    /// Σ κ² over all spikes; every κ is at least 1.
    pub of_slopes: f64,
    /// Length of the longest stretch in time constants: the matrix exponential is squared for each of its halvings, and its rounding doubled.
    pub of_stretches: f64,
    /// Largest 1 + `τ_m/τ_s`. A later arrival lowers V at once, and raises it by a larger I: all but `τ_s/τ_m` of the two cancels.
    pub of_synapses: f64,
    /// Spikes and synaptic arrivals: each rounds the states and adjoints that it changes.
    pub of_events: f64,
}

/// Roundings of a spike's slope that [`Condition::rounding`] counts: those of the potential, the current and the time at which they are
/// taken, of each of two engines, over the events between two spikes. As many for an event.
const ROUNDINGS: f64 = 16.0;

/// Roundings of what is no event: a few hundred of each of two engines.
const OF_FORMULAS: f64 = 1e-12;

impl Condition {
    /// What roundings may change in an entry between two engines, relative to the largest entry (all in units of their scales):
    /// 16 ε (Σ κ² or 1 + `τ_m/τ_s` or the number of events), and 1e-12 at least.
    #[must_use]
    pub fn rounding(&self) -> f64 {
        let most = self.of_slopes.max(self.of_synapses).max(self.of_events);
        (ROUNDINGS * f64::EPSILON * most).max(OF_FORMULAS)
    }
}

impl Condition {
    /// The same between this engine and another: matrix exponentials lose more, `16 ε (τ-lengths of a stretch) (1 + τ_m/τ_s)`.
    #[must_use]
    pub fn rounding_of_saltation(&self) -> f64 {
        self.rounding().max(ROUNDINGS * f64::EPSILON * self.of_synapses * self.of_stretches)
    }
}

impl Engine for Saltation {
    fn name(&self) -> &'static str {
        "saltation matrices"
    }

    fn answer(&self, question: &Question<'_>) -> Result<Answer, CompareError> {
        self.answer_with_condition(question).map(|(answer, _)| answer)
    }
}

impl Saltation {
    /// Like [`Engine::answer`], with an estimate of how far roundings are magnified.
    ///
    /// # Errors
    /// As [`Engine::answer`].
    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    pub fn answer_with_condition(
        &self,
        question: &Question<'_>,
    ) -> Result<(Answer, Condition), CompareError> {
        let populations = question.network.populations();
        if let Some(other) = populations.iter().find(|p| !p.model.is_linear()) {
            let (name, model) = (&other.name, other.model.table().model);
            return Err(self.unsupported(format!("{name} is of the model {model}")));
        }
        if question.stimulus.currents().is_some() {
            return Err(self.unsupported("the stimulus injects currents".into()));
        }
        let run = question.run(question.parameters, question.stimulus)?;
        let mut sweep = Sweep::new(question, &run.trace);
        for event in events(question, &run.trace) {
            sweep.happen(&event).map_err(|reason| self.unsupported(reason))?;
        }
        let mut cotangents = run.cotangents.clone();
        let Question { network, loss, .. } = *question;
        judge_touches(network, &run.circuit, &run.trace, loss, &mut cotangents);
        let mut touches = run.trace.touches.iter().zip(&cotangents.touches);
        let touch = touches.find(|(_, matters)| **matters).map(|(touch, _)| touch);
        if let (Grazing::Fail, Some(touch)) = (question.settings.grazing, touch) {
            let name = question.network.describe(touch.neuron);
            let reason = format!("{name} touches its threshold at {} s", touch.time);
            return Err(self.unsupported(reason));
        }
        let (entries, terms) = sweep.gradient(&cotangents);
        let gradient = question.gradient(entries.iter().map(|&entry| Some(entry)));
        let stretches = sweep.neurons.iter().map(|neuron| neuron.stiffness);
        let of_stretches = stretches.fold(0.0, f64::max);
        let synapses = sweep.neurons.iter().map(Sensitive::unit_of_current);
        let of_synapses = synapses.fold(1.0, f64::max);
        let of_slopes = sweep.of_slopes;
        let of_events = (run.trace.spikes.len() as u64 + run.trace.arrivals) as f64;
        let condition = Condition { terms, of_slopes, of_stretches, of_synapses, of_events };
        Ok((Answer { loss: run.loss, gradient, evidence: Evidence::default() }, condition))
    }

    fn unsupported(&self, reason: String) -> CompareError {
        CompareError::Unsupported { engine: self.name(), reason }
    }
}

/// Sensitivities on their way through a run.
struct Sweep<'a> {
    trace: &'a Trace,
    /// Grazing below this slope is not ours to judge.
    smallest_slope: f64,
    neurons: Vec<Sensitive>,
    /// ∇t of each firing, inputs first.
    times: Vec<DVector<f64>>,
    /// ∇(value) of each read-out.
    readouts: Vec<DVector<f64>>,
    /// See [`Condition::of_slopes`].
    of_slopes: f64,
}

/// The position of every number among the entries of a gradient.
fn columns(parameters: &Parameters) -> Parameters<usize> {
    let mut next = 0..;
    parameters.map(|_| next.next().unwrap_or_default())
}

impl<'a> Sweep<'a> {
    fn new(question: &Question<'_>, trace: &'a Trace) -> Self {
        let columns = columns(question.parameters);
        let count = question.parameters.to_vec().len();
        let zero = DVector::zeros(count + trace.stimulus.spikes().len());
        let mut neurons = Vec::with_capacity(question.network.neurons());
        let all = question.parameters.populations.iter().zip(&columns.populations);
        for (population, (values, columns)) in question.network.populations().iter().zip(all) {
            for k in 0..population.size {
                let p = as_lif::numbers(values, k, as_lif::default);
                // What an integrator lacks is never asked for.
                let column = as_lif::numbers(columns, k, |_| 0);
                neurons.push(Sensitive::new(p, column, &zero));
            }
        }
        for (k, readout) in trace.readouts.iter().enumerate() {
            if let Some(decay) = readout.request.measure.decay_rate() {
                neurons[readout.request.neuron.index()].average(k, decay, &zero);
            }
        }
        let mut times = vec![zero.clone(); trace.stimulus.spikes().len() + trace.spikes.len()];
        for (time, given) in times.iter_mut().zip(trace.stimulus.given_positions()) {
            time[count + given] = 1.0;
        }
        let smallest_slope = match question.settings.grazing {
            Grazing::Fail | Grazing::Zero => f64::MIN_POSITIVE,
            Grazing::Floor(floor) => floor,
        };
        let readouts = vec![zero; trace.readouts.len()];
        Self { trace, smallest_slope, neurons, times, readouts, of_slopes: 0.0 }
    }

    /// Carries all that an event touches through it.
    fn happen(&mut self, event: &Event) -> Result<(), String> {
        let neuron = &mut self.neurons[event.neuron.index()];
        neuron.advance(event.time);
        match &event.what {
            What::Spike { firing } => {
                let slope = neuron.slope();
                if slope < self.smallest_slope {
                    let (neuron, time) = (event.neuron, event.time.rounded);
                    return Err(format!(
                        "neuron {neuron} spikes with the slope {slope} at {time} s"
                    ));
                }
                self.of_slopes += neuron.condition().powi(2);
                self.times[*firing] = neuron.spike(event.time);
            }
            What::Arrivals(arrivals) => {
                for arrival in arrivals {
                    let time = self.time_of(arrival);
                    self.neurons[event.neuron.index()].receive(arrival, &time);
                }
            }
            What::Read { readout, cut_off } => self.read(*readout, cut_off),
            What::End => {
                for (readout, row) in neuron.averages(self.trace.stimulus.t_end()) {
                    self.readouts[readout] = row;
                }
            }
        }
        Ok(())
    }

    /// ∇t of an arrival: that of its firing, carried over the delay.
    fn time_of(&self, arrival: &Arrival) -> DVector<f64> {
        let mut time = self.times[arrival.firing].clone();
        time[arrival.delay] += 1.0;
        time
    }

    /// A potential at a fixed time; if arrivals cut its rise off there, it moves with them, each by its share in what they do.
    fn read(&mut self, readout: usize, cut_off: &[Arrival]) {
        let read = &self.trace.readouts[readout];
        let neuron = &self.neurons[read.request.neuron.index()];
        if matches!(read.place, Place::Threshold) {
            self.readouts[readout] = neuron.by_threshold();
            return;
        }
        let (rate, mut row) = (neuron.rate(), neuron.by_v.clone());
        let all: f64 = cut_off.iter().map(|arrival| arrival.strength).sum();
        for arrival in cut_off {
            row += self.time_of(arrival) * (rate * arrival.strength / all);
        }
        self.readouts[readout] = row;
    }

    /// Σ (∂L/∂t) ∇t + Σ (∂L/∂m) ∇m, and the same sum over sizes.
    fn gradient(&self, cotangents: &Cotangents) -> (Vec<f64>, Vec<f64>) {
        let inputs = self.trace.stimulus.spikes().len();
        let count = self.neurons.first().map_or(0, |neuron| neuron.by_v.len());
        let (mut gradient, mut terms) = (vec![0.0; count], vec![0.0; count]);
        let spikes = self.times[inputs..].iter().zip(&cotangents.spikes);
        for (row, cotangent) in spikes.chain(self.readouts.iter().zip(&cotangents.readouts)) {
            for (k, derivative) in row.iter().enumerate() {
                gradient[k] += cotangent * derivative;
                terms[k] += (cotangent * derivative).abs();
            }
        }
        (gradient, terms)
    }
}
