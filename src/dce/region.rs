//! One region of a DCE series: its mean curve, what the curve shows, and what a model makes of it.

use super::aif::PlasmaCurve;
use super::concentration::Samples;
use super::enhancement::{CurveType, Enhancement, curve_type};
use super::error::DceError;
use super::fit::{KineticFit, Kinetics, ranked_fits};
use super::model::Model;
use super::quantify::{DceSeries, VoxelFits};
use super::settings::{ModelChoice, QualityLimits, Settings};
use crate::curve::baseline::median;
use crate::image::Mask;
use crate::quality::{Check, Quality};

/// Enhancement over noise above this is not told in digits.
const MOST_SHOWN: f64 = 1000.0;

/// The mean curves of a region.
#[derive(Debug, Clone, PartialEq)]
pub struct RegionCurve {
    /// Places of its voxels in the order of the mask.
    pub voxels: Vec<usize>,
    /// Relative enhancement of the mean signal; empty where the samples are no signal.
    pub relative: Vec<f64>,
    /// Mean concentration over the voxels where it is known in every frame, mM; empty without one.
    pub concentration: Vec<f64>,
    /// What the concentration shows, or the relative enhancement without one; `None` where nothing rises.
    pub shown: Option<Enhancement>,
    /// Type of the relative enhancement.
    pub curve_type: Option<CurveType>,
    /// Peak over the standard deviation of the baseline.
    pub enhancement_to_noise: f64,
}

impl RegionCurve {
    /// The curve that [`RegionCurve::shown`] is read from.
    pub fn curve(&self) -> &[f64] {
        if self.concentration.is_empty() { &self.relative } else { &self.concentration }
    }
}

/// A model fitted to the mean curve of a region.
#[derive(Debug, Clone, PartialEq)]
pub struct RegionFit {
    /// The model.
    pub model: Model,
    /// Its fit.
    pub fit: KineticFit,
    /// Its curve at the frames, mM.
    pub curve: Vec<f64>,
    /// Every model that was compared, the least AICc first.
    pub ranking: Vec<(Model, f64)>,
}

/// The mean curves of a region; an error where it holds no voxel of the mask.
///
/// METHOD: the type of a lesion is that of its mean signal, not the most frequent one among noisy voxels.
pub fn region_curve(
    series: &DceSeries<'_>,
    region: &Mask,
    what: &str,
    settings: &Settings,
) -> Result<RegionCurve, DceError> {
    let voxels = series.members(region, what)?;
    let signal = series.mean_signal(&voxels);
    let mut relative = Vec::new();
    let has_relative = series.samples.relative(series.timing.level(&signal), &signal, &mut relative)
        && relative.iter().all(|value| value.is_finite());
    if !has_relative {
        relative.clear();
    }
    let concentration = mean_concentration(series, &voxels);
    let curve = if concentration.is_empty() { &relative } else { &concentration };
    let (peak, noise) = (curve.iter().copied().fold(f64::NEG_INFINITY, f64::max), deviation(series, curve));
    let enhancement_to_noise = if noise > 0.0 { peak / noise } else { f64::INFINITY };
    let rises = !curve.is_empty() && peak > settings.enhancement_sd * noise;
    let shown = if rises { Enhancement::of(series.times, curve, &settings.curve) } else { None };
    let kind = match shown {
        Some(shown) if has_relative => curve_type(series.times, &relative, shown.arrival, &settings.curve),
        _ => None,
    };
    Ok(RegionCurve { voxels, relative, concentration, shown, curve_type: kind, enhancement_to_noise })
}

fn deviation(series: &DceSeries<'_>, curve: &[f64]) -> f64 {
    if curve.is_empty() { f64::NAN } else { series.timing.deviation(curve) }
}

fn mean_concentration(series: &DceSeries<'_>, voxels: &[usize]) -> Vec<f64> {
    if matches!(series.samples, Samples::RelativeOnly(_)) {
        return Vec::new();
    }
    let mut mean = vec![0.0; series.times.len()];
    let (mut count, mut found) = (0.0, Vec::new());
    for &voxel in voxels {
        let samples: Vec<f64> = series.series.curve(voxel).iter().map(|&sample| f64::from(sample)).collect();
        let level = series.timing.level(&samples);
        if series.samples.concentration(voxel, level, &samples, &mut found) {
            mean.iter_mut().zip(&found).for_each(|(sum, value)| *sum += value);
            count += 1.0;
        }
    }
    if count == 0.0 {
        return Vec::new();
    }
    mean.iter_mut().for_each(|sum| *sum /= count);
    mean
}

