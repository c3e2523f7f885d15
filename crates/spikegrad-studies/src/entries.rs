//! The entries of a gradient one by one: what the exact engine says, and by how much the others differ.
//!
//! A difference stands beside what it may be off by: for a quotient the estimate of its own error, for the other engines what
//! roundings may change beside the largest entry, as the slopes of the run magnify them. Not here: the engines.

use serde::Serialize;
use spikegrad_compare::{
    Answer, CompareError, Difference, Engine, FiniteDifferences, ForwardPropagation, Number,
    Question, Saltation,
};
use spikegrad_report::{Column, Table};
use std::collections::BTreeMap;

/// Rows of the table on the page; the numbers have all.
const MOST_ROWS: usize = 200;

/// Another way to the gradient than the exact engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    Forward,
    Saltation,
    Differences,
}

/// What a method says.
pub(crate) struct Said {
    pub(crate) answer: Answer,
    /// What each entry may be off by, or why there is none; empty where the method does not know.
    details: Vec<Detail>,
    /// What roundings of the run may change, relative to the largest entry, if the method knows.
    rounding: Option<f64>,
}

#[derive(Clone, Copy)]
enum Detail {
    Error(f64),
    Refused(&'static str),
}

impl Method {
    pub(crate) const ALL: [Self; 3] = [Self::Forward, Self::Saltation, Self::Differences];

    /// The name of its engine.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Forward => ForwardPropagation.name(),
            Self::Saltation => Saltation.name(),
            Self::Differences => FiniteDifferences::default().name(),
        }
    }

    pub(crate) fn answer(self, question: &Question<'_>) -> Result<Said, CompareError> {
        match self {
            Self::Forward => {
                let answer = ForwardPropagation.answer(question)?;
                Ok(Said { answer, details: Vec::new(), rounding: None })
            }
            Self::Saltation => {
                let (answer, condition) = Saltation.answer_with_condition(question)?;
                Ok(Said { answer, details: Vec::new(), rounding: Some(condition.rounding()) })
            }
            Self::Differences => {
                let differences = FiniteDifferences::default().differences(question)?;
                let detail = |entry: &Difference| match *entry {
                    Difference::Quotient { error, .. } => Detail::Error(error),
                    other => Detail::Refused(other.refusal().unwrap_or("there is no quotient")),
                };
                let details = differences.entries.iter().map(detail).collect();
                Ok(Said { answer: differences.answer(question), details, rounding: None })
            }
        }
    }
}

/// One entry.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Entry {
    /// Which number, in the words of the problem file.
    place: String,
    /// The derivative with respect to it.
    exact: f64,
    /// The change of the number that matters: what entries of different kinds are compared by.
    #[serde(skip_serializing_if = "is_not_finite")]
    scale: f64,
    /// What each of the other engines says, by its name.
    others: BTreeMap<&'static str, Other>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde lends what it writes")]
fn is_not_finite(value: &f64) -> bool {
    !value.is_finite()
}

/// What another engine says of an entry.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(untagged)]
enum Other {
    Differs {
        /// What it says, less the exact entry.
        difference: f64,
        /// What that may be off by, if it is known.
        #[serde(skip_serializing_if = "Option::is_none")]
        error: Option<f64>,
    },
    /// Why it says nothing.
    Refused { refused: &'static str },
}

/// All entries, in the order of [`Question::numbers`].
#[derive(Clone, Debug, Serialize)]
#[serde(transparent)]
pub(crate) struct Entries(Vec<Entry>);

impl Entries {
    /// Those of the exact engine.
    pub(crate) fn of(numbers: Vec<Number>, exact: &Answer) -> Self {
        let entries = numbers.into_iter().zip(exact.entries());
        let entry = |(number, exact): (Number, Option<f64>)| {
            let Number { place, scale, .. } = number;
            Some(Entry { place, exact: exact?, scale, others: BTreeMap::new() })
        };
        Self(entries.filter_map(entry).collect())
    }

    /// Sets beside them what another method says.
    pub(crate) fn add(&mut self, method: Method, said: &Said) {
        let details = said.details.iter().copied().map(Some).chain(std::iter::repeat(None));
        for ((entry, value), detail) in self.0.iter_mut().zip(said.answer.entries()).zip(details) {
            let error = match detail {
                Some(Detail::Error(error)) => Some(error).filter(|error| error.is_finite()),
                _ => None,
            };
            let difference = value.map(|value| value - entry.exact);
            let other = match (difference, detail) {
                (Some(difference), _) if difference.is_finite() => {
                    Other::Differs { difference, error }
                }
                (Some(_), _) => Other::Refused { refused: "it is outside the range of a double" },
                (None, Some(Detail::Refused(refused))) => Other::Refused { refused },
                (None, _) => continue,
            };
            entry.others.insert(method.name(), other);
        }
        if let Some(rounding) = said.rounding {
            self.set_rounding(rounding);
        }
    }

    /// Says of the methods that go through the events what roundings may change, relative to the largest entry.
    fn set_rounding(&mut self, rounding: f64) {
        let largest = self.0.iter().map(Entry::size).fold(0.0, f64::max);
        for entry in &mut self.0 {
            let own = rounding * largest / entry.scale;
            for method in [Method::Forward, Method::Saltation] {
                if let Some(Other::Differs { error, .. }) = entry.others.get_mut(method.name()) {
                    *error = Some(own).filter(|own| own.is_finite());
                }
            }
        }
    }

    /// The table of the page: in the order of the file, and of many the largest.
    pub(crate) fn table(&self) -> Table {
        let mut shown: Vec<usize> = (0..self.0.len()).collect();
        let mut heading = "Entries".to_owned();
        if shown.len() > MOST_ROWS {
            shown.sort_by(|&a, &b| self.0[b].size().total_cmp(&self.0[a].size()).then(a.cmp(&b)));
            shown.truncate(MOST_ROWS);
            heading = format!("The {MOST_ROWS} largest of {} entries", self.0.len());
        }
        let columns = ["Number", "exact"].into_iter().chain(Method::ALL.map(Method::name));
        let row = |&k: &usize| {
            let entry = &self.0[k];
            let others = Method::ALL.map(|method| {
                entry.others.get(method.name()).map_or_else(|| "–".to_owned(), Other::shown)
            });
            [entry.place.clone(), Table::number(entry.exact)].into_iter().chain(others).collect()
        };
        Table {
            heading,
            columns: columns.map(|name| Column { group: "", name }).collect(),
            rows: shown.iter().map(row).collect(),
        }
    }
}

impl Entry {
    /// How much it counts beside the others.
    fn size(&self) -> f64 {
        (self.exact * self.scale).abs()
    }
}

impl Other {
    /// `difference ± error`: an order of magnitude is all that they say.
    fn shown(&self) -> String {
        let short =
            |x: f64| if x == 0.0 { "0".to_owned() } else { format!("{x:.0e}").replace('-', "−") };
        match *self {
            Self::Differs { difference, error: Some(error) } => {
                format!("{} ± {}", short(difference), short(error))
            }
            Self::Differs { difference, error: None } => short(difference),
            Self::Refused { refused } => refused.to_owned(),
        }
    }
}
