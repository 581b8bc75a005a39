//! The reference region: normal-appearing white matter across from the lesions.
//!
//! rCBV is normalized to contralateral normal-appearing white matter (Boxerman JL et al., Neuro Oncol 2020;22:1262).
//! Where nobody drew it, the lesions mirrored in the mid-sagittal plane show where to look, and the baseline image
//! shows what is white matter there.

use super::error::RegionError;
use super::mirror::mirrored;
use super::morphology::{Bounds, depth, dilate, distance_to};
use super::plane::{Plane, Side, healthier_side, volume_by_side};
use super::settings::Settings;
use crate::image::{Mask, Volume};
use crate::quality::{Caveat, CaveatCode};
use crate::units::{Milliliters, Millimeters};

/// Fewest deep voxels from which the white-matter range is estimated.
const FEWEST_DEEP_VOXELS: usize = 50;

/// What a reader must know of a reference region, given or found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ReferenceFacts {
    /// Volume of the region.
    pub volume: Milliliters,
    /// Mean of the image in it.
    pub mean: f64,
    /// Coefficient of variation of the image in it (population standard deviation over mean).
    pub coefficient_of_variation: f64,
    /// Volume that it shares with lesions.
    pub lesion_overlap: Milliliters,
    /// The side that holds most of it; `None` where no plane is known.
    pub side: Option<Side>,
}

impl ReferenceFacts {
    /// The doubt that a reference inside a lesion deserves.
    pub fn caveat(&self) -> Option<Caveat> {
        (self.lesion_overlap.0 > 0.0).then(|| {
            let detail = format!("{:.2} of {:.2} lie in a lesion mask", self.lesion_overlap, self.volume);
            Caveat::new(CaveatCode::ReferenceOverlapsLesion, detail)
        })
    }
}

/// A reference region that was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Reference {
    /// The region.
    pub mask: Mask,
    /// Its side.
    pub side: Side,
    /// Its size and spread in the baseline image.
    pub facts: ReferenceFacts,
    /// The range of the baseline image that was read as white matter.
    pub range: [f64; 2],
    /// How far the mirrored lesions had to grow to hold enough of it.
    pub grown: Millimeters,
    /// That it was found and not given, with the particulars.
    pub caveats: Vec<Caveat>,
}

