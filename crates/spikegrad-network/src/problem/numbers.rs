//! The differentiable numbers of a problem file one after another: where each stands, and its place among the numbers of a gradient.
//!
//! They come in the order of the text, which may name its keys in any order, so the text is read for them once more. Not here: what a file may
//! say (`document.rs`), derivatives (`answer.rs` writes them in their places).

use super::error::ProblemError;
use super::read::Problem;
use crate::{Parameters, StepTimes, Values};
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::fmt;

/// A differentiable number of a problem file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Number {
    /// Its keys and positions from the root of the file, such as `network/connections/0/weights/1/2`.
    pub path: String,
    /// What it is one of: `weights`, `delays`, `input_times`, `currents`, or a quantity of a neuron by its path, such as `params.tau_mem`.
    pub kind: &'static str,
    /// Its position in [`Gradient::to_vec`](crate::Gradient::to_vec).
    pub position: usize,
}

impl Problem {
    /// The differentiable numbers that stand in `text`, in its order. The text is that of which this problem was made.
    ///
    /// # Errors
    /// [`ProblemError::Json`] if the text is no JSON.
    ///
    /// # Examples
    /// ```
    /// use spikegrad_network::{Gradient, Problem};
    /// let text = br#"{
    ///   "format": "spikegrad-problem", "version": 1,
    ///   "network": {
    ///     "inputs": 1,
    ///     "populations": [{"name": "out", "size": 1, "model": "lif", "params": {"tau_mem": 0.01}}],
    ///     "connections": [{"from": "input", "to": "out", "weights": [[5]]}]
    ///   },
    ///   "stimulus": {"t_end": 0.02, "spikes": [[0, 0.001]]}
    /// }"#;
    /// let problem = Problem::from_json(text)?;
    /// let numbers = problem.numbers(text)?;
    /// let paths: Vec<&str> = numbers.iter().map(|number| number.path.as_str()).collect();
    /// let expected = ["network/populations/0/params/tau_mem", "network/connections/0/weights/0/0", "stimulus/spikes/0/1"];
    /// assert_eq!(paths, expected);
    /// let zeros = Gradient::zeros(&problem.parameters, &problem.stimulus).to_vec();
    /// assert!(numbers.iter().all(|number| number.position < zeros.len()));
    /// # Ok::<(), spikegrad_network::problem::ProblemError>(())
    /// ```
    pub fn numbers(&self, text: &[u8]) -> Result<Vec<Number>, ProblemError> {
        let places = Places::of(self);
        let (mut numbers, mut steps) = (Vec::new(), Vec::new());
        let mut reader = serde_json::Deserializer::from_slice(text);
        let walk = Walk { places: &places, steps: &mut steps, numbers: &mut numbers };
        let read = walk.deserialize(&mut reader);
        read.map_err(|source| ProblemError::Json { place: String::new(), source })?;
        Ok(numbers)
    }

    /// Every number of the network and its input, in the order of [`Gradient::to_vec`](crate::Gradient::to_vec).
    #[must_use]
    pub fn to_vec(&self) -> Vec<f64> {
        let mut all = self.parameters.to_vec();
        let sorted: Vec<f64> = self.stimulus.spikes().iter().map(|spike| spike.time).collect();
        all.extend(self.stimulus.in_given_order(&sorted));
        all.extend(self.stimulus.injected().iter().flat_map(|current| current.steps.numbers()));
        all
    }
}

/// A key, or a position in a list.
enum Step {
    Key(String),
    At(usize),
}

/// Where the numbers of a problem begin in a gradient.
struct Places<'a> {
    problem: &'a Problem,
    /// For each population and quantity of its model.
    quantities: Vec<Vec<usize>>,
    /// For each connection its weights and its delays.
    connections: Vec<(usize, usize)>,
    input_times: usize,
    currents: Vec<usize>,
}

impl<'a> Places<'a> {
    fn of(problem: &'a Problem) -> Self {
        let Parameters { populations, connections } = &problem.parameters;
        let mut next = 0;
        let mut place = |count: usize| {
            let first = next;
            next += count;
            first
        };
        let of_values = |values: &Values<f64>| values.as_slice().len();
        let mut quantities = Vec::new();
        for population in populations {
            let of_each = population.values().map(|(_, values)| place(of_values(values)));
            quantities.push(of_each.collect());
        }
        let of_each = connections.iter();
        let connections = of_each.map(|c| (place(c.weights.len()), place(of_values(&c.delay))));
        let connections = connections.collect();
        let input_times = place(problem.stimulus.spikes().len());
        let injected = problem.stimulus.injected().iter();
        let currents = injected.map(|current| place(current.steps.numbers().count())).collect();
        Self { problem, quantities, connections, input_times, currents }
    }

