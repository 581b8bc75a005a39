//! Two images on their own: what `relight register` and `relight resample` do.

use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::Steps;
use super::error::SessionError;
use super::outputs::Destination;
use crate::align::{self, Registration, TransformFile, register, transform_text};
use crate::dataset::{
    DatasetError, ImageSidecar, OutputStem, check_replaceable, json_text, replace_file, sidecar_name, write_file,
};
use crate::image::{
    Compression, ImageError, Labels, NiftiImage, Volume, resample_labels, resample_volume, write_labels, write_volume,
};
use crate::study::InputFile;

/// First words of a transform file of ours.
const OURS: &str = "# relight";

/// One image to another.
#[derive(Debug, Clone)]
pub struct RegisterRequest {
    /// The image that is moved.
    pub moving: PathBuf,
    /// The image that stays.
    pub fixed: PathBuf,
    /// The transform file.
    pub output: PathBuf,
    /// Whether a file of others may be replaced.
    pub force: bool,
}

/// Registers, writes the transform and tells what was found.
pub fn run_register(
    request: &RegisterRequest,
    settings: &align::Settings,
    steps: &mut Steps<'_>,
) -> Result<(Registration, Value), SessionError> {
    check_transform_replaceable(&request.output, request.force)?;
    steps.next("registering");
    let (moving, fixed) = (volume(&request.moving)?, volume(&request.fixed)?);
    let failed = |source| SessionError::Align { file: request.moving.display().to_string(), source };
    let found = register(&moving, &fixed, settings).map_err(failed)?;
    write_file(&request.output, transform_text(&found.pull, found.center).as_bytes())?;
    let forward = found.pull.inverse();
    let pose = forward.pose(found.center);
    let told = json!({
        "transform": request.output.display().to_string(),
        "translation_mm": pose.translation_mm,
        "rotation_deg": pose.rotation_deg,
        "center_mm": found.center,
        "displacement_mm": forward.displacement(found.center),
        "correlation_ratio": found.correlation_ratio,
        "overlap": found.overlap,
    });
    Ok((found, told))
}

/// An image on the grid of another.
#[derive(Debug, Clone)]
pub struct ResampleRequest {
    /// The image.
    pub image: PathBuf,
    /// The image whose grid is wanted.
    pub like: PathBuf,
    /// From the image to the one whose grid is wanted; scanner coordinates alone where `None`.
    pub transform: Option<PathBuf>,
    /// The file that is written.
    pub output: PathBuf,
    /// Whether a file of others may be replaced.
    pub force: bool,
}

/// How values between voxels were found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Interpolation {
    /// Label maps and masks.
    Nearest,
    /// Everything else.
    Linear,
}

impl Interpolation {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Nearest => "nearest",
            Self::Linear => "linear",
        }
    }
}

/// Resamples and tells how.
///
/// METHOD: an image whose values are all whole numbers from 0 to 65,535, of at most 256 kinds, or whose name ends in
/// `_mask` or `_dseg`, holds labels: the nearest voxel's, never a mean of two of them.
pub fn run_resample(request: &ResampleRequest, steps: &mut Steps<'_>) -> Result<Value, SessionError> {
    check_replaceable(&request.output, request.force)?;
    steps.next("resampling");
    let failed = |source| SessionError::Align {
        file: request.transform.as_deref().unwrap_or(&request.image).display().to_string(),
        source,
    };
    let pull = match &request.transform {
        Some(path) => Some(TransformFile::read(path).map_err(failed)?.pull),
        None => None,
    };
    let onto = *NiftiImage::open(&request.like)?.grid();
    let unwritable = |error: std::io::Error| {
        SessionError::Output(DatasetError::Unwritable {
            file: super::shown(&request.output),
            problem: error.to_string(),
        })
    };
    let writer = |aside: &Path| {
        Ok::<_, SessionError>(BufWriter::with_capacity(1 << 20, File::create(aside).map_err(unwritable)?))
    };
    let (interpolation, outside) = match labels(&request.image)? {
        Some(labels) => {
            let out = resample_labels(&labels, &onto, pull.as_ref())?;
            replace_file(&request.output, |aside| -> Result<(), SessionError> {
                Ok(write_labels(writer(aside)?, &out, Compression::MAPS)?)
            })?;
            let lost = labels.present().iter().filter(|label| !out.present().contains(label)).count();
            (Interpolation::Nearest, lost)
        }
        None => {
            let out = resample_volume(&volume(&request.image)?, &onto, pull.as_ref())?;
            let outside = out.data.iter().filter(|value| value.is_nan()).count();
            replace_file(&request.output, |aside| -> Result<(), SessionError> {
                Ok(write_volume(writer(aside)?, &out, Compression::MAPS)?)
            })?;
            (Interpolation::Linear, outside)
        }
    };
    write_sidecar(request, interpolation)?;
    let mut told = json!({
        "image": request.output.display().to_string(),
        "interpolation": interpolation.as_str(),
        "shape": onto.shape(),
    });
    match interpolation {
        Interpolation::Nearest => told["labels_lost"] = json!(outside),
        Interpolation::Linear => told["voxels_not_estimated"] = json!(outside),
    }
    Ok(told)
}

fn write_sidecar(request: &ResampleRequest, interpolation: Interpolation) -> Result<(), SessionError> {
    let mut sources = vec![InputFile::lone(&request.image), InputFile::lone(&request.like)];
    sources.extend(request.transform.as_ref().map(InputFile::lone));
    let name = request.output.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let folder = request.output.parent().unwrap_or(Path::new(""));
    let destination =
        Destination { folder, stem: OutputStem::of_series(&name), sources: &sources, force: request.force };
    let mut model = serde_json::Map::new();
    model.insert("Interpolation".to_owned(), interpolation.as_str().into());
    let sidecar = ImageSidecar {
        description: "An image on the grid of another.".to_owned(),
        units: "",
        sources: destination.sources,
        skull_stripped: false,
        spatial_reference: None,
        mask_type: None,
        model,
        caveats: &[],
    };
    Ok(write_file(&folder.join(sidecar_name(&name)), json_text(&sidecar.json()).as_bytes())?)
}

fn volume(path: &Path) -> Result<Volume, SessionError> {
    Ok(NiftiImage::open(path)?.read_volume()?)
}

/// The image as a label map, where it is one.
fn labels(path: &Path) -> Result<Option<Labels>, SessionError> {
    const KINDS: usize = 256;
    const LARGEST: u32 = 65_535;
    let stem = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let stem = stem.trim_end_matches(".gz").trim_end_matches(".nii").to_owned();
    let named = stem.ends_with("_mask") || stem.ends_with("_dseg");
    match NiftiImage::open(path)?.read_labels() {
        Ok(labels) => {
            let present = labels.present();
            let few = present.len() <= KINDS && present.last().is_none_or(|&largest| largest <= LARGEST);
            Ok((named || few).then_some(labels))
        }
        Err(ImageError::NotALabel { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// A file that is there must be a transform of ours.
fn check_transform_replaceable(path: &Path, force: bool) -> Result<(), SessionError> {
    let foreign = match std::fs::read(path) {
        Ok(bytes) => !bytes.starts_with(OURS.as_bytes()),
        Err(error) => error.kind() != std::io::ErrorKind::NotFound,
    };
    if foreign && !force {
        return Err(SessionError::Output(DatasetError::Unwritable {
            file: super::shown(path),
            problem: "the file is there and relight did not write it; --force replaces it".to_owned(),
        }));
    }
    Ok(())
}
