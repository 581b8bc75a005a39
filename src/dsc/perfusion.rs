//! Flow and transit times by deconvolution with an arterial curve: CBF, CBV in absolute units, MTT, Tmax, TTP.
//!
//! `CBF = 6000 (kH/ρ) max R` mL/100 g/min, `CBV = 100 (kH/ρ) ∫C_t/∫C_a` mL/100 g, `MTT = 60 CBV/CBF` s (Østergaard et
//! al., MRM 1996;36:715), with `C_t = ΔR2*/relaxivity ratio`. rCBV needs none of this.

use multiversion::multiversion;

use super::aif::Aif;
use super::first_pass::Leaked;
use super::quantify::{Correction, DscMap, DscResult};
use super::reference::{RateScratch, second_part};
use super::settings::{DeconvolutionMethod, PerfusionSettings, TikhonovChoice};
use super::signal::DscSignal;
use crate::curve::area::trapezoid_weights;
use crate::curve::deconvolution::{Deconvolution, DeconvolutionScratch, ResiduePeak, Truncation};
use crate::curve::linear_fit::dot;
use crate::curve::standard_svd::StandardSvd;
use crate::curve::tikhonov::{Strength, Tikhonov, TikhonovScratch};
use crate::image::{Block, for_each_block};
use crate::quality::{Check, Quality};

/// Outputs of the loop over voxels: flow, Tmax, TTP, settled.
const OUTPUTS: usize = 4;

/// Maps of flow and time, one value per voxel of the series; NaN is *not estimated*.
#[derive(Debug, Clone, PartialEq)]
pub struct PerfusionMaps {
    /// CBF, mL/100 g/min.
    pub cbf: Vec<f32>,
    /// CBV from the leakage-corrected area, mL/100 g.
    pub cbv: Vec<f32>,
    /// MTT, s; NaN where CBF is not above 0.
    pub mtt: Vec<f32>,
    /// Time of the residue function's maximum, s; negative where tissue leads the artery.
    pub tmax: Vec<f32>,
    /// Time from bolus arrival to the largest ΔR2*, s.
    pub ttp: Vec<f32>,
    /// Usable voxels whose residue function oscillates at every threshold; the highest one stands for them.
    pub unsettled: usize,
    /// Checks of the arterial curve and of the deconvolution.
    pub checks: Vec<Check>,
}

/// What stops a deconvolution.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PerfusionError {
    /// Switched off.
    #[error("setting dsc.perfusion.deconvolution is none: CBF, MTT and Tmax are not computed")]
    SwitchedOff,
    /// An arterial curve without signal.
    #[error("the arterial curve has no area: expected a bolus")]
    NoArterialSignal,
}

/// Deconvolves every usable voxel with the arterial curve.
///
/// METHOD: tissue curves are leakage-corrected first, so that CBF goes with the corrected CBV in MTT.
pub fn perfusion(signal: &DscSignal<'_>, result: &DscResult, aif: &Aif) -> Result<PerfusionMaps, PerfusionError> {
    let settings = &result.settings().perfusion;
    let model = Model::new(aif, result.step, settings)?;
    let arterial_area = match result.integration_frames() {
        Some(frames) => dot(&trapezoid_weights(aif.curve.len(), result.step, frames), &aif.curve),
        // The first passage of tissue goes over the first passage of the artery.
        None => result.first_pass_of(&aif.curve).map_or(f64::NAN, |fit| fit.area),
    };
    if arterial_area.is_nan() || arterial_area <= 0.0 {
        return Err(PerfusionError::NoArterialSignal);
    }
    let [flow, tmax, ttp, settled] = <[Vec<f32>; OUTPUTS]>::try_from(deconvolve(signal, result, &model))
        .expect("the loop returns as many maps as were asked for");
    let scale = settings.kh / settings.rho / settings.relaxivity_ratio;
    let cbf: Vec<f32> = flow.iter().map(|&flow| (6000.0 * scale * f64::from(flow)) as f32).collect();
    let cbv: Vec<f32> =
        result.rcbv().iter().map(|&area| (100.0 * scale * f64::from(area) / arterial_area) as f32).collect();
    let mtt = cbv.iter().zip(&cbf).map(|(&cbv, &cbf)| if cbf > 0.0 { 60.0 * cbv / cbf } else { f32::NAN }).collect();
    let unsettled = settled.iter().filter(|&&settled| settled == 0.0).count();
    let share = unsettled as f64 / result.baseline.usable_voxels() as f64;
    let mut checks = vec![aif.check(&result.settings().aif)];
    checks.push(deconvolution_check(share, settings.unsettled_caution));
    Ok(PerfusionMaps { cbf, cbv, mtt, tmax, ttp, unsettled, checks })
}

