//! Recorded spikes and signals in NIR's files of data (`NIRGraphData`): for each node its observables.
//!
//! ```text
//! /                                      __type__ = "NIRGraphData"
//! /nodes/NAME                            __type__ = "NIRNodeData", or a graph again
//! /nodes/NAME/observables/NAME           __type__ = "EventData": idx, time; n_neurons, t_max
//!                                                   "ValuedEventData": and value
//!                                                   "TimeGriddedData": data; dt
//! ```
//!
//! Samples are rows; where one has fewer events than the longest, NIR fills it with index −1 and an infinite time. Here they stand one behind the
//! other, sorted by time.
//!
//! Not here: graphs of nodes (`file.rs`).

use crate::file::{names, open, part};
use crate::{Array, NirError, file};
use hdf5_pure::{AttrValue, Dataset, EnumTypeBuilder, FileBuilder, Group};
use spikegrad_network::SpikeTrains;
use spikegrad_report::write_beside;
use std::collections::BTreeMap;
use std::path::Path;

/// What was recorded of one quantity of a node.
#[derive(Clone, Debug, PartialEq)]
pub enum Observable {
    /// Events of neurons, such as spikes.
    Events {
        /// Their times and neurons, sample by sample.
        spikes: SpikeTrains,
        /// A number for each, in the same order, if events have one.
        values: Option<Vec<f64>>,
        /// How long the recording lasts, in seconds.
        t_max: f64,
    },
    /// Numbers at steps of time.
    Grid {
        /// Samples, steps, and neurons.
        data: Array,
        /// Whether the numbers are no more than yes and no.
        is_binary: bool,
        /// The step, in seconds.
        dt: f64,
    },
}

/// Recorded observables, by the names of nodes and their own; nodes of nested graphs are called `outer.inner`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GraphData {
    /// For each node its observables.
    pub nodes: BTreeMap<String, BTreeMap<String, Observable>>,
}

/// Graphs within graphs that are followed.
const DEEPEST: usize = 32;

fn found<T>(place: String, found: impl Into<String>, expected: &str) -> Result<T, NirError> {
    Err(NirError::Found { place, found: found.into(), expected: expected.into() })
}

impl GraphData {
    /// Reads a file of NIR data.
    ///
    /// # Errors
    /// [`NirError`], if the file holds no NIR data, or events that are out of range.
    pub fn read(path: impl AsRef<Path>) -> Result<Self, NirError> {
        let file = open(path.as_ref())?;
        let mut data = Self::default();
        data.read_graph("", "", &file.root(), 0)?;
        Ok(data)
    }

    fn read_graph(
        &mut self,
        place: &str,
        name: &str,
        group: &Group,
        depth: usize,
    ) -> Result<(), NirError> {
        let kind = word(place, group)?;
        let full =
            |key: &str| if name.is_empty() { key.to_owned() } else { format!("{name}.{key}") };
        if kind == "NIRNodeData" && depth > 0 {
            let mut observables = BTreeMap::new();
            let place = format!("{place}/observables");
            let list = part(&place, "the group of observables", group.group("observables"))?;
            for key in names(&place, list.groups())? {
                let place = format!("{place}/{key}");
                let of = part(&place, "an observable", list.group(&key))?;
                observables.insert(key, observable(&place, &of)?);
            }
            if self.nodes.insert(name.into(), observables).is_some() {
                return Err(NirError::Twice { node: name.into() });
            }
            return Ok(());
        }
        if kind != "NIRGraphData" {
            let expected = "NIRGraphData, or within it NIRNodeData";
            return found(format!("__type__ of {place}/"), kind, expected);
        }
        if depth > DEEPEST {
            return Err(NirError::Nesting { node: name.into(), depth });
        }
        let place = format!("{place}/nodes");
        let nodes = part(&place, "the group of nodes", group.group("nodes"))?;
        for key in names(&place, nodes.groups())? {
            let place = format!("{place}/{key}");
            let inner = part(&place, "a node", nodes.group(&key))?;
            self.read_graph(&place, &full(&key), &inner, depth + 1)?;
        }
        Ok(())
    }

