//! What the PET image says of one lesion.

use std::borrow::Cow;

use super::Bench;
use crate::clinical::Tracer;
use crate::image::{Mask, resample_mask};
use crate::lesion::{LesionRecord, measure_tbr_interval};
use crate::pet::{LesionDynamics, Overlap, PetMeasures};
use crate::pipeline::error::SessionError;
use crate::pipeline::uptake::Uptake;
use crate::quality::Caveat;
use crate::units::Millimeters;
impl Bench<'_> {
    pub(super) fn uptake_columns(
        &self,
        place: usize,
        uptake: &Uptake,
        record: &mut LesionRecord,
    ) -> Result<(Vec<Caveat>, PetMeasures), SessionError> {
        let lesion = &uptake.result.lesions[place];
        let mut measures = PetMeasures::of(lesion, &uptake.result, &uptake.image.grid, &self.settings.pet);
        let mut caveats = lesion.caveats.clone();
        if let Some(suv) = &lesion.suv {
            (record.suv_max, record.suv_mean, record.suv_peak) = (Some(suv.max), Some(suv.mean), Some(suv.peak));
        }
        if let Some(tbr) = &lesion.tbr {
            (record.tbr_max, record.tbr_mean, record.tbr_peak) = (Some(tbr.max), Some(tbr.mean), Some(tbr.peak));
        }
        let scales = uptake.result.scales;
        if uptake.lesions[place].count() > 0 {
            // The interval of the mean scales with the image, so no ratio map is held for it.
            let failed = |source| SessionError::Lesion { file: "PET image".to_owned(), source };
            let more = measure_tbr_interval(record, &uptake.lesions[place], &uptake.image, &self.settings.lesion)
                .map_err(failed)?;
            measures.mean_interval = record.tbr_ci_low.zip(record.tbr_ci_high).map(|(low, high)| [low, high]);
            if scales.tbr.is_some() {
                caveats.extend(more);
            }
            let scaled = |end: Option<f64>| scales.ratio_of(end?);
            (record.tbr_ci_low, record.tbr_ci_high) = (scaled(record.tbr_ci_low), scaled(record.tbr_ci_high));
        }
        if let Some(background) = &uptake.result.background {
            record.background_mean = Some(background.mean * scales.suv.unwrap_or(1.0));
            record.background_cov = background.cov;
        }
        if let Some(volume) = lesion.volumes.first() {
            record.btv_ml = Some(volume.volume.0);
            record.tlu = match &record.tracer {
                Some(Tracer::Fdg) => volume.total_suv,
                _ => volume.total_tbr,
            };
        }
        if let Some(curve) = uptake.curves.get(place) {
            let dynamic = LesionDynamics::of(curve, uptake.background_curve.as_ref(), scales, &self.settings.pet);
            record.ttp_min = dynamic.lesion.time_to_peak_min;
            record.slope_per_h = scales.tbr.and(dynamic.lesion.slope_per_h);
            measures.dynamic = Some(dynamic);
        }
        measures.overlap = self.overlap(place, uptake)?;
        record.pet_quality = Some(uptake.result.quality);
        Ok((caveats, measures))
    }

    /// The PET volume by the deciding rule against the lesion as it was drawn on the anatomy; `None` without a volume.
    fn overlap(&self, place: usize, uptake: &Uptake) -> Result<Option<Overlap>, SessionError> {
        let Some(volume) = uptake.result.lesions[place].volumes.first() else { return Ok(None) };
        let grid = &uptake.image.grid;
        let drawn = &self.masks.lesions[place].mask;
        let mri = match drawn.grid.same_space(grid) {
            Ok(()) => Cow::Borrowed(drawn),
            Err(_) => Cow::Owned(resample_mask(drawn, grid, None)?),
        };
        let others: Vec<&Mask> =
            uptake.lesions.iter().enumerate().filter(|(other, _)| *other != place).map(|(_, mask)| mask).collect();
        let reach = Millimeters(self.settings.pet.comparison_reach_mm);
        Overlap::around(&uptake.image, &mri, &uptake.lesions[place], &others, volume.bound, reach)
            .map_err(|difference| SessionError::Mask { file: "PET image".to_owned(), problem: difference.to_string() })
    }
}
