//! A PET image from its file to uptake in each lesion: what `relight run` and `relight pet` share.

use super::error::SessionError;
use super::masks::{Drawn, Fit, LesionMasks, Placed, read_label, read_region};
use super::perfusion::union_of;
use crate::acquisition::PetAcquisition;
use crate::clinical::{Pathway, Tracer};
use crate::image::{Grid, Mask, NiftiImage, Volume, resample_mask};
use crate::pet::{
    self, Background, BackgroundMode, BackgroundSource, FrameReduction, PetResult, StaticImage, TimeActivity,
    quantify_frames,
};
use crate::quality::{Caveat, CaveatCode};
use crate::region::{
    self, BackgroundShape, Outline, Plane, RegionError, background, crosses_midline, erode, find_midline, head_mask,
    volume_by_side,
};
use crate::study::InputFile;

/// What uptake is divided by.
#[derive(Debug, Clone, Copy)]
pub enum BackgroundChoice<'a> {
    /// A region that was given: a mask, or one label of a label map.
    Given(&'a InputFile, Option<u32>, Fit),
    /// The label of the lesions' own map that is named as the background.
    Label(&'a Drawn),
    /// A region found in the head.
    Automatic(BackgroundShape),
    /// A number in the unit of the image.
    Number(f64),
    /// Nothing: no ratio.
    None,
}

/// What uptake is divided by where no region was drawn.
pub fn undrawn_background(
    settings: &pet::Settings,
    pathway: Option<Pathway>,
    tracer: Option<&Tracer>,
) -> BackgroundChoice<'static> {
    match settings.background {
        BackgroundMode::Auto => default_background(pathway, tracer),
        BackgroundMode::Crescent => BackgroundChoice::Automatic(BackgroundShape::Crescent),
        BackgroundMode::Mirror => BackgroundChoice::Automatic(BackgroundShape::Mirror),
        BackgroundMode::Hemisphere => BackgroundChoice::Automatic(BackgroundShape::Hemisphere),
        BackgroundMode::None => BackgroundChoice::None,
    }
}

/// METHOD: the crescent is a region of brain, so it serves where the lesion is known to lie in the brain: a brain
/// pathway, or an amino-acid tracer where the pathway is unknown. Elsewhere there is no ratio unless one is asked for.
pub fn default_background(pathway: Option<Pathway>, tracer: Option<&Tracer>) -> BackgroundChoice<'static> {
    let crescent = BackgroundChoice::Automatic(BackgroundShape::Crescent);
    match (pathway, tracer) {
        (Some(Pathway::Glioma | Pathway::Metastasis), _) => crescent,
        (Some(Pathway::Sarcoma), _) => BackgroundChoice::None,
        (None, Some(Tracer::Met | Tracer::Fet | Tracer::Fdopa)) => crescent,
        (None, _) => BackgroundChoice::None,
    }
}

