//! The form of parameters: which values are shared and which each neuron or synapse has for itself, without a number in it.
//!
//! A gradient has the form of its parameters. Who keeps no copy of these, but wants to write a gradient or to tell whether other
//! parameters come in the same form, keeps this. Not here: the values (`parameters.rs`).

use crate::{Network, NetworkError, Parameters, PopulationParameters, Values};
use spikegrad_dynamics::Scalar;

/// Which values of some parameters are shared.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Form {
    /// For each population, which of its values each neuron has for itself.
    populations: Vec<Vec<bool>>,
    /// For each connection, whether each weight has a delay of its own.
    delays: Vec<bool>,
}

fn is_own<T>(values: &Values<T>) -> bool {
    matches!(values, Values::Each(_))
}

impl Form {
    /// The form of `parameters`.
    #[must_use]
    pub fn of<T: Copy>(parameters: &Parameters<T>) -> Self {
        let mut form = Self::default();
        form.set(parameters);
        form
    }

    /// Becomes the form of `parameters`, in the memory that it has.
    pub fn set<T: Copy>(&mut self, parameters: &Parameters<T>) {
        let Parameters { populations, connections } = parameters;
        self.populations.resize_with(populations.len(), Vec::new);
        for (own, population) in self.populations.iter_mut().zip(populations) {
            own.clear();
            own.extend(population.values().map(|(_, values)| is_own(values)));
        }
        self.delays.clear();
        self.delays.extend(connections.iter().map(|connection| is_own(&connection.delay)));
    }

    /// Whether each weight of the connection at position `connection` has a delay of its own.
    ///
    /// # Panics
    /// If there is no such connection.
    #[must_use]
    pub fn has_own_delays(&self, connection: usize) -> bool {
        self.delays[connection]
    }

    /// Brings `gradient` into this form, for `network`, from whatever form it has. What had to be made anew is zero; where nothing
    /// had to, nothing is allocated.
    pub fn give<T: Scalar>(&self, network: &Network, gradient: &mut Parameters<T>) {
        let Parameters { populations, connections } = gradient;
        let models = network.populations().iter().map(|population| population.model);
        if !populations.iter().map(PopulationParameters::model).eq(models.clone()) {
            populations.clear();
            populations.extend(models.map(PopulationParameters::new));
        }
        connections.resize_with(self.delays.len(), Default::default);
        let of_network = network.populations().iter().zip(&self.populations);
        for (values, (population, own)) in populations.iter_mut().zip(of_network) {
            for ((_, values), &own) in values.values_mut().zip(own) {
                give(values, own, population.size);
            }
        }
        for (k, (values, &own)) in connections.iter_mut().zip(&self.delays).enumerate() {
            let count = network.weight_count(k);
            values.weights.resize(count, T::from(0.0));
            give(&mut values.delay, own, count);
        }
    }
}

fn give<T: Scalar>(values: &mut Values<T>, own: bool, count: usize) {
    let zero = T::from(0.0);
    match values {
        Values::Each(list) if own => list.resize(count, zero),
        Values::Shared(_) if !own => {}
        _ if own => *values = Values::Each(vec![zero; count]),
        _ => *values = Values::Shared(zero),
    }
}

impl<T: Copy> Parameters<T> {
    /// Checks that there is one number for each of `like`, in the same form; `what` these are called in the message.
    ///
    /// # Errors
    /// [`NetworkError::Length`], with the place.
    pub fn check_form<U: Copy>(
        &self,
        what: &str,
        like: &Parameters<U>,
    ) -> Result<(), NetworkError> {
        let same = |place: &dyn Fn() -> String, found: usize, expected: usize, of: &'static str| {
            if found == expected {
                return Ok(());
            }
            Err(NetworkError::Length { place: place(), found, expected, of })
        };
        let place = || format!("{what}.populations");
        same(&place, self.populations.len(), like.populations.len(), "population")?;
        let place = || format!("{what}.connections");
        same(&place, self.connections.len(), like.connections.len(), "connection")?;
        for (k, (own, like)) in self.populations.iter().zip(&like.populations).enumerate() {
            if own.model() != like.model() {
                let (found, expected) = (own.model().table().model, like.model().table().model);
                return Err(NetworkError::Model {
                    place: format!("{what}.populations[{k}]"),
                    found,
                    expected,
                });
            }
            for ((quantity, own), (_, like)) in own.values().zip(like.values()) {
                let place = || format!("{what}.populations[{k}].{}", quantity.path);
                same(&place, own.as_slice().len(), like.as_slice().len(), "value")?;
            }
        }
        for (k, (own, like)) in self.connections.iter().zip(&like.connections).enumerate() {
            let place = || format!("{what}.connections[{k}].weights");
            same(&place, own.weights.len(), like.weights.len(), "value")?;
            let place = || format!("{what}.connections[{k}].delay");
            same(&place, own.delay.as_slice().len(), like.delay.as_slice().len(), "value")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Connection, ConnectionParameters, Model, Population, Source, Synapses};
    use spikegrad_dynamics::lif;

    fn network() -> Network {
        let out = Population { name: "out".into(), size: 3, model: Model::Lif };
        let dense = Connection::new(Source::Input, 0, Synapses::Dense);
        Network::new(2, vec![out], vec![dense]).unwrap()
    }

    fn parameters(tau_mem: Values<f64>, delay: Values<f64>) -> Parameters {
        let population = PopulationParameters::new(Model::Lif).with(lif::TAU_MEM, tau_mem);
        let connection = ConnectionParameters { weights: vec![1.0; 6], delay };
        Parameters { populations: vec![population], connections: vec![connection] }
    }

    #[test]
    fn any_gradient_is_brought_into_any_form() {
        let shared = |x| Values::Shared(x);
        let forms = [
            parameters(shared(0.02), shared(0.001)),
            parameters(Values::Each(vec![0.02; 3]), shared(0.001)),
            parameters(shared(0.02), Values::Each(vec![0.0; 6])),
        ];
        let nothing = Parameters { populations: vec![], connections: vec![] };
        for from in forms.iter().chain([&nothing]) {
            for into in &forms {
                let mut gradient = from.clone();
                Form::of(into).give(&network(), &mut gradient);
                assert_eq!(Form::of(&gradient), Form::of(into));
                assert_eq!(gradient.check_form("gradient", into), Ok(()));
            }
        }
    }

    #[test]
    fn a_number_too_few_is_found_where_it_is_missing() {
        let like = parameters(Values::Each(vec![0.02; 3]), Values::Shared(0.0));
        let text =
            |other: &Parameters| other.check_form("direction", &like).unwrap_err().to_string();
        let found = text(&parameters(Values::Shared(0.02), Values::Shared(0.0)));
        assert!(
            found.starts_with("direction.populations[0].params.tau_mem has 1 entries"),
            "{found}"
        );
        let mut other = like.clone();
        other.connections.clear();
        assert!(text(&other).starts_with("direction.connections has 0 entries"));
    }
}
