//! The mean curves of a region: a lesion's or the reference's bolus, and the numbers that are read off them.

use super::baseline::percentage_recovered;
use super::concentration::SeriesContent;
use super::error::DscError;
use super::quantify::{Correction, DscResult};
use super::reference::{membership, sum_of_rates};
use super::signal::DscSignal;
use crate::image::Mask;

/// Mean curves over the usable voxels of a region, from the first steady frame on.
#[derive(Debug, Clone, PartialEq)]
pub struct RegionCurves {
    /// Usable voxels.
    pub voxels: usize,
    /// Voxels of the region inside the series' mask.
    pub inside: usize,
    /// Mean signal of the first echo.
    pub signal: Vec<f64>,
    /// Mean ΔR2*, 1/s.
    pub relaxation_rate: Vec<f64>,
    /// Mean leakage-corrected ΔR2*, 1/s; as measured where correction was switched off.
    pub corrected: Vec<f64>,
    /// Largest mean ΔR2*, 1/s.
    pub peak_height: f64,
    /// Percentage of signal recovery of the mean signal; `None` where it does not drop below its baseline.
    pub signal_recovery: Option<f64>,
    /// Recovery by area: mean percentage of signal recovery from the minimum to the end of the series.
    pub recovery_area: Option<f64>,
}

/// The mean curves of a region; an error where it holds no usable voxel.
///
/// `region` names the region in that error, such as `lesion 2`.
pub fn region_curves(
    signal: &DscSignal<'_>,
    result: &DscResult,
    mask: &Mask,
    region: &str,
) -> Result<RegionCurves, DscError> {
    let member = membership(&result.mask, mask, region)?;
    let inside = member.iter().filter(|&&inside| inside).count();
    let used: Vec<bool> = member.iter().zip(&result.baseline.usable).map(|(&a, &b)| a && b).collect();
    let voxels = used.iter().filter(|&&used| used).count();
    if voxels == 0 {
        return Err(DscError::NoUsableVoxels { region: region.to_owned(), inside });
    }
    let count = voxels as f64;
    let flags: Vec<f32> = used.iter().map(|&used| if used { 1.0 } else { 0.0 }).collect();
    let mut relaxation_rate = sum_of_rates(signal, &result.timing, &result.baseline, &flags);
    relaxation_rate.iter_mut().for_each(|sum| *sum /= count);
    let corrected = match (&result.correction, mean_correction(result, &used, count)) {
        // The first passage is the corrected curve.
        (Correction::FirstPass, _) => match result.first_pass_of(&relaxation_rate) {
            Some(fit) => (0..relaxation_rate.len()).map(|frame| fit.curve.value(frame as f64 * result.step)).collect(),
            None => relaxation_rate.clone(),
        },
        (_, Some(correction)) => relaxation_rate.iter().zip(correction).map(|(rate, leaked)| rate + leaked).collect(),
        (_, None) => relaxation_rate.clone(),
    };
    let recorded = result.content == SeriesContent::Signal;
    let mut mean_signal = vec![0.0; result.timing.used().len()];
    for voxel in (0..used.len()).filter(|&voxel| used[voxel]) {
        let curve = signal.series().curve(voxel);
        for (mean, &value) in mean_signal.iter_mut().zip(&curve[result.timing.steady..]) {
            *mean += f64::from(value) / count;
        }
    }
    Ok(RegionCurves {
        voxels,
        inside,
        peak_height: relaxation_rate.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        signal_recovery: recorded.then(|| signal_recovery(&mean_signal, result)).flatten(),
        recovery_area: recorded.then(|| recovery_area(&mean_signal, result)).flatten(),
        signal: mean_signal,
        relaxation_rate,
        corrected,
    })
}

/// Relative peak height: largest ΔR2* of the lesion's mean curve over that of the reference's mean curve; `None` where
/// the reference does not rise.
pub fn relative_peak_height(lesion: &RegionCurves, reference: &RegionCurves) -> Option<f64> {
    (reference.peak_height > 0.0).then(|| lesion.peak_height / reference.peak_height)
}

/// What leakage took from the region's mean ΔR2*, 1/s; `None` without a leakage model.
///
/// The correction is linear in K2, so for BSW the mean correction is that of the mean K2.
fn mean_correction(result: &DscResult, used: &[bool], count: f64) -> Option<Vec<f64>> {
    let leakage = result.leakage.as_ref()?;
    let voxels = || (0..used.len()).filter(|&voxel| used[voxel]);
    let mean_k2 = |wanted: &dyn Fn(usize) -> bool| {
        voxels().filter(|&voxel| wanted(voxel)).map(|voxel| f64::from(leakage.k2[voxel])).sum::<f64>() / count
    };
    match &result.correction {
        Correction::FirstPass | Correction::None => None,
        Correction::Bsw(bsw) => Some(bsw.correction_curve(mean_k2(&|_| true))),
        Correction::Bidirectional(bsw, model) => {
            let kep = leakage.kep_per_min.as_ref()?;
            let mut correction = bsw.correction_curve(mean_k2(&|voxel| kep[voxel].is_nan()));
            for voxel in voxels().filter(|&voxel| !kep[voxel].is_nan()) {
                let curve = model.correction_curve(f64::from(leakage.k2[voxel]), f64::from(kep[voxel]) / 60.0);
                for (sum, value) in correction.iter_mut().zip(curve) {
                    *sum += value / count;
                }
            }
            Some(correction)
        }
    }
}

/// PSR of a mean signal that starts at the first steady frame.
fn signal_recovery(signal: &[f64], result: &DscResult) -> Option<f64> {
    let mean = |values: &[f64]| crate::curve::baseline::mean(values);
    let arrival = result.timing.arrival - result.timing.steady;
    let minimum = signal[arrival..].iter().copied().fold(f64::INFINITY, f64::min);
    let frames = result.timing.recovery(result.step, result.settings());
    let recovered = &signal[frames.start - result.timing.steady..frames.end - result.timing.steady];
    percentage_recovered(mean(&signal[..arrival])?, minimum, mean(recovered)?)
}

/// Recovery by area: the mean of `100 (S - S_min)/(S0 - S_min)` from the minimum to the end of the series, the area
/// under the recovering signal over that of a full recovery at once. A measure of ours beside PSR: it rests on no window.
fn recovery_area(signal: &[f64], result: &DscResult) -> Option<f64> {
    let arrival = result.timing.arrival - result.timing.steady;
    let level = crate::curve::baseline::mean(&signal[..arrival])?;
    let place =
        (arrival..signal.len()).reduce(|best, frame| if signal[frame] < signal[best] { frame } else { best })?;
    let duration = (signal.len() - 1 - place) as f64 * result.step;
    let area = crate::curve::area::trapezoid(&signal[place..], result.step) - signal[place] * duration;
    (level > signal[place] && duration > 0.0).then(|| 100.0 * area / ((level - signal[place]) * duration))
}
