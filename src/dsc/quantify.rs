//! From a bolus series to its maps: ΔR2*, leakage correction, rCBV, peak height and signal recovery.

use super::baseline::{Baseline, measure_baseline};
use super::bidirectional::Bidirectional;
use super::bsw::Bsw;
use super::check::{series_caveats, series_checks};
use super::concentration::SeriesContent;
use super::error::DscError;
use super::first_pass::{FirstPassMaps, Leaked, fit_first_pass};
use super::kernel::lane_maxima;
use super::normalization::Normalized;
use super::reference::{RateScratch, ReferenceCurve, reference_curve, second_part};
use super::settings::{Integration, LeakageModel, NormalizationStatistic, Settings};
use super::signal::DscSignal;
use super::timing::{Passage, Timing, find_passage};
use crate::curve::area::{trapezoid_weights, weighted_sums};
use crate::image::{Block, Mask, for_each_block};
use crate::quality::{Caveat, Check};

/// Outputs of the loop over voxels, in this order: uncorrected, peak height, corrected, its error, K1, K2, their
/// errors, kep, its error, residual, AIC gain.
const OUTPUTS: usize = 12;
/// Place of the uncorrected rCBV among them.
const UNCORRECTED: usize = 0;
/// Place of the corrected rCBV among them.
const CORRECTED: usize = 2;
/// OSIPI CAPLEX: area under a curve.
const AREA: &str = "Q.CD1.013";
/// Places of K2 and kep among them.
const K2: usize = 5;
const KEP: usize = 8;

/// Everything that was estimated from a bolus series. Maps hold one value per voxel of [`DscResult::mask`], in its
/// order; NaN is *not estimated*.
#[derive(Debug, Clone)]
pub struct DscResult {
    /// What the samples of the series were.
    pub content: SeriesContent,
    /// The voxels of the maps.
    pub mask: Mask,
    /// Steady state and arrival.
    pub timing: Timing,
    /// Time between frames, s.
    pub step: f64,
    /// Mean signal of the measurable voxels, one value per frame of the series.
    pub mean_signal: Vec<f64>,
    /// The signal before, at and after the bolus.
    pub baseline: Baseline,
    /// The reference curve of the leakage correction.
    pub reference: ReferenceCurve,
    /// rCBV without leakage correction, a.u. (1/s · s).
    pub uncorrected: Vec<f32>,
    /// Largest ΔR2*, 1/s.
    pub peak_height: Vec<f32>,
    /// Percentage of signal recovery.
    pub signal_recovery: Vec<f32>,
    /// What the leakage model found; `None` where it was switched off.
    pub leakage: Option<LeakageMaps>,
    /// The gamma variates whose areas are rCBV; `None` where rCBV is a trapezoid.
    pub first_pass: Option<FirstPassMaps>,
    /// The model that was asked for.
    pub model: LeakageModel,
    /// rCBV over its reference region, once [`DscResult::normalize`] was called.
    pub normalized: Option<Normalized>,
    /// Doubts about the whole series.
    pub caveats: Vec<Caveat>,
    /// Quality checks of the whole series.
    pub checks: Vec<Check>,
    pub(super) settings: Settings,
    pub(super) correction: Correction,
}

/// The maps of a leakage model.
#[derive(Debug, Clone, PartialEq)]
pub struct LeakageMaps {
    /// Leakage-corrected rCBV, a.u. (1/s · s).
    pub corrected: Vec<f32>,
    /// Its standard error from the fit residual and the noise of S0 (frames taken as independent).
    pub corrected_error: Vec<f32>,
    /// K1; not estimated by a gamma variate, as are K2 and their errors.
    pub k1: Vec<f32>,
    /// K2, 1/s.
    pub k2: Vec<f32>,
    /// Standard errors of K1 and K2.
    pub k1_error: Vec<f32>,
    /// Standard error of K2, 1/s.
    pub k2_error: Vec<f32>,
    /// kep in 1/min, in enhancing voxels; `None` for a model without backflow.
    pub kep_per_min: Option<Vec<f32>>,
    /// Standard error of kep, 1/min; NaN at a bound.
    pub kep_error_per_min: Option<Vec<f32>>,
    /// Residual standard deviation of the fit, 1/s.
    pub residual: Vec<f32>,
    /// Akaike's criterion of BSW minus that of the bidirectional model, in enhancing voxels: above 0 the data ask for
    /// backflow. `None` for a model without backflow.
    pub aic_gain: Option<Vec<f32>>,
}

