//! The sentences of a verdict: plain words, numbers beside their cut-offs, dates, and the doubt.

use crate::lesion::LesionRecord;

use super::decide::Decision;
use super::evidence::Evidence;
use super::growth::{Against, Followup, GrowthState};
use super::rules::{ReasonCode, Rule};
use super::{Class, Confidence, Finding, NextStep, Pole, Posterior, Settings, Window};

impl Class {
    /// The verdict in words.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Recurrence => "recurrence",
            Self::RadiationNecrosis => "radiation necrosis",
            Self::Indeterminate => "indeterminate",
            Self::SuspectedRecurrence => "suspected recurrence",
            Self::Stable => "stable",
        }
    }
}

impl Confidence {
    /// The confidence in words; empty where there is none.
    pub const fn words(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Low => "low confidence",
            Self::Moderate => "moderate confidence",
            Self::High => "high confidence",
            Self::VeryHigh => "very high confidence",
            Self::Definitive => "settled by histology",
        }
    }
}

impl NextStep {
    /// The next step as a sentence, with its dates where they are known.
    pub fn sentence(self, window: Option<Window>) -> String {
        let weeks = |after: &str| match window {
            Some(window) => format!("between {} and {}", crate::day::text(window.start), crate::day::text(window.end)),
            None => format!("6–8 weeks after {after}"),
        };
        match self {
            Self::ReferMdtRecurrence => "Tumor board, as recurrence.".to_owned(),
            Self::ManageAsNecrosisSurveillance => {
                "Management as radiation necrosis, with continued surveillance.".to_owned()
            }
            Self::ReferPerfusionMri => {
                "Perfusion MRI, by referral where the center has none: referral beats guessing.".to_owned()
            }
            Self::ReferAminoAcidPet => "Amino-acid PET (methionine or FET), by referral where needed.".to_owned(),
            Self::Mri6To8WeeksOrBiopsy => format!(
                "MRI again {}, or tissue. Waiting may delay treatment of a true recurrence; surgery carries its own risk.",
                weeks("this scan")
            ),
            Self::BiopsyPreferred => {
                "Tissue is preferred to waiting: waiting may delay treatment of a true recurrence; surgery carries its own risk."
                    .to_owned()
            }
            Self::ContinueToWindow => {
                format!("MRI {}: stability counts only from then on.", weeks("the index scan"))
            }
            Self::NextRound6To8Weeks => format!("Another round: MRI {}.", weeks("this scan")),
            Self::MdtOrBiopsyAfterMaxRounds => {
                "Tumor board or biopsy: the rounds of follow-up are used up without an answer.".to_owned()
            }
            Self::RepeatAcquisition => "Repeat the acquisition that failed its quality check.".to_owned(),
            Self::DiagnosticWorkup => {
                "Diagnostic work-up: this question lies outside surveillance.".to_owned()
            }
            Self::CoreBiopsyAndTumorBoard => {
                "Image-guided core needle biopsy (16 G or larger, away from necrotic areas) and tumor board, with the extent-of-disease checklist."
                    .to_owned()
            }
            Self::Mri3Months => match window {
                Some(window) => format!("MRI in 3 months, around {}.", window.start),
                None => "MRI 3 months after this scan.".to_owned(),
            },
            Self::NextSurveillanceVisit => "The next visit of the surveillance schedule.".to_owned(),
            Self::FdgPetCt => "FDG-PET/CT for problem solving.".to_owned(),
            Self::MriWithoutAndWithContrast => "MRI without and with contrast.".to_owned(),
            Self::TumorBoard => "Tumor board: repeated studies gave no answer.".to_owned(),
        }
    }
}

/// The verdict in two or three sentences: what was read, what the follow-up did, the rule. The posterior and the
/// test-retest range are fields of their own and stand beside it.
pub(super) fn explanation(record: &LesionRecord, evidence: &Evidence, decision: &Decision) -> String {
    let mut sentences = vec![readings(&evidence.findings)];
    if let Some(followup) = decision.followup {
        sentences.push(followup_sentence(followup));
    }
    if let (Some(rule), Some(class), Some(confidence)) = (decision.rule, decision.class, decision.confidence) {
        sentences.push(rule_sentence(rule, class, confidence));
    }
    if record.histology.is_some() {
        sentences.push("Histology of this lesion overrides imaging.".to_owned());
    }
    sentences.join(" ")
}

/// What each measure reads, such as `Mean rCBV (DSC) is 1.50, in the grey zone 1.0–1.75; …`.
fn readings(findings: &[Finding]) -> String {
    let mut text = findings.iter().map(reading).collect::<Vec<_>>().join("; ");
    if text.is_empty() {
        text.push_str("No measure that could decide was given");
    }
    text.push('.');
    text
}

