//! A spiking neuron in its run: its motion since the last event, the errors of doubles beside it, and what comes next.
//!
//! Not here: the closed form (`membrane.rs`), the bound of the errors (`rounding.rs`), other neurons (`simulator.rs`).

use super::document::Document;
use super::membrane::{Membrane, Motion, Outlook, Point};
use super::number::Number;
use super::rounding::{Drive, State, error_of_time};

/// What a neuron will do next.
pub(super) enum Ahead {
    Nothing,
    Crossing {
        at: Point,
        tolerance: f64,
        is_grazing: bool,
    },
    /// A maximum that doubles may take for a crossing.
    Peak {
        at: Point,
        tolerance: f64,
    },
}

impl Ahead {
    pub(super) fn at(&self) -> Option<(&Point, f64)> {
        match self {
            Self::Nothing => None,
            Self::Crossing { at, tolerance, .. } | Self::Peak { at, tolerance } => {
                Some((at, *tolerance))
            }
        }
    }
}

/// What is known of a neuron whose potential is held.
#[derive(Clone, Copy)]
struct Held {
    /// The last event.
    since: f64,
    /// The error of the current then.
    of_current: f64,
    /// The error of the time of the release.
    of_release: f64,
    /// The error of the potential from arrivals at the very release.
    of_instant: f64,
}

/// A spiking neuron in its run.
pub(super) struct Cell {
    pub(super) membrane: Membrane,
    /// Which of the network's time constants are its own.
    pub(super) taus: [usize; 2],
    gap_of_reset: f64,
    reset: Number,
    t_ref: Number,
    motion: Motion,
    /// Where the free motion started, and its state there with the errors of doubles.
    pub(super) from: Point,
    end: Point,
    state: State,
    errors: State,
    /// While the potential is held until `from`.
    held: Option<Held>,
    /// The size of the weight that came last, at `from`.
    received: f64,
    pub(super) ahead: Ahead,
    /// The decider did not know of the crossing ahead: something must come before this time.
    pub(super) is_pending: bool,
}

impl Cell {
    pub(super) fn new(document: &Document, taus: &[f64], neuron: usize) -> Option<Self> {
        let neuron = &document.neurons[neuron];
        let v_th = neuron.v_th?;
        let membrane = Membrane::new(neuron, v_th);
        let from = membrane.point(Number::zero());
        let [v, i] = neuron.initial;
        let mut motion = Membrane::motion(i);
        membrane.start(&mut motion, &Number::from(v), &from);
        let place = |tau: f64| taus.partition_point(|&other| other < tau);
        let reset = Number::from(neuron.v_reset);
        let membrane_end = membrane.point(Number::from(document.t_end));
        Some(Self {
            state: membrane.state(&motion, &from),
            taus: [place(neuron.tau_mem), place(neuron.tau_syn)],
            gap_of_reset: (Number::from(v_th) - &reset).to_f64(),
            reset,
            t_ref: Number::from(neuron.t_ref),
            membrane,
            end: membrane_end,
            motion,
            from,
            errors: State::default(),
            held: None,
            received: 0.0,
            ahead: Ahead::Nothing,
            is_pending: false,
        })
    }

    /// The errors at a time of its free motion.
    fn errors_at(&self, at: &Point) -> State {
        let dt = (&at.time - &self.from.time).to_f64();
        self.membrane.drive.errors_after(self.state, self.errors, dt)
    }

    /// The error of the current at `to`, while the potential is held.
    fn error_of_current(&self, held: Held, to: &Point) -> f64 {
        let drive = self.membrane.drive;
        let dt = (to.time.to_f64() - held.since).max(0.0);
        let current = self.membrane.current(&self.motion, to).to_f64();
        let before = current * (dt / drive.tau_syn).exp().min(1e300);
        let errors = State { gap: 0.0, current: held.of_current };
        drive.errors_after(State { gap: 0.0, current: before }, errors, dt).current
    }

