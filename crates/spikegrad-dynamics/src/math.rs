//! The functions that no processor has, in one implementation.
//!
//! The standard library takes them from the C library of the system, which chooses its code by the processor it finds: two
//! machines then disagree in the last bit, and now and then in the order of two spikes. The crate `libm` is plain Rust
//! arithmetic, the same on every machine (docs/decisions/0026-one-libm.md). Each function is right to one unit in the last
//! place.
//!
//! Not here: sums, products, quotients, square roots and fused products, which IEEE 754 rounds in one way only; the same
//! functions in vector registers (`lanes/`).

pub use libm::{
    atan, atan2, cos, exp, expm1 as exp_m1, hypot, log as ln, log1p as ln_1p, log2, log10, pow,
    sin, sincos as sin_cos, tan, tanh,
};

/// `2ⁿ` with the largest n such that it does not exceed the positive, finite `x`.
pub(crate) fn power_of_two_below(x: f64) -> f64 {
    // The bits of the exponent alone; below the normal numbers they are none.
    const EXPONENT: u64 = f64::INFINITY.to_bits();
    let power = f64::from_bits(x.to_bits() & EXPONENT);
    if power > 0.0 { power } else { libm::ldexp(1.0, libm::ilogb(x)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_agree_with_those_of_the_system_to_two_units_in_the_last_place() {
        // One unit for each of the two.
        let close = |name: &str, x: f64, got: f64, expected: f64| {
            assert!((got / expected - 1.0).abs() <= 2.0 * f64::EPSILON, "{name}({x}): {got}");
        };
        for k in 1..20_000 {
            let x = -700.0 + 0.07 * f64::from(k);
            close("exp", x, exp(x), x.exp());
            close("exp_m1", x, exp_m1(x), x.exp_m1());
            let x = 1.01f64.powi(k - 10_000).clamp(f64::MIN_POSITIVE, 1e300);
            close("ln_1p", x, ln_1p(x), x.ln_1p());
            if k != 10_000 {
                close("ln", x, ln(x), x.ln());
            }
        }
    }

    #[test]
    fn a_power_of_two_is_found_below_every_size() {
        for (x, expected) in [(1.0, 1.0), (1.9, 1.0), (0.3, 0.25), (1e300, 2f64.powi(996))] {
            assert_eq!(power_of_two_below(x).to_bits(), f64::to_bits(expected));
        }
        assert_eq!(power_of_two_below(5e-324).to_bits(), 1);
    }
}
