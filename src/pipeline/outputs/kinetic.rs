//! ASL and DCE maps to files; every constant that made them stands in the sidecars.

use serde_json::{Map, Value, json};

use super::{Content, Destination, MadeOutputs, Output, make_all};
use crate::acquisition::{AslAcquisition, DceAcquisition};
use crate::asl::{self, AslModel};
use crate::dce::{self, DelayFit};
use crate::pipeline::dynamic::Dynamic;
use crate::pipeline::error::SessionError;
use crate::pipeline::labeling::Labeled;

/// Makes the maps of an ASL series and the reference region, aside.
pub fn make_labeling(
    labeled: &Labeled,
    acquisition: &AslAcquisition,
    settings: &asl::Settings,
    destination: &Destination<'_>,
) -> Result<MadeOutputs, SessionError> {
    let result = &labeled.result;
    let model = labeling_model(labeled, acquisition, settings);
    let relative = labeled.relative_cbf();
    let mut outputs: Vec<Output<'_>> = result
        .maps()
        .iter()
        .map(|map| Output {
            suffix: map.suffix,
            description: map.description,
            words: match (map.suffix, map.description) {
                ("cbf", Some("error")) => "Standard error of cerebral blood flow, from the fit.",
                ("cbf", Some(_)) => "Cerebral blood flow without unit: only its ratios mean something.",
                ("cbf", None) => "Cerebral blood flow.",
                ("att", Some(_)) => "Standard error of the arterial transit time, from the fit.",
                ("att", None) => "Arterial transit time.",
                ("abv", _) => "Arterial blood volume.",
                _ => "ASL map.",
            }
            .to_owned(),
            unit: map.unit,
            mask_type: None,
            model: model.clone(),
            skull_stripped: true,
            content: Content::Masked(&result.mask, map.values),
        })
        .collect();
    if let Some(relative) = &relative {
        let mut model = model.clone();
        model.insert("ReferenceValue".to_owned(), json!(labeled.reference_cbf));
        model.insert("ReferenceRegion".to_owned(), json!(labeled.reference_words));
        outputs.push(Output {
            suffix: "rcbf",
            description: Some("normalized"),
            words: "Cerebral blood flow over its mean in normal-appearing white matter.".to_owned(),
            unit: "1",
            mask_type: None,
            model,
            skull_stripped: true,
            content: Content::Masked(&result.mask, relative),
        });
    }
    if let Some(reference) = &labeled.reference {
        outputs.push(Output {
            suffix: "mask",
            description: None,
            words: "Reference region: normal-appearing white matter that CBF is divided by.".to_owned(),
            unit: "",
            mask_type: Some("ROI"),
            model: Map::new(),
            skull_stripped: true,
            content: Content::Mask(reference),
        });
    }
    make_all(outputs, destination, &labeled.caveats)
}

fn labeling_model(labeled: &Labeled, acquisition: &AslAcquisition, settings: &asl::Settings) -> Map<String, Value> {
    let result = &labeled.result;
    let constants = &result.constants;
    let (used, rejected) = result.pairs();
    let delays: Vec<f64> = result.groups.iter().map(|group| group.delay).collect();
    let boluses: Vec<Option<f64>> = result.groups.iter().map(|group| group.bolus).collect();
    let mut model = entries([
        ("Model", json!(result.model.as_str())),
        ("ArterialSpinLabelingType", json!(constants.labeling.as_str())),
        ("BloodT1", json!(constants.blood_t1)),
        ("TissueT1", json!(constants.tissue_t1)),
        ("PartitionCoefficient", json!(constants.partition_coefficient)),
        ("LabelingEfficiency", json!(constants.efficiency)),
        ("BackgroundSuppressionFactor", json!(settings.background_suppression_factor)),
        ("M0Correction", json!(result.m0_correction)),
        ("PostLabelingDelay", json!(delays)),
        ("BolusDuration", json!(boluses)),
        ("PairsUsed", json!(used)),
        ("PairsRejected", json!(rejected)),
        ("HasUnit", json!(result.absolute)),
    ]);
    if let Some((technique, time)) = acquisition.cut_off {
        model.insert("BolusCutOffTechnique".to_owned(), json!(technique.as_str()));
        model.insert("BolusCutOffDelayTime".to_owned(), json!(time.0));
    }
    if let Some(times) = &acquisition.slice_times {
        model.insert("SliceTiming".to_owned(), json!(times.iter().map(|time| time.0).collect::<Vec<_>>()));
    }
    if result.model != AslModel::WhitePaper {
        model.insert("ArrivalRange".to_owned(), json!([settings.att_low_s, settings.att_high_s]));
        model.insert("ArterialTerm".to_owned(), json!(result.arterial_volume.is_some()));
    }
    model
}

