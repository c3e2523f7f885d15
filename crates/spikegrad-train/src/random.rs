//! All randomness of a run, out of one seed.
//!
//! `ChaCha8` has 2⁶⁴ streams under each key. The seed is the key; what a stream is for, and which
//! one of its kind it is, chooses the stream. So the numbers of epoch 7 do not depend on what epoch
//! 6 drew, nor on which thread came first, and a resumed run needs no saved generator.
//!
//! ```text
//! stream()           0 (24 bits)    | purpose (8 bits) | index (32 bits)
//! sample_stream()    purpose (8 bits) | epoch (24 bits)  | sample (32 bits)
//! ```
//!
//! Not here: the Yin-Yang data (`data/yin_yang.rs`), which follow another generator to the bit.

use rand::seq::SliceRandom;
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Open01, StandardNormal};
use spikegrad::dynamics::math;

/// The generator behind every stream.
pub type Stream = ChaCha8Rng;

/// What a stream of random numbers is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Initial weights; the index is that of the connection.
    Weights,
    /// Order of the samples; the index is the epoch.
    Shuffle,
    /// How training samples are changed; a stream for each epoch and sample.
    Augmentation,
    /// Data that are made; the index is the class.
    Data,
    /// Which part of the data a sample belongs to.
    DataSplit,
    /// Initial delays; the index is that of the connection.
    Delays,
    /// Initial membrane time constants; the index is that of the layer.
    TauMem,
    /// Initial synaptic time constants; the index is that of the layer.
    TauSyn,
    /// Initial thresholds; the index is that of the layer.
    Thresholds,
    /// Initial biases; the index is that of the layer.
    Biases,
    /// Other initial values of neurons; the index is that of the layer and of the position in the table of its model.
    Neurons,
}

impl Purpose {
    /// Numbers of their own, so that a new purpose does not change the runs of the old ones.
    fn number(self) -> u64 {
        match self {
            Self::Weights => 1,
            Self::Shuffle => 2,
            Self::Augmentation => 3,
            Self::Data => 4,
            Self::DataSplit => 5,
            Self::Delays => 6,
            Self::TauMem => 7,
            Self::TauSyn => 8,
            Self::Thresholds => 9,
            Self::Biases => 10,
            Self::Neurons => 11,
        }
    }
}

/// Returns the stream of `seed` for one purpose and index, always from its beginning.
///
/// The stream's number is the purpose in the upper and the index in the lower 32 bits: no two
/// coincide, which a hash could not promise.
#[must_use]
pub fn stream(seed: u64, purpose: Purpose, index: u32) -> Stream {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(purpose.number() << 32 | u64::from(index));
    rng
}

/// Returns the stream of `seed` for one purpose, epoch and sample, always from its beginning.
///
/// Its number has the purpose in its uppermost byte, where those of [`stream()`] have zeros: no two
/// coincide. Epochs beyond 2²⁴ begin again with the first.
#[must_use]
pub fn sample_stream(seed: u64, purpose: Purpose, epoch: u32, sample: u32) -> Stream {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let epoch = u64::from(epoch & 0x00ff_ffff);
    rng.set_stream(purpose.number() << 56 | epoch << 32 | u64::from(sample));
    rng
}

/// Returns 0, …, n − 1 in random order (Fisher–Yates).
#[must_use]
pub fn permutation(n: usize, rng: &mut impl Rng) -> Vec<usize> {
    let mut order: Vec<usize> = (0..n).collect();
    order.shuffle(rng);
    order
}

/// Draws a `rows` × `columns` matrix of independent normal numbers, row by row.
#[must_use]
pub fn normal_matrix(
    rows: usize,
    columns: usize,
    mean: f64,
    std: f64,
    rng: &mut Stream,
) -> Vec<f64> {
    (0..rows * columns).map(|_| mean + std * standard_normal(rng)).collect()
}

/// Where the tail begins for `rand_distr`: r of a ziggurat of 256 layers (G. Marsaglia and W. W. Tsang, J. Stat. Softw. 5, 8, 2000).
const TAIL: f64 = 3.654_152_885_361_009;