/// A map as it is written.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DscMap<'a> {
    /// The suffix of its file.
    pub suffix: &'static str,
    /// The `desc-` entity of its file.
    pub description: Option<&'static str>,
    /// Unit in UCUM spelling; `a.u.` for rCBV that is not normalized.
    pub unit: &'static str,
    /// The equation.
    pub equation: &'static str,
    /// OSIPI CAPLEX code of the model, where there is one.
    pub lexicon: Option<&'static str>,
    /// OSIPI CAPLEX code of the quantity, where there is one: the lexicon has none for ratios to a reference and for PSR.
    pub quantity: Option<&'static str>,
    /// One value per voxel of the mask.
    pub values: &'a [f32],
}

/// The leakage correction that was fitted, ready to correct curves.
#[derive(Debug, Clone)]
pub(super) enum Correction {
    Bsw(Box<Bsw>),
    /// BSW where nothing enhances, bidirectional elsewhere.
    Bidirectional(Box<Bsw>, Box<Bidirectional>),
    /// The first passage alone: nothing is added to the curve.
    FirstPass,
    None,
}

/// Quantifies a bolus series.
///
/// `reference` is a *given* white matter mask; it then makes the reference curve of the leakage correction. Without
/// it, all non-enhancing brain does. Normalization is a step of its own ([`DscResult::normalize`]), because an
/// automatic reference region can only be chosen later.
pub fn quantify(signal: &DscSignal<'_>, reference: Option<&Mask>, settings: &Settings) -> Result<DscResult, DscError> {
    quantify_passage(signal, find_passage(signal, settings)?, reference, settings)
}

/// The same for a series whose bolus passage was found before.
pub fn quantify_passage(
    signal: &DscSignal<'_>,
    passage: Passage,
    reference: Option<&Mask>,
    settings: &Settings,
) -> Result<DscResult, DscError> {
    let Passage { timing, mean_signal } = passage;
    let baseline = measure_baseline(signal, &timing, settings)?;
    let reference = reference_curve(signal, &timing, &baseline, reference)?;
    let step = signal.step();
    let weights = trapezoid_weights(reference.rate.len(), step, trapezoid_frames(&timing, step, settings));
    let correction = Correction::new(&reference.rate, step, &weights, settings)?;
    let maps = quantify_voxels(signal, &timing, &baseline, &weights, &correction);
    let [
        uncorrected,
        peak_height,
        corrected,
        corrected_error,
        k1,
        k2,
        k1_error,
        k2_error,
        kep,
        kep_error,
        residual,
        aic_gain,
    ] = <[Vec<f32>; OUTPUTS]>::try_from(maps).expect("the loop returns as many maps as were asked for");
    let backflow = matches!(correction, Correction::Bidirectional(..));
    let leakage = (!matches!(correction, Correction::None)).then(|| LeakageMaps {
        corrected,
        corrected_error,
        k1,
        k2,
        k1_error,
        k2_error,
        kep_per_min: backflow.then_some(kep),
        kep_error_per_min: backflow.then_some(kep_error),
        residual,
        aic_gain: backflow.then_some(aic_gain),
    });
    let signal_recovery = match signal.content() {
        SeriesContent::Signal => baseline.signal_recovery(),
        SeriesContent::Concentration => vec![f32::NAN; baseline.level.len()],
    };
    let mut result = DscResult {
        content: signal.content(),
        mask: signal.mask().clone(),
        step,
        mean_signal,
        signal_recovery,
        uncorrected,
        peak_height,
        leakage,
        first_pass: None,
        model: settings.leakage,
        normalized: None,
        caveats: Vec::new(),
        checks: Vec::new(),
        settings: settings.clone(),
        correction,
        timing,
        baseline,
        reference,
    };
    result.integrate_first_pass(signal);
    result.checks = series_checks(&result, signal.acquisition());
    result.caveats = series_caveats(&result);
    Ok(result)
}

impl DscResult {
    /// rCBV of the chosen model: leakage-corrected, or uncorrected where correction was switched off.
    pub fn rcbv(&self) -> &[f32] {
        self.leakage.as_ref().map_or(&self.uncorrected, |leakage| &leakage.corrected)
    }

