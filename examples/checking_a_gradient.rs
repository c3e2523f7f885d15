//! Tests for a loss of one's own: its gradient against difference quotients, on one problem and on random networks.
//!
//! A loss states its value and, by hand, the derivative with respect to every spike time that it reads. `check_gradient` finds the
//! derivative that was forgotten; the strategies of the feature `proptest` bring networks of every topology.
#![expect(clippy::print_stdout, reason = "an example shows what it found")]

use proptest::test_runner::{Config, RngSeed, TestCaseError, TestRunner};
use spikegrad::problem::Problem;
use spikegrad::{Derivatives, Error, Loss, Observation, Settings, SimulateError};
use spikegrad_compare::strategies::problems;
use spikegrad_compare::{CompareError, Question, check_gradient};
use std::cell::Cell;

/// Half the squared time between the first spikes of the first and the last neuron of the network.
#[derive(Debug)]
struct Together {
    /// Forgets that the other neuron can move, too.
    is_wrong: bool,
}

impl Loss for Together {
    fn evaluate_into(&self, run: &Observation<'_>, into: &mut Derivatives<'_>) -> f64 {
        let first = |neuron: usize| run.spikes.iter().position(|s| s.neuron.index() == neuron);
        let (Some(a), Some(b)) = (first(0), first(run.network.neurons() - 1)) else { return 0.0 };
        let distance = run.spikes[a].at().since(run.spikes[b].at());
        into.spikes[a] += distance;
        if !self.is_wrong {
            into.spikes[b] -= distance;
        }
        0.5 * distance * distance
    }
}

fn question<'a>(problem: &'a Problem, loss: &'a dyn Loss) -> Question<'a> {
    let Problem { network, parameters, stimulus, .. } = problem;
    // Recurrent excitation may run away: a budget ends that.
    let settings = Settings { max_events: 2000, ..Settings::default() };
    Question { network, parameters, stimulus, loss, settings }
}

/// Relative to the largest entry. Quotients that are no better than a tenth of it are left out.
const TOLERANCE: f64 = 1e-6;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let problem = Problem::from_json(
        br#"{
          "format": "spikegrad-problem", "version": 1,
          "network": {
            "inputs": 2,
            "populations": [{"name": "out", "size": 2, "model": "lif"}],
            "connections": [{"from": "input", "to": "out", "weights": [[9, 2], [3, 8]], "delay": 0.001}]
          },
          "stimulus": {"t_end": 0.03, "spikes": [[0, 0.002], [1, 0.004]]}
        }"#,
    )?;
    println!(
        "{}\n",
        check_gradient(&question(&problem, &Together { is_wrong: false }), TOLERANCE)?
    );

    // The mistake, and its report.
    let mistake = check_gradient(&question(&problem, &Together { is_wrong: true }), TOLERANCE);
    let Err(CompareError::Disagrees(report)) = mistake else { return Err("not found".into()) };
    println!("{report}\n");
    assert!(report.agreement.error() > TOLERANCE);

    // The same on random networks, as a property test would do it.
    let config = Config {
        cases: 32,
        rng_seed: RngSeed::Fixed(1),
        failure_persistence: None,
        ..Config::default()
    };
    let compared = Cell::new(0);
    TestRunner::new(config).run(&problems(), |problem| {
        match check_gradient(&question(&problem, &Together { is_wrong: false }), TOLERANCE) {
            Ok(report) => compared.set(compared.get() + report.agreement.compared()),
            Err(CompareError::Evaluation(Error::Simulate(SimulateError::EventBudget {
                ..
            }))) => {
                return Err(TestCaseError::reject("runs away"));
            }
            Err(error) => return Err(TestCaseError::fail(error.to_string())),
        }
        Ok(())
    })?;
    println!("{} entries of the gradients of 32 random networks agree", compared.get());
    Ok(())
}
