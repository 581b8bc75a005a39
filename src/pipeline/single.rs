//! One series on its own: what `relight dsc` and `relight pet` do.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use serde_json::{Map, Value, json};

use super::bench::Bench;
use super::error::SessionError;
use super::judging::row_json;
use super::masks::{Fit, LesionMasks, Placed};
use super::outputs::{Destination, SuvMap, Written, make_uptake, write_curves, write_perfusion};
use super::perfusion::{self, Artery, Brain, DscInput};
use super::uptake::{self, BackgroundChoice, Head, PetInput, default_background};
use super::{Steps, measured::Measured};
use crate::acquisition::{Body, PetAcquisition};
use crate::dataset::{LesionRow, OutputStem, lesions_tsv};
use crate::dsc::SeriesContent;
use crate::image::{NiftiImage, Volume};
use crate::lesion::{LesionRecord, Split};
use crate::pet::{self, SuvScale};
use crate::quality::{Caveat, Check, Quality, worst};
use crate::region::BackgroundShape;
use crate::report::model::MotionFigure;
use crate::settings::Settings;
use crate::study::{
    ArterialCurve, DscGiven, InputFile, MaskKind, Sidecar, dsc_acquisition, is_arterial_curve, pet_acquisition,
};
use crate::verdict::{self, Verdict, judge};

/// Which voxels are measured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MaskRequest {
    /// A mask on the grid of the series.
    File(PathBuf),
    /// Found in the baseline image.
    Automatic,
    /// Every voxel.
    None,
}

impl MaskRequest {
    /// `auto`, `none`, or a file.
    pub fn of(text: &str) -> Self {
        match text {
            "auto" => Self::Automatic,
            "none" => Self::None,
            path => Self::File(path.into()),
        }
    }
}

/// A DSC series to be mapped.
#[derive(Debug, Clone)]
pub struct DscRequest {
    /// The series, or its first echo.
    pub series: PathBuf,
    /// The second echo.
    pub second_echo: Option<PathBuf>,
    /// Values that replace the sidecar's.
    pub given: DscGiven,
    /// What the samples are.
    pub content: SeriesContent,
    /// Which voxels are measured.
    pub mask: MaskRequest,
    /// White matter.
    pub reference: Option<PathBuf>,
    /// Lesions.
    pub lesions: Option<PathBuf>,
    /// How the lesion mask is split.
    pub split: Option<Split>,
    /// Where the arterial curve comes from; `None` where no flow is asked for.
    pub artery: Option<ArteryRequest>,
    /// Where the maps go.
    pub output: PathBuf,
    /// Whether files of others may be replaced.
    pub force: bool,
}

/// The arterial curve of a deconvolution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ArteryRequest {
    /// A mask on the grid of the series, or a table of a curve.
    File(PathBuf),
    /// Found among the voxels.
    Automatic,
}

/// A PET image to be mapped.
#[derive(Debug, Clone)]
pub struct PetRequest {
    /// The image.
    pub image: PathBuf,
    /// Weight, height and sex that replace the sidecar's.
    pub body: Body,
    /// The background; `None` for what fits the tracer.
    pub background: Option<BackgroundRequest>,
    /// A brain mask.
    pub mask: Option<PathBuf>,
    /// Lesions.
    pub lesions: Option<PathBuf>,
    /// How the lesion mask is split.
    pub split: Option<Split>,
    /// Where the maps go.
    pub output: PathBuf,
    /// Whether files of others may be replaced.
    pub force: bool,
}

/// A background as a person names it.
#[derive(Debug, Clone, PartialEq)]
pub enum BackgroundRequest {
    /// A mask on the grid of the image.
    File(PathBuf),
    /// A label of a label map on the grid of the image.
    Label(PathBuf, u32),
    /// A region found in the head.
    Automatic(BackgroundShape),
    /// A number in the unit of the image.
    Number(f64),
    /// No ratio.
    None,
}

/// What a single command leaves.
#[derive(Debug, Clone)]
pub struct SingleOutcome {
    written: Vec<Written>,
    rows: Vec<(Measured, Verdict)>,
    caveats: Vec<Caveat>,
    checks: Vec<Check>,
    motion: Option<MotionFigure>,
}

