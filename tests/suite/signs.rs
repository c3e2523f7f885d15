//! The sign table of docs/notation.md on the paper's own equations: Wunderlich and Pehle's `λ_V` and `λ_I`, propagated as they write
//! them, give our gradient through `dL/dw = −τ_s Σ λ_I`.
//!
//! The paper's adjoint shares no code with ours: closed forms of its Table 2 for a chain input → hidden → output.

use crate::support::{gradient_of, problem};
use crate::tolerance::DUAL;
use spikegrad::{NeuronId, SpikeTimeMse, Trace};

const TAU_MEM: f64 = 0.02;
const TAU_SYN: f64 = 0.005;

/// `λ_V` and `λ_I` of one neuron, at a time.
#[derive(Clone, Copy)]
struct Lambda {
    v: f64,
    i: f64,
    time: f64,
}

impl Lambda {
    /// `τ_m λ_V' = −λ_V`, `τ_s λ_I' = −λ_I + λ_V`, in reverse time.
    fn back_to(self, time: f64) -> Self {
        let dt = self.time - time;
        let (membrane, synapse) = ((-dt / TAU_MEM).exp(), (-dt / TAU_SYN).exp());
        let i = self.i * synapse + self.v * TAU_MEM / (TAU_MEM - TAU_SYN) * (membrane - synapse);
        Self { v: self.v * membrane, i, time }
    }

    /// The jump at a spike of the neuron; `others` is `(Wᵀ(λ_V⁺ − λ_I))`, `loss` is `∂l_p/∂t`.
    fn jump(self, slope: f64, others: f64, loss: f64) -> Self {
        Self { v: self.v + (self.v + others + loss) / (TAU_MEM * slope), ..self }
    }
}

fn spikes(trace: &Trace, neuron: u32) -> Vec<(f64, f64)> {
    trace
        .spikes
        .iter()
        .filter(|s| s.neuron == NeuronId(neuron))
        .map(|s| (s.time, s.slope))
        .collect()
}

#[test]
fn the_papers_adjoint_variables_give_the_same_weight_gradient() {
    let (w, u) = (11.0, 9.0);
    let document = serde_json::json!({
        "format": "spikegrad-problem", "version": 1,
        "network": {
            "inputs": 1,
            "populations": [
                {"name": "hidden", "size": 1, "model": "lif"},
                {"name": "output", "size": 1, "model": "lif"}
            ],
            "connections": [
                {"from": "input", "to": "hidden", "weights": [[w]]},
                {"from": "hidden", "to": "output", "weights": [[u]]}
            ]
        },
        "stimulus": {"t_end": 0.05, "spikes": [[0, 0.001], [0, 0.009], [0, 0.021]]}
    });
    let targets = [0.004, 0.011, 0.016, 0.025];
    let loss = SpikeTimeMse::new("output", vec![targets.to_vec()]);
    let evaluation = gradient_of(&document, &loss).unwrap();
    let (hidden, output) = (spikes(&evaluation.trace, 0), spikes(&evaluation.trace, 1));
    assert!(hidden.len() > 2 && output.len() >= targets.len());

    // Output neuron: λ at each hidden spike, which is where its weight acts.
    let mut lambda = Lambda { v: 0.0, i: 0.0, time: 0.05 };
    let mut at_hidden = vec![lambda; hidden.len()];
    let mut ahead = output.iter().enumerate().rev().peekable();
    for (k, &(time, _)) in hidden.iter().enumerate().rev() {
        while let Some((n, (spike, slope))) = ahead.next_if(|(_, (spike, _))| *spike > time) {
            let loss = targets.get(n).map_or(0.0, |target| spike - target);
            lambda = lambda.back_to(*spike).jump(*slope, 0.0, loss);
        }
        lambda = lambda.back_to(time);
        at_hidden[k] = lambda;
    }
    // Hidden neuron: λ at each input spike.
    let mut lambda = Lambda { v: 0.0, i: 0.0, time: 0.05 };
    let mut by_input = 0.0;
    let mut ahead = hidden.iter().zip(&at_hidden).rev().peekable();
    for input in problem(&document).stimulus.spikes().iter().rev() {
        while let Some((&(spike, slope), there)) =
            ahead.next_if(|((spike, _), _)| *spike > input.time)
        {
            lambda = lambda.back_to(spike).jump(slope, u * (there.v - there.i), 0.0);
        }
        lambda = lambda.back_to(input.time);
        by_input += lambda.i;
    }
    let by_hidden: f64 = at_hidden.iter().map(|l| l.i).sum();
    for (connection, sum) in [(0, by_input), (1, by_hidden)] {
        let ours = evaluation.gradient.parameters.connections[connection].weights[0];
        let theirs = -TAU_SYN * sum;
        assert!(
            (ours / theirs - 1.0).abs() < DUAL,
            "connection {connection}: {ours} is not {theirs}"
        );
    }
}
