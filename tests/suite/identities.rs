//! Sums of derivatives that are known in advance, from what happens when everything is shifted in time, or scaled in
//! potential or in time (rows E11–E13 of the hard cases; Euler's theorem on homogeneous functions).
//!
//! With `g(x)` for ∂L/∂x, the input times t, and the state (V₀, I₀) at time 0:
//!
//! * **Shift.** A trajectory that starts later by δ is one that starts at 0 from (V₀ − δ V̇₀, I₀ − δ İ₀). So
//!   `Σ g(t) − Σ (g(V₀) V̇₀ + g(I₀) İ₀)` = dL/dδ, where every spike time has the derivative 1, an interior maximum 0, and a
//!   mean over `[0, T]` the derivative `(V(0) − V(T))/T`.
//! * **Amplitude.** `Σ x g(x)` over weights, thresholds, resets, leaks, biases and initial states is 0 for a function of
//!   spike times, which do not depend on the unit of the potential, and L for a linear function of potentials.
//! * **Time.** `Σ x g(x)` over input times, delays, time constants and refractory times is `Σ c t` for `L = Σ c t` over spikes,
//!   0 for an interior maximum, and M − V(T) for a mean M, whose window stays.
//!
//! Nothing here knows how a derivative is computed. Not here: derivatives one by one (`oracle.rs`, `yardsticks.rs`).

use crate::random_networks::{
    MAX_EVENTS, Plan, Reads, Regime, any_plan, for_all, runaway, spiking_plan,
};
use crate::support::{exact_sum, random};
use crate::tolerance::{AGREEMENT_ROUNDINGS, IDENTITY};
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;
use spikegrad::dynamics::Kind;
use spikegrad::problem::Problem;
use spikegrad::{
    Cotangents, Derivatives, Evaluate, Evaluation, Loss, Measure, Network, NeuronId, Observation,
    Parameters, ReadoutRequest, Settings, Values, value_and_grad,
};
use spikegrad_compare::{Question, Saltation};
use std::cell::Cell;

/// Σ c t over all spikes, or Σ c V over read-outs, with random coefficients from −1 to 1.
#[derive(Debug)]
struct Linear {
    reads: Reads,
    seed: u64,
    t_end: f64,
}

impl Linear {
    fn coefficient(&self, k: usize) -> f64 {
        2.0 * random(self.seed.wrapping_add(k as u64)).unit() - 1.0
    }

    /// The neurons of the last population.
    fn read(network: &Network) -> impl Iterator<Item = NeuronId> {
        network.range(network.populations().len() - 1).map(NeuronId::new)
    }
}

impl Loss for Linear {
    /// What is read of each neuron, then its potential at the end, which the loss does not count.
    fn request(&self, network: &Network, requests: &mut Vec<ReadoutRequest>) {
        let measure = match self.reads {
            Reads::Spikes => return,
            Reads::Maximum => Measure::Maximum,
            Reads::Mean => Measure::Mean,
            Reads::Samples => Measure::Sample { time: 0.7 * self.t_end },
        };
        let wanted = Self::read(network).map(|neuron| ReadoutRequest { neuron, measure });
        let end = Measure::Sample { time: self.t_end };
        let at_the_end = Self::read(network).map(|neuron| ReadoutRequest { neuron, measure: end });
        requests.extend(wanted.chain(at_the_end));
    }

    fn evaluate_into(&self, run: &Observation<'_>, into: &mut Derivatives<'_>) -> f64 {
        if self.reads == Reads::Spikes {
            for (k, cotangent) in into.spikes.iter_mut().enumerate() {
                *cotangent = self.coefficient(k);
            }
        }
        let count = if self.reads == Reads::Spikes { 0 } else { Self::read(run.network).count() };
        for k in 0..count {
            let readout = &run.readouts[k];
            // A maximum at the start or the end does not move with the inputs.
            let at_an_end = readout.time == 0.0 || readout.time >= self.t_end;
            if self.reads != Reads::Maximum || !at_an_end {
                into.readouts[k] = self.coefficient(k);
            }
        }
        let of_spikes = run.spikes.iter().zip(&*into.spikes).map(|(s, c)| s.time * c);
        let of_readouts = run.readouts.iter().zip(&*into.readouts).map(|(r, c)| r.value * c);
        of_spikes.chain(of_readouts).sum()
    }
}

/// Terms that must cancel.
#[derive(Default)]
struct Terms {
    sum: f64,
    size: f64,
}

impl Terms {
    fn add(&mut self, term: f64) {
        self.sum += term;
        self.size += term.abs();
    }
}

/// How often an identity was checked, and how often only to the condition of its run.
#[derive(Default)]
struct Checked {
    all: Cell<u32>,
    conditioned: Cell<u32>,
}

