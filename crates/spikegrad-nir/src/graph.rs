//! A NIR graph in memory: nodes with their numbers, and edges between them. Graphs within graphs are flattened.
//!
//! A node of a nested graph is called `outer.inner`; the Input and Output of a nested graph let through what comes.
//!
//! Not here: the file (`file.rs`), what nodes mean (`neurons.rs`, `linear.rs`).

use crate::NirError;
use std::collections::BTreeMap;

/// Numbers in a rectangular shape, the last axis fastest; one number has the shape `[]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    /// Length of each axis.
    pub shape: Vec<usize>,
    /// The numbers. Those of 32 bits are widened, which is exact.
    pub values: Vec<f64>,
}

impl Array {
    /// A list of numbers.
    #[must_use]
    pub fn list(values: Vec<f64>) -> Self {
        Self { shape: vec![values.len()], values }
    }
}

/// What a node has under a name.
#[derive(Clone, Debug, PartialEq)]
pub enum Field {
    /// Numbers.
    Numbers(Array),
    /// A word, such as the padding `same`.
    Text(String),
}

/// The types of nodes of NIR 0.1.1 to 1.0.8, but for `NIRGraph`, which is flattened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[expect(
    missing_docs,
    reason = "the names are those of NIR, whose documentation states their equations"
)]
pub enum Kind {
    Input,
    Output,
    Affine,
    Linear,
    Scale,
    Delay,
    Flatten,
    Conv1d,
    Conv2d,
    SumPool2d,
    AvgPool2d,
    CubaLIF,
    CubaLI,
    LIF,
    LI,
    IF,
    I,
    Threshold,
}

impl Kind {
    /// All types.
    pub const ALL: [Self; 18] = [
        Self::Input,
        Self::Output,
        Self::Affine,
        Self::Linear,
        Self::Scale,
        Self::Delay,
        Self::Flatten,
        Self::Conv1d,
        Self::Conv2d,
        Self::SumPool2d,
        Self::AvgPool2d,
        Self::CubaLIF,
        Self::CubaLI,
        Self::LIF,
        Self::LI,
        Self::IF,
        Self::I,
        Self::Threshold,
    ];

    /// Its name in NIR.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Input => "Input",
            Self::Output => "Output",
            Self::Affine => "Affine",
            Self::Linear => "Linear",
            Self::Scale => "Scale",
            Self::Delay => "Delay",
            Self::Flatten => "Flatten",
            Self::Conv1d => "Conv1d",
            Self::Conv2d => "Conv2d",
            Self::SumPool2d => "SumPool2d",
            Self::AvgPool2d => "AvgPool2d",
            Self::CubaLIF => "CubaLIF",
            Self::CubaLI => "CubaLI",
            Self::LIF => "LIF",
            Self::LI => "LI",
            Self::IF => "IF",
            Self::I => "I",
            Self::Threshold => "Threshold",
        }
    }

    /// Whether it is one of the neurons that the engine has.
    #[must_use]
    pub fn is_neuron(self) -> bool {
        matches!(self, Self::CubaLIF | Self::CubaLI | Self::LIF | Self::IF)
    }
}

/// A node: a population of neurons, a linear map, an end of the graph.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Its name, which is unique.
    pub name: String,
    /// Its type.
    pub kind: Kind,
    /// Its numbers, by the names that NIR gives them.
    pub fields: BTreeMap<String, Field>,
}

impl Node {
    /// A node without numbers.
    #[must_use]
    pub fn new(name: impl Into<String>, kind: Kind) -> Self {
        Self { name: name.into(), kind, fields: BTreeMap::new() }
    }

    /// The same with numbers under a name.
    #[must_use]
    pub fn with(mut self, field: &str, array: Array) -> Self {
        self.fields.insert(field.into(), Field::Numbers(array));
        self
    }

    /// The numbers under a name, if they are there.
    #[must_use]
    pub fn numbers(&self, field: &str) -> Option<&Array> {
        match self.fields.get(field) {
            Some(Field::Numbers(array)) => Some(array),
            _ => None,
        }
    }