impl PerfusionMaps {
    /// The maps, in the order in which they are listed.
    pub fn maps(&self) -> Vec<DscMap<'_>> {
        let map = |suffix, unit, equation, quantity, values| DscMap {
            suffix,
            description: None,
            unit,
            equation,
            lexicon: None,
            quantity: Some(quantity),
            values,
        };
        vec![
            map("cbf", "mL/100g/min", "6000 kH/rho max R", "Q.PH1.003", &self.cbf[..]),
            map("cbv", "mL/100g", "100 kH/rho area of tissue / area of artery", "Q.PH1.001.b", &self.cbv),
            map("mtt", "s", "60 CBV/CBF", "Q.PH1.006.b", &self.mtt),
            map("tmax", "s", "time of the maximum of R, negative beyond N", "Q.CD1.003", &self.tmax),
            map("ttp", "s", "time of the maximum of dR2* from bolus arrival", "Q.CD1.010", &self.ttp),
        ]
    }
}

fn deconvolution_check(share: f64, limit: f64) -> Check {
    let quality = if share <= limit { Quality::Pass } else { Quality::Caution };
    let meaning = match quality {
        Quality::Pass => "The residue functions are smooth.",
        Quality::Caution | Quality::Fail => {
            "Many residue functions oscillate at every threshold: CBF and Tmax are uncertain."
        }
    };
    Check {
        name: "Deconvolution".to_owned(),
        found: format!("{:.1} % of voxels oscillate at every threshold", 100.0 * share),
        limit: format!("at most {:.0} %", 100.0 * limit),
        quality,
        meaning: meaning.to_owned(),
    }
}

/// The chosen deconvolution, ready for any number of curves.
enum Model {
    Truncated(Deconvolution),
    Standard(StandardSvd),
    Tikhonov(Tikhonov),
}

impl Model {
    fn new(aif: &Aif, step: f64, settings: &PerfusionSettings) -> Result<Self, PerfusionError> {
        let truncated = |truncation| Deconvolution::new(&aif.curve, step, truncation).map(Self::Truncated);
        let model = match settings.deconvolution {
            DeconvolutionMethod::Osvd => truncated(Truncation::Oscillation { limit: settings.osvd_oscillation }),
            DeconvolutionMethod::Csvd => truncated(Truncation::Fixed { threshold: settings.csvd_threshold }),
            DeconvolutionMethod::Ssvd => {
                StandardSvd::new(&aif.curve, step, settings.ssvd_threshold).map(Self::Standard)
            }
            DeconvolutionMethod::Tikhonov => {
                let strength = match settings.tikhonov_choice {
                    TikhonovChoice::Gcv => Strength::CrossValidation,
                    TikhonovChoice::LCurve => Strength::LCurve,
                };
                Tikhonov::new(&aif.curve, step, strength).map(Self::Tikhonov)
            }
            DeconvolutionMethod::None => return Err(PerfusionError::SwitchedOff),
        };
        model.ok_or(PerfusionError::NoArterialSignal)
    }
}

#[derive(Default)]
struct Scratch {
    second: Vec<f32>,
    levels: RateScratch,
    rates: Vec<f32>,
    highest: Vec<f32>,
    places: Vec<f32>,
    k2: Vec<f32>,
    truncated: DeconvolutionScratch,
    tikhonov: TikhonovScratch,
}

