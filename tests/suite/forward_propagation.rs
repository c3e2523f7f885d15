//! Forward propagation where the code that came with its paper goes wrong: neurons whose later spikes matter.
//!
//! J. Lee, S. Haghighatshoar and A. Karbasi, *Exact gradient computation for spiking neural networks via forward propagation*
//! (AISTATS 2023, arXiv:2210.15415), differentiate the firing conditions V(f) = θ of all firings at once. Their theorem stands; in
//! their program (`janehjlee/exact_snn_forward_prop`, read in November 2026) two terms are missing from the second spike of a neuron on:
//!
//! * **own history**: the reset that an earlier spike left behind moves with that spike, `∂V(f)/∂f_own = −θβ e^(−β(f − f_own))`;
//! * **earlier inputs**: only inputs since the neuron's last spike are counted, though the currents of older ones still flow.
//!
//! The theorem is written out again here for a feed-forward network, with or without each defect. Without them it agrees with
//! our engines and with finite differences; with either it does not, as soon as a later spike of a hidden neuron matters.
//!
//! Not here: the agreement of our engines on any network (`agreement.rs`).

use crate::support::{SpikeTime, problem};
use serde_json::{Value, json};
use spikegrad::problem::Problem;
use spikegrad::{Settings, Spike};
use spikegrad_compare::{
    Agreement, Answer, Engine, Evidence, Exact, FiniteDifferences, ForwardPropagation, Question,
    Saltation, TOLERANCE,
};

const INPUTS: usize = 4;
const HIDDEN: usize = 3;

/// The theorem in doubles: some dozen terms, over slopes of some hundred per second.
const ROUNDING: f64 = 1e-11;

/// A defect is no matter of rounding: entries are off by this much of the largest, and more.
const DEFECT: f64 = 0.02;

/// Which terms are left out.
#[derive(Clone, Copy, Debug, Default)]
struct Defects {
    own_history: bool,
    earlier_inputs: bool,
}

/// α and β, the inverse time constants, with a threshold of 1 and a reset to 0.
const ALPHA: f64 = 1.0 / 0.005;
const BETA: f64 = 1.0 / 0.02;

/// What a unit weight leaves in the membrane after a time, and its rate.
fn kernel(t: f64) -> (f64, f64) {
    let (fast, slow) = ((-ALPHA * t).exp(), (-BETA * t).exp());
    let scale = BETA / (BETA - ALPHA);
    (scale * (fast - slow), scale * (BETA * slow - ALPHA * fast))
}

/// A firing of any neuron, and its derivative with respect to every weight.
struct Firing {
    source: usize,
    time: f64,
    by: Vec<f64>,
}

/// Derivatives of the time of each spike with respect to all weights: hidden ones first, then those of the output neuron.
fn by_the_theorem(problem: &Problem, spikes: &[Spike], defects: Defects) -> Vec<Vec<f64>> {
    let connections = &problem.parameters.connections;
    let count = connections[0].weights.len() + connections[1].weights.len();
    let inputs = problem.stimulus.spikes().iter();
    let mut firings: Vec<Firing> =
        inputs.map(|s| Firing { source: s.channel, time: s.time, by: vec![0.0; count] }).collect();
    for spike in spikes {
        let neuron = spike.neuron.index();
        // Sources and position of the weights of this neuron.
        let (sources, first) = if neuron < HIDDEN {
            (0..INPUTS, neuron * INPUTS)
        } else {
            (INPUTS..INPUTS + HIDDEN, HIDDEN * INPUTS)
        };
        let weights: Vec<f64> =
            connections.iter().flat_map(|c| c.weights.iter().copied()).collect();
        let own: Vec<&Firing> = firings.iter().filter(|f| f.source == INPUTS + neuron).collect();
        let since = own.last().map_or(f64::NEG_INFINITY, |f| f.time);
        let (mut slope, mut by) = (0.0, vec![0.0; count]);
        let heard = firings.iter().filter(|f| sources.contains(&f.source) && f.time < spike.time);
        for firing in heard {
            if defects.earlier_inputs && firing.time < since {
                continue;
            }
            let position = first + firing.source - sources.start;
            let (value, rate) = kernel(spike.time - firing.time);
            slope += weights[position] * rate;
            by[position] += value;
            by.iter_mut().zip(&firing.by).for_each(|(by, dt)| *by -= weights[position] * rate * dt);
        }
        for firing in own {
            let rate = BETA * (-BETA * (spike.time - firing.time)).exp();
            slope += rate;
            if !defects.own_history {
                by.iter_mut().zip(&firing.by).for_each(|(by, dt)| *by -= rate * dt);
            }
        }
        by.iter_mut().for_each(|by| *by /= -slope);
        firings.push(Firing { source: INPUTS + neuron, time: spike.time, by });
    }
    firings.drain(problem.stimulus.spikes().len()..).map(|f| f.by).collect()
}

