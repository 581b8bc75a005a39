//! Why a region could not be found.

use crate::image::SpaceDifference;
use crate::units::Milliliters;

/// A region that could not be found, or a setting that cannot be.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum RegionError {
    /// An image without contrast between head and air.
    #[error("no brain found: {reason}; expected a head against a darker background. Give a brain mask with --mask")]
    NothingFound {
        /// What the image holds.
        reason: String,
    },
    /// An empty mask where voxels are needed.
    #[error("the {mask} mask is empty: expected at least one voxel, found none")]
    EmptyMask {
        /// Which mask.
        mask: &'static str,
    },
    /// Two inputs on different grids.
    #[error("the {what} does not share the grid of the {of}: {difference}")]
    Space {
        /// The input on another grid.
        what: &'static str,
        /// The input it was compared with.
        of: &'static str,
        /// How they differ.
        difference: SpaceDifference,
    },
    /// A head too asymmetric, or too little of it, for a plane.
    #[error(
        "no mid-sagittal plane: left-right correlation {found:.2}, expected at least {expected:.2}; \
         give a reference mask (--reference) or a background mask (--background)"
    )]
    NoSymmetry {
        /// The best correlation found.
        found: f64,
        /// `[region] minimum_symmetry`.
        expected: f64,
    },
    /// Too little white matter across from the lesions.
    #[error(
        "no white-matter reference: {found:.2} within {reach_mm} mm of the mirrored lesions on the {side} side, \
         expected at least {expected:.2}; give a reference mask (--reference)"
    )]
    ReferenceTooSmall {
        /// White matter found.
        found: Milliliters,
        /// `[region] reference_minimum_ml`.
        expected: Milliliters,
        /// How far it was looked for, mm.
        reach_mm: f64,
        /// The side that was searched.
        side: super::Side,
    },
    /// Too small a background region.
    #[error(
        "no {shape} background: {found:.2} on the {side} side, expected at least {expected:.2}; \
         give a background mask or number (--background)"
    )]
    BackgroundTooSmall {
        /// The shape asked for.
        shape: super::BackgroundShape,
        /// What was found.
        found: Milliliters,
        /// `[region] background_minimum_ml`.
        expected: Milliliters,
        /// The side that was searched.
        side: super::Side,
    },
    /// An impossible setting.
    #[error("[region] {key} = {found}: expected {expected}")]
    Setting {
        /// The key.
        key: &'static str,
        /// Its value.
        found: String,
        /// What it may be.
        expected: &'static str,
    },
}

impl RegionError {
    /// Names the two inputs whose grids differ.
    pub(super) fn space(what: &'static str, of: &'static str) -> impl FnOnce(SpaceDifference) -> Self {
        move |difference| Self::Space { what, of, difference }
    }
}