    /// The numbers under a name, which must be there.
    ///
    /// # Errors
    /// [`NirError::Field`].
    pub fn needs(&self, field: &'static str) -> Result<&Array, NirError> {
        self.numbers(field).ok_or_else(|| NirError::Field {
            node: self.name.clone(),
            kind: self.kind.name(),
            field,
        })
    }

    /// Sizes under a name, which must be there and be whole numbers.
    ///
    /// # Errors
    /// [`NirError::Field`], or [`NirError::Found`] for a number that is not whole, or not below 2³².
    pub fn sizes(&self, field: &'static str) -> Result<Vec<usize>, NirError> {
        let whole = |&x: &f64| {
            if x.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(&x) {
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "a whole number in the range"
                )]
                return Ok(x as usize);
            }
            Err(NirError::Found {
                place: format!("{field} of node {}", self.name),
                found: format!("{x:?}"),
                expected: "a whole number, 0 or more".into(),
            })
        };
        self.needs(field)?.values.iter().map(whole).collect()
    }

    /// One number for each of `count`: those under a name, or the one that stands there for all.
    ///
    /// # Errors
    /// [`NirError::Size`] if there are neither one nor `count`.
    pub(crate) fn spread(
        &self,
        field: &'static str,
        array: &Array,
        count: usize,
    ) -> Result<Vec<f64>, NirError> {
        match array.values.as_slice() {
            values if values.len() == count => Ok(values.to_vec()),
            &[value] => Ok(vec![value; count]),
            values => Err(NirError::Size {
                node: self.name.clone(),
                field,
                found: values.len(),
                expected: count,
            }),
        }
    }
}

/// Nodes, and edges between them.
#[derive(Clone, Debug, PartialEq)]
pub struct Graph {
    /// In the order of their names.
    nodes: Vec<Node>,
    /// Positions of nodes, from and to, in order and each once.
    edges: Vec<(usize, usize)>,
    /// The same as to and from, in order.
    backwards: Vec<(usize, usize)>,
}

/// A node of a graph that may hold others.
#[derive(Clone, Debug)]
pub(crate) enum Part {
    Node(Node),
    Graph(Nested),
}

/// A graph as a file has it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Nested {
    pub(crate) parts: BTreeMap<String, Part>,
    pub(crate) edges: Vec<(String, String)>,
}

/// Where edges to a part end, and where edges from it begin: for a nested graph, its Inputs and its Outputs.
struct Ends {
    inputs: Vec<String>,
    outputs: Vec<String>,
}

impl Graph {
    /// Checks that the edges lead from node to node.
    ///
    /// # Errors
    /// [`NirError::Twice`] or [`NirError::Edge`].
    ///
    /// # Examples
    /// ```
    /// use spikegrad_nir::{Array, Graph, Kind, Node};
    /// let input = Node::new("input", Kind::Input).with("shape", Array::list(vec![3.0]));
    /// let output = Node::new("output", Kind::Output).with("shape", Array::list(vec![3.0]));
    /// let graph = Graph::new(vec![input, output], &[("input", "output")])?;
    /// assert_eq!(graph.edges(), [(0, 1)]);
    /// # Ok::<(), spikegrad_nir::NirError>(())
    /// ```
    pub fn new<S: AsRef<str>>(mut nodes: Vec<Node>, edges: &[(S, S)]) -> Result<Self, NirError> {
        nodes.sort_by(|a, b| a.name.cmp(&b.name));
        if let Some(pair) = nodes.windows(2).find(|pair| pair[0].name == pair[1].name) {
            return Err(NirError::Twice { node: pair[0].name.clone() });
        }
        let position = |name: &str| nodes.binary_search_by(|node| node.name.as_str().cmp(name));
        let mut found = Vec::new();
        for (from, to) in edges {
            let (from, to) = (from.as_ref(), to.as_ref());
            let (Ok(a), Ok(b)) = (position(from), position(to)) else {
                let names = nodes.iter().map(|node| node.name.as_str());
                return Err(missing_end(from, to, "", names));
            };
            found.push((a, b));
        }
        found.sort_unstable();
        found.dedup();
        let mut backwards: Vec<_> = found.iter().map(|&(from, to)| (to, from)).collect();
        backwards.sort_unstable();
        Ok(Self { nodes, edges: found, backwards })
    }

