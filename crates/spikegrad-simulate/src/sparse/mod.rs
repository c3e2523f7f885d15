//! Sparse networks with delays: windows of time in which everything that arrives is known before, and neurons that are not moved but looked at.
//!
//! A spike is heard no earlier than the smallest delay after it, so a window of that length can be run without a queue of arrivals, and each part of the neurons by
//! itself. Neurons stand as sums relative to a time that all share (`spikegrad_dynamics::lif::sums`): what arrives is one multiply-add for each synapse.
//!
//! | file | holds |
//! | --- | --- |
//! | `window.rs` | what arrives in a window |
//! | `part.rs` | neurons through a window |
//! | `references.rs` | what their sums are relative to |
//! | `calendar.rs` | when they have to be looked at |
//!
//! As the layered sweep this gives up with [`SweepError::Irregular`] on what only the rounds of the event loop order: a crossing at the very time of an arrival, a touch,
//! numbers that are not finite; and on too many events and on a wish to end, whose errors are the event loop's. Two spikes nearer to each other than a
//! rounding come in the order of their times as computed here: nobody hears either before a delay has passed.

mod calendar;
mod part;
mod references;
mod window;

use crate::sweep::{Irregular, SweepError, in_order};
use crate::{Options, requests};
use part::{Part, Shared};
use spikegrad_dynamics::Lif;
use spikegrad_network::{Circuit, Interrupt, Measure, Readout, Spike, Stimulus, Tangents, Trace};
use std::ops::Range;
use window::Window;

/// A time constant may be so many times another one: neurons are brought to a new reference once in the shortest.
const MOST_UNEQUAL: f64 = 64.0;

/// The longest delay is at most so many windows: a spike is passed over once in each until it has come to all of its targets.
const MOST_WINDOWS: f64 = 256.0;

/// Lists of the calendar in a window, and most of them in a run.
const LISTS: [f64; 2] = [16.0, 65_536.0];

/// Scratch memory of a run, to be used again.
#[derive(Clone, Debug)]
pub struct SparseWorkspace {
    window: Window,
    parts: Vec<Part>,
    /// Spikes of a window, in order.
    fired: Vec<Spike>,
    /// Samples with the positions of their requests.
    sampled: Vec<(usize, Readout)>,
}

impl Default for SparseWorkspace {
    /// With all neurons in one part.
    fn default() -> Self {
        Self::with_parts(1)
    }
}

impl SparseWorkspace {
    /// Cuts networks into so many parts, which threads run side by side through each window, with the feature `parallel`. Results are the same to the bit.
    ///
    /// # Panics
    /// If there are none.
    #[must_use]
    pub fn with_parts(count: usize) -> Self {
        assert!(count > 0, "no parts");
        let parts = vec![Part::default(); count];
        Self { window: Window::default(), parts, fired: Vec::new(), sampled: Vec::new() }
    }
}

/// Whether [`sparse_into`] runs `circuit`: all synapses arrive at the first receptor, the neurons of a population share their time constants, none of these is more
/// than 64 times another, every delay from a neuron is positive, and no delay is more than 256 times the smallest of those, or the smallest time constant.
#[must_use]
pub fn is_sparse(circuit: &Circuit) -> bool {
    Lengths::of(circuit).is_some()
}

/// Lengths of time of a circuit, in seconds.
struct Lengths {
    window: f64,
    /// Its shortest time constant.
    reference: f64,
}

impl Lengths {
    fn of(circuit: &Circuit) -> Option<Self> {
        let delays = |sources: Range<usize>| {
            let groups = sources.flat_map(|source| circuit.groups_of(source));
            groups.map(|group| circuit.delay(group))
        };
        let sources = circuit.inputs() + circuit.neurons.len();
        let delay = delays(circuit.inputs()..sources).fold(f64::INFINITY, f64::min);
        let longest_delay = delays(0..sources).fold(0.0, f64::max);
        let taus = circuit.neurons.iter().flat_map(Lif::time_constants);
        let (shortest, longest) =
            taus.fold((f64::INFINITY, 0.0), |(a, b), tau| (tau.min(a), tau.max(b)));
        let is_shared = |population: Range<usize>| {
            let models = &circuit.neurons[population];
            models.windows(2).all(|two| two[0].shares_time_constants(&two[1]))
        };
        let window = delay.min(shortest);
        let is_sparse = window > 0.0
            && longest_delay <= MOST_WINDOWS * window
            && longest <= MOST_UNEQUAL * shortest
            && circuit.ranges().all(is_shared)
            && !circuit.neurons.is_empty()
            && !circuit.has_receptors();
        is_sparse.then_some(Self { window, reference: shortest })
    }
}

