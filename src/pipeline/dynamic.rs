//! A DCE series from its file to maps, curves and places: what `relight run` and `relight dce` share.

use super::companion::{automatic_mask, mean_volume, read_companion};
use super::error::SessionError;
use super::masks::{Fit, LesionMasks};
use super::perfusion::union_of;
use super::regions::{Brain, Regions};
use crate::acquisition::DceAcquisition;
use crate::dce::{
    self, Compartment, DceError, DceSeries, DelayFit, FlipAngleSet, Model, ModelChoice, Outcome, PlasmaCurve,
    Population, Quantity, Rates, RegionCurve, RegionFit, Samples, SpoiledGradientEcho, VoxelCurves, VoxelFits,
    artery_of_mask, find_artery, kinetics, rates_of_times, region_curve, region_fit, relaxation_map, series_checks,
    voxel_curves, voxel_fits,
};
use crate::image::{Grid, Mask, NiftiImage, Series, resample_mask};
use crate::quality::{Caveat, CaveatCode, Check};
use crate::study::{ArterialTable, InputFile};
use crate::units::{Degrees, Seconds};

/// Leading frames in which an automatic mask is found: before the contrast arrives.
const MASK_FRAMES: usize = 3;
/// A median B1 outside this range is no scale of the flip angle (a percentage, say).
const B1_RANGE: [f64; 2] = [0.3, 3.0];

