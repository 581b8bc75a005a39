//! What perfusion says of a lesion beside the columns of its row: spread, hot spots, leakage models, the artery.

use super::outputs::recovery_words;
use super::perfusion::Perfusion;
use super::pictures::outlined_slice;
use crate::dsc::{AifSource, VesselRule};
use crate::image::{Mask, Volume};
use crate::lesion::{Distribution, Statistics};
use crate::report::model::{ArteryFigure, FurtherRcbv, Panel, PanelKind, PerfusionDetail};

/// Everything beside the columns for the lesion at a place of the list.
pub fn of_lesion(perfusion: &Perfusion, place: usize) -> PerfusionDetail {
    let (result, lesion) = (&perfusion.result, &perfusion.lesions[place]);
    let settings = result.settings();
    let values = |map: &[f32]| perfusion.without_vessels(map).values_in(lesion).unwrap_or_default();
    let further = |normalization: &str, map: &[f32]| {
        let found = Statistics::of(&values(map))?;
        Some(FurtherRcbv { normalization: normalization.to_owned(), mean: found.mean, median: found.median })
    };
    let brain = perfusion.over_brain.as_ref().and_then(|brain| further("mean of the whole normal brain", &brain.rcbv));
    let standardized =
        perfusion.standardized.as_ref().and_then(|map| further("histogram of a cohort (standardized)", map));
    let normalized = result.normalized.as_ref();
    PerfusionDetail {
        integration: result.integration_words(),
        normalization: normalized.map(|_| format!("{} of normal-appearing white matter", settings.normalization)),
        distribution: normalized.and_then(|normalized| Distribution::of(&values(&normalized.rcbv), lesion)),
        voxel_error: normalized
            .and_then(|normalized| normalized.standard_error.as_ref())
            .and_then(|error| Statistics::of(&values(error)))
            .map(|found| found.mean),
        recovery_frames: recovery_words(settings),
        recovery_area: perfusion.lesion_curves[place].as_ref().and_then(|curves| curves.recovery_area),
        vessels: (settings.vessels.rule != VesselRule::None)
            .then(|| (vessel_words(perfusion), perfusion.vessels_in(lesion))),
        further: brain.into_iter().chain(standardized).collect(),
        leakage: perfusion.leakage_choices[place].clone(),
    }
}

/// The rule by which voxels are taken for vessels, in words.
pub fn vessel_words(perfusion: &Perfusion) -> String {
    let settings = &perfusion.result.settings().vessels;
    match settings.rule {
        VesselRule::None => "no voxel is taken for a vessel".to_owned(),
        VesselRule::HighRcbv => format!("rCBV above {} times white matter", settings.rcbv_above),
        VesselRule::Arterial => {
            format!("peak at least {} times that of the reference curve, and not later", settings.peak_ratio)
        }
    }
}

/// The arterial curve of the flow maps; `None` where no flow was made.
pub fn artery(perfusion: &Perfusion) -> Option<ArteryFigure> {
    let aif = perfusion.artery.as_ref()?;
    let source = match aif.source {
        AifSource::Automatic => "found in the series by clustering (Mouridsen, MRM 2006;55:524)",
        AifSource::Mask => "mean of the given mask",
        AifSource::Curve => "given curve",
    };
    Some(ArteryFigure {
        source: source.to_owned(),
        time: perfusion.result.time(),
        curve: aif.curve.clone(),
        voxels: aif.voxels.len(),
        peak: aif.peak,
        peak_time: aif.peak_time,
        width: aif.width,
        truncated: aif.truncated,
        words: aif.check(&perfusion.result.settings().aif).meaning,
    })
}

/// The slice that holds most arterial voxels, with their outline over the baseline of the series; `None` for a given
/// curve, which has no place.
pub fn artery_panel(perfusion: &Perfusion) -> Option<Panel> {
    let aif = perfusion.artery.as_ref().filter(|aif| !aif.voxels.is_empty())?;
    let result = &perfusion.result;
    let mut arterial = Mask::filled(perfusion.grid, false);
    let mut voxels = aif.voxels.iter().peekable();
    for (voxel, index) in result.mask.indices().enumerate() {
        if voxels.next_if(|&&wanted| wanted == voxel).is_some() {
            arterial.data[index] = true;
        }
    }
    let baseline = Volume::from_masked(&result.mask, &result.baseline.level);
    let [nx, ny, _] = perfusion.grid.shape();
    let slices = arterial.data.chunks(nx * ny).filter(|slice| slice.iter().any(|&inside| inside)).count();
    let words = match slices {
        1 => format!("{} voxels in one slice", aif.voxels.len()),
        _ => format!("{} voxels in {slices} slices", aif.voxels.len()),
    };
    outlined_slice(&arterial, &baseline, PanelKind::Artery, "Arterial voxels over the baseline signal", words)
}
