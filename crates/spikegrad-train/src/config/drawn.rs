//! A value of the neurons of a layer: one number for all of them, or one that is drawn for each.
//!
//! ```json
//! 0.02
//! {"mean": 0.02, "std": 0.005, "distribution": "log-normal"}
//! ```
//!
//! Whatever the distribution, it is named by its mean and its standard deviation. Not here: from which stream of random numbers
//! is drawn (`fit/network.rs`), weights and delays (`layer.rs`).

use rand::RngExt;
use rand_distr::Open01;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use spikegrad::dynamics::{Range, math};

use crate::out_of_range::{OutOfRange, check, finite, not_negative, positive};
use crate::random::{Stream, standard_normal};

/// One number for a layer, or a distribution from which each neuron draws its own.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum NeuronValue {
    /// The same for all neurons.
    Same(f64),
    /// Drawn for each neuron.
    Drawn(Drawn),
}

/// A distribution of positive numbers, or of any.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Drawn {
    /// Mean.
    pub mean: f64,
    /// Standard deviation.
    pub std: f64,
    /// Its form.
    #[serde(default)]
    pub distribution: Distribution,
}

/// The form of a distribution.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Distribution {
    /// Normal; where only positive numbers make sense, what is not positive is drawn again.
    #[default]
    Normal,
    /// Log-normal; its mean and standard deviation are its own, not those of the logarithm.
    LogNormal,
    /// Gamma.
    Gamma,
    /// Uniform, between mean − √3 std and mean + √3 std.
    Uniform,
}

/// Half the width of a uniform distribution, in standard deviations.
const SQRT_3: f64 = 1.732_050_807_568_877_2;

impl From<f64> for NeuronValue {
    fn from(value: f64) -> Self {
        Self::Same(value)
    }
}

impl NeuronValue {
    /// The number that the neurons have on average.
    #[must_use]
    pub fn mean(self) -> f64 {
        match self {
            Self::Same(value) | Self::Drawn(Drawn { mean: value, .. }) => value,
        }
    }

    /// Checks it for a quantity of this range. What is drawn is positive, unless it may be any number.
    pub(super) fn check(self, key: &str, range: Range) -> Result<(), OutOfRange> {
        match (self, range) {
            (Self::Same(value), Range::Positive) => positive(key, value),
            (Self::Same(value), Range::NotNegative) => not_negative(key, value),
            (Self::Same(value), Range::Finite) => finite(key, value),
            (Self::Drawn(drawn), range) => {
                drawn.check(range != Range::Finite).map_err(|broken| broken.below(key))
            }
        }
    }
}

impl Drawn {
    fn check(self, is_positive: bool) -> Result<(), OutOfRange> {
        let Self { mean, std, distribution } = self;
        finite("mean", mean)?;
        not_negative("std", std)?;
        let needs =
            is_positive || matches!(distribution, Distribution::LogNormal | Distribution::Gamma);
        check("mean", mean, !needs || mean > 0.0, "above 0")?;
        let reaches_down = distribution == Distribution::Uniform && SQRT_3 * std >= mean;
        let rule = "below mean/√3, so that all that is drawn is above 0";
        check("std", std, !(is_positive && reaches_down), rule)
    }

    /// Draws the values of `count` neurons, which are to be positive if `is_positive`.
    pub(crate) fn draw(self, count: usize, is_positive: bool, rng: &mut Stream) -> Vec<f64> {
        let Self { mean, std, distribution } = self;
        if std == 0.0 {
            return vec![mean; count];
        }
        let ratio = std / mean;
        let log_variance = math::ln_1p(ratio * ratio);
        let mut draw = || match distribution {
            Distribution::Normal => mean + std * standard_normal(rng),
            Distribution::LogNormal => {
                let normal = standard_normal(rng);
                math::exp(math::ln(mean) - 0.5 * log_variance + log_variance.sqrt() * normal)
            }
            Distribution::Gamma => gamma(1.0 / (ratio * ratio), rng) * (std * ratio),
            Distribution::Uniform => {
                let unit: f64 = rng.random();
                mean + SQRT_3 * std * (2.0 * unit - 1.0)
            }
        };
        // The mean is positive, so that at least half of what is drawn is.
        let mut wanted = || loop {
            let value: f64 = draw();
            if value > 0.0 || !is_positive {
                return value;
            }
        };
        (0..count).map(|_| wanted()).collect()
    }
}

