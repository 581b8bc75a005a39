//! The glioma and metastasis pathway: histology, follow-up, the imaging table, then what modifies it.
//!
//! Order of precedence: histology overrides all; a measure that failed its quality check is missing; a follow-up
//! decides on the class of the imaging table; the table decides otherwise; symptoms, the pseudoprogression window and
//! therapy change confidence and next step, never the class (except the strict setting, which withholds one).

use crate::clinical::{Histology, Margins, NewEnhancement, Pathway, RtField, SteroidChange, Symptoms, YesNo};
use crate::lesion::LesionRecord;

use super::evidence::{Evidence, Failed};
use super::growth::{Followup, GrowthState};
use super::rules::{ReasonCode, Rule};
use super::{Class, Confidence, NextStep, Pole, Settings};

/// What a rule decides, before words.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Decision {
    pub class: Option<Class>,
    pub confidence: Option<Confidence>,
    pub rule: Option<Rule>,
    pub derived: bool,
    pub next_steps: Vec<NextStep>,
    pub reasons: Vec<ReasonCode>,
    /// The follow-up that was judged.
    pub followup: Option<Followup>,
}

impl Decision {
    pub fn new(rule: Rule, class: Class, confidence: Confidence, next_step: NextStep) -> Self {
        Self {
            class: Some(class),
            confidence: Some(confidence),
            rule: Some(rule),
            derived: rule.derived(),
            next_steps: vec![next_step],
            reasons: Vec::new(),
            followup: None,
        }
    }

    /// No pathway, no verdict.
    pub fn none() -> Self {
        Self {
            class: None,
            confidence: None,
            rule: None,
            derived: false,
            next_steps: Vec::new(),
            reasons: Vec::new(),
            followup: None,
        }
    }

    /// A rule that gives no verdict but a next step.
    pub fn outside(rule: Rule, next_step: NextStep) -> Self {
        Self { rule: Some(rule), derived: rule.derived(), next_steps: vec![next_step], ..Self::none() }
    }

    pub fn because(mut self, reason: ReasonCode) -> Self {
        self.reasons.push(reason);
        self
    }
}

/// Decides by the glioma tables.
pub(super) fn decide(record: &LesionRecord, evidence: &Evidence, settings: &Settings) -> Decision {
    let followup = Followup::read(record, settings);
    let mut decision = if let Some(histology) = record.histology {
        by_histology(histology)
    } else if let Some(followup) = followup {
        by_followup(record, evidence, followup, settings)
    } else {
        by_imaging(record, evidence, settings)
    };
    let mut reasons = what_was_not_used(evidence);
    if record.pathway == Some(Pathway::Metastasis) && record.histology.is_none() {
        reasons.push(ReasonCode::GliomaTable);
    }
    if record.histology.is_none() {
        let told = |value: Option<f64>| value.is_some_and(|value| value > 0.0);
        if followup.is_none() && (told(record.followup_days) || told(record.followup_round)) {
            reasons.push(ReasonCode::FollowupIncomplete);
        }
        if evidence.discordant {
            decision.derived = true;
            reasons.push(ReasonCode::PerfDiscordant);
        }
        if evidence.perfusion == Pole::Missing {
            reasons.push(ReasonCode::PerfusionMissing);
        }
        if evidence.pet == Pole::Missing {
            reasons.push(ReasonCode::PetMissing);
        }
        if near_a_cutoff(evidence, settings) {
            reasons.push(ReasonCode::NearCutoff);
        }
    }
    reasons.append(&mut decision.reasons);
    decision.reasons = reasons;
    decision
}

fn what_was_not_used(evidence: &Evidence) -> Vec<ReasonCode> {
    let reason = |failed: &Failed| match failed {
        Failed::Dsc => ReasonCode::DscFailed,
        Failed::Dce => ReasonCode::DceFailed,
        Failed::Asl => ReasonCode::AslFailed,
        Failed::Pet => ReasonCode::PetFailed,
    };
    evidence.failed.iter().map(reason).collect()
}

