//! Volumes, masks and label maps: values that know their place in space.

use std::collections::BTreeMap;

use ndarray::{ArrayView3, ShapeBuilder};

use super::grid::{Grid, SpaceDifference};
use crate::units::Milliliters;

/// A three-dimensional image in canonical order; NaN is *not estimated*, zero is a measurement.
#[derive(Debug, Clone, PartialEq)]
pub struct Volume {
    /// Where the voxels stand.
    pub grid: Grid,
    /// One value per voxel, first axis fastest.
    pub data: Vec<f32>,
}

impl Volume {
    /// A volume of one value.
    pub fn filled(grid: Grid, value: f32) -> Self {
        Self { grid, data: vec![value; grid.len()] }
    }

    /// Values on the voxels of a mask, NaN elsewhere. `values` follow the mask's order.
    pub fn from_masked(mask: &Mask, values: &[f32]) -> Self {
        let mut volume = Self::filled(mask.grid, f32::NAN);
        for (index, &value) in mask.indices().zip(values) {
            volume.data[index] = value;
        }
        volume
    }

    /// As an array with axes (x, y, z).
    pub fn view(&self) -> ArrayView3<'_, f32> {
        let [nx, ny, nz] = self.grid.shape();
        ArrayView3::from_shape((nx, ny, nz).f(), &self.data).expect("a volume holds one value per voxel of its grid")
    }

    /// Values inside a mask on the same grid, in the mask's order.
    pub fn values_in(&self, mask: &Mask) -> Result<Vec<f32>, SpaceDifference> {
        self.grid.same_space(&mask.grid)?;
        Ok(mask.indices().map(|index| self.data[index]).collect())
    }
}

/// A region: true where a voxel belongs to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mask {
    /// Where the voxels stand.
    pub grid: Grid,
    /// One flag per voxel, first axis fastest.
    pub data: Vec<bool>,
}

impl Eq for Grid {}

impl Mask {
    /// A mask of one value.
    pub fn filled(grid: Grid, value: bool) -> Self {
        Self { grid, data: vec![value; grid.len()] }
    }

    /// The same region on another grid of the same shape: one that remembers another storage, say.
    pub fn on_grid(&self, grid: Grid) -> Self {
        let mut mask = Self::filled(grid, false);
        // Most pages of a lesion's mask are never written, and so cost neither time nor memory.
        self.indices().for_each(|index| mask.data[index] = true);
        mask
    }

    /// Linear indices of its voxels, ascending. Stretches without any are passed over at the speed of memory.
    pub fn indices(&self) -> impl Iterator<Item = usize> + '_ {
        let occupied = |(_, voxels): &(usize, &[bool])| any(voxels);
        self.data.chunks(STRETCH).enumerate().filter(occupied).flat_map(|(stretch, voxels)| {
            voxels.iter().enumerate().filter_map(move |(i, &inside)| inside.then_some(stretch * STRETCH + i))
        })
    }

    /// Number of voxels inside.
    pub fn count(&self) -> usize {
        let count = |voxels: &[bool]| voxels.iter().map(|&inside| u8::from(inside)).sum::<u8>();
        self.data.chunks(STRETCH).map(|voxels| usize::from(count(voxels))).sum()
    }

    /// Volume: voxel count times voxel volume.
    pub fn volume(&self) -> Milliliters {
        Milliliters(self.count() as f64 * self.grid.voxel_volume().0)
    }

    /// Voxels in both masks, which must share a grid.
    pub fn and(&self, other: &Self) -> Result<Self, SpaceDifference> {
        self.combine(other, |a, b| a && b)
    }

    /// Voxels in this mask and not in the other, which must share a grid.
    pub fn and_not(&self, other: &Self) -> Result<Self, SpaceDifference> {
        self.combine(other, |a, b| a && !b)
    }

    /// Voxels in either mask, which must share a grid.
    pub fn or(&self, other: &Self) -> Result<Self, SpaceDifference> {
        self.combine(other, |a, b| a || b)
    }

    fn combine(&self, other: &Self, keep: impl Fn(bool, bool) -> bool) -> Result<Self, SpaceDifference> {
        self.grid.same_space(&other.grid)?;
        let data = self.data.iter().zip(&other.data).map(|(&a, &b)| keep(a, b)).collect();
        Ok(Self { grid: self.grid, data })
    }
}

/// Voxels that are looked at together: the count of a stretch fits into a byte.
const STRETCH: usize = 128;

/// Whether a voxel is inside; looks at all of them, which is faster than to stop at the first.
pub(crate) fn any(voxels: &[bool]) -> bool {
    voxels.iter().fold(false, |any, &inside| any | inside)
}