/// Fits the chosen model, or the one of least AICc, to a mean concentration; `None` without one, or where none fits.
pub fn region_fit(
    series: &DceSeries<'_>,
    region: &RegionCurve,
    choice: ModelChoice,
    plasma: &PlasmaCurve,
    fit_delay: bool,
    settings: &Settings,
) -> Option<RegionFit> {
    let candidates = choice.candidates();
    if candidates.is_empty() || region.concentration.is_empty() {
        return None;
    }
    let fits = ranked_fits(candidates, plasma, series.times, &region.concentration, fit_delay, &settings.fit);
    let ranking = fits.iter().map(|(model, fit)| (*model, fit.aicc)).collect();
    let &(model, fit) = fits.first().filter(|(_, fit)| fit.aicc.is_finite())?;
    let kinetics = Kinetics::new(model, plasma, series.times, fit_delay, &settings.fit)?;
    Some(RegionFit { model, curve: kinetics.curve(&fit.values), fit, ranking })
}

/// How a fit is prepared for every voxel of a series.
pub fn kinetics(
    series: &DceSeries<'_>,
    model: Model,
    plasma: &PlasmaCurve,
    fit_delay: bool,
    settings: &Settings,
) -> Result<Kinetics, DceError> {
    Kinetics::new(model, plasma, series.times, fit_delay, &settings.fit)
        .ok_or(DceError::TooFewFrames { model: model.as_str(), frames: series.times.len() })
}

/// What a fit leaves of a mean concentration, mM.
pub fn residual(concentration: &[f64], fitted: &[f64]) -> Vec<f64> {
    concentration.iter().zip(fitted).map(|(value, model)| value - model).collect()
}

/// Quality checks of the series.
pub fn series_checks(series: &DceSeries<'_>, limits: &QualityLimits) -> Vec<Check> {
    let steps: Vec<f64> = series.times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let step = median(&steps).unwrap_or(f64::NAN);
    let duration = series.times.last().map_or(f64::NAN, |last| last - series.timing.arrival);
    let baseline = series.timing.baseline.len();
    vec![
        Check {
            name: "Baseline length".to_owned(),
            found: format!("{baseline} frames"),
            limit: format!("at least {}", limits.baseline_frames_caution),
            quality: if baseline < limits.baseline_frames_caution { Quality::Caution } else { Quality::Pass },
            meaning: "Enhancement counts from the mean of these frames: few of them leave it noisy.".to_owned(),
        },
        Check {
            name: "Time between frames".to_owned(),
            found: format!("{step:.1} s"),
            limit: format!("at most {} s", limits.frame_time_caution_s),
            quality: graded(step, limits.frame_time_caution_s, limits.frame_time_fail_s),
            meaning: "Long frames blur the early peak and the arterial curve.".to_owned(),
        },
        Check {
            name: "Time after the arrival".to_owned(),
            found: format!("{duration:.0} s"),
            limit: format!("at least {} s", limits.duration_caution_s),
            quality: if duration < limits.duration_caution_s { Quality::Caution } else { Quality::Pass },
            meaning: "A short series cannot tell wash-out, nor how much space the agent fills.".to_owned(),
        },
    ]
}

/// Quality checks of one lesion.
pub fn lesion_checks(region: &RegionCurve, fits: Option<&VoxelFits>, limits: &QualityLimits) -> Vec<Check> {
    let ratio = region.enhancement_to_noise;
    let found = match (region.curve().is_empty(), ratio.is_finite()) {
        (true, _) => "no curve".to_owned(),
        (false, true) if ratio < MOST_SHOWN => format!("{ratio:.1}"),
        (false, _) => format!("above {MOST_SHOWN:.0}"),
    };
    let mut checks = vec![Check {
        name: "Enhancement over noise".to_owned(),
        found,
        limit: format!("at least {}", limits.enhancement_to_noise_caution),
        quality: if region.curve().is_empty() {
            Quality::Fail
        } else if ratio < limits.enhancement_to_noise_caution {
            Quality::Caution
        } else {
            Quality::Pass
        },
        meaning: "Peak of the lesion's mean curve over the spread of its baseline: a weak one has an uncertain shape."
            .to_owned(),
    }];
    if let Some(fits) = fits {
        let failed = region.voxels.iter().filter(|&&voxel| fits.outcome_map()[voxel] >= 2.0).count();
        let share = failed as f64 / region.voxels.len() as f64;
        checks.push(Check {
            name: "Voxels that were not fitted".to_owned(),
            found: format!("{:.0} %", 100.0 * share),
            limit: format!("at most {:.0} %", 100.0 * limits.unfitted_caution),
            quality: graded(share, limits.unfitted_caution, limits.unfitted_fail),
            meaning: "The means of the model's quantities leave these voxels out.".to_owned(),
        });
    }
    checks
}

fn graded(value: f64, caution: f64, fail: f64) -> Quality {
    if value > fail {
        Quality::Fail
    } else if value > caution {
        Quality::Caution
    } else {
        Quality::Pass
    }
}
