//! One ASL or DCE series on its own: what `relight asl` and `relight dce` do.

use std::path::{Path, PathBuf};

use super::{CommonRequest, MaskRequest, SingleOutcome, brain_of, finish, mask_file};
use crate::asl::AslModel;
use crate::dce::{ModelChoice, Population};
use crate::image::NiftiImage;
use crate::pipeline::Steps;
use crate::pipeline::bench::Bench;
use crate::pipeline::dynamic::{self, ArterialInput, DceInput, RelaxationInput};
use crate::pipeline::error::SessionError;
use crate::pipeline::labeling::{self, AslInput};
use crate::pipeline::masks::Fit;
use crate::pipeline::outputs::{make_dynamic, make_labeling};
use crate::settings::Settings;
use crate::study::{
    DceGiven, InputFile, Sidecar, StudyError, Table, asl_acquisition, dce_acquisition, flip_angle_acquisition,
};
use crate::units::{Degrees, Seconds};

/// An ASL series to be mapped.
#[derive(Debug, Clone)]
pub struct AslRequest {
    /// The series.
    pub series: PathBuf,
    /// Volume types; beside the series where `None`.
    pub context: Option<PathBuf>,
    /// The M0 scan; the one beside the series, where there is one, where `None`.
    pub m0: Option<PathBuf>,
    /// Which voxels are measured.
    pub mask: MaskRequest,
    /// White matter.
    pub reference: Option<PathBuf>,
    /// The model; chosen by the number of delays where `None`.
    pub model: Option<AslModel>,
    /// Lesions, and where the maps go.
    pub common: CommonRequest,
}

/// A DCE series to be mapped; model and delay stand in the settings.
#[derive(Debug, Clone)]
pub struct DceRequest {
    /// The series.
    pub series: PathBuf,
    /// Time between frames, which replaces the sidecar's.
    pub frame_time: Option<Seconds>,
    /// Whether the samples are concentrations.
    pub is_concentration: bool,
    /// T1 before contrast.
    pub relaxation: RelaxationRequest,
    /// The arterial curve.
    pub artery: Option<ArterialRequest>,
    /// Which voxels are measured.
    pub mask: MaskRequest,
    /// A reference tissue.
    pub reference: Option<PathBuf>,
    /// Lesions, and where the maps go.
    pub common: CommonRequest,
}

/// T1 before contrast, as a person names it.
#[derive(Debug, Clone, PartialEq)]
pub enum RelaxationRequest {
    /// Not known.
    None,
    /// One time for all voxels.
    Seconds(Seconds),
    /// A map in s.
    Map(PathBuf),
    /// One image per flip angle, and a B1 map.
    FlipAngles {
        /// The images.
        images: Vec<PathBuf>,
        /// The scale of the flip angle.
        b1: Option<PathBuf>,
    },
}

/// An arterial curve, as a person names it.
#[derive(Debug, Clone, PartialEq)]
pub enum ArterialRequest {
    /// A population's.
    Population(Population),
    /// A table (`.tsv`).
    Table(PathBuf),
    /// A mask on the grid of the series.
    Mask(PathBuf),
    /// Found among the voxels.
    Automatic,
}

/// Maps an ASL series.
pub fn run_asl(
    request: &AslRequest,
    settings: &Settings,
    steps: &mut Steps<'_>,
) -> Result<SingleOutcome, SessionError> {
    let series = InputFile::lone(&request.series);
    let image = NiftiImage::open(&request.series)?;
    let context = InputFile::lone(request.context.clone().unwrap_or_else(|| beside(&request.series, "aslcontext.tsv")));
    let m0_path = request.m0.clone().or_else(|| {
        let names = ["m0scan.nii.gz", "m0scan.nii"];
        names.into_iter().map(|name| beside(&request.series, name)).find(|path| path.is_file())
    });
    let m0 = m0_path.as_ref().map(InputFile::lone);
    let m0_sidecar = m0_path.as_ref().map(|path| Sidecar::beside(path)).transpose()?;
    let table = Table::read(&context)?;
    let acquisition = asl_acquisition(&Sidecar::beside(&request.series)?, &table, m0_sidecar.as_ref(), image.frames())?;
    let brain = mask_file(&request.mask);
    let reference = request.reference.as_ref().map(InputFile::lone);
    let mut sources = vec![series.clone(), context];
    sources.extend(m0.iter().chain(&brain).chain(&reference).cloned());
    sources.extend(request.common.lesion_file());
    let masks = request.common.lesion_masks(settings)?;
    steps.next("reading and mapping");
    let input = AslInput {
        image: &series,
        acquisition: &acquisition,
        m0: m0.as_ref().map(|file| (file, Fit::SameGrid)),
        brain: brain_of(&request.mask, brain.as_ref()),
        reference: reference.as_ref().map(|file| (file, Fit::SameGrid)),
        reference_of_dsc: None,
        lesions: masks.as_ref(),
        model: request.model,
    };
    let labeled = labeling::measure(&input, &settings.asl, &settings.region)?;
    steps.next("measuring and writing");
    let destination = request.common.destination(&series, &sources);
    let complete = |bench| Bench { labeled: Some(&labeled), ..bench };
    let make = || make_labeling(&labeled, &acquisition, &settings.asl, &destination);
    let (rows, written) = finish(masks.as_ref(), settings, complete, make)?;
    let checks = labeled.result.checks.clone();
    Ok(SingleOutcome::new(written, rows, labeled.caveats, checks))
}