/// Where the head is, better known than from the PET image itself.
#[derive(Debug, Clone, Copy)]
pub struct Head<'a> {
    /// An anatomical image with its name, for the head and the mid-sagittal plane.
    pub anatomy: Option<(&'a Volume, &'a str)>,
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
    /// The lesions on the grid of the image, where they were placed before.
    pub placed: Option<Placed>,
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
    /// Time-activity curve of the background, unit of the image; `None` for a static image or without a region.
    pub background_curve: Option<TimeActivity>,
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
        let placed = input.placed.map_or_else(|| masks.onto(&image, name), Ok)?;
        caveats.extend(placed.caveats);
        lesions = placed.lesions;
    }
    let given = match input.background {
        BackgroundChoice::Given(file, label, fit) => {
            if label.is_none() {
                one_region(file)?;
            }
            let (mask, more) = read_label(file, label, &image, name, fit)?;
            caveats.extend(more);
            Some(mask)
        }
        BackgroundChoice::Label(drawn) => Some(drawn.onto(&image, name, &mut caveats)?),
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
    let failed = |source| SessionError::Pet { file: name.to_owned(), source: pet::PetError::BackgroundGrid(source) };
    let frames = image.frames();
    let reduction = |regions: &[&Mask]| {
        FrameReduction::new(*image.grid(), frames, input.acquisition, regions, pet_settings).map_err(failed)
    };
    let mut background_curve = None;
    let mut reduced = if frames > 1 {
        let regions: Vec<&Mask> = lesions.iter().chain(&given).collect();
        through_frames(reduction(&regions)?, &image)?
    } else {
        let volume = input.volume.map_or_else(|| image.clone().read_volume(), Ok)?;
        StaticImage::of_static(volume, input.acquisition.clone())
    };
    let mut curves = std::mem::take(&mut reduced.curves);
    if given.is_some() {
        background_curve = curves.pop();
    }
    let volume = &reduced.volume;

    let mut mask = None;
    let chosen = match (input.background, given) {
        (choice, Some(region)) => {
            mask = Some(region.clone());
            let source = match choice {
                BackgroundChoice::Given(_, Some(_), _) | BackgroundChoice::Label(_) => BackgroundSource::Label,
                BackgroundChoice::Given(_, None, _)
                | BackgroundChoice::Automatic(_)
                | BackgroundChoice::Number(_)
                | BackgroundChoice::None => BackgroundSource::Mask,
            };
            let side = input.head.anatomy.and_then(|(anatomy, _)| side_of(&region, anatomy, region_settings));
            Some(Background::Mask { mask: region, source, side })
        }
        (BackgroundChoice::Number(number), None) => Some(Background::Number(number)),
        (BackgroundChoice::Automatic(shape), None) => {
            match automatic(
                shape,
                volume,
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
        (BackgroundChoice::None | BackgroundChoice::Given(..) | BackgroundChoice::Label(_), None) => None,
    };
    // A region that was found in the static image is followed through the frames in a second pass.
    if frames > 1
        && background_curve.is_none()
        && let Some(region) = &mask
    {
        background_curve = through_frames(reduction(&[region])?.curves_only(), &image)?.curves.pop();
    }
    let result = quantify_frames(&reduced, chosen.as_ref(), &lesions, pet_settings)
        .map_err(|source| SessionError::Pet { file: name.to_owned(), source })?;
    let known = caveats.iter().any(|caveat| caveat.code == CaveatCode::NoBackground);
    caveats.extend(result.caveats.iter().filter(|caveat| !(known && caveat.code == CaveatCode::NoBackground)).cloned());
    let caveats = in_one(caveats, CaveatCode::AutomaticBackground);
    Ok(Uptake { image: reduced.volume, result, lesions, curves, background_curve, background: mask, caveats })
}

/// An error where a background is a map of several labels: which of them is meant is not guessed.
fn one_region(file: &InputFile) -> Result<(), SessionError> {
    let Ok(labels) = NiftiImage::open(file.path())?.read_labels() else { return Ok(()) };
    let present = labels.present();
    if present.len() < 2 {
        return Ok(());
    }
    let found: Vec<String> = present.iter().map(u32::to_string).collect();
    Err(SessionError::Mask {
        file: file.relative().to_owned(),
        problem: format!(
            "expected one background region, found the labels {}: name one of them with --background-label, or give a mask \
             of the region alone",
            found.join(", ")
        ),
    })
}

/// Takes every frame of an image.
fn through_frames(mut reduction: FrameReduction, image: &NiftiImage) -> Result<StaticImage, SessionError> {
    image.clone().for_each_frame(|frame, values| {
        reduction.add(frame, values);
        Ok::<_, SessionError>(())
    })?;
    Ok(reduction.finish())
}

/// The caveats of one code as one, with the particulars of all in one sentence; what another one holds is not said again.
fn in_one(caveats: Vec<Caveat>, code: CaveatCode) -> Vec<Caveat> {
    let mut details: Vec<&str> = Vec::new();
    for caveat in caveats.iter().filter(|caveat| caveat.code == code) {
        if !details.iter().any(|known| known.contains(&caveat.detail)) {
            details.push(&caveat.detail);
        }
    }
    let joined = (!details.is_empty()).then(|| Caveat::new(code, details.join("; ")));
    caveats.into_iter().filter(|caveat| caveat.code != code).chain(joined).collect()
}

/// The side on which most of a region lies, by the mid-sagittal plane of the anatomical image; `None` where that is not
/// found.
fn side_of(region: &Mask, anatomy: &Volume, settings: &region::Settings) -> Option<String> {
    let plane = find_midline(anatomy, &head_mask(anatomy).ok()?, None, settings).ok()?.plane;
    let sides = volume_by_side(region, &plane);
    let larger = if sides[0].1.0 >= sides[1].1.0 { sides[0].0 } else { sides[1].0 };
    Some(format!("patient's {larger}"))
}

/// Finds a background region: the head from a given brain mask, the anatomical image or the PET image, in this order.
///
/// The caveats name the image that shows the head, and why not a better one.
///
/// METHOD: a mask or an anatomical image that ends before the PET image does says nothing of the head beyond; taken as
/// air, its edge would be a brain surface that is not there. Beyond it the PET image's own head serves, with a caveat.
fn automatic(
    shape: BackgroundShape,
    image: &Volume,
    brain: Option<(&Mask, Grid)>,
    anatomy: Option<(&Volume, &str)>,
    lesions: &[Mask],
    settings: &region::Settings,
) -> Result<(region::Background, Vec<Caveat>), RegionError> {
    let union = union_of(lesions).ok_or(RegionError::EmptyMask { mask: "lesion" })?;
    let mut shown_by = Vec::new();
    let anatomical_head = match anatomy {
        None => None,
        Some((anatomy, name)) => match head_mask(anatomy) {
            Ok(head) => Some((anatomy, name, head)),
            Err(problem) => {
                shown_by.push(format!("the head is not found in the {name}: {problem}"));
                None
            }
        },
    };
    let known = match (brain, &anatomical_head) {
        (Some((brain, source)), _) => {
            shown_by.push("the brain is shown by the brain mask".to_owned());
            Some((brain.clone(), source, settings.scalp_and_skull_mm))
        }
        (None, Some((anatomy, name, head))) => match resample_mask(head, &image.grid, None) {
            Ok(head) if head.count() > 0 => {
                shown_by.push(format!("the head is shown by the {name}"));
                Some((head, anatomy.grid, 0.0))
            }
            Ok(_) => {
                shown_by.push(format!("the {name} shows no part of the head inside the PET image"));
                None
            }
            Err(problem) => {
                shown_by.push(format!("the head of the {name} cannot be taken to the PET image: {problem}"));
                None
            }
        },
        (None, None) => None,
    };
    let mut caveats = Vec::new();
    let head = match known {
        Some((head, source, covering_mm)) => completed(head, &source, image, covering_mm, &mut caveats)?,
        None => {
            if shown_by.is_empty() {
                shown_by.push("there is no brain mask and no anatomical image".to_owned());
            }
            shown_by.push("the PET image itself shows the head".to_owned());
            head_mask(image)?
        }
    };
    let plane = midline(anatomical_head.as_ref(), image, &head, &union, settings, &mut shown_by)?;
    let outline = if brain.is_some() { Outline::Brain(&head) } else { Outline::Head(&head) };
    let found = background(shape, outline, &union, &plane, settings)?;
    // What the region is, before what it was found by.
    let shown_by = Caveat::new(CaveatCode::AutomaticBackground, shown_by.join(", "));
    caveats.splice(0..0, found.caveats.iter().cloned().chain([shown_by]));
    if lesions.iter().any(|lesion| crosses_midline(lesion, &plane, settings)) {
        caveats
            .push(Caveat::new(CaveatCode::LesionCrossesMidline, "the background lies in the less affected hemisphere"));
    }
    Ok((found, caveats))
}

/// The mid-sagittal plane: of the anatomical image where its head is known, else of the PET image; `shown_by` tells which.
fn midline(
    anatomical_head: Option<&(&Volume, &str, Mask)>,
    image: &Volume,
    head: &Mask,
    lesions: &Mask,
    settings: &region::Settings,
    shown_by: &mut Vec<String>,
) -> Result<Plane, RegionError> {
    if let Some((anatomy, name, head)) = anatomical_head {
        match find_midline(anatomy, head, None, settings) {
            Ok(found) => {
                shown_by.push(format!("the midline by the {name}"));
                return Ok(found.plane);
            }
            Err(problem) => shown_by.push(format!("the midline is not found in the {name}: {problem}")),
        }
    }
    shown_by.push("the midline by the PET image".to_owned());
    Ok(find_midline(image, head, Some(lesions), settings)?.plane)
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

    /// A head of 80 x 100 x 80 mm with a lesion on the right; the anatomical image is empty, or shows the same head.
    #[test]
    fn the_caveat_names_the_image_that_shows_the_head_and_why() {
        let grid = Grid::from_stored([60, 60, 50], Affine::diagonal([4.0; 3], [-118.0, -118.0, -98.0])).unwrap();
        let inside = |index: usize| {
            let [x, y, z] = grid.position(grid.voxel(index));
            (x / 80.0).powi(2) + (y / 100.0).powi(2) + (z / 80.0).powi(2) < 1.0
        };
        let head = Volume { grid, data: (0..grid.len()).map(|i| if inside(i) { 5.0 } else { 0.1 }).collect() };
        let lesion = Mask {
            grid,
            data: (0..grid.len())
                .map(|i| {
                    let [x, y, z] = grid.position(grid.voxel(i));
                    (x - 40.0).powi(2) + y.powi(2) + z.powi(2) < 400.0
                })
                .collect(),
        };
        let settings: region::Settings = crate::settings::default_section("region");
        let words = |anatomy: Option<(&Volume, &str)>| {
            let lesions = std::slice::from_ref(&lesion);
            let (_, caveats) = automatic(BackgroundShape::Crescent, &head, None, anatomy, lesions, &settings).unwrap();
            let joined = in_one(caveats, CaveatCode::AutomaticBackground);
            let found: Vec<_> = joined.iter().filter(|c| c.code == CaveatCode::AutomaticBackground).collect();
            assert_eq!(found.len(), 1, "one code, one caveat");
            let region = found[0].detail.find("crescent of").expect("what the region is");
            assert!(region == 0 && found[0].detail.matches("crescent").count() == 1, "{}", found[0].detail);
            found[0].detail.clone()
        };
        let alone = words(None);
        assert!(alone.contains("no anatomical image, the PET image itself shows the head"), "{alone}");
        let by_t1 = words(Some((&head, "T1 after contrast")));
        assert!(by_t1.contains("the head is shown by the T1 after contrast"), "{by_t1}");
        let empty = Volume::filled(grid, f32::NAN);
        let failed = words(Some((&empty, "T1 after contrast")));
        assert!(failed.contains("the head is not found in the T1 after contrast: "), "{failed}");
        assert!(failed.contains("the PET image itself shows the head"), "{failed}");
    }
}
