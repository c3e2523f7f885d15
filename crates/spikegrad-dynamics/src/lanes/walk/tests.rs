//! Walks of several neurons in company beside the flow of each by itself: the same spikes.
//!
//! Not here: several receptors (`several_receptors.rs`).

use super::*;
use crate::lanes::{Arrived, WaysApart};
use crate::lif::fixtures::{COMPANY, neuron};
use crate::{Lif, Outlook, State, lif::Tangent};

/// Times at which something arrives, and the last one at which nothing does any more.
const INSTANTS: [f64; 7] = [0.0, 0.5, 0.9, 3.0, 3.1, 7.0, 30.0];

/// Times are sums of some dozen lengths below 30, each found to some roundings of its neuron's time constants.
const ROUNDING: f64 = 1e-12;

/// The spikes of one neuron by itself: time, slope, rate at the release and tangent.
fn alone(model: &Lif<f64>, weights: impl Fn(usize) -> f64) -> Vec<[f64; 5]> {
    let (mut state, mut tangent) = (model.state(0.0, 0.0), Tangent::default());
    let (mut spikes, mut held_until, mut is_held) = (Vec::<[f64; 5]>::new(), 0.0, false);
    for k in 0..INSTANTS.len() - 1 {
        let (mut now, until) = (INSTANTS[k], INSTANTS[k + 1]);
        state = model.receive(state, weights(k));
        while now < until {
            let end = if is_held && held_until < until { held_until } else { until };
            let dt = end - now;
            if is_held {
                tangent = model.hold_tangent(tangent, state, dt);
                state = model.hold(state, dt);
                is_held = held_until > until;
                if !is_held && let Some(last) = spikes.last_mut() {
                    last[2] = model.membrane_rate(state);
                }
                now = end;
                continue;
            }
            let (dt, slope) = match model.next_crossing(state) {
                Outlook::Crossing { dt, slope } if dt <= until - now => (dt, slope),
                _ => {
                    (state, tangent) = model.flow_with_tangent(state, tangent, dt);
                    break;
                }
            };
            (state, tangent) = model.flow_with_tangent(state, tangent, dt);
            now += dt;
            spikes.push([now, slope, 0.0, tangent.v_mem, tangent.v_syn]);
            (state, tangent) = (model.reset(state), model.reset_tangent(tangent));
            (is_held, held_until) = (true, now + model.refractory());
        }
    }
    spikes
}

/// The spikes of a run in which each neuron hears what its list says, neuron by neuron.
fn walk_apart(
    of: &Walkers<'_, 1>,
    layer: &Columns<1>,
    heard: &[Vec<(Instant, f64)>],
) -> Vec<Fired<1>> {
    let (mut ways, mut walk) = (WaysApart::default(), Walk::default());
    ways.reset(heard.len(), std::iter::once(usize::MAX));
    ways.set(0, heard, INSTANTS[INSTANTS.len() - 1]);
    walk.reset(layer, 1);
    while walk.step::<true>(of, &ways) {}
    let Outcome { fired, is_irregular, .. } = &mut walk.outcomes[0];
    assert!(!*is_irregular);
    fired.sort_by(|a, b| a.neuron.cmp(&b.neuron).then(a.time[0].total_cmp(&b.time[0])));
    fired.clone()
}