/// Makes the maps of a DCE series.
pub fn make_dynamic(
    dynamic: &Dynamic,
    acquisition: &DceAcquisition,
    settings: &dce::Settings,
    destination: &Destination<'_>,
) -> Result<MadeOutputs, SessionError> {
    let of_curves = curve_model(dynamic, acquisition, settings);
    let mut of_fits = of_curves.clone();
    if let (Some(model), Some((_, artery))) = (dynamic.model(), &dynamic.artery) {
        of_fits.extend(entries([
            ("Model", json!(model.as_str())),
            ("Equation", json!(model.equation())),
            ("ArterialInputFunction", json!(artery)),
            ("Hematocrit", json!(settings.hematocrit)),
            ("DelayFitted", json!(settings.delay == DelayFit::Fit)),
            ("Bounds", serde_json::to_value(&settings.fit).unwrap_or(Value::Null)),
        ]));
        if let Some(fits) = &dynamic.fits {
            let [fitted, bound, unfinished, unknown] = fits.outcomes;
            of_fits.insert(
                "Outcomes".to_owned(),
                json!({ "fitted": fitted, "at-bound": bound, "not-converged": unfinished, "no-concentration": unknown }),
            );
        }
    }
    let curve_maps = dynamic.curves.maps();
    let fit_maps = dynamic.fits.as_ref().map(|fits| fits.maps()).unwrap_or_default();
    let t1: Option<Vec<f32>> = dynamic.rates.as_ref().map(|rates| rates.iter().map(|rate| 1.0 / rate).collect());
    let mut outputs: Vec<Output<'_>> = Vec::new();
    for (map, model) in curve_maps.iter().map(|map| (map, &of_curves)).chain(fit_maps.iter().map(|map| (map, &of_fits)))
    {
        let mut model = model.clone();
        if let Some(code) = map.lexicon {
            model.insert("CAPLEX".to_owned(), json!(code));
        }
        outputs.push(Output {
            suffix: map.suffix,
            description: map.description,
            words: map.words.to_owned(),
            unit: map.unit,
            mask_type: None,
            model,
            skull_stripped: true,
            content: Content::Masked(&dynamic.mask, map.values),
        });
    }
    if let Some(t1) = &t1 {
        outputs.push(Output {
            suffix: "T1map",
            description: None,
            words: "Longitudinal relaxation time before contrast, as it was used.".to_owned(),
            unit: "s",
            mask_type: None,
            model: entries([("Source", json!(dynamic.relaxation_words))]),
            skull_stripped: true,
            content: Content::Masked(&dynamic.mask, t1),
        });
    }
    make_all(outputs, destination, &dynamic.caveats)
}

fn curve_model(dynamic: &Dynamic, acquisition: &DceAcquisition, settings: &dce::Settings) -> Map<String, Value> {
    entries([
        ("FrameTimesStart", json!(dynamic.times)),
        ("BaselineFrames", json!([dynamic.timing.baseline.start, dynamic.timing.baseline.end])),
        ("BolusArrivalTime", json!(dynamic.timing.arrival)),
        ("RepetitionTimeExcitation", json!(acquisition.excitation_time.map(|time| time.0))),
        ("FlipAngle", json!(acquisition.flip_angle.map(|angle| angle.0))),
        ("T1", json!(dynamic.relaxation_words)),
        ("Relaxivity", json!(dynamic.curves.concentration.then_some(settings.relaxivity_per_mm_s))),
        ("EnhancementThreshold", json!(settings.enhancement_sd)),
        ("CurveTypeBounds", json!([settings.curve.washout_below, settings.curve.persistent_above])),
        ("EarlyPeakWithin", json!(settings.curve.early_peak_s)),
    ])
}

fn entries<const N: usize>(entries: [(&str, Value); N]) -> Map<String, Value> {
    entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}