    /// Writes a file of NIR data, which replaces what stands at `path` when all of it is on the disk.
    ///
    /// # Errors
    /// [`NirError::Spikes`] for spikes that are no spike trains, [`NirError::Found`] for values that do not fit them, [`NirError::Layout`] or [`NirError::Write`].
    pub fn write(&self, path: impl AsRef<Path>) -> Result<(), NirError> {
        let mut file = FileBuilder::new();
        file.set_attr("__type__", text("NIRGraphData"));
        let mut nodes = file.create_group("nodes");
        for (name, observables) in &self.nodes {
            let mut node = nodes.create_group(name);
            node.set_attr("__type__", text("NIRNodeData"));
            let mut list = node.create_group("observables");
            for (key, observable) in observables {
                let mut group = list.create_group(key);
                observable.write(&format!("{name}/{key}"), &mut group)?;
                list.add_group(group.finish());
            }
            node.add_group(list.finish());
            nodes.add_group(node.finish());
        }
        file.add_group(nodes.finish());
        let bytes = file.finish().map_err(|reason| NirError::Layout(Box::new(reason)))?;
        Ok(write_beside(path.as_ref(), &bytes)?)
    }
}

fn text(value: &str) -> AttrValue {
    AttrValue::VarLenString(value.into())
}

/// The type that a group names.
fn word(place: &str, group: &Group) -> Result<String, NirError> {
    let attributes = part(place, "a group of NIR data", group.attrs())?;
    match attributes.get("__type__").and_then(AttrValue::as_str) {
        Some(word) => Ok(word.into()),
        None => found(format!("__type__ of {place}/"), "missing", "the type of NIR data"),
    }
}

/// A number that a group has as an attribute.
fn number(place: &str, group: &Group, name: &str) -> Result<f64, NirError> {
    let attributes = part(place, "a group of NIR data", group.attrs())?;
    let value = attributes.get(name);
    #[expect(
        clippy::cast_precision_loss,
        reason = "a number of neurons, checked against 2³² where it is used"
    )]
    let number = value.and_then(|v| v.as_f64().or_else(|| v.as_i64().map(|n| n as f64)));
    match number.filter(|x| x.is_finite() && *x >= 0.0) {
        Some(x) => Ok(x),
        None => found(format!("{name} of {place}"), format!("{value:?}"), "a number, 0 or more"),
    }
}

fn data(place: &str, group: &Group, name: &str) -> Result<(Dataset, Vec<usize>), NirError> {
    let data = part(&format!("{place}/{name}"), "an array", group.dataset(name))?;
    let shape = part(place, "an array", data.shape())?;
    let length = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
    Ok((data, shape.into_iter().map(length).collect()))
}

fn observable(place: &str, group: &Group) -> Result<Observable, NirError> {
    let kind = word(place, group)?;
    match kind.as_str() {
        "EventData" => events(place, group, false),
        "ValuedEventData" => events(place, group, true),
        "TimeGriddedData" => {
            let (data, shape) = data(place, group, "data")?;
            let at = format!("{place}/data");
            if shape.len() != 3 {
                return found(at, format!("of the shape {shape:?}"), "samples, steps and neurons");
            }
            let is_binary =
                matches!(part(&at, "numbers", data.dtype())?, hdf5_pure::DType::Enum(_));
            let data = if is_binary {
                // NumPy's booleans are bytes that have names.
                let bytes = part(&at, "booleans", data.read_raw())?;
                Array { shape, values: bytes.into_iter().map(f64::from).collect() }
            } else {
                file::array(&at, &data)?
            };
            Ok(Observable::Grid { data, is_binary, dt: number(place, group, "dt")? })
        }
        _ => found(
            format!("__type__ of {place}"),
            kind,
            "EventData, ValuedEventData or TimeGriddedData",
        ),
    }
}

