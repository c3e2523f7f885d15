//! Every tolerance of the suite, with its derivation.

/// Public cases: what the issue of the contract asks for. The engine is nearer by four orders of magnitude.
pub(crate) const CASE: f64 = 1e-10;

/// Spike times: four units in the last place, times the condition of the crossing (see `support::condition`).
pub(crate) const SPIKE_TIME_ULPS: f64 = 4.0;

/// Differences with one Richardson step at h = 1e-4: see the header of `finite_differences.rs`; the largest derivatives of
/// the corpus raise the fifth derivative by some hundreds.
pub(crate) const DIFFERENCE: f64 = 1e-6;

/// Dual numbers: the same roundings as the adjoint's, over a few hundred operations, relative to the sum of the terms.
pub(crate) const DUAL: f64 = 1e-12;

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

/// Later spikes of a neuron, and spikes that others caused: each starts from times rounded before.
pub(crate) const ACCUMULATED_ULPS: f64 = 16.0;

/// Derivatives of one crossing: a quotient of a propagator and a slope, each right to some ten roundings.
pub(crate) const DERIVATIVE_ULPS: f64 = 45.0;

/// Derivatives of one crossing by a time constant: a difference of two terms, of which at worst two digits cancel.
pub(crate) const TIME_CONSTANT: f64 = 1e-12;

/// Gradients of small networks, each entry relative to itself: some hundreds of roundings, and a few digits lost to
/// terms that cancel.
pub(crate) const GRADIENT: f64 = 1e-12;
