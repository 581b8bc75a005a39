//! Images that belong to a series: M0, flip angles, T1 and B1 maps, brought to its grid.

use super::error::SessionError;
use super::masks::Fit;
use crate::image::{Grid, Mask, NiftiImage, Volume, resample_volume};
use crate::quality::{Caveat, CaveatCode};
use crate::region::brain_mask;
use crate::study::InputFile;

/// Reads an image, the mean of its volumes where it has several, on the grid of a series.
pub fn read_companion(
    file: &InputFile,
    grid: &Grid,
    series_name: &str,
    fit: Fit,
) -> Result<(Volume, Option<Caveat>), SessionError> {
    let image = NiftiImage::open(file.path())?;
    let difference = grid.same_space(image.grid()).err();
    if let (Fit::SameGrid, Some(difference)) = (fit, &difference) {
        return Err(SessionError::Mask {
            file: file.relative().to_owned(),
            problem: format!("expected the grid of {series_name}: {difference}; take the image to that grid first"),
        });
    }
    let frames = image.frames();
    let volume = if frames == 1 {
        image.read_volume()?
    } else {
        let own = *image.grid();
        let mut sums = vec![0.0; own.len()];
        image.for_each_frame(|_, volume| {
            sums.iter_mut().zip(&volume.data).for_each(|(sum, &value)| *sum += f64::from(value));
            Ok::<(), SessionError>(())
        })?;
        Volume { grid: own, data: sums.into_iter().map(|sum| (sum / frames as f64) as f32).collect() }
    };
    if difference.is_none() {
        return Ok((Volume { grid: *grid, data: volume.data }, None));
    }
    let detail = format!("{} to the grid of {series_name}", file.relative());
    Ok((resample_volume(&volume, grid, None)?, Some(Caveat::new(CaveatCode::ImageResampled, detail))))
}

/// What is brighter than air in an image of the anatomy, with the lesions and the given reference always inside.
pub fn automatic_mask(
    likeness: &Volume,
    lesions: &[Mask],
    reference: Option<&Mask>,
    name: &str,
) -> Result<Mask, SessionError> {
    let mut mask = brain_mask(likeness).map_err(|source| SessionError::Region { file: name.to_owned(), source })?;
    for region in lesions.iter().chain(reference) {
        mask = mask
            .or(region)
            .map_err(|difference| SessionError::Mask { file: name.to_owned(), problem: difference.to_string() })?;
    }
    Ok(mask)
}

/// The mean of some volumes of one grid.
pub fn mean_volume<'a>(grid: Grid, volumes: impl IntoIterator<Item = &'a Volume>) -> Volume {
    let (mut sums, mut count) = (vec![0.0; grid.len()], 0.0);
    for volume in volumes {
        sums.iter_mut().zip(&volume.data).for_each(|(sum, &value)| *sum += f64::from(value));
        count += 1.0;
    }
    Volume { grid, data: sums.into_iter().map(|sum| (sum / count) as f32).collect() }
}
