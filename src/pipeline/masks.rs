//! Masks on the grid where they are needed: read, split into lesions, and taken to a series by scanner coordinates.
//!
//! The mask goes to the series, never the series to the mask. A mask that cannot be related to the image in space is
//! refused: a mask on the wrong side of the head looks perfectly normal in a table.

use std::collections::BTreeMap;

use super::error::SessionError;
use crate::image::{
    Affine, Grid, ImageError, Labels, Mask, NiftiImage, Placement, SpaceDifference, fraction_outside, resample_mask,
};
use crate::lesion::{self, Lesions, Split, split};
use crate::quality::{Caveat, CaveatCode};
use crate::study::{InputFile, MaskKind};

/// Share of a mask outside the image that is worth a caveat.
const WORTH_TELLING: f64 = 0.005;

/// A lesion as it was drawn.
#[derive(Debug, Clone)]
pub struct Drawn {
    /// Its label.
    pub label: u32,
    /// Its name, where the mask's table gives one.
    pub name: Option<String>,
    /// Its voxels on the grid on which it was drawn.
    pub mask: Mask,
    /// Whether its label is only its place in the order of size: a connected component of a binary mask.
    pub numbered: bool,
    placement: Placement,
    file: String,
    /// From the image that it is taken to, to where it was drawn; scanner coordinates alone where `None`.
    through: Option<Affine>,
}

/// Lesions of a session, each on the grid on which it was drawn.
#[derive(Debug, Clone, Default)]
pub struct LesionMasks {
    /// The lesions by ascending label.
    pub lesions: Vec<Drawn>,
    /// Whether a label marks the necrotic core, which the lesions then leave out.
    pub core_labeled: bool,
    /// The labeled necrotic core, where there is one.
    pub core: Option<Drawn>,
    /// The label that is named as the background of uptake, where there is one.
    pub background: Option<Drawn>,
    /// What reading dropped.
    pub caveats: Vec<Caveat>,
}

/// Lesions on the grid of a series, with what that took.
#[derive(Debug, Clone)]
pub struct Placed {
    /// One mask per lesion, in the same order; empty where a lesion is lost between the voxels or lies outside.
    pub lesions: Vec<Mask>,
    /// Whether the grids differ, how much lies outside.
    pub caveats: Vec<Caveat>,
}

impl LesionMasks {
    /// Reads a mask and splits it into lesions.
    pub fn read(
        file: &InputFile,
        kind: MaskKind,
        names: &BTreeMap<u32, String>,
        how: Option<Split>,
        settings: &lesion::Settings,
    ) -> Result<Self, SessionError> {
        let image = NiftiImage::open(file.path())?;
        let (grid, placement) = (*image.grid(), image.placement());
        let (labels, how) = match kind {
            MaskKind::Labels => (image.read_labels()?, how.or(Some(Split::Labels))),
            MaskKind::Binary => (binary(grid, image.read_mask()?), how.or(Some(Split::Components))),
            MaskKind::Undeclared => match image.clone().read_labels() {
                Ok(labels) => (labels, how),
                // A probability map: above one half is inside.
                Err(ImageError::NotALabel { .. }) => (binary(grid, image.read_mask()?), how),
                Err(error) => return Err(error.into()),
            },
        };
        let name = file.relative().to_owned();
        let Lesions { lesions, core, background, caveats, split: done } = split(&labels, names, how, settings)
            .map_err(|source| SessionError::Lesion { file: name.clone(), source })?;
        let drawn = |lesion: lesion::Lesion| Drawn {
            label: lesion.label,
            name: lesion.name,
            mask: lesion.mask,
            numbered: done == Split::Components,
            placement,
            file: name.clone(),
            through: None,
        };
        Ok(Self {
            background: background.map(&drawn),
            lesions: lesions.into_iter().map(drawn).collect(),
            core_labeled: core.is_some(),
            core: core.map(|mask| Drawn {
                label: 0,
                name: None,
                mask,
                numbered: false,
                placement,
                file: name.clone(),
                through: None,
            }),
            caveats,
        })
    }

    /// The lesions of these masks, drawn as in `own` where that holds the same label: a mask on a series' own grid
    /// serves that series.
    pub fn preferring(&self, own: &Self) -> Self {
        let drawn =
            |lesion: &Drawn| own.lesions.iter().find(|other| other.label == lesion.label).unwrap_or(lesion).clone();
        Self {
            lesions: self.lesions.iter().map(drawn).collect(),
            core_labeled: self.core_labeled,
            core: own.core.clone().or_else(|| self.core.clone()),
            background: own.background.clone().or_else(|| self.background.clone()),
            caveats: Vec::new(),
        }
    }

    /// The same lesions, to be taken to an image through a transform: from points of that image to points of the one on
    /// which they were drawn. It is not used where they stand on the grid of that image.
    pub fn through(mut self, to_drawn: Affine) -> Self {
        for drawn in self.lesions.iter_mut().chain(&mut self.background).chain(&mut self.core) {
            drawn.through = Some(to_drawn);
        }
        self
    }

