//! One lesion's row to its verdict.

use jiff::ToSpan;
use jiff::civil::Date;

use crate::clinical::Pathway;
use crate::lesion::LesionRecord;
use crate::quality::{Caveat, CaveatCode};

use super::decide::{Decision, decide};
use super::evidence::Evidence;
use super::posterior::posterior;
use super::rules::{ReasonCode, Rule};
use super::sarcoma::{self, Features};
use super::sensitivity::what_would_change;
use super::words;
use super::{Agreement, Finding, NextStep, Pole, Posterior, Reason, Settings, Verdict, Window};

/// Judges one lesion by its pathway.
///
/// Pure: the same row and settings give the same verdict, so any verdict can be replayed from `lesions.tsv`. A row
/// without a pathway gets no verdict, with words that say so.
pub fn judge(record: &LesionRecord, settings: &Settings) -> Verdict {
    match record.pathway {
        Some(Pathway::Glioma | Pathway::Metastasis) => judge_brain(record, settings),
        Some(Pathway::Sarcoma) => judge_sarcoma(record, settings),
        None => not_judged(
            record,
            CaveatCode::PathwayUnknown,
            "The lesion is measured and not judged: the disease pathway (glioma, metastasis or sarcoma) is not known.",
            settings,
        ),
    }
}

fn judge_brain(record: &LesionRecord, settings: &Settings) -> Verdict {
    let evidence = Evidence::read(record, settings);
    let mut decision = decide(record, &evidence, settings);
    let posterior = match decision.class {
        Some(class) if record.histology.is_none() => {
            let before_followup = decision.followup.is_some();
            let (posterior, differs) = posterior(record, &evidence, class, before_followup, settings);
            if differs {
                decision.reasons.push(ReasonCode::PosteriorDiffers);
            }
            Some(posterior)
        }
        _ => None,
    };
    Verdict {
        posterior,
        agreement: Some(agreement(&evidence.findings)),
        explanation: words::explanation(record, &evidence, &decision),
        what_would_change: what_would_change(record, &evidence, &decision, settings),
        bt_rads: words::bt_rads(&decision),
        ..assembled(record, evidence, decision, posterior, settings)
    }
}

fn judge_sarcoma(record: &LesionRecord, settings: &Settings) -> Verdict {
    let mut features = Features::read(record, settings);
    let (decision, caveats) = sarcoma::decide(record, &features);
    features.evidence.caveats.extend(caveats);
    let mut explanation = features.sentence(record);
    explanation.push(' ');
    explanation.push_str(&match (decision.rule, decision.class, decision.confidence) {
        (Some(rule), Some(class), Some(confidence)) => words::rule_sentence(rule, class, confidence),
        (rule, ..) => rule.map_or_else(String::new, |rule| format!("No verdict, by rule {rule}: {}", rule.text())),
    });
    Verdict {
        agreement: Some(features.agreement()),
        explanation,
        what_would_change: sarcoma::what_would_change(record, &features, &decision, settings),
        ..assembled(record, features.evidence, decision, None, settings)
    }
}

/// What every pathway fills alike.
fn assembled(
    record: &LesionRecord,
    evidence: Evidence,
    decision: Decision,
    posterior: Option<Posterior>,
    settings: &Settings,
) -> Verdict {
    let reason = |&code: &ReasonCode| Reason {
        code: code.as_str().to_owned(),
        text: words::reason(code, record, &evidence, &decision, posterior, settings),
    };
    Verdict {
        class: decision.class,
        confidence: decision.confidence,
        rule: decision.rule.map(Rule::as_str),
        derived: decision.derived,
        posterior: None,
        agreement: None,
        stability: None,
        window: decision.next_steps.iter().find_map(|step| window(*step, record, settings)),
        reasons: decision.reasons.iter().map(reason).collect(),
        explanation: String::new(),
        what_would_change: Vec::new(),
        bt_rads: None,
        next_steps: decision.next_steps,
        findings: evidence.findings,
        caveats: evidence.caveats,
    }
}

fn not_judged(record: &LesionRecord, code: CaveatCode, explanation: &str, settings: &Settings) -> Verdict {
    let mut evidence = Evidence::none(record);
    evidence.caveats = vec![Caveat::new(code, "")];
    Verdict { explanation: explanation.to_owned(), ..assembled(record, evidence, Decision::none(), None, settings) }
}

fn agreement(findings: &[Finding]) -> Agreement {
    let count = |pole| findings.iter().filter(|finding| finding.pole == pole).count();
    Agreement { high: count(Pole::High), grey: count(Pole::Grey), low: count(Pole::Low) }
}

/// When a step is due, where the scan date is known: 6-8 weeks after this scan, or after the index scan when the
/// window has not opened yet.
fn window(step: NextStep, record: &LesionRecord, settings: &Settings) -> Option<Window> {
    let scan = record.scan_date?;
    let weeks_after = |index: Date| {
        let followup = &settings.followup;
        Some(Window {
            start: index.checked_add(i64::from(followup.window_start_days).days()).ok()?,
            end: index.checked_add(i64::from(followup.window_end_days).days()).ok()?,
        })
    };
    match step {
        NextStep::Mri6To8WeeksOrBiopsy | NextStep::NextRound6To8Weeks => weeks_after(scan),
        NextStep::ContinueToWindow => {
            let days = record.followup_days.filter(|days| days.is_finite() && days.abs() < 1e5)?;
            weeks_after(scan.checked_sub((days.floor() as i64).days()).ok()?)
        }
        NextStep::Mri3Months => {
            let due = scan.checked_add(3.months()).ok()?;
            Some(Window { start: due, end: due })
        }
        NextStep::ReferMdtRecurrence
        | NextStep::ManageAsNecrosisSurveillance
        | NextStep::ReferPerfusionMri
        | NextStep::ReferAminoAcidPet
        | NextStep::BiopsyPreferred
        | NextStep::MdtOrBiopsyAfterMaxRounds
        | NextStep::RepeatAcquisition
        | NextStep::DiagnosticWorkup
        | NextStep::CoreBiopsyAndTumorBoard
        | NextStep::NextSurveillanceVisit
        | NextStep::FdgPetCt
        | NextStep::MriWithoutAndWithContrast
        | NextStep::TumorBoard => None,
    }
}
