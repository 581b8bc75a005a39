//! A plane between left and right: distances, sides and mirror images in scanner millimeters (RAS+).

use super::error::RegionError;
use super::settings::Settings;
use crate::image::{Affine, Grid, Mask};
use crate::units::{Degrees, Milliliters};

closed_words! {
    /// A side of the patient.
    pub enum Side: "side" {
        /// The patient's left.
        Left = "left",
        /// The patient's right.
        Right = "right",
    }
}

impl Side {
    /// The other side.
    pub fn opposite(self) -> Self {
        match self {
            Self::Left => Self::Right,
            Self::Right => Self::Left,
        }
    }

    /// +1 on the right, -1 on the left: the sign of a [`Plane::distance`] on that side.
    pub fn sign(self) -> f64 {
        match self {
            Self::Left => -1.0,
            Self::Right => 1.0,
        }
    }
}

/// A plane whose unit normal points to the patient's right: `normal · p = offset`.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Plane {
    normal: [f64; 3],
    offset: f64,
}

impl Plane {
    /// The plane through a point, turned from the sagittal plane: `yaw` about the inferior-superior axis (positive:
    /// the normal turns to anterior), `roll` about the posterior-anterior axis (positive: the normal turns to superior).
    pub fn turned(point: [f64; 3], yaw: Degrees, roll: Degrees) -> Self {
        let (yaw, roll) = (yaw.0.to_radians(), roll.0.to_radians());
        let normal = [yaw.cos() * roll.cos(), yaw.sin() * roll.cos(), roll.sin()];
        Self { normal, offset: dot(normal, point) }
    }

    /// The sagittal plane at `x` mm.
    pub fn sagittal(x: f64) -> Self {
        Self { normal: [1.0, 0.0, 0.0], offset: x }
    }

    /// The unit normal, to the patient's right.
    pub fn normal(&self) -> [f64; 3] {
        self.normal
    }

    /// Signed distance of a point, mm; positive on the patient's right.
    pub fn distance(&self, point: [f64; 3]) -> f64 {
        dot(self.normal, point) - self.offset
    }

    /// The side a point lies on; a point of the plane counts as right.
    pub fn side(&self, point: [f64; 3]) -> Side {
        if self.distance(point) < 0.0 { Side::Left } else { Side::Right }
    }

    /// The mirror image of a point.
    pub fn mirror(&self, point: [f64; 3]) -> [f64; 3] {
        let twice = 2.0 * self.distance(point);
        std::array::from_fn(|k| point[k] - twice * self.normal[k])
    }

    /// The reflection as a map of points.
    pub fn reflection(&self) -> Affine {
        let n = self.normal;
        Affine(std::array::from_fn(|row| {
            std::array::from_fn(|column| {
                if column == 3 {
                    2.0 * self.offset * n[row]
                } else {
                    f64::from(u8::from(row == column)) - 2.0 * n[row] * n[column]
                }
            })
        }))
    }

    /// Rotation about the inferior-superior axis.
    pub fn yaw(&self) -> Degrees {
        Degrees(self.normal[1].atan2(self.normal[0]).to_degrees())
    }

    /// Rotation about the posterior-anterior axis.
    pub fn roll(&self) -> Degrees {
        Degrees(self.normal[2].clamp(-1.0, 1.0).asin().to_degrees())
    }

    /// The signed distance as a function of voxel indices.
    pub(super) fn on(&self, grid: &Grid) -> impl Fn([usize; 3]) -> f64 + use<> {
        let m = grid.affine().0;
        let slope: [f64; 3] = std::array::from_fn(|axis| (0..3).map(|row| self.normal[row] * m[row][axis]).sum());
        let start = (0..3).map(|row| self.normal[row] * m[row][3]).sum::<f64>() - self.offset;
        move |voxel| start + (0..3).map(|axis| slope[axis] * voxel[axis] as f64).sum::<f64>()
    }
}

fn dot(a: [f64; 3], b: [f64; 3]) -> f64 {
    (0..3).map(|k| a[k] * b[k]).sum()
}

