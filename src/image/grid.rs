//! Grid and affine: where voxels stand in scanner coordinates (NIfTI-1 standard, RAS+ millimeters).

use serde::{Deserialize, Serialize};

use crate::units::Milliliters;

/// A 3x4 matrix from voxel indices to RAS+ millimeters.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Affine(pub [[f64; 4]; 3]);

impl Affine {
    /// Voxel edges along the axes with the given sizes, first voxel at `origin`.
    pub fn diagonal(size: [f64; 3], origin: [f64; 3]) -> Self {
        let mut matrix = [[0.0; 4]; 3];
        for axis in 0..3 {
            matrix[axis][axis] = size[axis];
            matrix[axis][3] = origin[axis];
        }
        Self(matrix)
    }

    /// The image of a point.
    pub fn apply(&self, point: [f64; 3]) -> [f64; 3] {
        std::array::from_fn(|row| {
            let m = &self.0[row];
            m[0] * point[0] + m[1] * point[1] + m[2] * point[2] + m[3]
        })
    }

    /// `self` after `inner`: the map that applies `inner` first.
    pub fn after(&self, inner: &Self) -> Self {
        let mut out = [[0.0; 4]; 3];
        for row in 0..3 {
            for column in 0..4 {
                out[row][column] = (0..3).map(|k| self.0[row][k] * inner.0[k][column]).sum::<f64>()
                    + if column == 3 { self.0[row][3] } else { 0.0 };
            }
        }
        Self(out)
    }

    /// Determinant of the linear part.
    pub fn determinant(&self) -> f64 {
        let m = &self.0;
        m[0][0] * (m[1][1] * m[2][2] - m[1][2] * m[2][1]) - m[0][1] * (m[1][0] * m[2][2] - m[1][2] * m[2][0])
            + m[0][2] * (m[1][0] * m[2][1] - m[1][1] * m[2][0])
    }

    /// The inverse map; `None` where the matrix is singular or not finite.
    pub fn inverse(&self) -> Option<Self> {
        let m = &self.0;
        let determinant = self.determinant();
        if !(determinant.is_finite() && determinant != 0.0) {
            return None;
        }
        let cofactor = |r0: usize, c0: usize, r1: usize, c1: usize| m[r0][c0] * m[r1][c1] - m[r0][c1] * m[r1][c0];
        let linear = [
            [cofactor(1, 1, 2, 2), -cofactor(0, 1, 2, 2), cofactor(0, 1, 1, 2)],
            [-cofactor(1, 0, 2, 2), cofactor(0, 0, 2, 2), -cofactor(0, 0, 1, 2)],
            [cofactor(1, 0, 2, 1), -cofactor(0, 0, 2, 1), cofactor(0, 0, 1, 1)],
        ];
        let mut out = [[0.0; 4]; 3];
        for row in 0..3 {
            for column in 0..3 {
                out[row][column] = linear[row][column] / determinant;
            }
            out[row][3] = -(0..3).map(|k| out[row][k] * m[k][3]).sum::<f64>();
        }
        Some(Self(out))
    }

    /// Edge length of a voxel along each axis, mm.
    pub fn voxel_size(&self) -> [f64; 3] {
        std::array::from_fn(|column| (0..3).map(|row| self.0[row][column].powi(2)).sum::<f64>().sqrt())
    }
}

/// How a file stores a canonical grid: memory axis `i` is stored axis `axis[i]`, running backwards where `flipped[i]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Storage {
    /// Stored axis behind each memory axis.
    pub axis: [usize; 3],
    /// Whether that stored axis runs against the memory axis.
    pub flipped: [bool; 3],
}

impl Storage {
    /// Stored as kept in memory.
    pub const CANONICAL: Self = Self { axis: [0, 1, 2], flipped: [false; 3] };
}

/// A grid that cannot place voxels in space.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum GridError {
    /// An axis without voxels.
    #[error("dimensions are {found:?}: expected at least 1 voxel along each axis")]
    EmptyAxis {
        /// The shape that was given.
        found: [usize; 3],
    },
    /// Axes that do not span space, or a matrix that is not finite.
    #[error("the affine is singular or not finite: {found:?}")]
    Singular {
        /// The matrix that was given.
        found: [[f64; 4]; 3],
    },
}

/// Why two images do not share a grid.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum SpaceDifference {
    /// Different numbers of voxels.
    #[error("expected {expected:?} voxels, found {found:?}")]
    Shape {
        /// The reference's shape.
        expected: [usize; 3],
        /// The other's.
        found: [usize; 3],
    },
    /// Same numbers, another place.
    #[error("voxels are up to {millimeters:.2} mm apart in scanner coordinates")]
    Place {
        /// Largest distance between corresponding corner voxels.
        millimeters: f64,
    },
}

/// A canonical grid of voxels in scanner space, and how its file stores it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Grid {
    shape: [usize; 3],
    affine: Affine,
    storage: Storage,
}

