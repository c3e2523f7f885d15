//! The answer document: loss, spikes, and every derivative in the place of its number.
//!
//! Not here: how they are computed; writing to a file (the command line).

use super::currents::CurrentGradient;
use super::document::{
    ConnectionDocument, Entries, Numbers, OneOrMany, PopulationDocument, ProblemDocument,
    SynapseDocument,
};
use super::quantities::Named;
use crate::{Gradient, PopulationParameters, Problem, Trace, Values};
use serde::{Serialize, Serializer};

/// What `simulate` and `gradient` write.
#[derive(Clone, Debug, Serialize)]
pub struct Answer {
    format: &'static str,
    version: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    loss: Option<f64>,
    /// For each population `[neuron, time in seconds]`, by time, then neuron.
    #[serde(serialize_with = "in_order")]
    spikes: Vec<(String, Vec<(usize, f64)>)>,
    #[serde(skip_serializing_if = "Option::is_none")]
    gradient: Option<GradientAnswer>,
    #[serde(skip_serializing_if = "Option::is_none")]
    certificate: Option<serde_json::Value>,
}

/// Derivatives in the places of their numbers.
#[derive(Clone, Debug, Serialize)]
pub struct GradientAnswer {
    network: NetworkGradient,
    stimulus: StimulusGradient,
}

#[derive(Clone, Debug, Serialize)]
struct NetworkGradient {
    populations: Vec<PopulationGradient>,
    connections: Vec<ConnectionGradient>,
}

#[derive(Clone, Debug, Serialize)]
struct PopulationGradient {
    name: String,
    params: Named,
    #[serde(skip_serializing_if = "Option::is_none")]
    receptors: Option<Vec<ReceptorGradient>>,
    initial: Named,
}

#[derive(Clone, Debug, Serialize)]
struct ReceptorGradient {
    tau_syn: Numbers,
}

#[derive(Clone, Debug, Serialize)]
struct ConnectionGradient {
    #[serde(skip_serializing_if = "Option::is_none")]
    weights: Option<Entries>,
    #[serde(skip_serializing_if = "Option::is_none")]
    delay: Option<OneOrMany<Entries>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    synapses: Option<Vec<SynapseGradient>>,
}

#[derive(Clone, Debug, Serialize)]
struct SynapseGradient {
    weight: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    delay: Option<f64>,
}

#[derive(Clone, Debug, Serialize)]
struct StimulusGradient {
    spikes: Vec<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    currents: Option<Vec<CurrentGradient>>,
}

/// A map in the order of the populations.
fn in_order<S: Serializer>(
    spikes: &[(String, Vec<(usize, f64)>)],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_map(spikes.iter().map(|(name, list)| (name, list)))
}

impl Answer {
    /// The spikes of a run.
    ///
    /// # Panics
    /// If the run is one of another network.
    #[must_use]
    pub fn of_trace(problem: &Problem, trace: &Trace) -> Self {
        let network = &problem.network;
        let mut spikes: Vec<(String, Vec<(usize, f64)>)> =
            network.populations().iter().map(|p| (p.name.clone(), Vec::new())).collect();
        for spike in &trace.spikes {
            let (population, index) = network.locate(spike.neuron);
            spikes[population].1.push((index, spike.time));
        }
        for (_, list) in &mut spikes {
            // Later rounds of one instant come after earlier ones in a trace, whoever spiked.
            list.sort_by(|a, b| a.1.total_cmp(&b.1).then(a.0.cmp(&b.0)));
        }
        Self {
            format: "spikegrad-answer",
            version: 1,
            loss: None,
            spikes,
            gradient: None,
            certificate: None,
        }
    }

    /// Adds loss, gradient and certificate.
    #[must_use]
    pub fn with_gradient(
        self,
        problem: &Problem,
        loss: f64,
        gradient: &Gradient,
        certificate: serde_json::Value,
    ) -> Self {
        let gradient = GradientAnswer::new(&problem.document, gradient);
        Self { loss: Some(loss), gradient: Some(gradient), certificate: Some(certificate), ..self }
    }
}

impl GradientAnswer {
    fn new(document: &ProblemDocument, gradient: &Gradient) -> Self {
        let populations = document.network.populations.iter().zip(&gradient.parameters.populations);
        let connections = document.network.connections.iter().zip(&gradient.parameters.connections);
        let currents = document.stimulus.currents.as_ref();
        let current = |(document, gradient)| CurrentGradient::new(document, gradient);
        Self {
            network: NetworkGradient {
                populations: populations
                    .map(|(document, gradient)| population_gradient(document, gradient))
                    .collect(),
                connections: connections
                    .map(|(doc, g)| connection_gradient(doc, &g.weights, &g.delay))
                    .collect(),
            },
            stimulus: StimulusGradient {
                spikes: gradient.input_times.clone(),
                currents: currents
                    .map(|list| list.iter().zip(&gradient.currents).map(current).collect()),
            },
        }
    }
}

/// The derivatives for which a number stands in the file.
fn population_gradient(
    document: &PopulationDocument,
    gradient: &PopulationParameters,
) -> PopulationGradient {
    let (mut params, mut initial) = (Named::default(), Named::default());
    for (quantity, derivatives) in gradient.values() {
        if document.is_in_section(quantity) && document.get(quantity).is_some() {
            let section = if quantity.is_initial() { &mut initial } else { &mut params };
            section.set(quantity.name(), derivatives.into());
        }
    }
    let of_receptor = |k: usize| {
        let position = gradient.model().time_constant_of(k)?;
        Some(ReceptorGradient { tau_syn: (&gradient[position]).into() })
    };
    let receptors = document.receptors.as_ref();
    let receptors = receptors.map(|list| (0..list.len()).filter_map(of_receptor).collect());
    PopulationGradient { name: document.name.clone(), params, receptors, initial }
}

fn connection_gradient(
    document: &ConnectionDocument,
    weights: &[f64],
    delay: &Values<f64>,
) -> ConnectionGradient {
    if let (None, Some(list)) = (&document.weights, &document.synapses) {
        let one = |(k, synapse): (usize, &SynapseDocument)| SynapseGradient {
            weight: weights[k],
            delay: synapse.delay.map(|_| delay.get(k)),
        };
        return ConnectionGradient {
            weights: None,
            delay: None,
            synapses: Some(list.iter().enumerate().map(one).collect()),
        };
    }
    let entries = |derivatives: &[f64]| match &document.weights {
        Some(Entries::Rows(rows)) if document.weight_of.is_none() => {
            // Without sources a matrix has empty rows, which chunks cannot make.
            let width = rows.first().map_or(1, |row| row.len().max(1));
            let rows =
                if derivatives.is_empty() { rows.clone() } else { chunks(derivatives, width) };
            Entries::Rows(rows)
        }
        _ => Entries::List(derivatives.to_vec()),
    };
    ConnectionGradient {
        weights: Some(entries(weights)),
        delay: document.delay.as_ref().map(|_| match delay {
            Values::Shared(x) => OneOrMany::One(*x),
            Values::Each(list) => OneOrMany::Many(entries(list)),
        }),
        synapses: None,
    }
}

fn chunks(flat: &[f64], width: usize) -> Vec<Vec<f64>> {
    flat.chunks(width).map(<[f64]>::to_vec).collect()
}
