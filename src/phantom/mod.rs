//! Digital reference objects with known truth, built on forward models of its own.
//!
//! [`write_study`] makes a study folder: an analytic head ([`Head`]) or a real one with known perfusion and uptake laid
//! upon it, DSC series of the two-compartment reference object ([`dsc_curve`]), methionine PET at a scanner's
//! resolution, masks, tables, and the truth. Nothing is shared with the methods that will measure it.
//!
//! The same options give the same bytes on every machine: random numbers belong to voxels, and every sample is rounded
//! to an integer, where the last bit of a mathematical function does not reach.

mod dsc;
pub mod dsc_curve;
mod folder;
mod head;
mod kinetic;
mod kinetic_curve;
mod lesion;
mod mixture;
mod noise;
mod pet;
mod real_head;
mod scanner;
mod session;
mod sidecar;
mod story;
mod study;
mod t1;
#[cfg(test)]
mod tests;
mod truth;

use std::path::PathBuf;

pub use dsc::true_relative_cbv;
pub use head::{Anatomy, Head, Pose, Tissue};
pub use lesion::{Lesion, LesionPart};
pub use scanner::Preset;
pub use story::Expected;
pub use study::write_study;
pub use truth::{Truth, TruthRow};

use crate::image::ImageError;

/// What study to make.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// Grids and patients.
    pub preset: Preset,
    /// Voxels of the DSC grid along right, front and up; the preset's where `None`.
    pub shape: Option<[usize; 3]>,
    /// Frames of the DSC series; the preset's where `None`.
    pub frames: Option<usize>,
    /// Seed of everything random.
    pub seed: u64,
    /// Number of patients; the preset's where `None`.
    pub subjects: Option<usize>,
    /// Visits of every patient; where `None`, one, and three for those who are watched.
    pub sessions: Option<usize>,
    /// A real head instead of the analytic one.
    pub anatomy: Option<RealAnatomy>,
}

impl Options {
    /// The study of `fixtures/study`.
    pub const FIXTURE: Self = Self {
        preset: Preset::Study,
        shape: None,
        frames: None,
        seed: 1,
        subjects: None,
        sessions: None,
        anatomy: None,
    };
}

/// A real head: `--anatomy` and `--lesions`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RealAnatomy {
    /// A post-contrast T1-weighted image, copied into the study without being resampled.
    pub t1: PathBuf,
    /// Its lesions: a label map, or a mask that is split into lesions.
    pub lesions: PathBuf,
}

/// Why a phantom could not be made.
#[derive(Debug, thiserror::Error)]
pub enum PhantomError {
    /// An option that makes no study.
    #[error("{option}: expected {expected}, found {found}")]
    Option {
        /// The option.
        option: &'static str,
        /// What it was.
        found: String,
        /// What it may be.
        expected: &'static str,
    },
    /// Something is there already.
    #[error("{}: expected a new or empty folder, found files in it; a phantom never overwrites", path.display())]
    NotEmpty {
        /// The folder.
        path: PathBuf,
    },
    /// A file or folder could not be written.
    #[error("{}: cannot be written", path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A real head that cannot be used.
    #[error("{}: {reason}", path.display())]
    Anatomy {
        /// The image.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// An image of a real head could not be read.
    #[error("cannot read the image {}", path.display())]
    Read {
        /// The image.
        path: PathBuf,
        /// Why.
        source: Box<ImageError>,
    },
    /// An image could not be written.
    #[error("cannot write the image {}", path.display())]
    Image {
        /// The image.
        path: PathBuf,
        /// Why.
        source: Box<ImageError>,
    },
}
