//! From a network with its values to the problem file that states it, every number written out.
//!
//! What the file says is read back and checked like any other file. Not here: the text of the file (serde writes it).

use super::currents;
use super::document::{
    ConnectionDocument, Entries, NetworkDocument, OneOrMany, PopulationDocument, ProblemDocument,
    StimulusDocument, SynapseDocument,
};
use super::error::ProblemError;
use super::quantities::{Named, OPTIONS};
use super::read::Problem;
use crate::loss::AnyLoss;
use crate::{
    Connection, ConnectionParameters, Network, Parameters, Population, PopulationParameters,
    SharedWeights, Source, Stimulus, Synapses, Values,
};
use spikegrad_dynamics::receptors::Options;

impl Problem {
    /// The problem that states this network, its values, its input and a loss.
    ///
    /// Every number stands in its [`document`](Self::document), so that its gradient has a derivative for each. The synapses of a
    /// sparse connection that share no weights have a delay each, also where they shared one; a current
    /// into several populations stands there once for each.
    ///
    /// # Errors
    /// [`ProblemError`], with the place, if the parts do not fit together.
    ///
    /// # Examples
    /// ```
    /// use spikegrad_network::{Model, Network, Parameters, Population, PopulationParameters, Problem, Stimulus};
    /// let out = Population { name: "out".into(), size: 3, model: Model::Lif };
    /// let network = Network::new(1, vec![out], vec![])?;
    /// let populations = Parameters::new(&network).populations;
    /// let parameters = Parameters { populations, connections: vec![] };
    /// let problem = Problem::from_parts(&network, &parameters, &Stimulus::new(0.1, vec![])?, None)?;
    /// assert_eq!(problem.document.network.populations[0].size, 3);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn from_parts(
        network: &Network,
        parameters: &Parameters,
        stimulus: &Stimulus,
        loss: Option<AnyLoss>,
    ) -> Result<Self, ProblemError> {
        parameters.check(network)?;
        let populations = network.populations().iter().zip(&parameters.populations);
        let connections = network.connections().iter().zip(&parameters.connections).enumerate();
        let mut spikes = vec![(0, 0.0); stimulus.spikes().len()];
        for (spike, &position) in stimulus.spikes().iter().zip(stimulus.given_positions()) {
            spikes[position] = (spike.channel as u64, spike.time);
        }
        let injected = stimulus.injected();
        let written = || injected.iter().flat_map(|current| currents::write(network, current));
        Self::from_document(ProblemDocument {
            format: "spikegrad-problem".into(),
            version: 1,
            network: NetworkDocument {
                inputs: network.inputs() as u64,
                populations: populations.map(population).collect(),
                connections: connections
                    .map(|(k, (connection, values))| {
                        self::connection(network, k, connection, values)
                    })
                    .collect(),
            },
            stimulus: StimulusDocument {
                t_end: stimulus.t_end(),
                spikes,
                currents: (!injected.is_empty()).then(|| written().collect()),
            },
            loss,
        })
    }
}

fn population((of, values): (&Population, &PopulationParameters)) -> PopulationDocument {
    let mut document = PopulationDocument {
        name: of.name.clone(),
        size: of.size as u64,
        model: of.model.table().model.into(),
        params: Named::default(),
        receptors: None,
        initial: Named::default(),
    };
    let Options { reset_current, hold_current } = of.model.options();
    for (name, value) in OPTIONS.into_iter().zip([reset_current, hold_current]) {
        if value {
            document.params.set_option(name, value);
        }
    }
    for (quantity, values) in values.values() {
        document.set(quantity, values.into());
    }
    document
}

fn connection(
    network: &Network,
    k: usize,
    of: &Connection,
    values: &ConnectionParameters,
) -> ConnectionDocument {
    let name = |k: usize| network.populations()[k].name.clone();
    let bare = ConnectionDocument {
        from: match of.from {
            Source::Input => "input".into(),
            Source::Population(k) => name(k),
        },
        to: name(of.to),
        // A receptor is called by its position.
        receptor: (network.populations()[of.to].model.receptors() > 1)
            .then(|| of.receptor.to_string()),
        weights: None,
        delay: None,
        weight_of: None,
        synapses: None,
    };
    let entries = |numbers: &[f64]| match &of.shared {
        Some(_) => Entries::List(numbers.to_vec()),
        None => Entries::Rows(rows(network, k, |synapse| numbers[synapse])),
    };
    let synapse = |(s, synapse): (usize, &crate::Synapse)| SynapseDocument {
        pre: synapse.pre as u64,
        post: synapse.post as u64,
        weight: of.shared.is_none().then(|| values.weights[s]),
        delay: of.shared.is_none().then(|| values.delay.get(s)),
    };
    let synapses = match &of.synapses {
        Synapses::Dense | Synapses::DenseBySource => None,
        Synapses::Sparse(list) => Some(list.iter().enumerate().map(synapse).collect()),
    };
    if of.shared.is_none() && synapses.is_some() {
        return ConnectionDocument { synapses, ..bare };
    }
    let weight_of = |shared: &SharedWeights| match of.synapses.is_dense() {
        true => rows(network, k, |synapse| u64::from(shared.weight_of[synapse])).concat(),
        false => shared.weight_of.iter().copied().map(u64::from).collect(),
    };
    ConnectionDocument {
        weights: Some(entries(&values.weights)),
        delay: Some(match &values.delay {
            Values::Shared(delay) => OneOrMany::One(*delay),
            Values::Each(delays) => OneOrMany::Many(entries(delays)),
        }),
        weight_of: of.shared.as_ref().map(weight_of),
        synapses,
        ..bare
    }
}

/// What the synapses of a connection have, a row for each target if it is dense, with an entry for each source.
fn rows<T>(network: &Network, k: usize, of_synapse: impl Fn(usize) -> T) -> Vec<Vec<T>> {
    let ((n_pre, n_post), order) = (network.shape(k), network.dense_order(k));
    let row = |post| {
        let synapses = (0..n_pre).filter_map(|pre| Some(order?.synapse(pre, post)));
        synapses.map(&of_synapse).collect()
    };
    (0..n_post).map(row).collect()
}