/// Whether the deciding rCBV lies within one test-retest standard deviation of a cut-off.
fn near_a_cutoff(evidence: &Evidence, settings: &Settings) -> bool {
    evidence.findings.iter().any(|finding| {
        let Some(value) = finding.value.filter(|_| finding.pole != Pole::Missing) else { return false };
        let deviation = settings.rcbv_wcv * value.abs();
        finding.column.starts_with("rcbv")
            && [finding.low, finding.high].into_iter().flatten().any(|bound| (value - bound).abs() < deviation)
    })
}

fn by_histology(histology: Histology) -> Decision {
    use Confidence::Definitive;
    match histology {
        Histology::Tumor => Decision::new(Rule::H1, Class::Recurrence, Definitive, NextStep::ReferMdtRecurrence),
        Histology::Necrosis => {
            Decision::new(Rule::H2, Class::RadiationNecrosis, Definitive, NextStep::ManageAsNecrosisSurveillance)
                .because(ReasonCode::SamplingError)
        }
        Histology::Mixed => Decision::new(Rule::H3, Class::Recurrence, Definitive, NextStep::ReferMdtRecurrence),
    }
}

/// The imaging table (EVIDENCE 4.4): rule, class and confidence of perfusion against PET.
pub(super) fn imaging_table(perfusion: Pole, pet: Pole) -> (Rule, Class, Confidence) {
    use Class::{Indeterminate, RadiationNecrosis, Recurrence};
    use Pole::{Grey, High, Low, Missing};
    match (perfusion, pet) {
        (High, High) => (Rule::B1, Recurrence, Confidence::High),
        (High, Grey) => (Rule::B2, Recurrence, Confidence::Moderate),
        (High, Missing) => (Rule::B3, Recurrence, Confidence::Moderate),
        (High, Low) => (Rule::B4, Indeterminate, Confidence::None),
        (Grey, High) => (Rule::B5, Recurrence, Confidence::Moderate),
        (Grey, Grey) => (Rule::B6, Indeterminate, Confidence::None),
        (Grey, Low) => (Rule::B7, RadiationNecrosis, Confidence::Moderate),
        (Low, High) => (Rule::B8, Indeterminate, Confidence::None),
        (Low, Grey) => (Rule::B9, RadiationNecrosis, Confidence::Moderate),
        (Low, Low) => (Rule::B10, RadiationNecrosis, Confidence::High),
        (Low, Missing) => (Rule::B11, RadiationNecrosis, Confidence::Moderate),
        (Grey, Missing) => (Rule::B12, Indeterminate, Confidence::None),
        (Missing, High) => (Rule::B13, Recurrence, Confidence::Moderate),
        (Missing, Grey) => (Rule::B14, Indeterminate, Confidence::None),
        (Missing, Low) => (Rule::B15, RadiationNecrosis, Confidence::Moderate),
        (Missing, Missing) => (Rule::B16, Indeterminate, Confidence::None),
    }
}

fn by_imaging(record: &LesionRecord, evidence: &Evidence, settings: &Settings) -> Decision {
    let (rule, class, confidence) = imaging_table(evidence.perfusion, evidence.pet);
    let mut decision = match class {
        Class::Recurrence => imaging_recurrence(rule, confidence, record, evidence, settings),
        Class::RadiationNecrosis => imaging_necrosis(rule, confidence, record, evidence),
        _ => imaging_indeterminate(rule, record, evidence),
    };
    // METHOD: the ASL cut-offs are borrowed from rCBV, so ASL alone never carries more than low confidence.
    if evidence.asl_alone() && decision.class != Some(Class::Indeterminate) {
        decision.confidence = Some(Confidence::Low);
        decision.next_steps = vec![NextStep::ReferAminoAcidPet];
        decision.derived = true;
        decision.reasons.push(ReasonCode::AslAlone);
    }
    if evidence.conflict() {
        decision.reasons.push(ReasonCode::MeasuresConflict);
    }
    if record.symptoms == Some(Symptoms::NewWithSevereOedema) {
        decision.reasons.push(ReasonCode::SymptomsOedema);
    }
    decision
}

