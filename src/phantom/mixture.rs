//! Partial volume: which tissues fill a voxel, and by how much.

use super::head::{Anatomy, Tissue};
use crate::image::Grid;

/// Points along each edge of a voxel at which the anatomy is asked.
const POINTS: usize = 3;

/// The tissues of one voxel with their shares, which add up to 1; in the order in which they are met.
pub(super) fn mixture(anatomy: &dyn Anatomy, grid: &Grid, index: usize) -> Vec<(Tissue, f64)> {
    let corner = |point: usize| (point as f64 + 0.5) / POINTS as f64 - 0.5;
    let voxel = grid.voxel(index).map(|i| i as f64);
    let mut counts: Vec<(Tissue, usize)> = Vec::with_capacity(4);
    for point in 0..POINTS.pow(3) {
        let [a, b, c] = [point % POINTS, point / POINTS % POINTS, point / POINTS.pow(2)].map(corner);
        let tissue = anatomy.tissue(grid.affine().apply([voxel[0] + a, voxel[1] + b, voxel[2] + c]));
        match counts.iter_mut().find(|(known, _)| *known == tissue) {
            Some((_, count)) => *count += 1,
            None => counts.push((tissue, 1)),
        }
    }
    counts.into_iter().map(|(tissue, count)| (tissue, count as f64 / POINTS.pow(3) as f64)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::Affine;

    /// White matter to the right of x = 0, fluid to the left.
    struct Halves;

    impl Anatomy for Halves {
        fn tissue(&self, position: [f64; 3]) -> Tissue {
            if position[0] > 0.0 { Tissue::WhiteMatter } else { Tissue::Csf }
        }

        fn brain_depth(&self, _: [f64; 3]) -> Option<(f64, bool)> {
            None
        }

        fn middle(&self) -> [f64; 2] {
            [0.0; 2]
        }

        fn fills_with_artery(&self, _: [f64; 3]) -> bool {
            false
        }
    }

    #[test]
    fn a_voxel_across_a_border_is_shared() {
        // Points at x = -1.2, 0.8, 2.8 (voxel of 6 mm around 0.8): one of three in fluid.
        let grid = Grid::from_stored([1, 1, 1], Affine::diagonal([6.0; 3], [0.8, 0.0, 0.0])).unwrap();
        assert_eq!(mixture(&Halves, &grid, 0), [(Tissue::Csf, 9.0 / 27.0), (Tissue::WhiteMatter, 18.0 / 27.0)]);
    }
}
