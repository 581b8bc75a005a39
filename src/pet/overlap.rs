//! The PET volume against the MRI lesion: where they agree, and what either sees alone.

use serde::{Deserialize, Serialize};

use crate::image::{Grid, Mask, SpaceDifference, Volume};
use crate::region::{Bounds, Connectivity, components_within, distance_to};
use crate::units::{Milliliters, Millimeters};

/// Two regions on one grid, compared.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
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
        pet.grid.same_space(&mri.grid)?;
        Ok(Self::of_voxels(&pet.indices().collect::<Vec<_>>(), mri))
    }

    /// Compares the uptake in and around an MRI lesion with that lesion; `None` where either is empty.
    ///
    /// METHOD: a biological volume is counted inside the lesion mask, so it can never lie outside an MRI lesion that is
    /// that mask. Here the voxels that reach the same bound are looked for up to `reach` around the MRI lesion (and in
    /// `drawn`, the mask that serves the PET image), those that hang together with it are kept, and voxels of other
    /// lesions are left out. Farther away the same uptake is normal tissue as often as tumor.
    pub fn around(
        image: &Volume,
        mri: &Mask,
        drawn: &Mask,
        others: &[&Mask],
        bound: f64,
        reach: Millimeters,
    ) -> Result<Option<Self>, SpaceDifference> {
        for mask in others.iter().chain([&mri, &drawn]) {
            image.grid.same_space(&mask.grid)?;
        }
        let (Some(lesion), Some(own)) = (Bounds::around(mri), Bounds::around(drawn)) else { return Ok(None) };
        let bounds = Bounds {
            low: std::array::from_fn(|axis| lesion.low[axis].min(own.low[axis])),
            high: std::array::from_fn(|axis| lesion.high[axis].max(own.high[axis])),
        }
        .with_margin(reach.0, &image.grid);
        let distance = distance_to(mri, bounds);
        let near = |index: usize| drawn.data[index] || f64::from(distance.at(image.grid.voxel(index))) <= reach.0;
        let reaches = |index: usize| {
            f64::from(image.data[index]) >= bound && near(index) && !others.iter().any(|other| other.data[index])
        };
        let mut voxels: Vec<usize> = components_within(bounds, &image.grid, Connectivity::Corners26, reaches)
            .into_iter()
            .filter(|piece| piece.iter().any(|&index| mri.data[index] || drawn.data[index]))
            .flatten()
            .collect();
        voxels.sort_unstable();
        Ok(Self::of_voxels(&voxels, mri))
    }

    /// Compares voxels with a lesion on the same grid.
    fn of_voxels(pet: &[usize], mri: &Mask) -> Option<Self> {
        let mri_voxels: Vec<usize> = mri.indices().collect();
        if pet.is_empty() || mri_voxels.is_empty() {
            return None;
        }
        let shared = pet.iter().filter(|&&index| mri.data[index]).count() as f64;
        let (pet_count, mri_count) = (pet.len() as f64, mri_voxels.len() as f64);
        let volume = |count: f64| Milliliters(count * mri.grid.voxel_volume().0);
        let (a, b) = (center(&mri.grid, pet), center(&mri.grid, &mri_voxels));
        Some(Self {
            dice: 2.0 * shared / (pet_count + mri_count),
            shared: volume(shared),
            pet_only: volume(pet_count - shared),
            mri_only: volume(mri_count - shared),
            center_distance: Millimeters((0..3).map(|axis| (a[axis] - b[axis]).powi(2)).sum::<f64>().sqrt()),
        })
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

    /// A row of voxels of 10 mm and 1 mL: the MRI lesion holds 2..5; uptake reaches the bound in 3..7, and in 8, which
    /// does not hang together with it.
    #[test]
    fn uptake_around_the_lesion_is_followed_as_far_as_it_hangs_together_and_no_farther_than_told() {
        let grid = mask(0..0).grid;
        let image = Volume { grid, data: vec![1.0, 1.0, 1.0, 2.0, 2.0, 2.0, 2.0, 1.0, 2.0, 1.0] };
        let around = |reach: f64, others: &[&Mask]| {
            Overlap::around(&image, &mask(2..5), &mask(2..5), others, 1.5, Millimeters(reach)).unwrap().unwrap()
        };
        let all = around(100.0, &[]);
        assert!((all.shared.0 - 2.0).abs() < 1e-12 && (all.pet_only.0 - 2.0).abs() < 1e-12, "{all:?}");
        assert!((all.mri_only.0 - 1.0).abs() < 1e-12 && (all.dice - 4.0 / 7.0).abs() < 1e-12);
        assert!((around(10.0, &[]).pet_only.0 - 1.0).abs() < 1e-12, "voxel 6 lies 20 mm away");
        assert!((around(100.0, &[&mask(5..6)]).pet_only.0).abs() < 1e-12, "another lesion keeps its own");
        let drawn = Overlap::around(&image, &mask(2..5), &mask(7..10), &[], 1.5, Millimeters(0.0)).unwrap().unwrap();
        assert!((drawn.pet_only.0 - 1.0).abs() < 1e-12, "the mask on the PET image is looked into");
        let nothing = Overlap::around(&image, &mask(2..5), &mask(2..5), &[], 3.0, Millimeters(5.0));
        assert_eq!(nothing, Ok(None));
    }

    #[test]
    fn an_empty_region_cannot_be_compared() {
        assert_eq!(Overlap::of(&mask(0..0), &mask(0..3)), Ok(None));
        assert_eq!(Overlap::of(&mask(0..3), &mask(0..0)), Ok(None));
    }
}