impl Grid {
    /// Largest distance of corresponding voxels that still counts as the same grid, in fractions of a voxel.
    const SAME_SPACE_TOLERANCE: f64 = 0.05;

    /// Canonicalizes a stored shape and affine: axes are permuted and flipped to run closest to RAS+.
    pub fn from_stored(stored_shape: [usize; 3], stored_affine: Affine) -> Result<Self, GridError> {
        if stored_shape.contains(&0) {
            return Err(GridError::EmptyAxis { found: stored_shape });
        }
        let finite = stored_affine.0.iter().flatten().all(|value| value.is_finite());
        let size = stored_affine.voxel_size();
        let volume = stored_affine.determinant().abs();
        let spans_space = volume > 1e-6 * size[0] * size[1] * size[2];
        if !finite || !spans_space {
            return Err(GridError::Singular { found: stored_affine.0 });
        }
        let storage = closest_canonical(&stored_affine);
        let shape = std::array::from_fn(|i| stored_shape[storage.axis[i]]);
        let mut affine = [[0.0; 4]; 3];
        for row in 0..3 {
            affine[row][3] = stored_affine.0[row][3];
            for i in 0..3 {
                let step = stored_affine.0[row][storage.axis[i]];
                // Adding zero turns -0 into 0, which would otherwise show in a table.
                affine[row][i] = if storage.flipped[i] { -step } else { step } + 0.0;
                if storage.flipped[i] {
                    affine[row][3] += step * (shape[i] - 1) as f64;
                }
            }
        }
        Ok(Self { shape, affine: Affine(affine), storage })
    }

    /// Voxels along each canonical axis.
    pub fn shape(&self) -> [usize; 3] {
        self.shape
    }

    /// From canonical voxel indices to RAS+ millimeters.
    pub fn affine(&self) -> &Affine {
        &self.affine
    }

    /// How the file stores the grid.
    pub fn storage(&self) -> Storage {
        self.storage
    }

    /// Shape in the stored order.
    pub fn stored_shape(&self) -> [usize; 3] {
        let mut shape = [0; 3];
        for i in 0..3 {
            shape[self.storage.axis[i]] = self.shape[i];
        }
        shape
    }

    /// From stored voxel indices to RAS+ millimeters.
    pub fn stored_affine(&self) -> Affine {
        let mut stored = [[0.0; 4]; 3];
        for row in 0..3 {
            stored[row][3] = self.affine.0[row][3];
            for i in 0..3 {
                let step = self.affine.0[row][i];
                stored[row][self.storage.axis[i]] = if self.storage.flipped[i] { -step } else { step };
                if self.storage.flipped[i] {
                    stored[row][3] += step * (self.shape[i] - 1) as f64;
                }
            }
        }
        Affine(stored)
    }

    /// Where the canonical voxel (x, y, z) stands in stored order: `offset + x·step[0] + y·step[1] + z·step[2]`.
    pub fn stored_steps(&self) -> (usize, [isize; 3]) {
        let stored_shape = self.stored_shape();
        let stride = [1, stored_shape[0], stored_shape[0] * stored_shape[1]];
        let mut offset = 0;
        let steps = std::array::from_fn(|i| {
            let stride = stride[self.storage.axis[i]];
            if self.storage.flipped[i] {
                offset += stride * (self.shape[i] - 1);
                -(stride as isize)
            } else {
                stride as isize
            }
        });
        (offset, steps)
    }

    /// The way back from [`stored_steps`](Self::stored_steps): where the stored voxel (x, y, z) stands in memory,
    /// `offset + x·step[0] + y·step[1] + z·step[2]`.
    pub fn memory_steps(&self) -> (usize, [isize; 3]) {
        let stride = [1, self.shape[0], self.shape[0] * self.shape[1]];
        let mut offset = 0;
        let mut steps = [0; 3];
        for i in 0..3 {
            steps[self.storage.axis[i]] = if self.storage.flipped[i] {
                offset += stride[i] * (self.shape[i] - 1);
                -(stride[i] as isize)
            } else {
                stride[i] as isize
            };
        }
        (offset, steps)
    }

    /// Number of voxels.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Never: a grid holds at least one voxel.
    pub fn is_empty(&self) -> bool {
        false
    }

    /// Linear index of a voxel, first axis fastest.
    pub fn index(&self, [x, y, z]: [usize; 3]) -> usize {
        x + self.shape[0] * (y + self.shape[1] * z)
    }

    /// Voxel of a linear index.
    pub fn voxel(&self, index: usize) -> [usize; 3] {
        let [nx, ny, _] = self.shape;
        [index % nx, index / nx % ny, index / (nx * ny)]
    }

    /// Scanner coordinates (RAS+ mm) of a voxel's centre.
    pub fn position(&self, voxel: [usize; 3]) -> [f64; 3] {
        self.affine.apply(voxel.map(|i| i as f64))
    }

    /// Edge lengths of a voxel, mm.
    pub fn voxel_size(&self) -> [f64; 3] {
        self.affine.voxel_size()
    }

