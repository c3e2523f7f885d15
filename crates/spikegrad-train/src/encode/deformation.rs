//! An image that is moved, turned, enlarged and warped, all in one step.
//!
//! For each pixel of the new image it is asked where in the old one it comes from,
//!
//! ```text
//! source = centre + R(−angle) (pixel − shift − centre) / factor + displacement(pixel)
//! ```
//!
//! and the grey value there is interpolated between the four pixels around it. Outside, all is
//! black. A deformation by whole pixels copies grey values exactly.
//!
//! Not here: how large deformations are drawn (`augmentation.rs`).

use rand::RngExt;
use spikegrad::dynamics::math;

use crate::random::Stream;

/// A Gaussian is cut off at this many standard deviations.
const REACH: f64 = 3.0;

/// What is done to an image. Directions are (down, right), in pixels.
pub(super) struct Deformation {
    rows: usize,
    columns: usize,
    /// How far the image is moved.
    pub(super) shift: [f64; 2],
    /// By how much it is turned, in radians, from right to down.
    pub(super) angle: f64,
    /// How much larger it becomes.
    pub(super) factor: f64,
    /// How far from its place each pixel is looked for, in each direction; may be empty.
    displacement: [Vec<f64>; 2],
}

impl Deformation {
    pub(super) fn identity(rows: usize, columns: usize) -> Self {
        let displacement = [Vec::new(), Vec::new()];
        Self { rows, columns, shift: [0.0; 2], angle: 0.0, factor: 1.0, displacement }
    }

    /// Draws a displacement for each pixel: uniform in [−1, 1], smoothed with a Gaussian of standard
    /// deviation `sigma`, times `alpha`.
    pub(super) fn warp(&mut self, alpha: f64, sigma: f64, rng: &mut Stream) {
        let kernel = gaussian(sigma);
        let Self { rows, columns, .. } = *self;
        self.displacement = std::array::from_fn(|_| {
            let field: Vec<f64> =
                (0..rows * columns).map(|_| 2.0 * rng.random::<f64>() - 1.0).collect();
            // Along rows, then along columns, each time with rows and columns exchanged.
            let along_rows = smooth(&field, columns, &kernel);
            let mut field = smooth(&along_rows, rows, &kernel);
            field.iter_mut().for_each(|displacement| *displacement *= alpha);
            field
        });
    }

    /// Returns the grey values of the new image.
    pub(super) fn apply(&self, pixels: &[u8]) -> Vec<f64> {
        let Self { rows, columns, shift, angle, factor, .. } = *self;
        let centre = [rows, columns].map(|n| (coordinate(n) - 1.0) / 2.0);
        let (sin, cos) = (math::sin(angle), math::cos(angle));
        let mut greys = Vec::with_capacity(pixels.len());
        for row in 0..rows {
            for column in 0..columns {
                let down = coordinate(row) - shift[0] - centre[0];
                let right = coordinate(column) - shift[1] - centre[1];
                let mut source = [
                    centre[0] + (down * cos - right * sin) / factor,
                    centre[1] + (right * cos + down * sin) / factor,
                ];
                for (place, displacement) in source.iter_mut().zip(&self.displacement) {
                    *place += displacement.get(row * columns + column).copied().unwrap_or(0.0);
                }
                greys.push(self.grey(pixels, source));
            }
        }
        greys
    }

    /// Returns the grey value between pixels, never beyond those of the four around it.
    fn grey(&self, pixels: &[u8], [row, column]: [f64; 2]) -> f64 {
        let (up, left) = (row.floor(), column.floor());
        let at = |row: f64, column: f64| {
            let place = index(row, self.rows).zip(index(column, self.columns));
            let pixel = place.and_then(|(row, column)| pixels.get(row * self.columns + column));
            f64::from(pixel.copied().unwrap_or(0))
        };
        // Rounded, this stays between a and b. A sum of four weighted greys would not, and what is whiter than white spikes
        // before time 0.
        let between = |a: f64, b: f64, share: f64| a + share * (b - a);
        let along = |row: f64| between(at(row, left), at(row, left + 1.0), column - left);
        between(along(up), along(up + 1.0), row - up)
    }
}

