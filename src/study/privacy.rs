//! What must not leave the study: fields and texts that can name a person (EVIDENCE.md §5.4).
//!
//! A deny-list of sidecar fields, and patterns that look for names, dates and long numbers in the fields that are not
//! on it. What is found is dropped and counted, never printed.

use serde_json::{Map, Value};

/// Sidecar fields that are never written. Weight and sex are used and not printed.
pub const DROPPED_FIELDS: &[&str] = &[
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "PatientAge",
    "PatientSex",
    "PatientWeight",
    "PatientSize",
    "PatientHeight",
    "BodyWeight",
    "BodyHeight",
    "Sex",
    "OtherPatientIDs",
    "AccessionNumber",
    "StudyID",
    "StudyInstanceUID",
    "SeriesInstanceUID",
    "ReferringPhysicianName",
    "PerformingPhysicianName",
    "OperatorsName",
    "InstitutionName",
    "InstitutionAddress",
    "InstitutionalDepartmentName",
    "StationName",
    "DeviceSerialNumber",
    "AcquisitionDateTime",
    "AcquisitionDate",
    "AcquisitionTime",
    "ContentDate",
    "ContentTime",
    "ScanDate",
    "ImageComments",
    "ProcedureStepDescription",
    "ProtocolName",
];

/// Why a text may name a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Concern {
    /// `Name^Given`, as DICOM writes names.
    DicomName,
    /// A calendar date.
    Date,
    /// Eight or more digits in a row.
    LongNumber,
}

impl std::fmt::Display for Concern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::DicomName => "looks like a DICOM name",
            Self::Date => "holds a calendar date",
            Self::LongNumber => "holds a number of eight or more digits",
        })
    }
}

/// The fields that may be written, and how many were dropped.
pub fn scrub(fields: &Map<String, Value>) -> (Map<String, Value>, usize) {
    let mut kept = Map::new();
    for (name, value) in fields {
        let denied = DROPPED_FIELDS.iter().any(|dropped| dropped.eq_ignore_ascii_case(name));
        if !denied && concern_in(value).is_none() {
            kept.insert(name.clone(), value.clone());
        }
    }
    let dropped = fields.len() - kept.len();
    (kept, dropped)
}

/// Why a text may name a person, if it may.
pub fn text_concern(text: &str) -> Option<Concern> {
    if is_dicom_name(text) {
        Some(Concern::DicomName)
    } else if holds_date(text) {
        Some(Concern::Date)
    } else if longest_digits(text) >= 8 {
        Some(Concern::LongNumber)
    } else {
        None
    }
}

/// Why a subject or session label may name a person: a birth date or a hospital number serves as a pseudonym too often.
pub fn label_concern(label: &str) -> Option<Concern> {
    text_concern(label.split_once('-').map_or(label, |(_, value)| value))
}

fn concern_in(value: &Value) -> Option<Concern> {
    match value {
        Value::String(text) => text_concern(text),
        Value::Array(items) => items.iter().find_map(concern_in),
        Value::Object(fields) => fields.values().find_map(concern_in),
        Value::Null | Value::Bool(_) | Value::Number(_) => None,
    }
}

fn is_dicom_name(text: &str) -> bool {
    text.split_once('^').is_some_and(|(family, given)| {
        family.chars().any(char::is_alphabetic) && given.chars().any(char::is_alphabetic)
    })
}

/// `YYYY-MM-DD`, with `-`, `/` or `.`, either end first, or the eight digits of a day since 1900.
fn holds_date(text: &str) -> bool {
    let groups: Vec<&str> = text.split(|letter: char| !letter.is_ascii_digit()).collect();
    let number = |group: &str| group.parse::<u32>().unwrap_or(0);
    let day_and_month = |day: u32, month: u32| (1..=31).contains(&day) && (1..=12).contains(&month);
    let year = |year: u32| (1900..=2099).contains(&year);
    let apart = groups.windows(3).any(|three| {
        let [first, second, third] = [number(three[0]), number(three[1]), number(three[2])];
        let lengths = [three[0].len(), three[1].len(), three[2].len()];
        (lengths[0] == 4 && year(first) && day_and_month(third, second) && lengths[1] > 0 && lengths[2] > 0)
            || (lengths[2] == 4
                && year(third)
                && (day_and_month(first, second) || day_and_month(second, first))
                && lengths[0] > 0
                && lengths[1] > 0)
    });
    let together = groups.iter().any(|group| {
        group.len() == 8 && year(number(&group[..4])) && day_and_month(number(&group[6..]), number(&group[4..6]))
    });
    apart || together
}

fn longest_digits(text: &str) -> usize {
    text.split(|letter: char| !letter.is_ascii_digit()).map(str::len).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn names_dates_and_long_numbers_are_found() {
        assert_eq!(text_concern("Doe^Jane"), Some(Concern::DicomName));
        for date in ["2021-03-04", "scan of 4.3.2021", "20210304", "3/14/1961"] {
            assert_eq!(text_concern(date), Some(Concern::Date), "{date}");
        }
        assert_eq!(text_concern("MRN 12345678"), Some(Concern::LongNumber));
    }

    #[test]
    fn plain_words_and_versions_pass() {
        for text in ["Siemens", "v1.0.2023", "3D_OSEM", "EPI 2^10", "10:35:00", "1234567", "VISION 600", "5.4.2"] {
            assert_eq!(text_concern(text), None, "{text}");
        }
    }

    #[test]
    fn denied_fields_go_whatever_their_case_and_others_stay() {
        let Value::Object(fields) = json!({
            "patientname": "x", "PatientWeight": 70, "EchoTime": 0.03, "Comment": "Doe^Jane", "Nested": {"a": ["1961-03-14"]},
            "Manufacturer": "GE"
        }) else {
            panic!("an object")
        };
        let (kept, dropped) = scrub(&fields);
        assert_eq!(kept.keys().collect::<Vec<_>>(), ["EchoTime", "Manufacturer"]);
        assert_eq!(dropped, 4);
    }

    #[test]
    fn a_birth_date_as_a_label_is_a_concern_and_a_pseudonym_is_not() {
        assert_eq!(label_concern("sub-19610314"), Some(Concern::Date));
        assert_eq!(label_concern("sub-00012345678"), Some(Concern::LongNumber));
        assert_eq!(label_concern("sub-STS001"), None);
    }
}
