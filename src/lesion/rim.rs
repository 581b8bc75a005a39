//! The rim of a lesion against what lies deeper: soft-tissue sarcomas take up and enhance at the periphery around a
//! necrotic center (S1, leiomyosarcoma), and a mean over both is neither.

use serde::{Deserialize, Serialize};

use super::error::LesionError;
use super::statistics::Statistics;
use crate::image::{Mask, Volume};
use crate::region::{Bounds, depth};
use crate::units::{Milliliters, Millimeters};

/// The outer shell of a lesion and its inside, in one map.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Rim {
    /// Thickness of the shell.
    pub thickness: Millimeters,
    /// Volume of the shell's voxels that hold a value.
    pub volume: Milliliters,
    /// Mean over the shell.
    pub mean: f64,
    /// Volume of the inside; 0 where the lesion is thinner than two shells.
    pub inside_volume: Milliliters,
    /// Mean over the inside; `None` where there is none.
    pub inside_mean: Option<f64>,
    /// Shell over inside; `None` without an inside of positive mean.
    pub ratio: Option<f64>,
}

/// Measures shell and inside; `None` where no voxel of the shell holds a value.
///
/// METHOD: a voxel belongs to the shell when its center lies within `thickness` of the nearest voxel center outside the
/// lesion. The border of the image is no surface.
pub fn rim(map: &Volume, lesion: &Mask, thickness: Millimeters) -> Result<Option<Rim>, LesionError> {
    map.grid.same_space(&lesion.grid).map_err(LesionError::space("lesion mask", "map"))?;
    let Some(bounds) = Bounds::around(lesion) else { return Ok(None) };
    // One voxel of margin, so that the surface is seen on every side.
    let edge = lesion.grid.voxel_size().into_iter().fold(0.0, f64::max);
    let below = depth(lesion, bounds.with_margin(edge, &lesion.grid));
    let (mut shell, mut inside) = (Vec::new(), Vec::new());
    for index in lesion.indices() {
        let deep = f64::from(below.at(lesion.grid.voxel(index))) > thickness.0;
        if deep { inside.push(map.data[index]) } else { shell.push(map.data[index]) }
    }
    let voxel = lesion.grid.voxel_volume();
    let volume = |found: &Statistics| Milliliters(found.count as f64 * voxel.0);
    let Some(outer) = Statistics::of(&shell) else { return Ok(None) };
    let inner = Statistics::of(&inside);
    Ok(Some(Rim {
        thickness,
        volume: volume(&outer),
        mean: outer.mean,
        inside_volume: inner.as_ref().map_or(Milliliters(0.0), volume),
        inside_mean: inner.as_ref().map(|inner| inner.mean),
        ratio: inner.filter(|inner| inner.mean > 0.0).map(|inner| outer.mean / inner.mean),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::{Affine, Grid};

    /// A cube of 7 voxels of 2 mm that holds 3 in its outer layer and 1 inside.
    #[test]
    fn the_outer_layer_of_a_cube_is_its_rim() {
        let grid = Grid::from_stored([11, 11, 11], Affine::diagonal([2.0; 3], [0.0; 3])).unwrap();
        let lesion =
            Mask { grid, data: (0..grid.len()).map(|i| grid.voxel(i).iter().all(|x| (2..9).contains(x))).collect() };
        let deep = |index: usize| grid.voxel(index).iter().all(|x| (3..8).contains(x));
        let map = Volume { grid, data: (0..grid.len()).map(|i| if deep(i) { 1.0 } else { 3.0 }).collect() };
        let found = rim(&map, &lesion, Millimeters(2.0)).unwrap().unwrap();
        assert_eq!((found.mean, found.inside_mean, found.ratio), (3.0, Some(1.0), Some(3.0)));
        // 343 - 125 voxels of 8 µL, and 125.
        assert!((found.volume.0 - 218.0 * 0.008).abs() < 1e-12 && (found.inside_volume.0 - 1.0).abs() < 1e-12);
        let all = rim(&map, &lesion, Millimeters(20.0)).unwrap().unwrap();
        assert_eq!((all.inside_mean, all.ratio), (None, None));
        assert_eq!(rim(&map, &Mask::filled(grid, false), Millimeters(2.0)), Ok(None));
    }
}
