//! What a value says about the truth, when scanning again would give another one.
//!
//! Test-retest variation of normalized rCBV: Prah 2015 (within-subject coefficient of variation), Jafari-Khouzani
//! 2015 (scans one to five days apart).

use statrs::distribution::{ContinuousCDF, Normal};

/// Probability that the true value lies above a cut-off: `Φ((x - c) / (wcv · x))`.
///
/// `wcv` is the within-subject coefficient of variation. `None` where `x` or `wcv` is not positive and finite: a
/// relative error has no meaning there.
pub fn probability_above(x: f64, cutoff: f64, wcv: f64) -> Option<f64> {
    let sd = wcv * x;
    if !(x > 0.0 && wcv > 0.0 && sd.is_finite() && cutoff.is_finite()) {
        return None;
    }
    Some(Normal::standard().cdf((x - cutoff) / sd))
}

/// Probability that the true value lies below a cut-off, the same way.
pub fn probability_below(x: f64, cutoff: f64, wcv: f64) -> Option<f64> {
    // Not 1 - p: of a small probability no digit is lost.
    let sd = wcv * x;
    probability_above(x, cutoff, wcv).map(|_| Normal::standard().cdf((cutoff - x) / sd))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_at_the_cutoff_is_even() {
        assert_eq!(probability_above(1.75, 1.75, 0.31), Some(0.5));
    }

    #[test]
    fn rcbv_of_2_5_lies_above_1_75_with_the_probability_of_the_table() {
        // z = 0.75 / (0.31 · 2.5) = 0.967742; Φ = 0.833412.
        let p = probability_above(2.5, 1.75, 0.31).unwrap();
        assert!((p - 0.833_412).abs() < 1e-5, "{p}");
        // z = 0.75 / (0.20 · 2.5) = 1.5; Φ = 0.933193.
        assert!((probability_above(2.5, 1.75, 0.20).unwrap() - 0.933_193).abs() < 1e-6);
    }

    #[test]
    fn above_and_below_add_to_one() {
        for x in [0.3, 1.0, 1.4, 6.0] {
            let sum = probability_above(x, 1.0, 0.31).unwrap() + probability_below(x, 1.0, 0.31).unwrap();
            assert!((sum - 1.0).abs() < 1e-12);
        }
    }

    #[test]
    fn zero_negative_and_missing_values_have_no_probability() {
        for x in [0.0, -0.2, f64::NAN, f64::INFINITY] {
            assert_eq!(probability_above(x, 1.75, 0.31), None);
            assert_eq!(probability_below(x, 1.75, 0.31), None);
        }
        assert_eq!(probability_above(1.0, 1.75, 0.0), None);
    }
}
