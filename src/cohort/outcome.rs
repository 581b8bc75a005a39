//! The cut-offs and rules in use against the lesions of a study whose histology is known.
//!
//! Nothing is chosen here, so nothing is optimistic: cut-offs of a cohort's own are `relight calibrate`'s.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Settings;
use super::calibrate::{InUse, Refusal, RulesAgainstTruth, Truth, in_use, rules_against_truth};
use super::measure::Measure;
use super::roc::{Auc, Case, Cohort, RocPoint, auc, roc};
use crate::clinical::{Histology, Pathway};
use crate::lesion::LesionRecord;
use crate::verdict::{self, Verdict, judge};

/// One measure against the known histology.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MeasureOutcome {
    /// The measure.
    pub measure: Measure,
    /// Lesions that recurred, and those that did not.
    pub lesions: (usize, usize),
    /// Patients with a lesion that recurred, and with one that did not.
    pub patients: (usize, usize),
    /// Area under the curve, patients as clusters.
    pub auc: Auc,
    /// The curve.
    pub roc: Vec<RocPoint>,
    /// The cut-offs in use, the lower one first.
    pub in_use: Vec<InUse>,
}

/// The lesions of one pathway whose histology is known.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Outcomes {
    /// The pathway.
    pub pathway: Pathway,
    /// Lesions with tumor, and with necrosis only.
    pub known: (usize, usize),
    /// Lesions without histology.
    pub unknown: usize,
    /// Measures with enough patients.
    pub measures: Vec<MeasureOutcome>,
    /// Measures without, and why.
    pub refused: Vec<Refusal>,
    /// The rules, asked again without the histology.
    pub rules: RulesAgainstTruth,
}

/// Each lesion once, at the session that its histology is recorded at, else at its latest; pathways that no histology is
/// known of are left out.
///
/// METHOD: histology that stands beside a lesion decides its verdict, so the rules are asked again without it. Pathways
/// are not mixed, and a measure needs as many patients of each outcome as a calibration does: fewer mostly describe
/// chance.
pub fn outcomes(records: &[&LesionRecord], settings: &Settings, rules: &verdict::Settings) -> Vec<Outcomes> {
    let of = |pathway: Pathway| -> Option<Outcomes> {
        let lesions: Vec<&LesionRecord> =
            records.iter().copied().filter(|record| record.pathway == Some(pathway)).collect();
        let known: Vec<(&LesionRecord, Truth)> =
            lesions.iter().filter_map(|record| Some((*record, truth(record.histology?)))).collect();
        if known.is_empty() {
            return None;
        }
        let count = |truth: Truth| known.iter().filter(|(_, found)| *found == truth).count();
        let verdicts: Vec<(Truth, Verdict)> = known
            .iter()
            .map(|(record, truth)| {
                let without = LesionRecord { histology: None, ..(*record).clone() };
                (*truth, judge(&without, rules))
            })
            .collect();
        let patients = patients(&known);
        let mut measures = Vec::new();
        let mut refused = Vec::new();
        for measure in Measure::all(rules) {
            let cases: Vec<Case> = known
                .iter()
                .zip(&patients)
                .filter_map(|((record, truth), &patient)| {
                    let value = measure.value(record, rules)?;
                    Some(Case { value, recurrence: *truth == Truth::Recurrence, patient })
                })
                .collect();
            if cases.is_empty() {
                continue;
            }
            match against(measure, cases, settings, rules) {
                Ok(found) => measures.push(found),
                Err(words) => refused.push(Refusal { measure, words }),
            }
        }
        Some(Outcomes {
            pathway,
            known: (count(Truth::Recurrence), count(Truth::Necrosis)),
            unknown: lesions.len() - known.len(),
            measures,
            refused,
            rules: rules_against_truth(&verdicts),
        })
    };
    Pathway::ALL.iter().filter_map(|pathway| of(*pathway)).collect()
}

fn truth(histology: Histology) -> Truth {
    match histology {
        Histology::Tumor | Histology::Mixed => Truth::Recurrence,
        Histology::Necrosis => Truth::Necrosis,
    }
}

