//! A DSC series from its file to maps, curves and places: what `relight run` and `relight dsc` share.

use super::error::SessionError;
use super::masks::{Fit, LesionMasks, read_region};
use super::motion::{self, Examined};
use super::regions::{Brain, Regions};
use crate::acquisition::DscAcquisition;
use crate::align;
use crate::dsc::{
    self, Aif, AifError, BrainNormalized, DscError, DscMap, DscResult, DscSignal, FurtherNormalization, LeakageChoice,
    LeakageModel, PerfusionMaps, RegionCurves, SeriesContent, aif_from_curve, aif_from_mask, baseline_mean_for_mask,
    find_aif, find_passage, leakage_choice, perfusion, quantify_passage, region_curves, signal_of_concentration,
};
use crate::image::{Grid, Mask, NiftiImage, Series, Volume};
use crate::quality::{Caveat, CaveatCode};
use crate::region::{
    self, Midline, Reference, ReferenceFacts, RegionError, brain_mask, crosses_midline, find_midline,
    mirrored_reference, reference_facts,
};
use crate::report::model::MotionFigure;
use crate::study::{ArterialCurve, ArterialUnit, InputFile};
use crate::units::Seconds;

/// Where the arterial curve of a deconvolution comes from.
#[derive(Debug, Clone, Copy)]
pub enum Artery<'a> {
    /// No flow is asked for.
    None,
    /// Found among the voxels (Mouridsen, MRM 2006;55:524).
    Automatic,
    /// A mask of arterial voxels.
    Given(&'a InputFile, Fit),
    /// A curve from a table.
    Curve(&'a ArterialCurve),
}

/// A DSC series and what belongs to it.
pub struct DscInput<'a> {
    /// The series, or its first echo.
    pub image: &'a InputFile,
    /// The second echo.
    pub second_echo: Option<&'a InputFile>,
    /// What the samples are.
    pub content: SeriesContent,
    /// What the method must know of the scan.
    pub acquisition: &'a DscAcquisition,
    /// Which voxels are measured.
    pub brain: Brain<'a>,
    /// White matter that was given.
    pub reference: Option<(&'a InputFile, Fit)>,
    /// Lesions that were given.
    pub lesions: Option<&'a LesionMasks>,
    /// Whether other leakage models and another reference region are tried as well.
    pub reanalyze: bool,
    /// Where the arterial curve comes from, when flow is asked for.
    pub artery: Artery<'a>,
    /// How the frames are aligned.
    pub align: &'a align::Settings,
}

/// What a DSC series says.
pub struct Perfusion {
    /// Maps over the measured voxels.
    pub result: DscResult,
    /// The grid of the series.
    pub grid: Grid,
    /// The lesions on that grid, in the order in which they were given.
    pub lesions: Vec<Mask>,
    /// Mean curves of each lesion; `None` where it has no usable voxel.
    pub lesion_curves: Vec<Option<RegionCurves>>,
    /// White matter that rCBV is divided by.
    pub reference: Option<Mask>,
    /// Its size and spread in the baseline image.
    pub reference_facts: Option<ReferenceFacts>,
    /// Whether it was given.
    pub reference_given: bool,
    /// Its mean curves.
    pub reference_curves: Option<RegionCurves>,
    /// rCBV of the lesions and the reference by the leakage models that were not chosen, or why one of them gives
    /// none; empty unless asked for.
    pub other_models: Vec<(LeakageModel, Result<Vec<f32>, String>)>,
    /// The mirrored reference beside a given one, or why there is none; `None` unless asked for.
    pub mirrored_reference: Option<Result<Mask, String>>,
    /// For each lesion the leakage models held against each other; `None` where it has no usable voxel.
    pub leakage_choices: Vec<Option<LeakageChoice>>,
    /// rCBV over the mean of the normal brain, where the settings ask for it.
    pub over_brain: Option<BrainNormalized>,
    /// Standardized rCBV, where the settings ask for it.
    pub standardized: Option<Vec<f32>>,
    /// Voxels of the maps that lie in lesions and are taken for vessels; `None` unless the settings name a rule.
    pub vessels: Option<Vec<bool>>,
    /// The arterial curve that flow was made with.
    pub artery: Option<Aif>,
    /// Flow and transit times, where they were asked for and an artery was found.
    pub flow: Option<PerfusionMaps>,
    /// The motion of the head; `None` where nobody was to look.
    pub motion: Option<MotionFigure>,
    /// Doubts, without those of single lesions.
    pub caveats: Vec<Caveat>,
}

impl Perfusion {
    /// All maps, in the order in which they are listed.
    pub fn maps(&self) -> Vec<DscMap<'_>> {
        let mut maps = self.result.maps();
        let map = |description, unit, equation, values| DscMap {
            suffix: "rcbv",
            description: Some(description),
            unit,
            equation,
            lexicon: None,
            quantity: None,
            values,
        };
        maps.extend(
            self.over_brain
                .as_ref()
                .map(|brain| map("brain", "1", "rCBV / mean rCBV of the whole normal brain", &brain.rcbv[..])),
        );
        let equation = "piecewise linear: percentiles of the map to the landmarks of a cohort";
        maps.extend(self.standardized.as_ref().map(|values| map("standardized", "a.u.", equation, values)));
        maps.extend(self.flow.iter().flat_map(PerfusionMaps::maps));
        maps
    }

    /// Whether each voxel of the maps is taken for a vessel; all false where no rule is switched on.
    fn is_vessel(&self, voxel: usize) -> bool {
        self.vessels.as_ref().is_some_and(|vessels| vessels[voxel])
    }

    /// A map as a volume; NaN in voxels that are taken for vessels.
    pub fn without_vessels(&self, values: &[f32]) -> Volume {
        let kept: Vec<f32> = values
            .iter()
            .enumerate()
            .map(|(voxel, &value)| if self.is_vessel(voxel) { f32::NAN } else { value })
            .collect();
        Volume::from_masked(&self.result.mask, &kept)
    }

    /// Voxels of a region that are taken for vessels.
    pub fn vessels_in(&self, region: &Mask) -> usize {
        self.result
            .mask
            .indices()
            .enumerate()
            .filter(|&(voxel, index)| region.data[index] && self.is_vessel(voxel))
            .count()
    }

    /// CBF over its mean in the reference region, one value per voxel of the maps.
    pub fn relative_flow(&self) -> Option<Vec<f32>> {
        let (flow, reference) = (self.flow.as_ref()?, self.reference.as_ref()?);
        let values = self.result.values_in(&flow.cbf, reference).ok()?;
        let finite: Vec<f64> = values.into_iter().filter(|value| value.is_finite()).map(f64::from).collect();
        let mean = finite.iter().sum::<f64>() / finite.len() as f64;
        (mean > 0.0).then(|| flow.cbf.iter().map(|&cbf| (f64::from(cbf) / mean) as f32).collect())
    }
}

