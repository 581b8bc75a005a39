//! A natural logarithm that runs on all lanes of a vector unit.
//!
//! The Cephes polynomial `logf` (Moshier 1989) in single precision, without branches, tables or fused multiply-adds,
//! so that the compiler turns a loop over it into vector instructions and every machine gives the same bits.

/// √½ as bits: the mantissa is taken into [√½, √2).
const SQRT_HALF_BITS: u32 = 0x3f35_04f3;
/// ln 2 in two parts: the first has few digits, so that its product with an exponent is exact.
const LN_2_HIGH: f32 = 0.693_359_4;
const LN_2_LOW: f32 = -2.121_944_4e-4;

/// Bound of the relative error of [`ln`], near 1 too (found by the tests: 8.1e-8).
pub const LN_ERROR: f64 = 1e-7;

/// Natural logarithm of a normal positive number; for any other argument the result means nothing (it does not trap).
#[inline(always)]
pub fn ln(x: f32) -> f32 {
    let shifted = x.to_bits().wrapping_sub(SQRT_HALF_BITS);
    let exponent = ((shifted as i32) >> 23) as f32;
    let mantissa = f32::from_bits((shifted & 0x007f_ffff).wrapping_add(SQRT_HALF_BITS));
    let r = mantissa - 1.0;
    let square = r * r;
    let mut polynomial = 7.037_683_6e-2;
    polynomial = polynomial * r - 1.151_461e-1;
    polynomial = polynomial * r + 1.167_699_9e-1;
    polynomial = polynomial * r - 1.242_014_1e-1;
    polynomial = polynomial * r + 1.424_932_3e-1;
    polynomial = polynomial * r - 1.666_805_7e-1;
    polynomial = polynomial * r + 2.000_071_5e-1;
    polynomial = polynomial * r - 2.499_999_4e-1;
    polynomial = polynomial * r + 3.333_333e-1;
    let small = polynomial * r * square + exponent * LN_2_LOW - 0.5 * square;
    r + small + exponent * LN_2_HIGH
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(x: f32) -> f64 {
        let exact = f64::from(x).ln();
        (f64::from(ln(x)) - exact).abs() / exact.abs().max(f64::MIN_POSITIVE)
    }

    #[test]
    fn every_ratio_of_signals_is_within_the_stated_error() {
        // all mantissas at a stride of 7, over the octaves that a signal ratio can take
        let worst = [0.0625f32, 0.125, 0.25, 0.5, 1.0, 2.0, 4.0]
            .iter()
            .flat_map(|octave| (0..1 << 23).step_by(7).map(move |m| f32::from_bits(octave.to_bits() + m)))
            .map(error)
            .fold(0.0, f64::max);
        assert!(worst < LN_ERROR, "{worst}");
    }

    #[test]
    fn every_normal_number_has_a_logarithm() {
        let worst =
            (0x0080_0000..0x7f80_0000u32).step_by(40_009).map(|bits| error(f32::from_bits(bits))).fold(0.0, f64::max);
        assert!(worst < LN_ERROR, "{worst}");
        assert_eq!(ln(1.0), 0.0);
    }
}