impl SingleOutcome {
    pub(super) fn new(
        written: Vec<Written>,
        rows: Vec<(Measured, Verdict)>,
        caveats: Vec<Caveat>,
        checks: Vec<Check>,
    ) -> Self {
        Self { written, rows, caveats, checks, motion: None }
    }

    /// Number of maps.
    pub fn maps(&self) -> usize {
        self.written.len()
    }

    /// Doubts about the series as a whole.
    pub fn caveats(&self) -> &[Caveat] {
        &self.caveats
    }

    /// The worst quality word.
    pub fn quality(&self) -> Option<Quality> {
        worst(&self.checks)
    }

    /// The lesion table; `None` without lesions.
    pub fn table(&self) -> Option<String> {
        if self.rows.is_empty() {
            return None;
        }
        let rows: Vec<LesionRow> = self
            .rows
            .iter()
            .map(|(lesion, verdict)| LesionRow {
                record: lesion.record.clone(),
                verdict: verdict.columns(lesion.measured_caveats.iter().map(|caveat| caveat.code.as_str())),
            })
            .collect();
        Some(lesions_tsv(&rows, &verdict::COLUMNS))
    }

    /// `{"maps": …, "lesions": …, "caveats": …}`.
    pub fn json(&self) -> Value {
        let maps: Map<String, Value> =
            self.written.iter().map(|map| (map.key.clone(), json!(map.path.display().to_string()))).collect();
        let lesions: Vec<Value> =
            self.rows.iter().map(|(lesion, verdict)| Value::Object(row_json(lesion, verdict))).collect();
        let details: Vec<Value> = self.rows.iter().filter_map(|(lesion, _)| lesion.details_json()).collect();
        let artery = self.rows.iter().find_map(|(lesion, _)| serde_json::to_value(lesion.artery.as_ref()?).ok());
        let pet: Vec<Value> = self
            .rows
            .iter()
            .filter_map(|(lesion, _)| Some(json!({ "lesion": lesion.record.lesion, "measures": lesion.pet.as_ref()? })))
            .collect();
        let mut all = json!({ "maps": maps, "lesions": lesions, "caveats": self.caveats, "checks": self.checks });
        if let Some(motion) = &self.motion {
            all["motion"] = json!(motion);
        }
        if !pet.is_empty() {
            all["pet"] = Value::Array(pet);
        }
        if !details.is_empty() {
            all["perfusion_details"] = Value::Array(details);
        }
        if let Some(artery) = artery {
            all["artery"] = artery;
        }
        all
    }
}

/// Maps a DSC series.
pub fn run_dsc(
    request: &DscRequest,
    settings: &Settings,
    steps: &mut Steps<'_>,
) -> Result<SingleOutcome, SessionError> {
    let series = InputFile::lone(&request.series);
    let second_echo = request.second_echo.as_ref().map(InputFile::lone);
    let mut sources = vec![series.clone()];
    let frame_time = NiftiImage::open(&request.series)?.frame_time();
    let second_sidecar = second_echo.as_ref().map(|file| Sidecar::beside(file.path())).transpose()?;
    let (acquisition, mut caveats) = dsc_acquisition(
        &Sidecar::beside(&request.series)?,
        second_sidecar.as_ref(),
        frame_time,
        &request.given,
        &settings.study,
    )?;
    let brain_file = match &request.mask {
        MaskRequest::File(path) => Some(InputFile::lone(path)),
        MaskRequest::Automatic | MaskRequest::None => None,
    };
    let reference = request.reference.as_ref().map(InputFile::lone);
    let artery = match &request.artery {
        Some(ArteryRequest::File(path)) => Some(InputFile::lone(path)),
        Some(ArteryRequest::Automatic) | None => None,
    };
    let arterial_curve = match &artery {
        Some(file) if is_arterial_curve(file.file_name()) => Some(ArterialCurve::read(file)?),
        _ => None,
    };
    sources.extend(brain_file.iter().chain(&reference).chain(&artery).cloned());
    sources.extend(request.lesions.as_ref().map(InputFile::lone));
    let masks = read_lesions(request.lesions.as_deref(), request.split, settings)?;
    steps.next("reading and mapping");
    let input = DscInput {
        reanalyze: false,
        align: &settings.align,
        image: &series,
        second_echo: second_echo.as_ref(),
        acquisition: &acquisition,
        brain: match (&brain_file, &request.mask) {
            (Some(file), _) => Brain::Given(file, Fit::SameGrid),
            (None, MaskRequest::None) => Brain::WholeImage,
            (None, _) => Brain::Automatic,
        },
        reference: reference.as_ref().map(|file| (file, Fit::SameGrid)),
        lesions: masks.as_ref(),
        content: request.content,
        artery: match (&request.artery, &artery) {
            _ if let Some(curve) = &arterial_curve => Artery::Curve(curve),
            (_, Some(file)) => Artery::Given(file, Fit::SameGrid),
            (Some(_), None) => Artery::Automatic,
            (None, None) => Artery::None,
        },
    };
    let perfusion = perfusion::measure(&input, &settings.dsc, &settings.region)?;
    caveats.extend(perfusion.result.caveats.iter().chain(&perfusion.caveats).cloned());
    let rows = measure_rows(masks.as_ref(), settings, |bench| Bench {
        perfusion: Some(&perfusion),
        series: series.relative(),
        ..bench
    })?;
    steps.next("writing");
    let destination = Destination {
        folder: &request.output,
        stem: OutputStem::of_series(series.file_name()),
        sources: &sources,
        force: request.force,
    };
    let written = write_perfusion(&perfusion, &acquisition, &destination)?;
    let (checks, motion) = (perfusion.result.checks.clone(), perfusion.motion.clone());
    Ok(SingleOutcome { written, rows, caveats, checks, motion })
}

