//! Landmarks of standardized rCBV from the map files of a cohort.

use std::path::PathBuf;

use crate::dsc::{self, LandmarkError, Landmarks};
use crate::image::{ImageError, NiftiImage};

/// Why no landmarks were learned.
#[derive(Debug, thiserror::Error)]
pub enum LandmarksError {
    /// A map that cannot be read.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// Maps without a histogram in common.
    #[error(transparent)]
    Landmarks(#[from] LandmarkError),
}

/// Reads maps of rCBV, one of each patient, and learns the landmarks of the percentiles in the settings.
///
/// Zero is a measurement, so only voxels that are not estimated (NaN, as in the maps of this program) lie outside.
pub fn learn_landmarks(maps: &[PathBuf], settings: &dsc::Settings) -> Result<Landmarks, LandmarksError> {
    let mut values = Vec::with_capacity(maps.len());
    for map in maps {
        let volume = NiftiImage::open(map)?.read_volume()?;
        values.push(volume.data.into_iter().filter(|value| value.is_finite()).collect::<Vec<f32>>());
    }
    Ok(Landmarks::learn(&values, &settings.standardization.percentiles)?)
}
