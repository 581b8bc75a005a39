//! A PET image from its file to uptake in each lesion: what `relight run` and `relight pet` share.

use super::error::SessionError;
use super::masks::{Fit, LesionMasks, read_region};
use super::perfusion::union_of;
use crate::acquisition::PetAcquisition;
use crate::image::{Grid, Mask, NiftiImage, Volume, resample_mask};
use crate::pet::{self, Background, BackgroundSource, FrameReduction, PetResult, TimeActivity, quantify};
use crate::quality::{Caveat, CaveatCode};
use crate::region::{
    self, BackgroundShape, Outline, RegionError, background, crosses_midline, erode, find_midline, head_mask,
};
use crate::study::InputFile;

/// What uptake is divided by.
#[derive(Debug, Clone, Copy)]
pub enum BackgroundChoice<'a> {
    /// A region that was given.
    Given(&'a InputFile, Fit),
    /// A region found in the head.
    Automatic(BackgroundShape),
    /// A number in the unit of the image.
    Number(f64),
    /// Nothing: no ratio.
    None,
}

/// Where the head is, better known than from the PET image itself.
#[derive(Debug, Clone, Copy)]
pub struct Head<'a> {
    /// An anatomical image, for the mid-sagittal plane.
    pub anatomy: Option<&'a Volume>,
    /// A brain mask that was given.
    pub brain: Option<(&'a InputFile, Fit)>,
}

/// A PET image and what belongs to it.
pub struct PetInput<'a> {
    /// The image.
    pub image: &'a InputFile,
    /// Its volume, where it was read before.
    pub volume: Option<Volume>,
    /// What the method must know of the scan.
    pub acquisition: &'a PetAcquisition,
    /// What uptake is divided by.
    pub background: BackgroundChoice<'a>,
    /// Where the head is.
    pub head: Head<'a>,
    /// Lesions that were given.
    pub lesions: Option<&'a LesionMasks>,
}

/// What a PET image says.
pub struct Uptake {
    /// The static image, in its own unit.
    pub image: Volume,
    /// Scales, background, uptake of each lesion.
    pub result: PetResult,
    /// The lesions on the grid of the image, in the order in which they were given.
    pub lesions: Vec<Mask>,
    /// Time-activity curves of the lesions, unit of the image; empty for a static image.
    pub curves: Vec<TimeActivity>,
    /// The background region, where there is one.
    pub background: Option<Mask>,
    /// Doubts, without those of single lesions.
    pub caveats: Vec<Caveat>,
}

/// Reads and quantifies an image.
pub fn measure(
    input: PetInput<'_>,
    pet_settings: &pet::Settings,
    region_settings: &region::Settings,
) -> Result<Uptake, SessionError> {
    let name = input.image.relative();
    let image = NiftiImage::open(input.image.path())?;
    let mut caveats = Vec::new();
    let mut lesions = Vec::new();
    if let Some(masks) = input.lesions {
        let placed = masks.onto(&image, name)?;
        caveats.extend(placed.caveats);
        lesions = placed.lesions;
    }
    let given = match input.background {
        BackgroundChoice::Given(file, fit) => {
            let (mask, more) = read_region(file, &image, name, fit)?;
            caveats.extend(more);
            Some(mask)
        }
        BackgroundChoice::Automatic(_) | BackgroundChoice::Number(_) | BackgroundChoice::None => None,
    };
    let given_brain = match input.head.brain {
        Some((file, fit)) => {
            let (mask, more) = read_region(file, &image, name, fit)?;
            caveats.extend(more);
            Some((mask, *NiftiImage::open(file.path())?.grid()))
        }
        None => None,
    };
    let (volume, acquisition, curves) = if image.frames() > 1 {
        let regions: Vec<&Mask> = lesions.iter().collect();
        let failed =
            |source| SessionError::Pet { file: name.to_owned(), source: pet::PetError::BackgroundGrid(source) };
        let mut dynamic = FrameReduction::new(*image.grid(), image.frames(), input.acquisition, &regions, pet_settings)
            .map_err(failed)?;
        image.for_each_frame(|frame, values| {
            dynamic.add(frame, values);
            Ok::<_, SessionError>(())
        })?;
        let reduced = dynamic.finish();
        caveats.extend(reduced.caveats);
        (reduced.volume, reduced.acquisition, reduced.curves)
    } else {
        let volume = input.volume.map_or_else(|| image.read_volume(), Ok)?;
        (volume, input.acquisition.clone(), Vec::new())
    };

    let mut mask = None;
    let chosen = match (input.background, given) {
        (_, Some(region)) => {
            mask = Some(region.clone());
            Some(Background::Mask { mask: region, source: BackgroundSource::Mask, side: None })
        }
        (BackgroundChoice::Number(number), None) => Some(Background::Number(number)),
        (BackgroundChoice::Automatic(shape), None) => {
            match automatic(
                shape,
                &volume,
                given_brain.as_ref().map(|(mask, source)| (mask, *source)),
                input.head.anatomy,
                &lesions,
                region_settings,
            ) {
                Ok((found, more)) => {
                    caveats.extend(more);
                    mask = Some(found.mask.clone());
                    let source = match shape {
                        BackgroundShape::Crescent => BackgroundSource::Crescent,
                        BackgroundShape::Mirror => BackgroundSource::Mirror,
                        BackgroundShape::Hemisphere => BackgroundSource::Hemisphere,
                    };
                    Some(Background::Mask { mask: found.mask, source, side: Some(format!("patient's {}", found.side)) })
                }
                Err(problem) => {
                    caveats.push(Caveat::new(CaveatCode::NoBackground, problem.to_string()));
                    None
                }
            }
        }
        (BackgroundChoice::None | BackgroundChoice::Given(..), None) => None,
    };
    let result = quantify(&volume, &acquisition, chosen.as_ref(), &lesions, pet_settings)
        .map_err(|source| SessionError::Pet { file: name.to_owned(), source })?;
    let known = caveats.iter().any(|caveat| caveat.code == CaveatCode::NoBackground);
    caveats.extend(result.caveats.iter().filter(|caveat| !(known && caveat.code == CaveatCode::NoBackground)).cloned());
    Ok(Uptake { image: volume, result, lesions, curves, background: mask, caveats })
}

