//! Images and their place in space: grids, volumes, masks, series, and the NIfTI door.
//!
//! In memory every image is kept in *canonical* order: the first axis runs closest to patient right-to-left (RAS+),
//! the second posterior-to-anterior, the third inferior-to-superior, first axis fastest. The grid remembers how the
//! file stored it, and writing restores that order. So no result depends on the storage orientation.

mod codec;
mod compaction;
mod error;
mod grid;
mod gzip;
mod header;
mod nifti;
mod outline;
mod pair;
mod resample;
mod rows;
mod series;
mod stream;
mod view;
mod volume;
mod voxel_loop;
mod write;

pub use error::ImageError;
pub use grid::{Affine, Grid, GridError, SpaceDifference, Storage};
pub use header::Placement;
pub use nifti::NiftiImage;
pub use resample::{fraction_outside, nearest_volume, resample_labels, resample_mask, resample_volume};
pub use series::{Samples, Series};
pub use view::{Plane, View};
pub(crate) use volume::any;
pub use volume::{Labels, Mask, Volume};
pub use voxel_loop::{BLOCK_VOXELS, Block, collect_blocks, for_each_block, in_order};
pub use write::{
    Compression, StoredAs, write_labels, write_labels_with, write_mask, write_scaled_volume, write_series, write_volume,
};
