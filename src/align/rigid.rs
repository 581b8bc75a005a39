//! A rigid transform: rotation and translation in scanner coordinates (RAS+ mm), and how far it moves a head.

use serde::{Deserialize, Serialize};

use crate::image::Affine;

/// Radius of the sphere over which a displacement is averaged, mm: a head (Jenkinson, FMRIB report TR99MJ1).
const HEAD_RADIUS: f64 = 80.0;

/// `p ↦ R p + t`, with R a rotation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rigid {
    rotation: [[f64; 3]; 3],
    translation: [f64; 3],
}

/// A rigid transform as six numbers about a center `c`: `p ↦ R(p - c) + c + t`, `R = Rz Ry Rx`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Pose {
    /// Translation of the center to the right, to the front and up, mm.
    pub translation_mm: [f64; 3],
    /// Rotation about the axes to the right, to the front and up, degrees, right-handed.
    pub rotation_deg: [f64; 3],
}

impl Pose {
    /// No motion.
    pub const REST: Self = Self { translation_mm: [0.0; 3], rotation_deg: [0.0; 3] };
}

impl Rigid {
    /// Leaves every point where it is.
    pub const IDENTITY: Self =
        Self { rotation: [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]], translation: [0.0; 3] };

    /// From six numbers about a center.
    pub fn from_pose(pose: &Pose, center: [f64; 3]) -> Self {
        let [(sx, cx), (sy, cy), (sz, cz)] = pose.rotation_deg.map(|angle| angle.to_radians().sin_cos());
        let rotation = [
            [cz * cy, cz * sy * sx - sz * cx, cz * sy * cx + sz * sx],
            [sz * cy, sz * sy * sx + cz * cx, sz * sy * cx - cz * sx],
            [-sy, cy * sx, cy * cx],
        ];
        let turned = turn(&rotation, center);
        Self { rotation, translation: std::array::from_fn(|k| center[k] - turned[k] + pose.translation_mm[k]) }
    }

    /// As six numbers about a center. At a pitch of 90 degrees about the front axis roll and yaw are one; the yaw is
    /// then 0.
    pub fn pose(&self, center: [f64; 3]) -> Pose {
        let r = &self.rotation;
        let pitch = (-r[2][0]).clamp(-1.0, 1.0).asin();
        let (x, z) = if pitch.cos() > 1e-9 {
            (r[2][1].atan2(r[2][2]), r[1][0].atan2(r[0][0]))
        } else {
            ((-r[1][2]).atan2(r[1][1]), 0.0)
        };
        let moved = self.apply(center);
        Pose {
            translation_mm: std::array::from_fn(|k| moved[k] - center[k]),
            rotation_deg: [x.to_degrees(), pitch.to_degrees(), z.to_degrees()],
        }
    }

    /// From a matrix; `None` where it is not rigid: a scale, shear or reflection above one in a thousand.
    pub fn from_affine(affine: &Affine) -> Option<Self> {
        const TOLERANCE: f64 = 1e-3;
        let m = &affine.0;
        let product = |a: usize, b: usize| (0..3).map(|k| m[a][k] * m[b][k]).sum::<f64>();
        let orthonormal =
            (0..3).all(|a| (0..3).all(|b| (product(a, b) - f64::from(u8::from(a == b))).abs() < TOLERANCE));
        let finite = m.iter().flatten().all(|value| value.is_finite());
        (finite && orthonormal && affine.determinant() > 0.0).then(|| Self {
            rotation: std::array::from_fn(|row| [m[row][0], m[row][1], m[row][2]]),
            translation: std::array::from_fn(|row| m[row][3]),
        })
    }

    /// As a matrix.
    pub fn affine(&self) -> Affine {
        let (r, t) = (&self.rotation, &self.translation);
        Affine(std::array::from_fn(|row| [r[row][0], r[row][1], r[row][2], t[row]]))
    }

    /// The image of a point, mm.
    pub fn apply(&self, point: [f64; 3]) -> [f64; 3] {
        let turned = turn(&self.rotation, point);
        std::array::from_fn(|k| turned[k] + self.translation[k])
    }

    /// The rotation alone.
    pub fn turn(&self, direction: [f64; 3]) -> [f64; 3] {
        turn(&self.rotation, direction)
    }

    /// The way back.
    pub fn inverse(&self) -> Self {
        let rotation: [[f64; 3]; 3] = std::array::from_fn(|row| std::array::from_fn(|k| self.rotation[k][row]));
        let turned = turn(&rotation, self.translation);
        Self { rotation, translation: turned.map(|t| -t) }
    }

    /// `self` after `inner`.
    pub fn after(&self, inner: &Self) -> Self {
        let columns: [[f64; 3]; 3] =
            std::array::from_fn(|k| turn(&self.rotation, std::array::from_fn(|row| inner.rotation[row][k])));
        Self {
            rotation: std::array::from_fn(|row| std::array::from_fn(|k| columns[k][row])),
            translation: self.apply(inner.translation),
        }
    }

    /// Moved on by a small step: a rotation by the vector `step[3..]` (radians) about `pivot`, then a translation by
    /// `step[..3]` (mm).
    pub(super) fn stepped(&self, step: &[f64; 6], pivot: [f64; 3]) -> Self {
        let rotation = rotation_about([step[3], step[4], step[5]]);
        let turned = turn(&rotation, pivot);
        let translation = std::array::from_fn(|k| pivot[k] - turned[k] + step[k]);
        Self { rotation, translation }.after(self)
    }

    /// Root mean square displacement of the points of a head (a sphere of 80 mm) about `center`, mm:
    /// `√(r²/5 tr(AᵀA) + |t + A c|²)` with `A = R - 1` (Jenkinson, FMRIB report TR99MJ1, equation 12).
    pub fn displacement(&self, center: [f64; 3]) -> f64 {
        let mut squares = 0.0;
        for row in 0..3 {
            for column in 0..3 {
                let one = f64::from(u8::from(row == column));
                squares += (self.rotation[row][column] - one).powi(2);
            }
        }
        let moved = self.apply(center);
        let shift: f64 = (0..3).map(|k| (moved[k] - center[k]).powi(2)).sum();
        (HEAD_RADIUS * HEAD_RADIUS / 5.0 * squares + shift).sqrt()
    }
}

