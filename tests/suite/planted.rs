//! Planted bugs: each rule of the neuron is broken once, and the case corpus must notice.
//!
//! A neuron that delegates to the real one, except for one rule, runs through the real engine and the real backward sweep.
//! A rule that could be broken without a case failing would be a rule that nothing tests.

use crate::support::{at_path, decimal, error, here, read_json, readouts_of};
use crate::tolerance::{AGREEMENT, CASE};
use spikegrad::adjoint::{BackwardWorkspace, GradientSum, backward_into};
use spikegrad::dynamics::{
    Adjoint, Arrival, Lif, LifGradient, Neuron, NeuronAdjoint, Outlook, State, TimeConstants,
    Vector,
    lif::{Averaging, Tangent},
};
use spikegrad::network::Circuit;
use spikegrad::problem::{Answer, Problem};
use spikegrad::{Evaluate, Gradient, Grazing, Place, Settings, StimulusGradient, Trace};
use spikegrad_compare::{Agreement, Engine, Evidence, Question, Saltation};
use spikegrad_simulate::{Options, Workspace, simulate_into};

/// What is wrong with the neuron.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Bug {
    /// None: the control, which must pass.
    Nothing,
    ResetIsForgotten,
    ClampIsForgotten,
    ArrivalHasTheWrongSign,
    FlowPullbackForgetsTheResponse,
    HoldPullbackForgetsTheDecay,
    IntegralPullbackHasTheWrongSign,
    WeightHasTheWrongSign,
    ArrivalTimeHasTheWrongSign,
    ArrivalTimeForgetsTheMembrane,
    ReleaseHasTheWrongSign,
    ReleaseKeepsTheMembrane,
    SpikeHasTheWrongSign,
    SpikeForgetsTheSlope,
    ThresholdHasTheWrongSign,
    RefractoryTimeHasTheWrongSign,
    RestAndStartAreForgotten,
    TangentIsForgotten,
    TangentSurvivesTheReset,
    InitialCurrentIsForgotten,
    FreeIntegralForgetsTheRest,
    ClampIsNotAveraged,
    ClampedIntegralIsForgotten,
    DropIsForgotten,
    ClampedSampleIsForgotten,
    MaximumForgetsTheThreshold,
    CuspMovesTheOtherWay,
}

const BUGS: [Bug; 26] = [
    Bug::ResetIsForgotten,
    Bug::ClampIsForgotten,
    Bug::ArrivalHasTheWrongSign,
    Bug::FlowPullbackForgetsTheResponse,
    Bug::HoldPullbackForgetsTheDecay,
    Bug::IntegralPullbackHasTheWrongSign,
    Bug::WeightHasTheWrongSign,
    Bug::ArrivalTimeHasTheWrongSign,
    Bug::ArrivalTimeForgetsTheMembrane,
    Bug::ReleaseHasTheWrongSign,
    Bug::ReleaseKeepsTheMembrane,
    Bug::SpikeHasTheWrongSign,
    Bug::SpikeForgetsTheSlope,
    Bug::ThresholdHasTheWrongSign,
    Bug::RefractoryTimeHasTheWrongSign,
    Bug::RestAndStartAreForgotten,
    Bug::TangentIsForgotten,
    Bug::TangentSurvivesTheReset,
    Bug::InitialCurrentIsForgotten,
    Bug::FreeIntegralForgetsTheRest,
    Bug::ClampIsNotAveraged,
    Bug::ClampedIntegralIsForgotten,
    Bug::DropIsForgotten,
    Bug::ClampedSampleIsForgotten,
    Bug::MaximumForgetsTheThreshold,
    Bug::CuspMovesTheOtherWay,
];

/// A neuron with a bug.
#[derive(Clone, Copy, Debug)]
struct Buggy {
    real: Lif<f64>,
    bug: Bug,
}

impl Neuron<f64> for Buggy {
    type State = State<f64>;
    type Tangent = Tangent<f64>;
    type Averaging = Averaging<f64>;

