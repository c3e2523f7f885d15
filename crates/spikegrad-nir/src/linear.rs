//! The linear nodes between a population and what drives it, multiplied out path by path.
//!
//! From a population backwards, each edge leads to a source (an Input or another population) or to a linear node, behind which the walk goes on. What such
//! a node adds to every channel is a constant drive of the population. A delay moves to the end of the path that its channels lead to unmixed.
//!
//! Not here: how maps are multiplied (`form.rs`), what a drive does to a neuron (`neurons.rs`).

use crate::form::{Form, MOST_SYNAPSES, uniform};
use crate::shapes::{Shapes, matrix};
use crate::windows::Windows;
use crate::{Graph, Kind, NirError, Node};

/// Most paths that are followed to one population.
const MOST_PATHS: usize = 10_000;

/// One way from a source to a population.
#[derive(Clone, Debug)]
pub(crate) struct Path {
    /// Position of the node where it begins.
    pub(crate) source: usize,
    /// Channels there.
    pub(crate) pre: usize,
    pub(crate) form: Form,
    pub(crate) delay: Delay,
}

/// The delay of a path: the sum of what holds for all synapses, by their source, and by their target.
#[derive(Clone, Debug, Default)]
pub(crate) struct Delay {
    pub(crate) all: f64,
    by_source: Option<Vec<f64>>,
    by_target: Option<Vec<f64>>,
    /// The node that last differed by source.
    node: usize,
}

impl Delay {
    /// The delay of a synapse.
    pub(crate) fn of(&self, pre: usize, post: usize) -> f64 {
        let at = |list: &Option<Vec<f64>>, k: usize| list.as_ref().map_or(0.0, |list| list[k]);
        self.all + at(&self.by_source, pre) + at(&self.by_target, post)
    }

    /// Whether it is the same for all synapses.
    pub(crate) fn is_uniform(&self) -> bool {
        self.by_source.is_none() && self.by_target.is_none()
    }

    /// Adds the delays of channels at a node of the path: `is_mixed` if weights stand behind it.
    fn add(&mut self, delays: &[f64], node: usize, is_mixed: bool) {
        if let Some(delay) = uniform(delays) {
            self.all += delay;
            return;
        }
        let list = if is_mixed {
            self.node = node;
            &mut self.by_source
        } else {
            &mut self.by_target
        };
        match list {
            Some(list) => list.iter_mut().zip(delays).for_each(|(sum, d)| *sum += d),
            None => *list = Some(delays.to_vec()),
        }
    }
}

/// What drives a population.
#[derive(Clone, Debug)]
pub(crate) struct Drive {
    pub(crate) paths: Vec<Path>,
    /// The constant that enters each neuron.
    pub(crate) constant: Vec<f64>,
    /// Whether a constant passes a delay on its way.
    pub(crate) delays_constant: bool,
}

/// Checks that no loop consists of linear nodes alone.
pub(crate) fn check_loops(graph: &Graph) -> Result<(), NirError> {
    let is_linear = |k: &usize| !is_source(&graph.nodes()[*k]);
    let mut waiting: Vec<usize> =
        (0..graph.nodes().len()).map(|k| graph.before(k).filter(is_linear).count()).collect();
    let mut ready: Vec<usize> = (0..waiting.len()).filter(|&k| waiting[k] == 0).collect();
    let mut is_done = vec![false; waiting.len()];
    while let Some(k) = ready.pop() {
        is_done[k] = true;
        if !is_linear(&k) {
            continue;
        }
        for next in graph.behind(k) {
            waiting[next] -= 1;
            ready.extend((waiting[next] == 0).then_some(next));
        }
    }
    let in_loop = |k: &usize| is_linear(k) && !is_done[*k];
    match (0..waiting.len()).find(in_loop) {
        None => Ok(()),
        Some(k) => Err(NirError::LinearLoop { node: graph.nodes()[k].name.clone() }),
    }
}

/// Whether paths begin at the node.
fn is_source(node: &Node) -> bool {
    node.kind == Kind::Input || node.kind.is_neuron()
}

/// What a linear node does.
enum Step {
    Nothing,
    Map(Form),
    Delay(Vec<f64>),
}

impl Drive {
    /// What drives the population of `size` neurons at a position, in a graph whose loops have been checked.
    pub(crate) fn of(
        graph: &Graph,
        shapes: &Shapes,
        target: usize,
        size: usize,
    ) -> Result<Self, NirError> {
        let name = || graph.nodes()[target].name.clone();
        let mut drive = Self { paths: vec![], constant: vec![0.0; size], delays_constant: false };
        let start = |source| Path {
            source,
            pre: size,
            form: Form::identity(size),
            delay: Delay::default(),
        };
        let mut open: Vec<(Path, usize)> =
            graph.before(target).rev().map(|source| (start(source), target)).collect();
        let mut followed = 0;
        while let Some((path, behind)) = open.pop() {
            followed += 1;
            if followed > MOST_PATHS {
                return Err(NirError::Paths { node: name(), limit: MOST_PATHS });
            }
            let node = &graph.nodes()[path.source];
            let leaving = shapes.size(graph, path.source)?;
            if leaving != path.pre {
                return Err(NirError::Size {
                    node: node.name.clone(),
                    field: "the output",
                    found: leaving,
                    expected: path.pre,
                });
            }
            if node.kind == Kind::CubaLI {
                return Err(NirError::Potential {
                    node: node.name.clone(),
                    kind: node.kind.name(),
                    into: graph.nodes()[behind].name.clone(),
                });
            }
            if is_source(node) {
                drive.paths.push(path);
                continue;
            }
            let here = path.source;
            let path = drive.through(graph, shapes, path, size)?;
            for source in graph.before(here).rev() {
                open.push((Path { source, ..path.clone() }, here));
            }
        }
        Ok(drive)
    }

