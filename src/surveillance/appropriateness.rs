//! Which study suits the surveillance of a treated soft-tissue sarcoma (S0), for whom that holds, and what takes its
//! place where it cannot be done.

use std::sync::LazyLock;

use serde::Deserialize;

use crate::clinical::{Scenario, Symptoms, YesNo};

/// The ratings of one scenario.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Appropriateness {
    /// Whom the ratings are for.
    pub scenario: String,
    /// Where they come from.
    pub source: String,
    /// The studies, best first.
    #[serde(rename = "study")]
    pub studies: Vec<RatedStudy>,
}

/// A study with its rating.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RatedStudy {
    /// The study.
    pub name: String,
    /// The source's word.
    pub rating: String,
    /// What it says beside it.
    pub note: String,
    /// Whether it uses ionizing radiation.
    pub ionizing: bool,
}

static TABLE: LazyLock<Appropriateness> = LazyLock::new(|| {
    toml::from_str(include_str!("appropriateness.toml")).expect("the embedded appropriateness table is whole")
});

/// The table.
pub fn appropriateness() -> &'static Appropriateness {
    &TABLE
}

closed_words! {
    /// Whether a condition of the scenario holds.
    pub enum Met: "state of a condition" {
        /// It holds.
        Met = "met",
        /// It does not: the ratings are not for this patient.
        NotMet = "not met",
        /// The study does not tell.
        NotRecorded = "not recorded",
    }
}

/// What the scenario guard looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Situation {
    /// Symptoms at the visit.
    pub symptoms: Option<Symptoms>,
    /// Whether the end of a treatment is recorded.
    pub treated: bool,
    /// What the visit is for.
    pub scenario: Option<Scenario>,
}

/// The conditions of the scenario, each with its state.
///
/// METHOD: what no column tells is listed as not recorded: the reader decides, the program does not assume. The column
/// `scenario` names one question: one that is not surveillance leaves the others unrecorded.
pub fn scenario_guard(situation: Situation) -> [(&'static str, Met); 4] {
    let asymptomatic = match situation.symptoms {
        Some(Symptoms::None) => Met::Met,
        Some(Symptoms::New) => Met::NotMet,
        // Ambiguous words settle nothing; severe oedema is a word of the brain.
        Some(Symptoms::Ambiguous | Symptoms::Unknown | Symptoms::NewWithSevereOedema) | None => Met::NotRecorded,
    };
    let (staging, distant) = match situation.scenario {
        Some(Scenario::Surveillance) => (Met::Met, Met::Met),
        Some(Scenario::InitialStaging | Scenario::PrimaryBone) => (Met::NotMet, Met::NotRecorded),
        Some(Scenario::DistantDisease) => (Met::NotRecorded, Met::NotMet),
        None => (Met::NotRecorded, Met::NotRecorded),
    };
    let treated = if situation.treated { Met::Met } else { Met::NotRecorded };
    [
        ("no symptoms at the primary site", asymptomatic),
        ("treated (with curative intent: the reader's word)", treated),
        ("not the initial staging, not a primary bone tumor", staging),
        ("no question of distant disease", distant),
    ]
}

/// What a visit's facts say of the modality.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Constraints {
    /// Metal hardware near the field.
    pub hardware: Option<YesNo>,
    /// Allergy to contrast agents.
    pub contrast_allergy: Option<YesNo>,
    /// Impaired kidneys.
    pub renal_impairment: Option<YesNo>,
}

/// What takes the place of MRI without and with contrast (A18, A19); empty where nothing stands against it.
pub fn modality_fallback(constraints: Constraints) -> Vec<&'static str> {
    let yes = |fact: Option<YesNo>| fact == Some(YesNo::Yes);
    let mut advice = Vec::new();
    if yes(constraints.contrast_allergy) || yes(constraints.renal_impairment) {
        advice.push(
            "Contrast is contraindicated (allergy or kidneys): MRI without contrast is still usually appropriate; CT only where MRI is contraindicated.",
        );
    }
    if yes(constraints.hardware) {
        advice.push(
            "Metal hardware: MRI with metal-artifact reduction first; CT with contrast only where that is still not diagnostic.",
        );
    }
    if advice.len() == 2 {
        advice.push("Both apply: the CT fallback needs contrast too, so it is a radiologist's decision.");
    }
    advice
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_question_of_the_visit_fills_the_guard() {
        let state = |scenario| {
            let guard = scenario_guard(Situation { scenario, ..Situation::default() });
            (guard[2].1, guard[3].1)
        };
        assert_eq!(state(None), (Met::NotRecorded, Met::NotRecorded));
        assert_eq!(state(Some(Scenario::Surveillance)), (Met::Met, Met::Met));
        assert_eq!(state(Some(Scenario::PrimaryBone)), (Met::NotMet, Met::NotRecorded));
        assert_eq!(state(Some(Scenario::InitialStaging)), (Met::NotMet, Met::NotRecorded));
        assert_eq!(state(Some(Scenario::DistantDisease)), (Met::NotRecorded, Met::NotMet));
    }

    #[test]
    fn ratings_are_those_of_the_source() {
        let rating = |name: &str| {
            let table = appropriateness();
            table.studies.iter().find(|study| study.name.starts_with(name)).unwrap().rating.clone()
        };
        assert_eq!(rating("MRI without and with"), "usually appropriate");
        assert_eq!(rating("MRI without intravenous"), "usually appropriate");
        assert_eq!(rating("CT"), "may be appropriate");
        assert!(rating("Ultrasound").contains("disagreement"));
        assert_eq!(rating("FDG"), "may be appropriate");
        let ionizing: Vec<bool> = appropriateness().studies.iter().map(|study| study.ionizing).collect();
        assert_eq!(ionizing, [false, false, true, false, true]);
    }

    #[test]
    fn symptoms_leave_the_scenario_and_silence_is_not_consent() {
        let state = |symptoms| scenario_guard(Situation { symptoms, treated: true, ..Situation::default() })[0].1;
        assert_eq!(state(Some(Symptoms::New)), Met::NotMet);
        assert_eq!(state(Some(Symptoms::None)), Met::Met);
        assert_eq!(state(None), Met::NotRecorded);
        assert_eq!(scenario_guard(Situation::default())[1].1, Met::NotRecorded);
    }

    #[test]
    fn hardware_and_contrast_have_their_own_fallbacks() {
        let yes = Some(YesNo::Yes);
        assert!(modality_fallback(Constraints::default()).is_empty());
        assert!(modality_fallback(Constraints { hardware: Some(YesNo::No), ..Default::default() }).is_empty());
        let hardware = modality_fallback(Constraints { hardware: yes, ..Default::default() });
        assert!(hardware.len() == 1 && hardware[0].contains("metal-artifact"));
        for constraints in [
            Constraints { contrast_allergy: yes, ..Default::default() },
            Constraints { renal_impairment: yes, ..Default::default() },
        ] {
            let advice = modality_fallback(constraints);
            assert!(advice.len() == 1 && advice[0].contains("MRI without contrast"));
        }
        assert_eq!(
            modality_fallback(Constraints { hardware: yes, contrast_allergy: yes, renal_impairment: None }).len(),
            3
        );
    }
}
