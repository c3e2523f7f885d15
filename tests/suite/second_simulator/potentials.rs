//! Potentials written down from the spikes of a trace, in doubles: whether one exceeds its threshold, and whether each spike is at it.
//!
//! A statement about a trace alone: between the spikes that it has, each potential is what its arrivals, resets and bias make of it. No error
//! of one spike is carried on to another, so that it holds to some roundings even where a run is chaotic.
//!
//! Not here: what the spikes should be (`simulator.rs`).

use super::document::{Document, Neuron};
use super::rounding::{Drive, ROUNDINGS, State};
use crate::support::{Random, exact_sum};
use spikegrad::Trace;

/// Samples of each run.
const SAMPLES: usize = 1000;

/// The engine's roundings and those made here, each within the bound.
const TWO: f64 = 2.0;

/// A time with what its rounding left off.
type Time = (f64, f64);

/// What happens to a neuron; its own spike before an arrival at the same time.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
enum Event {
    Spike,
    Arrival(f64),
    Sample,
}

fn since(later: Time, earlier: Time) -> f64 {
    (later.0 - earlier.0) + (later.1 - earlier.1)
}

/// The sum of a time and a length, exact to twice the digits of a double.
fn after((time, rest): Time, dt: f64) -> Time {
    let sum = time + dt;
    let part = sum - time;
    (sum, (time - (sum - part)) + (dt - part) + rest)
}

/// A neuron on its way through its events.
struct Walk {
    drive: Drive,
    gap_of_reset: f64,
    t_ref: f64,
    at: Time,
    /// Until when the potential is held, and its error then from arrivals at that very time.
    release: Time,
    of_instant: f64,
    state: State,
    errors: State,
}

impl Walk {
    fn new(neuron: &Neuron, v_th: f64) -> Self {
        let [v, i] = neuron.initial;
        let above = exact_sum([neuron.v_leak, neuron.i_bias, -v_th]);
        let drive = Drive { tau_mem: neuron.tau_mem, tau_syn: neuron.tau_syn, above };
        Self {
            drive,
            gap_of_reset: v_th - neuron.v_reset,
            t_ref: neuron.t_ref,
            at: (0.0, 0.0),
            release: (0.0, 0.0),
            of_instant: 0.0,
            state: State { gap: v_th - v, current: i },
            errors: State::default(),
        }
    }

    /// Moves to a time.
    fn advance(&mut self, to: Time) {
        if since(self.release, self.at) > 0.0 {
            let until = if since(to, self.release) < 0.0 { to } else { self.release };
            let dt = since(until, self.at);
            let gap = self.state.gap;
            self.errors = self.drive.errors_after(self.state, self.errors, dt);
            self.state = self.drive.after(self.state, dt);
            self.state.gap = gap;
            self.errors.gap = Drive::error_of_reset(gap) + self.of_instant;
            self.at = until;
        }
        let dt = since(to, self.at);
        if dt > 0.0 {
            self.errors = self.drive.errors_after(self.state, self.errors, dt);
            self.state = self.drive.after(self.state, dt);
            self.at = to;
        }
    }

    /// An error of the potential that is one of the time at which it is taken: of the time itself, which has twice the digits of a double, and of
    /// the search for it, to some roundings of the length from the last event.
    fn error_of_time(&self, from: Time, at: Time) -> f64 {
        let State { gap, current } = self.state;
        let rate = (self.drive.above + gap + current) / self.drive.tau_mem;
        rate.abs() * (ROUNDINGS * since(at, from) + f64::EPSILON * f64::EPSILON * at.0)
    }

    fn spike(&mut self, at: Time) -> Result<(), String> {
        let from = self.at;
        if since(self.release, at) > 0.0 {
            return Err(format!("a spike at {:e} within the refractory time", at.0));
        }
        self.advance(at);
        let bound = TWO * (self.errors.gap + self.error_of_time(from, at));
        if self.state.gap.abs() > bound {
            let off = self.state.gap;
            return Err(format!("a spike at {at:?} is {off:e} below the threshold, not {bound:e}"));
        }
        self.state.gap = self.gap_of_reset;
        self.errors.gap = Drive::error_of_reset(self.gap_of_reset);
        self.at = at;
        self.release = after(at, self.t_ref);
        self.of_instant = 0.0;
        Ok(())
    }

    fn sample(&mut self, at: Time) -> Result<(), String> {
        self.advance(at);
        let bound = TWO * self.errors.gap;
        if self.state.gap < -bound {
            let above = -self.state.gap;
            return Err(format!("at {:e} a potential is {above:e} above its threshold", at.0));
        }
        Ok(())
    }

    fn receive(&mut self, weight: f64, at: Time) {
        self.advance(at);
        // As if another event were at this very double.
        let of_arrival = self.drive.errors_of_instant(weight, 0.0, at.0);
        self.of_instant += self.drive.errors_of_instant(weight, since(self.release, at), at.0).gap;
        self.state.current += weight;
        self.errors.current += of_arrival.current + f64::EPSILON * self.state.current.abs();
        self.errors.gap += of_arrival.gap;
    }
}

/// The events of each neuron, in order.
fn events(document: &Document, trace: &Trace) -> Vec<Vec<(Time, Event)>> {
    let mut events = vec![Vec::new(); document.neurons.len()];
    let inputs = document.spikes.iter().map(|&(channel, time)| (channel, (time, 0.0)));
    let spikes = trace.spikes.iter().map(|spike| {
        let time = (spike.time, spike.time_remainder);
        events[spike.neuron.index()].push((time, Event::Spike));
        (document.inputs + spike.neuron.index(), time)
    });
    let firings: Vec<(usize, Time)> = inputs.chain(spikes).collect();
    for (source, time) in firings {
        for synapse in &document.synapses[source] {
            let at = after(time, synapse.delay);
            if at.0 <= document.t_end {
                events[synapse.target].push((at, Event::Arrival(synapse.weight)));
            }
        }
    }
    events
}

/// Checks all potentials of a trace, at a thousand times and at each spike.
pub(crate) fn check(document: &Document, trace: &Trace, random: &mut Random) -> Result<(), String> {
    for (k, mut events) in events(document, trace).into_iter().enumerate() {
        let neuron = &document.neurons[k];
        let Some(v_th) = neuron.v_th else { continue };
        let by_time = |a: &(Time, Event), b: &(Time, Event)| {
            since(a.0, b.0).total_cmp(&0.0).then(a.1.partial_cmp(&b.1).unwrap())
        };
        events.sort_by(by_time);
        // Half of the samples anywhere, half of them between two events, however near these are.
        let mut samples: Vec<(Time, Event)> = Vec::new();
        for _ in 0..SAMPLES / 2 {
            samples.push(((document.t_end * random.unit(), 0.0), Event::Sample));
            if events.len() > 1 {
                let pair = random.below(events.len() - 1);
                let length = since(events[pair + 1].0, events[pair].0);
                samples.push((after(events[pair].0, length * random.unit()), Event::Sample));
            }
        }
        events.extend(samples);
        events.sort_by(by_time);
        let mut walk = Walk::new(neuron, v_th);
        for (at, event) in events {
            let checked = match event {
                Event::Spike => walk.spike(at),
                Event::Sample => walk.sample(at),
                Event::Arrival(weight) => {
                    walk.receive(weight, at);
                    Ok(())
                }
            };
            checked.map_err(|what| format!("neuron {k}: {what}"))?;
        }
    }
    Ok(())
}
