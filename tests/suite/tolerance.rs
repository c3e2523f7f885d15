//! Every tolerance of the suite, with its derivation.

/// Public cases: what the issue of the contract asks for. The engine is nearer by four orders of magnitude.
pub(crate) const CASE: f64 = 1e-10;

/// Spike times: four units in the last place, times the condition of the crossing (see `support::condition`).
pub(crate) const SPIKE_TIME_ULPS: f64 = 4.0;

/// Spike times of a network: as many for what a spike inherits from those that it follows from.
pub(crate) const INHERITED_SPIKE_TIME_ULPS: f64 = 2.0 * SPIKE_TIME_ULPS;

/// Difference quotients that are accepted may be off by a tenth of this (`finite_differences.rs`).
pub(crate) const DIFFERENCE: f64 = 1e-7;

/// Dual numbers: the same roundings as the adjoint's, over a few hundred operations, relative to the sum of the terms.
pub(crate) const DUAL: f64 = 1e-12;

/// Engines that share no formula, relative to the largest entry: the roundings of some hundred events.
pub(crate) const AGREEMENT: f64 = 1e-12;

/// Roundings of a spike's slope, each magnified by the square of its condition (`spikegrad_compare::Condition`): those of the potential, the
/// current and the time at which they are taken, of each of two engines, over the events between two spikes.
pub(crate) const AGREEMENT_ROUNDINGS: f64 = 16.0;

/// Symmetry of the Hessian, relative to the sum of its terms: second derivatives of the corpus lose up to three digits to
/// small slopes, which enter squared.
pub(crate) const HESSIAN: f64 = 1e-9;

/// Half of the derivatives carry a handful of roundings.
pub(crate) const ORACLE_MEDIAN: f64 = 1e-15;

/// One in a hundred is a small difference of larger terms, or goes through a small slope.
pub(crate) const ORACLE_P99: f64 = 1e-12;

/// Relative to the largest derivative of a case: chains of small slopes multiply by some thousands.
pub(crate) const ORACLE_WORST: f64 = 1e-11;

/// One unit in the last place.
pub(crate) const ORACLE_SPIKE_TIME_MEDIAN: f64 = 2.3e-16;

/// Later spikes of a neuron, and spikes that others caused: each starts from states that were rounded before.
pub(crate) const ACCUMULATED_ULPS: f64 = 8.0;

/// Derivatives of a spike time, each relative to itself: a sum of some terms, each a product of a few propagators and
/// slopes that are right to a few roundings. 1e-14, which the hard cases ask for.
pub(crate) const DERIVATIVE_ULPS: f64 = 45.0;

/// Numbers that are published to 17 digits at most, of a few spikes, each relative to itself.
pub(crate) const GRADIENT: f64 = 1e-12;

/// Gradients whose sums are taken in another order, relative to the largest entry: some thousand roundings of terms that
/// cancel by up to two digits.
pub(crate) const REORDERED: f64 = 1e-12;

/// Identities between derivatives, relative to the sum of the sizes of their terms: some hundred roundings each.
pub(crate) const IDENTITY: f64 = 1e-12;

/// Gradients of EventProp's own C++, relative to their norm: double arithmetic there and here, over some hundred spikes.
pub(crate) const OFFICIAL: f64 = 1e-12;

/// First spike times of EventProp's own C++, in seconds: a few roundings of times of 20 ms, raised by the condition of
/// crossings with small slopes.
pub(crate) const PUBLISHED_TIME: f64 = 1e-14;

/// Slope of the logarithm of the error of grid spike times over that of the step: 1, with sums of some ten errors that are
/// equally distributed in (0, dt), and so scatter by a tenth, over seven halvings.
pub(crate) const FIRST_ORDER: f64 = 0.1;

/// Losses on the grid and on the same events: some hundred roundings, and times that are rounded differently by some units in the
/// last place, over time scales of a tenth of them.
pub(crate) const GRID_LOSS: f64 = 1e-12;

/// Points at which a loop is searched for changes: several between two changes that undo each other.
pub(crate) const LOOP_POINTS: u32 = 256;

/// What is left of a loop: a place is known to a double of the angle, 4e-16, near it losses go like the root of the distance,
/// 2e-8, on either side of some twenty places, with a factor of order one.
pub(crate) const LOOP: f64 = 1e-6;

/// Between the sweep and the event loop: chains of small slopes multiply the roundings of spike times by some thousands.
pub(crate) const OF_CHAINS: f64 = 1e-9;
