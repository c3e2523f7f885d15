//! What to do where a spike's time has no derivative, or a very large one. Never silently: acting is counted.

/// Policy for spikes that graze the threshold.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Grazing {
    /// A potential that touches the threshold with slope zero is an error. Every other gradient is exact.
    #[default]
    Fail,
    /// A touch, and a spike of slope zero, contribute nothing.
    Zero,
    /// Slopes are taken as at least this many per second: inexact where it acts, and bounded.
    Floor(f64),
}
