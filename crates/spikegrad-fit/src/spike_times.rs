//! Residuals of spike times: how far each spike is from its target, whether or not it happens within the run.
//!
//! The n-th spike of a neuron against its n-th target, in units of the neuron's membrane time constant. A spike that does not happen has the time at which a quadratic
//! neuron would go on by itself (pseudospikes; C. Klos and R.-M. Memmesheimer, PRL 2025, arXiv:2309.14523), and counts as one at the end of the run for other models: it then has no
//! derivative. One residual more for each neuron is how far the first spike after the last target lies within the run, and a tenth of it more. Not here: who starts the search where (`fit.rs`).

use crate::error::FitError;
use crate::least_squares::Residuals;
use crate::runs::Runs;
use nalgebra::{DMatrix, DVector};
use rayon::prelude::*;
use spikegrad::{Certificate, Cotangents, Interrupt, Measure, NeuronId, ReadoutRequest, Run};

/// Width of the softplus of pseudospikes, that of Klos and Memmesheimer.
const WIDTH: f64 = 10.0;

/// How long after the end of the run, as a share of it, the first spike beyond the targets shall be.
const MARGIN: f64 = 0.1;

/// A neuron that shall have a spike train.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) neuron: NeuronId,
    /// When it shall spike, in seconds, in order.
    pub(crate) times: Vec<f64>,
    /// The unit of its residuals, in seconds.
    pub(crate) unit: f64,
    /// Whether spikes that do not happen have times.
    pub(crate) goes_on: bool,
}

/// Where a residual comes from.
#[derive(Clone, Copy, Debug)]
enum Origin {
    /// The spike at a position of the trace,
    Spike(usize),
    /// or the read-out, which is a pseudospike.
    Readout(usize),
    /// Nothing that moves.
    Fixed,
}

#[derive(Clone, Copy, Debug)]
struct Residual {
    value: f64,
    origin: Origin,
    unit: f64,
}

/// What became of the targets in a run.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Outcome {
    /// Largest distance of a spike that happened from its target, in seconds.
    pub(crate) largest: f64,
    /// Spikes that did not happen.
    pub(crate) missing: usize,
    /// Spikes that happened beyond the targets.
    pub(crate) surplus: usize,
}

impl Outcome {
    /// Whether every spike is within `tolerance` of its target, in seconds, and none is missing or too many.
    pub(crate) fn is_within(&self, tolerance: f64) -> bool {
        self.largest <= tolerance && self.missing == 0 && self.surplus == 0
    }
}

/// Spike times of a network as a function of some of its numbers.
pub(crate) struct SpikeTimes<'a> {
    pub(crate) runs: Runs<'a>,
    targets: &'a [Target],
    /// How far a spike may be from its target, in seconds.
    tolerance: f64,
    run: Option<Run>,
    residuals: Vec<Residual>,
    outcome: Outcome,
}

/// What the runs of a network with these targets have to record.
pub(crate) fn requests(targets: &[Target]) -> Vec<ReadoutRequest> {
    let mut requests = Vec::new();
    for Target { neuron, times, .. } in targets.iter().filter(|target| target.goes_on) {
        let indices = (1..=times.len() + 1).filter_map(|index| u32::try_from(index).ok());
        let measures = indices.map(|index| Measure::Pseudospike { index, width: WIDTH });
        requests.extend(measures.map(|measure| ReadoutRequest { neuron: *neuron, measure }));
    }
    requests
}

impl<'a> SpikeTimes<'a> {
    /// Those of runs that record the [`requests`] of the targets.
    pub(crate) fn new(runs: Runs<'a>, targets: &'a [Target], tolerance: f64) -> Self {
        let (run, residuals, outcome) = (None, Vec::new(), Outcome::default());
        Self { runs, targets, tolerance, run, residuals, outcome }
    }

    /// What becomes of the targets where the numbers have moved by `x`.
    pub(crate) fn outcome(&mut self, x: &DVector<f64>) -> Result<Outcome, FitError> {
        let run = self.runs.run(x)?;
        self.read(&run);
        Ok(self.outcome)
    }

