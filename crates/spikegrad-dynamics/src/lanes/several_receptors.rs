//! Neurons with several receptors side by side, against one neuron at a time that is given by its equations, and against the search of `exponentials/`.
//!
//! Not here: neurons with one receptor, which each file checks for itself.

use super::backward::{Adjoints, Row, Stretches};
use super::forward::{Job, Pass, Screen};
use super::group::Group;
use super::{Columns, Flows, Numbers, Search, backward};
use crate::receptors::{CurrentsState, CurrentsTangent, Superposed, integrator, lif};
use crate::{Adjoint, GeneralNeuron, NUMBERS, Neuron, Outlook};
use proptest::prelude::*;
use proptest::test_runner::{RngSeed, TestCaseError, TestCaseResult};
use std::cell::Cell;

/// Some tens of terms of numbers below a hundred, each rounded a few times.
const ROUNDINGS: f64 = 1e-12;

/// A neuron with K receptors, by its equations and by its parts.
fn neuron<const K: usize>(
    spikes: bool,
    taus: [f64; K],
    [tau_mem, rest]: [f64; 2],
) -> (GeneralNeuron<f64>, Superposed<K>) {
    let model = if spikes { lif(K) } else { integrator(K) };
    let model = model.unwrap();
    let value = |position: usize| {
        let path = model.table().quantities[position].path;
        match path.strip_prefix("receptors[").and_then(|rest| rest.split(']').next()) {
            Some(k) => taus[k.parse::<usize>().unwrap()],
            None if path == "params.tau_mem" => tau_mem,
            None if path == "params.v_th" => 1.0,
            None if path == "params.i_bias" => 1.0 + rest,
            None => 0.0,
        }
    };
    let general = GeneralNeuron::new(model, value).unwrap();
    (general, Superposed::of(&general).unwrap())
}

fn close(got: f64, expected: f64, size: f64) -> TestCaseResult {
    prop_assert!((got - expected).abs() <= ROUNDINGS * size, "{} {}", got, expected);
    Ok(())
}

/// What is drawn for a neuron: potential, resting value, the logarithm of its membrane's time constant in units of 5, of a stretch, and of three
/// pairs of time constant and current.
type Drawn = ([f64; 4], [[f64; 2]; 3]);

fn drawn() -> impl Strategy<Value = Drawn> {
    let membrane = [-3.0..0.0, -2.0..0.3, -1.0..1.0, -4.0..1.5];
    let receptor = || [-1.5..1.5, -9.0..9.0];
    (membrane, [receptor(), receptor(), receptor()])
}

/// With K of the receptors; every third has the time constant of another, or of the membrane.
fn read<const K: usize>(
    ([v, rest, tau_mem, dt], receptors): Drawn,
) -> (CurrentsState<K>, [f64; K], [f64; 2], f64) {
    let tau_mem = 5.0 * 10f64.powf(tau_mem);
    let mut taus: [f64; K] = std::array::from_fn(|k| 5.0 * 10f64.powf(receptors[k][0]));
    if receptors[0][1] > 3.0 {
        taus[K - 1] = if receptors[1][1] > 0.0 { taus[0] } else { tau_mem };
    }
    let i = std::array::from_fn(|k| receptors[k][1]);
    (CurrentsState { v, i }, taus, [tau_mem, rest], 5.0 * 10f64.powf(dt))
}

/// Moves forward and back as the equations do.
fn moves<const K: usize>(drawn: Drawn, spikes: bool) -> TestCaseResult {
    let (state, taus, membrane, dt) = read::<K>(drawn);
    let (general, parts) = neuron(spikes, taus, membrane);
    let size = state.v.abs() + membrane[1].abs() + state.i.iter().map(|i| i.abs()).sum::<f64>();
    let mut numbers = Numbers::default();
    numbers.set(&[parts; 3]);
    let [mut before, mut after] = [Columns::default(), Columns::default()];
    before.reset(&numbers);
    after.reset(&numbers);
    before.set(1, (state, CurrentsTangent::default()));
    let row = [0.0, 0.7, 0.0];
    let mut rows = [&[][..]; K];
    rows[K - 1] = &row;
    let (job, ceiling, named) = (Job::Move, &[][..], &mut Vec::new());
    let pass = Pass {
        job,
        dt,
        motion: None,
        numbers: &numbers,
        rows,
        before: &before,
        after: &mut after,
        ceiling,
        named,
    };
    pass.run::<true>();
    let arrived = parts.receive_at(state, K - 1, 0.7);
    let (got, tangent) = after.get(1);
    let expected = general.flow(Superposed::to_vector(arrived), dt);
    close(got.v, expected[0], size)?;
    for k in 0..K {
        close(got.i[k], expected[1 + k], size)?;
    }
    // One neuron alone, with its derivatives.
    let (alone, of_alone) = parts.flow_with_tangent(arrived, CurrentsTangent::default(), dt);
    close(alone.v, expected[0], size)?;
    close(tangent.v_mem * membrane[0], of_alone.v_mem * membrane[0], size)?;
    // The adjoint of its equations, and their derivatives by the time constants.
    let at_end = Adjoint(CurrentsState { v: 0.8, i: std::array::from_fn(|k| [-0.4, 0.3, 0.2][k]) });
    let mut gradient = [0.0; NUMBERS];
    let after = Superposed::to_vector(at_end.0);
    let before_it =
        general.flow_pullback(Superposed::to_vector(arrived), dt, after, false, &mut gradient);
    let own = if spikes { 6 } else { 3 };
    for k in 0..K {
        close(tangent.v_syn[k] * taus[k], of_alone.v_syn[k] * taus[k], size)?;
        let by_tau = 0.8 * tangent.v_syn[k] + at_end.0.i[k] * tangent.i_syn[k];
        close(by_tau * taus[k], gradient[own + k] * taus[k], size)?;
    }
    let mut adjoints = Adjoints::default();
    adjoints.reset(3);
    adjoints.set(1, at_end);
    // What arrives comes before the motion: on the way back, after it.
    let stretches = Stretches {
        lengths: vec![dt, dt],
        rows: vec![Row { weights: 0, receptor: K - 1, is_timed: true }],
        ends: vec![0, 1, 1],
    };
    let mut flows = Flows::default();
    flows.set(&numbers, &stretches.lengths);
    let (mut of_weights, mut times) = ([0.0; 3], [0.0]);
    let mut pass = |over, adjoints: &mut Adjoints<K>| {
        let (numbers, stretches, count, flows) = (&numbers, &stretches, row.len(), (0, &flows));
        let (weights, gradient, times) = (&row, &mut of_weights, &mut times);
        #[rustfmt::skip]
        backward::Pass { adjoints, numbers, count, stretches, over, flows, weights, gradient, times }.run();
    };
    pass(1..2, &mut adjoints);
    let Adjoint(moved) = adjoints.get(1);
    close(moved.v, before_it[0], 2.0)?;
    for k in 0..K {
        close(moved.i[k], before_it[1 + k], 2.0)?;
    }
    pass(0..1, &mut adjoints);
    let (to, moved) = (Superposed::to_vector(arrived), Superposed::to_vector(moved));
    let expected = general.arrival_pullback(to, (K - 1, 0.7), moved, false);
    close(of_weights[1], expected.weight, 2.0)?;
    close(times[0], expected.time, 2.0 / taus[K - 1] + 2.0 / membrane[0])
}