/// Draws a number of the standard normal distribution.
///
/// It is that of `rand_distr`, which takes a logarithm of the system for the one number in 4000 that lies in a tail. So that all
/// machines draw the same, that number is made again: out of the last but one number of the stream; the last one accepted it.
#[must_use]
pub fn standard_normal(rng: &mut Stream) -> f64 {
    let drawn: f64 = rng.sample(StandardNormal);
    if drawn.abs() < TAIL {
        return drawn;
    }
    // Two numbers of two words each.
    let mut again = rng.clone();
    again.set_word_pos(rng.get_word_pos() - 4);
    let unit: f64 = again.sample(Open01);
    (TAIL - math::ln(unit) / TAIL).copysign(drawn)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(seed: u64, purpose: Purpose, index: u32) -> [u64; 4] {
        let mut rng = stream(seed, purpose, index);
        std::array::from_fn(|_| rng.next_u64())
    }

    #[test]
    fn a_stream_is_the_same_each_time_and_unlike_all_others() {
        let streams = [
            words(0, Purpose::Weights, 0),
            words(0, Purpose::Weights, 1),
            words(0, Purpose::Shuffle, 0),
            words(0, Purpose::Shuffle, u32::MAX),
            words(1, Purpose::Weights, 0),
        ];
        assert_eq!(streams[0], words(0, Purpose::Weights, 0));
        for (i, one) in streams.iter().enumerate() {
            assert!(streams[i + 1..].iter().all(|other| other != one), "stream {i}");
        }
    }

    #[test]
    fn every_sample_of_every_epoch_has_a_stream_of_its_own() {
        let of_sample = |epoch, sample| -> [u64; 4] {
            let mut rng = sample_stream(0, Purpose::Augmentation, epoch, sample);
            std::array::from_fn(|_| rng.next_u64())
        };
        assert_eq!(of_sample(7, 9), of_sample(7, 9));
        let numbers = [(0, 0), (0, 1), (1, 0), (1, u32::MAX), (0x00ff_ffff, 0)];
        let mut all = numbers.map(|(epoch, sample)| of_sample(epoch, sample)).to_vec();
        for purpose in [Purpose::Weights, Purpose::Shuffle, Purpose::Augmentation] {
            all.extend([0, 1, 9].map(|index| words(0, purpose, index)));
        }
        for (i, one) in all.iter().enumerate() {
            assert!(all[i + 1..].iter().all(|other| other != one), "stream {i}");
        }
        let number = sample_stream(0, Purpose::DataSplit, u32::MAX, u32::MAX).get_stream();
        assert_eq!(number >> 56, 5, "a large epoch does not reach the purpose");
    }

    #[test]
    fn a_permutation_has_every_index_once() {
        let order = permutation(1000, &mut stream(3, Purpose::Shuffle, 0));
        let mut sorted = order.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, (0..1000).collect::<Vec<_>>());
        assert_ne!(order, sorted);
        assert!(permutation(0, &mut stream(3, Purpose::Shuffle, 0)).is_empty());
    }

    #[test]
    fn normal_numbers_have_the_mean_and_spread_asked_for() {
        const N: usize = 40_000;
        const N_AS_F64: f64 = 40_000.0;
        /// Five standard errors of the mean of N numbers of spread 1.
        const FIVE_SIGMA: f64 = 0.025;
        let values = normal_matrix(200, N / 200, 1.5, 0.78, &mut stream(0, Purpose::Weights, 0));
        assert_eq!(values.len(), N);
        let standard: Vec<f64> = values.iter().map(|value| (value - 1.5) / 0.78).collect();
        let mean = standard.iter().sum::<f64>() / N_AS_F64;
        let variance = standard.iter().map(|value| value * value).sum::<f64>() / N_AS_F64;
        assert!(mean.abs() < FIVE_SIGMA, "{mean}");
        assert!((variance - 1.0).abs() < 2.0 * FIVE_SIGMA, "{variance}");
    }

    #[test]
    fn normal_numbers_are_those_of_rand_distr_to_rounding_in_the_tails_and_to_the_bit_elsewhere() {
        let (mut ours, mut theirs) = (stream(0, Purpose::Data, 0), stream(0, Purpose::Data, 0));
        let mut tails = [0, 0];
        for k in 0..100_000 {
            // Half a number now and then: not all numbers begin at an even word.
            if k % 1000 == 0 {
                assert_eq!(ours.next_u32(), theirs.next_u32());
            }
            let got = standard_normal(&mut ours);
            let expected: f64 = theirs.sample(StandardNormal);
            if expected.abs() < TAIL {
                assert_eq!(got.to_bits(), expected.to_bits());
            } else {
                tails[usize::from(expected > 0.0)] += 1;
                // The logarithm's two units in the last place, a quotient and a sum, twice each.
                assert!((got / expected - 1.0).abs() <= 4.0 * f64::EPSILON, "{got} {expected}");
            }
        }
        assert!(tails.iter().all(|&count| count > 5), "{tails:?}");
        assert_eq!(ours.get_word_pos(), theirs.get_word_pos());
    }

    #[test]
    fn the_streams_of_seed_zero_are_pinned() {
        // A change of these numbers changes every run: it needs a reason and an entry in the
        // changelog.
        let mut rng = stream(0, Purpose::Weights, 0);
        let weights: [f64; 2] = normal_matrix(1, 2, 0.0, 1.0, &mut rng).try_into().unwrap();
        let order = permutation(8, &mut stream(0, Purpose::Shuffle, 0));
        let expected = [-0.134_050_909_837_796_52, -1.000_141_311_258_318_2];
        assert_eq!(weights.map(f64::to_bits), expected.map(f64::to_bits));
        assert_eq!(order, [4, 5, 0, 3, 2, 6, 7, 1]);
    }
}
