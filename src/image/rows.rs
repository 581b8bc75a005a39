//! Where the stored rows of a grid stand in memory.

use super::grid::Grid;

/// The stored rows of one frame: lines of voxels along the stored x axis, numbered `y + z · ny` in stored order.
pub(super) struct Rows {
    /// Voxels of a row.
    pub length: usize,
    /// Number of rows.
    pub count: usize,
    per_slice: usize,
    offset: usize,
    steps: [isize; 3],
}

/// Where the voxels of one stored row stand in memory.
#[derive(Clone, Copy)]
pub(super) struct Place {
    /// Index of the first voxel.
    pub first: usize,
    /// From one voxel to the next.
    pub step: isize,
}

impl Place {
    /// Index of voxel `x` of the row.
    pub fn at(self, x: usize) -> usize {
        self.first.wrapping_add_signed(self.step * x as isize)
    }

    /// Fills a row from the values that stand here.
    pub fn each<T: Copy, U>(self, values: &[T], row: &mut [U], from: impl Fn(T) -> U) {
        if self.step == 1 {
            for (stored, &value) in row.iter_mut().zip(&values[self.first..]) {
                *stored = from(value);
            }
        } else {
            self.each_index(row, |index| from(values[index]));
        }
    }

    /// Fills a row from the indices of its voxels.
    pub fn each_index<U>(self, row: &mut [U], from: impl Fn(usize) -> U) {
        for (x, stored) in row.iter_mut().enumerate() {
            *stored = from(self.at(x));
        }
    }
}

impl Rows {
    pub fn of(grid: &Grid) -> Self {
        let [length, ny, nz] = grid.stored_shape();
        let (offset, steps) = grid.memory_steps();
        Self { length, count: ny * nz, per_slice: ny, offset, steps }
    }

    pub fn place(&self, row: usize) -> Place {
        let (y, z) = ((row % self.per_slice) as isize, (row / self.per_slice) as isize);
        Place { first: self.offset.wrapping_add_signed(self.steps[1] * y + self.steps[2] * z), step: self.steps[0] }
    }

    /// The voxel, in stored order, at place `x` of a row.
    pub fn voxel(&self, row: usize, x: usize) -> [usize; 3] {
        [x, row % self.per_slice, row / self.per_slice]
    }
}