    /// Times of the used frames, s from the first frame of the series.
    pub fn time(&self) -> Vec<f64> {
        self.timing.used().map(|frame| frame as f64 * self.step).collect()
    }

    /// Time of the last frame before the bolus, s from the first frame of the series.
    pub fn arrival_time(&self) -> f64 {
        self.timing.arrival as f64 * self.step
    }

    /// Usable voxels in which no gamma variate could be fitted.
    pub fn not_fitted(&self) -> usize {
        self.first_pass.as_ref().map_or(0, |maps| maps.not_fitted)
    }

    /// rCBV by another leakage model, a.u., over some voxels only (NaN elsewhere): from the same steady state, baseline
    /// and reference curve, so that nothing but the model differs.
    pub fn rcbv_by(&self, signal: &DscSignal<'_>, model: LeakageModel, voxels: &Mask) -> Result<Vec<f32>, DscError> {
        let inside = super::reference::membership(&self.mask, voxels, "the region of a reanalysis")?;
        let usable = inside.iter().zip(&self.baseline.usable).map(|(&inside, &usable)| inside && usable).collect();
        let baseline = Baseline { usable, ..self.baseline.clone() };
        let rate = &self.reference.rate;
        let settings = Settings { leakage: model, ..self.settings.clone() };
        let weights = trapezoid_weights(rate.len(), self.step, trapezoid_frames(&self.timing, self.step, &settings));
        let correction = Correction::new(rate, self.step, &weights, &settings)?;
        let mut maps = quantify_voxels(signal, &self.timing, &baseline, &weights, &correction);
        if is_first_pass(&settings) {
            let kep = matches!(correction, Correction::Bidirectional(..)).then(|| &maps[KEP][..]);
            let leaked = Leaked { correction: &correction, k2: &maps[K2], kep_per_min: kep };
            return Ok(fit_first_pass(signal, &self.timing, &baseline, Some(leaked), &settings.first_pass).area);
        }
        let wanted = if model == LeakageModel::None { UNCORRECTED } else { CORRECTED };
        Ok(maps.swap_remove(wanted))
    }

    /// The frames, counted from the first steady one, over which rCBV is a trapezoid; `None` where it is the area of a
    /// gamma variate.
    pub(super) fn integration_frames(&self) -> Option<std::ops::Range<usize>> {
        (!is_first_pass(&self.settings)).then(|| trapezoid_frames(&self.timing, self.step, &self.settings))
    }

