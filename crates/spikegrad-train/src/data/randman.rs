//! Randman: classes are smooth random manifolds, and a point on one is a spike time for each unit.
//!
//! Every class has a manifold of its own, drawn at random. On it, the value of each unit is
//!
//! ```text
//! f(x) = Π_d Σ_i a_i s_i sin(2π (i x_d b_i + c_i)),   s_i = 1 / ((i + 1)^α + 1),   0 < i < cutoff
//! ```
//!
//! with a, b and c uniform in [0, 1] for each unit, dimension d and frequency i, and x uniform in
//! the unit cube. The cutoff is the smallest frequency whose weight is below 10⁻³, at most 1000.
//! The constant term i = 0 is left out, as the authors do unless they ask for an offset. Over the
//! samples of its class each unit is then stretched to [0, 1], and spikes once, at value × duration.
//! All units spike as often as each other: only the times tell the classes apart.
//!
//! The formula is that of the authors' `randman`; the random numbers are this crate's, so the
//! manifolds are of the same kind, but not the same.
//!
//! Not here: several spikes a unit, and time in steps.
//!
//! F. Zenke and T. P. Vogels, *The remarkable robustness of surrogate gradient learning for
//! instilling complex function in spiking neural networks*, Neural Comput. 33(4), 899 (2021);
//! <https://github.com/fzenke/randman>.

use std::f64::consts::TAU;

use rand::RngExt;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use spikegrad::dynamics::math;

use super::{DataSet, Inputs, SpikeTrains, Splits};
use crate::TrainError;
use crate::out_of_range::{OutOfRange, check, count, positive};
use crate::random::{Purpose, Stream, permutation, stream};

/// Frequencies whose weight falls below this are left out.
const PRECISION: f64 = 1e-3;

/// The largest number of frequencies.
const MAX_CUTOFF: u32 = 1000;

/// No more spikes than this are made: 2³⁰ bytes of times.
const MAX_SPIKES: u64 = 1 << 27;

/// No more sines than this are evaluated: some minutes.
const MAX_SINES: u64 = 10_000_000_000;

/// Which manifolds, and how many points on them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Randman {
    /// Number of classes.
    pub classes: usize,
    /// Number of units, each of which spikes once a sample.
    pub units: usize,
    /// Dimension of each manifold.
    pub dimensions: usize,
    /// Smoothness α: the larger, the less weight have high frequencies.
    pub alpha: f64,
    /// Number of points on each manifold.
    pub samples_per_class: usize,
    /// Spike time of the value 1, in s.
    pub duration: f64,
    /// Number of samples in the validation set, taken at random from all.
    pub validation: usize,
    /// Number of samples in the test set, taken at random from all.
    pub test: usize,
    /// Seed of the manifolds, the points and the split; not that of the run.
    pub seed: u64,
}

impl Default for Randman {
    /// The authors' defaults, 100 steps of 1 ms; a tenth each for validation and test.
    fn default() -> Self {
        Self {
            classes: 10,
            units: 100,
            dimensions: 2,
            alpha: 2.0,
            samples_per_class: 1000,
            duration: 0.1,
            validation: 1000,
            test: 1000,
            seed: 0,
        }
    }
}

impl Randman {
    /// Makes the three parts.
    ///
    /// # Errors
    ///
    /// [`TrainError::InvalidSetting`] as [`validate`](Self::validate).
    pub fn generate(&self) -> Result<Splits, TrainError> {
        self.validate().map_err(|broken| broken.below("data"))?;
        let values: Vec<Vec<f64>> = (0..self.classes).map(|class| self.values(class)).collect();
        let n = self.classes * self.samples_per_class;
        let order = permutation(n, &mut stream(self.seed, Purpose::DataSplit, 0));
        let mut trains = SpikeTrains::new(self.units);
        let mut labels = Vec::with_capacity(n);
        let mut spikes = Vec::with_capacity(self.units);
        for sample in order {
            let (class, k) = (sample / self.samples_per_class, sample % self.samples_per_class);
            let values = &values[class][k * self.units..(k + 1) * self.units];
            spikes.clear();
            spikes.extend(values.iter().map(|value| value * self.duration).zip(0_u32..));
            trains.push(&mut spikes);
            labels.push(class);
        }
        let classes = (0..self.classes).map(|class| class.to_string()).collect();
        let mut test = DataSet::new(Inputs::Trains(trains), labels, classes)?;
        let mut validation = test.split_off(self.test);
        let train = validation.split_off(self.validation);
        Ok(Splits { train, validation, test })
    }