#[test]
fn who_walks_in_company_spikes_as_if_alone() {
    // More than go together, and a last block that is not full.
    let count = NEURONS + COMPANY.len();
    for ratio in COMPANY {
        let lifs: Vec<Lif<f64>> = (0..count).map(|_| neuron(ratio)).collect();
        let models: Vec<Superposed<1>> = lifs.iter().map(|&lif| lif.into()).collect();
        let mut numbers = Numbers::default();
        numbers.set(&models);
        let mut layer = Columns::default();
        layer.reset(&numbers);
        for (n, lif) in lifs.iter().enumerate() {
            let State { v, i } = lif.state(0.0, 0.0);
            layer.set(n, (CurrentsState { v, i: [i] }, CurrentsTangent::default()));
        }
        #[expect(clippy::cast_precision_loss, reason = "small numbers")]
        let weight = |row: usize, n: usize| 0.2 + ((row * 7 + n * 3) % 11) as f64 * 0.4;
        let weights: Vec<f64> =
            (0..6).flat_map(|row| (0..count).map(move |n| weight(row, n))).collect();
        // Two rows arrive at the third instant, none at the first.
        let arrived: Vec<Arrived> =
            (0..6).map(|row| Arrived { receptor: 0, weights: row * count }).collect();
        let starts = [0, 0, 1, 3, 4, 5, 6];
        let lengths: Vec<f64> = INSTANTS.windows(2).map(|two| two[1] - two[0]).collect();
        let mut motions = Vec::new();
        numbers.motions(&lengths, &mut motions);
        let mut way = Way {
            instants: INSTANTS.map(|time| [time, 0.0]).to_vec(),
            lengths,
            motions,
            arrived,
            starts: starts.to_vec(),
            rows: Vec::new(),
            horizon: f64::INFINITY,
            most: usize::MAX,
        };
        way.find_rows();
        let of = Walkers { models: &models, numbers: &numbers, weights: &weights };
        let (mut walk, ways) = (Walk::default(), [way.clone(), way]);
        walk.reset(&layer, ways.len());
        while walk.step::<true>(&of, &ways[..]) {}
        let [fired, again] = [0, 1].map(|run| {
            let Outcome { fired, is_irregular, .. } = &mut walk.outcomes[run];
            assert!(!*is_irregular);
            fired.sort_by(|a, b| a.neuron.cmp(&b.neuron).then(a.time[0].total_cmp(&b.time[0])));
            fired.clone()
        });
        assert_eq!(fired, again);
        // To the bit, too, if each of them has a list of its own.
        let heard = |n: usize| {
            let sum = |k: usize| (starts[k]..starts[k + 1]).map(|row| weight(row, n)).sum::<f64>();
            (1..6).map(|k| ([INSTANTS[k], 0.0], sum(k))).collect::<Vec<_>>()
        };
        let all: Vec<_> = (0..count).map(heard).collect();
        assert_eq!(walk_apart(&of, &layer, &all), fired);
        // Some hear less often than others.
        let less: Vec<_> = (all.iter().enumerate())
            .map(|(n, heard)| heard[n % 4 % heard.len()..].to_vec())
            .collect();
        let fired_less = walk_apart(&of, &layer, &less);
        let mut fired_less = fired_less.iter();
        for (n, lif) in lifs.iter().enumerate() {
            let first = n % 4;
            let of_rows = |k: usize| if k > first { heard(n)[k - 1].1 } else { 0.0 };
            for expected in alone(lif, of_rows) {
                let got = fired_less.next().expect("as many spikes");
                let size = 1.0 + got.time[0] / got.slope;
                assert_eq!(got.neuron, n);
                assert!((got.time[0] - expected[0]).abs() < ROUNDING * size, "{n}");
            }
        }
        assert_eq!(fired_less.next(), None);
        let mut fired = fired.iter();
        for (n, lif) in lifs.iter().enumerate() {
            let of_rows =
                |k: usize| (starts[k]..starts[k + 1]).map(|row| weight(row, n)).sum::<f64>();
            for expected in alone(lif, of_rows) {
                let got = fired.next().expect("as many spikes");
                let Fired { time, neuron, slope, release_rate, v_mem, v_syn: [v_syn] } = *got;
                assert_eq!(neuron, n);
                for (got, expected) in
                    [time[0], slope, release_rate, v_mem, v_syn].iter().zip(expected)
                {
                    let size = 1.0 + expected.abs() + time[0] / slope;
                    let error = (got - expected).abs();
                    assert!(error < ROUNDING * size, "{n}: {got} {expected}");
                }
            }
        }
        assert_eq!(fired.next(), None);
    }
}
