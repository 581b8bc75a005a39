//! From a DCE series to maps: what each voxel's curve shows, and what a model makes of it.
//!
//! Quantities of OSIPI CAPLEX (Dickie BR et al., MRM 2024;91:1761). Maps are of concentrations where there are some, else
//! of the relative enhancement.

use super::concentration::Samples;
use super::enhancement::{Enhancement, area_between, curve_type};
use super::error::DceError;
use super::fit::{FitScratch, Kinetics, Outcome};
use super::model::{Model, QUANTITIES, Quantity};
use super::settings::Settings;
use super::timing::Timing;
use crate::image::{Mask, Series, for_each_block};
use crate::units::Tesla;

/// Places of the maps without a model.
pub(super) const PEAK: usize = 0;
pub(super) const ARRIVAL: usize = 1;
const TIME_TO_PEAK: usize = 2;
pub(super) const WASH_IN: usize = 3;
const WASH_OUT: usize = 4;
pub(super) const AREA_60: usize = 5;
const AREA_90: usize = 6;
const FINAL_OVER_INITIAL: usize = 7;
const CURVE_TYPE: usize = 8;
const CURVE_MAPS: usize = 9;
/// Places of the maps of a model: values and errors of the quantities, then these.
const TRANSFER: usize = 2 * QUANTITIES;
const R_SQUARED: usize = TRANSFER + 1;
const RESIDUAL: usize = TRANSFER + 2;
const OUTCOME: usize = TRANSFER + 3;
const MODEL_MAPS: usize = TRANSFER + 4;

/// A series that is ready to be mapped.
#[derive(Debug, Clone)]
pub struct DceSeries<'a> {
    /// The samples.
    pub series: &'a Series,
    /// Frame times, s.
    pub times: &'a [f64],
    /// Static field, for the T1 of blood.
    pub field: Option<Tesla>,
    /// What the samples are.
    pub samples: Samples,
    /// Baseline and arrival.
    pub timing: Timing,
}

impl<'a> DceSeries<'a> {
    /// Finds baseline and arrival in the mean curve of the mask.
    pub fn new(
        series: &'a Series,
        times: &'a [f64],
        field: Option<Tesla>,
        samples: Samples,
        settings: &Settings,
    ) -> Result<Self, DceError> {
        settings.check()?;
        if series.voxels == 0 {
            return Err(DceError::NoVoxels);
        }
        if times.len() != series.frames {
            return Err(DceError::FrameTimes { frames: series.frames, times: times.len() });
        }
        let all: Vec<usize> = (0..series.voxels).collect();
        let timing = Timing::find(times, &mean_signal(series, &all), settings)?;
        Ok(Self { series, times, field, samples, timing })
    }

    /// Places of a region's voxels in the order of the mask; an error where the region lies outside it.
    pub fn members(&self, region: &Mask, what: &str) -> Result<Vec<usize>, DceError> {
        let mask = &self.series.mask;
        mask.grid
            .same_space(&region.grid)
            .map_err(|difference| DceError::DifferentSpace { what: what.to_owned(), difference })?;
        let members: Vec<usize> =
            mask.indices().enumerate().filter(|&(_, index)| region.data[index]).map(|(voxel, _)| voxel).collect();
        if members.is_empty() { Err(DceError::EmptyRegion { what: what.to_owned() }) } else { Ok(members) }
    }

    /// Mean of the samples over voxels that are finite in every frame; NaN without one.
    pub fn mean_signal(&self, voxels: &[usize]) -> Vec<f64> {
        mean_signal(self.series, voxels)
    }
}

fn mean_signal(series: &Series, voxels: &[usize]) -> Vec<f64> {
    let mut mean = vec![0.0; series.frames];
    let mut count = 0.0;
    for &voxel in voxels {
        let curve = series.curve(voxel);
        if curve.iter().all(|value| value.is_finite()) {
            mean.iter_mut().zip(&curve).for_each(|(sum, &value)| *sum += f64::from(value));
            count += 1.0;
        }
    }
    mean.iter_mut().for_each(|sum| *sum /= count);
    mean
}