    /// Volume of one voxel.
    pub fn voxel_volume(&self) -> Milliliters {
        Milliliters::from_cubic_millimeters(self.affine.determinant().abs())
    }

    /// Whether two grids place the same voxels at the same positions (storage may differ).
    pub fn same_space(&self, other: &Self) -> Result<(), SpaceDifference> {
        if self.shape != other.shape {
            return Err(SpaceDifference::Shape { expected: self.shape, found: other.shape });
        }
        let mut millimeters = 0.0_f64;
        for corner in 0..8 {
            let voxel = std::array::from_fn(|axis| if corner >> axis & 1 == 1 { self.shape[axis] - 1 } else { 0 });
            let (a, b) = (self.position(voxel), other.position(voxel));
            let distance = (0..3).map(|k| (a[k] - b[k]).powi(2)).sum::<f64>().sqrt();
            millimeters = millimeters.max(distance);
        }
        let size = self.voxel_size();
        let tolerance = Self::SAME_SPACE_TOLERANCE * size[0].min(size[1]).min(size[2]);
        if millimeters > tolerance { Err(SpaceDifference::Place { millimeters }) } else { Ok(()) }
    }
}

/// The assignment of stored axes to right, anterior and superior that keeps the largest total of direction cosines.
fn closest_canonical(affine: &Affine) -> Storage {
    const PERMUTATIONS: [[usize; 3]; 6] = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
    let size = affine.voxel_size();
    let cosine = |row: usize, column: usize| affine.0[row][column] / size[column];
    let total = |axis: &[usize; 3]| (0..3).map(|row| cosine(row, axis[row]).abs()).sum::<f64>();
    let mut axis = PERMUTATIONS[0];
    for candidate in PERMUTATIONS {
        if total(&candidate) > total(&axis) + 1e-9 {
            axis = candidate;
        }
    }
    Storage { axis, flipped: std::array::from_fn(|row| cosine(row, axis[row]) < 0.0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A stored LPS grid with axes permuted to (z, x, y).
    fn permuted() -> Grid {
        let affine = Affine([[0.0, -2.0, 0.0, 10.0], [0.0, 0.0, -3.0, 20.0], [5.0, 0.0, 0.0, -7.0]]);
        Grid::from_stored([4, 6, 8], affine).unwrap()
    }

    #[test]
    fn canonical_axes_run_right_anterior_superior() {
        let grid = permuted();
        assert_eq!(grid.shape(), [6, 8, 4]);
        assert_eq!(grid.voxel_size(), [2.0, 3.0, 5.0]);
        for axis in 0..3 {
            assert!(grid.affine().0[axis][axis] > 0.0);
        }
    }

    #[test]
    fn storage_round_trips() {
        let grid = permuted();
        let again = Grid::from_stored(grid.stored_shape(), grid.stored_affine()).unwrap();
        assert_eq!(again, grid);
        let (offset, steps) = grid.stored_steps();
        let stored_affine = grid.stored_affine();
        for voxel in [[0, 0, 0], [5, 7, 3], [1, 2, 3]] {
            let stored = offset as isize + (0..3).map(|i| voxel[i] as isize * steps[i]).sum::<isize>();
            let [sx, sy, _] = grid.stored_shape();
            let stored = stored as usize;
            let at = [stored % sx, stored / sx % sy, stored / (sx * sy)];
            let (a, b) = (grid.position(voxel), stored_affine.apply(at.map(|i| i as f64)));
            assert!((0..3).all(|k| (a[k] - b[k]).abs() < 1e-12), "{a:?} {b:?}");
        }
    }

    #[test]
    fn inverse_undoes_the_affine() {
        let affine = Affine([[1.9, 0.1, 0.0, -90.0], [-0.1, 1.8, 0.3, -126.0], [0.0, -0.2, 3.1, -72.0]]);
        let identity = affine.inverse().unwrap().after(&affine);
        for row in 0..3 {
            for column in 0..4 {
                let expected = f64::from(u8::from(row == column));
                assert!((identity.0[row][column] - expected).abs() < 1e-12);
            }
        }
    }

    #[test]
    fn a_singular_affine_is_an_error() {
        let flat = Affine([[1.0, 0.0, 1.0, 0.0], [0.0, 1.0, 1.0, 0.0], [0.0, 0.0, 0.0, 0.0]]);
        assert!(matches!(Grid::from_stored([2, 2, 2], flat), Err(GridError::Singular { .. })));
    }

    #[test]
    fn a_shift_of_a_voxel_is_another_space() {
        let grid = |origin| Grid::from_stored([4, 4, 4], Affine::diagonal([2.0; 3], [origin, 0.0, 0.0])).unwrap();
        assert!(grid(0.0).same_space(&grid(0.01)).is_ok());
        assert_eq!(grid(0.0).same_space(&grid(2.0)), Err(SpaceDifference::Place { millimeters: 2.0 }));
    }
}
