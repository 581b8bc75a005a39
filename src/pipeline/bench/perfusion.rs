//! What the DSC series says of one lesion.

use super::Bench;
use crate::dsc::{relative_peak_height, tumor_burden_class};
use crate::image::{Labels, Mask, Volume, resample_mask};
use crate::lesion::{
    Core, DscCurves, DscMaps, Enhancement, Histogram, LesionRecord, RcbvCutoffs, enhancement, measure_dsc,
};
use crate::pipeline::error::SessionError;
use crate::pipeline::perfusion::Perfusion;
use crate::pipeline::{alternatives, details};
use crate::quality::{Caveat, CaveatCode, Check, worst};
use crate::reanalysis::Alternative;
use crate::report::model::BolusFigure;
/// What the DSC series says of one lesion, beside its columns.
pub(super) struct PerfusionOfLesion {
    pub(super) caveats: Vec<Caveat>,
    pub(super) checks: Vec<Check>,
    pub(super) bolus: Option<BolusFigure>,
    pub(super) burden: Option<Labels>,
    pub(super) histogram: Option<Histogram>,
    pub(super) alternatives: Vec<Alternative>,
}

impl Bench<'_> {
    pub(super) fn perfusion_columns(
        &self,
        place: usize,
        perfusion: &Perfusion,
        record: &mut LesionRecord,
    ) -> Result<PerfusionOfLesion, SessionError> {
        let lesion = &perfusion.lesions[place];
        let result = &perfusion.result;
        if lesion.count() == 0 {
            return Ok(PerfusionOfLesion {
                caveats: Vec::new(),
                checks: result.checks.clone(),
                bolus: None,
                burden: None,
                histogram: None,
                alternatives: Vec::new(),
            });
        }
        let failed = |source| SessionError::Dsc { file: self.series.to_owned(), source };
        let mut judged = result.lesion_checks(lesion, "the lesion").map_err(failed)?;
        let mut caveats = std::mem::take(&mut judged.caveats);
        let vessels = perfusion.vessels_in(lesion);
        if vessels > 0 {
            let detail = format!("{vessels} of {} lesion voxels: {}", lesion.count(), details::vessel_words(perfusion));
            caveats.push(Caveat::new(CaveatCode::VesselsExcluded, detail));
            judged.checks.push(result.left_check(vessels, lesion.count()));
            judged.quality = worst(&judged.checks);
        }
        record.dsc_usable_fraction = judged.usable_fraction;
        record.dsc_quality = judged.quality;
        let lesion_curves = perfusion.lesion_curves[place].as_ref();
        let mut burden = None;
        let mut histogram = None;
        let mut alternatives = Vec::new();
        if let Some(normalized) = &result.normalized {
            let map = |values: &[f32]| perfusion.without_vessels(values);
            let (rcbv, uncorrected) = (map(&normalized.rcbv), map(&normalized.uncorrected));
            let k2 = result.leakage.as_ref().map(|leakage| map(&leakage.k2));
            let rcbf = perfusion.relative_flow().map(|values| map(&values));
            let flow = perfusion.flow.as_ref();
            let (mtt, tmax) = (flow.map(|flow| map(&flow.mtt)), flow.map(|flow| map(&flow.tmax)));
            let maps = DscMaps {
                rcbv: &rcbv,
                rcbv_uncorrected: Some(&uncorrected),
                k2: k2.as_ref(),
                rcbf: rcbf.as_ref(),
                mtt: mtt.as_ref(),
                tmax: tmax.as_ref(),
            };
            let curves = DscCurves {
                rph: lesion_curves
                    .zip(perfusion.reference_curves.as_ref())
                    .and_then(|(a, b)| relative_peak_height(a, b)),
                psr: lesion_curves.and_then(|curves| curves.signal_recovery),
            };
            let bounds = self.settings.verdict.dsc.bounds();
            let variation = self.settings.verdict.rcbv_wcv;
            let cutoffs = RcbvCutoffs { necrosis: bounds.low(), recurrence: bounds.high(), variation };
            let seen = self.enhancement(place, perfusion)?;
            let core = match &seen {
                _ if self.masks.core_labeled => Core::Labeled,
                Some((enhancement, enhancing)) => Core::Seen { enhancing, share: enhancement.share },
                None => Core::Unknown,
            };
            let failed = |source| SessionError::Lesion { file: "rCBV map".to_owned(), source };
            caveats.extend(
                measure_dsc(record, lesion, &maps, curves, core, cutoffs, &self.settings.lesion).map_err(failed)?,
            );
            if result.leakage.is_some() {
                caveats.extend(leakage_decides(record, cutoffs));
            }
            let data = rcbv.data.iter().zip(&lesion.data).map(|(&value, &inside)| {
                if inside { u32::from(tumor_burden_class(value, cutoffs.necrosis, cutoffs.recurrence)) } else { 0 }
            });
            burden = Some(Labels { grid: rcbv.grid, data: data.collect() });
            let values = rcbv.values_in(lesion).unwrap_or_default();
            histogram = Histogram::of(&values, [cutoffs.necrosis, cutoffs.recurrence]);
            alternatives = match (&seen, record.rcbv_enhancing_mean) {
                _ if !self.for_page => Vec::new(),
                (Some((_, enhancing)), Some(_)) => {
                    let same_space = |difference: crate::image::SpaceDifference| SessionError::Mask {
                        file: "enhancing tissue".to_owned(),
                        problem: difference.to_string(),
                    };
                    let region = lesion.and(enhancing).map_err(same_space)?;
                    alternatives::of_perfusion(perfusion, place, &region, "rcbv_enhancing_mean")
                }
                _ => alternatives::of_perfusion(perfusion, place, lesion, "rcbv_mean"),
            };
        } else if let Some(leakage) = &result.leakage {
            let values = Volume::from_masked(&result.mask, &leakage.k2).values_in(lesion);
            record.k2_mean =
                values.ok().and_then(|values| crate::lesion::Statistics::of(&values)).map(|found| found.mean);
        }
        let bolus = lesion_curves.map(|curves| BolusFigure {
            time: result.time(),
            lesion: curves.relaxation_rate.clone(),
            lesion_corrected: curves.corrected.clone(),
            reference: perfusion
                .reference_curves
                .as_ref()
                .map_or_else(Vec::new, |curves| curves.relaxation_rate.clone()),
            arrival: result.arrival_time(),
        });
        // The checks of flow stand with the others and do not lower the word that gates rCBV.
        let mut checks = judged.checks;
        checks.extend(perfusion.flow.iter().flat_map(|flow| flow.checks.iter().cloned()));
        Ok(PerfusionOfLesion { caveats, checks, bolus, burden, histogram, alternatives })
    }

    /// The enhancing part of the lesion, found on the post-contrast T1 and taken to the grid of the series.
    fn enhancement(&self, place: usize, perfusion: &Perfusion) -> Result<Option<(Enhancement, Mask)>, SessionError> {
        let (Some(anatomy), Some(reference)) =
            (self.anatomy.filter(|anatomy| anatomy.after_contrast), &perfusion.reference)
        else {
            return Ok(None);
        };
        let grid = &anatomy.volume.grid;
        let to_series = self.through.map(|through| &through.to_series);
        let to_anatomy = self.through.map(|through| &through.to_anatomy);
        let drawn = &self.masks.lesions[place].mask;
        let on_series = drawn.grid.same_space(&perfusion.grid).is_ok();
        let lesion = resample_mask(drawn, grid, to_series.filter(|_| on_series))?;
        let white = resample_mask(reference, grid, to_series)?;
        if lesion.count() == 0 || white.count() == 0 {
            return Ok(None);
        }
        let failed = |source| SessionError::Lesion { file: anatomy.name.to_owned(), source };
        let found = enhancement(&lesion, &anatomy.volume, &white, &self.settings.lesion).map_err(failed)?;
        let enhancing = resample_mask(&found.mask, &perfusion.grid, to_anatomy)?;
        Ok(Some((found, enhancing)))
    }
}