    /// The same, and how far the derivatives of the targeted spike times can be trusted there.
    pub(crate) fn conclude(
        &mut self,
        x: &DVector<f64>,
    ) -> Result<(Outcome, Certificate), FitError> {
        let run = self.runs.run(x)?;
        self.read(&run);
        let mut cotangents = Cotangents::zeros(&run.traces()[0]);
        for residual in &self.residuals {
            residual.write(1.0 / residual.unit, &mut cotangents);
        }
        let gradient = run.backward(std::slice::from_ref(&cotangents))?;
        Ok((self.outcome, run.certificate(0, &cotangents, &gradient)))
    }

    fn read(&mut self, run: &Run) {
        let trace = &run.traces()[0];
        let end = self.runs.stimulus.t_end();
        self.residuals.clear();
        self.outcome = Outcome::default();
        let mut readouts = 0;
        for Target { neuron, times, unit, goes_on } in self.targets {
            let own = trace.spikes.iter().enumerate().filter(|(_, spike)| spike.neuron == *neuron);
            let own: Vec<(f64, usize)> = own.map(|(k, spike)| (spike.time, k)).collect();
            let spike = |n: usize| match own.get(n) {
                Some(&(time, k)) => (time, Origin::Spike(k)),
                None if *goes_on => {
                    let k = readouts + n - own.len();
                    (end + trace.readouts[k].value, Origin::Readout(k))
                }
                None => (end, Origin::Fixed),
            };
            for (n, time) in times.iter().enumerate() {
                let (found, origin) = spike(n);
                self.residuals.push(Residual { value: (found - time) / unit, origin, unit: *unit });
                if n < own.len() {
                    self.outcome.largest = self.outcome.largest.max((found - time).abs());
                }
            }
            let (next, origin) = spike(times.len());
            let within = next - (1.0 + MARGIN) * end;
            let is_within = within < 0.0 && (*goes_on || own.len() > times.len());
            let (value, origin) =
                if is_within { (within / unit, origin) } else { (0.0, Origin::Fixed) };
            self.residuals.push(Residual { value, origin, unit: *unit });
            self.outcome.missing += times.len().saturating_sub(own.len());
            self.outcome.surplus += own.len().saturating_sub(times.len());
            readouts += if *goes_on { times.len() + 1 } else { 0 };
        }
    }
}

impl Residual {
    fn write(self, derivative: f64, cotangents: &mut Cotangents) {
        match self.origin {
            Origin::Spike(k) => cotangents.spikes[k] = derivative,
            Origin::Readout(k) => cotangents.readouts[k] = derivative,
            Origin::Fixed => (),
        }
    }
}

impl Residuals for SpikeTimes<'_> {
    fn project(&self, x: &mut DVector<f64>) {
        self.runs.numbers.project(x);
    }

    fn at(&mut self, x: &DVector<f64>) -> Result<DVector<f64>, FitError> {
        let run = self.runs.run(x)?;
        self.read(&run);
        self.run = Some(run);
        Ok(DVector::from_iterator(self.residuals.len(), self.residuals.iter().map(|r| r.value)))
    }

    fn is_solved(&self) -> bool {
        self.outcome.is_within(self.tolerance)
    }

    fn jacobian(&self) -> Result<DMatrix<f64>, FitError> {
        let columns = self.runs.numbers.count();
        let Some(run) = &self.run else { return Ok(DMatrix::zeros(0, columns)) };
        let interrupt = Interrupt::current();
        let row = |residual: &Residual| -> Result<Vec<f64>, FitError> {
            if let Origin::Fixed = residual.origin {
                return Ok(vec![0.0; columns]);
            }
            let mut cotangents = Cotangents::zeros(&run.traces()[0]);
            residual.write(1.0 / residual.unit, &mut cotangents);
            interrupt.scope(|| self.runs.row(run, cotangents))
        };
        let rows = self.residuals.par_iter().map(row).collect::<Result<Vec<_>, _>>()?;
        let numbers = rows.iter().flatten().copied();
        Ok(DMatrix::from_row_iterator(rows.len(), columns, numbers))
    }
}
