//! The JSON and TSV files of a phantom study (BIDS 1.10; DSC has no word in BIDS and is listed in `.bidsignore`).

use serde_json::{Value, json};

use super::dsc_curve::DscProtocol;
use super::pet::RESOLUTION;
use super::story::{Chart, Visit};
use crate::lesion::MISSING;

/// Activity injected at each PET, Bq.
pub(super) const INJECTED: f64 = 600e6;
/// From injection to the start of the scan, s; activities are decay-corrected to it.
pub(super) const UPTAKE_TIME: f64 = 1200.0;
/// Length of the static scan, s.
const SCAN_TIME: f64 = 1200.0;
/// Half-life of C-11, s (METHODS.md 2).
pub(super) const HALF_LIFE: f64 = 1221.8;
/// SUV of white matter, g/mL: chosen.
pub(super) const WHITE_MATTER_SUV: f64 = 1.1;

/// Activity concentration at the start of the scan that is SUV 1 in a patient, Bq/mL (1 g of tissue is 1 mL).
pub(super) fn becquerels_per_suv(weight_kg: f64) -> f64 {
    INJECTED * (-UPTAKE_TIME / HALF_LIFE).exp2() / (1000.0 * weight_kg)
}

/// The README at the root.
pub(super) const README: &str = "\
Synthetic study: nobody was scanned
===================================

`relight phantom` drew every image of this folder from formulas: an analytic head, perfusion curves of a
two-compartment tissue, uptake blurred by a scanner's resolution. Names, dates, doses and symptoms are made up.

truth.tsv holds what was put in: for every lesion its relative cerebral blood volume, its uptake, its volume, and the
verdict that the decision tables must reach on those values. truth.json explains the columns.

The same command makes the same bytes again.
";

/// The README of a study on a real head.
pub(super) const README_REAL_HEAD: &str = "\
Synthetic perfusion and uptake on a real head
=============================================

The post-contrast T1-weighted image and the outlines of the lesions were given to `relight phantom`. Everything else is
made up: the DSC series, the PET, names, dates, doses. The head was divided into tissues by brightness and depth only,
well enough to look like a brain and not to study one.

truth.tsv holds what was put in: for every lesion its relative cerebral blood volume, its uptake, its volume, and the
verdict that the decision tables must reach on those values. truth.json explains the columns.
";

/// Everything that BIDS has no word for.
pub(super) const BIDSIGNORE: &str = "*_dsc.*\ntruth.*\n";

/// `dataset_description.json` at the root.
pub(super) fn dataset_description(name: &str) -> Value {
    json!({
        "Name": name,
        "BIDSVersion": "1.10.0",
        "DatasetType": "raw",
        "License": "CC0",
        "Authors": ["relight phantom"],
        "GeneratedBy": [{ "Name": "relight phantom" }],
    })
}

/// `dataset_description.json` of the masks.
pub(super) fn masks_description() -> Value {
    json!({
        "Name": "Masks drawn with the phantom",
        "BIDSVersion": "1.10.0",
        "DatasetType": "derivative",
        "License": "CC0",
        "GeneratedBy": [{ "Name": "relight phantom" }],
    })
}

/// Sidecar of a simulated T1-weighted image after contrast.
pub(super) fn simulated_t1() -> Value {
    json!({
        "SeriesDescription": "Synthetic post-contrast T1-weighted image.",
        "Manufacturer": "Simulated",
        "MagneticFieldStrength": 3,
        "RepetitionTime": 0.6,
        "EchoTime": 0.01,
        "FlipAngle": 90,
        "ContrastBolusIngredient": "GADOLINIUM",
        "NonlinearGradientCorrection": false,
    })
}

/// Sidecar of a real T1-weighted image after contrast, of whose acquisition nothing is known.
pub(super) fn real_t1() -> Value {
    json!({
        "SeriesDescription": "Post-contrast T1-weighted image.",
        "ContrastBolusIngredient": "GADOLINIUM",
        "NonlinearGradientCorrection": false,
    })
}

/// Sidecar of the DSC series.
pub(super) fn dsc(protocol: &DscProtocol) -> Value {
    json!({
        "SeriesDescription": "Synthetic dynamic susceptibility contrast series.",
        "Manufacturer": "Simulated",
        "MagneticFieldStrength": 3,
        "PulseSequenceType": "GRE-EPI",
        "RepetitionTime": protocol.repetition_time.0,
        "EchoTime": protocol.echo_time.0,
        "FlipAngle": protocol.flip_angle.0,
        "ContrastBolusIngredient": "GADOLINIUM",
        "NonlinearGradientCorrection": false,
    })
}