    fn to_vector(state: Self::State) -> Vector<f64> {
        Lif::to_vector(state)
    }
    fn from_vector(vector: Vector<f64>) -> Self::State {
        Lif::from_vector(vector)
    }
    fn takes_current(&self) -> bool {
        self.real.takes_current()
    }
    fn with_current(&self, current: f64) -> Self {
        Self { real: self.real.with_current(current), ..*self }
    }
    fn flow(&self, state: State<f64>, dt: f64) -> State<f64> {
        self.real.flow(state, dt)
    }
    fn hold(&self, state: State<f64>, dt: f64) -> State<f64> {
        if self.bug == Bug::ClampIsForgotten {
            self.real.flow(state, dt)
        } else {
            self.real.hold(state, dt)
        }
    }
    fn reset(&self, before: State<f64>) -> State<f64> {
        let after = self.real.reset(before);
        if self.bug == Bug::ResetIsForgotten { State { v: 0.9 * after.v, ..after } } else { after }
    }
    fn receive(&self, before: State<f64>, weight: f64) -> State<f64> {
        let weight = if self.bug == Bug::ArrivalHasTheWrongSign { -weight } else { weight };
        self.real.receive(before, weight)
    }
    fn refractory(&self) -> f64 {
        self.real.refractory()
    }
    fn membrane(&self, state: State<f64>) -> f64 {
        self.real.membrane(state)
    }
    fn membrane_rate(&self, state: State<f64>) -> f64 {
        self.real.membrane_rate(state)
    }
    fn rate_after(&self, before: State<f64>, dt: f64) -> f64 {
        self.real.rate_after(before, dt)
    }
    fn height(&self, state: State<f64>) -> f64 {
        self.real.height(state)
    }
    fn clamped_membrane(&self) -> f64 {
        self.real.clamped_membrane()
    }
    fn threshold_membrane(&self, state: State<f64>) -> f64 {
        self.real.threshold_membrane(state)
    }
    fn drop_at_spike(&self) -> f64 {
        if self.bug == Bug::DropIsForgotten { 0.0 } else { self.real.drop_at_spike() }
    }
    fn rate_change(&self, weight: f64) -> f64 {
        self.real.rate_change(weight)
    }
    fn clamped_integral(&self, state: State<f64>, over: (f64, f64)) -> f64 {
        if self.bug == Bug::ClampIsNotAveraged {
            return 0.0;
        }
        self.real.clamped_integral(state, over)
    }
    fn integral(&self, state: State<f64>, over: (f64, f64), kept: &mut Averaging<f64>) -> f64 {
        self.real.integral(state, over, kept)
    }
    fn with_real_part(&self, state: State<f64>, other: State<f64>) -> State<f64> {
        self.real.with_real_part(state, other)
    }
    fn is_finite(&self, state: State<f64>) -> bool {
        self.real.is_finite(state)
    }
    fn earliest_crossing(&self, state: State<f64>) -> Option<f64> {
        self.real.earliest_crossing(state)
    }
    fn next_crossing(&self, state: State<f64>) -> Outlook<f64> {
        self.real.next_crossing(state)
    }
    fn next_maximum(&self, state: State<f64>) -> Option<f64> {
        self.real.next_maximum(state)
    }
    fn flow_with_tangent(
        &self,
        before: State<f64>,
        tangent: Tangent<f64>,
        dt: f64,
    ) -> (State<f64>, Tangent<f64>) {
        self.real.flow_with_tangent(before, tangent, dt)
    }
    fn hold_tangent(&self, tangent: Tangent<f64>, before: State<f64>, dt: f64) -> Tangent<f64> {
        self.real.hold_tangent(tangent, before, dt)
    }
    fn reset_tangent(&self, tangent: Tangent<f64>) -> Tangent<f64> {
        if self.bug == Bug::TangentSurvivesTheReset {
            tangent
        } else {
            self.real.reset_tangent(tangent)
        }
    }
    fn membrane_tangent(&self, tangent: Tangent<f64>) -> TimeConstants<f64> {
        if self.bug == Bug::TangentIsForgotten {
            return TimeConstants::default();
        }
        self.real.membrane_tangent(tangent)
    }
    fn integral_tangent(
        &self,
        before: (State<f64>, Tangent<f64>),
        over: (f64, f64),
        kept: &mut Averaging<f64>,
    ) -> TimeConstants<f64> {
        self.real.integral_tangent(before, over, kept)
    }
}

