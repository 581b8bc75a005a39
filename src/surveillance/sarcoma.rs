//! What the sarcoma sources ask to be known beside the images: grade and site as words, the growth-rate flag, focality,
//! the extent of disease, resectability and the covariates of the nomogram. Captured and listed, never scored.

use super::profile::{Profile, profiles};
use crate::clinical::SarcomaGrade;

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
