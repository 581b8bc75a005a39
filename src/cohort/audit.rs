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
        /// Too few lesions to tell.
        TooFew = "too_few",
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

/// What a rate is held against.
#[derive(Debug, Clone, Copy)]
struct Source {
    /// The range that the source expects.
    range: (f64, f64),
    /// Lesions that it takes to compare with it.
    fewest: usize,
}

/// Counts each lesion once: give the latest verdict of each.
pub fn audit(lesions: &[AuditLesion], settings: &Settings) -> Audit {
    let source =
        Source { range: (settings.determinate_low, settings.determinate_high), fewest: settings.determinate_lesions };
    let judged: Vec<&AuditLesion> = lesions.iter().filter(|lesion| lesion.verdict.class.is_some()).collect();
    let (integrated, others): (Vec<&AuditLesion>, Vec<&AuditLesion>) =
        judged.iter().copied().partition(|lesion| is_integrated(lesion));
    let by = |key: fn(&AuditLesion) -> Option<String>| {
        let mut groups: BTreeMap<String, Vec<&AuditLesion>> = BTreeMap::new();
        for lesion in &integrated {
            groups.entry(key(lesion).unwrap_or_else(|| "not known".to_owned())).or_default().push(lesion);
        }
        groups.into_iter().map(|(name, group)| (name, rate(&group, source))).collect()
    };
    let rate_integrated = rate(&integrated, source);
    Audit {
        expected: source.range,
        integrated: rate_integrated,
        others: rate(&others, source),
        not_judged: lesions.len() - judged.len(),
        by_center: by(|lesion| lesion.center.map(str::to_owned)),
        by_scanner: by(|lesion| lesion.scanner.map(str::to_owned)),
        words: words(rate_integrated, source),
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

fn rate(lesions: &[&AuditLesion], Source { range: (least, most), fewest }: Source) -> Rate {
    let answered = lesions.iter().filter(|lesion| lesion.verdict.class != Some(Class::Indeterminate)).count();
    let determinate = Proportion::new(answered, lesions.len());
    let reading = match (determinate.low, determinate.high) {
        (Some(low), Some(high)) => {
            if lesions.len() < fewest {
                Reading::TooFew
            } else if high < least {
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

fn words(rate: Rate, Source { range: (least, most), fewest }: Source) -> String {
    let Proportion { count, total, low, high, .. } = rate.determinate;
    let (Some(low), Some(high)) = (low, high) else {
        return "No lesion has perfusion, PET and symptoms known: nothing to hold against the source.".to_owned();
    };
    let expected = format!("the {:.0}–{:.0} % that the source expects", 100.0 * least, 100.0 * most);
    let against = match rate.reading {
        Reading::Below => format!("fewer than {expected}"),
        Reading::Compatible => format!("compatible with {expected}"),
        Reading::Above => format!("more than {expected}"),
        Reading::TooFew => format!("too few to compare with {expected}; it takes {fewest}"),
        Reading::Nothing => format!("not comparable with {expected}"),
    };
    let lesions = if total == 1 { "lesion" } else { "lesions" };
    format!(
        "{count} of {total} {lesions} with perfusion, PET and symptoms known got an answer (95 % interval {:.0}–{:.0} %): {against}.",
        100.0 * low,
        100.0 * high,
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
    fn below_twenty_lesions_nothing_is_said_of_the_source() {
        let settings: Settings = crate::settings::default_section("cohort");
        let rules: crate::verdict::Settings = crate::settings::default_section("verdict");
        let record = LesionRecord {
            pathway: Some(Pathway::Glioma),
            rcbv_mean: Some(2.5),
            tracer: Some(Tracer::Met),
            tbr_max: Some(2.0),
            symptoms: Some(Symptoms::None),
            ..Default::default()
        };
        let verdict = crate::verdict::judge(&record, &rules);
        let of = |count: usize| {
            let lesion = AuditLesion { record: &record, verdict: &verdict, center: None, scanner: None };
            audit(&vec![lesion; count], &settings)
        };
        let few = of(19);
        assert_eq!((few.integrated.reading, few.by_center["not known"].reading), (Reading::TooFew, Reading::TooFew));
        let two = of(2).words;
        assert!(two.contains("2 of 2 lesions") && two.contains("34–100 %"), "the interval stays: {two}");
        assert!(two.contains("too few") && !two.contains("compatible"), "{two}");
        assert_eq!(of(20).integrated.reading, Reading::Compatible);
    }

    #[test]
    fn an_empty_study_says_so() {
        let audit = audit(&[], &crate::settings::default_section("cohort"));
        assert_eq!(audit.integrated.reading, Reading::Nothing);
        assert!(audit.words.contains("nothing to hold"));
    }
}