/// Four inputs, three hidden neurons with several spikes each, one output with this weight for all of them.
fn network(out: f64) -> Value {
    let params = json!({"tau_mem": 0.02, "tau_syn": 0.005, "v_th": 1.0, "v_reset": 0.0});
    json!({
        "format": "spikegrad-problem", "version": 1,
        "network": {
            "inputs": INPUTS,
            "populations": [{"name": "hidden", "size": HIDDEN, "model": "lif", "params": params},
                {"name": "out", "size": 1, "model": "lif", "params": params}],
            "connections": [
                {"from": "input", "to": "hidden", "weights": [[9, 4, 7, 5], [6, 8, 3, 9], [8, 7, 6, 4]]},
                {"from": "hidden", "to": "out", "weights": [[out, 0.9 * out, 1.1 * out]]}
            ]
        },
        "stimulus": {"t_end": 0.04, "spikes": [[0, 0.0], [1, 0.003], [2, 0.0055], [3, 0.009]]}
    })
}

/// The answer of the theorem with defects, for one spike time of the output neuron; nothing but weights.
fn answer(question: &Question<'_>, problem: &Problem, ordinal: usize, defects: Defects) -> Answer {
    let trace = question.run(&problem.parameters, &problem.stimulus).unwrap().trace;
    let output = |k: &usize| trace.spikes[*k].neuron.index() == HIDDEN;
    let spike = (0..trace.spikes.len()).filter(output).nth(ordinal).unwrap();
    let derivative = &by_the_theorem(problem, &trace.spikes, defects)[spike];
    let mut gradient = question.gradient([]);
    let (hidden, out) = derivative.split_at(HIDDEN * INPUTS);
    for (connection, by) in gradient.parameters.connections.iter_mut().zip([hidden, out]) {
        connection.weights = by.iter().map(|&x| Some(x)).collect();
    }
    Answer { loss: trace.spikes[spike].time, gradient, evidence: Evidence::default() }
}

/// How far the theorem with these defects is from the exact gradient of the time of one output spike.
fn error(out: f64, ordinal: usize, defects: Defects) -> f64 {
    let problem = problem(&network(out));
    let loss = SpikeTime { neuron: HIDDEN, ordinal };
    let question = question(&problem, &loss);
    let agreement = Agreement::between(
        &question,
        &Exact.answer(&question).unwrap(),
        &answer(&question, &problem, ordinal, defects),
    );
    assert_eq!(agreement.compared(), HIDDEN * INPUTS + HIDDEN);
    agreement.error()
}

fn question<'a>(problem: &'a Problem, loss: &'a SpikeTime) -> Question<'a> {
    let Problem { network, parameters, stimulus, .. } = problem;
    Question { network, parameters, stimulus, loss, settings: Settings::default() }
}

const NONE: Defects = Defects { own_history: false, earlier_inputs: false };
const OWN: Defects = Defects { own_history: true, earlier_inputs: false };
const EARLIER: Defects = Defects { own_history: false, earlier_inputs: true };
const BOTH: Defects = Defects { own_history: true, earlier_inputs: true };

#[test]
fn where_later_spikes_matter_either_defect_shows_and_our_engines_agree_with_differences() {
    let problem = problem(&network(1.5));
    let run = {
        let loss = SpikeTime { neuron: HIDDEN, ordinal: 0 };
        question(&problem, &loss).run(&problem.parameters, &problem.stimulus).unwrap()
    };
    let count = |n: usize| run.trace.spikes.iter().filter(|s| s.neuron.index() == n).count();
    println!("spikes: hidden {:?}, out {}", [count(0), count(1), count(2)], count(HIDDEN));
    assert!((0..HIDDEN).all(|n| count(n) >= 2));
    let last = count(HIDDEN) - 1;
    let loss = SpikeTime { neuron: HIDDEN, ordinal: last };
    let question = question(&problem, &loss);
    let exact = Exact.answer(&question).unwrap();
    let engines: [(&dyn Engine, f64); 3] = [
        (&ForwardPropagation, ROUNDING),
        (&Saltation, ROUNDING),
        (&FiniteDifferences::default(), TOLERANCE),
    ];
    for (engine, tolerance) in engines {
        let other = engine.answer(&question).unwrap();
        let agreement = Agreement::between(&question, &exact, &other);
        assert!(agreement.error() < tolerance, "{}: {:?}", engine.name(), agreement.worst);
    }
    assert!(error(1.5, last, NONE) < ROUNDING, "{:e}", error(1.5, last, NONE));
    for defects in [OWN, EARLIER, BOTH] {
        let error = error(1.5, last, defects);
        println!("{defects:?}: off by {error:.2} of the largest entry");
        assert!(error > DEFECT, "{defects:?}");
    }
}

#[test]
fn where_first_spikes_alone_matter_no_defect_shows() {
    // So strong an output spikes before any hidden neuron does a second time.
    for defects in [NONE, OWN, EARLIER, BOTH] {
        assert!(error(12.0, 0, defects) < ROUNDING, "{defects:?}: {:e}", error(12.0, 0, defects));
    }
}
