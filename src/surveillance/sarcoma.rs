//! What the sarcoma sources ask to be known beside the images: grade and site as words, the growth-rate flag, focality,
//! the extent of disease, resectability and the covariates of the nomogram. Captured and listed, never scored.

use super::profile::{Profile, profiles};
use crate::clinical::{SarcomaGrade, Symptoms};

/// Whether the site, or the diagnosis, is the retroperitoneum.
pub fn is_retroperitoneal(site: Option<&str>, diagnosis: Option<&str>) -> bool {
    [site, diagnosis].into_iter().flatten().any(|text| text.to_lowercase().contains("retroperiton"))
}

/// Whether the diagnosis names a liposarcoma; a leiomyosarcoma is none.
pub fn is_liposarcoma(diagnosis: Option<&str>) -> bool {
    diagnosis.is_some_and(|text| text.to_lowercase().contains("liposarcoma"))
}

/// Centimeters a month at which growth is flagged.
///
/// METHOD: S3 (Park 2009): the one-centimeter-per-month rule, local recurrence size over months from the primary
/// resection, in retroperitoneal liposarcoma only; elsewhere the number stands without a flag.
pub const GROWTH_FLAG_CM_PER_MONTH: f64 = 1.0;

/// Whether a growth since resection is flagged.
pub fn growth_is_flagged(growth: Option<f64>, site: Option<&str>, diagnosis: Option<&str>) -> bool {
    growth.is_some_and(|growth| growth >= GROWTH_FLAG_CM_PER_MONTH)
        && is_retroperitoneal(site, diagnosis)
        && is_liposarcoma(diagnosis)
}

/// The schedules that fit what is known, in the order of the sources; schedules of different sources stand side by
/// side and are never merged. What is not known keeps the schedules of both sides.
pub fn fitting_profiles(
    grade: Option<SarcomaGrade>,
    site: Option<&str>,
    diagnosis: Option<&str>,
) -> Vec<&'static Profile> {
    let desmoid = diagnosis.is_some_and(|text| text.to_lowercase().contains("desmoid"));
    let retroperitoneal = is_retroperitoneal(site, diagnosis);
    profiles()
        .iter()
        .filter(|profile| match profile.name.as_str() {
            "nccn-sts" => true,
            "esmo-sts-high" => !desmoid && grade != Some(SarcomaGrade::Low),
            "esmo-sts-low" => !desmoid && grade != Some(SarcomaGrade::High),
            "rps" => retroperitoneal,
            "desmoid" => desmoid,
            _ => false,
        })
        .collect()
}

closed_words! {
    /// Where the tumors of one visit lie (S3).
    pub enum Focality: "focality" {
        /// One tumor.
        Unifocal = "unifocal",
        /// Two or more tumors.
        Multifocal = "multifocal",
        /// One or more tumors outside the field of the first.
        OutsideField = "outside field",
    }
}

closed_words! {
    /// Whether watching with early imaging can be weighed (S3: in asymptomatic well-differentiated retroperitoneal
    /// liposarcoma, observation and imaging again can select patients). A state to discuss, never a verdict.
    pub enum Watchful: "watchful state" {
        /// The source's conditions are recorded.
        Possible = "possible",
        /// One of them does not hold.
        NotForThis = "not for this",
        /// One of them is not recorded.
        NotRecorded = "not recorded",
    }
}

/// Whether watching can be weighed: retroperitoneum, well-differentiated liposarcoma, no symptoms.
pub fn watchful(site: Option<&str>, diagnosis: Option<&str>, symptoms: Option<Symptoms>) -> Watchful {
    let well_differentiated = diagnosis.map(|text| {
        let words = text.to_lowercase().replace(['-', '_'], " ");
        let named = words.contains("well differentiated") || words.split_whitespace().any(|word| word == "wdlps");
        named && !words.contains("dedifferentiated") && (is_liposarcoma(Some(&words)) || words.contains("wdlps"))
    });
    let place = (site.is_some() || diagnosis.is_some()).then(|| is_retroperitoneal(site, diagnosis));
    let silent = match symptoms {
        Some(Symptoms::None) => Some(true),
        Some(Symptoms::New | Symptoms::NewWithSevereOedema) => Some(false),
        Some(Symptoms::Ambiguous | Symptoms::Unknown) | None => None,
    };
    let conditions = [well_differentiated, place, silent];
    if conditions.contains(&Some(false)) {
        Watchful::NotForThis
    } else if conditions.contains(&None) {
        Watchful::NotRecorded
    } else {
        Watchful::Possible
    }
}

/// How many of the compartments of one visit differ from that of the first lesion of the first visit; compartments are
/// compared as written, without regard to case. What is not recorded is not outside.
pub fn remote_compartments(first: Option<&str>, now: &[Option<&str>]) -> usize {
    let Some(first) = first else { return 0 };
    now.iter().flatten().filter(|compartment| !compartment.trim().eq_ignore_ascii_case(first.trim())).count()
}

