//! NIR files: HDF5 with the groups and names of the Python package `nir`.
//!
//! ```text
//! /version                              a string
//! /node/type                            "NIRGraph"
//! /node/edges                           pairs of names
//! /node/nodes/NAME/type, FIELD, …       a node; a nested graph has edges and nodes in turn
//! ```
//!
//! Not here: what nodes mean.

use crate::graph::{Nested, Part};
use crate::{Array, Field, Graph, Kind, NirError, Node};
use hdf5_pure::{DType, Dataset, File, FileBuilder, Group};
use spikegrad_report::write_beside;
use std::path::Path;

/// The version of NIR whose layout files are written in.
const VERSION: &str = "1.0.8";

/// Graphs within graphs that are followed: a file may contain itself.
const DEEPEST: usize = 32;

/// Opens a file of HDF5.
pub(crate) fn open(path: &Path) -> Result<File, NirError> {
    File::open(path).map_err(|reason| match reason {
        hdf5_pure::Error::Io(reason) => NirError::Read { path: path.to_path_buf(), reason },
        reason => NirError::Open { path: path.to_path_buf(), reason: Box::new(reason) },
    })
}

/// What could not be read, and what it should have been.
pub(crate) fn part<T>(
    place: &str,
    expected: &'static str,
    result: Result<T, hdf5_pure::Error>,
) -> Result<T, NirError> {
    result.map_err(|reason| NirError::Part {
        place: place.into(),
        expected,
        reason: Box::new(reason),
    })
}

/// The names of the groups, or of the data sets, of a group, in order.
pub(crate) fn names(
    place: &str,
    list: Result<Vec<String>, hdf5_pure::Error>,
) -> Result<Vec<String>, NirError> {
    let mut names = part(place, "a group", list)?;
    names.sort_unstable();
    Ok(names)
}

/// The numbers of a data set, which must be finite.
pub(crate) fn array(place: &str, data: &Dataset) -> Result<Array, NirError> {
    let shape = part(place, "an array", data.shape())?;
    let values = part(place, "numbers", data.read_f64())?;
    if let Some(x) = values.iter().find(|x| !x.is_finite()) {
        return Err(NirError::Found {
            place: place.into(),
            found: format!("{x:?}"),
            expected: "a finite number everywhere".into(),
        });
    }
    let length = |n: u64| {
        usize::try_from(n).map_err(|_| NirError::Found {
            place: place.into(),
            found: format!("an array with an axis of {n}"),
            expected: "one that fits into memory".into(),
        })
    };
    Ok(Array { shape: shape.into_iter().map(length).collect::<Result<_, _>>()?, values })
}

fn texts(place: &str, group: &Group, name: &str) -> Result<Vec<String>, NirError> {
    let data = part(place, "a string", group.dataset(name))?;
    part(place, "a string", data.read_string())
}

fn text(place: &str, group: &Group, name: &str) -> Result<String, NirError> {
    let place = format!("{place}/{name}");
    texts(&place, group, name)?.pop().ok_or_else(|| NirError::Found {
        place,
        found: "empty".into(),
        expected: "a string".into(),
    })
}

impl Graph {
    /// Reads the graph of a NIR file, of versions 0.1.1 to 1.0.8.
    ///
    /// # Errors
    /// [`NirError`], if the file is none of NIR, has a node of an unknown type, or an edge without its node.
    pub fn read(path: &Path) -> Result<Self, NirError> {
        let file = open(path)?;
        let node = part("/node", "the group of a NIR graph", file.group("node"))?;
        let kind = text("/node", &node, "type")?;
        if kind != "NIRGraph" {
            return Err(NirError::Found {
                place: "/node/type".into(),
                found: kind,
                expected: "NIRGraph: put the node into a graph with an Input and an Output".into(),
            });
        }
        Self::flatten(nested("/node", &node, 0)?)
    }