/// Returns the whole number `place` as an index below `n`, if it is one.
fn index(place: f64, n: usize) -> Option<usize> {
    if place < 0.0 || place >= coordinate(n) {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 to n")]
    let index = place as usize;
    (index < n).then_some(index)
}

#[expect(clippy::cast_precision_loss, reason = "images have fewer than 2⁵³ rows")]
fn coordinate(k: usize) -> f64 {
    k as f64
}

/// Returns the right half of a Gaussian, from its centre on, whose whole sums to 1.
fn gaussian(sigma: f64) -> Vec<f64> {
    let reach = (REACH * sigma).ceil();
    let half = (0_u32..).map(f64::from).take_while(|x| *x <= reach);
    let mut half: Vec<f64> = half.map(|x| math::exp(-0.5 * (x / sigma).powi(2))).collect();
    let sum = 2.0 * half.iter().sum::<f64>() - half[0];
    half.iter_mut().for_each(|weight| *weight /= sum);
    half
}

/// Smooths the rows of a field of `columns` columns, beyond which there are zeros, and returns it
/// with rows and columns exchanged.
fn smooth(field: &[f64], columns: usize, kernel: &[f64]) -> Vec<f64> {
    let rows = field.len() / columns.max(1);
    let mut smoothed = vec![0.0; field.len()];
    for (r, row) in field.chunks_exact(columns.max(1)).enumerate() {
        for c in 0..columns {
            let mut sum = kernel[0] * row[c];
            for (distance, weight) in kernel.iter().enumerate().skip(1) {
                let left = c.checked_sub(distance).map_or(0.0, |c| row[c]);
                let right = row.get(c + distance).copied().unwrap_or(0.0);
                sum += weight * (left + right);
            }
            smoothed[c * rows + r] = sum;
        }
    }
    smoothed
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Purpose, stream};

    fn image(rows: usize, columns: usize) -> Vec<u8> {
        (0..rows * columns).map(|k| u8::try_from(k * 37 % 256).unwrap()).collect()
    }

    fn bits(greys: &[f64]) -> Vec<u64> {
        greys.iter().map(|grey| grey.to_bits()).collect()
    }

    #[test]
    fn no_deformation_changes_no_bit() {
        for (rows, columns) in [(28, 28), (3, 8), (1, 1), (7, 2)] {
            let pixels = image(rows, columns);
            let same: Vec<f64> = pixels.iter().map(|&pixel| pixel.into()).collect();
            let mut deformation = Deformation::identity(rows, columns);
            assert_eq!(bits(&deformation.apply(&pixels)), bits(&same));
            deformation.warp(0.0, 4.0, &mut stream(0, Purpose::Augmentation, 0));
            assert_eq!(bits(&deformation.apply(&pixels)), bits(&same), "alpha 0");
        }
    }

    #[test]
    fn nothing_becomes_whiter_than_white() {
        let (white, mut lightest) = (vec![255; 28 * 28], 0.0f64);
        for seed in 0..50 {
            let mut deformation = Deformation::identity(28, 28);
            deformation.warp(8.0, 4.0, &mut stream(seed, Purpose::Augmentation, 0));
            lightest = deformation.apply(&white).into_iter().fold(lightest, f64::max);
        }
        assert_eq!(lightest.to_bits(), 255f64.to_bits());
    }

    #[test]
    fn a_shift_by_whole_pixels_copies_and_black_moves_in() {
        let (rows, columns) = (5, 4);
        let pixels = image(rows, columns);
        let mut deformation = Deformation::identity(rows, columns);
        deformation.shift = [2.0, -1.0];
        let greys = deformation.apply(&pixels);
        for row in 0..rows {
            for column in 0..columns {
                let from = row.checked_sub(2).zip((column + 1 < columns).then_some(column + 1));
                let expected = from.map_or(0, |(r, c)| pixels[r * columns + c]);
                assert_eq!(greys[row * columns + column].to_bits(), f64::from(expected).to_bits());
            }
        }
    }

    #[test]
    fn a_quarter_turn_moves_what_is_right_down() {
        let pixels = image(3, 3);
        let mut deformation = Deformation::identity(3, 3);
        deformation.angle = std::f64::consts::FRAC_PI_2;
        let turned = deformation.apply(&pixels);
        for (row, column) in (0..3).flat_map(|row| (0..3).map(move |column| (row, column))) {
            // (row, column) around the centre goes to (column, −row).
            let place = column * 3 + (2 - row);
            assert!((turned[place] - f64::from(pixels[row * 3 + column])).abs() < 1e-9);
        }
    }

    #[test]
    fn an_enlarged_image_keeps_its_centre() {
        let mut pixels = vec![0; 25];
        pixels[12] = 200;
        let mut deformation = Deformation::identity(5, 5);
        deformation.factor = 2.0;
        let greys = deformation.apply(&pixels);
        let around: Vec<f64> = greys[10..15].to_vec();
        assert_eq!(bits(&around), bits(&[0.0, 100.0, 200.0, 100.0, 0.0]));
    }

    #[test]
    fn a_warp_is_smooth_random_and_stays_between_black_and_white() {
        let displacement = |seed, sigma| {
            let mut deformation = Deformation::identity(28, 28);
            deformation.warp(34.0, sigma, &mut stream(seed, Purpose::Augmentation, 0));
            deformation
        };
        let roughness = |field: &[f64]| {
            let steps: f64 = field.windows(2).map(|pair| (pair[1] - pair[0]).powi(2)).sum();
            steps / field.iter().map(|d| d * d).sum::<f64>()
        };
        let [smooth, rough] = [4.0, 1.0].map(|sigma| displacement(0, sigma));
        assert!(roughness(&smooth.displacement[0]) < 0.3 * roughness(&rough.displacement[0]));
        assert_ne!(smooth.displacement, displacement(1, 4.0).displacement);
        assert_ne!(smooth.displacement[0], smooth.displacement[1]);
        let largest = smooth.displacement[0].iter().fold(0.0_f64, |m, d| m.max(d.abs()));
        assert!((0.5..10.0).contains(&largest), "pixels: {largest}");
        let greys = smooth.apply(&image(28, 28));
        assert_eq!(greys.len(), 28 * 28);
        assert!(greys.iter().all(|grey| (0.0..=255.0).contains(grey)));
    }

    #[test]
    fn smoothing_keeps_a_constant_inside_and_the_sum() {
        let kernel = gaussian(1.0);
        assert_eq!(kernel.len(), 4);
        // A single 1 in 9 × 11, away from the rim.
        let mut field = vec![0.0; 99];
        field[4 * 11 + 5] = 1.0;
        let once = smooth(&field, 11, &kernel);
        let twice = smooth(&once, 9, &kernel);
        assert!((twice.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        assert!((twice[4 * 11 + 5] - kernel[0] * kernel[0]).abs() < 1e-15);
        assert!((twice[4 * 11 + 6] - kernel[0] * kernel[1]).abs() < 1e-15);
    }

    #[test]
    fn an_image_that_is_far_away_is_black() {
        let mut deformation = Deformation::identity(2, 2);
        deformation.shift = [1000.0, -1000.0];
        assert_eq!(bits(&deformation.apply(&[255; 4])), bits(&[0.0; 4]));
    }
}