fn turn(rotation: &[[f64; 3]; 3], v: [f64; 3]) -> [f64; 3] {
    std::array::from_fn(|row| rotation[row][0] * v[0] + rotation[row][1] * v[1] + rotation[row][2] * v[2])
}

/// The rotation by `|w|` radians about the axis `w` (Rodrigues).
fn rotation_about(w: [f64; 3]) -> [[f64; 3]; 3] {
    let angle = w.iter().map(|x| x * x).sum::<f64>().sqrt();
    // sin(x)/x and (1 - cos x)/x², by their series where the quotients lose digits
    let (a, b) = if angle < 1e-4 {
        (1.0 - angle * angle / 6.0, 0.5 - angle * angle / 24.0)
    } else {
        (angle.sin() / angle, (1.0 - angle.cos()) / (angle * angle))
    };
    let cross = [[0.0, -w[2], w[1]], [w[2], 0.0, -w[0]], [-w[1], w[0], 0.0]];
    std::array::from_fn(|row| {
        std::array::from_fn(|column| {
            let twice: f64 = (0..3).map(|k| cross[row][k] * cross[k][column]).sum();
            f64::from(u8::from(row == column)) + a * cross[row][column] + b * twice
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const POSE: Pose = Pose { translation_mm: [1.5, -2.0, 0.5], rotation_deg: [3.0, -4.0, 10.0] };
    const CENTER: [f64; 3] = [10.0, -20.0, 30.0];

    fn near(a: [f64; 3], b: [f64; 3]) -> bool {
        (0..3).all(|k| (a[k] - b[k]).abs() < 1e-12 * 100.0)
    }

    #[test]
    fn six_numbers_come_back() {
        let pose = Rigid::from_pose(&POSE, CENTER).pose(CENTER);
        assert!(near(pose.translation_mm, POSE.translation_mm) && near(pose.rotation_deg, POSE.rotation_deg));
    }

    #[test]
    fn a_quarter_turn_about_the_upward_axis_takes_right_to_front() {
        let quarter = Pose { rotation_deg: [0.0, 0.0, 90.0], ..Pose::REST };
        assert!(near(Rigid::from_pose(&quarter, [0.0; 3]).apply([1.0, 0.0, 0.0]), [0.0, 1.0, 0.0]));
    }

    #[test]
    fn the_way_back_leads_home() {
        let there = Rigid::from_pose(&POSE, CENTER);
        let home = there.inverse().after(&there);
        assert!(near(home.apply([7.0, 8.0, 9.0]), [7.0, 8.0, 9.0]));
        assert!(home.displacement(CENTER) < 1e-9);
    }

    #[test]
    fn displacement_of_a_shift_is_its_length_and_of_one_degree_is_known() {
        let shift = Pose { translation_mm: [3.0, 4.0, 0.0], rotation_deg: [0.0; 3] };
        assert!((Rigid::from_pose(&shift, CENTER).displacement(CENTER) - 5.0).abs() < 1e-12);
        // tr(AᵀA) = 4 (1 - cos 1°) = 6.0922e-4; √(6400/5 · 6.0922e-4) = 0.88307 mm
        let degree = Pose { rotation_deg: [1.0, 0.0, 0.0], ..Pose::REST };
        assert!((Rigid::from_pose(&degree, CENTER).displacement(CENTER) - 0.883_07).abs() < 1e-4);
    }

    #[test]
    fn a_small_step_is_the_pose_it_names() {
        let step = [0.1, 0.2, -0.1, 0.0, 0.0, 0.02];
        let pose = Rigid::IDENTITY.stepped(&step, CENTER).pose(CENTER);
        assert!(near(pose.translation_mm, [0.1, 0.2, -0.1]));
        assert!((pose.rotation_deg[2] - 0.02_f64.to_degrees()).abs() < 1e-12);
    }

    #[test]
    fn a_matrix_with_a_scale_is_not_rigid() {
        assert!(Rigid::from_affine(&Affine::diagonal([1.0, 1.01, 1.0], [0.0; 3])).is_none());
        assert!(Rigid::from_affine(&Affine::diagonal([-1.0, 1.0, 1.0], [0.0; 3])).is_none());
        let there = Rigid::from_pose(&POSE, CENTER);
        assert_eq!(Rigid::from_affine(&there.affine()), Some(there));
    }
}