    /// What the leakage model takes out of each curve; `None` where nothing was fitted.
    pub(super) fn leaked(&self) -> Option<Leaked<'_>> {
        let leakage = self.leakage.as_ref()?;
        Some(Leaked { correction: &self.correction, k2: &leakage.k2, kep_per_min: leakage.kep_per_min.as_deref() })
    }

    /// Puts the areas of gamma variates in the place of trapezoids, where the settings ask for them.
    ///
    /// METHOD: `leakage = "gamma"` fits the measured curve and leaves the uncorrected trapezoid beside it;
    /// `integration = "first-pass"` fits the curve that the leakage model has corrected, and the measured one for the
    /// uncorrected map. The error of K2 is not carried into the area of a corrected curve.
    fn integrate_first_pass(&mut self, signal: &DscSignal<'_>) {
        let settings = &self.settings;
        if !is_first_pass(settings) {
            return;
        }
        let fit = |leaked| fit_first_pass(signal, &self.timing, &self.baseline, leaked, &settings.first_pass);
        let measured = fit(None);
        let corrected = match (&self.correction, self.leaked()) {
            (Correction::Bsw(_) | Correction::Bidirectional(..), Some(leaked)) => Some(fit(Some(leaked))),
            _ => None,
        };
        let whole = settings.integration == Integration::FirstPass;
        let chosen = corrected.unwrap_or_else(|| measured.clone());
        if whole {
            self.uncorrected = measured.area;
        }
        if let Some(leakage) = &mut self.leakage {
            leakage.corrected.clone_from(&chosen.area);
            leakage.corrected_error.clone_from(&chosen.area_error);
            if self.model == LeakageModel::Gamma {
                leakage.residual.clone_from(&chosen.residual);
            }
        }
        self.first_pass = Some(chosen);
    }

    /// The settings that the maps were made with.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Values of a map at the usable voxels of a region, in the order of the mask.
    pub fn values_in(&self, map: &[f32], region: &Mask) -> Result<Vec<f32>, DscError> {
        let inside = super::reference::membership(&self.mask, region, "the region")?;
        let voxels = inside.iter().zip(&self.baseline.usable).zip(map);
        Ok(voxels.filter_map(|((&inside, &usable), &value)| (inside && usable).then_some(value)).collect())
    }

    /// Over which frames rCBV is integrated, in words.
    pub fn integration_words(&self) -> String {
        match (&self.settings.integration, self.model) {
            (_, LeakageModel::Gamma) | (Integration::FirstPass, _) => {
                "first passage: area of a gamma variate".to_owned()
            }
            (Integration::Full, _) => format!("full series: all {} steady frames", self.timing.used().len()),
            (Integration::Window, _) => {
                format!("{} s from the bolus arrival", self.settings.integration_window_s)
            }
        }
    }

    /// The maps, in the order in which they are listed.
    pub fn maps(&self) -> Vec<DscMap<'_>> {
        let area = if self.settings.integration == Integration::FirstPass {
            "area of a gamma variate fitted to dR2* = -ln(S/S0)/TE"
        } else {
            "trapezoid of dR2* = -ln(S/S0)/TE"
        };
        let mut maps = vec![DscMap {
            suffix: "rcbv",
            description: Some("uncorrected"),
            unit: "a.u.",
            equation: area,
            lexicon: Some("M.SM1.001"),
            quantity: Some(AREA),
            values: &self.uncorrected,
        }];
        if let Some(leakage) = &self.leakage {
            let gamma = self.settings.integration == Integration::FirstPass;
            let (description, equation, lexicon) = match (self.model, gamma) {
                (LeakageModel::Bidirectional, false) => (
                    "bidirectional",
                    "dR2*(t) = K1 R(t) - K2 integral of R(t') exp(-kep (t - t')); rCBV = trapezoid of dR2* + K2 integral of R(t') exp(-kep (t - t'))",
                    "M.LC1.002",
                ),
                (LeakageModel::Bidirectional, true) => (
                    "bidirectional",
                    "dR2*(t) = K1 R(t) - K2 integral of R(t') exp(-kep (t - t')); rCBV = area of a gamma variate fitted to dR2* + K2 integral of R(t') exp(-kep (t - t'))",
                    "M.LC1.002",
                ),
                (LeakageModel::Gamma, _) => (
                    "gamma",
                    "dR2*(t) = h x^a exp(a (1 - x)), x = 1 + (t - tp)/w over the first passage; rCBV = h w exp(a) Gamma(a + 1)/a^(a + 1)",
                    "M.DM1.006",
                ),
                (LeakageModel::Bsw | LeakageModel::None, true) => (
                    "bsw",
                    "dR2*(t) = K1 R(t) - K2 integral of R; rCBV = area of a gamma variate fitted to dR2* + K2 integral of R",
                    "M.LC1.001",
                ),
                (LeakageModel::Bsw | LeakageModel::None, false) => (
                    "bsw",
                    "dR2*(t) = K1 R(t) - K2 integral of R; rCBV = trapezoid of dR2* + K2 integral of R",
                    "M.LC1.001",
                ),
            };
            let map = |suffix, description, unit, quantity, values| DscMap {
                suffix,
                description,
                unit,
                equation,
                lexicon: Some(lexicon),
                quantity: Some(quantity),
                values,
            };
            maps.push(map("rcbv", Some(description), "a.u.", AREA, &leakage.corrected[..]));
            if self.model != LeakageModel::Gamma {
                maps.push(map("k1", None, "1", "Q.LC1.001", &leakage.k1));
                maps.push(map("k2", None, "1/s", "Q.LC1.002", &leakage.k2));
            }
            maps.extend(leakage.kep_per_min.as_ref().map(|kep| map("kep", None, "1/min", "Q.PH1.009.e->p", kep)));
        }
        if let Some(normalized) = &self.normalized {
            let map = |description, equation, values| DscMap {
                suffix: "rcbv",
                description: Some(description),
                unit: "1",
                equation,
                lexicon: None,
                quantity: None,
                values,
            };
            let equation = match self.settings.normalization {
                NormalizationStatistic::Mean => "rCBV / mean rCBV of the reference region",
                NormalizationStatistic::Median => "rCBV / median rCBV of the reference region",
            };
            maps.push(map("normalized", equation, &normalized.rcbv));
            if let (true, Some(error)) = (self.settings.error_map, &normalized.standard_error) {
                let equation = "standard error of normalized rCBV from the fit residual and the noise of S0; frames independent, reference exact";
                maps.push(map("standarderror", equation, error));
            }
        }
        if self.content == SeriesContent::Signal {
            maps.push(DscMap {
                suffix: "psr",
                description: None,
                unit: "%",
                equation: "100 (S_post - S_min) / (S0 - S_min)",
                lexicon: None,
                quantity: None,
                values: &self.signal_recovery,
            });
        }
        maps.push(DscMap {
            suffix: "ph",
            description: None,
            unit: "1/s",
            equation: "maximum of dR2* = -ln(S/S0)/TE",
            lexicon: Some("M.SM1.001"),
            quantity: Some("Q.CD1.002"),
            values: &self.peak_height,
        });
        maps
    }
}

