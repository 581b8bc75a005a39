//! Maps of a DSC series.

use serde_json::{Map, Value, json};

use super::{Content, Destination, MadeOutputs, Output, make_all};
use crate::acquisition::DscAcquisition;
use crate::dsc::{AifSource, DeconvolutionMethod, DscMap, RecoveryFrames, SeriesContent};
use crate::pipeline::error::SessionError;
use crate::pipeline::perfusion::Perfusion;

/// Makes the maps of a DSC series and the reference region, aside.
pub fn make_perfusion(
    perfusion: &Perfusion,
    acquisition: &DscAcquisition,
    destination: &Destination<'_>,
) -> Result<MadeOutputs, SessionError> {
    let result = &perfusion.result;
    let maps = perfusion.maps();
    let mut outputs: Vec<Output<'_>> = maps
        .iter()
        .map(|map| {
            let model = provenance(map, perfusion, acquisition);
            Output {
                suffix: map.suffix,
                description: map.description,
                words: describe(map.suffix, map.description),
                unit: map.unit,
                mask_type: None,
                model,
                skull_stripped: true,
                content: Content::Masked(&result.mask, map.values),
            }
        })
        .collect();
    if let Some(reference) = &perfusion.reference {
        outputs.push(Output {
            suffix: "mask",
            description: None,
            words: "Reference region: normal-appearing white matter that rCBV is divided by.".to_owned(),
            unit: "",
            mask_type: Some("ROI"),
            model: Map::new(),
            skull_stripped: true,
            content: Content::Mask(reference),
        });
    }
    make_all(outputs, destination, &perfusion.caveats)
}

/// How a map was made: equation, lexicon codes, parameters.
fn provenance(map: &DscMap<'_>, perfusion: &Perfusion, acquisition: &DscAcquisition) -> Map<String, Value> {
    let result = &perfusion.result;
    let settings = result.settings();
    let mut model = Map::new();
    let mut tell = |key: &str, value: Value| {
        model.insert(key.to_owned(), value);
    };
    tell("Equation", map.equation.into());
    if let Some(code) = map.lexicon {
        tell("CAPLEX", code.into());
    }
    if let Some(code) = map.quantity {
        tell("CAPLEXQuantity", code.into());
    }
    tell("LeakageModel", result.model.as_str().into());
    match result.content {
        SeriesContent::Signal => tell("EchoTime", json!(acquisition.echo_time().0)),
        SeriesContent::Concentration => {
            tell("RelaxationRate", "the series holds concentration; dR2* stands for it".into())
        }
    }
    if let Some(second) = acquisition.second_echo_time {
        tell("SecondEchoTime", json!(second.0));
        tell("RelaxationRate", "dR2* = ln[(S1/S1_0)/(S2/S2_0)]/(TE2 - TE1)".into());
    }
    tell("RepetitionTime", json!(acquisition.repetition_time().0));
    tell("BaselineFrames", json!([result.timing.baseline().start, result.timing.baseline().end]));
    if matches!(map.suffix, "rcbv" | "cbv" | "mtt") {
        tell("Integration", result.integration_words().into());
        if result.first_pass.is_some() {
            tell("FirstPassSearch", json!(settings.first_pass.search_s));
            tell("FirstPassEndFraction", json!(settings.first_pass.end_fraction));
        }
    }
    if map.suffix == "kep" || (map.suffix == "rcbv" && map.description == Some("bidirectional")) {
        tell("KepMaximum", json!(settings.kep_maximum_per_s));
    }
    if map.lexicon.is_some_and(|code| code.starts_with("M.LC1")) {
        tell("ReferenceCurve", result.reference.source.to_string().into());
        tell("ReferenceCurveVoxels", json!(result.reference.voxels));
    }
    match map.description {
        Some("normalized" | "standarderror") => {
            if let Some(normalized) = &result.normalized {
                tell("Normalization", format!("{} of normal-appearing white matter", settings.normalization).into());
                tell("ReferenceValue", json!(normalized.reference_rcbv));
                tell("ReferenceVoxels", json!(normalized.reference_voxels));
            }
        }
        Some("brain") => {
            if let Some(brain) = &perfusion.over_brain {
                tell("Normalization", "mean of the whole normal brain; the cut-offs do not refer to it".into());
                tell("ReferenceValue", json!(brain.mean_rcbv));
                tell("ReferenceVoxels", json!(brain.voxels));
            }
        }
        Some("standardized") => {
            tell("Normalization", "histogram of a cohort; the cut-offs do not refer to it".into());
            tell("Percentiles", json!(settings.standardization.percentiles));
            tell("Landmarks", json!(settings.standardization.landmarks));
        }
        _ => {}
    }
    if matches!(map.suffix, "cbf" | "cbv" | "mtt" | "tmax") {
        let flow = &settings.perfusion;
        tell("Deconvolution", flow.deconvolution.as_str().into());
        match flow.deconvolution {
            DeconvolutionMethod::Osvd => tell("OscillationLimit", json!(flow.osvd_oscillation)),
            DeconvolutionMethod::Csvd => tell("Threshold", json!(flow.csvd_threshold)),
            DeconvolutionMethod::Ssvd => tell("Threshold", json!(flow.ssvd_threshold)),
            DeconvolutionMethod::Tikhonov => tell("StrengthChosenBy", flow.tikhonov_choice.as_str().into()),
            DeconvolutionMethod::None => {}
        }
        tell("KH", json!(flow.kh));
        tell("Rho", json!(flow.rho));
        tell("RelaxivityRatio", json!(flow.relaxivity_ratio));
        if let Some(artery) = &perfusion.artery {
            let (method, code) = match artery.source {
                AifSource::Automatic => ("k-means clusters", Some("P.AE2.004")),
                AifSource::Mask => ("mean of a mask", Some("P.AE2.002")),
                AifSource::Curve => ("given curve", None),
            };
            tell("ArterialInput", method.into());
            if let Some(code) = code {
                tell("CAPLEXArterialInput", code.into());
            }
            tell("ArterialVoxels", json!(artery.voxels.len()));
        }
    }
    if map.suffix == "psr" {
        tell("RecoveredFrames", recovery_words(settings).into());
    }
    model
}

