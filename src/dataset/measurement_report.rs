//! A lesion's measurements as keys that map to a DICOM structured report: template TID 1500 *Measurement Report* with
//! one TID 1411 *Volumetric ROI Measurements* group (DICOM PS3.16, 2024).
//!
//! Codes are those of DICOM (DCM), SNOMED CT (SCT, as DICOM includes them) and UCUM. A quantity for which no code is
//! confirmed carries the private scheme `99RELIGHT` with its column as the code, as DICOM asks for such concepts.

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::clinical::Pathway;
use crate::lesion::{Column, LesionRecord};
use crate::pet::SuvKind;
use crate::study::PROGRAM;

/// The scheme of concepts without a standard code.
const PRIVATE_SCHEME: &str = "99RELIGHT";

/// Labels and facts of the row that are no measurement.
const NOT_MEASURED: [&str; 8] = [
    "index_volume_ml",
    "tbr_cutoff",
    "weeks_since_rt",
    "followup_days",
    "followup_round",
    "rcbv_p_above",
    "rcbv_p_below",
    "dsc_usable_fraction",
];

/// The measurement report of a lesion. `verdict` is the verdict's columns as flat JSON, `suv` what SUV is normalized by.
pub fn measurement_report(
    record: &LesionRecord,
    verdict: &Map<String, Value>,
    rules_version: &str,
    suv: SuvKind,
) -> Value {
    let label = |text: &Option<String>| text.clone().unwrap_or_default();
    let tracking = format!("{} lesion {}", label(&record.participant_id), label(&record.lesion));
    let row = record.json();
    let measurements: Vec<Value> = LesionRecord::COLUMNS
        .iter()
        .filter(|column| !column.unit.is_empty() || column.name == "background_mean")
        .filter(|column| !NOT_MEASURED.contains(&column.name) && !column.name.contains("_ci_"))
        .filter_map(|column| measurement(column, &row, suv))
        .collect();
    let qualitative: Vec<Value> = ["verdict", "confidence", "rule"]
        .into_iter()
        .filter_map(|name| {
            let value = verdict.get(name)?.as_str()?;
            Some(json!({ "concept": code(PRIVATE_SCHEME, name, &plain(name)), "value": value }))
        })
        .collect();
    json!({
        "template": code("DCMR", "1500", "Imaging Measurement Report"),
        "group_template": code("DCMR", "1411", "Volumetric ROI Measurements and Qualitative Evaluations"),
        "language": code("RFC5646", "en", "English"),
        "tracking_identifier": tracking,
        "tracking_unique_identifier": unique_identifier(&tracking),
        "time_point": record.session_id,
        "finding": code("SCT", "52988006", "Lesion"),
        "finding_site": finding_site(record.pathway),
        "algorithm": {
            "name": PROGRAM,
            "version": env!("CARGO_PKG_VERSION"),
            "parameters": format!("decision rules {rules_version}"),
        },
        "measurements": measurements,
        "qualitative_evaluations": qualitative,
    })
}

/// One number with its concept, unit and derivation; `None` where it was not measured.
fn measurement(column: &Column, row: &Map<String, Value>, suv: SuvKind) -> Option<Value> {
    let value = row.get(column.name)?.as_f64().filter(|value| value.is_finite())?;
    let mut entry = Map::new();
    entry.insert("column".to_owned(), column.name.into());
    entry.insert("concept".to_owned(), concept(column.name));
    if let Some(derivation) = derivation(column.name) {
        entry.insert("derivation".to_owned(), derivation);
    }
    entry.insert("value".to_owned(), json!(value));
    entry.insert("unit".to_owned(), unit(column, suv));
    let interval = match column.name {
        "rcbv_mean" => Some(("rcbv_ci_low", "rcbv_ci_high")),
        "tbr_mean" => Some(("tbr_ci_low", "tbr_ci_high")),
        _ => None,
    };
    if let Some((low, high)) = interval
        && let (Some(low), Some(high)) = (row.get(low)?.as_f64(), row.get(high)?.as_f64())
    {
        entry.insert("interval_95_percent".to_owned(), json!([low, high]));
    }
    entry.insert("description".to_owned(), column.description.into());
    Some(entry.into())
}

/// What was measured (DICOM CID 4107, 4108, 7465, 7469).
fn concept(column: &str) -> Value {
    match column {
        "volume_ml" => code("SCT", "118565006", "Volume"),
        "longest_diameter_mm" => code("SCT", "103339001", "Long Axis"),
        "perpendicular_diameter_mm" => code("SCT", "103340004", "Short Axis"),
        "rcbv_mean" | "rcbv_median" | "rcbv_max" | "rcbv_p90" | "rcbv_enhancing_mean" | "rcbv_uncorrected_mean" => {
            code("DCM", "126398", "Relative Regional Blood Volume")
        }
        "rcbf_mean" | "asl_rcbf_mean" | "asl_rcbf_max" => code("DCM", "126397", "Relative Regional Blood Flow"),
        "asl_cbf_mean" => code("DCM", "126390", "Absolute Regional Blood Flow"),
        "mtt_mean" => code("DCM", "113052", "Mean Transit Time"),
        "tmax_mean" => code("DCM", "113084", "Tmax"),
        "ktrans_mean" => code("DCM", "126312", "Ktrans"),
        "ve_mean" => code("DCM", "126314", "ve"),
        "vp_mean" => code("DCM", "126331", "vp"),
        "suv_max" | "suv_mean" | "suv_peak" => code("DCM", "126400", "Standardized Uptake Value"),
        other => code(PRIVATE_SCHEME, other, &plain(other)),
    }
}

