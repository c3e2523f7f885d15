//! Neurons that are run one by one along a stretch, many of them at once: who may cross, and who comes out of its
//! refractory time.
//!
//! All of a wave are searched for their next crossing together, then moved to it together; who has spiked goes into the next
//! wave, until none is left. Not here: who belongs to the first wave (`layer.rs`).

use super::Irregular;
use spikegrad_dynamics::lanes::{BLUR, Group, JUST_BEYOND, Search};
use spikegrad_dynamics::receptors::{CurrentsState, CurrentsTangent};
use spikegrad_dynamics::{Neuron, Outlook};
use spikegrad_network::{Body, Time};

/// A crossing, and its slope per second.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Crossing {
    pub(crate) time: Time,
    pub(crate) slope: f64,
}

impl Crossing {
    /// Whether it is so near to `other` that only the event loop may say which comes first.
    /// `condition` says how far the crossing of its neuron moves by a rounding, in seconds ([`spikegrad_dynamics::Lif::crossing_condition`]).
    pub(crate) fn blurs(&self, condition: f64, other: Time) -> bool {
        (self.time.rounded - other.rounded).abs() <= self.blur(condition)
    }

    /// Within which time of it that is so, in seconds.
    pub(crate) fn blur(&self, condition: f64) -> f64 {
        BLUR * (self.time.rounded + condition)
    }
}

/// One neuron of a wave.
#[derive(Clone, Copy, Debug)]
pub(super) struct Member {
    /// Index in the layer.
    pub(super) neuron: usize,
    /// When it is in the state that the wave holds.
    pub(super) from: Time,
    /// Whether it is in the wave only because it may cross: at the end of the stretch its state is known.
    pub(super) is_known: bool,
    pub(super) crossing: Option<Crossing>,
}

impl Member {
    /// Whether its state when it spikes, or else at `end`, is that to which the pass over the layer has moved it.
    pub(super) fn is_passed(&self, end: Time) -> bool {
        self.is_known && self.crossing.is_none_or(|crossing| crossing.time == end)
    }
}

/// State and tangent of a neuron.
pub(super) type Moving<const K: usize> = (CurrentsState<K>, CurrentsTangent<K>);

/// Neurons side by side, each at a time of its own.
#[derive(Clone, Debug)]
pub(super) struct Wave<const K: usize> {
    pub(super) members: Vec<Member>,
    group: Group<K>,
}

impl<const K: usize> Default for Wave<K> {
    fn default() -> Self {
        Self { members: Vec::new(), group: Group::default() }
    }
}

impl<const K: usize> Wave<K> {
    pub(super) fn clear(&mut self) {
        self.members.clear();
        self.group.clear();
    }

    /// Takes up a neuron where it is `at`.
    pub(super) fn push(&mut self, body: &Body<K>, member: Member, at: Moving<K>) {
        self.members.push(member);
        self.group.push(at, &body.numbers, member.neuron);
    }

    /// Where a member is.
    pub(super) fn get(&self, k: usize) -> Moving<K> {
        self.group.get(k)
    }

    /// Finds the next crossing of each member, if it is not after `until`.
    pub(super) fn search(&mut self, body: &Body<K>, until: Time) -> Result<(), Irregular> {
        let Self { members, group } = self;
        // What comes a little later may be too near to the end for a decision.
        let horizon = until.rounded.abs() * JUST_BEYOND;
        group.search(members.iter().map(|member| until.since(member.from).max(0.0) + horizon));
        for (k, member) in members.iter_mut().enumerate() {
            let model = &body.models[member.neuron];
            let outlook = match group.found(k) {
                Search::Crossing { dt, slope } => Outlook::Crossing { dt, slope },
                Search::Silent => Outlook::Silent,
                Search::Undecided => model.next_crossing(group.get(k).0),
            };
            let is_due = |time: Time| time.rounded <= until.rounded;
            member.crossing = match outlook {
                Outlook::Touch { dt } if is_due(member.from.after(dt)) => return Err(Irregular),
                Outlook::Nonsense { .. } | Outlook::Jump => return Err(Irregular),
                Outlook::Silent | Outlook::Touch { .. } => None,
                Outlook::Crossing { dt, slope } => {
                    let crossing = Crossing { time: member.from.after(dt), slope };
                    let condition = model.membrane_alone().crossing_condition(slope);
                    if crossing.blurs(condition, until) {
                        return Err(Irregular);
                    }
                    Some(crossing).filter(|crossing| is_due(crossing.time))
                }
            };
            // Whoever crosses at the very instant of its last event opens a round of its own.
            if member.crossing.is_some_and(|c| c.time.rounded <= member.from.rounded) {
                return Err(Irregular);
            }
        }
        Ok(())
    }

    /// Moves each member to its crossing, or to `until`.
    pub(super) fn advance<const TANGENTS: bool>(&mut self, until: Time) {
        let Self { members, group } = self;
        group.advance::<TANGENTS>(members.iter().map(|member| {
            let to = member.crossing.map_or(until, |crossing| crossing.time);
            // Who is released only after the stretch stays where it is.
            to.since(member.from).max(0.0)
        }));
    }
}
