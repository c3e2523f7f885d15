//! A problem as it stands in its document: neurons, synapses and input spikes, in doubles.
//!
//! Read from the JSON value by the words of the format alone, with its defaults. Not here: losses, and what is wrong with a document.

use serde_json::Value;

/// The parameters of a spiking neuron, or of a leaky integrator, which has no threshold.
#[derive(Clone, Debug)]
pub(crate) struct Neuron {
    pub(crate) tau_mem: f64,
    pub(crate) tau_syn: f64,
    pub(crate) v_th: Option<f64>,
    pub(crate) v_reset: f64,
    pub(crate) v_leak: f64,
    pub(crate) i_bias: f64,
    pub(crate) t_ref: f64,
    /// Potential and current at time 0.
    pub(crate) initial: [f64; 2],
}

/// A way from a source to a neuron.
#[derive(Clone, Debug)]
pub(crate) struct Synapse {
    pub(crate) target: usize,
    pub(crate) weight: f64,
    pub(crate) delay: f64,
}

/// What is simulated. Sources are the input channels, then the neurons.
#[derive(Clone, Debug)]
pub(crate) struct Document {
    pub(crate) inputs: usize,
    /// In the order of the populations.
    pub(crate) neurons: Vec<Neuron>,
    /// The synapses of each source.
    pub(crate) synapses: Vec<Vec<Synapse>>,
    /// Channel and time.
    pub(crate) spikes: Vec<(usize, f64)>,
    pub(crate) t_end: f64,
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn index(value: &Value) -> usize {
    usize::try_from(value.as_u64().unwrap()).unwrap()
}

/// One number for all, one for each, or the default.
fn number(value: &Value, k: usize, default: f64) -> f64 {
    match value {
        Value::Null => default,
        Value::Array(each) => each[k].as_f64().unwrap(),
        one => one.as_f64().unwrap(),
    }
}

fn neuron(population: &Value, k: usize) -> Neuron {
    let (params, initial) = (&population["params"], &population["initial"]);
    let is_spiking = population["model"] == "lif";
    Neuron {
        tau_mem: number(&params["tau_mem"], k, 0.02),
        tau_syn: number(&params["tau_syn"], k, 0.005),
        v_th: is_spiking.then(|| number(&params["v_th"], k, 1.0)),
        v_reset: number(&params["v_reset"], k, 0.0),
        v_leak: number(&params["v_leak"], k, 0.0),
        i_bias: number(&params["i_bias"], k, 0.0),
        t_ref: number(&params["t_ref"], k, 0.0),
        initial: [number(&initial["v"], k, 0.0), number(&initial["i"], k, 0.0)],
    }
}

/// Position and size of the source or target of this name, inputs first.
fn place(document: &Value, name: &Value) -> (usize, usize) {
    let mut first = index(&document["network"]["inputs"]);
    if name == "input" {
        return (0, first);
    }
    for population in list(&document["network"]["populations"]) {
        let size = index(&population["size"]);
        if population["name"] == *name {
            return (first, size);
        }
        first += size;
    }
    panic!("no population {name}")
}

impl Document {
    /// Reads a problem document.
    pub(crate) fn read(document: &Value) -> Self {
        let network = &document["network"];
        let inputs = index(&network["inputs"]);
        let populations = list(&network["populations"]).iter();
        let neurons: Vec<Neuron> =
            populations.flat_map(|p| (0..index(&p["size"])).map(|k| neuron(p, k))).collect();
        let mut synapses = vec![Vec::new(); inputs + neurons.len()];
        for connection in list(&network["connections"]) {
            let (from, n_pre) = place(document, &connection["from"]);
            let (to, n_post) = place(document, &connection["to"]);
            let mut add = |pre: usize, post: usize, weight: &Value, delay: f64| {
                let target = to - inputs + post;
                let weight = weight.as_f64().unwrap();
                synapses[from + pre].push(Synapse { target, weight, delay });
            };
            if let Some(weight_of) = connection["weight_of"].as_array() {
                let listed = connection["synapses"].as_array();
                for (s, weight) in weight_of.iter().enumerate() {
                    let (pre, post) = match listed {
                        Some(all) => (index(&all[s]["pre"]), index(&all[s]["post"])),
                        None => (s % n_pre, s / n_pre),
                    };
                    let delay = number(&connection["delay"], index(weight), 0.0);
                    add(pre, post, &connection["weights"][index(weight)], delay);
                }
                continue;
            }
            for synapse in list(&connection["synapses"]) {
                let delay = number(&synapse["delay"], 0, 0.0);
                add(index(&synapse["pre"]), index(&synapse["post"]), &synapse["weight"], delay);
            }
            if let Some(rows) = connection["weights"].as_array() {
                let delay = &connection["delay"];
                let of = |post: usize| if delay.is_array() { &delay[post] } else { delay };
                assert_eq!(rows.len(), n_post);
                for (post, row) in rows.iter().enumerate() {
                    assert_eq!(list(row).len(), n_pre);
                    for (pre, weight) in list(row).iter().enumerate() {
                        add(pre, post, weight, number(of(post), pre, 0.0));
                    }
                }
            }
        }
        let stimulus = &document["stimulus"];
        let spikes = list(&stimulus["spikes"]).iter();
        let spikes = spikes.map(|s| (index(&s[0]), s[1].as_f64().unwrap())).collect();
        let t_end = stimulus["t_end"].as_f64().unwrap();
        Self { inputs, neurons, synapses, spikes, t_end }
    }
}
