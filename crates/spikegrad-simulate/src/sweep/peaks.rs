//! Read-outs of a layer of leaky integrators: samples, maxima and averages of the membrane potential.
//!
//! A maximum is looked at where the pass says that the potential turns from up to down at or above the highest so far; the
//! rules are those of the general engine, whose observer keeps it. Not here: the pass (`columns.rs`).

use super::Irregular;
use super::columns::Columns;
use crate::Options;
use crate::observer::Observer;
use spikegrad_dynamics::lif::{Averaging, Tangent};
use spikegrad_dynamics::{Lif, Neuron, State, TimeConstants};
use spikegrad_network::{Circuit, Layer, Measure, Readout, Time};

/// A stretch of a layer: from the arrival of `row` at `from` until `until`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stretch<'a> {
    pub(super) circuit: &'a Circuit,
    pub(super) layer: &'a Layer,
    pub(super) from: Time,
    pub(super) until: Time,
    pub(super) row: &'a [f64],
}

/// What a layer's read-outs know so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Peaks {
    /// For each neuron of the layer.
    observers: Vec<Option<Observer<f64>>>,
    /// Whether a maximum is asked for.
    wants_maximum: bool,
    /// Whether an average is asked for, under whatever weight.
    wants_average: bool,
    /// Samples by time: (time, request).
    samples: Vec<(f64, usize)>,
    next_sample: usize,
}

fn state_of(columns: &Columns, n: usize) -> (State<f64>, Tangent<f64>) {
    let [v, i, tau_mem, tau_syn, i_syn] = columns.get(n);
    (State { v, i }, Tangent { v: TimeConstants { tau_mem, tau_syn }, i: i_syn })
}

impl Peaks {
    pub(super) fn reset(
        &mut self,
        circuit: &Circuit,
        layer: &Layer,
        options: &Options,
        start: &Columns,
    ) -> Result<(), Irregular> {
        self.observers.clear();
        self.observers.resize(layer.neurons.len(), None);
        self.samples.clear();
        (self.wants_maximum, self.wants_average, self.next_sample) = (false, false, 0);
        for (k, request) in options.readouts.iter().enumerate() {
            let n = request.neuron.index();
            if !layer.neurons.contains(&n) {
                continue;
            }
            if layer.spikes {
                return Err(Irregular);
            }
            match request.measure {
                Measure::Sample { time } => self.samples.push((time, k)),
                Measure::Maximum => self.wants_maximum = true,
                Measure::Mean | Measure::Weighted { .. } => self.wants_average = true,
            }
            let local = n - layer.neurons.start;
            let value = circuit.neurons[n].membrane(state_of(start, local).0);
            let observer = self.observers[local].get_or_insert_with(|| Observer::new(value));
            observer.also(request.measure).map_err(|_| Irregular)?;
        }
        self.samples.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        Ok(())
    }

    /// From which potential, relative to its datum, a neuron is to be named: its highest so far.
    pub(super) fn ceiling(&self, model: &Lif<f64>, n: usize) -> f64 {
        match self.observers.get(n) {
            Some(Some(observer)) if self.wants_maximum => observer.highest.value - model.datum(),
            _ => f64::INFINITY,
        }
    }

    /// A neuron whose potential turns from up to down within the stretch, or at the arrival at its start.
    pub(super) fn turn<const TANGENTS: bool>(
        &mut self,
        at: Stretch<'_>,
        before: &Columns,
        after: &Columns,
        n: usize,
    ) {
        let Some(Some(observer)) = self.observers.get_mut(n) else { return };
        let model = &at.circuit.neurons[at.layer.neurons.start + n];
        let (state, tangent) = state_of(before, n);
        let start = model.receive(state, weight(at.row, n));
        observer.arrival(model, at.from, 0, (state, tangent), start);
        let end = state_of(after, n).0;
        observer.peak::<_, TANGENTS>(
            model,
            at.from,
            (start, tangent),
            at.until.since(at.from),
            end,
        );
    }

    /// What else is read along a stretch: samples, and the integrals of averages.
    pub(super) fn along<const TANGENTS: bool>(
        &mut self,
        at: Stretch<'_>,
        before: &Columns,
        sampled: &mut [Option<Readout>],
        options: &Options,
    ) {
        if self.wants_average {
            let dt = at.until.since(at.from);
            let mut kept = Averaging::default();
            for (n, observer) in self.observers.iter_mut().enumerate() {
                let Some(observer) = observer else { continue };
                let model = &at.circuit.neurons[at.layer.neurons.start + n];
                let (state, tangent) = state_of(before, n);
                observer.integrate::<_, TANGENTS>(
                    model,
                    at.from,
                    (model.receive(state, weight(at.row, n)), tangent),
                    dt,
                    &mut kept,
                );
            }
        }
        while let Some(&(time, k)) = self.samples.get(self.next_sample)
            && time <= at.until.rounded
        {
            self.next_sample += 1;
            let request = options.readouts[k];
            let n = request.neuron.index() - at.layer.neurons.start;
            let model = &at.circuit.neurons[request.neuron.index()];
            let (state, tangent) = state_of(before, n);
            let start = model.receive(state, weight(at.row, n));
            let dt = Time::from(time).since(at.from);
            let (state, tangent) = model.flow_with_tangent(start, tangent, dt);
            let (value, tangent) = (model.membrane(state), model.membrane_tangent(tangent));
            sampled[k] =
                Some(Readout { request, time, time_rest: 0.0, value, cusp: None, tangent });
        }
    }

    /// The end of the run.
    pub(super) fn end(
        &mut self,
        circuit: &Circuit,
        layer: &Layer,
        t_end: f64,
        last: &Columns,
        sampled: &mut [Option<Readout>],
        options: &Options,
    ) {
        for (k, &request) in options.readouts.iter().enumerate() {
            let n = request.neuron.index();
            if !layer.neurons.contains(&n) || matches!(request.measure, Measure::Sample { .. }) {
                continue;
            }
            let local = n - layer.neurons.start;
            if let Some(Some(observer)) = self.observers.get_mut(local) {
                observer.end(&circuit.neurons[n], t_end.into(), state_of(last, local));
                sampled[k] = observer.readout(request, t_end);
            }
        }
    }
}

fn weight(row: &[f64], n: usize) -> f64 {
    row.get(n).copied().unwrap_or(0.0)
}
