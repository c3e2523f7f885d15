//! The loss of a sample as it is trained: that of the task, without a gradient where the label is silent, and the penalties.
//!
//! Not here: which losses there are (`spikegrad`), which of them a configuration names (`config/loss.rs`).

use std::sync::Arc;

use spikegrad::{
    AnyLoss, Derivatives, Loss, Network, NetworkError, NeuronId, Observation, ReadoutRequest, Sum,
};

use crate::Config;

/// The loss of the task for a sample, whose gradient is used where the label answers.
///
/// To a loss of first spikes, a silent label counts as one at the end of time, a constant: all that its gradient could do is
/// to make the other outputs later, until they are silent as well. So it is left out, as in the code of Wunderlich and Pehle;
/// the value stays what it is. A loss that goes on after the run has no such constant.
#[derive(Debug)]
pub(super) struct TaskLoss {
    /// With all of its derivatives.
    pub(super) loss: AnyLoss,
    /// The neuron that has to spike.
    pub(super) needs: Option<usize>,
}

impl Loss for TaskLoss {
    fn check(&self, network: &Network) -> Result<(), NetworkError> {
        Loss::<f64>::check(&self.loss, network)
    }

    fn request(&self, network: &Network, requests: &mut Vec<ReadoutRequest>) {
        Loss::<f64>::request(&self.loss, network, requests);
    }

    fn spikes_read(&self, network: &Network, neuron: NeuronId) -> usize {
        Loss::<f64>::spikes_read(&self.loss, network, neuron)
    }

    fn evaluate_into(&self, run: &Observation<'_>, into: &mut Derivatives<'_>) -> f64 {
        let value = self.loss.evaluate_into(run, into);
        let is_silent =
            |label: usize| !run.spikes.iter().any(|spike| spike.neuron.index() == label);
        if self.needs.is_some_and(is_silent) {
            // It reads nothing but spikes.
            into.spikes.fill(0.0);
        }
        value
    }
}

/// The loss of a sample: that of its task, and the penalties of the configuration.
pub(super) fn with_penalties(task: TaskLoss, config: &Config) -> Arc<dyn Loss> {
    if config.penalties.is_empty() {
        return Arc::new(task);
    }
    let task: Box<dyn Loss> = Box::new(task);
    let penalties = config.penalties.iter().cloned();
    let penalties = penalties.map(|term| (term.weight, Box::new(term.loss) as Box<dyn Loss>));
    Arc::new(Sum::of([(1.0, task)].into_iter().chain(penalties)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Wanted;
    use spikegrad::dynamics::TimeConstants;
    use spikegrad::{Evaluate, Spike, Trace};

    #[test]
    fn a_silent_label_has_a_loss_and_no_gradient() {
        let config = Config::default();
        let pair = Network::builder().inputs(1).lif("output", 2);
        let (network, _) = pair.dense("input", "output", vec![1.0; 2]).build().unwrap();
        let spike = Spike {
            time: 0.02,
            time_remainder: 0.0,
            neuron: NeuronId::new(0),
            round: 0,
            slope: 1.0,
            release_rate: 0.0,
            tangent: TimeConstants::default(),
        };
        let trace = Trace { spikes: vec![spike], ..Trace::default() };
        let evaluate = |label: usize| {
            let loss = config.loss.of_sample("output", Wanted::Label(label)).unwrap();
            let exact = loss.evaluate(&network, &trace).unwrap();
            let task = TaskLoss { loss, needs: Some(label) };
            (with_penalties(task, &config).evaluate(&network, &trace).unwrap(), exact)
        };
        let (ours, exact) = evaluate(0);
        assert_eq!(ours, exact);
        let (ours, exact) = evaluate(1);
        assert_eq!(ours.0.to_bits(), exact.0.to_bits());
        assert_eq!((ours.1.spikes[0], exact.1.spikes[0] != 0.0), (0.0, true));
    }
}
