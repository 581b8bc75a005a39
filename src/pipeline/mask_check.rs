//! Where the lesion and the reference really lie: axial slices from the lowest to the highest that holds one of them.
//!
//! A mask on the wrong side of the head looks perfectly normal in a table; on these slices it does not.

use super::limits::{Extent, Limits};
use super::pictures::{Scene, raster, window};
use super::volumes::Surroundings;
use crate::image::{Mask, View};
use crate::report::model::{MaskCheck, MaskTile};

/// Slices that are drawn.
const TILES: usize = 8;
/// Pixels along an edge of a slice.
const PIXELS: usize = 84;

/// The slices; `None` without an image or a lesion.
pub fn mask_check(scene: &Scene<'_>, around: &Surroundings<'_>, limits: &Limits) -> Option<MaskCheck> {
    let (volume, name) = match (scene.anatomy, around.baseline, &scene.uptake) {
        (Some((volume, name)), ..) => (volume, name.to_owned()),
        (None, Some(baseline), _) => (baseline, "DSC-MRI before the bolus".to_owned()),
        (None, None, Some(uptake)) => (uptake.image, format!("{}-PET", uptake.tracer)),
        (None, None, None) => return None,
    };
    let regions: Vec<&Mask> = [Some(scene.lesion), around.reference].into_iter().flatten().collect();
    let marked = Extent::of(&regions)?;
    let mut tiles = Vec::with_capacity(TILES);
    for tile in 0..TILES {
        let share = (tile as f64 + 0.5) / TILES as f64;
        let z = marked.low[2] + share * (marked.high[2] - marked.low[2]);
        let (center, field) = limits.field(z);
        let view = View::axial(center, field, PIXELS);
        let outline = |mask: Option<&Mask>| mask.map_or_else(Vec::new, |mask| view.outline(mask));
        let mut picture = raster(&view.volume(volume), field / PIXELS as f64);
        limits.keep(&view, &regions, &mut picture.values);
        tiles.push(MaskTile {
            raster: picture,
            slice_mm: z,
            lesion: outline(Some(scene.lesion)),
            reference: outline(around.reference),
            brain: outline(around.brain),
        });
    }
    let values: Vec<f32> = tiles.iter().flat_map(|tile| tile.raster.values.iter().copied()).collect();
    Some(MaskCheck {
        name,
        range: window(&values),
        tiles,
        reference: around.reference.is_some(),
        brain: around.brain.is_some(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::{Affine, Grid, Volume};

    fn grid() -> Grid {
        Grid::from_stored([40; 3], Affine::diagonal([5.0; 3], [-97.5; 3])).unwrap()
    }

    fn region(inside: impl Fn([f64; 3]) -> bool) -> Mask {
        let grid = grid();
        Mask { grid, data: (0..grid.len()).map(|index| inside(grid.position(grid.voxel(index)))).collect() }
    }

    fn ball(center: [f64; 3], radius: f64) -> Mask {
        region(|place| (0..3).map(|k| (place[k] - center[k]).powi(2)).sum::<f64>() <= radius * radius)
    }

    #[test]
    fn lesion_and_reference_are_drawn_on_their_own_sides_and_nothing_away_from_the_brain() {
        let (lesion, reference) = (ball([40.0, 0.0, 0.0], 12.0), ball([-40.0, 0.0, 0.0], 12.0));
        let brain = ball([0.0; 3], 70.0);
        let head = Volume::filled(grid(), 100.0);
        let scene = Scene { anatomy: Some((&head, "T1 after contrast")), ..Scene::of_lesion(&lesion) };
        let around =
            Surroundings { baseline: None, uncorrected: None, brain: Some(&brain), reference: Some(&reference) };
        let limits = Limits::new(Some(&brain), &[&lesion]).unwrap().unwrap();
        let check = mask_check(&scene, &around, &limits).unwrap();
        assert_eq!((check.tiles.len(), check.reference, check.brain), (TILES, true, true));
        let middle = &check.tiles[TILES / 2];
        let mean = |lines: &[Vec<[f32; 2]>]| {
            let points: Vec<f32> = lines.iter().flatten().map(|point| point[0]).collect();
            points.iter().sum::<f32>() / points.len() as f32
        };
        // Radiological view: the lesion, at positive x, is on the patient's right and drawn on the left.
        assert!(mean(&middle.lesion) < 29.0 && mean(&middle.reference) > 55.0);
        let (corner, center) = (middle.raster.values[0], middle.raster.values[PIXELS * PIXELS / 2 + PIXELS / 2]);
        assert!(corner.is_nan() && center == 100.0);
    }

    #[test]
    fn without_a_brain_only_the_surroundings_of_the_regions_are_drawn() {
        let lesion = ball([40.0, 0.0, 0.0], 12.0);
        let head = Volume::filled(grid(), 100.0);
        let scene = Scene { anatomy: Some((&head, "T1")), ..Scene::of_lesion(&lesion) };
        let around = Surroundings { baseline: None, uncorrected: None, brain: None, reference: None };
        let limits = Limits::new(None, &[&lesion]).unwrap().unwrap();
        let check = mask_check(&scene, &around, &limits).unwrap();
        // Voxel centers from 32.5 to 47.5 mm, and 25 mm on both sides.
        assert!((check.tiles[0].raster.millimeters * PIXELS as f64 - 65.0).abs() < 5.1);
        assert!(!check.reference && !check.brain);
    }
}