impl NeuronAdjoint<f64> for Buggy {
    type Gradient = LifGradient<f64>;

    fn flow_pullback(&self, dt: f64, after: Adjoint<State<f64>>) -> Adjoint<State<f64>> {
        if self.bug == Bug::FlowPullbackForgetsTheResponse {
            let membrane = self.real.flow_pullback(dt, Adjoint(State { v: after.0.v, i: 0.0 }));
            let current = self.real.flow_pullback(dt, Adjoint(State { v: 0.0, i: after.0.i }));
            return Adjoint(State { v: membrane.0.v, i: current.0.i });
        }
        self.real.flow_pullback(dt, after)
    }
    fn hold_pullback(&self, dt: f64, after: Adjoint<State<f64>>) -> Adjoint<State<f64>> {
        if self.bug == Bug::HoldPullbackForgetsTheDecay {
            after
        } else {
            self.real.hold_pullback(dt, after)
        }
    }
    fn current_pullback(&self, dt: f64, after: Adjoint<State<f64>>) -> f64 {
        self.real.current_pullback(dt, after)
    }
    fn current_of_integral_pullback(&self, integral: f64, over: (f64, f64)) -> f64 {
        self.real.current_of_integral_pullback(integral, over)
    }
    fn step_pullback(&self, change: f64, adjoint: Adjoint<State<f64>>) -> f64 {
        self.real.step_pullback(change, adjoint)
    }
    fn integral_pullback(
        &self,
        integral: f64,
        over: (f64, f64),
        kept: &mut Averaging<f64>,
    ) -> Adjoint<State<f64>> {
        let integral =
            if self.bug == Bug::IntegralPullbackHasTheWrongSign { -integral } else { integral };
        self.real.integral_pullback(integral, over, kept)
    }
    fn receive_pullback(&self, weight: f64, after: Adjoint<State<f64>>) -> Arrival<f64> {
        let Arrival { weight: by_weight, time } = self.real.receive_pullback(weight, after);
        match self.bug {
            Bug::WeightHasTheWrongSign => Arrival { weight: -by_weight, time },
            Bug::ArrivalTimeHasTheWrongSign => Arrival { weight: by_weight, time: -time },
            Bug::ArrivalTimeForgetsTheMembrane => {
                self.real.receive_pullback(weight, Adjoint(State { v: 0.0, i: after.0.i }))
            }
            _ => Arrival { weight: by_weight, time },
        }
    }
    fn release_pullback(
        &self,
        rate: f64,
        after: Adjoint<State<f64>>,
    ) -> (Adjoint<State<f64>>, f64) {
        let (before, time) = self.real.release_pullback(rate, after);
        match self.bug {
            Bug::ReleaseHasTheWrongSign => (before, -time),
            Bug::ReleaseKeepsTheMembrane => (before, 0.0),
            _ => (before, time),
        }
    }
    fn spike_pullback(
        &self,
        slope: f64,
        time: f64,
        after: Adjoint<State<f64>>,
    ) -> (Adjoint<State<f64>>, f64) {
        match self.bug {
            Bug::SpikeHasTheWrongSign => self.real.spike_pullback(-slope, time, after),
            Bug::SpikeForgetsTheSlope => self.real.spike_pullback(1.0, time, after),
            _ => self.real.spike_pullback(slope, time, after),
        }
    }
    fn read_pullback(&self, membrane: f64, after: Adjoint<State<f64>>) -> Adjoint<State<f64>> {
        self.real.read_pullback(membrane, after)
    }
    fn no_adjoint(&self) -> Adjoint<State<f64>> {
        self.real.no_adjoint()
    }
    fn is_zero_adjoint(&self, adjoint: Adjoint<State<f64>>) -> bool {
        self.real.is_zero_adjoint(adjoint)
    }
    fn add_adjoints(&self, a: Adjoint<State<f64>>, b: Adjoint<State<f64>>) -> Adjoint<State<f64>> {
        self.real.add_adjoints(a, b)
    }
    fn membrane_pullback(
        &self,
        membrane: f64,
        elapsed: f64,
        after_reset: bool,
        tangent: TimeConstants<f64>,
        gradient: &mut LifGradient<f64>,
    ) {
        let elapsed = if self.bug == Bug::RestAndStartAreForgotten { 0.0 } else { elapsed };
        self.real.membrane_pullback(membrane, elapsed, after_reset, tangent, gradient);
    }
    fn threshold_pullback(&self, slope: f64, time: f64, gradient: &mut LifGradient<f64>) {
        let time = if self.bug == Bug::ThresholdHasTheWrongSign { -time } else { time };
        self.real.threshold_pullback(slope, time, gradient);
    }
    fn refractory_pullback(&self, time: f64, gradient: &mut LifGradient<f64>) {
        let time = if self.bug == Bug::RefractoryTimeHasTheWrongSign { -time } else { time };
        self.real.refractory_pullback(time, gradient);
    }
    fn clamped_pullback(&self, membrane: f64, gradient: &mut LifGradient<f64>) {
        if self.bug != Bug::ClampedSampleIsForgotten {
            self.real.clamped_pullback(membrane, gradient);
        }
    }
    fn threshold_membrane_pullback(&self, membrane: f64, gradient: &mut LifGradient<f64>) {
        if self.bug != Bug::MaximumForgetsTheThreshold {
            self.real.threshold_membrane_pullback(membrane, gradient);
        }
    }
    fn free_integral_pullback(
        &self,
        integral: f64,
        over: (f64, f64),
        after_reset: bool,
        gradient: &mut LifGradient<f64>,
    ) {
        let integral = if self.bug == Bug::FreeIntegralForgetsTheRest { 0.0 } else { integral };
        self.real.free_integral_pullback(integral, over, after_reset, gradient);
    }
    fn clamped_integral_pullback(
        &self,
        integral: f64,
        over: (f64, f64),
        gradient: &mut LifGradient<f64>,
    ) {
        if self.bug != Bug::ClampedIntegralIsForgotten {
            self.real.clamped_integral_pullback(integral, over, gradient);
        }
    }
    fn time_constants_pullback(
        &self,
        cotangent: f64,
        tangent: TimeConstants<f64>,
        gradient: &mut LifGradient<f64>,
    ) {
        self.real.time_constants_pullback(cotangent, tangent, gradient);
    }
    fn initial_pullback(&self, adjoint: Adjoint<State<f64>>, gradient: &mut LifGradient<f64>) {
        if self.bug != Bug::InitialCurrentIsForgotten {
            self.real.initial_pullback(adjoint, gradient);
        }
    }
}

