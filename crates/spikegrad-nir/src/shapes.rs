//! The shapes of what enters and leaves each node, as far as the graph tells.
//!
//! Not here: whether what enters by several edges fits (`linear.rs` checks each).

use crate::windows::Windows;
use crate::{Graph, Kind, NirError, Node};
use std::collections::VecDeque;

/// For each node of a graph.
#[derive(Debug)]
pub(crate) struct Shapes {
    /// What enters, as the first edge that tells has it.
    entering: Vec<Option<Vec<usize>>>,
    /// What leaves.
    leaving: Vec<Option<Vec<usize>>>,
}

impl Shapes {
    pub(crate) fn of(graph: &Graph) -> Result<Self, NirError> {
        let nodes = graph.nodes();
        let mut shapes =
            Self { entering: vec![None; nodes.len()], leaving: vec![None; nodes.len()] };
        let mut known = VecDeque::new();
        for (k, node) in nodes.iter().enumerate() {
            shapes.leaving[k] = own(node)?;
            known.extend(shapes.leaving[k].is_some().then_some(k));
        }
        // A neuron with one number for all has as many members as what enters it, and else one.
        let single = (0..nodes.len()).filter(|&k| nodes[k].kind.is_neuron());
        let mut single = single.collect::<VecDeque<_>>();
        loop {
            while let Some(k) = known.pop_front() {
                for next in graph
                    .behind(k)
                    .filter(|&next| shapes.entering[next].is_none())
                    .collect::<Vec<_>>()
                {
                    shapes.entering[next].clone_from(&shapes.leaving[k]);
                    if shapes.leaving[next].is_none()
                        && let Some(entering) = &shapes.entering[next]
                    {
                        shapes.leaving[next] = Some(derived(&nodes[next], entering)?);
                        known.push_back(next);
                    }
                }
            }
            let Some(k) = single.pop_front() else { return Ok(shapes) };
            if shapes.leaving[k].is_none() {
                shapes.leaving[k] = Some(vec![1]);
                known.push_back(k);
            }
        }
    }

    /// The shape of what enters a node.
    pub(crate) fn entering(&self, graph: &Graph, k: usize) -> Result<&[usize], NirError> {
        self.entering[k]
            .as_deref()
            .ok_or_else(|| NirError::Unknown { node: graph.nodes()[k].name.clone() })
    }

    /// How many channels leave a node.
    pub(crate) fn size(&self, graph: &Graph, k: usize) -> Result<usize, NirError> {
        let unknown = || NirError::Unknown { node: graph.nodes()[k].name.clone() };
        self.leaving[k].as_deref().map(product).ok_or_else(unknown)
    }
}

/// The number of entries of an array of this shape.
pub(crate) fn product(shape: &[usize]) -> usize {
    shape.iter().fold(1, |product, &n| product.saturating_mul(n))
}

/// The shape of what leaves a node, if the node itself tells.
fn own(node: &Node) -> Result<Option<Vec<usize>>, NirError> {
    Ok(match node.kind {
        Kind::Input => Some(node.sizes("shape")?),
        Kind::Affine | Kind::Linear => Some(vec![matrix(node)?[0]]),
        Kind::Conv1d | Kind::Conv2d if node.numbers("input_shape").is_some() => {
            Some(Windows::of(node, &[])?.output_shape().to_vec())
        }
        Kind::Output
        | Kind::Flatten
        | Kind::Conv1d
        | Kind::Conv2d
        | Kind::SumPool2d
        | Kind::AvgPool2d => None,
        _ => {
            let arrays = node.fields.keys().filter_map(|field| node.numbers(field));
            let longest = arrays.max_by_key(|array| array.values.len());
            longest.filter(|array| array.values.len() > 1).map(|array| array.shape.clone())
        }
    })
}

/// The shape of what leaves a node that this enters.
fn derived(node: &Node, entering: &[usize]) -> Result<Vec<usize>, NirError> {
    Ok(match node.kind {
        Kind::Flatten => vec![product(entering)],
        Kind::Conv1d | Kind::Conv2d | Kind::SumPool2d | Kind::AvgPool2d => {
            Windows::of(node, entering)?.output_shape().to_vec()
        }
        _ => entering.to_vec(),
    })
}

/// Rows and columns of the weights of a linear node.
pub(crate) fn matrix(node: &Node) -> Result<[usize; 2], NirError> {
    let shape = &node.needs("weight")?.shape;
    <[usize; 2]>::try_from(shape.as_slice()).map_err(|_| NirError::Shape {
        node: node.name.clone(),
        field: "weight",
        found: shape.clone(),
        expected: "two axes, targets and sources",
    })
}
