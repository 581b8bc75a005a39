//! Voxels of a lesion that hold a large vessel rather than tumor capillaries.
//!
//! METHOD: large vessels inside or beside an enhancing lesion raise its mean rCBV and its hot spots (Kellner et al., J
//! Magn Reson Imaging 2016;44:1129 on removing macrovessels). No rule is agreed upon, so the exclusion is off unless the
//! settings switch it on, and what it leaves out is counted and told.

use super::quantify::DscResult;
use super::reference::rates_of;
use super::settings::VesselRule;
use super::signal::DscSignal;
use super::{DscError, reference::membership};
use crate::image::Mask;

impl DscResult {
    /// Which voxels of a region are vessels by the rule of the settings, in the order of the maps; `None` where no rule
    /// is switched on, or the rule needs normalized rCBV and there is none.
    pub fn vessels(&self, signal: &DscSignal<'_>, region: &Mask) -> Result<Option<Vec<bool>>, DscError> {
        let settings = &self.settings().vessels;
        let mut vessels = membership(&self.mask, region, "the region of vessels")?;
        vessels.iter_mut().zip(&self.baseline.usable).for_each(|(inside, &usable)| *inside &= usable);
        match (settings.rule, &self.normalized) {
            (VesselRule::None, _) | (VesselRule::HighRcbv, None) => return Ok(None),
            (VesselRule::HighRcbv, Some(normalized)) => {
                for (vessel, &rcbv) in vessels.iter_mut().zip(&normalized.rcbv) {
                    *vessel &= f64::from(rcbv) > settings.rcbv_above;
                }
            }
            (VesselRule::Arterial, _) => {
                let reference = &self.reference.rate;
                let peak = peak_frame(reference.iter().copied());
                let least = settings.peak_ratio * reference[peak];
                let voxels: Vec<usize> = (0..vessels.len()).filter(|&voxel| vessels[voxel]).collect();
                for (&voxel, curve) in voxels.iter().zip(rates_of(signal, self, &voxels).chunks_exact(reference.len()))
                {
                    let own = peak_frame(curve.iter().map(|&rate| f64::from(rate)));
                    vessels[voxel] = f64::from(curve[own]) >= least && own <= peak;
                }
            }
        }
        Ok(Some(vessels))
    }
}

/// The first frame of the largest value.
fn peak_frame(values: impl Iterator<Item = f64>) -> usize {
    let mut best = (0, f64::NEG_INFINITY);
    for (frame, value) in values.enumerate() {
        if value > best.1 {
            best = (frame, value);
        }
    }
    best.0
}