impl Checked {
    /// The terms cancel; near grazing, where a rounding is magnified as it is between engines, to that.
    fn cancel(&self, terms: &Terms, answered: &Answered) -> Result<(), TestCaseError> {
        self.all.set(self.all.get() + 1);
        let error = terms.sum.abs() / terms.size.max(f64::MIN_POSITIVE);
        if error >= IDENTITY {
            let tolerance = AGREEMENT_ROUNDINGS * f64::EPSILON * answered.condition()?;
            prop_assert!(error < tolerance, "{:e} of {:e}, {:e}", error, terms.size, tolerance);
            self.conditioned.set(self.conditioned.get() + 1);
        }
        Ok(())
    }

    /// Few networks need their condition: near the threshold spikes graze.
    fn finish(self) {
        let (conditioned, all) = (self.conditioned.get(), self.all.get());
        println!("{conditioned} of {all} networks within their condition alone");
        assert!(30 * conditioned <= all, "{conditioned} of {all}");
    }
}

/// The problem with one number for each neuron everywhere, its answer, and ∂L/∂(what the loss read).
struct Answered {
    problem: Problem,
    evaluation: Evaluation,
    cotangents: Cotangents,
    loss: Linear,
}

const SETTINGS: Settings = Settings { max_events: MAX_EVENTS, ..Settings::DEFAULT };

fn answer(plan: &Plan, problem: &Problem) -> Result<Answered, TestCaseError> {
    let mut problem = problem.clone();
    let sizes: Vec<usize> = problem.network.populations().iter().map(|p| p.size).collect();
    for (population, size) in problem.parameters.populations.iter_mut().zip(sizes) {
        for (_, values) in population.values_mut() {
            *values = Values::Each((0..size).map(|k| values.get(k)).collect());
        }
    }
    let t_end = problem.stimulus.t_end();
    let loss = Linear { reads: plan.reads, seed: plan.seed, t_end };
    let Problem { network, parameters, stimulus, .. } = &problem;
    let evaluation =
        value_and_grad(network, parameters, stimulus, &loss, &SETTINGS).map_err(runaway)?;
    let (_, cotangents) = loss.evaluate(network, &evaluation.trace).unwrap();
    Ok(Answered { problem, evaluation, cotangents, loss })
}

impl Answered {
    /// Σ κ² over the spikes of the run.
    fn condition(&self) -> Result<f64, TestCaseError> {
        let Problem { network, parameters, stimulus, .. } = &self.problem;
        let (loss, settings) = (&self.loss, SETTINGS);
        let question = Question { network, parameters, stimulus, loss, settings };
        let answer = Saltation.answer_with_condition(&question);
        answer
            .map(|(_, condition)| condition.of_slopes)
            .map_err(|error| TestCaseError::fail(error.to_string()))
    }

    /// Read-outs that count, with their cotangents and the potential of the same neuron at the end.
    fn readouts(&self) -> impl Iterator<Item = (&spikegrad::Readout, f64, f64)> {
        let readouts = &self.evaluation.trace.readouts;
        let count = readouts.len() / 2;
        (0..count)
            .map(move |k| (&readouts[k], self.cotangents.readouts[k], readouts[count + k].value))
    }

    /// −dL/dδ for a shift of everything by δ.
    fn by_shift(&self, terms: &mut Terms) {
        self.cotangents.spikes.iter().for_each(|&c| terms.add(-c));
        let t_end = self.problem.stimulus.t_end();
        let Parameters { populations, connections } = &self.problem.parameters;
        let largest =
            connections.iter().flat_map(|c| &c.weights).fold(0.0f64, |m, w| m.max(w.abs()));
        for (readout, cotangent, at_the_end) in self.readouts() {
            let (population, index) = self.problem.network.locate(readout.request.neuron);
            let read = &populations[population];
            // By the time of an arrival of weight w a potential has a difference of two terms w/tau_mem, and a mean of two
            // terms w/T, of which little or nothing is left.
            let is_mean = readout.request.measure == Measure::Mean;
            let time =
                if is_mean { t_end } else { read.named("params.tau_mem").unwrap().get(index) };
            terms.size += cotangent.abs() * largest / time;
            if is_mean {
                terms.add(-cotangent * read.named("initial.v").unwrap().get(index) / t_end);
                terms.add(cotangent * at_the_end / t_end);
            }
        }
    }

    /// `x g(x)` for every parameter; `of_times` are those that are measured in seconds.
    fn by_parameters(&self, of_times: bool, terms: &mut Terms) {
        let (parameters, gradient) =
            (&self.problem.parameters, &self.evaluation.gradient.parameters);
        let mut products =
            |x: &[f64], g: &[f64]| x.iter().zip(g).for_each(|(x, g)| terms.add(x * g));
        for (x, g) in parameters.populations.iter().zip(&gradient.populations) {
            for ((quantity, x), (_, g)) in x.values().zip(g.values()) {
                if of_times == (quantity.kind != Kind::Potential) {
                    products(x.as_slice(), g.as_slice());
                }
            }
        }
        for (x, g) in parameters.connections.iter().zip(&gradient.connections) {
            if of_times {
                products(x.delay.as_slice(), g.delay.as_slice());
            } else {
                products(&x.weights, &g.weights);
            }
        }
    }

