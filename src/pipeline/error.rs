//! Why one session, or one series, could not be measured.

use crate::align::AlignError;
use crate::asl::AslError;
use crate::dce::DceError;
use crate::dsc::DscError;
use crate::image::ImageError;
use crate::lesion::LesionError;
use crate::pet::PetError;
use crate::region::RegionError;
use crate::study::StudyError;

/// A session that could not be measured: file, field, expected and found.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// An image.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// A sidecar or table.
    #[error(transparent)]
    Study(#[from] StudyError),
    /// A mask that does not fit its image.
    #[error("{file}: {problem}")]
    Mask {
        /// The mask.
        file: String,
        /// Expected and found.
        problem: String,
    },
    /// A place in the head that could not be found.
    #[error("{file}: {source}")]
    Region {
        /// The image that was looked at.
        file: String,
        /// What was looked for.
        source: RegionError,
    },
    /// Registration.
    #[error("{file}: {source}")]
    Align {
        /// The image.
        file: String,
        /// What is wrong.
        source: AlignError,
    },
    /// The DSC method.
    #[error("{file}: {source}")]
    Dsc {
        /// The series.
        file: String,
        /// What is wrong.
        source: DscError,
    },
    /// The ASL method.
    #[error("{file}: {source}")]
    Asl {
        /// The series.
        file: String,
        /// What is wrong.
        source: AslError,
    },
    /// The DCE method.
    #[error("{file}: {source}")]
    Dce {
        /// The series.
        file: String,
        /// What is wrong.
        source: DceError,
    },
    /// The PET method.
    #[error("{file}: {source}")]
    Pet {
        /// The image.
        file: String,
        /// What is wrong.
        source: PetError,
    },
    /// A lesion mask.
    #[error("{file}: {source}")]
    Lesion {
        /// The mask.
        file: String,
        /// What is wrong.
        source: LesionError,
    },
    /// The output could not be written.
    #[error(transparent)]
    Output(#[from] crate::dataset::DatasetError),
}
