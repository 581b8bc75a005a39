//! Cut-offs from a cohort: Youden's index, a wanted sensitivity or specificity, and the grey zone between two.
//!
//! Youden, Cancer 1950;3:32. A value above the cut-off is called recurrence. Cut-offs lie between values that occur,
//! written with the fewest digits that still separate them.

use serde::Serialize;

use super::proportion::Proportion;
use super::roc::Cohort;

/// How one cut-off does.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Performance {
    /// Recurrences above the cut-off.
    pub sensitivity: Proportion,
    /// Others not above it.
    pub specificity: Proportion,
    /// Lesions called rightly.
    pub accuracy: Proportion,
}

impl Performance {
    /// From counts.
    pub fn new(recurred_above: usize, recurred: usize, other_not_above: usize, other: usize) -> Self {
        Self {
            sensitivity: Proportion::new(recurred_above, recurred),
            specificity: Proportion::new(other_not_above, other),
            accuracy: Proportion::new(recurred_above + other_not_above, recurred + other),
        }
    }

    /// Sensitivity + specificity - 1.
    pub fn youden(&self) -> f64 {
        self.sensitivity.share.unwrap_or(0.0) + self.specificity.share.unwrap_or(0.0) - 1.0
    }
}

/// Performance of a cut-off on a cohort.
pub fn performance(cohort: &Cohort, cutoff: f64) -> Performance {
    let (recurred, other) = (cohort.values(true).len(), cohort.values(false).len());
    Performance::new(cohort.count_above(true, cutoff), recurred, other - cohort.count_above(false, cutoff), other)
}

/// The cut-off with the largest sensitivity + specificity; of several, the lowest. `None` where all values are equal.
pub fn youden(cohort: &Cohort) -> Option<f64> {
    let mut best: Option<(f64, f64)> = None;
    for cutoff in candidates(cohort) {
        let index = performance(cohort, cutoff).youden();
        if best.is_none_or(|(_, found)| index > found) {
            best = Some((cutoff, index));
        }
    }
    best.map(|(cutoff, _)| cutoff)
}

/// The highest cut-off that keeps a sensitivity; `None` where none does.
pub fn at_sensitivity(cohort: &Cohort, wanted: f64) -> Option<f64> {
    let keeps = |cutoff: &f64| performance(cohort, *cutoff).sensitivity.share >= Some(wanted);
    candidates(cohort).into_iter().rev().find(keeps)
}

/// The lowest cut-off that keeps a specificity; `None` where none does.
pub fn at_specificity(cohort: &Cohort, wanted: f64) -> Option<f64> {
    let keeps = |cutoff: &f64| performance(cohort, *cutoff).specificity.share >= Some(wanted);
    candidates(cohort).into_iter().find(keeps)
}

/// Two cut-offs: below the lower one few recurrences, above the upper one few others.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct GreyZone {
    /// Below it: necrosis.
    pub low: f64,
    /// Above it: recurrence.
    pub high: f64,
}

/// The grey zone of a wanted sensitivity (its lower end) and specificity (its upper end). Outcomes that hardly overlap
/// need none: then both ends are the cut-off with the largest Youden index of those that keep both wishes. `None` where
/// a wish cannot be kept.
pub fn grey_zone(cohort: &Cohort, sensitivity: f64, specificity: f64) -> Option<GreyZone> {
    let (low, high) = (at_sensitivity(cohort, sensitivity)?, at_specificity(cohort, specificity)?);
    if low < high {
        return Some(GreyZone { low, high });
    }
    let mut best: Option<(f64, f64)> = None;
    for cutoff in candidates(cohort).into_iter().filter(|cutoff| (high..=low).contains(cutoff)) {
        let index = performance(cohort, cutoff).youden();
        if best.is_none_or(|(_, found)| index > found) {
            best = Some((cutoff, index));
        }
    }
    best.map(|(cutoff, _)| GreyZone { low: cutoff, high: cutoff })
}

/// Cut-offs between neighboring values, ascending.
fn candidates(cohort: &Cohort) -> Vec<f64> {
    cohort.distinct_values().windows(2).map(|pair| between(pair[0], pair[1])).collect()
}

/// A number strictly between two, with the fewest decimals; the midpoint where rounding finds none.
fn between(below: f64, above: f64) -> f64 {
    let middle = below + (above - below) / 2.0;
    (0..12)
        .map(|decimals| {
            let scale = 10.0_f64.powi(decimals);
            (middle * scale).round() / scale
        })
        .find(|rounded| below < *rounded && *rounded < above)
        .unwrap_or(middle)
}

#[cfg(test)]
mod tests {
    use super::super::roc::tests::cohort;
    use super::*;

    #[test]
    fn youden_by_hand() {
        // Above 2.5: 3 of 4 recurrences, 1 of 5 others, J = 0.75 - 0.2; above 1.5: 4 of 4, 3 of 5, J = 0.4.
        let cohort = cohort(&[2.0, 3.0, 4.0, 5.0], &[0.5, 1.0, 2.0, 2.0, 3.0]);
        let cutoff = youden(&cohort).unwrap();
        assert!(cutoff > 2.0 && cutoff < 3.0, "{cutoff}");
        let found = performance(&cohort, cutoff);
        assert_eq!((found.sensitivity.count, found.specificity.count, found.accuracy.count), (3, 4, 7));
        assert!((found.youden() - 0.55).abs() < 1e-12);
    }

    #[test]
    fn wanted_sensitivity_and_specificity_bound_the_grey_zone() {
        let cohort = cohort(&[2.0, 3.0, 4.0, 5.0], &[0.5, 1.0, 2.0, 2.0, 3.0]);
        assert!((1.0..2.0).contains(&at_sensitivity(&cohort, 1.0).unwrap()));
        assert!((3.0..4.0).contains(&at_specificity(&cohort, 1.0).unwrap()));
        let zone = grey_zone(&cohort, 1.0, 1.0).unwrap();
        assert!(zone.low < 2.0 && zone.high > 3.0, "{zone:?}");
    }

    #[test]
    fn outcomes_that_do_not_overlap_need_no_grey_zone() {
        let zone = grey_zone(&cohort(&[2.0, 2.5, 3.0], &[0.5, 0.8, 1.2]), 0.9, 0.9).unwrap();
        assert_eq!(zone.low, zone.high);
        assert!((1.2..2.0).contains(&zone.low), "{zone:?}");
    }

    #[test]
    fn a_cutoff_has_the_fewest_digits_that_separate() {
        assert_eq!(between(1.62, 1.65), 1.64);
        assert_eq!(between(0.4, 2.3), 1.0);
        assert_eq!(between(1.0, 1.0_f64.next_up().next_up()), 1.0_f64.next_up());
    }

    #[test]
    fn equal_values_give_no_cutoff() {
        assert_eq!(youden(&cohort(&[1.0, 1.0], &[1.0])), None);
        assert_eq!(grey_zone(&cohort(&[1.0, 1.0], &[1.0]), 0.9, 0.9), None);
    }
}
