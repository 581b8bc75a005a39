//! A measured arterial curve: the mean of a mask, or of voxels that are found.

use super::aif::{Compartment, PlasmaCurve};
use super::concentration::Samples;
use super::error::DceError;
use super::quantify::{AREA_60, ARRIVAL, DceSeries, PEAK, VoxelCurves, WASH_IN};
use super::settings::Settings;
use crate::image::Mask;
use crate::units::Tesla;

/// An arterial curve of the series itself.
#[derive(Debug, Clone, PartialEq)]
pub struct MeasuredArtery {
    /// Its concentration in plasma.
    pub plasma: PlasmaCurve,
    /// The voxels that it is the mean of, in the order of the mask.
    pub voxels: Vec<usize>,
}

/// The mean of an arterial mask.
pub fn artery_of_mask(series: &DceSeries<'_>, artery: &Mask, settings: &Settings) -> Result<MeasuredArtery, DceError> {
    let voxels = series.members(artery, "the arterial mask")?;
    plasma_of(series, voxels, settings)
}

/// Finds arterial voxels in the maps that the curves gave without a model.
///
/// METHOD: arteries enhance steepest and first. Of the steepest voxels (initial slope: peak over time to peak) the
/// earliest are averaged; what peaks no higher than `peak_ratio` times the mean curve is no artery, and an error.
pub fn find_artery(
    series: &DceSeries<'_>,
    curves: &VoxelCurves,
    settings: &Settings,
) -> Result<MeasuredArtery, DceError> {
    let slope = &curves.maps[WASH_IN];
    let mut candidates: Vec<usize> = (0..slope.len())
        .filter(|&voxel| [WASH_IN, ARRIVAL, AREA_60].iter().all(|&map| curves.maps[map][voxel].is_finite()))
        .collect();
    candidates.sort_by(|&a, &b| slope[b].total_cmp(&slope[a]).then(a.cmp(&b)));
    let wanted = settings.aif.voxels;
    let steep = ((settings.aif.candidate_fraction * candidates.len() as f64).ceil() as usize).max(wanted);
    candidates.truncate(steep);
    if candidates.len() < wanted {
        let found = candidates.len();
        return Err(DceError::Aif(format!(
            "only {found} voxels enhance: expected at least {wanted}; give one with --aif FILE, parker or georgiou"
        )));
    }
    let arrival = &curves.maps[ARRIVAL];
    candidates.sort_by(|&a, &b| arrival[a].total_cmp(&arrival[b]).then(a.cmp(&b)));
    candidates.truncate(wanted);
    candidates.sort_unstable();
    let mean_of = |voxels: &[usize]| {
        voxels.iter().map(|&voxel| f64::from(curves.maps[PEAK][voxel])).sum::<f64>() / voxels.len() as f64
    };
    let (peak, usual) = (mean_of(&candidates), curves.mean_peak);
    let least = settings.aif.peak_ratio * usual;
    if !(peak >= least) {
        return Err(DceError::Aif(format!(
            "the steepest voxels peak at {peak:.3}, below {least:.3} ({} times the mean curve): no artery was found; \
             give one with --aif FILE, parker or georgiou",
            settings.aif.peak_ratio
        )));
    }
    plasma_of(series, candidates, settings)
}

/// METHOD: the mean signal of the artery is converted with the T1 of blood: a T1 map is unreliable in flowing blood.
fn plasma_of(series: &DceSeries<'_>, voxels: Vec<usize>, settings: &Settings) -> Result<MeasuredArtery, DceError> {
    let mean = series.mean_signal(&voxels);
    let level = series.timing.level(&mean);
    let rate = match &series.samples {
        Samples::Signal { .. } => {
            let field = series.field.unwrap_or(Tesla(f64::NAN));
            let time = settings.aif.blood_t1(field).ok_or_else(|| {
                DceError::Aif(format!(
                    "MagneticFieldStrength is {}: expected 1.5, 3 or 7 T, for which [dce.aif] gives T1 of blood",
                    series.field.map_or("missing".to_owned(), |field| format!("{} T", field.0))
                ))
            })?;
            1.0 / time.0
        }
        Samples::RelativeOnly(_) | Samples::Concentration => f64::NAN,
    };
    let mut concentration = Vec::new();
    if !series.samples.blood_concentration(rate, level, &mean, &mut concentration) {
        return Err(DceError::Aif("no concentration explains the signal of the artery in every frame".to_owned()));
    }
    // METHOD: before the bolus there is none; noise of the baseline would be convolved into the tissue.
    concentration[..series.timing.baseline.end].fill(0.0);
    let compartment = Compartment::Blood { hematocrit: settings.hematocrit };
    let plasma = PlasmaCurve::new(series.times, &concentration, compartment)
        .map_err(|error| DceError::Aif(error.to_string()))?;
    Ok(MeasuredArtery { plasma, voxels })
}