/// Whether rCBV is the area of a gamma variate.
fn is_first_pass(settings: &Settings) -> bool {
    settings.integration == Integration::FirstPass || settings.leakage == LeakageModel::Gamma
}

/// The frames, counted from the first steady one, over which a trapezoid is taken; all of them beside a gamma variate.
fn trapezoid_frames(timing: &Timing, step: f64, settings: &Settings) -> std::ops::Range<usize> {
    let used = timing.used().len();
    match settings.integration {
        Integration::Full | Integration::FirstPass => 0..used,
        Integration::Window => {
            let from = timing.arrival - timing.steady;
            from..(from + 1 + (settings.integration_window_s / step).round() as usize).min(used)
        }
    }
}

impl Correction {
    fn new(reference: &[f64], step: f64, weights: &[f64], settings: &Settings) -> Result<Self, DscError> {
        let bsw = || Bsw::new(reference, step, weights).map(Box::new).ok_or(DscError::ReferenceCurveFlat);
        Ok(match settings.leakage {
            LeakageModel::Bsw => Self::Bsw(bsw()?),
            LeakageModel::Bidirectional => {
                let model = Bidirectional::new(reference, step, weights, settings.kep_maximum_per_s);
                Self::Bidirectional(bsw()?, Box::new(model.ok_or(DscError::ReferenceCurveFlat)?))
            }
            LeakageModel::Gamma => Self::FirstPass,
            LeakageModel::None => Self::None,
        })
    }
}

/// Working memory of a thread.
#[derive(Default)]
struct Scratch {
    second: Vec<f32>,
    levels: RateScratch,
    rates: Vec<f32>,
    area: Vec<f64>,
    k1: Vec<f64>,
    k2: Vec<f64>,
    residual: Vec<f64>,
    enhancing: Vec<usize>,
}

fn quantify_voxels(
    signal: &DscSignal<'_>,
    timing: &Timing,
    baseline: &Baseline,
    weights: &[f64],
    correction: &Correction,
) -> Vec<Vec<f32>> {
    // The mean of n baseline frames with deviation s has the error s/√n; over S0 that is the error of ln S0.
    let level_gain = signal.noise_gain() / (timing.baseline().len() as f64).sqrt();
    for_each_block(signal.series(), OUTPUTS, Scratch::default, |block, scratch, outputs| {
        let usable = block.part_of(&baseline.usable);
        if usable.iter().all(|&usable| !usable) {
            return;
        }
        let second = signal.second_samples(block, &mut scratch.second);
        let inverse = scratch.levels.inverse(block.part_of(&baseline.level), second_part(block, baseline));
        signal.rates(block, second, timing.steady, inverse, &mut scratch.rates);
        scratch.area.resize(block.width, 0.0);
        weighted_sums(&scratch.rates, weights, &mut scratch.area);
        let [uncorrected, peak_height, leakage @ ..] = outputs else { return };
        store(uncorrected, &scratch.area);
        lane_maxima(&scratch.rates, peak_height);
        match correction {
            Correction::FirstPass | Correction::None => {}
            Correction::Bsw(bsw) => correct_block(bsw, block, baseline, level_gain, scratch, leakage),
            Correction::Bidirectional(bsw, model) => {
                correct_block(bsw, block, baseline, level_gain, scratch, leakage);
                correct_enhancing(model, block, baseline, level_gain, scratch, leakage);
            }
        }
        for output in outputs.iter_mut() {
            for (value, &usable) in output.iter_mut().zip(usable) {
                *value = if usable { *value } else { f32::NAN };
            }
        }
    })
}