/// Focality of the lesions of one visit, of which so many are recorded as outside the field; `None` without a lesion.
pub fn focality(lesions: usize, outside: usize) -> Option<Focality> {
    match (lesions, outside) {
        (0, _) => None,
        (_, 1..) => Some(Focality::OutsideField),
        (1, 0) => Some(Focality::Unifocal),
        _ => Some(Focality::Multifocal),
    }
}

/// What S3 asks of a patient before a second operation: column of the participants table and meaning. Listed, never
/// scored: the nomogram's coefficients stand in a figure that we do not have.
pub const COVARIATES: [(&str, &str); 6] = [
    ("age_at_second_surgery", "Age at the second operation"),
    ("second_surgery_completeness", "Completeness of the second operation"),
    ("chemotherapy_first", "Chemotherapy at the first operation"),
    ("organs_resected_first", "Organs resected at the first operation"),
    ("recurrence_number", "Number of this recurrence"),
    ("performance_status", "Performance status"),
];

/// What S3 asks of resectability: column and meaning.
pub const RESECTABILITY: [(&str, &str); 2] = [
    ("encased_structures", "Encased aorta, superior mesenteric vessels, porta hepatis or major nerve roots"),
    ("rupture_or_piecemeal", "Rupture or piecemeal resection"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn watching_is_for_silent_well_differentiated_retroperitoneal_liposarcoma() {
        let of = |site, diagnosis, symptoms| watchful(site, diagnosis, symptoms);
        let (rps, wdlps) = (Some("left retroperitoneum"), Some("Well-differentiated liposarcoma"));
        assert_eq!(of(rps, wdlps, Some(Symptoms::None)), Watchful::Possible);
        assert_eq!(of(rps, Some("WDLPS"), Some(Symptoms::None)), Watchful::Possible);
        assert_eq!(of(rps, wdlps, Some(Symptoms::New)), Watchful::NotForThis);
        assert_eq!(of(Some("thigh"), wdlps, Some(Symptoms::None)), Watchful::NotForThis);
        assert_eq!(of(rps, Some("dedifferentiated liposarcoma"), Some(Symptoms::None)), Watchful::NotForThis);
        assert_eq!(of(rps, Some("leiomyosarcoma"), None), Watchful::NotForThis);
        assert_eq!(of(rps, wdlps, None), Watchful::NotRecorded);
        assert_eq!(of(rps, None, Some(Symptoms::None)), Watchful::NotRecorded);
    }

    #[test]
    fn a_compartment_other_than_the_first_is_remote() {
        let now = [Some("Retroperitoneum "), Some("pelvis"), None];
        assert_eq!(remote_compartments(Some("retroperitoneum"), &now), 1);
        assert_eq!(remote_compartments(None, &now), 0);
    }

    #[test]
    fn the_growth_flag_is_for_retroperitoneal_liposarcoma_alone() {
        let (site, lipo) = (Some("Retroperitoneum"), Some("dedifferentiated liposarcoma"));
        assert!(growth_is_flagged(Some(1.0), site, lipo));
        assert!(!growth_is_flagged(Some(0.999), site, lipo));
        assert!(!growth_is_flagged(None, site, lipo));
        assert!(!growth_is_flagged(Some(3.0), site, Some("leiomyosarcoma")));
        assert!(!growth_is_flagged(Some(3.0), Some("thigh"), lipo));
        assert!(growth_is_flagged(Some(3.0), None, Some("retroperitoneal liposarcoma")));
    }

    #[test]
    fn schedules_follow_site_histology_and_grade() {
        let names = |grade, site, diagnosis| -> Vec<&str> {
            fitting_profiles(grade, site, diagnosis).iter().map(|profile| profile.name.as_str()).collect()
        };
        assert_eq!(names(Some(SarcomaGrade::High), Some("thigh"), None), ["nccn-sts", "esmo-sts-high"]);
        assert_eq!(names(Some(SarcomaGrade::Low), Some("thigh"), None), ["nccn-sts", "esmo-sts-low"]);
        assert_eq!(names(None, None, None), ["nccn-sts", "esmo-sts-high", "esmo-sts-low"]);
        assert!(names(None, Some("retroperitoneum"), None).contains(&"rps"));
        assert_eq!(names(None, None, Some("desmoid")), ["nccn-sts", "desmoid"]);
    }

    #[test]
    fn focality_counts_lesions_and_those_outside_the_field() {
        assert_eq!(focality(0, 0), None);
        assert_eq!(focality(1, 0), Some(Focality::Unifocal));
        assert_eq!(focality(2, 0), Some(Focality::Multifocal));
        assert_eq!(focality(2, 1), Some(Focality::OutsideField));
    }
}
