//! The moments at which something happens to neurons of a layer, with the lengths of time around them.
//!
//! Not here: what arrives (`schedule.rs`), the flows over these lengths (`window.rs`), what is done at a moment (`by_hand.rs`).

use super::members::Members;
use super::schedule::Schedule;
use spikegrad_dynamics::Neuron;
use spikegrad_network::{Body, Place, Time, Trace};

/// What a moment is, in the order of the forward pass at one time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// The end of the refractory time of a spike, at this position of the trace.
    Release(usize),
    /// A spike, at this position of the trace.
    Crossing(usize),
    /// A read-out, at this position of the trace.
    Readout(usize),
    /// A read-out after what arrives at its time.
    LateReadout(usize),
}

/// Something of one neuron.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    pub(super) time: Time,
    pub(super) kind: Kind,
    /// Index in the layer.
    pub(super) neuron: usize,
    /// In which stretch it is, the end of the stretch included.
    pub(super) stretch: usize,
    /// Whether nothing of its neuron is earlier in the stretch.
    pub(super) is_first: bool,
    /// Whether its neuron's membrane last started from a reset.
    pub(super) after_reset: bool,
}

/// The moments of a layer.
#[derive(Clone, Debug, Default)]
pub(super) struct Moments {
    /// In order.
    pub(super) list: Vec<Moment>,
    /// Seconds from each moment to the next one of its neuron, or to the end of its stretch.
    pub(super) after: Vec<f64>,
    /// Seconds from the start of its stretch to each moment.
    pub(super) before: Vec<f64>,
    /// Seconds since the membrane of its neuron last started, for each moment.
    pub(super) elapsed: Vec<f64>,
    known: Vec<Known>,
}

/// What is known of a neuron at the moment that has been reached.
#[derive(Clone, Copy, Debug)]
struct Known {
    /// The moment before, its stretch and its time.
    moment: usize,
    stretch: usize,
    time: Time,
    /// When its membrane last started, if from a reset.
    started: Option<Time>,
}

/// No moment yet.
const NOTHING: Known = Known {
    moment: usize::MAX,
    stretch: usize::MAX,
    time: Time { rounded: 0.0, remainder: 0.0 },
    started: None,
};

impl Moments {
    /// Reads what happened to `members` until `horizon`, a time in seconds; `spikes` are the positions of its own.
    pub(super) fn read<const K: usize>(
        &mut self,
        schedule: &Schedule,
        (members, body): (Members<'_>, &Body<K>),
        (trace, spikes): (&Trace, &[usize]),
        horizon: f64,
    ) {
        let list = &mut self.list;
        list.clear();
        let moment = |time, kind, neuron: usize| Moment {
            time,
            kind,
            neuron,
            stretch: 0,
            is_first: true,
            after_reset: false,
        };
        for &k in spikes {
            let spike = &trace.spikes[k];
            if spike.time > horizon {
                break;
            }
            let Some(n) = members.index(spike.neuron) else { continue };
            list.push(moment(spike.at(), Kind::Crossing(k), n));
            // With no refractory time the release is part of the crossing.
            let refractory = body.models[n].refractory();
            if refractory > 0.0 {
                let release = spike.at().after(refractory);
                if release.rounded > spike.time && release.rounded <= horizon {
                    list.push(moment(release, Kind::Release(k), n));
                }
            }
        }
        for (k, readout) in trace.readouts.iter().enumerate() {
            let Some(n) = members.index(readout.request.neuron) else { continue };
            if readout.request.measure.decay_rate().is_some() || readout.time > horizon {
                continue;
            }
            // What does not follow the free membrane is no matter of its adjoint.
            let kind = match readout.place {
                Place::Clamped | Place::Threshold | Place::Pseudospike => continue,
                Place::Free | Place::Cusp(_) => Kind::Readout(k),
                Place::AfterArrivals => Kind::LateReadout(k),
            };
            list.push(moment(readout.at(), kind, n));
        }
        list.sort_unstable_by(|a, b| {
            a.time.rounded.total_cmp(&b.time.rounded).then(a.kind.cmp(&b.kind))
        });
        self.link(schedule, (members, body), trace);
    }

    /// Finds the stretch of each moment, and the lengths of time around it.
    fn link<const K: usize>(
        &mut self,
        schedule: &Schedule,
        (members, body): (Members<'_>, &Body<K>),
        trace: &Trace,
    ) {
        let Self { list, after, before, elapsed, known } = self;
        known.clear();
        known.resize(members.len(), NOTHING);
        for lengths in [&mut *after, &mut *before, &mut *elapsed] {
            lengths.clear();
        }
        let instants = &*schedule.instants;
        let (mut stretch, last) = (0, schedule.count() - 1);
        for (k, moment) in list.iter_mut().enumerate() {
            let time = moment.time;
            // A late read-out comes after what arrives at the end of the stretch.
            let is_late = matches!(moment.kind, Kind::LateReadout(_));
            let is_over = |end: Time| end.rounded < time.rounded || is_late && end.coincides(time);
            while stretch < last && is_over(instants[stretch + 1]) {
                stretch += 1;
            }
            moment.stretch = stretch;
            let known = &mut known[moment.neuron];
            before.push(time.since(instants[stretch]));
            after.push(instants[stretch + 1].since(time));
            if known.stretch == stretch {
                moment.is_first = false;
                after[known.moment] = time.since(known.time);
            }
            moment.after_reset = known.started.is_some();
            elapsed.push(known.started.map_or(time.rounded, |started| time.since(started)));
            (known.moment, known.stretch, known.time) = (k, stretch, time);
            if let Kind::Crossing(spike) = moment.kind {
                let spike = &trace.spikes[spike];
                known.started = Some(spike.at().after(body.models[moment.neuron].refractory()));
            }
        }
    }
}
