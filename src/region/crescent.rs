//! Where a PET image shows healthy brain: the background that uptake is divided by.
//!
//! Law I et al., Eur J Nucl Med Mol Imaging 2019;46:540 (EANM/EANO/RANO); Unterrainer M et al., EJNMMI Res
//! 2017, 10.1186/s13550-017-0295-y: a crescent-shaped region of grey and white matter in the contralateral hemisphere.

use super::error::RegionError;
use super::mirror::mirrored;
use super::morphology::{Bounds, depth, dilate};
use super::plane::{Plane, Side, healthier_side};
use super::settings::Settings;
use crate::image::Mask;
use crate::quality::{Caveat, CaveatCode};
use crate::units::Milliliters;

closed_words! {
    /// Which automatic background.
    pub enum BackgroundShape: "background" {
        /// A shell below the surface of the healthier hemisphere, at the lesions' slices.
        Crescent = "crescent",
        /// The lesions mirrored and enlarged.
        Mirror = "mirror",
        /// The whole healthier hemisphere.
        Hemisphere = "hemisphere",
    }
}

/// What is known of the brain's place.
#[derive(Debug, Clone, Copy)]
pub enum Outline<'a> {
    /// A brain mask.
    Brain(&'a Mask),
    /// The whole head, as a threshold on a T1 or PET image gives it: scalp and skull are taken off by their usual
    /// thickness. The brain's surface is then known to a few millimeters only; face and neck are not told from brain.
    Head(&'a Mask),
}

/// A background region that was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Background {
    /// The region.
    pub mask: Mask,
    /// Which shape it has.
    pub shape: BackgroundShape,
    /// Its side.
    pub side: Side,
    /// Its volume.
    pub volume: Milliliters,
    /// Number of axial slices it lies in.
    pub slices: usize,
    /// That it was found and not given, with the particulars.
    pub caveats: Vec<Caveat>,
}

/// Finds a background region. `lesions` holds every lesion of the session; all share the grid of the PET image.
///
/// METHOD: the side with less lesion; never within a lesion's margin or at the midline (sinus, falx, choroid).
/// Crescent: brain between `crescent_depth_mm` below the surface, in the axial slices of the lesions, so that it holds
/// cortex and white matter and stays off scalp, sinuses and ventricles. Depth is in three dimensions; the end of the
/// image is not a surface.
pub fn background(
    shape: BackgroundShape,
    outline: Outline<'_>,
    lesions: &Mask,
    plane: &Plane,
    settings: &Settings,
) -> Result<Background, RegionError> {
    let (head, covering_mm) = match outline {
        Outline::Brain(mask) => (mask, 0.0),
        Outline::Head(mask) => (mask, settings.scalp_and_skull_mm),
    };
    let grid = lesions.grid;
    grid.same_space(&head.grid).map_err(RegionError::space("brain mask", "lesion mask"))?;
    let side = healthier_side(lesions, plane)?;
    let whole = Bounds::around(head).ok_or(RegionError::EmptyMask { mask: "brain" })?;
    let near_lesion = dilate(lesions, settings.lesion_margin_mm);
    let (region, depths) = match shape {
        BackgroundShape::Crescent => {
            let [shallow, deep] = settings.crescent_depth_mm;
            (lesion_slices(lesions), [shallow, deep])
        }
        BackgroundShape::Mirror => (dilate(&mirrored(lesions, plane), settings.mirror_margin_mm), [0.0, f64::INFINITY]),
        BackgroundShape::Hemisphere => (Mask::filled(grid, true), [0.0, f64::INFINITY]),
    };
    let [shallow, deep] = depths.map(|depth| depth + covering_mm);

    let mut mask = Mask::filled(grid, false);
    let mut slices = 0;
    if let Some(target) = Bounds::around(&region) {
        let slice_range = target.low[2]..target.high[2];
        // Surfaces farther away than the shell is deep do not matter: whole slices beyond that are left out.
        let reach = if deep.is_finite() { deep } else { shallow };
        let near = target.with_margin(reach, &grid);
        let below = depth(head, whole.with_margin(0.0, &grid).with_slices(near.low[2]..near.high[2]));
        let across = plane.on(&grid);
        let rows = below.bounds().with_slices(slice_range.clone()).rows(&grid);
        let mut slice_used = vec![false; grid.shape()[2]];
        for (start, [x, y, z]) in rows {
            for (step, &depth) in below.row([x, y, z]).iter().enumerate() {
                let index = start + step;
                let inside = head.data[index]
                    && region.data[index]
                    && !near_lesion.data[index]
                    && f64::from(depth) > shallow
                    && f64::from(depth) <= deep
                    && across([x + step, y, z]) * side.sign() >= settings.midline_margin_mm;
                mask.data[index] = inside;
                slice_used[z] |= inside;
            }
        }
        slices = slice_used.iter().filter(|&&used| used).count();
    }
    let volume = mask.volume();
    let expected = Milliliters(settings.background_minimum_ml);
    if volume < expected {
        return Err(RegionError::BackgroundTooSmall { shape, found: volume, expected, side });
    }
    let known_from = match outline {
        Outline::Brain(_) => "a brain mask",
        Outline::Head(_) => "the outline of the head, which places the brain's surface to a few millimeters only",
    };
    let detail = format!("{shape} of {volume:.1} in {slices} slices on the patient's {side}, from {known_from}");
    let caveats = vec![Caveat::new(CaveatCode::AutomaticBackground, detail)];
    Ok(Background { mask, shape, side, volume, slices, caveats })
}

