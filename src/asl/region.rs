//! One region of an ASL series with several delays: its mean differences, and the model fitted to them.

use super::fit::{ArrivalRange, AslFit, SeveralDelays};
use super::model::{Delay, SeveralDelaysModel};
use super::quantify::{AslModel, AslResult};
use super::settings::{QualityLimits, Settings};
use crate::image::{Mask, Volume};
use crate::quality::{Check, Quality};

/// The mean differences of a region over its delays.
#[derive(Debug, Clone, PartialEq)]
pub struct AslRegion {
    /// Post-labeling delays as the sidecar has them (PASL: inversion times), s.
    pub delays: Vec<f64>,
    /// Mean difference over M0 at each; over a number of its own where there is no M0.
    pub differences: Vec<f64>,
    /// The model's difference at each.
    pub fitted: Vec<f64>,
    /// The fit.
    pub fit: AslFit,
}

impl AslResult {
    /// Quality checks of one lesion.
    pub fn lesion_checks(&self, lesion: &Mask, limits: &QualityLimits) -> Vec<Check> {
        let Ok(values) = Volume::from_masked(&self.mask, &self.cbf).values_in(lesion) else { return Vec::new() };
        let finite: Vec<f32> = values.iter().copied().filter(|value| value.is_finite()).collect();
        let negative = finite.iter().filter(|value| **value < 0.0).count() as f64 / finite.len() as f64;
        let quality = if finite.is_empty() || negative > limits.negative_fail {
            Quality::Fail
        } else if negative > limits.negative_caution {
            Quality::Caution
        } else {
            Quality::Pass
        };
        vec![Check {
            name: "Negative flow in the lesion".to_owned(),
            found: if finite.is_empty() {
                "no usable voxel".to_owned()
            } else {
                format!("{:.0} % of {} voxels", 100.0 * negative, finite.len())
            },
            limit: format!("at most {:.0} %", 100.0 * limits.negative_caution),
            quality,
            meaning: "Much negative flow tells that noise is as large as the flow.".to_owned(),
        }]
    }

    /// The mean differences of a region and their fit; `None` with one delay, without a voxel, or where it fails.
    ///
    /// Slices excited at several times are taken at their mean time.
    pub fn region(&self, region: &Mask, settings: &Settings) -> Option<AslRegion> {
        let model = match self.model {
            AslModel::WhitePaper => return None,
            AslModel::General => SeveralDelaysModel::General,
            AslModel::Woods => SeveralDelaysModel::Woods,
        };
        self.mask.grid.same_space(&region.grid).ok()?;
        let known = |voxel: usize| self.differences.iter().all(|map| map[voxel].is_finite());
        let voxels: Vec<usize> = self
            .mask
            .indices()
            .enumerate()
            .filter(|&(voxel, index)| region.data[index] && known(voxel))
            .map(|(voxel, _)| voxel)
            .collect();
        if voxels.is_empty() {
            return None;
        }
        let count = voxels.len() as f64;
        let mean = |value: &dyn Fn(usize) -> f64| voxels.iter().map(|&voxel| value(voxel)).sum::<f64>() / count;
        let differences: Vec<f64> = self.differences.iter().map(|map| mean(&|voxel| f64::from(map[voxel]))).collect();
        let offset = self.offsets.as_ref().map_or(0.0, |offsets| mean(&|voxel| offsets[voxel]));
        let delays: Vec<Delay> =
            self.delays.iter().map(|delay| Delay { signal_time: delay.signal_time + offset, ..*delay }).collect();
        let weights: Vec<f64> = self.groups.iter().map(|group| group.differences.len() as f64).collect();
        let range = ArrivalRange { low: settings.att_low_s, high: settings.att_high_s, step: settings.att_step_s };
        let arterial = self.arterial_volume.is_some();
        let fit = SeveralDelays::new(model, self.constants, &delays, &weights, range, arterial)?;
        let (found, fitted) = fit.fit_with_curve(&differences)?;
        Some(AslRegion {
            delays: self.groups.iter().map(|group| group.delay).collect(),
            differences,
            fitted,
            fit: AslFit { cbf: found.cbf * self.scale, cbf_error: found.cbf_error * self.scale, ..found },
        })
    }
}
