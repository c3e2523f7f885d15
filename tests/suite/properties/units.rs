//! Neither the unit of time or potential nor the time of day shows: scaling by a power of two, and a shift within a binade,
//! round nothing.

use super::{bits, evaluate, in_order, spikes};
use crate::random_networks::{
    Plan, Regime, UNDERFLOWING, Window, any_plan, for_all, for_all_of, spiking_plan,
};
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;
use spikegrad::dynamics::Kind;
use spikegrad::problem::Problem;
use spikegrad::{
    AnyLoss, Evaluation, InputSpike, MaxVoltageCrossEntropy, MeanVoltageCrossEntropy, Parameters,
    SpikeTimeMse, Stimulus, TtfsCrossEntropy, VoltageMse,
};

/// The bits of derivatives that have all of theirs.
fn full_bits(derivatives: &[f64], expected: &[f64]) -> Vec<u64> {
    let pairs = derivatives.iter().zip(expected);
    bits(pairs.map(|(x, expected)| if expected.abs() < UNDERFLOWING { &0.0 } else { x }))
}

/// The unit that a number has a power of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    Time,
    Potential,
}

/// The unit of each number, in the order of [`Parameters::to_vec`].
fn units(parameters: &Parameters) -> Vec<Unit> {
    let mut units = Vec::new();
    for population in &parameters.populations {
        for (quantity, values) in population.values() {
            let is_time = quantity.kind != Kind::Potential;
            let unit = if is_time { Unit::Time } else { Unit::Potential };
            units.extend(values.as_slice().iter().map(|_| unit));
        }
    }
    for connection in &parameters.connections {
        units.extend(connection.weights.iter().map(|_| Unit::Potential));
        units.extend(connection.delay.as_slice().iter().map(|_| Unit::Time));
    }
    units
}

/// Multiplies every number of `unit` by `factor`; returns the problem, and the power of `unit` that the loss has.
fn scaled(problem: &Problem, unit: Unit, factor: f64) -> (Problem, i32) {
    let mut scaled = problem.clone();
    let mut of_parameter = units(&problem.parameters).into_iter();
    scaled.parameters.for_each_mut(|x| {
        if of_parameter.next() == Some(unit) {
            *x *= factor;
        }
    });
    let mut power = 0;
    let times = if unit == Unit::Time { factor } else { 1.0 };
    match scaled.document.loss.as_mut().unwrap() {
        AnyLoss::TtfsCrossEntropy(TtfsCrossEntropy { tau0, tau1, .. }) => {
            *tau0 *= times;
            *tau1 *= times;
        }
        AnyLoss::SpikeTimeMse(SpikeTimeMse { targets, .. }) => {
            targets.iter_mut().flatten().for_each(|t| *t *= times);
            power = if unit == Unit::Time { 2 } else { 0 };
        }
        AnyLoss::VoltageMse(VoltageMse { samples, .. }) => {
            for (_, time, target) in samples {
                *time *= times;
                *target *= factor / times;
            }
            power = if unit == Unit::Potential { 2 } else { 0 };
        }
        _ => {}
    }
    let moved = problem.stimulus.spikes().iter().map(|s| InputSpike { time: s.time * times, ..*s });
    // In the order of time, like the gradient that it is compared with.
    scaled.stimulus = Stimulus::new(problem.stimulus.t_end() * times, moved.collect()).unwrap();
    (scaled, power)
}