/// Draws from the gamma distribution of this shape, and scale 1 (G. Marsaglia and W. W. Tsang, ACM Trans. Math. Softw. 26, 363, 2000).
///
/// `rand_distr` has the same method, with the functions of the system.
fn gamma(shape: f64, rng: &mut Stream) -> f64 {
    if shape < 1.0 {
        let unit: f64 = rng.sample(Open01);
        return math::pow(unit, 1.0 / shape) * gamma(shape + 1.0, rng);
    }
    let d = shape - 1.0 / 3.0;
    let c = 1.0 / (9.0 * d).sqrt();
    loop {
        let normal = standard_normal(rng);
        let root = 1.0 + c * normal;
        if root <= 0.0 {
            continue;
        }
        let v = root * root * root;
        let unit: f64 = rng.sample(Open01);
        if math::ln(unit) < 0.5 * normal * normal + d * (1.0 - v + math::ln(v)) {
            return d * v;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Purpose, stream};
    use rand_distr::{Gamma, LogNormal};

    const FORMS: [Distribution; 4] =
        [Distribution::Normal, Distribution::LogNormal, Distribution::Gamma, Distribution::Uniform];

    #[test]
    fn what_is_drawn_has_the_mean_and_the_spread_that_were_asked_for() {
        const N: usize = 40_000;
        const N_AS_F64: f64 = 40_000.0;
        // Five standard errors of a mean of N numbers of spread 1; a variance has at most three times that, its excess kurtosis
        // being below 4 for spreads of a fifth.
        const FIVE_SIGMA: f64 = 0.025;
        for distribution in FORMS {
            let drawn = Drawn { mean: 0.02, std: 0.004, distribution };
            let values = drawn.draw(N, true, &mut stream(0, Purpose::TauMem, 0));
            let standard: Vec<f64> = values.iter().map(|value| (value - 0.02) / 0.004).collect();
            let mean = standard.iter().sum::<f64>() / N_AS_F64;
            let variance = standard.iter().map(|z| (z - mean) * (z - mean)).sum::<f64>() / N_AS_F64;
            assert!(mean.abs() < FIVE_SIGMA, "{distribution:?}: {mean}");
            assert!((variance - 1.0).abs() < 3.0 * FIVE_SIGMA, "{distribution:?}: {variance}");
            assert!(values.iter().all(|&value| value > 0.0), "{distribution:?}");
        }
    }

    #[test]
    fn what_is_drawn_is_what_rand_distr_draws_to_rounding() {
        let check = |distribution, std: f64, expected: &mut dyn FnMut(&mut Stream) -> f64| {
            let mut rng = stream(0, Purpose::TauMem, 0);
            let drawn = Drawn { mean: 0.02, std, distribution };
            for value in drawn.draw(1000, true, &mut stream(0, Purpose::TauMem, 0)) {
                let expected = expected(&mut rng);
                // A dozen roundings, and those of a logarithm, which are at most 20 of the result.
                assert!((value / expected - 1.0).abs() < 32.0 * f64::EPSILON, "{distribution:?}");
            }
        };
        for std in [0.001, 0.02, 0.05] {
            let log_normal = LogNormal::from_mean_cv(0.02, std / 0.02).unwrap();
            check(Distribution::LogNormal, std, &mut |rng| rng.sample(log_normal));
        }
        // Shapes of 400, and of 16/25.
        for std in [0.001, 0.025] {
            let shape = (0.02 / std) * (0.02 / std);
            let gamma = Gamma::new(shape, 0.02 / shape).unwrap();
            check(Distribution::Gamma, std, &mut |rng| rng.sample(gamma));
        }
    }

    #[test]
    fn positive_values_are_drawn_where_a_normal_distribution_has_others() {
        let wide = Drawn { mean: 0.01, std: 0.1, distribution: Distribution::Normal };
        let mut rng = stream(0, Purpose::TauMem, 0);
        assert!(wide.draw(1000, true, &mut rng).iter().all(|&value| value > 0.0));
        assert!(wide.draw(1000, false, &mut rng).iter().any(|&value| value < 0.0));
        let constant = Drawn { std: 0.0, ..wide };
        for distribution in FORMS {
            assert_eq!(Drawn { distribution, ..constant }.draw(2, true, &mut rng), [0.01; 2]);
        }
    }

    #[test]
    fn distributions_that_cannot_be_are_refused() {
        let check = |mean, std, distribution, is_positive| {
            Drawn { mean, std, distribution }.check(is_positive).map_err(|broken| broken.key)
        };
        for distribution in FORMS {
            assert_eq!(check(0.02, 0.004, distribution, true), Ok(()));
            assert_eq!(check(-0.02, 0.004, distribution, true), Err("mean".to_owned()));
            assert_eq!(check(0.02, -1.0, distribution, true), Err("std".to_owned()));
            assert_eq!(check(f64::NAN, 1.0, distribution, false), Err("mean".to_owned()));
        }
        assert_eq!(check(0.02, 0.02, Distribution::Uniform, true), Err("std".to_owned()));
        assert_eq!(check(-0.02, 0.02, Distribution::Uniform, false), Ok(()));
        assert_eq!(check(-0.02, 0.02, Distribution::Gamma, false), Err("mean".to_owned()));
    }
}