/// What the curves of the voxels show; one value per voxel of the mask and map, NaN is *not estimated*.
#[derive(Debug, Clone, PartialEq)]
pub struct VoxelCurves {
    pub(super) maps: Vec<Vec<f32>>,
    /// Whether the maps are of concentrations, and not of relative enhancement.
    pub concentration: bool,
    /// Peak of the mean map curve over the mask.
    pub(super) mean_peak: f64,
}

/// What a model makes of the curves of the voxels.
#[derive(Debug, Clone, PartialEq)]
pub struct VoxelFits {
    maps: Vec<Vec<f32>>,
    /// The model.
    pub model: Model,
    /// Whether the delay was fitted.
    pub delay: bool,
    /// Voxels that were fitted, ended on a bound, did not converge, or had no concentration.
    pub outcomes: [usize; 4],
}

/// A map as it is written.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DceMap<'a> {
    /// The suffix of its file.
    pub suffix: &'static str,
    /// The `desc-` entity of its file.
    pub description: Option<&'static str>,
    /// Unit in UCUM spelling.
    pub unit: &'static str,
    /// OSIPI CAPLEX code, where there is one.
    pub lexicon: Option<&'static str>,
    /// What it shows.
    pub words: &'static str,
    /// One value per voxel of the mask.
    pub values: &'a [f32],
}

impl VoxelCurves {
    /// The maps.
    pub fn maps(&self) -> Vec<DceMap<'_>> {
        let (description, height, slope, area) =
            if self.concentration { (None, "mM", "mM/s", "mM.s") } else { (Some("relative"), "1", "1/s", "s") };
        [
            (PEAK, "peak", description, height, None, "Largest enhancement."),
            (ARRIVAL, "bat", None, "s", Some("Q.BA1.001"), "Bolus arrival time after the first frame."),
            (TIME_TO_PEAK, "ttp", None, "s", Some("Q.CD1.010"), "Time to peak from the bolus arrival."),
            (WASH_IN, "washin", description, slope, Some("Q.CD1.011"), "Wash-in slope: peak over time to peak."),
            (WASH_OUT, "washout", description, slope, Some("Q.CD1.012"), "Wash-out slope: peak to last frame."),
            (AREA_60, "iauc60", description, area, Some("Q.CD1.013"), "Area over 60 s from the bolus arrival."),
            (AREA_90, "iauc90", description, area, Some("Q.CD1.013"), "Area over 90 s from the bolus arrival."),
            (FINAL_OVER_INITIAL, "aucratio", description, "1", None, "Area of the last window over that of the first."),
            (CURVE_TYPE, "curvetype", None, "", None, "1 persistent, 2 plateau, 3 wash-out."),
        ]
        .into_iter()
        .filter(|&(map, ..)| self.maps[map].iter().any(|value| value.is_finite()))
        .map(|(map, suffix, description, unit, lexicon, words)| DceMap {
            suffix,
            description,
            unit,
            lexicon,
            words,
            values: &self.maps[map],
        })
        .collect()
    }

    /// Area over 60 s from the bolus arrival: mM s, or s for relative enhancement.
    pub fn area_60(&self) -> &[f32] {
        &self.maps[AREA_60]
    }

    /// Largest enhancement: mM, or 1 for relative enhancement.
    pub fn peak(&self) -> &[f32] {
        &self.maps[PEAK]
    }

    /// Curve types: 1, 2, 3.
    pub fn curve_types(&self) -> &[f32] {
        &self.maps[CURVE_TYPE]
    }
}

