//! Everything that PET says of one lesion, as it stands beside the lesion's row: what the columns have no room for.
//!
//! Statistics and peaks as the Image Biomarker Standardisation Initiative has them (arXiv:1612.07003).

use serde::{Deserialize, Serialize};

use super::background::BackgroundUptake;
use super::dynamic::LesionDynamics;
use super::overlap::Overlap;
use super::peak::PeakMode;
use super::quantify::PetResult;
use super::response::ResponseValues;
use super::settings::Settings;
use super::suv::SuvKind;
use super::uptake::{BiologicalVolume, LesionUptake, Scales, Uptake};
use crate::image::Grid;
use crate::units::{Milliliters, Millimeters};

/// The peak of a lesion in one mode.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PeakMeasure {
    /// Which sphere.
    pub mode: PeakMode,
    /// In the unit of the image.
    pub image: f64,
    /// In SUV; `None` without SUV.
    pub suv: Option<f64>,
    /// As ratio to the background; `None` without background.
    pub tbr: Option<f64>,
    /// Center of the sphere in scanner coordinates (RAS+ mm).
    pub position: [f64; 3],
}

/// What PET says of one lesion.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PetMeasures {
    /// What SUV is normalized by; `None` without SUV.
    pub suv_kind: Option<SuvKind>,
    /// Factors from the unit of the image.
    pub scales: Scales,
    /// Why there is no SUV; `None` where there is one.
    pub no_suv: Option<String>,
    /// In the unit of the image; `None` where no voxel holds a value.
    pub image: Option<Uptake>,
    /// In SUV.
    pub suv: Option<Uptake>,
    /// As ratio to the background.
    pub tbr: Option<Uptake>,
    /// 95 % interval of the mean in the unit of the image (spatial block bootstrap); `None` with too few voxels.
    pub mean_interval: Option<[f64; 2]>,
    /// The mode that the columns use.
    pub peak_mode: PeakMode,
    /// The peaks in the three modes.
    pub peaks: Vec<PeakMeasure>,
    /// Scanner coordinates (RAS+ mm) of the first largest voxel.
    pub max_position: Option<[f64; 3]>,
    /// Voxels that hold a value.
    pub voxels: usize,
    /// Voxels of the mask without a value.
    pub voxels_without_value: usize,
    /// Voxels below 0.
    pub voxels_negative: usize,
    /// Volume of the voxels that hold a value, mL.
    pub volume: Milliliters,
    /// 26-connected pieces of the mask.
    pub components: usize,
    /// Biological volumes, the deciding rule first.
    pub volumes: Vec<BiologicalVolume>,
    /// PET volume by the deciding rule against the lesion as drawn on the anatomy; `None` without a volume.
    pub overlap: Option<Overlap>,
    /// How far around the lesion uptake was followed for that.
    pub overlap_reach: Millimeters,
    /// Width that recovery is told for.
    pub width: Millimeters,
    /// Share of the true contrast expected at the center of a sphere of that width.
    pub recovery: f64,
    /// Assumed resolution (full width at half maximum).
    pub fwhm: Millimeters,
    /// The background.
    pub background: Option<BackgroundUptake>,
    /// Time between injection and the start of the scan, or of the static window, min.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uptake_time_min: Option<f64>,
    /// Time-activity curves; `None` for a static image.
    pub dynamic: Option<LesionDynamics>,
    /// What the response rules compare.
    pub response_values: ResponseValues,
}

impl PetMeasures {
    /// Gathers what was measured of a lesion on the grid of the image.
    pub fn of(lesion: &LesionUptake, result: &PetResult, grid: &Grid, settings: &Settings) -> Self {
        let scales = result.scales;
        let peaks = PeakMode::ALL
            .iter()
            .filter_map(|&mode| {
                let peak = lesion.peaks.of(mode)?;
                Some(PeakMeasure {
                    mode,
                    image: peak.value,
                    suv: scales.suv_of(peak.value),
                    tbr: scales.ratio_of(peak.value),
                    position: grid.position(grid.voxel(peak.center)),
                })
            })
            .collect();
        Self {
            suv_kind: result.suv.as_ref().ok().map(|scale| scale.kind),
            scales,
            no_suv: result.suv.as_ref().err().map(ToString::to_string),
            image: lesion.image,
            suv: lesion.suv,
            tbr: lesion.tbr,
            mean_interval: None,
            peak_mode: settings.peak,
            peaks,
            max_position: lesion.max_position,
            voxels: lesion.voxels,
            voxels_without_value: lesion.voxels_without_value,
            voxels_negative: lesion.voxels_negative,
            volume: lesion.volume,
            components: lesion.components,
            volumes: lesion.volumes.clone(),
            overlap: None,
            overlap_reach: Millimeters(settings.comparison_reach_mm),
            width: lesion.width,
            recovery: lesion.recovery,
            fwhm: Millimeters(settings.scanner_fwhm_mm),
            background: result.background.clone(),
            uptake_time_min: result.uptake_time.map(|time| time.minutes()),
            dynamic: None,
            response_values: ResponseValues {
                tbr_max: lesion.tbr.map(|tbr| tbr.max),
                tbr_mean: lesion.tbr.map(|tbr| tbr.mean),
                btv_ml: lesion.volumes.first().map(|volume| volume.volume.0),
                sul_peak: result.lean.and_then(|factor| lesion.peaks.of(settings.peak).map(|peak| peak.value * factor)),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::acquisition::{PetAcquisition, PetUnits};
    use crate::clinical::{Sex, Tracer};
    use crate::image::{Affine, Mask, Volume};
    use crate::pet::quantify;
    use crate::settings::default_section;
    use crate::units::{Kilograms, Meters};

    #[test]
    fn each_peak_mode_stands_in_every_unit_and_sul_beside_the_chosen_normalization() {
        let grid = Grid::from_stored([20, 20, 20], Affine::diagonal([2.0; 3], [-19.0; 3])).unwrap();
        let image = Volume::filled(grid, 4.0);
        let lesion = Mask { grid, data: (0..grid.len()).map(|index| grid.voxel(index)[0] < 10).collect() };
        let mut acquisition = PetAcquisition::unknown();
        acquisition.units = Some(PetUnits::SuvBodyWeight);
        acquisition.tracer = Some(Tracer::Fdg);
        acquisition.body.weight = Some(Kilograms(75.0));
        acquisition.body.height = Some(Meters(1.85));
        acquisition.body.sex = Some(Sex::Male);
        let settings: Settings = default_section("pet");
        let background = crate::pet::Background::Number(2.0);
        let result = quantify(&image, &acquisition, Some(&background), &[lesion], &settings).unwrap();
        let measures = PetMeasures::of(&result.lesions[0], &result, &grid, &settings);
        // A uniform image: peak, maximum and mean are one number.
        assert_eq!(measures.peaks.len(), 3);
        for peak in &measures.peaks {
            assert!((peak.image - 4.0).abs() < 1e-6 && (peak.suv.unwrap() - 4.0).abs() < 1e-6, "{peak:?}");
            assert!((peak.tbr.unwrap() - 2.0).abs() < 1e-6, "{peak:?}");
        }
        // Lean body mass by Janmahasatian at 75 kg and 1.85 m: 60.91533589 kg.
        let sul = measures.response_values.sul_peak.unwrap();
        assert!((sul - 4.0 * 60.915_335_89 / 75.0).abs() < 1e-6, "{sul}");
        assert_eq!((measures.components, measures.volumes[0].components), (1, 1));
        let text = serde_json::to_string(&measures).unwrap();
        assert_eq!(serde_json::from_str::<PetMeasures>(&text).unwrap(), measures);
    }
}
