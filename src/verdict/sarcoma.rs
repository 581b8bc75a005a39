//! The sarcoma pathway: surveillance of a treated soft-tissue or retroperitoneal sarcoma (S0, S1, S3; EVIDENCE 4.8).
//!
//! Two features are asked to agree: change against the earlier scan, and enhancement. FDG settles what they leave
//! open, where the settings give it a cut-off; none is built in.

use crate::clinical::{Histology, NewEnhancement, SarcomaGrade, Scenario, Symptoms, Tracer};
use crate::lesion::LesionRecord;
use crate::quality::{Caveat, CaveatCode, Quality};

use super::decide::Decision;
use super::evidence::{Evidence, Failed};
use super::growth::{Followup, GrowthState};
use super::rules::{ReasonCode, Rule};
use super::words;
use super::{Agreement, Change, Class, Confidence, NextStep, Pole, Settings};

/// Change of the mass against the earlier scan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mass {
    NewOrGrown,
    /// Larger, within the measurement error.
    Equivocal,
    StableOrSmaller,
    Unknown,
}

/// Enhancement over time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Enhancement {
    Avid,
    Weak,
    Unknown,
}

/// What was read of one lesion.
#[derive(Debug, Clone)]
pub(super) struct Features {
    mass: Mass,
    enhancement: Enhancement,
    followup: Option<Followup>,
    /// FDG, where its cut-offs are set.
    pub evidence: Evidence,
}

impl Features {
    pub fn read(record: &LesionRecord, settings: &Settings) -> Self {
        let followup = Followup::read(record, settings);
        let evidence = if record.tracer == Some(Tracer::Fdg) {
            Evidence::read_pet_only(record, settings)
        } else {
            Evidence::none(record)
        };
        Self { mass: mass(record, followup), enhancement: enhancement(record), followup, evidence }
    }

    /// How many features speak for recurrence, for neither and against it.
    pub fn agreement(&self) -> Agreement {
        let mass = match self.mass {
            Mass::NewOrGrown => Pole::High,
            Mass::Equivocal => Pole::Grey,
            Mass::StableOrSmaller => Pole::Low,
            Mass::Unknown => Pole::Missing,
        };
        let enhancement = match self.enhancement {
            Enhancement::Avid => Pole::High,
            Enhancement::Weak => Pole::Low,
            Enhancement::Unknown => Pole::Missing,
        };
        let poles = [mass, enhancement, self.evidence.pet];
        let count = |pole| poles.iter().filter(|found| **found == pole).count();
        Agreement { high: count(Pole::High), grey: count(Pole::Grey), low: count(Pole::Low) }
    }

    /// What each feature reads, in one sentence.
    pub fn sentence(&self, record: &LesionRecord) -> String {
        let mass = match (self.followup, self.mass) {
            (Some(followup), _) => words::followup_change(followup),
            (None, Mass::NewOrGrown) => "the enhancement is new or larger".to_owned(),
            (None, Mass::StableOrSmaller) => "the enhancement is known and unchanged".to_owned(),
            (None, Mass::Equivocal | Mass::Unknown) => "there is no earlier scan to compare with".to_owned(),
        };
        let curve = record.curve_type.as_deref().unwrap_or("no curve");
        let enhancement = match self.enhancement {
            Enhancement::Avid => format!("it enhances avidly ({curve})"),
            Enhancement::Weak => format!("it enhances weakly ({curve})"),
            Enhancement::Unknown => "how it enhances is not known".to_owned(),
        };
        let fdg = self.evidence.findings.iter().map(words::reading).collect::<Vec<_>>().join("; ");
        let fdg = if fdg.is_empty() { fdg } else { format!("; {fdg}") };
        format!("{}; {enhancement}{fdg}.", words::capitalized(&mass))
    }
}

