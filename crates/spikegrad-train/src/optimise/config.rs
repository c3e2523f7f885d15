//! Which optimiser, and its constants.
//!
//! Not here: learning rates, which belong to groups of parameters and to the time of the run (`schedule.rs`).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::out_of_range::{OutOfRange, below_one, check, not_negative, positive};

/// An optimiser by its `name`, with its constants.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "name", rename_all = "kebab-case", deny_unknown_fields)]
pub enum OptimiserConfig {
    /// Gradient descent, with momentum if that is not 0.
    Sgd {
        /// Share μ of the last step's direction that is kept, in [0, 1).
        #[serde(default)]
        momentum: f64,
        /// Whether the gradient is taken to lie one momentum ahead.
        #[serde(default)]
        nesterov: bool,
    },
    /// Adam, or `AdamW` if `weight_decay` is not 0.
    Adam {
        /// Share β₁ of the mean gradient that is kept in a step, in [0, 1).
        #[serde(default = "beta1")]
        beta1: f64,
        /// Share β₂ of the mean squared gradient that is kept in a step, in [0, 1).
        #[serde(default = "beta2")]
        beta2: f64,
        /// The ε that keeps steps finite where gradients vanish, in units of the gradient.
        #[serde(default = "epsilon")]
        epsilon: f64,
        /// Decoupled decay of the parameters, times the learning rate in a step.
        #[serde(default)]
        weight_decay: f64,
        /// Which parameters decay.
        #[serde(default)]
        decays: Decays,
    },
    /// `AdaBelief`: as Adam, but scaled by how far gradients lie from their mean.
    AdaBelief {
        /// Share β₁ of the mean gradient that is kept in a step, in [0, 1).
        #[serde(default = "beta1")]
        beta1: f64,
        /// Share β₂ of the mean squared deviation that is kept in a step, in [0, 1).
        #[serde(default = "beta2")]
        beta2: f64,
        /// The ε that is added twice: to the mean squared deviation in each step, and to its root.
        #[serde(default = "epsilon")]
        epsilon: f64,
        /// Decoupled decay of the parameters, times the learning rate in a step.
        #[serde(default)]
        weight_decay: f64,
        /// Which parameters decay.
        #[serde(default)]
        decays: Decays,
    },
}

/// Which parameters a weight decay acts on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Decays {
    /// Weights.
    #[default]
    Weights,
    /// All that is trained: delays, thresholds and biases go to 0 as well, and time constants, which move in their logarithm, to 1 s.
    All,
}

fn beta1() -> f64 {
    0.9
}

fn beta2() -> f64 {
    0.999
}

fn epsilon() -> f64 {
    1e-8
}

