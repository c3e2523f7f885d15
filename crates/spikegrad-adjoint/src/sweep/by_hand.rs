//! What is done at a moment of one neuron, on the way back.
//!
//! Every exponential that a moment needs is computed before, of many moments at once. Not here: how neurons come to a stretch in which they have moments
//! (`layer.rs`).

use super::layer::{LayerSweep, Scratch};
use super::moments::{Kind, Moment};
use crate::AdjointError;
use crate::integrals::Integrals;
use spikegrad_dynamics::lanes::Propagator;
use spikegrad_dynamics::lif::Averaging;
use spikegrad_dynamics::receptors::{CurrentsState, OfReceptor, Superposed};
use spikegrad_dynamics::{Adjoint, Neuron, NeuronAdjoint, State};
use spikegrad_network::{Time, Trace};

/// The adjoint of a neuron with K receptors.
type OfState<const K: usize> = Adjoint<CurrentsState<K>>;

impl<const K: usize> LayerSweep<'_, K> {
    /// Moves the neuron of a moment back to it, through it, and on to the start of its stretch if nothing comes before.
    /// Returns whether anything depends on the neuron then.
    pub(super) fn moment(&mut self, k: usize) -> Result<bool, AdjointError> {
        let Scratch { moments, window, by_hand, .. } = &*self.scratch;
        let (moment, decay) = (moments.list[k], window.decay(k));
        let n = moment.neuron;
        let model = &self.body.models[n];
        let motion = (moment.time, moments.after[k]);
        let mut adjoint = self.transport(n, &window.after(k), motion, by_hand.get(n));
        match moment.kind {
            Kind::Crossing(spike) => {
                adjoint = self.crossing(spike, (&moment, decay), adjoint)?;
                self.scratch.is_clamped[n] = false;
            }
            Kind::Release(spike) => {
                let (before, time) =
                    model.release_pullback(self.trace.spikes[spike].release_rate, adjoint);
                adjoint = before;
                self.times[self.trace.stimulus.spikes().len() + spike] += time;
                let of_lif = &mut self.gradient.of_lif[n];
                model.membrane_alone().refractory_pullback(time, of_lif);
                self.scratch.is_clamped[n] = true;
            }
            Kind::Readout(readout) | Kind::LateReadout(readout) => {
                let cotangent = self.cotangents.readouts[readout];
                adjoint = model.read_pullback(cotangent, adjoint);
                let tangent = self.trace.readouts[readout].tangent;
                let of_lif = &mut self.gradient.of_lif[n];
                of_lif.add_membrane(cotangent, decay, moment.after_reset, tangent);
                let others = self.trace.spikes.len() + readout;
                add_others(self.trace, others, cotangent, self.gradient.of_others::<K>(n));
            }
        }
        if moment.is_first {
            let Scratch { schedule, moments, window, .. } = &*self.scratch;
            let motion = (schedule.instants[moment.stretch], moments.before[k]);
            let start = self.transport(n, &window.before(k), motion, adjoint);
            self.scratch.adjoints.set(n, start);
        } else {
            self.scratch.by_hand.set(n, adjoint);
        }
        Ok(!model.is_zero_adjoint(adjoint))
    }

    /// The adjoint of a neuron at the start of a `motion`: (when it starts, its length).
    #[inline(always)]
    fn transport(
        &self,
        n: usize,
        by: &Propagator<K>,
        motion: (Time, f64),
        after: OfState<K>,
    ) -> OfState<K> {
        let before = by.flow_pullback(after);
        let Scratch { integrals, averaged, is_clamped, .. } = &*self.scratch;
        if averaged.is_empty() || is_clamped[n] {
            return before;
        }
        let model = &self.body.models[n];
        average(integrals, n, model, motion, before, &mut [Averaging::default(); K])
    }

    /// Takes back a spike, and what its time gives to the numbers of its neuron.
    #[inline(always)]
    fn crossing(
        &mut self,
        spike: usize,
        (moment, decay): (&Moment, [f64; 2]),
        mut adjoint: OfState<K>,
    ) -> Result<OfState<K>, AdjointError> {
        let n = moment.neuron;
        let (at, model) = (&self.trace.spikes[spike], &self.body.models[n]);
        let firing = self.trace.stimulus.spikes().len() + spike;
        let mut time = self.times[firing];
        if adjoint.0.v != 0.0 {
            // Without a refractory time release and crossing are one. That time can only grow, beyond all that arrives at the instant: the membrane would
            // start with that (eq. 14a).
            let later = at.release_rate + model.rate_change(self.arriving_with(moment));
            let (_, of_later) = model.release_pullback(later, adjoint);
            let (before, of_release) = model.release_pullback(at.release_rate, adjoint);
            adjoint = before;
            time += of_release;
            let of_lif = &mut self.gradient.of_lif[n];
            model.membrane_alone().refractory_pullback(of_later, of_lif);
        }
        let time = self.cotangents.spikes[spike] + time;
        self.times[firing] = time;
        if time == 0.0 {
            return Ok(adjoint);
        }
        let Some(slope) = self.policy.slope(|n| self.wiring.named(n), at)? else {
            return Ok(adjoint);
        };
        let (before, membrane) = model.spike_pullback(slope, time, adjoint);
        if !(time.is_finite() && membrane.is_finite()) {
            let neuron = self.wiring.named(at.neuron);
            return Err(AdjointError::NonFinite { neuron, time: at.time });
        }
        let of_lif = &mut self.gradient.of_lif[n];
        model.membrane_alone().threshold_pullback(slope, time, of_lif);
        of_lif.add_membrane(membrane, decay, moment.after_reset, at.tangent);
        add_others(self.trace, spike, membrane, self.gradient.of_others::<K>(n));
        Ok(before)
    }

    /// The weights that arrive at the neuron of a moment at its time.
    fn arriving_with(&self, moment: &Moment) -> f64 {
        let schedule = &self.scratch.schedule;
        let Moment { time, neuron, stretch, .. } = *moment;
        if !time.coincides(schedule.instants[stretch + 1]) {
            return 0.0;
        }
        let rows = &schedule.stretches.rows[schedule.arriving(stretch..stretch + 1)];
        rows.iter().map(|row| self.rows[row.weights + neuron]).sum()
    }
}

