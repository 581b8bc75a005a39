//! Does the analysis choice matter? The same lesion measured and judged under other choices.
//!
//! Measuring leaves one [`Alternative`] per choice: the deciding numbers as that choice gives them. Judging runs the
//! same rules on each of them and counts how often the verdict stays (EVIDENCE 4.2: "stable under reanalysis").
//!
//! METHOD: a choice is counted where it touches a number that decides; one that cannot be made (a mask that vanishes
//! when it is eroded) is told and not counted. The volume, and with it the follow-up, stays as it is: a mask drawn
//! smaller would be drawn smaller at every session. A verdict by histology does not rest on images, so nothing is
//! counted for it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::lesion::LesionRecord;
use crate::verdict::{Class, Finding, Pole, Settings, Verdict, judge};

/// How far cut-offs are moved, as a share of them (ours).
const CUTOFF_SHARE: f64 = 0.10;

closed_words! {
    /// Another choice of the analysis.
    pub enum Choice: "analysis choice" {
        /// The median rCBV in the stead of the mean.
        MedianRcbv = "median_rcbv",
        /// The reference region without its outermost voxels.
        ReferenceEroded = "reference_eroded",
        /// The mirrored reference region in the stead of the given one.
        ReferenceMirrored = "reference_mirrored",
        /// Leakage correction by Boxerman, Schmainda and Weisskoff.
        LeakageBsw = "leakage_bsw",
        /// Bidirectional leakage correction.
        LeakageBidirectional = "leakage_bidirectional",
        /// No leakage correction.
        LeakageNone = "leakage_none",
        /// The median of the background in the stead of its mean.
        BackgroundMedian = "background_median",
        /// The lesion mask one voxel smaller.
        MaskSmaller = "mask_smaller",
        /// The lesion mask one voxel larger.
        MaskLarger = "mask_larger",
        /// Perfusion cut-offs 10 % lower.
        PerfusionCutoffsLower = "perfusion_cutoffs_lower",
        /// Perfusion cut-offs 10 % higher.
        PerfusionCutoffsHigher = "perfusion_cutoffs_higher",
        /// PET cut-offs 10 % lower.
        PetCutoffsLower = "pet_cutoffs_lower",
        /// PET cut-offs 10 % higher.
        PetCutoffsHigher = "pet_cutoffs_higher",
    }
}

impl Choice {
    /// The choice in plain words.
    pub const fn words(self) -> &'static str {
        match self {
            Self::MedianRcbv => "Median rCBV instead of the mean",
            Self::ReferenceEroded => "Reference region one voxel smaller",
            Self::ReferenceMirrored => "Mirrored reference region instead of the given one",
            Self::LeakageBsw => "Leakage correction: Boxerman–Schmainda–Weisskoff",
            Self::LeakageBidirectional => "Leakage correction: bidirectional",
            Self::LeakageNone => "No leakage correction",
            Self::BackgroundMedian => "Median of the background instead of its mean",
            Self::MaskSmaller => "Lesion mask one voxel smaller",
            Self::MaskLarger => "Lesion mask one voxel larger",
            Self::PerfusionCutoffsLower => "Perfusion cut-offs 10 % lower",
            Self::PerfusionCutoffsHigher => "Perfusion cut-offs 10 % higher",
            Self::PetCutoffsLower => "PET cut-offs 10 % lower",
            Self::PetCutoffsHigher => "PET cut-offs 10 % higher",
        }
    }

    /// Factors on the cut-offs of perfusion and of PET; `None` for a choice of measuring.
    const fn cutoff_factors(self) -> Option<(f64, f64)> {
        match self {
            Self::PerfusionCutoffsLower => Some((1.0 - CUTOFF_SHARE, 1.0)),
            Self::PerfusionCutoffsHigher => Some((1.0 + CUTOFF_SHARE, 1.0)),
            Self::PetCutoffsLower => Some((1.0, 1.0 - CUTOFF_SHARE)),
            Self::PetCutoffsHigher => Some((1.0, 1.0 + CUTOFF_SHARE)),
            Self::MedianRcbv
            | Self::ReferenceEroded
            | Self::ReferenceMirrored
            | Self::LeakageBsw
            | Self::LeakageBidirectional
            | Self::LeakageNone
            | Self::BackgroundMedian
            | Self::MaskSmaller
            | Self::MaskLarger => None,
        }
    }
}

/// The deciding numbers under another choice of measuring.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Alternative {
    /// The choice.
    pub choice: Choice,
    /// Columns of the lesion's row that it changes, with their values.
    pub columns: BTreeMap<String, f64>,
    /// Why it could not be made; empty columns then.
    pub problem: Option<String>,
}

impl Alternative {
    /// A choice with the numbers that it gives.
    pub fn new<'a>(choice: Choice, columns: impl IntoIterator<Item = (&'a str, f64)>) -> Self {
        let columns = columns.into_iter().map(|(column, value)| (column.to_owned(), value)).collect();
        Self { choice, columns, problem: None }
    }

    /// A choice that could not be made.
    pub fn impossible(choice: Choice, problem: impl Into<String>) -> Self {
        Self { choice, columns: BTreeMap::new(), problem: Some(problem.into()) }
    }
}