/// Finds white matter across from the lesions. `lesions` holds every lesion of the session, cores included.
///
/// METHOD: one region serves the session, because rCBV is normalized once. It lies in the hemisphere with less lesion.
/// 1. *Deep voxels*: in the brain, `white_matter_depth_mm` below its surface (past the cortex), off the midline,
///    outside every lesion with its margin.
/// 2. *White-matter range*: the shortest interval of the baseline image that holds `white_matter_share` of the deep
///    voxels (the shorth; Andrews DF et al., Robust Estimates of Location, Princeton 1972). White matter is most of
///    the deep hemisphere, so the densest values are its; ventricles, vessels, deep grey matter and edema lie in the
///    tails, above or below. No assumption whether white matter is darker or brighter than grey, which differs
///    between sequences. The range is set by the baseline signal and never by the perfusion map itself.
/// 3. The lesions are mirrored; the region is the deep voxels in range inside the mirror image, which grows in steps
///    until it holds `reference_minimum_ml`. Past `reference_grow_limit_mm` there is no reference, which is an error.
pub fn mirrored_reference(
    baseline: &Volume,
    brain: &Mask,
    lesions: &Mask,
    plane: &Plane,
    settings: &Settings,
) -> Result<Reference, RegionError> {
    let grid = baseline.grid;
    grid.same_space(&brain.grid).map_err(RegionError::space("brain mask", "baseline image"))?;
    grid.same_space(&lesions.grid).map_err(RegionError::space("lesion mask", "baseline image"))?;
    let side = healthier_side(lesions, plane)?;
    let white = deep_voxels(baseline, brain, lesions, plane, side, settings)?;
    let too_small = |found: usize| RegionError::ReferenceTooSmall {
        found: Milliliters(found as f64 * grid.voxel_volume().0),
        expected: Milliliters(settings.reference_minimum_ml),
        reach_mm: settings.reference_grow_limit_mm,
        side,
    };
    let mut values: Vec<f64> = white.indices().map(|index| f64::from(baseline.data[index])).collect();
    if values.len() < FEWEST_DEEP_VOXELS {
        return Err(too_small(0));
    }
    let range = shortest_interval(&mut values, settings.white_matter_share);
    let in_range = |index: usize| (range[0]..=range[1]).contains(&f64::from(baseline.data[index]));

    let image = mirrored(lesions, plane);
    let Some(around) = Bounds::around(&image) else { return Err(too_small(0)) };
    let away = distance_to(&image, around.with_margin(settings.reference_grow_limit_mm, &grid));
    let mut candidates: Vec<(f32, usize)> = white
        .indices()
        .filter(|&index| in_range(index))
        .map(|index| (away.at(grid.voxel(index)), index))
        .filter(|(distance, _)| f64::from(*distance) <= settings.reference_grow_limit_mm)
        .collect();
    candidates.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));

    let needed = (settings.reference_minimum_ml / grid.voxel_volume().0).ceil() as usize;
    let farthest = candidates.get(needed.max(1) - 1).ok_or_else(|| too_small(candidates.len()))?.0;
    let steps = (f64::from(farthest) / settings.reference_grow_step_mm - 1e-6).ceil().max(0.0);
    let grown = (steps * settings.reference_grow_step_mm).min(settings.reference_grow_limit_mm);
    let mut mask = Mask::filled(grid, false);
    for &(distance, index) in &candidates {
        mask.data[index] = f64::from(distance) <= grown + 1e-4;
    }

    let facts = reference_facts(&mask, baseline, Some(lesions), Some(plane))?;
    let detail = format!(
        "{:.1} of white matter on the patient's {side}, {}",
        facts.volume,
        if grown > 0.0 {
            format!("the mirrored lesion enlarged by {grown} mm")
        } else {
            "inside the mirrored lesion".to_owned()
        },
    );
    let caveats = vec![Caveat::new(CaveatCode::MirroredReference, detail)];
    Ok(Reference { mask, side, facts, range, grown: Millimeters(grown), caveats })
}

/// Size, spread, side and overlap of a reference region, given or found.
pub fn reference_facts(
    reference: &Mask,
    image: &Volume,
    lesions: Option<&Mask>,
    plane: Option<&Plane>,
) -> Result<ReferenceFacts, RegionError> {
    let space = RegionError::space("reference mask", "image");
    let values: Vec<f32> = image.values_in(reference).map_err(space)?;
    if values.is_empty() {
        return Err(RegionError::EmptyMask { mask: "reference" });
    }
    let overlap = match lesions {
        Some(lesions) => reference.and(lesions).map_err(RegionError::space("lesion mask", "reference mask"))?.volume(),
        None => Milliliters(0.0),
    };
    let (mean, cov) = mean_and_variation(values.iter().map(|&value| f64::from(value)).filter(|v| v.is_finite()));
    let side = plane.map(|plane| {
        let [(_, left), (_, right)] = volume_by_side(reference, plane);
        if left.0 > right.0 { Side::Left } else { Side::Right }
    });
    Ok(ReferenceFacts {
        volume: reference.volume(),
        mean,
        coefficient_of_variation: cov,
        lesion_overlap: overlap,
        side,
    })
}

/// Brain voxels of one side, below the cortex, off the midline and away from lesions, with a finite value.
fn deep_voxels(
    baseline: &Volume,
    brain: &Mask,
    lesions: &Mask,
    plane: &Plane,
    side: Side,
    settings: &Settings,
) -> Result<Mask, RegionError> {
    let grid = baseline.grid;
    let bounds = Bounds::around(brain).ok_or(RegionError::EmptyMask { mask: "brain" })?;
    let below = depth(brain, bounds.with_margin(0.0, &grid));
    let near_lesion = dilate(lesions, settings.lesion_margin_mm);
    let across = plane.on(&grid);
    let mut deep = Mask::filled(grid, false);
    for (start, [x, y, z]) in below.bounds().rows(&grid) {
        for (step, &depth) in below.row([x, y, z]).iter().enumerate() {
            let index = start + step;
            deep.data[index] = brain.data[index]
                && f64::from(depth) >= settings.white_matter_depth_mm
                && across([x + step, y, z]) * side.sign() >= settings.midline_margin_mm
                && !near_lesion.data[index]
                && baseline.data[index].is_finite();
        }
    }
    Ok(deep)
}