/// A number per patient; a row without a label is a patient of its own.
fn patients(known: &[(&LesionRecord, Truth)]) -> Vec<usize> {
    let mut numbers: BTreeMap<String, usize> = BTreeMap::new();
    known
        .iter()
        .enumerate()
        .map(|(row, (record, _))| {
            let label = record.participant_id.clone().unwrap_or_else(|| format!("row {row}"));
            let next = numbers.len();
            *numbers.entry(label).or_insert(next)
        })
        .collect()
}

fn against(
    measure: Measure,
    cases: Vec<Case>,
    settings: &Settings,
    rules: &verdict::Settings,
) -> Result<MeasureOutcome, String> {
    let least = settings.least_patients;
    let Some(cohort) = Cohort::new(cases) else {
        return Err("all lesions have the same outcome; a curve needs both.".to_owned());
    };
    let patients = (cohort.patients(true), cohort.patients(false));
    if patients.0 < least || patients.1 < least {
        return Err(format!(
            "{} patients with recurrence and {} without; at least {least} of each are needed, because a curve of fewer mostly describes chance.",
            patients.0, patients.1
        ));
    }
    Ok(MeasureOutcome {
        measure,
        lesions: (cohort.values(true).len(), cohort.values(false).len()),
        patients,
        auc: auc(&cohort),
        roc: roc(&cohort),
        in_use: in_use(measure, &cohort, rules),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lesion(subject: usize, rcbv: f64, histology: Option<Histology>) -> LesionRecord {
        LesionRecord {
            participant_id: Some(format!("sub-{subject}")),
            pathway: Some(Pathway::Glioma),
            rcbv_mean: Some(rcbv),
            histology,
            ..Default::default()
        }
    }

    fn found(records: &[LesionRecord]) -> Vec<Outcomes> {
        let records: Vec<&LesionRecord> = records.iter().collect();
        outcomes(&records, &crate::settings::default_section("cohort"), &crate::settings::default_section("verdict"))
    }

    #[test]
    fn histology_is_compared_with_what_the_rules_say_without_it() {
        // Twelve recurrences at 1.2 to 2.3, twelve necroses at 0.5 to 1.6: by rCBV alone above 1.75 are six, below 1.0
        // are five.
        let mut records: Vec<LesionRecord> =
            (0..12).map(|n| lesion(n, (12 + n) as f64 / 10.0, Some(Histology::Tumor))).collect();
        records.extend((0..12).map(|n| lesion(100 + n, (5 + n) as f64 / 10.0, Some(Histology::Necrosis))));
        records.push(lesion(300, 2.0, None));
        let outcomes = found(&records);
        let [outcome] = outcomes.as_slice() else { panic!("one pathway: {outcomes:?}") };
        assert_eq!((outcome.known, outcome.unknown), ((12, 12), 1));
        let count = |shares: [super::super::Proportion; 3]| shares.map(|share| share.count);
        let (recurrences, others) = (count(outcome.rules.recurrences), count(outcome.rules.others));
        assert_eq!((recurrences.iter().sum::<usize>(), others.iter().sum::<usize>()), (12, 12));
        assert!(recurrences[1] > 0, "histology would leave nothing indeterminate: {recurrences:?}");
        let [measure] = outcome.measures.as_slice() else { panic!("{:?}", outcome.measures) };
        // 144 pairs; recurrences at 1.2 to 1.6 are at or below some necroses: 4+3+2+1 lost, 5 ties.
        assert!((measure.auc.area - (144.0 - 10.0 - 2.5) / 144.0).abs() < 1e-9, "{}", measure.auc.area);
        assert_eq!(measure.in_use.iter().map(|point| point.cutoff).collect::<Vec<_>>(), [1.0, 1.75]);
    }

    #[test]
    fn few_patients_get_words_and_no_curve() {
        let outcomes = found(&[lesion(1, 2.0, Some(Histology::Mixed)), lesion(2, 0.5, Some(Histology::Necrosis))]);
        assert!(outcomes[0].measures.is_empty());
        assert!(outcomes[0].refused[0].words.contains("1 patients with recurrence and 1 without"), "{outcomes:?}");
    }

    #[test]
    fn without_histology_there_is_nothing_to_compare() {
        assert!(found(&[lesion(1, 2.0, None)]).is_empty());
    }
}