/// Puts alternatives of one choice together: perfusion and PET share the lesion mask. What is impossible for one of
/// them is impossible.
pub fn combined(alternatives: Vec<Alternative>) -> Vec<Alternative> {
    let mut by_choice: BTreeMap<Choice, Alternative> = BTreeMap::new();
    for alternative in alternatives {
        match by_choice.get_mut(&alternative.choice) {
            None => {
                by_choice.insert(alternative.choice, alternative);
            }
            Some(known) => {
                known.columns.extend(alternative.columns);
                known.problem = known.problem.take().or(alternative.problem);
            }
        }
    }
    by_choice
        .into_values()
        .map(|alternative| match alternative.problem {
            Some(problem) => Alternative::impossible(alternative.choice, problem),
            None => alternative,
        })
        .collect()
}

/// The verdict under another choice.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Reanalysis {
    /// The choice.
    pub choice: Choice,
    /// The choice in words.
    pub words: &'static str,
    /// The perfusion measure that decides, with its value.
    pub perfusion: Option<(&'static str, f64)>,
    /// The PET measure that decides, with its value.
    pub pet: Option<(&'static str, f64)>,
    /// The verdict; `None` where the choice could not be made.
    pub verdict: Option<Class>,
    /// The rule that gave it.
    pub rule: Option<&'static str>,
    /// Whether it is the verdict that stands.
    pub same: bool,
    /// Why the choice could not be made.
    pub problem: Option<String>,
}

/// How often the verdict stays.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Stability {
    /// Reanalyses with the same verdict.
    pub same: usize,
    /// Reanalyses that were made.
    pub total: usize,
    /// Each of them, and those that could not be made.
    pub reanalyses: Vec<Reanalysis>,
}

impl Stability {
    /// The column `stability`, such as `11 of 12`.
    pub fn words(&self) -> String {
        format!("{} of {}", self.same, self.total)
    }
}

/// Judges a lesion again under each alternative and under moved cut-offs; `None` where there is no verdict that rests
/// on images, or nothing to choose.
pub fn judge_again(
    record: &LesionRecord,
    verdict: &Verdict,
    alternatives: &[Alternative],
    settings: &Settings,
) -> Option<Stability> {
    let class = verdict.class?;
    if record.histology.is_some() {
        return None;
    }
    let decides = |column: &str| verdict.findings.iter().any(|finding| finding.column == column && used(finding));
    let mut reanalyses = Vec::new();
    for alternative in alternatives {
        if let Some(problem) = &alternative.problem {
            reanalyses.push(Reanalysis { problem: Some(problem.clone()), ..told(alternative.choice, None, class) });
        } else if alternative.columns.keys().any(|column| decides(column)) {
            let mut trial = record.clone();
            for (column, value) in &alternative.columns {
                // A column that is not one of the row's changes nothing.
                drop(trial.set(column, &value.to_string()));
            }
            let again = judge(&trial, settings);
            // METHOD: a value that the rules treat as missing decides nothing: the verdict of the rest is no reanalysis of
            // it, and does not count as one that stays.
            let lost = alternative.columns.iter().find(|(column, _)| {
                let stays = |finding: &Finding| finding.column == column.as_str() && used(finding);
                decides(column) && !again.findings.iter().any(stays)
            });
            reanalyses.push(match lost {
                Some((_, value)) => {
                    let problem = format!("the value there, {value:.2}, is no measurement");
                    Reanalysis { problem: Some(problem), ..told(alternative.choice, None, class) }
                }
                None => told(alternative.choice, Some(&again), class),
            });
        }
    }
    for &choice in Choice::ALL {
        let Some((perfusion, pet)) = choice.cutoff_factors() else { continue };
        let moves = |finding: &Finding| if is_uptake(finding) { pet != 1.0 } else { perfusion != 1.0 };
        if verdict.findings.iter().any(|finding| used(finding) && moves(finding)) {
            let trial = LesionRecord { tbr_cutoff: record.tbr_cutoff.map(|cutoff| cutoff * pet), ..record.clone() };
            let moved = settings.with_cutoffs_scaled(perfusion, pet);
            reanalyses.push(told(choice, Some(&judge(&trial, &moved)), class));
        }
    }
    let total = reanalyses.iter().filter(|reanalysis| reanalysis.verdict.is_some()).count();
    let same = reanalyses.iter().filter(|reanalysis| reanalysis.same).count();
    (total > 0).then_some(Stability { same, total, reanalyses })
}

