//! The mirror image of a mask in a plane.

use super::morphology::Bounds;
use super::plane::Plane;
use crate::image::Mask;

/// The mirror image of a mask in a plane, on the same grid: nearest voxel, by scanner coordinates.
///
/// Each voxel asks where it comes from, so that the image has no holes. What would fall outside the grid is lost.
pub fn mirrored(mask: &Mask, plane: &Plane) -> Mask {
    let grid = mask.grid;
    let mut out = Mask::filled(grid, false);
    let Some(bounds) = Bounds::around(mask) else { return out };
    let inverse = grid.affine().inverse().expect("a grid has an invertible affine: Grid::from_stored checks it");
    // A reflection is its own inverse: the same map gives the source of a voxel and the image of the bounding box.
    let map = inverse.after(&plane.reflection()).after(grid.affine());
    let target = image_of(&bounds, &map, grid.shape());
    let [nx, ny, nz] = grid.shape();
    let source = |at: f64, n: usize| {
        let nearest = at.round();
        (nearest >= 0.0 && nearest < n as f64).then_some(nearest as usize)
    };
    for (start, [x, y, z]) in target.rows(&grid) {
        for (step, flag) in out.data[start..start + target.shape()[0]].iter_mut().enumerate() {
            let [sx, sy, sz] = map.apply([(x + step) as f64, y as f64, z as f64]);
            if let (Some(sx), Some(sy), Some(sz)) = (source(sx, nx), source(sy, ny), source(sz, nz)) {
                *flag = mask.data[sx + nx * (sy + ny * sz)];
            }
        }
    }
    out
}

/// The box around the image of a box, one voxel wider, cut at the border of the grid.
fn image_of(bounds: &Bounds, map: &crate::image::Affine, shape: [usize; 3]) -> Bounds {
    let (mut low, mut high) = ([f64::INFINITY; 3], [f64::NEG_INFINITY; 3]);
    for corner in 0..8 {
        let voxel =
            std::array::from_fn(
                |k| if corner >> k & 1 == 1 { bounds.high[k] as f64 } else { bounds.low[k] as f64 - 1.0 },
            );
        let image = map.apply(voxel);
        for axis in 0..3 {
            low[axis] = low[axis].min(image[axis]);
            high[axis] = high[axis].max(image[axis]);
        }
    }
    let cut = |value: f64, n: usize| value.clamp(0.0, n as f64) as usize;
    let low: [usize; 3] = std::array::from_fn(|axis| cut(low[axis].floor() - 1.0, shape[axis]));
    Bounds { low, high: std::array::from_fn(|axis| cut(high[axis].ceil() + 2.0, shape[axis]).max(low[axis])) }
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{centered_grid, mask_where};
    use super::*;
    use crate::image::{Affine, Grid};
    use crate::units::Degrees;

    #[test]
    fn a_box_mirrored_in_the_middle_of_the_grid_changes_sides() {
        let grid = centered_grid([20, 10, 6], [2.0, 2.0, 4.0]);
        let right = mask_where(grid, |p| (5.0..13.0).contains(&p[0]) && p[1] > 2.0);
        let left = mask_where(grid, |p| (5.0..13.0).contains(&-p[0]) && p[1] > 2.0);
        assert_eq!(mirrored(&right, &Plane::sagittal(0.0)), left);
        assert_eq!(mirrored(&left, &Plane::sagittal(0.0)), right);
    }

    #[test]
    fn a_ball_mirrored_in_a_turned_plane_is_the_ball_about_the_mirrored_center() {
        let grid = Grid::from_stored(
            [60, 60, 30],
            Affine([[1.9, 0.3, 0.0, -60.0], [-0.3, 1.9, 0.1, -55.0], [0.0, -0.1, 4.0, -60.0]]),
        )
        .unwrap();
        let plane = Plane::turned([3.0, 0.0, 0.0], Degrees(8.0), Degrees(-5.0));
        let ball = |center: [f64; 3], radius: f64| {
            mask_where(grid, move |p| (0..3).map(|k| (p[k] - center[k]).powi(2)).sum::<f64>() <= radius * radius)
        };
        let center = [32.0, 6.0, 4.0];
        let image = mirrored(&ball(center, 12.0), &plane);
        let half_diagonal = 0.5 * (1.92_f64.powi(2) * 2.0 + 4.0_f64.powi(2)).sqrt();
        let there = plane.mirror(center);
        assert_eq!(ball(there, 12.0 - half_diagonal).and_not(&image).unwrap().count(), 0);
        assert_eq!(image.and_not(&ball(there, 12.0 + half_diagonal)).unwrap().count(), 0);
        assert!(ball(there, 12.0 - half_diagonal).count() > 50);
    }

    #[test]
    fn what_leaves_the_grid_is_lost() {
        let grid = centered_grid([10, 4, 4], [1.0; 3]);
        let right = mask_where(grid, |p| p[0] > 3.0);
        assert_eq!(mirrored(&right, &Plane::sagittal(-3.0)).count(), 0);
        assert_eq!(mirrored(&Mask::filled(grid, false), &Plane::sagittal(0.0)).count(), 0);
    }
}