/// Which frames PSR takes as recovered.
pub fn recovery_words(settings: &crate::dsc::Settings) -> String {
    match settings.recovery {
        RecoveryFrames::Last => format!("last {} frames", settings.recovery_frames),
        RecoveryFrames::Window => {
            let [from, to] = settings.recovery_window_s;
            format!("{from} to {to} s after the bolus arrival")
        }
    }
}

/// What a perfusion map shows, in one sentence.
fn describe(suffix: &str, description: Option<&str>) -> String {
    let words = match (suffix, description) {
        ("rcbv", Some("uncorrected")) => "Relative cerebral blood volume without leakage correction.",
        ("rcbv", Some("normalized")) => {
            "Leakage-corrected relative cerebral blood volume over its mean in normal-appearing white matter."
        }
        ("rcbv", Some("brain")) => {
            "Leakage-corrected relative cerebral blood volume over its mean in the whole normal brain; not the ratio to white matter that cut-offs refer to."
        }
        ("rcbv", Some("standardized")) => {
            "Leakage-corrected relative cerebral blood volume, standardized to the histogram of a cohort; not the ratio to white matter that cut-offs refer to."
        }
        ("rcbv", Some("standarderror")) => "Standard error of normalized relative cerebral blood volume in one voxel.",
        ("rcbv", Some("gamma")) => {
            "Relative cerebral blood volume of the first passage, as the area of a gamma variate."
        }
        ("rcbv", _) => "Leakage-corrected relative cerebral blood volume.",
        ("k1", _) => "Scale of the reference curve in the voxel's curve (leakage model).",
        ("k2", _) => "Leakage coefficient; above 0 T1-dominant, below 0 T2*-dominant.",
        ("kep", _) => "Rate of backflow from the extravascular space, in enhancing voxels.",
        ("psr", _) => "Percentage of signal recovery.",
        ("ph", _) => "Peak height: largest change of the transverse relaxation rate.",
        ("cbv", _) => "Cerebral blood volume.",
        ("cbf", _) => "Cerebral blood flow.",
        ("mtt", _) => "Mean transit time.",
        ("tmax", _) => "Time to the maximum of the residue function.",
        ("ttp", _) => "Time to peak from the bolus arrival.",
        _ => "Perfusion map.",
    };
    words.to_owned()
}
