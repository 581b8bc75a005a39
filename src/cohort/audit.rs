//! How often the rules give an answer, against the eight or nine out of ten that the source expects.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::clinical::Symptoms;
use crate::lesion::LesionRecord;
use crate::verdict::{Class, Pole, Verdict};

use super::Settings;
use super::proportion::Proportion;

/// One lesion with its latest verdict.
#[derive(Debug, Clone, Copy)]
pub struct AuditLesion<'a> {
    /// Its row.
    pub record: &'a LesionRecord,
    /// Its verdict.
    pub verdict: &'a Verdict,
    /// Where it was treated.
    pub center: Option<&'a str>,
    /// On what it was scanned.
    pub scanner: Option<&'a str>,
}

closed_words! {
    /// How a rate stands against what the source expects.
    pub enum Reading: "reading of a rate" {
        /// The whole interval lies below.
        Below = "below",
        /// The interval and the expected range overlap.
        Compatible = "compatible",
        /// The whole interval lies above.
        Above = "above",
        /// No lesion to count.
        Nothing = "nothing",
    }
}

/// Lesions with an answer among those judged.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Rate {
    /// The share with its 95 % Wilson interval.
    pub determinate: Proportion,
    /// Against the expected range.
    pub reading: Reading,
}

/// The audit of a study.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Audit {
    /// What the source expects.
    pub expected: (f64, f64),
    /// Lesions with perfusion, PET and symptoms known: the ones that the source speaks of.
    pub integrated: Rate,
    /// The others that were judged.
    pub others: Rate,
    /// Lesions without a verdict.
    pub not_judged: usize,
    /// The integrated ones by center.
    pub by_center: BTreeMap<String, Rate>,
    /// The integrated ones by scanner.
    pub by_scanner: BTreeMap<String, Rate>,
    /// The result in one sentence.
    pub words: String,
}

/// Counts each lesion once: give the latest verdict of each.
pub fn audit(lesions: &[AuditLesion], settings: &Settings) -> Audit {
    let expected = (settings.determinate_low, settings.determinate_high);
    let judged: Vec<&AuditLesion> = lesions.iter().filter(|lesion| lesion.verdict.class.is_some()).collect();
    let (integrated, others): (Vec<&AuditLesion>, Vec<&AuditLesion>) =
        judged.iter().copied().partition(|lesion| is_integrated(lesion));
    let by = |key: fn(&AuditLesion) -> Option<String>| {
        let mut groups: BTreeMap<String, Vec<&AuditLesion>> = BTreeMap::new();
        for lesion in &integrated {
            groups.entry(key(lesion).unwrap_or_else(|| "not known".to_owned())).or_default().push(lesion);
        }
        groups.into_iter().map(|(name, group)| (name, rate(&group, expected))).collect()
    };
    let rate_integrated = rate(&integrated, expected);
    Audit {
        expected,
        integrated: rate_integrated,
        others: rate(&others, expected),
        not_judged: lesions.len() - judged.len(),
        by_center: by(|lesion| lesion.center.map(str::to_owned)),
        by_scanner: by(|lesion| lesion.scanner.map(str::to_owned)),
        words: words(rate_integrated, expected),
    }
}

/// Perfusion and PET are usable and the symptoms are known.
fn is_integrated(lesion: &AuditLesion) -> bool {
    let usable = |uptake: bool| {
        lesion.verdict.findings.iter().any(|finding| {
            let is_uptake = finding.column.starts_with("tbr") || finding.column.starts_with("suv");
            is_uptake == uptake && finding.pole != Pole::Missing
        })
    };
    let symptoms = lesion.record.symptoms.is_some_and(|symptoms| symptoms != Symptoms::Unknown);
    usable(false) && usable(true) && symptoms
}

fn rate(lesions: &[&AuditLesion], (least, most): (f64, f64)) -> Rate {
    let answered = lesions.iter().filter(|lesion| lesion.verdict.class != Some(Class::Indeterminate)).count();
    let determinate = Proportion::new(answered, lesions.len());
    let reading = match (determinate.low, determinate.high) {
        (Some(low), Some(high)) => {
            if high < least {
                Reading::Below
            } else if low > most {
                Reading::Above
            } else {
                Reading::Compatible
            }
        }
        _ => Reading::Nothing,
    };
    Rate { determinate, reading }
}

fn words(rate: Rate, (least, most): (f64, f64)) -> String {
    let Proportion { count, total, low, high, .. } = rate.determinate;
    let (Some(low), Some(high)) = (low, high) else {
        return "No lesion has perfusion, PET and symptoms known: nothing to hold against the source.".to_owned();
    };
    let against = match rate.reading {
        Reading::Below => "fewer than",
        Reading::Compatible => "compatible with",
        Reading::Above => "more than",
        Reading::Nothing => "not comparable with",
    };
    format!(
        "{count} of {total} lesions with perfusion, PET and symptoms known got an answer (95 % interval {:.0}–{:.0} %): {against} the {:.0}–{:.0} % that the source expects.",
        100.0 * low,
        100.0 * high,
        100.0 * least,
        100.0 * most
    )
}

#[cfg(test)]
mod tests {
    use crate::clinical::{Pathway, Tracer};

    use super::*;

    #[test]
    fn only_lesions_with_everything_known_stand_against_the_source() {
        let rules: crate::verdict::Settings = crate::settings::default_section("verdict");
        let record = |rcbv, tbr, symptoms| LesionRecord {
            pathway: Some(Pathway::Glioma),
            rcbv_mean: rcbv,
            tracer: Some(Tracer::Met),
            tbr_max: tbr,
            symptoms,
            ..Default::default()
        };
        let mut records = vec![record(Some(2.5), Some(2.0), Some(Symptoms::None)); 17];
        records.extend(vec![record(Some(1.5), Some(1.4), Some(Symptoms::New)); 3]);
        records.extend(vec![record(Some(2.5), None, Some(Symptoms::None)); 5]);
        records.push(record(Some(2.5), Some(2.0), Some(Symptoms::Unknown)));
        records.push(LesionRecord { pathway: None, ..record(Some(2.5), Some(2.0), None) });
        let verdicts: Vec<_> = records.iter().map(|record| crate::verdict::judge(record, &rules)).collect();
        let lesions: Vec<_> = records
            .iter()
            .zip(&verdicts)
            .enumerate()
            .map(|(n, (record, verdict))| AuditLesion {
                record,
                verdict,
                center: Some(if n % 2 == 0 { "A" } else { "B" }),
                scanner: None,
            })
            .collect();
        let audit = audit(&lesions, &crate::settings::default_section("cohort"));
        assert_eq!((audit.integrated.determinate.count, audit.integrated.determinate.total), (17, 20));
        assert_eq!(audit.integrated.reading, Reading::Compatible);
        assert_eq!((audit.others.determinate.total, audit.not_judged), (6, 1));
        assert_eq!(audit.by_center["A"].determinate.total + audit.by_center["B"].determinate.total, 20);
        assert_eq!(audit.by_scanner["not known"].determinate.total, 20);
        assert!(audit.words.contains("17 of 20") && audit.words.contains("64–95 %"), "{}", audit.words);
    }

    #[test]
    fn an_empty_study_says_so() {
        let audit = audit(&[], &crate::settings::default_section("cohort"));
        assert_eq!(audit.integrated.reading, Reading::Nothing);
        assert!(audit.words.contains("nothing to hold"));
    }
}
