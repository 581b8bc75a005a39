//! The PET volume against the MRI lesion: where they agree, and what either sees alone.

use serde::Serialize;

use crate::image::{Grid, Mask, SpaceDifference};
use crate::units::{Milliliters, Millimeters};

/// Two regions on one grid, compared.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Overlap {
    /// Dice coefficient: twice the shared volume over the sum of both.
    pub dice: f64,
    /// In both.
    pub shared: Milliliters,
    /// In the PET volume only.
    pub pet_only: Milliliters,
    /// In the MRI lesion only.
    pub mri_only: Milliliters,
    /// Distance between the centers of mass.
    pub center_distance: Millimeters,
}

impl Overlap {
    /// Compares a PET volume with an MRI lesion; `None` where either is empty.
    pub fn of(pet: &Mask, mri: &Mask) -> Result<Option<Self>, SpaceDifference> {
        let shared = pet.and(mri)?.count() as f64;
        let (pet_voxels, mri_voxels): (Vec<usize>, Vec<usize>) = (pet.indices().collect(), mri.indices().collect());
        if pet_voxels.is_empty() || mri_voxels.is_empty() {
            return Ok(None);
        }
        let (pet_count, mri_count) = (pet_voxels.len() as f64, mri_voxels.len() as f64);
        let volume = |count: f64| Milliliters(count * pet.grid.voxel_volume().0);
        let (a, b) = (center(&pet.grid, &pet_voxels), center(&mri.grid, &mri_voxels));
        Ok(Some(Self {
            dice: 2.0 * shared / (pet_count + mri_count),
            shared: volume(shared),
            pet_only: volume(pet_count - shared),
            mri_only: volume(mri_count - shared),
            center_distance: Millimeters((0..3).map(|axis| (a[axis] - b[axis]).powi(2)).sum::<f64>().sqrt()),
        }))
    }
}

/// Center of mass in scanner coordinates, mm.
fn center(grid: &Grid, voxels: &[usize]) -> [f64; 3] {
    let mut sum = [0.0; 3];
    for &index in voxels {
        let voxel = grid.voxel(index);
        for axis in 0..3 {
            sum[axis] += voxel[axis] as f64;
        }
    }
    grid.affine().apply(sum.map(|sum| sum / voxels.len() as f64))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::Affine;

    fn mask(inside: std::ops::Range<usize>) -> Mask {
        let grid = Grid::from_stored([10, 1, 1], Affine::diagonal([10.0; 3], [0.0; 3])).unwrap();
        Mask { grid, data: (0..10).map(|x| inside.contains(&x)).collect() }
    }

    #[test]
    fn four_and_four_milliliters_that_share_two() {
        let overlap = Overlap::of(&mask(0..4), &mask(2..6)).unwrap().unwrap();
        assert!((overlap.dice - 0.5).abs() < 1e-15);
        assert!((overlap.shared.0 - 2.0).abs() < 1e-12);
        assert!((overlap.pet_only.0 - 2.0).abs() < 1e-12 && (overlap.mri_only.0 - 2.0).abs() < 1e-12);
        assert!((overlap.center_distance.0 - 20.0).abs() < 1e-12);
    }

    #[test]
    fn what_one_sees_alone_is_not_what_the_other_does() {
        let overlap = Overlap::of(&mask(0..5), &mask(4..6)).unwrap().unwrap();
        assert!((overlap.pet_only.0 - 4.0).abs() < 1e-12 && (overlap.mri_only.0 - 1.0).abs() < 1e-12);
    }

    #[test]
    fn an_empty_region_cannot_be_compared() {
        assert_eq!(Overlap::of(&mask(0..0), &mask(0..3)), Ok(None));
        assert_eq!(Overlap::of(&mask(0..3), &mask(0..0)), Ok(None));
    }
}