fn imaging_recurrence(
    rule: Rule,
    table: Confidence,
    record: &LesionRecord,
    evidence: &Evidence,
    settings: &Settings,
) -> Decision {
    let inside = in_pseudoprogression_window(record, settings);
    if inside && settings.strict_rano {
        let mut decision = imaging_indeterminate(rule, record, evidence)
            .because(ReasonCode::PspWindow)
            .because(ReasonCode::StrictRano);
        decision.derived = true;
        return decision;
    }
    let mut decision = Decision::new(rule, Class::Recurrence, table, NextStep::ReferMdtRecurrence);
    let mut confidence = table;
    if record.symptoms == Some(Symptoms::New) {
        decision.reasons.push(ReasonCode::SymptomsSupport);
        confidence = if evidence.perfusion != Pole::High {
            Confidence::High
        } else if record.new_enhancement == Some(NewEnhancement::No) {
            decision.reasons.push(ReasonCode::NewEnhancementDenied);
            Confidence::High
        } else {
            Confidence::VeryHigh
        };
    }
    if inside {
        confidence = one_level_lower(confidence);
        decision.derived = true;
        decision.reasons.push(ReasonCode::PspWindow);
    }
    decision.confidence = Some(confidence);
    decision
}

fn imaging_necrosis(rule: Rule, table: Confidence, record: &LesionRecord, evidence: &Evidence) -> Decision {
    let mut decision = Decision::new(rule, Class::RadiationNecrosis, table, NextStep::ManageAsNecrosisSurveillance);
    if record.symptoms == Some(Symptoms::New) && !evidence.both(Pole::Low) {
        decision.confidence = Some(Confidence::Low);
        decision.next_steps = vec![if evidence.pet == Pole::Missing {
            NextStep::ReferAminoAcidPet
        } else if evidence.perfusion == Pole::Missing {
            NextStep::ReferPerfusionMri
        } else {
            NextStep::Mri6To8WeeksOrBiopsy
        }];
        decision.reasons.push(ReasonCode::SymptomsDoubt);
    }
    if record.antiangiogenic == Some(YesNo::Yes) {
        decision.confidence = Some(Confidence::Low);
        decision.reasons.push(ReasonCode::Antiangiogenic);
    }
    decision
}

fn imaging_indeterminate(rule: Rule, record: &LesionRecord, evidence: &Evidence) -> Decision {
    let no_perfusion = evidence.perfusion == Pole::Missing;
    let no_pet = evidence.pet == Pole::Missing;
    let step = if no_perfusion && no_pet && !evidence.failed.is_empty() {
        NextStep::RepeatAcquisition
    } else if no_perfusion {
        NextStep::ReferPerfusionMri
    } else if no_pet && evidence.failed(Failed::Pet) {
        NextStep::RepeatAcquisition
    } else if no_pet {
        NextStep::ReferAminoAcidPet
    } else if record.symptoms == Some(Symptoms::New) {
        NextStep::BiopsyPreferred
    } else {
        NextStep::Mri6To8WeeksOrBiopsy
    };
    let mut decision = Decision::new(rule, Class::Indeterminate, Confidence::None, step);
    if record.margins == Some(Margins::Indeterminate) && no_pet && step != NextStep::ReferAminoAcidPet {
        decision.next_steps.push(NextStep::ReferAminoAcidPet);
        decision.reasons.push(ReasonCode::MarginsIndeterminate);
    }
    decision
}

fn by_followup(record: &LesionRecord, evidence: &Evidence, followup: Followup, settings: &Settings) -> Decision {
    let mut decision = followup_rule(record, evidence, followup, settings);
    decision.followup = Some(followup);
    if decision.class != Some(Class::Recurrence) || !in_pseudoprogression_window(record, settings) {
        return decision;
    }
    decision.derived = true;
    decision.reasons.push(ReasonCode::PspWindow);
    if settings.strict_rano {
        // METHOD: EVIDENCE 4.6b gives the strict setting for imaging alone and 4.5 for recurrence calls in general;
        // a recurrence by growth inside the window therefore waits for another round as well.
        if decision.rule != Some(Rule::F4) {
            decision.next_steps = vec![next_round(followup, settings)];
        }
        decision.class = Some(Class::Indeterminate);
        decision.confidence = Some(Confidence::None);
        decision.reasons.push(ReasonCode::StrictRano);
    } else if followup.state == GrowthState::Grown {
        decision.confidence = Some(Confidence::Low);
    }
    decision
}

