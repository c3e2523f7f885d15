//! The parameters that are trained, in a row, as the optimiser sees them.
//!
//! The row is cut into parts: the values of one kind of one layer or connection. Each part has a name, under which a
//! checkpoint holds it, a learning rate, and a constraint that says in which coordinate it moves. Not here: how it moves
//! (`optimise/`).

use spikegrad::dynamics::Kind;
use spikegrad::{Network, Parameters, Source};

use super::tensors::{Named, Place};
use crate::Config;
use crate::config::LearningRates;
use crate::optimise::{Constraint, Decays, Pace};
use crate::regularise::IncomingWeights;

/// Values of one kind of one layer or connection.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Part {
    /// Such as `hidden.weight`.
    pub(super) name: String,
    pub(super) shape: Vec<usize>,
    /// Learning rate of the first epoch.
    rate: f64,
    /// Whether a weight decay acts on it.
    decays: bool,
    place: Place,
    constraint: Constraint,
}

impl Part {
    /// Number of values.
    pub(super) fn len(&self) -> usize {
        self.shape.iter().product()
    }
}

/// A number that no network can have.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct OutOfNetwork {
    pub(super) of: String,
    pub(super) neuron: String,
    pub(super) value: f64,
    /// What it must be.
    pub(super) rule: String,
}

/// The learning rate of what stands at a place, and where it may move, if it is trained.
fn moves(
    place: Place,
    network: &Network,
    rates: &LearningRates,
    threshold: Option<f64>,
) -> Option<(f64, Constraint)> {
    match place {
        Place::Weights(_) => Some((rates.weights?, Constraint::None)),
        Place::Delays(_) => Some((rates.delays?, Constraint::AtLeast(0.0))),
        Place::Neurons(k, position) => {
            let rate = rates.neurons.get(place.quantity(network)?.learning_rate?)?;
            let table = network.populations()[k].model.table();
            let is_threshold = table.threshold_and_reset.is_some_and(|(at, _)| at == position);
            let bound = threshold.filter(|_| is_threshold).map(Constraint::AtLeast);
            Some((rate, bound.unwrap_or(place.constraint(network))))
        }
    }
}

/// The rule that value `k` of a place breaks, after "must be".
fn broken_rule(place: Place, k: usize, value: f64, parameters: &Parameters) -> Option<String> {
    let Place::Neurons(population, position) = place else {
        let rule = match place {
            Place::Delays(_) => "a time in seconds, 0 or more",
            _ => "a finite number",
        };
        return (!value.is_finite()).then(|| rule.into());
    };
    let values = &parameters.populations[population];
    let table = values.model().table();
    let quantity = &table.quantities[position];
    if !quantity.allows(value) {
        return Some(quantity.rule().into());
    }
    let above = table.order.iter().filter(|below| below.upper == position);
    let mut lower = above.map(|below| below.lower);
    let broken = lower.find(|&lower| value <= values[lower].get(k))?;
    Some(format!("above the {}", table.quantities[broken].title))
}

/// All parts of the row.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Trained {
    pub(super) parts: Vec<Part>,
}

impl Trained {
    pub(super) fn new(config: &Config, network: &Network, parameters: &Parameters) -> Self {
        let part = |named: Named| {
            let layer = &config.layers[named.layer];
            let rates = layer.rates(&config.learning_rates);
            let bound = config.bounds.thresholds.map(|bound| bound * layer.unit());
            let (rate, constraint) = moves(named.place, network, &rates, bound)?;
            // What is shared is not trained: a delay of nothing, from a layer to itself.
            named.place.is_own(parameters).then(|| Part {
                decays: match config.optimiser.decays() {
                    Some(Decays::All) => true,
                    Some(Decays::Weights) => matches!(named.place, Place::Weights(_)),
                    None => false,
                },
                name: named.name,
                shape: named.each,
                rate,
                place: named.place,
                constraint,
            })
        };
        Self { parts: Named::all(config, network).into_iter().filter_map(part).collect() }
    }

    /// Whether any time constant is trained.
    pub(super) fn has_time_constants(&self, network: &Network) -> bool {
        let mut quantities = self.parts.iter().filter_map(|part| part.place.quantity(network));
        quantities.any(|quantity| quantity.kind == Kind::TimeConstant)
    }

    /// Whether any delay of a connection from inputs is trained.
    pub(super) fn has_delays_of_inputs(&self, network: &Network) -> bool {
        let is_from_input = |k: usize| network.connections()[k].from == Source::Input;
        self.parts.iter().any(|part| matches!(part.place, Place::Delays(k) if is_from_input(k)))
    }

