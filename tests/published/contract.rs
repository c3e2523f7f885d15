//! The cases of the contract, of which `tests/cases` holds a part: one gradient by all engines.
//!
//! Not here: the agreement on the corpus of the repository and on random networks (`tests/suite/agreement.rs`).

use crate::beside::Beside;
use crate::support::problems_in;
use crate::tolerance::AGREEMENT;
use spikegrad::Settings;
use spikegrad_compare::{
    Agreement, CompareError, Engine, Exact, FiniteDifferences, ForwardPropagation, Question,
    Saltation, TOLERANCE,
};
use std::path::Path;

/// The tests of this file.
pub(crate) fn tests() -> Vec<Beside> {
    vec![Beside {
        name: "the_cases_of_the_contract_have_one_gradient",
        needs: "contract/cases",
        test: the_cases_of_the_contract_have_one_gradient,
    }]
}

fn the_cases_of_the_contract_have_one_gradient(folder: &Path) {
    let differences = FiniteDifferences::default();
    let others: [(&dyn Engine, f64); 3] =
        [(&ForwardPropagation, AGREEMENT), (&Saltation, AGREEMENT), (&differences, TOLERANCE)];
    let cases = problems_in(folder);
    assert!(cases.len() > 10, "{} cases", cases.len());
    for (name, problem) in cases {
        let loss = problem.document.loss.as_ref().unwrap();
        let question = Question {
            network: &problem.network,
            parameters: &problem.parameters,
            stimulus: &problem.stimulus,
            loss,
            settings: Settings::default(),
        };
        let exact = Exact.answer(&question).unwrap();
        for (engine, tolerance) in others {
            let other = match engine.answer(&question) {
                // Of neurons that are not linear.
                Err(CompareError::Unsupported { .. }) if !problem.network.is_linear() => continue,
                other => other.unwrap(),
            };
            let agreement = Agreement::between(&question, &exact, &other);
            let worst = agreement.worst.as_ref();
            assert!(agreement.error() <= tolerance, "{name}, {}: {worst:?}", engine.name());
        }
    }
}