impl VoxelFits {
    /// The maps: the quantities of the model, their standard errors, how good the fit is, how it ended.
    pub fn maps(&self) -> Vec<DceMap<'_>> {
        let mut found = Vec::new();
        let mut push = |suffix, description, unit, lexicon, words, at: usize| {
            found.push(DceMap { suffix, description, unit, lexicon, words, values: &self.maps[at] });
        };
        if self.model.transfer_constant(&[1.0; QUANTITIES]).is_some() {
            push("ktrans", None, "1/min", None, "Volume transfer constant Ktrans.", TRANSFER);
        }
        let mut quantities: Vec<Quantity> = self.model.quantities().to_vec();
        if self.delay {
            quantities.push(Quantity::Delay);
        }
        for quantity in quantities {
            let (suffix, unit, words, error) = match quantity {
                Quantity::PlasmaFlow => ("fp", "mL/100mL/min", "Plasma flow.", "Standard error of the plasma flow."),
                // METHOD: in the Tofts models the exchange is Ktrans itself, which stands above.
                Quantity::Exchange if matches!(self.model, Model::Tofts | Model::ExtendedTofts) => {
                    let error = "Standard error of Ktrans.";
                    push("ktrans", Some("error"), "1/min", None, error, QUANTITIES + quantity as usize);
                    continue;
                }
                Quantity::Exchange => {
                    ("ps", "1/min", "Permeability-surface area product.", "Standard error of the PS product.")
                }
                Quantity::InterstitialVolume => {
                    ("ve", "1", "Extravascular extracellular volume fraction.", "Standard error of ve.")
                }
                Quantity::PlasmaVolume => ("vp", "1", "Plasma volume fraction.", "Standard error of vp."),
                Quantity::Delay => ("delay", "s", "Delay behind the arterial curve.", "Standard error of the delay."),
            };
            push(suffix, None, unit, None, words, quantity as usize);
            push(suffix, Some("error"), unit, None, error, QUANTITIES + quantity as usize);
        }
        push("rsquared", None, "1", None, "Coefficient of determination of the fit.", R_SQUARED);
        push("residual", None, "mM", None, "Residual standard deviation of the fit.", RESIDUAL);
        push("fitoutcome", None, "", None, "0 fitted, 1 on a bound, 2 not converged, 3 no concentration.", OUTCOME);
        found
    }

    /// Ktrans, 1/min; `None` for a model without it.
    pub fn transfer_constant(&self) -> Option<&[f32]> {
        self.model.transfer_constant(&[1.0; QUANTITIES]).map(|_| self.maps[TRANSFER].as_slice())
    }

    /// A quantity in its printed unit; `None` where the model lacks it.
    pub fn values(&self, quantity: Quantity) -> Option<&[f32]> {
        let has = self.model.has(quantity) || (quantity == Quantity::Delay && self.delay);
        has.then(|| self.maps[quantity as usize].as_slice())
    }

    /// How each voxel's fit ended, see [`Outcome::code`].
    pub fn outcome_map(&self) -> &[f32] {
        &self.maps[OUTCOME]
    }
}

/// What a thread keeps between voxels.
#[derive(Default)]
struct Scratch {
    row: Vec<f32>,
    samples: Vec<f64>,
    relative: Vec<f64>,
    concentration: Vec<f64>,
    fit: FitScratch,
}

impl Scratch {
    fn read(&mut self, block: &crate::image::Block<'_>, lane: usize) {
        self.row.resize(block.frames, 0.0);
        block.curve(lane, &mut self.row);
        self.samples.clear();
        self.samples.extend(self.row.iter().map(|&sample| f64::from(sample)));
    }
}

