//! The frames of a series brought back to the place of the baseline, by cubic convolution.
//!
//! METHOD: Keys (IEEE Trans. Acoust. 1981;29:1153), a = -1/2, along each axis: it keeps quadratics and blurs less than
//! linear interpolation, whose blur would follow the motion and look like a signal change at every edge. Beyond the
//! outermost voxels' space nothing is known: such samples are NaN, and their voxels are excluded and counted.

use super::error::AlignError;
use super::rigid::Rigid;
use crate::image::{Affine, Grid, Mask, Samples, Series, in_order};

/// What alignment cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lost {
    /// Voxels of the mask that some frame does not show.
    pub voxels: usize,
    /// Voxels of the mask.
    pub of: usize,
}

/// The voxels of `mask` from a series that covers its whole grid, each frame looked up where `pulls` says.
pub fn resample_series(series: &Series, mask: &Mask, pulls: &[Rigid]) -> Result<(Series, Lost), AlignError> {
    let grid = series.mask.grid;
    if series.voxels != grid.len() || mask.grid.same_space(&grid).is_err() || pulls.len() != series.frames {
        let problem = "expected a series over its whole grid, a mask on that grid and a transform for each frame";
        return Err(AlignError::Series { problem: problem.to_owned() });
    }
    let voxels: Vec<usize> = mask.indices().collect();
    let to_voxels = grid
        .affine()
        .inverse()
        .ok_or_else(|| AlignError::Series { problem: "expected a grid that spans space".to_owned() })?;
    let frames = in_order(series.frames, |frame| {
        let values = series.frame(frame);
        let to_source = to_voxels.after(&pulls[frame].affine()).after(grid.affine());
        voxels.iter().map(|&index| cubic(&grid, &values, &to_source, index)).collect::<Vec<f32>>()
    });
    let mut data = Vec::with_capacity(voxels.len() * series.frames);
    let mut seen = vec![true; voxels.len()];
    for frame in frames {
        for (seen, value) in seen.iter_mut().zip(&frame) {
            *seen &= value.is_finite();
        }
        data.extend(frame);
    }
    let lost = Lost { voxels: seen.iter().filter(|&&seen| !seen).count(), of: voxels.len() };
    let mask = Mask { grid, data: mask.data.clone() };
    Ok((Series { mask, frames: series.frames, voxels: voxels.len(), samples: Samples::Float32(data) }, lost))
}

/// The value where a voxel has gone; NaN outside the grid. At the rim the outermost value stands for what lies beyond.
fn cubic(grid: &Grid, values: &[f32], to_source: &Affine, index: usize) -> f32 {
    /// Two positions closer than this are one, in voxels.
    const SAME_POSITION: f64 = 1e-6;
    let shape = grid.shape();
    let place = to_source.apply(grid.voxel(index).map(|i| i as f64));
    let mut taps = [[0_usize; 4]; 3];
    let mut weights = [[0.0_f32; 4]; 3];
    for axis in 0..3 {
        let last = (shape[axis] - 1) as f64;
        if !(place[axis] >= -0.5 - SAME_POSITION && place[axis] <= last + 0.5 + SAME_POSITION) {
            return f32::NAN;
        }
        let at = place[axis].clamp(0.0, last);
        let floor = at.floor();
        weights[axis] = keys(at - floor).map(|weight| weight as f32);
        for (tap, offset) in taps[axis].iter_mut().zip([-1.0, 0.0, 1.0, 2.0]) {
            *tap = (floor + offset).clamp(0.0, last) as usize;
        }
    }
    let mut sum = 0.0;
    for (z, &wz) in taps[2].iter().zip(&weights[2]) {
        for (y, &wy) in taps[1].iter().zip(&weights[1]) {
            let row = shape[0] * (y + shape[1] * z);
            let along: f32 = taps[0].iter().zip(&weights[0]).map(|(x, wx)| wx * values[row + x]).sum();
            sum += wz * wy * along;
        }
    }
    sum
}

/// Weights of the four neighbors at a fraction of a voxel behind the second.
fn keys(t: f64) -> [f64; 4] {
    let (t2, t3) = (t * t, t * t * t);
    [-0.5 * t3 + t2 - 0.5 * t, 1.5 * t3 - 2.5 * t2 + 1.0, -1.5 * t3 + 2.0 * t2 + 0.5 * t, 0.5 * t3 - 0.5 * t2]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::align::Pose;

    fn series(value: impl Fn([f64; 3]) -> f64) -> Series {
        let grid = Grid::from_stored([12, 12, 10], Affine::diagonal([2.0, 2.0, 3.0], [0.0; 3])).unwrap();
        let data = (0..grid.len()).map(|i| value(grid.position(grid.voxel(i))) as f32).collect();
        Series { mask: Mask::filled(grid, true), frames: 1, voxels: grid.len(), samples: Samples::Float32(data) }
    }

    #[test]
    fn a_quadratic_is_shifted_exactly_inside() {
        let value = |[x, y, z]: [f64; 3]| 5.0 + x * x - 2.0 * x * y + 0.5 * z * z;
        let series = series(value);
        let pull = Rigid::from_pose(&Pose { translation_mm: [0.7, -0.4, 1.1], rotation_deg: [0.0; 3] }, [0.0; 3]);
        let (out, lost) = resample_series(&series, &series.mask, &[pull]).unwrap();
        let grid = series.mask.grid;
        for index in 0..grid.len() {
            let voxel = grid.voxel(index);
            if (0..3).all(|k| voxel[k] >= 2 && voxel[k] + 3 < grid.shape()[k]) {
                let expected = value(pull.apply(grid.position(voxel)));
                let found = f64::from(out.frame(0)[index]);
                assert!((found - expected).abs() < 1e-3, "{found} {expected}");
            }
        }
        assert_eq!(lost, Lost { voxels: 0, of: grid.len() });
    }

    #[test]
    fn what_leaves_the_field_is_not_estimated_and_counted() {
        let series = series(|_| 7.0);
        let pull = Rigid::from_pose(&Pose { translation_mm: [0.0, 0.0, 3.0], rotation_deg: [0.0; 3] }, [0.0; 3]);
        let (out, lost) = resample_series(&series, &series.mask, &[pull]).unwrap();
        assert_eq!(lost.voxels, 144);
        assert_eq!(out.frame(0).iter().filter(|value| value.is_nan()).count(), 144);
        assert!(out.frame(0).iter().filter(|value| value.is_finite()).all(|value| (value - 7.0).abs() < 1e-5));
    }

    #[test]
    fn at_rest_every_sample_keeps_its_value() {
        let series = series(|[x, y, z]| 100.0 + x + 3.3 * y - z * z);
        let (out, _) = resample_series(&series, &series.mask, &[Rigid::IDENTITY]).unwrap();
        let different = out.frame(0).iter().zip(series.frame(0)).filter(|(a, b)| (*a - b).abs() > 1e-3).count();
        assert_eq!(different, 0);
    }
}