/// The leakage models of a reanalysis: those that describe the whole series.
const REANALYZED: [LeakageModel; 3] = [LeakageModel::Bsw, LeakageModel::Bidirectional, LeakageModel::None];

/// Reads and quantifies a series.
pub fn measure(
    input: &DscInput<'_>,
    dsc_settings: &dsc::Settings,
    region_settings: &region::Settings,
) -> Result<Perfusion, SessionError> {
    let name = input.image.relative();
    let failed = |source| SessionError::Dsc { file: name.to_owned(), source };
    let image = NiftiImage::open(input.image.path())?;
    let grid = *image.grid();
    if image.frames() < 2 {
        return Err(failed(DscError::TooFewFrames {
            found: image.frames(),
            expected: dsc_settings.baseline_frames_minimum,
        }));
    }
    let mut regions = Regions::of(&image, name, input.lesions)?;
    let given_reference = regions.take(input.reference)?;
    let given_brain = regions.brain(input.brain)?;
    let (lesions, mut caveats) = regions.finish();
    if input.content == SeriesContent::Concentration && given_brain.is_none() {
        let problem = "a series of concentrations shows no brain to find: expected --mask FILE, or --mask none";
        return Err(SessionError::Mask { file: name.to_owned(), problem: problem.to_owned() });
    }
    if let Artery::Curve(curve) = input.artery
        && curve.unit == ArterialUnit::BloodConcentration
        && input.content == SeriesContent::Signal
    {
        let problem = "the column blood_concentration (mM) needs --as concentration: a series of signals gives dR2* in 1/s, \
                       and no relaxivity is assumed; expected the dR2* of the artery in a column value";
        return Err(SessionError::Mask { file: curve.file.clone(), problem: problem.to_owned() });
    }
    let series = match &given_brain {
        Some(mask) => image.read_series(mask)?,
        None => image.read_series_with(dsc_settings.mask_frames, |leading| {
            automatic_brain(leading, &lesions, given_reference.as_ref(), dsc_settings, name)
        })?,
    };
    let second = match input.second_echo {
        Some(file) => Some(NiftiImage::open(file.path())?.read_series(&series.mask)?),
        None => None,
    };
    let converted = match input.content {
        SeriesContent::Signal => None,
        SeriesContent::Concentration => {
            Some(signal_of_concentration(&series).ok_or_else(|| failed(DscError::NoBolus))?)
        }
    };
    let recorded = signal_of(input.acquisition, &series, second.as_ref(), converted.as_ref()).map_err(failed)?;
    let mut passage = find_passage(&recorded, dsc_settings).map_err(failed)?;
    let step = recorded.step();
    // METHOD: motion is looked for in what the scanner recorded; a series of concentrations was made from that by
    // another program, and is taken as it is.
    let examined = match input.content {
        SeriesContent::Concentration => None,
        SeriesContent::Signal => {
            let source = motion::Source {
                image: input.image,
                second_echo: input.second_echo,
                series: &series,
                timing: &passage.timing,
                step,
            };
            motion::examine(&source, input.align)?
        }
    };
    let (mut series, mut second, mut motion, mut motion_check) = (series, second, None, None);
    let mut moved = false;
    if let Some(Examined { aligned, figure, check, caveats: more }) = examined {
        caveats.extend(more);
        (motion, motion_check) = (Some(figure), Some(check));
        if let Some((first, other)) = aligned {
            (series, second) = (first, other);
            moved = true;
        }
    }
    let signal = signal_of(input.acquisition, &series, second.as_ref(), converted.as_ref()).map_err(failed)?;
    if moved {
        passage = find_passage(&signal, dsc_settings).map_err(failed)?;
    }
    let mut result = quantify_passage(&signal, passage, given_reference.as_ref(), dsc_settings).map_err(failed)?;
    result.checks.extend(motion_check);

    let baseline = Volume::from_masked(&result.mask, &result.baseline.level);
    let union = union_of(&lesions);
    let mut midline = None;
    let reference_given = given_reference.is_some();
    let reference = match given_reference {
        Some(mask) => Some(mask),
        None if input.content == SeriesContent::Concentration => {
            let detail = "a series of concentrations shows no white matter to find: give it with --reference";
            caveats.push(Caveat::new(CaveatCode::NoReference, detail));
            None
        }
        None => {
            match union.as_ref().map(|union| mirrored_white_matter(&baseline, &result.mask, union, region_settings)) {
                Some(Ok((found, plane))) => {
                    if lesions.iter().any(|lesion| crosses_midline(lesion, &plane.plane, region_settings)) {
                        let detail = "the reference region lies in the less affected hemisphere";
                        caveats.push(Caveat::new(CaveatCode::LesionCrossesMidline, detail));
                    }
                    midline = Some(plane);
                    caveats.extend(found.caveats);
                    Some(found.mask)
                }
                Some(Err(problem)) => {
                    caveats.push(Caveat::new(CaveatCode::NoReference, problem.to_string()));
                    None
                }
                None => {
                    caveats.push(Caveat::new(
                        CaveatCode::NoReference,
                        "neither a reference mask nor a lesion to mirror was given",
                    ));
                    None
                }
            }
        }
    };
    let mut reference_curves = None;
    let mut reference = reference;
    if let Some(mask) = &reference {
        let normalized =
            result.normalize(mask).and_then(|()| region_curves(&signal, &result, mask, "the reference region"));
        match normalized {
            Ok(curves) => reference_curves = Some(curves),
            // A region that a person drew must serve; one that was found may turn out unusable, and then is none.
            Err(error) if reference_given => return Err(failed(error)),
            Err(error) => {
                result.normalized = None;
                caveats.push(Caveat::new(CaveatCode::NoReference, error.to_string()));
                reference = None;
            }
        }
    }
    let facts = match &reference {
        Some(mask) => {
            let plane = midline.as_ref().map(|midline| &midline.plane);
            let facts = reference_facts(mask, &baseline, union.as_ref(), plane);
            Some(facts.map_err(|source| SessionError::Region { file: name.to_owned(), source })?)
        }
        None => None,
    };
    let arterial = match input.artery {
        Artery::None => None,
        Artery::Automatic => Some(find_aif(&signal, &result)),
        Artery::Given(file, fit) => {
            let (mask, more) = read_region(file, &NiftiImage::open(input.image.path())?, name, fit)?;
            caveats.extend(more);
            Some(aif_from_mask(&signal, &result, &mask))
        }
        Artery::Curve(curve) => {
            // METHOD: a curve that a person gave must serve: what is wrong with it is an error and not a caveat.
            let aif = aif_from_curve(&result, &curve.times, &curve.values);
            let refused =
                |problem: AifError| SessionError::Mask { file: curve.file.clone(), problem: problem.to_string() };
            Some(Ok(aif.map_err(refused)?))
        }
    };
    // METHOD: rCBV needs no artery, so one that fails is a caveat and takes only flow and transit times with it.
    let (mut flow, mut artery) = (None, None);
    match arterial {
        None => {}
        Some(Err(problem)) => caveats.push(Caveat::new(CaveatCode::AifFailed, problem.to_string())),
        Some(Ok(aif)) => {
            match perfusion(&signal, &result, &aif) {
                Ok(maps) => flow = Some(maps),
                Err(problem) => caveats.push(Caveat::new(CaveatCode::AifFailed, problem.to_string())),
            }
            artery = Some(aif);
        }
    }
    let vessels = match &union {
        Some(union) => result.vessels(&signal, union).map_err(failed)?,
        None => None,
    };
    let measured: Vec<Mask> = lesions.iter().map(|lesion| without(lesion, &result.mask, vessels.as_deref())).collect();
    let mut lesion_curves = Vec::with_capacity(lesions.len());
    for lesion in &measured {
        lesion_curves.push(match region_curves(&signal, &result, lesion, "the lesion") {
            Ok(curves) => Some(curves),
            Err(DscError::NoUsableVoxels { .. }) => None,
            Err(error) => return Err(failed(error)),
        });
    }
    let mut leakage_choices = Vec::with_capacity(lesions.len());
    for (lesion, curves) in measured.iter().zip(&lesion_curves) {
        leakage_choices.push(match curves {
            Some(curves) => leakage_choice(&signal, &result, lesion, curves).map_err(failed)?,
            None => None,
        });
    }
    let wanted = |normalization| dsc_settings.further_normalizations.contains(&normalization);
    let over_brain = wanted(FurtherNormalization::Brain)
        .then(|| result.over_normal_brain(union.as_ref()))
        .transpose()
        .map_err(failed)?;
    let standardized =
        wanted(FurtherNormalization::Standardized).then(|| result.standardized()).transpose().map_err(failed)?;
    let mut other_models = Vec::new();
    let mut mirrored = None;
    if input.reanalyze
        && let (Some(union), Some(reference)) = (&union, &reference)
    {
        // A lesion may grow by a voxel in a reanalysis, but only the chosen model is needed there.
        let voxels = union
            .or(reference)
            .map_err(|difference| SessionError::Mask { file: name.to_owned(), problem: difference.to_string() })?;
        for model in REANALYZED.into_iter().filter(|model| *model != result.model) {
            other_models.push((model, result.rcbv_by(&signal, model, &voxels).map_err(|problem| problem.to_string())));
        }
        mirrored = reference_given.then(|| {
            mirrored_white_matter(&baseline, &result.mask, union, region_settings)
                .map(|(found, _)| found.mask)
                .map_err(|problem| problem.to_string())
        });
    }
    Ok(Perfusion {
        motion,
        other_models,
        mirrored_reference: mirrored,
        result,
        grid,
        lesions,
        lesion_curves,
        reference,
        reference_facts: facts,
        reference_given,
        reference_curves,
        leakage_choices,
        over_brain,
        standardized,
        vessels,
        artery,
        flow,
        caveats,
    })
}

