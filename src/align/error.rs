//! What can go wrong in the alignment room.

use std::path::PathBuf;

use crate::image::ImageError;

/// A setting that cannot be meant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("align.{key} is {found}: expected {expected}")]
pub struct SettingError {
    /// The key below `[align]`.
    pub key: &'static str,
    /// Its value.
    pub found: String,
    /// What it may be.
    pub expected: &'static str,
}

/// Why images cannot be aligned, or a transform cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum AlignError {
    /// An image without structure.
    #[error("{image}: expected an image with structure, found {found}")]
    NoStructure {
        /// Which image.
        image: &'static str,
        /// What it is instead.
        found: &'static str,
    },
    /// Images that share too little space from every start.
    #[error(
        "the images share less than {percent:.0} % of the fixed image from every start: are they of the same part of the body?"
    )]
    NoOverlap {
        /// The setting `align.overlap_minimum`, percent.
        percent: f64,
    },
    /// A series that does not hold what the motion was found in.
    #[error("{problem}")]
    Series {
        /// What was expected and found.
        problem: String,
    },
    /// A transform file that cannot be read.
    #[error("{}: cannot be read", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A transform file that holds no transform.
    #[error("{}: {problem}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Line, expected and found.
        problem: String,
    },
    /// Resampling failed.
    #[error(transparent)]
    Image(#[from] ImageError),
}