fn events(place: &str, group: &Group, is_valued: bool) -> Result<Observable, NirError> {
    let (idx, shape) = data(place, group, "idx")?;
    let idx = part(place, "indices", idx.read_i64())?;
    let (time, of_time) = data(place, group, "time")?;
    let time = part(place, "times", time.read_f64())?;
    let values = if is_valued {
        let (value, of_value) = data(place, group, "value")?;
        let value = part(place, "values", value.read_f64())?;
        Some(value).filter(|_| of_value == shape)
    } else {
        None
    };
    let (&[samples, longest], true) =
        (shape.as_slice(), shape == of_time && is_valued == values.is_some())
    else {
        let shapes = format!("of arrays of the shapes {shape:?} and {of_time:?}");
        return found(place.into(), shapes, "of arrays of one shape, samples and events");
    };
    let n_neurons = number(place, group, "n_neurons")?;
    if n_neurons.fract() != 0.0 || n_neurons > f64::from(u32::MAX) {
        return found(
            format!("n_neurons of {place}"),
            format!("{n_neurons:?}"),
            "a whole number below 2³²",
        );
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked")]
    let mut spikes = SpikeTrains::new(n_neurons as usize);
    let mut kept = Vec::new();
    for sample in 0..samples {
        let mut events = Vec::new();
        for k in sample * longest..(sample + 1) * longest {
            if idx[k] == -1 {
                continue;
            }
            let channel = u32::try_from(idx[k]).ok().filter(|&n| f64::from(n) < n_neurons);
            let Some(channel) = channel else {
                let expected = format!("-1, or a neuron below {n_neurons:?}");
                return found(format!("{place}/idx[{sample}]"), idx[k].to_string(), &expected);
            };
            events.push((time[k], channel, k));
        }
        events.sort_by(|a, b| a.0.total_cmp(&b.0));
        kept.extend(events.iter().map(|event| event.2));
        spikes.push(&mut events.iter().map(|event| (event.0, event.1)).collect::<Vec<_>>());
    }
    spikes.check().map_err(|reason| NirError::Spikes { place: place.into(), reason })?;
    let values = values.map(|values| kept.iter().map(|&k| values[k]).collect());
    Ok(Observable::Events { spikes, values, t_max: number(place, group, "t_max")? })
}

impl Observable {
    fn write(&self, place: &str, group: &mut hdf5_pure::GroupBuilder) -> Result<(), NirError> {
        match self {
            Self::Events { spikes, values, t_max } => {
                spikes
                    .check()
                    .map_err(|reason| NirError::Spikes { place: place.into(), reason })?;
                if values.as_ref().is_some_and(|values| values.len() != spikes.times.len()) {
                    return found(
                        place.into(),
                        "an observable with another number of values than of events",
                        "one with a value for each event",
                    );
                }
                let longest = spikes.offsets.windows(2).map(|of| of[1] - of[0]).max().unwrap_or(0);
                let shape = [spikes.len() as u64, longest as u64];
                let rows = |k: usize| spikes.offsets[k]..spikes.offsets[k + 1];
                let padded = |list: &dyn Fn(usize) -> f64, empty: f64| -> Vec<f64> {
                    let row = |k: usize| {
                        rows(k).map(list).chain(std::iter::repeat_n(empty, longest - rows(k).len()))
                    };
                    (0..spikes.len()).flat_map(row).collect()
                };
                let idx = padded(&|s| f64::from(spikes.channel[s]), -1.0);
                group.create_dataset("idx").with_i64_data(&file::whole(&idx)).with_shape(&shape);
                let time = padded(&|s| spikes.times[s], f64::INFINITY);
                group.create_dataset("time").with_f64_data(&time).with_shape(&shape);
                let kind = if let Some(values) = values {
                    let value = padded(&|s| values[s], 0.0);
                    group.create_dataset("value").with_f64_data(&value).with_shape(&shape);
                    "ValuedEventData"
                } else {
                    "EventData"
                };
                group.set_attr("__type__", text(kind));
                group.set_attr("n_neurons", AttrValue::U64(spikes.channels as u64));
                group.set_attr("t_max", AttrValue::F64(*t_max));
            }
            Self::Grid { data, is_binary, dt } => {
                let shape: Vec<u64> = data.shape.iter().map(|&n| n as u64).collect();
                if shape.len() != 3 {
                    return found(
                        place.into(),
                        format!("of the shape {shape:?}"),
                        "samples, steps and neurons",
                    );
                }
                let dataset = group.create_dataset("data");
                if *is_binary {
                    let boolean = EnumTypeBuilder::u8_based().value("FALSE", 0).value("TRUE", 1);
                    let boolean = boolean
                        .build()
                        .map_err(|reason| NirError::Layout(Box::new(reason.into())))?;
                    let bytes: Vec<u8> = data.values.iter().map(|&x| u8::from(x != 0.0)).collect();
                    dataset.with_enum_u8_data(boolean, &bytes);
                } else {
                    dataset.with_f64_data(&data.values);
                }
                dataset.with_shape(&shape);
                group.set_attr("__type__", text("TimeGriddedData"));
                group.set_attr("dt", AttrValue::F64(*dt));
            }
        }
        Ok(())
    }
}