/// What is measured: the series as it was recorded, or `converted` from concentrations, with its echo time.
fn signal_of<'a>(
    acquisition: &'a DscAcquisition,
    series: &'a Series,
    second_echo: Option<&'a Series>,
    converted: Option<&'a (Series, Seconds)>,
) -> Result<DscSignal<'a>, DscError> {
    match converted {
        Some((series, echo_time)) => DscSignal::of_concentration(acquisition, series, *echo_time),
        None => DscSignal::new(acquisition, series, second_echo),
    }
}

/// A lesion without the voxels that are taken for vessels; `vessels` follows the order of the series' mask.
fn without(lesion: &Mask, series: &Mask, vessels: Option<&[bool]>) -> Mask {
    let mut left = lesion.clone();
    if let Some(vessels) = vessels {
        for (index, _) in series.indices().zip(vessels).filter(|(_, vessel)| **vessel) {
            left.data[index] = false;
        }
    }
    left
}

/// METHOD: the automatic mask always holds the lesions and the given reference: a lesion that is dark on EPI (blood
/// products) must not silently drop out of the measurement; voxels without signal are marked unusable later.
fn automatic_brain(
    leading: &[Volume],
    lesions: &[Mask],
    reference: Option<&Mask>,
    settings: &dsc::Settings,
    name: &str,
) -> Result<Mask, SessionError> {
    let frames: Vec<&[f32]> = leading.iter().map(|volume| volume.data.as_slice()).collect();
    let mean = baseline_mean_for_mask(&frames, settings)
        .map_err(|source| SessionError::Dsc { file: name.to_owned(), source })?;
    let grid = leading[0].grid;
    let mut mask = brain_mask(&Volume { grid, data: mean })
        .map_err(|source| SessionError::Region { file: name.to_owned(), source })?;
    for region in lesions.iter().chain(reference) {
        mask = mask
            .or(region)
            .map_err(|difference| SessionError::Mask { file: name.to_owned(), problem: difference.to_string() })?;
    }
    Ok(mask)
}

/// White matter across from the lesions, with the plane in which they were mirrored.
pub fn mirrored_white_matter(
    baseline: &Volume,
    brain: &Mask,
    lesions: &Mask,
    settings: &region::Settings,
) -> Result<(Reference, Midline), RegionError> {
    let midline = find_midline(baseline, brain, Some(lesions), settings)?;
    Ok((mirrored_reference(baseline, brain, lesions, &midline.plane, settings)?, midline))
}

/// All lesions in one mask; `None` without any.
pub fn union_of(masks: &[Mask]) -> Option<Mask> {
    let mut union = masks.first()?.clone();
    for mask in &masks[1..] {
        for (inside, &more) in union.data.iter_mut().zip(&mask.data) {
            *inside |= more;
        }
    }
    Some(union)
}