/// A case of the corpus through neurons with a bug: the run, the value of its loss, and its gradient; `None` if it cannot be run.
fn run_with(problem: &Problem, bug: Bug) -> Option<(Trace, f64, Gradient)> {
    let network = &problem.network;
    let circuit = Circuit::new(network, &problem.parameters)
        .unwrap()
        .with_neurons(|real| Buggy { real, bug });
    let loss = problem.document.loss.as_ref().unwrap();
    let mut trace = Trace::default();
    let readouts = readouts_of(problem);
    let options = Options { readouts: &readouts, max_events: spikegrad::DEFAULT_MAX_EVENTS };
    let mut workspace = Workspace::default();
    simulate_into(&circuit, &problem.stimulus, options, &mut workspace, &mut trace).ok()?;
    if bug == Bug::CuspMovesTheOtherWay {
        for readout in &mut trace.readouts {
            if let Place::Cusp(cusp) = &mut readout.place {
                cusp.rate_before = -cusp.rate_before;
            }
        }
    }
    let (value, cotangents) = loss.evaluate(network, &trace).ok()?;
    let mut sum = GradientSum::new(&circuit);
    let mut workspace = BackwardWorkspace::default();
    let StimulusGradient { input_times, currents } =
        backward_into(&circuit, &trace, &cotangents, Grazing::Fail, &mut workspace, &mut sum)
            .unwrap();
    let parameters = sum.to_parameters(network, &circuit);
    Some((trace, value, Gradient { parameters, input_times, currents }))
}