    /// The kind and position of the number at the end of these steps; nothing, if it cannot be differentiated.
    fn find(&self, steps: &[Step]) -> Option<(&'static str, usize)> {
        let [Step::Key(part), Step::Key(list), Step::At(k), rest @ ..] = steps else { return None };
        match (part.as_str(), list.as_str()) {
            ("network", "populations") => self.of_population(*k, rest),
            ("network", "connections") => self.of_connection(*k, rest),
            ("stimulus", "spikes") => match rest {
                [Step::At(1)] => Some(("input_times", self.input_times + k)),
                _ => None,
            },
            ("stimulus", "currents") => self.of_current(*k, rest),
            _ => None,
        }
    }

    fn of_population(&self, population: usize, rest: &[Step]) -> Option<(&'static str, usize)> {
        let (Step::Key(section), rest) = rest.split_first()? else { return None };
        let model = self.problem.network.populations().get(population)?.model;
        let (position, rest) = match (section.as_str(), rest) {
            ("receptors", [Step::At(receptor), Step::Key(_), rest @ ..]) => {
                (model.time_constant_of(*receptor)?, rest)
            }
            ("initial", [Step::Key(name), Step::At(receptor), rest @ ..])
                if name == "i" && model.receptors() > 1 =>
            {
                (model.table().position(&format!("initial.i[{receptor}]"))?, rest)
            }
            (_, [Step::Key(name), rest @ ..]) => {
                (model.table().position(&format!("{section}.{name}"))?, rest)
            }
            _ => return None,
        };
        let first = self.quantities.get(population)?.get(position)?;
        let kind = model.table().quantities[position].path;
        match rest {
            [] => Some((kind, *first)),
            [Step::At(neuron)] => Some((kind, first + neuron)),
            _ => None,
        }
    }

    fn of_connection(&self, connection: usize, rest: &[Step]) -> Option<(&'static str, usize)> {
        let &(weights, delays) = self.connections.get(connection)?;
        let (Step::Key(key), rest) = rest.split_first()? else { return None };
        let (n_pre, _) = self.problem.network.shape(connection);
        let within = match rest {
            [] => 0,
            [Step::At(k)] => *k,
            [Step::At(post), Step::At(pre)] => post * n_pre + pre,
            [Step::At(synapse), Step::Key(_)] => *synapse,
            _ => return None,
        };
        match (key.as_str(), rest) {
            ("weights", _) => Some(("weights", weights + within)),
            ("delay", _) => Some(("delays", delays + within)),
            ("synapses", [_, Step::Key(key)]) if key == "weight" => {
                Some(("weights", weights + within))
            }
            ("synapses", [_, Step::Key(key)]) if key == "delay" => {
                Some(("delays", delays + within))
            }
            _ => None,
        }
    }

    fn of_current(&self, current: usize, rest: &[Step]) -> Option<(&'static str, usize)> {
        let first = *self.currents.get(current)?;
        let steps = &self.problem.stimulus.injected().get(current)?.steps;
        let times = match &steps.times {
            StepTimes::Each(times) => times.len(),
            StepTimes::Every { .. } => 2,
        };
        let within = match rest {
            [Step::Key(key)] if key == "start" => 0,
            [Step::Key(key)] if key == "interval" => 1,
            [Step::Key(key), Step::At(k)] if key == "times" => *k,
            [Step::Key(key), Step::At(k)] if key == "values" => times + k,
            _ => return None,
        };
        Some(("currents", first + within))
    }
}

/// Walks through a text, and takes down its differentiable numbers.
struct Walk<'a> {
    places: &'a Places<'a>,
    steps: &'a mut Vec<Step>,
    numbers: &'a mut Vec<Number>,
}

impl Walk<'_> {
    fn below(&mut self, step: Step) -> Walk<'_> {
        self.steps.push(step);
        Walk { places: self.places, steps: self.steps, numbers: self.numbers }
    }

    fn number(self) {
        if let Some((kind, position)) = self.places.find(self.steps) {
            let steps = self.steps.iter().map(Step::to_string);
            let path = steps.collect::<Vec<_>>().join("/");
            self.numbers.push(Number { path, kind, position });
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(key) => f.write_str(key),
            Self::At(k) => k.fmt(f),
        }
    }
}

impl<'de> DeserializeSeed<'de> for Walk<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        self.number();
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        self.number();
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        self.number();
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut list: A) -> Result<(), A::Error> {
        let mut k = 0;
        while let Some(()) = list.next_element_seed(self.below(Step::At(k)))? {
            self.steps.pop();
            k += 1;
        }
        // Of the member that is not there.
        self.steps.pop();
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            if self.steps.is_empty() && !matches!(key.as_str(), "network" | "stimulus") {
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            map.next_value_seed(self.below(Step::Key(key)))?;
            self.steps.pop();
        }
        Ok(())
    }
}