    /// Writes the graph as a NIR file, which replaces what stands at `path` when all of it is on the disk.
    ///
    /// # Errors
    /// [`NirError::Layout`] or [`NirError::Write`].
    pub fn write(&self, path: &Path) -> Result<(), NirError> {
        let mut file = FileBuilder::new();
        file.create_dataset("version").with_vlen_strings(&[VERSION]).with_shape(&[]);
        let mut graph = file.create_group("node");
        graph.create_dataset("type").with_vlen_strings(&["NIRGraph"]).with_shape(&[]);
        let name = |k: usize| self.nodes()[k].name.as_str();
        let ends: Vec<&str> =
            self.edges().iter().flat_map(|&(from, to)| [name(from), name(to)]).collect();
        graph
            .create_dataset("edges")
            .with_vlen_strings(&ends)
            .with_shape(&[self.edges().len() as u64, 2]);
        let mut nodes = graph.create_group("nodes");
        for node in self.nodes() {
            let mut group = nodes.create_group(&node.name);
            group.create_dataset("type").with_vlen_strings(&[node.kind.name()]).with_shape(&[]);
            for (name, field) in &node.fields {
                let data = group.create_dataset(name);
                match field {
                    Field::Text(text) => data.with_vlen_strings(&[text]).with_shape(&[]),
                    Field::Numbers(Array { shape, values }) => {
                        let shape: Vec<u64> = shape.iter().map(|&n| n as u64).collect();
                        if matches!(node.kind, Kind::Input | Kind::Output) {
                            data.with_i64_data(&whole(values)).with_shape(&shape)
                        } else {
                            data.with_f64_data(values).with_shape(&shape)
                        }
                    }
                };
            }
            nodes.add_group(group.finish());
        }
        graph.add_group(nodes.finish());
        file.add_group(graph.finish());
        let bytes = file.finish().map_err(|reason| NirError::Layout(Box::new(reason)))?;
        Ok(write_beside(path, &bytes)?)
    }
}

/// Lengths of axes, which are whole numbers in the file.
#[expect(clippy::cast_possible_truncation, reason = "lengths of axes in memory")]
pub(crate) fn whole(values: &[f64]) -> Vec<i64> {
    values.iter().map(|&x| x as i64).collect()
}

fn nested(place: &str, group: &Group, depth: usize) -> Result<Nested, NirError> {
    let edges_at = format!("{place}/edges");
    let ends = texts(&edges_at, group, "edges")?;
    if ends.len() % 2 == 1 {
        return Err(NirError::Found {
            place: edges_at,
            found: format!("{} names", ends.len()),
            expected: "pairs of names".into(),
        });
    }
    let edges = ends.chunks_exact(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect();
    let nodes_at = format!("{place}/nodes");
    let nodes = part(&nodes_at, "the group of its nodes", group.group("nodes"))?;
    let mut graph = Nested { edges, ..Nested::default() };
    for name in names(&nodes_at, nodes.groups())? {
        let place = format!("{nodes_at}/{name}");
        let inner = part(&place, "the group of a node", nodes.group(&name))?;
        let kind = text(&place, &inner, "type")?;
        let part = if kind == "NIRGraph" {
            if depth == DEEPEST {
                return Err(NirError::Nesting { node: name, depth });
            }
            Part::Graph(nested(&place, &inner, depth + 1)?)
        } else {
            Part::Node(node(&place, &inner, &name, &kind)?)
        };
        graph.parts.insert(name, part);
    }
    Ok(graph)
}

fn node(place: &str, group: &Group, name: &str, kind: &str) -> Result<Node, NirError> {
    let Some(kind) = Kind::ALL.into_iter().find(|known| known.name() == kind) else {
        let known = Kind::ALL.map(Kind::name).join(", ");
        return Err(NirError::Kind { node: name.into(), kind: kind.into(), known });
    };
    let mut node = Node::new(name, kind);
    for field in names(place, group.datasets())? {
        let place = format!("{place}/{field}");
        let data = part(&place, "an array", group.dataset(&field))?;
        let value = match part(&place, "an array", data.dtype())? {
            DType::String | DType::VariableLengthString => {
                let text = part(&place, "a string", data.read_string())?.pop();
                Field::Text(text.unwrap_or_default())
            }
            _ => Field::Numbers(array(&place, &data)?),
        };
        if field != "type" {
            node.fields.insert(field, value);
        }
    }
    Ok(node)
}