    /// Takes up lesions whose label is not there.
    pub fn add_missing(&mut self, other: &Self) {
        for lesion in &other.lesions {
            if self.lesions.iter().all(|own| own.label != lesion.label) {
                self.lesions.push(lesion.clone());
            }
        }
        self.lesions.sort_by_key(|lesion| lesion.label);
    }

    /// The lesions as one label map, on the grid on which the first of them was drawn; lesions drawn on other grids are
    /// left out.
    pub fn label_map(&self) -> Option<Labels> {
        let grid = self.lesions.first()?.mask.grid;
        let mut labels = Labels { grid, data: vec![0; grid.len()] };
        for lesion in self.lesions.iter().filter(|lesion| lesion.mask.grid == grid) {
            for index in lesion.mask.indices() {
                if labels.data[index] == 0 {
                    labels.data[index] = lesion.label;
                }
            }
        }
        Some(labels)
    }

    /// The lesions on the grid of an image. An error where none of them has a voxel there.
    pub fn onto(&self, image: &NiftiImage, image_name: &str) -> Result<Placed, SessionError> {
        let mut placed = Placed { lesions: Vec::with_capacity(self.lesions.len()), caveats: Vec::new() };
        for lesion in &self.lesions {
            placed.lesions.push(lesion.onto(image, image_name, &mut placed.caveats)?);
        }
        let nothing = placed.lesions.iter().all(|mask| mask.count() == 0);
        let lost = placed.caveats.iter().any(|caveat| caveat.code == CaveatCode::LesionLostOnGrid);
        let why = if lost {
            "it falls between the voxels of the image, which are larger than the lesion"
        } else {
            "the mask lies outside it in scanner coordinates"
        };
        match self.lesions.first() {
            Some(first) if nothing => Err(SessionError::Mask {
                file: first.file.clone(),
                problem: format!(
                    "against {image_name}: expected at least one voxel inside the image, found none: {why}"
                ),
            }),
            _ => Ok(placed),
        }
    }
}

impl Drawn {
    /// The region on the grid of an image; empty where it lies outside.
    pub fn onto(&self, image: &NiftiImage, image_name: &str, caveats: &mut Vec<Caveat>) -> Result<Mask, SessionError> {
        let problem = |found: String| SessionError::Mask {
            file: self.file.clone(),
            problem: format!("against {image_name}: {found}"),
        };
        let grid = *image.grid();
        if self.through.is_some() && grid.same_space(&self.mask.grid).is_err() {
            return self.resampled(&grid, image_name, caveats);
        }
        match relate(&self.mask.grid, self.placement, &grid, image.placement()).map_err(problem)? {
            Relation::Same => Ok(self.mask.on_grid(grid)),
            Relation::Resample => self.resampled(&grid, image_name, caveats),
        }
    }

    fn resampled(&self, grid: &Grid, image_name: &str, caveats: &mut Vec<Caveat>) -> Result<Mask, SessionError> {
        let resampled = Caveat::new(CaveatCode::MaskResampled, format!("{} to the grid of {image_name}", self.file));
        if !caveats.contains(&resampled) {
            caveats.push(resampled);
        }
        let outside = fraction_outside(&self.mask, grid, self.through.as_ref())?;
        if outside > WORTH_TELLING {
            let percent = 100.0 * outside;
            let detail = format!("{percent:.0} % of lesion {} in {} lies outside {image_name}", self.label, self.file);
            caveats.push(Caveat::new(CaveatCode::MaskPartlyOutside, detail));
        }
        let mask = resample_mask(&self.mask, grid, self.through.as_ref())?;
        if mask.count() == 0 && outside < 1.0 {
            let detail = format!("lesion {} of {} falls between the voxels of {image_name}", self.label, self.file);
            caveats.push(Caveat::new(CaveatCode::LesionLostOnGrid, detail));
        }
        Ok(mask)
    }
}

/// What a mask given beside an image must be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Fit {
    /// On the very grid of the image: what a person names on the command line.
    SameGrid,
    /// In the same scanner coordinates.
    SameScanner,
    /// On the grid of the image, or related to it by a transform: from points of the image to points of the mask.
    Through(Affine),
}

/// Reads a brain or reference mask and takes it to the grid of an image; an empty one is an error.
pub fn read_region(
    file: &InputFile,
    image: &NiftiImage,
    image_name: &str,
    fit: Fit,
) -> Result<(Mask, Vec<Caveat>), SessionError> {
    read_label(file, None, image, image_name, fit)
}

