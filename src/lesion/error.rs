//! Why a lesion could not be measured.

use crate::image::SpaceDifference;

/// A lesion that could not be measured, or a setting that cannot be.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum LesionError {
    /// No voxel to measure.
    #[error("the {mask} mask is empty: expected at least one voxel, found none")]
    EmptyMask {
        /// Which mask.
        mask: &'static str,
    },
    /// A reference without a usable value.
    #[error("the reference mask holds no usable value of the {image}")]
    EmptyReference {
        /// The image that was looked at.
        image: &'static str,
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
    /// An impossible setting.
    #[error("[lesion] {key} = {found}: expected {expected}")]
    Setting {
        /// The key.
        key: &'static str,
        /// Its value.
        found: String,
        /// What it may be.
        expected: &'static str,
    },
}

impl LesionError {
    /// Names the two inputs whose grids differ.
    pub(super) fn space(what: &'static str, of: &'static str) -> impl FnOnce(SpaceDifference) -> Self {
        move |difference| Self::Space { what, of, difference }
    }
}
