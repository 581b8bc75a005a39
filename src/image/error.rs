//! What can be wrong with an image, by cause: which file, which field, what was expected and what was found.

use std::path::PathBuf;

use super::grid::{GridError, SpaceDifference};

/// An image that cannot be read, placed or written.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// No such file.
    #[error("{}: no such file", path.display())]
    NotFound {
        /// The file.
        path: PathBuf,
    },
    /// The operating system could not read the file.
    #[error("{}: cannot be read", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Something other than a NIfTI image.
    #[error("{}: expected a NIfTI image, found {found}", path.display())]
    NotNifti {
        /// The file.
        path: PathBuf,
        /// What it is, as far as its first bytes tell.
        found: String,
    },
    /// A header field with a value that no image can have, or that this program does not read.
    #[error("{}: header field {field}: expected {expected}, found {found}", path.display())]
    Field {
        /// The file.
        path: PathBuf,
        /// The field's name in the NIfTI standard.
        field: &'static str,
        /// What it may hold.
        expected: String,
        /// What it holds.
        found: String,
    },
    /// Fewer bytes than the header promises.
    #[error("{}: the header promises {expected} bytes, found {found}", path.display())]
    Truncated {
        /// The file that holds the voxels.
        path: PathBuf,
        /// Bytes up to the last voxel, uncompressed.
        expected: u64,
        /// Bytes there are (of a compressed file: at most could be).
        found: u64,
    },
    /// A compressed file whose content is not what was written.
    #[error("{}: the compressed data are damaged", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What the decoder said: a wrong checksum, an early end.
        source: std::io::Error,
    },
    /// More memory than allowed.
    #[error("{}: reading needs {needed} bytes of memory, the limit is {limit}", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Bytes needed.
        needed: u64,
        /// Bytes allowed.
        limit: u64,
    },
    /// A header that does not place voxels in space.
    #[error("{}: cannot be placed in space", path.display())]
    Placement {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: Box<GridError>,
    },
    /// An image on another grid than the one it is used with.
    #[error("{}: stands on another grid", path.display())]
    Space {
        /// The file.
        path: PathBuf,
        /// How far apart.
        source: SpaceDifference,
    },
    /// A series where one volume is needed.
    #[error("{}: expected one volume, found {frames} frames", path.display())]
    NotOneVolume {
        /// The file.
        path: PathBuf,
        /// Number of frames.
        frames: usize,
    },
    /// A label map with a value that is no label.
    #[error("{}: voxel {voxel:?}: expected a label (an integer of at least 0), found {value}", path.display())]
    NotALabel {
        /// The file.
        path: PathBuf,
        /// Voxel in the file's order.
        voxel: [usize; 3],
        /// Its value.
        value: f64,
    },
    /// A coordinate transform without an inverse.
    #[error("the transform is singular or not finite: {found:?}")]
    SingularTransform {
        /// The matrix.
        found: Box<[[f64; 4]; 3]>,
    },
    /// The image could not be written.
    #[error("cannot write the image")]
    Write(#[from] std::io::Error),
    /// An image that the file format cannot hold.
    #[error("cannot write the image: {field}: expected {expected}, found {found}")]
    Unwritable {
        /// The field or quantity.
        field: &'static str,
        /// What the format holds.
        expected: String,
        /// What was given.
        found: String,
    },
}
