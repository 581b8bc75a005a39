//! The ROC curve, its area, and the variance of the area.
//!
//! DeLong, DeLong and Clarke-Pearson, Biometrics 1988;44:837; for several lesions of one patient the clustered
//! estimator of Obuchowski, Biometrics 1997;53:567, which is DeLong's where every patient has one lesion.

use serde::Serialize;

use super::proportion::Z95;

/// One lesion with known outcome.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Case {
    /// The measured value.
    pub value: f64,
    /// Whether it was recurrence.
    pub recurrence: bool,
    /// Whose lesion it is: a number per patient.
    pub patient: usize,
}

/// Lesions with finite values, of which at least one recurred and one did not.
#[derive(Debug, Clone, PartialEq)]
pub struct Cohort {
    cases: Vec<Case>,
    /// Values by outcome, ascending.
    recurred: Vec<f64>,
    other: Vec<f64>,
}

impl Cohort {
    /// `None` where a value is not finite or an outcome does not occur.
    pub fn new(cases: Vec<Case>) -> Option<Self> {
        let sorted = |recurrence| {
            let mut values: Vec<f64> =
                cases.iter().filter(|case| case.recurrence == recurrence).map(|case| case.value).collect();
            values.sort_by(f64::total_cmp);
            values
        };
        let (recurred, other) = (sorted(true), sorted(false));
        let finite = cases.iter().all(|case| case.value.is_finite());
        (finite && !recurred.is_empty() && !other.is_empty()).then_some(Self { cases, recurred, other })
    }

    /// The lesions.
    pub fn cases(&self) -> &[Case] {
        &self.cases
    }

    /// The values of one outcome, ascending.
    pub fn values(&self, recurrence: bool) -> &[f64] {
        if recurrence { &self.recurred } else { &self.other }
    }

    /// How many values of one outcome lie above a cut-off.
    pub(super) fn count_above(&self, recurrence: bool, cutoff: f64) -> usize {
        let values = self.values(recurrence);
        values.len() - values.partition_point(|value| *value <= cutoff)
    }

    /// How many patients have a lesion of one outcome.
    pub fn patients(&self, recurrence: bool) -> usize {
        count_distinct(self.cases.iter().filter(|case| case.recurrence == recurrence).map(|case| case.patient))
    }

    /// How many patients there are.
    pub fn all_patients(&self) -> usize {
        count_distinct(self.cases.iter().map(|case| case.patient))
    }

    /// The values that occur, ascending, each once.
    pub(super) fn distinct_values(&self) -> Vec<f64> {
        let mut values: Vec<f64> = self.cases.iter().map(|case| case.value).collect();
        values.sort_by(f64::total_cmp);
        values.dedup();
        values
    }
}

fn count_distinct(patients: impl Iterator<Item = usize>) -> usize {
    let mut patients: Vec<usize> = patients.collect();
    patients.sort_unstable();
    patients.dedup();
    patients.len()
}

/// Area under the curve with its 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Auc {
    /// Chance that a recurrence has a higher value than a necrosis, ties counting half.
    pub area: f64,
    /// Standard error, patients as clusters; `None` with a single patient of an outcome.
    pub standard_error: Option<f64>,
    /// Lower end of the interval, cut at 0.
    pub low: Option<f64>,
    /// Upper end of the interval, cut at 1.
    pub high: Option<f64>,
}

/// Area and interval.
pub fn auc(cohort: &Cohort) -> Auc {
    let placements = Placements::of(cohort);
    let area = placements.area;
    let standard_error = placements.variance().map(f64::sqrt);
    Auc {
        area,
        standard_error,
        low: standard_error.map(|error| (area - Z95 * error).max(0.0)),
        high: standard_error.map(|error| (area + Z95 * error).min(1.0)),
    }
}

/// For each case, the share of the other outcome that it is on the right side of (DeLong's structural components).
struct Placements<'a> {
    cohort: &'a Cohort,
    placements: Vec<f64>,
    area: f64,
}

impl<'a> Placements<'a> {
    fn of(cohort: &'a Cohort) -> Self {
        let placements: Vec<f64> = cohort
            .cases()
            .iter()
            .map(|case| {
                let against = cohort.values(!case.recurrence);
                let below = against.partition_point(|value| *value < case.value);
                let not_above = against.partition_point(|value| *value <= case.value);
                let ties = (not_above - below) as f64;
                let beaten = if case.recurrence { below } else { against.len() - not_above };
                (beaten as f64 + 0.5 * ties) / against.len() as f64
            })
            .collect();
        let of_recurred: Vec<f64> = cohort
            .cases()
            .iter()
            .zip(&placements)
            .filter_map(|(case, placement)| case.recurrence.then_some(*placement))
            .collect();
        let area = of_recurred.iter().sum::<f64>() / of_recurred.len() as f64;
        Self { cohort, placements, area }
    }

