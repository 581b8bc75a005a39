//! A PET image from its file to uptake in each lesion: what `relight run` and `relight pet` share.

use super::error::SessionError;
use super::masks::{Fit, LesionMasks, read_region};
use super::perfusion::union_of;
use crate::acquisition::PetAcquisition;
use crate::image::{Mask, NiftiImage, Volume, resample_mask};
use crate::pet::{self, Background, BackgroundSource, FrameReduction, PetResult, TimeActivity, quantify};
use crate::quality::{Caveat, CaveatCode};
use crate::region::{
    self, BackgroundShape, Outline, RegionError, background, brain_mask, crosses_midline, find_midline,
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
            Some(mask)
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
            match automatic(shape, &volume, given_brain.as_ref(), input.head.anatomy, &lesions, region_settings) {
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
fn automatic(
    shape: BackgroundShape,
    image: &Volume,
    brain: Option<&Mask>,
    anatomy: Option<&Volume>,
    lesions: &[Mask],
    settings: &region::Settings,
) -> Result<(region::Background, Vec<Caveat>), RegionError> {
    let union = union_of(lesions).ok_or(RegionError::EmptyMask { mask: "lesion" })?;
    let anatomical_head = anatomy.and_then(|anatomy| Some((anatomy, brain_mask(anatomy).ok()?)));
    let head = match (&brain, &anatomical_head) {
        (Some(brain), _) => (*brain).clone(),
        (None, Some((_, head))) => match resample_mask(head, &image.grid, None) {
            Ok(head) if head.count() > 0 => head,
            _ => brain_mask(image)?,
        },
        (None, None) => brain_mask(image)?,
    };
    let plane = match &anatomical_head {
        Some((anatomy, head)) => find_midline(anatomy, head, None, settings)?.plane,
        None => find_midline(image, &head, Some(&union), settings)?.plane,
    };
    let outline = if brain.is_some() { Outline::Brain(&head) } else { Outline::Head(&head) };
    let found = background(shape, outline, &union, &plane, settings)?;
    let mut caveats = found.caveats.clone();
    if lesions.iter().any(|lesion| crosses_midline(lesion, &plane, settings)) {
        caveats
            .push(Caveat::new(CaveatCode::LesionCrossesMidline, "the background lies in the less affected hemisphere"));
    }
    Ok((found, caveats))
}
