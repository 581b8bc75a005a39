//! Maps and masks to files, each with its sidecar: what the session and the single commands both write.

mod kinetic;
mod lesions;
mod perfusion;
mod uptake;

use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use serde_json::{Map, Value};

pub use self::kinetic::{make_dynamic, make_labeling};
pub use self::lesions::{write_clusters, write_lesions};
pub use self::perfusion::{make_perfusion, recovery_words};
pub use self::uptake::{SuvMap, make_uptake, write_curves};
use super::error::SessionError;
use crate::dataset::{
    DatasetError, ImageSidecar, OutputStem, StagedFile, check_replaceable, json_text, sidecar_name, write_file,
};
use crate::image::{Compression, Labels, Mask, Volume, write_labels, write_mask, write_scaled_volume, write_volume};
use crate::quality::Caveat;
use crate::study::InputFile;

/// Where outputs go, and what stands in every sidecar.
#[derive(Debug, Clone)]
pub struct Destination<'a> {
    /// The folder.
    pub folder: &'a Path,
    /// What the names begin with.
    pub stem: OutputStem,
    /// The files that the outputs were made from.
    pub sources: &'a [InputFile],
    /// Whether files of others may be replaced.
    pub force: bool,
}

/// An image that was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// Its name in `--json`, such as `desc-normalized_rcbv`.
    pub key: String,
    /// The file.
    pub path: PathBuf,
}

/// What is written.
enum Content<'a> {
    /// Values over the voxels of a mask.
    Masked(&'a Mask, &'a [f32]),
    /// A whole image times a factor.
    Scaled(&'a Volume, f64),
    Labels(&'a Labels),
    BiologicalVolumes(&'a uptake::BiologicalVolumes<'a>),
    Mask(&'a Mask),
    /// What was made before.
    Made(StagedFile),
}

/// An image to be written, and what its sidecar says of it.
struct Output<'a> {
    suffix: &'a str,
    description: Option<&'a str>,
    words: String,
    unit: &'a str,
    mask_type: Option<&'a str>,
    model: Map<String, Value>,
    skull_stripped: bool,
    content: Content<'a>,
}

impl Output<'_> {
    /// The name of its file.
    fn name(&self, destination: &Destination<'_>) -> String {
        let stem = match self.mask_type {
            Some("ROI") => destination.stem.clone().with("label", "reference"),
            _ => destination.stem.clone(),
        };
        stem.name(self.suffix, self.description, ".nii.gz")
    }

    /// Its name in `--json`.
    fn key(&self) -> String {
        match (self.mask_type, self.description) {
            (Some("ROI"), _) => "label-reference_mask".to_owned(),
            (_, Some(description)) => format!("desc-{description}_{}", self.suffix),
            (_, None) => self.suffix.to_owned(),
        }
    }
}

/// Images that were made aside, whole, and are not in their places yet. Dropped, they leave nothing behind.
pub struct MadeOutputs(Vec<Made>);

struct Made {
    image: StagedFile,
    sidecar: (PathBuf, String),
    written: Written,
}

impl MadeOutputs {
    /// Puts every image and its sidecar into their places.
    pub fn commit(self) -> Result<Vec<Written>, SessionError> {
        let put = |made: Made| {
            made.image.commit()?;
            write_file(&made.sidecar.0, made.sidecar.1.as_bytes())?;
            Ok(made.written)
        };
        self.0.into_iter().map(put).collect()
    }
}

fn write_all(
    outputs: Vec<Output<'_>>,
    destination: &Destination<'_>,
    caveats: &[Caveat],
) -> Result<Vec<Written>, SessionError> {
    make_all(outputs, destination, caveats)?.commit()
}

fn make_all(
    outputs: Vec<Output<'_>>,
    destination: &Destination<'_>,
    caveats: &[Caveat],
) -> Result<MadeOutputs, SessionError> {
    // Collected before the first error is looked for, so that it is the same one for any number of threads.
    let made: Vec<_> = outputs.into_par_iter().map(|output| make(output, destination, caveats)).collect();
    made.into_iter().collect::<Result<_, _>>().map(MadeOutputs)
}

/// Room for the image of a name; an error where a file stands that this program did not write.
fn stage(name: &str, destination: &Destination<'_>) -> Result<StagedFile, SessionError> {
    let path = destination.folder.join(name);
    check_replaceable(&path, destination.force)?;
    Ok(StagedFile::beside(&path)?)
}

/// The file that is made aside, to be written.
fn create(staged: &StagedFile, name: &str) -> Result<BufWriter<File>, SessionError> {
    let file = File::create(staged.made())
        .map_err(|error| DatasetError::Unwritable { file: name.to_owned(), problem: error.to_string() })?;
    // Blocks of a map are larger, and pass by the buffer.
    Ok(BufWriter::with_capacity(1 << 15, file))
}

fn make(output: Output<'_>, destination: &Destination<'_>, caveats: &[Caveat]) -> Result<Made, SessionError> {
    let (name, key) = (output.name(destination), output.key());
    let sidecar = ImageSidecar {
        description: output.words,
        units: output.unit,
        sources: destination.sources,
        skull_stripped: output.skull_stripped,
        spatial_reference: None,
        mask_type: output.mask_type,
        model: output.model,
        caveats,
    };
    let sidecar = (destination.folder.join(sidecar_name(&name)), json_text(&sidecar.json()));
    let written = Written { key, path: destination.folder.join(&name) };
    let image = match output.content {
        Content::Made(image) => image,
        content => {
            let image = stage(&name, destination)?;
            write_content(create(&image, &name)?, &content)?;
            image
        }
    };
    Ok(Made { image, sidecar, written })
}

fn write_content(file: BufWriter<File>, content: &Content<'_>) -> Result<(), SessionError> {
    match content {
        Content::Masked(mask, values) => write_volume(file, &Volume::from_masked(mask, values), Compression::MAPS)?,
        Content::Scaled(image, factor) => write_scaled_volume(file, image, *factor, Compression::MAPS)?,
        Content::Labels(labels) => write_labels(file, labels, Compression::MAPS)?,
        Content::BiologicalVolumes(volumes) => volumes.write(file)?,
        Content::Mask(mask) => write_mask(file, mask, Compression::MAPS)?,
        Content::Made(_) => {}
    }
    Ok(())
}
