//! Images and their place in space: grids, volumes, masks, series, and the NIfTI door.
//!
//! In memory every image is kept in *canonical* order: the first axis runs closest to patient right-to-left (RAS+),
//! the second posterior-to-anterior, the third inferior-to-superior, first axis fastest. The grid remembers how the
//! file stored it, and writing restores that order. So no result depends on the storage orientation.

mod grid;
mod series;
mod volume;
mod voxel_loop;

pub use grid::{Affine, Grid, GridError, SpaceDifference, Storage};
pub use series::{Samples, Series};
pub use volume::{Labels, Mask, Volume};
pub use voxel_loop::{BLOCK_VOXELS, Block, for_each_block};
