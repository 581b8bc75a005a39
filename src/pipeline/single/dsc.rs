//! What `relight dsc` does.

use std::path::PathBuf;

use super::{CommonRequest, MaskRequest, SingleOutcome, brain_of, finish, mask_file};
use crate::dsc::SeriesContent;
use crate::image::NiftiImage;
use crate::pipeline::Steps;
use crate::pipeline::bench::Bench;
use crate::pipeline::error::SessionError;
use crate::pipeline::masks::Fit;
use crate::pipeline::outputs::make_perfusion;
use crate::pipeline::perfusion::{self, Artery, DscInput};
use crate::settings::Settings;
use crate::study::{ArterialCurve, DscGiven, InputFile, Sidecar, dsc_acquisition, is_arterial_curve};

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
    /// Where the arterial curve comes from; `None` where no flow is asked for.
    pub artery: Option<ArteryRequest>,
    /// Lesions, and where the maps go.
    pub common: CommonRequest,
}

/// The arterial curve of a deconvolution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ArteryRequest {
    /// A mask on the grid of the series, or a table of a curve.
    File(PathBuf),
    /// Found among the voxels.
    Automatic,
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
    let brain_file = mask_file(&request.mask);
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
    sources.extend(request.common.lesion_file());
    let masks = request.common.lesion_masks(settings)?;
    steps.next("reading and mapping");
    let input = DscInput {
        reanalyze: false,
        align: &settings.align,
        image: &series,
        second_echo: second_echo.as_ref(),
        acquisition: &acquisition,
        brain: brain_of(&request.mask, brain_file.as_ref()),
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
    steps.next("measuring and writing");
    let destination = request.common.destination(&series, &sources);
    let complete = |bench| Bench { perfusion: Some(&perfusion), series: series.relative(), ..bench };
    let make = || make_perfusion(&perfusion, &acquisition, &destination);
    let (rows, written) = finish(masks.as_ref(), settings, complete, make)?;
    let (checks, motion) = (perfusion.result.checks.clone(), perfusion.motion.clone());
    Ok(SingleOutcome { written, rows, caveats, checks, motion })
}
