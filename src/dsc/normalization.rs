//! Normalized rCBV: rCBV over that of contralateral normal-appearing white matter, the number that cut-offs refer to.

use super::error::DscError;
use super::quantify::DscResult;
use super::reference::membership;
use super::settings::NormalizationStatistic;
use crate::curve::baseline::{mean, median, standard_deviation};
use crate::image::Mask;

/// rCBV as a ratio.
#[derive(Debug, Clone, PartialEq)]
pub struct Normalized {
    /// rCBV of the chosen leakage model over the reference.
    pub rcbv: Vec<f32>,
    /// Uncorrected rCBV over the uncorrected reference.
    pub uncorrected: Vec<f32>,
    /// Standard error of one voxel's `rcbv` from its fit; the reference mean is taken as exact.
    pub standard_error: Option<Vec<f32>>,
    /// Usable voxels of the reference region.
    pub reference_voxels: usize,
    /// What `rcbv` was divided by, a.u.
    pub reference_rcbv: f64,
    /// What `uncorrected` was divided by, a.u.
    pub reference_uncorrected: f64,
    /// Coefficient of variation of `rcbv` over the reference region; `None` for a single voxel.
    pub reference_variation: Option<f64>,
}

/// rCBV over the mean of the whole normal brain. It is another ratio than that to white matter: gray matter lifts the
/// mean, so the cut-offs do not refer to it.
#[derive(Debug, Clone, PartialEq)]
pub struct BrainNormalized {
    /// rCBV of the chosen leakage model over the mean.
    pub rcbv: Vec<f32>,
    /// Voxels of the normal brain.
    pub voxels: usize,
    /// Their mean rCBV, a.u.
    pub mean_rcbv: f64,
}

impl DscResult {
    /// Divides rCBV by its mean over the whole normal brain.
    ///
    /// METHOD: normal brain is every usable voxel outside the `lesions` whose late signal is not above its baseline by
    /// more than one standard deviation, as for the reference curve.
    pub fn over_normal_brain(&self, lesions: Option<&Mask>) -> Result<BrainNormalized, DscError> {
        let lesion = match lesions {
            Some(mask) => membership(&self.mask, mask, "the lesion mask")?,
            None => vec![false; self.uncorrected.len()],
        };
        let normal =
            |voxel: &usize| self.baseline.usable[*voxel] && !lesion[*voxel] && !self.baseline.is_brighter(*voxel);
        let rcbv = self.rcbv();
        let values: Vec<f64> = (0..rcbv.len())
            .filter(normal)
            .map(|voxel| f64::from(rcbv[voxel]))
            .filter(|value| value.is_finite())
            .collect();
        let region = || "the normal brain".to_owned();
        let mean_rcbv =
            mean(&values).ok_or_else(|| DscError::NoUsableVoxels { region: region(), inside: rcbv.len() })?;
        if mean_rcbv <= 0.0 {
            return Err(DscError::ReferenceNotPositive { found: mean_rcbv });
        }
        let rcbv = rcbv.iter().map(|&value| (f64::from(value) / mean_rcbv) as f32).collect();
        Ok(BrainNormalized { rcbv, voxels: values.len(), mean_rcbv })
    }

    /// Divides rCBV by its mean (or median, by settings) over the usable voxels of a reference region.
    pub fn normalize(&mut self, reference: &Mask) -> Result<(), DscError> {
        let inside = membership(&self.mask, reference, "the reference mask")?;
        let values = |map: &[f32]| -> Vec<f64> {
            let voxels = inside.iter().zip(&self.baseline.usable).zip(map);
            // A gamma variate that could not be fitted leaves a usable voxel without rCBV.
            voxels
                .filter_map(|((&inside, &usable), &value)| {
                    (inside && usable && value.is_finite()).then_some(f64::from(value))
                })
                .collect()
        };
        let divisor = |values: &[f64]| {
            let level = match self.settings.normalization {
                NormalizationStatistic::Mean => mean(values),
                NormalizationStatistic::Median => median(values),
            };
            let inside = inside.iter().filter(|&&inside| inside).count();
            let level = level.ok_or(DscError::NoUsableVoxels { region: "the reference region".to_owned(), inside })?;
            if level > 0.0 && level.is_finite() {
                Ok(level)
            } else {
                Err(DscError::ReferenceNotPositive { found: level })
            }
        };
        let (corrected, uncorrected) = (values(self.rcbv()), values(&self.uncorrected));
        let (reference_rcbv, reference_uncorrected) = (divisor(&corrected)?, divisor(&uncorrected)?);
        let over = |map: &[f32], by: f64| map.iter().map(|&value| (f64::from(value) / by) as f32).collect();
        self.normalized = Some(Normalized {
            rcbv: over(self.rcbv(), reference_rcbv),
            uncorrected: over(&self.uncorrected, reference_uncorrected),
            standard_error: self.leakage.as_ref().map(|leakage| over(&leakage.corrected_error, reference_rcbv)),
            reference_voxels: corrected.len(),
            reference_rcbv,
            reference_uncorrected,
            reference_variation: standard_deviation(&corrected).map(|deviation| deviation / reference_rcbv),
        });
        Ok(())
    }
}