/// Finds a background region: the head from a given brain mask, the anatomical image or the PET image, in this order.
///
/// METHOD: a mask or an anatomical image that ends before the PET image does says nothing of the head beyond; taken as
/// air, its edge would be a brain surface that is not there. Beyond it the PET image's own head serves, with a caveat.
fn automatic(
    shape: BackgroundShape,
    image: &Volume,
    brain: Option<(&Mask, Grid)>,
    anatomy: Option<&Volume>,
    lesions: &[Mask],
    settings: &region::Settings,
) -> Result<(region::Background, Vec<Caveat>), RegionError> {
    let union = union_of(lesions).ok_or(RegionError::EmptyMask { mask: "lesion" })?;
    let anatomical_head = anatomy.and_then(|anatomy| Some((anatomy, head_mask(anatomy).ok()?)));
    let known = match (brain, &anatomical_head) {
        (Some((brain, source)), _) => Some((brain.clone(), source, settings.scalp_and_skull_mm)),
        (None, Some((anatomy, head))) => resample_mask(head, &image.grid, None)
            .ok()
            .filter(|head| head.count() > 0)
            .map(|head| (head, anatomy.grid, 0.0)),
        (None, None) => None,
    };
    let mut caveats = Vec::new();
    let head = match known {
        Some((head, source, covering_mm)) => completed(head, &source, image, covering_mm, &mut caveats)?,
        None => head_mask(image)?,
    };
    let plane = match &anatomical_head {
        Some((anatomy, head)) => find_midline(anatomy, head, None, settings)?.plane,
        None => find_midline(image, &head, Some(&union), settings)?.plane,
    };
    let outline = if brain.is_some() { Outline::Brain(&head) } else { Outline::Head(&head) };
    let found = background(shape, outline, &union, &plane, settings)?;
    caveats.extend(found.caveats.iter().cloned());
    if lesions.iter().any(|lesion| crosses_midline(lesion, &plane, settings)) {
        caveats
            .push(Caveat::new(CaveatCode::LesionCrossesMidline, "the background lies in the less affected hemisphere"));
    }
    Ok((found, caveats))
}

/// A head or brain mask with what the PET image shows where the mask's source does not reach; `covering_mm` is taken
/// off the PET image's head there.
fn completed(
    mut head: Mask,
    source: &Grid,
    image: &Volume,
    covering_mm: f64,
    caveats: &mut Vec<Caveat>,
) -> Result<Mask, RegionError> {
    let Ok(covered) = resample_mask(&Mask::filled(*source, true), &image.grid, None) else { return Ok(head) };
    let beyond = covered.data.iter().filter(|&&covered| !covered).count();
    if beyond == 0 {
        return Ok(head);
    }
    let pet_head = head_mask(image)?;
    let pet_head = if covering_mm > 0.0 { erode(&pet_head, covering_mm) } else { pet_head };
    for ((inside, &covered), &beyond) in head.data.iter_mut().zip(&covered.data).zip(&pet_head.data) {
        *inside = if covered { *inside } else { beyond };
    }
    let percent = 100.0 * beyond as f64 / covered.data.len() as f64;
    let detail =
        format!("{percent:.0} % of the PET image lie beyond the image that shows the head; there PET shows it");
    caveats.push(Caveat::new(CaveatCode::AutomaticBackground, detail));
    Ok(head)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::Affine;

    /// A ball of 40 mm radius in the PET image, and a source that ends 20 mm above its center.
    #[test]
    fn beyond_the_anatomical_image_the_pet_image_shows_the_head() {
        let grid = Grid::from_stored([30, 30, 30], Affine::diagonal([4.0; 3], [-58.0; 3])).unwrap();
        let source = Grid::from_stored([30, 30, 20], Affine::diagonal([4.0; 3], [-58.0; 3])).unwrap();
        let ball = |index: usize| grid.position(grid.voxel(index)).iter().map(|x| x * x).sum::<f64>() < 1600.0;
        let image = Volume { grid, data: (0..grid.len()).map(|i| if ball(i) { 5.0 } else { 0.1 }).collect() };
        let cut = Mask { grid, data: (0..grid.len()).map(|i| ball(i) && grid.voxel(i)[2] < 20).collect() };
        let mut caveats = Vec::new();
        let whole = completed(cut.clone(), &source, &image, 0.0, &mut caveats).unwrap();
        assert_eq!(whole.count(), (0..grid.len()).filter(|&i| ball(i)).count());
        assert_eq!(caveats[0].code, CaveatCode::AutomaticBackground);
        let mut none = Vec::new();
        assert_eq!(completed(cut.clone(), &grid, &image, 0.0, &mut none).unwrap(), cut);
        assert!(none.is_empty());
    }
}
