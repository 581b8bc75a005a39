//! The PET image of a head: uptake per tissue, the scanner's resolution, noise with the texture of a reconstruction.

use super::head::{Anatomy, Tissue};
use super::noise::{NormalStream, mix};
use super::scanner::Realism;
use crate::image::{Grid, Volume};

/// Full width at half maximum of the point spread function, mm: a clinical scanner with its usual post-filter.
pub const RESOLUTION: f64 = 5.5;
/// FWHM over standard deviation of a Gaussian: 2√(2 ln 2).
const FWHM_PER_SD: f64 = 2.354_820_045_030_949_3;
/// Points along each edge of a voxel at which the anatomy is asked.
const POINTS: usize = 2;
/// Points beyond the image on every side, from which the point spread function still reaches in.
const MARGIN: usize = 6;
/// Standard deviation of the noise at a point where the uptake is 1, before the point spread function smooths it to
/// about a tenth.
const POINT_NOISE: f64 = 0.20;

/// Uptake of normal tissue relative to white matter. Gray matter takes up half as much again, as methionine does;
/// the numbers are chosen, and the truth table is computed from them.
fn uptake(tissue: Tissue, lesions: &[LesionUptake]) -> f64 {
    match tissue {
        Tissue::Air => 0.0,
        Tissue::Scalp => 0.5,
        Tissue::Bone => 0.2,
        Tissue::Marrow => 0.8,
        Tissue::Dura => 1.0,
        Tissue::Csf => 0.4,
        Tissue::GrayMatter => 1.5,
        Tissue::WhiteMatter | Tissue::Edema | Tissue::Artery => 1.0,
        Tissue::Enhancing(lesion) => lesions[lesion].enhancing,
        Tissue::Core(lesion) => lesions[lesion].core,
    }
}

/// Uptake of a lesion relative to white matter.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LesionUptake {
    /// The enhancing part.
    pub enhancing: f64,
    /// The core.
    pub core: f64,
}

/// Mean uptake of the healthy brain 8-28 mm below the surface, in the hemisphere opposite to a point and within 12 mm
/// of its height: the truth behind the background of a tumor-to-background ratio. Relative to white matter.
///
/// METHOD: the shell is that of the automatic crescent (METHODS.md 2), fluid included, before the point spread function.
pub(super) fn true_background(anatomy: &dyn Anatomy, opposite_to: [f64; 3]) -> Option<f64> {
    let (_, right) = anatomy.brain_depth(opposite_to)?;
    let middle = anatomy.middle();
    let (mut sum, mut count) = (0.0, 0_u32);
    for index in 0..13 * 101 * 101 {
        let [i, j, k] = [index % 101, index / 101 % 101, index / (101 * 101)].map(|i| f64::from(i) * 2.0);
        let at = [middle[0] + i - 100.0, middle[1] + j - 100.0, opposite_to[2] + k - 12.0];
        let Some((depth, side)) = anatomy.brain_depth(at) else { continue };
        let tissue = anatomy.tissue(at);
        let lesion = matches!(tissue, Tissue::Enhancing(_) | Tissue::Core(_));
        if side != right && (8.0..=28.0).contains(&depth) && !lesion {
            sum += uptake(tissue, &[]);
            count += 1;
        }
    }
    (count > 0).then(|| sum / f64::from(count))
}

/// The image on a grid, relative to white matter.
pub(super) fn pet_image(
    anatomy: &dyn Anatomy,
    lesions: &[LesionUptake],
    grid: Grid,
    image_seed: u64,
    realism: Realism,
) -> Volume {
    let fine_shape = grid.shape().map(|n| n * POINTS + 2 * MARGIN);
    let to_coarse = |point: usize| (point as f64 - MARGIN as f64 + 0.5) / POINTS as f64 - 0.5;
    let [nx, ny, nz] = fine_shape;
    let mut fine = Vec::with_capacity(nx * ny * nz);
    for index in 0..nx * ny * nz {
        let voxel = [index % nx, index / nx % ny, index / (nx * ny)].map(to_coarse);
        let clean = uptake(anatomy.tissue(grid.affine().apply(voxel)), lesions);
        let noise = if realism == Realism::Scanned && clean > 0.0 {
            clean.sqrt() * POINT_NOISE * NormalStream::new(mix(image_seed), index).next()
        } else {
            0.0
        };
        fine.push(clean + noise);
    }
    for axis in 0..3 {
        let sd = RESOLUTION / FWHM_PER_SD / (grid.voxel_size()[axis] / POINTS as f64);
        fine = smoothed(&fine, fine_shape, axis, sd);
    }
    let mut volume = Volume::filled(grid, 0.0);
    for index in 0..grid.len() {
        let [x, y, z] = grid.voxel(index).map(|i| i * POINTS + MARGIN);
        let mean = (0..POINTS.pow(3))
            .map(|point| {
                let [a, b, c] = [point % POINTS, point / POINTS % POINTS, point / POINTS.pow(2)];
                fine[x + a + nx * (y + b + ny * (z + c))]
            })
            .sum::<f64>()
            / POINTS.pow(3) as f64;
        volume.data[index] = mean.max(0.0) as f32;
    }
    volume
}

/// Convolution with a Gaussian along one axis, cut at four standard deviations; zero outside.
fn smoothed(values: &[f64], shape: [usize; 3], axis: usize, sd: f64) -> Vec<f64> {
    let reach = (4.0 * sd).ceil() as isize;
    let weights: Vec<f64> = (-reach..=reach).map(|k| (-0.5 * (k as f64 / sd).powi(2)).exp()).collect();
    let total: f64 = weights.iter().sum();
    let stride = shape[..axis].iter().product::<usize>();
    let length = shape[axis] as isize;
    (0..values.len())
        .map(|index| {
            let at = (index / stride % shape[axis]) as isize;
            let sum: f64 = (-reach..=reach)
                .zip(&weights)
                .filter(|(k, _)| (0..length).contains(&(at + k)))
                .map(|(k, weight)| weight * values[index.wrapping_add_signed(k * stride as isize)])
                .sum();
            sum / total
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn smoothing_keeps_the_sum_and_has_the_stated_width() {
        let shape = [81, 3, 3];
        let mut values = vec![0.0; 81 * 9];
        let middle = 40 + 81 * (1 + 3);
        values[middle] = 1.0;
        let sd = 3.0;
        let out = smoothed(&values, shape, 0, sd);
        assert!((out.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        let half = out[middle] / 2.0;
        let width = out.iter().filter(|value| **value > half).count();
        assert_eq!(width, 7, "FWHM 2.355·3 = 7.06 points");
        let second_moment: f64 = (0..81).map(|x| out[x + 81 * 4] * (x as f64 - 40.0).powi(2)).sum();
        // Cut at 4 SD, the variance is 9·(1 - 2·4φ(4)/erf) = 8.99.
        assert!((second_moment - 9.0).abs() < 0.02, "{second_moment}");
    }
}
