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

use crate::exact::{Grazing, Loss};
use crate::{Answer, CompareError, Engine, Question, Worth};
use events::{Arrival, Event, What, events};
use nalgebra::DVector;
use neuron::Sensitive;
use spikegrad_network::{Network, Parameters, PopulationParameters, Trace};

/// Fundamental and saltation matrices, on the event loop's order of events.
#[derive(Clone, Copy, Debug, Default)]
pub struct Saltation;

impl Engine for Saltation {
    fn name(&self) -> &'static str {
        "saltation matrices"
    }

    fn answer(&self, question: &Question<'_>) -> Result<Answer, CompareError> {
        let run = question.run(question.parameters, question.stimulus)?;
        let mut sweep = Sweep::new(question, &run.trace);
        for event in events(question, &run.trace) {
            sweep.happen(&event).map_err(|reason| self.unsupported(reason))?;
        }
        if let (Grazing::Fail, Some(touch)) = (question.settings.grazing, run.trace.touches.first()) {
            let name = question.network.describe(touch.neuron);
            return Err(self.unsupported(format!("{name} touches its threshold at {} s", touch.time)));
        }
        let entries = sweep.gradient(question.network, question.loss);
        let gradient = question.gradient(entries.iter().map(|&entry| Some(entry)));
        Ok(Answer { loss: run.loss, gradient, worth: Worth::default() })
    }
}

impl Saltation {
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
            let initial = |p: &PopulationParameters, k: usize| (p.initial_v.get(k), p.initial_i.get(k));
            for k in 0..population.size {
                let start = (columns.initial_v.get(k), columns.initial_i.get(k));
                let neuron = Sensitive::new((values.of(k), columns.of(k)), initial(values, k), start, &zero);
                neurons.push(neuron);
            }
        }
        for (k, readout) in trace.readouts.iter().enumerate() {
            if let Some(fading) = readout.request.measure.fading() {
                neurons[readout.request.neuron.index()].average(k, fading, &zero);
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
        Self { trace, smallest_slope, neurons, times, readouts }
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
                    return Err(format!("neuron {neuron} spikes with the slope {slope} at {time} s"));
                }
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
        let neuron = &self.neurons[self.trace.readouts[readout].request.neuron.index()];
        let (rate, mut row) = (neuron.rate(), neuron.by_v.clone());
        let all: f64 = cut_off.iter().map(|arrival| arrival.strength).sum();
        for arrival in cut_off {
            row += self.time_of(arrival) * (rate * arrival.strength / all);
        }
        self.readouts[readout] = row;
    }

    /// Σ (∂L/∂t) ∇t + Σ (∂L/∂m) ∇m.
    fn gradient(&self, network: &Network, loss: &dyn Loss) -> DVector<f64> {
        let (_, cotangents) = loss.evaluate(network, self.trace);
        let inputs = self.trace.stimulus.spikes().len();
        let mut gradient = DVector::zeros(self.entries());
        for (row, &cotangent) in self.times[inputs..].iter().zip(&cotangents.spikes) {
            gradient.axpy(cotangent, row, 1.0);
        }
        for (row, &cotangent) in self.readouts.iter().zip(&cotangents.readouts) {
            gradient.axpy(cotangent, row, 1.0);
        }
        gradient
    }

    fn entries(&self) -> usize {
        self.neurons.first().map_or(0, |neuron| neuron.by_v.len())
    }
}