/// Runs a sparse network from time 0 to the end of `stimulus`. `trace` is overwritten.
///
/// # Errors
/// [`SweepError::Irregular`] where [`crate::simulate_into`] has to do the run, else its error; the trace is then not usable.
pub fn sparse_into(
    circuit: &Circuit,
    stimulus: &Stimulus,
    options: Options<'_>,
    workspace: &mut SparseWorkspace,
    trace: &mut Trace,
) -> Result<(), SweepError> {
    run::<true>(circuit, stimulus, options, workspace, trace)
}

/// Like [`sparse_into`], for a run that nobody will differentiate: see [`crate::simulate_forward_into`].
///
/// # Errors
/// As [`sparse_into`].
pub fn sparse_forward_into(
    circuit: &Circuit,
    stimulus: &Stimulus,
    options: Options<'_>,
    workspace: &mut SparseWorkspace,
    trace: &mut Trace,
) -> Result<(), SweepError> {
    run::<false>(circuit, stimulus, options, workspace, trace)
}

fn run<const TANGENTS: bool>(
    circuit: &Circuit,
    stimulus: &Stimulus,
    options: Options<'_>,
    workspace: &mut SparseWorkspace,
    trace: &mut Trace,
) -> Result<(), SweepError> {
    let (inputs, t_end) = (stimulus.spikes(), stimulus.t_end());
    requests::check_inputs(inputs, circuit.inputs())?;
    requests::check(options.readouts, circuit.neurons.len(), t_end)?;
    requests::check_what_goes_on(options.readouts, circuit)?;
    let lengths = Lengths::of(circuit).ok_or(Irregular)?;
    let is_sample = |measure: Measure| matches!(measure, Measure::Sample { .. });
    if stimulus.currents().is_some()
        || !options.readouts.iter().all(|request| is_sample(request.measure))
    {
        return Err(Irregular.into());
    }
    let SparseWorkspace { window, parts, fired, sampled } = workspace;
    window.clear(circuit);
    let interrupt = &Interrupt::current();
    let (readouts, max_spikes) = (options.readouts, options.max_events);
    let mut shared = Shared { circuit, readouts, t_end, max_spikes, interrupt, reference: 0.0 };
    let width = (lengths.window / LISTS[0]).max(t_end / LISTS[1]);
    let (count, share) = (circuit.neurons.len(), parts.len());
    for (k, part) in parts.iter_mut().enumerate() {
        part.start(&shared, k * count / share..(k + 1) * count / share, width)?;
    }
    let (mut arrivals, mut spikes) = (0, 0);
    loop {
        if interrupt.is_requested() {
            return Err(Irregular.into());
        }
        let due = parts.iter_mut().filter_map(Part::next).reduce(f64::min);
        let next = due.into_iter().chain(window.next(inputs)).reduce(f64::min);
        let Some(start) = next.filter(|&start| start <= t_end) else { break };
        let until = (start + lengths.window).min(t_end.next_up());
        if until <= start {
            // The window is shorter than the resolution of time.
            return Err(Irregular.into());
        }
        arrivals += window.fill(circuit, inputs, until);
        // What is left of the budget is for spikes, and no part may fire more than all.
        shared.max_spikes = options.max_events.checked_sub(arrivals).ok_or(Irregular)?;
        if until - shared.reference > lengths.reference {
            shared.reference = start;
        }
        window.measure::<TANGENTS>(circuit, shared.reference);
        each(parts, |part| part.run::<TANGENTS>(&shared, window, until))?;
        fired.clear();
        parts.iter().for_each(|part| fired.extend_from_slice(part.new_spikes()));
        if parts.len() > 1 {
            fired.sort_by(|a, b| in_order((a.time, a.neuron), (b.time, b.neuron)));
        }
        spikes += fired.len() as u64;
        if spikes > shared.max_spikes {
            return Err(Irregular.into());
        }
        fired.iter().for_each(|spike| window.send(circuit, spike));
    }
    trace.start(stimulus, if TANGENTS { Tangents::Recorded } else { Tangents::Omitted });
    trace.arrivals = arrivals;
    sampled.clear();
    for part in &mut *parts {
        trace.spikes.append(&mut part.spikes);
        sampled.append(&mut part.sampled);
    }
    if parts.len() > 1 {
        trace.spikes.sort_by(|a, b| in_order((a.time, a.neuron), (b.time, b.neuron)));
    }
    sampled.sort_unstable_by_key(|&(request, _)| request);
    trace.readouts.extend(sampled.iter().map(|&(_, readout)| readout));
    Ok(())
}

/// Does the same with each part, side by side if there are several.
fn each(
    parts: &mut [Part],
    run: impl Fn(&mut Part) -> Result<(), Irregular> + Sync + Send,
) -> Result<(), Irregular> {
    #[cfg(feature = "parallel")]
    if parts.len() > 1 {
        use rayon::prelude::*;
        return parts.par_iter_mut().try_for_each(run);
    }
    parts.iter_mut().try_for_each(run)
}