/// METHOD: growth by the volume counts first; without it, the reader's word on new enhancement does. A lesion called
/// new although its volume did not grow is taken as new: the suspicious reading wins.
fn mass(record: &LesionRecord, followup: Option<Followup>) -> Mass {
    if record.new_enhancement == Some(NewEnhancement::Yes) {
        return Mass::NewOrGrown;
    }
    match followup.map(|followup| followup.state) {
        Some(GrowthState::Grown) => Mass::NewOrGrown,
        Some(GrowthState::Equivocal) => Mass::Equivocal,
        Some(GrowthState::Stable | GrowthState::Smaller | GrowthState::Resolved) => Mass::StableOrSmaller,
        None if record.new_enhancement == Some(NewEnhancement::No) => Mass::StableOrSmaller,
        None => Mass::Unknown,
    }
}

/// Avid where the curve is a plateau or washes out, weak where it keeps rising (A07).
fn enhancement(record: &LesionRecord) -> Enhancement {
    if record.dce_quality == Some(Quality::Fail) {
        return Enhancement::Unknown;
    }
    let word = record.curve_type.as_deref().unwrap_or("");
    match word.to_ascii_lowercase().replace(['-', '_', ' '], "").as_str() {
        "plateau" | "washout" => Enhancement::Avid,
        "persistent" => Enhancement::Weak,
        _ => Enhancement::Unknown,
    }
}

/// Rules T0-T8 and H1-H3, with the caveats that they carry.
pub(super) fn decide(record: &LesionRecord, features: &Features) -> (Decision, Vec<Caveat>) {
    use Confidence::{Definitive, High, Low, Moderate};
    let suspected = |rule, confidence| {
        Decision::new(rule, Class::SuspectedRecurrence, confidence, NextStep::CoreBiopsyAndTumorBoard)
    };
    let stable = |rule, confidence, step| Decision::new(rule, Class::Stable, confidence, step);
    match record.histology {
        Some(Histology::Tumor) => return (suspected(Rule::H1, Definitive), Vec::new()),
        Some(Histology::Mixed) => return (suspected(Rule::H3, Definitive), Vec::new()),
        Some(Histology::Necrosis) => {
            let decision = stable(Rule::H2, Definitive, NextStep::NextSurveillanceVisit);
            return (decision.because(ReasonCode::SamplingError), Vec::new());
        }
        None => {}
    }
    // METHOD: new symptoms at the site leave the surveillance scenario (S0); within it, symptoms have no say.
    // Neither is the first staging, a primary tumor of bone or a question of distant disease within it.
    let elsewhere = match record.scenario {
        Some(Scenario::InitialStaging | Scenario::PrimaryBone | Scenario::DistantDisease) => true,
        Some(Scenario::Surveillance) | None => false,
    };
    if elsewhere || record.symptoms == Some(Symptoms::New) {
        return (Decision::outside(Rule::T0, NextStep::DiagnosticWorkup), Vec::new());
    }

    let mut caveats = Vec::new();
    if features.mass == Mass::Unknown {
        caveats.push(Caveat::new(CaveatCode::BaselineMissing, ""));
    }
    let single_feature = || Caveat::new(CaveatCode::SingleFeature, "enhancement is not known");
    let (rule, high, low, step) = match (features.mass, features.enhancement) {
        (Mass::NewOrGrown, Enhancement::Avid) => return (suspected(Rule::T1, High), caveats),
        (Mass::NewOrGrown, Enhancement::Unknown) => {
            caveats.push(single_feature());
            return (suspected(Rule::T2, Moderate), caveats);
        }
        (Mass::StableOrSmaller, Enhancement::Weak) => {
            return (stable(Rule::T4, High, NextStep::NextSurveillanceVisit), caveats);
        }
        (Mass::StableOrSmaller, Enhancement::Unknown) => {
            caveats.push(single_feature());
            return (stable(Rule::T5, Moderate, NextStep::NextSurveillanceVisit), caveats);
        }
        // METHOD: growth within the measurement error is neither grown nor stable; it stays open, beside the feature
        // that it goes with.
        (Mass::NewOrGrown, Enhancement::Weak) | (Mass::Equivocal, Enhancement::Weak | Enhancement::Unknown) => {
            (Rule::T3, Rule::T3p, Rule::T3n, NextStep::Mri3Months)
        }
        (Mass::StableOrSmaller | Mass::Equivocal, Enhancement::Avid) => {
            // METHOD: a high grade raises suspicion (S0), so FDG-PET/CT comes next where it is not yet there. New
            // symptoms, the other ground, have left the scenario above.
            let high_grade = SarcomaGrade::of(record.grade.as_deref()) == Some(SarcomaGrade::High);
            let step = match features.evidence.pet {
                Pole::Missing if high_grade => NextStep::FdgPetCt,
                _ => NextStep::Mri3Months,
            };
            (Rule::T6, Rule::T6p, Rule::T6n, step)
        }
        (Mass::Unknown, Enhancement::Avid) => (Rule::T7, Rule::T7p, Rule::T7n, NextStep::CoreBiopsyAndTumorBoard),
        (Mass::Unknown, Enhancement::Weak | Enhancement::Unknown) => {
            (Rule::T8, Rule::T8p, Rule::T8n, NextStep::MriWithoutAndWithContrast)
        }
    };
    let mut decision = match features.evidence.pet {
        Pole::High => suspected(high, Moderate).because(ReasonCode::FdgDecides),
        Pole::Low => stable(low, Low, NextStep::Mri3Months).because(ReasonCode::FdgDecides),
        Pole::Grey | Pole::Missing => Decision::new(rule, Class::Indeterminate, Confidence::None, step),
    };
    if features.mass == Mass::Equivocal {
        decision = decision.because(ReasonCode::EquivocalGrowth);
    }
    if features.evidence.failed(Failed::Pet) {
        decision = decision.because(ReasonCode::PetFailed);
    }
    // METHOD: the round counts the studies of an open question, so round 2 is the second consecutive indeterminate one.
    let round = record.followup_round.filter(|round| round.is_finite()).unwrap_or(1.0);
    if decision.class == Some(Class::Indeterminate) && round >= 2.0 {
        decision.next_steps = vec![NextStep::TumorBoard];
        decision = decision.because(ReasonCode::RepeatedlyIndeterminate);
    }
    (decision, caveats)
}

