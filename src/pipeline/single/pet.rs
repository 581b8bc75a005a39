//! What `relight pet` does.

use std::path::{Path, PathBuf};

use super::{CommonRequest, SingleOutcome, finish};
use crate::acquisition::{Body, PetAcquisition};
use crate::image::{NiftiImage, Volume};
use crate::pet::{self, PetError, SuvScale};
use crate::pipeline::Steps;
use crate::pipeline::bench::Bench;
use crate::pipeline::error::SessionError;
use crate::pipeline::masks::{Fit, LesionMasks, Placed};
use crate::pipeline::outputs::{Destination, SuvMap, make_uptake, write_curves};
use crate::pipeline::uptake::{self, BackgroundChoice, Head, PetInput, default_background};
use crate::quality::{Caveat, CaveatCode};
use crate::region::BackgroundShape;
use crate::settings::Settings;
use crate::study::{InputFile, Sidecar, pet_acquisition};

/// A PET image to be mapped.
#[derive(Debug, Clone)]
pub struct PetRequest {
    /// The image.
    pub image: PathBuf,
    /// Weight, height and sex that replace the sidecar's.
    pub body: Body,
    /// Doubts that reading the command line raised.
    pub caveats: Vec<Caveat>,
    /// The background; `None` for what fits the tracer.
    pub background: Option<BackgroundRequest>,
    /// A brain mask.
    pub mask: Option<PathBuf>,
    /// Lesions, and where the maps go.
    pub common: CommonRequest,
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
    caveats.extend(request.caveats.iter().cloned());
    prefer_given(&mut acquisition, &request.body);
    let tracer = acquisition.tracer.clone();
    let background_file = match &request.background {
        Some(BackgroundRequest::File(path) | BackgroundRequest::Label(path, _)) => Some(InputFile::lone(path)),
        Some(BackgroundRequest::Automatic(_) | BackgroundRequest::Number(_) | BackgroundRequest::None) | None => None,
    };
    let brain = request.mask.as_ref().map(InputFile::lone);
    let mut sources = vec![image.clone()];
    sources.extend(background_file.iter().chain(&brain).cloned());
    sources.extend(request.common.lesion_file());
    let destination = request.common.destination(&image, &sources);
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
    if masks.is_none()
        && uptake.0.result.scales.tbr.is_none()
        && let Err(reason) = &uptake.0.result.suv
    {
        let no_background = caveats.iter().find(|caveat| caveat.code == CaveatCode::NoBackground);
        let source = PetError::NothingToMake {
            suv: reason.to_string(),
            background: no_background.map_or_else(String::new, |caveat| caveat.detail.clone()),
        };
        return Err(SessionError::Pet { file: image.relative().to_owned(), source });
    }
    let complete = |bench| Bench { uptake: Some(&uptake), ..bench };
    let make = || make_uptake(&uptake.0, uptake.1.as_ref(), masks.as_ref(), suv_map, &destination);
    let (rows, mut written) = finish(masks.as_ref(), settings, complete, make)?;
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
    let Some(masks) = request.common.lesion_masks(settings)? else { return Ok(None) };
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
