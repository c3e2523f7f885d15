//! Gradients of which not everything is asked for.
//!
//! Not here: what they cost (`benches/callgrind.sh`).

use crate::support::problems;
use spikegrad::dynamics::Kind;
use spikegrad::problem::Problem;
use spikegrad::{Engine, Settings, Source, WithRespectTo, value_and_grad};

#[test]
fn what_is_not_asked_for_is_zero_and_changes_no_other_bit() {
    let mut seen = 0;
    for (name, problem) in problems() {
        let loss = problem.document.loss.as_ref().unwrap();
        let Problem { network, parameters, stimulus, .. } = &problem;
        for engine in [Engine::Automatic, Engine::EventLoop] {
            let all = Settings { engine, ..Settings::default() };
            let with_respect_to = WithRespectTo { time_constants: false, input_times: false };
            let some = Settings { with_respect_to, ..all };
            let [expected, got] = [all, some].map(|settings| {
                value_and_grad(network, parameters, stimulus, loss, &settings).unwrap()
            });
            assert_eq!(got.loss.to_bits(), expected.loss.to_bits());
            assert_eq!(got.certificate, expected.certificate);
            let mut left = expected.gradient.clone();
            for population in &mut left.parameters.populations {
                for (quantity, values) in population.values_mut() {
                    if quantity.kind == Kind::TimeConstant {
                        seen += values.as_slice().iter().filter(|x| **x != 0.0).count();
                        values.as_mut_slice().fill(0.0);
                    }
                }
            }
            for (connection, of) in
                network.connections().iter().zip(&mut left.parameters.connections)
            {
                if connection.from == Source::Input {
                    seen += of.delay.as_slice().iter().filter(|x| **x != 0.0).count();
                    of.delay.as_mut_slice().fill(0.0);
                }
            }
            seen += left.input_times.iter().filter(|x| **x != 0.0).count();
            left.input_times.fill(0.0);
            assert_eq!(got.gradient, left, "{name}");
        }
    }
    assert!(seen > 50, "{seen}");
}