fn scaling_to_the_bit(
    plan: &Plan,
    problem: &Problem,
    unit: Unit,
    k: i32,
) -> Result<usize, TestCaseError> {
    let factor = 2f64.powi(k);
    let problem = in_order(problem);
    let softmax_of_potentials = matches!(
        problem.document.loss,
        Some(
            AnyLoss::MaxVoltageCrossEntropy(MaxVoltageCrossEntropy { .. })
                | AnyLoss::MeanVoltageCrossEntropy(MeanVoltageCrossEntropy { .. })
        )
    ) && unit == Unit::Potential;
    let (other, power) = scaled(&problem, unit, factor);
    let (one, two) = (evaluate(&problem)?, evaluate(&other)?);
    let (of_times, of_potentials) = if unit == Unit::Time { (factor, 1.0) } else { (1.0, factor) };
    let expected: Vec<_> =
        one.trace.spikes.iter().map(|s| (s.neuron.0, (s.time * of_times).to_bits())).collect();
    prop_assert_eq!(spikes(&two.trace), expected);
    let remainders = |e: &Evaluation, by: f64| -> Vec<f64> {
        e.trace.spikes.iter().map(|s| s.time_remainder * by).collect()
    };
    // A current that has faded over several long gaps may be subnormal in one unit and zero in the other, where a crossing has a closed form:
    // another rounding, of what the rounding of its time leaves off.
    let are_the_same = bits(&remainders(&one, of_times)) == bits(&remainders(&two, 1.0));
    prop_assert!(are_the_same || plan.regime == Regime::LongGaps);
    if !are_the_same {
        return Ok(one.trace.spikes.len());
    }
    let values = |e: &Evaluation, by: f64| -> Vec<f64> {
        e.trace.readouts.iter().map(|r| r.value * by).collect()
    };
    let expected = values(&one, of_potentials);
    prop_assert_eq!(full_bits(&values(&two, 1.0), &expected), full_bits(&expected, &expected));
    // A softmax that is all but certain has derivatives without all their digits, which do not scale.
    if softmax_of_potentials || one.loss < UNDERFLOWING {
        return Ok(one.trace.spikes.len());
    }
    prop_assert_eq!((one.loss * factor.powi(power)).to_bits(), two.loss.to_bits());
    let expected: Vec<f64> = one
        .gradient
        .parameters
        .to_vec()
        .into_iter()
        .zip(units(&problem.parameters))
        .map(|(x, of)| x * factor.powi(power - i32::from(of == unit)))
        .collect();
    let got = two.gradient.parameters.to_vec();
    prop_assert_eq!(full_bits(&got, &expected), full_bits(&expected, &expected));
    let by_time = factor.powi(power - i32::from(unit == Unit::Time));
    let expected: Vec<f64> = one.gradient.input_times.iter().map(|x| x * by_time).collect();
    let got = &two.gradient.input_times;
    prop_assert_eq!(full_bits(got, &expected), full_bits(&expected, &expected));
    Ok(one.trace.spikes.len())
}

#[test]
fn the_unit_of_time_does_not_show_in_a_bit() {
    for_all(any_plan(), |plan, problem| {
        let k = [-20, -1, 10, 40][plan.random().below(4)];
        scaling_to_the_bit(plan, problem, Unit::Time, k)
    });
}

#[test]
fn the_unit_of_the_potential_does_not_show_in_a_bit() {
    for_all(any_plan(), |plan, problem| {
        let k = [-60, -1, 10, 60][plan.random().below(4)];
        scaling_to_the_bit(plan, problem, Unit::Potential, k)
    });
}

/// Numbers in [1, 2) have one exponent, so that a shift by 1/4 within rounds nothing.
const ONE_BINADE: Window = Window { start: 1.0, length: 0.03, t_end: 1.06 };

#[test]
fn a_shift_of_all_input_times_within_a_binade_shifts_every_spike_to_the_bit() {
    // Nothing moves before the first input: no bias, no initial state.
    let plans = spiking_plan().prop_map(|plan| Plan {
        bias: false,
        initial: false,
        window: ONE_BINADE,
        ..plan
    });
    // Long gaps go beyond the binade.
    let regimes = [Regime::Usual, Regime::Coincident, Regime::NearThreshold];
    for_all_of(&regimes, plans, |_, problem| {
        let mut problem = in_order(problem);
        let mut moved = problem.clone();
        let by = 0.25;
        let inputs = problem.stimulus.spikes().iter();
        let inputs = inputs.map(|s| InputSpike { time: s.time + by, ..*s }).collect();
        moved.stimulus = Stimulus::new(problem.stimulus.t_end() + by, inputs).unwrap();
        // A squared distance from targets that move along; a softmax of times is not invariant to the bit.
        let population = problem.network.populations().last().unwrap().clone();
        for (problem, by) in [(&mut problem, 0.0), (&mut moved, by)] {
            problem.document.loss = Some(AnyLoss::SpikeTimeMse(SpikeTimeMse::new(
                population.name.clone(),
                vec![vec![1.01 + by, 1.03 + by]; population.size],
            )));
        }
        let (one, two) = (evaluate(&problem)?, evaluate(&moved)?);
        let expected: Vec<_> =
            one.trace.spikes.iter().map(|s| (s.neuron.0, (s.time + by).to_bits())).collect();
        prop_assert_eq!(spikes(&two.trace), expected);
        prop_assert_eq!(one.loss.to_bits(), two.loss.to_bits());
        prop_assert_eq!(bits(&one.gradient.input_times), bits(&two.gradient.input_times));
        // How long the membrane has been at rest shows in the derivatives by its rest and its start, and only there.
        for (a, b) in
            one.gradient.parameters.populations.iter().zip(&two.gradient.parameters.populations)
        {
            let shows_time = ["params.v_leak", "params.i_bias", "initial.v", "initial.i"];
            for ((quantity, a), (_, b)) in a.values().zip(b.values()) {
                if !shows_time.contains(&quantity.path) {
                    prop_assert_eq!(bits(a.as_slice()), bits(b.as_slice()), "{}", quantity);
                }
            }
        }
        prop_assert_eq!(&one.gradient.parameters.connections, &two.gradient.parameters.connections);
        Ok(one.trace.spikes.len())
    });
}