    /// Returns the values of all points on the manifold of `class`, in [0, 1]: sample after sample,
    /// with a value for each unit.
    #[must_use]
    pub fn values(&self, class: usize) -> Vec<f64> {
        let mut rng = stream(self.seed, Purpose::Data, u32::try_from(class).unwrap_or(u32::MAX));
        let curves: Vec<Curve> =
            (0..self.units * self.dimensions).map(|_| Curve::draw(self.alpha, &mut rng)).collect();
        let mut values = Vec::with_capacity(self.samples_per_class * self.units);
        let mut x = vec![0.0; self.dimensions];
        for _ in 0..self.samples_per_class {
            x.fill_with(|| rng.random());
            let unit = |curves: &[Curve]| {
                curves.iter().zip(&x).map(|(curve, &x)| curve.at(x)).product::<f64>()
            };
            values.extend(curves.chunks(self.dimensions).map(unit));
        }
        stretch(&mut values, self.units);
        values
    }

    /// Checks that the data can be made, in memory and in minutes.
    ///
    /// # Errors
    ///
    /// The first number that is out of its range.
    pub fn validate(&self) -> Result<(), OutOfRange> {
        let Self { classes, units, dimensions, samples_per_class, validation, test, .. } = *self;
        for (key, found) in [
            ("classes", classes),
            ("units", units),
            ("dimensions", dimensions),
            ("samples_per_class", samples_per_class),
        ] {
            count(key, found)?;
        }
        positive("alpha", self.alpha)?;
        positive("duration", self.duration)?;
        let product = |factors: &[usize]| {
            factors.iter().fold(1_u64, |product, &factor| {
                product.saturating_mul(u64::try_from(factor).unwrap_or(u64::MAX))
            })
        };
        let samples = product(&[classes, samples_per_class]);
        let spikes = product(&[classes, samples_per_class, units]);
        let sines = product(&[classes, samples_per_class, units, dimensions])
            .saturating_mul(cutoff(self.alpha).into());
        // The parameters of a manifold must fit as well, even if there are few points on it.
        let parameters = product(&[units, dimensions]).saturating_mul(cutoff(self.alpha).into());
        let fits = spikes <= MAX_SPIKES && parameters <= MAX_SPIKES && sines <= MAX_SINES;
        let rule = "smaller, or other numbers must be: classes × units × samples is limited to 2²⁷, and that × dimensions × frequencies to 10¹⁰";
        check("samples_per_class", samples_per_class, fits, rule)?;
        let some_left = product(&[validation]).saturating_add(product(&[test])) < samples;
        let rule = "small enough that with `validation` some samples are left to train on";
        check("test", test, some_left, rule)
    }
}

/// One factor of a unit's value: a sum of sines, each (amplitude, angular frequency, phase).
struct Curve(Vec<[f64; 3]>);

impl Curve {
    fn draw(alpha: f64, rng: &mut Stream) -> Self {
        let term = |i: u32| {
            let [a, b, c]: [f64; 3] = std::array::from_fn(|_| rng.random());
            let weight = 1.0 / (math::pow(f64::from(i + 1), alpha) + 1.0);
            [a * weight, TAU * f64::from(i) * b, TAU * c]
        };
        Self((1..cutoff(alpha)).map(term).collect())
    }

    fn at(&self, x: f64) -> f64 {
        self.0
            .iter()
            .map(|[amplitude, frequency, phase]| amplitude * math::sin(frequency * x + phase))
            .sum()
    }
}

/// Number of frequencies, the constant term included; at least 2, so that there is one to vary.
fn cutoff(alpha: f64) -> u32 {
    let wanted = math::pow(PRECISION, -1.0 / alpha).ceil().clamp(2.0, f64::from(MAX_CUTOFF));
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "2 to 1000")]
    let cutoff = wanted as u32;
    cutoff
}