/// The axial slices that hold lesion, entire.
fn lesion_slices(lesions: &Mask) -> Mask {
    let [nx, ny, _] = lesions.grid.shape();
    let mut slices = Mask::filled(lesions.grid, false);
    for (slice, lesion) in slices.data.chunks_exact_mut(nx * ny).zip(lesions.data.chunks_exact(nx * ny)) {
        slice.fill(lesion.contains(&true));
    }
    slices
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{centered_grid, in_ellipsoid, mask_where};
    use super::super::morphology::distance_to;
    use super::*;
    use crate::image::Grid;

    const RADIUS: f64 = 70.0;

    fn grid() -> Grid {
        centered_grid([76, 76, 38], [2.0, 2.0, 4.0])
    }

    fn settings() -> Settings {
        crate::settings::default_section("region")
    }

    fn brain() -> Mask {
        mask_where(grid(), |p| in_ellipsoid(p, [RADIUS; 3]))
    }

    fn lesion() -> Mask {
        mask_where(grid(), |p| in_ellipsoid([p[0] - 40.0, p[1], p[2] - 2.0], [12.0; 3]))
    }

    fn find(shape: BackgroundShape, outline: Outline<'_>) -> Result<Background, RegionError> {
        background(shape, outline, &lesion(), &Plane::sagittal(0.0), &settings())
    }

    #[test]
    fn the_crescent_is_a_shell_of_8_to_28_mm_across_from_the_lesion() {
        let found = find(BackgroundShape::Crescent, Outline::Brain(&brain())).unwrap();
        // Slice centers stand 4 mm apart: five of them cut a ball of 12 mm radius whose center lies on one.
        assert_eq!((found.side, found.slices), (Side::Left, 5));
        // Voxels are 4 mm thick: the depth of a voxel is known to about half of that.
        for index in found.mask.indices() {
            let p = grid().position(grid().voxel(index));
            let depth = RADIUS - p.iter().map(|x| x * x).sum::<f64>().sqrt();
            assert!((8.0 - 3.0..28.0 + 1.0).contains(&depth), "{depth}");
            assert!(p[0] <= -5.0 && (p[2] - 2.0).abs() <= 12.0);
        }
        // A half shell of 20 mm height at the equator: π/2 (62² - 42²) · 20 mm³, less 4 mm at the midline: the voxel
        // whose center lies 5 mm off it reaches from 4 mm to 6 mm.
        let shell = 0.5 * std::f64::consts::PI * (62.0_f64.powi(2) - 42.0_f64.powi(2)) * 20.0 / 1000.0;
        let strip = 2.0 * 20.0 * 4.0 * 20.0 / 1000.0;
        assert!((found.volume.0 - (shell - strip)).abs() < 0.05 * shell, "{} against {shell}", found.volume);
        assert_eq!(found.volume, found.mask.volume());
        assert!(found.caveats[0].detail.contains("crescent") && found.caveats[0].detail.contains("left"));
    }

    #[test]
    fn a_lesion_on_the_other_side_is_avoided_with_its_margin() {
        let small = mask_where(grid(), |p| in_ellipsoid([p[0] + 48.0, p[1] - 10.0, p[2] - 2.0], [8.0; 3]));
        let both = lesion().or(&small).unwrap();
        let found =
            background(BackgroundShape::Crescent, Outline::Brain(&brain()), &both, &Plane::sagittal(0.0), &settings())
                .unwrap();
        let away = distance_to(&both, Bounds::whole(&grid()));
        assert_eq!(found.side, Side::Left);
        assert!(found.mask.indices().all(|index| away.at(grid().voxel(index)) > 5.0));
        let alone = find(BackgroundShape::Crescent, Outline::Brain(&brain())).unwrap();
        assert!(found.volume < alone.volume);
    }

    #[test]
    fn a_head_outline_lies_deeper_by_scalp_and_skull() {
        let covering = settings().scalp_and_skull_mm;
        let head = mask_where(grid(), |p| in_ellipsoid(p, [RADIUS; 3]));
        let found = find(BackgroundShape::Crescent, Outline::Head(&head)).unwrap();
        for index in found.mask.indices() {
            let p = grid().position(grid().voxel(index));
            let depth = RADIUS - p.iter().map(|x| x * x).sum::<f64>().sqrt();
            assert!((8.0 + covering - 3.0..28.0 + covering + 1.0).contains(&depth), "{depth}");
        }
        assert!(found.caveats[0].detail.contains("outline of the head"));
    }

    #[test]
    fn the_hemisphere_is_half_a_brain_and_the_mirror_a_larger_lesion() {
        let hemisphere = find(BackgroundShape::Hemisphere, Outline::Brain(&brain())).unwrap();
        let half = brain().volume().0 / 2.0;
        let strip = std::f64::consts::PI * RADIUS.powi(2) * 4.0 / 1000.0;
        assert!((hemisphere.volume.0 - (half - strip)).abs() < 0.02 * half, "{} of {half}", hemisphere.volume);
        let mirror = find(BackgroundShape::Mirror, Outline::Brain(&brain())).unwrap();
        let image = mask_where(grid(), |p| in_ellipsoid([p[0] + 40.0, p[1], p[2] - 2.0], [12.0; 3]));
        assert_eq!(mirror.mask, dilate(&image, settings().mirror_margin_mm));
    }

    #[test]
    fn too_small_a_background_is_an_error_that_names_the_flag() {
        let sliver = mask_where(grid(), |p| in_ellipsoid(p, [9.0; 3]));
        let error = find(BackgroundShape::Crescent, Outline::Brain(&sliver)).unwrap_err().to_string();
        assert!(error.contains("--background") && error.contains("crescent") && error.contains("5.00 mL"), "{error}");
    }
}