/// Maps a DCE series.
pub fn run_dce(
    request: &DceRequest,
    settings: &Settings,
    steps: &mut Steps<'_>,
) -> Result<SingleOutcome, SessionError> {
    let series = InputFile::lone(&request.series);
    let image = NiftiImage::open(&request.series)?;
    let given = DceGiven { frame_time: request.frame_time };
    let acquisition = dce_acquisition(&Sidecar::beside(&request.series)?, image.frames(), image.frame_time(), &given)?;
    let brain = mask_file(&request.mask);
    let reference = request.reference.as_ref().map(InputFile::lone);
    let artery = match &request.artery {
        Some(ArterialRequest::Table(path) | ArterialRequest::Mask(path)) => Some(InputFile::lone(path)),
        Some(ArterialRequest::Population(_) | ArterialRequest::Automatic) | None => None,
    };
    let (t1_files, b1) = match &request.relaxation {
        RelaxationRequest::None | RelaxationRequest::Seconds(_) => (Vec::new(), None),
        RelaxationRequest::Map(path) => (vec![InputFile::lone(path)], None),
        RelaxationRequest::FlipAngles { images, b1 } => {
            (images.iter().map(InputFile::lone).collect(), b1.as_ref().map(InputFile::lone))
        }
    };
    let mut sources = vec![series.clone()];
    sources.extend(t1_files.iter().chain(&b1).chain(&artery).chain(&brain).chain(&reference).cloned());
    sources.extend(request.common.lesion_file());
    let masks = request.common.lesion_masks(settings)?;
    steps.next("reading and mapping");
    let input = DceInput {
        image: &series,
        acquisition: &acquisition,
        is_concentration: request.is_concentration,
        relaxation: match &request.relaxation {
            RelaxationRequest::None => RelaxationInput::None,
            RelaxationRequest::Seconds(time) => RelaxationInput::Seconds(*time),
            RelaxationRequest::Map(_) => RelaxationInput::Map(&t1_files[0], Fit::SameGrid),
            RelaxationRequest::FlipAngles { .. } => {
                RelaxationInput::FlipAngles { images: flip_angles(&t1_files)?, b1: b1.as_ref(), fit: Fit::SameGrid }
            }
        },
        brain: brain_of(&request.mask, brain.as_ref()),
        reference: reference.as_ref().map(|file| (file, Fit::SameGrid)),
        reference_of_dsc: None,
        lesions: masks.as_ref(),
        artery: match (&request.artery, &artery) {
            (None, _) => ArterialInput::None,
            (Some(ArterialRequest::Population(population)), _) => ArterialInput::Population(*population),
            (Some(ArterialRequest::Table(_)), Some(file)) => ArterialInput::Table(file),
            (Some(ArterialRequest::Mask(_)), Some(file)) => ArterialInput::Mask(file, Fit::SameGrid),
            (Some(ArterialRequest::Automatic | ArterialRequest::Table(_) | ArterialRequest::Mask(_)), _) => {
                ArterialInput::Automatic
            }
        },
        model_required: settings.dce.model != ModelChoice::None,
    };
    let found = dynamic::measure(&input, &settings.dce)?;
    steps.next("measuring and writing");
    let destination = request.common.destination(&series, &sources);
    let complete = |bench| Bench { dynamic: Some(&found), ..bench };
    let make = || make_dynamic(&found, &acquisition, &settings.dce, &destination);
    let (rows, written) = finish(masks.as_ref(), settings, complete, make)?;
    Ok(SingleOutcome::new(written, rows, found.caveats, found.checks))
}

/// Flip-angle images with what their sidecars tell.
pub fn flip_angles(files: &[InputFile]) -> Result<Vec<(&InputFile, Degrees, Seconds)>, StudyError> {
    files
        .iter()
        .map(|file| {
            let (angle, time) = flip_angle_acquisition(&Sidecar::beside(file.path())?)?;
            Ok((file, angle, time))
        })
        .collect()
}

/// `sub-01_asl.nii.gz` has `sub-01_aslcontext.tsv` and `sub-01_m0scan.nii.gz` beside it.
fn beside(series: &Path, ending: &str) -> PathBuf {
    let name = series.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let stem = name.strip_suffix(".gz").unwrap_or(&name);
    let stem = stem.strip_suffix(".nii").unwrap_or(stem);
    let stem = stem.strip_suffix("_asl").unwrap_or(stem);
    series.with_file_name(format!("{stem}_{ending}"))
}
