//! Layers of integrators of which averages are read, and nothing else: the sum over all arrivals of what each adds, without moving a neuron.
//!
//! Not here: what an arrival adds (`spikegrad_dynamics::lanes::averages`), averages of neurons that spike, or beside other read-outs (`peaks.rs`).

use super::Irregular;
use super::layer::LayerRun;
use spikegrad_dynamics::lanes::averages::{Shares, add_rows};
use spikegrad_dynamics::receptors::{CurrentsAveraging, CurrentsTangent};
use spikegrad_dynamics::{Neuron, OtherTimeConstants, TimeConstants};
use spikegrad_network::{Place, Readout, ReadoutRequest, Time};

/// Memory of a layer of which averages are read.
#[derive(Clone, Debug, Default)]
pub(super) struct Averages {
    /// When something arrives, and how long before the end, in seconds.
    times: Vec<f64>,
    left: Vec<f64>,
    /// Where the weights of each row begin.
    rows: Vec<usize>,
    shares: Shares,
    /// For each neuron.
    integrals: Vec<f64>,
    tangents: Vec<TimeConstants<f64>>,
}

impl<const K: usize, const TANGENTS: bool> LayerRun<'_, K, TANGENTS> {
    /// A request for a read-out of a neuron of the layer.
    fn is_own(&self, request: &ReadoutRequest) -> bool {
        self.layer.neurons.contains(&request.neuron.index())
    }

    /// Whether all that is asked of the layer, which does not spike, are averages of its potentials.
    pub(super) fn can_only_average(&self) -> bool {
        let own = self.readouts.iter().filter(|request| self.is_own(request));
        let mut measures = own.map(|request| request.measure);
        !self.layer.spikes
            && !self.layer.is_recurrent
            && self.body.numbers.share_motions()
            && measures.all(|measure| measure.decay_rate().is_some())
    }

    /// Reads the averages of a layer of which [`Self::can_only_average`] holds, with one receptor.
    pub(super) fn run_averages(&mut self, memory: &mut Averages) -> Result<(), Irregular> {
        if self.watch.is_interrupted() {
            return Err(Irregular);
        }
        let (wiring, end) = (self.fired.wiring, Time::from(self.t_end));
        let arrivals = &mut self.scratch.arrivals;
        arrivals.reset(self.layer, self.fired);
        arrivals.take_all(self.layer, self.fired, self.t_end)?;
        let Averages { times, left, rows, .. } = memory;
        times.clear();
        left.clear();
        rows.clear();
        times.extend(arrivals.instants.iter().map(|instant| instant.rounded));
        left.extend(arrivals.instants.iter().map(|&instant| end.since(instant)));
        rows.extend(arrivals.rows.iter().map(|&row| wiring.synapses(row).start));
        let mut last_rate = None;
        for (k, &request) in self.readouts.iter().enumerate() {
            let rate = request.measure.decay_rate().filter(|_| self.is_own(&request));
            let Some(decay_rate) = rate else { continue };
            // Losses ask for one weight after the other, of all neurons.
            if last_rate.replace(decay_rate) != Some(decay_rate) {
                self.integrate(decay_rate, memory);
            }
            let n = request.neuron.index() - self.layer.neurons.start;
            let value = memory.integrals[n] / self.t_end;
            if !value.is_finite() {
                return Err(Irregular);
            }
            let tangent = memory.tangents[n].map(|sum| sum / self.t_end);
            let (time, time_remainder, place, rival) = (self.t_end, 0.0, Place::Free, None);
            let readout = Readout { request, time, time_remainder, value, place, rival, tangent };
            self.sampled[k] = Some((readout, OtherTimeConstants::default()));
        }
        Ok(())
    }

    /// The integral of each potential under a weight that fades with a rate.
    fn integrate(&self, decay_rate: f64, memory: &mut Averages) {
        let Averages { times, left, rows, shares, integrals, tangents } = memory;
        let (body, over) = (self.body, (self.t_end, decay_rate));
        let mut cache = CurrentsAveraging::default();
        integrals.clear();
        tangents.clear();
        for (model, &start) in body.models.iter().zip(&body.initial) {
            integrals.push(model.integral(start, over, &mut cache));
            let at = (start, CurrentsTangent::default());
            let of_start = TANGENTS.then(|| model.integral_tangent(at, over, &mut cache));
            tangents.push(of_start.unwrap_or_default());
        }
        let weights = self.fired.wiring.weights;
        shares.set(&body.numbers, decay_rate, (times, left));
        let arrivals = &self.scratch.arrivals;
        add_rows(weights, (rows, &arrivals.ends), &shares.i, integrals);
        let Some(model) = body.models.first().filter(|_| TANGENTS) else { return };
        shares.set_tangents(model, decay_rate, (times, left));
        for (k, by_taus) in shares.i_by_taus.iter().enumerate() {
            for (n, tangent) in tangents.iter_mut().enumerate() {
                let weight: f64 = rows[arrivals.at(k)].iter().map(|row| weights[row + n]).sum();
                tangent.iter_mut().zip(by_taus).for_each(|(sum, by_tau)| *sum += weight * by_tau);
            }
        }
    }
}