/// A label map: 0 is background.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Labels {
    /// Where the voxels stand.
    pub grid: Grid,
    /// One label per voxel, first axis fastest.
    pub data: Vec<u32>,
}

impl Labels {
    /// The labels that occur, ascending, without background.
    pub fn present(&self) -> Vec<u32> {
        let mut labels: Vec<u32> = Vec::new();
        let mut last = 0;
        let occupied = |stretch: &&[u32]| stretch.iter().fold(0, |any, &label| any | label) != 0;
        for &label in self.data.chunks(STRETCH).filter(occupied).flatten() {
            if label != 0 && label != last {
                if let Err(at) = labels.binary_search(&label) {
                    labels.insert(at, label);
                }
                last = label;
            }
        }
        labels
    }

    /// The region of each label that occurs, without background, in one pass.
    pub fn regions(&self) -> BTreeMap<u32, Mask> {
        let mut regions: BTreeMap<u32, Mask> = BTreeMap::new();
        let occupied = |(_, stretch): &(usize, &[u32])| stretch.iter().fold(0, |any, &label| any | label) != 0;
        for (stretch, labels) in self.data.chunks(STRETCH).enumerate().filter(occupied) {
            let mut rest = labels.iter().enumerate().filter(|(_, label)| **label != 0).peekable();
            // Voxels of one label stand together: each run looks its region up once.
            while let Some((first, &label)) = rest.next() {
                let region = regions.entry(label).or_insert_with(|| Mask::filled(self.grid, false));
                region.data[stretch * STRETCH + first] = true;
                while let Some((next, _)) = rest.next_if(|(_, other)| **other == label) {
                    region.data[stretch * STRETCH + next] = true;
                }
            }
        }
        regions
    }

    /// The region of one label.
    pub fn mask(&self, label: u32) -> Mask {
        let mut mask = Mask::filled(self.grid, false);
        for (inside, labels) in mask.data.chunks_mut(STRETCH).zip(self.data.chunks(STRETCH)) {
            // Most pages of a lesion's mask are never written, and so cost neither time nor memory.
            if labels.iter().fold(false, |any, &found| any | (found == label)) {
                for (inside, &found) in inside.iter_mut().zip(labels) {
                    *inside = found == label;
                }
            }
        }
        mask
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::Affine;

    fn grid() -> Grid {
        Grid::from_stored([2, 3, 4], Affine::diagonal([1.0, 2.0, 5.0], [0.0; 3])).unwrap()
    }

    #[test]
    fn voxels_are_found_across_stretches() {
        let grid = Grid::from_stored([1000, 1, 1], Affine::diagonal([1.0; 3], [0.0; 3])).unwrap();
        let inside = [0, 127, 128, 500, 999];
        let mut labels = Labels { grid, data: vec![0; 1000] };
        inside.iter().for_each(|&index| labels.data[index] = 7);
        labels.data[501] = 3;
        let mask = labels.mask(7);
        assert_eq!((mask.indices().collect::<Vec<_>>(), mask.count()), (inside.to_vec(), 5));
        assert_eq!(mask.on_grid(grid), mask);
        assert_eq!(labels.present(), [3, 7]);
        let regions = labels.regions();
        assert_eq!((&regions[&7], &regions[&3]), (&mask, &labels.mask(3)));
        assert_eq!(Mask::filled(grid, true).count(), 1000);
        assert_eq!(Mask::filled(grid, false).indices().next(), None);
    }

    #[test]
    fn the_array_view_agrees_with_linear_indices() {
        let grid = grid();
        let volume = Volume { grid, data: (0..24).map(|i| i as f32).collect() };
        assert_eq!(volume.view()[[1, 2, 3]], volume.data[grid.index([1, 2, 3])]);
        assert_eq!(grid.voxel(23), [1, 2, 3]);
    }

    #[test]
    fn volume_is_count_times_voxel_volume() {
        let mut mask = Mask::filled(grid(), false);
        mask.data[3] = true;
        mask.data[9] = true;
        assert!((mask.volume().0 - 0.02).abs() < 1e-15);
    }

    #[test]
    fn labels_are_listed_once_in_order() {
        let mut labels = Labels { grid: grid(), data: vec![0; 24] };
        labels.data[5] = 7;
        labels.data[6] = 2;
        labels.data[9] = 7;
        assert_eq!(labels.present(), [2, 7]);
        assert_eq!(labels.mask(7).indices().collect::<Vec<_>>(), [5, 9]);
    }
}
