//! The parameters that are trained, in a row, as the optimiser sees them.
//!
//! The row is cut into parts: the values of one kind of one layer or connection. Each part has a name, under which a
//! checkpoint holds it, a learning rate, and a constraint that says in which coordinate it moves. Not here: how it moves
//! (`optimise/`).

use spikegrad::{Model, Network, Parameters, Source};

use crate::Config;
use crate::optimise::Constraint;
use crate::regularise::IncomingWeights;

/// Values of one kind of one layer or connection.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Part {
    /// Such as `hidden.weight`.
    pub(super) name: String,
    pub(super) shape: Vec<usize>,
    /// Learning rate of the first epoch.
    pub(super) rate: f64,
    place: Place,
    constraint: Constraint,
}

/// Where the values of a part stand; with the position of a connection or population.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Place {
    Weights(usize),
    Delays(usize),
    TauMem(usize),
    TauSyn(usize),
    Threshold(usize),
    Bias(usize),
}

impl Place {
    fn values(self, parameters: &Parameters) -> &[f64] {
        let Parameters { populations, connections } = parameters;
        match self {
            Self::Weights(k) => &connections[k].weights,
            Self::Delays(k) => connections[k].delay.as_slice(),
            Self::TauMem(k) => populations[k].tau_mem.as_slice(),
            Self::TauSyn(k) => populations[k].tau_syn.as_slice(),
            Self::Threshold(k) => populations[k].v_th.as_slice(),
            Self::Bias(k) => populations[k].i_bias.as_slice(),
        }
    }

    fn values_mut(self, parameters: &mut Parameters) -> &mut [f64] {
        let Parameters { populations, connections } = parameters;
        match self {
            Self::Weights(k) => &mut connections[k].weights,
            Self::Delays(k) => connections[k].delay.as_mut_slice(),
            Self::TauMem(k) => populations[k].tau_mem.as_mut_slice(),
            Self::TauSyn(k) => populations[k].tau_syn.as_mut_slice(),
            Self::Threshold(k) => populations[k].v_th.as_mut_slice(),
            Self::Bias(k) => populations[k].i_bias.as_mut_slice(),
        }
    }
}

impl Part {
    /// Number of values.
    pub(super) fn len(&self) -> usize {
        self.shape.iter().product()
    }
}

/// All parts of the row.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Trained {
    pub(super) parts: Vec<Part>,
}

impl Trained {
    pub(super) fn new(config: &Config, network: &Network, parameters: &Parameters) -> Self {
        let rates = config.learning_rates;
        let mut parts = Vec::new();
        let mut add = |name: String, shape: Vec<usize>, rate, place, constraint| {
            if let Some(rate) = rate {
                parts.push(Part { name, shape, rate, place, constraint });
            }
        };
        for (k, connection) in network.connections().iter().enumerate() {
            let layer = &network.populations()[connection.to].name;
            let own = connection.from == Source::Population(connection.to);
            let prefix = if own { "recurrent_" } else { "" };
            let (n_pre, n_post) = network.shape(k);
            let shape = vec![n_post, n_pre];
            let name = |what| format!("{layer}.{prefix}{what}");
            add(name("weight"), shape.clone(), rates.weights, Place::Weights(k), Constraint::None);
            if parameters.connections[k].delay.as_slice().len() > 1 {
                let (place, constraint) = (Place::Delays(k), Constraint::NotNegative);
                add(name("delay"), shape, rates.delays, place, constraint);
            }
        }
        for (k, population) in network.populations().iter().enumerate() {
            let name = |what| format!("{}.{what}", population.name);
            let shape = vec![population.size];
            let positive = Constraint::Positive;
            add(name("tau_mem"), shape.clone(), rates.tau_mem, Place::TauMem(k), positive);
            add(name("tau_syn"), shape.clone(), rates.tau_syn, Place::TauSyn(k), positive);
            if population.model == Model::Lif {
                let place = Place::Threshold(k);
                add(name("v_th"), shape.clone(), rates.thresholds, place, Constraint::None);
            }
            add(name("i_bias"), shape, rates.biases, Place::Bias(k), Constraint::None);
        }
        Self { parts }
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
    pub(super) fn describe(&self, position: usize) -> (String, String) {
        let found = self.ranges().find(|(_, range)| range.contains(&position));
        let (part, range) = found.expect("a position in the row");
        let (layer, kind) = part.name.rsplit_once('.').expect("the names of `new`");
        // Whatever it is, the neurons are the outer index.
        let neuron = (position - range.start) / (part.len() / part.shape[0]);
        (kind.replace('_', " "), format!("{layer}[{neuron}]"))
    }

    /// The row.
    pub(super) fn read(&self, parameters: &Parameters) -> Vec<f64> {
        let values = self.parts.iter().flat_map(|part| {
            let own = part.place.values(parameters).iter();
            own.map(|&value| part.constraint.to_free(value))
        });
        values.collect()
    }

    /// The parameters themselves, in the order of the row: what a checkpoint holds, because there and back through a
    /// logarithm is not the same bits.
    pub(super) fn values(&self, parameters: &Parameters) -> Vec<f64> {
        self.parts.iter().flat_map(|part| part.place.values(parameters)).copied().collect()
    }

    /// Replaces the values of `parameters` by [`values`](Self::values).
    pub(super) fn set_values(&self, values: &[f64], parameters: &mut Parameters) {
        for (part, range) in self.ranges() {
            part.place.values_mut(parameters).copy_from_slice(&values[range]);
        }
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
    pub(super) fn weights_onto(&self, network: &Network, k: usize) -> Vec<IncomingWeights> {
        let onto = |part: &Part| match part.place {
            Place::Weights(c) => {
                let connection = &network.connections()[c];
                connection.to == k && connection.from != Source::Population(k)
            }
            _ => false,
        };
        let incoming = |(part, range): (&Part, std::ops::Range<usize>)| {
            onto(part).then(|| IncomingWeights { start: range.start, n_pre: part.shape[1] })
        };
        self.ranges().filter_map(incoming).collect()
    }
}