pub(super) fn reading(finding: &Finding) -> String {
    let name = &finding.name;
    let Some(value) = finding.value else { return format!("{name} is not measured") };
    let number = beside_bounds(value, finding);
    match (finding.pole, finding.low, finding.high) {
        (Pole::High, _, Some(high)) => format!("{name} is {number}, above {high:?}"),
        (Pole::Low, Some(low), _) => format!("{name} is {number}, below {low:?}"),
        (Pole::Grey, Some(low), Some(high)) if low == high => format!("{name} is {number}, at the cut-off {low:?}"),
        (Pole::Grey, Some(low), Some(high)) => format!("{name} is {number}, in the grey zone {low:?}–{high:?}"),
        (Pole::Missing, Some(_), Some(_)) => format!("{name} is {number}, not used (failed its quality check)"),
        _ => format!("{name} is {number}, not used (no cut-off)"),
    }
}

/// A value with as many digits (two at least) as it takes to stand on the right side of its bounds.
pub(super) fn beside_bounds(value: f64, finding: &Finding) -> String {
    let bounds: Vec<f64> = finding.low.into_iter().chain(finding.high).collect();
    on_its_side(value, &bounds, 2)
}

/// A value with `digits` decimals, or as many more as it takes not to be rounded onto or across a bound.
fn on_its_side(value: f64, bounds: &[f64], digits: usize) -> String {
    for digits in digits..=15 {
        let text = format!("{value:.digits$}");
        let shown: f64 = text.parse().unwrap_or(value);
        if bounds.iter().all(|bound| shown.total_cmp(bound) == value.total_cmp(bound)) {
            return text;
        }
    }
    value.to_string()
}

/// A change of the volume and the bound that it is told beside, such as `+39.7 %` and `40 %`: with as many decimals as
/// it takes for the two texts to stand as the numbers do.
pub(super) fn percent_beside(change: f64, bound: f64) -> (String, String) {
    let whole = format!("{bound:.0}");
    let is_whole = whole.parse() == Ok(bound);
    let mut texts = (change.to_string(), bound.to_string());
    for digits in 0..=15 {
        let trial = (format!("{change:+.digits$}"), if is_whole { whole.clone() } else { format!("{bound:.digits$}") });
        let shown = |text: &str| text.parse().unwrap_or(f64::NAN);
        if shown(&trial.0).total_cmp(&shown(&trial.1)) == change.total_cmp(&bound) {
            texts = trial;
            break;
        }
    }
    (format!("{} %", texts.0), format!("{} %", texts.1))
}

fn followup_sentence(followup: Followup) -> String {
    format!("Follow-up round {}: {}.", followup.round, followup_change(followup))
}

/// What the volume did, such as `the volume changed by +60 % in 49 days (growth counts from 40 %): grown`.
pub(super) fn followup_change(Followup { state, against, change, threshold, days, .. }: Followup) -> String {
    let after = days.map_or_else(String::new, |days| format!(" in {days} days"));
    let (change, threshold) = percent_beside(change, threshold);
    let state = match state {
        GrowthState::Grown => "grown",
        GrowthState::Equivocal => "larger, but within the measurement error of a lesion of this size",
        GrowthState::Stable => "stable",
        GrowthState::Smaller => "smaller",
        GrowthState::Resolved => "resolved",
    };
    let since = match against {
        Against::Index => after,
        Against::Nadir => format!(
            " since it was smallest{}",
            days.map_or_else(String::new, |days| format!(", {days} days after the index scan"))
        ),
    };
    format!("the volume changed by {change}{since} (growth counts from {threshold}): {state}")
}

pub(super) fn rule_sentence(rule: Rule, class: Class, confidence: Confidence) -> String {
    let verdict = capitalized(class.words());
    let title = rule.title();
    match confidence {
        Confidence::None => format!("{verdict} by rule {rule}: {title}."),
        _ => format!("{verdict}, {}, by rule {rule}: {title}.", confidence.words()),
    }
}

/// The sentence of a reason, with the numbers of this lesion.
pub(super) fn reason(
    code: ReasonCode,
    record: &LesionRecord,
    evidence: &Evidence,
    decision: &Decision,
    posterior: Option<Posterior>,
    settings: &Settings,
) -> String {
    match code {
        ReasonCode::PspWindow => {
            let weeks = record.weeks_since_rt.unwrap_or(f64::NAN);
            let lower = match decision.rule {
                Some(Rule::F4 | Rule::F6a) => "",
                _ if decision.class == Some(Class::Indeterminate) => "",
                _ => " The confidence is lower for it.",
            };
            format!(
                "{weeks:.0} weeks since radiotherapy: within {:.0} weeks, treatment change often looks like recurrence (pseudoprogression).{lower}",
                settings.psp_window_weeks
            )
        }
        ReasonCode::PerfDiscordant => {
            let methods: Vec<_> = evidence
                .findings
                .iter()
                .filter(|finding| matches!(finding.pole, Pole::High | Pole::Low) && !is_uptake(finding))
                .map(reading)
                .collect();
            format!("{}: perfusion methods contradict each other and count as grey.", methods.join("; "))
        }
        ReasonCode::OutOfWindow => {
            let days = decision.followup.and_then(|followup| followup.days).unwrap_or(f64::NAN);
            format!(
                "The follow-up came on day {days}, later than day {}; it counts all the same.",
                settings.followup.window_end_days
            )
        }
        ReasonCode::PosteriorDiffers => match posterior {
            Some(Posterior { low, high, before_followup: true, .. }) => {
                format!(
                    "Imaging and symptoms alone gave {low:.2}–{high:.2} before the follow-up; the follow-up decides."
                )
            }
            Some(Posterior { low, high, .. }) => {
                format!(
                    "The estimated probability ({low:.2}–{high:.2}) does not speak for the verdict; the rule decides."
                )
            }
            None => code.meaning().to_owned(),
        },
        ReasonCode::MaxRounds => {
            format!("Round {} of follow-up is reached without an answer.", settings.followup.max_rounds)
        }
        _ => code.meaning().to_owned(),
    }
}

