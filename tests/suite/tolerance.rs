//! Every tolerance of the suite, with its derivation.

/// Public cases: what the issue of the contract asks for. The engine is nearer by four orders of magnitude.
pub(crate) const CASE: f64 = 1e-10;

/// Spike times: four units in the last place, times the condition of the crossing (see `support::condition`).
pub(crate) const SPIKE_TIME_ULPS: f64 = 4.0;