/// What another change, another curve or an FDG-PET would make of it, by judging again.
pub(super) fn what_would_change(
    record: &LesionRecord,
    features: &Features,
    decision: &Decision,
    settings: &Settings,
) -> Vec<Change> {
    let Some(class) = decision.class else { return Vec::new() };
    let grown = features.followup.map_or(settings.followup.growth_percent, |followup| followup.threshold);
    let equivocal = settings.followup.equivocal_percent;
    let change = |percent: f64| LesionRecord {
        followup_change_percent: Some(percent),
        nadir_change_percent: None,
        new_enhancement: None,
        ..record.clone()
    };
    let curve = |word: &str| LesionRecord { curve_type: Some(word.to_owned()), dce_quality: None, ..record.clone() };
    let now = record.followup_change_percent;
    let mut trials = vec![
        ("followup_change_percent", now, Some(grown), format!("growth of at least {grown:.0} %"), change(grown)),
        (
            "followup_change_percent",
            now,
            Some(equivocal),
            format!("a change in volume of less than {equivocal:.0} %"),
            change(0.0),
        ),
        ("curve_type", None, None, "avid enhancement (plateau or washout)".to_owned(), curve("washout")),
        ("curve_type", None, None, "weak enhancement (persistent)".to_owned(), curve("persistent")),
    ];
    if let Some(cutoff) = &settings.pet.fdg {
        let (low, high) = (cutoff.bounds().low(), cutoff.bounds().high());
        for (value, condition) in [
            (high.next_up(), format!("FDG uptake above {high:?}")),
            (low.next_down(), format!("FDG uptake below {low:?}")),
        ] {
            let mut trial = LesionRecord { tracer: Some(Tracer::Fdg), pet_quality: None, ..record.clone() };
            if trial.set(cutoff.statistic.as_str(), &value.to_string()) == Ok(true) {
                trials.push((cutoff.statistic.as_str(), None, None, condition, trial));
            }
        }
    }
    trials
        .into_iter()
        .filter_map(|(column, now, bound, condition, trial)| {
            let other = decide(&trial, &Features::read(&trial, settings)).0.class?;
            (other != class).then(|| Change {
                column,
                now,
                bound: now.and(bound),
                verdict: other,
                text: words::change(&condition, now.map(|now| format!("{now:+.0} %")), other),
            })
        })
        .collect()
}
