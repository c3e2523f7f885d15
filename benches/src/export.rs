//! A workload as one JSON document, for programs in other languages: the same network and the same inputs.
//!
//! Times are in seconds; a connection lists its weights post-major if it is dense, and the ends of each synapse as well if it is
//! sparse (`pre`, `post` beside `weights`). Not here: the problem file of the project, which states one sample.

use crate::Workload;
use serde_json::{Value, json};
use spikegrad::{Source, Synapses, Values};

/// The document.
///
/// # Panics
/// Never for the workloads of this package: the delay of a connection is shared.
#[must_use]
pub fn document(workload: &Workload) -> Value {
    let Workload { network, parameters, examples, .. } = workload;
    let populations: Vec<Value> = network
        .populations()
        .iter()
        .zip(&parameters.populations)
        .map(|(population, values)| {
            let mut all = serde_json::Map::new();
            for (quantity, value) in values.values() {
                let value = match value {
                    Values::Shared(x) => json!(x),
                    Values::Each(list) => json!(list),
                };
                let key = if quantity.is_initial() { quantity.path } else { quantity.name() };
                all.insert(key.into(), value);
            }
            let model = population.model.table().model;
            json!({"name": population.name, "size": population.size, "model": model, "values": all})
        })
        .collect();
    let connections: Vec<Value> = network
        .connections()
        .iter()
        .zip(&parameters.connections)
        .enumerate()
        .map(|(k, (connection, values))| {
            let from = match connection.from {
                Source::Input => json!("input"),
                Source::Population(k) => json!(network.populations()[k].name),
            };
            let (n_pre, n_post) = network.shape(k);
            let mut document = json!({
                "from": from,
                "to": network.populations()[connection.to].name,
                "n_pre": n_pre,
                "n_post": n_post,
                "delay": values.delay.get(0),
                "weights": values.weights,
            });
            if let Synapses::Sparse(list) = &connection.synapses {
                document["pre"] = list.iter().map(|s| s.pre).collect();
                document["post"] = list.iter().map(|s| s.post).collect();
            }
            document
        })
        .collect();
    let samples: Vec<Value> = examples
        .iter()
        .map(|example| {
            let spikes = example.stimulus.spikes();
            json!({
                "channels": spikes.iter().map(|s| s.channel).collect::<Vec<_>>(),
                "times": spikes.iter().map(|s| s.time).collect::<Vec<_>>(),
                "label": example.label,
            })
        })
        .collect();
    json!({
        "name": workload.name,
        "has_gradient": workload.has_gradient,
        "loss": workload.loss,
        "t_end": examples[0].stimulus.t_end(),
        "inputs": network.inputs(),
        "populations": populations,
        "connections": connections,
        "samples": samples,
        "counts": workload.counts(),
        "counts_of_samples": workload.counts_of_samples(),
    })
}