/// The shortest interval that holds a share of the values; the lowest of equally short ones.
fn shortest_interval(values: &mut [f64], share: f64) -> [f64; 2] {
    values.sort_unstable_by(f64::total_cmp);
    let held = ((values.len() as f64 * share).ceil() as usize).clamp(1, values.len());
    let mut best = [values[0], values[held - 1]];
    for window in values.windows(held) {
        if window[held - 1] - window[0] < best[1] - best[0] {
            best = [window[0], window[held - 1]];
        }
    }
    best
}

/// Mean and coefficient of variation (population); NaN of no values.
pub(super) fn mean_and_variation(values: impl Iterator<Item = f64> + Clone) -> (f64, f64) {
    let count = values.clone().count() as f64;
    let mean = values.clone().sum::<f64>() / count;
    let variance = values.map(|value| (value - mean).powi(2)).sum::<f64>() / count;
    (mean, variance.sqrt() / mean)
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};
    use rand_pcg::Pcg64Mcg;

    use super::super::fixtures::{centered_grid, in_ellipsoid, mask_where};
    use super::*;
    use crate::image::Grid;

    fn grid() -> Grid {
        centered_grid([64, 80, 20], [2.2, 2.2, 5.0])
    }

    fn settings() -> Settings {
        crate::settings::default_section("region")
    }

    const WHITE: f64 = 480.0;

    /// A brain with cortex, white matter, ventricles and a bright vein; noise of 2 %. `polarity` turns the contrast.
    fn brain(polarity: f64) -> (Volume, Mask) {
        let mut random = Pcg64Mcg::seed_from_u64(6);
        let brain = mask_where(grid(), |p| in_ellipsoid(p, [66.0, 84.0, 60.0]));
        let mut image = Volume::filled(grid(), 0.0);
        for index in brain.indices() {
            let p = grid().position(grid().voxel(index));
            let mut signal = WHITE - polarity * 60.0 * f64::from(u8::from(!in_ellipsoid(p, [60.0, 78.0, 54.0])));
            if in_ellipsoid([p[0].abs() - 12.0, p[1], p[2]], [7.0, 28.0, 14.0]) {
                signal = WHITE + polarity * 250.0;
            }
            if (p[0].abs() - 35.0).powi(2) + p[1].powi(2) < 20.0 {
                signal = WHITE - polarity * 300.0;
            }
            let noise: f64 = (0..4).map(|_| random.random_range(-8.0..8.0)).sum();
            image.data[index] = (signal + noise) as f32;
        }
        (image, brain)
    }

    fn ball(center: [f64; 3], radius: f64) -> Mask {
        mask_where(grid(), move |p| (0..3).map(|k| (p[k] - center[k]).powi(2)).sum::<f64>() <= radius * radius)
    }

    #[test]
    fn white_matter_across_is_found_whether_it_is_brighter_or_darker_than_grey() {
        for polarity in [1.0, -1.0] {
            let (image, brain) = brain(polarity);
            let lesion = ball([35.0, 10.0, 5.0], 15.0);
            let found = mirrored_reference(&image, &brain, &lesion, &Plane::sagittal(0.0), &settings()).unwrap();
            assert_eq!((found.side, found.facts.side, found.grown.0), (Side::Left, Some(Side::Left), 0.0));
            assert!((found.facts.mean - WHITE).abs() < 0.005 * WHITE, "{}", found.facts.mean);
            assert!(found.facts.coefficient_of_variation < 0.02);
            assert_eq!(found.facts.lesion_overlap.0, 0.0);
            let vein_or_ventricle = mask_where(grid(), |p| {
                (p[0].abs() - 35.0).powi(2) + p[1].powi(2) < 20.0
                    || in_ellipsoid([p[0].abs() - 12.0, p[1], p[2]], [7.0, 28.0, 14.0])
            });
            assert_eq!(found.mask.and(&vein_or_ventricle).unwrap().count(), 0);
            assert!(found.mask.and_not(&mirrored(&lesion, &Plane::sagittal(0.0))).unwrap().count() == 0);
            assert!(found.facts.volume.0 > 1.0);
        }
    }

    #[test]
    fn a_small_cortical_lesion_grows_its_mirror_image_until_it_reaches_white_matter() {
        let (image, brain) = brain(1.0);
        let lesion = ball([-60.0, 0.0, 2.5], 6.0);
        let found = mirrored_reference(&image, &brain, &lesion, &Plane::sagittal(0.0), &settings()).unwrap();
        assert_eq!(found.side, Side::Right);
        assert!(found.grown.0 > 0.0 && found.grown.0 <= settings().reference_grow_limit_mm);
        assert!(found.facts.volume.0 >= settings().reference_minimum_ml);
        assert!(found.caveats[0].detail.contains("enlarged"), "{}", found.caveats[0]);
    }

    #[test]
    fn the_reference_avoids_every_lesion_of_the_session() {
        let (image, brain) = brain(1.0);
        let (large, small) = (ball([35.0, 30.0, 5.0], 16.0), ball([-38.0, 24.0, 5.0], 8.0));
        let both = large.or(&small).unwrap();
        let found = mirrored_reference(&image, &brain, &both, &Plane::sagittal(0.0), &settings()).unwrap();
        assert_eq!(found.side, Side::Left);
        assert_eq!(found.mask.and(&dilate(&both, settings().lesion_margin_mm)).unwrap().count(), 0);
        let [(_, left), (_, right)] = volume_by_side(&found.mask, &Plane::sagittal(0.0));
        assert!(left.0 > 0.0 && right.0 == 0.0);
    }

    #[test]
    fn a_lesion_outside_the_brain_has_no_reference_and_says_why() {
        let (image, brain) = brain(1.0);
        let mut strict = settings();
        strict.reference_grow_limit_mm = 5.0;
        let lesion = ball([67.0, 0.0, 2.5], 5.0);
        let error = mirrored_reference(&image, &brain, &lesion, &Plane::sagittal(0.0), &strict).unwrap_err();
        let text = error.to_string();
        assert!(text.contains("left side") && text.contains("--reference") && text.contains("1.00 mL"), "{text}");
        let none = Mask::filled(grid(), false);
        let error = mirrored_reference(&image, &brain, &none, &Plane::sagittal(0.0), &strict).unwrap_err();
        assert_eq!(error, RegionError::EmptyMask { mask: "lesion" });
    }

    #[test]
    fn a_given_reference_inside_a_lesion_shows_its_overlap() {
        let (image, _) = brain(1.0);
        let reference = ball([30.0, 0.0, 2.5], 8.0);
        let facts = reference_facts(&reference, &image, Some(&reference), None).unwrap();
        assert_eq!(facts.lesion_overlap, reference.volume());
        assert_eq!(facts.caveat().map(|caveat| caveat.code), Some(CaveatCode::ReferenceOverlapsLesion));
        let apart = reference_facts(&reference, &image, Some(&ball([-30.0, 0.0, 2.5], 8.0)), None).unwrap();
        assert_eq!(apart.caveat(), None);
        assert_eq!(facts.side, None);
        let elsewhere = Mask::filled(centered_grid([4, 4, 4], [1.0; 3]), true);
        assert!(matches!(reference_facts(&elsewhere, &image, None, None), Err(RegionError::Space { .. })));
    }

    #[test]
    fn the_shortest_interval_is_where_values_are_dense() {
        let mut values = vec![1.0, 2.0, 10.0, 10.1, 10.2, 10.3, 30.0, 50.0];
        assert_eq!(shortest_interval(&mut values, 0.5), [10.0, 10.3]);
        assert_eq!(shortest_interval(&mut values, 1.0), [1.0, 50.0]);
    }

    #[test]
    fn variation_of_two_values_by_hand() {
        let (mean, cov) = mean_and_variation([1.0, 3.0].into_iter());
        assert_eq!((mean, cov), (2.0, 0.5));
    }
}