/// Sidecar of the static methionine PET.
pub(super) fn pet() -> Value {
    let decay = std::f64::consts::LN_2 / HALF_LIFE * SCAN_TIME;
    // Rounded, so that another machine's exponential function cannot change the text.
    let factor = (decay / (1.0 - (-decay).exp()) * 1e6).round() / 1e6;
    json!({
        "SeriesDescription": "Synthetic static methionine PET.",
        "Manufacturer": "Simulated",
        "ManufacturersModelName": "relight phantom",
        "Units": "Bq/mL",
        "TracerName": "MET",
        "TracerRadionuclide": "C11",
        "InjectedRadioactivity": INJECTED / 1e6,
        "InjectedRadioactivityUnits": "MBq",
        "InjectedMass": "n/a",
        "InjectedMassUnits": "n/a",
        "SpecificRadioactivity": "n/a",
        "SpecificRadioactivityUnits": "n/a",
        "ModeOfAdministration": "bolus",
        "TimeZero": "10:00:00",
        "ScanStart": UPTAKE_TIME,
        "InjectionStart": 0,
        "FrameTimesStart": [UPTAKE_TIME],
        "FrameDuration": [SCAN_TIME],
        "AcquisitionMode": "list mode",
        "ImageDecayCorrected": true,
        "ImageDecayCorrectionTime": UPTAKE_TIME,
        "DecayCorrectionFactor": [factor],
        "ReconMethodName": "simulated",
        "ReconMethodParameterLabels": ["full width at half maximum"],
        "ReconMethodParameterUnits": ["mm"],
        "ReconMethodParameterValues": [RESOLUTION],
        "ReconFilterType": "none",
        "AttenuationCorrection": "simulated without attenuation",
    })
}

/// Sidecar of a mask.
pub(super) fn mask(description: &str) -> Value {
    json!({ "Description": description, "Type": "ROI" })
}

/// `participants.tsv`.
pub(super) fn participants<'a>(charts: impl IntoIterator<Item = &'a Chart>) -> String {
    let mut table = String::from(
        "participant_id\tdiagnosis\tpathway\tsex\tweight\theight\tgrade\tsite\tresection_date\trt_end\trt_dose\trt_fractions\n",
    );
    for chart in charts {
        let weight = if chart.weight_in_participants { chart.weight.to_string() } else { MISSING.into() };
        let Chart { label, diagnosis, sex, height, grade, site, resection, rt_end, .. } = chart;
        table.push_str(&format!(
            "{label}\t{diagnosis}\tglioma\t{sex}\t{weight}\t{height}\t{grade}\t{site}\t{resection}\t{rt_end}\t60\t30\n"
        ));
    }
    table
}

/// Meaning and units of `participants.tsv`.
pub(super) fn participants_dictionary() -> Value {
    json!({
        "diagnosis": { "Description": "Diagnosis before radiotherapy, free text." },
        "pathway": { "Description": "Decision table.", "Levels": { "glioma": "Glioma after chemoradiation" } },
        "sex": { "Description": "Sex.", "Levels": { "M": "male", "F": "female" } },
        "weight": { "Description": "Body weight.", "Units": "kg" },
        "height": { "Description": "Body height.", "Units": "m" },
        "grade": { "Description": "WHO grade." },
        "site": { "Description": "Place of the lesion." },
        "resection_date": { "Description": "Date of the resection." },
        "rt_end": { "Description": "Last day of radiotherapy." },
        "rt_dose": { "Description": "Total dose.", "Units": "Gy" },
        "rt_fractions": { "Description": "Number of fractions." },
    })
}

/// `*_sessions.tsv` of a patient.
pub(super) fn sessions(chart: &Chart, visits: &[Visit]) -> String {
    let mut table = String::from("session_id\tacq_time\tsymptoms\tsteroid_change\tantiangiogenic\tweight\n");
    for Visit { session, date, symptoms, .. } in visits {
        table.push_str(&format!("{session}\t{date}T09:30:00\t{symptoms}\tnone\tno\t{}\n", chart.weight));
    }
    table
}

/// Meaning and units of `*_sessions.tsv`.
pub(super) fn sessions_dictionary() -> Value {
    json!({
        "acq_time": { "Description": "Date and time of the scan." },
        "symptoms": {
            "Description": "Symptoms at the visit.",
            "Levels": {
                "none": "None",
                "new": "New headache, seizure or limb weakness",
                "ambiguous": "May have another cause",
                "unknown": "Not recorded",
            },
        },
        "steroid_change": { "Description": "Change of the steroid dose: up, none, down." },
        "antiangiogenic": { "Description": "Anti-angiogenic therapy: yes, no." },
        "weight": { "Description": "Body weight at the visit.", "Units": "kg" },
    })
}

/// The table beside a label map.
pub(super) fn label_table(visit: &Visit) -> String {
    let mut table = String::from("index\tname\trt_field\tnew_enhancement\tmargins\n");
    for (index, finding) in visit.findings.iter().enumerate() {
        table.push_str(&format!("{}\t{}\tinside\tyes\tclear\n", index + 1, finding.name));
    }
    table
}

/// A JSON file as text.
pub(super) fn text(value: &Value) -> String {
    format!("{value:#}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suv_1_at_75_kg_is_4049_becquerels_per_milliliter() {
        // 600 MBq · 2^(-1200/1221.8) = 303.73 MBq at the start of the scan, over 75,000 g.
        assert!((becquerels_per_suv(75.0) - 4049.7).abs() < 0.5, "{}", becquerels_per_suv(75.0));
    }

    #[test]
    fn the_decay_factor_of_20_minutes_of_carbon_11_is_1_3786() {
        // λΔt = 0.680780, over 1 - e^-0.680780 = 0.493779.
        let factor = pet()["DecayCorrectionFactor"][0].as_f64().unwrap();
        assert!((factor - 1.378_7).abs() < 1e-3, "{factor}");
    }
}