    /// How far each part moves in a step in which the learning rates have this factor.
    pub(super) fn paces(&self, factor: f64) -> Vec<Pace> {
        let pace = |part: &Part| Pace {
            length: part.len(),
            rate: part.rate * factor,
            decays: part.decays,
        };
        self.parts.iter().map(pace).collect()
    }

    /// The first number that no network can have: its name and neuron as in [`describe`](Self::describe), its value and what it must
    /// be.
    pub(super) fn out_of_range(
        &self,
        network: &Network,
        parameters: &Parameters,
    ) -> Option<OutOfNetwork> {
        for (part, range) in self.ranges() {
            for (k, &value) in part.place.values(parameters).iter().enumerate() {
                if let Some(rule) = broken_rule(part.place, k, value, parameters) {
                    let (of, neuron) = self.describe(network, range.start + k);
                    return Some(OutOfNetwork { of, neuron, value, rule });
                }
            }
        }
        None
    }

    /// Number of values.
    pub(super) fn len(&self) -> usize {
        self.parts.iter().map(Part::len).sum()
    }

    /// Where the values of each part stand in the row.
    fn ranges(&self) -> impl Iterator<Item = (&Part, std::ops::Range<usize>)> {
        let mut start = 0;
        self.parts.iter().map(move |part| {
            let range = start..start + part.len();
            start = range.end;
            (part, range)
        })
    }

    /// What the value at a position of the row is, such as `weight`, and whose, such as `hidden[3]`.
    pub(super) fn describe(&self, network: &Network, position: usize) -> (String, String) {
        let found = self.ranges().find(|(_, range)| range.contains(&position));
        let (part, range) = found.expect("a position in the row");
        let (layer, kind) = part.name.rsplit_once('.').expect("the names of `new`");
        let within = position - range.start;
        let neuron = match part.place.connection() {
            Some(k) if network.connections()[k].shared.is_none() => network.synapse(k, within).post,
            // In a kernel, too, neurons are the outer index.
            _ => within / (part.len() / part.shape[0]),
        };
        (kind.replace('_', " "), format!("{layer}[{neuron}]"))
    }

    /// A row of `network` in the order of `other`, which is the same but for the order of dense connections.
    pub(super) fn reordered(&self, row: &[f64], network: &Network, other: &Network) -> Vec<f64> {
        let parts = self.ranges().map(|(part, range)| match part.place.connection() {
            Some(k) => network.reordered(k, &row[range], other),
            None => row[range].to_vec(),
        });
        parts.collect::<Vec<_>>().concat()
    }

    /// The row.
    pub(super) fn read(&self, parameters: &Parameters) -> Vec<f64> {
        let values = self.parts.iter().flat_map(|part| {
            let own = part.place.values(parameters).iter();
            own.map(|&value| part.constraint.to_free(value))
        });
        values.collect()
    }

    /// Replaces the values of `parameters` by those of the row; what a constraint forbids is projected, in the row too.
    pub(super) fn write(&self, row: &mut [f64], parameters: &mut Parameters) {
        for (part, range) in self.ranges() {
            let (values, row) = (part.place.values_mut(parameters), &mut row[range]);
            if part.constraint == Constraint::None {
                values.copy_from_slice(row);
                continue;
            }
            for (value, free) in values.iter_mut().zip(row) {
                *value = part.constraint.from_free(*free);
                *free = part.constraint.to_free(*value);
            }
        }
    }

    /// Writes the derivatives with respect to the row, times `share`, into `gradient`.
    pub(super) fn gradient(
        &self,
        derivatives: &Parameters,
        parameters: &Parameters,
        share: f64,
        gradient: &mut Vec<f64>,
    ) {
        gradient.clear();
        for part in &self.parts {
            let (of, at) = (part.place.values(derivatives), part.place.values(parameters));
            match part.constraint {
                Constraint::None => gradient.extend(of.iter().map(|derivative| derivative * share)),
                constraint => {
                    gradient.extend(of.iter().zip(at).map(|(&derivative, &value)| {
                        constraint.gradient(value, derivative) * share
                    }));
                }
            }
        }
    }

    /// Where the weights onto the neurons of population `k` from the layer before stand in the row; nothing, if they are not
    /// trained.
    pub(super) fn weights_onto<'a>(
        &self,
        network: &'a Network,
        k: usize,
    ) -> Vec<IncomingWeights<'a>> {
        let incoming = |(part, weights): (&Part, std::ops::Range<usize>)| {
            let Place::Weights(c) = part.place else { return None };
            let connection = &network.connections()[c];
            let is_onto = connection.to == k && connection.from != Source::Population(k);
            is_onto.then_some(IncomingWeights { connection, weights })
        };
        self.ranges().filter_map(incoming).collect()
    }
}
