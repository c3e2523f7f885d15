//! What an engine is asked and what it answers: the value of a loss, its gradient, and how far to trust them.
//!
//! An [`Engine`] is one way to a gradient. All are asked the same [`Question`], so that answers can be set side by side entry by
//! entry ([`crate::Agreement`]). An entry for which an engine has no derivative is `None`, never a number in its place, and is
//! counted with its reason; a question to which it has no answer at all is [`CompareError::Unsupported`].
//!
//! Not here: any engine (`exact.rs`, `finite_differences.rs`, `forward.rs`, `saltation.rs`).

use crate::exact::{Certificate, Cotangents, EvaluationError, Loss, Settings};
use crate::{CompareError, Number};
use spikegrad_dynamics::AnyNeuron;
use spikegrad_network::{Circuit, Gradient, InjectedCurrent, Network, Parameters, Stimulus, Trace};
use spikegrad_simulate::{Options, Workspace, simulate_forward_into};
use std::fmt::Debug;

/// A problem of which value and gradient are wanted.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// Structure.
    pub network: &'a Network,
    /// Where to differentiate.
    pub parameters: &'a Parameters,
    /// The input.
    pub stimulus: &'a Stimulus,
    /// What to differentiate.
    pub loss: &'a dyn Loss,
    /// Budget, and what to do where a spike grazes its threshold.
    pub settings: Settings,
}

/// One way to the gradient of a spiking network.
pub trait Engine: Debug + Send + Sync {
    /// A short name, for tables and messages.
    fn name(&self) -> &'static str;

    /// Returns value and gradient of the question's loss.
    ///
    /// # Errors
    /// [`CompareError::Unsupported`] if the engine cannot answer such a question; else why there is no value or no gradient.
    fn answer(&self, question: &Question<'_>) -> Result<Answer, CompareError>;
}

/// What an engine found.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// Value of the loss.
    pub loss: f64,
    /// Its derivative with respect to every parameter and input time; `None` where the engine has none.
    pub gradient: Gradient<Option<f64>>,
    /// How far it can be trusted.
    pub evidence: Evidence,
}

/// What is known of the quality of an answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Evidence {
    /// How near the spikes are to vanishing, from engines that say so.
    pub certificate: Option<Certificate>,
    /// Entries without a derivative, counted by reason.
    pub refusals: Vec<Refusal>,
}

/// Entries of a gradient that an engine did not give.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Why, in words.
    pub reason: &'static str,
    /// How many entries.
    pub count: usize,
}

impl Answer {
    /// All entries of the gradient, in the order of [`Question::numbers`].
    #[must_use]
    pub fn entries(&self) -> Vec<Option<f64>> {
        self.gradient.to_vec()
    }
}

impl Question<'_> {
    /// Every number that can be differentiated, with its name and its natural scale: the parameters in the order of
    /// [`Parameters::to_vec`], then the input times in the order in which they were given.
    #[must_use]
    pub fn numbers(&self) -> Vec<Number> {
        crate::number::of(self)
    }

    /// Brings entries in the order of [`Self::numbers`] into the shape of a gradient; what is missing is `None`.
    #[must_use]
    pub fn gradient(
        &self,
        entries: impl IntoIterator<Item = Option<f64>>,
    ) -> Gradient<Option<f64>> {
        let mut entries = entries.into_iter();
        let parameters = self.parameters.map(|_| entries.next().flatten());
        let times = self.stimulus.spikes().len();
        let input_times = (0..times).map(|_| entries.next().flatten()).collect();
        let steps = |current: &InjectedCurrent| current.steps.map(|_| entries.next().flatten());
        let currents = self.stimulus.injected().iter().map(steps).collect();
        Gradient { parameters, input_times, currents }
    }

    /// Value of the loss, and the run that it was read from, on the event loop, with these numbers in place of the question's own.
    ///
    /// # Errors
    /// [`CompareError::Network`], [`CompareError::Simulate`] and [`CompareError::Evaluation`].
    pub fn run(&self, parameters: &Parameters, stimulus: &Stimulus) -> Result<Run, CompareError> {
        let circuit = Circuit::of(self.network, parameters)?;
        let readouts = self.loss.readouts(self.network)?;
        let options = Options { readouts: &readouts, max_events: self.settings.max_events };
        let (mut workspace, mut trace) = (Workspace::default(), Trace::default());
        simulate_forward_into(&circuit, stimulus, options, &mut workspace, &mut trace)?;
        let evaluated = self.loss.evaluate(self.network, &trace);
        let (loss, cotangents) = evaluated.map_err(EvaluationError::from)?;
        Ok(Run { loss, cotangents, circuit, trace })
    }
}

/// A run of a question's network.
#[derive(Clone, Debug)]
pub struct Run {
    /// Value of the loss.
    pub loss: f64,
    /// Its derivatives with respect to what it read.
    pub cotangents: Cotangents,
    /// The network, laid out.
    pub circuit: Circuit<f64, AnyNeuron<f64>>,
    /// What happened.
    pub trace: Trace,
}