/// Volume of a mask on the left and on the right of a plane.
pub fn volume_by_side(mask: &Mask, plane: &Plane) -> [(Side, Milliliters); 2] {
    let distance = plane.on(&mask.grid);
    let left = mask.indices().filter(|&index| distance(mask.grid.voxel(index)) < 0.0).count() as f64;
    let voxel = mask.grid.voxel_volume().0;
    [(Side::Left, Milliliters(left * voxel)), (Side::Right, Milliliters((mask.count() as f64 - left) * voxel))]
}

/// The side with less lesion; the left where both hold the same.
pub(super) fn healthier_side(lesions: &Mask, plane: &Plane) -> Result<Side, RegionError> {
    let [(_, left), (_, right)] = volume_by_side(lesions, plane);
    if left.0 + right.0 == 0.0 {
        return Err(RegionError::EmptyMask { mask: "lesion" });
    }
    Ok(if left.0 <= right.0 { Side::Left } else { Side::Right })
}

/// Whether a lesion reaches past the plane, by more than the tolerance on both sides: its mirror image then overlaps it.
pub fn crosses_midline(lesion: &Mask, plane: &Plane, settings: &Settings) -> bool {
    let distance = plane.on(&lesion.grid);
    let (mut left, mut right) = (0.0_f64, 0.0_f64);
    for index in lesion.indices() {
        let d = distance(lesion.grid.voxel(index));
        left = left.max(-d);
        right = right.max(d);
    }
    left.min(right) > settings.midline_tolerance_mm
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{centered_grid, mask_where};
    use super::*;

    #[test]
    fn the_right_of_the_patient_has_positive_x() {
        let plane = Plane::sagittal(2.0);
        assert_eq!(plane.side([5.0, 0.0, 0.0]), Side::Right);
        assert_eq!(plane.side([1.0, 0.0, 0.0]), Side::Left);
        assert_eq!(plane.distance([5.0, 7.0, 9.0]), 3.0);
    }

    #[test]
    fn mirroring_twice_gives_the_point_back() {
        let plane = Plane::turned([3.0, -20.0, 8.0], Degrees(7.0), Degrees(-4.0));
        let point = [31.0, 12.0, -5.0];
        let image = plane.mirror(point);
        let again = plane.mirror(image);
        assert!((plane.distance(image) + plane.distance(point)).abs() < 1e-12);
        assert!((0..3).all(|k| (again[k] - point[k]).abs() < 1e-12));
        let mapped = plane.reflection().apply(point);
        assert!((0..3).all(|k| (mapped[k] - image[k]).abs() < 1e-12));
    }

    #[test]
    fn yaw_and_roll_read_back() {
        let plane = Plane::turned([0.0; 3], Degrees(11.0), Degrees(-6.0));
        assert!((plane.yaw().0 - 11.0).abs() < 1e-12 && (plane.roll().0 + 6.0).abs() < 1e-12);
    }

    #[test]
    fn distance_on_a_grid_agrees_with_positions() {
        let grid = centered_grid([6, 5, 4], [2.0, 3.0, 5.0]);
        let plane = Plane::turned([1.0, 2.0, 3.0], Degrees(5.0), Degrees(9.0));
        let on = plane.on(&grid);
        for voxel in [[0, 0, 0], [5, 4, 3], [2, 1, 3]] {
            assert!((on(voxel) - plane.distance(grid.position(voxel))).abs() < 1e-12);
        }
    }

    #[test]
    fn a_lesion_crosses_only_past_the_tolerance() {
        let settings: Settings = crate::settings::default_section("region");
        let grid = centered_grid([40, 10, 10], [1.0; 3]);
        let plane = Plane::sagittal(0.0);
        let from = |x: f64| mask_where(grid, move |p| p[0] > x && p[0] < 12.0);
        assert!(!crosses_midline(&from(-settings.midline_tolerance_mm), &plane, &settings));
        assert!(crosses_midline(&from(-settings.midline_tolerance_mm - 1.0), &plane, &settings));
        let [(_, left), (_, right)] = volume_by_side(&from(-4.0), &plane);
        assert!((left.0 - 0.4).abs() < 1e-12 && (right.0 - 1.2).abs() < 1e-12, "{left} {right}");
    }
}