/// Stretches every column of a matrix of `columns` columns to [0, 1]; a constant one becomes 0.
fn stretch(values: &mut [f64], columns: usize) {
    for column in 0..columns {
        let of_column = || values.iter().skip(column).step_by(columns).copied();
        let (low, high) = of_column()
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)));
        let span = high - low;
        for value in values.iter_mut().skip(column).step_by(columns) {
            *value = if span > 0.0 { (*value - low) / span } else { 0.0 };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::InputRef;

    fn small() -> Randman {
        Randman {
            classes: 3,
            units: 8,
            samples_per_class: 50,
            validation: 20,
            test: 30,
            ..Randman::default()
        }
    }

    #[test]
    fn every_unit_spikes_once_within_the_duration() {
        let Splits { train, validation, test } = small().generate().unwrap();
        assert_eq!((train.len(), validation.len(), test.len()), (100, 20, 30));
        for set in [&train, &validation, &test] {
            set.check().unwrap();
            for k in 0..set.len() {
                let InputRef::Train { times, channel, channels } = set.input(k) else {
                    panic!("spikes")
                };
                let mut units = channel.to_vec();
                units.sort_unstable();
                assert_eq!((units, channels), ((0..8).collect(), 8));
                assert!(times.iter().all(|time| (0.0..=0.1).contains(time)));
            }
        }
        let count = |class| {
            let labels = [&train.labels, &validation.labels, &test.labels];
            labels.into_iter().flatten().filter(|&&label| label == class).count()
        };
        assert_eq!([count(0), count(1), count(2)], [50; 3]);
    }

    #[test]
    fn values_fill_the_unit_interval_and_manifolds_differ() {
        let randman = small();
        let classes: Vec<Vec<f64>> = (0..3).map(|class| randman.values(class)).collect();
        for (class, values) in classes.iter().enumerate() {
            assert_eq!(values.len(), 50 * 8);
            for unit in 0..8 {
                let column: Vec<f64> = values.iter().skip(unit).step_by(8).copied().collect();
                let low = column.iter().copied().fold(1.0, f64::min);
                let high = column.iter().copied().fold(0.0, f64::max);
                assert_eq!((low.to_bits(), high.to_bits()), (0.0_f64.to_bits(), 1.0_f64.to_bits()));
            }
            assert!(classes[class + 1..].iter().all(|other| other != values));
        }
        let again = small().generate().unwrap();
        assert_eq!(again, small().generate().unwrap());
        assert_ne!(again, Randman { seed: 1, ..small() }.generate().unwrap());
    }

    #[test]
    fn classes_can_be_told_apart_by_the_nearest_neighbour() {
        let Splits { train, test, .. } =
            Randman { units: 20, dimensions: 1, ..small() }.generate().unwrap();
        let by_unit = |set: &DataSet, k: usize| {
            let InputRef::Train { times, channel, .. } = set.input(k) else { panic!("spikes") };
            let mut spikes: Vec<(u32, f64)> =
                channel.iter().copied().zip(times.iter().copied()).collect();
            spikes.sort_by_key(|spike| spike.0);
            spikes
        };
        let distance = |a: &[(u32, f64)], b: &[(u32, f64)]| -> f64 {
            a.iter().zip(b).map(|(a, b)| (a.1 - b.1).powi(2)).sum()
        };
        let right = (0..test.len()).filter(|&k| {
            let sample = by_unit(&test, k);
            let nearest = (0..train.len()).min_by(|&a, &b| {
                let [a, b] = [a, b].map(|k| distance(&by_unit(&train, k), &sample));
                a.total_cmp(&b)
            });
            train.labels[nearest.unwrap()] == test.labels[k]
        });
        assert!(right.count() >= 28, "of 30");
    }

    #[test]
    fn the_cutoff_is_where_the_weight_falls_below_the_precision() {
        assert_eq!([0.1, 1.0, 2.0, 3.0].map(cutoff), [1000, 1000, 32, 10]);
        assert_eq!([1e-300, 1e300].map(cutoff), [1000, 2]);
    }

    #[test]
    fn a_smoother_manifold_has_fewer_turns() {
        let turns = |alpha: f64| {
            let curve = Curve::draw(alpha, &mut stream(5, Purpose::Data, 0));
            let values: Vec<f64> = (0..2000).map(|k| curve.at(f64::from(k) / 2000.0)).collect();
            values.windows(3).filter(|v| (v[1] - v[0]) * (v[2] - v[1]) < 0.0).count()
        };
        assert!(turns(3.0) < turns(1.0), "{} {}", turns(3.0), turns(1.0));
    }

    #[test]
    fn settings_that_cannot_be_made_are_refused() {
        let refused = |change: fn(&mut Randman), start: &str| {
            let mut randman = small();
            change(&mut randman);
            let message = randman.generate().unwrap_err().to_string();
            assert!(message.starts_with(start), "{message}");
        };
        refused(|r| r.classes = 0, "setting `data.classes` is 0, but must be from 1 to 1000000");
        refused(|r| r.units = 0, "setting `data.units` is 0");
        refused(|r| r.dimensions = 0, "setting `data.dimensions` is 0");
        refused(|r| r.alpha = 0.0, "setting `data.alpha` is 0, but must be finite and above 0");
        refused(|r| r.alpha = f64::NAN, "setting `data.alpha` is NaN");
        refused(|r| r.duration = f64::INFINITY, "setting `data.duration` is inf");
        refused(|r| r.samples_per_class = usize::MAX, "setting `data.samples_per_class` is 1844");
        refused(|r| r.units = usize::MAX, "setting `data.units` is 1844");
        refused(|r| r.units = 1_000_000, "setting `data.samples_per_class` is 50");
        refused(|r| r.dimensions = 1_000_000, "setting `data.samples_per_class` is 50");
        refused(|r| r.test = 130, "setting `data.test` is 130, but must be small enough");
        refused(|r| r.validation = usize::MAX, "setting `data.test` is 30");
    }
}
