//! How much of a cut-off is chance: bootstrap over patients, optimism (Harrell 1996, Stat Med 15:361), and
//! cross-validation that leaves one patient out.

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;
use serde::Serialize;

use super::roc::{Case, Cohort, auc};
use super::threshold::{Performance, at_sensitivity, at_specificity, performance, youden};

/// A 95 % percentile interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Interval {
    /// The 2.5th percentile.
    pub low: f64,
    /// The 97.5th percentile.
    pub high: f64,
}

/// What the bootstrap says.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Bootstrap {
    /// Resamples that held both outcomes and gave a cut-off.
    pub resamples: usize,
    /// Interval of the area under the curve.
    pub area: Option<Interval>,
    /// Interval of Youden's cut-off.
    pub youden: Option<Interval>,
    /// Interval of the lower end of the grey zone, where the wanted sensitivity can be kept.
    pub low: Option<Interval>,
    /// Interval of its upper end, where the wanted specificity can be kept.
    pub high: Option<Interval>,
    /// By how much a cut-off looks better on the cohort that it was chosen on: sensitivity.
    pub sensitivity_optimism: f64,
    /// The same for specificity.
    pub specificity_optimism: f64,
    /// The same for accuracy.
    pub accuracy_optimism: f64,
}

/// Draws patients with replacement, with all their lesions, and chooses the cut-offs again; the same seed gives the
/// same numbers.
pub fn bootstrap(cohort: &Cohort, wanted: (f64, f64), resamples: usize, seed: u64) -> Bootstrap {
    let patients = by_patient(cohort);
    let mut random = Pcg64::seed_from_u64(seed);
    let (mut areas, mut youdens, mut lows, mut highs) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut optimism = [0.0; 3];
    for _ in 0..resamples {
        let drawn: Vec<Case> = (0..patients.len())
            .flat_map(|place| {
                let chosen = &patients[random.random_range(0..patients.len())];
                // A patient drawn twice counts as two patients.
                chosen.iter().map(move |case| Case { patient: place, ..*case })
            })
            .collect();
        let Some(resample) = Cohort::new(drawn) else { continue };
        let Some(cutoff) = youden(&resample) else { continue };
        areas.push(auc(&resample).area);
        youdens.push(cutoff);
        lows.extend(at_sensitivity(&resample, wanted.0));
        highs.extend(at_specificity(&resample, wanted.1));
        let (there, here) = (performance(&resample, cutoff), performance(cohort, cutoff));
        for (sum, (there, here)) in optimism.iter_mut().zip(shares(&there).into_iter().zip(shares(&here))) {
            *sum += there - here;
        }
    }
    let done = youdens.len().max(1) as f64;
    Bootstrap {
        resamples: youdens.len(),
        area: interval(areas),
        youden: interval(youdens),
        low: interval(lows),
        high: interval(highs),
        sensitivity_optimism: optimism[0] / done,
        specificity_optimism: optimism[1] / done,
        accuracy_optimism: optimism[2] / done,
    }
}

/// Youden's cut-off chosen on all patients but one and tried on that one, for each patient in turn; the calls are
/// counted together.
pub fn leave_one_patient_out(cohort: &Cohort) -> Performance {
    let (mut hit, mut recurred, mut spared, mut other) = (0, 0, 0, 0);
    for own in by_patient(cohort) {
        let patient = own[0].patient;
        let rest = cohort.cases().iter().copied().filter(|case| case.patient != patient).collect();
        let Some(cutoff) = Cohort::new(rest).as_ref().and_then(youden) else { continue };
        for case in own {
            let above = case.value > cutoff;
            if case.recurrence {
                recurred += 1;
                hit += usize::from(above);
            } else {
                other += 1;
                spared += usize::from(!above);
            }
        }
    }
    Performance::new(hit, recurred, spared, other)
}

fn by_patient(cohort: &Cohort) -> Vec<Vec<Case>> {
    let mut cases = cohort.cases().to_vec();
    cases.sort_by_key(|case| case.patient);
    cases.chunk_by(|a, b| a.patient == b.patient).map(<[Case]>::to_vec).collect()
}

fn shares(performance: &Performance) -> [f64; 3] {
    [performance.sensitivity, performance.specificity, performance.accuracy].map(|share| share.share.unwrap_or(0.0))
}

/// The 2.5th and 97.5th percentile, linear between ranks (Hyndman and Fan 1996, type 7).
fn interval(mut values: Vec<f64>) -> Option<Interval> {
    if values.is_empty() {
        return None;
    }
    values.sort_by(f64::total_cmp);
    let percentile = |share: f64| {
        let rank = share * (values.len() - 1) as f64;
        let (below, above) = (rank.floor() as usize, rank.ceil() as usize);
        values[below] + (values[above] - values[below]) * (rank - below as f64)
    };
    Some(Interval { low: percentile(0.025), high: percentile(0.975) })
}

#[cfg(test)]
mod tests {
    use super::super::roc::tests::cohort;
    use super::*;

    fn overlapping() -> Cohort {
        let recurred: Vec<f64> = (0..40).map(|n| 1.0 + 0.05 * f64::from(n)).collect();
        let other: Vec<f64> = (0..30).map(|n| 0.4 + 0.05 * f64::from(n)).collect();
        cohort(&recurred, &other)
    }

    #[test]
    fn the_same_seed_gives_the_same_numbers() {
        let cohort = overlapping();
        assert_eq!(bootstrap(&cohort, (0.9, 0.9), 50, 7), bootstrap(&cohort, (0.9, 0.9), 50, 7));
        assert_ne!(bootstrap(&cohort, (0.9, 0.9), 50, 7), bootstrap(&cohort, (0.9, 0.9), 50, 8));
    }

    #[test]
    fn the_bootstrap_interval_is_about_delongs() {
        let cohort = overlapping();
        let (delong, area) = (auc(&cohort), bootstrap(&cohort, (0.9, 0.9), 2000, 1).area.unwrap());
        assert!((area.low - delong.low.unwrap()).abs() < 0.02, "{area:?} {delong:?}");
        assert!((area.high - delong.high.unwrap()).abs() < 0.02, "{area:?} {delong:?}");
    }

    #[test]
    fn choosing_and_trying_on_the_same_lesions_is_optimistic() {
        // No difference between the outcomes: what looks like accuracy is chance.
        let noise = |shift: u32| -> Vec<f64> { (0..20).map(|n| f64::from((n * 7 + shift) % 41)).collect() };
        let cohort = cohort(&noise(0), &noise(3));
        let apparent = performance(&cohort, youden(&cohort).unwrap()).youden();
        let bootstrap = bootstrap(&cohort, (0.9, 0.9), 500, 3);
        let optimism = bootstrap.sensitivity_optimism + bootstrap.specificity_optimism;
        assert!(optimism > 0.05 && optimism < apparent + 0.2, "{optimism} of {apparent}");
        assert!(leave_one_patient_out(&cohort).youden() < apparent);
    }

    #[test]
    fn clear_outcomes_stay_clear_when_a_patient_is_left_out() {
        let found = leave_one_patient_out(&cohort(&[3.0, 3.2, 3.4, 3.6], &[1.0, 1.2, 1.4, 1.6]));
        assert_eq!((found.sensitivity.share, found.specificity.share), (Some(1.0), Some(1.0)));
        assert_eq!(found.accuracy.total, 8);
    }

    #[test]
    fn percentiles_by_hand() {
        let interval = interval((0..=40).map(f64::from).collect()).unwrap();
        assert_eq!((interval.low, interval.high), (1.0, 39.0));
    }
}