    /// The path from before a linear node, whose constant is added.
    fn through(
        &mut self,
        graph: &Graph,
        shapes: &Shapes,
        path: Path,
        size: usize,
    ) -> Result<Path, NirError> {
        let Path { source, pre: between, form, mut delay } = path;
        let node = &graph.nodes()[source];
        if let Some(bias) = bias(node, between)?.filter(|bias| bias.iter().any(|&b| b != 0.0)) {
            let constant = form.apply(&bias, size);
            self.constant.iter_mut().zip(constant).for_each(|(sum, b)| *sum += b);
            self.delays_constant |= delay.all != 0.0 || !delay.is_uniform();
        }
        let (step, pre) = step(graph, shapes, source, between)?;
        let form = match step {
            Step::Nothing => form,
            Step::Delay(delays) => {
                delay.add(&delays, source, !form.is_diagonal());
                form
            }
            Step::Map(earlier) => {
                if !earlier.is_diagonal() && delay.by_source.is_some() {
                    let node = graph.nodes()[delay.node].name.clone();
                    return Err(NirError::DelayBetween { node });
                }
                let sizes = [pre, between, size];
                let count = form.count_with(&earlier, sizes);
                if count > MOST_SYNAPSES {
                    let limit = MOST_SYNAPSES;
                    return Err(NirError::Synapses { node: node.name.clone(), count, limit });
                }
                form.after(&earlier, sizes)
            }
        };
        Ok(Path { source, pre, form, delay })
    }
}

/// What a linear node of `post` channels adds to each.
fn bias(node: &Node, post: usize) -> Result<Option<Vec<f64>>, NirError> {
    match node.kind {
        Kind::Affine => {
            let bias = node.needs("bias")?;
            node.spread("bias", bias, post).map(Some)
        }
        Kind::Conv1d | Kind::Conv2d => {
            let channels = node.needs("weight")?.shape.first().map_or(1, |&n| n.max(1));
            let Some(bias) = node.numbers("bias") else { return Ok(None) };
            let of_channel = node.spread("bias", bias, channels)?;
            Ok(Some((0..post).map(|k| of_channel[k / (post / channels)]).collect()))
        }
        _ => Ok(None),
    }
}

/// What a linear node of `post` channels does, and how many channels enter it.
fn step(graph: &Graph, shapes: &Shapes, k: usize, post: usize) -> Result<(Step, usize), NirError> {
    let node = &graph.nodes()[k];
    Ok(match node.kind {
        Kind::Flatten => (Step::Nothing, post),
        Kind::Scale => {
            let scale = node.spread("scale", node.needs("scale")?, post)?;
            (Step::Map(Form::Diagonal(scale)), post)
        }
        Kind::Delay => {
            let delays = node.spread("delay", node.needs("delay")?, post)?;
            if let Some(delay) = delays.iter().find(|&&delay| delay < 0.0) {
                return Err(NirError::Found {
                    place: format!("delay of node {}", node.name),
                    found: format!("{delay:?}"),
                    expected: "a time in seconds, 0 or more".into(),
                });
            }
            (Step::Delay(delays), post)
        }
        Kind::Affine | Kind::Linear => {
            let weights = node.needs("weight")?.values.clone();
            (Step::Map(Form::Dense(weights)), matrix(node)?[1])
        }
        Kind::Conv1d | Kind::Conv2d | Kind::SumPool2d | Kind::AvgPool2d => {
            let entering = shapes.entering(graph, k).or_else(|unknown| {
                if node.numbers("input_shape").is_some() { Ok(&[][..]) } else { Err(unknown) }
            })?;
            let windows = Windows::of(node, entering)?;
            (Step::Map(windows.form(node)?), windows.pre())
        }
        kind => {
            return Err(NirError::NoCounterpart {
                node: node.name.clone(),
                kind: kind.name(),
                reason: refusal(kind),
            });
        }
    })
}

/// Why the engine has no counterpart of a type, and what to take.
pub(crate) fn refusal(kind: Kind) -> &'static str {
    match kind {
        Kind::Threshold => {
            "compares a signal that does not spike; take a LIF or an IF with this threshold"
        }
        Kind::LI | Kind::I => {
            "integrates pulses without a threshold, which no model of the engine does; take a CubaLI with a short tau_syn"
        }
        Kind::Output => "ends the graph; let nothing follow it",
        _ => "is no linear map",
    }
}
