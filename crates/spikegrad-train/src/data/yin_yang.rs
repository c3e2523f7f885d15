//! The Yin-Yang data set: three classes in a disc, small, and not separable by a line.
//!
//! ```text
//! disc of radius ½ around (½, ½);  dots of radius 0.1 around (¼, ½) and (¾, ½)     class 2
//! left lobe: radius ¼ around (¼, ½), and the upper half without the right lobe     class 1
//! right lobe: radius ¼ around (¾, ½), and the lower half without the left lobe     class 0
//! ```
//!
//! A sample is drawn by choosing its class and throwing points at the unit square until one falls
//! into it. The published data came from numpy's legacy generator; [`YinYang::generate`] follows it
//! word by word, so that results compare sample by sample.
//!
//! Not here: spike times (`encoder.rs`), figures (`spikegrad-report`).
//!
//! L. Kriener, J. Göltz and M. A. Petrovici, *The Yin-Yang dataset*, arXiv:2102.08211.

use rand_mt::Mt;

use super::Split;

/// Radius of the disc, and both coordinates of its centre.
pub const R_BIG: f64 = 0.5;

/// Radius of the two dots.
pub const R_SMALL: f64 = 0.1;

/// Number of classes.
pub const N_CLASSES: usize = 3;

/// Points in the disc with their classes.
#[derive(Clone, Debug, PartialEq)]
pub struct YinYang {
    /// The points as (x, y, 1 − x, 1 − y), each in [0, 1].
    pub points: Vec<[f64; 4]>,
    /// The class of each point, below [`N_CLASSES`].
    pub labels: Vec<usize>,
}

impl YinYang {
    /// Draws `size` points with the generator of the published data.
    #[must_use]
    pub fn generate(seed: u32, size: usize) -> Self {
        let mut numpy = Numpy(Mt::new(seed));
        let (points, labels) = (0..size).map(|_| sample(&mut numpy)).unzip();
        Self { points, labels }
    }

    /// Draws the published points to train on, or so many of their generator.
    #[must_use]
    pub fn to_train_on(size: usize) -> Self {
        Self::generate(42, size)
    }

    /// Draws one of the published parts, equal to them to the last bit: 5000 points to train on, 1000 for validation and for the test.
    #[must_use]
    pub fn split(split: Split) -> Self {
        match split {
            Split::Train => Self::to_train_on(5000),
            Split::Validation => Self::generate(41, 1000),
            Split::Test => Self::generate(40, 1000),
        }
    }

    /// Returns the number of points.
    #[must_use]
    pub fn len(&self) -> usize {
        self.points.len()
    }

    /// Returns whether there is no point.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.points.is_empty()
    }
}

/// Returns the class at (x, y), or `None` outside the disc.
#[must_use]
pub fn class_at(x: f64, y: f64) -> Option<usize> {
    let distance = |centre: f64| ((x - centre).powi(2) + (y - R_BIG).powi(2)).sqrt();
    if distance(R_BIG) > R_BIG {
        return None;
    }
    let (left, right) = (distance(0.5 * R_BIG), distance(1.5 * R_BIG));
    let class = if left < R_SMALL || right < R_SMALL {
        2
    } else {
        // `right ≤ R_SMALL` looks odd beside the dots, but the rim of a dot is part of the
        // published rule.
        let upper = right <= R_SMALL
            || (R_SMALL < left && left <= 0.5 * R_BIG)
            || (y > R_BIG && right > 0.5 * R_BIG);
        usize::from(upper)
    };
    Some(class)
}

fn sample(numpy: &mut Numpy) -> ([f64; 4], usize) {
    let goal = numpy.class();
    loop {
        let (x, y) = (numpy.uniform(), numpy.uniform());
        if class_at(x, y) == Some(goal) {
            return ([x, y, 1.0 - x, 1.0 - y], goal);
        }
    }
}

/// The two draws of numpy's `RandomState` that the data set is made of.
struct Numpy(Mt);

impl Numpy {
    /// `randint(3)`: the lowest two bits, thrown away while they are 3.
    fn class(&mut self) -> usize {
        loop {
            match self.0.next_u32() & 3 {
                0 => return 0,
                1 => return 1,
                2 => return 2,
                _ => {}
            }
        }
    }

    /// `rand()`: 27 and 26 bits of two words make a double in [0, 1).
    fn uniform(&mut self) -> f64 {
        let (high, low) = (self.0.next_u32() >> 5, self.0.next_u32() >> 6);
        (f64::from(high) * 67_108_864.0 + f64::from(low)) / 9_007_199_254_740_992.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The published rows were printed with eight digits.
    const PRINTED: f64 = 5e-9;

    #[track_caller]
    fn check_start(split: Split, first: (f64, f64), labels: [usize; 5]) {
        let data = YinYang::split(split);
        let [x, y, ..] = data.points[0];
        assert!((x - first.0).abs() < PRINTED && (y - first.1).abs() < PRINTED, "{x} {y}");
        assert_eq!(data.labels[..5], labels);
    }

    #[test]
    fn the_published_parts_start_with_the_published_rows() {
        check_start(Split::Train, (0.680_307_54, 0.450_499_25), [2, 1, 2, 1, 1]);
        check_start(Split::Test, (0.234_096_65, 0.401_724_98), [2, 2, 1, 1, 1]);
    }

    #[test]
    fn more_points_to_train_on_begin_with_the_published_ones() {
        let (published, more) = (YinYang::split(Split::Train), YinYang::to_train_on(5001));
        assert_eq!(more.points[..5000], published.points);
        assert_eq!(more.labels[..5000], published.labels);
    }

    #[test]
    fn the_classes_are_as_frequent_as_published() {
        let count = |split| {
            let labels = YinYang::split(split).labels;
            [0, 1, 2].map(|class| labels.iter().filter(|&&label| label == class).count())
        };
        assert_eq!(count(Split::Train), [1681, 1702, 1617]);
        assert_eq!(count(Split::Validation), [316, 336, 348]);
        assert_eq!(count(Split::Test), [350, 316, 334]);
    }

    #[test]
    fn a_point_mirrored_through_the_centre_changes_between_yin_and_yang() {
        let data = YinYang::generate(7, 500);
        for (&[_, _, x, y], &label) in data.points.iter().zip(&data.labels) {
            let mirrored = match label {
                0 => 1,
                1 => 0,
                dot => dot,
            };
            assert_eq!(class_at(x, y), Some(mirrored), "({x}, {y})");
        }
    }

    #[test]
    fn corners_of_the_square_are_outside_the_disc() {
        assert_eq!(class_at(0.02, 0.98), None);
        assert_eq!(class_at(0.5, 0.7), Some(1));
        assert_eq!(class_at(0.5, 0.3), Some(0));
        assert_eq!(class_at(0.25, 0.5), Some(2));
    }
}
