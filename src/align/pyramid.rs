//! Coarser versions of an image: box means over whole voxels, then a binomial filter.
//!
//! Voxels without a value take no part, and a coarse voxel without any is itself without one.

use crate::image::{Affine, Grid, Volume};

/// Whole voxels along each axis that one voxel of this size (mm) holds: 1 where the image is no finer.
pub(super) fn factors(grid: &Grid, size_mm: f64) -> [usize; 3] {
    let (voxel, shape) = (grid.voxel_size(), grid.shape());
    std::array::from_fn(|axis| {
        let wanted = (size_mm / voxel[axis]).round().max(1.0) as usize;
        // At least four voxels must stay along an axis, so that it still has an inside.
        wanted.min((shape[axis] / 4).max(1))
    })
}

/// The image at a coarser voxel size: means over `factors` voxels, then smoothed by [1 2 1]/4 along each axis. What
/// does not fill a coarse voxel at the far end of an axis is left out.
pub(super) fn reduced(grid: &Grid, values: &[f32], factors: [usize; 3]) -> Volume {
    let coarse = reduced_grid(grid, factors);
    let mut data = box_means(grid, values, &coarse, factors);
    for axis in 0..3 {
        smooth(&coarse, axis, &mut data);
    }
    Volume { grid: coarse, data }
}

/// Means around each voxel, over what is there: two passes of a box of this half-width, mm, along each axis.
pub(super) fn window_means(grid: &Grid, mut data: Vec<f32>, half_width_mm: f64) -> Vec<f32> {
    let size = grid.voxel_size();
    for axis in 0..3 {
        let radius = (half_width_mm / size[axis]).round().max(1.0) as usize;
        box_filter(grid, axis, radius, &mut data);
        box_filter(grid, axis, radius, &mut data);
    }
    data
}

/// Means over `2 radius + 1` voxels along an axis, over those that are there.
fn box_filter(grid: &Grid, axis: usize, radius: usize, data: &mut [f32]) {
    let length = grid.shape()[axis];
    let stride: usize = grid.shape()[..axis].iter().product();
    let (mut sums, mut counts) = (vec![0.0_f64; length + 1], vec![0.0_f64; length + 1]);
    for outer in 0..grid.len() / (stride * length) {
        for inner in 0..stride {
            let start = outer * stride * length + inner;
            for i in 0..length {
                let value = f64::from(data[start + i * stride]);
                let finite = value.is_finite();
                sums[i + 1] = sums[i] + if finite { value } else { 0.0 };
                counts[i + 1] = counts[i] + if finite { 1.0 } else { 0.0 };
            }
            for i in 0..length {
                let (low, high) = (i.saturating_sub(radius), (i + radius + 1).min(length));
                data[start + i * stride] = ((sums[high] - sums[low]) / (counts[high] - counts[low])) as f32;
            }
        }
    }
}

/// A voxel of the coarse grid stands in the middle of the voxels that it holds.
fn reduced_grid(grid: &Grid, factors: [usize; 3]) -> Grid {
    let mut affine = grid.affine().0;
    for row in &mut affine {
        for axis in 0..3 {
            row[3] += row[axis] * (factors[axis] as f64 - 1.0) / 2.0;
        }
        for axis in 0..3 {
            row[axis] *= factors[axis] as f64;
        }
    }
    let shape = std::array::from_fn(|axis| grid.shape()[axis] / factors[axis]);
    // The axes keep their directions, so the coarse grid is canonical as it stands.
    Grid::from_stored(shape, Affine(affine)).unwrap_or(*grid)
}

fn box_means(grid: &Grid, values: &[f32], coarse: &Grid, [fx, fy, fz]: [usize; 3]) -> Vec<f32> {
    let [nx, ny, nz] = coarse.shape();
    let [fine_x, fine_y, _] = grid.shape();
    let mut data = Vec::with_capacity(coarse.len());
    let (mut sums, mut counts) = (vec![0.0_f32; nx], vec![0.0_f32; nx]);
    for z in 0..nz {
        for y in 0..ny {
            sums.fill(0.0);
            counts.fill(0.0);
            for dz in 0..fz {
                for dy in 0..fy {
                    let start = fine_x * (y * fy + dy + fine_y * (z * fz + dz));
                    let row = &values[start..start + nx * fx];
                    for ((sum, count), voxels) in sums.iter_mut().zip(&mut counts).zip(row.chunks_exact(fx)) {
                        for &value in voxels {
                            let finite = value.is_finite();
                            *sum += if finite { value } else { 0.0 };
                            *count += if finite { 1.0 } else { 0.0 };
                        }
                    }
                }
            }
            data.extend(sums.iter().zip(&counts).map(|(sum, count)| sum / count));
        }
    }
    data
}

/// [1 2 1]/4 along one axis; at the ends, and beside voxels without a value, over what is there.
fn smooth(grid: &Grid, axis: usize, data: &mut [f32]) {
    let shape = grid.shape();
    let length = shape[axis];
    if length < 3 {
        return;
    }
    let stride: usize = shape[..axis].iter().product();
    let mut line = vec![0.0; length];
    for outer in 0..grid.len() / (stride * length) {
        for inner in 0..stride {
            let start = outer * stride * length + inner;
            for (i, value) in line.iter_mut().enumerate() {
                *value = data[start + i * stride];
            }
            for i in 0..length {
                if line[i].is_nan() {
                    continue;
                }
                let (mut sum, mut weight) = (2.0 * line[i], 2.0);
                for neighbor in [i.checked_sub(1), (i + 1 < length).then_some(i + 1)].into_iter().flatten() {
                    if !line[neighbor].is_nan() {
                        sum += line[neighbor];
                        weight += 1.0;
                    }
                }
                data[start + i * stride] = sum / weight;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ramp_stays_a_ramp_in_scanner_coordinates() {
        let grid = Grid::from_stored([16, 16, 8], Affine::diagonal([2.0, 2.0, 4.0], [-10.0, 5.0, 3.0])).unwrap();
        let data: Vec<f32> = (0..grid.len()).map(|i| grid.position(grid.voxel(i))[0] as f32).collect();
        assert_eq!(factors(&grid, 4.0), [2, 2, 1]);
        let coarse = reduced(&grid, &data, [2, 2, 1]);
        assert_eq!(coarse.grid.shape(), [8, 8, 8]);
        assert_eq!(coarse.grid.voxel_size(), [4.0; 3]);
        let at = [3, 4, 5];
        let found = f64::from(coarse.data[coarse.grid.index(at)]);
        assert!((found - coarse.grid.position(at)[0]).abs() < 1e-5, "{found}");
    }

    #[test]
    fn voxels_without_a_value_take_no_part() {
        let grid = Grid::from_stored([8, 4, 4], Affine::diagonal([1.0; 3], [0.0; 3])).unwrap();
        let mut data = vec![3.0; grid.len()];
        data[0] = f32::NAN;
        for y in 0..4 {
            for z in 0..4 {
                data[grid.index([6, y, z])] = f32::NAN;
                data[grid.index([7, y, z])] = f32::NAN;
            }
        }
        let coarse = reduced(&grid, &data, [2, 1, 1]);
        assert_eq!(coarse.data[0], 3.0);
        assert!(coarse.data[3].is_nan() && coarse.data[2] == 3.0);
    }
}
