//! A run from event to event, to 100 digits.
//!
//! Of the next crossing and the next arrival the earlier one happens; at equal times the crossing. The order of two events that lie closer
//! together than doubles can tell is not decided by doubles: there the run asks a [`Decider`] what to do, and goes on with that.
//! So is whether a potential spikes that comes to its threshold to rounding.
//!
//! Not here: one neuron (`cell.rs`), who decides (`following.rs`).

use super::cell::{Ahead, Cell};
use super::document::{Document, Synapse};
use super::membrane::Point;
use super::number::Number;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

/// Says what happens where doubles do not.
pub(crate) trait Decider {
    /// Whether `neuron` has its next spike at `time`, give or take `tolerance` seconds; exactly, it has one or not.
    fn spikes(&mut self, neuron: usize, time: &Number, tolerance: f64, exactly: bool) -> bool;
}

/// Whoever asks for no other run gets the exact one.
#[derive(Debug)]
pub(crate) struct Exactly;

impl Decider for Exactly {
    fn spikes(&mut self, _: usize, _: &Number, _: f64, exactly: bool) -> bool {
        exactly
    }
}

/// A spike of the run.
#[derive(Clone, Debug)]
pub(crate) struct Spike {
    pub(crate) neuron: usize,
    pub(crate) time: Number,
    /// How far a run in doubles may be off, in seconds.
    pub(crate) tolerance: f64,
}

/// A spike that the decider does not know of, and nothing that comes at its time explains that.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lost {
    pub(crate) neuron: usize,
    pub(crate) time: f64,
    pub(crate) tolerance: f64,
}

/// What a run was.
#[derive(Clone, Debug, Default)]
pub(crate) struct Run {
    pub(crate) spikes: Vec<Spike>,
    /// Orders of a crossing and an arrival that the decider reversed.
    pub(crate) reversed: usize,
    /// Spikes that are there or not by rounding alone.
    pub(crate) grazing: usize,
    /// From when on errors are so large that spikes of doubles mean nothing.
    pub(crate) blurred: Option<f64>,
}

/// A spike on its way, of an input or a neuron.
struct Firing {
    source: usize,
    time: Number,
    /// e^(time/τ) for each τ of the network.
    growths: Vec<Number>,
    error: f64,
}

/// A run under way.
pub(crate) struct Simulator<'a> {
    document: &'a Document,
    taus: Vec<f64>,
    /// e^(delay/τ), by the bits of the delay.
    delays: BTreeMap<u64, Vec<Number>>,
    cells: Vec<Option<Cell>>,
    firings: Vec<Firing>,
    /// Time, firing and synapse of each arrival to come.
    arrivals: BinaryHeap<Reverse<(Number, usize, usize)>>,
    end: Number,
    blur: f64,
    run: Run,
}

/// Errors of spike times above this share of the shortest time constant are no small ones: to first order they are not known.
const BLUR: f64 = 1e-6;

fn growths(taus: &[f64], time: &Number) -> Vec<Number> {
    taus.iter().map(|&tau| (time / &Number::from(tau)).exp()).collect()
}

/// A unit in the last place of a double of this size.
fn unit(time: f64) -> f64 {
    time.next_up() - time
}

impl<'a> Simulator<'a> {
    /// A run that has not begun.
    pub(crate) fn new(document: &'a Document) -> Self {
        let mut taus: Vec<f64> =
            document.neurons.iter().flat_map(|n| [n.tau_mem, n.tau_syn]).collect();
        taus.sort_by(f64::total_cmp);
        taus.dedup_by(|a, b| a.to_bits() == b.to_bits());
        let count = document.neurons.len();
        let mut simulator = Self {
            document,
            cells: (0..count).map(|k| Cell::new(document, &taus, k)).collect(),
            blur: BLUR * taus.first().copied().unwrap_or(1.0),
            taus,
            delays: BTreeMap::new(),
            firings: Vec::new(),
            arrivals: BinaryHeap::new(),
            end: Number::from(document.t_end),
            run: Run::default(),
        };
        for &(channel, time) in &document.spikes {
            simulator.fire(channel, Number::from(time), 0.0);
        }
        simulator
    }

    /// Sends a spike of a source on its way to all of its targets.
    fn fire(&mut self, source: usize, time: Number, error: f64) {
        let firing = self.firings.len();
        for (k, synapse) in self.document.synapses[source].iter().enumerate() {
            let at = &time + &Number::from(synapse.delay);
            if at <= self.end && self.cells[synapse.target].is_some() {
                self.arrivals.push(Reverse((at, firing, k)));
            }
        }
        let growths = growths(&self.taus, &time);
        self.firings.push(Firing { source, time, growths, error });
    }

    /// Where a spike arrives through a synapse, in the time constants of its target.
    fn arrival(&mut self, firing: usize, synapse: &Synapse) -> Point {
        let taus = &self.taus;
        let of_delay = self
            .delays
            .entry(synapse.delay.to_bits())
            .or_insert_with(|| growths(taus, &Number::from(synapse.delay)));
        let Firing { time, growths, .. } = &self.firings[firing];
        let [mem, syn] = self.cells[synapse.target].as_ref().map_or([0, 0], |cell| cell.taus);
        Point {
            time: time + &Number::from(synapse.delay),
            mem: &growths[mem] * &of_delay[mem],
            syn: &growths[syn] * &of_delay[syn],
        }
    }