fn deconvolve(signal: &DscSignal<'_>, result: &DscResult, model: &Model) -> Vec<Vec<f32>> {
    let arrival = (result.timing.arrival - result.timing.steady) as f64;
    for_each_block(signal.series(), OUTPUTS, Scratch::default, |block, scratch, outputs| {
        let usable = block.part_of(&result.baseline.usable);
        if usable.iter().all(|&usable| !usable) {
            return;
        }
        let [flow, tmax, ttp, settled] = outputs else { return };
        let second = signal.second_samples(block, &mut scratch.second);
        let inverse =
            scratch.levels.inverse(block.part_of(&result.baseline.level), second_part(block, &result.baseline));
        signal.rates(block, second, result.timing.steady, inverse, &mut scratch.rates);
        for values in [&mut scratch.highest, &mut scratch.places] {
            values.resize(block.width, 0.0);
        }
        peak_places(&scratch.rates, &mut scratch.highest, &mut scratch.places);
        if let Some(leaked) = result.leaked() {
            correct_rates(leaked, block, &mut scratch.k2, &mut scratch.rates);
        }
        let take = |lane: usize, peak: ResiduePeak| {
            if usable[lane] {
                flow[lane] = peak.height;
                tmax[lane] = peak.time;
                ttp[lane] = ((f64::from(scratch.places[lane]) - arrival) * result.step) as f32;
                settled[lane] = if peak.settled { 1.0 } else { 0.0 };
            }
        };
        match model {
            Model::Truncated(model) => {
                model.peaks_of_block(&scratch.rates, block.width, &mut scratch.truncated, take);
            }
            Model::Standard(model) => model.peaks_of_block(&scratch.rates, block.width, take),
            Model::Tikhonov(model) => model.peaks_of_block(&scratch.rates, block.width, &mut scratch.tikhonov, take),
        }
    })
}

/// Adds to each curve of a block what leakage took from it.
pub(super) fn correct_rates(leaked: Leaked<'_>, block: &Block<'_>, k2: &mut Vec<f32>, rates: &mut [f32]) {
    let all = block.part_of(leaked.k2);
    match (leaked.correction, leaked.kep_per_min) {
        (Correction::Bidirectional(bsw, model), Some(kep)) => {
            let kep = block.part_of(kep);
            k2.clear();
            k2.extend(all.iter().zip(kep).map(|(&k2, kep)| if kep.is_nan() { k2 } else { 0.0 }));
            add_leakage(&bsw.correction_curve(1.0), k2, rates);
            for lane in (0..block.width).filter(|&lane| !kep[lane].is_nan()) {
                let curve = model.correction_curve(f64::from(all[lane]), f64::from(kep[lane]) / 60.0);
                for (rate, value) in rates[lane..].iter_mut().step_by(block.width).zip(curve) {
                    *rate += value as f32;
                }
            }
        }
        (Correction::Bsw(bsw) | Correction::Bidirectional(bsw, _), _) => {
            add_leakage(&bsw.correction_curve(1.0), all, rates);
        }
        (Correction::FirstPass | Correction::None, _) => {}
    }
}

#[multiversion(targets("x86_64+avx512f+avx512vl+avx512dq+avx512bw", "x86_64+avx2"))]
fn add_leakage(unit: &[f64], k2: &[f32], rates: &mut [f32]) {
    for (row, &unit) in rates.chunks_exact_mut(k2.len()).zip(unit) {
        let unit = unit as f32;
        for (rate, &k2) in row.iter_mut().zip(k2) {
            *rate += unit * k2;
        }
    }
}

/// The frame of the largest value of each lane.
#[multiversion(targets("x86_64+avx512f+avx512vl+avx512dq+avx512bw", "x86_64+avx2"))]
fn peak_places(rows: &[f32], highest: &mut [f32], places: &mut [f32]) {
    highest.fill(f32::NEG_INFINITY);
    places.fill(0.0);
    for (frame, row) in rows.chunks_exact(highest.len()).enumerate() {
        let frame = frame as f32;
        for ((highest, place), &value) in highest.iter_mut().zip(places.iter_mut()).zip(row) {
            let higher = value > *highest;
            *highest = if higher { value } else { *highest };
            *place = if higher { frame } else { *place };
        }
    }
}