/// Reads a mask, or one label of a label map, and takes it to the grid of an image; an empty one is an error.
pub fn read_label(
    file: &InputFile,
    label: Option<u32>,
    image: &NiftiImage,
    image_name: &str,
    fit: Fit,
) -> Result<(Mask, Vec<Caveat>), SessionError> {
    let name = file.relative();
    let refuse = |problem: String| SessionError::Mask { file: name.to_owned(), problem };
    let opened = NiftiImage::open(file.path())?;
    let placement = opened.placement();
    if fit == Fit::SameGrid
        && let Err(difference) = image.grid().same_space(opened.grid())
    {
        return Err(refuse(format!(
            "expected the grid of {image_name}: {difference}; take the mask to that grid first"
        )));
    }
    let mask = match label {
        None => opened.read_mask()?,
        Some(label) => {
            let labels = opened.read_labels()?;
            let mask = labels.mask(label);
            if mask.count() == 0 {
                let found: Vec<String> = labels.present().iter().map(u32::to_string).collect();
                return Err(refuse(format!("expected label {label}, found the labels {}", found.join(", "))));
            }
            mask
        }
    };
    if mask.count() == 0 {
        return Err(refuse("the mask is empty: expected at least one voxel above 0.5".to_owned()));
    }
    let grid = *image.grid();
    let through = match fit {
        Fit::Through(transform) if grid.same_space(&mask.grid).is_err() => Some(transform),
        Fit::Through(_) | Fit::SameGrid | Fit::SameScanner => None,
    };
    if through.is_none() {
        let relation = relate(&mask.grid, placement, &grid, image.placement())
            .map_err(|problem| refuse(format!("against {image_name}: {problem}")))?;
        if relation == Relation::Same {
            return Ok((Mask { grid, data: mask.data }, Vec::new()));
        }
    }
    let resampled = resample_mask(&mask, &grid, through.as_ref())?;
    if resampled.count() == 0 {
        return Err(refuse(format!(
            "expected voxels inside {image_name}, found none: the mask lies outside it in scanner coordinates"
        )));
    }
    Ok((resampled, vec![Caveat::new(CaveatCode::MaskResampled, format!("{name} to the grid of {image_name}"))]))
}

fn binary(grid: Grid, mask: Mask) -> Labels {
    Labels { grid, data: mask.data.into_iter().map(u32::from).collect() }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Relation {
    Same,
    Resample,
}

/// Whether a mask's grid is the image's, or can be related to it in scanner coordinates.
///
/// METHOD: a mask with the image's dimensions and voxel size that stands elsewhere has most likely lost its header on
/// the way; resampling it would quietly measure another place, so it is refused. So is a mask whose header has no
/// scanner coordinates at all and whose dimensions differ.
fn relate(
    mask: &Grid,
    mask_placement: Placement,
    image: &Grid,
    image_placement: Placement,
) -> Result<Relation, String> {
    let Err(difference) = image.same_space(mask) else { return Ok(Relation::Same) };
    let unplaced = |placement| placement == Placement::PixdimOnly;
    if unplaced(mask_placement) || unplaced(image_placement) {
        let which = if unplaced(mask_placement) { "the mask" } else { "the image" };
        return Err(format!("{difference}, and {which} has no scanner coordinates (sform and qform codes are 0)"));
    }
    let alike = mask.voxel_size().iter().zip(image.voxel_size()).all(|(a, b)| (a - b).abs() <= 1e-3 * b);
    if let SpaceDifference::Place { .. } = difference
        && alike
    {
        return Err(format!(
            "the same dimensions and voxel size in another place, {difference}: the header of one of them is wrong"
        ));
    }
    Ok(Relation::Resample)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::Affine;

    fn grid(shape: [usize; 3], size: f64, origin: f64) -> Grid {
        Grid::from_stored(shape, Affine::diagonal([size; 3], [origin; 3])).unwrap()
    }

    #[test]
    fn a_mask_that_lost_its_place_is_refused() {
        let image = grid([10, 10, 10], 2.0, -10.0);
        let moved = grid([10, 10, 10], 2.0, 0.0);
        let problem = relate(&moved, Placement::Sform, &image, Placement::Sform).unwrap_err();
        assert!(problem.contains("another place"), "{problem}");
    }

    #[test]
    fn another_matrix_in_the_same_scanner_is_resampled() {
        let (image, finer) = (grid([10, 10, 10], 2.0, 0.0), grid([20, 20, 20], 1.0, -0.5));
        assert_eq!(relate(&finer, Placement::Sform, &image, Placement::Qform), Ok(Relation::Resample));
        assert_eq!(relate(&image, Placement::Sform, &image, Placement::PixdimOnly), Ok(Relation::Same));
    }

    #[test]
    fn without_scanner_coordinates_another_matrix_is_refused() {
        let (image, finer) = (grid([10, 10, 10], 2.0, 0.0), grid([20, 20, 20], 1.0, 0.0));
        let problem = relate(&finer, Placement::PixdimOnly, &image, Placement::Sform).unwrap_err();
        assert!(problem.contains("no scanner coordinates") && problem.contains("[10, 10, 10]"), "{problem}");
    }
}