/// METHOD: no model undoes strong leakage fully, so a reading that the correction makes is a weaker one than a reading
/// that it only moves.
fn leakage_decides(record: &LesionRecord, cutoffs: RcbvCutoffs) -> Option<Caveat> {
    let (corrected, uncorrected) = (record.rcbv_mean?, record.rcbv_uncorrected_mean?);
    let side = |value: f64| (value > cutoffs.recurrence, value < cutoffs.necrosis);
    (uncorrected < 0.0 || side(corrected) != side(uncorrected)).then(|| {
        let detail = format!("mean rCBV {corrected:.2} corrected, {uncorrected:.2} uncorrected");
        Caveat::new(CaveatCode::LeakageDecides, detail)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leakage_decides_where_the_uncorrected_mean_reads_otherwise_or_is_no_volume() {
        let cutoffs = RcbvCutoffs { necrosis: 1.0, recurrence: 1.75, variation: 0.1 };
        let told = |corrected, uncorrected| {
            let (rcbv_mean, rcbv_uncorrected_mean) = (Some(corrected), Some(uncorrected));
            let record = LesionRecord { rcbv_mean, rcbv_uncorrected_mean, ..Default::default() };
            leakage_decides(&record, cutoffs).is_some()
        };
        assert!(told(2.18, 0.78) && told(0.19, -1.13) && told(1.5, 1.8));
        assert!(!told(2.18, 1.80) && !told(0.5, 0.2) && !told(1.2, 1.6));
    }
}