    /// The nodes, in the order of their names.
    #[must_use]
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// Positions of nodes, from and to, in order.
    #[must_use]
    pub fn edges(&self) -> &[(usize, usize)] {
        &self.edges
    }

    /// The nodes that lead to the one at a position, in order.
    pub(crate) fn before(&self, node: usize) -> impl DoubleEndedIterator<Item = usize> {
        neighbours(&self.backwards, node)
    }

    /// The nodes that the one at a position leads to, in order.
    pub(crate) fn behind(&self, node: usize) -> impl DoubleEndedIterator<Item = usize> {
        neighbours(&self.edges, node)
    }

    /// The graph without graphs within it.
    pub(crate) fn flatten(nested: Nested) -> Result<Self, NirError> {
        let (mut nodes, mut edges) = (Vec::new(), Vec::new());
        flatten(nested, "", &mut nodes, &mut edges)?;
        Self::new(nodes, &edges)
    }
}

/// What the first of sorted pairs is joined to.
fn neighbours(pairs: &[(usize, usize)], of: usize) -> impl DoubleEndedIterator<Item = usize> {
    let start = pairs.partition_point(|pair| pair.0 < of);
    let end = pairs.partition_point(|pair| pair.0 <= of);
    pairs[start..end].iter().map(|pair| pair.1)
}

fn missing_end<'a>(
    from: &str,
    to: &str,
    graph: &str,
    names: impl Iterator<Item = &'a str>,
) -> NirError {
    NirError::Edge {
        from: from.into(),
        to: to.into(),
        graph: if graph.is_empty() { "the graph".into() } else { format!("the graph {graph}") },
        names: names.collect::<Vec<_>>().join(", "),
    }
}

/// Adds the nodes and edges of a graph whose name is `name`, empty for the outermost, and returns its ends.
fn flatten(
    nested: Nested,
    name: &str,
    nodes: &mut Vec<Node>,
    edges: &mut Vec<(String, String)>,
) -> Result<Ends, NirError> {
    let mut ends: BTreeMap<String, Ends> = BTreeMap::new();
    let mut own = Ends { inputs: Vec::new(), outputs: Vec::new() };
    for (key, part) in nested.parts {
        let full = if name.is_empty() { key.clone() } else { format!("{name}.{key}") };
        let of = match part {
            Part::Graph(inner) => flatten(inner, &full, nodes, edges)?,
            Part::Node(mut node) => {
                match node.kind {
                    Kind::Input => own.inputs.push(full.clone()),
                    Kind::Output => own.outputs.push(full.clone()),
                    _ => {}
                }
                // What enters a nested graph leaves its Input as it came.
                if !name.is_empty() && matches!(node.kind, Kind::Input | Kind::Output) {
                    node = Node::new("", Kind::Flatten);
                }
                node.name.clone_from(&full);
                nodes.push(node);
                Ends { inputs: vec![full.clone()], outputs: vec![full] }
            }
        };
        ends.insert(key, of);
    }
    for (from, to) in &nested.edges {
        let (Some(a), Some(b)) = (ends.get(from), ends.get(to)) else {
            return Err(missing_end(from, to, name, ends.keys().map(String::as_str)));
        };
        let one = |list: &[String], node: &str, kind: Kind| match list {
            [one] => Ok(one.clone()),
            _ => Err(NirError::Ends { node: node.into(), found: list.len(), kind: kind.name() }),
        };
        edges.push((one(&a.outputs, from, Kind::Output)?, one(&b.inputs, to, Kind::Input)?));
    }
    Ok(own)
}
