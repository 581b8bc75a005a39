//! How the values of a lesion are spread: percentiles and hot spots.
//!
//! Hot spots answer for the place of highest perfusion inside a lesion whose mean is diluted: the mean of the highest
//! twentieth of its voxels, and the highest mean of a cube of 3 x 3 x 3 voxels (a small region of interest that is moved
//! over the lesion). The published cut-offs refer to means over the whole enhancing lesion, not to these.

use serde::{Deserialize, Serialize};

use super::statistics::percentile;
use crate::image::Mask;

/// Percentiles that are given.
const PERCENTILES: [f64; 7] = [5.0, 10.0, 25.0, 50.0, 75.0, 90.0, 95.0];
/// Share of the voxels that the hot spot holds.
const HOT_SHARE: f64 = 0.05;
/// Fewest estimated lesion voxels in a cube of 27: more than half.
const FEWEST_IN_CUBE: usize = 14;
/// Normalized rCBV above which a voxel counts as tumor in Hu et al. (Neuro-Oncology 2012;14:919).
pub const HU_THRESHOLD: f64 = 1.0;

/// The spread of the estimated values of a lesion.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Distribution {
    /// Voxels with a value.
    pub voxels: usize,
    /// Percentile and value, ascending.
    pub percentiles: Vec<(f64, f64)>,
    /// Mean of the highest twentieth of the voxels (at least one).
    pub top_share_mean: f64,
    /// Voxels in it.
    pub top_share_voxels: usize,
    /// Highest mean of a cube of 3 x 3 x 3 voxels, over the lesion voxels in it; `None` where no cube holds 14 of them.
    pub cube_mean: Option<f64>,
    /// Share of the voxels above 1.0 (Hu 2012).
    pub share_above_one: f64,
}

impl Distribution {
    /// The spread of `values`, which follow the order of the mask; `None` where none is estimated.
    pub fn of(values: &[f32], mask: &Mask) -> Option<Self> {
        let finite: Vec<f64> = values.iter().filter(|v| v.is_finite()).map(|&v| f64::from(v)).collect();
        let mut sorted = finite.clone();
        sorted.sort_unstable_by(f64::total_cmp);
        let voxels = sorted.len();
        if voxels == 0 {
            return None;
        }
        let top = ((HOT_SHARE * voxels as f64).ceil() as usize).max(1);
        let hot = &sorted[voxels - top..];
        Some(Self {
            voxels,
            percentiles: PERCENTILES.iter().map(|&percent| (percent, percentile(&sorted, percent))).collect(),
            top_share_mean: hot.iter().sum::<f64>() / top as f64,
            top_share_voxels: top,
            cube_mean: highest_cube(values, mask),
            share_above_one: finite.iter().filter(|&&value| value > HU_THRESHOLD).count() as f64 / voxels as f64,
        })
    }
}

/// The highest mean over a cube of 3 x 3 x 3 voxels centered on a lesion voxel.
fn highest_cube(values: &[f32], mask: &Mask) -> Option<f64> {
    let mut map = std::collections::BTreeMap::new();
    for (index, &value) in mask.indices().zip(values).filter(|(_, value)| value.is_finite()) {
        map.insert(mask.grid.voxel(index).map(|place| place as isize), f64::from(value));
    }
    let mean = |[x, y, z]: [isize; 3]| {
        let (mut sum, mut count) = (0.0, 0usize);
        for k in -1..=1 {
            for j in -1..=1 {
                for i in -1..=1 {
                    if let Some(value) = map.get(&[x + i, y + j, z + k]) {
                        sum += value;
                        count += 1;
                    }
                }
            }
        }
        (count >= FEWEST_IN_CUBE).then(|| sum / count as f64)
    };
    map.keys().filter_map(|&place| mean(place)).reduce(f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::{Affine, Grid};

    fn block() -> Mask {
        let grid = Grid::from_stored([10, 10, 10], Affine::diagonal([2.0; 3], [0.0; 3])).unwrap();
        let inside = |index| grid.voxel(index).iter().all(|&place| (2..8).contains(&place));
        Mask { grid, data: (0..grid.len()).map(inside).collect() }
    }

    #[test]
    fn the_hot_spot_is_the_cube_that_was_put_there() {
        let mask = block();
        let hot = |place: [usize; 3]| place.iter().all(|&at| (4..7).contains(&at));
        let values: Vec<f32> = mask.indices().map(|i| if hot(mask.grid.voxel(i)) { 4.0 } else { 1.0 }).collect();
        let found = Distribution::of(&values, &mask).unwrap();
        assert_eq!(found.voxels, 216);
        assert_eq!(found.cube_mean, Some(4.0));
        // 5 % of 216 are 11 voxels, all of them hot
        assert_eq!((found.top_share_voxels, found.top_share_mean), (11, 4.0));
        assert_eq!(found.share_above_one, 27.0 / 216.0);
        assert_eq!(found.percentiles[3], (50.0, 1.0));
    }

    #[test]
    fn what_is_not_estimated_does_not_count() {
        let mask = block();
        let mut values = vec![f32::NAN; 216];
        (values[0], values[1], values[2]) = (-3.0, 60.0, 0.1);
        let found = Distribution::of(&values, &mask).unwrap();
        assert_eq!(found.voxels, 3);
        assert_eq!(found.cube_mean, None);
        assert_eq!((found.top_share_voxels, found.top_share_mean), (1, 60.0));
        assert_eq!(Distribution::of(&[f32::NAN; 216], &mask), None);
    }
}