/// BSW for every lane of a block. `leakage` holds the outputs from the corrected rCBV on.
fn correct_block(
    bsw: &Bsw,
    block: &Block<'_>,
    baseline: &Baseline,
    level_gain: f64,
    scratch: &mut Scratch,
    leakage: &mut [&mut [f32]],
) {
    let Scratch { rates, area, k1, k2, residual, .. } = scratch;
    for values in [&mut *k1, &mut *k2, &mut *residual] {
        values.resize(block.width, 0.0);
    }
    bsw.fit_block(rates, [k1, k2], residual);
    let [corrected, corrected_error, k1_map, k2_map, k1_error, k2_error, _, _, residual_map, _] = leakage else {
        return;
    };
    let (level, deviation) = (block.part_of(&baseline.level), block.part_of(&baseline.deviation));
    for lane in 0..block.width {
        corrected[lane] = (area[lane] + bsw.correction(k2[lane])) as f32;
        let level_error = level_gain * f64::from(deviation[lane]) / f64::from(level[lane]);
        corrected_error[lane] = bsw.rcbv_standard_error(residual[lane], level_error) as f32;
        let [first, second] = bsw.standard_errors(residual[lane]);
        (k1_error[lane], k2_error[lane]) = (first as f32, second as f32);
    }
    store(k1_map, k1);
    store(k2_map, k2);
    store(residual_map, residual);
}

/// The bidirectional model in the enhancing lanes, over what BSW left there.
///
/// METHOD: elsewhere kep is not estimated and BSW (kep = 0) stands: without leakage nothing tells kep, and a free kep
/// over-corrects gray matter.
fn correct_enhancing(
    model: &Bidirectional,
    block: &Block<'_>,
    baseline: &Baseline,
    level_gain: f64,
    scratch: &mut Scratch,
    leakage: &mut [&mut [f32]],
) {
    let Scratch { rates, area, enhancing, .. } = scratch;
    enhancing.clear();
    enhancing.extend(
        (0..block.width)
            .filter(|lane| baseline.usable[block.first + lane] && baseline.is_enhancing(block.first + lane)),
    );
    let [corrected, corrected_error, k1, k2, k1_error, k2_error, kep, kep_error, residual, aic_gain] = leakage else {
        return;
    };
    let (level, deviation) = (block.part_of(&baseline.level), block.part_of(&baseline.deviation));
    let frames = (rates.len() / block.width) as f64;
    model.fit_block(rates, block.width, enhancing, |lane, fit| {
        let level_error = level_gain * f64::from(deviation[lane]) / f64::from(level[lane]);
        corrected[lane] = (area[lane] + fit.correction) as f32;
        corrected_error[lane] = fit.rcbv_error.hypot(fit.rcbv_offset * level_error) as f32;
        (k1[lane], k2[lane]) = (fit.k1 as f32, fit.k2 as f32);
        (k1_error[lane], k2_error[lane]) = (fit.k1_error as f32, fit.k2_error as f32);
        kep[lane] = (60.0 * fit.kep) as f32;
        kep_error[lane] = fit.kep_error.map_or(f32::NAN, |error| (60.0 * error) as f32);
        let squares = |deviation: f64, parameters: f64| deviation * deviation * (frames - parameters);
        // AIC = n ln(RSS/n) + 2k with two parameters against three
        let ratio = squares(f64::from(residual[lane]), 2.0) / squares(fit.residual, 3.0);
        aic_gain[lane] = (frames * ratio.ln() - 2.0) as f32;
        residual[lane] = fit.residual as f32;
    });
}

fn store(output: &mut [f32], values: &[f64]) {
    for (output, &value) in output.iter_mut().zip(values) {
        *output = value as f32;
    }
}