    /// Starts the free motion at `from`.
    fn release(&mut self, held: Held) {
        let Self { membrane, motion, from, .. } = self;
        membrane.start(motion, &self.reset, from);
        self.state = membrane.state(motion, from);
        let rate = membrane.rate(motion, from).to_f64();
        self.errors = State {
            gap: rate.abs() * held.of_release
                + held.of_instant
                + Drive::error_of_reset(self.gap_of_reset),
            current: self.error_of_current(held, &self.from),
        };
        self.held = Some(held);
    }

    /// Spikes at `at`, which may be off by `error`.
    pub(super) fn spike(&mut self, at: Point, error: f64) {
        let of_current = self.errors_at(&at).current;
        let since = at.time.to_f64();
        self.from = if self.t_ref == Number::zero() {
            at
        } else {
            self.membrane.point(&at.time + &self.t_ref)
        };
        self.release(Held { since, of_current, of_release: error, of_instant: 0.0 });
        self.received = 0.0;
        self.is_pending = false;
    }

    /// Receives a weight at `at`, which may be off by `error`. What comes a little before the last event comes at it.
    pub(super) fn receive(&mut self, weight: f64, at: Point, error: f64) {
        let drive = self.membrane.drive;
        if let Some(held) = self.held.filter(|_| at.time < self.from.time) {
            let of_arrival = drive.errors_of_arrival(weight, error).current;
            let of_current = self.error_of_current(held, &at) + of_arrival;
            self.membrane.receive(&mut self.motion, &Number::from(weight), &at);
            let since = at.time.to_f64().max(held.since);
            let apart = (&self.from.time - &at.time).to_f64();
            let of_instant = drive.errors_of_instant(weight, apart, since).gap + held.of_instant;
            self.release(Held { since, of_current, of_instant, ..held });
            return;
        }
        self.held = None;
        let moved = (&self.from.time - &at.time).to_f64().max(0.0);
        let at = if moved > 0.0 { self.from.clone() } else { at };
        self.errors = self.errors_at(&at);
        self.membrane.receive(&mut self.motion, &Number::from(weight), &at);
        let (apart, time) = ((&at.time - &self.from.time).to_f64(), at.time.to_f64());
        // Of arrivals at one double each may be off by that, the first one, too.
        let of_instant = drive.errors_of_instant(weight.abs() + self.received, apart, time);
        self.received = weight.abs();
        let of_arrival = drive.errors_of_arrival(weight, error + moved);
        self.errors.gap += of_arrival.gap + of_instant.gap;
        self.errors.current += of_arrival.current + of_instant.current;
        self.state = self.membrane.state(&self.motion, &at);
        self.from = at;
    }

    /// How far doubles may be off in the time of a crossing or a peak.
    fn tolerance(&self, at: &Point, errors: State) -> f64 {
        let slope = self.membrane.rate(&self.motion, at).to_f64();
        let Drive { tau_mem, tau_syn, .. } = self.membrane.drive;
        let current = self.membrane.current(&self.motion, at).to_f64();
        let bend = (-slope - current / tau_syn) / tau_mem;
        let dt = (&at.time - &self.from.time).to_f64();
        error_of_time(errors.gap, slope.abs(), bend, dt, at.time.to_f64())
    }

    /// Finds out what comes next.
    pub(super) fn look_ahead(&mut self) {
        let Outlook { crossing, peak } = self.membrane.outlook(&self.motion, &self.from, &self.end);
        // Doubles may or may not see a peak that is as near to the threshold as their errors.
        let near = peak.filter(|(at, height)| height.abs() <= self.errors_at(at).gap);
        self.is_pending = false;
        self.ahead = match (crossing, near) {
            (Some(at), near) => {
                let tolerance = self.tolerance(&at, self.errors_at(&at));
                Ahead::Crossing { at, tolerance, is_grazing: near.is_some() }
            }
            (None, Some((at, _))) => {
                let tolerance = self.tolerance(&at, self.errors_at(&at));
                Ahead::Peak { at, tolerance }
            }
            (None, None) => Ahead::Nothing,
        };
    }
}