pub(super) fn is_uptake(finding: &Finding) -> bool {
    finding.column.starts_with("tbr") || finding.column.starts_with("suv")
}

/// What moving one measure would do, such as `Mean rCBV (DSC) above 1.75 (now 1.50) would make it recurrence.`
pub(super) fn change(condition: &str, now: Option<String>, verdict: Class) -> String {
    let now = now.map_or_else(String::new, |now| format!(" (now {now})"));
    format!("{}{now} would make it {}.", capitalized(condition), verdict.words())
}

/// The nearest BT-RADS wording (btrads.com; crosswalk of EVIDENCE 3.3). The reader assigns.
///
/// METHOD: the categories score a scan against an earlier one; without a comparison there is none to be near.
pub(super) fn bt_rads(decision: &Decision) -> Option<&'static str> {
    let shrank = matches!(decision.followup?.state, GrowthState::Smaller | GrowthState::Resolved);
    match (decision.class?, decision.confidence?) {
        (Class::Indeterminate, _) if decision.rule == Some(Rule::F5) && shrank => {
            Some("nearest to BT-RADS 1b: improvement that may be a medication effect")
        }
        (Class::Indeterminate, _) => Some("nearest to BT-RADS 3b: worsening, indeterminate"),
        (Class::RadiationNecrosis, _) => Some("nearest to BT-RADS 3a: worsening, treatment effect favored"),
        (Class::Recurrence, Confidence::None | Confidence::Low | Confidence::Moderate) => {
            Some("nearest to BT-RADS 3c: worsening, progression favored")
        }
        (Class::Recurrence, Confidence::High | Confidence::VeryHigh | Confidence::Definitive) => {
            Some("nearest to BT-RADS 4: highly suspicious for progression")
        }
        (Class::SuspectedRecurrence | Class::Stable, _) => None,
    }
}

pub(super) fn capitalized(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map_or_else(String::new, |first| first.to_uppercase().chain(characters).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bt_rads_needs_a_comparison() {
        let rules: Settings = crate::settings::default_section("verdict");
        let mut record = LesionRecord {
            pathway: Some(crate::clinical::Pathway::Glioma),
            rcbv_mean: Some(0.5),
            volume_ml: Some(10.0),
            ..Default::default()
        };
        let of = |record: &LesionRecord| crate::verdict::judge(record, &rules).bt_rads;
        assert_eq!(of(&record), None, "a single scan has not worsened");
        (record.followup_change_percent, record.followup_days) = (Some(60.0), Some(49.0));
        assert!(of(&record).is_some_and(|words| words.contains("BT-RADS 3c")), "F7b, low confidence");
    }

    #[test]
    fn a_value_just_above_its_cutoff_does_not_print_as_the_cutoff() {
        let finding = |value| Finding {
            column: "rcbv_mean",
            name: "Mean rCBV (DSC)".to_owned(),
            value: Some(value),
            low: Some(1.0),
            high: Some(1.75),
            pole: Pole::High,
        };
        assert_eq!(reading(&finding(1.7504)), "Mean rCBV (DSC) is 1.7504, above 1.75");
        assert_eq!(reading(&finding(2.8)), "Mean rCBV (DSC) is 2.80, above 1.75");
        assert_eq!(beside_bounds(1.75, &finding(1.75)), "1.75");
        assert_eq!(beside_bounds(0.999, &finding(0.999)), "0.999");
    }

    #[test]
    fn a_change_just_below_the_growth_that_counts_does_not_print_as_it() {
        let beside = |change, bound| percent_beside(change, bound);
        assert_eq!(beside(39.7, 40.0), ("+39.7 %".to_owned(), "40 %".to_owned()));
        assert_eq!(beside(60.0, 40.0), ("+60 %".to_owned(), "40 %".to_owned()));
        assert_eq!(beside(40.0, 40.0), ("+40 %".to_owned(), "40 %".to_owned()));
        assert_eq!(beside(-30.2, 40.0), ("-30 %".to_owned(), "40 %".to_owned()));
        assert_eq!(beside(68.65, 68.72), ("+68.65 %".to_owned(), "68.72 %".to_owned()));
    }
}
