//! The regions that serve a series, taken to its grid.

use super::error::SessionError;
use super::masks::{Fit, LesionMasks, read_region};
use crate::image::{Mask, NiftiImage};
use crate::quality::Caveat;
use crate::study::InputFile;

/// Which voxels are measured.
#[derive(Debug, Clone, Copy)]
pub enum Brain<'a> {
    /// A given mask.
    Given(&'a InputFile, Fit),
    /// Otsu's threshold on the baseline, largest component, holes filled; lesions are always inside.
    Automatic,
    /// Every voxel.
    WholeImage,
}

/// The regions of a series on its grid, and what taking them there raised.
pub struct Regions<'a> {
    image: &'a NiftiImage,
    name: &'a str,
    lesions: Vec<Mask>,
    caveats: Vec<Caveat>,
}

impl<'a> Regions<'a> {
    /// Takes the lesions to the grid of an image, whose name stands in messages.
    pub fn of(image: &'a NiftiImage, name: &'a str, lesions: Option<&LesionMasks>) -> Result<Self, SessionError> {
        let mut regions = Self { image, name, lesions: Vec::new(), caveats: Vec::new() };
        if let Some(masks) = lesions {
            let placed = masks.onto(image, name)?;
            regions.lesions = placed.lesions;
            regions.caveats = placed.caveats;
        }
        Ok(regions)
    }

    /// Takes a region there, where one is given.
    pub fn take(&mut self, given: Option<(&InputFile, Fit)>) -> Result<Option<Mask>, SessionError> {
        let Some((file, fit)) = given else { return Ok(None) };
        let (mask, more) = read_region(file, self.image, self.name, fit)?;
        self.caveats.extend(more);
        Ok(Some(mask))
    }

    /// The voxels that are measured; `None` where they are yet to be found.
    pub fn brain(&mut self, brain: Brain<'_>) -> Result<Option<Mask>, SessionError> {
        match brain {
            Brain::Given(file, fit) => self.take(Some((file, fit))),
            Brain::WholeImage => Ok(Some(Mask::filled(*self.image.grid(), true))),
            Brain::Automatic => Ok(None),
        }
    }

    /// The lesions, in the order in which they were given, and the doubts.
    pub fn finish(self) -> (Vec<Mask>, Vec<Caveat>) {
        (self.lesions, self.caveats)
    }
}
