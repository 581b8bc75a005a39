//! Places in the head: brain mask, components, mid-sagittal plane, mirror, white-matter reference, PET background.
//!
//! Everything here works on the voxels of one grid and in scanner millimeters; nothing is resampled.

mod brain;
mod components;
mod crescent;
mod error;
mod midline;
mod mirror;
mod morphology;
mod plane;
mod settings;
mod white_matter;

pub use brain::{brain_mask, head_mask, otsu_threshold};
pub use components::{Components, Connectivity, components, components_within, joined_components, largest_component};
pub use crescent::{Background, BackgroundShape, Outline, background};
pub use error::RegionError;
pub use midline::{Midline, find_midline};
pub use mirror::mirrored;
pub use morphology::{Bounds, DistanceMap, depth, dilate, distance_to, erode};
pub use plane::{Plane, Side, crosses_midline, volume_by_side};
pub use settings::Settings;
pub use white_matter::{Reference, ReferenceFacts, mirrored_reference, reference_facts};

/// A grid and masks that the tests of this room share.
#[cfg(test)]
mod fixtures {
    use crate::image::{Affine, Grid, Mask};

    /// A grid whose central voxel corner lies at the scanner's origin.
    pub fn centered_grid(shape: [usize; 3], size: [f64; 3]) -> Grid {
        let origin = std::array::from_fn(|axis| -0.5 * size[axis] * (shape[axis] as f64 - 1.0));
        Grid::from_stored(shape, Affine::diagonal(size, origin)).unwrap()
    }

    /// The voxels whose center satisfies a condition in scanner coordinates.
    pub fn mask_where(grid: Grid, inside: impl Fn([f64; 3]) -> bool) -> Mask {
        Mask { grid, data: (0..grid.len()).map(|index| inside(grid.position(grid.voxel(index)))).collect() }
    }

    /// Whether a point lies in an ellipsoid at the origin.
    pub fn in_ellipsoid(point: [f64; 3], radii: [f64; 3]) -> bool {
        (0..3).map(|k| (point[k] / radii[k]).powi(2)).sum::<f64>() <= 1.0
    }
}