/// Maps a PET image.
pub fn run_pet(
    request: &PetRequest,
    settings: &Settings,
    steps: &mut Steps<'_>,
) -> Result<SingleOutcome, SessionError> {
    let image = InputFile::lone(&request.image);
    let sidecar = Sidecar::beside(&request.image)?;
    let label = crate::study::BidsName::parse(image.file_name()).and_then(|name| name.entity("trc").map(str::to_owned));
    let (mut acquisition, mut caveats) = pet_acquisition(&sidecar, label.as_deref(), &request.body, &settings.study)?;
    prefer_given(&mut acquisition, &request.body);
    let tracer = acquisition.tracer.clone();
    let background_file = match &request.background {
        Some(BackgroundRequest::File(path) | BackgroundRequest::Label(path, _)) => Some(InputFile::lone(path)),
        Some(BackgroundRequest::Automatic(_) | BackgroundRequest::Number(_) | BackgroundRequest::None) | None => None,
    };
    let brain = request.mask.as_ref().map(InputFile::lone);
    let mut sources = vec![image.clone()];
    sources.extend(background_file.iter().chain(&brain).cloned());
    sources.extend(request.lesions.as_ref().map(InputFile::lone));
    let destination = Destination {
        folder: &request.output,
        stem: OutputStem::of_series(image.file_name()),
        sources: &sources,
        force: request.force,
    };
    steps.next("reading");
    // Each file is inflated by one thread: side by side they take as long as the larger.
    let (masks, read) = rayon::join(
        || placed_lesions(request, &image, settings),
        || read_static(&request.image, &acquisition, &settings.pet, &destination),
    );
    let (masks, placed) = masks?.unzip();
    let (volume, suv_map) = read?;
    steps.next("measuring and writing");
    let input = PetInput {
        image: &image,
        volume,
        acquisition: &acquisition,
        background: match (&request.background, &background_file) {
            (Some(BackgroundRequest::Label(_, label)), Some(file)) => {
                BackgroundChoice::Given(file, Some(*label), Fit::SameGrid)
            }
            (_, Some(file)) => BackgroundChoice::Given(file, None, Fit::SameGrid),
            (Some(BackgroundRequest::Automatic(shape)), _) => BackgroundChoice::Automatic(*shape),
            (Some(BackgroundRequest::Number(number)), _) => BackgroundChoice::Number(*number),
            (Some(BackgroundRequest::None | BackgroundRequest::File(_) | BackgroundRequest::Label(..)), _) => {
                BackgroundChoice::None
            }
            // A crescent lies opposite a lesion: without lesions there is none, and no caveat is owed for it.
            (None, _) if masks.is_none() => BackgroundChoice::None,
            (None, _) => default_background(None, tracer.as_ref()),
        },
        head: Head { anatomy: None, brain: brain.as_ref().map(|file| (file, Fit::SameGrid)) },
        lesions: masks.as_ref(),
        placed,
    };
    let uptake = (uptake::measure(input, &settings.pet, &settings.region)?, tracer);
    caveats.extend(uptake.0.caveats.iter().cloned());
    let (rows, made) = rayon::join(
        || measure_rows(masks.as_ref(), settings, |bench| Bench { uptake: Some(&uptake), ..bench }),
        || make_uptake(&uptake.0, uptake.1.as_ref(), masks.as_ref(), suv_map, &destination),
    );
    let (rows, made) = (rows?, made?);
    let mut written = made.commit()?;
    written.extend(write_curves(&uptake.0, masks.as_ref(), &destination)?);
    Ok(SingleOutcome { written, rows, caveats, checks: uptake.0.result.checks.clone(), motion: None })
}