/// How the number of the region follows from its voxels (DICOM CID 7464).
fn derivation(column: &str) -> Option<Value> {
    if column.ends_with("_max") {
        Some(code("SCT", "56851009", "Maximum"))
    } else if column.ends_with("_peak") {
        Some(code("DCM", "126031", "Peak Value Within ROI"))
    } else if column.ends_with("_median") {
        Some(code("SCT", "373099004", "Median"))
    } else if column.ends_with("_mean") {
        Some(code("SCT", "373098007", "Mean"))
    } else if column.ends_with("_p90") {
        Some(code(PRIVATE_SCHEME, "percentile_90", "90th percentile"))
    } else {
        None
    }
}

/// The unit in UCUM (Unified Code for Units of Measure 2.1), with its meaning.
fn unit(column: &Column, suv: SuvKind) -> Value {
    let (value, meaning) = match (column.name, column.unit) {
        ("background_mean", _) => ("1", "unit of the image"),
        ("suv_max" | "suv_mean" | "suv_peak", _) => (suv.unit(), "standardized uptake value"),
        (_, "1") => ("{ratio}", "ratio"),
        (_, "mL") => ("mL", "milliliter"),
        (_, "mm") => ("mm", "millimeter"),
        (_, "%") => ("%", "percent"),
        (_, "s") => ("s", "second"),
        (_, "min") => ("min", "minute"),
        (_, "1/s") => ("/s", "per second"),
        (_, "1/min") => ("/min", "per minute"),
        (_, "1/h") => ("/h", "per hour"),
        (_, "mL/100g/min") => ("mL/(100.g)/min", "milliliter per 100 gram per minute"),
        (_, "mM.s") => ("mmol/L.s", "millimole per liter times second"),
        (_, "cm/mo") => ("cm/mo", "centimeter per month"),
        (_, other) => (other, other),
    };
    code("UCUM", value, meaning)
}

/// Where the finding is, as far as the decision table tells it: a sarcoma's site is free text of the study.
fn finding_site(pathway: Option<Pathway>) -> Value {
    match pathway {
        Some(Pathway::Glioma | Pathway::Metastasis) => code("SCT", "12738006", "Brain"),
        Some(Pathway::Sarcoma) | None => Value::Null,
    }
}

fn code(scheme: &str, value: &str, meaning: &str) -> Value {
    json!({ "code_value": value, "coding_scheme_designator": scheme, "code_meaning": meaning })
}

fn plain(column: &str) -> String {
    column.replace('_', " ")
}

/// A DICOM identifier that is the same for the same lesion in every session and every run: a UUID of version 8 (RFC
/// 9562) from a hash of the tracking identifier, under the root for UUIDs (DICOM PS3.5, B.2).
fn unique_identifier(tracking: &str) -> String {
    let hash = Sha256::digest(format!("{PROGRAM} {tracking}").as_bytes());
    let mut bytes = [0_u8; 16];
    bytes.copy_from_slice(&hash[..16]);
    bytes[6] = (bytes[6] & 0x0f) | 0x80;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    format!("2.25.{}", u128::from_be_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> LesionRecord {
        LesionRecord {
            participant_id: Some("sub-01".into()),
            session_id: Some("ses-02".into()),
            lesion: Some("1".into()),
            pathway: Some(Pathway::Glioma),
            volume_ml: Some(6.57),
            rcbv_mean: Some(1.2),
            rcbv_ci_low: Some(1.06),
            rcbv_ci_high: Some(1.34),
            tbr_max: Some(f64::NAN),
            ..Default::default()
        }
    }

    #[test]
    fn numbers_carry_concept_derivation_and_unit() {
        let verdict = json!({"verdict": "recurrence", "confidence": "high", "rule": "B3"});
        let report = measurement_report(&record(), verdict.as_object().unwrap(), "2026.1", SuvKind::BodyWeight);
        let measured = report["measurements"].as_array().unwrap();
        assert_eq!(measured.len(), 2, "not estimated is not reported: {measured:?}");
        assert_eq!(measured[0]["concept"]["code_value"], "118565006");
        assert_eq!((&measured[0]["unit"]["code_value"], &measured[0]["value"]), (&json!("mL"), &json!(6.57)));
        assert_eq!(measured[1]["concept"]["code_value"], "126398");
        assert_eq!(measured[1]["derivation"]["code_meaning"], "Mean");
        assert_eq!(measured[1]["interval_95_percent"], json!([1.06, 1.34]));
        assert_eq!(report["finding_site"]["code_meaning"], "Brain");
        assert_eq!(report["qualitative_evaluations"][0]["value"], "recurrence");
    }

    #[test]
    fn a_lesion_keeps_its_identifier_over_sessions_and_another_has_another() {
        let identifier = |record: &LesionRecord| {
            measurement_report(record, &Map::new(), "1", SuvKind::BodyWeight)["tracking_unique_identifier"]
                .as_str()
                .unwrap()
                .to_owned()
        };
        let first = identifier(&record());
        assert_eq!(first, identifier(&LesionRecord { session_id: Some("ses-03".into()), ..record() }));
        assert_ne!(first, identifier(&LesionRecord { lesion: Some("2".into()), ..record() }));
        // DICOM PS3.5, 9.1: digits and dots, at most 64 characters.
        assert!(first.starts_with("2.25.") && first.len() <= 64);
        assert!(first.chars().all(|letter| letter.is_ascii_digit() || letter == '.'));
    }

    #[test]
    fn every_unit_of_the_table_is_told_in_ucum() {
        for column in LesionRecord::COLUMNS.iter().filter(|column| !column.unit.is_empty()) {
            let unit = unit(column, SuvKind::BodyWeight);
            let value = unit["code_value"].as_str().unwrap();
            assert!(!value.contains("100g") && !value.contains("mM"), "{}: {value}", column.name);
        }
    }
}
