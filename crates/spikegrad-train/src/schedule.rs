//! The learning rate of an epoch.
//!
//! Large steps at first and small ones at the end, by the same factor each epoch: the one schedule
//! that the published runs use.
//!
//! Not here: the steps themselves (`optimiser.rs`).

/// Returns the learning rate of an epoch, `initial · decay^epoch`; the first epoch is 0.
#[must_use]
pub fn learning_rate(initial: f64, decay: f64, epoch: u32) -> f64 {
    initial * decay.powf(f64::from(epoch))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A power is good to a few units in the last place.
    const ROUNDING: f64 = 1e-15;

    #[test]
    fn the_first_epoch_has_the_initial_rate_and_each_next_one_decays() {
        assert_eq!(learning_rate(0.005, 0.95, 0).to_bits(), 0.005_f64.to_bits());
        assert!((learning_rate(0.005, 0.95, 2) - 0.005 * 0.95 * 0.95).abs() < ROUNDING);
        assert_eq!(learning_rate(0.005, 1.0, 1000).to_bits(), 0.005_f64.to_bits());
    }
}