/// Maps of what the curves show without a model.
///
/// METHOD: arrival, times and slopes are estimated where a curve rises above `enhancement_sd` standard deviations of its
/// baseline. Elsewhere the area counts from the arrival of the mean curve: to leave tissue without enhancement out would
/// raise the mean of a lesion.
pub fn voxel_curves(series: &DceSeries<'_>, settings: &Settings) -> VoxelCurves {
    let (times, timing) = (series.times, &series.timing);
    let concentration = series.samples.has_concentration();
    let maps = for_each_block(series.series, CURVE_MAPS, Scratch::default, |block, scratch, outputs| {
        for lane in 0..block.width {
            scratch.read(block, lane);
            let level = timing.level(&scratch.samples);
            let is_relative = series.samples.relative(level, &scratch.samples, &mut scratch.relative);
            let curve = if concentration {
                let voxel = block.first + lane;
                if !series.samples.concentration(voxel, level, &scratch.samples, &mut scratch.concentration) {
                    continue;
                }
                &scratch.concentration
            } else if is_relative {
                &scratch.relative
            } else {
                continue;
            };
            let peak = curve.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            if curve.iter().any(|value| !value.is_finite()) {
                continue;
            }
            let mut put = |map: usize, value: f64| outputs[map][lane] = value as f32;
            put(PEAK, peak);
            let rises = peak > settings.enhancement_sd * timing.deviation(curve);
            let found = if rises { Enhancement::of(times, curve, &settings.curve) } else { None };
            let start = found.map_or(timing.arrival, |found| found.arrival);
            put(AREA_60, area_between(times, curve, start, start + 60.0).unwrap_or(f64::NAN));
            put(AREA_90, area_between(times, curve, start, start + 90.0).unwrap_or(f64::NAN));
            let Some(found) = found else { continue };
            put(ARRIVAL, found.arrival);
            put(TIME_TO_PEAK, found.time_to_peak);
            put(WASH_IN, found.wash_in);
            put(WASH_OUT, found.wash_out.unwrap_or(f64::NAN));
            put(FINAL_OVER_INITIAL, found.final_over_initial.unwrap_or(f64::NAN));
            let kind =
                if is_relative { curve_type(times, &scratch.relative, found.arrival, &settings.curve) } else { None };
            put(CURVE_TYPE, kind.map_or(f64::NAN, |kind| f64::from(kind.number())));
        }
    });
    let finite: Vec<f64> = maps[PEAK].iter().filter(|peak| peak.is_finite()).map(|&peak| f64::from(peak)).collect();
    let mean_peak = finite.iter().sum::<f64>() / finite.len() as f64;
    VoxelCurves { maps, concentration, mean_peak }
}

/// Maps of a model, prepared for the frames of the series.
pub fn voxel_fits(series: &DceSeries<'_>, kinetics: &Kinetics) -> VoxelFits {
    let maps = for_each_block(series.series, MODEL_MAPS, Scratch::default, |block, scratch, outputs| {
        for lane in 0..block.width {
            scratch.read(block, lane);
            let level = series.timing.level(&scratch.samples);
            let voxel = block.first + lane;
            if !series.samples.concentration(voxel, level, &scratch.samples, &mut scratch.concentration) {
                outputs[OUTCOME][lane] = f32::from(Outcome::NotFinite.code());
                continue;
            }
            let fit = kinetics.fit(&scratch.concentration, &mut scratch.fit);
            for quantity in 0..QUANTITIES {
                // METHOD: what stands on its upper bound is not told by the data; zero on the lower one is a measurement.
                if !kinetics.is_highest(quantity, fit.values[quantity]) {
                    outputs[quantity][lane] = fit.values[quantity] as f32;
                }
                outputs[QUANTITIES + quantity][lane] = fit.errors[quantity] as f32;
            }
            let exchange = Quantity::Exchange as usize;
            if !kinetics.is_highest(exchange, fit.values[exchange]) {
                outputs[TRANSFER][lane] = fit.transfer_constant as f32;
            }
            outputs[R_SQUARED][lane] = fit.r_squared as f32;
            outputs[RESIDUAL][lane] = fit.residual as f32;
            outputs[OUTCOME][lane] = f32::from(fit.outcome.code());
        }
    });
    let mut outcomes = [0; 4];
    for &code in &maps[OUTCOME] {
        outcomes[(code as usize).min(3)] += 1;
    }
    VoxelFits { maps, model: kinetics.model(), delay: kinetics.fits_delay(), outcomes }
}
