//! Draws the potential of a neuron of each model under the same input: the pictures of docs/models.md.
//!
//! ```sh
//! cargo run --release -p spikegrad-examples --example pictures_of_models -- docs/images
//! ```

#![expect(clippy::print_stdout, reason = "an example says what it wrote")]

use serde_json::{Value, json};
use spikegrad::problem::Problem;
use spikegrad::{Measure, NeuronId, ReadoutRequest, Settings, simulate};
use spikegrad_report::plot::{Chart, ChartAxis, ChartLine, Colours, chart};
use std::error::Error;
use std::path::PathBuf;

const T_END: f64 = 0.1;
const POINTS: u32 = 2000;

/// Potentials of quadratic neurons beyond this are left out of the picture.
const FAR: f64 = 4.0;

/// The potential of the first neuron of a problem, over time in milliseconds.
fn potential(document: &Value) -> Result<Vec<(f64, f64)>, Box<dyn Error>> {
    let Problem { network, parameters, stimulus, .. } =
        Problem::from_json(document.to_string().as_bytes())?;
    let time = |k: u32| T_END * f64::from(k) / f64::from(POINTS);
    let request =
        |k| ReadoutRequest { neuron: NeuronId::new(0), measure: Measure::Sample { time: time(k) } };
    let requests: Vec<_> = (0..=POINTS).map(request).collect();
    let trace = simulate(&network, &parameters, &stimulus, &requests, &Settings::default())?;
    let points = trace.readouts.iter().map(|readout| {
        let v = readout.value;
        (1e3 * readout.time, if v.abs() <= FAR { v } else { f64::NAN })
    });
    Ok(points.collect())
}

/// One neuron, and input spikes through synapses of these weights.
fn one(mut population: Value, weights: &[f64], currents: Value) -> Value {
    population["name"] = json!("out");
    population["size"] = json!(1);
    let times = [0.005, 0.012, 0.016, 0.02, 0.045, 0.05, 0.055, 0.075];
    let spikes: Vec<_> = times.iter().map(|time| json!([0, time])).collect();
    let connections = match population["receptors"].as_array() {
        None => json!([{"from": "input", "to": "out", "weights": [weights]}]),
        Some(list) => list
            .iter()
            .zip(weights)
            .map(|(receptor, weight)| {
                json!({"from": "input", "to": "out", "receptor": receptor["name"], "weights": [[weight]]})
            })
            .collect(),
    };
    json!({
        "format": "spikegrad-problem", "version": 1,
        "network": {"inputs": 1, "populations": [population], "connections": connections},
        "stimulus": {"t_end": T_END, "spikes": spikes, "currents": currents}
    })
}

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args().nth(1).map_or_else(std::env::temp_dir, PathBuf::from);
    let none = || json!([]);
    let receptors = json!([{"name": "exc", "tau_syn": 0.003}, {"name": "inh", "tau_syn": 0.02}]);
    let noise: Vec<f64> = (0..200).map(|k| 0.2 + 0.12 * f64::from(k * k % 17)).collect();
    let noisy = json!([{"to": "out", "interval": 0.0005, "values": noise}]);
    let pictures: [(&str, &[(&str, Value)]); 6] = [
        (
            "lif",
            &[
                ("lif", one(json!({"model": "lif"}), &[4.5], none())),
                ("li", one(json!({"model": "li"}), &[4.5], none())),
            ],
        ),
        (
            "receptors",
            &[
                ("one receptor", one(json!({"model": "lif"}), &[4.5], none())),
                (
                    "excitation and slow inhibition",
                    one(json!({"model": "lif", "receptors": receptors}), &[9.0, -1.2], none()),
                ),
            ],
        ),
        (
            "alif",
            &[
                ("lif", one(json!({"model": "lif", "params": {"i_bias": 1.5}}), &[0.0], none())),
                (
                    "alif",
                    one(
                        json!({"model": "alif", "params": {"i_bias": 1.5, "adapt_threshold": 0.15, "adapt_current": 0.1}}),
                        &[0.0],
                        none(),
                    ),
                ),
            ],
        ),
        ("lif_delta", &[("lif_delta", one(json!({"model": "lif_delta"}), &[0.55], none()))]),
        (
            "qif",
            &[
                ("qif", one(json!({"model": "qif"}), &[6.0], none())),
                ("qif_delta", one(json!({"model": "qif_delta"}), &[0.3], none())),
            ],
        ),
        ("current", &[("lif, a sampled current", one(json!({"model": "lif"}), &[0.0], noisy))]),
    ];
    for (name, neurons) in pictures {
        let mut lines = Vec::new();
        for (label, document) in neurons {
            let points = potential(document)?.into_iter().map(Into::into).collect();
            lines.push(ChartLine { name: (*label).into(), dashed: false, points });
        }
        let axis = |label: &str| ChartAxis { label: label.into(), logarithmic: false };
        let panel =
            Chart { heading: String::new(), x: axis("time, in ms"), y: axis("potential"), lines };
        let picture = chart(&[panel], &mut Colours::default())?;
        let path = folder.join(format!("model_{name}.svg"));
        picture.save(&path)?;
        println!("{}", path.display());
    }
    Ok(())
}
