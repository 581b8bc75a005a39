//! rCBV of the first passage alone: the area of a gamma variate fitted to each voxel's ΔR2*.
//!
//! Recirculation and late leakage lie outside the fitted frames (Thompson et al., Circ Res 1964;14:502; Boxerman et al.,
//! AJNR 2006;27:859 compare it with the leakage models). The curve is the measured one, or the leakage-corrected one.

use super::kernel::lane_maxima;
use super::quantify::{Correction, DscResult};
use super::reference::{RateScratch, second_part};
use super::settings::FirstPassSettings;
use super::signal::DscSignal;
use super::timing::Timing;
use super::{Baseline, perfusion::correct_rates};
use crate::curve::gamma_variate::{FirstPassFrames, GammaVariateFit, fit_gamma_variate};
use crate::image::for_each_block;

/// Outputs of the loop over voxels.
const OUTPUTS: usize = 7;

/// The fits, one value per voxel of the series; NaN where no passage could be fitted.
#[derive(Debug, Clone, PartialEq)]
pub struct FirstPassMaps {
    /// Area of the gamma variate: rCBV, a.u.
    pub area: Vec<f32>,
    /// Its standard error from the fit residual and the noise of S0.
    pub area_error: Vec<f32>,
    /// Shape α.
    pub shape: Vec<f32>,
    /// Onset, s from the first frame of the series.
    pub onset: Vec<f32>,
    /// Time of the peak, s from the first frame of the series.
    pub peak_time: Vec<f32>,
    /// Residual standard deviation over the fitted frames, 1/s.
    pub residual: Vec<f32>,
    /// Usable voxels without a fit.
    pub not_fitted: usize,
}

/// The leakage that is taken out of the curves before they are fitted.
#[derive(Clone, Copy)]
pub(super) struct Leaked<'a> {
    pub(super) correction: &'a Correction,
    pub(super) k2: &'a [f32],
    pub(super) kep_per_min: Option<&'a [f32]>,
}

impl FirstPassSettings {
    /// The frames of the first passage of curves that start at the first steady frame.
    pub(super) fn frames(&self, timing: &Timing, step: f64) -> FirstPassFrames {
        let arrival = timing.arrival - timing.steady;
        let longest = (self.search_s / step).ceil() as usize;
        FirstPassFrames { peak: (arrival, arrival + 1 + longest), end_fraction: self.end_fraction, fall: longest }
    }
}

#[derive(Default)]
struct Scratch {
    second: Vec<f32>,
    levels: RateScratch,
    rates: Vec<f32>,
    highest: Vec<f32>,
    k2: Vec<f32>,
    curve: Vec<f64>,
}

/// Fits every usable voxel.
pub(super) fn fit_first_pass(
    signal: &DscSignal<'_>,
    timing: &Timing,
    baseline: &Baseline,
    leaked: Option<Leaked<'_>>,
    settings: &FirstPassSettings,
) -> FirstPassMaps {
    let step = signal.step();
    let frames = settings.frames(timing, step);
    let start = timing.steady as f64 * step;
    let level_gain = signal.noise_gain() / (timing.baseline().len() as f64).sqrt();
    let maps = for_each_block(signal.series(), OUTPUTS, Scratch::default, |block, scratch, outputs| {
        let usable = block.part_of(&baseline.usable);
        if usable.iter().all(|&usable| !usable) {
            return;
        }
        let second = signal.second_samples(block, &mut scratch.second);
        let inverse = scratch.levels.inverse(block.part_of(&baseline.level), second_part(block, baseline));
        signal.rates(block, second, timing.steady, inverse, &mut scratch.rates);
        if let Some(leaked) = leaked {
            correct_rates(leaked, block, &mut scratch.k2, &mut scratch.rates);
        }
        scratch.highest.resize(block.width, 0.0);
        lane_maxima(&scratch.rates, &mut scratch.highest);
        let [area, error, shape, onset, peak_time, residual, fitted] = outputs else { return };
        let (level, deviation) = (block.part_of(&baseline.level), block.part_of(&baseline.deviation));
        for lane in (0..block.width).filter(|&lane| usable[lane]) {
            fitted[lane] = 0.0;
            if scratch.highest[lane].is_nan() || scratch.highest[lane] <= 0.0 {
                continue;
            }
            scratch.curve.clear();
            scratch.curve.extend(scratch.rates[lane..].iter().step_by(block.width).map(|&rate| f64::from(rate)));
            let Some(fit) = fit_gamma_variate(&scratch.curve, step, frames) else { continue };
            let level_error = level_gain * f64::from(deviation[lane]) / f64::from(level[lane]);
            area[lane] = fit.area as f32;
            error[lane] = fit.area_error.hypot(fit.area_offset * level_error) as f32;
            shape[lane] = fit.curve.shape as f32;
            onset[lane] = (start + fit.curve.onset()) as f32;
            peak_time[lane] = (start + fit.curve.peak_time) as f32;
            residual[lane] = fit.residual as f32;
            fitted[lane] = 1.0;
        }
    });
    let [area, area_error, shape, onset, peak_time, residual, fitted] =
        <[Vec<f32>; OUTPUTS]>::try_from(maps).expect("the loop returns as many maps as were asked for");
    let not_fitted = fitted.iter().filter(|&&fitted| fitted == 0.0).count();
    FirstPassMaps { area, area_error, shape, onset, peak_time, residual, not_fitted }
}

impl DscResult {
    /// The gamma variate of a mean curve over the used frames; `None` where no passage can be fitted.
    pub fn first_pass_of(&self, curve: &[f64]) -> Option<GammaVariateFit> {
        fit_gamma_variate(curve, self.step, self.settings.first_pass.frames(&self.timing, self.step))
    }
}
