//! Brain mask of an image that has none: Otsu threshold, largest component, holes filled.
//!
//! Otsu N. A threshold selection method from gray-level histograms. IEEE Trans Syst Man Cybern 1979;9:62.

use super::components::{largest_component, with_holes_filled, with_slice_holes_filled};
use super::error::RegionError;
use crate::image::{Mask, Volume};

/// Bins of the histogram.
const BINS: usize = 256;

/// Values above this share of the voxels are read as this share's value.
///
/// METHOD: Otsu splits where the variance between two classes is largest, so a few very bright voxels (a vein, fat, a
/// lesion of four times the uptake of brain) could become a class of their own. Two percent of a head scan's field of
/// view is about 0.1 L, more than such structures fill and much less than a brain.
const CAP: f64 = 0.98;

/// The brain of a mean baseline image: brighter than Otsu's threshold, largest 26-component, holes filled.
///
/// METHOD: good enough to bound a perfusion analysis of fat-suppressed EPI. It does not strip a skull: where scalp is
/// bright, as on T1 or in a PET image, use [`head_mask`]. An image without contrast between head and air is an error.
pub fn brain_mask(image: &Volume) -> Result<Mask, RegionError> {
    Ok(with_holes_filled(largest_bright(image)?))
}

/// The head in a T1 or PET image: as [`brain_mask`], and the holes of each axial slice filled as well, because skull
/// and cavities are dark and open towards the neck.
///
/// METHOD: it serves to find the midline and, as [`super::Outline::Head`], the approximate depth below the brain's
/// surface. It includes scalp, face and neck.
pub fn head_mask(image: &Volume) -> Result<Mask, RegionError> {
    Ok(with_slice_holes_filled(with_holes_filled(largest_bright(image)?)))
}

fn largest_bright(image: &Volume) -> Result<Mask, RegionError> {
    let threshold = otsu_threshold(&image.data)?;
    let bright = Mask { grid: image.grid, data: image.data.iter().map(|&value| value > threshold).collect() };
    largest_component(&bright)
        .ok_or_else(|| RegionError::NothingFound { reason: format!("no voxel is brighter than {threshold}") })
}

/// Otsu's threshold of the finite values: foreground is what lies above it.
pub fn otsu_threshold(values: &[f32]) -> Result<f32, RegionError> {
    let mut finite: Vec<f32> = values.iter().copied().filter(|value| value.is_finite()).collect();
    if finite.is_empty() {
        return Err(RegionError::NothingFound { reason: "the image holds no finite value".to_owned() });
    }
    let low = finite.iter().copied().fold(f32::INFINITY, f32::min);
    let rank = ((finite.len() - 1) as f64 * CAP) as usize;
    let high = *finite.select_nth_unstable_by(rank, f32::total_cmp).1;
    if low >= high {
        return Err(RegionError::NothingFound { reason: format!("at least 98 % of the voxels hold the value {low}") });
    }
    let (low, width) = (f64::from(low), (f64::from(high) - f64::from(low)) / BINS as f64);
    let mut histogram = [0_u64; BINS];
    for &value in &finite {
        histogram[(((f64::from(value) - low) / width) as usize).min(BINS - 1)] += 1;
    }
    let (first, last) = best_splits(&histogram);
    // Between two separate classes every split is equally good: the middle of the gap is the fair one.
    Ok((low + width * (1.0 + (first + last) as f64 / 2.0)) as f32)
}

/// The first and the last bin after which the variance between the two classes is largest.
fn best_splits(histogram: &[u64; BINS]) -> (usize, usize) {
    let total: f64 = histogram.iter().map(|&count| count as f64).sum();
    let total_moment: f64 = histogram.iter().enumerate().map(|(bin, &count)| bin as f64 * count as f64).sum();
    let (mut below, mut moment) = (0.0, 0.0);
    let (mut best, mut first, mut last) = (-1.0, 0, 0);
    for (bin, &count) in histogram.iter().enumerate().take(BINS - 1) {
        below += count as f64;
        moment += bin as f64 * count as f64;
        let above = total - below;
        if below == 0.0 || above == 0.0 {
            continue;
        }
        let difference = moment / below - (total_moment - moment) / above;
        let between = below * above * difference * difference;
        if between > best {
            (best, first, last) = (between, bin, bin);
        } else if between == best {
            last = bin;
        }
    }
    (first, last)
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};
    use rand_pcg::Pcg64Mcg;

    use super::super::fixtures::{centered_grid, in_ellipsoid, mask_where};
    use super::*;

    #[test]
    fn a_head_with_a_dark_ventricle_and_a_bright_spot_is_one_brain() {
        let grid = centered_grid([48, 56, 24], [4.0, 4.0, 6.0]);
        let radii = [68.0, 84.0, 55.0];
        let mut random = Pcg64Mcg::seed_from_u64(3);
        let mut noise = move || (0..4).map(|_| random.random_range(-5.0..5.0)).sum::<f64>();
        let mut image = Volume::filled(grid, 0.0);
        for index in 0..grid.len() {
            let p = grid.position(grid.voxel(index));
            let signal = if in_ellipsoid(p, [12.0, 20.0, 12.0]) {
                20.0
            } else if in_ellipsoid(p, radii) || (p[0] > 85.0 && p[1] > 100.0) {
                300.0
            } else {
                10.0
            };
            image.data[index] = (signal + noise()) as f32;
        }
        image.data[grid.index([24, 40, 12])] = 20_000.0;
        image.data[0] = f32::NAN;
        let found = brain_mask(&image).unwrap();
        assert_eq!(found, mask_where(grid, |p| in_ellipsoid(p, radii)));
    }

    #[test]
    fn the_threshold_of_two_values_lies_in_the_middle() {
        let values: Vec<f32> = (0..100).map(|i| if i < 70 { 10.0 } else { 50.0 }).collect();
        let threshold = otsu_threshold(&values).unwrap();
        assert!((threshold - 30.0).abs() < 0.2, "{threshold}");
    }

    #[test]
    fn a_dark_canal_through_the_slab_is_head_and_not_brain() {
        let grid = centered_grid([30, 30, 6], [4.0; 3]);
        let column = |p: [f64; 3], radius: f64| p[0].hypot(p[1]) <= radius;
        let data = (0..grid.len()).map(|index| grid.position(grid.voxel(index)));
        let signal = |p| if column(p, 40.0) && !column(p, 10.0) { 100.0 } else { 5.0 };
        let image = Volume { grid, data: data.map(signal).collect() };
        let (head, ring) = (head_mask(&image).unwrap(), brain_mask(&image).unwrap());
        assert_eq!(head, mask_where(grid, |p| column(p, 40.0)));
        assert_eq!(ring, mask_where(grid, |p| column(p, 40.0) && !column(p, 10.0)));
    }

    #[test]
    fn a_constant_image_is_an_error_that_names_the_flag() {
        let grid = centered_grid([5, 5, 5], [1.0; 3]);
        for value in [7.0, f32::NAN] {
            let error = brain_mask(&Volume::filled(grid, value)).unwrap_err().to_string();
            assert!(error.contains("--mask"), "{error}");
        }
    }
}