/// What became of the searches: crossings, silences, and those that were left to the one search.
type Counts = [Cell<u32>; 3];

/// The lanes name who crosses, and find when, as the search of `exponentials/` does.
fn crosses<const K: usize>(drawn: Drawn, counts: &Counts) -> TestCaseResult {
    let (state, taus, membrane, dt) = read::<K>(drawn);
    let (_, parts) = neuron(true, taus, membrane);
    let mut numbers = Numbers::default();
    numbers.set(&[parts]);
    let [mut before, mut after] = [Columns::default(), Columns::default()];
    before.reset(&numbers);
    after.reset(&numbers);
    before.set(0, (state, CurrentsTangent::default()));
    let (mut screened, mut named) = (Vec::new(), Vec::new());
    let rows = [&[][..]; K];
    let screen = Screen { dt, numbers: &numbers, rows, before: &before, named: &mut screened };
    screen.run();
    let pass = Pass {
        job: Job::NameCrossings,
        dt,
        motion: None,
        numbers: &numbers,
        rows,
        before: &before,
        after: &mut after,
        ceiling: &[],
        named: &mut named,
    };
    pass.run::<false>();
    let expected = match parts.next_crossing(state) {
        Outlook::Crossing { dt: at, slope } if at <= dt => Some((at, slope)),
        Outlook::Crossing { .. } | Outlook::Silent | Outlook::Touch { .. } => None,
        other => return Err(TestCaseError::fail(format!("{other:?}"))),
    };
    if expected.is_some() {
        prop_assert!(
            screened.contains(&0) && named.contains(&0) && !parts.is_silent_for(state, dt)
        );
    }
    let mut group = Group::default();
    group.push((state, CurrentsTangent::default()), &numbers, 0);
    group.search([dt].into_iter());
    let count = |which: usize| counts[which].set(counts[which].get() + 1);
    match (group.found(0), expected) {
        (Search::Undecided, _) => count(2),
        (Search::Silent, None) => count(1),
        (Search::Crossing { dt: at, .. }, None) => prop_assert!(at > dt, "{} {}", at, dt),
        (Search::Crossing { dt: at, slope }, Some((t, s))) => {
            count(0);
            let size = 1.0 + state.v.abs() + state.i.iter().map(|i| i.abs()).sum::<f64>();
            let error = 16.0 * f64::EPSILON * (t + size / s);
            prop_assert!((at - t).abs() <= error, "{} {}", at, t);
            prop_assert!(
                (slope / s - 1.0).abs() <= ROUNDINGS * size / s.min(1.0),
                "{} {}",
                slope,
                s
            );
        }
        (found, expected) => prop_assert!(false, "{:?} {:?}", found, expected),
    }
    Ok(())
}

proptest! {
    #[test]
    fn neurons_with_several_receptors_move_as_their_equations_say(drawn in drawn(), spikes: bool) {
        moves::<2>(drawn, spikes)?;
        moves::<3>(drawn, spikes)?;
    }
}

#[test]
fn lanes_with_several_receptors_find_what_the_one_search_finds() {
    let counts: [Counts; 2] = Default::default();
    let config = ProptestConfig {
        cases: 4000,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(2026),
        ..ProptestConfig::default()
    };
    proptest::test_runner::TestRunner::new(config)
        .run(&drawn(), |drawn| {
            crosses::<2>(drawn, &counts[0])?;
            crosses::<3>(drawn, &counts[1])
        })
        .unwrap();
    let [two, three] = counts.each_ref().map(|counts| counts.each_ref().map(Cell::get));
    assert!(two[0] > 300 && two[1] > 2000 && two[2] < 600, "{two:?}");
    assert!(three[0] > 300 && three[1] > 2000 && three[2] < 1000, "{three:?}");
}
