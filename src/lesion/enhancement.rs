//! Which voxels of a lesion enhance on the post-contrast T1.

use super::error::LesionError;
use super::settings::Settings;
use super::statistics::Statistics;
use crate::image::{Mask, Volume};

/// The enhancing part of a lesion.
#[derive(Debug, Clone, PartialEq)]
pub struct Enhancement {
    /// Enhancing voxels of the lesion, on the grid of the post-contrast T1.
    pub mask: Mask,
    /// Their share of the lesion's voxels whose T1 is known.
    pub share: f64,
    /// T1 intensity above which a voxel enhances.
    pub threshold: f64,
}

/// Finds the enhancing voxels of a lesion on a post-contrast T1; all three share a grid.
///
/// METHOD: a voxel enhances when its intensity lies more than `enhancement_sd` standard deviations above the mean of
/// contralateral white matter, the brightest normal tissue on T1. Only the post-contrast image is asked for, so blood
/// products, bright before contrast as well, count as enhancing: the caveat names what was measured.
pub fn enhancement(
    lesion: &Mask,
    t1_post: &Volume,
    reference: &Mask,
    settings: &Settings,
) -> Result<Enhancement, LesionError> {
    let image = "post-contrast T1";
    let values = t1_post.values_in(lesion).map_err(LesionError::space("lesion mask", image))?;
    let normal = t1_post.values_in(reference).map_err(LesionError::space("reference mask", image))?;
    let normal = Statistics::of(&normal).ok_or(LesionError::EmptyReference { image })?;
    let threshold = normal.mean + settings.enhancement_sd * normal.standard_deviation;
    let known = values.iter().filter(|value| value.is_finite()).count();
    if known == 0 {
        return Err(LesionError::EmptyMask { mask: "lesion" });
    }
    let mut mask = Mask::filled(lesion.grid, false);
    for index in lesion.indices() {
        mask.data[index] = f64::from(t1_post.data[index]) > threshold;
    }
    Ok(Enhancement { share: mask.count() as f64 / known as f64, mask, threshold })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::{Affine, Grid};

    #[test]
    fn voxels_more_than_two_deviations_above_white_matter_enhance() {
        let grid = Grid::from_stored([10, 1, 1], Affine::diagonal([1.0; 3], [0.0; 3])).unwrap();
        // Reference: 90 and 110, mean 100, deviation 10, threshold 120.
        let data = vec![90.0, 110.0, 119.0, 120.0, 121.0, 300.0, f32::NAN, 50.0, 0.0, 0.0];
        let image = Volume { grid, data };
        let part = |range: std::ops::Range<usize>| Mask { grid, data: (0..10).map(|i| range.contains(&i)).collect() };
        let settings: Settings = crate::settings::default_section("lesion");
        let found = enhancement(&part(2..8), &image, &part(0..2), &settings).unwrap();
        assert_eq!(found.threshold, 120.0);
        assert_eq!(found.mask.indices().collect::<Vec<_>>(), [4, 5]);
        assert!((found.share - 0.4).abs() < 1e-12);
        let empty = part(0..0);
        assert!(matches!(enhancement(&part(2..8), &image, &empty, &settings), Err(LesionError::EmptyReference { .. })));
        assert!(matches!(enhancement(&part(6..7), &image, &part(0..2), &settings), Err(LesionError::EmptyMask { .. })));
    }
}