fn read(name: &str) -> Problem {
    Problem::from_json(&std::fs::read(here(name)).unwrap()).unwrap()
}

/// Whether a case of the corpus still comes out right with this bug.
fn passes(name: &str, bug: Bug) -> bool {
    let problem = read(name);
    let expected = read_json(&here(&name.replace(".json", ".expected.json")));
    let Some((trace, value, gradient)) = run_with(&problem, bug) else { return false };
    if trace.spikes.len() != expected["spikes"].as_array().unwrap().len() {
        return false;
    }
    let answer = Answer::of_trace(&problem, &trace).with_gradient(
        &problem,
        value,
        &gradient,
        serde_json::Value::Null,
    );
    let answer = serde_json::to_value(answer).unwrap();
    let derivatives = expected["gradient"].as_object().unwrap();
    let scale = derivatives.values().map(|x| decimal(x).abs()).fold(0.0, f64::max);
    error(value, decimal(&expected["loss"]), 1e-300) < CASE
        && derivatives
            .iter()
            .all(|(path, x)| error(at_path(&answer, path), decimal(x), 1e-9 * scale) < CASE)
}

/// Whether the gradient of a case with this bug still agrees with saltation matrices.
fn agrees(name: &str, bug: Bug) -> bool {
    let problem = read(name);
    let Some((_, loss, gradient)) = run_with(&problem, bug) else { return false };
    let Problem { network, parameters, stimulus, .. } = &problem;
    let of_file = problem.document.loss.as_ref().unwrap();
    let settings = Settings::default();
    let question = Question { network, parameters, stimulus, loss: of_file, settings };
    let entries = gradient.parameters.to_vec().into_iter().chain(gradient.input_times);
    let gradient = question.gradient(entries.map(Some));
    let planted = spikegrad_compare::Answer { loss, gradient, evidence: Evidence::default() };
    let oracle = Saltation.answer(&question).unwrap();
    Agreement::between(&question, &planted, &oracle).error() <= AGREEMENT
}

/// At least one case for each kind of event.
const CASES: [&str; 11] = [
    "cases/feedforward_100.json",
    "cases/refractory_bias_100.json",
    "cases/refractory_bursts.json",
    "cases/initial_state_sparse_100.json",
    "cases/recurrent_delays_100.json",
    "cases/mean_voltage_100.json",
    "cases/max_voltage_cusp_100.json",
    "cases/voltage_samples_100.json",
    "cases/spiking_mean_voltage.json",
    "cases/spiking_voltage_samples.json",
    "cases/spiking_max_voltage.json",
];

#[test]
fn the_neuron_without_a_bug_passes() {
    for case in CASES {
        assert!(passes(case, Bug::Nothing), "{case}");
        assert!(agrees(case, Bug::Nothing), "{case}");
    }
}

/// Asserts that every bug makes some case fail.
fn check_every_bug(what: &str, is_right: fn(&str, Bug) -> bool) {
    let mut missed = Vec::new();
    for bug in BUGS {
        let caught: Vec<_> = CASES.into_iter().filter(|case| !is_right(case, bug)).collect();
        println!("{bug:?}: caught by {} of {} cases", caught.len(), CASES.len());
        if caught.is_empty() {
            missed.push(bug);
        }
    }
    assert!(missed.is_empty(), "{what} does not notice {missed:?}");
}

#[test]
fn every_planted_bug_is_caught() {
    check_every_bug("the corpus", passes);
}

#[test]
fn every_planted_bug_disagrees_with_the_saltation_matrices() {
    check_every_bug("the oracle", agrees);
}