impl OptimiserConfig {
    /// Returns what the optimiser remembers of each parameter, in the order of its memory: the names of a checkpoint's tensors.
    #[must_use]
    pub fn memory_names(&self) -> &'static [&'static str] {
        match self {
            Self::Sgd { momentum, .. } if *momentum == 0.0 => &[],
            Self::Sgd { .. } => &["momentum"],
            Self::Adam { .. } => &["first_moment", "second_moment"],
            Self::AdaBelief { .. } => &["first_moment", "second_deviation"],
        }
    }

    /// Which parameters decay; none, if there is no decay.
    #[must_use]
    pub fn decays(&self) -> Option<Decays> {
        match *self {
            Self::Adam { weight_decay, decays, .. }
            | Self::AdaBelief { weight_decay, decays, .. } => {
                (weight_decay > 0.0).then_some(decays)
            }
            Self::Sgd { .. } => None,
        }
    }

    /// Says which parameters decay, where any can.
    pub(crate) fn set_decays(&mut self, to: Decays) {
        if let Self::Adam { decays, .. } | Self::AdaBelief { decays, .. } = self {
            *decays = to;
        }
    }

    /// Checks that steps can be made with these constants.
    ///
    /// # Errors
    ///
    /// The first constant that is out of its range.
    pub fn validate(&self) -> Result<(), OutOfRange> {
        match *self {
            Self::Sgd { momentum, nesterov } => {
                below_one("momentum", momentum)?;
                let looks_ahead = !nesterov || momentum > 0.0;
                check("momentum", momentum, looks_ahead, "above 0 for `nesterov` to mean something")
            }
            Self::Adam { beta1, beta2, epsilon, weight_decay, .. }
            | Self::AdaBelief { beta1, beta2, epsilon, weight_decay, .. } => {
                below_one("beta1", beta1)?;
                below_one("beta2", beta2)?;
                positive("epsilon", epsilon)?;
                not_negative("weight_decay", weight_decay)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_survives_being_written_and_read() {
        let text = r#"{"name":"ada-belief","beta1":0.9,"beta2":0.999,"epsilon":1e-16,"weight_decay":0.0,"decays":"weights"}"#;
        let config: OptimiserConfig = serde_json::from_str(text).unwrap();
        let (beta1, beta2, epsilon, weight_decay) = (0.9, 0.999, 1e-16, 0.0);
        let decays = Decays::Weights;
        let expected = OptimiserConfig::AdaBelief { beta1, beta2, epsilon, weight_decay, decays };
        assert_eq!(config, expected);
        assert_eq!(serde_json::to_string(&config).unwrap(), text);
    }

    #[test]
    fn constants_have_the_usual_values_and_a_foreign_one_is_refused() {
        let refused =
            |text: &str| serde_json::from_str::<OptimiserConfig>(text).unwrap_err().to_string();
        let adam: OptimiserConfig = serde_json::from_str(r#"{"name":"adam"}"#).unwrap();
        let (beta1, beta2, epsilon, weight_decay) = (0.9, 0.999, 1e-8, 0.0);
        let decays = Decays::Weights;
        assert_eq!(adam, OptimiserConfig::Adam { beta1, beta2, epsilon, weight_decay, decays });
        let foreign = refused(r#"{"name":"sgd","momentum":0,"nesterov":false,"beta1":0.9}"#);
        assert!(foreign.contains("unknown field `beta1`"), "{foreign}");
        assert!(refused(r#"{"name":"lion"}"#).contains("unknown variant `lion`"));
    }

    #[test]
    fn the_schema_knows_every_optimiser() {
        let schema = schemars::schema_for!(OptimiserConfig).to_value().to_string();
        for name in ["sgd", "adam", "ada-belief"] {
            assert!(schema.contains(&format!("\"const\":\"{name}\"")), "{schema}");
        }
    }

    #[test]
    fn constants_out_of_range_are_named() {
        let adam = |beta1, beta2, epsilon, weight_decay| {
            let decays = Decays::Weights;
            let config = OptimiserConfig::Adam { beta1, beta2, epsilon, weight_decay, decays };
            config.validate().map_err(|out| (out.key, out.rule))
        };
        assert_eq!(adam(0.9, 0.999, 1e-8, 0.0), Ok(()));
        assert_eq!(
            adam(1.0, 0.999, 1e-8, 0.0),
            Err(("beta1".to_owned(), "at least 0 and below 1"))
        );
        assert_eq!(
            adam(0.9, f64::NAN, 1e-8, 0.0),
            Err(("beta2".to_owned(), "at least 0 and below 1"))
        );
        assert_eq!(adam(0.9, 0.999, 0.0, 0.0), Err(("epsilon".to_owned(), "finite and above 0")));
        assert_eq!(
            adam(0.9, 0.999, 1e-8, -1.0),
            Err(("weight_decay".to_owned(), "finite and not below 0"))
        );
        let sgd = |momentum, nesterov| OptimiserConfig::Sgd { momentum, nesterov }.validate();
        assert_eq!(sgd(0.0, false), Ok(()));
        assert_eq!(sgd(0.9, true), Ok(()));
        assert!(sgd(0.0, true).is_err() && sgd(-0.1, false).is_err());
    }
}