    /// The neuron that crosses, or might, before all others.
    fn next_crossing(&self) -> Option<(Number, usize)> {
        let of_cell = |(k, cell): (usize, &Option<Cell>)| {
            let cell = cell.as_ref().filter(|cell| !cell.is_pending)?;
            cell.ahead.at().map(|(at, _)| (at.time.clone(), k))
        };
        self.cells.iter().enumerate().filter_map(of_cell).min()
    }

    /// Runs to the end.
    pub(crate) fn run(mut self, decider: &mut dyn Decider) -> Result<Run, Lost> {
        for cell in self.cells.iter_mut().flatten() {
            cell.look_ahead();
        }
        loop {
            let crossing = self.next_crossing();
            let arrival = self.arrivals.peek().map(|Reverse((time, ..))| time.clone());
            let now = [crossing.as_ref().map(|(time, _)| time.clone()), arrival.clone()];
            let now = now.into_iter().flatten().min();
            self.check_pending(now.as_ref())?;
            let Some(now) = now else { return Ok(self.run) };
            if self.run.blurred.is_some() {
                return Ok(self.run);
            }
            match (crossing, arrival) {
                (Some((time, neuron)), arrival)
                    if arrival.as_ref().is_none_or(|arrival| {
                        time <= *arrival || (&time - arrival).is_negligible(time.to_f64())
                    }) =>
                {
                    self.cross(neuron, decider);
                }
                _ => self.arrive(&now, decider),
            }
        }
    }

    /// A crossing that the decider did not know of must have been prevented by an arrival at its time, or lie at the end.
    fn check_pending(&self, now: Option<&Number>) -> Result<(), Lost> {
        for (neuron, cell) in self.cells.iter().enumerate() {
            let Some(cell) = cell.as_ref().filter(|cell| cell.is_pending) else { continue };
            let Some((at, tolerance)) = cell.ahead.at() else { continue };
            let window = tolerance + 2.0 * unit(at.time.to_f64());
            let is_near = |time: &Number| (time - &at.time).to_f64() <= window;
            if !now.is_some_and(is_near) && !is_near(&self.end) {
                return Err(Lost { neuron, time: at.time.to_f64(), tolerance });
            }
        }
        Ok(())
    }

    /// The neuron whose turn it is crosses its threshold, or nearly does.
    fn cross(&mut self, neuron: usize, decider: &mut dyn Decider) {
        let Some(cell) = &mut self.cells[neuron] else { return };
        let ahead = std::mem::replace(&mut cell.ahead, Ahead::Nothing);
        let Some((at, tolerance)) = ahead.at() else { return };
        let exactly = matches!(ahead, Ahead::Crossing { .. });
        let is_certain = matches!(ahead, Ahead::Crossing { is_grazing: false, .. });
        self.run.grazing += usize::from(!is_certain);
        if decider.spikes(neuron, &at.time, tolerance, exactly) {
            let at = at.clone();
            self.spike(neuron, at, tolerance);
        } else if is_certain {
            cell.ahead = ahead;
            cell.is_pending = true;
        }
    }

    fn spike(&mut self, neuron: usize, at: Point, tolerance: f64) {
        let Some(cell) = &mut self.cells[neuron] else { return };
        let time = at.time.clone();
        cell.spike(at, tolerance);
        cell.look_ahead();
        if tolerance > self.blur {
            self.run.blurred = Some(time.to_f64());
            return;
        }
        self.run.spikes.push(Spike { neuron, time: time.clone(), tolerance });
        self.fire(self.document.inputs + neuron, time, tolerance);
    }

    /// All arrivals of one time.
    fn arrive(&mut self, now: &Number, decider: &mut dyn Decider) {
        let mut touched = Vec::new();
        while let Some(Reverse((time, ..))) = self.arrivals.peek()
            && (time - now).is_negligible(now.to_f64())
            && let Some(Reverse((_, firing, k))) = self.arrivals.pop()
        {
            let synapse = self.document.synapses[self.firings[firing].source][k].clone();
            let at = self.arrival(firing, &synapse);
            let error = self.firings[firing].error;
            self.spike_before(synapse.target, &at, error, decider);
            let Some(cell) = &mut self.cells[synapse.target] else { continue };
            // An arrival that comes after a crossing that did not happen keeps the potential at the threshold.
            let at = match (cell.is_pending, cell.ahead.at()) {
                (true, Some((crossing, _))) => {
                    self.run.reversed += 1;
                    crossing.clone()
                }
                _ => at,
            };
            cell.receive(synapse.weight, at, error);
            cell.is_pending = false;
            cell.ahead = Ahead::Nothing;
            touched.push(synapse.target);
        }
        for target in touched {
            if let Some(cell) = &mut self.cells[target] {
                cell.look_ahead();
            }
        }
    }

    /// Lets a neuron spike before an arrival that comes first, if doubles do not tell which comes first and the decider says so.
    fn spike_before(
        &mut self,
        neuron: usize,
        arrival: &Point,
        error: f64,
        decider: &mut dyn Decider,
    ) {
        let Some(cell) = &self.cells[neuron] else { return };
        let Some((at, tolerance)) = cell.ahead.at() else { return };
        if cell.is_pending || at.time < arrival.time {
            return;
        }
        let window = tolerance + error + 2.0 * unit(at.time.to_f64());
        let is_close = (&at.time - &arrival.time).to_f64() <= window;
        if is_close && decider.spikes(neuron, &at.time, tolerance, false) {
            self.run.reversed += 1;
            let (at, tolerance) = (at.clone(), tolerance.max(window));
            self.spike(neuron, at, tolerance);
        }
    }
}