    /// Obuchowski 1997, equations 4-7: sums of deviations within a patient, per outcome and crossed.
    fn variance(&self) -> Option<f64> {
        let patients = self.cohort.cases().iter().map(|case| case.patient).max()? + 1;
        let (mut recurred, mut other) = (vec![0.0; patients], vec![0.0; patients]);
        let (mut recurred_count, mut other_count) = (0.0, 0.0);
        for (case, placement) in self.cohort.cases().iter().zip(&self.placements) {
            let (sums, count) =
                if case.recurrence { (&mut recurred, &mut recurred_count) } else { (&mut other, &mut other_count) };
            sums[case.patient] += placement - self.area;
            *count += 1.0;
        }
        let with_recurrence = self.cohort.patients(true) as f64;
        let with_other = self.cohort.patients(false) as f64;
        let all = self.cohort.all_patients() as f64;
        if with_recurrence < 2.0 || with_other < 2.0 {
            return None;
        }
        let squares = |sums: &[f64]| sums.iter().map(|sum| sum * sum).sum::<f64>();
        let crossed: f64 = recurred.iter().zip(&other).map(|(a, b)| a * b).sum();
        let s10 = with_recurrence / ((with_recurrence - 1.0) * recurred_count) * squares(&recurred);
        let s01 = with_other / ((with_other - 1.0) * other_count) * squares(&other);
        let s11 = all / (all - 1.0) * crossed;
        let variance = s10 / recurred_count + s01 / other_count + 2.0 * s11 / (recurred_count * other_count);
        Some(variance.max(0.0))
    }
}

/// One point of the curve.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct RocPoint {
    /// Values above it are called recurrence; `None` at the end where all are.
    pub cutoff: Option<f64>,
    /// Share of recurrences above the cut-off.
    pub sensitivity: f64,
    /// Share of the others above it.
    pub false_positive_rate: f64,
}

