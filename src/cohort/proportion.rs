//! Shares with their interval: Wilson, J Am Stat Assoc 1927;22:209.

use serde::Serialize;

/// The 97.5 % quantile of the normal distribution: two-sided 95 %.
pub(super) const Z95: f64 = 1.959_963_984_540_054;

/// A count out of a total with its 95 % Wilson interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Proportion {
    /// How many.
    pub count: usize,
    /// Out of how many.
    pub total: usize,
    /// `count / total`; `None` for none out of none.
    pub share: Option<f64>,
    /// Lower end of the interval.
    pub low: Option<f64>,
    /// Upper end of the interval.
    pub high: Option<f64>,
}

impl Proportion {
    /// A share with its interval.
    pub fn new(count: usize, total: usize) -> Self {
        let interval = wilson(count, total);
        Self {
            count,
            total,
            share: (total > 0).then(|| count as f64 / total as f64),
            low: interval.map(|(low, _)| low),
            high: interval.map(|(_, high)| high),
        }
    }
}

/// The 95 % Wilson score interval of `count` out of `total`:
/// `(p + z²/2n ± z √(p(1-p)/n + z²/4n²)) / (1 + z²/n)`. `None` for a total of 0 or a count above the total.
pub fn wilson(count: usize, total: usize) -> Option<(f64, f64)> {
    if total == 0 || count > total {
        return None;
    }
    let n = total as f64;
    let p = count as f64 / n;
    let z2 = Z95 * Z95;
    let center = p + z2 / (2.0 * n);
    let margin = Z95 * (p * (1.0 - p) / n + z2 / (4.0 * n * n)).sqrt();
    let scale = 1.0 + z2 / n;
    Some((((center - margin) / scale).max(0.0), ((center + margin) / scale).min(1.0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worked_intervals_of_the_evidence_page() {
        // EVIDENCE G18: 17/20 = 0.64-0.95, 85/100 = 0.77-0.91.
        let (low, high) = wilson(17, 20).unwrap();
        assert!((low - 0.6396).abs() < 5e-5 && (high - 0.9476).abs() < 5e-5, "{low} {high}");
        let (low, high) = wilson(85, 100).unwrap();
        assert!((low - 0.7672).abs() < 5e-5 && (high - 0.9069).abs() < 5e-5, "{low} {high}");
    }

    #[test]
    fn a_published_interval() {
        // Newcombe, Stat Med 1998;17:857, table I, method 3: 81/263 = 0.2553-0.3662; 0/20 = 0-0.1611.
        let (low, high) = wilson(81, 263).unwrap();
        assert!((low - 0.2553).abs() < 5e-5 && (high - 0.3662).abs() < 5e-5, "{low} {high}");
        let (low, high) = wilson(0, 20).unwrap();
        assert!(low == 0.0 && (high - 0.1611).abs() < 5e-5, "{low} {high}");
    }

    #[test]
    fn none_out_of_none_has_no_share() {
        assert_eq!(Proportion::new(0, 0).share, None);
        assert_eq!(wilson(3, 2), None);
    }
}