/// What is known of T1 before contrast.
#[derive(Debug, Clone)]
pub enum RelaxationInput<'a> {
    /// Nothing.
    None,
    /// One time for all voxels.
    Seconds(Seconds),
    /// A map in s.
    Map(&'a InputFile, Fit),
    /// One image per flip angle.
    FlipAngles {
        /// The images with flip angle and excitation repetition time.
        images: Vec<(&'a InputFile, Degrees, Seconds)>,
        /// A map of the flip angle's scale.
        b1: Option<&'a InputFile>,
        /// Whether they must stand on the grid of the series.
        fit: Fit,
    },
}

/// Where the arterial curve comes from.
#[derive(Debug, Clone, Copy)]
pub enum ArterialInput<'a> {
    /// There is none.
    None,
    /// A population's, placed at the arrival in the series.
    Population(Population),
    /// A table.
    Table(&'a InputFile),
    /// The mean of a mask.
    Mask(&'a InputFile, Fit),
    /// Found among the voxels.
    Automatic,
}

/// A DCE series and what belongs to it.
pub struct DceInput<'a> {
    /// The series.
    pub image: &'a InputFile,
    /// What the method must know of the scan.
    pub acquisition: &'a DceAcquisition,
    /// Whether the samples are concentrations in mM and not a signal.
    pub is_concentration: bool,
    /// T1 before contrast.
    pub relaxation: RelaxationInput<'a>,
    /// Which voxels are measured.
    pub brain: Brain<'a>,
    /// A reference tissue that was given.
    pub reference: Option<(&'a InputFile, Fit)>,
    /// White matter that the DSC series of the session is divided by.
    pub reference_of_dsc: Option<&'a Mask>,
    /// Lesions that were given.
    pub lesions: Option<&'a LesionMasks>,
    /// The arterial curve.
    pub artery: ArterialInput<'a>,
    /// Whether a model that cannot be fitted is an error: it was asked for by name.
    pub model_required: bool,
}

/// What a DCE series says.
pub struct Dynamic {
    /// The measured voxels.
    pub mask: Mask,
    /// Frame times, s.
    pub times: Vec<f64>,
    /// Baseline frames and arrival.
    pub timing: dce::Timing,
    /// Maps of the curves.
    pub curves: VoxelCurves,
    /// Maps of the model.
    pub fits: Option<VoxelFits>,
    /// The arterial curve, with what it is in words.
    pub artery: Option<(PlasmaCurve, String)>,
    /// What T1 is taken from, in words; `None` without concentrations.
    pub relaxation_words: Option<String>,
    /// R1 of the voxels, 1/s, where it was measured.
    pub rates: Option<Vec<f32>>,
    /// The lesions on that grid, in the order in which they were given.
    pub lesions: Vec<Mask>,
    /// Their mean curves; `None` where none of their voxels is measured.
    pub lesion_curves: Vec<Option<RegionCurve>>,
    /// The model fitted to each of them.
    pub lesion_fits: Vec<Option<RegionFit>>,
    /// Mean curve of the reference tissue.
    pub reference_curve: Option<RegionCurve>,
    /// Windows of the curve quantities.
    pub curve_settings: dce::CurveSettings,
    /// Quality checks of the series.
    pub checks: Vec<Check>,
    /// Doubts, without those of single lesions.
    pub caveats: Vec<Caveat>,
}

impl Dynamic {
    /// The model of the maps.
    pub fn model(&self) -> Option<Model> {
        self.fits.as_ref().map(|fits| fits.model)
    }
}

/// Reads and quantifies a series.
pub fn measure(input: &DceInput<'_>, settings: &dce::Settings) -> Result<Dynamic, SessionError> {
    let name = input.image.relative();
    let failed = |source| SessionError::Dce { file: name.to_owned(), source };
    let image = NiftiImage::open(input.image.path())?;
    let grid = *image.grid();
    let mut regions = Regions::of(&image, name, input.lesions)?;
    let given_reference = regions.take(input.reference)?;
    let artery_mask = match input.artery {
        ArterialInput::Mask(file, fit) => regions.take(Some((file, fit)))?,
        _ => None,
    };
    let given_brain = regions.brain(input.brain)?;
    let (lesions, mut caveats) = regions.finish();
    let series = match &given_brain {
        Some(mask) => image.read_series(mask)?,
        None => image.read_series_with(MASK_FRAMES, |leading| {
            let mut inside = lesions.clone();
            inside.extend(artery_mask.clone());
            automatic_mask(&mean_volume(grid, leading), &inside, given_reference.as_ref(), name)
        })?,
    };
    let (samples, relaxation_words) = samples_of(input, &series, &grid, settings, &mut caveats)?;
    if let (Samples::RelativeOnly(missing), true) = (&samples, input.model_required) {
        let model = settings.model.as_str();
        return Err(failed(DceError::NoConcentration { model, missing: missing.clone() }));
    }
    if let Samples::RelativeOnly(missing) = &samples {
        caveats.push(Caveat::new(CaveatCode::DceSemiQuantitative, missing.clone()));
    }
    let rates = match &samples {
        Samples::Signal { rates: Rates::Map(rates), .. } => Some(rates.clone()),
        _ => None,
    };
    let times = input.acquisition.frame_times();
    let prepared =
        DceSeries::new(&series, times, input.acquisition.field_strength, samples, settings).map_err(failed)?;
    let curves = voxel_curves(&prepared, settings);
    let lesion_curves = curves_of(&prepared, &lesions, settings).map_err(failed)?;
    let reference = match (given_reference, input.reference_of_dsc) {
        (Some(mask), _) => Some(mask),
        (None, Some(mask)) => Some(resample_mask(mask, &grid, None)?).filter(|mask| mask.count() > 0),
        (None, None) => None,
    };
    let reference_curve = match &reference {
        Some(mask) => curves_of(&prepared, std::slice::from_ref(mask), settings).map_err(failed)?.remove(0),
        None => None,
    };

    let mut fits = None;
    let mut artery = None;
    let mut lesion_fits = vec![None; lesions.len()];
    if settings.model == ModelChoice::None {
        caveats.push(Caveat::new(CaveatCode::DceNoModel, "none was asked for"));
    } else if !prepared.samples.has_concentration() {
        caveats.push(Caveat::new(CaveatCode::DceNoModel, "a model needs concentrations"));
    } else {
        match arterial_curve(input, &prepared, &curves, artery_mask.as_ref(), settings) {
            Err(SessionError::Dce { source, .. }) if !input.model_required => {
                caveats.push(Caveat::new(CaveatCode::DceNoModel, source.to_string()));
            }
            Err(error) => return Err(error),
            Ok((plasma, words)) => {
                let doubt = match input.artery {
                    ArterialInput::Population(_) => Some(CaveatCode::DcePopulationAif),
                    ArterialInput::Automatic => Some(CaveatCode::DceAutomaticAif),
                    ArterialInput::None | ArterialInput::Table(_) | ArterialInput::Mask(..) => None,
                };
                caveats.extend(doubt.map(|code| Caveat::new(code, words.clone())));
                let fit_delay = settings.delay == DelayFit::Fit;
                let model = choose_model(&prepared, &lesions, &plasma, settings).map_err(failed)?;
                let prepared_model = kinetics(&prepared, model, &plasma, fit_delay, settings).map_err(failed)?;
                let found = voxel_fits(&prepared, &prepared_model);
                let [_, _, unfinished, unknown] = found.outcomes;
                if unfinished + unknown > 0 {
                    let detail = format!(
                        "{model}: {unfinished} voxels did not converge, {unknown} have no concentration in every frame"
                    );
                    caveats.push(Caveat::new(CaveatCode::DceFitsFailed, detail));
                }
                for (fit, curve) in lesion_fits.iter_mut().zip(&lesion_curves) {
                    *fit = curve.as_ref().and_then(|curve| {
                        let own = region_fit(&prepared, curve, choice_of(model), &plasma, fit_delay, settings)?;
                        let all = region_fit(&prepared, curve, ModelChoice::Best, &plasma, fit_delay, settings);
                        let ranking = all.map_or_else(|| own.ranking.clone(), |all| all.ranking);
                        Some(RegionFit { ranking, ..own })
                    });
                }
                fits = Some(found);
                artery = Some((plasma, words));
            }
        }
    }
    let checks = series_checks(&prepared, &settings.quality);
    let timing = prepared.timing.clone();
    Ok(Dynamic {
        mask: series.mask.clone(),
        times: times.to_vec(),
        timing,
        curves,
        fits,
        artery,
        relaxation_words,
        rates,
        lesions,
        lesion_curves,
        lesion_fits,
        reference_curve,
        curve_settings: settings.curve.clone(),
        checks,
        caveats,
    })
}

/// The mean curve of each region; `None` where none of its voxels is measured.
fn curves_of(
    series: &DceSeries<'_>,
    regions: &[Mask],
    settings: &dce::Settings,
) -> Result<Vec<Option<RegionCurve>>, DceError> {
    regions
        .iter()
        .map(|region| match region_curve(series, region, "the region", settings) {
            Ok(curve) => Ok(Some(curve)),
            Err(DceError::EmptyRegion { .. }) => Ok(None),
            Err(error) => Err(error),
        })
        .collect()
}

/// METHOD: one model serves all voxels, so that maps and means mean one thing; where it is chosen, the least AICc of the
/// mean concentration of all lesions chooses it, of all voxels where no lesion was given.
fn choose_model(
    series: &DceSeries<'_>,
    lesions: &[Mask],
    plasma: &PlasmaCurve,
    settings: &dce::Settings,
) -> Result<Model, DceError> {
    if let [model] = settings.model.candidates() {
        return Ok(*model);
    }
    let region = union_of(lesions).unwrap_or_else(|| series.series.mask.clone());
    let curve = region_curve(series, &region, "the lesions", settings)?;
    let fit_delay = settings.delay == DelayFit::Fit;
    region_fit(series, &curve, settings.model, plasma, fit_delay, settings).map(|found| found.model).ok_or_else(|| {
        DceError::NoConcentration {
            model: settings.model.as_str(),
            missing: "no model could be fitted to the mean concentration".to_owned(),
        }
    })
}

fn choice_of(model: Model) -> ModelChoice {
    match model {
        Model::Tofts => ModelChoice::Tofts,
        Model::ExtendedTofts => ModelChoice::ExtendedTofts,
        Model::Patlak => ModelChoice::Patlak,
        Model::Uptake => ModelChoice::Uptake,
        Model::Exchange => ModelChoice::Exchange,
    }
}

/// The arterial curve in plasma, with what it is in words.
fn arterial_curve(
    input: &DceInput<'_>,
    series: &DceSeries<'_>,
    curves: &VoxelCurves,
    mask: Option<&Mask>,
    settings: &dce::Settings,
) -> Result<(PlasmaCurve, String), SessionError> {
    let failed = |source| SessionError::Dce { file: input.image.relative().to_owned(), source };
    let curve_failed = |error: dce::PlasmaCurveError| failed(DceError::Aif(error.to_string()));
    let hematocrit = settings.hematocrit;
    match input.artery {
        ArterialInput::None => Err(failed(DceError::NoAif { model: settings.model.as_str() })),
        ArterialInput::Population(population) => {
            let seen = series.timing.arrival;
            let first = PlasmaCurve::placed(population, series.times, seen, hematocrit).map_err(curve_failed)?;
            // METHOD: the corner of a curve is known to about a frame. The mean concentration of all voxels, whose noise
            // is small, tells the place better: by the delay of an extended Tofts fit to it.
            let mean = region_curve(series, &series.series.mask, "the mask", settings).map_err(failed)?;
            let model = ModelChoice::ExtendedTofts;
            let delay = region_fit(series, &mean, model, &first, true, settings)
                .filter(|found| found.fit.outcome == Outcome::Fitted)
                .map_or(0.0, |found| found.fit.value(Quantity::Delay));
            let arrival = seen + delay;
            let curve = PlasmaCurve::placed(population, series.times, arrival, hematocrit).map_err(curve_failed)?;
            let name = match population {
                Population::Parker => "the population curve of Parker (MRM 2006;56:993)",
                Population::Georgiou => "the population curve of Georgiou (MRM 2019;81:1764)",
            };
            Ok((curve, format!("{name}, placed at the arrival of {arrival:.1} s, hematocrit {hematocrit}")))
        }
        ArterialInput::Table(file) => {
            let last = series.times.last().copied().unwrap_or(f64::NAN);
            let table = ArterialTable::read(file, last)?;
            let compartment = if table.of_plasma { Compartment::Plasma } else { Compartment::Blood { hematocrit } };
            let curve = PlasmaCurve::new(&table.times, &table.concentrations, compartment).map_err(curve_failed)?;
            let words = if table.of_plasma {
                format!("{}, plasma", file.relative())
            } else {
                format!("{}, blood, hematocrit {hematocrit}", file.relative())
            };
            Ok((curve, words))
        }
        ArterialInput::Mask(file, _) => {
            let empty = || DceError::Aif(format!("{} was not read", file.relative()));
            let found = artery_of_mask(series, mask.ok_or_else(|| failed(empty()))?, settings).map_err(failed)?;
            Ok((
                found.plasma,
                format!("mean of {} voxels of {}, hematocrit {hematocrit}", found.voxels.len(), file.relative()),
            ))
        }
        ArterialInput::Automatic => {
            let found = find_artery(series, curves, settings).map_err(failed)?;
            Ok((
                found.plasma,
                format!("mean of {} voxels that were found, hematocrit {hematocrit}", found.voxels.len()),
            ))
        }
    }
}

/// How concentrations come from the samples, and what T1 is taken from, in words.
fn samples_of(
    input: &DceInput<'_>,
    series: &Series,
    grid: &Grid,
    settings: &dce::Settings,
    caveats: &mut Vec<Caveat>,
) -> Result<(Samples, Option<String>), SessionError> {
    if input.is_concentration {
        return Ok((Samples::Concentration, Some("the samples are concentrations".to_owned())));
    }
    let name = input.image.relative();
    let failed = |source| SessionError::Dce { file: name.to_owned(), source };
    let missing = [
        ("FlipAngle", input.acquisition.flip_angle.is_none()),
        ("RepetitionTimeExcitation", input.acquisition.excitation_time.is_none()),
        ("T1 before contrast", matches!(input.relaxation, RelaxationInput::None)),
    ];
    let missing: Vec<&str> = missing.into_iter().filter(|(_, lacks)| *lacks).map(|(what, _)| what).collect();
    let (Some(angle), Some(time), true) =
        (input.acquisition.flip_angle, input.acquisition.excitation_time, missing.is_empty())
    else {
        return Ok((Samples::RelativeOnly(format!("missing: {}", missing.join(", "))), None));
    };
    let echo = SpoiledGradientEcho::new(angle, time).ok_or_else(|| {
        failed(DceError::NoConcentration {
            model: settings.model.as_str(),
            missing: format!(
                "FlipAngle {angle} and RepetitionTimeExcitation {time}: expected an angle between 0 and 90° and a time above 0 s"
            ),
        })
    })?;
    let mut companion = |file: &InputFile, fit| -> Result<Vec<f32>, SessionError> {
        let (volume, more) = read_companion(file, grid, name, fit)?;
        caveats.extend(more);
        volume
            .values_in(&series.mask)
            .map_err(|difference| failed(DceError::DifferentSpace { what: file.relative().to_owned(), difference }))
    };
    let (rates, words) = match &input.relaxation {
        RelaxationInput::None => return Ok((Samples::RelativeOnly("missing: T1 before contrast".to_owned()), None)),
        RelaxationInput::Seconds(time) => {
            rates_of_times(&[time.0 as f32], "--t1").map_err(failed)?;
            let words = format!("T1 of {} s in all voxels", time.0);
            caveats.push(Caveat::new(CaveatCode::DceAssumedT1, format!("{} s", time.0)));
            (Rates::One(1.0 / time.0), words)
        }
        RelaxationInput::Map(file, fit) => {
            let times = companion(file, *fit)?;
            let rates = rates_of_times(&times, file.relative()).map_err(failed)?;
            (Rates::Map(rates), format!("T1 map {}", file.relative()))
        }
        RelaxationInput::FlipAngles { images, b1, fit } => {
            let angles: Vec<Degrees> = images.iter().map(|(_, angle, _)| *angle).collect();
            let times: Vec<Seconds> = images.iter().map(|(_, _, time)| *time).collect();
            let set =
                FlipAngleSet::new(&angles, &times).map_err(|error| failed(DceError::FlipAngles(error.to_string())))?;
            let scale = b1.map(|file| companion(file, *fit)).transpose()?;
            if let Some(scale) = &scale {
                check_b1(scale).map_err(failed)?;
            }
            let signals = images.iter().map(|(file, ..)| companion(file, *fit)).collect::<Result<Vec<_>, _>>()?;
            let how = settings.relaxation_fit;
            let rates = relaxation_map(&set, &signals, scale.as_deref(), how);
            let corrected = if scale.is_some() { ", B1 corrected" } else { "" };
            let listed: Vec<String> = angles.iter().map(|angle| angle.0.to_string()).collect();
            (Rates::Map(rates), format!("T1 by the {how} fit of flip angles {}\u{b0}{corrected}", listed.join(", ")))
        }
    };
    Ok((Samples::Signal { echo, relaxivity: settings.relaxivity_per_mm_s, rates }, Some(words)))
}

fn check_b1(scale: &[f32]) -> Result<(), DceError> {
    let known: Vec<f64> = scale.iter().filter(|value| **value > 0.0).map(|&value| f64::from(value)).collect();
    match crate::curve::baseline::median(&known) {
        Some(median) if (B1_RANGE[0]..=B1_RANGE[1]).contains(&median) => Ok(()),
        found => Err(DceError::FlipAngles(format!(
            "the B1 map has a median of {} in the mask: expected the actual over the nominal flip angle, near 1 (percent?)",
            found.map_or("nothing".to_owned(), |median| median.to_string())
        ))),
    }
}
