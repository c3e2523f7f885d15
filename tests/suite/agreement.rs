//! Four engines, one gradient: the adjoint against forward propagation, saltation matrices and finite differences.
//!
//! Not here: that each rule of a neuron is noticed if it is broken (`planted.rs`).

use crate::random_networks::{Plan, any_plan, for_all};
use crate::support::corpus;
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;
use spikegrad::problem::Problem;
use spikegrad::{Settings, SimulateError, loss_of};
use spikegrad_compare::{
    Agreement, CompareError, Engine, EvaluationError, Exact, FiniteDifferences,
    ForwardPropagation, Question, Saltation,
};
use std::cell::RefCell;

const MAX_EVENTS: u64 = 10_000;

fn condition(q: &Question<'_>, trace: &spikegrad::Trace) -> f64 {
    let run = q.run(q.parameters, q.stimulus).unwrap(); let _ = trace;
    run.trace.spikes.iter().map(|s| { let (p, k) = q.network.locate(s.neuron); let v = &q.parameters.populations[p]; let h = v.v_th.get(k) - v.v_leak.get(k) - v.i_bias.get(k); let u = v.tau_mem.get(k) * s.slope; (h.abs() + (h + u).abs()) / u }).fold(1.0, f64::max)
}

fn question<'a>(problem: &'a Problem, loss: &'a dyn spikegrad::Loss) -> Question<'a> {
    let settings = Settings { max_events: MAX_EVENTS, ..Settings::default() };
    Question {
        network: &problem.network,
        parameters: &problem.parameters,
        stimulus: &problem.stimulus,
        loss,
        settings,
    }
}

#[test]
fn measure() {
    for (name, problem) in corpus() {
        let loss = loss_of(problem.document.loss.as_ref().unwrap(), &problem.network);
        let q = Question { settings: Settings::default(), ..question(&problem, &*loss) };
        let exact = Exact.answer(&q).unwrap();
        let forward = ForwardPropagation.answer(&q).unwrap();
        let salt = Saltation.answer(&q).unwrap();
        let fd = FiniteDifferences::default().answer(&q).unwrap();
        println!("{name}: {} numbers", q.numbers().len());
        for (n, a) in [("fwd", &forward), ("salt", &salt), ("fd", &fd)] {
            let agreement = Agreement::between(&q, &exact, a);
            println!("   {n} {:?} {:?} missing {}", agreement.worst.map(|w| w.to_string()), a.worth.refusals, agreement.missing);
        }
    }
}

#[test]
fn measure_random() {
    let errors = RefCell::new(Vec::new());
    let time = RefCell::new([0.0f64; 3]);
    let plans = (any_plan(), any::<bool>()).prop_map(|(plan, loops)| Plan { loops, ..plan });
    for_all(plans, |plan, problem| {
        let loss = plan.loss(problem);
        let q = question(problem, &*loss);
        let t0 = std::time::Instant::now();
        let exact = match Exact.answer(&q) {
            Ok(answer) => answer,
            Err(CompareError::Evaluation(EvaluationError::Simulate(SimulateError::EventBudget { .. }))) => return Err(TestCaseError::reject("runs away")),
            Err(e) => return Err(TestCaseError::fail(e.to_string())),
        };
        let t1 = std::time::Instant::now();
        let forward = ForwardPropagation.answer(&q).map_err(|e| TestCaseError::fail(e.to_string()))?;
        let t2 = std::time::Instant::now();
        let salt = Saltation.answer(&q).map_err(|e| TestCaseError::fail(e.to_string()))?;
        let t3 = std::time::Instant::now();
        time.borrow_mut()[0] += (t1 - t0).as_secs_f64();
        time.borrow_mut()[1] += (t2 - t1).as_secs_f64();
        time.borrow_mut()[2] += (t3 - t2).as_secs_f64();
        let f = Agreement::between(&q, &exact, &forward);
        let s = Agreement::between(&q, &exact, &salt);
        let fs = Agreement::between(&q, &forward, &salt);
        let spikes = exact.worth.certificate.as_ref().unwrap().spikes;
        let slope = condition(&q, &spikegrad::Trace::default());
        errors.borrow_mut().push((f.error(), s.error(), fs.error(), slope, spikes, s.worst.map(|w| w.to_string()), f.worst.map(|w| w.to_string())));
        Ok(spikes)
    });
    println!("{:?}", time.borrow());
    let mut e = errors.into_inner();
    e.sort_by(|a, b| b.1.total_cmp(&a.1));
    for x in e.iter().take(20) { println!("{x:?}"); }
    println!("above 1e-12: fwd {} salt {} fwd-salt {} of {}", e.iter().filter(|x| x.0 > 1e-12).count(), e.iter().filter(|x| x.1 > 1e-12).count(), e.iter().filter(|x| x.2 > 1e-12).count(), e.len());
    e.sort_by(|a, b| (b.1/b.3/b.3).total_cmp(&(a.1/a.3/a.3)));
    for x in e.iter().take(10) { println!("{:e} {x:?}", x.1/x.3/x.3/2.2e-16); }
    e.sort_by(|a, b| b.0.total_cmp(&a.0));
    for x in e.iter().take(10) { println!("{x:?}"); }
}