/// What is told on the command line replaces what the sidecar says.
fn prefer_given(acquisition: &mut PetAcquisition, given: &Body) {
    let body = &mut acquisition.body;
    body.weight = given.weight.or(body.weight);
    body.height = given.height.or(body.height);
    body.sex = given.sex.or(body.sex);
}

/// The lesions, and where they lie on the grid of the image, from its header alone.
fn placed_lesions(
    request: &PetRequest,
    image: &InputFile,
    settings: &Settings,
) -> Result<Option<(LesionMasks, Placed)>, SessionError> {
    let Some(masks) = read_lesions(request.lesions.as_deref(), request.split, settings)? else { return Ok(None) };
    let placed = masks.onto(&NiftiImage::open(&request.image)?, image.relative())?;
    Ok(Some((masks, placed)))
}

/// The volume of an image without time frames, with its SUV map where SUV can be computed; `None` for a series, which
/// is reduced while it is read.
fn read_static(
    path: &Path,
    acquisition: &PetAcquisition,
    settings: &pet::Settings,
    destination: &Destination<'_>,
) -> Result<(Option<Volume>, Option<SuvMap>), SessionError> {
    let image = NiftiImage::open(path)?;
    if image.frames() > 1 {
        return Ok((None, None));
    }
    let Ok(scale) = SuvScale::new(acquisition, settings.suv, settings) else {
        return Ok((Some(image.read_volume()?), None));
    };
    let (volume, map) = SuvMap::read(image, &scale, destination)?;
    Ok((Some(volume), Some(map)))
}

pub(super) fn read_lesions(
    path: Option<&Path>,
    split: Option<Split>,
    settings: &Settings,
) -> Result<Option<LesionMasks>, SessionError> {
    let Some(path) = path else { return Ok(None) };
    LesionMasks::read(&InputFile::lone(path), MaskKind::Undeclared, &BTreeMap::new(), split, &settings.lesion).map(Some)
}

pub(super) fn measure_rows<'a>(
    masks: Option<&'a LesionMasks>,
    settings: &'a Settings,
    complete: impl FnOnce(Bench<'a>) -> Bench<'a>,
) -> Result<Vec<(Measured, Verdict)>, SessionError> {
    let Some(masks) = masks else { return Ok(Vec::new()) };
    let bench = complete(Bench {
        settings,
        masks,
        anatomy: None,
        perfusion: None,
        through: None,
        labeled: None,
        dynamic: None,
        uptake: None,
        brain: None,
        series: "",
        for_page: false,
    });
    // Collected before the first error is looked for, so that it is the same one for any number of threads.
    let rows: Vec<Result<_, SessionError>> = (0..masks.lesions.len())
        .into_par_iter()
        .map(|place| {
            let lesion = &masks.lesions[place];
            let record = LesionRecord {
                lesion: Some(lesion.label.to_string()),
                name: lesion.name.clone(),
                ..Default::default()
            };
            let measured = bench.lesion(place, record, masks.caveats.clone())?;
            let verdict = judge(&measured.record, &settings.verdict);
            Ok((measured, verdict))
        })
        .collect();
    rows.into_iter().collect()
}
