//! Where a biopsy would find the most active tissue: the largest cluster of high voxels, away from necrosis (S1: core
//! needles of 16 G or larger, necrotic areas avoided, the path planned by those who do it).

use serde::{Deserialize, Serialize};

use super::error::LesionError;
use super::settings::Settings;
use super::statistics::percentile;
use crate::image::{Mask, Volume};
use crate::region::{Bounds, Connectivity, components_within};
use crate::units::{Milliliters, Millimeters};

/// The most active cluster of a lesion in one map. It describes the map; it is no plan of a needle.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Target {
    /// Scanner coordinates (RAS+ mm) of the cluster's voxel nearest to its center of mass.
    pub position: [f64; 3],
    /// Volume of the cluster.
    pub volume: Milliliters,
    /// Lowest value that belongs to it.
    pub bound: f64,
    /// Mean over it.
    pub mean: f64,
    /// Distance from the position to the nearest voxel of labeled necrosis; `None` where none is labeled.
    pub to_necrosis: Option<Millimeters>,
}

/// Finds the cluster, with its mask; `None` where no voxel of the lesion holds a value.
///
/// METHOD: voxels at or above the `target_percentile` of the lesion, the largest 26-connected cluster of them; of equal
/// ones the first. A single bright voxel is noise as often as tissue, a cluster less so.
pub fn target(
    map: &Volume,
    lesion: &Mask,
    necrosis: Option<&Mask>,
    settings: &Settings,
) -> Result<Option<(Target, Mask)>, LesionError> {
    map.grid.same_space(&lesion.grid).map_err(LesionError::space("lesion mask", "map"))?;
    if let Some(necrosis) = necrosis {
        map.grid.same_space(&necrosis.grid).map_err(LesionError::space("necrosis mask", "map"))?;
    }
    let outside = |index: usize| necrosis.is_none_or(|necrosis| !necrosis.data[index]);
    let mut values: Vec<f64> = lesion
        .indices()
        .filter(|&index| outside(index) && map.data[index].is_finite())
        .map(|index| f64::from(map.data[index]))
        .collect();
    let Some(bounds) = Bounds::around(lesion).filter(|_| !values.is_empty()) else { return Ok(None) };
    values.sort_unstable_by(f64::total_cmp);
    let bound = percentile(&values, settings.target_percentile);
    let high = |index: usize| lesion.data[index] && outside(index) && f64::from(map.data[index]) >= bound;
    let clusters = components_within(bounds, &map.grid, Connectivity::Corners26, high);
    let Some(cluster) = clusters.first() else { return Ok(None) };
    let grid = &map.grid;
    let count = cluster.len() as f64;
    let mut center = [0.0; 3];
    for &index in cluster {
        let position = grid.position(grid.voxel(index));
        for axis in 0..3 {
            center[axis] += position[axis] / count;
        }
    }
    let distance = |a: [f64; 3], b: [f64; 3]| (0..3).map(|axis| (a[axis] - b[axis]).powi(2)).sum::<f64>().sqrt();
    let place = |index: usize| grid.position(grid.voxel(index));
    let Some(position) =
        cluster.iter().map(|&index| place(index)).min_by(|a, b| distance(*a, center).total_cmp(&distance(*b, center)))
    else {
        return Ok(None);
    };
    let to_necrosis = necrosis.and_then(|necrosis| {
        necrosis.indices().map(|index| distance(place(index), position)).reduce(f64::min).map(Millimeters)
    });
    let mut mask = Mask::filled(*grid, false);
    cluster.iter().for_each(|&index| mask.data[index] = true);
    let mean = cluster.iter().map(|&index| f64::from(map.data[index])).sum::<f64>() / count;
    let volume = Milliliters(count * grid.voxel_volume().0);
    Ok(Some((Target { position, volume, bound, mean, to_necrosis }, mask)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::{Affine, Grid};

    /// A row of twenty voxels of 10 mm: one bright voxel at 2, a cluster at 10..15, necrosis at 17.
    #[test]
    fn the_cluster_wins_over_the_brightest_voxel_and_necrosis_is_left_out() {
        let grid = Grid::from_stored([20, 1, 1], Affine::diagonal([10.0; 3], [0.0; 3])).unwrap();
        let value = |x: usize| match x {
            2 | 17 => 9.0,
            10..15 => 5.0,
            _ => 1.0,
        };
        let map = Volume { grid, data: (0..20).map(value).collect() };
        let lesion = Mask::filled(grid, true);
        let necrosis = Mask { grid, data: (0..20).map(|x| x == 17).collect() };
        let settings: Settings = crate::settings::default_section("lesion");
        let (found, mask) = target(&map, &lesion, Some(&necrosis), &settings).unwrap().unwrap();
        assert_eq!(mask.indices().collect::<Vec<_>>(), [10, 11, 12, 13, 14]);
        assert_eq!((found.position[0], found.mean, found.bound), (120.0, 5.0, 5.0));
        assert_eq!(found.to_necrosis, Some(Millimeters(50.0)));
        assert!((found.volume.0 - 5.0).abs() < 1e-12);
        assert_eq!(target(&map, &Mask::filled(grid, false), None, &settings), Ok(None));
    }
}
