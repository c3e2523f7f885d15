//! What came out of a study: numbers for programs, and a page for people.

use crate::{Plan, Study, StudyError};
use serde::Serialize;
use serde_json::{Value, json};
use spikegrad_report::Page;

/// What came out.
#[derive(Clone, Debug)]
pub struct Findings {
    /// Everything that is on the page, and more, as JSON.
    pub numbers: Value,
    /// The page.
    pub page: Page,
}

impl Findings {
    /// Puts `numbers` and what is on the page together.
    pub(crate) fn new(
        study: Study,
        plan: &Plan<'_>,
        numbers: &impl Serialize,
        page: Page,
    ) -> Result<Self, StudyError> {
        let Plan { seed, quick, .. } = plan;
        let name = study.name();
        let numbers = serde_json::to_value(numbers)?;
        let numbers = json!({"study": name, "seed": seed, "quick": quick, "findings": numbers});
        let command = if *quick { " --quick" } else { "" };
        let mut facts = vec![
            ("Seed".to_owned(), seed.to_string()),
            (
                "Command".to_owned(),
                format!("cargo run --release -- compare --study {name} --seed {seed}{command}"),
            ),
        ];
        facts.extend(page.facts);
        Ok(Self { numbers, page: Page { title: study.question().to_owned(), facts, ..page } })
    }
}