    /// In the order of the file, like their derivatives.
    fn input_times(&self) -> impl Iterator<Item = (f64, f64)> {
        let inputs = self.problem.document.stimulus.spikes.iter().map(|&(_, time)| time);
        inputs.zip(self.evaluation.gradient.input_times.iter().copied())
    }

    fn spikes(&self) -> usize {
        self.evaluation.trace.spikes.len()
    }
}

#[test]
fn e11_a_shift_of_everything_shifts_every_spike_and_no_maximum() {
    let checked = Checked::default();
    let plans = any_plan()
        .prop_filter("a sample has a time of its own", |plan| plan.reads != Reads::Samples);
    for_all(plans, |plan, problem| {
        let answered = answer(plan, problem)?;
        let mut terms = Terms::default();
        answered.input_times().for_each(|(_, g)| terms.add(g));
        let gradient = &answered.evaluation.gradient.parameters;
        for (p, g) in answered.problem.parameters.populations.iter().zip(&gradient.populations) {
            let [tau_mem, tau_syn] =
                ["params.tau_mem", "params.tau_syn"].map(|path| p.named(path).unwrap());
            let rest = ["params.v_leak", "params.i_bias"].map(|path| p.named(path).unwrap());
            let start = |of: &spikegrad::PopulationParameters, k| {
                ["initial.v", "initial.i"].map(|path| of.named(path).unwrap().get(k))
            };
            for k in 0..tau_mem.as_slice().len() {
                let ([v, i], [by_v, by_i]) = (start(p, k), start(g, k));
                // All but zero near a threshold in balance, where its digits count.
                let [v_leak, i_bias] = rest.map(|values| values.get(k));
                let rate_of_v = exact_sum([v_leak, i_bias, -v, i]) / tau_mem.get(k);
                terms.add(-by_v * rate_of_v);
                terms.add(by_i * i / tau_syn.get(k));
            }
        }
        answered.by_shift(&mut terms);
        checked.cancel(&terms, &answered)?;
        Ok(answered.spikes())
    });
    checked.finish();
}

#[test]
fn e11_without_bias_and_initial_state_the_derivatives_by_input_times_sum_to_the_cotangents() {
    let checked = Checked::default();
    let plans = spiking_plan().prop_map(|plan| Plan { bias: false, initial: false, ..plan });
    for_all(plans, |plan, problem| {
        let answered = answer(plan, problem)?;
        let mut terms = Terms::default();
        answered.input_times().for_each(|(_, g)| terms.add(g));
        answered.cotangents.spikes.iter().for_each(|&c| terms.add(-c));
        checked.cancel(&terms, &answered)?;
        Ok(answered.spikes())
    });
    checked.finish();
}

#[test]
fn e12_spike_times_do_not_depend_on_the_unit_of_the_potential_and_potentials_are_linear_in_it() {
    let checked = Checked::default();
    for_all(any_plan(), |plan, problem| {
        let answered = answer(plan, problem)?;
        let mut terms = Terms::default();
        answered.by_parameters(false, &mut terms);
        answered
            .readouts()
            .for_each(|(readout, cotangent, _)| terms.add(-cotangent * readout.value));
        checked.cancel(&terms, &answered)?;
        Ok(answered.spikes())
    });
    checked.finish();
}

#[test]
fn e13_spike_times_are_linear_in_the_unit_of_time_and_potentials_do_not_depend_on_it() {
    let checked = Checked::default();
    let plans = any_plan()
        .prop_filter("a sample has a time of its own", |plan| plan.reads != Reads::Samples);
    for_all(plans, |plan, problem| {
        let answered = answer(plan, problem)?;
        // By an input time a potential has a difference of two large terms, of which nothing may be left (`by_shift`): times a time of a
        // million time constants that is no small number.
        if plan.regime == Regime::LongGaps && plan.reads != Reads::Spikes {
            return Ok(answered.spikes());
        }
        let mut terms = Terms::default();
        answered.by_parameters(true, &mut terms);
        answered.input_times().for_each(|(time, g)| terms.add(time * g));
        let spikes = answered.evaluation.trace.spikes.iter().zip(&answered.cotangents.spikes);
        spikes.for_each(|(spike, c)| terms.add(-c * spike.time));
        for (readout, cotangent, at_the_end) in answered.readouts() {
            if readout.request.measure == Measure::Mean {
                terms.add(-cotangent * readout.value);
                terms.add(cotangent * at_the_end);
            }
        }
        checked.cancel(&terms, &answered)?;
        Ok(answered.spikes())
    });
    checked.finish();
}