/// Rules F1 to F7b, in the order of EVIDENCE 4.6b; symptoms have no say here.
fn followup_rule(record: &LesionRecord, evidence: &Evidence, followup: Followup, settings: &Settings) -> Decision {
    use Confidence::{High, Low, Moderate};
    let (_, class, table) = imaging_table(evidence.perfusion, evidence.pet);
    let confounded = record.steroid_change == Some(SteroidChange::Up) || record.antiangiogenic == Some(YesNo::Yes);
    let recurrence =
        |rule, confidence| Decision::new(rule, Class::Recurrence, confidence, NextStep::ReferMdtRecurrence);
    let indeterminate = |rule, step| Decision::new(rule, Class::Indeterminate, Confidence::None, step);

    match followup.state {
        GrowthState::Grown => {
            return match class {
                Class::Recurrence => recurrence(Rule::F1c, High),
                Class::RadiationNecrosis if evidence.both(Pole::Low) => {
                    indeterminate(Rule::F7a, NextStep::BiopsyPreferred)
                }
                Class::RadiationNecrosis => recurrence(Rule::F7b, Low),
                _ => recurrence(Rule::F1, Moderate),
            };
        }
        GrowthState::Equivocal => return another_round(Rule::F3, followup, settings),
        GrowthState::Stable | GrowthState::Smaller | GrowthState::Resolved => {}
    }
    if evidence.both(Pole::High) {
        let decision = recurrence(Rule::F6a, High);
        return if confounded { decision.because(ReasonCode::Confounded) } else { decision };
    }
    if confounded {
        return another_round(Rule::F5, followup, settings).because(ReasonCode::Confounded);
    }
    if followup.before_window(settings) {
        let mut decision = Decision::new(Rule::F4, class, table, NextStep::ContinueToWindow);
        // METHOD: ASL alone stays at low confidence here too, as it would without a follow-up.
        if evidence.asl_alone() {
            decision.confidence = Some(Low);
            decision.derived = true;
            decision.reasons.push(ReasonCode::AslAlone);
        }
        return decision;
    }
    let decision = match class {
        Class::Recurrence => {
            return indeterminate(
                Rule::F6b,
                if evidence.pet == Pole::Missing {
                    NextStep::ReferAminoAcidPet
                } else if evidence.perfusion == Pole::Missing {
                    NextStep::ReferPerfusionMri
                } else {
                    NextStep::BiopsyPreferred
                },
            );
        }
        Class::RadiationNecrosis => {
            Decision::new(Rule::F2c, Class::RadiationNecrosis, High, NextStep::ManageAsNecrosisSurveillance)
        }
        _ => Decision::new(Rule::F2, Class::RadiationNecrosis, Moderate, NextStep::ManageAsNecrosisSurveillance),
    };
    if followup.after_window(settings) { decision.because(ReasonCode::OutOfWindow) } else { decision }
}

fn another_round(rule: Rule, followup: Followup, settings: &Settings) -> Decision {
    let step = next_round(followup, settings);
    let mut decision = Decision::new(rule, Class::Indeterminate, Confidence::None, step);
    if step == NextStep::MdtOrBiopsyAfterMaxRounds {
        decision.reasons.push(ReasonCode::MaxRounds);
    }
    decision
}

fn next_round(followup: Followup, settings: &Settings) -> NextStep {
    if followup.round >= f64::from(settings.followup.max_rounds) {
        NextStep::MdtOrBiopsyAfterMaxRounds
    } else {
        NextStep::NextRound6To8Weeks
    }
}

/// Within 12 weeks of radiotherapy, unless the lesion lies outside the field; a missing date is not inside.
fn in_pseudoprogression_window(record: &LesionRecord, settings: &Settings) -> bool {
    record.weeks_since_rt.is_some_and(|weeks| weeks.is_finite() && weeks < settings.psp_window_weeks)
        && record.rt_field != Some(RtField::Outside)
}

fn one_level_lower(confidence: Confidence) -> Confidence {
    match confidence {
        Confidence::Definitive => Confidence::VeryHigh,
        Confidence::VeryHigh => Confidence::High,
        Confidence::High => Confidence::Moderate,
        Confidence::Moderate | Confidence::Low => Confidence::Low,
        Confidence::None => Confidence::None,
    }
}
