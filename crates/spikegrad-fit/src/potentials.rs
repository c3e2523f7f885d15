//! Residuals of potentials: what a leaky neuron that spikes when it shall would have for a potential, and how far that is from its threshold.
//!
//! Where a spike is missing, its time has no derivative, but the potential at that time does. A neuron that spiked at its last target, was held at `v_reset` up to `t_r` and has not spiked since
//! has the potential V(t) = U(t) + (`v_reset` − U(`t_r`)) e^(−(t − `t_r`)/τ), U being that of the same neuron without a threshold: linear in the weights. It shall be the threshold at each target,
//! and below it before (R.-M. Memmesheimer, R. Rubin, B. P. Ölveczky and H. Sompolinsky, *Learning precisely timed spikes*, Neuron 82, 925, 2014). Between the targets it is looked at on a grid: this
//! is where a search starts, whose end is judged by the spikes themselves. Not here: these (`spike_times.rs`).

use crate::error::FitError;
use crate::least_squares::Residuals;
use crate::numbers::Numbers;
use crate::runs::Runs;
use nalgebra::{DMatrix, DVector};
use spikegrad::dynamics::{lif, math};
use spikegrad::{
    Cotangents, Measure, Model, Network, NetworkError, NeuronId, Parameters, Population,
    PopulationParameters, ReadoutRequest, Run, Settings, Stimulus,
};

/// Points of the grid in the shortest of the neuron's time constants,
const POINTS: f64 = 10.0;
/// unless there would be more than this in a run: the grid is for the start of a search, and has to end.
const MOST_POINTS: f64 = 10_000.0;

/// How far below its threshold the potential shall stay, as a share of the way from reset to threshold; before a target it may rise to the threshold by that way
/// in a membrane time constant.
const MARGIN: f64 = 0.05;

/// How far from the threshold a potential may be at the end, in the same unit: some roundings.
const CLOSE: f64 = 1e-14;

/// A time at which the potential is looked at.
#[derive(Clone, Copy, Debug)]
struct Look {
    /// Position of the read-out there.
    readout: usize,
    /// The read-out at the end of the refractory time before, and the share of it that is left.
    reset: Option<(usize, f64)>,
    /// How far below the threshold it shall be at least; at a target it shall be there.
    below: Option<f64>,
}

/// Potentials of a single leaky neuron, as a function of its weights and delays.
pub(crate) struct Potentials<'a> {
    /// Of the neuron without a threshold.
    pub(crate) runs: Runs<'a>,
    looks: Vec<Look>,
    threshold: f64,
    reset: f64,
    unit: f64,
    run: Option<Run>,
    residuals: Vec<f64>,
}

impl<'a> Potentials<'a> {
    /// Those of the single neuron of `network`, which has `parameters` and shall spike at `targets`, in seconds; `numbers` are of the same neuron [without a threshold](without_threshold).
    pub(crate) fn new(
        network: &Network,
        parameters: &Parameters,
        numbers: &'a Numbers,
        stimulus: &'a Stimulus,
        targets: &[f64],
        settings: Settings,
    ) -> Result<Self, NetworkError> {
        let free = without_threshold(parameters);
        let population = Population { model: Model::Li, ..network.populations()[0].clone() };
        let connections = network.connections().to_vec();
        let free_network = Network::new(network.inputs(), vec![population], connections)?;
        let of = parameters.populations[0].of(0);
        let [threshold, reset] = [lif::V_TH, lif::V_RESET].map(&of);
        let [tau_mem, tau_syn, t_ref] = [lif::TAU_MEM, lif::TAU_SYN, lif::T_REF].map(&of);
        let unit = threshold - reset;

        let (mut requests, mut looks) = (Vec::new(), Vec::new());
        let mut request = |time| {
            let measure = Measure::Sample { time };
            requests.push(ReadoutRequest { neuron: NeuronId::new(0), measure });
            requests.len() - 1
        };
        let end = stimulus.t_end();
        let mut from: Option<(f64, usize)> = None;
        for target in targets.iter().map(Some).chain([None]) {
            let start = from.map_or(0.0, |(time, _)| time);
            let to = target.map_or(end, |&time| time);
            let spacing = (tau_mem.min(tau_syn) / POINTS).max(end / MOST_POINTS);
            let share = |time: f64| from.map(|(reset, k)| (k, math::exp((reset - time) / tau_mem)));
            let grid =
                (1_u32..).map(|k| start + f64::from(k) * spacing).take_while(|time| *time < to);
            for time in grid {
                let rise = target.map_or(MARGIN, |&target| MARGIN.min((target - time) / tau_mem));
                let (reset, below) = (share(time), Some(unit * rise));
                looks.push(Look { readout: request(time), reset, below });
            }
            if let Some(&time) = target {
                looks.push(Look { readout: request(time), reset: share(time), below: None });
                let release = time + t_ref;
                if release >= end {
                    break;
                }
                from = Some((release, request(release)));
            }
        }
        let runs = Runs::new(&free_network, free, numbers, stimulus, requests, settings)?;
        let (run, residuals) = (None, Vec::new());
        Ok(Self { runs, looks, threshold, reset, unit, run, residuals })
    }
}

/// The parameters of a leaky neuron without its threshold.
pub(crate) fn without_threshold(parameters: &Parameters) -> Parameters {
    let neuron = &parameters.populations[0];
    let mut integrator = PopulationParameters::new(Model::Li);
    for (position, &of_neuron) in lif::integrator::OF_LIF.iter().enumerate() {
        integrator[position] = neuron[of_neuron].clone();
    }
    Parameters { populations: vec![integrator], connections: parameters.connections.clone() }
}

impl Residuals for Potentials<'_> {
    fn project(&self, x: &mut DVector<f64>) {
        self.runs.numbers.project(x);
    }

    fn at(&mut self, x: &DVector<f64>) -> Result<DVector<f64>, FitError> {
        let run = self.runs.run(x)?;
        let readouts = &run.traces()[0].readouts;
        let potential = |look: &Look| {
            let since_reset = look.reset.map(|(k, left)| left * (self.reset - readouts[k].value));
            readouts[look.readout].value + since_reset.unwrap_or(0.0)
        };
        let residual = |look: &Look| {
            let above = (potential(look) - self.threshold) / self.unit;
            look.below.map_or(above, |below| (above + below / self.unit).max(0.0))
        };
        self.residuals = self.looks.iter().map(residual).collect();
        self.run = Some(run);
        Ok(DVector::from_column_slice(&self.residuals))
    }

    fn is_solved(&self) -> bool {
        self.residuals.iter().all(|residual| residual.abs() <= CLOSE)
    }

    fn jacobian(&self) -> Result<DMatrix<f64>, FitError> {
        let columns = self.runs.numbers.count();
        let mut jacobian = DMatrix::zeros(self.looks.len(), columns);
        let Some(run) = &self.run else { return Ok(jacobian) };
        for (k, look) in self.looks.iter().enumerate() {
            if look.below.is_some() && self.residuals[k] == 0.0 {
                continue;
            }
            let mut cotangents = Cotangents::zeros(&run.traces()[0]);
            cotangents.readouts[look.readout] = 1.0 / self.unit;
            if let Some((release, left)) = look.reset {
                cotangents.readouts[release] = -left / self.unit;
            }
            jacobian.row_mut(k).copy_from_slice(&self.runs.row(run, cotangents)?);
        }
        Ok(jacobian)
    }
}
