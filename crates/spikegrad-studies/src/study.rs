//! The studies by their names, and what a run of one is told.

use crate::{
    Findings, StudyError, agreement, conservative, cost, robustness, smoothness, stochastic,
};

/// A question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Study {
    /// How near are surrogate gradients to the exact one?
    Agreement,
    /// Is a field of surrogate gradients the gradient of anything?
    Conservative,
    /// What does a gradient cost, by each method?
    Cost,
    /// How much do shape, scale and reset of a surrogate matter to training?
    Robustness,
    /// What becomes of a spike and its derivative where it leaves the run?
    Smoothness,
    /// What are surrogate gradients the gradient of?
    Stochastic,
}

/// How a study is to be run.
#[derive(Clone, Copy)]
pub struct Plan<'a> {
    /// Where all random numbers come from.
    pub seed: u64,
    /// Whether fewer cases will do: for a first look, not for a result.
    pub quick: bool,
    /// Is told, as a study goes on, how many of how many cases are done and which one is next; false to stop.
    pub progress: &'a (dyn Fn(usize, usize, &str) -> bool + Sync),
}

impl Study {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Agreement,
        Self::Conservative,
        Self::Cost,
        Self::Robustness,
        Self::Smoothness,
        Self::Stochastic,
    ];

    /// The name on the command line and of the files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Agreement => "agreement",
            Self::Conservative => "conservative",
            Self::Cost => "cost",
            Self::Robustness => "robustness",
            Self::Smoothness => "smoothness",
            Self::Stochastic => "stochastic",
        }
    }

    /// What is asked.
    #[must_use]
    pub fn question(self) -> &'static str {
        match self {
            Self::Agreement => "How near are surrogate gradients to the exact one?",
            Self::Conservative => "Is a field of surrogate gradients the gradient of anything?",
            Self::Cost => "What does a gradient cost, by each method?",
            Self::Robustness => {
                "How much do shape, scale and reset of a surrogate matter to training?"
            }
            Self::Smoothness => {
                "What becomes of a spike and its derivative where it leaves the run?"
            }
            Self::Stochastic => "What are surrogate gradients the gradient of?",
        }
    }

    /// Runs the study.
    ///
    /// # Errors
    /// [`StudyError`]; above all [`StudyError::Interrupted`] if `plan.progress` says so.
    pub fn run(self, plan: &Plan<'_>) -> Result<Findings, StudyError> {
        match self {
            Self::Agreement => agreement::run(plan),
            Self::Conservative => conservative::run(plan),
            Self::Cost => cost::run(plan),
            Self::Robustness => robustness::run(plan),
            Self::Smoothness => smoothness::run(plan),
            Self::Stochastic => stochastic::run(plan),
        }
    }
}

impl Plan<'_> {
    /// Says that `done` of `all` cases are done, and `what` is next.
    pub(crate) fn tell(&self, done: usize, all: usize, what: &str) -> Result<(), StudyError> {
        if (self.progress)(done, all, what) { Ok(()) } else { Err(StudyError::Interrupted) }
    }

    /// `full`, or `quick` if that will do.
    pub(crate) fn pick<T>(&self, full: T, quick: T) -> T {
        if self.quick { quick } else { full }
    }
}

impl std::fmt::Debug for Plan<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { seed, quick, progress: _ } = self;
        f.debug_struct("Plan").field("seed", seed).field("quick", quick).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::Study;

    #[test]
    fn every_study_can_be_asked_for() {
        assert_eq!(Study::ALL.len(), Study::Stochastic as usize + 1, "the last is Stochastic");
        for (position, study) in Study::ALL.into_iter().enumerate() {
            assert_eq!(study as usize, position, "{}", study.name());
        }
    }
}