/// The curve from (0, 0) to (1, 1), one point for each value that occurs.
pub fn roc(cohort: &Cohort) -> Vec<RocPoint> {
    let values = cohort.distinct_values();
    let share = |recurrence, cutoff: Option<f64>| {
        let all = cohort.values(recurrence).len();
        cutoff.map_or(all, |cutoff| cohort.count_above(recurrence, cutoff)) as f64 / all as f64
    };
    values
        .into_iter()
        .rev()
        .map(Some)
        .chain([None])
        .map(|cutoff| RocPoint { cutoff, sensitivity: share(true, cutoff), false_positive_rate: share(false, cutoff) })
        .collect()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(crate) fn cohort(recurred: &[f64], other: &[f64]) -> Cohort {
        let cases = recurred.iter().map(|value| (*value, true)).chain(other.iter().map(|value| (*value, false)));
        let cases = cases.enumerate().map(|(patient, (value, recurrence))| Case { value, recurrence, patient });
        Cohort::new(cases.collect()).unwrap()
    }

    /// Ratings of 109 CT images, Hanley and McNeil, Radiology 1982;143:29, table I: counts of ratings 1-5.
    fn hanley_mcneil() -> Cohort {
        let rated = |counts: [usize; 5]| -> Vec<f64> {
            counts.iter().enumerate().flat_map(|(rating, count)| vec![(rating + 1) as f64; *count]).collect()
        };
        cohort(&rated([3, 2, 2, 11, 33]), &rated([33, 6, 6, 11, 2]))
    }

    #[test]
    fn the_area_of_hanley_and_mcneil_with_the_interval_of_delong() {
        // Published: area 0.893 (1982). By DeLong (Stata manual, roctab): SE 0.0307, 95 % interval 0.83295-0.95339.
        let auc = auc(&hanley_mcneil());
        assert!((auc.area - 0.8932).abs() < 5e-5, "{auc:?}");
        assert!((auc.standard_error.unwrap() - 0.0307).abs() < 5e-5, "{auc:?}");
        assert!((auc.low.unwrap() - 0.83295).abs() < 5e-6 && (auc.high.unwrap() - 0.95339).abs() < 5e-6, "{auc:?}");
    }

    #[test]
    fn the_three_tests_of_delong_1988() {
        // Albumin, total protein and 10 - K-G score of 43 patients with ovarian cancer, outcome 1 first (DeLong 1988,
        // as printed in the SAS/STAT guide, PROC LOGISTIC, with areas, standard errors and intervals).
        let rows: &[[f64; 4]] = &[
            [3.0, 5.8, 10.0, 0.0],
            [3.2, 6.3, 5.0, 1.0],
            [3.9, 6.8, 3.0, 1.0],
            [2.8, 4.8, 6.0, 0.0],
            [3.2, 5.8, 3.0, 1.0],
            [0.9, 4.0, 5.0, 0.0],
            [2.5, 5.7, 8.0, 0.0],
            [1.6, 5.6, 5.0, 1.0],
            [3.8, 5.7, 5.0, 1.0],
            [3.7, 6.7, 6.0, 1.0],
            [3.2, 5.4, 4.0, 1.0],
            [3.8, 6.6, 6.0, 1.0],
            [4.1, 6.6, 5.0, 1.0],
            [3.6, 5.7, 5.0, 1.0],
            [4.3, 7.0, 4.0, 1.0],
            [3.6, 6.7, 4.0, 0.0],
            [2.3, 4.4, 6.0, 1.0],
            [4.2, 7.6, 4.0, 0.0],
            [4.0, 6.6, 6.0, 0.0],
            [3.5, 5.8, 6.0, 1.0],
            [3.8, 6.8, 7.0, 1.0],
            [3.0, 4.7, 8.0, 0.0],
            [4.5, 7.4, 5.0, 1.0],
            [3.7, 7.4, 5.0, 1.0],
            [3.1, 6.6, 6.0, 1.0],
            [4.1, 8.2, 6.0, 1.0],
            [4.3, 7.0, 5.0, 1.0],
            [4.3, 6.5, 4.0, 1.0],
            [3.2, 5.1, 5.0, 1.0],
            [2.6, 4.7, 6.0, 1.0],
            [3.3, 6.8, 6.0, 0.0],
            [1.7, 4.0, 7.0, 0.0],
            [3.7, 6.1, 5.0, 1.0],
            [3.3, 6.3, 7.0, 1.0],
            [4.2, 7.7, 6.0, 1.0],
            [3.5, 6.2, 5.0, 1.0],
            [2.9, 5.7, 9.0, 0.0],
            [2.1, 4.8, 7.0, 1.0],
            [2.8, 6.2, 8.0, 0.0],
            [4.0, 7.0, 7.0, 1.0],
            [3.3, 5.7, 6.0, 1.0],
            [3.7, 6.9, 5.0, 1.0],
            [3.6, 6.6, 5.0, 1.0],
        ];
        let column = |place: usize, outcome: f64| -> Vec<f64> {
            rows.iter()
                .filter(|row| row[3] == outcome)
                .map(|row| if place == 2 { 10.0 - row[2] } else { row[place] })
                .collect()
        };
        for (place, area, error, low, high) in [
            (0, 0.7366, 0.0927, 0.5549, 0.9182),
            (1, 0.6478, 0.1000, 0.4518, 0.8439),
            (2, 0.7258, 0.1028, 0.5243, 0.9273),
        ] {
            let auc = auc(&cohort(&column(place, 1.0), &column(place, 0.0)));
            assert!((auc.area - area).abs() < 5e-5, "{place}: {auc:?}");
            assert!((auc.standard_error.unwrap() - error).abs() < 5e-5, "{place}: {auc:?}");
            assert!(
                (auc.low.unwrap() - low).abs() < 6e-5 && (auc.high.unwrap() - high).abs() < 6e-5,
                "{place}: {auc:?}"
            );
        }
    }

    #[test]
    fn lesions_doubled_within_their_patient_add_no_certainty() {
        let single = hanley_mcneil();
        let doubled = single.cases().iter().flat_map(|case| [*case, *case]).collect();
        let (one, two) = (auc(&single), auc(&Cohort::new(doubled).unwrap()));
        assert!((one.area - two.area).abs() < 1e-12);
        assert!((one.standard_error.unwrap() - two.standard_error.unwrap()).abs() < 1e-12, "{one:?} {two:?}");
    }

    #[test]
    fn the_trapezoid_under_the_curve_is_the_area() {
        let cohort = hanley_mcneil();
        let points = roc(&cohort);
        let trapezoid: f64 = points
            .windows(2)
            .map(|pair| {
                (pair[1].false_positive_rate - pair[0].false_positive_rate)
                    * (pair[0].sensitivity + pair[1].sensitivity)
                    / 2.0
            })
            .sum();
        assert!((trapezoid - auc(&cohort).area).abs() < 1e-12);
        assert_eq!((points[0].sensitivity, points.last().unwrap().sensitivity), (0.0, 1.0));
    }

    #[test]
    fn turning_the_values_round_turns_the_area_round() {
        let (up, down) = (cohort(&[2.0, 3.0, 3.0], &[1.0, 3.0]), cohort(&[-2.0, -3.0, -3.0], &[-1.0, -3.0]));
        // By hand: 2 > 1, 3 > 1 twice, two ties with 3: (3 + 0.5 * 2) / 6.
        assert!((auc(&up).area - 4.0 / 6.0).abs() < 1e-15);
        assert!((auc(&up).area + auc(&down).area - 1.0).abs() < 1e-15);
    }

    #[test]
    fn one_outcome_or_a_value_that_is_none_is_no_cohort() {
        let case = |value, recurrence| Case { value, recurrence, patient: 0 };
        assert!(Cohort::new(vec![case(1.0, true), case(2.0, true)]).is_none());
        assert!(Cohort::new(vec![case(f64::NAN, true), case(2.0, false)]).is_none());
    }
}
