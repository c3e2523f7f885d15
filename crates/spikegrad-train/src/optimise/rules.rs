//! The step of each optimiser, on a part of the vector that has one learning rate.
//!
//! Formulas and their sources stand at the head of `mod.rs`. All slices have one length.
//!
//! Not here: which rule is used, and whose memory it is (`mod.rs`).

use pulp::Arch;

/// A mean of gradients, or of their squares, that is smaller is zero.
///
/// Where no gradient comes any more a mean decays until it is subnormal. There a factor of 0.9 never makes it zero, and a processor takes many times as long
/// over it. A step from such a mean would be η 1e-290/ε at most, and the root of such a square, 1e-145, is nothing beside ε, which is 1e-8 if nobody says otherwise.
const FADED: f64 = 1e-290;

#[inline(always)]
fn unless_faded(mean: f64) -> f64 {
    if mean.abs() < FADED { 0.0 } else { mean }
}

/// A step along the mean of the gradients over the root of that of their squares, or of their surprises.
///
/// With c₁ = 1 − β₁ᵗ and c₂ = 1 − β₂ᵗ, which take the bias of a start at zero from the moments, η (m/c₁)/(√(v/c₂) + ε) is (η √c₂/c₁) m/(√v + ε √c₂): one division a parameter.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moments {
    beta1: f64,
    beta2: f64,
    /// η √c₂/c₁.
    rate: f64,
    /// ε √c₂.
    beside_root: f64,
    /// What is added to the second moment in each step.
    within: f64,
    /// Whether the second moment is of g − m instead of g.
    is_of_surprise: bool,
}

impl Moments {
    /// For the step number `steps`, counted from 1.
    pub(super) fn adam([beta1, beta2]: [f64; 2], epsilon: f64, rate: f64, steps: u64) -> Self {
        // After this many steps the corrections are 1.
        let t = i32::try_from(steps).unwrap_or(i32::MAX);
        let (first, root) = (1.0 - beta1.powi(t), (1.0 - beta2.powi(t)).sqrt());
        let (rate, beside_root) = (rate * root / first, epsilon * root);
        Self { beta1, beta2, rate, beside_root, within: 0.0, is_of_surprise: false }
    }

    /// The same.
    pub(super) fn ada_belief(betas: [f64; 2], epsilon: f64, rate: f64, steps: u64) -> Self {
        Self { within: epsilon, is_of_surprise: true, ..Self::adam(betas, epsilon, rate, steps) }
    }

    /// Takes the step, in registers as wide as the machine has: what is computed is the same in any.
    pub(super) fn step(
        self,
        parameters: &mut [f64],
        gradient: &[f64],
        [first, second]: [&mut [f64]; 2],
    ) {
        Arch::new().dispatch(|| {
            if self.is_of_surprise {
                self.step_of::<true>(parameters, gradient, first, second);
            } else {
                self.step_of::<false>(parameters, gradient, first, second);
            }
        });
    }

    #[inline(always)]
    fn step_of<const SURPRISE: bool>(
        self,
        parameters: &mut [f64],
        gradient: &[f64],
        first: &mut [f64],
        second: &mut [f64],
    ) {
        let Self { beta1, beta2, rate, beside_root, within, .. } = self;
        let moments = first.iter_mut().zip(second);
        for ((parameter, &g), (m, s)) in parameters.iter_mut().zip(gradient).zip(moments) {
            *m = unless_faded(beta1 * *m + (1.0 - beta1) * g);
            let of = if SURPRISE { g - *m } else { g };
            *s = unless_faded(beta2 * *s + (1.0 - beta2) * of * of + within);
            *parameter -= rate * *m / (s.sqrt() + beside_root);
        }
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
        *b = unless_faded(momentum * *b + g);
        *parameter -= rate * if nesterov { g + momentum * *b } else { *b };
    }
}
