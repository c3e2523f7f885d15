//! Motion of the membrane on any scalar: what currents leave in it, and where it is.
//!
//! As for one synapse (`lif/flow.rs`) every factor is positive, so that nothing cancels, at any ratio of the time constants. Not here: which currents.

use crate::divided::SHORT;
use crate::{Scalar, exp_divided};

/// Below this exponent `eˣ` is zero as a double.
const UNDERFLOW: f64 = -750.0;

/// What a unit current leaves in the membrane after `x` membrane and `y` synaptic time constants.
pub(crate) fn response<T: Scalar>(x: T, y: T) -> T {
    if -x.re() < UNDERFLOW && -y.re() < UNDERFLOW {
        // Everything has decayed; a quotient of infinities must not say otherwise.
        return T::from(0.0);
    }
    x * exp_divided([-x, -y])
}

/// The potential after `x` membrane time constants, to which currents have added `response`; `rest` is where it tends to.
///
/// Over an interval that is short for the membrane the change is small: what rounds is the sum alone. Over a long one little is left of where
/// it started, and it is measured from rest.
pub(crate) fn membrane_after<T: Scalar>(height: T, rest: T, x: T, response: T) -> T {
    let above_rest = height - rest;
    if x.re() <= SHORT {
        height + (response - x * x.phi1() * above_rest)
    } else {
        rest + ((-x).exp() * above_rest + response)
    }
}
