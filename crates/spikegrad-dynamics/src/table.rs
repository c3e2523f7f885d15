//! What a neuron model says of its own numbers: one table, from which all that handles them derives.
//!
//! The problem file, its schema and its refusals, the answer, places in messages, scales of differences, learning rates, bounds and checkpoints read
//! the table; values are stored by their position in it. Not here: a table (each stands with its model), the values (`spikegrad_network`).

use crate::double_double::DoubleDouble;
use std::fmt;

/// What kind of number it is, and so in which unit and how far it must move to matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A time constant, in seconds: a share of it matters.
    TimeConstant,
    /// Another length of time, in seconds: a share of the time constants matters.
    Duration,
    /// A potential or a current, in the unit of the threshold: a share of the way from reset to threshold matters.
    Potential,
}

/// What a number may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Range {
    /// Any finite number.
    Finite,
    /// 0 or more.
    NotNegative,
    /// Above 0.
    Positive,
}

/// A parameter of a neuron, or a part of its state at time 0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Quantity {
    /// Where it stands in a population of the problem file: `params.`, `receptors[k].` or `initial.`, and its name.
    pub path: &'static str,
    /// What it is, in words.
    pub title: &'static str,
    /// Its kind.
    pub kind: Kind,
    /// What it is where nothing else is said.
    pub default: f64,
    /// What it may be.
    pub range: Range,
    /// Under which name its learning rate stands in a configuration of a training run, if it can be trained.
    pub learning_rate: Option<&'static str>,
    /// Its key in a layer of such a configuration, where that is not its name.
    pub layer_key: Option<&'static str>,
}

impl Quantity {
    /// A quantity in the range of its kind: time constants are positive, durations not negative, potentials anything. It is not trained.
    #[must_use]
    pub const fn new(path: &'static str, title: &'static str, kind: Kind, default: f64) -> Self {
        let range = match kind {
            Kind::TimeConstant => Range::Positive,
            Kind::Duration => Range::NotNegative,
            Kind::Potential => Range::Finite,
        };
        Self { path, title, kind, default, range, learning_rate: None, layer_key: None }
    }

    /// The same, trained at the learning rate of this name.
    #[must_use]
    pub const fn trained(self, learning_rate: &'static str) -> Self {
        Self { learning_rate: Some(learning_rate), ..self }
    }

    /// The same, at this key in a layer of a training run.
    #[must_use]
    pub const fn keyed(self, layer_key: &'static str) -> Self {
        Self { layer_key: Some(layer_key), ..self }
    }

    /// Its key in a layer of a training run.
    #[must_use]
    pub fn key(&self) -> &'static str {
        self.layer_key.unwrap_or(self.name())
    }

    /// Its name within `params` or `initial`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.path.split_once('.').map_or(self.path, |(_, name)| name)
    }

    /// Its unit, where it is not that of the threshold.
    #[must_use]
    pub fn unit(&self) -> Option<&'static str> {
        match self.kind {
            Kind::TimeConstant | Kind::Duration => Some("seconds"),
            Kind::Potential => None,
        }
    }

    /// Whether a layer of a training run has a key for it: parameters have, and those values at time 0 that can be trained.
    #[must_use]
    pub fn is_of_layer(&self) -> bool {
        !self.is_initial() || self.learning_rate.is_some()
    }

    /// Whether it belongs to the state at time 0.
    #[must_use]
    pub fn is_initial(&self) -> bool {
        self.path.starts_with("initial.")
    }

    /// Whether `value` is in the range.
    #[must_use]
    pub fn allows(&self, value: f64) -> bool {
        value.is_finite()
            && match self.range {
                Range::Finite => true,
                Range::NotNegative => value >= 0.0,
                Range::Positive => value > 0.0,
            }
    }

    /// What the range is, after "must be".
    #[must_use]
    pub fn rule(&self) -> &'static str {
        match (self.kind, self.range) {
            (_, Range::Finite) => "a finite number",
            (Kind::Potential, Range::NotNegative) => "a number, 0 or more",
            (Kind::Potential, Range::Positive) => "a positive number",
            (_, Range::NotNegative) => "a time in seconds, 0 or more",
            (_, Range::Positive) => "a positive time in seconds",
        }
    }
}

impl fmt::Display for Quantity {
    /// Its path.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.path)
    }
}

/// A rule that several numbers of one neuron must keep, beyond the range of each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Below {
    /// Position of the number that must be smaller.
    pub lower: usize,
    /// Position of the other.
    pub upper: usize,
    /// Positions of two numbers whose product is added to the other.
    pub plus: Option<(usize, usize)>,
    /// The rule, after "must be".
    pub rule: &'static str,
}

impl Below {
    /// The number at `lower` must be below that at `upper`.
    #[must_use]
    pub const fn new(lower: usize, upper: usize, rule: &'static str) -> Self {
        Self { lower, upper, plus: None, rule }
    }

    /// The number at `lower` must be below that at `upper` and the product of those at `plus`.
    #[must_use]
    pub const fn with_product(self, plus: (usize, usize)) -> Self {
        Self { plus: Some(plus), ..self }
    }

    /// Whether the numbers at the positions of a table keep the rule; what is left of the difference after rounding has its sign.
    pub fn is_kept(&self, number: impl Fn(usize) -> f64) -> bool {
        let (lower, upper) = (number(self.lower), number(self.upper));
        let Some((a, b)) = self.plus else { return lower < upper };
        let product = (number(a), number(b));
        let difference = excess(lower, upper, product);
        if difference.is_finite() {
            return difference < 0.0;
        }
        // At the end of the range: a quarter of each term.
        excess(0.25 * lower, 0.25 * upper, (0.5 * product.0, 0.5 * product.1)) < 0.0
    }
}

/// `lower − upper − a b` to a rounding or two, however much of it cancels: what the product and each sum round off is kept.
pub(crate) fn excess(lower: f64, upper: f64, (a, b): (f64, f64)) -> f64 {
    let [lower, upper, a, b] = [lower, upper, a, b].map(DoubleDouble::from);
    (lower - upper - a * b).to_f64()
}

/// Everything that a model says of its numbers.
#[derive(Clone, Copy, PartialEq)]
pub struct Table {
    /// Its name in the problem file.
    pub model: &'static str,
    /// What it is, in words.
    pub title: &'static str,
    /// Parameters, then initial values.
    pub quantities: &'static [Quantity],
    /// What must be below what.
    pub order: &'static [Below],
    /// Positions of threshold and reset value, if it spikes.
    pub threshold_and_reset: Option<(usize, usize)>,
}

impl Table {
    /// A model with these quantities, without rules between them.
    #[must_use]
    pub const fn new(
        model: &'static str,
        title: &'static str,
        quantities: &'static [Quantity],
    ) -> Self {
        Self { model, title, quantities, order: &[], threshold_and_reset: None }
    }

    /// Position of the quantity at `path`, such as `params.tau_mem`.
    #[must_use]
    pub fn position(&self, path: &str) -> Option<usize> {
        self.quantities.iter().position(|quantity| quantity.path == path)
    }

    /// The names of its parameters, or of its initial values, in a list for messages.
    #[must_use]
    pub fn names(&self, initial: bool) -> String {
        let section = if initial { "initial." } else { "params." };
        let here = self.quantities.iter().filter(|quantity| quantity.path.starts_with(section));
        let names: Vec<_> = here.map(Quantity::name).collect();
        match names.split_last() {
            Some((last, [])) => (*last).into(),
            Some((last, others)) => format!("{} and {last}", others.join(", ")),
            None => "none".into(),
        }
    }
}

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Table({})", self.model)
    }
}
