//! The step of each optimiser, on a part of the vector that has one learning rate.
//!
//! Formulas and their sources stand at the head of `mod.rs`. All slices have one length.
//!
//! Not here: which rule is used, and whose memory it is (`mod.rs`).

/// What takes the bias of a start at zero from the moments: 1 − βᵗ.
#[derive(Clone, Copy, Debug)]
pub(super) struct Corrections {
    beta1: f64,
    beta2: f64,
    first: f64,
    second: f64,
}

impl Corrections {
    /// For the step number `steps`, counted from 1.
    pub(super) fn new(beta1: f64, beta2: f64, steps: u64) -> Self {
        // After this many steps the corrections are 1.
        let t = i32::try_from(steps).unwrap_or(i32::MAX);
        Self { beta1, beta2, first: 1.0 - beta1.powi(t), second: 1.0 - beta2.powi(t) }
    }
}

/// Draws parameters towards zero by the share `amount`.
pub(super) fn decay(amount: f64, parameters: &mut [f64]) {
    // Without decay no bit changes, not even the sign of a zero.
    if amount != 0.0 {
        parameters.iter_mut().for_each(|parameter| *parameter -= amount * *parameter);
    }
}

pub(super) fn descent(rate: f64, parameters: &mut [f64], gradient: &[f64]) {
    for (parameter, g) in parameters.iter_mut().zip(gradient) {
        *parameter -= rate * g;
    }
}

pub(super) fn momentum(
    rate: f64,
    parameters: &mut [f64],
    gradient: &[f64],
    kept: &mut [f64],
    momentum: f64,
    nesterov: bool,
) {
    for ((parameter, g), b) in parameters.iter_mut().zip(gradient).zip(kept) {
        *b = momentum * *b + g;
        *parameter -= rate * if nesterov { g + momentum * *b } else { *b };
    }
}

pub(super) fn adam(
    rate: f64,
    parameters: &mut [f64],
    gradient: &[f64],
    [first, second]: [&mut [f64]; 2],
    by: Corrections,
    epsilon: f64,
) {
    let Corrections { beta1, beta2, .. } = by;
    let moments = first.iter_mut().zip(second);
    for ((parameter, g), (m, v)) in parameters.iter_mut().zip(gradient).zip(moments) {
        *m = beta1 * *m + (1.0 - beta1) * g;
        *v = beta2 * *v + (1.0 - beta2) * g * g;
        *parameter -= rate * (*m / by.first) / ((*v / by.second).sqrt() + epsilon);
    }
}

pub(super) fn ada_belief(
    rate: f64,
    parameters: &mut [f64],
    gradient: &[f64],
    [first, second]: [&mut [f64]; 2],
    by: Corrections,
    epsilon: f64,
) {
    let Corrections { beta1, beta2, .. } = by;
    let moments = first.iter_mut().zip(second);
    for ((parameter, g), (m, s)) in parameters.iter_mut().zip(gradient).zip(moments) {
        *m = beta1 * *m + (1.0 - beta1) * g;
        let surprise = g - *m;
        *s = beta2 * *s + (1.0 - beta2) * surprise * surprise + epsilon;
        *parameter -= rate * (*m / by.first) / ((*s / by.second).sqrt() + epsilon);
    }
}
