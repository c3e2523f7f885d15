//! The numbers of a problem one by one: what each is called, and how far it must move to matter.
//!
//! The natural scale of a number is the change that makes a difference of order one to a neuron. For a time constant it is the
//! number itself; for every other time (a delay, a refractory time, the time of an input) it is the smallest time constant of the network, whatever
//! the time is counted from; for a potential or a current it is the smallest height from a reset to a threshold, or the number
//! itself if that is larger. A derivative times its scale is in the unit of the loss, so that entries of different kinds can
//! be compared.
//!
//! Not here: steps (`finite_differences.rs`).

use crate::Question;
use spikegrad_dynamics::Kind;
use spikegrad_network::{Network, Parameters, Source, StepTimes, Steps, Values};

/// A number that can be differentiated.
#[derive(Clone, Debug, PartialEq)]
pub struct Number {
    /// Where it stands, in the words of the problem file.
    pub place: String,
    /// What it is.
    pub value: f64,
    /// The change of it that matters, positive, in its own unit.
    pub scale: f64,
}

/// Units of a network: of its times and of its potentials.
struct Scales {
    time: f64,
    potential: f64,
}

impl Scales {
    fn of(question: &Question<'_>) -> Self {
        let (mut time, mut potential) = (f64::INFINITY, f64::INFINITY);
        let populations =
            question.network.populations().iter().zip(&question.parameters.populations);
        for (population, values) in populations {
            for k in 0..population.size {
                let time_constants =
                    values.values().filter(|(quantity, _)| quantity.kind == Kind::TimeConstant);
                time = time_constants.fold(time, |time, (_, values)| time.min(values.get(k)));
                if let Some((threshold, reset)) = population.model.table().threshold_and_reset {
                    potential = potential.min(values[threshold].get(k) - values[reset].get(k));
                }
            }
        }
        // Without a threshold a potential is compared with one in a softmax or with a target: the unit is 1.
        let finite = |x: f64| if x.is_finite() { x } else { 1.0 };
        Self { time: finite(time), potential: finite(potential) }
    }

    /// Scale of a parameter of a neuron.
    fn of_neuron(&self, kind: Kind, value: f64) -> f64 {
        match kind {
            Kind::TimeConstant => value,
            Kind::Duration => self.time,
            Kind::Potential => self.of_potential(value),
        }
    }

    fn of_potential(&self, value: f64) -> f64 {
        value.abs().max(self.potential)
    }
}

/// Sets the parameter at position `k` of [`Parameters::to_vec`].
pub(crate) fn set(parameters: &mut Parameters, k: usize, value: f64) {
    let mut position = 0;
    parameters.for_each_mut(|x| {
        if position == k {
            *x = value;
        }
        position += 1;
    });
}

/// See [`Question::numbers`].
pub(crate) fn of(question: &Question<'_>) -> Vec<Number> {
    let (network, scales) = (question.network, Scales::of(question));
    let mut all = Vec::new();
    for (k, values) in question.parameters.populations.iter().enumerate() {
        let population = &network.populations()[k].name;
        for (quantity, values) in values.values() {
            for (index, &value) in values.as_slice().iter().enumerate() {
                let index = of_each(values, index);
                let place =
                    format!("network.populations[{k}].{}{index} ({population})", quantity.path);
                all.push(Number { place, value, scale: scales.of_neuron(quantity.kind, value) });
            }
        }
    }
    for (k, values) in question.parameters.connections.iter().enumerate() {
        let ends = ends(network, k);
        for (index, &value) in values.weights.iter().enumerate() {
            let place = format!("{} ({ends})", network.weight_place(k, index));
            all.push(Number { place, value, scale: scales.of_potential(value) });
        }
        for (index, &value) in values.delay.as_slice().iter().enumerate() {
            let place = match &values.delay {
                Values::Shared(_) => format!("network.connections[{k}].delay ({ends})"),
                Values::Each(_) => format!("{} ({ends})", network.delay_place(k, index)),
            };
            all.push(Number { place, value, scale: scales.time });
        }
    }
    let sorted = question.stimulus.spikes().iter().map(|spike| spike.time);
    let times = question.stimulus.in_given_order(&sorted.collect::<Vec<_>>());
    all.extend(times.into_iter().enumerate().map(|(k, value)| {
        let place = format!("stimulus.spikes[{k}][1]");
        Number { place, value, scale: scales.time }
    }));
    for (k, current) in question.stimulus.injected().iter().enumerate() {
        let steps = &current.steps;
        let times = steps.numbers().count() - steps.values.len();
        for (index, value) in steps.numbers().enumerate() {
            let place = format!("stimulus.currents[{k}].{}", steps.place(index));
            let scale = match steps.times {
                _ if index >= times => scales.of_potential(value),
                // What moves the last step by as much.
                StepTimes::Every { .. } if index == 1 => scales.time / last_step(steps),
                _ => scales.time,
            };
            all.push(Number { place, value, scale });
        }
    }
    all
}

/// The number of the last step of a current, as a number, and at least 1.
#[expect(clippy::cast_precision_loss, reason = "no list has 2^53 entries")]
fn last_step(steps: &Steps) -> f64 {
    (steps.values.len() as f64 - 1.0).max(1.0)
}

fn of_each(values: &Values<f64>, index: usize) -> String {
    match values {
        Values::Shared(_) => String::new(),
        Values::Each(_) => format!("[{index}]"),
    }
}

/// `source to target` of a connection.
fn ends(network: &Network, connection: usize) -> String {
    let connection = &network.connections()[connection];
    let name = |k: usize| network.populations()[k].name.as_str();
    let from = match connection.from {
        Source::Input => "input",
        Source::Population(k) => name(k),
    };
    format!("{from} to {}", name(connection.to))
}