/// Adds what ∂L/∂x = `cotangent` gives to the time constants of the receptors but the first, for a number x whose derivatives by them stand at `place` of the
/// trace.
#[inline(always)]
pub(super) fn add_others(
    trace: &Trace,
    place: usize,
    cotangent: f64,
    of_others: &mut [OfReceptor],
) {
    if !of_others.is_empty() {
        let tangents = &trace.receptor_tangents[place];
        for (other, by_tau) in of_others.iter_mut().zip(tangents) {
            other.tau_syn += cotangent * by_tau;
        }
    }
}

/// Adds what the averages of a neuron give over a free motion to the adjoint at its start: to the membrane, and to each current, of which each part of the
/// neuron has one.
pub(super) fn average<const K: usize>(
    integrals: &Integrals<f64>,
    n: usize,
    model: &Superposed<K>,
    motion: (Time, f64),
    Adjoint(start): Adjoint<CurrentsState<K>>,
    caches: &mut [Averaging<f64>; K],
) -> Adjoint<CurrentsState<K>> {
    let mut adjoint = start;
    for (k, (part, cache)) in model.parts().iter().zip(caches).enumerate() {
        let before = Adjoint(State { v: start.v, i: start.i[k] });
        let Adjoint(of_part) = integrals.pull_back(n, part, motion, before, cache);
        adjoint.i[k] = of_part.i;
        if k == 0 {
            adjoint.v = of_part.v;
        }
    }
    Adjoint(adjoint)
}