fn told(choice: Choice, verdict: Option<&Verdict>, standing: Class) -> Reanalysis {
    let deciding = |uptake: bool| {
        let mut findings = verdict.into_iter().flat_map(|verdict| &verdict.findings);
        let finding = findings.find(|finding| is_uptake(finding) == uptake && used(finding))?;
        Some((finding.column, finding.value?))
    };
    let class = verdict.and_then(|verdict| verdict.class);
    Reanalysis {
        choice,
        words: choice.words(),
        perfusion: deciding(false),
        pet: deciding(true),
        verdict: class,
        rule: verdict.and_then(|verdict| verdict.rule),
        same: class == Some(standing),
        problem: None,
    }
}

fn used(finding: &Finding) -> bool {
    finding.pole != Pole::Missing
}

fn is_uptake(finding: &Finding) -> bool {
    finding.column.starts_with("tbr") || finding.column.starts_with("suv")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clinical::{Histology, Pathway, Tracer};

    fn settings() -> Settings {
        crate::settings::default_section("verdict")
    }

    fn lesion(rcbv: f64, tbr: Option<f64>) -> LesionRecord {
        LesionRecord {
            pathway: Some(Pathway::Glioma),
            rcbv_mean: Some(rcbv),
            tracer: tbr.map(|_| Tracer::Met),
            tbr_max: tbr,
            ..Default::default()
        }
    }

    fn stability(record: &LesionRecord, alternatives: &[Alternative]) -> Option<Stability> {
        judge_again(record, &judge(record, &settings()), alternatives, &settings())
    }

    fn changed(record: &LesionRecord, alternatives: &[Alternative]) -> Vec<Choice> {
        let found = stability(record, alternatives).unwrap();
        found.reanalyses.iter().filter(|reanalysis| !reanalysis.same).map(|reanalysis| reanalysis.choice).collect()
    }

    #[test]
    fn a_clear_lesion_stays_under_every_choice() {
        let alternatives = [
            Alternative::new(Choice::MedianRcbv, [("rcbv_mean", 2.9)]),
            Alternative::new(Choice::LeakageNone, [("rcbv_mean", 2.2)]),
            Alternative::new(Choice::BackgroundMedian, [("tbr_max", 2.1), ("tbr_mean", 1.6)]),
        ];
        let found = stability(&lesion(3.0, Some(2.2)), &alternatives).unwrap();
        assert_eq!((found.same, found.total, found.words().as_str()), (7, 7, "7 of 7"));
        assert_eq!(found.reanalyses[1].perfusion, Some(("rcbv_mean", 2.2)));
        assert_eq!(found.reanalyses[1].pet, Some(("tbr_max", 2.2)), "the other measure stays");
    }

    #[test]
    fn a_value_beside_its_cutoff_falls_with_the_cutoff_and_with_the_model() {
        // 1.80 is above 1.75 and below 1.75 x 1.1 = 1.925: grey without PET is indeterminate.
        let record = lesion(1.8, None);
        let alternatives = [
            Alternative::new(Choice::LeakageBidirectional, [("rcbv_mean", 1.7)]),
            Alternative::new(Choice::MedianRcbv, [("rcbv_mean", 1.76)]),
        ];
        assert_eq!(changed(&record, &alternatives), [Choice::LeakageBidirectional, Choice::PerfusionCutoffsHigher]);
        assert_eq!(stability(&record, &alternatives).unwrap().words(), "2 of 4");
    }

    #[test]
    fn the_centers_own_cutoff_moves_with_the_others() {
        let record = LesionRecord { tbr_cutoff: Some(1.4), ..lesion(1.5, Some(1.45)) };
        assert_eq!(changed(&record, &[]), [Choice::PetCutoffsHigher], "1.45 is below 1.4 x 1.1");
    }

    #[test]
    fn a_choice_that_touches_no_deciding_number_is_not_counted() {
        let alternatives = [
            Alternative::new(Choice::BackgroundMedian, [("tbr_mean", 1.1)]),
            Alternative::new(Choice::MedianRcbv, [("rcbv_enhancing_mean", 1.1)]),
        ];
        assert_eq!(stability(&lesion(3.0, Some(2.2)), &alternatives).unwrap().total, 4, "the moved cut-offs alone");
    }

    #[test]
    fn a_choice_that_cannot_be_made_is_told_and_not_counted() {
        let alternatives = combined(vec![
            Alternative::new(Choice::MaskSmaller, [("rcbv_mean", 1.0)]),
            Alternative::impossible(Choice::MaskSmaller, "no voxel of the PET image is left"),
        ]);
        let found = stability(&lesion(3.0, Some(2.2)), &alternatives).unwrap();
        assert_eq!((found.same, found.total, found.reanalyses.len()), (4, 4, 5));
        assert_eq!(found.reanalyses[0].verdict, None);
    }

    #[test]
    fn without_a_verdict_from_images_nothing_is_counted() {
        assert_eq!(stability(&LesionRecord { histology: Some(Histology::Tumor), ..lesion(3.0, None) }, &[]), None);
        assert_eq!(stability(&LesionRecord { pathway: None, ..lesion(3.0, None) }, &[]), None);
        assert_eq!(stability(&LesionRecord { pathway: Some(Pathway::Glioma), ..Default::default() }, &[]), None);
    }
}
